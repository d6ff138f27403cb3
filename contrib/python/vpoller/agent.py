"""Asking a vSphere host from here, without proxy and worker."""

import json
import os
import subprocess
import tempfile

__all__ = ['AgentError', 'VSphereAgent']

#: What a program may take beyond the time for the question itself: to start, log in and log out; in seconds.
GRACE = 30

#: Where `vpoller-worker run` expects the guest password.
PASSWORD_VARIABLE = 'VPOLLER_GUEST_PASSWORD'

#: Options of `vpoller-worker run` by the fields of a message. `properties` and the password are special.
OPTIONS = {
    'name': 'name',
    'key': 'key',
    'username': 'guest-username',
    'counter-id': 'counter',
    'counter-name': 'counter',  # goes before the number
    'instance': 'instance',
    'max-sample': 'max-sample',
    'perf-interval': 'perf-interval',
}


class AgentError(Exception):
    """A program of vPoller is missing or failed, or the vSphere host cannot be used; the text says why."""


class VSphereAgent:
    """One vSphere host and the account for it.

    Every vPoller method is a method of this object, with underscores for the dots of its name; it takes the message's
    fields as a dictionary `msg` and returns the reply as a dictionary. `connect` comes first.

    The certificate must be one that the system's authorities vouch for, unless one of these is given: `ca_file`, a PEM file
    with another authority; `fingerprint`, the SHA-256 fingerprint of the only certificate to accept; `verify=False`, any
    certificate, for test labs. `timeout` is in milliseconds and holds for each call. `programs` is the folder with
    vPoller's programs.
    """

    def __init__(self, user, pwd, host, port=443, ca_file=None, fingerprint=None, verify=True, timeout=10000, programs=None):
        if '\n' in pwd or '\r' in pwd:
            raise ValueError('a password has no line breaks')
        self.user = user
        self.host = host
        self.port = port
        self.timeout = int(timeout)
        self._pwd = pwd
        self._certificate = _certificate_option(ca_file, fingerprint, verify)
        self._programs = programs
        self._folder = None

    def connect(self):
        """Proves that the host can be asked; raises `AgentError` with the reason when it cannot."""
        self.disconnect()
        # Only its owner can look into it, and it is gone when this object is, or the program.
        self._folder = tempfile.TemporaryDirectory(prefix='vpoller-')
        try:
            self._register()
            reply = self.about(msg={})
            if reply['success'] != 0:
                raise AgentError('cannot connect to {}: {}'.format(self.host, reply['msg']))
        except BaseException:
            self.disconnect()
            raise

    def disconnect(self):
        """Removes the account from the disk; each call has logged out by itself."""
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _register(self):
        """Writes the files that `vpoller-worker` reads."""
        with open(self._path('vpoller.conf'), 'w', encoding='utf-8') as config:
            config.write('[worker]\ndb = {}\n'.format(self._path('vconnector.db')))
        host = ['--host=' + self.host]
        self._connector(['init'])
        self._connector(host + ['--user=' + self.user, '--pwd-stdin', '--port={}'.format(self.port), 'add'], self._pwd + '\n')
        self._connector(host + ['trust', self._certificate])
        self._connector(host + ['enable'])

    def _connector(self, arguments, stdin=''):
        self._run('vconnector-cli', ['--database=' + self._path('vconnector.db')] + arguments, stdin)

    def _ask(self, method, msg):
        if self._folder is None:
            raise AgentError('not connected to {}: call connect() first'.format(self.host))
        arguments = [
            'run',
            '--method=' + method,
            '--vsphere-host=' + self.host,
            '--timeout={}'.format(self.timeout),
            '--file=' + self._path('vpoller.conf'),
        ]
        text = self._run('vpoller-worker', arguments + _options(msg), guest_password=msg.get('password'))
        try:
            return json.loads(text)
        except ValueError:
            raise AgentError('vpoller-worker printed no reply: {!r}'.format(text[:200])) from None

    def _run(self, program, arguments, stdin='', guest_password=None):
        """What a program prints. Its command line can be seen by everybody, its input and environment cannot."""
        if self._programs is not None:
            program = os.path.join(self._programs, program)
        environment = dict(os.environ)
        environment.pop(PASSWORD_VARIABLE, None)
        if guest_password is not None:
            environment[PASSWORD_VARIABLE] = str(guest_password)
        try:
            done = subprocess.run(
                [program] + arguments,
                input=stdin.encode(),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
                timeout=self.timeout / 1000 + GRACE,
                check=False,
            )
        except OSError as error:
            raise AgentError('cannot run {}: {}'.format(program, error.strerror)) from error
        except subprocess.TimeoutExpired:
            raise AgentError('{} did not end in time'.format(program)) from None
        if done.returncode != 0:
            raise AgentError('{} failed: {}'.format(program, done.stderr.decode('utf-8', 'replace').strip()))
        return done.stdout.decode('utf-8', 'replace')

    def _path(self, name):
        return os.path.join(self._folder.name, name)

    def __getattr__(self, name):
        # Python itself looks for names with underscores in front, and must not get a method for them.
        if name.startswith('_'):
            raise AttributeError(name)
        method = name.replace('_', '.')
        return lambda msg: self._ask(method, msg)

    def __enter__(self):
        self.connect()
        return self

    def __exit__(self, *_):
        self.disconnect()

    def __repr__(self):
        return 'VSphereAgent(user={!r}, host={!r})'.format(self.user, self.host)


def _certificate_option(ca_file, fingerprint, verify):
    if sum([ca_file is not None, fingerprint is not None, not verify]) > 1:
        raise ValueError('ca_file, fingerprint and verify=False exclude one another')
    if ca_file is not None:
        return '--ca-file=' + os.path.abspath(ca_file)
    if fingerprint is not None:
        return '--fingerprint=' + fingerprint
    return '--verify' if verify else '--off'


def _options(msg):
    """The command line for a message, in the form that lets a value begin with a hyphen."""
    given = {OPTIONS[field]: msg[field] for field in OPTIONS if msg.get(field) is not None}
    options = ['--{}={}'.format(name, value) for name, value in given.items()]
    properties = msg.get('properties')
    if properties:
        paths = [properties] if isinstance(properties, str) else [str(path) for path in properties if path is not None]
        options.append('--properties=' + ','.join(paths))
    return options
