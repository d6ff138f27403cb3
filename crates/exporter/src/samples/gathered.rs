//! What a cycle brought of one host. It never changes once it is published.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;
use vpoller_inventory::Kind;
use vpoller_vsphere::MoRef;

use super::plan::{Plan, SampleQuestion};
use crate::reader::SampleSource;

/// What is known of the counters of one host's objects.
#[derive(Debug)]
pub(crate) struct Gathered {
    /// Whether the host answered at all.
    pub(crate) reached: bool,
    /// Until when it may be shown: if no other has come by then, two cycles were missed.
    pub(crate) until: Instant,
    /// How long it took.
    pub(crate) took: Duration,
    /// When the last cycle ended of which nothing failed.
    pub(crate) last_whole: Option<SystemTime>,
    /// How many cycles ended, this one included.
    pub(crate) cycles: u64,
    /// How many of them nothing failed in.
    pub(crate) whole_cycles: u64,
    /// The machines whose questions were answered, also those that have no samples.
    pub(crate) answered: usize,
    /// How many objects' questions failed, and what the last of the failures says.
    pub(crate) failed: Option<(usize, String)>,
    /// The answer to each question of the plan.
    pub(crate) answers: Vec<Answers>,
    /// What is known of machines' devices, by the machine's id. Machines are missing that could not be read yet.
    pub(crate) details: HashMap<Arc<str>, Arc<MachineDetails>>,
}

/// What was read of a machine, once for each version of its configuration.
#[derive(Debug)]
pub(crate) struct MachineDetails {
    /// Bytes of all virtual disks; none where that may not be read.
    pub(crate) disk_bytes: Option<u64>,
    /// Its virtual network cards.
    pub(crate) cards: Box<[NetworkCard]>,
    /// The instance of OpenStack that it is.
    pub(crate) nova: NovaId,
}

/// A virtual network card.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct NetworkCard {
    /// Its number among the machine's devices, which is its instance in statistics.
    pub(crate) key: i64,
    /// Its MAC address.
    pub(crate) mac: Arc<str>,
}

/// What the setting says that OpenStack Nova makes in each of its machines.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum NovaId {
    /// The identifier of the instance.
    Set(Arc<str>),
    /// The machine has no such setting.
    None,
    /// It may not be read.
    Refused,
}

/// The answers to one question.
#[derive(Debug)]
pub(crate) struct Answers {
    /// Of which objects.
    pub(crate) kind: Kind,
    pub(crate) source: SampleSource,
    /// How many objects were asked about.
    pub(crate) asked: usize,
    /// By the object's id.
    pub(crate) readings: HashMap<Arc<str>, Arc<[Reading]>>,
    /// The objects among them whose question failed: what the cycle before brought stands in, once.
    pub(crate) carried: HashSet<Arc<str>>,
}

/// One series: a counter of one instance.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reading {
    /// The counter's name, as the reader wrote it.
    pub(crate) counter: &'static str,
    /// The instance: a disk such as `scsi0:0`, a device key; empty for the object as a whole.
    pub(crate) instance: Arc<str>,
    /// The mean of the samples since the last cycle, in the counter's unit. Samples that say "no data" are left out.
    pub(crate) mean: f64,
    /// The newest of them.
    pub(crate) newest: i64,
}

/// A source of which fewer than one object in this many has samples is empty.
const HARDLY: usize = 20;

impl Gathered {
    /// A source that was asked and has hardly any samples, where others may stand in for it.
    pub(crate) fn empty_source(&self, plan: &Plan) -> Option<(Kind, SampleSource)> {
        let is_empty = |question: &&SampleQuestion| {
            let answers = self.answers_to(question.kind, question.source);
            question.or_real_time && answers.is_some_and(|answers| answers.readings.len() * HARDLY < answers.asked)
        };
        plan.questions.iter().filter(|_| self.failed.is_none()).find(is_empty).map(|question| (question.kind, question.source))
    }

    /// The answers about objects of this type from this source; none when the question was not asked.
    pub(crate) fn answers_to(&self, kind: Kind, source: SampleSource) -> Option<&Answers> {
        self.answers.iter().find(|answers| answers.kind == kind && answers.source == source)
    }

    /// The series of an object from this source; none where nothing fresh is known.
    pub(crate) fn readings(&self, kind: Kind, source: SampleSource, object: &MoRef) -> &[Reading] {
        if Instant::now() > self.until {
            return &[];
        }
        let answers = self.answers_to(kind, source);
        answers.and_then(|answers| answers.readings.get(&object.id)).map_or(&[], |readings| readings)
    }

    /// Bytes of all virtual disks of a machine, where that is known.
    pub(crate) fn disk_bytes(&self, machine: &MoRef) -> Option<u64> {
        self.details.get(&machine.id)?.disk_bytes
    }
}
