//! `/`: the state of the box on a screen that is read from across a room.

use core::fmt::{self, Write};

use noreturn_wire::{LastStop, TimeSource};

use super::text::{Bounded, Hex, Html};
use crate::alarm::{Alarm, Severity};
use crate::backlog::OVERFLOWING_PERCENT;
use crate::device::{Device, DeviceState};
use crate::panel::Panel;
use crate::registers::INSIDE_COUNTERS;
use crate::time::{Span, Utc};

/// Every byte of it is under the hash in the content security policy.
const STYLE: &str = include_str!("style.css");
/// Seconds after which the browser asks again.
const REFRESH_S: u32 = 5;

/// Writes the page.
pub(super) fn write(out: &mut Bounded<'_>, panel: &Panel) -> fmt::Result {
    let name = Html(&panel.name);
    write!(
        out,
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" \
         content=\"{REFRESH_S}\"><meta name=\"viewport\" content=\"width=device-width\"><link rel=\"icon\" \
         href=\"data:,\"><title>{name} – data diode</title><style>{STYLE}</style></head><body>"
    )?;
    top(out, panel)?;
    out.write_str("<h2>Alarms</h2><div class=\"grid\">")?;
    Alarm::ALL.iter().try_for_each(|alarm| alarm_tile(out, *alarm, panel))?;
    let up = panel.devices().iter().filter(|device| device.state() == DeviceState::Up).count();
    let all = panel.devices().len();
    write!(out, "</div><h2>Devices – {up} of {all} up</h2><div class=\"grid\">")?;
    panel.devices().iter().try_for_each(|device| device_tile(out, device, panel))?;
    out.write_str("</div><h2>This box</h2>")?;
    identity(out, panel)?;
    out.write_str("<h2>Counters</h2>")?;
    counters(out, panel)?;
    write!(
        out,
        "<footer>This page can be read, and nothing can be changed here. It asks again every \
         {REFRESH_S} s. The same for programs: <a href=\"/status.json\">status.json</a></footer></body></html>"
    )
}

fn top(out: &mut Bounded<'_>, panel: &Panel) -> fmt::Result {
    let (now, name) = (panel.now(), Html(&panel.name));
    write!(
        out,
        "<header><h1>{name}</h1><span class=\"dim\">data diode {}</span><span class=\"right dim\">{} · up {}</span>\
         </header>",
        panel.diode,
        Utc(now.clock_us / 1_000_000),
        Span(now.uptime_us / 1_000_000)
    )?;
    let (alarms, warnings) = (panel.active(Severity::Alarm), panel.active(Severity::Warning));
    let kind = match (alarms, warnings) {
        (0, 0) => "ok",
        (0, _) => "warning",
        _ => "alarm",
    };
    write!(out, "<div class=\"banner {kind}\"><b>")?;
    match (alarms, warnings) {
        (0, 0) => out.write_str("All clear</b>")?,
        (0, _) => write!(out, "{}</b><span>no alarms</span>", Count(warnings, "warning"))?,
        (_, 0) => write!(out, "{}</b>", Count(alarms, "alarm"))?,
        _ => write!(out, "{}</b><span>{}</span>", Count(alarms, "alarm"), Count(warnings, "warning"))?,
    }
    out.write_str("</div>")
}

fn alarm_tile(out: &mut Bounded<'_>, alarm: Alarm, panel: &Panel) -> fmt::Result {
    let (about, hold) = (alarm.about(), panel.alarm(alarm));
    let kind = if hold.is_active() { about.severity.name() } else { "ok" };
    let state = match (hold.is_active(), about.severity) {
        (false, _) => "OK",
        (true, Severity::Alarm) => "ALARM",
        (true, Severity::Warning) => "WARNING",
    };
    write!(
        out,
        "<div class=\"tile {kind}\"><header><strong>{}</strong><span class=\"state\">{state}</span></header>",
        about.title
    )?;
    let age = Span(panel.now().uptime_us.saturating_sub(hold.changed_at_us()) / 1_000_000);
    match (hold.is_active(), hold.was_active()) {
        (true, _) => write!(out, "<p>{}.</p><p class=\"dim\">for {age}</p>", Html(about.meaning))?,
        (false, true) => write!(out, "<p class=\"dim\">ended {age} ago</p>")?,
        (false, false) => out.write_str("<p class=\"dim\">not in this boot</p>")?,
    }
    if alarm == Alarm::HistoryFilling {
        history(out, panel.history_percent())?;
    }
    out.write_str("</div>")
}

