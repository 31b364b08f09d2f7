//! What can be read of the box on the inside network and on the serial console. What is told is put together in
//! `noreturn_status`, which has no way to change anything.

use alloc::vec::Vec;

use noreturn_collect::Now;
use noreturn_image_format::Config;
use noreturn_inside::{Listener, Stack};
use noreturn_nic::LinkSight;
use noreturn_status::http::Http;
use noreturn_status::modbus::Modbus;
use noreturn_status::{Backlog, Look, Panel, Server};
use noreturn_wire::Counters;

use crate::facts::Facts;
use crate::fatal::say;

/// Connections at once for each protocol.
const CONNECTIONS_MAX: usize = 4;
const MODBUS_TRANSMIT_BYTES: usize = 512;
const HTTP_TRANSMIT_BYTES: usize = 4096;

/// Time from one look at the hardware to the next.
const LOOK_US: u64 = 100_000;

pub struct Status {
    pub panel: Panel,
    pub backlog: Backlog,
    sight: LinkSight,
    modbus: Vec<Listener<Modbus>>,
    http: Vec<Listener<Http>>,
    look_at_us: u64,
}

impl Status {
    /// Listens where the configuration says; nowhere if it does not.
    pub fn new(facts: &Facts, config: &Config, sight: LinkSight, stack: &mut Stack) -> Self {
        let facts = noreturn_status::Facts {
            image_sha256: facts.image_sha256,
            config_sha256: facts.config_sha256,
            boot: facts.boot,
            last_stop: facts.last_stop,
            watchdog: facts.watchdog,
            dma_fence: facts.dma_fence,
            release: facts.release,
        };
        let ports = config.status;
        Self {
            panel: Panel::new(facts, config),
            backlog: Backlog::new(config),
            sight,
            modbus: listeners(ports.modbus_port, MODBUS_TRANSMIT_BYTES, Modbus::new, stack),
            http: listeners(ports.http_port, HTTP_TRANSMIT_BYTES, Http::new, stack),
            look_at_us: 0,
        }
    }

    /// Looks at the hardware and says on the console what is new, one line at a time.
    pub fn look(&mut self, now: Now, inside_link_up: bool, counters: &Counters) {
        if now.uptime_us < self.look_at_us {
            return;
        }
        self.look_at_us = now.uptime_us + LOOK_US;
        let outside_link_up = self.sight.link_up();
        self.backlog.look(now.uptime_us, outside_link_up);
        let look = Look { outside_link_up, inside_link_up, history_percent: self.backlog.percent() };
        self.panel.look(now, &look, counters);
        if let Some(line) = self.panel.line(now.uptime_us) {
            say!("{line}");
        }
    }

    /// Answers who asks; whether anybody did.
    pub fn serve(&mut self, now: Now, stack: &mut Stack, counters: &mut Counters) -> bool {
        let mut busy = false;
        for listener in &mut self.modbus {
            busy |= listener.step(now.uptime_us, stack, &self.panel, counters);
        }
        for listener in &mut self.http {
            busy |= listener.step(now.uptime_us, stack, &self.panel, counters);
        }
        busy
    }

    /// When there is something to do at the latest; time limits of connections are looked at as often as the hardware.
    pub fn poll_at(&self) -> u64 {
        self.look_at_us
    }
}

fn listeners<S: Server>(
    port: Option<u16>,
    transmit_bytes: usize,
    server: fn() -> S,
    stack: &mut Stack,
) -> Vec<Listener<S>> {
    let Some(port) = port else { return Vec::new() };
    (0..CONNECTIONS_MAX).map(|_| Listener::new(port, transmit_bytes, server(), stack)).collect()
}
