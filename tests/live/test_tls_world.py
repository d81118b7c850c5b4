"""The whole TLS decision against a hundred domains: DANE, MTA-STS, memory, monitor, rules, exceptions, REQUIRETLS,
TLS reports. The scorecard's expectations stand in tests/lab/tls_domains.py."""
import base64
import email
import gzip
import hashlib
import json
import re
import signal
import subprocess
import time

import pytest
import scorecard
from conftest import INSIDE, OUTSIDE, signal_process

DAYS = 'monitor { interval 2s; loss-window 2s; probe-lifetime 1s; expiry-warning 1h; }'


@pytest.fixture(scope='module')
def tls(gateway):
    """The gateway with the rules of the scorecard; a mail waits long before it is tried again."""
    gateway.restart(first_retry='10m', partner=gateway.lab.tls.rules(), queue='idle-connection 2s;', top='administrator admin@inside.test;')
    yield gateway
    gateway.restart()


def configured(gateway, extra='', **change):
    settings = {'first_retry': '10m', 'queue': 'idle-connection 0s;', 'partner': gateway.lab.tls.rules(), 'top': 'administrator admin@inside.test;\n' + extra, **change}
    gateway.restart(**settings)


def judged(gateway, rcpt, seconds=20, **how):
    """Sends a mail; its recipient's state and the last attempt once it was tried."""
    message_id = gateway.send(rcpt, **how)
    report = gateway.lab.wait_for(lambda: (lambda r: r if r['recipients'][0]['state'] != 'queued' and r['attempts'] else None)(gateway.lab.report(message_id)), seconds)
    assert report, gateway.lab.log()[-2000:]
    return report['recipients'][0], report['attempts'][-1]


def days_pass(gateway, name):
    """The looks of seven days, of which one was yesterday's: looks every two seconds make no days."""
    lab = gateway.lab
    assert lab.wait_for(lambda: domain(gateway, name)['days-without-offer'] == 1, 20)
    time.sleep(5)
    assert domain(gateway, name)['days-without-offer'] == 1 and domain(gateway, name)['seen']
    text = open(lab.path('postern.conf')).read()
    lab.stop_gateway()
    with lab.edited_store() as db:
        db.execute('UPDATE domain SET negative_days = 6, negative_ms = negative_ms - 86400000 WHERE name = ?', (name,))
    lab.start_gateway(text)


def domain(gateway, name):
    return gateway.lab.postern('domains', 'show', name, json_out=True)


def alarms(gateway):
    return {(a['kind'], a['domain']) for a in gateway.lab.postern('domains', 'alarms', json_out=True)}


def test_scorecard(tls):
    lines = []
    bad = scorecard.run(tls.lab, lines.append)
    assert not bad, '\n'.join(lines)
    assert len(tls.lab.tls.domains) >= 90


def test_reports_carry_the_facts(tls):
    _, a = judged(tls, 'x@dane311.test')
    assert a['dane'] == 'usable' and a['dane-check'].startswith('matches TLSA 3 1 1') and a['mx'] == 'secure'
    assert "the recipient domain's DANE records" in a['demanded-by']
    _, a = judged(tls, 'x@stsgood.insecure.test')
    assert a['mta-sts'] == 'match' and a['grade'] == 'auth' and "the recipient domain's MTA-STS policy" in a['demanded-by']
    text = tls.lab.log()
    assert re.search(r'delivered .*to=x@dane311\.test .*dane=usable .*raised=dane', text)
    told = tls.lab.postern('explain', 'nurse@inside.test', 'x@dane311.test', json_out=True)['hosts'][0]
    assert told['dane'] == 'usable' and {o['session']: o['action'] for o in told['outcomes']}['pkix_ok'] == 'defer'


def test_group_rule(tls):
    assert judged(tls, 'x@nocrypt.test', sender='dr@inside.test')[0]['reason'] == 'no-starttls'
    assert judged(tls, 'x@nocrypt.test', sender='x@ward.inside.test')[0]['reason'] == 'no-starttls'
    assert judged(tls, 'x@nocrypt.test')[0]['reason'] == 'sent-plain'


def send_utf8(gateway, rcpt):
    client = gateway.smtp()
    client.mail('nurse@inside.test', ['SMTPUTF8'])
    assert client.rcpt(rcpt)[0] == 250, rcpt
    code, text = client.data(b'From: <nurse@inside.test>\r\nSubject: spelled\r\n\r\nhello\r\n')
    assert code == 250, text
    client.quit()
    return text.decode().split()[-1]


def tried(gateway, message_id):
    """The recipient once it was tried."""
    report = gateway.lab.wait_for(lambda: (lambda r: r if r['attempts'] else None)(gateway.lab.report(message_id)), 20)
    assert report, gateway.lab.log()[-2000:]
    return report['recipients'][0]


def test_a_rule_holds_for_every_spelling(tls):
    """RFC 5890 2.3.2.4: U-label and A-label are one name; UTS 46 for letters and full stops. The server's certificate is bad."""
    spellings = ('x@müller.test', 'x@XN--MLLER-KVA.test', 'x@MÜLLER.TEST', 'x@mu\u0308ller.test', 'x@müller\u3002test', 'x@müller.test.', 'x@xn--mller-kva.test.')
    sent = [send_utf8(tls, rcpt) for rcpt in spellings]
    for rcpt, message_id in zip(spellings, sent):
        state = tried(tls, message_id)
        assert state['reason'] == 'grade-too-low', (rcpt, state)
        assert state['forward-path'] == 'x@xn--mller-kva.test'
    assert not tls.lab.tls.seen_messages('xn--mller-kva.test')


