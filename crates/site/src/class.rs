//! Traffic classes of tags.

use noreturn_image_format::config::Class;

use crate::section::Kind;

const CLASSES: [(&str, Class); 2] = [("alarm", Class::Alarm), ("telemetry", Class::Telemetry)];

/// The class of a tag. The third class, bulk, would put records behind streams and files.
pub(crate) fn of_a_tag() -> Kind<Class> {
    Kind {
        expected: "\"alarm\" or \"telemetry\" (\"bulk\" is for streams and files only)".to_owned(),
        read: Box::new(|value| {
            let wanted = value.as_str()?;
            CLASSES.into_iter().find(|(name, _)| *name == wanted).map(|(_, class)| class)
        }),
    }
}
