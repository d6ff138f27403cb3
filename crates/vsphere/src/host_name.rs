//! Which texts can name a host: a certificate and the name service know only some.

use std::net::IpAddr;

use rustls_pki_types::ServerName;

use crate::{Error, error};

/// Whether a host of this name can be connected to and its certificate checked.
///
/// # Errors
/// When it never can, with the form that would do where there is one.
pub fn check_host_name(host: &str) -> Result<(), Error> {
    if host.parse::<IpAddr>().is_ok() {
        return Ok(());
    }
    let usable = ServerName::try_from(host).is_ok() && as_url(host).is_some_and(|written| written.eq_ignore_ascii_case(host));
    if usable { Ok(()) } else { Err(refused(host)) }
}

/// The error for a name that is none.
pub(crate) fn refused(host: &str) -> Error {
    error::config(format!("{host:?} is neither a host name nor an address{}", way_out(host)))
}

fn way_out(host: &str) -> String {
    if let Some((_, rest)) = host.split_once("://") {
        let name = rest.split(['/', ':']).next().unwrap_or_default();
        return format!("; leave out what is around the name: {name:?}");
    }
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if bare.parse::<IpAddr>().is_ok() {
        return format!("; write the address without brackets: {bare}");
    }
    if host.trim() != host {
        return "; there are blanks around it".to_owned();
    }
    if let Some((name, port)) = host.rsplit_once(':')
        && port.parse::<u16>().is_ok()
        && check_host_name(name).is_ok()
    {
        return format!("; give the port {port} apart from the name {name}");
    }
    match as_url(host) {
        Some(written) if !host.is_ascii() && ServerName::try_from(written.as_str()).is_ok() => {
            format!("; the name service and certificates know it as {written}")
        }
        Some(written) if written.parse::<IpAddr>().is_ok() => format!("; the address would be written {written}"),
        _ => String::new(),
    }
}

/// The name as it goes into a URL: other scripts in the form of the name service, odd forms of addresses in the usual one.
fn as_url(host: &str) -> Option<String> {
    if host.contains(['/', '@', ':', '?', '#', '%', '\\'])
        || host.chars().any(|character| character.is_whitespace() || character.is_control())
    {
        return None;
    }
    reqwest::Url::parse(&format!("https://{host}/")).ok()?.host_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_work_are_taken() {
        for host in [
            "vc01",
            "vc01.example.org",
            "VC01.Example.ORG",
            "esxi_01.example.org",
            "vc01.example.org.",
            "10.0.0.1",
            "::1",
            "xn--exmple-cua.org",
            "2001:db8::7",
            "1a.example.org",
        ] {
            assert!(check_host_name(host).is_ok(), "{host}: {:?}", check_host_name(host));
        }
    }

    #[test]
    fn names_that_never_work_are_refused_with_the_way_out() {
        for (host, way_out) in [
            ("vc01.exämple.org", "know it as vc01.xn--exmple-cua.org"),
            ("vcenter.例え.jp", "know it as vcenter.xn--r8jz45g.jp"),
            ("VC01.EXÄMPLE.ORG", "know it as vc01.xn--exmple-cua.org"),
            ("https://vc01.example.org/sdk", "leave out what is around the name: \"vc01.example.org\""),
            ("vc01.example.org:8443", "give the port 8443 apart from the name vc01.example.org"),
            ("[2001:db8::7]", "without brackets: 2001:db8::7"),
            (" vc01", "blanks around it"),
            ("010.0.0.1", "would be written 8.0.0.1"),
            ("10.1", "would be written 10.0.0.1"),
            ("2130706433", "would be written 127.0.0.1"),
            ("vc01/evil", ""),
            ("root@vc01", ""),
            ("vc 01", ""),
            ("vc01..example.org", ""),
            ("", ""),
        ] {
            let text = check_host_name(host).unwrap_err().to_string();
            assert!(text.contains("neither a host name nor an address") && text.ends_with(way_out), "{text}");
        }
        assert!(check_host_name(&"a".repeat(64)).is_err());
        assert!(check_host_name("fe80::1%eth0").is_err());
    }
}
