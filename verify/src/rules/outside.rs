//! Where the outside half begins in the kernel's machine code.

use crate::program::{Function, Program, Reached};

/// What starts its card, and what is called again and again; the kernel keeps both as functions of their own.
const STARTS: [&str; 2] = ["::start_outside", STEP];
const STEP: &str = "::outside::Outside>::step";
/// What a driver offers of a card that was started.
const SENDS: &str = " as noreturn_nic::transmit::TransmitOnly>::";
const KERNEL: [&str; 2] = ["noreturn_kernel", "<noreturn_kernel"];

/// Everything that the outside half can come to.
///
/// # Errors
/// Its beginning is not there, so nothing can be said of it.
pub(crate) fn reach<'p, 'f>(program: &'p Program<'f>) -> Result<Reached<'p, 'f>, String> {
    let lost = STARTS.iter().find(|start| !program.functions().iter().any(|function| is(function, start)));
    match lost {
        Some(start) => Err(format!("there is no {start}, so nothing can be said of the outside half")),
        None => Ok(program.reach(|function| STARTS.iter().any(|start| is(function, start)))),
    }
}

/// What the outside half can come to when its card has been started.
///
/// # Errors
/// Nothing that sends is there, so nothing can be said of it.
pub(crate) fn reach_running<'p, 'f>(program: &'p Program<'f>) -> Result<Reached<'p, 'f>, String> {
    let sends = |function: &Function| function.name.contains(SENDS);
    if !program.functions().iter().any(sends) {
        return Err(format!("there is no {SENDS}, so nothing can be said of how the outside half sends"));
    }
    Ok(program.reach(|function| sends(function) || is(function, STEP)))
}

fn is(function: &Function, start: &str) -> bool {
    function.name.ends_with(start) && KERNEL.iter().any(|kernel| function.name.starts_with(kernel))
}
