//! Everything is listed, as zabbix-vsphere-import lists it, while objects go: what stays is in every list, whole.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value as Json, json};
use vpoller_testkit::{SimOptions, Simulator};

use crate::support::host::{Followed, HOST, answer, direct, quick, registered};

/// What the importer asks for, type by type.
const LISTS: [(&str, &str); 5] = [
    ("datacenter.discover", "moid"),
    ("cluster.discover", "moid"),
    ("host.discover", "moid,parent"),
    ("vm.discover", "moid,summary.config.template,runtime.powerState,runtime.host,config.ftInfo.role"),
    ("datastore.discover", "moid,info.url,summary.url"),
];
const CSV: &str = "vpoller.helpers.csvhelper";
/// Machines beside those of the documents.
const MACHINES: usize = 120;
const RUNS: usize = 3;

async fn ask(followed: &Followed, method: &str, properties: &str, helper: Option<&str>) -> Vec<u8> {
    let mut request = json!({"method": method, "hostname": HOST, "properties": properties});
    if let Some(helper) = helper {
        request["helper"] = json!(helper);
    }
    answer(&followed.dispatcher, request.to_string().as_bytes()).await
}

/// The ids of a list, each of whose rows is whole.
async fn listed(followed: &Followed, method: &str, properties: &str) -> BTreeSet<String> {
    let reply: Json = serde_json::from_slice(&ask(followed, method, properties, None).await).unwrap();
    assert_eq!(reply["success"], 0, "{method}: {reply}");
    let rows = reply["result"].as_array().unwrap();
    let ids: BTreeSet<String> = rows.iter().map(|row| row["moid"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids.len(), rows.len(), "{method}: no object twice");
    for row in rows {
        assert!(row["name"].is_string() && row.get("refused").is_none(), "{method}: {row}");
        if method == "vm.discover" {
            assert!(row["runtime.powerState"].is_string() && row["summary.config.template"].is_boolean(), "{row}");
        }
    }
    ids
}

/// As [`listed`], of a table.
async fn tabled(followed: &Followed, method: &str, properties: &str) -> BTreeSet<String> {
    let table = String::from_utf8(ask(followed, method, properties, Some(CSV)).await).unwrap();
    let mut lines = csv::Reader::from_reader(table.as_bytes());
    let place = lines.headers().unwrap().iter().position(|name| name == "moid").unwrap_or_else(|| panic!("{method}: {table}"));
    // A line of another length is an error.
    lines.records().map(|line| line.unwrap().get(place).unwrap().to_owned()).collect()
}

/// Has objects go, one after the other, until it is stopped: views list them, reads do not find them, and every other one of the
/// machines is destroyed then.
fn vanish(simulator: &Simulator, going: &[(&str, String)], is_over: &AtomicBool) -> usize {
    let mut gone = 0;
    for (number, (kind, moid)) in going.iter().enumerate().cycle() {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        simulator.page("POST", "/vanish", &json!({"type": kind, "moid": moid}).to_string());
        gone += 1;
        let back = going[(number + going.len() - 2) % going.len()].clone();
        simulator.page("POST", "/vanish", &json!({"type": back.0, "moid": back.1, "back": true}).to_string());
    }
    for (number, (kind, moid)) in going.iter().enumerate() {
        simulator.page("POST", "/vanish", &json!({"type": kind, "moid": moid, "back": true}).to_string());
        if *kind == "VirtualMachine" && number % 2 == 0 {
            simulator.page("POST", "/vm/destroy", &json!({"moid": moid}).to_string());
        }
    }
    gone
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_that_are_read_while_objects_vanish_have_all_that_stays() {
    let simulator = Arc::new(Simulator::start(&SimOptions { vms: MACHINES, ..SimOptions::default() }));
    // Several pages for each list.
    simulator.page("POST", "/pages", &json!({"size": 20}).to_string());
    for cache in [direct(), quick()] {
        let followed = Followed::start(&registered(&simulator), cache).await;
        let machines = listed(&followed, "vm.discover", "moid,runtime.powerState,summary.config.template").await;
        let hosts = listed(&followed, "host.discover", "moid").await;
        let of_kind = |kind: &'static str, ids: &BTreeSet<String>, nth: usize| {
            ids.iter().filter(|id| !id.ends_with('1')).step_by(nth).map(|id| (kind, id.clone())).collect::<Vec<_>>()
        };
        let mut going = of_kind("VirtualMachine", &machines, 9);
        going.extend(of_kind("HostSystem", &hosts, 2));
        let gone: BTreeSet<String> = going.iter().map(|(_, id)| id.clone()).collect();
        let stay = |ids: &BTreeSet<String>| ids.difference(&gone).cloned().collect::<BTreeSet<_>>();
        let (staying, staying_hosts) = (stay(&machines), stay(&hosts));
        assert!(staying.len() > MACHINES / 2 && staying_hosts.len() > 1 && gone.len() > 10);

        let is_over = Arc::new(AtomicBool::new(false));
        let (of, over) = (Arc::clone(&simulator), Arc::clone(&is_over));
        let vanishing = tokio::task::spawn_blocking(move || vanish(&of, &going, &over));
        for _ in 0..RUNS {
            for (method, properties) in LISTS {
                for ids in [listed(&followed, method, properties).await, tabled(&followed, method, properties).await] {
                    let expected = match method {
                        "vm.discover" => &staying,
                        "host.discover" => &staying_hosts,
                        _ => continue,
                    };
                    let lost: Vec<&String> = expected.difference(&ids).collect();
                    assert!(lost.is_empty(), "{method} lost {lost:?}");
                }
            }
        }
        is_over.store(true, Ordering::Relaxed);
        assert!(vanishing.await.unwrap() > 3 * RUNS, "objects went meanwhile");
        // And afterwards what is there, no more and no less.
        let is_settled = |reply: &Json| {
            let rows = reply["result"].as_array().unwrap();
            staying.iter().all(|id| rows.iter().any(|row| row["moid"] == **id)) && rows.len() < machines.len()
        };
        followed.until_answered("vm.discover", None, &["moid"], is_settled).await;
        followed.stop().await;
    }
}
