//! What the engine counts: everything that it passes on or withholds.

macro_rules! engine_counters {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// What an [`super::Engine`] counts, over all diodes.
        #[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
        pub struct EngineCounters { $($(#[doc = $doc])+ pub $name: u64,)+ }

        impl EngineCounters {
            /// Names and values.
            pub fn named(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
                [$((stringify!($name), self.$name)),+].into_iter()
            }
        }
    };
}

engine_counters! {
    /// Boots that were heard for the first time.
    boots,
    /// Records passed on to the sinks.
    records_passed,
    /// Of these, records recovered through parity.
    records_passed_recovered,
    /// Of these, records that came late: from the history, or after they had been reported as missing.
    records_passed_delayed,
    /// Of these, records that went out as `source/<number>`, since no name came in time.
    records_passed_unnamed,
    /// Gaps passed on.
    gaps_passed,
    /// Records that these gaps speak for.
    records_missing_passed,
    /// Records withheld: their boot runs another image than expected, and is refused.
    records_refused_mismatch,
    /// Records withheld: their boot ended before any beacon told which image it runs.
    records_refused_unknown,
    /// Records that found the queue before the image check full. A gap tells of them.
    records_dropped_waiting,
    /// Parts of streams and files passed on to the writer.
    object_parts_passed,
    /// Parts withheld: their boot runs another image than expected, and is refused.
    object_parts_refused_mismatch,
    /// Parts withheld: their boot ended before any beacon told which image it runs.
    object_parts_refused_unknown,
    /// Parts that found no room before the image check. What they belong to is told to be incomplete.
    object_parts_dropped_waiting,
    /// Image mismatches, downgrades and attestation mismatches found.
    alarms,
}
