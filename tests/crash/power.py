#!/usr/bin/env python3
"""What a power loss, a failing disk or missing memory may do to the store: nothing that was promised is lost.

A driver lives through a small history with tests/crash/fault.c between it and the disk.
  power  every change is written down with what was synced when. From that the disks are built that a power loss
         at any moment may leave: what was synced is there; of what was not, any part, in any order, the last
         write torn. Each is opened by the real store and compared with what had been promised by then.
  fail   the n-th change (write, sync, truncate, create, rename, unlink) fails, for every n, with EIO and with ENOSPC.
  alloc  the n-th allocation fails, for every n.
After each the store is opened again: every message promised is there and whole, or known as delivered; a
delivery that was promised is not forgotten, and all that wait are found by the scheduler. Usage: power.py BUILD [--all] [--seed N]
"""
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Run:
    def __init__(self, build):
        self.driver = os.path.join(build, 'tests', 'crash_driver')
        self.fault = os.path.join(build, 'tests', 'libcrash_fault.so')
        self.top = tempfile.mkdtemp(prefix='postern-crash-', dir='/tmp')

    def path(self, name):
        return os.path.join(self.top, name)

    def live(self, directory, turns, **env):
        os.makedirs(directory, exist_ok=True)
        return subprocess.run([self.driver, 'live', directory, str(turns)], env=dict(os.environ, LD_PRELOAD=self.fault, FAULT_DIR=directory, **env),
                              capture_output=True, text=True, timeout=120)

    def look(self, directory):
        done = subprocess.run([self.driver, 'look', directory], capture_output=True, text=True, timeout=120)
        return done.returncode, done.stdout + done.stderr


def read_log(path):
    """[(kind, name, offset, octets)]"""
    data, records, at = open(path, 'rb').read(), [], 0
    while at < len(data):
        end = data.index(b'\n', at)
        kind, name, offset, n = data[at:end].decode().split(' ')
        records.append((kind, name, int(offset), data[end + 1:end + 1 + int(n)]))
        at = end + 1 + int(n)
    return records


