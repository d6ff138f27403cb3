//! Values in: from the elements of an answer to [`Value`]s.
//!
//! An element that names its type is believed; otherwise the schema says what the member is; otherwise its shape decides
//! (children make an object, repeated names a list, the rest is text). Nothing a newer server sends is an error here.

use std::sync::Arc;

use crate::schema::{Kind, Shape, TypeId};
use crate::xml::{Reader, Tag, Unreadable};
use crate::{DateTime, MoRef, Struct, Value};

/// Reads the element that `tag` opened, to its end. `declared` is what the schema expects there.
pub(crate) fn value(reader: &mut Reader<'_>, tag: &Tag<'_>, declared: Kind) -> Result<Value, Unreadable> {
    if tag.nil {
        return reader.skip().map(|()| Value::Null);
    }
    match tag.instance_type.as_ref().unwrap_or(&Shape::One(declared)) {
        Shape::One(Kind::Object(id)) => object(reader, Some(*id), None),
        Shape::One(kind) => leaf(reader, tag, *kind, None),
        Shape::Array(kind) => array(reader, *kind),
        // A new kind of something that is known: at least the members of its base have their types.
        Shape::Named(name) => match declared {
            Kind::Object(base) => Ok(named(object(reader, Some(base), None)?, name.clone())),
            _ => leaf(reader, tag, Kind::Any, Some(name)),
        },
    }
}

/// A data object under the name that the server gave its type.
fn named(mut value: Value, name: Arc<str>) -> Value {
    if let Value::Struct(object) = &mut value {
        object.kind = name;
    }
    value
}

/// A data object whose start tag is read: the members up to its end. `first` is a child that is already open.
fn object(reader: &mut Reader<'_>, id: Option<TypeId>, first: Option<Tag<'_>>) -> Result<Value, Unreadable> {
    let kind = id.and_then(TypeId::name).unwrap_or_else(|| "".into());
    let mut fields: Vec<(Arc<str>, Value)> = Vec::new();
    if let Some(tag) = first {
        member(reader, id, &tag, &mut fields)?;
    }
    loop {
        let (text, child) = reader.text()?;
        match child {
            Some(tag) => member(reader, id, &tag, &mut fields)?,
            // An element that should have members and has text instead: keep what the server said.
            None if fields.is_empty() && !text.trim().is_empty() => return Ok(Value::String(reader.share(&text))),
            None => return Ok(Value::from(Struct { kind, fields })),
        }
    }
}

/// One member of a data object. A name that comes again makes a list.
fn member(
    reader: &mut Reader<'_>,
    id: Option<TypeId>,
    tag: &Tag<'_>,
    fields: &mut Vec<(Arc<str>, Value)>,
) -> Result<(), Unreadable> {
    let known = id.and_then(|id| id.member(tag.name()));
    let value = value(reader, tag, known.map_or(Kind::Any, |member| member.kind))?;
    // Elements of a list follow each other, so the last member is nearly always the one.
    match fields.iter_mut().rev().find(|(name, _)| &**name == tag.name()) {
        Some((_, Value::List(items))) => items.push(value),
        Some((_, single)) => {
            let first = std::mem::replace(single, Value::Null);
            *single = Value::List(vec![first, value]);
        }
        None => {
            let name = known.map_or_else(|| reader.share(tag.name()), |member| member.name.clone());
            let array = known.is_some_and(|member| member.array);
            fields.push((name, if array { Value::List(vec![value]) } else { value }));
        }
    }
    Ok(())
}

/// The children of an `ArrayOf…` element.
fn array(reader: &mut Reader<'_>, kind: Kind) -> Result<Value, Unreadable> {
    let mut items = Vec::new();
    while let Some(tag) = reader.child()? {
        items.push(value(reader, &tag, kind)?);
    }
    Ok(Value::List(items))
}

/// An element that should hold text only. With children it is an object after all, of the type `name` if one was given.
fn leaf(reader: &mut Reader<'_>, tag: &Tag<'_>, kind: Kind, name: Option<&Arc<str>>) -> Result<Value, Unreadable> {
    match reader.text()? {
        (text, None) => Ok(scalar(reader, tag, kind, &text)),
        (_, Some(child)) => {
            let name = name.cloned().unwrap_or_default();
            Ok(named(object(reader, None, Some(child))?, name))
        }
    }
}

