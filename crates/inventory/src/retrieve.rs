//! Rows read from vSphere by its property collector.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use vpoller_vsphere::{Client, Error, MoRef, ObjectContent, Session, Value};

use crate::border::{Kind, ReadError, Refusal, Refusals, Row, is_within};

/// In the place of the fault, where vSphere answered with none.
const FAILED: &str = "HTTP status 500";
/// Reads that fail in the search for the objects that make them fail, until the search is given up: enough for two objects of a
/// hundred.
const FAILED_READS: usize = 16;

/// Reads rows from one vSphere host, at each call.
#[derive(Clone)]
pub(crate) struct Retriever {
    client: Client,
}

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

    /// These paths of every object of the type; those that the type does not have are refused ones in each row.
    pub(crate) async fn list(&self, kind: Kind, paths: &[&str]) -> Result<Vec<Row>, ReadError> {
        let mut asked = AskedPaths::new(paths);
        loop {
            let error = match self.client.retrieve_all(kind.wire(), &asked.existing).await {
                Ok(found) => return Ok(asked.rows(found)),
                Err(error) => error,
            };
            if vanished(&error).is_some() || matches!(error, Error::FailedRead { .. }) {
                return self.list_by_name(kind, paths).await;
            }
            if !asked.strike(&error) {
                return Err(ReadError::of(&kind.printed(), &error));
            }
        }
    }

    /// As [`Retriever::list`], where an object in the view fails the read of the whole view: its objects are named one by one, so that
    /// only that one is left out, if it has gone, or refused.
    async fn list_by_name(&self, kind: Kind, paths: &[&str]) -> Result<Vec<Row>, ReadError> {
        let failed = |error: Error| ReadError::of(&kind.printed(), &error);
        let session = self.session().await?;
        let view = self.client.view(&session).await.map_err(failed)?;
        let found = self.client.retrieve_objects(std::slice::from_ref(&view), &["view"]).await.map_err(failed)?;
        let gone = || ReadError::new(&format!("{view} has gone meanwhile; ask again"));
        let listed = found.first().ok_or_else(gone)?.get("view").and_then(Value::as_list).unwrap_or_default();
        let is_meant = |object: &&MoRef| Kind::parse(&object.kind).is_some_and(|own| own.is_a(kind));
        let objects: Vec<MoRef> = listed.iter().filter_map(Value::as_moref).filter(is_meant).cloned().collect();
        self.read(&objects, paths).await
    }

    /// These paths of the objects that still exist, in the order of the objects; those that a type does not have are refused ones in
    /// its rows. Of several objects, those that vSphere cannot read have refused paths only.
    pub(crate) async fn read(&self, objects: &[MoRef], paths: &[&str]) -> Result<Vec<Row>, ReadError> {
        let mut found = Vec::with_capacity(objects.len());
        let mut tries = if objects.len() > 1 { FAILED_READS } else { 0 };
        for part in objects.chunks(self.client.config().limits.objects_per_call.max(1)) {
            found.append(&mut self.read_part(part.to_vec(), paths, &mut tries).await?);
        }
        Ok(ordered(objects, found))
    }

    /// As [`Retriever::read`], of so many objects as one call takes.
    ///
    /// A read that fails as a whole is made again in halves, down to the object that makes it fail, as long as tries are left.
    async fn read_part(&self, mut objects: Vec<MoRef>, paths: &[&str], tries: &mut usize) -> Result<Vec<Row>, ReadError> {
        let mut asked = AskedPaths::new(paths);
        while !objects.is_empty() {
            let error = match self.client.retrieve_objects(&objects, &asked.existing).await {
                Ok(found) => return Ok(asked.rows(found)),
                Err(error) => error,
            };
            if let Some(gone) = vanished(&error).filter(|gone| objects.contains(gone)) {
                objects.retain(|object| *object != gone);
                continue;
            }
            if matches!(error, Error::FailedRead { .. }) && *tries > 0 {
                *tries -= 1;
                if let [object] = &*objects {
                    return Ok(vec![failed_row(object, paths)]);
                }
                let second = objects.split_off(objects.len() / 2);
                let mut rows = Box::pin(self.read_part(objects, paths, tries)).await?;
                rows.append(&mut Box::pin(self.read_part(second, paths, tries)).await?);
                return Ok(rows);
            }
            // It is not said which of several types lacks the path.
            let kinds: BTreeSet<Arc<str>> = objects.iter().map(|object| Arc::clone(&object.kind)).collect();
            if kinds.len() > 1 && invalid(&error).is_some() {
                let mut rows = Vec::with_capacity(objects.len());
                for kind in kinds {
                    let of_kind = objects.iter().filter(|object| object.kind == kind).cloned().collect();
                    rows.append(&mut Box::pin(self.read_part(of_kind, paths, tries)).await?);
                }
                return Ok(rows);
            }
            if !asked.strike(&error) {
                return Err(ReadError::of(&subject(&objects), &error));
            }
        }
        Ok(Vec::new())
    }
}

