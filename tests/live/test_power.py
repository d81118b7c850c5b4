"""The power is cut under load, again and again, with the store on a real file system on a disk of our own (tests/lab/disk.py): what
the kernel flushed is there afterwards, of the rest any part, in any order, torn. Every acknowledged message arrives; a
duplicate only where the power went just after. Twice in ./check, fifty times in ./check all; POSTERN_POWER_CUTS sets how often.
tests/crash/power.py does the same to the store alone, at every write."""
import contextlib
import os
import random
import subprocess
import time

import pytest

import disk
from test_crash import Load, arrivals, nothing_overdue, tried_again

ALL = bool(os.environ.get('POSTERN_ALL'))
CUTS = int(os.environ.get('POSTERN_POWER_CUTS', '50' if ALL else '2'))


class Machine:
    """The gateway's store on a disk, whose image outlives the power."""

    def __init__(self, lab, image, configuration):
        self.lab, self.image, self.configuration = lab, image, configuration
        self.store, self.disk = lab.path('powered'), None
        os.makedirs(self.store, exist_ok=True)

    def on(self):
        self.disk = disk.Disk(self.lab.path('disk'), self.image)
        self.mount()

    def mount(self):
        subprocess.run(['mount', '-t', 'ext4', self.disk.device, self.store], check=True)

    def close_file_system(self):
        subprocess.run(['umount', self.store], check=True)

    def start(self):
        began = time.time()
        self.lab.start_gateway(self.configuration)
        return time.time() - began

    def off(self, seed, after):
        """How many writes were lost or torn, perhaps."""
        unsafe = self.disk.cut(seed, after)
        self.lab.stop('posternd', 9)
        self.lab.wait_for(lambda: not os.popen('pgrep -r R,S,D -x queue').read().strip(), 10)
        self.image = after
        self.close()
        return unsafe

    def close(self):
        subprocess.run(['umount', '-l', self.store], check=False)
        if self.disk:
            self.disk.close()
        self.disk = None


@contextlib.contextmanager
def machine_of(gateway, *options):
    """options: of mkfs.ext4."""
    lab = gateway.lab
    lab.stop_gateway()
    image = lab.path('image-first')
    with open(image, 'wb') as out:
        out.truncate(96 << 20)
    subprocess.run(['mkfs.ext4', '-q', '-F', *options, image], check=True)
    text = lab.config(first_retry='500ms', limits='errors 1000;', queue='longest-retry 5s;')
    machine = Machine(lab, image, text.replace(lab.path('store') + ';', os.path.join(lab.path('powered'), 'store') + ';'))
    try:
        machine.on()
        machine.start()
        yield machine
    finally:
        lab.stop_gateway()
        machine.close()
        lab.start_gateway(lab.config())


@pytest.fixture
def machine(gateway):
    with machine_of(gateway) as it:
        yield it


WANTS_DISK = pytest.mark.skipif(not ALL and not all(map(os.path.exists, ('/dev/fuse', '/dev/loop-control'))),
                                reason='this machine has no loop devices; tests/crash/power.py cuts the power of the store alone')


# RFC 5321 6.1 MUST NOT: no message is lost by a crash
@WANTS_DISK
def test_the_power_is_cut_under_load(gateway, machine):
    lab, rng = gateway.lab, random.Random()
    seed = int(os.environ.get('POSTERN_SEED', rng.randrange(1 << 30)))
    rng.seed(seed)
    print(f'POSTERN_SEED={seed}')
    senders = [Load(i, lab, waits=8) for i in range(6)]  # what is delivered at once could be lost unseen
    for s in senders:
        s.start()
    cuts, unsafe, recovery = [], 0, []
    for n in range(CUTS):
        time.sleep(rng.uniform(0.5, 3))
        cuts.append(time.time())
        unsafe += machine.off(rng.randrange(1 << 30), lab.path(f'image-{n % 2}'))
        machine.on()
        recovery.append(machine.start())
    for s in senders:
        s.stop = True
    for s in senders:
        s.join(30)
    acknowledged = set().union(*(s.acknowledged for s in senders))
    waiting = set().union(*(s.waiting for s in senders))
    lab.wait_for(lambda: acknowledged <= set(arrivals(lab)), 90, 0.5)
    found = arrivals(lab)
    missing = acknowledged - set(found)
    twice = sum(len(times) - 1 for times in found.values())
    print(f'{CUTS} cuts, {unsafe} writes not yet safe, {len(acknowledged) + len(waiting)} acknowledged, {len(missing)} lost, '
          f'{twice} duplicates, ready again after {max(recovery):.1f} s at most')
    assert acknowledged and (unsafe > 0 or CUTS < 20), (len(acknowledged), unsafe, recovery)
    assert not missing, (missing, lab.postern('queue', 'list').stdout[-2000:])
    for token, times in found.items():
        for first in sorted(times)[:-1]:
            assert any(-0.5 <= at - first <= 3 for at in cuts), f'{token} came twice, and the power was there'
    tried = tried_again(lab, waiting)
    assert len(waiting) > (10 * CUTS if ALL else 0) and waiting <= tried, (len(waiting), len(waiting - tried), waiting - tried)
    assert 'damaged' not in lab.postern('store', 'check').stdout
    nothing_overdue(lab)
