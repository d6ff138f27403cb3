//! The answers that the proxy gives by itself: what went wrong, with which host, and what to do.

use vpoller_wire::json::Style;
use vpoller_wire::{Outcome, Reply, append_outcome, text};

use super::queue::Full;

/// Names from requests are shown up to this many characters.
const SHOWN: usize = 100;

/// Why a request gets an error from the proxy instead of a worker's reply.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Refusal {
    /// More frames than a request has.
    Malformed,
    /// The body is larger than this many bytes.
    TooLarge(usize),
    /// A queue is full.
    Full(Full),
    /// The workers that served the host are gone. The number is that of other connections.
    HostGone(usize),
    /// No worker is there at all.
    NoWorker,
    /// No worker has the name that was asked for. Some names of workers that are there.
    NoSuchWorker(Vec<String>),
    /// The worker died, and the method must not run twice.
    NotRepeated,
    /// Several workers were lost while they had it.
    GaveUp,
    /// The proxy is stopping.
    Stopping,
}

impl Refusal {
    /// Its name in counters.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::TooLarge(_) => "too_large",
            Self::Full(_) => "queue_full",
            Self::HostGone(_) | Self::NoWorker | Self::NoSuchWorker(_) => "no_worker",
            Self::NotRepeated => "not_repeated",
            Self::GaveUp => "gave_up",
            Self::Stopping => "stopping",
        }
    }

    /// The text for people.
    pub fn text(&self, method: &str, host: &str) -> String {
        let host = if host.is_empty() { "a request without hostname".to_owned() } else { shown(host) };
        let method = if method.is_empty() { "a request".to_owned() } else { shown(method) };
        match self {
            Self::Malformed => text::INVALID_MESSAGE.to_owned(),
            Self::TooLarge(bound) => {
                format!(
                    "request is larger than {bound} bytes, which is all the proxy takes; ask for less, or raise [proxy] max_request"
                )
            }
            Self::Full(full) => full_text(*full, &host),
            Self::HostGone(others) => format!(
                "no worker serves {host}: the workers that did are gone, and none of the {others} other connections has it; check vpoller-worker and its log"
            ),
            Self::NoWorker => format!(
                "no worker serves {host}: none is connected to the proxy; start vpoller-worker, or check its [worker] proxy setting"
            ),
            Self::NoSuchWorker(names) => {
                format!("{host} is not connected to the proxy; there are: {}", names.join(", "))
            }
            Self::NotRepeated => format!(
                "the worker was lost while it ran {method} on {host}; it may have run, so it was not sent to another worker; ask again if that does no harm"
            ),
            Self::GaveUp => {
                format!("several workers were lost one after the other while they ran {method} on {host}; check their logs")
            }
            Self::Stopping => "the proxy is shutting down; ask again when it is back, or ask another one".to_owned(),
        }
    }

    /// The bytes of the reply. A client that takes the outcome byte gets what a helper would give it, bare text with the
    /// mark of failure; every other one gets JSON.
    pub fn reply(&self, method: &str, host: &str, outcome: bool) -> Vec<u8> {
        let text = self.text(method, host);
        if !outcome {
            return Reply::failure(text).to_bytes(Style::Line);
        }
        let mut bytes = text.into_bytes();
        append_outcome(&mut bytes, Outcome::Failure);
        bytes
    }
}

fn full_text(full: Full, host: &str) -> String {
    let (bound, setting) = match full {
        Full::HostRequests(bound) => (format!("{bound} requests wait for it already"), "queue_per_host"),
        Full::HostBytes(bound) => (format!("the requests for it take {bound} bytes already"), "memory_per_host"),
        Full::TotalRequests(bound) => (format!("{bound} requests wait in the proxy already"), "queue_total"),
        Full::TotalBytes(bound) => (format!("the requests in the proxy take {bound} bytes already"), "memory_total"),
    };
    format!(
        "too many requests for {host}: {bound}, the bound of [proxy] {setting}; the workers or the vSphere host answer too slowly, or too much is asked"
    )
}

fn shown(name: &str) -> String {
    text::shorten(name, SHOWN).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use vpoller_wire::split_outcome;

    #[test]
    fn texts_name_the_host_and_what_to_do() {
        for (refusal, parts) in [
            (Refusal::NoWorker, ["no worker serves vc02", "start vpoller-worker"]),
            (Refusal::HostGone(3), ["no worker serves vc02", "none of the 3 other"]),
            (Refusal::Full(Full::HostRequests(9)), ["too many requests for vc02: 9 requests", "[proxy] queue_per_host"]),
            (Refusal::NoSuchWorker(vec!["a".to_owned(), "b".to_owned()]), ["vc02 is not connected", "there are: a, b"]),
            (Refusal::NotRepeated, ["x.get on vc02", "not sent to another"]),
        ] {
            let text = refusal.text("x.get", "vc02");
            assert!(parts.iter().all(|part| text.contains(part)), "{text}");
        }
    }

    #[test]
    fn long_names_are_cut() {
        let text = Refusal::NoWorker.text("x", &"ä".repeat(10_000));
        assert!(text.len() < 500 && text.contains("ää…"), "{text}");
    }

    #[test]
    fn clients_get_json_or_marked_text() {
        assert!(Refusal::Stopping.reply("x", "y", false).starts_with(br#"{"success": 1, "msg": "the proxy is shutting down"#));
        let marked = Refusal::Stopping.reply("x", "y", true);
        let (text, outcome) = split_outcome(&marked);
        assert_eq!((text, outcome), (Refusal::Stopping.text("x", "y").as_bytes(), Outcome::Failure));
    }
}
