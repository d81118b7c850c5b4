"""Hybrid key exchange with ML-KEM as programs of other people see it: X25519MLKEM768 where the library has it (OpenSSL 3.5,
Debian 13), the classical group, used and named, where it has not (draft-ietf-tls-ecdhe-mlkem)."""
import re
import ssl
import subprocess
import time
import urllib.request

import pytest
from conftest import GATEWAY_ADDRESS, INSIDE

HYBRIDS = ssl.OPENSSL_VERSION_INFO >= (3, 5)
BEST = 'X25519MLKEM768' if HYBRIDS else 'x25519'


class Client:
    """openssl s_client with STARTTLS; what it says of the session, then SMTP as one types it."""

    def __init__(self, groups):
        self.said = b''
        self.s_client = subprocess.Popen(['openssl', 's_client', '-starttls', 'smtp', '-connect', f'{GATEWAY_ADDRESS}:25', '-bind', f'{INSIDE}:0', '-crlf', '-ign_eof',
                                          *(['-groups', groups] if groups else [])], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.command('ehlo c.inside.test', rb'250-')  # in small letters: s_client takes lines that begin with R and Q for itself
        self.wait(rb'250 ')  # 3.5 shows the last line of the answer in clear as well

    def wait(self, wanted):
        reply = b''
        while not re.match(wanted, reply):
            reply = self.s_client.stdout.readline()
            assert reply and not re.match(rb'[45][0-9][0-9] ', reply), (self.said, reply)
            self.said += reply
        return reply.decode()

    def command(self, line, wanted):
        self.s_client.stdin.write(line.encode() + b'\n')
        self.s_client.stdin.flush()
        return self.wait(wanted)

    def group(self):
        """3.5 names the group; before, the key of the server stands for it."""
        text = self.said.decode('latin-1')
        found = re.search(r'Negotiated TLS1\.3 group: (\S+)', text) or re.search(r'(?:Server|Peer) Temp Key: (?:ECDH, )?([^,\s]+)', text)
        return found and found[1]

    def send(self, rcpt):
        self.command('mail from:<nurse@inside.test>', rb'250 2\.1\.0')
        self.command(f'rcpt to:<{rcpt}>', rb'250 2\.1\.5')
        self.command('data', rb'354')
        return self.command('Subject: keys\n\nhello\n.', rb'250 2\.0\.0').split()[-1]

    def end(self):
        self.s_client.kill()
        self.s_client.wait()


@pytest.fixture(scope='module')
def counted(gateway):
    gateway.restart(top='metrics { address 127.0.0.1:9466; }\n')
    return gateway


def metric(side, group):
    with urllib.request.urlopen('http://127.0.0.1:9466/metrics', timeout=10) as reply:
        return sum(int(n) for n in re.findall(rf'^postern_handshakes_group_total{{.*side="{side}",group="{group}"}} (\d+)$', reply.read().decode(), re.M))


def test_in_and_out(counted):
    """One message: s_client names the group of its way in, Postfix that of its way out; report, log and counters name both."""
    gateway = counted
    client = Client('X25519MLKEM768' if HYBRIDS else None)
    assert client.group().lower() == BEST.lower(), client.said
    number = client.send('hybrid@postfix.test')
    client.end()
    gateway.wait_state(number, 'delivered')
    taken = lambda: [m for m in gateway.lab.mailbox('postfix') if number in m]
    assert gateway.lab.wait_for(taken, 30)  # Postfix writes it down behind its answer
    groups = re.findall(r'key-exchange (\S+)', taken()[0])
    assert [g.lower() for g in groups[:2]] == [BEST.lower()] * 2, taken()[0][:2000]  # what Postfix saw, what we saw of s_client
    report = gateway.lab.report(number)
    assert report['group'] == BEST and report['attempts'][-1]['group'] == BEST, report
    words = gateway.lab.postern('message', number).stdout
    assert re.search(rf'encrypted: TLSv1\.3, \S+, \d+ bit, {BEST}$', words, re.M) and f'key exchange {BEST},' in words, words
    accepted = [line for line in gateway.lab.log().splitlines() if number in line and 'group' in line]
    assert len(accepted) >= 2 and all(BEST in line for line in accepted), accepted
    assert gateway.lab.wait_for(lambda: metric('server', BEST) > 0 and metric('client', BEST) > 0, 20)


def test_hello_retry(counted):
    """A client that knows the hybrid and sends another share is asked for it (RFC 8446 4.1.4); one that does not know it is taken as it is."""
    for groups, wanted in ([('X25519:X25519MLKEM768', BEST)] if HYBRIDS else []) + [('X25519:P-256', 'x25519')]:
        client = Client(groups)
        assert client.group().lower() == wanted.lower(), client.said
        assert counted.lab.report(client.send('x@good.test'))['group'] == wanted
        client.end()


# --- who stumbles over a ClientHello of two segments (tldr.fail, openssl/openssl#27557, golang/go#80573) ---------------------

@pytest.fixture(scope='module')
def stumbling(counted):
    counted.restart(delivery='tls-time 3s;', partner='partner "known" { domains helloset.test; outbound require cert; avoid hybrid-groups; }\n'
                    'partner "strict" { domains hellocloses.test hellohangs.test; outbound require cert; }\n'
                    'partner "forged" { domains helloforged.test; outbound require cert; }\n')
    return counted


def hellos(gateway, domain):
    return [m['octets'] > 1460 for m in gateway.lab.received('host-mx.' + domain) if m['event'] == 'hello']


def quirks(gateway, domain):
    return [x for x in gateway.lab.postern('domains', 'quirks', json_out=True) if x['host'] == 'mx.' + domain]


@pytest.mark.parametrize('domain', ['hellocloses.test', 'hellohangs.test'])
def test_reached_all_the_same(stumbling, domain):
    """Once more with classical groups, verified as before; remembered for a day, shown, forgotten. Without ML-KEM nobody stumbles."""
    gateway = stumbling
    number = gateway.send('x@' + domain)
    gateway.wait_state(number, 'delivered', 40)
    attempts = gateway.lab.report(number)['attempts']
    assert attempts[-1]['group'] == 'x25519' and attempts[-1]['grade'] in ('cert', 'auth'), attempts
    if not HYBRIDS:
        assert hellos(gateway, domain) == [False] and quirks(gateway, domain) == []
        return
    assert hellos(gateway, domain) == [True, False] and len(attempts) == 2
    assert 'tried again without hybrid-groups' in attempts[0]['detail'] and 'without hybrid-groups' in attempts[1]['detail'], attempts
    assert gateway.lab.wait_for(lambda: quirks(gateway, domain))
    found, = quirks(gateway, domain)
    assert found['without'] == 'hybrid-groups' and found['domain'] == domain
    days = [time.mktime(time.strptime(found[at][:19], '%Y-%m-%dT%H:%M:%S')) / 86400 for at in ('since', 'until')]
    assert round(days[1] - days[0], 3) == 1
    again = gateway.send('y@' + domain)
    gateway.wait_state(again, 'delivered', 40)
    assert hellos(gateway, domain).count(True) == 1 and len(gateway.lab.report(again)['attempts']) == 1
    assert 'hybrid-groups' in str(gateway.lab.postern('domains', 'show', domain, json_out=True)['quirks'])
    assert 'without hybrid-groups' in gateway.lab.postern('probe', '--quick', domain).stdout
    assert gateway.lab.postern('domains', 'forget-quirks', 'mx.' + domain).returncode == 0
    assert quirks(gateway, domain) == []
    if domain == 'hellocloses.test':
        found = gateway.lab.postern('probe', '--quick', domain).stdout  # finds it by itself, and remembers nothing
        assert 'without hybrid-groups' in found and 'x25519' in found and quirks(gateway, domain) == [], found


def test_set_by_the_administrator(stumbling):
    gateway = stumbling
    number = gateway.send('x@helloset.test')
    gateway.wait_state(number, 'delivered', 40)
    attempts = gateway.lab.report(number)['attempts']
    assert len(attempts) == 1 and attempts[0]['group'] == 'x25519' and 'without hybrid-groups' in attempts[0]['detail'], attempts
    assert hellos(gateway, 'helloset.test') == [False] and quirks(gateway, 'helloset.test') == []
    found = gateway.lab.postern('probe', '--quick', 'helloset.test').stdout  # and so are probes
    assert 'without hybrid-groups' in found and hellos(gateway, 'helloset.test') == [False, False], found


def test_nothing_is_gained_by_who_interrupts(stumbling):
    """A certificate that is not trusted behind a broken hello: the message waits as without it, nothing is remembered, nothing goes in clear."""
    gateway = stumbling
    number = gateway.send('secret@helloforged.test')
    found = gateway.wait_reason(number, 'grade-too-low', 40)
    assert found['state'] == 'waiting' and hellos(gateway, 'helloforged.test')[:2] == ([True, False] if HYBRIDS else [False])
    assert quirks(gateway, 'helloforged.test') == [] and not gateway.lab.messages('host-mx.helloforged.test')
    assert not [m for m in gateway.lab.received('host-mx.helloforged.test') if m['event'] == 'data-in-clear']
    gateway.lab.postern('queue', 'delete', number)
