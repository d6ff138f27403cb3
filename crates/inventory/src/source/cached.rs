//! Questions answered from memory where it knows the answer, else by vSphere.

use std::collections::{BTreeSet, HashMap};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use serde_json::Value as Json;
use vpoller_vsphere::{Class, Client, Flight, MoRef, SingleFlight, Struct};

use super::Direct;
use crate::border::{
    Inventory, Kind, MissingPrivilege, ObjectName, Performance, Pinned, Reached, ReadError, ReadPlan, Row, RowSource, Rows,
    Services, View,
};
use crate::retrieve::{Retriever, with_invalid};
use crate::snapshot::{
    CacheSettings, Follower, KeptAnswers, Lookup, PathPin, RowReader, Snapshot, SnapshotStore, is_never_watched, weight,
};

/// One vSphere host, whose changes are followed.
pub struct Cached {
    direct: Direct,
    retriever: Retriever,
    store: Arc<SnapshotStore>,
    follower: Follower,
    /// Questions to vSphere under way: readers that ask the same meanwhile get the same answer.
    flights: SingleFlight<Question, SharedRows>,
    /// Answers about what is never watched.
    kept: KeptAnswers<Question, SharedRows>,
}

/// A question to vSphere.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum Question {
    List(Kind, Vec<String>),
    Read(Vec<MoRef>, Vec<String>),
}

type SharedRows = Result<Arc<Vec<Row>>, ReadError>;

/// More objects than this are not read at once: the request yields once, so that other requests go first.
const AT_ONCE: usize = 16;
/// Objects of which something is missing are asked for one by one, up to this share of all: one in this many.
const FEW: usize = 10;
/// How long values that are never watched are good.
const MOMENT: Duration = Duration::from_secs(5);

impl Cached {
    /// Asks through this client, and follows what vSphere reports once it is wanted.
    #[must_use]
    pub fn new(client: Client, settings: &CacheSettings) -> Self {
        let retriever = Retriever::new(client.clone());
        let store = Arc::new(SnapshotStore::new(settings));
        let follower = Follower::new(retriever.clone(), Arc::clone(&store), *settings);
        Self {
            direct: Direct::new(client),
            retriever,
            store,
            follower,
            flights: SingleFlight::default(),
            kept: KeptAnswers::default(),
        }
    }

    /// The rows of a few objects, if all of it is known.
    fn remembered(&self, objects: &[MoRef], paths: &[&str]) -> Option<Vec<Row>> {
        let now = Instant::now();
        let version = self.store.current(now)?;
        let mut reader = RowReader::new(&version, paths);
        let mut rows = Vec::with_capacity(objects.len());
        for object in objects {
            let Lookup::Whole(row) = reader.at(object) else { return None };
            rows.push(row);
        }
        let mut kinds: Vec<&Arc<str>> = objects.iter().map(|object| &object.kind).collect();
        kinds.dedup();
        kinds.into_iter().for_each(|kind| reader.hit(kind, self.store.fresh.seconds(now)));
        Some(rows)
    }

    async fn read_rows(&self, objects: &[MoRef], paths: &[&str]) -> Result<Vec<Row>, ReadError> {
        let Some(version) = self.store.current(Instant::now()) else { return self.ask_for(objects, paths).await };
        let mut reader = RowReader::new(&version, paths);
        let found: Vec<Lookup<'_>> = objects.iter().map(|object| reader.at(object)).collect();
        let missing = Missing::of(objects.iter().zip(&found), paths);
        self.count(&mut reader, objects.iter(), &missing);
        let more = self.fetch(&missing, paths).await?;
        let rows = objects.iter().zip(found);
        Ok(rows.filter_map(|(object, found)| completed(&mut reader, object, found, &more)).collect())
    }

    async fn rows_of(&self, kind: Kind, paths: &[&str]) -> Result<Rows, ReadError> {
        let Some(version) = self.store.current(Instant::now()) else { return Ok(self.ask_for_all(kind, paths).await?.into()) };
        let mut reader = RowReader::new(&version, paths);
        let (mut missing, mut objects, mut has_refused) = (Missing::default(), 0, false);
        for object in version.objects(kind) {
            let gaps = reader.gaps(object);
            missing.add(&object.reference, &gaps.places);
            has_refused |= gaps.has_refused;
            objects += 1;
        }
        self.count(&mut reader, version.objects(kind).map(|object| &object.reference), &missing);
        // That a path does not exist is known without a call.
        let is_known = self.known_invalid(&BTreeSet::from([kind.wire()]), &missing.paths(paths)).0.is_empty();
        let more = if is_known || missing.objects.len() <= objects / FEW {
            self.fetch(&missing, paths).await?
        } else {
            let rows = self.ask_for_all(kind, &missing.paths(paths)).await?;
            rows.into_iter().map(|row| (row.object.clone(), row)).collect()
        };
        let has_refused = has_refused || more.values().any(|row: &Row| !row.refused.is_empty());
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        Ok(Rows::made(RememberedRows { version, kind, paths, more, count: objects, has_refused }))
    }

