//! Rows out of a version, and what is missing in them.

use std::sync::Arc;

use vpoller_vsphere::MoRef;

use super::table::{Object, Table};
use super::version::Snapshot;
use crate::border::{PropertyState, Row};

/// Reads the same paths of many objects.
pub(crate) struct RowReader<'l> {
    snapshot: &'l Snapshot,
    paths: &'l [&'l str],
    /// The table of the object that was looked at last, and where the paths stand in it.
    last: Option<(&'l Table, Vec<Option<usize>>)>,
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

impl<'l> RowReader<'l> {
    pub(crate) fn new(snapshot: &'l Snapshot, paths: &'l [&'l str]) -> Self {
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
        for (place, column) in columns.iter().enumerate() {
            if !enter(&mut row, table, *column, object) {
                gaps.push(place);
            }
        }
        if gaps.is_empty() { Lookup::Whole(row) } else { Lookup::Gaps(object, gaps) }
    }

    /// The row of an object with gaps, which are filled from another row with the paths in the same order.
    pub(crate) fn filled(&mut self, object: &Object, other: &Row) -> Row {
        let paths = self.paths;
        let mut others = other.values.iter().peekable();
        let mut row = Row::new(object.reference.clone(), Vec::with_capacity(paths.len()));
        let Some((table, columns)) = self.columns(&object.reference.kind) else { return row };
        for (path, column) in paths.iter().zip(columns) {
            let next = others.next_if(|(name, _)| **name == **path);
            if !enter(&mut row, table, *column, object) {
                row.values.extend(next.cloned());
                row.refused.extend(other.refused.iter().find(|(name, _)| **name == **path).cloned());
            }
        }
        row
    }

    /// Notes that memory answered all paths of a type.
    pub(crate) fn hit(&mut self, kind: &str, now: u32) {
        if let Some((table, columns)) = self.columns(kind) {
            columns.iter().flatten().filter_map(|number| table.layout.column(*number)).for_each(|column| column.hit(now));
        }
    }

    fn columns(&mut self, kind: &str) -> Option<(&'l Table, &[Option<usize>])> {
        let table = self.snapshot.table(kind)?;
        if self.last.as_ref().is_none_or(|(last, _)| !std::ptr::eq(*last, table)) {
            self.last = Some((table, self.paths.iter().map(|path| table.layout.find(path)).collect()));
        }
        self.last.as_ref().map(|(table, columns)| (*table, columns.as_slice()))
    }
}

/// Enters what is known of a column into a row. Says whether anything is.
fn enter(row: &mut Row, table: &Table, column: Option<usize>, object: &Object) -> bool {
    let Some(number) = column else { return false };
    let path = || table.layout.column(number).map(|column| Arc::clone(&column.path));
    match object.state(number) {
        PropertyState::Set(value) => row.values.extend(path().map(|path| (path, value.clone()))),
        PropertyState::Refused(refusal) => row.refused.extend(path().map(|path| (path, Arc::clone(refusal)))),
        PropertyState::Unset => {}
        PropertyState::Unknown => return false,
    }
    true
}
