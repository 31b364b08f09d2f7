//! What is wrong with a site file, and where.

use std::fmt;

use crate::section::Fault;

/// One thing that is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Error {
    /// Line, counted from 1.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
    /// The key with its path, such as `modbus[0].point[2].type`; empty if the text is not TOML.
    pub key: String,
    /// What was found, and what was expected.
    pub what: String,
}

/// Everything that is wrong with one site file, in the order of the file; never empty.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Errors {
    /// Name of the file.
    pub file: String,
    /// At least one error.
    pub errors: Vec<Error>,
}

/// Why a site file cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("{path}: cannot be read: {why}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        why: std::io::Error,
    },
    /// It is no text.
    #[error("{path}: is not UTF-8 text; save it as UTF-8")]
    NotText {
        /// The file.
        path: String,
    },
    /// The file is wrong.
    #[error(transparent)]
    Site(#[from] Errors),
}

impl Errors {
    pub(crate) fn syntax(text: &str, file: &str, error: &toml::de::Error) -> Self {
        let at = error.span().map_or(0, |span| span.start);
        let fault = Fault { at, key: String::new(), what: format!("not TOML: {}", error.message()) };
        Self::locate(text, file, vec![fault])
    }

    pub(crate) fn locate(text: &str, file: &str, mut faults: Vec<Fault>) -> Self {
        faults.sort_by_key(|fault| fault.at);
        let errors = faults
            .into_iter()
            .map(|Fault { at, key, what }| {
                let (line, column) = position(text, at);
                Error { line, column, key, what }
            })
            .collect();
        Self { file: file.to_owned(), errors }
    }
}

/// Line and column, both from 1, of a byte offset; one past the end counts as the end.
fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            let newline = if index == 0 { "" } else { "\n" };
            write!(f, "{newline}{}:{error}", self.file)?;
        }
        Ok(())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = if self.key.is_empty() { "" } else { ": " };
        write!(f, "{}:{}: {}{separator}{}", self.line, self.column, self.key, self.what)
    }
}

impl std::error::Error for Errors {}

#[cfg(test)]
mod tests {
    use super::position;

    #[test]
    fn positions_count_lines_and_characters_from_one() {
        let text = "a = 1\nb = \"é\" # x\n";
        assert_eq!(position(text, 0), (1, 1));
        assert_eq!(position(text, text.find('b').unwrap()), (2, 1));
        assert_eq!(position(text, text.find('#').unwrap()), (2, 9));
        assert_eq!(position(text, text.len()), (3, 1));
        assert_eq!(position(text, text.len() + 1), (3, 1));
    }
}
