/* SPDX-License-Identifier: Apache-2.0
 * sandbox.c: Landlock by its system calls, seccomp by libseccomp, capabilities by libcap-ng.
 * Called once by each child of posternd. The uid was changed before exec (sys/spawn.c).
 *
 * What can go wrong: an old kernel (less is enforced, and said); a filter that the kernel refuses
 * (-errno, the process ends). A call outside the list kills the process: that is the point.
 */
#include "sys/sandbox.h"
#include "base/sanitized.h"

#include <cap-ng.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static const int base_calls[] = {
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(readv),
    SCMP_SYS(writev),
    SCMP_SYS(pread64),
    SCMP_SYS(pwrite64),
    SCMP_SYS(close),
    SCMP_SYS(fstat),
    SCMP_SYS(lseek),
    SCMP_SYS(dup),
    SCMP_SYS(fcntl),
    SCMP_SYS(recvmsg),
    SCMP_SYS(sendmsg),
    SCMP_SYS(recvfrom),
    SCMP_SYS(sendto),
    SCMP_SYS(shutdown),
    SCMP_SYS(getsockopt),
    SCMP_SYS(setsockopt),
    SCMP_SYS(getsockname),
    SCMP_SYS(getpeername),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_create1),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(eventfd2),
    SCMP_SYS(pipe2),
    SCMP_SYS(mmap),
    SCMP_SYS(munmap),
    SCMP_SYS(mprotect),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),
    SCMP_SYS(futex),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(getrandom),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(getrusage),
    SCMP_SYS(sysinfo),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(sched_yield),
    SCMP_SYS(alarm),
    SCMP_SYS(setitimer),
};
static const int accept_calls[] = {SCMP_SYS(accept4)};
static const int connect_calls[] = {
    SCMP_SYS(socket),   SCMP_SYS(connect), SCMP_SYS(bind),  SCMP_SYS(sendmmsg),
    SCMP_SYS(recvmmsg), SCMP_SYS(ioctl),   SCMP_SYS(uname),
};
static const int file_calls[] = {
    SCMP_SYS(openat),     SCMP_SYS(open),     SCMP_SYS(newfstatat), SCMP_SYS(stat),
    SCMP_SYS(lstat),      SCMP_SYS(fsync),    SCMP_SYS(fdatasync),  SCMP_SYS(ftruncate),
    SCMP_SYS(rename),     SCMP_SYS(renameat), SCMP_SYS(unlink),     SCMP_SYS(unlinkat),
    SCMP_SYS(getdents64), SCMP_SYS(access),   SCMP_SYS(faccessat),  SCMP_SYS(faccessat2),
    SCMP_SYS(fallocate),  SCMP_SYS(statfs),   SCMP_SYS(fstatfs),    SCMP_SYS(getcwd),
    SCMP_SYS(readlink),   SCMP_SYS(fchown),   SCMP_SYS(fchmod),     SCMP_SYS(statx),
    SCMP_SYS(accept4),    SCMP_SYS(pwritev2),
};
static const int pair_calls[] = {SCMP_SYS(socketpair)};
static const int sync_calls[] = {SCMP_SYS(fsync), SCMP_SYS(fdatasync), SCMP_SYS(ftruncate)};
static const int thread_calls[] = {SCMP_SYS(set_tid_address), SCMP_SYS(sched_getaffinity)};
/* What a small program does between its start and its end, and what starting it takes. */
static const int exec_calls[] = {
    SCMP_SYS(execve),     SCMP_SYS(clone),      SCMP_SYS(fork),       SCMP_SYS(vfork),
    SCMP_SYS(wait4),      SCMP_SYS(dup2),       SCMP_SYS(dup3),       SCMP_SYS(close_range),
    SCMP_SYS(alarm),      SCMP_SYS(setitimer),  SCMP_SYS(arch_prctl), SCMP_SYS(set_tid_address),
    SCMP_SYS(openat),     SCMP_SYS(open),       SCMP_SYS(access),     SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2), SCMP_SYS(newfstatat), SCMP_SYS(stat),       SCMP_SYS(lstat),
    SCMP_SYS(statx),      SCMP_SYS(readlink),   SCMP_SYS(readlinkat), SCMP_SYS(getdents64),
    SCMP_SYS(getcwd),     SCMP_SYS(uname),      SCMP_SYS(getppid),    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(statfs),     SCMP_SYS(fstatfs),    SCMP_SYS(fadvise64),  SCMP_SYS(times),
    SCMP_SYS(prctl),
};
/* The sanitizers' runtime reads /proc and starts helpers; never in a release build. */
static const int sanitizer_calls[] = {
    SCMP_SYS(openat),      SCMP_SYS(open),  SCMP_SYS(readlink),
    SCMP_SYS(personality), SCMP_SYS(stat),  SCMP_SYS(newfstatat),
    SCMP_SYS(prctl),       SCMP_SYS(ioctl), SCMP_SYS(sched_getaffinity),
};

