"""What becomes of mail to good and broken servers; what the servers themselves saw."""
import contextlib
import email
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time

import pytest
from conftest import INSIDE, OUTSIDE, client_context

DELIVERED = ['postfix.test', 'exim.test', 'good.test', 'unsigned.test', 'implicit.test', 'backup.test', 'slow.test', 'v6.test', 'dual.test']
HELD = [('plain.test', 'no-starttls', '4.7.4'), ('garbled.test', 'tls-failed', '4.7.5'), ('refuse.test', 'tls-refused', '4.7.5'),
        ('expired.test', 'grade-too-low', '4.7.5'), ('wrongname.test', 'grade-too-low', '4.7.5'), ('tls10.test', 'tls-failed', '4.7.5'),
        ('inject.test', 'bad-smtp', '4.5.0'), ('bogus.test', 'mx-lookup', '4.4.3'), ('dead.test', 'connect', '4.4.1'),
        ('tempfail.test', 'rejected', '4.2.0'), ('drop.test', 'broken-session', '4.4.2')]
RETURNED = [('reject.test', 'rejected', '5.1.1'), ('null.test', 'null-mx', '5.1.10'), ('nosuch.test', 'no-domain', '5.1.2'), ('loop.test', 'loop', '5.4.6'), ('loopaddress.test', 'loop', '5.4.6')]


@pytest.mark.parametrize('domain', DELIVERED)
def test_delivered_over_verified_tls(gateway, domain):
    found = gateway.wait_state(gateway.send('x@' + domain, body='y' * 400), 'delivered', 30)
    assert found['reason'] == 'sent'


@pytest.mark.parametrize('domain,reason,code', HELD)
def test_held_back(gateway, domain, reason, code):
    message_id = gateway.send('x@' + domain, body='z' * 400)
    found = gateway.wait_reason(message_id, reason)
    assert found['state'] == 'waiting' and found['status'] == code
    assert gateway.when_free(lambda: gateway.lab.postern('queue', 'delete', message_id)).returncode == 0


# RFC 5321 3.6.3 MUST: undeliverable mail comes back to its sender
# RFC 5321 3.6.3 MUST: a notice has the null reverse-path
# RFC 5321 4.1.1.4 MUST: what fails after the 250 is told by mail
# RFC 5321 4.4 MUST: failures go to the reverse-path
# RFC 5321 4.5.5 MUST: notices have the null reverse-path
# RFC 5321 6.1 MUST: a notice goes to the reverse-path, with a null one of its own
# RFC 3461 6.1 MUST: notices have the null reverse-path
@pytest.mark.parametrize('domain,reason,code', RETURNED)
def test_returned_with_a_bounce(gateway, domain, reason, code):
    message_id = gateway.send('x@' + domain, sender=f'{domain}@inside.test')
    found = gateway.wait_state(message_id, 'returned')
    assert (found['reason'], found['status']) == (reason, code)
    notices = gateway.lab.wait_for(lambda: [m for m in gateway.lab.messages('inside.test') if m['rcpts'] == [f'{domain}@inside.test']])
    assert len(notices) == 1 and notices[0]['sender'] == ''
    notice = email.message_from_string(notices[0]['data'])
    assert notice.get_content_type() == 'multipart/report' and notice.get_param('report-type') == 'delivery-status'
    words, fields, headers = notice.get_payload()
    assert fields.get_content_type() == 'message/delivery-status'
    assert fields.get_payload()[1]['Status'] == code and fields.get_payload()[1]['Action'] == 'failed'
    assert fields.get_payload()[1]['Final-Recipient'] == f'rfc822;x@{domain}'
    assert 'Subject: test' in headers.get_payload() and 'hello' not in notices[0]['data'].split('rfc822-headers')[1]
    assert gateway.lab.wait_for(lambda: gateway.state(message_id)['sender-told'])


# RFC 5321 4.4 SHOULD: one notice lists all that failed together
def test_a_bounce_about_very_many_recipients(gateway):
    """The other side chooses how long its refusals are: the notices must still fit, and name everyone."""
    pids = gateway.pids()
    rcpts = [f'long{i:03}{"x" * 50}@reject.test' for i in range(150)]
    message_id = gateway.send(rcpts, sender='many@inside.test')
    told = lambda: all(r['sender-told'] for r in gateway.lab.report(message_id)['recipients'])
    assert gateway.lab.wait_for(told, 40, 0.3), gateway.lab.log()[-3000:]
    gateway.lab.wait_for(lambda: len([m for m in gateway.lab.messages('inside.test') if m['rcpts'] == ['many@inside.test']]) >= 13)
    notices = [m['data'] for m in gateway.lab.messages('inside.test') if m['rcpts'] == ['many@inside.test']]
    assert all(sum(f'rfc822;{r}' in n for n in notices) == 1 for r in rcpts)
    assert gateway.pids() == pids


