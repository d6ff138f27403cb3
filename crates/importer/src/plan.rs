//! The changes that a run makes, as a value: `--dry-run` prints it, a run executes it.

use std::fmt;

use vpoller_wire::text::{Controls, one_line};

use crate::config::{Adopt, MacroValue};
use crate::kind::Kind;
use crate::labels::{HOST_MACRO, NAME_MACRO};
use crate::message::Message;
use crate::zabbix::state::{IdName, Tag, WantedPoller};

/// All changes of a run, in order.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Plan {
    /// One for each type, in the order of a run.
    pub kind_plans: Vec<KindPlan>,
    /// Hosts whose object is gone.
    pub orphans: Vec<OrphanHost>,
    /// Why hosts of a type are not deleted.
    pub refusals: Vec<(Kind, Message)>,
    /// Messages about hosts that carry the vCenter's macro but were not made by this program.
    pub strangers: Vec<Message>,
}

/// The changes for the objects of one type.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct KindPlan {
    pub kind: Kind,
    /// Whether the configuration wants anything of this type.
    pub active: bool,
    pub messages: Vec<Message>,
    pub groups: Vec<NewGroup>,
    /// Come before the new hosts: a renamed host may free a name.
    pub updates: Vec<HostUpdate>,
    pub new_hosts: Vec<NewHost>,
}

/// A host group to create.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct NewGroup {
    pub name: String,
    /// Whether it stands for a cluster.
    pub cluster: bool,
}

/// A host group that exists, or that the plan creates.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct GroupRef {
    /// Zabbix's id, if the group exists.
    pub id: Option<String>,
    pub name: String,
}

/// A host to create.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct NewHost {
    /// The type of its object.
    pub kind: Kind,
    pub technical: String,
    pub visible: String,
    pub groups: Vec<GroupRef>,
    pub templates: Vec<IdName>,
    /// Name and value of each macro.
    pub macros: Vec<(String, MacroValue)>,
    pub tags: Vec<Tag>,
    /// The proxy or proxy group that polls it; without, the server.
    pub poll_by: Option<WantedPoller>,
    /// Whether it starts disabled.
    pub disabled: bool,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Change<T> {
    pub from: T,
    pub to: T,
}

/// A macro to set.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct SetMacro {
    /// Zabbix's id, if the host has it already.
    pub id: Option<String>,
    /// Full name, `{$NAME}`.
    pub name: String,
    pub value: MacroValue,
}

/// A host to change.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct HostUpdate {
    /// The type of its object.
    pub kind: Kind,
    pub id: String,
    /// Visible name before the change, for messages.
    pub host: String,
    /// Set when a host of another maker is taken over now.
    pub adopted: Option<Adopt>,
    pub technical: Option<Change<String>>,
    pub visible: Option<Change<String>>,
    /// All groups, if they change.
    pub groups: Option<Change<Vec<GroupRef>>>,
    /// All templates, if they change.
    pub templates: Option<Change<Vec<IdName>>>,
    /// All tags, if they change.
    pub tags: Option<Change<Vec<Tag>>>,
    pub macros: Vec<SetMacro>,
    pub poll_by: Option<WantedPoller>,
    /// Set when the host is to be disabled or enabled.
    pub disabled: Option<bool>,
}

/// A host whose object is gone.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct OrphanHost {
    /// The type of its object.
    pub kind: Kind,
    pub id: String,
    pub host: String,
    pub disposition: Disposition,
}

/// What happens to a host whose object is gone.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Disposition {
    Delete,
    /// It stays: deleting was not asked for, or too many would be deleted.
    Stay,
    /// It stays although deleting was asked for, for the reason in the message.
    Protected(Message),
}

impl Plan {
    /// Whether there is no change.
    pub(crate) fn is_empty(&self) -> bool {
        self.kind_plans.iter().all(KindPlan::is_empty) && self.deletions().next().is_none()
    }

    pub(crate) fn deletions(&self) -> impl Iterator<Item = &OrphanHost> {
        self.orphans.iter().filter(|orphan| orphan.disposition == Disposition::Delete)
    }

    /// Number of changes in all.
    pub(crate) fn len(&self) -> usize {
        self.kind_plans
            .iter()
            .map(|kind_plan| kind_plan.groups.len() + kind_plan.updates.len() + kind_plan.new_hosts.len())
            .sum::<usize>()
            + self.deletions().count()
    }
}

