//! The command line that both daemons have in common, with the manners of the original's parser: options before or after the
//! command, long ones abbreviated as far as they are unique, any mistake answered with the usage on stderr and exit code 1.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser};

use crate::config::Checked;
use crate::log::Verbosity;
use crate::status::VERSION;

/// Options of both daemons. Put it into the program's own struct with `#[command(flatten)]`.
#[derive(Args, Clone, Debug, Default)]
pub struct Options {
    /// Log everything, each request included.
    #[arg(short, long, short_alias = 'D')]
    pub debug: bool,

    /// Configuration file [default: /etc/vpoller/vpoller.conf].
    #[arg(short, long, visible_alias = "config", value_name = "FILE")]
    pub file: Option<PathBuf>,

    /// Append the log to a file instead of stderr; "-" is stderr.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Write the process id to a file.
    #[arg(short, long, value_name = "FILE")]
    pub pidfile: Option<PathBuf>,

    /// Log only what needs attention.
    #[arg(short = 'W', long)]
    pub warning: bool,

    /// Print the configuration that is in force and what is wrong with it, and do nothing else.
    #[arg(long)]
    pub check_config: bool,

    /// Accepted for old init scripts; the program stays in the foreground.
    #[arg(long, hide = true)]
    pub daemon: bool,

    /// Print the version.
    #[arg(short, long)]
    pub version: bool,
}

impl Options {
    /// How much to log.
    #[must_use]
    pub fn verbosity(&self) -> Verbosity {
        match (self.debug, self.warning) {
            (true, _) => Verbosity::Debug,
            (false, true) => Verbosity::Warning,
            (false, false) => Verbosity::Info,
        }
    }
}

/// The exit codes of both daemons, for the end of their help.
pub const EXIT_CODES: &str = "\
Exit codes: 0 done, whatever the reply to stop and status;
            1 wrong command line, or it could not start: the reason is on stderr; with health, it does not do its work;
            2 with --check-config: the configuration works, but something in it is ignored";

/// A daemon's command line.
pub trait CommandLine: Parser {
    /// The common options in it.
    fn options(&self) -> &Options;

    /// What clap cannot know: that a command needs an option, or that there is no command. The text is for the user.
    ///
    /// # Errors
    /// When the command line makes no sense.
    fn check(&self) -> Result<(), String>;
}

/// Reads the command line. Prints what is to be printed when that is all there is to do, and gives the exit code then.
///
/// # Errors
/// The exit code: 0 after help and version, 1 after a mistake.
pub fn parse<T: CommandLine>(arguments: impl IntoIterator<Item = OsString>) -> Result<T, ExitCode> {
    let parsed = T::try_parse_from(arguments).map_err(|error| explain::<T>(&error))?;
    if parsed.options().version {
        let _ = writeln!(io::stdout(), "{VERSION}");
        return Err(ExitCode::SUCCESS);
    }
    if parsed.options().check_config {
        return Ok(parsed);
    }
    match parsed.check() {
        Ok(()) => Ok(parsed),
        Err(reason) => Err(explain::<T>(&T::command().error(ErrorKind::MissingRequiredArgument, reason))),
    }
}

/// Prints help, or what does not fit and what would, which clap leaves out for a wrong value. Gives the exit code for it.
#[must_use]
pub fn explain<T: CommandFactory>(error: &clap::Error) -> ExitCode {
    // When stderr cannot be written there is no other place to report it.
    let _ = error.print();
    if !error.use_stderr() {
        return ExitCode::SUCCESS;
    }
    if !error.render().to_string().contains("Usage:") {
        let _ = writeln!(io::stderr(), "{}", T::command().render_usage());
    }
    ExitCode::FAILURE
}

/// Prints what `--check-config` found: what is in force on stdout, what is ignored on stderr, a line each. The exit code is 0, or
/// [`IGNORED`] when there is something to complain about.
#[must_use]
pub fn print_checked(checked: &Checked) -> ExitCode {
    let Checked { in_force, warnings } = checked;
    let written = write!(io::stdout().lock(), "{in_force}");
    // When stderr cannot be written there is no other place to report it.
    warnings.iter().for_each(|warning| drop(writeln!(io::stderr(), "{warning}")));
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
        _ if warnings.is_empty() => ExitCode::SUCCESS,
        _ => ExitCode::from(IGNORED),
    }
}

/// Exit code of `--check-config` for a configuration that works but holds something that is ignored.
pub const IGNORED: u8 = 2;

/// Why there is no file with our process id.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the pid file {}: {source}", path.display())]
pub struct PidFileError {
    path: PathBuf,
    source: io::Error,
}

/// A file that holds our process id while the program runs.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
}

impl PidFile {
    /// Writes it.
    ///
    /// # Errors
    /// What the system says.
    pub fn write(path: &Path) -> Result<Self, PidFileError> {
        let path = path.to_owned();
        match fs::write(&path, format!("{}\n", std::process::id())) {
            Ok(()) => Ok(Self { path }),
            Err(source) => Err(PidFileError { path, source }),
        }
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // A file that another process has written meanwhile belongs to that process. One that is gone needs no removal.
        if fs::read_to_string(&self.path).is_ok_and(|text| text.trim() == std::process::id().to_string()) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Parser)]
    #[command(name = "vpoller-test", infer_long_args = true, disable_version_flag = true)]
    struct Test {
        #[command(flatten)]
        options: Options,
        #[arg(short, long)]
        endpoint: Option<String>,
        word: Option<String>,
    }

    impl CommandLine for Test {
        fn options(&self) -> &Options {
            &self.options
        }

        fn check(&self) -> Result<(), String> {
            self.word.is_some().then_some(()).ok_or_else(|| "a command is missing".to_owned())
        }
    }

    fn parsed(line: &str) -> Result<Test, ExitCode> {
        parse(line.split(' ').map(OsString::from))
    }

    #[test]
    fn options_stand_anywhere_and_may_be_short() {
        for line in ["t -d start -f x", "t --deb --config=x start", "t start -fx -D"] {
            let test = parsed(line).unwrap();
            assert!(test.options.debug, "{line}");
            assert_eq!((test.options.file, test.word), (Some("x".into()), Some("start".into())), "{line}");
        }
        assert_eq!(parsed("t --end e status").unwrap().endpoint.as_deref(), Some("e"));
        assert_eq!(parsed("t -W start").unwrap().options.verbosity(), Verbosity::Warning);
        assert!(parsed("t --daemon -p /x -o - start").is_ok());
    }

    #[test]
    fn mistakes_give_one_and_questions_give_nought() {
        for (line, code) in [
            ("t", ExitCode::FAILURE),
            ("t start -x", ExitCode::FAILURE),
            ("t start -e", ExitCode::FAILURE),
            ("t -v", ExitCode::SUCCESS),
            ("t start --help", ExitCode::SUCCESS),
        ] {
            assert_eq!(format!("{:?}", parsed(line).err()), format!("{:?}", Some(code)), "{line}");
        }
    }

    #[test]
    fn a_pid_file_goes_with_its_program() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pid");
        let file = PidFile::write(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", std::process::id()));
        drop(file);
        assert!(!path.exists());
        let file = PidFile::write(&path).unwrap();
        fs::write(&path, "1\n").unwrap();
        drop(file);
        assert!(path.exists(), "it belongs to process 1 now");
    }
}
