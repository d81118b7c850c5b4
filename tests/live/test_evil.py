"""A worker that was taken over (tests/evil/evil.c) beside an honest one of its kind: whatever it says to the others, those that
hold keys and mail stay up, and no mail is lost or reported as what it is not. ./check all lets each try longer, and say what only
others may say; POSTERN_EVIL_SECONDS sets how long."""
import os
import re
import shutil
import signal
import smtplib
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import GATEWAY_ADDRESS, INSIDE, TOP, serving, signal_process
from test_pairs import browse
from test_stalls import AS_BEFORE

ALL = bool(os.environ.get('POSTERN_ALL'))
SECONDS = float(os.environ.get('POSTERN_EVIL_SECONDS', '30' if ALL else '2'))
MODES = ['rules', 'any'] if ALL else ['rules']
EXTRA = f'''
portal {{ url https://gateway.test; address {GATEWAY_ADDRESS}:443; from secure@inside.test; pages @pages@; }}
inspection {{ packs @packs@; wait 20s; }}
workers {{ smtpin 2; smtpout 2; inspect 2; web 2; login 2; }}
metrics {{ address {GATEWAY_ADDRESS}:9471; }}
monitor {{ probe no; }}
listen submission {{ address {GATEWAY_ADDRESS}:587; }}
'''
KEEPS = ('queue-0', 'keys-0')  # they stand behind the borders
SPARE = 10  # descriptors: of mail under way, and of a process that is just being replaced


@pytest.fixture(scope='module')
def gateway(world):
    with serving(world, extra=EXTRA, first_retry='1s', queue='longest-retry 3s;', top='administrator admin@inside.test;\n') as it:
        yield it


def descriptors(gateway):
    return {name: len(os.listdir(f'/proc/{pid}/fd')) for name, pid in gateway.pids().items() if name in KEEPS}


def numbers():
    """What Prometheus reads, each line one that it can read, of the process that is named (its text format, version 0.0.4)."""
    try:
        with urllib.request.urlopen(f'http://{GATEWAY_ADDRESS}:9471/metrics', timeout=5) as reply:
            text = reply.read().decode()
    except OSError:
        return ''
    for line in text.splitlines():
        assert re.fullmatch(r'[a-z_]+\{process="[a-z0-9-]+"(,(?!process)[a-z]+="[^"\\\r]*")*\} [0-9]+', line), line
    return text


def take_over(gateway, role, mode):
    """Every copy but the first of this program is an evil one from the next start on. What each life says is told by a seed, which
    it logs; POSTERN_EVIL_SEED has it said again."""
    lab = gateway.lab
    folder = lab.binaries()
    with open(os.path.join(folder, 'evil.mode'), 'w') as out:
        out.write(f'{mode} ' + os.environ.get('POSTERN_EVIL_SEED', ''))
    os.chmod(os.path.join(folder, 'evil.mode'), 0o644)
    target = os.path.join(folder, role)
    shutil.copy(target, os.path.join(folder, 'real-' + role))
    os.unlink(target)
    shutil.copy(os.path.join(lab.build, 'tests', 'evil'), target)
    os.chmod(target, 0o755)


def give_back(gateway, role):
    folder = gateway.lab.binaries()
    os.replace(os.path.join(folder, 'real-' + role), os.path.join(folder, role))


def start(gateway):
    """One of the processes may be down already: then status says 1."""
    lab = gateway.lab
    env = dict(os.environ, ASAN_OPTIONS='detect_leaks=0:abort_on_error=1:handle_abort=0', UBSAN_OPTIONS='print_stacktrace=1:halt_on_error=1')
    lab.start('posternd', [os.path.join(lab.binaries(), 'posternd'), '-c', lab.path('postern.conf')], env=env)
    assert lab.wait_for(lambda: lab.postern('queue', 'list').returncode == 0, 60)
    lab.wait_port(GATEWAY_ADDRESS, 25)


def lies_in(log, role):
    """What an evil process wrote to its standard error (write_lies() of evil.c) stands there as its words, and speaks to no terminal."""
    said = [line for line in log.splitlines() if 'forgery' in line]
    assert len(said) >= 4, said
    mark = re.compile(rf'time=(?!2001)\S+Z level=warn process={role}-[0-9]+ event=process-wrote text="')
    return [line for line in said if not mark.match(line) or re.search('[\x00-\x1f\x7f-\x9f]', line)]


ENDS = ('delivered', 'waits in the portal')