    /// What is missing, from vSphere.
    async fn fetch(&self, missing: &Missing, paths: &[&str]) -> Result<HashMap<MoRef, Row>, ReadError> {
        if missing.objects.is_empty() {
            return Ok(HashMap::new());
        }
        let rows = self.ask_for(&missing.objects, &missing.paths(paths)).await?;
        Ok(rows.into_iter().map(|row| (row.object.clone(), row)).collect())
    }

    /// Counts what memory answers; what it does not is counted where vSphere is asked.
    fn count<'o>(&self, reader: &mut RowReader<'_>, objects: impl Iterator<Item = &'o MoRef>, missing: &Missing) {
        if missing.objects.is_empty() {
            let now = self.store.fresh.seconds(Instant::now());
            let kinds: BTreeSet<&Arc<str>> = objects.map(|object| &object.kind).collect();
            kinds.into_iter().for_each(|kind| reader.hit(kind, now));
        }
    }

    /// Reads objects from vSphere.
    async fn ask_for(&self, objects: &[MoRef], paths: &[&str]) -> Result<Vec<Row>, ReadError> {
        let kinds: BTreeSet<&str> = objects.iter().map(|object| &*object.kind).collect();
        let plan = ReadPlan::new(kinds.iter().copied(), paths);
        let (paths, invalid) = self.known_invalid(&kinds, &plan.paths());
        if paths.is_empty() && !invalid.is_empty() {
            let rows = objects.iter().map(|object| Row::new(object.clone(), Vec::new())).collect();
            return Ok(plan.pick(with_invalid(rows, &invalid)));
        }
        self.store.watch_list.named(objects, Instant::now());
        let (retriever, objects) = (self.retriever.clone(), objects.to_vec());
        let asked: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
        let ask = move |asked: Vec<String>, objects: Vec<MoRef>| async move {
            let paths: Vec<&str> = asked.iter().map(String::as_str).collect();
            retriever.read(&objects, &paths).await
        };
        let question = Question::Read(objects.clone(), asked.clone());
        let rows = self.answer(question, &kinds, &paths, || ask(asked, objects)).await?;
        Ok(plan.pick(with_invalid(rows, &invalid)))
    }

    /// Reads every object of a type from vSphere.
    async fn ask_for_all(&self, kind: Kind, paths: &[&str]) -> Result<Vec<Row>, ReadError> {
        let kinds = BTreeSet::from([kind.wire()]);
        let plan = ReadPlan::new(kinds.iter().copied(), paths);
        let (paths, invalid) = self.known_invalid(&kinds, &plan.paths());
        let retriever = self.retriever.clone();
        let asked: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
        let ask = move |asked: Vec<String>| async move {
            let paths: Vec<&str> = asked.iter().map(String::as_str).collect();
            retriever.list(kind, &paths).await
        };
        let question = Question::List(kind, asked.clone());
        let rows = self.answer(question, &kinds, &paths, || ask(asked)).await?;
        Ok(plan.pick(with_invalid(rows, &invalid)))
    }

    /// The paths, and those of them that no type of the question has.
    fn known_invalid<'p>(&self, kinds: &BTreeSet<&str>, paths: &[&'p str]) -> (Vec<&'p str>, Vec<&'p str>) {
        paths.iter().partition(|path| !kinds.iter().all(|kind| self.store.is_invalid(kind, path)))
    }

    /// The answer of vSphere, shared with every request that asks the same at this moment.
    async fn answer<F>(
        &self,
        question: Question,
        kinds: &BTreeSet<&str>,
        paths: &[&str],
        ask: impl FnOnce() -> F,
    ) -> Result<Vec<Row>, ReadError>
    where
        F: Future<Output = Result<Vec<Row>, ReadError>> + Send + 'static,
    {
        let now = Instant::now();
        let is_list = matches!(question, Question::List(..));
        kinds.iter().for_each(|kind| paths.iter().for_each(|path| self.store.watch_list.missed(kind, path, now)));
        if let Some(kept) = self.kept.get(&question, now) {
            return kept.map(Arc::unwrap_or_clone);
        }
        let flight = self.flights.join(question.clone(), || {
            let asked = ask();
            Flight::new(async move { asked.await.map(Arc::new) })
        });
        let answer = flight.await;
        if let Ok(rows) = &answer {
            self.weigh(rows);
            // Not before: what is read and what is reported then need not be in memory at the same time.
            if is_list {
                kinds.iter().for_each(|kind| self.store.watch_list.listed(kind, paths, Instant::now()));
            }
        }
        if let Ok(rows) = &answer
            && kinds.iter().all(|kind| paths.iter().all(|path| self.is_kept(kind, path)))
        {
            let weight = rows.iter().flat_map(|row| &row.values).map(|(_, value)| weight(value)).sum();
            self.kept.keep(question, answer.clone(), weight, now, MOMENT);
        }
        answer.map(Arc::unwrap_or_clone).map_err(|error| self.explained(error))
    }

    /// Whether vSphere's answer about a path is kept for a moment: it comes from memory neither now nor soon.
    fn is_kept(&self, kind: &str, path: &str) -> bool {
        is_never_watched(kind, path) || self.store.silence.is_total() || self.store.watch_list.is_silent(kind, path)
    }

    /// Notes how large values are, so that it is known what watching them would take, and which paths do not exist.
    fn weigh(&self, rows: &[Row]) {
        let mut kinds = BTreeSet::new();
        for row in rows.iter().filter(|row| kinds.insert(&*row.object.kind)) {
            let invalid = row.refused.iter().filter(|(_, refusal)| refusal.is_invalid());
            invalid.for_each(|(path, _)| self.store.note_invalid(&row.object.kind, path));
            row.values.iter().for_each(|(path, value)| self.store.watch_list.weighed(&row.object.kind, path, weight(value)));
        }
    }

    /// An error with the age of what was known, when that is too old to be given out.
    fn explained(&self, error: ReadError) -> ReadError {
        let unreachable = error.class().is_some_and(Class::is_unreachable);
        match self.store.fresh.age(Instant::now()).filter(|_| unreachable) {
            Some(age) => error.remarked(&format!("what is remembered is {} s old", age.as_secs())),
            None => error,
        }
    }
}

