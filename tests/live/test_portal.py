"""The portal, as people use it: a flagged mail in, the notice in a real mailbox, the link, the code, reading, files, answering."""
import base64
import contextlib
import email
import email.message
import email.policy
import hashlib
import html
import http.client
import http.server
import io
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import threading
import time
import urllib.parse
import zipfile

import pytest
from conftest import GATEWAY_ADDRESS, INSIDE, OUTSIDE, TOP, client_context, serving, signal_process

BY_HAND = 'rule "by hand" { header "X-Level: two"; pickup-level 2; }'
PORTAL = f'''
portal {{ url https://gateway.test; address {GATEWAY_ADDRESS}:443; redirect-address {GATEWAY_ADDRESS}:80; from secure@inside.test; pages @pages@; contact "Phone 01 234"; }}
flags {{ }}
rule "by hand" {{ header "X-Level: two"; pickup-level 2; }}
inspection {{ packs @packs@; wait 20s; }}
monitor {{ probe no; }}
'''
PDF = b'%PDF-1.4\n' + bytes(range(256)) * 40


@pytest.fixture(scope='module')
def gateway(world):
    with serving(world, extra=PORTAL, first_retry='1s', top='administrator admin@inside.test;\n') as it:
        yield it


class Page:
    def __init__(self, status, headers, body, path):
        self.status, self.headers, self.body, self.path = status, headers, body, path

    @property
    def text(self):
        return html.unescape(re.sub(r'<[^>]+>', ' ', self.body.decode('utf-8', 'replace')))

    def hidden(self, name):
        found = re.search(rf'name="{name}" value="([^"]*)"', self.body.decode())
        return html.unescape(found.group(1)) if found else None


class Visitor:
    """A browser without a screen: cookies, redirects, forms; checks the header fields of every answer."""
    at = GATEWAY_ADDRESS

    def __init__(self, gateway, source=OUTSIDE, language='en'):
        self.gateway, self.source, self.language, self.cookies = gateway, source, language, {}

    def raw(self, method, path, body=None, headers=None, host='gateway.test'):
        context = client_context(self.gateway.lab)
        plain = socket.create_connection((self.at, 443), 20, source_address=(self.source, 0))
        connection = http.client.HTTPSConnection('gateway.test', context=context, timeout=20)
        connection.sock = context.wrap_socket(plain, server_hostname='gateway.test')
        send = {'Host': host, 'Accept-Language': self.language}
        if self.cookies:
            send['Cookie'] = '; '.join(f'{k}={v}' for k, v in self.cookies.items())
        send.update(headers or {})
        connection.request(method, path, body, {k: v for k, v in send.items() if v is not None})
        answer = connection.getresponse()
        page = Page(answer.status, answer.headers, answer.read(), path)
        for value in answer.headers.get_all('Set-Cookie') or []:
            assert value.startswith('__Host-') and 'Secure' in value and 'HttpOnly' in value and 'SameSite=Strict' in value and 'Path=/' in value and 'Domain' not in value
            name, rest = value.split('=', 1)
            if 'Max-Age=0' in value:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = rest.split(';')[0]
        connection.close()
        assert answer.headers['X-Content-Type-Options'] == 'nosniff' and "default-src 'none'" in answer.headers['Content-Security-Policy'], path
        assert answer.headers['Strict-Transport-Security'] and answer.headers['Referrer-Policy'] == 'same-origin'
        return page

    def get(self, path, **kw):
        page = self.raw('GET', path, **kw)
        return self.get(page.headers['Location']) if page.status == 303 else page

    def post(self, path, fields=None, follow=True, headers=None, **more):
        body = urllib.parse.urlencode({**(fields or {}), **more})
        page = self.raw('POST', path, body, {'Content-Type': 'application/x-www-form-urlencoded', 'Origin': 'https://gateway.test', 'Sec-Fetch-Site': 'same-origin', **(headers or {})})
        return self.get(page.headers['Location']) if follow and page.status == 303 else page

    def upload(self, path, fields, files=()):
        boundary = 'b0undary'
        out = b''
        for name, value in fields.items():
            out += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + value.encode() + b'\r\n'
            if name == 'words':
                for file, octets in files:
                    out += f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{file}"\r\nContent-Type: application/octet-stream\r\n\r\n'.encode() + octets + b'\r\n'
        out += f'--{boundary}--\r\n'.encode()
        page = self.raw('POST', path, out, {'Content-Type': f'multipart/form-data; boundary={boundary}', 'Origin': 'https://gateway.test'})
        return self.get(page.headers['Location']) if page.status == 303 else page


def mails_to(gateway, address, domain='good.test'):
    return [email.message_from_string(m['data'], policy=email.policy.default) for m in gateway.lab.messages(domain) if address in m['rcpts']]


def wait_mail(gateway, address, subject, seen=0, domain='good.test', seconds=20):
    pick = lambda: [m for m in mails_to(gateway, address, domain) if subject in m['subject']]
    assert gateway.lab.wait_for(lambda: len(pick()) > seen, seconds), gateway.lab.log()[-4000:]
    return pick()[-1]


def part(mail, kind='plain'):
    return mail.get_body((kind,)).get_content()


def send_secure(gateway, rcpts, text='The results are fine.\n', subject='[secure] lab results', page=None, attachments=(), sender='nurse@inside.test', headers=None):
    message = email.message.EmailMessage()
    message['From'], message['Subject'] = f'Nurse Größe <{sender}>', subject
    rcpts = [rcpts] if isinstance(rcpts, str) else rcpts
    message['To'] = ', '.join(rcpts)
    for name, value in (headers or {}).items():
        message[name] = value
    message['Message-ID'] = f'<{time.time()}@client.test>'
    message.set_content(text)
    if page:
        message.add_alternative(page, subtype='html')
    for name, octets in attachments:
        message.add_attachment(octets, maintype='application', subtype='octet-stream', filename=name)
    client = gateway.smtp()
    client.mail(sender)
    for rcpt in rcpts:
        assert client.rcpt(rcpt)[0] == 250
    code, answer = client.data(message.as_bytes(policy=email.policy.SMTP))
    assert code == 250, answer
    client.quit()
    return answer.decode().split()[-1]


def link_of(notice):
    return re.search(r'https://gateway\.test(/p/[a-z2-9]+)', part(notice)).group(1)


def code_of(mail):
    return re.search(r'\b(\d{4} \d{4})\b', part(mail)).group(1)


def opened(gateway, address, visitor=None, **how):
    """A mail to that address, opened by its link and code: visitor, page, number of the message."""
    before, codes = len([m for m in mails_to(gateway, address) if 'secure message' in m['subject']]), len([m for m in mails_to(gateway, address) if m['subject'] == 'Your code'])
    number = send_secure(gateway, address, **how)
    notice = wait_mail(gateway, address, 'secure message', before)
    visitor = visitor or Visitor(gateway)
    page = visitor.post(link_of(notice))
    assert page.status == 200 and 'two words' in page.text
    mail = wait_mail(gateway, address, 'Your code', codes)
    page = visitor.post('/code', code=code_of(mail))
    assert page.status == 200, page.text
    return visitor, page, number, notice


def test_from_the_notice_to_the_text(gateway):
    number = send_secure(gateway, 'anna@good.test', attachments=[('Bericht ä.pdf', PDF), ('b.txt', b'second\n' * 3)])
    assert gateway.wait_state(number, 'waits in the portal')['reason'] == 'pickup'
    notice = wait_mail(gateway, 'anna@good.test', 'secure message')
    assert notice['auto-submitted'] == 'auto-generated' and notice['from'].addresses[0].addr_spec == 'secure@inside.test' and notice['subject'] == 'A secure message is waiting for you'
    assert re.fullmatch(r'secure\+[a-z2-9]{16}@inside\.test', str(notice['reply-to']))
    text = part(notice)
    assert 'Nurse Größe' in text and 'nurse@inside.test' in text and 'anna@good.test' in text and '2 attachments' in text and 'Phone 01 234' in text and 'lab results' not in notice.as_string()
    assert link_of(notice) in part(notice, 'html') and '<img' not in part(notice, 'html') and not list(notice.iter_attachments())
    visitor = Visitor(gateway)
    page = visitor.get(link_of(notice))
    assert page.status == 200 and 'Send me the code' in page.text and not visitor.cookies
    page = visitor.post(link_of(notice))
    words = re.search(r'class="words">([^<]+)<', page.body.decode()).group(1)
    mail = wait_mail(gateway, 'anna@good.test', 'Your code')
    assert words in part(mail)
    page = visitor.post('/code', code=code_of(mail))
    assert page.status == 200 and 'The results are fine.' in page.text and 'lab results' in page.text and '[secure]' not in page.text and '90 days left' in page.text
    assert hashlib.sha256(PDF).hexdigest() in page.text and 'Bericht ä.pdf' in page.text
    one = visitor.get(page.path + '/part/1')
    assert one.body == PDF and one.headers['Content-Disposition'].startswith('attachment;') and "filename*=UTF-8''Bericht%20%C3%A4.pdf" in one.headers['Content-Disposition']
    assert visitor.get(page.path + '/part/2').body == b'second\n' * 3
    archive = zipfile.ZipFile(io.BytesIO(visitor.get(page.path + '/all.zip').body))
    assert archive.testzip() is None and archive.namelist() == ['1-Bericht ä.pdf', '2-b.txt'] and archive.read('1-Bericht ä.pdf') == PDF
    original = email.message_from_bytes(visitor.get(page.path + '/original.eml').body, policy=email.policy.default)
    assert original['subject'] == '[secure] lab results' and part(original).strip() == 'The results are fine.'
    assert visitor.get(page.path + '/part/3').status == 404 and visitor.get(page.path + '/part/0').status == 404


def envelopes(gateway, *how):
    return gateway.lab.postern('envelope', 'list', *how, json_out=True)


def shown(gateway, envelope):
    return gateway.lab.postern('envelope', 'show', envelope, json_out=True)


def of(gateway, address):
    return [e for e in envelopes(gateway, '--to', address) if e['from']][0]  # copies of answers aside


def what(gateway, envelope):
    return [e['what'] for e in shown(gateway, envelope)['events']]


# --- opening ---------------------------------------------------------------------------------------------------------------


def test_robots_change_nothing(gateway):
    send_secure(gateway, 'robot@good.test')
    notice = wait_mail(gateway, 'robot@good.test', 'secure message')
    link = link_of(notice)
    gateway.lab.wait_for(lambda: 'notice-delivered' in what(gateway, of(gateway, 'robot@good.test')['envelope']), 10)
    before = what(gateway, of(gateway, 'robot@good.test')['envelope'])
    for method in ('HEAD', 'GET', 'GET', 'HEAD'):
        page = Visitor(gateway).raw(method, link, headers={'Sec-Purpose': 'prefetch'})
        assert page.status == 200 and b'results' not in page.body and not page.headers.get('Set-Cookie')
    after = of(gateway, 'robot@good.test')
    assert what(gateway, after['envelope']) == before and not after['first-read']
    robot = Visitor(gateway)
    page = robot.post(link)  # some robots press buttons: a code goes to the mailbox, which they do not have
    assert 'two words' in page.text and of(gateway, 'robot@good.test')['first-read'] is None
    assert robot.get('/list').status == 403
    person = Visitor(gateway)  # and the person still gets in
    person.post(link)
    code = wait_mail(gateway, 'robot@good.test', 'Your code', 1)
    assert 'The results are fine.' in person.post('/code', code=code_of(code)).text


