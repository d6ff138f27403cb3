//! Faults: what the server says went wrong.

use std::fmt;

use crate::{Class, MoRef, Struct, Value, schema, session_key};

/// A fault of a call, or of one property in a missing set.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// Type of the fault, such as `InvalidProperty`.
    pub kind: String,
    /// The server's words, without keys of sessions; may be empty.
    pub message: String,
    /// The members of the fault, such as `name`, `obj` or `privilegeId`.
    pub detail: Struct,
}

impl Fault {
    /// Builds a fault from its data object and the server's words.
    #[must_use]
    pub fn new(detail: Struct, message: String) -> Self {
        Self { kind: detail.kind.to_string(), message: session_key::hidden(&message).into_owned(), detail }
    }

    /// What a server says that lacks a function.
    pub(crate) fn unsupported(message: &str) -> Self {
        Self::new(Struct { kind: "NotSupported".into(), fields: Vec::new() }, message.to_owned())
    }

    /// Whether the fault is of this type or extends it.
    #[must_use]
    pub fn is_a(&self, kind: &str) -> bool {
        schema::is_a(&self.kind, kind)
    }

    /// The property path or argument that was refused (`InvalidProperty`, `InvalidArgument`).
    #[must_use]
    pub fn property(&self) -> Option<&str> {
        let member = match self.kind.as_str() {
            "InvalidProperty" => "name",
            _ => "invalidProperty",
        };
        self.detail.get(member).and_then(Value::as_str)
    }

    /// The object that is meant: the vanished one, or the one that must not be read.
    #[must_use]
    pub fn object(&self) -> Option<&MoRef> {
        let own = ["obj", "object"].iter().find_map(|member| self.detail.get(member));
        own.or_else(|| self.missing_privileges()?.get("entity")).and_then(Value::as_moref)
    }

    /// The privilege that the account lacks.
    #[must_use]
    pub fn privilege(&self) -> Option<&str> {
        let own = self.detail.get("privilegeId");
        own.or_else(|| self.missing_privileges()?.get("privilegeIds").map(first)).and_then(Value::as_str)
    }

    /// The first entity with the privileges that are missing there: since vSphere 8.0.1 in place of one object and one privilege.
    fn missing_privileges(&self) -> Option<&Struct> {
        self.detail.get("missingPrivileges").map(first).and_then(Value::as_struct)
    }

    /// What kind of reaction the fault asks for.
    #[must_use]
    pub fn class(&self) -> Class {
        let known: [(&[&str], Class); 7] = [
            // A wrong guest password is the caller's; it says nothing about our own login.
            (&["InvalidGuestLogin", "GuestPermissionDenied", "GuestAuthenticationChallenge"], Class::Permission),
            (&["NotAuthenticated"], Class::Session),
            (&["InvalidLogin", "InvalidLocale", "PasswordExpired", "AccountLocked"], Class::Auth),
            (&["NoPermission", "RestrictedByAdministrator", "RestrictedVersion"], Class::Permission),
            (&["InvalidCollectorVersion"], Class::Session),
            (
                &[
                    "InvalidProperty",
                    "InvalidArgument",
                    "InvalidName",
                    "InvalidType",
                    "InvalidRequest",
                    "MethodNotFound",
                    "NotSupported",
                    "NotImplemented",
                    "InvalidPowerState",
                    "InvalidState",
                ],
                Class::Argument,
            ),
            // Requests are cancelled by a server that is shutting down.
            (&["RequestCanceled", "TooManyHosts", "TooManyConcurrentNativeClones"], Class::Overload),
        ];
        let found = known.iter().find(|(kinds, _)| kinds.iter().any(|kind| self.is_a(kind)));
        found.map_or(Class::Object, |(_, class)| *class)
    }
}

/// The first element of a list; a value that is no list itself, as a list of one is read where the schema does not know the member.
fn first(value: &Value) -> &Value {
    value.as_list().and_then(<[Value]>::first).unwrap_or(value)
}

/// The fault's name, what it is about, and the server's words.
impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.kind)?;
        if let Some(property) = self.property() {
            write!(out, " (property {property})")?;
        }
        if let Some(object) = self.object() {
            write!(out, " (object {object})")?;
        }
        if let Some(privilege) = self.privilege() {
            write!(out, " (privilege {privilege})")?;
        }
        match self.message.as_str() {
            "" => Ok(()),
            message => write!(out, ": {message}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn structure(kind: &str, members: Vec<(&str, Value)>) -> Struct {
        Struct { kind: kind.into(), fields: members.into_iter().map(|(name, value)| (name.into(), value)).collect() }
    }

    fn shown(members: Vec<(&str, Value)>) -> String {
        Fault::new(structure("NoPermission", members), String::new()).to_string()
    }

    #[test]
    fn either_form_of_a_missing_privilege_is_read_and_the_older_one_preferred() {
        let vm = |id: &str| Value::from(MoRef::new("VirtualMachine", id));
        let old = || vec![("object", vm("vm-1")), ("privilegeId", Value::string("System.Read"))];
        let privileges = |ids: Value| {
            let entry = structure("NoPermissionEntityPrivileges", vec![("entity", vm("vm-2")), ("privilegeIds", ids)]);
            Value::from(entry)
        };
        let ids = || Value::List(vec![Value::string("System.View"), Value::string("System.Read")]);
        let (first, second) = (
            "NoPermission (object vim.VirtualMachine:vm-1) (privilege System.Read)",
            "NoPermission (object vim.VirtualMachine:vm-2) (privilege System.View)",
        );
        assert_eq!(shown(old()), first);
        assert_eq!(shown(vec![("missingPrivileges", Value::List(vec![privileges(ids())]))]), second);
        assert_eq!(shown(vec![("missingPrivileges", privileges(Value::string("System.View")))]), second, "a list of one");
        assert_eq!(shown([old(), vec![("missingPrivileges", Value::List(vec![privileges(ids())]))]].concat()), first);
        assert_eq!(shown(vec![("missingPrivileges", Value::List(Vec::new()))]), "NoPermission");
    }
}
