//! From a request's path and query to the text of its answer.

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use serde::Serialize;

use super::entries::{Entry, FAMILIES, Family, Instances};
use super::meters::{METERS, Meter, Resource, meter};

/// What was asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Question {
    subject: AskedFor,
    /// Entries of a page, where pages are wanted.
    limit: Option<usize>,
    /// Only instances after this one.
    marker: Option<String>,
}

#[derive(Clone, Copy, Debug)]
enum AskedFor {
    Meter(&'static Meter),
    Family(Family),
}

/// Why there is no answer: the status and one line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Refused {
    /// HTTP status.
    pub status: u16,
    /// One line for whoever reads Ceilometer's log.
    pub reason: String,
}

/// `samples` comes first: Ceilometer takes the first key for the list when its definition does not name one.
#[derive(Serialize)]
struct Answer<'a> {
    samples: Vec<Entry<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Pages are no smaller, because Ceilometer needs a frame of its stack for each.
pub(crate) const SMALLEST_PAGE: usize = 1000;

/// The first part of every path here.
pub(crate) const BASE: &str = "/v1/ceilometer/";

/// What has to be written otherwise in the value of a query.
const RESERVED: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'%').add(b'&').add(b'+').add(b'<').add(b'=').add(b'>').add(b'?').add(b';');

impl PartialEq for AskedFor {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Meter(one), Self::Meter(other)) => one.name == other.name,
            (Self::Family(one), Self::Family(other)) => one == other,
            _ => false,
        }
    }
}

impl Eq for AskedFor {}

impl Question {
    /// Reads what follows [`BASE`] in the path, and the query. Parameters that are not known say nothing.
    pub(crate) fn read(rest: &str, query: &str) -> Result<Self, Refused> {
        let parameter = |name: &str| parameter(query, name).filter(|value| !value.is_empty());
        let subject = match rest.strip_suffix('/').unwrap_or(rest) {
            "samples" => {
                let name = parameter("meter").ok_or_else(|| Refused::new(400, &format!("which meter? {}", names())))?;
                AskedFor::Meter(
                    meter(&name).ok_or_else(|| Refused::new(404, &format!("there is no meter {name:?}. {}", names())))?,
                )
            }
            "disk" => AskedFor::family(Resource::Disk, parameter("unit"))?,
            "network" => AskedFor::family(Resource::NetworkCard, parameter("unit"))?,
            other => {
                return Err(Refused::new(404, &format!("there is no {other:?} here, only samples, disk and network")));
            }
        };
        let limit = parameter("limit").map(|text| {
            text.trim().parse().map_err(|_| Refused::new(400, &format!("the limit {text:?} is no number of entries")))
        });
        let limit = limit.transpose()?.map(|limit: usize| limit.max(SMALLEST_PAGE));
        Ok(Self { subject, limit, marker: parameter("marker") })
    }

    /// The answer's text.
    pub(crate) fn answer(&self, instances: &Instances<'_>) -> Result<Vec<u8>, Refused> {
        let marker = self.marker.as_deref();
        let answer = match self.subject {
            AskedFor::Meter(meter) => self.page(instances.of_meter(meter, marker)),
            AskedFor::Family(family) => self.page(instances.of_family(family, marker)),
        };
        serde_json::to_vec(&answer).map_err(|error| Refused::new(500, &error.to_string()))
    }

    /// As many entries as are wanted. A page ends between two instances.
    fn page<'a>(&self, groups: impl Iterator<Item = Vec<Entry<'a>>>) -> Answer<'a> {
        let (mut samples, mut next) = (Vec::new(), None);
        for group in groups.filter(|group| !group.is_empty()) {
            if self.limit.is_some_and(|limit| samples.len() >= limit) {
                next = samples.last().map(|last: &Entry<'_>| self.address(last.instance_id));
                break;
            }
            samples.extend(group);
        }
        Answer { samples, next }
    }

    /// The path of the next page: without a host, so that it holds under whatever name we are asked.
    fn address(&self, marker: &str) -> String {
        let (path, name, value) = match self.subject {
            AskedFor::Meter(meter) => ("samples", "meter", meter.name),
            AskedFor::Family(family) => (if family.resource == Resource::Disk { "disk" } else { "network" }, "unit", family.unit),
        };
        let marker = utf8_percent_encode(marker, RESERVED);
        format!("{BASE}{path}?{name}={value}&limit={}&marker={marker}", self.limit.unwrap_or(SMALLEST_PAGE))
    }
}

impl AskedFor {
    fn family(resource: Resource, unit: Option<String>) -> Result<Self, Refused> {
        let unit = unit.unwrap_or_else(|| "bytes".to_owned());
        let mut known = FAMILIES.iter().filter(|family| family.resource == resource);
        match known.clone().find(|family| family.unit == unit) {
            Some(family) => Ok(Self::Family(*family)),
            None => {
                let first = known.next().map_or("", |family| family.unit);
                let units = known.fold(first.to_owned(), |units, family| units + " and " + family.unit);
                Err(Refused::new(404, &format!("there is no unit {unit:?} here, only {units}")))
            }
        }
    }
}

impl Refused {
    pub(crate) fn new(status: u16, reason: &str) -> Self {
        Self { status, reason: reason.to_owned() }
    }

    /// The text of the answer.
    pub(crate) fn body(&self) -> Vec<u8> {
        serde_json::json!({"error": self.reason}).to_string().into_bytes()
    }
}

fn names() -> String {
    let names: Vec<&str> = METERS.iter().map(|meter| meter.name).collect();
    format!("Meters are {}", names.join(", "))
}

/// The first value of a parameter.
fn parameter(query: &str, name: &str) -> Option<String> {
    let decoded = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.map(|(key, value)| (decoded(key), decoded(value))).find(|(key, _)| key == name).map(|(_, value)| value)
}
