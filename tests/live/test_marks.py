"""What a message is decides about its way, never what was declared of it (RFC 6531 3.4, RFC 6152 3)."""
import email
import email.policy

import pytest

PLAIN = b'From: <nurse@inside.test>\r\nSubject: plain\r\n\r\nnothing but ASCII\r\n'


def submit(gateway, rcpts, data, parameters=(), sender='nurse@inside.test'):
    """The number under which it was taken."""
    client = gateway.smtp()
    client.command_encoding = 'utf-8'
    code, text = client.docmd('MAIL', f'FROM:<{sender}> ' + ' '.join(parameters))
    assert code == 250, text
    for rcpt in rcpts:
        code, text = client.docmd('RCPT', f'TO:<{rcpt}>')
        assert code == 250, text
    client.putcmd(f'BDAT {len(data)} LAST')
    client.send(data)
    code, text = client.getreply()
    assert code == 250, text
    client.quit()
    return text.decode().split()[-1]


def got(gateway, domain, sender):
    mails = gateway.lab.wait_for(lambda: [m for m in gateway.lab.messages('host-mx.' + domain) if m['sender'] == sender], 20)
    return mails[-1]


def notice_to(gateway, address):
    mails = gateway.lab.wait_for(lambda: [m for m in gateway.lab.messages('inside.test') if m['sender'] == '' and m['rcpts'] == [address]], 20)
    return mails[-1]


@pytest.mark.parametrize('parameters', [['SMTPUTF8'], ['BODY=8BITMIME'], ['BODY=8BITMIME', 'SMTPUTF8'], ['BODY=BINARYMIME']])
def test_what_needs_nothing_goes_everywhere(gateway, parameters):
    """marlam/msmtp#197, kisli/vmime#186: declared, and pure ASCII; grommunio/gromox#275: bounced for ever."""
    sender = f'n{len("".join(parameters))}@inside.test'
    gateway.wait_state(submit(gateway, ['x@seven.test'], PLAIN, parameters, sender), 'delivered')
    mail = got(gateway, 'seven.test', sender)
    assert not [p for p in mail['parameters'] if p.startswith(('BODY', 'SMTPUTF8'))] and mail['data'].endswith('nothing but ASCII\r\n')


def test_each_recipient_needs_what_it_needs(gateway):
    """A local part outside ASCII needs SMTPUTF8; the other recipients do not, and a domain alone may be said in A-labels."""
    message_id = submit(gateway, ['jürgen@seven.test', 'x@seven.test', 'y@sëven.test'], PLAIN, ['SMTPUTF8'], 'mixed@inside.test')
    refused = gateway.wait_state(message_id, 'returned', rcpt=0)
    assert (refused['reason'], refused['status']) == ('no-utf8', '5.6.7')
    gateway.wait_state(message_id, 'delivered', rcpt=1)
    gateway.wait_state(message_id, 'delivered', rcpt=2)
    mails = [m for m in gateway.lab.messages('host-mx.seven.test') if m['sender'] == 'mixed@inside.test']
    assert {r for m in mails for r in m['rcpts']} == {'x@seven.test', 'y@xn--sven-lpa.test'}
    notice = notice_to(gateway, 'mixed@inside.test')
    assert notice['data'].isascii() and 'SMTPUTF8' not in notice['parameters']
    _, fields, _ = email.message_from_string(notice['data']).get_payload()
    assert fields.get_content_type() == 'message/delivery-status'
    assert fields.get_payload()[1]['Final-Recipient'] == r'utf-8;j\x{FC}rgen@seven.test'
    assert gateway.lab.wait_for(lambda: gateway.state(message_id)['sender-told'])


