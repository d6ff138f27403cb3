//! From the configuration, what vSphere has and what Zabbix has to a [`Plan`]. Pure: nothing is asked and nothing is told here.
//!
//! What changed in vSphere is followed: new, renamed, moved and returned objects. What changed in the configuration reaches
//! hosts that exist only where `sync` says so, because people edit them. What people changed is never taken back otherwise.

use std::collections::VecDeque;

use crate::config::{Block, Config};
use crate::deletion::{self, DeletionOptions};
use crate::groups::{self, Groups};
use crate::identity::{Identities, Match};
use crate::inventory::{Inventory, Object};
use crate::kind::Kind;
use crate::labels::{HOST_MACRO, object_tag};
use crate::names::{self, Holder, Taken};
use crate::note::Note;
use crate::plan::{Create, Part, Plan};
use crate::settings::Settings;
use crate::update::{self, NewNames, Pair, Wish};
use crate::zabbix::state::{Host, State};

/// Makes the plan.
pub fn plan(config: &Config, inventory: &Inventory, state: &State, options: DeletionOptions) -> Plan {
    let identities = Identities::new(config, inventory, state);
    let mut planner = Planner::new(config, inventory, state);
    let parts = Kind::ALL.map(|kind| planner.part(kind, &identities)).into();
    // An entry of the configuration that makes no sense must cost no host.
    let gone: Vec<_> = identities.gone.iter().filter(|(kind, _)| planner.valid.contains(kind)).copied().collect();
    let (extras, refusals) = deletion::decide(config, inventory, state, options, &gone);
    let strangers = identities.strangers.iter().map(|host| stranger(config, host)).collect();
    Plan { parts, extras, refusals, strangers }
}

struct Planner<'s> {
    config: &'s Config,
    inventory: &'s Inventory,
    groups: Groups<'s>,
    state: &'s State,
    names: Names,
    /// Types whose entry in the configuration makes sense.
    valid: Vec<Kind>,
}

/// Names in use.
struct Names {
    technical: Taken,
    visible: Taken,
}

impl<'s> Planner<'s> {
    fn new(config: &'s Config, inventory: &'s Inventory, state: &'s State) -> Self {
        let mut names = Names { technical: Taken::default(), visible: Taken::default() };
        for name in &state.template_names {
            names.technical.hold(name, Holder::Other);
            names.visible.hold(name, Holder::Other);
        }
        for host in &state.hosts {
            names.technical.hold(&host.technical, Holder::Host(host.id.clone()));
            names.visible.hold(&host.visible, Holder::Host(host.id.clone()));
        }
        Self { config, inventory, groups: Groups::new(&state.groups), state, names, valid: Vec::new() }
    }

    fn part(&mut self, kind: Kind, identities: &Identities<'s>) -> Part {
        let mut part = Part::new(kind, kind == Kind::Cluster);
        part.notes.extend(self.inventory.notes.iter().filter(|(of, _)| *of == kind).map(|(_, note)| note.clone()));
        if kind == Kind::Cluster {
            self.inventory.clusters.iter().for_each(|cluster| drop(self.groups.named(cluster, true)));
            part.groups = self.groups.fresh();
        }
        let Some(block) = self.config.blocks.get(&kind) else {
            if kind.expected() {
                part.notes.push(Note::plain_warning(format!("There is no '{}' entry in the config file", kind.block())));
            }
            return part;
        };
        let (settings, notes) = Settings::new(kind, block, self.state);
        part.notes.extend(notes);
        let Some(settings) = settings else { return part };
        self.valid.push(kind);
        part.active = true;
        let copies = identities.copies.iter().filter(|(of, _)| *of == kind);
        part.notes.extend(copies.map(|(_, host)| copied(host)));
        self.hosts(&mut part, block, &settings, identities);
        part.groups.extend(self.groups.fresh());
        part
    }

