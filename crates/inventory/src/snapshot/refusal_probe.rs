//! What the account may not read, read again now and then: vSphere need not tell when it may.

use std::sync::Arc;
use std::time::{Duration, Instant};

use vpoller_vsphere::MoRef;

use super::follow::Follower;
use super::table::{Object, Table};
use super::update_stream::UpdateStream;
use super::version::Snapshot;
use crate::border::PropertyState;

/// When to read what is refused again, and where to begin.
#[derive(Debug)]
pub(crate) struct RefusalProbe {
    last: Instant,
    /// Objects with refused values that were read again already.
    passed: usize,
}

/// Objects that are read again at once: an account without any rights must not cost vSphere more than this.
const AT_ONCE: usize = 100;
/// Between two looks, whatever is configured.
const SHORTEST: Duration = Duration::from_secs(1);

impl RefusalProbe {
    pub(super) const fn new(last: Instant) -> Self {
        Self { last, passed: 0 }
    }

    /// Takes its turn, if the last one was so long ago.
    fn take(&mut self, now: Instant, pause: Duration) -> bool {
        let is_due = now.saturating_duration_since(self.last) >= pause;
        if is_due {
            self.last = now;
        }
        is_due
    }

    /// Begins anew.
    pub(super) const fn start_over(&mut self) {
        self.passed = 0;
    }

    /// The next objects with what is refused of them; from the first one again after the last.
    fn next(&mut self, version: &Snapshot) -> Vec<(MoRef, Vec<Arc<str>>)> {
        let mut refused = refused(version).skip(self.passed);
        let next: Vec<_> = refused.by_ref().take(AT_ONCE).collect();
        self.passed = if refused.next().is_some() { self.passed + AT_ONCE } else { 0 };
        next
    }
}

impl Follower {
    /// Has some of what is refused read again, when it is time to. A refusal is believed for as long as an old answer is.
    pub(super) fn probe(&self, stream: &mut UpdateStream) {
        if stream.probe.take(Instant::now(), self.settings.max_stale.max(SHORTEST)) {
            stream.probe_next();
        }
    }
}

impl UpdateStream {
    /// Has the next refused values read again.
    pub(super) fn probe_next(&mut self) {
        for (object, paths) in self.probe.next(&self.latest) {
            self.unclear.entry(object).or_default().extend(paths);
        }
    }
}

/// The objects of which something is refused, with its paths.
fn refused(version: &Snapshot) -> impl Iterator<Item = (MoRef, Vec<Arc<str>>)> {
    let of_object = |table: &Table, object: &Object| {
        let refused = table.layout.columns().filter(|(number, _)| matches!(object.state(*number), PropertyState::Refused(_)));
        let paths: Vec<Arc<str>> = refused.map(|(_, column)| Arc::clone(&column.path)).collect();
        (!paths.is_empty()).then(|| (object.reference.clone(), paths))
    };
    version.tables().flat_map(move |(_, table)| table.objects().filter_map(move |object| of_object(table, object)))
}