/// The paths of a question. vSphere names one that does not exist each time, and fails the whole read for it.
struct AskedPaths<'p> {
    all: &'p [&'p str],
    existing: Vec<&'p str>,
    invalid: Vec<&'p str>,
}

impl<'p> AskedPaths<'p> {
    fn new(all: &'p [&'p str]) -> Self {
        Self { all, existing: all.to_vec(), invalid: Vec::new() }
    }

    /// Leaves out the path that the error says does not exist. Says whether there was one.
    fn strike(&mut self, error: &Error) -> bool {
        let Some(named) = invalid(error) else { return false };
        let before = self.existing.len();
        self.existing.retain(|path| !is_within(path, named));
        self.invalid.extend(self.all.iter().filter(|path| is_within(path, named)));
        self.existing.len() < before
    }

    /// What was read, the values of each object in the order of the paths.
    fn rows(&self, found: Vec<ObjectContent>) -> Vec<Row> {
        with_invalid(rows(found, self.all), &self.invalid)
    }
}

/// The row of an object whose read vSphere fails, among others: none of it is known, which is not that it has none.
fn failed_row(object: &MoRef, paths: &[&str]) -> Row {
    let refusal = Arc::new(Refusal::new(FAILED, None));
    let refused = paths.iter().map(|path| (Arc::from(*path), Arc::clone(&refusal)));
    Row::new(object.clone(), Vec::new()).with_refused(refused.collect())
}

/// Rows with paths that do not exist among the refused ones.
pub(crate) fn with_invalid(mut rows: Vec<Row>, invalid: &[&str]) -> Vec<Row> {
    if !invalid.is_empty() {
        let refusal = Arc::new(Refusal::invalid());
        let invalid: Vec<_> = invalid.iter().map(|path| (Arc::from(*path), Arc::clone(&refusal))).collect();
        rows.iter_mut().for_each(|row| row.refused.extend(invalid.iter().cloned()));
    }
    rows
}

/// The path that does not exist, if that is what went wrong.
fn invalid(error: &Error) -> Option<&str> {
    error.fault().filter(|fault| fault.kind == "InvalidProperty")?.property()
}

/// What was read, the values of each object in the order of the paths.
fn rows(found: Vec<ObjectContent>, paths: &[&str]) -> Vec<Row> {
    let places: HashMap<&str, usize> = paths.iter().enumerate().rev().map(|(place, path)| (*path, place)).collect();
    let mut refusals = Refusals::default();
    let row = |ObjectContent { obj, mut props, missing }: ObjectContent| {
        props.sort_by_key(|(path, _)| places.get(&**path).copied().unwrap_or(usize::MAX));
        let refused = missing.iter().filter_map(|(path, fault)| Some((path.as_str().into(), refusals.keep(Refusal::of(fault)?))));
        Row::new(obj, props).with_refused(refused.collect())
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
fn subject(objects: &[MoRef]) -> String {
    match objects {
        [one] => one.to_string(),
        [first, ..] => first.printed_type().into_owned(),
        [] => String::new(),
    }
}
