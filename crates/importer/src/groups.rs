//! Host groups by name: those that are there, and those that a plan creates on the way.

use crate::plan::{GroupRef, NewGroup};
use crate::zabbix::state::Named;

/// The groups of a plan in the making.
pub struct Groups<'s> {
    existing: &'s [Named],
    created: Vec<String>,
    fresh: Vec<NewGroup>,
}

impl<'s> Groups<'s> {
    /// With the groups that Zabbix has.
    pub fn new(existing: &'s [Named]) -> Self {
        Self { existing, created: Vec::new(), fresh: Vec::new() }
    }

    /// The group of a name, whatever the case of its letters if there is none in this one. Missing groups are created.
    pub fn named(&mut self, name: &str, cluster: bool) -> GroupRef {
        let exact = self.existing.iter().find(|group| group.name == name);
        if let Some(group) = exact.or_else(|| self.existing.iter().find(|group| same(&group.name, name))) {
            return GroupRef { id: Some(group.id.clone()), name: group.name.clone() };
        }
        if let Some(created) = self.created.iter().find(|created| same(created, name)) {
            return GroupRef { id: None, name: created.clone() };
        }
        self.created.push(name.to_owned());
        self.fresh.push(NewGroup { name: name.to_owned(), cluster });
        GroupRef { id: None, name: name.to_owned() }
    }

    /// The groups to create that were asked for since the last time.
    pub fn fresh(&mut self) -> Vec<NewGroup> {
        std::mem::take(&mut self.fresh)
    }
}

/// Whether two names mean the same group.
pub fn same(one: &str, other: &str) -> bool {
    one == other || one.to_lowercase() == other.to_lowercase()
}

/// Adds a group to a list that does not have it.
pub fn add(list: &mut Vec<GroupRef>, group: GroupRef) {
    if !list.iter().any(|one| one.name == group.name) {
        list.push(group);
    }
}
