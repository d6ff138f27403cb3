//! Processes in the guests of virtual machines.

use std::sync::Arc;

use secrecy::SecretString;

use crate::call::{Call, CallOptions};
use crate::connection::Connection;
use crate::{Arg, Client, Error, Fault, FilterSpec, MoRef, Session, Value};

const LIST_PROCESSES: &str = "ListProcessesInGuest";

impl Client {
    /// Lists the processes in a virtual machine's guest as `GuestProcessInfo`. Takes seconds. Never repeated when its
    /// connection broke, because a wrong guest password must not be tried twice.
    ///
    /// # Errors
    /// As [`Client::call`]; `InvalidGuestLogin` for a wrong guest password.
    pub async fn list_processes(&self, vm: &MoRef, user: &str, password: &SecretString) -> Result<Vec<Value>, Error> {
        let auth = vec![Arg::new("interactiveSession", false), Arg::new("username", user), Arg::new("password", password)];
        let args = [Arg::new("vm", vm), Arg::typed("auth", "NamePasswordAuthentication", auth)];
        let options = CallOptions::once(self.config().request_timeout);
        let args = &args;
        let connection = &self.connection;
        let _permit = connection.permit(&connection.guest_calls, LIST_PROCESSES, options.limit).await?;
        self.in_session(|session| async move {
            let this = session.process_manager.get_or_try_init(|| connection.process_manager(&session)).await?;
            connection.call(&session, Call { this, method: LIST_PROCESSES, args, options }).await
        })
        .await
    }
}

impl Connection {
    /// The manager of processes in guests.
    async fn process_manager(&self, session: &Arc<Session>) -> Result<MoRef, Error> {
        let absent = || Error::Fault {
            host: self.sessions.config.host.clone(),
            method: LIST_PROCESSES.to_owned(),
            object: "GuestOperationsManager".to_owned(),
            fault: Box::new(Fault::unsupported("this server has no guest operations")),
        };
        let guest = session.content.guest_operations_manager.as_ref().ok_or_else(absent)?;
        let spec = FilterSpec::objects(std::slice::from_ref(guest), &["processManager"]);
        let read = self.retrieve(session, &[spec]).await?;
        let values: Vec<Value> = read.iter().filter_map(|object| object.get("processManager")).cloned().collect();
        values.first().and_then(Value::as_moref).cloned().ok_or_else(absent)
    }
}
