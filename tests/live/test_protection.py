"""What must be protected, and how: flags, groups, content, rules, the ladder, with real messages through the whole gateway."""
import base64
import datetime
import email
import email.header
import email.message
import io
import json
import os
import re
import signal
import smtplib
import subprocess
import time
import zipfile

import pytest
from conftest import INSIDE, OUTSIDE, TOP, serving, signal_process

PATIENT = 'patient Mary Jones, MRN 00483726, SSN 536-90-4399, has type 2 diabetes and takes metformin'
RULES = f'''
inspection {{ packs @packs@; wait 10s; }}
flags {{ }}
content "health" {{ pack hipaa; mode enforce; }}
content "cards"  {{ pack pci; mode report-only; }}
content "many"   {{ pack pci; when "card:high >= 3"; protect escalated; mode enforce; }}
group "lawyers"  {{ members law@inside.test "temp@inside.test until 2020-01-01" "now@inside.test until 2199-01-01"; protect escalated; }}
ladder "default" {{ channels tls:2s hold; }}
ladder "strict"  {{ channels tls:2s drop; }}
account @inside.test      {{ secure-from cert; }}
account strict@inside.test {{ ladder strict; }}
account never@inside.test  {{ secure-from never; protect secure; }}
forward "away@inside.test" {{ to x@good.test; keep no; }}
forward "both@inside.test" {{ to y@good.test y@nocrypt.test; }}
forward "seen@inside.test" {{ to x@plain.test; }}
monitor {{ probe no; }}
forward "copied@inside.test" {{ to z@good.test; keep yes; }}
rule "no programs"   {{ direction outbound; attachments program *.exe; action reject; text "Programs do not leave this house: Größe"; }}
rule "locked"        {{ direction outbound; unread password; to @bank.test @good.test; action hold; text "what is under a password is looked at first"; }}
rule "tagged"        {{ header "X-Kind: invoice"; tag invoice; notify admin@inside.test; copy-to archive@unsigned.test; }}
rule "asks"         {{ direction outbound; header "X-Kind: ask"; action ask; as-is yes; text "It looks like health data."; }}
rule "asks soon"    {{ direction outbound; header "X-Kind: soon"; protect secure; action ask; ask-time 2s; }}
rule "trial"         {{ direction outbound; to @postfix.test; protect escalated; mode report-only; }}
rule "keeps"         {{ from kept@inside.test kept@stranger.test; copy-to keep@nocrypt.test; }}
rule "auditors"      {{ from audit@inside.test; content health; to @unsigned.test; outbound require auth; }}
rule "inbound"       {{ direction inbound; attachments program; action reject; text "no programs, please"; }}
'''


@pytest.fixture(scope='module')
def gateway(world):
    with serving(world, extra=RULES, first_retry='1s', top='administrator admin@inside.test;\n', queue='notice-after 1s;') as it:
        yield it


def sent(gateway, rcpts, text='hello', subject='test', sender='nurse@inside.test', source=INSIDE, headers='', attachments=()):
    """Sends it; (code, text or number)."""
    message = email.message.EmailMessage()
    message['From'], message['Subject'] = sender, subject
    message.set_content(text)
    for name, octets in attachments:
        message.add_attachment(octets, maintype='application', subtype='octet-stream', filename=name)
    data = headers.encode() + message.as_bytes(policy=email.policy.SMTP)
    client = gateway.smtp(source)
    client.mail(sender)
    for rcpt in [rcpts] if isinstance(rcpts, str) else rcpts:
        assert client.rcpt(rcpt)[0] == 250
    code, answer = client.data(data)
    client.quit()
    return code, answer.decode().split()[-1] if code == 250 else answer.decode()


def decided(gateway, rcpts, seconds=20, **how):
    """Sends it, and the report once every recipient is decided."""
    code, message_id = sent(gateway, rcpts, **how)
    assert code == 250, message_id
    done = lambda: (lambda r: r if all(x['next-hop'] != '=inspect' and x['state'] not in ('queued', 'waiting') for x in r['recipients']) else None)(gateway.lab.report(message_id))
    report = gateway.lab.wait_for(done, seconds)
    assert report, gateway.lab.log()[-3000:]
    return report


def because(report, rcpt=0):
    return ' | '.join(report['recipients'][rcpt]['protection']['because'])


def notices(gateway, to):
    return [email.message_from_string(m['data']) for m in gateway.lab.messages('inside.test') if m['rcpts'] == [to] and m['sender'] == '']


def test_nothing_special(gateway):
    report = decided(gateway, 'x@good.test')
    assert report['recipients'][0]['state'] == 'delivered' and report['recipients'][0]['protection']['demand'] == 'none'
    assert report['inspection'][-1][0] == 'done'


@pytest.mark.parametrize('subject', ['[secure] lab values', 'lab values [ SECURE ]', '[Send Secure] x', '[sendsecure]', '[CGNSECURE] x', '[marked for secure delivery] x',
                                     '=?utf-8?B?' + base64.b64encode('[secure] Grüße'.encode()).decode() + '?=',
                                     '=?utf-8?B?QQ==?=\r\n =?utf-8?B?W3NlY3VyZV0=?='])
def test_a_flag_is_never_met_by_transport_alone(gateway, subject):
    code, message_id = sent(gateway, 'x@good.test', subject='x')
    message = f'From: <nurse@inside.test>\r\nSubject: {subject}\r\n\r\nhello\r\n'
    client = gateway.smtp()
    client.mail('nurse@inside.test')
    client.rcpt('x@good.test')
    code, text = client.data(message)
    assert code == 250
    found = gateway.wait_state(text.decode().split()[-1], 'held')
    assert found['protection']['demand'] == 'escalated' and found['reason'] == 'held' and 'the flag [' in ' '.join(found['protection']['because'])


def test_a_flag_in_the_body_counts_in_new_text_only(gateway):
    report = decided(gateway, 'x@good.test', text='please see below\n[secure]\nregards')
    assert report['recipients'][0]['protection']['demand'] == 'escalated' and 'in the body' in because(report)
    report = decided(gateway, 'x@good.test', text='thanks\n\nOn Monday Bob wrote:\n> [secure] old\n> text')
    assert report['recipients'][0]['protection']['demand'] == 'none'


