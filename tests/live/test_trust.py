"""Certificates with one fault each, shown to the gateway: by a partner's server that brings mail (`inbound require cert`), and by
the server that mail goes to (`outbound require cert`). What is said in the reply, the log, the list of refusals and the report
names that fault, and no other. The kinds are those that `openssl verify` gives for the same files (lab/certificates.py).

Revocation is not tried here: Postern asks no authority for lists, only what is stapled counts (test_tls_world.py).
"""
import email
import json
import os
import re
import smtplib
import ssl
import sys

import pytest
from certificates import BY_NAME, FAULTS, Workshop
from conftest import OUTSIDE, TOP

PARTNER = 'partner.test'
# who brings mail may show what is for TLS either way (docs/field.md: public authorities issue for servers only)
EITHER = ('sslclient', 'sslserver')


@pytest.fixture(scope='module')
def shop(world):
    return Workshop(world)


# --- a client that brings mail ------------------------------------------------------------------------------------------

@pytest.fixture(scope='module')
def partner(gateway, shop):
    gateway.restart(partner=f'partner "Client Co" {{ domains client.test; inbound require cert; inbound-names {PARTNER}; }}')
    return gateway


def shown(gateway, pair, sender):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers('DEFAULT:@SECLEVEL=0')  # shows a small key, too
    context.load_cert_chain(*pair)
    with smtplib.SMTP(gateway.address, 25, local_hostname='client.test', source_address=(OUTSIDE, 0), timeout=30) as c:
        c.ehlo()
        c.starttls(context=context)
        c.ehlo()
        code, text = c.mail(sender)
        return code, text.decode()


def agreed_words(fault):
    if fault.name == 'wrongname':
        return r'is for another name than agreed: it names elsewhere\.test'
    return fault.words.split(r'; is for another name')[0]  # names are compared where the certificate counts


@pytest.mark.parametrize('name', [f.name for f in FAULTS])
def test_a_certificate_of_a_client(partner, shop, name):
    fault, lab = BY_NAME[name], partner.lab
    pair = shop.make(fault, PARTNER)
    fine = shop.counts(fault, pair[0], PARTNER, EITHER)
    sender = f'{name}@client.test'
    code, text = shown(partner, pair, sender)
    if fine:
        assert code == 250, text
        return
    words = agreed_words(fault)
    assert code == 550 and re.match(rf"5\.7\.10 Mail from Client Co is only taken over a secure connection \(cert\), and your server's certificate {words}", text), text
    assert len(text) < 500 and 'TLSA' not in text, text  # that is for servers
    lines = lab.wait_for(lambda: [line for line in lab.log().splitlines() if 'event=inbound-refused' in line and sender in line])
    had = 'TLS, trusted certificate of elsewhere\\.test' if name == 'wrongname' else f'TLS, certificate of [a-z]+\\.test: {words}'
    assert lines and re.search(f'had="{had}', lines[0]), lines
    row = lab.wait_for(lambda: [r for r in lab.postern('refusals', json_out=True) if r['from'] == sender])[0]
    assert re.match(had, row['had']) and re.search(words, row['reason']), row
    assert [line for line in lab.postern('refusals').stdout.splitlines() if sender in line and re.search(had, line)], row


# --- a server that mail goes to -----------------------------------------------------------------------------------------

HOSTS = {f.name: (f'c{n}.cause.test', f'mx{n}.cause.test', f'127.0.7.{n + 1}') for n, f in enumerate(FAULTS)}  # tests/lab/tls_domains.py


@pytest.fixture(scope='module')
def sent(gateway, shop):
    """A mail to each, and what came of it."""
    lab, servers, fine = gateway.lab, [], {}
    for fault in FAULTS:
        _, host, address = HOSTS[fault.name]
        chain, key = shop.make(fault, host)
        fine[fault.name] = shop.counts(fault, chain, host, ('sslserver',))
        servers.append({'mode': 'good', 'address': address, 'port': 25, 'record': lab.path('records', 'cause'), 'cert': chain, 'key': key, 'options': {'ciphers': 'DEFAULT:@SECLEVEL=0'}})
    with open(lab.path('etc', 'cause.json'), 'w') as out:
        json.dump(servers, out)
    lab.start('cause', [sys.executable, os.path.join(TOP, 'tests', 'lab', 'receiver.py'), '--many', lab.path('etc', 'cause.json')])
    for server in servers:
        lab.wait_port(server['address'], 25)
    gateway.restart(partner='partner "causes" { domains .cause.test; outbound require cert; }', first_retry='10m', queue='notice-after 1s; delay-notice 1s;', extra='monitor { probe no; }')
    ids = {name: gateway.send(f'x@{domain}', sender=f'{name}@inside.test') for name, (domain, _, _) in HOSTS.items()}
    for name in ids:
        gateway.wait_state(ids[name], 'delivered' if fine[name] else 'waiting')
    notices = lambda name: [m['data'] for m in lab.messages('inside.test') if m['sender'] == '' and f'(our number {ids[name]})' in m['data']]
    lab.wait_for(lambda: all(notices(name) for name in ids if not fine[name]), 25, 0.3)
    told = {name: (lab.report(i), lab.postern('message', i).stdout, notices(name)) for name, i in ids.items()}
    yield lab, ids, fine, told, lab.postern('queue', 'list').stdout, lab.log(since=0)
    lab.stop('cause')


@pytest.mark.parametrize('name', [f.name for f in FAULTS])
def test_a_certificate_of_a_server(sent, name):
    fault, (lab, ids, fine, told, listed, log) = BY_NAME[name], sent
    report, text, notices = told[name]
    rcpt, host = report['recipients'][0], HOSTS[name][1]
    if fine[name]:
        assert rcpt['state'] == 'delivered' and report['attempts'][-1]['certificate-check'] == 'trusted CA and right name', report
        return
    words = 'certificate: ' + fault.words
    assert (rcpt['reason'], rcpt['status']) == ('grade-too-low', '4.7.5') and re.match(words, rcpt['detail']), rcpt
    others = [f.name for f in FAULTS if f.codes and not set(f.codes) & set(fault.codes) and re.search(f.words, rcpt['detail'])]
    assert not others, (rcpt, others)
    assert re.search(fault.words, report['attempts'][-1]['certificate-check']), report
    assert re.search(words, ' '.join(text.split())), text
    assert re.search(words, listed.split(ids[name])[1].split(ids[name][:4])[0]), listed
    line = [x for x in log.splitlines() if f'id={ids[name]} ' in x and 'reason=grade-too-low ' in x]
    assert line and re.search(words, line[0]), line
    diagnostic = ' '.join(email.message_from_string(notices[0]).get_payload()[1].get_payload()[1]['Diagnostic-Code'].split())
    assert len(notices) == 1 and re.search(words, diagnostic) and f'dns;{host}' in notices[0], notices
