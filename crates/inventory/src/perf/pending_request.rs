//! One request that waits for samples.

use std::sync::Mutex;

use tokio::sync::Notify;
use vpoller_vsphere::Metric;

use crate::border::SampleResult;
use crate::lock::lock;

/// The answers of a request, as they come in. When it is dropped, its request was given up.
#[derive(Debug)]
pub(super) struct PendingRequest {
    /// The series wanted of each object.
    pub metrics: Vec<Metric>,
    answers: Mutex<PendingAnswers>,
    complete: Notify,
}

#[derive(Debug)]
struct PendingAnswers {
    /// One place for each object.
    found: Vec<Vec<SampleResult>>,
    missing: usize,
}

impl PendingRequest {
    /// For this number of objects.
    pub(super) fn new(metrics: Vec<Metric>, objects: usize) -> Self {
        let answers = PendingAnswers { found: vec![Vec::new(); objects], missing: objects };
        Self { metrics, answers: Mutex::new(answers), complete: Notify::new() }
    }

    /// The answer for one object, by its place; each comes once.
    pub(super) fn fill(&self, place: usize, found: Vec<SampleResult>) {
        let mut answers = self.answers();
        if let Some(slot) = answers.found.get_mut(place) {
            *slot = found;
            answers.missing = answers.missing.saturating_sub(1);
        }
        if answers.missing == 0 {
            self.complete.notify_one();
        }
    }

    /// Waits for all answers.
    pub(super) async fn wait(&self) -> Vec<Vec<SampleResult>> {
        while self.answers().missing > 0 {
            self.complete.notified().await;
        }
        std::mem::take(&mut self.answers().found)
    }

    fn answers(&self) -> std::sync::MutexGuard<'_, PendingAnswers> {
        lock(&self.answers)
    }
}
