//! Where a daemon shows its metrics and status, from the configuration, and why it cannot.

use std::io;

use crate::config::{ConfigError, Settings};
use crate::doors::{DoorFiles, Doors, DoorsError, SchemeError};
use crate::listen::{Listen, ListenError};

/// Where the pages are served, and what guards them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pages {
    /// Where; `None` when they are switched off.
    pub listen: Option<Listen>,
    /// Whether the configuration names it: then it must work.
    pub given: bool,
    /// The files that say who may ask.
    pub doors: DoorFiles,
}

impl Pages {
    /// No pages.
    pub const OFF: Self = Self { listen: None, given: true, doors: DoorFiles::NONE };

    /// Pages at an address that everybody on the machine may read.
    #[must_use]
    pub const fn at(listen: Listen) -> Self {
        Self { listen: Some(listen), given: true, doors: DoorFiles::NONE }
    }

    /// Reads the keys of a section: `http`, which is an address or `off`, `http_config` and `http_tokens`.
    ///
    /// # Errors
    /// When a value is none.
    pub fn read(settings: &Settings, section: &str, default: &str) -> Result<Self, ConfigError> {
        let given = settings.has(section, KEY);
        let parse = |text: &str| match text {
            _ if text.eq_ignore_ascii_case("off") => Ok(None),
            _ => {
                text.parse().map(Some).map_err(|error: ListenError| format!("is neither \"off\" nor a place to listen: {error}"))
            }
        };
        let listen = settings.value(section, KEY, default, parse)?;
        Ok(Self { listen, given, doors: DoorFiles::read(settings, section)? })
    }

    /// Reads the files of the doors, as a start does; what of them is worth a warning.
    ///
    /// # Errors
    /// When they make no sense, or say another thing about TLS than the address.
    pub fn check(&self) -> Result<Vec<String>, PagesError> {
        self.listen.as_ref().map_or_else(|| Ok(Vec::new()), |listen| Doors::examine(&self.doors, listen))
    }
}

/// The key in the sections of both daemons.
const KEY: &str = "http";

/// Why there are no pages.
#[derive(Debug, thiserror::Error)]
pub enum PagesError {
    /// The place cannot be had.
    #[error("cannot serve metrics and status at {listen}: {source}; [{section}] http names another place, or \"off\"")]
    Place {
        listen: Listen,
        /// The section of the configuration.
        section: &'static str,
        source: io::Error,
    },
    /// The files that say who may ask make no sense.
    #[error(transparent)]
    Doors(#[from] DoorsError),
    /// The address says another thing about TLS than those files.
    #[error(transparent)]
    Scheme(#[from] SchemeError),
}

impl PagesError {
    /// The error, unless the pages only have no place that the configuration named: that is worth a warning.
    ///
    /// # Errors
    /// With itself.
    pub fn unless_built_in(self, pages: &Pages) -> Result<(), Self> {
        match self {
            Self::Place { .. } if !pages.given => {
                tracing::warn!("{self}");
                Ok(())
            }
            _ => Err(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Program;
    use std::path::Path;

    #[test]
    fn the_setting_is_an_address_or_off() {
        let read = |text: &str| {
            let settings = Settings::parse(text, Path::new("v.conf"), Program::Worker).unwrap();
            Pages::read(&settings, "worker", "tcp://127.0.0.1:10126").map_err(|error| error.to_string())
        };
        let at = |text: &str, given| Pages { given, ..Pages::at(text.parse().unwrap()) };
        assert_eq!(read(""), Ok(at("tcp://127.0.0.1:10126", false)));
        for place in ["tcp://*:9100", "127.0.0.1:10126", ":10126", "[::1]:10126", "http://127.0.0.1:10126", "https://x:1"] {
            assert_eq!(read(&format!("[worker]\nhttp = {place}\n")), Ok(at(place, true)));
        }
        assert_eq!(read("[worker]\nhttp = Off\n"), Ok(Pages::OFF));
        for wrong in ["9100", "tcp://x", "ipc:///x", "http://x:1/status"] {
            let error = read(&format!("[worker]\nhttp = {wrong}\n")).unwrap_err();
            assert!(error.contains("line 2: [worker] http"), "{error}");
        }
        let guarded = read("[worker]\nhttp_config = /etc/w.yml\nhttp_tokens = /etc/w.tokens\n").unwrap();
        assert_eq!(guarded.doors, DoorFiles { config: Some("/etc/w.yml".into()), tokens: Some("/etc/w.tokens".into()) });
        let open = read("[worker]\nhttp_config = off\nhttp_tokens =\n").unwrap();
        assert_eq!(open.doors, DoorFiles::NONE);
    }
}
