"""People who log in: submission and submissions, every mechanism, accounts of the store, a password file
and a directory; what a sender may use; failed logins."""
import base64
import os
import re
import shutil
import smtplib
import socket
import ssl
import subprocess
import time

import pytest
from conftest import GATEWAY_ADDRESS, client_context, read_reply, signal_process

USER, SECRET = 'nurse@inside.test', 'correct horse battery'
LISTEN = (f'listen submission {{ address {GATEWAY_ADDRESS}:587; client-certificates ask; }}\n'
          f'listen submissions {{ address {GATEWAY_ADDRESS}:465; resumption no; }}\n')
SHORT = 'accounts { delay 200ms; failures 4; failures-per-client 400; failure-time 20m; '  # none comes back while a slow machine counts


def config(gateway, accounts='', **change):
    gateway.restart(top=LISTEN + SHORT + accounts + ' }\n' + change.pop('top', ''), **change)


def user(gateway, *words, password=None):
    lab = gateway.lab
    done = subprocess.run([os.path.join(lab.binaries(), 'postern'), '-c', lab.path('postern.conf'), 'user', *words],
                          input=(password or '') + '\n', capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope='module')
def desk(gateway):
    config(gateway)
    assert user(gateway, 'add', USER, '--addresses', USER + ' ward@inside.test @clinic.test', password=SECRET)[0] == 0
    assert user(gateway, 'add', 'old@inside.test', '--no-scram', password='an older secret')[0] == 0
    assert user(gateway, 'add', 'gateway.test', '--addresses', '@inside.test', password='unused password')[0] == 0
    return gateway


def client(gateway, port=587, name=USER, secret=SECRET, source='127.0.9.1', context=None):
    context = context or client_context(gateway.lab, check_hostname=False)
    if port == 465:
        c = smtplib.SMTP_SSL(gateway.address, 465, local_hostname='c.test', source_address=(source, 0), timeout=30, context=context)
    else:
        c = smtplib.SMTP(gateway.address, port, local_hostname='c.test', source_address=(source, 0), timeout=30)
        c.starttls(context=context)
    c.ehlo()
    if name:
        c.login(name, secret)
    return c


def test_nothing_in_clear_and_nothing_without_login(desk):
    with smtplib.SMTP(desk.address, 587, local_hostname='c', timeout=20) as c:
        c.ehlo()
        assert not c.has_extn('auth') and c.has_extn('starttls')
        assert c.docmd('AUTH', 'PLAIN AG51cnNlAHg=')[0] == 538
        assert c.docmd('MAIL', 'FROM:<nurse@inside.test>')[0] == 530
    with client(desk, name=None) as c:
        assert c.has_extn('auth') and not c.has_extn('starttls')
        assert c.docmd('MAIL', 'FROM:<nurse@inside.test>') == (530, b'5.7.0 You must log in before you can send mail here; log in first (AUTH)')
    with smtplib.SMTP(desk.address, 25, local_hostname='c', timeout=20) as c:
        c.starttls(context=client_context(desk.lab, check_hostname=False))
        c.ehlo()
        assert not c.has_extn('auth') and c.docmd('AUTH', 'PLAIN AA==')[0] == 502


@pytest.mark.parametrize('port', [587, 465])
@pytest.mark.parametrize('how', ['plain', 'login'])
def test_mail_goes_out_and_gets_what_it_lacks(desk, port, how):
    with client(desk, port, name=None) as c:
        c.user, c.password = USER, SECRET
        code = c.auth(how, getattr(c, 'auth_' + how))[0]
        assert code == 235
        c.mail('ward@inside.test')
        assert c.rcpt('x@good.test')[0] == 250
        code, text = c.data(f'From: Ward <ward@inside.test>\r\nAuthentication-Results: gateway.test; spf=pass\r\nSubject: {how} {port}\r\n\r\nhi\r\n')
        assert code == 250, text
    number = text.decode().split()[-1]
    desk.wait_state(number, 'delivered')
    mail = [m for m in desk.lab.messages('good.test') if f'Subject: {how} {port}' in m['data']][-1]['data']
    assert 'with ESMTPSA' in mail and '\r\nDate: ' in mail and f'\r\nMessage-ID: <{number}@gateway.test>' in mail
    assert 'Authentication-Results' not in mail
    report = desk.lab.report(number)
    assert report['login'] == USER and report['protocol'] == 'ESMTPSA'


