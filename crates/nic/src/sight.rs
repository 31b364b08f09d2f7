//! A look at whether a card's cable carries a link, for code that must not have access to the card.
//!
//! The inside half tells the operator inside that the outside link is down, but nothing that the outside half writes
//! may reach it. So it looks for itself: a [`LinkSight`] holds a mapping of the few bytes around one status register
//! of the card that cannot be written, and has a name for that register alone. Reading it has no effect on either card.

use crate::error::StartError;
use crate::memory::MmioRegion;
use crate::platform::Platform;
use crate::registers::Registers;

/// Bytes of a card's registers that a [`LinkSight`] has mapped.
const WINDOW_BYTES: usize = 4;

/// Where the physical address of a card's status register is, and which kind it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LinkPlace {
    /// STATUS of an Intel card, whose bit 1 is the link (82574 datasheet, 10.2.2.2; 82576, 8.2.2). Reading has no side effect.
    Intel {
        /// Physical address of the register.
        physical: u64,
    },
    /// `status` of a virtio-net device, whose bit 0 is the link (VIRTIO 1.2, 5.1.4), in the upper half of a word.
    VirtioNet {
        /// Physical address of the word.
        physical: u64,
    },
    /// The card does not tell; it is taken to have a link.
    Untold,
}

/// Can see one bit of a card, and do nothing.
#[derive(Debug)]
pub struct LinkSight<R = MmioRegion> {
    register: Register<R>,
}

#[derive(Debug)]
enum Register<R> {
    Intel(R),
    VirtioNet(R),
    Untold,
}

impl<R: Registers> LinkSight<R> {
    /// Maps the register at `place` to be read, and no more than the word that it is in.
    pub(crate) fn open<P: Platform<Registers = R>>(
        platform: &mut P,
        place: LinkPlace,
    ) -> Result<Self, StartError> {
        let mut map = |physical| {
            let error = StartError::NotMapped { physical, bytes: WINDOW_BYTES };
            platform.map_registers_read_only(physical, WINDOW_BYTES).ok_or(error)
        };
        let register = match place {
            LinkPlace::Intel { physical } => Register::Intel(map(physical)?),
            LinkPlace::VirtioNet { physical } => Register::VirtioNet(map(physical)?),
            LinkPlace::Untold => Register::Untold,
        };
        Ok(Self { register })
    }

    /// Whether the cable carries a link. A card that does not answer has none.
    #[must_use]
    pub fn link_up(&self) -> bool {
        match &self.register {
            Register::Intel(word) => match word.read32(0) {
                u32::MAX => false,
                status => status & 1 << 1 != 0,
            },
            Register::VirtioNet(word) => match word.read16(2) {
                u16::MAX => false,
                status => status & 1 != 0,
            },
            Register::Untold => true,
        }
    }
}
