//! An entry of the configuration, looked up in Zabbix: names have become ids.

use crate::config::{Block, Polling};
use crate::kind::Kind;
use crate::note::Note;
use crate::zabbix::state::{Named, PollBy, State};

/// What hosts of a type are given.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Templates.
    pub templates: Vec<Named>,
    /// Who polls them; none is the server.
    pub poll_by: Option<PollBy>,
}

impl Settings {
    /// Looks an entry up; the notes tell what was not found. None when nothing may be done with it.
    pub fn new(kind: Kind, block: &Block, state: &State) -> (Option<Self>, Vec<Note>) {
        let mut notes = Vec::new();
        let templates = templates(kind, block, state, &mut notes);
        if block.groups.is_empty() {
            notes.push(Note::plain_warning(format!("No groups defined for '{}' config entry", kind.block())).failing());
        }
        let poll_by = poll_by(block, state, &mut notes);
        let settings = Self { templates, poll_by };
        (notes.iter().all(|note| !note.fails).then_some(settings), notes)
    }
}

fn templates(kind: Kind, block: &Block, state: &State, notes: &mut Vec<Note>) -> Vec<Named> {
    let mut found = Vec::new();
    for wanted in &block.templates {
        let by_visible_name = state.templates.iter().find(|template| template.visible == *wanted);
        match by_visible_name.or_else(|| state.templates.iter().find(|template| template.technical == *wanted)) {
            Some(template) => found.push(Named { id: template.id.clone(), name: template.visible.clone() }),
            None => notes.push(Note::plain_warning(format!("Unable to find '{wanted}' template"))),
        }
    }
    let reason = match (block.templates.is_empty(), found.is_empty()) {
        (true, _) => Some("No templates are defined for"),
        (false, true) => Some("No valid templates found for"),
        (false, false) => None,
    };
    notes.extend(reason.map(|reason| Note::plain_warning(format!("{reason} '{}' config entry", kind.block())).failing()));
    found
}

fn poll_by(block: &Block, state: &State, notes: &mut Vec<Note>) -> Option<PollBy> {
    let (wanted, what, found) = match block.polling.as_ref()? {
        Polling::Proxy(wanted) => (wanted, "proxy", named(&state.proxies, wanted).map(PollBy::Proxy)),
        Polling::Group(wanted) => (wanted, "proxy group", named(&state.proxy_groups, wanted).map(PollBy::Group)),
    };
    if found.is_none() {
        notes.push(Note::plain_warning(format!("Unable to find Zabbix {what} '{wanted}'")).failing());
    }
    found
}

fn named(list: &[Named], name: &str) -> Option<Named> {
    list.iter().find(|one| one.name == name).cloned()
}
