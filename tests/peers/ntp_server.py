"""A time server, written from RFC 5905 alone, whose time is as far from this machine's as a test says.

Usage: ntp_server.py PORT; then on standard input, one command a line:
    offset SECONDS    from now on its time is this machine's and so much more
    quiet             it does not answer any more
Answers "ready" once it listens, and "done" after each command. Ends when standard input does.
"""

import socket
import struct
import sys
import threading
import time

UNIX_NTP_S = 2_208_988_800
STRATUM, PRECISION = 1, -20
# Root delay and dispersion: 1 ms each, in seconds with 16 binary places.
MILLISECOND = 66

state = {"offset_s": 0.0, "quiet": False}


def timestamp() -> int:
    now_ns = time.time_ns() + int(state["offset_s"] * 1e9) + UNIX_NTP_S * 10**9
    seconds, rest_ns = divmod(now_ns, 10**9)
    return (seconds & 0xFFFFFFFF) << 32 | (rest_ns << 32) // 10**9


def serve(server: socket.socket) -> None:
    while True:
        request, client = server.recvfrom(1024)
        received = timestamp()
        if state["quiet"] or len(request) < 48 or request[0] & 7 != 3:
            continue
        head = struct.pack(">BBbb", request[0] & 0x38 | 4, STRATUM, request[2], PRECISION)
        head += struct.pack(">II4s", MILLISECOND, MILLISECOND, b"TEST")
        times = struct.pack(">Q8sQQ", received, request[40:48], received, timestamp())
        server.sendto(head + times, client)


def main() -> None:
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", int(sys.argv[1])))
    threading.Thread(target=serve, args=(server,), daemon=True).start()
    print("ready", flush=True)
    for line in sys.stdin:
        command, *rest = line.split()
        if command == "offset":
            state["offset_s"] = float(rest[0])
        elif command == "quiet":
            state["quiet"] = True
        print("done", flush=True)


main()
