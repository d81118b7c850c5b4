"""The server people put on port 25: chunks, notices, inbound TLS rules, certificates, private keys,
balancers, limits, LMTP, a smart host that wants a login."""
import email
import os
import re
import signal
import smtplib
import socket
import ssl
import struct
import subprocess
import time

import pytest
import lab as lab_module
from conftest import GATEWAY_ADDRESS, INSIDE, OUTSIDE, client_context, read_reply, signal_process

BANK = '127.0.8.1'  # a network of its own


def talk(gateway, *lines, source=INSIDE, port=25):
    """Sends each line (or octets), returns all replies but the greeting."""
    with socket.create_connection((gateway.address, port), 20, source_address=(source, 0)) as sock:
        stream, replies = sock.makefile('rb'), []
        read_reply(stream)
        for line in lines:
            sock.sendall(line)
            replies.append(read_reply(stream).decode())
        return replies


def inside_mail(gateway, words, seconds=20):
    found = gateway.lab.wait_for(lambda: [m['data'] for m in gateway.lab.messages('inside.test') if words in m['data']], seconds)
    return found[-1] if found else None


# OpenSMTPD/OpenSMTPD#1147 (a second EHLO was an error), emersion/go-smtp#281 (it did not end the mail)
def test_an_ehlo_within_a_mail_ends_it(gateway):
    out = talk(gateway, b'EHLO a.test\r\n', b'MAIL FROM:<nurse@inside.test>\r\n', b'RCPT TO:<x@good.test>\r\n', b'EHLO b.test\r\n',
               b'DATA\r\n', b'MAIL FROM:<nurse@inside.test>\r\n')
    assert [r[:3] for r in out] == ['250', '250', '250', '250', '503', '250']


# OISF/suricata#15927, review: no test had an EHLO that is refused, which drops nothing (RFC 5321 4.1.4)
def test_a_refused_ehlo_within_a_mail_drops_nothing(gateway):
    out = talk(gateway, b'EHLO a.test\r\n', b'MAIL FROM:<nurse@inside.test>\r\n', b'EHLO\r\n', b'RCPT TO:<x@good.test>\r\n', b'DATA\r\n',
               b'Subject: still here\r\n\r\nhello\r\n.\r\n')
    assert [r[:3] for r in out] == ['250', '250', '501', '250', '354', '250']
    assert gateway.wait_state(out[-1].split()[-1], 'delivered')


# Probesys/agentj#611: what was released and then refused for now counted as delivered, and could not be released again
def test_what_is_released_and_refused_goes_on_waiting(gateway):
    number = gateway.send('x@tempfail.test')
    assert gateway.lab.wait_for(lambda: gateway.state(number)['attempts'], 20)
    for _ in range(2):
        assert gateway.when_free(lambda: gateway.lab.postern('queue', 'hold', number)).returncode == 0
        before = gateway.wait_state(number, 'held')['attempts']
        said = gateway.lab.postern('queue', 'release', number)
        assert said.returncode == 0 and 'deliver' not in said.stdout and 'sent' not in said.stdout
        assert gateway.lab.wait_for(lambda: gateway.state(number)['attempts'] > before, 20)
        assert gateway.wait_state(number, 'waiting')['reason'] == 'rejected'


# --- chunks and notices ---------------------------------------------------------------------------

def test_chunks(gateway):
    body = b'Subject: chunked in\r\n\r\n.a dot\r\n'
    out = talk(gateway, b'EHLO c\r\n', b'MAIL FROM:<nurse@inside.test>\r\n', b'RCPT TO:<x@good.test>\r\n',
               b'BDAT %d\r\n' % 10 + body[:10], b'BDAT %d LAST\r\n' % (len(body) - 10) + body[10:])
    assert [r[:3] for r in out] == ['250'] * 5 and 'CHUNKING' in out[0] and 'BINARYMIME' in out[0]
    gateway.wait_state(out[-1].split()[-1], 'delivered')
    assert '\r\n.a dot\r\n' in [m['data'] for m in gateway.lab.messages('good.test') if 'chunked in' in m['data']][-1]


def test_large_chunked_both_ways(gateway):
    # a NUL makes it binary: what is declared decides nothing (docs/decisions/0027), other mail goes by DATA
    body = b'Subject: large chunks\r\n\r\n\0\r\n' + b'.line of text\r\n' * 100000
    out = talk(gateway, b'EHLO c\r\nMAIL FROM:<nurse@inside.test> BODY=BINARYMIME\r\nRCPT TO:<x@chunks.test>\r\n', b'', b'', b'BDAT %d LAST\r\n' % len(body) + body)
    gateway.wait_state(out[-1].split()[-1], 'delivered', 40)
    mail = [m for m in gateway.lab.received('host-mx.chunks.test') if 'large chunks' in m.get('data', '')][-1]
    assert mail['chunks'][0] == 0, 'the first is empty: see docs/decisions/0026'
    assert mail['data'].endswith(body.decode()) and len(mail['chunks']) > 2 and sum(mail['chunks']) == len(mail['data'])


