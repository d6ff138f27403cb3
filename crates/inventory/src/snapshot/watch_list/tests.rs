use std::sync::Arc;

use super::*;

const HOUR: Duration = Duration::from_secs(3600);
const NET: &str = "guest.net";

fn wanted(watch_list: &WatchList) -> Vec<String> {
    watch_list.take_wanted().into_iter().map(|(key, _)| format!("{}.{}", key.kind, key.path)).collect()
}

#[test]
fn a_path_is_wanted_when_it_is_asked_for_again() {
    let (watch_list, now) = (WatchList::new(HOUR), Instant::now());
    watch_list.missed("VirtualMachine", NET, now);
    watch_list.missed("HostSystem", NET, now);
    assert_eq!(wanted(&watch_list), [""; 0]);
    watch_list.missed("VirtualMachine", NET, now + HOUR);
    watch_list.missed("VirtualMachine", NET, now + HOUR);
    assert_eq!(wanted(&watch_list), ["VirtualMachine.guest.net"]);
    watch_list.missed("VirtualMachine", NET, now + HOUR);
    assert_eq!(wanted(&watch_list), [""; 0], "it is about to be watched");
    assert_eq!(watch_list.watched(), [PathKey::new("VirtualMachine", NET)]);
    watch_list.missed("HostSystem", NET, now + 3 * HOUR);
    assert_eq!(wanted(&watch_list), [""; 0], "the first question is too long ago");
    assert_eq!(watch_list.misses(), 6);
}

#[test]
fn what_a_reader_lists_is_wanted_at_once() {
    let (watch_list, now) = (WatchList::new(HOUR), Instant::now());
    let paths: Vec<String> = (0..READER).map(|number| format!("guest.number{number}")).collect();
    let mut paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    paths.extend(["config.hardware", "name"]);
    let list = |paths: &[&str]| {
        paths.iter().for_each(|path| watch_list.missed("VirtualMachine", path, now));
        watch_list.listed("VirtualMachine", paths, now);
        wanted(&watch_list)
    };
    assert_eq!(list(&paths[..READER - 1]), [""; 0], "few paths wait for a second question");
    let listed = list(&paths);
    assert_eq!(listed.len(), READER, "all but what is huge, and what is always watched: {listed:?}");
    assert_eq!(list(&paths), [""; 0], "they are watched already");
}

#[test]
fn what_is_huge_or_always_watched_is_never_wanted() {
    let (watch_list, now) = (WatchList::new(HOUR), Instant::now());
    for _ in 0..3 {
        watch_list.missed("HostSystem", "config.storageDevice", now);
        watch_list.missed("HostSystem", "runtime.powerState", now);
    }
    assert_eq!(wanted(&watch_list), [""; 0]);
}

#[test]
fn what_is_part_of_a_watched_path_is_not_watched_beside_it() {
    let (watch_list, now) = (WatchList::new(HOUR), Instant::now());
    let asked = |path: &str| (0..2).for_each(|_| watch_list.missed("ClusterComputeResource", path, now));
    asked("summary.numHosts");
    assert_eq!(watch_list.drop_covered(), []);
    watch_list.take_wanted();
    asked("summary");
    asked("summary.totalCpu");
    assert_eq!(watch_list.drop_covered(), [PathKey::new("ClusterComputeResource", "summary.numHosts")]);
    assert_eq!(wanted(&watch_list), ["ClusterComputeResource.summary"]);
    asked("summary.numHosts");
    assert_eq!(wanted(&watch_list), [""; 0]);
}

#[test]
fn what_nobody_asks_for_is_forgotten() {
    let (watch_list, now) = (WatchList::new(HOUR), Instant::now());
    for path in [NET, "guest.disk", "guest.ipStack"] {
        watch_list.missed("VirtualMachine", path, now);
        watch_list.missed("VirtualMachine", path, now);
    }
    watch_list.take_wanted();
    watch_list.refuse(&PathKey::new("VirtualMachine", "guest.ipStack"), WatchStage::Full(now));
    watch_list.missed("VirtualMachine", "asked.once", now);
    let idle = |key: &PathKey| Some(if &*key.path == NET { Duration::ZERO } else { 2 * HOUR });
    assert_eq!(watch_list.sweep(now + HOUR, idle), []);
    assert_eq!(watch_list.sweep(now + 2 * HOUR, idle), [PathKey::new("VirtualMachine", "guest.disk")]);
    let left: Vec<_> = watch_list.all().into_iter().map(|asked| asked.key.path.to_string()).collect();
    assert_eq!(left, ["asked.once", "guest.ipStack", NET]);
    assert_eq!(watch_list.sweep(now + 3 * HOUR, |_| Some(Duration::ZERO)), []);
    assert_eq!(watch_list.all().len(), 1);
}

