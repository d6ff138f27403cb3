//! From lines to entries, by the rules of Python's ConfigParser.

use super::{Entry, Section};

/// What the lines of a file say so far.
#[derive(Default)]
pub(super) struct Lines {
    pub(super) entries: Vec<Entry>,
    pub(super) sections: Vec<Section>,
    /// The section that lines belong to; empty before the first one.
    section: String,
    /// How deep the entry is indented that the next line may continue.
    open: Option<usize>,
}

impl Lines {
    /// Takes a line and its number, from 1.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn take(&mut self, line: &str, number: usize) -> Result<(), &'static str> {
        let content = line.trim();
        if content.is_empty() || is_comment(line) {
            return Ok(());
        }
        let depth = line.len() - line.trim_start().len();
        if self.open.is_some_and(|key| depth > key)
            && let Some(entry) = self.entries.last_mut()
        {
            // Nothing is cut off from these lines, in no version of Python.
            if !entry.value.is_empty() {
                entry.value.push(' ');
            }
            entry.value += content;
            return Ok(());
        }
        if let Some(rest) = content.strip_prefix('[') {
            let (name, _) = rest.split_once(']').ok_or("the name of the section has no ] behind it")?;
            return self.enter(name.trim(), number);
        }
        let (key, value) = content.split_once(['=', ':']).ok_or("there is neither = nor : in it")?;
        if key.is_empty() {
            return Err("there is no key in it");
        }
        let key = key.trim_end().to_lowercase();
        self.entries.push(Entry {
            section: self.section.clone(),
            key,
            value: first_line_of_value(value).to_owned(),
            line: number,
        });
        self.open = Some(depth);
        Ok(())
    }

    fn enter(&mut self, name: &str, line: usize) -> Result<(), &'static str> {
        if name.is_empty() {
            return Err("the section has no name");
        }
        name.clone_into(&mut self.section);
        self.open = None;
        if !self.sections.iter().any(|section| section.name == name) {
            self.sections.push(Section { name: name.to_owned(), line });
        }
        Ok(())
    }
}

/// `#` and `;` may be indented, as in Python 3; `rem` may not, as in Python 2.7.
fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with(['#', ';'])
        || (line.starts_with(['r', 'R']) && line.split_whitespace().next().is_some_and(|word| word.eq_ignore_ascii_case("rem")))
}

/// The value in the line of its key. Only its first `;` can begin a comment, and only behind a blank; `""` is no value.
fn first_line_of_value(text: &str) -> &str {
    let text = text.trim();
    let value = match text.split_once(';') {
        Some((value, _)) if value.ends_with(char::is_whitespace) => value.trim_end(),
        _ => text,
    };
    if value == "\"\"" { "" } else { value }
}
