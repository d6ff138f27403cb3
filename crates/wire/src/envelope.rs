//! Routing envelopes: the frames before a message's body.

/// A multipart message cut into the frames to give back unchanged and the body.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Envelope {
    /// Everything up to and including the first empty frame; empty when the sender left the delimiter out.
    pub route: Vec<Vec<u8>>,
    /// The first frame after the delimiter.
    pub body: Vec<u8>,
    /// Whether further frames followed, which no peer of ours sends.
    pub trailing: bool,
}

impl Envelope {
    /// Splits the frames of one whole message; `None` when there is no frame after the delimiter (nothing to answer).
    #[must_use]
    pub fn split(mut frames: Vec<Vec<u8>>) -> Option<Self> {
        let delimiter = frames.iter().position(Vec::is_empty)?;
        let mut rest = frames.split_off(delimiter + 1).into_iter();
        let body = rest.next()?;
        Some(Self { route: frames, body, trailing: rest.next().is_some() })
    }

    /// The frames of a message that carries `body` back along the same route.
    #[must_use]
    pub fn reply(self, body: Vec<u8>) -> Vec<Vec<u8>> {
        let mut frames = self.route;
        frames.push(body);
        frames
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(parts: &[&str]) -> Vec<Vec<u8>> {
        parts.iter().map(|part| part.as_bytes().to_vec()).collect()
    }

    #[test]
    fn route_is_given_back_unchanged() {
        let envelope = Envelope::split(frames(&["id", "hop", "", "body"]));
        assert_eq!(envelope.map(|e| e.reply(b"answer".to_vec())), Some(frames(&["id", "hop", "", "answer"])));
    }

    #[test]
    fn messages_without_delimiter_or_body_have_nobody_to_answer() {
        assert_eq!(Envelope::split(frames(&["id", "body"])), None);
        assert_eq!(Envelope::split(frames(&["id", ""])), None);
        assert_eq!(Envelope::split(vec![]), None);
    }

    #[test]
    fn further_frames_are_noticed() {
        assert_eq!(Envelope::split(frames(&["", "body", "more"])).map(|e| e.trailing), Some(true));
    }
}
