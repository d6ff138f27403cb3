//! vSphere's inventory in memory, kept true by vSphere itself.
//!
//! [`follow`] has vSphere push ([`filters`]): a base set of paths of every object, and those paths that were asked for twice
//! ([`watch_list`]). What comes over the [`update_stream`] it applies ([`apply`]) to a copy of the last version ([`version`], [`table`],
//! [`layout`]), and publishes the copy when vSphere has reported a state to its end. Readers take the published version without a lock and never see half a state.
//! [`silent_filters`] notices filters of which nothing is reported, and [`refusal_probe`] looks now and then whether what the account might not read may be read by now.
//! [`freshness`] says for how long a version is good, [`kept_answers`] keeps some answers of vSphere for a moment.

mod apply;
mod base;
mod filters;
mod follow;
mod freshness;
mod kept_answers;
mod layout;
mod name_index;
mod path_key;
mod pin;
mod refusal_probe;
mod report;
mod row_reader;
mod settings;
mod silent_filters;
mod table;
mod update_stream;
mod version;
mod watch_list;

use std::collections::HashSet;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;

pub(crate) use base::is_never_watched;
pub(crate) use follow::Follower;
pub(crate) use kept_answers::KeptAnswers;
pub(crate) use pin::PathPin;
pub(crate) use row_reader::{Lookup, RowReader};
pub use settings::CacheSettings;
pub(crate) use table::weight;
pub(crate) use version::Snapshot;

use crate::border::View;
use crate::lock::lock;
use freshness::Freshness;
use path_key::PathKey;
use silent_filters::Silence;
use watch_list::WatchList;

/// What readers and the task that follows vSphere have in common.
#[derive(Debug)]
pub(crate) struct SnapshotStore {
    current: ArcSwapOption<Snapshot>,
    pub fresh: Freshness,
    pub watch_list: WatchList,
    /// Paths that do not exist, in the API version that is spoken.
    invalid: Mutex<InvalidPaths>,
    identity: Mutex<VcenterIdentity>,
    pub silence: Silence,
    counters: Counters,
}

/// Which vCenter reported what is known.
#[derive(Debug, Default)]
enum VcenterIdentity {
    #[default]
    Unknown,
    /// Its `instanceUuid`; an ESXi host has none.
    Known(Option<String>),
}

#[derive(Debug, Default)]
struct InvalidPaths {
    version: String,
    paths: HashSet<PathKey>,
}

/// What the status page counts.
#[derive(Debug, Default)]
struct Counters {
    /// Answers of vSphere with changes in them.
    updates: AtomicU64,
    /// Objects in those.
    objects: AtomicU64,
    /// How often everything was reported anew.
    loads: AtomicU64,
    /// How long that took the last time, in milliseconds.
    load_ms: AtomicU64,
    /// Times that vSphere was lost.
    losses: AtomicU64,
    /// Paths that there was no room for.
    refused: AtomicU64,
}

/// Paths remembered as invalid at most.
const MOST_INVALID: usize = 10_000;
/// The longest wait for changes: shorter than the idle time-outs of whatever may be on the way.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

impl SnapshotStore {
    pub(crate) fn new(settings: &CacheSettings) -> Self {
        Self {
            current: ArcSwapOption::empty(),
            fresh: Freshness::new(Instant::now(), settings.max_stale, wait(settings)),
            watch_list: WatchList::new(settings.ttl),
            invalid: Mutex::default(),
            identity: Mutex::default(),
            silence: Silence::default(),
            counters: Counters::default(),
        }
    }

    /// The version that answers may come from.
    pub(crate) fn current(&self, now: Instant) -> Option<Arc<Snapshot>> {
        if self.fresh.is_good(now) { self.current.load_full() } else { None }
    }

    /// The version that answers may come from, for readers that go through many objects.
    pub(crate) fn view(&self, now: Instant) -> Option<View> {
        // In this order: what is confirmed later holds for an earlier version no less than what was then.
        let confirmed = self.fresh.confirmed()?;
        let version = self.current(now)?;
        Some(View::new(version, confirmed))
    }

    /// Whether the path is known not to exist.
    pub(crate) fn is_invalid(&self, kind: &str, path: &str) -> bool {
        let invalid = self.invalid();
        !invalid.paths.is_empty() && invalid.paths.contains(&PathKey::new(kind, path))
    }

    /// Remembers a path that does not exist. One that names an element of a list may exist for another object.
    pub(crate) fn note_invalid(&self, kind: &str, path: &str) {
        let mut invalid = self.invalid();
        if !path.contains('[') && invalid.paths.len() < MOST_INVALID {
            invalid.paths.insert(PathKey::new(kind, path));
        }
    }

    /// Which paths exist depends on the API version.
    fn speak(&self, version: &str) {
        let mut invalid = self.invalid();
        if invalid.version != version {
            *invalid = InvalidPaths { version: version.to_owned(), paths: HashSet::new() };
        }
    }

    /// Notes which vCenter reports from now on. Says whether it is another one, so that what was known is void.
    fn identify(&self, uuid: Option<&str>) -> bool {
        let mut identity = lock(&self.identity);
        let before = std::mem::replace(&mut *identity, VcenterIdentity::Known(uuid.map(str::to_owned)));
        let other = matches!(before, VcenterIdentity::Known(before) if before.as_deref() != uuid);
        if other {
            self.fresh.void();
            self.silence.reset();
            self.current.store(None);
        }
        other
    }

    fn publish(&self, version: &Snapshot) {
        self.current.store(Some(Arc::new(version.clone())));
    }

    fn invalid(&self) -> MutexGuard<'_, InvalidPaths> {
        lock(&self.invalid)
    }
}

/// How long to wait for changes in one call, so that vSphere confirms often enough.
fn wait(settings: &CacheSettings) -> Duration {
    let seconds = (settings.max_stale / 2).min(LONGEST_WAIT).as_secs().max(1);
    Duration::from_secs(seconds)
}
