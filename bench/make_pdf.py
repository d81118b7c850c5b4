#!/usr/bin/env python3
"""Writes a PDF to measure inspection with: make_pdf.py PAGES IMAGE_OCTETS FILE. Each page has 45 lines of words from our own
documents; one grey picture of random octets is shown on every fifth page."""
import os
import random
import sys
import zlib

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def page_text(words, with_picture):
    lines = [' '.join(random.choice(words) for _ in range(11)).replace('\\', '').replace('(', '').replace(')', '') for _ in range(45)]
    text = b'BT /F1 10 Tf 50 780 Td 14 TL\n' + b'\n'.join(b'(%s) Tj T*' % line.encode('latin-1', 'replace') for line in lines) + b'\nET'
    return zlib.compress(text + (b'\nq 200 0 0 200 50 50 cm /I1 Do Q' if with_picture else b''))


def main():
    pages, image, path = int(sys.argv[1]), int(sys.argv[2]) // 800 * 800, sys.argv[3]
    random.seed(7)
    words = ' '.join(open(os.path.join(TOP, 'docs', name), encoding='utf-8').read() for name in ('protection.md', 'detection.md')).split()
    objects = [b'<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
               b'<< /Type /XObject /Subtype /Image /Width 800 /Height %d /ColorSpace /DeviceGray /BitsPerComponent 8 /Length %d >>\nstream\n' % (image // 800, image) + os.urandom(image) + b'\nendstream']
    kids, parent = [], 3 + 2 * pages
    for number in range(pages):
        content = page_text(words, number % 5 == 0)
        objects.append(b'<< /Length %d /Filter /FlateDecode >>\nstream\n' % len(content) + content + b'\nendstream')
        objects.append(b'<< /Type /Page /Parent %d 0 R /MediaBox [0 0 595 842] /Contents %d 0 R /Resources << /Font << /F1 1 0 R >> /XObject << /I1 2 0 R >> >> >>' % (parent, len(objects)))
        kids.append(len(objects))
    objects.append(b'<< /Type /Pages /Count %d /Kids [%s] >>' % (pages, b' '.join(b'%d 0 R' % k for k in kids)))
    objects.append(b'<< /Type /Catalog /Pages %d 0 R >>' % parent)
    out, places = b'%PDF-1.4\n', []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b'%d 0 obj\n' % number + body + b'\nendobj\n'
    table = b'xref\n0 %d\n0000000000 65535 f \n' % (len(objects) + 1) + b''.join(b'%010d 00000 n \n' % p for p in places)
    with open(path, 'wb') as file:
        file.write(out + table + b'trailer << /Size %d /Root %d 0 R >>\nstartxref\n%d\n%%%%EOF\n' % (len(objects) + 1, len(objects), len(out)))


if __name__ == '__main__':
    main()