impl KindPlan {
    /// Without any change.
    pub(crate) fn new(kind: Kind, active: bool) -> Self {
        Self { kind, active, messages: Vec::new(), groups: Vec::new(), updates: Vec::new(), new_hosts: Vec::new() }
    }

    /// Whether there is no change.
    pub(crate) fn is_empty(&self) -> bool {
        self.groups.is_empty() && self.updates.is_empty() && self.new_hosts.is_empty()
    }

    /// Number of new hosts and of new groups that stand for clusters.
    pub(crate) fn imports(&self) -> usize {
        self.new_hosts.len() + self.groups.iter().filter(|group| group.cluster).count()
    }
}

impl HostUpdate {
    pub(crate) fn is_empty(&self) -> bool {
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

impl HostUpdate {
    /// What changes, as text for the log and for `--dry-run`.
    pub(crate) fn changes(&self) -> String {
        let mut changes = Vec::new();
        changes.extend(self.adopted.map(|adopt| match adopt {
            Adopt::Keep => "is taken over and never deleted".to_owned(),
            Adopt::Own => "is taken over and may be deleted later".to_owned(),
        }));
        for (what, change) in [("name", &self.visible), ("technical name", &self.technical)] {
            changes.extend(change.as_ref().map(|Change { from, to }| format!("{what} {} becomes {}", quoted(from), quoted(to))));
        }
        let differences = [
            ("groups", self.groups.as_ref().map(|change| change.difference(|group| group.name.clone()))),
            ("templates", self.templates.as_ref().map(|change| change.difference(|template| template.name.clone()))),
            ("tags", self.tags.as_ref().map(|change| change.difference(Tag::to_string))),
        ];
        changes.extend(differences.into_iter().filter_map(|(what, difference)| Some(format!("{what} {}", difference?))));
        if !self.macros.is_empty() {
            changes.push(format!("macros {}", list(self.macros.iter().map(|one| shown(&one.name, &one.value)))));
        }
        changes.extend(self.poll_by.as_ref().map(WantedPoller::to_string));
        changes.extend(self.disabled.map(|disabled| if disabled { "is disabled" } else { "is enabled" }.to_owned()));
        changes.iter().map(|change| format!("; {change}")).collect()
    }
}

impl<T> Change<Vec<T>> {
    /// What is added (`+`) and removed (`-`).
    fn difference(&self, text: impl Fn(&T) -> String) -> String {
        let [from, to] = [&self.from, &self.to].map(|list| list.iter().map(&text).collect::<Vec<_>>());
        let added = to.iter().filter(|name| !from.contains(name)).map(|name| format!("+{}", quoted(name)));
        let removed = from.iter().filter(|name| !to.contains(name)).map(|name| format!("-{}", quoted(name)));
        added.chain(removed).collect::<Vec<_>>().join(" ")
    }
}

/// One line for each change: `+` is created, `~` changed, `-` deleted.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return writeln!(f, "nothing to do");
        }
        for kind_plan in &self.kind_plans {
            for group in &kind_plan.groups {
                writeln!(f, "+ host group {}", quoted(&group.name))?;
            }
            for update in &kind_plan.updates {
                writeln!(f, "{update}")?;
            }
            for new_host in &kind_plan.new_hosts {
                writeln!(f, "{new_host}")?;
            }
        }
        for orphan in self.deletions() {
            writeln!(f, "- {} {} (hostid {})", orphan.kind.type_name(), quoted(&orphan.host), orphan.id)?;
        }
        let count = |of: fn(&KindPlan) -> usize| self.kind_plans.iter().map(of).sum::<usize>();
        let groups = count(|kind_plan| kind_plan.groups.len());
        let new_hosts = count(|kind_plan| kind_plan.new_hosts.len());
        let updates = count(|kind_plan| kind_plan.updates.len());
        let deletions = self.deletions().count();
        writeln!(f, "{groups} host group(s) and {new_hosts} host(s) to create, {updates} to change, {deletions} to delete")
    }
}

impl fmt::Display for NewHost {
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

impl fmt::Display for HostUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "~ {} {} (hostid {}){}", self.kind.type_name(), quoted(&self.host), self.id, self.changes())
    }
}

impl fmt::Display for WantedPoller {
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

/// A name in quotes, its control characters escaped so that a line of the log stays one line.
pub(crate) fn quoted(name: &str) -> String {
    format!("'{}'", one_line(name, Controls::Escaped))
}

/// A macro as text. Values of macros of the configuration may be passwords and are not shown.
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
