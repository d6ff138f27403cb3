//! Which paths are worth watching: those that were asked for twice.
//!
//! The first question about a path that is not watched is answered by vSphere, and so is every other one until the path is
//! watched. Asked again within a while, by whichever object, it is put among the wanted ones; a moment later these go to vSphere
//! as one group. A list of many paths of every object is a reader's: it comes again, and its paths need no second question. What no
//! request asks for any more is dropped.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use vpoller_vsphere::MoRef;

use super::base;
use super::path_key::PathKey;
use crate::border::is_picked;
use crate::lock::lock;

/// The paths that were asked for, once or more, and how far each has come. Those of the base set are not among them.
#[derive(Debug)]
pub(crate) struct WatchList {
    /// How long a path that no request asks for is remembered.
    ttl: Duration,
    state: Mutex<WatchListState>,
    wanted: Notify,
    misses: AtomicU64,
}

#[derive(Debug, Default)]
struct WatchListState {
    paths: HashMap<PathKey, PathEntry>,
    /// Objects that are watched one by one.
    individual: BTreeSet<MoRef>,
    /// When the next group of wanted paths goes to vSphere.
    due: Option<Instant>,
}

#[derive(Clone, Debug)]
struct PathEntry {
    stage: WatchStage,
    asked: Instant,
    misses: u64,
    /// Bytes of one value, as far as seen.
    weight: usize,
    /// Readers that want it watched whatever is asked for.
    pins: usize,
    /// Whether the log says that vSphere sends no values of it.
    noted: bool,
}

/// How far a path has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum WatchStage {
    /// Asked for.
    Asked,
    /// Asked for again: part of the next group.
    Wanted,
    /// Watched, or about to be.
    Watched,
    /// There was no room for it at that time.
    Full(Instant),
    /// vSphere took the filter and sent no values at that time.
    Silent(Instant),
    /// Never to be watched.
    Never,
}

/// A path for the status page.
#[derive(Debug)]
pub(crate) struct PathReport {
    pub key: PathKey,
    pub stage: WatchStage,
    pub misses: u64,
}

/// Paths remembered at most.
const MOST: usize = 10_000;
/// A program that reads everything lists this many paths and more, again and again. People ask for fewer.
const READER: usize = 10;
/// How long wanted paths wait for others to go along.
pub(crate) const GATHER: Duration = Duration::from_secs(2);

impl WatchList {
    pub(crate) fn new(ttl: Duration) -> Self {
        Self { ttl, state: Mutex::default(), wanted: Notify::new(), misses: AtomicU64::new(0) }
    }

    /// Notes that vSphere had to be asked for a path.
    pub(crate) fn missed(&self, kind: &str, path: &str, now: Instant) {
        self.misses.fetch_add(1, Ordering::Relaxed);
        let mut state = self.state();
        let key = state.covering(kind, path).unwrap_or_else(|| PathKey::new(kind, path));
        // A check that comes every hour must not find the path forgotten each time.
        let window = 2 * self.ttl;
        if !state.paths.contains_key(&key) && !state.make_room(window, now) {
            return;
        }
        let first = PathEntry { stage: WatchStage::Asked, asked: now, misses: 0, weight: 0, pins: 0, noted: false };
        let entry = state.paths.entry(key.clone()).or_insert(first);
        let before = std::mem::replace(&mut entry.asked, now);
        entry.misses += 1;
        let again = entry.misses > 1 && now.saturating_duration_since(before) <= window;
        if base::is_never_watched(kind, &key.path) {
            entry.stage = WatchStage::Never;
            return;
        }
        let ready = match entry.stage {
            WatchStage::Asked => again && !base::is_always_watched(kind, &key.path),
            // Things may have got smaller meanwhile.
            WatchStage::Full(at) | WatchStage::Silent(at) => now.saturating_duration_since(at) > self.ttl,
            WatchStage::Wanted | WatchStage::Watched | WatchStage::Never => false,
        };
        if ready {
            entry.stage = WatchStage::Wanted;
            state.due.get_or_insert(now + GATHER);
            self.wanted.notify_one();
        }
    }

    /// Notes that vSphere answered a list: these paths of every object of a type. From [`READER`] paths on all of them are wanted at
    /// once.
    pub(crate) fn listed(&self, kind: &str, paths: &[&str], now: Instant) {
        if paths.len() < READER {
            return;
        }
        let mut state = self.state();
        let mut is_new = false;
        for path in paths.iter().filter(|path| !base::is_always_watched(kind, path)) {
            let key = PathKey::new(kind, path);
            if let Some(entry) = state.paths.get_mut(&key).filter(|entry| entry.stage == WatchStage::Asked) {
                entry.stage = WatchStage::Wanted;
                is_new = true;
            }
        }
        if is_new {
            state.due = Some(now);
            self.wanted.notify_one();
        }
    }

