//! What is known of vSphere hosts, for readers that ask over HTTP now and then for everything: Prometheus and others like it.
//!
//! An [`Exporter`] reads the [`Hosts`](vpoller_inventory::Hosts) that it is given, which may be those of a worker, so that it
//! costs no session, no snapshot and no calls of its own. Properties come from the inventory's published version. Samples of
//! performance counters come from cycles: one for each host and interval, which asks for all that readers of that interval want.
//! Pages are made from what was published last and never wait for vSphere.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod answer;
mod ceilometer;
mod ceilometer_config;
mod collectors;
mod cycle;
mod exporter;
mod exposition;
mod format;
mod formats;
mod page_cache;
mod pages;
mod parts;
mod places;
mod probe;
pub mod program;
mod reader;
mod samples;
mod settings;
mod state;

pub use ceilometer::{Annotation, CeilometerPlan, PlanError, PlanFile, Token, meter_table};
pub use collectors::{MetricRow, metric_rows, metrics_markdown};
pub use exporter::Exporter;
pub use settings::{
    Batches, CeilometerSettings, Environment, EnvironmentError, FileSettings, Filter, FilterError, MetricsPage, OwnSettings,
    PageChoice, Patterns, Settings, VmwareParts, VmwareSettings, ZrocSettings, ZrocSource,
};
