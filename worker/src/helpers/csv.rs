//! `vpoller.helpers.csvhelper`: the result as a table; a failure as indented JSON.
//!
//! The header is the first row's fields in byte order, then fields that only later rows have. A row without a field prints
//! `None` there, as it always did; a null prints nothing. Lists and objects are JSON. A result that carries its rows inside
//! (guest disks, the networks of a host, …) gives one row each, with the outer fields repeated and the inner ones named
//! `<outer>.<inner>`. Nothing to print gives no text, not even a header.

use csv::{Terminator, WriterBuilder};
use serde_json::{Map, Value as Json};
use vpoller_wire::json::{self, Style};
use vpoller_wire::{Reply, Request};

use super::{Helper, Rendered, misleading, outcome, rows, shown};
use crate::method::Method;
use crate::response::{ObjectRows, Response};

pub(super) struct Csv;

type Row = Map<String, Json>;

impl Helper for Csv {
    fn name(&self) -> &'static str {
        "vpoller.helpers.csvhelper"
    }

    fn render(&self, method: Option<&Method>, request: &Request, response: &Response) -> Rendered {
        // The header takes a look at the last row before the first one is written.
        let reply = response.to_reply();
        if let (Some(method), Reply::Success { result, .. }) = (method, &*reply)
            && let Some(text) = misleading(method, request, ObjectRows::Whole(rows(result)))
        {
            return self.render(Some(method), request, &Reply::failure(&text).into());
        }
        let bytes = match &*reply {
            Reply::Success { result, .. } => {
                let inner = method.and_then(|method| method.zabbix_format.inner());
                let table: Vec<Row> =
                    rows(result).iter().flat_map(|row| expand(row, inner)).filter(|row| !row.is_empty()).collect();
                print(&table)
            }
            Reply::Failure { .. } => reply.to_bytes(Style::Indented(4)),
        };
        Rendered { bytes, outcome: outcome(response) }
    }
}

/// The rows that one element of the result stands for.
fn expand(row: &Json, inner: Option<&str>) -> Vec<Row> {
    let Json::Object(fields) = row else { return Vec::new() };
    let copied = |(name, value): (&String, &Json)| (name.clone(), value.clone());
    let shown_fields = || shown(fields).map(copied);
    let Some((field, items)) = inner.and_then(|field| Some((field, fields.get(field)?))) else {
        return vec![shown_fields().collect()];
    };
    let outer: Row = shown_fields().filter(|(name, _)| *name != field).collect();
    let items = rows(items).iter().filter_map(Json::as_object);
    let with_outer = |item: &Row| {
        let mut row = outer.clone();
        row.extend(shown(item).map(|(name, value)| (format!("{field}.{name}"), value.clone())));
        row
    };
    items.map(with_outer).collect()
}

fn print(table: &[Row]) -> Vec<u8> {
    let Some(first) = table.first() else { return Vec::new() };
    let mut header: Vec<&String> = first.keys().collect();
    header.sort_unstable();
    for name in table.iter().flat_map(Map::keys) {
        if !header.contains(&name) {
            header.push(name);
        }
    }
    let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
    let mut written = writer.write_record(&header);
    for row in table {
        written = written.and_then(|()| writer.write_record(header.iter().map(|name| cell(row.get(*name)))));
    }
    // Records of equal length into memory cannot fail; should they, an empty text is what a table of nothing gives too.
    written.ok().and_then(|()| writer.into_inner().ok()).unwrap_or_default()
}

fn cell(value: Option<&Json>) -> String {
    match value {
        None => "None".to_owned(),
        Some(Json::Null) => String::new(),
        Some(Json::Bool(flag)) => if *flag { "True" } else { "False" }.to_owned(),
        Some(Json::String(text)) => text.clone(),
        Some(other) => String::from_utf8_lossy(&json::line(other)).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::methods::METHODS;
    use serde_json::json;

    fn check(method: &str, result: Json, expected: &str) {
        let method = crate::methods::find(method);
        let rendered = Csv.render(method, &Request::default(), &Reply::success("ok", result).into());
        assert_eq!(String::from_utf8_lossy(&rendered.bytes), expected);
    }

    #[test]
    fn the_documented_sample() {
        let rows = json!([
            {"runtime.powerState": "poweredOn", "name": "vpoller-vm-1"},
            {"name": "vpoller-vm-2", "runtime.powerState": "poweredOn"},
        ]);
        check("vm.discover", rows, "name,runtime.powerState\r\nvpoller-vm-1,poweredOn\r\nvpoller-vm-2,poweredOn\r\n");
    }

    #[test]
    fn odd_cells() {
        let rows = json!([
            {"name": "a,b", "flag": true, "none": null, "list": ["x", 1]},
            {"name": "say \"ß\"", "later": 2.0},
        ]);
        let expected =
            "flag,list,name,none,later\r\nTrue,\"[\"\"x\"\", 1]\",\"a,b\",,None\r\nNone,None,\"say \"\"ß\"\"\",None,2.0\r\n";
        check("vm.discover", rows, expected);
    }

    #[test]
    fn inner_rows_are_expanded() {
        let disks = json!([{"name": "vm01", "disk": [{"diskPath": "/", "freeSpace": 1}, {"diskPath": "/var", "freeSpace": 2}]}]);
        check("vm.disk.discover", disks, "disk.diskPath,disk.freeSpace,name\r\n/,1,vm01\r\n/var,2,vm01\r\n");
        check("host.net.get", json!({"name": "esxi01", "network": [{"name": "lan"}]}), "name,network.name\r\nesxi01,lan\r\n");
        check("vm.disk.get", json!([{"name": "vm01", "disk": {"diskPath": "/"}}]), "disk.diskPath,name\r\n/,vm01\r\n");
    }

    #[test]
    fn nothing_prints_nothing() {
        check("vm.discover", json!([]), "");
        check("host.net.get", json!({"name": "esxi01", "network": []}), "");
    }

    #[test]
    fn failures_are_indented_json() {
        let rendered = Csv.render(METHODS.first(), &Request::default(), &Reply::failure("no").into());
        assert_eq!(String::from_utf8_lossy(&rendered.bytes), "{\n    \"success\": 1,\n    \"msg\": \"no\"\n}");
        assert_eq!(rendered.outcome, vpoller_wire::Outcome::Failure);
    }
}