    /// Notes objects that were asked for. Those that are watched one by one are from now on.
    pub(crate) fn named(&self, objects: &[MoRef], now: Instant) {
        let new = objects.iter().filter(|object| base::is_watched_individually(&object.kind));
        let mut new = new.peekable();
        if new.peek().is_none() {
            return;
        }
        let mut state = self.state();
        let before = state.individual.len();
        for object in new {
            if state.individual.len() < MOST && !state.individual.contains(object) {
                state.individual.insert(object.clone());
            }
        }
        if state.individual.len() > before {
            state.due.get_or_insert(now + GATHER);
            self.wanted.notify_one();
        }
    }

    /// The objects that are watched one by one.
    pub(crate) fn individual(&self) -> BTreeSet<MoRef> {
        self.state().individual.clone()
    }

    /// Forgets an object that is no more.
    pub(crate) fn gone(&self, object: &MoRef) {
        self.state().individual.remove(object);
    }

    /// Notes how large a value of a path is.
    pub(crate) fn weighed(&self, kind: &str, path: &str, weight: usize) {
        if let Some(entry) = self.state().paths.get_mut(&PathKey::new(kind, path)) {
            entry.weight = entry.weight.max(weight);
        }
    }

    /// Waits until a group is due.
    pub(crate) async fn due(&self) {
        loop {
            let due = self.state().due;
            let Some(due) = due else {
                self.wanted.notified().await;
                continue;
            };
            tokio::select! {
                () = tokio::time::sleep_until(due.into()) => return,
                // It may be due earlier now.
                () = self.wanted.notified() => {}
            }
        }
    }

    /// Forgets paths that are part of another one that is watched or wanted; returns those that were watched themselves.
    pub(crate) fn drop_covered(&self) -> Vec<PathKey> {
        let mut state = self.state();
        let covered: Vec<PathKey> = state
            .paths
            .iter()
            .filter(|(key, entry)| entry.pins == 0 && entry.stage.is_chosen() && state.covering(&key.kind, &key.path).is_some())
            .map(|(key, _)| key.clone())
            .collect();
        let forgotten = covered.into_iter().filter_map(|key| state.paths.remove_entry(&key));
        let mut watched: Vec<PathKey> =
            forgotten.filter(|(_, entry)| entry.stage == WatchStage::Watched).map(|(key, _)| key).collect();
        watched.sort();
        watched
    }

    /// Takes the wanted paths, each with the bytes that one value has. They count as watched from now on.
    pub(crate) fn take_wanted(&self) -> Vec<(PathKey, usize)> {
        let mut state = self.state();
        state.due = None;
        let wanted = state.paths.iter_mut().filter(|(_, entry)| entry.stage == WatchStage::Wanted);
        let mut taken: Vec<_> = wanted
            .map(|(key, entry)| {
                entry.stage = WatchStage::Watched;
                (key.clone(), entry.weight)
            })
            .collect();
        taken.sort();
        taken
    }

    /// Has these paths watched from now on, until each is unpinned as often as it was pinned. What must never be watched is not,
    /// and what is always watched needs no pin.
    pub(crate) fn pin(&self, keys: &[PathKey], now: Instant) {
        let mut state = self.state();
        let mut is_new = false;
        for key in keys.iter().filter(|key| is_worth_a_pin(key)) {
            let first = PathEntry { stage: WatchStage::Asked, asked: now, misses: 0, weight: 0, pins: 0, noted: false };
            let entry = state.paths.entry(key.clone()).or_insert(first);
            entry.pins += 1;
            if matches!(entry.stage, WatchStage::Asked | WatchStage::Full(_) | WatchStage::Silent(_)) {
                entry.stage = WatchStage::Wanted;
                is_new = true;
            }
        }
        if is_new {
            // A reader that pins paths names all it wants: there is nothing to gather.
            state.due = Some(state.due.map_or(now, |due| due.min(now)));
            self.wanted.notify_one();
        }
    }

    /// Takes back a pin of each of these paths. From now on they are forgotten like others.
    pub(crate) fn unpin(&self, keys: &[PathKey], now: Instant) {
        let mut state = self.state();
        for key in keys {
            if let Some(entry) = state.paths.get_mut(key).filter(|entry| entry.pins > 0) {
                entry.pins -= 1;
                entry.asked = now;
            }
        }
    }

