"""The wall clock is set while mail waits: an hour and a day, forward and back. A library in front of libc moves it
(tests/crash/fault.c), for posternd and all its processes; the monotonic clock and the rest of the lab go on as they were, as when
an administrator says date --set.

What is right, from docs/queue.md and RFC 5321 4.5.4.1 (retries at intervals, given up after days of waiting), RFC 3461 4.1 (told
of a delay once it is unusual): whatever the clock does, what waits is tried no later than its interval after it; fresh mail goes at
once; nobody is given up, told or forgotten sooner than they really waited; notices come once; nothing is overdue.
"""
import os
import shutil
import struct
import subprocess
import time

import pytest
from conftest import TOP, nothing_overdue

LONGEST_S = 4  # between two attempts; a tenth may be added (retry_pause()), and a slow machine takes a moment
SLACK_S = 4
HOUR, DAY = 3600, 24 * 3600
AT_FIRST = 2 * DAY  # the lab's certificates and signatures are good from today on, also when the clock is set back by a day


class Clock:
    """The gateway's wall clock, in seconds before the true one."""

    def __init__(self, lab):
        self.lab, self.path = lab, lab.path('clock')
        with open(self.path, 'wb') as out:
            out.write(bytes(4096))
        os.chmod(self.path, 0o644)
        self.ahead = 0
        self.set(AT_FIRST)

    def set(self, ahead):
        self.ahead = ahead
        with open(self.path, 'r+b') as out:
            out.write(struct.pack('q', ahead * 1000))

    def jump(self, by):
        before = self.lab.log().count('clock-jumped')
        self.set(self.ahead + by)
        assert self.lab.wait_for(lambda: self.lab.log().count('clock-jumped') > before, 20), self.lab.log()[-3000:]


def ordinary_build(lab):
    """The sanitizers want to be loaded first themselves."""
    build = os.path.join(TOP, 'build')
    if not os.path.exists(os.path.join(build, 'build.ninja')):
        subprocess.run(['meson', 'setup', build], cwd=TOP, check=True, capture_output=True)
    subprocess.run(['ninja', '-C', build], check=True, capture_output=True)
    shutil.copy(os.path.join(build, 'tests', 'libcrash_fault.so'), lab.path('etc', 'fault.so'))  # where every user may read it
    return build


@pytest.fixture(scope='module')
def clock(gateway):
    lab = gateway.lab
    lab.stop_gateway()
    build, lab.build = lab.build, ordinary_build(lab)
    clock = Clock(lab)
    os.environ.update(LD_PRELOAD=lab.path('etc', 'fault.so'), CLOCK_FILE=clock.path)
    try:
        yield clock
    finally:
        lab.stop_gateway()
        del os.environ['LD_PRELOAD'], os.environ['CLOCK_FILE']
        lab.build = build
        shutil.rmtree(lab.path('store'), ignore_errors=True)  # its times are days off
        lab.start_gateway()


def begin(gateway, queue='', lifetime='2h'):
    """An empty store; only the gateway's own processes have the library."""
    lab = gateway.lab
    nothing_overdue(lab)
    lab.stop_gateway()
    shutil.rmtree(lab.path('store'), ignore_errors=True)
    lab.start_gateway(lab.config(first_retry='2s', lifetime=lifetime, queue=f'longest-retry {LONGEST_S}s; {queue}'))


def told(lab, number):
    """Subjects of what its sender got about a message."""
    heads = [m['data'].partition('\r\n\r\n') for m in lab.messages('inside.test')]
    return [h[0].partition('Subject: ')[2].split('\r\n')[0] for h in heads if f'for message {number}' in h[2] or number in h[2]]


def attempts_at(lab, rcpt):
    """When the server heard of the recipient, by the true clock."""
    return [e['at'] for e in lab.received('tempfail.test') if e['event'] == 'tempfailed' and e['rcpt'] == rcpt]


def tried_in_time(lab, rcpt, since, seconds):
    """From then on, never longer apart than the longest interval."""
    time.sleep(seconds)
    times = [since] + [t for t in attempts_at(lab, rcpt) if t > since] + [time.time()]
    assert max(b - a for a, b in zip(times, times[1:])) < LONGEST_S * 1.1 + SLACK_S, [round(t - since, 1) for t in times]


# An hour goes the ways that a day goes, with the same waits: in ./check all.
ALL = bool(os.environ.get('POSTERN_ALL'))
JUMPS = pytest.mark.parametrize('by', [DAY, -DAY, HOUR, -HOUR][:4 if ALL else 2], ids=['day-forward', 'day-back', 'hour-forward', 'hour-back'][:4 if ALL else 2])


@JUMPS
def test_what_waits_is_tried_in_time(gateway, clock, by):
    """A recipient put off, one behind a dead destination, one on hold; then fresh mail; then the clock is set right again."""
    lab = gateway.lab
    begin(gateway)
    name = f'wait{by}@tempfail.test'
    waits, dead, held = gateway.send(name), gateway.send('x@dead.test'), gateway.send('held@tempfail.test')
    assert lab.postern('queue', 'hold', held).returncode == 0
    assert lab.wait_for(lambda: len(attempts_at(lab, name)) >= 2, 20)
    for jump in (by, -by):
        tries = gateway.state(dead)['attempts']
        set_at = time.time()
        clock.jump(jump)
        fresh = gateway.send(f'fresh{jump}@good.test')
        gateway.wait_state(fresh, 'delivered', 10)
        tried_in_time(lab, name, set_at, 8)
        assert gateway.state(dead)['attempts'] > tries
        assert [gateway.state(n)['state'] for n in (waits, dead, held)] == ['waiting', 'waiting', 'held']
        assert told(lab, waits) == told(lab, dead) == []
        nothing_overdue(lab)


