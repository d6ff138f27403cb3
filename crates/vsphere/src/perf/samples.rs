//! From the answer to `QueryPerf` to series, oldest sample first.
//!
//! Servers answer in the compact format that they are asked for, or in the plain one when they do not know it. Either may be
//! ragged: series shorter than the list of moments, -1 where there was no sample, anything unreadable. What fits together from
//! the start is taken, the rest is left out.

use super::Metric;
use crate::value::structs;
use crate::{DateTime, MoRef, Struct, Value};

/// The series of one object (`PerfEntityMetric`, `PerfEntityMetricCSV`).
#[derive(Clone, Debug, PartialEq)]
pub struct EntitySeries {
    /// The object that the samples are of.
    pub entity: MoRef,
    /// Its series; those without a sample may be absent.
    pub series: Vec<Series>,
}

/// The samples of one series (`PerfMetricSeries`, `PerfMetricSeriesCSV`).
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Counter and instance.
    pub metric: Metric,
    /// Its samples, oldest first, one per moment. Moments without a sample (-1 on the wire) are left out.
    pub samples: Vec<Sample>,
}

/// One value of a series, with its interval.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sample {
    /// The end of its interval, by the server's clock.
    pub at: DateTime,
    /// Length of its interval in seconds.
    pub interval: i32,
    /// The value in the counter's unit; percentages are hundredths of a percent.
    pub value: i64,
}

/// What a server writes where there is no sample.
const NONE: i64 = -1;

impl EntitySeries {
    /// The results of a QueryPerf call; elements without an object are left out.
    #[must_use]
    pub fn read_all(values: Vec<Value>) -> Vec<Self> {
        values.into_iter().filter_map(Value::into_struct).filter_map(Self::read).collect()
    }

    fn read(mut metrics: Struct) -> Option<Self> {
        let Some(Value::Ref(entity)) = metrics.take("entity") else { return None };
        let moments = match metrics.get("sampleInfoCSV").and_then(Value::as_str) {
            Some(text) => moments(text),
            None => structs(metrics.take("sampleInfo")).map(|info| moment(&info)).collect(),
        };
        let series = structs(metrics.take("value")).filter_map(|mut series| {
            let metric = Metric::read(series.get("id")?.as_struct()?)?;
            let samples = match series.take("value") {
                Some(Value::String(text)) => align(&moments, text.split(',').map(number)),
                Some(Value::List(items)) => align(&moments, items.iter().map(Value::as_i64)),
                Some(Value::Int(number)) => align(&moments, [Some(number)].into_iter()),
                _ => Vec::new(),
            };
            Some(Series { metric, samples })
        });
        let series = series.collect();
        Some(Self { entity: *entity, series })
    }
}

/// When a sample was taken, and over how many seconds; nothing where that cannot be read.
type Moment = Option<(i32, DateTime)>;

/// Reads `interval,time,interval,time,…`.
fn moments(text: &str) -> Vec<Moment> {
    let mut parts = text.split(',');
    let mut moments = Vec::new();
    while let (Some(interval), Some(at)) = (parts.next(), parts.next()) {
        moments.push(interval.trim().parse().ok().zip(DateTime::parse(at)));
    }
    moments
}

fn moment(info: &Struct) -> Moment {
    super::int(info, "interval").zip(info.get("timestamp").and_then(Value::as_datetime))
}

fn number(text: &str) -> Option<i64> {
    text.trim().parse().ok()
}

