//! The text forms of JSON that vPoller's users see.
//!
//! The original emitted `", "` and `": "` as separators and, depending on the place, unescaped UTF-8, ASCII escapes or
//! indentation. One formatter covers all of them, so that no caller builds JSON text by hand.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CharEscape, Formatter, Serializer};

/// How a value is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Style {
    /// One line, separators `", "` and `": "`, UTF-8 unescaped: the wire form.
    Line,
    /// As [`Style::Line`], but every character outside ASCII as `\uXXXX`: what the C clients get.
    Ascii,
    /// One member a line, indented by this many blanks a level, UTF-8 unescaped: for people.
    Indented(usize),
}

/// Writes `value` as JSON text.
///
/// # Errors
/// Only when `value`'s own `Serialize` refuses (a map with keys that are not strings, for instance).
pub fn to_vec<T: Serialize + ?Sized>(value: &T, style: Style) -> Result<Vec<u8>, serde_json::Error> {
    to_vec_of(value, style, 256)
}

/// As [`to_vec`], with room for this many bytes from the start. Without it, the buffer of a text of tens of megabytes grows by being
/// copied, and memory holds both copies meanwhile.
///
/// # Errors
/// As [`to_vec`].
pub fn to_vec_of<T: Serialize + ?Sized>(value: &T, style: Style, bytes: usize) -> Result<Vec<u8>, serde_json::Error> {
    let mut out = Vec::with_capacity(bytes);
    value.serialize(&mut Serializer::with_formatter(&mut out, Text { style, depth: 0, has_value: false }))?;
    Ok(out)
}

/// Writes `value` as JSON text into a string; see [`to_vec`].
///
/// # Errors
/// As [`to_vec`].
pub fn to_string<T: Serialize + ?Sized>(value: &T, style: Style) -> Result<String, serde_json::Error> {
    let bytes = to_vec(value, style)?;
    // The serializer writes UTF-8 only; the lossy form costs nothing then and cannot fail.
    Ok(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

/// The bytes of a plain JSON value in wire form; a [`serde_json::Value`] cannot fail to serialize.
#[must_use]
pub fn line(value: &serde_json::Value) -> Vec<u8> {
    to_vec(value, Style::Line).unwrap_or_default()
}

/// A value as a helper prints it where one value is asked for: a text without quotes, nothing for `null`, all else as [`line()`].
#[must_use]
pub fn bare(value: &serde_json::Value) -> Vec<u8> {
    match value {
        serde_json::Value::Null => Vec::new(),
        serde_json::Value::String(text) => text.clone().into_bytes(),
        other => line(other),
    }
}

struct Text {
    style: Style,
    depth: usize,
    has_value: bool,
}

impl Text {
    fn separate<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        match self.style {
            Style::Indented(width) => {
                writer.write_all(if first { b"\n" } else { b",\n" })?;
                self.indent(writer, width)
            }
            _ if first => Ok(()),
            _ => writer.write_all(b", "),
        }
    }

    fn indent<W: ?Sized + Write>(&self, writer: &mut W, width: usize) -> io::Result<()> {
        (0..self.depth * width).try_for_each(|_| writer.write_all(b" "))
    }

    fn open<W: ?Sized + Write>(&mut self, writer: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth += 1;
        self.has_value = false;
        writer.write_all(bracket)
    }

    fn close<W: ?Sized + Write>(&mut self, writer: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth = self.depth.saturating_sub(1);
        if let (Style::Indented(width), true) = (self.style, self.has_value) {
            writer.write_all(b"\n")?;
            self.indent(writer, width)?;
        }
        self.has_value = true;
        writer.write_all(bracket)
    }
}

impl Formatter for Text {
    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open(writer, b"[")
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer, b"]")
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.separate(writer, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, _writer: &mut W) -> io::Result<()> {
        self.has_value = true;
        Ok(())
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open(writer, b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer, b"}")
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.separate(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, _writer: &mut W) -> io::Result<()> {
        self.has_value = true;
        Ok(())
    }

    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        if self.style != Style::Ascii || fragment.is_ascii() {
            return writer.write_all(fragment.as_bytes());
        }
        let mut units = [0; 2];
        for character in fragment.chars() {
            if character.is_ascii() {
                writer.write_all(&[character as u8])?;
            } else {
                for unit in character.encode_utf16(&mut units) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }

    fn write_char_escape<W: ?Sized + Write>(&mut self, writer: &mut W, escape: CharEscape) -> io::Result<()> {
        match escape {
            // Python, whose texts users compare with, escapes DEL and the controls like this too.
            CharEscape::AsciiControl(byte) => write!(writer, "\\u{byte:04x}"),
            CharEscape::Quote => writer.write_all(b"\\\""),
            CharEscape::ReverseSolidus => writer.write_all(b"\\\\"),
            CharEscape::Solidus => writer.write_all(b"/"),
            CharEscape::Backspace => writer.write_all(b"\\b"),
            CharEscape::FormFeed => writer.write_all(b"\\f"),
            CharEscape::LineFeed => writer.write_all(b"\\n"),
            CharEscape::CarriageReturn => writer.write_all(b"\\r"),
            CharEscape::Tab => writer.write_all(b"\\t"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn check(value: &Value, style: Style, expected: &str) {
        assert_eq!(to_string(value, style).unwrap(), expected);
    }

    #[test]
    fn separators_are_those_of_the_original() {
        check(&json!({"a": [1, 2.5, "x"], "b": {}}), Style::Line, r#"{"a": [1, 2.5, "x"], "b": {}}"#);
    }

    #[test]
    fn ascii_style_escapes_with_surrogates() {
        check(&json!("Größe 🚀"), Style::Ascii, r#""Gr\u00f6\u00dfe \ud83d\ude80""#);
        check(&json!("Größe"), Style::Line, "\"Größe\"");
    }

    #[test]
    fn indentation_leaves_empty_containers_on_one_line() {
        check(&json!({"a": [], "b": [1]}), Style::Indented(4), "{\n    \"a\": [],\n    \"b\": [\n        1\n    ]\n}");
    }

    #[test]
    fn one_value_alone_has_no_quotes() {
        for (value, expected) in
            [(json!("a \"b\""), "a \"b\""), (json!(null), ""), (json!([1, "x"]), r#"[1, "x"]"#), (json!(2.0), "2.0")]
        {
            assert_eq!(bare(&value), expected.as_bytes(), "{value}");
        }
    }

    #[test]
    fn floats_keep_their_shortest_form() {
        check(&json!([3.0, 12.5]), Style::Line, "[3.0, 12.5]");
    }

    proptest! {
        #[test]
        fn every_style_reads_back(text in ".*", number in any::<i64>(), style in 0..3usize) {
            let value = json!({ text.clone(): [text, number, null] });
            let style = [Style::Line, Style::Ascii, Style::Indented(2)][style];
            let written = to_vec(&value, style).unwrap();
            prop_assert_eq!(serde_json::from_slice::<Value>(&written).unwrap(), value);
            if style == Style::Ascii {
                prop_assert!(written.is_ascii());
            }
        }
    }
}
