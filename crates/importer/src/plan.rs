//! What a run does, as a value: `--dry-run` prints it, a run executes it, and both go through the same steps.

use std::fmt;

use vpoller_wire::text::{Controls, one_line};

use crate::config::{Adopt, MacroValue};
use crate::kind::Kind;
use crate::labels::{HOST_MACRO, NAME_MACRO};
use crate::note::Note;
use crate::zabbix::state::{Named, PollBy, Tag};

/// Everything that a run does, in order.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Plan {
    /// One part for each type.
    pub parts: Vec<Part>,
    /// Hosts whose object is gone.
    pub extras: Vec<Extra>,
    /// Why hosts of a type are not deleted.
    pub refusals: Vec<(Kind, Note)>,
    /// What there is to tell about hosts of others that look like ours.
    pub strangers: Vec<Note>,
}

/// What is done about the objects of one type.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Part {
    /// The type.
    pub kind: Kind,
    /// Whether the configuration wants anything of this type.
    pub active: bool,
    /// What there is to tell.
    pub notes: Vec<Note>,
    /// Groups to create.
    pub groups: Vec<NewGroup>,
    /// Hosts to change. Before the new ones: a renamed object may free a name.
    pub updates: Vec<Update>,
    /// Hosts to create.
    pub creates: Vec<Create>,
}

/// A host group to create.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NewGroup {
    /// Its name.
    pub name: String,
    /// Whether it stands for a cluster.
    pub cluster: bool,
}

/// A host group: one that is there, or by its name one that is created on the way.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GroupRef {
    /// Zabbix's id, if it has one.
    pub id: Option<String>,
    /// Its name.
    pub name: String,
}

/// A host to create.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Create {
    /// The object's type.
    pub kind: Kind,
    /// Technical name.
    pub technical: String,
    /// Visible name.
    pub visible: String,
    /// Groups.
    pub groups: Vec<GroupRef>,
    /// Templates.
    pub templates: Vec<Named>,
    /// Macros: name and value.
    pub macros: Vec<(String, MacroValue)>,
    /// Tags.
    pub tags: Vec<Tag>,
    /// Who polls it; none is the server.
    pub poll_by: Option<PollBy>,
    /// Whether it starts disabled.
    pub disabled: bool,
}

/// A value that changes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Change<T> {
    /// What is there.
    pub from: T,
    /// What is to be there.
    pub to: T,
}

/// A macro to set.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SetMacro {
    /// Zabbix's id, if the host has it already.
    pub id: Option<String>,
    /// Full name.
    pub name: String,
    /// The value to be.
    pub value: MacroValue,
}

/// A host to change.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Update {
    /// The object's type.
    pub kind: Kind,
    /// Zabbix's id.
    pub id: String,
    /// Visible name before, by which people know it.
    pub host: String,
    /// What becomes of it from now on, if somebody else made it and it is taken over now.
    pub adopted: Option<Adopt>,
    /// Technical name.
    pub technical: Option<Change<String>>,
    /// Visible name.
    pub visible: Option<Change<String>>,
    /// All groups, where they change.
    pub groups: Option<Change<Vec<GroupRef>>>,
    /// All templates, where they change.
    pub templates: Option<Change<Vec<Named>>>,
    /// All tags, where they change.
    pub tags: Option<Change<Vec<Tag>>>,
    /// Macros.
    pub macros: Vec<SetMacro>,
    /// Who polls it.
    pub poll_by: Option<PollBy>,
    /// Whether it is disabled.
    pub disabled: Option<bool>,
}

/// A host whose object is gone.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Extra {
    /// The object's type.
    pub kind: Kind,
    /// Zabbix's id.
    pub id: String,
    /// Visible name.
    pub host: String,
    /// What becomes of it.
    pub fate: Fate,
}

/// What becomes of a host whose object is gone.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Fate {
    /// It is deleted.
    Delete,
    /// It stays: nobody asked for more, or too many would be deleted.
    Stay,
    /// It stays although deleting was asked for.
    Kept(Note),
}

impl Plan {
    /// Whether nothing would be done.
    pub fn is_empty(&self) -> bool {
        self.parts.iter().all(Part::is_empty) && self.deletions().next().is_none()
    }

    /// Hosts to delete.
    pub fn deletions(&self) -> impl Iterator<Item = &Extra> {
        self.extras.iter().filter(|extra| extra.fate == Fate::Delete)
    }

    /// How many things are done in all.
    pub fn len(&self) -> usize {
        self.parts.iter().map(|part| part.groups.len() + part.updates.len() + part.creates.len()).sum::<usize>()
            + self.deletions().count()
    }
}

impl Part {
    /// A part that does nothing.
    pub fn new(kind: Kind, active: bool) -> Self {
        Self { kind, active, notes: Vec::new(), groups: Vec::new(), updates: Vec::new(), creates: Vec::new() }
    }

    /// Whether nothing would be done.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty() && self.updates.is_empty() && self.creates.is_empty()
    }

    /// How many things are to be imported: hosts, and the groups that stand for clusters.
    pub fn imports(&self) -> usize {
        self.creates.len() + self.groups.iter().filter(|group| group.cluster).count()
    }
}

