"""What a server announces and does not keep: nobody's mail is forged, lost or returned for it."""
import email
import socket

import pytest
from conftest import INSIDE, read_reply

FORGED = 'RSET\r\nMAIL FROM:<boss@inside.test>\r\nRCPT TO:<clerk@unread.test>\r\nDATA\r\nSubject: pay this\r\n\r\nnow\r\n..\r\n'


def talk(gateway, *lines):
    with socket.create_connection((gateway.address, 25), 20, source_address=(INSIDE, 0)) as sock:
        stream, replies = sock.makefile('rb'), []
        read_reply(stream)
        for line in lines:
            sock.sendall(line)
            replies.append(read_reply(stream).decode())
        return replies


def test_no_body_for_nobody(gateway):
    """A server that refuses BDAT does not read the chunk (emersion/go-smtp#315): lines of a body must not become commands."""
    number = gateway.send('nobody@unread.test', body=FORGED)
    assert gateway.wait_state(number, 'returned')['status'] == '5.1.1'
    number = gateway.send(['nobody@unread.test', 'clerk@unread.test'], body=FORGED)
    gateway.wait_state(number, 'delivered', rcpt=1)
    senders = [m['sender'] for m in gateway.lab.messages('host-mx.unread.test')]
    assert senders == ['nurse@inside.test'], senders
    binary = b'Subject: binary\r\n\r\n\x00RSET\r\n'
    talk(gateway, b'EHLO c\r\n', b'MAIL FROM:<nurse@inside.test> BODY=BINARYMIME\r\n', b'RCPT TO:<clerk@unread.test>\r\n',
         b'BDAT %d LAST\r\n' % len(binary) + binary)
    assert gateway.lab.wait_for(lambda: quirks(gateway, 'mx.unread.test') == ['chunking'])


def quirks(gateway, host):
    return [x['without'] for x in gateway.lab.postern('domains', 'quirks', json_out=True) if x['host'] == host]


def send_with(gateway, rcpt, mail_words='', rcpt_words='', body='hello', subject='words'):
    out = talk(gateway, b'EHLO c\r\n', f'MAIL FROM:<nurse@inside.test> {mail_words}\r\n'.encode(), f'RCPT TO:<{rcpt}> {rcpt_words}\r\n'.encode(),
               b'DATA\r\n', f'Subject: {subject}\r\n\r\n{body}\r\n.\r\n'.encode('utf-8'))
    assert [r[:3] for r in out] == ['250', '250', '250', '354', '250'], out
    return out[-1].split()[-1]


@pytest.mark.parametrize('domain,quirk,words', [('nodsn.test', 'dsn', ('RET=HDRS ENVID=QQ', '')), ('nodsn.test', 'dsn', ('', 'NOTIFY=SUCCESS')),
                                                ('nosize.test', 'size', ('', '')), ('no8bit.test', '8bitmime', ('BODY=8BITMIME', '', 'grüße'))])
def test_refused_parameters(gateway, domain, quirk, words):
    """Announced, and answered 501 or 555: left out in the same session (OpenSMTPD/OpenSMTPD#499, axllent/mailpit#407)."""
    host = 'mx.' + domain
    refused = lambda: len([m for m in gateway.lab.received('host-' + host) if m['event'] == 'parameter-refused'])
    gateway.wait_state(send_with(gateway, 'x@' + domain, *words), 'delivered')
    assert gateway.lab.wait_for(lambda: quirks(gateway, host) == [quirk])
    before = refused()
    gateway.restart()  # it is remembered
    number = send_with(gateway, 'x@' + domain, *words)
    gateway.wait_state(number, 'delivered')
    assert refused() == before
    assert f'without {quirk}' in gateway.lab.report(number)['attempts'][-1]['detail']
    assert quirk in str(gateway.lab.postern('domains', 'show', domain, json_out=True)['quirks'])
    assert f'without {quirk}' in gateway.lab.postern('probe', '--quick', domain).stdout
    assert gateway.lab.postern('domains', 'forget-quirks', host).returncode == 0
    assert quirks(gateway, host) == []
    gateway.restart()  # kept connections go


def is_encoded(text):
    """RFC 6152 3: who does not offer 8BITMIME gets no octet above 127; RFC 2045 6: the words are the same."""
    body = email.message_from_string(text).get_payload(decode=True)
    return text.isascii() and body.decode('utf-8').strip() == 'grüße'


def test_eight_bits_are_encoded_where_they_are_refused(gateway):
    send = send_with(gateway, 'encoded@no8bit.test', 'BODY=8BITMIME', body='grüße')
    gateway.wait_state(send, 'delivered')
    assert is_encoded(gateway.lab.messages('host-mx.no8bit.test')[-1]['data'])


