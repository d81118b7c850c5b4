/* SPDX-License-Identifier: Apache-2.0
 * fault.c: a library loaded before all others that stands between the store and the disk.
 *
 *   FAULT_LOG=FILE          every change of files under FAULT_DIR is written down, in order,
 *                           with what was
 *                           synced when: tests/crash/power.py builds from it the disks a power
 *                           loss may leave
 *   FAULT_AT=N FAULT_ERROR=E   the N-th change (write, sync, truncate, create, rename, unlink)
 *                              fails with
 *                           errno E
 *   FAULT_CACHED=1          a file system that cannot write past the page cache
 *   FAULT_ALLOC=N           the N-th allocation fails
 *   CLOCK_FILE=FILE         the wall clock is moved by the milliseconds (int64) that stand in
 *                           FILE, mapped before the
 *                           sandbox closes; the monotonic clock is not, as with date --set
 *
 * Changes are made one after the other, whichever thread makes them: a sync covers what was
 * written before it began. Not part of the product. What it cannot see: changes by mmap (the
 * store maps only the WAL index, which is rebuilt after a crash).
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { FDS = 1024, NAME = 512 };

static char names[FDS][NAME]; /* of descriptors under FAULT_DIR, "" for others */
static const char *directory;
static int log_fd = -1, fail_error, can_direct;
static long fail_at, changes;
static const volatile int64_t *clock_shift;
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

static void end_turn_of(const int *held)
{
    pthread_mutex_unlock(&one_at_a_time);
}

/* For the rest of the function it stands in. */
#define IN_TURN \
    __attribute__((cleanup(end_turn_of))) int in_turn = pthread_mutex_lock(&one_at_a_time); \
    (void)in_turn

static void set_up(void)
{
    static int done;
    if (done) {
        return;
    }
    done = 1;
    directory = getenv("FAULT_DIR");
    const char *log = getenv("FAULT_LOG"), *at = getenv("FAULT_AT"), *error = getenv("FAULT_ERROR"),
               *shift = getenv("CLOCK_FILE");
    if (log) {
        log_fd = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
                              0600);
    }
    can_direct = getenv("FAULT_CACHED") == NULL;
    fail_at = at ? atol(at) : 0;
    fail_error = error ? atoi(error) : EIO;
    if (shift) {
        int fd = (int)syscall(SYS_openat, AT_FDCWD, shift, O_RDONLY | O_CLOEXEC, 0);
        void *p = fd < 0 ? MAP_FAILED : mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
        clock_shift = p == MAP_FAILED ? NULL : p;
        syscall(SYS_close, fd);
    }
}

/* One record: kind, name, offset, length, octets. */
static void note(char kind, const char *name, int64_t offset, const void *p, size_t n)
{
    char head[NAME + 64];
    if (log_fd < 0) {
        return;
    }
    int h = snprintf(head, sizeof head, "%c %s %lld %zu\n", kind, name, (long long)offset, n);
    (void)!syscall(SYS_write, log_fd, head, (size_t)h);
    if (n > 0) {
        (void)!syscall(SYS_write, log_fd, p, n);
    }
}

/* For the driver: something was promised to the world. */
void fault_note(const char *text);
void fault_note(const char *text)
{
    IN_TURN;
    set_up();
    note('A', text, 0, NULL, 0);
}

static int fails(void)
{
    return fail_at > 0 && ++changes == fail_at;
}

static const char *name_of(int fd)
{
    return fd >= 0 && fd < FDS && names[fd][0] ? names[fd] : NULL;
}

static void remember(int fd, int at, const char *path)
{
    char full[NAME];
    set_up();
    if (fd < 0 || fd >= FDS) {
        return;
    }
    names[fd][0] = '\0';
    if (path[0] != '/' && at >= 0 && name_of(at)) {
        snprintf(full, sizeof full, "%s/%s", names[at], path);
    } else {
        snprintf(full, sizeof full, "%s", path);
    }
    if (directory && strncmp(full, directory, strlen(directory)) == 0) {
        snprintf(names[fd], NAME, "%s", full);
    }
}

