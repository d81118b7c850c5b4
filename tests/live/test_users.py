"""Each process has a user of its own: seen from outside, and what such a user reaches of the others by the rights of the kernel alone,
without any sandbox (tests/lab/reach.py). With one user for all it goes on as before."""
import glob
import json
import os
import re
import shutil
import subprocess

import pytest
from conftest import GATEWAY_ADDRESS, serving, signal_process

ROLES = ('keys', 'queue', 'smtpin', 'smtpout', 'lookup', 'login', 'inspect', 'web', 'metrics')
EXTRA = f'''
portal {{ url https://gateway.test; address {GATEWAY_ADDRESS}:443; from secure@inside.test; pages @pages@; }}
inspection {{ packs @packs@; }}
metrics {{ address {GATEWAY_ADDRESS}:9471; }}
monitor {{ probe no; }}
'''


def config(world, user=None):
    text = world.config(extra=EXTRA, first_retry='1s')
    return text.replace(f'user {world.user()};', f'user {user};') if user else text


@pytest.fixture(scope='module')
def gateway(world):
    if os.geteuid() != 0 or world.user() == 'nobody':
        pytest.skip('needs users of its own (make_users() of tests/lab)')
    with serving(world, extra=EXTRA, first_retry='1s') as it:
        yield it


def uids(pid):
    """Real, effective, saved, file system; and the groups (proc(5))."""
    lines = dict(line.split(':', 1) for line in open(f'/proc/{pid}/status').read().splitlines())
    return {*lines['Uid'].split(), *lines['Gid'].split()}, lines['Groups'].split(), {name: lines[name].strip() for name in ('CapPrm', 'CapEff', 'CapAmb')}