def test_memory_holds_for_every_spelling(tls):
    """Offered under one name, stripped under another: nothing goes in clear."""
    configured(tls)
    tls.lab.tls.switch('xn--bcher-kva.test', 'good')
    assert tried(tls, send_utf8(tls, 'x@bücher.test'))['state'] == 'delivered'
    tls.lab.tls.switch('xn--bcher-kva.test', 'plain')
    for rcpt in ('y@xn--bcher-kva.test', 'y@BÜCHER.test', 'y@bücher.test.'):
        assert tried(tls, send_utf8(tls, rcpt))['reason'] == 'no-starttls'
    for name in ('bücher.test', 'XN--BCHER-KVA.test.', 'xn--bcher-kva.test'):
        known = domain(tls, name)
        assert known['seen'] is True and known['domain'] == 'xn--bcher-kva.test'
    lab = tls.lab
    assert lab.postern('exception', 'add', 'relax', 'BÜCHER.test', '--owner', 'Ann', '--reason', 'z', '--hours', '1').returncode == 0
    assert tried(tls, send_utf8(tls, 'z@xn--bcher-kva.test'))['reason'] == 'sent-plain'
    lab.postern('exception', 'end', str(lab.postern('exception', 'list', json_out=True)[0]['number']))


def test_what_is_no_domain_is_refused_at_rcpt(tls):
    client = tls.smtp()
    client.mail('nurse@inside.test', ['SMTPUTF8'])
    for rcpt in ('x@a\u200db.test', 'x@1\u05d0.test', 'x@\u2488.test'):  # ZWJ out of place, RFC 5893, UTS 46: disallowed
        code, text = client.rcpt(rcpt)
        assert code == 553 and text.startswith(b'5.1.2 '), (rcpt, code, text)
    client.quit()


def test_a_kept_connection_is_judged_anew(tls):
    first, a = judged(tls, 'x@shared1.test')
    assert first['reason'] == 'sent' and a['grade'] == 'encrypt'
    second, b = judged(tls, 'x@shared2.test')  # the same host at once, but a rule demands a certificate
    assert second['reason'] == 'grade-too-low' and b['address'] == a['address']


def test_memory_binds_other_messages_and_outlives_a_restart(tls):
    configured(tls)
    tls.lab.tls.switch('switch1.test', 'good')
    assert judged(tls, 'x@switch1.test')[0]['state'] == 'delivered'
    tls.lab.tls.switch('switch1.test', 'plain')
    state, a = judged(tls, 'y@switch1.test')
    assert (state['reason'], state['status']) == ('no-starttls', '4.7.4')
    assert 'the domain has offered encryption' in a['demanded-by']
    configured(tls)
    assert judged(tls, 'z@switch1.test')[0]['reason'] == 'no-starttls'
    assert domain(tls, 'switch1.test')['seen'] is True


def test_a_sighting_outlives_a_killed_queue(tls):
    lab = tls.lab
    lab.tls.switch('switch1.test', 'good')
    lab.postern('probe', '--quick', 'switch1.test')
    tls.send('q@garbled.test')
    assert lab.wait_for(lambda: 'event=sighting domain=garbled.test' in lab.log() or lab.postern('domains', 'show', 'garbled.test').returncode == 0)
    signal_process(lab.child_pid('queue-0'), signal.SIGKILL)
    lab.wait_ready()
    assert lab.wait_for(lambda: lab.postern('domains', 'show', 'garbled.test').returncode == 0 and domain(tls, 'garbled.test')['seen'])


# RFC 7672 9.1 MAY: DANE can be left out for single domains
def test_exceptions_end_and_are_named(tls):
    lab = tls.lab
    lab.tls.switch('switch1.test', 'plain')
    add = lambda *words: lab.postern('exception', 'add', *words)
    assert 'at most 30 days' in add('relax', 'switch1.test', '--owner', 'Ann', '--days', '31', '--reason', 'x').stderr
    assert add('relax', 'switch1.test', '--owner', 'Ann').returncode == 1  # no reason
    assert add('relax', 'switch1.test', '--owner', 'Ann', '--reason', 'their firewall is broken, call 12', '--hours', '2').returncode == 0
    state, a = judged(tls, 'r@switch1.test')
    assert state['reason'] == 'sent-plain' and 'Ann' in a['exception'] and 'call 12' in a['exception']
    listed = lab.postern('exception', 'list', json_out=True)
    assert listed[0]['state'] == 'in force' and listed[0]['domain'] == 'switch1.test'
    assert lab.postern('exception', 'end', str(listed[0]['number'])).returncode == 0
    assert judged(tls, 's@switch1.test')[0]['reason'] == 'no-starttls'
    assert add('relax', 'garbled.test', '--owner', 'Ann', '--reason', 'y').returncode == 0
    assert judged(tls, 'x@garbled.test')[0]['reason'] == 'tls-failed'  # an offer is an offer: relax does not lower that
    assert add('legacy', 'tls11only.test', '--owner', 'Ann', '--reason', 'old scanner').returncode == 0
    state, a = judged(tls, 'x@tls11only.test')
    assert state['reason'] == 'sent-legacy' and a['tls-version'] == 'TLSv1.1' and a['grade'] == 'encrypt' and 'old scanner' in a['exception']
    for e in lab.postern('exception', 'list', json_out=True):
        lab.postern('exception', 'end', str(e['number']))