static int sandbox_allow(scmp_filter_ctx filter, const int *calls, size_t n, unsigned *count)
{
    for (size_t i = 0; i < n; i++) {
        int r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
        if (r < 0 && r != -EEXIST) {
            return r;
        }
        *count += r == 0;
    }
    return 0;
}

/* Threads, but not processes; clone3 hides its flags in memory, so glibc must use clone. */
static int allow_threads(scmp_filter_ctx filter, unsigned *count)
{
    int r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                             SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
    r = r < 0 ? r : seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    /* libuv of Debian 13 gives its threads a name, from inside of each */
    r = r < 0 ? r
              : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
                                 SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME));
    return r < 0 ? r : sandbox_allow(filter, thread_calls, ARRAY_LEN(thread_calls), count);
}

/* Our processes may run as one user: no signals to each other, and no change of each other's
 * limits. Of a child that is forked in here neither can be said to be its own; it needs none. */
static int allow_to_itself(scmp_filter_ctx filter, unsigned *count)
{
    scmp_datum_t self = (scmp_datum_t)getpid();
    int r =
        seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, SCMP_A0(SCMP_CMP_EQ, self));
    r = r < 0 ? r
              : seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(tgkill), 1,
                                 SCMP_A0(SCMP_CMP_NE, self));
    r = r < 0 ? r
              : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1,
                                 SCMP_A0(SCMP_CMP_EQ, 0));
    r = r < 0 ? r
              : seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(prlimit64), 1,
                                 SCMP_A0(SCMP_CMP_NE, 0));
    *count += 2;
    return r;
}

static int sandbox_add_rules(scmp_filter_ctx filter, unsigned calls, unsigned *count)
{
    int r = sandbox_allow(filter, base_calls, ARRAY_LEN(base_calls), count);
    r = r < 0 ? r : allow_to_itself(filter, count);
    if (r == 0 && (calls & SANDBOX_ACCEPT)) {
        r = sandbox_allow(filter, accept_calls, ARRAY_LEN(accept_calls), count);
    }
    if (r == 0 && (calls & SANDBOX_CONNECT)) {
        r = sandbox_allow(filter, connect_calls, ARRAY_LEN(connect_calls), count);
    }
    if (r == 0 && (calls & SANDBOX_FILES)) {
        r = sandbox_allow(filter, file_calls, ARRAY_LEN(file_calls), count);
    }
    if (r == 0 && (calls & SANDBOX_PAIRS)) {
        r = sandbox_allow(filter, pair_calls, ARRAY_LEN(pair_calls), count);
    }
    if (r == 0 && (calls & SANDBOX_SYNC)) {
        r = sandbox_allow(filter, sync_calls, ARRAY_LEN(sync_calls), count);
    }
    if (r == 0 && (calls & SANDBOX_THREADS)) {
        r = allow_threads(filter, count);
    }
    if (r == 0 && (calls & SANDBOX_EXEC)) {
        r = sandbox_allow(filter, exec_calls, ARRAY_LEN(exec_calls), count);
        r = r < 0 ? r : seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    }
    if (r == 0 && SANITIZED) {
        r = sandbox_allow(filter, sanitizer_calls, ARRAY_LEN(sanitizer_calls), count);
    }
    /* stdio asks whether a log is a terminal; time zone files are never needed */
    if (r == 0) {
        r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOTTY), SCMP_SYS(ioctl), 0);
        r = r == -EEXIST || (calls & SANDBOX_CONNECT) || SANITIZED ? 0 : r;
    }
    /* syslog(3) tries this when its daemon was restarted */
    if (r == 0 && !(calls & SANDBOX_CONNECT)) {
        r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(socket), 0);
        r = r < 0 ? r : seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(connect), 0);
    }
    if (r == 0 && !(calls & (SANDBOX_FILES | SANDBOX_EXEC)) && !SANITIZED) {
        r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(openat), 0);
        r = r < 0 ? r : seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(newfstatat), 0);
    }
    return r;
}

