"""What stands around the gateway: metrics, sendmail, the first configuration, the doctor, the service
manager, a copy of the store, inodes that run out."""
import base64
import email.message
import email.policy
import io
import json
import os
import re
import shutil
import signal
import smtplib
import socket
import struct
import subprocess
import threading
import time
import urllib.request
import zipfile
import zlib

import pytest
from conftest import GATEWAY_ADDRESS, INSIDE, OUTSIDE, TOP


# --- metrics ---------------------------------------------------------------------------------------

@pytest.fixture(scope='module')
def counted(gateway):
    gateway.lab.stop_gateway()
    shutil.rmtree(gateway.lab.path('store'), ignore_errors=True)  # counted from nothing
    gateway.restart(top='metrics { address 127.0.0.1:9465; }\n')
    number = gateway.send('x@good.test')
    gateway.wait_state(number, 'delivered')
    held = gateway.send('x@garbled.test')
    gateway.wait_reason(held, 'tls-failed')
    return gateway


def scrape():
    with urllib.request.urlopen('http://127.0.0.1:9465/metrics', timeout=10) as reply:
        assert reply.headers['Content-Type'].startswith('text/plain; version=0.0.4')
        return reply.read().decode()


def test_metrics_are_prometheus_text(counted):
    text = scrape()
    for line in text.splitlines():
        assert re.fullmatch(r'[a-z_]+\{process="[a-z0-9-]+"(,[a-z]+="[^"]*")*\} [0-9]+', line), line
    value = lambda pattern: sum(int(v) for v in re.findall(pattern + r'.*\} ([0-9]+)', text))
    assert value('postern_messages_accepted_total') == 2
    assert re.search(r'postern_outcomes_total\{process="queue-0",result="delivered",reason="sent",grade="auth"\} 1', text)
    assert value('postern_would_have_been_plaintext_total') >= 1
    assert value('postern_handshakes_total.*side="server",result="good"') == 2 and value('postern_handshakes_total.*side="client",result="failed"') >= 1
    assert value('postern_queue_recipients.*state="queued"') == 1
    assert value('postern_commit_size_count') > 0 and value(r'postern_process_up\{') == 10


def test_rules_and_dashboard_name_what_exists(counted):
    text = scrape()
    for name in ('prometheus-rules.yml', 'grafana-dashboard.json'):
        with open(os.path.join(TOP, 'contrib', name), encoding='utf-8') as f:
            words = f.read()
        if name.endswith('.json'):
            json.loads(words)
        for metric in set(re.findall(r'postern_[a-z_]+', words)):
            assert metric + '{' in text or metric in ('postern_logins_total',), (name, metric)


def test_metrics_answer_nothing_else(counted):
    for request in (b'GET / HTTP/1.1\r\n\r\n', b'POST /metrics HTTP/1.1\r\n\r\n', b'\x16\x03\x01garbage\r\n\r\n'):
        with socket.create_connection(('127.0.0.1', 9465), 10) as sock:
            sock.sendall(request)
            assert sock.recv(1000).startswith(b'HTTP/1.1 404')
    with socket.create_connection(('127.0.0.1', 9465), 10) as sock:  # as nc does: nothing more comes, and the answer is still wanted
        sock.sendall(b'GET /metrics HTTP/1.1\r\n\r\n')
        sock.shutdown(socket.SHUT_WR)
        assert sock.makefile('rb').read().startswith(b'HTTP/1.1 200')
    with socket.create_connection(('127.0.0.1', 9465), 10) as sock:
        sock.sendall(b'x' * 10000)
        try:
            assert sock.recv(100) == b''
        except ConnectionResetError:
            pass
    assert 'postern_process_up' in scrape()


# --- sendmail -----------------------------------------------------------------------------------------

def sendmail(gateway, *words, text='Subject: from a program\n\nhi\n', config=True):
    lab = gateway.lab
    return subprocess.run([os.path.join(lab.binaries(), 'sendmail'), *(['-C', lab.path('postern.conf')] if config else []), *words], input=text,
                          capture_output=True, text=True, timeout=60)


@pytest.fixture(scope='module')
def local(gateway):
    gateway.restart(top='')
    text = gateway.lab.config().replace('networks 127.0.3.0/24;', 'networks 127.0.3.0/24 127.0.0.0/30;')
    gateway.lab.stop_gateway()
    gateway.lab.start_gateway(text)
    return gateway


def arrived(gateway, subject, seconds=20):
    found = gateway.lab.wait_for(lambda: [m for m in gateway.lab.messages('good.test') if f'Subject: {subject}\r\n' in m['data']], seconds, 0.2)
    return found[-1] if found else None


def test_sendmail(local):
    done = sendmail(local, '-f', 'app@inside.test', '-oi', 'x@good.test', text='Subject: plain way\n\n.\nbehind the dot\n')
    assert done.returncode == 0, done.stderr
    mail = arrived(local, 'plain way')
    assert mail['sender'] == 'app@inside.test' and '\r\n\r\n.\r\nbehind the dot\r\n' in mail['data']
    assert 'From: app@inside.test\r\n' in mail['data'] and '\r\nDate: ' in mail['data'] and '\r\nMessage-ID: <' in mail['data']


def test_sendmail_takes_recipients_from_the_fields(local):
    text = ('From: App <app@inside.test>\nTo: "Last, First" <a@good.test>, (comment, x) b@good.test\nCc: friends: c@good.test;\n'
            'Bcc: d@good.test,\n e@good.test\nSubject: by fields\n\nhi\n')
    assert sendmail(local, '-t', '-f', 'app@inside.test', text=text).returncode == 0
    mail = arrived(local, 'by fields')
    assert sorted(mail['rcpts']) == [c + '@good.test' for c in 'abcde'] and 'Bcc' not in mail['data'] and 'd@good.test' not in mail['data'].split('Received')[0]


@pytest.mark.parametrize('words', [['-ti'], ['-it'], ['-oi', '-t', '-em'], ['-oit', '-ti', '-L', 'tag', '-O', 'DeliveryMode=b', '-X', '/dev/null']])
def test_sendmail_letters_in_one_word(local, words):
    """-ti is -t -i: axllent/mailpit#384; Exim's manual; the default of Anope and HHVM. A mail was cut at a lone dot."""
    subject = 'letters ' + ' '.join(words)
    text = f'To: x@good.test\nSubject: {subject}\n\nbefore\n.\nbehind\n'
    done = sendmail(local, *words, '-fapp@inside.test', text=text)
    assert done.returncode == 0, done.stderr
    assert '\r\nbefore\r\n.\r\nbehind\r\n' in arrived(local, subject)['data']


def test_sendmail_reads_quoted_local_parts(local):
    """wneessen/go-mail#495: the ">" in quotes ended the address, and the mail went to somebody else."""
    text = 'To: <"foo@plain.test> ORCPT=admin@admin.com"@good.test>\nSubject: quoted part\n\nhi\n'
    assert sendmail(local, '-ti', '-f', 'app@inside.test', text=text).returncode == 0
    assert arrived(local, 'quoted part')
    assert r'to="\"foo@plain.test> ORCPT=admin@admin.com\"@good.test"' in local.lab.log()