def test_a_code_is_for_one_browser_and_five_tries(gateway):
    send_secure(gateway, 'tries@good.test')
    link = link_of(wait_mail(gateway, 'tries@good.test', 'secure message'))
    mine, other = Visitor(gateway), Visitor(gateway)
    mine.post(link)
    code = code_of(wait_mail(gateway, 'tries@good.test', 'Your code'))
    assert other.post('/code', code=code).status == 403  # it did not ask
    wrong = '0000 0000' if code != '0000 0000' else '1111 1111'
    for left in (4, 3, 2, 1):
        page = mine.post('/code', code=wrong)
        assert page.status == 403 and f'You can try {left} more' in page.text
    assert 'has expired' in mine.post('/code', code=wrong).text
    assert 'has expired' in mine.post('/code', code=code).text  # the right one is too late
    assert 'code-wrong' in what(gateway, of(gateway, 'tries@good.test')['envelope'])


def test_fifty_uses_of_a_code_at_once(gateway):
    send_secure(gateway, 'race@good.test')
    visitor = Visitor(gateway)
    visitor.post(link_of(wait_mail(gateway, 'race@good.test', 'secure message')))
    code = code_of(wait_mail(gateway, 'race@good.test', 'Your code'))
    results = []

    def one():
        copy = Visitor(gateway)
        copy.cookies = dict(visitor.cookies)
        results.append(copy.post('/code', code=code, follow=False).status)
    threads = [threading.Thread(target=one) for _ in range(50)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert results.count(303) == 1 and set(results) <= {303, 403, 429}


def test_by_the_typed_code(gateway):
    send_secure(gateway, 'typed@good.test')
    notice = wait_mail(gateway, 'typed@good.test', 'secure message')
    pickup = re.search(r'Pickup code: ([a-z2-9]{4}-[a-z2-9]{4}-[a-z2-9]{4})', part(notice)).group(1)
    assert 'https://gateway.test\n' in part(notice).replace('\r', '')
    visitor = Visitor(gateway)
    assert 'Pickup code' in visitor.get('/').text
    page = visitor.post('/start', pickup=' ' + pickup.upper().replace('-', ' ') + ' ')
    assert 'two words' in page.text
    assert 'The results are fine.' in visitor.post('/code', code=code_of(wait_mail(gateway, 'typed@good.test', 'Your code'))).text


def test_a_lost_notice_and_an_address_nobody_knows(gateway):
    send_secure(gateway, 'lost@good.test', subject='[secure] first')
    wait_mail(gateway, 'lost@good.test', 'secure message')
    visitor, stranger = Visitor(gateway), Visitor(gateway)
    page = visitor.post('/start', address='LOST@good.test')
    other = stranger.post('/start', address='nobody@good.test')
    words = lambda p: re.sub(r'class="words">[^<]+<|value="[^"]*"', '', p.body.decode())
    assert page.status == other.status == 200 and words(page) == words(other) and set(visitor.cookies) == set(stranger.cookies)
    page = visitor.post('/code', code=code_of(wait_mail(gateway, 'lost@good.test', 'Your code')))
    assert 'Your messages' in page.text and 'From Nurse Größe' in page.text and 'new' in page.text
    inside = re.search(r'href="(/mail/[0-9A-Z]+)"', page.body.decode()).group(1)
    assert 'The results are fine.' in visitor.get(inside).text
    assert not mails_to(gateway, 'nobody@good.test')
    assert stranger.post('/code', code='1234 5678').status == 403


def test_known_and_unknown_take_the_same_time(gateway):
    times, said = ({'lost@good.test': [], 'unknown@good.test': []} for _ in range(2))
    for n in range(40):
        for address in times:
            visitor = Visitor(gateway, source=f'127.0.{n % 20 + 100}.1')
            begin = time.perf_counter()
            said[address].append(visitor.post('/start', address=address).status)
            times[address].append(time.perf_counter() - begin)
    taken = {a: statuses.count(200) for a, statuses in said.items()}  # an earlier test has typed one of them
    assert abs(taken['lost@good.test'] - taken['unknown@good.test']) <= 2 and 5 < taken['unknown@good.test'] < 20, said
    middle = {a: sorted(t)[len(t) // 2] for a, t in times.items()}
    spread = sorted(times['unknown@good.test'])
    assert abs(middle['lost@good.test'] - middle['unknown@good.test']) < (spread[35] - spread[4]) + 0.002, middle
    assert len([m for m in mails_to(gateway, 'lost@good.test') if m['subject'] == 'Your code']) <= 16  # and no flood of codes: ten first tries of networks, five more, and the owner's own


def test_a_browser_is_remembered(gateway):
    send_secure(gateway, 'again@good.test')
    visitor = Visitor(gateway)
    visitor.post(link_of(wait_mail(gateway, 'again@good.test', 'secure message')))
    visitor.post('/code', code=code_of(wait_mail(gateway, 'again@good.test', 'Your code')), remember='1')
    visitor.cookies = {k: v for k, v in visitor.cookies.items() if k == '__Host-remember'}
    send_secure(gateway, 'again@good.test', text='second\n')
    link = link_of(wait_mail(gateway, 'again@good.test', 'secure message', 1))
    page = visitor.get(link).text
    assert 'opens without a code' in page and 'Open the message' in page and 'Send me the code' not in page
    assert 'second' in visitor.post(link).text  # no code was needed
    assert 'The subject of a message is encrypted with it' in visitor.get('/list').text
    page = visitor.get('/phrase')
    visitor.post('/leave', csrf=page.hidden('csrf'), everywhere='1')
    visitor.cookies['__Host-remember'] = 'f' * 32
    assert 'two words' in visitor.post(link).text


def test_own_words_stand_in_the_next_notice(gateway):
    visitor, page, _, _ = opened(gateway, 'words@good.test')
    form = visitor.get('/phrase')
    assert 'was saved' in visitor.post('/phrase', csrf=form.hidden('csrf'), phrase='blue <b> teapot\r\nBcc: x@evil.test').text
    send_secure(gateway, 'words@good.test')
    notice = wait_mail(gateway, 'words@good.test', 'secure message', 1)
    assert 'Your phrase: blue <b> teapot  Bcc: x@evil.test' in part(notice) and notice['bcc'] is None and 'blue &lt;b&gt; teapot' in part(notice, 'html')


# --- reading ----------------------------------------------------------------------------------------------------------------


HOSTILE = ['<script>alert(1)</script>', '<img src=x onerror=alert(1)>', '<svg onload=alert(1)>', '<a href="javascript:alert(1)">x</a>', '<a href=" jAvaScRipt:alert(1)">x</a>',
           '<iframe src="https://evil.test"></iframe>', '<form action="https://evil.test"><input name=a></form>', '<style>@import "https://evil.test/x.css"</style>',
           '<div style="background:url(https://evil.test/b.png)">x</div>', '<div style="width:expression(alert(1))">x</div>', '<meta http-equiv=refresh content="0;url=https://evil.test">',
           '<base href="https://evil.test/">', '<link rel=stylesheet href="https://evil.test/x.css">', '<object data="https://evil.test"></object>', '<math><mi xlink:href="javascript:alert(1)">x</mi></math>',
           '<img src="https://evil.test/pixel.gif">', '<img srcset="https://evil.test/pixel.gif 1x">', '<table background="https://evil.test/x.gif"><tr><td>x</td></tr></table>',
           '<a href="data:text/html,<script>alert(1)</script>">x</a>', '<noscript><p title="</noscript><img src=x onerror=alert(1)>"></noscript>',
           '<![CDATA[<script>alert(1)</script>]]>', '<!--><script>alert(1)</script>-->', '<p onclick=alert(1) style="position:fixed;top:0">x</p>', '<video><source onerror=alert(1)></video>',
           '<a href="https://good.test/&quot; onmouseover=&quot;alert(1)">x</a>', '<template><script>alert(1)</script></template>', '<body onload=alert(1)>', '<details open ontoggle=alert(1)>x</details>',
           '<div style="color:red;background-image:u\\72l(https://evil.test)">x</div>', '<p style="content:\'\\3c script\'">x</p>', '<x:script xmlns:x="http://www.w3.org/1999/xhtml">alert(1)</x:script>']


def test_html_is_made_harmless(gateway):
    png = b'\x89PNG\r\n\x1a\n' + b'0' * 60
    body = '<p>Begin <b>bold</b> <a href="https://good.test/a?b=1&amp;c=2">link</a></p>' + ''.join(f'<div>{h}</div>' for h in HOSTILE) + '<p>the end</p>'
    visitor, page, _, _ = opened(gateway, 'html@good.test', page=body)
    assert '<iframe class="body"' in page.body.decode() and 'sandbox="allow-same-origin allow-popups allow-popups-to-escape-sandbox"' in page.body.decode() and 'Remote images' in page.text
    frame = visitor.get(page.path + '/body')
    policy = frame.headers['Content-Security-Policy']
    assert "default-src 'none'" in policy and 'sandbox' in policy and 'script-src' not in policy and 'allow-scripts' not in policy
    assert re.search('sandbox ([^;]*)', policy)[1].split() == ['allow-same-origin', 'allow-popups', 'allow-popups-to-escape-sandbox']
    shown_html = frame.body.decode()
    inner = shown_html[shown_html.index('</style>'):]
    assert '<b>bold</b>' in inner and 'href="https://good.test/a?b=1&#38;c=2"' in inner and 'rel="noopener noreferrer nofollow"' in inner and 'the end' in inner
    for bad in ('<script', 'onerror', 'onload', 'onclick', 'ontoggle', 'javascript:', '<iframe', '<form', '<input', '@import', 'evil.test"', 'url(', 'expression(', '<meta', '<base', '<link', '<object',
                '<svg', '<math', 'srcset', 'background=', 'data:text', '<noscript', '<template', 'position', 'content:', '<style'):
        tags = ''.join(re.findall(r'<[^>]*>', inner))
        assert bad not in tags.lower(), (bad, tags)
    assert 'onmouseover=' not in re.sub(r'"[^"]*"', '', inner) and png
    text = visitor.get(page.path + '?view=text')
    assert 'The results are fine.' in text.text and '<iframe' not in text.body.decode()


def test_pictures_that_came_with_it(gateway):
    png = b'\x89PNG\r\n\x1a\n' + bytes(range(200))
    message = email.message.EmailMessage()
    message['From'], message['To'], message['Subject'] = 'nurse@inside.test', 'pic@good.test', '[secure] picture'
    message.set_content('text')
    message.add_alternative('<p><img src="cid:one@x" alt="a cell"></p>', subtype='html')
    message.get_payload()[1].add_related(png, 'image', 'png', cid='<one@x>')
    client = gateway.smtp()
    client.sendmail('nurse@inside.test', ['pic@good.test'], message.as_bytes(policy=email.policy.SMTP))
    visitor = Visitor(gateway)
    visitor.post(link_of(wait_mail(gateway, 'pic@good.test', 'secure message')))
    page = visitor.post('/code', code=code_of(wait_mail(gateway, 'pic@good.test', 'Your code')))
    import base64
    assert 'src="data:image/png;base64,' + base64.b64encode(png).decode() in visitor.get(page.path + '/body').body.decode()


def test_a_large_file_streams(gateway):
    big = os.urandom(3 * 1024 * 1024)
    visitor, page, _, _ = opened(gateway, 'large@good.test', attachments=[('big.bin', big), ('../../etc/passwd', b'x'), ('<img src=x>.svg', b'<svg/>'), ('nothing.txt', b'')])
    assert visitor.get(page.path + '/part/1').body == big
    archive = zipfile.ZipFile(io.BytesIO(visitor.get(page.path + '/all.zip').body))
    assert archive.namelist() == ['1-big.bin', '2-_._.._etc_passwd', '3-_img src=x_.svg', '4-nothing.txt'] or all('/' not in n for n in archive.namelist())
    assert archive.read(archive.namelist()[0]) == big
    svg = visitor.get(page.path + '/part/3')
    assert svg.headers['Content-Type'] == 'application/octet-stream' and svg.headers['Content-Disposition'].startswith('attachment') and 'sandbox' in svg.headers['Content-Security-Policy']
    assert '<img src=x>' not in page.body.decode()
    empty = visitor.get(page.path + '/part/4')
    assert 'empty file' in page.text and empty.status == 200 and empty.body == b'' and 'nothing.txt' in empty.headers['Content-Disposition']
    assert archive.read(archive.namelist()[3]) == b''


def test_odd_mails_can_be_read(gateway):
    quoted = 'Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nGr=FC=DFe=\r\n und mehr\r\n'
    cases = [(quoted, 'Grüße und mehr'), ('\r\n', ''), ('Content-Type: text/html\r\n\r\n<p>only <b>html</b></p>\r\n', 'only'),
             ('Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: message/rfc822\r\n\r\nFrom: a@b.test\r\nSubject: inner words\r\n\r\ninner text\r\n--x--\r\n', 'inner text')]
    for n, (body, expected) in enumerate(cases):
        address = f'odd{n}@good.test'
        client = gateway.smtp()
        client.sendmail('nurse@inside.test', [address], f'From: nurse@inside.test\r\nSubject: [secure] odd\r\n{body}'.encode())
        visitor = Visitor(gateway)
        visitor.post(link_of(wait_mail(gateway, address, 'secure message')))
        page = visitor.post('/code', code=code_of(wait_mail(gateway, address, 'Your code')))
        assert page.status == 200 and expected in visitor.get(page.path + '?view=text').text, page.text


def visited_at(gateway, address, body):
    """The browser of the recipient of a mail with these octets behind its first fields, and the page that they see."""
    client = gateway.smtp()
    client.sendmail('nurse@inside.test', [address], b'From: nurse@inside.test\r\nSubject: [secure] x\r\n' + body)
    visitor = Visitor(gateway)
    visitor.post(link_of(wait_mail(gateway, address, 'secure message')))
    return visitor, visitor.post('/code', code=code_of(wait_mail(gateway, address, 'Your code')))


def read_at(gateway, address, body):
    return visited_at(gateway, address, body)[1]


def test_an_invitation_is_a_card_and_encryption_a_sentence(gateway):
    calendar = pathlib.Path(__file__).parent.parent / 'fixtures' / 'mail' / '41-calendar.eml'
    body = calendar.read_bytes().split(b'MIME-Version', 1)[1]
    page = read_at(gateway, 'event@good.test', b'MIME-Version' + body)
    for words in ('Invitation', 'Review, with a name', '2026-11-12, 14:30 \u2013 15:30 (Europe/Berlin)',
                  'Room 4; second floor', 'Ada Writer', 'COVER-TEXT', 'Bring the figures.'):
        assert words in page.text, page.text
    page = read_at(gateway, 'smime@good.test', b'Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nsee below\r\n'
                   b'--b\r\nContent-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\r\n'
                   b'Content-Transfer-Encoding: base64\r\n\r\nMIIB\r\n--b--\r\n')
    assert 'encrypted this message, or a part of it, with S/MIME' in page.text and 'see below' in page.text


def test_links_and_a_message_without_its_end(gateway):
    page = read_at(gateway, 'links@good.test', b'Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n<b>see https://a.test/?b=1&c=2. javascript:alert(1)\r\n'
                   b'--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: Old result\r\nContent-Type: application/pdf; name=cut.pdf\r\n\r\n%PDF-1.4')
    assert '&lt;b&gt;see <a href="https://a.test/?b=1&amp;c=2" target="_blank" rel="noopener noreferrer nofollow">https://a.test/?b=1&amp;c=2</a>. javascript:alert(1)' in page.body.decode()
    assert page.text.count('incomplete: its end is missing') == 3 # the sentence, the message, the file
    assert 'Old result.eml' in page.text.split('cut.pdf')[0]


def test_files_inside_a_signature_are_files(gateway):
    """openssl cms -sign -nodetach -stream wrote it: the file lies in three pieces of BER, in base64 (field F17)."""
    mail = (pathlib.Path(__file__).parent.parent / 'fixtures' / 'mail' / '43-smime-opaque-files-ber.eml').read_bytes()
    visitor, page = visited_at(gateway, 'inside-signature@good.test', b'MIME-Version' + mail.split(b'MIME-Version', 1)[1])
    assert 'agreed text' in page.text and 'Befund Müller.docx' in page.text and 'second.csv' in page.text, page.text
    table = visitor.get(page.path + '/part/3').body
    assert hashlib.sha256(table).hexdigest() == 'e7849d79580d9f4cd114ff92530b5e39dc7811b785ad6193a751fc7ca00287f5'
    archive = zipfile.ZipFile(io.BytesIO(visitor.get(page.path + '/all.zip').body))
    assert archive.testzip() is None and archive.namelist() == ['1-smime.p7m', '2-Befund Müller.docx', '3-second.csv']
    assert archive.read('3-second.csv') == table and archive.read('2-Befund Müller.docx').startswith(b'SSN 536-90-4399')


# --- answering ----------------------------------------------------------------------------------------------------------------


def inside_mail(gateway, address, subject, seen=0):
    return wait_mail(gateway, address, subject, seen, domain='inside.test')


def test_a_browser_that_goes_while_keys_are_asked(gateway):
    """fuzz_http on Debian 13: the request was gone and its key came. Headers of an answer, no body of it, and nobody there any more."""
    visitor, page, _, _ = opened(gateway, 'gone@good.test')
    before, keys = gateway.pids(), gateway.lab.child_pid('keys-0')
    context = client_context(gateway.lab)
    for wait in (0.1, 0.3, 1):
        with context.wrap_socket(socket.create_connection((GATEWAY_ADDRESS, 443), 20, source_address=(OUTSIDE, 0)), server_hostname='gateway.test') as sock:
            signal_process(keys, signal.SIGSTOP)
            try:
                cookies = '; '.join(f'{k}={v}' for k, v in visitor.cookies.items())
                sock.sendall(f'POST {page.path}/answer HTTP/1.1\r\nHost: gateway.test\r\nOrigin: https://gateway.test\r\nCookie: {cookies}\r\n'
                             'Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 5000\r\n\r\n'.encode())
                time.sleep(wait)  # queue has said where its key is
                sock.shutdown(socket.SHUT_RDWR)
                time.sleep(0.5)
            finally:
                signal_process(keys, signal.SIGCONT)
    assert visitor.get(page.path).status == 200
    assert {n: p for n, p in gateway.pids().items() if n.startswith('web')} == {n: p for n, p in before.items() if n.startswith('web')}


def test_an_answer_goes_inside_and_the_next_one_stays_secure(gateway):
    visitor, page, number, _ = opened(gateway, 'ben@good.test', sender='doctor@inside.test')
    form = visitor.get(page.path + '/answer')
    assert 'doctor@inside.test' in form.text and form.hidden('subject') == 'Re: lab results' and '25.0 MB' in form.text
    kept = visitor.upload(page.path + '/answer', {'csrf': form.hidden('csrf'), 'subject': 'Re: lab', 'words': 'half written', 'do': 'keep'})
    assert 'draft was saved' in kept.text and 'half written' in visitor.get(page.path + '/answer').body.decode()
    big = os.urandom(400 * 1024)
    sent = visitor.upload(page.path + '/answer', {'csrf': form.hidden('csrf'), 'subject': 'Re: Grüße\r\nBcc: x@evil.test', 'words': 'Danke schön!\r\n', 'do': 'send'},
                          [('Brief ü.txt', b'hello\n' * 100), ('big.bin', big)])
    assert 'was accepted' in sent.text, sent.text
    answer = inside_mail(gateway, 'doctor@inside.test', 'Grüße')
    assert answer['from'] == 'ben@good.test' and 'written in the portal' in answer['x-postern-reply'] and answer['bcc'] is None
    assert answer.get_body(('plain',)).get_content().strip() == 'Danke schön!'
    files = {a.get_filename(): a.get_payload(decode=True) for a in answer.iter_attachments()}
    assert files == {'Brief ü.txt': b'hello\n' * 100, 'big.bin': big}
    assert 'half written' not in visitor.get(page.path + '/answer').body.decode()  # the draft is gone
    # a copy is kept for him: he is not told of it, cannot answer it, and it is his as it came
    assert gateway.lab.wait_for(lambda: 'Your answer' in visitor.get('/list').text, 10), visitor.get('/list').text
    copy = re.search(r'href="(/mail/[0-9A-Z]+)">Your answer', visitor.get('/list').body.decode()).group(1)
    own = visitor.get(copy)
    assert 'Danke schön!' in own.text and 'Grüße' in own.text and copy + '/answer' not in own.body.decode() and visitor.get(copy + '/part/2').body == big
    assert visitor.get(copy + '/answer').status == 404 and Visitor(gateway).get(copy).status in (403, 404)
    assert len([m for m in mails_to(gateway, 'ben@good.test') if 'secure message' in m['subject']]) == 1
    envelope = of(gateway, 'ben@good.test')
    assert envelope['answered'] and 'replied' in what(gateway, envelope['envelope'])
    # the insider answers by ordinary means: by the Reply-To, and by References alone
    for n, (to, headers) in enumerate([(str(answer['reply-to']), {}), ('ben@good.test', {'References': answer['message-id']}), ('ben@good.test', {'In-Reply-To': answer['message-id']})], 1):
        number = send_secure(gateway, to, subject=f'Re: plain {n}', text='no flag in here\n', sender='doctor@inside.test', headers=headers)
        assert gateway.wait_state(number, 'waits in the portal')['protection']['demand'] == 'escalated'
        wait_mail(gateway, 'ben@good.test', 'secure message', n)
    threads = {e['conversation'] for e in envelopes(gateway, '--to', 'ben@good.test')}
    assert len(threads) == 1
    assert not [m for m in mails_to(gateway, 'ben@good.test') if 'plain' in (m['subject'] or '')]
    # until somebody with the right lets it go
    assert gateway.lab.postern('envelope', 'lower', envelope['envelope']).returncode == 0
    number = send_secure(gateway, str(answer['reply-to']), subject='Re: lowered', sender='doctor@inside.test', text='x\n')
    gateway.wait_state(number, 'delivered')
    assert wait_mail(gateway, 'ben@good.test', 'lowered')


def test_answering_all_reaches_those_who_had_it_and_nobody_else(gateway):
    send_secure(gateway, ['all1@good.test', 'all2@good.test', 'colleague@inside.test'], sender='many@inside.test', subject='[secure] to many')
    visitor = Visitor(gateway)
    visitor.post(link_of(wait_mail(gateway, 'all1@good.test', 'secure message')))
    page = visitor.post('/code', code=code_of(wait_mail(gateway, 'all1@good.test', 'Your code')))
    wait_mail(gateway, 'all2@good.test', 'secure message')
    form = visitor.get(page.path + '/answer?all=1')
    assert 'all2@good.test' in form.text and 'colleague@inside.test' in form.text
    sent = visitor.upload(page.path + '/answer', {'csrf': form.hidden('csrf'), 'all': '1', 'subject': 'Re: to many', 'words': 'to all of you', 'do': 'send'})
    assert 'was accepted' in sent.text
    assert inside_mail(gateway, 'many@inside.test', 'Re: to many') and inside_mail(gateway, 'colleague@inside.test', 'Re: to many')
    wait_mail(gateway, 'all2@good.test', 'secure message', 1)  # outside it waits in the portal, too
    assert not [m for m in mails_to(gateway, 'all2@good.test') if 'to many' in m['subject']]


def test_an_answer_to_the_notice_by_ordinary_mail_is_marked(gateway):
    visitor, page, number, notice = opened(gateway, 'plainly@good.test', sender='clerk@inside.test')
    client = gateway.smtp(OUTSIDE)
    client.sendmail('plainly@good.test', [str(notice['reply-to'])], b'From: plainly@good.test\r\nSubject: by mail\r\n\r\nhello\r\n')
    answer = inside_mail(gateway, 'clerk@inside.test', 'by mail')
    assert 'not protected' in answer['x-postern-tag']
    assert 'mail-reply' in what(gateway, of(gateway, 'plainly@good.test')['envelope'])


def test_answers_that_are_too_large_or_empty(gateway):
    visitor, page, _, _ = opened(gateway, 'toolarge@good.test')
    form = visitor.get(page.path + '/answer')
    fields = {'csrf': form.hidden('csrf'), 'subject': 's', 'words': 'w', 'do': 'send'}
    assert visitor.upload(page.path + '/answer', dict(fields, words='  ')).status == 400
    assert visitor.upload(page.path + '/answer', dict(fields, csrf='0' * 32)).status == 403
    refused = visitor.raw('POST', page.path + '/answer', b'x', {'Content-Type': 'multipart/form-data; boundary=x', 'Content-Length': str(30 * 1024 * 1024), 'Origin': 'https://gateway.test'})
    assert refused.status == 413


def chunked(visitor, path, pieces):
    """A POST without Content-Length: the status, or None when the connection was closed."""
    context = client_context(visitor.gateway.lab)
    plain = socket.create_connection((visitor.at, 443), 20, source_address=(OUTSIDE, 0))
    with context.wrap_socket(plain, server_hostname='gateway.test') as tls:
        tls.sendall(f'POST {path} HTTP/1.1\r\nHost: gateway.test\r\nOrigin: https://gateway.test\r\n'
                    'Content-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n'.encode())
        try:
            for piece in pieces:
                tls.sendall(b'%x\r\n%s\r\n' % (len(piece), piece))
            tls.sendall(b'0\r\n\r\n')
            return int(tls.recv(4096).split()[1])
        except (OSError, IndexError):
            return None


def test_a_form_without_a_length_is_counted(gateway):
    """RFC 9112 7.1: a chunked body does not say how long it is. An audit: 64 MiB of each call were kept, before anybody logged in."""
    visitor = Visitor(gateway)
    assert chunked(visitor, '/login', [b'name=x&password=', b'y' * 1000]) == 403
    for pieces in ([b'name='] + [b'y' * 10000] * 8, [b'a%d=' % i + b'y' * 3000 + b'&' for i in range(40)]):
        assert chunked(visitor, '/login', pieces) == 413
    web = [p for name, p in gateway.pids().items() if name.startswith('web')]

    def resident():
        return sum(int(re.search(r'VmRSS:\s+(\d+)', open(f'/proc/{pid}/status').read())[1]) for pid in web)
    before = resident()
    assert chunked(visitor, '/login', [b'name='] + [b'y' * 100000] * 640) is None  # 64 MB
    assert resident() - before < 32 * 1024  # KiB; the sanitizers keep some of what was freed


# --- senders ------------------------------------------------------------------------------------------------------------------


def test_senders_see_and_change(gateway):
    added = subprocess.run([os.path.join(gateway.lab.path('bin'), 'postern'), '-c', gateway.lab.path('postern.conf'), 'user', 'add', 'wards', '--addresses', 'ward@inside.test'],
                           input='correct horse battery\ncorrect horse battery\n', text=True, capture_output=True)
    assert added.returncode == 0, added.stderr + added.stdout
    visitor, page, number, _ = opened(gateway, 'seen@good.test', sender='ward@inside.test', attachments=[('a.pdf', PDF)])
    visitor.get(page.path + '/part/1')
    sender = Visitor(gateway, source=INSIDE)
    assert 'password is wrong' in sender.post('/login', name='wards', password='wrong').text
    mine = sender.post('/login', name='wards', password='correct horse battery')
    assert mine.status == 200 and 'seen@good.test' in mine.text and 'read' in mine.text, mine.text
    inside = re.search(r'href="(/sent/[0-9A-Z]+)"', mine.body.decode()).group(1)
    one = sender.get(inside)
    assert 'downloaded: a.pdf' in one.text and 'notice delivered' in one.text and 'the recipient proved who they are: code' in one.text
    csrf = one.hidden('csrf')
    assert 'Done.' in sender.post(inside, csrf=csrf, act='extend', argument='200').text
    assert 'Done.' in sender.post(inside, csrf=csrf, act='lock').text
    assert visitor.get(page.path).status == 410
    assert 'Done.' in sender.post(inside, csrf=csrf, act='unlock').text
    assert visitor.get(page.path).status == 200
    assert sender.post(inside, csrf=csrf, act='extend', argument='9999').status == 409
    assert sender.post(inside, csrf='0' * 32, act='recall').status == 403
    kept = of(gateway, 'seen@good.test')['envelope']
    assert gateway.lab.postern('envelope', 'hold', kept).returncode == 0
    assert 'value="recall"' not in sender.get(inside).body.decode()
    refused = sender.post(inside, csrf=csrf, act='recall')
    assert refused.status == 409 and 'legal hold' in refused.text and visitor.get(page.path).status == 200
    assert gateway.lab.postern('envelope', 'unhold', kept).returncode == 0
    recalled = sender.post(inside, csrf=csrf, act='recall')
    assert 'out of reach' in recalled.text
    gone = visitor.get(page.path)
    assert gone.status == 410 and 'results' not in gone.text
    assert visitor.get(page.path + '/part/1').status in (404, 410) and visitor.get(page.path + '/original.eml').status in (404, 410)
    asked = visitor.post(page.path + '/again', csrf=gone.hidden('csrf'))
    assert 'asked the sender' in asked.text and inside_mail(gateway, 'ward@inside.test', 'send your mail again')
    visitor.post(page.path + '/again', csrf=gone.hidden('csrf'))
    envelope = of(gateway, 'seen@good.test')['envelope']
    assert len([e for e in what(gateway, envelope) if e == 'asked-to-resend']) == 1, what(gateway, envelope)  # and nobody is flooded with such wishes
    assert visitor.get(inside).status == 404 and Visitor(gateway).get('/sent').path.endswith('/login')  # not his, and nobody's
    assert gateway.state(number)['state'] == 'deleted'


def logged_in(gateway, name, address):
    added = subprocess.run([os.path.join(gateway.lab.path('bin'), 'postern'), '-c', gateway.lab.path('postern.conf'), 'user', 'add', name, '--addresses', address],
                           input='correct horse battery\ncorrect horse battery\n', text=True, capture_output=True)
    assert added.returncode == 0, added.stderr
    visitor = Visitor(gateway, source=INSIDE)
    assert visitor.post('/login', name=name, password='correct horse battery').status == 200
    return visitor


def test_a_guesser_at_the_portal(gateway):
    """An audit: ten wrong passwords from anywhere shut the owner out. keycloak/keycloak#20651: what happened, why, and what to do."""
    owner = logged_in(gateway, 'guessed', 'guessed@inside.test')
    stranger = [Visitor(gateway, source=f'127.0.{n % 3 + 60}.1') for n in range(3)]
    pages = [stranger[n % 3].post('/login', name='guessed', password=f'guess {n}') for n in range(24)]
    assert {p.status for p in pages} == {403, 429} and [p.status for p in pages].count(403) <= 15, [p.status for p in pages]
    assert 'not checked' in pages[-1].text and re.search(r'in \d+ minutes', pages[-1].text) and int(pages[-1].headers['Retry-After']) > 0
    assert '__Host-device' not in stranger[0].cookies  # nobody was known there
    assert owner.post('/login', name='guessed', password='correct horse battery').status == 200  # at home
    away = Visitor(gateway, source='127.0.60.1')
    away.cookies = {'__Host-device': owner.cookies['__Host-device']}
    assert away.post('/login', name='guessed', password='correct horse battery').status == 200  # a known browser behind the guesser's address
    somewhere = Visitor(gateway, source='127.0.68.1')
    assert somewhere.post('/login', name='guessed', password='correct horse battery').status == 200  # the first tries of another network
    leaving = owner.get('/sent')
    owner.post('/leave', csrf=leaving.hidden('csrf'), everywhere='1')
    assert '__Host-device' not in owner.cookies


def test_inside_users_log_in_with_a_code(gateway):
    send_secure(gateway, 'watched@good.test', sender='nocount@inside.test')
    user, stranger = Visitor(gateway, source=INSIDE), Visitor(gateway)
    page = user.post('/login', address=' NoCount@inside.test ')
    assert page.status == 200 and 'belongs to Lab Clinic' in page.text and 'Remember' not in page.text
    assert stranger.post('/login', address='nobody@good.test').text.split('two words')[0] == page.text.split('two words')[0]  # the same for all
    mail = inside_mail(gateway, 'nocount@inside.test', 'Your code')
    assert re.search(r'class="words">([^<]+)<', page.body.decode()).group(1) in part(mail) and mail['reply-to'] == 'secure@inside.test'
    assert stranger.post('/code', code=code_of(mail)).status == 403  # of that browser alone
    wrong = user.post('/code', code='00000000', inside='1')
    assert wrong.status == 403 and 'belongs to Lab Clinic' in wrong.text
    mine = user.post('/code', code=code_of(mail), inside='1')
    assert mine.path == '/sent' and 'watched@good.test' in mine.text, mine.text
    assert user.get('/list').status == 403  # what he got is another matter
    time.sleep(1)
    assert not [m for m in mails_to(gateway, 'nobody@good.test') if m['subject'] == 'Your code']


def test_writing_in_the_portal(gateway):
    writer = logged_in(gateway, 'writers', 'writer@inside.test')
    form = writer.get('/compose')
    fields = {'csrf': form.hidden('csrf'), 'to': 'Ann <ann@good.test>, bob@good.test, colleague@inside.test', 'subject': 'Plän\r\nBcc: x@evil.test', 'how': 'tls', 'words': 'first words'}
    looked = writer.upload('/compose', dict(fields, do='look'))
    assert looked.status == 200 and 'ann@good.test' in looked.text and 'stays inside' in looked.text and 'secure connection' in looked.text and 'first words' in looked.body.decode()
    looked = writer.upload('/compose', dict(fields, how='portal', do='look'))
    assert 'waits in the portal' in looked.text and not mails_to(gateway, 'ann@good.test')
    sent = writer.upload('/compose', dict(fields, do='send'), [('p.bin', b'p' * 100000)])
    assert 'was accepted' in sent.text, sent.text
    got = wait_mail(gateway, 'ann@good.test', 'Plän')
    assert got['from'] == 'writer@inside.test' and got['bcc'] is None and next(got.iter_attachments()).get_payload(decode=True) == b'p' * 100000
    assert inside_mail(gateway, 'colleague@inside.test', 'Plän')
    assert 'was accepted' in writer.upload('/compose', dict(fields, to='cleo@good.test', how='portal', do='send')).text
    wait_mail(gateway, 'cleo@good.test', 'secure message')
    assert not [m for m in mails_to(gateway, 'cleo@good.test') if 'Plän' in m['subject']]
    mine = writer.get('/sent')
    assert 'cleo@good.test' in mine.text
    assert writer.upload('/compose', dict(fields, csrf='0' * 32, do='send')).status == 403
    assert writer.upload('/compose', dict(fields, to='no address', do='send')).status == 400
    reader, page, _, _ = opened(gateway, 'reader@good.test')
    assert reader.get('/compose').path.endswith('/login') and reader.upload('/compose', dict(fields, do='send')).status == 403  # not for everybody


def test_the_command_and_the_report(gateway):
    visitor, page, number, _ = opened(gateway, 'told@good.test')
    envelope = of(gateway, 'told@good.test')
    report = gateway.lab.report(number)
    assert report['portal'][0]['envelope'] == envelope['envelope'] and [e['what'] for e in report['portal'][0]['events']][:2] == ['made', 'notice-sent']
    words = gateway.lab.postern('message', number).stdout
    assert 'in the portal' in words and 'notice-delivered' in words
    assert gateway.lab.postern('envelope', 'hold', envelope['envelope']).returncode == 0 and of(gateway, 'told@good.test')['legal-hold']
    assert gateway.lab.postern('envelope', 'resend', envelope['envelope']).returncode == 0
    again = wait_mail(gateway, 'told@good.test', 'secure message', 1)
    assert Visitor(gateway).post(link_of(again)).status == 200
    refused = gateway.lab.postern('envelope', 'recall', envelope['envelope'])  # a first try by a new user: it destroyed the key
    assert refused.returncode == 1 and 'under a legal hold' in refused.stderr and 'unhold' in refused.stderr, refused
    assert of(gateway, 'told@good.test')['state'] == 'waiting' and visitor.get(page.path).status == 200
    assert gateway.lab.postern('envelope', 'unhold', envelope['envelope']).returncode == 0
    assert gateway.lab.postern('envelope', 'recall', envelope['envelope']).returncode == 0
    assert of(gateway, 'told@good.test')['state'] == 'recalled' and visitor.get(page.path).status == 410
    assert gateway.lab.postern('envelope', 'recall', envelope['envelope']).returncode == 1
    assert gateway.lab.postern('envelope', 'hold', envelope['envelope']).returncode == 1  # nothing is left to keep
    assert not of(gateway, 'told@good.test')['legal-hold']
    assert gateway.lab.postern('envelope', 'show', '0000000000000').returncode == 1
    preview = gateway.lab.postern('portal', 'preview', gateway.lab.path('preview'))
    assert preview.returncode == 0 and os.path.exists(gateway.lab.path('preview', 'mail.fr.html')) and 'Répondre' in open(gateway.lab.path('preview', 'mail.fr.html')).read()


def test_a_notice_that_cannot_be_delivered_comes_back(gateway):
    number = send_secure(gateway, 'nobody@null.test', sender='backto@inside.test')
    gateway.wait_state(number, 'returned')
    assert envelopes(gateway, '--to', 'nobody@null.test')[0]['state'] == 'lost'
    bounce = inside_mail(gateway, 'backto@inside.test', '')
    assert 'nobody@null.test' in bounce.as_string()


def test_a_notice_that_comes_back_does_not_end_a_legal_hold(gateway):
    send_secure(gateway, 'moved@good.test')
    wait_mail(gateway, 'moved@good.test', 'secure message')
    envelope = of(gateway, 'moved@good.test')['envelope']
    assert gateway.lab.postern('envelope', 'hold', envelope).returncode == 0
    gateway.lab.stop_gateway()
    change_store(gateway, "UPDATE envelope SET address='moved@null.test' WHERE address='moved@good.test'")
    restarted(gateway)
    assert gateway.lab.postern('envelope', 'resend', envelope).returncode == 0
    gateway.lab.wait_for(lambda: 'notice-failed' in what(gateway, envelope), 20)
    assert of(gateway, 'moved@null.test')['state'] == 'waiting', shown(gateway, envelope)


# --- who may what ---------------------------------------------------------------------------------------------------------------


def test_other_peoples_mail(gateway):
    anna, page, _, _ = opened(gateway, 'own1@good.test')
    ben, other, _, _ = opened(gateway, 'own2@good.test')
    same = lambda p: re.sub(rb'name="back" value="[^"]*"', b'', p.body)
    nothing = anna.get('/mail/0000000000001')
    for path in (other.path, other.path + '/body', other.path + '/part/1', other.path + '/all.zip', other.path + '/original.eml', other.path + '/answer'):
        refused = anna.get(path)
        assert refused.status == 404 and same(refused) == same(nothing)
    form = anna.get(page.path + '/answer')
    assert anna.upload(other.path + '/answer', {'csrf': form.hidden('csrf'), 'subject': 's', 'words': 'w', 'do': 'send'}).status == 403
    assert anna.get(other.path.replace('/mail/', '/sent/')).status == 404
    stolen = Visitor(gateway)
    stolen.cookies = {'__Host-pass': 'a' * 32}
    assert stolen.get(page.path).status == 404
    old = dict(anna.cookies)
    anna.post('/leave', csrf=form.hidden('csrf'))
    back = Visitor(gateway)
    back.cookies = old
    assert back.get(page.path).status == 404  # the old cookie opens nothing


def test_forms_from_elsewhere(gateway):
    visitor, page, _, _ = opened(gateway, 'csrf@good.test')
    csrf = visitor.get('/phrase').hidden('csrf')
    assert visitor.post('/phrase', csrf=csrf, phrase='x', headers={'Origin': 'https://evil.test'}).status == 403
    assert visitor.post('/phrase', csrf=csrf, phrase='x', headers={'Origin': 'null'}).status == 403
    assert visitor.post('/phrase', csrf=csrf, phrase='x', headers={'Origin': None, 'Sec-Fetch-Site': 'cross-site'}).status == 403
    assert visitor.post('/phrase', csrf='', phrase='x').status == 403
    assert visitor.raw('GET', '/', host='evil.test').status == 421
    for method in ('TRACE', 'PUT', 'DELETE', 'OPTIONS', 'CONNECT'):
        assert visitor.raw(method, '/' if method != 'CONNECT' else '/x').status in (400, 405, 501)
    assert visitor.post('/language', language='de', back='https://evil.test/').path in ('/', '/start')
    assert visitor.post('/language', language='de', back='//evil.test/', follow=False).headers['Location'] == '/'
    assert visitor.get('/static/../../etc/passwd').status == 404 and visitor.get('/static/%2e%2e/x').status == 404
    assert visitor.get('/p/' + 'a' * 200).status == 404 and visitor.get('/p/%00').status == 404 and visitor.get('/mail/' + '9' * 13).status == 404


def raw_https(gateway):
    plain = socket.create_connection((GATEWAY_ADDRESS, 443), 20, source_address=(OUTSIDE, 0))
    return client_context(gateway.lab).wrap_socket(plain, server_hostname='gateway.test')


@pytest.mark.parametrize('request_text', [
    b'POST /start HTTP/1.1\r\nHost: gateway.test\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: gateway.test\r\n\r\n',
    b'POST /start HTTP/1.1\r\nHost: gateway.test\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef',
    b'GET / HTTP/1.1\r\nHost: gateway.test\r\nHost: evil.test\r\n\r\n',
    b'GET / HTTP/1.1\r\n\r\n', b'GET /\r\n\r\n', b'\x16\x03\x01\x02\x00', b'GET / HTTP/1.1\r\nHost: gateway.test\r\nX: ' + b'a' * 40000 + b'\r\n\r\n',
    b'POST /start HTTP/1.1\r\nHost: gateway.test\r\nContent-Length: -1\r\n\r\n', b'POST /start HTTP/1.1\r\nHost: gateway.test\r\nContent-Length: 99999999999999999999\r\n\r\n'])
def test_odd_framing(gateway, request_text):
    sock = raw_https(gateway)
    sock.settimeout(5)
    sock.sendall(request_text)
    answer = b''
    try:
        while len(answer) < 100000:
            piece = sock.recv(65536)
            if not piece:
                break
            answer += piece
            if answer.count(b'HTTP/1.1 ') > 1:
                break
    except (TimeoutError, ssl.SSLError, ConnectionError):
        pass
    answers = re.findall(rb'(?:^|[\n>])HTTP/1\.1 (\d+)', answer)
    assert b'200' not in answers and len(set(answers)) <= 1 and b'404' not in answers, answer[:3000]
    assert Visitor(gateway).get('/').status == 200


def test_people_are_sent_to_https(gateway):
    plain = http.client.HTTPConnection(GATEWAY_ADDRESS, 80, timeout=10)
    plain.request('GET', '/p/abc?x=1', headers={'Host': 'evil.test'})
    answer = plain.getresponse()
    assert answer.status == 308 and answer.headers['Location'] == 'https://gateway.test/p/abc?x=1'


def test_languages(gateway):
    assert 'Sichere Nachricht abholen' in Visitor(gateway, language='de-AT,en;q=0.5').get('/').text
    assert 'Recoger un mensaje seguro' in Visitor(gateway, language='xx, es;q=0.9, fr;q=0.8').get('/').text
    visitor = Visitor(gateway, language='xx')
    page = visitor.get('/')
    assert 'Pick up a secure message' in page.text and '<html lang="en">' in page.body.decode()
    page = visitor.post('/language', language='fr', back='/')
    assert 'Retirer un message sécurisé' in page.text and '<html lang="fr">' in page.body.decode()
    send_secure(gateway, 'deutsch@good.test')
    german = Visitor(gateway, language='de')
    german.post(link_of(wait_mail(gateway, 'deutsch@good.test', 'secure message')))
    assert 'Das ist Ihr Code' in part(wait_mail(gateway, 'deutsch@good.test', 'Ihr Code'))


def test_nothing_secret_is_kept_or_logged(gateway):
    visitor, page, number, notice = opened(gateway, 'secret@good.test', text='planted words zanzibar\n', subject='[secure] planted subject quagga')
    link = link_of(notice).split('/')[-1]
    pickup = re.search(r'Pickup code: ([a-z2-9-]{14})', part(notice)).group(1).replace('-', '')
    code = code_of([m for m in mails_to(gateway, 'secret@good.test') if m['subject'] == 'Your code'][-1]).replace(' ', '')
    log = gateway.lab.log(since=0)
    files = b''
    for top, _, names in os.walk(gateway.lab.path('store')):
        for name in names:
            files += open(os.path.join(top, name), 'rb').read()
    for planted in (link, pickup, visitor.cookies['__Host-pass'], 'zanzibar', 'quagga'):
        assert planted not in log and planted.encode() not in files, planted
    assert not re.search(rf'\b{code}\b', log)
    tokens = {link_of(m).split('/')[-1] for m in gateway_notices(gateway)}
    assert len(tokens) > 20 and all(len(t) == 26 for t in tokens)  # 26 letters of 32: 130 bits


def gateway_notices(gateway):
    return [m for m in (email.message_from_string(x['data'], policy=email.policy.default) for x in gateway.lab.messages('good.test')) if 'secure message' in (m['subject'] or '') and '/p/' in part(m)]


# --- other settings: each with a gateway of its own -------------------------------------------------------------------------------


def change_store(gateway, statement):
    """Of a stopped gateway: its pages have checksums, which nobody else writes."""
    with gateway.lab.edited_store() as store:
        store.execute(statement)


def restarted(gateway, portal='', **change):
    gateway.lab.stop_gateway()
    extra = PORTAL.replace('portal { url', f'portal {{ {portal} url')
    if 'level 2' in portal or 'level 3' in portal:
        extra = extra.replace(BY_HAND, '')  # no more than the portal's own level: refused as doing nothing
    if 'files-url' in portal:  # a name without a certificate is refused: every browser would warn
        chain, key = gateway.lab.make_certificate('files.test')
        extra += f'certificate {{ chain {chain}; key {key}; }}\n'
    gateway.lab.start_gateway(gateway.lab.config(extra=extra, first_retry='1s', top='administrator admin@inside.test;\n', **change))


def test_it_lives_on_after_a_restart(gateway):
    visitor, page, _, _ = opened(gateway, 'restart@good.test')
    restarted(gateway)
    assert 'The results are fine.' in visitor.get(page.path).text


def test_a_reload_cuts_nothing_off(gateway):
    big = os.urandom(6 * 1024 * 1024)
    visitor, page, _, _ = opened(gateway, 'reload@good.test', attachments=[('big.bin', big)])
    before = gateway.pid('web-0')
    sock = raw_https(gateway)
    sock.sendall(f'GET {page.path}/part/1 HTTP/1.1\r\nHost: gateway.test\r\nConnection: close\r\nCookie: __Host-pass={visitor.cookies["__Host-pass"]}\r\n\r\n'.encode())
    answer = http.client.HTTPResponse(sock)
    answer.begin()
    taken = []

    def take():  # for two seconds, over the reload, which waits until who sends this is replaced
        for _ in range(20):
            taken.append(answer.read(len(big) // 20 + 1))
            time.sleep(0.1)
    thread = threading.Thread(target=take)
    thread.start()
    assert gateway.lab.postern('reload').returncode == 0
    thread.join()
    assert b''.join(taken) == big
    assert gateway.lab.wait_for(lambda: gateway.pids().get('web-0') not in (None, 0, before), 20)
    assert gateway.lab.wait_for(lambda: visitor.get(page.path).status == 200, 10)


def test_reminders_and_the_end(gateway):
    visitor, page, number, _ = opened(gateway, 'ends@good.test', sender='tells@inside.test')
    unread = send_secure(gateway, 'unread@good.test', sender='tells@inside.test')
    held = send_secure(gateway, 'held@good.test', sender='tells@inside.test')
    for address in ('unread@good.test', 'held@good.test'):
        wait_mail(gateway, address, 'secure message')
    gateway.lab.postern('envelope', 'hold', of(gateway, 'held@good.test')['envelope'])
    gateway.lab.stop_gateway()
    day = 86400000
    change_store(gateway, f"UPDATE envelope SET made_ms=made_ms-{4 * day}, expires_ms=expires_ms-{4 * day} WHERE address='unread@good.test'")
    restarted(gateway)
    reminder = wait_mail(gateway, 'unread@good.test', 'Reminder')
    assert 'still waiting' in part(reminder) and Visitor(gateway).post(link_of(reminder)).status == 200
    assert of(gateway, 'unread@good.test')['reminders'] == 1
    gateway.lab.stop_gateway()
    change_store(gateway, "UPDATE envelope SET expires_ms=made_ms+1000 WHERE address IN ('unread@good.test', 'held@good.test', 'ends@good.test')")
    restarted(gateway)
    gateway.wait_state(unread, 'expired')
    assert gateway.wait_state(number, 'delivered')['reason'] == 'picked-up'  # it had been read
    bounce = inside_mail(gateway, 'tells@inside.test', '')
    assert 'unread@good.test' in bounce.as_string() and 'nobody picked it up' in bounce.as_string()
    assert of(gateway, 'held@good.test')['state'] == 'waiting' and of(gateway, 'ends@good.test')['state'] == 'expired'
    assert visitor.get(page.path).status == 410 and visitor.get(page.path + '/original.eml').status in (404, 410)
    rows = subprocess.run(['/usr/bin/python3', '-c', "import sqlite3, sys; d = sqlite3.connect(sys.argv[1]); print(d.execute(\"SELECT length(sealed_key), (SELECT count(*) FROM view v WHERE v.id=e.id), "
                           "(SELECT has_body FROM message m WHERE m.id=e.id) FROM envelope e WHERE address='ends@good.test'\").fetchall())", gateway.lab.path('store', 'postern.db')],
                          capture_output=True, text=True).stdout.strip()
    assert rows == '[(0, 0, 0)]', rows  # key, view and message are gone


def test_a_phrase_is_asked_for(gateway):
    restarted(gateway, 'level 2;')
    send_secure(gateway, 'phrase@good.test')
    notice = wait_mail(gateway, 'phrase@good.test', 'secure message')
    assert 'the phrase that you and the sender agreed on' in part(notice)
    envelope = of(gateway, 'phrase@good.test')['envelope']
    set_phrase = subprocess.run([os.path.join(gateway.lab.path('bin'), 'postern'), '-c', gateway.lab.path('postern.conf'), 'envelope', 'phrase', envelope], input='two grey cats\n', text=True, capture_output=True)
    assert set_phrase.returncode == 0, set_phrase.stderr
    visitor = Visitor(gateway)
    visitor.post(link_of(notice))
    page = visitor.post('/code', code=code_of(wait_mail(gateway, 'phrase@good.test', 'Your code')))
    assert 'Phrase you agreed on' in page.text and '__Host-pass' not in visitor.cookies
    assert visitor.post('/prove', agreed='three grey cats').status == 403
    assert [e['detail'] for e in shown(gateway, envelope)['events'] if e['what'] == 'proof-wrong'] == ['code and phrase']
    page = visitor.post('/prove', agreed='two grey cats')
    assert 'The results are fine.' in page.text and 'a second proof' in page.text
    other = Visitor(gateway)  # by the address alone no phrase is asked for, and the mail does not open
    other.post('/start', address='phrase@good.test')
    listed = other.post('/code', code=code_of(wait_mail(gateway, 'phrase@good.test', 'Your code', 1)))
    assert other.get(page.path).status == 404 and 'Your messages' in listed.text
    # the sender can agree on another one himself
    send_secure(gateway, 'phrase@good.test', sender='agrees@inside.test')
    second = of(gateway, 'phrase@good.test')
    sender = logged_in(gateway, 'agrees', 'agrees@inside.test')
    inside = '/sent/' + second['envelope']
    assert 'Done.' in sender.post(inside, csrf=sender.get(inside).hidden('csrf'), act='phrase', argument=' one black dog ').text
    again = Visitor(gateway)
    again.post(link_of(wait_mail(gateway, 'phrase@good.test', 'secure message', 1)))
    again.post('/code', code=code_of(wait_mail(gateway, 'phrase@good.test', 'Your code', 2)))
    assert again.post('/prove', agreed='two grey cats').status == 403
    assert 'The results are fine.' in again.post('/prove', agreed='one black dog').text


def test_sealed_mail_opens_by_its_link_alone(gateway):
    restarted(gateway, 'level 3;')
    number = send_secure(gateway, 'sealed@good.test', attachments=[('a.pdf', PDF)])
    notice = wait_mail(gateway, 'sealed@good.test', 'secure message')
    assert 'Keep this email' in part(notice) and 'Pickup code' not in part(notice)
    envelope = of(gateway, 'sealed@good.test')
    assert envelope['sealed'] and gateway.lab.wait_for(lambda: 'sealed' in what(gateway, envelope['envelope']), 10)
    subprocess.run([os.path.join(gateway.lab.path('bin'), 'postern'), '-c', gateway.lab.path('postern.conf'), 'envelope', 'phrase', envelope['envelope']], input='open sesame\n', text=True, check=True)
    keys = subprocess.run(['/usr/bin/python3', '-c', "import sqlite3, sys; d = sqlite3.connect(sys.argv[1]); print(d.execute(\"SELECT length(m.sealed_key), length(e.sealed_key) FROM envelope e JOIN message m "
                           "ON m.id=e.id WHERE address='sealed@good.test'\").fetchall())", gateway.lab.path('store', 'postern.db')], capture_output=True, text=True).stdout.strip()
    assert keys == '[(0, 72)]', keys  # what is left here opens with the link's secret only
    visitor = Visitor(gateway)
    visitor.post(link_of(notice))
    visitor.post('/code', code=code_of(wait_mail(gateway, 'sealed@good.test', 'Your code')))
    page = visitor.post('/prove', agreed='open sesame')
    assert 'The results are fine.' in page.text and 'only your link can open it' in page.text
    assert visitor.get(page.path + '/part/1').body == PDF
    link = visitor.cookies.pop('__Host-link')
    assert visitor.get(page.path).status == 403  # the pass alone does not do
    form = Visitor(gateway)
    form.post('/start', address='sealed@good.test')
    time.sleep(1)
    assert len([m for m in mails_to(gateway, 'sealed@good.test') if m['subject'] == 'Your code']) == 1  # and a lost notice is a lost mail
    assert gateway.state(number)['state'] == 'waits in the portal'
    unread = send_secure(gateway, 'sealedlost@good.test', sender='sealer@inside.test')
    envelope = gateway.lab.wait_for(lambda: envelopes(gateway, '--to', 'sealedlost@good.test'), 10)[0]['envelope']
    assert gateway.lab.wait_for(lambda: 'sealed' in what(gateway, envelope), 10)
    gateway.lab.stop_gateway()
    change_store(gateway, "UPDATE envelope SET expires_ms=made_ms+1 WHERE address='sealedlost@good.test'")
    restarted(gateway, 'level 3; files-url https://files.test;')
    gateway.wait_state(unread, 'expired')
    assert 'sealedlost@good.test' in inside_mail(gateway, 'sealer@inside.test', '').as_string()  # its sender hears of it, though nobody can open it any more
    visitor.cookies['__Host-link'] = link
    there = visitor.raw('GET', page.path + '/part/1').headers['Location'].removeprefix('https://files.test')
    assert link in there and Visitor(gateway).raw('GET', there, host='files.test').body == PDF
    assert Visitor(gateway).raw('GET', there.replace('.' + link, ''), host='files.test').status == 403


class Provider:
    """A login of another organisation (OpenID Connect Core 1.0): what it puts into its answers is for the test to say."""

    def __init__(self, lab):
        self.said, self.asked, self.forms = {}, 0, []
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def reply(self, status, what):
                body = json.dumps(what).encode()
                self.send_response(status)
                self.send_header('Content-Type', 'application/json')
                self.send_header('Content-Length', str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                provider.asked += 1
                base = 'https://login.good.test/tenant'
                assert self.path == '/tenant/.well-known/openid-configuration'
                self.reply(200, {'issuer': base, 'authorization_endpoint': base + '/authorize?tenant=1', 'token_endpoint': base + '/token'})

            def do_POST(self):
                form = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers['Content-Length'])).decode()))
                provider.forms.append(form)
                verifier = base64.urlsafe_b64encode(hashlib.sha256(form['code_verifier'].encode()).digest()).rstrip(b'=').decode()
                if self.path != '/tenant/token' or form['client_secret'] != 'our secret' or verifier != provider.login['code_challenge'] or form['code'] != 'c0de +/=':
                    self.reply(400, {'error': 'invalid_grant'})
                    return
                claims = {'iss': 'https://login.good.test/tenant', 'aud': 'portal', 'exp': time.time() + 300, 'iat': time.time(), 'nonce': provider.login['nonce'],
                          'email': provider.login['login_hint'], 'email_verified': True, **provider.said}
                claims = {k: int(v) if isinstance(v, float) else v for k, v in claims.items() if v is not None}
                pack = lambda part: base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b'=').decode()
                self.reply(200, {'id_token': pack({'alg': 'RS256'}) + '.' + pack(claims) + '.c2lnbmVk', 'access_token': 'x', 'token_type': 'Bearer'})

        self.server = http.server.ThreadingHTTPServer(('127.0.1.40', 443), Handler)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*lab.make_certificate('login.good.test'))
        self.server.socket = self.context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def follow(self, url):
        """Where the browser was sent: kept as what was asked."""
        assert url.startswith('https://login.good.test/tenant/authorize?tenant=1&'), url
        self.login = dict(urllib.parse.parse_qsl(url.split('?', 1)[1]))
        assert self.login['redirect_uri'] == 'https://gateway.test/oidc' and self.login['response_type'] == 'code' and self.login['code_challenge_method'] == 'S256'
        assert self.login['client_id'] == 'portal' and 'openid' in self.login['scope'].split()
        return self.login['state']


