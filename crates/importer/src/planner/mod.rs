//! Makes a [`Plan`] from the configuration, what vSphere has and what Zabbix has. A pure function: it makes no calls and logs
//! nothing.
//!
//! Changes in vSphere are followed: new, renamed, moved and returned objects. Changes in the configuration reach existing hosts
//! only where `sync` says so, because administrators edit hosts, and their changes are not undone.

use std::collections::VecDeque;

use crate::config::{Config, KindConfig};
use crate::deletion::{self, DeletionOptions};
use crate::groups::{self, Groups};
use crate::identity::{HostMatch, Identities};
use crate::inventory::{Inventory, Object};
use crate::kind::Kind;
use crate::labels::{HOST_MACRO, object_tag};
use crate::message::Message;
use crate::names::{self, NameOwner, NamesInUse};
use crate::plan::{KindPlan, NewHost, Plan};
use crate::resolved::ResolvedConfig;
use crate::update::{self, MatchedHost, NewNames, RenameRequest};
use crate::zabbix::state::{Host, ZabbixState};

pub(crate) fn plan(config: &Config, inventory: &Inventory, state: &ZabbixState, options: DeletionOptions) -> Plan {
    let identities = Identities::new(config, inventory, state);
    let mut planner = Planner::new(config, inventory, state);
    let kind_plans = Kind::ALL.map(|kind| planner.plan_kind(kind, &identities)).into();
    // A type whose configuration cannot be used must not have its hosts deleted.
    let gone: Vec<_> = identities.gone.iter().filter(|(kind, _)| planner.valid.contains(kind)).copied().collect();
    let (orphans, refusals) = deletion::decide(config, inventory, state, options, &gone);
    let strangers = identities.strangers.iter().map(|host| stranger(config, host)).collect();
    Plan { kind_plans, orphans, refusals, strangers }
}

struct Planner<'s> {
    config: &'s Config,
    inventory: &'s Inventory,
    groups: Groups<'s>,
    state: &'s ZabbixState,
    names: HostNames,
    /// Types whose configuration can be used.
    valid: Vec<Kind>,
}

/// The names in use of both sorts.
struct HostNames {
    technical: NamesInUse,
    visible: NamesInUse,
}

impl<'s> Planner<'s> {
    fn new(config: &'s Config, inventory: &'s Inventory, state: &'s ZabbixState) -> Self {
        let mut names = HostNames { technical: NamesInUse::default(), visible: NamesInUse::default() };
        for name in &state.template_names {
            names.technical.reserve(name, NameOwner::Other);
            names.visible.reserve(name, NameOwner::Other);
        }
        for host in &state.hosts {
            names.technical.reserve(&host.technical, NameOwner::Host(host.id.clone()));
            names.visible.reserve(&host.visible, NameOwner::Host(host.id.clone()));
        }
        Self { config, inventory, groups: Groups::new(&state.groups), state, names, valid: Vec::new() }
    }

    fn plan_kind(&mut self, kind: Kind, identities: &Identities<'s>) -> KindPlan {
        let mut kind_plan = KindPlan::new(kind, kind == Kind::Cluster);
        kind_plan
            .messages
            .extend(self.inventory.messages.iter().filter(|(of, _)| *of == kind).map(|(_, message)| message.clone()));
        if kind == Kind::Cluster {
            for cluster in &self.inventory.clusters {
                // Only to have the group created; hosts refer to it later.
                let _ = self.groups.find_or_create(cluster, true);
            }
            kind_plan.groups = self.groups.fresh();
        }
        let Some(kind_config) = self.config.kinds.get(&kind) else {
            if kind.is_expected() {
                kind_plan
                    .messages
                    .push(Message::plain_warning(format!("There is no '{}' entry in the config file", kind.config_key())));
            }
            return kind_plan;
        };
        let (resolved, messages) = ResolvedConfig::new(kind, kind_config, self.state);
        kind_plan.messages.extend(messages);
        let Some(resolved) = resolved else { return kind_plan };
        self.valid.push(kind);
        kind_plan.active = true;
        let copies = identities.copies.iter().filter(|(of, _)| *of == kind);
        kind_plan.messages.extend(copies.map(|(_, host)| copied(host)));
        self.hosts(&mut kind_plan, kind_config, &resolved, identities);
        kind_plan.groups.extend(self.groups.fresh());
        kind_plan
    }

