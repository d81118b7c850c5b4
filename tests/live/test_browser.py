"""The portal in a real browser: Debian's Chromium by playwright-core, looked at by axe-core; and in lynx and w3m."""
import base64
import hashlib
import json
import os
import re
import subprocess
import time

import pytest
from conftest import GATEWAY_ADDRESS, TOP
from test_portal import PDF, Visitor, code_of, gateway, inside_mail, link_of, of, part, restarted, send_secure, shown, wait_mail  # noqa: F401

MODULES = os.path.join(TOP, 'tests', 'browser', 'node_modules')


class Browser:
    def __init__(self, screens):
        env = dict(os.environ, SCREENS=screens, HOME=screens)
        self.process = subprocess.Popen(['node', os.path.join(TOP, 'tests', 'browser', 'pages.js')], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)

    def __call__(self, **step):
        self.process.stdin.write(json.dumps(step) + '\n')
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert 'error' not in answer, (step, answer)
        return answer

    def look(self, name):
        found = self(look=name)
        assert found['violations'] == [], (name, found)

    def fits(self):
        width = self(width=1)
        assert width['wide'] <= width['room'], width


@pytest.fixture(scope='module')
def browser(world):
    assert os.path.exists('/usr/bin/chromium') and os.path.isdir(MODULES), './check installs Chromium, and its driver by npm --prefix tests/browser install'
    screens = os.environ.get('POSTERN_SCREENS') or os.path.join(world.build, 'screens')
    os.makedirs(screens, exist_ok=True)
    b = Browser(screens)
    yield b
    b(close=1)
    b.process.stdin.close()
    b.process.wait(10)


WAYS = [('desktop', dict(scripts=True, locale='en-GB', colours='light', phone=False)), ('phone-dark', dict(scripts=True, locale='en-US', colours='dark', phone=True)),
        ('plain', dict(scripts=False, locale='en-GB', colours='light', phone=False)), ('phone-german', dict(scripts=True, locale='de-DE', colours='light', phone=True))]


@pytest.mark.parametrize('name,how', WAYS, ids=[w[0] for w in WAYS])
def test_the_whole_way(gateway, browser, name, how):
    address, sender = f'{name}@good.test', f'{name}@inside.test'
    send_secure(gateway, address, sender=sender, page='<h2>Results</h2><p>All <b>fine</b>, see you.</p><p style="height:900px"></p><table width=800><tr><td>wide</table><script>document.title="bad"</script><img src="https://evil.test/p.gif">', attachments=[('Befund.pdf', PDF), ('b.txt', b'two')])
    notice = wait_mail(gateway, address, 'secure message')
    browser(open=dict(how, address=GATEWAY_ADDRESS))
    german = how['locale'].startswith('de')
    assert browser(goto='https://gateway.test' + link_of(notice))['status'] == 200  # step 1: the link
    browser.look(f'{name}-1-knock')
    browser(click='main form button')  # step 2: one button
    browser.look(f'{name}-2-code')
    code = code_of(wait_mail(gateway, address, 'Ihr Code' if german else 'Your code'))
    browser(fill=['#code', code])  # step 3: the code
    browser(click='main form button')  # step 4: the text, no password
    browser.look(f'{name}-3-mail')
    page = browser(text='main')
    assert 'lab results' in page['text'] and ('Noch' in page['text'] or 'Tage übrig' in page['text'] if german else 'days left' in page['text'])
    assert 'All fine, see you.' in browser(frame=1)['text']
    browser.fits()
    box = browser(box=1)
    assert not how['scripts'] or (box['high'] <= box['room'] < box['high'] + 60 and box['wide'] <= box['across']), box
    got = browser(download='.parts li:nth-child(1) a')
    assert got['name'] == 'Befund.pdf' and base64.b64decode(got['octets']) == PDF
    browser(goto=page['url'] + '?view=text')
    browser.look(f'{name}-4-text')
    browser(goto=page['url'] + '/answer')
    browser(fill=['#words', f'Thank you, says {name}.'])
    attached = gateway.lab.path('answer.txt')
    with open(attached, 'w') as out:
        out.write('attached words\n' * 5000)
    browser(files=['#files', attached])
    browser.look(f'{name}-5-answer')
    browser.fits()
    browser(click='button[value=send]')
    answer = inside_mail(gateway, sender, 'Re: lab results')
    assert f'says {name}' in answer.get_body(('plain',)).get_content() and next(answer.iter_attachments()).get_payload(decode=True) == b'attached words\n' * 5000
    gateway.lab.wait_for(lambda: 'answered=1' in browser(text='main')['url'], 10)
    browser(goto='https://gateway.test/list')
    browser.look(f'{name}-6-list')
    browser(goto='https://gateway.test/phrase')
    browser.look(f'{name}-7-phrase')
    browser(goto='https://gateway.test/login')
    browser.look(f'{name}-8-login')
    browser(goto='https://gateway.test/')
    browser.look(f'{name}-9-start')
    problems = [p for p in browser(end=1)['problems'] if 'Blocked script execution' not in p]
    assert problems == [], problems


