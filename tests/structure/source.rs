//! The sources of every crate as modules, with what each defines and what it names elsewhere.
//!
//! Files are read as the compiler finds them: from a target's root by its `mod` items. What only tests see is left out. A path is
//! followed through imports and re-exports to the module that defines the item, so that a name taken from a crate's face counts as
//! taken from where it stands. Names that a macro makes are not seen.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use proc_macro2::{TokenStream, TokenTree};
use serde_json::Value as Json;
use syn::visit::{self, Visit};
use syn::{Attribute, Item, UseTree, Visibility};

/// How many re-exports may stand between a name and its item; more means that they go round.
const MOST_STEPS: usize = 16;

/// A package of the workspace, with its library and its programs.
#[derive(Debug)]
pub(super) struct Package {
    pub name: String,
    /// Packages of the workspace that it uses outside of tests and build scripts.
    pub uses: BTreeSet<String>,
    /// Names by which sources call other crates.
    externals: BTreeSet<String>,
    /// Files and their lines, those of test modules left out.
    pub lines: BTreeMap<PathBuf, usize>,
}

/// Where something stands: a module by its number, and the item's name, if it is no module.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Target {
    Item(usize, Option<String>),
    External(String),
}

#[derive(Debug)]
struct Import {
    path: Vec<String>,
    /// The name it has here; `None` for a glob.
    name: Option<String>,
    is_public: bool,
}

#[derive(Debug)]
pub(super) struct Module {
    /// Number of its package.
    pub package: usize,
    /// Whether it belongs to the library, not to a program.
    pub is_library: bool,
    /// `["snapshot", "table"]`; empty for a root.
    pub path: Vec<String>,
    pub file: PathBuf,
    /// Types by name: structs, enums, unions, traits and aliases, also those within functions.
    pub types: Vec<String>,
    parent: Option<usize>,
    children: BTreeMap<String, usize>,
    items: BTreeSet<String>,
    imports: Vec<Import>,
    paths: BTreeSet<Vec<String>>,
}

/// A whole workspace.
#[derive(Debug)]
pub(super) struct Sources {
    pub packages: Vec<Package>,
    pub modules: Vec<Module>,
    /// Roots of libraries by the name that sources use.
    roots: BTreeMap<String, usize>,
}

impl Sources {
    /// Reads the workspace at `top`.
    pub(super) fn read(top: &Path) -> Self {
        let metadata = metadata(top);
        let packages = metadata["packages"].as_array().unwrap();
        let members: BTreeSet<&str> = packages.iter().map(|package| package["name"].as_str().unwrap()).collect();
        let mut sources = Self { packages: Vec::new(), modules: Vec::new(), roots: BTreeMap::new() };
        for package in packages {
            sources.packages.push(describe(package, &members));
            for target in package["targets"].as_array().unwrap() {
                sources.read_target(top, target);
            }
        }
        sources
    }

    fn read_target(&mut self, top: &Path, target: &Json) {
        let kinds: Vec<&str> = target["kind"].as_array().unwrap().iter().filter_map(Json::as_str).collect();
        let is_library = kinds.iter().any(|kind| ["lib", "rlib", "cdylib"].contains(kind));
        if !is_library && !kinds.contains(&"bin") {
            return;
        }
        let file = Path::new(target["src_path"].as_str().unwrap());
        let root = Module::new(self.packages.len() - 1, is_library, file.strip_prefix(top).unwrap());
        let number = self.read_file(top, root);
        if is_library {
            self.roots.insert(target["name"].as_str().unwrap().replace('-', "_"), number);
        }
    }

