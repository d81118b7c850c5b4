"""What users of other mail programs reported since December 2024, tried here (docs/field.md,
"Reports of other mail programs"). What is right comes from the RFC that the test names, or from the
report."""
import contextlib
import email
import os
import re
import signal
import socket
import ssl
import struct
import threading
import time

import pytest
from conftest import INSIDE, OUTSIDE, read_reply

CUT, RESET = 'cut', 'reset'


class Peer:
    """A server of cN.cause.test that answers 250, but for what `says` names: greeting, a verb, dot
    (behind the message) or midway (behind its first octets). CUT closes there, RESET resets the
    connection."""

    def __init__(self, n, **says):
        self.says, self.heard, self.messages = says, [], []
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF,
                               4096)  # midway: most is not sent yet
        self.socket.bind((f'127.0.7.{n + 1}', 25))
        self.socket.listen(64)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):  # its end
            while True:
                conn = self.socket.accept()[0]
                threading.Thread(target=self.serve, args=(conn,), daemon=True).start()

    def serve(self, conn):
        with conn, contextlib.suppress(OSError, EOFError):
            conn.settimeout(30)
            stream = conn.makefile('rb')
            self.say(conn, 'greeting', b'220 peer ESMTP\r\n')
            for line in iter(stream.readline, b''):
                verb = line[:4].upper().decode('latin-1').strip()
                self.heard.append(line.decode('latin-1').rstrip('\r\n'))
                if verb == 'DATA':
                    self.say(conn, 'DATA', b'354 go on\r\n')
                    self.take(conn, stream)
                else:
                    self.say(conn, verb, b'250 ok\r\n' if verb != 'QUIT' else b'221 bye\r\n')

    def take(self, conn, stream):
        if self.says.get('DATA', b'354')[:3] != b'354':
            return
        text = b''
        for line in iter(stream.readline, b''):
            if line == b'.\r\n':
                self.messages.append(text.decode('latin-1'))
                return self.say(conn, 'dot', b'250 2.0.0 taken\r\n')
            text += line
            if 'midway' in self.says and len(text) > 1000:
                self.say(conn, 'midway', b'')
                time.sleep(1)
                raise EOFError

    def say(self, conn, what, ordinary):
        answer = self.says.get(what, ordinary)
        if answer == RESET:
            conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        if answer in (CUT, RESET):
            raise EOFError
        conn.sendall(answer)


@contextlib.contextmanager
def peer(n, **says):
    it = Peer(n, **says)
    try:
        yield it
    finally:
        it.socket.shutdown(socket.SHUT_RDWR)
        it.socket.close()


def talk(gateway, *lines, source=INSIDE):
    """Sends each line, returns all replies behind the greeting; an empty one where the gateway
    closed."""
    with gateway.raw(source) as sock:
        stream, replies = sock.makefile('rb'), []
        read_reply(stream)
        for line in lines:
            sock.sendall(line)
            replies.append(read_reply(stream).decode())
        return replies


def notice_to(gateway, address, seconds=20):
    found = gateway.lab.wait_for(
        lambda: [m for m in gateway.lab.messages('inside.test') if m['rcpts'] == [address]],
        seconds)
    assert found, gateway.lab.log()[-3000:]
    return email.message_from_string(found[-1]['data'])


def fields_of(notice):
    """The report's fields, unfolded."""
    return re.sub(r'\n[ \t]+', ' ', notice.get_payload()[1].as_string())


def forget(gateway, *numbers):
    for number in numbers:
        gateway.lab.postern('queue', 'delete', number)


# --- connections that end -----------------------------------------------------------------------

STAGES = ['greeting', 'EHLO', 'MAIL', 'RCPT', 'DATA', 'midway', 'dot']


