//! The doors of a listener for HTTP: whether it speaks TLS, and who may ask.

use crate::listen::{Listen, ListenScheme};

/// What guards a listener.
#[derive(Debug)]
pub struct Doors {
    is_tls: bool,
}

/// An address says another thing about TLS than the doors.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SchemeError {
    #[error("{0} asks for TLS, but no certificate is configured; the web configuration file needs a tls_server_config")]
    NoCertificate(Listen),
    #[error("{0} asks for no TLS, but the web configuration file has a tls_server_config; write https:// or leave http:// out")]
    NotPlain(Listen),
}

impl Doors {
    /// Compares an address with the doors it will have.
    ///
    /// # Errors
    /// When they say different things about TLS.
    pub fn check_scheme(doors: Option<&Self>, listen: &Listen) -> Result<(), SchemeError> {
        let is_tls = doors.is_some_and(|doors| doors.is_tls);
        match listen.scheme() {
            Some(ListenScheme::Tls) if !is_tls => Err(SchemeError::NoCertificate(listen.clone())),
            Some(ListenScheme::Plain) if is_tls => Err(SchemeError::NotPlain(listen.clone())),
            _ => Ok(()),
        }
    }
}
