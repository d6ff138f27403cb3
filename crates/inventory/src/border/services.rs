//! What can be asked of a vSphere host beyond properties of its inventory: questions to its managers.

use std::cmp::Reverse;

use futures_util::future::BoxFuture;
use vpoller_vsphere::{DateTime, MoRef, SecretString, Struct, Value};

use super::ReadError;

/// The managers of one vSphere host.
pub trait Services: Send + Sync {
    /// The folder that everything is in.
    fn root(&self) -> BoxFuture<'_, Result<MoRef, ReadError>>;

    /// The manager of this type that the host offers, such as `LicenseManager`.
    fn manager<'a>(&'a self, kind: &'a str) -> BoxFuture<'a, Result<Option<MoRef>, ReadError>>;

    /// The time by the host's clock.
    fn now(&self) -> BoxFuture<'_, Result<DateTime, ReadError>>;

    /// The newest event, if there is any.
    fn latest_event(&self) -> BoxFuture<'_, Result<Option<Struct>, ReadError>>;

    /// Events, oldest first. What cannot be read as an event is left out.
    fn events<'a>(&'a self, filter: &'a EventFilter) -> BoxFuture<'a, Result<EventList, ReadError>>;

    /// Who is logged in (`UserSession`); nothing when the account may not know.
    fn sessions(&self) -> BoxFuture<'_, Result<Option<Vec<Struct>>, ReadError>>;

    /// How an ESXi host's vSAN system sees its cluster (`VsanHostClusterStatus`).
    fn vsan_status<'a>(&'a self, system: &'a MoRef) -> BoxFuture<'a, Result<Struct, ReadError>>;

    /// The keys of the custom attributes of this name; there may be one for each type of object.
    fn attribute_keys<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<i64>, ReadError>>;

    /// The processes in the guest of a virtual machine. Never asked twice on its own: a wrong password locks accounts.
    fn processes<'a>(&'a self, vm: &'a MoRef, account: GuestAccount<'a>) -> BoxFuture<'a, Result<Vec<Value>, ReadError>>;
}

/// Who asks inside a guest.
#[derive(Clone, Copy, Debug)]
pub struct GuestAccount<'a> {
    /// Guest user.
    pub user: &'a str,
    /// Guest password.
    pub password: &'a SecretString,
}

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its key: unique within a vCenter, and ascending.
    pub key: i64,
    /// Its type; of extended events, which share a few types, their own identifier.
    pub kind: String,
    /// How grave it is, where that is known.
    pub severity: Option<Severity>,
    /// The event as vSphere sent it.
    pub body: Struct,
}

/// The events that are wanted, oldest first.
#[derive(Clone, Debug, Default)]
pub struct EventList {
    /// The events.
    pub events: Vec<Event>,
    /// Whether the search ended at its limit, so that older events that are wanted may be missing.
    pub is_cut: bool,
}

/// Which events are wanted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EventFilter {
    /// Only events after the one of this key: the first ones after it. Without, the newest ones.
    pub after: Option<i64>,
    /// Only these types; all when empty.
    pub kinds: Vec<String>,
    /// Only these severities; all when empty.
    pub severities: Vec<Severity>,
    /// No more than this.
    pub limit: usize,
}

/// How grave an event is; what the API calls its category.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Severity {
    /// Something happened.
    Info,
    /// Somebody wrote something down.
    User,
    /// Something may go wrong.
    Warning,
    /// Something went wrong.
    Error,
}

impl Severity {
    /// Every severity.
    pub const ALL: &[Self] = &[Self::Info, Self::User, Self::Warning, Self::Error];

    /// The severity of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|severity| severity.name() == name)
    }

    /// The name, as in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::User => "user",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// How many keys before the newest one a key was given out. Keys are signed numbers of 32 bits that start again at their
/// other end, or earlier, so that the greater one need not be the newer one.
pub(crate) fn event_age(newest: i64, key: i64) -> i64 {
    (newest - key).rem_euclid(1 << 32)
}

impl EventFilter {
    /// Whether an event is wanted, its key aside. One of unknown severity is: it would get lost otherwise.
    #[must_use]
    pub fn wants(&self, event: &Event) -> bool {
        let kind = self.kinds.is_empty() || self.kinds.contains(&event.kind);
        let grave = |severity| self.severities.is_empty() || self.severities.contains(&severity);
        kind && event.severity.is_none_or(grave)
    }