def shake_and_close(address, port, version):
    """The client's last flight of the handshake and its goodbye in one segment."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname='gateway.test')
    with socket.create_connection((address, port), 20) as sock:
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                sock.sendall(outgoing.read())
                incoming.write(sock.recv(16384))
        try:
            tls.unwrap()
        except ssl.SSLError:
            pass  # it waits for ours
        sock.sendall(outgoing.read())
        sock.settimeout(20)
        try:
            while sock.recv(16384):
                pass
        except ConnectionError:
            pass


@pytest.mark.parametrize('version', [ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2])
def test_tls_closed_as_it_opens(desk, version):
    pids = desk.pids()
    for _ in range(10):
        shake_and_close(desk.address, 465, version)
    assert desk.pids() == pids
    client(desk, 465).quit()


def test_date_and_message_id_are_kept(desk):
    with client(desk) as c:
        c.sendmail(USER, ['x@good.test'], f'From: {USER}\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\nMessage-ID: <kept@x>\r\nSubject: kept\r\n\r\nhi\r\n')
    assert desk.lab.wait_for(lambda: [m for m in desk.lab.messages('good.test') if 'Subject: kept' in m['data']])
    mail = [m for m in desk.lab.messages('good.test') if 'Subject: kept' in m['data']][0]['data']
    assert mail.lower().count('message-id:') == 1 and mail.count('Date:') == 1


# RFC 5321 3.3 MUST: a refused sender is told whether for now or for good
@pytest.mark.parametrize('sender,author,good', [
    (USER, USER, True), ('WARD@Inside.Test', 'ward@inside.test', True), ('x@clinic.test', 'y@clinic.test', True), ('', USER, True),
    ('boss@inside.test', USER, False), (USER, 'boss@inside.test', False), (USER, '"nurse@inside.test" <boss@inside.test>', False),
    (USER, f'{USER}, y@clinic.test', True), (USER, f'{USER}, boss@inside.test', False), (USER, f'{USER}\r\nFrom: boss@inside.test', False), (USER, f'(open {USER}', False)])
def test_only_own_addresses(desk, sender, author, good):
    with client(desk) as c:
        code, text = c.mail(sender)
        said = desk.lab.postern('explain', '--login', USER, sender, 'x@good.test', json_out=True)
        assert said.get('refused', '') == (f'{code} {text.decode()}' if code != 250 else ''), said
        if code == 250:
            c.rcpt('x@good.test')
            code = c.data(f'From: {author}\r\nSubject: own\r\n\r\nhi\r\n')[0]
        assert code == (250 if good else 550)


def msmtp(desk, mechanism, secret, *more):
    lab = desk.lab
    return subprocess.run(['msmtp', '--debug', '--host=' + desk.address, '--port=587', '--tls=on', '--tls-starttls=on', '--tls-certcheck=off', '--tls-trust-file=',
                           '--auth=' + mechanism, '--user=' + USER, '--passwordeval=echo ' + secret, *more, '--from=' + USER, 'x@good.test'],
                          input=f'From: {USER}\nSubject: msmtp {mechanism}\n\nhi\n', env=lab.tools_env(), capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize('most', [[], ['--tls-priorities=NORMAL:-VERS-TLS1.3']], ids=['tls13', 'tls12'])
def test_scram_with_another_client(desk, most):
    """With GNU SASL 2.2 (Debian 13) msmtp binds to the channel: by tls-exporter in TLS 1.3 (RFC 9266 2), by tls-unique below (RFC 5802 6),
    which we do not have: so there -PLUS is not offered. Without -PLUS that msmtp gives SCRAM up before it says a word."""
    binds = 'scram-sha-256-plus' in subprocess.run(['msmtp', '--version'], env=desk.lab.tools_env(), capture_output=True, text=True).stdout
    scram = 'scram-sha-256-plus' if binds else 'scram-sha-256'
    for mechanism, secret, good in (('plain', SECRET, True), (scram, SECRET, True), (scram, 'wrong', False))[:1 if binds and most else 3]:
        done = msmtp(desk, mechanism, secret, *most)
        assert (done.returncode == 0) == good and f'--> AUTH {mechanism.upper()}' in done.stdout, (mechanism, done)
        assert ('AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 ' in done.stdout) == (most == []), done.stdout
    assert desk.lab.wait_for(lambda: [m for m in desk.lab.messages('good.test') if f'Subject: msmtp {mechanism}' in m['data']])


def test_swaks_and_curl(desk):
    lab = desk.lab
    done = lab.run('swaks', '--server', desk.address, '--port', '587', '-tls', '--auth', 'PLAIN', '--auth-user', USER, '--auth-password', SECRET,
                   '--from', USER, '--to', 'x@good.test', '--header', 'Subject: swaks in', '--silent', '3', env=lab.tools_env())
    assert done.returncode == 0
    done = subprocess.run(['curl', '-sS', '--url', f'smtps://{desk.address}:465', '-k', '--user', USER + ':' + SECRET, '--mail-from', USER,
                           '--mail-rcpt', 'x@good.test', '-T', '-'], input=f'From: {USER}\r\nSubject: curl in\r\n\r\nhi\r\n', text=True, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    for subject in ('swaks in', 'curl in'):
        assert lab.wait_for(lambda: [m for m in lab.messages('good.test') if 'Subject: ' + subject in m['data']]), subject


def test_accounts_without_scram_keys(desk):
    with client(desk, name='old@inside.test', secret='an older secret') as c:
        assert c.mail('old@inside.test')[0] == 250
    assert 'old@inside.test' in user(desk, 'list')[1]


def test_certificate_instead_of_password(desk):
    lab = desk.lab
    context = client_context(lab, check_hostname=False)
    context.load_cert_chain(lab.path('ca', 'gateway.test.pem'), lab.path('ca', 'gateway.test.key'))
    with client(desk, name=None, context=context) as c:
        assert 'EXTERNAL' in c.esmtp_features['auth']
        assert c.docmd('AUTH', 'EXTERNAL =')[0] == 235
        assert c.mail('anyone@inside.test')[0] == 250
    with client(desk, name=None) as c:
        assert 'EXTERNAL' not in c.esmtp_features['auth'] and c.docmd('AUTH', 'EXTERNAL =')[0] == 504


def visit(gateway, port, context, session=None):
    """A TLS session that may begin with an earlier one: (what a later one may begin with, whether it was resumed)."""
    c = smtplib.SMTP(gateway.address, port, local_hostname='c.test', timeout=30)
    c.ehlo()
    assert c.docmd('STARTTLS')[0] == 220
    c.sock, c.file = context.wrap_socket(c.sock, server_hostname='gateway.test', session=session), None
    assert c.ehlo()[0] == 250  # the ticket comes with the answer
    session, reused = c.sock.session, c.sock.session_reused
    c.quit()
    return session, reused


def resumed(gateway):
    return sum(int(n) for n in re.findall(r'tls-resumed=(\d+)', gateway.lab.postern('status').stdout))


def test_tls_sessions_are_resumed_where_nothing_is_skipped(desk):
    lab, context = desk.lab, client_context(desk.lab, check_hostname=False)
    before = resumed(desk)
    ticket, reused = visit(desk, 25, context)
    assert not reused
    for _ in range(6):  # by both processes
        ticket, reused = visit(desk, 25, context, ticket)
        assert reused
    assert resumed(desk) == before + 6
    assert not visit(desk, 587, context, ticket)[1]  # another service
    ticket, _ = visit(desk, 587, context)
    assert ticket.has_ticket and visit(desk, 587, context, ticket)[1]
    with client(desk, 465, name=None) as c:  # where it is switched off
        assert c.noop()[0] == 250 and not c.sock.session.has_ticket
    shows = client_context(lab, check_hostname=False)
    shows.load_cert_chain(lab.path('ca', 'gateway.test.pem'), lab.path('ca', 'gateway.test.key'))
    shown, _ = visit(desk, 587, shows)
    assert not shown.has_ticket and not visit(desk, 587, shows, shown)[1]  # its certificate is looked at every time
    old = client_context(lab, check_hostname=False)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    shown, _ = visit(desk, 25, old)
    assert not visit(desk, 25, old, shown)[1]
    ticket, _ = visit(desk, 25, context)
    with desk.without('keys'):
        assert visit(desk, 25, context, ticket)[1]  # without a signature

    def again():
        try:
            return visit(desk, 25, context)[1] is False
        except (OSError, smtplib.SMTPException):
            return False
    assert lab.wait_for(again, 20, 0.2)


def plain(desk, name, secret, source='127.0.9.1'):
    with client(desk, name=None, source=source) as c:
        return c.docmd('AUTH', 'PLAIN ' + base64.b64encode(b'\0' + name.encode() + b'\0' + secret.encode()).decode())[0]


def test_failed_logins_are_slow_and_limited(desk):
    """failures 4, failure-time 60s; each guess from the same stranger."""
    desk.restart(top=LISTEN + SHORT.replace('20m', '60s') + '}\n')
    began, away = time.time(), '127.0.55.1'
    assert plain(desk, 'old@inside.test', 'guess 0', away) == 535
    assert time.time() - began > 0.2
    for n in range(1, 4):
        assert plain(desk, 'old@inside.test', f'guess {n}', away) == 535
    assert plain(desk, 'old@inside.test', 'an older secret', away) == 454  # right, but not now
    with client(desk) as c:  # others are not touched
        c.noop()
    assert desk.lab.wait_for(lambda: plain(desk, 'old@inside.test', 'an older secret', away) == 235, 40, 1)
    config(desk)


def test_a_guesser_does_not_shut_the_owner_out(desk):
    """Mailu/Mailu#2880, getgrav/grav-plugin-login#204, CVE-2024-10270 of Keycloak: wrong passwords from anywhere; the owner is
    where they were before, or somewhere new. All copies of login together, and the counts outlive them; places outlive a restart."""
    home, hotel = '127.0.77.1', '127.0.78.1'
    assert user(desk, 'add', 'owner@inside.test', password='the right password')[0] == 0
    assert plain(desk, 'owner@inside.test', 'the right password', home) == 235
    # whichever copy of login each address comes to
    said = [plain(desk, 'owner@inside.test', f'guess {n}', f'127.0.{90 + n % 4}.{1 + n}') for n in range(24)]
    assert said.count(535) <= 12 and set(said) == {535, 454} and said[10:].count(454) > 10, said
    assert plain(desk, 'owner@inside.test', 'the right password', home) == 235
    signal_process(desk.lab.child_pid('login-0'), 9)
    signal_process(desk.lab.child_pid('login-1'), 9)
    assert desk.lab.wait_for(lambda: plain(desk, 'owner@inside.test', 'the right password', home) == 235, 15, 0.3)
    assert user(desk, 'passwd', 'owner@inside.test', password='another right one')[0] == 0  # who knew the old one is a stranger
    config(desk)
    assert plain(desk, 'owner@inside.test', 'another right one', hotel) == 235
    config(desk)  # its place is in the store
    for n in range(24):
        plain(desk, 'owner@inside.test', f'guess {n}', f'127.0.{90 + n % 4}.{1 + n}')
    assert plain(desk, 'owner@inside.test', 'another right one', hotel) == 235
    assert user(desk, 'remove', 'owner@inside.test')[0] == 0


def test_who_is_kept_waiting_is_forgiven(desk):
    """Keycloak's and Dovecot's administrators have a command for it (kcadm ... attack-detection, doveadm penalty)."""
    away = '127.0.56.1'
    assert user(desk, 'add', 'hurried@inside.test', password='the right password')[0] == 0
    assert desk.lab.wait_for(lambda: plain(desk, 'hurried@inside.test', f'guess {time.time()}', away) == 454, 20, 0)
    done = desk.lab.postern('user', 'forgive', 'Hurried@inside.test', away)
    assert done.returncode == 0 and 'all failures cleared' in done.stdout, (done.stdout, done.stderr)
    assert plain(desk, 'hurried@inside.test', 'the right password', away) == 235
    said = desk.lab.postern('user', 'forgive', 'nobody@out.test', json_out=True)
    assert said == {'name': 'nobody@out.test', 'client': '', 'kept-waiting': 0}
    assert desk.lab.postern('user', 'forgive', 'nobody@out.test', '127.0.0.256').returncode == 64
    act = desk.lab.postern('acts', '--about', 'Hurried@inside.test', json_out=True)[0]
    assert (act['act'], act['detail']) == ('account-forgive', away), act
    assert user(desk, 'remove', 'hurried@inside.test')[0] == 0


def test_the_same_old_password_is_one_guess(desk):
    """fail2ban/fail2ban#779, nextcloud/server#3971: a phone that has the old password shut out the whole house."""
    assert user(desk, 'add', 'phone@inside.test', password='the new password')[0] == 0
    assert plain(desk, 'phone@inside.test', 'the new password') == 235
    for _ in range(15):
        assert plain(desk, 'phone@inside.test', 'the old password') == 535
    assert plain(desk, 'phone@inside.test', 'the new password') == 235
    assert user(desk, 'remove', 'phone@inside.test')[0] == 0


