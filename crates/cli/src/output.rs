//! Writes to stdout and stderr, whose reader may have ended.

use std::io::{self, Write};
use std::process::ExitCode;

/// Writes a text to stdout, as [`bytes`].
pub fn text(text: &str) -> ExitCode {
    bytes(&[text.as_bytes()])
}

/// Writes bytes to stdout and returns the exit code for that.
pub fn bytes(parts: &[&[u8]]) -> ExitCode {
    write(parts).map_or_else(|error| lost(&error), |()| ExitCode::SUCCESS)
}

/// Writes bytes to stdout.
pub fn write(parts: &[&[u8]]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    parts.iter().try_for_each(|part| out.write_all(part)).and_then(|()| out.flush())
}

/// The exit code when stdout cannot be written. A reader that has ended (`| head -1`) is no failure, a full disk is one.
pub fn lost(error: &io::Error) -> ExitCode {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return ExitCode::SUCCESS;
    }
    complain(&format!("cannot write to stdout: {error}"));
    ExitCode::FAILURE
}

/// Prints one line, or a usage text, on stderr. A closed stderr is ignored: a panic would help no one.
pub fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Prints an error with its causes on stderr, and returns the exit code for it.
pub fn fail(error: &anyhow::Error) -> ExitCode {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        // Some errors have the text of their cause in their own.
        if !text.contains(&cause) {
            text += if text.is_empty() { "" } else { ": " };
            text += &cause;
        }
    }
    complain(&text);
    ExitCode::FAILURE
}
