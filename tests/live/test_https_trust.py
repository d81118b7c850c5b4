"""HTTPS that is not right: the web server of an MTA-STS policy (RFC 8461 3.3) and the provider of a login (OpenID Connect Discovery
1.0, 4), with certificates of one fault each (lab/certificates.py, held against `openssl verify`), and with TLS that does not come
about. The policy is not taken, nobody is sent to the provider, and log, `postern sts` and doctor name the cause.
"""
import contextlib
import re
import socket
import ssl
import threading

import pytest
import tls_world
from certificates import BY_NAME, FAULTS, LONG_AGO, Workshop

DOMAIN = 'stsgood.insecure.test'
POLICY = b'version: STSv1\r\nmode: enforce\r\nmx: mx.stsgood.insecure.test\r\nmax_age: 86400\r\n'
PROVIDER, PROVIDER_ADDRESS = 'login.good.test', '127.0.1.40'


class Web:
    """Answers every request with one text."""

    def __init__(self, address, kind, text, pair=None, **how):
        self.kind, self.text, self.asked, self.context = kind, text, [], None
        if pair:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.set_ciphers(how.get('ciphers', 'DEFAULT:@SECLEVEL=0'))
            self.context.load_cert_chain(*pair)
            self.context.minimum_version = how.get('min', ssl.TLSVersion.TLSv1_2)
            self.context.maximum_version = how.get('max', ssl.TLSVersion.TLSv1_3)
        self.server = socket.create_server((address, 443), backlog=32)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self.one, args=(self.server.accept()[0],), daemon=True).start()

    def one(self, peer):
        with contextlib.suppress(OSError), peer:
            peer.settimeout(20)
            if not self.context:
                peer.recv(4096)
                peer.sendall(self.text)
                return
            with self.context.wrap_socket(peer, server_side=True) as inner:
                self.asked.append(inner.recv(8192))
                inner.sendall(b'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s' % (self.kind, len(self.text), self.text))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()


@pytest.fixture(scope='module')
def shop(world):
    return Workshop(world, 'https-faults')


# --- policies ----------------------------------------------------------------------------------------------------------------

@pytest.fixture(scope='module')
def policies(gateway):
    """The place of the lab's web server is free."""
    gateway.lab.stop('nginx')
    yield gateway
    gateway.lab.tls.start_web()
    gateway.lab.wait_port(tls_world.WEB, 443)


def looked(gateway):
    """By a gateway that knows nothing yet: what failed is not asked again for five minutes (RFC 8461 3.3)."""
    lab = gateway.lab
    gateway.restart()
    found = lab.postern('sts', 'refresh', DOMAIN, json_out=True)
    lines = [line for line in lab.log().splitlines() if 'event=sts-problem' in line and f'domain={DOMAIN}' in line]
    return found, lines


# RFC 8461 3.3 MUST: the policy host proves that it is mta-sts.DOMAIN
# RFC 8461 3.3 MAY: a wildcard is the whole first label
# RFC 8461 7.1 MUST: SNI to the policy host is its name
@pytest.mark.parametrize('name', [f.name for f in FAULTS])
def test_a_certificate_of_a_policy_server(policies, shop, name):
    fault, host = BY_NAME[name], 'mta-sts.' + DOMAIN
    chain, key = shop.make(fault, host)
    fine = shop.counts(fault, chain, host, ('sslserver',))
    with Web(tls_world.WEB, b'text/plain', POLICY, (chain, key)) as web:
        found, lines = looked(policies)
    if fine:
        assert found['state'] == 'enforce' and not found.get('problem') and web.asked, found
        return
    assert not web.asked, 'a request went to a server that did not prove who it is'
    words = "the server's certificate " + fault.words
    assert found['problem'] == 'sts-webpki-invalid' and re.match(words, found['detail']), found  # RFC 8460 4.3.2.2
    assert lines and re.search(f'detail="{words}', lines[-1]), lines


def long_names(shop):
    base = shop.issue('long', 'x' * 64, '', ('subjectAltName=' + ','.join(f'DNS:{n}{"y" * 58}.test' for n in range(6)),), LONG_AGO)
    return base + '.pem', base + '.key'


LONG_WORDS = r"the server's certificate is self-signed; has expired \(2020-02-01\); is for another name: it names 0y"


