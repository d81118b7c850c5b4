/* SPDX-License-Identifier: Apache-2.0
 * test_lines.c: what processes write to their standard error (lines.c) comes into the log as
 * theirs, whatever they write, and no faster than each may. What is looked at is the log itself:
 * standard error of this test, a file meanwhile.
 */
#include "cmd/posternd/lines.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "check.h"
#include "sys/log_turn.h"
#include "sys/loop.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOG_MAX = 64 * 1024 * 1024 };

static int standard_error, file;

static void begin_log(enum log_format format)
{
    standard_error = dup(STDERR_FILENO);
    file = memfd_create("log", MFD_CLOEXEC);
    assert_true(standard_error >= 0 && file >= 0 && dup2(file, STDERR_FILENO) >= 0);
    log_open("posternd", LOG_LEVEL_INFO, format, false);
}

static void end_log(struct buf *b)
{
    char octets[64 * 1024];
    ssize_t n;
    assert_true(dup2(standard_error, STDERR_FILENO) >= 0);
    close(standard_error);
    assert_int_equal(lseek(file, 0, SEEK_SET), 0);
    while ((n = read(file, octets, sizeof octets)) > 0) {
        assert_int_equal(buf_append(b, octets, (size_t)n), 0);
    }
    close(file);
}

static void say(int fd, const char *words)
{
    assert_int_equal(write(fd, words, strlen(words)), (ssize_t)strlen(words));
}

static size_t count(const struct buf *b, const char *words)
{
    struct str rest = buf_str(b);
    size_t n = 0;
    for (const char *at; (at = memmem(rest.p, rest.n, words, strlen(words))); n++) {
        rest = str_slice(rest, (size_t)(at - rest.p) + strlen(words), rest.n);
    }
    return n;
}

/* Lines as another process would write them, in both forms that the log has and in that in which
 * they are handed over; what speaks to a terminal (ECMA-48); the end of a life in the middle of
 * a line. */
static void whose_a_line_is_says_its_pipe(void **state)
{
    static const char *const said[] = {
        "time=2001-02-03T10:00:00.000Z level=error process=queue-0 event=lie\n",
        "{\"time\":\"2001-02-03T10:00:00.000Z\",\"level\":\"error\",\"process\":\"queue-0\","
        "\"event\":\"lie\"}\n",
        "0 0 lie process=\"queue-0\"\n",
        "0 0 lie x=1 event=\"lie\"\n",
        "0 0 lie process=queue-0\n",
        "0 0 lie x=\"\" process=\"queue-0\" \n",
        "0 0 li\xc3\xa4 x=1\n",
        "0 0 lie x=\"a\x1b[2J\xc2\x9b"
        "2J\n",
        "\x1b]0;title\x07\n",
        "9 0 lie x=1\n",
        "0 0 lie x=\n", /* found by fuzz_log: it ended posternd */
        "0 0 lie x=- y=\n",
        "0 0 \n",
        "0\n",
        "\n",
        "1 0 said code=\"250\" n=-5 text=\"a\\x1b[2J\\x0aprocess=queue-0 \\\"b\\\\\"\n",
        "the last wor",
    };
    for (int format = LOG_FORMAT_TEXT; format <= LOG_FORMAT_JSON; format++) {
        CLEANUP(buf_free) struct buf b = BUF_INIT(LOG_MAX);
        struct loop *loop = loop_new();
        int fd;
        begin_log((enum log_format)format);
        struct lines_budget budget = {.per_s = LINES_OF_OTHERS};
        struct lines *l = lines_open(loop, "smtpin-1", &budget, &fd);
        assert_non_null(l);
        lines_of(l, 7);
        for (size_t i = 0; i < ARRAY_LEN(said); i++) {
            say(fd, said[i]);
        }
        close(fd);
        lines_close(l);
        end_log(&b);
        loop_free(loop);
        const char *mark = format == LOG_FORMAT_JSON ? ",\"process\":\"smtpin-1\",\"event\":\""
                                                     : "Z level=warn process=smtpin-1 event=";
        assert_int_equal(count(&b, "\n"), ARRAY_LEN(said) - 1); /* the empty one is none */
        assert_int_equal(count(&b, mark), ARRAY_LEN(said) - 1);
        assert_int_equal(count(&b, format == LOG_FORMAT_JSON ? "\"process\":\"queue-0\""
                                                             : "\nprocess="),
                         0);
        assert_int_equal(count(&b, format == LOG_FORMAT_JSON ? "\"event\":\"process-wrote\""
                                                             : "event=process-wrote text="),
                         ARRAY_LEN(said) - 2);
        assert_int_equal(count(&b, "\x1b") + count(&b, "\x07") + count(&b, "\xc2\x9b"), 0);
        /* told as texts, no times */
        assert_int_equal(count(&b, "2001-02-03T10") + count(&b, "1970"), 2);
        assert_int_equal(count(&b, format == LOG_FORMAT_JSON
                                       ? "\"said\",\"code\":\"250\",\"n\":-5,\"text\":\"a\\u001b["
                                         "2J\\u000aprocess=queue-0 \\\"b\\\\\"}"
                                       : "event=said code=250 n=-5 "
                                         "text=\"a\\x1b[2J\\x0aprocess=queue-0 \\\"b\\\\\"\n"),
                         1);
    }
}

