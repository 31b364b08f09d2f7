"""What is printed: for each claim what was shown, over which bytes, and what was taken for granted."""

from __future__ import annotations

import json
import textwrap
import time

from claim import Claim, Outcome
from kernel import Kernel, ProofError

WIDTH = 140
FORMAT = "noreturn-proof-1"


def head(kernel: Kernel) -> None:
    """Which kernel it is about."""
    print(f"kernel {kernel.path}\nSHA-256 {kernel.sha256}, {len(kernel.data)} bytes\n")


def machine_readable(kernel: Kernel, claims: list[dict[str, object]], faults: list[dict[str, object]]) -> str:
    """The results as JSON: which kernel, whether each claim was proved, and whether each planted fault was found."""
    results = {"format": FORMAT, "kernel_sha256": kernel.sha256, "kernel_bytes": len(kernel.data), "claims": claims, "faults": faults}
    return json.dumps(results, indent=2) + "\n"


def attempt(claim: Claim, kernel: Kernel) -> Outcome:
    """Tries to prove a claim."""
    outcome, start = Outcome(), time.monotonic()
    try:
        claim.prove(kernel, outcome)
    except ProofError as error:
        outcome.failures.append(str(error))
    if not outcome.stores and not outcome.failures:
        outcome.failures.append("no store was seen, so nothing was proved")
    outcome.seconds = time.monotonic() - start
    return outcome


def wrap(text: str, indent: str) -> str:
    """Text in lines."""
    return textwrap.fill(text, WIDTH, initial_indent=indent, subsequent_indent=indent + "  ")


def tell(claim: Claim, kernel: Kernel) -> bool:
    """Tries a claim and prints what came of it; whether it is proved."""
    outcome = attempt(claim, kernel)
    print(wrap(f"{claim.id} {'proved' if not outcome.failures else 'NOT PROVED'}: {claim.statement}", ""))
    for failure in outcome.failures:
        first, *rest = failure.splitlines()
        print(wrap(f"counterexample: {first}", "  "))
        for line in rest:
            print(wrap(line.strip(), "    "))
    if outcome.run_of not in ("", claim.id):
        print(f"  shown by the run of {outcome.run_of}")
    else:
        tell_run(outcome)
    for assumption in claim.assumptions:
        print(wrap(f"assumed: {assumption}", "  "))
    print(flush=True)
    return not outcome.failures


def tell_run(outcome: Outcome) -> None:
    """Prints what was gone through."""
    print("  functions:")
    for function in sorted(outcome.functions, key=lambda f: f.start):
        print(f"    {function.start:#x} {function.size} bytes {function.name}")
    print(f"  {outcome.paths} paths, {outcome.loops} loops cut, {outcome.loads} loads and {outcome.stores} stores proved ({places(outcome)})")
    print(f"  {outcome.queries} questions to Z3, {outcome.seconds:.1f} s")
    if outcome.panics:
        print(wrap("a path ends at: " + ", ".join(f"{name} ({count})" for name, count in sorted(outcome.panics.items())), "  "))
    for name in outcome.summarised:
        print(wrap(f"believed, not run: {name}", "  "))


def places(outcome: Outcome) -> str:
    """How many stores went where."""
    return ", ".join(f"{count} to {name}" for name, count in sorted(outcome.stored_in.items()))
