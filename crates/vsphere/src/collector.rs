//! Changes that vCenter reports: a property collector with filters, and waits for its updates.
//!
//! A collector belongs to one session and dies with it, as do its filters and its version: updates of two sessions are never mixed.
//! Only one wait is outstanding at a time, because a second one ends the first at the server.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::call::{Call, CallOptions};
use crate::updates::{self, UpdateSet, WAIT};
use crate::{Arg, Client, Error, FilterSpec, MoRef, Session, Value};

/// How much longer than its wait a call may take at least.
const GRACE: Duration = Duration::from_secs(60);
/// What is asked for first after an answer that was too large: about half of what servers put into one.
const LESS: i32 = 50;
/// What to do when a single object is too much.
const ASK_LESS: &str =
    "what is watched of one object alone is more than that, so ask for fewer of its properties, or for parts of them";
/// Refusals remembered. Each one beyond costs a call that finds out whether the session lives.
const REFUSALS: usize = 10_000;

/// A property collector that belongs to this client alone, in one session.
///
#[doc = concat!("```no_run\n", include_str!("../examples/power_changes.rs"), "```")]
#[derive(Debug)]
pub struct Collector {
    client: Client,
    session: Arc<Session>,
    own: MoRef,
    versions: Versions,
    /// Types and paths that the account may not read, found out in a session that lives.
    refused: HashSet<(Arc<str>, Arc<str>)>,
}

/// An update set and its place among those of one state.
#[derive(Debug)]
pub struct Updates {
    /// The changes. Those of all sets up to one that is not truncated lead to the next state of the inventory.
    pub set: UpdateSet,
    /// Whether this is the first set of a state: sets of a state that was not completed are to be dropped.
    pub first: bool,
    /// Whether the state is complete in itself: objects and properties that it does not mention do not exist.
    pub full: bool,
}

impl Client {
    /// Makes a property collector in the session.
    ///
    /// # Errors
    /// As [`Client::call_in`].
    pub async fn collector(&self, session: &Arc<Session>) -> Result<Collector, Error> {
        let limit = self.config().request_timeout;
        let shared = &session.content.property_collector;
        let made = self.call_in(session, shared, "CreatePropertyCollector", &[], limit).await?;
        let own = self.made_object(&made, "CreatePropertyCollector")?;
        Ok(Collector {
            client: self.clone(),
            session: Arc::clone(session),
            own,
            versions: Versions::default(),
            refused: HashSet::new(),
        })
    }
}

impl Collector {
    /// The session it belongs to.
    #[must_use]
    pub fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// Watches more properties. The next wait returns their values, later ones those that changed: always whole values, whatever
    /// part of them changed.
    ///
    /// # Errors
    /// As [`Client::call_in`]; `InvalidProperty` names a path that does not exist, `ManagedObjectNotFound` an object.
    pub async fn add_filter(&self, spec: &FilterSpec) -> Result<MoRef, Error> {
        let args = [spec.to_arg("spec"), Arg::new("partialUpdates", false)];
        let made = self.call(&self.own, "CreateFilter", &args).await?;
        self.client.made_object(&made, "CreateFilter")
    }

    /// Ends the watching of a filter's objects. Later waits report nothing of it.
    ///
    /// # Errors
    /// As [`Client::call_in`].
    pub async fn remove_filter(&self, filter: &MoRef) -> Result<(), Error> {
        self.call(filter, "DestroyPropertyFilter", &[]).await.map(drop)
    }

    /// Destroys it at the server, with its filters.
    ///
    /// # Errors
    /// As [`Client::call_in`].
    pub async fn destroy(self) -> Result<(), Error> {
        self.call(&self.own, "DestroyPropertyCollector", &[]).await.map(drop)
    }

