"""An independent Modbus TCP server (pymodbus) whose values a test sets and knows.

Usage: modbus_server.py HOST PORT; then on standard input, one command a line:
    TABLE ADDRESS VALUE...    TABLE is coils, discrete, holding or input
    requests                  tells how many requests there were
Answers "ready" once it listens, and "set" or a number after each command. Ends when standard input does.
"""

import asyncio
import sys

from pymodbus.pdu import ModbusPDU
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

ADDRESSES = 200
FUNCTIONS = {"coils": 1, "discrete": 2, "holding": 3, "input": 4}


def device() -> SimDevice:
    bits = [SimData(0, values=[False] * ADDRESSES, datatype=DataType.BITS)]
    registers = [SimData(0, values=[0] * ADDRESSES, datatype=DataType.REGISTERS)]
    return SimDevice(id=0, simdata=(bits, bits, registers, registers))


async def main(host: str, port: int) -> None:
    requests = 0

    def count(sending: bool, pdu: ModbusPDU) -> ModbusPDU:
        nonlocal requests
        requests += not sending
        return pdu

    server = ModbusTcpServer(device(), address=(host, port), trace_pdu=count)
    await server.serve_forever(background=True)
    print("ready", flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        if line.strip() == "requests":
            print(requests, flush=True)
            continue
        table, address, *words = line.split()
        values = [word != "0" for word in words] if table in ("coils", "discrete") else [int(word) for word in words]
        await server.async_setValues(0, FUNCTIONS[table], int(address), values)
        print("set", flush=True)
    await server.shutdown()


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
