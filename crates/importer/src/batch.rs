//! Many objects in one API call. A batch that fails is tried again in halves, so that one bad object costs only itself.

use serde_json::Value;

use crate::zabbix::api::{ApiClient, ApiError};
use crate::zabbix::dialect::Dialect;

/// Hosts in one call: linking big templates to more of them takes longer than a frontend lets a call run.
pub(crate) const SIZE: usize = 50;

/// Calls in a row without an answer after which the frontend counts as gone. A batch that is too big for it has been halved
/// often enough by then.
const PATIENCE: u32 = 8;

/// The frontend has answered none of the last calls.
#[derive(Debug, thiserror::Error)]
#[error("giving up, Zabbix does not answer: {0}")]
pub(crate) struct ZabbixUnreachable(ApiError);

/// Makes calls in batches, and gives up when the frontend answers no more.
pub(crate) struct BatchRunner<'a> {
    api: &'a mut dyn ApiClient,
    lost: u32,
}

/// One kind of change to many objects, such as creating hosts.
pub(crate) trait BatchWork<T> {
    /// Changes these objects in one call, and records what was done.
    ///
    /// # Errors
    /// When none of them was changed, as far as the answer tells.
    fn attempt(&mut self, runner: &mut BatchRunner<'_>, items: &[T]) -> Result<(), ApiError>;

    /// After a call whose answer got lost: the objects among them that are not changed yet.
    fn remaining(&mut self, _caller: &mut BatchRunner<'_>, items: &[T]) -> Vec<T>
    where
        T: Clone,
    {
        items.to_vec()
    }

    /// Records an object that could not be changed.
    fn failed(&mut self, item: &T, error: &ApiError);
}

impl<'a> BatchRunner<'a> {
    pub(crate) fn new(api: &'a mut dyn ApiClient) -> Self {
        Self { api, lost: 0 }
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.api.dialect()
    }

    /// Makes one call, and counts the calls in a row without an answer.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub(crate) fn call(&mut self, method: &str, params: Value) -> Result<Value, ApiError> {
        let outcome = self.api.call(method, params);
        self.lost = if matches!(outcome, Err(ApiError::Lost { .. })) { self.lost + 1 } else { 0 };
        outcome
    }

    /// Changes all items, a batch at a time.
    ///
    /// # Errors
    /// When the frontend answers no more. Any other failure concerns single items and goes to [`BatchWork::failed`].
    pub(crate) fn work<T: Clone>(&mut self, items: &[T], work: &mut dyn BatchWork<T>) -> Result<(), ZabbixUnreachable> {
        items.chunks(SIZE).try_for_each(|batch| self.batch(batch, work))
    }

    fn batch<T: Clone>(&mut self, items: &[T], work: &mut dyn BatchWork<T>) -> Result<(), ZabbixUnreachable> {
        let Err(error) = work.attempt(self, items) else { return Ok(()) };
        if matches!(error, ApiError::Lost { .. }) {
            if self.lost >= PATIENCE {
                return Err(ZabbixUnreachable(error));
            }
            let left = work.remaining(self, items);
            return self.halves(&left, &error, work);
        }
        self.halves(items, &error, work)
    }

    fn halves<T: Clone>(&mut self, items: &[T], error: &ApiError, work: &mut dyn BatchWork<T>) -> Result<(), ZabbixUnreachable> {
        match items {
            [] => Ok(()),
            [one] if matches!(error, ApiError::Lost { .. }) => self.once_more(one, work),
            [one] => {
                work.failed(one, error);
                Ok(())
            }
            more => {
                let (one, other) = more.split_at(more.len() / 2);
                self.batch(one, work)?;
                self.batch(other, work)
            }
        }
    }

    /// One object has no halves: when the answer about it got lost, it is tried a second time and not a third.
    fn once_more<T: Clone>(&mut self, item: &T, work: &mut dyn BatchWork<T>) -> Result<(), ZabbixUnreachable> {
        let items = std::slice::from_ref(item);
        let Err(error) = work.attempt(self, items) else { return Ok(()) };
        if self.lost >= PATIENCE {
            return Err(ZabbixUnreachable(error));
        }
        // A refusal may mean that the first try did it.
        if !work.remaining(self, items).is_empty() {
            work.failed(item, &error);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// Refuses calls with a bad number. Loses the answers of calls as `lose` says: the call was done (`true`) or not.
    struct FakeApi {
        bad: Vec<u64>,
        lose: Vec<bool>,
        calls: usize,
        done: Vec<u64>,
    }

    impl ApiClient for FakeApi {
        fn call(&mut self, method: &str, params: Value) -> Result<Value, ApiError> {
            let numbers: Vec<u64> = params.as_array().unwrap().iter().map(|number| number.as_u64().unwrap()).collect();
            if method == "left" {
                return Ok(json!(numbers.iter().filter(|number| !self.done.contains(number)).collect::<Vec<_>>()));
            }
            self.calls += 1;
            if numbers.iter().any(|number| self.bad.contains(number)) {
                return Err(ApiError::Refused { reason: "bad".to_owned() });
            }
            let lost = self.lose.pop();
            if lost != Some(false) {
                self.done.extend(numbers);
            }
            match lost {
                Some(_) => Err(ApiError::Lost { method: method.to_owned(), cause: "HTTP status 500".to_owned() }),
                None => Ok(json!([])),
            }
        }

        fn dialect(&self) -> Dialect {
            Dialect::new("7.0").unwrap()
        }
    }

    #[derive(Default)]
    struct NumberWork {
        failed: Vec<u64>,
    }

    impl BatchWork<u64> for NumberWork {
        fn attempt(&mut self, runner: &mut BatchRunner<'_>, items: &[u64]) -> Result<(), ApiError> {
            runner.call("do", json!(items)).map(drop)
        }

        fn remaining(&mut self, runner: &mut BatchRunner<'_>, items: &[u64]) -> Vec<u64> {
            let left = runner.call("left", json!(items)).unwrap();
            left.as_array().unwrap().iter().map(|number| number.as_u64().unwrap()).collect()
        }

        fn failed(&mut self, item: &u64, _error: &ApiError) {
            self.failed.push(*item);
        }
    }

    fn run(count: u64, bad: Vec<u64>, lose: Vec<bool>) -> (FakeApi, NumberWork, Result<(), ZabbixUnreachable>) {
        let mut fake = FakeApi { bad, lose, calls: 0, done: Vec::new() };
        let mut work = NumberWork::default();
        let items: Vec<u64> = (0..count).collect();
        let outcome = BatchRunner::new(&mut fake).work(&items, &mut work);
        (fake, work, outcome)
    }

    #[test]
    fn good_objects_take_one_call_a_batch() {
        let (fake, work, outcome) = run(120, vec![], vec![]);
        assert!(outcome.is_ok() && work.failed.is_empty());
        assert_eq!((fake.calls, fake.done.len()), (3, 120));
    }

    #[test]
    fn a_bad_object_costs_a_few_calls_and_only_itself() {
        let (fake, work, outcome) = run(50, vec![17], vec![]);
        assert!(outcome.is_ok());
        assert_eq!((work.failed, fake.done.len()), (vec![17], 49));
        assert!(fake.calls <= 13, "{} calls", fake.calls);
    }

    #[test]
    fn a_lost_answer_is_asked_after() {
        // Done, but the answer got lost: nothing is done twice.
        let (fake, work, outcome) = run(50, vec![], vec![true]);
        assert!(outcome.is_ok() && work.failed.is_empty());
        assert_eq!((fake.calls, fake.done.len()), (1, 50));
        // One object, done or not.
        for (lose, calls) in [(vec![true], 1), (vec![false], 2), (vec![true, false], 2)] {
            let (fake, work, outcome) = run(1, vec![], lose);
            assert!(outcome.is_ok() && work.failed.is_empty());
            assert_eq!((fake.calls, fake.done), (calls, vec![0]));
        }
        let (fake, work, outcome) = run(1, vec![], vec![false, false]);
        assert!(outcome.is_ok() && fake.done.is_empty());
        assert_eq!((fake.calls, work.failed), (2, vec![0]));
        // Not done: it is done in halves.
        let (fake, work, outcome) = run(50, vec![], vec![false]);
        assert!(outcome.is_ok() && work.failed.is_empty());
        assert_eq!((fake.calls, fake.done.len()), (3, 50));
    }

    #[test]
    fn silence_ends_the_work() {
        let silent = |count| {
            struct SilentApi(u32);
            impl ApiClient for SilentApi {
                fn call(&mut self, method: &str, _params: Value) -> Result<Value, ApiError> {
                    self.0 += 1;
                    Err(ApiError::Lost { method: method.to_owned(), cause: "connection refused".to_owned() })
                }
                fn dialect(&self) -> Dialect {
                    Dialect::new("7.0").unwrap()
                }
            }
            struct DeafWork;
            impl BatchWork<u64> for DeafWork {
                fn attempt(&mut self, runner: &mut BatchRunner<'_>, items: &[u64]) -> Result<(), ApiError> {
                    runner.call("do", json!(items)).map(drop)
                }
                fn failed(&mut self, _item: &u64, _error: &ApiError) {}
            }
            let mut api = SilentApi(0);
            let items = (0..count).collect::<Vec<u64>>();
            let outcome = BatchRunner::new(&mut api).work(&items, &mut DeafWork);
            (api.0, outcome)
        };
        let (calls, outcome) = silent(1000);
        assert_eq!(calls, PATIENCE);
        assert!(outcome.unwrap_err().to_string().contains("connection refused"));
    }

    proptest! {
        #[test]
        fn every_object_is_done_or_failed(count in 0_u64..130, bad in prop::collection::vec(0_u64..130, 0..6)) {
            let (fake, work, outcome) = run(count, bad.clone(), vec![]);
            prop_assert!(outcome.is_ok());
            let mut done = fake.done;
            let mut failed = work.failed;
            done.sort_unstable();
            failed.sort_unstable();
            prop_assert_eq!(done, (0..count).filter(|number| !bad.contains(number)).collect::<Vec<_>>());
            prop_assert_eq!(failed, (0..count).filter(|number| bad.contains(number)).collect::<Vec<_>>());
        }
    }
}
