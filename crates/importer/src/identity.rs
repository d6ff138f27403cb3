//! Which Zabbix host stands for which vSphere object.
//!
//! Two tags on the host say it: `vsphere.vcenter`, the vSphere host as vPoller names it, and `vsphere.object`, type and managed
//! object id. Where the id is gone from vSphere, or the host has no tags because the original importer or somebody made it, names
//! decide. What others made for something else is recognised and left alone.

use std::collections::{HashMap, HashSet};

use crate::config::Config;
use crate::inventory::{Inventory, Object};
use crate::kind::Kind;
use crate::labels::{HOST_MACRO, NAME_MACRO, NAME_TAG, OBJECT_TAG, VCENTER_TAG};
use crate::zabbix::state::{Host, State};

/// The object that a host's tags name.
pub fn tagged<'h>(host: &'h Host, vcenter: &str) -> Option<(Kind, &'h str)> {
    if host.tag(VCENTER_TAG) != Some(vcenter) || host.discovered {
        return None;
    }
    let (kind, moid) = host.tag(OBJECT_TAG)?.split_once(':')?;
    Some((Kind::named(kind)?, moid))
}

/// The object's name when the host was last brought up to date.
pub fn recorded_name(host: &Host) -> Option<&str> {
    host.tag(NAME_TAG).or_else(|| host.macro_value(NAME_MACRO).filter(|address| !address.starts_with("moid:")))
}

/// What stands for an object in Zabbix.
#[derive(Clone, Copy, Debug)]
pub enum Match<'s> {
    /// Nothing: a host is to be created.
    Nothing,
    /// A host of ours.
    Ours(&'s Host),
    /// A host without tags that carries the object's name and the vCenter's macro.
    Adopted(&'s Host),
    /// A host of somebody else under the object's name: no second one is made.
    Foreign(&'s Host),
}

/// Who is who.
pub struct Identities<'s> {
    /// For every object of the inventory, in its order.
    pub matches: Vec<Match<'s>>,
    /// Hosts of ours whose object is gone, of types that the configuration has.
    pub gone: Vec<(Kind, &'s Host)>,
    /// Hosts that carry the tags of another one: copies made by hand.
    pub copies: Vec<(Kind, &'s Host)>,
    /// Hosts of somebody else that carry the vCenter's macro, beside the vCenter's own.
    pub strangers: Vec<&'s Host>,
}

/// Whether it is the host that stands for the vCenter itself.
pub fn is_vcenter(host: &Host, vcenter: &str) -> bool {
    [&host.technical, &host.visible].into_iter().any(|name| name.eq_ignore_ascii_case(vcenter))
}

impl<'s> Identities<'s> {
    /// Compares vSphere with Zabbix.
    pub fn new(config: &Config, inventory: &Inventory, state: &'s State) -> Self {
        let vcenter = config.vcenter.as_str();
        let (by_tag, copies) = by_tag(state, vcenter);
        let mut left = by_tag;
        let of = |object: &Object| left.remove(&(object.kind, object.moid.clone())).map_or(Match::Nothing, Match::Ours);
        let mut matches: Vec<Match> = inventory.objects.iter().map(of).collect();
        left.retain(|object, _| !inventory.unnamed.contains(object));
        by_recorded_name(&inventory.objects, &mut matches, &mut left);
        by_visible_name(config, &inventory.objects, &mut matches, state);
        let mut gone: Vec<_> = left.into_iter().filter(|((kind, _), _)| config.blocks.contains_key(kind)).collect();
        gone.sort_by_key(|((kind, _), host)| (*kind, number(&host.id)));
        let strangers = strangers(config, &matches, state);
        Self { matches, gone: gone.into_iter().map(|((kind, _), host)| (kind, host)).collect(), copies, strangers }
    }
}

type Tagged<'s> = HashMap<(Kind, String), &'s Host>;

/// Hosts by the object that their tags name. Of several with the same tags the oldest is meant.
fn by_tag<'s>(state: &'s State, vcenter: &str) -> (Tagged<'s>, Vec<(Kind, &'s Host)>) {
    let mut hosts: Vec<_> = state.hosts.iter().filter_map(|host| Some((tagged(host, vcenter)?, host))).collect();
    hosts.sort_by_key(|(_, host)| number(&host.id));
    let (mut found, mut copies) = (HashMap::new(), Vec::new());
    for ((kind, moid), host) in hosts {
        match found.entry((kind, moid.to_owned())) {
            std::collections::hash_map::Entry::Vacant(place) => drop(place.insert(host)),
            std::collections::hash_map::Entry::Occupied(_) => copies.push((kind, host)),
        }
    }
    (found, copies)
}

/// Objects that came back under another id, as after registering a machine anew, keep their host.
fn by_recorded_name<'s>(objects: &[Object], matches: &mut [Match<'s>], left: &mut Tagged<'s>) {
    let mut by_name: HashMap<(Kind, &str), Vec<String>> = HashMap::new();
    let mut hosts: Vec<_> = left.iter().map(|((kind, moid), host)| (*kind, moid.clone(), *host)).collect();
    hosts.sort_by_key(|(_, _, host)| std::cmp::Reverse(number(&host.id)));
    for (kind, moid, host) in hosts {
        if let Some(name) = recorded_name(host) {
            by_name.entry((kind, name)).or_default().push(moid);
        }
    }
    for (object, found) in objects.iter().zip(matches) {
        if !matches!(found, Match::Nothing) {
            continue;
        }
        let moid = by_name.get_mut(&(object.kind, object.name.as_str())).and_then(Vec::pop);
        if let Some(host) = moid.and_then(|moid| left.remove(&(object.kind, moid))) {
            *found = Match::Ours(host);
        }
    }
}

/// Hosts without our tags under an object's name: those of the original importer carry the vCenter's macro.
fn by_visible_name<'s>(config: &Config, objects: &[Object], matches: &mut [Match<'s>], state: &'s State) {
    let untagged = state.hosts.iter().filter(|host| host.tag(VCENTER_TAG).is_none());
    let mut by_name: HashMap<&str, &Host> = untagged.map(|host| (host.visible.as_str(), host)).collect();
    for (object, found) in objects.iter().zip(matches) {
        if !matches!(found, Match::Nothing) {
            continue;
        }
        let Some(host) = by_name.get(object.display.as_str()).copied() else { continue };
        let vcenter = host.macro_value(HOST_MACRO);
        *found = match vcenter {
            _ if is_vcenter(host, &config.vcenter) => Match::Nothing,
            _ if host.discovered => Match::Foreign(host),
            Some(vcenter) if is_ours(config, object.kind, vcenter) => Match::Adopted(host),
            // Another vCenter's object of the same name.
            Some(_) => Match::Nothing,
            None => Match::Foreign(host),
        };
        if !matches!(found, Match::Nothing) {
            by_name.remove(object.display.as_str());
        }
    }
}

/// Whether a value of [`HOST_MACRO`] means this vCenter.
fn is_ours(config: &Config, kind: Kind, value: &str) -> bool {
    value == config.vcenter
        || config.blocks.get(&kind).and_then(|block| block.macros.get(HOST_MACRO)?.plain()).is_some_and(|own| own == value)
}

fn strangers<'s>(config: &Config, matches: &[Match<'s>], state: &'s State) -> Vec<&'s Host> {
    let known: HashSet<&str> = matches
        .iter()
        .filter_map(|found| match found {
            Match::Ours(host) | Match::Adopted(host) | Match::Foreign(host) => Some(host.id.as_str()),
            Match::Nothing => None,
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
