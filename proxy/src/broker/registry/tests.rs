use super::*;

struct World {
    registry: WorkerRegistry,
    now: Instant,
}

impl World {
    fn new() -> Self {
        let now = Instant::now();
        Self { registry: WorkerRegistry::new(2, now), now }
    }

    fn pass(&mut self, milliseconds: u64) {
        self.now += Duration::from_millis(milliseconds);
    }

    fn join(&mut self, identity: &str, process: &str, hosts: &[&str], capacity: usize) {
        let hosts = hosts.iter().map(ToString::to_string).collect();
        let announcement = Announcement { process: process.into(), hosts, capacity, ..Announcement::default() };
        self.registry.announce(identity.as_bytes(), announcement, self.now).unwrap();
    }

    fn give(&mut self, host: &str, number: u64) -> Option<String> {
        let identity = self.registry.choose(host)?;
        self.registry.get_mut(&identity).unwrap().in_flight.insert(number, self.now);
        Some(String::from_utf8(identity).unwrap())
    }
}

#[test]
fn the_least_busy_process_then_its_least_busy_socket() {
    let mut world = World::new();
    world.join("a1", "a", &["vc01"], 2);
    world.join("a2", "a", &["vc01"], 2);
    world.join("b1", "b", &["vc01"], 9);
    let mut given: Vec<_> = (0..8).filter_map(|number| world.give("vc01", number)).collect();
    // Processes alternate, and so do the sockets of a; its four places are taken then.
    let of_a: Vec<_> = given.iter().filter(|identity| identity.starts_with('a')).cloned().collect();
    assert_eq!(of_a.len(), 4);
    assert_ne!(of_a[0], of_a[1]);
    given.sort_unstable();
    assert_eq!(given, ["a1", "a1", "a2", "a2", "b1", "b1", "b1", "b1"]);
    assert_eq!((8..14).filter_map(|number| world.give("vc01", number)).count(), 5, "only b has room, for 5");
}

#[test]
fn only_two_processes_serve_a_host_until_one_is_gone() {
    let mut world = World::new();
    for process in ["a", "b", "c", "d"] {
        world.join(process, process, &["vc01"], 512);
    }
    let used = |world: &mut World| -> BTreeSet<String> { (0..20).filter_map(|number| world.give("vc01", number)).collect() };
    let before = used(&mut world);
    assert_eq!(before.len(), 2);
    let first = before.first().unwrap();
    world.registry.leave(first.as_bytes(), world.now);
    let after = used(&mut world);
    assert!(after.len() == 2 && !after.contains(first), "{before:?} {after:?}");
}

#[test]
fn availability_tells_gone_from_never_there() {
    let mut world = World::new();
    assert_eq!(world.registry.availability("vc01"), Availability::NoWorker(world.now));
    world.join("a", "a", &["vc01"], 1);
    world.join("b", "b", &["vc02"], 1);
    assert_eq!(world.registry.availability("vc01"), Availability::Served);
    assert_eq!(world.registry.availability("vc09"), Availability::Unlisted);
    world.pass(5);
    world.registry.remove(b"a", world.now);
    assert_eq!(world.registry.availability("vc01"), Availability::Gone(world.now, 1));
    // Removed from its configuration, not gone: the worker itself says so.
    world.join("b", "b", &["vc03"], 1);
    assert_eq!(world.registry.availability("vc02"), Availability::Unlisted);
    // The same for one that was gone, came back and lost the host then.
    world.join("a", "a", &["vc01"], 1);
    world.join("a", "a", &[], 1);
    assert_eq!(world.registry.availability("vc01"), Availability::Unlisted);
    world.registry.remove(b"a", world.now);
    world.pass(5);
    world.registry.leave(b"b", world.now);
    world.pass(5);
    world.registry.remove(b"b", world.now);
    assert_eq!(world.registry.availability("vc03"), Availability::NoWorker(world.now - Duration::from_millis(5)));
}

#[test]
fn hosts_are_given_out_once_things_settled() {
    let mut world = World::new();
    world.join("a", "a", &["vc01", "vc02"], 1);
    world.pass(200);
    world.join("b", "b", &["vc01"], 1);
    world.pass(200);
    assert!(world.registry.settle(world.now).is_empty(), "changed 200 ms ago");
    world.pass(100);
    let mut lists = world.registry.settle(world.now);
    lists.sort_unstable();
    let expect: Vec<(Identity, Vec<Arc<str>>)> =
        vec![(b"a".to_vec(), vec!["vc01".into(), "vc02".into()]), (b"b".to_vec(), vec!["vc01".into()])];
    assert_eq!(lists, expect);
    assert!(world.registry.settle(world.now).is_empty() && world.registry.settle_at().is_none());
    // The list is sent again after the announcement; the other worker gets nothing.
    world.join("b", "b", &["vc01"], 1);
    world.pass(300);
    assert_eq!(world.registry.settle(world.now), expect[1..]);
}

#[test]
fn constant_change_does_not_put_it_off_for_ever() {
    let mut world = World::new();
    for _ in 0..10 {
        world.join("a", "a", &["vc01"], 1);
        world.pass(100);
    }
    assert_eq!(world.registry.settle(world.now).len(), 1);
}

#[test]
fn places_are_not_lost_for_ever() {
    let mut world = World::new();
    world.join("a", "a", &["vc01"], 1);
    assert!(world.give("vc01", 1).is_some());
    world.pass(599_000);
    assert_eq!((world.registry.end_leases(world.now), world.give("vc01", 2)), (0, None));
    world.pass(1_000);
    assert_eq!(world.registry.end_leases(world.now), 1);
    assert!(world.give("vc01", 2).is_some());
}
