"""An independent Modbus TCP server (pymodbus) whose values a test sets and knows.

Usage: modbus_server.py PORT; then on standard input, one command a line:
    TABLE ADDRESS VALUE...    TABLE is coils, discrete, holding or input
Answers "ready" once it listens, and "set" after each command. Ends when standard input does.
"""

import asyncio
import sys

from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

ADDRESSES = 200
FUNCTIONS = {"coils": 1, "discrete": 2, "holding": 3, "input": 4}


def device() -> SimDevice:
    bits = [SimData(0, values=[False] * ADDRESSES, datatype=DataType.BITS)]
    registers = [SimData(0, values=[0] * ADDRESSES, datatype=DataType.REGISTERS)]
    return SimDevice(id=0, simdata=(bits, bits, registers, registers))


async def main(port: int) -> None:
    server = ModbusTcpServer(device(), address=("127.0.0.1", port))
    await server.serve_forever(background=True)
    print("ready", flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        table, address, *words = line.split()
        values = [word != "0" for word in words] if table in ("coils", "discrete") else [int(word) for word in words]
        await server.async_setValues(0, FUNCTIONS[table], int(address), values)
        print("set", flush=True)
    await server.shutdown()


asyncio.run(main(int(sys.argv[1])))
