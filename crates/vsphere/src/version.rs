//! Which version of the API to speak: the newest that the server and our schema table both know.
//!
//! The server publishes its versions on a page of its own, which gateways and hardened servers may withhold. The service content,
//! which needs no login either, has the newest of them.

use std::time::Duration;

use crate::schema;
use crate::xml::{Reader, Unreadable};

/// For servers that say nothing of their versions: those are old, and nearly all newer ones know this version, too.
pub(crate) const FALLBACK: &str = "4.1";

/// The longest wait for the page. Whatever hinders it must not keep us from the web service, which says the same.
pub(crate) const PAGE_LIMIT: Duration = Duration::from_secs(3);

/// Path of the list of versions, which needs no login.
pub(crate) const PAGE: &str = "/sdk/vimServiceVersions.xml";

/// Versions in which a server is asked for its service content, one after the other, when its versions are not known yet.
pub(crate) fn unseen() -> [&'static str; 3] {
    [FALLBACK, "6.7", schema::version()]
}

/// The version to speak with a server that published this page; nothing when no version on it fits.
pub(crate) fn choose(page: &str) -> Option<String> {
    let ours = parts(schema::version());
    // What stands before something unreadable counts, and a page that is none has no versions.
    let offered = offered(page).unwrap_or_default();
    let fitting = offered.iter().filter_map(|version| Some((parts(version)?, version)));
    let newest = fitting.filter(|(parts, _)| Some(parts) <= ours.as_ref()).max();
    newest.map(|(_, version)| version.clone())
}

/// The version to speak with a server whose newest version this is (`about.apiVersion`); nothing when it is no number.
pub(crate) fn up_to(newest: &str) -> Option<String> {
    let newest = newest.trim();
    let ours = schema::version();
    let is_newer = parts(newest)? > parts(ours)?;
    Some(if is_newer { ours } else { newest }.to_owned())
}

/// All versions that the page names for the namespace of the API.
fn offered(page: &str) -> Result<Vec<String>, Unreadable> {
    let mut reader = Reader::new(page, 20);
    let mut versions = Vec::new();
    // namespaces > namespace > name, version, priorVersions > version
    if reader.child()?.is_none() {
        return Ok(versions);
    }
    while reader.child()?.is_some() {
        let mut name = String::new();
        let mut found = Vec::new();
        while let Some(part) = reader.child()? {
            match part.name() {
                "name" => name = reader.text()?.0.trim().to_owned(),
                "version" => found.push(reader.text()?.0.trim().to_owned()),
                _ => {
                    while reader.child()?.is_some() {
                        found.push(reader.text()?.0.trim().to_owned());
                    }
                }
            }
        }
        if name == "urn:vim25" {
            versions.append(&mut found);
        }
    }
    Ok(versions)
}

/// The numbers of a version; nothing for the few with letters, which are older than all that matter.
fn parts(version: &str) -> Option<Vec<u32>> {
    version.split('.').map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(versions: &[&str], expected: Option<&str>) {
        let (newest, prior) = versions.split_first().unwrap_or((&"", &[]));
        let prior: String = prior.iter().map(|version| format!("<version>{version}</version>")).collect();
        let page = format!(
            "<?xml version=\"1.0\"?><namespaces version=\"1.0\"><namespace><name>urn:vim25</name><version>{newest}</version>
             <priorVersions>{prior}</priorVersions></namespace><namespace><name>urn:pbm</name><version>2.0</version></namespace>
             </namespaces>"
        );
        let found = choose(&page);
        assert_eq!(found.as_deref(), expected, "{versions:?}");
        // Some servers write a word before it.
        assert_eq!(choose(&format!("uA046D008{page}")), found);
        assert_eq!(choose(&format!("\n ok\n{page}")), found);
    }

    #[test]
    fn the_newest_common_version_is_chosen() {
        check(&["8.0.2.0", "8.0.1.0", "6.7", "2.5u2"], Some("8.0.2.0"));
        check(&["6.5"], Some("6.5"));
        check(&["99.0.0.0", "10.0.9.0", schema::version(), "8.0.2.0"], Some(schema::version()));
        check(&["99.0"], None);
        check(&["6.7.3", "6.7", "6.7.1"], Some("6.7.3"));
    }

    #[test]
    fn a_page_without_versions_says_nothing() {
        for page in ["", "<html>", "<html><body><p>log in<br></p></body></html>", "<namespaces/>", "no XML & at all", "uA046D008"]
        {
            assert_eq!(choose(page), None, "{page}");
        }
    }

    #[test]
    fn the_newest_version_of_the_server_bounds_ours() {
        for (newest, spoken) in [("8.0.2.0", Some("8.0.2.0")), (" 6.5 ", Some("6.5")), ("99.0", Some(schema::version()))] {
            assert_eq!(up_to(newest).as_deref(), spoken);
        }
        assert_eq!((up_to("2.5u2"), up_to(""), up_to("dev")), (None, None, None));
    }
}
