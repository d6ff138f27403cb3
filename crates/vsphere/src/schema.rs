//! Which members the data types of vSphere have (skeleton).

/// A member of a data type.
pub struct Member;

pub fn member(_kind: &str, _member: &str) -> Option<&'static Member> {
    None
}

pub fn is_a(kind: &str, base: &str) -> bool {
    kind == base
}
