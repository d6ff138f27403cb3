//! The container files, as far as no container has to run for it: what `make test-containers` would only find out after minutes.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use serde_json::Value;
use vpoller_testkit::process::{self, Finished};
use vpoller_testkit::wait::SLOW;
use vpoller_testkit::{Host, SimOptions, Simulator, workspace};

use super::{output, programs};

const GUIDE: &str = "docs/containers.md";
const COMPOSE: [&str; 2] = ["contrib/docker/compose.yaml", "contrib/docker/compose-worker.yaml"];

fn text(name: &str) -> String {
    fs::read_to_string(workspace::root().join(name)).unwrap()
}

/// The stages of the Dockerfile.
fn stages() -> BTreeSet<String> {
    let stage = |line: &str| Some(line.strip_prefix("FROM ")?.split_once(" AS ")?.1.to_owned());
    text("contrib/docker/Dockerfile").lines().filter_map(stage).collect()
}

/// The services of a compose file, by name.
fn services(name: &str) -> Vec<(String, Value)> {
    let file: Value = serde_saphyr::from_str(&text(name)).unwrap();
    file["services"].as_object().unwrap().clone().into_iter().collect()
}

/// Name and value of each variable that a service is given.
fn variables(service: &Value) -> Vec<(String, String)> {
    let list = service["environment"].as_array().map(Vec::as_slice).unwrap_or_default();
    let pair = |entry: &Value| {
        let (name, value) = entry.as_str().unwrap().split_once('=').unwrap();
        let value = value.strip_prefix("${").map_or(value, |rest| {
            let rest = rest.strip_suffix('}').unwrap();
            rest.split_once(":-").map_or("from outside", |(_, usual)| usual)
        });
        (name.to_owned(), value.to_owned())
    };
    list.iter().map(pair).collect()
}