impl Inventory for Cached {
    fn find<'a>(&'a self, kind: Kind, wanted: &'a ObjectName) -> BoxFuture<'a, Result<Vec<MoRef>, ReadError>> {
        if let Some(version) = self.store.current(Instant::now()) {
            return Box::pin(std::future::ready(version.find(kind, wanted)));
        }
        Box::pin(async move { wanted.choose(kind, &self.ask_for_all(kind, &wanted.paths(kind)).await?) })
    }

    fn list<'a>(&'a self, kind: Kind, paths: &'a [&'a str]) -> BoxFuture<'a, Result<Vec<Row>, ReadError>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            self.rows_of(kind, paths).await.map(Rows::into_vec)
        })
    }

    fn rows<'a>(&'a self, kind: Kind, paths: &'a [&'a str]) -> BoxFuture<'a, Result<Rows, ReadError>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            self.rows_of(kind, paths).await
        })
    }

    fn read<'a>(&'a self, objects: &'a [MoRef], paths: &'a [&'a str]) -> BoxFuture<'a, Result<Vec<Row>, ReadError>> {
        if objects.len() <= AT_ONCE
            && let Some(rows) = self.remembered(objects, paths)
        {
            return Box::pin(std::future::ready(Ok(rows)));
        }
        Box::pin(async move {
            tokio::task::yield_now().await;
            self.read_rows(objects, paths).await
        })
    }

    fn read_once<'a>(&'a self, objects: &'a [MoRef], paths: &'a [&'a str]) -> BoxFuture<'a, Result<Vec<Row>, ReadError>> {
        Box::pin(async move {
            let plan = ReadPlan::new(objects.iter().map(|object| &*object.kind), paths);
            Ok(plan.pick(self.retriever.read(objects, &plan.paths()).await?))
        })
    }

    fn reach<'a>(&'a self, object: &'a MoRef, paths: &'a [&'a str], via: &'a str) -> BoxFuture<'a, Result<Reached, ReadError>> {
        Box::pin(async move {
            let known = |version: Arc<Snapshot>| version.object(object).and_then(|_| version.referring(object, via));
            if let Some(references) = self.store.current(Instant::now()).and_then(known) {
                let mut rows = self.read(std::slice::from_ref(object), paths).await?;
                return Ok(Reached { row: rows.pop(), references: Some(references) });
            }
            let mut rows = self.read(std::slice::from_ref(object), &[paths, &[via]].concat()).await?;
            Ok(Reached::of(rows.pop(), via))
        })
    }

    fn view(&self) -> Option<View> {
        self.store.view(Instant::now())
    }

    fn pin(&self, kind: Kind, paths: &[&str]) -> Pinned {
        Pinned::new(PathPin::new(Arc::clone(&self.store), kind, paths))
    }

    fn missing_privileges(&self) -> BoxFuture<'_, Result<Vec<MissingPrivilege>, ReadError>> {
        Box::pin(async {
            tokio::task::yield_now().await;
            match self.store.current(Instant::now()) {
                Some(version) => Ok(MissingPrivilege::sum(version.refused())),
                None => {
                    Err(self.store.fresh.lost().unwrap_or_else(|| ReadError::new("the inventory is being read; ask again later")))
                }
            }
        })
    }

    fn about(&self) -> BoxFuture<'_, Result<Struct, ReadError>> {
        match self.store.fresh.lost() {
            Some(error) => Box::pin(std::future::ready(Err(error))),
            None => self.direct.about(),
        }
    }

    fn services(&self) -> &dyn Services {
        &self.direct
    }

    fn performance(&self) -> &dyn Performance {
        self.direct.performance()
    }

    fn connect(&self) -> BoxFuture<'_, Result<(), ReadError>> {
        Box::pin(self.follower.connect())
    }

    fn follow(&self) -> BoxFuture<'_, Result<Infallible, ReadError>> {
        Box::pin(self.follower.follow())
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.direct.close()
    }

    fn health(&self) -> Json {
        let mut health = self.direct.health();
        if let Json::Object(members) = &mut health {
            members.insert("cache".to_owned(), self.store.report(Instant::now(), self.flights.joined() + self.kept.used()));
        }
        health
    }
}