def told_false(gateway, ids, ends):
    """Each is somewhere, and "delivered" is said of what arrived alone."""
    arrived = [r for m in gateway.lab.messages('good.test') for r in m['rcpts'] if 'Subject: evil' in m['data'] or '[secure] evil' in m['data']]
    wrong = {}
    for rcpt, message_id in ids.items():
        state = gateway.state(message_id)['state']
        if state not in (*ends, 'queued', 'held') or (state == 'delivered') != (rcpt in arrived):
            wrong[rcpt] = (message_id, state, arrived.count(rcpt))
    return wrong


@pytest.mark.parametrize('mode', MODES)
@pytest.mark.parametrize('role', ['smtpin', 'smtpout', 'inspect', 'web', 'login', 'metrics', 'lookup'])
def test_a_process_that_was_taken_over(gateway, role, mode):
    lab = gateway.lab
    lab.stop_gateway()
    take_over(gateway, role, mode)
    try:
        start(gateway)
        before, posternd = gateway.pids(), lab.procs['posternd'].pid
        held = descriptors(gateway)
        ids, end, number = {}, time.time() + SECONDS, 0
        while time.time() < end:
            number += 1
            rcpt = f'{role}-{mode}-{number}@good.test'
            ids[rcpt] = gateway.send(rcpt, subject='[secure] evil' if number % 3 == 0 else 'evil')
            time.sleep(0.2)
            lies = [line for line in numbers().splitlines() if 'postern_lie' in line and f'"{role}-' not in line]
            assert lies == []
            shown = lab.postern('status').stdout  # nothing in it speaks to a terminal (ECMA-48)
            assert not re.search('[\x00-\x08\x0b-\x1f\x7f-\x9f]', shown), shown
            if 'kept down' in lab.log() and number % 10 == 0:
                lab.postern('reload')  # else it would be quiet from now on
        assert lies_in(lab.log(), role) == []
        assert lab.log().count('event=reload-refused') < 10, 'it fills the log in the name of posternd'
        after = gateway.pids()
        assert {k: after[k] for k in KEEPS} == {k: before[k] for k in KEEPS}, lab.log()[-4000:]
        assert lab.procs['posternd'].pid == posternd and lab.procs['posternd'].poll() is None
        assert 'process-replaced child=inspect-1' not in lab.log(), 'it did no share of work yet'
        assert all(n <= held[name] + SPARE for name, n in descriptors(gateway).items()), (held, descriptors(gateway))
    finally:
        lab.stop_gateway()
        give_back(gateway, role)
        lab.start_gateway(open(lab.path('postern.conf')).read())
    ends = (*ENDS, 'returned') if role == 'lookup' else ENDS  # it may say of a domain that it does not exist
    lab.postern('queue', 'release', 'held')  # two workers were ended over them
    lab.wait_for(lambda: all(gateway.state(i)['state'] in ends for i in ids.values()), 30, 0.5)
    assert not told_false(gateway, ids, ends), lab.log()[-4000:]
    open_still = [s for s in map(gateway.state, ids.values()) if s['state'] not in ends]
    assert ids and not open_still, open_still[:3]


@pytest.mark.parametrize('role', ['smtpout', 'inspect'])
def test_who_takes_nothing_is_kept_down(gateway, role):
    """It says that it reads, and ends as soon as it is given a message, in order, before it said that it has it. Nothing counts against
    the messages: all go on by the honest one, none is held, none goes out twice; the evil one is kept down, with an alarm."""
    lab = gateway.lab
    lab.stop_gateway()
    take_over(gateway, role, 'mute')
    alarms = lambda: [a['kind'] for a in lab.postern('domains', 'alarms', json_out=True)]
    ids, large = {}, ('x' * 70 + '\r\n') * 5000  # several large ones at once are given to all copies
    try:
        start(gateway)
        end = time.time() + 60
        with ThreadPoolExecutor(4) as at_once:
            while time.time() < end and not is_kept_down(lab, f'{role}-1'):
                rcpts = [f'mute-{role}-{len(ids) + i}@good.test' for i in range(4)]
                ids.update(zip(rcpts, at_once.map(lambda rcpt: gateway.send(rcpt, subject='evil', body=large), rcpts)))
        assert is_kept_down(lab, f'{role}-1'), lab.log()[-3000:]
        assert lab.wait_for(lambda: 'misuse' in alarms(), 10)
        for message_id in ids.values():
            gateway.wait_state(message_id, 'delivered')
        assert 'message-quarantined' not in lab.log() and 'message-not-inspected' not in lab.log()
        assert not told_false(gateway, ids, ENDS), lab.log()[-4000:]
        arrived = [r for m in lab.messages('good.test') for r in m['rcpts'] if r in ids]
        assert len(arrived) == len(set(arrived)) == len(ids)
    finally:
        lab.stop_gateway()
        give_back(gateway, role)
        lab.start_gateway(open(lab.path('postern.conf')).read())