def test_a_reset_at_any_stage_ends_one_session_only(gateway):
    """haraka/Haraka#3538, #3554: a second error of one connection ended the process. RFC 5321
    4.2.4.2 and 4.5.4: the message waits, and why is said."""
    pids = gateway.pids()
    with contextlib.ExitStack() as stack:
        for n, stage in enumerate(STAGES):
            stack.enter_context(peer(n, **{stage: RESET}))
        sent = [gateway.send(f'x@c{n}.cause.test', body='y' * 70 + '\r\n' + 'z' * 3000) for n
                in range(len(STAGES))]
        for number, stage in zip(sent, STAGES):
            told = lambda: [a['reason'] for a in gateway.lab.report(number)['attempts']]
            assert gateway.lab.wait_for(told), stage
            found = gateway.state(number)
            assert found['state'] == 'waiting' and 'reset by peer' in found['detail'], (stage,
                    found)
            assert told()[0] in ('connect', 'broken-session', 'look-incomplete'), (stage, told())
    assert gateway.pids() == pids
    forget(gateway, *sent)


def test_all_addresses_of_both_families_fail(gateway):
    """haraka/Haraka#3456, #3519: several failures of one host ended the process, then were said as
    one empty text. RFC 3463 3.5 (4.4.1)."""
    pids = gateway.pids()
    number = gateway.send('x@deadboth.test')
    found = gateway.wait_reason(number, 'connect')
    assert (found['state'], found['status']) == ('waiting', '4.4.1'), found
    assert '127.0.1.99' in str(gateway.lab.report(number))
    assert gateway.pids() == pids
    forget(gateway, number)


def test_a_failed_connection_names_host_and_address(gateway):
    """zone-eu/zone-mta#480: "network error" without the host it was about."""
    number = gateway.send('x@dead.test')
    gateway.wait_reason(number, 'connect')
    attempt = gateway.lab.report(number)['attempts'][-1]
    assert (attempt['host'], attempt['address']) == ('mx.dead.test', '127.0.1.99'), attempt
    assert 'refused' in attempt['detail'], attempt
    assert re.search(r'event=deferred .*host=mx\.dead\.test .*address=127\.0\.1\.99',
                     gateway.lab.log()), gateway.lab.log()[-2000:]
    forget(gateway, number)


def test_a_smart_host_that_does_not_answer_keeps_no_client_waiting(gateway):
    """axllent/mailpit#517: the client waited until the relay's time-out was over. RFC 5321 6.1: 250
    when it is stored."""
    gateway.restart(top='relay mx.silent.test { tls none; }\n')
    began = time.time()
    number = gateway.send('x@elsewhere.test')
    assert time.time() - began < 3 and gateway.state(number)['state'] in ('queued', 'waiting')
    forget(gateway, number)


def test_a_smart_host_that_refuses_is_told_to_the_sender(gateway):
    """axllent/mailpit#547, #588: the client heard 250, the relay refused, nobody was told. RFC 5321
    6.1."""
    gateway.restart(top='relay mx.reject.test { tls cert; }\n')
    number = gateway.send('x@elsewhere.test', sender='trusting@inside.test')
    assert gateway.wait_state(number, 'returned')['reason'] == 'rejected'
    words = fields_of(notice_to(gateway, 'trusting@inside.test'))
    assert 'Diagnostic-Code: smtp;550 5.1.1 no such person here' in words
    assert 'Final-Recipient: rfc822;x@elsewhere.test' in words


def test_no_route_to_the_smart_host(gateway):
    """adampetrovic/home-ops#3227: "no route to host" was taken for a failure for good, and the
    queue was emptied."""
    gateway.restart(top='relay 198.51.100.9:25 { tls none; }\n')
    number = gateway.send('x@elsewhere.test')
    found = gateway.wait_reason(number, 'connect')
    assert found['state'] == 'waiting' and found['status'] == '4.4.1', found
    forget(gateway, number)


def test_another_smart_host_after_a_reload(gateway):
    """stalwartlabs/stalwart#2264: what waited went on to the old one."""
    lab, text = gateway.lab, lambda host: gateway.lab.config(top=f'relay {host} {{ tls cert; }}\n',
                                                             first_retry='10m')
    gateway.restart(top='relay mx.dead.test { tls cert; }\n', first_retry='10m')
    waits = gateway.send('before@elsewhere.test')
    gateway.wait_reason(waits, 'connect')
    with open(lab.path('postern.conf'), 'w') as out:
        out.write(text('mx.good.test'))
    assert lab.postern('reload').returncode == 0
    gateway.wait_state(gateway.send('behind@elsewhere.test'), 'delivered')
    assert lab.postern('queue', 'retry', waits).returncode == 0
    gateway.wait_state(waits, 'delivered')
    seen = [m['rcpts'] for m in lab.messages('good.test')
            if m['rcpts'][0].endswith('@elsewhere.test')]
    assert sorted(seen) == [['before@elsewhere.test'], ['behind@elsewhere.test']], seen
    gateway.restart()


