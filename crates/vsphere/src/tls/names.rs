//! Names in certificates, for people.

use x509_parser::prelude::{GeneralName, X509Certificate, X509Name};

/// A name of a certificate on one line, for an error's text: it comes from a server that is not trusted.
pub(super) fn printed(name: &X509Name<'_>) -> String {
    const LONGEST: usize = 120;
    plain(&name.to_string()).chars().take(LONGEST).collect()
}

/// Without control characters.
fn plain(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { '?' } else { character }).collect()
}

/// The host names and addresses in a certificate.
pub(crate) fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return Vec::new() };
    let names = extension.value.general_names.iter();
    names
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(plain(name)),
            GeneralName::IPAddress(bytes) => match **bytes {
                [a, b, c, d] => Some(std::net::Ipv4Addr::new(a, b, c, d).to_string()),
                _ => <[u8; 16]>::try_from(*bytes).ok().map(|bytes| std::net::Ipv6Addr::from(bytes).to_string()),
            },
            _ => None,
        })
        .collect()
}
