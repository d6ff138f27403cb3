//! Keys of sessions in texts. What a session makes (views, collectors, filters) is named by `session[KEY]` and an id. The key names the
//! session to those who may end it, so that no error and no line of a log shows it.

use std::borrow::Cow;

const BEFORE: &str = "session[";
const AFTER: char = ']';
const HIDDEN: &str = "…";

/// A text without the keys in it.
pub(crate) fn hidden(text: &str) -> Cow<'_, str> {
    let mut parts = text.split(BEFORE);
    let first = parts.next().unwrap_or_default();
    if first.len() == text.len() {
        return Cow::Borrowed(text);
    }
    let rest = |part: &str| part.find(AFTER).and_then(|end| part.get(end..)).unwrap_or_default().to_owned();
    Cow::Owned(parts.fold(first.to_owned(), |shown, part| shown + BEFORE + HIDDEN + &rest(part)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fault, MoRef, Struct, Value};

    #[test]
    fn no_text_shows_a_key() {
        assert_eq!(hidden("object vim.X:session[52b1-7c]52aa) gone"), "object vim.X:session[…]52aa) gone");
        assert_eq!(
            (hidden("session[1]a session[2]b"), hidden("session[cut")),
            ("session[…]a session[…]b".into(), "session[…".into())
        );
        assert!(matches!(hidden("no session"), Cow::Borrowed("no session")));
    }

    #[test]
    fn neither_a_reference_nor_a_fault_shows_a_key() {
        let view = MoRef::new("ContainerView", "session[52b1-7c]52aa");
        let fields = vec![("obj".into(), Value::from(view.clone()))];
        let words = format!("The object 'vim.view.ContainerView:{}' has already been deleted", view.id);
        let fault = Fault::new(Struct { kind: "ManagedObjectNotFound".into(), fields }, words);
        let shown = [view.to_string(), format!("{view:?}"), fault.to_string(), format!("{fault:?}")];
        assert!(shown.iter().all(|text| text.contains("session[…]52aa") && !text.contains("7c")), "{shown:?}");
    }
}