fn history(out: &mut Bounded<'_>, percent: u16) -> fmt::Result {
    let shown = percent.min(100);
    write!(
        out,
        "<meter min=\"0\" max=\"100\" low=\"50\" high=\"90\" optimum=\"0\" value=\"{shown}\"></meter>"
    )?;
    let more = if percent >= OVERFLOWING_PERCENT { "more than " } else { "at most " };
    write!(out, "<p class=\"dim\">{more}{shown} % waits</p>")
}

fn device_tile(out: &mut Bounded<'_>, device: &Device, panel: &Panel) -> fmt::Result {
    let (kind, state) = match device.state() {
        _ if device.down().is_active() => ("alarm", "DOWN"),
        DeviceState::Up => ("ok", "UP"),
        DeviceState::Down(_) => ("none", "LOST"),
        DeviceState::Unknown => ("none", "NOT YET"),
    };
    write!(
        out,
        "<div class=\"tile {kind}\"><header><strong>{}</strong><span class=\"state\">{state}</span></header><p \
         class=\"dim\">",
        Html(&device.name)
    )?;
    match device.value_age_us(panel.now()) {
        Some(age_us) => write!(out, "last value {} ago", Span(age_us / 1_000_000))?,
        None => out.write_str("no value yet")?,
    }
    if let DeviceState::Down(fault) = device.state() {
        write!(out, " · {fault}")?;
    }
    out.write_str("</p></div>")
}

fn identity(out: &mut Bounded<'_>, panel: &Panel) -> fmt::Result {
    let facts = &panel.facts;
    write!(
        out,
        "<table><tr><th>Image</th><td>version {}, <code>{}</code></td></tr><tr><th>Configuration</th><td><code>{}</code></td>\
         </tr><tr><th>This boot</th><td><code>{}</code></td></tr>",
        facts.release.version,
        Hex(&facts.image_sha256),
        Hex(&facts.config_sha256),
        facts.boot
    )?;
    out.write_str("<tr><th>Boot before</th><td>")?;
    match facts.last_stop {
        LastStop::Exception { vector } => write!(out, "processor exception {vector}")?,
        other => out.write_str(stop_words(other))?,
    }
    let (watchdog, fence) = (facts.watchdog.name(), facts.dma_fence.name());
    write!(
        out,
        "</td></tr><tr><th>Watchdog</th><td>{watchdog}</td></tr><tr><th>DMA fence</th><td>{fence}</td></tr>\
         <tr><th>Clock</th><td>{}",
        source_words(panel.now().time_quality.source())
    )?;
    if let Some(uncertainty_us) = panel.now().time_quality.uncertainty_us() {
        write!(out, ", to within {} ms", uncertainty_us.div_ceil(1000))?;
    }
    out.write_str("</td></tr></table>")
}

const fn source_words(source: TimeSource) -> &'static str {
    match source {
        TimeSource::None => "no source of time",
        TimeSource::Rtc => "the machine's own",
        TimeSource::Sntp => "time server (SNTP)",
        TimeSource::Gps => "satellites (GPS)",
    }
}

const fn stop_words(last_stop: LastStop) -> &'static str {
    match last_stop {
        LastStop::Unknown => "not known",
        LastStop::Reset => "was reset",
        LastStop::Stalled => "stalled; the watchdog reset it",
        LastStop::Panicked => "a check in the program failed",
        LastStop::OutOfMemory => "ran out of memory",
        LastStop::Exception { .. } => "processor exception",
        LastStop::NotStarted => "could not start",
        LastStop::NoEntropy => "had no random numbers",
        LastStop::OutsideReceives => "the outside card could have received",
        LastStop::DmaFault => "a device reached for memory that was not its own",
        LastStop::TransmitTimeout => "the outside card stopped sending",
    }
}

fn counters(out: &mut Bounded<'_>, panel: &Panel) -> fmt::Result {
    out.write_str("<div class=\"counters\">")?;
    for counter in INSIDE_COUNTERS {
        let value = panel.counters().get(*counter);
        let kind = if value == 0 { " class=\"zero\"" } else { "" };
        write!(out, "<div{kind}><span>{}</span><b>{value}</b></div>", counter.name())?;
    }
    out.write_str("</div>")
}

/// A number of things.
struct Count(usize, &'static str);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}{}", self.0, self.1, if self.0 == 1 { "" } else { "s" })
    }
}
