"""What the server offers in each profile, as sslscan and testssl.sh see it, against the lists in tests/live/snapshots.
They are written by hand from RFC 9325, SP 800-52r2 and docs/decision.md; POSTERN_SNAPSHOTS=write shows what is there
instead. testssl.sh looks at one port of each profile, with POSTERN_ALL set (./check all) at every one."""
import json
import os
import re
import subprocess

import pytest
from conftest import GATEWAY_ADDRESS

HERE = os.path.dirname(os.path.abspath(__file__))
PORTS = {25: 'smtp', 587: 'submission', 465: 'submissions'}


@pytest.fixture(scope='module', params=['strict', 'nist', 'wide'])
def profiled(request, gateway):
    lab = gateway.lab
    ca = lab.path('ca')
    if not os.path.exists(f'{ca}/offer.pem'):
        subprocess.run(f'cd {ca} && openssl req -newkey rsa:2048 -nodes -keyout offer.key -out offer.csr -subj /CN=gateway.test -addext subjectAltName=DNS:gateway.test && '
                       f'openssl ca -batch -config ca.cnf -cert ca.pem -keyfile ca.key -in offer.csr -out offer.pem -notext -days 20', shell=True, check=True, capture_output=True)
    lab.stop_gateway()
    text = lab.config(certificate=f'certificate {{ chain {ca}/gateway.test.pem; key {ca}/gateway.test.key; }}\ncertificate {{ chain {ca}/offer.pem; key {ca}/offer.key; }}')
    text = re.sub(r'listen smtp \{[^}]*\}', '\n'.join(f'listen {name} {{ address {GATEWAY_ADDRESS}:{port}; profile {request.param}; }}' for port, name in PORTS.items()), text)
    lab.start_gateway(text)
    return gateway, request.param


def offered(gateway, port):
    env = gateway.lab.tools_env()
    start = [] if port == 465 else ['--starttls-smtp']
    done = subprocess.run([os.path.join(gateway.lab.root, 'usr/bin/sslscan'), '--no-colour', '--no-heartbleed', *start, f'{GATEWAY_ADDRESS}:{port}'],
                          capture_output=True, text=True, timeout=120, env=env)
    lines = [f'{name} {state}' for name, state in re.findall(r'^(SSLv2|SSLv3|TLSv1\.[0-3])\s+(enabled|disabled)', done.stdout, re.M)]
    lines += [f'{version} {cipher} {bits}' for version, bits, cipher in re.findall(r'^(?:Preferred|Accepted)\s+(TLSv1\.[0-3])\s+(\d+) bits\s+(\S+)', done.stdout, re.M)]
    lines += ['preferred ' + v + ' ' + c for v, c in re.findall(r'^Preferred\s+(TLSv1\.[0-3])\s+\d+ bits\s+(\S+)', done.stdout, re.M)]
    lines += [w for w in ('Compression enabled', 'Session renegotiation not supported', 'Secure session renegotiation supported') if w.lower() in done.stdout.lower()]
    return lines, done.stdout


def compare(name, lines, raw):
    path = os.path.join(HERE, 'snapshots', f'{name}.txt')
    if os.environ.get('POSTERN_SNAPSHOTS') == 'write':
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w') as out:
            out.write('\n'.join(lines) + '\n')
    with open(path) as wanted:
        assert lines == wanted.read().splitlines(), raw


# RFC 7672 8.2 SHOULD: ordinary cipher suites are offered
@pytest.mark.parametrize('port', PORTS)
def test_offer(profiled, port):
    gateway, profile = profiled
    compare(profile, *offered(gateway, port))


def s_client(port, *options):
    start = [] if port == 465 else ['-starttls', 'smtp']
    return subprocess.run(['openssl', 's_client', '-connect', f'{GATEWAY_ADDRESS}:{port}', *start, *options], input='QUIT\r\n', capture_output=True, text=True, timeout=30)


