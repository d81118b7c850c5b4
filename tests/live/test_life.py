"""Reload, restarts, sandboxes, full and read-only disks, what lies on the disk."""
import contextlib
import os
import re
import shutil
import sqlite3
import signal
import socket
import subprocess
import threading
import time

import pytest
from conftest import GATEWAY_ADDRESS, INSIDE, client_context, signal_process


def test_every_process_is_sandboxed(gateway):
    for p in gateway.lab.postern('status', json_out=True):
        assert p['running'] and 'seccomp' in p['sandbox'] and 'no capabilities' in p['sandbox'], p
        status = open(f'/proc/{p["pid"]}/status').read()
        assert 'Seccomp:\t2' in status and 'NoNewPrivs:\t1' in status
        assert 'CapEff:\t0000000000000000' in status
        if 'not changed' not in p['sandbox']:
            assert '\nUid:\t0\t' not in status


def certificate_of(gateway):
    with gateway.smtp(tls=False) as client:
        client.starttls(context=client_context(gateway.lab, check_hostname=False))
        return client.sock.getpeercert(True)


# RFC 5321 4.5.4.2 SHOULD: the port is listened on all the time
def test_reload_takes_a_new_certificate_and_drops_no_session(gateway):
    lab = gateway.lab
    old = certificate_of(gateway)
    session = gateway.smtp()
    session.mail('a@inside.test')
    lab.make_certificate('gateway.test')
    assert lab.postern('reload').returncode == 0
    assert lab.wait_for(lambda: certificate_of(gateway) != old)
    assert session.rcpt('x@good.test')[0] == 250  # the old session lives
    assert session.data('Subject: x\r\n\r\nafter reload\r\n')[0] == 250
    session.quit()


def test_a_broken_configuration_is_refused_and_the_old_one_kept(gateway):
    lab = gateway.lab
    good = open(lab.path('postern.conf')).read()
    with open(lab.path('postern.conf'), 'a') as out:
        out.write('\nlimts { }\n')
    done = lab.postern('check-config')
    assert done.returncode == 1 and 'unknown setting "limts". Did you mean "limits"?' in done.stderr
    lab.procs['posternd'].send_signal(signal.SIGHUP)
    assert lab.wait_for(lambda: 'reload-refused' in lab.log())
    assert gateway.send('x@good.test')
    with open(lab.path('postern.conf'), 'w') as out:
        out.write(good.replace('gateway.test.key', 'ca.key'))  # a key that does not belong to the certificate
    done = lab.postern('reload')
    assert done.returncode == 1 and 'the key does not belong to this certificate' in done.stderr
    with open(lab.path('postern.conf'), 'w') as out:
        out.write(good + 'inspection { packs /nowhere; } content "x" { pack hipaa; }\n')  # nothing could be inspected
    done = lab.postern('reload')
    assert done.returncode == 1 and 'there is no pack hipaa in /nowhere' in done.stderr
    with open(lab.path('postern.conf'), 'w') as out:
        out.write(good)
    assert lab.postern('reload').returncode == 0


def test_a_reload_names_a_block_that_cannot_be_read(gateway):
    """All that stood behind it in the trust store was gone, and nobody was told: our own review; PEM_read_bio(3)."""
    lab = gateway.lab
    good = open(lab.path('postern.conf')).read()
    first = open(lab.path('ca', 'ca.pem')).read().rstrip('\n') + '\n'
    with open(lab.path('trust.pem'), 'w') as out:
        out.write(first + '-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n' + first)
    with written(lab, good.replace(lab.path('ca', 'ca.pem'), lab.path('trust.pem'), 1)):
        done = lab.postern('reload')
    line = first.count('\n') + 1
    assert done.returncode == 1 and f'block number 2 (line {line}) cannot be read' in done.stderr, done
    assert lab.postern('reload').returncode == 0


def test_reload_changes_rules(gateway):
    lab = gateway.lab
    good = open(lab.path('postern.conf')).read()
    with open(lab.path('postern.conf'), 'w') as out:
        out.write(good.replace('# the lab', 'partner "New" { domains good.test; outbound require cert; }\n# the lab'))
    assert lab.postern('reload').returncode == 0
    message_id = gateway.send('x@good.test')
    gateway.wait_state(message_id, 'delivered')
    assert lab.report(message_id)['attempts'][-1]['floor'] == 'cert'
    with open(lab.path('postern.conf'), 'w') as out:
        out.write(good)
    assert lab.postern('reload').returncode == 0


@pytest.mark.parametrize('before, after, named', [
    ('hostname gateway.test', 'hostname gate.gateway.test', 'hostname'),
    ('at-rest.key', 'at-rest.other', 'at-rest-key')])
def test_a_reload_names_what_needs_a_restart(gateway, before, after, named):
    """Never "reloaded" while something of the file is not in force (compare y3owk1n/mimi#144)."""
    lab = gateway.lab
    good = open(lab.path('postern.conf')).read()
    with written(lab, good.replace(before, after, 1)):
        done = lab.postern('reload')
    assert done.returncode == 1, done
    assert f'nothing was reloaded: a change of "{named}" needs a restart' in done.stderr, done
    assert lab.postern('reload').returncode == 0


