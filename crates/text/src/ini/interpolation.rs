//! `%(name)s` in values, by ConfigParser's rule of Python 2.7: only values that hold `%(` are looked into.
//!
//! One thing is as in Python 3: `%%(` stands for `%(`. Python 2.7 had no way to write that.

/// What 2.7 allows: a value in a value, and so on.
const DEEPEST: usize = 10;

/// Why a value cannot be made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Interpolation {
    /// There is no key of that name, which is in lower case.
    Unknown(String),
    /// A `%(` without a `)s`.
    Unfinished,
    /// Names lead to names, more than ten deep; mostly in a circle.
    TooDeep,
}

/// Whether a value names others.
#[must_use]
pub fn has_names(value: &str) -> bool {
    value.contains("%(")
}

/// Replaces `%(name)s` by what `lookup` has under the name in lower case, `%%` by `%`; other percent signs stay. A value without
/// `%(` stays as it is.
///
/// # Errors
/// When a name is unknown or not finished, or names go in a circle.
pub fn interpolate(value: &str, lookup: &mut dyn FnMut(&str) -> Option<String>) -> Result<String, Interpolation> {
    nested(value, lookup, 1)
}

fn nested(value: &str, lookup: &mut dyn FnMut(&str) -> Option<String>, depth: usize) -> Result<String, Interpolation> {
    if !has_names(value) {
        return Ok(value.to_owned());
    }
    if depth > DEEPEST {
        return Err(Interpolation::TooDeep);
    }
    let mut made = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once('%') {
        made += before;
        if let Some(after) = after.strip_prefix('%') {
            made.push('%');
            rest = after;
        } else if let Some(named) = after.strip_prefix('(') {
            let (name, after) = named.split_once(')').ok_or(Interpolation::Unfinished)?;
            rest = after.strip_prefix('s').ok_or(Interpolation::Unfinished)?;
            let name = name.to_lowercase();
            let found = lookup(&name).ok_or(Interpolation::Unknown(name))?;
            made += &nested(&found, lookup, depth + 1)?;
        } else {
            made.push('%');
            rest = after;
        }
    }
    Ok(made + rest)
}

/// The value that [`interpolate`] makes this one of.
#[must_use]
pub fn escape(value: &str) -> String {
    if has_names(value) { value.replace('%', "%%") } else { value.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn made(value: &str) -> Result<String, Interpolation> {
        interpolate(value, &mut |name| match name {
            "dir" => Some("/srv".to_owned()),
            "half" => Some("50%%".to_owned()),
            "deep" => Some("%(dir)s/deep".to_owned()),
            "me" => Some("%(me)s".to_owned()),
            _ => None,
        })
    }

    #[test]
    fn names_are_replaced_and_percent_signs_stay() {
        for (value, expected) in [
            ("100%", "100%"),
            ("100%%", "100%%"),
            ("%s %d %", "%s %d %"),
            ("%(dir)s/x", "/srv/x"),
            ("%(DIR)s%(dir)s", "/srv/srv"),
            ("%(deep)s", "/srv/deep"),
            ("5%% in %(dir)s", "5% in /srv"),
            ("5% in %(dir)s", "5% in /srv"),
            ("%(half)s", "50%%"),
            ("a%%(dir)s", "a%(dir)s"),
            ("%%%(dir)s", "%/srv"),
        ] {
            assert_eq!(made(value).as_deref(), Ok(expected), "{value}");
        }
        assert_eq!(made("%(nowhere)s"), Err(Interpolation::Unknown("nowhere".to_owned())));
        assert_eq!(made("%()s"), Err(Interpolation::Unknown(String::new())));
        for value in ["%(dir", "%(dir)", "%(dir)d", "%("] {
            assert_eq!(made(value), Err(Interpolation::Unfinished), "{value}");
        }
        assert_eq!(made("%(me)s"), Err(Interpolation::TooDeep));
    }

    proptest! {
        #[test]
        fn what_is_escaped_comes_back(value in "[a%()s]{0,12}") {
            prop_assert_eq!(made(&escape(&value)), Ok(value));
        }
    }
}