def test_header_in_utf8_needs_smtputf8(gateway):
    """RFC 6532: with SMTPUTF8 declared and such a header section it is returned, with a notice that needs nothing."""
    data = 'From: Jürgen <nurse@inside.test>\r\nSubject: Grüße\r\n\r\nplain\r\n'.encode()
    message_id = submit(gateway, ['x@eight.test'], data, ['SMTPUTF8'], 'header@inside.test')
    found = gateway.wait_state(message_id, 'returned')
    assert (found['reason'], found['status']) == ('no-utf8', '5.6.7')
    notice = notice_to(gateway, 'header@inside.test')
    assert notice['data'].isascii() and not [p for p in notice['parameters'] if p.startswith(('BODY', 'SMTPUTF8'))]
    parsed = email.message_from_string(notice['data'], policy=email.policy.default)
    headers = list(parsed.iter_parts())[2]
    assert headers.get_content_type() == 'message/global-headers'
    # where it was not declared it goes as it came: a server with 8BITMIME carries it, as everywhere (hardware/mailserver#166)
    gateway.wait_state(submit(gateway, ['x@eight.test'], data, ['BODY=8BITMIME'], 'raw@inside.test'), 'delivered')
    assert 'Grüße' in got(gateway, 'eight.test', 'raw@inside.test')['data'].encode('latin-1').decode()


LETTER = ('From: <nurse@inside.test>\r\nSubject: converted\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n'
          'Content-Transfer-Encoding: 8bit\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n'
          'Grüße, and so many plain words beside them\r\n--b\r\nContent-Type: application/x; name=f\r\nContent-Transfer-Encoding: 8bit\r\n\r\n'
          '€€€ %s\r\n--b--\r\n')


