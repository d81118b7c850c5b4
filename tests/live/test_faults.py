"""The disk fails for a while under the whole gateway: it answers EIO, or takes a second for each write. Meanwhile mail gets
temporary answers, afterwards all is as before within five seconds, and nothing that was acknowledged is lost. Full and read-only disks: test_life.py; no inodes: test_around.py; a clock that is set: test_clock.py.

What is right: RFC 5321 4.2.1 (4yz: a condition that is temporary), 6.1 (what was acknowledged is delivered); issue 23, 3.4."""
import os
import smtplib
import time

import pytest
from conftest import GATEWAY_ADDRESS, INSIDE
from test_crash import arrivals
from test_power import ALL, WANTS_DISK, machine_of
from test_stalls import AS_BEFORE

FAULT_S = 10 if ALL else 4


class Senders:
    """What one after the other hears; what was acknowledged."""

    def __init__(self, lab):
        self.lab, self.count, self.acknowledged = lab, 0, set()

    def one(self, domain='good.test', octets=100, timeout=8):
        """The code of the answer that decided, 0: none came."""
        self.count += 1
        token = f'crash-9-{self.count}'
        try:
            with smtplib.SMTP(GATEWAY_ADDRESS, 25, local_hostname='client.test', source_address=(INSIDE, 0), timeout=timeout) as c:
                c.ehlo()
                for code, _ in (c.mail('a@inside.test'), c.rcpt(f'{token}@{domain}')):
                    if code != 250:
                        return code
                code, _ = c.data(f'Subject: {token}\r\n\r\n' + ('x' * 70 + '\r\n') * (octets // 72 + 1))
                if code == 250:
                    self.acknowledged.add(token)
                return code
        except smtplib.SMTPResponseException as error:
            return error.smtp_code
        except (OSError, smtplib.SMTPException):
            return 0

    def until_taken(self, seconds=30):
        """How long that took."""
        began = time.time()
        assert self.lab.wait_for(lambda: self.one(timeout=3) == 250, seconds, 0.05), self.lab.log()[-3000:]
        return time.time() - began

    def all_came(self, domain='good.test', seconds=60):
        self.lab.wait_for(lambda: self.acknowledged <= set(arrivals(self.lab)), seconds, 0.5)
        missing = self.acknowledged - set(arrivals(self.lab))
        assert not missing, (missing, self.lab.postern('queue', 'list').stdout[-2000:])


@pytest.fixture
def machine(gateway):
    """Without a journal of its own: ext4 with one makes itself read-only for good after an error."""
    with machine_of(gateway, '-O', '^has_journal') as it:
        yield it


def heard(senders, seconds, **how):
    codes, end = [], time.time() + seconds
    while time.time() < end:
        codes.append(senders.one(octets=100000 if len(codes) % 3 == 2 else 100, **how))
        time.sleep(0.05)
    return codes


@WANTS_DISK
@pytest.mark.parametrize('what', [{'write': 'EIO'}, {'flush': 'EIO'}, {'write': 'EIO', 'flush': 'EIO', 'read': 'EIO'}],
                         ids=['writes', 'flushes', 'everything'])
def test_the_disk_fails_for_a_while(gateway, machine, what):
    lab, senders = gateway.lab, Senders(gateway.lab)
    for _ in range(10):
        assert senders.one() == 250
    machine.disk.fault(**what)
    codes = heard(senders, FAULT_S)
    failed = machine.disk.fault()
    took = senders.until_taken()
    print(f'{what}: {failed} requests failed, heard {sorted(set(codes))}, taken again after {took:.1f} s')
    assert failed > 0 and codes and not [c for c in codes if c >= 500], codes
    assert took < AS_BEFORE
    senders.all_came()
    assert lab.postern('store', 'check').returncode == 0, lab.postern('store', 'check').stdout
    assert not lab.postern('queue', 'list', json_out=True)


@WANTS_DISK
@pytest.mark.parametrize('delay', [0.1, 0.5, 2])
def test_a_slow_disk(gateway, machine, delay):
    """Each write and each flush takes so long: everything takes longer, and nothing else happens."""
    lab, senders = gateway.lab, Senders(gateway.lab)
    pids = gateway.pids()
    machine.disk.fault(delay=delay)
    codes = heard(senders, FAULT_S * 3, timeout=60)
    machine.disk.fault()
    took = senders.until_taken()
    print(f'{delay} s a write: heard {codes.count(250)} times 250, {len(codes)} in all; taken again after {took:.1f} s')
    assert set(codes) <= {250, 451, 452} and 250 in codes, codes
    assert took < AS_BEFORE + delay
    senders.all_came()
    assert {n: p for n, p in gateway.pids().items() if not n.startswith('inspect')} == {n: p for n, p in pids.items() if not n.startswith('inspect')}


@WANTS_DISK
def test_what_waits_survives_a_disk_that_cannot_be_read(gateway, machine):
    """Large messages that wait are read from the disk for each attempt: an error is ours, not theirs (no bounce, not held for good)."""
    lab, senders = gateway.lab, Senders(gateway.lab)
    waiting = [gateway.send('x@tempfail.test', body='k' * 200000) for _ in range(3)]
    lab.stop_gateway()
    machine.close_file_system()  # so that nothing of it is in memory
    machine.mount()
    machine.start()
    machine.disk.fault(read='EIO')
    time.sleep(FAULT_S * 2)
    failed = machine.disk.fault()
    took = senders.until_taken()
    assert took < AS_BEFORE
    tried = time.time()
    assert lab.wait_for(lambda: len([e for e in lab.received('tempfail.test') if e['event'] == 'tempfailed' and e['at'] > tried]) >= 3, 30)
    assert failed > 0 and [gateway.state(n)['state'] for n in waiting] == ['waiting'] * 3
