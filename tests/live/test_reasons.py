"""Every reason the decision can give, provoked by real peers, and what is said of it: in the report, the list of the queue, the
log, the metrics, and the notice to the sender. A mail that waits is read twice: while it waits, and when its lifetime is over.

The table REASONS is held against src/policy/reasons.tbl: a reason that no row provokes fails. Words and codes come from the
cause: RFC 3463 and 5248 (status codes), 3464 (notices), 5321, 7505 (null MX), 7672 (DANE), 8461 (MTA-STS), 8689 (REQUIRETLS).
"""
import email
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field

import pytest
from conftest import TOP, signal_process

# reasons that cannot be had from outside, and the unit test that has each instead
ELSEWHERE = {
    'none': 'no recipient has it: it stands for no reason at all',
    'escalated': 'exhaustive/table.txt: what escalates goes to its ladder before a server is asked',
    'no-binary': 'unit/sevenbit: every body with bare line ends is converted, but what is signed',
    'expired': 'test_schedule.py::test_mail_that_was_never_tried_ends_at_its_hour',
    'restored': 'test_store.py::test_a_copy_is_put_back_elsewhere_and_waits',
    'picked-up': 'test_portal.py::test_reminders_and_the_end, with a reader',
}


@dataclass
class Case:
    reason: str
    to: str
    state: str                   # in the report
    code: str                    # RFC 3463
    detail: str = ''             # regular expression of what the report says beside the sentence
    said: str = None             # what the receiving server itself said, word for word
    host: str = None             # who is named as Remote-MTA; None: no server was talked to, so none is named (RFC 3464 2.3.5)
    action: str = ''             # of the notice: delayed, failed; '' for none
    ends: bool = True            # its lifetime ends in the second part
    send: dict = field(default_factory=dict)
    name: str = ''


def waiting(reason, to, code, detail='', **more):
    return Case(reason, to, 'waiting', code, detail, action='delayed', **more)


def returned(reason, to, code, detail='', **more):
    return Case(reason, to, 'returned', code, detail, action='failed', ends=False, **more)


def went(reason, to, **more):
    return Case(reason, to, 'delivered', '2.0.0', '250 2\\.0\\.0 taken', ends=False, **more)


SIGNED = ('MIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary=b; protocol=x; micalg=y\r\n',
          '--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nGr\u00fc\u00dfe\r\n--b\r\nContent-Type: application/x\r\n\r\nx\r\n--b--')
