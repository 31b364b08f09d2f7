//! What shapes of blocks survive, by simulation: (overhead, span) to (random loss, burst, delay on recovery).

use anyhow::Result;
use noreturn_simulator::matrix::{self, Cell};

use super::Figure;

/// The table that `docs/link.md` shows, a figure a row: the longest burst survived, the rest beside it.
pub(super) fn measure() -> Result<Vec<Figure>> {
    Ok(matrix::cells().map(figure).collect())
}

fn figure(cell: Cell) -> Figure {
    let name = format!("link_matrix_{}_{}_{}", cell.data, cell.parity, cell.span_ms);
    let mut figure = Figure::new(name, cell.burst_frames as f64, "frames of a burst survived");
    figure.beside = vec![
        ("span_ms", cell.span_ms as f64),
        ("overhead_percent", cell.overhead * 100.0),
        ("random_loss_percent", cell.lost_per_mille as f64 / 10.0),
        ("burst_frames_at_5_percent_loss", cell.burst_frames_at_5_percent as f64),
        ("recovery_ms_median", cell.recovery_ms.0),
        ("recovery_ms_longest", cell.recovery_ms.1),
    ];
    figure
}
