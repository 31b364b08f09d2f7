//! The time: asks the server, listens to the satellite receiver, and keeps the clock. Sockets and ports only: what is
//! believed, and when, is decided in `noreturn_time`.

use alloc::vec;

use noreturn_collect::Now;
use noreturn_image_format::config::time as config;
use noreturn_inside::ports::Ports;
use noreturn_inside::random::Generator;
use noreturn_time::{Change, Clock, Sample, SourceSettings, nmea, serial, sntp};
use noreturn_wire::calendar::EARLIEST_UTC_S;
use noreturn_wire::crossing::ClockReading;
use noreturn_wire::{Counter, Counters, TimeSource};
use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::udp::{PacketBuffer, PacketMetadata, Socket};
use smoltcp::wire::{IpAddress, IpEndpoint};

use super::serial::ComPort;
use crate::fatal::say;

/// Datagrams that wait at most, and that are looked at in one step; more are dropped by the stack.
const DATAGRAMS: usize = 4;
/// Characters taken from the serial port in one step at most: its queue holds 16.
const CHARACTERS_MAX: usize = 64;

pub struct Time {
    clock: Clock,
    server: Option<Server>,
    satellites: Option<Satellites>,
}

impl Time {
    /// Starts to ask and listen. `rtc_us` is what the machine's own clock showed at the start, in microseconds since 1970.
    pub fn new(
        config: &config::Time,
        rtc_us: u64,
        ports: &mut Ports,
        sockets: &mut SocketSet<'static>,
    ) -> Self {
        let (mut server, mut satellites, mut rtc) = (None, None, None);
        for source in &config.sources {
            match source {
                config::TimeSource::Sntp(settings) => server = Some(Server::new(settings, ports, sockets)),
                config::TimeSource::Gps(settings) => satellites = Satellites::new(settings),
                config::TimeSource::Rtc => rtc = plausible(rtc_us),
            }
        }
        let sources = config.sources.iter().filter_map(|source| match source {
            config::TimeSource::Sntp(sntp) => Some((TimeSource::Sntp, sntp.silent_s)),
            config::TimeSource::Gps(gps) => Some((TimeSource::Gps, gps.silent_s)),
            config::TimeSource::Rtc => None,
        });
        let sources = sources
            .map(|(source, silent_s)| SourceSettings { source, silent_us: u64::from(silent_s) * 1_000_000 });
        let clock = Clock::new(sources, rtc);
        say!("time from {}", clock.read(0).state.source.name());
        Self { clock, server, satellites }
    }

    /// Hears what sources say, and asks; whether there was anything to do.
    pub fn step(
        &mut self,
        uptime_us: u64,
        random: &mut Generator,
        sockets: &mut SocketSet<'static>,
        counters: &mut Counters,
    ) -> bool {
        let mut busy = false;
        if let Some(server) = &mut self.server {
            busy |= server.step(uptime_us, random, sockets, &mut self.clock, counters);
        }
        if let Some(satellites) = &mut self.satellites {
            busy |= satellites.step(uptime_us, &mut self.clock, counters);
        }
        match self.clock.poll(uptime_us) {
            Some(Change::To(source)) => say!("time from {}", source.name()),
            Some(Change::HoldingOver(source)) => {
                say!("time from {}, which is silent: held over, less and less certain", source.name());
            }
            None => {}
        }
        busy
    }

    /// When there will be something to do, if no datagram comes in. The serial port is looked at whenever the box wakes.
    pub fn poll_at(&self) -> u64 {
        self.server.as_ref().map_or(u64::MAX, |server| server.client.poll_at())
    }

    /// The present, by both clocks.
    pub fn now(&self, uptime_us: u64) -> Now {
        let ClockReading { clock_us, state, .. } = self.clock.read(uptime_us);
        Now { uptime_us, clock_us, time_quality: state.quality() }
    }

    /// What the clock shows.
    pub fn read(&self, uptime_us: u64) -> ClockReading {
        self.clock.read(uptime_us)
    }
}

