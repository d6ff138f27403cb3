//! Users and passwords: bcrypt, which is slow on purpose, and a memory of what it said, so that a scrape does not pay for it twice.
//!
//! What is remembered is a keyed digest of user, password and hash, never a password. A hash that changes in the file makes what was
//! remembered of it worthless by itself.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use ring::hmac;
use ring::rand::SystemRandom;
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};

/// Different passwords that are being checked or wait for it; further ones are refused, so that a flood of wrong ones costs little.
const MOST_CHECKS: usize = 16;
/// Outcomes that are remembered, of right ones and of wrong ones each.
const MOST_REMEMBERED: usize = 256;
/// A hash of this cost takes some seconds; one more would keep a scrape waiting beyond its time.
const HIGHEST_COST: u32 = 16;
const LOWEST_COST: u32 = 4;
/// The length of `$2b$`, two digits of cost, `$`, 22 characters of salt and 31 of hash.
const HASH_LENGTH: usize = 60;

type Digest = [u8; 32];

/// Whether a text is a hash that [`Passwords`] can check; the reason never quotes it.
pub(super) fn check_hash(hash: &str) -> Result<(), String> {
    let cost = ["$2a$", "$2b$", "$2x$", "$2y$"].iter().find_map(|version| hash.strip_prefix(version)).and_then(|rest| {
        let (cost, rest) = rest.split_once('$')?;
        let is_text = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '/');
        let cost: u32 =
            Some(cost).filter(|cost| cost.len() == 2 && cost.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()?;
        (hash.len() == HASH_LENGTH && rest.chars().all(is_text)).then_some(cost)
    });
    match cost {
        Some(LOWEST_COST..=HIGHEST_COST) => Ok(()),
        Some(0..LOWEST_COST) => Err(format!("is a bcrypt hash of a cost below {LOWEST_COST}, which does not exist")),
        Some(_) => Err(format!("is a bcrypt hash of a cost above {HIGHEST_COST}, which would keep every client waiting")),
        None => {
            Err("is no bcrypt hash, which begins like $2y$10$ and has 60 characters; htpasswd -nBC 10 \"\" makes one".to_owned())
        }
    }
}

/// What was found out about passwords.
pub(super) struct Passwords {
    key: hmac::Key,
    right: Mutex<VecDeque<Digest>>,
    wrong: Mutex<VecDeque<Digest>>,
    /// What is being checked or waits for it, and how often.
    checks: Mutex<HashMap<Digest, usize>>,
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passwords").finish_non_exhaustive()
    }
}

/// What is known of a user and a password.
pub(super) enum Known {
    Right,
    Wrong,
    /// Too many passwords are being checked at the moment.
    Busy,
    Unchecked(PasswordCheck),
}

impl Passwords {
    pub(super) fn new() -> Result<Arc<Self>, ring::error::Unspecified> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())?;
        Ok(Arc::new(Self { key, right: Mutex::default(), wrong: Mutex::default(), checks: Mutex::default() }))
    }

    /// What is known of a user and a password. An unknown user is checked against the hash of another one, always the same, so that
    /// the time tells nothing.
    pub(super) fn judge(self: &Arc<Self>, users: &BTreeMap<String, SecretString>, user: &str, password: &[u8]) -> Known {
        let known = users.get(user);
        let Some(hash) = known.or_else(|| self.decoy(users, user)) else { return Known::Wrong };
        // An unknown user may become a known one, with the very hash that he was checked against.
        let digest = self.digest(&[user.as_bytes(), password, hash.expose_secret().as_bytes(), &[u8::from(known.is_some())]]);
        if let Some(is_right) = self.remembered(&digest) {
            return if is_right { Known::Right } else { Known::Wrong };
        }
        let mut checks = lock(&self.checks);
        if checks.len() >= MOST_CHECKS && !checks.contains_key(&digest) {
            return Known::Busy;
        }
        *checks.entry(digest).or_default() += 1;
        drop(checks);
        Known::Unchecked(PasswordCheck {
            slot: Slot(Arc::clone(self), digest),
            is_known: known.is_some(),
            hash: hash.clone(),
            password: password.to_vec().into(),
        })
    }

    fn decoy<'u>(&self, users: &'u BTreeMap<String, SecretString>, user: &str) -> Option<&'u SecretString> {
        let [first, second, ..] = self.digest(&[user.as_bytes()]);
        let number = usize::from(u16::from_be_bytes([first, second]));
        users.values().nth(number.checked_rem(users.len())?)
    }

    fn digest(&self, parts: &[&[u8]]) -> Digest {
        let mut context = hmac::Context::with_key(&self.key);
        for part in parts {
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part);
        }
        let mut digest = Digest::default();
        digest.copy_from_slice(context.sign().as_ref());
        digest
    }

    /// What bcrypt said, if it was asked. Every comparison is of digests under a key that no client knows.
    fn remembered(&self, digest: &Digest) -> Option<bool> {
        if lock(&self.right).contains(digest) {
            return Some(true);
        }
        lock(&self.wrong).contains(digest).then_some(false)
    }

    fn remember(&self, digest: Digest, is_right: bool) {
        // Apart, so that wrong ones never push out right ones.
        let mut outcomes = lock(if is_right { &self.right } else { &self.wrong });
        if outcomes.len() >= MOST_REMEMBERED {
            outcomes.pop_front();
        }
        outcomes.push_back(digest);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A password that nothing is known about yet. As long as it lives it counts as one that is being checked.
pub struct PasswordCheck {
    slot: Slot,
    is_known: bool,
    hash: SecretString,
    password: SecretSlice<u8>,
}

impl fmt::Debug for PasswordCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordCheck").finish_non_exhaustive()
    }
}