RULED = 'demanded by a rule for this sender or recipient'
CASES = [
    went('sent', 'x@good.test'),
    went('sent-plain', 'x@nocrypt.test'),
    went('sent-legacy', 'x@tls11only.test'),
    # --- what the name service says
    returned('null-mx', 'x@null.test', '5.1.10'),                                                # RFC 7505 4.1
    waiting('mx-lookup', 'x@bogus.test', '4.4.3', 'MX: .*bogus\\.test.*signature'),
    returned('no-domain', 'x@nosuch.test', '5.1.2'),
    returned('no-host', 'x@noaddress.test', '5.4.4'),
    returned('loop', 'x@loop.test', '5.4.6'),
    waiting('tlsa-lookup', 'x@tlsafail.test', '4.7.5', 'TLSA of mx\\.tlsafail\\.test: the name server failed'),
    waiting('sts-lookup', 'x@ststxtfail.test', '4.7.5', 'MTA-STS of ststxtfail\\.test: the name server failed'),
    waiting('dane-required', 'x@wantsdane.test', '4.7.5', 'publishes no TLSA records'),
    waiting('mx-not-in-policy', 'x@stsmx.insecure.test', '4.4.8', 'mx\\.stsmx\\.insecure\\.test; the policy of stsmx\\.insecure\\.test lists mx\\.other\\.test'),
    # --- the connection and its encryption
    waiting('connect', 'x@dead.test', '4.4.1', 'Connection refused'),
    waiting('no-starttls', 'x@plain.test', '4.7.4', RULED, host='mx.plain.test'),
    waiting('look-incomplete', 'x@looktwo.test', '4.7.4', 'not asked: mx\\.looktwo\\.test \\[127\\.0\\.6\\.1\\]: Connection refused', host='mx.looktwo.test'),
    waiting('tls-refused', 'x@refuse.test', '4.7.5', said='454 4.7.0 TLS not available', host='mx.refuse.test'),
    waiting('tls-failed', 'x@garbled.test', '4.7.5', 'what the server sent is not TLS', host='mx.garbled.test'),
    waiting('weak-crypto', 'x@tls10.test', '4.7.5', 'only TLSv1 with ECDHE-ECDSA-AES256-SHA; ' + RULED, host='mx.tls10.test'),
    waiting('dane-mismatch', 'x@stsdane.test', '4.7.5', 'DANE: the certificate is not the one that the TLSA records publish', host='mx.stsdane.test'),
    waiting('grade-too-low', 'x@expired.test', '4.7.5', 'certificate: has expired \\(2020-02-01\\); it must be renewed there; ' + RULED, host='mx.expired.test'),
    waiting('grade-too-low', 'x@pinnedwrong.test', '4.7.5', 'not those that the rule names', host='mx.pinnedwrong.test', name='pin'),
    waiting('grade-too-low', 'x@wantsauth.insecure.test', '4.7.5', "nothing vouches for the server's name: neither DNSSEC nor MTA-STS", host='mx.wantsauth.insecure.test', name='name'),
    returned('no-requiretls', 'x@good.test', '5.7.30', host='mx.good.test', send={'params': 'REQUIRETLS'}),                     # RFC 8689 4.2.1
    returned('grade-too-low', 'x@reqbad.test', '5.7.10', 'it names somebody\\.else\\.test, not mx\\.reqbad\\.test', host='mx.reqbad.test', send={'params': 'REQUIRETLS'}, name='reqtls'),
    returned('no-starttls', 'x@nocrypt.test', '5.7.10', "the sender's REQUIRETLS", host='mx.nocrypt.test', send={'params': 'REQUIRETLS'}, name='reqtls'),
    # --- TLS that does not come about, each by its cause
    *[waiting('tls-failed', f'x@{d}.test', '4.7.5', words, host=f'mx.{d}.test', name=d) for d, words in [
        ('cbcsha1', 'no cipher, key exchange or signature in common with us \\(alert 40, handshake failure\\)'),
        ('strictonly', 'no cipher, key exchange or signature in common with us \\(alert 40'),
        ('wantscert', 'it demands a certificate of ours \\(alert 116'),
        ('wantscert12', 'it demands a certificate of ours \\(alert 40'),
        ('dh1024', 'the Diffie-Hellman key of the server is too small'),
        ('hugechain', 'the server sent a message larger than is read'),
        ('old11', 'it speaks no version of TLS that is offered here \\(alert 70'),
        ('cutshort', 'the server closed the connection in the TLS handshake'),
        ('mute', 'no end of the TLS handshake within 2 s')]],
    # --- the conversation
    returned('rejected', 'x@reject.test', '5.1.1', said='550 5.1.1 no such person here', host='mx.reject.test'),
    returned('rejected', 'x@notusall.test', '5.7.1', said='554 5.7.1 blocked by a list', host='mx1.notusall.test', name='mail'),
    waiting('rejected', 'x@tempfail.test', '4.2.0', said='451 4.2.0 come back later', host='mx.tempfail.test'),
    waiting('broken-session', 'x@drop.test', '4.4.2', 'closed the connection', host='mx.drop.test'),
    waiting('bad-smtp', 'x@inject.test', '4.5.0', 'data behind the answer to STARTTLS', host='mx.inject.test'),
    waiting('timeout', 'x@silent.test', '4.4.2', 'no greeting within 2 s', host='mx.silent.test'),
    returned('too-big', 'x@small.test', '5.3.4', 'the message has \\d+ octets, and the server takes 1000', host='mx.small.test', send={'body': ('y' * 70 + '\r\n') * 30}),
    returned('no-8bit', 'x@seven.test', '5.6.3', 'signed or encrypted, and a conversion would break that', host='mx.seven.test', send={'params': 'BODY=8BITMIME', 'headers': SIGNED[0], 'body': SIGNED[1]}),
    returned('no-utf8', 'jos\u00e9@eight.test', '5.6.7', 'does not offer SMTPUTF8', host='mx.eight.test', send={'params': 'SMTPUTF8'}),
    # --- what the organisation wants
    returned('no-secure-channel', 'x@nocrypt.test', '5.7.10', 'no secure connection could be had', send={'sender': 'strict@inside.test'}, host='mx.nocrypt.test'),
    Case('held', 'x@good.test', 'held', '4.7.1', 'the flag \\[secure\\]', action='delayed', ends=False, send={'subject': '[secure] x', 'sender': 'byhand@inside.test'}),
    returned('refused', 'x@good.test', '5.7.1', 'not from this house', send={'headers': 'X-Kind: refuse\r\n'}),
    Case('asked', 'x@good.test', 'held', '4.7.1', 'Is that meant\\?', action='delayed', ends=False, send={'headers': 'X-Kind: ask\r\n'}),
    Case('tested', 'x@good.test', 'returned', '5.7.0', 'it would be kept in the portal', ends=False, send={'subject': '[securetest] x'}),  # its letter: test_told.py
    returned('near-miss', ['x@good.test', 'y@inside.test'], '5.7.0', '"\\[secrue\\]" in the subject is nearly the flag \\[secure\\]', send={'subject': '[secrue] x'}),
    Case('pickup', 'x@good.test', 'waits in the portal', '', ends=False, send={'subject': '[secure] x'}),
    returned('unreachable', 'x@reject.test', '5.1.1', said='550 5.1.1 no such person here', host='mx.reject.test', send={'subject': '[secure] x'}),
]
RULES = '''
inspection { packs @packs@; wait 10s; }
portal { url https://gateway.test; address 127.0.2.1:443; from secure@inside.test; pages @pages@; }
flags { trial yes; }
ladder "strict" { channels tls:2s drop; }
ladder "byhand" { channels hold; }
account strict@inside.test { ladder strict; secure-from cert; protect secure; }
account byhand@inside.test { ladder byhand; }
ladder "later" { channels tls:4s portal; }
account not-prepared@inside.test { ladder later; secure-from cert; protect secure; }
rule "refuses" { header "X-Kind: refuse"; action bounce; text "not from this house"; }
rule "asks" { direction outbound; header "X-Kind: ask"; action ask; text "Is that meant?"; }
workers { smtpout 1; }
rule "weak" { to @tls10.test; outbound require encrypt; }
partner "causes" { domains .cause.test; outbound require cert; }
monitor { probe no; first-probe-time 1s; }
metrics { address 127.0.0.1:9469; }
'''