def test_sendmail_bare_cr_and_nul_become_blanks(local):
    """wazuh/wazuh#24566, marlam/msmtp#145: mail of local programs was refused. Postfix (cleanup_replace_stray_cr_lf) puts
    blanks there. Here it was 65: but sendmail makes the line ends itself, and a blank smuggles nothing (RFC 5321 2.3.8)."""
    text = 'Subject: progress\n\n10%\r50%\r100%\r\na\0b\n'
    assert sendmail(local, '-f', 'app@inside.test', '-i', 'x@good.test', text=text).returncode == 0
    assert '\r\n10% 50% 100%\r\na b\r\n' in arrived(local, 'progress')['data']


def test_sendmail_resent(local):
    """RFC 5322 3.6.6; Postfix sendmail(1), -t: where Resent fields are, they alone name the recipients. No Bcc goes out."""
    text = ('Resent-To: a@good.test\nResent-Cc: b@good.test\nResent-Bcc: c@good.test\nTo: old@good.test\nBcc: older@good.test\n'
            'Subject: once more\n\nhi\n')
    assert sendmail(local, '-ti', '-f', 'app@inside.test', text=text).returncode == 0
    mail = arrived(local, 'once more')
    assert sorted(mail['rcpts']) == [c + '@good.test' for c in 'abc'] and 'To: old@good.test\r\n' in mail['data']
    assert 'Bcc' not in mail['data'] and 'c@good.test' not in mail['data'].split('\r\nResent-To')[1]


def test_sendmail_reads_a_field_that_is_there_twice(local):
    """mjl-/mox#459: of two To fields, as programs write them, the first alone was read (RFC 5322
    3.6 has one)."""
    text = 'To: a@good.test\nTo: b@good.test\nCc: c@good.test\nCc: d@good.test\nSubject: twice\n\nhi\n'
    assert sendmail(local, '-t', '-f', 'app@inside.test', text=text).returncode == 0
    assert sorted(arrived(local, 'twice')['rcpts']) == [c + '@good.test' for c in 'abcd']


def test_sendmail_for_a_script_of_root(local):
    """foxcpp/maddy#855: echo "To: ..." | sendmail -t, without a sender, a From field, an account."""
    done = sendmail(local, '-t', text='To: x@good.test\nSubject: lists updated \n\n all is well\n\n')
    assert done.returncode == 0, done.stderr
    mail = arrived(local, 'lists updated ')
    assert mail['sender'].endswith('@gateway.test'), mail
    assert f'From: {mail["sender"]}\r\n' in mail['data'], mail


def test_sendmail_to_a_user_of_this_machine(local):
    """As cron (Debian, do_command.c) calls it: nobody has a mailbox here, and its output is not lost."""
    lab = local.lab
    text = 'From: root (Cron Daemon)\nTo: root\nSubject: Cron %s\n\nout\n'
    cron = ('-f', 'app@inside.test', '-i', '-FCronDaemon', '-B8BITMIME', '-oem', 'root')
    with open(lab.path('administrator.conf'), 'w') as out:
        out.write('administrator admin@good.test;\n' + open(lab.path('postern.conf')).read())
    assert sendmail(local, '-C', lab.path('administrator.conf'), *cron, text=text % 'named').returncode == 0
    assert arrived(local, 'Cron named')['rcpts'] == ['admin@good.test']
    assert sendmail(local, *cron, text=text % 'unnamed').returncode == 0
    assert lab.wait_for(lambda: 'to=postmaster ' in lab.log(), 10)


@pytest.mark.parametrize('words,text,wanted', [
    (['-f', '<app@inside.test>'], 'Subject: %s\n\nx\n', 'From: app@inside.test\r\n'),
    (['-f', ''], 'Subject: %s\n\nx\n', 'From: MAILER-DAEMON@gateway.test\r\n'),
    (['-f', 'app@inside.test', '-F', 'Say "hi" \\'], 'Subject: %s\n\nx\n', 'From: "Say \\"hi\\" \\\\" <app@inside.test>\r\n'),
    (['-f', 'app@inside.test', '-F', 'A\nX-More: yes'], 'Subject: %s\n\nx\n', 'From: "A X-More: yes" <app@inside.test>\r\n'),
    (['-f', 'app@inside.test', '-F', 'Müller'], 'Subject: %s\n\nx\n', 'From: =?UTF-8?B?TcO8bGxlcg==?= <app@inside.test>\r\n'),
    (['-f', 'app@inside.test'], 'From app@inside.test Mon Jan  1 00:00:00 2024\nSubject: %s\n\nx\n', 'From: app@inside.test\r\n'),
    (['-f', 'app@inside.test'], 'Subject: %s\n\nFrom x Mon Jan\n', '\r\nFrom x Mon Jan\r\n')])
def test_sendmail_makes_a_good_from_field(local, words, text, wanted):
    """RFC 5322 3.4 and 3.6.2, RFC 2047 5; the mbox line: RFC 4155, and Postfix takes it off too."""
    subject = f'author {abs(hash((*words, text)))}'
    assert sendmail(local, *words, 'x@good.test', text=text % subject).returncode == 0
    data = arrived(local, subject)['data']
    assert wanted in data and '\r\nX-More' not in data and 'From app' not in data


def test_sendmail_says_smtputf8(local):
    """RFC 6531 3.4: an address beyond ASCII needs the mark; without it the gateway answered 553."""
    done = sendmail(local, '-f', 'app@inside.test', 'grüße@good.test', text='Subject: beyond ASCII\n\nx\n')
    assert done.returncode == 0, done.stderr
    mail = arrived(local, 'beyond ASCII')
    assert mail['rcpts'][0].encode('latin-1').decode() == 'grüße@good.test' and 'SMTPUTF8' in mail['parameters']


def test_sendmail_keeps_those_who_were_put_off(local):
    """RFC 5321 4.5.3.1.10: 452 to more recipients than one transaction takes. Nobody of them may be forgotten."""
    before = local.lab.config().replace('networks 127.0.3.0/24;', 'networks 127.0.3.0/24 127.0.0.0/30;')
    local.lab.stop_gateway()
    local.lab.start_gateway(local.lab.config(limits='recipients 100;').replace('networks 127.0.3.0/24;', 'networks 127.0.3.0/24 127.0.0.0/30;'))
    wanted = sorted(f'many{i}@good.test' for i in range(105))
    assert sendmail(local, '-f', 'app@inside.test', *wanted, text='Subject: to many\n\nhi\n').returncode == 0
    got = lambda: sorted(r for m in local.lab.messages('good.test') if 'Subject: to many' in m['data'] for r in m['rcpts'])
    local.lab.wait_for(lambda: len(got()) >= 105, 60, 0.5)
    assert got() == wanted
    local.lab.stop_gateway()
    local.lab.start_gateway(before)


@pytest.mark.parametrize('words,text,code', [
    (['-f', 'a@inside.test', 'not an address'], 'x\n', 65), (['-f', 'a@inside.test'], 'Subject: nobody\n\nx\n', 64), (['-Z'], '', 64), (['--help'], '', 0),
    (['-f', 'bad sender', 'x@good.test'], 'x\n', 64), (['-bz'], '', 64), (['-t', '-f', 'a@inside.test'], 'To: \n\nx\n', 64)])
def test_sendmail_says_what_is_wrong(local, words, text, code):
    done = sendmail(local, *words, text=text)
    assert done.returncode == code and (code == 0 or done.stderr.startswith('sendmail: ')), done


def test_sendmail_refused_by_the_gateway(local):
    done = sendmail(local, '-f', 'a@inside.test', 'x@good.test', text='Subject: big\n' + 'X: y\n' * 400000 + '\nx\n')  # over 2 MB
    assert done.returncode == 69 and 'did not take it: 552' in done.stderr


