//! `zabbix-vsphere-import`: makes Zabbix hosts of vSphere objects and keeps them up to date.
//!
//! What vSphere has (`inventory`) and what Zabbix has (`zabbix_reader`) are read in bulk and compared (`planner`). The result is
//! a value (`plan`), which `--dry-run` prints and a run executes (`execute`).
//!
//! Exit codes: 0 done; 1 a wrong command line, or something could not be done, with the reasons on stderr.

#![forbid(unsafe_code)]

mod batch;
mod config;
mod console;
mod deletion;
mod execute;
mod groups;
mod identity;
mod inventory;
mod kind;
mod labels;
mod message;
mod names;
mod plan;
mod planner;
mod resolved;
mod update;
mod work;
mod zabbix;
mod zabbix_reader;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{ArgAction, Parser};
use serde_json::Value;
use vpoller_wire::client::ClientError;
use vpoller_wire::{Reply, Request, json, text};

use crate::config::Config;
use crate::console::Console;
use crate::deletion::{DeletionLimit, DeletionOptions};
use crate::inventory::{Inventory, Row};
use crate::kind::Kind;
use crate::zabbix::api::ApiSession;
use vpoller_cli::ask::ProxyClient;
use vpoller_cli::log::{Log, LogFormat};
use vpoller_cli::output;

/// Make Zabbix hosts of the objects of a VMware vSphere environment, and keep them up to date
#[derive(Debug, Parser)]
#[command(name = "zabbix-vsphere-import", version, infer_long_args = true, disable_version_flag = true, after_help = EXIT_CODES)]
pub struct Args {
    /// The configuration, in YAML
    #[arg(short, long, value_name = "CONFIG")]
    file: PathBuf,
    /// Delete hosts of ours whose object is gone
    #[arg(short, long)]
    delete: bool,
    /// With -d: delete them also when vSphere lists no object of their type at all
    #[arg(long, requires = "delete")]
    allow_empty: bool,
    /// With -d: delete up to so many hosts of each type, or such a share of them; otherwise none (default: 10 or 20%, whichever is more)
    #[arg(long, requires = "delete", value_name = "N|N%")]
    max_delete: Option<DeletionLimit>,
    /// Print what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Log every request
    #[arg(short = 'D', long)]
    debug: bool,
    /// Print the version
    #[arg(short, long, action = ArgAction::Version)]
    version: (),
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 something was not done, for the reasons on stderr";

/// Runs the program.
pub fn run(args: Args) -> ExitCode {
    let console = Console::new(Log::stderr(LogFormat::Importer, args.debug));
    let outcome = import(&args, &console);
    console.finish();
    match outcome {
        Ok(()) if console.failures() == 0 => ExitCode::SUCCESS,
        Ok(()) => ExitCode::FAILURE,
        Err(reason) => {
            console.error(reason);
            ExitCode::FAILURE
        }
    }
}

fn import(args: &Args, console: &Console) -> Result<(), String> {
    let config = Config::load(&args.file);
    let config = config.map_err(|error| format!("Cannot load configuration file {}: {error}", args.file.display()))?;
    if others_may_read(&args.file) {
        console.warning(format_args!("{} can be read by everybody on this machine: chmod 640 it", args.file.display()));
    }
    console.info(format_args!("Connecting to Zabbix server at {}", config.zabbix.written));
    let unreachable = |error| format!("Cannot connect to Zabbix at {}: {error}", config.zabbix.url);
    let mut api = ApiSession::connect(&config.zabbix, console).map_err(unreachable)?;
    let outcome = synchronize(args, &config, &mut api, console);
    let calls = api.log_out();
    console.debug(format_args!("{calls} Zabbix API calls in all"));
    outcome
}

fn synchronize(args: &Args, config: &Config, api: &mut ApiSession<'_>, console: &Console) -> Result<(), String> {
    let inventory = Inventory::new(config, &ask(config, console)?);
    let state =
        zabbix_reader::read_state(api, config, &inventory).map_err(|error| format!("Cannot read from Zabbix: {error}"))?;
    let options = DeletionOptions { delete: args.delete, allow_empty: args.allow_empty, max_delete: args.max_delete };
    let plan = planner::plan(config, &inventory, &state, options);
    if args.dry_run {
        execute::rehearse(&plan, console, &config.vcenter);
        return match output::text(&plan.to_string()) {
            ExitCode::SUCCESS => Ok(()),
            _ => Err("the plan was not printed".to_owned()),
        };
    }
    console.expect(plan.len());
    execute::execute(&plan, api, console, &config.vcenter).map_err(|gone| gone.to_string())?;
    console.finish();
    console.info("Sync completed");
    Ok(())
}

/// Asks vPoller for all objects of the types that the configuration needs, with one request for each type.
fn ask(config: &Config, console: &Console) -> Result<BTreeMap<Kind, Vec<Row>>, String> {
    let mut proxy = ProxyClient::new(config.endpoint.clone(), config.retries, config.timeout);
    let mut answers = BTreeMap::new();
    for kind in inventory::needed(config) {
        let mut request = Request::new(kind.method(), config.vcenter.clone());
        request.properties = kind.properties().iter().map(|path| (*path).to_owned()).collect();
        let reply = match proxy.ask(&request, console.log()) {
            Ok(reply) => reply,
            Err(error @ ClientError::NoReply { .. }) => {
                let reply = String::from_utf8_lossy(&Reply::failure(text::NO_RESPONSE).to_bytes(json::Style::Line)).into_owned();
                return Err(format!("vPoller task failed: {reply} ({error})"));
            }
            Err(error) => return Err(format!("vPoller task failed: {error}")),
        };
        answers.insert(kind, rows(&reply).ok_or_else(|| format!("vPoller task failed: {}", excerpt(&reply)))?);
    }
    Ok(answers)
}

/// The rows of a successful reply.
fn rows(reply: &[u8]) -> Option<Vec<Row>> {
    let mut reply: Value = serde_json::from_slice(reply).ok()?;
    if reply.get("success")?.as_i64() != Some(0) {
        return None;
    }
    let Value::Array(rows) = reply.get_mut("result")?.take() else { return None };
    rows.into_iter().map(|row| if let Value::Object(row) = row { Some(row) } else { None }).collect()
}

/// The beginning of a reply, short enough for a log line.
fn excerpt(reply: &[u8]) -> String {
    const LONGEST: usize = 2000;
    String::from_utf8_lossy(reply).chars().take(LONGEST).collect()
}

/// Whether all users of the machine can read a file.
fn others_may_read(path: &Path) -> bool {
    path.metadata().is_ok_and(|data| data.permissions().mode() & 0o004 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_successful_list_of_objects_has_rows() {
        assert_eq!(rows(br#"{"success": 0, "msg": "x", "result": [{"name": "a"}]}"#).unwrap()[0]["name"], "a");
        for reply in [
            &b"{\"success\": 1, \"msg\": \"Unknown or missing agent name\"}"[..],
            b"{\"success\": 0, \"msg\": \"x\", \"result\": {}}",
            b"{\"success\": 0, \"msg\": \"x\", \"result\": [1]}",
            b"{\"success\": 0, \"msg\": \"x\"}",
            b"{\"success\": 0, \"result\": [",
            b"",
        ] {
            assert!(rows(reply).is_none());
        }
    }
}
