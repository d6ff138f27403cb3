//! One version of the inventory: what vSphere's objects were like at one moment.
//!
//! A version never changes once it is published. The next one is a copy, which costs next to nothing, changed where vSphere
//! reported changes; both share the rest.

use std::collections::BTreeMap;
use std::sync::Arc;

use imbl::{HashMap, OrdSet};
use vpoller_vsphere::{MoRef, VIEW_TYPES, Value};

use super::base::{self, RELATIONS};
use super::path_key::PathKey;
use super::table::{Object, ObjectNumber, Table};
use crate::border::{Kind, ObjectView, PropertyState, Refusal, Version};

/// One version.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    tables: BTreeMap<Arc<str>, Arc<Table>>,
    /// For each of [`RELATIONS`]: the objects that refer to an object, by that object's id.
    referring: Vec<HashMap<Arc<str>, OrdSet<ObjectNumber>>>,
    /// For each of [`RELATIONS`]: how many objects do not tell what they refer to, so that no list of it is whole.
    silent: Vec<usize>,
}

impl Default for Snapshot {
    fn default() -> Self {
        let tables = VIEW_TYPES.into_iter().map(|family| (family.into(), Arc::new(Table::new(family)))).collect();
        Self { tables, referring: RELATIONS.iter().map(|_| HashMap::new()).collect(), silent: vec![0; RELATIONS.len()] }
    }
}

impl Snapshot {
    /// A version without objects, with the columns of the base set and of these paths.
    pub(crate) fn emptied_to(&self, watched: &[PathKey]) -> Self {
        let mut emptied = self.emptied();
        let learned = |(family, table): (&str, &Table)| {
            let learned = table.layout.columns().filter(|(_, column)| !column.base);
            learned.map(|(_, column)| PathKey::new(family, &column.path)).collect::<Vec<_>>()
        };
        let learned: Vec<PathKey> = self.tables().flat_map(learned).collect();
        emptied.unwatch(&learned, watched);
        emptied
    }

    /// A version without objects, with the same columns.
    pub(crate) fn emptied(&self) -> Self {
        let table = |(family, table): (&Arc<str>, &Arc<Table>)| {
            (Arc::clone(family), Arc::new(Table::with(family, Arc::clone(&table.layout))))
        };
        Self { tables: self.tables.iter().map(table).collect(), ..Self::default() }
    }

    /// The table of a type's family.
    pub(crate) fn table(&self, kind: &str) -> Option<&Table> {
        self.tables.get(base::family(kind)).map(|table| &**table)
    }

    /// The table of a type's family, to change it.
    pub(crate) fn table_mut(&mut self, kind: &str) -> Option<&mut Table> {
        self.tables.get_mut(base::family(kind)).map(Arc::make_mut)
    }

    /// Has a table for the type's family.
    pub(crate) fn ensure_table(&mut self, kind: &str) {
        let family = base::family(kind);
        if !self.tables.contains_key(family) {
            self.tables.insert(family.into(), Arc::new(Table::new(family)));
        }
    }

    /// Every family with its table.
    pub(crate) fn tables(&self) -> impl Iterator<Item = (&str, &Table)> {
        self.tables.iter().map(|(family, table)| (&**family, &**table))
    }

    /// An object, if it exists.
    pub(crate) fn object(&self, reference: &MoRef) -> Option<&Arc<Object>> {
        self.table(&reference.kind)?.get(&reference.id).map(|(_, object)| object).filter(|object| object.exists())
    }

    /// The objects of a type, subtypes included.
    pub(crate) fn objects(&self, kind: Kind) -> impl Iterator<Item = &Arc<Object>> {
        let of_kind = move |object: &&Arc<Object>| is_of(kind, &object.reference.kind);
        self.table(kind.wire()).into_iter().flat_map(Table::objects).filter(of_kind)
    }

    /// What cannot be read, and why: the properties of an object follow each other.
    pub(crate) fn refused(&self) -> impl Iterator<Item = (&MoRef, &Arc<str>, &Refusal)> {
        self.tables.values().flat_map(|table| table.refused())
    }

