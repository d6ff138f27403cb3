//! The one task per vSphere host that listens to what vSphere pushes.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use vpoller_vsphere::{Client, Collector, Error, FilterSpec, MoRef, ObjectSpec, PropertySpec, Session, Updates, Value};

use super::apply::{self, Draft, Role, Unclear, Watch, Watches};
use super::learn::{Key, Stage, by_kind};
use super::state::Snapshot;
use super::table::Table;
use super::{Known, base, wait};
use crate::config::Cache;
use crate::inventory::{Direct, ReadError};

/// Keeps the published version true.
pub(crate) struct Follower {
    direct: Arc<Direct>,
    known: Arc<Known>,
    settings: Cache,
    line: Mutex<Option<Line>>,
}

/// The way by which vSphere tells, in one session.
struct Line {
    collector: Collector,
    view: MoRef,
    watches: Watches,
    /// Filters of learned paths.
    groups: Vec<MoRef>,
    /// The filter of objects that are watched one by one, and what it has: never more than some hundred small values.
    aside: Option<(MoRef, BTreeSet<MoRef>, Vec<Key>)>,
    /// The last state that was told to its end, with the columns of what is watched by now.
    latest: Snapshot,
    /// The state that is being told.
    draft: Option<Draft>,
    /// Of [`Draft`], for when there is time.
    strangers: Vec<MoRef>,
    unclear: Unclear,
    opened: Instant,
}

/// Filters of learned paths, until all are put into one.
const GROUPS: usize = 6;
/// Without a configured bound, learned values take about this much memory.
const LEARNED_BYTES: usize = 128 << 20;

impl Follower {
    pub fn new(direct: Arc<Direct>, known: Arc<Known>, settings: Cache) -> Self {
        Self { direct, known, settings, line: Mutex::default() }
    }

    fn client(&self) -> &Client {
        self.direct.client()
    }

    /// Logs in. A line that stood before is used again if vSphere still knows it.
    pub async fn connect(&self) -> Result<(), ReadError> {
        let session = self.client().session().await.map_err(|error| self.direct.error(&error))?;
        let mut line = self.line.lock().await;
        let Some(standing) = line.as_mut().filter(|line| line.collector.session().generation == session.generation) else {
            *line = None;
            return Ok(());
        };
        match standing.collector.wait(Duration::ZERO).await {
            Ok(told) => {
                self.take(standing, told);
                Ok(())
            }
            Err(error) if is_passing(&error) => Err(self.direct.error(&error)),
            Err(error) => {
                tracing::debug!("[{}] starting to follow anew: {error}", self.client().config().host);
                *line = None;
                self.client().session().await.map(drop).map_err(|error| self.direct.error(&error))
            }
        }
    }

    /// Follows until that fails.
    pub async fn follow(&self) -> Result<Infallible, ReadError> {
        let mut line = self.line.lock().await;
        let failed = match &mut *line {
            Some(standing) => self.turns(standing).await,
            None => match self.begin().await {
                Ok(begun) => self.turns(line.insert(begun)).await,
                Err(error) => Err(error),
            },
        };
        let error = match failed {
            Ok(never) => match never {},
            Err(error) => error,
        };
        if !is_passing(&error) {
            *line = None;
        }
        self.known.counters.losses.fetch_add(1, Ordering::Relaxed);
        let error = self.direct.error(&error);
        self.known.fresh.lose(error.clone());
        Err(error)
    }

    /// A line with everything watched that is to be; nothing has been told yet.
    async fn begin(&self) -> Result<Line, Error> {
        let opened = Instant::now();
        let session = self.client().session().await?;
        self.identify(&session);
        let collector = self.client().collector(&session).await?;
        let view = self.client().view(&session).await?;
        let latest = self.known.current.load_full().map(|version| version.emptied()).unwrap_or_default();
        let mut line = Line {
            collector,
            view,
            watches: Watches::new(),
            groups: Vec::new(),
            aside: None,
            latest,
            draft: None,
            strangers: Vec::new(),
            unclear: Unclear::new(),
            opened,
        };
        self.watch_base(&mut line).await?;
        self.watch(&mut line, self.viewed()).await?;
        self.watch_aside(&mut line).await?;
        Ok(line)
    }

    /// What was known holds only for the vCenter that told it: a restored one goes by another identity.
    fn identify(&self, session: &Session) {
        let uuid = session.content.about.get("instanceUuid").and_then(Value::as_str);
        if self.known.identify(uuid) {
            let host = &self.client().config().host;
            tracing::warn!("[{host}] This is another vCenter than before; what was known of its objects is void");
        }
        self.known.speak(&session.api_version);
    }