@pytest.fixture
def provider(gateway):
    with contextlib.closing(Provider(gateway.lab)) as it:
        yield it


def test_the_login_of_ones_own_organisation_opens_it(gateway, provider):
    lab = gateway.lab
    lab.stop_gateway()
    secret = lab.path('etc', 'oidc.secret')
    os.makedirs(lab.path('etc'), exist_ok=True)
    with open(secret, 'w') as out:
        out.write('our secret\n')
    extra = PORTAL.replace('portal { url', 'portal { level 2; url').replace(BY_HAND, '') + f'oidc good.test {{ issuer https://login.good.test/tenant; client-id portal; client-secret-file {secret}; }}\n'
    lab.start_gateway(lab.config(extra=extra, first_retry='1s', top='administrator admin@inside.test;\n'))
    assert lab.wait_for(lambda: provider.asked and 'event=provider ' in lab.log(), 10), lab.log()[-3000:]
    secure = lambda n: wait_mail(gateway, f'sso{n}@good.test', 'secure message')

    def begin(n):
        send_secure(gateway, f'sso{n}@good.test')
        visitor = Visitor(gateway)
        visitor.post(link_of(secure(n)))
        page = visitor.post('/code', code=code_of(wait_mail(gateway, f'sso{n}@good.test', 'Your code')))
        url = html.unescape(re.search(r'href="(https://login[^"]+)"', page.body.decode()).group(1))
        return visitor, provider.follow(url)

    visitor, state = begin(0)
    stranger = Visitor(gateway)  # the answer of a login counts for the browser that began it alone
    assert stranger.post('/oidc', state=state, code='c0de +/=').status == 403
    back = visitor.get('/oidc?' + urllib.parse.urlencode({'state': state, 'code': 'c0de +/='}))  # changes nothing: a button does
    assert back.status == 200 and '__Host-pass' not in visitor.cookies and back.hidden('state') == state and back.hidden('code') == 'c0de +/='
    page = visitor.post('/oidc', state=back.hidden('state'), code=back.hidden('code'))
    assert 'The results are fine.' in page.text, page.text
    assert [e['detail'] for e in shown(gateway, of(gateway, 'sso0@good.test')['envelope'])['events'] if e['what'] == 'opened'] == ['code and login at https://login.good.test/tenant']
    assert visitor.post('/oidc', state=state, code='c0de +/=').status == 403  # once
    assert not [word for word in ('our secret', 'c0de') if word in lab.log(since=0)]
    # each of these is wrong in one thing
    wrong = [{'email': 'other@good.test'}, {'email_verified': False}, {'email_verified': None}, {'nonce': 'another'}, {'iss': 'https://login.good.test/'}, {'aud': 'somebody'}, {'aud': ['portal', 'x']},
             {'exp': time.time() - 400}, {'iat': time.time() - 4000}, {'nonce': None}, {'azp': 'somebody'}]
    visitor, state = begin(1)
    for n, said in enumerate(wrong):
        if n % 4 == 0 and n:
            visitor, state = begin(1 + n)
        provider.said = said
        assert visitor.post('/oidc', state=state, code='c0de +/=').status == 403, said
    provider.said = {'aud': ['x', 'portal'], 'azp': 'portal'}
    visitor, state = begin(50)
    once_more = visitor.post('/oidc', state=state, code='wrong')
    assert once_more.status == 403 and 'https://login.good.test/tenant/authorize' in once_more.body.decode()  # offered again
    assert visitor.post('/oidc', state='x', code='c0de +/=').status == 403
    n = len(provider.forms)
    page = visitor.post('/oidc', state=state, code='c0de +/=')
    assert page.status == 200 and 'The results are fine.' in page.text and len(provider.forms) == n + 1
    visitor, state = begin(51)  # with another certificate it is not asked: whoever logs in hears nothing of why, the log does
    provider.context.load_cert_chain(*lab.make_certificate('login.good.test', 'expired', name='oldlogin'))
    n = len(provider.forms)
    page = visitor.post('/oidc', state=state, code='c0de +/=')
    assert page.status == 503 and len(provider.forms) == n and not re.search('certificate|expired|2020', page.text), page.text
    assert re.search(r"event=provider-away issuer=https://login.good.test/tenant reason=\"the server's certificate has expired \(2020-02-01\)", lab.log()), lab.log()[-2000:]
    provider.close()
    visitor, state = begin(52)
    assert visitor.post('/oidc', state=state, code='c0de +/=').status == 503  # it is away: nobody's fault
    assert 'provider-away' in lab.log()