def test_sendmail_says_why_nobody_was_taken(local):
    """The refusal of the recipient is the cause; the 503 to DATA behind it only follows from it (RFC 2920 3.1)."""
    text = open(local.lab.path('postern.conf')).read()
    local.lab.stop_gateway()
    local.lab.start_gateway(text.replace(' 127.0.0.0/30', ''))
    try:
        done = sendmail(local, '-f', 'a@inside.test', 'x@good.test', 'y@good.test')
        assert done.returncode == 69 and 'did not take it: 550 5.7.1 ' in done.stderr and '503' not in done.stderr, done
    finally:
        local.lab.stop_gateway()
        local.lab.start_gateway(text)


def test_sendmail_speaks_smtp(local):
    lab = local.lab
    done = subprocess.run([os.path.join(lab.binaries(), 'sendmail'), '-C', lab.path('postern.conf'), '-bs'], capture_output=True, timeout=30,
                          input=b'EHLO x\r\nMAIL FROM:<a@inside.test>\r\nRCPT TO:<x@good.test>\r\nQUIT\r\n')
    codes = [line[:3] for line in done.stdout.split(b'\r\n') if line[3:4] == b' ']
    assert codes == [b'220', b'250', b'250', b'250', b'221'] and done.returncode == 0


def test_sendmail_while_the_gateway_is_down(local):
    lab = local.lab
    text = open(lab.path('postern.conf')).read()
    lab.stop_gateway()
    try:
        for i in range(3):
            done = sendmail(local, '-f', 'app@inside.test', 'x@good.test', text=f'Subject: kept {i}\n\n.dotted\n..\n' + 'long line ' * 90 + '\n')
            assert done.returncode == 0, done.stderr
        mode = os.stat(lab.path('drop')).st_mode
        assert mode & 0o7777 == 0o1733 and len(os.listdir(lab.path('drop'))) == 3
        with open(lab.path('drop', 'mail-rubbish'), 'w') as out:
            out.write('postern-drop 1\nfrom x\nto nobody\n\n')
        os.symlink('/etc/passwd', lab.path('drop', 'mail-link'))
    finally:  # the tests that follow want one that runs
        lab.start_gateway(text)
    for i in range(3):
        mail = arrived(local, f'kept {i}', 30)
        assert mail and mail['data'].count('\r\n.dotted\r\n..\r\nlong line') == 1
    assert lab.wait_for(lambda: sorted(os.listdir(lab.path('drop'))) == ['refused-link', 'refused-rubbish'], 20)


def test_sendmail_tells_who_sent_what_is_refused_later(local):
    """RFC 5321 4.2.5, 6.1: who has taken a mail delivers it or says so. It was put aside, and nobody was told."""
    lab = local.lab
    text = open(lab.path('postern.conf')).read()
    lab.stop_gateway()
    try:
        big = 'Subject: refused later\n' + 'X: y\n' * 400000 + '\nx\n'  # over 2 MB
        assert sendmail(local, '-f', 'app@inside.test', 'x@good.test', text=big).returncode == 0
    finally:
        lab.start_gateway(text)
    told = lab.wait_for(lambda: [m for m in lab.messages('inside.test') if 'Subject: Your mail was refused\r\n' in m['data']], 30)
    assert told and told[0]['sender'] == '' and told[0]['rcpts'] == ['app@inside.test']
    words = told[0]['data'].split('\r\n\r\n', 1)[1]
    assert 'The answer: 552 ' in words and '\r\n  x@good.test\r\n' in words and 'Subject: refused later\r\n' in words
    assert 'Auto-Submitted: auto-replied\r\n' in told[0]['data'] and len(words) < 20000
    assert lab.wait_for(lambda: not [n for n in os.listdir(lab.path('drop')) if n.startswith('mail-')], 20)
    for name in os.listdir(lab.path('drop')):
        os.unlink(lab.path('drop', name))


# --- first steps ------------------------------------------------------------------------------------------

def test_init_writes_a_configuration_that_is_one(gateway, tmp_path):
    lab, path = gateway.lab, str(tmp_path / 'postern.conf')
    words = ['init', '--output', path, '--yes', '--hostname', 'mx.clinic.example', '--domains', 'clinic.example ward.clinic.example',
             '--deliver-to', 'exchange.clinic.example:25', '--submission', 'yes', '--administrator', 'admin@clinic.example']
    done = lab.postern(*words)
    assert done.returncode == 0, done.stderr
    text = open(path).read()
    assert '\nlisten submission' in text and text.count('#') > 8 and 'domains    clinic.example ward.clinic.example;' in text
    shown = subprocess.run([os.path.join(lab.binaries(), 'postern'), '-c', path, 'check-config', '--show'], capture_output=True, text=True)
    assert 'hostname "mx.clinic.example"' in shown.stdout
    checked = subprocess.run([os.path.join(lab.binaries(), 'postern'), '-c', path, 'check-config'], capture_output=True, text=True)
    warned = [line for line in (checked.stdout + checked.stderr).splitlines() if ': warning: ' in line and ' is in use by another program now' not in line]  # port 25 is here
    assert not warned, checked.stderr  # files that are missing here are errors, and its own
    assert lab.postern(*words).returncode == 1 and open(path).read() == text  # never overwritten
    assert lab.postern('init', '--output', path + '2', '--yes').returncode == 64
    assert lab.postern('init', '--output', path + '3', '--yes', '--hostname', 'not a name', '--domains', 'x.example', '--deliver-to', 'y').returncode == 78
    named = ('--hostname', 'mx.a.example', '--domains', 'a.example', '--deliver-to', 'in.a.example', '--organization')
    assert lab.postern('init', '--output', path + '6', '--yes', *named, 'The "Clinic" \\ Sons').returncode == 0
    assert '"The \\"Clinic\\" \\\\ Sons"' in open(path + '6').read()
    helped = lab.postern('init', '--help').stdout
    assert all(option in helped for option in ('--yes', '--networks', '--administrator', '--submission')), helped
    asked = subprocess.run([os.path.join(lab.binaries(), 'postern'), 'init', '--output', path + '4'], capture_output=True, text=True,
                           input='mx.a.example\nA\na.example\nin.a.example\n\n\n\n\n\n')
    assert asked.returncode == 0 and 'The name of this gateway' in asked.stderr
    ended = subprocess.run([os.path.join(lab.binaries(), 'postern'), 'init', '--output', path + '7'], capture_output=True, text=True, input='mx.a.example\nA\n')
    assert ended.returncode == 64 and 'no more input, and --domains is not answered' in ended.stderr and not os.path.exists(path + '7')
    assert lab.postern('init', '--output', path + '5', '--yes', '--hostname', 'mx.a.example', '--domains', 'a.example', '--deliver-to', '192.0.2.25:25').returncode == 0
    assert re.search(r'^ +networks +127\.0\.0\.0/8 192\.0\.2\.25;', open(path + '5').read(), re.M)  # else its mail to others gets 550