def test_a_held_mail_is_told_and_released(gateway):
    report = decided(gateway, 'x@good.test', subject='[secure] released', sender='held@inside.test')
    notice = gateway.lab.wait_for(lambda: notices(gateway, 'held@inside.test'), 15)[0]
    assert notice['Subject'] == 'Your message is held' and 'somebody' in notice.get_payload()[0].get_payload()
    assert gateway.lab.postern('--by', 'Erika Muster', 'queue', 'release', report['id']).returncode == 0
    found = gateway.wait_state(report['id'], 'delivered')
    assert 'released by Erika Muster (uid 0)' in ' '.join(found['protection']['because'])
    assert report['id'] not in str(gateway.lab.postern('explain', '--replay', '10m', json_out=True)), 'a person let it go, no rule'
    seen = [m for m in gateway.lab.messages('good.test') if 'released' in m['data']][-1]
    assert 'Subject: released' in seen['data'], 'the flag was obeyed, and is gone'


def test_release_all_leaves_what_a_policy_holds(gateway):
    """A first try by a new user: hold all and release all let go [secure] mails that nobody had looked at."""
    queue = lambda *words: gateway.lab.postern('queue', *words)
    held = decided(gateway, 'x@nocrypt.test', subject='[secure] stays', sender='stays@inside.test')['id']
    assert gateway.wait_state(held, 'held')['reason'] == 'held'
    plain = sent(gateway, 'x@tempfail.test', subject='plain', sender='plain@inside.test')[1].split()[-1]
    gateway.lab.wait_for(lambda: 'changed' in queue('hold', plain).stdout, 20)
    said = queue('release', 'all')
    assert said.returncode == 0 and said.stdout.startswith('1 message changed; ') and 'release held' in said.stdout, said
    assert gateway.state(held)['reason'] == 'held' and gateway.state(plain)['state'] != 'held'
    said = queue('release', 'all')
    assert said.returncode == 1 and 'no administrator holds a message' in said.stderr and 'held for another reason' in said.stderr, said

    before = gateway.state(held)
    time.sleep(1.1)
    said = queue('release', held)
    assert said.returncode == 0 and 'still needs a secure connection' in said.stdout, said
    gateway.lab.wait_for(lambda: gateway.state(held)['attempts'] > before['attempts'], 20)
    tried = gateway.state(held)['last-attempt']
    time.sleep(1.1)
    gateway.lab.wait_for(lambda: queue('hold', held).returncode == 0, 20)
    on_hold = gateway.state(held)
    assert on_hold['reason'] == 'on-hold' and on_hold['last-attempt'] > tried > before['last-attempt'], (before, tried, on_hold)
    time.sleep(1.1)
    assert queue('delete', held).returncode == 0 and gateway.state(held)['last-attempt'] > on_hold['last-attempt']

    other = decided(gateway, 'x@good.test', subject='[secure] all', sender='all@inside.test')['id']
    gateway.wait_state(other, 'held')
    assert queue('release', 'held').returncode == 0
    gateway.wait_state(other, 'delivered')
    assert gateway.lab.report(other)['acts'][0]['detail'] == 'with all that was held'


def words(*texts):
    """Encoded words, a line each."""
    return '\r\n '.join('=?utf-8?B?' + base64.b64encode(text.encode()).decode() + '?=' for text in texts)


@pytest.mark.parametrize('subject,left', [
    ('=?utf-8?B?' + base64.b64encode('[secure] Grüße aus Wien'.encode()).decode() + '?=', 'Grüße aus Wien'),
    ('=?iso-8859-1?Q?Gr=FC=DFe_[SECURE]_aus_Wien?=', 'Grüße aus Wien'),
    ('Grüße [ secure ] aus Wien', 'Grüße aus Wien'),
    ('a long subject of several words\r\n [secure] that goes on', 'a long subject of several words that goes on'),
    ('[secure]', ''),
    # field F16: over two words; F1: behind a padded word (postal-mime #68, vmime #98); over text and word
    (words('Grüße [sec', 'ure] aus Wien'), 'Grüße aus Wien'),
    (words('Grüße ', '[secure]', ' aus Wien'), 'Grüße aus Wien'),
    (words('Grüße', ' [secure', '] [') + ' secure ] aus Wien', 'Grüße aus Wien'),
    ('[sec =?utf-8?Q?ure]_Gr=C3=BC=C3=9Fe?= =?iso-8859-1?Q?_[secure]_aus?= Wien', 'Grüße aus Wien'),
])
def test_the_flag_leaves_every_kind_of_subject(gateway, subject, left):
    client = gateway.smtp()
    client.mail('nurse@inside.test', ['BODY=8BITMIME'])
    client.rcpt('x@good.test')
    word = f'subject-{abs(hash(subject))}'
    code, text = client.data(f'From: <nurse@inside.test>\r\nSubject: {subject}\r\nX-Mark: {word}\r\n\r\nhello\r\n'.encode())
    message_id = text.decode().split()[-1]
    gateway.wait_state(message_id, 'held')
    assert gateway.lab.postern('queue', 'release', message_id).returncode == 0
    gateway.wait_state(message_id, 'delivered')
    seen = [m['data'] for m in gateway.lab.messages('good.test') if word in m['data']][-1]
    found = str(email.header.make_header(email.header.decode_header(email.message_from_string(seen)['Subject'])))
    found = found if '=?' in subject else found.encode('latin-1').decode()  # the receiver notes octets as Latin-1
    assert ' '.join(found.split()) == left and 'hello' in seen and 'From: <nurse@inside.test>' in seen


def test_a_very_long_subject_stays_whole(gateway):
    """RFC 5322 2.1.1 has no limit for a field; what is too long to be rewritten goes as it came, with its flag."""
    client = gateway.smtp()
    client.mail('nurse@inside.test')
    client.rcpt('x@good.test')
    code, text = client.data(('From: <nurse@inside.test>\r\nSubject: [secure] long' + '\r\n wordword' * 10000 + '\r\nX-Mark: longest\r\n\r\nhello\r\n').encode())
    message_id = text.decode().split()[-1]
    gateway.wait_state(message_id, 'held')
    assert gateway.lab.postern('queue', 'release', message_id).returncode == 0
    gateway.wait_state(message_id, 'delivered')
    seen = [m['data'] for m in gateway.lab.messages('good.test') if 'X-Mark: longest' in m['data']][-1]
    assert seen.count('wordword') == 10000 and '[secure] long' in seen


MAILS = os.path.join(os.path.dirname(__file__), '..', 'fixtures', 'mail')


