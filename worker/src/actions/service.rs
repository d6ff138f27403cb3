//! What a vSphere host says about itself.

use futures_util::future::BoxFuture;
use serde_json::{Map, Value as Json};
use vpoller_vsphere::{Struct, Value};

use super::{Answer, Task, members, one};
use crate::failure::Failure;

/// The requested members of the About information; the method's own ones only when none is requested.
pub(super) fn about<'a>(task: &'a Task<'a>) -> BoxFuture<'a, Result<Answer, Failure>> {
    Box::pin(async move {
        let about = task.inventory.about().await?;
        let requested: Vec<&str> = task.requested().collect();
        let names = if requested.is_empty() { task.method.reads } else { requested.as_slice() };
        task.answer(one(members(&about, names)))
    })
}

/// Who is logged in. Every value is a text, as it always was.
pub(crate) fn sessions<'a>(task: &'a Task<'a>) -> BoxFuture<'a, Result<Answer, Failure>> {
    Box::pin(async move {
        let sessions = task.inventory.services().sessions().await?.ok_or(Failure::NoSessions)?;
        let row = |session: &Struct| {
            let field = |name: &&str| ((*name).to_owned(), Json::from(session_text(task, session, name)));
            Json::Object(SESSION.iter().map(field).collect::<Map<_, _>>())
        };
        task.answer(sessions.iter().map(row).collect())
    })
}

const KEY: &str = "key";
/// What a reply says of a session.
pub(crate) const SESSION: &[&str] =
    &[KEY, "userName", "fullName", "loginTime", "lastActiveTime", "ipAddress", "userAgent", "callCount"];

/// The text of a member; `None` where older servers have nothing to say.
fn session_text(task: &Task<'_>, session: &Struct, name: &str) -> String {
    match session.get(name).map(Value::to_json) {
        Some(Json::String(key)) if name == KEY => task.policy.key(&key),
        Some(Json::String(text)) => text,
        Some(Json::Null) | None => "None".to_owned(),
        Some(other) => other.to_string(),
    }
}
