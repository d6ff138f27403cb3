//! Texts from outside, as they are shown.

use std::borrow::Cow;

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