class Disk:
    """Files as they may be after the power went at some moment."""

    def __init__(self, records, rng):
        synced = {}   # name -> index of the last sync
        dirs = {}     # directory -> index of its last sync
        for i, (kind, name, _, _) in enumerate(records):
            if kind == 'S':
                (dirs if self.is_dir(name) else synced)[name] = i
        live = {}       # name -> content, as the program saw it
        self.names = {}  # name -> [content, is the name safe], as the disk has it
        for i, (kind, name, offset, octets) in enumerate(records):
            # a name is safe when its directory, or (as file systems do) the file itself, was synced after it
            durable_name = dirs.get(os.path.dirname(name), -1) > i or synced.get(name, -1) > i
            durable = synced.get(name, -1) > i or (i + 1 < len(records) and records[i + 1][0] == 'D')
            if kind == 'C':
                live[name] = bytearray()
                self.names[name] = [live[name], durable_name]
            elif kind == 'U':
                live.pop(name, None)
                if durable_name or rng.random() < 0.5:
                    self.names.pop(name, None)
            elif kind == 'R':
                new = octets.decode()
                live[new] = live.pop(name)
                safe = dirs.get(os.path.dirname(name), -1) > i
                if safe or rng.random() < 0.5:
                    self.names.pop(name, None)
                    self.names[new] = [live[new], safe]
            elif kind in 'WT' and name in live:
                if not durable and rng.random() < 0.5:
                    continue
                f = live[name]
                if kind == 'T':
                    del f[offset:]
                    f.extend(bytes(max(0, offset - len(f))))
                else:
                    if not durable and rng.random() < 0.2:
                        octets = octets[:rng.randrange(0, len(octets) + 1) // 512 * 512]  # torn
                    f.extend(bytes(max(0, offset + len(octets) - len(f))))
                    f[offset:offset + len(octets)] = octets
        for name in [n for n, (_, safe) in self.names.items() if not safe and rng.random() < 0.5]:
            del self.names[name]

    @staticmethod
    def is_dir(name):
        return os.path.basename(name) in ('spool', 'store')

    def write(self, source, target):
        os.makedirs(os.path.join(target, 'spool'))
        for name, (octets, _) in self.names.items():
            if name.endswith('-shm'):
                continue
            with open(os.path.join(target, os.path.relpath(name, source)), 'wb') as out:
                out.write(octets)


def promised(records):
    kept, delivered = set(), set()
    for kind, name, _, _ in records:
        if kind == 'A':
            what, number = name.split('-')
            (kept if what == 'kept' else delivered).add(int(number))
    return kept, delivered


def compare(output, kept, delivered):
    """None, or what is wrong."""
    states = {int(n): s for n, s in re.findall(r'^state (\d+) (\w+)', output, re.M)}
    bodies = {int(n): s for n, s in re.findall(r'^message (\d+) (\w+)', output, re.M)}
    if 'list broken' in output or 'cannot open' in output:
        return output[:300]
    for n in kept:
        if n not in states:
            return f'message {n} was promised and is gone'
        if states[n] == 'queued' and bodies.get(n) != 'whole':
            return f'message {n} is queued and its body is {bodies.get(n)}'
    for n in delivered:
        if states.get(n) != 'delivered':
            return f'the delivery of {n} was promised and forgotten: it would go twice'
    due = {int(n) for n in re.findall(r'^due (\d+)', output, re.M)}
    for n, state in states.items():
        if state == 'queued' and n not in due:
            return f'message {n} waits and nobody would ever try it: it would be overdue for ever'
        if state == 'queued' and bodies.get(n) != 'whole':
            return f'message {n} would be sent broken: {bodies.get(n)}'
    return None


def false_alarm(output):
    """None, or that what a loss of power may do was taken for a disk that loses what was synced (store/mark.h)."""
    found = re.search(r'event=(journal-damaged|tables-lack-transactions|mark-lost|mail-lost).*', output)
    return f'taken for damage: {found.group()}' if found else None


def power(run, turns, samples, rng):
    source = run.path('store')
    assert run.live(source, turns, FAULT_LOG=run.path('log'), **({'FAULT_CACHED': '1'} if rng.random() < 0.3 else {})).returncode == 0
    records = read_log(run.path('log'))
    for sample in range(samples):
        cut = rng.randrange(1, len(records) + 1)
        seed = rng.randrange(1 << 60)
        target = run.path('after')
        shutil.rmtree(target, ignore_errors=True)
        Disk(records[:cut], random.Random(seed)).write(source, target)
        kept, delivered = promised(records[:cut])
        output = run.look(target)[1]
        problem = compare(output, kept, delivered) or false_alarm(output)
        if problem:
            return sample, len(records), f'power loss after change {cut} (seed {seed}): {problem}'
        progress('power', sample + 1, samples)
    return samples, len(records), None


def fail(run, turns, step, rng):
    n, count = rng.randrange(step) + 1, 0
    assert run.live(run.path('clean/store'), turns, FAULT_LOG=run.path('clean.log')).returncode == 0
    changes = sum(1 for r in read_log(run.path('clean.log')) if r[0] in 'WSDTCU')
    while n <= changes:
        for error in (5, 28):
            directory, log = run.path('failing/store'), run.path('failing.log')
            shutil.rmtree(run.path('failing'), ignore_errors=True)
            if os.path.exists(log):
                os.unlink(log)
            done = run.live(directory, turns, FAULT_LOG=log, FAULT_AT=str(n), FAULT_ERROR=str(error))
            if done.returncode not in (0, 1, 3):
                return count, f'change {n} fails with {error}: ended with {done.returncode} {done.stderr[-300:]}'
            records = read_log(log)
            kept, delivered = promised(records)
            code, output = run.look(directory)
            problem = compare(output, kept, delivered) if code == 0 or kept else None
            if problem:
                return count, f'change {n} fails with {error}: {problem}'
            count += 1
        progress('fail', n, changes)
        n += step
    return count, None


def alloc(run, turns, step, rng):
    n, count, clean = rng.randrange(step) + 1, 0, 0
    while clean < 3 and n < 200000:
        directory, log = run.path('failing/store'), run.path('failing.log')
        shutil.rmtree(run.path('failing'), ignore_errors=True)
        if os.path.exists(log):
            os.unlink(log)
        done = run.live(directory, turns, FAULT_LOG=log, FAULT_ALLOC=str(n))
        if done.returncode not in (0, 1, 3, -6):
            return count, f'allocation {n} fails: ended with {done.returncode} {done.stderr[-300:]}'
        kept, delivered = promised(read_log(log)) if os.path.exists(log) else (set(), set())
        code, output = run.look(directory)
        problem = compare(output, kept, delivered) if code == 0 or kept else None
        if problem:
            return count, f'allocation {n} fails: {problem}'
        clean = clean + 1 if done.returncode == 0 and len(kept) == turns * 3 else 0
        count += 1
        n += step
        progress('alloc', count, count)
    return count, None


def progress(what, n, of):
    if sys.stderr.isatty():
        print(f'\r{what}: {n}/{of}   ', end='', file=sys.stderr, flush=True)


def main():
    thorough = '--all' in sys.argv
    seed = int(sys.argv[sys.argv.index('--seed') + 1]) if '--seed' in sys.argv else random.randrange(1 << 30)
    rng, run = random.Random(seed), Run(sys.argv[1])
    problems = []
    try:
        n, changes, problem = power(run, 40 if thorough else 15, 4000 if thorough else 150, rng)
        print(f'power loss: {n} disks out of a history of {changes} changes: {problem or "nothing promised was lost"}', flush=True)
        problems.append(problem)
        n, problem = fail(run, 8, 1 if thorough else 7, rng)
        print(f'failing disk: {n} lives: {problem or "nothing promised was lost"}', flush=True)
        problems.append(problem)
        n, problem = alloc(run, 4, 1 if thorough else 41, rng)
        print(f'failing allocation: {n} lives: {problem or "nothing promised was lost"}', flush=True)
        problems.append(problem)
    finally:
        shutil.rmtree(run.top, ignore_errors=True)
    if any(problems):
        print(f'again with: --seed {seed}')
    return 1 if any(problems) else 0


if __name__ == '__main__':
    sys.exit(main())
