//! The tables of `docs/security.md`: which privileges methods and templates need, made of what they ask of vSphere.
//!
//! What a method asks is seen at the simulator, by asking it every case of `tests/methods`; what that needs says
//! `crates/vsphere/schema/privileges.txt`. Neither is written down a second time. After a wanted change, `UPDATE_DOCS=1` writes the
//! tables into the page.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use vpoller_inventory::Kind;
use vpoller_testkit::{SimOptions, Simulator};
use vpoller_worker::methods::METHODS;
use vpoller_worker::sets::SETS;

use crate::cases::cases;
use crate::support::host::{Followed, answer, direct, quick, registered};

/// `VirtualMachine.config.uuid`, `EventManager@QueryEvents`.
type Asked = BTreeSet<String>;

const BEGIN: &str = "<!-- Made by the worker's test of privileges; UPDATE_DOCS=1 writes it anew. -->\n";
const END: &str = "<!-- End of what is made. -->\n";

fn top(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// What the API's definitions say: the privileges that differ from the usual ones, by type and name.
struct Definitions {
    bases: BTreeMap<String, String>,
    needs: BTreeMap<(String, String), String>,
}

impl Definitions {
    fn read() -> Self {
        let mut definitions = Self { bases: BTreeMap::new(), needs: BTreeMap::new() };
        let text = fs::read_to_string(top("crates/vsphere/schema/privileges.txt")).unwrap();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let mut words = line.split(' ');
            let kind = words.next().unwrap();
            let (kind, base) = kind.split_once('<').unwrap_or((kind, ""));
            definitions.bases.insert(kind.to_owned(), base.to_owned());
            for (name, privileges) in words.map(|word| word.split_once(':').unwrap()) {
                definitions.needs.insert((kind.to_owned(), name.to_owned()), privileges.to_owned());
            }
        }
        definitions
    }

    /// The privileges for something that was asked for.
    fn of(&self, asked: &str) -> BTreeSet<String> {
        let call = asked.split_once('@').map(|(kind, method)| (kind, format!("@{method}"), ""));
        let (kind, name, usual) = call.unwrap_or_else(|| {
            let (kind, path) = asked.split_once('.').unwrap();
            (kind, path.split(['.', '[']).next().unwrap().to_owned(), "System.Read")
        });
        let mut at = Some(kind);
        while let Some(kind) = at.filter(|kind| !kind.is_empty()) {
            if let Some(privileges) = self.needs.get(&(kind.to_owned(), name.clone())) {
                return privileges.split('+').map(str::to_owned).collect();
            }
            at = self.bases.get(kind).map(String::as_str);
        }
        BTreeSet::from([usual.to_owned()]).into_iter().filter(|usual| !usual.is_empty()).collect()
    }

    /// The privileges for all of it. What needs none beyond a login has the name of one nevertheless.
    fn all(&self, asked: &Asked) -> BTreeSet<String> {
        asked.iter().flat_map(|one| self.of(one)).filter(|privilege| privilege != "System.Anonymous").collect()
    }
}

fn asked(simulator: &Simulator) -> Asked {
    let page = simulator.page("GET", "/asked", "");
    page.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect()
}

/// What was asked for since it is collected, for a request; less the properties that the request names itself.
fn asked_for(simulator: &Simulator, request: &Json) -> Asked {
    let mut asked = asked(simulator);
    let properties: Vec<&str> = match &request["properties"] {
        Json::Array(list) => list.iter().filter_map(Json::as_str).collect(),
        Json::String(list) => list.split(',').collect(),
        _ => Vec::new(),
    };
    let sets = SETS.iter().filter(|set| properties.contains(&set.name)).flat_map(|set| set.paths);
    let requested: Vec<&str> = properties.iter().chain(sets).copied().collect();
    let is_read_for = |path: &str, requested: &str| {
        requested.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    asked.retain(|one| {
        one.split_once('.').is_none_or(|(_, path)| !requested.iter().any(|requested| is_read_for(path, requested)))
    });
    asked
}

/// What each method asks for in its cases, the worker's memory as `None`.
async fn asked_by_all() -> BTreeMap<Option<&'static str>, Asked> {
    let simulator = Simulator::start(&SimOptions::default());
    simulator.page("POST", "/asked/collect", "");
    let followed = Followed::start(&registered(&simulator), quick()).await;
    let mut all = BTreeMap::from([(None, asked(&simulator))]);
    followed.stop().await;
    all.extend(METHODS.iter().map(|method| (Some(method.name), Asked::new())));
    let cases = cases();
    for (method, asked) in all.iter_mut().filter_map(|(method, asked)| Some(((*method)?, asked))) {
        // In a session of its own: what is read once in a session is asked for by each method.
        simulator.page("POST", "/asked/collect", "");
        let followed = Followed::start(&registered(&simulator), direct()).await;
        for content in cases.iter().filter(|(folder, _)| folder == method).map(|(_, case)| &case.content) {
            // Other states change what is answered, not what is asked for.
            let state = content["state"].as_array().map_or(&[][..], Vec::as_slice);
            if state.iter().all(|step| step["page"] == "/clock") {
                state.iter().for_each(|step| drop(simulator.page("POST", "/clock", &step["body"].to_string())));
                answer(&followed.dispatcher, content["request"].to_string().as_bytes()).await;
                asked.extend(asked_for(&simulator, &content["request"]));
                simulator.page("POST", "/asked/collect", "");
            }
        }
        followed.stop().await;
    }
    all
}

