//! `vpoller.helpers.cclient`: the whole reply in ASCII, ended by a NUL, for clients written in C.

use vpoller_wire::Request;
use vpoller_wire::json::Style;

use super::{Helper, Rendered, outcome};
use crate::method::Method;
use crate::response::Response;

pub(super) struct CClient;

impl Helper for CClient {
    fn name(&self) -> &'static str {
        "vpoller.helpers.cclient"
    }

    fn render(&self, _: Option<&Method>, _: &Request, response: &Response) -> Rendered {
        let mut bytes = response.to_bytes(Style::Ascii);
        bytes.push(0);
        Rendered { bytes, outcome: outcome(response) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use vpoller_wire::Reply;

    #[test]
    fn is_ascii_and_ends_with_nul() {
        let reply = Reply::success("ok", json!([{"name": "Größe 🚀"}])).into();
        let rendered = CClient.render(None, &Request::default(), &reply);
        let expected = b"{\"success\": 0, \"msg\": \"ok\", \"result\": [{\"name\": \"Gr\\u00f6\\u00dfe \\ud83d\\ude80\"}]}\0";
        assert_eq!(rendered.bytes, expected);
    }
}