@pytest.mark.parametrize('name,demand', [
    ('01-subject-two-words.eml', 'escalated'), ('26-flag-below-quote-gmail.eml', 'escalated'), ('26-flag-below-quote-thunderbird.eml', 'escalated'),
    ('30-base64-two-pieces-csv.eml', 'secure'), ('17-smime-opaque.eml', 'escalated'), ('25-uuencode-part.eml', 'secure'),
    ('27-quoted-flag-outlook-desktop.eml', 'none'), ('27-quoted-flag-outlook-german.eml', 'none')])
def test_mails_of_the_field_are_read_in_the_sandbox(gateway, name, demand):
    """Field F1, F1b, F1c, F15, F17, through the real process: what unit/proc/inspecting finds is found there, too."""
    client = gateway.smtp()
    client.mail('nurse@inside.test', ['BODY=8BITMIME'])
    client.rcpt('x@good.test')
    with open(os.path.join(MAILS, name), 'rb') as mail:
        code, text = client.data(re.sub(rb'\r?\n', b'\r\n', mail.read()))
    assert code == 250
    report = gateway.lab.wait_for(lambda: (lambda r: r if r.get('inspection') else None)(gateway.lab.report(text.decode().split()[-1])))
    assert report['inspection'][-1][0] == 'done', report['inspection']
    assert report['recipients'][0]['protection']['demand'] == demand, report['inspection']
    if name.startswith('17'):
        assert ['found', 'us-ssn', 'high', '1', 'body'] in [line[:5] for line in report['inspection']]


def test_sample_numbers_are_named_and_ignored(gateway):
    """The test cards of payment processors (Stripe and PayPal publish them) are nobody's."""
    report = decided(gateway, 'x@good.test', text='Our cards for tests: visa 4111 1111 1111 1111, 5555 5555 5555 4444 and amex 3782 822463 10005')
    assert [line for line in report['inspection'] if line[0] == 'sample'][0][:4] == ['sample', 'card', '3', 'body'], report['inspection']
    assert not [line for line in report['inspection'] if line[0] in ('found', 'rule')] and report['recipients'][0]['protection']['demand'] == 'none'
    words = gateway.lab.postern('message', report['id']).stdout
    assert 'card, 3 times in the body, such as ' in words and 'sample number, ignored' in words


def test_mail_that_costs_much_delays_nobody_but_its_sender(gateway):
    """zip-42 (30 KB that unpack to all that is read): senders take turns, so another's mail waits for those under way alone."""
    subprocess.run([os.path.join(TOP, 'tests', 'mail', 'bombs.py'), 'make', gateway.lab.path(), 'zip-42'], check=True)
    bomb, numbers = open(gateway.lab.path('zip-42.eml'), 'rb').read(), []
    client = gateway.smtp()
    for _ in range(8):
        client.mail('bomber@inside.test')
        client.rcpt('x@good.test')
        client.putcmd('DATA')
        assert client.getreply()[0] == 354
        client.send(re.sub(rb'\r?\n', b'\r\n', bomb) + b'.\r\n')
        numbers.append(client)
        client = gateway.smtp()
    report = decided(gateway, 'x@good.test', sender='other@inside.test', seconds=60)
    assert report['recipients'][0]['state'] == 'delivered'
    waiting = [m for m in gateway.lab.postern('queue', 'list', json_out=True)
               if m['reverse-path'] == 'bomber@inside.test' and m['recipients'][0]['next-hop'] == '=inspect']
    for c in numbers:
        assert c.getreply()[0] == 250
    assert len(waiting) >= 4, waiting


def test_a_near_miss_is_asked_about(gateway):
    for subject in ('[secrue] lab values', 'secure] lab values', '[secure} lab values'):
        code, text = sent(gateway, 'x@good.test', subject=subject)
        assert code == 550 and 'write [secure], or take the word out, and send again' in text, (subject, code, text)
        assert f': "{subject.split(" ")[0]}" in the subject is nearly' in text, text  # no word of ours before it
    for subject in ('[source] code', 'see [1] and [2]', 'a secure] b', 'the secure site', '(secure) lab values', '[Secure Boot] update', '[F-Secure] renewal'):
        code, text = sent(gateway, 'x@good.test', subject=subject, sender='ok@inside.test')
        assert code == (550 if subject == 'a secure] b' else 250), (subject, text)


def test_a_near_miss_for_some_is_no_refusal(gateway):
    """The recipient inside has the mail, the other one's route differs: the client must not hear that it went to nobody (seen on
    Debian 13, where two inspections of one mail happened to end one after the other)."""
    inspected = lambda: sum(int(re.search(r'inspected=(\d+)', gateway.counters(f'inspect-{n}'))[1]) for n in (0, 1))
    waiting = lambda: [m for m in gateway.lab.postern('queue', 'list', json_out=True) if m['recipients'][0]['next-hop'] == '=inspect']
    assert gateway.lab.wait_for(lambda: not waiting(), 60), 'of other tests'
    before = inspected()
    for n in range(10):
        code, text = sent(gateway, ['x@good.test', 'y@inside.test'], subject=f'[secrue] for two, {n}')
        assert code == 250, text
    assert gateway.lab.wait_for(lambda: inspected() >= before + 10, 10)
    assert inspected() == before + 10
    gateway.wait_state(text, 'returned', 30)


def test_programs_ask_by_a_field(gateway):
    for value, demand in (('transport', 'secure'), ('message', 'escalated'), ('portal', 'escalated')):
        report = decided(gateway, 'x@good.test', headers=f'X-Postern-Protect: {value}\r\n', text=f'field {value}')
        assert report['recipients'][0]['protection']['demand'] == demand
    seen = [m for m in gateway.lab.messages('good.test') if 'field transport' in m['data']][-1]
    assert 'X-Postern-Protect' not in seen['data']


def test_content_asks_for_a_secure_connection(gateway):
    report = decided(gateway, 'x@good.test', text=PATIENT)
    assert report['recipients'][0]['state'] == 'delivered' and report['recipients'][0]['protection']['demand'] == 'secure'
    assert report['attempts'][-1]['floor'] == 'cert' and 'content "health"' in because(report)
    found = [line for line in report['inspection'] if line[0] == 'found' and line[1] == 'us-ssn'][0]
    assert found[5] == '***-**-4399' and '536' not in json.dumps(report['inspection'])
    assert '536-90' not in json.dumps(report) and '53690' not in json.dumps(report)  # 536 alone may stand in a fingerprint
    shown = gateway.lab.postern('message', report['id']).stdout
    assert 'us-ssn, high, 1 time in the body, such as ***-**-4399' in shown and 'Needs: secure' in shown