    /// Reads the file of a module and those of the modules in it; returns its number.
    fn read_file(&mut self, top: &Path, module: Module) -> usize {
        let path = top.join(&module.file);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let items = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display())).items;
        let tests = text.lines().position(|line| line == "#[cfg(test)]");
        // Tests stand at the end of a file, or are a file of their own.
        let lines = tests.filter(|_| text.contains("\nmod tests {")).unwrap_or_else(|| text.lines().count());
        self.packages[module.package].lines.insert(module.file.clone(), lines);
        let folder = module.folder();
        self.read_items(top, module, &folder, &items)
    }

    fn read_items(&mut self, top: &Path, module: Module, folder: &Path, items: &[Item]) -> usize {
        let number = self.modules.len();
        self.modules.push(module);
        let mut reader = Reader::default();
        for item in items {
            reader.visit_item(item);
        }
        let modules = std::mem::take(&mut reader.modules);
        reader.fill(&mut self.modules[number]);
        for (name, content) in modules {
            let mut child = self.modules[number].child(number, &name);
            let below = folder.join(&name);
            let child = match content {
                Some(items) => self.read_items(top, child, &below, &items),
                None => {
                    child.file = module_file(top, &below);
                    self.read_file(top, child)
                }
            };
            self.modules[number].children.insert(name, child);
        }
        number
    }

    /// What a module names outside of itself. Re-exports of a library's root are its face and no use of anything.
    pub(super) fn named_by(&self, number: usize) -> BTreeSet<Target> {
        let module = &self.modules[number];
        let is_face = module.path.is_empty();
        let imports = module.imports.iter().filter(|import| !(is_face && import.is_public));
        let imported = imports.filter_map(|import| {
            let target = self.resolve(number, &import.path, 0)?;
            // Who imports a module says with each path what of it is wanted.
            let is_module = matches!(target, Target::Item(_, None));
            (import.name.is_none() || !is_module).then_some(target)
        });
        let in_code = module.paths.iter().filter_map(|path| self.resolve(number, path, 0));
        imported.chain(in_code).filter(|target| !matches!(target, Target::Item(other, _) if *other == number)).collect()
    }

    /// Follows a path that stands in a module.
    fn resolve(&self, from: usize, path: &[String], steps: usize) -> Option<Target> {
        let (first, rest) = path.split_first()?;
        let module = &self.modules[from];
        match first.as_str() {
            "crate" => Some(self.walk(self.root_of(from), rest, steps)),
            "self" => Some(self.walk(from, rest, steps)),
            "super" => {
                let parent = module.parent?;
                if rest.first().is_some_and(|next| next == "super") {
                    return self.resolve(parent, rest, steps);
                }
                Some(self.walk(parent, rest, steps))
            }
            name => {
                if let Some(target) = self.lookup(from, name, rest, steps) {
                    return Some(target);
                }
                if let Some(root) = self.roots.get(name) {
                    return Some(self.walk(*root, rest, steps));
                }
                let is_external = self.packages[module.package].externals.contains(name);
                is_external.then(|| Target::External(name.to_owned()))
            }
        }
    }

    /// Follows a path downwards from a module.
    fn walk(&self, from: usize, path: &[String], steps: usize) -> Target {
        let Some((first, rest)) = path.split_first() else { return Target::Item(from, None) };
        // A name that only a macro knows counts as the module's own.
        self.lookup(from, first, rest, steps).unwrap_or_else(|| Target::Item(from, Some(first.clone())))
    }

    /// What a name means within a module: a module below it, an item of its own, or something imported.
    fn lookup(&self, from: usize, name: &str, rest: &[String], steps: usize) -> Option<Target> {
        let module = &self.modules[from];
        if let Some(child) = module.children.get(name) {
            return Some(self.walk(*child, rest, steps));
        }
        if module.items.contains(name) {
            return Some(Target::Item(from, Some(name.to_owned())));
        }
        if steps == MOST_STEPS {
            return None;
        }
        let by_name = module.imports.iter().filter(|import| import.name.as_deref() == Some(name));
        for import in by_name {
            let is_itself = import.path.first().is_some_and(|first| first == name);
            if is_itself {
                continue;
            }
            let path: Vec<String> = import.path.iter().chain(rest).cloned().collect();
            if let Some(target) = self.resolve(from, &path, steps + 1) {
                return Some(target);
            }
        }
        let globs = module.imports.iter().filter(|import| import.name.is_none());
        globs.filter_map(|import| self.resolve(from, &import.path, steps + 1)).find_map(|target| match target {
            Target::Item(other, None) if other != from => self.lookup(other, name, rest, steps + 1),
            _ => None,
        })
    }

    fn root_of(&self, mut number: usize) -> usize {
        while let Some(parent) = self.modules[number].parent {
            number = parent;
        }
        number
    }

    /// `worker::snapshot::table`, for messages.
    pub(super) fn title(&self, number: usize) -> String {
        let module = &self.modules[number];
        let package = &self.packages[module.package].name;
        [std::slice::from_ref(package), &module.path].concat().join("::")
    }

    pub(super) fn package(&self, name: &str) -> Option<usize> {
        self.packages.iter().position(|package| package.name == name)
    }

    /// The modules of a package, with their numbers.
    pub(super) fn modules_of(&self, package: usize) -> impl Iterator<Item = (usize, &Module)> {
        self.modules.iter().enumerate().filter(move |(_, module)| module.package == package)
    }
}

