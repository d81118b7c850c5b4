#!/usr/bin/env python3
"""Relays messages through Postern and through Postfix (tuned for throughput) in the same run, to a
counting sink, and prints rates, CPU per 1,000 messages, memory and the ratios. Run by bench/run.

Usage: bench.py [--quick] [--one: one message a session] [--resume: the load resumes its TLS sessions] [--inspect: postern reads every mail, pack hipaa] [--pace: messages of each half second, too] [relays ...] [cells ...]
A relay is postfix, exim, opensmtpd or postern (default: postfix postern); a cell is SIZE:SESSIONS:plain|tls.
OpenSMTPD of Debian 12 cannot serve TLS (see tests/lab/lab.py): its cells over TLS are left out.
"""
import os
import shutil
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TOP, 'tests', 'lab'))
import lab as lab_module  # noqa: E402

PEER = os.path.join(TOP, 'build-bench', 'bench_peer')
SINK, SINK_PORT = '127.0.5.1', '2526'
CELLS = [(size, sessions, mode) for mode in ('plain', 'tls') for size in (2048, 51200, 1048576) for sessions in (1, 20, 200)]
# enough that what a relay puts off (Postern's journal holds some 2,000 small messages) is a small part of it
COUNT = {2048: {1: 2000, 20: 20000, 200: 20000}, 51200: {1: 1000, 20: 8000, 200: 8000}, 1048576: {1: 100, 20: 800, 200: 2000}}
OPENSMTPD_LIMITS = {'session-mail-max': 100000, 'max-conn-per-host': 20, 'max-conn-per-route': 20, 'max-conn-per-source': 20, 'max-conn-per-relay': 20, 'max-conn-per-domain': 20, 'conn-delay-host': 0,
                    'conn-delay-source': 0, 'conn-delay-connector': 0, 'conn-delay-relay': 0, 'conn-delay-domain': 0, 'session-transaction-delay': 0, 'task-hiwat': 100000, 'task-lowat': 50000}
QUIET = 6.5  # seconds between the warming up and the load: Postern makes its journal ready in its first quiet five
HERTZ = os.sysconf('SC_CLK_TCK')


def tree(pid):
    """pid and everything below it."""
    children = {}
    for entry in os.listdir('/proc'):
        if entry.isdigit():
            try:
                parent = int(open(f'/proc/{entry}/stat').read().rsplit(')', 1)[1].split()[1])
                children.setdefault(parent, []).append(int(entry))
            except (OSError, IndexError):
                pass
    found, todo = [], [pid]
    while todo:
        one = todo.pop()
        found.append(one)
        todo += children.get(one, [])
    return found


def cpu_seconds(pid):
    total = 0.0
    for one in tree(pid):
        try:
            f = open(f'/proc/{one}/stat').read().rsplit(')', 1)[1].split()
            total += sum(int(x) for x in f[11:15]) / HERTZ  # own and waited-for children
        except OSError:
            pass
    return total


def pss_mb(pid):
    total = 0
    for one in tree(pid):
        try:
            for line in open(f'/proc/{one}/smaps_rollup'):
                if line.startswith('Pss:'):
                    total += int(line.split()[1])
        except OSError:
            pass
    return total / 1024


