//! Control messages between our proxy and our workers.
//!
//! They share the backend socket with requests and replies. Their first frame is **empty**, which no client identity is, so
//! both sides can tell them apart; a proxy of the original hands them to a client with an empty identity, that is: drops them.
//! Layout: `[empty] [version byte, type byte] [JSON payload, if the type has one]`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The version of this page's messages; a peer drops, and counts, what it does not know.
pub const VERSION: u8 = 1;

/// Proxy and worker each send a message at least this often: a heartbeat when there is nothing else to send.
pub const HEARTBEAT: Duration = Duration::from_millis(300);

/// Silence after which each side takes the other one for lost: three heartbeats may be late.
pub const DEAD_AFTER: Duration = Duration::from_secs(1);

/// What a worker process says about itself.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Announcement {
    /// Names the worker process; equal for all its sockets, different after a restart.
    pub process: String,
    /// Product version, for the status page.
    pub version: String,
    /// The vSphere hosts it can serve, as registered.
    pub hosts: Vec<String>,
    /// How many requests it takes at once; the proxy never has more than this unanswered on one socket.
    pub capacity: usize,
    /// Methods whose request must not be sent to a second worker when this one dies.
    pub never_repeat: Vec<String>,
}

/// A control message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Control {
    /// Worker: I exist and can serve this; repeated whenever it changes.
    Announce(Announcement),
    /// Both: I am alive.
    Heartbeat,
    /// Worker: send me nothing more; what I have I finish.
    Goodbye,
    /// Proxy: I do not know you, announce yourself (it was restarted, or gave the worker up for dead).
    WhoAreYou,
    /// Proxy: these are the hosts that your process was picked for.
    Serve(Vec<String>),
}

/// Why frames are no control message we understand.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ControlError {
    /// The first frame is not empty.
    #[error("no control message")]
    NotControl,
    /// Another version or an unknown type.
    #[error("control message of unknown version or type")]
    Unknown,
    /// The payload does not read.
    #[error("control message with a broken payload")]
    Payload,
}

/// The byte that says which message it is.
mod kind {
    pub(super) const ANNOUNCE: u8 = 1;
    pub(super) const HEARTBEAT: u8 = 2;
    pub(super) const GOODBYE: u8 = 3;
    pub(super) const WHO_ARE_YOU: u8 = 4;
    pub(super) const SERVE: u8 = 5;
}

/// Whether the frames (after the peer's own identity, where a ROUTER put one) are a control message.
#[must_use]
pub fn is_control(frames: &[Vec<u8>]) -> bool {
    frames.first().is_some_and(Vec::is_empty)
}

impl Control {
    /// The frames to send.
    #[must_use]
    pub fn encode(&self) -> Vec<Vec<u8>> {
        let (message, payload) = match self {
            Self::Announce(announcement) => (kind::ANNOUNCE, serde_json::to_vec(announcement).ok()),
            Self::Heartbeat => (kind::HEARTBEAT, None),
            Self::Goodbye => (kind::GOODBYE, None),
            Self::WhoAreYou => (kind::WHO_ARE_YOU, None),
            Self::Serve(hosts) => (kind::SERVE, serde_json::to_vec(hosts).ok()),
        };
        let mut frames = vec![Vec::new(), vec![VERSION, message]];
        frames.extend(payload);
        frames
    }

    /// Reads the frames of a control message.
    ///
    /// # Errors
    /// When they are something else; the caller drops and counts them.
    pub fn decode(frames: &[Vec<u8>]) -> Result<Self, ControlError> {
        if !is_control(frames) {
            return Err(ControlError::NotControl);
        }
        let message = match frames.get(1).map(Vec::as_slice) {
            Some([VERSION, message]) => *message,
            _ => return Err(ControlError::Unknown),
        };
        let payload = frames.get(2).map_or(&[][..], Vec::as_slice);
        match message {
            kind::ANNOUNCE => serde_json::from_slice(payload).map(Self::Announce).map_err(|_| ControlError::Payload),
            kind::HEARTBEAT => Ok(Self::Heartbeat),
            kind::GOODBYE => Ok(Self::Goodbye),
            kind::WHO_ARE_YOU => Ok(Self::WhoAreYou),
            kind::SERVE => serde_json::from_slice(payload).map(Self::Serve).map_err(|_| ControlError::Payload),
            _ => Err(ControlError::Unknown),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_message_survives_the_trip() {
        let announcement = Announcement { process: "w:1".into(), hosts: vec!["vc01".into()], capacity: 64, ..Default::default() };
        for message in [
            Control::Announce(announcement),
            Control::Heartbeat,
            Control::Goodbye,
            Control::WhoAreYou,
            Control::Serve(vec!["vc01".into()]),
        ] {
            assert_eq!(Control::decode(&message.encode()), Ok(message));
        }
    }

    #[test]
    fn other_versions_and_requests_are_told_apart() {
        assert_eq!(Control::decode(&[vec![], vec![VERSION + 1, kind::HEARTBEAT]]), Err(ControlError::Unknown));
        assert_eq!(Control::decode(&[b"id".to_vec(), vec![]]), Err(ControlError::NotControl));
        assert_eq!(Control::decode(&[vec![], vec![VERSION, kind::ANNOUNCE], b"{".to_vec()]), Err(ControlError::Payload));
    }

    proptest! {
        #[test]
        fn no_frames_panic(frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..5)) {
            let _ = Control::decode(&frames);
        }
    }
}