    /// Watches the base set of everything in the view.
    async fn watch_base(&self, line: &mut Line) -> Result<(), Error> {
        let kinds = base::VIEW.map(|family| (Arc::from(family), shared(&base::paths(family))));
        self.add(line, Watch { paths: kinds.to_vec(), role: Role::View }, &BTreeSet::new()).await.map(drop)
    }

    /// Watches the objects that are watched one by one: the root folder, which is in no view, and those that were asked for.
    async fn watch_aside(&self, line: &mut Line) -> Result<(), Error> {
        let root = line.collector.session().content.root_folder.clone();
        let keys: Vec<Key> = self.known.learned.watched().into_iter().filter(|key| base::is_aside(&key.kind)).collect();
        let mut objects = if keys.is_empty() { BTreeSet::new() } else { self.known.learned.aside() };
        objects.insert(root.clone());
        if line.aside.as_ref().is_some_and(|(_, known, watched)| *known == objects && *watched == keys) {
            return Ok(());
        }
        let mut paths = by_kind(&keys);
        paths.push((Arc::clone(&root.kind), shared(&base::paths(&root.kind))));
        let made = self.add(line, Watch { paths, role: Role::Aside }, &objects).await?;
        if let Some((old, ..)) = made.and_then(|made| line.aside.replace((made, objects, keys))) {
            line.collector.remove_filter(&old).await?;
            line.watches.remove(&old.id);
        }
        Ok(())
    }

    /// Watches learned paths of what is in the view by one more filter.
    async fn watch(&self, line: &mut Line, keys: Vec<Key>) -> Result<(), Error> {
        let made = self.add(line, Watch { paths: by_kind(&keys), role: Role::Values }, &BTreeSet::new()).await?;
        line.groups.extend(made);
        Ok(())
    }

    /// Makes a filter: of these objects, of everything in the view when there are none. Nothing if no path of it exists.
    async fn add(&self, line: &mut Line, mut watch: Watch, objects: &BTreeSet<MoRef>) -> Result<Option<MoRef>, Error> {
        let mut objects = objects.clone();
        while !watch.paths.is_empty() {
            match line.collector.add_filter(&spec(&line.view, &watch, &objects)).await {
                Ok(filter) => {
                    line.latest.watch(&watch.paths, self.known.fresh.seconds(Instant::now()));
                    line.watches.insert(Arc::clone(&filter.id), watch);
                    return Ok(Some(filter));
                }
                Err(error) => self.amend(line, &mut watch, &mut objects, error).await?,
            }
        }
        Ok(None)
    }

    /// Takes out of a watch what vSphere does not have; any other error stands.
    async fn amend(&self, line: &mut Line, watch: &mut Watch, objects: &mut BTreeSet<MoRef>, error: Error) -> Result<(), Error> {
        let Some(fault) = error.fault() else { return Err(error) };
        if let Some(gone) = fault.object().filter(|_| fault.is_a("ManagedObjectNotFound")) {
            if *gone == line.view {
                line.view = self.client().renew_view(&Arc::clone(line.collector.session()), &line.view).await?;
                return Ok(());
            }
            self.known.learned.gone(gone);
            return if objects.remove(gone) { Ok(()) } else { Err(error) };
        }
        let path = fault.property().filter(|_| fault.kind == "InvalidProperty").unwrap_or_default().to_owned();
        let before = watch.len();
        for (kind, paths) in &mut watch.paths {
            paths.retain(|kept| **kept != *path);
            self.known.learned.refuse(&Key::new(kind, &path), Stage::Never);
        }
        watch.paths.retain(|(_, paths)| !paths.is_empty());
        if watch.len() == before { Err(error) } else { Ok(()) }
    }

    /// Turn after turn: listens, and now and then changes what is watched.
    async fn turns(&self, line: &mut Line) -> Result<Infallible, Error> {
        let mut sweeps = Sweeps::new(self.settings.housekeeping);
        // A change of what is watched may have been given up before it was made.
        self.watch(line, self.unwatched(line)).await?;
        self.watch_aside(line).await?;
        loop {
            let started = Instant::now();
            // Not amid a state: its version is good for one use only.
            let whole = line.draft.is_none();
            tokio::select! {
                heard = line.collector.wait(wait(&self.settings)) => self.take(line, heard?),
                () = self.known.learned.due(), if whole => {
                    self.widen(line).await?;
                    continue;
                }
                () = sweeps.due(), if whole => {
                    self.sweep(line).await?;
                    continue;
                }
            }
            self.tidy(line).await;
            if line.draft.is_none() {
                // Changes that come in quick succession are fetched together.
                tokio::time::sleep_until((started + self.settings.pace).into()).await;
            }
        }
    }

