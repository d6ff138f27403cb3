//! The common frame of the tools: parses arguments, returns the exit code.
//!
//! The originals parsed with docopt: options stand anywhere, long ones may be shortened as long as they stay unique, help goes to
//! stdout, and a wrong command line prints the usage to stderr. clap does all that; only the exit codes are set here.

use std::convert::Infallible;
use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use vpoller_wire::Secret;

use crate::output;

/// Exit code of a wrong command line, as docopt had it.
pub const USAGE: u8 = 1;

/// Runs a program: parses `arguments` (program name first), prints help or the version when asked for, and returns `usage_code`
/// for a wrong command line.
pub fn main<A: Parser>(
    arguments: impl IntoIterator<Item = OsString>,
    usage_code: u8,
    run: impl FnOnce(A) -> ExitCode,
) -> ExitCode {
    match A::try_parse_from(arguments) {
        Ok(args) => run(args),
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp => output::text(&error.render().to_string()),
            ErrorKind::DisplayVersion => output::text(concat!(env!("CARGO_PKG_VERSION"), "\n")),
            _ => {
                complain::<A>(&error);
                ExitCode::from(usage_code)
            }
        },
    }
}

/// Prints what is wrong and the usage, which clap itself leaves out for a wrong value.
pub(crate) fn complain<A: CommandFactory>(error: &clap::Error) {
    let mut text = error.render().to_string();
    if !text.contains("Usage:") {
        let usage = format!("{}\n", A::command().render_usage());
        let at = text.find("\nFor more information").map_or(text.len(), |at| at + 1);
        text.insert_str(at, &format!("{usage}\n"));
    }
    output::complain(text.trim_end());
}

/// Takes an argument as a secret, so that it does not show in `Debug` output.
pub(crate) fn secret(text: &str) -> Result<Secret, Infallible> {
    Ok(Secret::new(text))
}
