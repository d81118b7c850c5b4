"""Certificates with one fault each, and what `openssl verify` says of the same files: the oracle for the kind of fault.

Called by the live tests of certificates (test_trust.py, test_directory_tls.py). Made with the openssl program alone. The words
are those of src/tls/facts.h; which of them is right for a fault comes from RFC 5280 6.1 (dates, signatures, issuers, names of
authorities), 4.2.1.9 and 4.2.1.10 (authorities), 4.2.1.12 (purposes), RFC 9525 (names) and SP 800-131A (lengths).
"""
import base64
import os
import re
import subprocess
from dataclasses import dataclass

SERVER, CLIENT, CODE = 'serverAuth', 'clientAuth', 'codeSigning'
LONG_AGO = ['-startdate', '20200101000000Z', '-enddate', '20200201000000Z']
NOT_YET = ['-startdate', '20400101000000Z', '-enddate', '20410101000000Z']
AUTHORITY = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign']
POINTER = 'authorityInfoAccess=caIssuers;URI:http://ca.test/issuer.der'


@dataclass
class Fault:
    """One certificate: how it is made, the codes of openssl verify, and our words."""
    name: str
    codes: tuple          # X509_V_ERR_*, of x509_vfy.h; () when it is fine
    words: str = ''       # regular expression; '' when it counts
    fits: tuple = ()      # the purposes for which it counts all the same
    issuer: str = 'ca'
    subject: str = ''     # another name than the one that is asked for
    extensions: tuple = ()
    dates: tuple = ('-days', '20')
    key: str = 'ec'
    md: str = 'sha256'
    sends: tuple = ()     # authorities sent along
    broken: bool = False  # an octet of its signature is changed


# authorities: name, issuer ('' signs itself), extensions, dates
AUTHORITIES = [
    ('between', 'ca', (*AUTHORITY,), ('-days', '20')),
    ('stranger', '', (*AUTHORITY,), ('-days', '20')),
    ('oldbetween', 'ca', (*AUTHORITY,), tuple(LONG_AGO)),
    ('nobody', 'ca', ('basicConstraints=critical,CA:FALSE',), ('-days', '20')),
    ('narrow', 'ca', (*AUTHORITY, 'nameConstraints=critical,permitted;DNS:other.test'), ('-days', '20')),
    ('flat', 'ca', ('basicConstraints=critical,CA:TRUE,pathlen:0', AUTHORITY[1]), ('-days', '20')),
    ('below', 'flat', (*AUTHORITY,), ('-days', '20')),
]
FAULTS = [
    Fault('fine', ()),
    Fault('chain', (), issuer='between', sends=('between',)),
    Fault('expired', (10,), r'has expired \(2020-02-01\)', dates=tuple(LONG_AGO)),
    Fault('notyet', (9,), r'is not yet valid \(2040-01-01\)', dates=tuple(NOT_YET)),
    Fault('selfsigned', (18,), r'is self-signed', issuer=''),
    Fault('unknown', (20,), r'has an issuer that is neither trusted here nor sent along: stranger', issuer='stranger'),
    Fault('unknownroot', (19,), r'leads to an authority that is not trusted here: stranger', issuer='stranger', sends=('stranger',)),
    Fault('alone', (20,), r'comes without its intermediate: between', issuer='between', extensions=(POINTER,)),
    Fault('oldissuer', (10,), r'\(that of its issuer oldbetween\) has expired \(2020-02-01\)', issuer='oldbetween', sends=('oldbetween',)),
    Fault('noauthority', (79, 26), r'was signed by what is no authority: nobody', issuer='nobody', sends=('nobody',)),
    Fault('toodeep', (25,), r'was signed by an authority below one that allows none below it: (flat|below)', issuer='below', sends=('below', 'flat')),
    Fault('foreignname', (47,), r'has names that its authority may not certify', issuer='narrow', sends=('narrow',)),
    Fault('critical', (34,), r'has a critical extension that is not known here', extensions=('1.2.3.4=critical,ASN1:UTF8String:x',)),
    Fault('broken', (7,), r"carries a signature that is not its issuer's: Lab CA", broken=True),
    Fault('small', (66,), r'has a key that is too small \(RSA, 1024 bits\)', key='rsa:1024'),
    Fault('sha1', (68,), r'has a signature that is too weak \(ecdsa-with-SHA1\)', md='sha1'),
    Fault('clientonly', (26,), r'is for other purposes: TLS Web Client Authentication', fits=('sslclient',), extensions=('extendedKeyUsage=' + CLIENT,)),
    Fault('serveronly', (26,), r'is for other purposes: TLS Web Server Authentication', fits=('sslserver',), extensions=('extendedKeyUsage=' + SERVER,)),
    Fault('otheruse', (26,), r'is for other purposes: Code Signing', extensions=('extendedKeyUsage=' + CODE,)),
    Fault('both', (), extensions=(f'extendedKeyUsage={SERVER},{CLIENT}',)),
    Fault('wrongname', (62,), r'is for another name: it names elsewhere\.test, not ', subject='elsewhere.test'),
    Fault('two', (10, 62), r'has expired \(2020-02-01\); is for another name: it names elsewhere\.test, not .*; it must be renewed there', subject='elsewhere.test', dates=tuple(LONG_AGO)),
]
BY_NAME = {f.name: f for f in FAULTS}


