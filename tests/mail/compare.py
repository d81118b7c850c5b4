#!/usr/bin/env python3
"""Compares what mime/ reads of mails with what Python's email, postal-mime and mailparser read:
subject, addresses, parts, names, octets, text.

Usage: compare.py MAIL_TREE FILE|DIR...   Prints the differences that no row of explained.py explains,
and how often each row was needed; exit status 1 if a difference is left, if there is no mail, or if the
modules in tests/mail/node_modules are missing. --python-alone: then Python's email is the only other reader.
--folder DIR adds the mails below DIR, such as those that collect.py writes.
--rows: a mail for each row used. --only READER. --kinds: also the mails of kinds.py.
"""
import argparse
import collections
import email
import email.policy
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import explained
import kinds

HERE = pathlib.Path(__file__).resolve().parent
READERS = ('python', 'postal-mime', 'mailparser')
AT_ONCE = 400
REPORTS = ('message/delivery-status', 'message/feedback-report', 'message/disposition-notification',
           'message/external-body', 'message/partial', 'message/rfc822-headers')


def squeezed(text):
    return ' '.join((text or '').replace('\ufeff', '').split())


def addresses_of(message, name):
    try:
        field = message.get(name)
        found = [a.addr_spec for a in field.addresses] if field is not None else []
        return [a.encode('utf-8', 'surrogateescape').decode('utf-8', 'replace') for a in found]
    except Exception as problem:
        return [f'? {problem!r}']


def text_of(part, octets):
    try:
        return octets.decode(part.get_content_charset() or 'utf-8', 'replace')
    except (LookupError, ValueError):
        return None


def digests(octets):
    unix = octets.replace(b'\r', b'')
    lines = b'\n'.join(line.rstrip(b' \t') for line in unix.split(b'\n'))
    forms = {'unix': unix, 'trimmed': unix.rstrip(b'\n'), 'unblanked': lines.rstrip(b'\n')}
    return {'octets': len(octets), 'begin': unix[:80].decode('latin-1'),
            **{name: hashlib.sha256(form).hexdigest() for name, form in forms.items()}}


def python_leaf(part):
    try:
        octets = part.get_payload(decode=True) or b''
        name = part.get_filename()
    except Exception as problem:  # the library itself stumbles over some
        octets, name = b'', f'? {problem!r}'
    kind = part.get_content_type()
    return {'type': kind, 'names': [name] if name else [], **digests(octets),
            'text': text_of(part, octets) if kind.startswith('text/') else None,
            'encoding': str(part.get('Content-Transfer-Encoding', '')).strip().lower()}


def python_leaves(part):
    if part.get_content_type() in REPORTS:  # the library takes their fields for parts
        return [{'type': part.get_content_type(), 'names': [], 'whole': True, 'text': None}]
    if part.is_multipart():
        return [leaf for below in part.get_payload() for leaf in python_leaves(below)]
    return [] if part.get_content_maintype() == 'multipart' else [python_leaf(part)]


def read_with_python(files):
    for path in files:
        octets = pathlib.Path(path).read_bytes()
        message = email.message_from_bytes(octets, policy=email.policy.default)
        try:
            subject = str(message.get('Subject', ''))
        except Exception as problem:
            subject = f'? {problem!r}'
        yield {'subject': subject, 'leaves': python_leaves(message),
               **{n: addresses_of(message, n) for n in ('from', 'to', 'cc')}}


def read_with_node(files):
    out = subprocess.run(['node', HERE / 'readers.mjs'], input='\n'.join(map(str, files)),
                         stdout=subprocess.PIPE, text=True, encoding='utf-8', errors='replace', timeout=900)
    if out.returncode:
        sys.exit(f'readers.mjs ended with {out.returncode}')
    read = [json.loads(line)['read'] for line in out.stdout.split('\n') if line]
    assert len(read) == len(files), f'readers.mjs read {len(read)} of {len(files)} mails'
    return read


def read_here(tree, files):
    out = subprocess.run([tree, *files], stdout=subprocess.PIPE, timeout=900)
    if out.returncode:
        sys.exit(f'{tree} ended with {out.returncode}')
    return json.loads(out.stdout)


def texts_agree(ours, theirs):
    mine = {squeezed(ours.get('text')), squeezed(ours.get('joined'))}
    return theirs.get('text') is None or squeezed(theirs['text']) in mine


def leaf_differences(a, b):
    if b.get('whole') or a['kind'] == 'message':
        return
    for name in b['names']:
        if squeezed(name) not in [squeezed(n) for n in a['names']]:
            yield 'name', a['names'], name
    if a['unix'] != b['unix']:
        yield 'octets', a, b
    elif a['type'].startswith('text/') and not texts_agree(a, b):
        yield 'text', a, b


