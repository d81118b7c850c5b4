"""What is tried when: greylisting, servers that take part of the recipients, dead destinations, lifetimes, and the look for mail
that was forgotten; see docs/queue.md. The stories of tests/world/schedule.txt have the details."""
import os
import shutil
import sqlite3
import time

import pytest


@pytest.fixture(scope='module')
def early(gateway):
    """Retries within seconds."""
    gateway.restart(first_retry='2s', lifetime='40s', queue='longest-retry 4s;')
    return gateway


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


def notices_to(gateway, sender):
    return [m for m in gateway.lab.messages('inside.test') if m['rcpts'] == [sender]]


def test_mail_that_was_never_tried_ends_at_its_hour(early):
    """KumoCorp/kumomta#539: behind a dead destination; its sender is told."""
    early.restart(first_retry='2s', lifetime='8s', queue='longest-retry 4s;')
    numbers = [early.send('x@dead.test', sender=f'end{i}@inside.test') for i in range(20)]
    numbers.append(early.send('x@dead.test', sender=''))
    early.lab.wait_for(lambda: all(s == 'expired' for n in numbers for s in states(early, n)), 25, 0.5)
    found = [early.state(n) for n in numbers]
    assert {r['state'] for r in found} == {'expired'}, found
    assert min(r['attempts'] for r in found) == 0  # the others went first, and failed
    assert {(r['reason'], r['status'], r['detail']) for r in found if r['attempts'] == 0} == {('expired', '4.4.7', '')}
    assert early.lab.wait_for(lambda: all(len(notices_to(early, f'end{i}@inside.test')) == 1 for i in range(20)), 20, 0.5)


def counter(gateway, name):
    return int(dict(word.split('=', 1) for word in gateway.counters('queue-0').split())[name])


def fill(gateway, recipients):
    """To a destination that refuses connections, a hundred recipients each."""
    client = gateway.smtp()
    for i in range(recipients // 100):
        client.sendmail(f'bulk{i % 7}@inside.test', [f'r{i}x{k}@dead.test' for k in range(100)], 'Subject: bulk\r\n\r\nx\r\n')
    client.quit()


def good_mail(gateway, n, when):
    """Seconds until n messages to a good destination were there, 500 over each connection."""
    there = len(gateway.lab.messages('good.test'))
    begin = time.time()
    client = gateway.smtp()
    for i in range(n):
        if i % 500 == 499:
            client.quit()
            client = gateway.smtp()
        client.sendmail(f'good{i % 7}@inside.test', ['x@good.test'], 'Subject: good\r\n\r\nx\r\n')
    client.quit()
    assert gateway.lab.wait_for(lambda: len(gateway.lab.messages('good.test')) >= there + n, 60), when
    seconds = time.time() - begin
    print(f'{when}: {n / seconds:.0f} messages a second to a good destination')
    return seconds


def test_a_dead_destination_with_very_many_waiting(early):
    """Other mail flows (how fast: docs/performance.md), before and after a restart; nobody of them is lost or forgotten."""
    recipients, n = (100000, 2000) if os.environ.get('POSTERN_ALL') else (1000, 50)
    early.lab.stop_gateway()
    shutil.rmtree(early.lab.path('store'), ignore_errors=True)
    early.restart(first_retry='2s', queue='longest-retry 10s;')
    alone = good_mail(early, n, 'alone')
    fill(early, recipients)
    assert counter(early, 'queued') == recipients
    assert good_mail(early, n, f'{recipients} dead ones waiting') < 3 * alone + 5
    early.restart(first_retry='2s', queue='longest-retry 10s;')
    assert good_mail(early, n, 'after a restart') < 3 * alone + 5
    assert counter(early, 'queued') == recipients
    time.sleep(8)  # longer than an overdue recipient may go unseen here
    assert counter(early, 'overdue-woken') == 0
    early.lab.stop_gateway()
    shutil.rmtree(early.lab.path('store'), ignore_errors=True)
    early.lab.start_gateway()


def test_forgotten_mail_is_woken_and_said(early):
    """A fault made by hand: a row changes behind the queue's back."""
    early.restart(first_retry='2s', queue='longest-retry 10s;')
    number = early.send('x@tempfail.test', sender='lost@inside.test')
    early.wait_reason(number, 'rejected')
    assert early.lab.postern('queue', 'hold', number).returncode == 0
    time.sleep(1)  # in the tables by now
    db = sqlite3.connect(early.lab.path('store', 'postern.db'), timeout=10)
    db.execute("UPDATE recipient SET state=0, next_ms=1, next_hop='good.test', forward_path='x@good.test' WHERE state=1")
    db.commit()
    db.close()
    early.wait_state(number, 'delivered', 30)
    early.lab.provoked += [line for line in early.lab.log().splitlines() if 'recipients-overdue' in line]
    assert len(early.lab.provoked) == 1 and counter(early, 'overdue-woken') == 1
    rows = {r['what']: r for r in early.lab.postern('doctor', '--outbound', '127.0.1.15', json_out=True)}
    assert rows['queue']['state'] == 'wrong' and 'report it' in rows['queue']['advice']
    assert 'overdue' in early.lab.postern('domains', 'alarms').stdout
    early.restart()
    rows = {r['what']: r for r in early.lab.postern('doctor', '--outbound', '127.0.1.15', json_out=True)}
    assert rows['queue']['state'] == 'ok'