    /// Takes in what was told. This task may be given up wherever it waits, so nothing here does: what the collector counts as
    /// told must not get lost.
    fn take(&self, line: &mut Line, told: Option<Updates>) {
        let Some(Updates { set, first, full }) = told else {
            return self.known.fresh.confirm(Instant::now());
        };
        let begun = line.draft.take().filter(|_| !first);
        let mut draft = begun.unwrap_or_else(|| Draft::new(if full { line.latest.emptied() } else { line.latest.clone() }));
        let truncated = set.truncated;
        draft.apply(&line.watches, set);
        if truncated {
            line.draft = Some(draft);
            return;
        }
        let counters = &self.known.counters;
        counters.updates.fetch_add(1, Ordering::Relaxed);
        counters.objects.fetch_add(draft.objects, Ordering::Relaxed);
        if full {
            counters.loads.fetch_add(1, Ordering::Relaxed);
            let time = u64::try_from(line.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
            counters.load_ms.store(time, Ordering::Relaxed);
        }
        line.latest = draft.snapshot;
        line.strangers.append(&mut draft.strangers);
        for (object, mut paths) in draft.unclear {
            line.unclear.entry(object).or_default().extend(paths.drain());
        }
        self.known.publish(&line.latest);
        self.known.fresh.confirm(Instant::now());
    }

    /// Ends filters that nobody knows, and reads again what was told in part only. What cannot be read stays unknown and is
    /// asked for when somebody wants it.
    async fn tidy(&self, line: &mut Line) {
        while let Some(stranger) = line.strangers.pop() {
            // Made by a call of ours that was given up; the session ends it in any case.
            let _ = line.collector.remove_filter(&stranger).await;
        }
        if line.unclear.is_empty() || line.draft.is_some() {
            return;
        }
        let mut rows = Vec::new();
        let kinds: BTreeSet<Arc<str>> = line.unclear.keys().map(|object| Arc::clone(&object.kind)).collect();
        for kind in kinds {
            let of_kind = line.unclear.iter().filter(|(object, _)| object.kind == kind);
            let (objects, paths): (Vec<MoRef>, Vec<_>) = of_kind.map(|(object, paths)| (object.clone(), paths)).unzip();
            let paths: BTreeSet<&str> = paths.into_iter().flatten().map(|path| &**path).collect();
            match self.direct.read_rows(&objects, &paths.into_iter().collect::<Vec<_>>()).await {
                Ok(mut read) => rows.append(&mut read),
                Err(error) => tracing::debug!("[{}] not read again: {error}", self.client().config().host),
            }
        }
        let unclear = std::mem::take(&mut line.unclear);
        apply::settle(&mut line.latest, &unclear, &rows);
        self.known.publish(&line.latest);
    }

    /// Watches what was asked for again.
    async fn widen(&self, line: &mut Line) -> Result<(), Error> {
        self.admit(line);
        if line.groups.len() < GROUPS {
            self.watch(line, self.unwatched(line)).await?;
        } else {
            self.regroup(line).await?;
        }
        self.watch_aside(line).await?;
        self.known.publish(&line.latest);
        Ok(())
    }

    /// Learned paths of what is in the view that are to be watched and in no filter yet.
    fn unwatched(&self, line: &Line) -> Vec<Key> {
        let has = |key: &Key| line.watches.values().any(|watch| watch.has(&key.kind, &key.path));
        self.viewed().into_iter().filter(|key| !has(key)).collect()
    }

    /// Learned paths of what is in the view that are to be watched.
    fn viewed(&self) -> Vec<Key> {
        self.known.learned.watched().into_iter().filter(|key| !base::is_aside(&key.kind)).collect()
    }

    /// Puts all learned paths into one filter. vSphere tells their values once more, so nothing is missed in between.
    async fn regroup(&self, line: &mut Line) -> Result<(), Error> {
        let old = line.groups.clone();
        self.watch(line, self.viewed()).await?;
        for filter in old {
            line.collector.remove_filter(&filter).await?;
            line.watches.remove(&filter.id);
            line.groups.retain(|group| *group != filter);
        }
        Ok(())
    }

    /// Has the wanted paths watched that there is room for.
    fn admit(&self, line: &Line) {
        let mut room = Room::new(&line.latest, self.settings.maxsize);
        let mut full = Vec::new();
        for (key, weight) in self.known.learned.take_wanted() {
            if !room.take(line.latest.table(&key.kind).map_or(0, Table::len), weight) {
                self.known.learned.refuse(&key, Stage::Full(Instant::now()));
                full.push(format!("{}.{}", key.kind, key.path));
            }
        }
        if !full.is_empty() {
            self.known.counters.refused.fetch_add(full.len() as u64, Ordering::Relaxed);
            let (host, full) = (&self.client().config().host, full.join(", "));
            tracing::warn!("[{host}] No room to remember {full}: read from vSphere for each check; see maxsize in [cache]");
        }
    }

    /// Drops learned paths that nobody asks for any more.
    async fn sweep(&self, line: &mut Line) -> Result<(), Error> {
        let now = Instant::now();
        let idle = |key: &Key| {
            let layout = &line.latest.table(&key.kind)?.layout;
            let asked = layout.column(layout.find(&key.path)?)?.asked();
            Some(Duration::from_secs(u64::from(self.known.fresh.seconds(now).saturating_sub(asked))))
        };
        let dropped = self.known.learned.sweep(now, idle);
        if dropped.is_empty() {
            return Ok(());
        }
        let names = dropped.iter().map(|key| format!("{}.{}", key.kind, key.path)).collect::<Vec<_>>().join(", ");
        tracing::info!("[{}] No longer watched, because nobody asks for them: {names}", self.client().config().host);
        line.latest.unwatch(&dropped, &self.known.learned.watched());
        self.regroup(line).await?;
        self.watch_aside(line).await?;
        self.known.publish(&line.latest);
        Ok(())
    }
}

/// Room for learned values.
struct Room {
    values: Option<usize>,
    bytes: usize,
}

impl Room {
    /// What is left. A configured bound counts values; the built-in one their memory.
    fn new(version: &Snapshot, maxsize: usize) -> Self {
        let (values, bytes) = version.learned();
        let values = (maxsize > 0).then(|| maxsize.saturating_sub(values));
        Self { values, bytes: LEARNED_BYTES.saturating_sub(bytes) }
    }

