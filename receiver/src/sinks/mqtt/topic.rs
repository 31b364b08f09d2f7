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

    /// Whether a diode is silent.
    pub(super) fn silence(&self, diode: &str) -> String {
        format!("{}/{diode}/$silence", self.prefix)
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

/// The tag; without one, what stands for the source, which the tag of no other source may be. What has a meaning in topics, and what a
/// broker may close the connection for, is written as `\u{...}`, and so is the sign that starts this: two tags are two topics.
fn levels(source: &Source) -> String {
    if source.tag.is_empty() {
        return format!("source/{}", source.number);
    }
    let is_taken = stands_for_another(source);
    let mut levels = String::with_capacity(source.tag.len());
    for (index, c) in source.tag.char_indices() {
        let has_meaning = matches!(c, '+' | '#' | '\\') || (index == 0 && (c == '$' || is_taken));
        if has_meaning || !noreturn_site::is_plain(c) {
            levels.extend(c.escape_unicode());
        } else {
            levels.push(c);
        }
    }
    levels
}

/// Whether a tag is the one that stands for another source, should that have none.
fn stands_for_another(source: &Source) -> bool {
    let number = source.tag.strip_prefix("source/").and_then(|digits| digits.parse::<u32>().ok());
    number.is_some_and(|number| number != source.number && source.tag == format!("source/{number}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn topic(tag: &str) -> String {
        Topics::new("site/noreturn")
            .record("east", &Source { number: 5, tag: tag.to_owned(), unit: String::new() })
    }

    #[test]
    fn tags_cannot_reach_out_of_their_place() {
        for (tag, expected) in [
            ("plc-1/tank1/level", "plc-1/tank1/level"),
            ("Füllstand °C", "Füllstand °C"),
            ("$state", "\\u{24}state"),
            ("a/$b", "a/$b"),
            ("a/#", "a/\\u{23}"),
            ("+\0\n", "\\u{2b}\\u{0}\\u{a}"),
            ("a\u{fffe}", "a\\u{fffe}"),
            ("a\\u{fffe}", "a\\u{5c}u{fffe}"),
            ("\u{202e}\u{10ffff}", "\\u{202e}\\u{10ffff}"),
            ("", "source/5"),
            ("source/5", "source/5"),
            ("source/6", "\\u{73}ource/6"),
            ("source/06", "source/06"),
            ("source/6/x", "source/6/x"),
        ] {
            assert_eq!(topic(tag), format!("site/noreturn/east/{expected}"));
        }
    }

    /// What a topic was made of.
    fn tag_of(topic: &str) -> String {
        let mut tag = String::new();
        let mut rest = topic.strip_prefix("site/noreturn/east/").expect("the diode's own place");
        while let Some((before, after)) = rest.split_once("\\u{") {
            let (digits, after) = after.split_once('}').expect("an end");
            tag += before;
            tag.extend(u32::from_str_radix(digits, 16).ok().and_then(char::from_u32));
            rest = after;
        }
        tag + rest
    }

    fn any_tag() -> impl Strategy<Value = String> {
        let odd = "[-a$/+#\\\\u{}0-9\u{0}\u{fffe}\u{ffff}\u{202e}\u{e000}]{1,24}";
        prop_oneof![any::<String>(), odd, "source/[0-9]{1,11}"].prop_filter("a name", |tag| !tag.is_empty())
    }

    proptest! {
        /// No tag is the topic of another source that has none.
        #[test]
        fn what_stands_for_a_source_is_the_topic_of_no_other(number in 0..12_u32, other in 0..12_u32, tag in any_tag()) {
            prop_assume!(number != other);
            let topic = |number, tag: &str| {
                Topics::new("p").record("d", &Source { number, tag: tag.to_owned(), unit: String::new() })
            };
            let stands = format!("source/{number}");
            prop_assert_eq!(topic(number, ""), topic(number, &stands));
            for tag in [&stands, &tag] {
                prop_assert_ne!(topic(number, ""), topic(other, tag));
            }
        }

        /// Whatever a box sends: the tag can be told from its topic, so two tags are never one topic, and a broker takes it.
        #[test]
        fn every_tag_has_a_topic_of_its_own_that_a_broker_takes(tag in any_tag()) {
            let topic = topic(&tag);
            prop_assert_eq!(tag_of(&topic), tag);
            let levels = &topic["site/noreturn/east/".len()..];
            prop_assert!(!levels.starts_with('$') && !levels.contains(['+', '#']));
            prop_assert!(levels.chars().all(noreturn_site::is_plain));
        }
    }
}
