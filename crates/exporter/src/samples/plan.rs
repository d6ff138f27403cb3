//! What the cycles of one interval ask for.

use std::time::Duration;

use vpoller_inventory::Kind;

use crate::reader::{DetailsOf, Reader, SampleSource, WantedCounter};

/// What is asked of every host at one interval.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// From the start of a cycle to that of the next.
    pub(crate) interval: Duration,
    /// One question for each type of objects and source of samples.
    pub(crate) questions: Vec<SampleQuestion>,
    /// The names of its readers.
    pub(crate) readers: Vec<&'static str>,
    /// Of which machines its readers want to know the devices.
    pub(crate) details: DetailsOf,
}

/// One question: the counters that all its readers want, each once.
#[derive(Clone, Debug)]
pub(crate) struct SampleQuestion {
    /// Of which objects.
    pub(crate) kind: Kind,
    pub(crate) source: SampleSource,
    /// Whether real-time samples stand in where this source has hardly any.
    pub(crate) or_real_time: bool,
    pub(crate) counters: Vec<WantedCounter>,
}

/// A plan for each interval, so that two readers of one interval ask once.
pub(crate) fn plans(readers: &[Reader]) -> Vec<Plan> {
    let mut plans: Vec<Plan> = Vec::new();
    for reader in readers {
        let at = plans.iter().position(|plan| plan.interval == reader.interval).unwrap_or_else(|| {
            plans.push(Plan { interval: reader.interval, questions: Vec::new(), readers: Vec::new(), details: DetailsOf::None });
            plans.len() - 1
        });
        let Some(plan) = plans.get_mut(at) else { continue };
        plan.readers.push(reader.name);
        plan.details = plan.details.max(reader.details);
        for (kind, counters) in reader.counters {
            plan.ask(*kind, reader.source, reader.or_real_time, counters);
        }
    }
    plans
}

impl Plan {
    /// From now on real-time samples stand in for those of a source.
    pub(crate) fn fall_back(&mut self, kind: Kind, from: SampleSource) {
        let is_gone = |question: &SampleQuestion| question.kind == kind && question.source == from;
        let (gone, kept) = std::mem::take(&mut self.questions).into_iter().partition(is_gone);
        self.questions = kept;
        for question in gone {
            self.ask(kind, SampleSource::RealTime, false, &question.counters);
        }
    }

    fn ask(&mut self, kind: Kind, source: SampleSource, or_real_time: bool, counters: &[WantedCounter]) {
        let is_it = |question: &SampleQuestion| question.kind == kind && question.source == source;
        let at = self.questions.iter().position(is_it).unwrap_or_else(|| {
            self.questions.push(SampleQuestion {
                kind,
                source,
                or_real_time: or_real_time && source != SampleSource::RealTime,
                counters: Vec::new(),
            });
            self.questions.len() - 1
        });
        let Some(question) = self.questions.get_mut(at) else { return };
        for wanted in counters {
            // All instances of a counter hold what one of them would.
            let is_held =
                |held: &WantedCounter| held.name == wanted.name && (held.instance == wanted.instance || held.instance == "*");
            if question.counters.iter().any(is_held) {
                continue;
            }
            if wanted.instance == "*" {
                question.counters.retain(|held| held.name != wanted.name);
            }
            question.counters.push(*wanted);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reader::Counters;

    const READ: WantedCounter = WantedCounter { name: "virtualDisk.read.average", instance: "*" };
    const VM: Kind = Kind::VirtualMachine;
    const CPU: WantedCounter = WantedCounter { name: "cpu.usage.average", instance: "" };
    const CPUS: WantedCounter = WantedCounter { name: "cpu.usage.average", instance: "*" };

    fn reader(seconds: u64, source: SampleSource, counters: Counters) -> Reader {
        let interval = Duration::from_secs(seconds);
        Reader { name: "test", interval, source, or_real_time: true, counters, paths: &[], details: DetailsOf::None }
    }

    #[test]
    fn readers_of_one_interval_ask_once() {
        let plans = plans(&[
            reader(60, SampleSource::RealTime, &[(VM, &[CPU, READ])]),
            reader(60, SampleSource::RealTime, &[(VM, &[CPUS]), (Kind::HostSystem, &[CPU])]),
            reader(60, SampleSource::RolledUp(300), &[(VM, &[READ])]),
            reader(300, SampleSource::RealTime, &[(VM, &[CPU])]),
        ]);
        let asked: Vec<_> = plans.iter().map(|plan| (plan.interval.as_secs(), plan.questions.len())).collect();
        assert_eq!(asked, [(60, 3), (300, 1)]);
        assert_eq!(plans[0].questions[0].counters, [READ, CPUS]);
        assert_eq!((plans[0].questions[1].kind, &plans[0].questions[1].counters[..]), (Kind::HostSystem, &[CPU][..]));
    }

    #[test]
    fn real_time_samples_stand_in_once() {
        let mut plan = plans(&[
            reader(60, SampleSource::RolledUp(300), &[(VM, &[READ])]),
            reader(60, SampleSource::RealTime, &[(VM, &[CPU])]),
        ])
        .remove(0);
        plan.fall_back(VM, SampleSource::RolledUp(300));
        assert_eq!(plan.questions.len(), 1);
        assert_eq!(plan.questions[0].counters, [CPU, READ]);
        assert!(!plan.questions[0].or_real_time);
    }
}
