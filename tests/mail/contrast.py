#!/usr/bin/env python3
"""Measures what the sanitiser does to the contrast of newsletters: the text that could be read before and
cannot be read behind it.

Usage: contrast.py SANITISED FILE|DIR...   HTML files and the HTML of mails are laid out in Chromium as they
are and as the portal shows them, each once. Of every text that is to be seen, the contrast of its colour to its
ground is taken (WCAG 2.2, 1.4.3); over a picture it counts as readable before. Prints the mails in which a text fell
under 2:1 that had been above, and those of whose texts more than one in five is not to be seen any more; exit status 1
if either are more than one in two hundred, or if there is no mail with HTML, or no text in them.
"""
import email
import email.policy
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.parse

from xss import BROWSER, sanitised

AT_ONCE = 40
LEAST, MOST = 400, 400000
SHOWN_MAX = 3
LOST_MOST = 0.005
GONE_MOST = 0.2
# As pages/body.html has it.
GROUND = ('<!DOCTYPE html><style>html{background:#fff;color:#111;font:16px/1.5 sans-serif}body{margin:12px}'
          'img{max-width:100%}</style><body>')
PAGE = '''<!DOCTYPE html><meta charset=utf-8><pre id=out>not ended</pre><script>
const mails = %s;
function parsed(colour) {
    const n = colour.match(/[\\d.]+/g).map(Number);
    return {r: n[0], g: n[1], b: n[2], a: n.length > 3 ? n[3] : 1};
}
function over(top, below) {
    const mix = c => top[c] * top.a + below[c] * (1 - top.a);
    return {r: mix('r'), g: mix('g'), b: mix('b'), a: 1};
}
function light(c) {
    const part = v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    return 0.2126 * part(c.r) + 0.7152 * part(c.g) + 0.0722 * part(c.b);
}
function ratio(a, b) {
    const [x, y] = [light(a), light(b)].sort((p, q) => q - p);
    return (x + 0.05) / (y + 0.05);
}
function ground(e, view) { // null: a picture
    const layers = [];
    for (; e; e = e.parentElement) {
        const s = view.getComputedStyle(e);
        if (s.backgroundImage !== 'none') {
            return null;
        }
        const c = parsed(s.backgroundColor);
        if (c.a > 0) {
            layers.push(c);
        }
        if (c.a === 1) {
            break;
        }
    }
    return layers.reverse().reduce((below, top) => over(top, below), {r: 255, g: 255, b: 255, a: 1});
}
function isSeen(e, view) {
    const box = e.getBoundingClientRect();
    const how = {checkOpacity: true, checkVisibilityCSS: true};
    return box.width > 1 && box.height > 1 && e.checkVisibility(how) &&
        parseFloat(view.getComputedStyle(e).fontSize) > 3;
}
function texts(frame) {
    const d = frame.contentDocument, view = frame.contentWindow, found = new Map();
    found.whole = ''; // without blanks: where comments stood within words, pieces of text are one now
    const walk = d.createTreeWalker(d.body || d.documentElement, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
        const e = walk.currentNode.parentElement;
        const text = walk.currentNode.data.replace(/\\s+/g, ' ').trim();
        const silent = !e || /^(style|script|title|noscript)$/i.test(e.tagName);
        if (!text.length || silent || !isSeen(e, view)) {
            continue;
        }
        found.whole += text.replace(/ /g, '');
        if (text.length < 2) {
            continue;
        }
        const below = ground(e, view), c = parsed(view.getComputedStyle(e).color);
        const r = below ? ratio(over(c, below), below) : 99;
        found.set(text, Math.min(r, found.get(text) || 99));
    }
    return found;
}
function frame(text) {
    const f = document.createElement('iframe');
    f.sandbox = 'allow-same-origin';
    f.width = 900;
    f.height = 1200;
    f.srcdoc = text;
    document.body.append(f);
    return f;
}
(async () => {
    const out = [];
    for (const [before, after] of mails) {
        const a = frame(before), b = frame(after);
        await Promise.all([a, b].map(f => new Promise(r => {
            f.onload = r;
            setTimeout(r, 3000);
        })));
        const was = texts(a), is = texts(b), lost = [];
        for (const [text, r] of is) {
            if (r < 2 && was.has(text) && was.get(text) >= 2) {
                lost.push([text.slice(0, 60), +was.get(text).toFixed(1), +r.toFixed(1)]);
            }
        }
        const gone = [...was.keys()].filter(t => !is.whole.includes(t.replace(/ /g, ''))).map(t => t.slice(0, 60));
        out.push({was: was.size, is: is.size, lost, gone, low: [...was.values()].filter(r => r < 2).length});
        a.remove();
        b.remove();
    }
    document.getElementById('out').textContent = 'measured: ' + encodeURIComponent(JSON.stringify(out));
})();
</script>'''


def measured(pairs):
    with tempfile.TemporaryDirectory() as folder:
        page = pathlib.Path(folder) / 'page.html'
        page.write_text(PAGE % json.dumps(pairs).replace('<', '\\u003c'), 'utf-8', 'replace')
        out = subprocess.run([*BROWSER, f'--user-data-dir={folder}/profile', '--dump-dom', page.as_uri()],
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=300).stdout
    found = re.search(rb'id="out">measured: ([^<]*)', out)
    assert found, 'Chromium did not come to the end'
    return json.loads(urllib.parse.unquote(found[1].decode()))


def pages_of(path):
    octets = path.read_bytes()
    if path.suffix in ('.html', '.htm'):
        yield octets.decode('utf-8', 'replace')
        return
    for part in email.message_from_bytes(octets, policy=email.policy.default).walk():
        if part.get_content_type() == 'text/html':
            try:
                yield part.get_content().encode('utf-8', 'replace').decode('utf-8')
            except Exception:  # the library stumbles over some
                continue


def all_pages(names):
    """Each page once, by where it stands."""
    pages = {}
    for name in map(pathlib.Path, names):
        for path in sorted(name.rglob('*')) if name.is_dir() else [name]:
            if path.is_file() and path.suffix != '.json':
                for page in pages_of(path):
                    pages.setdefault(page, path.name)
    return [(name, page) for page, name in pages.items() if LEAST < len(page) < MOST]


def main():
    program, pages = sys.argv[1], all_pages(sys.argv[2:])
    mails = texts = bad = gone = 0
    for i in range(0, len(pages), AT_ONCE):
        names, before = zip(*pages[i:i + AT_ONCE])
        after = sanitised(program, [t.encode('utf-8') for t in before])
        for name, found in zip(names, measured([[a, GROUND + b] for a, b in zip(before, after)])):
            mails += 1
            texts += found['was']
            if len(found['gone']) > GONE_MOST * found['was']:
                gone += 1
                print(name, 'not seen:', len(found['gone']), 'of', found['was'], found['gone'][:SHOWN_MAX])
            if found['lost']:
                bad += 1
                print(name, len(found['lost']), 'of', found['was'], found['lost'][:SHOWN_MAX])
    print(f'{mails} mails with {texts} texts, {bad} with a text that cannot be read any more '
          f'({100 * bad / max(mails, 1):.2f} %), {gone} with texts that are not seen any more')
    if not texts:
        print('no HTML with a text in:', *sys.argv[2:])
    return not texts or max(bad, gone) > LOST_MOST * mails


if __name__ == '__main__':
    sys.exit(main())