    /// The objects in a list of an object's, if it is one that is known from the other side, and known of all objects there.
    pub(crate) fn referring(&self, object: &MoRef, via: &str) -> Option<Vec<MoRef>> {
        let place = base::relation(base::family(&object.kind), via)?;
        let (relation, by_id) = (RELATIONS.get(place)?, self.referring.get(place)?);
        if self.silent.get(place).is_some_and(|silent| *silent > 0) {
            return None;
        }
        // Where the account may not read what every object of the type has, it may not read the list either.
        if self.object(object).is_some_and(|own| self.is_refused_in_part(own)) {
            return None;
        }
        let table = self.table(relation.from)?;
        let numbers = by_id.get(&object.id).into_iter().flatten();
        let objects = numbers.filter_map(|number| table.numbered(*number)).filter(|object| object.viewed);
        Some(objects.map(|object| object.reference.clone()).collect())
    }

    /// Whether something of an object that is always watched may not be read.
    fn is_refused_in_part(&self, object: &Object) -> bool {
        let Some(table) = self.table(&object.reference.kind) else { return false };
        let mut base = table.layout.columns().filter(|(_, column)| column.base);
        base.any(|(number, _)| matches!(object.state(number), PropertyState::Refused(_)))
    }

    /// Makes columns for paths that are watched from now on, of which nothing is known yet.
    pub(crate) fn watch(&mut self, kinds: &[(Arc<str>, Vec<Arc<str>>)], now: u32) {
        for (kind, paths) in kinds {
            self.ensure_table(kind);
            let Some(table) = self.table_mut(kind) else { continue };
            let layout = Arc::make_mut(&mut table.layout);
            for path in paths {
                layout.add(path, false, now);
            }
        }
    }

    /// Forgets the columns of paths, except where another type of the family still needs one.
    pub(crate) fn unwatch(&mut self, keys: &[PathKey], kept: &[PathKey]) {
        for PathKey { kind, path } in keys {
            let family = base::family(kind);
            let needed = kept.iter().any(|other| other.path == *path && base::family(&other.kind) == family);
            if let Some(table) = self.table_mut(kind).filter(|_| !needed)
                && let Some(column) = table.layout.find(path)
            {
                table.drop_column(column);
            }
        }
    }

    /// How many learned values there are, and the bytes they take.
    pub(crate) fn learned(&self) -> (usize, usize) {
        let tables = self.tables.values().map(|table| table.learned());
        tables.fold((0, 0), |(values, bytes), (more, weight)| (values + more, bytes + weight))
    }

    /// Puts an object in the place of its former state.
    pub(crate) fn put(&mut self, object: Object) {
        let kind = Arc::clone(&object.reference.kind);
        self.ensure_table(&kind);
        let Some(table) = self.table_mut(&kind) else { return };
        let put = table.put(object);
        self.exchange(&kind, put.number, put.before.as_deref(), Some(&put.after));
    }

    /// Takes an object out; one that is not there is none of ours.
    pub(crate) fn remove(&mut self, reference: &MoRef) {
        // Looked up first, so that a table is not copied for nothing.
        if self.table(&reference.kind).is_none_or(|table| table.get(&reference.id).is_none()) {
            return;
        }
        if let Some((number, object)) = self.table_mut(&reference.kind).and_then(|table| table.remove(&reference.id)) {
            self.exchange(&reference.kind, number, Some(&object), None);
        }
    }

    /// Keeps the lists that are known from the other side.
    fn exchange(&mut self, kind: &str, number: ObjectNumber, before: Option<&Object>, after: Option<&Object>) {
        let family = base::family(kind);
        for (place, relation) in RELATIONS.iter().enumerate().filter(|(_, relation)| relation.from == family) {
            let Some(column) = self.table(family).and_then(|table| table.layout.find(relation.by)) else { continue };
            let (Some(by_id), Some(silent)) = (self.referring.get_mut(place), self.silent.get_mut(place)) else { continue };
            let is_silent = |object: &Object| matches!(object.state(column), PropertyState::Refused(_));
            let more = *silent + usize::from(after.is_some_and(is_silent));
            *silent = more.saturating_sub(usize::from(before.is_some_and(is_silent)));
            let value = |object: Option<&'_ Object>| object.and_then(|object| object.value(column)).cloned();
            let (before, after) = (value(before), value(after));
            if before == after {
                continue;
            }
            before.iter().flat_map(references).for_each(|target| strike(by_id, &target.id, number));
            for target in after.iter().flat_map(references) {
                by_id.entry(Arc::clone(&target.id)).or_default().insert(number);
            }
        }
    }
}

impl Version for Snapshot {
    fn objects(&self, kind: Kind) -> Box<dyn Iterator<Item = ObjectView<'_>> + '_> {
        Box::new(Self::objects(self, kind).map(|object| object.view()))
    }

