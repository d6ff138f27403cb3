//! The performance manager: which counters there are, which series an object has, and their samples.
//!
//! Counters, historical intervals, providers and the query limit are read once in a session: their keys differ between servers and
//! may differ after an upgrade, and an upgrade ends every session.

mod clock;
mod counter;
mod query;
mod read_once;
mod samples;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::single_flight::{Flight, SingleFlight};
use crate::{Arg, Client, DateTime, Error, Fault, MoRef, Session, Struct, Value};

pub use clock::ServerClock;
pub use counter::{Catalogue, Counter, Interval};
pub use query::{Metric, PerfQuery};
pub use samples::{EntitySeries, Sample, Series};

use read_once::ReadOnce;

/// The performance manager of one vSphere host. Clones share what was read of it.
///
#[doc = concat!("```no_run\n", include_str!("../../examples/cpu_usage.rs"), "```")]
#[derive(Clone, Debug)]
pub struct Performance {
    client: Client,
    facts: Arc<Mutex<Arc<SessionFacts>>>,
    available: Arc<Available>,
}

/// Questions under way for the series of an object at an interval, or altogether.
type Available = SingleFlight<(MoRef, Option<i32>), Result<Arc<[Metric]>, Error>>;

/// Which statistics the objects of a type have (`PerfProviderSummary`).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Provider {
    /// Whether there are real-time samples.
    pub real_time: bool,
    /// Seconds between those.
    pub refresh_rate: Option<i32>,
}

/// The server behind the client. Identifiers of objects and counters hold for one server only, whatever its name.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Identity {
    /// The vCenter's `instanceUuid`; an ESXi host has none.
    pub instance: Option<Arc<str>>,
    /// Number of the session, see [`Session::generation`].
    pub generation: u64,
}

/// What is read once in a session.
#[derive(Debug, Default)]
struct SessionFacts {
    generation: u64,
    catalogue: Arc<ReadOnce<Arc<Catalogue>>>,
    intervals: Arc<ReadOnce<Arc<[Interval]>>>,
    limit: Arc<ReadOnce<Option<usize>>>,
    /// By managed type: they depend on nothing else.
    providers: Mutex<HashMap<Arc<str>, Arc<ReadOnce<Provider>>>>,
}

/// The advanced setting that bounds historical queries.
const LIMIT: &str = "config.vpxd.stats.maxQueryMetrics";
/// The limit where the setting is not set, since vCenter 6.5.
const DEFAULT_LIMIT: usize = 256;
/// The same, before vCenter 6.5.
const OLD_DEFAULT_LIMIT: usize = 64;

