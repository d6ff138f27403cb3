//! How long methods take: a histogram for each, counted without a lock, because every check is counted.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Map, Value as Json, json};

use crate::method::Method;
use crate::methods::METHODS;

/// Upper bounds of the buckets in microseconds: an answer from memory takes a few, one from a busy vCenter seconds.
const BOUNDS: [u64; 12] = [50, 100, 250, 500, 1_000, 5_000, 25_000, 100_000, 500_000, 1_000_000, 5_000_000, 20_000_000];

/// The histograms of all methods.
pub(crate) struct Latencies(Box<[Histogram]>);

#[derive(Default)]
struct Histogram {
    /// The last one is of what is slower than every bound.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    microseconds: AtomicU64,
    failures: AtomicU64,
}

impl Default for Latencies {
    fn default() -> Self {
        Self(METHODS.iter().map(|_| Histogram::default()).collect())
    }
}

impl Latencies {
    /// Counts one request that was answered.
    pub(crate) fn count(&self, method: &'static Method, time: Duration, success: bool) {
        let Some(histogram) = self.0.get(method.index) else { return };
        let microseconds = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.partition_point(|bound| *bound < microseconds);
        if let Some(bucket) = histogram.buckets.get(bucket) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        histogram.microseconds.fetch_add(microseconds, Ordering::Relaxed);
        if !success {
            histogram.failures.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The members of the status document: latencies and failures of the methods that were asked for, by method.
    pub(crate) fn status(&self) -> [(&'static str, Json); 2] {
        let (mut latencies, mut failures) = (Map::new(), Map::new());
        for (method, histogram) in METHODS.iter().zip(&self.0) {
            let counts = histogram.buckets.each_ref().map(|bucket| bucket.load(Ordering::Relaxed));
            if counts.iter().any(|count| *count > 0) {
                latencies.insert(
                    method.name.to_owned(),
                    self::histogram(&BOUNDS, &counts, histogram.microseconds.load(Ordering::Relaxed)),
                );
                failures.insert(method.name.to_owned(), json!(histogram.failures.load(Ordering::Relaxed)));
            }
        }
        [("latency_seconds_by_method", Json::Object(latencies)), ("failures_by_method", Json::Object(failures))]
    }
}

/// A histogram as the status document has them, in seconds.
fn histogram(bounds: &[u64], counts: &[u64], microseconds: u64) -> Json {
    // Sums of centuries would be needed before a float loses anything here.
    let seconds = |microseconds: u64| Duration::from_micros(microseconds).as_secs_f64();
    let bounds: Vec<f64> = bounds.iter().map(|bound| seconds(*bound)).collect();
    json!({"bounds": bounds, "counts": counts, "sum": seconds(microseconds)})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_has_a_histogram_of_its_own() {
        let latencies = Latencies::default();
        for (count, method) in (1..).zip(METHODS) {
            (0..count).for_each(|_| latencies.count(method, Duration::from_micros(60), true));
        }
        latencies.count(&METHODS[0], Duration::from_secs(60), false);
        latencies.count(&METHODS[0], Duration::from_micros(50), true);
        let [(_, histograms), (_, failures)] = latencies.status();
        for (count, method) in (1..).zip(METHODS).skip(1) {
            assert_eq!((&histograms[method.name]["counts"][1], &failures[method.name]), (&json!(count), &json!(0)));
        }
        let first = &histograms[METHODS[0].name];
        assert_eq!(first["counts"], json!([1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]));
        assert_eq!((&first["sum"], &first["bounds"][0]), (&json!(60.00011), &json!(0.00005)));
        assert_eq!(failures[METHODS[0].name], 1);
    }

    #[test]
    fn methods_nobody_asked_for_are_not_listed() {
        assert!(Latencies::default().status().iter().all(|(_, members)| *members == json!({})));
    }
}