def test_an_open_relay_is_loud(gateway):
    """RFC 5321 7.8 and every list of open relays: it may be meant in a laboratory, and is said wherever one looks."""
    lab = gateway.lab
    good = open(lab.path('postern.conf')).read()
    with written(lab, good.replace('networks 127.0.3.0/24', 'networks 0.0.0.0/0', 1)):
        for words in (('check-config',), ('reload',), ('doctor',)):
            done = lab.postern(*words)
            assert '(open relay)' in done.stdout + done.stderr, done
        assert done.returncode == 1 and re.search(r'^WRONG +networks +everybody', done.stdout, re.M), done
        assert lab.wait_for(lambda: 'event=open-relay' in lab.log(), 5)
    assert lab.postern('reload').returncode == 0


def test_a_changed_run_directory_is_said_to_need_a_restart(gateway):
    """The command looks where the file says, posternd is where the file said: our own review, "is it running?" alone."""
    lab = gateway.lab
    good = open(lab.path('postern.conf')).read()
    with written(lab, re.sub(r'run-directory \S+;', f'run-directory {lab.path("run9")};', good, count=1)):
        done = lab.postern('reload')
    assert done.returncode == 69 and 'run-directory was changed since its start' in done.stderr, done
    assert 'systemctl restart postern' in done.stderr, done
    assert lab.postern('reload').returncode == 0


def test_a_reload_refuses_what_a_start_refuses(gateway):
    """A first try by a new user: a portal whose name no certificate has was an error of check-config and start, and
    "Reloaded." with a warning. Files that are renewed are another matter: they refuse nothing."""
    lab = gateway.lab
    for name, host in (('live', 'gateway.test'), ('renamed', 'other.gateway.test')):
        lab.make_certificate(host, name=name)
    portal = f'portal {{ url https://NAME; from secure@inside.test; address {GATEWAY_ADDRESS}:443; pages @pages@; }}\n'
    text = lab.config(extra=portal, certificate=f'certificate {{ chain {lab.path("ca", "live.pem")}; key {lab.path("ca", "live.key")}; }}')
    said = 'no certificate is for secure.inside.test'
    with written(lab, text.replace('NAME', 'secure.inside.test')):
        checked, reloaded = lab.postern('check-config'), lab.postern('reload')
        start = subprocess.run([os.path.join(lab.binaries(), 'posternd'), '-c', lab.path('postern.conf')], capture_output=True, text=True, timeout=60)
        assert (checked.returncode, reloaded.returncode, start.returncode) == (1, 1, 78), (checked, reloaded, start)
        for done in (checked, reloaded, start):
            assert said in done.stderr and f'warning: portal: {said}' not in done.stderr, done
        assert reloaded.stderr.startswith('Not reloaded; the old configuration stays in force')
    assert not answers(443)
    with written(lab, text.replace('NAME', 'gateway.test')):
        assert lab.postern('reload').returncode == 0
        for end in ('pem', 'key'):
            os.replace(lab.path('ca', 'renamed.' + end), lab.path('ca', 'live.' + end))
        renewed = lab.postern('reload')
        assert renewed.returncode == 0 and 'warning: portal: no certificate is for gateway.test' in renewed.stderr, renewed
    assert lab.postern('reload').returncode == 0


@contextlib.contextmanager
def written(lab, text):
    """Another text in the file for a while."""
    good = open(lab.path('postern.conf')).read()
    with open(lab.path('postern.conf'), 'w') as out:
        out.write(text)
    try:
        yield
    finally:
        with open(lab.path('postern.conf'), 'w') as out:
            out.write(good)


def test_a_reload_takes_what_is_in_the_trust_anchor(gateway):
    """The same path, another content: a root key that was rolled, a slip of the hand and its mending."""
    lab = gateway.lab
    anchor = lab.path('zones', 'anchor')
    good = open(anchor).read()
    gateway.restart(first_retry='10m')
    pid = gateway.pid('lookup-0')
    assert lab.postern('reload').returncode == 0 and gateway.pids()['lookup-0'] == pid  # what did not change costs nothing
    try:
        with open(anchor, 'w') as out:
            out.write(re.sub('[0-9a-fA-F]{64}', 'ab' * 32, good))
        assert lab.postern('reload').returncode == 0
        gateway.wait_reason(gateway.send('x@good.test'), 'mx-lookup')
        open(anchor, 'w').close()
        done = lab.postern('reload')
        assert done.returncode == 1 and done.stderr.startswith('Not reloaded') and 'holds no DS or DNSKEY record' in done.stderr, done
    finally:
        with open(anchor, 'w') as out:
            out.write(good)
    assert lab.postern('reload').returncode == 0
    gateway.wait_state(gateway.send('y@good.test'), 'delivered')


def test_an_address_that_a_reload_adds_is_ours(gateway):
    """RFC 5321 5.1, with the answer of the name service still in memory."""
    lab = gateway.lab
    gateway.restart(first_retry='10m')
    good = open(lab.path('postern.conf')).read()
    lab.run('ip', 'addr', 'replace', '198.51.100.7/32', 'dev', 'lo')
    try:
        gateway.wait_reason(gateway.send('x@ownaddress.test'), 'connect')
        with written(lab, good.replace(f'address {GATEWAY_ADDRESS}:25;', f'address {GATEWAY_ADDRESS}:25 198.51.100.7:25;', 1)):
            assert lab.postern('reload').returncode == 0
            found = gateway.wait_state(gateway.send('y@ownaddress.test'), 'returned')
            assert found['status'] == '5.4.6', found
        assert lab.postern('reload').returncode == 0
    finally:
        lab.run('ip', 'addr', 'del', '198.51.100.7/32', 'dev', 'lo')


