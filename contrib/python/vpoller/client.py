"""Asking a vPoller proxy."""

import json

import zmq

__all__ = ['NO_RESPONSE', 'VPollerClient']

#: What `VPollerClient.run` returns when no attempt was answered.
NO_RESPONSE = '{"success": 1, "msg": "Did not receive response, aborting..."}'


class VPollerClient:
    """Sends messages to a vPoller proxy and waits for the replies, one after the other.

    `endpoint` is the proxy's frontend, `retries` how often a message is sent (at least once) and `timeout` how many
    milliseconds each attempt waits. An object belongs to one thread; after a silence it is as good as new.
    """

    def __init__(self, endpoint='tcp://localhost:10123', retries=3, timeout=3000):
        self.endpoint = endpoint
        self.retries = max(1, int(retries))
        self.timeout = max(1, int(timeout))
        self._socket = None

    def run(self, msg):
        """Sends a message, a dictionary, and returns the reply's text.

        That is JSON, or whatever the helper prints that the message names. `NO_RESPONSE` stands for silence. Raises
        `zmq.ZMQError` when the endpoint is none, and `TypeError` when the message cannot be written as JSON.
        """
        # The proxy drops what nobody waits for any more.
        request = json.dumps({'timeout': self.timeout, **msg}).encode()
        for _ in range(self.retries):
            reply = self._attempt(request)
            if reply is not None:
                return reply.decode('utf-8', 'replace')
        return NO_RESPONSE

    def close(self):
        """Closes the connection; the next `run` makes a new one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _attempt(self, request):
        """The reply to one attempt, or None."""
        # Taken out while it is in use: whatever goes wrong, a socket with an open question is not used again, because a
        # late reply on it would be taken for the reply to the next question.
        socket, self._socket = self._socket or self._connect(), None
        try:
            socket.sndtimeo = socket.rcvtimeo = self.timeout
            socket.send(request)
            reply = socket.recv()
            self._socket, socket = socket, None
            return reply
        except zmq.Again:
            return None
        finally:
            if socket is not None:
                socket.close()

    def _connect(self):
        socket = zmq.Context.instance().socket(zmq.REQ)
        # Unsent questions die with the socket; without this the program could not end while the proxy is away.
        socket.linger = 0
        try:
            socket.connect(self.endpoint)
        except zmq.ZMQError:
            socket.close()
            raise
        return socket

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