def test_who_says_that_it_is_ready_and_leaves(gateway):
    """With the status that means "I can never run here" (78), and so soon that posternd, which is busy, hears of its end before it
    reads that it was ready: strangers had spoken to it, and would end the whole gateway."""
    lab = gateway.lab
    lab.stop_gateway()
    take_over(gateway, 'inspect', 'leaves')
    try:
        start(gateway)
        posternd = lab.procs['posternd']
        end = time.time() + max(SECONDS, 10)
        while time.time() < end and posternd.poll() is None:
            signal_process(posternd.pid, signal.SIGSTOP)
            time.sleep(0.04)
            signal_process(posternd.pid, signal.SIGCONT)
            time.sleep(0.005)
        assert posternd.poll() is None, lab.log()[-2000:]
        assert lab.log().count('event=process-ended child=inspect-1') >= 3
        gateway.wait_state(gateway.send('leaves@good.test'), 'delivered')
    finally:
        if lab.procs['posternd'].poll() is None:
            lab.stop_gateway()
        give_back(gateway, 'inspect')
        lab.start_gateway(open(lab.path('postern.conf')).read())


@pytest.mark.skipif(not ALL, reason='minutes: ./check all, POSTERN_ALL=1')
@pytest.mark.parametrize('role', ['smtpout', 'inspect'])
def test_who_holds_what_it_took_is_replaced(gateway, role):
    """It says that it has what it was given, and then nothing more for ever (Postfix ends such a process by daemon_timeout, after
    hours; here it is minutes). Another gets it, once; nothing is held, lost or sent twice."""
    lab = gateway.lab
    lab.stop_gateway()
    take_over(gateway, role, 'holds')
    large = ('x' * 70 + '\r\n') * 5000  # several large ones at once are given to all copies
    try:
        start(gateway)
        with ThreadPoolExecutor(4) as at_once:
            rcpts = [f'holds-{role}-{i}@good.test' for i in range(12)]
            ids = dict(zip(rcpts, at_once.map(lambda rcpt: gateway.send(rcpt, subject='evil', body=large), rcpts)))
        goes_on(gateway, ids)
        assert re.search(f'peer={role} type=lease_taken why="it does not .* what it took"', lab.log()), lab.log()[-3000:]
    finally:
        lab.stop_gateway()
        give_back(gateway, role)
        lab.start_gateway(open(lab.path('postern.conf')).read())


def goes_on(gateway, ids):
    lab, begin = gateway.lab, time.time()
    for message_id in ids.values():
        gateway.wait_state(message_id, 'delivered', 300)
    print('delivered after', round(time.time() - begin), 'seconds')
    assert 'message-quarantined' not in lab.log() and 'message-not-inspected' not in lab.log()
    arrived = [r for domain in ('good.test', 'slow.test') for m in lab.messages(domain) for r in m['rcpts'] if r in ids]
    assert len(arrived) == len(set(arrived)) == len(ids), arrived


@pytest.mark.skipif(not ALL, reason='minutes: ./check all, POSTERN_ALL=1')
@pytest.mark.parametrize('role', ['smtpout', 'inspect'])
def test_who_is_stopped_with_a_message_is_replaced(gateway, role):
    """For good: a debugger, a frozen cgroup, a page that a failed disk does not give back. Nobody has to start it again."""
    lab, keys = gateway.lab, gateway.pid('keys-0')
    before = [pid for name, pid in gateway.pids().items() if name.split('-')[0] == role]
    rcpt = f'stopped-{role}@slow.test'  # each of its answers takes its time
    client = gateway.smtp()
    client.mail('nurse@inside.test')
    client.rcpt(rcpt)
    client.docmd('DATA')
    if role == 'inspect':
        signal_process(keys, signal.SIGSTOP)  # whoever gets the message waits for its key
    try:
        client.sock.sendall(b'Subject: stopped\r\n\r\nhello\r\n.\r\n')
        waiting = lambda: [m for m in lab.postern('queue', 'list', json_out=True) if any(r['forward-path'] == rcpt for r in m['recipients'])]
        message_id = lab.wait_for(waiting)[0]['id']
        gateway.wait_leased(message_id)
        for pid in before:
            signal_process(pid, signal.SIGSTOP)
    finally:
        signal_process(keys, signal.SIGCONT)
    assert client.getreply()[0] == 250
    goes_on(gateway, {rcpt: message_id})
    assert not set(before) & set(gateway.pids().values()) or role == 'smtpout'