def test_doctor_knows_whose_a_port_is(gateway):
    """A port of another program was called open (a review of this program; mjl-/mox#54: another mail server has it)."""
    lab = gateway.lab
    gateway.restart()
    path = lab.path('postern.conf')
    good = open(path).read()

    def greet(server):
        while True:
            try:
                one, _ = server.accept()
            except OSError:
                return
            one.sendall(b'220 other.test ESMTP Postfix\r\n')
            one.close()

    try:
        open(path, 'w').write(good.replace(f'address {GATEWAY_ADDRESS}:25;', f'address {GATEWAY_ADDRESS}:25 {GATEWAY_ADDRESS}:2599 {GATEWAY_ADDRESS}:2598;'))
        with socket.create_server((GATEWAY_ADDRESS, 2599)) as server:
            threading.Thread(target=greet, args=(server,), daemon=True).start()
            rows = [r for r in lab.postern('doctor', json_out=True) if r['what'] == 'port']
            server.shutdown(socket.SHUT_RDWR)
    finally:
        open(path, 'w').write(good)
    found = {r['finding'].split(':25', 1)[1][:2]: (r['state'], r['finding']) for r in rows if r['finding'].startswith('smtp on')}
    assert found[': '] == ('ok', f'smtp on {GATEWAY_ADDRESS}:25: open'), rows
    assert found['99'][0] == 'wrong' and 'another program answers there, not posternd ("220 other.test ESMTP Postfix")' in found['99'][1], rows
    assert found['98'][0] == 'wrong' and 'posternd does not listen there' in found['98'][1], rows


def test_doctor_says_what_is_missing(gateway):
    gateway.restart()
    lab = gateway.lab
    rows = {r['what']: r for r in lab.postern('doctor', '--outbound', '127.0.1.15', json_out=True)}
    assert rows['posternd']['state'] == 'ok' and rows['port']['state'] == 'ok' and rows['store']['state'] == 'ok'
    assert rows['certificate']['state'] == 'ok' and 'gateway.test' in rows['certificate']['finding']
    assert rows['outbound']['state'] == 'ok' and rows['name service']['state'] == 'ok' and rows['at-rest key']['state'] == 'ok'
    assert rows['deliver-to']['state'] == 'ok' and 'encrypted and verified' in rows['deliver-to']['finding']
    unasked = {r['what']: r for r in lab.postern('doctor', json_out=True)}  # nobody outside is asked without being named
    assert 'was not tried' in unasked['outbound']['finding'] and '--outbound' in unasked['outbound']['advice']
    done = lab.postern('doctor', '--outbound', '127.0.1.99')
    assert done.returncode == 1 and 'WRONG   outbound' in done.stdout and 'set a smart host' in done.stdout


def test_doctor_tells_ended_from_never_started(gateway):
    """A first try by a new user: posternd had ended, mail waited, and doctor said "look", "0 wrong", 0."""
    lab = gateway.lab
    gateway.restart()
    fresh, text = lab.path('fresh.conf'), open(lab.path('postern.conf')).read()
    with open(fresh, 'w') as out:
        out.write(text.replace(lab.path('store'), lab.path('fresh-store')).replace(lab.path('run'), lab.path('fresh-run')))
    look = lambda path: subprocess.run([os.path.join(lab.binaries(), 'postern'), '-c', path, 'doctor'], capture_output=True, text=True, timeout=100)
    lab.stop_gateway()
    try:
        ended, never = look(lab.path('postern.conf')), look(fresh)
    finally:
        lab.start_gateway()
    assert ended.returncode == 1 and re.search(r'^WRONG +posternd +does not run: no mail', ended.stdout, re.M), ended
    assert re.search(r'^look +posternd +does not run; it was never started', never.stdout, re.M), never


class Names(threading.Thread):
    """A name server with a handful of records: (name, type) -> list of octets; None: it fails."""
    ADDRESS = '127.0.0.77'

    def __init__(self):
        super().__init__(daemon=True)
        self.records, self.asked = {}, []
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((self.ADDRESS, 53))
        self.start()

    def run(self):
        while True:
            try:
                query, client = self.sock.recvfrom(4096)
            except OSError:
                return
            labels, at = [], 12
            while query[at]:
                labels.append(query[at + 1:at + 1 + query[at]].decode().lower())
                at += query[at] + 1
            kind = struct.unpack('>H', query[at + 1:at + 3])[0]
            found = self.records.get(('.'.join(labels), kind), [])
            self.asked.append('.'.join(labels))
            answers = b''.join(b'\xc0\x0c' + struct.pack('>HHIH', kind, 1, 1, len(r)) + r for r in found or [])
            head = query[:2] + (b'\x81\x82' if found is None else b'\x81\x80') + struct.pack('>HHHH', 1, len(found or []), 0, 0)
            self.sock.sendto(head + query[12:at + 5] + answers, client)

    def text(self, name, *texts):
        cut = lambda t: b''.join(bytes([len(t[i:i + 255])]) + t[i:i + 255] for i in range(0, len(t), 255))
        self.records[(name, 16)] = [cut(t.encode()) for t in texts]

    def address(self, name, ip):
        self.records[(name, 1)] = ip and [socket.inet_aton(ip)]


@pytest.fixture(scope='module')
def looked_at(gateway):
    """A gateway with a portal and a signing key, and name servers of the test's own for the doctor."""
    lab, names = gateway.lab, Names()
    os.makedirs(lab.path('etc'), exist_ok=True)
    key = lab.path('etc', 'doctor.key')
    lab.run('openssl', 'genrsa', '-out', key, '2048')
    extra = (f'portal {{ url https://gateway.test; address {GATEWAY_ADDRESS}:443; from secure@inside.test; pages @pages@; }}\n'
             f'signing {{ domain inside.test; selector mail; key {key}; }}\n')
    gateway.restart(extra=extra)
    yield gateway, names, lab.config(extra=extra).replace('forward 127.0.0.53@53', f'forward {Names.ADDRESS}@53'), key
    names.sock.close()


def findings(lab, text, *words):
    path = lab.path('doctor.conf')
    with open(path, 'w') as out:
        out.write(text)
    done = subprocess.run([os.path.join(lab.binaries(), 'postern'), '-c', path, 'doctor', *words, '--json'], capture_output=True, text=True, timeout=100)
    assert done.stderr == '', done.stderr
    return {r['what']: (r['state'], r['finding']) for r in json.loads(done.stdout)}


def test_doctor_looks_at_names_portal_and_notices(looked_at):
    gateway, names, text, key = looked_at
    lab = gateway.lab
    published = base64.b64encode(subprocess.run(['openssl', 'pkey', '-in', key, '-pubout', '-outform', 'DER'], check=True, capture_output=True).stdout).decode()
    names.address('gateway.test', GATEWAY_ADDRESS)
    names.text('gateway.test', 'some-verification=1', 'v=spf1 a -all')
    names.text('mail._domainkey.inside.test', f'v=DKIM1; k=rsa; p={published}')
    found = findings(lab, text)
    for what, words in (('portal name', f'gateway.test is {GATEWAY_ADDRESS}'), ('portal port', 'port 443 of gateway.test: reached'), ('portal certificate', 'for gateway.test'),
                        ('SPF', f'permits {GATEWAY_ADDRESS}'), ('DKIM', 'is the key that signs here')):
        assert found[what][0] == 'ok' and words in found[what][1], (what, found[what])
    assert all(n.endswith(('gateway.test', 'inside.test')) or n in ('', 'invalid') or '.' not in n for n in names.asked), names.asked  # no stranger's name


