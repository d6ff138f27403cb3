use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::OnceLock;
use std::time::SystemTime;

use proptest::prelude::*;
use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;

use super::web_config::tests::HASH;
use super::*;

/// A folder with a certificate, its key, and the files that set doors.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.certificate("cert.pem", "key.pem");
        folder
    }

    fn certificate(&self, certificate: &str, key: &str) {
        let pair = KeyPair::generate().unwrap();
        let made = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&pair).unwrap();
        self.write(certificate, &made.pem());
        self.write(key, &pair.serialize_pem());
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        path
    }

    fn load(&self, config: &str) -> Result<Doors, String> {
        let files = DoorFiles { config: Some(self.write("web.yml", config)), tokens: None };
        Doors::load(&files).map(Option::unwrap).map_err(|error| error.to_string())
    }
}

const TLS: &str = "tls_server_config: {cert_file: cert.pem, key_file: key.pem}\n";

fn verdict(doors: &Doors, authorization: &str) -> u16 {
    match doors.check(Some(authorization.as_bytes()).filter(|value| !value.is_empty())) {
        Verdict::Allowed => 200,
        Verdict::Refused(refusal) => refusal.status,
        Verdict::Unchecked(check) => {
            if check.run() {
                200
            } else {
                doors.unauthorized().status
            }
        }
    }
}

fn header(user: &str, password: &str) -> String {
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}")))
}

/// As if the files had been looked at long ago.
fn look_again(doors: &Doors) {
    doors.watch.lock().unwrap().next = Instant::now();
}

#[test]
fn no_file_is_no_door_and_an_empty_one_is_open() {
    assert!(Doors::load(&DoorFiles::default()).unwrap().is_none());
    let doors = Folder::new().load("").unwrap();
    assert_eq!((verdict(&doors, ""), doors.is_tls()), (200, false));
}

#[test]
fn names_passwords_and_tokens_open() {
    let folder = Folder::new();
    let config = folder.write("web.yml", &format!("basic_auth_users: {{alice: {HASH}}}\n"));
    let tokens = folder.write("tokens", "0123456789abcdef\n");
    let doors = Doors::load(&DoorFiles { config: Some(config), tokens: Some(tokens.clone()) }).unwrap().unwrap();
    for (authorization, status) in [
        (header("alice", "secret"), 200),
        (header("alice", "secret").replace("Basic", "bAsIc "), 200),
        (header("alice", "secret").trim_end_matches('=').to_owned(), 200),
        ("Bearer 0123456789abcdef".to_owned(), 200),
        ("bearer 0123456789abcdef ".to_owned(), 200),
        (String::new(), 401),
        (header("alice", "Secret"), 401),
        (header("bob", "secret"), 401),
        (header("alice", HASH), 401),
        ("Basic".to_owned(), 401),
        ("Basic !!!".to_owned(), 401),
        ("Basic YWxpY2U=".to_owned(), 401),
        ("Bearer 0123456789abcdeg".to_owned(), 401),
        ("Bearer ".to_owned(), 401),
        ("Digest username=alice".to_owned(), 401),
    ] {
        assert_eq!(verdict(&doors, &authorization), status, "{authorization}");
    }
    let shown = doors.unauthorized().challenges;
    assert!(shown[0].starts_with("Basic ") && shown[1].starts_with("Bearer "), "{shown:?}");
    let only = Doors::load(&DoorFiles { config: None, tokens: Some(tokens) }).unwrap().unwrap();
    assert_eq!(verdict(&only, &header("alice", "secret")), 401);
    assert_eq!(verdict(&only, "Bearer 0123456789abcdef"), 200);
    let shown = format!("{doors:?}");
    assert!(!shown.contains(HASH) && !shown.contains("0123456789abcdef"), "{shown}");
}

