"""Keys, tags and both ciphers of docs/protocol.md, written from it and from the standards that it names.

Slow and plain on purpose; nothing but the standard library.
"""

import functools
import hashlib
import hmac
import struct

TAG = 16
MASK = (1 << 64) - 1


def hkdf(key, salt, info, length):
    """RFC 5869, for at most 32 bytes."""
    secret = hmac.new(salt, key, hashlib.sha256).digest()
    return hmac.new(secret, info + b"\x01", hashlib.sha256).digest()[:length]


@functools.cache
def header_key(key, diode):
    return hkdf(key, bytes(32), b"noreturn 2 header" + struct.pack(">I", diode), 16)


@functools.cache
def frame_key(key, suite, boot, diode):
    return hkdf(key, boot, b"noreturn 2 frame" + struct.pack(">BI", suite, diode), 32)


def siphash(key, data):
    """SipHash-2-4 (Aumasson, Bernstein), as the eight bytes of its output."""
    k0, k1 = struct.unpack("<QQ", key)
    v0, v1 = k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D
    v2, v3 = k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573

    def rotate(value, bits):
        return (value << bits | value >> 64 - bits) & MASK

    def rounds(count):
        nonlocal v0, v1, v2, v3
        for _ in range(count):
            v0, v2 = v0 + v1 & MASK, v2 + v3 & MASK
            v1, v3 = rotate(v1, 13) ^ v0, rotate(v3, 16) ^ v2
            v0 = rotate(v0, 32)
            v2, v0 = v2 + v1 & MASK, v0 + v3 & MASK
            v1, v3 = rotate(v1, 17) ^ v2, rotate(v3, 21) ^ v0
            v2 = rotate(v2, 32)

    padded = data + bytes(7 - len(data) % 8) + bytes([len(data) & 255])
    for (word,) in struct.iter_unpack("<Q", padded):
        v3 ^= word
        rounds(2)
        v0 ^= word
    v2 ^= 0xFF
    rounds(4)
    return struct.pack("<Q", v0 ^ v1 ^ v2 ^ v3)


def padded(data):
    return data + bytes(-len(data) % 16)


def xor(one, other):
    return bytes(a ^ b for a, b in zip(one, other))


# ChaCha20-Poly1305.

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


def open_chacha20_poly1305(key, nonce, associated, text, tag):
    """RFC 8439, section 2.8."""
    lengths = struct.pack("<QQ", len(associated), len(text))
    one_time = chacha20_block(key, 0, nonce)[:32]
    if not hmac.compare_digest(poly1305(one_time, padded(associated) + padded(text) + lengths), tag):
        return None
    stream = b"".join(chacha20_block(key, 1 + at, nonce) for at in range(-(-len(text) // 64)))
    return bytes(a ^ b for a, b in zip(text, stream))


# AES-256-GCM.

def double(value):
    """Times x in GF(2^8) of FIPS 197."""
    return (value << 1 ^ (0x11B if value & 0x80 else 0)) & 0xFF


def substitutions():
    """The S-box of FIPS 197, section 5.1.1, by walking through powers of 3 and of its inverse."""
    box, p, q = [0x63] * 256, 1, 1
    while True:
        p ^= double(p)
        q ^= q << 1
        q ^= q << 2
        q = (q ^ q << 4) & 0xFF
        q ^= 0x09 if q & 0x80 else 0
        turned = q
        for bits in range(1, 5):
            turned ^= (q << bits | q >> 8 - bits) & 0xFF
        box[p] = turned ^ 0x63
        if p == 1:
            return box


BOX = substitutions()


@functools.cache
def round_keys(key):
    words = [list(key[at:at + 4]) for at in range(0, 32, 4)]
    constant = 1
    for at in range(8, 60):
        word = list(words[at - 1])
        if at % 8 == 0:
            word = [BOX[byte] for byte in word[1:] + word[:1]]
            word[0] ^= constant
            constant = double(constant)
        elif at % 8 == 4:
            word = [BOX[byte] for byte in word]
        words.append([a ^ b for a, b in zip(words[at - 8], word)])
    return [sum(words[at:at + 4], []) for at in range(0, 60, 4)]


def aes_block(key, block):
    """FIPS 197, section 5.1; bytes 4 c to 4 c + 3 are column c."""
    first, *rest = round_keys(key)
    state = xor(block, first)
    for number, round_key in enumerate(rest, 1):
        state = [BOX[state[(at + 4 * (at % 4)) % 16]] for at in range(16)]
        if number < 14:
            mixed = []
            for column in range(0, 16, 4):
                a = state[column:column + 4]
                every = a[0] ^ a[1] ^ a[2] ^ a[3]
                mixed += [a[row] ^ every ^ double(a[row] ^ a[(row + 1) % 4]) for row in range(4)]
            state = mixed
        state = xor(state, round_key)
    return bytes(state)


def ghash(subkey, data):
    """NIST SP 800-38D, section 6.4; the first bit of a block is its highest."""
    h, y = int.from_bytes(subkey, "big"), 0
    for at in range(0, len(data), 16):
        x, v, product = y ^ int.from_bytes(data[at:at + 16], "big"), h, 0
        for bit in range(127, -1, -1):
            if x >> bit & 1:
                product ^= v
            v = v >> 1 ^ (0xE1 << 120 if v & 1 else 0)
        y = product
    return y.to_bytes(16, "big")


def open_aes_256_gcm(key, nonce, associated, text, tag):
    """NIST SP 800-38D, section 7.2, with a nonce of 96 bits."""
    lengths = struct.pack(">QQ", len(associated) * 8, len(text) * 8)
    hashed = ghash(aes_block(key, bytes(16)), padded(associated) + padded(text) + lengths)
    if not hmac.compare_digest(xor(hashed, aes_block(key, nonce + struct.pack(">I", 1))), tag):
        return None
    blocks = range(-(-len(text) // 16))
    return xor(text, b"".join(aes_block(key, nonce + struct.pack(">I", 2 + at)) for at in blocks))


SUITES = {1: open_chacha20_poly1305, 2: open_aes_256_gcm}


def open_seal(suite, key, number, associated, sealed):
    """The payload, or nothing if the tag does not verify."""
    nonce = bytes(4) + struct.pack(">Q", number)
    return SUITES[suite](key, nonce, associated, sealed[:-TAG], sealed[-TAG:])
