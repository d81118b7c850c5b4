"""The target of a request in every form (RFC 9112 3.2), on the port that sends browsers to https and on the portal itself: nobody is led
to another host, and nothing of the target becomes a header.

The cases: RFC 9112 3.2.1 to 3.2.4; public reports: simonw/datasette#2729 and CrowCpp/Crow#1240 (/\\host), avinoamr/connect-slashes#2
(//host), OpenIDC/mod_auth_openidc#451 (///host), jetty/jetty.project#5029 (the Host field); OWASP's cheat sheet of unvalidated
redirects."""
import re
import socket
import urllib.parse

import pytest
from conftest import GATEWAY_ADDRESS, OUTSIDE, client_context, serving
from test_portal import PORTAL

HERE = 'https://gateway.test'


@pytest.fixture(scope='module')
def gateway(world):
    with serving(world, extra=PORTAL) as it:
        yield it


def ask(gateway, port, line, host=b'gateway.test', more=b''):
    """Status and header fields of the answer to a request whose first line is given."""
    with socket.create_connection((GATEWAY_ADDRESS, port), 20, source_address=(OUTSIDE, 0)) as plain:
        sock = client_context(gateway.lab).wrap_socket(plain, server_hostname='gateway.test') if port == 443 else plain
        sock.sendall(line + b'\r\nHost: ' + host + b'\r\nConnection: close\r\n' + more + b'\r\n')
        got = b''
        try:
            while part := sock.recv(65536):
                got += part
        except OSError:
            pass
    head = got.split(b'\r\n\r\n')[0].decode('latin-1')
    status = re.match(r'HTTP/1\.1 (\d+)', head)
    fields = dict((k.lower(), v) for k, _, v in (f.partition(': ') for f in head.split('\r\n')[1:]))
    return int(status.group(1)) if status else None, fields


# target, where it leads from port 80 (None: 400), the status at port 443
TARGETS = [
    # origin-form (3.2.1)
    (b'/', HERE + '/', 200), (b'/login', HERE + '/login', 200), (b'/nothing', HERE + '/nothing', 404), (b'/a/b?x=//evil.example', HERE + '/a/b?x=//evil.example', 404),
    # its query goes along (RFC 9110 15.4.9: the same request, elsewhere), what none may hold encoded (RFC 3986 3.4)
    (b'/login?a=b+c&d&e=%2Fsent&=x=y', HERE + '/login?a=b+c&d&e=%2Fsent&=x=y', 200), (b'/login?a="<y>\\\xe5', HERE + '/login?a=%22%3Cy%3E%5C%E5', 200),
    (b'/login?a=%0d%0aSet-Cookie:%20a=b', HERE + '/login?a=%0d%0aSet-Cookie:%20a=b', 200), (b'http://evil.example?@x', HERE + '/?@x', 421),
    (b'/login?' + b'a' * 3000, HERE + '/login', 200), (b'/"?a=b', HERE + '/', 404),
    # what is no form at all: the name of our url would become the beginning of another name, or its user
    (b'evil.example', None, 400), (b'.evil.example/x', None, 400), (b'@evil.example', None, 400), (b':80@evil.example/', None, 400), (b':8443/x', None, 400),
    (b'?x', None, 400), (b'%2f%2fevil.example', None, 400), (b'\\evil.example', None, 400), (b'ftp://gateway.test/', None, 400), (b'javascript:alert(1)', None, 400),
    # paths that a browser may take for hosts
    (b'//evil.example', HERE + '//evil.example', 404), (b'///evil.example', HERE + '///evil.example', 404), (b'/\\evil.example', None, 400), (b'/\\/evil.example', None, 400),
    (b'//evil.example/%2e%2e', HERE + '//evil.example/%2e%2e', 404), (b'/%5cevil.example', HERE + '/%5cevil.example', 404), (b'/%2f/evil.example', HERE + '/%2f/evil.example', 404),
    (b'/.evil.example', HERE + '/.evil.example', 404), (b'//user@evil.example', HERE + '//user@evil.example', 404), (b'/..//evil.example', HERE + '/..//evil.example', 404),
    # absolute-form (3.2.2): taken; its host counts, not the field's
    (b'http://gateway.test/login', HERE + '/login', 200), (b'https://gateway.test/login', HERE + '/login', 200), (b'HTTPS://GATEWAY.test:443/login', HERE + '/login', 200),
    (b'https://gateway.test', HERE + '/', 200), (b'http://evil.example/login', HERE + '/login', 421), (b'http://evil.example', HERE + '/', 421),
    (b'http://evil.example//gateway.test/', HERE + '//gateway.test/', 421), (b'http:///login', None, 400), (b'http://gateway.test@evil.example/', None, 400),
    (b'http://evil.example\\@gateway.test/', None, 400), (b'http:/evil.example', None, 400), (b'http:evil.example', None, 400),
    # line ends, as they are and encoded: nothing of them gets into a header
    (b'/%0d%0aSet-Cookie:%20a=b', HERE + '/%0d%0aSet-Cookie:%20a=b', 404), (b'/%0aLocation:%20https://evil.example', HERE + '/%0aLocation:%20https://evil.example', 404),
    (b'/%E5%98%8D%E5%98%8ASet-Cookie:a=b', HERE + '/%E5%98%8D%E5%98%8ASet-Cookie:a=b', 404), (b'/a\xe5\x98\x8aSet-Cookie:a=b', HERE + '/', 404),
    (b'/"><script>', HERE + '/', 404), (b'/' + b'a' * 700, HERE + '/', 404),
]


