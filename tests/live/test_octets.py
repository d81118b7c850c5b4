"""Every octet from end to end: what was taken arrives as it was, or as MIME says it again, whatever it holds and however slowly it comes or
goes. Public reports of what got lost: deanproxy/eMail#9, greenmail-mail-test/greenmail#1004, Nilhcem/FakeSMTP#19 (dots, also in the
first line)."""
import email
import email.policy
import hashlib
import time

import pytest
from conftest import INSIDE

HEAD = b'From: <nurse@inside.test>\r\nSubject: octets\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=unknown-8bit\r\nContent-Transfer-Encoding: 8bit\r\n\r\n'
EVERY = bytes(c for c in range(1, 256) if c not in b'\r\n')

# RFC 5321 4.5.3.1, 4.5.2; RFC 6152; RFC 5322 2.3
BODIES = {
    'empty': b'', 'one line end': b'\r\n', 'only line ends': b'\r\n' * 10000, 'one octet': b'x\r\n', 'a dot': b'.\r\n', 'dots': b'.\r\n..\r\n...\r\n.x\r\n\r\n.\r\n',
    'eight bit': b'\r\n'.join(EVERY[i:] + EVERY[:i] for i in range(255)) + b'\r\n', 'blanks': b' \r\n\t\r\n  x  \r\n\t\t \t\r\n', 'longest line': b'\xe4' * 998 + b'\r\n',
    'looks like the end': b'\r\n..\r\n. \r\nQUIT\r\n.\x0b\r\nRSET\r\n', 'From lines': b'From x\r\n>From y\r\n', 'form feeds': b'\x0c\x0b\x1b[31m\x08\x7f\x1a\x04\r\n' * 300,
    'many lines': b''.join(b'%d\r\n' % i for i in range(100000)), '20 MB': (b'y' * 70 + b'\r\n') * (20 * 1024 * 1024 // 72),
}
SMALL = [name for name, body in BODIES.items() if len(body) < 200000]


def send(gateway, rcpt, body, pieces=None, pause=0):
    """By DATA, dots doubled as RFC 5321 4.5.2 has it, in pieces of any size."""
    client = gateway.smtp(INSIDE)
    client.docmd('MAIL', 'FROM:<nurse@inside.test> BODY=8BITMIME')
    assert client.rcpt(rcpt)[0] == 250
    assert client.docmd('DATA')[0] == 354
    stuffed = (b'\r\n' + HEAD + body).replace(b'\r\n.', b'\r\n..')[2:] + b'.\r\n'
    for i in range(0, len(stuffed), pieces or len(stuffed)):
        client.send(stuffed[i:i + (pieces or len(stuffed))])
        time.sleep(pause)
    code, text = client.getreply()
    assert code == 250, text
    client.quit()
    return text.decode().split()[-1]


def arrived(gateway, domain, rcpt):
    return [m['data'].encode('latin-1') for m in gateway.lab.messages(domain) if m['rcpts'] == [rcpt]][-1]


def same(data, body):
    """A digest says it: a failure of 20 MB would be no use in a report."""
    got = data.split(b'\r\n\r\n', 1)[1]
    return (len(got), hashlib.sha256(got).hexdigest()) == (len(body), hashlib.sha256(body).hexdigest())


@pytest.mark.parametrize('name', BODIES)
def test_every_octet(gateway, name):
    rcpt = f'{name.replace(" ", "-")}@good.test'
    gateway.wait_state(send(gateway, rcpt, BODIES[name]), 'delivered', 60)
    assert same(arrived(gateway, 'good.test', rcpt), BODIES[name])


@pytest.mark.parametrize('name', [n for n in SMALL if n != 'empty'])
def test_every_octet_where_it_must_be_said_in_seven_bits(gateway, name):
    """Decoded by another's parser (Python's email) it is the same; an ASCII body is not touched."""
    rcpt = f'seven-{name.replace(" ", "-")}@seven.test'
    gateway.wait_state(send(gateway, rcpt, BODIES[name]), 'delivered', 60)
    data = arrived(gateway, 'host-mx.seven.test', rcpt)
    mail = email.message_from_bytes(data, policy=email.policy.compat32.clone(linesep='\r\n'))
    assert data.isascii() and mail.get_payload(decode=True) == BODIES[name]


def test_a_nul_is_refused_and_the_session_goes_on(gateway):
    """RFC 5321 4.5.2 leaves NUL out of what may be sent; by BODY=BINARYMIME it may (RFC 3030 3), and arrives as it was."""
    client = gateway.smtp(INSIDE)
    client.mail('nurse@inside.test')
    client.rcpt('nul@good.test')
    code, text = client.data(HEAD.decode() + 'a\0b\r\n')
    assert code == 550 and b'NUL' in text
    client.docmd('MAIL', 'FROM:<nurse@inside.test> BODY=BINARYMIME')
    client.rcpt('nul@good.test')
    octets = HEAD.replace(b'8bit\r\n\r\n', b'binary\r\n\r\n') + b'a\0b\r\n\0'
    client.putcmd(f'BDAT {len(octets)} LAST')
    client.send(octets)
    code, text = client.getreply()
    assert code == 250, text
    client.quit()
    gateway.wait_state(text.decode().split()[-1], 'delivered')
    mail = email.message_from_bytes(arrived(gateway, 'good.test', 'nul@good.test'), policy=email.policy.compat32.clone(linesep='\r\n'))
    assert mail.get_payload(decode=True) in (b'a\0b\r\n\0', b'a\0b\r\n\0\r\n')