def test_a_bounce_of_an_answer_says_nothing_of_it(gateway):
    """It goes out by ordinary mail, to somebody for whom the portal was chosen."""
    restarted(gateway)
    visitor, page, _, _ = opened(gateway, 'unlucky@good.test', sender='left@inside.test')
    restarted(gateway, deliver_to='mx.reject.test')
    form = visitor.get(page.path + '/answer')
    visitor.upload(page.path + '/answer', {'csrf': form.hidden('csrf'), 'subject': 'Re: about my illness', 'words': 'private words', 'do': 'send'})
    assert gateway.lab.wait_for(lambda: any('left@inside.test' in m.as_string() and 'no such person' in m.as_string() for m in mails_to(gateway, 'unlucky@good.test')), 20)
    for mail in mails_to(gateway, 'unlucky@good.test'):
        assert 'illness' not in mail.as_string() and 'private words' not in mail.as_string()
    assert gateway.lab.wait_for(lambda: 'Your answer' in visitor.get('/list').text, 10)  # what he wrote is not lost
    restarted(gateway)


def test_files_come_from_the_second_name(gateway):
    restarted(gateway, 'files-url https://files.test;')
    visitor, page, _, _ = opened(gateway, 'files@good.test', attachments=[('a.pdf', PDF)])
    there = visitor.raw('GET', page.path + '/part/1')
    assert there.status == 303 and re.fullmatch(rf'https://files\.test/file/[0-9a-f]{{32}}{page.path}/part/1', there.headers['Location']), there.headers['Location']
    path = there.headers['Location'].removeprefix('https://files.test')
    nobody = Visitor(gateway)
    got = nobody.raw('GET', path, host='files.test')
    assert got.status == 200 and got.body == PDF and 'sandbox' in got.headers['Content-Security-Policy'] and not nobody.cookies
    assert 'allow-same-origin' not in got.headers['Content-Security-Policy']
    assert "frame-src 'self' https://files.test" in page.headers['Content-Security-Policy']
    token = path.split('/')[2]
    # the second name has files, of that mail, for that pass, and the pass opens nothing else
    for method, where in (('GET', page.path), ('GET', '/'), ('GET', '/list'), ('GET', f'/file/{token}{page.path}'), ('GET', f'/file/{token}{page.path}/answer'), ('GET', page.path + '/part/1'),
                          ('GET', f'/file/{"0" * 32}{page.path}/part/1'), ('POST', '/start'), ('GET', f'/file/{token}/mail/0000000000001/part/1')):
        assert nobody.raw(method, where, host='files.test').status in (404, 405), where
    thief = Visitor(gateway)
    thief.cookies['__Host-pass'] = token
    assert thief.raw('GET', '/list').status == 403 and thief.raw('GET', page.path + '/answer').status in (403, 404) and thief.raw('GET', '/phrase').status == 403
    csrf = hashlib.sha256(f'csrf {token}'.encode()).hexdigest()[:32]
    assert thief.post('/phrase', csrf=csrf, phrase='mine').status == 403
    assert thief.upload(page.path + '/answer', {'csrf': csrf, 'subject': 'x', 'words': 'x', 'do': 'keep'}).status == 403
    assert visitor.raw('GET', page.path + '/part/1', host='files.test').status == 404  # cookies are of the first name
    gateway.lab.stop_gateway()
    change_store(gateway, 'UPDATE pass SET until_ms=1 WHERE kind=4')
    restarted(gateway, 'files-url https://files.test;')
    assert nobody.raw('GET', path, host='files.test').status == 404  # a minute later


