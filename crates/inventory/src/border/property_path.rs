//! Property paths: `guest`, `guest.net`, `guest.net["4000"].connected`.

/// Whether the path is `outer` or a part of what `outer` names.
#[must_use]
pub fn is_within(path: &str, outer: &str) -> bool {
    path.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_separated_by_dots_and_brackets() {
        for path in ["guest", "guest.net", "guest[4000].ipAddress"] {
            assert!(is_within(path, "guest"), "{path}");
        }
        assert!(!is_within("guestHeartbeatStatus", "guest") && !is_within("guest", "guest.net"));
    }
}
