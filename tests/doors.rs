//! The doors of all who serve pages over HTTP, as programs and with `curl` in front of them: exporter, worker and proxy.

use std::fs::{self, Permissions};
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use vpoller_testkit::certificates::{Authority, ServerCertificate};
use vpoller_testkit::process::{self, Finished, Process};
use vpoller_testkit::wait::{SLOW, SOON};
use vpoller_testkit::{ports, wait_until};

use crate::curl::{Fetched, curl};
use crate::interop::page::programs;
use crate::metrics::promtool;

/// bcrypt of "s3cret-word" at the least cost.
const HASH: &str = "$2b$04$aeBGLYqxQIke3lJxicexSOWqqYObCSuRfctGEWD8x./7pjWzRv/Ie";
const PASSWORD: &str = "s3cret-word";
const TOKEN: &str = "a-token-of-0123456789";

/// Who serves pages: the program, its arguments before the file, what it says once it runs, and a page of it.
struct Program {
    name: &'static str,
    arguments: &'static [&'static str],
    ready: &'static str,
    page: &'static str,
}

const PROGRAMS: [Program; 3] = [
    Program { name: "vpoller-proxy", arguments: &["start", "-f"], ready: "Proxy process is ready and running", page: "/metrics" },
    Program {
        name: "vpoller-worker",
        arguments: &["start", "-f"],
        ready: "Worker process is ready and running",
        page: "/metrics",
    },
    Program { name: "vpoller-exporter", arguments: &["-f"], ready: "Metrics are at", page: "/metrics/vsphere" },
];

/// A folder with the files of all three, and their ports.
struct Bed {
    folder: TempDir,
    authority: Authority,
    certificate: ServerCertificate,
    ports: [u16; 3],
}

