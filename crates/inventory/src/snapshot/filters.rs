//! What is watched: the base set, learned paths in groups, and objects that are in no view.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use vpoller_vsphere::{Error, FilterSpec, MoRef, ObjectSpec, PropertySpec, VIEW_TYPES};

use super::apply::{FilterRole, WatchFilter};
use super::base;
use super::follow::Follower;
use super::path_key::{PathKey, by_kind};
use super::table::Table;
use super::update_stream::UpdateStream;
use super::version::Snapshot;
use super::watch_list::WatchStage;

/// Filters of learned paths, until all are put into one.
const GROUPS: usize = 6;
/// Without a configured bound, learned values take about this much memory.
const LEARNED_BYTES: usize = 128 << 20;

impl Follower {
    /// Watches everything that is to be watched, from the start.
    pub(super) async fn watch_all(&self, stream: &mut UpdateStream) -> Result<(), Error> {
        self.watch_base(stream).await?;
        self.watch(stream, self.viewed()).await?;
        self.watch_individual(stream).await
    }

    /// Watches what is to be watched and is not yet: a change may have been given up before it was made.
    pub(super) async fn complete(&self, stream: &mut UpdateStream) -> Result<(), Error> {
        self.watch(stream, self.unwatched(stream)).await?;
        self.watch_individual(stream).await
    }

    /// Watches the base set of everything in the view.
    async fn watch_base(&self, stream: &mut UpdateStream) -> Result<(), Error> {
        let kinds = VIEW_TYPES.map(|family| (Arc::from(family), shared(&base::paths(family))));
        self.add(stream, WatchFilter { paths: kinds.to_vec(), role: FilterRole::View }, None).await.map(drop)
    }

    /// Watches the objects that are watched one by one: the root folder, which is in no view, and those that were asked for.
    async fn watch_individual(&self, stream: &mut UpdateStream) -> Result<(), Error> {
        let root = stream.collector.session().content.root_folder.clone();
        let keys: Vec<PathKey> =
            self.store.watch_list.watched().into_iter().filter(|key| base::is_watched_individually(&key.kind)).collect();
        let mut objects = if keys.is_empty() { BTreeSet::new() } else { self.store.watch_list.individual() };
        objects.insert(root.clone());
        if stream.individual.as_ref().is_some_and(|(_, known, watched)| *known == objects && *watched == keys) {
            return Ok(());
        }
        let mut paths = by_kind(&keys);
        paths.push((Arc::clone(&root.kind), shared(&base::paths(&root.kind))));
        let made = self.add(stream, WatchFilter { paths, role: FilterRole::Individual }, Some(&objects)).await?;
        if let Some((old, ..)) = made.and_then(|made| stream.individual.replace((made, objects, keys))) {
            self.drop_filter(stream, &old).await?;
        }
        Ok(())
    }

    /// Ends a filter. One that vSphere does not know is no loss.
    pub(super) async fn drop_filter(&self, stream: &mut UpdateStream, filter: &MoRef) -> Result<(), Error> {
        match stream.collector.remove_filter(filter).await {
            Ok(()) | Err(Error::Fault { .. }) => {}
            Err(error) => return Err(error),
        }
        stream.watches.remove(&filter.id);
        stream.unreported.forget(&filter.id);
        stream.groups.retain(|group| group != filter);
        Ok(())
    }

    /// Watches learned paths of what is in the view by one more filter.
    async fn watch(&self, stream: &mut UpdateStream, keys: Vec<PathKey>) -> Result<(), Error> {
        let made = self.add(stream, WatchFilter { paths: by_kind(&keys), role: FilterRole::Values }, None).await?;
        stream.groups.extend(made);
        Ok(())
    }

    /// Makes a filter: of these objects, or of everything in the view. Nothing if no path of it exists, or none of the objects.
    async fn add(
        &self,
        stream: &mut UpdateStream,
        mut watch: WatchFilter,
        objects: Option<&BTreeSet<MoRef>>,
    ) -> Result<Option<MoRef>, Error> {
        let mut objects = objects.cloned();
        while !watch.paths.is_empty() && objects.as_ref().is_none_or(|objects| !objects.is_empty()) {
            match stream.collector.add_filter(&spec(&stream.view, &watch, objects.as_ref())).await {
                Ok(filter) => {
                    stream.latest.watch(&watch.paths, self.store.fresh.seconds(Instant::now()));
                    stream.unreported.await_first_values(&filter);
                    stream.watches.insert(Arc::clone(&filter.id), watch);
                    return Ok(Some(filter));
                }
                Err(error) => self.amend(stream, &mut watch, &mut objects, error).await?,
            }
        }
        Ok(None)
    }