    /// Takes room for one value of so many objects, if there is enough.
    fn take(&mut self, objects: usize, weight: usize) -> bool {
        let bytes = objects.saturating_mul(weight);
        if let Some(values) = &mut self.values {
            let enough = objects <= *values;
            if enough {
                *values -= objects;
            }
            return enough;
        }
        let enough = bytes <= self.bytes;
        if enough {
            self.bytes -= bytes;
        }
        enough
    }
}

/// When to look for what is no longer needed.
struct Sweeps(Option<tokio::time::Interval>);

impl Sweeps {
    fn new(every: Duration) -> Self {
        Self((!every.is_zero()).then(|| tokio::time::interval_at(tokio::time::Instant::now() + every, every)))
    }

    async fn due(&mut self) {
        match &mut self.0 {
            Some(interval) => drop(interval.tick().await),
            None => std::future::pending().await,
        }
    }
}

/// The filter for a watch: on these objects, on everything in the view when there are none.
fn spec(view: &MoRef, watch: &Watch, objects: &BTreeSet<MoRef>) -> FilterSpec {
    let mut spec = FilterSpec::view(view, "", &[]);
    if !objects.is_empty() {
        spec.objects =
            objects.iter().map(|object| ObjectSpec { obj: object.clone(), skip: false, traversals: Vec::new() }).collect();
    }
    // Of several types that fit an object vSphere takes the most specific one only, so that one has to name all paths.
    let properties = |(kind, _): &(Arc<str>, _)| {
        let paths: Vec<&str> = watch.of(kind).map(|path| &**path).collect();
        PropertySpec::new(kind, &paths)
    };
    spec.properties = watch.paths.iter().map(properties).collect();
    spec
}

fn shared(paths: &[&str]) -> Vec<Arc<str>> {
    paths.iter().map(|path| Arc::from(*path)).collect()
}

/// Whether the line may still stand after this error.
fn is_passing(error: &Error) -> bool {
    match error {
        Error::Fault { fault, .. } => fault.is_a("RequestCanceled"),
        Error::SessionLost { .. } | Error::Closed { .. } | Error::Answer { .. } => false,
        _ => true,
    }
}
