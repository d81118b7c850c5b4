"""The machine fails for a while under the whole gateway: its disk answers EIO or takes a second for each write, its processes have no
descriptors left. Meanwhile mail gets temporary answers, afterwards all is as before within five seconds, and nothing that was
acknowledged is lost. Full and read-only disks: test_life.py; no inodes: test_around.py; a clock that is set: test_clock.py.

What is right: RFC 5321 4.2.1 (4yz: a condition that is temporary), 6.1 (what was acknowledged is delivered); issue 23, 3.4."""
import os
import re
import smtplib
import socket
import subprocess
import time

import pytest
from conftest import GATEWAY_ADDRESS, INSIDE, signal_process
from test_crash import arrivals
from test_pairs import browse
from test_power import ALL, WANTS_DISK, machine_of
from test_stalls import AS_BEFORE, busy, copies, works_again  # noqa: F401

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


# RFC 5321 4.1.1.4 MUST: the end of a message is answered with yes or no for all of it
# RFC 5321 4.2.5 MUST NOT: what was answered 4yz or 5yz behind its dot is not delivered
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


# --- descriptors ---------------------------------------------------------------------------------------------------------------

def limit_to_what_is_open(pid):
    """RLIMIT_NOFILE is one more than the greatest number that may be given out (getrlimit(2)): the lowest that is free is none."""
    numbers = set(map(int, os.listdir(f'/proc/{pid}/fd')))
    with open(f'/proc/{pid}/limits') as limits:
        was = re.search(r'Max open files +(\d+)', limits.read()).group(1)
    set_limit(pid, min(set(range(len(numbers) + 1)) - numbers))
    return was


def set_limit(pid, number):
    """As the user of the process: in a container root may have no CAP_SYS_RESOURCE (prlimit(2))."""
    with open(f'/proc/{pid}/status') as status:
        uid, gid = re.findall(r'^[UG]id:\t(\d+)', status.read(), re.M)
    act = ['prlimit', f'--pid={pid}', f'--nofile={number}:']
    subprocess.run(['setpriv', f'--reuid={uid}', f'--regid={gid}', '--clear-groups', *act], check=True)


NEW = ('unsigned.test', 'nocrypt.test')  # nothing is known of them, no connection is open; one has no STARTTLS: all servers are asked
SAY_SO = ('smtpout', 'inspect', 'lookup')


@pytest.mark.parametrize('role', ['smtpin', 'queue', 'web', 'smtpout', 'inspect', 'keys', 'lookup', 'login'])
def test_no_descriptors_are_left(busy, role):
    """Not one more: what is open goes on, what is new waits or hears 4yz; soft limits, as an administrator may set too low. No process
    ends over it, no message is held for it, and what smtpout could not begin is no attempt (docs/queue.md, "When it is tried again")."""
    gateway, load = busy
    lab, senders = gateway.lab, Senders(gateway.lab)
    try:
        works_again(load, time.time())
        posternd = lab.procs['posternd'].pid
        pids = copies(gateway, role)
        before = {pid: limit_to_what_is_open(pid) for pid in pids}
        open_ones = []
        for i in range(40):  # connections that would use up what is left
            for port in (25, 443):
                sock = socket.socket()
                sock.settimeout(1)
                sock.bind((f'127.0.3.{100 + i}', 0))
                sock.connect((GATEWAY_ADDRESS, port))
                open_ones.append(sock)
        new = [gateway.send(f'x@{domain}') for domain in NEW] if role in ('smtpout', 'lookup') else []
        codes = heard(senders, FAULT_S)
        said = [line for line in lab.log().splitlines() if f'process={role}-' in line and 'event=no-descriptors-left' in line]
        ended = [line for line in lab.log().splitlines() if f'event=process-ended child={role}-' in line and 'signal=0' not in line]
        for sock in open_ones:
            sock.close()
        for pid in pids:
            if os.path.exists(f'/proc/{pid}'):  # else it was replaced
                set_limit(pid, before[pid])
        since = time.time()
        took = works_again(load, since)
        print(f'{role}: heard {sorted(set(codes))}, works again after {took:.1f} s; '
              f'{"as before" if copies(gateway, role) == pids else "replaced"}')
        assert not [c for c in codes if c >= 500] and took < AS_BEFORE
        for message_id in new:
            assert gateway.wait_state(message_id, 'delivered')['attempts'] == 1 or role != 'smtpout'
        assert lab.procs['posternd'].pid == posternd and browse(gateway) == 200
        assert not ended and (said or role not in SAY_SO), (ended, lab.log()[-3000:])
    finally:
        load.end()
    senders.all_came()
    lab.wait_for(lambda: load.kept <= set(load.arrived()[0]), 60, 0.5)
    assert not load.kept - set(load.arrived()[0])
    held = [r for m in lab.postern('queue', 'list', json_out=True) for r in m['recipients'] if r['state'] == 'held']
    assert not held, held


def test_what_posternd_hands_over_finds_no_room(busy):
    """A configuration, and the socket to a keys that was started anew, while smtpout has no descriptors at all: it goes on with what it
    had, says so, and gets both later; it is not started again."""
    gateway, load = busy
    lab = gateway.lab
    try:
        works_again(load, time.time())
        pids = copies(gateway, 'smtpout')
        before = {pid: limit_to_what_is_open(pid) for pid in pids}
        for pid in pids:
            set_limit(pid, 3)  # those of standard input, output and error
        done = lab.postern('reload')
        assert done.returncode == 1 and 'not in these processes: smtpout-0 (refused it), smtpout-1 (refused it).' in done.stderr, done
        signal_process(gateway.pid('keys-0'), 9)
        assert lab.wait_for(lambda: lab.log().count('event=pair-joined-again') > 2, 30), lab.log()[-3000:]
        for pid in pids:
            set_limit(pid, before[pid])
        took = works_again(load, time.time())
        assert copies(gateway, 'smtpout') == pids and took < AS_BEFORE, (took, lab.log()[-3000:])
        assert lab.postern('reload').returncode == 0
    finally:
        load.end()
    lab.wait_for(lambda: load.kept <= set(load.arrived()[0]), 60, 0.5)
    assert not load.kept - set(load.arrived()[0])
