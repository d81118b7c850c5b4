"""Which host and address is asked, what its answer means, and when plaintext is permitted: RFC 5321 5.1, and the first
look of docs/decision.md. The servers stand in tests/lab/tls_domains.py."""
import email
import smtplib

import pytest

from conftest import GATEWAY_ADDRESS, INSIDE


@pytest.fixture(scope='module')
def hosts(gateway):
    """A short look; a mail waits long before it is tried again."""
    gateway.restart(first_retry='10m', delivery='greeting-time 3s;', top='administrator admin@inside.test; monitor { probe no; first-probe-time 2s; }')
    yield gateway


def tried(gateway, message_id, seconds=30):
    report = gateway.lab.wait_for(lambda: (lambda r: r if r['attempts'] else None)(gateway.lab.report(message_id)), seconds)
    assert report, gateway.lab.log()[-2000:]
    return report


def in_clear(gateway, domain, *labels):
    return [r for label in labels for r in gateway.lab.received(f'host-{label}.{domain}') if r['event'] in ('message', 'data-in-clear')]


@pytest.mark.parametrize('domain, words', [
    ('looksilent.test', 'mx2.looksilent.test [127.0.'),  # the second server accepts and never greets
    ('looktwo.test', 'mx.looktwo.test [127.0.6.1]: Connection refused'),  # one server, the second address is dead
])
def test_an_incomplete_look_lets_nothing_go_in_clear(hosts, domain, words):
    message_id = hosts.send('x@' + domain)
    found = hosts.wait_reason(message_id, 'look-incomplete')
    assert found['state'] == 'waiting' and words in found['detail'], found
    assert any(words in a['detail'] for a in tried(hosts, message_id)['attempts'])
    assert not in_clear(hosts, domain, 'mx', 'mx1', 'mx2')
    told = hosts.lab.postern('domains', 'show', domain).stdout
    assert 'not all answered' in told
    again = hosts.send('x@' + domain)  # what was not complete is not remembered either
    hosts.wait_reason(again, 'look-incomplete')


def test_nine_servers_are_all_asked(hosts):
    hosts.wait_state(hosts.send('x@looknine.test'), 'delivered')
    looks = [line for line in hosts.lab.log().splitlines() if 'first-look' in line and 'looknine' in line]
    assert 'answered=9' in looks[-1] and 'complete=yes' in looks[-1], looks


def test_an_address_without_any_route_does_not_hold_mail_up(hosts):
    """IPv6 in the answer, none on this machine: no mail could go there, encrypted or not."""
    hosts.wait_state(hosts.send('x@lookv6.test'), 'delivered')


def test_a_server_with_ipv6_alone_and_no_ipv6_here(hosts):
    """Our own review: it waits, and report, list, explain and probe say that it is this machine that lacks the way (RFC 3463 4.4.1)."""
    why = 'this machine has no IPv6 route to it'
    number = hosts.send('x@onlysix.test')
    found = hosts.wait_reason(number, 'connect')
    assert (found['state'], found['status'], found['detail']) == ('waiting', '4.4.1', why), found
    assert [(a['host'], a['address'], a['detail']) for a in hosts.lab.report(number)['attempts'][:1]] == [('mx.onlysix.test', 'fd00::97', why)]
    assert why in hosts.lab.postern('queue', 'list').stdout and why in hosts.lab.postern('message', number).stdout
    assert f'Not reached from here: {why}, and the server has no other address' in hosts.lab.postern('explain', 'a@inside.test', 'x@onlysix.test').stdout
    assert f'no answer: {why}' in hosts.lab.postern('probe', 'onlysix.test').stdout
    assert 'Not reached' not in hosts.lab.postern('explain', 'a@inside.test', 'x@lookv6.test').stdout
    assert hosts.lab.postern('queue', 'delete', number).returncode == 0