static int raise_seccomp(unsigned calls, unsigned *ret_count)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (!filter) {
        return -ENOMEM;
    }
    *ret_count = 0;
    int r = sandbox_add_rules(filter, calls, ret_count);
    r = r < 0 ? r : seccomp_load(filter);
    seccomp_release(filter);
    return r;
}

static int landlock_path(int ruleset, const char *path, uint64_t access)
{
    CLEANUP(err_close_fd) int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    struct landlock_path_beneath_attr rule = {.allowed_access = access, .parent_fd = fd};
    return syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0
               ? -errno
               : 0;
}

/* Landlock ABI in force, 0 when the kernel has none, -errno on failure. */
static int raise_landlock(const struct sandbox *s)
{
    const uint64_t all = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1; /* the rights of ABI 1 */
    const uint64_t reading = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
    const uint64_t writing = reading | LANDLOCK_ACCESS_FS_WRITE_FILE |
                             LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG;
    int abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi <= 0) {
        return 0;
    }
    struct landlock_ruleset_attr attr = {.handled_access_fs = all};
    CLEANUP(err_close_fd)
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
    int r = ruleset < 0 ? -errno : 0;
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(s->writable) && s->writable[i]; i++) {
        r = landlock_path(ruleset, s->writable[i], writing);
    }
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(s->readable) && s->readable[i]; i++) {
        r = landlock_path(ruleset, s->readable[i], reading);
        r = r == -EINVAL ? landlock_path(ruleset, s->readable[i], LANDLOCK_ACCESS_FS_READ_FILE) : r;
        r = r == -ENOENT ? 0 : r;
    }
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(s->executable) && s->executable[i]; i++) {
        r = landlock_path(ruleset, s->executable[i], reading | LANDLOCK_ACCESS_FS_EXECUTE);
        r = r == -ENOENT ? 0 : r;
    }
    if (r == 0 && SANITIZED) {
        r = landlock_path(ruleset, "/proc", reading);
    }
    if (r == 0 && syscall(SYS_landlock_restrict_self, ruleset, 0) < 0) {
        r = -errno;
    }
    return r < 0 ? r : abi;
}

void sandbox_refuse_io_uring(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (filter) {
        if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(io_uring_setup), 0) == 0) {
            (void)!seccomp_load(filter);
        }
        seccomp_release(filter);
    }
}

int sandbox_enter(const struct sandbox *s, char *text, size_t size)
{
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    if (!SANITIZED) {
        const struct rlimit memory = {s->memory, s->memory};
        (void)prctl(PR_SET_DUMPABLE, 0);
        if (s->memory > 0 && setrlimit(RLIMIT_AS, &memory) < 0) {
            return -errno;
        }
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        return -errno;
    }
    if (geteuid() == 0) {
        capng_clear(CAPNG_SELECT_BOTH);
        if (capng_apply(CAPNG_SELECT_BOTH) < 0) {
            return -EPERM;
        }
    }
    int landlock = raise_landlock(s);
    if (landlock < 0) {
        return landlock;
    }
    unsigned calls = 0;
    int r = raise_seccomp(s->calls, &calls);
    if (r < 0) {
        return r;
    }
    char wall[32];
    snprintf(wall, sizeof wall, landlock > 0 ? "landlock %d" : "no landlock in this kernel",
             landlock);
    snprintf(text, size, "uid %u%s, no capabilities, %s, seccomp %u calls", (unsigned)geteuid(),
             geteuid() == 0 ? " (not changed)" : "", wall, calls);
    return 0;
}
