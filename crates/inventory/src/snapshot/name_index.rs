//! Objects of a version by their names: what the rules of [`ObjectName`] look up here.

use std::sync::Arc;

use vpoller_vsphere::MoRef;

use super::table::{Object, Table};
use super::version::{Snapshot, is_of};
use crate::border::property::FAULT_TOLERANCE_ROLE;
use crate::border::{Index, Kind, ObjectName, Property, PropertyState, ReadError};

impl Snapshot {
    /// The objects that a name means, the preferred one first.
    ///
    /// # Errors
    /// When there is none, and an object of the type does not tell what decides; when there are several, and what would prefer one of
    /// them may not be read.
    pub(crate) fn find(&self, kind: Kind, wanted: &ObjectName) -> Result<Vec<MoRef>, ReadError> {
        let found = wanted.resolve(kind, &KindIndex { snapshot: self, kind })?;
        if !found.is_empty() {
            return Ok(found);
        }
        let table = self.table(kind.wire()).into_iter();
        wanted.unless_hidden(kind, found, table.flat_map(Table::refused))
    }
}

/// The objects of one kind in a version.
struct KindIndex<'s> {
    snapshot: &'s Snapshot,
    kind: Kind,
}

impl KindIndex<'_> {
    fn of_kind<'o>(&self, objects: impl Iterator<Item = &'o Arc<Object>>) -> Vec<MoRef> {
        objects.map(|object| &object.reference).filter(|reference| is_of(self.kind, &reference.kind)).cloned().collect()
    }
}

impl Index for KindIndex<'_> {
    fn by_id(&self, id: &str) -> Vec<MoRef> {
        let object = self.snapshot.table(self.kind.wire()).and_then(|table| table.get(id)).map(|(_, object)| object);
        self.of_kind(object.into_iter().filter(|object| object.viewed))
    }

    fn role(&self, object: &MoRef) -> Property<'_> {
        let table = self.snapshot.table(self.kind.wire());
        let role = table.and_then(|table| {
            let column = table.layout.find(FAULT_TOLERANCE_ROLE)?;
            Some(match table.get(&object.id)?.1.state(column) {
                PropertyState::Set(role) => Property::Set(role),
                PropertyState::Refused(refusal) => Property::Refused(refusal),
                PropertyState::Unset => Property::Unset,
                PropertyState::Unknown => Property::Unknown,
            })
        });
        role.unwrap_or(Property::Unknown)
    }

    fn by_text(&self, path: &str, text: &str) -> Vec<MoRef> {
        self.of_kind(self.snapshot.table(self.kind.wire()).into_iter().flat_map(|table| table.by_text(path, text)))
    }
}
