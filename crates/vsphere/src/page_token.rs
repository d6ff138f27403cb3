//! The rest of an answer that the server keeps for us: whoever gives it up says so, because a server keeps few of them.

use std::sync::Arc;

use tokio::runtime::Handle;

use crate::call::{Call, CallOptions};
use crate::session_manager::SessionManager;
use crate::{Arg, Session};

/// Further pages at the server. Dropped before they were fetched, they are cancelled there, in the background.
pub(crate) struct PageToken<'s> {
    sessions: &'s Arc<SessionManager>,
    session: &'s Arc<Session>,
    /// Nothing once the token has been used.
    token: Option<String>,
}

impl<'s> PageToken<'s> {
    pub(crate) fn new(sessions: &'s Arc<SessionManager>, session: &'s Arc<Session>, token: String) -> Self {
        Self { sessions, session, token: Some(token) }
    }

    /// The token as the server wrote it.
    pub(crate) fn text(&self) -> &str {
        self.token.as_deref().unwrap_or_default()
    }

    /// The server answered for it, so there is nothing to cancel.
    pub(crate) fn spent(mut self) {
        self.token = None;
    }
}

impl Drop for PageToken<'_> {
    fn drop(&mut self) {
        let Some(token) = self.token.take() else { return };
        // Without a runtime the process ends, and the session with it.
        let Ok(runtime) = Handle::try_current() else { return };
        let sessions = Arc::clone(self.sessions);
        let session = Arc::clone(self.session);
        runtime.spawn(async move {
            let this = &session.content.property_collector;
            let args = [Arg::new("token", token)];
            let options = CallOptions::once(sessions.config.request_timeout);
            let call = Call { this, method: "CancelRetrievePropertiesEx", args: &args, options };
            // The server may have sent the page meanwhile; then it does not know the token any more.
            let _ = sessions.caller.call(session.context(), call).await;
        });
    }
}
