"""Runs machine code on unknown values, along every path, and proves at each store where it goes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable

import pyvex
import z3

import flags
from kernel import Function, Kernel, ProofError
from memory import Memory
from loops import Loops
from operations import Value, binary, unary
from regions import Region
from solver import Solver
from state import PathEnd, State

RETURN = 0x7E57_0000_0000
STEPS_MAX = 400_000
PATHS_MAX = 20_000
RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11 = range(16, 112, 8)
SCRATCH = (RAX, RCX, RDX, RSI, RDI, R8, R9, R10, R11)
CC = (144, 152, 160, 168)
DIRECTION = pyvex.ARCH_AMD64.get_register_offset("d")
GS = pyvex.ARCH_AMD64.get_register_offset("gs_const")


Summary = Callable[["Executor", State], list[State]]
Dirty = Callable[["Executor", State, str, list[Value]], Value | None]


@dataclass
class Result:
    """What the paths of a claim came to."""

    returned: list[State] = field(default_factory=list)
    panics: dict[str, int] = field(default_factory=dict)
    functions: dict[int, Function] = field(default_factory=dict)
    summarised: set[str] = field(default_factory=set)
    loops: int = 0
    paths: int = 0


class Executor:
    """Runs one claim over one kernel."""

    def __init__(self, kernel: Kernel, regions: list[Region], axioms: list[z3.BoolRef]) -> None:
        self.kernel = kernel
        self.solver = Solver([axiom for region in regions for axiom in region.axioms()] + axioms)
        self.memory = Memory(kernel, self.solver, regions)
        self.loops = Loops(self)
        self.summaries: dict[int, Summary] = {}
        self.ends: dict[int, str] = {}
        self.dirty: Dirty | None = None
        self.result = Result()

    def call(self, state: State) -> Result:
        """Runs a function from its start to every return."""
        self.memory.push_return(state, RETURN)
        state.frames = (RETURN,)
        self.explore(state, None)
        return self.result

    def check(self, state: State, what: str, condition: z3.BoolRef) -> None:
        """Proves a condition of a path that is over, or notes a counterexample."""
        try:
            self.memory.prove(state, what, condition)
        except PathEnd:
            return

    def explore(self, state: State, scope: "object | None") -> list[State]:
        """Runs every path. With a scope, which is a loop, gives the states that come back to its head."""
        # A loop's head is where a round starts and where it ends, so its first instruction is run before anything is asked.
        work, back, steps = [state] if scope is None else self.attempt(state), [], 0
        while work:
            current = work.pop()
            steps += 1
            if steps > STEPS_MAX or len(work) > PATHS_MAX:
                raise ProofError(f"too many steps or paths, at {self.kernel.place(current.address)}")
            following = self.advance(current, scope, back)
            if scope is None:
                self.result.paths += max(0, 1 - len(following))
            work.extend(following)
        return back

    def advance(self, state: State, scope: "object | None", back: list[State]) -> list[State]:
        """One step of one path; gives what the path goes on as."""
        address = state.address
        if address == RETURN:
            if scope is None:
                self.result.returned.append(state)
            return []
        if address in self.ends:
            if scope is None:
                name = self.ends[address]
                self.result.panics[name] = self.result.panics.get(name, 0) + 1
            return []
        if address in self.summaries:
            self.result.summarised.add(self.kernel.place(address).split("+")[0])
            try:
                return self.summaries[address](self, state)
            except PathEnd:
                return []
        proceeds = self.loops.arrive(state, scope, back)
        if proceeds is None:
            return []
        return self.attempt(proceeds)

    def attempt(self, state: State) -> list[State]:
        """One instruction, unless the path ends there."""
        try:
            return self.execute(state)
        except PathEnd:
            return []

    def execute(self, state: State) -> list[State]:
        """One instruction."""
        address = state.address
        function = self.kernel.at(address)
        if function is None:
            raise ProofError(f"{address:#x} belongs to no function")
        self.result.functions[function.start] = function
        block = self.kernel.instruction(address)
        self.memory.here = address
        temporaries: dict[int, Value] = {}
        done: list[State] = []
        for statement in block.statements:
            if isinstance(statement, pyvex.stmt.Exit):
                guard = z3.simplify(self.value(state, temporaries, statement.guard) == 1)
                target = statement.dst.value
                taken, falls = self.split(state, guard)
                if taken is not None:
                    taken.address = target
                    done.append(taken)
                if falls is None:
                    return done
                state = falls
            else:
                self.statement(state, temporaries, statement)
        self.leave(state, block, self.value(state, temporaries, block.next))
        return done + [state]

    def split(self, state: State, guard: z3.BoolRef) -> tuple[State | None, State | None]:
        """The path on which a condition is true, and the one on which it is not, if they can be."""
        if z3.is_true(guard):
            return state, None
        if z3.is_false(guard):
            return None, state
        can, cannot = self.solver.can(state.path, guard), self.solver.can(state.path, z3.Not(guard))
        if can and cannot:
            other = state.fork()
            state.path.append(guard)
            other.path.append(z3.Not(guard))
            return state, other
        if not can and not cannot:
            raise PathEnd
        return (state, None) if can else (None, state)

    def leave(self, state: State, block: pyvex.IRSB, target: Value) -> None:
        """Goes on at what comes after the instruction."""
        target = z3.simplify(target)
        if not z3.is_bv_value(target):
            raise ProofError(f"nobody knows where {self.kernel.place(state.address)} jumps to: {target}")
        if block.jumpkind not in ("Ijk_Boring", "Ijk_Call", "Ijk_Ret"):
            if block.jumpkind == "Ijk_SigTRAP" or block.jumpkind == "Ijk_NoDecode":
                self.result.panics["trap"] = self.result.panics.get("trap", 0) + 1
                raise PathEnd
            raise ProofError(f"{block.jumpkind} at {self.kernel.place(state.address)}")
        if block.jumpkind == "Ijk_Call":
            state.frames += (state.address + block.size,)
        if block.jumpkind == "Ijk_Ret":
            if target.as_long() != state.frames[-1]:
                raise ProofError(f"{self.kernel.place(state.address)} returns to {target}, not to its caller")
            state.frames = state.frames[:-1]
        state.address = target.as_long()

    def statement(self, state: State, temporaries: dict[int, Value], statement: pyvex.stmt.IRStmt) -> None:
        """One statement of VEX that is no jump."""
        if isinstance(statement, pyvex.stmt.WrTmp):
            temporaries[statement.tmp] = self.value(state, temporaries, statement.data)
        elif isinstance(statement, pyvex.stmt.Put):
            state.put(statement.offset, self.value(state, temporaries, statement.data))
        elif isinstance(statement, pyvex.stmt.Store):
            address = self.value(state, temporaries, statement.addr)
            self.memory.store(state, address, self.value(state, temporaries, statement.data))
        elif isinstance(statement, pyvex.stmt.CAS):
            self.compare_and_swap(state, temporaries, statement)
        elif isinstance(statement, pyvex.stmt.Dirty):
            self.helper(state, temporaries, statement)
        elif not isinstance(statement, (pyvex.stmt.IMark, pyvex.stmt.AbiHint, pyvex.stmt.NoOp, pyvex.stmt.MBE)):
            raise ProofError(f"no meaning is known for {statement} at {self.kernel.place(state.address)}")

    def compare_and_swap(self, state: State, temporaries: dict[int, Value], swap: pyvex.stmt.CAS) -> None:
        """Of one processor: what is there is compared and, if it is what is expected, replaced."""
        if swap.dataHi is not None or swap.expdHi is not None:
            raise ProofError(f"a swap of two words at {self.kernel.place(state.address)}")
        address = self.value(state, temporaries, swap.addr)
        expected = self.value(state, temporaries, swap.expdLo)
        data = self.value(state, temporaries, swap.dataLo)
        old = self.memory.load(state, address, expected.size())
        temporaries[swap.oldLo] = old
        self.memory.store(state, address, z3.simplify(z3.If(old == expected, data, old)))

    def helper(self, state: State, temporaries: dict[int, Value], dirty: pyvex.stmt.Dirty) -> None:
        """What VEX has no operation for: ports, the counter of time."""
        arguments = [self.value(state, temporaries, a) for a in dirty.args if not isinstance(a, pyvex.expr.GSPTR)]
        answer = self.dirty(self, state, dirty.cee.name, arguments) if self.dirty else None
        if answer is None and dirty.tmp not in (-1, 0xFFFFFFFF):
            raise ProofError(f"no meaning is known for {dirty.cee.name} at {self.kernel.place(state.address)}")
        if answer is not None:
            temporaries[dirty.tmp] = answer

    def value(self, state: State, temporaries: dict[int, Value], expression: pyvex.expr.IRExpr) -> Value:
        """What an expression of VEX comes to."""
        match expression:
            case pyvex.expr.RdTmp():
                return temporaries[expression.tmp]
            case pyvex.expr.Get():
                return state.get(expression.offset, max(8, bits_of(expression.ty)))
            case pyvex.expr.Const():
                constant = expression.con
                return z3.BitVecVal(int(constant.value), constant.size)
            case pyvex.expr.Load():
                address = self.value(state, temporaries, expression.addr)
                return self.memory.load(state, address, bits_of(expression.ty))
        arguments = [self.value(state, temporaries, child) for child in children(expression)]
        return z3.simplify(self.operation(expression, arguments))

    def operation(self, expression: pyvex.expr.IRExpr, arguments: list[Value]) -> Value:
        """An operation on values."""
        match expression:
            case pyvex.expr.Binop():
                return binary(expression.op, *arguments)
            case pyvex.expr.Unop():
                return unary(expression.op, *arguments)
            case pyvex.expr.ITE():
                return z3.If(arguments[0] == 1, arguments[1], arguments[2])
            case pyvex.expr.CCall():
                return flags.call(expression.cee.name, arguments)
        raise ProofError(f"no meaning is known for {expression}")


def children(expression: pyvex.expr.IRExpr) -> list[pyvex.expr.IRExpr]:
    """The operands of an operation, in order."""
    match expression:
        case pyvex.expr.Binop() | pyvex.expr.Unop() | pyvex.expr.CCall():
            return list(expression.args)
        case pyvex.expr.ITE():
            return [expression.cond, expression.iftrue, expression.iffalse]
    raise ProofError(f"no meaning is known for {expression}")


def bits_of(kind: str) -> int:
    """The bits of a VEX type."""
    if not kind.startswith("Ity_I"):
        raise ProofError(f"values of type {kind} are not supported")
    return int(kind.removeprefix("Ity_I"))
