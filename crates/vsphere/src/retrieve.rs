//! Reads through the property collector, and the container view that they go through.

use crate::call::{Call, CallOptions};
use crate::connection::Connection;
use crate::object_content::{looks_lost, read_page};
use crate::{Arg, Error, Fault, FilterSpec, MoRef, ObjectContent, Session};

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

impl Connection {
    /// Reads properties, all pages of the answer.
    pub(crate) async fn retrieve(&self, session: &Session, spec: &[FilterSpec]) -> Result<Vec<ObjectContent>, Error> {
        let this = &session.content.property_collector;
        let limit = self.sessions.config.request_timeout;
        // The server wants the options even when they are empty.
        let page_size = self.sessions.config.limits.page_size.map(|size| Arg::new("maxObjects", i64::from(size)));
        let mut args: Vec<Arg> = spec.iter().map(|spec| spec.to_arg("specSet")).collect();
        args.push(Arg::object("options", page_size.into_iter().collect()));
        let mut objects = Vec::new();
        let first = Call { this, method: "RetrievePropertiesEx", args: &args, options: CallOptions::repeated(limit) };
        let mut values = self.call(session, first).await?;
        let pages = self.sessions.config.limits.pages;
        for _ in 0..pages {
            let Some(token) = read_page(values, &mut objects) else { return self.confirmed(session, objects).await };
            let args = [Arg::new("token", token)];
            // A token is good for one use only, so its call is not repeated.
            let next = Call { this, method: "ContinueRetrievePropertiesEx", args: &args, options: CallOptions::once(limit) };
            values = self.call(session, next).await?;
        }
        let cause = format!("it has more than {pages} pages");
        Err(Error::Answer { host: self.sessions.config.host.clone(), what: "RetrievePropertiesEx".to_owned(), cause })
    }

    /// The objects, unless they only show that the session is lost.
    async fn confirmed(&self, session: &Session, objects: Vec<ObjectContent>) -> Result<Vec<ObjectContent>, Error> {
        if looks_lost(&objects) && !self.is_alive(session).await? {
            return Err(self.sessions.lost(UNREADABLE));
        }
        Ok(objects)
    }

    pub(crate) async fn retrieve_all(&self, session: &Session, kind: &str, paths: &[&str]) -> Result<Vec<ObjectContent>, Error> {
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
