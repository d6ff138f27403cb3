//! What is found out once, while Zabbix loads the module, and inherited by every process that it forks.

use std::env;
use std::ffi::c_int;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use once_cell::sync::OnceCell;

use crate::abi::API_VERSION_1;
use crate::budget::{TimeLimits, ZabbixProgram};
use crate::call::ItemCall;
use crate::config::{Config, Settings};
use crate::generation::{Generation, LayoutOverride, Unknown};
use crate::log::{self, Level};

/// Environment variable with the layout of Zabbix; goes before the configuration file and before detection.
const LAYOUT_VARIABLE: &str = "VPOLLER_ZABBIX_ABI";

/// The Zabbix that loaded the module, and the module's configuration.
pub(crate) struct ModuleState {
    generation: Result<Generation, Unknown>,
    program: ZabbixProgram,
    config: Config,
    /// Why [`LAYOUT_VARIABLE`] is ignored.
    complaint: Option<String>,
}

static MODULE_STATE: OnceCell<ModuleState> = OnceCell::new();
static ITEM_TIMEOUT: AtomicU32 = AtomicU32::new(0);

/// The state of this daemon, made by the first call.
pub(crate) fn get() -> &'static ModuleState {
    MODULE_STATE.get_or_init(ModuleState::find)
}

/// Stores the daemon's `Timeout`.
pub(crate) fn set_item_timeout(seconds: c_int) {
    ITEM_TIMEOUT.store(u32::try_from(seconds).unwrap_or(0), Ordering::Relaxed);
}

impl ModuleState {
    fn find() -> Self {
        let config = Config::load();
        let (wanted, complaint) = match env::var(LAYOUT_VARIABLE).unwrap_or_default().as_str() {
            "" => (config.layout, None),
            word => match word.parse() {
                Ok(wanted) => (wanted, None),
                Err(reason) => (config.layout, Some(format!("the environment variable {LAYOUT_VARIABLE} is ignored: {reason}"))),
            },
        };
        let LayoutOverride(forced) = wanted;
        let program = env::current_exe().ok().and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
        Self {
            generation: forced.map_or_else(Generation::detect, Ok),
            program: ZabbixProgram::of_file_name(&program.unwrap_or_default()),
            config,
            complaint,
        }
    }

    /// The generation of Zabbix, if it is known.
    pub(crate) fn generation(&self) -> Option<Generation> {
        self.generation.ok()
    }

    /// The number of Zabbix's module interface. A Zabbix of unknown layout is older than 3.2.
    pub(crate) fn api_version(&self) -> c_int {
        self.generation.map_or(API_VERSION_1, Generation::api_version)
    }

    /// Logs what was found. Returns whether Zabbix may go on with the module.
    pub(crate) fn announce(&self) -> bool {
        log::write(Level::Information, &format!("vPoller module version {}", env!("CARGO_PKG_VERSION")));
        let path = self.config.path.display();
        log::write(Level::Information, &format!("Loading vPoller module configuration file {path}"));
        if let Some(complaint) = &self.complaint {
            log::write(Level::Error, complaint);
        }
        for error in &self.config.errors {
            log::write(Level::Error, &format!("{error}; no vPoller item will work until this is corrected and Zabbix restarted"));
        }
        self.log_settings();
        if self.generation == Err(Unknown) {
            let text = "the vPoller module cannot tell which release of Zabbix loads it: set vPollerHostLayout to 2.2 or 3.0";
            log::write(Level::Error, &format!("{text} in {path}, or {LAYOUT_VARIABLE} in the environment of the daemon"));
        }
        self.generation.is_ok()
    }

    fn log_settings(&self) {
        let Settings { timeout, retries, proxies, errors } = &self.config.settings;
        log::debug(|| format!("vPoller host layout: {:?}, program: {:?}", self.generation, self.program));
        log::debug(|| match timeout {
            Some(timeout) => format!("vPoller Timeout: {} (ms)", timeout.as_millis()),
            None => "vPoller Timeout: not set".to_owned(),
        });
        log::debug(|| format!("vPoller Retries: {retries}"));
        log::debug(|| format!("vPoller Proxy: {}", proxies.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")));
        log::debug(|| format!("vPoller Errors: {errors:?}"));
    }

    /// # Errors
    /// The first error of the configuration file.
    pub(crate) fn settings(&self) -> Result<&Settings, String> {
        self.config.errors.first().map_or(Ok(&self.config.settings), |error| Err(error.to_string()))
    }

    /// How long an item may take.
    pub(crate) fn time_for(&self, call: &ItemCall) -> Duration {
        let seconds = ITEM_TIMEOUT.load(Ordering::Relaxed);
        let limits = TimeLimits {
            generation: self.generation.unwrap_or(Generation::Zabbix32),
            program: self.program,
            configured: self.config.settings.timeout,
            daemon: (seconds > 0).then(|| Duration::from_secs(seconds.into())),
            item: call.timeout,
        };
        limits.total()
    }
}
