//! The web configuration file that Prometheus' exporters share (`--web.config.file`): a text becomes settings, or an error that
//! names what is wrong. No error quotes a value of the file, which may be a secret.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};

use super::users;

/// What the file says.
#[derive(Debug, Default)]
pub(super) struct WebConfig {
    pub(super) tls: Option<TlsSection>,
    /// Headers for every response.
    pub(super) headers: Vec<(&'static str, String)>,
    /// Users and the bcrypt hashes of their passwords.
    pub(super) users: BTreeMap<String, SecretString>,
    pub(super) rate: Option<RateSection>,
}

/// `tls_server_config`.
#[derive(Debug)]
pub(super) struct TlsSection {
    pub(super) certificate: Pem,
    pub(super) key: Pem,
    pub(super) client_ca: Option<Pem>,
    pub(super) clients: ClientPolicy,
    pub(super) allowed_sans: Vec<String>,
    pub(super) min_version: TlsVersion,
    pub(super) max_version: TlsVersion,
    /// By the names that IANA gave them; empty for all.
    pub(super) cipher_suites: Vec<String>,
    pub(super) prefer_server_order: bool,
    /// By the names of the format, in order of preference; empty for all.
    pub(super) curves: Vec<String>,
}

/// Where certificates or a key stand.
#[derive(Debug)]
pub(super) enum Pem {
    File(PathBuf),
    Inline(SecretString),
}

/// `client_auth_type`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ClientPolicy {
    None,
    Request,
    RequireAny,
    VerifyIfGiven,
    RequireAndVerify,
}

impl ClientPolicy {
    const NAMES: [(&str, Self); 5] = [
        ("NoClientCert", Self::None),
        ("RequestClientCert", Self::Request),
        ("RequireAnyClientCert", Self::RequireAny),
        ("VerifyClientCertIfGiven", Self::VerifyIfGiven),
        ("RequireAndVerifyClientCert", Self::RequireAndVerify),
    ];

    pub(super) const fn verifies(self) -> bool {
        matches!(self, Self::VerifyIfGiven | Self::RequireAndVerify)
    }

    pub(super) const fn requires(self) -> bool {
        matches!(self, Self::RequireAny | Self::RequireAndVerify)
    }
}

/// A version of TLS that the format knows.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum TlsVersion {
    Tls10,
    Tls11,
    Tls12,
    Tls13,
}

impl TlsVersion {
    const NAMES: [(&str, Self); 4] =
        [("TLS10", Self::Tls10), ("TLS11", Self::Tls11), ("TLS12", Self::Tls12), ("TLS13", Self::Tls13)];
}

/// `rate_limit`: a bucket of `burst` requests that gets one more every `interval`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct RateSection {
    pub(super) interval: Duration,
    pub(super) burst: u32,
}

