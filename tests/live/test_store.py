"""The store against rot and loss: what a check sees, what a repair keeps, who is told, and a copy that is put back.

Sources: issue 23 of this project, 3.2 and 3.3; the public reports named at each test (docs/field.md)."""
import email
import email.policy
import os
import shutil
import subprocess
import time

import pytest
from conftest import serving


@pytest.fixture
def gateway(world):
    with serving(world, first_retry='1s', top='administrator admin@inside.test;\n') as it:
        yield it


def spool_of(lab):
    folder = lab.path('store', 'spool')
    return {n for n in os.listdir(folder) if not n.startswith('.')}


def flip(path, at):
    with open(path, 'r+b') as f:
        f.seek(at)
        octet = f.read(1)
        f.seek(at)
        f.write(bytes([octet[0] ^ 1]))


def letters(gateway, to):
    return [email.message_from_string(m['data'], policy=email.policy.default) for m in gateway.lab.messages('inside.test')
            if m['rcpts'] == [to] and m['sender'] == '']


def damaged(gateway):
    """Three messages wait; the files of two of them have changed: one octet, and its end. Stopped; the ids and the configuration."""
    lab = gateway.lab
    ids, names = [], []
    for sender, size in (('nurse@inside.test', 200000), ('doctor@inside.test', 200000), ('nurse@inside.test', 10)):
        before = spool_of(lab)
        ids.append(gateway.send(['x@tempfail.test', 'y@tempfail.test'], sender=sender, body=('b' * 70 + '\r\n') * (size // 70)))
        gateway.wait_reason(ids[-1], 'rejected')
        names += sorted(spool_of(lab) - before)
    assert len(names) == 2, names
    text = open(lab.path('postern.conf')).read()
    lab.stop_gateway()
    flip(lab.path('store', 'spool', names[0]), 100001)
    os.truncate(lab.path('store', 'spool', names[1]), 150000)
    return ids, names, text


def test_a_check_names_the_lost_and_a_repair_keeps_them(gateway):
    """borgbackup/borg#1749 and #5747: damaged files are shown by name, and a check never says that it repaired anything;
    prometheus/prometheus#16074: a repair takes nothing with it that is whole."""
    lab = gateway.lab
    assert lab.postern('store', 'check').returncode == 0
    done = lab.postern('store', 'check', '--repair')
    assert done.returncode == 1 and 'the gateway runs (pid' in done.stderr, done
    ids, names, text = damaged(gateway)
    for _ in range(2):  # a check changes nothing
        done = lab.postern('store', 'check')
        assert done.returncode == 1 and 'something is WRONG' in done.stdout, done
        for number, sender in ((ids[0], 'nurse'), (ids[1], 'doctor')):
            assert f'LOST    {number} from <{sender}@inside.test> to x@tempfail.test, y@tempfail.test, taken 20' in done.stdout, done.stdout
        assert ids[2] not in done.stdout and '--repair' in done.stdout
    found = lab.postern('store', 'check', json_out=True)
    assert {(r['id'], r['from'], r['to'], r['sender-told']) for r in found['lost']} == {
        (ids[0], 'nurse@inside.test', 'x@tempfail.test, y@tempfail.test', False),
        (ids[1], 'doctor@inside.test', 'x@tempfail.test, y@tempfail.test', False)}
    assert found['bodies-opened'] is True and found['batches-lost'] == 0
    os.rename(lab.path('at-rest.key'), lab.path('at-rest.aside'))
    done = lab.postern('store', 'check', '--repair')
    assert done.returncode == 1 and 'nothing was done' in done.stderr, done
    os.rename(lab.path('at-rest.aside'), lab.path('at-rest.key'))
    done = lab.postern('store', 'check', '--repair')
    assert done.returncode == 0 and all(i in done.stdout for i in ids[:2]) and 'Nothing was deleted: 2 files are in' in done.stdout, done
    quarantine = done.stdout.split('files are in ')[1].split()[0].rstrip('.')
    assert sorted(os.listdir(quarantine)) == sorted(names)
    assert lab.postern('store', 'check').returncode == 0
    lab.start_gateway(text)
    for number, to in ((ids[0], 'nurse@inside.test'), (ids[1], 'doctor@inside.test')):
        assert lab.wait_for(lambda: letters(gateway, to), 30), lab.log()[-3000:]
        (letter,) = letters(gateway, to)
        body = letter.get_content()
        assert 'lost here' in letter['subject'] and number in body and 'please send it again' in body and 'x@tempfail.test' in body, body
        assert gateway.state(number)['state'] == 'failed' and gateway.state(number)['reason'] == 'damaged'
    assert gateway.state(ids[2])['state'] == 'waiting'
    assert all(r['sender-told'] for r in lab.postern('store', 'check', json_out=True)['lost'])
    lab.stop_gateway()
    lab.start_gateway(text)
    time.sleep(5)
    assert len(letters(gateway, 'nurse@inside.test')) == 1  # once
