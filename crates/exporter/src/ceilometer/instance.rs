//! Which instance of OpenStack a virtual machine is.
//!
//! Nova writes the instance's identifier into the machine's setting `nvp.vm-uuid`. Newer ones also make it vSphere's instance UUID, and
//! name the machine by it. A clone copies the setting and the name, and during a move between vCenters there are two of everything:
//! an identifier is given to one machine only, and the other one gets the next that it can have.

use std::collections::HashSet;

/// What a machine can be known by, best first, and what says which of two is the instance.
#[derive(Clone, Debug, Default)]
pub(crate) struct Candidates<'a> {
    /// The setting that Nova writes.
    pub nova: Option<&'a str>,
    /// vSphere's instance UUID.
    pub instance_uuid: Option<&'a str>,
    /// The machine's name, which may contain the identifier.
    pub name: Option<&'a str>,
    /// Whether it runs.
    pub running: bool,
    /// The vCenter that it is in.
    pub vcenter: &'a str,
    /// Its identifier there.
    pub moid: &'a str,
}

impl Candidates<'_> {
    /// The identifiers it could have, best first. The last one is unique.
    fn identifiers(&self) -> Vec<String> {
        let nova = self.nova.map(str::trim).filter(|text| !text.is_empty());
        let known = [
            nova.map(|text| canonical(text).unwrap_or_else(|| text.to_owned())),
            self.instance_uuid.and_then(canonical),
            self.name.and_then(uuid_within),
        ];
        let own = format!("{}@{}", self.moid, self.vcenter);
        known.into_iter().flatten().chain([own]).collect()
    }

    /// Which of two machines is the instance: the one that vSphere calls so, too, then the one that runs, then the older one.
    fn precedence(&self) -> impl Ord + '_ {
        let same = self.nova.and_then(canonical).is_some_and(|nova| self.instance_uuid.and_then(canonical) == Some(nova));
        (!same, !self.running, number_within(self.moid), self.moid, self.vcenter)
    }
}

