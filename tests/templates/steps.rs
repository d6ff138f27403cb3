//! The steps of the templates that compute percentages, run by Zabbix's own JavaScript: what is no share has no value.

use std::process::Command;

use serde_json::{Value, json};
use vpoller_testkit::zabbix::Series;
use vpoller_testkit::{process, wait, workspace};

/// What the program prints for null, of which Zabbix makes no value: the item keeps the one that it has.
const NO_VALUE: &str = "(null)";

/// A percentage: the file of its template, its key, what vPoller answers, and the value.
struct Percentage {
    file: &'static str,
    key: &'static str,
    /// The answer that has a value, without the list around it, and the value.
    whole: (Value, &'static str),
    /// Members to replace by these values, each alone, so that there is none; null takes the member away.
    hollow: &'static [(&'static str, Option<i64>)],
}

fn percentages() -> [Percentage; 9] {
    let store = || json!({"summary.capacity": 400, "summary.freeSpace": 100, "summary.uncommitted": 500});
    let hollow_store = &[
        ("summary.capacity", Some(0)),
        ("summary.capacity", Some(-1)),
        ("summary.capacity", Some(99)),
        ("summary.capacity", None),
        ("summary.freeSpace", Some(-1)),
        ("summary.freeSpace", Some(401)),
        ("summary.freeSpace", None),
    ];
    let group = |all: &str, used: &str| json!({all: 400, used: 100});
    let processor = &[("cpu.total", Some(0)), ("cpu.total", None), ("cpu.usage", Some(-1)), ("cpu.usage", None)];
    let memory = &[("memory.total", Some(0)), ("memory.total", None), ("memory.usage", Some(-1)), ("memory.usage", None)];
    let row = |file, key, whole, hollow| Percentage { file, key, whole, hollow };
    [
        row("datastore", "vpoller.datastore[pfree]", (store(), "25"), hollow_store),
        row("datastore", "vpoller.datastore[pprovisioned]", (store(), "200"), hollow_store),
        row("cluster", "vpoller.cluster[total,cpu.pused]", (group("cpu.total", "cpu.usage"), "25"), processor),
        row("cluster", "vpoller.cluster[total,memory.pused]", (group("memory.total", "memory.usage"), "25"), memory),
        row("datacenter", "vpoller.datacenter[total,cpu.pused]", (group("cpu.total", "cpu.usage"), "25"), processor),
        row(
            "hypervisor",
            "vpoller.hv[cpu.pused]",
            (
                json!({"summary.quickStats.overallCpuUsage": 100, "summary.hardware.cpuMhz": 200, "summary.hardware.numCpuCores": 2}),
                "25",
            ),
            &[
                ("summary.hardware.cpuMhz", Some(0)),
                ("summary.hardware.cpuMhz", None),
                ("summary.hardware.numCpuCores", None),
                ("summary.quickStats.overallCpuUsage", None),
            ],
        ),
        row(
            "hypervisor",
            "vpoller.hv[memory.pused]",
            (json!({"summary.quickStats.overallMemoryUsage": 100, "summary.hardware.memorySize": 419_430_400}), "25"),
            &[
                ("summary.hardware.memorySize", Some(0)),
                ("summary.hardware.memorySize", None),
                ("summary.quickStats.overallMemoryUsage", None),
            ],
        ),
        row(
            "vm",
            "vpoller.vm[cpu.pused]",
            (
                json!({"runtime.powerState": "poweredOn", "summary.quickStats.overallCpuUsage": 100, "runtime.maxCpuUsage": 400}),
                "25",
            ),
            &[("runtime.maxCpuUsage", Some(0)), ("runtime.maxCpuUsage", None), ("summary.quickStats.overallCpuUsage", None)],
        ),
        row(
            "vm",
            "vpoller.vm[memory.pused]",
            (json!({"summary.quickStats.guestMemoryUsage": 100, "config.hardware.memoryMB": 400}), "25"),
            &[
                ("config.hardware.memoryMB", Some(0)),
                ("config.hardware.memoryMB", None),
                ("summary.quickStats.guestMemoryUsage", None),
            ],
        ),
    ]
}

#[test]
fn no_share_is_made_of_sizes_that_are_not_known_or_not_possible() {
    Series::together(|series| {
        for percentage in percentages() {
            let script = script(percentage.file, percentage.key);
            let (whole, value) = &percentage.whole;
            assert_eq!(run(series, &script, whole), *value, "{series:?}: {}", percentage.key);
            let mut nothing = whole.clone();
            nothing.as_object_mut().unwrap().values_mut().filter(|value| value.is_number()).for_each(|value| *value = json!(0));
            assert_eq!(run(series, &script, &nothing), NO_VALUE, "{series:?}: {} of {nothing}", percentage.key);
            for (member, replaced) in percentage.hollow {
                let mut answer = whole.clone();
                let members = answer.as_object_mut().unwrap();
                match replaced {
                    Some(number) => members.insert((*member).to_owned(), json!(number)),
                    None => members.remove(*member),
                };
                assert_eq!(run(series, &script, &answer), NO_VALUE, "{series:?}: {} of {answer}", percentage.key);
            }
        }
    });
}

/// What Zabbix's own program for such steps prints.
fn run(series: Series, script: &str, answer: &Value) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("step.js");
    std::fs::write(&path, script).unwrap();
    let mut command = Command::new(series.program("bin/zabbix_js"));
    command.arg("-s").arg(path).arg("-p").arg(json!([answer]).to_string());
    process::run(command, wait::SOON).stdout.trim().to_owned()
}

/// The JavaScript step of the item with this key in a template's file.
fn script(file: &str, key: &str) -> String {
    let path = workspace::root().join(format!("templates/zabbix/vpoller-{file}.yaml"));
    let text = std::fs::read_to_string(path).unwrap();
    let export: Value = serde_saphyr::from_str(&text).unwrap();
    let templates = export["zabbix_export"]["templates"].as_array().unwrap();
    let mut items = templates.iter().flat_map(|template| template["items"].as_array().unwrap());
    let item = items.find(|item| item["key"] == key).unwrap_or_else(|| panic!("{file} has no item {key}"));
    let mut steps = item["preprocessing"].as_array().unwrap().iter();
    let step = steps.find(|step| step["type"] == "JAVASCRIPT").unwrap_or_else(|| panic!("{key} has no JavaScript step"));
    step["parameters"][0].as_str().unwrap().to_owned()
}
