//! What cannot be seen from outside: shares, the history's order, the spread of a block.
#![allow(clippy::unwrap_used)]
