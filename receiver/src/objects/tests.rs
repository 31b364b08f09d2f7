//! The writer without a network: parts that find no room, boxes that contradict themselves, disks that fail.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use noreturn_link::receiver::FileAbout;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc::Receiver;

use super::queue::{Inlet, Outlet, queue};
use super::writer::Writer;
use super::*;
use crate::config::Config;
use crate::counters::SharedCounters;
use crate::item::Item;

const FILE: FileId = FileId(3);
const STREAM: StreamId = StreamId(5);

/// A writer whose thread does not run until it is told to.
struct Bench {
    folder: tempfile::TempDir,
    shared: Arc<SharedCounters>,
    outlet: Outlet,
    inlet: Inlet,
    origin: Arc<Origin>,
    writer: Writer,
    reports: Receiver<Item>,
}

impl Bench {
    fn new(queue_bytes_max: usize) -> Self {
        let shared = Arc::new(SharedCounters::default());
        let (outlet, inlet) = queue(queue_bytes_max, shared.clone());
        let origin = Arc::new(Origin::new("east".into(), BootId([1; 16])));
        let folder = tempfile::tempdir().unwrap();
        let (writer, reports) = Writer::new(&Self::config(folder.path()), &[], &shared).unwrap();
        Self { folder, shared, outlet, inlet, origin, writer, reports }
    }

    fn config(folder: &Path) -> Config {
        fs::write(folder.join("diode.key"), "42".repeat(32)).unwrap();
        let text = "listen = \"127.0.0.1:0\"\n[[diode]]\nid = 7\nname = \"east\"\nkey_file = \"diode.key\"\n\
                    [files]\ndirectory = \"in\"\nbytes_max = 10000\n[streams]\ndirectory = \"streams\"\nbytes_max = 10000\n";
        Config::parse(text, "receiver.toml", folder).unwrap()
    }

    fn dropped(&self) -> u64 {
        self.shared.object_parts_dropped_queue.load(Ordering::Relaxed)
    }

    fn send(&mut self, part: Part) {
        self.outlet.send(Object { origin: self.origin.clone(), part });
    }

    fn file(&mut self, file: FileId, step: FileEvent) {
        self.send(Part::File { file, step });
    }

    fn stream(&mut self, sequence: u64, step: StreamEvent) {
        self.send(Part::Stream { stream: STREAM, sequence, step });
    }

    /// Writes so many of those that wait.
    fn write_waiting(&mut self, objects: usize) {
        (0..objects).for_each(|_| self.writer.handle(self.inlet.take().unwrap()));
    }

    /// Writes everything that waits, and ends; what was told, in short.
    fn write(mut self) -> (Vec<String>, Self) {
        self.outlet.close();
        self.writer.run(&self.inlet);
        (std::iter::from_fn(|| self.reports.try_recv().ok()).map(|item| short(&item)).collect(), self)
    }

