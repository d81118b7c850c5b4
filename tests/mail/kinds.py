"""Mails of the kinds that other projects' suites have, told anew: what Jakarta Mail (encodedheaders.data, paramdata,
paramdatanostrict, addrlist, tokenlist), mime4j (testmsgs, mimetools-testmsgs) and GMime (mbox, partial, encodings) try.
compare.py --kinds reads them here and with the other readers. Run by itself it writes them: kinds.py DIRECTORY.
"""
import base64
import pathlib
import sys

HEAD = 'From: a@b.test\r\nTo: c@d.test\r\nMIME-Version: 1.0\r\n'

# Jakarta Mail encodedheaders.data; RFC 2047 8
SUBJECTS = [
    '=?ISO-8859-1?B?cmVhZCB0aGlz?=\r\n =?ISO-8859-2?B?IGFuZCB0aGF0?= plain', '=?ISO-8859-1?Q?a?=', '=?ISO-8859-1?Q?a?= b',
    '=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=', '=?ISO-8859-1?Q?a?=  \r\n  =?ISO-8859-1?Q?b?=', '=?ISO-8859-1?Q?a_b?=',
    '=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=', '=?ISO-8859-1?Q?J=F8rn_?= =?ISO-8859-1?Q?=D8rn?=',
    '[list 7] =?ISO-2022-JP?B?GyRCJUYlOSVIGyhC?=', '=?iso-8859-8?b?+ezl7Q==?=', '=?utf-8*en?Q?tagged?=', '=?utf-8?q??=',
    '=?utf-8?Q?first?=\r\n\t=?utf-8?Q?_second?=', '=?utf-8?B?4pyT?= =?utf-8?B?IG9r?=', '=?us-ascii?Q?Keith_=3D?=',
    'two  blanks\r\n\tand a tab', '=?utf-8?B?w6Q?=',
]
# Jakarta Mail addrlist; mime4j's AddressBuilder tests; RFC 5322 A.1
ADDRESSES = [
    'Mad Genius <george@boole.test>', '"C\'est bien" <p@f.test>', '"know, any, famous" <f@p.test>', 'two@weeks.test (It Will Take)',
    'it@is.test (brilliant (genius, and) superb)', '"C" <p@f.test>, Mad <g@b.test>, two@weeks.test (It), cannot@w.test (My, Own)',
    'group: a@b.test, "X, Y" <c@d.test>;', 'undisclosed-recipients:;', '"a\\"b" <c@d.test>', '<a@b.test> , <c@d.test>',
    'a@[127.0.0.1]', '"quoted.local"@d.test', 'a@b.test,,c@d.test',
]
# Jakarta Mail paramdata and paramdatanostrict; mime4j attachment-filename-encoding; RFC 2231
PARAMETERS = [
    'name="plain name.txt"', 'name=word.txt', "name*=utf-8''%c3%a4.txt", 'name*0="one"; name*1="two.txt"',
    "name*0*=utf-8'de'%c3; name*1*=%a4; name*2=\".txt\"", 'name="=?utf-8?Q?=C3=A4.txt?="', 'charset=utf-8; name="a;b.txt"',
    'name="a\\"b.txt"', 'NAME="upper.txt"', 'name="x.txt";',
]
PICTURE = base64.b64encode(bytes(range(256))).decode()
PARTS = '--x\r\nContent-Type: text/plain\r\n\r\nfirst\r\n--x\r\n'


def mixed(inside, boundary='x', more=''):
    return f'{HEAD}Content-Type: multipart/mixed; boundary="{boundary}"\r\n{more}\r\n{inside}'


