//! Host groups by name: those that exist, and those that the plan creates.

use crate::plan::{GroupRef, NewGroup};
use crate::zabbix::state::IdName;

/// The groups while a plan is made.
pub(crate) struct Groups<'s> {
    existing: &'s [IdName],
    created: Vec<String>,
    fresh: Vec<NewGroup>,
}

impl<'s> Groups<'s> {
    pub(crate) fn new(existing: &'s [IdName]) -> Self {
        Self { existing, created: Vec::new(), fresh: Vec::new() }
    }

    /// The group of this name; if there is none, one whose name differs in case only; if there is none either, a new one.
    pub(crate) fn find_or_create(&mut self, name: &str, cluster: bool) -> GroupRef {
        let exact = self.existing.iter().find(|group| group.name == name);
        if let Some(group) = exact.or_else(|| self.existing.iter().find(|group| is_same_name(&group.name, name))) {
            return GroupRef { id: Some(group.id.clone()), name: group.name.clone() };
        }
        if let Some(created) = self.created.iter().find(|created| is_same_name(created, name)) {
            return GroupRef { id: None, name: created.clone() };
        }
        self.created.push(name.to_owned());
        self.fresh.push(NewGroup { name: name.to_owned(), cluster });
        GroupRef { id: None, name: name.to_owned() }
    }

    /// The groups to create, as far as they are new since the last call.
    pub(crate) fn fresh(&mut self) -> Vec<NewGroup> {
        std::mem::take(&mut self.fresh)
    }
}

/// Whether two names mean the same group: their case does not count.
pub(crate) fn is_same_name(one: &str, other: &str) -> bool {
    one == other || one.to_lowercase() == other.to_lowercase()
}

/// Adds a group to the list unless it is there.
pub(crate) fn add(list: &mut Vec<GroupRef>, group: GroupRef) {
    if !list.iter().any(|one| one.name == group.name) {
        list.push(group);
    }
}