def answers(port, address=GATEWAY_ADDRESS):
    try:
        with socket.create_connection((address, port), 5) as s:
            return port in (80, 443, 9467) or s.recv(3) == b'220'
    except OSError:
        return False


def test_a_reload_opens_and_closes_ports(gateway):
    """Listeners, metrics, portal and the number of processes: in force with "reloaded", gone with the next. A session goes on, and no
    connection is refused meanwhile (Postfix documents a restart for inet_interfaces, master(5); Dovecot and Exim do as we did)."""
    lab = gateway.lab
    good = open(lab.path('postern.conf')).read()
    more = good.replace(f'listen smtp {{ address {GATEWAY_ADDRESS}:25;', f'listen smtp {{ address {GATEWAY_ADDRESS}:25 {GATEWAY_ADDRESS}:2599;')
    more += f'metrics {{ address {GATEWAY_ADDRESS}:9467; }}\nworkers {{ inspect 3; smtpout 3; smtpin 1; }}\n'
    more += (f'portal {{ url https://gateway.test; address {GATEWAY_ADDRESS}:443; from secure@inside.test; '
             f'pages {lab.path("pages")}; contact "Phone 01 234"; }}\nflags {{ }}\n')
    assert more.count('2599') == 1
    before, refused, stop = gateway.pids(), [], threading.Event()

    def knock():
        while not stop.is_set():
            if not answers(25):
                refused.append(time.time())
            time.sleep(0.05)
    thread = threading.Thread(target=knock)
    thread.start()
    try:
        with written(lab, more):
            done = lab.postern('reload')
            assert done.returncode == 0, done.stderr + lab.log()[-5000:]
            assert [port for port in (25, 2599, 443, 9467) if not answers(port)] == []
            now = gateway.pids()
            assert {'inspect-2', 'smtpout-2', 'web-0', 'metrics-0'} <= set(now) and 'smtpin-1' not in now and all(now.values())
            assert now['queue-0'] == before['queue-0'] and now['keys-0'] == before['keys-0'] and now['smtpin-0'] != before['smtpin-0']
            message_id = gateway.send('picked@good.test', subject='[secure] to be picked up')
            gateway.wait_state(message_id, 'waits in the portal')
        done = lab.postern('reload')
        assert done.returncode == 0, done.stderr + lab.log()[-5000:]
    finally:
        stop.set()
        thread.join()
    assert [port for port in (2599, 443, 9467) if answers(port)] == [] and answers(25)
    assert lab.wait_for(lambda: set(gateway.pids()) == set(before), 10), gateway.pids()
    assert refused == []
    gateway.wait_state(gateway.send('x@good.test'), 'delivered')


def test_reloads_are_no_crashes(gateway):
    """Processes that make room for one with the new configuration are no restarts; "reloaded" is said when the new ones are ready."""
    lab = gateway.lab
    before = {p['process']: p['restarts'] for p in lab.postern('status', json_out=True)}
    for _ in range(3):
        assert lab.postern('reload').returncode == 0
        after = lab.postern('status', json_out=True)
        assert all(p['running'] for p in after), after
    assert {p['process']: p['restarts'] for p in after} == before


def test_a_port_that_cannot_be_had_is_named(gateway):
    """Another program has it: refused, and all that was in force stays so."""
    lab = gateway.lab
    good = open(lab.path('postern.conf')).read()
    with socket.create_server((GATEWAY_ADDRESS, 2599)):
        with written(lab, good.replace(f'address {GATEWAY_ADDRESS}:25;', f'address {GATEWAY_ADDRESS}:25 {GATEWAY_ADDRESS}:2599;')):
            done = lab.postern('reload')
    assert done.returncode == 1 and f'nothing was reloaded: cannot listen on {GATEWAY_ADDRESS}:2599' in done.stderr, done
    assert answers(25) and lab.postern('reload').returncode == 0
    with written(lab, good.replace(f'address {GATEWAY_ADDRESS}:25;', f'address {GATEWAY_ADDRESS}:25 {GATEWAY_ADDRESS}:2599;')):
        assert lab.postern('reload').returncode == 0 and answers(2599)  # processone/ejabberd#3850: once refused, never opened
    assert lab.postern('reload').returncode == 0


def test_a_process_that_does_not_stop_is_replaced(gateway):
    """Kong/kong#6904, rspamd/rspamd#2716: old workers stay for ever behind a reload."""
    lab = gateway.lab
    good = open(lab.path('postern.conf')).read()
    pid = gateway.pid('smtpin-0')
    signal_process(pid, signal.SIGSTOP)
    with written(lab, good.replace(f'address {GATEWAY_ADDRESS}:25;', f'address {GATEWAY_ADDRESS}:25 {GATEWAY_ADDRESS}:2599;')):
        done = lab.postern('reload')
        assert done.returncode == 0, done  # it is killed before the answer is due
        assert gateway.pids()['smtpin-0'] not in (pid, 0) and answers(2599)
    assert 'process-killed child=smtpin-0' in lab.log()
    assert lab.postern('reload').returncode == 0


