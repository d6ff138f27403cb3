//! Manual pages and completions, as installed, with groff and the shells themselves as judges.

use std::path::Path;
use std::process::Command;

use super::install::installed;
use super::{output, programs};

#[test]
fn every_program_has_a_sound_manual_page() {
    let root = installed();
    let folder = root.path().join("usr/share/man");
    let find = |program: &str| {
        let places =
            [("man1", "1"), ("man8", "8")].map(|(place, section)| folder.join(place).join(format!("{program}.{section}")));
        places.into_iter().find(|page| page.is_file()).unwrap_or_else(|| panic!("{program} has no page"))
    };
    for program in programs().iter().map(String::as_str).chain(["vpoller-worker-run"]) {
        let mut groff = Command::new("groff");
        let finished = output(groff.args(["-man", "-ww", "-Tutf8", "-P-c"]).arg(find(program)));
        let text = finished.replace('\u{8}', "");
        for heading in ["SSYYNNOOPPSSIISS", "OOPPTTIIOONNSS", "FFIILLEESS", "SSEEEE AALLSSOO"] {
            assert!(text.contains(heading), "{program}: {text}");
        }
    }
}

/// What a shell offers for a command line that is not finished.
fn offered(shell: &str, folder: &Path, words: &[&str]) -> Vec<String> {
    let (program, last) = (words[0], words.last().unwrap());
    let mut command = Command::new(shell);
    match shell {
        "bash" => {
            let script = r#". "$1"; name=$2; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); entry=$(complete -p "$name")
                function=${entry##*-F }; ${function%% *} "$name" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
                printf '%s\n' "${COMPREPLY[@]}""#;
            command.args(["-c", script, "bash"]).arg(folder.join("bash-completion/completions").join(program)).args(words);
        }
        "fish" => {
            let file = folder.join(format!("fish/vendor_completions.d/{program}.fish"));
            let script = format!("source {}; complete -C '{}'", file.display(), words.join(" "));
            command.args(["--no-config", "-c", &script]);
        }
        _ => {
            // A terminal of its own, in which somebody presses the tabulator; ends when the last candidate has appeared.
            let script = r#"zmodload zsh/zpty; zpty z zsh -f -i
                zpty -w z "fpath=($1 \$fpath); autoload -U compinit; compinit -u -D; bindkey '^I' list-choices; print re'ad'y"
                zpty -r z out '*ready*'; zpty -w -n z "$2"$'\t'; zpty -r z out "*$3*"; print -r -- "$out""#;
            let wanted = if last.starts_with('-') { "--vsphere-host" } else { "vm.disk.get" };
            command.args(["-f", "-c", script, "zsh"]).arg(folder.join("zsh/vendor-completions")).args([&words.join(" "), wanted]);
        }
    }
    let text = output(&mut command);
    // What steers the terminal may stick to a word's beginning.
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    words.filter_map(|word| Some(word.get(word.find(last)?..)?.to_owned())).collect()
}

#[test]
fn shells_offer_options_and_methods() {
    let root = installed();
    let folder = root.path().join("usr/share");
    for shell in ["bash", "fish", "zsh"] {
        for words in [&["vpoller-client", "-m", "vm.disk."][..], &["vpoller-worker", "run", "-m", "vm.disk."]] {
            let methods = offered(shell, &folder, words);
            assert!(methods.contains(&"vm.disk.get".to_owned()), "{shell} {words:?}: {methods:?}");
        }
        let options = offered(shell, &folder, &["vpoller-client", "--vsphere-h"]);
        assert!(options.contains(&"--vsphere-host".to_owned()), "{shell}: {options:?}");
    }
    for shell in ["bash", "fish"] {
        assert_eq!(offered(shell, &folder, &["vpoller-proxy", "sto"]), ["stop"], "{shell}");
        assert_eq!(offered(shell, &folder, &["vconnector-cli", "dis"]), ["disable"], "{shell}");
        assert_eq!(offered(shell, &folder, &["vpoller-worker", "--daem"]), Vec::<String>::new(), "{shell}");
    }
    let every = programs();
    for program in &every {
        for file in [
            format!("bash-completion/completions/{program}"),
            format!("fish/vendor_completions.d/{program}.fish"),
            format!("zsh/vendor-completions/_{program}"),
        ] {
            assert!(folder.join(&file).is_file(), "{file} is missing");
        }
        output(Command::new("zsh").arg("-n").arg(folder.join(format!("zsh/vendor-completions/_{program}"))));
    }
}
