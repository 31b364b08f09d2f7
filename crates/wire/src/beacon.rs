//! The beacon: what the box says of itself, once a second, each complete in one frame.

use serde::{Deserialize, Serialize};

use crate::attestation::Attestation;
use crate::counter::Counters;
use crate::message::MessageError;
use crate::release::Release;
use crate::stop::LastStop;
use crate::time::ClockState;

/// State of the box. The default is that nothing is known of it.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Beacon {
    /// SHA-256 of the whole medium, as the loader measured it at this boot.
    pub image_sha256: [u8; 32],
    /// SHA-256 of the configuration inside the image.
    pub config_sha256: [u8; 32],
    /// SHA-256 of the same without the diode's key: who compiles the site file and has no key can compare it.
    pub site_sha256: [u8; 32],
    /// Which image of the diode that is.
    pub release: Release,
    /// Microseconds since the kernel started.
    pub uptime_us: u64,
    /// Microseconds since 1970-01-01 UTC by the box's clock.
    pub clock_us: u64,
    /// The outside card, as the box sees it.
    pub outside: OutsideCard,
    /// How often the machine's TPM was reset, as the loader read it: it grows with each start of the machine. `None` if it has
    /// no TPM 2.0, or that does not tell.
    pub reset_count: Option<u32>,
    /// Whether the configuration names the own Ethernet addresses of both cards, so that they cannot change places.
    pub cards_pinned: bool,
    /// How the boot before this one ended.
    pub last_stop: LastStop,
    /// What resets the box if it stalls.
    pub watchdog: Watchdog,
    /// What keeps cards from memory that is not theirs.
    pub dma_fence: DmaFence,
    /// How well the box knows the time.
    pub clock: ClockState,
    /// Every counter of both halves.
    pub counters: Counters,
    /// What its TPM says of this boot.
    pub attestation: Attestation,
}

/// The outside card, as the box sees it.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OutsideCard {
    /// Which driver runs it.
    pub model: CardModel,
    /// Whether the cable carries a link.
    pub link_up: bool,
    /// Whether the firmware had left the card's receiver enabled, before our reset.
    pub firmware_left_receiver_on: bool,
    /// Frames that the card had received before our reset, if it counts them.
    pub firmware_frames_received: Option<u32>,
}

/// Which driver runs a card.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum CardModel {
    /// virtio-net, modern PCI transport.
    #[default]
    VirtioNet,
    /// Intel 82574L and its e1000e relatives.
    IntelE1000e,
    /// Intel 82576 and its igb relatives: I350, I210, I211.
    IntelIgb,
}

/// What resets the box if it stalls.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Watchdog {
    /// Nothing: the machine has no watchdog that the box knows.
    #[default]
    None,
    /// Intel 6300ESB.
    I6300esb,
    /// The TCO timer of an Intel chipset.
    Tco,
}

impl Watchdog {
    /// Name in lower case, as everything that tells it writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::I6300esb => "i6300esb",
            Self::Tco => "tco",
        }
    }
}

/// What keeps cards from memory that is not theirs.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum DmaFence {
    /// Nothing: the machine has no remapping unit that its firmware tells of.
    #[default]
    None,
    /// The machine's remapping units: a card reaches its rings and buffers, every other device nothing.
    Active,
}

impl DmaFence {
    /// Name in lower case, as everything that tells it writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Active => "active",
        }
    }
}

impl Beacon {
    /// Writes the beacon to the start of `buffer` and returns the part written.
    ///
    /// # Errors
    /// [`MessageError::NoRoom`] if it does not fit.
    pub fn encode<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b [u8], MessageError> {
        let written = postcard::to_slice(self, buffer).map_err(|_| MessageError::NoRoom)?;
        Ok(written)
    }

    /// Reads a beacon. Bytes after it are left to later versions.
    ///
    /// # Errors
    /// [`MessageError::Malformed`].
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        postcard::take_from_bytes(bytes).map(|(beacon, _)| beacon).map_err(|_| MessageError::Malformed)
    }
}
