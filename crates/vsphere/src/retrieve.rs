//! Reads through the property collector, and the container view that they go through.

use std::sync::Arc;

use crate::call::{Call, CallOptions};
use crate::connection::Connection;
use crate::object_content::{looks_lost, read_objects, read_page};
use crate::page_token::PageToken;
use crate::{Arg, Error, Fault, FilterSpec, MoRef, ObjectContent, Session, Value};

/// Managed types in the container view of [`crate::Client::view`]; their subtypes are in it too (clusters, distributed port groups, vApps).
pub const VIEW_TYPES: [&str; 9] = [
    "VirtualMachine",
    "HostSystem",
    "Datastore",
    "ComputeResource",
    "ResourcePool",
    "Network",
    "Datacenter",
    "Folder",
    "DistributedVirtualSwitch",
];
/// What shows the loss of a session when the server says so in missing sets only.
pub(crate) const UNREADABLE: &str = "no property can be read, NotAuthenticated";
/// What to do about an answer in one piece that is too large.
const ASK_LESS_OR_PAGES: &str = "ask for fewer properties, or give the account a role on the root folder: vCenter refuses it all pages \
    but the first of a read";

/// Why an answer ended before its last page.
enum PageError {
    /// The server gives this account no second page.
    Refused(Error),
    /// The server no longer knows where it was, or the connection broke: from the first page on, it may go well.
    Lost(Error),
    /// Any other error.
    Failed(Error),
}

impl Connection {
    /// Reads properties, all pages of the answer. Begins again once when the server lost its place.
    pub(crate) async fn retrieve(&self, session: &Arc<Session>, spec: &[FilterSpec]) -> Result<Vec<ObjectContent>, Error> {
        let specs: Vec<Arg> = spec.iter().map(|spec| spec.to_arg("specSet")).collect();
        if session.is_refused_pages() {
            return self.retrieve_whole(session, &specs).await;
        }
        let mut read = self.retrieve_pages(session, &specs).await;
        if matches!(read, Err(PageError::Lost(_))) {
            read = self.retrieve_pages(session, &specs).await;
        }
        match read {
            Ok(objects) => self.confirmed(session, objects).await,
            Err(PageError::Refused(error)) => {
                if session.refuse_pages() {
                    let host = &self.sessions.config.host;
                    tracing::warn!(
                        "[{host}] Reads are answered in one piece from now on, because vCenter refuses this account all pages but the first; \
                         a role on the root folder avoids that ({error})"
                    );
                }
                self.retrieve_whole(session, &specs).await
            }
            Err(PageError::Lost(error) | PageError::Failed(error)) => Err(error),
        }
    }

    /// Reads page after page.
    async fn retrieve_pages(&self, session: &Arc<Session>, specs: &[Arg]) -> Result<Vec<ObjectContent>, PageError> {
        let this = &session.content.property_collector;
        let limits = self.sessions.config.limits;
        let limit = self.sessions.config.request_timeout;
        // The server wants the options even when they are empty.
        let page_size = limits.page_size.map(|size| Arg::new("maxObjects", i64::from(size)));
        let mut args = specs.to_vec();
        args.push(Arg::object("options", page_size.into_iter().collect()));
        let mut objects = Vec::new();
        let first = Call { this, method: "RetrievePropertiesEx", args: &args, options: CallOptions::repeated(limit) };
        let mut values = self.call(session, first).await.map_err(PageError::Failed)?;
        for _ in 0..limits.pages {
            let Some(token) = read_page(values, &mut objects) else { return Ok(objects) };
            values = self.next_page(session, token).await?;
        }
        if let Some(token) = read_page(values, &mut objects) {
            drop(PageToken::new(&self.sessions, session, token));
        }
        let cause = format!("it has more than {} pages", limits.pages);
        Err(PageError::Failed(Error::Answer { host: self.sessions.config.host.clone(), what: first.method.to_owned(), cause }))
    }

