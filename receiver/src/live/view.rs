//! The picture of the live view, as text.

use std::time::Duration;

use tokio::time::Instant;

use super::table::{Row, Table};
use crate::status::{DiodeStatus, Status};

const RED: &str = "\x1b[1;31m";
const GREEN: &str = "\x1b[32m";
const YELLOW: &str = "\x1b[33m";
const BOLD: &str = "\x1b[1m";
const PLAIN: &str = "\x1b[0m";
/// Clears what an earlier picture left to the right of the cursor, and below it.
const CLEAR_LINE: &str = "\x1b[K";
const CLEAR_BELOW: &str = "\x1b[J";

/// Size of a terminal in characters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    pub(super) rows: usize,
    pub(super) columns: usize,
}

impl Default for Size {
    fn default() -> Self {
        Self { rows: 24, columns: 80 }
    }
}

/// Everything that is on the picture.
pub(super) struct Frame<'a> {
    pub(super) status: &'a Status,
    pub(super) table: &'a Table,
    pub(super) log: &'a [String],
    pub(super) now: Instant,
}

/// A line: text of the terminal's own characters only, and its colour.
struct Line {
    text: String,
    colour: &'static str,
}

impl Line {
    /// Names come from the far side: control characters must not reach the terminal.
    fn new(text: &str, colour: &'static str) -> Self {
        let text = text.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
        Self { text, colour }
    }
}

impl Frame<'_> {
    /// The picture, cut to the terminal's size.
    pub(super) fn render(&self, size: Size) -> String {
        let head = self.head();
        let log: Vec<Line> = self.log.iter().map(|line| Line::new(line, "")).collect();
        // The last row stays empty, so that nothing scrolls.
        let rows = size.rows.saturating_sub(1);
        let room = rows.saturating_sub(head.len() + log.len());
        let lines = head.into_iter().chain(self.tags(room)).chain(log).take(rows);
        let mut picture = String::new();
        for line in lines {
            let text: String = line.text.chars().take(size.columns).collect();
            picture += &format!("{}{text}{PLAIN}{CLEAR_LINE}\r\n", line.colour);
        }
        picture + CLEAR_BELOW
    }

    fn head(&self) -> Vec<Line> {
        let mut lines = vec![Line::new(&format!("diode-receiver on {}", self.status.listen), BOLD)];
        for diode in &self.status.diodes {
            lines.push(Line::new(&diode_text(diode), if diode.silent { RED } else { "" }));
            let colour = if diode.image_downgrade { RED } else { check_colour(diode.image_check) };
            lines.push(Line::new(&image_text(diode), colour));
            lines.push(Line::new(&attestation_text(diode), check_colour(diode.attestation_check)));
        }
        lines.push(Line::new(&traffic_text(self.status), ""));
        lines.push(Line::new("", ""));
        lines
    }

    /// The table in at most `room` lines; the last says how much is not shown.
    fn tags(&self, room: usize) -> Vec<Line> {
        let header = format!(
            "{:<16} {:<32} {:>16} {:<8} {:<16} {:>8}",
            "DIODE", "TAG", "VALUE", "UNIT", "QUALITY", "AGE"
        );
        let mut lines = vec![Line::new(&header, BOLD)];
        lines.extend(self.table.rows().map(|(diode, row)| self.tag(diode, row)));
        if lines.len() > room {
            let hidden = lines.len() + 1 - room.max(1);
            lines.truncate(room.saturating_sub(1));
            lines.push(Line::new(&format!("... and {hidden} more tags"), ""));
        }
        lines.truncate(room);
        lines
    }

    fn tag(&self, diode: &str, row: &Row) -> Line {
        let age = self.now.saturating_duration_since(row.arrived);
        let text = format!(
            "{diode:<16} {:<32} {:>16} {:<8} {:<16} {:>8}",
            row.source.tag,
            row.value(),
            row.source.unit,
            row.quality(),
            short(age)
        );
        Line::new(&text, if row.is_good() { "" } else { YELLOW })
    }
}

/// What is shown instead where there is no terminal: a line per diode and one of traffic.
pub(super) fn plain_lines(status: &Status) -> Vec<String> {
    let diodes =
        status.diodes.iter().map(|diode| format!("{}; {}", diode_text(diode), image_text(diode).trim()));
    diodes.chain([traffic_text(status)]).collect()
}