#[test]
fn what_did_not_fit_is_tried_again_after_a_while() {
    let (watch_list, now) = (WatchList::new(HOUR), Instant::now());
    watch_list.missed("VirtualMachine", NET, now);
    watch_list.missed("VirtualMachine", NET, now);
    watch_list.take_wanted();
    watch_list.refuse(&PathKey::new("VirtualMachine", NET), WatchStage::Full(now));
    watch_list.missed("VirtualMachine", NET, now + HOUR);
    assert_eq!(wanted(&watch_list), [""; 0]);
    watch_list.missed("VirtualMachine", NET, now + 2 * HOUR);
    assert_eq!(wanted(&watch_list), ["VirtualMachine.guest.net"]);
}

#[test]
fn what_is_pinned_is_wanted_at_once_and_stays_until_some_time_after_the_last_pin() {
    let (watch_list, now) = (WatchList::new(HOUR), Instant::now());
    let keys = [NET, "name", "config"].map(|path| PathKey::new("VirtualMachine", path));
    watch_list.pin(&keys, now);
    watch_list.pin(&keys, now);
    assert_eq!(wanted(&watch_list), ["VirtualMachine.guest.net"], "neither what is always watched, nor what is never");
    let unasked = |now: Instant| watch_list.sweep(now, |_| Some(9 * HOUR));
    watch_list.unpin(&keys, now);
    assert_eq!(unasked(now + 9 * HOUR), [], "one pin is left");
    watch_list.unpin(&keys, now + 9 * HOUR);
    assert_eq!(unasked(now + 10 * HOUR), [], "it is not forgotten at once");
    assert_eq!(unasked(now + 11 * HOUR), [PathKey::new("VirtualMachine", NET)]);
}

#[tokio::test(start_paused = true)]
async fn a_pin_does_not_wait_for_others() {
    let watch_list = Arc::new(WatchList::new(HOUR));
    let start = tokio::time::Instant::now();
    watch_list.missed("VirtualMachine", "guest.disk", start.into_std());
    watch_list.missed("VirtualMachine", "guest.disk", start.into_std());
    let waiting = tokio::spawn({
        let watch_list = Arc::clone(&watch_list);
        async move { watch_list.due().await }
    });
    tokio::task::yield_now().await;
    watch_list.pin(&[PathKey::new("VirtualMachine", NET)], start.into_std());
    waiting.await.expect("no panic");
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(wanted(&watch_list).len(), 2);
}

#[test]
fn hostile_paths_do_not_fill_the_memory() {
    let (watch_list, now) = (WatchList::new(HOUR), Instant::now());
    for number in 0..MOST + 10 {
        watch_list.missed("VirtualMachine", &format!("path{number}"), now);
    }
    assert_eq!(watch_list.all().len(), MOST);
    watch_list.missed("VirtualMachine", NET, now + HOUR);
    assert_eq!(watch_list.all().len(), 1, "older ones make room");
}

#[tokio::test(start_paused = true)]
async fn a_group_waits_a_moment_for_others() {
    let watch_list = Arc::new(WatchList::new(HOUR));
    let start = tokio::time::Instant::now();
    let waiting = tokio::spawn({
        let watch_list = Arc::clone(&watch_list);
        async move { watch_list.due().await }
    });
    tokio::time::sleep(10 * GATHER).await;
    assert!(!waiting.is_finished());
    let now = tokio::time::Instant::now().into_std();
    watch_list.missed("VirtualMachine", NET, now);
    watch_list.missed("VirtualMachine", NET, now);
    waiting.await.expect("no panic");
    assert_eq!(start.elapsed(), 11 * GATHER);
}