def test_doctor_tells_absent_from_not_known_and_wrong(looked_at):
    gateway, names, text, key = looked_at
    lab = gateway.lab
    names.address('gateway.test', None)
    names.records[('mail._domainkey.inside.test', 16)] = None
    found = findings(lab, text)
    for what in ('host name', 'portal name', 'DKIM'):
        assert found[what][0] == 'look' and 'cannot be looked up now' in found[what][1], (what, found[what])
    found = findings(lab, re.sub(r'test-zones yes;', '', text))  # the resolver's library says "no such name" of names under test. and asks nobody
    for what in ('host name', 'portal name', 'DKIM', 'SPF'):
        assert found[what][0] == 'look' and 'cannot be looked up now' in found[what][1], (what, found[what])
    del names.records[('gateway.test', 1)]
    names.records[('mail._domainkey.inside.test', 16)] = []
    names.text('gateway.test', 'v=spf1 -all', 'v=spf1 a -all')  # RFC 7208 4.5
    found = findings(lab, text)
    assert found['host name'] == ('wrong', 'gateway.test has no address') and found['portal name'] == ('wrong', 'gateway.test has no address')
    assert found['DKIM'][0] == 'wrong' and 'no TXT record' in found['DKIM'][1] and found['SPF'][0] == 'wrong' and '2 records' in found['SPF'][1]
    names.address('gateway.test', GATEWAY_ADDRESS)
    names.address('other.test', GATEWAY_ADDRESS)
    names.text('gateway.test', 'v=spf1 ip4:192.0.2.1 -all')
    names.text('mail._domainkey.inside.test', 'v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A')
    found = findings(lab, text.replace('https://gateway.test', 'https://other.test'))
    assert found['portal certificate'][0] == 'wrong' and found['portal port'][0] == 'ok'
    assert found['SPF'][0] == 'wrong' and 'does not permit' in found['SPF'][1] and found['DKIM'][0] == 'wrong' and 'another key' in found['DKIM'][1]
    found = findings(lab, text.replace('https://gateway.test', 'https://gateway.test:4443'))
    assert found['portal port'][0] == 'look' and 'refused' in found['portal port'][1] and 'portal certificate' not in found


def test_doctor_names_what_may_be_clear(looked_at):
    gateway, names, text, key = looked_at
    lab = gateway.lab
    hop = 'deliver-to exchange.inside.test { tls cert;'
    assert hop in text
    for tls, state, words in (('none', 'look', 'may be clear'), ('encrypt', 'look', 'must be encrypted, the server is not verified'), ('cert', 'ok', 'must be encrypted and verified')):
        assert findings(lab, text.replace(hop, hop.replace('cert', tls)))['deliver-to'] == (state, f'exchange.inside.test: {words}')
    assert lab.postern('exception', 'add', 'relax', 'nocrypt.test', '--owner', 'Ann', '--reason', 'x', '--hours', '1').returncode == 0
    found = findings(lab, text.replace('127.0.3.0/24;', '127.0.3.0/24; devices 127.0.3.0/28;') + 'relay smart.test:25 { tls none; }\ndirectory { url ldap://ldap.test; starttls no; base "dc=x"; }\n'
                     'rule "keeps" { from a@inside.test; copy-to keep@elsewhere.test; }\n')
    lab.postern('exception', 'end', str(lab.postern('exception', 'list', json_out=True)[0]['number']))
    assert found['relay'] == ('look', 'smart.test:25: may be clear') and found['devices'] == ('look', '127.0.3.0/28: may send to us in clear')
    assert found['relay name'] == ('wrong', found['relay name'][1]) and 'smart.test' in found['relay name'][1], found
    assert found['directory'][0] == 'look' and 'without TLS' in found['directory'][1] and 'Ann' in found['exception'][1] and found['exception'][0] == 'look'
    assert found['copies'] == ('ok', 'rule "keeps", to keep@elsewhere.test: outside, kept to TLS')


def test_doctor_says_what_check_config_refuses(looked_at):
    """A first try by a new user: "ok configuration" beside one that check-config refuses, and an ended
    certificate was "look"."""
    gateway, names, text, key = looked_at
    lab = gateway.lab
    found = findings(lab, text.replace('gateway.test.key', 'mx.good.test.key'))
    state, words = found['configuration']
    assert state == 'wrong' and 'the key does not belong' in words, found
    lab.make_certificate('gateway.test', 'expired', name='ended')
    text = text.replace('gateway.test.pem', 'ended.pem').replace('gateway.test.key', 'ended.key')
    found = findings(lab, text)
    assert found['certificate'][0] == 'wrong' and '2020-02-01' in found['certificate'][1], found


def test_doctor_knows_ports_while_posternd_is_stopped(gateway):
    """A first try by a new user: "free" of an address that the machine does not have, "look" of a port of
    another program."""
    lab = gateway.lab
    gateway.restart()
    text = open(lab.path('postern.conf')).read()
    lab.stop_gateway()
    try:
        with socket.create_server((GATEWAY_ADDRESS, 2599)):
            asked = f'address 192.0.2.7:25 {GATEWAY_ADDRESS}:2599;'
            with open(lab.path('doctor.conf'), 'w') as out:
                out.write(text.replace(f'address {GATEWAY_ADDRESS}:25;', asked))
            words = ['-c', lab.path('doctor.conf'), 'doctor', '--json']
            done = subprocess.run([os.path.join(lab.binaries(), 'postern'), *words],
                                  capture_output=True, text=True, timeout=100)
    finally:
        lab.start_gateway(text)
    rows = [r for r in json.loads(done.stdout) if r['what'] == 'port' or '192.0.2.7' in r['finding']]
    for place in ('192.0.2.7', ':2599'):
        assert [r for r in rows if place in r['finding'] and r['state'] == 'wrong'], (place, rows)


# --- service manager --------------------------------------------------------------------------------------------

def test_service_manager_hears_when_it_is_ready(gateway, tmp_path):
    lab = gateway.lab
    text = open(lab.path('postern.conf')).read()
    lab.stop_gateway()
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.bind(str(tmp_path / 'notify'))
    sock.settimeout(20)
    os.environ['NOTIFY_SOCKET'] = str(tmp_path / 'notify')
    os.environ['WATCHDOG_USEC'] = '8000000'
    try:
        lab.start_gateway(text)
        assert sock.recv(100) == b'READY=1'
        assert sock.recv(100) == b'WATCHDOG=1'
        assert lab.postern('reload').returncode == 0
        heard = [sock.recv(100)]
        while b'RELOADING=1' not in heard[-1]:
            heard.append(sock.recv(100))
        name, number = heard[-1].split(b'\n')[1].split(b'=')
        assert name == b'MONOTONIC_USEC' and abs(int(number) / 1e6 - time.monotonic()) < 20
        heard = [sock.recv(100)]
        while heard[-1] == b'WATCHDOG=1':
            heard.append(sock.recv(100))
        assert heard[-1] == b'READY=1'
        lab.stop_gateway()
        heard = [sock.recv(100)]
        while heard[-1] != b'STOPPING=1':
            heard.append(sock.recv(100))
    finally:
        del os.environ['NOTIFY_SOCKET'], os.environ['WATCHDOG_USEC']
        sock.close()
    lab.start_gateway(text)


# --- the unit ------------------------------------------------------------------------------------------

def analyze(lab, *words):
    env = lab.tools_env()
    env['LD_LIBRARY_PATH'] += ':' + os.path.join(lab.root, 'usr/lib/x86_64-linux-gnu/systemd') + ':' + os.path.join(lab.root, 'lib/x86_64-linux-gnu/systemd') + ':' + os.path.join(lab.root, 'lib/systemd')
    done = subprocess.run([os.path.join(lab.root, 'usr/bin/systemd-analyze'), *words], capture_output=True, text=True, env=env, timeout=60)
    return done.stdout, done.stderr