def test_files_come_from_the_second_name(gateway, browser):
    restarted(gateway, 'files-url https://files.test;')
    send_secure(gateway, 'second@good.test', page='<p>All <b>fine</b>.</p>', attachments=[('Befund.pdf', PDF), ('b.txt', b'two')])
    browser(open=dict(scripts=True, locale='en-GB', colours='light', phone=False, address=GATEWAY_ADDRESS, files=True))
    browser(goto='https://gateway.test' + link_of(wait_mail(gateway, 'second@good.test', 'secure message')))
    browser(click='main form button')
    browser(fill=['#code', code_of(wait_mail(gateway, 'second@good.test', 'Your code'))])
    browser(click='main form button')
    shown = browser(frame=1)
    assert shown['text'].strip() == 'All fine.' and shown['url'].startswith('https://files.test/file/'), shown
    assert browser(box=1)['room'] > 300  # its height cannot be asked for there
    got = browser(download='.parts li:nth-child(1) a')
    assert got['name'] == 'Befund.pdf' and base64.b64decode(got['octets']) == PDF
    problems = [p for p in browser(end=1)['problems'] if 'Blocked script execution' not in p]
    restarted(gateway)
    assert problems == [], problems


EVENT = """MIME-Version: 1.0
Content-Type: text/calendar; charset=utf-8; method=REQUEST

BEGIN:VCALENDAR
METHOD:REQUEST
BEGIN:VEVENT
SUMMARY:Review
DTSTART;TZID=Europe/Berlin:20261112T143000
DTEND;TZID=Europe/Berlin:20261112T153000
RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,TH;COUNT=8
ATTENDEE;CN=Bob:mailto:bob@good.test
END:VEVENT
END:VCALENDAR
"""


def test_an_event_by_the_readers_own_clock(gateway, browser):
    """RFC 5545 3.3.5: the zone has no rules of its own here, and the browser knows it; 3.8.5.3: the rule in words."""
    client = gateway.smtp()
    body = EVENT.replace('\n', '\r\n').encode()
    client.sendmail('nurse@inside.test', ['clock@good.test'], b'From: nurse@inside.test\r\nDate: Thu, 12 Nov 2026 09:00:00 +0100\r\nSubject: [secure] Review\r\n' + body)
    browser(open=dict(scripts=True, locale='de-DE', zone='America/New_York', colours='light', phone=True, address=GATEWAY_ADDRESS))
    browser(goto='https://gateway.test' + link_of(wait_mail(gateway, 'clock@good.test', 'secure message')))
    browser(click='main form button')
    browser(fill=['#code', code_of(wait_mail(gateway, 'clock@good.test', 'Ihr Code'))])
    browser(click='main form button')
    card = browser(text='.event')['text']
    for words in ('2026-11-12, 14:30 \u2013 15:30 (Europe/Berlin)', '12.11.2026, 08:30', '(America/New_York)', 'Bob <bob@good.test>',
                  'alle 2 Wochen am Dienstag, Donnerstag, 8-mal'):
        assert words in card.replace('\u202f', ' '), card
    facts = browser(text='dl.facts')['text'].replace('\u202f', ' ')  # RFC 5322 3.3, in German, and by the clock of New York
    assert '12. November 2026, 09:00 Uhr (UTC+1)' in facts and '12.11.2026, 03:00 (America/New_York)' in facts, facts
    browser.look('event')
    browser.fits()
    assert [p for p in browser(end=1)['problems'] if 'Blocked script execution' not in p] == []