/// Moments with their values, in order of time.
fn align(moments: &[Moment], values: impl Iterator<Item = Option<i64>>) -> Vec<Sample> {
    let pairs = moments.iter().zip(values);
    let samples = pairs.filter_map(|(moment, value)| {
        let (interval, at) = (*moment)?;
        let value = value.filter(|value| *value != NONE)?;
        Some(Sample { at, interval, value })
    });
    let mut samples: Vec<Sample> = samples.collect();
    samples.sort_by_key(|sample| sample.at.unix_micros());
    samples.dedup_by_key(|sample| sample.at.unix_micros());
    samples
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read_recorded;
    use proptest::prelude::*;

    /// The answer about one object in the compact format.
    fn answer(moments: &str, values: &str) -> String {
        format!(
            r#"<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
            <e:Body><QueryPerfResponse xmlns="urn:vim25"><returnval xsi:type="PerfEntityMetricCSV">
            <entity type="VirtualMachine">vm-62</entity><sampleInfoCSV>{moments}</sampleInfoCSV>
            <value><id><counterId>174</counterId><instance>scsi0:1</instance></id><value>{values}</value></value>
            </returnval></QueryPerfResponse></e:Body></e:Envelope>"#
        )
    }

    fn read(answer: &str) -> Vec<EntitySeries> {
        EntitySeries::read_all(read_recorded(answer, "QueryPerf").unwrap())
    }

    /// The samples of the one series, as seconds since the first moment below and value.
    fn samples(moments: &str, values: &str) -> Vec<(i64, i32, i64)> {
        let read = read(&answer(moments, values));
        let [EntitySeries { entity, series }] = read.as_slice() else { panic!("{read:?}") };
        let [Series { metric, samples }] = series.as_slice() else { panic!("{series:?}") };
        assert_eq!((&*entity.id, metric), ("vm-62", &Metric::new(174, "scsi0:1")));
        let start = DateTime::parse("2024-05-02T09:00:00Z").unwrap().unix_micros();
        samples.iter().map(|sample| ((sample.at.unix_micros() - start) / 1_000_000, sample.interval, sample.value)).collect()
    }

    const THREE: &str = "20,2024-05-02T09:00:00Z,20,2024-05-02T09:00:20Z,20,2024-05-02T09:00:40Z";

    #[test]
    fn samples_stand_oldest_first_whatever_order_they_came_in() {
        assert_eq!(samples(THREE, "12,13,14"), [(0, 20, 12), (20, 20, 13), (40, 20, 14)]);
        let newest_first = "20,2024-05-02T09:00:40Z,20,2024-05-02T09:00:20Z,20,2024-05-02T09:00:00Z";
        assert_eq!(samples(newest_first, "14,13,12"), [(0, 20, 12), (20, 20, 13), (40, 20, 14)]);
        assert_eq!(samples("300,2024-05-02T11:05:00+02:00", "7"), [(300, 300, 7)]);
    }

    #[test]
    fn moments_without_a_sample_are_left_out() {
        assert_eq!(samples(THREE, "12,-1,14"), [(0, 20, 12), (40, 20, 14)]);
        assert_eq!(samples(THREE, "-1,-1,-1"), []);
        assert_eq!(samples(THREE, "12,,x"), [(0, 20, 12)]);
    }

    #[test]
    fn ragged_series_are_aligned_from_the_start() {
        assert_eq!(samples(THREE, "12,13"), [(0, 20, 12), (20, 20, 13)]);
        assert_eq!(samples(THREE, "12,13,14,15"), [(0, 20, 12), (20, 20, 13), (40, 20, 14)]);
        assert_eq!(samples("20,2024-05-02T09:00:00Z,20", "12,13"), [(0, 20, 12)]);
        assert_eq!(samples("20,yesterday,20,2024-05-02T09:00:20Z", "12,13"), [(20, 20, 13)]);
        assert_eq!(samples("", "12"), []);
        assert_eq!(samples(THREE, ""), []);
    }

    #[test]
    fn both_formats_are_read() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/performance-csv.xml");
        let read = read(&std::fs::read_to_string(path).unwrap());
        let values: Vec<_> = read.iter().map(|entity| (&*entity.entity.id, entity.series[0].samples.len())).collect();
        assert_eq!(values, [("vm-62", 1), ("vm-63", 1)]);
        assert_eq!(read[1].series[0].samples[0].value, 14);
        assert_eq!(read[1].series[0].metric, Metric::new(174, "scsi0:1"));
    }

    proptest! {
        #[test]
        fn any_texts_are_read_without_panic(moments in "[0-9a-zA-Z:,. -]{0,80}", values in "[0-9a-z,. -]{0,80}") {
            for series in &read(&answer(&moments, &values))[0].series {
                prop_assert!(series.samples.len() <= values.split(',').count());
            }
        }

        #[test]
        fn what_a_server_writes_reads_back(
            values in proptest::collection::vec(-1..i64::MAX, 0..40), start in 0..4_000_000_000i64, interval in 1..90_000i32,
        ) {
            let at = |index: usize| DateTime::from_unix_micros((start + index as i64 * i64::from(interval)) * 1_000_000);
            let moments: Vec<_> = (0..values.len()).map(|index| format!("{interval},{}", at(index).to_xml())).collect();
            let texts: Vec<_> = values.iter().map(ToString::to_string).collect();
            let read = read(&answer(&moments.join(","), &texts.join(",")));
            let expected: Vec<Sample> = values.iter().enumerate().filter(|(_, value)| **value != NONE)
                .map(|(index, value)| Sample { at: at(index), interval, value: *value }).collect();
            prop_assert_eq!(&read[0].series[0].samples, &expected);
        }
    }
}
