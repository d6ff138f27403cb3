//! What a form is in which readers want what is known.

use std::sync::Arc;

use axum::Router;

use crate::reader::Reader;
use crate::settings::Settings;
use crate::state::ExporterState;

/// One form.
pub(crate) struct Format {
    /// What is to be gathered for it, with these settings; nothing when it is switched off.
    pub(crate) readers: fn(&Settings) -> Vec<Reader>,
    /// Its pages. `/metrics` itself is not among them: [`crate::pages`] decides whose page that is.
    pub(crate) router: fn(&Arc<ExporterState>) -> Router,
}