# --- what other servers say ---------------------------------------------------------------------

def test_a_code_behind_blanks_is_no_reply(gateway):
    """zone-eu/zone-mta#498: "5yz" behind a line end or a blank was seen as no code and put off for
    ever. RFC 5321 4.2: such a line is no reply; the message waits with that reason, and ends with
    its lifetime."""
    with peer(0, RCPT=b'\r\n550 5.1.1 nobody\r\n'), peer(1, RCPT=b' 550 5.1.1 nobody\r\n'):
        sent = [gateway.send(f'x@c{n}.cause.test') for n in (0, 1)]
        for number in sent:
            found = gateway.wait_reason(number, 'bad-smtp')
            assert found['state'] == 'waiting' and found['detail'], found
    forget(gateway, *sent)


def test_a_refusal_without_an_enhanced_code(gateway):
    """mjl-/mox#352: "550 Unauthenticated mail not allowed from this range": at RCPT it ends, with
    its words and 5.0.0 (RFC 3463 2, 3.1), and only for that recipient."""
    with peer(0, RCPT=b'550 Unauthenticated mail not allowed from this range\r\n'):
        number = gateway.send('x@c0.cause.test', sender='ranged@inside.test')
        found = gateway.wait_state(number, 'returned')
    assert found['status'] == '5.0.0', found
    words = fields_of(notice_to(gateway, 'ranged@inside.test'))
    assert 'Diagnostic-Code: smtp;550 Unauthenticated mail not allowed from this range' in words


def test_one_recipient_of_three_fails(gateway):
    """zone-eu/zone-mta#487: the notice named all recipients as failed. RFC 3464 2.3: one block for
    each that failed."""
    rcpts = ['nobody1@good.test', 'well@good.test', 'fine@inside.test']
    number = gateway.send(rcpts, sender='three@inside.test')
    gateway.wait_state(number, 'returned')
    notice = notice_to(gateway, 'three@inside.test')
    fields = fields_of(notice)
    assert re.findall(r'Final-Recipient: rfc822;\s*(\S+)', fields) == ['nobody1@good.test'], fields
    assert 'well@good.test' not in notice.as_string().split('rfc822-headers')[0]
    for n in (1, 2):
        gateway.wait_state(number, 'delivered', rcpt=n)


def test_the_facts_of_a_session_that_refused(gateway):
    """zone-eu/zone-mta#493, haraka/Haraka#3450, #3505: who failed, at which server, and how that
    session was encrypted."""
    number = gateway.send(['nobody2@good.test', 'x@tempfail.test'], sender='facts@inside.test')
    gateway.wait_state(number, 'returned')
    gateway.wait_reason(number, 'rejected')
    lab = gateway.lab
    assert lab.wait_for(lambda: len(lab.report(number)['attempts']) == 2)
    for attempt, host in zip(sorted(lab.report(number)['attempts'], key=lambda a: a['host']),
                             ('mx.good.test', 'mx.tempfail.test')):
        assert (attempt['host'], attempt['tls-version']) == (host, 'TLSv1.3'), attempt
        assert attempt['bits'] >= 128, attempt
    for who in ('nobody2@good.test', 'x@tempfail.test'):
        assert re.search(rf'to={who} .*tls=TLSv1\.3 cipher=\S+', lab.log()), lab.log()[-2000:]
    forget(gateway, number)


def test_a_name_that_is_an_alias(gateway):
    """stalwartlabs/stalwart#1354: the recipient's domain is a CNAME. RFC 5321 5.1: the MX of what
    it stands for."""
    lab = gateway.lab
    gateway.wait_state(gateway.send('x@nickname.test'), 'delivered')
    assert [m for m in lab.messages('good.test') if m['rcpts'] == ['x@nickname.test']]
    assert 'mx.good.test' in lab.postern('probe', 'nickname.test').stdout
    assert 'mx.good.test' in lab.postern('explain', 'nurse@inside.test', 'x@nickname.test').stdout