# RFC 5321 3.6.3 MUST NOT: no notice about a notice
# RFC 5321 4.5.5 SHOULD NOT: the null reverse-path stays null
# RFC 5321 6.1 MUST NOT: the null reverse-path gets no notice
# RFC 3461 6.1 MUST NOT: no notice to the null reverse-path
def test_no_bounce_for_the_null_reverse_path(gateway):
    before = len([m for m in gateway.lab.messages('inside.test') if m['sender'] == ''])
    message_id = gateway.send('x@reject.test', sender='')
    gateway.wait_state(message_id, 'returned')
    time.sleep(1)
    assert len([m for m in gateway.lab.messages('inside.test') if m['sender'] == '']) == before


def test_never_in_clear_where_tls_was_offered(gateway):
    """The servers' own word, after all the tests above."""
    for domain in ('garbled.test', 'refuse.test', 'tls10.test', 'inject.test', 'good.test', 'expired.test', 'wrongname.test'):
        for m in gateway.lab.received(domain):
            assert m['event'] != 'plaintext-after-garble', domain
            assert m['event'] != 'message' or m['tls'], domain
    for domain in ('expired.test', 'wrongname.test', 'plain.test'):
        assert not [m for m in gateway.lab.received(domain) if m['event'] == 'message'], domain
    for which in ('postfix', 'exim'):
        text = ''.join(gateway.lab.wait_for(lambda: gateway.lab.mailbox(which)))
        assert re.search('TLSv?1.3', text)


# RFC 5321 3.7.2 MUST: a Received field is put before the message
# RFC 5321 4.4 MUST: each message gets a Received field at its beginning
def test_body_arrives_octet_for_octet(gateway):
    body = '.leading dot\r\n..two\r\n' + ''.join(chr(32 + i % 90) * 70 + '\r\n' for i in range(15000))  # about 1 MB: a spool file
    message_id = gateway.send('big@good.test', body=body)
    gateway.wait_state(message_id, 'delivered')
    got = [m for m in gateway.lab.messages('good.test') if m['rcpts'] == ['big@good.test']][-1]['data']
    assert got.split('\r\n\r\n', 1)[1] == body + '\r\n'
    assert got.startswith('Received: from client.test ([127.0.3.1])\r\n\t(using TLSv1.3 with cipher ')


def test_a_spool_file_used_again(gateway):
    """A shorter body in the file of a longer one: nothing of the old one follows."""
    for size in (24000, 3000, 9000, 2500):
        body = ''.join(f'{size} {i:07d}' + 'x' * 60 + '\r\n' for i in range(size))
        message_id = gateway.send(f'again{size}@good.test', body=body)
        gateway.wait_state(message_id, 'delivered')
        got = [m for m in gateway.lab.messages('good.test') if m['rcpts'] == [f'again{size}@good.test']][-1]['data']
        assert got.split('\r\n\r\n', 1)[1] == body + '\r\n'
        gateway.lab.wait_for(lambda: any(name.startswith('.spare-') for name in os.listdir(gateway.lab.path('store', 'spool'))), 5)
        assert [name for name in os.listdir(gateway.lab.path('store', 'spool')) if name.startswith('.spare-')]


def test_opensmtpd_without_tls(gateway):
    """A real server that offers no encryption, and nothing demands it: in clear, and the report says so."""
    body = '.dots\r\n..and more\r\n' + 'z' * 900
    message_id = gateway.send('box@opensmtpd.test', body=body)
    assert gateway.wait_state(message_id, 'delivered')['reason'] == 'sent-plain'
    text = ''.join(gateway.lab.wait_for(lambda: gateway.lab.mailbox('opensmtpd')))
    assert body.replace('\r\n', '\n') in text
    words = gateway.lab.postern('message', message_id).stdout
    assert 'Sent securely: NO; not encrypted' in words, words


