#!/usr/bin/env python3
"""Writes the mails among the files of other projects' repositories, as compare.py --folder and contrast.py read them.

Usage: collect.py CLONES FOLDER [OWNER/NAME...]   For each row of collections.tsv the clone CLONES/OWNER/NAME (or OWNER+NAME,
or that with /repo; bare or not) is read at the commit of the row. Nothing is fetched: their licences do not let us pass the
mails on, so each clones by itself. Exit status 1 if a clone is missing, or has another number of mails than the row says.

A mail is a file *.eml, or one that begins as a header section does, with two fields that mails have, where its name says that
it is for a test; an mbox is as many as it holds. A mail that stands in several places or projects is taken once.
"""
import hashlib
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
LEAST, MOST, HEAD = 40, 3000000, 4000
FIELDS = re.compile(rb'^(From|Subject|Content-Type|MIME-Version|To|Received|Date|Message-ID|Return-Path):', re.I | re.M)
BEGINS = re.compile(rb'^(From |>?[A-Za-z][A-Za-z0-9-]*:|\s)')
ENVELOPE = re.compile(rb'(?m)^From .*\d\d:\d\d.*\r?\n')
NAMED = re.compile(r'\.(eml|mbox|mime|msg|txt|mail)$|test|mail|corpus|fixture|sample|set-of|data')
OTHER = ('c h cc cpp cs java py rs go php js ts rb pl pm md html? css xml json ya?ml toml png jpe?g gif pdf zip gz dat bin po sh lua '
         'conf t kt in am m4 svg vtt inc phpt crt pem key xsl hbs rst man texi 1 3 5 7 ics headers decoded expected out p7m p7s asc '
         'docx? xlsx? properties log patch sieve dart swift vb tex')
SOURCE = re.compile(r'\.(' + OTHER.replace(' ', '|') + ')$')


def rows():
    for line in (HERE / 'collections.tsv').read_text('utf-8').splitlines():
        if line and not line.startswith('#'):
            name, commit, mails = line.split('\t')
            yield name, commit, int(mails)


def clone_of(clones, name):
    places = [clones / name, clones / name.replace('/', '+')]
    for place in [p / more for p in places for more in ('.git', 'repo/.git', 'repo', '.')]:
        if (place / 'HEAD').is_file():
            return place
    return None


def git(clone, *arguments, **more):
    return subprocess.run(['git', '--git-dir', clone, *arguments], stdout=subprocess.PIPE, check=True, **more).stdout


def candidates(clone, commit):
    """Objects and paths of files that may be mails."""
    for line in git(clone, 'ls-tree', '-r', '-l', commit).decode('utf-8', 'replace').splitlines():
        meta, path = line.split('\t', 1)
        _, kind, number, size = meta.split()
        low, size = path.lower(), int(size) if size.isdigit() else 0  # a clone may lack files: of these no size is known
        if kind == 'blob' and LEAST <= size <= MOST and path[0] != '"' and NAMED.search(low) and not SOURCE.search(low):
            yield number, path


def contents(clone, numbers):
    out, at = git(clone, 'cat-file', '--batch', input='\n'.join(numbers).encode()), 0
    for _ in numbers:
        end = out.index(b'\n', at)
        words = out[at:end].split()
        size = int(words[2]) if len(words) == 3 else 0  # else: missing from this clone
        yield out[end + 1:end + 1 + size]
        at = end + 1 + (size + 1 if len(words) == 3 else 0)


def mails_in(path, octets):
    if not path.lower().endswith('.eml'):
        looks = len(FIELDS.findall(octets[:HEAD])) >= 2 and BEGINS.match(octets)
        if not looks or b'\0' in octets[:200]:
            return []
    begins = ENVELOPE.findall(octets)
    return ENVELOPE.split(octets)[1:] if octets.startswith(b'From ') and len(begins) > 1 else [octets]


def collect(clone, commit, folder, seen):
    found = list(candidates(clone, commit))
    written = 0
    for (_, path), octets in zip(found, contents(clone, [number for number, _ in found])):
        for mail in mails_in(path, octets):
            digest = hashlib.sha256(mail).digest()
            if len(mail) < LEAST or digest in seen:
                continue
            seen.add(digest)
            written += 1
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f'{written:04}-{path.replace("/", "_")[-120:]}').write_bytes(mail)
    return written


def main():
    if len(sys.argv) < 3:
        sys.exit('Usage: collect.py CLONES FOLDER [OWNER/NAME...]')
    clones, folder, names = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3:]
    seen, wrong, total = set(), 0, 0
    for name, commit, mails in rows():
        clone = clone_of(clones, name)
        if names and name not in names:
            continue
        if clone is None:
            print(f'{name}: no clone of it in {clones}')
            wrong += 1
            continue
        n = collect(clone, commit, folder / name.replace('/', '+'), seen)
        print(f'{name}: {n} mails' + ('' if n == mails or names else f', {mails} at {commit}'))
        wrong += n != mails and not names
        total += n
    print(f'{total} mails')
    return 1 if wrong or not total else 0


if __name__ == '__main__':
    sys.exit(main())