class Workshop:
    """Makes certificates below one folder; the lab's authority, which the gateway trusts, is the root."""

    def __init__(self, lab, folder='faults'):
        self.lab, self.folder = lab, lab.path(folder)
        os.makedirs(self.folder, exist_ok=True)
        os.chmod(self.folder, 0o755)
        for name, issuer, extensions, dates in AUTHORITIES:
            self.issue(name, name, issuer, extensions, dates)

    def path(self, name):
        return os.path.join(self.folder, name)

    def authority(self, name):
        return self.lab.path('ca', 'ca') if name == 'ca' else self.path(name)

    def issue(self, name, subject, issuer, extensions, dates, key='ec', md='sha256'):
        """name.pem and name.key."""
        base = self.path(name)
        with open(base + '.cnf', 'w') as out:
            out.write(f'[ca]\ndefault_ca=x\n[x]\ndatabase={base}.index\nserial={base}.serial\nnew_certs_dir={self.folder}\npolicy=any\nunique_subject=no\nx509_extensions=ext\n'
                      f'[any]\ncommonName=supplied\n[req]\ndistinguished_name=dn\n[dn]\n[ext]\nsubjectKeyIdentifier=hash\n' + '\n'.join(extensions) + '\n')
        open(base + '.index', 'w').close()
        with open(base + '.serial', 'w') as out:
            out.write(os.urandom(8).hex() + '\n')
        kind = ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'] if key == 'ec' else [key]
        self.lab.run('openssl', 'req', '-config', base + '.cnf', '-newkey', *kind, '-nodes', '-keyout', base + '.key', '-out', base + '.csr', '-subj', '/CN=' + subject)
        by = ['-cert', self.authority(issuer) + '.pem', '-keyfile', self.authority(issuer) + '.key'] if issuer else ['-selfsign', '-keyfile', base + '.key']
        self.lab.run('openssl', 'ca', '-batch', '-config', base + '.cnf', *by, '-in', base + '.csr', '-out', base + '.pem', '-notext', '-md', md, *dates)
        os.chmod(base + '.key', 0o644)
        return base

    def make(self, fault, host):
        """Chain and key of one fault for this host; what is sent along stands behind it."""
        name = f'{fault.name}-{host}'
        subject = fault.subject or host
        base = self.issue(name, subject, fault.issuer, ('subjectAltName=DNS:' + subject, *fault.extensions), fault.dates, fault.key, fault.md)
        if fault.broken:
            self.break_signature(base + '.pem')
        with open(base + '.chain', 'w') as out:
            for part in (base, *(self.path(s) for s in fault.sends)):
                with open(part + '.pem') as text:
                    out.write(text.read())
        return base + '.chain', base + '.key'

    @staticmethod
    def break_signature(path):
        with open(path) as text:
            der = bytearray(base64.b64decode(re.search(r'-----BEGIN CERTIFICATE-----(.*?)-----END', text.read(), re.S).group(1)))
        der[-3] ^= 1
        with open(path, 'w') as out:
            out.write('-----BEGIN CERTIFICATE-----\n' + base64.encodebytes(der).decode() + '-----END CERTIFICATE-----\n')

    def counts(self, fault, chain, host, purposes):
        """Whether it is fine for one of these purposes. openssl must find that fault, and none where there is none."""
        found = [self.verify(chain, host, p) for p in purposes]
        fine = not fault.codes or bool(set(fault.fits) & set(purposes))
        assert any(not codes for codes, _ in found) == fine, (fault.name, found)
        assert all(set(codes) <= set(fault.codes) for codes, _ in found), (fault.name, found)
        return fine

    def verify(self, chain, host, purpose):
        """The codes that openssl verify gives, in order; each once."""
        words = ['-verify_hostname', host] if host else []
        done = subprocess.run(['openssl', 'verify', '-CAfile', self.lab.path('ca', 'ca.pem'), '-auth_level', '2', '-purpose', purpose, *words,
                                '-untrusted', chain, chain], capture_output=True, text=True)
        codes = [int(c) for c in re.findall(r'error (\d+) at', done.stdout + done.stderr)]
        return tuple(dict.fromkeys(codes)), done.stdout + done.stderr