    fn hosts(&mut self, part: &mut Part, block: &Block, settings: &Settings, identities: &Identities<'s>) {
        let (mut pairs, mut new) = (Vec::new(), Vec::new());
        let objects = self.inventory.objects.iter().zip(&identities.matches);
        for (object, found) in objects.filter(|(object, _)| object.kind == part.kind) {
            let pair = |host, adopted| Pair { config: self.config, inventory: self.inventory, settings, object, host, adopted };
            match found {
                Match::Nothing => new.push(object),
                Match::Ours(host) => pairs.push(pair(host, false)),
                Match::Adopted(host) => pairs.push(pair(host, true)),
                Match::Foreign(host) => part.notes.push(foreign(self.config, object, host)),
            }
        }
        for (pair, names) in self.names.rename(pairs) {
            let update = pair.update(names, &mut self.groups);
            if !update.is_empty() {
                part.updates.push(update);
            }
        }
        for object in new {
            match self.create(object, block, settings) {
                Some(create) => part.creates.push(create),
                None => part.notes.push(Note::error(format!(
                    "No name is free in Zabbix for {} ({})",
                    object.name,
                    object_tag(object.kind, &object.moid)
                ))),
            }
        }
    }

    fn create(&mut self, object: &Object, block: &Block, settings: &Settings) -> Option<Create> {
        let (visible, technical) = names::of(object, &self.config.vcenter);
        let visible = self.names.visible.first(&visible, None)?.to_owned();
        let technical = self.names.technical.first(&technical, None)?.to_owned();
        self.names.visible.hold(&visible, Holder::Other);
        self.names.technical.hold(&technical, Holder::Other);
        let mut groups = Vec::new();
        for name in block.groups.iter().chain(&object.cluster) {
            groups::add(&mut groups, self.groups.named(name, false));
        }
        let disabled = object.disabled_by.map(|state| state.as_str().to_owned());
        Some(Create {
            kind: object.kind,
            technical,
            visible,
            groups,
            templates: settings.templates.clone(),
            macros: update::macros(self.config, object),
            disabled: disabled.is_some(),
            tags: update::tags(object, &self.config.vcenter, object.cluster.clone(), disabled, None),
            poll_by: settings.poll_by.clone(),
        })
    }
}

impl Names {
    /// Gives names to hosts in an order in which each name is free when its turn comes. Where there is no such order, as
    /// when two objects swapped their names, the names with an id in them serve.
    fn rename<'s>(&mut self, pairs: Vec<Pair<'s>>) -> Vec<(Pair<'s>, NewNames)> {
        let mut waiting: VecDeque<(Pair<'s>, Wish)> = pairs.into_iter().map(|pair| (pair, pair.wish())).collect();
        let (mut done, mut passed) = (Vec::new(), 0);
        while let Some((pair, wish)) = waiting.pop_front() {
            let stuck = passed > waiting.len();
            if !stuck && !self.plain_is_free(&wish, &pair.host.id) {
                waiting.push_back((pair, wish));
                passed += 1;
                continue;
            }
            if !stuck {
                passed = 0;
            }
            let host = pair.host;
            let visible = wish.visible.and_then(|names| self.visible.take(&names, &host.visible, &host.id));
            let technical = wish.technical.and_then(|names| self.technical.take(&names, &host.technical, &host.id));
            done.push((pair, NewNames { visible, technical }));
        }
        done
    }

    fn plain_is_free(&self, wish: &Wish, host: &str) -> bool {
        let free = |taken: &Taken, names: &Option<names::Candidates>| {
            names.as_ref().is_none_or(|names| taken.allows(&names[0], Some(host)))
        };
        free(&self.visible, &wish.visible) && free(&self.technical, &wish.technical)
    }
}

fn copied(host: &Host) -> Note {
    Note::warning(format!(
        "Zabbix host '{}' carries the tags of another host: a copy? It is left alone; remove its tags vsphere.*",
        host.visible
    ))
}

fn foreign(config: &Config, object: &Object, host: &Host) -> Note {
    let (name, object) = (&host.visible, object_tag(object.kind, &object.moid));
    let hint = match host.discovered {
        true => "it belongs to a discovery rule".to_owned(),
        false => format!("to have it taken over, give it the macro {HOST_MACRO} with the value {}", config.vcenter),
    };
    Note::warning(format!("Zabbix host '{name}' was not made by this program and stands for {object}: left alone; {hint}"))
}

fn stranger(config: &Config, host: &Host) -> Note {
    let (name, vcenter) = (&host.visible, &config.vcenter);
    Note::plain(format!(
        "Host '{name}' has the macro {HOST_MACRO} but was not made by this program, and '{vcenter}' has no such object"
    ))
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
