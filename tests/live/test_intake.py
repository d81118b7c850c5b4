"""What the server takes: addresses and header sections longer than the least of RFC 5321, clients that close their half of the
connection, old devices; and that one message stays one, whatever stands in it."""
import socket
import ssl
import time

import pytest
from conftest import INSIDE, client_context, read_reply

DEVICE = '127.0.3.7'  # lies in the inside networks, and is one of the devices


@pytest.fixture(scope='module')
def intake(gateway):
    text = gateway.lab.config(limits='command-time 20s;').replace('networks 127.0.3.0/24;', f'networks 127.0.3.0/24; devices {DEVICE};')
    gateway.lab.stop_gateway()
    gateway.lab.start_gateway(text)
    yield gateway


def connect(gateway, source=INSIDE, port=25):
    sock = socket.create_connection((gateway.address, port), 20, source_address=(source, 0))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def talk(gateway, *lines, source=INSIDE):
    """Sends each line (or octets) after the answer to the one before; returns all replies but the greeting."""
    with connect(gateway, source) as sock:
        stream, replies = sock.makefile('rb'), []
        read_reply(stream)
        for line in lines:
            sock.sendall(line)
            replies.append(read_reply(stream).decode())
        return replies


def replies_until_end(stream):
    """All replies until the server closes."""
    found = []
    while True:
        reply = read_reply(stream)
        if not reply:
            return found
        found.append(reply.decode())


# --- addresses and header sections -------------------------------------------------------------------------

@pytest.mark.parametrize('sender,rcpt,passed_on', [
    # VERP, SRS, BATV: aio-libs/aiosmtpd#257, roehling/postsrsd#108
    ('bounces+' + 'v' * 116 + '@inside.test', 'SRS0=' + 's' * 65 + '@good.test', None),
    ('n' * 300 + '@inside.test', 'r' * 800 + '@good.test', None),
    # KumoCorp/kumomta#77, jstedfast/MimeKit#1092
    ('a..b@inside.test', 'a..b@good.test', None), ('ab.@inside.test', 'ab.@good.test', None), ('.ab@inside.test', '.ab@good.test', None),
    ('nurse@inside.test', 'dot@good.test.', 'dot@good.test'),
], ids=['verp', 'very-long', 'two-dots', 'last-dot', 'first-dot', 'final-dot'])
# RFC 5321 4.1.2 SHOULD: local parts are sent as they were written
def test_addresses_are_passed_on_as_they_are(intake, sender, rcpt, passed_on):
    message_id = intake.send(rcpt, sender=sender)
    intake.wait_state(message_id, 'delivered')
    mail = intake.lab.messages('good.test')[-1]
    assert (mail['sender'], mail['rcpts']) == (sender, [passed_on or rcpt])
    assert intake.lab.report(message_id)['recipients'][0]['forward-path'] == (passed_on or rcpt)


def test_a_bounce_names_a_long_address_whole(intake):
    rcpt, sender = 'r' * 300 + '@null.test', 's' * 200 + '@inside.test'
    intake.wait_state(intake.send(rcpt, sender=sender), 'returned')
    told = intake.lab.wait_for(lambda: [m for m in intake.lab.messages('inside.test') if m['rcpts'] == [sender]], 20)
    assert told and f'Final-Recipient: rfc822;{rcpt}\r\n' in told[-1]['data']


