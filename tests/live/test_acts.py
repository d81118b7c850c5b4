"""What administrators do is kept with who they are: log, store and lists ("uid 0" is nobody)."""
import json
import os
import pwd
import subprocess

import pytest


def postern(gateway, *words, preexec_fn=None, **env):
    lab = gateway.lab
    clean = {name: value for name, value in os.environ.items() if not name.startswith('SUDO_')}
    return subprocess.run([os.path.join(lab.binaries(), 'postern'), '-c', lab.path('postern.conf'), *words], capture_output=True, text=True,
                          timeout=60, env={**clean, **env}, input='a long password\n', preexec_fn=preexec_fn)


def acts(gateway, about=None):
    return json.loads(postern(gateway, '--json', 'acts', *(['--about', about] if about else [])).stdout)


def test_every_act_has_a_name(gateway):
    message_id = gateway.send('x@dead.test')
    assert gateway.when_free(lambda: postern(gateway, '--by', 'Jörg Müller', 'queue', 'hold', message_id)).returncode == 0
    assert postern(gateway, 'queue', 'release', message_id, SUDO_USER='petra').returncode == 0
    assert postern(gateway, '--by', 'ticket 4711', 'queue', 'delete', message_id).returncode == 0
    kept = gateway.lab.report(message_id)['acts']
    assert [(a['act'], a['by']) for a in kept] == [('delete', 'ticket 4711'), ('release', 'petra'), ('hold', 'Jörg Müller')]
    assert all(a['uid'] == os.getuid() for a in kept)  # a fact, beside what was said
    assert 'hold            by Jörg Müller' in postern(gateway, 'queue', 'show', message_id).stdout

    add = ('exception', 'add', 'relax', 'ACTS.test.', '--owner', 'Ann', '--reason', 'a test')
    assert postern(gateway, *add, SUDO_USER='petra').returncode == 0
    one = [e for e in json.loads(postern(gateway, '--json', 'exception', 'list').stdout) if e['domain'] == 'acts.test'][0]
    assert (one['added-by'], one['ended-by'], one['uid']) == ('petra', '', os.getuid())
    assert postern(gateway, 'exception', 'end', str(one['number']), '--by', 'Bob').returncode == 0
    shown = postern(gateway, 'exception', 'list', '--all').stdout
    assert f'added by petra (uid {os.getuid()}), ended by Bob' in shown
    assert [(a['act'], a['by']) for a in acts(gateway, 'acts.test')] == [('exception-end', 'Bob'), ('exception-add', 'petra')]

    mute = postern(gateway, '--by', 'Bob', 'user', 'add', 'acts')  # a first try by a new user: it could never send
    assert mute.returncode == 64 and '--addresses' in mute.stderr and acts(gateway, 'acts') == [], mute
    assert postern(gateway, '--by', 'Bob', 'user', 'add', 'acts@inside.test').returncode == 0
    assert postern(gateway, '--by', 'Bob', 'user', 'add', 'acts@inside.test').returncode == 1  # what was refused is no act
    assert postern(gateway, '--by', 'Eve', 'user', 'remove', 'acts@inside.test').returncode == 0
    assert [(a['act'], a['by']) for a in acts(gateway, 'acts@inside.test')] == [('account-drop', 'Eve'), ('account-put', 'Bob')]
    assert postern(gateway, '--by', 'Eve', 'sts', 'refresh', 'good.test').returncode in (0, 1)
    assert postern(gateway, '--by', 'Eve', 'reload').returncode == 0
    log = gateway.lab.log()
    assert all(word in log for word in ('"Jörg Müller"', 'by=petra', 'by="ticket 4711"', 'verb=reload'))


def test_a_reload_is_an_act(gateway):
    """Who had it reloaded and what came of it; and what check-config says of the file (field of a review: warnings were
    shown by check-config alone)."""
    lab = gateway.lab
    path = lab.path('postern.conf')
    good = open(path).read()
    loose = good.replace('# the lab', 'rule "star" { header "Subject: *x*"; action hold; }\n# the lab')
    bad = good.replace('# the lab', 'group "idle" { members a@inside.test; }\n# the lab')
    try:
        open(path, 'w').write(loose)
        done = postern(gateway, '--by', 'Eve', 'reload')
        assert done.returncode == 0 and 'warning: rule "star": in header' in done.stderr, done
        found = json.loads(postern(gateway, '--by', 'Eve', '--json', 'reload').stdout)
        assert found['reloaded'] and any(f['severity'] == 'warning' and 'rule "star"' in f['text'] for f in found['findings']), found
        assert 'event=configuration-warning' in lab.log() and 'in header' in lab.log()
        open(path, 'w').write(bad)
        done = postern(gateway, '--by', 'Bob', 'reload')
        assert done.returncode == 1 and done.stderr.startswith('Not reloaded'), done
        assert 'group "idle" does nothing' in done.stderr, done
        found = json.loads(postern(gateway, '--by', 'Bob', '--json', 'reload').stdout)
        assert not found['reloaded'] and any(f['severity'] == 'error' and 'group "idle"' in f['text'] for f in found['findings']), found
    finally:
        open(path, 'w').write(good)
    assert postern(gateway, '--by', 'Ann', 'reload').returncode == 0
    mine = [a for a in acts(gateway) if a['act'] == 'reload'][:5]
    assert [a['by'] for a in mine] == ['Ann', 'Bob', 'Bob', 'Eve', 'Eve'], mine
    assert mine[0]['detail'] == 'in force' and mine[0]['uid'] == os.getuid(), mine
    assert mine[1]['detail'].startswith('refused: ') and 'group "idle" does nothing' in mine[1]['detail'], mine


