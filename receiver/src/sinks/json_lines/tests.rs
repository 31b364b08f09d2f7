//! The sink on a disk that is full, that fails, and whose file is rotated.

use std::path::Path;

use noreturn_wire::BootId;

use super::*;
use crate::disk::model::ModelDisk;
use crate::item::Origin;

const LINE: &str = "{\"kind\":\"boot\",\"diode\":\"d\",\"boot\":\"00000000000000000000000000000000\"}\n";
const PATH: &str = "records.jsonl";

struct Bench {
    disk: ModelDisk,
    lines: Lines,
    synchronised: Arc<AtomicU64>,
    shared: Arc<SharedCounters>,
}

impl Bench {
    fn new() -> Self {
        Self::on(ModelDisk::default())
    }

    fn on(disk: ModelDisk) -> Self {
        let (synchronised, shared) = (Arc::default(), Arc::default());
        let config = JsonLinesConfig { path: Some(PATH.into()), beacons: false };
        let on_disk = Arc::new(disk.clone());
        let lines = Lines::open(on_disk, &config, Arc::clone(&synchronised), Arc::clone(&shared)).unwrap();
        Self { disk, lines, synchronised, shared }
    }

    fn boots(&mut self, count: usize) {
        let origin = Arc::new(Origin::new("d".into(), BootId([0; 16])));
        self.lines.take(&Input::Items(vec![Item::Boot(origin); count].into()));
        self.lines.flush();
    }

    fn synchronise(&mut self) -> u64 {
        self.lines.take(&Input::Synchronise);
        self.synchronised.load(Ordering::Relaxed)
    }

    fn text(&self, path: &str) -> String {
        String::from_utf8(self.disk.contents(Path::new(path))).unwrap()
    }

    fn rotate(&self) {
        self.disk.replace(Path::new(PATH), Path::new("rotated")).unwrap();
    }
}

#[test]
fn a_full_disk_loses_counted_lines_and_spoils_no_later_one() {
    let mut bench = Bench::new();
    bench.disk.set_room(100);
    bench.boots(3);
    bench.disk.set_room(1000);
    bench.boots(2);
    assert_eq!(LINE.len(), 70, "the first write ends inside the second line");
    assert_eq!(bench.text(PATH), format!("{LINE}{}\n{LINE}{LINE}", &LINE[..30]));
    assert_eq!(bench.shared.json_lines_written.load(Ordering::Relaxed), 3);
    assert_eq!(bench.shared.json_lines_dropped_write.load(Ordering::Relaxed), 2);
}

#[test]
fn a_line_that_was_cut_off_before_a_restart_is_ended_first() {
    let mut before = Bench::new();
    before.disk.set_room(100);
    before.boots(2);
    before.disk.set_room(1000);
    let mut after = Bench::on(before.disk.clone());
    after.boots(1);
    assert_eq!(after.text(PATH), format!("{LINE}{}\n{LINE}", &LINE[..30]));
    let mut whole = Bench::on(after.disk.clone());
    whole.boots(1);
    assert_eq!(whole.text(PATH), format!("{LINE}{}\n{LINE}{LINE}", &LINE[..30]));
}

#[test]
fn what_is_written_counts_once_it_is_on_the_disk_and_never_after_that_failed() {
    let mut bench = Bench::new();
    bench.boots(1);
    assert_eq!(bench.synchronised.load(Ordering::Relaxed), 0);
    assert_eq!(bench.synchronise(), 2, "itself included");
    bench.disk.fail_synchronisation(1);
    bench.boots(1);
    assert_eq!(bench.synchronise(), 2);
    bench.boots(1);
    assert_eq!(bench.synchronise(), 2, "this one got there, but what is before it may not have");
    assert_eq!(bench.shared.json_lines_sync_errors.load(Ordering::Relaxed), 1);
    assert_eq!(bench.text(PATH), LINE.repeat(3), "it goes on all the same");
}

#[test]
fn it_goes_on_in_the_new_file_when_asked_to_and_loses_nothing() {
    let mut bench = Bench::new();
    bench.boots(2);
    bench.rotate();
    bench.boots(1);
    bench.lines.take(&Input::Reopen);
    bench.lines.take(&Input::Reopen);
    bench.boots(3);
    assert_eq!((bench.text("rotated"), bench.text(PATH)), (LINE.repeat(3), LINE.repeat(3)));
    assert_eq!(bench.synchronise(), 6);
}

#[test]
fn a_line_that_was_cut_off_is_ended_in_its_own_file_only() {
    for is_rotated in [false, true] {
        let mut bench = Bench::new();
        bench.disk.set_room(30);
        bench.boots(1);
        bench.disk.set_room(1000);
        if is_rotated {
            bench.rotate();
        }
        bench.lines.take(&Input::Reopen);
        bench.boots(1);
        let cut = if is_rotated { String::new() } else { format!("{}\n", &LINE[..30]) };
        assert_eq!(bench.text(PATH), format!("{cut}{LINE}"));
    }
}

#[test]
fn it_finds_out_by_itself_but_does_not_get_in_the_way_of_who_rotates() {
    let mut bench = Bench::new();
    bench.boots(1);
    bench.rotate();
    bench.synchronise();
    assert!(bench.disk.read(Path::new(PATH)).is_err(), "whoever rotates makes the new file");
    drop(bench.disk.append_to(Path::new(PATH), OPENING));
    bench.synchronise();
    bench.boots(1);
    assert_eq!((bench.text("rotated"), bench.text(PATH)), (LINE.to_owned(), LINE.to_owned()));
    bench.disk.remove(Path::new(PATH)).unwrap();
    bench.synchronise();
    bench.synchronise();
    bench.boots(1);
    assert_eq!(bench.text(PATH), LINE, "a file that was removed is made again");
}