def test_a_passkey_instead_of_the_phrase(gateway, browser):
    """Chromium with a device that has a screen lock; its certificate must be good there, so this browser trusts the gateway's key."""
    lab = gateway.lab
    key = subprocess.run(['openssl', 'pkey', '-in', lab.path('ca', 'gateway.test.key'), '-pubout', '-outform', 'DER'], capture_output=True, check=True).stdout
    restarted(gateway, 'level 2;')
    address = 'passkey@good.test'

    def knock(n):
        send_secure(gateway, address)
        browser(goto='https://gateway.test' + link_of(wait_mail(gateway, address, 'secure message', n)))
        browser(click='main form button')
        browser(fill=['#code', code_of(wait_mail(gateway, address, 'Your code', n))])
        browser(click='main form button')

    try:
        browser(leave=1)
        browser(open=dict(scripts=True, locale='en-GB', colours='light', phone=True, address=GATEWAY_ADDRESS, trusts=base64.b64encode(hashlib.sha256(key).digest()).decode()))
        send_secure(gateway, address)
        envelope = of(gateway, address)['envelope']
        subprocess.run([os.path.join(lab.path('bin'), 'postern'), '-c', lab.path('postern.conf'), 'envelope', 'phrase', envelope], input='two grey cats\n', text=True, check=True, capture_output=True)
        wait_mail(gateway, address, 'secure message')
        browser(goto='https://gateway.test' + link_of(wait_mail(gateway, address, 'secure message')))
        browser(click='main form button')
        browser(fill=['#code', code_of(wait_mail(gateway, address, 'Your code'))])
        browser(click='main form button')
        assert 'Use my passkey' not in browser(text='main')['text']  # there is none yet
        browser(fill=['#agreed', 'two grey cats'])
        browser(click='main form button')
        assert 'lab results' in browser(text='main')['text']
        browser(goto='https://gateway.test/phrase')
        browser.look('passkey-1-none')
        browser(device=1)
        browser(click='form[data-passkey] button')
        gateway.lab.wait_for(lambda: 'passkey=1' in browser(text='main')['url'], 10)
        said = browser(text='body')['text']
        assert 'The passkey was saved.' in said and 'Added on' in said, (said, lab.log()[-2000:])
        browser.look('passkey-2-kept')
        knock(1)
        browser.look('passkey-3-asked')
        browser(device=1)
        browser(click='form[data-passkey] button')
        gateway.lab.wait_for(lambda: '/mail/' in browser(text='main')['url'], 10)
        assert 'lab results' in browser(text='main')['text']
        second = of(gateway, address)['envelope']
        assert second != envelope and [e['detail'] for e in shown(gateway, second)['events'] if e['what'] == 'opened'] == ['code and passkey']
        knock(2)  # the device counts its uses: it works again, and so does the phrase
        browser(device=1)
        browser(click='form[data-passkey] button')
        gateway.lab.wait_for(lambda: '/mail/' in browser(text='main')['url'], 10)
        assert 'lab results' in browser(text='main')['text']
        browser(goto='https://gateway.test/phrase')
        assert 'last used on' in browser(text='main')['text']
        browser(click='form.row button')
        assert 'Added on' not in browser(text='main')['text']
        knock(3)
        assert 'Use my passkey' not in browser(text='main')['text']
        browser(goto='https://gateway.test/oidc?code=a&state=b')  # back from a login that was never asked for: the page goes on by itself
        gateway.lab.wait_for(lambda: 'That was not right' in browser(text='main')['text'], 10)
        assert 'That was not right' in browser(text='main')['text']
    finally:
        browser(leave=1)
        restarted(gateway)


