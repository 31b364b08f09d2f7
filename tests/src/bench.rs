//! What `./scripts/bench` measures, in groups that are measured together.

mod block;
mod boot;
mod bulk;
mod code;
mod fec;
mod inside;
mod instructions;
mod latency;
mod link;
mod matrix;
mod outside;
mod reproduce;
mod stops;
mod timer;
mod udp;

pub use bulk::run_end;

use anyhow::Result;
use noreturn_link::DiodeKey;
use noreturn_wire::DiodeId;

const DIODE: DiodeId = DiodeId(1);
const KEY: DiodeKey = DiodeKey([7; 32]);

/// One result.
#[derive(Clone, Debug)]
pub struct Figure {
    /// Its name, as in the documents.
    pub name: String,
    /// The number.
    pub value: f64,
    /// What the number counts.
    pub unit: &'static str,
    /// The same for others, measured in the same run.
    pub beside: Vec<(&'static str, f64)>,
}

impl Figure {
    fn new(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { name: name.into(), value, unit, beside: Vec::new() }
    }

    /// The line that is printed.
    #[must_use]
    pub fn json(&self) -> String {
        let Self { name, value, unit, beside } = self;
        let mut line =
            format!("{{\"figure\": \"{name}\", \"value\": {}, \"unit\": \"{unit}\"", rounded(*value));
        if !beside.is_empty() {
            let peers: Vec<String> =
                beside.iter().map(|(peer, value)| format!("\"{peer}\": {}", rounded(*value))).collect();
            line += &format!(", \"beside\": {{{}}}", peers.join(", "));
        }
        line + "}"
    }
}

/// Three significant digits: more would be noise.
fn rounded(value: f64) -> f64 {
    if value == 0.0 || value.abs() >= 1000.0 {
        return value.round();
    }
    let scale = 10_f64.powi(2 - value.abs().log10().floor() as i32);
    (value * scale).round() / scale
}

/// Figures that are measured together.
#[derive(Debug)]
pub struct Group {
    /// Their names.
    pub figures: &'static [&'static str],
    /// Measures them.
    pub measure: fn() -> Result<Vec<Figure>>,
}

/// Everything that is measured.
pub const GROUPS: &[Group] = &[
    Group { figures: &["loader_bytes", "kernel_bytes", "image_bytes"], measure: boot::sizes },
    Group { figures: &["outside_code_bytes", "outside_lines"], measure: code::measure },
    Group {
        figures: &[
            "fec_encode_10_4",
            "fec_encode_shards_10_4",
            "fec_decode_10_4",
            "fec_decode_kept_10_4",
            "fec_encode_20_5",
            "fec_encode_shards_20_5",
            "fec_decode_20_5",
            "fec_decode_kept_20_5",
            "fec_encode_32_8",
            "fec_encode_shards_32_8",
            "fec_decode_32_8",
            "fec_decode_kept_32_8",
            "fec_encode_40_16",
            "fec_encode_shards_40_16",
            "fec_decode_40_16",
            "fec_decode_kept_40_16",
            "fec_encode_100_16",
            "fec_encode_shards_100_16",
            "fec_decode_100_16",
            "fec_decode_kept_100_16",
            "fec_encode_200_56",
            "fec_encode_shards_200_56",
            "fec_decode_200_56",
            "fec_decode_kept_200_56",
        ],
        measure: fec::measure,
    },
    Group { figures: &["kernel_fec_instructions_per_byte"], measure: instructions::measure },
    Group {
        figures: &["sender_ns_per_record", "receiver_ns_per_record", "receiver_frames_per_s"],
        measure: link::measure,
    },
    Group { figures: &["forged_ns"], measure: link::forged },
    Group {
        figures: &[
            "link_matrix_46_6_0",
            "link_matrix_46_6_50",
            "link_matrix_46_6_200",
            "link_matrix_46_6_500",
            "link_matrix_46_16_0",
            "link_matrix_46_16_50",
            "link_matrix_46_16_200",
            "link_matrix_46_16_500",
            "link_matrix_20_20_0",
            "link_matrix_20_20_50",
            "link_matrix_20_20_200",
            "link_matrix_20_20_500",
            "link_matrix_100_16_0",
            "link_matrix_100_16_50",
            "link_matrix_100_16_200",
            "link_matrix_100_16_500",
        ],
        measure: matrix::measure,
    },
    Group {
        figures: &["telemetry_p50_ms", "telemetry_p99_ms", "telemetry_wire_ratio"],
        measure: latency::measure,
    },
    Group {
        figures: &["bulk_mb_per_s", "bulk_share_of_udp", "bulk_share_of_udp_aes_256_gcm"],
        measure: bulk::measure,
    },
    Group { figures: &["loader_to_first_record_ms", "loader_ms"], measure: boot::first_record },
    Group { figures: &["verify_ms"], measure: boot::verify },
    Group { figures: &["outside_instructions_per_frame"], measure: outside::measure },
    Group { figures: &["outside_frames_per_s"], measure: outside::rate },
    Group {
        figures: &["inside_answered_64", "inside_answered_64_ten_off", "inside_answered_flood"],
        measure: inside::answered,
    },
    Group { figures: &["stop_to_beacon_ms"], measure: stops::measure },
    Group { figures: &["reproduce_s"], measure: reproduce::measure },
];