    fn column<'p>(&self, kind: Kind, path: &'p str) -> Option<(usize, &'p str)> {
        self.table(kind.wire())?.layout.containing(kind.wire(), path)
    }
}

/// Takes a number out of the set of an id, and the set when nothing is left in it.
fn strike(by_id: &mut HashMap<Arc<str>, OrdSet<ObjectNumber>>, id: &str, number: ObjectNumber) {
    let Some(numbers) = by_id.get_mut(id) else { return };
    numbers.remove(&number);
    if numbers.is_empty() {
        by_id.remove(id);
    }
}

/// Whether an object of a type in the kind's family is of the kind.
pub(super) fn is_of(kind: Kind, wire: &str) -> bool {
    kind.base().is_none() || wire == kind.wire()
}

/// The references that a value is or lists.
fn references(value: &Value) -> impl Iterator<Item = &MoRef> {
    let (one, several) = match value {
        Value::Ref(reference) => (Some(&**reference), &[][..]),
        Value::List(items) => (None, items.as_slice()),
        _ => (None, &[][..]),
    };
    one.into_iter().chain(several.iter().filter_map(Value::as_moref))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::border::{Property, View};

    const VM: Kind = Kind::VirtualMachine;
    const MANY: usize = 10_000;

    /// A version with this many virtual machines that are on.
    fn version(machines: usize) -> Snapshot {
        let mut version = Snapshot::default();
        let columns = ["name", "runtime.powerState"].map(|path| version.column(VM, path).expect("it is always watched").0);
        for number in 0..machines {
            let mut object = Object::new(MoRef::new("VirtualMachine", format!("vm-{number}")));
            object.entered = true;
            object.viewed = true;
            for (column, text) in columns.into_iter().zip([format!("machine {number}"), "poweredOn".to_owned()]) {
                object.set(column, PropertyState::Set(Value::string(text)));
            }
            version.put(object);
        }
        version
    }

    /// Where the values of a path are in memory.
    fn addresses(view: &View, path: &str) -> Vec<*const Value> {
        let column = view.column(VM, path).expect("a column");
        let values = view.objects(VM).filter_map(|object| match object.get(column) {
            Property::Set(value) => Some(std::ptr::from_ref(value)),
            Property::Unset | Property::Refused(_) | Property::Unknown => None,
        });
        values.collect()
    }

    #[test]
    fn ten_thousand_objects_are_read_where_they_are() {
        let first = Arc::new(version(MANY));
        let view = View::new(Arc::<Snapshot>::clone(&first), Instant::now());
        let before = addresses(&view, "name");
        assert_eq!(before.len(), MANY);
        assert_eq!(before, addresses(&view.clone(), "name"), "no reading copies anything");
        // One machine changes: the next version shares all the others.
        let mut second = Snapshot::clone(&first);
        let changed = MoRef::new("VirtualMachine", "vm-7");
        let mut object = Object::clone(second.object(&changed).expect("a machine"));
        object.set(second.column(VM, "name").expect("a column").0, PropertyState::Set(Value::string("renamed")));
        second.put(object);
        let later = addresses(&View::new(Arc::new(second), Instant::now()), "name");
        assert_eq!(before.iter().zip(&later).filter(|(before, later)| before != later).count(), 1);
        assert_eq!(before, addresses(&view, "name"), "the first version is what it was");
    }

    #[test]
    fn subtypes_are_in_a_view_of_their_type_and_what_is_not_watched_has_no_column() {
        let mut version = version(1);
        for (kind, id) in [("ComputeResource", "domain-s1"), ("ClusterComputeResource", "domain-c1")] {
            let mut object = Object::new(MoRef::new(kind, id));
            object.entered = true;
            object.viewed = true;
            version.put(object);
        }
        let view = View::new(Arc::new(version), Instant::now());
        let ids = |kind| view.objects(kind).map(|object| object.reference().id.to_string()).collect::<Vec<_>>();
        assert_eq!(ids(Kind::ComputeResource), ["domain-s1", "domain-c1"]);
        assert_eq!(ids(Kind::ClusterComputeResource), ["domain-c1"]);
        assert!(view.column(VM, "guest.net").is_none());
        let name = view.column(Kind::ComputeResource, "name").expect("a column");
        assert!(view.objects(Kind::ComputeResource).all(|object| object.get(name) == Property::Unknown));
    }
}
