//! The broker's rules, one by one, with a clock that the test moves.

use super::*;
use vpoller_wire::control::Announcement;
use vpoller_wire::split_outcome;

/// A broker, its clock, and everything it sent.
pub(super) struct World {
    pub broker: Broker,
    pub now: Instant,
    /// Answers: client and body.
    pub answers: Vec<(String, String)>,
    /// Requests at workers: worker, number, body.
    pub sent: Vec<(String, u64, String)>,
    /// Control messages to workers.
    pub controls: Vec<(String, Control)>,
    pub notes: Vec<LogEvent>,
    /// Workers that cannot be reached, and why.
    pub faults: HashMap<String, Fault>,
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl World {
    pub(super) fn new(rules: Rules) -> Self {
        let now = Instant::now();
        Self {
            broker: Broker::new(rules, 1000, now),
            now,
            answers: Vec::new(),
            sent: Vec::new(),
            controls: Vec::new(),
            notes: Vec::new(),
            faults: HashMap::new(),
        }
    }

    /// A world whose grace after the start is over.
    fn settled() -> Self {
        let mut world = Self::new(Rules::default());
        world.pass(3000);
        world
    }

    pub(super) fn act(&mut self) {
        while let Some(action) = self.broker.next_action() {
            match action {
                Action::ToClient(mut frames) => {
                    let body = frames.pop().expect("a body");
                    assert_eq!(frames.pop(), Some(vec![]), "the delimiter");
                    self.answers.push((text(&frames[0]), text(&body)));
                }
                Action::ToWorker { delivery, frames } => self.deliver(delivery, &frames),
                Action::AnswerStatus(question) => {
                    let client = text(&question.route[0]);
                    self.answers.push((client, "the proxy's status".to_owned()));
                }
                Action::Log(event) => {
                    assert!(!event.to_string().is_empty());
                    self.notes.push(event);
                }
            }
        }
    }

    fn deliver(&mut self, delivery: Delivery, frames: &[Vec<u8>]) {
        let worker = text(&delivery.worker);
        assert_eq!(frames[0], delivery.worker);
        if let Some(fault) = self.faults.get(&worker) {
            self.broker.undelivered(delivery, *fault, self.now);
        } else if let Some(number) = delivery.number {
            assert_eq!(frames[1], number.to_be_bytes());
            assert_eq!(frames[2], b"");
            self.sent.push((worker, number, text(&frames[3])));
        } else {
            self.controls.push((worker, Control::decode(&frames[1..]).expect("a control message")));
        }
    }

    /// Lets time pass without anybody speaking, the broker's clock ticking as it wants.
    pub(super) fn pass(&mut self, milliseconds: u64) {
        let end = self.now + Duration::from_millis(milliseconds);
        while self.now < end {
            self.now = self.broker.next_due().max(self.now + Duration::from_millis(1)).min(end);
            self.broker.tick(self.now);
            self.act();
        }
    }

    /// Lets time pass while these workers send heartbeats.
    fn live(&mut self, milliseconds: u64, workers: &[&str]) {
        let mut left = milliseconds;
        while left > 0 {
            let step = left.min(100);
            self.pass(step);
            workers.iter().for_each(|worker| self.control(worker, &Control::Heartbeat));
            left -= step;
        }
    }

    pub(super) fn control(&mut self, worker: &str, message: &Control) {
        let mut frames = vec![worker.as_bytes().to_vec()];
        frames.extend(message.encode());
        self.broker.worker(frames, self.now);
        self.act();
    }

    fn join(&mut self, worker: &str, hosts: &[&str]) {
        self.join_with(worker, hosts, 100);
    }

    /// The process is named by the first letter of the worker.
    fn join_with(&mut self, worker: &str, hosts: &[&str], capacity: usize) {
        let announcement = Announcement {
            process: worker.chars().take(1).collect(),
            version: "1".into(),
            hosts: hosts.iter().map(ToString::to_string).collect(),
            capacity,
            never_repeat: vec!["once".into()],
        };
        self.control(worker, &Control::Announce(announcement));
    }

    fn raw(&mut self, client: &str, body: &str) {
        self.broker.client(vec![client.into(), vec![], body.into()], self.now);
        self.act();
    }

    fn ask(&mut self, client: &str, host: &str) {
        self.raw(client, &format!(r#"{{"method": "get", "hostname": "{host}"}}"#));
    }

    pub(super) fn reply(&mut self, worker: &str, number: u64, body: &str) {
        self.broker.worker(vec![worker.into(), number.to_be_bytes().to_vec(), vec![], body.into()], self.now);
        self.act();
    }

    fn last_sent(&self) -> (String, u64) {
        self.sent.last().map(|(worker, number, _)| (worker.clone(), *number)).expect("something was sent")
    }

    fn takes_answer(&mut self, client: &str, part: &str) {
        assert!(!self.answers.is_empty(), "no answer for {client}");
        let (to, body) = self.answers.remove(0);
        assert_eq!(to, client);
        assert!(body.contains(part), "{body}");
    }

    fn takes_error(&mut self, client: &str, part: &str) {
        assert!(
            self.answers.first().is_some_and(|(_, body)| body.starts_with(r#"{"success": 1, "msg": ""#)),
            "{:?}",
            self.answers
        );
        self.takes_answer(client, part);
    }

    pub(super) fn check_books(&self) {
        let counters = self.broker.counters();
        let expired = counters.expired.waiting + counters.expired.in_flight;
        let accounted = counters.answered + counters.refused_total() + expired + self.broker.pending() as u64;
        assert_eq!(counters.received, accounted, "{counters:?}");
    }
}

#[test]
fn questions_about_the_proxy_need_no_worker() {
    let mut world = World::new(Rules::default());
    world.ask("client", text::PROXY_ITSELF);
    world.takes_answer("client", "the proxy's status");
    assert_eq!((world.broker.counters().introduced, world.broker.counters().received), (1, 0));
    world.broker.stop(world.now);
    world.ask("client", text::PROXY_ITSELF);
    world.takes_answer("client", "the proxy's status");
    world.check_books();
}

#[test]
fn any_worker_tells_about_itself() {
    let mut world = World::new(Rules::default());
    world.join("a", &["vc01"]);
    world.ask("client", text::ANY_WORKER);
    let (_, number) = world.last_sent();
    world.reply("a", number, "fine");
    world.takes_answer("client", "fine");
    world.check_books();
}

#[test]
fn one_worker_tells_about_itself_and_who_comes_in_its_place_has_its_name() {
    let mut world = World::settled();
    ["a", "b"].iter().for_each(|worker| world.join(worker, &["vc01"]));
    let named = |world: &World| world.broker.report(world.now).workers.iter().map(|w| w.name.clone()).collect::<Vec<_>>();
    assert_eq!(named(&world), ["a", "b"]);
    for _ in 0..3 {
        world.ask("client", "@worker:b");
        let (worker, number) = world.last_sent();
        assert_eq!(worker, "b");
        world.reply("b", number, "fine");
        world.takes_answer("client", "fine");
    }
    world.ask("client", "@worker:c");
    assert!(
        world.answers.pop().is_some_and(|(_, text)| text.contains("@worker:c is not connected to the proxy; there are: a, b"))
    );
    world.check_books();
}

#[test]
fn connections_of_a_process_are_numbered() {
    let mut world = World::settled();
    ["a1", "b1", "a2"].iter().for_each(|worker| world.join(worker, &["vc01"]));
    let workers: Vec<_> = world.broker.report(world.now).workers.iter().map(|w| (w.process.clone(), w.socket)).collect();
    assert_eq!(workers, [("a", 1), ("a", 2), ("b", 1)].map(|(process, socket)| (process.to_owned(), socket)));
}

#[test]
fn a_request_goes_by_number_and_comes_back_to_its_client() {
    let mut world = World::settled();
    world.join("a", &["vc01"]);
    world.ask("client", "vc01");
    let (worker, number) = world.last_sent();
    assert_eq!((worker.as_str(), number), ("a", 1000));
    assert_eq!(world.sent[0].2, r#"{"method": "get", "hostname": "vc01"}"#);
    world.reply("a", number, "answer");
    assert_eq!(world.answers, [("client".to_owned(), "answer".to_owned())]);
    world.check_books();
    assert_eq!(world.broker.pending(), 0);
}

#[test]
fn longer_routes_are_given_back_unchanged() {
    let mut world = World::settled();
    world.join("a", &["vc01"]);
    let body = br#"{"method": "get", "hostname": "vc01"}"#.to_vec();
    world.broker.client(vec![b"hop".to_vec(), b"client".to_vec(), vec![], body], world.now);
    while let Some(action) = world.broker.next_action() {
        assert!(!matches!(action, Action::ToClient(_)));
    }
    world.broker.worker(vec![b"a".to_vec(), 1000_u64.to_be_bytes().to_vec(), vec![], b"x".to_vec()], world.now);
    let expect = Action::ToClient(vec![b"hop".to_vec(), b"client".to_vec(), vec![], b"x".to_vec()]);
    assert_eq!(world.broker.next_action(), Some(expect));
}

#[test]
fn the_first_reply_wins_and_others_are_counted() {
    let mut world = World::settled();
    world.join("a", &["vc01"]);
    world.ask("client", "vc01");
    let number = world.last_sent().1;
    world.reply("a", number, "first");
    world.reply("a", number, "second");
    world.reply("a", number + 1, "not given out yet");
    world.reply("a", 7, "of an earlier proxy");
    assert_eq!(world.answers.len(), 1);
    assert_eq!((world.broker.counters().dropped.late_replies, world.broker.counters().dropped.unknown_replies), (1, 2));
}

#[test]
fn a_silent_workers_requests_go_to_another_one() {
    let mut world = World::settled();
    world.join("a", &["vc01"]);
    world.join("b", &["vc01"]);
    world.ask("client", "vc01");
    let (first, number) = world.last_sent();
    let other = if first == "a" { "b" } else { "a" };
    world.live(1200, &[other]);
    assert_eq!(world.sent.len(), 2);
    assert_eq!(world.last_sent(), (other.to_owned(), number));
    world.reply(other, number, "right");
    // The first one was only paused: it wakes up, answers, and is asked who it is.
    world.reply(&first, number, "late");
    assert_eq!(world.answers, [("client".to_owned(), "right".to_owned())]);
    assert!(world.controls.contains(&(first.clone(), Control::WhoAreYou)));
    assert_eq!((world.broker.counters().redispatched, world.broker.counters().workers_lost), (1, 1));
    assert!(world.notes.iter().any(|event| matches!(event, LogEvent::WorkerLost { requests: 1, .. })));
    world.check_books();
}

#[test]
fn the_reply_of_a_paused_worker_counts_if_it_is_the_first() {
    let mut world = World::settled();
    world.join("a", &["vc01"]);
    world.ask("client", "vc01");
    let number = world.last_sent().1;
    world.pass(1200);
    assert_eq!(world.broker.counters().workers_lost, 1);
    world.reply("a", number, "still good");
    world.takes_answer("client", "still good");
    world.check_books();
}

#[test]
fn a_method_that_must_not_run_twice_is_not_sent_again() {
    let mut world = World::settled();
    world.join("a", &["vc01"]);
    world.join("b", &["vc01"]);
    world.raw("client", r#"{"method": "once", "hostname": "vc01"}"#);
    let (first, number) = world.last_sent();
    world.live(1200, &[if first == "a" { "b" } else { "a" }]);
    world.takes_error("client", "not sent to another worker");
    world.reply(&first, number, "late");
    assert!(world.answers.is_empty());
    assert_eq!(world.sent.len(), 1);
    world.check_books();
}

#[test]
fn what_never_left_may_go_elsewhere_whatever_the_method() {
    let mut world = World::settled();
    world.join("a", &["vc01"]);
    world.join("b", &["vc01"]);
    for fault in [Fault::Full, Fault::Unreachable] {
        world.control("a", &Control::Heartbeat);
        world.faults = HashMap::from([("a".to_owned(), fault)]);
        for client in ["one", "two"] {
            world.raw(client, r#"{"method": "once", "hostname": "vc01"}"#);
        }
    }
    assert!(world.sent.len() == 4 && world.sent.iter().all(|(worker, ..)| worker == "b"), "{:?}", world.sent);
    assert!(world.answers.is_empty());
    assert_eq!(world.broker.counters().workers_lost, 1);
    world.check_books();
}

#[test]
fn a_request_that_outlives_three_workers_is_given_up() {
    let mut world = World::settled();
    for worker in ["a", "b", "c", "d", "e"] {
        world.join(worker, &["vc01"]);
    }
    world.ask("client", "vc01");
    for _ in 0..3 {
        let (victim, _) = world.last_sent();
        world.faults.insert(victim.clone(), Fault::Unreachable);
        let others = ["a", "b", "c", "d", "e"].map(str::to_owned).into_iter().filter(|worker| !world.faults.contains_key(worker));
        let others: Vec<_> = others.collect();
        world.live(400, &others.iter().map(String::as_str).collect::<Vec<_>>());
    }
    world.takes_error("client", "several workers were lost");
    assert_eq!(world.sent.len(), 3);
}

#[test]
fn no_worker_has_more_than_its_capacity_and_order_is_kept() {
    let mut world = World::settled();
    world.join_with("a", &["vc01"], 2);
    for client in ["1", "2", "3", "4"] {
        world.ask(client, "vc01");
    }
    assert_eq!(world.sent.len(), 2);
    let number = world.sent[0].1;
    world.reply("a", number, "x");
    assert_eq!(world.sent.iter().map(|(_, number, _)| *number).collect::<Vec<_>>(), [1000, 1001, 1002]);
    assert_eq!(world.broker.report(world.now).waiting, 1);
}

#[test]
fn an_abandoned_request_keeps_its_place_until_the_worker_answered() {
    let mut world = World::settled();
    world.join_with("a", &["vc01"], 1);
    world.raw("1", r#"{"method": "get", "hostname": "vc01", "timeout": 500}"#);
    world.live(600, &["a"]);
    assert_eq!(world.broker.counters().expired.in_flight, 1);
    world.ask("2", "vc01");
    assert_eq!(world.sent.len(), 1);
    let number = world.last_sent().1;
    world.reply("a", number, "too late");
    assert_eq!((world.sent.len(), world.answers.len()), (2, 0));
    world.check_books();
}

#[test]
fn old_requests_are_never_executed() {
    let mut world = World::settled();
    world.join_with("a", &["vc01"], 1);
    world.ask("busy", "vc01");
    world.raw("short", r#"{"method": "get", "hostname": "vc01", "timeout": "700"}"#);
    world.raw("none", r#"{"method": "get", "hostname": "vc01", "timeout": 0}"#);
    world.raw("long", r#"{"method": "get", "hostname": "vc01", "timeout": 3600000}"#);
    world.live(800, &["a"]);
    assert_eq!(world.broker.counters().expired.waiting, 1);
    let number = world.last_sent().1;
    world.reply("a", number, "x");
    assert_eq!(world.last_sent().1, number + 2, "short is skipped, none has the usual patience");
    world.live(9_300, &["a"]);
    assert_eq!(world.broker.counters().expired, Expired { waiting: 1, in_flight: 1 }, "without a patience it is request_ttl");
    world.live(300_000, &["a"]);
    assert_eq!(world.broker.pending(), 1, "a client that waits longer is waited for");
    world.live(290_000, &["a"]);
    assert_eq!(world.broker.pending(), 0, "but not for ever");
    world.check_books();
}

#[test]
fn a_slow_host_does_not_hold_up_another() {
    let mut world = World::settled();
    world.join_with("a", &["slow", "fast"], 4);
    (0..20).for_each(|number| world.ask(&format!("s{number}"), "slow"));
    world.ask("f", "fast");
    let number = world.sent[0].1;
    world.reply("a", number, "x");
    world.reply("a", number + 1, "x");
    let bodies: Vec<_> = world.sent.iter().filter(|(.., body)| body.contains("fast")).collect();
    assert_eq!(bodies.len(), 1, "the hosts have their turn: {:?}", world.sent);
}

#[test]
fn full_queues_answer_with_the_host_and_the_bound() {
    let bounds = Bounds { host_requests: 2, host_bytes: 1000, total_requests: 3, total_bytes: 10_000 };
    let mut world = World::new(Rules { bounds, ..Rules::default() });
    for (client, host) in [("1", "vc01"), ("2", "vc01"), ("3", "vc01"), ("4", "vc02"), ("5", "vc03")] {
        world.ask(client, host);
    }
    world.takes_error("3", "too many requests for vc01: 2 requests");
    world.takes_error("5", "too many requests for vc03: 3 requests wait in the proxy");
    assert!(world.answers.is_empty());
    world.check_books();
}

#[test]
fn memory_of_requests_at_workers_counts_too() {
    let bounds = Bounds { host_bytes: 1000, ..Bounds::default() };
    let mut world = World::new(Rules { bounds, ..Rules::default() });
    world.pass(3000);
    world.join("a", &["vc01"]);
    let body = format!(r#"{{"method": "get", "hostname": "vc01", "name": "{}"}}"#, "x".repeat(700));
    world.raw("1", &body);
    world.raw("2", &body);
    world.takes_error("2", "the requests for it take 1000 bytes already");
    let number = world.last_sent().1;
    world.reply("a", number, "done");
    world.raw("3", &body);
    assert_eq!(world.sent.len(), 2);
}

#[test]
fn requests_nobody_serves_are_held_after_the_start_then_refused() {
    let mut world = World::new(Rules::default());
    world.ask("usual", "vc02");
    world.raw("hasty", r#"{"method": "get", "hostname": "vc02", "timeout": 1000}"#);
    world.pass(499);
    assert!(world.answers.is_empty());
    world.pass(2);
    world.takes_error("hasty", "no worker serves vc02: none is connected");
    world.pass(1498);
    assert!(world.answers.is_empty());
    world.pass(2);
    world.takes_error("usual", "start vpoller-worker");
    world.ask("later", "vc02");
    world.takes_error("later", "no worker serves vc02");
    world.check_books();
}

#[test]
fn a_worker_that_comes_in_time_gets_what_was_held() {
    let mut world = World::new(Rules::default());
    world.ask("1", "vc02");
    world.join("a", &["vc01"]);
    assert!(world.sent.is_empty(), "its worker may still come");
    world.live(1000, &["a"]);
    world.join("b", &["vc02"]);
    assert_eq!(world.last_sent().0, "b");
}

#[test]
fn a_host_that_no_worker_ever_had_goes_to_any_worker() {
    let mut world = World::new(Rules::default());
    world.join("a", &["vc01"]);
    world.ask("1", "typo");
    world.live(1900, &["a"]);
    assert!(world.sent.is_empty());
    world.live(200, &["a"]);
    assert_eq!(world.last_sent().0, "a", "it says Unknown or missing agent name");
    world.ask("2", "typo");
    assert_eq!(world.sent.len(), 2, "at once, after the grace");
}

#[test]
fn a_host_whose_workers_are_gone_is_told_apart_from_an_unknown_one() {
    let mut world = World::settled();
    world.join("a", &["vc01"]);
    world.join("b", &["vc02"]);
    world.live(1500, &["a"]);
    world.ask("1", "vc02");
    world.takes_answer_later("1", "no worker serves vc02: the workers that did are gone, and none of the 1 other", &["a"]);
    world.join("b", &["vc02"]);
    world.ask("2", "vc02");
    assert_eq!(world.last_sent().0, "b");
}

impl World {
    /// The answer must not be there yet, and must come within two seconds.
    fn takes_answer_later(&mut self, client: &str, part: &str, alive: &[&str]) {
        assert!(self.answers.is_empty());
        self.live(2000, alive);
        self.takes_error(client, part);
    }
}

#[test]
fn requests_that_cannot_be_read_get_a_workers_documented_error() {
    let mut world = World::settled();
    world.join("a", &["vc01"]);
    let long = format!(r#"{{"method": "get", "hostname": "{}"}}"#, "x".repeat(5000));
    for body in
        ["garbage", "[1]", "", r#"{"method": "get"}"#, r#"{"hostname": "vc01"}"#, r#"{"method": {}, "hostname": []}"#, &long]
    {
        world.raw("client", body);
        assert_eq!(world.sent.pop().map(|(worker, _, sent)| (worker, sent)), Some(("a".to_owned(), body.to_owned())));
    }
}

#[test]
fn messages_that_nobody_can_answer_are_counted() {
    let mut world = World::settled();
    for frames in [vec!["id"], vec!["id", "body"], vec!["id", ""], vec![""], vec!["", "body"], vec![]] {
        world.broker.client(frames.into_iter().map(Into::into).collect(), world.now);
    }
    assert_eq!(world.broker.counters().dropped.malformed_requests, 6);
    world.act();
    assert_eq!(world.notes, [LogEvent::MalformedRequest], "one line for all of them");
    world.pass(11_000);
    assert_eq!(world.notes[1..], [LogEvent::Repeated { kind: "malformed message on the frontend", times: 5 }]);
    for frames in [vec![], vec!["w"], vec!["w", "12345678"], vec!["w", "1234567", "", "x"], vec!["w", "12345678", "y", "", "x"]] {
        world.broker.worker(frames.into_iter().map(Into::into).collect(), world.now);
    }
    world.act();
    assert_eq!(world.broker.counters().dropped.malformed_replies, 4);
    assert!(world.answers.is_empty());
}

#[test]
fn too_many_frames_or_bytes_are_answered() {
    let mut world = World::new(Rules { max_request: 100, ..Rules::default() });
    world.broker.client(vec!["c".into(), vec![], b"{}".to_vec(), b"more".to_vec()], world.now);
    world.act();
    world.takes_error("c", "Invalid message received");
    world.raw("d", &"x".repeat(101));
    world.takes_error("d", "larger than 100 bytes");
    world.check_books();
}

#[test]
fn a_client_that_takes_the_mark_gets_marked_text() {
    let mut world = World::settled();
    world.raw("module", r#"{"method": "get", "hostname": "vc01", "helper": "x", "outcome": true}"#);
    let (_, body) = world.answers.remove(0);
    let (message, outcome) = split_outcome(body.as_bytes());
    assert!(text(message).starts_with("no worker serves vc01"), "{body}");
    assert_eq!(outcome, vpoller_wire::Outcome::Failure);
}

#[test]
fn strangers_are_asked_once_in_a_while() {
    let mut world = World::settled();
    for _ in 0..5 {
        world.control("x", &Control::Heartbeat);
    }
    assert_eq!(world.controls, [("x".to_owned(), Control::WhoAreYou)]);
    world.pass(301);
    world.control("x", &Control::Heartbeat);
    assert_eq!(world.controls.len(), 2);
}

#[test]
fn messages_of_another_release_are_dropped() {
    let mut world = World::settled();
    world.broker.worker(vec![b"x".to_vec(), vec![], vec![9, 9]], world.now);
    world.control("x", &Control::Serve(vec![]));
    assert_eq!(world.broker.counters().dropped.control, 2);
    assert_eq!(world.notes, [LogEvent::StrangeControl]);
}

#[test]
fn workers_hear_heartbeats_and_their_hosts() {
    let mut world = World::settled();
    world.join("a1", &["vc01", "vc02"]);
    world.join("a2", &["vc01", "vc02"]);
    world.live(1000, &["a1", "a2"]);
    for worker in ["a1", "a2"] {
        let controls: Vec<_> = world.controls.iter().filter(|(to, _)| to == worker).map(|(_, message)| message).collect();
        assert_eq!(controls.iter().filter(|message| ***message == Control::Heartbeat).count(), 3);
        let serve = Control::Serve(vec!["vc01".into(), "vc02".into()]);
        assert_eq!(controls.iter().filter(|message| ***message == serve).count(), 1, "{controls:?}");
    }
}

#[test]
fn a_leaving_worker_finishes_and_gets_nothing_more() {
    let mut world = World::settled();
    world.join("a", &["vc01"]);
    world.ask("1", "vc01");
    let number = world.last_sent().1;
    world.control("a", &Control::Goodbye);
    world.ask("2", "vc01");
    assert_eq!(world.sent.len(), 1);
    world.reply("a", number, "finished");
    world.takes_answer("1", "finished");
    world.join("b", &["vc01"]);
    assert_eq!(world.last_sent().0, "b", "the second one was held for its successor");
    world.live(1500, &["b"]);
    assert_eq!(world.broker.counters().workers_lost, 0, "an orderly end is no loss");
    assert!(world.notes.contains(&LogEvent::WorkerLeaving { process: "a".into() }), "{:?}", world.notes);
    world.check_books();
}

#[test]
fn a_pause_of_the_proxy_itself_buries_nobody() {
    let mut world = World::settled();
    world.join("a", &["vc01"]);
    world.now += Duration::from_secs(60);
    world.broker.tick(world.now);
    world.act();
    assert_eq!(world.broker.counters().workers_lost, 0);
    world.pass(1100);
    assert_eq!(world.broker.counters().workers_lost, 1);
}

#[test]
fn stopping_answers_what_waits_and_lets_workers_finish() {
    let mut world = World::settled();
    world.join_with("a", &["vc01"], 2);
    for client in ["1", "2", "3"] {
        world.ask(client, "vc01");
    }
    world.broker.stop(world.now);
    world.act();
    world.takes_error("3", "shutting down");
    world.ask("4", "vc01");
    world.takes_error("4", "shutting down");
    let number = world.sent[0].1;
    world.reply("a", number, "finished");
    world.takes_answer("1", "finished");
    world.broker.give_up(world.now);
    world.act();
    world.takes_error("2", "shutting down");
    assert_eq!(world.broker.pending(), 0);
    world.check_books();
}

#[test]
fn lost_clients_are_counted() {
    let mut world = World::settled();
    world.broker.client_lost(Fault::Unreachable);
    world.broker.client_lost(Fault::Full);
    let dropped = &world.broker.counters().dropped;
    assert_eq!((dropped.client_gone, dropped.client_full), (1, 1));
}

mod random;
