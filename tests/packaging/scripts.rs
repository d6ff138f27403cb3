//! The external checks of Zabbix and the start script for containers, at real daemons.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;
use vpoller_testkit::process::{self, Finished};
use vpoller_testkit::wait::SLOW;
use vpoller_testkit::{Host, Process, SimOptions, Simulator, Stack, ports, workspace};

use super::{make, output, release};

/// The scripts as installed, naming the programs of this build.
fn installed() -> &'static Path {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        make(
            "install",
            &[("RELEASE", release()), ("DESTDIR", folder.path()), ("PREFIX", Path::new("/usr")), ("BINDIR", release())],
        );
        folder
    });
    folder.path()
}

fn check(name: &str, endpoint: &str, arguments: &[&str]) -> Finished {
    let mut command = Command::new(installed().join("usr/lib/zabbix/externalscripts").join(name));
    command.args(["-e", endpoint, "-r", "1"]).args(arguments);
    process::run(command, SLOW)
}

#[test]
fn external_checks_print_values_and_reasons() {
    let simulator = Simulator::start(&SimOptions::default());
    let host = Host::at(simulator.address());
    let stack = Stack::start(std::slice::from_ref(&host), 1);
    let about = |script: &str, arguments: &[&str]| {
        let done = check(script, &stack.frontend(), &[&["-V", &host.name], arguments].concat());
        (done.code, done.stdout.trim_end().to_owned())
    };
    let state = ["-m", "vm.get", "-n", "vm01.example.org", "-p", "runtime.powerState"];
    assert_eq!(about("vpoller-zabbix", &state), (0, "\"poweredOn\"".to_owned()));
    assert_eq!(about("cvpoller-zabbix", &state), (0, "poweredOn".to_owned()));
    assert_eq!(
        about("cvpoller-zabbix", &["-m", "vm.get", "-n", "vm01.example.org", "-pname"]),
        (0, "vm01.example.org".to_owned())
    );
    let disk = ["-m", "vm.disk.get", "-n", "vm01.example.org", "-k", "/var", "-p", "freeSpace"];
    let (code, free) = about("cvpoller-zabbix-vm-disk-get", &disk);
    assert!(code == 0 && free.parse::<u64>().is_ok(), "{free}");

    let unknown = ["-m", "vm.get", "-n", "nobody", "-p", "name"];
    let (code, text) = about("vpoller-zabbix", &unknown);
    assert!(code == 1 && text.contains("nobody"), "{text}");
    let (code, text) = about("cvpoller-zabbix", &unknown);
    assert!(code == 1 && text.starts_with("ZBX_NOTSUPPORTED ") && text.contains("nobody"), "{text}");
    let (code, text) = about("cvpoller-zabbix", &["-m", "vm.get", "-n", "vm01.example.org"]);
    assert_eq!((code, text.as_str()), (1, "ZBX_NOTSUPPORTED name a property with -p"));
}

#[test]
fn no_argument_of_a_check_is_run() {
    let folder = tempfile::tempdir().unwrap();
    let canary = folder.path().join("canary");
    let touch = format!("touch {}", canary.display());
    let stack = Stack::start(&[], 1);
    for script in ["vpoller-zabbix", "cvpoller-zabbix", "cvpoller-zabbix-vm-disk-get"] {
        for name in
            [format!("$({touch})"), format!("`{touch}`"), format!("x; {touch} #"), format!("\"; {touch}; \""), "*".to_owned()]
        {
            let done = check(script, &stack.frontend(), &["-m", "vm.get", "-V", &name, "-n", &name, "-p", &name]);
            assert!(done.code == 1 && done.stdout.contains("Unknown or missing agent name"), "{script} {name}: {done:?}");
        }
    }
    assert!(!canary.exists());
}

