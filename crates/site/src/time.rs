//! The `[time]` table: where the time comes from. By default, from the machine's own clock.

use noreturn_image_format::config::Inside;
use noreturn_image_format::config::time::{BAUDS, Gps, SerialPort, Sntp, Time, TimeSource};

use crate::cards::{self, Neighbours};
use crate::section::{Section, choice, integer, one_of};

const POLL_S: u32 = 16;
const GPS_SILENT_S: u32 = 10;
const SILENT_S_MAX: u32 = 86_400;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Gps,
    Sntp,
    Rtc,
}

const KINDS: &[(&str, Kind)] = &[("gps", Kind::Gps), ("sntp", Kind::Sntp), ("rtc", Kind::Rtc)];

pub(crate) fn read(
    section: &Section<'_>,
    inside: Option<&Inside>,
    neighbours: &mut Neighbours,
) -> Option<Time> {
    let Some(kinds) = section.list("sources", &choice(KINDS), vec![Kind::Rtc]) else {
        // Which tables there must be is not known; those that there are may be right.
        section.pass_over(&["sntp", "gps"]);
        return None;
    };
    let wants = |kind| kinds.contains(&kind);
    for (place, kind) in kinds.iter().enumerate() {
        if kinds[..place].contains(kind) {
            section.fault("sources", "names one of them twice");
        }
    }
    if kinds.iter().rev().skip(1).any(|kind| *kind == Kind::Rtc) {
        section.fault(
            "sources",
            "names \"rtc\" before another; it is read only once, so it can only be the last",
        );
    }
    let sntp = read_wanted(section, "sntp", wants(Kind::Sntp), |table| read_sntp(table, inside, neighbours));
    let gps = read_wanted(section, "gps", wants(Kind::Gps), read_gps);
    let sources = kinds.iter().map(|kind| match kind {
        Kind::Gps => gps.map(TimeSource::Gps),
        Kind::Sntp => sntp.map(TimeSource::Sntp),
        Kind::Rtc => Some(TimeSource::Rtc),
    });
    Some(Time { sources: sources.collect::<Option<_>>()? })
}

/// The table of a source: there if and only if the source is wanted.
fn read_wanted<T>(
    section: &Section<'_>,
    key: &'static str,
    is_wanted: bool,
    read: impl FnOnce(&Section<'_>) -> Option<T>,
) -> Option<T> {
    if is_wanted {
        return section.table(key)?.read(read);
    }
    section.refuse(
        &[key],
        &format!("is not one of the sources; add \"{key}\" to them, or leave this table out"),
    );
    None
}

fn read_sntp(section: &Section<'_>, inside: Option<&Inside>, neighbours: &mut Neighbours) -> Option<Sntp> {
    let server = section.required("server", &cards::host());
    let mac = section.optional("mac", &cards::card_mac());
    let port = section.or("port", &integer(1..=u16::MAX), 123);
    let poll_s = section.or("poll_s", &integer(2..=3600), POLL_S);
    let silent_s = section.or("silent_s", &integer(4..=SILENT_S_MAX), 4 * poll_s.unwrap_or(POLL_S));
    let (server, mac, port, poll_s, silent_s) = (server?, mac?, port?, poll_s?, silent_s?);
    if silent_s < 2 * poll_s {
        section.fault("silent_s", &format!("{silent_s} is less than two polls of {poll_s} s"));
    }
    if let Some(inside) = inside {
        cards::check_reachable(section, "server", server, inside);
    }
    neighbours.add(section, "mac", server, mac, inside);
    Some(Sntp { address: server, mac, port, poll_s, silent_s })
}

fn read_gps(section: &Section<'_>) -> Option<Gps> {
    const PORTS: &[(&str, SerialPort)] =
        &[("COM2", SerialPort::Com2), ("COM3", SerialPort::Com3), ("COM4", SerialPort::Com4)];
    let serial_port = section.required("serial_port", &choice(PORTS));
    let baud = section.or("baud", &one_of(&BAUDS), 9600);
    let uncertainty_ms = section.required("uncertainty_ms", &integer(1..=10_000));
    let silent_s = section.or("silent_s", &integer(2..=SILENT_S_MAX), GPS_SILENT_S);
    Some(Gps { serial_port: serial_port?, baud: baud?, uncertainty_ms: uncertainty_ms?, silent_s: silent_s? })
}
