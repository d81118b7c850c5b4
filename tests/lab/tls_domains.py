"""The domains of the TLS scorecard: what each publishes, how its servers behave, and what must become of
mail to it. The expectations come from RFC 7672, 8461, 8689 and 3207, not from what the gateway does.

A domain under insecure.test lies in an unsigned zone, any other in a signed one. Hosts get their addresses
in the order of this file: 127.0.4.1, 127.0.4.2, ...
"""
from dataclasses import dataclass, field


@dataclass
class Host:
    label: str = 'mx'          # host name below the domain, or a whole name with a dot at its end
    mode: str = 'good'         # of receiver.py
    cert: str = 'good'         # kind of certificate, see lab.py
    tlsa: list = field(default_factory=list)  # 'USAGE SELECTOR MATCHING WHAT': WHAT is own, ca, wrong, short
    preference: int = 10
    options: dict = field(default_factory=dict)  # of receiver.py
    tlsa_at: str = None        # name that carries the TLSA records, when not the host's own
    alias: str = None          # the MX record names this alias (CNAME) of the host
    address: str = None
    name: str = None


@dataclass
class Domain:
    name: str
    hosts: list
    expect: str                # delivered, waiting, returned
    reason: str
    grade: str = ''
    sts: dict = None           # policy text, mode of the web server
    extra: list = field(default_factory=list)  # further zone lines
    mx: bool = True            # False: implicit MX
    clear: bool = False        # plain text may be used
    broken: str = None         # a zone whose name server only says SERVFAIL
    note: str = ''


def policy(mode, *mx, age=86400):
    return 'version: STSv1\r\nmode: ' + mode + '\r\n' + ''.join(f'mx: {m}\r\n' for m in mx) + f'max_age: {age}\r\n'


def I(name):
    return name + '.insecure.test'


def sts_domain(name, text, expect, reason, grade='', web='good', hosts=None, **more):
    return Domain(I(name), hosts or [Host()], expect, reason, grade, sts={'text': text, 'web': web}, **more)