def test_a_connection_without_a_guess_is_none(desk):
    """docker-mailserver/docker-mailserver#972, fail2ban/fail2ban#600: phones connect, say nothing and go; or stop in the middle."""
    for _ in range(20):
        with client(desk, name=None) as c:
            c.noop()
        with client(desk, name=None) as c:
            assert c.docmd('AUTH', 'LOGIN')[0] == 334
            assert c.docmd('*')[0] == 501
    assert plain(desk, USER, SECRET) == 235


def test_a_limit_of_logins_is_one_of_logins(desk):
    """stalwartlabs/stalwart#661, #1532: one wrong client, and the whole address was shut out of all that the server does."""
    source = '127.0.67.1'
    said = [plain(desk, 'limits@inside.test', f'guess {n}', source) for n in range(8)]
    assert said[0] == 535 and said[-1] == 454
    assert plain(desk, USER, SECRET, source) == 235  # another login from there
    with client(desk, port=25, name=None, source=source) as c:
        assert c.docmd('MAIL', 'FROM:<x@out.test>')[0] == 250


def test_login_in_two_steps_and_scram_are_counted(desk):
    """keycloak/keycloak#46164 and the like: another way in is no way around."""
    def login(secret):
        with client(desk, name=None, source='127.0.66.1') as c:
            first = base64.b64encode(b'ways@inside.test').decode()
            assert c.docmd('AUTH', 'LOGIN')[0] == 334 and c.docmd(first)[0] == 334
            return c.docmd(base64.b64encode(secret.encode()).decode())[0]

    def early(secret):
        with client(desk, name=None, source='127.0.66.1') as c:
            assert c.docmd('AUTH', 'LOGIN ' + base64.b64encode(b'ways@inside.test').decode())[0] == 334
            return c.docmd(base64.b64encode(secret.encode()).decode())[0]

    def scram():
        with client(desk, name=None, source='127.0.66.1') as c:
            c.docmd('AUTH', 'SCRAM-SHA-256 ' + base64.b64encode(b'n,,n=ways@inside.test,r=abcdefgh').decode())
            return c.docmd(base64.b64encode(b'c=biws,r=x,p=AAAA').decode())[0]
    assert user(desk, 'add', 'ways@inside.test', password='the right password')[0] == 0
    assert login('the right password') == 235 and early('the right password') == 235
    assert user(desk, 'passwd', 'ways@inside.test', password='another right one')[0] == 0
    assert [login('guess 1'), early('guess 2'), scram(), plain(desk, 'ways@inside.test', 'guess 3', '127.0.66.1')] == [535] * 4
    assert [login('guess 4'), early('guess 5'), scram(), plain(desk, 'ways@inside.test', 'another right one', '127.0.66.1')] == [454] * 4
    assert user(desk, 'remove', 'ways@inside.test')[0] == 0


