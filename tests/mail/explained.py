"""The differences between our reading of mails and those of other readers, by kind: who is right, by
what, and how such a difference is recognised. Called by compare.py. A row names the readers that
differ so; "either": standards allow both, or none says anything. What is noted in the mail's problems
(mime.h) as ambiguous is looked through as it is, too: there a difference cannot hide a text.
"""
import collections
import pathlib
import re

Row = collections.namedtuple('Row', 'kind readers right reason holds')
ROWS = []
EVERY = '*'
MESSAGES = ('message/rfc822', 'message/global', 'message/news')
KNOWN_ENCODINGS = ('', '7bit', '8bit', 'binary', 'base64', 'quoted-printable')


def row_for(reader, mail, kind, ours, theirs):
    for row in ROWS:
        about = row.kind in (EVERY, kind) and (row.readers is EVERY or reader in row.readers)
        if about and row.holds(mail, ours, theirs):
            return row
    return None


def row(kind, readers, right, reason):
    def add(holds):
        names = readers if readers is EVERY else tuple(readers.split())
        ROWS.append(Row(kind, names, right, reason, holds))
        return holds
    return add


def raw(mail):
    if 'raw' not in mail:
        mail['raw'] = pathlib.Path(mail['file']).read_bytes()
    return mail['raw']


def head(mail):
    return re.split(rb'\r?\n\r?\n', raw(mail), maxsplit=1)[0].lower()


def skeleton(text):
    return re.sub(r'[^!-~]', '', text or '')


def encoding(part):
    return (part['encoding'] or '').strip().lower()


# --- all of it

@row(EVERY, EVERY, 'here', 'CR alone ends no line (RFC 5322 2.2): files of old Macs are one line')
def _(mail, a, b):
    return b'\n' not in raw(mail).rstrip(b'\n')


@row(EVERY, EVERY, 'here',
     'noted "limit": things inside things, deeper than we follow; the octets are read as they '
     'are')
def _(mail, a, b):
    return 'limit' in mail['problems']


# --- addresses

@row('addresses', 'python', 'here',
     'a display name may hold @: the address stands in the angle brackets (RFC 5322 3.4)')
def _(mail, a, b):
    behind = [rb'@[^,\n]*<[^>]*' + re.escape(x.encode()) for x in a]
    return len(a) == len(b) and any(re.search(x, head(mail)) for x in behind)


@row('addresses', 'python', 'here',
     'the local part is not quoted anew, and no address is made of "<>"')
def _(mail, a, b):
    return a == sorted(x.replace('"', '') for x in b if x != '<>')


@row('addresses', 'python', 'here',
     'the library has no word for a group without an address, or for CR inside one')
def _(mail, a, b):
    return any(x.startswith('? ') for x in b)


@row('addresses', EVERY, 'either',
     'a word without @ is a name on the same machine here, and left out there')
def _(mail, a, b):
    return [x for x in a if '@' in x] == [x for x in b if '@' in x]


@row('addresses', EVERY, 'either',
     'hardly an address (RFC 5322 3.4.1): what stands there stays as it is here, and who uses it '
     'refuses it')
def _(mail, a, b):
    return any(re.search(r'[\s<>()\[;?:`"\x00-\x1f]|@.*@|^@|\.$', x) for x in a + b)


@row('addresses', 'mailparser', 'either',
     'xn-- names are shown in Unicode there, and left as they are here (RFC 5891 4)')
def _(mail, a, b):
    return any('@xn--' in x for x in a) and len(a) == len(b)


@row('addresses', 'postal-mime', 'here', 'the line "From " of a mailbox file is no field')
def _(mail, a, b):
    return re.match(rb'>?from ', raw(mail).lower()) is not None and not b


@row('addresses', 'postal-mime', 'here', 'the route of an old address is left out (RFC 5322 4.4)')
def _(mail, a, b):
    return any(x.startswith('@') for x in b)


@row('addresses', 'mailparser', 'here',
     'blanks beside the dots of an old address are left out (RFC 5322 4.4, A.6.3)')
def _(mail, a, b):
    spaced = re.search(rb'@[a-z0-9-]+(\s*\.\s+|\s+\.\s*)[a-z]', head(mail))
    return spaced is not None and len(a) == len(b) and all(x.startswith(y) for x, y in zip(a, b))


