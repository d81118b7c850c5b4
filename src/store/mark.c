/* SPDX-License-Identifier: Apache-2.0
 * mark.c: the two copies of the mark, a page each, with a checksum of their own. Called by
 * sqlite.c and the upkeep of the store.
 *
 * What can go wrong: a disk that takes or gives back nothing (-errno; the store works without a
 * mark, but then nothing says of its newest batches that they were there).
 */
#include "store/mark.h"
#include "store/octets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum {
    MAGIC = 0x314b4d50,
    COPIES = 2,
    PLACE = 4096,
    NUMBERS = 5,
    AT_NUMBERS = 8,
    AT_CHECK = 48,
    OCTETS = 56
};

static void encode(const struct mark *m, char dst[OCTETS])
{
    const uint64_t numbers[NUMBERS] = {m->store, m->number, m->check, m->times, m->round};
    memset(dst, 0, OCTETS);
    put_number(dst, MAGIC, 4);
    for (unsigned i = 0; i < NUMBERS; i++) {
        put_number(dst + AT_NUMBERS + (size_t)i * 8, numbers[i], 8);
    }
    put_number(dst + AT_CHECK, XXH3_64bits(dst, AT_CHECK), 8);
}

static bool mark_decode(const char *p, struct mark *ret)
{
    uint64_t numbers[NUMBERS];
    for (unsigned i = 0; i < NUMBERS; i++) {
        numbers[i] = get_number(p + AT_NUMBERS + (size_t)i * 8, 8);
    }
    *ret = (struct mark){numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]};
    return get_number(p, 4) == MAGIC && get_number(p + AT_CHECK, 8) == XXH3_64bits(p, AT_CHECK);
}

static int open_in(const char *directory, int flags)
{
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/%s", directory, MARK_FILE);
    int fd =
        n < 0 || (size_t)n >= sizeof path ? -1 : open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
    return fd < 0 ? -errno : fd;
}

int mark_read(const char *directory, struct mark *ret, enum mark_state *ret_state)
{
    char octets[OCTETS];
    struct mark m;
    unsigned whole = 0;
    *ret = (struct mark){0};
    CLEANUP(err_close_fd) int fd = open_in(directory, O_RDONLY);
    *ret_state = MARK_NONE;
    if (fd < 0) {
        return fd == -ENOENT ? 0 : fd;
    }
    for (unsigned i = 0; i < COPIES; i++) {
        ssize_t n = pread(fd, octets, sizeof octets, (off_t)i * PLACE);
        if (n == (ssize_t)sizeof octets && mark_decode(octets, &m)) {
            *ret = whole == 0 || m.round > ret->round ? m : *ret;
            whole++;
        }
    }
    *ret_state = whole == 0 ? MARK_DAMAGED : whole < COPIES ? MARK_ONE_DAMAGED : MARK_WHOLE;
    return 0;
}

int mark_write(int fd, struct mark *m)
{
    char octets[OCTETS];
    m->round++;
    encode(m, octets);
    ssize_t n = pwrite(fd, octets, sizeof octets, (off_t)(m->round % COPIES) * PLACE);
    return n < 0 ? -errno : n < (ssize_t)sizeof octets ? -ENOSPC : 0;
}

int mark_open(const char *directory, struct mark *m, int *ret_fd)
{
    CLEANUP(err_close_fd) int dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CLEANUP(err_close_fd) int fd = dir < 0 ? -1 : open_in(directory, O_RDWR | O_CREAT);
    if (dir < 0 || fd < 0) {
        return dir < 0 ? -errno : fd;
    }
    int r = 0;
    for (unsigned i = 0; i < COPIES && r == 0; i++) {
        r = mark_write(fd, m);
    }
    if (r == 0 && (fdatasync(fd) < 0 || fsync(dir) < 0)) {
        r = -errno;
    }
    if (r == 0) {
        *ret_fd = fd;
        fd = -1;
    }
    return r;
}