def test_a_reload_waits_for_every_process(gateway):
    """A process that does not answer is named; "reloaded" is said once all run the new configuration, mail flows meanwhile."""
    lab = gateway.lab
    pid = gateway.pid('smtpout-1')
    signal_process(pid, signal.SIGSTOP)
    try:
        done = lab.postern('reload')
    finally:
        signal_process(pid, signal.SIGCONT)
    assert done.returncode == 1 and done.stderr.startswith('The new configuration is in force, but not in these processes: smtpout-1.'), done
    ids = [gateway.send('x@good.test') for _ in range(3)]
    assert lab.postern('reload').returncode == 0
    for message_id in ids:
        gateway.wait_state(message_id, 'delivered')


def without_warnings(text):
    return ''.join(line for line in text.splitlines(True) if ': warning: ' not in line)


def test_what_a_reload_says_is_so(gateway):
    """Nothing changed, or in force but for what is named: a rule that holds is never called "not reloaded"."""
    lab = gateway.lab
    good = open(lab.path('postern.conf')).read()
    pid = gateway.pid('lookup-0')
    with written(lab, good.replace('# the lab', 'partner "New" { domains nocrypt.test; outbound require cert; }\n# the lab')):
        signal_process(pid, signal.SIGSTOP)
        try:
            done = lab.postern('reload')
        finally:
            signal_process(pid, signal.SIGCONT)
        assert done.returncode == 1 and not done.stdout, done
        assert without_warnings(done.stderr) == ('The new configuration is in force, but not in these processes: lookup-0. '
                                                 'Reload again; if that does not help, restart posternd.\n')
        found = gateway.wait_reason(gateway.send('x@nocrypt.test'), 'no-starttls')
        assert found['state'] == 'waiting', found
    with written(lab, good.replace('# the lab', 'limts { }\n# the lab')):
        done = lab.postern('reload')
        assert done.returncode == 78 and done.stderr.endswith('Not reloaded; the old configuration stays in force.\n'), done
    with written(lab, good.replace('gateway.test.key', 'ca.key')):
        done = lab.postern('reload')
        assert done.returncode == 1 and done.stderr.startswith('Not reloaded; the old configuration stays in force:\n'), done
    done = lab.postern('reload')
    assert (done.returncode, done.stdout, without_warnings(done.stderr)) == (0, 'Reloaded.\n', '')


@pytest.mark.parametrize('name', ['smtpin-0', 'smtpout-0', 'queue-0', 'lookup-0', 'keys-0'])
def test_a_killed_process_comes_back(gateway, name):
    pid = gateway.pid(name)
    signal_process(pid, signal.SIGKILL)
    gateway.lab.wait_for(lambda: gateway.pids().get(name) not in (pid, 0), 20)
    gateway.lab.wait_ready()
    message_id = gateway.lab.wait_for(lambda: try_send(gateway), 20)
    gateway.wait_state(message_id, 'delivered')


QUESTIONS = (('queue', 'list'), ('domains', 'list'), ('message', '6H2HAA97M0G00'), ('queue', 'hold', '6H2HAA97M0G00'), ('probe', 'good.test'))


def asked(lab, words):
    begun = time.time()
    done = lab.postern(*words)
    return done.returncode, done.stdout, done.stderr, time.time() - begun


def test_commands_while_the_queue_is_down(gateway):
    """A field report of ours: the queue in its restart loop; sysexits(3) EX_UNAVAILABLE 69, in seconds instead of never."""
    lab, store = gateway.lab, gateway.lab.path('store')
    owner = os.stat(store)
    os.rename(store, store + '.kept')
    os.mkdir(store, 0o700)
    with open(os.path.join(store, 'postern.db'), 'wb') as out:
        out.write(b'no store' * 4096)
    for path in (store, os.path.join(store, 'postern.db')):
        os.chown(path, owner.st_uid, owner.st_gid)
    try:
        signal_process(gateway.pid('queue-0'), signal.SIGKILL)
        assert lab.wait_for(lambda: next(p for p in lab.postern('status', json_out=True) if p['process'] == 'queue-0')['restarts'] >= 2, 20)
        for words in QUESTIONS:
            code, out, err, took = asked(lab, words)
            assert code == 69 and not out and re.fullmatch(r'postern: queue is down \(\d+ restarts\)\n', err), (words, code, out, err)
            assert took < 8, (words, took)
        code, out, err, took = asked(lab, ('doctor',))
        assert code == 1 and re.search(r'WRONG +queue +queue is down \(\d+ restarts\)', out) and re.search('posternd +runs', out), (code, out, err)
        assert ' port ' in out and took < 20, (out, took)
    finally:
        os.rename(store, store + '.bad')
        os.rename(store + '.kept', store)
        lab.wait_for(lambda: try_send(gateway), 60)
    assert lab.postern('queue', 'list').returncode == 0


def test_commands_while_the_queue_stands_still(gateway):
    lab, pid = gateway.lab, gateway.pid('queue-0')
    signal_process(pid, signal.SIGSTOP)
    try:
        code, out, err, took = asked(lab, ('queue', 'list'))
        assert (code, out) == (69, '') and re.fullmatch(r'postern: queue does not answer \(\d+ restarts?\)\n', err), (code, out, err)
        assert took < 15, took
        code, out, err, took = asked(lab, ('doctor',))
        assert code == 1 and re.search(r'WRONG +queue +queue does not answer', out), (code, out, err)
    finally:
        signal_process(pid, signal.SIGCONT)
    assert lab.postern('queue', 'list').returncode == 0


@pytest.mark.parametrize('name,waits', [('queue-0', 'no mail is accepted, delivered or reported'), ('keys-0', 'handshakes, deliveries'),
                                        ('smtpout-1', 'its deliveries wait'), ('lookup-0', 'deliveries that need a DNS lookup wait')])
