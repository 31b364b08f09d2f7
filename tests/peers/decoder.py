"""A second receiver, written from docs/protocol.md alone: decodes a capture and prints what was said in it.

Usage: decoder.py KEY_HEX... < CAPTURE; the capture is one UDP payload in hexadecimal a line, in the order of arrival.
Prints one JSON object each: records (once each, and how they came), names, heads and beacons as they come, then what
is missing of each source, then streams and files. Slow and plain on purpose; nothing but the standard library.
"""

import functools
import hashlib
import json
import struct
import sys

from seal import SUITES, TAG, frame_key, header_key, open_seal, siphash

HEADER = 56
DATA, PARITY, BEACON = range(3)
HISTORY = 3
FAULTS = ["connect-timeout", "connect-refused", "disconnected", "reply-timeout", "exception", "short-reply",
          "wrong-reply", "not-a-number"]


# The code.

EXP, LOG = [0] * 510, [0] * 256
value = 1
for power in range(255):
    EXP[power] = EXP[power + 255] = value
    LOG[value] = power
    value = value << 1 ^ (0x11D if value & 0x80 else 0)


def multiply(a, b):
    return EXP[LOG[a] + LOG[b]] if a and b else 0


def invert(matrix):
    size = len(matrix)
    rows = [list(row) + [int(i == j) for j in range(size)] for i, row in enumerate(matrix)]
    for pivot in range(size):
        other = next(row for row in range(pivot, size) if rows[row][pivot])
        rows[pivot], rows[other] = rows[other], rows[pivot]
        scale = EXP[255 - LOG[rows[pivot][pivot]]]
        rows[pivot] = [multiply(value, scale) for value in rows[pivot]]
        for row in range(size):
            if row != pivot and rows[row][pivot]:
                factor = rows[row][pivot]
                rows[row] = [a ^ multiply(factor, b) for a, b in zip(rows[row], rows[pivot])]
    return [row[size:] for row in rows]


def power(base, exponent):
    result = 1
    for _ in range(exponent):
        result = multiply(result, base)
    return result


@functools.cache
def generator(data, parity):
    """All k + m rows of the systematic matrix."""
    vandermonde = [[power(row, column) for column in range(data)] for row in range(data + parity)]
    top = invert(vandermonde[:data])
    product = []
    for row in vandermonde:
        line = [0] * data
        for factor, top_row in zip(row, top):
            line = [a ^ multiply(factor, b) for a, b in zip(line, top_row)]
        product.append(line)
    return product


class Block:
    """Some of the shards of a block."""

    def __init__(self, code):
        self.code, self.data, self.parity, self.sent = code, {}, {}, None

    def recover(self):
        """The data shards that were lost, as soon as parity allows; each once."""
        (data, rows), sent = self.code, self.sent
        if sent is None or len(self.data) == sent or len(self.data) + len(self.parity) < sent:
            return []
        width = len(next(iter(self.parity.values())))
        matrix = generator(data, rows)
        known = {index: (struct.pack(">H", len(shard)) + shard).ljust(width, b"\0") for index, shard in self.data.items()}
        known |= {index: bytes(width) for index in range(sent, data)}
        known |= {data + row: shard for row, shard in self.parity.items()}
        used = sorted(known)[:data]
        inverse = invert([matrix[index] for index in used])
        lost = [index for index in range(sent) if index not in self.data]
        for index in lost:
            recovered = bytearray()
            for column in zip(*(known[row] for row in used)):
                byte = 0
                for factor, value in zip(inverse[index], column):
                    byte ^= multiply(factor, value)
                recovered.append(byte)
            self.data[index] = bytes(recovered[2:2 + struct.unpack(">H", recovered[:2])[0]])
        return [self.data[index] for index in lost]


# Messages.

TIME_SOURCES = ("none", "rtc", "sntp", "gps")

