//! Texts and endpoints that are part of the contract and used by more than one program, and how texts from outside are shown.

use std::borrow::Cow;
use std::ffi::CStr;

/// Where clients connect when nothing else is configured.
pub const DEFAULT_FRONTEND: &str = "tcp://localhost:10123";
/// Where workers connect when nothing else is configured.
pub const DEFAULT_BACKEND: &str = "tcp://localhost:10124";
/// What `vpoller-client` prints, inside a failure reply, when nothing came back.
pub const NO_RESPONSE: &str = "Did not receive response, aborting...";
/// What the C client prints, inside a failure reply, when nothing came back.
pub const NO_REPLY_FROM_SERVER: &str = "Did not receive reply from server, aborting...";
/// The item error of the Zabbix module when nothing came back.
pub const NO_RESPONSE_FROM_VPOLLER: &str = "Did not receive response from vPoller";
/// A request that is not JSON.
pub const INVALID_MESSAGE: &str = "Invalid message received";
/// A request whose `method` is missing or unknown.
pub const UNKNOWN_METHOD: &str = "Unknown or missing task/method name";
/// A request whose `hostname` is missing or no enabled agent.
pub const UNKNOWN_AGENT: &str = "Unknown or missing agent name";
/// A request that lacks a field the method demands.
pub const INVALID_TASK_REQUEST: &str = "Invalid task request";
/// The `hostname` under which the proxy answers for itself; no vSphere host has such a name.
pub const PROXY_ITSELF: &str = "@proxy";
/// The `hostname` under which any worker answers for itself.
pub const ANY_WORKER: &str = "@worker";
/// Before the name of the one worker that is to answer for itself, in place of a `hostname`.
pub const ONE_WORKER: &str = "@worker:";
/// The service method that asks a daemon about itself.
pub const STATUS: &str = "vpoller.status";
/// The item key for that.
pub const STATUS_KEY: &CStr = c"vpoller.status";

/// What becomes of control characters in a text that has to stay one line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Controls {
    /// An escape such as `\n`: nothing is lost. For log lines and plans.
    Escaped,
    /// This character in the place of each. For terminals, and where an escape would be taken for a part of the text.
    Replaced(char),
}

/// A text from outside as one line: it can neither end the line it is printed in nor steer a terminal.
#[must_use]
pub fn one_line(text: &str, controls: Controls) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        match controls {
            _ if !character.is_control() => line.push(character),
            Controls::Escaped => line.extend(character.escape_default()),
            Controls::Replaced(replacement) => line.push(replacement),
        }
    }
    Cow::Owned(line)
}

/// The first `most` characters of a text and an ellipsis, or the whole text where it is no longer.
#[must_use]
pub fn shorten(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        Some((end, _)) => Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default())),
        None => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_one_line() {
        for (text, escaped, replaced) in
            [("vm01 ü", "vm01 ü", "vm01 ü"), ("a\r\nb\t\0\x1b[0m\u{85}", r"a\r\nb\t\u{0}\u{1b}[0m\u{85}", "a??b???[0m?")]
        {
            assert_eq!(one_line(text, Controls::Escaped), escaped);
            assert_eq!(one_line(text, Controls::Replaced('?')), replaced);
        }
        assert!(matches!(one_line("plain", Controls::Escaped), Cow::Borrowed(_)));
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(shorten("äöü", 3), "äöü");
        assert_eq!(shorten("äöüß", 3), "äöü…");
        assert_eq!(shorten("", 0), "");
    }
}
