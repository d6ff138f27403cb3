//! What belongs to one session: the singletons of the server, its version, and objects of ours that die with it.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::header::HeaderValue;
use tokio::sync::{Mutex, OnceCell};
use tokio::time::Instant;

use crate::call::{Call, CallOptions, CallResult, Caller, Context};
use crate::{Arg, Config, Error, MoRef, Struct, Value, version};

/// No service of the server forgets a session within this time.
const YOUNG: Duration = Duration::from_secs(300);

/// The singletons of a vSphere host and what it says about itself.
#[derive(Clone, Debug)]
pub struct ServiceContent {
    /// `AboutInfo`: product, version, `apiType`, `instanceUuid`.
    pub about: Struct,
    /// Root of the inventory.
    pub root_folder: MoRef,
    /// Reads properties.
    pub property_collector: MoRef,
    /// Makes views.
    pub view_manager: MoRef,
    /// Logs in and out.
    pub session_manager: MoRef,
    /// Performance counters.
    pub perf_manager: Option<MoRef>,
    /// Events.
    pub event_manager: Option<MoRef>,
    /// Alarm definitions; absent on ESXi.
    pub alarm_manager: Option<MoRef>,
    /// Custom attributes; absent on ESXi.
    pub custom_fields_manager: Option<MoRef>,
    /// Advanced settings (`OptionManager`).
    pub setting: Option<MoRef>,
    /// Processes in guests.
    pub guest_operations_manager: Option<MoRef>,
    /// Licences.
    pub license_manager: Option<MoRef>,
    /// The whole data object, for members not named above.
    pub all: Struct,
}

/// An open session.
pub struct Session {
    /// The singletons, as this session may see them.
    pub content: ServiceContent,
    /// API version spoken in this session.
    pub api_version: String,
    /// Counts the sessions of this client from 1; another number means other views, filters and tokens.
    pub generation: u64,
    user_session: Struct,
    cookie: HeaderValue,
    opened: Instant,
    /// The view of everything below the root folder, once it was needed.
    view: Mutex<Option<MoRef>>,
    /// Whether the server refuses this session all pages of an answer but the first.
    refused_pages: AtomicBool,
    /// The method for which this session was opened beside another one, if it was.
    opened_for: OnceLock<String>,
    /// Lists processes in guests; a property of another manager, so it has to be read once.
    pub(crate) process_manager: OnceCell<MoRef>,
}

impl ServiceContent {
    fn read(all: Struct, host: &str) -> Result<Self, Error> {
        let optional = |name: &str| all.get(name).and_then(Value::as_moref).cloned();
        let needed = |name: &str| {
            optional(name).ok_or_else(|| Error::Answer {
                host: host.to_owned(),
                what: "RetrieveServiceContent".to_owned(),
                cause: format!("it names no {name}"),
            })
        };
        Ok(Self {
            about: all
                .get("about")
                .and_then(Value::as_struct)
                .cloned()
                .unwrap_or_else(|| Struct { kind: "AboutInfo".into(), fields: Vec::new() }),
            root_folder: needed("rootFolder")?,
            property_collector: needed("propertyCollector")?,
            view_manager: needed("viewManager")?,
            session_manager: needed("sessionManager")?,
            perf_manager: optional("perfManager"),
            event_manager: optional("eventManager"),
            alarm_manager: optional("alarmManager"),
            custom_fields_manager: optional("customFieldsManager"),
            setting: optional("setting"),
            guest_operations_manager: optional("guestOperationsManager"),
            license_manager: optional("licenseManager"),
            all,
        })
    }
}

impl Session {
    /// Opens a session: version, service content, login. Each step has the deadline of a call.
    pub(crate) async fn open(caller: &Caller, config: &Config, generation: u64) -> Result<Self, Error> {
        let Greeting { api_version, content, cookie } = greet(caller, config).await?;
        let context = Context { version: &api_version, cookie: cookie.as_ref() };
        let login = log_in(caller, config, context, &content.session_manager).await?;
        caller.counters().count_login();
        let cookie = login.cookie.clone().or(cookie).ok_or_else(|| Error::Answer {
            host: config.host.clone(),
            what: "Login".to_owned(),
            cause: "it sets no session cookie".to_owned(),
        })?;
        Ok(Self {
            content,
            generation,
            user_session: single(login),
            cookie,
            opened: Instant::now(),
            view: Mutex::default(),
            refused_pages: AtomicBool::new(false),
            opened_for: OnceLock::new(),
            process_manager: OnceCell::new(),
            api_version,
        })
    }

    /// The server's record of this session (`UserSession`: `userName`, `loginTime`, …), without its key.
    #[must_use]
    pub fn user_session(&self) -> &Struct {
        &self.user_session
    }

