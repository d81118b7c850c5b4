/* SPDX-License-Identifier: Apache-2.0
 * sandbox.h: the walls around a process: own uid, Landlock for files, seccomp for system calls.
 *
 * Entered after start and before the first peer byte. What the kernel does not offer is left out
 * and said in the text, which `postern status` shows; nothing depends on one wall alone.
 */
#pragma once
#include "base/err.h"

/* Groups of system calls beyond the base set (memory, time, epoll, given descriptors). */
enum sandbox_calls {
    SANDBOX_ACCEPT = 1 << 0,  /* accept on given sockets */
    SANDBOX_CONNECT = 1 << 1, /* make sockets and connect */
    SANDBOX_FILES = 1 << 2,   /* open, sync, rename, unlink in the allowed directories */
    SANDBOX_SYNC = 1 << 4,    /* sync and cutting off of descriptors handed in */
    SANDBOX_THREADS = 1 << 3, /* threads of this process: a library's, or loop_work() */
    SANDBOX_PAIRS = 1 << 6,   /* pairs of local sockets */
    /* start a program of `executable` and wait for it; it is inside the same walls */
    SANDBOX_EXEC = 1 << 5,
};

struct sandbox {
    unsigned calls;            /* enum sandbox_calls */
    const char *writable[4];   /* directories, NULL-terminated; borrowed */
    const char *readable[4];   /* directories or files, NULL-terminated; borrowed */
    uint64_t memory;           /* octets of address space, 0: as many as there are */
    const char *executable[4]; /* directories whose files may be read and started; borrowed */
};

/* From here on this process and its children have no io_uring: io_uring_setup answers ENOSYS, as
 * in a kernel without it. Newer versions of libuv set a ring up with every loop and go on using
 * it inside the sandbox, whose list has no io_uring_enter: the ring would end the process.
 * Called by loop_new(). Where the kernel refuses filters it does nothing; sandbox_enter() says
 * so later. */
void sandbox_refuse_io_uring(void);

/* Enters it. Fills text (e.g. "uid 64010, landlock 4, seccomp 61 calls"). 0, or -errno when a wall
 * that the kernel offers could not be raised: the process must not serve then. */
int sandbox_enter(const struct sandbox *s, char *text, size_t size) MUST_USE;
