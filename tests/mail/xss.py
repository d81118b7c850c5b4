#!/usr/bin/env python3
"""Gives the XSS suites of tests/fixtures/xss to the sanitiser, and what becomes of them to two judges.

Usage: xss.py SANITISED FILE.json...   The first judge parses the result and knows what may be in it:
elements, attributes, addresses, styles. The second is Chromium: each result is a page of its own, every
event is sent to every element, every link is clicked; nothing of it may run. The payloads as they are
are loaded in the same way: much of them must run, or the judge is asleep. Exit status 1 if anything
runs or should not be there.
"""
import html
import html.parser
import json
import pathlib
import re
import subprocess
import sys
import tempfile

ELEMENTS_NEVER = set('''script style iframe object embed applet form input button select textarea svg math
    link meta base template noscript frame frameset video audio source picture portal dialog details body
    html head title xmp plaintext noembed'''.split())
ATTRIBUTES_NEVER = set('''id name class srcset srcdoc action formaction background poster data xmlns form is
    slot part popovertarget accesskey tabindex autofocus contenteditable'''.split())
STYLES_NEVER = r'url|expression|import|[\\@<>{}]|position|behavior|binding'
PICTURE = 'data:image/(png|jpeg|gif|webp|bmp);base64,[A-Za-z0-9+/=]*$'
BROWSER = ['chromium', '--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage',
           '--disable-popup-blocking', '--host-resolver-rules=MAP * ~NOTFOUND', '--timeout=100000',
           '--virtual-time-budget=60000']
RUN_LEAST = 60  # of the payloads as they are
PAGE = '''<!DOCTYPE html><meta charset=utf-8><pre id=out>not ended</pre><script>
var hits = new Set();
const ran = %s, stirs = %s;
function frame(text, n) {
    const f = document.createElement('iframe');
    f.sandbox = 'allow-scripts allow-same-origin allow-forms'; // nobody leaves the page
    const words = 'alert prompt confirm boom print open eval_ xss'.split(' ');
    f.srcdoc = '<!DOCTYPE html><script>for (const w of ' + JSON.stringify(words) +
        ') window[w] = () => parent.hits.add(' + n + ');addEventListener("error", e => e.preventDefault());<' + '/script>' + text;
    document.body.append(f);
    return f;
}
function stir(f) {
    const d = f.contentDocument;
    if (!d) {
        return;
    }
    for (const e of d.querySelectorAll('*')) {
        for (const name of 'mouseover mouseenter focus load toggle animationstart submit'.split(' ')) {
            e.dispatchEvent(new Event(name));
        }
        const to = (e.getAttribute && (e.getAttribute('href') || '')) || '';
        if (!/^(https?|mailto|tel|sms):/i.test(to) && e.click) {
            e.click();
        } else {
            e.dispatchEvent(new Event('click'));
        }
    }
}
(async () => {
    for (let i = 0; i < ran.length; i += 50) {
        const frames = ran.slice(i, i + 50).map((text, k) => frame(text, i + k));
        await new Promise(r => setTimeout(r, 700));
        if (stirs) {
            frames.forEach(stir);
        }
        await new Promise(r => setTimeout(r, 300));
        frames.forEach(f => f.remove());
    }
    document.getElementById('out').textContent = 'ran: ' + JSON.stringify([...hits]);
})();
</script>'''


class Judge(html.parser.HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.wrong = []

    def handle_starttag(self, tag, attrs):
        if tag in ELEMENTS_NEVER or not re.fullmatch('[a-z][a-z0-9]*', tag):
            self.wrong.append(f'<{tag}>')
        for name, value in attrs:
            value = value or ''
            fine = name not in ATTRIBUTES_NEVER and re.fullmatch('[a-z-]+', name)
            fine = fine and not name.startswith(('on', 'data-', 'xlink'))
            fine = fine and (name != 'href' or re.match('(https?://|mailto:|tel:|sms:)', value))
            fine = fine and (name != 'src' or re.match(PICTURE, value))
            fine = fine and (name != 'style' or not re.search(STYLES_NEVER, value, re.I))
            if not fine:
                self.wrong.append(f'{name}="{value}"')

    def handle_comment(self, data):
        self.wrong.append(f'<!--{data}-->')

    handle_decl = handle_pi = unknown_decl = handle_comment


def sanitised(program, payloads):
    sent = b''.join(b'%d\n%s' % (len(p), p) for p in payloads)
    out = subprocess.run([program], input=sent, stdout=subprocess.PIPE, timeout=300, check=True).stdout
    results = []
    while out:
        n, out = out.split(b'\n', 1)
        results.append(out[:int(n)].decode('utf-8'))
        out = out[int(n):]
    assert len(results) == len(payloads), f'{len(results)} answers to {len(payloads)} texts'
    return results


def runs(texts, stirs):
    """The numbers of those that run something in a browser, by themselves or when they are stirred."""
    with tempfile.TemporaryDirectory() as folder:
        page = pathlib.Path(folder) / 'page.html'
        data = json.dumps(texts).replace('<', '\\u003c')
        page.write_text(PAGE % (data, json.dumps(stirs)), 'utf-8', 'replace')
        out = subprocess.run([*BROWSER, f'--user-data-dir={folder}/profile', '--dump-dom', page.as_uri()],
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=150).stdout
    dom = out.decode('utf-8', 'replace')
    found = re.search(r'ran: (\[[0-9,]*\])', dom)
    assert found, 'Chromium did not come to the end: ' + dom[-300:]
    return json.loads(found[1])


def main():
    program, files = sys.argv[1], sys.argv[2:]
    payloads = [p for f in files for p in json.loads(pathlib.Path(f).read_text('utf-8'))['payloads']]
    results = sanitised(program, [p.encode('utf-8', 'surrogatepass') for p in payloads])
    bad = 0
    for payload, result in zip(payloads, results):
        judge = Judge()
        judge.feed(result)
        judge.close()
        if judge.wrong:
            bad += 1
            print(f'{payload!r}\n  gives {result!r}\n  with {judge.wrong}')
    for n in runs(results, True):
        bad += 1
        print(f'{payloads[n]!r}\n  gives {results[n]!r}\n  which runs')
    awake = len(runs(payloads, False))
    print(f'{len(payloads)} payloads, {awake} of which run as they are, '
          f'{bad} are harmful behind the sanitiser')
    return bad > 0 or awake < RUN_LEAST


if __name__ == '__main__':
    sys.exit(main())
