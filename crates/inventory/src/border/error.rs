//! Why vSphere could not be read, as the text that ends up in a reply.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use vpoller_vsphere::{Class, Error};

use super::Refusal;

/// A failed read. `Display` is one line: the cause, with the property and the object where they are known.
///
/// One pointer wide: answers for a hundred thousand series each have room for one.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{}", .0.text)]
pub struct ReadError(Arc<ErrorDetails>);

#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct ErrorDetails {
    text: String,
    class: Option<Class>,
    retry_after: Option<Duration>,
    /// Why a property cannot be read, if that is what is wrong.
    refusal: Option<Refusal>,
}

/// Longer causes are cut: they go into item values and log lines.
const LONGEST: usize = 600;

impl ReadError {
    /// An error with its text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let one_line = text.split(|c: char| c.is_control()).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
        Self(Arc::new(ErrorDetails { text: one_line.chars().take(LONGEST).collect(), ..ErrorDetails::default() }))
    }

    fn with(mut self, change: impl FnOnce(&mut ErrorDetails)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    /// The error of a call about `subject`, such as `vim.VirtualMachine:vm-12`.
    #[must_use]
    pub fn of(subject: &str, error: &Error) -> Self {
        let read = match error.fault() {
            Some(fault) => match (fault.kind.as_str(), fault.property()) {
                ("InvalidProperty", Some(path)) => return Self::invalid_properties(&[path], subject),
                _ => Self::new(&fault.to_string()),
            },
            None => Self::new(&chain(error)),
        };
        let refusal = error.fault().filter(|fault| fault.class() == Class::Permission).and_then(Refusal::of);
        read.with(|details| {
            (details.class, details.retry_after, details.refusal) = (Some(error.class()), error.next_try(), refusal)
        })
    }

    /// The error of a read of paths that `subject`, an object or a type, does not have.
    #[must_use]
    pub fn invalid_properties(paths: &[&str], subject: &str) -> Self {
        let are = if paths.len() == 1 { "is no property" } else { "are no properties" };
        let text = format!("InvalidProperty: {} {are} of {subject}", paths.join(", "));
        Self::refused(&text, Refusal::invalid()).with(|details| details.class = Some(Class::Argument))
    }

    /// The error of a read that vSphere refuses.
    #[must_use]
    pub fn refused(text: &str, refusal: Refusal) -> Self {
        Self::new(text).with(|details| details.refusal = Some(refusal))
    }

    /// Why vSphere does not tell what was asked for, when that is what is wrong.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        self.0.refusal.as_ref()
    }

    /// The same error with a remark at its end.
    #[must_use]
    pub fn remarked(self, remark: &str) -> Self {
        let text = Self::new(&format!("{self}; {remark}")).to_string();
        self.with(|details| details.text = text)
    }

    /// What kind of reaction the error asks for, where vSphere said.
    #[must_use]
    pub fn class(&self) -> Option<Class> {
        self.0.class
    }

    /// Time until the next attempt, when none was made because earlier ones failed.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }
}

/// The error and its causes, each once.
fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let part = error.to_string();
        if !text.ends_with(&part) {
            text = format!("{text}: {part}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_one_bounded_line() {
        let error = ReadError::new(&format!("first\r\n\tsecond {}", "x".repeat(2000)));
        assert!(error.to_string().starts_with("first second xxx"));
        assert_eq!(error.to_string().len(), LONGEST);
    }
}
