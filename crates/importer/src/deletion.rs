//! Which hosts are deleted because their object is gone, and how many at most.
//!
//! When the account of vPoller loses its permission for a folder, the objects in it look deleted. The limits protect their hosts.

use std::str::FromStr;

use crate::config::Config;
use crate::identity::{is_vcenter, tagged};
use crate::inventory::Inventory;
use crate::kind::Kind;
use crate::labels::ADOPTED_TAG;
use crate::message::Message;
use crate::plan::{Disposition, OrphanHost};
use crate::zabbix::state::{Host, ZabbixState};

/// How many hosts of a type a run may delete.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum DeletionLimit {
    /// This number of hosts.
    Hosts(usize),
    /// This percentage of the hosts that exist.
    Share(usize),
}

/// What the command line says about deleting.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DeletionOptions {
    /// Delete hosts whose object is gone.
    pub delete: bool,
    /// Delete them even when vSphere lists no object of their type at all.
    pub allow_empty: bool,
    /// How many of a type may be deleted; without, [`USUAL`] applies.
    pub max_delete: Option<DeletionLimit>,
}

/// Applies without a limit on the command line: the larger of both, because on a small site a few hosts are a large share.
const USUAL: [DeletionLimit; 2] = [DeletionLimit::Hosts(10), DeletionLimit::Share(20)];

impl DeletionLimit {
    /// The limit in hosts, when this number of hosts exists.
    fn among(self, hosts: usize) -> usize {
        match self {
            Self::Hosts(count) => count,
            Self::Share(percent) => hosts.saturating_mul(percent).div_ceil(100),
        }
    }
}

impl FromStr for DeletionLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, make): (_, fn(usize) -> Self) = match text.strip_suffix('%') {
            Some(number) => (number, Self::Share),
            None => (text, Self::Hosts),
        };
        match number.trim().parse() {
            Ok(number) if text.ends_with('%') && number > 100 => Err("more than all of them".to_owned()),
            Ok(number) => Ok(make(number)),
            Err(_) => Err("a number of hosts, or a share such as 20%".to_owned()),
        }
    }
}

/// What happens to hosts whose object is gone, and messages about those of a type.
pub(crate) fn decide(
    config: &Config,
    inventory: &Inventory,
    state: &ZabbixState,
    options: DeletionOptions,
    gone: &[(Kind, &Host)],
) -> (Vec<OrphanHost>, Vec<(Kind, Message)>) {
    let mut orphans: Vec<OrphanHost> = gone.iter().map(|(kind, host)| orphan(config, inventory, options, *kind, host)).collect();
    let mut messages = Vec::new();
    for kind in Kind::ALL {
        // Where the type is empty, --allow-empty was given: the operator knows.
        if is_empty(inventory, kind) {
            continue;
        }
        let to_delete = orphans.iter_mut().zip(gone).filter(|(orphan, (_, host))| {
            orphan.kind == kind && orphan.disposition == Disposition::Delete && !is_unwanted(config, inventory, host)
        });
        let to_delete: Vec<&mut OrphanHost> = to_delete.map(|(orphan, _)| orphan).collect();
        let lost = to_delete.len();
        let there = own_hosts(config, state, kind);
        let limits = options.max_delete.map_or(USUAL.to_vec(), |limit| vec![limit]);
        let most = limits.iter().map(|limit| limit.among(there)).max().unwrap_or_default();
        if lost > most {
            for orphan in to_delete {
                orphan.disposition = Disposition::Stay;
            }
            messages.push((kind, too_many(lost, there, most)));
        }
    }
    (orphans, messages)
}

fn too_many(lost: usize, there: usize, most: usize) -> Message {
    Message::error(format!(
        "{lost} of {there} hosts would be deleted because their objects are gone, and {most} may be in one run: none of them is. \
         Does the account still see everything? If they are gone, use --max-delete {lost}"
    ))
}

/// Number of existing hosts of a type that this program made.
fn own_hosts(config: &Config, state: &ZabbixState, kind: Kind) -> usize {
    let of_kind = |host: &&Host| tagged(host, &config.vcenter).is_some_and(|(of, _)| of == kind);
    state.hosts.iter().filter(of_kind).filter(|host| host.tag(ADOPTED_TAG).is_none()).count()
}

/// Whether vSphere lists no object of a type at all.
fn is_empty(inventory: &Inventory, kind: Kind) -> bool {
    inventory.listed.get(&kind).copied().unwrap_or_default() == 0
}

/// Whether vSphere has the object, and the configuration says that it gets no host because of its name.
fn is_unwanted(config: &Config, inventory: &Inventory, host: &Host) -> bool {
    tagged(host, &config.vcenter).is_some_and(|(kind, moid)| inventory.ignored.contains(&(kind, moid.to_owned())))
}

fn orphan(config: &Config, inventory: &Inventory, options: DeletionOptions, kind: Kind, host: &Host) -> OrphanHost {
    let name = &host.visible;
    let disposition = if !options.delete {
        Disposition::Stay
    } else if is_vcenter(host, &config.vcenter) {
        Disposition::Protected(Message::warning(format!("Host '{name}' bears the vCenter's name: not deleted")))
    } else if host.tag(ADOPTED_TAG).is_some() {
        Disposition::Protected(Message::warning(format!(
            "Host '{name}' was not made by this program: not deleted as long as it has the tag {ADOPTED_TAG}"
        )))
    } else if is_empty(inventory, kind) && !options.allow_empty {
        let cause = format!("Host '{name}' is not deleted: {} lists no {} at all", config.vcenter, kind.type_name());
        Disposition::Protected(Message::error(format!("{cause}; does its account see them? If they are gone, use --allow-empty")))
    } else {
        Disposition::Delete
    };
    OrphanHost { kind, id: host.id.clone(), host: name.clone(), disposition }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_numbers_or_shares() {
        let check = |text: &str, among: &[(usize, usize)]| {
            let limit: DeletionLimit = text.parse().unwrap();
            among.iter().for_each(|(hosts, most)| assert_eq!(limit.among(*hosts), *most, "{text} of {hosts}"));
        };
        check("0", &[(0, 0), (9, 0)]);
        check("7", &[(3, 7), (1000, 7)]);
        check("20%", &[(0, 0), (1, 1), (10, 2), (11, 3), (1000, 200)]);
        check("100%", &[(3, 3)]);
        check("0%", &[(1000, 0)]);
        for text in ["", "%", "-1", "1.5", "101%", "many", "20 percent", "99999999999999999999"] {
            text.parse::<DeletionLimit>().unwrap_err();
        }
    }
}
