//! Queries for the samples of one object.

use std::sync::Arc;

use super::{int, text};
use crate::{Arg, DateTime, MoRef, Struct};

/// A series of samples: a counter of one instance (`PerfMetricId`).
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Metric {
    /// The counter's number.
    pub counter: i32,
    /// The instance: empty for the aggregate, `*` (in questions) for all of them, else a name such as `vmnic0`.
    pub instance: Arc<str>,
}

/// The statistics of one object that a query asks for (`PerfQuerySpec`). Answers come in the compact format.
#[derive(Clone, Debug)]
pub struct PerfQuery {
    /// The object.
    pub entity: MoRef,
    /// Samples after this moment. Historical queries must have it, or they return all that is kept.
    pub start: Option<DateTime>,
    /// Samples at most, the newest; the server heeds it for real-time samples only.
    pub max_sample: Option<i32>,
    /// The series.
    pub metrics: Vec<Metric>,
    /// Seconds between samples: the refresh rate for real-time samples, else a historical interval's sampling period.
    pub interval: i32,
}

impl Metric {
    /// A series.
    pub fn new(counter: i32, instance: impl Into<Arc<str>>) -> Self {
        Self { counter, instance: instance.into() }
    }

    /// Whether a series of an answer is one that this asks for.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.counter == other.counter && (&*self.instance == "*" || self.instance == other.instance)
    }

    pub(super) fn read(id: &Struct) -> Option<Self> {
        Some(Self { counter: int(id, "counterId")?, instance: text(id, "instance") })
    }

    fn to_arg(&self) -> Arg {
        Arg::object("metricId", vec![Arg::new("counterId", self.counter), Arg::new("instance", &*self.instance)])
    }
}

impl PerfQuery {
    /// In the order that the server parses.
    pub(super) fn to_arg(&self) -> Arg {
        let mut fields = vec![Arg::new("entity", &self.entity)];
        fields.extend(self.start.map(|start| Arg::new("startTime", start)));
        fields.extend(self.max_sample.map(|most| Arg::new("maxSample", most)));
        fields.extend(self.metrics.iter().map(Metric::to_arg));
        fields.push(Arg::new("intervalId", self.interval));
        fields.push(Arg::new("format", "csv"));
        Arg::object("querySpec", fields)
    }
}
