//! A server whose answers to one method wait for the test.

use std::sync::{Mutex, mpsc};

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use vpoller_testkit::wait::SOON;

use crate::responder::{Act, Responder, Seen};

/// A server that holds its answers to one method back until the test releases them, and reports each such call.
pub(crate) struct Held {
    pub server: Responder,
    /// One message for each call that arrived.
    pub arrived: UnboundedReceiver<()>,
    /// One message releases one answer.
    pub release: mpsc::Sender<()>,
}

impl Held {
    /// A server that holds back answers to `method`; `answer` makes these and all others.
    pub(crate) fn start(method: &'static str, answer: impl Fn(&Seen) -> Act + Send + Sync + 'static) -> Self {
        let (arrives, arrived) = unbounded_channel();
        let (release, released) = mpsc::channel();
        let released = Mutex::new(released);
        let server = Responder::start(move |seen| {
            if seen.method == method {
                let _ = arrives.send(());
                // A test that failed releases nothing; its channel ends with it.
                let _ = released.lock().unwrap().recv_timeout(SOON);
            }
            answer(seen)
        });
        Self { server, arrived, release }
    }
}