def test_probe(tls):
    lab = tls.lab
    one = lab.postern('probe', 'tls12only.test', json_out=True)[0]
    host = one['hosts'][0]
    assert one['grade'] == 'auth' and host['versions-accepted'] == 'TLSv1.2' and 'ECDHE-ECDSA-AES256-GCM-SHA384' in host['ciphers-accepted']
    old = lab.postern('probe', 'tls11only.test', json_out=True)[0]
    assert old['hosts'][0]['versions-accepted'] == 'TLSv1.1' and not old['mail-would-go'] and old['reason'] == 'tls-failed'
    dane = lab.postern('probe', '--quick', 'dane311.test', json_out=True)[0]['hosts'][0]
    assert lab.postern('probe', 'dane311.test', json_out=True)[0]['hosts'][0]['versions-accepted'] == 'TLSv1.2 TLSv1.3'
    assert dane['dane'] == 'usable' and dane['session'] == 'dane_ok' and dane['tlsa-records'].startswith('3 1 1 ')
    sts = lab.postern('probe', '--quick', 'stsgood.insecure.test', json_out=True)[0]
    assert sts['mta-sts'] == 'enforce' and 'mode: enforce' in sts['mta-sts-policy'] and sts['hosts'][0]['mta-sts'] == 'match'
    assert lab.postern('probe', '--quick', 'rptdane.test', json_out=True)[0]['tls-reports-to'] == 'mailto:dane@rptbox.test'
    assert lab.postern('probe', '--quick', 'reqtls.test', json_out=True)[0]['hosts'][0]['requiretls'] is True
    words = lab.postern('probe', 'good.test')
    assert words.returncode == 0 and 'It says nothing about mail from there' in words.stdout and 'Servers tested' in words.stdout
    assert lab.postern('probe', 'plainboth.test').returncode == 1
    for name, part in (('null.test', 'accepts no mail'), ('nosuch.test', 'does not exist'), ('bogus.test', 'cannot be looked up'), ('dead.test', 'no server that answers')):
        assert part in lab.postern('probe', '--quick', name).stdout, name
    with open(lab.path('etc', 'many'), 'w') as out:
        out.write('# partners\n' + '\n'.join(d.name for d in lab.tls.domains[:40]) + '\n')
    many = lab.postern('probe', '--file', lab.path('etc', 'many'))
    assert '40 domains:' in many.stdout and many.stdout.count('\n') >= 43


def test_memory_of_another_gateway(tls):
    lab = tls.lab
    with open(lab.path('etc', 'memory'), 'w') as out:
        json.dump([{'domain': 'Elsewhere1.test', 'seen': True}, {'domain': 'elsewhere2.test', 'seen': False}, {'domain': 'b\u00f6se domain', 'seen': True}], out)
    done = lab.postern('domains', 'import', lab.path('etc', 'memory'))
    assert done.returncode == 0 and '1 domains, 1 of them not known before' in done.stdout
    assert domain(tls, 'elsewhere1.test')['seen'] and lab.postern('domains', 'show', 'elsewhere2.test').returncode == 1


# RFC 7672 2.1.1 MUST: a resolver that validates is used
def test_a_resolver_that_does_not_validate(tls):
    lab = tls.lab
    text = lab.config(top='administrator admin@inside.test;').replace(f'trust-anchor {lab.path("zones", "anchor")};', '')
    lab.stop_gateway()
    lab.start_gateway(text)
    assert lab.wait_for(lambda: ('resolver', '') in alarms(tls)), alarms(tls)
    assert 'DANE cannot be used' in tls.counters('lookup-0') and 'resolver-self-test' in lab.log()
    assert judged(tls, 'x@danewrong.test')[1]['dane'] == 'none'
    configured(tls)
    assert lab.wait_for(lambda: ('resolver', '') not in alarms(tls))


# RFC 8461 3.3 MUST: nothing live but a valid one kept: that one
def test_policies_survive_their_web_server(tls):
    lab = tls.lab
    assert judged(tls, 'x@stskept.insecure.test')[0]['reason'] == 'sent'
    kept = lab.postern('sts', 'show', 'stskept.insecure.test', json_out=True)
    assert kept['state'] == 'enforce' and kept['id']
    lab.stop('nginx')
    try:
        signal_process(lab.child_pid('lookup-0'), signal.SIGKILL)  # its successor gets the policies from the store
        lab.wait_ready()
        assert judged(tls, 'k@stskept.insecure.test')[1]['mta-sts'] == 'match'
        configured(tls)
        again = lab.postern('sts', 'show', 'stskept.insecure.test', json_out=True)
        assert (again['state'], again['id'], again['fetched']) == ('enforce', kept['id'], kept['fetched'])
        assert judged(tls, 'y@stskept.insecure.test')[1]['mta-sts'] == 'match'
        failed = lab.postern('sts', 'refresh', 'stskept.insecure.test', json_out=True)
        assert failed['state'] == 'enforce' and failed['problem'] == 'sts-policy-fetch-error' and failed['expires'] == kept['expires']
    finally:
        lab.tls.start_web()
        lab.wait_port('127.0.1.200', 443)


