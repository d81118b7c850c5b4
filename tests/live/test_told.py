"""The sender hears once what was done: the flag for trying, and a flag that stands only in quoted text of a new mail.

Issue #22 of this project, 1.4 and 2.5; the first is what other gateways' users ask for as a test of their own set-up."""
import email
import email.message
import email.policy
import time

import pytest
from conftest import serving

PATIENT = 'patient Mary Jones, MRN 00483726, SSN 536-90-4399, has type 2 diabetes and takes metformin'
RULES = '''
inspection { packs @packs@; wait 10s; }
portal { url https://gateway.test; address 127.0.2.1:443; from secure@inside.test; pages @pages@; }
flags { protect secure; }
content "health" { pack hipaa; mode enforce; }
ladder "default" { channels tls:1s portal; }
ladder "strict" { channels tls:1s drop; }
ladder "byhand" { channels hold; }
ladder "patient" { channels tls:1h drop; }
account @inside.test { secure-from cert; }
account strict@inside.test { ladder strict; }
account byhand@inside.test { ladder byhand; protect escalated; }
account patient@inside.test { ladder patient; }
rule "no" { header "X-Kind: refuse"; action bounce; text "not from this house"; }
'''
QUOTED = 'Please see below.\n\nOn Monday Ann wrote:\n> [secure] the plan\n> is this\n'


@pytest.fixture(scope='module')
def gateway(world):
    with serving(world, extra=RULES, first_retry='1s', top='administrator admin@inside.test;\n', queue='notice-after 6s;') as it:
        yield it


def sent(gateway, sender, rcpts, subject, text='hello', headers=''):
    message = email.message.EmailMessage()
    message['From'], message['Subject'] = sender, subject
    message.set_content(text)
    client = gateway.smtp()
    client.mail(sender)
    for rcpt in rcpts:
        assert client.rcpt(rcpt)[0] == 250
    code, answer = client.data(headers.encode() + message.as_bytes(policy=email.policy.SMTP))
    client.quit()
    assert code == 250, answer
    return answer.decode().split()[-1]


def letters(gateway, to):
    return [email.message_from_string(m['data'], policy=email.policy.default) for m in gateway.lab.messages('inside.test')
            if m['rcpts'] == [to] and m['sender'] == '']


def the_letter(gateway, to, seconds=30):
    """The only one: a second has its time to come."""
    assert gateway.lab.wait_for(lambda: letters(gateway, to), seconds), gateway.lab.log()[-3000:]
    time.sleep(3)
    found = letters(gateway, to)
    assert len(found) == 1, [x['Subject'] for x in found]
    body = found[0].get_body(('plain',)).get_content()
    return found[0], {p.split('>')[0]: ' '.join(p.split('>', 1)[1].split()) for p in body.split('\n<')[1:]}, body


def test_a_test_is_sent_protected_and_told_of_once(gateway):
    number = sent(gateway, 'tester@inside.test', ['x@good.test', 'x@nocrypt.test', 'friend@inside.test'], '[securetest] does it work', PATIENT)
    letter, people, body = the_letter(gateway, 'tester@inside.test')
    assert letter['Subject'] == 'What was done with your mail' and number in body and 'Mary Jones' not in body
    assert people['x@good.test'].startswith('sent securely: encrypted, and the receiving server proved its identity (TLSv1.3), to the server mx.good.test'), people
    assert 'secure: the flag [securetest] in the subject' in people['x@good.test'] and 'secure: the content "health"' in people['x@good.test']
    assert people['x@nocrypt.test'].startswith('kept in the portal, where only its recipient can read it: waits in the portal'), people
    assert 'went down the ladder "default" to portal' in people['x@nocrypt.test']
    assert people['friend@inside.test'].startswith('delivered inside, it does not leave the organisation: encrypted') and 'a recipient inside needs nothing' in people['friend@inside.test'], people
    assert 'notice to the recipient is' in people['x@nocrypt.test'] or 'the notice was accepted' in people['x@nocrypt.test'], people
    assert 'https://gateway.test/sent' in body and 'You will only hear of it again if' in body, body
    came = [m for m in gateway.lab.messages('good.test') if 'does it work' in m['data']]
    assert len(came) == 1 and 'securetest' not in came[0]['data'], came
    report = gateway.lab.report(number)
    assert [r['state'] for r in report['recipients']] == ['delivered', 'waits in the portal', 'delivered']


@pytest.mark.parametrize('sender,rcpt,headers,state,starts,holds', [
    ('strict@inside.test', 'x@nocrypt.test', '', 'returned', 'NOT SENT, and it will not be tried again: marked as secure, and there is no way', 'offers no encryption'),
    ('byhand@inside.test', 'x@good.test', '', 'held', 'not sent, it is held: ', 'What is held is sent when somebody at the organisation releases it.'),
    ('refused@inside.test', 'x@good.test', 'X-Kind: refuse\r\n', 'returned', 'NOT SENT, and it will not be tried again: a rule of the organisation refuses', 'not from this house'),
    ('patient@inside.test', 'x@tempfail.test', '', 'waiting', 'not sent yet, it is waiting: ', 'What is waiting will be tried until')])
def test_what_was_not_sent_stands_in_the_one_letter(gateway, sender, rcpt, headers, state, starts, holds):
    number = sent(gateway, sender, [rcpt], '[securetest] x', headers=headers)
    letter, people, body = the_letter(gateway, sender)
    assert people[rcpt].startswith(starts) and holds in ' '.join(body.split()), body
    assert gateway.state(number)['state'] == state
    if state == 'returned':
        assert 'The sender was told.' in gateway.lab.postern('message', number).stdout


