//! V006: the configuration.

use noreturn_image_format::Config;

use super::{Rule, compare};
use crate::medium::Medium;

/// The configuration is what the manifest names, decodes, and there is no other way to write it.
pub(super) const RULE: Rule = Rule {
    id: "V006",
    title: "the configuration is the one in the manifest, and can be used",
    check: |medium, _| check(medium).into(),
};

fn check(medium: &Medium<'_>) -> Result<String, String> {
    let contents = medium.config()?;
    let detail = compare(contents, &medium.manifest()?.config)?;
    let config = Config::decode(contents).map_err(|error| error.to_string())?;
    if config.encode().as_deref() != Ok(contents) {
        return Err("it is written in an unusual way".to_owned());
    }
    Ok(format!("diode {} \"{}\", {detail}", config.diode.id, config.diode.name))
}