# RFC 8461 3.4 MUST: a smart host is its own policy domain
def test_a_smart_host_has_a_policy(tls):
    """It is the policy domain then, and not the recipient's domain."""
    tls.restart(top='administrator admin@inside.test;\nrelay stsrelay.insecure.test { tls encrypt; }')
    try:
        assert judged(tls, 'x@good.test')[0]['reason'] == 'mx-not-in-policy'
    finally:
        configured(tls)


# RFC 8461 3.3 MUST NOT: nothing of HTTP is cached
# RFC 8461 5 MUST NOT: no mail comes back before a newer policy was looked for
def test_a_changed_policy(tls):
    lab = tls.lab
    lab.tls.set_policy('stsmove.insecure.test', 'version: STSv1\nmode: enforce\nmx: mx.elsewhere.test\nmax_age: 86400\n')
    assert lab.postern('sts', 'refresh', 'stsmove.insecure.test', json_out=True)['state'] == 'enforce'
    lab.tls.set_policy('stsmove.insecure.test', 'version: STSv1\nmode: enforce\nmx: mx.stsmove.insecure.test\nmax_age: 86400\n')
    assert judged(tls, 'x@stsmove.insecure.test')[0]['reason'] == 'sent'  # the mismatch made it look again, the id is the same
    lab.tls.set_policy('stsmove.insecure.test', 'version: STSv1\nmode: none\nmax_age: 86400\n')
    assert lab.postern('sts', 'refresh', 'stsmove.insecure.test', json_out=True)['state'] == 'none'
    with open(lab.path('etc', 'policy'), 'w') as out:
        out.write('version: STSv1\nmode: enforce\nmx: mx.other.test\nmax_age: 86400\n')
    assert judged(tls, 'x@preload.insecure.test')[0]['reason'] == 'sent'
    assert lab.postern('sts', 'preload', 'preload.insecure.test', lab.path('etc', 'policy')).returncode == 0
    assert judged(tls, 'y@preload.insecure.test')[0]['reason'] == 'mx-not-in-policy'
    with open(lab.path('etc', 'policy'), 'w') as out:
        out.write('version: STSv1\nmode: forced\n')
    refused = lab.postern('sts', 'preload', 'preload.insecure.test', lab.path('etc', 'policy'))
    assert refused.returncode == 1 and 'mode is not' in refused.stderr


def esmtp(gateway, rcpt, parameters, sender='nurse@inside.test', header='', source=INSIDE, tls=True):
    client = gateway.smtp(source, tls)
    code, text = client.docmd('MAIL', f'FROM:<{sender}> {parameters}')
    if code != 250:
        return code, text.decode(), None
    client.rcpt(rcpt)
    code, text = client.data(f'From: <{sender}>\r\nSubject: very secret\r\nMessage-ID: <id@x>\r\n{header}\r\nhello\r\n')
    client.quit()
    return code, text.decode(), text.decode().split()[-1]


# RFC 8689 2 MUST: REQUIRETLS is taken inside TLS alone
# RFC 8689 2 MUST: the server announces it inside TLS
# RFC 8689 4.1 MUST: a message with REQUIRETLS keeps it
# RFC 8689 4.1 MUST: all copies of a message have the same
# RFC 8689 4.2.1 MUST: REQUIRETLS holds but for the null reverse-path
# RFC 8689 4.2.1 SHOULD: with status 5.7.30 or 5.7.10
# RFC 8689 5 MUST: a bounce of it is protected as the original, or shortened
# RFC 8689 5 SHOULD NOT: a bounce is not lost for want of REQUIRETLS
def test_requiretls(tls):
    lab = tls.lab
    with tls.smtp() as client:
        assert client.has_extn('requiretls')
    with tls.smtp(OUTSIDE) as client:  # the way inside is not known to be safe
        assert not client.has_extn('requiretls')
    with tls.smtp(tls=False) as client:
        client.ehlo()
        assert not client.has_extn('requiretls') and client.docmd('MAIL', 'FROM:<a@inside.test> REQUIRETLS')[0] == 530
    _, _, good = esmtp(tls, 'x@reqtls.test', 'REQUIRETLS')
    tls.wait_state(good, 'delivered')
    host = next(d for d in lab.tls.all if d.name == 'reqtls.test').hosts[0]
    assert 'REQUIRETLS' in lab.received('host-' + host.name)[-1]['parameters']
    assert lab.report(good)['requiretls'] is True
    _, _, lacking = esmtp(tls, 'x@good.test', 'REQUIRETLS', sender='reqtls@inside.test')
    state = tls.wait_state(lacking, 'returned')
    assert (state['reason'], state['status']) == ('no-requiretls', '5.7.30')
    notice = lab.wait_for(lambda: [m for m in lab.messages('inside.test') if m['rcpts'] == ['reqtls@inside.test']])[0]['data']
    assert 'very secret' not in notice and '<id@x>' in notice and 'Status: 5.7.30' in notice
    _, _, unvouched = esmtp(tls, 'x@reqtls.insecure.test', 'REQUIRETLS', sender='')
    tls.wait_state(unvouched, 'delivered')  # a report is not held back for want of it (RFC 8689 5)
    _, _, unvouched = esmtp(tls, 'x@reqtls.insecure.test', 'REQUIRETLS')
    found = tls.wait_state(unvouched, 'returned')
    assert (found['reason'], found['status']) == ('grade-too-low', '5.7.10')  # RFC 8689 4.2.1: told at once, not kept waiting