class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        self.at += count
        return self.data[self.at - count:self.at]

    def varint(self):
        result = shift = 0
        while True:
            byte = self.take(1)[0]
            result |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return result

    def zigzag(self):
        number = self.varint()
        return number >> 1 ^ -(number & 1)

    def text(self):
        return self.take(self.varint()).decode()

    def quality(self):
        if self.varint() == 0:
            return "good"
        fault = self.varint()
        return f"exception-{self.take(1)[0]}" if fault == 4 else FAULTS[fault]

    def value(self):
        return [lambda: None, lambda: self.take(1) == b"\x01", self.zigzag, self.varint,
                lambda: struct.unpack("<d", self.take(8))[0]][self.varint()]()

    def message(self):
        kind = self.varint()
        if kind == 0:
            record = {"source": self.varint(), "sequence": self.varint(), "acquired_us": self.varint()}
            time = self.take(1)[0]
            record |= {"time_source": TIME_SOURCES[time >> 6]}
            record |= {"time_uncertainty_us": None if time & 63 == 63 else 1 << (time & 63)}
            return {"kind": "record", **record, "quality": self.quality(), "value": self.value()}
        if kind == 1:
            return {"kind": "announce", "source": self.varint(), "name": self.text(), "unit": self.text()}
        if kind == 2:
            return {"kind": "heads", "first": self.varint(), "next": [self.varint() for _ in range(self.varint())]}
        if kind == 3:
            return {"kind": "stream", "stream": self.varint(), "sequence": self.varint(), **self.stream_step()}
        if kind == 4:
            return {"kind": "file", "file": self.varint(), **self.file_step()}
        return {"kind": "unknown"}

    def stream_step(self):
        step = ("open", "data", "close", "abort", "head")[self.varint()]
        if step == "open":
            return {"step": step, "name": self.text()}
        if step == "data":
            return {"step": step, "offset": self.varint(), "bytes": self.take(self.varint())}
        return {"step": step} if step == "head" else {"step": step, "length": self.varint()}

    def file_step(self):
        step = ("about", "data", "abort")[self.varint()]
        if step == "about":
            return {"step": step, "name": self.text(), "length": self.varint(), "sha256": self.take(32).hex()}
        if step == "data":
            return {"step": step, "offset": self.varint(), "bytes": self.take(self.varint())}
        return {"step": step}


LAST_STOPS = ("unknown", "reset", "stalled", "panicked", "out of memory", "exception", "not started", "no entropy",
              "outside receives", "dma fault", "transmit timeout")


def beacon(payload):
    reader = Reader(payload)
    result = {"kind": "beacon", "image_sha256": reader.take(32).hex(), "config_sha256": reader.take(32).hex()}
    result["site_sha256"] = reader.take(32).hex()
    result |= {"image_version": reader.varint(), "image_floor": reader.varint()}
    memory = ("none", "kept", "failed")[reader.varint()]
    result["floor_memory"] = [memory, None if memory == "none" else reader.varint()]
    result |= {"uptime_us": reader.varint(), "clock_us": reader.varint(), "model": reader.varint()}
    result |= {"link_up": reader.take(1) == b"\x01", "firmware_left_receiver_on": reader.take(1) == b"\x01"}
    result["firmware_frames_received"] = reader.varint() if reader.take(1) == b"\x01" else None
    result["reset_count"] = reader.varint() if reader.take(1) == b"\x01" else None
    result["cards_pinned"] = reader.take(1) == b"\x01"
    last_stop = LAST_STOPS[reader.varint()]
    result["last_stop"] = [last_stop, reader.take(1)[0]] if last_stop == "exception" else last_stop
    result["watchdog"] = ("none", "i6300esb", "tco")[reader.varint()]
    result["dma_fence"] = ("none", "active")[reader.varint()]
    result["time_source"] = TIME_SOURCES[reader.varint()]
    result["time_uncertainty_us"] = reader.varint() if reader.take(1) == b"\x01" else None
    result["clock_steps"] = reader.varint()
    result["counters"] = [reader.varint() for _ in range(reader.varint())]
    return result | {"attestation": attestation(reader)}


QUOTED_PCRS = (0, 2, 4, 7, 8, 9)


def attestation(reader):
    state = ("none", "pending", "failed", "quoted")[reader.varint()]
    if state == "failed":
        fault = ("interface", "absent", "timeout", "malformed", "refused")[reader.varint()]
        return {"state": state, "fault": fault, "code": reader.varint() if fault in ("interface", "refused") else None}
    if state == "quoted":
        result = {"state": state, "key": [reader.take(32).hex(), reader.take(32).hex()]}
        result["pcrs"] = {str(pcr): reader.take(32).hex() for pcr in QUOTED_PCRS}
        result["statement"] = reader.take(reader.varint()).hex()
        return result | {"signature": [reader.take(32).hex(), reader.take(32).hex()]}
    return {"state": state}


# What a boot has said.

def say(what):
    print(json.dumps(what))