# RFC 5321 4.4 MUST: FOR names at most one path
# RFC 5321 4.5.4.1 SHOULD: one copy for all recipients of a server
# RFC 5321 7.2 SHOULD NOT: the list of recipients is not copied into the message
def test_several_recipients_one_copy(gateway):
    message_id = gateway.send(['a1@good.test', 'a2@good.test', 'a3@inside.test'])
    for i in range(3):
        gateway.wait_state(message_id, 'delivered', rcpt=i)
    copies = [m for m in gateway.lab.messages('good.test') if 'a1@good.test' in m['rcpts']]
    assert len(copies) == 1 and copies[0]['rcpts'] == ['a1@good.test', 'a2@good.test']
    assert '\tfor <' not in copies[0]['data']  # RFC 5321 4.4: none when there are several


def test_report_has_the_facts(gateway):
    message_id = gateway.send('facts@postfix.test')
    gateway.wait_state(message_id, 'delivered')
    attempt = gateway.lab.report(message_id)['attempts'][-1]
    assert attempt['tls-version'] == 'TLSv1.3' and attempt['bits'] == 256 and attempt['grade'] == 'auth'
    assert attempt['certificate-subject'] == 'CN=mx.postfix.test' and len(attempt['certificate-sha256']) == 64
    words = gateway.lab.postern('message', message_id).stdout
    assert 'Sent securely: yes' in words and 'mx.postfix.test' in words


@pytest.mark.parametrize('peer,address', [('postfix', '127.0.1.1'), ('exim', '127.0.1.2'), ('opensmtpd', '127.0.1.23')])
def test_mail_from_real_servers(gateway, peer, address):
    """Postfix and OpenSMTPD (OpenSSL), Exim (GnuTLS) as clients: over TLS into the inside."""
    rcpt = f'from-{peer}@inside.test'
    import smtplib
    with smtplib.SMTP(address, 25, source_address=('127.0.2.9', 0), timeout=30) as client:
        client.sendmail(f'someone@{peer}.test', [rcpt], f'Subject: from {peer}\r\n\r\nhello\r\n')
    got = gateway.lab.wait_for(lambda: [m for m in gateway.lab.messages('inside.test') if m['rcpts'] == [rcpt]], 30)
    assert got and 'with ESMTPS tls TLS_AES_256_GCM_SHA384' in got[0]['data'], gateway.lab.log()[-2000:]


def test_swaks(gateway):
    out = subprocess.run(['perl', gateway.lab.root + '/usr/bin/swaks', '--server', gateway.address, '--local-interface', INSIDE, '--from', 'a@inside.test', '--to', 'swaks@good.test',
                          '-tls', '--body', 'hello'], capture_output=True, text=True, timeout=30)
    assert out.returncode == 0, out.stdout + out.stderr
    assert '250 2.0.0 Accepted and stored as' in out.stdout


def test_queue_commands(gateway):
    queue = lambda *words: gateway.lab.postern('queue', *words)
    message_id = gateway.send('x@tempfail.test')
    gateway.wait_reason(message_id, 'rejected')
    assert queue('hold', message_id).returncode == 0
    assert gateway.state(message_id)['state'] == 'held'
    assert queue('release', message_id).returncode == 0
    gateway.lab.wait_for(lambda: gateway.state(message_id)['attempts'] >= 2)
    assert gateway.state(message_id)['attempts'] >= 2
    assert message_id in queue('list').stdout
    assert queue('retry', message_id).returncode == 0
    assert queue('delete', message_id).returncode == 0
    assert gateway.state(message_id)['state'] == 'deleted'
    assert queue('delete', message_id).returncode in (0, 1)
    assert queue('show', 'nonsense').returncode == 1
    assert queue('frobnicate').returncode == 64


@pytest.mark.parametrize('words,sender', [(('--client', OUTSIDE), 'a@b.test'), ((), 'nurse@insde.test'), (('--client', OUTSIDE), 'nurse@inside.test'), (('--client', OUTSIDE), '')])
def test_explain_says_what_rcpt_says(gateway, words, sender):
    """A first try by a new user: a client from outside, a recipient who is not ours (RFC 5321 7.9): refused, in the words of RCPT."""
    client = gateway.smtp(OUTSIDE)
    client.mail(sender)
    code, text = client.rcpt('x@good.test')
    assert code == 550
    client.quit()
    done = gateway.lab.postern('explain', *words, sender, 'x@good.test')
    assert done.returncode == 1 and f'Refused at RCPT: 550 {text.decode()}\n' in done.stdout and 'it is sent' not in done.stdout, done
    assert gateway.lab.postern('explain', *words, sender, 'x@good.test', json_out=True)['refused'] == f'550 {text.decode()}'
    assert gateway.lab.postern('explain', *words, sender, 'nurse@inside.test').returncode == 0