    /// Notes that a path is not watched after all.
    pub(crate) fn refuse(&self, key: &PathKey, stage: WatchStage) {
        if let Some(entry) = self.state().paths.get_mut(key) {
            entry.stage = stage;
        }
    }

    /// Notes that vSphere took the filter on a path and sends no values. Says whether that is new.
    pub(crate) fn silence(&self, key: &PathKey, now: Instant) -> bool {
        let mut state = self.state();
        let Some(entry) = state.paths.get_mut(key) else { return false };
        entry.stage = WatchStage::Silent(now);
        !std::mem::replace(&mut entry.noted, true)
    }

    /// Whether vSphere sends no values of a path although it took the filter.
    pub(crate) fn is_silent(&self, kind: &str, path: &str) -> bool {
        self.state().paths.get(&PathKey::new(kind, path)).is_some_and(|entry| matches!(entry.stage, WatchStage::Silent(_)))
    }

    /// The paths that are watched.
    pub(crate) fn watched(&self) -> Vec<PathKey> {
        let state = self.state();
        let watched = state.paths.iter().filter(|(_, entry)| entry.stage == WatchStage::Watched);
        let mut watched: Vec<PathKey> = watched.map(|(key, _)| key.clone()).collect();
        watched.sort();
        watched
    }

    /// Forgets what was not asked for lately; returns those that were watched. `idle` says for how long no request was answered
    /// from a watched path.
    pub(crate) fn sweep(&self, now: Instant, idle: impl Fn(&PathKey) -> Option<Duration>) -> Vec<PathKey> {
        let (ttl, mut dropped) = (self.ttl, Vec::new());
        self.state().paths.retain(|key, entry| {
            let asked = now.saturating_duration_since(entry.asked);
            let keep = match entry.stage {
                _ if entry.pins > 0 => true,
                WatchStage::Watched => idle(key).is_none_or(|idle| idle.min(asked) <= ttl),
                WatchStage::Wanted => true,
                WatchStage::Asked | WatchStage::Full(_) | WatchStage::Silent(_) | WatchStage::Never => asked <= 2 * ttl,
            };
            if !keep && entry.stage == WatchStage::Watched {
                dropped.push(key.clone());
            }
            keep
        });
        dropped.sort();
        dropped
    }

    /// Questions that vSphere had to be asked.
    pub(crate) fn misses(&self) -> u64 {
        self.misses.load(Ordering::Relaxed)
    }

    /// Every path that is remembered.
    pub(crate) fn all(&self) -> Vec<PathReport> {
        let state = self.state();
        let asked =
            |(key, entry): (&PathKey, &PathEntry)| PathReport { key: key.clone(), stage: entry.stage, misses: entry.misses };
        let mut all: Vec<PathReport> = state.paths.iter().map(asked).collect();
        all.sort_by(|a, b| a.key.cmp(&b.key));
        all
    }

    fn state(&self) -> MutexGuard<'_, WatchListState> {
        lock(&self.state)
    }
}

impl WatchStage {
    /// Whether the path is watched, or will be in a moment.
    const fn is_chosen(self) -> bool {
        matches!(self, Self::Wanted | Self::Watched)
    }
}

impl WatchListState {
    /// The path, watched or wanted, that a path of a type is part of and picked from.
    fn covering(&self, kind: &str, path: &str) -> Option<PathKey> {
        let mut wholes = path.rmatch_indices('.').filter_map(|(dot, _)| path.get(..dot));
        wholes.find_map(|whole| {
            let key = PathKey::new(kind, whole);
            let is_chosen = self.paths.get(&key).is_some_and(|entry| entry.stage.is_chosen());
            (is_chosen && is_picked(kind, path, whole)).then_some(key)
        })
    }

    /// Makes room for one more path, if need be and possible.
    fn make_room(&mut self, window: Duration, now: Instant) -> bool {
        if self.paths.len() >= MOST {
            self.paths.retain(|_, entry| {
                entry.pins > 0
                    || !matches!(entry.stage, WatchStage::Asked | WatchStage::Never)
                    || now.saturating_duration_since(entry.asked) <= window / 8
            });
        }
        self.paths.len() < MOST
    }
}

/// Whether a pin has an effect on a path.
fn is_worth_a_pin(key: &PathKey) -> bool {
    !base::is_never_watched(&key.kind, &key.path) && !base::is_always_watched(&key.kind, &key.path)
}

#[cfg(test)]
mod tests;