@row('addresses', EVERY, 'either',
     'noted "field": the field is there twice, and the first, the last or all count')
def _(mail, a, b):
    return 'field' in mail['problems']


# --- subjects and names

@row('subject', 'python', 'here',
     'the library gives words up whose octets its codec refuses; here the bad ones are U+FFFD '
     '(WHATWG Encoding)')
def _(mail, a, b):
    return '=?' in b and '=?' not in a


@row('subject', 'python', 'here',
     'base64 with a letter too many is left as it is there (cpython#137687)')
def _(mail, a, b):
    return re.fullmatch(r'[A-Za-z0-9+/]+=*', b) is not None


@row('subject', 'python', 'here', 'a word without a character set is no encoded word (RFC 2047 2)')
def _(mail, a, b):
    return '=??' in a


@row('subject', 'postal-mime', 'here',
     'octets of neighbouring words are joined before they are characters (RFC 2047 6.2)')
def _(mail, a, b):
    return '\ufffd' in b and head(mail).count(b'=?') > 1


@row('subject', EVERY, 'here', 'UTF-7 is read: such mail was written, and a flag may stand in it')
def _(mail, a, b):
    return b'utf-7' in head(mail)


@row('subject', EVERY, 'here',
     'letters without a character set are Windows-1252, characters across words are joined, NUL '
     'is nothing')
def _(mail, a, b):
    return skeleton(a) == skeleton(b) and a != b


@row('name', EVERY, 'here',
     'letters without a character set are Windows-1252 here, U+FFFD or nothing there')
def _(mail, a, b):
    return skeleton(b) in [skeleton(n) for n in a]


@row('name', 'python', 'here',
     'a name without quotes goes on to the next semicolon: people see the whole name')
def _(mail, a, b):
    return any(n.startswith(b) for n in a)


@row('name', 'python', 'here',
     'encoded words inside a name are read: the standard forbids them, mail programs write and '
     'read them')
def _(mail, a, b):
    return '=?' in b


# --- parts

@row('parts', EVERY, 'either',
     'a message in base64 (RFC 2046 5.2.1 forbids it) is one part here, and read as a message by '
     'detection')
def _(mail, a, b):
    leaves = [p for p in mail['parts'] if p['kind'] == 'leaf' and p['type'] in MESSAGES]
    return any(encoding(p) in ('base64', 'quoted-printable') for p in leaves)


@row('parts', EVERY, 'here', 'what stands behind a type belongs to no type (RFC 2045 5.1)')
def _(mail, a, b):
    return len(a) == len(b) and all(y.startswith(x) or y == x for x, y in zip(a, b))


@row('parts', 'python', 'here',
     'a boundary with characters that are not allowed without quotes is used: mail programs do '
     'so')
def _(mail, a, b):
    octets = raw(mail).lower()
    return re.search(rb'boundary\s*=\s*[^"\s;]*[=:?/()<>@,\x80-\xff]', octets) is not None or \
        re.search(rb'boundary\s*=\s*"[^"]*[^a-z0-9\'()+_,./:=? "-]', octets) is not None


@row('parts', EVERY, 'either',
     'noted "field": a Content-Type that is no type, or is there twice: the first or the last '
     'counts')
def _(mail, a, b):
    return 'field' in mail['problems']


@row('parts', EVERY, 'either',
     'noted "boundary" or "damaged": a boundary is missing, or nothing stands behind one')
def _(mail, a, b):
    return 'boundary' in mail['problems'] or 'damaged' in mail['problems']


@row('parts', 'python', 'here',
     'a boundary that two multiparts share, or one that begins another: the innermost counts')
def _(mail, a, b):
    said = re.findall(rb'boundary\s*=\s*("[^"]*"|[^\s;]+)', raw(mail).lower())
    found = [m.strip(b'"') for m in said]
    return any(x.startswith(y) for i, x in enumerate(found) for y in found[:i])


@row('parts', 'mailparser', 'here', 'parts of a digest are messages (RFC 2046 5.1.5)')
def _(mail, a, b):
    return b'multipart/digest' in raw(mail).lower()


@row('parts', 'mailparser', 'here', 'a type is guessed from the name of a file there')
def _(mail, a, b):
    return len(a) == len(b) and any(re.match('application/octet-stream|image/', y) for y in b)


# --- octets