def test_content_goes_down_the_ladder_where_there_is_no_tls(gateway):
    began = time.monotonic()
    report = decided(gateway, ['a@nocrypt.test', 'b@good.test'], text=PATIENT, sender='nurse@inside.test')
    state = {r['forward-path']: r for r in report['recipients']}
    assert state['b@good.test']['state'] == 'delivered', 'each recipient has his own outcome'
    assert state['a@nocrypt.test']['state'] == 'held' and 'went down the ladder "default" to hold' in ' '.join(state['a@nocrypt.test']['protection']['because'])
    assert not [m for m in gateway.lab.messages('nocrypt.test') if 'metformin' in m['data']]
    assert time.monotonic() - began < 15


def test_patience_before_the_next_rung(gateway):
    report = decided(gateway, 'x@dead.test', text=PATIENT, sender='strict@inside.test', seconds=30)
    assert report['recipients'][0]['state'] == 'returned' and report['recipients'][0]['reason'] == 'no-secure-channel'
    assert 'went down the ladder "strict" to drop' in because(report)
    notice = gateway.lab.wait_for(lambda: notices(gateway, 'strict@inside.test'), 15)[0]
    assert 'no secure connection could be had' in ' '.join(notice.get_payload()[0].get_payload().split())


def test_report_only_changes_nothing(gateway):
    report = decided(gateway, 'x@good.test', text='card 4539 5787 6362 1486 ok')
    assert report['recipients'][0]['protection']['demand'] == 'none' and 'report only: the content "cards"' in because(report)
    report = decided(gateway, 'x@postfix.test', text='hello')
    assert report['recipients'][0]['state'] == 'delivered' and 'report only: the rule "trial"' in because(report)


def test_counts_in_an_expression(gateway):
    cards = 'cards 4539 5787 6362 1486, 4556 7375 8689 9855, 4916 3385 0608 2832'
    report = decided(gateway, 'x@good.test', text=cards)
    assert report['recipients'][0]['protection']['demand'] == 'escalated' and 'content "many"' in because(report)


def test_groups_and_their_time(gateway):
    for sender, demand in (('law@inside.test', 'escalated'), ('temp@inside.test', 'none'), ('now@inside.test', 'escalated'), ('other@inside.test', 'none')):
        report = decided(gateway, 'x@good.test', sender=sender)
        assert report['recipients'][0]['protection']['demand'] == demand, sender
    report = decided(gateway, 'y@inside.test', sender='law@inside.test')
    assert report['recipients'][0]['state'] == 'delivered', 'inside, nothing leaves'


def test_transport_that_never_counts(gateway):
    report = decided(gateway, 'x@good.test', sender='never@inside.test')
    assert report['recipients'][0]['state'] == 'held' and 'transport alone does not count' in because(report)


# RFC 5321 6.2 SHOULD NOT: no bounce for what was refused for its content while the client waits
def test_refused_while_the_client_waits(gateway):
    code, text = sent(gateway, 'x@good.test', attachments=[('setup.exe', b'MZ\x90\0program')])
    assert code == 550 and 'Programs do not leave this house: Gr????e' in text, text
    assert not notices(gateway, 'nurse@inside.test') or 'Programs' not in str(notices(gateway, 'nurse@inside.test')[-1])
    code, text = sent(gateway, 'x@inside.test', sender='a@stranger.test', source=OUTSIDE, attachments=[('setup', b'MZ\x90\0program')])
    assert code == 550 and 'no programs' in text


@pytest.mark.parametrize('name', ['letter.docx', 'letter.odt', 'letter.pdf', 'letter.rtf', 'table.xlsx', 'table.ods', 'plain.7z', 'plain.tar.gz'])
def test_attachments_are_read(gateway, name):
    with open(os.path.join(TOP, 'tests', 'fixtures', 'documents', name), 'rb') as f:
        report = decided(gateway, 'x@good.test', attachments=[(name, f.read())], text='see attachment')
    assert report['recipients'][0]['protection']['demand'] == 'secure', report['inspection']
    assert [line for line in report['inspection'] if line[0] == 'found' and line[1] == 'us-ssn'][0][4] == 'attachment'


@pytest.mark.parametrize('charset', ['iso-8859-1', 'windows-1252', 'iso-8859-15', 'cp1250', 'koi8-r', 'windows-1251', 'gb18030', 'big5', 'shift_jis', 'iso-2022-jp', 'euc-kr', 'utf-16', 'utf-7',
                                     'iso-8859-2', 'cp850', 'latin1', 'macintosh'])
def test_every_character_set_is_read(gateway, charset):
    """In the sandbox, too, where no file of the C library can be opened any more."""
    body = base64.encodebytes(('Sehr geehrte Kollegin, ' + PATIENT + ' -- and so on').encode(charset)).decode().replace('\n', '\r\n')
    header = 'utf-8' if charset == 'utf-16' else charset  # not one for header sections
    subject = base64.b64encode('Befund [secure]'.encode(header)).decode()
    message = (f'From: <nurse@inside.test>\r\nSubject: =?{header}?B?{subject}?=\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset={charset}\r\n'
               f'Content-Transfer-Encoding: base64\r\n\r\n{body}')
    client = gateway.smtp()
    client.mail('nurse@inside.test')
    client.rcpt('x@good.test')
    code, text = client.data(message)
    assert code == 250, text
    message_id = text.decode().split()[-1]
    gateway.wait_state(message_id, 'held')
    report = gateway.lab.report(message_id)
    assert [line for line in report['inspection'] if line[0] == 'found' and line[1] == 'us-ssn'], report['inspection']
    assert not [line for line in report['inspection'] if line[0] == 'problem'], report['inspection']
    assert ['flag', '[secure]', 'subject'] in report['inspection']


def test_more_parts_than_are_read_is_not_clean(gateway):
    parts = ''.join(f'--x\r\n\r\npart {i}\r\n' for i in range(3000))
    client = gateway.smtp()
    client.mail('nurse@inside.test')
    client.rcpt('x@good.test')
    code, text = client.data(f'Subject: parts\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n{parts}--x--\r\n')
    found = gateway.wait_state(text.decode().split()[-1], 'held')
    assert 'could not be inspected (limit)' in ' '.join(found['protection']['because'])


