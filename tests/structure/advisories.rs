//! Versions of other crates below which published advisories stand. `make advisories` asks for new ones.

use std::fs;

use super::top;

/// The first version of each crate that no advisory names, from the RustSec database.
const FLOORS: [(&str, [u64; 3]); 6] = [
    ("anyhow", [1, 0, 103]),
    ("bytes", [1, 11, 1]),
    ("quick-xml", [0, 41, 0]),
    ("rustls", [0, 23, 45]),
    ("rustls-webpki", [0, 103, 13]),
    ("time", [0, 3, 47]),
];

const LOCK_FILES: [&str; 2] = ["Cargo.lock", "fuzz/Cargo.lock"];

/// Name and version of each package in a lock file.
fn packages(text: &str) -> Vec<(&str, &str)> {
    let value = |line: &'static str, block: &str| -> Option<std::ops::Range<usize>> {
        let start = block.find(line)? + line.len();
        Some(start..start + block[start..].find('"')?)
    };
    let blocks = text.split("[[package]]\n").skip(1);
    blocks.filter_map(|block| Some((&block[value("name = \"", block)?], &block[value("version = \"", block)?]))).collect()
}

/// The numbers of `1.2.3-rc.1+build`; a version that precedes a release counts as below it.
fn numbers(version: &str) -> Option<([u64; 3], bool)> {
    let version = version.split('+').next()?;
    let (release, is_early) = version.split_once('-').map_or((version, false), |(release, _)| (release, true));
    let numbers: Vec<u64> = release.split('.').map(|number| number.parse().ok()).collect::<Option<_>>()?;
    Some((numbers.try_into().ok()?, is_early))
}

fn is_below(version: &str, floor: [u64; 3]) -> bool {
    numbers(version).is_none_or(|(numbers, is_early)| numbers < floor || (numbers == floor && is_early))
}

#[test]
fn no_locked_crate_is_below_a_floor() {
    let mut faults = Vec::new();
    let mut judged = 0;
    for file in LOCK_FILES {
        let text = fs::read_to_string(top().join(file)).unwrap();
        let locked = packages(&text);
        assert!(locked.len() > 50, "{file} has {} packages only", locked.len());
        for (name, version) in locked {
            let Some((_, floor)) = FLOORS.iter().find(|(known, _)| *known == name) else { continue };
            judged += 1;
            if is_below(version, *floor) {
                faults.push(format!("{file}: {name} {version} is below {floor:?}"));
            }
        }
    }
    assert!(judged >= FLOORS.len(), "only {judged} versions were judged");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn versions_compare_as_cargo_compares_them() {
    assert!(is_below("0.23.44", [0, 23, 45]) && is_below("0.9.99", [0, 23, 45]) && is_below("0.23.45-rc.1", [0, 23, 45]));
    assert!(!is_below("0.23.45", [0, 23, 45]) && !is_below("0.23.100", [0, 23, 45]) && !is_below("1.0.0+x-y", [0, 23, 45]));
    assert!(is_below("what", [0, 0, 1]), "what cannot be read is no version that is known to be good");
    let lock = "version = 4\n\n[[package]]\nname = \"time\"\nversion = \"0.3.46\"\ndependencies = [\n \"a\",\n]\n";
    assert_eq!(packages(lock), [("time", "0.3.46")]);
}
