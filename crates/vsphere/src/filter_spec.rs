//! What the property collector is to read: properties by type, from these objects on.

use std::collections::BTreeMap;

use crate::{Arg, MoRef};

/// What to read: properties by type, starting from objects (a `PropertyFilterSpec`).
#[derive(Clone, Debug, Default)]
pub struct FilterSpec {
    /// What to read of objects of a type.
    pub properties: Vec<PropertySpec>,
    /// Where to start.
    pub objects: Vec<ObjectSpec>,
    /// Whether objects that have gone are left out of the answer; else one of them fails the whole call.
    pub leaves_out_missing: bool,
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

impl FilterSpec {
    /// Properties of every object of a type (and its subtypes) in a container view.
    #[must_use]
    pub fn view(view: &MoRef, kind: &str, paths: &[&str]) -> Self {
        let into_view =
            Traversal { name: "view".to_owned(), kind: "ContainerView".to_owned(), path: "view".to_owned(), then: Vec::new() };
        let objects = vec![ObjectSpec { obj: view.clone(), skip: true, traversals: vec![into_view] }];
        Self { properties: vec![PropertySpec::new(kind, paths)], objects, leaves_out_missing: false }
    }

    /// Properties of the named objects; the same paths for all, whatever their types.
    #[must_use]
    pub fn objects(objs: &[MoRef], paths: &[&str]) -> Self {
        let kinds: BTreeMap<&str, ()> = objs.iter().map(|obj| (&*obj.kind, ())).collect();
        Self {
            properties: kinds.into_keys().map(|kind| PropertySpec::new(kind, paths)).collect(),
            objects: objs.iter().map(|obj| ObjectSpec { obj: obj.clone(), skip: false, traversals: Vec::new() }).collect(),
            leaves_out_missing: false,
        }
    }

    /// The specification as an argument, `specSet` or `spec`.
    #[must_use]
    pub fn to_arg(&self, name: &'static str) -> Arg {
        let properties = self.properties.iter().map(PropertySpec::to_arg);
        let mut fields: Vec<Arg> = properties.chain(self.objects.iter().map(ObjectSpec::to_arg)).collect();
        if self.leaves_out_missing {
            fields.push(Arg::new("reportMissingObjectsInResults", true));
        }
        Arg::object(name, fields)
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