def test_smtputf8_announced_and_refused(gateway):
    """RFC 6531 3.5: a header section that needs it cannot go on without; what needs nothing goes through. Nobody waits days for it."""
    number = send_with(gateway, 'x@noutf8.test', 'SMTPUTF8', subject='grüße')
    found = gateway.wait_state(number, 'returned')
    assert (found['reason'], found['status'][0]) == ('no-utf8', '5'), found
    assert found['detail'].startswith('the server announced SMTPUTF8 and then refused it'), found
    gateway.wait_state(send_with(gateway, 'x@noutf8.test'), 'delivered')
    taken = [m for m in gateway.lab.messages('host-mx.noutf8.test') if m['data']]  # an empty one ends a refused group (RFC 2920 3.1)
    assert len(taken) == 1, taken
    assert gateway.lab.wait_for(lambda: quirks(gateway, 'mx.noutf8.test') == ['smtputf8'])


@pytest.fixture(scope='module')
def short_times(gateway):
    """One restart for all that follows: the machine may be slow."""
    gateway.restart(first_retry='3s', delivery='mail-time 3s; rcpt-time 3s;', top='administrator admin@inside.test; monitor { probe no; ehlo-patience 2s; }', extra='partner "slow" { domains onebyone2.test; avoid pipelining; }\n'
                    'partner "old" { domains good.test; avoid smtputf8 8bitmime; }\n'
                    'partner "strict" { domains ehlocloses2.test; outbound require encrypt; }\n')
    return gateway


def test_one_command_at_a_time(short_times):
    """Field R15: a firewall announces PIPELINING and reads one command at a time: a new connection, without, and remembered."""
    gateway = short_times
    gateway.wait_state(gateway.send('x@onebyone.test'), 'delivered', 40)
    assert quirks(gateway, 'mx.onebyone.test') == ['pipelining']
    number = gateway.send('y@onebyone.test')
    gateway.wait_state(number, 'delivered')
    assert len(gateway.lab.report(number)['attempts']) == 1


def test_avoid_is_set(short_times):
    """Known beforehand: nothing needs to be found out (Postfix smtp_discard_ehlo_keywords)."""
    gateway = short_times
    number = gateway.send('x@onebyone2.test')
    gateway.wait_state(number, 'delivered', 40)
    assert quirks(gateway, 'mx.onebyone2.test') == []
    assert 'without pipelining' in gateway.lab.report(number)['attempts'][-1]['detail']


def test_avoid_smtputf8_and_8bitmime(short_times):
    """The server offers both; the configuration says that they are not to be used there."""
    gateway = short_times
    number = send_with(gateway, 'x@good.test', 'BODY=8BITMIME', body='grüße')
    gateway.wait_state(number, 'delivered', 40)
    last = gateway.lab.messages('good.test')[-1]
    assert is_encoded(last['data']), last
    assert not [p for p in last['parameters'] if p.startswith('BODY=8') or p == 'SMTPUTF8'], last
    detail = gateway.lab.report(number)['attempts'][-1]['detail']
    assert '8bitmime' in detail and 'smtputf8' in detail, detail
    number = send_with(gateway, 'x@good.test', 'SMTPUTF8', subject='grüße')
    found = gateway.wait_state(number, 'returned', 40)
    assert found['reason'] == 'no-utf8' and found['detail'].startswith('the configuration does without SMTPUTF8'), found  # not the server's fault
    assert quirks(gateway, 'mx.good.test') == []


def test_helo_where_nothing_demands_tls(short_times):
    """Field R18: EHLO makes the server close: HELO on a new connection, when a second look finds the same; not where TLS is demanded."""
    gateway = short_times
    number = gateway.send('x@ehlocloses.test')
    gateway.wait_state(number, 'delivered', 40)
    reasons = [a['reason'] for a in gateway.lab.report(number)['attempts']]
    assert 'look-incomplete' in reasons and reasons[-1] == 'sent-plain', reasons
    assert 'without ehlo' in gateway.lab.report(number)['attempts'][-1]['detail']
    assert 'accepted HELO but not EHLO' in gateway.lab.postern('domains', 'show', 'ehlocloses.test').stdout
    number = gateway.send('y@ehlocloses.test')  # the next one need not wait
    gateway.wait_state(number, 'delivered')
    assert 'look-incomplete' not in [a['reason'] for a in gateway.lab.report(number)['attempts']]
    found = gateway.lab.postern('probe', '--quick', 'ehlocloses2.test').stdout
    assert 'closed the connection when EHLO was said' in found, found
    number = gateway.send('secret@ehlocloses2.test')
    assert gateway.wait_reason(number, 'broken-session')['state'] == 'waiting'
    assert 'EHLO' in gateway.state(number)['detail']
    assert not gateway.lab.messages('host-mx.ehlocloses2.test')
    gateway.lab.postern('queue', 'delete', number)


def test_replies_that_end_in_lf(gateway):
    """Field R18: replies that end with a bare LF are read, and `probe` says so."""
    gateway.wait_state(gateway.send('x@barelf.test'), 'delivered', 40)
    assert 'LF alone' in gateway.lab.postern('probe', '--quick', 'barelf.test').stdout