/// The headers that the format knows, and the values that may be.
const HEADERS: [(&str, &[&str]); 5] = [
    ("Content-Security-Policy", &[]),
    ("Strict-Transport-Security", &[]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-XSS-Protection", &[]),
];

impl WebConfig {
    /// Reads the text; files that it names relatively are those of `folder`.
    pub(super) fn parse(text: &str, folder: &Path) -> Result<Self, String> {
        // The usual form of an error shows the line of the file.
        let value: Option<Value> =
            serde_saphyr::from_str(text).map_err(|error| format!("is no YAML: {}", error.without_snippet()))?;
        let mut top = Table::new("", value.unwrap_or_default())?;
        let config = Self {
            tls: top.table("tls_server_config")?.map(|table| tls(table, folder)).transpose()?.flatten(),
            headers: top.table("http_server_config")?.map(http).transpose()?.unwrap_or_default(),
            users: top.table("basic_auth_users")?.map(read_users).transpose()?.unwrap_or_default(),
            rate: top.table("rate_limit")?.map(rate).transpose()?.flatten(),
        };
        top.end()?;
        Ok(config)
    }
}

fn tls(mut table: Table, folder: &Path) -> Result<Option<TlsSection>, String> {
    if table.entries.is_empty() {
        return Ok(None);
    }
    let certificate = table.pem("cert", "cert_file", folder)?;
    let key = table.pem("key", "key_file", folder)?;
    let client_ca = table.pem("client_ca", "client_ca_file", folder)?;
    let clients = table.choice("client_auth_type", &ClientPolicy::NAMES)?.unwrap_or(ClientPolicy::None);
    let section = TlsSection {
        certificate: certificate.ok_or("tls_server_config has no cert_file")?,
        key: key.ok_or("tls_server_config has no key_file")?,
        client_ca,
        clients,
        allowed_sans: table.list("client_allowed_sans")?,
        min_version: table.choice("min_version", &TlsVersion::NAMES)?.unwrap_or(TlsVersion::Tls12),
        max_version: table.choice("max_version", &TlsVersion::NAMES)?.unwrap_or(TlsVersion::Tls13),
        cipher_suites: table.list("cipher_suites")?,
        prefer_server_order: table.boolean("prefer_server_cipher_suites")?.unwrap_or(true),
        curves: table.list("curve_preferences")?,
    };
    table.end()?;
    if section.max_version < TlsVersion::Tls12 {
        return Err("tls_server_config.max_version is older than TLS12, and older versions are not spoken".to_owned());
    }
    if section.min_version > section.max_version {
        return Err("tls_server_config.min_version is newer than max_version".to_owned());
    }
    if section.client_ca.is_some() && clients == ClientPolicy::None {
        return Err("tls_server_config has a client_ca_file, but client_auth_type asks for no certificates; \
                    write RequireAndVerifyClientCert"
            .to_owned());
    }
    if section.client_ca.is_none() && clients.verifies() {
        return Err("tls_server_config.client_auth_type verifies certificates, which needs a client_ca_file".to_owned());
    }
    if !section.allowed_sans.is_empty() && !clients.requires() {
        return Err("tls_server_config.client_allowed_sans needs client_auth_type RequireAndVerifyClientCert: \
                    without, clients may come without a certificate"
            .to_owned());
    }
    Ok(Some(section))
}

fn http(mut table: Table) -> Result<Vec<(&'static str, String)>, String> {
    // HTTP/2 is a choice of the client's and of the server's; this server never chooses it.
    table.boolean("http2")?;
    let mut headers = Vec::new();
    if let Some(mut given) = table.table("headers")? {
        for (name, values) in HEADERS {
            let Some(value) = given.text(name)?.filter(|value| !value.trim().is_empty()) else { continue };
            if !value.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
                return Err(format!("{}.{name} has a character that no header may have", given.path));
            }
            if !values.is_empty() && !values.iter().any(|known| known.eq_ignore_ascii_case(&value)) {
                return Err(format!("{}.{name} is none of {}", given.path, values.join(", ")));
            }
            headers.push((name, value));
        }
        given.end()?;
    }
    table.end()?;
    Ok(headers)
}

fn read_users(table: Table) -> Result<BTreeMap<String, SecretString>, String> {
    let mut known = BTreeMap::new();
    for (name, value) in table.entries {
        // The user's name is sent in front of a colon.
        if name.is_empty() || name.contains(|c: char| c == ':' || c.is_control()) {
            return Err(format!(
                "basic_auth_users has the name {name:?}, which cannot be sent: it is empty, or has a colon in it"
            ));
        }
        let Value::String(hash) = value else { return Err(format!("basic_auth_users.{name} is no bcrypt hash")) };
        let hash = SecretString::from(hash);
        users::check_hash(hash.expose_secret()).map_err(|reason| format!("basic_auth_users.{name} {reason}"))?;
        known.insert(name, hash);
    }
    Ok(known)
}