def test_a_certificate_of_another_name_without_a_rule(gateway):
    """hyvor/relay#488: sent encrypted (RFC 7435 3), and the report says that the server was not
    verified."""
    number = gateway.send('x@reqbad.test')
    gateway.wait_state(number, 'delivered')
    words = gateway.lab.postern('message', number).stdout
    assert 'somebody.else.test' in words and re.search('not verified|unverified', words), words


def test_tlsa_records_behind_an_alias(gateway):
    """Zuplu/postfix-tlspol#52; RFC 7671 7: _25._tcp.HOST is a CNAME, the certificate signed by
    itself."""
    number = gateway.send('x@danecname.test')
    gateway.wait_state(number, 'delivered')
    attempt = gateway.lab.report(number)['attempts'][-1]
    assert (attempt['grade'], attempt['dane']) == ('auth', 'usable'), attempt
    assert 'DANE' in gateway.lab.postern('message', number).stdout


def test_a_policy_binds_its_own_domain(gateway):
    """KumoCorp/kumomta#484, #557: two domains share a server, the MTA-STS policy of one does not name it.
    RFC 8461 4.1: it is used for the other alone, on a kept connection too."""
    good, bad = 'x@stsgood.insecure.test', 'x@stsshare.insecure.test'
    gateway.wait_state(gateway.send(good), 'delivered')
    held = gateway.send(bad)
    found = gateway.wait_reason(held, 'mx-not-in-policy')
    assert found['state'] == 'waiting', found
    gateway.wait_state(gateway.send(good), 'delivered')
    hosts = [[m['rcpts'] for m in gateway.lab.messages('host-' + host)]
             for host in ('mx.stsgood.insecure.test', 'mxs.stsshare.insecure.test')]
    assert hosts == [[[good], [good]], []], hosts
    forget(gateway, held)


def midway(gateway, answer):
    with peer(2, midway=answer):
        number = gateway.send('x@c2.cause.test',
                              body=('y' * 70 + '\r\n') * 90000)  # more than socket buffers hold
        return number, gateway.lab.wait_for(lambda: gateway.lab.report(number)['attempts'], 30)


def test_a_refusal_while_the_message_is_on_its_way(gateway):
    """cosullivan/SmtpServer#258, aio-libs/aiosmtpd#9, emersion/go-smtp#98: 552 is the answer, 250
    is none, and a connection that ends there has taken nothing (RFC 5321 4.1.1.4)."""
    number, attempts = midway(gateway, b'552 5.3.4 too large\r\n')
    assert gateway.wait_state(number, 'returned')['detail'].startswith('552 5.3.4'), attempts
    for answer in (b'250 2.0.0 taken already\r\n', CUT):
        number, attempts = midway(gateway, answer)
        assert gateway.state(number)['state'] == 'waiting', attempts
        forget(gateway, number)


# --- what clients do ----------------------------------------------------------------------------

def test_quit_twice(gateway):
    """haraka/Haraka#3536: QUIT, QUIT in one segment ended the process. RFC 5321 4.1.1.10: 221, then
    the end."""
    pids = gateway.pids()
    with gateway.raw() as sock:
        stream = sock.makefile('rb')
        read_reply(stream)
        sock.sendall(b'QUIT\r\nQUIT\r\nNOOP\r\n')
        assert read_reply(stream).startswith(b'221 ')
        with contextlib.suppress(ConnectionResetError):
            assert stream.read() == b''
    assert gateway.pids() == pids


