//! Where two files differ. Pure and total: whatever the bytes are.

use std::ops::Range;

use noreturn_image_format::Sha256Digest;

use super::locate;

/// Differing bytes that lie closer together than this are one place.
const GAP_BYTES: usize = 16;
/// Places that are told of each kind: the first, and the first in texts. A text of another length moves all code, so that most
/// places are only its consequence.
const PLACES_MAX: usize = 4;
/// Bytes that are shown before and after the first one that differs.
const SHOWN_BYTES: usize = 96;
/// Shorter runs of characters are not text.
const TEXT_MIN: usize = 4;
/// Shorter runs of characters may be code.
const TELLING_TEXT_MIN: usize = 16;

/// Two files that should be the same.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Compared {
    /// As people know it.
    pub name: String,
    /// The digests.
    pub sha256: [Sha256Digest; 2],
    /// The lengths.
    pub bytes: [usize; 2],
    /// How many bytes differ where both have some.
    pub differing: usize,
    /// The first places where they do.
    pub places: Vec<Place>,
    /// What was kept of them, in words.
    pub kept: Option<String>,
}

/// Where two files differ.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The first byte.
    pub offset: usize,
    /// What lies there.
    pub part: String,
    /// What is there in either file, as text if it is some.
    pub contents: [String; 2],
}

impl Compared {
    /// Compares two files.
    #[must_use]
    pub fn of(name: &str, first: &[u8], second: &[u8]) -> Self {
        let (places, differing) = places(first, second);
        let place = |offset: usize| Place {
            offset,
            part: locate::part_of(first, offset),
            contents: [show(first, offset), show(second, offset)],
        };
        Self {
            name: name.to_owned(),
            sha256: [Sha256Digest::of(first), Sha256Digest::of(second)],
            bytes: [first.len(), second.len()],
            differing,
            places: places.into_iter().map(place).collect(),
            kept: None,
        }
    }

    /// Whether the files are the same.
    #[must_use]
    pub fn is_same(&self) -> bool {
        self.sha256[0] == self.sha256[1]
    }
}

/// Where the places begin that are told, and how many bytes differ in all.
fn places(first: &[u8], second: &[u8]) -> (Vec<usize>, usize) {
    let (mut places, mut texts, mut differing, mut last, mut told) = (Vec::new(), Vec::new(), 0, None, 0);
    for (offset, (a, b)) in first.iter().zip(second).enumerate() {
        if a == b {
            continue;
        }
        differing += 1;
        let is_new = last.is_none_or(|last: usize| offset - last > GAP_BYTES);
        last = Some(offset);
        if is_new && places.len() < PLACES_MAX {
            places.push(offset);
        } else if texts.len() < PLACES_MAX
            && offset >= told
            && let Some(end) = telling_end(first, second, offset)
        {
            // Each text once, also where everything around it has moved and differs.
            told = end;
            texts.push(offset);
        }
    }
    if differing == 0 && first.len() != second.len() {
        places.push(first.len().min(second.len()));
    }
    (places.into_iter().chain(texts).collect(), differing)
}

/// Where a text ends that differs at this place and is long enough in both files to tell something.
fn telling_end(first: &[u8], second: &[u8], offset: usize) -> Option<usize> {
    let ends = [first, second].map(|bytes| {
        text_around(bytes, offset).filter(|text| text.len() >= TELLING_TEXT_MIN).map(|text| text.end)
    });
    ends[0].max(ends[1]).filter(|_| ends.iter().all(Option::is_some))
}

/// The text around a place, or some bytes if it is none.
fn show(bytes: &[u8], offset: usize) -> String {
    let Some(text) = text_around(bytes, offset) else {
        let end = bytes.len().min(offset.saturating_add(16));
        let shown = bytes.get(offset..end).unwrap_or_default();
        return match shown {
            [] => "nothing: it ends here".to_owned(),
            _ => shown.iter().map(|byte| format!("{byte:02x} ")).collect::<String>().trim_end().to_owned(),
        };
    };
    format!("\"{}\"", String::from_utf8_lossy(&bytes[text]))
}

fn text_around(bytes: &[u8], offset: usize) -> Option<Range<usize>> {
    let is_text = |byte: &u8| (0x20..0x7f).contains(byte);
    let (before, after) = bytes.split_at_checked(offset)?;
    let left = before.iter().rev().take(SHOWN_BYTES).take_while(|byte| is_text(byte)).count();
    let right = after.iter().take(SHOWN_BYTES).take_while(|byte| is_text(byte)).count();
    (right > 0 && left + right >= TEXT_MIN).then_some(offset - left..offset + right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_and_the_text_around_it_are_told() {
        let (first, second) = (b"\0\0built at 10:01\0and more", b"\0\0built at 10:02\0and more");
        let compared = Compared::of("it", first, second);
        assert!(!compared.is_same());
        assert_eq!(compared.differing, 1);
        let [place] = &compared.places[..] else { panic!("{compared:?}") };
        assert_eq!(place.offset, 15);
        assert_eq!(place.contents, ["\"built at 10:01\"", "\"built at 10:02\""]);
        assert!(Compared::of("it", first, first).is_same());
    }

    #[test]
    fn far_apart_is_two_places_and_not_all_are_told() {
        let mut second = vec![0; 4000];
        (second[100], second[110], second[1000]) = (1, 1, 1);
        let compared = Compared::of("it", &[0; 4000], &second);
        assert_eq!(compared.places.iter().map(|place| place.offset).collect::<Vec<_>>(), [100, 1000]);
        assert_eq!(compared.places[0].contents[1], "01 00 00 00 00 00 00 00 00 00 01 00 00 00 00 00");
        let other = vec![1; 4000];
        let all = Compared::of("it", &[0; 4000], &other);
        assert_eq!((all.places.len(), all.differing), (1, 4000), "one place without a gap");
    }

    #[test]
    fn a_text_is_told_behind_much_code() {
        let file = |byte: u8, text: &[u8]| {
            let spaced: Vec<u8> = (0..20).flat_map(|_| [[byte].as_slice(), &[0; 40]].concat()).collect();
            [&spaced, b"built in /here/and/there/".as_slice(), text, b"\0"].concat()
        };
        let compared = Compared::of("it", &file(1, b"a"), &file(2, b"b"));
        assert_eq!(compared.places.len(), PLACES_MAX + 1);
        assert_eq!(compared.places[PLACES_MAX].contents[1], "\"built in /here/and/there/b\"");
    }

    #[test]
    fn a_text_is_told_in_the_midst_of_bytes_that_differ() {
        let file = |byte: u8, text: &[u8]| {
            let spaced: Vec<u8> = (0..20).flat_map(|_| [[byte].as_slice(), &[0; 40]].concat()).collect();
            [&spaced, [byte; 20].as_slice(), b", built at 1", text, b" in /here/and/there", &[byte; 20]]
                .concat()
        };
        let compared = Compared::of("it", &file(1, b"0"), &file(2, b"1"));
        assert_eq!(compared.places.len(), PLACES_MAX + 1, "{compared:?}");
        assert_eq!(compared.places[PLACES_MAX].contents[1], "\", built at 11 in /here/and/there\"");
    }

    #[test]
    fn a_file_that_ends_early_differs_at_its_end() {
        let compared = Compared::of("it", b"abcdef", b"abc");
        assert_eq!((compared.places[0].offset, compared.differing), (3, 0));
        assert_eq!(compared.places[0].contents, ["\"abcdef\"", "nothing: it ends here"]);
        assert_eq!(Compared::of("it", b"", b"abc").places[0].offset, 0);
    }
}
