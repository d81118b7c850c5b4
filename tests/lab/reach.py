#!/usr/bin/env python3
"""What a user can do to processes and files, without any sandbox: what is left to somebody who broke out of one.
Usage (as that user): reach.py '{"pids": [...], "files": [...], "sockets": [...]}'. Prints what succeeded, as JSON."""
import ctypes
import json
import os
import platform
import resource
import signal
import socket
import sys

PTRACE_SEIZE, PTRACE_DETACH, PIDFD_GETFD, MOVE_PAGES = 0x4206, 17, 438, {'x86_64': 279, 'aarch64': 239}
IOPRIO_SET = {'x86_64': 251, 'aarch64': 30}
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def called(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), 'refused')


def read(path):
    with open(path, 'rb') as stream:
        stream.read(1)


def seize(pid):
    called(libc.ptrace(PTRACE_SEIZE, pid, None, None))
    os.kill(pid, signal.SIGSTOP)
    os.waitpid(pid, 0x40000000)
    libc.ptrace(PTRACE_DETACH, pid, None, None)
    os.kill(pid, signal.SIGCONT)


def read_memory(pid):
    """EFAULT would be: it may be read, but nothing is there."""
    class Piece(ctypes.Structure):
        _fields_ = [('base', ctypes.c_void_p), ('octets', ctypes.c_size_t)]
    own, piece = ctypes.create_string_buffer(8), Piece
    here, there = piece(ctypes.addressof(own), 8), piece(4096, 8)
    libc.process_vm_readv(pid, ctypes.byref(here), 1, ctypes.byref(there), 1, 0)
    if ctypes.get_errno() in (1, 3):  # EPERM, ESRCH
        raise OSError(ctypes.get_errno(), 'refused')


def take_descriptor(pid):
    handle = os.pidfd_open(pid)
    called(libc.syscall(PIDFD_GETFD, handle, 3, 0))


PROCESS = {
    'kill': lambda pid: os.kill(pid, 0),
    'pidfd_send_signal': lambda pid: signal.pidfd_send_signal(os.pidfd_open(pid), 0),
    'ptrace': seize,
    'process_vm_readv': read_memory,
    'pidfd_getfd': take_descriptor,
    'prlimit': lambda pid: resource.prlimit(pid, resource.RLIMIT_NOFILE),
    'prlimit, setting': lambda pid: resource.prlimit(pid, resource.RLIMIT_CPU, (9999, 9999)),
    'setpriority': lambda pid: os.setpriority(os.PRIO_PROCESS, pid, 19),
    'sched_setaffinity': lambda pid: os.sched_setaffinity(pid, os.sched_getaffinity(0)),
    'ioprio_set': lambda pid: called(libc.syscall(IOPRIO_SET[platform.machine()], 1, pid, 0)),
    'move_pages': lambda pid: called(libc.syscall(MOVE_PAGES[platform.machine()], pid, 0, None, None, None, 0)),
    '/proc/PID/exe': lambda pid: os.readlink(f'/proc/{pid}/exe'),
    '/proc/PID/cwd': lambda pid: os.readlink(f'/proc/{pid}/cwd'),
    '/proc/PID/fd': lambda pid: os.listdir(f'/proc/{pid}/fd'),
    '/proc/PID/mem, writing': lambda pid: os.close(os.open(f'/proc/{pid}/mem', os.O_RDWR)),
    '/proc/PID/clear_refs': lambda pid: os.close(os.open(f'/proc/{pid}/clear_refs', os.O_WRONLY)),
    **{f'/proc/PID/{name}': lambda pid, name=name: read(f'/proc/{pid}/{name}')
       for name in ('mem', 'environ', 'maps', 'smaps', 'auxv', 'io', 'stack', 'syscall', 'pagemap', 'fdinfo/3', 'fd/3', 'map_files/0-0', 'personality')},
}


def connect(path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
        sock.settimeout(5)
        sock.connect(path)


FILE = {
    'read': lambda path: os.listdir(path) if os.path.isdir(path) else read(path),
    'write': lambda path: os.close(os.open(os.path.join(path, 'reached') if os.path.isdir(path) else path, os.O_WRONLY | (os.O_CREAT if os.path.isdir(path) else 0), 0o600)),
    'chmod': lambda path: os.chmod(path, os.stat(path).st_mode & 0o7777),
}


def tried(what, ways):
    found = []
    for way, act in ways.items():
        ctypes.set_errno(0)
        try:
            act(what)
        except OSError:
            continue
        found.append(f'{way} {what}')
    return found


def main():
    aims = json.loads(sys.argv[1])
    found = [line for pid in aims.get('pids', []) for line in tried(pid, PROCESS)]
    found += [line for path in aims.get('files', []) for line in tried(path, FILE)]
    found += [line for path in aims.get('sockets', []) for line in tried(path, {'connect': connect})]
    print(json.dumps(found))


if __name__ == '__main__':
    main()