def test_a_group_that_does_not_wait_for_354(gateway):
    """haraka/Haraka#3525: commands while an answer is pending stopped the session for good. The
    text of a refused DATA is taken for commands; each line is answered, and the session goes on
    (RFC 2920 3.2)."""
    with gateway.raw(OUTSIDE) as sock:
        stream = sock.makefile('rb')
        read_reply(stream)
        sock.sendall(b'EHLO c\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<x@elsewhere.test>\r\nDATA\r\n'
                     b'NOOP\r\nRSET\r\nMAIL FROM:<a@b.test>\r\nMAIL FROM:<c@b.test>\r\n'
                     b'RCPT TO:<x@inside.test>\r\nNOOP\r\n')
        codes = [read_reply(stream)[:3].decode() for _ in range(10)]
    assert codes == ['250', '250', '550', '503', '250', '250', '250', '503', '250', '250'], codes


def test_greetings_do_not_grow(gateway):
    """haraka/Haraka#3446: each greeting had the lines of all before it; mjl-/mox#322: no version in
    it."""
    said = set()
    for _ in range(5):
        with gateway.raw(OUTSIDE) as sock:
            said.add(read_reply(sock.makefile('rb')))
    assert len(said) == 1 and re.fullmatch(rb'220 gateway\.test ESMTP[^0-9]*\r\n', said.pop())


@pytest.mark.parametrize('head,body', [
    (b'Subject: no empty line\r\nthis is no field\r\nthe rest\r\n',
     b'this is no field\r\nthe rest\r\n'),
    (b'\r\nno header section at all\r\n', b'\r\nno header section at all\r\n'),
    (b'just one line\r\n', b'just one line\r\n'), (b'Subject: nothing behind it\r\n', b''),
    (b'', b'')])
def test_broken_messages_lose_nothing(gateway, head, body):
    """haraka/Haraka#3535: the body behind a broken header section was lost."""
    rcpt = f'broken{abs(hash(head))}@good.test'
    out = talk(gateway, b'EHLO c\r\n', b'MAIL FROM:<nurse@inside.test>\r\n',
               f'RCPT TO:<{rcpt}>\r\n'.encode(), b'DATA\r\n',
               head + b'.\r\n')
    gateway.wait_state(out[-1].split()[-1], 'delivered')
    data = [m['data'] for m in gateway.lab.messages('good.test')
            if m['rcpts'] == [rcpt]][-1].encode()
    assert data.endswith(head) and data.endswith(body), data


@pytest.mark.parametrize('line,code', [
    (b'MAIL FROM: <a@b.test>', b'250'), (b'MAIL FROM:<postmaster@b.test>', b'250'),
    (b'MAIL FROM:<postmaster-x@b.test>', b'250'),
    (b'MAIL FROM:<postmaster>', b'501'), (b'MAIL FROM:<a@b.test:25>', b'501'),
    (b'MAIL FROM:<a@\xff\xfe.test>', b'553'),
    (b'MAIL FROM:<a@\xff\xfe.test> SMTPUTF8', b'501')])
def test_paths(gateway, line, code):
    """KumoCorp/kumomta#559 (a blank behind the colon), #512, #511 (names that begin with
    postmaster), #352 (a port is no part of a domain, RFC 5321 4.1.2), #550 (octets that are no
    UTF-8)."""
    assert talk(gateway, b'EHLO c\r\n', line + b'\r\n',
                source=OUTSIDE)[-1].encode().startswith(code)


def test_a_line_of_the_message_without_an_end(gateway):
    """axllent/mailpit GHSA-r553-m4fv-5v97 (2026-07): one line of DATA beyond the limit was kept
    whole in memory."""
    gateway.restart(limits='message 64K;')
    pid = next(p for name, p in gateway.pids().items() if name.startswith('smtpin'))
    with gateway.raw() as sock:
        stream = sock.makefile('rb')
        read_reply(stream)
        sock.sendall(b'EHLO c\r\nMAIL FROM:<a@inside.test>\r\nRCPT TO:<"odd user"@good.test>\r\n'
                     b'DATA\r\n')
        assert [read_reply(stream)[:3] for _ in range(4)] == [b'250', b'250', b'250', b'354']
        for _ in range(40):
            sock.sendall(b'x' * 1000000)
        held = int(re.search(r'VmRSS:\s+(\d+)', open(f'/proc/{pid}/status').read()).group(1))
        sock.sendall(b'\r\n.\r\nRSET\r\nMAIL FROM:<a@inside.test>\r\nQUIT\r\n')
        assert [read_reply(stream)[:3] for _ in range(4)] == [b'552', b'250', b'250',
                                                              b'221']  # in step: mailpit#731
    assert held < 300000, held
    gateway.restart()


