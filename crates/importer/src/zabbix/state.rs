//! What Zabbix has, as far as a run needs to know.

use std::collections::HashSet;

/// Something with an id and a name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Named {
    /// Zabbix's id.
    pub id: String,
    /// Its name; for a template the visible one.
    pub name: String,
}

/// A tag of a host.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Tag {
    /// Its name.
    pub tag: String,
    /// Its value.
    pub value: String,
}

/// A macro of a host.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Macro {
    /// Zabbix's id.
    pub id: String,
    /// Full name, `{$NAME}`.
    pub name: String,
    /// The value; none where Zabbix keeps it secret, or in a vault.
    pub value: Option<String>,
}

/// Who polls a host.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PolledBy {
    /// The server.
    Server,
    /// The proxy of this id.
    Proxy(String),
    /// The proxy group of this id.
    Group(String),
}

/// Who is to poll a host.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PollBy {
    /// This proxy.
    Proxy(Named),
    /// This proxy group.
    Group(Named),
}

/// A host.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Host {
    /// Zabbix's id.
    pub id: String,
    /// Technical name.
    pub technical: String,
    /// Visible name.
    pub visible: String,
    /// Whether it is disabled.
    pub disabled: bool,
    /// Whether a discovery rule made it: nobody else may change it then.
    pub discovered: bool,
    /// Who polls it.
    pub polled_by: PolledBy,
    /// Its groups.
    pub groups: Vec<Named>,
    /// The templates it is linked to.
    pub templates: Vec<Named>,
    /// Its own tags.
    pub tags: Vec<Tag>,
    /// Its own macros.
    pub macros: Vec<Macro>,
}

impl Host {
    /// The value of a tag.
    pub fn tag(&self, name: &str) -> Option<&str> {
        self.tags.iter().find(|tag| tag.tag == name).map(|tag| tag.value.as_str())
    }

    /// A macro by its full name.
    pub fn macro_named(&self, name: &str) -> Option<&Macro> {
        self.macros.iter().find(|one| one.name == name)
    }

    /// The value of a macro, unless it is secret.
    pub fn macro_value(&self, name: &str) -> Option<&str> {
        self.macro_named(name)?.value.as_deref()
    }
}

/// A template.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Template {
    /// Zabbix's id.
    pub id: String,
    /// Technical name.
    pub technical: String,
    /// Visible name.
    pub visible: String,
}

/// What Zabbix has.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// Hosts with the vCenter's tag, and those that hold a name or a macro that may concern us.
    pub hosts: Vec<Host>,
    /// Host groups whose names resemble those that are wanted.
    pub groups: Vec<Named>,
    /// Templates that the configuration names.
    pub templates: Vec<Template>,
    /// Proxies that the configuration names.
    pub proxies: Vec<Named>,
    /// Proxy groups that the configuration names.
    pub proxy_groups: Vec<Named>,
    /// Names that a host cannot have because a template has them.
    pub template_names: HashSet<String>,
}