/// The methods and sets that each template's items ask for, by the template's name.
fn asked_by_templates() -> BTreeMap<String, BTreeSet<String>> {
    let mut templates = BTreeMap::new();
    let files = fs::read_dir(top("templates/zabbix")).unwrap().map(|entry| entry.unwrap().path());
    for file in files.filter(|file| file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("vpoller-"))) {
        let (text, mut template) = (fs::read_to_string(file).unwrap(), String::new());
        for line in text.lines() {
            if let Some(name) = line.strip_prefix("      template: '") {
                template = name.trim_end_matches('\'').to_owned();
            }
            let Some((_, key)) = line.split_once("key: 'vpoller.") else { continue };
            let words = key.split(['"', ',']).filter(|word| is_method(word) || is_set(word));
            for word in words {
                templates.entry(template.clone()).or_insert_with(BTreeSet::new).insert(word.to_owned());
            }
        }
    }
    templates
}

fn is_method(name: &str) -> bool {
    METHODS.iter().any(|method| method.name == name)
}

fn is_set(name: &str) -> bool {
    SETS.iter().any(|set| set.name == name)
}

fn code(names: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    names.into_iter().map(|name| format!("`{}`", name.as_ref())).collect::<Vec<_>>().join(" ")
}

fn none_or(text: String) -> String {
    if text.is_empty() { "none".to_owned() } else { text }
}

/// What needs the privilege, by type: the properties as far as a privilege tells them apart.
fn needing(definitions: &Definitions, asked: &Asked, privilege: &str) -> String {
    let mut by_type: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for one in asked.iter().filter(|one| definitions.of(one).contains(privilege)) {
        let (kind, name) = one.split_once(['.', '@']).unwrap();
        by_type.entry(kind).or_default().insert(name.split('.').next().unwrap());
    }
    let of = |(kind, names): (&str, BTreeSet<&str>)| format!("{kind}: {}", code(names));
    by_type.into_iter().map(of).collect::<Vec<_>>().join("; ")
}

fn table(definitions: &Definitions, asked: &BTreeMap<Option<&str>, Asked>) -> String {
    let mut groups: BTreeMap<BTreeSet<String>, (Vec<String>, Asked)> = BTreeMap::new();
    for (method, asked) in asked {
        let name = method.map_or_else(|| "what the worker always remembers,".to_owned(), |name| code([name]));
        let group = groups.entry(definitions.all(asked)).or_default();
        group.0.push(name);
        group.1.extend(asked.iter().cloned());
    }
    let mut rows: Vec<_> = groups.into_iter().collect();
    rows.sort_by_key(|(privileges, (methods, _))| (privileges.len(), std::cmp::Reverse(methods.len())));
    let mut page = "| Privileges | Methods | Because of |\n| --- | --- | --- |\n".to_owned();
    for (privileges, (methods, asked)) in rows {
        // The rarest privilege tells the row from the others; all but a few need System.View.
        let telling = privileges.iter().filter(|one| *one != "System.View" && (*one != "System.Read" || privileges.len() < 3));
        let because: Vec<String> = telling.map(|privilege| needing(definitions, &asked, privilege)).collect();
        page += &format!("| {} | {} | {} |\n", none_or(code(&privileges)), methods.join(" "), because.join("; "));
    }

    let set = |name: &str| {
        let set = SETS.iter().find(|set| set.name == name).unwrap();
        let Some(kind) = set.kind else { return Asked::new() };
        let own = |path: &&str| !["moid", "hostname"].contains(path);
        set.paths.iter().filter(|path| own(path)).map(|path| format!("{}.{path}", kind.wire())).collect()
    };
    page += "\n| Template | What its items ask for | Privileges |\n| --- | --- | --- |\n";
    for (template, words) in asked_by_templates() {
        let method = |word: &str| METHODS.iter().find(|method| method.name == word).map(|method| method.name);
        let all: Asked =
            words.iter().flat_map(|word| method(word).map_or_else(|| set(word), |name| asked[&Some(name)].clone())).collect();
        page += &format!("| {template} | {} | {} |\n", code(&words), none_or(code(definitions.all(&all))));
    }

    page += "\n| Property that a request names | Privilege |\n| --- | --- |\n";
    let mut others: BTreeMap<&str, BTreeMap<&str, Vec<&str>>> = BTreeMap::new();
    for ((kind, name), privilege) in definitions.needs.iter().filter(|((_, name), _)| !name.starts_with('@')) {
        let kind = match kind.as_str() {
            "ManagedEntity" | "ExtensibleManagedObject" => "every type",
            kind if Kind::parse(kind).is_some() || !privilege.starts_with("System.") => kind,
            _ => continue,
        };
        others.entry(privilege).or_default().entry(kind).or_default().push(name);
    }
    for (privilege, kinds) in others.into_iter().rev() {
        let kinds: Vec<String> = kinds.into_iter().map(|(kind, names)| format!("{kind}: {}", code(names))).collect();
        page += &format!("| {} | `{privilege}` |\n", kinds.join("; "));
    }
    page + "| any other | `System.Read` |\n"
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tables_of_privileges_are_made_of_what_methods_ask() {
    let made = table(&Definitions::read(), &asked_by_all().await);
    let path = top("docs/security.md");
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let expected = format!("{before}{BEGIN}\n{made}\n{END}{after}");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &expected).unwrap();
    }
    let hint = "docs/security.md is out of date: run UPDATE_DOCS=1 cargo test -p vpoller-worker --test suite privileges";
    assert!(page == expected, "{hint}\n{made}");
}