static int open_any(int at, const char *path, int flags, mode_t mode)
{
    IN_TURN;
    struct stat st;
    set_up();
    int is_new = (flags & O_CREAT) && fstatat(at, path, &st, 0) < 0;
    if (is_new && directory && (strncmp(path, directory, strlen(directory)) == 0 || name_of(at)) &&
        fails()) {
        errno = fail_error;
        return -1;
    }
    int fd = (int)syscall(SYS_openat, at, path, flags, mode);
    remember(fd, at, path);
    if (is_new && name_of(fd)) {
        note('C', names[fd], 0, NULL, 0);
    }
    return fd;
}

#define OPEN(name, first, at) \
    int name(first const char *path, int flags, ...); \
    int name(first const char *path, int flags, ...) \
    { \
        va_list ap; \
        va_start(ap, flags); \
        mode_t mode = flags & O_CREAT ? (mode_t)va_arg(ap, int) : 0; \
        va_end(ap); \
        return open_any(at, path, flags, mode); \
    }
#define NOTHING
#define DIRFD int dirfd,
OPEN(open, NOTHING, AT_FDCWD)
OPEN(open64, NOTHING, AT_FDCWD)
OPEN(openat, DIRFD, dirfd)
OPEN(openat64, DIRFD, dirfd)

int close(int fd)
{
    IN_TURN;
    if (fd >= 0 && fd < FDS) {
        names[fd][0] = '\0';
    }
    return (int)syscall(SYS_close, fd);
}

static ssize_t change(int fd, const void *p, size_t n, int64_t offset)
{
    IN_TURN;
    if (name_of(fd) && fails()) {
        errno = fail_error;
        return -1;
    }
    ssize_t r = syscall(SYS_pwrite64, fd, p, n, offset);
    if (r > 0 && name_of(fd)) {
        note('W', names[fd], offset, p, (size_t)r);
    }
    return r;
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t offset)
{
    return change(fd, p, n, offset);
}

ssize_t pwrite64(int fd, const void *p, size_t n, off64_t offset)
{
    return change(fd, p, n, offset);
}

/* Without the page cache's say: what was written before it began may still be lost. */
static ssize_t change_durably(int fd, const struct iovec *parts, int n, int64_t offset, int flags)
{
    IN_TURN;
    if (name_of(fd) && !can_direct && (syscall(SYS_fcntl, fd, F_GETFL) & O_DIRECT)) {
        errno = EINVAL;
        return -1;
    }
    if (name_of(fd) && fails()) {
        errno = fail_error;
        return -1;
    }
    ssize_t r = syscall(SYS_pwritev2, fd, parts, (long)n, (long)offset, 0L, flags);
    if (r > 0 && name_of(fd)) {
        note('W', names[fd], offset, parts[0].iov_base, (size_t)r);
    }
    if (r > 0 && name_of(fd) && (flags & RWF_DSYNC)) {
        if (fails()) {
            errno = fail_error;
            return -1;
        }
        note('D', names[fd], offset, NULL, 0); /* the write before this one is safe */
    }
    return r;
}

ssize_t pwritev2(int fd, const struct iovec *parts, int n, off_t offset, int flags)
{
    return change_durably(fd, parts, n, offset, flags);
}

ssize_t pwritev64v2(int fd, const struct iovec *parts, int n, off64_t offset, int flags)
{
    return change_durably(fd, parts, n, offset, flags);
}

ssize_t write(int fd, const void *p, size_t n)
{
    IN_TURN;
    off_t at = name_of(fd) ? (off_t)syscall(SYS_lseek, fd, 0, SEEK_CUR) : 0;
    if (name_of(fd) && fails()) {
        errno = fail_error;
        return -1;
    }
    ssize_t r = syscall(SYS_write, fd, p, n);
    if (r > 0 && name_of(fd)) {
        note('W', names[fd], at, p, (size_t)r);
    }
    return r;
}

static int sync_any(int fd, long call)
{
    IN_TURN;
    if (name_of(fd) && fails()) {
        errno = fail_error;
        return -1;
    }
    int r = (int)syscall(call, fd);
    if (r == 0 && name_of(fd)) {
        note('S', names[fd], 0, NULL, 0);
    }
    return r;
}

int fsync(int fd)
{
    return sync_any(fd, SYS_fsync);
}

int fdatasync(int fd)
{
    return sync_any(fd, SYS_fdatasync);
}