def test_packed_in_every_way(gateway):
    """In the sandbox; what another program would have to unpack is not readable, and kills nobody."""
    import bz2, gzip, lzma, tarfile
    text = PATIENT.encode() * 3
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode='w') as t:
        entry = tarfile.TarInfo('Bericht-\u00fc.txt')
        entry.size = len(text)
        t.addfile(entry, io.BytesIO(text))
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, 'w') as z:
        z.writestr('inner.tar.gz', gzip.compress(tar.getvalue()))
    for name, octets in (('a.gz', gzip.compress(text)), ('a.bz2', bz2.compress(text)), ('a.xz', lzma.compress(text)), ('a.tar', tar.getvalue()),
                         ('a.tar.xz', lzma.compress(tar.getvalue())), ('a.zip', zipped.getvalue())):
        report = decided(gateway, 'x@good.test', attachments=[(name, octets)], text='see attachment')
        assert report['recipients'][0]['protection']['demand'] == 'secure', (name, report['inspection'])
        assert not [line for line in report['inspection'] if line[0] in ('problem', 'failed')], (name, report['inspection'])
    lzop = b'\x89LZO\x00\r\n\x1a\n' + b'\x10\x40\x20\x80\x09\x40' + b'\0' * 60
    report = decided(gateway, 'x@good.test', attachments=[('a.lzo.gz', gzip.compress(lzop))], text='see attachment')
    assert [line[1] for line in report['inspection'] if line[0] in ('problem', 'failed')] == ['unknown'], report['inspection']


def test_what_cannot_be_read_is_said(gateway):
    with open(os.path.join(TOP, 'tests', 'fixtures', 'documents', 'locked.zip'), 'rb') as f:
        report = decided(gateway, 'x@good.test', attachments=[('locked.zip', f.read())])
    assert report['recipients'][0]['state'] == 'held' and 'rule "locked"' in because(report)
    assert [line[1] for line in report['inspection'] if line[0] == 'problem'] == ['password']


def test_tag_notice_and_copy(gateway):
    report = decided(gateway, 'x@good.test', headers='X-Kind: Invoice 7\r\n', text='the invoice')
    assert gateway.lab.wait_for(lambda: [m for m in gateway.lab.messages('good.test') if 'X-Postern-Tag: invoice' in m['data']])
    assert gateway.lab.wait_for(lambda: [m for m in gateway.lab.messages('inside.test') if m['rcpts'] == ['admin@inside.test'] and 'rule "tagged"' in m['data']])
    report = gateway.lab.wait_for(lambda: (lambda r: r if len(r['recipients']) == 2 and r['recipients'][1]['state'] == 'delivered' else None)(gateway.lab.report(report['id'])))
    assert report['recipients'][1]['forward-path'] == 'archive@unsigned.test'


def test_a_grade_demanded_by_content(gateway):
    report = decided(gateway, 'x@good.test', sender='audit@inside.test', text=PATIENT)
    assert report['attempts'][-1]['floor'] == 'cert'
    code, message_id = sent(gateway, 'x@unsigned.test', sender='audit@inside.test', text=PATIENT)
    found = gateway.wait_reason(message_id, 'grade-too-low')
    assert 'require auth' in ' '.join(found['protection']['because'])
    gateway.lab.postern('queue', 'delete', message_id)


def test_encrypted_by_the_sender(gateway):
    with open(os.path.join(os.path.dirname(__file__), '../fixtures/sealed/password.asc'), encoding='ascii') as f:
        pgp = f.read()
    report = decided(gateway, 'x@good.test', subject='[secure] x', text=pgp)
    assert report['recipients'][0]['state'] == 'delivered' and 'the sender encrypted it themselves' in because(report)
    assert report['attempts'][-1]['floor'] == 'cert'


def test_an_inspector_that_dies(gateway):
    """Killed while a message is in its hands: asked again; the message is not lost, and never clean by accident."""
    client, pids = gateway.smtp(), gateway.pids()
    client.mail('nurse@inside.test')
    client.rcpt('x@good.test')
    client.docmd('DATA')
    signal_process(pids['keys-0'], signal.SIGSTOP)  # whoever gets the message waits for its key
    try:
        client.sock.sendall(b'Subject: once\r\n\r\n' + PATIENT.encode() + b'\r\n.\r\n')
        waiting = lambda: [m for m in gateway.lab.postern('queue', 'list', json_out=True) if m['recipients'][0]['next-hop'] == '=inspect']
        gateway.wait_leased(gateway.lab.wait_for(waiting)[0]['id'])
        signal_process(pids['inspect-0'], signal.SIGKILL)  # the first that is free gets it
        assert gateway.lab.wait_for(lambda: 'event=process-ended child=inspect-0' in gateway.lab.log(), 20)
    finally:
        signal_process(pids['keys-0'], signal.SIGCONT)
    code, text = client.getreply()
    answered = time.time()
    client.close()
    number = text.decode().split()[-1]
    found = gateway.wait_state(number, 'delivered', 40)
    assert code == 250 and found['protection']['demand'] == 'secure'
    verdict = re.search(rf'time=(\S+)Z .*event=protection id={number}', gateway.lab.log()).group(1)
    decided_at = datetime.datetime.fromisoformat(verdict + '+00:00').timestamp()
    assert answered - decided_at < 4, 'the second verdict is the answer, too, before inspection wait is over'


def inspectors():
    return {int(p) for p in os.popen('pgrep -r S,R,D -x inspect').read().split()}


def test_twice_is_enough(gateway):
    """Two inspectors end over one message: it could not be inspected. It is held, never sent as clean."""
    keys = gateway.pid('keys-0')
    client = gateway.smtp()
    client.mail('nurse@inside.test')
    client.rcpt('x@good.test')
    client.docmd('DATA')
    signal_process(keys, signal.SIGSTOP)  # whoever gets the message waits for its key, the message in his hands
    try:
        client.sock.sendall(b'Subject: kills\r\n\r\n' + PATIENT.encode() + b'\r\n.\r\n')
        message_id = gateway.lab.wait_for(lambda: [m for m in gateway.lab.postern('queue', 'list', json_out=True) if m['recipients'][0]['next-hop'] == '=inspect'])[0]['id']
        known = set()
        for _ in range(2):
            fresh = gateway.lab.wait_for(lambda: (lambda now: now if len(now) == 2 and not now & known else None)(inspectors()), 30)
            known |= fresh
            gateway.wait_leased(message_id)
            for pid in fresh:
                signal_process(pid, signal.SIGKILL)
        found = gateway.wait_state(message_id, 'held', 40)
    finally:
        signal_process(keys, signal.SIGCONT)
    assert client.getreply()[0] == 250
    assert 'could not be inspected (crash)' in ' '.join(found['protection']['because'])
    assert ['failed', 'crash'] in gateway.lab.report(message_id)['inspection']
    client.close()