impl Module {
    fn new(package: usize, is_library: bool, file: &Path) -> Self {
        Self {
            package,
            is_library,
            path: Vec::new(),
            file: file.to_owned(),
            types: Vec::new(),
            parent: None,
            children: BTreeMap::new(),
            items: BTreeSet::new(),
            imports: Vec::new(),
            paths: BTreeSet::new(),
        }
    }

    fn child(&self, parent: usize, name: &str) -> Self {
        let path = self.path.iter().cloned().chain([name.to_owned()]).collect();
        Self { path, parent: Some(parent), ..Self::new(self.package, self.is_library, &self.file) }
    }

    /// Where the files of modules below lie.
    fn folder(&self) -> PathBuf {
        let folder = self.file.parent().unwrap();
        let stem = self.file.file_stem().unwrap();
        let holds_folder = self.path.is_empty() || stem == "mod";
        if holds_folder { folder.to_owned() } else { folder.join(stem) }
    }
}

/// Collects what one module says, without what only tests see.
#[derive(Default)]
struct Reader {
    modules: Vec<(String, Option<Vec<Item>>)>,
    items: BTreeSet<String>,
    types: Vec<String>,
    imports: Vec<Import>,
    paths: BTreeSet<Vec<String>>,
    /// How many functions and blocks stand around: what is defined there is no item of the module.
    depth: usize,
}

impl Reader {
    fn fill(self, module: &mut Module) {
        module.items = self.items;
        module.types = self.types;
        module.imports = self.imports;
        module.paths = self.paths;
    }

    fn define(&mut self, name: &syn::Ident) {
        if self.depth == 0 {
            self.items.insert(name.to_string());
        }
    }

    fn define_type(&mut self, name: &syn::Ident) {
        self.define(name);
        self.types.push(name.to_string());
    }

