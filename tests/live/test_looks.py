"""What a look at a domain's servers permits, and for how long (docs/decision.md, "Memory"; docs/decisions/0026): servers that
change between two mails. They are scripted here, and their names stand in the zone unsigned.test, which has short TTLs."""
import signal
import socket
import ssl
import threading
import time

import pytest


class Zone:
    def __init__(self, lab):
        self.lab, self.lines, self.path = lab, [], lab.path('zones', 'unsigned.zone')
        with open(self.path) as f:
            self.before = f.read()

    def add(self, *lines):
        self.lines += lines
        self.write('$ORIGIN unsigned.test.\n$TTL 1\n@ SOA ns.test. lab.test. %d 3600 600 86400 1\n@ NS ns.test.\n@ MX 10 mx.unsigned.test.\n'
                   'mx A 127.0.1.16\n' % time.time() + '\n'.join(self.lines) + '\n')

    def write(self, text):
        with open(self.path, 'w') as out:
            out.write(text)
        self.lab.procs['nsd'].send_signal(signal.SIGHUP)
        time.sleep(1.5)


class Server:
    """Answers 250 to all it does not know. cut: how many of its next EHLOs make it close. refusal: its answer to EHLO."""

    def __init__(self, lab, label, address, tls=False, cut=0, refusal=None):
        self.label, self.cut, self.refusal, self.heard = label, cut, refusal, []
        lab.make_certificate(label + '.unsigned.test')
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(lab.path('ca', label + '.unsigned.test.pem'), lab.path('ca', label + '.unsigned.test.key'))
        self.offers = tls
        self.socket = socket.create_server((address, 25), backlog=32)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                conn, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(conn,), daemon=True).start()

    def serve(self, conn):
        conn.settimeout(60)
        try:
            self.talk(conn)
        except OSError:
            pass
        finally:
            conn.close()

    def talk(self, conn):
        conn.sendall(b'220 here ESMTP\r\n')
        stream, tls = conn.makefile('rb'), False
        for line in iter(stream.readline, b''):
            verb = line[:4].upper().decode('latin1')
            self.heard.append(('tls ' if tls else '') + verb)
            if verb == 'EHLO' and self.cut > 0:
                self.cut -= 1
                return
            if verb == 'EHLO' and self.refusal:
                conn.sendall(self.refusal)
            elif verb == 'EHLO':
                conn.sendall(b'250-here\r\n250-STARTTLS\r\n250 PIPELINING\r\n' if self.offers and not tls else b'250-here\r\n250 PIPELINING\r\n')
            elif verb == 'STAR':
                conn.sendall(b'220 go\r\n')
                conn = self.context.wrap_socket(conn, server_side=True)
                stream, tls = conn.makefile('rb'), True
                return self.inside(conn, stream)
            elif verb == 'DATA':
                self.take(conn, stream)
            else:
                conn.sendall(b'250 ok\r\n')

    def inside(self, conn, stream):
        for line in iter(stream.readline, b''):
            verb = line[:4].upper().decode('latin1')
            self.heard.append('tls ' + verb)
            if verb == 'DATA':
                self.take(conn, stream)
            else:
                conn.sendall(b'250 ok\r\n')

    def take(self, conn, stream):
        conn.sendall(b'354 go\r\n')
        while stream.readline() not in (b'.\r\n', b''):
            pass
        conn.sendall(b'250 2.0.0 ok\r\n')

    def clear(self):
        return self.heard.count('MAIL')


@pytest.fixture(scope='module')
def looks(gateway):
    gateway.restart(first_retry='10m', delivery='greeting-time 3s;', queue='idle-connection 0s;', top='administrator admin@inside.test; monitor { probe no; first-probe-time 3s; }')
    gateway.zone = Zone(gateway.lab)
    yield gateway
    gateway.zone.write(gateway.zone.before)


@pytest.fixture
def server(looks):
    made = []

    def make(*args, **more):
        made.append(Server(looks.lab, *args, **more))
        return made[-1]
    yield make
    for s in made:
        s.socket.close()


def look_lines(lab, domain):
    return [line for line in lab.log().splitlines() if 'event=first-look' in line and f'domain={domain} ' in line]


