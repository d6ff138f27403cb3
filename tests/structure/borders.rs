//! Who may use whom: crates by the table in ARCHITECTURE.md, and the worker's actions by a list.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::source::{Sources, Target};
use super::{sources, top};

/// The head of the table in ARCHITECTURE.md. Its rows name crates by their folder's name.
const TABLE: &str = "| Crate | May use |";

/// What the root package is called in the table.
const ROOT: &str = "module";

/// Where the items may stand that an action names. An action works on what an inventory answers; it must not see from where the
/// inventory has it.
const FOR_ACTIONS: &[(&str, &str)] = &[
    ("vpoller-worker::actions", "actions share their tools"),
    ("vpoller-worker::failure", "what a request is refused with"),
    ("vpoller-worker::method", "the row of the method that is carried out, and the task"),
    ("vpoller-worker::log_limits", "short texts for errors"),
    ("vpoller-worker::policy", "whether session keys may be shown"),
    ("vpoller-worker::response", "results, and lists that are made while they are written"),
    ("vpoller-wire", "requests, and texts for replies"),
    ("vpoller-inventory::border", "questions and answers"),
];

/// Items of `vpoller-vsphere` that an action may name: values, and what describes performance counters.
const VALUES: [&str; 11] =
    ["Catalogue", "Counter", "DateTime", "Interval", "Metric", "MoRef", "Provider", "Sample", "Series", "Struct", "Value"];

/// Crates from elsewhere that an action may name: none that sends or stores. Of tokio it takes what waits for two answers at once, of
/// secrecy the type of a guest's password.
const TOOLS: [&str; 7] = ["futures_util", "ring", "secrecy", "serde_json", "std", "tokio", "wildmatch"];

#[test]
fn crates_use_only_what_the_table_of_the_architecture_allows() {
    let text = fs::read_to_string(top().join("ARCHITECTURE.md")).unwrap();
    let table = table(&text);
    let mut faults = Vec::new();
    for package in &sources().packages {
        let name = short(&package.name);
        let Some(allowed) = table.get(name) else {
            faults.push(format!("{name} has no row in the table"));
            continue;
        };
        for used in package.uses.iter().map(|used| short(used)).filter(|used| !allowed.contains(*used)) {
            faults.push(format!("{name} uses {used}, which the table does not allow"));
        }
    }
    let known: BTreeSet<&str> = sources().packages.iter().map(|package| short(&package.name)).collect();
    let named = table.iter().flat_map(|(name, allowed)| std::iter::once(name).chain(allowed));
    for name in named.filter(|name| !known.contains(name.as_str())) {
        faults.push(format!("the table names {name}, which is no crate"));
    }
    assert!(faults.is_empty(), "ARCHITECTURE.md, \"{TABLE}\":\n{}", faults.join("\n"));
}

fn short(package: &str) -> &str {
    if package == "vpoller" { ROOT } else { package.strip_prefix("vpoller-").unwrap_or(package) }
}

/// The rows below [`TABLE`]: what stands between backticks in the first column, and in the second.
fn table(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let quoted = |cell: &str| -> BTreeSet<String> { cell.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
    let rows = text.lines().skip_while(|line| *line != TABLE).skip(2).take_while(|line| line.starts_with('|'));
    let mut table = BTreeMap::new();
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
        assert_eq!(cells.len(), 2, "{row}");
        for name in quoted(cells[0]) {
            assert!(table.insert(name, quoted(cells[1])).is_none(), "{row} stands twice");
        }
    }
    assert!(table.len() > 5, "{table:?}");
    table
}

#[test]
fn an_action_does_not_know_where_a_value_comes_from() {
    let sources = sources();
    let worker = sources.package("vpoller-worker").unwrap();
    let mut unused: BTreeSet<&str> = FOR_ACTIONS.iter().map(|(place, _)| *place).collect();
    let mut faults = BTreeSet::new();
    let mut judged = 0;
    let is_action = |path: &[String]| path.first().is_some_and(|first| first == "actions");
    for (number, module) in sources.modules_of(worker).filter(|(_, module)| is_action(&module.path)) {
        for target in sources.named_by(number) {
            judged += 1;
            match place(sources, &target) {
                None => {}
                Some(place) => match FOR_ACTIONS.iter().find(|(allowed, _)| is_below(&place, allowed)) {
                    Some((allowed, _)) => {
                        unused.remove(allowed);
                    }
                    None => {
                        faults.insert(format!("{} names {place}", module.file.display()));
                    }
                },
            }
        }
    }
    assert!(judged > 50, "only {judged} names were judged");
    faults.extend(unused.iter().map(|place| format!("no action names {place}: take it from the list")));
    assert!(faults.is_empty(), "{}", faults.into_iter().collect::<Vec<_>>().join("\n"));
}

/// Where an item stands, with its name, unless it is one that all actions may name.
fn place(sources: &Sources, target: &Target) -> Option<String> {
    match target {
        Target::External(name) => (!TOOLS.contains(&name.as_str())).then(|| name.clone()),
        Target::Item(number, item) => {
            let package = &sources.packages[sources.modules[*number].package].name;
            let is_value = package == "vpoller-vsphere" && item.as_deref().is_some_and(|item| VALUES.contains(&item));
            let title = sources.title(*number);
            (!is_value).then(|| item.as_ref().map_or_else(|| title.clone(), |item| format!("{title}::{item}")))
        }
    }
}

fn is_below(place: &str, allowed: &str) -> bool {
    place.strip_prefix(allowed).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}