def test_what_is_announced_holds(gateway):
    """axllent/mailpit#648 (8BITMIME), #496 (SMTPUTF8): taken, and not said; here each word said is
    one that works."""
    out = talk(gateway, b'EHLO c\r\n',
               b'MAIL FROM:<nurse@inside.test> BODY=8BITMIME SMTPUTF8 SIZE=100\r\n',
               'RCPT TO:<jos\u00e9@good.test>\r\n'.encode(), b'DATA\r\n',
               'Subject: gr\u00fc\u00dfe\r\n\r\ngr\u00fcn\r\n.\r\n'.encode())
    words = {line[4:].split()[0] for line in out[0].splitlines()[1:]}
    assert {'8BITMIME', 'SMTPUTF8', 'PIPELINING', 'SIZE', 'STARTTLS', 'ENHANCEDSTATUSCODES',
            'CHUNKING'} <= words, words
    gateway.wait_state(out[-1].split()[-1], 'delivered')
    assert 'gr\u00fcn' in gateway.lab.messages('good.test')[-1]['data'].encode('latin-1').decode()


def test_the_message_id_is_kept(gateway):
    """axllent/mailpit#515: a relay put another Message-ID there. RFC 5322 3.6.4: it is the
    author's."""
    out = talk(gateway, b'EHLO c\r\n', b'MAIL FROM:<nurse@inside.test>\r\n',
               b'RCPT TO:<kept@good.test>\r\n', b'DATA\r\n',
               b'Message-ID: <as-it-is@inside.test>\r\nSubject: x\r\n\r\n.\r\n')
    gateway.wait_state(out[-1].split()[-1], 'delivered')
    data = [m['data'] for m in gateway.lab.messages('good.test')
            if m['rcpts'] == ['kept@good.test']][-1]
    assert re.findall(r'(?i)message-id:.*', data) == ['Message-ID: <as-it-is@inside.test>\r'], data


@pytest.mark.parametrize('lines,words', [
    ([b'GET / HTTP/1.1\r\n'], 'HTTP'), ([b'FOO\r\n'] * 25, 'too many errors'),
    ([b'EHLO c\r\n', b'MAIL FROM:<a\r\n'], '501'),
    ([b'EHLO c\r\n', b'MAIL FROM:<a@b.test>\r\n', b'RCPT TO:<x@elsewhere.test>\r\n'],
     'relay-denied'),
    ([b'EHLO c\r\n', b'MAIL FROM:<a@inside.test> SIZE=99999999999\r\n'], '552'),
    ([b'EHLO c\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<x@inside.test>\r\nDATA\r\n', b'', b'', b'',
      b'a\nb\r\n.\r\n'], 'message-refused')])
def test_every_refusal_is_in_the_log(gateway, lines, words):
    """zone-eu/zone-mta#501: the server's own 5yz stood nowhere: whoever was refused could not be
    answered."""
    with gateway.raw(OUTSIDE) as sock, contextlib.suppress(ConnectionError):
        stream = sock.makefile('rb')
        read_reply(stream)
        for line in lines:
            sock.sendall(line)
            if not read_reply(stream):
                break
    found = lambda: [l for l in gateway.lab.log().splitlines() if OUTSIDE in l and words in l]
    assert gateway.lab.wait_for(found, 5), gateway.lab.log()[-3000:]


def test_octets_beyond_ascii_in_ehlo(gateway):
    """zone-eu/zone-mta#489: what the client called itself made Received fields beyond ASCII. RFC
    5321 4.4, 2.4."""
    out = talk(gateway, 'EHLO m\u00fcller.test\r\n'.encode(), b'EHLO c\xff\r\n',
               b'MAIL FROM:<nurse@inside.test>\r\n',
               b'RCPT TO:<ehlo@good.test>\r\n', b'DATA\r\n', b'Subject: x\r\n\r\n.\r\n')
    assert out[-1].startswith('250') or out[0].startswith('501'), out
    if out[-1].startswith('250'):
        gateway.wait_state(out[-1].split()[-1], 'delivered')
        data = gateway.lab.messages('good.test')[-1]['data']
        assert data.isascii(), data