class Bench:
    per = 10  # messages a session
    inspect = False
    resume = False  # the load resumes its TLS sessions

    def __init__(self):
        self.lab = lab_module.Lab(os.path.join(TOP, 'build-bench'))
        self.lab.up_without_servers()
        self.lab.make_certificate('sink.bench.test')
        self.lab.make_certificate('relay.bench.test')

    def cert(self, name):
        return [self.lab.path('ca', name + '.pem'), self.lab.path('ca', name + '.key')]

    def start_postern_text(self, tls):
        chain, key = self.cert('relay.bench.test')
        text = f'''hostname relay.bench.test; user nobody; store sqlite {self.lab.path("store")}; at-rest-key {self.lab.path("at-rest.key")};
run-directory {self.lab.path("run")}; trust-store {self.lab.path("ca", "ca.pem")};
listen smtp {{ address 127.0.2.1:25; }}
{f"certificate {{ chain {chain}; key {key}; }}" if tls else ""}
inside {{ networks 127.0.0.0/8; domains bench.test; deliver-to sink.bench.test:{SINK_PORT} {{ tls {"cert" if tls else "none"}; }} }}
resolver {{ forward 127.0.0.53@53; timeout 2s; test-zones yes; }}
limits {{ connections-per-address 1000; connections-per-network 1000; }} queue {{ concurrency 20; reserve 0; messages-per-connection 100000; }} log {{ level warn; }}
'''
        if self.inspect:
            text += f'inspection {{ packs {os.path.join(TOP, "packs")}; }} content "k" {{ pack hipaa; mode enforce; }} rule "k" {{ content k; tag found; }}\n'
        return text

    def start_postern(self, tls):
        shutil.rmtree(self.lab.path('store'), ignore_errors=True)  # a sink that once offered TLS gets nothing in clear
        self.lab.start_gateway(self.start_postern_text(tls))
        return self.lab.procs['posternd'].pid

    def start_postfix(self, tls):
        """As its TUNING_README and CONNECTION_CACHE_README say: many processes, no delays, cached connections."""
        lab = self.lab
        etc, root = lab.path('etc', 'postfix'), lab.root
        if not os.path.exists(etc):
            os.mkdir(etc)
            lab.make_postfix_queue()
        chain, key = self.cert('relay.bench.test')
        settings = {
            'compatibility_level': '3.6', 'queue_directory': lab.path('postfix-queue'), 'data_directory': lab.path('postfix-data'), 'daemon_directory': f'{root}/usr/lib/postfix/sbin',
            'command_directory': f'{root}/usr/sbin', 'shlib_directory': f'{root}/usr/lib/postfix', 'meta_directory': etc, 'mail_owner': 'postfix', 'setgid_group': 'postdrop',
            'myhostname': 'relay.bench.test', 'inet_interfaces': '127.0.2.1', 'inet_protocols': 'ipv4', 'mydestination': '', 'mynetworks': '127.0.0.0/8', 'relayhost': f'[sink.bench.test]:{SINK_PORT}',
            'smtp_host_lookup': 'native', 'default_process_limit': '250', 'in_flow_delay': '0', 'initial_destination_concurrency': '20', 'default_destination_concurrency_limit': '20',
            'smtp_connection_cache_destinations': 'sink.bench.test,bench.test', 'smtpd_peername_lookup': 'no', 'smtp_tls_connection_reuse': 'yes', 'smtpd_client_connection_count_limit': '0',
            'smtpd_client_connection_rate_limit': '0', 'qmgr_message_active_limit': '40000', 'smtpd_tls_security_level': 'encrypt' if tls else 'none', 'smtpd_tls_cert_file': chain,
            'smtpd_tls_key_file': key, 'smtp_tls_security_level': 'secure' if tls else 'none', 'smtp_tls_secure_cert_match': 'sink.bench.test', 'smtp_tls_CAfile': lab.path('ca', 'ca.pem'), 'alias_maps': '', 'local_recipient_maps': '',
            'import_environment': f'LD_LIBRARY_PATH={lab.linker_env()["LD_LIBRARY_PATH"]} MAIL_CONFIG={etc} TZ=UTC', 'maillog_file': lab.path('log', 'postfix.log'), 'maillog_file_prefixes': '/tmp',
            'message_size_limit': '100000000', 'smtp_destination_recipient_limit': '50', 'smtpd_relay_restrictions': 'permit_mynetworks,reject',
        }
        with open(os.path.join(etc, 'main.cf'), 'w') as out:
            out.writelines(f'{k} = {v}\n' for k, v in settings.items())
        with open(os.path.join(etc, 'master.cf'), 'w') as out:
            for line in ('smtp inet n - n - - smtpd', 'pickup unix n - n 60 1 pickup', 'cleanup unix n - n - 0 cleanup', 'qmgr unix n - n 300 1 qmgr', 'tlsmgr unix - - n 1000? 1 tlsmgr',
                         'rewrite unix - - n - - trivial-rewrite', 'bounce unix - - n - 0 bounce', 'defer unix - - n - 0 bounce', 'trace unix - - n - 0 bounce', 'flush unix n - n 1000? 0 flush',
                         'proxymap unix - - n - - proxymap', 'smtp unix - - n - - smtp', 'error unix - - n - - error', 'anvil unix - - n - 1 anvil', 'scache unix - - n - 1 scache',
                         'tlsproxy unix - - n - 0 tlsproxy', 'postlog unix-dgram n - n - 1 postlogd'):
                out.write(line + '\n')
        env = dict(lab.linker_env(), MAIL_CONFIG=etc)
        lab.start('postfix', [f'{root}/usr/lib/postfix/sbin/master', '-c', etc, '-d'], env=env)
        lab.wait_port('127.0.2.1', 25)
        return lab.procs['postfix'].pid

    def start_exim(self, tls):
        lab, config, spool = self.lab, self.lab.path('etc', 'exim.conf'), self.lab.path('exim-spool')
        if not os.path.exists(spool):
            os.mkdir(spool)
            os.chown(spool, 4003, 4003)
        chain, key = self.cert('relay.bench.test')
        with open(config, 'w') as out:
            out.write(f'''primary_hostname = relay.bench.test
keep_environment = LD_LIBRARY_PATH : PATH
exim_path = {lab.root}/usr/sbin/exim4
spool_directory = {spool}
log_file_path = {spool}/log_%s
exim_user = Debian-exim
exim_group = Debian-exim
local_interfaces = 127.0.2.1
daemon_smtp_ports = 25
smtp_accept_max = 0
smtp_accept_queue_per_connection = 0
smtp_connect_backlog = 250
deliver_drop_privilege = yes
queue_run_max = 20
split_spool_directory = yes
acl_smtp_rcpt = accept
{f"tls_advertise_hosts = *" if tls else "tls_advertise_hosts ="}
{f"tls_certificate = {chain}" if tls else ""}
{f"tls_privatekey = {key}" if tls else ""}
host_lookup =
rfc1413_hosts =
message_size_limit = 100M
begin routers
sink:
  driver = manualroute
  route_list = * 127.0.5.1
  transport = out
  self = send
begin transports
out:
  driver = smtp
  port = {SINK_PORT}
  hosts_require_tls = {"*" if tls else ""}
  tls_verify_certificates = {lab.path("ca", "ca.pem")}
  tls_verify_hosts = {"*" if tls else ""}
  tls_verify_cert_hostnames =
  hosts_avoid_tls = {"" if tls else "*"}
begin retry
* * F,1h,1s
''')
        os.chmod(config, 0o644)
        lab.start('exim', [os.path.join(lab.root, 'usr/sbin/exim4'), '-bdf', '-q5s', '-C', config], env=lab.linker_env())
        lab.wait_port('127.0.2.1', 25)
        return lab.procs['exim'].pid

    def start_opensmtpd(self, tls):
        """Twenty connections at once to a next hop like the others, and none of its pauses between them."""
        self.lab.run_opensmtpd(f'''listen on 127.0.2.1 hostname relay.bench.test
smtp max-message-size 100M
{chr(10).join(f"mta limit {name} {value}" for name, value in OPENSMTPD_LIMITS.items())}
action "out" relay host smtp+notls://127.0.5.1:{SINK_PORT}
match from any for any action "out"
''')
        self.lab.wait_port('127.0.2.1', 25)
        return self.lab.procs['opensmtpd'].pid

    def relay(self, size, sessions, tls, n):
        """One batch through the running relay: (seconds to the last message at the sink, to the last 250)."""
        sink_args = self.cert('sink.bench.test') if tls else []
        load_args = self.cert('relay.bench.test')[:1] if tls else []
        sink = subprocess.Popen([PEER, 'sink', SINK, SINK_PORT, str(n), *sink_args], stdout=subprocess.PIPE, text=True)
        self.lab.wait_port(SINK, int(SINK_PORT))
        load = subprocess.run([PEER, 'load', '127.0.2.1', '25', str(n), str(size), str(min(sessions, n)), str(self.per), *load_args], capture_output=True, text=True, timeout=300,
                              env=dict(os.environ, PEER_RESUMES='1') if self.resume else None)
        if load.returncode:
            sink.kill()
            raise RuntimeError(load.stderr)
        try:
            said = sink.communicate(timeout=60)[0].split()
            last, self.pace = int(said[1]), [int(n) for n in said[3:]]
        except subprocess.TimeoutExpired:
            sink.kill()
            raise
        lines = [line.split() for line in load.stdout.splitlines()]
        first, accepted = int(lines[0][1]), int(lines[1][1])
        return (last - first) / 1000, (accepted - first) / 1000, int(lines[2][2]) / 1000

    def cell(self, which, size, sessions, mode, n):
        tls = mode == 'tls'
        pid = getattr(self, 'start_' + which)(tls)
        try:
            if which != 'opensmtpd':  # warm; OpenSMTPD would keep its connection to the first sink and put a message off
                self.relay(size, min(sessions, 20), tls, 40)
                time.sleep(QUIET)
            before = cpu_seconds(pid)
            seconds, accept, p99 = self.relay(size, sessions, tls, n)
            memory = pss_mb(pid)
            time.sleep(1)  # what was put off counts as well
            return {'rate': n / seconds, 'accept': n / accept, 'cpu': (cpu_seconds(pid) - before) * 1000 / n, 'mb': memory, 'p99': p99}
        finally:
            if which == 'postern':
                self.lab.stop_gateway()
            else:
                self.lab.stop(which)
                time.sleep(0.5)


