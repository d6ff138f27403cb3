//! Answers about hand-made machines, as Ceilometer wants them.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::annotation::Annotation;
use super::answer::{Question, Refused};
use super::entries::{Defaults, Instances, Machine, Power};
use super::instance::Candidates;
use super::meters::{COUNTERS, METERS, VIRTUAL_DISK_COUNTERS};
use crate::reader::WantedCounter;
use crate::samples::{NetworkCard, Reading};

/// What a hand-made machine borrows from.
struct Made {
    name: String,
    moid: String,
    note: String,
    power: Option<Power>,
    readings: Vec<Reading>,
    cards: Vec<NetworkCard>,
}

/// All counters with this value, of the disk `naa.1` and the cards 4001 and 4000.
fn readings(mean: f64) -> Vec<Reading> {
    let mut readings = Vec::new();
    for wanted in COUNTERS {
        let instances: &[&str] = match (wanted.instance, wanted.name.starts_with("net.")) {
            ("", _) => &[""],
            (_, true) => &["4001", "4000", "", "vmnic0"],
            (_, false) => &["naa.1", ""],
        };
        let reading = |instance: &&str| Reading { counter: wanted.name, instance: (*instance).into(), mean, newest: 0 };
        readings.extend(instances.iter().map(reading));
    }
    readings
}

fn made(number: usize, power: Option<Power>) -> Made {
    Made {
        name: format!("vm-{number:05}"),
        moid: format!("vm-{number}"),
        note: if number.is_multiple_of(2) { format!("projectid:p{number}\nuserid:u\nname:web\n") } else { String::new() },
        power,
        readings: readings(f64::from(u32::try_from(number).unwrap())),
        cards: vec![NetworkCard { key: 4000, mac: "00:50:56:00:00:01".into() }],
    }
}

fn machine(made: &Made) -> Machine<'_> {
    Machine {
        candidates: Candidates {
            name: Some(&made.name),
            running: made.power == Some(Power::On),
            vcenter: "vc01",
            moid: &made.moid,
            ..Candidates::default()
        },
        name: Some((&*made.name).into()),
        annotation: Annotation::parse(&made.note),
        power: made.power,
        host: None,
        cpus: Some(2),
        memory_mb: None,
        provisioned: Some(2048),
        used: Some(1024),
        capacity: Some(3 << 30),
        cards: &made.cards,
        readings: &made.readings,
    }
}

const DEFAULTS: Defaults<'_> = Defaults { project: "none", user: "" };

fn ask(made: &[Made], address: &str) -> Result<Json, Refused> {
    let (rest, query) = address.split_once('?').unwrap_or((address, ""));
    let text = Question::read(rest, query)?.answer(&Instances::new(made.iter().map(machine).collect(), DEFAULTS))?;
    let text = String::from_utf8(text).unwrap();
    assert!(text.starts_with("{\"samples\":["), "the list is the first key: {text}");
    Ok(serde_json::from_str(&text).unwrap())
}

fn ids(answer: &Json) -> Vec<&str> {
    answer["samples"].as_array().unwrap().iter().map(|entry| entry["id"].as_str().unwrap()).collect()
}

#[test]
fn virtual_disks_are_resources_of_their_own_where_they_are_wanted() {
    let mut made = [made(2, Some(Power::On))];
    // Another reader of the same cycle may have asked for them.
    let of_disk = |wanted: &WantedCounter| Reading { counter: wanted.name, instance: "scsi0:0".into(), mean: 3.0, newest: 0 };
    made[0].readings.extend(VIRTUAL_DISK_COUNTERS.iter().map(of_disk));
    let ask = |address: &str, virtual_disks| {
        let (rest, query) = address.split_once('?').unwrap_or((address, ""));
        let instances = Instances::new(made.iter().map(machine).collect(), DEFAULTS).with_virtual_disks(virtual_disks);
        let answer = Question::read(rest, query).unwrap().answer(&instances).unwrap();
        let answer: Json = serde_json::from_slice(&answer).unwrap();
        check(&answer);
        answer
    };
    for address in ["samples?meter=disk.device.write.bytes.rate", "disk?unit=bytes", "disk?unit=requests"] {
        let (without, with) = (ask(address, false), ask(address, true));
        let [device] = ids(&without)[..] else { panic!("{without}") };
        assert_eq!(ids(&with), [device, &device.replace("naa.1", "scsi0:0")], "{address}");
    }
    let written = ask("samples?meter=disk.device.write.bytes.rate", true);
    assert_eq!((&written["samples"][1]["value"], &written["samples"][1]["disk_name"]), (&json!(3072.0), &json!("scsi0:0")));
    let sum = "samples?meter=disk.write.bytes.rate";
    assert_eq!(ask(sum, true), ask(sum, false), "the sum is that of the devices alone");
}