/// Text as the kind asks; what does not read as that stays text.
fn scalar(reader: &mut Reader<'_>, tag: &Tag<'_>, kind: Kind, text: &str) -> Value {
    let trimmed = text.trim();
    let read = match kind {
        Kind::Bool => match trimmed {
            "true" | "1" => Some(Value::Bool(true)),
            "false" | "0" => Some(Value::Bool(false)),
            _ => None,
        },
        Kind::Int => trimmed.parse().ok().map(Value::Int),
        // INF and NaN read in any case.
        Kind::Float => trimmed.parse().ok().map(Value::Float),
        Kind::Date => DateTime::parse(trimmed).map(Value::DateTime),
        Kind::Binary => Some(Value::Binary(text.split_ascii_whitespace().collect::<String>().into())),
        Kind::Ref => Some(reference(reader, tag, trimmed)),
        Kind::Any if tag.managed_type.is_some() => Some(reference(reader, tag, trimmed)),
        Kind::Any | Kind::Text | Kind::Object(_) => None,
    };
    read.unwrap_or_else(|| Value::String(reader.share(text)))
}

fn reference(reader: &mut Reader<'_>, tag: &Tag<'_>, id: &str) -> Value {
    let kind = tag.managed_type.clone().unwrap_or_else(|| reader.share("ManagedObject"));
    Value::from(MoRef { kind, id: reader.share(id) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const NAMESPACES: &str = r#"xmlns="urn:vim25" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
        xmlns:xsd="http://www.w3.org/2001/XMLSchema""#;

    fn read(attributes: &str, content: &str) -> Value {
        let document = format!("<val {NAMESPACES} {attributes}>{content}</val>");
        let mut reader = Reader::new(&document, 100);
        let tag = reader.child().unwrap().unwrap();
        value(&mut reader, &tag, Kind::Any).unwrap()
    }

    fn check(kind: &str, content: &str, expected: &serde_json::Value) {
        assert_eq!(&read(&format!("xsi:type=\"{kind}\""), content).to_json(), expected, "{kind}: {content}");
    }

    #[test]
    fn leaves_describe_themselves() {
        check("xsd:string", " 4 ", &json!(" 4 "));
        check("xsd:string", "", &json!(""));
        check("xsd:int", "4", &json!(4));
        check("xsd:long", "9223372036854775807", &json!(i64::MAX));
        check("xsd:byte", "-1", &json!(-1));
        check("xsd:boolean", "1", &json!(true));
        check("xsd:double", "3", &json!(3.0));
        check("xsd:float", "INF", &json!(null));
        check("xsd:dateTime", "2015-02-10T15:48:40Z", &json!("2015-02-10 15:48:40+00:00"));
        check("xsd:base64Binary", "AQ\n I=", &json!("AQI="));
        check("VirtualMachinePowerState", "poweredOn", &json!("poweredOn"));
        check("VirtualMachineFaultToleranceState", "", &json!(""));
        assert_eq!(read(r#"xsi:nil="true" xsi:type="xsd:string""#, ""), Value::Null);
    }

    #[test]
    fn a_reference_has_a_type_without_namespace() {
        let value = read(r#"type="ClusterComputeResource" xsi:type="ManagedObjectReference" serverGuid="x""#, "domain-c7");
        assert_eq!(value, Value::from(MoRef::new("ClusterComputeResource", "domain-c7")));
    }

    #[test]
    fn arrays_of_one_are_lists() {
        check("ArrayOfString", "<string>a</string>", &json!(["a"]));
        check("ArrayOfInt", "<int>1</int>", &json!([1]));
        check("ArrayOfByte", "<byte>-1</byte><byte>2</byte>", &json!([-1, 2]));
        check("ArrayOfAnyType", r#"<anyType xsi:type="xsd:int">1</anyType><anyType>x</anyType>"#, &json!([1, "x"]));
        check("ArrayOfGuestNicInfo", "", &json!([]));
        check(
            "ArrayOfManagedObjectReference",
            r#"<ManagedObjectReference type="HostSystem">host-1</ManagedObjectReference>"#,
            &json!(["vim.HostSystem:host-1"]),
        );
        let nic = "<GuestNicInfo><network>VM Network</network><ipAddress>10.0.0.5</ipAddress><macAddress/>\
            <connected>true</connected><deviceConfigId>4000</deviceConfigId></GuestNicInfo>";
        let expected = json!([{"network": "VM Network", "ipAddress": ["10.0.0.5"], "macAddress": "", "connected": true,
            "deviceConfigId": 4000}]);
        check("ArrayOfGuestNicInfo", nic, &expected);
    }

    #[test]
    fn members_are_typed_by_the_schema() {
        let content = "<name>4</name><numCpu>4</numCpu><memorySizeMB>4096</memorySizeMB>";
        check("VirtualMachineConfigSummary", content, &json!({"name": "4", "numCpu": 4, "memorySizeMB": 4096}));
    }

    #[test]
    fn extended_types_are_named_by_the_element() {
        let content = r#"<VirtualDevice xsi:type="VirtualDisk"><key>2000</key><backing
            xsi:type="VirtualDiskFlatVer2BackingInfo"><fileName>f</fileName><thinProvisioned>1</thinProvisioned></backing>
            <capacityInKB>5</capacityInKB></VirtualDevice>"#;
        let expected = json!([{"key": 2000, "backing": {"fileName": "f", "thinProvisioned": true}, "capacityInKB": 5}]);
        check("ArrayOfVirtualDevice", content, &expected);
        let value = read(r#"xsi:type="ArrayOfVirtualDevice""#, content);
        assert_eq!(&*value.as_list().unwrap()[0].as_struct().unwrap().kind, "VirtualDisk");
    }

    #[test]
    fn what_is_not_known_takes_its_shape() {
        let content = "<size>4</size><part>a</part><part>b</part><inner><x>1</x></inner><vm type=\"VirtualMachine\">vm-1</vm>";
        let expected = json!({"size": "4", "part": ["a", "b"], "inner": {"x": "1"}, "vm": "vim.VirtualMachine:vm-1"});
        check("NewerThanTheTable", content, &expected);
        assert_eq!(&*read("xsi:type=\"NewerThanTheTable\"", content).as_struct().unwrap().kind, "NewerThanTheTable");
        check("VirtualMachineConfigSummary", "<numCpu>4</numCpu><novel>4</novel>", &json!({"numCpu": 4, "novel": "4"}));
        check("ArrayOfNewerThanTheTable", "<NewerThanTheTable>a</NewerThanTheTable>", &json!(["a"]));
    }

    #[test]
    fn a_new_kind_of_something_known_keeps_its_base() {
        let device = r#"<VirtualDevice xsi:type="VirtualNovelty"><key>1</key><novel>2</novel></VirtualDevice><VirtualDevice
            xsi:type="VirtualNovelty"/>"#;
        check("ArrayOfVirtualDevice", device, &json!([{"key": 1, "novel": "2"}, {}]));
        let value = read(r#"xsi:type="ArrayOfVirtualDevice""#, device);
        assert!(value.as_list().unwrap().iter().all(|device| &*device.as_struct().unwrap().kind == "VirtualNovelty"));
    }

    #[test]
    fn what_does_not_fit_stays_text() {
        check("xsd:int", "many", &json!("many"));
        check("xsd:boolean", "", &json!(""));
        check("xsd:dateTime", "soon", &json!("soon"));
        check("xsd:int", "<a>1</a>", &json!({"a": "1"}));
        check("GuestInfo", "words", &json!("words"));
    }

    /// Writes a value as a server would, each element naming its type.
    fn write(value: &Value, name: &str, out: &mut String) {
        let (kind, content) = match value {
            Value::Bool(flag) => ("xsd:boolean", flag.to_string()),
            Value::Int(number) => ("xsd:long", number.to_string()),
            Value::Float(number) => ("xsd:double", number.to_string()),
            Value::String(text) => {
                let mut escaped = String::new();
                crate::xml::escape_into(&mut escaped, text);
                ("xsd:string", escaped)
            }
            Value::DateTime(moment) => ("xsd:dateTime", moment.to_xml()),
            Value::List(items) => {
                let mut inner = String::new();
                items.iter().for_each(|item| write(item, "anyType", &mut inner));
                ("ArrayOfAnyType", inner)
            }
            Value::Struct(object) => {
                let mut inner = String::new();
                object.fields.iter().for_each(|(name, value)| write(value, name, &mut inner));
                ("Made", format!("<first/>{inner}"))
            }
            _ => unreachable!("not generated"),
        };
        out.push_str(&format!("<{name} xsi:type=\"{kind}\">{content}</{name}>"));
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            (-1e300..1e300f64).prop_map(Value::Float),
            "[ -~äß日\n]*".prop_map(Value::string),
            (-1_000_000_000_000_000i64..100_000_000_000_000_000)
                .prop_map(|micros| Value::DateTime(DateTime::from_unix_micros(micros))),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            let fields = prop::collection::btree_map("[b-z]{1,5}", inner.clone(), 0..5);
            prop_oneof![
                prop::collection::vec(inner, 0..5).prop_map(Value::List),
                fields.prop_map(|fields| {
                    let fields = fields.into_iter().map(|(name, value)| (name.into(), value)).collect();
                    Value::from(Struct { kind: "Made".into(), fields })
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn values_read_back(value in any_value()) {
            let mut content = String::new();
            write(&value, "held", &mut content);
            let holder = read("xsi:type=\"Holder\"", &content);
            let mut held = holder.into_struct().unwrap().take("held").unwrap();
            strip_first(&mut held);
            prop_assert_eq!(held, value);
        }
    }

    /// Takes out the marker that keeps an object without members apart from a text.
    fn strip_first(value: &mut Value) {
        match value {
            Value::Struct(object) => {
                object.take("first");
                object.fields.iter_mut().for_each(|(_, value)| strip_first(value));
            }
            Value::List(items) => items.iter_mut().for_each(strip_first),
            _ => {}
        }
    }
}
