//! Names of functions on lists of those that may do something, and what is said of the others.

use std::borrow::Cow;

use crate::program::{is_within, paths};

/// Functions that a rule lets do something.
pub(super) struct Names {
    /// Their whole names, but for what a generic function was made for.
    pub exact: &'static [&'static str],
    /// Paths: whatever has one of them in its name.
    pub within: &'static [&'static str],
}

impl Names {
    /// Whether a function is one of them.
    pub fn has(&self, name: &str) -> bool {
        let name = &*of_kernel(name);
        let is = |listed: &&str| {
            name.strip_prefix(*listed).is_some_and(|rest| rest.is_empty() || rest.starts_with("::<"))
        };
        self.exact.iter().any(is)
            || paths(name).any(|path| self.within.iter().any(|outer| is_within(path, outer)))
    }
}

const PLANTED: &str = "noreturn_kernel_planted";

/// A name as the kernel has it: the one that tests plant offences in is another crate of the same modules.
pub(super) fn of_kernel(name: &str) -> Cow<'_, str> {
    if name.contains(PLANTED) {
        Cow::Owned(name.replace(PLANTED, "noreturn_kernel"))
    } else {
        Cow::Borrowed(name)
    }
}

/// Objections that one message tells at most.
const TOLD_MAX: usize = 256;

/// What a rule says that holds of `count` things, or the objections to some of them.
pub(super) fn all_or_first(
    count: usize,
    objections: impl Iterator<Item = String>,
    what: &str,
) -> Result<String, String> {
    let objections: Vec<_> = objections.collect();
    match objections.len() {
        0 => Ok(format!("{count} {what}, each on the list")),
        more @ TOLD_MAX.. => {
            Err(format!("{} (and {} more)", objections[..TOLD_MAX].join("; "), more - TOLD_MAX))
        }
        _ => Err(objections.join("; ")),
    }
}