    fn hosts(
        &mut self,
        kind_plan: &mut KindPlan,
        kind_config: &KindConfig,
        resolved: &ResolvedConfig,
        identities: &Identities<'s>,
    ) {
        let mut matched_hosts = Vec::new();
        let mut new = Vec::new();
        let objects = self.inventory.objects.iter().zip(&identities.matches);
        for (object, found) in objects.filter(|(object, _)| object.kind == kind_plan.kind) {
            let matched =
                |host, adopted| MatchedHost { config: self.config, inventory: self.inventory, resolved, object, host, adopted };
            match found {
                HostMatch::Nothing => new.push(object),
                HostMatch::Tagged(host) => matched_hosts.push(matched(host, false)),
                HostMatch::Adopted(host) => matched_hosts.push(matched(host, true)),
                HostMatch::Foreign(host) => kind_plan.messages.push(foreign(self.config, object, host)),
            }
        }
        for (matched, names) in self.names.rename(matched_hosts) {
            let update = matched.update(names, &mut self.groups);
            if !update.is_empty() {
                kind_plan.updates.push(update);
            }
        }
        for object in new {
            match self.create(object, kind_config, resolved) {
                Some(create) => kind_plan.new_hosts.push(create),
                None => kind_plan.messages.push(Message::error(format!(
                    "No name is free in Zabbix for {} ({})",
                    object.name,
                    object_tag(object.kind, &object.moid)
                ))),
            }
        }
    }

    fn create(&mut self, object: &Object, kind_config: &KindConfig, resolved: &ResolvedConfig) -> Option<NewHost> {
        let (visible, technical) = names::candidates(object, &self.config.vcenter);
        let visible = self.names.visible.first(&visible, None)?.to_owned();
        let technical = self.names.technical.first(&technical, None)?.to_owned();
        self.names.visible.reserve(&visible, NameOwner::Other);
        self.names.technical.reserve(&technical, NameOwner::Other);
        let mut groups = Vec::new();
        for name in kind_config.groups.iter().chain(&object.cluster) {
            groups::add(&mut groups, self.groups.find_or_create(name, false));
        }
        let disabled = object.disabled_by.map(|state| state.as_str().to_owned());
        Some(NewHost {
            kind: object.kind,
            technical,
            visible,
            groups,
            templates: resolved.templates.clone(),
            macros: update::macros(self.config, object),
            disabled: disabled.is_some(),
            tags: update::tags(object, &self.config.vcenter, object.cluster.clone(), disabled, None),
            poll_by: resolved.poll_by.clone(),
        })
    }
}

impl HostNames {
    /// Gives names to hosts in an order in which each name is free when its turn comes. Where there is no such order, as when two
    /// objects swapped their names, a host gets the name with an id in it.
    fn rename<'s>(&mut self, matched_hosts: Vec<MatchedHost<'s>>) -> Vec<(MatchedHost<'s>, NewNames)> {
        let mut waiting: VecDeque<(MatchedHost<'s>, RenameRequest)> =
            matched_hosts.into_iter().map(|matched| (matched, matched.rename_request())).collect();
        let mut done = Vec::new();
        let mut passed = 0;
        while let Some((matched, rename_request)) = waiting.pop_front() {
            let stuck = passed > waiting.len();
            if !stuck && !self.plain_is_free(&rename_request, &matched.host.id) {
                waiting.push_back((matched, rename_request));
                passed += 1;
                continue;
            }
            if !stuck {
                passed = 0;
            }
            let host = matched.host;
            let visible = rename_request.visible.and_then(|names| self.visible.assign(&names, &host.visible, &host.id));
            let technical = rename_request.technical.and_then(|names| self.technical.assign(&names, &host.technical, &host.id));
            done.push((matched, NewNames { visible, technical }));
        }
        done
    }

    fn plain_is_free(&self, rename_request: &RenameRequest, host: &str) -> bool {
        let free = |in_use: &NamesInUse, names: &Option<names::Candidates>| {
            names.as_ref().is_none_or(|names| in_use.allows(&names[0], Some(host)))
        };
        free(&self.visible, &rename_request.visible) && free(&self.technical, &rename_request.technical)
    }
}

fn copied(host: &Host) -> Message {
    Message::warning(format!(
        "Zabbix host '{}' carries the tags of another host: a copy? It is left alone; remove its tags vsphere.*",
        host.visible
    ))
}

fn foreign(config: &Config, object: &Object, host: &Host) -> Message {
    let name = &host.visible;
    let object = object_tag(object.kind, &object.moid);
    let hint = match host.discovered {
        true => "it belongs to a discovery rule".to_owned(),
        false => format!("to have it taken over, give it the macro {HOST_MACRO} with the value {}", config.vcenter),
    };
    Message::warning(format!("Zabbix host '{name}' was not made by this program and stands for {object}: left alone; {hint}"))
}

fn stranger(config: &Config, host: &Host) -> Message {
    let name = &host.visible;
    let vcenter = &config.vcenter;
    Message::plain(format!(
        "Host '{name}' has the macro {HOST_MACRO} but was not made by this program, and '{vcenter}' has no such object"
    ))
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
