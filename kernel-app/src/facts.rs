//! What is known of this boot before it collects or sends anything. Both halves are told at the start.

use noreturn_image_format::{Config, ConfigError, Handover, handover};
use noreturn_watchdog::Model;
use noreturn_wire::{BootId, DmaFence, FloorMemory, LastStop, Release, Trace, Watchdog};

/// The facts.
#[derive(Clone, Copy)]
pub struct Facts {
    pub boot: BootId,
    pub image_sha256: [u8; 32],
    pub config_sha256: [u8; 32],
    pub site_sha256: [u8; 32],
    pub last_stop: LastStop,
    pub watchdog: Watchdog,
    pub dma_fence: DmaFence,
    pub release: Release,
    pub reset_count: Option<u32>,
}

impl Facts {
    /// `trace` is what the boot before left; `watchdog` is the model, and whether it has reset the machine.
    pub fn new(
        boot: BootId,
        handover: &Handover,
        config: &Config,
        trace: Option<Trace>,
        watchdog: Option<(Model, bool)>,
        dma_fence: DmaFence,
    ) -> Result<Self, ConfigError> {
        let release = config.release;
        Ok(Self {
            boot,
            image_sha256: handover.image_sha256.0,
            config_sha256: handover.config_sha256.0,
            site_sha256: config.site_sha256()?.0,
            last_stop: last_stop(trace, watchdog.is_some_and(|(_, has_reset)| has_reset)),
            watchdog: match watchdog {
                None => Watchdog::None,
                Some((Model::I6300esb, _)) => Watchdog::I6300esb,
                Some((Model::Tco, _)) => Watchdog::Tco,
            },
            dma_fence,
            reset_count: handover.reset_count,
            release: Release {
                version: release.version,
                floor: release.floor,
                memory: match handover.floor_memory {
                    handover::FloorMemory::None => FloorMemory::None,
                    handover::FloorMemory::Kept(floor) => FloorMemory::Kept(floor),
                    handover::FloorMemory::Failed(code) => FloorMemory::Failed(code),
                },
            },
        })
    }
}

fn last_stop(trace: Option<Trace>, watchdog_has_reset: bool) -> LastStop {
    match trace {
        // The watchdog may have been faster than the message.
        Some(Trace::Stopped(cause)) => cause,
        _ if watchdog_has_reset => LastStop::Stalled,
        Some(Trace::Running) => LastStop::Reset,
        None => LastStop::Unknown,
    }
}