impl Performance {
    /// The performance manager that this client reaches; nothing is sent.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client, facts: Arc::default(), available: Arc::default() }
    }

    /// Which server this is, and the session with it; logs in when there is none.
    ///
    /// # Errors
    /// When there is no session and none can be opened now.
    pub async fn identity(&self) -> Result<Identity, Error> {
        let session = self.client.session().await?;
        let instance = session.content.about.get("instanceUuid").and_then(Value::as_str).map(Arc::from);
        Ok(Identity { instance, generation: session.generation })
    }

    /// Every counter of the server.
    ///
    /// # Errors
    /// As [`Client::retrieve`].
    pub async fn counters(&self) -> Result<Arc<Catalogue>, Error> {
        let (facts, session) = self.facts().await?;
        let own = self.clone();
        let read = async move { Ok(Arc::new(Catalogue::new(own.property(&session, "perfCounter").await?))) };
        facts.catalogue.get(read).await
    }

    /// The intervals for which the server keeps rolled-up samples.
    ///
    /// # Errors
    /// As [`Client::retrieve`].
    pub async fn intervals(&self) -> Result<Arc<[Interval]>, Error> {
        let (facts, session) = self.facts().await?;
        let own = self.clone();
        let read = async move { Ok(Interval::read_all(own.property(&session, "historicalInterval").await?).into()) };
        facts.intervals.get(read).await
    }

    /// Which statistics objects like this one have.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn provider(&self, entity: &MoRef) -> Result<Provider, Error> {
        let (facts, session) = self.facts().await?;
        let client = self.client.clone();
        let args = [Arg::new("entity", entity)];
        let read = async move {
            let values = client.call(&manager(&session)?, "QueryPerfProviderSummary", &args).await?;
            Ok(values.first().and_then(Value::as_struct).map(Provider::read).unwrap_or_default())
        };
        facts.provider(&entity.kind).get(read).await
    }

    /// The series that an object has, at an interval or altogether. Expensive for vCenter: not for every cycle.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn available(&self, entity: &MoRef, interval: Option<i32>) -> Result<Arc<[Metric]>, Error> {
        let session = self.client.session().await?;
        let mut args = vec![Arg::new("entity", entity)];
        args.extend(interval.map(|seconds| Arg::new("intervalId", seconds)));
        let client = self.client.clone();
        let read = async move {
            let values = client.call(&manager(&session)?, "QueryAvailablePerfMetric", &args).await?;
            Ok(values.iter().filter_map(Value::as_struct).filter_map(Metric::read).collect())
        };
        self.available.join((entity.clone(), interval), || Flight::spawn(read, read_once::given_up)).await
    }

    /// Samples of several objects in one call, see [`PerfQuery`]. Objects without samples may be absent from the answer.
    ///
    /// # Errors
    /// As [`Client::call`]. One object or counter that does not exist may fail the whole call.
    pub async fn query(&self, queries: &[PerfQuery], limit: Duration) -> Result<Vec<EntitySeries>, Error> {
        let session = self.client.session().await?;
        let args: Vec<Arg> = queries.iter().map(PerfQuery::to_arg).collect();
        let limit = limit.min(self.client.config().request_timeout);
        let values = self.client.call_within(&manager(&session)?, "QueryPerf", &args, limit).await?;
        Ok(EntitySeries::read_all(values))
    }

    /// The server's time.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn current_time(&self) -> Result<DateTime, Error> {
        let values = self.client.call(&MoRef::new("ServiceInstance", "ServiceInstance"), "CurrentTime", &[]).await?;
        values.first().and_then(Value::as_datetime).ok_or_else(|| Error::Answer {
            host: self.client.config().host.clone(),
            what: "CurrentTime".to_owned(),
            cause: "it holds no time".to_owned(),
        })
    }

    /// How many metrics, summed over its objects, one historical query may ask for; `None` = any number. Where the server or the
    /// account's privileges do not show the limit, it is the default of the server's version.
    ///
    /// # Errors
    /// When the server cannot be asked at all.
    pub async fn max_query_metrics(&self) -> Result<Option<usize>, Error> {
        let (facts, session) = self.facts().await?;
        let own = self.clone();
        facts.limit.get(async move { own.read_limit(&session).await }).await
    }

    async fn read_limit(&self, session: &Session) -> Result<Option<usize>, Error> {
        let default = default_limit(&session.content.about);
        let Some(settings) = &session.content.setting else { return Ok(default) };
        match self.client.call(settings, "QueryOptions", &[Arg::new("name", LIMIT)]).await {
            Ok(values) => Ok(values.iter().filter_map(Value::as_struct).find_map(limit).unwrap_or(default)),
            // Not set, or not for us to see.
            Err(Error::Fault { .. }) => Ok(default),
            Err(error) => Err(error),
        }
    }

    /// A property of the performance manager that is a list.
    async fn property(&self, session: &Session, path: &str) -> Result<Vec<Value>, Error> {
        let read = self.client.retrieve_objects(&[manager(session)?], &[path]).await?;
        let Some(mut object) = read.into_iter().next() else { return Ok(Vec::new()) };
        if let Some((_, fault)) = object.missing.pop() {
            return Err(Error::Fault {
                host: self.client.config().host.clone(),
                method: "RetrievePropertiesEx".to_owned(),
                object: object.obj.to_string(),
                fault: Box::new(fault),
            });
        }
        Ok(match object.props.pop() {
            Some((_, Value::List(items))) => items,
            _ => Vec::new(),
        })
    }

    /// The facts of the open session, and that session.
    async fn facts(&self) -> Result<(Arc<SessionFacts>, Arc<Session>), Error> {
        let session = self.client.session().await?;
        let mut facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        if facts.generation != session.generation {
            *facts = Arc::new(SessionFacts { generation: session.generation, ..SessionFacts::default() });
        }
        Ok((facts.clone(), session))
    }
}

