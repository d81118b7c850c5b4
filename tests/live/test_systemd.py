"""Postern as an administrator installs it: README's steps, under a real systemd (tests/lab/systemd), with the unit's walls."""
import json
import os
import re
import shutil
import subprocess
import tempfile
import time

import pytest
from conftest import ordinary_build

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD, LAB = os.path.join(TOP, 'build'), os.path.join(TOP, 'build', 'lab', 'root')
CERTIFICATE = '/etc/ssl/gateway'
FACTS = (f'--yes --organization "Test House" --hostname gw.test --domains inside.test --deliver-to 127.0.0.1:2525 '
         f'--chain {CERTIFICATE}/cert.pem --key {CERTIFICATE}/key.pem --administrator admin@inside.test')
# IANA's key of 2017 (key tag 20326), as the package dns-root-data has it
ANCHOR = '. IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D'


def install(directory):
    return subprocess.run(['meson', 'install', '-C', BUILD, '--no-rebuild'], env=dict(os.environ, DESTDIR=directory), capture_output=True, text=True)


@pytest.mark.parametrize('there', ['nothing', 'a program', 'a link'])
def test_sendmail_of_another_mail_server_is_left(tmp_path, there):
    ordinary_build()
    place = tmp_path / 'usr' / 'local' / 'sbin' / 'sendmail'
    if there != 'nothing':
        place.parent.mkdir(parents=True)
        place.symlink_to('exim4') if there == 'a link' else place.write_text('of Postfix')
    for again in range(2):
        done = install(str(tmp_path))
        assert done.returncode == 0, done.stdout + done.stderr
    if there == 'nothing':
        assert os.readlink(place).endswith('/libexec/postern/sendmail')
    elif there == 'a link':
        assert os.readlink(place) == 'exim4'
    else:
        assert place.read_text() == 'of Postfix'


