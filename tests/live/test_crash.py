"""kill -9 of each process and of the whole tree at random moments under load: every acknowledged
message arrives; a duplicate only where the answer to the dot was not recorded before the kill; what
never got its last dot is never delivered. POSTERN_CRASH_SECONDS sets the length."""
import os
import random
import re
import signal
import smtplib
import threading
import time

import lab as lab_module
from conftest import nothing_overdue, signal_process

SECONDS = float(os.environ.get('POSTERN_CRASH_SECONDS', '20'))
TARGETS = ['tree', 'smtpin-0', 'smtpin-1', 'smtpout-0', 'smtpout-1', 'queue-0', 'keys-0', 'lookup-0']


class Load(threading.Thread):
    """One sender: keeps what was acknowledged, what was left unanswered, and what was cut short."""

    def __init__(self, number, lab, waits=1):
        super().__init__(daemon=True)
        self.number, self.lab, self.stop = number, lab, False
        self.waits = waits  # of ten messages, to a server that takes none
        self.acknowledged, self.unanswered, self.cut, self.waiting = set(), set(), set(), set()

    def run(self):
        count = 0
        while not self.stop:
            try:
                with smtplib.SMTP(lab_module.GATEWAY, 25, source_address=(f'127.0.3.{self.number + 1}', 0), timeout=10) as client:
                    client.ehlo()
                    for _ in range(5):
                        count += 1
                        self.one(client, f'crash-{self.number}-{count}', count)
            except (OSError, smtplib.SMTPException):
                time.sleep(0.05)

    def one(self, client, token, count):
        domain = 'tempfail.test' if count % 10 >= 10 - self.waits else random.choice(['good.test', 'inside.test'])
        client.mail('a@inside.test')
        client.rcpt(f'{token}@{domain}')
        body = f'Subject: {token}\r\n\r\n' + 'x' * (100 if count % 7 else 90000) + '\r\n'
        if count % 11 == 0:  # goes away without the last dot
            client.docmd('DATA')
            client.send(body.encode())
            self.cut.add(token)
            client.sock.close()
            raise OSError('cut')
        self.unanswered.add(token)
        code, _ = client.data(body)
        if code == 250:
            (self.waiting if domain == 'tempfail.test' else self.acknowledged).add(token)
        self.unanswered.discard(token)


def kill(gateway, name):
    lab = gateway.lab
    if name == 'tree':
        assert os.popen('pgrep -x queue').read().strip()  # so that finding none below means something
        lab.stop('posternd', signal.SIGKILL)
        time.sleep(0.3)
        alive = [name for name in ('smtpin', 'smtpout', 'queue', 'keys', 'lookup') if os.popen(f'pgrep -r R,S,D -x {name}').read().strip()]
        assert not alive, f'{alive} outlived posternd'
        lab.start_gateway(open(lab.path('postern.conf')).read())
    else:
        pid = gateway.pids().get(name)
        if pid:
            signal_process(pid, signal.SIGKILL)


def arrivals(lab):
    found = {}
    for domain in ('good.test', 'inside.test'):
        for m in lab.received(domain):
            token = re.match(r'(crash-\d+-\d+)@', (m.get('rcpts') or [''])[0])
            if m['event'] == 'message' and token:
                found.setdefault(token.group(1), []).append(m['at'])
    return found


def tried_again(lab, waiting):
    """Those who wait, each tried since now."""
    tried, begin = set(), time.time()
    lab.wait_for(lambda: tried.update(e['rcpt'].split('@')[0] for e in lab.received('tempfail.test')
                                      if e['event'] == 'tempfailed' and e['at'] > begin) or waiting <= tried, 60, 0.5)
    return tried


# RFC 5321 2.1 MUST: what was answered 250 is delivered, or its failure is reported
def test_kill_under_load(gateway):
    gateway.restart(first_retry='500ms', limits='errors 1000;', queue='longest-retry 5s;')
    senders = [Load(i, gateway.lab) for i in range(6)]
    for s in senders:
        s.start()
    kills, end = [], time.time() + SECONDS
    while time.time() < end:
        time.sleep(random.uniform(0.3, 1.2))
        name = TARGETS[len(kills) % len(TARGETS)] if len(kills) < len(TARGETS) else random.choice(TARGETS)
        kills.append((time.time(), name))
        kill(gateway, name)
    for s in senders:
        s.stop = True
    for s in senders:
        s.join(30)
    gateway.lab.wait_ready(60)
    acknowledged = set().union(*(s.acknowledged for s in senders))
    cut = set().union(*(s.cut for s in senders))
    gateway.lab.wait_for(lambda: acknowledged <= set(arrivals(gateway.lab)), 90, 0.5)
    found = arrivals(gateway.lab)
    missing = acknowledged - set(found)
    print(f'{len(kills)} kills, {len(acknowledged)} acknowledged, {len(cut)} cut short, {sum(len(a) - 1 for a in found.values())} duplicates')
    assert len(acknowledged) > 50
    assert not missing, (missing, gateway.lab.postern('queue', 'list').stdout[-2000:])
    assert not cut & set(found), 'delivered without its last dot'
    for token, times in found.items():
        for first in sorted(times)[:-1]:
            assert any(-0.5 <= at - first <= 3 for at, _ in kills), f'{token} came twice, and nothing was killed'
    waiting = set().union(*(s.waiting for s in senders))  # whoever still waits is tried within a minute, and the queue says so itself
    tried = tried_again(gateway.lab, waiting)
    assert waiting and waiting <= tried, waiting - tried
    nothing_overdue(gateway.lab)
    status = gateway.counters('queue-0')
    assert ' overdue-woken=0' in status, status
    held = [m for m in gateway.lab.postern('queue', 'list', json_out=True) if any(r['state'] == 'held' and r['reason'] != 'poison' for r in m['recipients'])]
    assert not held


def test_a_worker_that_dies_between_two_hosts(gateway):
    """RFC 5321 6.1: whom the first host of a round took does not get it again, whatever happens while the second is asked."""
    lab = gateway.lab
    gateway.restart(first_retry='500ms', top='administrator admin@inside.test; monitor { probe no; }')
    rcpts = [f'one{i}@heldsecond.test' for i in range(20)] + ['late@heldsecond.test']
    message_id = gateway.send(rcpts)
    first, second = 'host-mx1.heldsecond.test', 'host-mx2.heldsecond.test'
    for calls, end in enumerate(['worker', 'tree', None]):
        assert lab.wait_for(lambda: len([r for r in lab.received(second) if r['event'] == 'called']) > calls, 30)
        told = [r['state'] for r in lab.report(message_id)['recipients']]
        assert told == ['delivered'] * 20 + ['queued'], told  # the report knows at once
        if end == 'worker':
            signal_process(gateway.delivering()[1], signal.SIGKILL)  # one death over a message is no reason to hold it
            lab.wait_ready(60)
        elif end == 'tree':
            kill(gateway, 'tree')
            lab.wait_ready(60)
    got = sorted(r for m in lab.messages(first) for r in m['rcpts'])
    assert got == sorted(rcpts[:20]), got
    assert len([a for a in lab.report(message_id)['attempts'] if a['host'].startswith('mx1') and a['action'] == 'send']) == 1