def test_bombs_block_nobody(gateway):
    """A bomb that takes its time, from one sender; the mail of others goes on, and the bomb is not clean."""
    bomb = b'0' * 60_000_000
    for _ in range(2):
        out = io.BytesIO()
        with zipfile.ZipFile(out, 'w', zipfile.ZIP_DEFLATED) as z:
            for i in range(16):
                z.writestr(str(i), bomb)
        bomb = out.getvalue()
    code, message_id = sent(gateway, 'x@good.test', attachments=[('bomb.zip', bomb)], sender='bomber@inside.test')
    began = time.monotonic()
    report = decided(gateway, 'x@good.test', text='meanwhile')
    assert report['recipients'][0]['state'] == 'delivered' and time.monotonic() - began < 15
    done = gateway.lab.wait_for(lambda: (lambda r: r if r.get('inspection') else None)(gateway.lab.report(message_id)), 60)
    assert ['limit'] == sorted({line[1] for line in done['inspection'] if line[0] == 'problem'})


def test_no_inspector_means_waiting(gateway):
    pids = gateway.pids()
    for name in ('inspect-0', 'inspect-1'):
        signal_process(pids[name], signal.SIGSTOP)
    try:
        client = gateway.smtp()
        client.timeout = 40
        client.mail('nurse@inside.test')
        client.rcpt('x@good.test')
        code, text = client.data('Subject: waits\r\n\r\n' + PATIENT + '\r\n')
        message_id = text.decode().split()[-1]
        assert code == 250, 'after inspection wait the client is answered'
        assert gateway.state(message_id)['next-hop'] == '=inspect'
    finally:
        for name in ('inspect-0', 'inspect-1'):
            signal_process(pids[name], signal.SIGCONT)
    gateway.wait_state(message_id, 'delivered', 30)


def test_a_notice_waits_for_who_writes_it(gateway):
    """Decided while no smtpout was there: the notice is written when one is back."""
    about = lambda: [m for m in gateway.lab.messages('inside.test') if 'admin@inside.test' in m['rcpts'] and number in m['data']]
    with gateway.without('smtpout'):
        code, number = sent(gateway, 'x@good.test', headers='X-Kind: invoice\r\n')
        assert code == 250 and gateway.lab.wait_for(lambda: gateway.state(number)['next-hop'] != '=inspect', 20)
        assert not about()
    assert gateway.lab.wait_for(about, 30), gateway.lab.log()[-3000:]
    gateway.wait_state(number, 'delivered', 30)


def test_waiting_for_inspection_outlives_a_crash(gateway):
    pids = gateway.pids()
    for name in ('inspect-0', 'inspect-1'):
        signal_process(pids[name], signal.SIGSTOP)
    client = gateway.smtp()
    client.mail('nurse@inside.test')
    client.rcpt('x@nocrypt.test')
    client.sock.sendall(b'DATA\r\n')
    client.getreply()
    client.sock.sendall(b'Subject: crash\r\n\r\n' + PATIENT.encode() + b'\r\n.\r\n')
    waiting = lambda: [m for m in gateway.lab.postern('queue', 'list', json_out=True) if m['recipients'][0]['next-hop'] == '=inspect']
    message_id = gateway.lab.wait_for(waiting)[0]['id']
    signal_process(pids['queue-0'], 9)
    for name in ('inspect-0', 'inspect-1'):
        signal_process(pids[name], signal.SIGCONT)
    assert gateway.wait_state(message_id, 'held', 40)['protection']['demand'] == 'secure'
    client.close()


# --- forwards that are kept to TLS ----------------------------------------------------------------------------

def audit(gateway):
    return {(f['address'], f['target']): f for f in json.loads(gateway.lab.postern('forward', 'audit', '--json').stdout)}


def arrived(gateway, domain, rcpt, word):
    return [m for m in gateway.lab.messages(domain) if rcpt in m['rcpts'] and word in m['data']]


def test_a_forward_goes_over_tls(gateway):
    report = decided(gateway, 'away@inside.test', sender='a@stranger.test', source=OUTSIDE, text='forward-one')
    assert [(r['forward-path'], r['state']) for r in report['recipients']] == [('x@good.test', 'delivered')]
    assert report['attempts'][-1]['floor'] == 'cert' and 'kept to TLS' in because(report)
    assert not arrived(gateway, 'inside.test', 'away@inside.test', 'forward-one')
    report = decided(gateway, 'copied@inside.test', sender='a@stranger.test', source=OUTSIDE, text='forward-two')
    assert sorted(r['forward-path'] for r in report['recipients']) == ['copied@inside.test', 'z@good.test']


def test_a_forward_without_tls_turns_back_and_is_off(gateway):
    known = not audit(gateway)[('both@inside.test', 'y@nocrypt.test')]['on']  # by an earlier test's looks
    code, message_id = sent(gateway, 'both@inside.test', sender='a@stranger.test', source=OUTSIDE, text='forward-three')
    assert gateway.lab.wait_for(lambda: arrived(gateway, 'inside.test', 'both@inside.test', 'forward-three')), gateway.lab.log()[-2000:]
    assert gateway.lab.wait_for(lambda: arrived(gateway, 'good.test', 'y@good.test', 'forward-three'))
    assert not arrived(gateway, 'nocrypt.test', 'y@nocrypt.test', 'forward-three'), 'nothing in clear'
    report = gateway.lab.report(message_id)
    assert known or any('delivered inside instead' in ' '.join(r['protection']['because']) for r in report['recipients'])
    done = gateway.lab.postern('forward', 'audit')
    assert done.returncode == 1 and 'OFF' in done.stdout and not audit(gateway)[('both@inside.test', 'y@nocrypt.test')]['on']
    assert 'forward' in gateway.lab.postern('domains', 'alarms').stdout
    attempts = len(gateway.lab.messages('inside.test'))
    report = decided(gateway, 'both@inside.test', sender='a@stranger.test', source=OUTSIDE, text='forward-four')
    assert sorted(r['forward-path'] for r in report['recipients']) == ['both@inside.test', 'y@good.test'], 'it is off: no attempt'


