//! Our edits to smoltcp 0.14.0.

use crate::edit::Edit;

const UNDERFLOW: &str = "a segment beyond the window that was told last must not panic";

/// In the order of application.
pub const EDITS: &[Edit] = &[
    // The difference panics below zero, in release builds, too. It is below zero after a SYN without ACK in SYN-SENT
    // (simultaneous open, RFC 9293, section 3.5) before this side's SYN has told a window: then none is left.
    Edit {
        file: "src/socket/tcp.rs",
        old: "        let last_win_adjusted = last_ack + last_win - next_ack;
",
        new: "        let last_win_end = last_ack + last_win;
        let last_win_adjusted = if last_win_end > next_ack {
            last_win_end - next_ack
        } else {
            0
        };
",
        count: 1,
        reason: UNDERFLOW,
    },
];