/// A time that can be: one before this program was made is that of a clock without a battery.
fn plausible(rtc_us: u64) -> Option<u64> {
    let is_plausible = rtc_us >= EARLIEST_UTC_S * 1_000_000;
    if !is_plausible {
        say!("the machine's own clock shows a time before 2026: not used");
    }
    is_plausible.then_some(rtc_us)
}

fn take(clock: &mut Clock, source: TimeSource, sample: Sample, counters: &mut Counters) {
    if let Some(counter) = clock.take(source, sample).counter() {
        counters.add(counter, 1);
    }
}

/// The time server, and the socket to it.
struct Server {
    client: sntp::Client,
    socket: SocketHandle,
    remote: IpEndpoint,
}

impl Server {
    fn new(settings: &config::Sntp, ports: &mut Ports, sockets: &mut SocketSet<'static>) -> Self {
        let buffer = || {
            PacketBuffer::new(
                vec![PacketMetadata::EMPTY; DATAGRAMS],
                vec![0; DATAGRAMS * sntp::REPLY_BYTES_MAX],
            )
        };
        let remote = IpEndpoint::new(IpAddress::Ipv4(settings.address), settings.port);
        let owner = ports.owner();
        let mut socket = Socket::new(buffer(), buffer());
        // A port that is not 0 on a socket that is not open: it can be bound.
        let _ = socket.bind(ports.take(owner, remote));
        Self {
            client: sntp::Client::new(u64::from(settings.poll_s) * 1_000_000, 0),
            socket: sockets.add(socket),
            remote,
        }
    }

    fn step(
        &mut self,
        uptime_us: u64,
        random: &mut Generator,
        sockets: &mut SocketSet<'static>,
        clock: &mut Clock,
        counters: &mut Counters,
    ) -> bool {
        let socket = sockets.get_mut::<Socket<'_>>(self.socket);
        let mut busy = false;
        for _ in 0..DATAGRAMS {
            let Ok((datagram, from)) = socket.recv() else { break };
            busy = true;
            let heard = if from.endpoint == self.remote {
                self.client.handle(datagram, uptime_us)
            } else {
                Err(sntp::Reject::NotAsked)
            };
            match heard {
                Ok(sample) => take(clock, TimeSource::Sntp, sample, counters),
                Err(reject) => counters.add(reject.counter(), 1),
            }
        }
        if self.client.give_up(uptime_us) {
            counters.add(Counter::SntpReplyTimeout, 1);
        }
        if self.client.is_due(uptime_us) {
            let request = self.client.request(u64::from_le_bytes(random.bytes()), uptime_us);
            // The queue is empty but for requests that could not leave, and these are given up.
            let _ = socket.send_slice(&request, self.remote);
            counters.add(Counter::SntpRequests, 1);
            busy = true;
        }
        busy
    }
}

/// The satellite receiver, and the port that it is on.
struct Satellites {
    port: serial::Port<ComPort>,
    receiver: nmea::Receiver,
}

impl Satellites {
    /// Nothing if the machine has no such port: the box runs on with what other sources say.
    fn new(settings: &config::Gps) -> Option<Self> {
        let port = serial::Port::start(ComPort(settings.serial_port), settings.baud);
        match &port {
            Some(_) => say!("{:?} receives from satellites, and never sends", settings.serial_port),
            None => say!("{:?} is not there: nothing is heard from satellites", settings.serial_port),
        }
        Some(Self { port: port?, receiver: nmea::Receiver::new(u64::from(settings.uncertainty_ms) * 1000) })
    }

    fn step(&mut self, uptime_us: u64, clock: &mut Clock, counters: &mut Counters) -> bool {
        for taken in 0..CHARACTERS_MAX {
            let heard = match self.port.receive() {
                Ok(None) => return taken > 0,
                Ok(Some(character)) => self.receiver.push(character, uptime_us),
                Err(serial::Damaged) => {
                    counters.add(Counter::GpsDamaged, 1);
                    self.receiver.reset();
                    continue;
                }
            };
            match heard {
                Ok(None) => {}
                Ok(Some(sample)) => take(clock, TimeSource::Gps, sample, counters),
                Err(reject) => counters.add(reject.counter(), 1),
            }
        }
        true
    }
}