def test_a_look_switches_a_forward_off(gateway):
    """What is set is measured against what is known: no mail has to fail first."""
    gateway.lab.postern('probe', '--quick', 'plain.test')
    assert gateway.lab.wait_for(lambda: not audit(gateway)[('seen@inside.test', 'x@plain.test')]['on'])
    report = decided(gateway, 'seen@inside.test', sender='a@stranger.test', source=OUTSIDE, text='forward-five')
    assert [r['forward-path'] for r in report['recipients']] == ['seen@inside.test']


# --- what leaves the house without its sender having sent it there (docs/decisions/0032) -------------------------

def clear_mail(gateway, word):
    return [m for m in gateway.lab.messages('nocrypt.test') if word in m['data']]


@pytest.mark.parametrize('sender', ['a@stranger.test', 'SRS0=Xy12=TT=stranger.test=a@inside.test',
                                    # Exchange Online's and Gmail's way
                                    'bounces+SRS=Xy12=TT@inside.test', 'nurse+caf_=x=good.test@inside.test'])
def test_what_an_inside_server_sends_on_is_kept_to_tls(gateway, sender):
    """S42, S43: forwards that servers inside make themselves. An exception with owner and end lets one domain's go, while it lasts."""
    word = 'sent-on-' + sender[:4]
    report = decided(gateway, 'x@good.test', sender=sender, text=word)
    assert report['recipients'][0]['state'] == 'delivered' and report['attempts'][-1]['floor'] == 'cert' and 'which is kept to TLS' in because(report)
    demanded = report['attempts'][-1]['demanded-by']
    assert 'the rule of the house for copies and for what inside servers send on' in demanded and 'the content or a flag of the message' not in demanded
    number = sent(gateway, 'x@nocrypt.test', sender=sender, text=word)[1]
    found = gateway.wait_state(number, 'waiting')
    assert found['reason'] == 'no-starttls' and found['protection']['demand'] == 'secure' and not clear_mail(gateway, word)
    lab = gateway.lab
    assert lab.postern('exception', 'add', 'relax', 'nocrypt.test', '--owner', 'Ann Owner', '--reason', 'ticket 7', '--hours', '1').returncode == 0
    try:
        said = lab.postern('explain', '--client', INSIDE, sender, 'x@nocrypt.test', json_out=True)
        assert 'Ann Owner' in said['exception']
        lab.postern('queue', 'retry', number)
        assert gateway.wait_state(number, 'delivered')['reason'] == 'sent-plain' and clear_mail(gateway, word)
        attempt = lab.report(number)['attempts'][-1]
        assert 'Ann Owner' in attempt['exception'] and 'ticket 7' in attempt['exception']
    finally:
        for e in lab.postern('exception', 'list', json_out=True):
            lab.postern('exception', 'end', str(e['number']))
    number = sent(gateway, 'x@nocrypt.test', sender=sender, text=word + '-later')[1]
    assert gateway.wait_state(number, 'waiting')['reason'] == 'no-starttls' and not clear_mail(gateway, word + '-later'), 'it has ended'


def test_domains_show_says_that_probes_are_off(gateway):
    """The lab's monitor { probe no; }: no date of a probe that nobody makes."""
    words = gateway.lab.postern('domains', 'show', 'good.test').stdout
    assert 'Probed regularly: no, probes are off (monitor { probe no; })' in words and 'yes, next' not in words
    said = gateway.lab.postern('domains', 'show', 'good.test', json_out=True)
    said = said[0] if isinstance(said, list) else said
    assert said['probes-off'] is True and said['monitored'] is False and not said.get('next-probe')


def test_what_is_ours_or_a_bounce_goes_as_it_can(gateway):
    for sender in ('nurse@inside.test', ''):
        code, number = sent(gateway, 'x@nocrypt.test', sender=sender, text='of our own')
        assert gateway.wait_state(number, 'delivered')['reason'] == 'sent-plain'


@pytest.mark.parametrize('source,rcpt', [(INSIDE, 'x@good.test'), (OUTSIDE, 'x@inside.test')])
def test_copies_that_leave_are_kept_to_tls(gateway, source, rcpt):
    """S43: copies by rules, of what comes in and of what goes out; also by a rule that needs nothing read."""
    sender = 'kept@inside.test' if source == INSIDE else 'kept@stranger.test'
    number = sent(gateway, rcpt, sender=sender, source=source, text='copy-of-' + sender)[1]
    two = lambda: (lambda r: r if len(r['recipients']) == 2 and r['recipients'][1]['state'] == 'waiting' else None)(gateway.lab.report(number))
    report = gateway.lab.wait_for(two, 20)
    assert report, gateway.lab.report(number)
    assert report['recipients'][1]['forward-path'] == 'keep@nocrypt.test' and report['recipients'][1]['reason'] == 'no-starttls'
    assert 'a copy that leaves the house, which is kept to TLS' in because(report, 1)
    assert gateway.wait_state(number, 'delivered') and not clear_mail(gateway, 'copy-of-' + sender)


# --- the sender decides ---------------------------------------------------------------------------------------

def choices(gateway, sender):
    """The addresses that the sender's newest notice offers, by their letter."""
    notice = gateway.lab.wait_for(lambda: [n for n in notices(gateway, sender) if 'choice+' in str(n)], 15)[-1]
    assert notice['Subject'] == 'Please decide: your message waits for you'
    return {m[7]: m for m in re.findall(r'mailto:(choice\+\S+)', notice.get_payload()[0].get_payload())}


def choose(gateway, address, sender, source=INSIDE):
    client = gateway.smtp(source)
    client.mail(sender)
    code, text = client.rcpt(address)
    if code == 250:
        code, text = client.data('Subject: \r\n\r\n')
    client.quit()
    return code, text.decode().split()[-1]


