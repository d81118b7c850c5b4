/* SPDX-License-Identifier: Apache-2.0
 * log.c: what is logged and where it goes: to standard error or syslog, or over a pipe to posternd,
 * which writes it. Called from everywhere; owns the only global state of base/ (log_out.c has the
 * descriptor).
 *
 * What can go wrong: nobody takes a line (the reader of the log or posternd stands still, a disk is
 * full). It waits here, up to WAITING_MAX octets, what comes then is lost and counted, and the
 * count stands in the log where the lines would have stood.
 */
#include "base/log.h"
#include "base/clock.h"
#include "base/log_out.h"

#include <stdio.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

enum {
    SAME_HOUR_MS = 60 * 60 * 1000,
    WAITING_MAX = 256 * 1024,
    AGAIN_ROOM = WAITING_MAX / 4,
    END_TRY_MS = 10,
};

static struct {
    const char *name;
    enum log_level level;
    enum log_format format;
    bool to_syslog, handed;
    uint64_t lost;
    const char *syslog_path;
} sink = {"postern", LOG_LEVEL_INFO, LOG_FORMAT_TEXT, false, false, 0, "/dev/log"};

/* Lines with their newlines; of the first one a part may have been taken. */
static struct {
    char octets[WAITING_MAX];
    size_t begin, end;
} waiting;

/* --- what waits --------------------------------------------------------- */

/* Gives away what is taken; true: nothing is left. */
static bool log_give(void)
{
    while (waiting.begin < waiting.end) {
        const char *line = waiting.octets + waiting.begin;
        size_t left = waiting.end - waiting.begin, n = str_find(str_from(line, left), '\n', 0) + 1;
        size_t taken = log_out_put(line, n);
        waiting.begin += taken;
        if (taken < n) {
            return false;
        }
    }
    waiting.begin = waiting.end = 0;
    return true;
}

static bool has_room(size_t n)
{
    if (waiting.begin > 0 && sizeof waiting.octets - waiting.end < n) {
        waiting.end -= waiting.begin;
        memmove(waiting.octets, waiting.octets + waiting.begin, waiting.end);
        waiting.begin = 0;
    }
    return sizeof waiting.octets - waiting.end >= n;
}

static void log_keep(const char *line, size_t n)
{
    memcpy(waiting.octets + waiting.end, line, n);
    waiting.end += n;
}

/* They were for another place than the one that lines go to now. */
static void lose_waiting(void)
{
    for (size_t i = waiting.begin; i < waiting.end; i++) {
        sink.lost += waiting.octets[i] == '\n';
    }
    waiting.begin = waiting.end = 0;
}

/* --- lines -------------------------------------------------------------- */

struct origin {
    const char *process;
    long pid; /* 0: this one */
};

/* As RFC 3164 has it; the time is that of this machine's clock in its zone, as syslog(3) says
 * it. */
static size_t syslog_head(char *dst, size_t size, const struct origin *o, enum log_level level)
{
    static const int priorities[] = {LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO, LOG_DEBUG};
    static const char *const months[] = {
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    };
    time_t now = (time_t)(clock_wall_ms() / 1000);
    struct tm tm;
    localtime_r(&now, &tm);
    int n = snprintf(dst, size, "<%d>%s %2d %02d:%02d:%02d %s[%ld]: ", LOG_MAIL | priorities[level],
                     months[tm.tm_mon], tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, o->process,
                     o->pid > 0 ? o->pid : (long)getpid());
    must(n > 0 && (size_t)n < size);
    return (size_t)n;
}

/* With its newline; the length. */
static size_t make_line(char *dst, const struct origin *o, int64_t wall_ms, enum log_level level,
                        const char *event, const struct log_field *fields, size_t n)
{
    enum log_format format = sink.handed ? LOG_FORMAT_HANDED : sink.format;
    size_t head = sink.to_syslog ? syslog_head(dst, LOG_LINE_MAX, o, level) : 0;
    size_t end = head + log_render(dst + head, LOG_LINE_MAX - head, format, wall_ms, level,
                                   o->process, event, fields, n);
    dst[end] = '\n';
    return end + 1;
}

/* Once there is room for more than the next line. An error, as lines of any level may be
 * missing. */
static void log_tell_lost(void)
{
    char line[LOG_LINE_MAX + 1];
    const struct origin self = {sink.name, 0};
    const struct log_field f = KVN("lines", sink.lost);
    if (sink.lost > 0 && has_room(AGAIN_ROOM)) {
        log_keep(line,
                 make_line(line, &self, clock_wall_ms(), LOG_LEVEL_ERROR, "log-lines-lost", &f, 1));
        sink.lost = 0;
    }
}

/* The octets of the line. */
static size_t log_write_line(const struct origin *o, int64_t wall_ms, enum log_level level,
                             const char *event, const struct log_field *fields, size_t n)
{
    char line[LOG_LINE_MAX + 1];
    size_t len = make_line(line, o, wall_ms, level, event, fields, n);
    (void)log_flush();
    if (sink.lost == 0 && has_room(len)) {
        log_keep(line, len);
    } else {
        sink.lost++;
    }
    (void)log_give();
    return len;
}

bool log_flush(void)
{
    (void)log_give();
    log_tell_lost();
    return log_give();
}

void log_end(int ms)
{
    const struct timespec pause = {.tv_nsec = END_TRY_MS * 1000 * 1000};
    int64_t until = clock_mono_ms() + ms;
    while (!log_flush() && clock_mono_ms() < until) {
        (void)nanosleep(&pause, NULL);
    }
}

/* --- where they go ------------------------------------------------------ */

static void turn_to(bool to_syslog)
{
    (void)log_flush();
    if (to_syslog != sink.to_syslog) {
        lose_waiting();
    }
    sink.to_syslog = to_syslog;
    if (to_syslog) {
        log_out_syslog(sink.syslog_path);
    } else {
        log_out_stderr();
    }
}

void log_open(const char *name, enum log_level level, enum log_format format, bool to_syslog)
{
    sink.name = name;
    sink.level = level;
    sink.format = format;
    if (!sink.handed) {
        turn_to(to_syslog);
    }
}

void log_hand_over(void)
{
    sink.handed = true;
    turn_to(false);
}

void log_syslog_at(const char *path)
{
    sink.syslog_path = path;
}

void log_fields(enum log_level level, const char *event, const struct log_field *fields, size_t n)
{
    const struct origin self = {sink.name, 0};
    if (level <= sink.level) {
        (void)log_write_line(&self, clock_wall_ms(), level, event, fields, n);
    }
}

bool log_take(const char *process, long pid, struct str line, size_t *ret_octets)
{
    static struct log_handed h;
    const struct origin o = {process, pid};
    int64_t now = clock_wall_ms();
    *ret_octets = 0;
    if (log_handed_read(line, &h) < 0) {
        const struct log_field text = KVS("text", line);
        *ret_octets = log_write_line(&o, now, LOG_LEVEL_WARN, "process-wrote", &text, 1);
        return false;
    }
    if (h.level <= sink.level) {
        bool is_of_now = h.wall_ms <= now && now - h.wall_ms < SAME_HOUR_MS;
        *ret_octets =
            log_write_line(&o, is_of_now ? h.wall_ms : now, h.level, h.event, h.fields, h.n);
    }
    return true;
}