/* Anything at all, made of what lines are made of: one line each, under the right name, and
 * nothing that ends or hides one. */
static void whatever_is_written_is_a_line(void **state)
{
    static const char *const parts[] = {
        "0",
        "3",
        " ",
        "1764511200123",
        "said",
        "x=",
        "\"",
        "\\",
        "\\x1b",
        "\\x0a",
        "\x1b[2J",
        "\xc2\x9b",
        "\xff",
        "process=",
        "queue-0",
        "event=",
        "-",
        "9223372036854775808",
        "\xe2\x80\xa8",
        "\r",
        "a b",
        "{",
        "3 0 said x=1",
    };
    enum { LINES = 4000 };
    CLEANUP(buf_free) struct buf b = BUF_INIT(LOG_MAX);
    uint64_t dice = 88172645463325252u;
    begin_log(LOG_FORMAT_TEXT);
    for (size_t i = 0; i < LINES; i++) {
        CLEANUP(buf_free) struct buf line = BUF_INIT(4096);
        for (int k = 0; k < 12; k++) {
            dice ^= dice << 13; /* xorshift64 (Marsaglia 2003) */
            dice ^= dice >> 7;
            dice ^= dice << 17;
            const char *part = i % 2 && k == 0 ? "3 1 said " : parts[dice % ARRAY_LEN(parts)];
            assert_int_equal(buf_append(&line, part, strlen(part)), 0);
        }
        size_t octets;
        (void)log_take("smtpin-1", 7, buf_str(&line), &octets);
    }
    end_log(&b);
    assert_int_equal(count(&b, "\n"), LINES);
    assert_int_equal(count(&b, "Z level=warn process=smtpin-1 event=process-wrote ") +
                         count(&b, "Z level=info process=smtpin-1 event=said") +
                         count(&b, "Z level=error process=smtpin-1 event=said"),
                     LINES);
    assert_in_range(count(&b, "event=said"), 1, LINES);
    assert_int_equal(count(&b, "\x1b") + count(&b, "\xc2\x9b") + count(&b, "\xff") +
                         count(&b, "\r") + count(&b, "\xe2\x80\xa8"),
                     0);
}

static void stop(void *arg)
{
    loop_stop(arg);
}

/* It waits for its turn in the log; the pipe fills, and whoever writes loses what is its own. */
static void who_writes_too_much_waits(void **state)
{
    enum { CHUNK = 64 * 1024, CHUNKS = 10 };
    CLEANUP(buf_free) struct buf b = BUF_INIT(LOG_MAX);
    struct loop *loop = loop_new();
    struct timer *end = timer_new(loop, stop, loop);
    static char chunk[CHUNK];
    int fd;
    begin_log(LOG_FORMAT_TEXT);
    struct lines_budget budget = {.per_s = LINES_OF_OTHERS};
    struct lines *evil = lines_open(loop, "web-1", &budget, &fd);
    assert_non_null(evil);
    for (int i = 0; i < CHUNK; i++) {
        chunk[i] = i % 2 ? '\n' : 'x';
    }
    for (int i = 0; i < CHUNKS; i++) {
        assert_int_equal(write(fd, chunk, CHUNK), CHUNK);
    }
    while (write(fd, chunk, CHUNK) > 0) {
    }
    timer_start(end, 500);
    loop_run(loop);
    lines_close(evil);
    close(fd);
    end_log(&b);
    timer_free(end);
    loop_free(loop);
    assert_int_equal(count(&b, "event=process-writes-too-much child=web-1"), 1);
    /* of half a million */
    assert_in_range(count(&b, "process=web-1 event=process-wrote text=x\n"), 1, CHUNK / 2);
}

