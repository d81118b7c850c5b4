"""How much address space the processes that read untrusted input may have (src/proc/budget.c; getrlimit(2), RLIMIT_AS), in the ordinary
build: the sanitizers map terabytes. Near its limit a process takes nothing new on and goes on with what it has; beyond it, it is replaced."""
import os
import re
import resource
import smtplib
import socket
import ssl
import subprocess
import time

import pytest
from conftest import GATEWAY_ADDRESS, INSIDE, client_context, read_reply, serving
from test_clock import ordinary_build

LIMITED = ('smtpin', 'smtpout', 'web', 'lookup', 'login', 'metrics')
MIB = 2**20
SESSIONS = 100
EXTRA = f'''
portal {{ url https://gateway.test; address {GATEWAY_ADDRESS}:443; from secure@inside.test; pages @pages@; }}
inspection {{ packs @packs@; }}
metrics {{ address {GATEWAY_ADDRESS}:9471; }}
monitor {{ probe no; }}
workers {{ smtpin WORKERS; smtpout 2; login 1; }}
listen submissions {{ address {GATEWAY_ADDRESS}:465; }}
'''


def start(workers):
    limits = f'connections {SESSIONS}; connections-per-address {SESSIONS}; connections-per-network {SESSIONS};'
    return dict(extra=EXTRA.replace('WORKERS', str(workers)), limits=limits, first_retry='1s')


@pytest.fixture(scope='module')
def gateway(world):
    build, world.build = world.build, ordinary_build(world)
    try:
        with serving(world, **start(1)) as it:
            yield it
    finally:
        world.build = build


def octets(pid):
    return int(open(f'/proc/{pid}/statm').read().split()[0]) * os.sysconf('SC_PAGESIZE')


def limits(pid):
    """Soft and hard, as proc(5) shows them to everybody."""
    found = re.search(r'Max address space\s+(\S+)\s+(\S+)', open(f'/proc/{pid}/limits').read()).groups()
    return [resource.RLIM_INFINITY if text == 'unlimited' else int(text) for text in found]


def allow(pid, soft):
    """As the user of the process: another one, root too, would need CAP_SYS_RESOURCE (prlimit(2))."""
    uid = re.search(r'Uid:\s+(\d+)', open(f'/proc/{pid}/status').read()).group(1)
    subprocess.run(['setpriv', f'--reuid={uid}', f'--regid={uid}', '--clear-groups', 'prlimit', f'--pid={pid}', f'--as={soft}:{limits(pid)[1]}'], check=True)