def test_unknown_names_look_like_wrong_passwords(desk):
    """RFC 5802 9: nothing tells who is there. An audit: unknown names had 4096 rounds, accounts 60000."""
    def answers(name):
        with client(desk, name=None) as c:
            first = c.docmd('AUTH', 'SCRAM-SHA-256 ' + base64.b64encode(f'n,,n={name},r=abcdefgh'.encode()).decode())
            nonce, salt, rounds = base64.b64decode(first[1]).decode().split(',')
            return first[0], c.docmd(base64.b64encode(b'c=biws,r=x,p=AAAA').decode())[0], len(nonce), len(salt), rounds, salt
    unknown = answers('nobody@inside.test')
    assert unknown[:2] == (334, 535)
    assert answers('nobody@inside.test') == unknown  # the salt does not change
    assert answers(USER)[:-1] == unknown[:-1]
    with client(desk, name=None) as c:
        reply = c.docmd('AUTH', 'PLAIN ' + base64.b64encode(b'\0somebody@inside.test\0x').decode())
    with client(desk, name=None) as c:
        assert c.docmd('AUTH', 'PLAIN ' + base64.b64encode(b'\0' + USER.encode() + b'\0x').decode()) == reply


def test_the_salt_of_an_unknown_name_tells_nothing(desk):
    """RFC 5802 5.1, 9: an account shows the same salt to everybody, for good, however its name is written; so must a name that nobody
    has. Until 2026-11-30 each copy of login drew its own, in each life, and took names as they were written."""
    def salt(name):
        with client(desk, name=None) as c:
            reply = c.docmd('AUTH', 'SCRAM-SHA-256 ' + base64.b64encode(f'n,,n={name},r=abcdefgh'.encode()).decode())
            c.docmd('*')
            return base64.b64decode(reply[1]).decode().split(',')[1]
    seen = {name: [] for name in ('nobody@inside.test', USER)}
    for _ in range(3):
        config(desk)  # another life of each process, and all tries again
        for name, salts in seen.items():
            salts += [salt(name), salt(name.upper()), salt(name)]
    assert all(len(set(salts)) == 1 for salts in seen.values()), seen
    assert salt('somebody@inside.test') not in sum(seen.values(), [])