/// The identifier of each machine, in the order of the machines; no two of them are equal.
pub(crate) fn identifiers(machines: &[Candidates<'_>]) -> Vec<String> {
    let mut order: Vec<(usize, &Candidates<'_>)> = machines.iter().enumerate().collect();
    order.sort_by(|(_, one), (_, other)| one.precedence().cmp(&other.precedence()));
    let mut taken = HashSet::with_capacity(machines.len());
    let mut found = vec![String::new(); machines.len()];
    for (index, machine) in order {
        let free = machine.identifiers().into_iter().find(|identifier| taken.insert(identifier.clone()));
        if let (Some(place), Some(identifier)) = (found.get_mut(index), free) {
            *place = identifier;
        }
    }
    found
}

/// A UUID as it is usually written, whatever the case.
fn canonical(text: &str) -> Option<String> {
    is_uuid(text.as_bytes()).then(|| text.to_ascii_lowercase())
}

const UUID: usize = 36;

fn is_uuid(bytes: &[u8]) -> bool {
    let is_right =
        |(at, byte): (usize, &u8)| if [8, 13, 18, 23].contains(&at) { *byte == b'-' } else { byte.is_ascii_hexdigit() };
    bytes.len() == UUID && bytes.iter().enumerate().all(is_right)
}

/// The last UUID in a name, where it stands for itself: Nova's names are `web (UUID)`, or the UUID.
fn uuid_within(name: &str) -> Option<String> {
    let is_part = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
    let bytes = name.as_bytes();
    let at = (0..bytes.len().saturating_sub(UUID - 1)).rev().find(|&start| {
        let before = start.checked_sub(1).and_then(|index| bytes.get(index));
        bytes.get(start..start + UUID).is_some_and(is_uuid) && !is_part(before) && !is_part(bytes.get(start + UUID))
    })?;
    name.get(at..at + UUID).map(str::to_ascii_lowercase)
}

/// The number in an identifier such as `vm-101`: vCenter counts up, so the smaller one is older.
fn number_within(moid: &str) -> u64 {
    moid.rsplit('-').next().and_then(|digits| digits.parse().ok()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const A: &str = "70a599e0-31e7-49b7-b260-868f441e862b";
    const B: &str = "50a599e0-31e7-49b7-b260-868f441e862b";

    fn machine(moid: &'static str) -> Candidates<'static> {
        Candidates { vcenter: "vc01", moid, running: true, ..Candidates::default() }
    }

    #[test]
    fn the_setting_comes_before_the_uuid_before_the_name_before_our_own() {
        let upper = A.to_uppercase();
        let named = format!("web ({A})");
        let machines = [
            Candidates { nova: Some(&upper), instance_uuid: Some(B), name: Some("x"), ..machine("vm-1") },
            Candidates { nova: Some(" "), instance_uuid: Some(B), name: Some(&named), ..machine("vm-2") },
            Candidates { nova: Some("not-a-uuid"), ..machine("vm-3") },
            Candidates { name: Some("web"), ..machine("vm-4") },
        ];
        assert_eq!(identifiers(&machines), [A, B, "not-a-uuid", "vm-4@vc01"]);
        let by_name = [Candidates { instance_uuid: Some("?"), name: Some(&named), ..machine("vm-2") }];
        assert_eq!(identifiers(&by_name), [A]);
    }

    #[test]
    fn an_identifier_belongs_to_one_machine() {
        // A clone has the setting of the first one; its own instance UUID is what vSphere made for it.
        let original = Candidates { nova: Some(A), instance_uuid: Some(A), ..machine("vm-90") };
        let clone = Candidates { nova: Some(A), instance_uuid: Some(B), ..machine("vm-10") };
        assert_eq!(identifiers(&[clone.clone(), original.clone()]), [B, A]);
        // On its way between vCenters: the one that runs.
        let left = Candidates { running: false, vcenter: "vc00", ..original.clone() };
        assert_eq!(identifiers(&[left, original]), ["vm-90@vc00", A]);
        // Of older Novas nothing tells them apart but age.
        let old = Candidates { nova: Some(A), ..machine("vm-9") };
        assert_eq!(identifiers(&[Candidates { instance_uuid: None, ..clone }, old]), ["vm-10@vc01", A]);
    }

    #[test]
    fn uuids_in_names_stand_for_themselves() {
        assert_eq!(uuid_within(A).as_deref(), Some(A));
        assert_eq!(uuid_within(&format!("{B} copy of {A}, ä")).as_deref(), Some(A));
        for name in [format!("x{A}"), format!("{A}0"), format!("{A}-1"), A[1..].to_owned(), "ä".repeat(40), String::new()] {
            assert_eq!(uuid_within(&name), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn all_machines_have_one_and_no_two_the_same(
            facts in prop::collection::vec((0_u8..4, 0_u8..4, 0_u8..4, any::<bool>(), 0_u8..2), 0..40),
        ) {
            let uuid = |number: u8| (number > 0).then(|| format!("0000000{number}-31e7-49b7-b260-868f441e862b"));
            let owned: Vec<_> = facts.iter().enumerate().map(|(index, (nova, instance, name, running, vcenter))| {
                (uuid(*nova), uuid(*instance), uuid(*name), *running, format!("vc{vcenter}"), format!("vm-{index}"))
            }).collect();
            let machines: Vec<_> = owned.iter().map(|(nova, instance, name, running, vcenter, moid)| Candidates {
                nova: nova.as_deref(), instance_uuid: instance.as_deref(), name: name.as_deref(), running: *running, vcenter, moid,
            }).collect();
            let found = identifiers(&machines);
            let mut unique = found.clone();
            unique.sort();
            unique.dedup();
            prop_assert!(unique.len() == machines.len() && found.iter().all(|identifier| !identifier.is_empty()));
            // Whatever order they are listed in.
            let reversed: Vec<_> = machines.iter().rev().cloned().collect();
            let mut again = identifiers(&reversed);
            again.reverse();
            prop_assert_eq!(again, found);
        }
    }
}