    /// Takes out of a watch what vSphere does not have; any other error stands.
    async fn amend(
        &self,
        stream: &mut UpdateStream,
        watch: &mut WatchFilter,
        objects: &mut Option<BTreeSet<MoRef>>,
        error: Error,
    ) -> Result<(), Error> {
        let Some(fault) = error.fault() else { return Err(error) };
        if let Some(gone) = fault.object().filter(|_| fault.is_a("ManagedObjectNotFound")) {
            if *gone == stream.view {
                stream.view = self.client().renew_view(&Arc::clone(stream.collector.session()), &stream.view).await?;
                return Ok(());
            }
            self.store.watch_list.gone(gone);
            return if objects.as_mut().is_some_and(|objects| objects.remove(gone)) { Ok(()) } else { Err(error) };
        }
        let path = fault.property().filter(|_| fault.kind == "InvalidProperty").unwrap_or_default().to_owned();
        let before = watch.len();
        for (kind, paths) in &mut watch.paths {
            paths.retain(|kept| **kept != *path);
            self.store.watch_list.refuse(&PathKey::new(kind, &path), WatchStage::Never);
        }
        watch.paths.retain(|(_, paths)| !paths.is_empty());
        if watch.len() == before { Err(error) } else { Ok(()) }
    }

    /// Watches what was asked for again.
    pub(super) async fn widen(&self, stream: &mut UpdateStream) -> Result<(), Error> {
        let covered = self.store.watch_list.drop_covered();
        self.admit(stream);
        stream.latest.unwatch(&covered, &self.store.watch_list.watched());
        if stream.groups.len() >= GROUPS || !covered.is_empty() {
            self.regroup(stream).await?;
        }
        self.complete(stream).await?;
        self.store.publish(&stream.latest);
        Ok(())
    }

    /// Learned paths of what is in the view that are to be watched and in no filter yet.
    fn unwatched(&self, stream: &UpdateStream) -> Vec<PathKey> {
        let has = |key: &PathKey| stream.watches.values().any(|watch| watch.has(&key.kind, &key.path));
        self.viewed().into_iter().filter(|key| !has(key)).collect()
    }

    /// Learned paths of what is in the view that are to be watched.
    fn viewed(&self) -> Vec<PathKey> {
        self.store.watch_list.watched().into_iter().filter(|key| !base::is_watched_individually(&key.kind)).collect()
    }

    /// Puts all learned paths into one filter. vSphere tells their values once more, so nothing is missed in between.
    async fn regroup(&self, stream: &mut UpdateStream) -> Result<(), Error> {
        let old = stream.groups.clone();
        self.watch(stream, self.viewed()).await?;
        for filter in old {
            self.drop_filter(stream, &filter).await?;
        }
        Ok(())
    }

    /// Has the wanted paths watched that there is room for.
    fn admit(&self, stream: &UpdateStream) {
        let mut room = LearnedRoom::new(&stream.latest, self.settings.maxsize);
        let mut full = Vec::new();
        for (key, weight) in self.store.watch_list.take_wanted() {
            if !room.take(stream.latest.table(&key.kind).map_or(0, Table::len), weight) {
                self.store.watch_list.refuse(&key, WatchStage::Full(Instant::now()));
                full.push(format!("{}.{}", key.kind, key.path));
            }
        }
        if !full.is_empty() {
            self.store.counters.refused.fetch_add(full.len() as u64, Ordering::Relaxed);
            let (host, full) = (&self.client().config().host, full.join(", "));
            tracing::warn!("[{host}] No room to remember {full}: read from vSphere for each check; see maxsize in [cache]");
        }
    }

    /// Drops learned paths that no request asks for any more.
    pub(super) async fn sweep(&self, stream: &mut UpdateStream) -> Result<(), Error> {
        let now = Instant::now();
        let idle = |key: &PathKey| {
            let layout = &stream.latest.table(&key.kind)?.layout;
            let asked = layout.column(layout.find(&key.path)?)?.asked();
            Some(Duration::from_secs(u64::from(self.store.fresh.seconds(now).saturating_sub(asked))))
        };
        let dropped = self.store.watch_list.sweep(now, idle);
        if dropped.is_empty() {
            return Ok(());
        }
        let names = dropped.iter().map(|key| format!("{}.{}", key.kind, key.path)).collect::<Vec<_>>().join(", ");
        tracing::info!("[{}] No longer watched, because nobody asks for them: {names}", self.client().config().host);
        stream.latest.unwatch(&dropped, &self.store.watch_list.watched());
        self.regroup(stream).await?;
        self.watch_individual(stream).await?;
        self.store.publish(&stream.latest);
        Ok(())
    }
}

/// How many more learned values fit.
struct LearnedRoom {
    values: Option<usize>,
    bytes: usize,
}

impl LearnedRoom {
    /// What is left. A configured bound counts values; the built-in one their memory.
    fn new(version: &Snapshot, maxsize: usize) -> Self {
        let (values, bytes) = version.learned();
        let values = (maxsize > 0).then(|| maxsize.saturating_sub(values));
        Self { values, bytes: LEARNED_BYTES.saturating_sub(bytes) }
    }

    /// Takes room for one value of each of `objects` objects, if there is enough.
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

/// The filter for a watch: on these objects, or on everything in the view.
fn spec(view: &MoRef, watch: &WatchFilter, objects: Option<&BTreeSet<MoRef>>) -> FilterSpec {
    let mut spec = FilterSpec::view(view, "", &[]);
    if let Some(objects) = objects {
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