def test_a_reload_of_another_file_is_refused(gateway):
    """A first try by a new user: -c new.conf reload said "Reloaded.", and the file that posternd runs with was read."""
    lab = gateway.lab
    other, link = lab.path('other.conf'), lab.path('link.conf')
    ours = os.path.realpath(lab.path('postern.conf'))
    with open(other, 'w') as out:
        out.write(open(ours).read())
    refused = postern(gateway, '-c', other, '--by', 'Eve', 'reload')
    said = f'posternd runs with {ours}, not with {os.path.realpath(other)}'
    assert refused.returncode == 1 and refused.stdout == '' and said in refused.stderr, refused
    assert refused.stderr.startswith('Not reloaded; the old configuration stays in force'), refused
    mine = [a for a in acts(gateway) if a['act'] == 'reload'][0]
    assert mine['by'] == 'Eve' and mine['detail'].startswith('refused: posternd runs with '), mine
    os.symlink(ours, link)
    assert postern(gateway, '-c', link, 'reload').returncode == 0


def test_a_name_is_kept_whole_or_refused(gateway):
    message_id = gateway.send('y@dead.test')
    for name in ('', ' ', 'two\nlines', 'a\x1b[31mb', 'x' * 101, 'ends '):
        refused = postern(gateway, '--by', name, 'queue', 'hold', message_id)
        assert refused.returncode == 64 and '--by' in refused.stderr, (name, refused)
    assert postern(gateway, 'queue', 'hold', message_id, SUDO_USER='x' * 200).returncode == 64
    assert gateway.when_free(lambda: postern(gateway, '--by', 'x' * 100, 'queue', 'hold', message_id)).returncode == 0
    assert [a['by'] for a in gateway.lab.report(message_id)['acts']] == ['x' * 100]
    assert postern(gateway, 'queue', 'delete', message_id).returncode == 0  # whoever logged in, or nobody, but never empty
    assert gateway.lab.report(message_id)['acts'][0]['by'] == who_logged_in()


NO_LOGIN = 2**32 - 1  # proc(5), /proc/PID/loginuid: nobody's login began this process


def name_of(uid):
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f'user {uid}'


def login_uid():
    try:
        with open('/proc/self/loginuid', encoding='ascii') as f:
            return int(f.read())
    except OSError:
        return NO_LOGIN  # a kernel without audit


def who_logged_in():
    """Whom the kernel names for a command of ours without sudo and --by."""
    uid = login_uid()
    if uid in (0, NO_LOGIN):
        return name_of(os.getuid()) if os.getuid() or uid == 0 else 'root, nobody named'
    return name_of(uid)


def become(uid):
    with open('/proc/self/loginuid', 'w', encoding='ascii') as f:
        f.write(str(uid))


def test_who_logged_in_is_named(gateway):
    """A login, as pam_loginuid marks it, and su: root acts, the one who logged in is named. uid 1 is daemon in Debian's base-passwd."""
    try:
        subprocess.run(['true'], check=True, preexec_fn=lambda: become(1))
    except (OSError, subprocess.SubprocessError):
        pytest.skip('this machine does not let the login uid be set')
    for by, uid in (('daemon', 1), ('user 4000000001', 4000000001)):
        message_id = gateway.send('l@dead.test')
        assert gateway.when_free(lambda: postern(gateway, 'queue', 'delete', message_id, preexec_fn=lambda: become(uid))).returncode == 0
        act = gateway.lab.report(message_id)['acts'][0]
        assert (act['act'], act['by'], act['uid']) == ('delete', by, os.getuid())


def test_what_is_not_in_the_queue_is_not_changed(gateway):
    """A first try by a new user: "1 message changed", rc 0 and an act, of a message that was delivered."""
    gone = gateway.send('z@good.test')
    gateway.wait_state(gone, 'delivered')
    for verb in ('delete', 'retry', 'release', 'hold'):
        refused = postern(gateway, 'queue', verb, gone)
        assert refused.returncode == 1 and 'not in the queue any more; nothing was changed' in refused.stderr, refused
        assert '1 delivered (at 20' in refused.stderr, refused
    assert 'acts' not in gateway.lab.report(gone) and gateway.state(gone)['state'] == 'delivered'

    both = gateway.send(['z@good.test', 'z@dead.test'])
    gateway.lab.wait_for(lambda: 'delivered' in [r['state'] for r in gateway.lab.report(both)['recipients']], 20)
    gateway.lab.wait_for(lambda: 'changed' in postern(gateway, 'queue', 'hold', both).stdout, 20)
    said = postern(gateway, 'queue', 'delete', both)
    assert said.returncode == 0 and '1 message changed, for 1 of its 2 recipients. The others: 1 delivered' in said.stdout, said
    assert [a['act'] for a in gateway.lab.report(both)['acts']] == ['delete', 'hold']


def test_a_refusal_says_what_was_not_done(gateway):
    path = gateway.lab.path('typo.conf')
    with open(path, 'w') as f:
        f.write('hostnam mx.test;\n')
    refused = postern(gateway, '-c', path, 'reload')
    assert refused.returncode == 78 and 'Not reloaded; the old configuration stays in force' in refused.stderr, refused
    refused = postern(gateway, 'explain', 'nurse', 'a@good.test')
    assert refused.returncode == 64 and '"nurse" is not an address' in refused.stderr, refused
    refused = postern(gateway, 'explain', 'a@inside.test', 'a@good.test', gateway.lab.path('nofile'))
    assert refused.returncode == 66 and 'nofile cannot be read' in refused.stderr, refused  # as detect, EX_NOINPUT of sysexits.h
    assert ' none: the domain does not exist' in postern(gateway, 'probe', 'nosuch.test').stdout