def near(pid):
    """A limit whose last eighth has begun."""
    return octets(pid) + min(16 * MIB, octets(pid) // 12)


class Session:
    def __init__(self, source=INSIDE, context=None):
        self.sock = socket.create_connection((GATEWAY_ADDRESS, 25), 30, source_address=(source, 0))
        self.stream = self.sock.makefile('rb')
        self.greeting = read_reply(self.stream)
        self.ask('EHLO client.test')
        if context and self.ask('STARTTLS').startswith(b'220'):
            self.sock = context.wrap_socket(self.sock, server_hostname='gateway.test')
            self.stream = self.sock.makefile('rb')
            self.ask('EHLO client.test')

    def ask(self, line):
        self.sock.sendall(line.encode() + b'\r\n')
        return read_reply(self.stream)

    def end(self):
        self.stream.close(), self.sock.close()


def greeting(source=INSIDE):
    with socket.create_connection((GATEWAY_ADDRESS, 25), 30, source_address=(source, 0)) as sock, sock.makefile('rb') as stream:
        return read_reply(stream)


def test_each_that_reads_untrusted_input_has_a_limit(gateway):
    machine = max(os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGESIZE'), 1024 * MIB)
    for name, pid in gateway.pids().items():
        soft, hard = limits(pid)
        role = name.rsplit('-', 1)[0]
        if role in LIMITED:
            assert 512 * MIB <= soft <= hard <= machine and octets(pid) < soft / 2, (name, octets(pid) / MIB, soft / MIB)
        elif role != 'inspect':  # it has had a fixed one since it was there
            assert soft == resource.RLIM_INFINITY, name


def test_a_reload_moves_the_limit(gateway):
    lab, pid = gateway.lab, gateway.pids()['smtpin-0']
    before, text = limits(pid)[0], open(lab.path('postern.conf')).read()
    for text, wanted in ((text.replace(f' connections {SESSIONS};', f' connections {2 * SESSIONS};'), before + SESSIONS * 4 * MIB), (text, before)):
        with open(lab.path('postern.conf'), 'w') as out:
            out.write(text)
        assert lab.postern('reload').returncode == 0
        assert gateway.pids()['smtpin-0'] == pid and lab.wait_for(lambda: abs(limits(pid)[0] - min(wanted, limits(pid)[1])) < SESSIONS * 2 * MIB, 10), limits(pid)


def test_near_its_limit_smtpin_takes_nothing_new(gateway):
    """RFC 5321 3.8, 4.2.2: 421 to who comes, 452 to the next message; what is under way arrives, and afterwards all is as before."""
    lab, pid = gateway.lab, gateway.pids()['smtpin-0']
    soft = limits(pid)[0]
    waiting, busy = Session(), Session()
    assert busy.ask('MAIL FROM:<nurse@inside.test>')[:3] == busy.ask('RCPT TO:<underway@good.test>')[:3] == b'250' and busy.ask('DATA')[:3] == b'354'
    allow(pid, near(pid))
    try:
        assert greeting()[:3] == b'421'
        assert waiting.ask('MAIL FROM:<nurse@inside.test>')[:9] == b'452 4.3.1'
        number = busy.ask('Subject: under way\r\n\r\n' + ('x' * 70 + '\r\n') * 3000 + '.').decode().split()
        assert number[0] == '250', number
    finally:
        if gateway.pids()['smtpin-0'] == pid:
            allow(pid, soft)
    assert waiting.ask('MAIL FROM:<nurse@inside.test>')[:3] == b'250' and gateway.pids()['smtpin-0'] == pid
    gateway.wait_state(number[-1], 'delivered')
    waiting.end(), busy.end()


def test_near_their_limits_web_and_metrics_turn_away(gateway):
    for role, port in (('web', 443), ('metrics', 9471)):
        pid = gateway.pids()[role + '-0']
        soft = limits(pid)[0]
        allow(pid, near(pid))
        try:
            with socket.create_connection((GATEWAY_ADDRESS, port), 10) as sock:
                assert sock.recv(1) == b''
        except ConnectionResetError:
            pass
        finally:
            allow(pid, soft)
        with socket.create_connection((GATEWAY_ADDRESS, port), 10) as sock:
            if port == 443:
                client_context(gateway.lab).wrap_socket(sock, server_hostname='gateway.test').close()
            else:
                sock.sendall(b'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n')
                assert sock.recv(12) == b'HTTP/1.1 200'
        assert gateway.pids()[role + '-0'] == pid


def test_near_its_limit_login_says_later(gateway):
    """RFC 4954 4: 454 for a failure that passes; argon2id would not fit, and no password is called wrong for it."""
    lab, pid = gateway.lab, gateway.pids()['login-0']
    words = [os.path.join(lab.binaries(), 'postern'), '-c', lab.path('postern.conf'), 'user', 'add', 'boss', '--addresses', 'boss@inside.test']
    added = subprocess.run(words, input='correct horse battery\n', capture_output=True, text=True)
    assert added.returncode == 0, added.stderr

    def log_in():
        with smtplib.SMTP_SSL(GATEWAY_ADDRESS, 465, local_hostname='client.test', timeout=30, context=client_context(lab, check_hostname=False)) as client:
            try:
                return client.login('boss', 'correct horse battery')[0]
            except smtplib.SMTPAuthenticationError as e:
                return e.smtp_code
    assert lab.wait_for(lambda: log_in() == 235, 10)
    soft = limits(pid)[0]
    allow(pid, near(pid))
    answered = log_in()
    allow(pid, soft)
    assert answered == 454 and log_in() == 235 and gateway.pids()['login-0'] == pid


@pytest.mark.parametrize('role', ['smtpin', 'smtpout', 'lookup', 'web', 'login', 'metrics'])
def test_without_any_memory_it_is_replaced_and_no_mail_is_lost(gateway, role):
    """As a kernel that grants nothing more (getrlimit(2)): whoever gets a 250 has their mail delivered once, the others a temporary answer
    or a closed connection; a process that ended over it is there again."""
    lab, before = gateway.lab, gateway.pids()
    pid, marks = before[role + '-0'], lab.mark_log()
    first = gateway.send('before@good.test')
    allow(pid, octets(pid) + 64 * 1024)
    taken, answers = [first], []
    for i in range(12):
        try:
            s = Session(context=client_context(lab))
            s.sock.sendall(f'MAIL FROM:<nurse@inside.test>\r\nRCPT TO:<{role}{i}@good.test>\r\nDATA\r\n'.encode())
            answers += [read_reply(s.stream) for _ in range(3)]
            if answers[-1][:3] == b'354':
                s.sock.sendall(b'Subject: x\r\n' + (b'X-Long: ' + b'y' * 900 + b'\r\n') * 1000 + b'\r\n' + (b'z' * 70 + b'\r\n') * 3000 + b'.\r\n')
                answers.append(read_reply(s.stream))
                taken += [answers[-1].decode().split()[-1]] if answers[-1][:3] == b'250' else []
            s.end()
        except (OSError, ssl.SSLError):
            time.sleep(0.1)
    assert not [a for a in answers if a[:1] == b'5'], answers
    assert lab.wait_for(lambda: all(gateway.pids().values()), 30)
    now = gateway.pids()
    if now[role + '-0'] == pid:
        allow(pid, limits(pid)[1])
    assert {name: p for name, p in now.items() if name != role + '-0'} == {name: p for name, p in before.items() if name != role + '-0'}, lab.log(since=marks)[-3000:]
    for number in taken:
        gateway.wait_state(number, 'delivered', 30)
    assert gateway.wait_state(gateway.send('after@good.test'), 'delivered')
    lab.provoked += [line for line in lab.log(since=marks).splitlines() if 'contract-broken' in line]


def test_the_whole_configured_load_fits(gateway):
    """All sessions at once, inside TLS, each with a thousand recipients and a header section of almost 2 MiB that has not ended."""
    context, pid, held = client_context(gateway.lab), gateway.pids()['smtpin-0'], []
    field = b''.join(b'X-%d: ' % i + b'x' * 900 + b'\r\n' for i in range(2150))
    assert gateway.lab.wait_for(lambda: 'sessions=0' in gateway.counters('smtpin-0'), 20)
    for i in range(SESSIONS - 1):  # one is left for the handshake with itself (proc/own_tls.c)
        s = Session(context=context)
        s.sock.sendall(b'MAIL FROM:<nurse@inside.test>\r\n' + b''.join(b'RCPT TO:<r%d@good.test>\r\n' % k for k in range(1000)) + b'DATA\r\n')
        replies = [read_reply(s.stream) for _ in range(1002)]
        assert {r[:3] for r in replies[:-1]} == {b'250'} and replies[-1][:3] == b'354', (i, replies[-1], gateway.lab.log()[-2000:])
        s.sock.sendall(field)
        held.append(s)
    time.sleep(1)
    soft = limits(pid)[0]
    most = int(re.search(r'VmPeak:\s+(\d+)', open(f'/proc/{pid}/status').read()).group(1)) * 1024
    assert 150 * MIB < most < soft * 7 / 8, (most / MIB, soft / MIB)
    assert gateway.pids()['smtpin-0'] == pid
    held[0].sock.sendall(b'no colon\r\n\r\n.\r\n')
    for s in held:
        s.end()
    assert gateway.lab.wait_for(lambda: 'sessions=0' in gateway.counters('smtpin-0'), 20)
    soft = limits(pid)[0]
    allow(pid, near(pid))
    assert greeting()[:3] == b'220'  # what malloc keeps for the next one is not in use: no load of yesterday closes the door for good
    allow(pid, soft)