def explained(gateway, *words):
    return gateway.lab.postern('explain', *words, json_out=True)


@pytest.mark.parametrize('sender,rcpt,at,code', [
    ('nurse@inside.test', 'x@a\u200db.test', 'RCPT', '553 5.1.2 '),  # RFC 5892 A.1: ZWJ out of place
    ('x@a\u200db.test', 'nurse@inside.test', 'MAIL', '553 5.1.8 '),
    ('nurse@inside.test', 'x' * 65 + '@good.test', None, None)])  # RFC 5321 4.5.3.1.1: taken longer, too (Postel)
def test_explain_says_what_forms_say(gateway, sender, rcpt, at, code):
    """MAIL and RCPT are asked of the engine that smtpin runs."""
    client = gateway.smtp()
    client.command_encoding = 'utf-8'
    answers = {'MAIL': client.docmd(f'MAIL FROM:<{sender}> SMTPUTF8'), 'RCPT': client.docmd(f'RCPT TO:<{rcpt}>')}
    client.close()
    said = explained(gateway, sender, rcpt)
    if at is None:
        assert all(a[0] == 250 for a in answers.values()) and 'refused' not in said, (answers, said)
        return
    real = f'{answers[at][0]} {answers[at][1].decode()}'
    assert real.startswith(code) and (said['refused-at'], said['refused']) == (at, real), (said, answers)
    words = gateway.lab.postern('explain', sender, rcpt)
    assert words.returncode == 1 and f'  Refused at {at}: {real}\n' in words.stdout


def test_explain_says_that_a_message_is_too_large(gateway, tmp_path):
    """RFC 1870 6.1: 552 at MAIL, by the size of the message that is shown to it."""
    gateway.restart(limits='message 64K;')
    (tmp_path / 'large').write_text('Subject: x\r\n\r\n' + 'words\r\n' * 12000)
    (tmp_path / 'small').write_text('Subject: x\r\n\r\nwords\r\n')
    client = gateway.smtp()
    code, text = client.mail('nurse@inside.test', [f'SIZE={os.path.getsize(tmp_path / "large")}'])
    client.close()
    said = explained(gateway, 'nurse@inside.test', 'x@good.test', str(tmp_path / 'large'))
    assert code == 552 and (said['refused-at'], said['refused']) == ('MAIL', f'552 {text.decode()}'), said
    assert 'refused' not in explained(gateway, 'nurse@inside.test', 'x@good.test', str(tmp_path / 'small'))
    gateway.restart()


def test_explain_is_the_same_decision(gateway):
    told = gateway.lab.postern('explain', 'nurse@inside.test', 'x@expired.test', json_out=True)
    outcome = {o['session']: o for o in told['hosts'][0]['outcomes']}
    silent = [o for o in gateway.lab.postern('explain', 'nurse@inside.test', 'x@nocrypt.test', json_out=True)['hosts'][0]['outcomes'] if not o['all-servers-asked']]
    assert [(o['session'], o['action'], o['reason']) for o in silent] == [('noadv', 'defer', 'look-incomplete')]
    assert told['rule'] == 'Bank' and told['force'] == 'cert'
    assert outcome['pkix_bad']['reason'] == 'grade-too-low' and outcome['pkix_ok']['action'] == 'send'
    assert 'accepts no mail' in gateway.lab.postern('explain', 'a@inside.test', 'x@null.test').stdout
    assert 'could not be looked up' in gateway.lab.postern('explain', 'a@inside.test', 'x@bogus.test').stdout


def test_server_side_tls(gateway):
    with gateway.smtp(OUTSIDE, tls=False) as client:
        client.ehlo()
        assert client.has_extn('starttls')
        client.starttls(context=client_context(gateway.lab, check_hostname=False))
        client.ehlo()
        assert not client.has_extn('starttls')
        assert client.sock.version() == 'TLSv1.3'
    context = client_context(gateway.lab, check_hostname=False)
    context.set_ciphers('ALL:@SECLEVEL=0')
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, OSError)):
        client = gateway.smtp(OUTSIDE, tls=False)
        client.starttls(context=context)


