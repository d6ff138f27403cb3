//! No circle among the top modules of a crate: which can be read, tested and moved without which.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{Sources, Target};
use super::sources;

/// Crates in which no circle is allowed.
const WITHOUT: [&str; 4] = ["vpoller", "vpoller-importer", "vpoller-inventory", "vpoller-worker"];

/// Circles that may stay: the crate, the top modules in the circle, and the reason.
const HARMLESS: &[(&str, &[&str], &str)] = &[
    (
        "vpoller-vsphere",
        &["error", "fault"],
        "an error carries the fault that it came from, and a fault says which class of error it is",
    ),
    (
        "vpoller-vsphere",
        &["client", "connection", "page_token", "retrieve", "session_manager"],
        "the session manager says in which state the connection is, in a type that stands with the client",
    ),
];

/// Which node points to which.
pub(super) type Graph = BTreeMap<String, BTreeSet<String>>;

/// The top modules of a package's library by what they name of each other. What stands in the root itself is `lib`.
pub(super) fn top_modules(sources: &Sources, package: usize) -> Graph {
    graph(sources, package, |number| sources.modules[number].path.first().cloned().unwrap_or_else(|| "lib".to_owned()))
}

/// The files of a package's library by what they name of each other.
pub(super) fn files(sources: &Sources, package: usize) -> Graph {
    graph(sources, package, |number| sources.modules[number].file.display().to_string())
}

fn graph(sources: &Sources, package: usize, node: impl Fn(usize) -> String) -> Graph {
    let mut graph = Graph::new();
    for (number, _) in sources.modules_of(package).filter(|(_, module)| module.is_library) {
        let own = node(number);
        let named = sources.named_by(number).into_iter().filter_map(|target| match target {
            Target::Item(other, _) if sources.modules[other].package == package => Some(node(other)),
            _ => None,
        });
        let named: BTreeSet<String> = named.filter(|other| *other != own).collect();
        graph.entry(own).or_default().extend(named);
    }
    graph
}

/// Sets of nodes of which each reaches each other, the biggest first.
pub(super) fn circles(graph: &Graph) -> Vec<BTreeSet<String>> {
    let reached: BTreeMap<&String, BTreeSet<&String>> = graph.keys().map(|node| (node, reach(graph, node))).collect();
    let mut circles: BTreeSet<BTreeSet<String>> = BTreeSet::new();
    for (node, others) in &reached {
        let circle: BTreeSet<String> = others
            .iter()
            .filter(|other| reached.get(*other).is_some_and(|back| back.contains(node)))
            .map(|other| (*other).clone())
            .collect();
        if circle.len() > 1 {
            circles.insert(circle);
        }
    }
    let mut circles: Vec<_> = circles.into_iter().collect();
    circles.sort_by_key(|circle| std::cmp::Reverse(circle.len()));
    circles
}

fn reach<'a>(graph: &'a Graph, from: &'a String) -> BTreeSet<&'a String> {
    let mut reached = BTreeSet::new();
    let mut next = vec![from];
    while let Some(node) = next.pop() {
        for other in graph.get(node).into_iter().flatten() {
            if reached.insert(other) {
                next.push(other);
            }
        }
    }
    reached
}

/// Each use within a circle, to see where it may be cut.
fn edges(graph: &Graph, circle: &BTreeSet<String>) -> Vec<String> {
    let from = circle.iter().filter_map(|node| graph.get_key_value(node));
    from.map(|(node, others)| {
        let within: Vec<&str> = others.intersection(circle).map(String::as_str).collect();
        format!("{node} names {}", within.join(", "))
    })
    .collect()
}

#[test]
fn top_modules_form_no_circles_but_the_listed() {
    let sources = sources();
    let mut listed: BTreeSet<(&str, BTreeSet<String>)> = BTreeSet::new();
    for (package, modules, reason) in HARMLESS {
        assert!(!WITHOUT.contains(package) && !reason.is_empty(), "{package}: no circle may stand in the list");
        listed.insert((package, modules.iter().map(|module| (*module).to_owned()).collect()));
    }
    let mut faults = Vec::new();
    for (number, package) in sources.packages.iter().enumerate() {
        let graph = top_modules(sources, number);
        for circle in circles(&graph) {
            let edges = edges(&graph, &circle).join("\n  ");
            if !listed.remove(&(package.name.as_str(), circle)) {
                faults.push(format!("{}: a circle\n  {edges}", package.name));
            }
        }
    }
    faults.extend(
        listed.iter().map(|(package, circle)| format!("{package}: the circle {circle:?} is gone: take it from the list")),
    );
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_circle_is_found() {
    let graph = |edges: &[(&str, &str)]| {
        let mut graph = Graph::new();
        for (from, to) in edges {
            graph.entry((*to).to_owned()).or_default();
            graph.entry((*from).to_owned()).or_default().insert((*to).to_owned());
        }
        graph
    };
    assert_eq!(circles(&graph(&[("a", "b"), ("b", "c"), ("a", "c")])), Vec::<BTreeSet<String>>::new());
    let found = circles(&graph(&[("a", "b"), ("b", "c"), ("c", "b"), ("d", "e"), ("e", "f"), ("f", "d"), ("c", "d")]));
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<String>>();
    assert_eq!(found, [set(&["d", "e", "f"]), set(&["b", "c"])]);
}
