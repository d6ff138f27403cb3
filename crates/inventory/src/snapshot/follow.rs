//! The one task per vSphere host that listens to what vSphere pushes.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use vpoller_vsphere::{Client, Error, MoRef, Session, Value};

use super::line::Line;
use super::{Cache, Known, apply, wait};
use crate::border::{ReadError, Row};
use crate::retrieve::Retriever;

/// Keeps the published version true.
pub(crate) struct Follower {
    pub(super) retriever: Retriever,
    pub(super) known: Arc<Known>,
    pub(super) settings: Cache,
    line: Mutex<Option<Line>>,
}

impl Follower {
    pub fn new(retriever: Retriever, known: Arc<Known>, settings: Cache) -> Self {
        Self { retriever, known, settings, line: Mutex::default() }
    }

    pub(super) fn client(&self) -> &Client {
        self.retriever.client()
    }

    /// Logs in. A line that stood before is used again if vSphere still knows it.
    pub async fn connect(&self) -> Result<(), ReadError> {
        let session = self.retriever.session().await?;
        let mut line = self.line.lock().await;
        let same = |line: &&mut Line| line.sound && line.collector.session().generation == session.generation;
        if let Some(standing) = line.as_mut().filter(same) {
            match standing.collector.wait(Duration::ZERO).await {
                Ok(told) => {
                    standing.take(told, &self.known);
                    return Ok(());
                }
                Err(error) if is_passing(&error) => return Err(self.retriever.error(&error)),
                Err(error) => tracing::debug!("[{}] Following anew: {error}", self.client().config().host),
            }
        }
        *line = None;
        self.retriever.session().await?;
        self.known.fresh.found();
        Ok(())
    }

    /// Follows until that fails.
    pub async fn follow(&self) -> Result<Infallible, ReadError> {
        let mut line = self.line.lock().await;
        let Err(error) = match &mut *line {
            Some(standing) => self.turns(standing).await,
            None => match self.begin().await {
                Ok(begun) => self.turns(line.insert(begun)).await,
                Err(error) => Err(error),
            },
        };
        if !is_passing(&error) {
            *line = None;
        }
        self.known.counters.losses.fetch_add(1, Ordering::Relaxed);
        let error = self.retriever.error(&error);
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
        let latest = self.known.current.load_full().map(|version| version.emptied_to(&self.known.learned.watched()));
        let mut line = Line::new(collector, view, latest.unwrap_or_default(), opened);
        self.watch_all(&mut line).await?;
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

    /// Turn after turn: listens, and now and then changes what is watched.
    async fn turns(&self, line: &mut Line) -> Result<Infallible, Error> {
        let mut sweeps = Sweeps::new(self.settings.housekeeping);
        let mut complete = false;
        loop {
            let started = Instant::now();
            // Not amid a state: the version within one is good for one use only, and its columns are those it began with.
            let whole = line.draft.is_none();
            if whole && !std::mem::replace(&mut complete, true) {
                self.complete(line).await?;
            }
            tokio::select! {
                told = line.collector.wait(wait(&self.settings)) => line.take(told?, &self.known),
                () = self.known.learned.due(), if whole => {
                    self.widen(line).await?;
                    continue;
                }
                () = sweeps.due(), if whole => {
                    self.sweep(line).await?;
                    continue;
                }
            }
            if line.draft.is_none() {
                self.tidy(line).await;
                // Changes that come in quick succession are fetched together.
                tokio::time::sleep_until((started + self.settings.pace).into()).await;
            }
        }
    }

    /// Ends filters that nobody knows, and reads again what was told in part only. What cannot be read stays unknown and is
    /// asked for when somebody wants it.
    async fn tidy(&self, line: &mut Line) {
        while let Some(stranger) = line.strangers.pop() {
            // Made by a call of ours that was given up; the session ends it in any case.
            let _ = line.collector.remove_filter(&stranger).await;
        }
        self.probe(line);
        while !line.unclear.is_empty() {
            let rows = self.read_again(line).await;
            let unclear = std::mem::take(&mut line.unclear);
            // Where one thing may be read by now, others may.
            if apply::settle(&mut line.latest, &unclear, &rows) {
                line.probe.start_over();
                line.probe_next();
            }
            self.known.publish(&line.latest);
        }
    }

    /// What vSphere says now of what is unclear.
    async fn read_again(&self, line: &Line) -> Vec<Row> {
        let mut rows = Vec::new();
        let kinds: BTreeSet<Arc<str>> = line.unclear.keys().map(|object| Arc::clone(&object.kind)).collect();
        for kind in kinds {
            let of_kind = line.unclear.iter().filter(|(object, _)| object.kind == kind);
            let (objects, paths): (Vec<MoRef>, Vec<_>) = of_kind.map(|(object, paths)| (object.clone(), paths)).unzip();
            let paths: BTreeSet<&str> = paths.into_iter().flatten().map(|path| &**path).collect();
            match self.retriever.read(&objects, &paths.into_iter().collect::<Vec<_>>()).await {
                Ok(mut read) => rows.append(&mut read),
                Err(error) => tracing::debug!("[{}] Not read again: {error}", self.client().config().host),
            }
        }
        rows
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

/// Whether the line may still stand after this error.
fn is_passing(error: &Error) -> bool {
    match error {
        Error::Fault { fault, .. } => fault.is_a("RequestCanceled"),
        Error::SessionLost { .. } | Error::Closed { .. } | Error::Answer { .. } => false,
        _ => true,
    }
}