def unit_text():
    with open(os.path.join(TOP, 'contrib', 'postern.service.in')) as text:
        return text.read().replace('@bindir@', '/usr/bin').replace('@sbindir@', '/usr/sbin')


def allowed_calls(lab):
    """SystemCallFilter= of the unit, its groups resolved by systemd itself."""
    groups, name = {}, None
    for line in re.sub(r'\x1b\[[0-9;]*m', '', analyze(lab, 'syscall-filter', '--no-pager')[0]).splitlines():
        if line.startswith('@'):
            name = line.strip()
            groups[name] = []
        elif name and line.startswith('    ') and not line.strip().startswith('#'):
            groups[name].append(line.strip())
    found, todo = set(), re.search(r'^SystemCallFilter=(.*)$', unit_text(), re.M).group(1).split() + ['@default']
    while todo:
        word = todo.pop()
        if word.startswith('@'):
            todo += groups[word]  # KeyError: this systemd does not know the group
        else:
            found.add(word)
    return sorted(found)


def test_unit_is_understood(gateway, tmp_path):
    path = tmp_path / 'postern.service'
    path.write_text(unit_text())
    out, errors = analyze(gateway.lab, 'security', '--offline=true', '--no-pager', str(path))
    assert 'Overall exposure level' in out and not errors, out + errors


def test_gateway_runs_under_the_filter_of_its_unit(gateway, tmp_path):
    """Every system call of start, work, reload and stop is one that the unit allows, every capability too."""
    lab = gateway.lab
    (tmp_path / 'calls').write_text('\n'.join(allowed_calls(lab)) + '\n')
    shutil.copy(os.path.join(lab.build, 'tests', 'filtered'), lab.path('bin', 'filtered'))
    lab.stop_gateway()
    try:
        capabilities = [name[4:].lower() for name in re.search(r'^CapabilityBoundingSet=(.*)$', unit_text(), re.M).group(1).split()]
        lab.start_gateway(wrap=[lab.path('bin', 'filtered'), str(tmp_path / 'calls'), shutil.which('setpriv'), '--bounding-set', '-all,' + ','.join('+' + c for c in capabilities)])
        pids = gateway.pids()
        for rcpt in ('x@good.test', 'x@inside.test', 'x@postfix.test'):
            gateway.wait_state(gateway.send(rcpt), 'delivered')
        gateway.wait_state(gateway.send('big@good.test', body='line of text\r\n' * 40000), 'delivered')
        letter = email.message.EmailMessage()
        letter['Subject'] = 'a document'
        letter.set_content('attached')
        with open(os.path.join(TOP, 'tests', 'fixtures', 'documents', 'letter.pdf'), 'rb') as f:
            letter.add_attachment(f.read(), maintype='application', subtype='pdf', filename='letter.pdf')
        client = gateway.smtp()
        client.mail('nurse@inside.test')
        client.rcpt('pdf@good.test')
        number = client.data(letter.as_bytes(policy=email.policy.SMTP))[1].decode().split()[-1]
        gateway.wait_state(number, 'delivered')
        assert [line for line in lab.report(number)['inspection'] if line[0] in ('problem', 'failed')] == [], 'pdftotext runs under the filter, too'
        assert lab.postern('reload').returncode == 0
        gateway.wait_state(gateway.send('again@good.test'), 'delivered')
        same = lambda all: {name: pid for name, pid in all.items() if not name.startswith('inspect')}  # those are replaced: packs are read at their start
        assert same(gateway.pids()) == same(pids)
        assert lab.wait_for(lambda: gateway.pids().get('inspect-0', 0) not in (0, pids['inspect-0']))
        gateway.wait_state(gateway.send('once-more@good.test'), 'delivered')
        assert lab.stop_gateway() == 0
    finally:
        lab.stop_gateway()
        lab.start_gateway()



def test_sockets_opened_by_the_service_manager(gateway):
    lab = gateway.lab
    text = open(lab.path('postern.conf')).read()
    lab.stop_gateway()
    ready = socket.create_server((GATEWAY_ADDRESS, 25))
    script = f'exec 3<&{ready.fileno()}; export LISTEN_PID=$$ LISTEN_FDS=1; exec "$@"'
    env = dict(os.environ, ASAN_OPTIONS='detect_leaks=0:abort_on_error=1:handle_abort=0')
    os.set_inheritable(ready.fileno(), True)
    log = open(lab.path('log', 'posternd'), 'a')
    proc = subprocess.Popen(['bash', '-c', script, 'posternd', os.path.join(lab.binaries(), 'posternd'), '-c', lab.path('postern.conf')], close_fds=False, env=env,
                            stdout=log, stderr=log)
    lab.procs['posternd'] = proc
    lab.wait_ready()
    ready.close()
    with smtplib.SMTP(GATEWAY_ADDRESS, 25, timeout=20) as c:
        assert c.ehlo()[0] == 250
    lab.stop_gateway()
    lab.start_gateway(text)


# --- the store ------------------------------------------------------------------------------------------------------

def test_store_check_and_backup_while_mail_flows(gateway, tmp_path):
    lab = gateway.lab
    kept = [gateway.send('x@tempfail.test', body='b' * (10 if i % 2 else 200000)) for i in range(6)]
    for k in kept:
        gateway.wait_reason(k, 'rejected')
    target = str(tmp_path / 'copy')
    done = lab.postern('store', 'backup', target)
    assert done.returncode == 0, done.stderr
    done = lab.postern('store', 'check')
    assert done.returncode == 0 and 'whole' in done.stdout, done.stdout
    assert lab.postern('store', 'backup', target).returncode == 1
    text = open(lab.path('postern.conf')).read()
    lab.stop_gateway()
    shutil.move(lab.path('store'), lab.path('store.lost'))
    shutil.copytree(target, lab.path('store'))
    subprocess.run(['chown', '-R', 'nobody', lab.path('store')], check=True)
    lab.start_gateway(text)
    for k in kept:
        assert gateway.state(k)['state'] == 'waiting'
        assert gateway.when_free(lambda: lab.postern('queue', 'delete', k)).returncode == 0
    lab.stop_gateway()
    name = sorted(os.listdir(lab.path('store.lost', 'spool')))[0]
    os.unlink(lab.path('store.lost', 'spool', name))
    open(lab.path('store.lost', 'spool', 'ffff-1-1'), 'w').close()
    shutil.rmtree(lab.path('store'))
    shutil.move(lab.path('store.lost'), lab.path('store'))
    done = lab.postern('store', 'check')
    assert done.returncode == 1 and f'missing: {lab.path("store")}/spool/{name}' in done.stdout, done.stdout
    shutil.rmtree(lab.path('store'))
    lab.start_gateway(text)


