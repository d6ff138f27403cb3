//! Noticing that the registered vSphere hosts changed, and reading them again beside the main loop.
//!
//! The database may be locked for seconds and a file half written. So the files are looked at every second and read once they
//! have been left alone for one look, by a thread of its own; what cannot be read is tried again.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{fs, io, thread};

use vpoller_daemon::wake::Wake;

use crate::config::Config;
use crate::host_files::{self, Found, HostsError};

/// Time from look to look.
const EVERY: Duration = Duration::from_secs(1);
/// Files whose time stamps are younger than this may change once more without getting another one.
const GRAIN: Duration = Duration::from_secs(2);
/// What could not be read is tried again after this.
const RETRY: Duration = Duration::from_secs(10);
const THREAD: &str = "VPollerHosts";

/// What tells one state of a file from another: times of change, size, which file it is; `None` when there is none.
type State = Option<[i64; 7]>;
type Stamp = Vec<(PathBuf, State)>;
type Result = std::result::Result<Found, HostsError>;

/// Reads the hosts again when their files changed, or an operator says so.
pub(crate) struct Reread {
    config: Config,
    /// Rung when a reading is done.
    wake: Wake,
    next_look: Instant,
    /// As it was before the last reading began.
    read: Stamp,
    /// As it was at the last look.
    seen: Stamp,
    /// When to read in any case.
    due: Option<Instant>,
    reading: Option<Receiver<Result>>,
}

impl Reread {
    /// To be made before the hosts are read for the first time.
    pub(crate) fn new(config: &Config, wake: &Wake, now: Instant) -> Self {
        let stamp = stamp(config);
        let due = is_fresh(&stamp).then_some(now + GRAIN);
        let (config, wake) = (config.clone(), wake.clone());
        Self { config, wake, next_look: now + EVERY, read: stamp.clone(), seen: stamp, due, reading: None }
    }

    /// Has the hosts read at the next opportunity.
    pub(crate) fn demand(&mut self, now: Instant) {
        self.due = Some(now);
    }

    /// Whether a reading goes on, or is due now.
    pub(crate) fn is_busy(&self, now: Instant) -> bool {
        self.reading.is_some() || self.due.is_some_and(|due| due <= now)
    }

    /// Looks, reads, and returns what a reading that is done has found.
    pub(crate) fn tend(&mut self, now: Instant) -> Option<Result> {
        let done = self.reading.as_ref().and_then(|reading| match reading.try_recv() {
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Err(HostsError::Reader(io::ErrorKind::Other.into()))),
            Ok(result) => Some(result),
        });
        if let Some(result) = done {
            self.reading = None;
            if result.is_err() {
                self.due.get_or_insert(now + RETRY);
            }
            return Some(result);
        }
        if self.reading.is_none() && self.shall_read(now) {
            self.due = is_fresh(&self.seen).then_some(now + GRAIN);
            self.read.clone_from(&self.seen);
            match self.start() {
                Ok(reading) => self.reading = Some(reading),
                Err(error) => {
                    self.due = Some(now + RETRY);
                    return Some(Err(HostsError::Reader(error)));
                }
            }
        }
        None
    }

    fn shall_read(&mut self, now: Instant) -> bool {
        let due = self.due.is_some_and(|due| due <= now);
        if !due && now < self.next_look {
            return false;
        }
        self.next_look = now + EVERY;
        let stamp = stamp(&self.config);
        let at_rest = stamp == self.seen;
        self.seen = stamp;
        due || (at_rest && self.seen != self.read)
    }

    fn start(&self) -> io::Result<Receiver<Result>> {
        let (sender, receiver) = channel();
        let (config, wake) = (self.config.clone(), self.wake.clone());
        thread::Builder::new().name(THREAD.to_owned()).spawn(move || {
            // The main loop may have ended.
            let _ = sender.send(host_files::load(&config));
            wake.wake();
        })?;
        Ok(receiver)
    }
}

fn stamp(config: &Config) -> Stamp {
    let mut wal = config.db.clone().into_os_string();
    wal.push("-wal");
    let mut paths = vec![config.db.clone(), wal.into()];
    if let Some(folder) = &config.hosts_dir {
        paths.push(folder.clone());
        paths.extend(host_files::files(folder).unwrap_or_default());
    }
    paths.into_iter().map(|path| (path.clone(), state(&path))).collect()
}

