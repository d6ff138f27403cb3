use std::collections::BTreeSet;

use super::SUBJECTS;
use crate::exposition::FamilyKind;

/// What Prometheus' own checker and other readers refuse in names that are not of histograms.
const REFUSED: [&str; 15] = [
    "_count", "_sum", "_bucket", "_gb", "_mb", "_kb", "_ms", "_s", "_days", "_minutes", "_hours", "_total", "_info", "_percent",
    "_mhz",
];

#[test]
fn names_follow_the_rules() {
    let mut seen = BTreeSet::new();
    for metric in SUBJECTS.iter().flat_map(|subject| subject.metrics) {
        let name = metric.name;
        assert!(seen.insert(name), "{name} stands twice");
        assert!(name.starts_with("vsphere_") && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'_')), "{name}");
        assert!(!REFUSED.iter().any(|suffix| name.ends_with(suffix)), "{name}");
        assert!(metric.unit.is_empty() || name.ends_with(&format!("_{}", metric.unit)), "{name}");
        assert!(metric.help.ends_with('.'), "{name}");
        assert!(metric.labels.iter().all(|label| !["vcenter", "moid", "instance", "job", "le", "quantile"].contains(label)));
        assert_eq!(name.ends_with("_state"), metric.labels == ["state"], "{name}");
    }
}

#[test]
fn subjects_have_watched_and_asked_what_their_rows_need() {
    for subject in SUBJECTS {
        let is_watched = |path: &str| {
            let paths = subject.paths.iter().filter(|(kind, _)| *kind == subject.kind).flat_map(|(_, paths)| *paths);
            paths.clone().any(|watched| *watched == path || path.starts_with(&format!("{watched}.")))
        };
        let mut needed = BTreeSet::new();
        for metric in subject.metrics {
            assert!(metric.source.path().is_none_or(is_watched), "{}", metric.name);
            needed.extend(metric.source.counter());
        }
        let asked: BTreeSet<_> =
            subject.counters.iter().flat_map(|(_, counters)| *counters).map(|counter| (counter.name, counter.instance)).collect();
        assert_eq!(asked, needed, "{}", subject.name);
        assert!(subject.counters.iter().all(|(kind, _)| *kind == subject.kind), "{}", subject.name);
        let describes = subject.metrics.first().is_some_and(|first| first.kind == FamilyKind::Info);
        assert_eq!(describes, subject.describe.is_some(), "{}", subject.name);
    }
}