def test_a_silent_process_is_not_called_running(gateway, name, waits):
    """A first try by a new user: "running", exit status 0, beside a queue that was stopped."""
    lab, pid = gateway.lab, gateway.pid(name)
    signal_process(pid, signal.SIGSTOP)
    try:
        code, out, err, took = asked(lab, ('status',))
        assert code == 1 and took < 10 and re.search(rf'^{name} +SILENT +pid {pid} ', out, re.MULTILINE), (code, out, err)
        assert f'does not answer: stopped, or this machine is very busy; meanwhile {waits}' in out, out
        rows = {p['process']: p for p in lab.postern('status', json_out=True)}
        assert [n for n, row in rows.items() if not row['answers']] == [name] and rows[name]['running'], rows
        doctor = lab.postern('doctor').stdout
        assert re.search(rf'WRONG +(queue +queue|process +{name}) does not answer', doctor), doctor
    finally:
        signal_process(pid, signal.SIGCONT)
    assert lab.wait_for(lambda: lab.postern('status').returncode == 0, 10)


def test_a_spool_file_that_is_gone(gateway):
    """A first try by a new user: no process died; the message is damaged, held now, and an alarm says so."""
    lab, spool = gateway.lab, gateway.lab.path('store', 'spool')
    before = set(os.listdir(spool))
    message_id = gateway.send('x@greylist.test', body=('z' * 70 + '\r\n') * 1500)
    earlier = gateway.wait_reason(message_id, 'rejected')['last-attempt']
    name = [n for n in set(os.listdir(spool)) - before if not n.startswith('.')][0]
    time.sleep(1.1)
    os.rename(os.path.join(spool, name), lab.path('aside'))
    lab.postern('queue', 'retry', message_id)
    found = gateway.wait_state(message_id, 'held')
    assert found['reason'] == 'damaged' and found['detail'] == 'its spool file is missing', found
    assert found['last-attempt'] > earlier, (found, earlier)
    assert 'two processes crashed' not in lab.postern('message', message_id).stdout
    assert [a for a in lab.postern('domains', 'alarms', json_out=True) if a['kind'] == 'damaged' and message_id in a['detail']]
    assert lab.postern('store', 'check').returncode == 1
    os.rename(lab.path('aside'), os.path.join(spool, name))  # as from a backup: it goes on, and the store is whole again
    assert lab.postern('queue', 'release', message_id).returncode == 0
    assert lab.postern('store', 'check').returncode == 0
    gateway.wait_state(message_id, 'delivered')


def try_send(gateway, rcpt='x@good.test'):
    try:
        return gateway.send(rcpt)
    except (AssertionError, OSError, Exception):  # 451 while the queue is away
        return None


def test_workers_that_die_while_outcomes_are_written(gateway):
    """The queue outlives them, and no message is lost or held for it."""
    queue, ids = gateway.pid('queue-0'), []
    for turn in range(12):
        ids += [gateway.send(f'stream{turn}.{i}@good.test') for i in range(4)]
        pid = gateway.lab.wait_for(lambda: gateway.pids().get(f'smtpout-{turn % 2}'), 20)
        assert pid > 0  # 0 while it is started again
        signal_process(pid, signal.SIGKILL)
    for message_id in ids:
        gateway.lab.wait_for(lambda: gateway.state(message_id)['state'] in ('delivered', 'held'), 30)
        if gateway.state(message_id)['state'] == 'held':  # two of the deaths were over this one
            assert gateway.lab.postern('queue', 'release', message_id).returncode == 0
        gateway.wait_state(message_id, 'delivered', 30)
    assert gateway.pids()['queue-0'] == queue
    gateway.restart()  # the next test need not wait out the pauses before the workers' next start


def test_nothing_readable_on_the_disk(gateway):
    token, spool = 'XyzzyPlainTokenXyzzy', gateway.lab.path('store', 'spool')
    before = set(os.listdir(spool))  # mails that wait in the portal, of other tests
    small = gateway.send('x@tempfail.test', body=token, subject=token)
    large = gateway.send('x@tempfail.test', body=(token + ' ') * 20000, subject=token)
    gateway.wait_reason(small, 'rejected')
    gateway.wait_reason(large, 'rejected')
    assert {name for name in os.listdir(spool) if not name.startswith('.spare-')} - before
    for top, _, files in os.walk(gateway.lab.path('store')):
        for name in files:
            assert token.encode() not in open(os.path.join(top, name), 'rb').read(), name
    for message_id in (small, large):
        assert gateway.lab.postern('queue', 'delete', message_id).returncode == 0
    # what is left is sealed octets in a file kept for the next message; their key is gone from the store
    assert gateway.lab.wait_for(lambda: all(name.startswith('.spare-') or name in before for name in os.listdir(spool))), (os.listdir(spool), gateway.state(large), gateway.lab.log()[-3000:])


def test_poison_message_is_held(gateway):
    """Two delivery processes die over one message: it is held, with an alarm; others go on."""
    message_id = gateway.send([f'x{i}@slow.test' for i in range(8)], body='p' * 20000)  # each answer takes its time
    for _ in range(2):
        name, pid = gateway.delivering()
        signal_process(pid, signal.SIGKILL)
        gateway.lab.wait_for(lambda: gateway.pids().get(name) not in (pid, 0), 20)
    found = gateway.wait_state(message_id, 'held')
    assert found['reason'] == 'poison' and 'message-quarantined' in gateway.lab.log()
    assert gateway.lab.postern('queue', 'release', message_id).returncode == 0
    gateway.wait_state(message_id, 'delivered', 30)


