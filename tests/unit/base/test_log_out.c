/* SPDX-License-Identifier: Apache-2.0
 * test_log_out.c: who reads the log and stops is not waited for (log.h): a pipe, a terminal with
 * ^S, a socket as journald's, a full disk, syslog. No line is torn, none comes twice, and those
 * that are missing are counted.
 */
#include "base/log.h"
#include "check.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { MANY = 40000, STANDS_STILL_S = 30, GOT_MAX = 16 * 1024 * 1024 };

static int standard_error;

/* A write that waits ends this test by SIGALRM. Until end() nothing is asserted, as what fails
 * is told on standard error. */
static void begin(int fd)
{
    standard_error = dup(STDERR_FILENO);
    assert_true(standard_error >= 0 && dup2(fd, STDERR_FILENO) >= 0);
    (void)alarm(STANDS_STILL_S);
    log_open("posternd", LOG_LEVEL_INFO, LOG_FORMAT_TEXT, false);
}

static void end(void)
{
    (void)alarm(0);
    assert_true(dup2(standard_error, STDERR_FILENO) >= 0);
    close(standard_error);
    log_open("posternd", LOG_LEVEL_INFO, LOG_FORMAT_TEXT, false);
}

static void log_many(unsigned from, unsigned n)
{
    for (unsigned i = from; i < from + n; i++) {
        log_info("said", KVN("n", i),
                 KV("text", "so long that many of them are more than anybody keeps"));
    }
}

/* What is there now. */
static void take(int fd, struct buf *got)
{
    char octets[64 * 1024];
    ssize_t n;
    while ((n = read(fd, octets, sizeof octets)) > 0) {
        assert_int_equal(buf_append(got, octets, (size_t)n), 0);
    }
}

static void take_all(int fd, struct buf *got)
{
    assert_true(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
    do {
        take(fd, got);
    } while (!log_flush());
    take(fd, got);
}

static bool begins(struct str s, const char *what)
{
    return s.n >= strlen(what) && memcmp(s.p, what, strlen(what)) == 0;
}

/* Each line is whole, the numbers rise by one, or by as many as are said to be lost in between;
 * the last one is `to` - 1. */
static void check_lines(const struct buf *got, unsigned to, uint64_t *ret_lost)
{
    uint64_t next = 0;
    *ret_lost = 0;
    for (struct str rest = buf_str(got); rest.n > 0;) {
        size_t at = str_find(rest, '\n', 0);
        struct str line = str_slice(rest, 0, at);
        uint64_t n;
        assert_true(at < rest.n);
        rest = str_slice(rest, at + 1, rest.n);
        line = str_slice(line, 0, line.n - (line.n > 0 && line.p[line.n - 1] == '\r'));
        assert_true(begins(line, "time=20"));
        const char *said = memmem(line.p, line.n, " event=said n=", 14),
                   *lost = memmem(line.p, line.n, " event=log-lines-lost lines=", 28);
        assert_true((said != NULL) != (lost != NULL));
        struct str number =
            str_slice(line, (size_t)((said ? said + 14 : lost + 28) - line.p), line.n);
        assert_int_equal(str_to_u64(str_slice(number, 0, str_find(number, ' ', 0)), UINT32_MAX, &n),
                         0);
        if (said) {
            assert_int_equal(n, next);
            assert_true(line.p[line.n - 1] == '"');
        }
        *ret_lost += lost ? n : 0;
        next += lost ? n : 1;
    }
    assert_int_equal(next, to);
}

/* What nobody takes waits, then it is lost; once it is taken again all that waited comes, and
 * the number of the others. */
static void nobody_takes_it(int ours, int theirs, bool was_nonblocking)
{
    CLEANUP(buf_free) struct buf got = BUF_INIT(GOT_MAX);
    uint64_t lost;
    begin(ours);
    log_many(0, MANY);
    bool all = log_flush();
    bool is_nonblocking = (fcntl(ours, F_GETFL) & O_NONBLOCK) != 0;
    take_all(theirs, &got);
    log_many(MANY, 5);
    take_all(theirs, &got);
    end();
    assert_false(all);
    assert_int_equal(is_nonblocking, was_nonblocking); /* others have it, too */
    check_lines(&got, MANY + 5, &lost);
    assert_in_range(lost, MANY / 2, MANY - 1000);
}

static void a_pipe(void **state)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    nobody_takes_it(fds[1], fds[0], false);
    close(fds[0]);
    close(fds[1]);
    assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
    nobody_takes_it(fds[1], fds[0], true);
    close(fds[0]);
    close(fds[1]);
}