static int truncate_any(int fd, int64_t n)
{
    IN_TURN;
    if (name_of(fd) && fails()) {
        errno = fail_error;
        return -1;
    }
    int r = (int)syscall(SYS_ftruncate, fd, n);
    if (r == 0 && name_of(fd)) {
        note('T', names[fd], n, NULL, 0);
    }
    return r;
}

int ftruncate(int fd, off_t n)
{
    return truncate_any(fd, n);
}

int ftruncate64(int fd, off64_t n)
{
    return truncate_any(fd, n);
}

static int unlink_any(int at, const char *path, int flags)
{
    IN_TURN;
    char full[NAME];
    set_up();
    snprintf(full, sizeof full, "%s%s%s", name_of(at) ? names[at] : "", name_of(at) ? "/" : "",
             path);
    int ours = directory && strncmp(full, directory, strlen(directory)) == 0;
    if (ours && fails()) {
        errno = fail_error;
        return -1;
    }
    int r = (int)syscall(SYS_unlinkat, at, path, flags);
    if (r == 0 && ours) {
        note('U', full, 0, NULL, 0);
    }
    return r;
}

int unlink(const char *path)
{
    return unlink_any(AT_FDCWD, path, 0);
}

int unlinkat(int at, const char *path, int flags)
{
    return unlink_any(at, path, flags);
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    IN_TURN;
    char old[NAME], new[NAME];
    set_up();
    snprintf(old, sizeof old, "%s%s%s", name_of(from_dir) ? names[from_dir] : "",
             name_of(from_dir) ? "/" : "", from);
    snprintf(new, sizeof new, "%s%s%s", name_of(to_dir) ? names[to_dir] : "",
             name_of(to_dir) ? "/" : "", to);
    int ours = directory && strncmp(old, directory, strlen(directory)) == 0;
    if (ours && fails()) {
        errno = fail_error;
        return -1;
    }
    int r = (int)syscall(SYS_renameat, from_dir, from, to_dir, to);
    if (r == 0 && ours) {
        note('R', old, 0, new, strlen(new));
    }
    return r;
}

int mkdirat(int at, const char *path, mode_t mode)
{
    IN_TURN;
    set_up();
    int r = (int)syscall(SYS_mkdirat, at, path, mode);
    if (r == 0 && directory && strncmp(path, directory, strlen(directory)) == 0) {
        note('M', path, 0, NULL, 0);
    }
    return r;
}

/* --- allocations -------------------------------------------------------- */

extern void *__libc_malloc(size_t n);
extern void *__libc_realloc(void *p, size_t n);
extern void *__libc_calloc(size_t n, size_t size);

static int alloc_fails(void)
{
    static long at = -1;
    static _Atomic long n;
    if (at < 0) {
        at = 0; /* getenv does not allocate */
        const char *text = getenv("FAULT_ALLOC");
        at = text ? atol(text) : 0;
    }
    return at > 0 && ++n == at;
}

void *malloc(size_t n)
{
    return alloc_fails() ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    return alloc_fails() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    return alloc_fails() ? NULL : __libc_realloc(p, n);
}

/* --- the clock ---------------------------------------------------------- */

int clock_gettime(clockid_t which, struct timespec *t)
{
    int r = (int)syscall(SYS_clock_gettime, which, t);
    set_up();
    if (r == 0 && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE) && clock_shift) {
        int64_t ms = t->tv_nsec / 1000000 + *clock_shift % 1000 + 1000;
        t->tv_sec += *clock_shift / 1000 + ms / 1000 - 1;
        t->tv_nsec = ms % 1000 * 1000000 + t->tv_nsec % 1000000;
    }
    return r;
}

/* Libraries ask in these ways: certificates and signatures of DNS must be as old as ours
 * believe. */
time_t time(time_t *ret)
{
    struct timespec t = {0};
    clock_gettime(CLOCK_REALTIME_COARSE, &t);
    if (ret) {
        *ret = t.tv_sec;
    }
    return t.tv_sec;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
    struct timespec t = {0};
    int r = clock_gettime(CLOCK_REALTIME, &t);
    *ret = (struct timeval){.tv_sec = t.tv_sec, .tv_usec = t.tv_nsec / 1000};
    return r;
}