@pytest.mark.parametrize('by', [HOUR, DAY], ids=['hour', 'day'])
def test_forward_ends_tells_and_forgets_nothing(gateway, clock, by):
    """All of it seems an hour or a day old, and is some seconds old: older than its lifetime, than a delay that is told, than a
    report is kept. RFC 3461 4.1."""
    lab = gateway.lab
    begin(gateway, 'delay-notice 10m; notice-after 10m; keep-reports 1h;', '30m')
    done = gateway.send('x@good.test')
    gateway.wait_state(done, 'delivered')
    waits = gateway.send(f'young{by}@tempfail.test')
    clear = gateway.send('x@nocrypt.test') if by == HOUR else None
    gateway.wait_reason(waits, 'rejected')
    set_at = time.time()
    clock.jump(by)
    tried_in_time(lab, f'young{by}@tempfail.test', set_at, 12)
    assert gateway.state(waits)['state'] == 'waiting' and told(lab, waits) == []
    assert gateway.state(done)['state'] == 'delivered'
    assert clear is None or told(lab, clear) == []
    clock.jump(-by)
    time.sleep(3)
    assert gateway.state(waits)['state'] == 'waiting' and told(lab, waits) == []


@pytest.mark.parametrize('by', [-DAY, -HOUR][:2 if ALL else 1], ids=['day', 'hour'][:2 if ALL else 1])
def test_back_tells_once_and_ends_at_its_time(gateway, clock, by):
    """What came seems to come from the future: it counts as come now. One notice of delay, one of failure, no sooner and no later
    than was waited, by the true clock."""
    lab = gateway.lab
    begin(gateway, 'delay-notice 8s;', '25s')
    came_at = time.time()
    waits = gateway.send('late@tempfail.test')
    gateway.wait_reason(waits, 'rejected')
    set_at = time.time()
    clock.jump(by)
    assert lab.wait_for(lambda: told(lab, waits), 8 + 10 + SLACK_S), lab.log()[-3000:]
    assert time.time() - came_at >= 8 and told(lab, waits) == ['Your message has not been delivered yet']
    gateway.wait_state(waits, 'expired', 40)
    assert 25 <= time.time() - came_at and time.time() - set_at < 25 + 2 + 10 + SLACK_S
    assert lab.wait_for(lambda: len(told(lab, waits)) == 2, 10)
    clock.jump(-by)
    clock.jump(by)
    time.sleep(3)
    assert len(told(lab, waits)) == 2


@pytest.mark.parametrize('by', [-DAY, -HOUR, HOUR], ids=['day-back', 'hour-back', 'hour-forward'])
def test_set_while_nothing_runs(gateway, clock, by):
    """The machine was off, or its clock was set before the start: what waits is tried within its interval."""
    lab = gateway.lab
    begin(gateway)
    name = f'off{by}@tempfail.test'
    waits = gateway.send(name)
    gateway.wait_reason(waits, 'rejected')
    lab.stop_gateway()
    clock.set(clock.ahead + by)
    lab.start_gateway(open(lab.path('postern.conf')).read())
    tried_in_time(lab, name, time.time(), 8)
    assert gateway.state(waits)['state'] == 'waiting'
    clock.jump(-by)


@pytest.mark.parametrize('patience,by', [('', DAY + HOUR), ('probe-patience 30m;', HOUR)])
def test_forward_sends_nothing_in_clear(gateway, clock, patience, by):
    """RFC 7435 3: what waits for a look at all servers does not go in clear because a clock was set. A reviewer's case."""
    lab = gateway.lab
    lab.stop_gateway()
    shutil.rmtree(lab.path('store'), ignore_errors=True)
    lab.mark_records()
    lab.start_gateway(lab.config(first_retry='2s', queue='longest-retry 4s;', delivery='greeting-time 1s;',
                                 top=f'monitor {{ probe no; first-probe-time 1s; {patience} }}'))
    waits, policy = gateway.send('x@looktwo.test'), gateway.send('x@ststxtfail.test')
    gateway.wait_reason(waits, 'look-incomplete')
    gateway.wait_reason(policy, 'sts-lookup')
    clock.jump(by)
    tried = lab.log().count('reason=look-incomplete')
    assert lab.wait_for(lambda: lab.log().count('reason=look-incomplete') >= tried + 2, 30)
    assert gateway.state(waits)['state'] == gateway.state(policy)['state'] == 'waiting'
    assert not [r for r in lab.received('host-mx.looktwo.test') if r['event'] == 'data-in-clear']


def test_forward_takes_no_rung(gateway, clock):
    lab = gateway.lab
    lab.stop_gateway()
    shutil.rmtree(lab.path('store'), ignore_errors=True)
    lab.start_gateway(lab.config(first_retry='2s', queue='longest-retry 4s;', extra='flags { protect secure; }\nladder "default" { channels tls:15m hold; }\n',
                                 top='monitor { probe no; }'))
    flagged = gateway.send('x@refuse.test', subject='[secure] x')
    gateway.wait_reason(flagged, 'tls-refused')
    clock.jump(HOUR)
    tried = lab.log().count('reason=tls-refused')
    assert lab.wait_for(lambda: lab.log().count('reason=tls-refused') >= tried + 2, 30), lab.log()[-2000:]
    assert gateway.state(flagged)['state'] == 'waiting'
