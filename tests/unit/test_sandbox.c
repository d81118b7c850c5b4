/* SPDX-License-Identifier: Apache-2.0
 * test_sandbox.c: the walls around a process, each tried in a child of its own: what is refused,
 * and that a loop works inside. libuv from 1.45 on sets up an io_uring with every loop, whatever
 * UV_USE_IO_URING says from 1.49 on.
 */
#include "check.h"
#include "sys/loop.h"
#include "sys/memory.h"
#include "sys/sandbox.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Runs fn in a child; its wait status. */
static int in_child(int (*fn)(void))
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        _exit(fn());
    }
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static int ask_for_a_ring(void)
{
    char params[256] = {0};
    sandbox_refuse_io_uring();
    long fd = syscall(SYS_io_uring_setup, 4, params);
    return fd < 0 && errno == ENOSYS ? 0 : 1;
}

static void io_uring_answers_as_in_a_kernel_without_it(void **state)
{
    assert_int_equal(in_child(ask_for_a_ring), 0);
}

static void on_time(void *arg)
{
    loop_stop(arg);
}

static int loop_inside(void)
{
    const struct sandbox walls = {.calls = 0};
    char text[128];
    struct loop *l = loop_new();
    struct timer *t = timer_new(l, on_time, l);
    if (sandbox_enter(&walls, text, sizeof text) < 0) {
        return 2;
    }
    timer_start(t, 20);
    loop_run(l);
    timer_free(t);
    return 0;
}

static void a_loop_runs_inside_the_walls(void **state)
{
    assert_int_equal(in_child(loop_inside), 0);
}

static int call_outside_the_list(void)
{
    const struct sandbox walls = {.calls = 0};
    char text[128];
    if (sandbox_enter(&walls, text, sizeof text) < 0) {
        return 2;
    }
    return syscall(SYS_mount, "", "/", "", 0, NULL) == 0 ? 0 : 1;
}

static void a_call_outside_the_list_ends_the_process(void **state)
{
    int status = in_child(call_outside_the_list);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSYS);
}

/* One user may run them all: a process that was taken over must not end or starve another. */
static int reach_for_others(void)
{
    const struct sandbox walls = {.calls = 0};
    char text[128];
    struct rlimit limit;
    pid_t parent = getppid();
    if (sandbox_enter(&walls, text, sizeof text) < 0) {
        return 2;
    }
    bool signalled = syscall(SYS_tgkill, parent, parent, 0) == 0 || errno != EPERM;
    bool limited =
        syscall(SYS_prlimit64, parent, RLIMIT_NOFILE, NULL, &limit) == 0 || errno != EPERM;
    bool own = syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), 0) == 0 &&
               getrlimit(RLIMIT_NOFILE, &limit) == 0;
    return signalled ? 3 : limited ? 4 : own ? 0 : 5;
}

static void other_processes_are_out_of_reach(void **state)
{
    assert_int_equal(in_child(reach_for_others), 0);
}

/* What a newer libc calls in place of what an older one did ended daemons with a list:
 * clock_nanosleep for nanosleep (NetworkConfiguration/dhcpcd#128), rt_sigprocmask around the
 * getrandom of the vDSO (#421), a look for the time zone's file at the first local time
 * (firecracker-microvm/firecracker#2527). */
static int call_the_libc(void)
{
    const struct sandbox walls = {.calls = 0};
    char text[128];
    const struct timespec moment = {.tv_nsec = 1000};
    struct tm parts;
    sigset_t set;
    time_t now = 1000000000;
    if (sandbox_enter(&walls, text, sizeof text) < 0) {
        return 2;
    }
    bool ok =
        nanosleep(&moment, NULL) == 0 && clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, NULL) == 0;
    ok =
        ok && syscall(SYS_nanosleep, &moment, NULL) == 0 && syscall(SYS_getrandom, text, 8, 0) == 8;
    ok = ok && sigemptyset(&set) == 0 && sigprocmask(SIG_BLOCK, &set, NULL) == 0 &&
         localtime_r(&now, &parts);
    return ok && usleep(10) == 0 && sched_yield() == 0 ? 0 : 1;
}