@pytest.mark.parametrize('said,octets', [(300000, 20), (300000, 200000), (20, 200000)])
def test_a_size_is_only_said(gateway, said, octets):
    """A file is asked for by what SIZE or a chunk says; what comes is what counts (RFC 1870 6)."""
    body = b'Subject: said %d has %d\r\n\r\n' % (said, octets) + b'x' * 18 + b'\r\n' + b'line of text.....\r\n' * (octets // 19)
    for mail, send in ((b'MAIL FROM:<nurse@inside.test> SIZE=%d\r\n' % said, [b'DATA\r\n', body + b'.\r\n']), (b'MAIL FROM:<nurse@inside.test>\r\n', [b'BDAT %d LAST\r\n' % len(body) + body])):
        out = talk(gateway, b'EHLO c\r\n', mail, b'RCPT TO:<x@good.test>\r\n', *send)
        gateway.wait_state(out[-1].split()[-1], 'delivered', 40)
    mails = [m['data'] for m in gateway.lab.messages('good.test') if f'said {said} has {octets}\r\n' in m['data']]
    assert len(mails) == 2 and all(m.endswith(body.decode().split('\r\n\r\n')[1]) for m in mails)


def test_a_file_asked_for_by_a_message_that_was_dropped(gateway):
    """Files for two messages come at once, the first of which is gone: the second has its own, and all of its octets."""
    body = b'Subject: the second\r\n\r\n' + b'line of text\r\n' * 16000
    begin = b'MAIL FROM:<nurse@inside.test>\r\nRCPT TO:<x@good.test>\r\n'
    queue = gateway.pid('queue-0')
    signal_process(queue, signal.SIGSTOP)
    try:
        with socket.create_connection((gateway.address, 25), 20, source_address=(INSIDE, 0)) as sock:
            stream = sock.makefile('rb')
            read_reply(stream)
            sock.sendall(b'EHLO c\r\nMAIL FROM:<nurse@inside.test> SIZE=200000\r\nRCPT TO:<x@good.test>\r\nBDAT 4\r\nSubjRSET\r\n' + begin + b'BDAT %d LAST\r\n' % len(body) + body)
            assert [read_reply(stream)[:3] for _ in range(5)] == [b'250'] * 5
            time.sleep(1)
            signal_process(queue, signal.SIGCONT)
            replies = [read_reply(stream).decode() for _ in range(3)]
            assert [r[:3] for r in replies] == ['250'] * 3, replies
    finally:
        signal_process(queue, signal.SIGCONT)
    gateway.wait_state(replies[-1].split()[-1], 'delivered', 20)
    assert [m for m in gateway.lab.messages('good.test') if 'Subject: the second' in m['data']][-1]['data'].endswith('line of text\r\n' * 16000)


@pytest.mark.parametrize('domain', ['postfix.test', 'exim.test'])
def test_a_message_that_looks_like_commands(gateway, domain):
    """Whoever it is for and whoever is refused, its lines are text."""
    def states(*names):
        out = talk(gateway, b'EHLO c\r\n', b'MAIL FROM:<nurse@inside.test>\r\n', *(f'RCPT TO:<{n}@{domain}>\r\n'.encode() for n in names),
                   b'DATA\r\n', b'Subject: along\r\n\r\nNOOP\r\nMAIL FROM:<a@b.test>\r\n.\r\n')
        number = out[-1].split()[-1]
        done = lambda: [r['state'] for r in gateway.lab.report(number)['recipients']]
        assert gateway.lab.wait_for(lambda: set(done()) <= {'delivered', 'returned'}, 30), done()
        return {r['forward-path'].split('@')[0]: (r['state'], r['detail']) for r in gateway.lab.report(number)['recipients']}
    first = states('facts')
    assert first['facts'][0] == 'delivered'
    mixed = states('refused', 'facts')
    assert mixed['facts'][0] == 'delivered' and mixed['refused'][0] == 'returned' and 'nobody of that name' in mixed['refused'][1], mixed
    nobody = states('refused')
    assert nobody['refused'][0] == 'returned' and 'nobody of that name' in nobody['refused'][1], nobody
    assert states('facts')['facts'][0] == 'delivered'


def test_a_message_nobody_took_goes_again(gateway):
    """The next server, or a new connection, gets all of it at once."""
    number = submit(gateway, 'x@busy.test', subject='elsewhere')
    gateway.wait_state(number, 'delivered', 10)
    report = gateway.lab.report(number)
    hosts = [a['host'] for a in report['attempts']]
    assert hosts[0] == 'mx1.busy.test' and hosts[-1] == 'mx2.busy.test' and 'too much to do' in str(report['attempts']), report['attempts']
    for words in ('first', 'second', 'third'):
        number = submit(gateway, 'x@stale.test', subject=words)
        gateway.wait_state(number, 'delivered', 10)
    for host, words in (('mx2.busy.test', 'elsewhere'), ('mx.stale.test', 'first'), ('mx.stale.test', 'second'), ('mx.stale.test', 'third')):
        mails = [m['data'] for m in gateway.lab.messages('host-' + host) if f'Subject: {words}' in m['data']]
        assert len(mails) == 1 and mails[0].endswith('\r\nhi\r\n'), mails
    gateway.restart(extra='rule "tagged" { to @busy.test; tag letter; }\n')  # what changes on its way changes each time
    gateway.wait_state(submit(gateway, 'x@busy.test', subject='with a tag'), 'delivered', 20)
    tagged = [m['data'] for m in gateway.lab.messages('host-mx2.busy.test') if 'Subject: with a tag' in m['data']]
    gateway.restart()
    assert len(tagged) == 1 and tagged[0].count('X-Postern-Tag: letter\r\n') == 1 and tagged[0].endswith('\r\nhi\r\n'), tagged


def test_answers_to_one_write(gateway):
    """Two whole messages in one write: every answer in its order, each 250 with its own id."""
    body = b'Subject: at once\r\n\r\nhi\r\n'
    group = b'MAIL FROM:<nurse@inside.test>\r\nRCPT TO:<x@inside.test>\r\nBDAT %d LAST\r\n' % len(body) + body
    with socket.create_connection((gateway.address, 25), 20, source_address=(INSIDE, 0)) as sock:
        stream = sock.makefile('rb')
        read_reply(stream)
        sock.sendall(b'EHLO c\r\n')
        read_reply(stream)
        sock.sendall(group + group + b'QUIT\r\n')
        replies = [read_reply(stream).decode() for _ in range(7)]
    assert [r[:3] for r in replies] == ['250'] * 6 + ['221'], replies
    assert 'stored as' in replies[2] and 'stored as' in replies[5] and replies[2] != replies[5]


def test_binary_keeps_every_octet(gateway):
    """As it is where that is taken, in 7 bits elsewhere (docs/decisions/0027)."""
    body = b'Subject: binary\r\n\r\n\x00\n.\r\n\r\xff.'
    send = (b'EHLO c\r\n', b'MAIL FROM:<nurse@inside.test> BODY=BINARYMIME\r\n')
    out = talk(gateway, *send, b'RCPT TO:<x@chunks.test>\r\n', b'BDAT %d LAST\r\n' % len(body) + body)
    gateway.wait_state(out[-1].split()[-1], 'delivered')
    mail = [m for m in gateway.lab.received('host-mx.chunks.test') if 'Subject: binary' in m.get('data', '')][-1]
    assert mail['data'].encode('latin-1').endswith(body) and 'BODY=BINARYMIME' in mail['parameters']
    out = talk(gateway, *send, b'RCPT TO:<x@good.test>\r\n', b'BDAT %d LAST\r\n' % len(body) + body)
    gateway.wait_state(out[-1].split()[-1], 'delivered')
    mail = [m for m in gateway.lab.messages('good.test') if 'Subject: binary' in m['data']][-1]
    found = email.message_from_string(mail['data']).get_payload(decode=True)
    assert mail['data'].isascii() and found == body.split(b'\r\n\r\n', 1)[1], mail['data']


def submit(gateway, rcpt, mail='', words='', sender='nurse@inside.test', subject='x'):
    out = talk(gateway, b'EHLO c\r\n', f'MAIL FROM:<{sender}>{mail}\r\n'.encode(), f'RCPT TO:<{rcpt}>{words}\r\n'.encode(), b'DATA\r\n',
               f'Subject: {subject}\r\n\r\nhi\r\n.\r\n'.encode())
    assert out[-1].startswith('250'), out
    return out[-1].split()[-1]


# RFC 3461 5.2.2 MUST: without DSN there: SUCCESS is answered with a notice "relayed"
# RFC 3461 6.3 MUST: Original-Envelope-Id where ENVID was said
# RFC 3461 6.3 MUST: Original-Recipient where ORCPT was said
def test_success_notice_where_the_next_server_gives_none(gateway):
    number = submit(gateway, 'x@good.test', ' RET=HDRS ENVID=QQ+2B1', ' NOTIFY=SUCCESS ORCPT=rfc822;first+2Blast@good.test', subject='told')
    notice = inside_mail(gateway, number)
    for words in ('Subject: Your message was handed on', 'Original-Envelope-Id: QQ+1', 'Original-Recipient: rfc822;first+last@good.test',
                  'Action: relayed', 'Status: 2.0.0', 'Subject: told'):
        assert words in notice, (words, notice)


# RFC 3461 5.2.1 MUST: to a server with DSN they go on as they came
# RFC 3461 5.2.1 MUST NOT: no notice of success by us then
def test_notices_are_passed_on_where_they_are_known(gateway):
    number = submit(gateway, 'x@chunks.test', ' RET=FULL ENVID=abc', ' NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;o@chunks.test', subject='passed on')
    gateway.wait_state(number, 'delivered')
    mail = [m for m in gateway.lab.received('host-mx.chunks.test') if 'passed on' in m.get('data', '')][-1]
    assert 'RET=FULL' in mail['parameters'] and 'ENVID=abc' in mail['parameters']
    assert set(mail['asked']['x@chunks.test']) == {'NOTIFY=SUCCESS,FAILURE', 'ORCPT=rfc822;o@chunks.test'}
    time.sleep(1)
    assert not [m for m in gateway.lab.messages('inside.test') if number in m['data']]


# RFC 3461 4.1 MUST NOT: NEVER: no notice of any kind
# RFC 3461 5.2.6 MUST: a failure is told where FAILURE was asked for
def test_never_means_never(gateway):
    silent = submit(gateway, 'x@reject.test', words=' NOTIFY=NEVER')
    told = submit(gateway, 'x@reject.test', words=' NOTIFY=FAILURE')
    gateway.wait_state(silent, 'failed, unannounced')
    assert 'Action: failed' in inside_mail(gateway, told)
    assert not [m for m in gateway.lab.messages('inside.test') if silent in m['data']]


def test_notices_with_postfix(gateway):
    """Postfix knows RFC 3461: it gives the notice of success itself."""
    submit(gateway, 'user@postfix.test', words=' NOTIFY=SUCCESS', subject='for postfix')
    notice = inside_mail(gateway, 'Reporting-MTA: dns; mx.postfix.test', 40)
    assert notice and 'Action: delivered' in notice


# --- inbound TLS rules ---------------------------------------------------------------------------------

@pytest.fixture(scope='module')
def partners(gateway):
    ca = gateway.lab.path('ca')
    pin = subprocess.run(f'openssl x509 -in {ca}/gateway.test.pem -outform DER | openssl dgst -sha256 -r', shell=True, capture_output=True, text=True).stdout.split()[0]
    gateway.restart(partner=f"""
partner "Trust Bank" {{ domains bank.test; inbound require tls; }}
partner "Report Co" {{ domains report.test; inbound require tls; inbound-mode report-only; }}
partner "Cert Co" {{ domains cert.test; inbound require cert; inbound-names gateway.test; inbound-networks 127.0.8.0/24; }}
partner "Pin Co" {{ domains pin.test; inbound require pin; inbound-pin cert:{pin}; }}
""")
    return gateway


def inbound(gateway, sender, source=OUTSIDE, tls=True, certificate=None):
    with smtplib.SMTP(gateway.address, 25, local_hostname='client.test', source_address=(source, 0), timeout=30) as c:
        c.ehlo()
        if tls:
            context = client_context(gateway.lab, check_hostname=False)
            if certificate:
                context.load_cert_chain(gateway.lab.path('ca', certificate + '.pem'), gateway.lab.path('ca', certificate + '.key'))
            c.starttls(context=context)
            code, text = c.ehlo()
            if code != 250:
                return code, text.decode()
        code, text = c.mail(sender)
        return code, text.decode()


# RFC 5321 7.9 SHOULD: refusals by policy are 550
# RFC 3207 4 MUST NOT: a public server does not demand STARTTLS of everybody
# RFC 3207 4 SHOULD: where TLS is demanded, commands are refused with 530
# RFC 3207 4.1 MUST: both sides look at what was negotiated
@pytest.mark.parametrize('sender,source,tls,certificate,code,words', [
    ('a@bank.test', OUTSIDE, False, None, 530, '5.7.0 Mail from Trust Bank is only taken over a secure connection (tls), and this connection is not encrypted'),
    ('a@bank.test', OUTSIDE, True, None, 250, ''),
    ('a@other.test', OUTSIDE, False, None, 250, ''),
    ('', OUTSIDE, False, None, 250, ''),
    ('a@report.test', OUTSIDE, False, None, 250, ''),
    ('a@cert.test', OUTSIDE, True, None, 550, 'showed no client certificate'),
    ('a@cert.test', OUTSIDE, True, 'gateway.test', 250, ''),
    ('a@cert.test', OUTSIDE, True, 'mx.good.test', 550, 'for another name'),
    ('a@pin.test', OUTSIDE, True, 'gateway.test', 250, ''),
    ('a@pin.test', OUTSIDE, True, 'mx.good.test', 550, 'not the agreed one'),
    ('a@anyone.test', BANK, True, None, 550, 'showed no client certificate'),  # at EHLO: the sender is not even heard
    ('a@anyone.test', BANK, True, 'gateway.test', 250, '')])
def test_inbound_rule(partners, sender, source, tls, certificate, code, words):
    got, text = inbound(partners, sender, source, tls, certificate)
    assert got == code and words in text, (got, text)
    if not certificate and (sender or tls):  # explain says the same, asked of the same code
        said = partners.lab.postern('explain', '--client', source, sender, 'x@inside.test', json_out=True)
        assert said['refused-without-certificate' if tls else 'refused-in-clear'] == (f'{code} {text}' if code != 250 else ''), said


def test_helo_of_a_partner_network_is_refused_at_once(partners):
    assert talk(partners, b'HELO x\r\n', source=BANK)[0].startswith('550 5.7.10 Mail from Cert Co')


def test_refusals_are_listed_for_us(partners):
    lab = partners.lab
    rows = lab.wait_for(lambda: [r for r in lab.postern('refusals', json_out=True) if r['rule'] == 'Report Co'])
    assert rows[0]['refused'] is False and rows[0]['from'] == 'a@report.test' and rows[0]['had'] == 'no TLS'
    bank = [r for r in lab.postern('refusals', json_out=True) if r['rule'] == 'Trust Bank']
    assert bank[0]['refused'] is True and bank[0]['client'] == OUTSIDE and bank[0]['helo'] == 'client.test'
    words = lab.postern('refusals').stdout
    assert re.search(r'Report Co +0 refused, 1 would have been', words) and re.search(r'Cert Co +[0-9]+ refused', words)


def test_client_certificate_is_recorded(partners):
    assert inbound(partners, 'a@cert.test', certificate='gateway.test')[0] == 250


# --- certificates and keys -----------------------------------------------------------------------------------

@pytest.fixture(scope='module')
def certified(gateway):
    lab = gateway.lab
    ca = lab.path('ca')
    subprocess.run(f'cd {ca} && openssl req -newkey rsa:2048 -nodes -keyout gwrsa.key -out gwrsa.csr -subj /CN=gateway.test -addext subjectAltName=DNS:gateway.test && '
                   f'openssl ca -batch -config ca.cnf -cert ca.pem -keyfile ca.key -in gwrsa.csr -out gwrsa.pem -notext ' + ' '.join(lab_module.days_around_now(-80, 20)), shell=True, check=True, capture_output=True)
    lab.make_certificate('second.test')
    lab.make_certificate('renewed.test', name='renewed')
    for name in ('gateway.test', 'gwrsa', 'second.test'):
        for end in ('pem', 'key'):
            subprocess.run(['cp', f'{ca}/{name}.{end}', lab.path('etc', f'{name}.{end}')], check=True)
    etc = lab.path('etc')
    gateway.restart(certificate='\n'.join(f'certificate {{ chain {etc}/{n}.pem; key {etc}/{n}.key; }}' for n in ('gateway.test', 'gwrsa', 'second.test')),
                    top=f'listen submissions {{ address {GATEWAY_ADDRESS}:465; profile strict; }}\n', limits='expiry-warning 25d;')
    return gateway


def shown(gateway, *words, port=25):
    start = ['-starttls', 'smtp'] if port == 25 else []
    done = subprocess.run(['openssl', 's_client', '-connect', f'{gateway.address}:{port}', *start, '-CAfile', gateway.lab.path('ca', 'ca.pem'), *words],
                          input='QUIT\n', capture_output=True, text=True, timeout=30)
    subject = re.search(r'subject=CN ?= ?(\S+)', done.stdout)
    return subject and subject.group(1), re.search(r'Peer signature type: (\S+)', done.stdout), done.stdout + done.stderr


# RFC 7672 8.1 MUST NOT: our servers do not demand SNI
# RFC 7672 8.1 MUST: an unknown SNI gets a certificate all the same
# RFC 8461 7.1 MUST NOT: our servers do not demand SNI
def test_certificate_by_key_and_by_name(certified):
    assert shown(certified, '-servername', 'gateway.test')[0] == 'gateway.test'
    assert shown(certified, '-servername', 'gateway.test')[1].group(1).lower().startswith('ecdsa')
    assert shown(certified, '-tls1_2', '-cipher', 'ECDHE-RSA-AES128-GCM-SHA256')[1].group(1).lower().startswith('rsa')
    assert shown(certified, '-servername', 'second.test')[0] == 'second.test'
    assert shown(certified, '-servername', 'nobody.test')[0] == 'gateway.test'  # never an abort
    assert shown(certified, '-servername', 'second.test', port=465)[0] == 'second.test'


def test_server_prefers_its_own_order(certified):
    out = shown(certified, '-tls1_2', '-cipher', 'ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384')[2]
    assert 'Cipher is ECDHE-ECDSA-AES256-GCM-SHA384' in out


def test_certificate_that_ends_soon_is_an_alarm(certified):
    lab = certified.lab
    alarms = lab.wait_for(lambda: [a for a in lab.postern('domains', 'alarms', json_out=True) if a['kind'] == 'own-certificate'] if False else
                          'ends' in lab.postern('domains', 'alarms').stdout, 20, 0.5)
    assert alarms, lab.postern('domains', 'alarms').stdout


def test_changed_files_are_read_again(certified):
    lab = certified.lab
    for end in ('key', 'pem'):
        subprocess.run(['cp', lab.path('ca', f'renewed.{end}'), lab.path('etc', f'second.test.{end}')], check=True)
    assert lab.wait_for(lambda: shown(certified, '-servername', 'renewed.test')[0] == 'renewed.test', 30, 0.5)


def private_scalar(path):
    text = subprocess.run(['openssl', 'pkey', '-in', path, '-noout', '-text'], capture_output=True, text=True).stdout
    part = re.search(r'priv:\s+([0-9a-f:\s]+)pub:', text).group(1)
    return bytes.fromhex(re.sub(r'[^0-9a-f]', '', part))[-32:]


def memory_has(pid, octets):
    """The scalar as it stands in memory: big endian, or in the limbs of a little endian number."""
    with open(f'/proc/{pid}/maps') as maps, open(f'/proc/{pid}/mem', 'rb') as mem:
        for line in maps:
            area, rights = line.split()[:2]
            if 'rw' not in rights:
                continue
            begin, end = (int(x, 16) for x in area.split('-'))
            if end - begin > 1 << 32:
                continue
            try:
                mem.seek(begin)
                data = mem.read(end - begin)
            except (OSError, ValueError):
                continue
            if octets in data or octets[::-1] in data:
                return True
    return False


def test_private_keys_are_in_keys_alone(certified):
    lab = certified.lab
    secret = private_scalar(lab.path('etc', 'gateway.test.key'))
    time.sleep(1)  # a reload replaces inspectors
    pids = lab.wait_for(lambda: (lambda now: now if all(now.values()) else None)(certified.pids()))
    for name, pid in pids.items():
        with smtplib.SMTP(certified.address, 25, timeout=20) as c:
            c.starttls(context=client_context(lab, check_hostname=False))
        assert memory_has(pid, secret) == (name.startswith('keys')), name


def test_without_keys_no_handshake_and_no_harm(certified):
    lab = certified.lab
    pids = certified.pids()

    def shakes(seconds=20):
        try:
            with smtplib.SMTP(certified.address, 25, timeout=seconds) as c:
                c.starttls(context=client_context(lab, check_hostname=False))
                return True
        except (smtplib.SMTPException, OSError):
            return False
    with certified.without('keys'):
        assert not shakes(3)
    assert lab.wait_for(shakes, 15, 0.2)
    assert {n: p for n, p in certified.pids().items() if n.startswith('smtpin')} == {n: p for n, p in pids.items() if n.startswith('smtpin')}


# --- turns --------------------------------------------------------------------------------------------------------

def test_senders_wait_while_much_is_stored(gateway):
    """With the queue stopped, 32 messages are read to their end; the next sender is let in only when he has waited for half
    a second. Once the queue is back, all are taken."""
    gateway.restart()
    queue, socks, waited = gateway.pid('queue-0'), [], []
    try:
        signal_process(queue, signal.SIGSTOP)
        for i in range(44):
            sock = socket.create_connection((gateway.address, 25), 20, source_address=(INSIDE, 0))
            stream = sock.makefile('rb')
            socks.append((sock, stream))
            read_reply(stream)
            sock.sendall(b'EHLO c\r\n')
            read_reply(stream)
            began = time.monotonic()
            sock.sendall(b'MAIL FROM:<nurse@inside.test>\r\nRCPT TO:<x@inside.test>\r\nDATA\r\n')
            assert [read_reply(stream)[:3] for _ in range(3)] == [b'250', b'250', b'354']
            waited.append(time.monotonic() - began)
            sock.sendall(b'Subject: turn %d\r\n\r\n.\r\n' % i)
    finally:
        signal_process(queue, signal.SIGCONT)
    assert [read_reply(stream)[:3] for _, stream in socks] == [b'250'] * 44
    for sock, _ in socks:
        sock.close()
    held = [w for w in waited if w > 0.4]
    assert all(w < 0.3 for w in waited[:16]) and len(held) >= 44 - 32 and max(held) < 2, waited


# --- balancers and limits --------------------------------------------------------------------------------------

@pytest.fixture(scope='module')
def fronted(gateway):
    text = gateway.lab.config(top=f'listen smtp {{ address {GATEWAY_ADDRESS}:2525; balancers 127.0.7.0/24; }}\n',
                              limits='connections-per-address 5; tarpit 300ms; handshake-time 2s;')
    gateway.lab.stop_gateway()
    gateway.lab.start_gateway(text.replace('networks 127.0.3.0/24;', 'networks 127.0.3.0/24 10.77.0.0/16; devices 10.77.1.0/24;'))
    return gateway


def v2(source, command=0x21):
    body = socket.inet_aton(source) + socket.inet_aton('127.0.0.1') + struct.pack('!HH', 1234, 25)
    return b'\r\n\r\n\0\r\nQUIT\n' + bytes([command, 0x11]) + struct.pack('!H', len(body)) + body


@pytest.mark.parametrize('header', [b'PROXY TCP4 127.0.3.77 127.0.0.1 1234 25\r\n', v2('127.0.3.77')])
def test_the_client_behind_a_balancer(fronted, header):
    """An inside network behind the balancer may relay: the address of the header counts."""
    with socket.create_connection((fronted.address, 2525), 20, source_address=('127.0.7.1', 0)) as sock:
        for i in range(len(header)):  # in any pieces
            sock.sendall(header[i:i + 1])
        stream = sock.makefile('rb')
        assert read_reply(stream).startswith(b'220')
        for line, code in ((b'EHLO c\r\n', b'250'), (b'MAIL FROM:<a@inside.test>\r\n', b'250'), (b'RCPT TO:<x@good.test>\r\n', b'250')):
            sock.sendall(line)
            assert read_reply(stream).startswith(code)


def test_inside_clients_over_a_network_encrypt(fronted):
    """RFC 3207 4: 530 5.7.0; old devices, by their networks, may send in clear, and so may what runs on this machine."""
    for client, code in (('10.77.0.1', b'530'), ('10.77.1.1', b'250'), ('127.0.3.77', b'250')):
        with socket.create_connection((fronted.address, 2525), 20, source_address=('127.0.7.1', 0)) as sock:
            sock.sendall(f'PROXY TCP4 {client} 127.0.0.1 1234 25\r\n'.encode())
            stream = sock.makefile('rb')
            assert read_reply(stream).startswith(b'220')
            sock.sendall(b'EHLO c\r\n')
            assert b'STARTTLS' in read_reply(stream)
            sock.sendall(b'MAIL FROM:<a@inside.test>\r\n')
            reply = read_reply(stream)
            assert reply.startswith(code), client
            said = fronted.lab.postern('explain', '--client', client, 'a@inside.test', 'x@good.test', json_out=True)
            assert said['refused-in-clear'] == (reply.decode().strip() if code == b'530' else ''), said
    assert 'inside-clear-refused' in fronted.lab.log()


@pytest.fixture
def haproxy(fronted):
    """HAProxy with both versions, and health checks that speak SMTP."""
    lab, check = fronted.lab, 'check check-send-proxy inter 200ms fall 1 rise 1'
    with open(lab.path('etc', 'haproxy.conf'), 'w') as out:
        out.write('global\n  log stdout format raw local0\ndefaults\n  mode tcp\n  log global\n  timeout connect 5s\n  timeout client 20s\n  timeout server 20s\n')
        for version, port in (('send-proxy', 2601), ('send-proxy-v2', 2602)):
            out.write(f'frontend f-{version}\n  bind 127.0.7.2:{port}\n  default_backend b-{version}\nbackend b-{version}\n  source 127.0.7.1\n  option smtpchk EHLO haproxy.test\n'
                      f'  server gateway {fronted.address}:2525 {version} {check}\n')
    lab.start('haproxy', [os.path.join(lab.root, 'usr/sbin/haproxy'), '-db', '-f', lab.path('etc', 'haproxy.conf')], env=lab.linker_env())
    lab.wait_port('127.0.7.2', 2602)
    yield
    lab.stop('haproxy')


def test_haproxy(fronted, haproxy):
    lab = fronted.lab
    for port in (2601, 2602):
        for source, code in ((INSIDE, 250), (OUTSIDE, 550)):
            with smtplib.SMTP('127.0.7.2', port, 'client.test', 20, source_address=(source, 0)) as c:
                c.ehlo()
                c.mail('a@inside.test')
                assert c.rcpt('x@good.test')[0] == code, (port, source)
    time.sleep(1.5)  # some checks later
    said = open(lab.path('log', 'haproxy')).read()
    assert 'is DOWN' not in said, said
    with smtplib.SMTP('127.0.7.2', 2602, 'client.test', 20, source_address=(INSIDE, 0)) as c:
        c.starttls(context=client_context(lab, check_hostname=False))
        assert c.ehlo()[0] == 250


def test_only_balancers_say_whose_connection_it_is(fronted):
    with socket.create_connection((fronted.address, 2525), 20, source_address=(OUTSIDE, 0)) as sock:
        stream = sock.makefile('rb')
        assert read_reply(stream).startswith(b'220')
        sock.sendall(b'PROXY TCP4 127.0.3.77 127.0.0.1 1234 25\r\n')
        assert read_reply(stream).startswith(b'500')
    with socket.create_connection((fronted.address, 2525), 20, source_address=('127.0.7.1', 0)) as sock:
        sock.sendall(b'EHLO without a header\r\n')
        assert sock.recv(100) == b''
    assert 'proxy-header-bad' in fronted.lab.log()


def test_a_silent_balancer_holds_no_place(fronted):
    with socket.create_connection((fronted.address, 2525), 20, source_address=('127.0.7.1', 0)) as sock:
        began = time.time()
        assert sock.recv(100) == b'' and 1 < time.time() - began < 10


def test_limits_hold_over_all_processes(fronted):
    socks = [socket.create_connection((fronted.address, 25), 20, source_address=('127.0.9.9', 0)) for _ in range(12)]
    greetings = [s.recv(200)[:3] for s in socks]
    assert greetings.count(b'220') == 5 and greetings.count(b'421') == 7
    for s in socks:
        s.close()
    time.sleep(0.5)
    with socket.create_connection((fronted.address, 25), 20, source_address=('127.0.9.9', 0)) as sock:
        assert sock.recv(200).startswith(b'220')


def test_limits_are_true_after_a_process_died(fronted):
    socks = [socket.create_connection((fronted.address, 25), 20, source_address=('127.0.9.10', 0)) for _ in range(5)]
    assert [s.recv(200)[:3] for s in socks] == [b'220'] * 5
    for name, pid in fronted.pids().items():
        if name.startswith('smtpin'):
            signal_process(pid, 9)
    for s in socks:
        s.close()
    assert fronted.lab.wait_for(lambda: sum(n.startswith('smtpin') for n in fronted.pids()) == 2, 10)
    time.sleep(1)
    socks = [socket.create_connection((fronted.address, 25), 20, source_address=('127.0.9.10', 0)) for _ in range(5)]
    assert [s.recv(200)[:3] for s in socks] == [b'220'] * 5
    for s in socks:
        s.close()


def test_rejected_commands_are_answered_late(fronted):
    def times(source):
        with socket.create_connection((fronted.address, 25), 20, source_address=(source, 0)) as sock:
            stream, out = sock.makefile('rb'), []
            read_reply(stream)
            for _ in range(3):
                began = time.time()
                sock.sendall(b'WRONG\r\n')
                assert read_reply(stream).startswith(b'500')
                out.append(time.time() - began)
            return out
    first, second, third = times(OUTSIDE)
    assert first > 0.25 and second > 0.55 and third > 1.1
    assert max(times(INSIDE)) < 0.25


# --- ways inside and out -----------------------------------------------------------------------------------------

def test_lmtp(gateway):
    gateway.restart(deliver_to='mx.lmtp.test', deliver='protocol lmtp;')
    client = gateway.smtp()
    client.mail('nurse@inside.test')
    for rcpt in ('one@inside.test', 'full@inside.test', 'two@inside.test'):
        assert client.rcpt(rcpt)[0] == 250
    number = client.data('Subject: by lmtp\r\n\r\nhi\r\n')[1].decode().split()[-1]
    client.quit()
    gateway.wait_state(number, 'delivered')
    assert gateway.state(number, 1)['state'] == 'waiting' and '452' in str(gateway.state(number, 1))
    assert gateway.state(number, 2)['state'] == 'delivered'
    assert [m['rcpts'] for m in gateway.lab.received('host-mx.lmtp.test') if 'by lmtp' in m.get('data', '')][0] == ['one@inside.test', 'full@inside.test', 'two@inside.test']


def test_smart_host_that_refuses_mechanisms(gateway):
    """RFC 4954 4 (504) and 6 (534): announced, and refused for this user; another one is tried in the same session."""
    lab = gateway.lab
    with open(lab.path('relay-password'), 'w') as out:
        out.write('secret\n')
    gateway.restart(top=f'relay mx.smartodd.test {{ tls cert; user login@inside.test; password-file {lab.path("relay-password")}; }}\n')
    gateway.wait_state(gateway.send('x@elsewhere.test'), 'delivered')
    seen = [(r['event'], r.get('mechanism')) for r in lab.received('host-mx.smartodd.test') if r['event'] in ('login', 'login-refused', 'mechanism-refused')]
    assert seen == [('mechanism-refused', 'SCRAM-SHA-256-PLUS'), ('mechanism-refused', 'SCRAM-SHA-256'), ('login', None)], seen


def test_smart_host_that_wants_a_login_nobody_set(gateway):
    """Billionmail/BillionMail#156; RFC 4954 6: 530 at MAIL from our own smart host is the administrator's matter: the mail waits, an alarm."""
    lab = gateway.lab
    gateway.restart(top='relay mx.smarthost.test { tls cert; }\n')
    number = gateway.send('x@elsewhere.test', subject='no login')
    found = gateway.wait_reason(number, 'login-refused')
    assert found['state'] == 'waiting' and '4.7.8' in str(found) and '530 5.7.0 log in' in str(found), found
    mine = lambda: [a for a in lab.postern('domains', 'alarms', json_out=True) if a['kind'] == 'relay-login']
    assert [('relay mx.smarthost.test: 530 5.7.0 log in' in a['detail']) for a in mine()] == [True], mine()
    with open(lab.path('relay-password'), 'w') as out:
        out.write('secret\n')
    gateway.restart(top=f'relay mx.smarthost.test {{ tls cert; user login@inside.test; password-file {lab.path("relay-password")}; }}\n')
    gateway.wait_state(gateway.send('x@elsewhere.test', subject='with a login'), 'delivered')
    assert lab.wait_for(lambda: not mine(), 5), mine()


def test_relay_and_deliver_to_are_refused_both(gateway):
    """Our own review: one alarm for two hops hid the second. Each has its own, and ends with the first mail taken there."""
    lab = gateway.lab
    gateway.restart(top='relay mx.smarthost.test { tls cert; }\n', deliver_to='mx.smarthost.test')
    sent = [gateway.send('x@elsewhere.test'), gateway.send('x@inside.test')]
    for number in sent:
        gateway.wait_reason(number, 'login-refused')
    mine = lambda: {a['kind']: a['detail'].split(':')[0] for a in lab.postern('domains', 'alarms', json_out=True) if a['kind'].endswith('-login')}
    assert mine() == {'relay-login': 'relay mx.smarthost.test', 'deliver-to-login': 'deliver-to mx.smarthost.test'}
    gateway.restart(top='relay mx.smarthost.test { tls cert; }\n')
    gateway.wait_state(gateway.send('x@inside.test'), 'delivered')
    assert lab.wait_for(lambda: list(mine()) == ['relay-login'], 5), mine()
    gateway.restart()
    assert lab.wait_for(lambda: not mine(), 15), mine()  # that hop is no longer one of ours


def test_next_hop_that_leads_nowhere(gateway):
    """foxcpp/maddy#845; Postfix's "relayhost configuration problem": a slip of ours bounces nobody's mail. It waits, with an alarm."""
    lab = gateway.lab
    gateway.restart(top='relay smrat.good.test { tls cert; }\n', deliver_to='exchnage.inside.test')
    sent = [gateway.send('x@elsewhere.test'), gateway.send('x@inside.test')]
    for number in sent:
        found = gateway.wait_reason(number, 'next-hop')
        assert found['state'] == 'waiting' and '4.3.5' in str(found), found
    lost = lambda: {a['kind'] for a in lab.postern('domains', 'alarms', json_out=True) if a['kind'].endswith('-lost')}
    assert lost() == {'relay-lost', 'deliver-to-lost'}
    doctor = lab.postern('doctor').stdout
    assert re.search(r'^look +alarm +relay-lost, since 20', doctor, re.M) and ' deliver-to-lost, since' in doctor, doctor
    gateway.restart()
    lab.postern('queue', 'retry', 'all')
    gateway.wait_state(sent[1], 'delivered')
    assert lab.wait_for(lambda: not lost(), 15), lost()


def test_smart_host_with_login(gateway):
    lab = gateway.lab
    before = len(lab.received('host-mx.smarthost.test'))
    with open(lab.path('relay-password'), 'w') as out:
        out.write('secret\n')
    gateway.restart(top=f'relay mx.smarthost.test {{ tls cert; user login@inside.test; password-file {lab.path("relay-password")}; }}\n')
    number = gateway.send('x@elsewhere.test', subject='through the smart host')
    gateway.wait_state(number, 'delivered')
    seen = lab.received('host-mx.smarthost.test')[before:]
    assert [r for r in seen if r['event'] == 'login' and r['tls']] and not [r for r in seen if r['event'] == 'mail-without-login']
    with open(lab.path('relay-password'), 'w') as out:
        out.write('wrong\n')
    lab.stop_gateway()
    lab.start_gateway(open(lab.path('postern.conf')).read())
    number = gateway.send('x@elsewhere.test', subject='not through')
    assert gateway.wait_reason(number, 'login-refused')['state'] == 'waiting'
