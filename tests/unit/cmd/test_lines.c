/* SPDX-License-Identifier: Apache-2.0
 * test_lines.c: what processes write to their standard error (lines.c) comes into the log as theirs, whatever they write, and
 * no faster than each may. What is looked at is the log itself: standard error of this test, a file meanwhile.
 */
#include "cmd/posternd/lines.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "check.h"
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

/* Lines as another process would write them, in both forms that the log has and in that in which they are handed over; what
 * speaks to a terminal (ECMA-48); the end of a life in the middle of a line. */
static void whose_a_line_is_says_its_pipe(void **state)
{
    static const char *const said[] = {
        "time=2001-02-03T10:00:00.000Z level=error process=queue-0 event=lie\n",
        "{\"time\":\"2001-02-03T10:00:00.000Z\",\"level\":\"error\",\"process\":\"queue-0\",\"event\":\"lie\"}\n",
        "0 0 lie process=\"queue-0\"\n",
        "0 0 lie x=1 event=\"lie\"\n",
        "0 0 lie process=queue-0\n",
        "0 0 lie x=\"\" process=\"queue-0\" \n",
        "0 0 li\xc3\xa4 x=1\n",
        "0 0 lie x=\"a\x1b[2J\xc2\x9b" "2J\n",
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
        struct lines *l = lines_open(loop, "smtpin-1", LINES_OF_OTHERS, &fd);
        assert_non_null(l);
        lines_of(l, 7);
        for (size_t i = 0; i < ARRAY_LEN(said); i++) {
            say(fd, said[i]);
        }
        close(fd);
        lines_close(l);
        end_log(&b);
        loop_free(loop);
        const char *mark = format == LOG_FORMAT_JSON ? ",\"process\":\"smtpin-1\",\"event\":\"" : "Z level=warn process=smtpin-1 event=";
        assert_int_equal(count(&b, "\n"), ARRAY_LEN(said) - 1); /* the empty one is none */
        assert_int_equal(count(&b, mark), ARRAY_LEN(said) - 1);
        assert_int_equal(count(&b, format == LOG_FORMAT_JSON ? "\"process\":\"queue-0\"" : "\nprocess="), 0);
        assert_int_equal(count(&b, format == LOG_FORMAT_JSON ? "\"event\":\"process-wrote\"" : "event=process-wrote text="), ARRAY_LEN(said) - 2);
        assert_int_equal(count(&b, "\x1b") + count(&b, "\x07") + count(&b, "\xc2\x9b"), 0);
        assert_int_equal(count(&b, "2001-02-03T10") + count(&b, "1970"), 2); /* told as texts, no times */
        assert_int_equal(count(&b, format == LOG_FORMAT_JSON ? "\"said\",\"code\":\"250\",\"n\":-5,\"text\":\"a\\u001b[2J\\u000aprocess=queue-0 \\\"b\\\\\"}"
                                                              : "event=said code=250 n=-5 text=\"a\\x1b[2J\\x0aprocess=queue-0 \\\"b\\\\\"\n"), 1);
    }
}

/* Anything at all, made of what lines are made of: one line each, under the right name, and nothing that ends or hides one. */
static void whatever_is_written_is_a_line(void **state)
{
    static const char *const parts[] = {"0", "3", " ", "1764511200123", "said", "x=", "\"", "\\", "\\x1b", "\\x0a", "\x1b[2J", "\xc2\x9b", "\xff",
                                        "process=", "queue-0", "event=", "-", "9223372036854775808", "\xe2\x80\xa8", "\r", "a b", "{", "3 0 said x=1"};
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
        (void)log_take("smtpin-1", 7, buf_str(&line));
    }
    end_log(&b);
    assert_int_equal(count(&b, "\n"), LINES);
    assert_int_equal(count(&b, "Z level=warn process=smtpin-1 event=process-wrote ") + count(&b, "Z level=info process=smtpin-1 event=said") +
                         count(&b, "Z level=error process=smtpin-1 event=said"), LINES);
    assert_in_range(count(&b, "event=said"), 1, LINES);
    assert_int_equal(count(&b, "\x1b") + count(&b, "\xc2\x9b") + count(&b, "\xff") + count(&b, "\r") + count(&b, "\xe2\x80\xa8"), 0);
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
    struct lines *evil = lines_open(loop, "web-1", LINES_OF_OTHERS, &fd);
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
    assert_in_range(count(&b, "process=web-1 event=process-wrote text=x\n"), 1, CHUNK / 2); /* of half a million */
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

/* pipe(7): a write to a full pipe with O_NONBLOCK fails with EAGAIN. It goes on, and says how much is missing. */
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
    const char *lost = memmem(got, (size_t)n, " log-lines-lost lines=2\n", 24), *three = memmem(got, (size_t)n, " three n=\"3\"\n", 13);
    assert_true(lost && three && lost < three);
    close(fds[0]);
    close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whose_a_line_is_says_its_pipe),
        cmocka_unit_test(whatever_is_written_is_a_line),
        cmocka_unit_test(who_writes_too_much_waits),
        cmocka_unit_test(so_much_may_be_written),
        cmocka_unit_test(who_is_not_read_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
