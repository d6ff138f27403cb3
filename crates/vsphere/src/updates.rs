//! What changed: answers of `WaitForUpdatesEx`, read straight into their types.
//!
//! The first answer about ten thousand machines holds hundreds of thousands of changes; as data objects of dynamic values they
//! would be built twice.

use std::sync::Arc;

use crate::schema::{self, Kind};
use crate::xml::{Reader, Tag, Unreadable};
use crate::{Error, Fault, MoRef, Value, read, soap};

/// The method whose answers these are.
pub(crate) const WAIT: &str = "WaitForUpdatesEx";

/// Changes that belong together, or a part of them when `truncated`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UpdateSet {
    /// Names the state that these changes lead to; nothing to compare or compute with.
    pub version: String,
    /// Whether more changes belong to the same state.
    pub truncated: bool,
    /// The changes, by filter.
    pub filters: Vec<FilterUpdate>,
}

/// What changed among the objects of one filter.
#[derive(Clone, Debug, PartialEq)]
pub struct FilterUpdate {
    /// The filter.
    pub filter: MoRef,
    /// Objects that came, changed or went.
    pub objects: Vec<ObjectUpdate>,
    /// Objects that the filter names and that cannot be reported.
    pub missing: Vec<(MoRef, Fault)>,
}

/// What changed about one object.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectUpdate {
    /// What kind of change it is.
    pub kind: UpdateKind,
    /// The object.
    pub obj: MoRef,
    /// Properties that changed; all that are set when the object entered.
    pub changes: Vec<PropertyChange>,
    /// Properties that cannot be read, with the reason.
    pub missing: Vec<(Arc<str>, Fault)>,
}

/// How an object stands to a filter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum UpdateKind {
    /// It is matched from now on.
    Enter,
    /// It was matched before and has changed. Also what kinds of newer servers count as.
    Modify,
    /// It was deleted, moved away or may no longer be seen.
    Leave,
}

/// One property that changed.
#[derive(Clone, Debug, PartialEq)]
pub struct PropertyChange {
    /// The path, as the filter names it or below that: `guest.net["4000"].connected`.
    pub name: Arc<str>,
    /// What happened to it.
    pub op: ChangeOp,
    /// The new value, where there is one.
    pub value: Option<Value>,
}

/// What happens to a property.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ChangeOp {
    /// It has this value, or is unset when there is none.
    Assign,
    /// An element was added to a list. Also what operations of newer servers count as: the value has to be read again.
    Add,
    /// It, or an element of a list, is gone.
    Remove,
    /// What it was part of is gone.
    IndirectRemove,
}

impl UpdateSet {
    /// Reads the recorded answer to a call of `WaitForUpdatesEx`; nothing when the wait was in vain. For tools, tests and
    /// fuzzing; a [`crate::Collector`] does this by itself.
    ///
    /// # Errors
    /// The fault in it, or why it cannot be read.
    pub fn read_recorded(answer: &str) -> Result<Option<Self>, Error> {
        Ok(soap::recorded(answer, WAIT, element)?.into_iter().next())
    }
}

/// Reads an `UpdateSet`.
pub(crate) fn element(reader: &mut Reader<'_>, _: &Tag<'_>, _: Kind) -> Result<UpdateSet, Unreadable> {
    let mut set = UpdateSet::default();
    while let Some(tag) = reader.child()? {
        match tag.name() {
            "version" => set.version = text(reader)?,
            "truncated" => set.truncated = matches!(text(reader)?.trim(), "true" | "1"),
            "filterSet" => set.filters.extend(filter(reader)?),
            _ => reader.skip()?,
        }
    }
    if set.version.is_empty() {
        return Err("it names no version".to_owned());
    }
    Ok(set)
}

/// A `PropertyFilterUpdate`; nothing of one without a filter.
fn filter(reader: &mut Reader<'_>) -> Result<Option<FilterUpdate>, Unreadable> {
    let mut filter = None;
    let mut objects = Vec::new();
    let mut missing = Vec::new();
    while let Some(tag) = reader.child()? {
        match tag.name() {
            "filter" => filter = reference(reader, &tag)?,
            "objectSet" => objects.extend(object(reader)?),
            "missingSet" => missing.extend(missing_object(reader)?),
            _ => reader.skip()?,
        }
    }
    Ok(filter.map(|filter| FilterUpdate { filter, objects, missing }))
}