/* One that cannot be opened once more, as it is another user's. */
static void a_pipe_of_somebody_else(void **state)
{
    int status;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        int fds[2];
        bool ok = pipe(fds) == 0 && fchmod(fds[1], 0) == 0 &&
                  (getuid() != 0 || setresuid(65534, 65534, 65534) == 0);
        char path[32];
        snprintf(path, sizeof path, "/proc/self/fd/%d", fds[1]);
        if (!ok || open(path, O_WRONLY) >= 0) {
            _exit(2);
        }
        nobody_takes_it(fds[1], fds[0], false);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* systemd.exec(5): standard error of a unit is a stream socket of the journal. */
static void a_socket(void **state)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    nobody_takes_it(fds[1], fds[0], false);
    close(fds[0]);
    close(fds[1]);
}

/* termios(3): with IXON what is typed as VSTOP, ^S, stops the output until VSTART, ^Q. */
static void a_terminal(void **state)
{
    CLEANUP(buf_free) struct buf got = BUF_INIT(GOT_MAX);
    int master, slave;
    uint64_t lost;
    assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
    nobody_takes_it(slave, master, false);
    assert_int_equal(write(master, "\x13", 1), 1);
    /* until it came */
    for (struct pollfd room = {.fd = slave, .events = POLLOUT}; poll(&room, 1, 0) > 0;) {
        (void)poll(NULL, 0, 1);
    }
    begin(slave);
    log_many(0, 100);
    bool all = log_flush();
    take(master, &got);
    size_t too_early = buf_len(&got);
    bool typed = write(master, "\x11", 1) == 1;
    take_all(master, &got);
    end();
    assert_true(typed && !all);
    assert_int_equal(too_early, 0);
    check_lines(&got, 100, &lost);
    assert_int_equal(lost, 0);
    close(master);
    close(slave);
}

/* setrlimit(2): over RLIMIT_FSIZE a write fails (EFBIG), up to it a part is written: as on a
 * disk that fills up. */
static void a_full_disk(void **state)
{
    CLEANUP(buf_free) struct buf got = BUF_INIT(GOT_MAX);
    struct rlimit all, few;
    uint64_t lost;
    int file = memfd_create("log", MFD_CLOEXEC);
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_true(file >= 0 && getrlimit(RLIMIT_FSIZE, &all) == 0);
    few = (struct rlimit){.rlim_cur = 10000, .rlim_max = all.rlim_max};
    begin(file);
    bool ok = setrlimit(RLIMIT_FSIZE, &few) == 0;
    log_many(0, MANY);
    ok &= setrlimit(RLIMIT_FSIZE, &all) == 0 && log_flush();
    log_many(MANY, 5);
    end();
    assert_true(ok);
    assert_int_equal(lseek(file, 0, SEEK_SET), 0);
    take(file, &got);
    check_lines(&got, MANY + 5, &lost);
    assert_in_range(lost, MANY / 2, MANY - 1000);
    close(file);
}

/* Nobody will ever read it: it goes on, and gives a new reader what it has. */
static void a_reader_that_is_gone(void **state)
{
    CLEANUP(buf_free) struct buf got = BUF_INIT(GOT_MAX);
    uint64_t lost;
    int fds[2], others[2];
    (void)signal(SIGPIPE, SIG_IGN);
    assert_true(pipe(fds) == 0 && pipe(others) == 0);
    begin(fds[1]);
    close(fds[0]);
    log_many(0, 10);
    bool all = log_flush(), ok = dup2(others[1], STDERR_FILENO) >= 0;
    log_open("posternd", LOG_LEVEL_INFO, LOG_FORMAT_TEXT, false);
    take_all(others[0], &got);
    end();
    assert_true(ok && !all);
    check_lines(&got, 10, &lost);
    close(fds[1]);
    close(others[0]);
    close(others[1]);
}

/* --- syslog ------------------------------------------------------------- */

static char syslog_path[64];

static int begin_syslog(int type)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(syslog_path, sizeof syslog_path, "/tmp/test-log-out-%d", (int)getpid());
    memcpy(at.sun_path, syslog_path, strlen(syslog_path));
    (void)unlink(syslog_path);
    int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0);
    return fd;
}

/* Datagrams as RFC 3164 4.1 has them, with the mail facility (2): 2 * 8 + 6 is "info", 2 * 8 + 3
 * "error". */
