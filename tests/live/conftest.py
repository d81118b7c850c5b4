"""The live tests' lab: one world per run; the gateway is started anew for each test file."""
import contextlib
import os
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import time

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, 'tests', 'lab'))
import lab as lab_module  # noqa: E402

INSIDE, OUTSIDE = '127.0.3.1', '127.0.9.1'
GATEWAY_ADDRESS = lab_module.GATEWAY


def nothing_overdue(lab):
    """The standing invariant of the queue: no recipient waits whom nobody will try again. The queue looks when it is asked for its
    state (proc/queue/schedule/overdue.c). Where no gateway runs, or somebody holds it, nothing is asked."""
    proc = lab.procs.get('posternd')
    if proc and proc.poll() is None:
        lab.postern('status')
        found = [line for line in lab.log().splitlines() if 'recipients-overdue' in line and line not in lab.provoked]
        assert not found, '\n'.join(found)


def ordinary_build():
    """The build that is installed as README says. Packs and pages come from the sources, so programs that are older read them wrongly:
    what failed then was said to be load ("there is no type or list", cut short)."""
    build = os.path.join(TOP, 'build')
    if not os.path.exists(os.path.join(build, 'build.ninja')):
        pytest.skip('needs the ordinary build in build/')
    said = subprocess.run(['ninja', '-C', build, '-n'], capture_output=True, text=True).stdout
    assert 'no work to do' in said, 'build/ is older than the sources: ninja -C build\n' + said[-300:]
    return build


class Gateway:
    """The gateway as a test sees it: sockets in front, postern behind."""

    def __init__(self, lab):
        self.lab = lab
        self.address = lab_module.GATEWAY

    def smtp(self, source=INSIDE, tls=True):
        client = smtplib.SMTP(self.address, 25, local_hostname='client.test', source_address=(source, 0), timeout=30)
        client.ehlo()
        if tls:
            client.starttls()
            client.ehlo()
        return client

    def send(self, rcpts, sender='nurse@inside.test', body='hello', source=INSIDE, tls=True, subject='test'):
        rcpts = [rcpts] if isinstance(rcpts, str) else rcpts
        client = self.smtp(source, tls)
        client.mail(sender)
        for rcpt in rcpts:
            assert client.rcpt(rcpt)[0] == 250
        code, text = client.data(f'From: <{sender}>\r\nSubject: {subject}\r\n\r\n{body}\r\n')
        assert code == 250, text
        client.quit()
        return text.decode().split()[-1]

    def raw(self, source=INSIDE):
        sock = socket.create_connection((self.address, 25), 20, source_address=(source, 0))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def state(self, message_id, rcpt=0):
        return self.lab.report(message_id)['recipients'][rcpt]

    def wait_state(self, message_id, state, seconds=20, rcpt=0):
        self.lab.wait_for(lambda: self.state(message_id, rcpt)['state'] == state, seconds)
        found = self.state(message_id, rcpt)
        assert found['state'] == state, (found, self.lab.log()[-3000:])
        return found

    def wait_reason(self, message_id, reason, seconds=20):
        """The recipient once that was the reason of an attempt; on a slow machine the ladder's patience may be over by then."""
        def reasons():
            report = self.lab.report(message_id)
            return [report['recipients'][0]['reason'], *(a['reason'] for a in report['attempts'])]
        self.lab.wait_for(lambda: reason in reasons(), seconds)
        found = self.state(message_id)
        assert reason in reasons(), (reasons(), found, self.lab.log()[-3000:])
        return found

    def pids(self):
        return {p['process']: p['pid'] for p in self.lab.postern('status', json_out=True)}

    def pid(self, name):
        """Of one process, once it is there: `status` says 0 of one that is just being started again."""
        found = self.lab.wait_for(lambda: self.pids().get(name) or None, 20)
        assert found, f'{name} is not there: ' + self.lab.log()[-2000:]
        return found

    @contextlib.contextmanager
    def without(self, role):
        """Kills every process of a role; none is there until the end. posternd, which would start them again at once, is
        stopped meanwhile: it answers no `status`, but the queue answers all that is asked of it."""
        posternd = self.lab.procs['posternd'].pid
        running = lambda: [pid for name, pid in self.pids().items() if name.split('-')[0] == role]
        pids = self.lab.wait_for(lambda: (lambda now: now if now and 0 not in now else None)(running()), 20)
        assert pids, f'{role} is not there'
        signal_process(posternd, signal.SIGSTOP)
        try:
            assert self.lab.wait_for(lambda: process_state(posternd) == 'T', 10, 0.01)
            for pid in pids:
                signal_process(pid, signal.SIGKILL)
            assert self.lab.wait_for(lambda: all(process_state(pid) == 'Z' for pid in pids), 10, 0.01)
            yield
            assert all(process_state(pid) == 'Z' for pid in pids), 'somebody saw that they had died'
        finally:
            signal_process(posternd, signal.SIGCONT)

    def wait_leased(self, message_id):
        """Until a process has the message in its hands: then a release, which changes nothing of what is not held, says so."""
        release = lambda: self.lab.postern('queue', 'release', message_id).stderr
        assert self.lab.wait_for(lambda: 'right now' in release(), 20), release()
        time.sleep(0.3)  # and has read it: what ends before that is no death over the message

    def when_free(self, act):
        """Runs a `postern queue` command over a message that may be under way just now: then its answer says so, and it is tried
        again."""
        for _ in range(100):
            done = act()
            if 'right now' not in done.stderr:
                break
            time.sleep(0.1)
        return done

    def counters(self, name):
        """The counters of a process as `status` shows them. Waits: a busy machine may answer it late."""
        def told():
            text = {p['process']: p['counters'] for p in self.lab.postern('status', json_out=True)}[name]
            return text if text != 'no answer' else None
        found = self.lab.wait_for(told, 20, 0.1)
        assert found, f'{name} does not answer: ' + self.lab.log()[-2000:]
        return found

    def delivering(self):
        """The name and pid of a process with a delivery under way. Waits: a busy machine may answer `status` late."""
        def working():
            return [(p['process'], p['pid']) for p in self.lab.postern('status', json_out=True)
                    if p['process'].startswith('smtpout') and 'deliveries=1 ' in p['counters']]
        found = self.lab.wait_for(working, 20, 0.01)
        assert found, 'the delivery was not seen: ' + self.lab.log()[-2000:]
        return found[0]

    def restart(self, **change):
        nothing_overdue(self.lab)  # what comes up next reads everything anew
        self.lab.stop_gateway()
        self.lab.start_gateway(self.lab.config(**change))


