#!/usr/bin/env python3
"""Where Postern's time goes in one cell of the bench: perf samples of all its processes as a flame graph, and the
sync calls for each message. Run by bench/profile; needs perf (Debian: linux-perf) and the right to trace.

Usage: profile.py [--one: one message a session] SIZE:SESSIONS:plain|tls [PICTURE.svg]
"""
import html
import os
import re
import signal
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TOP, 'bench'))
import bench as bench_module  # noqa: E402

WIDTH, ROW, SMALLEST = 1200, 16, 0.0015


def fold(script):
    """perf script's text as a tree: {name: [samples, {...}]}; the first level is the process."""
    root = [0, {}]
    for block in script.split('\n\n'):
        lines = [line for line in block.splitlines() if line.strip()]
        if not lines:
            continue
        head = re.match(r'\s*(.+?)\s+\d+', lines[0])
        frames = [head.group(1) if head else '?']
        for line in reversed(lines[1:]):
            m = re.match(r'\s*[0-9a-f]+ (.*?)(?:\+0x[0-9a-f]+)? \((.*)\)$', line)
            if m:
                name = m.group(1)
                frames.append(f'[{os.path.basename(m.group(2))}]' if name == '[unknown]' else name)
        node = root
        node[0] += 1
        for name in frames:
            node = node[1].setdefault(name, [0, {}])
            node[0] += 1
    return root


def boxes(node, depth, left, total):
    """(depth, left, share, name, samples) of everything wide enough to see."""
    for name, child in sorted(node[1].items(), key=lambda item: (-item[1][0], item[0]) if depth == 0 else (0, item[0])):
        share = child[0] / total
        if share >= SMALLEST:
            yield depth, left, share, name, child[0]
            yield from boxes(child, depth + 1, left, total)
        left += share


def colour(name):
    shade = sum(name.encode()) % 40
    if name.startswith('[') or name.startswith('__x64') or name.endswith('_syscall_64'):
        return f'rgb({150 + shade},{170 + shade},{200 + shade})'
    return f'rgb({235 - shade},{150 + shade * 2},{90 + shade})'


def draw(root, title):
    found = list(boxes(root, 0, 0.0, root[0]))
    deepest = max(b[0] for b in found) + 1
    height = (deepest + 3) * ROW
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="monospace" font-size="11">',
           f'<rect width="{WIDTH}" height="{height}" fill="#fff"/><text x="6" y="14">{html.escape(title)}</text>']
    for depth, left, share, name, samples in found:
        x, w, y = left * WIDTH, share * WIDTH, height - (depth + 1) * ROW - 4
        letters = int(w / 6.8)
        text = name if len(name) <= letters else name[:max(letters - 2, 0)] + '..'
        out.append(f'<g><title>{html.escape(name)}: {samples} samples, {100 * share:.1f} %</title><rect x="{x:.1f}" y="{y}" width="{max(w - 0.3, 0.2):.1f}" height="{ROW - 1}" fill="{colour(name)}"/>'
                   + (f'<text x="{x + 2:.1f}" y="{y + 11}">{html.escape(text)}</text>' if letters > 3 else '') + '</g>')
    return '\n'.join(out) + '\n</svg>\n'


def main():
    words = [w for w in sys.argv[1:] if w != '--one']
    if not words:
        sys.exit(__doc__)
    size, sessions, mode = words[0].split(':')
    size, sessions, tls = int(size), int(sessions), mode == 'tls'
    n = bench_module.COUNT.get(size, {}).get(sessions, 1000)
    bench = bench_module.Bench()
    bench.per = 1 if '--one' in sys.argv else 10
    try:
        pid = bench.start_postern(tls)
        bench.relay(size, min(sessions, 20), tls, 40)
        time.sleep(bench_module.QUIET)
        pids = ','.join(str(p) for p in bench_module.tree(pid))
        data = bench.lab.path('perf.data')
        count = subprocess.Popen(['perf', 'stat', '-x', ',', '-e', 'syscalls:sys_enter_fdatasync,syscalls:sys_enter_fsync,syscalls:sys_enter_pwritev2', '-p', pids], stderr=subprocess.PIPE, text=True)
        time.sleep(0.3)
        seconds = bench.relay(size, sessions, tls, n)[0]
        count.send_signal(signal.SIGINT)
        syncs = sum(int(line.split(',')[0]) for line in count.communicate()[1].splitlines() if 'sys_enter' in line)  # pwritev2: the journal's writes, each a sync
        print(f'{n} messages of {size} octets, {sessions} sessions, {mode}: {n / seconds:.0f} a second, {syncs} sync calls, {syncs / n:.3f} for each message')
        if len(words) > 1:
            record = subprocess.Popen(['perf', 'record', '-q', '-F', '499', '--call-graph', 'dwarf,16384', '-o', data, '-p', pids], stderr=subprocess.DEVNULL)
            time.sleep(0.3)
            bench.relay(size, sessions, tls, n)
            record.send_signal(signal.SIGINT)
            record.wait()
            script = subprocess.run(['perf', 'script', '-i', data, '--no-inline', '-F', 'comm,tid,ip,sym,symoff,dso'], capture_output=True, text=True, errors='replace').stdout
            with open(words[1], 'w') as out:
                out.write(draw(fold(script), f'Postern, {size} octets, {sessions} sessions, {mode}: CPU of all processes (point at a box for its name)'))
    finally:
        bench.lab.down()
    return 0


if __name__ == '__main__':
    sys.exit(main())
