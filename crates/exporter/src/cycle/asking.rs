//! One cycle of one host: asks for the samples of all objects in batches, and reduces each series at once to what readers need.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, sleep};
use vpoller_inventory::{Host, Kind, ReadError, SampleQuery, SampleResult, View};
use vpoller_vsphere::{DateTime, Metric, MoRef, Sample};

use super::machine_details::KnownDetails;

use crate::reader::{DetailsOf, WantedCounter};
use crate::samples::{Answers, Gathered, Plan, Reading, SampleQuestion};
use crate::settings::Batches;

/// What a cycle may come later than its time.
const MARGIN: Duration = Duration::from_secs(5);

/// A cycle under way.
pub(super) struct Asking<'a> {
    host: &'a Host,
    plan: &'a Plan,
    batches: &'a Batches,
    objects: &'a [ObjectsOfKind],
    last: Option<&'a Gathered>,
    started: Instant,
    answers: Vec<Answers>,
    /// Whether the vSphere host answered which counters it has and what time it is.
    reached: bool,
    /// How many objects of each type have an answer or an error to every question.
    settled: Vec<usize>,
    failed: HashSet<(Kind, Arc<str>)>,
    error: Option<String>,
}

/// The objects of a type that questions are about.
pub(super) type ObjectsOfKind = (Kind, Vec<MoRef>);

/// A counter of a question, and the number that this vSphere host knows it by.
type Numbered = (WantedCounter, Metric);

impl<'a> Asking<'a> {
    pub(super) fn new(
        host: &'a Host,
        plan: &'a Plan,
        batches: &'a Batches,
        objects: &'a [ObjectsOfKind],
        last: Option<&'a Gathered>,
    ) -> Self {
        let empty = |question: &SampleQuestion| {
            let asked = of_kind(objects, question.kind).len();
            Answers {
                kind: question.kind,
                source: question.source,
                asked,
                readings: HashMap::with_capacity(asked),
                carried: HashSet::new(),
            }
        };
        let answers = plan.questions.iter().map(empty).collect();
        let (failed, error) = (HashSet::new(), None);
        let started = Instant::now();
        let settled = vec![0; objects.len()];
        Self { host, plan, batches, objects, last, started, answers, reached: false, settled, failed, error }
    }

    /// Asks for everything. Errors are kept, not returned: what could be had is worth showing.
    pub(super) async fn run(&mut self, view: &View, details: &mut KnownDetails) {
        match self.numbers().await {
            Ok((counters, now)) => {
                self.reached = true;
                self.ask_in_batches(&counters, now).await;
            }
            Err(error) => self.give_up(&error.to_string()),
        }
        let all: Vec<MoRef>;
        let machines = match self.plan.details {
            DetailsOf::None => return,
            DetailsOf::Running => of_kind(self.objects, Kind::VirtualMachine),
            DetailsOf::All => {
                all = view.objects(Kind::VirtualMachine).map(|machine| machine.reference().clone()).collect();
                &all
            }
        };
        if let Err(error) = details.renew(self.host, view, machines, self.plan.details, self.batches).await {
            tracing::warn!("[{}] devices of machines cannot be read: {error}", self.host.name());
        }
    }

    /// The numbers of all counters, and the server's time. Counters that this host does not have are left out.
    async fn numbers(&self) -> Result<(Vec<Vec<Numbered>>, DateTime), ReadError> {
        let inventory = self.host.inventory();
        let catalogue = inventory.performance().counters().await?;
        let now = inventory.services().now().await?;
        let number = |wanted: &WantedCounter| {
            let counter = catalogue.find(wanted.name)?;
            Some((*wanted, Metric::new(counter.key, wanted.instance)))
        };
        let counters = self.plan.questions.iter().map(|question| question.counters.iter().filter_map(number).collect());
        Ok((counters.collect(), now))
    }

    async fn ask_in_batches(&mut self, counters: &[Vec<Numbered>], now: DateTime) {
        let size = self.batches.size.max(1);
        let (plan, objects) = (self.plan, self.objects);
        let mut is_first = true;
        for (at, (kind, all)) in objects.iter().enumerate() {
            for batch in all.chunks(size) {
                if !std::mem::take(&mut is_first) && !self.batches.pause.is_zero() {
                    sleep(self.batches.pause).await;
                }
                for (place, _) in plan.questions.iter().enumerate().filter(|(_, question)| question.kind == *kind) {
                    self.ask(place, counters.get(place).map_or(&[], Vec::as_slice), batch, now).await;
                }
                if let Some(settled) = self.settled.get_mut(at) {
                    *settled += batch.len();
                }
            }
        }
    }

    async fn ask(&mut self, place: usize, counters: &[Numbered], batch: &[MoRef], now: DateTime) {
        let Some(question) = self.plan.questions.get(place).filter(|_| !counters.is_empty()) else { return };
        let query = SampleQuery {
            objects: batch.to_vec(),
            metrics: counters.iter().map(|(_, metric)| metric.clone()).collect(),
            window: question.source.window(self.plan.interval),
        };
        let oldest = now.unix_micros() - micros(question.source.oldest(self.plan.interval));
        match self.host.inventory().performance().samples(query).await {
            Ok(found) => {
                for (object, results) in batch.iter().zip(found) {
                    self.take(place, object, counters, results, oldest);
                }
            }
            Err(error) => {
                self.host.failed(&error);
                for object in batch {
                    self.fail(place, object, &error.to_string());
                }
            }
        }
    }