def test_nist_as_openssl_sees_it(profiled):
    """SP 800-52r2 3.2.1, 3.3.1, 3.4.1, 3.4.2.2, 3.4.2.7 (docs/nist.md): what is refused, and what is answered, in a session of the least suite."""
    gateway, profile = profiled
    if profile != 'nist':
        return
    least = s_client(25, '-tls1_2', '-cipher', 'ECDHE-RSA-AES128-SHA', '-status', '-tlsextdebug').stdout
    for words in ('Secure Renegotiation IS supported', 'Extended master secret: yes', 'TLS server extension "encrypt-then-mac"', 'Temp Key: ECDH, prime256v1, 256 bits',
                  'No client certificate CA names sent', 'OCSP response: no response sent', 'Compression: NONE'):
        assert words in least, (words, least)
    for refused in (['-tls1_1', '-cipher', 'ALL:@SECLEVEL=0'], ['-tls1_2', '-cipher', 'kRSA'], ['-tls1_2', '-cipher', 'CHACHA20'], ['-tls1_2', '-cipher', 'AESCCM8'],
                    ['-tls1_3', '-ciphersuites', 'TLS_CHACHA20_POLY1305_SHA256'], ['-tls1_3', '-groups', 'X25519:X448'], ['-tls1_3', '-sigalgs', 'ed25519'],
                    ['-tls1_2', '-sigalgs', 'RSA+SHA1:ECDSA+SHA1', '-cipher', 'ALL:@SECLEVEL=0']):
        seen = s_client(587, *refused)
        assert 'Cipher is (NONE)' in seen.stdout and seen.returncode != 0, (refused, seen.stdout, seen.stderr)


LOOKED_AT = {'strict': 25, 'nist': 587, 'wide': 465}
HTTPS_ONLY = ('ALPN', 'NPN', 'ticketbleed', 'BREACH')  # asked where it cannot know the service
LISTED_ABOVE = ('cipher-', 'cipher_order-', 'cipherorder_', 'cipher_negotiated', 'prioritize_', 'protocol_negotiated')  # by test_offer; as the version has it
SINCE_3_2 = ('winshock', 'starttls_injection')  # testssl.sh of Debian 13


@pytest.mark.parametrize('port', PORTS)
def test_weaknesses(profiled, port):
    """Protocols, order and the known attacks: the name of each check and how testssl.sh judges it."""
    gateway, profile = profiled
    if port != LOOKED_AT[profile] and not os.environ.get('POSTERN_ALL'):
        pytest.skip('only in ./check all')
    root, found = gateway.lab.root, gateway.lab.path(f'testssl-{profile}-{port}.json')
    done = subprocess.run(['bash', f'{root}/usr/bin/testssl', '--openssl', '/usr/bin/openssl', '--quiet', '--color', '0', '--warnings', 'batch', '--nodns', 'none', '--ip', GATEWAY_ADDRESS,
                           '-p', '-P', '-U', '--jsonfile', found, *([] if port == 465 else ['-t', 'smtp']), f'gateway.test:{port}'],
                          capture_output=True, text=True, timeout=300, env=dict(gateway.lab.tools_env(), TESTSSL_INSTALL_DIR=f'{root}/etc/testssl', TERM='dumb'))
    with open(found) as text:
        rows = [row for row in json.load(text) if not row['id'].startswith(HTTPS_ONLY + LISTED_ABOVE) and row['id'] not in ('service', 'scanTime', 'engine_problem')]
    assert {row['severity'] for row in rows if row['id'] in SINCE_3_2} <= {'OK'}, rows
    rows = [row for row in rows if row['id'] not in SINCE_3_2]
    compare('testssl-' + profile, [f'{row["severity"]} {row["id"]}' + (': ' + row['finding'] if row['id'][:3] in ('SSL', 'TLS') else '') for row in rows], json.dumps(rows, indent=1) + done.stdout)
