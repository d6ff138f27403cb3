//! Every question answered by calls to vSphere.

mod events;
mod services;

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value as Json, json};
use tokio::sync::{Mutex, Semaphore};
use vpoller_vsphere::{Client, Error, MoRef, ObjectContent, Session, Struct};

use self::events::Desk;
use self::services::Kept;

use super::{Inventory, Performance, ReadError, Reading, Refusal, Refusals, Row, Services, Wanted, health};
use crate::kind::Kind;
use crate::perf::{Clock, Scheduler};

/// One vSphere host, asked each time.
pub struct Direct {
    client: Client,
    /// Guest operations take seconds; few at a time, so that they cannot occupy all the client's calls.
    guests: Semaphore,
    desk: Arc<Mutex<Desk>>,
    kept: Kept,
    performance: Scheduler,
}

/// Guest operations at the same time.
const GUEST_OPERATIONS: usize = 4;
/// Objects that vanish between being named and being read are left out; this many in one read, then it fails.
const VANISHED: usize = 5;

impl Direct {
    /// Asks through this client.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self::at(client, Clock::default())
    }

    /// Asks through this client, and keeps samples by this clock.
    #[must_use]
    pub fn at(client: Client, clock: Clock) -> Self {
        let statistics = Arc::new(vpoller_vsphere::Performance::new(client.clone()));
        let performance = Scheduler::new(&client.config().host, statistics, clock);
        Self { client, guests: Semaphore::new(GUEST_OPERATIONS), desk: Arc::default(), kept: Kept::default(), performance }
    }

    /// Asks for samples, too, each time.
    #[must_use]
    pub fn forgetful(self) -> Self {
        Self { performance: self.performance.forgetful(), ..self }
    }

    /// These paths of every object of the type.
    pub(crate) async fn list_rows(&self, kind: Kind, paths: &[&str]) -> Result<Vec<Row>, ReadError> {
        let found = self.client.retrieve_all(kind.wire(), paths).await;
        let found = found.map_err(|error| ReadError::of(&kind.printed(), &error))?;
        Ok(rows(found, paths))
    }

    /// Reads the objects that still exist.
    pub(crate) async fn read_rows(&self, objects: &[MoRef], paths: &[&str]) -> Result<Vec<Row>, ReadError> {
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

impl Inventory for Direct {
    fn find<'a>(&'a self, kind: Kind, wanted: &'a Wanted) -> Reading<'a, Vec<MoRef>> {
        Box::pin(async move {
            let rows = self.list_rows(kind, &wanted.paths(kind)).await?;
            Ok(wanted.choose(kind, &rows))
        })
    }

    fn list<'a>(&'a self, kind: Kind, paths: &'a [&'a str]) -> Reading<'a, Vec<Row>> {
        Box::pin(self.list_rows(kind, paths))
    }

    fn read<'a>(&'a self, objects: &'a [MoRef], paths: &'a [&'a str]) -> Reading<'a, Vec<Row>> {
        Box::pin(self.read_rows(objects, paths))
    }

    fn about(&self) -> Reading<'_, Struct> {
        Box::pin(async { Ok(self.session().await?.content.about.clone()) })
    }

    fn services(&self) -> &dyn Services {
        self
    }

    fn performance(&self) -> &dyn Performance {
        &self.performance
    }

    fn connect(&self) -> Reading<'_, ()> {
        Box::pin(async { self.session().await.map(drop) })
    }

    fn close(&self) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.client.logout())
    }

    fn health(&self) -> Json {
        let mut health = health::of(&self.client);
        health.insert("perf".to_owned(), json!(self.performance.status()));
        Json::Object(health)
    }
}

impl Direct {
    /// The client that asks.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    async fn session(&self) -> Result<Arc<Session>, ReadError> {
        self.client.session().await.map_err(|error| self.error(&error))
    }

    /// An error that concerns the vSphere host as a whole.
    pub(crate) fn error(&self, error: &Error) -> ReadError {
        ReadError::of(&self.client.config().host, error)
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
