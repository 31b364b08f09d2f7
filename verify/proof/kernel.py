"""The kernel's bytes: symbols, relocated constants, and machine code lifted one instruction at a time to VEX."""

from __future__ import annotations

import bisect
import hashlib
import re
import subprocess
from dataclasses import dataclass
from functools import cached_property

import pyvex
from elftools.elf.elffile import ELFFile
from elftools.elf.relocation import RelocationSection

RELATIVE = 8
PF_X = 1
PF_W = 2
INSTRUCTION_BYTES_MAX = 15
CLI, STI = 0xFA, 0xFB
NO_OPERATION = b"\x90"


class ProofError(Exception):
    """The proof does not go through: what stands in the way, in words."""


@dataclass(frozen=True)
class Function:
    """A function of the kernel, as its symbol says."""

    name: str
    start: int
    size: int

    @property
    def end(self) -> int:
        """The first address behind it."""
        return self.start + self.size


class Kernel:
    """An ELF file, addressed as it was linked (it is loaded elsewhere; its code does not depend on where)."""

    def __init__(self, path: str, data: bytes | None = None) -> None:
        if data is None:
            with open(path, "rb") as file:
                data = file.read()
        self.path, self.data = path, bytes(data)
        self._lifted: dict[int, pyvex.IRSB] = {}
        with open(path, "rb") as file:
            self._read_headers(ELFFile(file))

    def _read_headers(self, elf: ELFFile) -> None:
        self.segments = [
            (s["p_vaddr"], s["p_offset"], s["p_filesz"], s["p_flags"])
            for s in elf.iter_segments()
            if s["p_type"] == "PT_LOAD"
        ]
        loads = [s for s in elf.iter_segments() if s["p_type"] == "PT_LOAD" and s["p_flags"] & PF_W]
        self.writable_ranges = [(s["p_vaddr"], s["p_vaddr"] + s["p_memsz"]) for s in loads]
        relro = [s for s in elf.iter_segments() if s["p_type"] == "PT_GNU_RELRO"]
        self.constant_ranges = [(s["p_vaddr"], s["p_vaddr"] + s["p_memsz"]) for s in relro]
        symbols = elf.get_section_by_name(".symtab")
        if symbols is None:
            raise ProofError("the kernel has no symbols")
        found = [s for s in symbols.iter_symbols() if s["st_info"]["type"] == "STT_FUNC" and s["st_size"]]
        names = demangle([s.name for s in found])
        functions = [Function(n, s["st_value"], s["st_size"]) for n, s in zip(names, found)]
        self.functions = sorted(functions, key=lambda f: f.start)
        self._starts = [f.start for f in self.functions]
        self.relocations = {}
        for section in elf.iter_sections():
            if isinstance(section, RelocationSection):
                for relocation in section.iter_relocations():
                    if relocation["r_info_type"] == RELATIVE:
                        self.relocations[relocation["r_offset"]] = relocation["r_addend"]

    @cached_property
    def sha256(self) -> str:
        """The digest of the whole file."""
        return hashlib.sha256(self.data).hexdigest()

    def named(self, name: str) -> Function:
        """The one function of this name."""
        found = [f for f in self.functions if f.name == name]
        if len({f.start for f in found}) != 1:
            raise ProofError(f"{len(found)} functions are named {name}, one is needed")
        return found[0]

    def at(self, address: int) -> Function | None:
        """The function that holds an address."""
        place = bisect.bisect_right(self._starts, address) - 1
        if place < 0 or address >= self.functions[place].end:
            return None
        return self.functions[place]

    def place(self, address: int) -> str:
        """An address as people read it."""
        function = self.at(address)
        return f"{address:#x}" if function is None else f"{function.name}+{address - function.start:#x}"

    def offset(self, address: int, bytes_wanted: int) -> int:
        """Where in the file an address is."""
        for start, offset, size, _ in self.segments:
            if start <= address and address + bytes_wanted <= start + size:
                return offset + address - start
        raise ProofError(f"{address:#x} is not in the file")

    def constant(self, address: int, size: int) -> int | None:
        """What a load of constant data gives; None if the program could have changed it."""
        for start, offset, length, flags in self.segments:
            if start <= address and address + size <= start + length:
                writable = flags & PF_W and not any(a <= address and address + size <= b for a, b in self.constant_ranges)
                if writable:
                    return None
                if address in self.relocations and size == 8:
                    return self.relocations[address]
                if any(a in self.relocations for a in range(address - 7, address + size)):
                    raise ProofError(f"part of a relocated address is read at {address:#x}")
                at = offset + address - start
                return int.from_bytes(self.data[at : at + size], "little")
        return None

    def constant_spans(self) -> list[tuple[int, int]]:
        """Where what is never written is, but for what is relocated."""
        return [(start, start + size) for start, _, size, flags in self.segments if not flags & (PF_W | PF_X)]

    def is_variable(self, address: int, size: int) -> bool:
        """Whether an address is of memory that the program can change."""
        ranges = [(a, b) for a, b in self.writable_ranges if a <= address and address + size <= b]
        return bool(ranges) and not any(a <= address < b for a, b in self.constant_ranges)

    def instruction(self, address: int) -> pyvex.IRSB:
        """The VEX code of the instruction at an address, not optimised."""
        if address not in self._lifted:
            self._lifted[address] = self._lift(address)
        return self._lifted[address]

    def _lift(self, address: int) -> pyvex.IRSB:
        for start, offset, size, flags in self.segments:
            if flags & PF_X and start <= address < start + size:
                at = offset + address - start
                code = self.data[at : min(at + INSTRUCTION_BYTES_MAX, offset + size)]
                # Whether interrupts come is not part of what is proved.
                code = NO_OPERATION if code[0] in (CLI, STI) else code
                block = pyvex.lift(code, address, pyvex.ARCH_AMD64, opt_level=0, max_inst=1)
                if block.jumpkind == "Ijk_NoDecode" or block.size == 0:
                    raise ProofError(f"no meaning is known for the instruction at {self.place(address)}")
                return block
        raise ProofError(f"{address:#x} is not code")


def demangle(names: list[str]) -> list[str]:
    """Rust's names as people read them, without the hashes of crates."""
    try:
        output = subprocess.run(["c++filt"], input="\n".join(names), capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise ProofError(f"c++filt (Debian's binutils) is needed to read names: {error}") from error
    return [re.sub(r"(?<=\w)\[[0-9a-f]{1,16}\](?=$|[:<>, ])", "", name) for name in output.stdout.split("\n")[: len(names)]]