def test_notices_are_signed(gateway):
    """RFC 6376, checked by OpenSSL over our own reading of the canonical form (test_tls_world.py)."""
    from test_tls_world import check_dkim
    lab = gateway.lab
    os.makedirs(lab.path('etc'), exist_ok=True)
    key = lab.path('etc', 'dkim.key')
    if not os.path.exists(key):
        lab.run('openssl', 'genrsa', '-out', key, '2048')
    lab.run('openssl', 'rsa', '-in', key, '-pubout', '-out', lab.path('etc', 'dkim.pub'))
    lab.stop_gateway()
    lab.start_gateway(lab.config(extra=PORTAL + f'signing {{ domain inside.test; selector mail; key {key}; }}\n', first_retry='1s', top='administrator admin@inside.test;\n'))
    send_secure(gateway, 'signed@good.test')
    wait_mail(gateway, 'signed@good.test', 'secure message')
    raw = [m['data'] for m in lab.messages('good.test') if 'signed@good.test' in m['rcpts']][-1]
    assert 'd=inside.test' in raw and 'From: "Lab Clinic" <secure@inside.test>' in raw
    check_dkim(lab, raw)


def test_a_rule_raises_the_level(gateway):
    restarted(gateway)
    number = send_secure(gateway, 'raised@good.test', headers={'X-Level': 'two'})
    wait_mail(gateway, 'raised@good.test', 'secure message')
    assert of(gateway, 'raised@good.test')['level'] == 2
    assert 'pickup-level 2' in ' '.join(gateway.state(number)['protection']['because'])