def test_tickets_come_behind_the_clients_finished(gateway):
    """mjl-/mox#237, foxcpp/maddy#730, #741, albertito/chasquid#64: Exchange Online and Proton end a
    session that is sent a ticket before their Finished, or say QUIT at once behind it."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname='gateway.test')
    with gateway.raw(OUTSIDE) as sock:
        stream = sock.makefile('rb')
        read_reply(stream)
        for line in (b'EHLO c\r\n', b'STARTTLS\r\n'):
            sock.sendall(line)
            assert read_reply(stream)[:1] == b'2'
        done = False
        while not done:
            with contextlib.suppress(ssl.SSLWantReadError):
                tls.do_handshake()
                done = True
            if not done:
                sock.sendall(outgoing.read())
                incoming.write(sock.recv(16384))
        sock.settimeout(0.5)
        with pytest.raises(TimeoutError):
            sock.recv(1)  # nothing before our Finished
        tls.write(b'QUIT\r\n')
        sock.sendall(outgoing.read())
        sock.settimeout(10)
        said = b''
        while not said.endswith(b'\r\n'):
            incoming.write(sock.recv(16384))
            with contextlib.suppress(ssl.SSLWantReadError):
                said += tls.read(1000)
        assert said.startswith(b'221 ') and tls.session.has_ticket


# --- listening, stopping ------------------------------------------------------------------------

def test_both_families(gateway):
    """postalserver/postal#3117, #3483: listening on IPv6 alone, or on IPv4 alone."""
    gateway.restart(listen=f'{gateway.address}:25 [::1]:2526 127.0.2.1:2526')
    for family, address in ((socket.AF_INET6, '::1'), (socket.AF_INET, '127.0.2.1')):
        with socket.socket(family) as sock:
            sock.settimeout(10)
            sock.connect((address, 2526))
            assert read_reply(sock.makefile('rb')).startswith(b'220 gateway.test')


def test_a_stop_in_the_middle_of_data(gateway):
    """forwardemail/forwardemail.net#547, zone-eu/zone-mta#450: stopped while messages arrive. What
    was answered 250 is delivered once; the others hear 421 (RFC 5321 3.8) or the end, and nothing
    of theirs is delivered; nobody new is let in."""
    gateway.restart()
    lab = gateway.lab
    socks = []
    for n in range(3):
        sock = gateway.raw()
        stream = sock.makefile('rb')
        read_reply(stream)
        sock.sendall(b'EHLO c\r\nMAIL FROM:<a@inside.test>\r\n'
                     b'RCPT TO:<stop%d@good.test>\r\nDATA\r\n' % n)
        assert [read_reply(stream)[:3] for _ in range(4)] == [b'250', b'250', b'250', b'354']
        sock.sendall(b'Subject: stopped\r\n\r\nhalf\r\n')
        socks.append((sock, stream))
    lab.procs['posternd'].send_signal(signal.SIGTERM)
    answers = []
    for n, (sock, stream) in enumerate(socks):
        with contextlib.suppress(OSError):
            if n < 2:
                time.sleep(0.1)
                sock.sendall(b'.\r\n')
        try:
            answers.append(read_reply(stream) if stream.peek(1) else b'')
        except OSError:
            answers.append(b'')
        sock.close()
    lab.stop_gateway()
    with pytest.raises(OSError):
        gateway.raw()
    lab.start_gateway(lab.config())
    taken = [n for n, a in enumerate(answers) if a.startswith(b'250')]
    got = lambda: sorted(m['rcpts'][0] for m in lab.messages('good.test')
                         if m['rcpts'][0].startswith('stop'))
    assert lab.wait_for(lambda: got() == [f'stop{n}@good.test' for n in taken], 20), (answers,
            got())
    assert all(a == b'' or a.startswith((b'250', b'421')) for a in answers), answers
    assert answers[2].startswith(b'421 4.3.2 '), answers  # silent until the end of that time
    time.sleep(1)
    assert got() == [f'stop{n}@good.test' for n in taken] and 2 not in taken
