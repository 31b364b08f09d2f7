//! Counters that tasks share: each is written by one task and read for the status.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! shared_counters {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// Counters outside protocol and engine.
        #[derive(Default, Debug)]
        pub struct SharedCounters { $($(#[doc = $doc])+ pub $name: AtomicU64,)+ }

        impl SharedCounters {
            /// Names and values as of now.
            pub fn named(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
                [$((stringify!($name), self.$name.load(Ordering::Relaxed))),+].into_iter()
            }
        }
    };
}

shared_counters! {
    /// Errors of the UDP socket, such as out of memory; reading goes on.
    udp_errors,
    /// Lines that the JSON Lines sink wrote.
    json_lines_written,
    /// Items that found the queue of the JSON Lines sink full; dropped.
    json_lines_dropped_queue,
    /// Lines that could not be written; lost.
    json_lines_dropped_write,
    /// Times that the JSON Lines file did not get to the disk; nothing is remembered as delivered after the first.
    json_lines_sync_errors,
    /// Connections made to the MQTT broker.
    mqtt_connections,
    /// Connections to the MQTT broker that failed or ended with an error.
    mqtt_connection_errors,
    /// Messages that the MQTT broker has taken.
    mqtt_delivered,
    /// Items that found the queue of the MQTT sink full; dropped.
    mqtt_dropped_input,
    /// Messages that waited for the MQTT broker for too long: others needed their place; dropped.
    mqtt_dropped_queue,
    /// Datagrams, counted as `datagrams`, of which everything is written that a restart must know.
    datagrams_remembered,
    /// Errors of the state directory; what could not be written is tried again.
    state_errors,
    /// Parts of streams and files for which no directory is configured.
    object_parts_unwanted,
    /// Parts of streams and files that found the queue to the disk full; dropped, and told.
    object_parts_dropped_queue,
    /// Parts of files that had failed already or were not begun, and steps of streams that had come before.
    object_parts_useless,
    /// Errors of the disk while streams and files were written; told as failed or incomplete.
    object_write_errors,
    /// Files that are complete, verified and in their place.
    files_written,
    /// Files that will not be there.
    files_failed,
    /// Files that the box gave up, or that were given up here for now.
    files_given_up,
    /// Streams of which all bytes are in their place.
    streams_written,
    /// Streams that will never be whole.
    streams_incomplete,
    /// Items that the live view did not keep up with; not shown.
    live_dropped,
}

/// Counts `by` more.
pub fn add(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}
