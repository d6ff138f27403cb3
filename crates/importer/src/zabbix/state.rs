//! Zabbix's objects, as far as a run needs them.

use std::collections::HashSet;

/// Id and name of a group, template, proxy or proxy group.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct IdName {
    pub id: String,
    /// For a template the visible name.
    pub name: String,
}

/// A tag of a host.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Tag {
    pub tag: String,
    pub value: String,
}

/// A macro of a host.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Macro {
    pub id: String,
    /// Full name, `{$NAME}`.
    pub name: String,
    /// `None` for a secret value and for one in a vault.
    pub value: Option<String>,
}

/// What polls a host.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum CurrentPoller {
    Server,
    /// The proxy with this id.
    Proxy(String),
    /// The proxy group with this id.
    Group(String),
}

/// What is to poll a host.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum WantedPoller {
    Proxy(IdName),
    Group(IdName),
}

/// A host.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Host {
    pub id: String,
    pub technical: String,
    pub visible: String,
    pub disabled: bool,
    /// Whether a discovery rule made it: then it cannot be changed through the API.
    pub discovered: bool,
    pub polled_by: CurrentPoller,
    pub groups: Vec<IdName>,
    /// Linked templates.
    pub templates: Vec<IdName>,
    /// Its own tags, without those of templates.
    pub tags: Vec<Tag>,
    /// Its own macros, without those of templates.
    pub macros: Vec<Macro>,
}

impl Host {
    pub(crate) fn tag(&self, name: &str) -> Option<&str> {
        self.tags.iter().find(|tag| tag.tag == name).map(|tag| tag.value.as_str())
    }

    /// A macro by its full name.
    pub(crate) fn user_macro(&self, name: &str) -> Option<&Macro> {
        self.macros.iter().find(|one| one.name == name)
    }

    /// The value of a macro, unless it is secret.
    pub(crate) fn macro_value(&self, name: &str) -> Option<&str> {
        self.user_macro(name)?.value.as_deref()
    }
}

/// A template.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Template {
    pub id: String,
    pub technical: String,
    pub visible: String,
}

/// What was read from Zabbix.
#[derive(Clone, Debug, Default)]
pub(crate) struct ZabbixState {
    /// Hosts with the vCenter's tag or macro, and those that have a name that a new host would get.
    pub hosts: Vec<Host>,
    /// Host groups whose names resemble those of the plan.
    pub groups: Vec<IdName>,
    /// Templates that the configuration names.
    pub templates: Vec<Template>,
    /// Proxies that the configuration names.
    pub proxies: Vec<IdName>,
    /// Proxy groups that the configuration names.
    pub proxy_groups: Vec<IdName>,
    /// Names that a host cannot have because a template has them.
    pub template_names: HashSet<String>,
}
