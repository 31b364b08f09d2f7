//! The register map: one table, from which registers are read, and against which `docs/status.md` is tested.
//!
//! Numbers of 32 bits take two registers, the more significant first. Addresses are as on the wire, from 0.

use noreturn_wire::Counter;

use crate::alarm::{Hold, Severity};
use crate::device::DeviceState;
use crate::panel::Panel;

/// Version of the map: it grows when a meaning changes, not when registers are added.
pub const VERSION: u16 = 1;
/// What is told for a time that is not known.
pub const UNKNOWN: u32 = u32::MAX;

/// First register of the devices' states, one a device.
pub const DEVICE_STATES: u16 = 100;
/// First register of the ages of the devices' last values.
pub const DEVICE_AGES: u16 = 200;
/// First register of the counters.
pub const COUNTERS: u16 = 300;

const DEVICES: u16 = noreturn_image_format::config::DEVICES_MAX as u16;
const WORDS_PER_COUNTER: u16 = 2;

/// The counters that the inside half knows. The order is that of the registers: append, never insert.
pub const INSIDE_COUNTERS: &[Counter] = &[
    Counter::Records,
    Counter::RingWritten,
    Counter::InsideFramesReceived,
    Counter::InsideFramesSent,
    Counter::InsideFramesDamaged,
    Counter::InsideTransmitFull,
    Counter::InsideAnswersInvalid,
    Counter::InsideLengthInvalid,
    Counter::ModbusRequests,
    Counter::ModbusReplies,
    Counter::ModbusConnectTimeout,
    Counter::ModbusConnectRefused,
    Counter::ModbusDisconnected,
    Counter::ModbusReplyTimeout,
    Counter::ModbusException,
    Counter::ModbusShortReply,
    Counter::ModbusWrongReply,
    Counter::ModbusNotANumber,
    Counter::ModbusPollsSkipped,
    Counter::StatusRequests,
    Counter::StatusRefused,
    Counter::StatusCut,
    Counter::TimeSamples,
    Counter::TimeOutliers,
    Counter::SntpRequests,
    Counter::SntpReplyTimeout,
    Counter::SntpMalformed,
    Counter::SntpNotAsked,
    Counter::SntpKissOfDeath,
    Counter::SntpUnsynchronized,
    Counter::SntpImplausible,
    Counter::GpsDamaged,
    Counter::GpsMalformed,
    Counter::GpsChecksum,
    Counter::GpsVoid,
    Counter::GpsImplausible,
    Counter::InsideSynRefused,
    Counter::InsideFragments,
    Counter::InsideMalformed,
    Counter::InsideIgnored,
    Counter::InsideAddressConflict,
    Counter::InsideNoRoute,
    Counter::InsideUnresolved,
    Counter::ArpRequests,
    Counter::ArpReplies,
    Counter::ArpRepliesLimited,
    Counter::ArpUnsolicited,
    Counter::ArpConflict,
    Counter::RingRefused,
    Counter::ArpChanged,
];

/// A run of registers with one meaning.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Address of the first.
    pub address: u16,
    /// How many.
    pub registers: u16,
    /// Name in snake case.
    pub name: &'static str,
    /// What it is.
    pub meaning: &'static str,
    value: Value,
}

/// What is in a run of registers.
#[derive(Clone, Copy, Debug)]
enum Value {
    /// The register at a place of the run.
    Of(fn(&Panel, u16) -> u16),
    /// A counter.
    Of32(Counter),
}

const fn row(
    address: u16,
    registers: u16,
    name: &'static str,
    meaning: &'static str,
    value: fn(&Panel, u16) -> u16,
) -> Row {
    Row { address, registers, name, meaning, value: Value::Of(value) }
}

