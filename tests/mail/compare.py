#!/usr/bin/env python3
"""Compares what mime/ reads of mails with what Python's email and npm's mailparser read: subject, parts, names, octets, text.

Usage: compare.py MAIL_TREE FILE...   Prints the differences that no row of EXPLAINED explains; exit status 1 if there are any.
"""
import email
import email.header
import email.policy
import hashlib
import json
import subprocess
import sys


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
        leaves.append({'type': part.get_content_type(), 'name': name, 'octets': octets})
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
            yield 'octets', (a['number'], a['type'], a['octets'], a['sound']), (len(b['octets']), b['octets'][:60])


def main():
    tree, files = sys.argv[1], sys.argv[2:]
    out = subprocess.run([tree, *files], stdout=subprocess.PIPE, timeout=600)
    if out.returncode:
        sys.exit(f'{tree} ended with {out.returncode}')
    found = 0
    for ours in json.loads(out.stdout):
        for kind, left, right in differences(ours, ours['file']):
            found += 1
            print(f"{ours['file']} {ours['problems']}\n  {kind}: {str(left)[:300]!r}\n      Python: {str(right)[:300]!r}")
    print(f'{len(files)} mails, {found} differences')
    return found > 0


if __name__ == '__main__':
    sys.exit(main())
