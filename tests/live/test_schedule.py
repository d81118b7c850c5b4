"""What is tried when: greylisting, servers that take part of the recipients, lifetimes; see docs/queue.md."""
import time

import pytest


@pytest.fixture(scope='module')
def early(gateway):
    """Retries within seconds."""
    gateway.restart(first_retry='2s', lifetime='40s', queue='longest-retry 4s;')
    return gateway


def open_recipients(gateway):
    """All that waits, by what postern says."""
    return [r for m in gateway.lab.postern('queue', 'list', json_out=True) for r in m.get('recipients', [m])]


def states(gateway, number):
    return [r['state'] for r in gateway.lab.report(number)['recipients']]


def all_delivered(gateway, numbers, seconds):
    gateway.lab.wait_for(lambda: all(s == 'delivered' for n in numbers for s in states(gateway, n)), seconds, 0.3)
    return {n: sorted(set(states(gateway, n))) for n in numbers}


def test_many_greylisted_messages(early):
    """haraka/Haraka#1973, schweikert/postgrey#49: each is put off once; all come within two retries."""
    numbers = []
    for i in range(5):
        numbers.append(early.send(f'x{i}@greylist.test', sender=f'sender{i}@inside.test'))
        time.sleep(0.2)  # so that their retries are due at different times
    assert all_delivered(early, numbers, 15) == {n: ['delivered'] for n in numbers}


def test_a_server_that_takes_a_hundred_recipients(early):
    """mailcow/mailcow-dockerized#3411; RFC 5321 4.5.3.1.10: 452, the others later."""
    number = early.send([f'r{i:03}@hundred.test' for i in range(250)], sender='many@inside.test')
    assert all_delivered(early, [number], 30) == {number: ['delivered']}


def test_null_reverse_path_is_tried_until_its_lifetime_ends(early):
    """RFC 5321 4.5.5: nobody is told of its end; it ends all the same."""
    early.restart(first_retry='2s', lifetime='6s', queue='longest-retry 4s;')
    others = [early.send('x@tempfail.test', sender=f'other{i}@inside.test') for i in range(3)]
    number = early.send('x@tempfail.test', sender='')
    for each in [number, *others]:
        early.wait_state(each, 'expired', 20)
