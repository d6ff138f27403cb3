//! `vpoller.conf` syntax: what Python's ConfigParser accepts, read with rust-ini.
//!
//! Sections are case-sensitive, keys are not; `=` or `:` separates; `#` and `;` start comment lines and ` ;` an inline
//! comment; indented lines continue a value; backslashes, quotes and percent signs are ordinary characters. A repeated key:
//! the last one wins.

use std::io;
use std::path::{Path, PathBuf};

use ini::{Ini as RustIni, ParseOption};

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
    /// Value, blanks around it and an inline comment removed.
    pub value: String,
    /// Line of the key, from 1; 0 when it is not known.
    pub line: usize,
}

/// One `[section]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Section {
    /// Its name as written; empty for what stands before the first section.
    pub name: String,
    /// Line of its first header, from 1; 0 when it has none.
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
        let text = &logical_lines(text.strip_prefix('\u{feff}').unwrap_or(text));
        let options = ParseOption {
            enabled_quote: false,
            enabled_escape: false,
            enabled_indented_mutiline_value: false,
            enabled_preserve_key_leading_whitespace: false,
        };
        let fault = |line, reason| IniError::Syntax { path: path.to_owned(), line, reason };
        if let Some((line, reason)) = misshapen(text) {
            return Err(fault(line, reason.to_owned()));
        }
        let parsed = RustIni::load_from_str_opt(text, options).map_err(|error| fault(error.line + 1, error.msg.into_owned()))?;
        let mut entries: Vec<Entry> = Vec::new();
        let mut sections = Vec::new();
        for (section, properties) in &parsed {
            let section = section.unwrap_or_default();
            sections.push(Section { name: section.to_owned(), line: line_of_header(text, section) });
            for (key, value) in properties.iter() {
                let key = key.trim().to_lowercase();
                let earlier = entries.iter().filter(|entry| entry.section == section && entry.key == key).count();
                let line = line_of(text, section, &key, earlier);
                entries.push(Entry { section: section.to_owned(), key, value: value.trim().to_owned(), line });
            }
        }
        Ok(Self { entries, sections })
    }

    /// The value of a key, the last one when it is repeated; `key` in lower case.
    #[must_use]
    pub fn get(&self, section: &str, key: &str) -> Option<&str> {
        self.entry(section, key).map(|entry| entry.value.as_str())
    }

    /// As [`Ini::get`], with the place.
    #[must_use]
    pub fn entry(&self, section: &str, key: &str) -> Option<&Entry> {
        self.entries.iter().rev().find(|entry| entry.section == section && entry.key == key)
    }

    /// Every section in file order, those without entries too.
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

/// One line per entry, comments gone, line numbers kept. rust-ini continues a value at any indented line, comments and whole
/// sections included; here, as in ConfigParser, a line continues a value when it is indented deeper than its key.
fn logical_lines(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    // Where the entry that may be continued stands, and how deep.
    let mut open: Option<(usize, usize)> = None;
    for line in text.lines() {
        let content = without_comment(line);
        let depth = line.len() - line.trim_start().len();
        let (kept, continued) = match open {
            _ if content.is_empty() || content.starts_with(['#', ';']) => ("", false),
            Some((_, base)) if depth > base => (content, true),
            _ => (content, false),
        };
        if let (true, Some((entry, _))) = (continued, open)
            && let Some(entry) = lines.get_mut(entry)
        {
            entry.push(' ');
            entry.push_str(kept);
            lines.push(String::new());
            continue;
        }
        if let Some(end) = kept.strip_prefix('[').and_then(|rest| rest.find(']')) {
            open = None;
            lines.push(kept.get(..end + 2).unwrap_or(kept).to_owned());
            continue;
        }
        if !kept.is_empty() {
            open = Some((lines.len(), depth));
        }
        lines.push(kept.to_owned());
    }
    lines.join("\n") + "\n"
}

/// The first line that is neither a section nor an entry, and why: rust-ini would name another place, in words about itself.
fn misshapen(text: &str) -> Option<(usize, &'static str)> {
    text.lines().enumerate().find_map(|(number, line)| {
        let reason = match line.strip_prefix('[') {
            _ if line.is_empty() => return None,
            Some(rest) => (!rest.contains(']')).then_some("the name of the section has no ] behind it"),
            None if line.starts_with(['=', ':']) => Some("there is no key in it"),
            None => (!line.contains(['=', ':'])).then_some("there is neither = nor : in it"),
        };
        reason.map(|reason| (number + 1, reason))
    })
}

fn without_comment(line: &str) -> &str {
    let cut = line.find(" ;").into_iter().chain(line.find("\t;")).min().unwrap_or(line.len());
    line.get(..cut).unwrap_or(line).trim()
}

/// The name in a line that is the header of a section.
fn header(line: &str) -> Option<&str> {
    line.trim().strip_prefix('[').map(|rest| rest.split(']').next().unwrap_or_default().trim())
}

/// The line of a section's first header, from 1; 0 when there is none.
fn line_of_header(text: &str, section: &str) -> usize {
    text.lines().position(|line| header(line) == Some(section)).map_or(0, |index| index + 1)
}

/// rust-ini does not say where an entry stood: find the line of the section that begins with the key, after the given number of earlier ones.
fn line_of(text: &str, section: &str, key: &str, earlier: usize) -> usize {
    let (mut current, mut left) = ("", earlier);
    for (number, line) in text.lines().enumerate() {
        if let Some(name) = header(line) {
            current = name;
        } else if current == section && line.split_once(['=', ':']).is_some_and(|(name, _)| name.trim().to_lowercase() == key) {
            if left == 0 {
                return number + 1;
            }
            left -= 1;
        }
    }
    0
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
    fn the_last_of_repeated_keys_wins_and_lines_are_known() {
        let ini = parse("[a]\nx = 1\nX = 2\n");
        assert_eq!(ini.get("a", "x"), Some("2"));
        assert_eq!(ini.entries().map(|entry| entry.line).collect::<Vec<_>>(), [2, 3]);
    }

    #[test]
    fn sections_without_entries_are_known_with_their_lines() {
        let ini = parse("[a]\nx = 1\n# [b]\n[b] ; note\n[a]\ny = 2\n[c]");
        let sections: Vec<_> = ini.sections().map(|section| (section.name.as_str(), section.line)).collect();
        assert_eq!(sections, [("", 0), ("a", 1), ("b", 4), ("a", 1), ("c", 7)]);
    }

    #[test]
    fn errors_name_file_and_place() {
        for (text, place) in [
            ("[a]\nno separator\n", "line 2: there is neither = nor : in it; write "),
            ("[a]\nx = 1\n\n[b\ny = 2\n", "line 4: the name of the section has no ] behind it; write "),
            ("[a]\n= 1\n", "line 2: there is no key in it; write "),
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