def test_no_inodes_left(gateway):
    """The file system has room but no more files: 452, and nothing is lost."""
    lab = gateway.lab
    text = open(lab.path('postern.conf')).read()
    lab.stop_gateway()
    shutil.rmtree(lab.path('store'), ignore_errors=True)
    os.mkdir(lab.path('store'))
    subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=200m,nr_inodes=10,mode=700', 'none', lab.path('store')], check=True)
    try:
        lab.start_gateway(text)
        small = gateway.send('x@tempfail.test')
        codes = []
        for _ in range(6):
            with gateway.smtp() as c:
                c.mail('nurse@inside.test')
                c.rcpt('x@tempfail.test')
                codes.append(c.data('Subject: large\r\n\r\n' + 'x' * 70 + ('\r\n' + 'y' * 70) * 3000)[0])
        assert set(codes) == {250, 452}, codes
        assert gateway.state(small)['state'] in ('waiting', 'queued')
        lab.stop_gateway()
        lab.start_gateway(text)
        assert gateway.state(small)['state'] in ('waiting', 'queued')
    finally:
        lab.stop_gateway()
        subprocess.run(['umount', lab.path('store')], check=True)
        lab.start_gateway(text)


def problems_of(gateway, path):
    """What detect could not read, and the most memory it took (KiB)."""
    before = time.monotonic()
    done = detect(gateway, '--json', 'detect', str(path))
    assert done.returncode == 1, done.stderr
    assert time.monotonic() - before < 40 # sanitizers; a bomb that was let off takes minutes
    return {p['problem'] for p in json.loads(done.stdout)[0]['problems']}


def zipped(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, 'w', zipfile.ZIP_DEFLATED) as z:
        for name, content in files.items():
            z.writestr(name, content)
    return out.getvalue()


def test_bombs_do_not_go_off(gateway, tmp_path):
    zeros = zipped({'zeros': b'\0' * 100_000_000})
    for _ in range(3): # 16 * 16 * 16 * 100 MB
        zeros = zipped({str(i): zeros for i in range(16)})
    many = zipped({str(i): b'x' for i in range(3000)})
    deep = b'the end'
    for _ in range(40):
        deep = zipped({'inner.zip': deep})
    lol = '<!DOCTYPE l [<!ENTITY a "lollollollol">' + ''.join(f'<!ENTITY {chr(98 + i)} "{f"&{chr(97 + i)};" * 10}">' for i in range(10)) + ']>'
    entities = zipped({'[Content_Types].xml': '<Types/>', 'word/document.xml': lol + '<w:document xmlns:w="w"><w:p>&k;</w:p></w:document>'})
    outside = zipped({'[Content_Types].xml': '<Types/>', 'word/document.xml': '<!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/passwd">]><w:document xmlns:w="w"><w:p>&x;</w:p></w:document>'})
    pages = b''.join(b'%d 0 obj<</Type/Page/Parent 2 0 R/Contents 3 0 R>>endobj\n' % (i + 10) for i in range(20000))
    stream = zlib.compress(b'BT (text text text text) Tj ET ' * 2_000_000)
    pdf = (b'%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Count 20000/Kids[' + b' '.join(b'%d 0 R' % (i + 10) for i in range(20000)) +
           b']>>endobj\n3 0 obj<</Filter/FlateDecode/Length %d>>stream\n' % len(stream) + stream + b'\nendstream endobj\n' + pages + b'trailer<</Root 1 0 R>>')
    for name, octets, wanted in (('zeros.zip', zeros, 'limit'), ('many.zip', many, 'limit'), ('deep.zip', deep, 'limit'), ('lol.docx', entities, 'damaged'),
                                 ('bomb.pdf', pdf, 'limit')):
        (tmp_path / name).write_bytes(octets)
        assert wanted in problems_of(gateway, tmp_path / name), name
    (tmp_path / 'outside.docx').write_bytes(outside)
    assert 'root:' not in detect(gateway, '--json', 'detect', str(tmp_path / 'outside.docx')).stdout


# --- postern detect ------------------------------------------------------------------------------------

def detect(gateway, *words, text=None):
    return subprocess.run([os.path.join(gateway.lab.binaries(), 'postern'), *words], input=text, capture_output=True, text=True, timeout=60,
                          env=dict(os.environ, POSTERN_PACKS=os.path.join(TOP, 'packs'), ASAN_OPTIONS='detect_leaks=0'))  # looking for leaks needs more than its sandbox allows


def test_detect_says_what_and_where(gateway, tmp_path):
    path = tmp_path / 'letter'
    path.write_text('Dear colleague,\n\nMRN 00483726 was started on metformin, SSN 536-90-4399.\n')
    done = detect(gateway, 'detect', str(path))
    assert done.returncode == 1, done.stderr
    assert re.search(r'^  1 +3  us-ssn +high +100  \*\*\*-\*\*-4399', done.stdout, re.M) and 'rule hipaa/identifier-and-health' in done.stdout
    assert '536' not in done.stdout and '00483726' not in done.stdout
    found = json.loads(detect(gateway, '--json', 'detect', '--pack', 'pci', '-', text='card 4539 5787 6362 1486').stdout)[0]
    assert found['findings'][0]['type'] == 'card' and found['findings'][0]['masked'] == '**** **** **** 1486' and found['rules'][0]['pack'] == 'pci'
    clean = detect(gateway, 'detect', '-', text='see you on Monday\n')
    assert clean.returncode == 0 and 'no content found' in clean.stdout and 'content block' not in clean.stderr
    (tmp_path / 'bare.conf').write_text('hostname mx.a.example; listen smtp { address 127.0.0.1:2525; }\n')
    bare = detect(gateway, '-c', str(tmp_path / 'bare.conf'), 'detect', '--pack', 'pci', '-', text='card 4539 5787 6362 1486')
    assert bare.returncode == 1 and 'bare.conf has no content block' in bare.stderr, bare.stderr


def test_detect_says_what_is_wrong(gateway, tmp_path):
    (tmp_path / 'a.pack').write_text('pack a 1\ntype b\n  pattern 50 (x\n')
    done = detect(gateway, 'detect', '--packs', str(tmp_path), '--test')
    assert done.returncode == 78 and 'a.pack:3: missing closing parenthesis' in done.stderr
    assert detect(gateway, 'detect', str(tmp_path / 'none')).returncode == 66
    (tmp_path / 'binary').write_bytes(b'\1\2\0\0')
    done = detect(gateway, 'detect', str(tmp_path / 'binary'))
    assert done.returncode == 1 and 'not readable (unknown): ' in done.stdout
    assert detect(gateway, 'detect').returncode == 64 and detect(gateway, 'detect', '--nonsense', 'x').returncode == 64
    assert detect(gateway, 'detect', '--packs', str(tmp_path / 'nowhere'), 'x').returncode == 78
    done = detect(gateway, 'detect', '--test')
    assert done.returncode == 0 and 'All test vectors of the packs are right.' in done.stdout


def test_detect_says_what_was_read_of_a_mail(gateway):
    """A user sees why a flag was or was not seen (field F1b, F15; the mails are made after Gmail's and Outlook's)."""
    mails = os.path.join(os.path.dirname(__file__), '..', 'fixtures', 'mail')
    read = lambda name, *more: json.loads(detect(gateway, '--json', 'detect', '--mail', *more, os.path.join(mails, name)).stdout)[0]
    below = read('26-flag-below-quote-gmail.eml', '--text')
    assert [(f['flag'], f['place'], f['quoted']) for f in below['flags']] == [('[secure]', 'body', False)]
    assert [t['text'] for t in below['texts'] if t['place'] == 'body'] == ['On Mon, Bob wrote:\n> old\n[secure]\nnew below\n']
    quoted = read('27-quoted-flag-outlook-german.eml')
    assert [(f['place'], f['quoted']) for f in quoted['flags']] == [('body', True)] and 'texts' not in quoted
    attached = read('05-forward-as-attachment.eml')
    assert [(p['number'], p['type'], p['attached']) for p in attached['parts']] == [
        ('1', 'text/html', False), ('2', 'message/rfc822', True), ('2.1', 'text/plain', False)]
    assert attached['subject'] == '[secure] forwarded as attachment'


