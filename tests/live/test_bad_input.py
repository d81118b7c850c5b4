"""Strangers: malformed commands, garbage, disconnects at any octet, limits. The processes live on,
nothing unacknowledged is delivered."""
import os
import socket
import ssl
import time

import pytest
from conftest import INSIDE, OUTSIDE, client_context, read_reply

SESSION = (b'EHLO c.test\r\nMAIL FROM:<a@inside.test>\r\nRCPT TO:<cut@good.test>\r\nDATA\r\nSubject: x\r\n\r\nbody\r\n.\r\n')


def talk(gateway, *lines, source=INSIDE):
    """Sends each line, returns the last reply."""
    with gateway.raw(source) as sock:
        stream = sock.makefile('rb')
        reply = read_reply(stream)
        for line in lines:
            sock.sendall(line)
            reply = read_reply(stream)
        return reply


# RFC 5321 2.3.5 MUST: postmaster without a domain is taken
# RFC 5321 3.6.2 SHOULD: relaying is refused with 550
# RFC 5321 7.9 SHOULD: relaying can be limited to known clients
# RFC 5321 4.5.1 MUST: postmaster is taken in any case, at each domain of ours
def test_relay_only_for_clients_inside(gateway):
    for source, code in ((OUTSIDE, 550), (INSIDE, 250)):
        with gateway.smtp(source) as client:
            client.mail('a@elsewhere.test')
            assert client.rcpt('x@good.test')[0] == code
            assert client.rcpt('x@inside.test')[0] == 250
            for name in ('postmaster', 'PostMaster', 'POSTMASTER@inside.test', 'postmaster@Inside.TEST', '"postmaster"@inside.test'):
                assert client.rcpt(name)[0] == 250
            assert client.docmd('VRFY', 'x@inside.test')[0] == 252


# RFC 5321 4.1.1.5 SHOULD: a connection that is gone counts as QUIT
def test_disconnect_at_any_octet(gateway):
    pids = gateway.pids()
    before = len([m for m in gateway.lab.received('good.test') if m['event'] == 'message'])
    for n in range(len(SESSION)):
        with gateway.raw() as sock:
            sock.sendall(SESSION[:n])
            if n % 3 == 0:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')  # a reset
    time.sleep(1)
    assert gateway.pids() == pids
    assert len([m for m in gateway.lab.received('good.test') if m['event'] == 'message']) == before


def test_garbage_instead_of_a_handshake(gateway):
    pids = gateway.pids()
    for garbage in (b'GET / HTTP/1.1\r\n\r\n', b'\x16\x03\x01\xff\xff' + os.urandom(3000), os.urandom(500), b'MAIL FROM:<a@b.c>\r\n'):
        with gateway.raw() as sock:
            stream = sock.makefile('rb')
            read_reply(stream)
            sock.sendall(b'EHLO c\r\n')
            read_reply(stream)
            sock.sendall(b'STARTTLS\r\n')
            assert read_reply(stream).startswith(b'220')
            sock.sendall(garbage)
            sock.shutdown(socket.SHUT_WR)
            rest = stream.read(10000)
            assert b'250' not in rest
    assert gateway.pids() == pids
    assert 'tls-handshake-failed' in gateway.lab.log()


def test_data_behind_starttls(gateway):
    with gateway.raw() as sock:
        stream = sock.makefile('rb')
        read_reply(stream)
        sock.sendall(b'EHLO c\r\n')
        read_reply(stream)
        sock.sendall(b'STARTTLS\r\nMAIL FROM:<evil@inside.test>\r\n')
        assert read_reply(stream).startswith(b'554 5.5.0')
        assert stream.read() == b''


# RFC 5321 6.3 SHOULD: a hundred Received fields before that
@pytest.mark.parametrize('data,reply', [
    (b'a\nb\r\n.\r\n', b'550 5.6.0'), (b'a\rb\r\n.\r\n', b'550 5.6.0'), (b'a\0b\r\n.\r\n', b'550 5.6.0'),
    (b'a\r\n.\nMAIL FROM:<x@y.z>\r\n.\r\n', b'550 5.6.0'), (b'a\n.\r\nMAIL FROM:<x@y.z>\r\n.\r\n', b'550 5.6.0'),
    (b''.join(b'H%d: v\r\n' % i for i in range(200000)) + b'\r\nx\r\n.\r\n', b'552 5.3.4'),
    (b'Subject: ' + b'x' * 2100000 + b'\r\n\r\n.\r\n', b'552 5.3.4'),
    (b'Received: x\r\n' * 101 + b'\r\n.\r\n', b'554 5.4.6')],
    ids=['bare-lf', 'bare-cr', 'nul', 'dot-lf', 'lf-dot', 'many-fields', 'long-field', 'loop'])
