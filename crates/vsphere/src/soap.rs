//! SOAP messages: a method call out, its results or the server's fault in.

use std::fmt::Write as _;

use secrecy::ExposeSecret;

use crate::schema::{self, Kind, Shape};
use crate::xml::{Reader, Tag, Token, Unreadable, escape_into};
use crate::{Arg, ArgValue, Error, Fault, Limits, MoRef, Struct, Value, read};

/// What a server answers to a call.
#[derive(Debug)]
pub(crate) enum SoapAnswer<T> {
    /// The elements of an array result, or one value, or none.
    Results(Vec<T>),
    Fault(Fault),
}

/// Reads one element of a result, which the schema declares to be of the kind: [`read::value`], or straight into a type.
pub(crate) type ReadElement<T> = fn(&mut Reader<'_>, &Tag<'_>, Kind) -> Result<T, Unreadable>;

/// Writes the call of a method. `operation` is a short word that the server puts into its log beside what the call costs.
pub(crate) fn request(this: &MoRef, method: &str, args: &[Arg], operation: &str) -> String {
    let mut out = String::with_capacity(512 + 64 * args.len());
    out.push_str(concat!(
        r#"<?xml version="1.0" encoding="UTF-8"?>"#,
        r#"<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/""#,
        r#" xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">"#,
        "<soapenv:Header><operationID>"
    ));
    escape_into(&mut out, operation);
    out.push_str("</operationID></soapenv:Header><soapenv:Body><");
    out.push_str(method);
    out.push_str(r#" xmlns="urn:vim25">"#);
    write_ref(&mut out, "_this", this);
    for arg in args {
        write_arg(&mut out, arg);
    }
    // Writing into a string cannot fail.
    let _ = write!(out, "</{method}></soapenv:Body></soapenv:Envelope>");
    out
}

fn write_arg(out: &mut String, arg: &Arg) {
    let name = &*arg.name;
    match &arg.value {
        ArgValue::Text(text) => write_text(out, name, text),
        ArgValue::Secret(secret) => write_text(out, name, secret.expose_secret()),
        ArgValue::Ref(reference) => write_ref(out, name, reference),
        ArgValue::Struct { kind, fields } => {
            let _ = write!(out, "<{name}");
            if let Some(kind) = kind {
                out.push_str(" xsi:type=\"");
                escape_into(out, kind);
                out.push('"');
            }
            out.push('>');
            fields.iter().for_each(|field| write_arg(out, field));
            let _ = write!(out, "</{name}>");
        }
    }
}

fn write_text(out: &mut String, name: &str, text: &str) {
    let _ = write!(out, "<{name}>");
    escape_into(out, text);
    let _ = write!(out, "</{name}>");
}

fn write_ref(out: &mut String, name: &str, reference: &MoRef) {
    let _ = write!(out, "<{name} type=\"");
    escape_into(out, &reference.kind);
    out.push_str("\">");
    escape_into(out, &reference.id);
    let _ = write!(out, "</{name}>");
}

/// Reads the answer to a call of `method`, to the very end: an answer that was cut is an error.
pub(crate) fn answer<T>(
    body: &str,
    method: &str,
    max_depth: usize,
    element: ReadElement<T>,
) -> Result<SoapAnswer<T>, Unreadable> {
    let mut reader = Reader::new(body, max_depth);
    let answer = match reader.child()? {
        Some(tag) if tag.name() == "Envelope" => envelope(&mut reader, method, element)?,
        Some(tag) => return Err(format!("it is no SOAP message, its root is the element {}", tag.name())),
        None => return Err("it holds no XML element".to_owned()),
    };
    while !matches!(reader.next()?, Token::End) {}
    answer.ok_or_else(|| "its SOAP body is empty".to_owned())
}

/// Reads the recorded answer to a call of `method`: the elements of an array result, or one value, or none. For tools,
/// benchmarks and fuzzing; a [`crate::Client`] does this by itself.
///
/// # Errors
/// The fault in it, or why it cannot be read.
pub fn read_recorded(answer: &str, method: &str) -> Result<Vec<Value>, Error> {
    recorded(answer, method, read::value)
}

/// The elements of a recorded answer, or the fault in it, or why it cannot be read.
pub(crate) fn recorded<T>(answer: &str, method: &str, element: ReadElement<T>) -> Result<Vec<T>, Error> {
    let host = || "a recording".to_owned();
    match self::answer(answer, method, Limits::default().depth, element) {
        Ok(SoapAnswer::Results(values)) => Ok(values),
        Ok(SoapAnswer::Fault(fault)) => {
            Err(Error::Fault { host: host(), method: method.to_owned(), object: "an object".to_owned(), fault: Box::new(fault) })
        }
        Err(cause) => Err(Error::Answer { host: host(), what: method.to_owned(), cause }),
    }
}

/// The message in the body of the envelope that is open.
fn envelope<T>(reader: &mut Reader<'_>, method: &str, element: ReadElement<T>) -> Result<Option<SoapAnswer<T>>, Unreadable> {
    let mut answer = None;
    while let Some(part) = reader.child()? {
        if part.name() != "Body" {
            reader.skip()?;
            continue;
        }
        while let Some(message) = reader.child()? {
            answer = Some(match message.name() {
                "Fault" => SoapAnswer::Fault(fault(reader)?),
                name if name.strip_suffix("Response") == Some(method) => SoapAnswer::Results(results(reader, method, element)?),
                other => return Err(format!("it holds the element {other} instead of {method}Response")),
            });
        }
    }
    Ok(answer)
}

fn results<T>(reader: &mut Reader<'_>, method: &str, element: ReadElement<T>) -> Result<Vec<T>, Unreadable> {
    let kind = schema::result(method).map_or(Kind::Any, |result| result.kind);
    let mut results = Vec::new();
    while let Some(tag) = reader.child()? {
        results.push(element(reader, &tag, kind)?);
    }
    Ok(results)
}

/// The fault whose start tag is read.
fn fault(reader: &mut Reader<'_>) -> Result<Fault, Unreadable> {
    let mut message = String::new();
    let mut detail = None;
    while let Some(part) = reader.child()? {
        match part.name() {
            "faultstring" => message = reader.text()?.0.into_owned(),
            "detail" => {
                while let Some(tag) = reader.child()? {
                    detail = Some(fault_detail(reader, &tag)?);
                }
            }
            _ => reader.skip()?,
        }
    }
    let unnamed = || Struct { kind: "RuntimeFault".into(), fields: Vec::new() };
    Ok(Fault::new(detail.unwrap_or_else(unnamed), message))
}

/// The data object of a fault. Its element is named after its type, which counts where the type is not given.
fn fault_detail(reader: &mut Reader<'_>, tag: &Tag<'_>) -> Result<Struct, Unreadable> {
    let by_element = tag.name().strip_suffix("Fault").unwrap_or(tag.name());
    let kind = match &tag.instance_type {
        Some(Shape::One(Kind::Object(id))) => id.name(),
        Some(Shape::Named(name)) => Some(name.clone()),
        _ => None,
    };
    let kind = kind.unwrap_or_else(|| by_element.into());
    let declared = schema::find(by_element).or_else(|| schema::find("MethodFault")).map_or(Kind::Any, Kind::Object);
    let fields = read::value(reader, tag, declared)?.into_struct().map(|object| object.fields).unwrap_or_default();
    Ok(Struct { kind, fields })
}

/// The fault in a member of a data object (`LocalizedMethodFault`): in missing sets, for instance.
pub(crate) fn localized_fault(value: Value) -> Fault {
    let mut outer = value.into_struct().unwrap_or_else(|| Struct { kind: "MethodFault".into(), fields: Vec::new() });
    let message = outer.get("localizedMessage").and_then(Value::as_str).unwrap_or_default().to_owned();
    let inner = outer.take("fault").and_then(Value::into_struct);
    Fault::new(inner.unwrap_or(outer), message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Class, SecretString};
    use proptest::prelude::*;

    fn body(content: &str) -> String {
        format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
            <soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"
             xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
            <soapenv:Header/><soapenv:Body>{content}</soapenv:Body></soapenv:Envelope>"#
        )
    }

    fn answer(body: &str, method: &str, max_depth: usize) -> Result<SoapAnswer<Value>, Unreadable> {
        super::answer(body, method, max_depth, read::value)
    }

    fn read_fault(content: &str) -> Fault {
        let content = format!("<soapenv:Fault><faultcode>ServerFaultCode</faultcode>{content}</soapenv:Fault>");
        match answer(&body(&content), "Any", 100).unwrap() {
            SoapAnswer::Fault(fault) => fault,
            SoapAnswer::Results(results) => panic!("no fault but {results:?}"),
        }
    }

    fn refused(text: &str) -> String {
        answer(text, "Logout", 100).unwrap_err()
    }

    #[test]
    fn a_request_is_what_the_server_parses() {
        let this = MoRef::new("SessionManager", "SessionManager");
        let args = [
            Arg::new("userName", "a&b<c>\u{1}"),
            Arg::new("password", &SecretString::from("p\"w")),
            Arg::new("vm", MoRef::new("VirtualMachine", "vm-1")),
            Arg::typed("auth", "NamePasswordAuthentication", vec![Arg::new("interactiveSession", false)]),
            Arg::object("options", vec![]),
        ];
        let text = request(&this, "Login", &args, "op-1");
        let expected = "<soapenv:Header><operationID>op-1</operationID></soapenv:Header><soapenv:Body>\
            <Login xmlns=\"urn:vim25\"><_this type=\"SessionManager\">SessionManager</_this>\
            <userName>a&amp;b&lt;c&gt;\u{FFFD}</userName><password>p&quot;w</password>\
            <vm type=\"VirtualMachine\">vm-1</vm>\
            <auth xsi:type=\"NamePasswordAuthentication\"><interactiveSession>false</interactiveSession></auth>\
            <options></options></Login></soapenv:Body></soapenv:Envelope>";
        assert!(text.ends_with(expected), "{text}");
        assert!(!format!("{args:?}").contains("p\"w"));
    }

    #[test]
    fn results_are_typed_by_the_method() {
        let text = body(
            "<LoginResponse xmlns=\"urn:vim25\"><returnval><key>1</key><callCount>3</callCount></returnval></LoginResponse>",
        );
        let SoapAnswer::Results(results) = answer(&text, "Login", 100).unwrap() else { panic!("a fault") };
        let session = results[0].as_struct().unwrap();
        assert_eq!(
            (&*session.kind, session.get("key"), session.get("callCount")),
            ("UserSession", Some(&Value::string("1")), Some(&Value::Int(3)))
        );
        let none = answer(&body("<LogoutResponse xmlns=\"urn:vim25\"/>"), "Logout", 100).unwrap();
        assert!(matches!(none, SoapAnswer::Results(results) if results.is_empty()));
    }

    #[test]
    fn a_fault_names_its_type_and_members() {
        let fault = read_fault(
            r#"<faultstring>no</faultstring><detail><NotAuthenticatedFault xmlns="urn:vim25" xsi:type="NotAuthenticated">
            <object type="Folder">group-d1</object><privilegeId>System.View</privilegeId></NotAuthenticatedFault></detail>"#,
        );
        assert_eq!((fault.kind.as_str(), fault.message.as_str(), fault.class()), ("NotAuthenticated", "no", Class::Session));
        assert_eq!(fault.privilege(), Some("System.View"));
        assert_eq!(fault.object(), Some(&MoRef::new("Folder", "group-d1")));
        assert_eq!(fault.to_string(), "NotAuthenticated (object vim.Folder:group-d1) (privilege System.View): no");
    }

    #[test]
    fn a_fault_without_type_is_named_by_its_element() {
        let fault =
            read_fault("<detail><InvalidPropertyFault xmlns=\"urn:vim25\"><name>nope</name></InvalidPropertyFault></detail>");
        assert_eq!((fault.kind.as_str(), fault.property()), ("InvalidProperty", Some("nope")));
        let novel = read_fault(r#"<faultstring/><detail><NovelFault xmlns="urn:vim25" xsi:type="Novel"/></detail>"#);
        assert_eq!((novel.kind.as_str(), novel.class()), ("Novel", Class::Object));
        assert_eq!(read_fault("<faultstring>odd</faultstring><detail/>").kind, "RuntimeFault");
        assert_eq!(read_fault("<detail>words</detail>").kind, "RuntimeFault");
    }

    /// Each file `tests/fixtures/<name>.xml` is an answer, `<name>.json` the values in it.
    #[test]
    fn answers_in_files_are_read_as_the_files_beside_them_say() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
        let mut names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        names.retain(|path| path.extension().is_some_and(|extension| extension == "xml"));
        assert!(names.len() >= 5, "{names:?}");
        for path in names {
            let text = std::fs::read_to_string(&path).unwrap();
            let (_, rest) = text.split_once("Response").unwrap();
            let method = text[..text.len() - rest.len() - "Response".len()].rsplit('<').next().unwrap();
            let SoapAnswer::Results(values) = answer(&text, method, 100).unwrap() else { panic!("{}: a fault", path.display()) };
            let json: Vec<_> = values.iter().map(Value::to_json).collect();
            let expected = std::fs::read_to_string(path.with_extension("json")).unwrap();
            let expected: Vec<serde_json::Value> = serde_json::from_str(&expected).unwrap();
            // As text, because the order of members counts.
            assert_eq!(
                serde_json::to_string_pretty(&json).unwrap(),
                serde_json::to_string_pretty(&expected).unwrap(),
                "{}",
                path.display()
            );
        }
    }

    #[test]
    fn other_answers_are_errors() {
        assert!(refused("").contains("no XML element"));
        assert!(refused("<html><body>Service Unavailable</body></html>").contains("element html"));
        assert!(refused(&body("")).contains("empty"));
        assert!(refused(&body("<LoginResponse/>")).contains("LoginResponse instead of LogoutResponse"));
        let whole = body("<LogoutResponse/>");
        for end in (0..whole.len()).rev().take(40).filter(|end| whole.is_char_boundary(*end)) {
            assert!(answer(&whole[..end], "Logout", 100).is_err(), "cut at {end}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let text = String::from_utf8_lossy(&bytes);
            let _ = answer(&text, "Login", 20);
            let _ = answer(&body(&text), "Login", 20);
            let _ = answer(&body(&format!("<LoginResponse><returnval>{text}</returnval></LoginResponse>")), "Login", 20);
        }

        #[test]
        fn a_cut_answer_is_never_taken_for_whole(end in 0..400usize) {
            let whole = body("<LoginResponse xmlns=\"urn:vim25\"><returnval><key>1</key><callCount>3</callCount></returnval></LoginResponse>");
            let cut = whole.get(..end.min(whole.len() - 1)).unwrap();
            prop_assert!(answer(cut, "Login", 100).is_err());
        }
    }
}