/// The rows without the counters, by address.
const ROWS: &[Row] = &[
    row(0, 1, "version", "of this map: 1", |_, _| VERSION),
    row(1, 1, "alarms_active", "how many alarms and warnings are active", |panel, _| {
        count(panel.active(Severity::Alarm) + panel.active(Severity::Warning))
    }),
    row(2, 2, "alarms", "bit field of what is active, see above", |panel, place| {
        half(panel.bits(Hold::is_active), place)
    }),
    row(4, 2, "alarms_seen", "bit field of what has been active since the boot", |panel, place| {
        half(panel.bits(Hold::was_active), place)
    }),
    row(6, 2, "uptime_s", "seconds since the kernel started", |panel, place| {
        half(saturate(panel.now().uptime_us / 1_000_000), place)
    }),
    row(8, 2, "clock_s", "seconds since 1970-01-01 UTC by the box's clock", |panel, place| {
        half(saturate(panel.now().clock_us / 1_000_000), place)
    }),
    row(10, 1, "clock_source", "0 none, 1 the machine's own, 2 SNTP, 3 GPS", |panel, _| {
        panel.now().time_quality.source() as u16
    }),
    row(
        11,
        2,
        "clock_uncertainty_ms",
        "how far off the clock may be; 4294967295 if that is not known",
        |panel, place| {
            half(
                panel.now().time_quality.uncertainty_us().map_or(UNKNOWN, |us| saturate(us.div_ceil(1000))),
                place,
            )
        },
    ),
    row(
        13,
        1,
        "last_stop",
        "how the boot before ended: 0 unknown, 1 reset, 2 stalled, 3 panicked, 4 out of memory, 5 exception, 6 not started, 7 no entropy, 8 outside receives, 9 DMA fault, 10 transmit timeout",
        |panel, _| panel.facts.last_stop.code().into(),
    ),
    row(14, 1, "last_exception", "number of the exception, if that is how it ended", |panel, _| {
        panel.facts.last_stop.vector().into()
    }),
    row(15, 1, "watchdog", "0 none, 1 i6300ESB, 2 TCO", |panel, _| panel.facts.watchdog as u16),
    row(16, 1, "dma_fence", "0 none, 1 active", |panel, _| panel.facts.dma_fence as u16),
    row(
        17,
        1,
        "history_percent",
        "what waits for the outside link, at most; 101 is more than is sure to be held",
        |panel, _| panel.history_percent(),
    ),
    row(18, 1, "devices", "how many are polled", |panel, _| count(panel.devices().len())),
    row(19, 1, "devices_down", "how many of them have been down for 2 s", |panel, _| {
        count(panel.devices_down())
    }),
    row(20, 2, "diode", "number of the diode", |panel, place| half(panel.diode, place)),
    row(22, 8, "image_sha256", "first half of the image's hash, two bytes a register", |panel, place| {
        pair(&panel.facts.image_sha256, place)
    }),
    row(30, 8, "config_sha256", "first half of the configuration's hash", |panel, place| {
        pair(&panel.facts.config_sha256, place)
    }),
    row(38, 8, "boot", "number of this boot, all of it", |panel, place| pair(&panel.facts.boot.0, place)),
    row(46, 2, "image_version", "version of the image; 0 if the owner does not count", |panel, place| {
        half(panel.facts.release.version, place)
    }),
    row(
        DEVICE_STATES,
        DEVICES,
        "device_state",
        "of each device: 0 no device, 1 unknown, 2 up, 3 down",
        |panel, place| {
            panel.devices().get(usize::from(place)).map_or(0, |device| DeviceState::number(device.state()))
        },
    ),
    row(
        DEVICE_AGES,
        DEVICES,
        "device_value_age_s",
        "of each device: seconds since its last good value; 65535 for more, and for none",
        |panel, place| {
            panel
                .devices()
                .get(usize::from(place))
                .map_or(u16::MAX, |device| age_s(device.value_age_us(panel.now())))
        },
    ),
];

/// Every row, by address.
pub fn rows() -> impl Iterator<Item = Row> {
    let counters = (COUNTERS..).step_by(usize::from(WORDS_PER_COUNTER)).zip(INSIDE_COUNTERS);
    let counters = counters.map(|(address, counter)| Row {
        address,
        registers: WORDS_PER_COUNTER,
        name: counter.name(),
        meaning: "counter, low 32 bits",
        value: Value::Of32(*counter),
    });
    ROWS.iter().copied().chain(counters)
}

/// The register at an address, if there is one.
#[must_use]
pub fn read(panel: &Panel, address: u16) -> Option<u16> {
    rows().find_map(|row| {
        let place = address.checked_sub(row.address).filter(|place| *place < row.registers)?;
        Some(match row.value {
            Value::Of(value) => value(panel, place),
            Value::Of32(counter) => half(panel.counters().get(counter) as u32, place),
        })
    })
}

fn half(value: u32, place: u16) -> u16 {
    if place == 0 { (value >> 16) as u16 } else { value as u16 }
}

fn pair(bytes: &[u8], place: u16) -> u16 {
    let mut pairs = bytes.chunks_exact(2);
    pairs.nth(usize::from(place)).map_or(0, |pair| u16::from_be_bytes([pair[0], pair[1]]))
}

fn saturate(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn count(value: usize) -> u16 {
    u16::try_from(value).unwrap_or(u16::MAX)
}

fn age_s(age_us: Option<u64>) -> u16 {
    age_us.and_then(|us| u16::try_from(us / 1_000_000).ok()).unwrap_or(u16::MAX)
}

const _: () = assert!(DEVICE_STATES + DEVICES <= DEVICE_AGES && DEVICE_AGES + DEVICES <= COUNTERS);
