//! The examples of the documentation, asked of the inventory in memory.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value as Json, json};
use vpoller_wire::{Outcome, split_outcome};
use vpoller_worker::methods::METHODS;

use crate::support::host::{HOST, answer, dispatcher};
use crate::support::inventory::MemoryInventory;

/// The words of a command line, with double quotes around those that hold blanks.
fn words(line: &str) -> Vec<String> {
    let parts = line.split('"').enumerate();
    let words = parts.flat_map(|(place, part)| match place % 2 {
        0 => part.split_whitespace().map(str::to_owned).collect(),
        _ => vec![part.to_owned()],
    });
    words.collect()
}

#[tokio::test]
async fn the_examples_of_methods_work() {
    let dispatcher = dispatcher(Arc::new(MemoryInventory::documents()));
    for method in METHODS {
        let mut request = json!({"method": method.name, "hostname": HOST, "name": null, "properties": null});
        let words = words(method.example);
        for option in words.chunks(2) {
            let field = match option[0].as_str() {
                "-n" => "name",
                "-p" => "properties",
                "-k" => "key",
                "-c" => "counter-name",
                "-i" => "instance",
                "-T" => "perf-interval",
                "-U" => "username",
                "-P" => "password",
                other => panic!("{}: {other} is no option of an example", method.name),
            };
            request[field] = json!(option[1]);
        }
        let reply: Json = serde_json::from_slice(&answer(&dispatcher, request.to_string().as_bytes()).await).unwrap();
        assert_eq!(reply["success"], 0, "{request}: {reply}");
    }
}

/// The parameters of an item key as Zabbix reads them: separated by commas, with double quotes around those that hold some.
fn parameters(inside: &str) -> Vec<String> {
    let (mut all, mut quoted) = (vec![String::new()], false);
    for character in inside.chars() {
        match character {
            '"' => quoted = !quoted,
            ',' if !quoted => all.push(String::new()),
            _ => all.last_mut().unwrap().push(character),
        }
    }
    all.iter().map(|parameter| parameter.trim().to_owned()).collect()
}

#[tokio::test]
async fn the_item_keys_of_the_page_about_zabbix_work() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/zabbix.md");
    let page = std::fs::read_to_string(page).unwrap().replace("{$GUEST.USER}", "root").replace("{$GUEST.PASSWORD}", "p4ssw0rd");
    let dispatcher = dispatcher(Arc::new(MemoryInventory::documents()));
    let mut asked = 0;
    for line in page.lines().filter(|line| line.starts_with("    vpoller") && !line.contains('<')) {
        let (key, inside) = line.trim().strip_suffix(']').unwrap().split_once('[').unwrap();
        let helper = match key {
            "vpoller" => "vpoller.helpers.czabbix",
            "vpoller.raw" => "vpoller.helpers.zabbix.raw",
            "vpoller.json" => "vpoller.helpers.zabbix.json",
            other => panic!("there is no item key {other}"),
        };
        let fields = [
            "method",
            "hostname",
            "name",
            "properties",
            "key",
            "username",
            "password",
            "counter-name",
            "instance",
            "perf-interval",
        ];
        let mut request = json!({"helper": helper, "outcome": true});
        for (field, parameter) in fields.iter().zip(parameters(inside)) {
            request[*field] = json!(parameter);
        }
        let bytes = answer(&dispatcher, request.to_string().as_bytes()).await;
        let (text, outcome) = split_outcome(&bytes);
        assert!(outcome == Outcome::Value && !text.is_empty(), "{line}: {}", String::from_utf8_lossy(text));
        asked += 1;
    }
    assert!(asked > 5, "{asked} examples");
}
