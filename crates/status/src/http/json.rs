//! `/status.json`: everything on the page, for programs.

use core::fmt::{self, Write};

use super::text::{Bounded, Hex, Json};
use crate::alarm::Alarm;
use crate::device::{Device, DeviceState};
use crate::panel::Panel;
use crate::registers::INSIDE_COUNTERS;

/// Writes the status; see `docs/status.md`.
pub(super) fn write(out: &mut Bounded<'_>, panel: &Panel) -> fmt::Result {
    let (now, facts) = (panel.now(), &panel.facts);
    write!(out, "{{\"version\":1,\"diode\":{},\"name\":{}", panel.diode, Json(&panel.name))?;
    write!(out, ",\"uptime_us\":{},\"clock_us\":{}", now.uptime_us, now.clock_us)?;
    write!(out, ",\"clock_source\":\"{}\",\"clock_uncertainty_us\":", now.time_quality.source().name())?;
    optional(out, now.time_quality.uncertainty_us())?;
    write!(out, ",\"image_sha256\":\"{}\"", Hex(&facts.image_sha256))?;
    write!(out, ",\"config_sha256\":\"{}\",\"boot\":\"{}\"", Hex(&facts.config_sha256), facts.boot)?;
    write!(out, ",\"last_stop\":\"{}\",\"watchdog\":\"{}\"", facts.last_stop, facts.watchdog.name())?;
    let release = &facts.release;
    write!(out, ",\"image_version\":{},\"image_floor\":{}", release.version, release.floor)?;
    write!(out, ",\"floor_memory\":\"{}\"", release.memory.name())?;
    write!(out, ",\"dma_fence\":\"{}\"", facts.dma_fence.name())?;
    write!(out, ",\"history_percent\":{}", panel.history_percent())?;
    list(out, "alarms", Alarm::ALL, |out, alarm| alarm_of(out, *alarm, panel))?;
    list(out, "devices", panel.devices(), |out, device| device_of(out, device, panel))?;
    out.write_str(",\"counters\":{")?;
    for (place, counter) in INSIDE_COUNTERS.iter().enumerate() {
        write!(out, "{}\"{}\":{}", comma(place), counter.name(), panel.counters().get(*counter))?;
    }
    out.write_str("}}\n")
}

fn alarm_of(out: &mut Bounded<'_>, alarm: Alarm, panel: &Panel) -> fmt::Result {
    let (about, hold) = (alarm.about(), panel.alarm(alarm));
    write!(out, "{{\"name\":\"{}\",\"severity\":\"{}\"", about.name, about.severity.name())?;
    write!(out, ",\"active\":{},\"seen\":{}", hold.is_active(), hold.was_active())?;
    write!(out, ",\"changed_at_us\":{},\"meaning\":{}}}", hold.changed_at_us(), Json(about.meaning))
}

fn device_of(out: &mut Bounded<'_>, device: &Device, panel: &Panel) -> fmt::Result {
    write!(out, "{{\"name\":{},\"state\":\"{}\",\"fault\":", Json(&device.name), device.state().name())?;
    match device.state() {
        DeviceState::Down(fault) => write!(out, "\"{fault}\"")?,
        DeviceState::Unknown | DeviceState::Up => out.write_str("null")?,
    }
    out.write_str(",\"value_age_us\":")?;
    optional(out, device.value_age_us(panel.now()))?;
    out.write_str("}")
}

fn list<T>(
    out: &mut Bounded<'_>,
    name: &str,
    items: &[T],
    item: impl Fn(&mut Bounded<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    write!(out, ",\"{name}\":[")?;
    for (place, each) in items.iter().enumerate() {
        out.write_str(comma(place))?;
        item(out, each)?;
    }
    out.write_str("]")
}

fn optional(out: &mut Bounded<'_>, number: Option<u64>) -> fmt::Result {
    match number {
        Some(number) => write!(out, "{number}"),
        None => out.write_str("null"),
    }
}

const fn comma(place: usize) -> &'static str {
    if place == 0 { "" } else { "," }
}
