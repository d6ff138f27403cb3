//! The one task per vSphere host that listens to what vSphere pushes.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use vpoller_vsphere::{Client, Error, MoRef, Session, Value};

use super::update_stream::UpdateStream;
use super::{CacheSettings, SnapshotStore, apply};
use crate::border::{ReadError, Row};
use crate::retrieve::Retriever;

/// Keeps the published version true.
pub(crate) struct Follower {
    pub(super) retriever: Retriever,
    pub(super) store: Arc<SnapshotStore>,
    pub(super) settings: CacheSettings,
    stream: Mutex<Option<UpdateStream>>,
}

impl Follower {
    pub(crate) fn new(retriever: Retriever, store: Arc<SnapshotStore>, settings: CacheSettings) -> Self {
        Self { retriever, store, settings, stream: Mutex::default() }
    }

    pub(super) fn client(&self) -> &Client {
        self.retriever.client()
    }

    /// Logs in. A stream that stood before is used again if vSphere still knows it.
    pub(crate) async fn connect(&self) -> Result<(), ReadError> {
        let connected = self.take_up().await;
        if let Err(error) = &connected
            && error.retry_after().is_none()
        {
            self.store.fresh.lose_on(error.clone());
        }
        connected
    }

    async fn take_up(&self) -> Result<(), ReadError> {
        let session = self.retriever.session().await?;
        let mut stream = self.stream.lock().await;
        let same = |stream: &&mut UpdateStream| stream.sound && stream.collector.session().generation == session.generation;
        if let Some(standing) = stream.as_mut().filter(same) {
            match standing.collector.wait(Duration::ZERO).await {
                Ok(reported) => {
                    standing.take(reported, &self.store);
                    return Ok(());
                }
                Err(error) if is_passing(&error) => return Err(self.retriever.error(&error)),
                Err(error) => tracing::debug!("[{}] Following anew: {error}", self.client().config().host),
            }
        }
        *stream = None;
        self.retriever.session().await?;
        self.store.fresh.found();
        Ok(())
    }

    /// Follows until that fails.
    pub(crate) async fn follow(&self) -> Result<Infallible, ReadError> {
        let mut stream = self.stream.lock().await;
        let Err(error) = match &mut *stream {
            Some(standing) => self.turns(standing).await,
            None => match self.begin().await {
                Ok(begun) => self.turns(stream.insert(begun)).await,
                Err(error) => Err(error),
            },
        };
        if !is_passing(&error) {
            *stream = None;
        }
        self.store.counters.losses.fetch_add(1, Ordering::Relaxed);
        let error = self.retriever.error(&error);
        self.store.fresh.lose(error.clone());
        Err(error)
    }

    /// A stream with everything watched that is to be; vSphere has reported nothing yet.
    pub(super) async fn begin(&self) -> Result<UpdateStream, Error> {
        let opened = Instant::now();
        let session = self.client().session().await?;
        self.identify(&session);
        let collector = self.client().collector(&session).await?;
        let view = self.client().view(&session).await?;
        let latest = self.store.current.load_full().map(|version| version.emptied_to(&self.store.watch_list.watched()));
        let mut stream = UpdateStream::new(collector, view, latest.unwrap_or_default(), opened);
        self.watch_all(&mut stream).await?;
        Ok(stream)
    }

    /// What was known holds only for the vCenter that reported it: a restored one goes by another identity.
    fn identify(&self, session: &Session) {
        let uuid = session.content.about.get("instanceUuid").and_then(Value::as_str);
        if self.store.identify(uuid) {
            let host = &self.client().config().host;
            tracing::warn!("[{host}] This is another vCenter than before; what was known of its objects is void");
        }
        self.store.speak(&session.api_version);
    }

    /// Turn after turn: listens, and now and then changes what is watched.
    async fn turns(&self, stream: &mut UpdateStream) -> Result<Infallible, Error> {
        let mut sweeps = SweepTimer::new(self.settings.housekeeping);
        let mut complete = false;
        loop {
            let started = Instant::now();
            // Not amid a state: the version within one is good for one use only, and its columns are those it began with.
            let whole = stream.draft.is_none();
            if whole && !std::mem::replace(&mut complete, true) {
                self.complete(stream).await?;
            }
            tokio::select! {
                reported = stream.collector.wait(self.next_wait(stream)) => stream.take(reported?, &self.store),
                () = self.store.watch_list.due(), if whole => {
                    self.widen(stream).await?;
                    continue;
                }
                () = sweeps.due(), if whole => {
                    self.sweep(stream).await?;
                    continue;
                }
            }
            if stream.draft.is_none() {
                self.tidy(stream).await;
                self.end_silence(stream).await?;
                // Changes that come in quick succession are fetched together.
                tokio::time::sleep_until((started + self.settings.update_interval).into()).await;
            }
        }
    }

    /// Ends filters that this worker did not make, and reads again what was reported in part only. What cannot be read stays unknown and is
    /// read when a request wants it.
    async fn tidy(&self, stream: &mut UpdateStream) {
        while let Some(unknown) = stream.unknown_filters.pop() {
            // Made by a call of ours that was given up; the session ends it in any case.
            let _ = stream.collector.remove_filter(&unknown).await;
        }
        self.probe(stream);
        while !stream.unclear.is_empty() {
            let rows = self.read_again(stream).await;
            let unclear = std::mem::take(&mut stream.unclear);
            // Where one thing may be read by now, others may.
            if apply::settle(&mut stream.latest, &unclear, &rows) {
                stream.probe.start_over();
                stream.probe_next();
            }
            self.store.publish(&stream.latest);
        }
    }

    /// What vSphere says now of what is unclear.
    async fn read_again(&self, stream: &UpdateStream) -> Vec<Row> {
        let mut rows = Vec::new();
        let kinds: BTreeSet<Arc<str>> = stream.unclear.keys().map(|object| Arc::clone(&object.kind)).collect();
        for kind in kinds {
            let of_kind = stream.unclear.iter().filter(|(object, _)| object.kind == kind);
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
struct SweepTimer(Option<tokio::time::Interval>);

impl SweepTimer {
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

/// Whether the stream may still stand after this error.
fn is_passing(error: &Error) -> bool {
    match error {
        Error::Fault { fault, .. } => fault.is_a("RequestCanceled"),
        Error::SessionLost { .. } | Error::Closed { .. } | Error::Answer { .. } | Error::TooLarge { .. } => false,
        _ => true,
    }
}
