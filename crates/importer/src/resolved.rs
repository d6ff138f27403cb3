//! The configuration of a type with Zabbix's ids in place of the names of templates, proxies and proxy groups.

use crate::config::{KindConfig, PollingConfig};
use crate::kind::Kind;
use crate::message::Message;
use crate::zabbix::state::{IdName, WantedPoller, ZabbixState};

/// What new hosts of a type get.
#[derive(Clone, Debug)]
pub(crate) struct ResolvedConfig {
    pub templates: Vec<IdName>,
    /// The proxy or proxy group that polls them; without, the server.
    pub poll_by: Option<WantedPoller>,
}

impl ResolvedConfig {
    /// Looks up the names. The messages say which were not found; there is no result when the type cannot be imported without them.
    pub(crate) fn new(kind: Kind, kind_config: &KindConfig, state: &ZabbixState) -> (Option<Self>, Vec<Message>) {
        let mut messages = Vec::new();
        let templates = templates(kind, kind_config, state, &mut messages);
        if kind_config.groups.is_empty() {
            messages
                .push(Message::plain_warning(format!("No groups defined for '{}' config entry", kind.config_key())).failing());
        }
        let poll_by = poll_by(kind_config, state, &mut messages);
        let resolved = Self { templates, poll_by };
        (messages.iter().all(|message| !message.fails).then_some(resolved), messages)
    }
}

fn templates(kind: Kind, kind_config: &KindConfig, state: &ZabbixState, messages: &mut Vec<Message>) -> Vec<IdName> {
    let mut found = Vec::new();
    for wanted in &kind_config.templates {
        let by_visible_name = state.templates.iter().find(|template| template.visible == *wanted);
        match by_visible_name.or_else(|| state.templates.iter().find(|template| template.technical == *wanted)) {
            Some(template) => found.push(IdName { id: template.id.clone(), name: template.visible.clone() }),
            None => messages.push(Message::plain_warning(format!("Unable to find '{wanted}' template"))),
        }
    }
    let reason = match (kind_config.templates.is_empty(), found.is_empty()) {
        (true, _) => Some("No templates are defined for"),
        (false, true) => Some("No valid templates found for"),
        (false, false) => None,
    };
    messages
        .extend(reason.map(|reason| Message::plain_warning(format!("{reason} '{}' config entry", kind.config_key())).failing()));
    found
}

fn poll_by(kind_config: &KindConfig, state: &ZabbixState, messages: &mut Vec<Message>) -> Option<WantedPoller> {
    let (wanted, what, found) = match kind_config.polling.as_ref()? {
        PollingConfig::Proxy(wanted) => (wanted, "proxy", find_by_name(&state.proxies, wanted).map(WantedPoller::Proxy)),
        PollingConfig::Group(wanted) => {
            (wanted, "proxy group", find_by_name(&state.proxy_groups, wanted).map(WantedPoller::Group))
        }
    };
    if found.is_none() {
        messages.push(Message::plain_warning(format!("Unable to find Zabbix {what} '{wanted}'")).failing());
    }
    found
}

fn find_by_name(list: &[IdName], name: &str) -> Option<IdName> {
    list.iter().find(|one| one.name == name).cloned()
}
