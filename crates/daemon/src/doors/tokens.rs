//! Bearer tokens: a file with one a line, for readers that send a token and no password, as Ceilometer does.

use std::fmt;

use ring::hmac;
use ring::rand::SystemRandom;

/// What is shorter can be guessed.
const SHORTEST: usize = 16;
const LONGEST: usize = 512;

/// The tokens of a file, as digests.
pub(super) struct Tokens {
    key: hmac::Key,
    tags: Vec<hmac::Tag>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("number", &self.tags.len()).finish_non_exhaustive()
    }
}

impl Tokens {
    /// Reads the text of a file: one token a line; empty lines and lines that begin with `#` are left out.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let key =
            hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).map_err(|_| "the system gives no random numbers")?;
        let mut tags = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let token = line.trim();
            if token.is_empty() || token.starts_with('#') {
                continue;
            }
            let is_character = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
            if !token.bytes().all(is_character) {
                return Err(format!("line {number}: a token is of letters, digits and -._~+/= only"));
            }
            if !(SHORTEST..=LONGEST).contains(&token.len()) {
                return Err(format!(
                    "line {number}: a token has {SHORTEST} to {LONGEST} characters; openssl rand -hex 32 makes one"
                ));
            }
            tags.push(hmac::sign(&key, token.as_bytes()));
        }
        if tags.is_empty() { Err("there is no token in it".to_owned()) } else { Ok(Self { key, tags }) }
    }

    /// Whether it is one of them; takes as long for one as for another.
    pub(super) fn has(&self, token: &[u8]) -> bool {
        self.tags.iter().fold(false, |found, tag| found | hmac::verify(&self.key, token, tag.as_ref()).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tokens_are_lines_of_a_file() {
        let tokens = Tokens::parse("# for Ceilometer\n\n0123456789abcdef\r\n  ABCDEFGHIJKLMNOPQ=\n").unwrap();
        assert!(tokens.has(b"0123456789abcdef") && tokens.has(b"ABCDEFGHIJKLMNOPQ="));
        for wrong in ["", "0123456789abcde", "0123456789abcdefg", "# for Ceilometer"] {
            assert!(!tokens.has(wrong.as_bytes()), "{wrong}");
        }
        assert!(!format!("{tokens:?}").contains("0123456789"));
    }

    #[test]
    fn what_is_no_token_is_refused_without_quoting_it() {
        for (text, reason) in [
            ("", "there is no token"),
            ("# x\n", "there is no token"),
            ("0123456789abcdef\nshort\n", "line 2: a token has 16 to 512"),
            ("two words and more than that", "line 1: a token is of letters"),
            ("umlaut-umlaut-umlaut-\u{e4}", "line 1: a token is of letters"),
        ] {
            let error = Tokens::parse(text).unwrap_err();
            assert!(error.contains(reason) && !error.contains("short") && !error.contains("umlaut"), "{error}");
        }
        assert!(Tokens::parse(&"x".repeat(LONGEST + 1)).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_judged(text in any::<String>(), lines in prop::collection::vec("[ \t]?(#|)[a-zA-Z0-9._~+/=\u{e4} -]{0,24}\r?", 0..6)) {
            for text in [text, lines.join("\n")] {
                let good = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
                let good: Vec<&str> = good.collect();
                match Tokens::parse(&text) {
                    Ok(tokens) => {
                        prop_assert!(!good.is_empty() && good.iter().all(|line| tokens.has(line.as_bytes())));
                        prop_assert!(!tokens.has(text.as_bytes()) || good == [text.as_str()], "the file as a whole opens nothing");
                    }
                    Err(error) => prop_assert!(good.iter().all(|line| line.len() < SHORTEST || !error.contains(line)), "{error}"),
                }
            }
        }
    }
}
