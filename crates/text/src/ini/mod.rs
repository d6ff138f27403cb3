//! `vpoller.conf` syntax: what Python's ConfigParser accepts, by the rules of Python 2.7 where versions differ.
//!
//! Sections are case-sensitive, keys are not; `=` or `:` separates; `#`, `;` and `rem` start comment lines and ` ;` an inline
//! comment; indented lines continue a value; `%(name)s` stands for another value, other percent signs, backslashes and quotes for
//! themselves. `[DEFAULT]` holds for every section that lacks the key. A repeated key: the last one wins.

mod interpolation;
mod lines;

use std::io;
use std::path::{Path, PathBuf};

pub use interpolation::{Interpolation, escape, has_names, interpolate};
use lines::Lines;

/// The section whose entries hold for all others.
pub const DEFAULT_SECTION: &str = "DEFAULT";

/// The entries of one file, in file order.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Ini {
    entries: Vec<Entry>,
    sections: Vec<Section>,
}

/// One `key = value`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// Section name as written; empty before the first section.
    pub section: String,
    /// Key in lower case.
    pub key: String,
    /// Value as written, blanks around it and an inline comment removed; its lines are joined by a blank.
    pub value: String,
    /// Line of the key, from 1.
    pub line: usize,
}

/// One `[section]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Section {
    /// Its name as written, without blanks around it.
    pub name: String,
    /// Line of its first header, from 1.
    pub line: usize,
}

/// Why a file gives no configuration.
#[derive(Debug, thiserror::Error)]
pub enum IniError {
    /// The file cannot be read.
    #[error("cannot read configuration file {}: {source}{}", path.display(), advice(source.kind()))]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file does not follow the syntax.
    #[error("configuration file {}: line {line}: {reason}; write \"key = value\" below a \"[section]\"", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
}

impl Ini {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, is not UTF-8 or does not follow the syntax.
    pub fn load(path: &Path) -> Result<Self, IniError> {
        let text = std::fs::read_to_string(path).map_err(|source| IniError::Read { path: path.to_owned(), source })?;
        Self::parse(&text, path)
    }

    /// Reads a text; `path` only names it in errors.
    ///
    /// # Errors
    /// When the text does not follow the syntax.
    pub fn parse(text: &str, path: &Path) -> Result<Self, IniError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut lines = Lines::default();
        // Lines end as in Python 3: a file of an old Mac must not be one long line, whose settings count for nothing without a word.
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        for (line, number) in text.lines().zip(1..) {
            let fault = |reason: &str| IniError::Syntax { path: path.to_owned(), line: number, reason: reason.to_owned() };
            lines.take(line, number).map_err(fault)?;
        }
        Ok(Self { entries: lines.entries, sections: lines.sections })
    }

    /// The value of a key as written, the last one when it is repeated; `key` in lower case.
    #[must_use]
    pub fn get(&self, section: &str, key: &str) -> Option<&str> {
        self.entry(section, key).map(|entry| entry.value.as_str())
    }

    /// As [`Ini::get`], with the place. Neither looks into [`DEFAULT_SECTION`].
    #[must_use]
    pub fn entry(&self, section: &str, key: &str) -> Option<&Entry> {
        self.entries.iter().rev().find(|entry| entry.section == section && entry.key == key)
    }

    /// Every section once, in file order, those without entries too.
    pub fn sections(&self) -> impl Iterator<Item = &Section> {
        self.sections.iter()
    }

    /// All entries in file order.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }
}

fn advice(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::PermissionDenied => "; run this as a user who may read it",
        io::ErrorKind::InvalidData => "; it must be a text in UTF-8",
        _ => "",
    }
}

