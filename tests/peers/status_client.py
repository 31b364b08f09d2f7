"""An independent reader of the box's state: pymodbus and http.client.

Usage: status_client.py MODBUS_PORT HTTP_PORT; then on standard input, one command a line:
    read FUNCTION ADDRESS COUNT   FUNCTION is 3 or 4; answers the registers, or the exception's code
    write FUNCTION                FUNCTION is 5, 6, 15, 16, 22 or 23, at address 0; answers the exception's code
    http METHOD PATH              answers status, headers and body
Answers one line of JSON each, {"error": ...} if nothing came back. Ends when standard input does.
"""

import http.client
import json
import sys

from pymodbus.client import ModbusTcpClient
from pymodbus.exceptions import ModbusException

WRITES = {
    5: lambda client: client.write_coil(0, True),
    6: lambda client: client.write_register(0, 7),
    15: lambda client: client.write_coils(0, [True] * 9),
    16: lambda client: client.write_registers(0, [7, 7]),
    22: lambda client: client.mask_write_register(address=0, and_mask=0, or_mask=7),
    23: lambda client: client.readwrite_registers(read_address=0, read_count=1, address=0, values=[7]),
}


def modbus(client, command, function, *rest):
    if command == "read":
        address, count = map(int, rest)
        read = {3: client.read_holding_registers, 4: client.read_input_registers}[int(function)]
        result = read(address, count=count, device_id=1)
    else:
        result = WRITES[int(function)](client)
    return {"exception": result.exception_code} if result.isError() else {"registers": result.registers}


def request(port, method, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(method, path, body="x=1" if method in ("POST", "PUT") else None)
    response = connection.getresponse()
    answer = {"status": response.status, "headers": dict(response.getheaders()), "body": response.read().decode()}
    connection.close()
    return answer


def main(modbus_port, http_port):
    client = ModbusTcpClient("127.0.0.1", port=modbus_port, timeout=20, retries=1)
    for line in sys.stdin:
        command, *rest = line.split()
        try:
            if command == "http":
                answer = request(http_port, *rest)
            else:
                client.connect()
                answer = modbus(client, command, *rest)
        except (ModbusException, OSError, http.client.HTTPException) as error:
            answer = {"error": repr(error)}
        print(json.dumps(answer), flush=True)


main(int(sys.argv[1]), int(sys.argv[2]))
