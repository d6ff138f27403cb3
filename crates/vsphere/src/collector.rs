//! A property collector of one's own: what vCenter pushes.
//!
//! It belongs to one session and dies with it, its filters and version too, so that what one session was told is never mixed
//! with what another was. Only one wait is outstanding at a time: a second one ends the first at the server.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use crate::call::{Call, CallOptions};
use crate::updates::{self, UpdateSet, WAIT};
use crate::{Arg, Client, Error, FilterSpec, MoRef, Session, Value};

/// How much longer than its wait a call may take.
const GRACE: Duration = Duration::from_secs(60);
/// Objects in one answer. Servers have a limit of their own, about a hundred.
const PAGE: i32 = 1000;
/// Refusals remembered; beyond these each one costs a question whether the session lives.
const REFUSALS: usize = 10_000;

/// A property collector of one's own, in one session.
#[derive(Debug)]
pub struct Collector {
    client: Client,
    session: Arc<Session>,
    own: MoRef,
    versions: Versions,
    /// Types and paths that a living session was refused.
    refused: HashSet<(Arc<str>, Arc<str>)>,
}

/// An update set and its place among the others.
#[derive(Debug)]
pub struct Updates {
    /// The changes. They lead to a state of the inventory together with those before, up to one that is not truncated.
    pub set: UpdateSet,
    /// Whether these begin anew: what was collected of a state that did not get finished is to be dropped.
    pub first: bool,
    /// Whether the state is told in full: what is not mentioned does not exist.
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
        let own = self.reference(&made, "CreatePropertyCollector")?;
        let (client, session) = (self.clone(), Arc::clone(session));
        Ok(Collector { client, session, own, versions: Versions::default(), refused: HashSet::new() })
    }
}

impl Collector {
    /// The session it belongs to.
    #[must_use]
    pub fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// Has more watched. The next wait tells the values; whole ones, whatever part of them changes.
    ///
    /// # Errors
    /// As [`Client::call_in`]; `InvalidProperty` names a path that does not exist, `ManagedObjectNotFound` an object.
    pub async fn add_filter(&self, spec: &FilterSpec) -> Result<MoRef, Error> {
        let args = [spec.to_arg("spec"), Arg::new("partialUpdates", false)];
        let made = self.call(&self.own, "CreateFilter", &args).await?;
        self.client.reference(&made, "CreateFilter")
    }

    /// Has a filter's objects no longer watched; nothing more is told of it.
    ///
    /// # Errors
    /// As [`Client::call_in`].
    pub async fn remove_filter(&self, filter: &MoRef) -> Result<(), Error> {
        self.call(filter, "DestroyPropertyFilter", &[]).await.map(drop)
    }

    /// Ends it at the server, with its filters.
    ///
    /// # Errors
    /// As [`Client::call_in`].
    pub async fn destroy(self) -> Result<(), Error> {
        self.call(&self.own, "DestroyPropertyCollector", &[]).await.map(drop)
    }

    /// Waits for changes, not longer than this (whole seconds; none = only looks). Nothing when none came.
    ///
    /// After an error, and after a wait that was given up, the next one begins with the last state that was told to its end.
    ///
    /// # Errors
    /// As [`Client::call_in`]. [`Error::SessionLost`] also when the server says so in missing sets only, and
    /// `ManagedObjectNotFound` when it knows the collector, a filter or its view no more: then all of them have to be made anew.
    pub async fn wait(&mut self, longest: Duration) -> Result<Option<Updates>, Error> {
        loop {
            let asked = self.versions.take();
            match self.ask(&asked, longest).await {
                Ok(None) => {
                    self.versions.restore(asked);
                    return Ok(None);
                }
                Ok(Some(set)) => {
                    self.trust(&set).await?;
                    let full = self.versions.told(&set);
                    return Ok(Some(Updates { set, first: !asked.within, full }));
                }
                Err(error) if is_invalid_version(&error) && !asked.text.is_empty() => self.versions = Versions::default(),
                Err(error) => return Err(error),
            }
        }
    }

