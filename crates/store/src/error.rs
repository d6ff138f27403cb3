//! Why the database cannot be used, with what to do about it.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// What failed, on which file. No variant has a password in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such file.
    #[error("{} does not exist; create it with `vconnector-cli -d {} init`", .0.display(), .0.display())]
    Missing(PathBuf),
    /// The file already holds hosts, so it is not initialised again.
    #[error("{} already has a table `hosts`; nothing was changed", .0.display())]
    Exists(PathBuf),
    /// The file belongs to some other program.
    #[error("{} is the database of another program (it has a table {table:?}); nothing was changed", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// One of its tables.
        table: String,
    },
    /// The file is a database, or empty, but lacks the table or one of its columns.
    #[error("{} has no usable table `hosts`; create one with `vconnector-cli -d {} init`", .0.display(), .0.display())]
    Layout(PathBuf),
    /// The file is no SQLite database, or a damaged one.
    #[error("{} is no SQLite database or is damaged ({cause}); restore it from a backup, it was left untouched", .path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// SQLite's text.
        cause: String,
    },
    /// The file holds passwords, and every user of the machine can read it.
    #[error("{} holds passwords and can be read by every user; run `chmod 600 {}`", .0.display(), .0.display())]
    Exposed(PathBuf),
    /// Another program locked the file for longer than the busy timeout.
    #[error("{} is kept locked by another program; try again", .0.display())]
    Locked(PathBuf),
    /// The file, or its directory, cannot be written.
    #[error("{} cannot be written; run this as the file's owner, who must be able to write its directory too", .0.display())]
    ReadOnly(PathBuf),
    /// The host is not in the table.
    #[error("{host} is not in {}; add it with `vconnector-cli -d {} -H {host} -U <user> add`, which asks for the password", .path.display(), .path.display())]
    UnknownHost {
        /// The file.
        path: PathBuf,
        /// The host, as given.
        host: String,
    },
    /// A value that cannot be stored.
    #[error("{what} {value:?} {reason}")]
    Value {
        /// Which setting.
        what: &'static str,
        /// What was given; never a password.
        value: String,
        /// Why not, and which values can be.
        reason: &'static str,
    },
    /// A stored value that cannot be used.
    #[error("{} has a row for {host:?} whose column `{column}` is no UTF-8 text; update or remove that host", .path.display())]
    Text {
        /// The file.
        path: PathBuf,
        /// The host, as far as it can be read.
        host: String,
        /// The column.
        column: &'static str,
    },
    /// The operating system reported an error.
    #[error("cannot {action} {}: {source}{}", .path.display(), advice(source))]
    Io {
        /// What was attempted.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Any other error of SQLite.
    #[error("cannot use {}: {source}", .path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "; run this as the file's owner",
        _ => "",
    }
}

impl Error {
    /// The error for one of SQLite, with what the operator can do about it.
    pub(crate) fn sqlite(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => Self::Corrupt { path, cause: source.to_string() },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked(path),
            Some(ErrorCode::ReadOnly) => Self::ReadOnly(path),
            // SQLite does not say why, the operating system does.
            Some(ErrorCode::CannotOpen) => match File::open(&path) {
                Err(error) => Self::io("open", &path)(error),
                Ok(_) => Self::Sqlite { path, source },
            },
            _ => Self::Sqlite { path, source },
        }
    }

    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}
