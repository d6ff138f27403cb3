//! The files that make a Ceilometer poll us: definitions of pollsters, what to poll when, and how it shows who it is.
//!
//! Ceilometer's agent does not start when one file of definitions is not as it wants it, and says nothing when a name selects no
//! meter. So they are written here and not by hand: `.yaml` files that are never empty, every meter named in full.

use std::fmt::Write;

use super::answer::BASE;
use super::entries::FAMILIES;
use super::meters::{METERS, Meter, Resource};

/// What the files are for.
#[derive(Clone, Debug)]
pub struct CeilometerPlan {
    /// Where the exporter answers, such as `http://127.0.0.1:9272`.
    pub url: String,
    /// Seconds between polls.
    pub interval: u32,
    /// How Ceilometer shows who it is.
    pub token: Token,
    /// One request for the meters of all devices that have one unit, for those whose samples go to the message bus. On Ceilometer's own
    /// Prometheus page, resources that are polled so stay for ever.
    pub lists: bool,
    /// Entries of a page, where answers come in pages.
    pub page: Option<usize>,
}

/// The token that Ceilometer sends.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Token {
    /// None.
    None,
    /// The contents of this file, read for every poll.
    File(String),
}

/// A file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PlanFile {
    /// Its path below the folder of Ceilometer's configuration.
    pub path: &'static str,
    /// Its text.
    pub text: String,
}

/// The files that were asked for cannot be made.
#[derive(Debug, thiserror::Error, Eq, PartialEq)]
pub enum PlanError {
    /// Ceilometer cannot use the address.
    #[error("{0:?} is no address such as http://127.0.0.1:9272")]
    Url(String),
    /// The files may be read by everybody.
    #[error(
        "the address must not have a user or a password in it, because Ceilometer's files are no place for them; use a token"
    )]
    User,
    /// The address of the next page is one of the exporter's own.
    #[error("{0:?} has a path, below which the exporter does not know of: pages cannot be had there")]
    Pages(String),
    /// Ceilometer splits at commas and trims what it hands to the module.
    #[error(
        "{0:?} cannot be handed to Ceilometer: the path of the token's file must be absolute, without commas, blanks and quotes"
    )]
    TokenFile(String),
    /// It would poll without a pause.
    #[error("the interval must be at least one second")]
    Interval,
}

/// The name under which Ceilometer finds the module, in a folder of its `PYTHONPATH`.
const MODULE: &str = "vpoller_ceilometer";

/// The fields of every entry that are handed on.
const METADATA: [&str; 20] = [
    "instance_id",
    "display_name",
    "name",
    "host",
    "instance_host",
    "instance_type",
    "image_ref",
    "status",
    "state",
    "state_code",
    "vcpus",
    "memory_mb",
    "disk_gb",
    "architecture",
    "task_state",
    "user_name",
    "project_name",
    "vm_name",
    "vcenter",
    "moid",
];
const DISK: [&str; 1] = ["disk_name"];
const NETWORK_CARD: [&str; 4] = ["vnic_name", "mac", "fref", "parameters"];

/// What tells a file that was made here from others.
pub(crate) const MARK: &str = "Made by vpoller-exporter ceilometer-config";

const PYTHON: &str = r#""""How Ceilometer's pollsters show the exporter of vPoller who they are.