    fn tree(&self, folder: &str) -> Vec<String> {
        let folder = self.folder.path().join(folder).join("east");
        let entries = fs::read_dir(folder).into_iter().flatten();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn short(item: &Item) -> String {
    match item {
        Item::File(report) => match &report.state {
            FileState::Failed(why) => format!("file {} failed {}", report.file, why.word()),
            state => format!("file {} {}", report.file, state.word()),
        },
        Item::Stream(report) => match report.state {
            StreamState::Incomplete(why) => format!("stream incomplete {}", why.word()),
            StreamState::Closed(whole) => format!("stream closed {whole}"),
            state => format!("stream {}", state.word()),
        },
        _ => unreachable!("the writer tells of streams and files"),
    }
}

fn about(bytes: &[u8]) -> FileAbout {
    FileAbout { name: "trend".to_owned(), length: bytes.len() as u64, sha256: Sha256::digest(bytes).into() }
}

fn data(offset: u64, bytes: usize) -> StreamEvent {
    StreamEvent::Data { offset, bytes: vec![7; bytes] }
}

fn opened() -> StreamEvent {
    StreamEvent::Opened("plc".to_owned())
}

/// A named pipe that nobody reads.
fn pipe(path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

#[test]
fn a_named_pipe_in_the_place_of_a_file_holds_nothing_up() {
    let boot = "01".repeat(16);
    let mut bench = Bench::new(100_000);
    pipe(&bench.folder.path().join(format!("in/east/.{boot}-3.part")));
    pipe(&bench.folder.path().join(format!("streams/east/{boot}-5.part")));
    let bytes = [7; 10];
    bench.file(FILE, FileEvent::Started(about(&bytes)));
    bench.file(FILE, FileEvent::Data { offset: 0, bytes: bytes.to_vec() });
    bench.file(FILE, FileEvent::Completed(about(&bytes)));
    bench.stream(0, opened());
    bench.stream(1, data(0, 10));
    let (told, bench) = bench.write();
    assert_eq!(told, ["file 3 failed write-failed", "stream opened", "stream incomplete write-failed"]);
    assert_eq!(bench.tree("in"), [format!(".{boot}-3.part")], "it is not ours to remove");
    // In the place of the end of a stream, it is no end, and none can be written.
    let mut bench = Bench::new(100_000);
    let end = bench.folder.path().join(format!("streams/east/{boot}-5.end"));
    pipe(&end);
    fs::write(end.with_extension("part"), "").unwrap();
    bench.stream(0, opened());
    bench.send(Part::StreamGap { stream: STREAM, first: 1, last: 1 });
    bench.stream(2, StreamEvent::Closed(10));
    let (told, _) = bench.write();
    assert_eq!(
        told,
        ["stream opened", "stream gap", "stream incomplete write-failed", "stream closed false"]
    );
}

#[test]
fn what_lost_a_part_in_a_full_queue_never_passes_for_whole() {
    let mut bench = Bench::new(3000);
    let bytes = [7; 1000];
    bench.file(FILE, FileEvent::Started(about(&bytes)));
    bench.file(FILE, FileEvent::Data { offset: 0, bytes: vec![7; 500] });
    bench.stream(0, opened());
    bench.stream(1, data(0, 1000));
    bench.stream(2, data(1000, 700));
    assert_eq!(bench.dropped(), 0);
    // There is no room for these, nor for anything after them: a small one must not overtake.
    bench.stream(3, data(1700, 700));
    bench.file(FILE, FileEvent::Data { offset: 500, bytes: vec![7; 500] });
    bench.file(FileId(4), FileEvent::Started(about(b"")));
    bench.file(FileId(4), FileEvent::Completed(about(b"")));
    assert_eq!(bench.dropped(), 4);
    bench.write_waiting(5);
    // Now there is room again.
    bench.stream(4, StreamEvent::Closed(2400));
    bench.file(FILE, FileEvent::Completed(about(&bytes)));
    assert_eq!(bench.dropped(), 4);
    let (told, bench) = bench.write();
    assert_eq!(
        told,
        [
            "stream opened",
            "stream incomplete parts-dropped",
            "file 4 failed parts-dropped",
            "stream closed false",
            "file 3 failed parts-dropped"
        ]
    );
    assert_eq!(bench.tree("in"), [""; 0]);
    assert_eq!(bench.tree("streams"), [format!("{}-5.incomplete", "01".repeat(16))]);
}

#[test]
fn losses_of_too_many_objects_are_losses_of_everything() {
    let mut bench = Bench::new(1000);
    bench.file(FILE, FileEvent::Started(about(&[7; 2])));
    bench.stream(0, opened());
    bench.stream(1, data(0, 600));
    for number in 100..4200 {
        bench.file(FileId(number), FileEvent::Data { offset: 0, bytes: vec![7; 500] });
    }
    assert_eq!(bench.dropped(), 4100);
    let (told, _) = bench.write();
    assert_eq!(told, ["stream opened", "stream incomplete parts-dropped", "file 3 failed parts-dropped"]);
}

#[test]
fn the_end_of_a_boot_that_found_no_room_is_told_all_the_same() {
    let mut bench = Bench::new(1000);
    bench.stream(0, opened());
    bench.stream(1, data(0, 700));
    bench.send(Part::End(Failure::BootEnded));
    assert_eq!(bench.dropped(), 1);
    let (told, _) = bench.write();
    assert_eq!(told, ["stream opened", "stream incomplete boot-ended"]);
}

#[test]
fn boxes_that_contradict_themselves_get_nothing_whole() {
    for (steps, why) in [
        (vec![data(5, 10)], "contradictory"),
        (vec![data(0, 10), StreamEvent::Closed(11)], "contradictory"),
        (vec![data(0, 10), StreamEvent::Closed(9)], "contradictory"),
        (vec![data(0, 10), data(1 << 62, 10)], "contradictory"),
        (vec![data(0, 10), data(u64::MAX, 10)], "contradictory"),
        (vec![data(0, 9_999), data(9_999, 2)], "too-large"),
    ] {
        let mut bench = Bench::new(1 << 20);
        bench.stream(0, opened());
        (1..).zip(steps).for_each(|(sequence, step)| bench.stream(sequence, step));
        let (told, bench) = bench.write();
        assert_eq!(told[1], format!("stream incomplete {why}"), "{told:?}");
        let names = bench.tree("streams");
        assert!(names.len() == 1 && names[0].ends_with(".incomplete"), "{names:?}");
        let length = fs::metadata(bench.folder.path().join("streams/east").join(&names[0])).unwrap().len();
        assert!(length <= 10_000, "{length}");
    }
    let mut bench = Bench::new(1 << 20);
    bench.file(FILE, FileEvent::Started(about(&[7; 100])));
    bench.file(FILE, FileEvent::Data { offset: 99, bytes: vec![7; 2] });
    bench.file(FILE, FileEvent::Completed(about(&[7; 100])));
    let (told, bench) = bench.write();
    assert_eq!((told, bench.tree("in")), (vec!["file 3 failed contradictory".to_owned()], vec![]));
}

#[test]
fn a_diode_may_only_be_sending_so_much_at_once() {
    let mut bench = Bench::new(1 << 20);
    bench.file(FileId(1), FileEvent::Started(about(&[7; 6000])));
    bench.file(FileId(2), FileEvent::Started(about(&[7; 6000])));
    bench.file(FileId(1), FileEvent::Aborted);
    bench.file(FileId(2), FileEvent::Aborted);
    bench.file(FileId(3), FileEvent::Started(about(&[7; 6000])));
    bench.file(FileId(3), FileEvent::Data { offset: 0, bytes: vec![7; 6000] });
    bench.file(FileId(3), FileEvent::Completed(about(&[7; 6000])));
    let (told, bench) = bench.write();
    assert_eq!(told, ["file 1 aborted", "file 2 failed too-large", "file 3 completed"]);
    assert_eq!(bench.tree("in"), ["trend"]);
}

#[test]
fn more_holes_than_the_protocol_remembers_are_never_filled() {
    let mut bench = Bench::new(1 << 20);
    bench.stream(0, opened());
    // After each hole one empty step, so that holes do not join.
    for hole in 0..65 {
        let first = 1 + hole * 2;
        bench.send(Part::StreamGap { stream: STREAM, first, last: first });
        bench.stream(first + 1, data(0, 1));
    }
    let (told, _) = bench.write();
    assert_eq!(told.iter().filter(|told| *told == "stream gap").count(), 65);
    assert_eq!(told.iter().filter(|told| *told == "stream incomplete too-many-holes").count(), 1);
}

#[test]
fn a_folder_that_cannot_be_made_fails_what_belongs_there() {
    let mut bench = Bench::new(1 << 20);
    for folder in ["in", "streams"] {
        fs::write(bench.folder.path().join(folder).join("east"), "a file where the folder should be")
            .unwrap();
    }
    bench.file(FILE, FileEvent::Started(about(b"seven")));
    bench.file(FILE, FileEvent::Data { offset: 0, bytes: b"seven".to_vec() });
    bench.file(FILE, FileEvent::Completed(about(b"seven")));
    bench.stream(0, opened());
    let (told, bench) = bench.write();
    assert_eq!(told, ["file 3 failed write-failed"]);
    assert_eq!(bench.shared.object_write_errors.load(Ordering::Relaxed), 2);
}

#[test]
fn marks_are_not_true_before_their_parts_are_written() {
    let mut bench = Bench::new(1 << 20);
    let nothing = bench.outlet.debt();
    bench.stream(0, opened());
    let debt = bench.outlet.debt();
    assert!(nothing.is_paid() && !debt.is_paid());
    bench.write();
    assert!(debt.is_paid());
}