fn state(path: &Path) -> State {
    let data = fs::metadata(path).ok()?;
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let times = [data.mtime(), data.mtime_nsec(), data.ctime(), data.ctime_nsec()];
    Some([times[0], times[1], times[2], times[3], number(data.size()), number(data.ino()), number(data.dev())])
}

/// Whether something changed so shortly ago that another change may look the same.
fn is_fresh(stamp: &Stamp) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    let grain = i64::try_from(GRAIN.as_secs()).unwrap_or_default();
    stamp.iter().filter_map(|(_, state)| *state).any(|[changed, ..]| now.saturating_sub(changed).abs() <= grain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use vpoller_store::Store;

    struct WatchedFiles {
        _folder: tempfile::TempDir,
        store: Store,
        reread: Reread,
        now: Instant,
    }

    impl WatchedFiles {
        /// A database with a host that was left alone for long.
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("folder");
            let db = folder.path().join("vconnector.db");
            let store = Store::create(&db).expect("database");
            store.add("vc01", "root", &"p4ssw0rd".into()).expect("added");
            store.enable("vc01").expect("enabled");
            let file = folder.path().join("vpoller.conf");
            fs::write(&file, format!("[worker]\ndb = {}\n", db.display())).expect("written");
            let config = Config::load(&file).expect("configuration").config;
            let now = Instant::now();
            let mut reread = Reread::new(&config, &Wake::new().expect("eventfd"), now);
            assert_eq!(reread.due, Some(now + GRAIN), "the file is new");
            reread.due = None;
            Self { _folder: folder, store, reread, now }
        }

        /// Lets time pass and looks once; waits for a reading that began.
        fn pass(&mut self, time: Duration) -> Option<Vec<String>> {
            self.now += time;
            if let Some(result) = self.reread.tend(self.now) {
                panic!("nothing was under way: {result:?}");
            }
            let reading = self.reread.reading.take()?;
            let (sender, receiver) = channel();
            sender.send(reading.recv().expect("a result")).expect("sent");
            self.reread.reading = Some(receiver);
            let found = self.reread.tend(self.now).expect("done");
            found.ok().map(|found| found.hosts.into_iter().map(|host| host.name).collect())
        }
    }

    #[test]
    fn a_change_is_read_when_it_is_over_and_once_more_when_its_time_stamp_is_old() {
        let mut watched = WatchedFiles::new();
        assert_eq!(watched.pass(EVERY), None, "nothing changed");
        watched.store.add("vc02", "root", &"p4ssw0rd".into()).expect("added");
        assert_eq!(watched.pass(EVERY / 2), None, "no look yet");
        assert_eq!(watched.pass(EVERY), None, "it has just changed");
        watched.store.enable("vc02").expect("enabled");
        assert_eq!(watched.pass(EVERY), None, "it still changes");
        let both = Some(vec!["vc01".to_owned(), "vc02".to_owned()]);
        assert_eq!(watched.pass(EVERY), both);
        assert_eq!((watched.pass(EVERY), watched.pass(EVERY)), (None, both), "the file was fresh");
        watched.reread.due = None;
        assert_eq!(watched.pass(10 * EVERY), None, "nothing changed");
        watched.reread.demand(watched.now);
        assert!(watched.reread.is_busy(watched.now));
        assert!(watched.pass(Duration::ZERO).is_some());
        assert!(!watched.reread.is_busy(watched.now));
    }

    #[test]
    fn what_cannot_be_read_is_tried_again() {
        let mut watched = WatchedFiles::new();
        fs::write(&watched.reread.config.db, "no database").expect("written");
        assert_eq!(watched.pass(EVERY), None, "it has just changed");
        watched.now += EVERY;
        assert!(watched.reread.tend(watched.now).is_none());
        let reading = watched.reread.reading.take().expect("a reading");
        assert!(reading.recv().expect("a result").is_err());
        let (sender, receiver) = channel();
        drop(sender);
        (watched.reread.reading, watched.reread.due) = (Some(receiver), None);
        assert!(matches!(watched.reread.tend(watched.now), Some(Err(_))));
        assert_eq!(watched.reread.due, Some(watched.now + RETRY));
    }
}