def leaves_beside(ours, leaves):
    """Our leaves; a message inside the message is one where the other reader leaves it as it is."""
    mine, inside = [], None
    for part in ours['parts']:
        if inside is not None and part['number'].startswith(inside):
            continue
        inside, other = None, leaves[len(mine)]['type'] if len(mine) < len(leaves) else None
        if part['kind'] == 'message' and other == part['type']:
            inside = part['number'] + '.'
            mine.append(part)
        elif part['kind'] in ('leaf', 'pointer'):
            mine.append(part)
    return mine


def differences(ours, theirs):
    mine = leaves_beside(ours, theirs['leaves'])
    if squeezed(ours['subject']) != squeezed(theirs['subject']):
        yield 'subject', squeezed(ours['subject']), squeezed(theirs['subject'])
    for name in ('from', 'to', 'cc'):
        a, b = [sorted(x.lower() for x in reading[name]) for reading in (ours, theirs)]
        if a != b:
            yield 'addresses', a, b
    if [p['type'] for p in mine] != [p['type'] for p in theirs['leaves']]:
        yield 'parts', [p['type'] for p in mine], [p['type'] for p in theirs['leaves']]
        return
    for a, b in zip(mine, theirs['leaves']):
        yield from leaf_differences(a, b)


def shown(value):
    if isinstance(value, dict):
        hidden = ('unix', 'trimmed', 'unblanked', 'joined')
        value = {k: v for k, v in value.items() if k not in hidden}
    return str(value)[:400]


class Tally:
    def __init__(self, rows):
        self.times, self.seen, self.left, self.rows = collections.Counter(), {}, 0, rows

    def add(self, reader, mail, kind, ours, theirs):
        row = explained.row_for(reader, mail, kind, ours, theirs)
        if row is None:
            self.left += 1
            print(f'{mail["file"]} {mail["problems"]}')
            print(f'  {kind}: {shown(ours)!r}\n  {reader}: {shown(theirs)!r}')
            return
        self.times[row, reader] += 1
        self.seen.setdefault(row, mail['file'])

    def report(self):
        for (row, reader), times in sorted(self.times.items(), key=lambda item: -item[1]):
            print(f'{times:6} {reader:12} {row.kind:9} {row.right}: {row.reason}')
        for row, path in self.seen.items() if self.rows else ():
            print(f'{row.reason}\n    {path}')


def readings_of(args, files):
    yield 'python', list(read_with_python(files))
    if not args.python_alone:
        both = read_with_node(files)
        for reader in READERS[1:]:
            yield reader, [one[reader] for one in both]


def compare(args, files, tally):
    mails = read_here(args.tree, files)
    assert len(mails) == len(files), f'{args.tree} read {len(mails)} of {len(files)} mails'
    for reader, readings in readings_of(args, files):
        for mail, theirs in zip(mails, readings):
            if args.only and reader != args.only:
                continue
            if 'error' in theirs:
                tally.add(reader, mail, 'error', '', theirs['error'])
                continue
            for difference in differences(mail, theirs):
                tally.add(reader, mail, *difference)


def all_files(names):
    for name in names:
        if os.path.isdir(name):
            paths = sorted(pathlib.Path(name).rglob('*'))
            yield from (str(p) for p in paths if p.is_file() and p.suffix != '.json')
        else:
            yield name


def main():
    of = argparse.ArgumentParser()
    of.add_argument('tree')
    of.add_argument('names', nargs='*')
    of.add_argument('--rows', action='store_true')
    of.add_argument('--only')
    of.add_argument('--folder', action='append', default=[])
    of.add_argument('--python-alone', action='store_true')
    of.add_argument('--kinds', action='store_true')
    args = of.parse_intermixed_args()
    missing = [name for name in READERS[1:] if not (HERE / 'node_modules' / name).exists()]
    if missing and not args.python_alone:
        sys.exit(f'compare.py: {" and ".join(missing)} missing: npm --prefix tests/mail install, or --python-alone')
    with tempfile.TemporaryDirectory() as folder:
        return run(args, kinds.write_all(folder) if args.kinds else [])


def run(args, more_files):
    files = list(all_files(args.names + args.folder)) + more_files
    tally = Tally(args.rows)
    for i in range(0, len(files), AT_ONCE):
        compare(args, files[i:i + AT_ONCE], tally)
    tally.report()
    readers = 'python alone' if args.python_alone else ', '.join(READERS)
    print(f'{len(files)} mails, read by {readers}: {tally.left} differences that nothing explains')
    return tally.left > 0 or not files


if __name__ == '__main__':
    sys.exit(main())
