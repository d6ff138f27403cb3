//! Help, version and wrong command lines.

use vpoller_testkit::process::Finished;

use crate::run::run;

#[track_caller]
fn refused(arguments: &[&str], code: i32) -> Finished {
    let finished = run(arguments);
    assert_eq!((finished.code, finished.stdout.as_str()), (code, ""), "{arguments:?}: {}", finished.stderr);
    assert!(finished.stderr.contains("Usage: "), "{arguments:?}: {}", finished.stderr);
    finished
}

#[test]
fn help_goes_to_stdout() {
    let [short, long] = ["-h", "--help"].map(|option| run(&[option]));
    assert_eq!((short.code, short.stderr.as_str()), (0, ""));
    assert_eq!(short.stdout, long.stdout);
    insta::assert_snapshot!(short.stdout);
}

#[test]
fn the_version_is_bare() {
    for option in ["-v", "--version", "--vers"] {
        let finished = run(&[option]);
        assert_eq!((finished.code, finished.stderr.as_str()), (0, ""));
        assert_eq!(finished.stdout, concat!(env!("CARGO_PKG_VERSION"), "\n"));
    }
}

#[test]
fn a_wrong_command_line_prints_the_usage_to_stderr() {
    for arguments in [&[][..], &["-f"], &["-f", "x", "y"], &["-f", "x", "--allow-empty"], &["-d"]] {
        refused(arguments, 1);
    }
}

#[test]
fn the_usage_text_stays_as_it_is() {
    insta::assert_snapshot!(refused(&["-d"], 1).stderr);
}
