//! A model of Zabbix for tests: the state that a plan leaves, and Zabbix's rules that a plan must keep.

use std::collections::{BTreeSet, HashMap};

use crate::plan::{GroupRef, Plan};
use crate::zabbix::state::{CurrentPoller, Host, IdName, Macro, WantedPoller, ZabbixState};

/// Executes a plan as Zabbix would, and panics where Zabbix would refuse.
pub(super) fn apply(state: &ZabbixState, plan: &Plan) -> ZabbixState {
    let mut model = Model { state: state.clone(), next: 10_000 };
    for kind_plan in &plan.kind_plans {
        for group in &kind_plan.groups {
            let id = model.id();
            assert!(!model.state.groups.iter().any(|one| one.name == group.name), "group {} exists", group.name);
            model.state.groups.push(IdName { id, name: group.name.clone() });
        }
        for update in &kind_plan.updates {
            assert!(!update.is_empty(), "an update that changes nothing");
            let groups = update.groups.as_ref().map(|change| model.groups(&change.to));
            let macro_ids: Vec<String> = update.macros.iter().map(|_| model.id()).collect();
            let host = model.state.hosts.iter_mut().find(|host| host.id == update.id).expect("a host that exists");
            assert!(!host.discovered, "{} belongs to a discovery rule", host.visible);
            if let Some(change) = &update.technical {
                assert_eq!(host.technical, change.from);
                host.technical.clone_from(&change.to);
            }
            if let Some(change) = &update.visible {
                assert_eq!(host.visible, change.from);
                host.visible.clone_from(&change.to);
            }
            host.groups = groups.unwrap_or_else(|| host.groups.clone());
            assert!(!host.groups.is_empty(), "{} in no group", host.visible);
            if let Some(change) = &update.templates {
                host.templates.clone_from(&change.to);
            }
            if let Some(change) = &update.tags {
                host.tags.clone_from(&change.to);
            }
            for (set, id) in update.macros.iter().zip(macro_ids) {
                match host.macros.iter_mut().find(|one| one.name == set.name) {
                    Some(old) => {
                        assert_eq!(Some(&old.id), set.id.as_ref());
                        old.value = set.value.plain().map(str::to_owned);
                    }
                    None => host.macros.push(Macro { id, name: set.name.clone(), value: set.value.plain().map(str::to_owned) }),
                }
            }
            host.polled_by = update.poll_by.as_ref().map_or(host.polled_by.clone(), polled);
            host.disabled = update.disabled.unwrap_or(host.disabled);
            model.check();
        }
        for create in &kind_plan.new_hosts {
            let groups = model.groups(&create.groups);
            let macros = create.macros.iter().map(|(name, value)| Macro {
                id: model.id(),
                name: name.clone(),
                value: value.plain().map(str::to_owned),
            });
            let macros = macros.collect();
            let host = Host {
                id: model.id(),
                technical: create.technical.clone(),
                visible: create.visible.clone(),
                disabled: create.disabled,
                discovered: false,
                polled_by: create.poll_by.as_ref().map_or(CurrentPoller::Server, polled),
                groups,
                templates: create.templates.clone(),
                tags: create.tags.clone(),
                macros,
            };
            assert!(!host.groups.is_empty() && !host.templates.is_empty(), "{host:?}");
            model.state.hosts.push(host);
            model.check();
        }
    }
    for orphan in plan.deletions() {
        let before = model.state.hosts.len();
        model.state.hosts.retain(|host| host.id != orphan.id);
        assert_eq!(model.state.hosts.len() + 1, before, "{} does not exist", orphan.id);
    }
    model.state
}

struct Model {
    state: ZabbixState,
    next: u64,
}

impl Model {
    fn id(&mut self) -> String {
        let used = self.state.hosts.iter().filter_map(|host| host.id.parse::<u64>().ok()).max().unwrap_or_default();
        self.next = self.next.max(used) + 1;
        self.next.to_string()
    }

    fn groups(&self, wanted: &[GroupRef]) -> Vec<IdName> {
        let by_name: HashMap<&str, &IdName> = self.state.groups.iter().map(|group| (group.name.as_str(), group)).collect();
        let find = |group: &GroupRef| match &group.id {
            Some(id) => IdName { id: id.clone(), name: group.name.clone() },
            None => (*by_name.get(group.name.as_str()).expect("a group that was created")).clone(),
        };
        let found: Vec<IdName> = wanted.iter().map(find).collect();
        let ids: BTreeSet<&str> = found.iter().map(|group| group.id.as_str()).collect();
        assert_eq!(ids.len(), found.len(), "a group twice: {found:?}");
        found
    }

    /// Names are unique, among templates too.
    fn check(&self) {
        for names in [|host: &Host| host.technical.clone(), |host: &Host| host.visible.clone()] {
            let mut seen = self.state.template_names.clone();
            for host in &self.state.hosts {
                assert!(seen.insert(names(host)), "name {:?} twice", names(host));
            }
        }
    }
}

fn polled(by: &WantedPoller) -> CurrentPoller {
    match by {
        WantedPoller::Proxy(proxy) => CurrentPoller::Proxy(proxy.id.clone()),
        WantedPoller::Group(group) => CurrentPoller::Group(group.id.clone()),
    }
}
