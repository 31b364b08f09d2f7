//! Bits that mean the same in both families (82574 datasheet, 10.2; 82576 datasheet, 8).

/// CTRL: stop the card's own accesses to memory.
pub(crate) const CONTROL_MASTER_DISABLE: u32 = 1 << 2;
/// CTRL: let the link come up.
pub(crate) const CONTROL_SET_LINK_UP: u32 = 1 << 6;
/// CTRL: speed and duplex are not negotiated.
pub(crate) const CONTROL_FORCE_SPEED_AND_DUPLEX: u32 = 1 << 11 | 1 << 12;
/// CTRL: reset.
pub(crate) const CONTROL_RESET: u32 = 1 << 26;
/// CTRL: PAUSE frames are heard, and sent.
pub(crate) const CONTROL_FLOW_CONTROL: u32 = 1 << 27 | 1 << 28;
/// STATUS: there is a link.
pub(crate) const STATUS_LINK_UP: u32 = 1 << 1;
/// STATUS: the card may still access memory.
pub(crate) const STATUS_MASTER_ENABLED: u32 = 1 << 19;
/// RCTL: the receiver is on.
pub(crate) const RECEIVE_ENABLE: u32 = 1 << 1;
/// WUC: the card woke the machine up once (PME_Status), which is no setting.
const WAKE_UP_STATUS: u32 = 1 << 2;
/// MANC: the management controller receives.
pub(crate) const MANAGEMENT_RECEIVES: u32 = 1 << 17;
/// TXDCTL and RXDCTL of the igb cards: the queue is on.
pub(crate) const QUEUE_ENABLE: u32 = 1 << 25;
/// TCTL: send.
pub(crate) const TRANSMIT_ENABLE: u32 = 1 << 1;
/// TCTL: what [`TRANSMIT_SETTINGS`] sets in fields.
pub(crate) const TRANSMIT_COLLISIONS_MASK: u32 = 0xff << 4 | 0x3ff << 12;
/// TCTL: pad short packets, 15 retries, full-duplex distance 63, retransmit on late collision.
pub(crate) const TRANSMIT_SETTINGS: u32 = 1 << 3 | 0x0f << 4 | 0x3f << 12 | 1 << 24;

/// Whether what WUC reads lets the card wake the machine up.
pub(crate) const fn is_wake_up_on(control: u32) -> bool {
    control & !WAKE_UP_STATUS != 0
}