/// Whether ConfigParser takes the word for true or false; `None` for other words.
#[must_use]
pub fn boolean(word: &str) -> Option<bool> {
    match word.trim().to_ascii_lowercase().as_str() {
        "1" | "yes" | "true" | "on" => Some(true),
        "0" | "no" | "false" | "off" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Ini {
        Ini::parse(text, Path::new("test.conf")).unwrap()
    }

    #[test]
    fn reads_what_configparser_reads() {
        let ini = parse(
            "# comment\n[proxy]\nFrontend = tcp://*:10123\nbackend: tcp://*:10124 ; inline\n; other\n[worker]\ndb=C:\\a\\t\"q\" 100%\nhelpers = a,\n  b\n",
        );
        assert_eq!(ini.get("proxy", "frontend"), Some("tcp://*:10123"));
        assert_eq!(ini.get("proxy", "backend"), Some("tcp://*:10124"));
        assert_eq!(ini.get("worker", "db"), Some("C:\\a\\t\"q\" 100%"));
        assert_eq!(ini.get("worker", "helpers").map(|v| v.replace(char::is_whitespace, "")), Some("a,b".to_owned()));
        assert_eq!(ini.get("Proxy", "frontend"), None);
    }

    #[test]
    fn comments_and_indented_sections_are_no_values() {
        let ini = parse("[proxy] ; note\n  frontend = a\n  # comment\n  backend = b\n\n[worker]\ndb = x\n  ; our hosts\n  y\n");
        assert_eq!(ini.get("proxy", "frontend"), Some("a"));
        assert_eq!(ini.get("proxy", "backend"), Some("b"));
        assert_eq!(ini.get("worker", "db"), Some("x y"));
        assert_eq!(ini.entries().map(|entry| entry.line).collect::<Vec<_>>(), [2, 4, 7]);
    }

    #[test]
    fn a_backslash_at_the_end_of_a_value_joins_nothing() {
        let ini = parse("[worker]\ndb = /srv/dir\\\nproxy = p\\\n  q\\\n[Default]\npassword = abc\\\n\nusername = root\\");
        assert_eq!(ini.get("worker", "db"), Some("/srv/dir\\"));
        assert_eq!(ini.get("worker", "proxy"), Some("p\\ q\\"));
        assert_eq!(ini.get("Default", "password"), Some("abc\\"));
        assert_eq!(ini.get("Default", "username"), Some("root\\"));
        assert_eq!(ini.entries().map(|entry| entry.line).collect::<Vec<_>>(), [2, 3, 6, 8]);
    }

    #[test]
    fn lines_end_in_every_way() {
        for end in ["\n", "\r\n", "\r"] {
            let ini = parse(&["[worker]", "db = /srv/a", "  b", "# c", "mgmt = m", "[cache]", "ttl = 5"].join(end));
            assert_eq!(ini.get("worker", "db"), Some("/srv/a b"), "{end:?}");
            assert_eq!((ini.get("worker", "mgmt"), ini.get("cache", "ttl")), (Some("m"), Some("5")), "{end:?}");
            assert_eq!(ini.entries().map(|entry| entry.line).collect::<Vec<_>>(), [2, 5, 7], "{end:?}");
        }
    }

    #[test]
    fn the_last_of_repeated_keys_wins_and_lines_are_known() {
        let ini = parse("[a]\nx = 1\nX = 2\n");
        assert_eq!(ini.get("a", "x"), Some("2"));
        assert_eq!(ini.entries().map(|entry| entry.line).collect::<Vec<_>>(), [2, 3]);
    }

    #[test]
    fn sections_without_entries_are_known_with_their_lines() {
        let ini = parse("[a]\nx = 1\n# [b]\n[b] ; note\n[a]\ny = 2\n[c]");
        let sections: Vec<_> = ini.sections().map(|section| (section.name.as_str(), section.line)).collect();
        assert_eq!(sections, [("a", 1), ("b", 4), ("c", 7)]);
    }

    #[test]
    fn errors_name_file_and_place() {
        for (text, place) in [
            ("[a]\nno separator\n", "line 2: there is neither = nor : in it; write "),
            ("[a]\nx = 1\n\n[b\ny = 2\n", "line 4: the name of the section has no ] behind it; write "),
            ("[a]\n= 1\n", "line 2: there is no key in it; write "),
            ("[a]\n[]\nx = 1\n", "line 2: the section has no name; write "),
        ] {
            let error = Ini::parse(text, Path::new("/etc/x.conf")).unwrap_err().to_string();
            assert!(error.contains("/etc/x.conf: ") && error.contains(place), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(?s).{0,200}") {
            let _ = Ini::parse(&text, Path::new("x"));
        }
    }
}