    /// Takes in what was found for one object.
    fn take(&mut self, place: usize, object: &MoRef, counters: &[Numbered], results: Vec<SampleResult>, oldest: i64) {
        let mut readings = Vec::new();
        for ((wanted, _), result) in counters.iter().zip(results) {
            match result {
                Ok(series) => readings.extend(series.iter().filter_map(|one| {
                    let (mean, newest) = reduce(&one.samples, oldest)?;
                    let instance = Arc::clone(&one.metric.instance);
                    Some(Reading { counter: wanted.name, instance, mean, newest: newest.value })
                })),
                // An object that has gone has no samples, and a counter that it does not have has none either.
                Err(error) if error.class().is_none_or(|class| !class.is_unreachable()) => {
                    tracing::debug!("[{}] {} of {object}: {error}", self.host.name(), wanted.name);
                }
                Err(error) => {
                    self.host.failed(&error);
                    return self.fail(place, object, &error.to_string());
                }
            }
        }
        if let Some(answers) = self.answers.get_mut(place)
            && !readings.is_empty()
        {
            answers.readings.insert(Arc::clone(&object.id), readings.into());
        }
    }

    /// An object's question failed: what the last cycle brought stands in, unless it did so already.
    fn fail(&mut self, place: usize, object: &MoRef, error: &str) {
        self.error = Some(error.to_owned());
        let Some(answers) = self.answers.get_mut(place) else { return };
        self.failed.insert((answers.kind, Arc::clone(&object.id)));
        let last = self.last.and_then(|last| last.answers_to(answers.kind, answers.source));
        let Some(last) = last.filter(|last| !last.carried.contains(&object.id)) else { return };
        if let Some(readings) = last.readings.get(&object.id) {
            answers.readings.insert(Arc::clone(&object.id), Arc::clone(readings));
            answers.carried.insert(Arc::clone(&object.id));
        }
    }

    /// No more answers are waited for: the objects without one failed.
    pub(super) fn give_up(&mut self, error: &str) {
        let (plan, objects) = (self.plan, self.objects);
        for (at, (kind, all)) in objects.iter().enumerate() {
            let Some(settled) = self.settled.get_mut(at) else { continue };
            let missing = all.iter().skip(std::mem::replace(settled, all.len()));
            for object in missing {
                let places = plan.questions.iter().enumerate().filter(|(_, question)| question.kind == *kind);
                places.for_each(|(place, _)| self.fail(place, object, error));
            }
        }
        self.error = Some(error.to_owned());
    }

    /// What the cycle brought.
    pub(super) fn finish(self, details: &KnownDetails) -> Gathered {
        let (finished, now) = (SystemTime::now(), Instant::now());
        let is_whole = self.error.is_none();
        let last_whole = if is_whole { Some(finished) } else { self.last.and_then(|last| last.last_whole) };
        let took = now.saturating_duration_since(self.started);
        let machines = of_kind(self.objects, Kind::VirtualMachine).len();
        let failed_machines = self.failed.iter().filter(|(kind, _)| *kind == Kind::VirtualMachine).count();
        Gathered {
            reached: self.reached,
            until: now + 2 * self.plan.interval + took + MARGIN,
            took,
            last_whole,
            cycles: self.last.map_or(0, |last| last.cycles) + 1,
            whole_cycles: self.last.map_or(0, |last| last.whole_cycles) + u64::from(is_whole),
            answered: machines.saturating_sub(failed_machines),
            failed: self.error.map(|error| (self.failed.len(), error)),
            answers: self.answers,
            details: details.known(),
        }
    }
}

/// The objects of a type.
fn of_kind(objects: &[ObjectsOfKind], kind: Kind) -> &[MoRef] {
    objects.iter().find(|(known, _)| *known == kind).map_or(&[], |(_, objects)| objects)
}

/// The mean of the samples that are new enough and hold data, and the newest of them.
fn reduce(samples: &[Sample], oldest: i64) -> Option<(f64, Sample)> {
    let mut sum = 0.0;
    let mut count = 0.0;
    let mut newest: Option<Sample> = None;
    for sample in samples.iter().filter(|sample| sample.value >= 0 && sample.at.unix_micros() >= oldest) {
        #[expect(clippy::cast_precision_loss, reason = "counters stay far below 2^53")]
        let value = sample.value as f64;
        sum += value;
        count += 1.0;
        if newest.is_none_or(|newest| newest.at.unix_micros() <= sample.at.unix_micros()) {
            newest = Some(*sample);
        }
    }
    newest.map(|newest| (sum / count, newest))
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(second: i64, value: i64) -> Sample {
        Sample { at: DateTime::from_unix_micros(second * 1_000_000), interval: 20, value }
    }

    #[test]
    fn samples_without_data_and_old_ones_do_not_count() {
        let samples = [sample(0, 900), sample(20, 4), sample(40, -1), sample(60, 8)];
        assert_eq!(reduce(&samples, 20_000_000), Some((6.0, sample(60, 8))));
        assert_eq!(reduce(&samples[2..3], 0), None);
        assert_eq!(reduce(&samples, 61_000_000), None);
        assert_eq!(reduce(&[], 0), None);
    }
}
