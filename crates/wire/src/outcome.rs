//! The outcome byte: whether a helper's text is a value or a failure.
//!
//! A helper's reply is bare text, so a client that prints values cannot know that `Cannot find object vm01` is not a value. A request
//! with `"outcome": true` gets the text followed by NUL and one status byte. Workers of the original ignore the field; a
//! reply without the two bytes counts as a value.

/// What a helper's text stands for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The text is the answer.
    Value,
    /// The text says why there is no answer.
    Failure,
}

const VALUE: u8 = 0;
const FAILURE: u8 = 1;

/// Appends the NUL (unless the helper already ended its text with one) and the status byte.
pub fn append_outcome(text: &mut Vec<u8>, outcome: Outcome) {
    if text.last() != Some(&0) {
        text.push(0);
    }
    text.push(match outcome {
        Outcome::Value => VALUE,
        Outcome::Failure => FAILURE,
    });
}

/// Splits a reply at its first NUL into the text and the outcome; no byte after the NUL, or no NUL, means value.
#[must_use]
pub fn split_outcome(reply: &[u8]) -> (&[u8], Outcome) {
    let Some(end) = reply.iter().position(|byte| *byte == 0) else { return (reply, Outcome::Value) };
    let (text, rest) = reply.split_at(end);
    let outcome = if rest.get(1) == Some(&FAILURE) { Outcome::Failure } else { Outcome::Value };
    (text, outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &[u8], outcome: Outcome) {
        let mut bytes = text.to_vec();
        append_outcome(&mut bytes, outcome);
        assert_eq!(split_outcome(&bytes), (text.strip_suffix(b"\0").unwrap_or(text), outcome));
    }

    #[test]
    fn survives_the_trip_with_and_without_the_helpers_nul() {
        for outcome in [Outcome::Value, Outcome::Failure] {
            check(b"", outcome);
            check(b"\"poweredOn\"", outcome);
            check(b"\"poweredOn\"\0", outcome);
        }
    }

    #[test]
    fn replies_of_the_original_are_values() {
        assert_eq!(split_outcome(b"5"), (&b"5"[..], Outcome::Value));
        assert_eq!(split_outcome(b"5\0"), (&b"5"[..], Outcome::Value));
    }
}
