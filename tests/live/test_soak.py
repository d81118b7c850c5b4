"""Mail of every kind of body for long, some of it slowly, and clients that never read: every octet is compared, and no process grows.
POSTERN_SOAK sets the seconds (20; 600 in ./check all). Public reports of what grew: hmailserver/hmailserver#99,
OpenSMTPD/OpenSMTPD#698 and #792; of what was taken and not answered: foxcpp/maddy#23."""
import os
import random
import threading
import time

from conftest import read_reply
from test_octets import BODIES, SMALL, same, send

CACHE_KB = {'queue-0': 40 * 1024}  # pages of the tables (CACHE_KIB in store/sqlite.c) and the last 32,768 ids; the rest is flat from the start
SECONDS = float(os.environ.get('POSTERN_SOAK', '600' if os.environ.get('POSTERN_ALL') else '20'))


def descriptors(gateway):
    return {name: len(os.listdir(f'/proc/{pid}/fd')) for name, pid in gateway.pids().items()}


def memory(gateway):
    """Resident KB of each process; nothing where a sanitizer keeps what was freed."""
    found = {}
    for name, pid in gateway.pids().items():
        with open(f'/proc/{pid}/maps') as maps, open(f'/proc/{pid}/status') as status:
            if 'libasan' not in maps.read():
                found[name] = next(int(line.split()[1]) for line in status if line.startswith('VmRSS'))
    return found


class Soak:
    """Senders of every kind of body, some of them slow, and clients that never read what they are told."""

    def __init__(self, gateway, name, seconds):
        self.gateway, self.name, self.end, self.sent, self.wrong = gateway, name, time.time() + seconds, {}, []
        self.weighed, self.step = [], seconds / 10  # ten times

    def one(self, n):
        rng = random.Random(n)
        count = 0
        while time.time() < self.end:
            count += 1
            name, rcpt = rng.choice(SMALL), f'{self.name}-{n}-{count}@good.test'
            try:
                slow = n == 0 and len(BODIES[name]) < 3000
                self.sent[rcpt] = (send(self.gateway, rcpt, BODIES[name], 7 if slow else None, 0.001 if slow else 0), name)
            except Exception as error:  # noqa: BLE001 - told at the end
                self.wrong.append((rcpt, name, repr(error)))
            time.sleep(0.1)

    def deaf(self):
        while time.time() < self.end:
            with self.gateway.raw('127.0.3.77') as sock:
                read_reply(sock.makefile('rb'))
                try:
                    sock.settimeout(2)
                    for _ in range(200):
                        sock.sendall(b'HELP\r\n' * 500)
                except OSError:
                    pass

    def weigh(self):
        while time.time() < self.end:
            time.sleep(self.step)
            self.weighed.append(memory(self.gateway))

    def run(self):
        threads = [threading.Thread(target=self.weigh)]
        threads += [threading.Thread(target=self.one, args=(n,)) for n in range(3)] + [threading.Thread(target=self.deaf)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()


def test_soak(gateway):
    """Also to a server that says each octet by itself (slow.test). Whatever a process holds for a message it lets go."""
    lab = gateway.lab
    gateway.restart(limits='errors 1000; tarpit 0s; connections-per-address 100;')
    Soak(gateway, 'warm', min(10, SECONDS / 2)).run()
    for i in range(3):
        gateway.wait_state(send(gateway, f'slow{i}@slow.test', BODIES['eight bit']), 'delivered', 120)
    time.sleep(3)
    before, weighed = descriptors(gateway), memory(gateway)
    soak = Soak(gateway, 'soak', SECONDS)
    soak.run()
    assert not soak.wrong and len(soak.sent) > 10, soak.wrong[:5]
    found = {}
    assert lab.wait_for(lambda: found.update({m['rcpts'][0]: m['data'].encode('latin-1') for m in lab.messages('good.test')}) or set(soak.sent) <= set(found), 120, 1)
    assert not [(rcpt, name) for rcpt, (_, name) in soak.sent.items() if not same(found[rcpt], BODIES[name])]
    settled = lambda: all(n <= before[name] + 2 for name, n in descriptors(gateway).items())  # links that are kept for the next mail end
    assert lab.wait_for(settled, 60, 1), (before, descriptors(gateway))
    after = memory(gateway)
    print(f'soak: {SECONDS:.0f} s, {len(soak.sent)} messages compared, descriptors {sum(before.values())}, memory {weighed} -> {after}; of queue, each tenth: '
          f'{[w.get("queue-0") for w in soak.weighed]}')
    assert all(after[name] < weighed[name] * 1.3 + 8192 + CACHE_KB.get(name, 0) for name in weighed), (weighed, after)