def levels_offered(page):
    form = re.search(r'<select id="level".*?</select>', page.body.decode(), re.S)
    return re.findall(r'<option value="(\d)"( selected)?>', form.group(0)) if form else None


def test_no_sender_lowers_what_a_rule_asks_for(gateway):
    """An audit: the sender's page chose 1 beforehand, whatever the level was, and took 0 for a mail for which a rule had asked for 2. What
    a level can come from: the portal block, rules, the sender's page, the command, an answer, a conversation that goes on."""
    restarted(gateway)
    sender = logged_in(gateway, 'lowers', 'lowers@inside.test')
    send_secure(gateway, 'least@good.test', sender='lowers@inside.test', headers={'X-Level': 'two'})
    first = wait_mail(gateway, 'least@good.test', 'secure message')
    envelope = of(gateway, 'least@good.test')['envelope']
    inside, level = '/sent/' + envelope, lambda: of(gateway, 'least@good.test')['level']
    page = sender.get(inside)
    assert levels_offered(page) is None  # there is nothing to choose
    for argument in ('0', '1', '', '-1', '3', '2 ', ' 02'):
        status = sender.post(inside, csrf=page.hidden('csrf'), act='level', argument=argument).status
        assert status == (200 if argument.strip() in ('2', '02') else 409) and level() == 2, argument
    refused = gateway.lab.postern('envelope', 'level', envelope, '1')
    assert refused.returncode == 1 and 'from 2 to 2: a rule or the portal asked for that much' in refused.stderr and level() == 2
    # what goes on with it, by a rule no more: an answer's copy, and the insider's next mail
    assert sender.post(inside, csrf=page.hidden('csrf'), act='phrase', argument='two grey cats').status == 200
    reader = Visitor(gateway)
    reader.post(link_of(first))
    reader.post('/code', code=code_of(wait_mail(gateway, 'least@good.test', 'Your code')))
    page = reader.post('/prove', agreed='two grey cats')
    form = reader.get(page.path + '/answer')
    assert 'was accepted' in reader.upload(page.path + '/answer', {'csrf': form.hidden('csrf'), 'subject': 'Re: least', 'words': 'x', 'do': 'send'}).text
    answer = inside_mail(gateway, 'lowers@inside.test', 'Re: least')
    send_secure(gateway, str(answer['reply-to']), subject='Re: Re: least', text='no flag\n', sender='lowers@inside.test')
    wait_mail(gateway, 'least@good.test', 'secure message', 1)
    assert {e['level'] for e in envelopes(gateway, '--to', 'least@good.test')} == {2} and len(envelopes(gateway, '--to', 'least@good.test')) == 3
    # what only the portal asked for may be raised, and lowered again to that
    send_secure(gateway, 'raises@good.test', sender='lowers@inside.test')
    inside = '/sent/' + of(gateway, 'raises@good.test')['envelope']
    page = sender.get(inside)
    assert levels_offered(page) == [('1', ' selected'), ('2', '')]
    csrf, level = page.hidden('csrf'), lambda: of(gateway, 'raises@good.test')['level']
    assert sender.post(inside, csrf=csrf, act='level', argument='2').status == 200 and level() == 2
    assert levels_offered(sender.get(inside)) == [('1', ''), ('2', ' selected')]
    assert sender.post(inside, csrf=csrf, act='level', argument='0').status == 409 and level() == 2
    assert sender.post(inside, csrf=csrf, act='level', argument='1').status == 200 and level() == 1


