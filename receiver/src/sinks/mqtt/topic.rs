//! Topics (MQTT 3.1.1, section 4.7). Below a diode, levels that start with `$` are ours.

use crate::item::Source;

pub(super) struct Topics {
    prefix: String,
}

impl Topics {
    pub(super) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned() }
    }

    /// Whether this receiver is there.
    pub(super) fn receiver(&self) -> String {
        format!("{}/$receiver", self.prefix)
    }

    /// State of a diode, with every beacon.
    pub(super) fn state(&self, diode: &str) -> String {
        format!("{}/{diode}/$state", self.prefix)
    }

    /// Whether there is an alarm for a diode.
    pub(super) fn alarm(&self, diode: &str) -> String {
        format!("{}/{diode}/$alarm", self.prefix)
    }

    /// Gaps of a diode.
    pub(super) fn gap(&self, diode: &str) -> String {
        format!("{}/{diode}/$gap", self.prefix)
    }

    /// Records of one source.
    pub(super) fn record(&self, diode: &str, source: &Source) -> String {
        format!("{}/{diode}/{}", self.prefix, levels(source))
    }
}

/// The tag, without what has a meaning in topics: such characters become `_`.
fn levels(source: &Source) -> String {
    if source.tag.is_empty() {
        return format!("source/{}", source.number);
    }
    let replace = |(index, c): (usize, char)| match c {
        '$' if index == 0 => '_',
        '+' | '#' => '_',
        c if c.is_control() => '_',
        c => c,
    };
    source.tag.char_indices().map(replace).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_cannot_reach_out_of_their_place() {
        let topics = Topics::new("site/noreturn");
        for (tag, topic) in [
            ("plc-1/tank1/level", "site/noreturn/east/plc-1/tank1/level"),
            ("$state", "site/noreturn/east/_state"),
            ("a/$b", "site/noreturn/east/a/$b"),
            ("a/#", "site/noreturn/east/a/_"),
            ("+\0\n", "site/noreturn/east/___"),
            ("", "site/noreturn/east/source/5"),
        ] {
            let source = Source { number: 5, tag: tag.to_owned(), unit: String::new() };
            assert_eq!(topics.record("east", &source), topic);
        }
    }
}
