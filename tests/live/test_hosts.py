"""Which host and address is asked, what its answer means, and when plaintext is permitted: RFC 5321 5.1, and the first
look of docs/decision.md. The servers stand in tests/lab/tls_domains.py."""
import pytest


@pytest.fixture(scope='module')
def hosts(gateway):
    """A short look; a mail waits long before it is tried again."""
    gateway.restart(first_retry='10m', delivery='greeting-time 3s;', top='administrator admin@inside.test; monitor { probe no; first-look-time 2s; }')
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
    assert words in tried(hosts, message_id)['attempts'][-1]['detail']
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


def test_patience_with_a_look_has_an_end_and_it_is_said(hosts):
    hosts.restart(first_retry='3s', delivery='greeting-time 1s;', top='administrator admin@inside.test; monitor { probe no; first-look-time 1s; look-patience 5s; }')
    message_id = hosts.send('x@lookpatience.test')
    hosts.wait_reason(message_id, 'look-incomplete')
    hosts.wait_state(message_id, 'delivered', 40)
    last = tried(hosts, message_id)['attempts'][-1]
    assert last['reason'] == 'sent-plain' and 'mx2.lookpatience.test' in last['detail'], last