def signal_process(pid, number):
    """kill(2) of one process that was found: 0 would be the whole group of the tests themselves, and -1 everybody."""
    assert isinstance(pid, int) and pid > 1, pid
    os.kill(pid, number)


def process_state(pid):
    """The letter of proc(5), /proc/PID/stat: T stopped, Z dead and not waited for."""
    with open(f'/proc/{pid}/stat', encoding='ascii') as stat:
        return stat.read().rpartition(') ')[2][0]


def read_reply(stream):
    lines = []
    while True:
        line = stream.readline()
        lines.append(line)
        if len(line) < 4 or line[3:4] != b'-':
            return b''.join(lines)


def client_context(lab, **change):
    context = ssl.create_default_context(cafile=lab.path('ca', 'ca.pem'))
    for name, value in change.items():
        setattr(context, name, value)
    return context


@pytest.fixture(scope='session')
def world():
    lab = lab_module.Lab(os.environ.get('POSTERN_BUILD', os.path.join(TOP, 'build')))
    try:
        lab.up()
        yield lab
    finally:
        lab.down()


@contextlib.contextmanager
def serving(world, **config):
    """The gateway with a configuration and an empty store of its own: the files come in any order. What must never stand in its
    log fails whoever asked for it."""
    before = world.mark_log()
    world.mark_records()
    shutil.rmtree(world.path('store'), ignore_errors=True)
    world.start_gateway(world.config(**config))
    yield Gateway(world)
    nothing_overdue(world)
    bad = ('AddressSanitizer', 'runtime error', 'contract-broken', 'recipients-overdue')
    lines = world.log(since=before).splitlines()
    crashes = [line for line in lines if any(word in line for word in bad) and line not in world.provoked]
    world.stop_gateway()
    assert not crashes, '\n'.join(crashes) + world.log(since=before)[-6000:]


@pytest.fixture(scope='module')
def gateway(world):
    with serving(world) as it:
        yield it


# Those that wait longer than their size tells, with the octets that a file of their duration would have.
LONG = {'test_pairs.py': 60_000, 'test_clock.py': 55_000, 'test_tls_offer.py': 50_000, 'test_tls_world.py': 55_000, 'test_stalls.py': 45_000,
        'test_delivery.py': 50_000, 'test_directory_tls.py': 40_000, 'test_memory.py': 35_000, 'test_reasons.py': 45_000, 'test_soak.py': 15_000}


def pytest_collection_modifyitems(items):
    """The longest files first, so that no worker ends alone with one; how long: their octets tell of most."""
    items.sort(key=lambda item: (-LONG.get(item.path.name, item.path.stat().st_size), item.path.name))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A test that failed shows what the gateway logged meanwhile: it may not fail a second time."""
    report = (yield).get_result()
    world = item.funcargs.get('world') or getattr(item.funcargs.get('gateway'), 'lab', None)
    if report.failed and world and os.path.exists(world.path('log', 'posternd')):
        report.sections.append(('posternd logged, from its end', world.log()[-8000:]))


@pytest.fixture(autouse=True)
def own_log(request):
    """What an earlier test provoked is no proof and no fault of this one."""
    world = request.getfixturevalue('world') if 'world' in request.fixturenames else None
    if world:
        world.mark_log()
    yield
    if world:
        nothing_overdue(world)


@pytest.fixture(autouse=True)
def slow_clock(request):
    start = time.time()
    yield
    request.node.user_properties.append(('seconds', time.time() - start))