    async fn ask(&self, asked: &Asked, longest: Duration) -> Result<Option<UpdateSet>, Error> {
        let seconds = i32::try_from(longest.as_secs()).unwrap_or(i32::MAX);
        let options = vec![Arg::new("maxWaitSeconds", seconds), Arg::new("maxObjectUpdates", PAGE)];
        let args = [Arg::new("version", asked.text.as_str()), Arg::object("options", options)];
        // A version from within a state is good for one use; the others may be sent again when a connection broke.
        let limit = longest + GRACE.max(self.client.config().request_timeout);
        let options = CallOptions { limit, repeat: !asked.within };
        let call = Call { this: &self.own, method: WAIT, args: &args, options };
        let sets = self.client.call_for(&self.session, call, updates::element).await?;
        Ok(sets.into_iter().next())
    }

    /// Makes sure that what could not be read was not withheld because the session is gone.
    async fn trust(&mut self, set: &UpdateSet) -> Result<(), Error> {
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

/// Which version to ask from.
#[derive(Debug, Default)]
struct Versions {
    /// Of the last state that was told to its end; empty before the first.
    whole: String,
    /// Within a state: where to go on, once.
    within: Option<String>,
}

/// A version on its way to the server.
#[derive(Debug)]
struct Asked {
    text: String,
    within: bool,
}

impl Versions {
    /// The version to ask from. Within a state it is used up by that: unless an answer comes, the state begins again.
    fn take(&mut self) -> Asked {
        match self.within.take() {
            Some(text) => Asked { text, within: true },
            None => Asked { text: self.whole.clone(), within: false },
        }
    }

    /// Puts a version back that is still good: the server had nothing to say.
    fn restore(&mut self, asked: Asked) {
        self.within = asked.within.then_some(asked.text);
    }

    /// Goes on from an answer. Says whether the state that it belongs to began from nothing.
    fn told(&mut self, set: &UpdateSet) -> bool {
        let full = self.whole.is_empty();
        if set.truncated {
            self.within = Some(set.version.clone());
        } else {
            self.whole.clone_from(&set.version);
        }
        full
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks once; `answer` is the version that comes back and whether more belongs to its state.
    fn turn(versions: &mut Versions, answer: Option<(&str, bool)>) -> (String, bool) {
        let asked = versions.take();
        let told = (asked.text.clone(), asked.within);
        if let Some((version, truncated)) = answer {
            versions.told(&UpdateSet { version: version.to_owned(), truncated, filters: Vec::new() });
        }
        told
    }

    #[test]
    fn a_version_from_within_a_state_is_used_once() {
        let mut versions = Versions::default();
        let from = |text: &str, within| (text.to_owned(), within);
        assert_eq!(turn(&mut versions, Some(("1", true))), from("", false));
        assert_eq!(turn(&mut versions, Some(("2", false))), from("1", true));
        assert_eq!(turn(&mut versions, Some(("3", true))), from("2", false));
        assert_eq!(turn(&mut versions, None), from("3", true), "the answer was lost");
        assert_eq!(turn(&mut versions, None), from("2", false), "the last whole state, as often as need be");
        assert_eq!(turn(&mut versions, Some(("4", false))), from("2", false));
        assert_eq!(turn(&mut versions, None), from("4", false));
    }

    #[test]
    fn what_a_server_had_nothing_to_say_to_stays_good() {
        let mut versions = Versions::default();
        turn(&mut versions, Some(("1", true)));
        let asked = versions.take();
        versions.restore(asked);
        assert_eq!(turn(&mut versions, Some(("2", false))), ("1".to_owned(), true));
        let asked = versions.take();
        versions.restore(asked);
        assert_eq!(turn(&mut versions, None), ("2".to_owned(), false));
    }

    #[test]
    fn only_a_state_from_nothing_is_full() {
        let mut versions = Versions::default();
        let set = |truncated| UpdateSet { version: "1".to_owned(), truncated, filters: Vec::new() };
        assert!(versions.told(&set(true)));
        assert!(versions.told(&set(false)));
        assert!(!versions.told(&set(true)));
    }
}
