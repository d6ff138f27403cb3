//! The common frame of the programs: arguments in, exit code out.
//!
//! The originals parsed with docopt: options stand anywhere, long ones may be shortened as long as they stay unique, help goes to
//! stdout, anything that does not fit prints the usage to stderr. clap does all that; only the exit codes are set here.

use std::convert::Infallible;
use std::ffi::OsString;
use std::io::{self, BufRead};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use vpoller_wire::Secret;

use crate::output;

/// Exit code of a wrong command line, as docopt had it.
pub const USAGE: u8 = 1;

/// Runs a program: parses `arguments` (program name first), prints help or the version when asked for, and leaves with
/// `usage_code` when they do not fit.
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

/// Says what does not fit, and what would; clap itself leaves the usage out for a wrong value.
pub fn complain<A: CommandFactory>(error: &clap::Error) {
    let mut text = error.render().to_string();
    if !text.contains("Usage:") {
        let usage = format!("{}\n", A::command().render_usage());
        let at = text.find("\nFor more information").map_or(text.len(), |at| at + 1);
        text.insert_str(at, &format!("{usage}\n"));
    }
    output::complain(text.trim_end());
}

/// Bytes of a password at most, should the file named for it be something else.
const LONGEST_PASSWORD: u64 = 4096;

/// The first line of what is read, as a password: without its line break.
///
/// # Errors
/// When it cannot be read, or is longer than any password: half of one is none.
pub fn password_line(input: impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    input.take(LONGEST_PASSWORD + 1).read_line(&mut line)?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.len() as u64 > LONGEST_PASSWORD {
        return Err(io::Error::other(format!("its first line is longer than {LONGEST_PASSWORD} bytes, which is no password")));
    }
    Ok(password.to_owned())
}

/// Takes an argument as a secret, so that it does not show in `Debug` output.
pub fn secret(text: &str) -> Result<Secret, Infallible> {
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_read_whole_or_not_at_all() {
        let longest = "é".repeat(2048);
        for (text, expected) in [("p4ss w0rd \r\nmore", "p4ss w0rd "), ("", ""), ("\n", ""), (&format!("{longest}\n"), &*longest)]
        {
            assert_eq!(password_line(text.as_bytes()).ok().as_deref(), Some(expected), "{text:?}");
        }
        for text in [format!("{longest}x"), format!("{longest}\u{e9}\n"), "\0".repeat(1 << 20)] {
            assert!(password_line(text.as_bytes()).is_err(), "{} bytes", text.len());
        }
        assert!(password_line(&b"\xff\n"[..]).is_err());
    }
}