    /// Waits for changes, for `longest` at most (whole seconds; with none it only looks). `None` when there were none.
    ///
    /// After an error, and after a wait that was dropped, the next wait goes on from the last complete state.
    ///
    /// # Errors
    /// As [`Client::call_in`]. [`Error::SessionLost`] also when the server says so in missing sets only, and
    /// `ManagedObjectNotFound` when it knows the collector, a filter or its view no more: then all of them have to be made again.
    /// [`Error::TooLarge`] only when what is watched of one object is too much.
    pub async fn wait(&mut self, longest: Duration) -> Result<Option<Updates>, Error> {
        loop {
            let request = self.versions.next_request();
            match self.fetch(&request, longest).await {
                Ok(None) => {
                    self.versions.restore(request);
                    return Ok(None);
                }
                Ok(Some(set)) => {
                    self.check_refusals(&set).await?;
                    let full = self.versions.record_answer(&set);
                    return Ok(Some(Updates { set, first: !request.within, full }));
                }
                Err(error) if is_invalid_version(&error) && !request.text.is_empty() => self.versions = Versions::default(),
                // The version within the state is used up, so the state begins again, in smaller parts.
                Err(Error::TooLarge { host, what, limit, .. }) => {
                    if !self.ask_for_less() {
                        return Err(Error::TooLarge { host, what, limit, hint: ASK_LESS });
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Has answers made smaller from now on, also those of later sessions. False when they hold one object each already.
    fn ask_for_less(&self) -> bool {
        let page = &self.client.connection.update_page;
        let before = page.load(Ordering::Relaxed);
        let after = if before > LESS { LESS } else { before / 4 }.max(1);
        page.store(after, Ordering::Relaxed);
        if after == before {
            return false;
        }
        let host = &self.client.config().host;
        tracing::warn!("[{host}] An answer to {WAIT} was too large; asking for {after} objects at a time from now on");
        true
    }

    async fn fetch(&self, request: &VersionRequest, longest: Duration) -> Result<Option<UpdateSet>, Error> {
        let seconds = i32::try_from(longest.as_secs()).unwrap_or(i32::MAX);
        let page = self.client.connection.update_page.load(Ordering::Relaxed);
        let options = vec![Arg::new("maxWaitSeconds", seconds), Arg::new("maxObjectUpdates", page)];
        let args = [Arg::new("version", request.text.as_str()), Arg::object("options", options)];
        // A version from within a state is good for one use; the others may be sent again when a connection broke.
        let limit = longest + GRACE.max(self.client.config().request_timeout);
        let options = CallOptions { limit, repeat: !request.within };
        let call = Call { this: &self.own, method: WAIT, args: &args, options };
        let sets = self.client.call_for(&self.session, call, updates::element).await?;
        Ok(sets.into_iter().next())
    }

    /// Makes sure that the server did not withhold properties because the session is gone.
    async fn check_refusals(&mut self, set: &UpdateSet) -> Result<(), Error> {
        let objects = set.filters.iter().flat_map(|filter| &filter.objects);
        let missing = objects.flat_map(|object| object.missing.iter().map(|(path, fault)| (&object.obj.kind, path, fault)));
        let refused = missing.filter(|(_, _, fault)| fault.kind == "NotAuthenticated");
        let refused: HashSet<_> = refused.map(|(kind, path, _)| (Arc::clone(kind), Arc::clone(path))).collect();
        if refused.is_subset(&self.refused) {
            return Ok(());
        }
        self.client.expect_alive(&self.session).await?;
        if self.refused.len() < REFUSALS {
            self.refused.extend(refused);
        }
        Ok(())
    }

    async fn call(&self, this: &MoRef, method: &str, args: &[Arg]) -> Result<Vec<Value>, Error> {
        self.client.call_in(&self.session, this, method, args, self.client.config().request_timeout).await
    }
}

fn is_invalid_version(error: &Error) -> bool {
    error.fault().is_some_and(|fault| fault.is_a("InvalidCollectorVersion"))
}

/// The versions to go on from.
#[derive(Debug, Default)]
struct Versions {
    /// Of the last complete state; empty before the first. Good for any number of requests.
    complete: String,
    /// Within a state, after a truncated answer. Good for one request.
    within: Option<String>,
}

/// The version in a request on its way to the server.
#[derive(Debug)]
struct VersionRequest {
    text: String,
    /// Whether it is a version within a state.
    within: bool,
}

impl Versions {
    /// The version for the next request. One within a state is used up by that: without an answer, the state begins again.
    fn next_request(&mut self) -> VersionRequest {
        match self.within.take() {
            Some(text) => VersionRequest { text, within: true },
            None => VersionRequest { text: self.complete.clone(), within: false },
        }
    }

    /// Puts a version back that is still good: the server had no changes.
    fn restore(&mut self, request: VersionRequest) {
        self.within = request.within.then_some(request.text);
    }

    /// Goes on from an answer. Returns whether the state that it belongs to began from nothing.
    fn record_answer(&mut self, set: &UpdateSet) -> bool {
        let full = self.complete.is_empty();
        if set.truncated {
            self.within = Some(set.version.clone());
        } else {
            self.complete.clone_from(&set.version);
        }
        full
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks once; `answer` is the version that comes back and whether more belongs to its state.
    fn turn(versions: &mut Versions, answer: Option<(&str, bool)>) -> (String, bool) {
        let request = versions.next_request();
        if let Some((version, truncated)) = answer {
            versions.record_answer(&UpdateSet { version: version.to_owned(), truncated, filters: Vec::new() });
        }
        (request.text, request.within)
    }

    #[test]
    fn a_version_from_within_a_state_is_used_once() {
        let mut versions = Versions::default();
        let from = |text: &str, within| (text.to_owned(), within);
        assert_eq!(turn(&mut versions, Some(("1", true))), from("", false));
        assert_eq!(turn(&mut versions, Some(("2", false))), from("1", true));
        assert_eq!(turn(&mut versions, Some(("3", true))), from("2", false));
        assert_eq!(turn(&mut versions, None), from("3", true), "the answer was lost");
        assert_eq!(turn(&mut versions, None), from("2", false), "the last complete state, as often as need be");
        assert_eq!(turn(&mut versions, Some(("4", false))), from("2", false));
        assert_eq!(turn(&mut versions, None), from("4", false));
    }

    #[test]
    fn a_version_that_brought_no_changes_stays_good() {
        let mut versions = Versions::default();
        turn(&mut versions, Some(("1", true)));
        let request = versions.next_request();
        versions.restore(request);
        assert_eq!(turn(&mut versions, Some(("2", false))), ("1".to_owned(), true));
        let request = versions.next_request();
        versions.restore(request);
        assert_eq!(turn(&mut versions, None), ("2".to_owned(), false));
    }

    #[test]
    fn only_a_state_from_nothing_is_full() {
        let mut versions = Versions::default();
        let set = |truncated| UpdateSet { version: "1".to_owned(), truncated, filters: Vec::new() };
        assert!(versions.record_answer(&set(true)));
        assert!(versions.record_answer(&set(false)));
        assert!(!versions.record_answer(&set(true)));
    }
}