# RFC 5321 2.4 MUST NOT: no 8-bit text to a server that does not offer it
@pytest.mark.parametrize('size', [10, 300000])
def test_8bit_is_converted_where_it_cannot_go(gateway, size):
    """RFC 6152 3; javaee/javamail#100: sent as it is, and ruined. Small in the store, and from a spool file."""
    letter = (LETTER % ('0123456789abcdef' * 4 + '\r\n').__mul__(size // 66 + 1)).encode()
    sender = f'conv{size}@inside.test'
    gateway.wait_state(submit(gateway, ['x@seven.test'], letter, ['BODY=8BITMIME'], sender), 'delivered')
    mail = got(gateway, 'seven.test', sender)
    assert mail['data'].isascii() and not [p for p in mail['parameters'] if p.startswith(('BODY', 'SIZE'))]
    text, file = email.message_from_string(mail['data']).get_payload()
    assert (text['Content-Transfer-Encoding'], file['Content-Transfer-Encoding']) == ('quoted-printable', 'base64')
    before = email.message_from_bytes(letter).get_payload()
    assert [p.get_payload(decode=True) for p in (text, file)] == [p.get_payload(decode=True) for p in before]
    # as it came where it can go
    gateway.wait_state(submit(gateway, ['x@eight.test'], letter, [], 'as' + sender), 'delivered')
    mail = got(gateway, 'eight.test', 'as' + sender)
    assert mail['data'].encode('latin-1').endswith(letter) and 'BODY=8BITMIME' in mail['parameters']


def test_binary_is_converted_where_it_cannot_go(gateway):
    """RFC 3030 3: a server without BINARYMIME gets lines of text."""
    head = b'From: <nurse@inside.test>\r\nMIME-Version: 1.0\r\nContent-Type: application/x\r\nContent-Transfer-Encoding: binary\r\n\r\n'
    gateway.wait_state(submit(gateway, ['x@eight.test'], head + b'a\nb\0\xff\r', ['BODY=BINARYMIME'], 'bin@inside.test'), 'delivered')
    assert email.message_from_string(got(gateway, 'eight.test', 'bin@inside.test')['data']).get_payload(decode=True) == b'a\nb\0\xff\r'


def test_signed_mail_is_returned_instead(gateway):
    """RFC 1847 2.1: a conversion would break the signature; the sender hears why."""
    signed = ('From: <nurse@inside.test>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary=b\r\n\r\n'
              '--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nGrüße\r\n--b\r\n\r\nsig\r\n--b--\r\n').encode()
    found = gateway.wait_state(submit(gateway, ['x@seven.test'], signed, ['BODY=8BITMIME'], 'signed@inside.test'), 'returned')
    assert (found['reason'], found['status']) == ('no-8bit', '5.6.3')
    words = ' '.join(email.message_from_string(notice_to(gateway, 'signed@inside.test')['data']).get_payload()[0].get_payload().split())
    assert 'accepts plain ASCII only' in words and 'a conversion would break that' in words and 'certificate' not in words


def test_a_notice_that_comes_back_told_nobody(gateway):
    """Field R16: the sender's own server refuses the notice (RFC 5321 6.1, RFC 6522, 6533: nothing follows it): that is not called "told"."""
    message_id = gateway.send('x@reject.test', sender='ghost@reject.test')
    gateway.wait_state(message_id, 'returned')
    assert gateway.lab.wait_for(lambda: 'notice-lost' in gateway.lab.log(), 20)
    assert gateway.lab.wait_for(lambda: 'the notice came back, too' in gateway.lab.postern('message', message_id).stdout, 10)
    assert gateway.state(message_id)['sender-told'] is False


LONG = 'x=1&' * 750 + 'end'  # a line of 3,003 octets
IDS = ' '.join(f'<{n:04d}.{"a" * 60}@outside.test>' for n in range(40))  # References of a long thread: 3,239 octets


def parts_of(data):
    """Octets of the longest line, References as they are unfolded, the text as it is decoded."""
    mail = email.message_from_string(data, policy=email.policy.compat32)
    return max(len(line) for line in data.split('\r\n')), ''.join(mail['References'].splitlines()), mail.get_payload(decode=True).decode()


@pytest.mark.parametrize('domain', ['seven.test', 'good.test'])
def test_long_lines_are_folded_and_encoded(gateway, domain):
    """RFC 5321 4.5.3.1.6, RFC 5322 2.1.1. grommunio/gromox#360, rspamd/rspamd#5323: Postfix cuts within a message id, and the signature is
    gone; dani-garcia/vaultwarden#437, thunderbird/thunderbird-android#890: within the text. Here only the form changes."""
    sender = f'long-{domain}@inside.test'
    head = f'From: <{sender}>\r\nSubject: long\r\nReferences: {IDS}\r\n'
    for more in ('', 'MIME-Version: 1.0\r\nContent-Type: text/html; charset=us-ascii\r\n'):
        gateway.wait_state(submit(gateway, ['x@' + domain], f'{head}{more}\r\n{LONG}\r\nshort\r\n'.encode(), sender=sender), 'delivered')
        mail = got(gateway, domain, sender) if domain == 'seven.test' else gateway.lab.wait_for(
            lambda: [m for m in gateway.lab.messages(domain) if m['sender'] == sender], 20)[-1]
        longest, references, text = parts_of(mail['data'])
        assert longest <= 998 and references == IDS and text.rstrip('\r\n') == LONG + '\r\nshort', (longest, mail['data'][:2000])


def test_signed_long_lines_stay(gateway):
    """What wins where a signature of somebody else is over the octets themselves: the signature (docs/decisions/0027)."""
    for name, canonical, folded in (('relaxed', 'relaxed/relaxed', True), ('simple', 'simple/simple', False)):
        sender = f'signed-{name}@inside.test'
        dkim = f'DKIM-Signature: v=1; a=rsa-sha256; c={canonical}; d=inside.test; s=x; h=references; bh=eA==; b=eA==\r\n'
        data = f'{dkim}From: <{sender}>\r\nReferences: {IDS}\r\n\r\n{LONG}\r\n'
        gateway.wait_state(submit(gateway, ['x@good.test'], data.encode(), sender=sender), 'delivered')
        mail = gateway.lab.wait_for(lambda: [m for m in gateway.lab.messages('good.test') if m['sender'] == sender], 20)[-1]
        head, _, text = mail['data'].partition('\r\n\r\n')
        assert text == LONG + '\r\n' and (f'References: {IDS}\r\n' in head + '\r\n') != folded
        assert (max(len(line) for line in head.split('\r\n')) <= 998) == folded and parts_of(mail['data'])[1] == IDS


def test_a_word_that_no_line_holds_is_refused(gateway):
    """As Exim does (message_linelength_limit); Postfix cuts it in two. The session goes on."""
    client = gateway.smtp()
    client.mail('a@inside.test')
    client.rcpt('x@good.test')
    code, text = client.data(f'From: <a@inside.test>\r\nX-Token: {"a" * 3000}\r\n\r\nhello\r\n')
    assert code == 550 and b'5.6.0' in text and b'cannot be folded' in text, text
    assert client.noop()[0] == 250
    client.quit()