def submit(gateway, to, params='', headers='', body='hello', sender='nurse@inside.test', subject='test'):
    with gateway.smtp() as client:
        client.command_encoding = 'utf-8'
        assert client.docmd(f'MAIL FROM:<{sender}> {params}')[0] == 250
        for rcpt in [to] if isinstance(to, str) else to:
            assert client.docmd(f'RCPT TO:<{rcpt}>')[0] == 250
        code, text = client.data(f'From: <{sender}>\r\nSubject: {subject}\r\n{headers}\r\n{body}\r\n'.encode())
        assert code == 250, text
    return text.decode().split()[-1]


def table():
    """The program's own list: name -> (deferred, bounced, sentence)."""
    with open(os.path.join(TOP, 'src', 'policy', 'reasons.tbl')) as text:
        joined = re.sub(r'"\n +"', '', text.read())
    rows = re.findall(r'^R\(\w+, "([^"]*)", "([^"]*)", "([^"]*)", "[^"]*",\s+"([^"]*)"\)$', joined, re.M)
    return {name: rest for name, *rest in rows}


class Walk:
    """One gateway, everything provoked at once; what is told is kept for the tests."""

    def __init__(self, gateway):
        self.gateway, self.lab = gateway, gateway.lab
        self.ids, self.first, self.last = {}, {}, {}

    def configured(self, **change):
        lab = self.lab
        top = change.pop('top', '')
        rules = '' if 'relay ' in top else lab.tls.rules()  # pins and DANE of rules say nothing beside a relay, and are refused
        return lab.config(extra=RULES, partner=rules, first_retry=change.pop('first_retry', '10m'), delivery='greeting-time 2s; tls-time 2s;',
                          top='administrator admin@inside.test;\n' + top, queue='notice-after 1s; delay-notice 1s; idle-connection 0s;', **change)

    def start(self, text):
        self.lab.stop_gateway()
        self.lab.start_gateway(text)

    def log_has(self, message_id, reason, seconds=15):
        return self.lab.wait_for(lambda: any(message_id in line and f'reason={reason} ' in line for line in self.lab.log(since=0).splitlines()), seconds)

    def settled(self):
        """Every mail has come to something."""
        listed = {m['id']: m for m in self.lab.postern('queue', 'list', json_out=True)}
        return all(r['state'] != 'queued' for key, i in self.ids.items() if i in listed for r in listed[i]['recipients'])

    def told(self, message_id):
        return [m['data'] for m in self.lab.messages('inside.test') if m['sender'] == '' and f'(our number {message_id})' in m['data']]

    def send_all(self):
        for n, case in enumerate(CASES):
            self.ids[n] = submit(self.gateway, case.to, **{'sender': f's{n}@inside.test', **case.send})
        self.lab.wait_for(lambda: all(self.told(self.ids[n]) for n, case in enumerate(CASES) if case.action), 25, 0.3)
        self.lab.wait_for(self.settled, 10, 0.2)
        self.first = {n: self.look(i) for n, i in self.ids.items()}
        self.listed = self.lab.postern('queue', 'list').stdout

    def look(self, message_id):
        return self.lab.report(message_id), self.lab.postern('message', message_id).stdout, self.told(message_id)

    # --- what an administrator, a sender or a failure of ours does
    def act(self, reason, to='x@tempfail.test', **how):
        self.ids[reason] = submit(self.gateway, to, sender=f'{reason}@inside.test', **how)
        return self.ids[reason]

    def queue(self, verb, reason):
        assert self.lab.postern('queue', verb, self.ids[reason]).returncode == 0

    def keep(self, reason, said=''):
        assert self.log_has(self.ids[reason], said or reason), (reason, self.lab.log(since=0)[-3000:])
        self.last[reason] = self.look(self.ids[reason])

    def administrators(self):
        for reason in ('on-hold', 'released', 'deleted'):
            self.gateway.wait_reason(self.act(reason), 'rejected')
            self.queue('delete' if reason == 'deleted' else 'hold', reason)
        self.queue('release', 'released')
        for reason in ('on-hold', 'released', 'deleted'):
            self.keep(reason)

    def senders(self):
        asked = self.ids[next(n for n, c in enumerate(CASES) if c.reason == 'asked')]
        address = re.findall(r'mailto:(choice\+d[^\s>]*@gateway\.test)', plain(self.told(asked)[0].replace('=\r\n', '')))[0]
        sender = self.lab.report(asked)['from'] if 'from' in self.lab.report(asked) else f's{[c.reason for c in CASES].index("asked")}@inside.test'
        self.ids['not-a-choice'] = submit(self.gateway, address, sender='other@inside.test')
        self.ids['taken'] = submit(self.gateway, address, sender=sender)
        self.ids['taken-back'] = asked
        for reason in ('not-a-choice', 'taken', 'taken-back'):
            self.keep(reason)

    def damage(self):
        spool = self.lab.path('store', 'spool')
        before = set(os.listdir(spool))
        message_id = self.act('damaged', 'x@greylist.test', body=('z' * 70 + '\r\n') * 1500)
        self.gateway.wait_reason(message_id, 'rejected')
        name = [n for n in set(os.listdir(spool)) - before if not n.startswith('.')][0]
        with open(os.path.join(spool, name), 'r+b') as sealed:
            sealed.seek(60000)
            sealed.write(b'not what was written')
        self.queue('retry', 'damaged')
        self.gateway.wait_state(message_id, 'held')
        self.keep('damaged')

    def process_dies(self, reason, process):
        """Stopped while a delivery asks it, and ended: its work was never done."""
        self.gateway.wait_reason(self.act(reason), 'rejected')
        pid = next(p['pid'] for p in self.lab.postern('status', json_out=True) if p['process'].startswith(process))
        signal_process(pid, signal.SIGSTOP)
        self.queue('retry', reason)
        self.gateway.wait_leased(self.ids[reason])
        time.sleep(0.5)  # and asks
        signal_process(pid, signal.SIGKILL)
        self.keep(reason)

    def poison(self):
        self.act('poison', 'x@hangs.test')
        for _ in range(2):
            name, pid = self.gateway.delivering()
            signal_process(pid, signal.SIGKILL)
            self.lab.wait_for(lambda: self.gateway.pids().get(name) not in (pid, 0), 20, 0.05)
        self.gateway.wait_state(self.ids['poison'], 'held')
        self.last['poison'] = self.look(self.ids['poison'])

    def not_prepared(self):
        """Read well by an inspection; later two processes end over it, when it is made ready for the portal."""
        message_id = self.act('not-prepared', 'x@dead.test')
        self.gateway.wait_reason(message_id, 'connect')
        inspectors = lambda: {pid for name, pid in self.gateway.pids().items() if name.startswith('inspect') and pid > 1}
        first, keys = inspectors(), self.gateway.pid('keys-0')
        for pid in first:
            signal_process(pid, signal.SIGSTOP)
        assert self.lab.wait_for(lambda: self.gateway.state(message_id)['next-hop'] == '=portal', 15)  # its time on the rung before is over
        signal_process(keys, signal.SIGSTOP)  # whoever gets the message waits for its key
        try:
            for pid in first:
                signal_process(pid, signal.SIGCONT)
            self.gateway.wait_leased(message_id)
            for pid in first:
                signal_process(pid, signal.SIGKILL)
            second = self.lab.wait_for(lambda: (lambda now: now if len(now) == len(first) and not now & first else None)(inspectors()), 10)
            self.gateway.wait_leased(message_id)
            for pid in second:
                signal_process(pid, signal.SIGKILL)
            self.gateway.wait_state(message_id, 'held', 10)
        finally:
            signal_process(keys, signal.SIGCONT)
        self.keep('not-prepared')

    def shutdown(self):
        """A job is handed out while its process has been told to stop, and stands still for a moment."""
        self.gateway.wait_reason(self.act('shutdown'), 'rejected')
        pid = next(pid for name, pid in self.gateway.pids().items() if name.startswith('smtpout'))
        signal_process(pid, signal.SIGSTOP)
        self.lab.procs['posternd'].send_signal(signal.SIGTERM)
        time.sleep(2)  # the others stop before it
        self.queue('retry', 'shutdown')
        time.sleep(0.3)
        signal_process(pid, signal.SIGCONT)
        self.lab.stop_gateway()
        self.start(self.configured())
        self.keep('shutdown')

    def end(self):
        """A start with a short lifetime: everything is too old."""
        lab = self.lab
        lab.stop_gateway()
        with lab.edited_store() as db:
            db.execute("UPDATE envelope SET expires_ms = made_ms + 1000 WHERE address = 'x@good.test'")
        with open(lab.path('relay-password'), 'w') as out:
            out.write('wrong\n')
        lab.start_gateway(self.configured(first_retry='4s', lifetime='5s', top=f'relay mx.smarthost.test {{ tls cert; user login@inside.test; password-file {lab.path("relay-password")}; }}\n'))
        self.ids['not-picked-up'] = self.ids[next(n for n, c in enumerate(CASES) if c.reason == 'pickup')]
        self.gateway.wait_reason(self.act('login-refused', 'x@elsewhere.test'), 'login-refused')
        self.last['login-refused'] = self.look(self.ids['login-refused'])
        self.gateway.wait_state(self.ids['not-picked-up'], 'expired', 20)
        self.last['not-picked-up'] = self.look(self.ids['not-picked-up'])
        ends = [n for n, c in enumerate(CASES) if c.ends]
        lab.wait_for(lambda: all(len(self.told(self.ids[n])) == 2 for n in ends), 20, 0.3)
        self.last.update({n: self.look(self.ids[n]) for n in ends})
        lab.stop_gateway()
        lab.start_gateway(self.configured(first_retry='4s', top='relay nosuch.good.test { tls cert; }\n'))
        self.gateway.wait_reason(self.act('next-hop', 'x@elsewhere.test'), 'next-hop')
        self.last['next-hop'] = self.look(self.ids['next-hop'])

    def metrics(self):
        with urllib.request.urlopen('http://127.0.0.1:9469/metrics', timeout=10) as answer:
            return {m[1]: m[0] for m in re.findall(r'outcomes_total\{process="queue-0",result="([^"]*)",reason="([^"]*)"', answer.read().decode())}


