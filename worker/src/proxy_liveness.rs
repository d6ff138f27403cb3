//! Whether the proxy is there, and what that means: a state machine with the clock passed in.
//!
//! Our proxy sends heartbeats, an original one none. So silence means nothing until a heartbeat was heard once. From then on a
//! second without any message means that the proxy is gone; after five the socket is replaced, with growing pauses. A proxy
//! that is connected but stays mute is an original one.

use std::time::{Duration, Instant};

use vpoller_wire::control::{DEAD_AFTER, HEARTBEAT};

/// Silence after which the socket is replaced for the first time, and the longest pause between replacements.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A connected proxy that says nothing for this long is an original one.
const MUTE: Duration = Duration::from_secs(2);

/// What one socket knows of the proxy.
#[derive(Debug)]
pub(crate) struct ProxyLiveness {
    /// Since when the present connection stands, if it does.
    connected: Option<Instant>,
    /// When the proxy was heard last; `None` until its first heartbeat.
    heard: Option<Instant>,
    beat: Instant,
    /// When the socket is replaced next, should the silence last, and how long after that again.
    replace: Instant,
    pause: Duration,
    gone: bool,
    mute: bool,
}

/// What is due.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Due {
    /// Send a heartbeat.
    Beat,
    /// The proxy fell silent: worth a log line.
    Gone,
    /// Make a new socket.
    Replace,
    /// The proxy is an original one: it sends no lists of hosts to serve.
    Mute,
}

/// What a message from the proxy changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Change {
    /// Nothing.
    None,
    /// It is one of ours: heard for the first time.
    Found,
    /// It was gone and is back.
    Back,
}

impl ProxyLiveness {
    pub(crate) fn new(now: Instant) -> Self {
        Self { connected: None, heard: None, beat: now, replace: now + FIRST_PAUSE, pause: FIRST_PAUSE, gone: false, mute: false }
    }

    /// The transport connected.
    pub(crate) fn connected(&mut self, now: Instant) {
        self.connected = Some(now);
    }

    /// The transport is gone; it will be connected again without our help.
    pub(crate) fn disconnected(&mut self) {
        self.connected = None;
    }

    /// A message arrived; `control` says that only a proxy of ours can have sent it.
    pub(crate) fn heard(&mut self, now: Instant, control: bool) -> Change {
        if self.heard.is_none() && !control {
            return Change::None;
        }
        let change = match self.heard {
            None => Change::Found,
            Some(_) if self.gone => Change::Back,
            Some(_) => Change::None,
        };
        self.heard = Some(now);
        self.gone = false;
        self.replace = now + FIRST_PAUSE;
        self.pause = FIRST_PAUSE;
        change
    }

    /// What is due now.
    pub(crate) fn due(&mut self, now: Instant) -> Vec<Due> {
        let mut due = Vec::new();
        if now >= self.beat {
            self.beat = now + HEARTBEAT;
            due.push(Due::Beat);
        }
        match self.heard {
            None => {
                let mute = self.connected.is_some_and(|since| now.saturating_duration_since(since) >= MUTE);
                if mute && !std::mem::replace(&mut self.mute, true) {
                    due.push(Due::Mute);
                }
            }
            Some(heard) if now.saturating_duration_since(heard) > DEAD_AFTER => {
                if !std::mem::replace(&mut self.gone, true) {
                    due.push(Due::Gone);
                }
                if now >= self.replace {
                    self.pause = (self.pause * 2).min(LONGEST_PAUSE);
                    self.replace = now + self.pause;
                    due.push(Due::Replace);
                }
            }
            Some(_) => {}
        }
        due
    }

    /// How long nothing will be due.
    pub(crate) fn wait(&self, now: Instant) -> Duration {
        self.beat.saturating_duration_since(now)
    }

    /// For the status page.
    pub(crate) fn word(&self) -> &'static str {
        match (self.heard, self.connected) {
            (Some(_), _) if self.gone => "proxy is silent",
            (Some(_), _) => "proxy is alive",
            (None, Some(_)) => "connected",
            (None, None) => "connecting",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets time pass in steps of 100 ms and collects what is due besides heartbeats, with the time it was due at.
    fn pass(liveness: &mut ProxyLiveness, start: Instant, from_ms: u64, to_ms: u64) -> Vec<(u64, Due)> {
        let mut all = Vec::new();
        for ms in (from_ms..to_ms).step_by(100) {
            let due = liveness.due(start + Duration::from_millis(ms));
            all.extend(due.into_iter().filter(|due| *due != Due::Beat).map(|due| (ms, due)));
        }
        all
    }

    #[test]
    fn an_original_proxy_is_noticed_and_otherwise_left_alone() {
        let start = Instant::now();
        let mut liveness = ProxyLiveness::new(start);
        assert_eq!(pass(&mut liveness, start, 0, 60_000), [], "a proxy that is not there is waited for");
        liveness.connected(start + Duration::from_secs(60));
        assert_eq!(liveness.heard(start + Duration::from_secs(61), false), Change::None, "a request proves nothing");
        assert_eq!(pass(&mut liveness, start, 60_000, 600_000), [(62_000, Due::Mute)]);
    }

    #[test]
    fn a_silent_proxy_of_ours_is_gone_and_looked_for_with_growing_pauses() {
        let start = Instant::now();
        let mut liveness = ProxyLiveness::new(start);
        liveness.connected(start);
        assert_eq!(liveness.heard(start + Duration::from_millis(100), true), Change::Found);
        let gone = pass(&mut liveness, start, 200, 120_000);
        let at = |ms, due| (ms, due);
        assert_eq!(
            gone,
            [
                at(1_200, Due::Gone),
                at(5_100, Due::Replace),
                at(15_100, Due::Replace),
                at(35_100, Due::Replace),
                at(65_100, Due::Replace),
                at(95_100, Due::Replace),
            ]
        );
        let back = start + Duration::from_secs(120);
        assert_eq!(liveness.heard(back, true), Change::Back);
        assert_eq!(liveness.heard(back, false), Change::None);
        assert_eq!(pass(&mut liveness, back, 0, 5_200), [(1_100, Due::Gone), (5_000, Due::Replace)]);
    }

    #[test]
    fn any_message_keeps_a_proxy_of_ours_alive() {
        let start = Instant::now();
        let mut liveness = ProxyLiveness::new(start);
        assert_eq!(liveness.heard(start, true), Change::Found);
        for second in 1..20 {
            let now = start + Duration::from_secs(second);
            assert_eq!(liveness.heard(now, false), Change::None);
            assert!(!liveness.due(now + Duration::from_millis(900)).contains(&Due::Gone));
        }
    }

    #[test]
    fn heartbeats_are_regular() {
        let start = Instant::now();
        let mut liveness = ProxyLiveness::new(start);
        let beats = (0..3000).filter(|ms| liveness.due(start + Duration::from_millis(*ms)).contains(&Due::Beat)).count();
        assert_eq!(beats, 10);
        assert!(liveness.wait(start + Duration::from_millis(2990)) <= HEARTBEAT);
    }
}