def mount_store(lab, options):
    subprocess.run(['mount', '-t', 'tmpfs', '-o', options + ',mode=700', 'store', lab.path('small')], check=True)


def test_full_and_read_only_disk(gateway):
    lab = gateway.lab
    os.makedirs(lab.path('small'), exist_ok=True)
    lab.stop_gateway()
    mount_store(lab, 'size=3m,mode=777')
    try:
        lab.start_gateway(lab.config(first_retry='1s').replace(lab.path('store') + ';', lab.path('small') + ';'))
        kept = gateway.send('x@tempfail.test', body='k')
        with open(lab.path('small', 'filler'), 'wb') as out:
            try:
                out.write(b'x' * 3_000_000)
            except OSError:
                pass
        codes = []
        for _ in range(4):
            with gateway.smtp() as client:
                client.mail('a@inside.test')
                client.rcpt('x@tempfail.test')
                codes.append(client.data('Subject: x\r\n\r\n' + 'y' * 60000 + '\r\n')[0] if True else 0)
    except Exception as problem:  # smtplib raises for 4yz to DATA
        codes.append(getattr(problem, 'smtp_code', str(problem)))
    finally:
        os.unlink(lab.path('small', 'filler'))
    try:
        assert codes and codes[-1] == 452, codes
        lab.wait_ready()
        message_id = lab.wait_for(lambda: try_send(gateway), 20)
        gateway.wait_state(message_id, 'delivered')
        assert gateway.state(kept)['state'] in ('waiting', 'queued')
        lab.stop_gateway()  # the same store, read-only: nothing is taken, nothing is lost
        subprocess.run(['mount', '-o', 'remount,ro', lab.path('small')], check=True)
        lab.start('posternd', [os.path.join(lab.binaries(), 'posternd'), '-c', lab.path('postern.conf')])
        lab.wait_port(gateway.address, 25)
        with gateway.smtp(tls=False) as client:  # refused at MAIL, or at the latest at the end of the message
            code = client.mail('a@inside.test')[0]
            if code == 250 and client.rcpt('x@good.test')[0] == 250:
                code = client.docmd('DATA')[0]
                code = client.getreply()[0] if code == 354 and not client.send('x\r\n.\r\n') else code
            assert code == 451
        assert lab.wait_for(lambda: 'process-ended child=queue-0' in lab.log() and 'start-failed' in lab.log())
        subprocess.run(['mount', '-o', 'remount,rw', lab.path('small')], check=True)
        lab.wait_ready(60)
        lab.wait_for(lambda: try_send(gateway), 20)
        assert gateway.state(kept)['state'] in ('waiting', 'queued')
    finally:
        lab.stop_gateway()
        subprocess.run(['umount', '-l', lab.path('small')], check=False)
        lab.start_gateway(lab.config())


def test_lifetime_ends_with_a_bounce(gateway):
    gateway.restart(first_retry='1s', lifetime='3s')
    message_id = gateway.send('x@tempfail.test', sender='life@inside.test')
    found = gateway.wait_state(message_id, 'expired', 30)
    assert found['reason'] == 'rejected'
    notice = gateway.lab.wait_for(lambda: [m for m in gateway.lab.messages('inside.test') if m['rcpts'] == ['life@inside.test']])
    assert notice and 'Action: failed' in notice[0]['data']
    gateway.restart()


def test_a_second_posternd_touches_nothing(gateway):
    """A first try by a new user: it replaced the control sockets before it found port 25 taken; every command ended with 69."""
    lab = gateway.lab
    assert gateway.send('x@good.test')
    other = lab.path('second.conf')  # the same run directory, a key and a store of its own
    with open(other, 'w') as out:
        out.write(open(lab.path('postern.conf')).read().replace('at-rest.key', 'second.key').replace(lab.path('store'), lab.path('second')))
    sockets = lambda: [os.stat(lab.path('run', name)).st_ino for name in ('posternd.sock', 'queue.sock')]
    before = sockets()
    for path in (lab.path('postern.conf'), other):
        done = subprocess.run([os.path.join(lab.binaries(), 'posternd'), '-c', path], capture_output=True, text=True, timeout=60)
        assert done.returncode == 1 and f"posternd already runs (pid {lab.procs['posternd'].pid};" in done.stderr, done
    assert sockets() == before and lab.postern('status').returncode == 0 and lab.postern('queue', 'list').returncode == 0
    assert not os.path.exists(lab.path('second.key')) and not os.path.exists(lab.path('second'))