@pytest.fixture(scope='module')
def walk(gateway):
    w = Walk(gateway)
    w.start(w.configured())
    for domain in ('tls11only.test', 'tls10.test'):
        assert w.lab.postern('exception', 'add', 'legacy', domain, '--owner', 'Ann', '--reason', 'an old one', '--hours', '1').returncode == 0
    w.send_all()
    w.counted = w.metrics()
    w.administrators()
    w.senders()
    w.poison()
    w.process_dies('keys-away', 'keys')
    w.process_dies('our-fault', 'lookup')
    w.damage()
    w.not_prepared()
    w.shutdown()
    w.end()
    return w


def name_of(case):
    return case.reason + ('-' + case.name if case.name else '')


# what is provoked by doing something: state in the report, detail, code. State '': it is over before one can look, the log has it
ACTS = {
    'on-hold': ('held', '', ''),
    'released': ('', '', ''),
    'deleted': ('deleted', '', ''),
    'taken-back': ('deleted', '', ''),
    'taken': ('delivered', 'the choice was recorded', '2.0.0'),
    'not-a-choice': ('returned', 'not one that was offered to you', '5.7.1'),
    'damaged': ('held', 'its sealed text is not as it was written', '4.3.0'),
    'keys-away': ('', 'it ended while it was asked', '4.3.0'),
    'our-fault': ('', 'its name lookups ended while they were asked', '4.3.0'),
    'poison': ('held', '', ''),
    'not-prepared': ('held', 'two processes ended over it', '4.3.0'),
    'shutdown': ('', '', '4.3.2'),
    'next-hop': ('waiting', '', '4.3.5'),
    'login-refused': ('waiting', '535 5\\.7\\.8 no', '4.7.8'),
    'not-picked-up': ('expired', '', '5.4.7'),
}


