"""A disk whose power can be cut: a loop device over one file of a file system of our own (FUSE, spoken here at /dev/fuse), so
that each write and each flush of the kernel is seen in its order. What was flushed is on it after the cut; of what was not,
any part, in any order, and torn at sectors. Needs /dev/fuse and /dev/loop-control, and root.

    disk = Disk(directory, image)   serves image's octets (a process of its own); disk.device is the loop device
    disk.cut(seed, image)           at one of the next changes, or after a second without any, every request fails with EIO;
                                    image: what the power loss leaves
    disk.fault(write='EIO', delay=0.5)  from now on writes fail, or take so long; read, flush: the same. Without words: it is whole
    disk.close()                    after its file system was unmounted
"""
import ctypes
import errno
import json
import os
import random
import socket
import struct
import subprocess
import sys
import time

SECTOR = 512
HEADER = struct.Struct('<IIQQIIIHH')
INIT, LOOKUP, FORGET, GETATTR, SETATTR, OPEN, READ, WRITE, STATFS, RELEASE = 26, 1, 2, 3, 4, 14, 15, 16, 17, 18
FSYNC, FLUSH, OPENDIR, READDIR, RELEASEDIR, ACCESS, INTERRUPT, DESTROY, FORGETS = 20, 25, 27, 28, 29, 34, 36, 38, 42
DIRECT = 1  # FOPEN_DIRECT_IO: no page cache between the loop device and us