static void so_much_may_be_written(void **state)
{
    struct lines_budget b = {.per_s = 1000};
    int64_t now = 1000;
    assert_true(lines_may(&b, now));
    assert_int_equal(b.left, LINES_SAVED_MS);
    b.left = -1000;
    assert_false(lines_may(&b, now + 999));
    assert_false(lines_may(&b, now + 1000));
    assert_true(lines_may(&b, now + 1001));
    assert_true(lines_may(&b, now + 1000 * LINES_SAVED_MS));
    assert_int_equal(b.left, LINES_SAVED_MS); /* and no more */
}

/* pipe(7): a write to a full pipe with O_NONBLOCK fails with EAGAIN. It goes on; what it said
 * comes once there is room. */
static void who_is_not_read_goes_on(void **state)
{
    char octets[128 * 1024], got[4096];
    int fds[2], status;
    assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
    memset(octets, '.', sizeof octets);
    while (write(fds[1], octets, sizeof octets) > 0) {
    }
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        bool ok = dup2(fds[1], STDERR_FILENO) >= 0;
        log_open("inspect-0", LOG_LEVEL_INFO, LOG_FORMAT_TEXT, false);
        log_hand_over();
        log_info("one", KVN("n", 1));
        log_info("two", KVN("n", 2));
        while (read(fds[0], octets, sizeof octets) > 0) {
        }
        log_info("three", KV("n", "3"));
        _exit(ok ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    ssize_t n = read(fds[0], got, sizeof got);
    assert_true(n > 0);
    const char *one = memmem(got, (size_t)n, " one n=1\n", 9),
               *two = memmem(got, (size_t)n, " two n=2\n", 9),
               *three = memmem(got, (size_t)n, " three n=\"3\"\n", 13);
    assert_true(one && two && three && one < two && two < three);
    assert_null(memmem(got, (size_t)n, "lost", 4));
    close(fds[0]);
    close(fds[1]);
}

/* Of a line that says its number the number; -1: none. */
static int64_t number_of(struct str log, const char *words)
{
    uint64_t n;
    const char *at = memmem(log.p, log.n, words, strlen(words));
    if (!at) {
        return -1;
    }
    struct str rest = str_slice(log, (size_t)(at - log.p) + strlen(words), log.n);
    size_t end = 0;
    while (end < rest.n && rest.p[end] >= '0' && rest.p[end] <= '9') {
        end++;
    }
    return str_to_u64(str_slice(rest, 0, end), INT64_MAX, &n) == 0 ? (int64_t)n : -1;
}

/* What is charged is what stands in the log: its head, and six octets for one that is escaped
 * (RFC 8259 7). */
static void what_is_written_is_charged(void **state)
{
    CLEANUP(buf_free) struct buf b = BUF_INIT(LOG_MAX);
    struct loop *loop = loop_new();
    struct lines_budget budget = {.per_s = 1000}; /* little comes back while it runs */
    const int64_t most = budget.per_s * LINES_SAVED_MS / 1000;
    char line[2048];
    int fd;
    begin_log(LOG_FORMAT_JSON);
    struct lines *l = lines_open(loop, "web-1", &budget, &fd);
    assert_non_null(l);
    memset(line, '\x01', sizeof line);
    memcpy(line, "3 1 said x=\"", 12);
    memcpy(line + 511, "\" y=\"", 5);
    memcpy(line + 1022, "\"\n", 3);
    for (int i = 0; i < 50; i++) {
        say(fd, line);
    }
    close(fd);
    lines_close(l);
    end_log(&b);
    loop_free(loop);
    assert_int_equal(count(&b, "\"event\":\"said\""), 50);
    assert_true(buf_len(&b) > 50 * 6000);
    assert_in_range(most - budget.left, buf_len(&b), buf_len(&b) * 2);
}

/* One that ends and comes back has no more to write than one that stays; what it is not read of
 * any more is counted. */
static void who_comes_back_may_write_no_more(void **state)
{
    enum { LIVES = 40, LINES = 5000 };
    CLEANUP(buf_free) struct buf b = BUF_INIT(LOG_MAX);
    struct loop *loop = loop_new();
    struct lines_budget budget = {.per_s = LINES_OF_OTHERS};
    int64_t begun = clock_mono_ms(), unread = 0;
    begin_log(LOG_FORMAT_TEXT);
    for (int life = 0; life < LIVES; life++) {
        int fd;
        struct lines *l = lines_open(loop, "inspect-1", &budget, &fd);
        assert_non_null(l);
        for (int i = 0; i < LINES; i++) {
            say(fd, "3 1 said text=\"a hundred octets and some more in the log are what each one "
                    "of these lines is\"\n");
        }
        say(fd, "and words without an end");
        close(fd);
        lines_close(l);
    }
    int64_t took_s = (clock_mono_ms() - begun) / 1000 + 1;
    end_log(&b);
    loop_free(loop);
    assert_true((int64_t)buf_len(&b) <
                LINES_OF_OTHERS * (LINES_SAVED_MS / 1000 + took_s) + 1024 * 1024);
    struct str rest = buf_str(&b);
    for (int64_t n;
         (n = number_of(rest, "event=log-lines-unread child=inspect-1 pid=0 lines=")) >= 0;
         unread += n) {
        const char *at = memmem(rest.p, rest.n, "event=log-lines-unread", 22);
        rest = str_slice(rest, (size_t)(at - rest.p) + 22, rest.n);
    }
    assert_true(unread > LINES);
    assert_int_equal((int64_t)(count(&b, "event=said") + count(&b, "event=process-wrote")) + unread,
                     LIVES * (LINES + 1));
}

/* While posternd stands still (SIGSTOP: it reads nothing), who logs goes on; afterwards each
 * line is there or counted. */
static void posternd_stands_still(void **state)
{
    enum { LINES = 50000 };
    CLEANUP(buf_free) struct buf b = BUF_INIT(LOG_MAX);
    struct loop *loop = loop_new();
    struct timer *end = timer_new(loop, stop, loop);
    struct lines_budget budget = {.per_s = LINES_OF_QUEUE};
    int fd, done[2], status;
    char c;
    assert_int_equal(pipe(done), 0);
    begin_log(LOG_FORMAT_TEXT);
    struct lines *l = lines_open(loop, "queue-0", &budget, &fd);
    assert_non_null(l);
    pid_t pid = fork();
    if (pid == 0) {
        (void)alarm(20); /* where it waits for somebody */
        bool ok = dup2(fd, STDERR_FILENO) >= 0;
        log_hand_over();
        log_open("queue-0", LOG_LEVEL_INFO, LOG_FORMAT_TEXT, false);
        for (int i = 0; i < LINES; i++) {
            log_info("said", KVN("n", i));
        }
        ok &= write(done[1], "x", 1) == 1;
        log_end(15000);
        _exit(ok && log_flush() ? 0 : 1);
    }
    close(done[1]);
    assert_int_equal(read(done[0], &c, 1), 1);
    do {
        timer_start(end, 50);
        loop_run(loop);
    } while (waitpid(pid, &status, WNOHANG) == 0);
    lines_close(l);
    close(fd);
    close(done[0]);
    end_log(&b);
    timer_free(end);
    loop_free(loop);
    assert_int_equal(status, 0);
    int64_t lost =
        number_of(buf_str(&b), "level=error process=queue-0 event=log-lines-lost lines=");
    assert_true(lost > 0);
    assert_int_equal(count(&b, "event=log-lines-lost"), 1);
    assert_int_equal((int64_t)count(&b, "process=queue-0 event=said n=") + lost, LINES);
}

struct ticks {
    struct timer *timer;
    struct loop *loop;
    int n;
};

static void tick(void *arg)
{
    struct ticks *t = arg;
    if (++t->n < 40) {
        timer_start(t->timer, 10);
    } else {
        loop_stop(t->loop);
    }
}

/* While nobody takes the log, the loop turns, and the lines of others wait in their pipes: none
 * is lost. */
static void who_reads_the_log_stands_still(void **state)
{
    enum { LINES = 12000 };
    CLEANUP(buf_free) struct buf b = BUF_INIT(LOG_MAX);
    static struct loop *loop; /* never freed, as log_turn.c has a timer in it */
    loop = loop_new();
    struct ticks ticks = {.loop = loop};
    struct lines_budget budget = {.per_s = LINES_OF_QUEUE};
    char octets[64 * 1024];
    int fd, log[2];
    ssize_t n;
    assert_int_equal(pipe(log), 0);
    begin_log(LOG_FORMAT_TEXT);
    assert_true(dup2(log[1], STDERR_FILENO) >= 0);
    log_open("posternd", LOG_LEVEL_INFO, LOG_FORMAT_TEXT, false);
    (void)alarm(30);
    log_turn_begin(loop);
    struct lines *l = lines_open(loop, "queue-0", &budget, &fd);
    assert_non_null(l);
    for (int i = 0; i < LINES; i++) {
        say(fd, "3 1 said text=\"some words that take their room in the log\"\n");
    }
    ticks.timer = timer_new(loop, tick, &ticks);
    timer_start(ticks.timer, 10);
    loop_run(loop);
    assert_int_equal(ticks.n, 40);
    assert_false(log_flush());
    assert_int_equal(fcntl(log[0], F_SETFL, O_NONBLOCK), 0);
    for (int turns = 0; turns < 400 && count(&b, "event=said") < LINES; turns++) {
        while ((n = read(log[0], octets, sizeof octets)) > 0) {
            assert_int_equal(buf_append(&b, octets, (size_t)n), 0);
        }
        ticks.n = 39;
        timer_start(ticks.timer, 10);
        loop_run(loop);
    }
    lines_close(l);
    close(fd);
    timer_free(ticks.timer);
    (void)alarm(0);
    assert_true(log_flush());
    end_log(&b);
    assert_int_equal(count(&b, "event=said"), LINES);
    assert_int_equal(count(&b, "event=log-lines-lost"), 0);
    close(log[0]);
    close(log[1]);
}

static uint64_t soft_limit(void)
{
    uint64_t pages = 0;
    char octets[32];
    int fd = open("/proc/sys/fs/pipe-user-pages-soft", O_RDONLY | O_CLOEXEC);
    ssize_t n = read(fd, octets, sizeof octets);
    close(fd);
    return n > 0 && str_to_u64(str_trim_lines(str_from(octets, (size_t)n)), UINT32_MAX, &pages) == 0
               ? pages
               : 0;
}

/* pipe(7): over pipe-user-pages-soft who has no privileges gets no larger pipe. It works with
 * what it gets, and says so. */
static void a_small_pipe_is_told(void **state)
{
    uint64_t most = soft_limit() * (uint64_t)sysconf(_SC_PAGESIZE) / LINES_PIPE;
    int status;
    if (most == 0 || most > 500) {
        skip(); /* no limit, or one that this test does not reach */
    }
    CLEANUP(buf_free) struct buf b = BUF_INIT(LOG_MAX);
    begin_log(LOG_FORMAT_TEXT);
    pid_t pid = fork();
    if (pid == 0) {
        bool ok = getuid() != 0 || setresuid(65533, 65533, 65533) == 0;
        struct loop *loop = loop_new();
        struct lines_budget budget = {.per_s = LINES_OF_OTHERS};
        for (uint64_t i = 0; ok && i < most + 4; i++) {
            int fd;
            struct lines *l = lines_open(loop, "login-1", &budget, &fd);
            ok = l && write(fd, "x\n", 2) == 2;
        }
        _exit(ok ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    end_log(&b);
    assert_int_equal(status, 0);
    assert_in_range(count(&b, "event=log-room-small child=login-1 octets="), 1, 10);
    assert_in_range(number_of(buf_str(&b), "event=log-room-small child=login-1 octets="), 4096,
                    LINES_PIPE / 2);
}

static bool says(const char *path, const char *words)
{
    CLEANUP(buf_free) struct buf b = BUF_INIT(1024 * 1024);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char octets[4096];
    ssize_t n;
    while ((n = read(fd, octets, sizeof octets)) > 0) {
        assert_int_equal(buf_append(&b, octets, (size_t)n), 0);
    }
    close(fd);
    return count(&b, words) > 0;
}

/* Who changes a number here changes it there. */
static void the_documents_say_these_numbers(void **state)
{
    char words[200];
    const int mib = 1024 * 1024;
    const double hour = 3600.0 / 1e9;
    snprintf(words, sizeof words, "%d MiB a second from each (%d from `queue`",
             LINES_OF_OTHERS / mib, LINES_OF_QUEUE / mib);
    assert_true(says("docs/security.md", words));
    snprintf(words, sizeof words, "at most %.1f GB an hour (`queue`: %.1f)", LINES_OF_OTHERS * hour,
             LINES_OF_QUEUE * hour);
    assert_true(says("docs/security.md", words));
    snprintf(words, sizeof words, "%d MiB a second for long (queue: %d)", LINES_OF_OTHERS / mib,
             LINES_OF_QUEUE / mib);
    assert_true(says("docs/man/posternd.8", words));
    snprintf(words, sizeof words, "up to %d MiB", LINES_PIPE / mib);
    assert_true(says("docs/man/posternd.8", words) && says("docs/security.md", words));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whose_a_line_is_says_its_pipe),
        cmocka_unit_test(whatever_is_written_is_a_line),
        cmocka_unit_test(who_writes_too_much_waits),
        cmocka_unit_test(so_much_may_be_written),
        cmocka_unit_test(who_is_not_read_goes_on),
        cmocka_unit_test(what_is_written_is_charged),
        cmocka_unit_test(who_comes_back_may_write_no_more),
        cmocka_unit_test(posternd_stands_still),
        cmocka_unit_test(who_reads_the_log_stands_still),
        cmocka_unit_test(a_small_pipe_is_told),
        cmocka_unit_test(the_documents_say_these_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
