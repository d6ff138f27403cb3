//! `ItemKey=value` files as Zabbix's own programs read theirs.
//!
//! Zabbix's parser exists in every daemon, but its name and its parameters changed twice, and it ends the process on a mistake.

use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes of a line, as in Zabbix.
const MAX_LINE: usize = 2048;
/// Files within files, as in Zabbix.
const MAX_DEPTH: usize = 10;
/// Bytes of one file; a mistaken path to something endless ends here.
const MAX_FILE: u64 = 1 << 20;
/// Mistakes that are worth a line of the log; what has more is no configuration file.
const MAX_ERRORS: usize = 20;

/// File and line of an entry.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct SourcePosition {
    file: Arc<Path>,
    line: usize,
}

impl fmt::Display for SourcePosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "in config file \"{}\", line {}", self.file.display(), self.line)
    }
}

/// One `name=value`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct KeyValue {
    pub name: String,
    /// Without blanks around it; may be empty.
    pub value: String,
    pub position: SourcePosition,
}

/// An error in a file. The text is Zabbix's, where Zabbix has one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    #[error("cannot open config file \"{}\": {source}", file.display())]
    Open { file: PathBuf, source: io::Error },
    /// A line is longer than Zabbix allows.
    #[error("line {} exceeds {MAX_LINE} byte length limit in config file \"{}\"", position.line, position.file.display())]
    LongLine { position: SourcePosition },
    #[error("non-UTF-8 character at line {} in config file \"{}\"", position.line, position.file.display())]
    NotUtf8 { position: SourcePosition },
    #[error("invalid entry \"{text}\" (not following \"parameter=value\" notation) {position}")]
    NoEntry { text: String, position: SourcePosition },
    /// Included files include files, beyond the limit of nesting.
    #[error("included files are nested deeper than {MAX_DEPTH} levels {position}")]
    Depth { position: SourcePosition },
}

/// The entries of a file and of the files that it includes. An error does not hide the entries around it.
#[derive(Debug, Default)]
pub(crate) struct FileContents {
    /// In the order of the lines.
    pub entries: Vec<KeyValue>,
    /// In the order of the lines.
    pub errors: Vec<FileError>,
}

impl FileContents {
    /// Reads a file and the files that it includes.
    pub(crate) fn read(path: &Path) -> Self {
        let mut contents = Self::default();
        contents.add_file(path, 0);
        contents
    }

    fn add_file(&mut self, path: &Path, depth: usize) {
        if self.errors.len() >= MAX_ERRORS {
            return;
        }
        match bytes_of(path) {
            Ok(bytes) => self.add_lines(&bytes, &Arc::from(path), depth),
            Err(source) => self.errors.push(FileError::Open { file: path.to_owned(), source }),
        }
    }

    fn add_lines(&mut self, bytes: &[u8], file: &Arc<Path>, depth: usize) {
        for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            let position = SourcePosition { file: Arc::clone(file), line: index + 1 };
            match parse(line, position) {
                Ok(Some(entry)) if entry.name == "Include" => self.include(&entry, depth + 1),
                Ok(Some(entry)) => self.entries.push(entry),
                Ok(None) => {}
                Err(error) => self.errors.push(error),
            }
            if self.errors.len() >= MAX_ERRORS {
                return;
            }
        }
    }

    fn include(&mut self, entry: &KeyValue, depth: usize) {
        if depth > MAX_DEPTH {
            self.errors.push(FileError::Depth { position: entry.position.clone() });
            return;
        }
        let path = Path::new(&entry.value);
        match included(path) {
            Ok(files) => files.iter().for_each(|file| self.add_file(file, depth)),
            Err(source) => self.errors.push(FileError::Open { file: path.to_owned(), source }),
        }
    }
}

