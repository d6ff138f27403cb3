//! Which machines are shown: patterns of their names and folders.

use std::str::FromStr;

/// A choice by patterns. An empty one lets everything through.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Filter {
    /// Patterns of names.
    pub names: Patterns,
    /// Patterns of folders, from the datacenter down, joined by `/`. A folder counts with everything below it.
    pub folders: Patterns,
}

/// Patterns with `*` for any text, separated by commas. Those with `!` before them exclude.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Patterns {
    wanted: Vec<String>,
    unwanted: Vec<String>,
}

/// A text that is no list of patterns.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("has a pattern without text")]
pub struct FilterError;

impl FromStr for Patterns {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        let mut patterns = Self::default();
        for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            let (list, pattern) = match word.strip_prefix('!') {
                Some(pattern) => (&mut patterns.unwanted, pattern.trim()),
                None => (&mut patterns.wanted, word),
            };
            if pattern.is_empty() {
                return Err(FilterError);
            }
            list.push(pattern.to_owned());
        }
        Ok(patterns)
    }
}

impl Filter {
    /// Whether it lets everything through.
    #[must_use]
    pub fn is_open(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a machine of this name in this folder is shown.
    #[must_use]
    pub fn lets_through(&self, name: &str, folder: &str) -> bool {
        let is_within = |pattern: &str| {
            let ends = folder.char_indices().filter(|(_, character)| *character == '/').map(|(at, _)| at);
            ends.chain([folder.len()]).any(|end| folder.get(..end).is_some_and(|folder| fits(pattern, folder)))
        };
        self.names.choose(|pattern| fits(pattern, name)) && self.folders.choose(is_within)
    }
}

impl Patterns {
    fn choose(&self, fits: impl Fn(&str) -> bool) -> bool {
        let is_wanted = self.wanted.is_empty() || self.wanted.iter().any(|pattern| fits(pattern));
        is_wanted && !self.unwanted.iter().any(|pattern| fits(pattern))
    }
}

/// Whether a text is as the pattern says. Takes time in proportion to both lengths.
fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some((_, behind)) = rest.split_once(part) else { return false };
        rest = behind;
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_choose_names_and_folders() {
        for (pattern, text, wanted) in [
            ("web", "web", true),
            ("web", "web1", false),
            ("web*", "web1", true),
            ("*db*1", "my-db-11", true),
            ("a*a", "a", false),
            ("*", "", true),
            ("a**b", "ab", true),
        ] {
            assert_eq!(fits(pattern, text), wanted, "{pattern} {text}");
        }
        let filter = Filter { names: "web*, db*, !*-test".parse().unwrap(), folders: "Prod".parse().unwrap() };
        assert!(filter.lets_through("web1", "Prod/Shop") && !filter.lets_through("web1", "Production"));
        assert!(!filter.lets_through("web-test", "Prod") && !filter.lets_through("x", "Prod"));
        assert!(Filter::default().is_open() && !filter.is_open());
        assert_eq!("!".parse::<Patterns>(), Err(FilterError));
    }
}