class Server:
    """Answers the kernel (fuse(4), protocol 7.31): a directory with the one file `disk`."""

    def __init__(self, fuse, image):
        self.fuse = fuse
        self.live = bytearray(open(image, 'rb').read())
        self.flushed, self.since, self.dead = bytearray(self.live), [], False
        self.left = None  # changes until the power goes; None: it stays
        self.faults, self.failed = {}, 0  # what fails: the names of errors; how often one did

    def attributes(self, node):
        directory = node == 1
        size = 0 if directory else len(self.live)
        mode = 0o040755 if directory else 0o100644
        return struct.pack('<QQQQQQIIIIIIIIII', node, size, size // 512, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)

    def write(self, body):
        _, offset, size, *_ = struct.unpack_from('<QQIIQII', body)
        octets = body[40:40 + size]
        self.live[offset:offset + size] = octets
        self.since.append((offset, octets))
        if self.goes_off():
            return errno.EIO
        return struct.pack('<II', size, 0)

    def read(self, body):
        _, offset, size, *_ = struct.unpack_from('<QQIIQII', body)
        return bytes(self.live[offset:offset + size])

    def goes_off(self):
        """At this change: a flush that is asked for and does nothing any more, a write that nobody hears of."""
        if self.left is not None:
            self.left -= 1
            self.dead = self.left <= 0
        return self.dead

    def flush(self, _):
        if self.goes_off():
            return errno.EIO
        for offset, octets in self.since:
            self.flushed[offset:offset + len(octets)] = octets
        self.since = []
        return b''

    def fault(self, kind):
        """What such a request is answered with although the disk could do it; a slow one takes its time before."""
        if kind != 'read':
            time.sleep(self.faults.get('delay', 0))
        name = self.faults.get(kind)
        self.failed += name is not None
        return getattr(errno, name) if name else None

    def answer(self, opcode, node, body):
        """What is said, or a number of an error."""
        on_disk = {READ: ('read', self.read), WRITE: ('write', self.write), FSYNC: ('flush', self.flush)}
        if opcode in on_disk:
            kind, do = on_disk[opcode]
            return errno.EIO if self.dead else self.fault(kind) or do(body)
        if opcode == INIT:
            return struct.pack('<IIIIHHIIHHI28x', 7, 31, 131072, 0, 12, 9, 131072, 1, 0, 0, 0)
        if opcode == LOOKUP:
            if body.rstrip(b'\0') != b'disk':
                return errno.ENOENT
            return struct.pack('<QQQQII', 2, 0, 60, 60, 0, 0) + self.attributes(2)
        if opcode in (GETATTR, SETATTR):
            return struct.pack('<QII', 60, 0, 0) + self.attributes(node)
        if opcode in (OPEN, OPENDIR):
            return struct.pack('<QII', 0, DIRECT, 0)
        if opcode == STATFS:
            return struct.pack('<QQQQQIIII24x', len(self.live) // 4096, 0, 0, 1, 0, 4096, 255, 4096, 0)
        return b'' if opcode in (RELEASE, RELEASEDIR, FLUSH, READDIR, ACCESS, DESTROY) else errno.ENOSYS

    def turn(self):
        request = os.read(self.fuse, 1 << 18)
        length, opcode, unique, node, *_ = HEADER.unpack_from(request)
        if opcode in (FORGET, FORGETS, INTERRUPT):
            return
        said = self.answer(opcode, node, request[HEADER.size:length])
        error, octets = (-said, b'') if isinstance(said, int) else (0, said)
        os.write(self.fuse, struct.pack('<IiQ', 16 + len(octets), error, unique) + octets)

    def lose(self, rng, image):
        """What is on the disk after the power went."""
        self.dead = True
        for offset, octets in rng.sample(self.since, len(self.since)):
            fate = rng.random()
            if fate < 0.5:
                kept = octets if fate < 0.35 else octets[:rng.randrange(0, len(octets) + 1) // SECTOR * SECTOR]
                self.flushed[offset:offset + len(kept)] = kept
        with open(image, 'wb') as out:
            out.write(self.flushed)
        return len(self.since)


def serve(place, image, control):
    """The process of a disk: the kernel's requests, and a cut when the other end of `control` says so."""
    import select
    fuse = os.open('/dev/fuse', os.O_RDWR)
    libc = ctypes.CDLL(None, use_errno=True)
    options = f'fd={fuse},rootmode=40000,user_id=0,group_id=0'
    if libc.mount(b'postern-disk', place.encode(), b'fuse', 0, options.encode()) != 0:
        raise OSError(ctypes.get_errno(), 'mount')
    server = Server(fuse, image)
    control.send(b'ready')
    cut = None
    while True:
        ready, _, _ = select.select([fuse, control], [], [], 1 if cut else None)
        try:
            if fuse in ready:
                server.turn()
        except OSError as problem:
            if problem.errno == errno.ENODEV:  # unmounted
                return
            if problem.errno not in (errno.ENOENT, errno.EINTR, errno.EAGAIN):
                raise
        if control in ready:
            said = control.recv(4096).decode().split('\n')
            if said == ['']:
                return
            if said[0] == 'fault':
                server.faults = json.loads(said[1])
                control.send(str(server.failed).encode())
                continue
            cut = random.Random(int(said[0])), said[1]
            server.left = cut[0].randrange(1, 40)
        if cut and (server.dead or not ready):
            control.send(str(server.lose(*cut)).encode())
            cut = None


class Disk:
    def __init__(self, directory, image):
        self.place = directory
        os.makedirs(directory, exist_ok=True)
        self.control, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.process = subprocess.Popen([sys.executable, os.path.abspath(__file__), directory, image, str(other.fileno())], pass_fds=[other.fileno()])
        other.close()
        self.control.settimeout(30)
        if self.control.recv(10) != b'ready':
            raise OSError('the disk does not begin')
        self.device = subprocess.run(['losetup', '-f', '--show', os.path.join(directory, 'disk')], check=True, capture_output=True, text=True).stdout.strip()

    def cut(self, seed, image):
        """How many writes were under way that no flush had made safe."""
        self.control.send(f'{seed}\n{image}'.encode())
        return int(self.control.recv(100))

    def fault(self, **faults):
        """How many requests have failed so far."""
        self.control.send(b'fault\n' + json.dumps(faults).encode())
        return int(self.control.recv(100))

    def close(self):
        subprocess.run(['losetup', '-d', self.device], check=False)
        subprocess.run(['umount', '-l', self.place], check=False)
        self.control.close()
        self.process.wait(20)


if __name__ == '__main__':
    serve(sys.argv[1], sys.argv[2], socket.socket(fileno=int(sys.argv[3])))