    fn import(&mut self, tree: &UseTree, before: &[String], is_public: bool) {
        let with = |name: &syn::Ident| -> Vec<String> { before.iter().cloned().chain([name.to_string()]).collect() };
        match tree {
            UseTree::Path(path) => self.import(&path.tree, &with(&path.ident), is_public),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.import(tree, before, is_public)),
            UseTree::Glob(_) => self.imports.push(Import { path: before.to_vec(), name: None, is_public }),
            UseTree::Name(name) if name.ident == "self" => {
                self.imports.push(Import { path: before.to_vec(), name: before.last().cloned(), is_public });
            }
            UseTree::Name(name) => {
                self.imports.push(Import { path: with(&name.ident), name: Some(name.ident.to_string()), is_public });
            }
            UseTree::Rename(rename) => {
                let path = if rename.ident == "self" { before.to_vec() } else { with(&rename.ident) };
                self.imports.push(Import { path, name: Some(rename.rename.to_string()), is_public });
            }
        }
    }

    /// Paths within the arguments of a macro: names that are joined by colons.
    fn read_tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(name) => {
                    if colons != 2 {
                        self.keep(&mut path);
                    }
                    path.push(name.to_string());
                    colons = 0;
                }
                TokenTree::Punct(mark) if mark.as_char() == ':' && !path.is_empty() => colons += 1,
                TokenTree::Group(group) => {
                    self.keep(&mut path);
                    colons = 0;
                    self.read_tokens(group.stream());
                }
                _ => {
                    self.keep(&mut path);
                    colons = 0;
                }
            }
        }
        self.keep(&mut path);
    }

    fn keep(&mut self, path: &mut Vec<String>) {
        let path = std::mem::take(path);
        if path.len() > 1 {
            self.paths.insert(path);
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast Item) {
        if is_for_tests(attributes(item)) {
            return;
        }
        match item {
            Item::Struct(item) => self.define_type(&item.ident),
            Item::Enum(item) => self.define_type(&item.ident),
            Item::Union(item) => self.define_type(&item.ident),
            Item::Trait(item) => self.define_type(&item.ident),
            Item::Type(item) => self.define_type(&item.ident),
            Item::Const(item) => self.define(&item.ident),
            Item::Static(item) => self.define(&item.ident),
            Item::Fn(item) => self.define(&item.sig.ident),
            Item::Macro(item) => item.ident.iter().for_each(|name| self.define(name)),
            Item::Mod(item) => {
                let content = item.content.as_ref().map(|(_, items)| items.clone());
                self.modules.push((item.ident.to_string(), content));
                return;
            }
            _ => {}
        }
        visit::visit_item(self, item);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if !is_for_tests(&function.attrs) {
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_block(&mut self, block: &'ast syn::Block) {
        self.depth += 1;
        visit::visit_block(self, block);
        self.depth -= 1;
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.import(&item.tree, &[], !matches!(item.vis, Visibility::Inherited));
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let mut names = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.keep(&mut names);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.read_tokens(call.tokens.clone());
        visit::visit_macro(self, call);
    }

    // `pub(in crate::x)` and `#[derive(…)]` use nothing.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_attribute(&mut self, _: &'ast Attribute) {}
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Whether something exists in tests only: `#[cfg(test)]`, or `all` of that and more.
fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().filter(|attribute| attribute.path().is_ident("cfg")).any(|attribute| {
        let condition = attribute.parse_args::<syn::Meta>();
        match condition {
            Ok(syn::Meta::Path(path)) => path.is_ident("test"),
            Ok(syn::Meta::List(list)) if list.path.is_ident("all") => {
                list.tokens.into_iter().any(|token| matches!(token, TokenTree::Ident(name) if name == "test"))
            }
            _ => false,
        }
    })
}

fn module_file(top: &Path, below: &Path) -> PathBuf {
    let own = below.with_extension("rs");
    if top.join(&own).is_file() { own } else { below.join("mod.rs") }
}

fn describe(package: &Json, members: &BTreeSet<&str>) -> Package {
    let dependencies = package["dependencies"].as_array().unwrap();
    let is_normal = |dependency: &&Json| dependency["kind"].is_null();
    let names = |field: &'static str| {
        let name = move |dependency: &Json| dependency[field].as_str().map(str::to_owned);
        dependencies.iter().filter(is_normal).filter_map(name)
    };
    let externals = names("name").chain(names("rename")).map(|name| name.replace('-', "_"));
    Package {
        name: package["name"].as_str().unwrap().to_owned(),
        uses: names("name").filter(|name| members.contains(name.as_str())).collect(),
        externals: externals.chain(["std", "core", "alloc"].map(str::to_owned)).collect(),
        lines: BTreeMap::new(),
    }
}

/// What Cargo knows of the workspace.
fn metadata(top: &Path) -> Json {
    let mut command = Command::new(env!("CARGO"));
    command.args(["metadata", "--offline", "--no-deps", "--format-version", "1"]).current_dir(top);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}
