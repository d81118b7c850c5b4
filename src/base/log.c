/* SPDX-License-Identifier: Apache-2.0
 * log.c: renders log lines, one write(2) each. Called from everywhere; owns the only global state of base/. What can
 * go wrong: nobody takes a line that is handed over (posternd stands still, or takes no more from who writes too much): it
 * is left out and counted.
 */
#include "base/log.h"
#include "base/clock.h"

#include <stdio.h>
#include <syslog.h>
#include <unistd.h>

enum { SAME_HOUR_MS = 60 * 60 * 1000 };

static struct {
    const char *name;
    enum log_level level;
    enum log_format format;
    bool to_syslog, handed, torn; /* torn: the last line was not written to its end */
    uint64_t lost;
} sink = {"postern", LOG_LEVEL_INFO, LOG_FORMAT_TEXT, false, false, false, 0};

void log_open(const char *name, enum log_level level, enum log_format format, bool to_syslog)
{
    sink.name = name;
    sink.level = level;
    sink.format = format;
    sink.to_syslog = to_syslog && !sink.handed;
    if (sink.to_syslog) {
        openlog(name, LOG_PID | LOG_NDELAY, LOG_MAIL);
    }
}

void log_hand_over(void)
{
    sink.handed = true;
    sink.to_syslog = false;
}

/* A part that was written may be of another line than what comes next. */
static void hand_over(char *line, size_t n)
{
    if (sink.torn) {
        sink.torn = write(STDERR_FILENO, "\n", 1) < 0;
    }
    ssize_t written = sink.torn ? -1 : write(STDERR_FILENO, line, n);
    sink.torn |= written > 0 && (size_t)written < n;
    sink.lost += written < (ssize_t)n;
}

static void tell_lost(void)
{
    char line[LOG_LINE_LEAST];
    uint64_t lost = sink.lost;
    const struct log_field f = KVN("lines", lost);
    sink.lost = 0;
    size_t n = log_render(line, sizeof line - 1, LOG_FORMAT_HANDED, clock_wall_ms(), LOG_LEVEL_WARN, sink.name, "log-lines-lost", &f, 1);
    line[n] = '\n';
    hand_over(line, n + 1);
    sink.lost = sink.lost > 0 ? lost : 0;
}

/* pid: of another process, 0: of this one. */
static void write_line(const char *process, long pid, int64_t wall_ms, enum log_level level, const char *event,
                       const struct log_field *fields, size_t n)
{
    static const int priorities[] = {LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO, LOG_DEBUG};
    char line[LOG_LINE_MAX + 1], whose[80];
    enum log_format format = sink.handed ? LOG_FORMAT_HANDED : sink.format;
    size_t len = log_render(line, LOG_LINE_MAX, format, wall_ms, level, process, event, fields, n);
    if (sink.to_syslog && pid > 0) {
        snprintf(whose, sizeof whose, "%s[%ld]", process, pid);
        openlog(whose, LOG_NDELAY, LOG_MAIL);
        syslog(priorities[level], "%.*s", (int)len, line);
        openlog(sink.name, LOG_PID | LOG_NDELAY, LOG_MAIL);
        return;
    }
    if (sink.to_syslog) {
        syslog(priorities[level], "%.*s", (int)len, line);
        return;
    }
    line[len] = '\n';
    if (sink.handed) {
        hand_over(line, len + 1);
        return;
    }
    ssize_t written = write(STDERR_FILENO, line, len + 1);
    (void)written; /* nowhere left to complain */
}

void log_fields(enum log_level level, const char *event, const struct log_field *fields, size_t n)
{
    if (level > sink.level) {
        return;
    }
    if (sink.lost > 0) {
        tell_lost();
    }
    write_line(sink.name, 0, clock_wall_ms(), level, event, fields, n);
}

bool log_take(const char *process, long pid, struct str line)
{
    static struct log_handed h;
    int64_t now = clock_wall_ms();
    if (log_handed_read(line, &h) < 0) {
        const struct log_field text = KVS("text", line);
        write_line(process, pid, now, LOG_LEVEL_WARN, "process-wrote", &text, 1);
        return false;
    }
    if (h.level <= sink.level) {
        bool is_of_now = h.wall_ms <= now && now - h.wall_ms < SAME_HOUR_MS;
        write_line(process, pid, is_of_now ? h.wall_ms : now, h.level, h.event, h.fields, h.n);
    }
    return true;
}