def test_the_sender_decides(gateway):
    report = decided(gateway, 'x@good.test', sender='asked@inside.test', headers='X-Kind: ask\r\n', text='chosen-one')
    assert report['recipients'][0]['state'] == 'held' and report['recipients'][0]['reason'] == 'asked'
    offered = choices(gateway, 'asked@inside.test')
    assert set(offered) == set('pnad')
    other = offered['a'][:-20] + 'zzzz' + offered['a'][-16:]
    for address, sender in ((other, 'asked@inside.test'), (offered['a'], 'boss@inside.test'), (offered['a'].replace('+a', '+p'), 'asked@inside.test')):
        code, number = choose(gateway, address, sender)
        assert code == 250 and gateway.wait_state(number, 'returned')['detail'] == 'this choice is not one that was offered to you'
    assert choose(gateway, offered['a'], 'asked@inside.test', OUTSIDE)[0] == 550, 'only from inside'
    assert gateway.state(report['id'])['state'] == 'held'
    code, number = choose(gateway, offered['a'].upper().replace('CHOICE', 'choice').replace('GATEWAY.TEST', 'gateway.test'), 'Asked@Inside.test')
    assert code == 250
    found = gateway.wait_state(report['id'], 'delivered')
    assert 'the sender chose: send it as it is: the recipient agreed to that' in ' '.join(found['protection']['because'])
    assert gateway.state(number)['state'] == 'delivered' and gateway.state(number)['reason'] == 'taken'
    code, number = choose(gateway, offered['p'], 'asked@inside.test')
    assert gateway.wait_state(number, 'returned')['detail'] == 'this choice was made already, or its time is over'


def test_protected_or_not_at_all(gateway):
    report = decided(gateway, 'x@good.test', sender='asked2@inside.test', headers='X-Kind: ask\r\n', text='chosen-two')
    choose(gateway, choices(gateway, 'asked2@inside.test')['p'], 'asked2@inside.test')
    assert gateway.wait_state(report['id'], 'delivered')['protection']['demand'] == 'secure'
    report = decided(gateway, 'x@good.test', sender='asked3@inside.test', headers='X-Kind: ask\r\n', text='chosen-three')
    choose(gateway, choices(gateway, 'asked3@inside.test')['d'], 'asked3@inside.test')
    gateway.wait_state(report['id'], 'deleted')
    assert not arrived(gateway, 'good.test', 'x@good.test', 'chosen-three')


def test_no_choice_comes_back(gateway):
    report = decided(gateway, 'x@good.test', sender='asked4@inside.test', headers='X-Kind: soon\r\n', text='chosen-four')
    assert set(choices(gateway, 'asked4@inside.test')) == set('pd'), 'as it is was not allowed'
    found = gateway.wait_state(report['id'], 'returned', 60)
    assert found['detail'] == 'no choice was made in time; it was sent to nobody'


# --- explain and replay ---------------------------------------------------------------------------------------

@pytest.mark.parametrize('subject,text,sender,rcpt', [('x', PATIENT, 'nurse@inside.test', 'x@good.test'), ('[secure] x', 'hello', 'nurse@inside.test', 'x@good.test'),
                                                      ('x', 'hello', 'law@inside.test', 'x@good.test'), ('x', 'card 4539 5787 6362 1486', 'never@inside.test', 'x@good.test')])
def test_explain_says_what_then_happens(gateway, tmp_path, subject, text, sender, rcpt):
    """One engine: what explain says of a message and what the gateway does with it never differ."""
    (tmp_path / 'mail.eml').write_text(f'From: <{sender}>\r\nSubject: {subject}\r\n\r\n{text}\r\n')
    said = gateway.lab.postern('explain', sender, rcpt, str(tmp_path / 'mail.eml'), json_out=True)
    done = decided(gateway, rcpt, subject=subject, text=text, sender=sender)
    found = done['recipients'][0]['protection']
    assert said['protection']['demand'] == found['demand'] and said['protection']['because'] == found['because']
    words = gateway.lab.postern('explain', sender, rcpt, str(tmp_path / 'mail.eml')).stdout
    assert f'Needs: {found["demand"]}' in words and 'Direction: outbound' in words
    assert '536-90' not in words
    for reason in found['because']:
        assert reason in words


def test_explain_names_the_line(gateway, tmp_path):
    (tmp_path / 'mail.eml').write_text(f'From: <nurse@inside.test>\r\nSubject: x\r\n\r\n{PATIENT}\r\n')
    with open(gateway.lab.path('postern.conf')) as f:
        line = [number for number, text in enumerate(f, 1) if text.startswith('content "health"')][0]
    assert f'content "health" (line {line})' in gateway.lab.postern('explain', 'nurse@inside.test', 'x@good.test', str(tmp_path / 'mail.eml')).stdout
    assert gateway.lab.postern('explain', 'nurse@inside.test', 'x@good.test', '/nowhere').returncode == 66  # EX_NOINPUT of sysexits.h, as for detect
    assert gateway.lab.postern('explain', '--replay', 'yesterday').returncode == 64


def test_replay_shows_what_would_change(gateway, tmp_path):
    cards = decided(gateway, 'x@good.test', text='card 4539 5787 6362 1486 ok', sender='replay@inside.test')
    plain = decided(gateway, 'x@good.test', text='nothing special', sender='replay@inside.test')
    changes = lambda *words: {c['id']: c for c in gateway.lab.postern(*words, 'explain', '--replay', '10m', json_out=True)}
    assert cards['id'] not in changes() and plain['id'] not in changes(), 'the same rules say the same'
    with open(gateway.lab.path('postern.conf')) as f:
        text = f.read()
    (tmp_path / 'candidate.conf').write_text(text.replace('pack pci; mode report-only;', 'pack pci; mode enforce; protect escalated;') +
                                             'rule "candidate" { from replay@inside.test; direction outbound; protect secure; }\n')
    found = changes('-c', str(tmp_path / 'candidate.conf'))
    assert (found[cards['id']]['was'], found[cards['id']]['would-be']) == ('none', 'escalated')
    assert (found[plain['id']]['was'], found[plain['id']]['would-be']) == ('none', 'secure')
    assert gateway.state(cards['id'])['state'] == 'delivered', 'nothing was done'


def test_the_sender_is_asked_about_what_nobody_read(gateway):
    """Decided as it comes, as no rule needs to know what is in it."""
    lab = gateway.lab
    lab.stop_gateway()
    lab.start_gateway(lab.config(extra='flags { in none; }\nrule "asks" { direction outbound; to @good.test; action ask; }\n', first_retry='1s', queue='notice-after 1s;'))
    found = sent(gateway, 'x@good.test', sender='asked5@inside.test', text='chosen-five')
    assert found[0] == 250
    assert 'p' in choices(gateway, 'asked5@inside.test')
    lab.stop_gateway()
    lab.start_gateway(lab.config(extra=RULES, first_retry='1s', top='administrator admin@inside.test;\n', queue='notice-after 1s;'))
