"""The processor's flags, as VEX keeps them: which operation set them, and its operands."""

from __future__ import annotations

import z3

from kernel import ProofError
from operations import Value, resize

CARRY, PARITY, ADJUST, ZERO, SIGN, OVERFLOW = 0, 2, 4, 6, 7, 11
# Numbers of VEX (guest_amd64_defs.h), each for 8, 16, 32 and 64 bits.
ADD, SUB, ADC, SBB, LOGIC, INC, DEC, SHL, SHR = range(1, 37, 4)
WIDTHS = (8, 16, 32, 64)


def bit(value: Value, place: int) -> z3.BoolRef:
    """Whether a bit is set."""
    return z3.Extract(place, place, value) == 1


def state(operation: Value, first: Value, second: Value, extra: Value) -> dict[int, z3.BoolRef]:
    """Every flag, by its place in the register of flags."""
    number = z3.simplify(operation)
    if not z3.is_bv_value(number):
        raise ProofError("flags are used that were set in different ways")
    kind = number.as_long()
    if kind == 0:
        return {place: bit(first, place) for place in (CARRY, PARITY, ZERO, SIGN, OVERFLOW)}
    base, bits = 1 + (kind - 1) // 4 * 4, WIDTHS[(kind - 1) % 4]
    a, b = resize(first, bits), resize(second, bits)
    result, carry, overflow = result_of(base, a, b, resize(extra, bits), bits)
    low = z3.Extract(7, 0, result)
    ones = sum((z3.ZeroExt(7, z3.Extract(i, i, low)) for i in range(1, 8)), z3.ZeroExt(7, z3.Extract(0, 0, low)))
    flags = {CARRY: carry, ZERO: result == 0, SIGN: bit(result, bits - 1), OVERFLOW: overflow}
    flags[PARITY] = z3.Extract(0, 0, ones) == 0
    return flags


def result_of(base: int, a: Value, b: Value, extra: Value, bits: int) -> tuple[Value, z3.BoolRef, z3.BoolRef]:
    """The result, carry and overflow of an operation."""
    top, false = bits - 1, z3.BoolVal(False)
    if base == ADD:
        result = a + b
        return result, z3.ULT(result, a), bit(~(a ^ b) & (a ^ result), top)
    if base == SUB:
        result = a - b
        return result, z3.ULT(a, b), bit((a ^ b) & (a ^ result), top)
    if base == LOGIC:
        return a, false, false
    if base in (INC, DEC):
        least = z3.BitVecVal(1 << top, bits)
        limit = least if base == INC else least - 1
        return a, bit(extra, CARRY), a == limit
    if base in (ADC, SBB):
        old = extra & 1
        b = b ^ old
        if base == ADC:
            result = a + b + old
            carry = z3.If(old == 1, z3.ULE(result, a), z3.ULT(result, a))
            return result, carry, bit(~(a ^ b) & (a ^ result), top)
        result = a - b - old
        carry = z3.If(old == 1, z3.ULE(a, b), z3.ULT(a, b))
        return result, carry, bit((a ^ b) & (a ^ result), top)
    if base == SHL:
        return a, bit(b, top), bit(a ^ b, top)
    if base == SHR:
        return a, bit(b, 0), bit(a ^ b, top)
    raise ProofError(f"no meaning is known for flags of kind {base}")


def condition(number: int, flags: dict[int, z3.BoolRef]) -> z3.BoolRef:
    """A condition of a jump, by its number in the instruction."""
    carry, zero, sign, overflow = (flags[place] for place in (CARRY, ZERO, SIGN, OVERFLOW))
    less = z3.Xor(sign, overflow)
    plain = (overflow, carry, zero, z3.Or(carry, zero), sign, flags[PARITY], less, z3.Or(less, zero))[number // 2]
    return z3.Not(plain) if number % 2 else plain


def call(name: str, values: list[Value]) -> Value:
    """VEX's helpers that compute flags."""
    one, zero = z3.BitVecVal(1, 64), z3.BitVecVal(0, 64)
    if name == "amd64g_calculate_condition":
        flags = state(*values[1:])
        return z3.If(condition(z3.simplify(values[0]).as_long(), flags), one, zero)
    flags = state(*values)
    if name == "amd64g_calculate_rflags_c":
        return z3.If(flags[CARRY], one, zero)
    if name == "amd64g_calculate_rflags_all":
        return sum((z3.If(set_, one, zero) << place for place, set_ in flags.items()), zero)
    raise ProofError(f"no meaning is known for {name}")