/// The rows of a version, what memory did not know of them taken from `more`.
struct RememberedRows {
    version: Arc<Snapshot>,
    kind: Kind,
    paths: Vec<String>,
    more: HashMap<MoRef, Row>,
    count: usize,
    has_refused: bool,
}

impl RowSource for RememberedRows {
    fn rows(&self) -> Box<dyn Iterator<Item = Row> + '_> {
        let mut reader = RowReader::new(&self.version, &self.paths);
        Box::new(self.version.objects(self.kind).filter_map(move |object| {
            let found = reader.of(object);
            completed(&mut reader, &object.reference, found, &self.more)
        }))
    }

    fn count(&self) -> usize {
        self.count
    }

    fn has_refused(&self) -> bool {
        self.has_refused
    }
}

/// The row of an object, what memory did not know of it taken from `more`. One that is in neither has gone since.
fn completed<'l, P: AsRef<str>>(
    reader: &mut RowReader<'l, P>,
    object: &MoRef,
    found: Lookup<'l>,
    more: &HashMap<MoRef, Row>,
) -> Option<Row> {
    match found {
        Lookup::Whole(row) => Some(row),
        Lookup::Nothing => more.get(object).cloned(),
        Lookup::Gaps(known, _) => Some(reader.filled(known, more.get(object)?)),
    }
}

/// What memory does not know of the answer to a question.
#[derive(Default)]
struct Missing {
    objects: Vec<MoRef>,
    /// Places of the paths.
    places: BTreeSet<usize>,
}

impl Missing {
    fn of<'o>(found: impl Iterator<Item = (&'o MoRef, &'o Lookup<'o>)>, paths: &[&str]) -> Self {
        let mut missing = Self::default();
        let all: Vec<usize> = (0..paths.len()).collect();
        for (object, found) in found {
            match found {
                Lookup::Whole(_) => {}
                Lookup::Nothing => missing.add_all(object, &all),
                Lookup::Gaps(_, gaps) => missing.add(object, gaps),
            }
        }
        missing
    }

    /// An object, if values of it are missing at these places.
    fn add(&mut self, object: &MoRef, gaps: &[usize]) {
        if !gaps.is_empty() {
            self.add_all(object, gaps);
        }
    }

    fn add_all(&mut self, object: &MoRef, places: &[usize]) {
        self.places.extend(places);
        self.objects.push(object.clone());
    }

    fn paths<'p>(&self, paths: &[&'p str]) -> Vec<&'p str> {
        self.places.iter().filter_map(|place| paths.get(*place)).copied().collect()
    }
}
