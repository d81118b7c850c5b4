"""Reading stays within bounds while the gateway works: inspect processes are replaced without a pause, and a mail that costs much
delays the others by no more than it may cost itself."""
import json
import re
import sys
import threading
import time

import pytest
from conftest import INSIDE, TOP, serving

sys.path.insert(0, f'{TOP}/tests/mail')
import bombs  # noqa: E402

MESSAGE = b'From: nurse@inside.test\r\nTo: x@good.test\r\nSubject: load\r\n\r\nHello, the meeting is at ten.\r\n'


@pytest.fixture(scope='module')
def gateway(world):
    more = 'inspection { packs @packs@; wait 20s; }\ncontent "health" { pack hipaa; mode enforce; }\n'
    with serving(world, extra=more, top='workers { inspect 1; }\n') as it:
        yield it


def sends(gateway, n, waits):
    client = gateway.smtp(INSIDE)
    for _ in range(n):
        began = time.monotonic()
        client.mail('nurse@inside.test')
        client.rcpt('x@good.test')
        assert client.data(MESSAGE)[0] == 250
        waits.append(time.monotonic() - began)
    client.quit()


def test_an_inspector_is_replaced_without_a_pause(gateway):
    """Field F9: after a thousand messages there is a new one, and nobody waits for it: it is ready before the old one ends."""
    lab, waits = gateway.lab, []
    old = gateway.pids()['inspect-0']
    threads = [threading.Thread(target=sends, args=(gateway, 280, waits)) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(waits) == 1120
    ended = lambda: re.search(rf'process-ended child=inspect-0 pid={old} why=replaced signal=0', lab.log())
    assert lab.wait_for(ended), lab.log()[-3000:]
    ready = re.search(r'process-ready child=inspect-0', lab.log())
    assert lab.log().index('process-replaced child=inspect-0') < ready.start() < ended().start()
    processes = json.loads(lab.postern('status', '--json').stdout)
    assert [p['restarts'] for p in processes if p['process'] == 'inspect-0'] == [0]
    assert max(waits) < 2 and gateway.pids()['inspect-0'] != old


@pytest.mark.parametrize('name', ['gz-name', 'zip-42'])
def test_a_bomb_delays_nobody(gateway, name):
    """With the only inspector: what it costs is what the next mail waits, and that is bounded (tests/mail/bombs.py, on an ordinary
    build). How slow this build and this machine are just now is measured: `detect` reads the same mail first."""
    waits = []
    mail = gateway.lab.path(name)
    with open(mail, 'wb') as out:
        out.write(bombs.BOMBS[name][1]())
    began = time.monotonic()
    gateway.lab.postern('detect', '--packs', gateway.lab.path('packs'), '--pack', 'hipaa', mail)
    peer = time.monotonic() - began
    began = time.monotonic()
    client = gateway.smtp(INSIDE)
    client.mail('nurse@inside.test')
    client.rcpt('x@good.test')
    client.docmd('DATA')
    client.send(bombs.BOMBS[name][1]() + b'.\r\n')  # its answer comes when it has been read
    time.sleep(0.2)
    sends(gateway, 3, waits)
    code, text = client.getreply()
    assert code == 250 and max(waits) < max(6, 2 * peer), (waits, peer, time.monotonic() - began)
    found = [line for line in gateway.lab.report(text.decode().split()[-1])['inspection'] if line[0] in ('problem', 'failed')]
    assert found and found[0][:3] == ['problem', 'limit', found[0][2]] and found[0][2].startswith('2'), found