# RFC 8689 3 SHOULD: TLS-Required: No: sent whatever the recipient's policies say
# RFC 8689 3 SHOULD: and over TLS where that is offered
# RFC 8689 3 MUST NOT: more than one such field counts for nothing
# RFC 8689 4.1 MUST: a message with the field alone keeps that
def test_tls_required_no(tls):
    assert judged(tls, 'x@danewrong.test')[0]['reason'] == 'dane-mismatch'
    _, _, waived = esmtp(tls, 'x@danewrong.test', '', header='TLS-Required: No\r\n')
    tls.wait_state(waived, 'delivered')
    assert tls.lab.report(waived)['attempts'][-1]['tls-version']
    _, _, ruled = esmtp(tls, 'x@wantstls.test', '', header='TLS-Required: No\r\n')
    tls.wait_reason(ruled, 'no-starttls')  # never a rule of ours
    for header in ('TLS-Required: No\r\nTLS-Required: No\r\n', 'TLS-Required: maybe\r\n'):
        _, _, twice = esmtp(tls, 'x@danewrong.test', '', header=header)
        tls.wait_reason(twice, 'dane-mismatch')
    configured(tls, 'tls-required-no ignore;')
    _, _, ignored = esmtp(tls, 'x@danewrong.test', '', header='TLS-Required: No\r\n')
    tls.wait_reason(ignored, 'dane-mismatch')


def test_sender_learns_early(tls):
    configured(tls, queue='notice-after 1s; idle-connection 0s;')
    lab = tls.lab
    message_id = tls.send('x@wantstls.test', sender='early@inside.test')
    found = lambda: [m for m in lab.messages('inside.test') if m['rcpts'] == ['early@inside.test']]
    notice = email.message_from_string(lab.wait_for(found, 15)[0]['data'])
    words, fields, _ = notice.get_payload()
    assert fields.get_payload()[1]['Action'] == 'delayed' and fields.get_payload()[1]['Status'] == '4.7.4' and fields.get_payload()[1]['Will-Retry-Until']
    text = ' '.join(words.get_payload().split())
    assert 'demanded by a rule for this sender or recipient' in text
    assert 'offers no encryption, and this mail may not go without' in text and 'Nothing was sent in clear' in text and 'tried again until' in text
    outside = tls.send('x@wantstls.test', sender='somebody@elsewhere.test')
    time.sleep(3)
    assert len(found()) == 1 and not [m for m in lab.messages('inside.test') if 'somebody@elsewhere.test' in m['rcpts']]
    assert tls.state(message_id)['state'] == tls.state(outside)['state'] == 'waiting'


# --- memory that is lowered, the monitor, alarms --------------------------------------------------------------

def test_lost_encryption_alarms_and_is_unlearned_slowly(tls):
    lab = tls.lab
    lab.tls.switch('switch2.test', 'good')
    configured(tls, DAYS)
    assert judged(tls, 'x@switch2.test')[0]['state'] == 'delivered'
    lab.tls.switch('switch2.test', 'plain')
    assert lab.wait_for(lambda: ('lost-tls', 'switch2.test') in alarms(tls), 15), alarms(tls)
    mail = lambda: [m for m in lab.messages('inside.test') if m['rcpts'] == ['admin@inside.test'] and 'switch2.test no longer offers encryption' in m['data']]
    assert lab.wait_for(mail, 90), lab.log()[-2000:]
    shown = domain(tls, 'switch2.test')
    assert shown['seen'] and 0 <= shown['days-without-offer'] < 7 and shown['history'][0]['offered'] is False
    assert judged(tls, 'y@switch2.test')[0]['reason'] == 'no-starttls'
    days_pass(tls, 'switch2.test')
    assert lab.wait_for(lambda: not domain(tls, 'switch2.test')['seen'], 40), domain(tls, 'switch2.test')
    assert domain(tls, 'switch2.test')['unlearned']
    assert judged(tls, 'z@switch2.test')[0]['reason'] == 'sent-plain'
    assert 'switch2.test' in lab.postern('domains', 'list').stdout
    lab.tls.switch('switch2.test', 'good')  # raising is immediate
    assert lab.wait_for(lambda: domain(tls, 'switch2.test')['seen'], 15)


def test_secure_mail_needs_a_confirmation(tls):
    lab = tls.lab
    lab.tls.switch('switch3.test', 'good')
    configured(tls, DAYS + '\nrule "s" { to demand@switch3.test; outbound require encrypt; }')
    assert judged(tls, 'demand@switch3.test')[0]['state'] == 'delivered'
    lab.tls.switch('switch3.test', 'plain')
    days_pass(tls, 'switch3.test')
    assert lab.wait_for(lambda: domain(tls, 'switch3.test')['waits-for-confirmation'], 60, 0.5), domain(tls, 'switch3.test')
    assert domain(tls, 'switch3.test')['seen'] and ('unlearn', 'switch3.test') in alarms(tls)
    assert lab.postern('domains', 'confirm', 'switch3.test').returncode == 0
    assert not domain(tls, 'switch3.test')['seen']


