//! Help, version and wrong command lines.

use crate::program::{Finished, run};

#[track_caller]
fn refused(program: &str, arguments: &[&str], code: i32) -> Finished {
    let finished = run(program, arguments);
    assert_eq!((finished.code, finished.stdout.as_str()), (code, ""), "{program} {arguments:?}: {}", finished.stderr);
    assert!(finished.stderr.contains("Usage: "), "{program} {arguments:?}: {}", finished.stderr);
    assert!(!finished.stderr.contains("p4ssw0rd"), "{}", finished.stderr);
    finished
}

#[test]
fn help_goes_to_stdout() {
    for program in ["vpoller-client", "vconnector-cli", "vpoller-bench"] {
        let [short, long] = ["-h", "--help"].map(|option| run(program, &[option]));
        assert_eq!((short.code, short.stderr.as_str()), (0, ""));
        assert_eq!(short.stdout, long.stdout);
        insta::assert_snapshot!(format!("{program}-help"), short.stdout);
    }
}

#[test]
fn the_version_is_bare() {
    for program in ["vpoller-client", "vconnector-cli", "vpoller-bench"] {
        for option in ["-v", "--version", "--vers"] {
            let finished = run(program, &[option]);
            assert_eq!((finished.code, finished.stderr.as_str()), (0, ""));
            assert_eq!(finished.stdout, concat!(env!("CARGO_PKG_VERSION"), "\n"));
        }
    }
}

#[test]
fn a_wrong_command_line_prints_the_usage_to_stderr() {
    for arguments in [
        &[][..],
        &["-m", "about"],
        &["-V", "vc01"],
        &["-m", "about", "-V", "vc01", "extra"],
        &["-m", "about", "-V", "vc01", "--unknown"],
        &["-m", "about", "-m", "about", "-V", "vc01"],
        &["-m", "about", "-V", "vc01", "-t", "soon"],
        &["-m", "about", "-V", "vc01", "-t", "0"],
        &["-m", "about", "-V", "vc01", "-r", "-1"],
        &["-m", "about", "-V", "vc01", "-U"],
        &["-m", "about", "-V", "vc01", "-P", "p4ssw0rd", "--password-file", "x"],
        // Stands for three options, so it stands for none.
        &["-m", "about", "-V", "vc01", "--p", "x"],
    ] {
        refused("vpoller-client", arguments, 1);
    }
    for arguments in [
        &[][..],
        &["get", "get"],
        &["list"],
        &["add"],
        &["-H", "vc01", "add"],
        &["-H", "vc01", "-U", "root", "add"],
        &["-U", "root", "-P", "p4ssw0rd", "update"],
        &["enable"],
        &["disable"],
        &["remove"],
        &["trust"],
        &["-H", "vc01", "--off", "--yes", "trust"],
        &["-H", "vc01", "--fingerprint", "12:34", "trust"],
        &["-H", "vc01", "-U", "root", "-P", "p4ssw0rd", "--port", "0", "add"],
    ] {
        refused("vconnector-cli", arguments, 1);
    }
    for arguments in [&[][..], &["-r", "no json"], &["-r", "{}"], &["--echo", "nowhere"]] {
        refused("vpoller-bench", arguments, 1);
    }
    // getopt knew no long options, and no help either.
    for arguments in [&[][..], &["-h"], &["-v"], &["-m", "about"], &["-V", "vc01"], &["--method", "about", "-V", "vc01"]] {
        refused("vpoller-cclient", arguments, 64);
    }
}

#[test]
fn usage_texts_stay_as_they_are() {
    insta::assert_snapshot!(refused("vpoller-client", &["-m", "about"], 1).stderr);
    insta::assert_snapshot!(refused("vpoller-cclient", &["-m", "about"], 64).stderr);
    insta::assert_snapshot!(refused("vconnector-cli", &["-H", "vc01", "-U", "root", "add"], 1).stderr);
    insta::assert_snapshot!(refused("vconnector-cli", &["list"], 1).stderr);
    insta::assert_snapshot!(refused("vpoller-bench", &[], 1).stderr);
}

#[test]
fn a_wrong_endpoint_is_explained() {
    for (endpoint, part) in [
        ("localhost:10123", "no transport"),
        ("tcp://localhost", "no port"),
        ("tcp://h:99999", "65535"),
        ("tcp://*:10123", "listening only"),
    ] {
        let client = refused("vpoller-client", &["-m", "about", "-V", "vc01", "-e", endpoint], 1);
        let cclient = refused("vpoller-cclient", &["-m", "about", "-V", "vc01", "-e", endpoint], 64);
        for finished in [client, cclient] {
            assert!(finished.stderr.contains(part) && finished.stderr.contains("tcp://host:10123"), "{}", finished.stderr);
        }
    }
}
