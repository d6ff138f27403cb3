//! Which Zabbix host stands for which vSphere object.
//!
//! Two tags on the host say it: `vsphere.vcenter`, the vSphere host as vPoller names it, and `vsphere.object`, type and managed
//! object id. Names decide where the id is gone from vSphere, and where the host has no tags because the original importer or an
//! administrator made it. Hosts that were made for something else are recognised and left alone.

use std::collections::{HashMap, HashSet};

use crate::config::Config;
use crate::inventory::{Inventory, Object};
use crate::kind::Kind;
use crate::labels::{HOST_MACRO, NAME_MACRO, NAME_TAG, OBJECT_TAG, VCENTER_TAG};
use crate::zabbix::state::{Host, ZabbixState};

/// The object that a host's tags name.
pub(crate) fn tagged<'h>(host: &'h Host, vcenter: &str) -> Option<(Kind, &'h str)> {
    if host.tag(VCENTER_TAG) != Some(vcenter) || host.discovered {
        return None;
    }
    let (kind, moid) = host.tag(OBJECT_TAG)?.split_once(':')?;
    Some((Kind::from_type_name(kind)?, moid))
}

/// The object's name when this program last updated the host.
pub(crate) fn recorded_name(host: &Host) -> Option<&str> {
    host.tag(NAME_TAG).or_else(|| host.macro_value(NAME_MACRO).filter(|address| !address.starts_with("moid:")))
}

/// The Zabbix host that stands for an object.
#[derive(Clone, Copy, Debug)]
pub(crate) enum HostMatch<'s> {
    /// None: a host is to be created.
    Nothing,
    /// One that carries this program's tags.
    Tagged(&'s Host),
    /// A host without tags that carries the object's name and the vCenter's macro.
    Adopted(&'s Host),
    /// A host of another maker under the object's name: no second one is made.
    Foreign(&'s Host),
}

/// The hosts of all objects, and hosts that are left over.
pub(crate) struct Identities<'s> {
    /// For every object of the inventory, in its order.
    pub matches: Vec<HostMatch<'s>>,
    /// Hosts with this program's tags whose object is gone, of types that the configuration has.
    pub gone: Vec<(Kind, &'s Host)>,
    /// Hosts with the tags of another one: copies made by hand.
    pub copies: Vec<(Kind, &'s Host)>,
    /// Hosts without this program's tags that carry the vCenter's macro, except the vCenter's own host.
    pub strangers: Vec<&'s Host>,
}

/// Whether it is the host that stands for the vCenter itself.
pub(crate) fn is_vcenter(host: &Host, vcenter: &str) -> bool {
    [&host.technical, &host.visible].into_iter().any(|name| name.eq_ignore_ascii_case(vcenter))
}

impl<'s> Identities<'s> {
    pub(crate) fn new(config: &Config, inventory: &Inventory, state: &'s ZabbixState) -> Self {
        let vcenter = config.vcenter.as_str();
        let (by_tag, copies) = by_tag(state, vcenter);
        let mut left = by_tag;
        let of = |object: &Object| left.remove(&(object.kind, object.moid.clone())).map_or(HostMatch::Nothing, HostMatch::Tagged);
        let mut matches: Vec<HostMatch> = inventory.objects.iter().map(of).collect();
        left.retain(|object, _| !inventory.undecided.contains(object));
        by_recorded_name(&inventory.objects, &mut matches, &mut left);
        by_visible_name(config, &inventory.objects, &mut matches, state);
        let mut gone: Vec<_> = left.into_iter().filter(|((kind, _), _)| config.kinds.contains_key(kind)).collect();
        gone.sort_by_key(|((kind, _), host)| (*kind, number(&host.id)));
        let strangers = strangers(config, &matches, state);
        Self { matches, gone: gone.into_iter().map(|((kind, _), host)| (kind, host)).collect(), copies, strangers }
    }
}

type HostsByObject<'s> = HashMap<(Kind, String), &'s Host>;

/// Hosts by the object that their tags name. Of several with the same tags the oldest counts; the others are copies.
fn by_tag<'s>(state: &'s ZabbixState, vcenter: &str) -> (HostsByObject<'s>, Vec<(Kind, &'s Host)>) {
    let mut hosts: Vec<_> = state.hosts.iter().filter_map(|host| Some((tagged(host, vcenter)?, host))).collect();
    hosts.sort_by_key(|(_, host)| number(&host.id));
    let mut found = HashMap::new();
    let mut copies = Vec::new();
    for ((kind, moid), host) in hosts {
        match found.entry((kind, moid.to_owned())) {
            std::collections::hash_map::Entry::Vacant(place) => drop(place.insert(host)),
            std::collections::hash_map::Entry::Occupied(_) => copies.push((kind, host)),
        }
    }
    (found, copies)
}

/// Objects that have a new id, as after a machine was registered again, keep their host.
fn by_recorded_name<'s>(objects: &[Object], matches: &mut [HostMatch<'s>], left: &mut HostsByObject<'s>) {
    let mut by_name: HashMap<(Kind, &str), Vec<String>> = HashMap::new();
    let mut hosts: Vec<_> = left.iter().map(|((kind, moid), host)| (*kind, moid.clone(), *host)).collect();
    hosts.sort_by_key(|(_, _, host)| std::cmp::Reverse(number(&host.id)));
    for (kind, moid, host) in hosts {
        if let Some(name) = recorded_name(host) {
            by_name.entry((kind, name)).or_default().push(moid);
        }
    }
    for (object, found) in objects.iter().zip(matches) {
        if !matches!(found, HostMatch::Nothing) {
            continue;
        }
        let moid = by_name.get_mut(&(object.kind, object.name.as_str())).and_then(Vec::pop);
        if let Some(host) = moid.and_then(|moid| left.remove(&(object.kind, moid))) {
            *found = HostMatch::Tagged(host);
        }
    }
}