impl Bed {
    fn new() -> Self {
        let authority = Authority::new();
        let certificate = authority.server(&["localhost", "127.0.0.1"]);
        let bed = Self { folder: tempfile::tempdir().unwrap(), authority, certificate, ports: ports::free() };
        let done = process::run_workspace("vconnector-cli", ["-d", &bed.path("hosts.db"), "init"], SOON);
        assert_eq!(done.code, 0, "{}", done.stderr);
        bed
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Writes a file that only its owner can read.
    fn write(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        path.display().to_string()
    }

    fn tls(&self) -> String {
        let (certificate, key) = (self.certificate.file(), self.certificate.key_file());
        format!("tls_server_config:\n  cert_file: {}\n  key_file: {}\n", certificate.display(), key.display())
    }

    /// The settings of all three, with these lines in each section.
    fn settings(&self, lines: &str) -> String {
        let [proxy, worker, exporter] = self.ports;
        let [frontend, backend, of_proxy, of_worker] = ports::free();
        let db = self.path("hosts.db");
        let at = |port: u16| format!("tcp://127.0.0.1:{port}");
        let text = format!(
            "[proxy]\nfrontend = {}\nbackend = {}\nmgmt = {}\nhttp = 127.0.0.1:{proxy}\n{lines}\
             [worker]\ndb = {db}\nproxy = {}\nmgmt = {}\nhttp = 127.0.0.1:{worker}\n{lines}",
            at(frontend),
            at(backend),
            at(of_proxy),
            at(backend),
            at(of_worker),
        );
        // A worker would serve the exporter's pages, too.
        self.write("alone.conf", &format!("[exporter]\ndb = {db}\nhttp = 127.0.0.1:{exporter}\n{lines}"));
        self.write("vpoller.conf", &text)
    }

    fn arguments(&self, program: &Program) -> Vec<String> {
        let file = if program.name == "vpoller-exporter" { "alone.conf" } else { "vpoller.conf" };
        program.arguments.iter().map(|word| (*word).to_owned()).chain([self.path(file)]).collect()
    }

    /// Starts all three and waits until they serve.
    fn start(&self, lines: &str) -> Vec<Process> {
        self.settings(lines);
        let start = |program: &Program| {
            let mut process = Process::workspace(program.name, self.arguments(program));
            process.wait_for_line(program.ready, SOON);
            process
        };
        PROGRAMS.iter().map(start).collect()
    }

    /// Asks a program with these arguments of `curl` before the address.
    fn ask(&self, number: usize, scheme: &str, arguments: &[&str]) -> Fetched {
        let url = format!("{scheme}://localhost:{}{}", self.ports[number], PROGRAMS[number].page);
        curl(&[arguments, &[&url]].concat())
    }
}

#[test]
fn who_may_ask_is_the_same_for_all() {
    let bed = Bed::new();
    let headers = "http_server_config: {headers: {X-Frame-Options: deny}}\n";
    let config = bed.write("web.yml", &format!("{}{headers}basic_auth_users:\n  alice: {HASH}\n", bed.tls()));
    let tokens = bed.write("tokens", &format!("# for Ceilometer\n{TOKEN}\n"));
    let processes = bed.start(&format!("http_config = {config}\nhttp_tokens = {tokens}\n"));
    let ca = bed.authority.file().display().to_string();
    let bearer = |token: &str| format!("Authorization: Bearer {token}");
    let (right, wrong) = (bearer(TOKEN), bearer("another-token-of-987654"));
    let (user, liar, stranger) = (format!("alice:{PASSWORD}"), "alice:s3cret-worD".to_owned(), format!("bob:{PASSWORD}"));
    for (number, Program { name, .. }) in PROGRAMS.iter().enumerate() {
        let ask = |more: &[&str]| bed.ask(number, "https", &[&["--cacert", ca.as_str()], more].concat());
        for (arguments, status) in [
            (vec!["-u", user.as_str()], 200),
            (vec!["-H", right.as_str()], 200),
            (vec!["-u", user.as_str(), "--head"], 200),
            (vec!["-u", user.as_str(), "--tls-max", "1.2"], 200),
            (vec!["-u", user.as_str(), "--http2"], 200),
            (vec!["-u", user.as_str(), "-X", "POST"], 405),
            (vec![], 401),
            (vec!["-u", liar.as_str()], 401),
            (vec!["-u", stranger.as_str()], 401),
            (vec!["-u", "alice:"], 401),
            (vec!["-H", wrong.as_str()], 401),
            // Two answers to one question are none.
            (vec!["-H", right.as_str(), "-H", wrong.as_str()], 401),
            (vec!["-H", "Authorization: Digest username=alice"], 401),
            (vec!["-X", "POST"], 401),
        ] {
            let found = ask(&arguments);
            assert_eq!((found.code, found.status), (0, status), "{name} {arguments:?}: {found:?}");
            assert!(found.headers.contains("X-Frame-Options: deny"), "{name} {arguments:?}: {found:?}");
            if status == 401 {
                assert_eq!(found.body.lines().count(), 1, "{name} {arguments:?}: {found:?}");
                let challenges = found.headers.lines().filter(|line| line.to_lowercase().starts_with("www-authenticate: "));
                assert_eq!(challenges.count(), 2, "{name}: Basic and Bearer: {found:?}");
            }
        }
        assert_eq!(bed.ask(number, "https", &["-u", &user]).code, 60, "{name}: no authority vouches for it");
        assert_eq!(ask(&["--tls-max", "1.1"]).code, 35, "{name}: too old");
        let plain = bed.ask(number, "http", &["-u", &user]);
        assert!(plain.code != 0 && plain.body.is_empty(), "{name}: {plain:?}");
    }
    for process in &processes {
        let log = process.stderr();
        for secret in [PASSWORD, "s3cret-worD", TOKEN, "another-token", HASH] {
            assert!(!log.contains(secret), "{log}");
        }
    }
    let probe = process::run_workspace("vpoller-exporter", ["-f", &bed.path("alone.conf"), "health"], SOON);
    assert_eq!(probe.code, 0, "a probe needs no password: {}", probe.stderr);
    let health = process::run_workspace("vpoller-exporter", ["-f", &bed.path("alone.conf"), "health", "/health"], SOON);
    assert!(health.code == 1 && health.stderr.contains("it speaks TLS, and this command does not"), "{}", health.stderr);
}

#[test]
fn certificates_of_clients_are_asked_for() {
    let bed = Bed::new();
    let ca = bed.authority.file().display().to_string();
    let config = format!("{}  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: {ca}\n", bed.tls());
    let config = bed.write("web.yml", &config);
    let _processes = bed.start(&format!("http_config = {config}\n"));
    let known = bed.authority.server(&["prometheus.example.org"]);
    let unknown = ServerCertificate::self_signed(&["prometheus.example.org"]);
    for (number, Program { name, .. }) in PROGRAMS.iter().enumerate() {
        let ask = |certificate: Option<&ServerCertificate>| {
            let mut arguments = vec!["--cacert".to_owned(), ca.clone()];
            if let Some(certificate) = certificate {
                let files = [certificate.file(), certificate.key_file()].map(|path| path.display().to_string());
                arguments.extend(["--cert".to_owned(), files[0].clone(), "--key".to_owned(), files[1].clone()]);
            }
            bed.ask(number, "https", &arguments.iter().map(String::as_str).collect::<Vec<_>>())
        };
        assert_eq!(ask(Some(&known)).status, 200, "{}", name);
        for refused in [None, Some(&unknown)] {
            let found = ask(refused);
            assert!(found.code != 0 && found.status == 0, "{}: {found:?}", name);
        }
    }
}

/// Runs a program of the bed to its end; what it said.
#[track_caller]
fn refused(bed: &Bed, program: &Program, more: &[&str]) -> String {
    let arguments = more.iter().map(|word| (*word).to_owned()).chain(bed.arguments(program));
    let Finished { code, stderr, .. } = process::run_workspace(program.name, arguments, SLOW);
    assert_eq!(code, 1, "{}: {stderr}", program.name);
    stderr
}

#[test]
fn files_that_make_no_sense_are_refused_in_one_line() {
    let bed = Bed::new();
    let write = |name: &str, text: &str| (name.to_owned(), bed.write(name, text));
    let open = |file: (String, String)| {
        fs::set_permissions(&file.1, Permissions::from_mode(0o644)).unwrap();
        file
    };
    let key = bed.certificate.key_file().display().to_string();
    let certificate = bed.certificate.file().display().to_string();
    let other = bed.authority.server(&["localhost"]).key_file();
    for (key_name, (_, file), reason) in [
        ("http_config", ("gone.yml".to_owned(), bed.path("gone.yml")), "No such file"),
        ("http_config", ("folder".to_owned(), bed.folder.path().display().to_string()), "Is a directory"),
        ("http_config", write("a.yml", "basic_auth_users: ["), "is no YAML"),
        ("http_config", write("b.yml", "basic_auth_users: {alice: s3cret-word}\n"), "basic_auth_users.alice is no bcrypt hash"),
        ("http_config", write("c.yml", "tls_server_config: {cert_file: gone.pem}\n"), "tls_server_config has no key_file"),
        ("http_config", write("d.yml", "basic_auth: {}\n"), "unknown key \"basic_auth\""),
        ("http_config", write("e.yml", &format!("tls_server_config: {{cert_file: {key}, key_file: {key}}}")), "no certificate"),
        (
            "http_config",
            write("f.yml", &format!("tls_server_config: {{cert_file: {certificate}, key_file: {}}}", other.display())),
            "No such file",
        ),
        ("http_tokens", write("short", "s3cret-word\n"), "line 1: a token has 16 to 512 characters"),
        ("http_tokens", write("none", "# s3cret-word\n"), "there is no token in it"),
        ("http_tokens", open(write("open", &format!("{TOKEN}\n"))), "every user of this machine can read the tokens"),
    ] {
        bed.settings(&format!("{key_name} = {file}\n"));
        for program in &PROGRAMS {
            for more in [&[][..], &["--check-config"]] {
                let said = refused(&bed, program, more);
                let lines: Vec<&str> = said.lines().filter(|line| line.contains(reason)).collect();
                assert!(lines.len() == 1 && lines[0].contains(&file), "{} {reason}: {said}", program.name);
                assert!(!said.contains("s3cret-word") && !said.contains(TOKEN), "{}: {said}", program.name);
            }
        }
    }
    let plain = bed.write("plain.yml", "");
    for (lines, reason) in [
        (format!("http = https://127.0.0.1:1\nhttp_config = {plain}\n"), "no certificate is configured"),
        (format!("http = http://127.0.0.1:1\nhttp_config = {}\n", bed.write("tls.yml", &bed.tls())), "asks for no TLS"),
    ] {
        for program in &PROGRAMS {
            let section = program.name.trim_start_matches("vpoller-");
            let db = bed.path("hosts.db");
            let db = if section == "proxy" { String::new() } else { format!("db = {db}\n") };
            let file = if section == "exporter" { "alone.conf" } else { "vpoller.conf" };
            bed.write(file, &format!("[{section}]\n{db}{lines}"));
            for more in [&[][..], &["--check-config"]] {
                let said = refused(&bed, program, more);
                assert!(said.contains(reason), "{}: {said}", program.name);
            }
        }
    }
}

#[test]
fn off_is_no_door_and_no_page() {
    let bed = Bed::new();
    let _processes = bed.start("http_config = off\nhttp_tokens = off\n");
    for (number, program) in PROGRAMS.iter().enumerate() {
        let found = bed.ask(number, "http", &[]);
        assert_eq!((found.code, found.status), (0, 200), "{}: {found:?}", program.name);
    }
    let silent = Bed::new();
    silent.settings("");
    let conf = fs::read_to_string(silent.path("vpoller.conf")).unwrap();
    let [proxy, worker, _] = silent.ports;
    let off = conf
        .replace(&format!("http = 127.0.0.1:{proxy}"), "http = off")
        .replace(&format!("http = 127.0.0.1:{worker}"), "http = off");
    silent.write("vpoller.conf", &off);
    for (number, program) in PROGRAMS.iter().enumerate().take(2) {
        let mut process = Process::workspace(program.name, silent.arguments(program));
        process.wait_for_line(program.ready, SOON);
        assert!(!process.stderr().contains("Metrics and status are at"), "{}", process.stderr());
        assert_eq!(silent.ask(number, "http", &[]).code, 7, "{}: nothing listens", program.name);
    }
}

#[test]
fn files_that_change_are_read_again_and_broken_ones_change_nothing() {
    let bed = Bed::new();
    let tokens = bed.write("tokens", &format!("{TOKEN}\n"));
    let processes = bed.start(&format!("http_tokens = {tokens}\n"));
    let is = |token: &str, status: u16| {
        let header = format!("Authorization: Bearer {token}");
        (0..PROGRAMS.len()).all(|number| bed.ask(number, "http", &["-H", &header]).status == status)
    };
    assert!(is(TOKEN, 200));
    bed.write("tokens", "another-token-of-987654\n");
    wait_until(SOON, "the new token", || is("another-token-of-987654", 200) && is(TOKEN, 401));
    for (broken, reason) in [("short\n", "16 to 512 characters"), ("", "there is no token in it")] {
        bed.write("tokens", broken);
        for (number, process) in processes.iter().enumerate() {
            wait_until(SOON, reason, || {
                let header = "Authorization: Bearer another-token-of-987654";
                assert_eq!(bed.ask(number, "http", &["-H", header]).status, 200, "{broken:?}");
                process.stderr().contains(reason)
            });
        }
    }
}

/// Clients that keep a server waiting: they say nothing, stop in the middle of a head, or ask often and read nothing.
fn slow_clients(port: u16, number: usize) -> Vec<TcpStream> {
    let connect = |kind: usize| {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_nonblocking(true).unwrap();
        let question = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
        // What the kernel does not take is not sent; a connection that makes room is reset. Few ask, for the server makes pages for
        // them until the kernel takes no more of those.
        let _ = match kind % 10 {
            0..5 => Ok(()),
            5..9 => stream.write_all(&question[..20]),
            _ => stream.write_all(&question.repeat(1000)),
        };
        stream
    };
    (0..number).map(connect).collect()
}

#[test]
fn slow_clients_hold_nobody() {
    // More than all connections of all three.
    const CLIENTS: usize = 300;
    // What Prometheus waits for a scrape, unless it is told otherwise.
    const SCRAPE: Duration = Duration::from_secs(10);
    for is_tls in [false, true] {
        let bed = Bed::new();
        let config = bed.write("web.yml", &if is_tls { bed.tls() } else { String::new() });
        let _processes = bed.start(&format!("http_config = {config}\n"));
        let ca = bed.authority.file().display().to_string();
        for (number, program) in PROGRAMS.iter().enumerate() {
            let slow = slow_clients(bed.ports[number], CLIENTS);
            let since = Instant::now();
            let found = bed.ask(number, if is_tls { "https" } else { "http" }, &["--cacert", &ca]);
            let took = since.elapsed();
            eprintln!("{} (TLS: {is_tls}): {took:?} behind {CLIENTS} slow clients", program.name);
            assert_eq!((found.code, found.status), (0, 200), "{}: {found:?}", program.name);
            assert!(took < SCRAPE, "{} (TLS: {is_tls}): {took:?}", program.name);
            drop(slow);
        }
    }
}

#[test]
fn heads_that_are_too_large_are_refused_in_one_line() {
    let bed = Bed::new();
    let _processes = bed.start("");
    let many: Vec<String> = (0..70).flat_map(|number| ["-H".to_owned(), format!("X-{number}: y")]).collect();
    let long = ["-H".to_owned(), format!("X: {}", "y".repeat(17_000))];
    let address = ["-G".to_owned(), "-d".to_owned(), "y".repeat(17_000)];
    for (number, program) in PROGRAMS.iter().enumerate() {
        for arguments in [&many[..], &long, &address] {
            let found = bed.ask(number, "http", &arguments.iter().map(String::as_str).collect::<Vec<_>>());
            // hyper tells an address that is too long from a head that is.
            assert!(matches!(found.status, 431 | 414), "{}: {found:?}", program.name);
            assert!(found.body.lines().count() <= 1, "{}: {found:?}", program.name);
        }
        assert_eq!(bed.ask(number, "http", &[]).status, 200, "{}", program.name);
    }
}

/// The example of the guide, as it stands there, with a certificate of ours under the names that it has.
#[test]
fn the_file_in_the_guide_opens_for_its_password() {
    let bed = Bed::new();
    let [example] = &programs("docs/prometheus.md", "yaml web-config")[..] else { panic!("one example") };
    let config = bed.write("web.yml", example);
    fs::copy(bed.certificate.file(), bed.path("exporter.pem")).unwrap();
    bed.write("exporter.key", &fs::read_to_string(bed.certificate.key_file()).unwrap());
    promtool(&["check", "web-config"], Path::new(&config));
    let processes = bed.start(&format!("http_config = {config}\n"));
    let ca = bed.authority.file().display().to_string();
    for (number, program) in PROGRAMS.iter().enumerate() {
        let ask = |user: &str| bed.ask(number, "https", &["--cacert", &ca, "-u", user]).status;
        assert_eq!((ask("prometheus:a-long-word-for-scrapes"), ask("prometheus:a-long-word")), (200, 401), "{}", program.name);
        assert!(!processes[number].stderr().contains("can read"), "{}", processes[number].stderr());
    }
}
