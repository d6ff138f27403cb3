//! From one version to the next: what vSphere reported, applied.
//!
//! Tolerant of everything that may come in an unexpected order: changes of objects that are not known, objects that enter twice
//! or leave without having been there, changes of a part of what is watched.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use vpoller_vsphere::{ChangeOp, FilterUpdate, MoRef, ObjectUpdate, PropertyChange, UpdateKind, UpdateSet, Value};

use super::base;
use super::layout::Layout;
use super::table::Object;
use super::version::Snapshot;
use crate::border::{PropertyState, Refusal, Refusals, Row};

/// What a filter was made for.
#[derive(Clone, Debug)]
pub(crate) struct WatchFilter {
    /// Paths by type; they hold for subtypes too.
    pub paths: Vec<(Arc<str>, Vec<Arc<str>>)>,
    pub role: FilterRole,
}

/// What it means that a filter matches an object.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum FilterRole {
    /// It is in the view.
    View,
    /// It is one of those that are watched for themselves.
    Individual,
    /// Some more values of it are reported.
    Values,
}

/// The filters of a collector, by their managed object id.
pub(crate) type WatchFilters = HashMap<Arc<str>, WatchFilter>;

/// Paths, by object, of which only a part was reported and which have to be read again.
pub(crate) type UnclearPaths = HashMap<MoRef, HashSet<Arc<str>>>;

/// A version that is being made.
#[derive(Debug)]
pub(crate) struct Draft {
    pub snapshot: Snapshot,
    pub unclear: UnclearPaths,
    /// Filters that this worker did not make.
    pub unknown_filters: Vec<MoRef>,
    /// How many objects were reported.
    pub objects: u64,
    refusals: Refusals,
}

impl WatchFilter {
    /// Gives all values of an object that the filter reports the same state.
    fn forget(&self, layout: &Layout, object: &mut Object, state: &PropertyState) {
        let columns = self.of(&object.reference.kind).filter_map(|path| layout.find(path)).collect::<Vec<_>>();
        columns.into_iter().for_each(|column| object.set(column, state.clone()));
    }

    /// Whether it has the path of the type.
    pub(super) fn has(&self, kind: &str, path: &str) -> bool {
        self.paths.iter().any(|(watched, paths)| **watched == *kind && paths.iter().any(|watched| **watched == *path))
    }

    /// How many paths it has.
    pub(super) fn len(&self) -> usize {
        self.paths.iter().map(|(_, paths)| paths.len()).sum()
    }

    /// The paths that the filter has of objects of a type.
    pub(super) fn of<'w>(&'w self, kind: &'w str) -> impl Iterator<Item = &'w Arc<str>> {
        let family = base::family(kind);
        let of_kind = move |(watched, _): &&(Arc<str>, Vec<Arc<str>>)| **watched == *kind || **watched == *family;
        self.paths.iter().filter(of_kind).flat_map(|(_, paths)| paths)
    }
}

impl Draft {
    /// Begins with what is known, or with nothing.
    pub(super) fn new(snapshot: Snapshot) -> Self {
        Self { snapshot, unclear: HashMap::new(), unknown_filters: Vec::new(), objects: 0, refusals: Refusals::default() }
    }

    /// Applies what was reported.
    pub(super) fn apply(&mut self, watches: &WatchFilters, set: UpdateSet) {
        for FilterUpdate { filter, objects, missing } in set.filters {
            let Some(watch) = watches.get(&filter.id) else {
                self.unknown_filters.push(filter);
                continue;
            };
            missing.iter().for_each(|(object, _)| self.leave(watch, object));
            for update in objects {
                self.objects += 1;
                self.object(watch, update);
            }
        }
    }