fn diode_text(diode: &DiodeStatus) -> String {
    let uptime = diode.uptime_us.map_or("-".to_owned(), |uptime_us| short(Duration::from_micros(uptime_us)));
    let boot = diode.boot.as_deref().unwrap_or("-");
    let (time, heard) = (time_text(diode), heard_text(diode));
    format!("{} ({}): boot {boot}, up {uptime}, {time}, {heard}", diode.name, diode.id)
}

/// When it was heard last.
fn heard_text(diode: &DiodeStatus) -> String {
    let word = if diode.silent { "SILENT, last heard" } else { "heard" };
    match diode.last_heard_s_ago {
        Some(seconds) => format!("{word} {} ago", short(Duration::from_secs(seconds))),
        None if diode.silent => "SILENT, never heard".to_owned(),
        None => "not heard yet".to_owned(),
    }
}

/// What is known of its clock.
fn time_text(diode: &DiodeStatus) -> String {
    let source = match diode.time_source {
        None => return "time -".to_owned(),
        Some("none") => return "time UNKNOWN".to_owned(),
        Some(source) => source.to_uppercase(),
    };
    match diode.time_uncertainty_us {
        Some(us) => format!("time {source} ±{:.1} ms", us as f64 / 1000.0),
        None => format!("time {source} ±?"),
    }
}

fn image_text(diode: &DiodeStatus) -> String {
    let refused = if diode.image_refused { ", records REFUSED" } else { "" };
    let digest = diode.image_sha256.as_deref().unwrap_or("-");
    let version = match (diode.image_version, diode.image_downgrade) {
        (None | Some(0), false) => String::new(),
        (version, is_downgrade) => {
            let word = if is_downgrade { ", a DOWNGRADE" } else { "" };
            format!(", version {}{word}", version.unwrap_or_default())
        }
    };
    format!("  image {}{refused}{version}: {digest}", diode.image_check.to_uppercase())
}

fn attestation_text(diode: &DiodeStatus) -> String {
    let fault = diode.attestation_fault.map_or_else(String::new, |fault| format!(", {fault}"));
    let key = diode.attestation_key_sha256.as_deref().unwrap_or("-");
    format!("  attestation {}{fault}: key {key}", diode.attestation_check.to_uppercase())
}

fn check_colour(check: &str) -> &'static str {
    match check {
        "match" => GREEN,
        "mismatch" => RED,
        _ => YELLOW,
    }
}

fn traffic_text(status: &Status) -> String {
    format!(
        "frames {} (missing {}), records {} (recovered {}, delayed {}), gaps {} ({} records missing), refused datagrams {}",
        status.frames,
        status.frames_missing,
        status.records,
        status.recovered,
        status.delayed,
        status.gaps,
        status.records_missing,
        status.refused
    )
}

