//! The sender takes all its memory when it is made, and no more than its formula says.
#![allow(clippy::unwrap_used)]

use noreturn_link::{DiodeKey, Sender, SenderConfig};
use noreturn_wire::crossing::Sending;
use noreturn_wire::frame::FRAME_BYTES_MAX;
use noreturn_wire::{BootId, Class, DiodeId};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

#[test]
fn memory_is_taken_once_and_stays_within_the_formula() {
    let _profiler = dhat::Profiler::builder().testing().build();
    let mut config = SenderConfig::new(DiodeId(1), 12_500_000);
    config.history.interval_us = 1_000_000;
    let before = dhat::HeapStats::get().curr_bytes;
    let mut sender = Sender::new(&config, BootId([1; 16]), &DiodeKey([2; 32]));
    let taken = dhat::HeapStats::get().curr_bytes - before;
    assert!(taken <= config.bytes_max(), "{taken} bytes taken, {} promised", config.bytes_max());
    assert!(taken * 10 >= config.bytes_max() * 9, "{} bytes promised for {taken}", config.bytes_max());
    let after = dhat::HeapStats::get().total_blocks;
    let mut buffer = [0; FRAME_BYTES_MAX];
    let message = [7; 300];
    for now_us in (0..5_000_000).step_by(100) {
        for class in [Class::Alarm, Class::Telemetry, Class::Bulk] {
            let _ = sender.push(Sending { class, kept: true }, &message);
        }
        sender.set_link_up(now_us % 1_000_000 > 50_000);
        while sender.poll_transmit(now_us, &mut buffer).is_some() {}
    }
    assert_eq!(dhat::HeapStats::get().total_blocks, after, "nothing is allocated while it runs");
}