    fn object(&mut self, watch: &WatchFilter, update: ObjectUpdate) {
        if update.kind == UpdateKind::Leave {
            return self.leave(watch, &update.obj);
        }
        self.snapshot.ensure_table(&update.obj.kind);
        let Some(table) = self.snapshot.table(&update.obj.kind) else { return };
        let layout = Arc::clone(&table.layout);
        let mut object = match table.get(&update.obj.id) {
            Some((_, known)) => Object::clone(known),
            // What was never reported in full is not known.
            None if update.kind == UpdateKind::Enter => Object::new(update.obj.clone()),
            None => return,
        };
        if update.kind == UpdateKind::Enter {
            object.entered |= watch.role == FilterRole::View;
            object.individual |= watch.role == FilterRole::Individual;
            // What is not mentioned then is unset.
            watch.forget(&layout, &mut object, &PropertyState::Unset);
        }
        for change in update.changes {
            self.change(&layout, &mut object, change);
        }
        for (path, fault) in &update.missing {
            let Some(column) = layout.find(path) else { continue };
            let refusal = Refusal::of(fault).map(|refusal| self.refusals.keep(refusal));
            object.set(column, refusal.map_or(PropertyState::Unset, PropertyState::Refused));
        }
        object.show(&layout);
        if update.kind == UpdateKind::Enter && object.is_half_made() {
            // It is read once, and shown when that brings its values.
            let base = layout.columns().filter(|(_, column)| column.base).map(|(_, column)| Arc::clone(&column.path));
            self.unclear.entry(object.reference.clone()).or_default().extend(base);
        }
        self.snapshot.put(object);
    }

    /// An object that a filter matches no more.
    fn leave(&mut self, watch: &WatchFilter, reference: &MoRef) {
        let Some(table) = self.snapshot.table(&reference.kind) else { return };
        let Some((_, known)) = table.get(&reference.id) else { return };
        let mut object = Object::clone(known);
        object.viewed &= watch.role != FilterRole::View;
        object.entered &= watch.role != FilterRole::View;
        object.individual &= watch.role != FilterRole::Individual;
        if watch.role != FilterRole::Values && !object.exists() {
            return self.snapshot.remove(reference);
        }
        watch.forget(&table.layout, &mut object, &PropertyState::Unknown);
        self.snapshot.put(object);
    }

    fn change(&mut self, layout: &Layout, object: &mut Object, change: PropertyChange) {
        let whole = match change.op {
            ChangeOp::Assign => Some(change.value.filter(|value| *value != Value::Null)),
            ChangeOp::Remove | ChangeOp::IndirectRemove => Some(None),
            ChangeOp::Add => None,
        };
        if let (Some(column), Some(value)) = (layout.find(&change.name), whole) {
            return object.set(column, value.map_or(PropertyState::Unset, PropertyState::Set));
        }
        // What contains the change, or is contained in it, is not what it was.
        for (column, touched) in layout.touched_by(&change.name) {
            object.set(column, PropertyState::Unknown);
            self.unclear.entry(object.reference.clone()).or_default().insert(Arc::clone(&touched.path));
        }
    }
}

/// Enters values that were read again, of the paths that were unclear. Says whether one that was refused is refused no more.
pub(crate) fn settle(version: &mut Snapshot, unclear: &UnclearPaths, rows: &[Row]) -> bool {
    let mut readable = false;
    for row in rows {
        let Some(paths) = unclear.get(&row.object) else { continue };
        let Some(table) = version.table(&row.object.kind) else { continue };
        let Some((_, object)) = table.get(&row.object.id) else { continue };
        let mut object = Object::clone(object);
        for path in paths {
            let Some(column) = table.layout.find(path) else { continue };
            let refused = || row.refused.iter().find(|(refused, _)| refused == path).map(|(_, why)| Arc::clone(why));
            let without = || refused().map_or(PropertyState::Unset, PropertyState::Refused);
            let slot = row.get(path).cloned().map_or_else(without, PropertyState::Set);
            readable |= matches!(object.state(column), PropertyState::Refused(_)) && !matches!(slot, PropertyState::Refused(_));
            object.set(column, slot);
        }
        object.show(&table.layout);
        version.put(object);
    }
    readable
}
