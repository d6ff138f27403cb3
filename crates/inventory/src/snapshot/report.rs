//! What the status page says of the snapshot.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use serde_json::{Map, Value as Json, json};

use super::watch_list::WatchStage;
use super::{Counters, SnapshotStore};

impl SnapshotStore {
    /// The snapshot as a document. `shared` counts questions that were answered along with another one.
    pub(crate) fn report(&self, now: Instant, shared: u64) -> Json {
        let version = self.current.load();
        let tables = || version.iter().flat_map(|version| version.tables());
        let objects: Map<String, Json> = tables().map(|(family, table)| (family.to_owned(), json!(table.len()))).collect();
        let half_made: usize = tables().map(|(_, table)| table.half_made()).sum();
        let count = |base: bool| tables().map(|(_, table)| table.layout.columns().filter(|(_, c)| c.base == base).count()).sum();
        let (base, learned): (usize, usize) = (count(true), count(false));
        let (values, bytes) = version.as_ref().map_or((0, 0), |version| version.learned());
        let paths = self.paths();
        let hits: u64 = paths.iter().filter_map(|path| path["hits"].as_u64()).sum();
        json!({
            "state": self.word(now),
            "age_seconds": self.fresh.age(now).map(|age| age.as_secs_f64()),
            "objects": objects,
            "half_made": half_made,
            "watched_paths": { "base": base, "learned": learned },
            "learned_values": values,
            "learned_bytes": bytes,
            "hits": hits,
            "misses": self.watch_list.misses(),
            "shared": shared,
            "counters": self.counters.report(),
            "paths": paths,
        })
    }

    /// One word for what readers get.
    fn word(&self, now: Instant) -> &'static str {
        match (self.current.load().is_some(), self.fresh.is_good(now), self.fresh.is_stale()) {
            (false, _, _) => "empty",
            (true, true, false) => "live",
            (true, true, true) => "stale",
            (true, false, _) => "expired",
        }
    }

    /// Every path that was asked for: of which type, how often memory had it, how often vSphere was asked.
    fn paths(&self) -> Vec<Json> {
        let mut rows: BTreeMap<(String, String), (u64, u64, &str)> = BTreeMap::new();
        for (family, table) in self.current.load().iter().flat_map(|version| version.tables()) {
            for (_, column) in table.layout.columns().filter(|(_, column)| column.hits() > 0 || !column.base) {
                let stage = if column.base { "base" } else { "watched" };
                rows.insert((family.to_owned(), column.path.to_string()), (column.hits(), 0, stage));
            }
        }
        for asked in self.watch_list.all() {
            let row = rows.entry((asked.key.kind.to_string(), asked.key.path.to_string())).or_insert((0, 0, word(asked.stage)));
            row.1 += asked.misses;
        }
        let row = |((kind, path), (hits, misses, stage))| json!({ "type": kind, "path": path, "hits": hits, "misses": misses, "stage": stage });
        rows.into_iter().map(row).collect()
    }
}

impl Counters {
    fn report(&self) -> Json {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        json!({
            "updates": count(&self.updates),
            "objects_changed": count(&self.objects),
            "loads": count(&self.loads),
            "load_seconds": count(&self.load_ms) as f64 / 1000.0,
            "losses": count(&self.losses),
            "refused": count(&self.refused),
        })
    }
}

fn word(stage: WatchStage) -> &'static str {
    match stage {
        WatchStage::Asked => "asked",
        WatchStage::Wanted => "wanted",
        WatchStage::Watched => "watched",
        WatchStage::Full(_) => "no room",
        WatchStage::Silent(_) => "no values",
        WatchStage::Never => "never watched",
    }
}