D, H = Domain, Host
EE, TA = ['3 1 1 own'], ['2 1 1 ca']
DOMAINS = [
    # --- DANE (RFC 7672)
    D('dane311.test', [H(cert='self', tlsa=EE)], 'delivered', 'sent', 'auth', note='usage 3: name and dates do not count'),
    D('dane311old.test', [H(cert='selfold', tlsa=EE)], 'delivered', 'sent', 'auth'),
    D('dane310.test', [H(cert='self', tlsa=['3 1 0 own'])], 'delivered', 'sent', 'auth', note='the whole key in the record'),
    D('dane312.test', [H(cert='self', tlsa=['3 1 2 own'])], 'delivered', 'sent', 'auth'),
    D('dane301.test', [H(cert='self', tlsa=['3 0 1 own'])], 'delivered', 'sent', 'auth'),
    D('dane211.test', [H(cert='chain', tlsa=TA)], 'delivered', 'sent', 'auth'),
    D('dane200.test', [H(cert='good', tlsa=['2 0 0 ca'])], 'delivered', 'sent', 'auth', note='the authority stands whole in the record'),
    D('dane211name.test', [H(cert='wrongchain', tlsa=TA)], 'waiting', 'dane-mismatch', note='usage 2: the name counts'),
    D('dane211hop.test', [H(cert='hopchain', tlsa=TA)], 'delivered', 'sent', 'auth', note='the next-hop domain is a reference name'),
    D('dane211old.test', [H(cert='oldchain', tlsa=TA)], 'waiting', 'dane-mismatch', note='usage 2: dates count'),
    # RFC 7672 2.2 MUST: usable records: TLS, and the server proves itself by them
    # RFC 7672 3.2 MUST NOT: nothing is delivered where none fits
    # RFC 7672 9.1 MUST NOT: no delivery without a match unless configured
    D('danewrong.test', [H(tlsa=['3 1 1 wrong'])], 'waiting', 'dane-mismatch', note='a good certificate does not rescue it'),
    D('danerollover.test', [H(tlsa=['3 1 1 wrong', '3 1 1 own'])], 'delivered', 'sent', 'auth'),
    D('daneagility.test', [H(tlsa=['3 1 1 own', '3 1 2 wrong'])], 'waiting', 'dane-mismatch', note='the strongest digest counts'),
    D('daneunusable.test', [H(cert='wrong', tlsa=['0 0 1 own', '1 0 1 own'])], 'delivered', 'sent', 'encrypt', note='usages 0 and 1: TLS without authentication'),
    D('danepkix.test', [H(cert='wrong', tlsa=['1 1 1 own'])], 'delivered', 'sent', 'encrypt'),
    D('daneshort.test', [H(cert='wrong', tlsa=['3 1 1 short'])], 'delivered', 'sent', 'encrypt', note='a digest of the wrong length is unusable'),
    D('daneunknown.test', [H(cert='wrong', tlsa=['3 2 1 own', '3 1 9 own'])], 'delivered', 'sent', 'encrypt'),
    # RFC 7672 2.2 MUST: unusable records: TLS, without a proof
    # RFC 7672 2.2.3 MUST NOT: secure records of any kind: nothing in clear
    D('daneunusableplain.test', [H(mode='no-starttls', cert=None, tlsa=['0 0 1 wrong'])], 'waiting', 'no-starttls', note='even unusable records forbid plain text'),
    D('daneplain.test', [H(mode='no-starttls', cert=None, tlsa=['3 1 1 wrong'])], 'waiting', 'no-starttls'),
    D('danehandshake.test', [H(mode='garbled', cert=None, tlsa=['3 1 1 wrong'])], 'waiting', 'tls-failed'),
    # RFC 7672 2.1.2 MUST NOT: no connection to a host whose TLSA lookup failed
    # RFC 7672 2.2 MUST: lookup errors: the next server, or the mail waits
    D('tlsafail.test', [H()], 'waiting', 'tlsa-lookup', broken='_tcp.mx.tlsafail.test', note='TLSA cannot be looked up'),
    D('tlsamany.test', [H(tlsa=['3 1 1 wrong'] + [f'3 1 1 n{i}' for i in range(500)])], 'waiting', 'tlsa-lookup', note='500 records'),
    # RFC 7672 2.2.1 SHOULD: the name of the MX record is logged, not its alias
    D('danealias.test', [H(cert='self', tlsa=EE, alias='mail')], 'delivered', 'sent', 'auth', note='MX is a secure alias; TLSA at its end'),
    D('danealiasfirst.test', [H(cert='self', tlsa=EE, alias='mail', tlsa_at='mail')], 'delivered', 'sent', 'auth', note='TLSA only at the alias'),
    D('danealiasout.test', [H(label='out.hosts.insecure.test.', cert='self', tlsa=EE, alias='mail', tlsa_at='mail')], 'delivered', 'sent', 'auth', note='a secure alias into an unsigned zone'),
    # RFC 7672 2.2 MUST: where that fails, the next server, or the mail waits
    D('danefirst.test', [H('mx1', tlsa=['3 1 1 wrong']), H('mx2', preference=20)], 'delivered', 'sent', 'auth', note='the failing host is unreachable, the next is tried'),
    D('daneimplicit.test', [H('@', cert='self', tlsa=EE)], 'delivered', 'sent', 'auth', mx=False),
    # RFC 7672 2.2.1 MUST NOT: a server found insecurely is not called proved
    D(I('danesecurehost'), [H('mx.danehost.test.', tlsa=EE)], 'delivered', 'sent', 'cert', note='unsigned MX, signed host: used, but the name is not vouched for'),
    # RFC 7672 2.2.1 MAY: DANE also behind an insecure MX
    D(I('danesecurebad'), [H('mx.danehostbad.test.', tlsa=['3 1 1 wrong'])], 'waiting', 'dane-mismatch'),
    D('bogushost.test', [H('mx.host.bogus.test.')], 'waiting', 'mx-lookup', note='the address of the host is forged'),
    D('x.expiredsig.test', [H()], 'waiting', 'mx-lookup', note='signatures have expired'),
    # --- MTA-STS (RFC 8461)
    sts_domain('stsgood', policy('enforce', I('mx.stsgood')), 'delivered', 'sent', 'auth'),
    sts_domain('stslf', policy('enforce', I('MX.stslf')).replace('\r\n', '\n'), 'delivered', 'sent', 'auth', note='LF line ends, capitals'),
    sts_domain('stswild', policy('enforce', '*.' + I('stswild')), 'delivered', 'sent', 'auth'),
    sts_domain('stswild2', policy('enforce', '*.' + I('stswild2')), 'waiting', 'mx-not-in-policy', hosts=[H('a.mx')], note='* is exactly one label'),
    # RFC 8461 5 MUST NOT: enforce: nothing to a host that does not fit
    # RFC 8461 5 SHOULD: what the policy forbids waits
    sts_domain('stsmx', policy('enforce', 'mx.other.test'), 'waiting', 'mx-not-in-policy'),
    # RFC 8461 3.4 MUST NOT: no policy of a parent domain
    D(I('below.stsmx'), [H()], 'delivered', 'sent', 'cert', note='the policy of the parent domain is none of its own'),
    # RFC 8461 4 MUST: the server's name is in the policy and its certificate is good
    sts_domain('stsself', policy('enforce', I('mx.stsself')), 'waiting', 'grade-too-low', hosts=[H(cert='self')]),
    # RFC 8461 4.2 MUST: the certificate is in time and of a trusted authority
    sts_domain('stsold', policy('enforce', I('mx.stsold')), 'waiting', 'grade-too-low', hosts=[H(cert='expired')]),
    sts_domain('stsname', policy('enforce', I('mx.stsname')), 'waiting', 'grade-too-low', hosts=[H(cert='wrong')]),
    # RFC 8461 4.2 MUST: the certificate names the server as DNS-ID
    sts_domain('stsnosan', policy('enforce', I('mx.stsnosan')), 'waiting', 'grade-too-low', hosts=[H(cert='nosan')], note='the name stands only in the subject'),
    # RFC 8461 5 MUST NOT: enforce: nothing without STARTTLS
    sts_domain('stsplain', policy('enforce', I('mx.stsplain')), 'waiting', 'no-starttls', hosts=[H(mode='no-starttls', cert=None)]),
    # RFC 8461 7.2 MUST: TLS 1.2 or newer
    sts_domain('ststls11', policy('enforce', I('mx.ststls11')), 'waiting', 'tls-failed', hosts=[H(options={'min': 'TLSv1_1', 'max': 'TLSv1_1'})]),
    # RFC 8461 5 MUST: testing: delivered as without
    sts_domain('ststesting', policy('testing', 'mx.other.test'), 'delivered', 'sent', 'encrypt', hosts=[H(cert='self')], note='testing changes nothing'),
    sts_domain('ststestplain', policy('testing', 'mx.other.test'), 'delivered', 'sent-plain', 'plain', hosts=[H(mode='no-starttls', cert=None)], clear=True),
    sts_domain('stsnone', policy('none'), 'delivered', 'sent', 'encrypt', hosts=[H(cert='self')]),
    sts_domain('stsmixed', policy('enforce', I('mx2.stsmixed')), 'delivered', 'sent', 'auth', hosts=[H('mx1'), H('mx2', preference=20)], note='the first is not in the policy'),
    # RFC 8461 3.3 MUST NOT: redirects are not followed
    sts_domain('stsredirect', policy('enforce', 'mx.other.test'), 'delivered', 'sent', 'cert', web='redirect', note='redirects are not followed'),
    # RFC 8461 3.3 MUST: only status 200 gives a policy
    sts_domain('sts404', policy('enforce', 'mx.other.test'), 'delivered', 'sent', 'cert', web='missing'),
    sts_domain('stsgzip', policy('enforce', 'mx.other.test'), 'waiting', 'mx-not-in-policy', web='gzip', note='packed, though not asked for (steemit/condenser#1406 is such a server)'),
    # RFC 8461 3.2 SHOULD: the media type is text/plain
    sts_domain('ststype', policy('enforce', 'mx.other.test'), 'delivered', 'sent', 'cert', web='html'),
    sts_domain('stsbig', policy('enforce', 'mx.other.test') + 'x: ' + 'y' * 70000 + '\r\n', 'delivered', 'sent', 'cert'),
    sts_domain('stshuge', policy('enforce', 'mx.other.test') + 'x: ' + 'y' * 10_000_000 + '\r\n', 'delivered', 'sent', 'cert', note='10 MB'),
    # RFC 8461 3.3 MAY: a minute and 64 KiB are the most
    sts_domain('stsslow', policy('enforce', 'mx.other.test') + 'x: ' + 'y' * 9000 + '\r\n', 'delivered', 'sent', 'cert', web='slow', note='drips for minutes: given up after 60 s'),
    sts_domain('stswebold', policy('enforce', 'mx.other.test'), 'delivered', 'sent', 'cert', web='expired'),
    sts_domain('stswebname', policy('enforce', 'mx.other.test'), 'delivered', 'sent', 'cert', web='wrong'),
    sts_domain('stswebself', policy('enforce', 'mx.other.test'), 'delivered', 'sent', 'cert', web='self'),
    sts_domain('stsmode', policy('enforced', 'mx.other.test'), 'delivered', 'sent', 'cert', note='an unknown mode is no policy'),
    sts_domain('stsnoage', 'version: STSv1\r\nmode: enforce\r\nmx: mx.other.test\r\n', 'delivered', 'sent', 'cert'),
    sts_domain('ststwo', policy('enforce', 'mx.other.test'), 'delivered', 'sent', 'cert', extra=['_mta-sts.ststwo TXT "v=STSv1; id=second;"'], note='two TXT records'),
    sts_domain('stsage0', policy('enforce', I('mx.stsage0'), age=0), 'delivered', 'sent', 'auth', note='max_age 0: for this delivery only'),
    D('ststxtfail.test', [H()], 'waiting', 'sts-lookup', broken='_mta-sts.ststxtfail.test', note='the TXT record cannot be looked up'),
    # RFC 8461 2 MUST NOT: MTA-STS does not rescue a failed DANE check
    D('stsdane.test', [H(tlsa=['3 1 1 wrong'])], 'waiting', 'dane-mismatch', sts={'text': policy('enforce', 'mx.stsdane.test'), 'web': 'good'}, note='MTA-STS does not rescue DANE'),
    D('stsdanegood.test', [H(cert='self', tlsa=EE)], 'delivered', 'sent', 'auth', sts={'text': policy('enforce', 'mx.other.test'), 'web': 'good'}, note='DANE on a secure MX decides alone'),
    D('stsunusable.test', [H(cert='wrong', tlsa=['1 1 1 own'])], 'waiting', 'grade-too-low', sts={'text': policy('enforce', 'mx.stsunusable.test'), 'web': 'good'}, note='unusable TLSA and enforce: TLS and a good certificate'),
    # --- TLS versions and ciphers, one by one
    D('tls13only.test', [H(options={'min': 'TLSv1_3'})], 'delivered', 'sent', 'auth'),
    D('tls12only.test', [H(options={'max': 'TLSv1_2'})], 'delivered', 'sent', 'auth'),
    D('tls11only.test', [H(options={'min': 'TLSv1_1', 'max': 'TLSv1_1'})], 'waiting', 'tls-failed', note='never in clear instead'),
    D('gcm128.test', [H(cert='rsa', options={'max': 'TLSv1_2', 'ciphers': 'ECDHE-RSA-AES128-GCM-SHA256'})], 'delivered', 'sent', 'auth'),
    D('chacha.test', [H(cert='rsa', options={'max': 'TLSv1_2', 'ciphers': 'ECDHE-RSA-CHACHA20-POLY1305'})], 'delivered', 'sent', 'auth'),
    D('dhe.test', [H(cert='rsa', options={'max': 'TLSv1_2', 'ciphers': 'DHE-RSA-AES256-GCM-SHA384', 'dh': 2048})], 'delivered', 'sent', 'auth'),
    D('cbc.test', [H(cert='rsa', options={'max': 'TLSv1_2', 'ciphers': 'ECDHE-RSA-AES256-SHA384'})], 'delivered', 'sent', 'auth'),
    D('cbcsha1.test', [H(cert='rsa', options={'max': 'TLSv1_2', 'ciphers': 'ECDHE-RSA-AES128-SHA'})], 'waiting', 'tls-failed'),
    D('staticrsa.test', [H(cert='rsa', options={'max': 'TLSv1_2', 'ciphers': 'AES256-GCM-SHA384'})], 'waiting', 'tls-failed', note='no forward secrecy'),
    D('anondh.test', [H(cert='rsa', options={'max': 'TLSv1_2', 'ciphers': 'ADH-AES256-GCM-SHA384:@SECLEVEL=0', 'dh': 2048})], 'waiting', 'tls-failed'),
    D('dh1024.test', [H(cert='rsa', options={'max': 'TLSv1_2', 'ciphers': 'DHE-RSA-AES256-GCM-SHA384:@SECLEVEL=0', 'dh': 1024})], 'waiting', 'tls-failed'),
    D('rsa1024.test', [H(cert='rsa1024', options={'ciphers': 'ALL:@SECLEVEL=0'})], 'delivered', 'sent', 'encrypt', note='too weak to prove anything'),
    D('sha1.test', [H(cert='sha1', options={'ciphers': 'ALL:@SECLEVEL=0'})], 'delivered', 'sent', 'encrypt'),
    D('longchain.test', [H(cert='longchain100')], 'delivered', 'sent', 'auth', note='a chain of 100 certificates'),
    D('hugechain.test', [H(cert='longchain400')], 'waiting', 'tls-failed', note='a chain of 400: more than 100 KB is not read'),
    # --- servers seen in the field
    D('lowercase.test', [H(options={'keyword': 'starttls'})], 'delivered', 'sent', 'auth'),
    D('refuse502.test', [H(options={'starttls_reply': '502 5.5.1 unknown command'})], 'waiting', 'tls-refused'),
    D('reply354.test', [H(options={'starttls_reply': '354 go ahead'})], 'waiting', 'tls-refused'),
    # RFC 8461 7.1 MUST: SNI to the server is its name
    D('needsni.test', [H(options={'sni': True})], 'delivered', 'sent', 'auth', note='the right certificate only by SNI'),
    D('wantscert.test', [H(options={'client_certificate': True})], 'waiting', 'tls-failed', note='demands a certificate of ours'),
    D('givescert.test', [H(options={'client_certificate': True})], 'delivered', 'sent', 'auth', note='the rule gives one'),
    D('masked.test', [H(mode='no-starttls', cert=None, options={'keyword': 'XXXXXXXA', 'show': True})], 'delivered', 'sent-plain', 'plain', clear=True, note='a firewall overwrote the keyword; told in the log'),
    D('plainfirst.test', [H('mx1', mode='no-starttls', cert=None), H('mx2', preference=20)], 'delivered', 'sent', 'auth', note='the first look finds the offer of the second'),
    D('plainboth.test', [H('mx1', mode='no-starttls', cert=None), H('mx2', mode='no-starttls', cert=None, preference=20)], 'delivered', 'sent-plain', 'plain', clear=True),
    D('garbledfirst.test', [H('mx1', mode='garbled', cert=None), H('mx2', mode='no-starttls', cert=None, preference=20)], 'waiting', 'no-starttls', note='an offer by one host binds the other'),
    D('wantstls.test', [H(mode='no-starttls', cert=None)], 'waiting', 'no-starttls', note='a rule demands encryption'),
    D('wantsauth.insecure.test', [H()], 'waiting', 'grade-too-low', note='a rule demands auth; the MX name is not vouched for'),
    # RFC 7672 2.2 MAY: DANE demanded for some destinations
    # RFC 7672 2.2.1 MUST: insecure MX and DANE demanded: the mail waits
    D('wantsdane.test', [H()], 'waiting', 'dane-required', note='a rule demands DANE'),
    D('pinned.test', [H(cert='self')], 'delivered', 'sent', 'pin', note='the key is pinned'),
    D('pinnedwrong.test', [H()], 'waiting', 'grade-too-low', note='another key is pinned'),
    D('strictonly.test', [H(cert='rsa', options={'max': 'TLSv1_2', 'ciphers': 'ECDHE-RSA-AES256-SHA384'})], 'waiting', 'tls-failed', note='a rule demands profile strict'),
]

