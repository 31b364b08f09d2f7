//! Everything in the machine that is not one of the two cards: no memory access of its own, no interrupt.
//!
//! The firmware leaves devices at work: the controller of the boot medium, a display, other cards. Their registers stay where they are, since
//! only the processor reaches them; what is taken is bus mastering and interrupts (PCI Local Bus Specification 3.0, 6.2.2 and
//! 6.8; PCI-to-PCI Bridge Architecture Specification 1.2, 3.2.4.3). Bridges keep what they forward, if a card is behind them.

use crate::pci::{ConfigSpace, Function, PciAddress, functions_at, places};

/// What was found and done.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Bystanders {
    /// Functions that are neither one of the cards nor part of the way to one.
    pub functions: u16,
    /// Those of them that could reach memory, or interrupt by message, before.
    pub were_active: u16,
    /// The first that still can: it ignores what it is told.
    pub stuck: Option<Function>,
}

/// Takes bus mastering and interrupts from every function of segment 0 but `cards`, whose drivers do that themselves, and reads
/// back whether it is gone. Chipset functions that only join buses (class 6 without a bridge's header) are left alone: most
/// have the bit wired to one, and none starts an access of its own.
pub fn silence<C: ConfigSpace>(config: &mut C, cards: &[PciAddress]) -> Bystanders {
    let mut found = Bystanders::default();
    for (bus, device) in places() {
        for function in 0..functions_at(config, bus, device) {
            if let Some(function) = Function::at(config, PciAddress { bus, device, function }) {
                found.silence(config, &function, cards);
            }
        }
    }
    found
}

impl Bystanders {
    /// The function for which the box must not go on: one that keeps its access to memory, where no DMA fence holds it.
    #[must_use]
    pub fn danger(&self, is_dma_fenced: bool) -> Option<Function> {
        self.stuck.filter(|_| !is_dma_fenced)
    }

    fn silence<C: ConfigSpace>(&mut self, config: &mut C, function: &Function, cards: &[PciAddress]) {
        let is_wiring = function.is_bridge() && !function.has_bridge_header(config);
        if cards.contains(&function.address) || is_wiring {
            return;
        }
        if cards.iter().any(|card| function.leads_to(config, *card)) {
            function.stop_interrupts(config);
            return;
        }
        self.functions += 1;
        self.were_active += u16::from(function.is_active(config));
        function.stop_interrupts(config);
        function.deny_bus_mastering(config);
        if self.stuck.is_none() && function.is_active(config) {
            self.stuck = Some(*function);
        }
    }
}
