//! A type's name is used once in a crate, so that a reader knows which one is meant.

use std::collections::BTreeMap;

use super::source::Sources;
use super::sources;

/// Names that several modules may have, and why.
const EVERYWHERE: &[(&str, &str)] = &[
    ("Config", "each part has its own settings, and is named with its module"),
    ("Error", "each part has its own errors, and is named with its module"),
    ("Row", "a row of whatever table its module is about"),
];

/// Names of types that more than one module of a package has, with those modules.
pub(super) fn repeated(sources: &Sources, package: usize) -> BTreeMap<String, Vec<String>> {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (number, module) in sources.modules_of(package) {
        for name in &module.types {
            places.entry(name.clone()).or_default().push(sources.title(number));
        }
    }
    places.retain(|_, modules| modules.len() > 1);
    places
}

#[test]
fn no_two_types_of_a_crate_share_a_name() {
    let sources = sources();
    let mut faults = Vec::new();
    for (number, package) in sources.packages.iter().enumerate() {
        for (name, modules) in repeated(sources, number) {
            if !EVERYWHERE.iter().any(|(free, _)| *free == name) {
                faults.push(format!("{}: {name} is a type in {}", package.name, modules.join(" and ")));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