def test_down_the_ladder_by_its_own_name(gateway):
    """Content must be secure: over TLS where that can be had, else, after the ladder's patience, by pickup; conversations stay in the portal whatever the ladder says."""
    rules = 'ladder "default" { channels tls:2s portal; } ladder "held" { channels tls:2s hold; } account kept@inside.test { ladder held; } rule "all" { header "X-Level: secure"; protect secure; }\n'
    gateway.lab.stop_gateway()
    gateway.lab.start_gateway(gateway.lab.config(extra=PORTAL + rules, first_retry='1s', top='administrator admin@inside.test;\n'))
    over = send_secure(gateway, 'tls@good.test', subject='no flag', headers={'X-Level': 'secure'})
    assert gateway.wait_state(over, 'delivered')['reason'] == 'sent'
    down = send_secure(gateway, 'none@nocrypt.test', subject='no flag', headers={'X-Level': 'secure'})
    assert 'went down the ladder "default" to portal' in ' '.join(gateway.wait_state(down, 'waits in the portal')['protection']['because'])
    assert wait_mail(gateway, 'none@nocrypt.test', 'secure message', domain='nocrypt.test')
    first = send_secure(gateway, 'talk@good.test', sender='kept@inside.test')
    assert gateway.wait_state(first, 'held')
    opened_first = opened(gateway, 'talk@good.test', sender='free@inside.test')
    form = opened_first[0].get(opened_first[1].path + '/answer')
    opened_first[0].upload(opened_first[1].path + '/answer', {'csrf': form.hidden('csrf'), 'subject': 'Re: kept', 'words': 'w', 'do': 'send'})
    answer = inside_mail(gateway, 'free@inside.test', 'Re: kept')
    gateway.wait_state(send_secure(gateway, str(answer['reply-to']), subject='plain', sender='kept@inside.test'), 'waits in the portal')


