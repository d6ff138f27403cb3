//! Which version of the API to speak: the newest that the server and our schema table both know.

use crate::schema;
use crate::xml::{Reader, Unreadable};

/// For servers that publish no versions: those are old, and all newer ones know this version, too.
pub(crate) const FALLBACK: &str = "4.1";

/// Path of the list of versions, which needs no login.
pub(crate) const PAGE: &str = "/sdk/vimServiceVersions.xml";

/// The version to speak with a server that published this page; the fallback when nothing on it fits.
pub(crate) fn choose(page: &str) -> String {
    let ours = parts(schema::version());
    let offered = offered(page).unwrap_or_default();
    let fitting = offered.iter().filter_map(|version| Some((parts(version)?, version)));
    let newest = fitting.filter(|(parts, _)| Some(parts) <= ours.as_ref()).max();
    newest.map_or_else(|| FALLBACK.to_owned(), |(_, version)| version.clone())
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

    fn check(versions: &[&str], expected: &str) {
        let (newest, prior) = versions.split_first().unwrap_or((&"", &[]));
        let prior: String = prior.iter().map(|version| format!("<version>{version}</version>")).collect();
        let page = format!(
            "<?xml version=\"1.0\"?><namespaces version=\"1.0\"><namespace><name>urn:vim25</name><version>{newest}</version>
             <priorVersions>{prior}</priorVersions></namespace><namespace><name>urn:pbm</name><version>2.0</version></namespace>
             </namespaces>"
        );
        assert_eq!(choose(&page), expected, "{versions:?}");
    }

    #[test]
    fn the_newest_common_version_is_chosen() {
        check(&["8.0.2.0", "8.0.1.0", "6.7", "2.5u2"], "8.0.2.0");
        check(&["6.5"], "6.5");
        check(&["99.0.0.0", "10.0.9.0", schema::version(), "8.0.2.0"], schema::version());
        check(&["99.0"], FALLBACK);
        check(&["6.7.3", "6.7", "6.7.1"], "6.7.3");
    }

    #[test]
    fn without_a_readable_page_the_oldest_is_spoken() {
        for page in ["", "<html>", "<namespaces/>", "no XML & at all"] {
            assert_eq!(choose(page), FALLBACK);
        }
    }
}