/// The lines of the guide's shell examples.
fn commands() -> Vec<String> {
    let guide = text(GUIDE);
    let blocks = guide.split("```sh\n").skip(1).map(|rest| rest.split_once("```").unwrap().0.to_owned());
    blocks.flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

#[test]
fn every_image_is_of_one_program_that_is_built_for_it() {
    let dockerfile = text("contrib/docker/Dockerfile");
    let known: BTreeSet<String> = programs().into_iter().collect();
    let mut copied = 0;
    for word in dockerfile.split_whitespace() {
        for place in ["/out/", "target/release/"] {
            let Some(name) = word.strip_prefix(place).filter(|name| name.starts_with('v')) else { continue };
            assert!(known.contains(name), "{name} is no program");
            assert!(dockerfile.contains(&format!("target/release/{name}")), "{name} is built nowhere");
            copied += 1;
        }
    }
    assert!(copied >= 10, "{copied}");
    for program in ["exporter", "worker", "proxy"] {
        let (_, rest) = dockerfile.split_once(&format!("FROM runtime AS {program}\n")).unwrap();
        let stage = rest.split("\nFROM ").next().unwrap();
        assert!(stage.contains(&format!("CMD [\"vpoller-{program}\", \"health\"]")), "{stage}");
        output(Command::new(workspace::binary(&format!("vpoller-{program}"))).args(["health", "--help"]));
    }
    let (_, runtime) = dockerfile.split_once(" AS runtime\n").unwrap();
    assert!(runtime.split("\nFROM ").next().unwrap().contains("\nUSER 10001:10001\n"), "{runtime}");
    assert_eq!(runtime.matches("\nUSER ").count(), 1, "no image goes back to root");
    for line in dockerfile.lines().filter_map(|line| line.strip_prefix("COPY ")).filter(|line| !line.contains("--from=")) {
        let mut words: Vec<&str> = line.split(' ').collect();
        words.pop();
        for name in words {
            assert!(workspace::root().join(name).exists(), "{name} is not there to copy");
        }
    }
}

#[test]
fn compose_files_name_what_is_there() {
    let stages = stages();
    let mut built = BTreeSet::new();
    for file in COMPOSE {
        let folder = workspace::root().join(file).parent().unwrap().to_owned();
        for (name, service) in services(file) {
            assert!(service.get("privileged").is_none() && service.get("user").is_none(), "{name}");
            let Some(build) = service.get("build") else { continue };
            let context = folder.join(build["context"].as_str().unwrap()).canonicalize().unwrap();
            assert_eq!(context, workspace::root().canonicalize().unwrap());
            assert!(context.join(build["dockerfile"].as_str().unwrap()).is_file());
            let target = build["target"].as_str().unwrap();
            assert!(stages.contains(target), "{target} is no stage");
            assert_eq!(service["image"], format!("vpoller-{target}:latest"));
            assert_eq!(service["read_only"], true, "{name}");
            built.insert(target.to_owned());
        }
    }
    assert_eq!(built.into_iter().collect::<Vec<_>>(), ["exporter", "proxy", "worker"]);
    let prometheus = text("contrib/docker/prometheus.yml");
    assert!(prometheus.contains("['zroc-planner:9272']"), "{prometheus}");
}

#[test]
fn the_exporter_knows_every_variable_that_it_is_given() {
    let (_, service) = services(COMPOSE[0]).into_iter().find(|(name, _)| name == "zroc-planner").unwrap();
    let given = variables(&service);
    // What the collector's own compose file gives it, with its values; the password comes from outside.
    let expected = [
        ("VCENTER_HOST", "vcenter.corp.example"),
        ("VCENTER_USER", "svc-readonly@vsphere.local"),
        ("VCENTER_PASSWORD", "from outside"),
        ("POLL_INTERVAL", "300"),
        ("BATCH_SIZE", "100"),
        ("BATCH_DELAY", "0.5"),
        ("VM_INVENTORY_TTL", "600"),
        ("LOG_LEVEL", "INFO"),
    ];
    assert_eq!(given, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let mut command = Command::new(workspace::binary("vpoller-exporter"));
    command.arg("--check-config").env_clear().envs(given.iter().cloned());
    let Finished { code, stdout, stderr } = process::run(command, SLOW);
    assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
    for (name, value) in given.iter().filter(|(name, _)| name != "VCENTER_PASSWORD") {
        assert!(stdout.lines().any(|line| line == format!("{name}={value}")), "{name} is not in force: {stdout}");
    }
    assert!(!stdout.contains("from outside"), "{stdout}");
}

#[test]
fn the_start_script_knows_every_variable_that_it_is_given() {
    let script = text("contrib/docker/vpoller-start");
    let mut given: Vec<String> =
        services(COMPOSE[1]).iter().flat_map(|(_, service)| variables(service)).map(|(name, _)| name).collect();
    let named = text(GUIDE).split(|c: char| !c.is_ascii_uppercase() && c != '_').map(str::to_owned).collect::<Vec<_>>();
    given.extend(named.into_iter().filter(|word| word.starts_with("VPOLLER_")));
    assert!(given.len() >= 3, "{given:?}");
    for name in given {
        assert!(script.contains(&format!("\"${{{name}:=")), "{name} is nothing that the script reads");
    }
}

#[test]
fn commands_of_the_guide_name_what_is_there() {
    let stages = stages();
    let mut targets = BTreeSet::new();
    for line in commands() {
        let words: Vec<&str> = line.split(' ').collect();
        for pair in words.windows(2) {
            match pair {
                ["-f", file] => assert!(workspace::root().join(file).is_file(), "{line}"),
                ["--target", target] => {
                    assert!(stages.contains(*target), "{line}");
                    targets.insert((*target).to_owned());
                }
                _ => {}
            }
        }
    }
    assert_eq!(targets.len(), 3, "{targets:?}");
}

#[test]
fn a_vsphere_host_is_registered_as_the_guide_says() {
    let simulator = Simulator::start(&SimOptions::default());
    let host = Host::at(simulator.address());
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("vconnector.db");
    let connector = |arguments: &str| {
        let mut command = Command::new(workspace::binary("vconnector-cli"));
        command.arg("-d").arg(&database).args(arguments.split(' ').filter(|word| !word.is_empty()));
        command
    };
    output(&mut connector("init"));
    let port = format!("--port {} -U", host.port);
    let lines: Vec<String> =
        commands().iter().filter_map(|line| Some(line.split_once(" worker vconnector-cli ")?.1.to_owned())).collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    for line in lines {
        let line = line.replace("vc01.example.org", &host.name).replace("-U", &port).replace("monitor@vsphere.local", &host.user);
        let Some(arguments) = line.strip_suffix(" <password-file") else {
            // Somebody at a terminal is asked whether the fingerprint is right.
            let agreed = if line.ends_with(" trust") { " --yes" } else { "" };
            output(&mut connector(&format!("{line}{agreed}")));
            continue;
        };
        let mut child = connector(arguments).stdin(Stdio::piped()).spawn().unwrap();
        writeln!(child.stdin.take().unwrap(), "{}", host.password).unwrap();
        assert!(child.wait().unwrap().success(), "{line}");
    }
    let table = output(&mut connector("get"));
    let row = table.lines().find(|line| line.contains(&host.name)).unwrap_or_default();
    let cells: Vec<&str> = row.split('|').map(str::trim).collect();
    assert_eq!(cells.get(1..5), Some(&[host.name.as_str(), host.user.as_str(), host.password.as_str(), "1"][..]), "{table}");
    let mode = fs::metadata(&database).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "nobody else may read it");
}
