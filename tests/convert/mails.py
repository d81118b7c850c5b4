#!/usr/bin/env python3
"""Writes 47 messages in 8 bit for compare.py: characters, blanks and dots at line ends, long lines, nested, signed and unlabelled parts.
Usage: mails.py DIRECTORY. What Postfix and Python's email package make of the same is in docs/field.md.
"""
import os
import sys

TEXTS = ['Grüße aus Zürich', '€ 100 = two', 'trailing blank \n', 'tab at end\t\nnext', '.dot\n..two dots', 'From here\nFrom there', '=3D already',
         'x' * 900 + 'ä' * 40, 'ä' * 400, '', '日本語のメール', 'end without newline', 'a=\nb', '  lead', 'soft=\n', '\u00a0nbsp', 'ümlaut ' * 200]
HEAD = (b'From: <a@in.test>\r\nTo: <b@out.test>\r\nSubject: s\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\nMessage-ID: <1@in.test>\r\n'
        b'MIME-Version: 1.0\r\n')
LABEL = b'Content-Transfer-Encoding: 8bit\r\n\r\n'


def leaf(charset, text, kind='text/plain', encoding='8bit'):
    return (f'Content-Type: {kind}; charset={charset}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n'.encode()
            + text.replace('\n', '\r\n').encode(charset, 'replace'))


def multi(kind, parts, boundary='b1', extra=''):
    line = b'--' + boundary.encode()
    return (f'Content-Type: multipart/{kind}; boundary="{boundary}"{extra}\r\n'.encode() + LABEL
            + b''.join(line + b'\r\n' + p + b'\r\n' for p in parts) + line + b'--')


def all_mails():
    for i, text in enumerate(TEXTS):
        for charset in ('utf-8', 'iso-8859-1'):
            yield f'plain{i:02}-{charset}', leaf(charset, text + 'ß')
    plain, html = leaf('utf-8', TEXTS[0]), leaf('utf-8', TEXTS[10], 'text/html')
    inner = b'Content-Type: message/rfc822\r\n' + LABEL + HEAD + leaf('utf-8', TEXTS[4] + 'ö')
    yield 'mixed', multi('mixed', [plain, html, leaf('latin-1', 'bin\xff\xfe', 'application/octet-stream')])
    yield 'alternative', multi('mixed', [multi('alternative', [leaf('utf-8', TEXTS[1]), html], 'b2'), leaf('utf-8', TEXTS[3])])
    yield 'rfc822', multi('mixed', [leaf('utf-8', 'ascii'), inner])
    yield 'digest', multi('digest', [b'\r\n' + HEAD + leaf('utf-8', TEXTS[4] + 'ö'), inner])
    yield 'signed', multi('signed', [plain, b'Content-Type: application/pgp-signature\r\n\r\nsig'], extra='; micalg=pgp-sha256')
    yield 'preamble', multi('mixed', [plain]).replace(b'\r\n\r\n--b1', '\r\n\r\nPräambel\r\n--b1'.encode(), 1)
    yield 'no-label', b'Content-Type: text/plain; charset=utf-8\r\n\r\n' + 'grün'.encode()
    yield 'no-mime', b'X-Old: 1\r\n\r\n' + 'grün'.encode()
    yield 'qp-with-8bit', leaf('utf-8', 'a=C3=A4 und ä', encoding='quoted-printable')
    yield 'partial', b'Content-Type: message/partial; id=x; number=1; total=2\r\n' + LABEL + 'grün'.encode()
    yield 'smime', leaf('latin-1', '\xff\xfex', 'application/pkcs7-mime')
    yield 'calendar', leaf('utf-8', 'BEGIN:VCALENDAR\nSUMMARY:Grüße\nEND:VCALENDAR\n', 'text/calendar')
    yield 'report', multi('report', [plain, b'Content-Type: message/delivery-status\r\n' + LABEL
                                     + 'Reporting-MTA: dns;x\r\n\r\nDiagnostic-Code: smtp;grün'.encode()])


def main():
    os.makedirs(sys.argv[1], exist_ok=True)
    for name, text in all_mails():
        head = HEAD.replace(b'MIME-Version: 1.0\r\n', b'') if name == 'no-mime' else HEAD
        with open(os.path.join(sys.argv[1], name + '.eml'), 'wb') as out:
            out.write(head + text + b'\r\n')


if __name__ == '__main__':
    main()
