"""Processes that are slow, stopped or started again while mail flows: nothing ends for good, nothing is lost or doubled, nothing
goes in clear."""
import json
import os
import re
import signal
import smtplib
import ssl
import subprocess
import threading
import time

import pytest
from conftest import OUTSIDE, client_context


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
    pid = gateway.pids()[name]
    os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(seconds)
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_slow_keys_costs_one_handshake_a_process(gateway):
    """keys stopped for longer than an answer is waited for (field report: afterwards every second handshake failed until a restart;
    the same shape as a stalled tlsmgr of Postfix)."""
    before = gateway.pids()
    assert shake(gateway) is None
    keys = before['keys-0']
    os.kill(keys, signal.SIGSTOP)
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
        os.kill(keys, signal.SIGCONT)
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
    pid = gateway.pids()['keys-0']
    os.kill(pid, signal.SIGKILL)  # whoever starts now gets what is in force, not what is on the disk
    assert gateway.lab.wait_for(lambda: gateway.pids().get('keys-0') not in (pid, 0), 20)
    assert shown(gateway) == old
    for _ in range(6):
        assert shown(gateway) == old
        time.sleep(1)
    words = gateway.lab.postern('status').stdout
    assert 'is not in force' in words, words
    done = gateway.lab.postern('reload')
    assert done.returncode == 1 and 'the configuration is in force, but not all of its files' in done.stderr, done
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


def test_the_handshake_with_ourselves(renewed):
    gateway, _ = renewed
    lab = gateway.lab
    counters = lambda: [p['counters'] for p in lab.postern('status', json_out=True) if p['process'].startswith('smtpin')]
    keys = gateway.pids()['keys-0']
    os.kill(keys, signal.SIGSTOP)
    try:
        assert lab.wait_for(lambda: any('tls-self-test=FAILED' in c for c in counters()), 80, 0.5), lab.log()[-3000:]  # the first soon, then each minute
        assert lab.wait_for(lambda: 'own-tls' in lab.log(), 40, 0.5), lab.log()[-3000:]
        told = lab.postern('doctor')
        assert told.returncode == 1 and re.search(r'^WRONG +tls self-test +smtpin-\d: handshakes with itself FAIL', told.stdout, re.M), told.stdout
    finally:
        os.kill(keys, signal.SIGCONT)
    assert lab.wait_for(lambda: all('tls-self-test=ok' in c for c in counters()), 15, 0.5), lab.log()[-3000:]
    assert shake(gateway) is None
    told = lab.postern('doctor').stdout
    assert re.search(r'^ok +tls self-test +smtpin-\d: handshakes with itself succeed', told, re.M) and 'WRONG   tls' not in told, told


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
