//! An answer's body that can end badly.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

/// What follows the part that is sent.
#[derive(Debug)]
enum Tail {
    End,
    Close,
    Closed,
    Silence,
}

/// A body that announces its full length and sends as much of it, and as fast, as the fault allows.
#[derive(Debug)]
pub(crate) struct FaultyBody {
    announced: u64,
    data: Bytes,
    piece: usize,
    pause: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
    tail: Tail,
}

impl FaultyBody {
    /// The whole body at once.
    pub(crate) fn whole(data: Bytes) -> Self {
        Self::new(data, usize::MAX, Tail::End)
    }

    /// The first bytes, then the connection closes.
    pub(crate) fn truncated(data: Bytes, bytes: usize) -> Self {
        Self::new(data, bytes, Tail::Close)
    }

    /// The first bytes, then nothing.
    pub(crate) fn hanging(data: Bytes, bytes: usize) -> Self {
        Self::new(data, bytes, Tail::Silence)
    }

    /// The whole body in pieces with a pause before each.
    pub(crate) fn dripping(data: Bytes, piece: usize, pause: Duration) -> Self {
        let mut body = Self::whole(data);
        body.piece = piece.max(1);
        body.pause = pause;
        body
    }

    fn new(mut data: Bytes, bytes: usize, tail: Tail) -> Self {
        let announced = u64::try_from(data.len()).unwrap_or(u64::MAX);
        data.truncate(bytes);
        Self { announced, data, piece: usize::MAX, pause: Duration::ZERO, sleep: None, tail }
    }
}

impl Body for FaultyBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.data.is_empty() {
            return match self.tail {
                Tail::End => Poll::Ready(None),
                Tail::Close => {
                    // A connection that fails at once would not send what came before: wait one round, in which it does.
                    self.tail = Tail::Closed;
                    context.waker().wake_by_ref();
                    Poll::Pending
                }
                Tail::Closed => Poll::Ready(Some(Err(io::Error::other("cut by the relay")))),
                Tail::Silence => Poll::Pending, // the connection's own end wakes it
            };
        }
        if !self.pause.is_zero() {
            let pause = self.pause;
            if self.sleep.get_or_insert_with(|| Box::pin(sleep(pause))).as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            self.sleep = None;
        }
        let piece = self.piece.min(self.data.len());
        Poll::Ready(Some(Ok(Frame::data(self.data.split_to(piece)))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.announced)
    }
}