/// A duration in at most seven characters.
fn short(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..=9 => format!("{:.1} s", duration.as_secs_f64()),
        10..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use noreturn_wire::{BootId, Quality, Record, SourceId, TimeQuality, Value};

    use super::*;
    use crate::item::{Item, Origin, Source};

    fn status(image_check: &'static str) -> Status {
        let diode = DiodeStatus {
            id: 7,
            name: "east".to_owned(),
            boot: Some("ab".repeat(16)),
            last_heard: None,
            last_heard_us: Some(1),
            last_heard_s_ago: Some(3),
            silent: false,
            image_check,
            image_refused: false,
            attestation_check: "match",
            attestation_fault: None,
            attestation_key_sha256: None,
            image_sha256: Some("cd".repeat(32)),
            image_version: Some(7),
            image_downgrade: false,
            floor_memory: None,
            config_sha256: None,
            reset_count: None,
            uptime_us: Some(3_000_000),
            time_source: Some("sntp"),
            time_uncertainty_us: Some(2048),
            last_stop: None,
            watchdog: None,
            dma_fence: None,
        };
        Status { diodes: vec![diode], ..Status::default() }
    }

    fn table(tags: u32, now: Instant) -> Table {
        let mut table = Table::default();
        let origin = Arc::new(Origin::new("east".into(), BootId([1; 16])));
        table.take(&Item::Boot(origin.clone()), now);
        for number in 0..tags {
            let source = Source { number, tag: format!("tag-{number}\x1b[2J"), unit: "m".to_owned() };
            let record = Record {
                source: SourceId(number),
                sequence: 0,
                acquired_us: 0,
                time_quality: TimeQuality::NONE,
                quality: Quality::Good,
                value: Value::F64(1.5),
            };
            let (origin, source) = (origin.clone(), Arc::new(source));
            table
                .take(&Item::Record { origin, source, record, arrival: noreturn_link::Arrival::Direct }, now);
        }
        table
    }

    #[test]
    fn the_picture_keeps_to_the_terminal_and_says_what_it_hides() {
        let now = Instant::now();
        let (status, log) = (status("match"), vec!["a log line".to_owned()]);
        for (tags, rows, columns) in
            [(0, 24, 80), (5, 24, 120), (100, 24, 80), (100, 3, 10), (5, 1, 1), (1, 0, 0)]
        {
            let frame = Frame { status: &status, table: &table(tags, now), log: &log, now };
            let picture = frame.render(Size { rows, columns });
            assert!(picture.matches("\r\n").count() < rows.max(1), "{tags} tags on {rows} rows:\n{picture}");
        }
        let frame = Frame { status: &status, table: &table(100, now), log: &log, now };
        let picture = frame.render(Size { rows: 24, columns: 120 });
        let shown = (0..100).filter(|number| picture.contains(&format!("tag-{number}?"))).count();
        assert!(picture.contains(&format!("... and {} more tags", 100 - shown)), "{shown} shown:\n{picture}");
        assert!(picture.contains("up 3.0 s, time SNTP ±2.0 ms, heard 3.0 s ago"), "{picture}");
        assert!(picture.contains("1.5000 m ") && picture.contains("a log line"), "{picture}");
    }

    #[test]
    fn a_box_may_say_any_time() {
        let now = Instant::now();
        let mut status = status("match");
        let diode = &mut status.diodes[0];
        (diode.uptime_us, diode.time_uncertainty_us) = (Some(u64::MAX), Some(u64::MAX));
        diode.last_heard_s_ago = Some(u64::MAX);
        let picture = plain_lines(&status).join("\n");
        assert!(picture.contains("up 213503982 d, time SNTP"), "{picture}");
        let frame = Frame { status: &status, table: &table(1, now), log: &[], now };
        assert!(frame.render(Size { rows: 24, columns: 200 }).contains("heard 213503982334601 d ago"));
    }

    #[test]
    fn a_silent_diode_is_red_and_says_since_when() {
        let now = Instant::now();
        for (ago, text) in [(Some(25), "SILENT, last heard 25 s ago"), (None, "SILENT, never heard")] {
            let mut status = status("match");
            (status.diodes[0].silent, status.diodes[0].last_heard_s_ago) = (true, ago);
            let frame = Frame { status: &status, table: &table(0, now), log: &[], now };
            let picture = frame.render(Size { rows: 24, columns: 200 });
            let line = picture.lines().find(|line| line.contains("east (7)")).unwrap();
            assert!(line.contains(RED) && line.contains(text), "{picture}");
        }
    }

    #[test]
    fn the_image_check_has_its_colour_and_names_cannot_control_the_terminal() {
        let now = Instant::now();
        for (check, text) in [
            ("match", "\x1b[32m  image MATCH, version 7: cdcd"),
            ("mismatch", "\x1b[1;31m  image MISMATCH, version 7: cdcd"),
            ("unchecked", "\x1b[33m  image UNCHECKED, version 7: cdcd"),
            ("downgrade", "\x1b[1;31m  image MATCH, version 7, a DOWNGRADE: cdcd"),
        ] {
            let mut status = status(if check == "downgrade" { "match" } else { check });
            status.diodes[0].image_downgrade = check == "downgrade";
            let frame = Frame { status: &status, table: &table(1, now), log: &[], now };
            let picture = frame.render(Size::default());
            assert!(picture.contains(text), "{picture}");
            assert!(picture.contains("tag-0?[2J"), "{picture}");
        }
    }
}