def test_a_store_has_one_posternd(gateway):
    """Two with one store, each with a run directory and ports of its own, would both deliver what waits there."""
    lab = gateway.lab
    text = open(lab.path('postern.conf')).read()
    assert lab.path('run') in text
    text = text.replace(lab.path('run'), lab.path('run2'))
    text = re.sub(r'((?:127\.0\.0\.1|\[::\]|0\.0\.0\.0|\[::1\]):)(\d+)', lambda m: m[1] + str(int(m[2]) + 20000), text)
    with open(lab.path('third.conf'), 'w') as out:
        out.write(text)
    done = subprocess.run([os.path.join(lab.binaries(), 'posternd'), '-c', lab.path('third.conf')], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and f"another posternd (pid {lab.procs['posternd'].pid}, " in done.stderr, done
    assert gateway.send('x@good.test')


# RFC 5321 3.8 SHOULD: 421 is said when the server is stopped
def test_stop_is_orderly(gateway):
    message_id = gateway.send('x@tempfail.test')
    gateway.wait_reason(message_id, 'rejected')
    assert gateway.lab.stop_gateway() == 0
    assert not os.path.exists(gateway.lab.path('run', 'queue.sock'))
    assert gateway.lab.postern('status').returncode == 69
    gateway.lab.start_gateway(gateway.lab.config())
    assert gateway.state(message_id)['state'] == 'waiting'


def shape_of(store):
    """Every table with its columns, and every index."""
    names = [row[0] for row in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    tables = {name: sorted(row[1:4] for row in store.execute(f'PRAGMA table_info({name})')) for name in names}
    return tables, sorted(row[0] for row in store.execute("SELECT name FROM sqlite_master WHERE type = 'index'"))


# What each version of the store brought, taken away again; a new version adds a function.
BROUGHT = {}


def brought_by(version):
    def note(undo):
        BROUGHT[version] = undo
        return undo
    return note


def drop(store, kind, *names):
    for name in names:
        store.execute(f'DROP {kind} {name}')


def drop_columns(store, table, *names):
    for name in names:
        store.execute(f'ALTER TABLE {table} DROP COLUMN {name}')


@brought_by(21)
def undo_21(lab, store):
    store.execute('ALTER TABLE recipient RENAME COLUMN tls_offered TO offered')


@brought_by(20)
def undo_20(lab, store):
    drop(store, 'TABLE', 'place')
    drop_columns(store, 'envelope', 'least')


@brought_by(19)
def undo_19(lab, store):
    drop_columns(store, 'settled', 'restored_ms')


@brought_by(18)
def undo_18(lab, store):
    drop(store, 'TABLE', 'damage')


@brought_by(17)
def undo_17(lab, store):
    """No mark beside the journal; its pages have no checksums since edited_store()."""
    drop_columns(store, 'settled', 'marked')
    os.unlink(lab.path('store', 'journal-mark'))


@brought_by(16)
def undo_16(lab, store):
    drop(store, 'INDEX', 'recipient_outcome')


@brought_by(15)
def undo_15(lab, store):
    drop_columns(store, 'domain', 'helo_ms')


@brought_by(14)
def undo_14(lab, store):
    drop_columns(store, 'domain', 'look_asked')


@brought_by(13)
def undo_13(lab, store):
    drop_columns(store, 'message', 'repaired')


@brought_by(12)
def undo_12(lab, store):
    drop_columns(store, 'message', 'tls_group')


@brought_by(11)
def undo_11(lab, store):
    drop(store, 'TABLE', 'quirk')


@brought_by(10)
def undo_10(lab, store):
    drop(store, 'TABLE', 'act')
    drop_columns(store, 'exception', 'added_by', 'ended_by')


@brought_by(9)
def undo_9(lab, store):
    drop(store, 'INDEX', 'recipient_age')


@brought_by(8)
def undo_8(lab, store):
    """Only how names are written."""


@brought_by(7)
def undo_7(lab, store):
    drop(store, 'TABLE', 'settled')


@brought_by(6)
def undo_6(lab, store):
    drop(store, 'TABLE', 'passkey')


@brought_by(5)
def undo_5(lab, store):
    drop(store, 'TABLE', 'envelope', 'envelope_token', 'envelope_event', 'view', 'pass', 'person', 'thread', 'draft')


@brought_by(4)
def undo_4(lab, store):
    drop(store, 'TABLE', 'inspection', 'secret', 'directory_group')
    drop(store, 'INDEX', 'recipient_held_notice')
    drop_columns(store, 'recipient', 'protection')
    drop_columns(store, 'message', 'certificate')


def make_earlier(lab, store, version):
    for since in sorted(BROUGHT, reverse=True):
        if version < since:
            BROUGHT[since](lab, store)
    store.execute(f'PRAGMA user_version={version}')


def spelled_apart(lab, store, now):
    columns = [row[1] for row in store.execute('PRAGMA table_info(domain)')]
    for name, offered in (('müller.example', now), ('xn--mller-kva.example', 0), ('mÜller.example', 0)):
        values = {**dict.fromkeys(columns, 0), 'name': name, 'offered_ms': offered, 'mailed_ms': now, 'next_probe_ms': now + 10**9}
        store.execute(f"INSERT INTO domain ({','.join(values)}) VALUES ({','.join('?' * len(values))})", list(values.values()))
    store.execute('INSERT INTO alarm (at_ms, kind, domain, detail, cleared_ms, mailed_ms) VALUES (?, 0, ?, ?, 0, ?)', (now, 'müller.example.', '', now))
    make_earlier(lab, store, 7)


def test_spellings_of_an_earlier_store_become_one(gateway):
    """Memory kept for each spelling apart: a domain that ever offered encryption under any has offered it."""
    lab = gateway.lab
    lab.stop_gateway()
    with lab.edited_store() as store:
        spelled_apart(lab, store, now := int(time.time() * 1000))
    lab.start_gateway()
    known = lab.postern('domains', 'show', 'MÜLLER.example', json_out=True)
    assert known['domain'] == 'xn--mller-kva.example' and known['seen'] is True
    assert [d['domain'] for d in lab.postern('domains', 'list', json_out=True) if 'ller' in d['domain']] == ['xn--mller-kva.example']
    assert 'xn--mller-kva.example' in {a['domain'] for a in lab.postern('domains', 'alarms', json_out=True)}
    assert lab.wait_for(lambda: 'ller' in lab.log() and rows_of(lab) == [('xn--mller-kva.example', now)], 10), rows_of(lab)


def rows_of(lab):
    store = sqlite3.connect(os.path.join(lab.path('store'), 'postern.db'))
    rows = store.execute("SELECT name, offered_ms FROM domain WHERE name LIKE '%ller%'").fetchall()
    store.close()
    return rows


@pytest.mark.parametrize('version', range(max(BROUGHT) - 1, 2, -1))
def test_an_earlier_store_is_upgraded(gateway, version):
    """What waited in it is delivered by the new version, and its tables are those of a new store."""
    lab = gateway.lab
    waiting = gateway.send('x@dead.test', subject='of version 3')
    gateway.wait_reason(waiting, 'connect')
    lab.stop_gateway()
    with lab.edited_store() as store:
        newest, fresh = store.execute('PRAGMA user_version').fetchone()[0], shape_of(store)
        make_earlier(lab, store, version)
    lab.start_gateway()
    assert f'event=store-upgraded from={version} to={newest}' in lab.log() and (version >= 17 or 'event=pages-with-checksums' in lab.log())
    store = sqlite3.connect(os.path.join(lab.path('store'), 'postern.db'))
    assert shape_of(store) == fresh
    store.close()
    assert gateway.state(waiting)['state'] == 'waiting'
    gateway.wait_state(gateway.send('after@good.test'), 'delivered')
    assert lab.postern('store', 'check').returncode == 0
    lab.postern('queue', 'delete', waiting)


def seen_by_nobody(lab, *words):
    """postern as a user without rights runs it; without root everybody here is who we are, and the rights are taken away instead."""
    places, shut = [lab.path('store'), lab.path('at-rest.key')], os.geteuid() != 0
    modes = [os.stat(p).st_mode for p in places]
    try:
        for p in places:
            os.chmod(p, 0o000 if shut else os.stat(p).st_mode & 0o700)
        return subprocess.run([os.path.join(lab.binaries(), 'postern'), '-c', lab.path('postern.conf'), *words], capture_output=True, text=True,
                              timeout=60, **({} if shut else {'user': 65533, 'group': 65533, 'extra_groups': []}))
    finally:
        for p, mode in zip(places, modes):
            os.chmod(p, mode)


def test_a_store_without_its_key_is_not_started(gateway):
    """A backup put back without its key, or beside another one: refused with both named, and nothing is made anew."""
    lab = gateway.lab
    waiting = gateway.send('x@tempfail.test')
    gateway.wait_reason(waiting, 'rejected')
    lab.stop_gateway()
    key, kept = lab.path('at-rest.key'), lab.path('at-rest.kept')
    os.rename(key, kept)
    with pytest.raises(RuntimeError, match='at-rest key .* is missing'):
        lab.start_gateway()
    assert not os.path.exists(key)
    done = lab.postern('check-config')
    assert done.returncode == 1 and f'the at-rest key {key} is missing' in done.stderr
    told = lab.postern('doctor').stdout
    assert re.search(r'^WRONG +at-rest key .* is missing', told, re.M) and 'first start' not in told and not re.search(r'^ok +(store|configuration)', told, re.M), told
    done = lab.postern('store', 'check')
    assert done.returncode != 0 and 'WRONG' in done.stdout and key in done.stdout, done.stdout
    with open(key, 'wb') as out:
        out.write(os.urandom(32))
    with pytest.raises(RuntimeError) as refused:
        lab.start_gateway()
    words = re.search(r'was written with the at-rest key (\w{32}), but (\S+) holds the key (\w{32})', str(refused.value))
    assert words and words.group(1) != words.group(3) and words.group(2) == key, refused.value
    assert lab.procs['posternd'].wait(20) == 78
    done = lab.postern('store', 'check')
    assert done.returncode != 0 and words.group(1) in done.stdout and words.group(3) in done.stdout
    assert 'another at-rest key' in lab.postern('doctor').stdout
    done = lab.postern('check-config')
    assert done.returncode == 1 and 'postern.conf: fine' not in done.stdout, done
    assert re.search(rf'postern.conf:\d+:\d+: {key} is another at-rest key \({words.group(3)}\) than the store was written with \({words.group(1)}\)', done.stderr), done
    assert 'See TO RESTORE' in done.stderr
    os.replace(kept, key)
    lab.start_gateway()
    assert gateway.state(waiting)['state'] == 'waiting'
    assert lab.postern('store', 'check').returncode == 0
    done = lab.postern('check-config')  # beside the running gateway: seen, and nothing is different for it
    assert done.returncode == 0 and 'at-rest key' not in done.stderr, done
    stranger = seen_by_nobody(lab, 'check-config')
    assert 'whether the at-rest key belongs to the store could not be checked' in stranger.stderr and 'Run check-config as root' in stranger.stderr, stranger
    assert ': fine' not in stranger.stdout
    assert gateway.wait_state(gateway.send('after-check@good.test'), 'delivered')
    copy = lab.path('copy-without-key')
    assert f'The at-rest key is not in it: it is {key}' in lab.postern('store', 'backup', copy).stdout
    shutil.rmtree(copy)
    lab.postern('queue', 'delete', waiting)
