"""The scorecard's part of the lab: zones, certificates, receivers and policy web servers of tls_domains.py."""
import gzip
import hashlib
import json
import os
import subprocess
import sys

import tls_domains

HERE = os.path.dirname(os.path.abspath(__file__))
WEB, REPORT_WEB = '127.0.1.200', '127.0.1.201'


class TlsWorld:
    def __init__(self, lab):
        self.lab = lab
        self.domains = tls_domains.DOMAINS
        self.all = tls_domains.DOMAINS + tls_domains.OTHERS

    # --- certificates --------------------------------------------------------------------------
    def make_certificates(self):
        for d in self.all:
            for h in d.hosts:
                if h.cert:
                    self.make(d, h)
            if d.sts:
                self.make_web(d)
        for bits in (1024, 2048):
            self.lab.run('openssl', 'dhparam', '-dsaparam', '-out', self.lab.path('ca', f'dh{bits}'), str(bits))

    def make(self, d, h):
        ca = self.lab.path('ca')
        base = os.path.join(ca, h.name)
        kind = h.cert
        if kind in ('good', 'wrong', 'expired', 'ending'):
            self.lab.make_certificate(h.name, kind)
        elif kind in ('chain', 'wrongchain', 'hopchain', 'oldchain'):
            plain = {'chain': 'good', 'wrongchain': 'wrong', 'hopchain': 'good', 'oldchain': 'expired'}[kind]
            self.lab.make_certificate(d.name if kind == 'hopchain' else h.name, plain, name=h.name)
            with open(base + '.pem', 'a') as out, open(os.path.join(ca, 'ca.pem')) as authority:
                out.write(authority.read())
        elif kind in ('self', 'selfold'):
            days = [] if kind == 'self' else ['-not_before', '20200101000000Z', '-not_after', '20200201000000Z']
            self.self_signed(base, 'unrelated.name.invalid' if kind == 'self' else h.name, bool(days))
        elif kind in ('rsa', 'rsa1024', 'sha1', 'nosan'):
            self.special(h, kind)
        elif kind.startswith('longchain'):
            self.long_chain(h, int(kind[9:]))

    def self_signed(self, base, name, expired):
        if not expired:
            self.lab.run('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '20', '-keyout', base + '.key',
                         '-out', base + '.pem', '-subj', '/CN=' + name, '-addext', 'subjectAltName=DNS:' + name)
            return
        self.lab.run('openssl', 'req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', base + '.key', '-out', base + '.csr', '-subj', '/CN=' + name)
        self.lab.run('openssl', 'ca', '-batch', '-selfsign', '-config', self.lab.path('ca', 'ca.cnf'), '-keyfile', base + '.key', '-in', base + '.csr', '-out', base + '.pem',
                     '-notext', '-startdate', '20200101000000Z', '-enddate', '20200201000000Z')

    def special(self, h, kind):
        base = self.lab.path('ca', h.name)
        bits = '1024' if kind == 'rsa1024' else '2048'
        san = [] if kind == 'nosan' else ['-addext', 'subjectAltName=DNS:' + h.name]
        self.lab.run('openssl', 'req', '-newkey', 'rsa:' + bits, '-nodes', '-keyout', base + '.key', '-out', base + '.csr', '-subj', '/CN=' + h.name, *san)
        self.lab.run('openssl', 'ca', '-batch', '-config', self.lab.path('ca', 'ca.cnf'), '-cert', self.lab.path('ca', 'ca.pem'), '-keyfile', self.lab.path('ca', 'ca.key'),
                     '-in', base + '.csr', '-out', base + '.pem', '-notext', '-days', '20', *(['-md', 'sha1'] if kind == 'sha1' else []))

    def long_chain(self, h, n):
        """Very many certificates, most of them the same authority again."""
        self.lab.make_certificate(h.name, 'good')
        with open(self.lab.path('ca', 'ca.pem')) as authority:
            one = authority.read()
        with open(self.lab.path('ca', h.name + '.pem'), 'a') as out:
            out.write(one * (n - 1))

    def make_web(self, d):
        host, kind = 'mta-sts.' + d.name, d.sts['web']
        if kind == 'self':
            self.self_signed(self.lab.path('ca', host), host, False)
        else:
            self.lab.make_certificate(host, kind if kind in ('expired', 'wrong') else 'good')

    # --- DNS -----------------------------------------------------------------------------------
    def digest(self, h, what, selector, matching):
        """The data of a TLSA record, made with openssl, not with our own code."""
        if what.startswith('n') or what == 'wrong':
            return hashlib.sha512(what.encode()).hexdigest()[:64 if matching == 1 else 128]
        if what == 'short':
            return '00' * 20
        pem = self.lab.path('ca', 'ca.pem' if what == 'ca' else h.name + '.pem')
        if selector == 0:
            der = subprocess.run(['openssl', 'x509', '-in', pem, '-outform', 'DER'], check=True, capture_output=True).stdout
        else:
            key = subprocess.run(['openssl', 'x509', '-in', pem, '-noout', '-pubkey'], check=True, capture_output=True).stdout
            der = subprocess.run(['openssl', 'pkey', '-pubin', '-outform', 'DER'], input=key, check=True, capture_output=True).stdout
        return der.hex() if matching == 0 else hashlib.sha512(der).hexdigest() if matching == 2 else hashlib.sha256(der).hexdigest()

    def tlsa_lines(self, d, h):
        at = f'{h.tlsa_at}.{d.name}' if h.tlsa_at else h.name
        for record in h.tlsa:
            usage, selector, matching, what = record.split()
            yield f'_25._tcp.{at}. TLSA {usage} {selector} {matching} {self.digest(h, what, int(selector), int(matching))}'

    def lines(self, d):
        """Zone lines of one domain, with the names they stand at."""
        for h in d.hosts:
            yield h.name, f'{h.name}. A {h.address}'
            if h.alias:
                yield d.name, f'{h.alias}.{d.name}. CNAME {h.name}.'
            if d.mx:
                yield d.name, f'{d.name}. MX {h.preference} {h.alias + "." + d.name if h.alias else h.name}.'
            for line in self.tlsa_lines(d, h):
                yield line.split()[0][:-1], line
        if d.sts:
            yield d.name, f'_mta-sts.{d.name}. TXT "v=STSv1; id={hashlib.sha256(d.name.encode()).hexdigest()[:20]};"'
            yield d.name, f'mta-sts.{d.name}. A {WEB}'
        if d.broken:
            yield d.name, f'{d.broken}. NS ns.test.'
        for line in d.extra:
            yield d.name, line

    def of_zone(self, zone):
        others = ('insecure.test', 'expiredsig.test', 'bogus.test')
        for d in self.all:
            for at, line in self.lines(d):
                home = next((z for z in others if at == z or at.endswith('.' + z)), 'test')
                if home == zone:
                    yield line

    def signed_lines(self):
        return ['insecure NS ns.test.', 'expiredsig NS ns.test.', 'tlsrpt A ' + REPORT_WEB, *self.of_zone('test')]

    def zones(self, leaf):
        lab = self.lab
        insecure = lab.path('zones', 'insecure.zone')
        with open(insecure, 'w') as out:
            out.write(leaf('insecure.test', '\n'.join(self.of_zone('insecure.test')) + '\n'))
        expired, ds = lab.sign('expiredsig.test', leaf('expiredsig.test', '\n'.join(self.of_zone('expiredsig.test')) + '\n'),
                               '-i', '20200101000000', '-e', '20200201000000')
        broken = [(d.broken, lab.path('zones', 'missing')) for d in self.all if d.broken]
        return [('insecure.test', insecure), ('expiredsig.test', expired), *broken], ds

    # --- servers -------------------------------------------------------------------------------
    def receivers(self):
        for d in self.all:
            for h in d.hosts:
                options = dict(h.options)
                cert = self.lab.path('ca', h.name)
                pair = {'cert': cert + '.pem', 'key': cert + '.key'} if h.cert else {}
                if 'dh' in options:
                    options['dh_file'] = self.lab.path('ca', f'dh{options.pop("dh")}')
                if options.pop('client_certificate', False):
                    options['client_ca'] = self.lab.path('ca', 'ca.pem')
                if options.pop('switch', False):
                    options['switch_file'] = self.lab.path('etc', 'switch-' + d.name)
                if options.pop('sni', False):
                    options.update(sni=h.name, sni_cert=[cert + '.pem', cert + '.key'])
                    other = self.lab.path('ca', 'mx.wrongname.test')
                    pair = {'cert': other + '.pem', 'key': other + '.key'}
                yield {'mode': h.mode, 'address': h.address, 'port': 25, 'record': self.lab.path('records', 'host-' + h.name), 'options': options, **pair}

    def start(self):
        with open(self.lab.path('etc', 'receivers.json'), 'w') as out:
            json.dump(list(self.receivers()), out)
        self.lab.start('receivers', [sys.executable, os.path.join(HERE, 'receiver.py'), '--many', self.lab.path('etc', 'receivers.json')])
        self.start_web()
        self.start_report_web()
        self.lab.wait_port(self.all[-1].hosts[-1].address, 25)
        self.lab.wait_port(WEB, 443)

    def web_server(self, d):
        host, kind = 'mta-sts.' + d.name, d.sts['web']
        place = self.lab.path('web', d.name, '.well-known')
        os.makedirs(place, exist_ok=True)
        if kind != 'missing':
            text = d.sts['text'].encode()
            with open(os.path.join(place, 'mta-sts.txt'), 'wb') as out:
                out.write(gzip.compress(text) if kind == 'gzip' else text)
        special = {'redirect': f'return 301 https://mta-sts.stsgood.insecure.test/.well-known/mta-sts.txt;', 'html': 'default_type text/html; types {}',
                   'slow': 'limit_rate 100;', 'gzip': 'add_header Content-Encoding gzip; default_type text/plain; types {}'}.get(kind, 'default_type text/plain; types {}')
        base = self.lab.path('ca', host)
        return (f'server {{ listen {WEB}:443 ssl; server_name {host}; ssl_certificate {base}.pem; ssl_certificate_key {base}.key; '
                f'root {self.lab.path("web", d.name)}; location / {{ {special} {"default_type text/plain; types {}" if kind == "slow" else ""} }} }}\n')

    def start_web(self):
        config = self.lab.path('etc', 'nginx.conf')
        for name in ('web', 'web/temp'):
            os.makedirs(self.lab.path(name), exist_ok=True)
        temp = ' '.join(f'{n}_temp_path {self.lab.path("web", "temp", n)};' for n in ('client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'))
        with open(config, 'w') as out:
            out.write(f'user root; daemon off; worker_processes 1; pid {self.lab.path("pids", "nginx.own")}; error_log stderr;\n'
                      f'events {{ worker_connections 512; }}\nhttp {{ access_log {self.lab.path("log", "web")}; server_names_hash_bucket_size 128; {temp}\n')
            out.write(''.join(self.web_server(d) for d in self.all if d.sts))
            out.write('}\n')
        self.lab.start('nginx', [os.path.join(self.lab.root, 'usr/sbin/nginx'), '-c', config, '-e', 'stderr'], env=self.lab.linker_env())

    def start_report_web(self):
        """Takes TLS reports by https and keeps them."""
        self.lab.make_certificate('tlsrpt.test', 'good')
        base = self.lab.path('ca', 'tlsrpt.test')
        self.lab.start('report-web', [sys.executable, os.path.join(HERE, 'report_web.py'), REPORT_WEB, base + '.pem', base + '.key', self.lab.path('records', 'posted')])
        self.lab.wait_port(REPORT_WEB, 443)

    def switch(self, domain, mode):
        """plain: the server offers no encryption from now on; good: it does."""
        with open(self.lab.path('etc', 'switch-' + domain), 'w') as out:
            out.write(mode)

    def set_policy(self, domain, text):
        with open(self.lab.path('web', domain, '.well-known', 'mta-sts.txt'), 'w', newline='') as out:
            out.write(text)

    # --- for the gateway ---------------------------------------------------------------------------
    def rules(self):
        host = next(h for d in self.all if d.name == 'pinned.test' for h in d.hosts)
        return tls_domains.RULES.replace('{ca}', self.lab.path('ca')).replace('{pin}', self.digest(host, 'own', 1, 1))

    def seen_messages(self, name):
        """What the servers of that domain took."""
        return [e for d in self.all if d.name == name for e in self.seen(d) if e['event'] == 'message']

    def seen(self, d):
        """All that the domain's servers saw."""
        return [r for h in d.hosts for r in self.lab.received('host-' + h.name)]
