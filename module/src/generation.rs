//! Which Zabbix is it? Its releases differ in one field of the result and in whether a request has a timeout, and neither the
//! module interface's number nor any variable shows which it is. The loader's own functions do: the code that calls us is the
//! code that defines them.

use std::ffi::c_int;
use std::str::FromStr;

use crate::abi::{API_VERSION_1, API_VERSION_2};
use crate::symbols;

/// Releases of Zabbix that are alike to a module, named after the first of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Generation {
    /// 2.2 and 2.4.
    Zabbix22,
    /// 3.0.
    Zabbix30,
    /// 3.2 to 6.4.
    Zabbix32,
    /// 7.0 and later.
    Zabbix70,
}

/// The words for [`Generation`] in the configuration, beside `auto`.
const WORDS: [(&str, Generation); 4] =
    [("2.2", Generation::Zabbix22), ("3.0", Generation::Zabbix30), ("3.2", Generation::Zabbix32), ("7.0", Generation::Zabbix70)];

/// Zabbix has the interface of 3.0 and before, but nothing shows which layout it uses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Unknown;

impl Generation {
    /// The number to answer when this generation asks which interface the module has.
    pub(crate) fn api_version(self) -> c_int {
        match self {
            Self::Zabbix22 | Self::Zabbix30 => API_VERSION_1,
            Self::Zabbix32 | Self::Zabbix70 => API_VERSION_2,
        }
    }

    /// Detects which generation loaded the module.
    ///
    /// # Errors
    /// When a wrong guess could write past the end of Zabbix's structures.
    pub(crate) fn detect() -> Result<Self, Unknown> {
        LoaderSymbols::look().decide()
    }
}

/// A value of `vPollerHostLayout`: a generation, or `None` for `auto`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct LayoutOverride(pub Option<Generation>);

impl FromStr for LayoutOverride {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        if word == "auto" {
            return Ok(Self(None));
        }
        let known = WORDS.iter().find(|(name, _)| *name == word);
        known
            .map(|(_, generation)| Self(Some(*generation)))
            .ok_or_else(|| format!("{word:?} is none of auto, 2.2, 3.0, 3.2, 7.0"))
    }
}

/// The functions of Zabbix by which the generations differ: whether each exists.
#[derive(Clone, Copy, Debug, Default)]
struct LoaderSymbols {
    /// The module loader since 3.2.
    zbx_load_modules: bool,
    /// The module loader before. The name is not unique enough to be believed of a library.
    load_modules: bool,
    /// Frees the list of log records that only 2.2 and 2.4 have in a result.
    zbx_logs_free: bool,
    /// Frees the single log record of later releases.
    zbx_log_free: bool,
    /// Logging since 7.0.
    zbx_log_handle: bool,
}

impl LoaderSymbols {
    fn look() -> Self {
        let has = |name| symbols::find(name).is_some();
        Self {
            zbx_load_modules: has(c"zbx_load_modules"),
            load_modules: symbols::in_main_program(c"load_modules"),
            zbx_logs_free: has(c"zbx_logs_free"),
            zbx_log_free: has(c"zbx_log_free"),
            zbx_log_handle: has(c"zbx_log_handle"),
        }
    }

    fn decide(self) -> Result<Generation, Unknown> {
        if self.zbx_load_modules {
            return Ok(if self.zbx_log_handle { Generation::Zabbix70 } else { Generation::Zabbix32 });
        }
        if !self.load_modules {
            // A Zabbix that hides its names. One before 3.2 refuses the number 2 before it touches anything; all others have
            // the fields of 3.2 at the same places.
            return Ok(Generation::Zabbix32);
        }
        match (self.zbx_logs_free, self.zbx_log_free) {
            (true, false) => Ok(Generation::Zabbix22),
            (false, true) => Ok(Generation::Zabbix30),
            _ => Err(Unknown),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decides_by_the_loader_and_by_what_is_freed() {
        // The functions present, in the order of the fields.
        let cases = [
            ([false, true, true, false, false], Ok(Generation::Zabbix22)),
            ([false, true, false, true, false], Ok(Generation::Zabbix30)),
            ([false, true, true, true, false], Err(Unknown)),
            ([false, true, false, false, false], Err(Unknown)),
            ([true, false, false, true, false], Ok(Generation::Zabbix32)),
            ([true, true, true, true, false], Ok(Generation::Zabbix32)),
            ([true, false, false, false, true], Ok(Generation::Zabbix70)),
            ([false, false, false, false, false], Ok(Generation::Zabbix32)),
        ];
        for ([zbx_load_modules, load_modules, zbx_logs_free, zbx_log_free, zbx_log_handle], wanted) in cases {
            let markers = LoaderSymbols { zbx_load_modules, load_modules, zbx_logs_free, zbx_log_free, zbx_log_handle };
            assert_eq!(markers.decide(), wanted, "{markers:?}");
        }
    }

    #[test]
    fn reads_the_override() {
        assert_eq!("auto".parse(), Ok(LayoutOverride(None)));
        assert_eq!("3.0".parse(), Ok(LayoutOverride(Some(Generation::Zabbix30))));
        assert_eq!("6.0".parse::<LayoutOverride>(), Err("\"6.0\" is none of auto, 2.2, 3.0, 3.2, 7.0".to_owned()));
    }
}
