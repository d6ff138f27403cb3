//! Notices to systemd: ready, reloading, stopping, alive. Nothing happens where systemd did not start the program.
//!
//! A failure to notify is no reason to stop working, so it is only logged for debugging. The watchdog is fed by the main loop,
//! but on behalf of the loops that do the work: while one of those hangs systemd goes hungry, and starts the program again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sd_notify::NotifyState;

/// Everything is set up and running, at the start or after [`reloading`].
pub fn ready() {
    send(&[NotifyState::Ready]);
}

/// Files are read or opened again; [`ready`] must follow.
pub fn reloading() {
    // Without the clock, newer releases of systemd take the message for a mistake.
    match NotifyState::monotonic_usec_now() {
        Ok(now) => send(&[NotifyState::Reloading, now]),
        Err(error) => tracing::debug!("cannot notify the service manager: {error}"),
    }
}

/// The program is on its way out.
pub fn stopping() {
    send(&[NotifyState::Stopping]);
}

fn send(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(false, states) {
        tracing::debug!("cannot notify the service manager: {error}");
    }
}

/// A loop's sign of life: it beats at every turn. Clones are the same pulse.
#[derive(Clone, Debug)]
pub struct Pulse {
    name: Arc<str>,
    beats: Arc<AtomicU64>,
}

impl Pulse {
    /// The pulse of the loop with this name, which has not turned yet.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: name.into(), beats: Arc::default() }
    }

    /// The loop has come round.
    pub fn beat(&self) {
        self.beats.fetch_add(1, Ordering::Relaxed);
    }

    fn beats(&self) -> u64 {
        self.beats.load(Ordering::Relaxed)
    }
}

/// Looks within the time that systemd allows: with several, one look that comes too early does no harm.
const LOOKS: u32 = 3;

/// systemd's watchdog, if it watches this process: fed as long as every pulse goes on beating.
#[derive(Debug)]
pub struct Watchdog {
    /// Time from look to look; `None` when systemd does not watch.
    every: Option<Duration>,
    due: Instant,
    pulses: Vec<(Pulse, u64)>,
}

impl Watchdog {
    /// As systemd asked for with `WatchdogSec=`. Each loop must turn at least twice within a third of that time.
    #[must_use]
    pub fn new(now: Instant, pulses: Vec<Pulse>) -> Self {
        let mut microseconds = 0;
        let watched = sd_notify::watchdog_enabled(false, &mut microseconds);
        let every = watched.then(|| Duration::from_micros(microseconds) / LOOKS);
        Self::looking(every, now, pulses)
    }

    fn looking(every: Option<Duration>, now: Instant, pulses: Vec<Pulse>) -> Self {
        let pulses = pulses.into_iter().map(|pulse| (pulse, 0)).collect();
        Self { every, due: now + every.unwrap_or_default(), pulses }
    }

    /// Whether systemd watches.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.every.is_some()
    }

    /// How long [`Watchdog::tend`] has nothing to do; `None` is for ever.
    #[must_use]
    pub fn wait(&self, now: Instant) -> Option<Duration> {
        self.every.map(|_| self.due.saturating_duration_since(now))
    }

    /// Feeds the watchdog when it is time and everything is alive.
    pub fn tend(&mut self, now: Instant) {
        match self.look(now) {
            None => {}
            Some(still) if still.is_empty() => send(&[NotifyState::Watchdog]),
            Some(still) => tracing::error!("{} does not go on; systemd will start the program again", still.join(", ")),
        }
    }

    /// The names of those without a beat since the last look, when it is time to look.
    fn look(&mut self, now: Instant) -> Option<Vec<String>> {
        let every = self.every.filter(|_| now >= self.due)?;
        self.due = now + every;
        let mut still = Vec::new();
        for (pulse, seen) in &mut self.pulses {
            let beats = pulse.beats();
            if std::mem::replace(seen, beats) == beats {
                still.push(pulse.name.to_string());
            }
        }
        Some(still)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_loop_that_stands_still_is_named() {
        let start = Instant::now();
        let (one, two) = (Pulse::new("one"), Pulse::new("two"));
        let mut watchdog = Watchdog::looking(Some(SECOND), start, vec![one.clone(), two.clone()]);
        assert_eq!(watchdog.look(start), None, "it is not time yet");
        for (beating, still) in [(vec![&one, &two], vec![]), (vec![&one], vec!["two"]), (vec![], vec!["one", "two"])] {
            beating.into_iter().for_each(Pulse::beat);
            let now = watchdog.due;
            assert_eq!(watchdog.look(now).unwrap(), still);
            assert_eq!((watchdog.look(now), watchdog.wait(now)), (None, Some(SECOND)), "once per period");
        }
        one.beat();
        two.beat();
        assert_eq!(watchdog.look(watchdog.due + 5 * SECOND).unwrap(), Vec::<String>::new(), "they came back");
    }

    #[test]
    fn there_is_no_watchdog_unless_systemd_says_so() {
        let start = Instant::now();
        let mut watchdog = Watchdog::new(start, vec![Pulse::new("one")]);
        assert_eq!((watchdog.is_on(), watchdog.wait(start), watchdog.look(start + 100 * SECOND)), (false, None, None));
    }
}