def test_passwd_disable_remove(desk):
    assert user(desk, 'add', 'temp@inside.test', password='short')[0] == 64
    assert user(desk, 'add', 'temp@inside.test', password='first password')[0] == 0
    assert user(desk, 'add', 'temp@inside.test', password='first password')[0] == 1
    assert user(desk, 'passwd', 'temp@inside.test', password='second password')[0] == 0
    with pytest.raises(smtplib.SMTPAuthenticationError):
        client(desk, name='temp@inside.test', secret='first password')
    with client(desk, name='temp@inside.test', secret='second password') as c:
        c.noop()
    assert user(desk, 'disable', 'temp@inside.test')[0] == 0
    with pytest.raises(smtplib.SMTPAuthenticationError):
        client(desk, name='temp@inside.test', secret='second password')
    assert user(desk, 'enable', 'temp@inside.test')[0] == 0 and user(desk, 'remove', 'temp@inside.test')[0] == 0
    assert user(desk, 'remove', 'temp@inside.test')[0] == 1


def test_login_process_killed(desk):
    signal_process(desk.lab.child_pid('login-0'), 9)
    signal_process(desk.lab.child_pid('login-1'), 9)

    def again():
        try:
            with client(desk) as c:
                return c.noop()[0] == 250
        except (smtplib.SMTPException, KeyError):
            return False
    assert desk.lab.wait_for(again, 15, 0.3)


