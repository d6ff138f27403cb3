//! What can end the proxy.

use std::io;

use vpoller_daemon::cli::PidFileError;
use vpoller_daemon::pages::PagesError;
use vpoller_daemon::socket::SocketError;

/// Why the proxy does not run, or not any longer.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// A socket could not be had.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// The pages cannot be shown where the configuration wants them.
    #[error(transparent)]
    Http(#[from] PagesError),
    /// The file with the process id cannot be written.
    #[error(transparent)]
    PidFile(#[from] PidFileError),
    /// The system refused something.
    #[error("cannot {action}: {source}")]
    System { action: &'static str, source: io::Error },
    /// libzmq failed while running.
    #[error("{role} socket failed: {source}")]
    Failed { role: &'static str, source: zmq::Error },
    /// The broker's thread ended by a bug, or did not end when asked.
    #[error("the proxy's thread {0}")]
    Thread(&'static str),
}

impl ProxyError {
    pub(crate) fn failed(role: &'static str) -> impl FnOnce(zmq::Error) -> Self {
        move |source| Self::Failed { role, source }
    }
}