def is_kept_down(lab, name):
    return re.search(rf'^{name} +down .*\n +kept down: ', lab.postern('status').stdout, re.M) is not None


def test_kept_down_until_a_reload(gateway):
    """Five times within ten minutes: it is not started any more, an alarm says so, and a reload forgives it."""
    lab = gateway.lab
    lab.stop_gateway()
    take_over(gateway, 'smtpin', 'any')
    alarms = lambda: [a['kind'] for a in lab.postern('domains', 'alarms', json_out=True)]
    try:
        start(gateway)
        assert lab.wait_for(lambda: 'kept down: it said again and again' in lab.postern('status').stdout, 60, 0.5), lab.log()[-3000:]
        assert lab.log().count('process-misused-its-channel') >= 5
        assert lab.wait_for(lambda: 'misuse' in alarms(), 10)
        gateway.wait_state(gateway.send('keptdown@good.test'), 'delivered')  # the honest one serves
    finally:
        give_back(gateway, 'smtpin')
    assert lab.postern('reload').returncode == 0
    assert lab.wait_for(lambda: lab.postern('status').returncode == 0 and 'misuse' not in alarms(), 30, 0.5), lab.postern('status').stdout


# --- those that there is one of: nobody outside speaks to them, and what they say is believed ------------------------------------------

def replaced(gateway, name):
    """It is killed, and what stands in its place by now has begun."""
    pid = gateway.pids().get(name)
    if pid:  # 0: it is just being started, or kept down
        signal_process(pid, signal.SIGKILL)
    assert gateway.lab.wait_for(lambda: gateway.pids().get(name) not in (0, None, pid), 20), gateway.lab.log()[-2000:]


def try_everything(gateway):
    """What people do meanwhile; any answer will do, and none."""
    for act in (lambda: hand_in(100), lambda: hand_in(100000), lambda: browse(gateway, timeout=3), lambda: login(gateway)):
        try:
            act()
        except (smtplib.SMTPException, OSError, AssertionError):
            pass


def hand_in(octets):
    with smtplib.SMTP(GATEWAY_ADDRESS, 25, source_address=(INSIDE, 0), timeout=3) as client:
        client.starttls()
        client.sendmail('nurse@inside.test', ['meanwhile@good.test'], 'Subject: evil\r\n\r\n' + 'x' * 70 + '\r\n' * (octets // 72))


def login(gateway):
    with smtplib.SMTP(GATEWAY_ADDRESS, 587, timeout=3) as client:
        client.starttls()
        client.login('nobody@inside.test', 'a password')


def unclean(log):
    """Ends of processes that were not killed by posternd, or by the alarm clock that an inspect sets itself."""
    ends = re.findall(r'process-ended child=(\S+) status=(-?\d+) signal=(\d+)', log)
    return [end for end in ends if end[2] not in ('0', str(int(signal.SIGKILL)), str(int(signal.SIGALRM))) or end[1] not in ('-1', '0')]


@pytest.mark.parametrize('mode', MODES)
@pytest.mark.parametrize('role', ['queue', 'keys'])
def test_what_all_believe(gateway, role, mode):
    """Messages without recipients, leases twice, answers to nothing, of the wrong kind or size, or none: no other process crashes, and
    with the honest one back all is as before. Mail that was acknowledged before is there."""
    lab = gateway.lab
    posternd = lab.procs['posternd'].pid
    ids = [gateway.send(f'before-{role}-{mode}@{domain}') for domain in ('good.test', 'tempfail.test')]
    gateway.wait_state(ids[0], 'delivered')
    take_over(gateway, role, mode)
    try:
        replaced(gateway, f'{role}-0')
        end = time.time() + SECONDS * 2
        while time.time() < end:
            try_everything(gateway)
            if 'kept down' in lab.log():
                lab.postern('reload')  # else it would be quiet from now on
        assert lab.procs['posternd'].pid == posternd and lab.procs['posternd'].poll() is None
    finally:
        give_back(gateway, role)
    lab.postern('reload')  # it may be kept down
    replaced(gateway, f'{role}-0')
    assert lab.wait_for(lambda: lab.postern('reload').returncode == 0, 60, 1)  # and so may those of whom it spoke ill
    began = time.time()
    lab.wait_ready(30)
    gateway.wait_state(gateway.send(f'after-{role}-{mode}@good.test'), 'delivered')
    assert time.time() - began < AS_BEFORE
    assert not unclean(lab.log()), unclean(lab.log())
    assert gateway.state(ids[0])['state'] == 'delivered' and gateway.state(ids[1])['state'] in ('queued', 'waiting')
