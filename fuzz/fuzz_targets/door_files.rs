//! Any bytes as the files that set the doors of HTTP: the web configuration file, a NUL, and the file of tokens.
#![no_main]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use vpoller_daemon::doors::{DoorFiles, Doors};

/// A folder of this process for its files; what a file of bytes names relatively is looked for there.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("vpoller-fuzz-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder for the files");
    folder
});

fn write(name: &str, bytes: &[u8]) -> PathBuf {
    let path = FOLDER.join(name);
    fs::write(&path, bytes).expect("a file of bytes");
    fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("a file for its owner only");
    path
}

fuzz_target!(|bytes: &[u8]| {
    let nul = bytes.iter().position(|byte| *byte == 0);
    let (config, tokens) = nul.map_or((bytes, None), |nul| (&bytes[..nul], Some(&bytes[nul + 1..])));
    let files = DoorFiles { config: Some(write("web.yml", config)), tokens: tokens.map(|bytes| write("tokens", bytes)) };
    match Doors::load(&files) {
        Ok(doors) => {
            let doors = doors.expect("there are files");
            // Whatever it is set to, it can be asked and printed.
            drop((doors.check(None), doors.headers(), doors.unauthorized(), format!("{doors:?}")));
        }
        Err(error) => {
            let error = error.to_string();
            assert!(!error.contains('\n'), "one line: {error:?}");
            // What is said of the other file may hold such words, of its keys for instance.
            let said = error.strip_prefix("token file ").unwrap_or_default();
            let tokens = String::from_utf8_lossy(tokens.unwrap_or_default());
            let mut secrets = tokens.lines().map(str::trim).filter(|line| line.len() >= 16);
            assert!(secrets.all(|secret| !said.contains(secret)), "a token: {error:?}");
        }
    }
});
