//! Performance counters: which there are, which series an object has, and their samples.

mod ask;
mod bulk;
mod catalogue;
mod objects;
mod samples;

pub(crate) use bulk::table;
pub(crate) use catalogue::{counters, counters_of_object, intervals, series_of_object};
pub(crate) use samples::{of_datastore, of_group, of_host, of_vm};

/// The fields of a counter, of an interval, of a series and of a sample.
pub(crate) const COUNTER: &[&str] =
    &["key", "nameInfo", "groupInfo", "unitInfo", "rollupType", "statsType", "level", "perDeviceLevel"];
pub(crate) const INTERVAL: &[&str] = &["key", "samplingPeriod", "name", "length", "level", "enabled"];
pub(crate) const SERIES: &[&str] = &[COUNTER_ID, INSTANCE];
pub(crate) const SAMPLE: &[&str] = &["interval", "timestamp", COUNTER_ID, INSTANCE, VALUE];
/// What every row of the table has; the counters follow.
pub(crate) const ROW: &[&str] = &["name", "moid", INSTANCE, "interval", "timestamp"];
/// The field that a sample is about.
pub(crate) const VALUE: &str = "value";

const COUNTER_ID: &str = "counterId";
const INSTANCE: &str = "instance";
