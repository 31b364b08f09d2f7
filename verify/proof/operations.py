"""What VEX operations mean, in Z3's bit vectors. An operation that is not here stops the proof."""

from __future__ import annotations

import re
from typing import Callable

import z3

from kernel import ProofError

Value = z3.BitVecRef
WORD = r"(8|16|32|64)"


def truth(condition: z3.BoolRef) -> Value:
    """A condition as VEX has it: one bit."""
    return z3.If(condition, z3.BitVecVal(1, 1), z3.BitVecVal(0, 1))


def resize(value: Value, bits: int, signed: bool = False) -> Value:
    """The value in so many bits: cut off, or extended."""
    have = value.size()
    if have == bits:
        return value
    if have > bits:
        return z3.Extract(bits - 1, 0, value)
    return z3.SignExt(bits - have, value) if signed else z3.ZeroExt(bits - have, value)


BINARY: dict[str, Callable[[Value, Value], Value]] = {
    "Add": lambda a, b: a + b,
    "Sub": lambda a, b: a - b,
    "Mul": lambda a, b: a * b,
    "And": lambda a, b: a & b,
    "Or": lambda a, b: a | b,
    "Xor": lambda a, b: a ^ b,
    "Shl": lambda a, b: a << resize(b, a.size()),
    "Shr": lambda a, b: z3.LShR(a, resize(b, a.size())),
    "Sar": lambda a, b: a >> resize(b, a.size()),
}

COMPARISON: dict[str, Callable[[Value, Value], z3.BoolRef]] = {
    "CmpEQ": lambda a, b: a == b,
    "CmpNE": lambda a, b: a != b,
    "CasCmpEQ": lambda a, b: a == b,
    "CasCmpNE": lambda a, b: a != b,
    "ExpCmpNE": lambda a, b: a != b,
    "CmpLTU": z3.ULT,
    "CmpLEU": z3.ULE,
    "CmpLTS": lambda a, b: a < b,
    "CmpLES": lambda a, b: a <= b,
}


def binary(operation: str, a: Value, b: Value) -> Value:
    """A VEX operation of two operands."""
    name = operation.removeprefix("Iop_")
    if match := re.fullmatch(rf"(Add|Sub|Mul|And|Or|Xor|Shl|Shr|Sar){WORD}", name):
        return BINARY[match[1]](a, b)
    if match := re.fullmatch(rf"(CasCmp|ExpCmp|Cmp)(EQ|NE|LT|LE){WORD}([US]?)", name):
        return truth(COMPARISON[match[1] + match[2] + match[4]](a, b))
    if match := re.fullmatch(rf"Mull([US]){WORD}", name):
        bits = 2 * a.size()
        return resize(a, bits, match[1] == "S") * resize(b, bits, match[1] == "S")
    if match := re.fullmatch(rf"{WORD}HLto{WORD}", name):
        return z3.Concat(a, b)
    if match := re.fullmatch(r"DivModU(64to32|128to64)", name):
        half = b.size()
        divisor = resize(b, a.size())
        return z3.Concat(resize(z3.URem(a, divisor), half), resize(z3.UDiv(a, divisor), half))
    raise ProofError(f"no meaning is known for {operation}")


def unary(operation: str, a: Value) -> Value:
    """A VEX operation of one operand."""
    name = operation.removeprefix("Iop_")
    if match := re.fullmatch(r"(\d+)([US])to(\d+)", name):
        return resize(a, int(match[3]), match[2] == "S")
    if match := re.fullmatch(r"(\d+)HIto(\d+)", name):
        return z3.Extract(int(match[1]) - 1, int(match[1]) - int(match[2]), a)
    if match := re.fullmatch(r"(\d+)to(\d+)", name):
        return resize(a, int(match[2]))
    if re.fullmatch(rf"Not(1|{WORD})", name):
        return ~a
    if match := re.fullmatch(r"(Ctz|Clz)(Nat)?(32|64)", name):
        return zeros(a, match[1] == "Ctz")
    raise ProofError(f"no meaning is known for {operation}")


def zeros(a: Value, from_below: bool) -> Value:
    """How many zeros a value starts with, or ends with."""
    bits = a.size()
    count = z3.BitVecVal(bits, bits)
    places = range(bits - 1, -1, -1) if from_below else range(bits)
    for place in places:
        zeros_before = place if from_below else bits - 1 - place
        count = z3.If(z3.Extract(place, place, a) == 1, z3.BitVecVal(zeros_before, bits), count)
    return count