#[test]
fn what_the_files_lack_is_named() {
    let folder = Folder::new();
    folder.certificate("other.pem", "other.key");
    folder.write("empty.pem", "");
    let tls = |rest: &str| format!("tls_server_config: {{{rest}}}\n");
    for (config, reason) in [
        (tls("cert_file: gone.pem, key_file: key.pem"), "gone.pem: No such file"),
        (tls("cert_file: empty.pem, key_file: key.pem"), "no certificate in PEM form"),
        (tls("cert_file: cert.pem, key_file: cert.pem"), "no private key without a password"),
        (tls("cert_file: cert.pem, key_file: other.key"), "does not belong to the certificate"),
        (tls("cert_file: cert.pem, key_file: key.pem, cipher_suites: [TLS_NONSENSE]"), "a suite that does not exist"),
        (tls("cert_file: cert.pem, key_file: key.pem, curve_preferences: [CurveP521]"), "leaves no curve"),
        (tls("cert_file: cert.pem, key_file: key.pem, curve_preferences: [P]"), "a curve that does not exist"),
        (
            tls(
                "cert_file: cert.pem, key_file: key.pem, client_auth_type: RequireAndVerifyClientCert, client_ca_file: empty.pem",
            ),
            "no client_ca in PEM form",
        ),
        ("basic_auth_users: {a: b}".to_owned(), "no bcrypt hash"),
    ] {
        let error = folder.load(&config).map(|_| ()).unwrap_err();
        assert!(error.starts_with("web configuration file ") && error.contains(reason), "{config}: {error}");
    }
    let absent = DoorFiles { config: Some("/nonexistent/web.yml".into()), tokens: None };
    assert!(Doors::load(&absent).unwrap_err().to_string().contains("/nonexistent/web.yml: cannot read"));
    let tokens = DoorFiles { config: None, tokens: Some(folder.write("tokens", "short")) };
    assert!(Doors::load(&tokens).unwrap_err().to_string().contains("token file"));
    let big = File::create(folder.0.path().join("web.yml")).unwrap();
    big.set_len(tls::LARGEST_FILE + 1).unwrap();
    let files = DoorFiles { config: Some(folder.0.path().join("web.yml")), tokens: None };
    assert!(Doors::load(&files).unwrap_err().to_string().contains("larger than 1 MiB"));
}

#[test]
fn secrets_that_others_can_read_are_refused_or_worth_a_warning() {
    let folder = Folder::new();
    let tokens = folder.write("tokens", "0123456789abcdef\n");
    let config = folder.write("web.yml", &format!("{TLS}basic_auth_users: {{alice: {HASH}}}\n"));
    let files = DoorFiles { config: Some(config.clone()), tokens: Some(tokens.clone()) };
    let open = |path: &Path| fs::set_permissions(path, Permissions::from_mode(0o644)).unwrap();
    let doors = Doors::load(&files).unwrap().unwrap();
    assert_eq!(doors.state().warnings, Vec::<String>::new());
    open(&config);
    open(&folder.0.path().join("key.pem"));
    let doors = Doors::load(&files).unwrap().unwrap();
    let warnings = &doors.state().warnings;
    assert!(warnings.len() == 2 && warnings.iter().all(|warning| warning.contains("run \"chmod o-r ")), "{warnings:?}");
    open(&tokens);
    let error = Doors::load(&files).unwrap_err().to_string();
    assert!(error.starts_with("token file ") && error.ends_with(&format!("run \"chmod o-r {}\"", tokens.display())), "{error}");
    look_again(&doors);
    assert_eq!(verdict(&doors, "Bearer 0123456789abcdef"), 200, "what was read before goes on");
}

#[test]
fn weak_suites_are_left_out_with_a_warning_and_strong_ones_kept() {
    let folder = Folder::new();
    let doors = folder
        .load(
            "tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n  min_version: TLS10\n  cipher_suites: \
             [TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, \
             TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305]\n  curve_preferences: \
             [CurveP384, CurveP521]\n",
        )
        .unwrap();
    let state = doors.state();
    assert_eq!(state.warnings.len(), 3, "{:?}", state.warnings);
    let provider = state.tls.as_ref().unwrap().crypto_provider();
    assert_eq!((provider.cipher_suites.len(), provider.kx_groups.len()), (3 + 3, 1));
}

