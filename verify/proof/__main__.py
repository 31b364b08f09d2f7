"""Proves claims about the machine code of a kernel, and shows that they can fail.

usage: python proof KERNEL [--image IMAGE] [--planted PLANTED_KERNEL] [--report FILE] [--only ID]...
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import report
from claims import CLAIMS
from kernel import Kernel, ProofError
from planted import show_failures


def main() -> int:
    """Runs all claims; 0 only if each is proved and each planted fault is found."""
    parser = argparse.ArgumentParser(prog="prove")
    parser.add_argument("kernel")
    parser.add_argument("--planted", help="a kernel that holds what no kernel must, where the claims must fail")
    parser.add_argument("--image", help="an image that must hold the kernel")
    parser.add_argument("--only", action="append", help="the id of a claim, to prove only that", default=[])
    parser.add_argument("--report", help="a file to write the results to, for `diode-verify check --proof`")
    options = parser.parse_args()
    claims = [c for c in CLAIMS if not options.only or c.id in options.only]
    try:
        kernel = Kernel(options.kernel)
        image = Path(options.image).read_bytes() if options.image else kernel.data
    except (OSError, ProofError) as error:
        print(f"{options.kernel}: {error}")
        return 1
    report.head(kernel)
    if kernel.data not in image:
        print(f"{options.image} does not hold these bytes: run scripts/build")
        return 1
    proved = [{"id": claim.id, "proved": report.tell(claim, kernel)} for claim in claims]
    faults = show_failures(kernel, claims, options.planted)
    if options.report:
        Path(options.report).write_text(report.machine_readable(kernel, proved, faults))
    passed = [claim["proved"] for claim in proved] + [fault["found"] for fault in faults]
    print(f"{sum(passed)} passed, {len(passed) - sum(passed)} failed")
    return 0 if passed and all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