fn bytes_of(path: &Path) -> io::Result<Vec<u8>> {
    use std::os::unix::fs::FileTypeExt;
    // Opening a pipe would wait for a writer.
    if fs::metadata(path)?.file_type().is_fifo() {
        return Err(io::Error::other("it is a pipe"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(io::Error::other("it is larger than 1 MB"));
    }
    Ok(bytes)
}

fn parse(line: &[u8], position: SourcePosition) -> Result<Option<KeyValue>, FileError> {
    if line.len() > MAX_LINE {
        return Err(FileError::LongLine { position });
    }
    let Ok(text) = str::from_utf8(line) else { return Err(FileError::NotUtf8 { position }) };
    let text = text.trim_matches([' ', '\t', '\r']);
    if text.is_empty() || text.starts_with('#') {
        return Ok(None);
    }
    match text.split_once('=') {
        Some((name, value)) => {
            let name = name.trim_end_matches([' ', '\t']);
            let value = value.trim_start_matches([' ', '\t']);
            Ok(Some(KeyValue { name: name.to_owned(), value: value.to_owned(), position }))
        }
        None => Err(FileError::NoEntry { text: text.to_owned(), position }),
    }
}

/// The files an `Include` means: one, all of a folder, or those of a folder that fit a pattern. By name, so that it is known
/// which of two equal entries is the last.
fn included(path: &Path) -> io::Result<Vec<PathBuf>> {
    let pattern = path.file_name().and_then(OsStr::to_str).filter(|name| name.contains('*'));
    let folder = match (pattern, path.parent()) {
        (Some(_), Some(parent)) => parent,
        _ if path.is_dir() => path,
        _ => return Ok(vec![path.to_owned()]),
    };
    let mut files = Vec::new();
    for file in fs::read_dir(folder)? {
        let file = file?.path();
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        if file.is_file() && pattern.is_none_or(|pattern| matches(pattern, &name)) {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

/// Whether a name fits a pattern in which `*` stands for any characters.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else { return pattern == name };
    let Some(rest) = name.strip_prefix(head) else { return false };
    rest.char_indices().map(|(at, _)| at).chain([rest.len()]).any(|at| rest.get(at..).is_some_and(|rest| matches(tail, rest)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    fn read(text: impl AsRef<[u8]>) -> FileContents {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("module.conf");
        fs::write(&path, text).unwrap();
        FileContents::read(&path)
    }

    fn pairs(contents: &FileContents) -> Vec<(&str, &str)> {
        contents.entries.iter().map(|entry| (entry.name.as_str(), entry.value.as_str())).collect()
    }

    #[test]
    fn entries_are_split_at_the_first_equals_sign_and_trimmed() {
        let contents = read(" \tA = b=c # no comment \r\n# A=x\n   #B=y\n\nEmpty=\nlast=1");
        assert_eq!(pairs(&contents), [("A", "b=c # no comment"), ("Empty", ""), ("last", "1")]);
        assert!(contents.errors.is_empty());
        assert_eq!(contents.entries[2].position.line, 6);
    }

    #[test]
    fn mistakes_name_the_line_and_do_not_hide_the_rest() {
        let mut text = b"A=1\nnothing\nB=\xff\n".to_vec();
        text.extend(vec![b'x'; MAX_LINE + 1]);
        text.extend(b"\nC=2");
        let contents = read(text);
        assert_eq!(pairs(&contents), [("A", "1"), ("C", "2")]);
        let errors: Vec<String> = contents.errors.iter().map(ToString::to_string).collect();
        assert!(
            errors[0].starts_with("invalid entry \"nothing\" (not following \"parameter=value\" notation) in config file \"")
        );
        assert!(errors[0].ends_with("module.conf\", line 2"), "{}", errors[0]);
        assert!(errors[1].starts_with("non-UTF-8 character at line 3 in config file"), "{}", errors[1]);
        assert!(errors[2].starts_with("line 4 exceeds 2048 byte length limit in config file"), "{}", errors[2]);
        assert_eq!(errors.len(), 3);
    }

    #[test]
    fn what_is_no_configuration_file_gives_a_bounded_number_of_errors() {
        assert_eq!(read("no entry\n".repeat(500)).errors.len(), MAX_ERRORS);
        assert!(FileContents::read(Path::new("/dev/zero")).errors[0].to_string().ends_with("larger than 1 MB"));
        let missing = FileContents::read(Path::new("/no/such/file"));
        assert!(missing.errors[0].to_string().starts_with("cannot open config file \"/no/such/file\": No such file"));
    }

    #[test]
    fn includes_a_file_a_folder_or_what_fits_a_pattern() {
        let folder = TempDir::new().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("sub")).unwrap();
        fs::create_dir(at("sub/folder.conf")).unwrap();
        fs::write(at("sub/b.conf"), "B=2").unwrap();
        fs::write(at("sub/a.conf"), "A=1").unwrap();
        fs::write(at("sub/c.txt"), "C=3").unwrap();
        let path = folder.path().display();
        fs::write(at("file"), format!("First=0\nInclude={path}/sub/c.txt\nLast=9")).unwrap();
        fs::write(at("folder"), format!("Include={path}/sub")).unwrap();
        fs::write(at("pattern"), format!("Include={path}/sub/*.c*f")).unwrap();
        assert_eq!(pairs(&FileContents::read(&at("file"))), [("First", "0"), ("C", "3"), ("Last", "9")]);
        assert_eq!(pairs(&FileContents::read(&at("folder"))), [("A", "1"), ("B", "2"), ("C", "3")]);
        assert_eq!(pairs(&FileContents::read(&at("pattern"))), [("A", "1"), ("B", "2")]);

        fs::write(at("loop"), format!("Include={path}/loop")).unwrap();
        assert!(FileContents::read(&at("loop")).errors[0].to_string().starts_with("included files are nested deeper than 10"));
        fs::write(at("gone"), format!("Include={path}/gone.conf")).unwrap();
        assert_eq!(FileContents::read(&at("gone")).errors.len(), 1);
    }

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, name, wanted) in [
            ("*", "", true),
            ("*.conf", "a.conf", true),
            ("*.conf", "a.conf.bak", false),
            ("a*b*c", "aXbbYc", true),
            ("a*é", "aé", true),
        ] {
            assert_eq!(matches(pattern, name), wanted, "{pattern} {name}");
        }
    }
}
