//! `vpoller-manpages FOLDER`: writes manual pages and shell completions of every program, from the definitions their parsers use.
//!
//! `vpoller-manpages metrics` and `vpoller-manpages metrics-json` print the table of the exporter's metrics, for people and for
//! `tools/dashboards`.
//!
//! The files are committed below `contrib/`; `make check` writes them again and compares. The programs themselves carry none of this.
#![forbid(unsafe_code)]

mod manual;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Arg, Command, CommandFactory};
use clap_complete::Shell;
use vpoller_cli::{bench, cclient, client, vconnector};
use vpoller_worker::helpers::HELPERS;
use vpoller_worker::methods::METHODS;

/// One program: its command line, and the section of the manual it belongs to.
struct Program {
    command: Command,
    section: &'static str,
}

fn programs() -> Vec<Program> {
    let tool = |command| Program { command, section: "1" };
    let daemon = |command| Program { command, section: "8" };
    vec![
        daemon(vpoller_proxy::cli::Arguments::command()),
        daemon(vpoller_worker::cli::command()),
        daemon(vpoller_exporter::program::command()),
        tool(client::ClientArgs::command()),
        tool(cclient::CclientArgs::command()),
        tool(vconnector::VconnectorArgs::command()),
        tool(vpoller_importer::Args::command()),
        tool(bench::BenchArgs::command()),
    ]
}

fn main() -> Result<()> {
    let what = std::env::args_os().nth(1).context("usage: vpoller-manpages FOLDER|metrics|metrics-json")?;
    match what.to_str() {
        Some("metrics") => return print(&vpoller_exporter::metrics_markdown()),
        Some("metrics-json") => return print(&metrics_json()),
        _ => {}
    }
    let folder = PathBuf::from(what);
    for Program { command, section } in programs() {
        complete(&visible_with_subcommands(&command), &folder.join("completions"))?;
        manual::write(&command, section, &folder.join("man"))?;
    }
    Ok(())
}

fn print(text: &str) -> Result<()> {
    use std::io::Write;
    std::io::stdout().write_all(text.as_bytes()).context("cannot write to the standard output")
}

/// The table of metrics, one object a line.
fn metrics_json() -> String {
    let row = |row: vpoller_exporter::MetricRow| {
        let row = serde_json::json!({
            "name": row.name, "part": row.part, "usual": row.is_usual, "kind": row.kind, "unit": row.unit, "help": row.help,
            "labels": row.labels,
        });
        row.to_string()
    };
    format!("[\n{}\n]\n", vpoller_exporter::metric_rows().into_iter().map(row).collect::<Vec<_>>().join(",\n"))
}

/// The command without its subcommands and hidden options, which are for development or for old scripts.
fn visible(command: &Command) -> Command {
    let options = command.get_arguments().filter(|option| !option.is_hide_set()).cloned();
    let mut shown = Command::new(command.get_name().to_owned())
        .args(options)
        .version(env!("CARGO_PKG_VERSION"))
        .disable_help_flag(command.is_disable_help_flag_set())
        .disable_version_flag(true)
        .disable_help_subcommand(true);
    if let Some(about) = command.get_about() {
        shown = shown.about(about.clone());
    }
    if let Some(details) = command.get_after_help() {
        shown = shown.after_help(details.clone());
    }
    shown
}

/// The same with subcommands. Where there are some, the other words that say what to do have to be subcommands too: the generators
/// expect one or the other.
fn visible_with_subcommands(command: &Command) -> Command {
    let shown = visible(command);
    if !command.has_subcommands() {
        return shown;
    }
    let options: Vec<Arg> = shown.get_arguments().filter(|argument| !argument.is_positional()).cloned().collect();
    let word = |value: PossibleValue| {
        let word = Command::new(value.get_name().to_owned()).args(options.clone()).version(env!("CARGO_PKG_VERSION"));
        word.about(value.get_help().cloned().unwrap_or_default()).disable_version_flag(true)
    };
    let words: Vec<Command> = shown.get_positionals().flat_map(Arg::get_possible_values).map(word).collect();
    let others = command.get_subcommands().map(visible_with_subcommands);
    visible(&Command::new(command.get_name().to_owned()).args(options)).subcommands(words).subcommands(others)
}

/// The shells' files, under the names that the shells look for.
fn complete(command: &Command, folder: &Path) -> Result<()> {
    let name = command.get_name();
    let mut with_values = values(command.clone());
    for (shell, file) in [(Shell::Bash, name.to_owned()), (Shell::Zsh, format!("_{name}")), (Shell::Fish, format!("{name}.fish"))]
    {
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut with_values, name, &mut text);
        let mut text = String::from_utf8(text).context("completions are text")?;
        match shell {
            // The generator takes the hyphen in a program's name for the border between a command and its subcommand.
            Shell::Bash => text = text.replace(&name.replace('-', "__subcmd__"), &name.replace('-', "__")),
            Shell::Fish => text += &words_for_fish(command),
            _ => {}
        }
        save(&folder.join(shell.to_string()).join(file), text.as_bytes())?;
    }
    Ok(())
}

/// What the generator leaves out for this shell: the words that say what to do.
fn words_for_fish(command: &Command) -> String {
    let name = command.get_name();
    let words: Vec<_> = command.get_positionals().flat_map(Arg::get_possible_values).collect();
    let all = words.iter().map(PossibleValue::get_name).collect::<Vec<_>>().join(" ");
    let line = |word: &PossibleValue| {
        let help = word.get_help().map(|help| format!(" -d '{}'", help.to_string().replace('\'', "\\'"))).unwrap_or_default();
        format!("complete -c {name} -n \"not __fish_seen_subcommand_from {all}\" -f -a {}{help}\n", word.get_name())
    };
    words.iter().map(line).collect()
}

/// Adds the names of methods and helpers, from the worker's tables, to the options that take them.
fn values(command: Command) -> Command {
    let methods = METHODS.iter().map(|method| method.name);
    let helpers = HELPERS.iter().map(|helper| helper.name());
    let tables = [("method", methods.collect::<Vec<_>>()), ("helper", helpers.collect())];
    let with_values = tables.into_iter().fold(command, |command, (option, values)| {
        let known = command.get_arguments().any(|argument| argument.get_id() == option);
        if known { command.mut_arg(option, |argument| argument.value_parser(PossibleValuesParser::new(values))) } else { command }
    });
    with_values.mut_subcommands(values)
}

fn save(path: &Path, text: &[u8]) -> Result<()> {
    let folder = path.parent().context("a file lies in a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
