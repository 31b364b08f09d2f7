//! Runs a target over its corpus and seeded mutations of it, and keeps the input that it panics on.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::mutate::mutate;
use crate::random::Random;

/// An input that a target panicked on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// The input.
    pub input: Vec<u8>,
    /// What the panic said.
    pub message: String,
}

/// Runs `target` on every input of `corpus`, then on `mutations` mutations; the first panic ends it.
///
/// # Errors
/// The input and the panic.
pub fn hunt(target: fn(&[u8]), corpus: &[Vec<u8>], mutations: u32, seed: u64) -> Result<(), Finding> {
    for input in corpus {
        run(target, input)?;
    }
    let mut random = Random(seed);
    for _ in 0..mutations {
        run(target, &mutate(corpus, &mut random))?;
    }
    Ok(())
}

fn run(target: fn(&[u8]), input: &[u8]) -> Result<(), Finding> {
    // A target starts from nothing each time, so there is nothing that a panic could leave half done.
    catch_unwind(AssertUnwindSafe(|| target(input))).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let message = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked").to_owned();
        Finding { input: input.to_vec(), message }
    })
}
