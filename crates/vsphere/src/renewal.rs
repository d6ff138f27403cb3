//! When a session that lives is replaced, because a service of the server does not know it any more.
//!
//! vCenter hands some calls on to services of its own, which forget an idle session sooner than it does itself, and answers
//! `NotAuthenticated` then. The same answer may be meant as a missing privilege, where no new session helps: logins that did not
//! help are followed by pauses. The clock is passed in.

use std::time::Duration;

use tokio::time::Instant;

/// This many new sessions in a row may be of no use before there are pauses.
const FREE: u32 = 3;
/// The first pause; each further one is twice as long, up to [`LONGEST`].
const FIRST: Duration = Duration::from_secs(300);
/// After this time without a new session all begins anew.
const LONGEST: Duration = Duration::from_secs(3600);

/// Counts new sessions that did not help.
#[derive(Debug, Default)]
pub(crate) struct Renewals {
    useless: u32,
    last: Option<Instant>,
}

impl Renewals {
    /// Whether a session may be replaced now. It counts as useless until it is known to have helped.
    pub(crate) fn admit(&mut self, now: Instant) -> bool {
        let since = self.last.map(|last| now.saturating_duration_since(last));
        if since.is_none_or(|since| since >= LONGEST) {
            self.useless = 0;
        } else if since < Some(self.pause()) {
            return false;
        }
        self.useless = self.useless.saturating_add(1);
        self.last = Some(now);
        true
    }

    /// A call that was refused before works in the new session.
    pub(crate) fn helped(&mut self) {
        self.useless = 0;
    }

    fn pause(&self) -> Duration {
        match self.useless.checked_sub(FREE) {
            None => Duration::ZERO,
            Some(beyond) => FIRST.saturating_mul(1u32.checked_shl(beyond).unwrap_or(u32::MAX)).min(LONGEST),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_that_do_not_help_are_followed_by_pauses() {
        let mut renewals = Renewals::default();
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        assert!((0..3).all(|second| renewals.admit(at(second))));
        assert!(!renewals.admit(at(3)) && !renewals.admit(at(301)));
        assert!(renewals.admit(at(302)) && !renewals.admit(at(901)) && renewals.admit(at(902)));
        assert!(renewals.admit(at(902 + 3600)) && renewals.admit(at(902 + 3601)), "after an hour all is forgotten");
    }

    #[test]
    fn sessions_that_help_are_not_counted() {
        let mut renewals = Renewals::default();
        let now = Instant::now();
        for _ in 0..20 {
            assert!(renewals.admit(now));
            renewals.helped();
        }
    }
}