    /// How a call of this session goes out.
    pub(crate) fn context(&self) -> Context<'_> {
        Context { version: &self.api_version, cookie: Some(&self.cookie) }
    }

    /// Whether reads have to be answered in one piece.
    pub(crate) fn is_refused_pages(&self) -> bool {
        self.refused_pages.load(Ordering::Relaxed)
    }

    /// Remembers that the server refused a page. Returns whether this is the first time.
    pub(crate) fn refuse_pages(&self) -> bool {
        !self.refused_pages.swap(true, Ordering::Relaxed)
    }

    /// Remembers for which method this session was opened, because it was refused in another one.
    pub(crate) fn opened_for(&self, method: &str) {
        self.opened_for.get_or_init(|| method.to_owned());
    }

    /// Whether this session was opened lately for the method, so that another one is of no use.
    pub(crate) fn was_opened_for(&self, method: &str) -> bool {
        self.opened.elapsed() < YOUNG && self.opened_for.get().is_some_and(|known| known == method)
    }

    pub(crate) fn opened(&self) -> Instant {
        self.opened
    }

    pub(crate) fn view(&self) -> &Mutex<Option<MoRef>> {
        &self.view
    }
}

/// The key of a session is as good as its password, so neither it nor the cookie shows.
impl fmt::Debug for Session {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let about = self.content.about.get("fullName").and_then(Value::as_str);
        out.debug_struct("Session")
            .field("generation", &self.generation)
            .field("about", &about)
            .field("api_version", &self.api_version)
            .finish_non_exhaustive()
    }
}

/// What a server says to those who have not logged in.
struct Greeting {
    api_version: String,
    content: ServiceContent,
    cookie: Option<HeaderValue>,
}

/// Finds the version to speak, and reads the service content in it.
async fn greet(caller: &Caller, config: &Config) -> Result<Greeting, Error> {
    let published = match &config.api_version {
        Some(version) => Ok(version.clone()),
        None => published_version(caller, config).await?,
    };
    let why = match published {
        Ok(version) => return read_content(caller, config, version, None).await,
        Err(why) => why,
    };
    let greeting = unseen_content(caller, config).await?;
    let newest = greeting.content.about.get("apiVersion").and_then(Value::as_str).and_then(version::up_to);
    let version = newest.unwrap_or_else(|| greeting.api_version.clone());
    caller.note_version(&why, &version);
    if version == greeting.api_version {
        return Ok(greeting);
    }
    // A server leaves out of an older version's content what came later.
    read_content(caller, config, version, greeting.cookie).await
}

/// The version that the server's page offers, or why it offers none.
async fn published_version(caller: &Caller, config: &Config) -> Result<Result<String, String>, Error> {
    let limit = version::PAGE_LIMIT.min(config.request_timeout);
    match caller.page(version::PAGE, limit).await {
        Ok(reply) if reply.status == 200 => {
            let chosen = version::choose(&String::from_utf8_lossy(&reply.body));
            Ok(chosen.ok_or_else(|| format!("{} names no version that we know", version::PAGE)))
        }
        Ok(reply) => Ok(Err(caller.unexpected(version::PAGE, &reply).to_string())),
        // Nothing else would be reached, or trusted, either.
        Err(error @ (Error::Connection { established: false, .. } | Error::Certificate { .. } | Error::Config(_))) => Err(error),
        Err(error) => Ok(Err(error.to_string())),
    }
}

/// The service content of a server whose versions are not known.
async fn unseen_content(caller: &Caller, config: &Config) -> Result<Greeting, Error> {
    let [first, others @ ..] = version::unseen();
    let mut greeting = read_content(caller, config, first.to_owned(), None).await;
    for version in others {
        // A version that a server does not know (any more) is a fault of its own, and not always one with a type.
        if !matches!(greeting, Err(Error::Fault { .. })) {
            break;
        }
        greeting = read_content(caller, config, version.to_owned(), None).await;
    }
    greeting
}

/// The service content, in a version of the API.
async fn read_content(
    caller: &Caller,
    config: &Config,
    api_version: String,
    cookie: Option<HeaderValue>,
) -> Result<Greeting, Error> {
    let context = Context { version: &api_version, cookie: cookie.as_ref() };
    let this = &MoRef::new("ServiceInstance", "ServiceInstance");
    let options = CallOptions::once(config.request_timeout);
    let answer = caller.call(context, Call { this, method: "RetrieveServiceContent", args: &[], options }).await?;
    let cookie = answer.cookie.clone().or(cookie);
    let content = ServiceContent::read(single(answer), &config.host)?;
    Ok(Greeting { api_version, content, cookie })
}

/// Logs in, with labels and messages in English whatever the server's locale.
async fn log_in(caller: &Caller, config: &Config, context: Context<'_>, this: &MoRef) -> Result<CallResult, Error> {
    let args = [Arg::new("userName", config.user.as_str()), Arg::new("password", &config.password), Arg::new("locale", "en_US")];
    let call = Call { this, method: "Login", args: &args, options: CallOptions::once(config.request_timeout) };
    caller.call(context, call).await.map_err(|error| match error.fault() {
        Some(fault) if fault.class() == crate::Class::Auth => {
            Error::Login { host: config.host.clone(), user: config.user.clone(), reason: fault.to_string() }
        }
        _ => error,
    })
}

/// The one data object of a result, without a session's key.
fn single(result: CallResult) -> Struct {
    let object = result.values.into_iter().next().and_then(Value::into_struct);
    let mut object = object.unwrap_or_else(|| Struct { kind: "".into(), fields: Vec::new() });
    object.take("key");
    object
}
