"""bare_req.py ENDPOINT HOST: one REQ socket, and every way in which pyzmq sends a JSON text."""

import json
import sys

import zmq

endpoint, host = sys.argv[1:]
socket = zmq.Context().socket(zmq.REQ)
socket.linger = 0
socket.rcvtimeo = 10000
socket.connect(endpoint)

message = {'method': 'vm.get', 'hostname': host, 'name': 'vm-unicode-Größe-日本-мир', 'properties': ['name']}
escaped = json.dumps(message)
literal = json.dumps(message, ensure_ascii=False, indent='\t')
for send in (
    lambda: socket.send_json(message),
    lambda: socket.send_string(escaped),
    lambda: socket.send(literal.encode(), copy=False),
    lambda: socket.send_multipart([literal.encode()]),
):
    send()
    parts = socket.recv_multipart()
    assert len(parts) == 1, parts
    print(parts[0].decode())