def test_many_losses_are_one_alarm(tls):
    lab = tls.lab
    names = [f'switch{i}.test' for i in range(4, 9)]
    for name in names:
        lab.tls.switch(name, 'good')
    configured(tls, 'monitor { interval 1d; loss-window 25s; probe-lifetime 1s; }')  # a loss waits 4 s
    for name in names:
        assert judged(tls, 'x@' + name)[0]['state'] == 'delivered'
    for name in names:
        lab.tls.switch(name, 'plain')
    lab.postern('probe', '--quick', *names)
    assert lab.wait_for(lambda: ('middlebox', '') in alarms(tls), 20), alarms(tls)
    assert not [a for a in alarms(tls) if a[0] == 'lost-tls' and a[1] in names]
    text = [a for a in lab.postern('domains', 'alarms', json_out=True) if a['kind'] == 'middlebox'][0]['detail']
    assert all(name in text for name in names)


def test_certificates_that_end_soon(tls):
    """Of two with 20 days left the one of a hundred is late, that of twenty is new (spaze/michalspacek.cz#660)."""
    configured(tls, 'monitor { interval 2s; expiry-warning 60d; domains good.test ending.test danewrong.test; }')
    assert tls.lab.wait_for(lambda: {('expiry', 'ending.test'), ('dane', 'danewrong.test')} <= alarms(tls), 20), alarms(tls)
    assert 'certificate-ends' in tls.lab.postern('domains', 'show', '--json', 'good.test').stdout
    assert ('expiry', 'good.test') not in alarms(tls)


# --- TLS reports ---------------------------------------------------------------------------------------------------

def relaxed(name, value):
    return name.lower() + ':' + re.sub(r'[ \t]+', ' ', re.sub(r'\r\n', '', value)).strip() + '\r\n'


def check_dkim(lab, raw):
    """Verifies the signature without our code: canonical forms here, the mathematics by openssl."""
    raw = re.sub(r'(?<!\r)\n', '\r\n', raw)
    head, body = raw.split('\r\n\r\n', 1)
    fields = re.findall(r'^([^\s:]+):([^\r\n]*(?:\r\n[ \t][^\r\n]*)*)', head, re.M)
    signature = dict(fields)['DKIM-Signature']
    tags = dict(re.sub(r'\s', '', t).split('=', 1) for t in signature.split(';') if t.strip())
    lines = [re.sub(r'[ \t]+', ' ', line).rstrip(' ') for line in body.split('\r\n')]
    while lines and not lines[-1]:
        lines.pop()
    canonical = ''.join(line + '\r\n' for line in lines)
    assert base64.b64decode(tags['bh']) == hashlib.sha256(canonical.encode()).digest()
    wanted = ''.join(relaxed(n, next(v for f, v in fields if f.lower() == n.lower())) for n in tags['h'].split(':'))
    wanted += relaxed('DKIM-Signature', re.sub(r'b=[^;]*$', 'b=', signature))[:-2]
    for name, data in (('text', wanted.encode()), ('signature', base64.b64decode(tags['b']))):
        with open(lab.path('etc', name), 'wb') as out:
            out.write(data)
    done = subprocess.run(['openssl', 'dgst', '-sha256', '-verify', lab.path('etc', 'dkim.pub'), '-signature', lab.path('etc', 'signature'), lab.path('etc', 'text')],
                          capture_output=True, text=True)
    assert 'Verified OK' in done.stdout, done
    assert tags['d'] == 'inside.test' and tags['s'] == 'mail' and 'l' not in tags


@pytest.fixture(scope='module')
def reporting(tls):
    lab = tls.lab
    key = lab.path('etc', 'dkim.key')
    lab.run('openssl', 'genrsa', '-out', key, '2048')
    lab.run('openssl', 'rsa', '-in', key, '-pubout', '-out', lab.path('etc', 'dkim.pub'))
    configured(tls, f'tls-reports {{ send yes; contact tlsrpt@inside.test; receive tlsrpt@inside.test; delay 1s; }}\nsigning {{ domain inside.test; selector mail; key {key}; }}', queue='idle-connection 8s;')
    return tls


def reports_in(lab, rcpt):
    return [m for m in lab.received('host-mx.rptbox.test') if m['event'] == 'message' and m['rcpts'] == [rcpt]]


