#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Mails that are small and cost a reader much: makes them, and measures what `postern detect --mail` needs for each.

    bombs.py make DIRECTORY [NAME...]      writes NAME.eml
    bombs.py run POSTERN [NAME...]         reads each in a process of its own with all packs; fails over 2 s (and a second for
                                           each 8 MiB of mail, 3 at most) or 256 MiB above an empty mail

Each ends in one of two ways, which stands beside it: a limit is told ("limit", "damaged"), or all of it is read ("read"): then the
card number behind what costs much is found (a slow machine may tell a limit instead). A reader that does neither fails.

Each is made here after the public report that its line names; nothing is copied from them but the archive that holds itself. The
measured time is that of the processor, so that a busy machine fails nothing. A build with sanitizers is too slow and large for `run`."""
import base64, bz2, ctypes, gzip, io, json, lzma, os, resource, struct, subprocess, sys, tempfile, time, zipfile, zlib

MIB = 1 << 20
CARD = b' card 4532015112830366 '  # of nobody: Luhn over 453201511283036
BOMBS = {}


def bomb(source, ends='limit'):
    def note(make):
        BOMBS[make.__name__.replace('_', '-')] = (source, make, ends)
        return make
    return note


def mail(name, octets, kind='application/octet-stream', copies=1):
    body = base64.encodebytes(octets).replace(b'\n', b'\r\n')
    head = b'From: a@inside.test\r\nTo: b@dest.test\r\nSubject: bomb\r\nMIME-Version: 1.0\r\n'
    out = [head, b'Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n']
    for _ in range(copies):
        out += [b'--b\r\nContent-Type: ', kind.encode(), b'\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; '
                b'filename="', name.encode(), b'"\r\n\r\n', body]
    return b''.join(out) + b'--b--\r\n'


def html(text):
    return b'From: a@inside.test\r\nTo: b@dest.test\r\nSubject: bomb\r\nMIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n' + text


def stream(first, block, times, wbits=31):
    """Compressed without being held as a whole."""
    c = zlib.compressobj(9, zlib.DEFLATED, wbits)
    return c.compress(first) + b''.join(c.compress(block) for _ in range(times)) + c.flush()


def zipped(files, method=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, 'w', method) as z:
        for name, octets in files:
            z.writestr(zipfile.ZipInfo(name), octets, compress_type=method)
    return out.getvalue()


def docx(document):
    return zipped([('[Content_Types].xml', b'<Types/>'), ('word/document.xml', document)])


# --- packed files ---------------------------------------------------------------------------------------

@bomb('brackets that nothing closes: each was followed to the end of its line (by hand)', 'read')
def brackets():
    return HEAD + b'\r\n' + b'[secur' * 300000 + CARD


@bomb('libarchive#2366, field F2')
def gz_name():
    return mail('a.gz', gzip.compress(gzip.compress(stream(b'\x1f\x8b\x08\x08' + b'\0' * 6, b'A' * MIB, 2000), 9), 9))


@bomb('libarchive#660, Tarsnap#904: a file that unpacks to itself; here a hundred layers')
def gz_layers():
    octets = b'end'
    for _ in range(100):
        octets = gzip.compress(octets)
    return mail('a.gz', octets)


@bomb('goark/gpgpdump#43: a stream of zeros, packed twice')
def gz_zeros():
    return mail('a.gz', gzip.compress(stream(b'', b'\0' * MIB, 4000)))


@bomb('cisagov/Malcolm#1054: single streams; here 200 of them in one mail')
def gz_many():
    return mail('a.gz', stream(b'', b'text of a log\n' * 4681, 60), copies=200)


@bomb('libarchive#3050, cisagov/Malcolm#1054: bzip2, 45 octets for each 900 KB')
def bz2_zeros():
    c = bz2.BZ2Compressor(9)
    return mail('a.bz2', b''.join(c.compress(b'\0' * MIB) for _ in range(600)) + c.flush())


def xz_with_dictionary(octets, size):
    out = bytearray(lzma.compress(octets, lzma.FORMAT_XZ, preset=0))
    n = (out[12] + 1) * 4
    at = out.index(b'\x21\x01', 12, 12 + n) + 2
    out[at] = size
    out[12 + n - 4:12 + n] = struct.pack('<I', zlib.crc32(out[12:12 + n - 4]))
    return bytes(out)


@bomb('xz(1) --memlimit: a header that claims a dictionary of 1.5 GiB, and one of 4 GiB', 'damaged')
def xz_dictionary():
    big = xz_with_dictionary(b'\0' * (64 * MIB), 37)
    return mail('a.xz', big) .replace(b'--b--\r\n', b'') + mail('b.xz', xz_with_dictionary(b'x' * 100, 40)).split(b'hello\r\n', 1)[1]


@bomb('xz: 7,000 octets for each')
def xz_zeros():
    c = lzma.LZMACompressor(preset=1)
    return mail('a.xz', b''.join(c.compress(b'\0' * MIB) for _ in range(1000)) + c.flush())


@bomb('RFC 8878 3.1.1.1.2, 7.2: a window of 2 GiB, and RLE blocks of 4 octets for 128 KiB each', 'damaged')
def zstd_window():
    block = struct.pack('<I', (128 * 1024 << 3) | 2)[:3] + b'A'
    return mail('a.zst', b'\x28\xb5\x2f\xfd\x00' + bytes([21 << 3]) + block * 16384 + b'\x01\0\0')


@bomb('the same with a window of 128 MiB, which zstd takes')
def zstd_rle():
    block = struct.pack('<I', (128 * 1024 << 3) | 2)[:3] + b'A'
    return mail('a.zst', b'\x28\xb5\x2f\xfd\x00' + bytes([17 << 3]) + block * 32768 + b'\x01\0\0')


@bomb('the same text as gz_many with numbers: what it costs is looking through it')
def gz_numbers():
    return mail('a.gz', stream(b'', b'4111 of 12 on 11/3\n' * 3449, 60), copies=200)


@bomb('clamav#1460: what stands behind an archive is looked through for others; here nothing begins one, and everything might', 'damaged')
def rest_of_sevens():
    return mail('a.gz', gzip.compress(b'x') + b'7' * (3 * MIB))


@bomb('the same with 60,000 heads of files that no directory names', 'damaged')
def rest_of_heads():
    head = b'PK\3\4' + struct.pack('<5H3I2H', 20, 0, 0, 0, 0, 0, 1, 1, 1, 0) + b'ax'
    return mail('a.zip', head * 60000 + zipped([('readme.txt', b'hello')]))


# --- archives -------------------------------------------------------------------------------------------

@bomb('42.zip: sixteen archives in each of sixteen, five layers')
def zip_42():
    octets = zipped([('0.dll', b'\0' * (200 * MIB))])
    for _ in range(4):
        octets = zipped([(f'{i}.zip', octets) for i in range(16)])
    return mail('42.zip', octets)


@bomb('bamsoftware.com/hacks/zipbomb (Fifield), nih-at/libzip#354, mailcow#2840, clamav 12356: entries that share their octets', 'damaged')
def zip_overlap():
    kernel = stream(b'', b'a' * MIB, 20, -15)
    local = struct.pack('<4sHHHHHIIIHH', b'PK\3\4', 20, 0, 8, 0, 33, 0, len(kernel), 20 * MIB, 1, 0) + b'a'
    n = 60000
    one = struct.pack('<4sHHHHHHIIIHHHHHII', b'PK\1\2', 20, 20, 0, 8, 0, 33, 0, len(kernel), 20 * MIB, 1, 0, 0, 0, 0, 0, 0) + b'a'
    end = struct.pack('<4sHHHHIIH', b'PK\5\6', 0, 0, n, n, len(one) * n, len(local) + len(kernel), 0)
    return mail('a.zip', local + kernel + one * n + end)


@bomb('hatching/sflock#13: very many files')
def zip_entries():
    return mail('a.zip', zipped([(f'{i}', b'') for i in range(60000)]))


@bomb('7z: a directory of twenty million files in 40 octets (libarchive: an entry each before anything is read)', 'damaged')
def seven_zip_files():
    body = b'\x01\x05\xf0' + struct.pack('<I', 20_000_000) + b'\x0e\x01\x01\x00\x00'
    start = struct.pack('<QQI', 0, len(body), zlib.crc32(body))
    return mail('a.7z', b"7z\xbc\xaf'\x1c\0\4" + struct.pack('<I', zlib.crc32(start)) + start + body)


def seven_zip(coder, properties, packed, size):
    """An archive of one file, packed by that coder (7zFormat.txt of the LZMA SDK)."""
    def number(n):
        return b'\xff' + struct.pack('<Q', n)
    folder = b'\x01\0\x01' + bytes([0x20 | len(coder)]) + coder + bytes([len(properties)]) + properties
    streams = (b'\x04\x06\0\x01\x09' + number(len(packed)) + b'\0\x07\x0b' + folder + b'\x0c' + number(size) + b'\0\x08\0\0')
    names = 'a.txt\0'.encode('utf-16-le')
    header = b'\x01' + streams + b'\x05\x01\x11' + bytes([1 + len(names)]) + b'\0' + names + b'\x15\6\1\0\x21\x80\0\x80\0\0'
    start = struct.pack('<QQI', len(packed), len(header), zlib.crc32(header))
    return b"7z\xbc\xaf'\x1c\0\4" + struct.pack('<I', zlib.crc32(start)) + start + packed + header


@bomb('7zFormat.txt: PPMd with a memory of 4 GiB less 36 octets, the most that there is, and a file of 4 GiB', 'damaged')
def seven_zip_ppmd_memory():
    return mail('a.7z', seven_zip(b'\3\4\1', b'\x40' + struct.pack('<I', 0xffffffdb), b'\0' * 100000, 1 << 32))


@bomb('7zFormat.txt: LZMA with a dictionary of 4 GiB less an octet, and a file of 4 GiB', 'damaged')
def seven_zip_dictionary():
    return mail('a.7z', seven_zip(b'\3\1\1', b'\x5d' + struct.pack('<I', 0xffffffff), b'\0' * 100000, 1 << 32))


def by_libarchive(kind, options, octets, times):
    """An archive of one file that the library itself wrote; None where it is not there."""
    try:
        lib = ctypes.CDLL('libarchive.so.13')
    except OSError:
        return None
    for name in ('archive_write_new', 'archive_entry_new'):
        getattr(lib, name).restype = ctypes.c_void_p
    lib.archive_write_data.restype = ctypes.c_ssize_t
    with tempfile.NamedTemporaryFile() as out:
        a, e = ctypes.c_void_p(lib.archive_write_new()), ctypes.c_void_p(lib.archive_entry_new())
        getattr(lib, 'archive_write_set_format_' + kind)(a)
        lib.archive_write_set_options(a, options)
        lib.archive_write_open_filename(a, out.name.encode())
        lib.archive_entry_set_pathname(e, b'a.txt')
        lib.archive_entry_set_filetype(e, 0o100000)
        lib.archive_entry_set_size(e, ctypes.c_int64(len(octets) * times))
        lib.archive_write_header(a, e)
        for _ in range(times):
            lib.archive_write_data(a, octets, ctypes.c_size_t(len(octets)))
        lib.archive_write_close(a)
        return out.read()


@bomb('libarchive: PPMd, slow to unpack (RAR and 7z have it), 60 MiB of text in a few kilobytes')
def seven_zip_ppmd():
    return mail('a.7z', by_libarchive('7zip', b'7zip:compression=ppmd', b'text of a log\n' * 74898, 60) or b'x')


def rar5(size, flags, name=b'a.txt', packed=b'\0' * 5000):
    """technote.txt of RAR 5: a main header and one file, with the flags of its compression."""
    def vint(n):
        out = b''
        while n > 127:
            out, n = out + bytes([n & 127 | 128]), n >> 7
        return out + bytes([n])

    def header(body):
        body = vint(len(body)) + body
        return struct.pack('<I', zlib.crc32(body)) + body
    one = b'\x02\x02' + vint(len(packed)) + b'\0' + vint(size) + b'\0' + vint(flags) + b'\x01' + vint(len(name)) + name
    return b'Rar!\x1a\7\1\0' + header(b'\x01\0\0') + header(one) + packed + header(b'\x05\0\0')


@bomb('technote.txt of RAR 5: a dictionary of 4 GiB, the most that there is, and a file of 2^60 octets', 'damaged')
def rar5_dictionary():
    return mail('a.rar', rar5(1 << 60, 3 << 7 | 15 << 10))


@bomb('the same, not packed: 64 MiB of a file that is not there', 'read')
def rar5_stored():
    return mail('a.rar', rar5(64 * MIB, 0, packed=b'word ' * 20000 + CARD))


ITSELF = ('eNoL8GZmEWFgYOBg4GBOsfn5pTPFg5GBYQcQswNFi/SL9KoyCxhUGW79DyBKpT7Dhf8kKj8U0hduycDK8AuJBSFEGF5jFXPqUDzCQDSLgeH/fwhhwnAau9gLxTh+'
          'MJfrQ1qKUOIB0TsvFnjs91ivtVnhwOypvEfSWZyC2djYHBjYGH7+z2UE6SdHT4A3I5MIA+5QQQXQMArwZmUDcRmB0BRIQ4wCAMKAgKg=')


@bomb('Russ Cox, "Zip Files All The Way Down": an archive that holds itself; the octets are those of the tests of Go (BSD-3-Clause)')
def zip_itself():
    return mail('r.zip', zlib.decompress(base64.b64decode(ITSELF)), copies=50)


@bomb('tar: a name of 1 GiB in a GNU long name header, packed')
def tar_name():
    import tarfile
    info = tarfile.TarInfo('././@LongLink')
    info.type, info.size = b'L', 1 << 30
    return mail('a.tgz', stream(info.tobuf(tarfile.GNU_FORMAT), b'n' * MIB, 1024))


# --- documents ------------------------------------------------------------------------------------------

@bomb('CVE-2003-1564: entities of entities', 'damaged')
def docx_entities():
    dtd = b'<!DOCTYPE x [<!ENTITY a0 "laughs">' + b''.join(b'<!ENTITY a%d "%s">' % (i, b'&a%d;' % (i - 1) * 20) for i in range(1, 12)) + b']>'
    return mail('a.docx', docx(dtd + b'<x><t>&a11;</t></x>'))


@bomb('the same with one large entity, used often ("quadratic blowup")', 'damaged')
def docx_entity_often():
    return mail('a.docx', docx(b'<!DOCTYPE x [<!ENTITY a "' + b'A' * 100000 + b'">]><x>' + b'<t>&a;</t>' * 100000 + b'</x>'))


@bomb('RUSTSEC-2026-0194, CAPEC-229: names of attributes compared with each other')
def docx_attributes():
    return mail('a.docx', docx(b'<x ' + b''.join(b'a%d="" ' % i for i in range(600000)) + b'/>'))


@bomb('libxml2: elements in elements')
def docx_depth():
    return mail('a.docx', docx(b'<a>' * 3_000_000))


@bomb('ECMA-376 18.4: a string of a spreadsheet used a million times')
def xlsx_strings():
    strings = b'<sst><si><t>' + b'word ' * 6000 + b'</t></si></sst>'
    sheet = b'<worksheet><sheetData>' + b'<row><c t="s"><v>0</v></c></row>' * 1_000_000 + b'</sheetData></worksheet>'
    return mail('a.xlsx', zipped([('[Content_Types].xml', b'<Types/>'), ('xl/sharedStrings.xml', strings), ('xl/worksheets/sheet1.xml', sheet)]))


def pdf(objects):
    out, places = [b'%PDF-1.4\n'], []
    at = len(out[0])
    for i, o in enumerate(objects, 1):
        places.append(at)
        out.append(b'%d 0 obj\n%s\nendobj\n' % (i, o))
        at += len(out[-1])
    table = b''.join(b'%010d 00000 n \n' % p for p in places)
    return b''.join(out) + b'xref\n0 %d\n0000000000 65535 f \n%strailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF' % (
        len(objects) + 1, table, len(objects) + 1, at)


def pdf_page(content, filters, n=1):
    kids = b' '.join(b'%d 0 R' % (5 + i) for i in range(n))
    page = b'<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font<</F 3 0 R>>>>>>'
    return pdf([b'<</Type/Catalog/Pages 2 0 R>>', b'<</Type/Pages/Kids[%s]/Count %d>>' % (kids, n),
                b'<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>',
                b'<</Length %d/Filter[%s]>>stream\n%s\nendstream' % (len(content), filters, content)] + [page] * n)


@bomb('py-pdf/pypdf#3429, Open-Document-Alliance/PDF-Tools#123: filters on filters')
def pdf_filters():
    once = stream(b'BT /F 9 Tf ', b'(word) Tj 1 0 Td ' * 61680, 1000, 15)
    return mail('a.pdf', pdf_page(zlib.compress(once, 9), b'/FlateDecode/FlateDecode'))


@bomb('jalan/pdftotext#65: pages without end; here 50,000 with one content, six times')
def pdf_pages():
    return mail('a.pdf', pdf_page(zlib.compress(b'BT /F 9 Tf ' + b'(word) Tj 0 9 Td ' * 2000), b'/FlateDecode', 50000), copies=6)


@bomb('RTF: groups in groups')
def rtf_groups():
    return mail('a.rtf.gz', stream(b'{\\rtf1 ', b'{' * MIB, 40))


@bomb('RTF: another font, of another code page, at each octet')
def rtf_fonts():
    fonts = b'{\\rtf1{\\fonttbl{\\f0\\fcharset128}{\\f1\\fcharset130}}'
    return mail('a.rtf.gz', stream(fonts, b"\\f0\\'83\\f1\\'b0" * (MIB // 16), 40))


@bomb('RTF: a code page of its own for each octet')
def rtf_pages():
    pages = b''.join(b"\\ansicpg%d\\'e9" % i for i in range(1, 65536))
    return mail('a.rtf.gz', stream(b'{\\rtf1', pages, 40))


@bomb('MS-OXRTFEX: elements in elements, in RTF')
def rtf_html():
    return mail('a.rtf.gz', stream(b'{\\rtf1\\fromhtml1 ', b'{\\*\\htmltag <b>}x' * (MIB // 16), 40))


@bomb('MS-OXRTFEX: words for RTF alone')
def rtf_html_words():
    return mail('a.rtf.gz', stream(b'{\\rtf1\\fromhtml1 ', b'\\htmlrtf x\\htmlrtf0 ' * (MIB // 16), 40))


@bomb('RFC 1468: escapes and nothing else')
def jis_escapes():
    return mail('a.txt.gz', stream(b'', b'\x1b$B%+\x1b(B' * (MIB // 8), 30))


# --- pages ----------------------------------------------------------------------------------------------

@bomb('whatwg/html#2872, lexbor#340: elements in elements', 'read')
def html_nested():
    return html(b'<div><b>' * 300000 + b'deep' + CARD)


@bomb('whatwg/html#2872: ends of what was never opened, each looked for in all that is open', 'read')
def html_ends():
    return html(b'<i>' * 400000 + b'</u>' * 400000 + CARD)


@bomb('HTML standard 13.2.6.4.7: ends of blocks, each looked for through many open <div>', 'read')
def html_block_ends():
    return html(b'<div>' * 900 + b'</ul>' * 400000 + CARD)


@bomb('RUSTSEC-2026-0194, the same in HTML', 'read')
def html_attributes():
    return html(b'<p ' + b''.join(b'a%d\r\n' % i for i in range(300000)) + b'>end' + CARD)


@bomb('field F14: a table of 600,000 rows', 'read')
def html_rows():
    return html(b'<table>' + b'<tr><td>1</td><td>a</td></tr>\r\n' * 600000 + b'<tr><td>' + CARD + b'</table>')


@bomb('comments that nothing closes, each looked for to the end', 'read')
def html_comments():
    return html(b'<p>' + b'<!-- a ' * 800000 + CARD)


@bomb('Outlook on the web: answers in each other with nothing to be seen, where each asked whether anything stands above it', 'read')
def html_replies():
    return html(b'<div><div id=divRplyFwdMsg>&nbsp;</div>' * 150000 + CARD)


# --- MIME -----------------------------------------------------------------------------------------------

HEAD = b'From: a@inside.test\r\nTo: b@dest.test\r\nSubject: bomb\r\nMIME-Version: 1.0\r\n'
ANSWER = HEAD + b'In-Reply-To: <1@dest.test>\r\n\r\n'


@bomb('Email-MIME#66, postal-mime#77, sisimai#441: multiparts in multiparts')
def mime_nested():
    return HEAD + b''.join(b'Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n' % (i, i) for i in range(20000)) + b'\r\nend\r\n'


@bomb('mailsplit#4, emailjs-mime-parser#39, maildev#531: a few million parts')
def mime_parts():
    return HEAD + b'Content-Type: multipart/mixed; boundary=b\r\n\r\n' + b'--b\r\n\r\nx\r\n' * 2_000_000 + b'--b--\r\n'


@bomb('the same as messages in messages')
def mime_messages():
    return HEAD + b'Content-Type: message/rfc822\r\n\r\n' * 50000 + b'\r\nend\r\n'


@bomb('the same with one head of 20 MB')
def mime_head():
    return HEAD + b''.join(b'X-%d: =?utf-8?q?a?= =?utf-8?b?YQ==?=\r\n' % i for i in range(400000)) + b'\r\nend\r\n'


@bomb('field F15: one short illness a hundred thousand times in one line, each looked at in its sentence', 'read')
def text_terms():
    return HEAD + b'\r\n' + b'flu ' * 100000 + CARD


@bomb('the same with people beside it', 'read')
def text_links():
    return HEAD + b'\r\n' + b'Mary Jones has flu, ' * 20000 + CARD


@bomb('a line of strokes: looked through for each word that stands between the strokes of "-----Original Message-----" (by hand)', 'read')
def text_strokes():
    return ANSWER + b'hi\r\n' + b'-' * (6 * MIB) + b'\r\n' + (b'-' * 45 + b'\r\n') * 20000 + CARD


@bomb('header lines and nothing else: each may begin what Outlook writes above a quotation (by hand)', 'read')
def text_heads():
    return ANSWER + b'hi\r\n' + b'From: a@b.test\r\nSent: Monday, Nov 23, 2026 9:12 AM\r\n' * 100000 + CARD


@bomb('a long line of a quotation, all flags: each was asked in what line it stands (by hand)', 'read')
def text_quoted_flags():
    return ANSWER + (b'>[secure]' + b'>' * 16) * 250000 + b'\r\n' + CARD


# --- measuring ------------------------------------------------------------------------------------------

PACKS = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'packs')


def measure(postern, octets):
    """Seconds of the processor (pdftotext has its own and as much of it, at most), octets of memory, exit status and report."""
    with tempfile.NamedTemporaryFile(suffix='.eml') as f:
        f.write(octets)
        f.flush()
        p = subprocess.Popen([postern, 'detect', '--json', '--mail', f.name], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                             env={'POSTERN_PACKS': PACKS, **os.environ},
                             preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (60, 60)))
        words = p.stdout.read().decode('utf-8', 'replace')
        _, status, used = os.wait4(p.pid, 0)
        p.returncode = os.waitstatus_to_exitcode(status)
        return used.ru_utime + used.ru_stime, used.ru_maxrss * 1024, p.returncode, words


def end_of(words):
    """What the report says: a limit, damage, the card that stands behind all."""
    try:
        report = json.loads(words)[0]
    except (ValueError, LookupError):
        return set()
    found = any(f['type'] == 'card' and f['score'] >= 60 for f in report['findings'])
    return {p['problem'] for p in report['problems']} & {'limit', 'damaged'} | ({'read'} if found else set())


def slowness():
    """How much slower than the machine for which the seconds were chosen this one is now: by a loop that took 0.20 s there."""
    before = time.process_time()
    sum(i * i for i in range(3_000_000))
    return max(1.0, (time.process_time() - before) / 0.20)


def run(postern, names):
    _, least, _, _ = measure(postern, HEAD + b'\r\nhello\r\n')
    wrong = 0
    for name in names:
        octets = BOMBS[name][1]()
        for _ in range(3):  # what else runs on the machine makes CPU time longer, never shorter: the best of three counts
            seconds, memory, status, words = measure(postern, octets)
            over = memory - least - len(octets)
            wanted, said = BOMBS[name][2], end_of(words)
            costs = seconds > (2 + min(len(octets) / (8 * MIB), 3)) * slowness() or over > 256 * MIB
            right = wanted in said or (wanted == 'read' and 'limit' in said)
            bad = costs or status not in (0, 1) or not right
            if not bad:
                break
        wrong += bad
        print(f'{"WRONG" if bad else "ok":5} {name:18} {len(octets):9} octets {seconds:6.2f} s {over / MIB:5.0f} MiB  status {status}'
              f'  {wanted}{"" if right else " is not told, only: " + (", ".join(said) or "nothing")}', flush=True)
    return 1 if wrong or not names else 0


def main():
    what, where, names = sys.argv[1], sys.argv[2], sys.argv[3:] or list(BOMBS)
    if what == 'run':
        return run(where, names)
    for name in names:
        with open(os.path.join(where, name + '.eml'), 'wb') as f:
            f.write(BOMBS[name][1]())
    return 0


if __name__ == '__main__':
    sys.exit(main())