def test_a_certificate_with_long_names(policies, shop):
    """What is told of it is cut: over the bounds of a message between processes it ended their channel."""
    with Web(tls_world.WEB, b'text/plain', POLICY, long_names(shop)):
        found, lines = looked(policies)
    assert re.match(LONG_WORDS, found['detail']) and len(found['detail']) > 256, found
    assert lines and not [line for line in policies.lab.log().splitlines() if 'ipc-message-refused' in line]


@pytest.mark.parametrize('how,words', [
    ({'pair': None, 'text': b'HTTP/1.1 400 Bad Request\r\n\r\n'}, 'what the server sent is not TLS'),
    ({'pair': None, 'text': b''}, 'the server closed the connection'),
    ({'max': ssl.TLSVersion.TLSv1_1, 'min': ssl.TLSVersion.TLSv1, 'ciphers': 'ALL:@SECLEVEL=0'}, r'the server ended the session: it speaks no version of TLS that is offered here \(alert 70'),
    ({'max': ssl.TLSVersion.TLSv1_2, 'ciphers': 'AES128-SHA:@SECLEVEL=0'}, r'the server ended the session: it has no cipher, key exchange or signature in common with us \(alert 40'),
], ids=['no-tls', 'closes', 'old', 'no-cipher'])
def test_tls_of_a_policy_server_that_does_not_come_about(policies, shop, how, words):
    host = 'mta-sts.' + DOMAIN
    pair = how.pop('pair', shop.make(BY_NAME['fine'], host))
    with Web(tls_world.WEB, b'text/plain', how.pop('text', POLICY), pair, **how):
        found, lines = looked(policies)
    assert re.match(words, found['detail']), found
    assert lines and re.search(words, lines[-1]), lines


# --- providers of logins -------------------------------------------------------------------------------------------------------

PROVIDER_FAULTS = ['fine', 'expired', 'notyet', 'selfsigned', 'unknown', 'unknownroot', 'alone', 'wrongname', 'otheruse', 'two']


def begun(gateway, pair):
    """A gateway that asks its provider for the first time: the log, what the provider heard, and doctor's row."""
    lab, secret = gateway.lab, gateway.lab.path('etc', 'oidc.secret')
    with open(secret, 'w') as out:
        out.write('our secret\n')
    extra = ('portal { url https://gateway.test; address 127.0.2.1:443; from secure@inside.test; pages @pages@; level 2; }\ninspection { packs @packs@; }\n'
             f'oidc good.test {{ issuer https://{PROVIDER}/tenant; client-id portal; client-secret-file {secret}; }}\n')
    text = b'{"issuer": "https://login.good.test/tenant", "authorization_endpoint": "https://login.good.test/a", "token_endpoint": "https://login.good.test/t"}'
    with Web(PROVIDER_ADDRESS, b'application/json', text, pair) as web:
        gateway.restart(extra=extra)
        told = lab.wait_for(lambda: [line for line in lab.log().splitlines() if re.search(r'event=provider(-unknown|-away)? ', line)])
        asked = list(web.asked)
        return told, asked, [r for r in lab.postern('doctor', json_out=True) if r['what'] == 'login provider'][0]


def test_a_provider_with_long_names(gateway, shop):
    told, asked, row = begun(gateway, long_names(shop))
    assert not asked and re.search('reason="' + LONG_WORDS, told[0]) and len(told[0].split('reason=')[1]) > 258, told
    assert not [line for line in gateway.lab.log().splitlines() if 'ipc-message-refused' in line] and row['state'] == 'wrong', row


@pytest.mark.parametrize('name', PROVIDER_FAULTS)
def test_a_certificate_of_a_provider(gateway, shop, name):
    fault = BY_NAME[name]
    chain, key = shop.make(fault, PROVIDER)
    fine = shop.counts(fault, chain, PROVIDER, ('sslserver',))
    told, asked, row = begun(gateway, (chain, key))
    if fine:
        assert 'event=provider ' in told[0] and asked and row['state'] in ('ok', 'look') and 'trusted CA and right name' in row['finding'], (told, row)
        return
    assert not asked and re.search(f"event=provider-unknown issuer=https://{PROVIDER}/tenant reason=\"the server's certificate {fault.words}", told[0]), told
    assert row['state'] == 'wrong' and re.search(f'for [a-z.]+: {fault.words}', row['finding']), row
