//! Rows out of a version, and what is missing in them.

use std::sync::Arc;

use vpoller_vsphere::MoRef;

use super::table::{Object, Table};
use super::version::Snapshot;
use crate::border::{PropertyState, Row, part_below};

/// Reads the same paths of many objects.
pub(crate) struct RowReader<'l, P = &'l str> {
    snapshot: &'l Snapshot,
    paths: &'l [P],
    /// The table and the type of the object that was looked at last, and where the paths stand in it.
    last: Option<KindPlaces<'l>>,
}

/// Where paths stand in the table of a type.
struct KindPlaces<'l> {
    table: &'l Table,
    kind: Arc<str>,
    places: Vec<Option<Place>>,
}

/// Where the value of a path stands.
struct Place {
    column: usize,
    /// The path, and the length of what of it the column is for, where that contains it.
    picked: Option<(Arc<str>, usize)>,
}

/// The values of one object, one place for each path.
pub(crate) enum Lookup<'l> {
    /// No such object is known.
    Nothing,
    /// Everything that was asked is known.
    Whole(Row),
    /// Values at these places are not known.
    Gaps(&'l Arc<Object>, Vec<usize>),
}

/// What memory does not know of an object, and what of it may not be known.
pub(crate) struct Gaps {
    /// Places of the paths whose values are not known.
    pub places: Vec<usize>,
    pub has_refused: bool,
}

impl<'l, P: AsRef<str>> RowReader<'l, P> {
    pub(crate) fn new(snapshot: &'l Snapshot, paths: &'l [P]) -> Self {
        Self { snapshot, paths, last: None }
    }

    /// What is known of a named object.
    pub(crate) fn at(&mut self, reference: &MoRef) -> Lookup<'l> {
        match self.snapshot.object(reference) {
            Some(object) => self.of(object),
            None => Lookup::Nothing,
        }
    }

    /// What is known of an object of the version.
    pub(crate) fn of(&mut self, object: &'l Arc<Object>) -> Lookup<'l> {
        let paths = self.paths;
        let Some((table, columns)) = self.columns(&object.reference.kind) else { return Lookup::Nothing };
        let mut row = Row::new(object.reference.clone(), Vec::with_capacity(paths.len()));
        let mut gaps = Vec::new();
        for (number, place) in columns.iter().enumerate() {
            if !enter(&mut row, table, place.as_ref(), object) {
                gaps.push(number);
            }
        }
        if gaps.is_empty() { Lookup::Whole(row) } else { Lookup::Gaps(object, gaps) }
    }

    /// What is missing of an object of the version, without making a row of it.
    pub(crate) fn gaps(&mut self, object: &Object) -> Gaps {
        let mut gaps = Gaps { places: Vec::new(), has_refused: false };
        let Some((_, columns)) = self.columns(&object.reference.kind) else {
            return Gaps { places: (0..self.paths.len()).collect(), ..gaps };
        };
        for (number, place) in columns.iter().enumerate() {
            match place.as_ref().map(|place| object.state(place.column)) {
                None | Some(PropertyState::Unknown) => gaps.places.push(number),
                Some(PropertyState::Refused(_)) => gaps.has_refused = true,
                Some(PropertyState::Set(_) | PropertyState::Unset) => {}
            }
        }
        gaps
    }

    /// The row of an object with gaps, which are filled from another row with the paths in the same order.
    pub(crate) fn filled(&mut self, object: &Object, other: &Row) -> Row {
        let paths = self.paths;
        let mut others = other.values.iter().peekable();
        let mut row = Row::new(object.reference.clone(), Vec::with_capacity(paths.len()));
        let Some((table, columns)) = self.columns(&object.reference.kind) else { return row };
        for (path, place) in paths.iter().zip(columns) {
            let path = path.as_ref();
            let next = others.next_if(|(name, _)| **name == *path);
            if !enter(&mut row, table, place.as_ref(), object) {
                row.values.extend(next.cloned());
                row.refused.extend(other.refused.iter().find(|(name, _)| **name == *path).cloned());
            }
        }
        row
    }

    /// Notes that memory answered all paths of a type.
    pub(crate) fn hit(&mut self, kind: &Arc<str>, now: u32) {
        if let Some((table, columns)) = self.columns(kind) {
            let columns = columns.iter().flatten().filter_map(|place| table.layout.column(place.column));
            columns.for_each(|column| column.hit(now));
        }
    }

    fn columns(&mut self, kind: &Arc<str>) -> Option<(&'l Table, &[Option<Place>])> {
        let table = self.snapshot.table(kind)?;
        let is_last =
            |last: &KindPlaces<'_>| std::ptr::eq(last.table, table) && (Arc::ptr_eq(&last.kind, kind) || last.kind == *kind);
        if !self.last.as_ref().is_some_and(is_last) {
            let places = self.paths.iter().map(|path| Place::of(table, kind, path.as_ref()));
            self.last = Some(KindPlaces { table, kind: Arc::clone(kind), places: places.collect() });
        }
        self.last.as_ref().map(|last| (last.table, last.places.as_slice()))
    }
}

impl Place {
    fn of(table: &Table, kind: &str, path: &str) -> Option<Self> {
        let (column, whole) = table.layout.containing(kind, path)?;
        Some(Self { column, picked: (whole.len() < path.len()).then(|| (path.into(), whole.len())) })
    }
}

/// Enters what is known of a path into a row. Says whether anything is.
fn enter(row: &mut Row, table: &Table, place: Option<&Place>, object: &Object) -> bool {
    let Some(Place { column, picked }) = place else { return false };
    let path = || match picked {
        Some((path, _)) => Some(Arc::clone(path)),
        None => table.layout.column(*column).map(|column| Arc::clone(&column.path)),
    };
    match object.state(*column) {
        PropertyState::Set(value) => {
            let part = match picked {
                Some((path, whole)) => path.get(..*whole).and_then(|whole| part_below(value, path, whole)),
                None => Some(value),
            };
            row.values.extend(part.and_then(|part| Some((path()?, part.clone()))));
        }
        PropertyState::Refused(refusal) => row.refused.extend(path().map(|path| (path, Arc::clone(refusal)))),
        PropertyState::Unset => {}
        PropertyState::Unknown => return false,
    }
    true
}
