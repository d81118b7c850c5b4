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
from test_life import make_earlier


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
    assert done.returncode == 1 and 'the gateway is running (pid' in done.stderr, done
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
        assert gateway.state(number)['state'] == 'returned' and gateway.state(number)['reason'] == 'damaged'
    assert gateway.state(ids[2])['state'] == 'waiting'
    assert all(r['sender-told'] for r in lab.postern('store', 'check', json_out=True)['lost'])
    lab.stop_gateway()
    lab.start_gateway(text)
    time.sleep(5)
    assert len(letters(gateway, 'nurse@inside.test')) == 1  # once


def restored(gateway, copy, **kw):
    return gateway.lab.postern('store', 'restore', copy, **kw)


def test_a_copy_is_put_back_elsewhere_and_waits(gateway, tmp_path):
    """joeyates/imap-backup#212: a copy that is put back makes nothing twice; sourcefrog/conserve#38: and is put over nothing."""
    lab, copy = gateway.lab, str(tmp_path / 'copy')
    ids = [gateway.send('x@tempfail.test', body=('b' * 70 + '\r\n') * (3000 if i else 1)) for i in range(2)]
    waits = gateway.send('later@good.test', body='once')
    for number in ids:
        gateway.wait_reason(number, 'rejected')
    gateway.wait_state(waits, 'delivered')
    bounced = gateway.send('x@reject.test', sender='doctor@inside.test')
    gateway.wait_state(bounced, 'returned')
    done = lab.postern('store', 'backup', copy)
    assert done.returncode == 0 and 'fingerprint' in done.stdout, done
    done = restored(gateway, copy)
    assert done.returncode == 1 and 'the gateway is running (pid' in done.stderr, done
    text = open(lab.path('postern.conf')).read()
    lab.stop_gateway()
    done = restored(gateway, copy)
    assert done.returncode == 1 and 'nothing is written over' in done.stderr, done
    shutil.move(lab.path('store'), lab.path('store.old'))
    done = restored(gateway, copy)
    assert done.returncode == 0 and 'All its mail is held: 2 recipients' in done.stdout and ': whole.' in done.stdout, done
    assert restored(gateway, copy).returncode == 1  # twice
    before = len(gateway.lab.messages('inside.test'))
    lab.start_gateway(text + 'tls-reports { send yes; contact tlsrpt@inside.test; delay 1s; }\n')
    held = [gateway.wait_state(number, 'held') for number in ids]
    assert all(h['reason'] == 'restored' for h in held), held
    assert 'postern queue release restored' in lab.postern('status').stdout
    rows = {r['what']: r for r in lab.postern('doctor', '--outbound', '127.0.1.15', json_out=True)}
    assert 'all its mail is held' in rows['restored store']['finding'], rows['restored store']
    new = gateway.send('new@good.test')
    gateway.wait_state(new, 'delivered')  # what comes now goes
    failing = gateway.send('x@reject.test', sender='nurse@inside.test')
    assert lab.wait_for(lambda: gateway.state(failing)['attempts'] == 1, 20), gateway.state(failing)
    time.sleep(4)
    assert len(gateway.lab.messages('inside.test')) == before  # no bounce, no letter
    assert [gateway.state(number)['state'] for number in ids] == ['held', 'held']
    done = lab.postern('tlsrpt', 'send')  # others may have those of the copy already
    assert done.returncode == 1 and 'release restored' in done.stderr and lab.postern('tlsrpt', 'sent', json_out=True) == [], done
    done = lab.postern('queue', 'release', 'restored')
    assert done.returncode == 0 and '2 messages changed' in done.stdout, done
    assert lab.postern('tlsrpt', 'send').returncode == 0
    assert lab.wait_for(lambda: [r for r in lab.postern('tlsrpt', 'sent', json_out=True) if r['domain'] == 'good.test'], 30)
    for number in ids:
        assert gateway.lab.wait_for(lambda: gateway.state(number)['state'] == 'waiting', 20), gateway.state(number)
    assert lab.wait_for(lambda: letters(gateway, 'nurse@inside.test'), 30)  # the bounce goes now
    assert 'restored' not in lab.postern('status').stdout
    rows = {r['what'] for r in lab.postern('doctor', '--outbound', '127.0.1.15', json_out=True)}
    assert 'restored store' not in rows


def test_a_copy_needs_its_key(gateway, tmp_path):
    """cockroachdb/cockroach#46736, ulsklyc/yuvomi#1267: a wrong or missing key is named, and nothing is done."""
    lab, copy = gateway.lab, str(tmp_path / 'copy')
    number = gateway.send('x@tempfail.test')
    gateway.wait_reason(number, 'rejected')
    fingerprint = lab.postern('store', 'backup', copy).stdout.split('fingerprint ')[1].split('.')[0]
    text = open(lab.path('postern.conf')).read()
    lab.stop_gateway()
    shutil.move(lab.path('store'), lab.path('store.gone'))
    shutil.move(lab.path('at-rest.key'), lab.path('at-rest.mine'))
    done = restored(gateway, copy)
    assert done.returncode == 1 and fingerprint in done.stderr and 'is missing' in done.stderr, done
    with open(lab.path('at-rest.key'), 'wb') as out:
        out.write(os.urandom(32))
    done = restored(gateway, copy)
    assert done.returncode == 1 and fingerprint in done.stderr and 'is another at-rest key' in done.stderr, done
    assert not os.path.exists(lab.path('store'))
    os.replace(lab.path('at-rest.mine'), lab.path('at-rest.key'))
    done = restored(gateway, str(tmp_path))
    assert done.returncode == 1 and 'is not a backup of a store' in done.stderr, done
    assert restored(gateway, copy).returncode == 0
    lab.start_gateway(text)
    gateway.wait_state(number, 'held')


@pytest.mark.parametrize('version', [16, 9])
def test_a_copy_of_an_earlier_version(gateway, tmp_path, version):
    """Made by an earlier Postern: put back, brought to this version, delivered when it is let go."""
    lab, copy = gateway.lab, str(tmp_path / 'copy')
    number = gateway.send(f'v{version}@greylist.test', body=('b' * 70 + '\r\n') * 3000)
    gateway.wait_reason(number, 'rejected')
    text = open(lab.path('postern.conf')).read()
    lab.stop_gateway()
    with lab.edited_store() as store:
        make_earlier(lab, store, version)
    shutil.move(lab.path('store'), copy)
    done = restored(gateway, copy)
    assert done.returncode == 0 and ': whole.' in done.stdout, done
    lab.start_gateway(text)
    assert gateway.wait_state(number, 'held')['reason'] == 'restored'
    assert lab.postern('queue', 'release', 'restored').returncode == 0
    gateway.wait_state(number, 'delivered')


def test_copies_each_night(gateway, tmp_path):
    lab, into = gateway.lab, str(tmp_path / 'copies')
    os.mkdir(into)
    os.mkdir(os.path.join(into, 'postern-of-mine'))
    for _ in range(4):
        done = lab.postern('store', 'backup', '--into', into, '--keep', '2')
        assert done.returncode == 0, done
        time.sleep(1.1)
    found = sorted(os.listdir(into))
    assert len(found) == 3 and found[-1] == 'postern-of-mine', found
    for name in found[:2]:
        assert {'postern.db', 'journal-mark', 'spool'} <= set(os.listdir(os.path.join(into, name)))
    assert lab.postern('store', 'backup', '--into', into, '--keep', '0').returncode == 64