# Domains of single tests: no part of the scorecard (expect is None).
OTHERS = [
    *[D(f'switch{i}.test', [H(options={'switch': True})], None, '') for i in range(1, 9)],
    D('reqtls.test', [H(options={'requiretls': True})], None, ''),
    D(I('reqtls'), [H(options={'requiretls': True})], None, '', note='the MX name is not vouched for'),
    sts_domain('stsmove', policy('enforce', I('mx.stsmove')), None, ''),
    sts_domain('stskept', policy('enforce', I('mx.stskept')), None, ''),
    D('chunks.test', [H(options={'caps': ['CHUNKING', 'BINARYMIME', 'DSN']})], None, ''),
    D('seven.test', [H(options={'without': ['8BITMIME', 'SMTPUTF8']})], None, '', extra=['xn--sven-lpa MX 10 mx.seven.test.']),
    D('eight.test', [H(options={'without': ['SMTPUTF8']})], None, ''),
    D('busy.test', [H('mx1', options={'caps': ['CHUNKING'], 'busy': '421 4.3.2 too much to do'}), H('mx2', preference=20, options={'caps': ['CHUNKING']})], None, ''),
    D('stale.test', [H(options={'caps': ['CHUNKING'], 'once': True})], None, ''),
    D('smarthost.test', [H(options={'auth': 'AGxvZ2luQGluc2lkZS50ZXN0AHNlY3JldA=='})], None, ''),
    D('smartodd.test', [H(options={'auth': 'AGxvZ2luQGluc2lkZS50ZXN0AHNlY3JldA==', 'mechanisms': 'SCRAM-SHA-256-PLUS SCRAM-SHA-256 X-OAUTH PLAIN',
                                   'refuses': {'SCRAM-SHA-256-PLUS': '504 5.5.4 unrecognized mechanism', 'SCRAM-SHA-256': '534 5.7.9 too weak for this user'}})], None, ''),
    D('lmtp.test', [H(options={'lmtp': True})], None, ''),
    D('preload.insecure.test', [H()], None, ''),
    D('shared1.test', [H('mx.shared.test.', cert='self')], None, ''),
    D('xn--mller-kva.test', [H(cert='self')], None, '', note='a rule names it as müller.test'),
    D('xn--bcher-kva.test', [H(options={'switch': True})], None, ''),
    D('rptbox.test', [H()], None, ''),
    # choice of hosts: test_hosts.py
    D('looksilent.test', [H('mx1', mode='no-starttls', cert=None), H('mx2', mode='silent', preference=20)], None, ''),
    D('looktwo.test', [H('mx', mode='no-starttls', cert=None)], None, '', extra=['mx.looktwo A 127.0.6.1']),
    D('looknine.test', [H('mx0', mode='no-starttls', cert=None), *[H(f'mx{i}', mode='no-starttls', cert=None, preference=10 + i) for i in range(1, 9)]], None, ''),
    D('lookpatience.test', [H('mx1', mode='no-starttls', cert=None), H('mx2', mode='silent', preference=20)], None, ''),
    D('latermail.test', [H('mx1', options={'says': {'MAIL': '451 4.3.2 not now'}}), H('mx2', preference=20)], None, ''),
    D('laterrcpt.test', [H('mx1', options={'says': {'late': '450 4.2.0 greylisted', 'gone': '550 5.1.1 no such user'}}), H('mx2', preference=20)], None, ''),
    D('laterdata.test', [H('mx1', options={'says': {'DATA': '451 4.3.0 not now'}}), H('mx2', preference=20)], None, ''),
    D('laterdot.test', [H('mx1', options={'says': {'dot': '452 4.3.1 disk full'}}), H('mx2', preference=20)], None, ''),
    D('notus.test', [H('mx1', options={'says': {'MAIL': '554 5.7.1 blocked by a list'}}), H('mx2', preference=20, options={'says': {'RCPT': '554 5.7.1 Service unavailable; Client host [127.0.2.1] blocked'}}),
                     H('mx3', preference=30)], None, ''),
    D('notusall.test', [H('mx1', options={'says': {'MAIL': '554 5.7.1 blocked by a list'}})], None, ''),
    D('heldsecond.test', [H('mx1', options={'says': {'late': '450 4.2.0 greylisted'}}), H('mx2', mode='silent', preference=20)], None, ''),
    D('lostdot.test', [H('mx1', options={'lost': True}), H('mx2', preference=20)], None, ''),
    D('manydead.test', [H('mx')], None, '', mx=False, extra=[f'manydead MX {10 + i} d{i}.manydead.test.' for i in range(28)] + [f'd{i}.manydead A 127.0.6.{i + 10}' for i in range(28)]
      + ['manydead MX 99 mx.manydead.test.']),
    D('manyv6.test', [H('mx', options={'says': {}})], None, '', extra=[f'mx.manyv6 AAAA fd00::{i + 1:x}' for i in range(14)] + [f'mx.manyv6 A 127.0.6.{i + 50}' for i in range(3)]),
    sts_domain('stsshare', policy('enforce', 'mx.other.test'), None, '', hosts=[H('mxs')],
               extra=['stsshare.insecure.test. MX 5 mx.stsgood.insecure.test.']),
    sts_domain('stsrelay', policy('enforce', 'mx.other.test'), None, '', hosts=[H('@')], mx=False),
    D('danecname.test', [H(cert='self', tlsa=EE, tlsa_at='shared')], None, '',
      extra=['_25._tcp.mx.danecname CNAME _25._tcp.shared.danecname.test.']),
    D('reqbad.test', [H(cert='wrong', options={'requiretls': True})], None, ''),
    D('without8bit.test', [H(options={'no8bit': True})], None, ''),
    D('lookv6.test', [H('mx', mode='no-starttls', cert=None)], None, '', extra=['mx.lookv6 AAAA fd00::98']),
    sts_domain('rpt', policy('enforce', I('mx.rpt')), None, '', hosts=[H(cert='expired')],
               extra=['_smtp._tls.rpt.insecure.test. TXT "v=TLSRPTv1; rua=mailto:tls%2dreports@rptbox.test,https://tlsrpt.test/v1/report"']),
    D('rptbad.test', [H(mode='garbled', cert=None)], None, '', extra=['_smtp._tls.rptbad TXT "v=TLSRPTv1; rua=mailto:bad@rptbad.test"']),
    D('rptdane.test', [H(cert='self', tlsa=EE)], None, '', extra=['_smtp._tls.rptdane TXT "v=TLSRPTv1;rua=mailto:dane@rptbox.test"', 'shared2 MX 10 mx.shared.test.']),
    # --- what is announced proves false (docs/field.md)
    D('unread.test', [H(options={'caps': ['CHUNKING', 'BINARYMIME'], 'quirks': ['unread-chunk']})], None, ''),
    *[D(f'onebyone{n}.test', [H(options={'quirks': ['one-at-a-time']}, mode='no-starttls', cert=None)], None, '') for n in ('', '2')],
    *[D(f'no{word}.test', [H(options={'caps': ['DSN'], 'quirks': [f'no-{word}']})], None, '') for word in ('dsn', 'size', '8bit', 'utf8')],
    *[D(f'ehlocloses{n}.test', [H(options={'quirks': ['ehlo-closes']}, mode='no-starttls', cert=None)], None, '') for n in ('', '2')],
    *[D(f'hello{what}.test', [H(cert='expired' if what == 'forged' else 'good', options={'quirks': ['large-hello-hangs' if what == 'hangs' else 'large-hello-closes']})], None, '')
      for what in ('closes', 'hangs', 'set', 'forged')],
    D('barelf.test', [H(options={'quirks': ['bare-lf']})], None, ''),
    # --- a reason for each: test_reasons.py; the servers of cause.test are its own
    D('small.test', [H(options={'without': ['SIZE 50000000'], 'caps': ['SIZE 1000']})], None, ''),
    D('hangs.test', [H(options={'quirks': ['ehlo-mute']})], None, ''),
    D('old11.test', [H(options={'min': 'TLSv1_1', 'max': 'TLSv1_1'})], None, ''),
    D('wantscert12.test', [H(options={'client_certificate': True, 'max': 'TLSv1_2'})], None, ''),
    D('cutshort.test', [H(options={'quirks': ['tls-closes']})], None, ''),
    D('mute.test', [H(options={'quirks': ['tls-mute']})], None, ''),
    D('ending.test', [H(cert='ending')], None, ''),
    D('cause.test', [H(mode='no-starttls', cert=None)], None, '', extra=[line for i in range(40) for line in (f'c{i}.cause MX 10 mx{i}.cause.test.', f'mx{i}.cause A 127.0.7.{i + 1}')]),
]