def test_large_header_sections(intake):
    """jetmore/swaks#109: a To of 2,100 folded lines, a field of 70 KB; and one of 300 KB (unit tests go to the maximum: the sanitizers
    make the reading of larger ones slower than its time limit)."""
    people = ',\r\n\t'.join(f'person{i}@a-rather-long-domain.example' for i in range(2100))
    for size in (70000, 300000):
        head = f'To: {people}\r\nX-Large: ' + '\r\n '.join(['x' * 900] * (size // 900)) + '\r\nSubject: large head\r\n\r\n'
        out = talk(intake, b'EHLO c\r\n', b'MAIL FROM:<nurse@inside.test>\r\n', b'RCPT TO:<x@good.test>\r\n', b'DATA\r\n', head.encode() + b'body\r\n.\r\n')
        assert out[-1].startswith('250'), out[-1]
        intake.wait_state(out[-1].split()[-1], 'delivered', 40)
        assert head in intake.lab.messages('good.test')[-1]['data']


def test_a_bounce_of_a_large_header_section_still_says_which_mail(intake):
    head = 'Subject: that one\r\nTo: ' + ',\r\n\t'.join(f'p{i}@long.example' for i in range(4000)) + '\r\nMessage-ID: <known@inside.test>\r\n\r\n'
    out = talk(intake, b'EHLO c\r\n', b'MAIL FROM:<large@inside.test>\r\n', b'RCPT TO:<x@null.test>\r\n', b'DATA\r\n', head.encode() + b'body\r\n.\r\n')
    intake.wait_state(out[-1].split()[-1], 'returned')
    told = intake.lab.wait_for(lambda: [m for m in intake.lab.messages('inside.test') if m['rcpts'] == ['large@inside.test']], 20)
    assert told and 'Subject: that one' in told[-1]['data'] and 'Message-ID: <known@inside.test>' in told[-1]['data'] and 'p3999@' not in told[-1]['data']


def test_header_section_beyond_the_maximum(intake):
    head = b'X: ' + b'\r\n '.join([b'x' * 900] * 2500) + b'\r\n\r\n'
    out = talk(intake, b'EHLO c\r\n', b'MAIL FROM:<nurse@inside.test>\r\n', b'RCPT TO:<x@good.test>\r\n', b'DATA\r\n', head + b'body\r\n.\r\n')
    assert out[-1].startswith('552 5.3.4') and 'too large' in out[-1]
    out = talk(intake, b'EHLO c\r\n', b'MAIL FROM:<nurse@inside.test>\r\n', b'RCPT TO:<x@good.test>\r\n', b'BDAT %d\r\n' % len(head) + head)
    assert out[-1].startswith('552 5.3.4')


# --- the end of input is not the end of the session --------------------------------------------------------

ENVELOPE = b'EHLO c\r\nMAIL FROM:<nurse@inside.test>\r\nRCPT TO:<x@good.test>\r\n'


@pytest.mark.parametrize('body', [b'DATA\r\nSubject: half\r\n\r\nclosed\r\n.\r\n', b'BDAT 25 LAST\r\nSubject: half\r\n\r\nclosed\r\n',
                                  b'DATA\r\nSubject: half\r\n\r\n' + b'large\r\n' * 30000 + b'.\r\n'], ids=['data', 'bdat', 'spool'])
def test_the_last_dot_and_then_nothing(intake, body):
    """RFC 1047: without an answer the client sends it again, for ever."""
    with connect(intake) as sock:
        sock.sendall(ENVELOPE + body)
        sock.shutdown(socket.SHUT_WR)
        found = replies_until_end(sock.makefile('rb'))
    assert found[-1].startswith('250 2.0.0 Accepted and stored as '), found
    intake.wait_state(found[-1].split()[-1], 'delivered', 40)


def test_close_notify_behind_the_last_dot(intake):
    """RFC 8446 6.1: it has no effect on the other side's half."""
    with connect(intake) as sock:
        stream = sock.makefile('rb')
        read_reply(stream)
        sock.sendall(b'EHLO c\r\n')
        read_reply(stream)
        sock.sendall(b'STARTTLS\r\n')
        assert read_reply(stream).startswith(b'220')
        arrived, leaving = ssl.MemoryBIO(), ssl.MemoryBIO()
        channel = client_context(intake.lab).wrap_bio(arrived, leaving, server_hostname='gateway.test')
        for say in (b'', ENVELOPE + b'DATA\r\nSubject: half\r\n\r\nclosed\r\n.\r\n', None):
            while True:
                try:
                    channel.do_handshake() if say == b'' else channel.unwrap() if say is None else channel.write(say)
                    break
                except ssl.SSLWantReadError:
                    sock.sendall(leaving.read())
                    if say is None:
                        break
                    arrived.write(sock.recv(65536))
            sock.sendall(leaving.read())
        plain, octets = b'', b'x'
        while octets:
            octets = sock.recv(65536)
            arrived.write(octets)
            try:
                plain += channel.read(65536)
            except (ssl.SSLWantReadError, ssl.SSLZeroReturnError):
                pass
    last = plain.decode().splitlines()[-1]
    assert last.startswith('250 2.0.0 Accepted and stored as '), plain
    intake.wait_state(last.split()[-1], 'delivered')


# RFC 5321 4.1.1.10 MUST: a mail that was cut off is given up, those before it stay
def test_half_a_message_is_no_message(intake):
    before = len(intake.lab.messages('good.test'))
    with connect(intake) as sock:
        sock.sendall(ENVELOPE + b'DATA\r\nSubject: half\r\n\r\nnot closed\r\n')
        sock.shutdown(socket.SHUT_WR)
        assert replies_until_end(sock.makefile('rb'))[-1].startswith('354')
    time.sleep(0.5)
    assert len(intake.lab.messages('good.test')) == before


# --- old devices -----------------------------------------------------------------------------------------

# RFC 5321 6.4 SHOULD: repairs are named in a trace field
def test_a_device_is_let_in_and_what_it_sent_is_repaired(intake):
    """cosullivan/SmtpServer#219 and what scanners, meters and alarm systems do."""
    out = talk(intake, b'EHLO\n', b'MAIL FROM: scanner@inside.test\n', b'RCPT TO:x@good.test\n', b'DATA\n', b'Subject: scan\n\nline\n..dot\nend\r\n.\r\n', source=DEVICE)
    assert out[-1].startswith('250'), out
    message_id = out[-1].split()[-1]
    intake.wait_state(message_id, 'delivered')
    mail = intake.lab.messages('good.test')[-1]
    head, body = mail['data'].split('\r\n\r\n', 1)
    assert body == 'line\r\n.dot\r\nend\r\n' and '\n' not in mail['data'].replace('\r\n', '')
    assert 'From: <scanner@inside.test>' in head and 'Date: ' in head and 'Message-ID: <' in head and 'Subject: scan' in head
    line = next(line for line in intake.lab.log().splitlines() if 'message-repaired' in line and message_id in line)
    repaired = ['name in EHLO', 'address without brackets', 'line end of a command', 'bare LF', 'Date added', 'Message-ID added', 'From added']
    assert f'repaired="{", ".join(repaired)}"' in line, line
    kept_in_the_report(intake, message_id, repaired)
    intake.lab.stop_gateway()
    intake.lab.start_gateway(open(intake.lab.path('postern.conf')).read())  # from the store
    kept_in_the_report(intake, message_id, repaired)
    fine = intake.send('x@good.test')
    assert 'repaired' not in intake.lab.report(fine) and 'repaired' not in intake.lab.postern('message', fine).stdout


def kept_in_the_report(intake, message_id, repaired):
    assert intake.lab.report(message_id)['repaired'] == repaired
    assert f'an old device sent it; repaired on arrival: {", ".join(repaired)}\n' in intake.lab.postern('message', message_id).stdout


def test_a_device_that_ends_with_lf_is_named(intake):
    """A first try by a new user: 354, then silence, and nothing in the log. That LF . LF is no end stays (CVE-2023-51764)."""
    with connect(intake, DEVICE) as sock, sock.makefile('rb') as stream:
        read_reply(stream)
        for line in (b'EHLO d\n', b'MAIL FROM:scanner@inside.test\n', b'RCPT TO:x@good.test\n', b'DATA\n'):
            sock.sendall(line)
            read_reply(stream)
        sock.sendall(b'hello\n.\n')
    assert intake.lab.wait_for(lambda: 'device-end-of-data' in intake.lab.log(), 20)
    line = next(line for line in intake.lab.log().splitlines() if 'device-end-of-data' in line)
    assert DEVICE in line and 'set it to CR LF' in line


# RFC 5321 6.4 MUST NOT: a relay repairs no message
def test_nobody_else_is(intake):
    assert [r[:3] for r in talk(intake, b'EHLO c\n', b'EHLO c\r\n')] == ['500', '']  # closed
    out = talk(intake, b'EHLO c\r\n', b'MAIL FROM:nurse@inside.test\r\n', b'MAIL FROM:<nurse@inside.test>\r\n', b'RCPT TO:<x@good.test>\r\n',
               b'DATA\r\n', b'Subject: x\n\r\n.\r\n')
    assert [r[:3] for r in out] == ['250', '501', '250', '250', '354', '550'], out


# --- smuggling -------------------------------------------------------------------------------------------

ENDINGS = [b'\n.\n', b'\n.\r\n', b'\r.\r', b'\r\n.\n', b'\r\n.\r', b'\r.\n', b'\n.\r', b'\r.\r\n', b'\r\r\n.\r\r\n', b'\n\n.\r\n', b'\r\n.\r\r\n']
SECOND = b'MAIL FROM:<evil@inside.test>\r\nRCPT TO:<second@%s>\r\nDATA\r\nSubject: smuggled\r\n\r\nx'


@pytest.mark.parametrize('domain,box', [('postfix.test', 'postfix'), ('exim.test', 'exim')])
def test_one_message_stays_one(intake, domain, box):
    """SEC Consult 2023, CVE-2023-51764 (Postfix), CVE-2023-51765 (Sendmail), CVE-2023-51766 (Exim): whatever was taken from a device leaves
    as one message with CRLF and doubled dots, so the next server sees one. From anybody else it is refused."""
    taken = []
    for number, ending in enumerate(ENDINGS):
        marked = f'smuggle {box} {number}'.encode()
        body = b'Subject: ' + marked + b'\r\n\r\nfirst' + ending + SECOND % domain.encode() + b'\r\n.\r\n'
        lines = (b'EHLO c\r\n', b'MAIL FROM:<nurse@inside.test>\r\n', b'RCPT TO:<first@%s>\r\n' % domain.encode(), b'DATA\r\n', body)
        assert talk(intake, *lines)[-1].startswith('550 5.6.0'), ending
        out = talk(intake, *lines, source=DEVICE)
        assert out[-1].startswith('250'), (ending, out)
        taken.append((marked.decode(), out[-1].split()[-1]))
    for _, message_id in taken:
        intake.wait_state(message_id, 'delivered', 40)
    for marked, _ in taken:
        mails = intake.lab.wait_for(lambda: [m for m in intake.lab.mailbox(box) if f'Subject: {marked}\n' in m.replace('\r\n', '\n')], 20)
        assert len(mails) == 1 and 'RCPT TO:<second@' in mails[0] and 'Subject: smuggled' in mails[0].split('first', 1)[1]
    assert not [m for m in intake.lab.mailbox(box) if 'evil@inside.test' in m.split('\n\n', 1)[0]]
