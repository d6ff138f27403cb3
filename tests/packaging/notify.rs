//! What the daemons tell systemd, with the test in systemd's place; and that its watchdog goes hungry when any loop stands still.

use std::fs;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use vpoller_testkit::Process;
use vpoller_testkit::wait::SOON;

use super::Configured;

/// Time within which the watchdog must be fed: a look every second, with loops that turn three times a second.
const WATCHDOG: Duration = Duration::from_secs(3);

/// A daemon and the socket it notifies.
struct Service {
    process: Process,
    socket: UnixDatagram,
    _configured: Configured,
}

impl Service {
    fn start(program: &str) -> Self {
        let configured = Configured::new(&[]);
        let socket = UnixDatagram::bind(configured.file("notify")).unwrap();
        socket.set_read_timeout(Some(SOON)).unwrap();
        let mut command = Command::new("sh");
        // The watchdog is meant for one process id only.
        command.args(["-c", "export WATCHDOG_PID=$$; exec \"$@\"", "sh"]);
        configured.start(&mut command, program);
        command.env("NOTIFY_SOCKET", configured.file("notify")).env("WATCHDOG_USEC", WATCHDOG.as_micros().to_string());
        Self { process: Process::spawn(command), socket, _configured: configured }
    }

    /// The next message.
    #[track_caller]
    fn next(&self) -> String {
        let mut buffer = [0; 1024];
        let length = self.socket.recv(&mut buffer).expect("a message for systemd in time");
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    /// The next message that does not feed the watchdog.
    #[track_caller]
    fn next_news(&self) -> String {
        std::iter::repeat_with(|| self.next()).find(|message| message != "WATCHDOG=1\n").unwrap()
    }

    /// Takes what lies in the socket, and counts how often the watchdog was fed.
    fn fed(&self) -> usize {
        self.socket.set_nonblocking(true).unwrap();
        let mut buffer = [0; 1024];
        let count = std::iter::from_fn(|| self.socket.recv(&mut buffer).ok()).count();
        self.socket.set_nonblocking(false).unwrap();
        count
    }

    /// The threads with this name.
    fn threads(&self, name: &str) -> Vec<libc::pid_t> {
        let tasks = PathBuf::from(format!("/proc/{}/task", self.process.id()));
        let named = |task: &PathBuf| fs::read_to_string(task.join("comm")).is_ok_and(|comm| comm.trim_end() == name);
        let tasks = fs::read_dir(tasks).unwrap().map(|entry| entry.unwrap().path()).filter(named);
        tasks.map(|task| task.file_name().unwrap().to_str().unwrap().parse().unwrap()).collect()
    }
}

/// A single thread of a child that stands still until this is dropped, while the others go on.
struct Frozen(libc::pid_t);

impl Frozen {
    fn new(thread: libc::pid_t) -> Self {
        trace(libc::PTRACE_SEIZE, thread);
        trace(libc::PTRACE_INTERRUPT, thread);
        // SAFETY: waits for a thread that this one traces; a null pointer means that its state is not wanted.
        let waited = unsafe { libc::waitpid(thread, std::ptr::null_mut(), libc::__WALL) };
        assert_eq!(waited, thread, "{}", io::Error::last_os_error());
        Self(thread)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        trace(libc::PTRACE_DETACH, self.0);
    }
}

#[track_caller]
fn trace(request: libc::c_uint, thread: libc::pid_t) {
    let nothing = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: none of the requests used here reads or writes memory of this process.
    let result = unsafe { libc::ptrace(request, thread, nothing, nothing) };
    assert_eq!(result, 0, "ptrace {request:#x}: {}", io::Error::last_os_error());
}

fn lifecycle(program: &str) {
    let mut service = Service::start(program);
    assert_eq!(service.next_news(), "READY=1\n");
    service.process.signal(libc::SIGHUP);
    let reloading = service.next_news();
    assert!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reloading}");
    assert_eq!(service.next_news(), "READY=1\n");
    assert_eq!(service.next(), "WATCHDOG=1\n");
    service.process.signal(libc::SIGTERM);
    assert_eq!(service.next_news(), "STOPPING=1\n");
    assert!(service.process.wait_exit(SOON).success());
}

#[test]
fn the_proxy_tells_systemd_how_it_goes() {
    lifecycle("vpoller-proxy");
}

#[test]
fn the_worker_tells_systemd_how_it_goes() {
    lifecycle("vpoller-worker");
}

/// With one of the threads standing still the main loop goes on, says so, and does not feed the watchdog.
fn hunger(program: &str, thread: &str) {
    let mut service = Service::start(program);
    assert_eq!(service.next_news(), "READY=1\n");
    assert_eq!([service.next(), service.next()], ["WATCHDOG=1\n", "WATCHDOG=1\n"]);
    let threads = service.threads(thread);
    assert!(!threads.is_empty(), "{program} has no thread {thread}");
    let frozen: Vec<Frozen> = threads.into_iter().map(Frozen::new).collect();
    let complaint = format!("{thread} does not go on");
    service.process.wait_for_lines(&complaint, 1, SOON);
    service.fed(); // a beat from before the thread stood still
    service.process.wait_for_lines(&complaint, 3, SOON);
    assert_eq!(service.fed(), 0, "{program} fed the watchdog although {thread} stood still");
    drop(frozen);
    assert_eq!(service.next(), "WATCHDOG=1\n", "it goes on");
}

#[test]
fn a_broker_that_stands_still_starves_the_watchdog() {
    hunger("vpoller-proxy", "VPollerProxy-1");
}

#[test]
fn a_worker_socket_that_stands_still_starves_the_watchdog() {
    hunger("vpoller-worker", "VPollerWorker-1");
}

#[test]
fn agents_that_stand_still_starve_the_watchdog() {
    hunger("vpoller-worker", "VPollerAgents");
}
