//! Names: of the diode, of devices and of points. They become levels of MQTT topics (MQTT 5.0,
//! section 4.7), so what has a meaning there is refused here, and so is what a broker may close the connection for.

use noreturn_image_format::config::{NAME_BYTES_MAX, UNIT_BYTES_MAX};
use unicode_general_category::{GeneralCategory, get_general_category};

use crate::section::{Kind, text};

/// A name that may have levels, such as `tank1/level`.
pub(crate) fn levels() -> Kind<String> {
    text(
        "a name: 1 to 96 bytes, in levels separated by \"/\" none of which is empty, without \"+\", \"#\" and characters that do not show",
        |name| (fits_topics(name) && !name.split('/').any(str::is_empty)).then(|| name.to_owned()),
    )
}

/// A name of one level.
pub(crate) fn single() -> Kind<String> {
    text("a name: 1 to 96 bytes without \"/\", \"+\", \"#\" and characters that do not show", |name| {
        (fits_topics(name) && !name.is_empty() && !name.contains('/')).then(|| name.to_owned())
    })
}

/// An engineering unit, which may be empty.
pub(crate) fn engineering_unit() -> Kind<String> {
    text("an engineering unit: at most 16 bytes without characters that do not show", |unit| {
        (unit.len() <= UNIT_BYTES_MAX && unit.chars().all(is_plain)).then(|| unit.to_owned())
    })
}

fn fits_topics(name: &str) -> bool {
    name.len() <= NAME_BYTES_MAX && name.chars().all(|c| !matches!(c, '+' | '#') && is_plain(c))
}

/// Whether a character may stand in a name as it is: everybody sees it, sees the same, and every broker takes it. Not so are control
/// and format characters, line and paragraph separators, those for private use, and those that are not assigned, among which are Unicode's 66
/// non-characters (The Unicode Standard, table 4-4; MQTT 5.0, section 1.5.4).
#[must_use]
pub fn is_plain(c: char) -> bool {
    use GeneralCategory::{
        Control, Format, LineSeparator, ParagraphSeparator, PrivateUse, Surrogate, Unassigned,
    };
    !matches!(
        get_general_category(c),
        Control | Format | LineSeparator | ParagraphSeparator | PrivateUse | Surrogate | Unassigned
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_that_does_not_show_is_told_from_those_that_do() {
        let non_characters =
            (0xfdd0..=0xfdef).chain((0..=16).flat_map(|plane| [0xfffe, 0xffff].map(|n| plane << 16 | n)));
        let all: Vec<char> = non_characters.filter_map(char::from_u32).collect();
        assert_eq!(all.len(), 66);
        assert!(!all.into_iter().any(is_plain));
        for c in [
            '\0',
            '\n',
            '\u{7f}',
            '\u{80}',
            '\u{ad}',
            '\u{200b}',
            '\u{202e}',
            '\u{feff}',
            '\u{2028}',
            '\u{2029}',
            '\u{e000}',
            '\u{10fffd}',
            '\u{378}',
        ] {
            assert!(!is_plain(c), "{c:?}");
        }
        assert!("aZ0 °µΩ³%/\\$é漢字ภा😀".chars().all(is_plain));
        assert!((' '..='~').all(is_plain));
    }
}
