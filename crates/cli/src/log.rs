//! Log lines of the tools, on stderr or in a file, in the forms of the original.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

use anyhow::Context;
use jiff::Zoned;
use vpoller_wire::text::{Controls, one_line};

use crate::output;

/// The format of the lines, a different one for each tool.
#[derive(Clone, Copy, Debug)]
pub enum LogFormat {
    /// `[2014-09-06 10:33:28,420 - INFO/MainProcess] text`
    Client,
    /// `2014-09-06 10:33:28,420 - INFO - vconnector-cli[4711]: text`
    Connector,
    /// `[2014-09-06 10:33:28,420] - INFO - text`
    Importer,
}

/// Where a program's log lines go.
#[derive(Debug)]
pub struct Log {
    form: LogFormat,
    debug: bool,
    file: Option<File>,
}

impl Log {
    /// Lines to stderr, those of level DEBUG only on request.
    pub fn stderr(form: LogFormat, debug: bool) -> Self {
        Self { form, debug, file: None }
    }

    /// Appends the lines to a file instead.
    pub fn into_file(mut self, path: &Path) -> anyhow::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path);
        self.file = Some(file.with_context(|| format!("cannot open log file {}", path.display()))?);
        Ok(self)
    }

    pub fn debug(&self, text: impl fmt::Display) {
        if self.debug {
            self.line("DEBUG", text);
        }
    }

    pub fn info(&self, text: impl fmt::Display) {
        self.line("INFO", text);
    }

    /// Something that may not be what the user meant.
    pub fn warning(&self, text: impl fmt::Display) {
        self.line("WARNING", text);
    }

    /// Why the tool ends without success.
    pub fn error(&self, text: impl fmt::Display) {
        self.line("ERROR", text);
    }

    fn line(&self, level: &str, text: impl fmt::Display) {
        let line = self.form.line(&Zoned::now(), level, &text.to_string());
        match self.file.as_ref() {
            // A log that cannot be written must not stop the work.
            Some(mut file) => drop(file.write_all(format!("{line}\n").as_bytes())),
            None => output::complain(&line),
        }
    }
}

impl LogFormat {
    fn line(self, now: &Zoned, level: &str, text: &str) -> String {
        let time = now.strftime("%Y-%m-%d %H:%M:%S");
        let milliseconds = now.subsec_nanosecond() / 1_000_000;
        // Names from the command line and the database may hold control characters: the line must stay one line.
        let text = one_line(text, Controls::Escaped);
        match self {
            Self::Client => format!("[{time},{milliseconds:03} - {level}/MainProcess] {text}"),
            Self::Connector => {
                format!("{time},{milliseconds:03} - {level} - vconnector-cli[{}]: {text}", std::process::id())
            }
            Self::Importer => format!("[{time},{milliseconds:03}] - {level} - {text}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_the_forms_of_the_original() {
        let now: Zoned = "2014-09-06T10:33:28.420[UTC]".parse().unwrap();
        assert_eq!(LogFormat::Client.line(&now, "INFO", "a\nb"), "[2014-09-06 10:33:28,420 - INFO/MainProcess] a\\nb");
        assert_eq!(LogFormat::Importer.line(&now, "WARNING", "a"), "[2014-09-06 10:33:28,420] - WARNING - a");
        let expected =
            format!("2014-09-06 10:33:28,420 - INFO - vconnector-cli[{}]: Enabling vSphere Agent vc01", std::process::id());
        assert_eq!(LogFormat::Connector.line(&now, "INFO", "Enabling vSphere Agent vc01"), expected);
    }
}
