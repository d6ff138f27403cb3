//! What differs between the versions of the API. The version decides, because Zabbix often ignores unknown parameters silently.

use std::fmt;

use serde_json::{Value, json};

use super::state::{CurrentPoller, WantedPoller};

/// The API's version.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Dialect {
    major: u32,
    minor: u32,
}

/// The oldest version that this program supports.
const OLDEST: Dialect = Dialect { major: 6, minor: 0 };

/// The newest version whose API was compared with what this program calls. 7.2, 7.4 and 8.0 took away none of it: what 7.2 removed
/// (the session in the body, `selectGroups`, `proxy_hostid`) is not sent to versions that have its successor.
const NEWEST: Dialect = Dialect { major: 8, minor: 0 };

impl Dialect {
    /// Reads what `apiinfo.version` answers, such as `6.0.14` or `7.0.0rc1`.
    ///
    /// # Errors
    /// When it is no version, or one that is too old.
    pub(crate) fn new(version: &str) -> Result<Self, String> {
        let mut numbers = version.split('.').map(|kind_plan| kind_plan.parse().ok());
        let (Some(Some(major)), Some(Some(minor))) = (numbers.next(), numbers.next()) else {
            return Err(format!("{version:?} is no version of Zabbix"));
        };
        let dialect = Self { major, minor };
        if dialect < OLDEST { Err(format!("Zabbix {version} is too old, {OLDEST} is needed")) } else { Ok(dialect) }
    }

    /// Whether the API may have changed in a way that this program does not know.
    pub(crate) fn is_newer_than_known(self) -> bool {
        self > NEWEST
    }

    /// Whether the session goes into the `Authorization` header (since 6.4; before, only into the body).
    pub(crate) fn authorizes_by_header(self) -> bool {
        self >= Self { major: 6, minor: 4 }
    }

    /// Parameter and member of `host.get` for host groups (renamed in 6.2).
    pub(crate) fn host_groups(self) -> (&'static str, &'static str) {
        if self >= (Self { major: 6, minor: 2 }) { ("selectHostGroups", "hostgroups") } else { ("selectGroups", "groups") }
    }

    /// Whether there are proxy groups, and proxies have a `name` (7.0).
    pub(crate) fn has_proxy_groups(self) -> bool {
        self.major >= 7
    }

    /// The member of a proxy that holds its name.
    pub(crate) fn proxy_name(self) -> &'static str {
        if self.has_proxy_groups() { "name" } else { "host" }
    }

    /// Members of a host that say what polls it.
    pub(crate) fn polling_members(self) -> &'static [&'static str] {
        if self.has_proxy_groups() { &["monitored_by", "proxyid", "proxy_groupid"] } else { &["proxy_hostid"] }
    }

    /// Reads these members.
    pub(crate) fn polled_by(self, host: &Value) -> CurrentPoller {
        let text = |name: &str| host[name].as_str().unwrap_or("0").to_owned();
        if !self.has_proxy_groups() {
            return Some(text("proxy_hostid")).filter(|id| id != "0").map_or(CurrentPoller::Server, CurrentPoller::Proxy);
        }
        match text("monitored_by").as_str() {
            "1" => CurrentPoller::Proxy(text("proxyid")),
            "2" => CurrentPoller::Group(text("proxy_groupid")),
            _ => CurrentPoller::Server,
        }
    }

    /// The members that set what polls a host.
    pub(crate) fn poll_by(self, by: &WantedPoller) -> Value {
        match by {
            WantedPoller::Proxy(proxy) if self.has_proxy_groups() => json!({"monitored_by": 1, "proxyid": proxy.id}),
            WantedPoller::Proxy(proxy) => json!({"proxy_hostid": proxy.id}),
            WantedPoller::Group(group) => json!({"monitored_by": 2, "proxy_groupid": group.id}),
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zabbix::state::IdName;

    fn dialect(version: &str) -> Dialect {
        Dialect::new(version).unwrap()
    }

    #[test]
    fn versions_are_read_and_old_ones_refused() {
        assert_eq!(dialect("6.0.14").to_string(), "6.0");
        assert_eq!(dialect("7.0.0rc1").to_string(), "7.0");
        for version in ["5.0.40", "x", "", "7"] {
            Dialect::new(version).unwrap_err();
        }
    }

    #[test]
    fn versions_up_to_8_0_are_known_and_later_ones_get_its_calls() {
        for version in ["6.0.14", "7.0.22", "7.2.0", "7.4.6", "8.0.0", "8.0.0rc1"] {
            assert!(!dialect(version).is_newer_than_known(), "{version}");
        }
        for version in ["8.2.0", "9.0.1", "10.0.0"] {
            assert!(dialect(version).is_newer_than_known(), "{version}");
        }
        for version in ["7.2.0", "7.4.6", "8.0.0", "10.0.0"] {
            let later = dialect(version);
            assert!(later.authorizes_by_header() && later.has_proxy_groups(), "{version}");
            assert_eq!(later.host_groups(), ("selectHostGroups", "hostgroups"), "{version}");
        }
    }

    #[test]
    fn each_version_gets_what_it_knows() {
        let [old, renamed, middle, new] = ["6.0.14", "6.2.9", "6.4.0", "7.0.9"].map(dialect);
        assert_eq!([old, renamed, middle, new].map(Dialect::authorizes_by_header), [false, false, true, true]);
        let groups = [("selectGroups", "groups"), ("selectHostGroups", "hostgroups")];
        assert_eq!([old, renamed, middle, new].map(Dialect::host_groups), [groups[0], groups[1], groups[1], groups[1]]);
        assert_eq!([old, renamed, middle, new].map(Dialect::proxy_name), ["host", "host", "host", "name"]);
        let proxy = WantedPoller::Proxy(IdName { id: "7".to_owned(), name: "p".to_owned() });
        assert_eq!(middle.poll_by(&proxy), json!({"proxy_hostid": "7"}));
        assert_eq!(new.poll_by(&proxy), json!({"monitored_by": 1, "proxyid": "7"}));
        assert_eq!(old.polled_by(&json!({"proxy_hostid": "7"})), CurrentPoller::Proxy("7".to_owned()));
        assert_eq!(old.polled_by(&json!({"proxy_hostid": "0"})), CurrentPoller::Server);
        let group = json!({"monitored_by": "2", "proxyid": "0", "proxy_groupid": "3"});
        assert_eq!(new.polled_by(&group), CurrentPoller::Group("3".to_owned()));
        assert_eq!(new.polled_by(&json!({"monitored_by": "0"})), CurrentPoller::Server);
    }
}