# mime4j testmsgs, mimetools-testmsgs; GMime mbox and encodings
WHOLE = {
    'base64 text': HEAD + 'Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\naGVsbG8K\r\nd29ybGQK\r\n',
    'quoted-printable': HEAD + 'Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n'
                               'a=C3=A4 long=\r\n line =3D end\r\n',
    'boundary that begins another': mixed('--x\r\nContent-Type: multipart/alternative; boundary=xx\r\n\r\n--xx\r\n\r\ninner\r\n'
                                          '--xx--\r\n\r\n--x--\r\n'),
    'no last boundary': mixed(PARTS + 'Content-Type: text/html\r\n\r\n<p>second\r\n'),
    'text before and behind': mixed('before\r\n' + PARTS + '\r\nsecond\r\n--x--\r\nbehind\r\n'),
    'part without fields': mixed('--x\r\n\r\nno fields\r\n--x--\r\n'),
    'two pictures': mixed(PARTS + f'Content-Type: image/gif; name=a.gif\r\nContent-Transfer-Encoding: base64\r\n\r\n{PICTURE}\r\n'
                          f'--x\r\nContent-Type: image/gif\r\nContent-Disposition: attachment; filename="b.gif"\r\n'
                          f'Content-Transfer-Encoding: base64\r\n\r\n{PICTURE}\r\n--x--\r\n'),
    'message in a message': mixed(PARTS + 'Content-Type: message/rfc822\r\n\r\nFrom: e@f.test\r\nSubject: inner\r\n\r\ninner text\r\n'
                                  '--x--\r\n'),
    'digest': f'{HEAD}Content-Type: multipart/digest; boundary=x\r\n\r\n--x\r\n\r\nFrom: e@f.test\r\nSubject: one\r\n\r\none\r\n'
              '--x\r\n\r\nFrom: g@h.test\r\nSubject: two\r\n\r\ntwo\r\n--x--\r\n',
    'related': f'{HEAD}Content-Type: multipart/related; boundary=x\r\n\r\n--x\r\nContent-Type: text/html\r\n\r\n<img src="cid:p">\r\n'
               f'--x\r\nContent-Type: image/png\r\nContent-ID: <p>\r\nContent-Transfer-Encoding: base64\r\n\r\n{PICTURE}\r\n--x--\r\n',
    'bare LF': (HEAD + 'Subject: unix\r\n\r\none\r\ntwo\r\n').replace('\r\n', '\n'),
    'long line': HEAD + '\r\n' + 'x' * 5000 + '\r\n',
    'no body': HEAD,
    'type in capitals': HEAD + 'CONTENT-TYPE: TEXT/HTML; CHARSET="UTF-8"\r\n\r\n<p>\u00e4\r\n',
    'eight bits in latin 1': None,
    'quoted boundary with blanks': mixed('--a b\r\n\r\nspaced\r\n--a b--\r\n', boundary='a b'),
    'twelve deep': None,
}


def deep(n):
    inside = '\r\ndeepest\r\n'
    for i in range(n):
        inside = f'Content-Type: multipart/mixed; boundary=b{i}\r\n\r\n--b{i}\r\n{inside}\r\n--b{i}--\r\n'
    return HEAD + inside


def all_kinds():
    """Names and octets."""
    for i, subject in enumerate(SUBJECTS):
        yield f'subject-{i}', f'{HEAD}Subject: {subject}\r\n\r\nx\r\n'.encode()
    for i, to in enumerate(ADDRESSES):
        yield f'to-{i}', f'From: a@b.test\r\nTo: {to}\r\n\r\nx\r\n'.encode()
    for i, parameters in enumerate(PARAMETERS):
        part = f'Content-Type: application/octet-stream; {parameters}\r\n\r\nfile\r\n--x--\r\n'
        yield f'parameter-{i}', mixed(PARTS + part).encode()
    for name, text in WHOLE.items():
        text = deep(12) if name == 'twelve deep' else text
        if name == 'eight bits in latin 1':
            yield name, HEAD.encode() + b'Content-Type: text/plain; charset=iso-8859-1\r\n\r\n\xe4\xf6\xfc\r\n'
        else:
            yield name, text.encode()


def write_all(folder):
    paths = []
    for name, octets in all_kinds():
        path = pathlib.Path(folder) / (name.replace(' ', '-') + '.eml')
        path.write_bytes(octets)
        paths.append(str(path))
    return paths


if __name__ == '__main__':
    print(len(write_all(sys.argv[1])), 'mails')
