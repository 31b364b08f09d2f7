//! The real daemon, where something else lies at the path of a file that it writes to: it says so and ends, or goes on without it.
#![allow(clippy::unwrap_used)]

mod common;

use std::io::{BufRead, BufReader};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use common::{Daemon, Diode, JSON_LINES, PATIENCE, command, folder};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::Signal;

const EVERYTHING: &str = "[json_lines]\npath = \"records.jsonl\"\n[files]\ndirectory = \"in\"\n\
                          [streams]\ndirectory = \"streams\"\n";

/// A named pipe that nobody reads.
fn pipe(path: &Path) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

/// What the daemon says as it ends.
fn last_words(folder: &Path) -> String {
    let mut command = command(folder);
    command.arg("--summary").arg(folder.join("summary.json")).stdin(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let deadline = Instant::now() + PATIENCE;
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("it still waits for somebody who reads the pipe");
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert!(!child.wait().unwrap().success());
    BufReader::new(child.stderr.take().unwrap()).lines().last().unwrap().unwrap()
}

#[test]
fn a_named_pipe_in_place_of_any_file_is_an_error_that_says_where() {
    for (place, setting) in [
        ("records.jsonl", "json_lines.path"),
        ("summary.json", "--summary"),
        ("state/lock", "state_directory"),
        ("state/marks.log", "state_directory"),
        ("in/.lock", "files.directory"),
        ("streams/.lock", "streams.directory"),
    ] {
        let folder = folder("", EVERYTHING);
        let path = folder.path().join("receiver.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("state_directory = \"state\"\n{text}")).unwrap();
        pipe(&folder.path().join(place));
        let words = last_words(folder.path());
        let named = format!("{place}\": expected a regular file, found a named pipe");
        assert!(words.contains(setting) && words.contains(&named), "{place}: {words}");
    }
}

#[test]
fn a_device_and_a_folder_are_refused_as_well_and_stay() {
    for place in ["/dev/full", "."] {
        let folder = folder("", &format!("[json_lines]\npath = \"{place}\"\n"));
        let words = last_words(folder.path());
        assert!(
            words.contains("json_lines.path") && words.contains("expected a regular file, found a "),
            "{words}"
        );
    }
    // As /dev/stdout is.
    let folder = folder("", JSON_LINES);
    symlink("elsewhere", folder.path().join("summary.json")).unwrap();
    let words = last_words(folder.path());
    assert!(
        words.contains("--summary") && words.contains("a symbolic link, which is not followed"),
        "{words}"
    );
}

#[test]
fn a_pipe_in_place_of_a_rotated_file_is_said_and_the_old_file_is_written_on() {
    let mut daemon = Daemon::start("", JSON_LINES);
    let [path, old] = ["records.jsonl", "records.jsonl.1"].map(|name| daemon.folder().join(name));
    // It listens before it opens the file, and answers after that.
    daemon.status();
    std::fs::hard_link(&path, &old).unwrap();
    let beside = daemon.folder().join("pipe");
    pipe(&beside);
    std::fs::rename(&beside, &path).unwrap();
    daemon.process.signal(Signal::HUP);
    daemon
        .process
        .wait_for("expected a regular file, found a named pipe; going on in the file that was there");
    let mut diode = Diode::new(1, &[("level", "m")]);
    diode.announce();
    diode.record(0);
    daemon.send(&diode.frames());
    daemon.wait_until(|status| status["counters"]["json_lines_written"] == 2);
    let text = std::fs::read_to_string(old).unwrap();
    assert!(text.contains("\"kind\":\"record\""), "{text}");
    // So that what it has written can be looked at where it is looked for.
    std::fs::remove_file(&path).unwrap();
    daemon.stop(Signal::TERM);
}
