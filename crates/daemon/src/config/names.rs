//! Values as the program gets them: from the section or one that stands in for it, with the names in them replaced.

use std::borrow::Cow;

use vpoller_text::ini::{self, DEFAULT_SECTION, Entry, Interpolation};

use super::{ConfigError, MASK, OLD_SECTION, SettingState, Settings, ValueError};

/// The value of a setting that the file has.
pub(super) struct Given<'a> {
    /// Never empty.
    pub(super) value: Cow<'a, str>,
    pub(super) entry: &'a Entry,
}

impl Settings {
    /// What an empty file amounts to, for names that the file does not have.
    #[must_use]
    pub fn with_built_in(self, empty: &Self) -> Self {
        let built_in = |asked: &super::AskedSetting| match &asked.state {
            SettingState::BuiltIn(value) => Some((asked.section.clone(), asked.key.clone(), value.clone())),
            _ => None,
        };
        let built_in = empty.asked.borrow().iter().filter_map(built_in).collect();
        Self { built_in, ..self }
    }

    /// The entry that decides: in the section itself, or, for the program's own one, in that of the old files; in `[DEFAULT]` when
    /// neither has the key. An empty value is none.
    pub(super) fn entry(&self, section: &str, key: &str) -> Option<&Entry> {
        self.written(section, key).filter(|entry| !entry.value.is_empty())
    }

    /// As [`Settings::entry`], empty values too.
    fn written(&self, section: &str, key: &str) -> Option<&Entry> {
        let places = [Some(section), (section == self.program.section()).then_some(OLD_SECTION)];
        let found: Vec<_> = places.into_iter().flatten().filter_map(|place| self.ini.entry(place, key)).collect();
        let full = found.iter().find(|entry| !entry.value.is_empty());
        full.or(found.first()).copied().or_else(|| self.ini.entry(DEFAULT_SECTION, key))
    }

    /// The value that decides, whole.
    pub(super) fn given(&self, section: &str, key: &str, secret: bool) -> Result<Option<Given<'_>>, ConfigError> {
        let Some(entry) = self.entry(section, key) else { return Ok(None) };
        if !ini::has_names(&entry.value) {
            return Ok(Some(Given { value: Cow::Borrowed(&entry.value), entry }));
        }
        let made = ini::interpolate(&entry.value, &mut |name| self.named(section, name));
        let value = made.map_err(|error| {
            ConfigError::Value(Box::new(ValueError {
                path: self.path.clone(),
                line: entry.line,
                section: entry.section.clone(),
                key: key.to_owned(),
                value: if secret { MASK.to_owned() } else { entry.value.clone() },
                reason: reason(&error, section, secret),
            }))
        })?;
        // A value that is made of empty ones is as empty as they are.
        Ok((!value.is_empty()).then_some(Given { value: Cow::Owned(value), entry }))
    }

    /// What a name in a value stands for.
    fn named(&self, section: &str, name: &str) -> Option<String> {
        if let Some(entry) = self.written(section, name) {
            let place = (entry.section.clone(), name.to_owned());
            self.named.borrow_mut().insert(place);
            return Some(entry.value.clone());
        }
        if name == "__name__" {
            return Some(section.to_owned());
        }
        let built_in = || self.built_in.iter().filter(|(_, key, _)| key == name);
        let nearest = built_in().find(|(place, _, _)| place == section).or_else(|| built_in().next());
        nearest.map(|(_, _, value)| value.clone())
    }
}

/// Continues a sentence that quotes the value. Of a secret it says nothing more.
fn reason(error: &Interpolation, section: &str, secret: bool) -> String {
    let escape = "%%( stands for %( itself";
    match error {
        Interpolation::Unknown(_) if secret => {
            format!("names a key by %(…)s that neither [{section}] nor [{DEFAULT_SECTION}] has; {escape}")
        }
        Interpolation::Unknown(name) => {
            format!("names a key {name:?} that neither [{section}] nor [{DEFAULT_SECTION}] has, and none is built in; {escape}")
        }
        Interpolation::Unfinished => {
            format!("holds %( without )s; write %(key)s to insert the value of a key, {escape}")
        }
        Interpolation::TooDeep => "names keys whose values name others, more than ten deep; do they go in a circle?".to_owned(),
    }
}
