#!/usr/bin/env python3
"""The portal under load (bench/portal): pages a second as a ratio to nginx in the same run, memory of streaming and of idle connections."""
import os
import re
import socket
import ssl
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(TOP, 'tests', 'live'), os.path.join(TOP, 'tests', 'lab')]
import lab as lab_module  # noqa: E402

SECONDS = sys.argv[2] if len(sys.argv) > 2 else '10'


def rss(pid):
    return sum(int(line.split()[1]) for line in open(f'/proc/{pid}/status') if line.startswith('VmRSS:')) // 1024


def peak(pid):
    return sum(int(line.split()[1]) for line in open(f'/proc/{pid}/status') if line.startswith('VmHWM:')) // 1024


def load(url, cookie, connections):
    """Requests a second by ab, keep-alive; and failed ones."""
    command = ['ab', '-q', '-k', '-t', SECONDS, '-n', '10000000', '-c', str(connections), '-H', f'Cookie: {cookie}', '-H', 'Host: gateway.test', url]
    out = subprocess.run(command, capture_output=True, text=True).stdout
    number = lambda name: float((re.search(rf'{name}:\s+([\d.]+)', out) or [0, '0'])[1])
    return number('Requests per second'), int(number('Failed requests') + number('Non-2xx responses'))


def main():
    lab = lab_module.Lab(sys.argv[1])
    lab.up()
    try:
        run(lab)
    finally:
        lab.down()


def run(lab):
    import test_portal
    from conftest import Gateway
    lab.start_gateway(lab.config(extra=test_portal.PORTAL.replace(f'address {lab_module.GATEWAY}:443;', f'address {lab_module.GATEWAY}:443; proxy-address {lab_module.GATEWAY}:8080; proxies 127.0.0.0/8;'), first_retry='1s'))
    gateway = Gateway(lab)
    visitor, page, _, _ = test_portal.opened(gateway, 'bench@good.test', text=('An ordinary line of an ordinary mail, as long as most of them are.\n' * 300))
    cookie = f'__Host-pass={visitor.cookies["__Host-pass"]}'
    pids = {name: pid for name, pid in gateway.pids().items()}
    os.makedirs(lab.path('www'), exist_ok=True)
    os.chmod(lab.path('www'), 0o755)
    size = len(page.body)
    with open(lab.path('www', 'page.html'), 'wb') as out:
        out.write(page.body)
    with open(lab.path('nginx.conf'), 'w') as out:
        out.write(f'''daemon off; pid {lab.path("nginx.pid")}; error_log stderr; worker_processes 1; events {{ worker_connections 2000; }} user root;
http {{ access_log off; {' '.join(f'{kind}_temp_path {lab.path("nginx-" + kind)};' for kind in ('client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'))} server {{ listen 127.0.2.9:443 ssl; listen 127.0.2.9:8080; root {lab.path("www")}; keepalive_requests 1000000;
ssl_certificate {lab.path("ca", "gateway.test.pem")}; ssl_certificate_key {lab.path("ca", "gateway.test.key")}; }} }}''')
    nginx = subprocess.Popen([os.path.join(lab.root, 'usr/sbin/nginx'), '-c', lab.path('nginx.conf')], stderr=open(lab.path('nginx.log'), 'w'))
    time.sleep(1)
    if nginx.poll() is not None:
        raise RuntimeError(open(lab.path('nginx.log')).read())
    print(f'page of {size} octets, {SECONDS} s each, one web process, ab on the same two cores')
    for scheme, port, ng in (('http', 8080, 'http://127.0.2.9:8080'), ('https', 443, 'https://127.0.2.9')):
        base = f'{scheme}://{lab_module.GATEWAY}{":8080" if port == 8080 else ""}'
        for connections in (20, 100):
            ours, failed = load(f'{base}{page.path}?view=text', cookie, connections)
            theirs, _ = load(f'{ng}/page.html', cookie, connections)
            print(f'  {scheme:5} {connections:4} connections: {ours:8.0f} pages/s ({failed} failed); nginx, the same octets from a file: {theirs:8.0f}/s; ratio {ours / max(theirs, 1):.2f}')
    nginx.terminate()
    visitor, page, _, _ = test_portal.opened(gateway, 'big@good.test', attachments=[('big.bin', os.urandom(25 * 1024 * 1024))])
    before = rss(pids['web-0'])
    began = time.time()
    got = visitor.get(page.path + '/part/1').body
    print(f'attachment of {len(got) >> 20} MB: {time.time() - began:.2f} s, web before {before} MB, peak {peak(pids["web-0"])} MB: {peak(pids["web-0"]) - before} MB more at most')
    before = rss(pids['web-0'])
    context = ssl.create_default_context(cafile=lab.path('ca', 'ca.pem'))
    idle = []
    for n in range(1000):
        plain = socket.create_connection((lab_module.GATEWAY, 443), 20, source_address=(f'127.0.9.{n % 20 + 1}', 0))
        s = context.wrap_socket(plain, server_hostname='gateway.test')
        s.sendall(b'GET /static/theme.css HTTP/1.1\r\nHost: gateway.test\r\n\r\n')
        s.recv(4096)
        idle.append(s)
    time.sleep(1)
    print(f'1,000 idle connections over TLS: web {rss(pids["web-0"])} MB ({before} MB without)')


if __name__ == '__main__':
    main()
