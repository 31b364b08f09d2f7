//! Names: of the diode, of devices and of points. They become levels of MQTT topics (MQTT 5.0,
//! section 4.7), so what has a meaning there is refused here.

use noreturn_image_format::config::{NAME_BYTES_MAX, UNIT_BYTES_MAX};

use crate::section::{Kind, text};

/// A name that may have levels, such as `tank1/level`.
pub(crate) fn levels() -> Kind<String> {
    text(
        "a name: 1 to 96 bytes, in levels separated by \"/\" none of which is empty, without \"+\", \"#\" and control characters",
        |name| (is_plain(name) && !name.split('/').any(str::is_empty)).then(|| name.to_owned()),
    )
}

/// A name of one level.
pub(crate) fn single() -> Kind<String> {
    text("a name: 1 to 96 bytes without \"/\", \"+\", \"#\" and control characters", |name| {
        (is_plain(name) && !name.is_empty() && !name.contains('/')).then(|| name.to_owned())
    })
}

/// An engineering unit, which may be empty.
pub(crate) fn engineering_unit() -> Kind<String> {
    text("an engineering unit: at most 16 bytes without control characters", |unit| {
        (unit.len() <= UNIT_BYTES_MAX && !unit.chars().any(char::is_control)).then(|| unit.to_owned())
    })
}

fn is_plain(name: &str) -> bool {
    name.len() <= NAME_BYTES_MAX && !name.chars().any(|c| matches!(c, '+' | '#') || c.is_control())
}
