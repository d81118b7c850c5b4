#!/usr/bin/env python3
"""Converts messages to 7-bit and compares what Python's email package decodes of both. Usage: compare.py SEVENBIT PATH...

Right is what another program reads: the same parts, of the same types and names, with the same octets; the output is
ASCII in lines of at most 998 octets (of at most 76 in parts that were encoded) and ends its lines with CRLF.
"""
import email
import email.policy
import os
import re
import subprocess
import sys


def content(part):
    """The octets of a leaf; line ends of text count as one octet, since encodings may write them either way."""
    octets = part.get_payload(decode=True) or b''
    return octets.replace(b'\r\n', b'\n') if part.get_content_maintype() in ('text', 'message') else octets


def leaves(raw):
    message = email.message_from_bytes(raw, policy=email.policy.compat32)
    return [(p.get_content_type(), str(p.get_filename()), content(p)) for p in message.walk() if not p.is_multipart()]


def crlf(raw):
    return re.sub(rb'\r?\n', b'\r\n', raw.replace(b'\r\n', b'\n').replace(b'\r', b'')) if b'\0' not in raw else raw


def problem_of(tool, raw, need='all'):
    """None: all is well; else what is wrong. '-' before it: it was refused."""
    done = subprocess.run([tool, need], input=raw, capture_output=True, timeout=60)
    if done.returncode == 2:
        return '-' + done.stderr.decode().strip()
    if done.returncode:
        return f'ended with {done.returncode}: ' + done.stderr.decode()[-300:]
    out = done.stdout
    body = out[out.find(b'\r\n\r\n'):]
    if need == 'all' and not out.isascii():
        return 'not ASCII'
    if b'\0' in out or re.search(rb'[^\r]\n|\r[^\n]', out):
        return 'a bare CR or LF, or NUL'
    if max(map(len, body.split(b'\r\n'))) > 998 and not re.search(rb'(?i)multipart/(signed|encrypted)|dkim-signature', raw):
        return 'a long line'
    before, after = leaves(raw), leaves(out)
    if [b[:2] for b in before] != [a[:2] for a in after]:
        return f'other parts: {[b[:2] for b in before]} {[a[:2] for a in after]}'
    for b, a in zip(before, after):
        if b[2] != a[2] and b[2].rstrip(b'\r\n') != a[2].rstrip(b'\r\n'):
            return f'other octets in {b[:2]}'
    return None


def main():
    tool, counts = sys.argv[1], {'same': 0, 'refused': 0, 'wrong': 0, 'converted': 0}
    for top in sys.argv[2:]:
        for path in [top] if os.path.isfile(top) else [os.path.join(d, f) for d, _, files in os.walk(top) for f in files]:
            with open(path, 'rb') as file:
                raw = crlf(file.read())
            for need in ('all', 'lines'):
                found = problem_of(tool, raw, need)
                kind = 'same' if found is None else 'refused' if found[0] == '-' else 'wrong'
                counts[kind] += 1
                counts['converted'] += found is None and not raw.isascii() and need == 'all'
                if kind == 'wrong':
                    print(f'{path} ({need}): {found}')
    print(counts)
    return counts['wrong'] > 0


if __name__ == '__main__':
    sys.exit(main())