#[test]
fn a_silent_proxy_is_a_reason() {
    let [port] = ports::free();
    let endpoint = format!("tcp://127.0.0.1:{port}");
    let done = check("cvpoller-zabbix", &endpoint, &["-t", "100", "-m", "vm.get", "-V", "vc01", "-n", "x", "-p", "name"]);
    assert_eq!((done.code, done.stdout.as_str()), (1, "ZBX_NOTSUPPORTED Did not receive reply from server, aborting...\n"));
}

#[test]
fn every_method_is_a_command_of_the_shell() {
    let source = installed().join("usr/share/vpoller/vcli.source");
    let aliases = output(Command::new("bash").arg("-c").arg(". \"$1\"; alias").arg("bash").arg(source));
    let expected = format!("alias vcli-vm-disk-get='{}/vpoller-client --pretty --method vm.disk.get'", release().display());
    assert!(aliases.lines().any(|line| line == expected), "{aliases}");
    let methods = output(Command::new(release().join("vpoller-worker")).arg("--list-methods")).lines().count();
    assert_eq!(aliases.lines().filter(|line| line.starts_with("alias vcli-")).count(), methods, "{aliases}");
}

/// A container's folders.
struct Container {
    folder: TempDir,
}

impl Container {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("hosts"), "127.0.0.1 localhost\n").unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The start script, with settings in the environment.
    fn start(&self, settings: &[(&str, &str)]) -> Command {
        let mut command = Command::new(installed().join("usr/share/vpoller/docker/vpoller-start"));
        command.envs(settings.iter().copied());
        command.env("VPOLLER_CONF", self.path("vpoller.conf")).env("VCONNECTOR_DIR", self.folder.path());
        command.env("HOSTS", self.path("hosts"));
        command
    }
}

#[test]
fn a_container_is_configured_by_its_environment() {
    let container = Container::new();
    fs::write(
        container.path("hosts.file"),
        "vc01.example.org;192.0.2.1;root;p4ss;w0rd$(true)\n# a comment\nvc02.example.org;;admin;'secret'",
    )
    .unwrap();
    let settings =
        [("VPOLLER_PROXY_FRONTEND_PORT", "20123"), ("VPOLLER_WORKER_PROXYHOSTNAME", "broker"), ("VPOLLER_CACHE_TTL", "60")];
    for _ in 0..2 {
        // A container that is started again finds what it made.
        output(container.start(&settings).arg("true"));
    }
    let text = fs::read_to_string(container.path("vpoller.conf")).unwrap();
    for line in
        ["frontend = tcp://*:20123\n", "proxy = tcp://broker:10124\n", "ttl = 60\n", "maxsize = 0\n", "mgmt = tcp://*:10000\n"]
    {
        assert!(text.contains(line), "no {line:?} in {text}");
    }
    assert_eq!(fs::read_to_string(container.path("hosts")).unwrap(), "127.0.0.1 localhost\n192.0.2.1  vc01.example.org\n");
    let table = output(Command::new(release().join("vconnector-cli")).arg("-d").arg(container.path("vconnector.db")).arg("get"));
    let row = |name: &str| {
        table.lines().find(|line| line.contains(name)).unwrap_or_default().split('|').map(str::trim).collect::<Vec<_>>()
    };
    assert_eq!(row("vc01")[1..5], ["vc01.example.org", "root", "p4ss;w0rd$(true)", "1"], "{table}");
    assert_eq!(row("vc02")[1..5], ["vc02.example.org", "admin", "'secret'", "1"], "{table}");
}

