//! How the programs take the password of a guest system, so that all of them take and refuse the same ones.

use std::io::{self, BufRead};

/// The environment variable that holds the guest password when no option gives it. Other users cannot see it, as they can see
/// options in the list of processes.
pub const GUEST_PASSWORD_VARIABLE: &str = "VPOLLER_GUEST_PASSWORD";

/// Longest password that is taken, in bytes. The file that is named for a password may be something else.
pub const LONGEST: u64 = 4096;

/// Reads the first line of `input` as a password, without its line break. No more than one line is read.
///
/// # Errors
/// When `input` cannot be read or is not UTF-8, or when the line is longer than [`LONGEST`]: a part of a password is of no use.
pub fn first_line(input: impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    input.take(LONGEST + 1).read_line(&mut line)?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.len() as u64 > LONGEST {
        return Err(io::Error::other(format!("its first line is longer than {LONGEST} bytes, which is no password")));
    }
    Ok(password.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_read_whole_or_not_at_all() {
        let longest = "é".repeat(2048);
        for (text, expected) in [("p4ss w0rd \r\nmore", "p4ss w0rd "), ("", ""), ("\n", ""), (&format!("{longest}\n"), &*longest)]
        {
            assert_eq!(first_line(text.as_bytes()).ok().as_deref(), Some(expected), "{text:?}");
        }
        for text in [format!("{longest}x"), format!("{longest}\u{e9}\n"), "\0".repeat(1 << 20)] {
            assert!(first_line(text.as_bytes()).is_err(), "{} bytes", text.len());
        }
        assert!(first_line(&b"\xff\n"[..]).is_err());
    }
}
