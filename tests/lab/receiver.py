#!/usr/bin/env python3
"""A small scripted mail receiver for the lab: good or broken in exactly one way.

Usage: receiver.py MODE ADDRESS PORT RECORD [CERT KEY]
or:    receiver.py --many FILE, a JSON list of {mode, address, port, record, cert, key, options}
Each message (and each broken attempt) is one JSON line in RECORD. Modes: good, no-starttls,
garbled, refuse454, tls10, reject (550 at RCPT), tempfail (451 at RCPT), greylist (451 at the first RCPT of a
sender and recipient), hundred (452 from the 101st recipient of a transaction on), slow (one octet at a time),
inject (a reply behind the 220 of STARTTLS), drop (closes in the middle of the message), silent (never greets), flip (garbled at first, no offer
afterwards: what a stripping attacker looks like).

options['quirks'], a list: what was announced proves false (each after a report, see docs/field.md):
unread-chunk (refuses BDAT without reading the chunk), one-at-a-time (takes the first command of what came in one read),
large-hello-closes, large-hello-hangs (a ClientHello of more than one segment is not answered: tldr.fail), no-dsn, no-size, no-8bit, no-utf8 (refuses the parameters), ehlo-closes, ehlo-unknown, bare-lf (in its replies),
ehlo-mute, tls-closes, tls-mute (at EHLO, at the ClientHello).
"""
import json
import socket
import ssl
import sys
import threading
import time


class Receiver:
    def __init__(self, mode, address, port, record, cert=None, key=None, options=None):
        self.mode, self.record, self.lock = mode, record, threading.Lock()
        self.address = address
        self.options = options or {}
        self.context = None
        if cert:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.apply(self.context)
            if mode == 'tls10':
                self.context.set_ciphers('ALL:@SECLEVEL=0')
                self.context.minimum_version = ssl.TLSVersion.TLSv1
                self.context.maximum_version = ssl.TLSVersion.TLSv1
            self.context.load_cert_chain(cert, key)
        if 'sni' in self.options:
            self.context.sni_callback = self.choose
        family = socket.AF_INET6 if ':' in address else socket.AF_INET
        self.sessions = 0
        self.greylisted = set()
        self.server = socket.create_server((address, port), family=family, backlog=128)

    def apply(self, context):
        o = self.options
        if 'min' in o or 'max' in o:
            if o.get('max', 'TLSv1_3') < 'TLSv1_2':
                context.set_ciphers('ALL:@SECLEVEL=0')
            context.minimum_version = getattr(ssl.TLSVersion, o.get('min', 'TLSv1_2'))
            context.maximum_version = getattr(ssl.TLSVersion, o.get('max', 'TLSv1_3'))
        if 'ciphers' in o:
            context.set_ciphers(o['ciphers'])
        if 'dh_file' in o:
            context.load_dh_params(o['dh_file'])
        if o.get('client_ca'):
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(o['client_ca'])

    def choose(self, sock, name, context):
        """The default certificate is for somebody else; the right one only by its name."""
        if name == self.options['sni']:
            right = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            right.load_cert_chain(*self.options['sni_cert'])
            sock.context = right

    def write(self, **facts):
        facts.update(server=self.mode, address=self.address, at=time.time())
        with self.lock, open(self.record, 'a', encoding='utf-8') as out:
            out.write(json.dumps(facts) + '\n')

    def serve(self):
        while True:
            client, _ = self.server.accept()
            threading.Thread(target=self.guard, args=(client,), daemon=True).start()

    def guard(self, client):
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.settimeout(300)
        try:
            Session(self, client).run()
        except (OSError, ssl.SSLError, ValueError) as problem:
            self.write(event='broken', problem=str(problem))
        finally:
            client.close()


