"""Processes that are slow, stopped or started again while mail flows: nothing ends for good, nothing is lost or doubled, nothing
goes in clear."""
import json
import os
import re
import signal
import smtplib
import socket
import ssl
import subprocess
import threading
import time
import urllib.request

import pytest
from conftest import GATEWAY_ADDRESS, OUTSIDE, client_context, signal_process


def shake(gateway, timeout=30):
    """A handshake; None when it is good, else what went wrong."""
    try:
        with smtplib.SMTP(gateway.address, 25, timeout=timeout, source_address=(OUTSIDE, 0)) as c:
            c.starttls(context=client_context(gateway.lab, check_hostname=False))
            c.ehlo()
            return None
    except (smtplib.SMTPException, OSError, ssl.SSLError) as error:
        return repr(error)


def shake_in_background(gateway, n):
    found = [0] * n

    def one(i):
        found[i] = shake(gateway)
    threads = [threading.Thread(target=one, args=(i,)) for i in range(n)]
    for t in threads:
        t.start()
    return threads, found


def paused(gateway, name, seconds):
    """Stops a process for a while."""
    pid = gateway.pid(name)
    signal_process(pid, signal.SIGSTOP)
    try:
        time.sleep(seconds)
    finally:
        signal_process(pid, signal.SIGCONT)


def test_a_slow_keys_costs_one_handshake_a_process(gateway):
    """keys stopped for longer than an answer is waited for (field report: afterwards every second handshake failed until a restart;
    the same shape as a stalled tlsmgr of Postfix)."""
    before = gateway.pids()
    assert shake(gateway) is None
    keys = before['keys-0']
    signal_process(keys, signal.SIGSTOP)
    try:
        threads, found = shake_in_background(gateway, 12)
        time.sleep(1)
        began = time.time()
        with smtplib.SMTP(gateway.address, 25, timeout=30, source_address=(OUTSIDE, 0)) as c:  # their loops do not stand still for each
            c.ehlo()
            code, words = c.mail('a@outside.test')
            assert code == 451 and b'in clear' in words, (code, words)  # and what could have come encrypted does not come in clear
        assert time.time() - began < 4
        time.sleep(3)
    finally:
        signal_process(keys, signal.SIGCONT)
    for t in threads:
        t.join()
    bad = [f for f in found if f]
    assert len(bad) <= 2, bad  # those that found it out, one a process; the others waited
    assert [f for f in (shake(gateway) for _ in range(20)) if f] == []
    assert gateway.pids() == before  # nothing was started again
    log = gateway.lab.log()
    assert 'keys-did-not-answer' in log and 'keys-answer-again' in log, log[-3000:]


# --- certificates that are renewed while mail flows ------------------------------------------------------------------

@pytest.fixture
def renewed(gateway):
    """The gateway with certificate files of its own, and new ones to be put there."""
    lab = gateway.lab
    for name in ('gateway.test', 'gateway.new'):
        lab.make_certificate('gateway.test', name=name)
    where = lab.path('etc', 'live')
    subprocess.run(['rm', '-rf', where], check=True)
    os.makedirs(where + '/one')
    os.makedirs(where + '/two')
    for end in ('pem', 'key'):
        subprocess.run(['cp', lab.path('ca', f'gateway.test.{end}'), f'{where}/one/gw.{end}'], check=True)
        subprocess.run(['cp', lab.path('ca', f'gateway.new.{end}'), f'{where}/two/gw.{end}'], check=True)
        os.symlink(f'one/gw.{end}', f'{where}/gw.{end}')
    gateway.restart(certificate=f'certificate {{ chain {where}/gw.pem; key {where}/gw.key; }}')
    return gateway, where


def der(path):
    return ssl.PEM_cert_to_DER_cert(open(path).read())


def shown(gateway):
    with smtplib.SMTP(gateway.address, 25, timeout=30, source_address=(OUTSIDE, 0)) as c:
        c.starttls(context=client_context(gateway.lab, check_hostname=False))
        return c.sock.getpeercert(True)


