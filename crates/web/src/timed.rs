//! A connection whose client is held to the limits of time.

use std::future::Future as _;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use crate::Limits;
use crate::crowd::Progress;

/// A stream that fails with [`io::ErrorKind::TimedOut`] when its client takes too long.
pub(crate) struct Timed<S> {
    stream: S,
    limits: Limits,
    progress: Arc<Progress>,
    reading: Deadline,
    writing: Deadline,
    /// The first byte of a further request has arrived.
    is_asking: bool,
    /// Something was written that has not left yet.
    is_writing: bool,
}

/// A moment, which belongs to the request of one number.
struct Deadline {
    request: Option<u64>,
    sleep: Pin<Box<Sleep>>,
}

impl Deadline {
    fn new(moment: Instant, request: Option<u64>) -> Self {
        Self { request, sleep: Box::pin(tokio::time::sleep_until(moment)) }
    }

    fn set(&mut self, request: u64, time: Duration) {
        self.request = Some(request);
        self.sleep.as_mut().reset(Instant::now() + time);
    }

    /// An error once the moment has come.
    fn check(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        self.sleep.as_mut().poll(cx).map(|()| io::ErrorKind::TimedOut.into())
    }
}

impl<S> Timed<S> {
    /// `until` is the end of the time for the first head.
    pub(crate) fn new(stream: S, limits: Limits, until: Instant, progress: Arc<Progress>) -> Self {
        let reading = Deadline::new(until, Some(0));
        let writing = Deadline::new(until, None);
        Self { stream, limits, progress, reading, writing, is_asking: true, is_writing: false }
    }

    /// The client sends nothing at the moment; an error when that is too long.
    fn silence(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        // hyper also reads while it answers, to notice a client that leaves.
        if self.progress.is_answering() || self.is_writing {
            return Poll::Pending;
        }
        let request = self.progress.requests();
        if self.reading.request != Some(request) {
            self.is_asking = false;
            self.reading.set(request, self.limits.idle_time);
        }
        self.progress.wait();
        self.reading.check(cx)
    }

    fn arrived(&mut self) {
        let request = self.progress.requests();
        if !self.is_asking && self.reading.request == Some(request) && !self.progress.is_answering() {
            self.is_asking = true;
            self.reading.set(request, self.limits.header_time);
        }
    }

    /// Before a write: an error when the answer takes its client too long.
    fn begin_write(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let request = self.progress.requests();
        if self.writing.request != Some(request) {
            self.writing.set(request, self.limits.write_time);
        }
        self.is_writing = true;
        match self.writing.check(cx) {
            Poll::Ready(error) => Err(error),
            Poll::Pending => Ok(()),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Timed<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        let before = buf.filled().len();
        match Pin::new(&mut me.stream).poll_read(cx, buf) {
            Poll::Ready(result) => {
                if buf.filled().len() > before {
                    me.arrived();
                }
                Poll::Ready(result)
            }
            Poll::Pending => me.silence(cx).map(Err),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Timed<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let me = self.get_mut();
        me.begin_write(cx)?;
        let written = Pin::new(&mut me.stream).poll_write(cx, buf);
        if written.is_pending() {
            me.progress.wait();
        }
        written
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let me = self.get_mut();
        me.begin_write(cx)?;
        let written = Pin::new(&mut me.stream).poll_write_vectored(cx, bufs);
        if written.is_pending() {
            me.progress.wait();
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        if me.is_writing {
            me.begin_write(cx)?;
        }
        ready!(Pin::new(&mut me.stream).poll_flush(cx))?;
        me.is_writing = false;
        // hyper asked for the next request while this answer was being made, and will not ask again before something happens.
        match me.silence(cx) {
            Poll::Ready(error) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        me.begin_write(cx)?;
        Pin::new(&mut me.stream).poll_shutdown(cx)
    }
}
