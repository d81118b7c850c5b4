"""Octets that come one by one or in odd pieces: nothing depends on how a network or a client cuts what it sends."""
import signal
import socket
import ssl
import threading
import time

import pytest
from conftest import GATEWAY_ADDRESS, OUTSIDE, client_context, read_reply, signal_process
from test_pairs import EVERYTHING

ALL = EVERYTHING + f'listen submissions {{ address {GATEWAY_ADDRESS}:465; }}\n'
PORTS = (25, 587, 465, 443)


@pytest.fixture(scope='module')
def slow(gateway):
    gateway.restart(extra=ALL, limits='handshake-time 1s;')
    return gateway


def connect(port, source=OUTSIDE):
    """Up to the first octet of TLS."""
    sock = socket.create_connection((GATEWAY_ADDRESS, port), 30, source_address=(source, 0))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if port in (25, 587):
        stream = sock.makefile('rb')
        read_reply(stream)
        for line in (b'EHLO c.test\r\n', b'STARTTLS\r\n'):
            sock.sendall(line)
            read_reply(stream)
    return sock


def shake(lab, port, pause):
    """A handshake each octet of which is a segment of its own; the version of TLS, or what went wrong."""
    arrived, leaving = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = client_context(lab, check_hostname=False).wrap_bio(arrived, leaving, server_hostname='gateway.test')
    with connect(port) as sock:
        while True:
            try:
                tls.do_handshake()
                done = True
            except ssl.SSLWantReadError:
                done = False
            for octet in leaving.read():
                sock.sendall(bytes([octet]))
                time.sleep(pause)
            if done:
                return tls.version()
            got = sock.recv(65536)
            if not got:
                return 'closed'
            arrived.write(got)


@pytest.mark.parametrize('port', PORTS)
def test_a_client_hello_octet_by_octet(slow, port):
    """It takes several times handshake-time, but never pauses (Postfix's smtpd_starttls_timeout, 300s, is for each read as well)."""
    began = time.time()
    assert shake(slow.lab, port, 0.004) == 'TLSv1.3'
    assert time.time() - began > 2


def test_octet_by_octet_while_keys_are_slow(slow):
    """keys stand still for a while, shorter than handshake-time, while the octets come: no handshake fails, and all of it is as
    before afterwards. The whole takes less than ten times handshake-time, also with the long greeting of OpenSSL 3.5 (ML-KEM)."""
    found = {}
    threads = [threading.Thread(target=lambda p=p: found.update({p: shake(slow.lab, p, 0.004)})) for p in PORTS]
    pid = slow.pid('keys-0')
    for t in threads:
        t.start()
    time.sleep(1)
    signal_process(pid, signal.SIGSTOP)
    time.sleep(0.5)
    signal_process(pid, signal.SIGCONT)
    for t in threads:
        t.join()
    assert found == dict.fromkeys(PORTS, 'TLSv1.3'), (found, slow.lab.log()[-3000:])
    assert slow.pids()['keys-0'] == pid


@pytest.mark.parametrize('port', PORTS)
def test_a_handshake_that_never_ends_is_ended(slow, port):
    """Octets that come for ever: ten times handshake-time, then it is over (slowloris)."""
    began = time.time()
    with connect(port) as sock:
        sock.settimeout(0.3)
        sock.sendall(b'\x16\x03\x01\x3f\xff\x01\x00\x3f\xfb\x03\x03')  # a ClientHello of 16 KB
        try:
            while time.time() - began < 20:
                sock.sendall(b'\0')
                try:
                    if not sock.recv(100):
                        break
                except (socket.timeout, TimeoutError):
                    pass
        except OSError:
            pass
    assert 8 < time.time() - began < 14


def test_a_silent_handshake_is_ended_soon(slow):
    for port in PORTS:
        began = time.time()
        with connect(port) as sock:
            sock.sendall(b'\x16\x03')
            assert sock.recv(100) == b'' and 0.5 < time.time() - began < 4
