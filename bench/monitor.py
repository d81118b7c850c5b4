#!/usr/bin/env python3
"""Looks at 10,000 domains as the monitor does every day, and measures what that takes. Run by bench/monitor.

Every domain has its own MX record and MTA-STS policy question; all lead to one server with TLS 1.3.
"""
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'tests', 'lab'))
import lab as lab_module  # noqa: E402

N = int(sys.argv[1]) if len(sys.argv) > 1 else 10000


class MonitorLab(lab_module.Lab):
    def zone_text(self):
        return super().zone_text() + ''.join(f'd{i}.bench MX 10 mx.good.test.\n' for i in range(N))


def ticks(pid):
    with open(f'/proc/{pid}/stat') as text:
        fields = text.read().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def pss(pid):
    with open(f'/proc/{pid}/smaps_rollup') as text:
        return next(int(line.split()[1]) for line in text if line.startswith('Pss:')) / 1024


def main():
    lab = MonitorLab(os.path.join(lab_module.TOP, 'build-bench'))
    try:
        lab.up(real=False, tls_world=False)
        lab.start_gateway(lab.config(top='monitor { interval 1d; }'))
        names = os.path.join(lab.state, 'etc', 'domains')
        with open(names, 'w') as out:
            out.write('\n'.join(f'd{i}.bench.test' for i in range(N)) + '\n')
        pids = {p['process']: p['pid'] for p in lab.postern('status', json_out=True)}
        before = {name: ticks(pid) for name, pid in pids.items()}
        start = time.time()
        done = subprocess.run([os.path.join(lab.binaries(), 'postern'), '-c', lab.path('postern.conf'), 'probe', '--file', names], capture_output=True, text=True)
        took = time.time() - start
        lines = done.stdout.strip().splitlines()
        print(lines[-2])
        for line in [one for one in lines[1:-3] if ' yes: ' not in one][:5]:
            print('  ' + line)
        remembered = len(lab.postern('domains', 'list', json_out=True))
        print(f'{N} domains in {took:.0f} s: {N / took:.0f} a second ({N / 86400:.2f} are needed for one look a day); {remembered} remembered')
        total_cpu = total_pss = 0
        for name, pid in sorted(pids.items()):
            cpu, memory = ticks(pid) - before[name], pss(pid)
            total_cpu, total_pss = total_cpu + cpu, total_pss + memory
            print(f'  {name:10} {cpu * 1e6 / N:8.0f} us CPU per domain {memory:8.1f} MB')
        print(f'  {"together":10} {total_cpu * 1e6 / N:8.0f} us CPU per domain {total_pss:8.1f} MB')
    finally:
        lab.down()


main()