def main():
    if '--help' in sys.argv or '-h' in sys.argv:
        print(__doc__.strip())
        return 0
    words = [w for w in sys.argv[1:] if not w.startswith('--')]
    relays = [w for w in ('postfix', 'exim', 'opensmtpd', 'postern') if w in words] or ['postfix', 'postern']
    cells = [(int(a), int(b), c) for a, b, c in (w.split(':') for w in words if ':' in w)] or CELLS
    if '--quick' in sys.argv:
        cells = [c for c in cells if c[0] == 2048]
    bench = Bench()
    bench.per = 1 if '--one' in sys.argv else 10
    bench.resume = '--resume' in sys.argv
    bench.inspect = '--inspect' in sys.argv
    print(f'{"size":>8} {"sessions":>8} {"mode":>5} | {"relay":9} {"msgs/s":>8} {"accept/s":>8} {"CPU s/1000":>10} {"PSS MB":>7} {"p99 ms":>7} | ratio to Postfix')
    try:
        for number, (size, sessions, mode) in enumerate(cells, 1):
            n = COUNT.get(size, {}).get(sessions, 1000)
            results = {}
            for which in relays:
                if which == 'opensmtpd' and mode == 'tls':
                    continue
                print(f'\r[{number}/{len(cells)}] {which} ...      ', end='', file=sys.stderr, flush=True)
                r = results[which] = bench.cell(which, size, sessions, mode, n // 6 if which == 'exim' else n)  # a process for every message
                ratio = ''
                if which != 'postfix' and 'postfix' in results:
                    p = results['postfix']
                    ratio = f'{r["rate"] / p["rate"]:.1f} x the rate, {r["cpu"] / p["cpu"]:.2f} x the CPU'
                print(f'\r{size:>8} {sessions:>8} {mode:>5} | {which:9} {r["rate"]:8.0f} {r["accept"]:8.0f} {r["cpu"]:10.3f} {r["mb"]:7.0f} {r["p99"]:7.1f} | {ratio}', flush=True)
                if '--pace' in sys.argv:
                    whole = bench.pace[1:-1] or bench.pace
                    print(f'         each half second: {" ".join(map(str, bench.pace))}; least {min(whole)}, median {sorted(whole)[len(whole) // 2]}')
    finally:
        bench.lab.down()
    return 0


if __name__ == '__main__':
    sys.exit(main())