def test_the_link_alone_and_no_ordinary_answers(gateway):
    restarted(gateway, 'level 0; mail-replies refuse; remember 0s; subject real;')
    send_secure(gateway, 'linkonly@good.test', subject='[secure] Größe of it')
    notice = wait_mail(gateway, 'linkonly@good.test', 'Größe of it')
    assert notice['subject'] == 'Größe of it'
    visitor = Visitor(gateway)
    assert 'Open the message' in visitor.get(link_of(notice)).text and of(gateway, 'linkonly@good.test')['first-read'] is None
    assert 'The results are fine.' in visitor.post(link_of(notice)).text
    page = visitor.get('/list').text
    assert 'Your messages' in page and 'Größe of it' in page and 'encrypted with it' not in page
    client = gateway.smtp(OUTSIDE)
    client.mail('linkonly@good.test')
    code, text = client.rcpt(str(notice['reply-to']))
    assert code == 550 and b'https://gateway.test' in text
    said = gateway.lab.postern('explain', '--client', OUTSIDE, 'linkonly@good.test', str(notice['reply-to']), json_out=True)
    assert (said['refused-at'], said['refused']) == ('RCPT', f'550 {text.decode()}'), said


def test_a_portal_that_is_taken_away(gateway):
    """What waits in it is named with its number by whatever looks at the configuration; nothing else would tell."""
    lab = gateway.lab
    restarted(gateway)
    send_secure(gateway, 'gone@good.test')
    wait_mail(gateway, 'gone@good.test', 'secure message')
    with open(lab.path('postern.conf')) as conf:
        text = conf.read()
    without = re.sub(r'(?m)^portal .*\n', '', text.replace(BY_HAND, ''))
    with open(lab.path('postern.conf'), 'w') as out:
        out.write(without)
    said = lab.postern('check-config')
    number = re.search(r'(\d+) messages? waits? to be picked up until \d{4}-', said.stderr)
    assert number and int(number[1]) >= 1 and 'nobody can open' in said.stderr and 'recall' in said.stderr, said
    said = lab.postern('reload')
    assert 'Reloaded' in said.stdout and number[0][:-5] in said.stderr, said
    assert number[0][:-5] in lab.postern('doctor').stdout
    assert lab.wait_for(lambda: 'event=portal-gone' in lab.log(), 70)
    restarted(gateway)
    assert 'picked up until' not in lab.postern('check-config').stderr


def test_more_than_the_quota_is_held(gateway):
    restarted(gateway, 'quota 1M; reply-size 1M;')
    number = send_secure(gateway, 'quota@good.test', attachments=[('big', os.urandom(1500000))])
    assert 'quota' in gateway.wait_state(number, 'held')['detail']


def test_behind_a_proxy(gateway):
    restarted(gateway, f'proxy-address {GATEWAY_ADDRESS}:8080; proxies 127.0.3.0/24;')

    def ask(source):
        plain = http.client.HTTPConnection(GATEWAY_ADDRESS, 8080, timeout=10, source_address=(source, 0))
        plain.request('POST', '/start', 'address=nobody@good.test', {'Host': 'gateway.test', 'X-Forwarded-For': '198.51.100.7, 203.0.113.9', 'Content-Type': 'application/x-www-form-urlencoded'})
        return plain.getresponse().status
    assert ask(INSIDE) == 200
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        ask(OUTSIDE)


@pytest.mark.parametrize('program', ['nginx', 'haproxy'])
def test_behind_a_real_proxy(gateway, program):
    """As docs/portal.md says, with nothing but names and places changed."""
    lab, place = gateway.lab, '127.0.3.9'
    restarted(gateway, f'proxy-address {GATEWAY_ADDRESS}:8080; proxies {place};')
    text = re.search(rf'```{program}\n(.*?)```', open(f'{TOP}/docs/portal.md').read(), re.S).group(1)
    chain, key, both = lab.path('ca', 'gateway.test.pem'), lab.path('ca', 'gateway.test.key'), lab.path('ca', 'portal-and-key.pem')
    with open(both, 'w') as out:
        out.write(open(chain).read() + open(key).read())
    conf = lab.path('etc', program + '-portal.conf')
    with open(conf, 'w') as out:
        if program == 'nginx':
            temp = ' '.join(f'{kind}_temp_path {lab.path("nginx-" + kind)};' for kind in ('client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'))
            text = text.replace('listen 443', f'listen {place}:443').replace('portal.clinic.example', 'gateway.test').replace('/etc/ssl/portal.pem', chain).replace('/etc/ssl/portal.key', key)
            text = text.replace('127.0.0.1:8080;', f'{GATEWAY_ADDRESS}:8080;\n        proxy_bind {place};')
            out.write(f'daemon off; pid {lab.path("nginx-portal.pid")}; error_log stderr; user root; events {{}} http {{ access_log off; {temp}\n{text}}}\n')
        else:
            text = text.replace('bind :443', f'bind {place}:443').replace('/etc/ssl/portal-and-key.pem', both).replace('server gateway 127.0.0.1:8080', f'source {place}\n    server gateway {GATEWAY_ADDRESS}:8080')
            out.write(f'defaults\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n{text}')
    command = ['usr/sbin/nginx', '-c', conf] if program == 'nginx' else ['usr/sbin/haproxy', '-db', '-f', conf]
    lab.start('proxy', [os.path.join(lab.root, command[0]), *command[1:]], env=lab.linker_env())
    try:
        lab.wait_port(place, 443)
        visitor = Visitor(gateway)
        visitor.at = place
        big = os.urandom(6 * 1024 * 1024)
        visitor, page, _, _ = opened(gateway, f'{program}@good.test', visitor, sender=f'{program}@inside.test', attachments=[('big.bin', big)])
        assert visitor.get(page.path + '/part/1').body == big
        form = visitor.get(page.path + '/answer')
        more = big[:2 * 1024 * 1024]
        sent = visitor.upload(page.path + '/answer', {'csrf': form.hidden('csrf'), 'subject': 'Re: through', 'words': 'and back', 'do': 'send'}, [('big.bin', more)])
        assert 'was accepted' in sent.text, sent.text
        answer = inside_mail(gateway, f'{program}@inside.test', 'through')
        assert [a.get_payload(decode=True) for a in answer.iter_attachments()] == [more]
        assert OUTSIDE.rsplit('.', 1)[0] in str(shown(gateway, of(gateway, f'{program}@good.test')['envelope'])), 'whose it was is told by the proxy'
        kept = [os.path.join(d, f) for kind in ('client_body', 'proxy') for d, _, files in os.walk(lab.path('nginx-' + kind)) for f in files]
        assert kept == []
    finally:
        lab.stop('proxy')


def test_templates_of_the_house(gateway):
    own = gateway.lab.path('own-pages')
    os.makedirs(own, exist_ok=True)
    os.chmod(own, 0o755)
    with open(os.path.join(own, 'texts.en'), 'w') as out:
        out.write(open(f'{TOP}/pages/texts.en').read().replace('Pick up a secure message', 'Fetch your <i>letter</i> {{organization}}'))
    restarted(gateway, f'templates {own}; colour "#004d00"; footer "Example & Co";')
    page = Visitor(gateway).get('/')
    assert 'Fetch your' in page.text and 'Example &amp; Co' in page.body.decode() and '#004d00' in Visitor(gateway).get('/static/theme.css').body.decode()
    with open(os.path.join(own, 'start.html'), 'w') as out:
        out.write('{{>head}}\n<h1>\n{{#mails}}\n</h1>')
    conf = gateway.lab.path('postern.conf')
    problem = subprocess.run([os.path.join(gateway.lab.path('bin'), 'postern'), '-c', conf, 'check-config'], capture_output=True, text=True)
    assert problem.returncode == 1 and 'start.html:3: this section has no end: "mails"' in problem.stderr + problem.stdout, problem
    os.remove(os.path.join(own, 'start.html'))


def test_killed_in_the_middle(gateway):
    restarted(gateway)
    visitor, page, _, _ = opened(gateway, 'killed@good.test', sender='safe@inside.test')
    form = visitor.get(page.path + '/answer')
    fields = {'csrf': form.hidden('csrf'), 'subject': 'Re: kill', 'words': 'before the kill', 'do': 'send'}
    answered = 0
    for n in range(6):
        victim = ('web-0', 'queue-0')[n % 2]

        def kill():
            time.sleep(0.005 * n)
            signal_process(gateway.pid(victim), 9)
        thread = threading.Thread(target=kill)
        thread.start()
        try:
            sent = visitor.upload(page.path + '/answer', dict(fields, words=f'number {n} of mine'), [('a.bin', os.urandom(300000))])
            taken = 'was accepted' in sent.text
        except (OSError, http.client.HTTPException):
            taken = False
        thread.join()
        gateway.lab.wait_for(lambda: gateway.lab.postern('status').returncode == 0, 20)
        time.sleep(0.5)
        if taken:
            answered += 1
            assert gateway.lab.wait_for(lambda: any(f'number {n} of mine' in m.get_body(('plain',)).get_content() for m in mails_to(gateway, 'safe@inside.test', 'inside.test') if 'kill' in (m['subject'] or '')), 30)
    envelope = of(gateway, 'killed@good.test')
    assert gateway.lab.postern('envelope', 'recall', envelope['envelope']).returncode == 0
    signal_process(gateway.pid('queue-0'), 9)
    gateway.lab.wait_for(lambda: gateway.lab.postern('envelope', 'list').returncode == 0, 20)
    assert of(gateway, 'killed@good.test')['state'] == 'recalled'
    assert gateway.lab.wait_for(lambda: visitor.get(page.path).status == 410, 20)


def test_the_store_is_whole(gateway):
    checked = gateway.lab.postern('store', 'check')
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_slow_and_silent_clients_hold_up_nobody(gateway):
    slow = [raw_https(gateway) for _ in range(60)]
    for n, sock in enumerate(slow):
        sock.sendall(b'POST /start HTTP/1.1\r\nHost: gateway.test\r\nContent-Length: 50\r\n\r\nadd' if n % 2 else b'GET / HT')
    begin = time.time()
    assert Visitor(gateway, source='127.0.9.77').get('/').status == 200 and time.time() - begin < 3
    [s.close() for s in slow]