def test_detect_in_words(gateway, tmp_path):
    """A clinic's trial: each flag with its place, once; no mail is no mail; what is too large; names of packs."""
    def words(text, *options):
        (tmp_path / 'file').write_bytes(text)
        return detect(gateway, 'detect', *options, str(tmp_path / 'file')).stdout
    head = b'From: a@inside.test\nSubject: x\nMIME-Version: 1.0\n'
    both = head + b'Content-Type: multipart/alternative; boundary=b\n\n--b\n\n[secure] [secure] SSN 536-90-4399\n--b\nContent-Type: text/html\n\n[secure] SSN 536-90-4399\n--b--\n'
    said = words(both, '--mail')
    assert said.count('[secure] in the body') == 1 and '[secure] in the body, also in part 2\n' in said
    assert said.count('us-ssn') == 1 and re.search(r'us-ssn .*also in part 2$', said, re.M), said
    said = words(head + b'X-Postern-Protect: portal\nSensitivity: Private\n\n[secure] hi\n', '--mail')
    assert '  X-Postern-Protect: portal in the header\n' in said and '  Sensitivity: Private in the header: does not count' in said and 'no content found' in said, said
    assert 'this looks like a mail: with --mail' in words(both) and 'looks like a mail' not in words(b'To: do\nbuy milk\n')
    assert 'this is no mail: it has no fields' in words(b'hello\nworld\n', '--mail') and 'this is no mail: the file is empty' in words(b'', '--mail')
    assert 'boundary' not in words(b'', '--mail')
    kind = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document'
    (tmp_path / 'file').write_bytes(head + f'Content-Type: {kind}; name=a.docx\n\nx\n'.encode())
    assert json.loads(detect(gateway, '--json', 'detect', '--mail', str(tmp_path / 'file')).stdout)[0]['parts'][0]['type'] == kind
    with open(tmp_path / 'large', 'wb') as f:
        f.truncate(65 * 1024 * 1024)
    done = detect(gateway, 'detect', str(tmp_path / 'large'))
    assert done.returncode == 66 and 'is larger than 64 MB' in done.stderr, done.stderr
    done = detect(gateway, 'detect', '--pack', 'nosuch', str(tmp_path / 'file'))
    assert done.returncode == 78 and 'there is no pack nosuch' in done.stderr and 'hipaa, ' in done.stderr, done.stderr
    assert detect(gateway, 'detect').stderr.startswith('usage: postern detect ')


def test_detect_takes_options_in_any_order(gateway, tmp_path):
    """POSIX's guideline 9 wants options first; GNU's programs, and people, take them anywhere. Help and manual name them all."""
    name = os.path.join(os.path.dirname(__file__), '..', 'fixtures', 'mail', '26-flag-below-quote-gmail.eml')
    outputs = {detect(gateway, 'detect', *words).stdout for words in (('--mail', '--text', name), ('--text', '--mail', name), (name, '--mail', '--text'), ('--text', name, '--mail'))}
    assert len(outputs) == 1 and 'text of the body' in outputs.pop()
    assert detect(gateway, 'detect', '--text', name).returncode == 64
    said = detect(gateway, 'detect', '--help').stdout
    with open(os.path.join(os.path.dirname(__file__), '..', '..', 'docs', 'man', 'postern.1'), encoding='utf-8') as f:
        manual = f.read()
    for option in ('--mail', '--text', '--packs', '--pack', '--test'):
        assert option in said and option.replace('-', '\\-') in manual, option
    mail = tmp_path / 'mail'
    mail.write_text('From: a@inside.test\nSubject: x\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\n[sec\nure]\n--b\n'
                    'Content-Type: message/rfc822\n\nSubject: [secure] y\n\n[send secure]\n--b--\n')
    words = detect(gateway, 'detect', '--mail', str(mail)).stdout
    assert '[sec ure] in the body\n' in words and '[secure] in the subject of an attached mail: does not count' in words
    assert '[send secure] in the body of an attached mail\n' in words


@pytest.mark.parametrize('archive', ['nobody@reject.test', 'box@null.test', 'box@nocrypt.test'])
def test_a_copy_that_comes_to_nothing_is_an_alarm(gateway, archive):
    """A reviewer's case: the archive refuses for good, takes no mail (RFC 7505), or never has TLS. "failed, unannounced", and doctor said ok."""
    lab = gateway.lab
    gateway.restart(top='monitor { probe no; } administrator admin@inside.test;\n', extra=f'rule "c" {{ from a@inside.test; copy-to {archive}; }}\n',
                    first_retry='2s', lifetime='15s', queue='longest-retry 4s;')
    message_id = gateway.send('x@inside.test', sender='a@inside.test')
    alarms = lambda: [a for a in lab.postern('domains', 'alarms', json_out=True) if a['kind'] == 'copy-lost' and a['domain'] == archive.split('@')[1]]
    assert lab.wait_for(alarms, 50), lab.report(message_id)
    assert message_id in alarms()[0]['detail']
    assert not [m for m in lab.messages('inside.test') if m['rcpts'] == ['a@inside.test']]  # they did not ask for it


# RFC 5321 2.3.11 MUST: a local part is read by its own host alone
@pytest.mark.parametrize('local', ['a%b.test', 'host!user', 'host!other!user', '"a@b.test"', '"a!b"', 'a%b%c.test', '"@b.test:a"'])
def test_addresses_that_name_a_way_go_inside_as_they_are(gateway, local):
    """RFC 5321 2.3.11: a local part is read by its own host alone. Postfix refuses them at a relay (allow_percent_hack, swap_bangpath), since
    the host inside may be older; here they arrive as they came, and doctor says so. Never is the other host asked."""
    rcpt = f'{local}@inside.test'
    client = gateway.smtp(OUTSIDE)
    client.mail('stranger@outside.test')
    assert client.rcpt(rcpt)[0] == 250
    code, text = client.data('From: <stranger@outside.test>\r\nSubject: way\r\n\r\nhello\r\n')
    assert code == 250, text
    client.quit()
    gateway.wait_state(text.decode().split()[-1], 'delivered')
    assert [m for m in gateway.lab.messages('inside.test') if m['rcpts'] == [rcpt]]
    rows = [r for r in gateway.lab.postern('doctor', json_out=True) if r['what'] == 'deliver-to routes']
    assert len(rows) == 1 and rows[0]['state'] == 'look' and 'user%elsewhere@inside.test' in rows[0]['finding'], rows


def test_doctor_names_letters_that_leave_the_house(gateway):
    """A reviewer's case: what `notify` and `administrator` get says who wrote to whom; to an address outside it may go in clear."""
    rules = 'rule "one" { from a@inside.test; notify box@nocrypt.test; }\nrule "two" { from b@inside.test; notify c@inside.test; }\n'
    gateway.restart(top='monitor { probe no; } administrator box@expired.test;\n', extra=rules)
    said = gateway.lab.postern('doctor').stdout
    assert 'box@nocrypt.test is outside' in said and 'go in clear where its servers offer no encryption' in said, said
    assert re.search(r'box@expired\.test is outside.*go over TLS alone', said), said  # partner "Bank" of the lab
    assert 'c@inside.test is outside' not in said
    gateway.restart()