fn rate(mut table: Table) -> Result<Option<RateSection>, String> {
    let interval = match table.take("interval") {
        None => Duration::ZERO,
        Some(Value::Number(number)) if number.as_u64() == Some(0) => Duration::ZERO,
        Some(Value::String(text)) => go_duration(&text).ok_or("rate_limit.interval is no time like 100ms or 1m30s")?,
        Some(_) => return Err("rate_limit.interval is no time like 100ms or 1m30s".to_owned()),
    };
    let burst = match table.take("burst") {
        None => 0,
        Some(Value::Number(number)) => {
            number.as_u64().and_then(|number| u32::try_from(number).ok()).ok_or("rate_limit.burst is no number of requests")?
        }
        Some(_) => return Err("rate_limit.burst is no number of requests".to_owned()),
    };
    table.end()?;
    if !interval.is_zero() && burst == 0 {
        return Err(
            "rate_limit has an interval and no burst, which would refuse every request; write a burst of 1 or more".to_owned()
        );
    }
    Ok((!interval.is_zero()).then_some(RateSection { interval, burst }))
}

/// A time as Go writes it: `1h2m3.5s`, `100ms`.
fn go_duration(text: &str) -> Option<Duration> {
    const UNITS: [(&str, f64); 7] =
        [("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
        seconds += number.parse::<f64>().ok()? * factor;
        rest = tail;
    }
    if text.is_empty() { None } else { Duration::try_from_secs_f64(seconds).ok() }
}

/// A mapping of the file, whose keys are taken one by one; what is left in the end is unknown.
struct Table {
    /// What names it in errors.
    path: String,
    entries: Map<String, Value>,
    known: Vec<&'static str>,
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Table {
    fn new(path: &str, value: Value) -> Result<Self, String> {
        let entries = match value {
            Value::Null => Map::new(),
            Value::Object(entries) => entries,
            _ if path.is_empty() => return Err("is no mapping of sections".to_owned()),
            _ => return Err(format!("{path} is no mapping")),
        };
        Ok(Self { path: path.to_owned(), entries, known: Vec::new() })
    }

    fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        self.entries.remove(key).filter(|value| !value.is_null())
    }

    fn named(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn table(&mut self, key: &'static str) -> Result<Option<Self>, String> {
        let path = self.named(key);
        // Null is an empty mapping, so that a section whose entries are all commented out is none.
        self.take(key).map(|value| Self::new(&path, value)).transpose()
    }

    fn text(&mut self, key: &'static str) -> Result<Option<String>, String> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            // A header of digits only, such as X-XSS-Protection: 0.
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(_) => Err(format!("{} is no text", self.named(key))),
        }
    }

    fn boolean(&mut self, key: &'static str) -> Result<Option<bool>, String> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(value)),
            Some(_) => Err(format!("{} is neither true nor false", self.named(key))),
        }
    }

    fn list(&mut self, key: &'static str) -> Result<Vec<String>, String> {
        let fault = || format!("{} is no list of texts", self.named(key));
        let values = match self.entries.get(key) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(values)) => {
                values.iter().map(|value| value.as_str().map(str::to_owned)).collect::<Option<_>>().ok_or_else(fault)?
            }
            Some(_) => return Err(fault()),
        };
        self.take(key);
        Ok(values)
    }

    fn choice<T: Copy>(&mut self, key: &'static str, names: &[(&str, T)]) -> Result<Option<T>, String> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        if text.is_empty() {
            return Ok(None);
        }
        let found = names.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        let list = || names.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        found.map(Some).ok_or_else(|| format!("{} is none of {}", self.named(key), list()))
    }

    fn pem(&mut self, inline: &'static str, file: &'static str, folder: &Path) -> Result<Option<Pem>, String> {
        let given = self.text(inline)?.filter(|text| !text.is_empty()).map(SecretString::from);
        let path = self.text(file)?.filter(|text| !text.is_empty());
        match (given, path) {
            (Some(_), Some(_)) => Err(format!("{} has both {inline} and {file}", self.path)),
            (Some(text), None) => Ok(Some(Pem::Inline(text))),
            (None, path) => Ok(path.map(|path| Pem::File(folder.join(path)))),
        }
    }

    fn end(self) -> Result<(), String> {
        let Some(key) = self.entries.keys().next() else { return Ok(()) };
        let place = if self.path.is_empty() { "the file".to_owned() } else { self.path.clone() };
        Err(format!("{place} has the unknown key {key:?}; known are {}", self.known.join(", ")))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// bcrypt of "secret" at the least cost.
    pub(in super::super) const HASH: &str = "$2b$04$5gMg/StuDruO8h/PofrjoOVly3QGr.0rr/a.lRW4tx9Ak/YWwzWca";

    fn parse(text: &str) -> Result<WebConfig, String> {
        WebConfig::parse(text, Path::new("/etc/vpoller"))
    }

    #[test]
    fn every_key_of_the_format_is_read() {
        let text = format!(
            "tls_server_config:\n  cert_file: a.pem\n  key_file: /k.pem\n  client_auth_type: RequireAndVerifyClientCert\n  \
             client_ca_file: ca.pem\n  client_allowed_sans: [a.example]\n  min_version: TLS12\n  max_version: TLS13\n  \
             cipher_suites:\n  - TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256\n  prefer_server_cipher_suites: false\n  \
             curve_preferences: [CurveP256, X25519]\nhttp_server_config:\n  http2: true\n  headers:\n    X-Frame-Options: deny\n    \
             X-XSS-Protection: 0\n    Content-Security-Policy: \"\"\nbasic_auth_users:\n  alice: {HASH}\n  123: {HASH}\n\
             rate_limit:\n  interval: 1m0.5s\n  burst: 3\n"
        );
        let config = parse(&text).unwrap();
        let tls = config.tls.unwrap();
        assert!(matches!(tls.certificate, Pem::File(path) if path == Path::new("/etc/vpoller/a.pem")));
        assert!(matches!(tls.key, Pem::File(path) if path == Path::new("/k.pem")));
        assert_eq!((tls.clients, tls.allowed_sans.len()), (ClientPolicy::RequireAndVerify, 1));
        assert_eq!((tls.cipher_suites.len(), tls.prefer_server_order, tls.curves.len()), (1, false, 2));
        assert_eq!(config.headers, [("X-Frame-Options", "deny".to_owned()), ("X-XSS-Protection", "0".to_owned())]);
        assert_eq!(config.users.keys().collect::<Vec<_>>(), ["123", "alice"]);
        assert_eq!(config.rate, Some(RateSection { interval: Duration::from_millis(60_500), burst: 3 }));
        let inline = parse("tls_server_config: {cert: x, key: k}\n").unwrap().tls.unwrap();
        assert!(matches!(inline.key, Pem::Inline(key) if key.expose_secret() == "k"));
    }

    #[test]
    fn what_says_nothing_guards_nothing() {
        for text in
            ["", "# only a comment\n", "---\n", "{}", "tls_server_config:\nbasic_auth_users:\n", "rate_limit: {interval: 0}"]
        {
            let config = parse(text).unwrap();
            assert!(config.tls.is_none() && config.users.is_empty() && config.rate.is_none(), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let tls = |rest: &str| format!("tls_server_config:\n  cert_file: a\n  key_file: b\n  {rest}\n");
        for (text, reason) in [
            ("tls_config: {}".to_owned(), "the file has the unknown key \"tls_config\"; known are tls_server_config, "),
            (tls("cert_fil: x"), "tls_server_config has the unknown key \"cert_fil\""),
            (
                "http_server_config: {headers: {X-Evil: 1}}".to_owned(),
                "http_server_config.headers has the unknown key \"X-Evil\"",
            ),
            ("http_server_config: {headers: {X-Frame-Options: allow}}".to_owned(), "is none of deny, sameorigin"),
            ("http_server_config: {headers: {Content-Security-Policy: \"a\\nb\"}}".to_owned(), "no header may have"),
            ("http_server_config: {http2: 7}".to_owned(), "http2 is neither true nor false"),
            ("tls_server_config: {cert_file: a}".to_owned(), "has no key_file"),
            ("tls_server_config: {min_version: TLS13}".to_owned(), "has no cert_file"),
            ("tls_server_config: [a]".to_owned(), "tls_server_config is no mapping"),
            (tls("cert: x"), "has both cert and cert_file"),
            (tls("min_version: SSL3"), "min_version is none of TLS10, TLS11, TLS12, TLS13"),
            (tls("max_version: TLS11"), "older than TLS12"),
            (tls("min_version: TLS13\n  max_version: TLS12"), "newer than max_version"),
            (tls("client_auth_type: Maybe"), "client_auth_type is none of NoClientCert, "),
            (tls("client_auth_type: RequireAndVerifyClientCert"), "needs a client_ca_file"),
            (tls("client_ca_file: c"), "asks for no certificates"),
            (tls("client_allowed_sans: [a]"), "client_allowed_sans needs"),
            (tls("cipher_suites: all"), "cipher_suites is no list of texts"),
            ("basic_auth_users: {alice: hunter2}".to_owned(), "basic_auth_users.alice is no bcrypt hash"),
            ("basic_auth_users: {alice: 12}".to_owned(), "basic_auth_users.alice is no bcrypt hash"),
            (format!("basic_auth_users: {{'a:b': {HASH}}}"), "cannot be sent"),
            (format!("basic_auth_users: {{'': {HASH}}}"), "cannot be sent"),
            (format!("basic_auth_users:\n  a: {HASH}\n  a: {HASH}\n"), "duplicate"),
            ("rate_limit: {interval: soon}".to_owned(), "interval is no time"),
            ("rate_limit: {interval: 1s}".to_owned(), "no burst"),
            ("rate_limit: {burst: -1}".to_owned(), "burst is no number"),
            ("- a".to_owned(), "no mapping of sections"),
            ("a: [".to_owned(), "is no YAML"),
            ("a: &x [*x]".to_owned(), "is no YAML"),
        ] {
            let error = parse(&text).map(|_| ()).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn no_error_shows_a_value() {
        const SECRET: &str = "hunter2";
        for text in [
            format!("basic_auth_users: {{alice: {SECRET}}}"),
            format!("basic_auth_users: alice {SECRET}"),
            format!("basic_auth_users:\n  alice: {SECRET}\n bob: x\n"),
            format!("basic_auth_users: {{alice: \"{SECRET}"),
            format!("tls_server_config: {{key: {SECRET}, key_file: x}}"),
            format!("tls_server_config: {{key: [{SECRET}]}}"),
            format!("tls_server_config: {{min_version: {SECRET}}}"),
            format!("basic_auth_users: {{alice: !{SECRET} \"{SECRET}\"}}"),
            format!("basic_auth_users: {{alice: *{SECRET}}}"),
            SECRET.to_owned(),
        ] {
            let error = parse(&text).map(|_| ()).unwrap_err();
            // What stands behind a * is a name that the file itself shows elsewhere.
            assert!(!error.contains(SECRET) || text.contains('*'), "{text}: {error}");
        }
        let config = parse(&format!("tls_server_config: {{cert: c, key: {SECRET}}}\nbasic_auth_users: {{a: {HASH}}}")).unwrap();
        let shown = format!("{config:?}");
        assert!(!shown.contains(SECRET) && !shown.contains(HASH), "{shown}");
    }

    #[test]
    fn times_are_those_of_the_format() {
        assert_eq!(go_duration("1h2m3.5s"), Some(Duration::from_millis(3_723_500)));
        assert_eq!((go_duration("0"), go_duration("100ms")), (Some(Duration::ZERO), Some(Duration::from_millis(100))));
        for text in ["", "5", "s", "1x", "-1s", "1s1", "..s", "1e9999h", "9999999999999999999999h"] {
            assert_eq!(go_duration(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_judged(text in any::<String>(), lines in prop::collection::vec(
            "(tls_server_config|basic_auth_users|rate_limit|http_server_config|  cert_file|  burst|  interval|  headers|- |&a |\\*a|<<)(:|) ?[a-z0-9\"'{}\\[\\],]{0,8}\n", 0..12)) {
            let _ = parse(&text);
            let _ = parse(&lines.concat());
        }
    }
}