def test_a_target_with_an_odd_blank(gateway):
    """RFC 9112 3: a recipient may take VT for the blank between the words of a request line, and then the line is none. So does
    libmicrohttpd 1.0 (Debian 13) and not 0.9; neither may lead elsewhere."""
    found, fields = ask(gateway, 80, b'GET /a\x0bb HTTP/1.1')
    assert found in (None, 400) or (found == 308 and fields['location'] == HERE + '/'), (found, fields)


@pytest.mark.parametrize('target,leads,status', TARGETS, ids=lambda v: ascii(v)[:40])
def test_targets(gateway, target, leads, status):
    found, fields = ask(gateway, 80, b'GET ' + target + b' HTTP/1.1')
    if leads is None:
        assert found == 400 and 'location' not in fields, (found, fields)
    else:
        assert found == 308 and fields['location'] == leads, (found, fields)
        assert urllib.parse.urlsplit(fields['location']).netloc == 'gateway.test'
    assert 'set-cookie' not in fields
    found, fields = ask(gateway, 443, b'GET ' + target + b' HTTP/1.1')
    assert found == status and 'location' not in fields and 'a=b' not in fields.get('set-cookie', ''), (found, fields)


@pytest.mark.parametrize('line', [b'CONNECT evil.example:443 HTTP/1.1', b'CONNECT gateway.test:443 HTTP/1.1', b'OPTIONS * HTTP/1.1', b'GET * HTTP/1.1'])
def test_the_other_forms(gateway, line):
    """authority-form (3.2.3) is for proxies, asterisk-form (3.2.4) for a question that nobody asks here: 400, as nginx says to both."""
    for port in (80, 443):
        found, fields = ask(gateway, port, line)
        assert found == 400 and 'location' not in fields, (port, found, fields)


@pytest.mark.parametrize('host', [b'evil.example', b'evil.example:80', b'gateway.test@evil.example', b'gateway.test.evil.example', b'127.0.2.1', b''])
def test_the_host_field_leads_nowhere(gateway, host):
    """RFC 9112 3.2: the name of the configuration counts, whatever the request calls us."""
    found, fields = ask(gateway, 80, b'GET /login HTTP/1.1', host, b'X-Forwarded-Host: evil.example\r\nForwarded: host=evil.example\r\n')
    assert found == 308 and fields['location'] == HERE + '/login', (found, fields)
    assert ask(gateway, 443, b'GET /login HTTP/1.1', host)[0] in (400, 421)


def test_the_port_of_https_is_no_other_host(gateway):
    """RFC 9110 4.2.2: a browser may say it."""
    assert ask(gateway, 443, b'GET /login HTTP/1.1', b'gateway.test:443')[0] == 200
    assert ask(gateway, 443, b'GET /login HTTP/1.1', b'gateway.test:8443')[0] == 421
