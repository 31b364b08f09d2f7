//! Counters: every drop on the box has a name here, and leaves in every beacon.

use heapless::Vec;
use serde::{Deserialize, Serialize};

/// Room for counters in a beacon; more than there are, so that a newer box is understood.
pub const COUNTERS_MAX: usize = 96;

macro_rules! counters {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal,)+) => {
        /// What is counted. The order is the wire order: append, never insert.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(usize)]
        pub enum Counter { $($(#[doc = $doc])+ $name,)+ }

        impl Counter {
            /// Every counter in wire order.
            pub const ALL: &'static [Counter] = &[$(Counter::$name,)+];

            /// Name in snake case, as receivers show it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Counter::$name => $text,)+ }
            }
        }
    };
}

counters! {
    /// Frames that the inside card received.
    InsideFramesReceived = "inside_frames_received",
    /// Frames that the inside card sent.
    InsideFramesSent = "inside_frames_sent",
    /// Received frames that the inside card reported as damaged or too long; dropped.
    InsideFramesDamaged = "inside_frames_damaged",
    /// Frames for the inside that found its transmit ring full; dropped.
    InsideTransmitFull = "inside_transmit_full",
    /// Modbus requests sent.
    ModbusRequests = "modbus_requests",
    /// Modbus replies accepted.
    ModbusReplies = "modbus_replies",
    /// Modbus connections that timed out.
    ModbusConnectTimeout = "modbus_connect_timeout",
    /// Modbus connections refused or reset while being made.
    ModbusConnectRefused = "modbus_connect_refused",
    /// Established Modbus connections that the device closed.
    ModbusDisconnected = "modbus_disconnected",
    /// Modbus requests without a reply in time.
    ModbusReplyTimeout = "modbus_reply_timeout",
    /// Modbus exception replies.
    ModbusException = "modbus_exception",
    /// Modbus replies with fewer bytes than asked for.
    ModbusShortReply = "modbus_short_reply",
    /// Modbus replies that did not belong to the request.
    ModbusWrongReply = "modbus_wrong_reply",
    /// Float registers that held no number.
    ModbusNotANumber = "modbus_not_a_number",
    /// Polls that came due while the one before was still under way; skipped.
    ModbusPollsSkipped = "modbus_polls_skipped",
    /// Records made by the collectors.
    Records = "records",
    /// Entries that the collectors wrote into the ring.
    RingWritten = "ring_written",
    /// Entries that were overwritten in the ring before the sender read them; lost.
    RingOverrun = "ring_overrun",
    /// Entries of the ring that were not understood; dropped.
    RingMalformed = "ring_malformed",
    /// Messages that the sender took into blocks.
    LinkMessages = "link_messages",
    /// Messages that found the sender's queue full; dropped.
    LinkQueueFull = "link_queue_full",
    /// Blocks begun.
    LinkBlocks = "link_blocks",
    /// Data frames sent.
    LinkDataFrames = "link_data_frames",
    /// Parity frames sent.
    LinkParityFrames = "link_parity_frames",
    /// Beacon frames sent.
    LinkBeaconFrames = "link_beacon_frames",
    /// Bytes of all frames sent, UDP payload only.
    LinkBytes = "link_bytes",
    /// Frames that the outside card took.
    OutsideFramesSent = "outside_frames_sent",
    /// Times that the outside card's transmit ring was full; the frame waits.
    OutsideTransmitFull = "outside_transmit_full",
    /// Times that the outside card's link was seen to go down.
    OutsideLinkLost = "outside_link_lost",
    /// Answers of the inside card that named nothing it had been given; ignored.
    InsideAnswersInvalid = "inside_answers_invalid",
    /// Frames for the inside that no Ethernet frame can hold; dropped.
    InsideLengthInvalid = "inside_length_invalid",
    /// Answers of the outside card that named nothing it had been given; ignored.
    OutsideAnswersInvalid = "outside_answers_invalid",
    /// Frames for the outside that no Ethernet frame can hold; dropped.
    OutsideLengthInvalid = "outside_length_invalid",
    /// Data frames sent again from the history.
    LinkHistoryFrames = "link_history_frames",
    /// Times that the history has been sent again from one end to the other.
    LinkHistoryPasses = "link_history_passes",
    /// Messages that the history forgot to make room for newer ones.
    LinkHistoryForgotten = "link_history_forgotten",
    /// Messages that went into the history unsent, because the outside card had no link.
    LinkHeld = "link_held",
    /// Messages that nothing keeps (names, heads) and that came while the outside card had no link; dropped.
    LinkDownDropped = "link_down_dropped",
    /// Accesses to memory that the DMA fence has stopped: of devices that the firmware left at work, for any later one stops
    /// the box.
    DmaFaults = "dma_faults",
    /// Requests for the box's state that were answered, from the inside network.
    StatusRequests = "status_requests",
    /// Requests for the box's state that were refused; somebody may want to change something.
    StatusRefused = "status_refused",
    /// Connections for the box's state that were cut: what came made no sense, or came too slowly.
    StatusCut = "status_cut",
    /// Times that sources gave and that the clock took.
    TimeSamples = "time_samples",
    /// Times that contradicted what their source had said before; not taken until more say the same.
    TimeOutliers = "time_outliers",
    /// Requests to the time server.
    SntpRequests = "sntp_requests",
    /// Requests to the time server without a reply in time.
    SntpReplyTimeout = "sntp_reply_timeout",
    /// Datagrams from the time server that are no replies of one: length, version or mode; dropped.
    SntpMalformed = "sntp_malformed",
    /// Replies to something that was not asked, or not any more; dropped.
    SntpNotAsked = "sntp_not_asked",
    /// Replies in which the time server said that it does not want to be asked; it is asked less often.
    SntpKissOfDeath = "sntp_kiss_of_death",
    /// Replies in which the time server said that it does not know the time itself; dropped.
    SntpUnsynchronized = "sntp_unsynchronized",
    /// Replies that contradict themselves, took too long, or are too uncertain; dropped.
    SntpImplausible = "sntp_implausible",
    /// Damaged or lost bytes on the satellite receiver's serial port; their sentence is dropped.
    GpsDamaged = "gps_damaged",
    /// Sentences that are too long or do not end as sentences do; dropped.
    GpsMalformed = "gps_malformed",
    /// Sentences with a wrong checksum; dropped.
    GpsChecksum = "gps_checksum",
    /// Sentences in which the satellite receiver said that it has no fix; dropped.
    GpsVoid = "gps_void",
    /// Sentences whose date or time does not exist, or lies before this program was made; dropped.
    GpsImplausible = "gps_implausible",
    /// TCP segments from the inside that would open a connection to a port on which nothing listens; dropped.
    InsideSynRefused = "inside_syn_refused",
    /// Fragments of IPv4 packets from the inside, of which none is put together; dropped.
    InsideFragments = "inside_fragments",
    /// Frames from the inside with a wrong Ethernet, ARP or IPv4 header; dropped.
    InsideMalformed = "inside_malformed",
    /// Frames from the inside that are for somebody else, of a protocol that the box does not speak, or of somebody whom it did not ask; dropped.
    InsideIgnored = "inside_ignored",
    /// Frames from the inside whose sender uses the box's own IPv4 address; dropped.
    InsideAddressConflict = "inside_address_conflict",
    /// Packets for the inside to which no way leads; dropped.
    InsideNoRoute = "inside_no_route",
    /// Packets for the inside that were given up before their neighbour's Ethernet address was known; dropped.
    InsideUnresolved = "inside_unresolved",
    /// ARP requests sent.
    ArpRequests = "arp_requests",
    /// ARP replies sent.
    ArpReplies = "arp_replies",
    /// ARP requests for the box's address that came too fast, or from too many; not answered.
    ArpRepliesLimited = "arp_replies_limited",
    /// ARP replies that nobody had asked for; dropped.
    ArpUnsolicited = "arp_unsolicited",
    /// ARP replies that contradict the first one, or the configuration; dropped.
    ArpConflict = "arp_conflict",
    /// Entries that could not be encoded, or are longer than the ring takes; dropped.
    RingRefused = "ring_refused",
    /// Configured hosts on the inside that were found at another Ethernet address than before.
    ArpChanged = "arp_changed",
}

const _: () = assert!(Counter::ALL.len() <= COUNTERS_MAX);

/// A value per counter, in wire order.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Counters(Vec<u64, COUNTERS_MAX>);

impl Default for Counters {
    fn default() -> Self {
        Self(Counter::ALL.iter().map(|_| 0).collect())
    }
}

impl Counters {
    /// The value of `counter`; 0 if the sender was older than the counter.
    #[must_use]
    pub fn get(&self, counter: Counter) -> u64 {
        self.0.get(counter as usize).copied().unwrap_or(0)
    }

    /// Counts `by` more.
    pub fn add(&mut self, counter: Counter, by: u64) {
        if let Some(value) = self.0.get_mut(counter as usize) {
            *value = value.saturating_add(by);
        }
    }

    /// Replaces the value of `counter`.
    pub fn set(&mut self, counter: Counter, value: u64) {
        if let Some(slot) = self.0.get_mut(counter as usize) {
            *slot = value;
        }
    }

    /// Adds each of `other` to this; the two halves of the box count apart.
    pub fn merge(&mut self, other: &Self) {
        for &counter in Counter::ALL {
            self.add(counter, other.get(counter));
        }
    }

    /// Names and values in wire order.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        Counter::ALL.iter().map(|&counter| (counter.name(), self.get(counter)))
    }
}