def test_patience_with_a_look_has_an_end_and_it_is_said(hosts):
    hosts.restart(first_retry='3s', queue='notice-after 1s;', delivery='greeting-time 1s;', top='administrator admin@inside.test; monitor { probe no; first-probe-time 1s; probe-patience 5s; }')
    message_id = hosts.send('x@lookpatience.test', sender='patient@inside.test')
    hosts.wait_reason(message_id, 'look-incomplete')
    told = lambda: [m['data'] for m in hosts.lab.messages('inside.test') if m['rcpts'] == ['patient@inside.test']]
    words, fields, _ = email.message_from_string(hosts.lab.wait_for(told, 20)[0]).get_payload()
    assert fields.get_payload()[1]['Action'] == 'delayed' and fields.get_payload()[1]['Status'] == '4.7.4'  # RFC 3464 2.3.3, RFC 3463 3.8
    text = ' '.join(words.get_payload().split())
    assert 'not all servers of the recipient' in text and 'nothing goes there in clear' in text and 'mx2.lookpatience.test' in text, text
    hosts.wait_state(message_id, 'delivered', 40)
    last = tried(hosts, message_id)['attempts'][-1]
    assert last['reason'] == 'sent-plain' and 'mx2.lookpatience.test' in last['detail'], last


# --- an answer about now and here is not one about the message (RFC 5321 5.1) ---------------------------------------

@pytest.fixture(scope='module')
def round_of(gateway):
    gateway.restart(first_retry='10m', top='administrator admin@inside.test; monitor { probe no; }')
    yield gateway


def attempts(gateway, message_id):
    return [(a['host'].split('.')[0], a['action'], a['reason'], a['detail']) for a in gateway.lab.report(message_id)['attempts']]


@pytest.mark.parametrize('domain, said', [('latermail.test', '451 4.3.2 not now'), ('laterdata.test', '451 4.3.0 not now'), ('laterdot.test', '452 4.3.1 disk full')])
def test_a_4yz_lets_the_next_host_be_asked(round_of, domain, said):
    message_id = round_of.send('x@' + domain)
    found = round_of.wait_state(message_id, 'delivered')
    assert found['host'] == 'mx2.' + domain
    assert attempts(round_of, message_id) == [('mx1', 'defer', 'rejected', said), ('mx2', 'send', 'sent', '')]
    assert len(round_of.lab.messages('host-mx2.' + domain)) == 1


# RFC 5321 4.4 MUST: a success for some is 250, the others are told of
def test_each_recipient_goes_its_own_way(round_of):
    message_id = round_of.send(['good@laterrcpt.test', 'late@laterrcpt.test', 'gone@laterrcpt.test'])
    round_of.wait_state(message_id, 'delivered', rcpt=1)
    found = {r['forward-path'].split('@')[0]: r for r in round_of.lab.report(message_id)['recipients']}
    assert {n: (r['state'], r['host'].split('.')[0]) for n, r in found.items()} == {'good': ('delivered', 'mx1'), 'late': ('delivered', 'mx2'), 'gone': ('returned', 'mx1')}
    assert round_of.lab.messages('host-mx1.laterrcpt.test')[-1]['rcpts'] == ['good@laterrcpt.test']
    assert round_of.lab.messages('host-mx2.laterrcpt.test')[-1]['rcpts'] == ['late@laterrcpt.test']


def test_a_5yz_that_speaks_of_us_lets_another_host_be_asked(round_of):
    """mjl-/mox#149: at MAIL, and at RCPT where our address stands in it."""
    message_id = round_of.send('x@notus.test')
    assert round_of.wait_state(message_id, 'delivered')['host'] == 'mx3.notus.test'
    assert [a[2] for a in attempts(round_of, message_id)] == ['rejected', 'rejected', 'sent']
    only = round_of.send('x@notusall.test')
    found = round_of.wait_state(only, 'returned')
    assert found['reason'] == 'rejected' and '554 5.7.1 blocked' in found['detail']


def test_a_connection_lost_behind_the_dot_ends_the_round(round_of):
    message_id = round_of.send('x@lostdot.test')
    found = round_of.wait_reason(message_id, 'broken-session')
    assert found['state'] == 'waiting' and [a[0] for a in attempts(round_of, message_id)] == ['mx1']
    assert not round_of.lab.messages('host-mx2.lostdot.test')
    assert not [a for a in attempts(round_of, message_id) if a[1] == 'send']  # R13: nothing says that it went


def test_one_server_behind_28_dead_ones(round_of):
    message_id = round_of.send('x@manydead.test')
    found = round_of.wait_state(message_id, 'delivered', 40)
    assert found['host'] == 'mx.manydead.test' and found['attempts'] == 1
    assert len(attempts(round_of, message_id)) == 29


