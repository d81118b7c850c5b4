"""What the compiler and systemd can do for a program that reads untrusted input, of what is installed: flags of each binary, figure of
each unit. What the flags should be: Debian's Hardening page and hardening-check(1) of devscripts; readelf(1) shows them."""
import glob
import os
import re
import subprocess

import pytest
from conftest import ordinary_build

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LAB = os.path.join(TOP, 'build', 'lab', 'root')
PROGRAMS = {'posternd', 'postern', 'sendmail', 'smtpin', 'smtpout', 'lookup', 'login', 'keys', 'queue', 'inspect', 'web', 'metrics'}
# systemd's scale goes from 0 (safe) to 10. docs/security.md says what each point stands for that is left.
EXPOSURE = {'postern.service': 2.6}
EXPOSURE_ELSEWHERE = 2.0


def readelf(*words):
    return subprocess.run(['readelf', '--wide', *words], capture_output=True, text=True, check=True, env={**os.environ, 'LC_ALL': 'C'}).stdout


@pytest.fixture(scope='module')
def installed(tmp_path_factory):
    top = str(tmp_path_factory.mktemp('installed'))
    done = subprocess.run(['meson', 'install', '-C', ordinary_build(), '--no-rebuild'], env=dict(os.environ, DESTDIR=top), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return top


def programs(top):
    found = [os.path.join(at, name) for at, _, names in os.walk(top) for name in names]
    return [path for path in found if not os.path.islink(path) and open(path, 'rb').read(4) == b'\x7fELF']


def missing(path):
    """What a binary lacks; an empty list: nothing."""
    header, segments, dynamic, symbols = readelf('-h', path), readelf('-l', path), readelf('-d', path), readelf('--dyn-syms', path)
    code = subprocess.run(['objdump', '-d', '--disassemble=main', path], capture_output=True, text=True, check=True).stdout
    entry = re.search(r'<main>:\n.*', code)
    landing = 'endbr64' if 'X86-64' in header else r'paciasp|bti'  # other processors: none that we know
    stack = re.search(r'GNU_STACK.*', segments)
    checks = {
        'PIE': re.search(r'Type: +DYN', header) and 'PIE' in dynamic,
        'relocations read-only': 'GNU_RELRO' in segments,
        'all of them bound at the start': re.search(r'\(FLAGS\) .*BIND_NOW', dynamic),
        'a stack that is not run': stack and 'RWE' not in stack.group(),
        'no memory to be written and run': not re.search(r'LOAD .* RWE', segments),
        'stack protector': '__stack_chk_fail' in symbols,
        'fortified functions': re.search(r'__\w+_chk\b', symbols.replace('__stack_chk_fail', '')),
        'jumps land where they may (-fcf-protection)': entry and re.search(landing, entry.group()) or not re.search('X86-64|AArch64', header),
        'no search path of its own': not re.search(r'RPATH|RUNPATH', dynamic),
        'no text relocations': 'TEXTREL' not in dynamic,
    }
    return [what for what, is_there in checks.items() if not is_there]


def test_each_binary_is_hardened(installed):
    found = programs(installed)
    assert {os.path.basename(path) for path in found} == PROGRAMS
    assert {os.path.basename(path): missing(path) for path in found if missing(path)} == {}


def test_a_binary_without_it_is_noticed(tmp_path):
    """That the check sees what it looks for."""
    source, out = tmp_path / 'bare.c', tmp_path / 'bare'
    source.write_text('#include <stdio.h>\nint main(int c, char **v) { char t[64]; return sprintf(t, "%s", v[c - 1]); }\n')
    subprocess.run(['gcc', '-O0', '-U_FORTIFY_SOURCE', '-no-pie', '-fno-stack-protector', '-fcf-protection=none', '-Wl,-z,norelro,-z,lazy,-z,execstack,-rpath,/tmp',
                    '-o', out, source], check=True)
    assert len(missing(str(out))) >= 8, missing(str(out))


def analyze(*words):
    """systemd-analyze of the lab's systemd: figures of another version may differ by one."""
    program = os.path.join(LAB, 'usr', 'bin', 'systemd-analyze')
    if not os.path.exists(program):
        pytest.skip('needs systemd in build/lab')
    libraries = ':'.join({os.path.dirname(path) for path in glob.glob(LAB + '/**/libsystemd*.so*', recursive=True)})
    return subprocess.run([program, *words], capture_output=True, text=True, env={**os.environ, 'LD_LIBRARY_PATH': libraries})


def test_exposure_of_each_unit(installed):
    """Systemd's own figure, of the unit as it is installed."""
    units = glob.glob(installed + '/**/systemd/system/*.service', recursive=True)
    assert [os.path.basename(unit) for unit in units].count('postern.service') == 1
    for unit in units:
        most = EXPOSURE.get(os.path.basename(unit), EXPOSURE_ELSEWHERE)
        done = analyze('security', '--offline=true', '--no-pager', f'--threshold={round(most * 10)}', unit)
        assert done.returncode == 0, done.stdout + done.stderr
        assert 'Overall exposure level' in done.stdout, done.stdout + done.stderr


def test_no_test_signals_whom_it_did_not_find():
    """kill(2): 0 is the whole group of the tests, -1 everybody. conftest's signal_process() refuses both."""
    for path in glob.glob(os.path.join(TOP, 'tests', 'live', '*.py')):
        with open(path, encoding='utf-8') as text:
            assert text.read().count('os.' + 'kill(') == (os.path.basename(path) == 'conftest.py'), path


def test_each_test_that_the_lists_name_exists():
    """docs/asvs.md and docs/security.md promise a test for each row."""
    sources = [path for kind in ('py', 'c') for path in glob.glob(os.path.join(TOP, 'tests', '**', '*.' + kind), recursive=True) if 'node_modules' not in path]
    code = '\n'.join(open(path, encoding='utf-8').read() for path in sources)
    there = set(re.findall(r'\bdef test_(\w+)|^static void (\w+)\(void \*\*state\)', code, re.M))
    names = {name for pair in there for name in pair if name}
    files = {os.path.splitext(os.path.basename(path))[0] for path in sources}
    with open(os.path.join(TOP, 'docs', 'asvs.md'), encoding='utf-8') as text:
        rows = [row.split('|')[-2] for row in text if row.startswith('| ') and not row.startswith('| point')]
    wanted = {word for row in rows for word in re.findall(r'\b[a-z0-9]+(?:_[a-z0-9]+)+\b', re.sub(r'`[^`]*`|\([^)]*\)', '', row))}
    assert len(rows) > 20 and [word for word in sorted(wanted) if word not in files and not any(name.startswith(word) for name in names)] == []
    with open(os.path.join(TOP, 'docs', 'security.md'), encoding='utf-8') as text:
        said = text.read()
    named = set(re.findall(r'live/(test_\w+)', said))
    assert named and named <= files, named - files
    points = set(re.findall(r'`(?:unit/)?(\w+)::(\w+)`', said))
    assert len(points) > 50 and [p for p in sorted(points) if not is_in(sources, *p)] == []


def is_in(sources, file, name):
    """As a test of that file, which is named with or without test_."""
    wanted = {file + '.py', file + '.c', f'test_{file}.c'}
    texts = [open(path, encoding='utf-8').read() for path in sources if os.path.basename(path) in wanted]
    return any(re.search(rf'^(def {name}\(|static void {name}\(void \*\*state\))', text, re.M) for text in texts)


def test_the_version_of_the_store_is_told():
    """An audit found 6 in CHANGES.md and 7 in the source."""
    with open(os.path.join(TOP, 'src', 'store', 'upgrade.sql.h'), encoding='utf-8') as text:
        version = 1 + int(re.findall(r'^ *\[(\d+)\] =', text.read(), re.M)[-1])
    with open(os.path.join(TOP, 'CHANGES.md'), encoding='utf-8') as text:
        assert f"The store's format is version {version};" in text.read()