impl Update {
    /// Whether it would change nothing.
    pub fn is_empty(&self) -> bool {
        self.technical.is_none()
            && self.visible.is_none()
            && self.groups.is_none()
            && self.templates.is_none()
            && self.tags.is_none()
            && self.macros.is_empty()
            && self.poll_by.is_none()
            && self.disabled.is_none()
    }
}

impl Update {
    /// What changes, for people.
    pub fn changes(&self) -> String {
        let mut parts = Vec::new();
        parts.extend(self.adopted.map(|adopt| match adopt {
            Adopt::Keep => "is taken over and never deleted".to_owned(),
            Adopt::Own => "is taken over and may be deleted later".to_owned(),
        }));
        for (what, change) in [("name", &self.visible), ("technical name", &self.technical)] {
            parts.extend(change.as_ref().map(|Change { from, to }| format!("{what} {} becomes {}", quoted(from), quoted(to))));
        }
        let differences = [
            ("groups", self.groups.as_ref().map(|change| change.difference(|group| group.name.clone()))),
            ("templates", self.templates.as_ref().map(|change| change.difference(|template| template.name.clone()))),
            ("tags", self.tags.as_ref().map(|change| change.difference(Tag::to_string))),
        ];
        parts.extend(differences.into_iter().filter_map(|(what, difference)| Some(format!("{what} {}", difference?))));
        if !self.macros.is_empty() {
            parts.push(format!("macros {}", list(self.macros.iter().map(|one| shown(&one.name, &one.value)))));
        }
        parts.extend(self.poll_by.as_ref().map(PollBy::to_string));
        parts.extend(self.disabled.map(|disabled| if disabled { "is disabled" } else { "is enabled" }.to_owned()));
        parts.iter().map(|part| format!("; {part}")).collect()
    }
}

impl<T> Change<Vec<T>> {
    /// What is added and what is taken away.
    fn difference(&self, text: impl Fn(&T) -> String) -> String {
        let [from, to] = [&self.from, &self.to].map(|list| list.iter().map(&text).collect::<Vec<_>>());
        let added = to.iter().filter(|name| !from.contains(name)).map(|name| format!("+{}", quoted(name)));
        let removed = from.iter().filter(|name| !to.contains(name)).map(|name| format!("-{}", quoted(name)));
        added.chain(removed).collect::<Vec<_>>().join(" ")
    }
}

/// One line for each thing that is done: `+` is created, `~` changed, `-` deleted.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return writeln!(f, "nothing to do");
        }
        for part in &self.parts {
            part.groups.iter().try_for_each(|group| writeln!(f, "+ host group {}", quoted(&group.name)))?;
            part.updates.iter().try_for_each(|update| writeln!(f, "{update}"))?;
            part.creates.iter().try_for_each(|create| writeln!(f, "{create}"))?;
        }
        for extra in self.deletions() {
            writeln!(f, "- {} {} (hostid {})", extra.kind.type_name(), quoted(&extra.host), extra.id)?;
        }
        let count = |of: fn(&Part) -> usize| self.parts.iter().map(of).sum::<usize>();
        let groups = count(|part| part.groups.len());
        let (creates, updates) = (count(|part| part.creates.len()), count(|part| part.updates.len()));
        let deletions = self.deletions().count();
        writeln!(f, "{groups} host group(s) and {creates} host(s) to create, {updates} to change, {deletions} to delete")
    }
}

impl fmt::Display for Create {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+ {} {}", self.kind.type_name(), quoted(&self.visible))?;
        if self.technical != self.visible {
            write!(f, " as {}", quoted(&self.technical))?;
        }
        write!(f, "; groups {}", list(self.groups.iter().map(|group| &group.name)))?;
        write!(f, "; templates {}", list(self.templates.iter().map(|template| &template.name)))?;
        write!(f, "; macros {}", list(self.macros.iter().map(|(name, value)| shown(name, value))))?;
        write!(f, "; tags {}", list(self.tags.iter().map(Tag::to_string)))?;
        if let Some(by) = &self.poll_by {
            write!(f, "; {by}")?;
        }
        if self.disabled {
            write!(f, "; disabled")?;
        }
        Ok(())
    }
}

impl fmt::Display for Update {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "~ {} {} (hostid {}){}", self.kind.type_name(), quoted(&self.host), self.id, self.changes())
    }
}

impl fmt::Display for PollBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Proxy(proxy) => write!(f, "proxy {}", quoted(&proxy.name)),
            Self::Group(group) => write!(f, "proxy group {}", quoted(&group.name)),
        }
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.tag, self.value)
    }
}

/// A name as people can tell it from the words around it; a line stays a line.
pub fn quoted(name: &str) -> String {
    format!("'{}'", one_line(name, Controls::Escaped))
}

/// A macro for people. The configuration's own may be passwords: of them the name is enough.
fn shown(name: &str, value: &MacroValue) -> String {
    match value {
        MacroValue::Plain(value) if [NAME_MACRO, HOST_MACRO].contains(&name) => format!("{name}={value}"),
        MacroValue::Plain(_) => name.to_owned(),
        MacroValue::Secret(_) => format!("{name} (secret)"),
    }
}

fn list(names: impl Iterator<Item = impl AsRef<str>>) -> String {
    names.map(|name| quoted(name.as_ref())).collect::<Vec<_>>().join(", ")
}