def test_dead_addresses_of_one_family_do_not_hide_the_other(round_of):
    message_id = round_of.send('x@manyv6.test')
    found = round_of.wait_state(message_id, 'delivered', 40)
    assert found['attempts'] == 1


def test_requiretls_without_a_certificate_that_can_be_verified_is_returned(round_of):
    """RFC 8689 4.2.1."""
    client = round_of.smtp()
    client.ehlo()
    client.docmd('MAIL FROM:<nurse@inside.test> REQUIRETLS')
    client.rcpt('x@reqbad.test')
    code, text = client.data('Subject: r\r\n\r\nx\r\n')
    assert code == 250, text
    message_id = text.decode().split()[-1]
    found = round_of.wait_state(message_id, 'returned')
    assert found['reason'] == 'grade-too-low' and found['status'] == '5.7.10' and 'certificate' in found['detail'], found
    assert not round_of.lab.messages('host-mx.reqbad.test')


def test_a_reason_has_its_own_detail(round_of):
    """R14: no certificate in the words about an address that the server cannot take."""
    client = round_of.smtp()
    client.ehlo()
    client.docmd('MAIL FROM:<nurse@inside.test> SMTPUTF8 BODY=8BITMIME')
    client.command_encoding = 'utf-8'
    assert client.docmd('RCPT TO:<jos\u00e9@without8bit.test>')[0] == 250
    code, text = client.data('Subject: u\r\n\r\nx\r\n')
    message_id = text.decode().split()[-1]
    found = round_of.wait_state(message_id, 'returned')
    assert found['reason'] == 'no-utf8' and 'certificate' not in found['detail'], found


@pytest.fixture(params=['127.0.3.0/24', '127.0.0.0/8'], ids=['strangers-to-ourselves', 'inside'])
def everywhere(gateway, request):
    """`listen [::]`, as postern init writes it; our own address is one of the networks, or not."""
    text = gateway.lab.config(listen='[::]:2626', delivery='port 2626;', first_retry='10m', top='monitor { probe no; }', deliver_to='exchange.inside.test:25')
    gateway.lab.stop_gateway()
    gateway.lab.start_gateway(text.replace('networks 127.0.3.0/24;', f'networks {request.param};'))
    gateway.lab.run('ip', 'addr', 'replace', '198.51.100.7/32', 'dev', 'lo')
    yield gateway
    gateway.lab.run('ip', 'addr', 'del', '198.51.100.7/32', 'dev', 'lo')


def hand_in(rcpt):
    with smtplib.SMTP(GATEWAY_ADDRESS, 2626, local_hostname='client.test', source_address=(INSIDE, 0), timeout=30) as client:
        client.starttls()
        client.sendmail('nurse@inside.test', [rcpt], 'From: <nurse@inside.test>\r\n\r\nx\r\n')


def the_only(gateway):
    """The one message that was ever taken: what circles would be more."""
    taken = [line for line in gateway.lab.log().splitlines() if 'event=accepted' in line and 'protocol=own' not in line]  # but for bounces
    assert len(taken) == 1, taken
    return next(word.split('=')[1] for word in taken[0].split() if word.startswith('id='))


@pytest.mark.parametrize('domain, state, status', [
    ('lastloop.test', 'waiting', '4.4.1'),   # the best is dead, we are the second: it waits for the best
    ('loopaddress.test', 'returned', '5.4.6'),
    ('ownaddress.test', 'returned', '5.4.6'),  # an address that only the machine's interfaces tell
])
def test_listening_everywhere_every_address_of_the_machine_is_ours(everywhere, domain, state, status):
    """RFC 5321 5.1: an MX list is cut at our own place, under whatever name."""
    everywhere.lab.mark_log()
    hand_in('x@' + domain)
    message_id = the_only(everywhere)
    found = everywhere.lab.wait_for(lambda: (lambda r: r['recipients'][0] if r['attempts'] or r['recipients'][0]['state'] != 'waiting' else None)(everywhere.lab.report(message_id)), 20)
    assert found['state'] == state and found['status'] == status, found
    assert the_only(everywhere) == message_id
