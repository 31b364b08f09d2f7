//! Text that an image or a command line brought along. It must not steer a terminal, nor turn a line around.

use std::fmt::{self, Write};

/// Shows a text on one line, with what nobody would see written out.
pub(crate) struct Visible<'t>(pub &'t str);

impl fmt::Display for Visible<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| {
            if is_hidden(c) { write!(f, "{}", c.escape_unicode()) } else { f.write_char(c) }
        })
    }
}

/// Shows a text on one line of HTML, as contents or as an attribute's value.
pub(super) struct Escaped<'t>(pub &'t str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Visible(self.0).to_string().chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            _ => f.write_char(c),
        })
    }
}

/// Control characters, marks without width, marks of direction, and what is no character at all.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
        || u32::from(c) & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_is_written_out() {
        assert_eq!(Visible("a\x1b[2J\n\u{9b}b").to_string(), r"a\u{1b}[2J\u{a}\u{9b}b");
        assert_eq!(
            Visible("gpj.\u{202e}txt\u{feff}\u{1fffe}").to_string(),
            r"gpj.\u{202e}txt\u{feff}\u{1fffe}"
        );
        assert_eq!(Visible("Füllstand <1>").to_string(), "Füllstand <1>");
    }

    #[test]
    fn markup_is_text() {
        assert_eq!(
            Escaped(r#"<b a="1" c='2'>&"#).to_string(),
            "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;"
        );
        assert_eq!(Escaped("\0").to_string(), r"\u{0}");
    }
}