def test_large_messages_one_after_the_other(gateway):
    """Each waits for its spool file while it streams in: the session must read on afterwards."""
    with gateway.smtp(tls=False) as client:
        for i in range(8):
            client.mail('nurse@inside.test')
            client.rcpt(f'large{i}@good.test')
            assert client.data('Subject: large\r\n\r\n' + ('z' * 70 + '\r\n') * 30000)[0] == 250
    got = lambda: [m for m in gateway.lab.messages('good.test') if m['event'] == 'message' and m['rcpts'][0].startswith('large')]
    assert len(gateway.lab.wait_for(lambda: got() if len(got()) == 8 else None, 30) or []) == 8


# RFC 5321 4.5.3.2 SHOULD: time limits are settings
def test_time_limits_of_outgoing_sessions(gateway):
    gateway.restart(delivery='greeting-time 1s;')
    message_id = gateway.send('x@silent.test')
    found = gateway.wait_reason(message_id, 'timeout')
    assert found['state'] == 'waiting' and found['status'] == '4.4.2'
    gateway.lab.postern('queue', 'delete', message_id)
    gateway.restart()


def test_no_offer_by_no_rule_goes_in_clear_and_says_so(gateway):
    message_id = gateway.send('x@nocrypt.test')
    assert gateway.wait_state(message_id, 'delivered')['reason'] == 'sent-plain'
    assert 'Sent securely: NO; not encrypted' in gateway.lab.postern('message', message_id).stdout


def test_an_offer_by_one_host_binds_the_others(gateway):
    """The better server offers TLS and fails; the backup offers none: nothing in clear to it."""
    message_id = gateway.send('mixed@mixed.test')
    found = gateway.wait_reason(message_id, 'no-starttls', 10)
    assert found['state'] == 'waiting'
    assert 'has offered encryption' in gateway.lab.postern('message', message_id).stdout
    tried = [a['reason'] for a in gateway.lab.report(message_id)['attempts']]
    assert list(dict.fromkeys(tried)) == ['tls-failed', 'no-starttls'], tried  # with ML-KEM, the first is asked again without it
    assert not [m for m in gateway.lab.messages('nocrypt.test') if m['rcpts'] == ['mixed@mixed.test']]
    gateway.lab.postern('queue', 'delete', message_id)


# RFC 3207 6 SHOULD: that a server offered TLS is remembered
def test_an_offer_that_disappears_later_is_not_forgotten(gateway):
    message_id = gateway.send('x@flip.test')
    found = gateway.wait_reason(message_id, 'no-starttls', 20)
    assert found['state'] == 'waiting' and not gateway.lab.messages('flip.test')
    gateway.lab.wait_for(lambda: gateway.state(message_id)['attempts'] >= 4, 30)
    assert not gateway.lab.messages('flip.test')
    gateway.lab.postern('queue', 'delete', message_id)


def test_deliveries_at_once_are_limited(gateway):
    gateway.restart(queue='deliveries 1;', concurrency='1')
    ids = [gateway.send(f'x{i}@{d}') for i, d in enumerate(['good.test', 'slow.test', 'inside.test', 'postfix.test', 'good.test', 'v6.test'])]
    for message_id in ids:
        gateway.wait_state(message_id, 'delivered', 30)
    gateway.restart()


def test_smart_host(gateway):
    gateway.restart(top='relay mx.good.test:25 { tls cert; }')
    message_id = gateway.send('x@anywhere.invalid')
    assert gateway.wait_state(message_id, 'delivered')['next-hop'] == '=relay'
    demands = 'the tls setting of relay or deliver-to'  # it is no rule that does
    assert demands in gateway.lab.postern('message', f'{message_id}', json_out=True)['attempts'][0]['demanded-by']
    words = gateway.lab.postern('explain', 'nurse@inside.test', 'x@anywhere.invalid').stdout
    assert f'At least "cert" is required by: {demands}' in words
    assert f'T{demands[1:]}: the connection must be at least "cert"' in words and 'Rule' not in words
    assert [m for m in gateway.lab.messages('good.test') if m['rcpts'] == ['x@anywhere.invalid']]
    waiting = gateway.send('x@inside.test')
    assert gateway.wait_state(waiting, 'delivered')['next-hop'] == '=inside'
    gateway.restart()