Made by vpoller-exporter ceilometer-config. Belongs into a folder of the agent's PYTHONPATH: Ceilometer imports modules of the top level only.
"""


class Anonymous:
    """Sends no token."""

    def __init__(self, *ignored):
        # Without parameters Ceilometer hands the name of its resource over.
        pass

    def __call__(self, request):
        return request


class Bearer:
    """Sends a token."""

    def __init__(self, *token):
        # Ceilometer splits the parameters at commas.
        self.token = ",".join(token)

    def __call__(self, request):
        request.headers["Authorization"] = "Bearer " + self.token
        return request


class BearerFile:
    """Sends the token that is in a file, which may change at any time."""

    def __init__(self, *path):
        self.path = ",".join(path)

    def __call__(self, request):
        with open(self.path, encoding="utf-8") as file:
            request.headers["Authorization"] = "Bearer " + file.read().strip()
        return request
"#;

impl CeilometerPlan {
    /// The files.
    ///
    /// # Errors
    /// When Ceilometer could not use them.
    pub fn files(&self) -> Result<Vec<PlanFile>, PlanError> {
        self.check()?;
        let definitions = self.definitions();
        let names: Vec<&str> = definitions.iter().map(|definition| &*definition.name).collect();
        Ok(vec![
            PlanFile { path: "pollsters.d/vpoller.yaml", text: self.pollsters(&definitions) },
            PlanFile { path: "polling.yaml", text: self.polling(&names) },
            PlanFile { path: "vpoller_ceilometer.py", text: PYTHON.to_owned() },
            PlanFile { path: "gnocchi_resources.vpoller.yaml", text: gnocchi() },
        ])
    }

    fn check(&self) -> Result<(), PlanError> {
        let rest = self.url.strip_prefix("http://").or_else(|| self.url.strip_prefix("https://"));
        if rest.is_some_and(|rest| rest.contains('@')) {
            return Err(PlanError::User);
        }
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:[]/%".contains(&byte);
        if !rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', ':']) && rest.bytes().all(is_part)) {
            return Err(PlanError::Url(self.url.clone()));
        }
        if self.page.is_some() && rest.is_some_and(|rest| rest.trim_end_matches('/').contains('/')) {
            return Err(PlanError::Pages(self.url.clone()));
        }
        if let Token::File(path) = &self.token {
            let breaks = |character: char| character.is_whitespace() || character.is_control() || ",'\"\\".contains(character);
            if !path.starts_with('/') || path.contains(breaks) {
                return Err(PlanError::TokenFile(path.clone()));
            }
        }
        if self.interval == 0 { Err(PlanError::Interval) } else { Ok(()) }
    }

    fn definitions(&self) -> Vec<Definition> {
        let is_listed = |meter: &Meter| self.lists && FAMILIES.iter().any(|family| family.resource == meter.resource);
        let mut definitions: Vec<Definition> = METERS
            .iter()
            .filter(|meter| !is_listed(meter))
            .map(|meter| Definition {
                name: meter.name.to_owned(),
                unit: meter.unit,
                value: "value",
                query: format!("samples?meter={}", meter.name),
                resource: meter.resource,
            })
            .collect();
        for family in FAMILIES.iter().filter(|_| self.lists) {
            let path = if family.resource == Resource::Disk { "disk" } else { "network" };
            definitions.push(Definition {
                name: format!("{}{{{}}}", family.prefix, family.key),
                unit: family.meters().next().map_or("", |(meter, _)| meter.unit),
                value: "[meters].value",
                query: format!("{path}?unit={}", family.unit),
                resource: family.resource,
            });
        }
        definitions
    }

    fn pollsters(&self, definitions: &[Definition]) -> String {
        let mut text =
            "# Pollsters for the exporter of vPoller. Made by vpoller-exporter ceilometer-config; belongs into the folder\n\
            # pollsters.d of Ceilometer, as one file whose name ends in .yaml.\n"
                .to_owned();
        let (object, parameters) = match &self.token {
            Token::None => ("Anonymous", None),
            Token::File(path) => ("BearerFile", Some(path)),
        };
        for definition in definitions {
            let limit = self.page.map_or_else(String::new, |page| format!("&limit={page}"));
            let url = format!("{}{BASE}{}{limit}", self.url.trim_end_matches('/'), definition.query);
            let device = match definition.resource {
                Resource::Instance => &[][..],
                Resource::Disk => &DISK[..],
                Resource::NetworkCard => &NETWORK_CARD[..],
            };
            let fields: Vec<&str> = METADATA.iter().chain(device).copied().collect();
            let mut pairs = vec![
                ("sample_type", "gauge"),
                ("unit", definition.unit),
                ("value_attribute", definition.value),
                ("url_path", &url),
                ("module", MODULE),
                ("authentication_object", object),
            ];
            pairs.extend(parameters.map(|path| ("authentication_parameters", &**path)));
            pairs.push(("response_entries_key", "samples"));
            pairs.extend(self.page.map(|_| ("next_sample_url_attribute", "next")));
            line(&mut text, &format!("- name: {}", quoted(&definition.name)));
            for (key, value) in pairs {
                line(&mut text, &format!("  {key}: {}", quoted(value)));
            }
            line(&mut text, &format!("  metadata_fields: [{}]", fields.join(", ")));
        }
        text
    }

    fn polling(&self, names: &[&str]) -> String {
        let mut text = "# What Ceilometer polls, and when. Made by vpoller-exporter ceilometer-config. Where there is a polling.yaml already,\n\
            # add the source to its list.\n"
            .to_owned();
        line(&mut text, "sources:");
        line(&mut text, "  - name: \"vpoller\"");
        line(&mut text, &format!("    interval: {}", self.interval));
        line(&mut text, "    meters:");
        for name in names {
            line(&mut text, &format!("      - {}", quoted(name)));
        }
        line(&mut text, "    # Without a resource of its own, the agent asks Keystone what to poll, and polls nothing.");
        line(&mut text, "    resources:");
        line(&mut text, "      - \"vpoller\"");
        text
    }
}

/// Meters that Ceilometer hands on to Gnocchi by itself. It drops all others of which its list does not say what they are of.
const STORED: [&str; 3] = ["memory", "memory.usage", "vcpus"];

/// What has to be added to Ceilometer's list: entries of their own beside those that it has for the same types.
fn gnocchi() -> String {
    let mut text = format!(
        "  # What Gnocchi stores of vPoller. {MARK}. Belongs at the end of\n  # gnocchi_resources.yaml, below resources.\n"
    );
    for (resource, kind, attributes) in [
        (
            Resource::Instance,
            "instance",
            &[
                ("host", "resource_metadata.(instance_host|host)"),
                ("image_ref", "resource_metadata.image_ref"),
                ("display_name", "resource_metadata.display_name"),
                ("flavor_name", "resource_metadata.instance_type"),
            ][..],
        ),
        (Resource::Disk, "instance_disk", &[("name", "resource_metadata.disk_name"), INSTANCE]),
        (Resource::NetworkCard, "instance_network_interface", &[("name", "resource_metadata.vnic_name"), INSTANCE]),
    ] {
        line(&mut text, &format!("  - resource_type: {kind}"));
        line(&mut text, "    metrics:");
        for meter in METERS.iter().filter(|meter| meter.resource == resource && !STORED.contains(&meter.name)) {
            line(&mut text, &format!("      {}:", meter.name));
        }
        line(&mut text, "    attributes:");
        attributes.iter().for_each(|(name, path)| line(&mut text, &format!("      {name}: {path}")));
    }
    text
}

const INSTANCE: (&str, &str) = ("instance_id", "resource_metadata.instance_id");

/// One definition of a pollster.
#[derive(Debug)]
struct Definition {
    name: String,
    unit: &'static str,
    value: &'static str,
    query: String,
    resource: Resource,
}

/// As YAML has it, which reads what JSON writes.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn line(text: &mut String, line: &str) {
    // A String takes everything.
    let _ = writeln!(text, "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> CeilometerPlan {
        CeilometerPlan { url: "http://127.0.0.1:9272/".to_owned(), interval: 60, token: Token::None, lists: false, page: None }
    }

    fn text(plan: &CeilometerPlan, at: usize) -> String {
        plan.files().unwrap().swap_remove(at).text
    }

    #[test]
    fn every_meter_has_a_definition_and_is_polled() {
        let (pollsters, polling) = (text(&plan(), 0), text(&plan(), 1));
        for meter in &METERS {
            assert_eq!(pollsters.matches(&format!("- name: \"{}\"\n", meter.name)).count(), 1);
            let url = format!("  url_path: \"http://127.0.0.1:9272/v1/ceilometer/samples?meter={}\"\n", meter.name);
            assert!(pollsters.contains(&url) && polling.contains(&format!("      - \"{}\"\n", meter.name)), "{}", meter.name);
        }
        assert!(!pollsters.contains("next_sample_url_attribute") && !pollsters.contains("authentication_parameters"));
        assert!(!pollsters.contains("unit: \"\"") && polling.contains("    interval: 60\n"));
    }

    #[test]
    fn every_file_says_what_made_it() {
        assert!(plan().files().unwrap().iter().all(|file| file.text.contains(MARK)));
    }

    #[test]
    fn every_meter_is_stored_once() {
        let text = text(&plan(), 3);
        for meter in &METERS {
            let times = text.matches(&format!("\n      {}:\n", meter.name)).count();
            assert_eq!(times, usize::from(!STORED.contains(&meter.name)), "{}", meter.name);
        }
    }

    #[test]
    fn lists_have_a_word_of_their_own_for_each_unit() {
        let plan = CeilometerPlan { lists: true, page: Some(1000), token: Token::File("/etc/token".to_owned()), ..plan() };
        let (pollsters, polling) = (text(&plan, 0), text(&plan, 1));
        for (name, unit, query) in [
            ("disk.device.{bytes_meter}", "B/s", "disk?unit=bytes"),
            ("disk.device.{requests_meter}", "request/s", "disk?unit=requests"),
            ("network.{bytes_meter}", "B/s", "network?unit=bytes"),
            ("network.{packets_meter}", "packet/s", "network?unit=packets"),
        ] {
            let definition = format!(
                "- name: \"{name}\"\n  sample_type: \"gauge\"\n  unit: \"{unit}\"\n  value_attribute: \"[meters].value\"\n  url_path: \
                 \"http://127.0.0.1:9272/v1/ceilometer/{query}&limit=1000\"\n  module: \"vpoller_ceilometer\"\n  authentication_object: \
                 \"BearerFile\"\n  authentication_parameters: \"/etc/token\"\n  response_entries_key: \"samples\"\n  \
                 next_sample_url_attribute: \"next\"\n"
            );
            assert!(pollsters.contains(&definition), "{pollsters}");
            assert!(polling.contains(name));
        }
        assert!(!pollsters.contains("disk.device.read"), "each meter once");
        assert!(pollsters.contains("- name: \"disk.read.bytes.rate\"\n"));
    }

    #[test]
    fn what_ceilometer_could_not_use_is_refused() {
        for url in ["", "127.0.0.1:9272", "http://", "http:///x", "ftp://x", "http://a b", "http://x\"y", "http://a\nb"] {
            assert_eq!(CeilometerPlan { url: url.to_owned(), ..plan() }.files(), Err(PlanError::Url(url.to_owned())));
        }
        for path in ["token", "", "/a,b", "/a b", "/a\"b", "/a\n"] {
            let plan = CeilometerPlan { token: Token::File(path.to_owned()), ..plan() };
            assert_eq!(plan.files(), Err(PlanError::TokenFile(path.to_owned())));
        }
        assert_eq!(CeilometerPlan { interval: 0, ..plan() }.files(), Err(PlanError::Interval));
        let refused = CeilometerPlan { url: "http://u:secret@x".to_owned(), ..plan() }.files().unwrap_err();
        assert!(refused == PlanError::User && !refused.to_string().contains("secret"), "{refused}");
        let below = "http://x/vpoller/".to_owned();
        let paged = CeilometerPlan { url: below.clone(), page: Some(1000), ..plan() };
        assert_eq!(paged.files(), Err(PlanError::Pages(below)));
        assert!(CeilometerPlan { url: "http://x/".to_owned(), ..paged }.files().is_ok());
        assert!(CeilometerPlan { url: "https://[::1]:9272/metrics%20x".to_owned(), ..plan() }.files().is_ok());
    }
}
