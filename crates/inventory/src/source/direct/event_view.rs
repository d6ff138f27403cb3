//! Events after one that is known, in one call: servers of API version 9.0 and later begin a query at any event, where older ones are
//! read backwards from the newest event.

use vpoller_vsphere::{Arg, Class, Error, MoRef, Session, Struct, Value};

use super::Direct;
use super::events::{PAGE, event_filter};
use crate::border::EventFilter;

/// The first major version of the API with such queries.
const SINCE: u32 = 9;

impl Direct {
    /// The first events after the one of this key, no more than a page. Nothing where the server has no such query or refuses it, and
    /// where the account sees no event of that page: there may be later ones.
    pub(super) async fn events_after(
        &self,
        session: &Session,
        manager: &MoRef,
        filter: &EventFilter,
        after: i64,
    ) -> Result<Option<Vec<Struct>>, Error> {
        if !is_offered(&session.api_version) {
            return Ok(None);
        }
        let wanted = event_filter(&filter.kinds, &filter.severities, Some(PAGE));
        let fields = vec![Arg::new("startEventId", after), Arg::new("isForward", true)];
        let args = [wanted, Arg::typed("eventViewSpec", "EventManagerViewByStartId", fields)];
        let limit = self.client.config().request_timeout;
        match self.client.call_in(session, manager, "QueryEvents", &args, limit).await {
            Ok(page) => {
                let events: Vec<Struct> = page.into_iter().filter_map(Value::into_struct).collect();
                Ok((!events.is_empty()).then_some(events))
            }
            Err(error) if error.fault().is_some_and(|fault| fault.class() == Class::Argument) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn is_offered(api_version: &str) -> bool {
    let major = api_version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    major.is_some_and(|major| major >= SINCE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_begin_at_an_event_from_version_9_on() {
        assert!(is_offered("9.0.0.0") && is_offered("10.0"));
        assert!(!is_offered("8.0.3.0") && !is_offered("") && !is_offered("dev"));
    }
}