def test_bad_messages_are_refused_and_the_session_goes_on(gateway, data, reply):
    with gateway.raw() as sock:
        stream = sock.makefile('rb')
        read_reply(stream)
        for line in (b'EHLO c\r\n', b'MAIL FROM:<a@inside.test>\r\n', b'RCPT TO:<x@good.test>\r\n', b'DATA\r\n'):
            sock.sendall(line)
            assert read_reply(stream)[:1] in b'23'
        sock.sendall(data)
        assert read_reply(stream).startswith(reply)
        sock.sendall(b'NOOP\r\n')
        assert read_reply(stream).startswith(b'250 2.0.0')


def test_lines_and_commands(gateway):
    assert talk(gateway, b'X' * 8191 + b'\r\n').startswith(b'500 5.5.2')  # 8K with CRLF are taken: docs/decisions/0028
    assert talk(gateway, b'X' * 8190 + b'\r\n').startswith(b'500 5.5.1')
    assert talk(gateway, b'EHLO c\n').startswith(b'500 5.5.2')
    assert talk(gateway, b'EHLO c\r\n', b'MAIL FROM:<a@b.c> SIZE=99999999999\r\n').startswith(b'552 5.3.4')
    assert talk(gateway, b'EHLO c\r\n', b'MAIL FROM:<;id;@b.c>\r\n').startswith(b'501 5.1.7')


def test_log_cannot_be_forged(gateway):
    talk(gateway, b'EHLO c.test\r\n', b'MAIL FROM:<"a\\"b"@inside.test>\r\n', b'RCPT TO:<"x level=error event=forged"@outside.invalid>\r\n', source=OUTSIDE)
    line = [l for l in gateway.lab.log().splitlines() if 'relay-denied' in l][-1]
    assert 'to="\\"x level=error event=forged\\"@outside.invalid"' in line


def test_limits_are_settings(gateway):
    gateway.restart(limits='recipients 100; errors 3; connections-per-address 4; command-time 1s; message 64K; messages-per-session 2; handshake-time 1s;')
    with gateway.smtp() as client:
        client.mail('a@inside.test')
        codes = [client.rcpt(f'r{i}@good.test')[0] for i in range(101)]
        assert codes == [250] * 100 + [452]
        client.rset()
        assert client.docmd('MAIL', 'FROM:<a@inside.test> SIZE=70000')[0] == 552
    assert talk(gateway, b'A\r\n', b'B\r\n', b'C\r\n').startswith(b'500')
    log = gateway.lab.log()
    assert 'too many errors' in log
    socks = [gateway.raw() for _ in range(9)]  # four for each of the two smtpin processes, and one more
    greetings = [s.recv(100) for s in socks]
    assert any(g.startswith(b'421 4.7.0') for g in greetings) and greetings[0].startswith(b'220')
    for s in socks:
        s.close()
    start = time.time()  # a client that drips one octet now and then is not kept for ever
    with gateway.raw('127.0.3.50') as sock:
        stream = sock.makefile('rb')
        read_reply(stream)
        sock.settimeout(0.2)
        got = b''
        while time.time() - start < 10 and b'421 4.4.2' not in got:
            try:
                sock.sendall(b'N')
                got += sock.recv(200)
            except (socket.timeout, TimeoutError):
                pass
            except OSError:
                break
        assert b'421 4.4.2' in got and time.time() - start < 5
    with gateway.raw('127.0.3.51') as sock:  # a handshake that never comes
        stream = sock.makefile('rb')
        read_reply(stream)
        for line in (b'EHLO c\r\n', b'STARTTLS\r\n'):
            sock.sendall(line)
            read_reply(stream)
        start = time.time()
        assert sock.recv(1) == b'' and time.time() - start < 5
    client = gateway.smtp('127.0.3.52')  # the second message of a session is its last
    for i in range(2):
        client.sendmail('a@inside.test', ['x@good.test'], 'Subject: x\r\n\r\n')
    assert client.getreply()[0] == 421
    gateway.restart()


def test_one_network_cannot_take_all_sessions(gateway):
    gateway.restart(limits='connections-per-network 10; connections 1000;')
    socks = [gateway.raw(f'127.0.3.{i + 1}') for i in range(21)]  # ten for each of the two smtpin processes, and one more
    greetings = [s.recv(100) for s in socks]
    assert any(g.startswith(b'421 4.7.0') for g in greetings)
    with gateway.raw('127.0.9.9') as other:
        assert other.recv(100).startswith(b'220')
    for s in socks:
        s.close()


def test_out_of_descriptors(gateway):
    """New sessions are turned away while the last descriptors are kept for those under way (421, RFC 5321 3.8), and come in again later."""
    gateway.lab.stop_gateway()
    gateway.lab.start_gateway(gateway.lab.config(), wrap=['prlimit', '--nofile=48:48'])
    pids = gateway.pids()
    socks = []
    for _ in range(120):
        try:
            socks.append(gateway.raw(f'127.0.3.{len(socks) % 200 + 1}'))
        except OSError:
            break
        time.sleep(0.005)
    time.sleep(1)
    assert 'event=session-refused' in gateway.lab.log() and 'Too busy at the moment' in gateway.lab.log()
    for s in socks:
        s.close()
    assert gateway.lab.wait_for(lambda: gateway.send('x@good.test'), 15)
    assert gateway.pids() == pids
    gateway.restart()