def test_memory_is_of_the_server_that_is_named(gateway):
    """A new deliver-to is another server: the offer of the old one does not bind it. And what is remembered can be ended."""
    lab, said = gateway.lab, lambda *words: gateway.lab.postern(*words).stdout
    gateway.restart(deliver_to='mx.flop.test', deliver_tls='none', first_retry='1s')
    waiting = gateway.send('x@inside.test')
    assert gateway.wait_reason(waiting, 'no-starttls', 20)['state'] == 'waiting'
    assert 'postern domains confirm =mx.flop.test' in said('explain', 'nurse@inside.test', 'x@inside.test')
    doctor = said('doctor')
    assert 'deliver-to memory' in doctor and 'confirm =mx.flop.test' in doctor, doctor
    assert said('domains', 'show', 'mx.flop.test') == said('domains', 'show', '=inside') != ''
    gateway.restart(deliver_to='mx.nocrypt.test', deliver_tls='none', first_retry='1s')
    assert gateway.wait_state(gateway.send('y@inside.test'), 'delivered', 20)['reason'] == 'sent-plain'
    assert gateway.wait_state(waiting, 'delivered', 20)['reason'] == 'sent-plain'
    gateway.restart(deliver_to='mx.flop.test', deliver_tls='none', first_retry='1s')
    waiting = gateway.send('z@inside.test')
    assert gateway.wait_reason(waiting, 'no-starttls', 20)['state'] == 'waiting'
    assert 'may go in clear again' in said('domains', 'confirm', '=mx.flop.test')
    assert gateway.wait_state(waiting, 'delivered', 20)['reason'] == 'sent-plain'
    assert lab.postern('domains', 'confirm', '=mx.flop.test').returncode == 1
    gateway.restart()


def takes_the_first_and_goes(peer):
    with peer:
        peer.sendall(b'220 x LMTP\r\n')
        for line in peer.makefile('rb'):
            if line[:4] == b'DATA':
                peer.sendall(b'354 go on\r\n')
            elif line == b'.\r\n':
                peer.sendall(b'250 2.0.0 first taken\r\n')
                return
            elif line[:4] in (b'LHLO', b'EHLO', b'MAIL', b'RCPT'):
                peer.sendall(b'250 ok\r\n')


def serve(listener):
    with contextlib.suppress(OSError):  # its end
        while True:
            threading.Thread(target=takes_the_first_and_goes, args=(listener.accept()[0],), daemon=True).start()


def test_lmtp_breaks_between_its_answers(gateway):
    """RFC 2033 4.2: the first recipient was taken, then the session broke: each attempt names whom it was about."""
    with socket.create_server(('127.0.8.151', 24)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        gateway.lab.stop_gateway()
        shutil.rmtree(gateway.lab.path('store'))  # the host inside offered TLS in earlier tests
        gateway.lab.start_gateway(gateway.lab.config())
        gateway.restart(deliver_to='127.0.8.151:24', deliver='protocol lmtp;', deliver_tls='none', first_retry='10m')
        message_id = gateway.send([f'{name}@inside.test' for name in ('one', 'two', 'three')])
        gateway.wait_state(message_id, 'delivered')
        report = gateway.lab.wait_for(lambda: (lambda r: r if len(r['attempts']) == 2 else None)(gateway.lab.report(message_id)))
        assert report, gateway.lab.report(message_id)
    names = {str(r['number']): r['forward-path'].split('@')[0] for r in report['recipients']}
    told = [(a['action'], a['reason'], [names[n] for n in a['recipients'].split(',')]) for a in report['attempts']]
    assert told == [('send', 'sent-plain', ['one']), ('defer', 'broken-session', ['two', 'three'])], told
    words = gateway.lab.postern('message', message_id).stdout
    assert '\n     for one@inside.test\n' in words and '\n     for two@inside.test, three@inside.test\n' in words, words
    gateway.restart()


def test_json_log(gateway):
    import json
    before = len(gateway.lab.log())
    gateway.restart(log='format json;')
    gateway.wait_state(gateway.send('x@good.test'), 'delivered')
    lines = [json.loads(line) for line in gateway.lab.log()[before:].splitlines() if line.startswith('{')]
    assert {'accepted', 'delivered', 'process-ready'} <= {line['event'] for line in lines}
    sent = [line for line in lines if line['event'] == 'delivered'][-1]
    assert sent['tls'] == 'TLSv1.3' and sent['grade'] == 'auth' and sent['bits'] == 256
    gateway.restart()
