"""local_agent.py PROGRAMS HOST PORT CA-FILE CERTIFICATE-FILE: VSphereAgent and a vCenter with a certificate of a private authority.

PROGRAMS is the folder of the real programs. They are run through scripts that write down each command line, because those
may hold no password.
"""

import hashlib
import os
import ssl
import stat
import sys
import tempfile

from vpoller.agent import AgentError, VSphereAgent

programs, host, port, ca_file, certificate = sys.argv[1:]
with open(certificate, encoding='ascii') as pem:
    fingerprint = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem.read())).hexdigest()
folder = tempfile.TemporaryDirectory()
# Whatever is left behind would be found here.
tempfile.tempdir = os.path.join(folder.name, 'tmp')
os.mkdir(tempfile.tempdir)
seen = os.path.join(folder.name, 'command-lines')

recorders = os.path.join(folder.name, 'bin')
os.mkdir(recorders)
for name in ('vconnector-cli', 'vpoller-worker'):
    path = os.path.join(recorders, name)
    with open(path, 'w', encoding='utf-8') as script:
        script.write('#!/bin/sh\nprintf "%s\\n" "$0 $*" >>"{}"\nexec "{}" "$@"\n'.format(seen, os.path.join(programs, name)))
    os.chmod(path, 0o755)


def agent(pwd='p4ssw0rd', programs=recorders, **options):
    return VSphereAgent(user='root', pwd=pwd, host=host, port=int(port), programs=programs, **options)


def refused(agent):
    """Why it does not connect."""
    try:
        agent.connect()
    except AgentError as error:
        assert os.listdir(tempfile.tempdir) == [], 'a refused agent leaves nothing on the disk'
        return str(error)
    raise AssertionError('connected')


def check_methods():
    with agent(ca_file=ca_file) as connected:
        (private,) = os.listdir(tempfile.tempdir)
        private = os.path.join(tempfile.tempdir, private)
        assert stat.S_IMODE(os.stat(private).st_mode) == 0o700
        assert stat.S_IMODE(os.stat(os.path.join(private, 'vconnector.db')).st_mode) == 0o600
        found = connected.vm_discover(msg={})
        assert found['success'] == 0 and {'name': 'vm01.example.org'} in found['result'], found
        disk = connected.vm_disk_get(msg={'name': 'vm01.example.org', 'key': '/var', 'properties': ['freeSpace', 'capacity']})
        assert disk['result'][0]['disk']['freeSpace'] == 5368709120, disk
        processes = connected.vm_process_get(
            msg={'name': 'vm01.example.org', 'properties': None, 'username': 'root', 'password': 'p4ssw0rd'}
        )
        assert len(processes['result']) == 87, processes
        missing = connected.vm_get(msg={'name': '-no such vm', 'properties': 'name', 'key': None})
        assert missing == {'success': 1, 'msg': 'Cannot find object -no such vm'}, missing
        unknown = connected.vm_poll(msg={})
        assert unknown == {'success': 1, 'msg': 'Unknown or missing task/method name'}, unknown
    assert os.listdir(tempfile.tempdir) == []
    try:
        connected.vm_discover(msg={})
    except AgentError as error:
        assert 'connect()' in str(error), error
    else:
        raise AssertionError('works after disconnect()')


def check_certificates():
    reason = refused(agent())
    assert 'certificate' in reason, reason
    reason = refused(agent(fingerprint=':'.join(['00'] * 32)))
    assert 'certificate' in reason, reason
    for options in ({'fingerprint': fingerprint}, {'verify': False}):
        agent(**options).connect()


def check_refusals():
    reason = refused(agent(pwd='wr0ng', verify=False))
    assert 'login' in reason.lower() and 'wr0ng' not in reason, reason
    reason = refused(agent(programs='/nowhere', verify=False))
    assert reason == 'cannot run /nowhere/vconnector-cli: No such file or directory', reason
    assert 'p4ssw0rd' not in repr(agent())


check_methods()
check_certificates()
check_refusals()
with open(seen, encoding='utf-8') as lines:
    text = lines.read()
assert text.count('vpoller-worker run') >= 10, text
assert 'p4ssw0rd' not in text and 'wr0ng' not in text, text
print('as documented')