#[test]
fn files_that_change_are_read_again_and_broken_ones_change_nothing() {
    let folder = Folder::new();
    let tls = format!("{TLS}basic_auth_users: {{alice: {HASH}}}\n");
    let doors = folder.load(&tls).unwrap();
    let first = doors.tls().unwrap();
    assert_eq!(verdict(&doors, &header("alice", "secret")), 200);
    folder.write("web.yml", &tls.replace("alice", "bob"));
    assert_eq!(verdict(&doors, &header("bob", "secret")), 401, "not looked at yet");
    look_again(&doors);
    assert_eq!(verdict(&doors, &header("bob", "secret")), 200);
    assert_eq!(verdict(&doors, &header("alice", "secret")), 401);
    // The key belongs to another certificate until that has been written too.
    folder.certificate("cert.pem", "new.key");
    look_again(&doors);
    let second = doors.tls().unwrap();
    assert!(!Arc::ptr_eq(&first, &second));
    fs::rename(folder.0.path().join("new.key"), folder.0.path().join("key.pem")).unwrap();
    look_again(&doors);
    let third = doors.tls().unwrap();
    assert!(!Arc::ptr_eq(&second, &third));
    for broken in ["basic_auth_users: {}\n", "basic_auth_users: {bob: x}\n", "a: ["] {
        folder.write("web.yml", broken);
        look_again(&doors);
        assert_eq!(verdict(&doors, ""), 401, "{broken}");
        assert!(Arc::ptr_eq(&third, &doors.tls().unwrap()), "{broken}");
    }
    fs::remove_file(folder.0.path().join("web.yml")).unwrap();
    look_again(&doors);
    assert_eq!(verdict(&doors, &header("bob", "secret")), 200);
    // Nothing changes, nothing is read.
    folder.write("web.yml", &tls);
    look_again(&doors);
    let fourth = doors.tls().unwrap();
    look_again(&doors);
    assert!(Arc::ptr_eq(&fourth, &doors.tls().unwrap()));
    File::open(folder.0.path().join("cert.pem")).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
    look_again(&doors);
    assert!(!Arc::ptr_eq(&fourth, &doors.tls().unwrap()));
}

#[test]
fn the_rate_is_limited_before_anything_is_checked() {
    let doors =
        Folder::new().load(&format!("rate_limit: {{interval: 1h, burst: 2}}\nbasic_auth_users: {{alice: {HASH}}}\n")).unwrap();
    let answers: Vec<_> = (0..4).map(|_| verdict(&doors, "")).collect();
    assert_eq!(answers, [401, 401, 429, 429]);
}

#[test]
fn addresses_and_doors_say_the_same_about_tls() {
    let folder = Folder::new();
    let [plain, tls] = ["", TLS].map(|config| folder.load(config).unwrap());
    let check = |doors: Option<&Doors>, listen: &str| {
        Doors::check_scheme(doors, &listen.parse().unwrap()).map_err(|error| error.to_string())
    };
    for listen in ["127.0.0.1:1", "tcp://*:1", ":1"] {
        assert_eq!((check(None, listen), check(Some(&plain), listen), check(Some(&tls), listen)), (Ok(()), Ok(()), Ok(())));
    }
    assert_eq!((check(None, "http://a:1"), check(Some(&tls), "https://a:1")), (Ok(()), Ok(())));
    for doors in [None, Some(&plain)] {
        assert!(check(doors, "https://a:1").unwrap_err().contains("needs a tls_server_config"));
    }
    assert!(check(Some(&tls), "http://a:1").unwrap_err().contains("asks for no TLS"));
}

/// The files go with their folder; what they said stays.
static DOORS: OnceLock<Doors> = OnceLock::new();

proptest! {
    #[test]
    fn any_header_is_judged_and_opens_nothing(
        bytes in prop::collection::vec(any::<u8>(), 0..80),
        text in "(Basic|basic|Bearer|BEARER|Digest|) {0,2}[a-zA-Z0-9+/=:._~-]{0,40}",
    ) {
        let doors = DOORS.get_or_init(|| {
            let folder = Folder::new();
            let config = folder.write("web.yml", &format!("basic_auth_users: {{alice: {HASH}}}\n"));
            let tokens = folder.write("tokens", "0123456789abcdef\n");
            Doors::load(&DoorFiles { config: Some(config), tokens: Some(tokens) }).unwrap().unwrap()
        });
        for value in [bytes, text.into_bytes()] {
            // Whether it is a password is bcrypt's to say.
            let is_open = matches!(doors.check(Some(&value)), Verdict::Allowed);
            prop_assert!(!is_open, "{:?}", String::from_utf8_lossy(&value));
        }
    }
}
