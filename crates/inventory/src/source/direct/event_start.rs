//! Whether a search for events that found none in its last page was at the beginning of the event database: an empty page is what a server
//! answers there, and where the account may see none of the events that it took for the page.

use vpoller_vsphere::{Arg, Class, Error, MoRef, Session, Struct, Value};

use super::Direct;
use super::events::{LATEST, PAGE, event_filter, key, newest};
use crate::border::{EventFilter, event_age};

impl Direct {
    /// Whether there is nothing before the place where the collector stands, after empty pages. False where that cannot be known; then the
    /// collector stands before its last page again.
    pub(super) async fn is_at_start(
        &self,
        session: &Session,
        manager: &MoRef,
        collector: &MoRef,
        filter: &EventFilter,
        newest: i64,
    ) -> Result<bool, Error> {
        let limit = self.client.config().request_timeout;
        // At the start the oldest events follow, otherwise those of the empty page.
        let next = self.client.call_in(session, collector, "ReadNextEvents", &[Arg::new("maxCount", PAGE)], limit).await?;
        if !next.is_empty() {
            return Ok(true);
        }
        if filter.kinds.is_empty() && filter.severities.is_empty() {
            return Ok(false);
        }
        // No event of these types and severities in sight: there is none, unless some are hidden from the account.
        match self.client.call_in(session, manager, "QueryEvents", &[event_filter(&[], &[], Some(LATEST))], limit).await {
            Ok(events) => Ok(is_whole(newest, &events.into_iter().filter_map(Value::into_struct).collect::<Vec<_>>())),
            // An ESXi host by itself has no such query.
            Err(error) if error.fault().is_some_and(|fault| fault.class() == Class::Argument) => Ok(true),
            Err(error) => Err(error),
        }
    }
}

/// Whether nothing was left out of a page of the latest events of all types: it is full, or its keys follow each other up to the newest.
fn is_whole(latest: i64, events: &[Struct]) -> bool {
    let Some(newest) = newest(Some(latest), events) else { return false };
    let oldest = events.iter().filter_map(key).map(|key| event_age(newest, key)).max();
    let count = i64::try_from(events.len()).unwrap_or(i64::MAX);
    count >= i64::from(LATEST) || oldest.is_some_and(|oldest| oldest + 1 == count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(keys: impl IntoIterator<Item = i64>) -> Vec<Struct> {
        keys.into_iter().map(|key| Struct { kind: "Event".into(), fields: vec![("key".into(), Value::Int(key))] }).collect()
    }

    #[test]
    fn a_page_without_gaps_is_whole() {
        assert!(is_whole(12, &page([12, 11, 10])));
        assert!(is_whole(12, &page([13, 12, 11])), "one happened meanwhile");
        assert!(is_whole(-2_147_483_648, &page([-2_147_483_648, 2_147_483_647])), "keys started again");
        assert!(is_whole(12, &page((0..100).map(|key| key * 2))), "a full page");
        for gaps in [&[12, 10][..], &[11, 10], &[]] {
            assert!(!is_whole(12, &page(gaps.iter().copied())), "{gaps:?}");
        }
    }
}
