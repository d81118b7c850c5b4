"""A directory whose TLS is not right: OpenLDAP's own server with certificates of one fault each (lab/certificates.py, held against
`openssl verify`), over ldaps:// and StartTLS (RFC 4513 3.1), and servers that are none. Nobody is let in, the log and doctor name
the cause, and no octet of a login goes to a server that did not prove who it is: whoever listens there hears at most StartTLS.
"""
import base64
import contextlib
import os
import re
import shutil
import smtplib
import socket
import ssl
import subprocess
import threading

import pytest
from certificates import BY_NAME, FAULTS, Workshop
from conftest import GATEWAY_ADDRESS, client_context

HOST, ADDRESS = 'ldap.test', '127.0.1.211'
LISTEN = f'listen submission {{ address {GATEWAY_ADDRESS}:587; }}\naccounts {{ delay 0s; failures 1000; failures-per-client 1000; }}\n'


@pytest.fixture(scope='module')
def named(world):
    """The name of the directory, for whoever asks the C library, in this network alone."""
    path = world.path('etc', 'hosts-ldap')
    with open('/etc/hosts') as old, open(path, 'w') as new:
        new.write(f'{old.read()}{ADDRESS} {HOST}\n')
    subprocess.run(['mount', '--bind', path, '/etc/hosts'], check=True)
    yield
    subprocess.run(['umount', '/etc/hosts'], check=True)


@pytest.fixture(scope='module')
def shop(world):
    return Workshop(world, 'directory-faults')


class Slapd:
    def __init__(self, lab):
        self.lab, self.base = lab, lab.path('ldap-tls')
        shutil.rmtree(self.base, ignore_errors=True)
        os.makedirs(self.base)
        needs = subprocess.run(['ldd', os.path.join(lab.root, 'usr/sbin/slapd')], capture_output=True, text=True, env=lab.linker_env()).stdout
        self.any_key = 'TLSCipherSuite DEFAULT@SECLEVEL=0\n' if 'libssl' in needs else ''  # Debian 13's uses OpenSSL, which serves no small key
        self.write()
        entries = 'dn: dc=test\nobjectClass: domain\ndc: test\n\ndn: uid=eve,dc=test\nobjectClass: inetOrgPerson\nuid: eve\ncn: eve\nsn: eve\nmail: eve@inside.test\nuserPassword: ldap eve\n\n'
        subprocess.run([os.path.join(lab.root, 'usr/sbin/slapadd'), '-f', lab.path('etc', 'slapd-tls.conf')], input=entries, text=True, check=True, capture_output=True, env=lab.linker_env())

    def write(self, tls=''):
        root = self.lab.root
        with open(self.lab.path('etc', 'slapd-tls.conf'), 'w') as out:
            out.write(f'include {root}/etc/ldap/schema/core.schema\ninclude {root}/etc/ldap/schema/cosine.schema\ninclude {root}/etc/ldap/schema/inetorgperson.schema\n{tls}'
                      f'modulepath {root}/usr/lib/ldap\nmoduleload back_mdb\npidfile {self.base}/pid\ndatabase mdb\nsuffix "dc=test"\nrootdn "cn=admin,dc=test"\nrootpw adminpw\n'
                      f'directory {self.base}\nmaxsize 10485760\naccess to attrs=userPassword by anonymous auth by * none\naccess to * by * read\n')

    def start(self, chain, key):
        self.lab.stop('slapd-tls')
        self.write(f'{self.any_key}TLSCertificateFile {chain}\nTLSCertificateKeyFile {key}\n')
        self.lab.start('slapd-tls', [os.path.join(self.lab.root, 'usr/sbin/slapd'), '-d', '0', '-f', self.lab.path('etc', 'slapd-tls.conf'), '-h', f'ldap://{ADDRESS} ldaps://{ADDRESS}'],
                       env=self.lab.linker_env())
        self.lab.wait_port(ADDRESS, 636)


@pytest.fixture(scope='module')
def slapd(world, named):
    it = Slapd(world)
    yield it
    world.stop('slapd-tls')


def configure(gateway, url, more=''):
    lab = gateway.lab
    with open(lab.path('ldap-password'), 'w') as out:
        out.write('adminpw\n')
    gateway.restart(top=LISTEN + f'directory {{ url {url}; base "dc=test"; bind-dn "cn=admin,dc=test"; bind-password-file {lab.path("ldap-password")}; timeout 5s; {more} }}\n')
    return gateway