impl PasswordCheck {
    /// Checks it, which takes a tenth of a second or, as the hash asks for it, some seconds of a processor; whether it is right.
    /// Checks that run one after another need bcrypt once for each different password.
    #[must_use]
    pub fn run(self) -> bool {
        let Slot(passwords, digest) = &self.slot;
        if let Some(is_right) = passwords.remembered(digest) {
            return is_right;
        }
        // The hash was looked at when it was read; what bcrypt still refuses lets nobody in.
        let matches = bcrypt::verify(self.password.expose_secret(), self.hash.expose_secret()).unwrap_or(false);
        let is_right = matches && self.is_known;
        passwords.remember(*digest, is_right);
        is_right
    }
}

/// One of the checks that may be at the same time.
struct Slot(Arc<Passwords>, Digest);

impl Drop for Slot {
    fn drop(&mut self) {
        let mut checks = lock(&self.0.checks);
        if let Some(count) = checks.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                checks.remove(&self.1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::web_config::tests::HASH;
    use super::*;

    fn users(hashes: &[(&str, &str)]) -> BTreeMap<String, SecretString> {
        hashes.iter().map(|(user, hash)| ((*user).to_owned(), SecretString::from(*hash))).collect()
    }

    fn is_right(passwords: &Arc<Passwords>, users: &BTreeMap<String, SecretString>, user: &str, password: &str) -> (bool, bool) {
        match passwords.judge(users, user, password.as_bytes()) {
            Known::Right => (true, false),
            Known::Wrong => (false, false),
            Known::Busy => panic!("busy"),
            Known::Unchecked(check) => (check.run(), true),
        }
    }

    #[test]
    fn an_outcome_is_found_out_once() {
        let passwords = Passwords::new().unwrap();
        let known = users(&[("alice", HASH)]);
        for (user, password, right) in [
            ("alice", "secret", true),
            ("alice", "Secret", false),
            ("alice", "", false),
            ("bob", "secret", false),
            ("", "", false),
            ("alice\0", "secret", false),
        ] {
            assert_eq!(
                is_right(&passwords, &known, user, password),
                (right, true),
                "{user}: bcrypt decides, for unknown ones too"
            );
            assert_eq!(is_right(&passwords, &known, user, password), (right, false), "{user}: it is remembered");
        }
        let changed = users(&[("alice", "$2b$04$abcdefghijklmnopqrstuuAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]);
        assert_eq!(is_right(&passwords, &changed, "alice", "secret"), (false, true), "another hash, another question");
        assert_eq!(is_right(&passwords, &users(&[]), "alice", "secret"), (false, false));
        let more = users(&[("alice", HASH), ("bob", HASH)]);
        assert_eq!(is_right(&passwords, &more, "bob", "secret"), (true, true), "he is known now");
    }

    #[test]
    fn wrong_ones_push_no_right_one_out_and_are_bounded() {
        let passwords = Passwords::new().unwrap();
        let known = users(&[("alice", HASH)]);
        assert!(is_right(&passwords, &known, "alice", "secret").0);
        for number in 0..MOST_REMEMBERED + 10 {
            passwords.remember(passwords.digest(&[&number.to_be_bytes()]), false);
        }
        assert_eq!(lock(&passwords.wrong).len(), MOST_REMEMBERED);
        let waiting: Vec<_> = (0..MOST_CHECKS).map(|number| passwords.judge(&known, "eve", &number.to_be_bytes())).collect();
        assert!(matches!(passwords.judge(&known, "eve", b"one more"), Known::Busy));
        assert_eq!(is_right(&passwords, &known, "alice", "secret"), (true, false), "who is known passes by the flood");
        let again = passwords.judge(&known, "eve", &0_usize.to_be_bytes());
        assert!(matches!(again, Known::Unchecked(_)), "the same one costs nothing more");
        drop((waiting, again));
        assert!(lock(&passwords.checks).is_empty());
        assert!(matches!(passwords.judge(&known, "eve", b"one more"), Known::Unchecked(_)));
    }

    #[test]
    fn hashes_are_judged_without_quoting_them() {
        assert_eq!(check_hash(HASH), Ok(()));
        for version in ["$2a$", "$2x$", "$2y$"] {
            assert_eq!(check_hash(&HASH.replacen("$2b$", version, 1)), Ok(()));
        }
        for (hash, reason) in [
            ("hunter2".to_owned(), "is no bcrypt hash"),
            (String::new(), "is no bcrypt hash"),
            (HASH.replacen("$2b$", "$1$", 1), "is no bcrypt hash"),
            (HASH.replacen("$04$", "$+4$", 1), "is no bcrypt hash"),
            (HASH.replacen("$04$", "$03$", 1), "below 4"),
            (HASH.replacen("$04$", "$17$", 1), "above 16"),
            (format!("{HASH}x"), "is no bcrypt hash"),
            (HASH.replace('5', "!"), "is no bcrypt hash"),
        ] {
            let error = check_hash(&hash).unwrap_err();
            assert!(error.contains(reason) && (hash.is_empty() || !error.contains(&hash)), "{hash}: {error}");
        }
    }
}
