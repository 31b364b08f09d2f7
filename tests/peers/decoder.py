"""A second receiver, written from docs/protocol.md alone: decodes a capture and prints every message.

Usage: decoder.py KEY_HEX < CAPTURE; the capture is one UDP payload in hexadecimal a line. Prints one JSON object a
message, in the order of block and shard, then one a beacon. Slow and plain on purpose; nothing but the standard library.
"""

import hashlib
import hmac
import json
import struct
import sys

HEADER, TAG = 48, 16
FAULTS = ["connect-timeout", "connect-refused", "disconnected", "reply-timeout", "exception", "short-reply",
          "wrong-reply", "not-a-number"]


# Frame and seal.

def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def frame_key(key, boot, diode):
    secret = hmac.new(boot, key, hashlib.sha256).digest()
    info = b"noreturn 1 frame" + struct.pack(">I", diode)
    return hmac.new(secret, info + b"\x01", hashlib.sha256).digest()


def chacha20_block(key, counter, nonce):
    start = [0x61707865, 0x3320646E, 0x79622D32, 0x6B206574, *struct.unpack("<8I", key), counter,
             *struct.unpack("<3I", nonce)]
    state = list(start)

    def rotate(value, bits):
        return (value << bits | value >> 32 - bits) & 0xFFFFFFFF

    def quarter(a, b, c, d):
        for x, y, z, bits in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            state[x] = (state[x] + state[y]) & 0xFFFFFFFF
            state[z] = rotate(state[z] ^ state[x], bits)

    for _ in range(10):
        for column in range(4):
            quarter(column, 4 + column, 8 + column, 12 + column)
        for diagonal in range(4):
            quarter(diagonal, 4 + (diagonal + 1) % 4, 8 + (diagonal + 2) % 4, 12 + (diagonal + 3) % 4)
    return struct.pack("<16I", *((a + b) & 0xFFFFFFFF for a, b in zip(start, state)))


def poly1305(key, message):
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    sum_ = 0
    for at in range(0, len(message), 16):
        sum_ = (sum_ + int.from_bytes(message[at:at + 16] + b"\x01", "little")) * r % ((1 << 130) - 5)
    return (sum_ + int.from_bytes(key[16:], "little") & (1 << 128) - 1).to_bytes(16, "little")


def open_seal(key, nonce, associated, sealed):
    """The payload, or nothing if the tag does not verify (RFC 8439, section 2.8)."""
    text, tag = sealed[:-TAG], sealed[-TAG:]

    def padded(data):
        return data + bytes(-len(data) % 16)

    lengths = struct.pack("<QQ", len(associated), len(text))
    one_time = chacha20_block(key, 0, nonce)[:32]
    if not hmac.compare_digest(poly1305(one_time, padded(associated) + padded(text) + lengths), tag):
        return None
    stream = b"".join(chacha20_block(key, 1 + at, nonce) for at in range(-(-len(text) // 64)))
    return bytes(a ^ b for a, b in zip(text, stream))


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


def data_shards(block):
    """Every data shard of a block, with those that were lost, if parity allows."""
    shards, parity, (data, rows), sent = block["data"], block["parity"], block["code"], block["sent"]
    if sent is None or len(shards) == sent or len(shards) + len(parity) < sent:
        return shards
    width = len(next(iter(parity.values())))
    matrix = generator(data, rows)
    known = {index: (struct.pack(">H", len(shard)) + shard).ljust(width, b"\0") for index, shard in shards.items()}
    known |= {index: bytes(width) for index in range(sent, data)}
    known |= {data + row: shard for row, shard in parity.items()}
    used = sorted(known)[:data]
    inverse = invert([matrix[index] for index in used])
    full = dict(shards)
    for index in range(sent):
        if index not in shards:
            columns = zip(*(known[row] for row in used))
            bytes_ = bytearray()
            for column in columns:
                byte = 0
                for factor, value in zip(inverse[index], column):
                    byte ^= multiply(factor, value)
                bytes_.append(byte)
            full[index] = bytes(bytes_[2:2 + struct.unpack(">H", bytes_[:2])[0]])
    return full


# Messages.

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
            names = ("source", "sequence", "acquired_us", "quality", "value")
            readers = (self.varint, self.varint, self.varint, self.quality, self.value)
            return {"kind": "record", **{name: read() for name, read in zip(names, readers)}}
        if kind == 1:
            return {"kind": "announce", "source": self.varint(), "name": self.text(), "unit": self.text()}
        return {"kind": "heads", "first": self.varint(), "next": [self.varint() for _ in range(self.varint())]}


def beacon(payload):
    reader = Reader(payload)
    result = {"kind": "beacon", "image_sha256": reader.take(32).hex(), "config_sha256": reader.take(32).hex()}
    result |= {"uptime_us": reader.varint(), "clock_us": reader.varint(), "model": reader.varint()}
    result |= {"link_up": reader.take(1) == b"\x01", "firmware_left_receiver_on": reader.take(1) == b"\x01"}
    result["firmware_frames_received"] = reader.varint() if reader.take(1) == b"\x01" else None
    return result | {"counters": [reader.varint() for _ in range(reader.varint())]}


def main(key):
    blocks, beacons, seen = {}, [], set()
    for line in sys.stdin:
        frame = bytes.fromhex(line)
        header, sealed = frame[:HEADER], frame[HEADER:]
        if len(frame) <= HEADER + TAG or header[:3] != b"NR\x01" or crc32c(header[:44]) != struct.unpack(">I", header[44:])[0]:
            continue
        diode, boot, number, block, index, sent, data, parity = struct.unpack(">I16sQQ4B", header[4:44])
        if number in seen:
            continue
        nonce = bytes(4) + struct.pack(">Q", number)
        payload = open_seal(frame_key(key, boot, diode), nonce, header, sealed)
        if payload is None:
            continue
        seen.add(number)
        kind = header[3] & 15
        if kind == 2:
            beacons.append(beacon(payload))
            continue
        entry = blocks.setdefault(block, {"data": {}, "parity": {}, "code": (data, parity), "sent": None})
        entry["data" if kind == 0 else "parity"][index] = payload
        entry["sent"] = sent if kind == 1 else entry["sent"]
    for _, block in sorted(blocks.items()):
        for _, shard in sorted(data_shards(block).items()):
            reader = Reader(shard)
            while reader.at < len(shard):
                print(json.dumps(reader.message()))
    for entry in beacons:
        print(json.dumps(entry))


main(bytes.fromhex(sys.argv[1]))
