//! When to try again after a failure.
//!
//! Refused credentials wait minutes, because vCenter locks accounts after a few failures, and only a login that works ends
//! their pauses. Credentials that have worked are tried once more within seconds before that: vCenter's identity service stumbles
//! now and then, and is up later than the rest after a restart. An unreachable or overloaded server waits seconds, slowly growing. Until the pause is over, callers fail at once
//! instead of queueing up. The clock and the randomness are passed in.

use std::time::Duration;

use tokio::time::Instant;

use crate::{Class, Error};

/// Pause before the second try of credentials that have worked before.
const SECOND_TRY: Duration = Duration::from_secs(5);
/// First pause after refused credentials. vCenter locks an account after five failures within 180 s, and every process that uses
/// the account counts: each tries once in that time, or twice where the credentials have worked before.
const FIRST_ACCOUNT_PAUSE: Duration = Duration::from_secs(200);
/// Each further pause is twice as long, up to this.
const LONGEST_ACCOUNT_PAUSE: Duration = Duration::from_secs(900);
/// First pause after any other failure.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Each further pause is longer by [`GROWTH`], up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// A server that was away for a while is found again within a sixth of that time.
const GROWTH: f64 = 1.15;

/// The failures in a row, and when to try again after them.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    last: Option<Failure>,
    /// Refusals of the account since a login worked, whatever else failed in between.
    refusals: u32,
    /// Whether a login ever worked.
    trusted: bool,
}

#[derive(Clone, Debug)]
struct Failure {
    error: Error,
    /// Failures in a row, this one included.
    count: u32,
    at: Instant,
    until: Instant,
}

/// Why there is no attempt now.
#[derive(Clone, Debug)]
pub(crate) struct Pause {
    pub error: Error,
    pub failures: u32,
    pub left: Duration,
}

impl Backoff {
    /// Whether an attempt may be made. After a pause only one may: further ones wait `probe` for its outcome.
    pub(crate) fn admit(&mut self, now: Instant, probe: Duration) -> Result<(), Pause> {
        if let Some(pause) = self.pause(now) {
            return Err(pause);
        }
        if let Some(failure) = &mut self.last {
            failure.until = now + probe;
        }
        Ok(())
    }

    /// Whether the last failure was a refusal of the account, which says nothing about a session that is open.
    pub(crate) fn is_about_account(&self) -> bool {
        self.last.as_ref().is_some_and(Failure::is_refusal)
    }

    /// The pause that is running.
    pub(crate) fn pause(&self, now: Instant) -> Option<Pause> {
        let failure = self.last.as_ref().filter(|failure| now < failure.until)?;
        Some(Pause { error: failure.error.clone(), failures: failure.count, left: failure.until - now })
    }

    /// Records the failure of an attempt that began at `started`. Attempts that were under way together count once.
    /// `jitter` is a number from 0 to 1.
    pub(crate) fn failed(&mut self, started: Instant, now: Instant, error: &Error, jitter: f64) {
        let previous = self.last.as_ref();
        // A refused account's pause must not be cut short by the shorter one after a broken connection.
        let stays =
            |failure: &Failure| started < failure.at || (failure.is_refusal() && !is_refusal(error) && now < failure.until);
        if previous.is_some_and(stays) {
            return;
        }
        let count = previous.map_or(0, |failure| failure.count).saturating_add(1);
        let pause = if is_refusal(error) {
            self.refusals = self.refusals.saturating_add(1);
            self.account_pause(error)
        } else {
            server_pause(count, jitter)
        };
        self.last = Some(Failure { error: error.clone(), count, at: now, until: now + pause });
    }

    /// The length of the pause after a refusal of the account. Kept in full.
    fn account_pause(&self, error: &Error) -> Duration {
        let second_try = u32::from(self.trusted && may_pass(error));
        match self.refusals.saturating_sub(1).checked_sub(second_try) {
            None => SECOND_TRY,
            Some(earlier) => {
                let factor = 1u32.checked_shl(earlier).unwrap_or(u32::MAX);
                FIRST_ACCOUNT_PAUSE.saturating_mul(factor).min(LONGEST_ACCOUNT_PAUSE)
            }
        }
    }

    /// Forgets the failures: a login worked.
    pub(crate) fn login_succeeded(&mut self) {
        self.last = None;
        self.refusals = 0;
        self.trusted = true;
    }

