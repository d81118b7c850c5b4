#!/usr/bin/env python3
"""Memory of Postern with sessions that said EHLO and wait, in clear and inside TLS. Run by bench/idle.

Usage: idle.py [SESSIONS ...], by default 1000 10000. Printed: PSS of all processes together, and
what one session adds to it.
"""
import os
import resource
import socket
import ssl
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TOP, 'bench'))
import bench as bench_module  # noqa: E402


def reply(sock):
    text = b''
    while not text.endswith(b'\r\n') or text.split(b'\r\n')[-2][3:4] == b'-':
        more = sock.recv(4096)
        if not more:
            raise RuntimeError(f'closed after {text!r}')
        text += more
    return text


def session(number, context):
    sock = socket.create_connection(('127.0.2.1', 25), source_address=(f'127.0.{20 + number // 200}.{1 + number % 200}', 0))
    reply(sock)
    sock.sendall(b'EHLO c.test\r\n')
    reply(sock)
    if context:
        sock.sendall(b'STARTTLS\r\n')
        reply(sock)
        sock = context.wrap_socket(sock, server_hostname='relay.bench.test')
        sock.sendall(b'EHLO c.test\r\n')
        reply(sock)
    return sock


def main():
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    bench = bench_module.Bench()
    context = ssl.create_default_context(cafile=bench.lab.path('ca', 'ca.pem'))
    text = bench.start_postern_text(True).replace('connections-per-address 1000; connections-per-network 1000;', 'connections 20000; connections-per-address 20000; connections-per-network 20000;')
    try:
        for n in [int(w) for w in sys.argv[1:]] or [1000, 10000]:
            for tls in (False, True):
                bench.lab.start_gateway(text)
                pid = bench.lab.procs['posternd'].pid
                session(0, context).close()
                time.sleep(0.5)
                before = bench_module.pss_mb(pid)
                held = []
                for i in range(n):
                    held.append(session(i, context if tls else None))
                    if i % 500 == 499:
                        print(f'\r{i + 1}/{n}   ', end='', file=sys.stderr, flush=True)
                time.sleep(1)
                after = bench_module.pss_mb(pid)
                held[0].sendall(b'NOOP\r\n')
                reply(held[0])
                print(f'\r{n:6} sessions {"in TLS  " if tls else "in clear"}: {after:6.0f} MB, {before:4.0f} MB before, {(after - before) * 1024 / n:5.1f} KB each', flush=True)
                for sock in held:
                    sock.close()
                bench.lab.stop_gateway()
    finally:
        bench.lab.down()
    return 0


if __name__ == '__main__':
    sys.exit(main())