# RFC 8461 6 SHOULD: failures are counted for reports
# RFC 8460 3 MAY: a certificate of an HTTPS endpoint that is not good is taken
# RFC 8460 3 MUST: reports arrive whatever TLS failures there are
# RFC 8460 3 SHOULD NOT: the session with a report is not in the next report
# RFC 8460 3 MUST: reports by mail are signed with DKIM
# RFC 8460 3 MAY: each address of the record gets it
# RFC 8460 3 SHOULD NOT: it is sent only when one address has taken it
# RFC 8460 4.4 MUST: domains and mx-host are A-labels
# RFC 8460 5.1 MUST: the file's name ends in .json.gz
# RFC 8460 5.2 SHOULD: reports are packed with gzip
# RFC 8460 5.3 MAY: reports go by mail, as multipart/report
# RFC 8460 5.3 MUST: TLS-Report-Domain and TLS-Report-Submitter are there
# RFC 8460 5.3 MUST: the submitter is the domain of contact-info
# RFC 8460 5.3 SHOULD: these fields are signed
# RFC 8460 5.3.1 MUST NOT: MTA-STS and DANE do not stop a report
# RFC 8460 5.4 MAY: reports go by POST
def test_reports_are_sent(reporting):
    lab = reporting.lab
    assert judged(reporting, 'x@rpt.insecure.test')[0]['reason'] == 'grade-too-low'
    assert judged(reporting, 'y@rptdane.test')[0]['reason'] == 'sent'
    assert judged(reporting, 'z@rptbad.test')[0]['reason'] == 'tls-failed'  # ordinary mail waits
    assert lab.postern('tlsrpt', 'send').returncode == 0
    mail = lab.wait_for(lambda: reports_in(lab, 'tls-reports@rptbox.test'), 30)
    assert mail, lab.postern('tlsrpt', 'sent').stdout + lab.log()[-2000:]
    check_dkim(lab, mail[0]['data'])
    message = email.message_from_string(mail[0]['data'])
    assert message.get_content_type() == 'multipart/report' and message.get_param('report-type') == 'tlsrpt'
    assert message['TLS-Report-Domain'] == 'rpt.insecure.test' and message['TLS-Report-Submitter'] == 'inside.test'
    part = message.get_payload()[1]
    assert part.get_content_type() == 'application/tlsrpt+gzip' and re.fullmatch(r'inside\.test!rpt\.insecure\.test!\d+!\d+!.+\.json\.gz', part.get_filename())
    report = json.loads(gzip.decompress(part.get_payload(decode=True)))
    policy = next(p for p in report['policies'] if p['policy']['policy-type'] == 'sts')
    assert policy['policy']['policy-domain'] == 'rpt.insecure.test' and policy['policy']['mx-host'] == ['mx.rpt.insecure.test']
    assert 'mode: enforce' in policy['policy']['policy-string'] and policy['summary'] == {'total-successful-session-count': 0, 'total-failure-session-count': 1}
    failure = policy['failure-details'][0]
    assert failure['result-type'] == 'certificate-expired' and failure['receiving-mx-hostname'] == 'mx.rpt.insecure.test' and failure['sending-mta-ip'] == '127.0.2.1'
    assert re.fullmatch(r'\d{4}-\d\d-\d\dT00:00:00Z', report['date-range']['start-datetime']) and report['contact-info'] == 'tlsrpt@inside.test'
    posted = lab.wait_for(lambda: lab.received('posted'))
    assert posted, lab.postern('tlsrpt', 'sent').stdout + lab.log('report-web')
    assert posted[0]['path'] == '/v1/report' and posted[0]['type'] == 'application/tlsrpt+gzip'
    assert json.loads(gzip.decompress(base64.b64decode(posted[0]['body']))) == report
    dane = email.message_from_string(lab.wait_for(lambda: reports_in(lab, 'dane@rptbox.test'), 30)[0]['data'])
    policies = json.loads(gzip.decompress(dane.get_payload()[1].get_payload(decode=True)))['policies']
    assert policies[0]['policy']['policy-type'] == 'tlsa' and policies[0]['policy']['policy-domain'] == 'mx.rptdane.test'
    assert policies[0]['policy']['policy-string'][0].startswith('3 1 1 ') and policies[0]['summary']['total-successful-session-count'] == 1
    bad = lambda: [m for m in lab.received('host-mx.rptbad.test') if m['event'] == 'message']
    assert lab.wait_for(bad, 20) and bad()[0]['tls'] is None  # a report must arrive even where TLS fails (RFC 8460 3)
    _, _, waived = esmtp(reporting, 'w@rptbad.test', '', header='TLS-Required: No\r\n')
    reporting.wait_reason(waived, 'tls-failed')  # the report's plain connection serves nobody else
    sent = {r['domain']: r['state'] for r in lab.postern('tlsrpt', 'sent', json_out=True)}
    assert sent['rpt.insecure.test'] == sent['rptdane.test'] == 'sent'
    assert 'rptbox.test' not in sent  # the mail with the report is not counted itself


# RFC 8460 4.1 SHOULD: a report covers a day in UTC
def test_yesterdays_report_goes_out_by_itself(reporting):
    lab = reporting.lab
    before = len(reports_in(lab, 'dane@rptbox.test'))
    judged(reporting, 'n@rptdane.test')
    text = open(lab.path('postern.conf')).read()
    lab.stop_gateway()
    with lab.edited_store() as db:  # what was counted today was counted yesterday
        db.execute('DELETE FROM rpt_sent')
        db.execute('UPDATE OR IGNORE rpt_count SET day = day - 1')
    lab.start_gateway(text)
    assert lab.wait_for(lambda: len(reports_in(lab, 'dane@rptbox.test')) == before + 1, 30), lab.postern('tlsrpt', 'sent').stdout
    time.sleep(6)
    assert len(reports_in(lab, 'dane@rptbox.test')) == before + 1  # once
    sent = lab.postern('tlsrpt', 'sent', json_out=True)
    assert {r['domain']: r['state'] for r in sent}['rptdane.test'] == 'sent' and sent[0]['day'] < time.strftime('%Y-%m-%dT', time.gmtime())