class Session:
    """One boot of one diode."""

    def __init__(self, key):
        self.key, self.frames, self.blocks = key, set(), {}
        self.records, self.heads, self.streams, self.files = {}, {}, {}, {}

    def take_shard(self, kind, class_, place, payload):
        block, index, sent, *code = place
        entry = self.blocks.setdefault((class_, block), Block(tuple(code)))
        if kind == DATA:
            if index not in entry.data:
                entry.data[index] = payload
                self.take_messages(payload, "delayed" if class_ == HISTORY else "direct")
        else:
            entry.parity[index], entry.sent = payload, sent
        for shard in entry.recover():
            self.take_messages(shard, "delayed" if class_ == HISTORY else "parity")

    def take_messages(self, shard, arrival):
        lengths = Reader(shard)
        while lengths.at < len(shard):
            message = Reader(lengths.take(lengths.varint())).message()
            kind = message["kind"]
            if kind == "record":
                known = self.records.setdefault(message["source"], set())
                if message["sequence"] not in known:
                    known.add(message["sequence"])
                    say(message | {"arrival": arrival})
            elif kind == "stream":
                if message["step"] != "head":
                    self.streams.setdefault(message["stream"], {})[message["sequence"]] = message
            elif kind == "file":
                self.files.setdefault(message["file"], []).append(message)
            elif kind != "unknown":
                say(message)
            if kind == "heads":
                for source, head in enumerate(message["next"], message["first"]):
                    self.heads[source] = max(head, self.heads.get(source, 0))

    def conclude(self):
        for source in sorted(self.records.keys() | self.heads.keys()):
            known = self.records.get(source, set())
            end = max([self.heads.get(source, 0)] + [sequence + 1 for sequence in known])
            missing = [sequence for sequence in range(end) if sequence not in known]
            if missing:
                say({"kind": "missing", "source": source, "sequences": missing})
        for stream, steps in sorted(self.streams.items()):
            say({"kind": "stream", "stream": stream, **stream_of(steps)})
        for file, pieces in sorted(self.files.items()):
            say({"kind": "file", "file": file, **file_of(pieces)})


def stream_of(steps):
    """A stream up to the first step that is missing."""
    contents, name, end = b"", None, "missing"
    for sequence in range(max(steps) + 1):
        step = steps.get(sequence)
        if step is None:
            break
        if step["step"] == "open":
            name = step["name"]
        elif step["step"] == "data":
            assert step["offset"] == len(contents), "steps in order have bytes in order"
            contents += step["bytes"]
        else:
            assert step["length"] == len(contents), "it ends where its bytes end"
            end = step["step"]
    return {"name": name, "end": end, "bytes": contents.hex()}


def file_of(pieces):
    """A file, and whether it is complete and verified; data that came before the first description is left out."""
    about, contents, seen = None, bytearray(), set()
    for piece in pieces:
        if piece["step"] == "about" and about is None:
            about, contents = piece, bytearray(piece["length"])
        elif piece["step"] == "data" and about is not None:
            end = piece["offset"] + len(piece["bytes"])
            contents[piece["offset"]:end] = piece["bytes"]
            seen.update(range(piece["offset"], end))
    if about is None:
        return {"name": None, "state": "incomplete"}
    if len(seen) < about["length"]:
        return {"name": about["name"], "state": "incomplete"}
    verified = hashlib.sha256(contents).hexdigest() == about["sha256"]
    return {"name": about["name"], "state": "verified" if verified else "wrong", "bytes": contents.hex()}


def is_frame(frame):
    fits = HEADER + TAG < len(frame) <= 1472
    return fits and frame[:3] == b"NR\x02" and frame[3] in SUITES


def main(keys):
    sessions = {}
    for line in sys.stdin:
        frame = bytes.fromhex(line)
        if not is_frame(frame):
            continue
        header, sealed = frame[:HEADER], frame[HEADER:]
        diode, boot, number, block, kind, *place = struct.unpack(">I16sQQ5B", header[4:45])
        session = sessions.get((diode, boot))
        # The boot stays with the key that opened it.
        known = [session.key] if session else keys
        key = next((key for key in known if siphash(header_key(key, diode), header[:48]) == header[48:]), None)
        if key is None or session and number in session.frames:
            continue
        payload = open_seal(header[3], frame_key(key, header[3], boot, diode), number, header, sealed)
        if payload is None:
            continue
        session = sessions.setdefault((diode, boot), Session(key))
        session.frames.add(number)
        if kind & 15 == BEACON:
            say(beacon(payload))
        else:
            session.take_shard(kind & 15, kind >> 4, [block, *place], payload)
    for _, session in sorted(sessions.items()):
        session.conclude()


main([bytes.fromhex(key) for key in sys.argv[1:]])
