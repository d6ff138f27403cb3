//! Rows read from vSphere by its property collector.

use std::collections::HashMap;
use std::sync::Arc;

use vpoller_vsphere::{Client, Error, MoRef, ObjectContent, Session};

use crate::border::{Kind, ReadError, Refusal, Refusals, Row};

/// Reads rows from one vSphere host, at each call.
#[derive(Clone)]
pub(crate) struct Retriever {
    client: Client,
}

/// Objects that vanish between being named and being read are left out; this many in one read, then it fails.
const VANISHED: usize = 5;

impl Retriever {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// The client that asks.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// The session, opened when there is none.
    pub(crate) async fn session(&self) -> Result<Arc<Session>, ReadError> {
        self.client.session().await.map_err(|error| self.error(&error))
    }

    /// An error that concerns the vSphere host as a whole.
    pub(crate) fn error(&self, error: &Error) -> ReadError {
        ReadError::of(&self.client.config().host, error)
    }

    /// These paths of every object of the type.
    pub(crate) async fn list(&self, kind: Kind, paths: &[&str]) -> Result<Vec<Row>, ReadError> {
        let found = self.client.retrieve_all(kind.wire(), paths).await;
        let found = found.map_err(|error| ReadError::of(&kind.printed(), &error))?;
        Ok(rows(found, paths))
    }

    /// These paths of the objects that still exist, in the order of the objects.
    pub(crate) async fn read(&self, objects: &[MoRef], paths: &[&str]) -> Result<Vec<Row>, ReadError> {
        let mut wanted = objects.to_vec();
        for _ in 0..=VANISHED {
            if wanted.is_empty() {
                return Ok(Vec::new());
            }
            match self.client.retrieve_objects(&wanted, paths).await {
                Ok(found) => return Ok(ordered(objects, rows(found, paths))),
                Err(error) => match vanished(&error).filter(|gone| wanted.contains(gone)) {
                    Some(gone) => wanted.retain(|object| *object != gone),
                    None => return Err(ReadError::of(&subject(&wanted), &error)),
                },
            }
        }
        Err(ReadError::new("too many of the objects were deleted meanwhile; ask again"))
    }
}

/// What was read, the values of each object in the order of the paths.
fn rows(found: Vec<ObjectContent>, paths: &[&str]) -> Vec<Row> {
    let places: HashMap<&str, usize> = paths.iter().enumerate().rev().map(|(place, path)| (*path, place)).collect();
    let mut refusals = Refusals::default();
    let row = |ObjectContent { obj, mut props, missing }: ObjectContent| {
        props.sort_by_key(|(path, _)| places.get(&**path).copied().unwrap_or(usize::MAX));
        let refused = missing.iter().filter_map(|(path, fault)| Some((path.as_str().into(), refusals.keep(Refusal::of(fault)?))));
        Row { refused: refused.collect(), ..Row::new(obj, props) }
    };
    found.into_iter().map(row).collect()
}

/// The object that no longer exists, if that is what went wrong.
fn vanished(error: &Error) -> Option<MoRef> {
    let fault = error.fault().filter(|fault| fault.is_a("ManagedObjectNotFound"))?;
    fault.object().cloned()
}

/// Rows in the order of the objects; an object named twice gets one row for each.
fn ordered(objects: &[MoRef], found: Vec<Row>) -> Vec<Row> {
    let mut by_object: HashMap<MoRef, Row> = found.into_iter().map(|row| (row.object.clone(), row)).collect();
    let mut places: HashMap<&MoRef, usize> = HashMap::with_capacity(objects.len());
    let mut rows: Vec<Row> = Vec::with_capacity(objects.len());
    for object in objects {
        let again = || places.get(object).and_then(|place| rows.get(*place)).cloned();
        if let Some(row) = by_object.remove(object).or_else(again) {
            places.entry(object).or_insert(rows.len());
            rows.push(row);
        }
    }
    rows
}

/// What an error about a read of objects is about: the one object, or their type.
pub(crate) fn subject(objects: &[MoRef]) -> String {
    match objects {
        [one] => one.to_string(),
        [first, ..] => vpoller_vsphere::printed_type(&first.kind).into_owned(),
        [] => String::new(),
    }
}