    /// The page behind a token. When the call is given up, the server is asked to forget the rest.
    async fn next_page(&self, session: &Arc<Session>, token: String) -> Result<Vec<Value>, PageError> {
        let this = &session.content.property_collector;
        let token = PageToken::new(&self.sessions, session, token);
        let args = [Arg::new("token", token.text())];
        // A token is good for one use only, so its call is not repeated.
        let options = CallOptions::once(self.sessions.config.request_timeout);
        let next = Call { this, method: "ContinueRetrievePropertiesEx", args: &args, options };
        let answer = self.call(session, next).await;
        match answer {
            Ok(values) => {
                token.spent();
                Ok(values)
            }
            Err(error) => Err(self.page_error(token, error)),
        }
    }

    fn page_error(&self, token: PageToken<'_>, error: Error) -> PageError {
        match &error {
            // Refused for want of a right on the root folder: the server forgets these pages with the session.
            Error::Fault { fault, .. } if fault.is_a("NoPermission") => {
                token.spent();
                PageError::Refused(error)
            }
            Error::Fault { fault, .. } if fault.is_a("InvalidArgument") => {
                token.spent();
                let cause = format!("vSphere has lost its further pages ({fault}); ask again");
                let host = self.sessions.config.host.clone();
                PageError::Lost(Error::Answer { host, what: "RetrievePropertiesEx".to_owned(), cause })
            }
            Error::Connection { established: true, .. } => PageError::Lost(error),
            Error::Fault { .. } | Error::SessionLost { .. } => {
                token.spent();
                PageError::Failed(error)
            }
            _ => PageError::Failed(error),
        }
    }

    /// Reads properties in one piece, however large.
    async fn retrieve_whole(&self, session: &Arc<Session>, specs: &[Arg]) -> Result<Vec<ObjectContent>, Error> {
        let this = &session.content.property_collector;
        let options = CallOptions::repeated(self.sessions.config.request_timeout);
        let read = self.call(session, Call { this, method: "RetrieveProperties", args: specs, options }).await;
        let values = read.map_err(|error| match error {
            Error::TooLarge { host, what, limit, .. } => Error::TooLarge { host, what, limit, hint: ASK_LESS_OR_PAGES },
            error => error,
        })?;
        let mut objects = Vec::new();
        read_objects(values, &mut objects);
        self.confirmed(session, objects).await
    }

    /// The objects, unless they only show that the session is lost.
    async fn confirmed(&self, session: &Session, objects: Vec<ObjectContent>) -> Result<Vec<ObjectContent>, Error> {
        if looks_lost(&objects) && !self.is_alive(session).await? {
            return Err(self.sessions.lost(UNREADABLE));
        }
        Ok(objects)
    }

    pub(crate) async fn retrieve_all(
        &self,
        session: &Arc<Session>,
        kind: &str,
        paths: &[&str],
    ) -> Result<Vec<ObjectContent>, Error> {
        let view = self.view(session).await?;
        let read = self.retrieve(session, &[FilterSpec::view(&view, kind, paths)]).await;
        let gone = |fault: &Fault| fault.is_a("ManagedObjectNotFound") && fault.object() == Some(&view);
        if !read.as_ref().is_err_and(|error| error.fault().is_some_and(gone)) {
            return read;
        }
        let view = self.renew_view(session, &view).await?;
        self.retrieve(session, &[FilterSpec::view(&view, kind, paths)]).await
    }

    /// A view in the place of one that was destroyed. Of several callers that notice only the first makes it.
    pub(crate) async fn renew_view(&self, session: &Session, gone: &MoRef) -> Result<MoRef, Error> {
        session.view().lock().await.take_if(|kept| kept == gone);
        self.view(session).await
    }

    pub(crate) async fn view(&self, session: &Session) -> Result<MoRef, Error> {
        let mut kept = session.view().lock().await;
        if let Some(view) = &*kept {
            return Ok(view.clone());
        }
        let mut args = vec![Arg::new("container", &session.content.root_folder)];
        args.extend(VIEW_TYPES.map(|kind| Arg::new("type", kind)));
        args.push(Arg::new("recursive", true));
        let method = "CreateContainerView";
        let options = CallOptions::once(self.sessions.config.request_timeout);
        let call = Call { this: &session.content.view_manager, method, args: &args, options };
        let view = self.made_object(&self.call(session, call).await?, method)?;
        *kept = Some(view.clone());
        Ok(view)
    }
}