/// What holds for every answer.
fn check(answer: &Json) {
    let samples = answer["samples"].as_array().unwrap();
    let keys = |entry: &Json| entry.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    for entry in samples {
        assert_eq!(keys(entry), keys(&samples[0]), "all entries have the same keys, in one order");
        for label in ["id", "user_id", "project_id", "display_name", "name", "host", "instance_id"] {
            assert!(entry[label].as_str().is_some_and(|text| !text.is_empty()), "{label}: {entry}");
        }
        for (key, value) in entry.as_object().unwrap() {
            assert!(!key.contains('.') && key != "metadata" && key != "flavor" && key != "user_metadata", "{key}");
            assert!(!value.is_object() && (!value.is_array() || key == "meters"), "entries are flat: {entry}");
        }
        let value = entry.get("value").is_some_and(Json::is_f64);
        assert!(value || entry["meters"].as_array().is_some_and(|items| !items.is_empty()), "{entry}");
    }
    assert_eq!(ids(answer).iter().collect::<BTreeSet<_>>().len(), samples.len(), "each resource once");
}

#[test]
fn an_entry_says_what_is_known_of_the_instance() {
    let made = [made(2, Some(Power::On))];
    let answer = ask(&made, "samples?meter=cpu_util").unwrap();
    let expected = json!({"samples": [{
        "id": "vm-2@vc01", "user_id": "u", "project_id": "p2", "value": 0.02, "instance_id": "vm-2@vc01", "display_name": "web",
        "name": "vm-00002", "host": "none", "instance_host": "none", "instance_type": null, "image_ref": null, "status": "active",
        "state": "active", "state_code": 1, "vcpus": 2, "memory_mb": null, "disk_gb": 3, "architecture": null, "task_state": null,
        "user_name": null, "project_name": null, "vm_name": "vm-00002", "vcenter": "vc01", "moid": "vm-2",
    }]});
    assert_eq!(answer.to_string(), expected.to_string());
    let card = ask(&made, "samples/?meter=network.incoming.bytes.rate").unwrap();
    assert_eq!(ids(&card), ["vm-00002-vm-2@vc01-4000", "vm-00002-vm-2@vc01-4001"]);
    let parts = |entry: &Json| ["name", "vnic_name", "mac", "fref", "parameters"].map(|key| entry[key].clone());
    let mac = json!("00:50:56:00:00:01");
    assert_eq!(parts(&card["samples"][0]), [json!("4000"), json!("4000"), mac, Json::Null, Json::Null]);
    assert_eq!(parts(&card["samples"][1])[2], Json::Null);
    let disk = ask(&made, "disk").unwrap();
    assert_eq!((ids(&disk), &disk["samples"][0]["disk_name"]), (vec!["vm-2@vc01-naa.1"], &json!("naa.1")));
    let item = |meter: &str| json!({"meter": meter, "bytes_meter": meter, "value": 2048.0});
    assert_eq!(disk["samples"][0]["meters"], json!([item("read.bytes.rate"), item("write.bytes.rate")]));
    let packets = ask(&made, "network/?unit=packets").unwrap();
    let item = |meter: &str| json!({"meter": meter, "packets_meter": meter, "value": 0.1});
    assert_eq!(packets["samples"][1]["meters"], json!([item("incoming.packets.rate"), item("outgoing.packets.rate")]));
}

