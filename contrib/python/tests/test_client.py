"""VPollerClient and a stand-in for the proxy: `python3 -m unittest discover contrib/python/tests`."""

import json
import threading
import unittest

import zmq

from vpoller.client import NO_RESPONSE, VPollerClient


class Proxy:
    """Takes questions when it is told to, and answers any of them at any time."""

    def __init__(self):
        self.socket = zmq.Context.instance().socket(zmq.ROUTER)
        self.socket.linger = 0
        self.socket.rcvtimeo = 10000
        self.endpoint = 'tcp://127.0.0.1:{}'.format(self.socket.bind_to_random_port('tcp://127.0.0.1'))

    def take(self):
        return self.socket.recv_multipart()

    def answer(self, question, text):
        self.socket.send_multipart(question[:-1] + [text])

    def close(self):
        self.socket.close()


class ClientTest(unittest.TestCase):
    def setUp(self):
        self.proxy = Proxy()
        self.addCleanup(self.proxy.close)

    def client(self, **options):
        client = VPollerClient(endpoint=self.proxy.endpoint, **options)
        self.addCleanup(client.close)
        return client

    def meanwhile(self, work):
        thread = threading.Thread(target=work)
        thread.start()
        self.addCleanup(thread.join)

    def test_the_reply_is_text(self):
        self.meanwhile(lambda: self.proxy.answer(self.proxy.take(), '{"msg": "Größe"}'.encode()))
        self.assertEqual(self.client().run({'method': 'about'}), '{"msg": "Größe"}')

    def test_the_message_is_json_with_the_time_that_is_waited(self):
        self.client(retries=1, timeout=300).run({'method': 'vm.get', 'name': 'Größe', 'properties': None})
        sent = json.loads(self.proxy.take()[-1])
        self.assertEqual(sent, {'method': 'vm.get', 'name': 'Größe', 'properties': None, 'timeout': 300})

    def test_a_timeout_in_the_message_stays(self):
        self.client(retries=1, timeout=50).run({'method': 'about', 'timeout': 7000})
        self.assertEqual(json.loads(self.proxy.take()[-1])['timeout'], 7000)

    def test_every_call_has_all_its_attempts(self):
        client = self.client(retries=3, timeout=100)
        for _ in range(2):
            self.assertEqual(client.run({'method': 'about'}), NO_RESPONSE)
        senders = {tuple(self.proxy.take()[:1]) for _ in range(6)}
        self.assertEqual(len(senders), 6, 'each attempt has a socket of its own')
        self.assertEqual(self.proxy.socket.poll(100), 0, 'no attempt too many')

    def test_a_late_reply_is_not_taken_for_the_next_one(self):
        client = self.client(retries=1, timeout=100)
        self.assertEqual(client.run({'method': 'about'}), NO_RESPONSE)
        late = self.proxy.take()
        client.timeout = 10000

        def answer():
            question = self.proxy.take()
            self.proxy.answer(late, b'late')
            self.proxy.answer(question, b'right')

        self.meanwhile(answer)
        self.assertEqual(client.run({'method': 'about'}), 'right')

    def test_silence_is_a_failure_reply(self):
        reply = json.loads(self.client(retries=1, timeout=10).run({}))
        self.assertEqual(reply, {'success': 1, 'msg': 'Did not receive response, aborting...'})

    def test_a_mistake_leaves_the_client_usable(self):
        client = self.client(retries=1)
        with self.assertRaises(TypeError):
            client.run({'name': object()})
        with self.assertRaises(zmq.ZMQError):
            VPollerClient(endpoint='localhost').run({})
        self.meanwhile(lambda: self.proxy.answer(self.proxy.take(), b'{}'))
        self.assertEqual(client.run({}), '{}')


if __name__ == '__main__':
    unittest.main()