def put(where, end, how):
    new, at = f'{where}/two/gw.{end}', f'{where}/gw.{end}'
    text = open(new).read()
    if how == 'link':
        os.symlink(f'two/gw.{end}', at + '.tmp')
        os.rename(at + '.tmp', at)
    elif how == 'rename':
        with open(at + '.tmp', 'w') as out:
            out.write(text)
        os.rename(at + '.tmp', at)
    else:  # in place, and slowly
        os.unlink(at)
        for part in (text[:len(text) // 2], text[len(text) // 2:]):
            with open(at, 'a') as out:
                out.write(part)
            time.sleep(0.7)


@pytest.mark.parametrize('how,order', [('link', ('key', 'pem')), ('rename', ('pem', 'key')), ('slow', ('key', 'pem'))])
def test_a_renewal_in_steps(renewed, how, order):
    """certbot/certbot#9900 (links turned over one by one), acmesh-official/acme.sh#6621 (key first), Mailu/Mailu#1302 (links),
    cloudflare/certinel#14: a look or the start of a process may fall between."""
    gateway, where = renewed
    old, new = der(where + '/one/gw.pem'), der(where + '/two/gw.pem')
    put(where, order[0], how)
    pid = gateway.pid('keys-0')
    signal_process(pid, signal.SIGKILL)  # whoever starts now gets what is in force, not what is on the disk
    assert gateway.lab.wait_for(lambda: gateway.pids().get('keys-0') not in (pid, 0), 20)
    assert shown(gateway) == old
    for _ in range(6):
        assert shown(gateway) == old
        time.sleep(1)
    words = gateway.lab.postern('status').stdout
    assert 'is not in force' in words, words
    done = gateway.lab.postern('reload')
    assert done.returncode == 1 and done.stderr.startswith('The new configuration is in force, but not all of its files: '), done
    assert shown(gateway) == old
    started = smtplib.SMTP(gateway.address, 25, timeout=30, source_address=(OUTSIDE, 0))  # under the old certificate
    started.ehlo()
    put(where, order[1], how)
    assert gateway.lab.wait_for(lambda: shown(gateway) in (old, new) and shown(gateway) == new, 20, 0.3), gateway.lab.log()[-3000:]
    started.starttls(context=client_context(gateway.lab, check_hostname=False))  # its key still signs
    started.quit()
    assert 'is not in force' not in gateway.lab.postern('status').stdout
    assert 'tls-handshake-failed' not in gateway.lab.log()


def test_a_mismatch_at_the_start_is_told(renewed):
    gateway, where = renewed
    gateway.lab.stop_gateway()
    put(where, 'key', 'rename')
    with pytest.raises(RuntimeError, match='does not belong to this certificate'):
        gateway.lab.start_gateway(open(gateway.lab.path('postern.conf')).read())
    put(where, 'pem', 'rename')
    gateway.lab.start_gateway(open(gateway.lab.path('postern.conf')).read())
    assert shake(gateway) is None


EVERYTHING = f'''
portal {{ url https://gateway.test; address {GATEWAY_ADDRESS}:443; from secure@inside.test; pages @pages@; contact "Phone 01 234"; }}
listen submission {{ address {GATEWAY_ADDRESS}:587; }}
metrics {{ address {GATEWAY_ADDRESS}:9464; }}
inspection {{ packs @packs@; wait 20s; }}
content "health" {{ pack hipaa; mode report-only; }}
monitor {{ probe no; }}
'''


def browse(gateway, path='/', timeout=30):
    """What a browser gets: the status, or what went wrong."""
    try:
        plain = socket.create_connection((gateway.address, 443), timeout, source_address=(OUTSIDE, 0))
        with client_context(gateway.lab).wrap_socket(plain, server_hostname='gateway.test') as tls:
            tls.sendall(f'GET {path} HTTP/1.1\r\nHost: gateway.test\r\nConnection: close\r\n\r\n'.encode())
            return int(tls.makefile('rb').readline().split()[1])
    except (OSError, ssl.SSLError, IndexError) as error:
        return repr(error)


def scrape(gateway):
    with urllib.request.urlopen(f'http://{gateway.address}:9464/metrics', timeout=30) as reply:
        return reply.read().decode()


def test_the_handshake_with_ourselves(gateway):
    gateway.restart(extra=EVERYTHING)
    lab = gateway.lab
    counters = lambda: [p['counters'] for p in lab.postern('status', json_out=True) if p['process'].startswith(('smtpin', 'web'))]
    told_of = lambda word, name, end: re.search(rf'^{word} +tls self-test +{name}-\d: handshakes with itself {end}', lab.postern('doctor').stdout, re.M)
    keys = gateway.pid('keys-0')
    assert len(counters()) > len([p for p in gateway.pids() if p.startswith('smtpin')])
    signal_process(keys, signal.SIGSTOP)
    try:
        # the first soon, then each minute
        assert lab.wait_for(lambda: all('tls-self-test=FAILED' in c for c in counters()), 80, 0.5), lab.log()[-3000:]
        assert lab.wait_for(lambda: 'kind=own-tls' in lab.log() and 'kind=portal-tls' in lab.log(), 40, 0.5), lab.log()[-3000:]
        assert told_of('WRONG', 'smtpin', 'FAIL') and told_of('WRONG', 'web', 'FAIL') and lab.postern('doctor').returncode == 1
        assert re.search(r'postern_tls_selftest_ok\{process="web-0"\} 0', scrape(gateway))
    finally:
        signal_process(keys, signal.SIGCONT)
    assert lab.wait_for(lambda: all('tls-self-test=ok' in c for c in counters()), 15, 0.5), lab.log()[-3000:]
    assert shake(gateway) is None and browse(gateway) == 200
    assert lab.wait_for(lambda: re.search('alarm-over kind=portal-tls', lab.log()), 10), lab.log()[-3000:]
    assert re.search(r'postern_tls_selftest_ok\{process="web-0"\} 1', scrape(gateway))
    assert told_of('ok', 'smtpin', 'succeed') and told_of('ok', 'web', 'succeed') and not told_of('WRONG', '.*', '')


def in_background(*works):
    """Each of them in a thread of its own; what they return, once all of them have, and when each was done."""
    found, done_at = [None] * len(works), [0.0] * len(works)

    def one(i):
        try:
            found[i] = works[i]()
        except (OSError, smtplib.SMTPException, AssertionError) as error:
            found[i] = repr(error)
        done_at[i] = time.time()
    threads = [threading.Thread(target=one, args=(i,)) for i in range(len(works))]
    for t in threads:
        t.start()

    def join():
        for t in threads:
            t.join()
        return found, done_at
    return join


def test_browsers_wait_for_slow_keys(gateway):
    """As at smtpin: the one handshake that found it out fails, those that come meanwhile wait."""
    gateway.restart(extra=EVERYTHING)
    before = gateway.pids()
    signal_process(before['keys-0'], signal.SIGSTOP)
    try:
        join = in_background(*[lambda: browse(gateway)] * 10)
        time.sleep(5)
    finally:
        signal_process(before['keys-0'], signal.SIGCONT)
    found, _ = join()
    webs = len([p for p in before if p.startswith('web')])
    assert len([f for f in found if f != 200]) <= webs and 200 in found, found
    assert [browse(gateway) for _ in range(10)] == [200] * 10
    assert gateway.pids() == before


# --- each process in turn ------------------------------------------------------------------------------------------

def state_of(gateway, message_id):
    done = gateway.lab.postern('message', message_id, '--json')
    return json.loads(done.stdout)['recipients'][0]['state'] if done.returncode == 0 else done.stderr


def test_every_process_stopped_for_a_while(gateway):
    """Mail both ways over TLS, each process stopped for some seconds: everything is delivered once, and encrypted."""
    gateway.restart()
    before, ids, stop = gateway.pids(), [], threading.Event()

    def stream():
        n = 0
        while not stop.is_set():
            n += 1
            try:
                ids.append(gateway.send(f'p{n}@good.test', subject=f'paused {n}'))
            except (smtplib.SMTPException, OSError, AssertionError):
                pass  # 451 for a moment is an answer too
            time.sleep(0.1)
    thread = threading.Thread(target=stream)
    thread.start()
    for name in ('keys-0', 'queue-0', 'smtpin-0', 'smtpout-0', 'lookup-0'):
        paused(gateway, name, 4)
        time.sleep(0.5)
    stop.set()
    thread.join()
    assert len(ids) > 5
    for message_id in ids:
        assert gateway.lab.wait_for(lambda: state_of(gateway, message_id) == 'delivered', 60, 0.2), (state_of(gateway, message_id), gateway.lab.log()[-3000:])
    arrived = [m for m in gateway.lab.messages('good.test') if 'Subject: paused ' in m['data']]
    subjects = [re.search('Subject: (paused [0-9]+)', m['data']).group(1) for m in arrived]
    assert len(subjects) == len(set(subjects)) and len(subjects) >= len(ids), (len(ids), sorted(subjects))
    assert all(m['tls'] for m in arrived)
    assert gateway.pids() == before
    assert [f for f in (shake(gateway) for _ in range(6)) if f] == []


def test_those_beside_the_mail_stopped_for_a_while(gateway):
    """inspect, login, web and metrics, all copies at once for some seconds, while each of them is asked for something: it waits, is
    answered, and everything works as before. They do not depend on each other, so that one pause is enough."""
    gateway.restart(extra=EVERYTHING)
    lab = gateway.lab
    add = [os.path.join(lab.binaries(), 'postern'), '-c', lab.path('postern.conf'), 'user', 'add', 'slow@inside.test']
    assert subprocess.run(add, input=b'correct horse battery\n', timeout=60).returncode == 0
    before = gateway.pids()
    names = [n for n in before if n.startswith(('inspect', 'login', 'web', 'metrics'))]
    assert {n.split('-')[0] for n in names} == {'inspect', 'login', 'web', 'metrics'}

    def log_in():
        with smtplib.SMTP(gateway.address, 587, timeout=30, source_address=(OUTSIDE, 0)) as c:
            c.starttls(context=client_context(lab, check_hostname=False))
            return c.login('slow@inside.test', 'correct horse battery')[0]

    mail = lambda: gateway.send('slow@good.test', body='MRN 00483726, SSN 536-90-4399', subject='beside')
    works = (log_in, lambda: browse(gateway), lambda: 'postern_process_up' in scrape(gateway), mail)
    for n in names:
        signal_process(before[n], signal.SIGSTOP)
    try:
        join = in_background(*works)
        time.sleep(1)
        silent = lambda: {p['process'] for p in lab.postern('status', json_out=True) if p['counters'] == 'no answer'}
        assert lab.wait_for(lambda: silent() == set(names), 20), silent()
        doctor = lab.postern('doctor').stdout
        time.sleep(3)
    finally:
        for n in names:
            signal_process(before[n], signal.SIGCONT)
    went_on = time.time()
    found, done_at = join()
    assert found[:3] == [235, 200, True] and re.fullmatch('[0-9A-Z]+', found[3]), (found, lab.log()[-3000:])
    assert all(at > went_on - 0.5 for at in done_at), (went_on, done_at)  # none was answered by somebody else
    assert re.search(r'^\S+ +tls self-test +web-\d: does not say how its handshakes go', doctor, re.M) and not re.search(r'^ok +.*web-\d', doctor, re.M), doctor
    gateway.wait_state(found[3], 'delivered')
    assert lab.report(found[3])['inspection'][-1][0] == 'done'
    again, _ = in_background(*works)()
    assert again[:3] == [235, 200, True], again
    gateway.wait_state(again[3], 'delivered')
    assert gateway.pids() == before
    assert lab.wait_for(lambda: all(p['counters'] != 'no answer' for p in lab.postern('status', json_out=True)), 10)


def test_one_look_for_the_monitor_and_an_administrator(gateway):
    """What the monitor has begun to look at, and an administrator asks for meanwhile, is looked at once and logged once."""
    gateway.restart(extra='monitor { interval 10s; }\n')
    lab = gateway.lab
    gateway.wait_state(gateway.send('x@good.test'), 'delivered')
    looks = lambda: [line for line in lab.log().splitlines() if 'event=probed domain=good.test' in line]
    assert lab.wait_for(looks, 15), lab.log()[-3000:]
    assert all('asked-by=monitor' in line for line in looks())
    workers = [pid for name, pid in gateway.pids().items() if name.startswith('smtpout')]
    before = len(looks())
    for pid in workers:
        signal_process(pid, signal.SIGSTOP)
    try:
        time.sleep(12)  # the next one begins
        join = in_background(lambda: lab.postern('probe', '--quick', 'good.test', json_out=True))
        time.sleep(1)
    finally:
        for pid in workers:
            signal_process(pid, signal.SIGCONT)
    (found,), _ = join()
    assert found[0]['grade'] == 'auth' and len(found[0]['hosts']) == 1, found
    assert [re.search('asked-by=[a-z]+', line).group() for line in looks()[before:]] == ['asked-by=administrator'], looks()