def test_accounts_outlive_a_restart_and_the_store_has_no_password(desk):
    config(desk)
    with client(desk) as c:
        c.noop()
    for name in os.listdir(desk.lab.path('store')):
        path = desk.lab.path('store', name)
        if os.path.isfile(path):
            assert SECRET.encode() not in open(path, 'rb').read()


def test_password_file(desk):
    lab = desk.lab
    hashed = subprocess.run(['openssl', 'passwd', '-6', 'from the file'], capture_output=True, text=True).stdout.strip()
    with open(lab.path('passwords'), 'w') as out:
        out.write(f'# people of the ward\nfile@inside.test:{hashed}:file@inside.test other@inside.test\nbroken line\n')
    with pytest.raises(RuntimeError, match='line 3 is not NAME:HASH:ADDRESSES'):  # a start says which line is broken
        config(desk, f'password-file {lab.path("passwords")};')
    with open(lab.path('passwords'), 'w') as out:
        out.write(f'# people of the ward\nfile@inside.test:{hashed}:file@inside.test other@inside.test\n')
    config(desk, f'password-file {lab.path("passwords")};')
    with client(desk, name='file@inside.test', secret='from the file') as c:
        assert 'SCRAM' not in c.esmtp_features['auth']
        assert c.mail('other@inside.test')[0] == 250
    with pytest.raises(smtplib.SMTPAuthenticationError):
        client(desk, name='file@inside.test', secret='not from the file')


