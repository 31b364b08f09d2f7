//! V009: the site file.

use noreturn_image_format::Config;

use super::Rule;
use crate::Expectations;
use crate::medium::Medium;
use crate::report::Outcome;

/// The configuration is what the site file means.
pub(super) const RULE: Rule = Rule { id: "V009", title: "the configuration is that of the site file", check };

fn check(medium: &Medium<'_>, expectations: &Expectations) -> Outcome {
    match &expectations.config {
        None => Outcome::Skipped("no --site was given".to_owned()),
        Some(expected) => compare(medium, expected).into(),
    }
}

fn compare(medium: &Medium<'_>, expected: &Config) -> Result<String, String> {
    let found = Config::decode(medium.config()?).map_err(|error| error.to_string())?;
    let parts = [
        ("[diode], or its key", found.diode == expected.diode),
        ("[image]", found.release == expected.release),
        ("[inside]", found.inside == expected.inside),
        ("[outside]", found.outside == expected.outside),
        ("[link]", found.link == expected.link),
        ("[status]", found.status == expected.status),
        ("[time]", found.time == expected.time),
        ("[[modbus]]", found.devices == expected.devices && found.sources == expected.sources),
    ];
    match parts.iter().find(|(_, same)| !same) {
        Some((part, _)) => Err(format!("{part} of the site file means something else")),
        None if found != *expected => Err("the site file means something else".to_owned()),
        None => Ok("the site file means just this".to_owned()),
    }
}
