//! Any texts where the answer to QueryPerf has its moments and values.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vpoller_vsphere::{EntitySeries, MoRef, Struct, Value};

fn object(kind: &str, fields: Vec<(&str, Value)>) -> Value {
    Value::from(Struct { kind: kind.into(), fields: fields.into_iter().map(|(name, value)| (name.into(), value)).collect() })
}

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let (moments, values) = text.split_once('\n').unwrap_or((&text, ""));
    let id = object("PerfMetricId", vec![("counterId", Value::Int(1)), ("instance", Value::string(values))]);
    let series = object("PerfMetricSeriesCSV", vec![("id", id), ("value", Value::string(values))]);
    let fields = vec![
        ("entity", Value::from(MoRef::new("VirtualMachine", "vm-1"))),
        ("sampleInfoCSV", Value::string(moments)),
        ("value", Value::List(vec![series])),
    ];
    for entity in EntitySeries::read_all(vec![object("PerfEntityMetricCSV", fields)]) {
        for series in &entity.series {
            assert!(series.samples.is_sorted_by(|one, next| one.at.unix_micros() < next.at.unix_micros()));
            assert!(series.samples.iter().all(|sample| sample.value != -1));
        }
    }
});