def test_every_reason_is_walked():
    provoked = {c.reason for c in CASES} | set(ACTS)
    assert set(table()) == provoked | set(ELSEWHERE), (set(table()) - provoked - set(ELSEWHERE), (provoked | set(ELSEWHERE)) - set(table()))
    assert not provoked & set(ELSEWHERE)


def plain(text):
    return ' '.join(text.split())


@pytest.mark.parametrize('n', range(len(CASES)), ids=[name_of(c) for c in CASES])
def test_what_is_said(walk, n):
    """Report, list, log and count: one state, one reason, its code, its facts."""
    case, (report, words, _) = CASES[n], walk.first[n]
    rcpt, sentence = report['recipients'][0], table()[case.reason][2]
    assert (rcpt['state'], rcpt['reason'], rcpt['status']) == (case.state, case.reason, case.code), rcpt
    if case.said:
        assert rcpt['detail'] == case.said, rcpt
    assert re.search(case.detail, rcpt['detail']) and (case.detail or case.said or rcpt['detail'] in ('', "demanded by the sender's REQUIRETLS, the domain has offered encryption")), rcpt
    if case.state == 'delivered':
        assert 'Sent securely: ' + {'sent': 'yes', 'sent-plain': 'NO; not encrypted', 'sent-legacy': 'NO; encrypted with outdated'}[case.reason] in words, words
    else:
        assert f'Why: {sentence}\n' in words and 'Sent securely' not in words.split('\nTo <')[1], words
        assert not [a for a in report['attempts'] if a['action'] == 'send'] or case.reason == 'near-miss', report
    if case.state in ('waiting', 'held'):
        mine = walk.listed.split(walk.ids[n])[1].split('\n6')[0]
        assert case.state in mine and sentence in mine and (not case.said or case.said in mine), mine
    line = [x for x in walk.lab.log(since=0).splitlines() if f'id={walk.ids[n]} ' in x and f'reason={case.reason} ' in x]
    assert line and (not case.code or f'code={case.code} ' in line[0]) and 'process=queue-0' in line[0], line
    assert case.reason in walk.counted, walk.counted


