//! The listeners, and the tasks that serve what connects.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener as AsyncListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use vpoller_daemon::doors::Doors;

use crate::connection::{self, Shared};
use crate::crowd::{Crowd, Member};
use crate::{Limits, Listen};

/// After an error of the kernel's, before the next connection is taken: out of descriptors, most likely.
const PAUSE: Duration = Duration::from_millis(100);
/// What answers that are under way may take when the server stops.
const STOP: Duration = Duration::from_secs(2);

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A place cannot be had.
    #[error("cannot listen at {listen}: {source}")]
    Bind {
        /// As it was written.
        listen: Listen,
        source: io::Error,
    },
    /// The addresses say another thing about TLS than the doors.
    #[error(transparent)]
    Scheme(#[from] vpoller_daemon::doors::SchemeError),
    /// tokio does not take a listener.
    #[error("cannot serve: {0}")]
    System(#[from] io::Error),
}

/// Listeners that are open, and what they are guarded by.
#[derive(Debug)]
pub struct Server {
    listeners: Vec<TcpListener>,
    addresses: Vec<SocketAddr>,
    limits: Limits,
    doors: Option<Doors>,
}

impl Server {
    /// Opens the listeners. Needs no runtime, so that it can come before rights are given up.
    ///
    /// # Errors
    /// When a place cannot be had, or an address says another thing about TLS than the doors.
    pub fn bind(places: &[Listen], limits: Limits, doors: Option<Doors>) -> Result<Self, Error> {
        let mut listeners = Vec::new();
        let mut addresses = Vec::new();
        for listen in places {
            Doors::check_scheme(doors.as_ref(), listen)?;
            let fail = |source| Error::Bind { listen: listen.clone(), source };
            let listener = listen.bind().map_err(fail)?;
            listener.set_nonblocking(true).map_err(fail)?;
            addresses.push(listener.local_addr().map_err(fail)?);
            listeners.push(listener);
        }
        Ok(Self { listeners, addresses, limits, doors })
    }

    /// Where it listens, in the order of the places, with the ports that the system chose.
    #[must_use]
    pub fn local_addresses(&self) -> Vec<SocketAddr> {
        self.addresses.clone()
    }

    /// Answers with the router until `stop` is done; answers that are under way get a moment to end.
    ///
    /// # Errors
    /// When the runtime does not take a listener.
    pub async fn serve(self, router: Router, stop: impl Future<Output = ()>) -> Result<(), Error> {
        let shared = Arc::new(Shared::new(self.limits, router, self.doors));
        let crowd = Crowd::new(self.limits.connections, self.limits.patience);
        let (stopping, is_stopping) = watch::channel(false);
        let mut listening = JoinSet::new();
        for listener in self.listeners {
            let listener = AsyncListener::from_std(listener)?;
            listening.spawn(listen(listener, Arc::clone(&shared), Arc::clone(&crowd), is_stopping.clone()));
        }
        pin!(stop).await;
        let _ = stopping.send(true);
        while listening.join_next().await.is_some() {}
        Ok(())
    }
}

/// Takes connections until the server stops, then gives those that are open a moment.
async fn listen(listener: AsyncListener, shared: Arc<Shared>, crowd: Arc<Crowd>, mut stop: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let (stream, member) = tokio::select! {
            _ = stop.changed() => break,
            taken = take(&listener, &crowd) => taken,
        };
        connections.spawn(connection::run(stream, member, Arc::clone(&shared), stop.clone()));
    }
    drop(listener);
    let _ = timeout(STOP, async { while connections.join_next().await.is_some() {} }).await;
}

async fn take(listener: &AsyncListener, crowd: &Arc<Crowd>) -> (TcpStream, Member) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, crowd.enter().await),
            Err(_) => sleep(PAUSE).await,
        }
    }
}