impl SessionFacts {
    /// The provider of objects of this managed type.
    fn provider(&self, kind: &Arc<str>) -> Arc<ReadOnce<Provider>> {
        let mut providers = self.providers.lock().unwrap_or_else(PoisonError::into_inner);
        providers.entry(Arc::clone(kind)).or_default().clone()
    }
}

impl Provider {
    fn read(summary: &Struct) -> Self {
        Self {
            real_time: summary.get("currentSupported").and_then(Value::as_bool) == Some(true),
            refresh_rate: int(summary, "refreshRate").filter(|seconds| *seconds > 0),
        }
    }
}

fn manager(session: &Session) -> Result<MoRef, Error> {
    session.content.perf_manager.clone().ok_or_else(|| Error::Fault {
        host: session.content.about.get("name").and_then(Value::as_str).unwrap_or("the vSphere host").to_owned(),
        method: "QueryPerf".to_owned(),
        object: "PerformanceManager".to_owned(),
        fault: Box::new(Fault::unsupported("this server has no performance manager")),
    })
}

/// The limit in an `OptionValue`; -1 and other negative numbers mean none.
fn limit(option: &Struct) -> Option<Option<usize>> {
    let number = match option.get("value")? {
        Value::Int(number) => *number,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    Some(usize::try_from(number).ok().filter(|number| *number > 0))
}

fn default_limit(about: &Struct) -> Option<usize> {
    let version = about.get("version").and_then(Value::as_str).unwrap_or_default();
    let mut numbers = version.split('.').map_while(|part| part.parse::<u32>().ok());
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    Some(if version >= (6, 5) { DEFAULT_LIMIT } else { OLD_DEFAULT_LIMIT })
}

/// A member that is a whole number of 32 bits.
fn int(object: &Struct, member: &str) -> Option<i32> {
    object.get(member).and_then(Value::as_i64).and_then(|number| number.try_into().ok())
}

/// A member that is a text, empty when it is not set.
fn text(object: &Struct, member: &str) -> Arc<str> {
    match object.get(member) {
        Some(Value::String(text)) => text.clone(),
        _ => Arc::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(fields: &[(&str, Value)]) -> Struct {
        Struct { kind: Arc::default(), fields: fields.iter().map(|(name, value)| ((*name).into(), value.clone())).collect() }
    }

    #[test]
    fn the_limit_is_a_number_in_any_form() {
        let of = |value| limit(&object(&[("value", value)]));
        assert_eq!(of(Value::Int(64)), Some(Some(64)));
        assert_eq!(of(Value::string(" 128 ")), Some(Some(128)));
        assert_eq!(of(Value::Int(-1)), Some(None));
        assert_eq!(of(Value::Int(0)), Some(None));
        assert_eq!(of(Value::string("many")), None);
        assert_eq!(limit(&object(&[])), None);
    }

    #[test]
    fn the_default_limit_goes_by_version() {
        for (version, limit) in [("5.5.0", 64), ("6.0.0", 64), ("6.5.0", 256), ("6.7.3", 256), ("8.0.2", 256), ("", 64)] {
            assert_eq!(default_limit(&object(&[("version", Value::string(version))])), Some(limit), "{version}");
        }
    }
}
