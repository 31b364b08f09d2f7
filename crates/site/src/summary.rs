//! A configuration in words, for the person who is about to trust it. The key is never shown.

use std::fmt;

use noreturn_image_format::Config;
use noreturn_image_format::config::link::{Blocks, History, HistoryOrder, Link, TrafficClass};
use noreturn_image_format::config::modbus::{Device, Read};
use noreturn_image_format::config::release::Release;
use noreturn_image_format::config::status::Status;
use noreturn_image_format::config::time::{Time, TimeSource};
use noreturn_image_format::config::{Class, Destination, Key, PciAddress, Source};

use crate::cards;

/// Shows a configuration, a few words a line.
#[derive(Clone, Copy, Debug)]
pub struct Summary<'a>(
    /// What to show.
    pub &'a Config,
);

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Config { diode, release, inside, outside, link, status, time, devices, sources } = self.0;
        writeln!(f, "diode    {} \"{}\"", diode.id, diode.name)?;
        if let Key::Tpm(handle) = diode.key {
            writeln!(f, "         its key is not here: the machine's TPM keeps it, at {handle:#010x}")?;
        }
        if let Ok(site) = self.0.site_sha256() {
            writeln!(f, "site     SHA-256 {site}, without the key")?;
        }
        write_release(f, *release)?;
        write!(
            f,
            "inside   {}, address {}/{}",
            Card(inside.card, inside.card_mac),
            inside.address,
            inside.prefix
        )?;
        match inside.gateway {
            Some(gateway) => writeln!(f, ", gateway {gateway}{}", Pin(inside.gateway_mac))?,
            None => writeln!(f, ", no gateway")?,
        }
        writeln!(
            f,
            "outside  {}, from {}:{}",
            Card(outside.card, outside.card_mac),
            outside.source_address,
            outside.source_port
        )?;
        if !self.0.cards_are_pinned() {
            writeln!(
                f,
                "         the cards are not pinned: if they change places, the diode listens outside. Set card_mac of both"
            )?;
        }
        outside.destinations.iter().try_for_each(|destination| write_destination(f, destination))?;
        write_link(f, link)?;
        write_status(f, status)?;
        write_time(f, time)?;
        writeln!(f, "plant    {} devices, {} tags", devices.len(), sources.len())?;
        devices.iter().try_for_each(|device| write_device(f, device, sources))
    }
}

/// The Ethernet address that a host inside is pinned to, if it is.
struct Pin(Option<[u8; 6]>);

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |mac| write!(f, " (only with {})", cards::show(&mac)))
    }
}

/// Where a card is, and which one it must be.
struct Card(PciAddress, Option<[u8; 6]>);

impl fmt::Display for Card {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Some(mac) => write!(f, "card {} with {}", self.0, cards::show(&mac)),
            None => write!(f, "card {}, whichever that is", self.0),
        }
    }
}

fn write_release(f: &mut fmt::Formatter<'_>, release: Release) -> fmt::Result {
    match release {
        Release { version: 0, .. } => {
            writeln!(f, "image    not counted: an older one is not told from a newer one")
        }
        Release { version, floor: 0 } => {
            writeln!(f, "image    version {version}, and no older one is refused")
        }
        Release { version, floor } => writeln!(f, "image    version {version}, none below {floor} after it"),
    }
}

fn write_link(f: &mut fmt::Formatter<'_>, link: &Link) -> fmt::Result {
    let Link { suite, rate_bytes_per_s, burst_bytes, announce_period_ms, history, .. } = link;
    writeln!(
        f,
        "link     {rate_bytes_per_s} bytes/s in bursts of {burst_bytes}, names every {announce_period_ms} ms, sealed with {}",
        suite.name()
    )?;
    for (name, class) in [("alarm", link.alarm), ("telemetry", link.telemetry), ("bulk", link.bulk)] {
        let TrafficClass { blocks, weight, queue_bytes_max, history_bytes_max } = class;
        write_blocks(f, name, &blocks)?;
        writeln!(f, ", weight {weight}, queue {queue_bytes_max} bytes, history {history_bytes_max} bytes")?;
    }
    let History { blocks, share_per_mille, interval_ms, .. } = history;
    write_blocks(f, "history", blocks)?;
    let order = match history.order {
        HistoryOrder::NewestFirst => "newest first",
        HistoryOrder::OldestFirst => "oldest first",
    };
    writeln!(f, ", {share_per_mille} thousandths, {order}, every {interval_ms} ms")?;
    writeln!(f, "memory   {} MiB for the link", link.memory_bytes().div_ceil(1 << 20))
}

