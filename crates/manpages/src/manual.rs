//! Writes manual pages.

use std::path::Path;

use anyhow::Result;
use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use crate::{save, visible};

/// Writes the page of a program, and one for each of its subcommands.
pub(crate) fn write(command: &Command, section: &str, folder: &Path) -> Result<()> {
    let name = command.get_name().to_owned();
    let mut family = vec![name.clone()];
    for subcommand in command.get_subcommands() {
        let own = format!("{name}-{}", subcommand.get_name());
        let words = format!("{name} {}", subcommand.get_name());
        page(subcommand.clone().name(own.clone()).bin_name(words), section, &family, folder)?;
        family.push(own);
    }
    page(command.clone(), section, &family, folder)
}

fn page(command: Command, section: &str, family: &[String], folder: &Path) -> Result<()> {
    let name = command.get_name().to_owned();
    let details = command.get_after_help().map(ToString::to_string);
    let usage = command.clone().render_usage().to_string();
    let man = Man::new(visible(&command)).section(section).manual("vPoller").title(name.to_uppercase());
    let mut text = Vec::new();
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    literal(
        "SYNOPSIS",
        &usage.lines().map(|line| line.trim_start_matches("Usage: ").trim_start()).collect::<Vec<_>>().join("\n"),
    )
    .to_writer(&mut text)?;
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    if let Some(details) = details {
        literal("DETAILS", &details).to_writer(&mut text)?;
    }
    literal("FILES", FILES).to_writer(&mut text)?;
    let family = family.iter().map(|name| format!("{name}({section})"));
    let mut others: Vec<String> = family.chain(PAGES.iter().map(|page| (*page).to_owned())).collect();
    others.retain(|page| !page.starts_with(&format!("{name}(")));
    others.sort();
    others.dedup();
    let mut roff = Roff::new();
    roff.control("SH", ["SEE ALSO"]).text([roman(others.join(", "))]).control("PP", []);
    roff.text([roman("/usr/share/doc/vpoller has the pages on configuration, operation and methods.")]);
    roff.to_writer(&mut text)?;
    save(&folder.join(format!("{name}.{section}")), &text)
}

/// A section whose lines stay as they are.
fn literal(heading: &str, text: &str) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", [heading]).control("nf", []);
    for line in text.lines() {
        roff.text([roman(line)]);
    }
    roff.control("fi", []);
    roff
}

const FILES: &str = "\
/etc/vpoller/vpoller.conf              configuration of proxy, worker and exporter
/var/lib/vconnector/vconnector.db      the registered vSphere hosts";

/// Every page that others point to.
const PAGES: &[&str] = &[
    "vconnector-cli(1)",
    "vpoller-bench(1)",
    "vpoller-cclient(1)",
    "vpoller-client(1)",
    "vpoller-exporter(8)",
    "vpoller-proxy(8)",
    "vpoller-worker(8)",
    "zabbix-vsphere-import(1)",
];