def test_a_server_that_is_added_is_asked_before_anything_goes_in_clear(looks, server):
    """RFC 5321 5.1: any MX may get the mail; RFC 7435 3: encrypted to those that offer it."""
    first = server('first', '127.0.8.1')
    looks.zone.add('added MX 10 first', 'first A 127.0.8.1')
    looks.wait_state(looks.send('one@added.unsigned.test'), 'delivered')
    looks.wait_state(looks.send('two@added.unsigned.test'), 'delivered')
    assert first.clear() == 2 and len(look_lines(looks.lab, 'added.unsigned.test')) == 1  # the look stands
    second = server('second', '127.0.8.2', tls=True)
    looks.zone.add('added MX 20 second', 'second A 127.0.8.2')
    time.sleep(6)  # what lookup keeps for a moment
    message_id = looks.send('three@added.unsigned.test')
    looks.wait_state(message_id, 'delivered')
    assert first.clear() == 2 and 'tls MAIL' in second.heard and second.clear() == 0
    assert [a['host'] for a in looks.lab.report(message_id)['attempts']][-1] == 'second.unsigned.test'
    assert 'offered=yes' in look_lines(looks.lab, 'added.unsigned.test')[-1]


# --- HELO says nothing about STARTTLS (docs/decisions/0026) ------------------------------------------------------------

def test_one_session_cut_at_ehlo_does_not_let_mail_go_in_clear(looks, server):
    """RFC 5321 3.2 wants HELO tried; who cuts a session must not win minutes in clear by it."""
    cut = server('cut', '127.0.8.3', tls=True, cut=1)
    looks.zone.add('cutonce MX 10 cut', 'cut A 127.0.8.3')
    for who in ('one', 'two'):
        looks.wait_state(looks.send(f'{who}@cutonce.unsigned.test'), 'delivered')
    assert cut.heard.count('tls DATA') == 2 and cut.clear() == 0, cut.heard
    cut.cut = 1  # the same after it was seen to offer STARTTLS
    looks.wait_state(looks.send('three@cutonce.unsigned.test'), 'waiting')
    assert cut.clear() == 0, cut.heard


@pytest.mark.parametrize('label, address, more, words', [
    ('busy', '127.0.8.4', {'refusal': b'554 5.7.1 not now\r\n'}, 'it answered EHLO with 554, and took HELO'),
    ('shut', '127.0.8.5', {'cut': 1000}, 'closed the connection when EHLO was said, and took HELO'),
])
def test_helo_alone_is_no_look(looks, server, label, address, more, words):
    peer = server(label, address, **more)
    looks.zone.add(f'{label}only MX 10 {label}', f'{label} A {address}')
    domain = f'{label}only.unsigned.test'
    found = looks.wait_reason(looks.send(f'x@{domain}'), 'look-incomplete')
    assert words in found['detail'] and peer.clear() == 0, (found, peer.heard)
    assert 'complete=no helo-alone=yes' in look_lines(looks.lab, domain)[-1]
    said = peer.heard.count('EHLO')
    probe = looks.lab.postern('probe', '--quick', domain).stdout
    assert peer.heard.count('EHLO') > said and 'does not know EHLO' not in probe, probe
    assert 'accepted HELO but not EHLO' in looks.lab.postern('domains', 'show', domain).stdout
    peer.refusal, peer.cut, peer.offers = None, 0, True  # it was only busy
    looks.wait_state(looks.send(f'y@{domain}'), 'delivered')
    assert 'tls DATA' in peer.heard and peer.clear() == 0, peer.heard


def test_a_server_without_ehlo_is_known_by_its_answer(looks, server):
    """RFC 5321 4.3.2: 502 where EHLO is not implemented, 500 where it is not known."""
    old = server('old', '127.0.8.6', refusal=b'502 5.5.1 what?\r\n')
    looks.zone.add('oldonly MX 10 old', 'old A 127.0.8.6')
    looks.wait_state(looks.send('x@oldonly.unsigned.test'), 'delivered')
    assert old.clear() == 1 and 'complete=yes' in look_lines(looks.lab, 'oldonly.unsigned.test')[-1]
    assert 'does not know EHLO' in looks.lab.postern('probe', '--quick', 'oldonly.unsigned.test').stdout