@pytest.fixture()
def directory(desk):
    lab = desk.lab
    base, root = lab.path('ldap'), lab.root
    shutil.rmtree(base, ignore_errors=True)
    os.makedirs(base)
    with open(lab.path('etc', 'slapd.conf'), 'w') as out:
        out.write(f'include {root}/etc/ldap/schema/core.schema\ninclude {root}/etc/ldap/schema/cosine.schema\ninclude {root}/etc/ldap/schema/inetorgperson.schema\n'
                  f'modulepath {root}/usr/lib/ldap\nmoduleload back_mdb\npidfile {base}/pid\ndatabase mdb\nsuffix "dc=test"\nrootdn "cn=admin,dc=test"\nrootpw adminpw\n'
                  f'directory {base}\nmaxsize 10485760\naccess to attrs=userPassword by anonymous auth by * none\naccess to * by * read\n')
    lab.start('slapd', [os.path.join(root, 'usr/sbin/slapd'), '-d', '0', '-f', lab.path('etc', 'slapd.conf'), '-h', 'ldap://127.0.1.210:389'], env=lab.linker_env())
    lab.wait_port('127.0.1.210', 389)
    entries = 'dn: dc=test\nobjectClass: domain\ndc: test\n\n'
    for uid in ('eve', 'mallory'):
        entries += (f'dn: uid={uid},dc=test\nobjectClass: inetOrgPerson\nuid: {uid}\ncn: {uid}\nsn: {uid}\nmail: {uid}@inside.test\nmail: {uid}.alias@inside.test\n'
                    f'mail: {uid} other@inside.test\n'
                    f'userPassword: ldap {uid}\n\n')
    entries += 'dn: cn=senders,dc=test\nobjectClass: groupOfNames\ncn: senders\nmember: uid=eve,dc=test\n'
    subprocess.run([os.path.join(root, 'usr/bin/ldapadd'), '-x', '-H', 'ldap://127.0.1.210', '-D', 'cn=admin,dc=test', '-w', 'adminpw'], input=entries, text=True,
                   check=True, capture_output=True, env=lab.linker_env())
    with open(lab.path('ldap-password'), 'w') as out:
        out.write('adminpw\n')
    config(desk, top='directory { url "ldap://127.0.1.210"; base "dc=test"; starttls no; bind-dn "cn=admin,dc=test"; timeout 2s; '
                     f'bind-password-file {lab.path("ldap-password")}; group "cn=senders,dc=test"; }}\n')
    yield desk
    lab.stop('slapd')


