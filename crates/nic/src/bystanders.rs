//! Everything in the machine: no memory access of its own, no interrupt. The two cards come first, and get their access to memory back from
//! their drivers.
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
    /// The first that still can, the cards included: it ignores what it is told.
    pub stuck: Option<Function>,
}

/// Takes bus mastering and interrupts from `cards`, then from every other function of segment 0 but bridges on the way to a card, which
/// keep bus mastering, and reads back whether it is gone. Host bridges and bridges to ISA (class 6, subclasses 0 and 1, without a
/// bridge's header) are left alone: most have the bit wired to one, and none starts an access of its own. Whatever else says that it is a
/// bridge and has no bridge's header is a function like any other: a non-transparent bridge is one, through which another machine
/// reaches memory.
pub fn silence<C: ConfigSpace>(config: &mut C, cards: &[PciAddress]) -> Bystanders {
    let mut found = Bystanders::default();
    for card in cards {
        if let Some(function) = Function::at(config, *card) {
            found.take(config, &function);
        }
    }
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
        if cards.contains(&function.address) || function.is_wiring(config) {
            return;
        }
        if cards.iter().any(|card| function.leads_to(config, *card)) {
            function.stop_interrupts(config);
            return;
        }
        self.functions += 1;
        self.were_active += u16::from(function.is_active(config));
        self.take(config, function);
    }

    /// Takes a function's access to memory, and looks whether it is gone.
    fn take<C: ConfigSpace>(&mut self, config: &mut C, function: &Function) {
        function.deny_bus_mastering(config);
        function.stop_interrupts(config);
        if self.stuck.is_none() && function.is_active(config) {
            self.stuck = Some(*function);
        }
    }
}