class Machine:
    def __init__(self):
        self.top = tempfile.mkdtemp(prefix='postern-machine-', dir='/tmp')
        self.log = os.path.join(self.top, 'log')
        os.mkdir(os.path.join(self.top, 'machine'))
        with open(self.log, 'w') as log:
            self.proc = subprocess.Popen([os.path.join(TOP, 'tests', 'lab', 'systemd'), BUILD, LAB, os.path.join(self.top, 'machine')], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        if not self.wait_for(lambda: self.proc.poll() is not None or self.state() in ('running', 'degraded'), 60) or self.proc.poll() is not None:
            said = open(self.log).read()
            self.end()
            pytest.skip('no systemd can be started here: ' + said[-300:])

    @staticmethod
    def wait_for(condition, seconds):
        end = time.time() + seconds
        while time.time() < end:
            if condition():
                return True
            time.sleep(0.1)
        return False

    def pid(self):
        children = open(f'/proc/{self.proc.pid}/task/{self.proc.pid}/children').read().split()
        return children[0] if children and open(f'/proc/{children[0]}/comm').read().strip() == 'systemd' else None

    def state(self):
        return self.pid() and self.run('systemctl is-system-running').stdout.strip()

    def run(self, text):
        return subprocess.run(['nsenter', '-t', self.pid(), '-m', '-u', '-i', '-n', '-p', '-C', '/bin/bash', '-c', text], capture_output=True, text=True, timeout=120)

    def ok(self, text):
        done = self.run(text)
        assert done.returncode == 0, (text, done.stdout[-2000:], done.stderr[-2000:], self.journal())
        return done.stdout

    def journal(self):
        return self.run('journalctl -u postern --no-pager -o cat').stdout[-4000:]

    def show(self, what):
        return self.ok(f'systemctl show -p {what} --value postern').strip()

    def end(self):
        self.proc.kill()
        self.proc.wait()
        shutil.rmtree(self.top, ignore_errors=True)


@pytest.fixture(scope='module')
def machine():
    ordinary_build()
    if not os.path.exists(os.path.join(LAB, 'lib', 'systemd', 'systemd')):
        pytest.skip('needs systemd in build/lab')
    m = Machine()
    yield m
    m.run('postern status')  # the queue looks for mail that nobody will try again
    overdue = m.run('journalctl -u postern --no-pager -o cat | grep recipients-overdue').stdout
    m.end()
    assert not overdue, overdue


@pytest.fixture(scope='module')
def installed(machine):
    """What README says, in its order; the first test looks at the steps in between."""
    m = machine
    m.ok('hostname gw.test; systemd-sysusers')
    m.ok(f'mkdir -p {CERTIFICATE}; openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {CERTIFICATE}/key.pem -out {CERTIFICATE}/cert.pem '
         '-days 90 -subj /CN=gw.test -addext subjectAltName=DNS:gw.test')
    m.ok(f'rm -f /usr/share/dns/root.ds; postern init {FACTS}')
    m.before = m.run('postern check-config'), m.run('systemctl start postern'), m.journal()
    m.ok(f"mkdir -p /usr/share/dns; echo '{ANCHOR}' >/usr/share/dns/root.ds")
    m.checked = m.ok('postern check-config 2>&1')
    m.ok('systemctl start postern')
    return m


def send(m, subject, body="'hello'"):
    m.ok(f"""python3 - <<'END'
import smtplib
c = smtplib.SMTP('127.0.0.1', 25, 'client.test', 30)
c.sendmail('boss@inside.test', ['nurse@inside.test'], 'Subject: {subject}\\n\\n' + {body})
c.quit()
END""")


def take_mail(m):
    """The mail server inside, from now on; what it got is in /tmp/record."""
    m.ok(f'systemctl is-active -q sink || systemd-run --quiet --unit sink receiver.py good 127.0.0.1 2525 /tmp/record {CERTIFICATE}/cert.pem {CERTIFICATE}/key.pem')
    assert m.wait_for(lambda: m.run('ss -Hltn sport = :2525').stdout, 10)


def got(m, subject):
    return m.wait_for(lambda: f'Subject: {subject}' in m.run('cat /tmp/record').stdout, 20)


def switch_everything_on(m):
    if 'listen submission ' not in m.ok('grep -v "^#" /etc/postern/postern.conf'):
        m.ok(f"cat >>/etc/postern/postern.conf <<'END'\n{EVERYTHING}END\npostern check-config && systemctl restart postern")


def waiting(m):
    return m.ok('postern queue list').count('nurse@inside.test')


def test_a_wrong_configuration_is_told_at_once(installed):
    check, start, journal = installed.before
    assert check.returncode == 1 and 'dns-root-data' in check.stderr
    assert start.returncode != 0 and 'dns-root-data' in journal, journal


def test_it_runs_as_its_unit_says(installed):
    m = installed
    assert m.ok('systemctl is-active postern').strip() == 'active'
    assert m.ok('stat -c "%U %a" /var/lib/postern /var/spool/postern /var/spool/postern/drop').split('\n')[:3] == ['postern-queue 700', 'root 755', 'postern-pickup 1733']
    status = m.ok('postern status')
    assert len(re.findall(r'^\S+-\d+ +running', status, re.M)) == 9 and 'restarts 0' in status, status
    assert ': warning: ' not in m.checked, m.checked  # what postern init wrote
    assert m.wait_for(lambda: re.search(r'^ok +tls self-test', m.run('postern doctor').stdout, re.M), 30)
    assert re.search(r'^ok +posternd', m.run('postern doctor').stdout, re.M)


def test_mail_survives_restarts_and_arrives(installed):
    """A restart by systemd, and a store that root put back: the queue's user can read all of it again."""
    m = installed
    send(m, 'small')
    send(m, 'large', "'line of text\\n' * 20000")
    assert m.wait_for(lambda: waiting(m) == 2, 10), m.ok('postern queue list')
    for what in ('systemctl restart postern', 'systemctl stop postern; chown -R root:root /var/lib/postern; systemctl start postern'):
        m.ok(what)
        assert m.wait_for(lambda: waiting(m) == 2, 10), m.journal()
        assert m.ok('find /var/lib/postern ! -user postern-queue').strip() == ''
    take_mail(m)
    m.ok('for id in $(postern --json queue list | grep -oE \'"id": *"[^"]+\' | cut -d\\" -f4 | sort -u); do postern queue retry $id; done')
    assert got(m, 'small') and got(m, 'large'), m.journal()
    assert m.show('NRestarts') == '0'


def test_reload(installed):
    m = installed
    main = m.show('MainPID')
    m.ok('sed -i "s/Test House/Other House/" /etc/postern/postern.conf; systemctl reload postern')
    m.ok('cp /etc/postern/postern.conf /tmp/right; echo "nonsense here;" >>/etc/postern/postern.conf')
    assert m.run('systemctl reload postern').returncode != 0 and 'nonsense' in m.journal(), m.journal()
    m.ok('cp /tmp/right /etc/postern/postern.conf; systemctl reload postern')
    assert m.show('MainPID') == main and m.ok('systemctl is-active postern').strip() == 'active'


def test_sendmail_of_everybody_while_it_is_stopped(installed):
    m = installed
    take_mail(m)
    m.ok('systemctl stop postern')
    m.ok("printf 'To: nurse@inside.test\nSubject: dropped\n\nhi\n' | setpriv --reuid nobody --regid nogroup --clear-groups /usr/local/sbin/sendmail -t -f boss@inside.test")
    assert m.ok('ls /var/spool/postern/drop').strip().startswith('mail-')
    m.ok('systemctl start postern')
    assert got(m, 'dropped'), m.journal()


def test_sendmail_of_root_and_of_a_service_with_walls(installed):
    """Mail that root or cron left while it was stopped was never picked up (OpenSMTPD/OpenSMTPD#1012, #839, NixOS/nixpkgs#255691); services
    with walls of their own could not run a set-id sendmail (portier/portier-broker#852). Ours needs no rights of its own."""
    m = installed
    take_mail(m)
    walls = ('systemd-run --quiet --pipe --wait -p DynamicUser=yes -p NoNewPrivileges=yes -p PrivateTmp=yes -p PrivateUsers=yes '
             '-p CapabilityBoundingSet= -p RestrictSUIDSGID=yes -p ProtectSystem=strict')
    say = "printf 'To: nurse@inside.test\\nSubject: %s\\n\\nhi\\n' '{}' | {} /usr/local/sbin/sendmail -t -f boss@inside.test"
    m.ok(say.format('from walls', walls))
    m.ok('systemctl stop postern; umask 077; ' + say.format('of root', ''))
    m.ok(say.format('walls while stopped', walls + ' -p ReadWritePaths=/var/spool/postern/drop'))
    m.ok('systemctl start postern')
    assert got(m, 'from walls') and got(m, 'of root') and got(m, 'walls while stopped'), m.journal()
    assert m.ok('ls -A /var/spool/postern/drop').strip() == ''


def test_what_the_queue_left_in_its_directory_gives_it_no_file_of_root(installed):
    """A directory that a daemon owns is handed over as root: links in it led to other files (NLnetLabs/unbound#303, CVE-2020-14367,
    OpenRC/opentmpfiles#4, ltb-project/slapd-cli#2)."""
    m = installed
    m.ok('systemctl stop postern; cd /root && echo secret >victim && echo secret >other && chmod 600 victim other; cd /var/lib/postern; '
         'ln -s /root/victim spool/link; ln -s /root/victim link; ln /root/other hard 2>/dev/null || cp /root/other hard; '
         'mv posternd.lock kept.lock; ln -s /root/made posternd.lock; chown -h postern-queue spool/link link posternd.lock')
    refused = m.run('systemctl start postern')
    assert refused.returncode != 0 and m.run('test -e /root/made').returncode != 0  # nothing is made where the link leads to
    m.ok('cd /var/lib/postern; rm posternd.lock; mv kept.lock posternd.lock; systemctl reset-failed postern; systemctl start postern')
    assert m.ok('stat -c "%U %a" /root/victim /root/other').split('\n')[:2] == ['root 600', 'root 600']
    m.ok('rm -f /var/lib/postern/link /var/lib/postern/hard /var/lib/postern/spool/link /root/victim /root/other')


def test_files_that_belong_to_somebody_else_are_read(installed):
    """Units without CAP_DAC_OVERRIDE kept root from files of its own user (PowerDNS/pdns#3862, #4826); a store that was handed over only
    in part made a queue spin without a word (OpenSMTPD/OpenSMTPD#188)."""
    m = installed
    m.ok(f'systemctl stop postern; chown nobody {CERTIFICATE}/key.pem; chmod 600 {CERTIFICATE}/key.pem; chown root /var/lib/postern/spool; '
         'chown nobody /etc/postern/postern.conf; chmod 600 /etc/postern/postern.conf; systemctl start postern')
    assert m.wait_for(lambda: 'tls-self-test=ok' in m.ok('postern status'), 30), m.journal()
    send(m, 'for all', "'line of text\\n' * 20000")
    m.ok(f'chown root /etc/postern/postern.conf {CERTIFICATE}/key.pem')
    take_mail(m)
    assert got(m, 'for all'), m.journal()


def test_a_process_that_hangs_does_not_keep_it_from_stopping(installed):
    """A supervisor that may not signal processes of other users (no CAP_KILL) could neither reload nor stop (NLnetLabs/unbound#85,
    NixOS/nixpkgs#422829)."""
    m = installed
    m.ok('kill -STOP $(pgrep -x smtpout)')
    began = time.time()
    m.ok('systemctl stop postern')
    assert time.time() - began < 28 and not m.run('pgrep -x smtpout').stdout, 'TimeoutStopSec is 30'
    assert m.show('Result') == 'success'
    m.ok('systemctl start postern')


def test_it_stops_in_order(installed):
    """systemd asks posternd alone: who is connected is told, and no process is ended in the middle of its work."""
    m = installed
    began = m.ok('date +%s.%N').strip()
    said = m.ok("""python3 - <<'END'
import socket, subprocess
s = socket.create_connection(('127.0.0.1', 25), 20)
f = s.makefile('rb')
f.readline(), s.sendall(b'EHLO client.test\\r\\n')
while f.readline()[3:4] == b'-':
    pass
stop = subprocess.Popen(['systemctl', 'stop', 'postern'])
print(f.readline().decode())
f.close(), s.close(), stop.wait()
END""")
    ended = m.ok(f'journalctl -u postern -o cat --no-pager --since @{began}')
    assert said.startswith('421 4.3.2') and 'event=stopped' in ended and not re.search(r'signal=(9|15) |status=[1-9]', ended.replace('event=stopping signal=15', '')), (said, ended)
    m.ok('systemctl start postern')


def test_killed_it_comes_back(installed):
    m = installed
    take_mail(m)
    main = m.show('MainPID')
    m.ok('kill -9 ' + main)
    assert m.wait_for(lambda: m.show('MainPID') not in ('0', main) and m.run('systemctl is-active postern').stdout.strip() == 'active', 30), m.journal()
    assert m.wait_for(lambda: m.run('pgrep -c -u postern-smtpin smtpin').stdout.strip() == '2', 10), 'none of the old ones is left'
    send(m, 'after')
    assert got(m, 'after'), m.journal()


def test_ports_held_by_systemd(installed):
    """With postern.socket a client that comes while the gateway is away is not refused, but served when it is back."""
    m = installed
    take_mail(m)
    m.ok('systemctl stop postern; systemctl start postern.socket')
    assert m.run('systemctl is-active postern').stdout.strip() == 'inactive'
    send(m, 'woken')  # the connection itself starts it
    assert m.wait_for(lambda: m.run('systemctl is-active postern').stdout.strip() == 'active', 10), m.journal()
    m.ok('systemctl restart postern')
    send(m, 'again')
    assert got(m, 'woken') and got(m, 'again'), m.journal()
    m.ok('systemctl stop postern.socket postern; systemctl start postern')


def test_enabling_the_service_leaves_the_socket_alone(installed):
    """A socket unit that came along keeps its own addresses: after another one was configured the boot failed (systemd.unit(5), Also=)."""
    m = installed
    m.ok('systemctl disable postern.socket postern; systemctl enable postern')
    assert m.run('systemctl is-enabled postern').stdout.strip() == 'enabled'
    assert m.run('systemctl is-enabled postern.socket').stdout.strip() == 'disabled'


EVERYTHING = """listen submission { address 127.0.0.1:587; }
listen submissions { address 127.0.0.1:465; }
portal { url https://gw.test; address 127.0.0.1:443; redirect-address 127.0.0.1:80; from secure@inside.test; }
metrics { address 127.0.0.1:9465; }
content "health" { pack hipaa; mode report-only; }
rule "looked at" { content health; tag health; }
"""


def test_everything_on(installed):
    """Each kind of process does its work behind the unit's walls: login, inspect with pdftotext, web."""
    m = installed
    take_mail(m)
    began = m.ok('date +%s').strip()
    switch_everything_on(m)
    m.ok('printf "%s\\n" "correct horse battery" "correct horse battery" | postern user add boss --addresses boss@inside.test')
    letter = os.path.join(TOP, 'tests', 'fixtures', 'documents', 'letter.pdf')
    with open(letter, 'rb') as f:
        subprocess.run(['nsenter', '-t', m.pid(), '-m', '-p', '/bin/sh', '-c', 'cat >/tmp/letter.pdf'], stdin=f, check=True)
    number = m.ok("""python3 - <<'END'
import email.message, smtplib, ssl
mail = email.message.EmailMessage()
mail['From'], mail['Subject'] = 'boss@inside.test', 'with a letter'
mail.set_content('attached')
mail.add_attachment(open('/tmp/letter.pdf', 'rb').read(), maintype='application', subtype='pdf', filename='letter.pdf')
for port in (465, 587):
    c = smtplib.SMTP_SSL('127.0.0.1', port, timeout=20, context=ssl._create_unverified_context()) if port == 465 else smtplib.SMTP('127.0.0.1', port, timeout=20)
    if port == 587:
        c.starttls(context=ssl._create_unverified_context())
    c.login('boss', 'correct horse battery')
    c.mail('boss@inside.test'), c.rcpt('nurse@inside.test')
    print(c.data(mail.as_bytes(policy=email.policy.SMTP))[1].decode().split()[-1])
    c.quit()
END""").split()[-1]
    report = lambda: json.loads(m.ok('postern --json message ' + number))
    assert m.wait_for(lambda: report()['recipients'][0]['state'] == 'delivered', 20), (report(), m.journal())
    assert [line for line in report()['inspection'] if line[0] in ('problem', 'failed')] == [], report()['inspection']
    assert 'postern_messages_taken_total' in m.ok('curl -sf http://127.0.0.1:9465/metrics')
    assert m.ok('curl -sk -o /dev/null -w "%{http_code}" https://gw.test/ --resolve gw.test:443:127.0.0.1').strip() in ('200', '303')
    assert m.ok('curl -s -o /dev/null -w "%{http_code} %{redirect_url}" http://127.0.0.1/ -H "Host: gw.test"').startswith('30')
    status = m.ok('postern status')
    assert {'web', 'login', 'inspect'} <= set(re.findall(r'^(\S+)-\d+ +running', status, re.M)) and not re.search(r'restarts [1-9]', status), status
    assert 'level=error' not in m.ok('journalctl -u postern -o cat --no-pager --since @' + began)


def test_one_user_before_an_upgrade_and_one_for_each_process_after_it(installed):
    """An installation from before there were users for each process: doctor says so; users that are made are taken at the next start,
    and what lies in the store and the drop directory follows."""
    m = installed
    take_mail(m)
    switch_everything_on(m)
    roles = ('keys', 'queue', 'lookup', 'smtpin', 'smtpout', 'inspect', 'web', 'login', 'metrics', 'pickup')
    m.ok('systemctl stop postern;' + ''.join(f'userdel postern-{role};' for role in roles) + 'systemctl start postern')
    assert len(set(re.findall(r'sandbox: uid (\d+)', m.ok('postern status')))) == 1
    assert m.ok('stat -c %U /var/lib/postern/postern.db /var/spool/postern/drop').split() == ['postern', 'postern']
    assert re.search(r'^look +user +processes share a user', m.run('postern doctor').stdout, re.M)
    m.ok('systemctl stop postern')
    m.ok("printf 'To: nurse@inside.test\nSubject: handed\n\nhi\n' | setpriv --reuid nobody --regid nogroup --clear-groups /usr/local/sbin/sendmail -t -f boss@inside.test")
    m.ok('systemctl start postern; systemd-sysusers; kill -9 $(pgrep -x queue)')  # the package made users, and did not restart yet
    assert m.wait_for(lambda: m.run('postern queue list').returncode == 0, 20), m.journal()
    m.ok('systemctl restart postern')
    status = m.ok('postern status')
    uids = re.findall(r'sandbox: uid (\d+)', status)
    assert len(set(uids)) == len(roles) - 1 and not re.search(r'restarts [1-9]', status), status
    assert got(m, 'handed'), m.journal()
    send(m, 'apart', "'line of text\\n' * 20000")
    assert got(m, 'apart'), m.journal()
    assert m.ok('stat -c %U /var/lib/postern/postern.db /var/spool/postern/drop').split() == ['postern-queue', 'postern-pickup']
    assert m.ok('curl -sk -o /dev/null -w "%{http_code}" https://gw.test/ --resolve gw.test:443:127.0.0.1').strip() in ('200', '303')
    assert re.search(r'^ok +user +each process has one of its own', m.run('postern doctor').stdout, re.M)


def test_a_copy_put_back(installed):
    """postern store backup, and what its manual page says of putting it back."""
    m = installed
    m.run('systemctl stop sink')
    send(m, 'kept')
    assert m.wait_for(lambda: waiting(m) == 1, 10)
    m.ok('postern store backup /root/copy; systemctl stop postern; rm -r /var/lib/postern; cp -r /root/copy /var/lib/postern; systemctl start postern')
    assert m.wait_for(lambda: waiting(m) == 1, 10), m.journal()
    assert 'whole' in m.ok('postern store check')


def test_a_copy_by_its_timer(installed):
    """The unit that makes a copy each night, behind its own walls: while mail waits, with files beside the tables; and put back."""
    m = installed
    m.run('systemctl stop sink')
    send(m, 'by night')
    send(m, 'by night, large', "'line of text\\n' * 20000")
    n = waiting(m)
    m.ok('rm -rf /var/backups/postern; systemctl start postern-backup.timer')
    assert 'postern-backup.service' in m.ok('systemctl list-timers --all --no-pager')
    for copies in (1, 2):
        done = m.run('systemctl start postern-backup.service')
        assert done.returncode == 0, m.ok('journalctl -u postern-backup -o cat --no-pager')
        assert len(m.ok('ls /var/backups/postern').split()) == copies
        time.sleep(1.1)  # they are named by the second
    assert m.ok('stat -c "%U %a" /var/backups/postern').strip() == 'root 700'
    assert m.ok('systemctl show -p Result --value postern-backup').strip() == 'success'
    assert m.ok('find /var/lib/postern ! -user postern-queue').strip() == ''  # it left nothing of root there
    copy = '/var/backups/postern/' + m.ok('ls /var/backups/postern').split()[-1]
    m.ok(f'systemctl stop postern; mv /var/lib/postern /root/before; postern store restore {copy}; systemctl start postern')
    assert m.wait_for(lambda: waiting(m) == n, 10), m.journal()
    assert 'held' in m.ok('postern queue list') and 'whole' in m.ok('postern store check')
    take_mail(m)
    m.ok('postern queue release restored')
    assert got(m, 'by night') and got(m, 'by night, large'), m.journal()


def test_hanging_it_is_replaced(installed):
    m = installed
    m.ok('mkdir -p /etc/systemd/system/postern.service.d; printf "[Service]\nWatchdogSec=2\nTimeoutAbortSec=1\n" >/etc/systemd/system/postern.service.d/quick.conf; systemctl daemon-reload; systemctl restart postern')
    main = m.show('MainPID')
    time.sleep(5)
    assert m.show('MainPID') == main, 'it tells the watchdog in time'
    m.ok('kill -STOP ' + main)
    assert m.wait_for(lambda: m.show('MainPID') not in ('0', main) and m.run('systemctl is-active postern').stdout.strip() == 'active', 40), m.journal()
