"""lazy_pirate.py ENDPOINT HOST ATTEMPTS MILLISECONDS QUESTIONS: asks the way the Python vPoller's client class did.

One object for the whole run. Each attempt has a socket of its own with LINGER 0 and sends the message with pyzmq's own JSON; an
attempt without a reply closes the socket and uses up one of the object's attempts, which never come back.
"""

import sys

import zmq

SILENCE = '{"success": 1, "msg": "Did not receive response, aborting..."}'


class OldClient:
    def __init__(self, endpoint, attempts, milliseconds):
        self.context = zmq.Context()
        self.endpoint = endpoint
        self.left = attempts
        self.milliseconds = milliseconds

    def run(self, message):
        while self.left > 0:
            socket = self.context.socket(zmq.REQ)
            socket.setsockopt(zmq.LINGER, 0)
            socket.connect(self.endpoint)
            poller = zmq.Poller()
            poller.register(socket, zmq.POLLIN)
            print('sending', file=sys.stderr, flush=True)
            socket.send_json(message)
            answered = dict(poller.poll(self.milliseconds)).get(socket) == zmq.POLLIN
            reply = socket.recv() if answered else None
            poller.unregister(socket)
            socket.close()
            if reply is not None:
                return reply.decode('utf-8')
            self.left -= 1
        return SILENCE


client = OldClient(sys.argv[1], int(sys.argv[3]), int(sys.argv[4]))
question = {
    'method': 'vm.get',
    'hostname': sys.argv[2],
    'name': 'vm01.example.org',
    'properties': ['name', 'runtime.powerState'],
    'key': None,
    'username': None,
    'password': None,
    'helper': None,
}
for _ in range(int(sys.argv[5])):
    print(client.run(question), flush=True)
