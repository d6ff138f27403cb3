//! Which worker processes serve a vSphere host: rendezvous hashing.
//!
//! Every process gets a score for every host, the highest win. So each host has the same few processes wherever one looks,
//! hosts spread evenly, and a process that comes or goes moves only the hosts it wins or had won.

use std::cmp::Reverse;
use std::sync::Arc;

/// The `count` processes that serve `host`, best first.
pub(crate) fn picks<'a>(host: &str, processes: impl IntoIterator<Item = &'a Arc<str>>, count: usize) -> Vec<Arc<str>> {
    let mut scored: Vec<_> = processes.into_iter().map(|process| (Reverse(score(process, host)), process)).collect();
    scored.sort_unstable();
    scored.into_iter().take(count).map(|(_, process)| Arc::clone(process)).collect()
}

/// Equal on every machine and in every release, so that two proxies agree.
fn score(process: &str, host: &str) -> u64 {
    let bytes = process.bytes().chain([0xff]).chain(host.bytes());
    // FNV-1a, whose upper bits change little with the last bytes; so a finalizer follows that spreads every bit.
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn processes(count: usize) -> Vec<Arc<str>> {
        (0..count).map(|number| format!("worker{number}:{}", 4000 + number).into()).collect()
    }

    fn host(number: usize) -> String {
        format!("vc{number:02}.example.org")
    }

    #[test]
    fn hosts_spread_over_all_processes() {
        let processes = processes(8);
        let mut load = vec![0; processes.len()];
        for number in 0..400 {
            for pick in picks(&host(number), &processes, 2) {
                load[processes.iter().position(|process| *process == pick).unwrap_or_default()] += 1;
            }
        }
        // 100 each on average.
        assert!(load.iter().all(|hosts| (60..140).contains(hosts)), "{load:?}");
    }

    #[test]
    fn a_newcomer_moves_only_what_it_wins() {
        let (before, after) = (processes(5), processes(6));
        let newcomer = &after[5];
        for number in 0..200 {
            let (old, new) = (picks(&host(number), &before, 2), picks(&host(number), &after, 2));
            if new.contains(newcomer) {
                assert!(new.iter().all(|pick| pick == newcomer || old.contains(pick)), "{number}");
            } else {
                assert_eq!(old, new);
            }
        }
    }

    #[test]
    fn few_processes_are_all_picked() {
        assert_eq!(picks("vc01", &processes(1), 2).len(), 1);
        assert!(picks("vc01", &[], 2).is_empty());
    }
}
