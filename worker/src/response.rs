//! What an action found, on its way to the helper that prints it.
//!
//! A list of ten thousand objects is never a tree in memory: its objects are made one by one while they are written.

use std::borrow::Cow;

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::{Map, Value as Json};
use vpoller_wire::Reply;
use vpoller_wire::json::{self, Style};

use crate::failure::Failure;

/// The `result` of an answer.
pub enum Content {
    /// As it is.
    Whole(Json),
    /// A list of objects.
    List(Box<dyn ObjectList>),
}

/// Objects that are made when they are written, every time the same.
pub trait ObjectList: Send + Sync {
    /// The objects, in their order.
    fn objects(&self) -> Box<dyn Iterator<Item = Map<String, Json>> + '_>;

    /// About how many there are. Costs no objects.
    fn count(&self) -> usize;

    /// Whether an object may say of something that it could not be read. Costs no objects.
    fn has_refused(&self) -> bool;
}

/// What a client is to get, before a helper prints it.
pub enum Response {
    /// A reply as it is.
    Whole(Reply),
    /// A success with a list.
    List(Cow<'static, str>, Box<dyn ObjectList>),
}

/// The objects of a result, whole or made one by one.
#[derive(Clone, Copy)]
pub(crate) enum ObjectRows<'r> {
    Whole(&'r [Json]),
    Made(&'r dyn ObjectList),
}

impl Content {
    /// The whole of it at once.
    #[must_use]
    pub fn into_json(self) -> Json {
        match self {
            Self::Whole(json) => json,
            Self::List(list) => whole(&*list),
        }
    }
}

/// What a text of a list takes beside its objects, and each object beside what the first one takes.
const ROOM: usize = 256;
/// Room for no larger text is made ahead.
const LARGEST: usize = 256 * 1024 * 1024;

fn whole(list: &dyn ObjectList) -> Json {
    Json::Array(list.objects().map(Json::Object).collect())
}

impl Response {
    /// Whether `success` is 0.
    #[must_use]
    pub fn is_success(&self) -> bool {
        match self {
            Self::Whole(reply) => reply.is_success(),
            Self::List(..) => true,
        }
    }

    /// The whole of it at once, for helpers that have to see a result from both ends.
    #[must_use]
    pub fn to_reply(&self) -> Cow<'_, Reply> {
        match self {
            Self::Whole(reply) => Cow::Borrowed(reply),
            Self::List(msg, list) => Cow::Owned(Reply::success(msg.clone(), whole(&**list))),
        }
    }

    /// As [`Response::to_reply`], for who needs nothing else.
    #[must_use]
    pub fn into_reply(self) -> Reply {
        match self {
            Self::Whole(reply) => reply,
            list @ Self::List(..) => list.to_reply().into_owned(),
        }
    }

    /// As JSON text in the given style.
    #[must_use]
    pub fn to_bytes(&self, style: Style) -> Vec<u8> {
        // Strings and JSON values always serialize.
        match self {
            Self::Whole(reply) => reply.to_bytes(style),
            Self::List(_, list) => json::to_vec_of(self, style, ObjectRows::Made(&**list).bytes()).unwrap_or_default(),
        }
    }
}

impl From<Reply> for Response {
    fn from(reply: Reply) -> Self {
        Self::Whole(reply)
    }
}

impl From<Failure> for Response {
    fn from(failure: Failure) -> Self {
        Self::Whole(failure.into())
    }
}

impl Serialize for Response {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Whole(reply) => reply.serialize(serializer),
            Self::List(msg, list) => {
                let mut map = serializer.serialize_map(None)?;
                map.serialize_entry("success", &0)?;
                map.serialize_entry("msg", msg)?;
                map.serialize_entry("result", &ObjectRows::Made(&**list))?;
                map.end()
            }
        }
    }
}

impl<'r> ObjectRows<'r> {
    /// Those rows that are objects.
    pub(crate) fn objects(self) -> Box<dyn Iterator<Item = Cow<'r, Map<String, Json>>> + 'r> {
        match self {
            Self::Whole(rows) => Box::new(rows.iter().filter_map(Json::as_object).map(Cow::Borrowed)),
            Self::Made(list) => Box::new(list.objects().map(Cow::Owned)),
        }
    }

    /// About how many bytes of text they make. Too many cost nothing: memory that is not written to is none.
    pub(crate) fn bytes(self) -> usize {
        let count = match self {
            Self::Whole(rows) => rows.len(),
            Self::Made(list) => list.count(),
        };
        let first = self.objects().next().and_then(|object| json::to_vec(&*object, Style::Line).ok());
        let each = first.map_or(0, |first| first.len() + first.len() / 2 + ROOM);
        ROOM + count.saturating_mul(each).min(LARGEST)
    }

    /// Whether a row may say of something that it could not be read.
    pub(crate) fn may_have_refused(self) -> bool {
        match self {
            Self::Whole(_) => true,
            Self::Made(list) => list.has_refused(),
        }
    }
}

impl Serialize for ObjectRows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        self.objects().try_for_each(|object| list.serialize_element(&*object))?;
        list.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    struct Numbered(usize);

    impl ObjectList for Numbered {
        fn objects(&self) -> Box<dyn Iterator<Item = Map<String, Json>> + '_> {
            Box::new((0..self.0).map(|number| Map::from_iter([("name".to_owned(), json!(format!("vm{number:02}")))])))
        }

        fn count(&self) -> usize {
            self.0
        }

        fn has_refused(&self) -> bool {
            false
        }
    }

    #[test]
    fn a_list_is_written_as_if_it_were_whole() {
        for count in [0, 1, 3] {
            let list = Response::List("ok".into(), Box::new(Numbered(count)));
            let whole = Response::from(list.to_reply().into_owned());
            assert!(list.is_success() && matches!(whole, Response::Whole(_)));
            for style in [Style::Line, Style::Ascii, Style::Indented(4)] {
                assert_eq!(list.to_bytes(style), whole.to_bytes(style), "{count} {style:?}");
            }
            let text = list.to_bytes(Style::Line);
            assert!(text.capacity() >= text.len() && text.capacity() <= 2000, "it is never copied: {}", text.capacity());
            assert_eq!(list.into_reply(), whole.into_reply());
        }
    }
}
