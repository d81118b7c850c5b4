"""Many connections that say nothing: each costs little, and mail goes on. Ten thousand in ./check all, with and without TLS;
POSTERN_IDLE sets how many. What is right: as many as `limits connections` says are served (postern.conf(5)), with the limit of
address space that follows from it (docs/security.md); RFC 5321 4.5.3.2.7: five minutes at least between commands."""
import os
import resource
import socket
import ssl
import time

import pytest
from conftest import GATEWAY_ADDRESS, INSIDE, client_context
from test_soak import descriptors, memory

N = int(os.environ.get('POSTERN_IDLE', '10000' if os.environ.get('POSTERN_ALL') else '1000'))


class Idle:
    """Clients that said EHLO, and perhaps STARTTLS, and then nothing."""

    def __init__(self, tls):
        self.sockets, self.tls = [], tls

    def connect(self, n, context):
        for i in range(n):
            sock = socket.socket()
            sock.settimeout(60)
            sock.bind((f'127.0.3.{20 + i % 200}', 0))
            sock.connect((GATEWAY_ADDRESS, 25))
            self.sockets.append(sock)
            if len(self.sockets) % 100 == 0 or i == n - 1:
                self.say_hello(self.sockets[-100:] if len(self.sockets) % 100 == 0 else self.sockets[-(n % 100):], context)

    def say_hello(self, some, context):
        for words, answer in ((None, b'220'), (b'EHLO client.test\r\n', b'250')) + (((b'STARTTLS\r\n', b'220'),) if self.tls else ()):
            for sock in some:
                if words:
                    sock.sendall(words)
            for sock in some:
                got = b''
                while not got.endswith(b'\r\n') or got.split(b'\r\n')[-2][3:4] == b'-':
                    got += sock.recv(4096) or b'(closed)\r\n'
                assert got.startswith(answer), got
        for sock in some if self.tls else ():
            at = self.sockets.index(sock)
            self.sockets[at] = context.wrap_socket(sock, do_handshake_on_connect=True)

    def close(self):
        for sock in self.sockets:
            sock.close()


def mail_goes(gateway):
    """Seconds, of the slowest of five in and five out."""
    took = []
    for i in range(5):
        for rcpt, source in ((f'idle{i}@good.test', INSIDE), (f'idle{i}@inside.test', '127.0.9.1')):
            began = time.time()
            gateway.wait_state(gateway.send(rcpt, sender='a@outside.test' if source != INSIDE else 'nurse@inside.test', source=source), 'delivered')
            took.append(time.time() - began)
    return max(took)


@pytest.mark.parametrize('tls', [False, True], ids=['plain', 'tls'])
def test_idle_connections(gateway, tls):
    lab = gateway.lab
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    n = min(N // 5 if tls else N, hard - 1000)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    limits = f'connections {N + 1000}; connections-per-address {N}; connections-per-network {N + 1000};'
    gateway.restart(limits=limits)
    quiet = mail_goes(gateway)
    pids, before, weighed = gateway.pids(), descriptors(gateway), memory(gateway)
    idle = Idle(tls)
    try:
        began = time.time()
        idle.connect(n, client_context(lab, check_hostname=False) if tls else ssl.create_default_context())
        connected = time.time() - began
        busy = mail_goes(gateway)
        now = memory(gateway)
        grown = {name: kb - weighed[name] for name, kb in now.items() if name.startswith('smtpin')}
        each = sum(grown.values()) / n
        print(f'{n} idle connections{" with TLS" if tls else ""}: made in {connected:.0f} s, {each:.1f} KB each, '
              f'a message took {busy:.1f} s at most, {quiet:.1f} s before')
        assert busy < 5 and gateway.pids() == pids
        assert each < (100 if tls else 20)
        for sock in idle.sockets[::max(1, n // 50)]:  # they are there still
            sock.sendall(b'NOOP\r\n')
            assert sock.recv(100).startswith(b'250')
    finally:
        idle.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert lab.wait_for(lambda: all(descriptors(gateway)[name] <= n + 2 for name, n in before.items()), 60, 0.5), (before, descriptors(gateway))
    assert mail_goes(gateway) < 5