class Session:
    def __init__(self, receiver, client):
        self.r, self.client, self.file = receiver, client, client.makefile('rb')
        self.tls = None
        self.quirks = receiver.options.get('quirks', [])
        receiver.sessions += 1
        self.garbles = receiver.mode == 'garbled' or (receiver.mode == 'flip' and receiver.sessions <= 2)
        self.reset()

    def reset(self):
        self.sender, self.rcpts, self.asked = None, [], {}

    def say(self, text):
        data = text.encode() + (b'\n' if 'bare-lf' in self.quirks else b'\r\n')
        if self.r.mode == 'slow':
            for i in range(len(data)):
                self.client.sendall(data[i:i + 1])
                time.sleep(0.002)
        else:
            self.client.sendall(data)

    def run(self):
        if self.r.mode == 'silent':
            self.r.write(event='called')
            time.sleep(60)
        self.say('220 receiver ESMTP')
        while True:
            line = self.next_line()
            if not line or not self.command(line.decode('latin-1').strip()):
                return

    def next_line(self):
        if 'one-at-a-time' in self.quirks:
            return self.client.recv(65536).split(b'\n')[0]
        return self.file.readline(4096)

    def command(self, line):
        verb = line.split(' ')[0].upper()
        self.r.write(event='command', line=line) if 'says' in self.r.options else None
        if verb in ('MAIL', 'DATA') and verb in self.r.options.get('says', {}):
            self.say(self.r.options['says'][verb])
            self.no_mail = verb == 'MAIL'
            return True
        if verb in ('RCPT', 'DATA') and getattr(self, 'no_mail', False):
            self.say('503 5.5.1 MAIL first')
            return True
        handler = getattr(self, 'on_' + verb.lower(), None)
        if handler is None:
            self.say('500 5.5.1 unknown')
            return True
        return handler(line)

    def on_ehlo(self, line):
        if 'ehlo-mute' in self.quirks:
            time.sleep(60)
            return False
        if 'ehlo-closes' in self.quirks and line.upper().startswith('EHLO'):
            return False
        if 'ehlo-unknown' in self.quirks and line.upper().startswith('EHLO'):
            self.say('500 5.5.1 unknown')
            return True
        offer = self.r.mode != 'no-starttls' and not self.tls and (self.r.context or self.garbles or self.r.mode == 'refuse454')
        keyword = self.r.options.get('keyword', 'STARTTLS')
        offer = offer or (self.r.options.get('show') and not self.tls)
        offer = offer and not self.switched_off()
        if self.tls and self.r.options.get('requiretls'):
            keyword, offer = 'REQUIRETLS', True
        caps = ['receiver', 'PIPELINING', 'SIZE 50000000', '8BITMIME', 'ENHANCEDSTATUSCODES', 'SMTPUTF8'] + ([keyword] if offer else [])
        caps += self.r.options.get('caps', [])
        caps = [c for c in caps if c not in ('8BITMIME', 'SMTPUTF8')] if self.r.options.get('no8bit') else caps
        caps = [c for c in caps if c not in self.r.options.get('without', [])]
        if self.tls and 'auth' in self.r.options:
            caps.append('AUTH ' + self.r.options.get('mechanisms', 'PLAIN LOGIN'))
        for i, cap in enumerate(caps):
            self.say(('250 ' if i == len(caps) - 1 else '250-') + cap)
        return True

    def switched_off(self):
        try:
            with open(self.r.options['switch_file'], encoding='ascii') as text:
                return text.read() == 'plain'
        except (KeyError, FileNotFoundError):
            return False

    def on_lhlo(self, line):
        return self.on_ehlo(line)

    def on_auth(self, line):
        words = line.split(' ')
        if words[1] in self.r.options.get('refuses', {}):
            self.r.write(event='mechanism-refused', mechanism=words[1])
            self.say(self.r.options['refuses'][words[1]])
            return True
        good = self.tls and words[1:] == ['PLAIN', self.r.options.get('auth')]
        self.r.write(event='login' if good else 'login-refused', tls=self.tls)
        self.user = good
        self.say('235 2.7.0 in' if good else '535 5.7.8 no')
        return True

    def on_bdat(self, line):
        words = line.split(' ')
        if 'unread-chunk' in self.quirks:
            self.say('502 5.5.1 not implemented')
            return True
        data = self.file.read(int(words[1]))
        if not self.rcpts:
            self.say('503 5.5.1 no recipients')
            return True
        self.chunks = getattr(self, 'chunks', b'') + data
        self.sizes = getattr(self, 'sizes', []) + [len(data)]
        if words[-1].upper() != 'LAST':
            self.say('250 2.0.0 more')
            return True
        self.taken(self.chunks, self.sizes)
        self.chunks, self.sizes = b'', []
        return True

    def taken(self, data, chunks=()):
        self.messages = getattr(self, 'messages', 0) + 1
        if 'dot' in self.r.options.get('says', {}):
            self.say(self.r.options['says']['dot'])
            self.reset()
            return
        if self.r.options.get('lost'):
            raise OSError('closes behind the dot')
        self.r.write(event='message', sender=self.sender, rcpts=self.rcpts, tls=self.tls, parameters=self.parameters, data=data.decode('latin-1'),
                     chunks=list(chunks), asked=self.asked)
        for rcpt in self.rcpts if self.r.options.get('lmtp') else ['']:
            self.say('452 4.2.2 full' if rcpt.startswith('full') else '250 2.0.0 taken')
        self.reset()

    def on_helo(self, line):
        self.say('250 receiver')
        return True

    def on_starttls(self, line):
        if self.r.mode == 'refuse454':
            self.r.write(event='starttls-refused')
            self.say('454 4.7.0 TLS not available')
            return True
        if 'starttls_reply' in self.r.options:
            self.say(self.r.options['starttls_reply'])
            return True
        if self.r.mode == 'inject':
            self.client.sendall(b'220 2.0.0 ready\r\n250 injected\r\n')
            self.r.write(event='injected')
            time.sleep(0.5)
            return False
        self.say('220 2.0.0 ready')
        if 'tls-closes' in self.quirks or 'tls-mute' in self.quirks:
            self.client.recv(512)
            time.sleep(60 if 'tls-mute' in self.quirks else 0)
            return False
        if self.garbles:
            self.client.recv(512)
            self.client.sendall(b'this is not TLS at all, it is a line of text\r\n')
            self.r.write(event='garbled')
            self.client.settimeout(1)
            rest = b''
            try:
                while chunk := self.client.recv(4096):
                    rest += chunk
            except OSError:
                pass
            if b'MAIL' in rest.upper():
                self.r.write(event='plaintext-after-garble')
            return False
        if any(q.startswith('large-hello') for q in self.quirks) and self.is_large_hello():
            return False
        self.client = self.r.context.wrap_socket(self.client, server_side=True)
        self.file = self.client.makefile('rb')
        self.tls = {'version': self.client.version(), 'cipher': self.client.cipher()[0], 'bits': self.client.cipher()[2]}
        self.reset()
        return True

    def is_large_hello(self):
        """Takes the first segment for all of it, as some servers and firewalls do."""
        octets = 5 + int.from_bytes(self.client.recv(5, socket.MSG_PEEK | socket.MSG_WAITALL)[3:5], 'big')
        self.r.write(event='hello', octets=octets)
        if octets > 1460 and 'large-hello-hangs' in self.quirks:
            while self.client.recv(65536):
                pass
        return octets > 1460

    def on_mail(self, line):
        if 'busy' in self.r.options:
            self.say(self.r.options['busy'])
            return False
        if self.r.options.get('once') and getattr(self, 'messages', 0) > 0:
            return False  # without a word, as a kept connection ends
        self.reset()
        if 'auth' in self.r.options and not getattr(self, 'user', False):
            self.r.write(event='mail-without-login')
            self.say('530 5.7.0 log in')
            return True
        self.sender = line[line.index('<') + 1:line.index('>')]
        self.parameters = line[line.index('>') + 1:].split()
        return self.refuse_parameter(self.parameters) or self.say('250 2.1.0 ok') or True

    def refuse_parameter(self, parameters):
        """What was announced and is refused all the same."""
        refused = {'no-dsn': ('RET=', 'ENVID=', 'NOTIFY=', 'ORCPT='), 'no-size': ('SIZE=',), 'no-8bit': ('BODY=',), 'no-utf8': ('SMTPUTF8',)}
        for quirk in self.quirks:
            for parameter in parameters:
                if parameter.startswith(refused.get(quirk, ())):
                    self.r.write(event='parameter-refused', parameter=parameter)
                    self.say('555 5.5.4 unsupported parameter' if quirk == 'no-size' else '501 5.5.4 syntax error in parameters')
                    return True
        return False

    def on_rcpt(self, line):
        path = line[line.index('<') + 1:line.index('>')]
        says = self.r.options.get('says', {})
        if 'RCPT' in says or path.split('@')[0] in says:
            self.say(says.get(path.split('@')[0], says.get('RCPT')))
        elif self.r.mode == 'reject':
            self.r.write(event='rejected', rcpt=path)
            self.say('550 5.1.1 no such person here' + (' and a long explanation' * 25 if path.startswith('long') else ''))
        elif self.r.mode == 'tempfail':
            self.r.write(event='tempfailed', rcpt=path)
            self.say('451 4.2.0 come back later')
        elif self.r.mode == 'greylist' and (self.sender, path) not in self.r.greylisted:
            self.r.greylisted.add((self.sender, path))
            self.r.write(event='greylisted', rcpt=path, sender=self.sender)
            self.say('451 4.7.1 greylisted, come back later')
        elif self.r.mode == 'hundred' and len(self.rcpts) >= 100:
            self.say('452 4.5.3 too many recipients')
        elif path.startswith('nobody'):
            self.say('550 5.1.1 no such person here')
        elif self.refuse_parameter(line[line.index('>') + 1:].split()):
            pass
        else:
            self.rcpts.append(path)
            self.asked[path] = line[line.index('>') + 1:].split()
            self.say('250 2.1.5 ok')
        return True

    def on_data(self, line):
        if not self.rcpts:
            self.say('554 5.5.1 no recipients')
            return True
        if not self.tls:
            self.r.write(event='data-in-clear')
        self.say('354 go ahead')
        data = bytearray()
        if 'one-at-a-time' in self.quirks:
            self.file = self.client.makefile('rb')
        while True:
            chunk = self.file.readline(1 << 20)
            if not chunk:
                self.r.write(event='cut', octets=len(data))
                return False
            if chunk == b'.\r\n':
                break
            data += chunk[1:] if chunk.startswith(b'.') else chunk
            if self.r.mode == 'drop' and len(data) > 200:
                self.r.write(event='dropped')
                return False
        self.taken(data)
        return True

    def on_rset(self, line):
        self.reset()
        self.say('250 2.0.0 ok')
        return True

    def on_noop(self, line):
        self.say('250 2.0.0 ok')
        return True

    def on_quit(self, line):
        self.say('221 2.0.0 bye')
        return False


def many(path):
    """One process, a thread for each receiver: the scorecard has a hundred of them."""
    with open(path, encoding='utf-8') as text:
        receivers = [Receiver(**r) for r in json.load(text)]
    for r in receivers:
        threading.Thread(target=r.serve, daemon=True).start()
    threading.Event().wait()


if __name__ == '__main__' and sys.argv[1] == '--many':
    many(sys.argv[2])
elif __name__ == '__main__':
    Receiver(sys.argv[1], sys.argv[2], int(sys.argv[3]), *sys.argv[4:]).serve()