@pytest.fixture(scope='module')
def ldaps(gateway, slapd):
    return configure(gateway, f'ldaps://{HOST}')


@pytest.fixture(scope='module')
def starttls(gateway, slapd):
    return configure(gateway, f'ldap://{HOST}')


def log_in(gateway):
    with smtplib.SMTP(gateway.address, 587, local_hostname='c.test', source_address=('127.0.9.1', 0), timeout=30) as c:
        c.starttls(context=client_context(gateway.lab, check_hostname=False))
        c.ehlo()
        return c.docmd('AUTH', 'PLAIN ' + base64.b64encode(b'\0eve\0ldap eve').decode())


def said(gateway):
    lines = gateway.lab.wait_for(lambda: [line for line in gateway.lab.log().splitlines() if 'event=directory-away' in line])
    assert lines, gateway.lab.log()[-3000:]
    return re.search(r'problem="?(.*?)"?$', lines[-1]).group(1)


def doctor(gateway):
    rows = [r for r in gateway.lab.postern('doctor', json_out=True) if r['what'] == 'directory server']
    assert len(rows) == 1, rows
    return rows[0]['state'], rows[0]['finding']


def check(gateway, shop, slapd, name):
    fault = BY_NAME[name]
    chain, key = shop.make(fault, HOST)
    fine = shop.counts(fault, chain, HOST, ('sslserver',))
    slapd.start(chain, key)
    code, text = log_in(gateway)
    if fine:
        assert code == 235, (text, gateway.lab.log()[-2000:])
        return
    assert code == 454, (code, text)
    assert not re.search('certificate|ldap|directory', text.decode(), re.I), text  # who logs in has nothing to do with it
    assert re.match(rf"the directory (cannot be reached safely|did not answer): the server's certificate {fault.words}", said(gateway)), said(gateway)


def test_another_trust_store_is_in_force_after_a_reload(gateway, slapd):
    """Its sandbox knows files by path and by what stood there: another path, then another file renamed onto it (update-ca-certificates)."""
    lab = gateway.lab
    slapd.start(*lab.make_certificate(HOST))
    configure(gateway, f'ldaps://{HOST}')
    assert log_in(gateway)[0] == 235
    other = lab.path('other-ca.pem')
    shutil.copy(lab.path('ca', 'ca.pem'), other)
    at = lab.path('postern.conf')
    good = open(at).read()
    with open(at, 'w') as out:
        out.write(good.replace(f'trust-store {lab.path("ca", "ca.pem")};', f'trust-store {other};'))
    assert lab.postern('reload').returncode == 0
    assert log_in(gateway)[0] == 235, said(gateway)
    shutil.copy(other, other + '.new')
    os.rename(other + '.new', other)
    assert lab.postern('reload').returncode == 0
    assert log_in(gateway)[0] == 235, said(gateway)


@pytest.mark.parametrize('name', [f.name for f in FAULTS])
def test_a_certificate_over_ldaps(ldaps, shop, slapd, name):
    check(ldaps, shop, slapd, name)


@pytest.mark.parametrize('name', ['fine', 'expired', 'selfsigned', 'unknown', 'alone', 'wrongname', 'chain'])
def test_a_certificate_over_starttls(starttls, shop, slapd, name):
    check(starttls, shop, slapd, name)


@pytest.mark.parametrize('url,name', [('ldaps', 'expired'), ('ldaps', 'fine'), ('ldap', 'wrongname'), ('ldap', 'fine')])
def test_doctor_says_the_same(ldaps, shop, slapd, url, name):
    chain, key = shop.make(BY_NAME[name], HOST)
    slapd.start(chain, key)
    path = ldaps.lab.path('postern.conf')
    with open(path) as text:
        before = text.read()
    with open(path, 'w') as out:
        out.write(re.sub(r'url ldaps?://', f'url {url}://', before))
    state, finding = doctor(ldaps)
    with open(path, 'w') as out:
        out.write(before)
    assert (state, finding.split(': ', 1)[0]) == ('ok' if name == 'fine' else 'wrong', f'{url}://{HOST}'), finding
    assert re.search('answers, its certificate is right$' if name == 'fine' else "the server's certificate " + BY_NAME[name].words, finding), finding