def report_mail(payload, kind='application/tlsrpt+gzip'):
    return ('From: <r@reporter.test>\r\nSubject: Report Domain: inside.test\r\nMIME-Version: 1.0\r\n'
            'Content-Type: multipart/report; report-type="tlsrpt";\r\n boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b\r\n'
            f'Content-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\n\r\n' + re.sub('(.{76})', '\\1\r\n', base64.b64encode(payload).decode()) + '\r\n--b--\r\n')


# RFC 8460 appendix B, mx-host as one string as printed there
SAMPLE = {'organization-name': 'Company-X', 'date-range': {'start-datetime': '2016-04-01T00:00:00Z', 'end-datetime': '2016-04-01T23:59:59Z'},
          'contact-info': 'sts-reporting@company-x.example', 'report-id': '5065427c-23d3-47ca-b6e0-946ea0e8c4be',
          'policies': [{'policy': {'policy-type': 'sts', 'policy-string': ['version: STSv1', 'mode: testing', 'mx: *.mail.company-y.example', 'max_age: 86400'],
                                   'policy-domain': 'company-y.example', 'mx-host': '*.mail.company-y.example'},
                        'summary': {'total-successful-session-count': 5326, 'total-failure-session-count': 303},
                        'failure-details': [{'result-type': 'certificate-expired', 'sending-mta-ip': '2001:db8:abcd:0012::1', 'receiving-mx-hostname': 'mx1.mail.company-y.example', 'failed-session-count': 100},
                                            {'result-type': 'validation-failure', 'sending-mta-ip': '198.51.100.62', 'receiving-ip': '203.0.113.58', 'receiving-mx-hostname': 'mx-backup.mail.company-y.example',
                                             'failed-session-count': 3, 'failure-reason-code': 'X509_V_ERR_PROXY_PATH_LENGTH_EXCEEDED'}]}]}


def test_reports_are_read(reporting):
    lab = reporting.lab
    send = lambda text: (lambda c: (c.mail('r@reporter.test'), c.rcpt('tlsrpt@inside.test'), c.data(text), c.quit())[2][1].decode().split()[-1])(reporting.smtp(OUTSIDE))
    first = send(report_mail(gzip.compress(json.dumps(SAMPLE).encode())))
    assert reporting.wait_state(first, 'delivered')['detail'] == 'read as a TLS report'
    send(report_mail(gzip.compress(json.dumps(SAMPLE).encode())))  # the same again counts once
    rows = lab.wait_for(lambda: lab.postern('tlsrpt', 'list', json_out=True))
    assert len(rows) == 1 and (rows[0]['ok'], rows[0]['failed'], rows[0]['domain'], rows[0]['organization']) == (5326, 303, 'company-y.example', 'Company-X')
    assert rows[0]['begin'] == '2016-04-01T00:00:00Z' and '100 x certificate-expired' in rows[0]['details'] and 'mx: *.mail.company-y.example' in rows[0]['details']
    assert 'X509_V_ERR_PROXY' in lab.postern('tlsrpt', 'show', str(rows[0]['number'])).stdout
    bomb = send(report_mail(gzip.compress(b' ' * 40_000_000)))
    assert 'larger than 10 MB' in reporting.wait_state(bomb, 'delivered')['detail']
    for payload in (b'{', b'', b'\x1f\x8bxx', gzip.compress(b'[]')):
        assert reporting.wait_state(send(report_mail(payload)), 'delivered')['detail'] != 'read as a TLS report'
    assert not [m for m in lab.messages('inside.test') if 'tlsrpt@inside.test' in m['rcpts']]
    assert len(lab.postern('tlsrpt', 'list', json_out=True)) == 1


# RFC 8460 5.5 SHOULD: a report that cannot be sent is tried again for a day
def test_reports_by_mail_are_signed_or_not_sent(tls):  # last: its gateway takes no reports, which the tests above want
    """RFC 8460 3: without a signature they must be ignored; due again, until an administrator sets a key, or a day is over."""
    configured(tls, 'tls-reports { send yes; contact tlsrpt@inside.test; delay 1s; }')
    text = open(tls.lab.path('postern.conf')).read()
    tls.lab.stop_gateway()
    with tls.lab.edited_store() as db:  # that of today may have gone out already
        db.execute('DELETE FROM rpt_sent')
    tls.lab.start_gateway(text)
    before = len(reports_in(tls.lab, 'dane@rptbox.test'))
    assert judged(tls, 'u@rptdane.test')[0]['reason'] == 'sent'
    assert tls.lab.postern('tlsrpt', 'send').returncode == 0
    row = lambda: [r for r in tls.lab.postern('tlsrpt', 'sent', json_out=True) if r['domain'] == 'rptdane.test' and 'without a signature' in r['detail']]
    assert tls.lab.wait_for(row, 20) and row()[0]['state'] == 'waiting' and row()[0]['next'], tls.lab.postern('tlsrpt', 'sent').stdout
    assert len(reports_in(tls.lab, 'dane@rptbox.test')) == before
