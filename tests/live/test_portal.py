"""The portal, as people use it: a flagged mail in, the notice in a real mailbox, the link, the code, reading, files, answering."""
import email
import email.message
import email.policy
import hashlib
import html
import http.client
import io
import os
import re
import socket
import ssl
import subprocess
import threading
import time
import urllib.parse
import zipfile

import pytest
from conftest import GATEWAY_ADDRESS, INSIDE, OUTSIDE, TOP, client_context

PORTAL = f'''
portal {{ url https://gateway.test; address {GATEWAY_ADDRESS}:443; redirect-address {GATEWAY_ADDRESS}:80; from secure@inside.test; pages {TOP}/pages; languages en; contact "Phone 01 234"; }}
flags {{ }}
inspection {{ packs {TOP}/packs; wait 20s; }}
monitor {{ probe no; }}
'''
PDF = b'%PDF-1.4\n' + bytes(range(256)) * 40


@pytest.fixture(scope='module')
def gateway(world):
    from conftest import Gateway
    world.start_gateway(world.config(extra=PORTAL, first_retry='1s', top='administrator admin@inside.test;\n'))
    world.postern('user', 'add', 'nurse', '--address', 'nurse@inside.test', '--password-stdin') if False else None
    yield Gateway(world)
    crashes = [line for line in world.log().splitlines() if 'AddressSanitizer' in line or 'runtime error' in line or 'contract-broken' in line]
    world.stop_gateway()
    assert not crashes, '\n'.join(crashes) + world.log()[-6000:]


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

    def __init__(self, gateway, source=OUTSIDE, language='en'):
        self.gateway, self.source, self.language, self.cookies = gateway, source, language, {}

    def raw(self, method, path, body=None, headers=None, host='gateway.test'):
        context = client_context(self.gateway.lab)
        plain = socket.create_connection((GATEWAY_ADDRESS, 443), 20, source_address=(self.source, 0))
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
    assert notice['auto-submitted'] == 'auto-generated' and notice['from'].addresses[0].addr_spec == 'secure@inside.test' and notice['subject'] == 'A secure message waits for you'
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
    assert page.status == 200 and 'The results are fine.' in page.text and 'lab results' in page.text and '90 days left' in page.text
    assert hashlib.sha256(PDF).hexdigest() in page.text and 'Bericht ä.pdf' in page.text
    one = visitor.get(page.path + '/part/1')
    assert one.body == PDF and one.headers['Content-Disposition'].startswith('attachment;') and "filename*=UTF-8''Bericht%20%C3%A4.pdf" in one.headers['Content-Disposition']
    assert visitor.get(page.path + '/part/2').body == b'second\n' * 3
    archive = zipfile.ZipFile(io.BytesIO(visitor.get(page.path + '/all.zip').body))
    assert archive.testzip() is None and archive.namelist() == ['1-Bericht ä.pdf', '2-b.txt'] and archive.read('1-Bericht ä.pdf') == PDF
    original = email.message_from_bytes(visitor.get(page.path + '/original.eml').body, policy=email.policy.default)
    assert original['subject'] == '[secure] lab results' and part(original).strip() == 'The results are fine.'
    assert visitor.get(page.path + '/part/3').status == 404 and visitor.get(page.path + '/part/0').status == 404
