//! What our own checks find wrong with a certificate, on its way through the TLS library.

use std::sync::Arc;

use rustls::{CertificateError, OtherError};

/// A reason of our own. Its text follows "is not accepted:".
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum Refusal {
    /// Its fingerprint is not the pinned one. Said by our own comparison only.
    #[error("it is another one than the pinned one, so it was replaced or somebody is in between")]
    NotPinned,
    /// Signatures with its key cannot be checked; the text follows "it has".
    #[error("it has {0}")]
    Key(String),
    /// The handshake is not signed with its key.
    #[error("the server does not prove that it owns the certificate's key")]
    Unproved,
    /// Nothing: the handshake was for looking only, and ends here.
    #[error("it was only looked at")]
    Looked,
}

impl From<Refusal> for rustls::Error {
    fn from(refusal: Refusal) -> Self {
        CertificateError::Other(OtherError(Arc::new(refusal))).into()
    }
}

/// Our own reason in an error of the TLS library.
pub(super) fn refusal(cause: &CertificateError) -> Option<&Refusal> {
    match cause {
        CertificateError::Other(OtherError(inner)) => inner.downcast_ref(),
        _ => None,
    }
}
