//! What is watched: the base set, learned paths in groups, and objects that are in no view.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use vpoller_vsphere::{Error, FilterSpec, MoRef, ObjectSpec, PropertySpec, VIEW_TYPES};

use super::apply::{Role, Watch};
use super::base;
use super::follow::Follower;
use super::learn::{Key, Stage, by_kind};
use super::line::Line;
use super::state::Snapshot;
use super::table::Table;

/// Filters of learned paths, until all are put into one.
const GROUPS: usize = 6;
/// Without a configured bound, learned values take about this much memory.
const LEARNED_BYTES: usize = 128 << 20;

impl Follower {
    /// Watches everything that is to be, from the start.
    pub(super) async fn watch_all(&self, line: &mut Line) -> Result<(), Error> {
        self.watch_base(line).await?;
        self.watch(line, self.viewed()).await?;
        self.watch_aside(line).await
    }

    /// Watches what is to be watched and is not yet: a change may have been given up before it was made.
    pub(super) async fn complete(&self, line: &mut Line) -> Result<(), Error> {
        self.watch(line, self.unwatched(line)).await?;
        self.watch_aside(line).await
    }

    /// Watches the base set of everything in the view.
    async fn watch_base(&self, line: &mut Line) -> Result<(), Error> {
        let kinds = VIEW_TYPES.map(|family| (Arc::from(family), shared(&base::paths(family))));
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
            self.drop_filter(line, &old).await?;
        }
        Ok(())
    }

    /// Ends a filter. One that vSphere does not know is no loss.
    async fn drop_filter(&self, line: &mut Line, filter: &MoRef) -> Result<(), Error> {
        match line.collector.remove_filter(filter).await {
            Ok(()) | Err(Error::Fault { .. }) => {}
            Err(error) => return Err(error),
        }
        line.watches.remove(&filter.id);
        line.groups.retain(|group| group != filter);
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

    /// Watches what was asked for again.
    pub(super) async fn widen(&self, line: &mut Line) -> Result<(), Error> {
        self.admit(line);
        if line.groups.len() >= GROUPS {
            self.regroup(line).await?;
        }
        self.complete(line).await?;
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
            self.drop_filter(line, &filter).await?;
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
    pub(super) async fn sweep(&self, line: &mut Line) -> Result<(), Error> {
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
