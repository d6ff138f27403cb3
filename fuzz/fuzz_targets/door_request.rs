//! Any bytes as the header `Authorization`.
#![no_main]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use vpoller_daemon::doors::{DoorFiles, Doors, Verdict};

const TOKEN: &str = "a-token-of-0123456789";
/// bcrypt of "secret".
const USERS: &str = "basic_auth_users: {alice: $2b$04$5gMg/StuDruO8h/PofrjoOVly3QGr.0rr/a.lRW4tx9Ak/YWwzWca}\n";

/// Doors with a user and a token.
static DOORS: LazyLock<Doors> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("vpoller-fuzz-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder for the files");
    let [config, tokens] = [("web.yml", USERS), ("tokens", TOKEN)].map(|(name, text)| {
        let path = folder.join(name);
        fs::write(&path, text).expect("a file that sets doors");
        fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("a file for its owner only");
        Some(path)
    });
    Doors::load(&DoorFiles { config, tokens }).expect("files that make sense").expect("there are files")
});

fuzz_target!(|bytes: &[u8]| match DOORS.check(Some(bytes)) {
    Verdict::Allowed => {
        let text = String::from_utf8_lossy(bytes).to_ascii_lowercase();
        assert!(text.trim().starts_with("bearer ") && text.trim().ends_with(TOKEN), "{text:?}");
    }
    Verdict::Refused(refusal) => assert!([401, 503].contains(&refusal.status)),
    // bcrypt's word is not asked for: it takes longer than everything else.
    Verdict::Unchecked(check) => drop(check),
});