static void a_newer_libc_is_not_killed(void **state)
{
    assert_int_equal(in_child(call_the_libc), 0);
}

static void *take_a_name(void *arg)
{
    *(bool *)arg = pthread_setname_np(pthread_self(), "worker") == 0;
    return NULL;
}

static int threads_have_names(void)
{
    const struct sandbox walls = {.calls = SANDBOX_THREADS};
    char text[128];
    pthread_t thread;
    bool named = false;
    if (sandbox_enter(&walls, text, sizeof text) < 0 ||
        pthread_create(&thread, NULL, take_a_name, &named) != 0) {
        return 2;
    }
    return pthread_join(thread, NULL) == 0 && named ? 0 : 3;
}

/* libuv names its threads since 1.50 (Debian 13): prctl(PR_SET_NAME). Sanitizer builds allow all
 * of prctl anyway. */
static void a_thread_may_have_a_name(void **state)
{
    assert_int_equal(in_child(threads_have_names), 0);
}

static void *call_outside_from_a_thread(void *arg)
{
    (void)syscall(SYS_mount, "", "/", "", 0, NULL);
    return NULL;
}

static int one_thread_goes_astray(void)
{
    const struct sandbox walls = {.calls = SANDBOX_THREADS};
    char text[128];
    pthread_t thread;
    if (sandbox_enter(&walls, text, sizeof text) < 0) {
        return 2;
    }
    if (pthread_create(&thread, NULL, call_outside_from_a_thread, NULL) != 0) {
        return 3;
    }
    sleep(10);
    return 4;
}

/* Where the thread alone was killed the others waited for it for ever (systemd/systemd#11967,
 * golang/go#30753). */
static void a_thread_takes_its_process_along(void **state)
{
    int status = in_child(one_thread_goes_astray);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSYS);
}

/* Octets that this process maps now (proc(5), statm). */
static uint64_t mapped(void)
{
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    must(f && fscanf(f, "%lu", &pages) == 1);
    fclose(f);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* The limit is 256 MiB over what is there: half of that is taken, then all but 16 MiB. */
static int take_memory(void)
{
    enum { MIB = 1024 * 1024 };
    memory_init();
    uint64_t limit = mapped() + 256 * MIB;
    if (memory_limit(limit) < 0 || memory_is_short()) {
        return 1;
    }
    size_t n = (size_t)(limit - mapped() - 16 * MIB);
    void *most = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (most == MAP_FAILED || !memory_is_short()) {
        return 2;
    }
    if (mmap(NULL, 32 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
        MAP_FAILED) {
        return 3;
    }
    munmap(most, n);
    if (memory_is_short()) {
        return 4;
    }
    struct rlimit r; /* a new configuration may allow more, but never more than the machine has */
    return memory_limit(UINT64_MAX / 2) == 0 && getrlimit(RLIMIT_AS, &r) == 0 &&
                   r.rlim_cur == r.rlim_max && r.rlim_max < UINT64_MAX / 2
               ? 0
               : 5;
}

static void memory_that_is_short_is_noticed(void **state)
{
#if defined(__SANITIZE_ADDRESS__)
    skip(); /* their shadow takes terabytes */
#endif
    assert_int_equal(in_child(take_memory), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(io_uring_answers_as_in_a_kernel_without_it),
        cmocka_unit_test(a_loop_runs_inside_the_walls),
        cmocka_unit_test(a_call_outside_the_list_ends_the_process),
        cmocka_unit_test(other_processes_are_out_of_reach),
        cmocka_unit_test(a_newer_libc_is_not_killed),
        cmocka_unit_test(a_thread_may_have_a_name),
        cmocka_unit_test(a_thread_takes_its_process_along),
        cmocka_unit_test(memory_that_is_short_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