def test_a_flag_in_quoted_text_of_a_new_mail_is_told(gateway):
    number = sent(gateway, 'quoter@inside.test', ['x@good.test', 'y@good.test'], 'the plan', QUOTED)
    letter, people, body = the_letter(gateway, 'quoter@inside.test')
    assert people['x@good.test'].endswith('why: the flag [secure] stands only in the quoted part: this mail is not protected by it. To protect a mail, write the flag at the top of its text or in the subject'), people
    assert people['x@good.test'].startswith('sent securely: ') and 'y@good.test' in people
    assert gateway.lab.report(number)['recipients'][0]['protection']['demand'] == 'none'


def test_answers_and_flags_of_their_own_are_not_told(gateway):
    """Who answers a protected mail quotes its flag each time (Thunderbird, Outlook: In-Reply-To and References)."""
    for headers, text in (('In-Reply-To: <a@b>\r\n', QUOTED), ('References: <a@b>\r\n', QUOTED), ('Auto-Submitted: auto-generated\r\n', QUOTED), ('', '[secure]\n' + QUOTED)):
        number = sent(gateway, 'answerer@inside.test', ['x@good.test'], 'Re: the plan', text, headers)
        gateway.wait_state(number, 'delivered')
    time.sleep(8)
    assert letters(gateway, 'answerer@inside.test') == []


def test_recipients_inside_alone_get_it_and_their_sender_the_letter(gateway):
    number = sent(gateway, 'homely@inside.test', ['friend@inside.test', 'other@inside.test'], '[securetest] hello')
    letter, people, body = the_letter(gateway, 'homely@inside.test')
    assert all(people[f'{x}@inside.test'].startswith('delivered inside, it does not leave the organisation: ') for x in ('friend', 'other')), people
    assert gateway.state(number)['state'] == 'delivered' and gateway.lab.report(number)['recipients'][1]['state'] == 'delivered'


@pytest.fixture(scope='module')
def trial(world, gateway):
    """The same house, where the flag for trying sends nothing; its store stays, and with it what is known of domains."""
    text = world.config(extra=RULES.replace('flags { protect secure; }', 'flags { protect secure; trial yes; }'), first_retry='1s',
                        top='administrator admin@inside.test;\n', queue='notice-after 6s;')
    world.stop_gateway()
    world.start_gateway(text)
    gateway.wait_state(gateway.send('x@nocrypt.test'), 'delivered')  # a domain that has mail is remembered
    for domain in ('good.test', 'nocrypt.test'):
        assert world.postern('probe', domain).returncode in (0, 1)
    return gateway


def test_a_trial_says_what_would_be_done_as_explain_does(trial):
    """What follows from each thing that a server does is explain's own word for it (src/policy/forecast.c)."""
    lab, sender = trial.lab, 'trier@inside.test'
    rcpts = ['x@good.test', 'x@nocrypt.test', 'x@neverasked.good.test', 'friend@inside.test']
    before = len(lab.messages('good.test')), len([m for m in lab.messages('inside.test') if m['sender']])
    number = sent(trial, sender, rcpts, '[securetest] would it', PATIENT)
    letter, people, body = the_letter(trial, sender)
    assert letter['Subject'] == 'What would be done with your mail' and 'a test that was sent to nobody' in body and 'Send it again without' in body, body
    assert people['x@good.test'].startswith('nothing was sent; it would be sent securely: encrypted, and the receiving server proved its identity (as'), people
    assert people['x@nocrypt.test'].startswith('nothing was sent; it would be kept in the portal, where only its recipient can read it: '), people
    assert people['friend@inside.test'].startswith('nothing was sent; it would be delivered inside: it does not leave the organisation'), people
    unknown = people['x@neverasked.good.test']
    assert unknown.startswith('nothing was sent; it would be depending on its server, which was not probed. If it offers TLS'), people
    assert 'offers TLS, good certificate: sent securely' in unknown and 'kept in the portal' in unknown, people
    assert all('secure: the flag [securetest] in the subject; a trial' in people[x] for x in rcpts[:3]), people
    assert (len(lab.messages('good.test')), len([m for m in lab.messages('inside.test') if m['sender']])) == before
    assert {r['state'] for r in lab.report(number)['recipients']} == {'returned'}
    path = lab.path('trial.eml')
    with open(path, 'w') as out:
        out.write(f'From: {sender}\nSubject: x\n\n[secure]\n')
    for rcpt, session, action in (('x@good.test', 'pkix_ok', 'send'), ('x@nocrypt.test', 'noadv', 'fallback')):
        told = lab.postern('explain', sender, rcpt, path, json_out=True)
        outcome = {o['session']: o['action'] for o in told['hosts'][0]['outcomes']}
        assert outcome.get(session) == action, (rcpt, outcome)


@pytest.mark.parametrize('sender,headers,would', [
    ('byhand@inside.test', '', 'held until somebody at the organisation has reviewed it'),
    ('refusing@inside.test', 'X-Kind: refuse\r\n', 'refused by a rule of the organisation: not from this house'),
    ('near@inside.test', 'Comments: x\r\n', None)])
def test_a_trial_knows_of_what_is_no_delivery(trial, sender, headers, would):
    text = 'hello' if would else '[secrue]\n'
    before = len(letters(trial, sender))
    sent(trial, sender, ['x@good.test'], '[securetest] x', text, headers)
    assert trial.lab.wait_for(lambda: len(letters(trial, sender)) > before, 20)
    body = ' '.join(letters(trial, sender)[-1].get_body(('plain',)).get_content().split())
    assert f'nothing was sent; it would be {would or "sent back with a question"}' in body, body
