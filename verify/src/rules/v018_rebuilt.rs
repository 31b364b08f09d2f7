//! V018: an independent rebuild.

use super::Rule;
use crate::medium::Medium;
use crate::report::Outcome;
use crate::reproduce::locate::part_of;

/// Somebody else's build of the same sources has the same programs, byte for byte.
pub(super) const RULE: Rule = Rule {
    id: "V018",
    title: "an independent rebuild holds the same programs",
    check: |medium, expectations| match &expectations.rebuilt {
        None => Outcome::Skipped("no --rebuilt was given".to_owned()),
        Some(rebuilt) => check(medium, &Medium::read(rebuilt)).into(),
    },
};

fn check(medium: &Medium<'_>, rebuilt: &Medium<'_>) -> Result<String, String> {
    let cannot = |why| format!("the rebuilt image cannot be read: {why}");
    compare("kernel", medium.kernel()?, rebuilt.kernel().map_err(cannot)?)?;
    compare("loader", &medium.loader_as_built()?, &rebuilt.loader_as_built().map_err(cannot)?)?;
    Ok(if medium.image == rebuilt.image {
        "the whole image, byte for byte".to_owned()
    } else {
        "kernel, and loader before it had owner and signature, byte for byte; configuration, owner or signature differ".to_owned()
    })
}

/// The first byte that differs, and where in the program it is.
fn compare(name: &str, here: &[u8], rebuilt: &[u8]) -> Result<(), String> {
    let differs = here.iter().zip(rebuilt).position(|(a, b)| a != b);
    let differs = differs.or_else(|| (here.len() != rebuilt.len()).then(|| here.len().min(rebuilt.len())));
    match differs {
        None => Ok(()),
        Some(place) => Err(format!("the {name} differs from byte {place:#x} on: {}", part_of(here, place))),
    }
}