# --- servers that are none -------------------------------------------------------------------------------------------------

class Listener:
    """Takes connections and keeps what was said, by TLS or not: what nobody may ever hear."""

    def __init__(self, act, port, pair=None):
        self.act, self.heard, self.handshakes = act, [], 0
        self.context = None
        if pair:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*pair)
        self.server = socket.create_server((ADDRESS, port), backlog=32)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self.one, args=(self.server.accept()[0],), daemon=True).start()

    def one(self, peer):
        with contextlib.suppress(OSError), peer:
            peer.settimeout(20)
            self.act(self, peer)

    def hear(self, peer):
        octets = peer.recv(4096)
        self.heard.append(octets)
        return octets

    def tls(self, peer):
        with self.context.wrap_socket(peer, server_side=True) as inner:
            self.handshakes += 1
            while self.hear(inner):
                pass

    def close(self):
        self.server.shutdown(socket.SHUT_RDWR)  # ends accept(), too
        self.server.close()


STARTTLS_OID, UNBIND = b'1.3.6.1.4.1.1466.20037', b'0\x05\x02\x01\x02B\x00'  # RFC 4511 4.14.1, 4.3


def answer(code, words=b''):
    body = b'\x0a\x01' + bytes([code]) + b'\x04\x00\x04' + bytes([len(words)]) + words
    operation = b'\x78' + bytes([len(body)]) + body
    return b'\x30' + bytes([len(operation) + 3]) + b'\x02\x01\x01' + operation


def ldap_then_tls(server, peer):
    if STARTTLS_OID in server.hear(peer):
        peer.sendall(answer(0))
        server.tls(peer)


def refuses(server, peer):
    server.hear(peer)
    peer.sendall(answer(2, b'unsupported extended operation'))
    while server.hear(peer):
        pass


def no_ldap(server, peer):
    peer.sendall(b'220 mx.test ESMTP\r\n')
    while server.hear(peer):
        pass


def garbage_for_tls(server, peer):
    peer.recv(100)
    peer.sendall(b'HTTP/1.1 400 Bad Request\r\n\r\n')


def closes(server, peer):
    server.hear(peer)


NONE = [
    ('ldaps', 'self', lambda s, p: s.tls(p), r"the server's certificate is self-signed; its holder needs one from an authority"),
    ('ldap', 'self', ldap_then_tls, r"the server's certificate is self-signed"),
    ('ldap', '', refuses, r'the server refuses StartTLS: Protocol error'),
    ('ldap', '', no_ldap, r'(the server answers StartTLS with what is not LDAP|no answer within 5000 ms; postern doctor looks closer)'),
    ('ldap', '', closes, r'the server closed the connection when asked for StartTLS'),
    ('ldaps', '', garbage_for_tls, r'no TLS: what the server sent is not TLS'),
    ('ldaps', '', closes, r'no TLS: the server closed the connection'),
    ('ldaps', None, None, rf'no connection to {re.escape(HOST)}, port 636: Connection refused'),
]


@pytest.mark.parametrize('url,kind,act,words', NONE, ids=['self-signed', 'self-signed-starttls', 'refuses', 'no-ldap', 'closes-starttls', 'no-tls', 'closes', 'nobody'])
def test_no_secret_goes_to_a_server_that_is_none(gateway, shop, slapd, url, kind, act, words):
    gateway.lab.stop('slapd-tls')
    configure(gateway, f'{url}://{HOST}')
    listener = Listener(act, 636 if url == 'ldaps' else 389, shop.make(BY_NAME['selfsigned'], HOST) if kind else None) if act else None
    try:
        code, text = log_in(gateway)
        assert code == 454, (code, text)
        assert re.match('the directory (cannot be reached safely|did not answer): ' + words, said(gateway)), said(gateway)
        state, finding = doctor(gateway)
        assert state == 'wrong' and re.search(words, finding), finding
    finally:
        if listener:
            listener.close()
    if listener:
        assert not kind or listener.handshakes, 'the second look did not look'
        if act is not closes or url == 'ldap':  # what comes there is a ClientHello
            assert all(h in (b'', UNBIND) or STARTTLS_OID in h for h in listener.heard), listener.heard
        assert not any(secret in h for h in listener.heard for secret in (b'adminpw', b'ldap eve', b'cn=admin')), listener.heard