/// An `ObjectUpdate`; nothing of one without an object.
fn object(reader: &mut Reader<'_>) -> Result<Option<ObjectUpdate>, Unreadable> {
    let mut kind = UpdateKind::Modify;
    let mut obj = None;
    let mut changes = Vec::new();
    let mut missing = Vec::new();
    while let Some(tag) = reader.child()? {
        match tag.name() {
            "kind" => {
                kind = match text(reader)?.trim() {
                    "enter" => UpdateKind::Enter,
                    "leave" => UpdateKind::Leave,
                    _ => UpdateKind::Modify,
                }
            }
            "obj" => obj = reference(reader, &tag)?,
            "changeSet" => changes.extend(change(reader)?),
            "missingSet" => missing.extend(missing_property(reader)?),
            _ => reader.skip()?,
        }
    }
    Ok(obj.map(|obj| ObjectUpdate { kind, obj, changes, missing }))
}

/// A `PropertyChange`; nothing of one without a name.
fn change(reader: &mut Reader<'_>) -> Result<Option<PropertyChange>, Unreadable> {
    let mut name = None;
    let mut op = ChangeOp::Assign;
    let mut value = None;
    while let Some(tag) = reader.child()? {
        match tag.name() {
            "name" => name = Some(shared_text(reader)?),
            "op" => {
                op = match text(reader)?.trim() {
                    "assign" => ChangeOp::Assign,
                    "remove" => ChangeOp::Remove,
                    "indirectRemove" => ChangeOp::IndirectRemove,
                    _ => ChangeOp::Add,
                }
            }
            "val" => value = Some(read::value(reader, &tag, Kind::Any)?),
            _ => reader.skip()?,
        }
    }
    Ok(name.map(|name| PropertyChange { name, op, value }))
}

/// A `MissingProperty`.
fn missing_property(reader: &mut Reader<'_>) -> Result<Option<(Arc<str>, Fault)>, Unreadable> {
    let mut path = None;
    let mut fault = Value::Null;
    while let Some(tag) = reader.child()? {
        match tag.name() {
            "path" => path = Some(shared_text(reader)?),
            "fault" => fault = localized(reader, &tag)?,
            _ => reader.skip()?,
        }
    }
    Ok(path.map(|path| (path, soap::localized_fault(fault))))
}

/// A `MissingObject`.
fn missing_object(reader: &mut Reader<'_>) -> Result<Option<(MoRef, Fault)>, Unreadable> {
    let mut obj = None;
    let mut fault = Value::Null;
    while let Some(tag) = reader.child()? {
        match tag.name() {
            "obj" => obj = reference(reader, &tag)?,
            "fault" => fault = localized(reader, &tag)?,
            _ => reader.skip()?,
        }
    }
    Ok(obj.map(|obj| (obj, soap::localized_fault(fault))))
}

fn localized(reader: &mut Reader<'_>, tag: &Tag<'_>) -> Result<Value, Unreadable> {
    read::value(reader, tag, schema::find("LocalizedMethodFault").map_or(Kind::Any, Kind::Object))
}

fn reference(reader: &mut Reader<'_>, tag: &Tag<'_>) -> Result<Option<MoRef>, Unreadable> {
    match read::value(reader, tag, Kind::Ref)? {
        Value::Ref(reference) => Ok(Some(*reference)),
        _ => Ok(None),
    }
}

fn shared_text(reader: &mut Reader<'_>) -> Result<Arc<str>, Unreadable> {
    let text = text(reader)?;
    Ok(reader.share(&text))
}