def test_a_group_of_the_directory_is_mandatory(directory):
    """Read from the group's entry; while the directory is away the last answer stays, also over a restart of the queue."""
    gateway, lab = directory, directory.lab
    config(gateway, top='directory { url "ldap://127.0.1.210"; base "dc=test"; starttls no; bind-dn "cn=admin,dc=test"; timeout 2s; '
                        f'bind-password-file {lab.path("ldap-password")}; }}\n'
                        'group "mandatory" { members "ldap:cn=senders,dc=test"; protect escalated; }\ngroup "unknown" { members "ldap:cn=nobody,dc=test"; }\n'
                        'rule "unknown" { from group:unknown; to x@postfix.test; protect escalated; }\nladder "default" { channels tls hold; }\n')
    assert lab.wait_for(lambda: 'event=group-read group="cn=senders,dc=test" members=2' in lab.log().replace('group=cn=senders,dc=test', 'group="cn=senders,dc=test"')), lab.log()[-2000:]
    demand = lambda sender, to='x@good.test': (lambda m: lab.wait_for(lambda: gateway.state(m)['next-hop'] != '=inspect' and gateway.state(m)['protection']['demand']))(gateway.send(to, sender=sender))
    assert demand('eve.alias@inside.test') == 'escalated' and demand('Eve@Inside.Test') == 'escalated'
    assert demand('mallory@inside.test') == 'none'
    assert demand('mallory@inside.test', 'x@postfix.test') == 'escalated', 'a group that could never be read counts everyone as a member'
    lab.stop('slapd')
    signal_process(gateway.pid('queue-0'), 9)
    assert lab.wait_for(lambda: gateway.pids().get('queue-0', 0) and lab.postern('queue', 'list').returncode == 0)
    lab.wait_for(lambda: lab.postern('status').returncode == 0)
    time.sleep(1)
    assert demand('eve@inside.test') == 'escalated' and demand('mallory@inside.test') == 'none'


def test_directory(directory):
    gateway = directory
    with client(gateway, name='eve', secret='ldap eve') as c:
        assert c.mail('eve.alias@inside.test')[0] == 250
        c.rset()
        assert c.mail('mallory@inside.test')[0] == 550
        # a value with a blank is no address, and no two
        assert c.mail('other@inside.test')[0] == 550
    for name, secret in (('eve', 'wrong'), ('eve', ''), ('mallory', 'ldap mallory'), ('*', 'ldap eve'), ('eve)(uid=*', 'ldap eve'), ('nobody', 'x')):
        with client(gateway, name=None) as c:
            reply = c.docmd('AUTH', 'PLAIN ' + base64.b64encode(b'\0' + name.encode() + b'\0' + secret.encode()).decode())
            assert reply[0] == 535, (name, reply)
    with client(gateway) as c:  # accounts of the store go on beside it
        c.noop()
    gateway.lab.stop('slapd')
    with client(gateway, name=None) as c:
        assert c.docmd('AUTH', 'PLAIN ' + base64.b64encode(b'\0eve\0ldap eve').decode())[0] == 454
