#!/usr/bin/env python3
"""The portal's pages of mails show all that was read of them: each name of a file, and each word of the texts without a name.

Usage: pages.py MAIL_PAGE MAIL_TREE FILE|DIR...   The mails, and those of kinds.py, are read by mail_tree and shown by mail_page.
What is not on the page, in its frame or on the page of its text is printed; exit status 1 if there is any, or no mail.
"""
import html
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import kinds
from compare import all_files

TOP = pathlib.Path(__file__).resolve().parents[2]
MARKS = re.compile('[\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff\u00ad\x00-\x08\x0e-\x1f]')


def config(folder):
    """The example of the manual, with the pages of this tree."""
    text = (TOP / 'docs' / 'postern.conf.example').read_text('utf-8')
    path = folder / 'postern.conf'
    path.write_text(text.replace('portal {', f'portal {{ pages {TOP / "pages"};', 1), 'utf-8')
    return path


def words_of(text):
    """Letters in a row, as a reader sees them."""
    return re.findall(r'[^\W\d_]{3,}', MARKS.sub('', html.unescape(text)))


def seen_of(pages, number):
    whole = '\n'.join(html.unescape(path.read_text('utf-8', 'replace')) for path in pages.glob(f'{number}*.html')
                      if re.fullmatch(rf'{number}(-.*)?', path.stem))
    return MARKS.sub('', whole)


def missing_of(mail, seen):
    flat = ''.join(seen.split())
    for part in mail['parts']:
        for name in part['names']:
            if ''.join(MARKS.sub('', name).split()) not in flat:
                yield f'part {part["number"] or "-"}: the name {name!r}'
        if part['type'] == 'text/plain' and part.get('text') and not part['names']:
            text = re.sub(r'^begin \d{3} .*?^end$', '', part['text'], flags=re.M | re.S)  # uuencode: its files are listed
            lost = [word for word in words_of(text) if word not in seen]
            if lost:
                yield f'part {part["number"] or "-"}: the words {lost[:5]}'


def main():
    page, tree, names = sys.argv[1], sys.argv[2], sys.argv[3:]
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place)
        for name in ('kinds', 'pages'):
            (folder / name).mkdir()
        files = list(all_files(names)) + kinds.write_all(folder / 'kinds')
        subprocess.run([page, config(folder), folder / 'pages', *files], check=True)
        mails = json.loads(subprocess.run([tree, *files], stdout=subprocess.PIPE, check=True).stdout)
        lost = [(mail['file'], what) for i, mail in enumerate(mails, 1) for what in missing_of(mail, seen_of(folder / 'pages', i))]
    for path, what in lost:
        print(f'{path}: not on the page: {what}')
    print(f'{len(mails)} mails shown, {len(lost)} things not on their page')
    return 1 if lost or not mails else 0


if __name__ == '__main__':
    sys.exit(main())
