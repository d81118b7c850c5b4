#!/usr/bin/env python3
"""Compares what mime/ reads of mails with what Python's email reads: subject, parts, names, octets.

Usage: compare.py MAIL_TREE FILE...   Prints the differences that no row of EXPLAINED explains; exit status 1 if there are any. ./check
gives it tests/fixtures/mail; docs/field.md names the collections of other projects that it was given by hand.
"""
import collections
import email
import email.policy
import hashlib
import json
import subprocess
import sys


AMBIGUOUS = {'field', 'header', 'boundary', 'outside', 'encoding', 'charset'}
REPORTS = ('message/delivery-status', 'message/feedback-report', 'message/rfc822', 'message/external-body')

# Kind of difference, when it holds (our mail, our value, Python's), why that is right.
EXPLAINED = [
    ('*', lambda mail, a, b: AMBIGUOUS & set(mail['problems']), 'noted as ambiguous: the octets are looked through as they are, too'),
    ('octets', lambda mail, a, b: not a[3], 'base64 in pieces or with a letter too many: Python stops, or gives it as it is (gmime#150, cpython#137687)'),
    ('octets', lambda mail, a, b: a[4] != 'as said by both', 'an encoding that Python does not take: a comment or blanks behind it'),
    ('parts', lambda mail, a, b: any(p['type'] in REPORTS for p in mail['parts']), 'Python takes the fields of a report or a pointer for parts'),
    ('parts', lambda mail, a, b: len(b) == 1 and b[0].startswith('multipart/'), 'a boundary with letters that are not allowed is used here'),
    ('parts', lambda mail, a, b: len(a) == len(b) and all(y.startswith(x) for x, y in zip(a, b)), 'what stands behind a type belongs to no type'),
    ('subject', lambda mail, a, b: '\ufffd' in b, 'letters without a character set are Windows-1252 here'),
    ('name', lambda mail, a, b: '\ufffd' in b, 'letters without a character set are Windows-1252 here'),
    ('name', lambda mail, a, b: any(n.startswith(b) for n in a), 'a name without quotes goes on to the next semicolon here'),
]


def why(mail, kind, ours, theirs):
    return next((reason for of, holds, reason in EXPLAINED if of in ('*', kind) and holds(mail, ours, theirs)), None)


def squeezed(text):
    return ' '.join((text or '').split())


def python_reading(path):
    with open(path, 'rb') as octets:
        message = email.message_from_binary_file(octets, policy=email.policy.default)
    try:
        subject = squeezed(str(message.get('Subject', '')))
    except Exception as problem:  # the library itself stumbles over some
        subject = f'? {problem!r}'
    leaves = []
    for part in message.walk():
        if part.is_multipart():
            continue
        try:
            octets = part.get_payload(decode=True) or b''
            name = part.get_filename()
        except Exception as problem:
            octets, name = b'', f'? {problem!r}'
        leaves.append({'type': part.get_content_type(), 'name': name, 'octets': octets,
                       'encoding': str(part.get('Content-Transfer-Encoding', '')).strip().lower()})
    return subject, leaves


def differences(ours, path):
    subject, leaves = python_reading(path)
    mine = [p for p in ours['parts'] if p['leaf']]
    if squeezed(ours['subject']) != subject:
        yield 'subject', squeezed(ours['subject']), subject
    if [p['type'] for p in mine] != [p['type'] for p in leaves]:
        yield 'parts', [p['type'] for p in mine], [p['type'] for p in leaves]
        return
    for a, b in zip(mine, leaves):
        if b['name'] and squeezed(b['name']) not in [squeezed(n) for n in a['names']]:
            yield 'name', a['names'], b['name']
        digest = hashlib.sha256(b['octets'].replace(b'\r', b'')).hexdigest()
        if digest != a['unix']:
            said = 'as said by both' if b['encoding'] in ('', '7bit', '8bit', 'binary', 'base64', 'quoted-printable') else b['encoding']
            yield 'octets', (a['number'], a['type'], a['octets'], a['sound'], said), (len(b['octets']), b['octets'][:60])


def main():
    tree, files = sys.argv[1], sys.argv[2:]
    out = subprocess.run([tree, *files], stdout=subprocess.PIPE, timeout=600)
    if out.returncode:
        sys.exit(f'{tree} ended with {out.returncode}')
    found, explained = 0, collections.Counter()
    for mail in json.loads(out.stdout):
        for kind, ours, theirs in differences(mail, mail['file']):
            reason = why(mail, kind, ours, theirs)
            explained[reason] += reason is not None
            if reason is None:
                found += 1
                print(f"{mail['file']} {mail['problems']}\n  {kind}: {str(ours)[:300]!r}\n      Python: {str(theirs)[:300]!r}")
    for reason, times in explained.most_common():
        if times:
            print(f'{times:5} times: {reason}')
    print(f'{len(files)} mails, {found} differences that nothing explains')
    return found > 0


if __name__ == '__main__':
    sys.exit(main())
