//! The two names of a Zabbix host, and what to do when one is taken.
//!
//! The visible name is the object's own; the technical name is what Zabbix allows of it. Both must be unique in the whole of
//! Zabbix, so each object has a few of either: the plain one, one with the object's id, one with the vCenter's name as well.

use std::collections::HashMap;

use percent_encoding::percent_decode_str;

use crate::inventory::Object;

/// Longest name of a host, in characters.
const LONGEST: usize = 128;

/// Names for one host, the most wanted first.
pub(crate) type Candidates = [String; 3];

/// Visible names for an object.
pub(crate) fn visible(display: &str, moid: &str, vcenter: &str) -> Candidates {
    [joined(display, ""), joined(display, &format!(" ({moid})")), joined(display, &format!(" ({moid}@{vcenter})"))]
}

/// Technical names for an object.
pub(crate) fn technical(name: &str, moid: &str, vcenter: &str) -> Candidates {
    let moid = clean(moid);
    let vcenter = clean(vcenter);
    let base = Some(clean(name)).filter(|base| !base.is_empty()).unwrap_or_else(|| moid.clone());
    [joined(&base, ""), joined(&base, &format!("_{moid}")), joined(&base, &format!("_{moid}_{vcenter}"))]
}

/// Visible and technical names for an object's host.
pub(crate) fn candidates(object: &Object, vcenter: &str) -> (Candidates, Candidates) {
    (visible(&object.display, &object.moid, vcenter), technical(&object.name, &object.moid, vcenter))
}

/// Text and ending, the text cut so that both fit.
fn joined(text: &str, ending: &str) -> String {
    let room = LONGEST.saturating_sub(ending.chars().count());
    text.chars().take(room).chain(ending.chars()).take(LONGEST).collect()
}

/// A technical name that Zabbix allows: vSphere's escapes decoded, each run of other characters replaced by an underscore.
fn clean(name: &str) -> String {
    let mut cleaned = String::new();
    for c in percent_decode_str(name).decode_utf8_lossy().chars() {
        if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') {
            cleaned.push(c);
        } else if !cleaned.ends_with('_') {
            cleaned.push('_');
        }
    }
    cleaned.trim_matches('_').to_owned()
}

/// What has a name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum NameOwner {
    /// The host with this id.
    Host(String),
    /// A template, or a host that this plan creates.
    Other,
}

/// The names in use, updated while the plan is made.
#[derive(Clone, Debug, Default)]
pub(crate) struct NamesInUse(HashMap<String, NameOwner>);

impl NamesInUse {
    /// Records that a name is in use.
    pub(crate) fn reserve(&mut self, name: &str, holder: NameOwner) {
        self.0.insert(name.to_owned(), holder);
    }

    /// Frees a name if this host has it.
    pub(crate) fn release(&mut self, name: &str, host: &str) {
        if self.is_of(name, host) {
            self.0.remove(name);
        }
    }

    /// Gives a host the first name that is free for it, and frees its old one.
    pub(crate) fn assign(&mut self, names: &Candidates, old: &str, host: &str) -> Option<String> {
        let name = self.first(names, Some(host))?.to_owned();
        self.release(old, host);
        self.reserve(&name, NameOwner::Host(host.to_owned()));
        Some(name)
    }

    /// Whether a host may have a name: no other object has it. A host that does not exist yet is `None`.
    pub(crate) fn allows(&self, name: &str, host: Option<&str>) -> bool {
        !self.0.contains_key(name) || host.is_some_and(|host| self.is_of(name, host))
    }

    /// The first of the names that a host may have.
    pub(crate) fn first<'a>(&self, names: &'a Candidates, host: Option<&str>) -> Option<&'a str> {
        names.iter().find(|name| self.allows(name, host)).map(String::as_str)
    }

    fn is_of(&self, name: &str, host: &str) -> bool {
        matches!(self.0.get(name), Some(NameOwner::Host(id)) if id == host)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn technical_names_are_what_zabbix_allows() {
        let check = |name: &str, is_expected: &str| assert_eq!(technical(name, "vm-1", "vc01")[0], is_expected);
        check("vm01.example.org", "vm01.example.org");
        check("VMware vCenter Server Appliance", "VMware_vCenter_Server_Appliance");
        check("vm%2fslash", "vm_slash");
        check("50%25 off", "50_off");
        check("100%", "100");
        check("vm with \"quotes\" and 'apostrophe'", "vm_with_quotes_and_apostrophe");
        check("{#X} $1 [a,b]", "X_1_a_b");
        check("Größe", "Gr_e");
        check("__a__", "a");
        check("日本", "vm-1");
        check("🚀", "vm-1");
        assert_eq!(technical("a b", "192.168.1.1:/vol", "vc 01"), ["a_b", "a_b_192.168.1.1_vol", "a_b_192.168.1.1_vol_vc_01"]);
    }

    #[test]
    fn visible_names_are_the_objects_own() {
        assert_eq!(visible("vm %2f", "vm-1", "vc01"), ["vm %2f", "vm %2f (vm-1)", "vm %2f (vm-1@vc01)"]);
    }

    #[test]
    fn names_in_use_are_held_by_somebody() {
        let mut in_use = NamesInUse::default();
        let names = visible("a", "vm-1", "vc01");
        assert_eq!(in_use.first(&names, None), Some("a"));
        in_use.reserve("a", NameOwner::Host("10".to_owned()));
        assert_eq!(in_use.first(&names, Some("10")), Some("a"));
        assert_eq!(in_use.first(&names, Some("11")), Some("a (vm-1)"));
        in_use.release("a", "11");
        assert_eq!(in_use.first(&names, None), Some("a (vm-1)"));
        in_use.release("a", "10");
        assert_eq!(in_use.first(&names, None), Some("a"));
        names.iter().for_each(|name| in_use.reserve(name, NameOwner::Other));
        assert_eq!(in_use.first(&names, Some("10")), None);
    }

    proptest! {
        #[test]
        fn any_name_gives_legal_names(name in ".{0,300}", moid in "[ -~]{1,40}", vcenter in "[a-z0-9.:-]{1,200}") {
            let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
            for technical in technical(&name, &moid, &vcenter) {
                prop_assert!(technical.chars().all(legal) && technical.chars().count() <= LONGEST, "{technical}");
            }
            for visible in visible(&name, &moid, &vcenter) {
                prop_assert!(visible.chars().count() <= LONGEST);
            }
        }

        #[test]
        fn a_moid_makes_names_differ(name in ".{0,200}") {
            let one = visible(&name, "vm-1", "vc01");
            let other = visible(&name, "vm-2", "vc01");
            prop_assert_ne!(&one[1], &other[1]);
            let one = technical(&name, "vm-1", "vc01");
            let other = technical(&name, "vm-2", "vc01");
            prop_assert_ne!(&one[1], &other[1]);
        }
    }
}
