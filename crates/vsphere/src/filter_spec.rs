//! One-time reads through the property collector: what to read, and what was read.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::{Arg, Fault, MoRef, Struct, Value, soap};

/// What to read: properties by type, starting from objects (a `PropertyFilterSpec`).
#[derive(Clone, Debug, Default)]
pub struct FilterSpec {
    /// What to read of objects of a type.
    pub properties: Vec<PropertySpec>,
    /// Where to start.
    pub objects: Vec<ObjectSpec>,
}

/// Which properties to read of objects of one type and its subtypes.
#[derive(Clone, Debug)]
pub struct PropertySpec {
    /// Managed type, such as `VirtualMachine`.
    pub kind: String,
    /// Dotted property paths; none = the references only.
    pub paths: Vec<String>,
}

/// An object to start from.
#[derive(Clone, Debug)]
pub struct ObjectSpec {
    /// The object.
    pub obj: MoRef,
    /// Whether the object itself is left out of the answer.
    pub skip: bool,
    /// Where to go from it; nothing = the object only.
    pub traversals: Vec<Traversal>,
}

/// A step from objects of one type along one of their properties.
#[derive(Clone, Debug)]
pub struct Traversal {
    /// Name by which other steps refer to this one; may be empty.
    pub name: String,
    /// Managed type the step starts from.
    pub kind: String,
    /// The property with the references to follow.
    pub path: String,
    /// Names of the steps to take from the objects reached; may contain this step's own name (recursion).
    pub then: Vec<String>,
}

/// An object and what was read of it. Unset properties are in neither list.
#[derive(Clone, Debug)]
pub struct ObjectContent {
    /// The object.
    pub obj: MoRef,
    /// Property paths, as they were asked, with their values.
    pub props: Vec<(Arc<str>, Value)>,
    /// Properties that the account may not read, or that the server could not deliver.
    pub missing: Vec<(String, Fault)>,
}

impl FilterSpec {
    /// Properties of every object of a type (and its subtypes) in a container view.
    #[must_use]
    pub fn view(view: &MoRef, kind: &str, paths: &[&str]) -> Self {
        let into_view =
            Traversal { name: "view".to_owned(), kind: "ContainerView".to_owned(), path: "view".to_owned(), then: Vec::new() };
        let objects = vec![ObjectSpec { obj: view.clone(), skip: true, traversals: vec![into_view] }];
        Self { properties: vec![PropertySpec::new(kind, paths)], objects }
    }

    /// Properties of the named objects; the same paths for all, whatever their types.
    #[must_use]
    pub fn objects(objs: &[MoRef], paths: &[&str]) -> Self {
        let kinds: BTreeMap<&str, ()> = objs.iter().map(|obj| (&*obj.kind, ())).collect();
        Self {
            properties: kinds.into_keys().map(|kind| PropertySpec::new(kind, paths)).collect(),
            objects: objs.iter().map(|obj| ObjectSpec { obj: obj.clone(), skip: false, traversals: Vec::new() }).collect(),
        }
    }

    /// The specification as an argument, `specSet` or `spec`.
    #[must_use]
    pub fn to_arg(&self, name: &'static str) -> Arg {
        let properties = self.properties.iter().map(PropertySpec::to_arg);
        Arg::object(name, properties.chain(self.objects.iter().map(ObjectSpec::to_arg)).collect())
    }
}

impl PropertySpec {
    /// The paths of a type, each once.
    #[must_use]
    pub fn new(kind: &str, paths: &[&str]) -> Self {
        let mut once: Vec<String> = Vec::with_capacity(paths.len());
        for path in paths {
            if !once.iter().any(|known| known == path) {
                once.push((*path).to_owned());
            }
        }
        Self { kind: kind.to_owned(), paths: once }
    }

    fn to_arg(&self) -> Arg {
        let mut fields = vec![Arg::new("type", self.kind.as_str()), Arg::new("all", false)];
        fields.extend(self.paths.iter().map(|path| Arg::new("pathSet", path.as_str())));
        Arg::object("propSet", fields)
    }
}

impl ObjectSpec {
    fn to_arg(&self) -> Arg {
        let mut fields = vec![Arg::new("obj", &self.obj), Arg::new("skip", self.skip)];
        fields.extend(self.traversals.iter().map(Traversal::to_arg));
        Arg::object("objectSet", fields)
    }
}

impl Traversal {
    fn to_arg(&self) -> Arg {
        let mut fields = Vec::with_capacity(4 + self.then.len());
        if !self.name.is_empty() {
            fields.push(Arg::new("name", self.name.as_str()));
        }
        fields.push(Arg::new("type", self.kind.as_str()));
        fields.push(Arg::new("path", self.path.as_str()));
        fields.push(Arg::new("skip", false));
        let then = self.then.iter().map(|name| Arg::object("selectSet", vec![Arg::new("name", name.as_str())]));
        fields.extend(then);
        Arg::typed("selectSet", "TraversalSpec", fields)
    }
}

impl ObjectContent {
    /// The value of a property, when it is set.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Value> {
        self.props.iter().find(|(name, _)| &**name == path).map(|(_, value)| value)
    }

    /// Reads the `ObjectContent` of an answer; nothing without an object.
    pub(crate) fn read(mut content: Struct) -> Option<Self> {
        let Some(Value::Ref(obj)) = content.take("obj") else { return None };
        let props = structs(content.take("propSet")).filter_map(|mut property| {
            let Some(Value::String(name)) = property.take("name") else { return None };
            Some((name, property.take("val")?))
        });
        let props = props.collect();
        let missing = structs(content.take("missingSet")).filter_map(|mut missing| {
            let path = missing.take("path")?.as_str()?.to_owned();
            Some((path, soap::localized_fault(missing.take("fault").unwrap_or(Value::Null))))
        });
        let missing = missing.collect();
        Some(Self { obj, props, missing })
    }

    /// Whether nothing at all could be read for want of a session.
    fn unauthenticated(&self) -> bool {
        let refused = |fault: &Fault| fault.kind == "NotAuthenticated";
        self.props.is_empty() && !self.missing.is_empty() && self.missing.iter().all(|(_, fault)| refused(fault))
    }
}

/// Whether an answer looks like that of a server that has forgotten the session: it may say so in the missing sets only.
pub(crate) fn looks_lost(objects: &[ObjectContent]) -> bool {
    !objects.is_empty() && objects.iter().all(ObjectContent::unauthenticated)
}

/// One page of an answer: its objects, and the token for the next page.
pub(crate) fn page(values: Vec<Value>, objects: &mut Vec<ObjectContent>) -> Option<String> {
    let mut result = values.into_iter().next()?.into_struct()?;
    objects.extend(structs(result.take("objects")).filter_map(ObjectContent::read));
    result.take("token").and_then(|token| token.as_str().map(str::to_owned)).filter(|token| !token.is_empty())
}

/// The data objects of a member that is an array.
pub(crate) fn structs(member: Option<Value>) -> impl Iterator<Item = Struct> {
    let items = match member {
        Some(Value::List(items)) => items,
        Some(single) => vec![single],
        None => Vec::new(),
    };
    items.into_iter().filter_map(Value::into_struct)
}
