//! What share of the requests that a site of 64 devices asks for is sent, as the devices count it, by the box's own time.

use anyhow::Result;

use super::Figure;
use crate::lan::scenario::{Phase, measure};

pub(super) fn answered() -> Result<Vec<Figure>> {
    let measured = measure()?;
    let figure = |name, phase: &Phase| Figure::new(name, phase.percent(), "percent");
    let mut ten_off = figure("inside_answered_64_ten_off", &measured.ten_off);
    ten_off.beside = vec![("one flapping, one odd, one moved, one claimed", measured.troubled.percent())];
    Ok(vec![
        figure("inside_answered_64", &measured.healthy),
        ten_off,
        figure("inside_answered_flood", &measured.flood),
    ])
}