    /// Of events in any order, some of them perhaps twice, the wanted ones: oldest first, no more than the limit.
    #[must_use]
    pub fn choose(&self, events: Vec<Event>) -> Vec<Event> {
        let newest = events.iter().map(|event| event.key).chain(self.after).max().unwrap_or_default();
        self.choose_before(newest, events)
    }

    /// As [`EventFilter::choose`], where the newest event of all has this key.
    pub(crate) fn choose_before(&self, newest: i64, mut events: Vec<Event>) -> Vec<Event> {
        let is_after = |key| self.after.is_none_or(|after| event_age(newest, key) < event_age(newest, after));
        events.retain(|event| self.wants(event) && is_after(event.key));
        events.sort_by_key(|event| Reverse(event_age(newest, event.key)));
        events.dedup_by_key(|event| event.key);
        match self.after {
            Some(_) => events.truncate(self.limit),
            None => drop(events.drain(..events.len().saturating_sub(self.limit))),
        }
        events
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn event(key: i64) -> Event {
        let kinds = ["VmPoweredOnEvent", "esx.problem.disk"];
        let severity = [Some(Severity::Info), Some(Severity::Error), None];
        let at = |length: usize| usize::try_from(key.unsigned_abs()).unwrap_or_default() % length;
        let body = Struct { kind: "Event".into(), fields: Vec::new() };
        Event { key, kind: kinds[at(2)].to_owned(), severity: severity[at(3)], body }
    }

    fn filter(after: Option<i64>, limit: usize) -> EventFilter {
        EventFilter { after, kinds: Vec::new(), severities: Vec::new(), limit }
    }

    fn keys(events: &[Event]) -> Vec<i64> {
        events.iter().map(|event| event.key).collect()
    }

    #[test]
    fn the_first_ones_after_a_key_or_the_newest_ones() {
        let events = || [5, 3, 9, 3, 7].map(event).to_vec();
        assert_eq!(keys(&filter(Some(3), 2).choose(events())), [5, 7]);
        assert_eq!(keys(&filter(None, 2).choose(events())), [7, 9]);
        assert_eq!(keys(&filter(None, 9).choose(events())), [3, 5, 7, 9]);
        assert_eq!(keys(&filter(Some(9), 9).choose(events())), [0_i64; 0]);
    }

    #[test]
    fn keys_that_start_again_keep_their_order() {
        let (last, first) = (i64::from(i32::MAX), i64::from(i32::MIN));
        let events = || [first + 1, last, first, last - 1].map(event).to_vec();
        let after = |key, newest| keys(&filter(Some(key), 9).choose_before(newest, events()));
        assert_eq!(after(last - 1, first + 1), [last, first, first + 1]);
        assert_eq!(after(first, first + 1), [first + 1]);
        let early = || [2, 2_147_480_000, 1, 2_147_479_999].map(event).to_vec();
        assert_eq!(keys(&filter(Some(2_147_479_999), 9).choose_before(2, early())), [2_147_480_000, 1, 2]);
        assert_eq!(keys(&filter(None, 3).choose_before(2, early())), [2_147_480_000, 1, 2]);
    }

    #[test]
    fn types_and_severities_narrow_and_unknown_severity_passes() {
        let errors = EventFilter { severities: vec![Severity::Error], ..filter(None, 9) };
        assert_eq!(keys(&errors.choose((0..6).map(event).collect())), [1, 2, 4, 5]);
        let disks = EventFilter { kinds: vec!["esx.problem.disk".to_owned()], ..filter(None, 9) };
        assert_eq!(keys(&disks.choose((0..6).map(event).collect())), [1, 3, 5]);
        assert!(Severity::ALL.iter().all(|severity| Severity::parse(severity.name()) == Some(*severity)));
        assert_eq!(Severity::parse("fatal"), None);
    }

    proptest! {
        /// Who asks again with the last key gets every event once.
        #[test]
        fn resuming_loses_nothing(keys in prop::collection::vec(0_i64..100, 0..60), limit in 1_usize..9) {
            let events: Vec<Event> = keys.iter().copied().map(event).collect();
            let (mut seen, mut after) = (Vec::new(), -1);
            loop {
                let part = filter(Some(after), limit).choose(events.clone());
                let Some(last) = part.last() else { break };
                after = last.key;
                seen.extend(part.iter().map(|event| event.key));
            }
            let mut all = keys;
            all.sort_unstable();
            all.dedup();
            prop_assert_eq!(seen, all);
        }
    }
}