def fields_of(notice):
    parts = email.message_from_string(notice).get_payload()
    return parts[0].get_payload(decode=True).decode(), parts[1].get_payload()[1]


def check_notice(notice, case, code, action, sentence):
    words, fields = fields_of(notice)
    assert fields['Action'] == action and fields['Status'] == code, notice
    assert fields['Remote-MTA'] == (f'dns;{case.host}' if case.host else None), notice
    diagnostic = plain(fields['Diagnostic-Code'] or '')
    if case.said:
        assert diagnostic == 'smtp;' + case.said and 'The other server said: ' + case.said in plain(words), notice
    else:
        assert not diagnostic.startswith('smtp;') and 'The other server said' not in words, notice
        assert re.search(case.detail, diagnostic), notice
    assert sentence in plain(words), notice
    assert ('the message waits' not in words and 'held for' not in words) or action == 'delayed', notice
    assert all(len(line) <= 100 for line in words.splitlines()), words


@pytest.mark.parametrize('n', [n for n, c in enumerate(CASES) if c.action], ids=[name_of(c) for c in CASES if c.action])
def test_what_the_sender_hears(walk, n):
    """RFC 3464 2.3: what the other side said is repeated as it was said; a server that was not talked to is not named."""
    case, (_, _, notices) = CASES[n], walk.first[n]
    assert len(notices) == 1, notices
    check_notice(notices[0], case, case.code, case.action, table()[case.reason][2])


