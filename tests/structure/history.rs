//! `tools/commit-msg`: which messages it takes, and that it becomes a hook without taking the place of another.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;
use vpoller_testkit::process::{self, Finished};
use vpoller_testkit::wait::SLOW;
use vpoller_testkit::workspace;

const BODY: &str = "The old name said nothing.\nChecked by the tests of the crate.";

/// Messages that are fine, with the number of lines that their commit changes.
const GOOD: [(&str, usize); 10] = [
    ("worker: move the settings of the cache", 9),
    ("wire: address a proxy by its name", 1),
    ("docs: focus on what an operator needs", 1),
    ("tests: feed the check good and bad messages", 1),
    ("crates/vsphere: embed the schema", 1),
    ("proxy: bring back the heartbeat\n\nBODY", 10),
    ("proxy: rename Farm to WorkerRegistry\n\nBODY\n\nSigned-off-by: A <a@example.org>", 400),
    ("tools: count characters (ä, ö, ü, ß, é, è, à, ô, î, ç, ñ) and not octets", 1),
    ("fixup! worker: move the settings of the cache", 400),
    (
        "worker: move the settings\n\n# Please enter the commit message for your changes.\n# ------------------------ >8 ---\ndiff",
        1,
    ),
];

/// Messages against one rule each, the number of changed lines, and what the check says.
const BAD: [(&str, usize, &str); 19] = [
    ("", 1, "is empty"),
    ("# only a comment", 1, "is empty"),
    ("move the settings of the cache", 1, "does not read"),
    ("Worker: move the settings of the cache", 1, "does not read"),
    ("worker:move the settings of the cache", 1, "does not read"),
    ("worker, proxy: move the settings of the cache", 1, "does not read"),
    ("worker: tests: move the settings of the cache", 1, "two prefixes"),
    ("worker: moves the settings of the cache", 1, "\"moves\" is no imperative"),
    ("worker: moved the settings of the cache", 1, "\"moved\" is no imperative"),
    ("worker: Moving the settings of the cache", 1, "\"moving\" is no imperative"),
    ("worker: the settings of the cache have moved", 1, "\"the\" is no verb"),
    ("worker: move the settings; rename the cache", 1, "\";\""),
    ("worker: move the settings of the cache.", 1, "full stop"),
    ("worker: move the settings of the cache to a file of their own, as it says", 1, "has 73 characters"),
    ("worker: move the settings\nof the cache", 1, "second line"),
    ("worker: move the settings of the cache", 10, "want a body"),
    ("worker: move the settings of the cache\n\nSigned-off-by: A <a@example.org>", 10, "want a body"),
    ("worker: move the settings of the cache\n\n# a comment only", 10, "want a body"),
    ("Merge branch 'main' into importer\n\nBODY", 10, "rebase"),
];

fn tool() -> Command {
    Command::new(workspace::root().join("tools/commit-msg"))
}

fn judge(message: &str, changed: usize) -> Finished {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("COMMIT_EDITMSG");
    fs::write(&file, message.replace("BODY", BODY)).unwrap();
    let mut command = tool();
    command.arg(file).arg(changed.to_string());
    process::run(command, SLOW)
}

#[test]
fn a_message_by_the_rules_is_taken() {
    for (message, changed) in GOOD {
        let done = judge(message, changed);
        assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{message}");
    }
}

#[test]
fn a_message_against_a_rule_is_refused_with_that_rule() {
    for (message, changed, reason) in BAD {
        let done = judge(message, changed);
        assert_eq!(done.code, 1, "{message}: {done:?}");
        assert!(done.stderr.contains(reason) && done.stderr.lines().count() == 1, "{message}: {done:?}");
    }
}

/// A clone that has nothing but the check.
struct Clone {
    folder: TempDir,
}

impl Clone {
    fn new() -> Self {
        let clone = Self { folder: tempfile::tempdir().unwrap() };
        clone.git(&["init", "-q"]);
        fs::create_dir(clone.path().join("tools")).unwrap();
        fs::copy(workspace::root().join("tools/commit-msg"), clone.path().join("tools/commit-msg")).unwrap();
        clone
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Runs git with nothing of this user's or machine's own settings.
    fn git(&self, arguments: &[&str]) -> Finished {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=A", "-c", "user.email=a@example.org"]).args(arguments);
        command.current_dir(self.path()).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
        process::run(command, SLOW)
    }

    fn install(&self) -> Finished {
        let mut command = Command::new(self.path().join("tools/commit-msg"));
        command.arg("--install").env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
        let done = process::run(command, SLOW);
        assert_eq!((done.code, done.stderr.as_str()), (0, ""));
        done
    }

    fn commit(&self, lines: usize, message: &str) -> Finished {
        fs::write(self.path().join("file"), "a line\n".repeat(lines)).unwrap();
        assert_eq!(self.git(&["add", "file"]).code, 0);
        self.git(&["commit", "-q", "-m", message])
    }
}

#[test]
fn the_hook_counts_what_a_commit_changes() {
    let clone = Clone::new();
    for _ in 0..2 {
        assert_eq!(clone.install().stdout, "");
    }
    assert_eq!(clone.commit(9, "tests: add nine lines").code, 0);
    let refused = clone.commit(19, "tests: add ten lines");
    assert!(refused.code == 1 && refused.stderr.contains("10 changed lines want a body"), "{refused:?}");
    assert_eq!(clone.commit(19, "tests: add ten lines\n\nTen are where a body begins.").code, 0);
    let refused = clone.commit(20, "tests: added a line");
    assert!(refused.code == 1 && refused.stderr.contains("\"added\" is no imperative"), "{refused:?}");
}

#[test]
fn a_range_of_commits_is_judged_one_by_one() {
    let clone = Clone::new();
    for (lines, message) in [(1, "tests: add a line"), (20, "tests: add many lines"), (21, "tests: lines")] {
        assert_eq!(clone.commit(lines, message).code, 0, "there is no hook yet");
    }
    let range = |range: &str| {
        let mut command = Command::new(clone.path().join("tools/commit-msg"));
        command.args(["--range", range]).current_dir(clone.path());
        process::run(command, SLOW)
    };
    assert_eq!(range("HEAD~2").code, 0);
    let judged = range("HEAD");
    assert_eq!(judged.code, 1);
    for text in ["19 changed lines want a body", "tests: add many lines\n", "\"lines\" is no imperative"] {
        assert!(judged.stderr.contains(text), "{text}: {judged:?}");
    }
    assert_eq!(range("no-such-branch").code, 2);
}

#[test]
fn another_hook_stays() {
    let clone = Clone::new();
    let hook = clone.path().join(".git/hooks/commit-msg");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, "#!/bin/sh\nexit 0\n").unwrap();
    assert!(clone.install().stdout.contains("a commit-msg hook of its own, which stays"));
    assert_eq!(fs::read_to_string(&hook).unwrap(), "#!/bin/sh\nexit 0\n");

    fs::remove_file(&hook).unwrap();
    assert_eq!(clone.git(&["config", "core.hooksPath", "elsewhere"]).code, 0);
    assert!(clone.install().stdout.contains("core.hooksPath"));
    assert!(!hook.exists() && !clone.path().join("elsewhere").exists());
}

#[test]
fn a_tree_without_git_gets_no_hook() {
    let clone = Clone::new();
    fs::remove_dir_all(clone.path().join(".git")).unwrap();
    assert_eq!(clone.install().stdout, "");
    assert!(!clone.path().join(".git").exists());
    assert_eq!(process::run(tool(), SLOW).code, 2, "without arguments it is used in a wrong way");
}
