//! The examples of the documentation, asked of the inventory in memory.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value as Json, json};
use vpoller_wire::{Outcome, split_outcome};
use vpoller_worker::helpers::HELPERS;
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

/// The names in the first column of the tables of a section, as they stand between backquotes.
fn first_column(page: &str, section: &str) -> Vec<String> {
    let (_, rest) = page.split_once(&format!("\n## {section}\n")).unwrap_or_else(|| panic!("there is no section {section}"));
    let section = rest.split("\n## ").next().unwrap();
    let cells = section.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2).map(str::to_owned)).collect()
}

/// Whether a row's name stands for a method: itself, or, with `*` in front, all that end so.
fn stands_for(row: &str, method: &str) -> bool {
    row.strip_prefix('*').map_or(row == method, |end| method.ends_with(end))
}

#[test]
fn the_page_of_answers_has_one_row_for_each_method_and_names_no_other() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/design/answers.md");
    let page = std::fs::read_to_string(page).unwrap();
    let rows = first_column(&page, "Methods");
    let mut used: BTreeMap<&str, usize> = rows.iter().map(|row| (row.as_str(), 0)).collect();
    assert_eq!(used.len(), rows.len(), "a name stands in two rows");
    for method in METHODS {
        let fits: Vec<&String> = rows.iter().filter(|row| stands_for(row, method.name)).collect();
        let [row] = fits[..] else { panic!("docs/design/answers.md has not one row for {}, but {fits:?}", method.name) };
        *used.get_mut(row.as_str()).unwrap() += 1;
    }
    let unused: Vec<_> = used.iter().filter(|(_, methods)| **methods == 0).collect();
    assert!(unused.is_empty(), "docs/design/answers.md names what is no method: {unused:?}");

    let helpers = first_column(&page, "Helpers");
    for helper in HELPERS {
        assert!(helpers.iter().any(|name| name == helper.name()), "docs/design/answers.md has no row for {}", helper.name());
    }
    let foreign = helpers.iter().find(|name| HELPERS.iter().all(|helper| helper.name() != name.as_str()));
    assert_eq!(foreign, None, "docs/design/answers.md names what is no helper");
}