@pytest.mark.parametrize('reason', list(ACTS))
def test_what_is_said_of_acts_and_failures(walk, reason):
    state, detail, code = ACTS[reason]
    report, words, _ = walk.last[reason]
    rcpt = report['recipients'][0]
    if state:
        assert (rcpt['state'], rcpt['reason'], rcpt['status']) == (state, reason, code), rcpt
        assert re.search(detail, rcpt['detail']) and (detail or not rcpt['detail']), rcpt
        assert f'Why: {table()[reason][2]}' in words, words
    if reason != 'poison': # that is about the message, not about one recipient: message-quarantined
        line = [x for x in walk.lab.log(since=0).splitlines() if f'id={walk.ids[reason]} ' in x and f'reason={reason} ' in x]
        assert line and (not code or f'code={code} ' in line[0]) and re.search(detail, line[0]), line


ENDS = [n for n, c in enumerate(CASES) if c.ends]


@pytest.mark.parametrize('n', ENDS, ids=[name_of(CASES[n]) for n in ENDS])
def test_what_is_said_when_time_is_over(walk, n):
    """RFC 3463 3.5: the code of what was found at the last attempt, not X.4.7; RFC 3463 2: class 4."""
    case, (report, words, notices) = CASES[n], walk.last[n]
    rcpt, sentence = report['recipients'][0], table()[case.reason][2]
    assert (rcpt['state'], rcpt['reason'], rcpt['status'], rcpt['sender-told']) == ('expired', case.reason, case.code, True), rcpt
    assert f'Why: {sentence}\n' in words, words
    assert len(notices) == 2, notices
    check_notice(notices[1], case, case.code, 'failed', 'it expired; at the last attempt: ' + sentence)
