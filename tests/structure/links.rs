//! What the documents point at exists: files, headings, and the types that the glossary names.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::{sources, top};

/// Documents, and folders of documents.
const PLACES: [&str; 7] = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs", "fuzz", "tests/vcsim"];

const GLOSSARY: &str = "docs/glossary.md";

/// The documents below a path, itself included.
fn documents(path: &Path) -> Vec<PathBuf> {
    if path.is_dir() {
        let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
        return entries.flat_map(|entry| documents(&entry)).collect();
    }
    path.extension().filter(|extension| *extension == "md").map(|_| path.to_owned()).into_iter().collect()
}

/// The text without what is code, where brackets mean something else.
fn prose(text: &str) -> String {
    let mut fenced = false;
    let lines = text.lines().filter(|line| {
        let is_fence = line.trim_start().starts_with("```");
        fenced ^= is_fence;
        !fenced && !is_fence && !line.starts_with("    ")
    });
    lines.map(|line| line.split('`').step_by(2).collect::<Vec<_>>().join("`")).collect::<Vec<_>>().join("\n")
}

/// Where the links of a text lead, those to other machines left out.
fn links(text: &str) -> Vec<String> {
    let text = prose(text);
    let inline = text.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
    inline.filter(|link| !link.contains("://") && !link.starts_with("mailto:")).map(str::to_owned).collect()
}

/// The names by which a document's headings are linked.
fn anchors(text: &str) -> BTreeSet<String> {
    let heading = |line: &str| -> Option<String> {
        let title = line.strip_prefix('#')?.trim_start_matches('#').strip_prefix(' ')?.to_lowercase();
        let kept = title.chars().filter(|sign| sign.is_alphanumeric() || "-_ ".contains(*sign));
        Some(kept.map(|sign| if sign == ' ' { '-' } else { sign }).collect())
    };
    text.lines().filter_map(heading).collect()
}

#[test]
fn every_link_of_the_documents_leads_somewhere() {
    let documents: Vec<PathBuf> = PLACES.iter().flat_map(|place| documents(&top().join(place))).collect();
    let mut faults = Vec::new();
    let mut followed = 0;
    for document in &documents {
        let text = fs::read_to_string(document).unwrap();
        for link in links(&text) {
            followed += 1;
            let (file, anchor) = link.split_once('#').map_or((link.as_str(), None), |(file, anchor)| (file, Some(anchor)));
            let target = if file.is_empty() { document.clone() } else { document.parent().unwrap().join(file) };
            let leads = target.exists()
                && anchor.is_none_or(|anchor| fs::read_to_string(&target).is_ok_and(|text| anchors(&text).contains(anchor)));
            if !leads {
                faults.push(format!("{}: {link}", document.display()));
            }
        }
    }
    assert!(followed > 50, "only {followed} links were followed");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_glossary_has_forty_words_and_names_types_that_exist() {
    let text = fs::read_to_string(top().join(GLOSSARY)).unwrap();
    let rows: BTreeMap<&str, &str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | "))
        .filter(|(word, _)| *word != "Word" && !word.starts_with('-'))
        .collect();
    assert_eq!(rows.len(), 40, "{rows:?}");
    let types: BTreeSet<&str> = sources().modules.iter().flat_map(|module| &module.types).map(String::as_str).collect();
    for (word, meaning) in rows {
        assert!(meaning.ends_with('.') && !meaning.contains(". "), "{word}: one sentence is wanted: {meaning}");
        let quoted = meaning.split('`').skip(1).step_by(2);
        let names = quoted.filter(|name| name.starts_with(char::is_uppercase) && name.chars().all(char::is_alphanumeric));
        for name in names {
            assert!(types.contains(name), "{word}: there is no type {name}");
        }
    }
}

#[test]
fn links_and_anchors_are_read_as_they_are_shown() {
    let text = "# A `b`, c\nsee [one](a.md#b-c), ![two](b.png \"title\"), `[no](c.md)`\n\n    [no](d.md)\n```\n[no](e.md)\n```\n[out](https://x.y/)";
    assert_eq!(links(text), ["a.md#b-c", "b.png"]);
    assert_eq!(anchors(text), BTreeSet::from(["a-b-c".to_owned()]));
}