@row('octets', 'postal-mime', 'here',
     'the line break before a boundary belongs to the boundary (RFC 2046 5.1.1)')
def _(mail, a, b):
    return a['trimmed'] == b['trimmed']


@row('octets', 'mailparser', 'here',
     'a part of one line break is empty: it belongs to the boundary (RFC 2046 5.1.1)')
def _(mail, a, b):
    return a['octets'] == 0 and a['trimmed'] == b['trimmed']


@row('octets', EVERY, 'here',
     'blanks at the ends of lines are no part of quoted-printable (RFC 2045 6.7 rule 3)')
def _(mail, a, b):
    return encoding(a).startswith('quoted-printable') and a['unblanked'] == b['unblanked']


@row('octets', EVERY, 'here', 'uuencode is undone: mail programs do so')
def _(mail, a, b):
    return 'uu' in encoding(a)


@row('octets', EVERY, 'here',
     'base64 in pieces or with a letter too many: other readers stop, or leave it (gmime#150, '
     'cpython#137687)')
def _(mail, a, b):
    return encoding(a) == 'base64' and not a['sound']


@row('octets', EVERY, 'either',
     'noted "encoding": "=" without digits in quoted-printable stays as it is here (RFC 2045 '
     '6.7, note 2)')
def _(mail, a, b):
    return encoding(a) == 'quoted-printable' and not a['sound']


@row('octets', 'python', 'here', 'an encoding with a comment or blanks behind it is one')
def _(mail, a, b):
    blanks = re.search(rb'transfer-encoding:[^\n]*[ \t]\r?\n', raw(mail).lower())
    return encoding(b) not in KNOWN_ENCODINGS or blanks is not None


@row('octets', 'mailparser', 'here', 'parts of a digest are messages (RFC 2046 5.1.5)')
def _(mail, a, b):
    return b'multipart/digest' in raw(mail).lower()


@row('octets', 'mailparser', 'here',
     'the boundary of a part that is no multipart parts nothing (RFC 2046 5.1)')
def _(mail, a, b):
    return re.search(rb'content-type:\s*text/[^;]*;\s*boundary', head(mail)) is not None


@row('octets', EVERY, 'either',
     'noted "boundary": a message inside has no end of its own, and one line break more')
def _(mail, a, b):
    return 'boundary' in mail['problems'] and a['trimmed'] == b['trimmed']


@row('octets', EVERY, 'either',
     'noted "field" or "boundary": a field is there twice, or a boundary is not')
def _(mail, a, b):
    return 'field' in mail['problems'] or 'boundary' in mail['problems']


@row('octets', 'python', 'here', 'CR alone ends no line (RFC 5322 2.2)')
def _(mail, a, b):
    return re.search(rb'\r(?!\n)', raw(mail)) is not None


# --- header sections with lines that are no fields

@row(EVERY, EVERY, 'either',
     'noted "header": lines that are no fields end the section there, are left out, or are '
     'fields with odd names; here they are shown as text')
def _(mail, a, b):
    return 'header' in mail['problems']


# --- text

@row('text', EVERY, 'here', 'UTF-7 is read: such mail was written, and a flag may stand in it')
def _(mail, a, b):
    return (a['charset'] or '').lower() == 'utf-7'


@row('text', EVERY, 'here',
     'by the WHATWG Encoding Standard; without a fitting character set UTF-8, what <meta> says, '
     'or Windows-1252')
def _(mail, a, b):
    return skeleton(b['text']) in (skeleton(a['text']), skeleton(a['joined']))


@row('text', EVERY, 'here',
     'sets of two octets, the second one a letter: by the WHATWG Encoding Standard, also where '
     '<meta> says so')
def _(mail, a, b):
    said = (a['charset'] or '') + ''.join(re.findall('<meta[^>]*>', a['text'], re.I))
    return re.search('big5|gb|euc|ks_c|949|jis|jp', said, re.I) is not None


@row('text', 'mailparser', 'here',
     'flowed lines are joined at the same depth of quotation only, and a quoted blank line ends '
     'them (RFC 3676 4.5)')
def _(mail, a, b):
    return a['text'] != a['joined']


@row('text', 'mailparser', 'here',
     'noted "charset": octets that are none of the set are U+FFFD, one by one (WHATWG Encoding '
     'Standard)')
def _(mail, a, b):
    return 'charset' in mail['problems']
