#!/usr/bin/env python3
"""The mail world of the demo and of the live tests: DNS, receiving servers, the gateway.

Runs inside tests/lab/enter. Use as a module (class Lab), or: lab.py up|down BUILD to keep one
running. Everything it starts has a pid file in STATE/pids; down ends exactly those.
"""
import contextlib
import json
import os
import pwd
import re
import shutil
import signal
import ssl
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import tls_world as tls_world_module  # noqa: E402

TOP = os.path.dirname(os.path.dirname(HERE))


def days_around_now(before, after):
    """Words of openssl ca for a certificate that is valid from then to then."""
    at = [time.strftime('%Y%m%d%H%M%SZ', time.gmtime(time.time() + d * 86400)) for d in (before, after)]
    return ['-startdate', at[0], '-enddate', at[1]]


# domain -> (MX host, address, receiver mode, certificate kind)
SCRIPTED = {
    'plain.test': ('mx.plain.test', '127.0.1.3', 'no-starttls', None),
    'nocrypt.test': ('mx.nocrypt.test', '127.0.1.18', 'no-starttls', None),
    'garbled.test': ('mx.garbled.test', '127.0.1.4', 'garbled', None),
    'refuse.test': ('mx.refuse.test', '127.0.1.5', 'refuse454', None),
    'expired.test': ('mx.expired.test', '127.0.1.6', 'good', 'expired'),
    'wrongname.test': ('mx.wrongname.test', '127.0.1.7', 'good', 'wrong'),
    'tls10.test': ('mx.tls10.test', '127.0.1.8', 'tls10', 'good'),
    'reject.test': ('mx.reject.test', '127.0.1.10', 'reject', 'good'),
    'tempfail.test': ('mx.tempfail.test', '127.0.1.11', 'tempfail', 'good'),
    'greylist.test': ('mx.greylist.test', '127.0.1.24', 'greylist', 'good'),
    'hundred.test': ('mx.hundred.test', '127.0.1.25', 'hundred', 'good'),
    'inject.test': ('mx.inject.test', '127.0.1.12', 'inject', 'good'),
    'slow.test': ('mx.slow.test', '127.0.1.13', 'slow', 'good'),
    'drop.test': ('mx.drop.test', '127.0.1.14', 'drop', 'good'),
    'flip.test': ('mx.flip.test', '127.0.1.22', 'flip', None),
    'flop.test': ('mx.flop.test', '127.0.1.26', 'flip', None),
    'silent.test': ('mx.silent.test', '127.0.1.19', 'silent', None),
    'v6.test': ('mx.v6.test', '::1', 'good', 'good'),
    'good.test': ('mx.good.test', '127.0.1.15', 'good', 'good'),
    'unsigned.test': ('mx.unsigned.test', '127.0.1.16', 'good', 'good'),
    'dualhost.test': ('mx.dual.test', '127.0.1.21', 'good', 'good'),
    'inside.test': ('exchange.inside.test', '127.0.1.20', 'good', 'good'),
}
REAL = {'postfix.test': ('mx.postfix.test', '127.0.1.1'), 'exim.test': ('mx.exim.test', '127.0.1.2'), 'opensmtpd.test': ('mx.opensmtpd.test', '127.0.1.23')}
GATEWAY = '127.0.2.1'
DNS = '127.0.0.53'


