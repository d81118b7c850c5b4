#!/usr/bin/env python3
"""One sender's flood, dead domains, and everybody else: how long do other people's messages take meanwhile?
Run by bench/fairness.

A receiver takes 40 messages a second (20 connections, half a second each). One sender gives N messages for it
at once, 40 domains whose server does not answer get mail too; then another person sends a message every 200 ms
to the same receiver. Printed: how long the other person's messages took from their 250 to their delivery, with
the flood and without, and how long they would have taken in the order of arrival.
"""
import os
import re
import smtplib
import socket
import statistics
import subprocess
import sys
import time
from datetime import datetime

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TOP, 'bench'))
import bench as bench_module  # noqa: E402

RATE = 40


def send(sender, rcpt='x@bench.test'):
    with smtplib.SMTP('127.0.2.1', 25, local_hostname='c.test', timeout=60) as c:
        c.ehlo()
        c.mail(sender)
        c.rcpt(rcpt)
        return c.data('Subject: mine\r\n\r\nhi\r\n')[1].decode().split()[-1]


def when(lab, event):
    out = {}
    for line in open(lab.path('log', 'posternd'), errors='replace'):
        m = re.match(r'time=(\S+) .* event=' + event + r' id=(\S+)', line)
        if m:
            out[m.group(2)] = datetime.fromisoformat(m.group(1).replace('Z', '+00:00')).timestamp()
    return out


def measure(b, flood):
    lab = b.lab
    open(lab.path('log', 'posternd'), 'w').close()
    text = b.start_postern_text(False).replace('log { level warn; }', 'log { level info; }').replace('queue { concurrency 20;', 'delivery { private-addresses yes; } queue { first-retry 1m; concurrency 20;')
    lab.start_gateway(text)
    silent = socket.create_server(('127.0.1.98', 25), backlog=4000)  # connects, and never says a word
    sink = subprocess.Popen([bench_module.PEER, 'sink', bench_module.SINK, bench_module.SINK_PORT, '100000000'], env=dict(os.environ, PEER_DELAY_MS='500'))
    lab.wait_port(bench_module.SINK, int(bench_module.SINK_PORT))
    try:
        if flood:
            for i in range(40):
                send('load@bench.test', f'x@d{i}.slow.test')
            subprocess.run([bench_module.PEER, 'load', '127.0.2.1', '25', str(flood), '1000', '50', '100'], check=True, capture_output=True)
        mine = []
        for _ in range(50):
            mine.append(send('other@bench.test'))
            time.sleep(0.2)
        lab.wait_for(lambda: all(m in when(lab, 'delivered') for m in mine), 60, 1)
        accepted, delivered = when(lab, 'accepted'), when(lab, 'delivered')
        waiting = len(accepted) - len(delivered)
        took = sorted((delivered[m] - accepted[m]) if m in delivered else float('inf') for m in mine)
        return statistics.median(took), took[-1], waiting
    finally:
        silent.close()
        sink.kill()
        sink.wait()
        lab.stop_gateway()


def main():
    flood = int(sys.argv[1]) if len(sys.argv) > 1 else 100000
    b = bench_module.Bench()
    try:
        alone = measure(b, 0)
        print(f'alone:                       median {alone[0]:.2f} s, longest {alone[1]:.2f} s', flush=True)
        busy = measure(b, flood)
        print(f'beside {flood} of one sender:  median {busy[0]:.2f} s, longest {busy[1]:.2f} s ({busy[2]} messages still wait)')
        print(f'in the order of arrival:     at least {busy[2] / RATE:.0f} s')
    finally:
        b.lab.down()


if __name__ == '__main__':
    main()