    /// The server answered a call begun at `started`. That says nothing of a failure that came after, nor whether a login of the
    /// account would be accepted now.
    pub(crate) fn answered(&mut self, started: Instant) {
        self.last.take_if(|failure| started >= failure.at && !failure.is_refusal());
    }
}

impl Failure {
    fn is_refusal(&self) -> bool {
        is_refusal(&self.error)
    }
}

/// Whether the account was refused.
pub(crate) fn is_refusal(error: &Error) -> bool {
    matches!(error.class(), Class::Auth | Class::Permission)
}

/// Whether good credentials may be refused like this: not where the server says what is wrong with the account.
fn may_pass(error: &Error) -> bool {
    match error {
        Error::Login { reason, .. } => reason.starts_with("InvalidLogin"),
        _ => true,
    }
}

/// The length of the pause after the `count`th failure in a row.
fn server_pause(count: u32, jitter: f64) -> Duration {
    let earlier = count.saturating_sub(1);
    let longest = LONGEST_PAUSE.as_secs_f64();
    let grown = FIRST_PAUSE.as_secs_f64() * GROWTH.powi(i32::try_from(earlier).unwrap_or(i32::MAX));
    // Clients that lost the same server must not come back in the same moment.
    Duration::from_secs_f64(grown.min(longest) * (0.5 + 0.5 * jitter.clamp(0.0, 1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fault, Struct};

    const PROBE: Duration = Duration::from_secs(10);

    fn unreachable() -> Error {
        Error::Connection { host: "vc01".to_owned(), cause: "refused".to_owned(), established: false }
    }

    fn refused() -> Error {
        Error::Login { host: "vc01".to_owned(), user: "root".to_owned(), reason: "InvalidLogin".to_owned() }
    }

    /// Pauses after failures in a row, each attempt made as soon as it may be.
    fn pauses(error: &Error, jitter: f64, count: usize) -> Vec<Duration> {
        let mut backoff = Backoff::default();
        let mut now = Instant::now();
        (0..count)
            .map(|_| {
                backoff.failed(now, now, error, jitter);
                let left = backoff.pause(now).map_or(Duration::ZERO, |pause| pause.left);
                now += left;
                left
            })
            .collect()
    }

    #[test]
    fn pauses_grow_to_their_limit() {
        let seconds = |pauses: Vec<Duration>| pauses.iter().map(Duration::as_secs_f64).collect::<Vec<_>>();
        let tenths = |pauses: Vec<Duration>| pauses.iter().map(|pause| pause.as_millis() / 100).collect::<Vec<_>>();
        assert_eq!(tenths(pauses(&unreachable(), 1.0, 8)), [10, 11, 13, 15, 17, 20, 23, 26]);
        assert_eq!(tenths(pauses(&unreachable(), 0.0, 3)), [5, 5, 6]);
        assert_eq!(pauses(&unreachable(), 1.0, 40).pop(), Some(LONGEST_PAUSE));
        assert_eq!(seconds(pauses(&refused(), 0.0, 6)), [200.0, 400.0, 800.0, 900.0, 900.0, 900.0]);
        assert_eq!(pauses(&refused(), 0.0, 40).pop(), Some(LONGEST_ACCOUNT_PAUSE));
    }

    /// Pauses in seconds after these failures, each attempt made as soon as it may be, of credentials that have worked.
    fn trusted_pauses(errors: &[Error]) -> Vec<u64> {
        let mut backoff = Backoff::default();
        backoff.login_succeeded();
        let mut now = Instant::now();
        let pauses = errors.iter().map(|error| {
            backoff.failed(now, now, error, 1.0);
            let left = backoff.pause(now).map_or(Duration::ZERO, |pause| pause.left);
            now += left;
            left.as_secs()
        });
        pauses.collect()
    }

    #[test]
    fn credentials_that_have_worked_have_a_second_try() {
        let locked = Error::Login { host: "vc01".to_owned(), user: "root".to_owned(), reason: "AccountLocked".to_owned() };
        let permission = Fault::new(Struct { kind: "NoPermission".into(), fields: Vec::new() }, String::new());
        let unready = Error::Fault {
            host: "vc01".to_owned(),
            method: "Login".to_owned(),
            object: "sm".to_owned(),
            fault: Box::new(permission),
        };
        assert_eq!(trusted_pauses(&vec![refused(); 4]), [5, 200, 400, 800]);
        assert_eq!(trusted_pauses(&[unready, refused()]), [5, 200]);
        assert_eq!(trusted_pauses(&[locked, refused()]), [200, 200], "the server says what is wrong with the account");
        // A vCenter that restarts: unreachable for a while, and its identity service up later than the rest.
        let restart = [vec![unreachable(); 20], vec![refused()], vec![unreachable()], vec![refused(); 2]].concat();
        let pauses = trusted_pauses(&restart);
        assert_eq!((pauses[20], pauses[22], pauses[23]), (5, 200, 400), "{pauses:?}");
    }

    #[test]
    fn other_failures_do_not_make_the_pause_of_a_refused_account_longer() {
        let mut backoff = Backoff::default();
        let mut now = Instant::now();
        for _ in 0..20 {
            backoff.failed(now, now, &unreachable(), 1.0);
            now += LONGEST_PAUSE;
        }
        backoff.failed(now, now, &refused(), 1.0);
        assert_eq!(backoff.pause(now).map(|pause| (pause.left, pause.failures)), Some((FIRST_ACCOUNT_PAUSE, 21)));
    }

    #[test]
    fn a_server_that_is_back_is_found_soon() {
        for jitter in [0.0, 0.5, 1.0] {
            for outage in [5.0, 20.0, 100.0, 250.0] {
                let mut passed = 0.0;
                let last = pauses(&unreachable(), jitter, 100).into_iter().map(|pause| pause.as_secs_f64()).find(|pause| {
                    passed += pause;
                    passed >= outage
                });
                assert!(last.is_some_and(|last| last <= 1.0 + outage / 6.0), "{last:?} after {outage} s");
            }
        }
    }

    #[test]
    fn after_a_pause_one_attempt_tests_the_way() {
        let mut backoff = Backoff::default();
        let now = Instant::now();
        assert!(backoff.admit(now, PROBE).is_ok());
        assert!(backoff.admit(now, PROBE).is_ok(), "without a failure nothing is limited");
        backoff.failed(now, now, &unreachable(), 1.0);
        assert!(backoff.admit(now, PROBE).is_err_and(|pause| pause.left == Duration::from_secs(1) && pause.failures == 1));
        let later = now + Duration::from_secs(1);
        assert!(backoff.admit(later, PROBE).is_ok());
        assert!(backoff.admit(later, PROBE).is_err_and(|pause| pause.left == PROBE));
        backoff.login_succeeded();
        assert!(backoff.admit(later, PROBE).is_ok());
    }

    #[test]
    fn failures_of_calls_under_way_together_count_once() {
        let mut backoff = Backoff::default();
        let now = Instant::now();
        let later = now + Duration::from_millis(5);
        backoff.failed(now, later, &unreachable(), 1.0);
        backoff.failed(now, later + Duration::from_millis(5), &unreachable(), 1.0);
        assert!(backoff.pause(later).is_some_and(|pause| pause.failures == 1));
        backoff.failed(later + Duration::from_secs(1), later + Duration::from_secs(1), &unreachable(), 1.0);
        assert!(backoff.pause(later + Duration::from_secs(1)).is_some_and(|pause| pause.failures == 2));
    }

    #[test]
    fn only_answers_to_later_calls_end_a_pause() {
        let mut backoff = Backoff::default();
        let now = Instant::now();
        let later = now + Duration::from_millis(5);
        backoff.failed(now, later, &unreachable(), 1.0);
        backoff.answered(now);
        assert!(backoff.pause(later).is_some(), "that call went out before the failure");
        backoff.answered(later);
        assert!(backoff.pause(later).is_none());
    }

    #[test]
    fn only_a_login_ends_the_pause_of_a_refused_account() {
        let mut backoff = Backoff::default();
        let now = Instant::now();
        let later = now + Duration::from_secs(1);
        backoff.failed(now, now, &refused(), 1.0);
        backoff.answered(later);
        backoff.failed(later, later, &unreachable(), 1.0);
        assert!(backoff.pause(later).is_some_and(|pause| pause.left > Duration::from_secs(190) && pause.failures == 1));
        backoff.login_succeeded();
        assert!(backoff.pause(later).is_none());
    }
}