/// Hosts without this program's tags under an object's name: those of the original importer carry the vCenter's macro.
fn by_visible_name<'s>(config: &Config, objects: &[Object], matches: &mut [HostMatch<'s>], state: &'s ZabbixState) {
    let untagged = state.hosts.iter().filter(|host| host.tag(VCENTER_TAG).is_none());
    let mut by_name: HashMap<&str, &Host> = untagged.map(|host| (host.visible.as_str(), host)).collect();
    for (object, found) in objects.iter().zip(matches) {
        if !matches!(found, HostMatch::Nothing) {
            continue;
        }
        let Some(host) = by_name.get(object.display.as_str()).copied() else { continue };
        let vcenter = host.macro_value(HOST_MACRO);
        *found = match vcenter {
            _ if is_vcenter(host, &config.vcenter) => HostMatch::Nothing,
            _ if host.discovered => HostMatch::Foreign(host),
            Some(vcenter) if means_vcenter(config, object.kind, vcenter) => HostMatch::Adopted(host),
            // Another vCenter's object of the same name.
            Some(_) => HostMatch::Nothing,
            None => HostMatch::Foreign(host),
        };
        if !matches!(found, HostMatch::Nothing) {
            by_name.remove(object.display.as_str());
        }
    }
}

/// Whether a value of [`HOST_MACRO`] means this vCenter.
fn means_vcenter(config: &Config, kind: Kind, value: &str) -> bool {
    value == config.vcenter
        || config
            .kinds
            .get(&kind)
            .and_then(|kind_config| kind_config.macros.get(HOST_MACRO)?.plain())
            .is_some_and(|own| own == value)
}

fn strangers<'s>(config: &Config, matches: &[HostMatch<'s>], state: &'s ZabbixState) -> Vec<&'s Host> {
    let known: HashSet<&str> = matches
        .iter()
        .filter_map(|found| match found {
            HostMatch::Tagged(host) | HostMatch::Adopted(host) | HostMatch::Foreign(host) => Some(host.id.as_str()),
            HostMatch::Nothing => None,
        })
        .collect();
    let stranger = |host: &&Host| {
        host.tag(VCENTER_TAG).is_none()
            && !host.discovered
            && host.macro_value(HOST_MACRO) == Some(&config.vcenter)
            && !is_vcenter(host, &config.vcenter)
            && !known.contains(host.id.as_str())
    };
    state.hosts.iter().filter(stranger).collect()
}

/// Ids are numbers in text; the lower, the older.
fn number(id: &str) -> u64 {
    id.parse().unwrap_or(u64::MAX)
}
