//! The database file: whether it exists, and who can read it.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::Path;

use crate::Error;

const OWNER_ONLY: u32 = 0o600;
const READABLE_BY_OTHERS: u32 = 0o004;
const ROOT: u32 = 0;

/// Whether every user of the machine can read a file, by its permissions. One that holds a password should not be so.
#[must_use]
pub fn readable_by_others(file: &fs::Metadata) -> bool {
    file.permissions().mode() & READABLE_BY_OTHERS != 0
}

/// Whether every user of the machine can read the database. A group that may read it was chosen by the administrator and
/// is left alone.
///
/// # Errors
/// When there is no such file, or it cannot be looked at.
pub(crate) fn is_exposed(path: &Path) -> Result<bool, Error> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Err(Error::io("open", path)(io::ErrorKind::IsADirectory.into())),
        Ok(metadata) => Ok(readable_by_others(&metadata)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::Missing(path.to_owned())),
        Err(error) => Err(Error::io("open", path)(error)),
    }
}

/// Makes the file, for its owner only, and the directory it stands in. An existing file is left as it is; returns whether it is new.
/// What root makes belongs to the directory's owner: the worker does not run as root, and must be able to read it.
pub(crate) fn make(path: &Path) -> Result<bool, Error> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs::create_dir_all(parent).map_err(Error::io("create directory", parent))?;
    }
    match OpenOptions::new().write(true).create_new(true).mode(OWNER_ONLY).open(path) {
        Ok(file) => {
            hand_over(&file, path);
            Ok(true)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(Error::io("create", path)(error)),
    }
}

fn hand_over(file: &File, path: &Path) {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (Ok(own), Ok(owner)) = (file.metadata(), fs::metadata(folder)) else { return };
    if own.uid() == ROOT && owner.uid() != ROOT {
        // A root that may not do this, as in some containers, keeps the file, and gives it away by other means.
        let _ = fchown(file, Some(owner.uid()), Some(owner.gid()));
    }
}

/// Lets only the owner read and write the file.
pub(crate) fn restrict(path: &Path) -> Result<(), Error> {
    fs::set_permissions(path, Permissions::from_mode(OWNER_ONLY)).map_err(Error::io("restrict access to", path))
}
