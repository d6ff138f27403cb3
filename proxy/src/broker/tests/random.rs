//! Whatever happens, in whatever order: nobody is answered twice, no request gets lost, nothing panics.

use std::collections::BTreeMap;

use super::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Event {
    Ask {
        host: u8,
        once: bool,
        timeout: Option<u16>,
    },
    Raw(Vec<Vec<u8>>),
    Announce {
        worker: u8,
        hosts: u8,
        capacity: u8,
    },
    Heartbeat(u8),
    Goodbye(u8),
    /// A worker answers one of all requests that were ever sent.
    Reply {
        worker: u8,
        which: u16,
    },
    FromBackend(Vec<Vec<u8>>),
    Break {
        worker: u8,
        full: bool,
    },
    Mend(u8),
    Pass(u16),
    /// Time passes and the broker's clock does not tick.
    Jump(u16),
    Stop,
}

fn frames() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(prop::collection::vec(any::<u8>(), 0..10), 0..5)
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        12 => (0..4_u8, any::<bool>(), prop::option::of(0..3000_u16))
            .prop_map(|(host, once, timeout)| Event::Ask { host, once, timeout }),
        1 => frames().prop_map(Event::Raw),
        5 => (0..6_u8, 0..16_u8, 0..4_u8).prop_map(|(worker, hosts, capacity)| Event::Announce { worker, hosts, capacity }),
        8 => (0..6_u8).prop_map(Event::Heartbeat),
        1 => (0..6_u8).prop_map(Event::Goodbye),
        8 => (0..6_u8, any::<u16>()).prop_map(|(worker, which)| Event::Reply { worker, which }),
        1 => frames().prop_map(Event::FromBackend),
        2 => (0..6_u8, any::<bool>()).prop_map(|(worker, full)| Event::Break { worker, full }),
        2 => (0..6_u8).prop_map(Event::Mend),
        6 => (1..800_u16).prop_map(Event::Pass),
        1 => (1..5000_u16).prop_map(Event::Jump),
        1 => Just(Event::Stop),
    ]
}

fn worker_name(worker: u8) -> String {
    // Two sockets for each process.
    format!("{}{worker}", char::from(b'a' + worker / 2))
}

fn happen(world: &mut World, event: Event, clients: &mut usize) {
    match event {
        Event::Ask { host, once, timeout } => {
            *clients += 1;
            let method = if once { "once" } else { "get" };
            let timeout = timeout.map(|time| format!(r#", "timeout": {time}"#)).unwrap_or_default();
            world.raw(&format!("c{clients}"), &format!(r#"{{"method": "{method}", "hostname": "vc{host}"{timeout}}}"#));
        }
        Event::Raw(mut frames) => {
            *clients += 1;
            frames.insert(0, format!("c{clients}").into());
            world.broker.client(frames, world.now);
        }
        Event::Announce { worker, hosts, capacity } => {
            let hosts: Vec<_> = (0..4).filter(|bit| hosts & (1 << bit) != 0).map(|bit| format!("vc{bit}")).collect();
            let hosts: Vec<_> = hosts.iter().map(String::as_str).collect();
            world.join_with(&worker_name(worker), &hosts, usize::from(capacity));
        }
        Event::Heartbeat(worker) => world.control(&worker_name(worker), &Control::Heartbeat),
        Event::Goodbye(worker) => world.control(&worker_name(worker), &Control::Goodbye),
        Event::Reply { worker, which } => {
            if let Some((_, number, _)) = world.sent.get(usize::from(which) % world.sent.len().max(1)) {
                let number = *number;
                world.reply(&worker_name(worker), number, "reply");
            }
        }
        Event::FromBackend(frames) => {
            world.broker.worker(frames, world.now);
            while let Some(action) = world.broker.next_action() {
                if let Action::ToWorker { delivery, .. } = action {
                    world.broker.undelivered(delivery, Fault::Unreachable, world.now);
                }
            }
        }
        Event::Break { worker, full } => {
            world.faults.insert(worker_name(worker), if full { Fault::Full } else { Fault::Unreachable });
        }
        Event::Mend(worker) => _ = world.faults.remove(&worker_name(worker)),
        Event::Pass(milliseconds) => world.pass(milliseconds.into()),
        Event::Jump(milliseconds) => world.now += Duration::from_millis(milliseconds.into()),
        Event::Stop => world.broker.stop(world.now),
    }
    world.act();
}

fn check_invariants(world: &mut World) {
    world.check_books();
    let mut answers: BTreeMap<&str, usize> = BTreeMap::new();
    world.answers.iter().for_each(|(client, _)| *answers.entry(client).or_default() += 1);
    assert!(answers.values().all(|times| *times == 1), "{answers:?}");
    let report = world.broker.report(world.now);
    assert!(report.workers.iter().all(|worker| worker.in_flight <= worker.capacity || worker.capacity < 4), "{report:?}");
    assert!(report.waiting <= report.pending);
    let hosts: Vec<_> = world.broker.queue.depths().map(|(host, _)| Arc::clone(host)).collect();
    for host in hosts {
        assert_eq!(world.broker.registry.choose(&host), None, "requests for {host} wait although there is room");
    }
    let indexed = world.broker.due.len();
    assert_eq!(indexed, report.pending, "every pending request is looked at again");
}

proptest! {
    #[test]
    fn any_sequence_of_events_keeps_the_books_straight(events in prop::collection::vec(event(), 1..120)) {
        let bounds = Bounds { host_requests: 5, total_requests: 12, ..Bounds::default() };
        let mut world = World::new(Rules { bounds, log_requests: true, ..Rules::default() });
        let mut clients = 0;
        for event in events {
            happen(&mut world, event, &mut clients);
            check_invariants(&mut world);
        }
        // With time everything is answered, refused or given up.
        world.pass(12_000);
        check_invariants(&mut world);
        prop_assert_eq!(world.broker.pending(), 0);
        prop_assert_eq!(world.broker.report(world.now).bytes, 0);
    }
}
