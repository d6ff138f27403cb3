//! The spellings of a name that people type with `/`, `\\` or `%`, which vSphere stores as `%2f`, `%5c`, `%25`.

use std::borrow::Cow;

/// What vSphere stores in place of the characters that mean something in its inventory paths.
const ESCAPES: [(char, &str); 3] = [('/', "2f"), ('\\', "5c"), ('%', "25")];

/// The other ways to write a name than the one that was typed, the likeliest first. None for a name without such characters.
pub(crate) fn spellings(typed: &str) -> impl Iterator<Item = String> {
    let has_other = typed.contains(['/', '\\', '%']);
    // Typed as people see it, typed with some escapes, stored without escapes.
    let ways: [fn(&str) -> String; 3] = [escaped, completed, |typed| decoded_name(typed).into_owned()];
    ways.into_iter().filter(move |_| has_other).map(move |way| way(typed))
}

/// A stored name as people see it.
#[must_use]
pub fn decoded_name(stored: &str) -> Cow<'_, str> {
    if stored.contains('%') { Cow::Owned(rewritten(stored, String::push)) } else { Cow::Borrowed(stored) }
}

/// Every such character escaped.
fn escaped(typed: &str) -> String {
    let mut text = String::with_capacity(typed.len());
    typed.chars().for_each(|character| push_escaped(&mut text, character));
    text
}

/// What is escaped already stays so, and the rest is.
fn completed(typed: &str) -> String {
    rewritten(typed, push_escaped)
}

fn push_escaped(text: &mut String, character: char) {
    match ESCAPES.iter().find(|(of, _)| *of == character) {
        Some((_, code)) => {
            text.push('%');
            text.push_str(code);
        }
        None => text.push(character),
    }
}

/// A text made of the characters of another one, in which an escape counts as the character that it stands for.
fn rewritten(text: &str, push: fn(&mut String, char)) -> String {
    let mut written = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let after = rest.get(character.len_utf8()..).unwrap_or_default();
        let code = after.get(..2).filter(|_| character == '%');
        let escape = code.and_then(|code| ESCAPES.iter().find(|(_, known)| code.eq_ignore_ascii_case(known)));
        push(&mut written, escape.map_or(character, |(of, _)| *of));
        rest = if escape.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(typed: &str) -> Vec<String> {
        spellings(typed).collect()
    }

    #[test]
    fn names_are_spelt_as_typed_and_as_stored() {
        assert_eq!(all("vm01.example.org"), Vec::<String>::new());
        assert_eq!(all("a/b"), ["a%2fb", "a%2fb", "a/b"]);
        assert_eq!(all("a%2Fb"), ["a%252Fb", "a%2fb", "a/b"]);
        assert_eq!(all("100% \\"), ["100%25 %5c", "100%25 %5c", "100% \\"]);
        assert_eq!(all("%"), ["%25", "%25", "%"]);
    }

    proptest! {
        #[test]
        fn what_is_escaped_decodes_to_itself(text in ".*") {
            let [stored, completed] = [escaped(&text), completed(&text)];
            prop_assert_eq!(&*decoded_name(&stored), text.as_str());
            prop_assert_eq!(escaped(&decoded_name(&completed)), completed);
        }
    }
}
