//! Which hosts of objects that are gone are deleted, and how many at most.
//!
//! An account that lost its permission for a folder sees less than there is, and looks like somebody who deleted all that.

use std::str::FromStr;

use crate::config::Config;
use crate::identity::{is_vcenter, tagged};
use crate::inventory::Inventory;
use crate::kind::Kind;
use crate::labels::ADOPTED_TAG;
use crate::note::Note;
use crate::plan::{Extra, Fate};
use crate::zabbix::state::{Host, State};

/// How many hosts of a type a run may delete.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Limit {
    /// So many.
    Hosts(usize),
    /// So many in a hundred of those that there are.
    Share(usize),
}

/// What the command line says about deleting.
#[derive(Clone, Copy, Debug, Default)]
pub struct DeletionOptions {
    /// Delete hosts whose object is gone.
    pub delete: bool,
    /// Do so even when vSphere lists no object of the type at all.
    pub allow_empty: bool,
    /// How many of a type may be deleted, if not the usual number.
    pub max_delete: Option<Limit>,
}

/// Without a limit on the command line: the larger of both, for in a small site a few hosts are a large share.
const USUAL: [Limit; 2] = [Limit::Hosts(10), Limit::Share(20)];

impl Limit {
    /// What it comes to among so many hosts.
    fn among(self, hosts: usize) -> usize {
        match self {
            Self::Hosts(count) => count,
            Self::Share(percent) => hosts.saturating_mul(percent).div_ceil(100),
        }
    }
}

impl FromStr for Limit {
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

/// What becomes of hosts whose object is gone, and what there is to tell about those of a type.
pub fn decide(
    config: &Config,
    inventory: &Inventory,
    state: &State,
    options: DeletionOptions,
    gone: &[(Kind, &Host)],
) -> (Vec<Extra>, Vec<(Kind, Note)>) {
    let mut extras: Vec<Extra> = gone.iter().map(|(kind, host)| extra(config, inventory, options, *kind, host)).collect();
    let mut notes = Vec::new();
    for kind in Kind::ALL {
        // Who allows that there is none at all has seen it.
        if is_empty(inventory, kind) {
            continue;
        }
        let doomed = extras.iter_mut().zip(gone).filter(|(extra, (_, host))| {
            extra.kind == kind && extra.fate == Fate::Delete && !is_unwanted(config, inventory, host)
        });
        let doomed: Vec<&mut Extra> = doomed.map(|(extra, _)| extra).collect();
        let (lost, there) = (doomed.len(), ours(config, state, kind));
        let limits = options.max_delete.map_or(USUAL.to_vec(), |limit| vec![limit]);
        let most = limits.iter().map(|limit| limit.among(there)).max().unwrap_or_default();
        if lost > most {
            doomed.into_iter().for_each(|extra| extra.fate = Fate::Stay);
            notes.push((kind, too_many(lost, there, most)));
        }
    }
    (extras, notes)
}

fn too_many(lost: usize, there: usize, most: usize) -> Note {
    Note::error(format!(
        "{lost} of {there} hosts would be deleted because their objects are gone, and {most} may be in one run: none of them is. \
         Does the account still see everything? If they are gone, use --max-delete {lost}"
    ))
}

/// How many hosts of a type there are that this program made.
fn ours(config: &Config, state: &State, kind: Kind) -> usize {
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

fn extra(config: &Config, inventory: &Inventory, options: DeletionOptions, kind: Kind, host: &Host) -> Extra {
    let name = &host.visible;
    let fate = if !options.delete {
        Fate::Stay
    } else if is_vcenter(host, &config.vcenter) {
        Fate::Kept(Note::warning(format!("Host '{name}' bears the vCenter's name: not deleted")))
    } else if host.tag(ADOPTED_TAG).is_some() {
        Fate::Kept(Note::warning(format!(
            "Host '{name}' was not made by this program: not deleted as long as it has the tag {ADOPTED_TAG}"
        )))
    } else if is_empty(inventory, kind) && !options.allow_empty {
        let cause = format!("Host '{name}' is not deleted: {} lists no {} at all", config.vcenter, kind.type_name());
        Fate::Kept(Note::error(format!("{cause}; does its account see them? If they are gone, use --allow-empty")))
    } else {
        Fate::Delete
    };
    Extra { kind, id: host.id.clone(), host: name.clone(), fate }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_numbers_or_shares() {
        let check = |text: &str, among: &[(usize, usize)]| {
            let limit: Limit = text.parse().unwrap();
            among.iter().for_each(|(hosts, most)| assert_eq!(limit.among(*hosts), *most, "{text} of {hosts}"));
        };
        check("0", &[(0, 0), (9, 0)]);
        check("7", &[(3, 7), (1000, 7)]);
        check("20%", &[(0, 0), (1, 1), (10, 2), (11, 3), (1000, 200)]);
        check("100%", &[(3, 3)]);
        check("0%", &[(1000, 0)]);
        for text in ["", "%", "-1", "1.5", "101%", "many", "20 percent", "99999999999999999999"] {
            text.parse::<Limit>().unwrap_err();
        }
    }
}