def reach(world, uid, **aims):
    script = world.path('etc', 'reach.py')
    shutil.copy(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'lab', 'reach.py'), script)
    os.chmod(script, 0o755)
    done = subprocess.run(['setpriv', f'--reuid={uid}', f'--regid={uid}', '--clear-groups', '--inh-caps=-all', '/usr/bin/python3', script, json.dumps(aims)],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def by_role(gateway):
    found = {}
    for name, pid in gateway.pids().items():
        found.setdefault(name.rsplit('-', 1)[0], []).append(pid)
    assert set(found) == set(ROLES), found
    return found


def test_each_process_runs_as_its_user(gateway):
    lab, found = gateway.lab, by_role(gateway)
    for role, pids in found.items():
        for pid in pids:
            ids, groups, capabilities = uids(pid)
            assert (ids, groups) == ({str(lab.uid_of(role))}, []), (role, pid)
            assert capabilities['CapPrm'] == capabilities['CapEff'] == capabilities['CapAmb'] == '0' * 16
    assert len({lab.uid_of(role) for role in ROLES}) == len(ROLES)
    assert any(f['what'] == 'user' and f['state'] == 'ok' and 'each process' in f['finding'] for f in findings(lab)), findings(lab)


def findings(lab):
    return lab.postern('doctor', json_out=True)


@pytest.mark.parametrize('role', ROLES)
def test_a_role_reaches_no_other_process(gateway, role):
    lab, found = gateway.lab, by_role(gateway)
    others = [lab.procs['posternd'].pid, *(pid for name, pids in found.items() if name != role for pid in pids)]
    assert reach(lab, lab.uid_of(role), pids=others) == []
    before = gateway.pids()
    own = reach(lab, lab.uid_of(role), pids=found[role][:1])  # its own kind it would reach: that is what the sandbox is for
    assert f'kill {found[role][0]}' in own and gateway.pids() == before


@pytest.mark.parametrize('role', [*ROLES, 'pickup'])
def test_a_role_reaches_no_file_of_another(gateway, role):
    lab = gateway.lab
    large = gateway.send('box@expired.test', body='x' * 70 + '\r\n' + ('y' * 70 + '\r\n') * 2000)
    assert lab.wait_for(lambda: glob.glob(lab.path('store', 'spool', '*')), 10), large
    with open(lab.path('drop', 'mail-of-another'), 'w') as out:
        out.write('x')
    os.chmod(lab.path('drop', 'mail-of-another'), 0o600)
    store = [lab.path('store'), *glob.glob(lab.path('store', '*')), *glob.glob(lab.path('store', 'spool', '*'))]
    drop = [lab.path('drop', 'mail-of-another')]
    secrets = [lab.path('at-rest.key'), lab.path('ca', 'gateway.test.key')]
    os.chmod(secrets[1], 0o600)
    sockets = glob.glob(lab.path('run', '*.sock'))
    assert len(store) > 4 and len(sockets) >= 2
    files = drop + secrets + glob.glob(lab.path('run', '*')) + [lab.path('run')] + ([] if role == 'queue' else store)
    found = reach(lab, lab.uid_of(role), files=files, sockets=sockets)
    os.unlink(drop[0])
    assert [line for line in found if line not in (f'read {lab.path("run")}',)] == []
    if role != 'pickup':
        assert f'read {lab.path("drop")}' not in reach(lab, lab.uid_of(role), files=[lab.path('drop')])
    if role == 'queue':
        assert f'write {lab.path("store", "postern.db")}' in reach(lab, lab.uid_of(role), files=store)  # that the look sees something


def held_open(pid):
    """What its descriptors are, sockets by their family (proc(5))."""
    kinds, found = {}, set()
    for name in ('tcp', 'tcp6', 'udp', 'udp6', 'unix', 'netlink', 'raw', 'raw6'):
        lines = open(f'/proc/{pid}/net/{name}').read().splitlines()
        column = lines[0].split().index('Inode') if 'Inode' in lines[0] else 9
        column = 6 if name == 'unix' else column
        kinds.update({line.split()[column]: 'internet' if name[:3] in ('tcp', 'udp', 'raw') else name for line in lines[1:]})
    for fd in os.listdir(f'/proc/{pid}/fd'):
        try:
            target = os.readlink(f'/proc/{pid}/fd/{fd}')
        except FileNotFoundError:
            continue  # closed in between
        inode = re.match(r'socket:\[(\d+)\]', target)
        found.add(kinds.get(inode.group(1), 'unbound socket') if inode else re.sub(r'\[?\d+\]?$', '', target))
    return found


def test_what_each_holds_open(gateway):
    """docs/security.md: who has no business with the network has no socket of it, who has none with the store no file of it."""
    lab = gateway.lab
    gateway.wait_state(gateway.send('box@good.test', body=('z' * 70 + '\r\n') * 2000), 'delivered')
    common = ('anon_inode:', 'pipe:', 'unix', '/dev/null', '/proc/', lab.path('log'), '/memfd:')
    # a socket that is made, and neither bound nor connected yet, is in no list of the kernel
    more = {'queue': (lab.path('store'),), 'smtpin': ('internet', lab.path('store', 'spool')), 'smtpout': ('internet', 'unbound socket', lab.path('store', 'spool')),
            'web': ('internet', lab.path('store', 'spool')), 'metrics': ('internet',), 'lookup': ('internet', 'unbound socket', 'netlink')}
    for role, pids in by_role(gateway).items():
        for pid in pids:
            strange = {what for what in held_open(pid) if not what.startswith((*common, *more.get(role, ())))}
            assert not strange, (role, strange)
    sees = held_open(gateway.pid('smtpin-0')), held_open(gateway.pid('queue-0'))
    assert 'internet' in sees[0] and lab.path('store', 'postern.db') in sees[1], sees  # that the look sees any


def test_one_user_for_all_then_one_for_each_and_back(gateway):
    """What was installed before there were users for each process: it works, doctor says so; the store follows its owner."""
    lab = gateway.lab
    kept = gateway.send('box@expired.test', body='before' + '\r\n' + ('y' * 70 + '\r\n') * 2000)
    for user, uid in (('nobody', lambda role: 65534), (None, lab.uid_of), ('nobody', lambda role: 65534), (None, lab.uid_of)):
        lab.stop_gateway()
        lab.start_gateway(config(lab, user))
        for role, pids in by_role(gateway).items():
            assert {os.stat(f'/proc/{pid}').st_uid for pid in pids} <= {uid(role), 0}, role  # 0: not dumpable (proc(5))
            assert uids(pids[0])[0] & {str(uid(role))}
        said = next(f for f in findings(lab) if f['what'] == 'user')
        assert ('share a user' in said['finding']) == (user is not None), said
        assert gateway.state(kept)['state'] in ('waiting', 'queued')
        assert os.stat(lab.path('store', 'postern.db')).st_uid == uid('queue') and os.stat(lab.path('drop')).st_uid == uid('pickup')
        gateway.wait_state(gateway.send('box@good.test', body=('z' * 70 + '\r\n') * 2000), 'delivered')
        assert lab.postern('store', 'check').returncode == 0
    lab.postern('queue', 'delete', kept)


def test_users_that_are_made_while_it_runs_wait_for_the_next_start(gateway):
    """A package makes them before it restarts the service: a queue that comes back in between must still read its store."""
    lab = gateway.lab
    lab.stop_gateway()
    lab.start_gateway(config(lab, 'nobody'))
    own = open('/etc/passwd').read()
    try:
        with open('/etc/passwd', 'a') as out:
            out.write('nobody-queue:x:4190:4190::/nonexistent:/usr/sbin/nologin\n')
        before = gateway.pid('queue-0')
        signal_process(before, 9)
        assert lab.wait_for(lambda: gateway.pids().get('queue-0') not in (None, 0, before), 20)
        lab.wait_ready()
        assert '65534' in uids(gateway.pid('queue-0'))[0]
        gateway.wait_state(gateway.send('box@good.test'), 'delivered')
    finally:
        with open('/etc/passwd', 'w') as out:
            out.write(own)
        lab.stop_gateway()
        lab.start_gateway(config(lab))