#[test]
fn a_container_becomes_the_daemon() {
    let container = Container::new();
    let [frontend, backend, management] = ports::free::<3>().map(|port| port.to_string());
    let settings = [
        ("VPOLLER_PROXY_FRONTEND_PORT", frontend.as_str()),
        ("VPOLLER_PROXY_BACKEND_PORT", &backend),
        ("VPOLLER_PROXY_MGMT_PORT", &management),
        ("DEBUG_MODE", "True"),
    ];
    let mut command = container.start(&settings);
    command.arg("proxy");
    let mut proxy = Process::spawn(command);
    proxy.wait_for_line("Proxy process is ready and running", SLOW);
    let health = || {
        let mut command = Command::new(release().join("vpoller-proxy"));
        command.arg("-f").arg(container.path("vpoller.conf")).arg("health");
        process::run(command, SLOW)
    };
    let Finished { code, stdout, .. } = health();
    assert_eq!((code, stdout.as_str()), (0, "running\n"), "what its health check says");
    proxy.signal(libc::SIGTERM);
    assert!(proxy.wait_exit(SLOW).success(), "the signal reaches the daemon itself");
    assert_eq!(health().code, 1);
}

/// What the start script finds and may do where it does not run as root.
struct Unprivileged {
    folder: TempDir,
}

impl Unprivileged {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let connector = folder.path().join("vconnector-cli");
        output(Command::new("strip").arg("-o").arg(&connector).arg(workspace::binary("vconnector-cli")));
        let script = fs::read_to_string(workspace::root().join("contrib/docker/vpoller-start"))
            .unwrap()
            .replace("/usr/bin/vconnector-cli", connector.to_str().unwrap());
        fs::write(folder.path().join("vpoller-start"), script).unwrap();
        fs::write(folder.path().join("hosts"), "127.0.0.1 localhost\n").unwrap();
        for (name, mode) in [("etc", 0o755), ("var", 0o777), ("open", 0o777)] {
            fs::create_dir(folder.path().join(name)).unwrap();
            fs::set_permissions(folder.path().join(name), Permissions::from_mode(mode)).unwrap();
        }
        Self { folder }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Runs the script as nobody, with vpoller.conf and the database in these folders.
    fn start(&self, etc: &str, var: &str) -> Finished {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "sh"]).arg(self.path("vpoller-start")).arg("true");
        command.env("VPOLLER_CONF", self.path(&format!("{etc}/vpoller.conf"))).env("VCONNECTOR_DIR", self.path(var));
        command.env("HOSTS", self.path("hosts")).current_dir("/");
        process::run(command, SLOW)
    }
}

#[test]
fn a_user_without_rights_is_told_what_to_mount() {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        eprintln!("not run: only root can become another user");
        return;
    }
    let here = Unprivileged::new();
    let Finished { code, stderr, .. } = here.start("etc", "var");
    assert!(
        code == 1 && stderr.contains("user 65534 can neither write nor read ") && stderr.contains(": mount a tmpfs at "),
        "{stderr}"
    );

    let own = "[proxy]\nfrontend = tcp://*:20123\n";
    fs::write(here.path("etc/vpoller.conf"), own).unwrap();
    let Finished { code, stderr, .. } = here.start("etc", "etc");
    assert!(code == 1 && stderr.contains("user 65534 may not write ") && stderr.contains("(chown 65534)"), "{stderr}");
    let Finished { code, stderr, .. } = here.start("etc", "etc/nowhere");
    assert!(code == 1 && stderr.contains("mount a volume there that user 65534 may write"), "{stderr}");

    fs::write(here.path("var/hosts.file"), "vc01.example.org;192.0.2.1;root;p4ssw0rd\n").unwrap();
    let Finished { code, stderr, .. } = here.start("etc", "var");
    assert_eq!(code, 0, "{stderr}");
    assert!(
        stderr.contains("give the container the address of vc01.example.org another way") && !stderr.contains("p4ssw0rd"),
        "{stderr}"
    );
    assert_eq!(fs::read_to_string(here.path("etc/vpoller.conf")).unwrap(), own, "a file of one's own stays as it is");
    assert!(Path::new(&here.path("var/vconnector.db")).is_file());

    assert_eq!(here.start("open", "var").code, 0);
    assert!(fs::read_to_string(here.path("open/vpoller.conf")).unwrap().contains("frontend = tcp://*:10123\n"));
}