#[test]
fn machines_that_do_not_run_have_space_only() {
    let made = [made(1, Some(Power::On)), made(2, Some(Power::Off)), made(3, Some(Power::Suspended)), made(4, None)];
    let of = |meter: &str| ask(&made, &format!("samples?meter={meter}")).unwrap();
    assert_eq!(ids(&of("cpu_util")), ["vm-1@vc01", "vm-4@vc01"], "who may not know the state takes the samples' word for it");
    assert_eq!(ids(&of("vcpus")), ["vm-1@vc01"]);
    assert_eq!(ids(&of("memory")), [""; 0]);
    let used = of("vsphere.disk.used");
    assert_eq!(ids(&used), ["vm-1@vc01", "vm-2@vc01", "vm-3@vc01", "vm-4@vc01"]);
    let states: Vec<&Json> = used["samples"].as_array().unwrap().iter().map(|entry| &entry["state_code"]).collect();
    assert_eq!(json!(states), json!([1, 4, 7, 0]));
    for meter in &METERS {
        check(&of(meter.name));
    }
}

#[test]
fn nothing_to_report_is_an_empty_list() {
    for address in ["samples?meter=cpu_util", "disk?unit=requests", "network", "samples?meter=vcpus&limit=1"] {
        assert_eq!(ask(&[], address).unwrap(), json!({"samples": []}));
    }
}

#[test]
fn pages_are_a_thousand_entries_or_more_and_lose_nothing() {
    let made: Vec<Made> = (0..1205).map(|number| made(number, Some(Power::On))).collect();
    for start in ["samples?meter=cpu_util&limit=1", "network?limit=1000", "network?unit=packets&limit=1101"] {
        let whole = ask(&made, start.split("limit").next().unwrap()).unwrap();
        assert!(whole.get("next").is_none());
        let (mut address, mut pages, mut seen) = (start.to_owned(), 0, Vec::new());
        loop {
            let page = ask(&made, &address).unwrap();
            check(&page);
            pages += 1;
            seen.extend(ids(&page).into_iter().map(str::to_owned));
            let Some(next) = page.get("next").and_then(Json::as_str) else { break };
            assert!(ids(&page).len() >= 1000);
            address = next.strip_prefix("/v1/ceilometer/").expect("a path that begins with a slash").to_owned();
        }
        assert_eq!((seen.iter().map(|id| &**id).collect::<Vec<_>>(), pages > 1), (ids(&whole), true), "{start}");
    }
}

#[test]
fn wrong_questions_get_a_status_and_one_line() {
    for (address, status) in [
        ("samples", 400),
        ("samples?meter=", 400),
        ("samples?meter=cpu", 404),
        ("samples?meter=cpu_util&limit=many", 400),
        ("samples?meter=cpu_util&limit=-1", 400),
        ("disk?unit=packets", 404),
        ("network?unit=requests", 404),
        ("other", 404),
        ("", 404),
        ("samples//?meter=cpu_util", 404),
    ] {
        let refused = ask(&[], address).unwrap_err();
        assert_eq!(refused.status, status, "{address}");
        let body: Json = serde_json::from_slice(&refused.body()).unwrap();
        assert!(body["error"].as_str().is_some_and(|line| !line.is_empty() && !line.contains('\n')), "{address}: {body}");
    }
    for address in ["samples?x=1&meter=cpu%5Futil&meter=no", "samples?limit=&meter=cpu_util", "samples?meter=cpu_util&%zz&=&&"] {
        assert_eq!(ask(&[], address).unwrap(), json!({"samples": []}), "{address}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_path_and_query_are_answered_or_refused(rest in "[a-z/]{0,9}", query in "(?s).{0,60}") {
        let address = Question::read(&rest, &query);
        prop_assert!(address.is_ok() || address.is_err_and(|refused| [400, 404].contains(&refused.status)));
    }

    #[test]
    fn answers_about_hostile_names_hold_what_every_answer_does(
        facts in prop::collection::vec(("(?s).{0,12}", "(?s).{0,30}", 0_u8..3, 0_u8..9), 0..9),
    ) {
        let powers = [Some(Power::On), Some(Power::Off), None];
        let made: Vec<Made> = facts.into_iter().enumerate().map(|(number, (name, note, power, value))| Made {
            name,
            note: format!("{note}\nprojectid:{note}\n"),
            moid: format!("vm-{number}"),
            power: powers[usize::from(power)],
            readings: readings(f64::from(value)),
            cards: Vec::new(),
        }).collect();
        for meter in &METERS {
            check(&ask(&made, &format!("samples?meter={}", meter.name)).unwrap());
        }
        for address in ["disk", "disk?unit=requests", "network", "network?unit=packets"] {
            check(&ask(&made, address).unwrap());
        }
    }
}