static void take_datagrams(int fd, const char *tag, struct buf *got)
{
    char octets[LOG_LINE_MAX + 1], process[64];
    ssize_t n;
    while ((n = recv(fd, octets, sizeof octets, 0)) > 0) {
        struct str s = str_from(octets, (size_t)n);
        bool is_loss = memmem(s.p, s.n, "log-lines-lost", 14) != NULL;
        snprintf(process, sizeof process, "%s[%d]: ", is_loss ? "posternd" : tag,
                 is_loss || tag[0] == 'p' ? (int)getpid() : 77);
        assert_true(begins(s, is_loss ? "<19>" : "<22>") && !memchr(s.p, '\n', s.n) &&
                    s.n <= LOG_LINE_MAX);
        s = str_slice(s, 4, s.n);
        assert_true(s.p[3] == ' ' && s.p[6] == ' ' && s.p[9] == ':' && s.p[12] == ':' &&
                    s.p[15] == ' ');
        s = str_slice(s, 16, s.n);
        assert_true(begins(s, process));
        s = str_slice(s, strlen(process), s.n);
        assert_int_equal(buf_printf(got, STR_FMT "\n", STR_ARG(s)), 0);
    }
}

static void open_syslog(void)
{
    (void)alarm(STANDS_STILL_S);
    log_syslog_at(syslog_path);
    log_open("posternd", LOG_LEVEL_INFO, LOG_FORMAT_TEXT, true);
}

static void syslog_stands_still(void **state)
{
    CLEANUP(buf_free) struct buf got = BUF_INIT(GOT_MAX);
    uint64_t lost;
    int fd = begin_syslog(SOCK_DGRAM);
    open_syslog();
    log_many(0, MANY);
    assert_false(log_flush());
    do {
        take_datagrams(fd, "posternd", &got);
    } while (!log_flush());
    take_datagrams(fd, "posternd", &got);
    check_lines(&got, MANY, &lost);
    assert_in_range(lost, MANY / 2, MANY - 1000);
    close(fd);
    (void)unlink(syslog_path);
}

/* Not there at first, and anew: each line comes, and those of others under their names. */
static void syslog_is_started_anew(void **state)
{
    CLEANUP(buf_free) struct buf got = BUF_INIT(GOT_MAX);
    uint64_t lost;
    size_t octets;
    int fd = begin_syslog(SOCK_DGRAM);
    close(fd);
    open_syslog();
    (void)log_take("smtpin-1", 77, STR("3 1 said n=0 text=\"x y\""), &octets);
    fd = begin_syslog(SOCK_DGRAM);
    (void)log_take("smtpin-1", 77, STR("3 1 said n=1 text=\"x y\""), &octets);
    take_datagrams(fd, "smtpin-1", &got);
    close(fd);
    fd = begin_syslog(SOCK_DGRAM);
    (void)log_take("smtpin-1", 77, STR("3 1 said n=2 text=\"x y\""), &octets);
    take_datagrams(fd, "smtpin-1", &got);
    (void)log_take("smtpin-1", 77, STR("3 1 said n=3 text=\"x y\""), &octets);
    take_datagrams(fd, "smtpin-1", &got);
    check_lines(&got, 4, &lost);
    assert_int_equal(lost, 0);
    assert_true(log_flush());
    close(fd);
    (void)unlink(syslog_path);
}

/* Syslogs with a stream socket: connect(2) of the other type says EPROTOTYPE; a message ends
 * with a newline there. */
static void syslog_is_a_stream(void **state)
{
    CLEANUP(buf_free) struct buf got = BUF_INIT(GOT_MAX);
    int fd = begin_syslog(SOCK_STREAM);
    assert_int_equal(listen(fd, 4), 0);
    open_syslog();
    log_many(0, 3);
    int taken = accept4(fd, NULL, NULL, SOCK_NONBLOCK);
    assert_true(taken >= 0);
    take(taken, &got);
    struct str s = buf_str(&got);
    assert_true(begins(s, "<22>") && s.p[s.n - 1] == '\n');
    close(taken);
    close(fd);
    (void)unlink(syslog_path);
}

/* What was for syslog is not for standard error: it is counted. */
static void lines_of_another_place_are_counted(void **state)
{
    CLEANUP(buf_free) struct buf got = BUF_INIT(GOT_MAX);
    int fds[2];
    snprintf(syslog_path, sizeof syslog_path, "/tmp/test-log-out-nobody-%d", (int)getpid());
    open_syslog();
    log_many(0, 7);
    assert_int_equal(pipe(fds), 0);
    begin(fds[1]);
    take_all(fds[0], &got);
    end();
    assert_non_null(memmem(buf_str(&got).p, buf_len(&got),
                           "level=error process=posternd event=log-lines-lost lines=7\n", 58));
    close(fds[0]);
    close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pipe),
        cmocka_unit_test(a_pipe_of_somebody_else),
        cmocka_unit_test(a_socket),
        cmocka_unit_test(a_terminal),
        cmocka_unit_test(a_full_disk),
        cmocka_unit_test(a_reader_that_is_gone),
        cmocka_unit_test(syslog_stands_still),
        cmocka_unit_test(syslog_is_started_anew),
        cmocka_unit_test(syslog_is_a_stream),
        cmocka_unit_test(lines_of_another_place_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
