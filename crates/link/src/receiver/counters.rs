//! What a receiver counts.

use super::Refusal;

macro_rules! receiver_counters {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// What a [`crate::Receiver`] counts, over all diodes.
        #[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
        pub struct ReceiverCounters { $($(#[doc = $doc])+ pub $name: u64,)+ }

        impl ReceiverCounters {
            /// Names and values.
            pub fn named(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
                [$((stringify!($name), self.$name)),+].into_iter()
            }
        }
    };
}

receiver_counters! {
    /// Datagrams handled.
    datagrams,
    /// Refused: not a frame.
    refused_header,
    /// Refused: no key for its diode.
    refused_unknown_diode,
    /// Refused: its boot has ended.
    refused_ended_boot,
    /// Refused: the header's tag does not verify.
    refused_forged_header,
    /// Refused: the tag does not verify.
    refused_forged,
    /// Refused: received before.
    refused_replayed,
    /// Refused: too old to tell.
    refused_too_old,
    /// Refused: contradicts its block, its stream or its file.
    refused_inconsistent,
    /// Refused: contents not understood.
    refused_malformed,
    /// Data frames accepted.
    data_frames,
    /// Parity frames accepted.
    parity_frames,
    /// Beacons accepted.
    beacon_frames,
    /// Frames of the known boots that never came, by their numbers.
    frames_missing,
    /// Data shards recovered through parity.
    shards_recovered,
    /// Blocks given up with data shards missing.
    blocks_incomplete,
    /// Ended boots that were forgotten in favour of others: they would not be refused any more.
    boots_forgotten,
    /// Messages of a kind that is not known here; skipped.
    messages_unknown,
    /// Records delivered.
    records,
    /// Of these, records recovered through parity.
    records_recovered,
    /// Of these, records that came later, from the history or after they had been reported as missing.
    records_delayed,
    /// Records that were delivered before, as the history brings them, or whose gap was forgotten; dropped.
    records_repeated,
    /// Records with a number that no source reaches; dropped.
    records_impossible,
    /// Records or names of more sources than allowed; dropped.
    records_source_limit,
    /// Gaps reported.
    gaps,
    /// Records reported as missing.
    records_missing,
    /// Gaps that were forgotten in favour of others, or when their boot ended.
    gaps_forgotten,
    /// Records that were still missing in these.
    records_lost,
    /// Steps of streams delivered.
    stream_steps,
    /// Of these, steps recovered through parity.
    stream_steps_recovered,
    /// Of these, steps that came later, from the history or after they had been reported as missing.
    stream_steps_delayed,
    /// Steps that were delivered before, or whose gap or stream was given up; dropped.
    stream_steps_repeated,
    /// Steps with a number that no stream reaches; dropped.
    stream_steps_impossible,
    /// Gaps in streams reported.
    stream_gaps,
    /// Steps reported as missing.
    stream_steps_missing,
    /// Gaps in streams that were forgotten in favour of others, or when their stream or boot ended.
    stream_gaps_forgotten,
    /// Steps that were still missing in these.
    stream_steps_lost,
    /// Streams that were idle for longest and made room for others.
    streams_evicted,
    /// Parts of files accepted.
    file_parts,
    /// Parts of files that told nothing new; dropped.
    file_parts_repeated,
    /// Parts of files that came before any description of the file; dropped.
    file_parts_unknown,
    /// Parts of files that would have scattered their file too much; dropped.
    file_parts_dropped,
    /// Files delivered in full.
    files_completed,
    /// Files that their sender gave up.
    files_aborted,
    /// Files that were idle for longest and made room for others.
    files_abandoned,
}

impl ReceiverCounters {
    pub(super) const fn count(&mut self, refusal: Refusal) {
        let counter = match refusal {
            Refusal::Header(_) => &mut self.refused_header,
            Refusal::UnknownDiode => &mut self.refused_unknown_diode,
            Refusal::EndedBoot => &mut self.refused_ended_boot,
            Refusal::ForgedHeader => &mut self.refused_forged_header,
            Refusal::Forged => &mut self.refused_forged,
            Refusal::Replayed => &mut self.refused_replayed,
            Refusal::TooOld => &mut self.refused_too_old,
            Refusal::Inconsistent => &mut self.refused_inconsistent,
            Refusal::Malformed => &mut self.refused_malformed,
        };
        *counter += 1;
    }
}