def test_with_the_keyboard_alone(gateway, browser):
    send_secure(gateway, 'keys@good.test')
    notice = wait_mail(gateway, 'keys@good.test', 'secure message')
    browser(open=dict(scripts=True, locale='en-GB', colours='light', phone=False, address=GATEWAY_ADDRESS))
    browser(goto='https://gateway.test' + link_of(notice))
    assert browser(press='Tab')['focus'] == 'Skip to the content'
    for _ in range(12):
        if browser(press='Tab')['focus'] == 'Send me the code':
            break
    browser(press='Enter', wait=1500)
    code = code_of(wait_mail(gateway, 'keys@good.test', 'Your code'))
    browser(type=code.replace(' ', ''))  # the field has the focus already
    browser(press='Enter', wait=1500)
    assert 'The results are fine.' in browser(text='main')['text']
    for _ in range(30):
        if browser(press='Tab')['focus'] == 'Answer':
            break
    browser(press='Enter', wait=1500)
    assert browser(text='h1')['text'] == 'Your answer'
    browser(end=1)


class TextBrowser:
    """lynx on a screen of its own (tmux): links and fields have numbers there, as people who use it are used to."""

    def __init__(self, gateway, url):
        config, hosts = (gateway.lab.path(name) for name in ('lynx.cfg', 'hosts'))
        with open(config, 'w') as out:
            out.write('FORCE_SSL_PROMPT:YES\nACCEPT_ALL_COOKIES:TRUE\nCHARACTER_SET:utf-8\nFORCE_COOKIE_PROMPT:YES\nDEFAULT_KEYPAD_MODE:LINKS_AND_FIELDS_ARE_NUMBERED\n')
        with open(hosts, 'w') as out:
            out.write(f'127.0.0.1 localhost\n{GATEWAY_ADDRESS} gateway.test\n')
        self.socket, self.gateway = gateway.lab.path('tmux'), gateway
        lynx = f'SSL_CERT_FILE={gateway.lab.path("ca", "ca.pem")} TERM=screen LANG=C.UTF-8 lynx -cfg={config} -display_charset=utf-8 {url}'
        self.tmux('-f', '/dev/null', 'new-session', '-d', '-x', '110', '-y', '80', f"unshare --mount sh -c 'mount --bind {hosts} /etc/hosts && {lynx}'")

    def tmux(self, *words):
        # without LINES and COLUMNS of no terminal: readline, which pytest loads, sets them behind Python's back, and workers inherit them
        env = {name: value for name, value in os.environ.items() if name not in ('LINES', 'COLUMNS')}
        return subprocess.run(['tmux', '-u', '-S', self.socket, *words], capture_output=True, text=True, timeout=10, env=env).stdout

    def screen(self):
        return self.tmux('capture-pane', '-p')

    def wait(self, words):
        assert self.gateway.lab.wait_for(lambda: words in self.screen(), 15), (words, self.screen())

    def go(self, label, after=''):
        """Follows the link or presses the button with that label; onto the field after it with `after`."""
        number = re.search(rf'\[(\d+)\](?:\w+\))?\s*{label}' if not after else rf'{after}[^\[]*\[(\d+)\]', self.screen(), re.S)
        assert number, (label or after, self.screen())
        self.tmux('send-keys', number.group(1), 'Enter')
        if ')' in number.group(0):  # it is only where the cursor is then
            time.sleep(0.5)
            self.tmux('send-keys', 'Enter')

    def write(self, words):
        self.tmux('send-keys', '-l', words)
        self.tmux('send-keys', 'Tab')  # off the field: numbers are text there
        time.sleep(0.5)

    def end(self):
        self.tmux('kill-server')


def test_in_a_text_browser(gateway):
    """From the notice to an answer in lynx."""
    send_secure(gateway, 'lynx@good.test', sender='lynxed@inside.test')
    lynx = TextBrowser(gateway, 'https://gateway.test' + link_of(wait_mail(gateway, 'lynx@good.test', 'secure message')))
    try:
        lynx.wait('Send me the code')
        lynx.go('Send me the code')
        lynx.wait('same two words')
        lynx.go('', after='Code')
        lynx.write(code_of(wait_mail(gateway, 'lynx@good.test', 'Your code')))
        lynx.go('Open')
        lynx.wait('The results are fine.')
        lynx.go('Answer')
        lynx.wait('Your answer')
        lynx.go('', after='_ Your answer')
        lynx.write('Written in lynx.')
        lynx.go('Send')
        lynx.wait('was accepted')
        answer = inside_mail(gateway, 'lynxed@inside.test', 'Re: lab results')
        assert answer.get_body(('plain',)).get_content().strip() == 'Written in lynx.'
    finally:
        lynx.end()