class Lab:
    def __init__(self, build, sanitized=False):
        self.build = os.path.abspath(build)
        self.copied_from = None
        self.unpacked = os.environ.get('POSTERN_UNPACKED', os.path.join(TOP, 'build', 'lab'))
        self.root = os.path.join(self.unpacked, 'root')
        self.state = None
        self.procs = {}
        self.config_extra = ''
        self.provoked = []  # lines of the log that would fail a test, had it not meant them
        self.marks = {}  # name of a log: where log() starts
        self.record_marks = {}  # name of a receiver's record: where received() starts
        self.tls = None

    # --- small things --------------------------------------------------------------------------
    def path(self, *parts):
        return os.path.join(self.state, *parts)

    @contextlib.contextmanager
    def edited_store(self):
        """The tables of a stopped gateway, for a change behind its back: written anew without the checksums of pages, as
        nobody else writes them. The next start adds them, as it does to a store of before version 17."""
        path = self.path('store', 'postern.db')
        old = sqlite3.connect(path)
        text, version = '\n'.join(old.iterdump()), old.execute('PRAGMA user_version').fetchone()[0]
        old.close()
        mode = os.stat(path)
        for name in (path, path + '-wal', path + '-shm'):
            if os.path.exists(name):
                os.unlink(name)
        db = sqlite3.connect(path)
        db.executescript(text)
        db.execute(f'PRAGMA user_version={version}')
        try:
            yield db
            db.commit()
        finally:
            db.close()
            os.chmod(path, mode.st_mode & 0o7777)
            os.chown(path, mode.st_uid, mode.st_gid)

    def run(self, *args, **kw):
        return subprocess.run(args, check=True, capture_output=True, text=True, **kw)

    def linker_env(self):
        env = dict(os.environ)
        dirs = [os.path.join(self.root, d) for d in ('usr/lib/x86_64-linux-gnu', 'usr/lib/aarch64-linux-gnu', 'lib/x86_64-linux-gnu', 'usr/lib/postfix', 'usr/lib')]
        env['LD_LIBRARY_PATH'] = ':'.join(dirs)
        return env

    def start(self, name, args, env=None, cwd=None):
        log = open(self.path('log', name), 'ab')
        proc = subprocess.Popen(args, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=env, cwd=cwd)
        self.procs[name] = proc
        with open(self.path('pids', name), 'w') as out:
            out.write(str(proc.pid))
        return proc

    def stop(self, name, sig=signal.SIGTERM, wait=15):
        proc = self.procs.pop(name, None)
        if not proc:
            return
        if proc.poll() is None:
            proc.send_signal(sig)
            try:
                proc.wait(wait)
            except subprocess.TimeoutExpired:
                proc.kill()
                proc.wait()
        try:
            os.unlink(self.path('pids', name))
        except FileNotFoundError:
            pass
        return proc.returncode

    @staticmethod
    def wait_port(address, port, seconds=20):
        end = time.time() + seconds
        while time.time() < end:
            try:
                socket.create_connection((address, port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f'nothing listens on {address}:{port}')

    # --- up and down ---------------------------------------------------------------------------
    def up(self, real=True, tls_world=True):
        self.tls = tls_world_module.TlsWorld(self) if tls_world else None
        self.make_directories()
        self.make_certificates()
        if self.tls:
            self.tls.make_certificates()
        self.start_dns()
        self.start_receivers()
        if self.tls:
            self.tls.start()
        if real:
            for _, address in REAL.values():  # Postfix wants its address to be an interface's
                self.run('ip', 'addr', 'add', address + '/32', 'dev', 'lo')
            self.make_users()
            self.start_postfix()
            self.start_exim()
            self.start_opensmtpd()
        return self

    def up_without_servers(self):
        """For the benchmark: certificates, DNS for the sink, users; no receivers."""
        self.make_directories()
        self.make_certificates()
        self.start_dns()
        self.run('ip', 'addr', 'add', '127.0.2.1/32', 'dev', 'lo')
        self.make_users()
        with open('/etc/hosts') as old, open(self.path('etc', 'hosts'), 'w') as new:
            new.write(old.read() + '127.0.5.1 sink.bench.test\n')
        self.run('mount', '--bind', self.path('etc', 'hosts'), '/etc/hosts')

    def make_directories(self):
        """All that processes read who gave root up lies here, whatever may be read of the tree; `@packs@` and
        `@pages@` in a configuration stand for the copies."""
        os.umask(0o022)
        self.state = tempfile.mkdtemp(prefix='postern-lab-', dir='/tmp')
        os.chmod(self.state, 0o755)
        for name in ('pids', 'log', 'ca', 'zones', 'records', 'bin', 'etc', 'mail'):
            os.mkdir(self.path(name))
        os.chmod(self.path('mail'), 0o777)
        for name in ('packs', 'pages'):
            shutil.copytree(os.path.join(TOP, name), self.path(name), copy_function=shutil.copyfile)
            for top, _, _ in os.walk(self.path(name)):
                os.chmod(top, 0o755)

    def down(self):
        self.stop_gateway()
        for name in list(self.procs):
            self.stop(name)
        if self.state and not os.environ.get('POSTERN_LAB_KEEP'):
            shutil.rmtree(self.state, ignore_errors=True)

    # --- certificates ----------------------------------------------------------------------------
    def make_certificates(self):
        ca = self.path('ca')
        with open(os.path.join(ca, 'ca.cnf'), 'w') as out:
            out.write(f'[ca]\ndefault_ca=lab\n[lab]\ndatabase={ca}/index\nserial={ca}/serial\nnew_certs_dir={ca}\n'
                      f'default_md=sha256\npolicy=any\nunique_subject=no\ncopy_extensions=copy\nx509_extensions=made\n[any]\ncommonName=supplied\n'
                      '[made]\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n')  # RFC 5280 4.2.1.1; Python 3.13 insists
        open(os.path.join(ca, 'index'), 'w').close()
        with open(os.path.join(ca, 'serial'), 'w') as out:
            out.write('01\n')
        self.run('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30',
                 '-keyout', f'{ca}/ca.key', '-out', f'{ca}/ca.pem', '-subj', '/CN=Lab CA', '-addext', 'keyUsage=critical,keyCertSign,cRLSign')
        for _, (host, _, _, kind) in SCRIPTED.items():
            if kind:
                self.make_certificate(host, kind)
        for host, _ in REAL.values():
            self.make_certificate(host, 'good')
        self.make_certificate('gateway.test', 'good')

    def make_certificate(self, host, kind='good', name=None):
        base = self.path('ca', name or host)
        subject = 'somebody.else.test' if kind == 'wrong' else host
        dates = {'expired': ['-startdate', '20200101000000Z', '-enddate', '20200201000000Z'],
                 'ending': days_around_now(-80, 20)}.get(kind, ['-days', '20'])
        self.run('openssl', 'req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', base + '.key',
                 '-out', base + '.csr', '-subj', '/CN=' + subject, '-addext', 'subjectAltName=DNS:' + subject)
        self.run('openssl', 'ca', '-batch', '-config', self.path('ca', 'ca.cnf'), '-cert', self.path('ca', 'ca.pem'),
                 '-keyfile', self.path('ca', 'ca.key'), '-in', base + '.csr', '-out', base + '.pem', '-notext', *dates)
        os.chmod(base + '.key', 0o644)
        return base + '.pem', base + '.key'

    # --- DNS ---------------------------------------------------------------------------------------
    def zone_text(self):
        lines = ['$ORIGIN test.', '$TTL 60', '@ SOA ns.test. lab.test. 1 3600 600 86400 60', '@ NS ns.test.', f'ns A {DNS}',
                 f'gateway A {GATEWAY}', 'sink.bench A 127.0.5.1', '*.slow A 127.0.1.98', 'login.good A 127.0.1.40', 'null MX 0 .', 'onlysix MX 10 mx.onlysix.test.', 'mx.onlysix AAAA fd00::97', 'dead MX 10 mx.dead.test.', 'mx.dead A 127.0.1.99',
                 'noaddress MX 10 nowhere.test.', 'loop MX 10 gateway.test.', 'loop MX 20 mx.good.test.',
                 'backup MX 20 mx.good.test.', 'backup MX 10 mx.dead.test.', 'implicit A 127.0.1.15', 'loopaddress MX 10 alias.test.', f'alias A {GATEWAY}', 'lastloop MX 10 gone.test.', 'gone A 192.0.2.1', 'lastloop MX 20 alias.test.', 'ownaddress MX 10 mine.test.', 'mine A 198.51.100.7', 'mixed MX 5 mx.garbled.test.', 'mixed MX 10 mx.nocrypt.test.', 'dual MX 10 mx.good.test.', 'dual MX 5 mx.dual.test.', 'mx.dual AAAA fd00::99', 'mx.dual A 127.0.1.21',
                 'deadboth MX 10 mx.deadboth.test.', 'mx.deadboth AAAA fd00::99', 'mx.deadboth A 127.0.1.99',
                 'mx.deadboth A 127.0.1.98', 'nickname CNAME good.test.',
                 'unsigned NS ns.test.', 'bogus NS ns.test.']
        hosts = {**{d: v[:2] for d, v in SCRIPTED.items()}, **REAL}
        for domain, (host, address) in hosts.items():
            if domain in ('unsigned.test', 'dualhost.test'):
                continue
            lines.append(f'{domain}. MX 10 {host}.')
            lines.append(f'{host}. {"AAAA" if ":" in address else "A"} {address}')
        return '\n'.join(lines + (self.tls.signed_lines() if self.tls else [])) + '\n'

    def sign(self, zone, text, *dates):
        path = self.path('zones', (zone or 'root') + '.zone')
        with open(path, 'w') as out:
            out.write(text)
        keys = []
        for flags in (['-k'], []):
            made = self.run('ldns-keygen', *flags, '-a', 'ECDSAP256SHA256', zone or '.', cwd=self.path('zones'), env=self.tools_env()).stdout.strip()
            keys.append(made)
        self.run('ldns-signzone', '-n', *dates, path, *keys, cwd=self.path('zones'), env=self.tools_env())
        ds = self.run('ldns-key2ds', '-n', '-2', keys[0] + '.key', cwd=self.path('zones'), env=self.tools_env()).stdout
        return path + '.signed', ds

    def tools_env(self):
        env = self.linker_env()
        env['PATH'] = os.path.join(self.root, 'usr/bin') + ':' + env['PATH']
        return env

    def start_dns(self):
        leaf = lambda zone, rest: (f'$ORIGIN {zone}.\n$TTL 60\n@ SOA ns.test. lab.test. 1 3600 600 86400 60\n@ NS ns.test.\n' + rest)
        unsigned = self.path('zones', 'unsigned.zone')
        with open(unsigned, 'w') as out:
            out.write(leaf('unsigned.test', '@ MX 10 mx.unsigned.test.\nmx A 127.0.1.16\n'))
        bogus, bogus_ds = self.sign('bogus.test', leaf('bogus.test', '@ MX 10 mx.bogus.test.\nmx A 127.0.1.17\nmx.host A 127.0.1.17\n'))
        signed = open(bogus).read()
        with open(bogus, 'w') as out:  # changed after signing
            out.write(signed.replace('MX\t10 mx.bogus.test.', 'MX\t11 mx.bogus.test.').replace('A\t127.0.1.17', 'A\t127.0.1.18'))
        more, more_ds = self.tls.zones(leaf) if self.tls else ([], '')
        test, test_ds = self.sign('test', self.zone_text() + bogus_ds + more_ds)
        root, root_ds = self.sign('', f'$TTL 60\n. SOA ns.test. lab.test. 1 3600 600 86400 60\n. NS ns.test.\ntest. NS ns.test.\nns.test. A {DNS}\n' + test_ds)
        with open(self.path('zones', 'anchor'), 'w') as out:
            out.write(root_ds)
        zones = [('.', root), ('test', test), ('unsigned.test', unsigned), ('bogus.test', bogus), *more]
        with open(self.path('etc', 'nsd.conf'), 'w') as out:
            out.write(f'server:\n  ip-address: {DNS}\n  port: 53\n  username: ""\n  chroot: ""\n  zonesdir: "{self.path("zones")}"\n  pidfile: "{self.path("pids", "nsd.own")}"\n'
                      f'  xfrdfile: "{self.path("zones", "xfrd")}"\n  rrl-ratelimit: 0\n  zonelistfile: "{self.path("zones", "list")}"\n  database: ""\n'
                      'remote-control:\n  control-enable: no\n')
            for name, path in zones:
                out.write(f'zone:\n  name: "{name}"\n  zonefile: "{path}"\n')
        self.start('nsd', [os.path.join(self.root, 'usr/sbin/nsd'), '-d', '-c', self.path('etc', 'nsd.conf')], env=self.linker_env())
        self.wait_port(DNS, 53)

    # --- receivers -----------------------------------------------------------------------------------
    def start_receivers(self):
        for domain, (host, address, mode, kind) in SCRIPTED.items():
            args = [sys.executable, os.path.join(HERE, 'receiver.py'), mode, address, '25', self.path('records', domain)]
            if kind:
                args += [self.path('ca', host + '.pem'), self.path('ca', host + '.key')]
            self.start('receiver-' + domain, args)
        for _, address, *_ in SCRIPTED.values():
            self.wait_port(address, 25)

    def received(self, domain):
        """What the domain's receivers saw since mark_records(); of the scorecard's domains by host."""
        try:
            with open(self.path('records', domain), encoding='utf-8') as lines:
                lines.seek(self.record_marks.get(domain, 0))
                whole = lines.read().split('\n')[:-1]  # read once: the last may still be in the writing
            return [json.loads(line) for line in whole]
        except FileNotFoundError:
            return []

    def mark_records(self):
        """What other tests' files sent is nothing to the next one."""
        self.record_marks = {e.name: e.stat().st_size for e in os.scandir(self.path('records'))}

    def messages(self, domain):
        return [r for r in self.received(domain) if r['event'] == 'message']

    def make_users(self):
        """The servers want users of their own, and so do our processes (contrib/postern.sysusers): only this mount namespace sees them.
        POSTERN_ONE_USER: ours are all nobody's, as where a package made one user alone."""
        with open(os.path.join(TOP, 'contrib', 'postern.sysusers')) as text:
            ours = [] if os.environ.get('POSTERN_ONE_USER') else re.findall(r'^u (\S+)', text.read(), re.M)
        for name, line in (('passwd', 'postfix:x:4001:4001::/:/usr/sbin/nologin\nDebian-exim:x:4003:4003::/:/usr/sbin/nologin\nlabmail:x:4004:4004::/:/usr/sbin/nologin\n'
                            'opensmtpd:x:4005:4005::/:/usr/sbin/nologin\nopensmtpq:x:4006:4006::/:/usr/sbin/nologin\n'),
                           ('group', 'postfix:x:4001:\npostdrop:x:4002:\nDebian-exim:x:4003:\nlabmail:x:4004:\nopensmtpd:x:4005:\nopensmtpq:x:4006:\n')):
            with open('/etc/' + name) as old, open(self.path('etc', name), 'w') as new:
                lines = [f'{user}:x:{4100 + i}:' + (f'{4100 + i}::/:/usr/sbin/nologin' if name == 'passwd' else '') for i, user in enumerate(ours)]
                new.write(old.read() + line + ''.join(f'{one}\n' for one in lines))
            self.run('mount', '--bind', self.path('etc', name), '/etc/' + name)
        # Exim is set-uid and so ignores LD_LIBRARY_PATH: a linker cache of our own finds its libraries
        with open(self.path('etc', 'ld.so.conf'), 'w') as out:
            out.write('include /etc/ld.so.conf\n' + self.linker_env()['LD_LIBRARY_PATH'].replace(':', '\n') + '\n')
        self.run('/sbin/ldconfig', '-X', '-C', self.path('etc', 'ld.so.cache'), '-f', self.path('etc', 'ld.so.conf'))
        self.run('mount', '--bind', self.path('etc', 'ld.so.cache'), '/etc/ld.so.cache')

    def make_postfix_queue(self):
        """The directories that Postfix's own set-up would make."""
        for d in (self.path('postfix-queue'), self.path('postfix-data')):
            os.mkdir(d)
        os.chown(self.path('postfix-data'), 4001, 4001)
        for d, mode, uid in (('active', 0o700, 4001), ('bounce', 0o700, 4001), ('corrupt', 0o700, 4001), ('defer', 0o700, 4001), ('deferred', 0o700, 4001),
                             ('flush', 0o700, 4001), ('hold', 0o700, 4001), ('incoming', 0o700, 4001), ('private', 0o700, 4001), ('saved', 0o700, 4001),
                             ('trace', 0o700, 4001), ('public', 0o710, 4001), ('maildrop', 0o730, 4001), ('pid', 0o755, 0)):
            path = self.path('postfix-queue', d)
            os.mkdir(path)
            os.chmod(path, mode)
            os.chown(path, uid, 4002 if d in ('public', 'maildrop') else 0)

    def start_postfix(self):
        etc, root = self.path('etc', 'postfix'), self.root
        for d in (etc, self.path('mail', 'postfix')):
            os.mkdir(d)
        os.chown(self.path('mail', 'postfix'), 4004, 4004)
        env = self.linker_env()
        cert = self.path('ca', 'mx.postfix.test')
        settings = {
            'compatibility_level': '3.6', 'queue_directory': self.path('postfix-queue'), 'data_directory': self.path('postfix-data'),
            'daemon_directory': f'{root}/usr/lib/postfix/sbin', 'command_directory': f'{root}/usr/sbin', 'shlib_directory': f'{root}/usr/lib/postfix',
            'meta_directory': etc, 'mail_owner': 'postfix', 'setgid_group': 'postdrop', 'myhostname': 'mx.postfix.test',
            'inet_interfaces': '127.0.1.1', 'inet_protocols': 'ipv4', 'mydestination': '', 'mynetworks': '127.0.2.0/24',
            'virtual_mailbox_domains': 'postfix.test', 'virtual_mailbox_base': self.path('mail', 'postfix'), 'virtual_mailbox_maps': 'static:inbox/',
            'virtual_uid_maps': 'static:4004', 'virtual_gid_maps': 'static:4004', 'smtpd_tls_cert_file': cert + '.pem', 'smtpd_tls_key_file': cert + '.key',
            'smtpd_tls_security_level': 'may', 'smtpd_recipient_restrictions': 'check_recipient_access inline:{ {refused@postfix.test=REJECT nobody of that name} }', 'smtpd_tls_received_header': 'yes', 'smtpd_peername_lookup': 'no', 'alias_maps': '', 'local_recipient_maps': '',
            'import_environment': f'LD_LIBRARY_PATH={env["LD_LIBRARY_PATH"]} MAIL_CONFIG={etc} TZ=UTC', 'maillog_file': self.path('log', 'postfix.log'),
            'smtp_tls_security_level': 'encrypt', 'smtp_host_lookup': 'native', 'relayhost': f'[{GATEWAY}]:25', 'smtputf8_enable': 'yes', 'maillog_file_prefixes': '/tmp', 'smtp_tls_CAfile': self.path('ca', 'ca.pem'),
        }
        if ssl.OPENSSL_VERSION_INFO >= (3, 5):  # Postfix 3.10: both empty leave the choice to OpenSSL, which begins with ML-KEM
            settings.update(tls_eecdh_auto_curves='', tls_ffdhe_auto_groups='')
        with open(os.path.join(etc, 'main.cf'), 'w') as out:
            out.writelines(f'{k} = {v}\n' for k, v in settings.items())
        with open(os.path.join(etc, 'master.cf'), 'w') as out:
            for line in ('smtp inet n - n - - smtpd', 'pickup unix n - n 60 1 pickup', 'cleanup unix n - n - 0 cleanup', 'qmgr unix n - n 300 1 qmgr',
                         'tlsmgr unix - - n 1000? 1 tlsmgr', 'rewrite unix - - n - - trivial-rewrite', 'bounce unix - - n - 0 bounce',
                         'defer unix - - n - 0 bounce', 'trace unix - - n - 0 bounce', 'flush unix n - n 1000? 0 flush', 'proxymap unix - - n - - proxymap',
                         'smtp unix - - n - - smtp', 'error unix - - n - - error', 'virtual unix - n n - - virtual', 'anvil unix - - n - 1 anvil',
                         'postlog unix-dgram n - n - 1 postlogd'):
                out.write(line + '\n')
        self.make_postfix_queue()
        env.update(MAIL_CONFIG=etc)
        self.start('postfix', [f'{root}/usr/lib/postfix/sbin/master', '-c', etc, '-d'], env=env)
        self.wait_port('127.0.1.1', 25)

    def start_exim(self):
        spool, box = self.path('exim-spool'), self.path('mail', 'exim')
        for d in (spool, box):
            os.mkdir(d)
            os.chown(d, 4003, 4003)
        cert = self.path('ca', 'mx.exim.test')
        config = self.path('etc', 'exim.conf')
        with open(config, 'w') as out:
            out.write(f'''primary_hostname = mx.exim.test
keep_environment = LD_LIBRARY_PATH : PATH
exim_path = {self.root}/usr/sbin/exim4
spool_directory = {spool}
log_file_path = {spool}/log_%s
exim_user = Debian-exim
exim_group = Debian-exim
local_interfaces = 127.0.1.2
daemon_smtp_ports = 25
domainlist local = exim.test
hostlist relay = 127.0.2.0/24
acl_smtp_rcpt = rcpt
tls_advertise_hosts = *
tls_certificate = {cert}.pem
tls_privatekey = {cert}.key
host_lookup =
rfc1413_hosts =
dns_ipv4_lookup = *
received_header_text = Received: ${{if def:sender_rcvhost {{from $sender_rcvhost\\n\\t}}}}by $primary_hostname with $received_protocol tls=${{tls_in_ver}} cipher=${{tls_in_cipher}} id $message_exim_id
begin acl
rcpt:
  deny local_parts = refused
       message = nobody of that name
  accept domains = +local
  accept hosts = +relay
  deny
begin routers
box:
  driver = accept
  domains = +local
  transport = box
gateway:
  driver = manualroute
  route_list = * {GATEWAY}
  transport = out
  self = send
begin transports
box:
  driver = appendfile
  directory = {box}
  maildir_format
  user = Debian-exim
out:
  driver = smtp
  hosts_require_tls = *
  tls_verify_certificates = {self.path("ca", "ca.pem")}
''')
        os.chmod(config, 0o644)
        self.start('exim', [os.path.join(self.root, 'usr/sbin/exim4'), '-bdf', '-q1m', '-C', config], env=self.linker_env())
        self.wait_port('127.0.1.2', 25)

    def run_opensmtpd(self, text):
        """Its directories are fixed when it is built: a mount namespace of its own has them; its queue is on the disk."""
        config, queue = self.path('etc', 'opensmtpd.conf'), self.path('opensmtpd-queue')
        with open(config, 'w') as out:
            out.write(text)
        os.chmod(config, 0o600)
        os.makedirs(queue, exist_ok=True)
        with open(self.path('etc', 'opensmtpd.sh'), 'w') as out:
            out.write(f'''set -e
mount --make-rprivate /
for d in /var/spool /var/lib /run; do mount -t tmpfs tmpfs $d; done
mkdir -p /var/spool/smtpd /var/lib/opensmtpd/empty
mount --bind {queue} /var/spool/smtpd
chmod 711 /var/spool/smtpd
mount --bind {self.root}/usr/libexec /usr/libexec
exec {self.root}/usr/sbin/smtpd -d -f {config}
''')
        self.start('opensmtpd', ['unshare', '--mount', '/bin/sh', self.path('etc', 'opensmtpd.sh')], env=self.linker_env())

    def start_opensmtpd(self):
        """Debian 12's 6.8 cannot serve TLS with OpenSSL 3 (its key process answers no signature), so as a server it
        stands for those that offer none; as a client it insists on TLS."""
        box = self.path('mail', 'opensmtpd')
        os.mkdir(box)
        os.chown(box, 4004, 4004)
        self.run_opensmtpd(f'''listen on 127.0.1.23 hostname mx.opensmtpd.test
table boxes {{ "@" = "labmail" }}
action "box" maildir "{box}" virtual <boxes>
action "out" relay host smtp+tls://{GATEWAY}:25 tls no-verify helo mx.opensmtpd.test
match from any for domain "opensmtpd.test" action "box"
match from src 127.0.2.0/24 for any action "out"
''')
        self.wait_port('127.0.1.23', 25)

    def mailbox(self, which):
        """Messages that a real server delivered, as text."""
        found = []
        for top, _, files in os.walk(self.path('mail', which)):
            if os.path.basename(top) in ('new', 'cur'):
                for name in files:
                    with open(os.path.join(top, name), encoding='latin-1') as text:
                        found.append(text.read())
        return found

    @staticmethod
    def user():
        """Each process has a user of its own, or all are nobody's: where make_users() could not, or was not to, make them."""
        try:
            return pwd.getpwnam('postern-queue').pw_name.removesuffix('-queue')
        except KeyError:
            return 'nobody'

    def uid_of(self, role):
        try:
            return pwd.getpwnam(f'{self.user()}-{role}').pw_uid
        except KeyError:
            return pwd.getpwnam(self.user()).pw_uid

    # --- the gateway -----------------------------------------------------------------------------------
    def config(self, extra='', **change):
        s = {'concurrency': '20', 'first_retry': '2s', 'lifetime': '5d', 'limits': '', 'queue': '', 'log': '', 'partner': '', 'top': '',
             'listen': f'{GATEWAY}:25', 'certificate': f'certificate {{ chain {self.path("ca", "gateway.test.pem")}; key {self.path("ca", "gateway.test.key")}; }}',
             'deliver_tls': 'cert', 'deliver_to': 'exchange.inside.test', 'deliver': '', 'delivery': '', 'reserve': '0'}
        s.update(change)
        text = f'''# the lab's gateway
hostname gateway.test;
organization "Lab Clinic";
{f"user {self.user()};" if os.geteuid() == 0 else ""}
store sqlite {self.path("store")};
at-rest-key {self.path("at-rest.key")};
run-directory {self.path("run")}; drop-directory {self.path("drop")};
trust-store {self.path("ca", "ca.pem")};
{s["certificate"]}
listen smtp {{ address {s["listen"]}; }}
inside {{ domains inside.test; networks 127.0.3.0/24; deliver-to {s["deliver_to"]} {{ tls {s["deliver_tls"]}; {s["deliver"]} }} }}
partner "Bank" {{ domains expired.test wrongname.test plain.test; outbound require cert; }}
{s["partner"]}
limits {{ {s["limits"] if 'tarpit' in s['limits'] else 'tarpit 0s; ' + s['limits']} }}
queue {{ first-retry {s["first_retry"]}; lifetime {s["lifetime"]}; concurrency {s["concurrency"]}; reserve {s["reserve"]}; {s["queue"]} }}
delivery {{ private-addresses yes; connect-time 3s; source-address {GATEWAY}; {s["delivery"]} }}
resolver {{ forward {DNS}@53; trust-anchor {self.path("zones", "anchor")}; timeout 4s; test-zones yes; longest-cache 5s; }}
{f'log {{ {s["log"]} }}' if s["log"] else ''}
{s["top"]}{extra}
'''
        return text.replace('@packs@', self.path('packs')).replace('@pages@', self.path('pages'))

    def binaries(self):
        """Copies, so that processes that gave root up can execute them wherever the tree lies; those of the present build."""
        kept, self.copied_from = self.copied_from == self.build, self.build
        for name in ('posternd', 'smtpin', 'queue', 'lookup', 'keys', 'smtpout', 'login', 'metrics', 'inspect', 'web', 'sendmail', 'postern'):
            target = self.path('bin', name)
            if not kept or not os.path.exists(target):
                if os.path.exists(target):
                    os.unlink(target)
                shutil.copy(os.path.join(self.build, name), target)
                os.chmod(target, 0o755)
        return self.path('bin')

    def start_gateway(self, text=None, wrap=()):
        with open(self.path('postern.conf'), 'w') as out:
            out.write(text or self.config())
        env = dict(os.environ, ASAN_OPTIONS='detect_leaks=0:abort_on_error=1:handle_abort=0', UBSAN_OPTIONS='print_stacktrace=1:halt_on_error=1')
        self.start('posternd', [*wrap, os.path.join(self.binaries(), 'posternd'), '-c', self.path('postern.conf')], env=env)
        self.wait_ready()

    def wait_ready(self, seconds=90):
        end = time.time() + seconds
        while time.time() < end:
            if self.procs['posternd'].poll() is not None:
                raise RuntimeError('posternd ended: ' + self.log())
            if self.postern('status').returncode == 0:
                return
            time.sleep(0.05)
        raise RuntimeError('the gateway did not get ready: ' + self.log())

    def stop_gateway(self, sig=signal.SIGTERM):
        return self.stop('posternd', sig)

    def postern(self, *args, json_out=False):
        words = [os.path.join(self.binaries(), 'postern'), '-c', self.path('postern.conf'), *args] + (['--json'] if json_out else [])
        done = subprocess.run(words, capture_output=True, text=True, timeout=60)
        return json.loads(done.stdout) if json_out else done

    def log(self, name='posternd', since=None):
        """What a program logged since the running test began, or from an offset."""
        time.sleep(0.05)  # posternd writes what the others hand over: that may just be under way
        with open(self.path('log', name), encoding='utf-8', errors='replace') as text:
            text.seek(self.marks.get(name, 0) if since is None else since)
            return text.read()

    def mark_log(self, name='posternd'):
        """log() starts here from now on; the offset."""
        path = self.path('log', name)
        self.marks[name] = os.path.getsize(path) if os.path.exists(path) else 0
        return self.marks[name]

    def child_pid(self, name):
        found = self.wait_for(lambda: {p['process']: p['pid'] for p in self.postern('status', json_out=True)}.get(name))
        if not found:  # 0: it is being started again
            raise KeyError(name)
        return found

    def report(self, message_id):
        return self.postern('message', message_id, json_out=True)

    def wait_for(self, what, seconds=20, step=0.05):
        end = time.time() + seconds
        while True:
            value = what()
            if value or time.time() > end:
                return value
            time.sleep(step)


def main():
    lab = Lab(sys.argv[2] if len(sys.argv) > 2 else os.path.join(TOP, 'build'))
    marker = os.path.join(TOP, 'build', 'lab', 'state')
    if sys.argv[1] == 'down':
        if os.path.exists(marker):
            state = open(marker).read()
            pids = os.path.join(state, 'pids')
            for name in sorted(os.listdir(pids)) if os.path.isdir(pids) else []:
                try:
                    os.kill(int(open(os.path.join(pids, name)).read()), signal.SIGTERM)
                except (ProcessLookupError, ValueError):
                    pass
            os.unlink(marker)
        return 0
    if os.path.exists(marker) and os.path.isdir(open(marker).read()):
        print('The lab is up already in', open(marker).read())
        return 0
    lab.up()
    lab.start_gateway()
    with open(marker, 'w') as out:
        out.write(lab.state)
    print('The lab is up in', lab.state)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        signal.pause()
    finally:
        lab.down()
        if os.path.exists(marker):
            os.unlink(marker)
    return 0


if __name__ == '__main__':
    sys.exit(main())