fn write_status(f: &mut fmt::Formatter<'_>, status: &Status) -> fmt::Result {
    write!(f, "status   ")?;
    match (status.modbus_port, status.http_port) {
        (None, None) => write!(f, "on the serial console only")?,
        (Some(modbus), None) => write!(f, "for Modbus on port {modbus}")?,
        (None, Some(http)) => write!(f, "for HTTP on port {http}")?,
        (Some(modbus), Some(http)) => write!(f, "for Modbus on port {modbus} and HTTP on port {http}")?,
    }
    writeln!(f)
}

fn write_time(f: &mut fmt::Formatter<'_>, time: &Time) -> fmt::Result {
    if time.sources.is_empty() {
        return writeln!(f, "time     from nowhere: it counts from 1970");
    }
    for (place, source) in time.sources.iter().enumerate() {
        write!(f, "{}", if place == 0 { "time     " } else { "         or " })?;
        match source {
            TimeSource::Gps(gps) => writeln!(
                f,
                "from satellites on {:?} at {} baud, to {} ms, silent for {} s at most",
                gps.serial_port, gps.baud, gps.uncertainty_ms, gps.silent_s
            )?,
            TimeSource::Sntp(sntp) => writeln!(
                f,
                "from the server {}:{}{} every {} s, silent for {} s at most",
                sntp.address,
                sntp.port,
                Pin(sntp.mac),
                sntp.poll_s,
                sntp.silent_s
            )?,
            TimeSource::Rtc => writeln!(f, "from the machine's own clock, read at the start")?,
        }
    }
    Ok(())
}

fn write_blocks(f: &mut fmt::Formatter<'_>, name: &str, blocks: &Blocks) -> fmt::Result {
    let Blocks { data_shards, parity_shards, parity_shards_min, latency_ms_max, span_ms, blocks_max } =
        blocks;
    write!(
        f,
        "         {name}: {data_shards} data and {parity_shards} parity shards ({parity_shards_min} for one), \
         {latency_ms_max} ms at most, over {span_ms} ms, {blocks_max} blocks"
    )
}

fn write_destination(f: &mut fmt::Formatter<'_>, destination: &Destination) -> fmt::Result {
    let mac = cards::show(&destination.mac);
    writeln!(f, "         to {}:{} at {mac}", destination.address, destination.port)
}

fn write_device(f: &mut fmt::Formatter<'_>, device: &Device, sources: &[Source]) -> fmt::Result {
    writeln!(
        f,
        "modbus   \"{}\" at {}:{}{}, unit {}, timeout {} ms, backoff {} to {} ms",
        device.name,
        device.address,
        device.port,
        Pin(device.mac),
        device.unit,
        device.timeout_ms,
        device.backoff_ms_min,
        device.backoff_ms_max
    )?;
    device.reads.iter().try_for_each(|read| write_read(f, read, sources))
}

fn write_read(f: &mut fmt::Formatter<'_>, read: &Read, sources: &[Source]) -> fmt::Result {
    let last = u32::from(read.address) + u32::from(read.count) - 1;
    let function = read.function as u8;
    writeln!(f, "         function {function}, {} to {last}, every {} ms:", read.address, read.period_ms)?;
    for point in &read.points {
        let Some(source) = sources.get(point.source as usize) else { continue };
        let address = u32::from(read.address) + u32::from(point.offset);
        write!(f, "           {address:5} {} = {:?}", source.name, point.encoding)?;
        if point.scale != 1.0 {
            write!(f, " * {}", point.scale)?;
        }
        let space = if source.unit.is_empty() { "" } else { " " };
        writeln!(f, "{space}{}{}", source.unit, if source.class == Class::Alarm { ", alarm" } else { "" })?;
    }
    Ok(())
}