/// The text of the element that is open, to its end; children that should not be there are passed over.
fn text(reader: &mut Reader<'_>) -> Result<String, Unreadable> {
    let (text, child) = reader.text()?;
    if child.is_some() {
        reader.skip()?;
        reader.skip()?;
    }
    Ok(text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn recorded(content: &str) -> Result<Option<UpdateSet>, Error> {
        UpdateSet::read_recorded(&format!(
            r#"<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsd="http://www.w3.org/2001/XMLSchema"
            xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><e:Body><WaitForUpdatesExResponse
            xmlns="urn:vim25">{content}</WaitForUpdatesExResponse></e:Body></e:Envelope>"#
        ))
    }

    fn change(name: &str, op: ChangeOp, value: Option<Value>) -> PropertyChange {
        PropertyChange { name: name.into(), op, value }
    }

    #[test]
    fn a_recorded_answer_is_read() {
        let set = UpdateSet::read_recorded(include_str!("../tests/fixtures/updates.xml")).unwrap().unwrap();
        assert_eq!((set.version.as_str(), set.truncated, set.filters.len()), ("4", true, 1));
        let filter = &set.filters[0];
        assert_eq!(filter.filter, MoRef::new("PropertyFilter", "session[52]f1"));
        let [enter, leave] = &filter.objects[..] else { panic!("{filter:?}") };
        assert_eq!((enter.kind, &enter.obj), (UpdateKind::Enter, &MoRef::new("VirtualMachine", "vm-62")));
        assert_eq!(&*enter.changes[0].value.as_ref().unwrap().as_struct().unwrap().kind, "VmPoweredOnEvent");
        assert_eq!(enter.changes[1], change("runtime.bootTime", ChangeOp::Assign, None));
        assert_eq!((leave.kind, leave.changes.len()), (UpdateKind::Leave, 0));
    }

    #[test]
    fn operations_and_missing_sets_are_read() {
        let set = recorded(
            r#"<returnval><version>7</version><filterSet><filter type="PropertyFilter">f</filter>
            <objectSet><kind>modify</kind><obj type="VirtualMachine">vm-1</obj>
            <changeSet><name>guest.net["4000"]</name><op>add</op><val xsi:type="xsd:int">1</val></changeSet>
            <changeSet><name>a</name><op>remove</op></changeSet>
            <changeSet><name>b</name><op>indirectRemove</op></changeSet>
            <changeSet><name>c</name><op>novelty</op></changeSet>
            <changeSet><op>assign</op></changeSet>
            <missingSet><path>summary.storage</path><fault><fault xsi:type="NoPermission"><privilegeId>System.Read</privilegeId>
            </fault><localizedMessage>no</localizedMessage></fault></missingSet></objectSet>
            <missingSet><obj type="Alarm">alarm-1</obj><fault><fault xsi:type="ManagedObjectNotFound"/></fault></missingSet>
            </filterSet><novelty><x>1</x></novelty></returnval>"#,
        );
        let set = set.unwrap().unwrap();
        assert!(!set.truncated);
        let object = &set.filters[0].objects[0];
        let expected = [
            change("guest.net[\"4000\"]", ChangeOp::Add, Some(Value::Int(1))),
            change("a", ChangeOp::Remove, None),
            change("b", ChangeOp::IndirectRemove, None),
            change("c", ChangeOp::Add, None),
        ];
        assert_eq!(object.changes, expected);
        let (path, fault) = &object.missing[0];
        assert_eq!((&**path, fault.kind.as_str(), fault.privilege()), ("summary.storage", "NoPermission", Some("System.Read")));
        let (object, fault) = &set.filters[0].missing[0];
        assert_eq!((&*object.id, fault.kind.as_str()), ("alarm-1", "ManagedObjectNotFound"));
    }

    #[test]
    fn a_wait_in_vain_has_no_set_and_a_set_has_a_version() {
        assert_eq!(recorded("").unwrap(), None);
        assert!(recorded("<returnval/>").unwrap_err().to_string().contains("no version"));
        let odd = "<returnval><version>1<x/>2</version><filterSet/><truncated>1</truncated></returnval>";
        assert_eq!(recorded(odd).unwrap(), Some(UpdateSet { version: "1".to_owned(), truncated: true, filters: Vec::new() }));
    }

    proptest! {
        #[test]
        fn any_elements_are_read_without_panic(
            content in r#"(<(/)?(returnval|version|filterSet|filter|objectSet|changeSet|missingSet|obj|name|op|val|fault)( type="A")?(/)?>|x){0,40}"#
        ) {
            let _ = recorded(&content);
            let _ = recorded(&format!("<returnval><version>1</version>{content}</returnval>"));
        }
    }
}