RULES = '''
client-certificate "ours" { chain {ca}/gateway.test.pem; key {ca}/gateway.test.key; }
group "doctors" { members dr@inside.test, @ward.inside.test; }
rule "give certificate" { to @givescert.test; client-certificate "ours"; }
rule "encrypt" { to @wantstls.test; outbound require encrypt; }
rule "auth" { to @wantsauth.insecure.test; outbound require auth; }
rule "dane" { to @wantsdane.test; dane require; }
rule "pin" { to @pinned.test; outbound require pin; pin key:{pin}; }
rule "pin wrong" { to @pinnedwrong.test; outbound require pin; pin key:{pin}; }
rule "strict" { to @strictonly.test; profile strict; }
partner "in another spelling" { domains müller.test; outbound require cert; }
rule "shared" { to @shared2.test; outbound require cert; }
rule "doctors" { from group:doctors; to @nocrypt.test; outbound require encrypt; }
'''


def number():
    """Gives every host its address and whole name."""
    n = 0
    names = [d.name for d in DOMAINS + OTHERS]
    assert len(names) == len(set(names)), sorted(name for name in names if names.count(name) > 1)
    for d in DOMAINS + OTHERS:
        for h in d.hosts:
            n += 1
            h.address = f'127.0.4.{n}' if n < 250 else f'127.0.5.{n - 240}'
            h.name = h.label[:-1] if h.label.endswith('.') else d.name if h.label == '@' else f'{h.label}.{d.name}'
    return DOMAINS


number()
