/* SPDX-License-Identifier: Apache-2.0
 * log.c: renders log lines, one write(2) each. Called from everywhere; owns the only global state of base/. What can
 * go wrong: nobody takes a line that is handed over (posternd stands still, or takes no more from who writes too much): it
 * is left out and counted.
 */
#include "base/log.h"
#include "base/clock.h"

#include <stdio.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

enum { VALUE_MAX = 512, SAME_HOUR_MS = 60 * 60 * 1000 };

static struct {
    const char *name;
    enum log_level level;
    enum log_format format;
    bool to_syslog, handed, torn; /* torn: the last line was not written to its end */
    uint64_t lost;
} sink = {"postern", LOG_LEVEL_INFO, LOG_FORMAT_TEXT, false, false, false, 0};

static const char *const level_names[] = {"error", "warn", "notice", "info", "debug"};

struct writer {
    char *p;
    size_t n, size;
};

static void put(struct writer *w, const char *p, size_t n)
{
    if (n > w->size - w->n) {
        n = w->size - w->n;
    }
    memcpy(w->p + w->n, p, n);
    w->n += n;
}

/* Length of the valid UTF-8 sequence at p, or 0. Overlong forms and surrogates are invalid. */
static size_t utf8_len(const unsigned char *p, size_t n)
{
    if (n >= 2 && p[0] >= 0xc2 && p[0] <= 0xdf && (p[1] & 0xc0) == 0x80) {
        return 2;
    }
    if (n >= 3 && (p[0] & 0xf0) == 0xe0 && (p[1] & 0xc0) == 0x80 && (p[2] & 0xc0) == 0x80 &&
        !(p[0] == 0xe0 && p[1] < 0xa0) && !(p[0] == 0xed && p[1] > 0x9f)) {
        return 3;
    }
    if (n >= 4 && p[0] >= 0xf0 && p[0] <= 0xf4 && (p[1] & 0xc0) == 0x80 && (p[2] & 0xc0) == 0x80 &&
        (p[3] & 0xc0) == 0x80 && !(p[0] == 0xf0 && p[1] < 0x90) && !(p[0] == 0xf4 && p[1] > 0x8f)) {
        return 4;
    }
    return 0;
}

/* U+0080..U+009F (C1), U+2028 and U+2029 end lines or hide text on some terminals. */
static bool is_hidden(const unsigned char *p, size_t n)
{
    return (n == 2 && p[0] == 0xc2 && p[1] < 0xa0) ||
           (n == 3 && p[0] == 0xe2 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9));
}

static void put_escaped(struct writer *w, struct str s, enum log_format format)
{
    size_t limit = s.n < VALUE_MAX ? s.n : VALUE_MAX;
    for (size_t i = 0; i < limit;) {
        const unsigned char *p = (const unsigned char *)s.p + i;
        size_t len = *p < 0x80 ? 1 : utf8_len(p, limit - i);
        char hex[8];
        if (len == 1 && (*p == '"' || *p == '\\')) {
            hex[0] = '\\';
            hex[1] = (char)*p;
            put(w, hex, 2);
        } else if (len == 0 || is_hidden(p, len) || *p < 0x20 || *p == 0x7f) {
            len = 1;
            snprintf(hex, sizeof hex, format == LOG_FORMAT_JSON ? "\\u%04x" : "\\x%02x", *p);
            put(w, hex, strlen(hex));
        } else {
            put(w, (const char *)p, len);
        }
        i += len;
    }
    if (s.n > VALUE_MAX) {
        put(w, "...", 3);
    }
}

static bool is_plain_word(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c <= 0x20 || c >= 0x7f || c == '"' || c == '\\' || c == '=') {
            return false;
        }
    }
    return s.n > 0 && s.n <= VALUE_MAX;
}

static void put_field(struct writer *w, const struct log_field *f, enum log_format format)
{
    char number[24];
    put(w, format == LOG_FORMAT_JSON ? ",\"" : " ", format == LOG_FORMAT_JSON ? 2 : 1);
    put(w, f->key, strlen(f->key));
    put(w, format == LOG_FORMAT_JSON ? "\":" : "=", format == LOG_FORMAT_JSON ? 2 : 1);
    if (f->is_number) {
        snprintf(number, sizeof number, "%lld", (long long)f->number);
        put(w, number, strlen(number));
    } else if (format == LOG_FORMAT_TEXT && is_plain_word(f->text)) {
        put(w, f->text.p, f->text.n);
    } else {
        put(w, "\"", 1);
        put_escaped(w, f->text, format);
        put(w, "\"", 1);
    }
}

static void put_head(struct writer *w, enum log_format format, int64_t wall_ms, enum log_level level, const char *process,
                     const char *event)
{
    char head[256];
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    if (format == LOG_FORMAT_HANDED) {
        snprintf(head, sizeof head, "%u %lld %s", (unsigned)level, (long long)wall_ms, event);
    } else {
        snprintf(head, sizeof head,
                 format == LOG_FORMAT_JSON ? "{\"time\":\"%04d-%02d-%02dT%02d:%02d:%02d.%03dZ\",\"level\":\"%s\","
                                             "\"process\":\"%s\",\"event\":\"%s\""
                                           : "time=%04d-%02d-%02dT%02d:%02d:%02d.%03dZ level=%s process=%s event=%s",
                 tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                 (int)(wall_ms % 1000), level_names[level], process, event);
    }
    put(w, head, strlen(head));
}

size_t log_render(char *dst, size_t size, enum log_format format, int64_t wall_ms,
                  enum log_level level, const char *process, const char *event,
                  const struct log_field *fields, size_t n)
{
    struct writer w = {dst, 0, size};
    put_head(&w, format, wall_ms, level, process, event);
    for (size_t i = 0; i < n; i++) {
        size_t before = w.n;
        put_field(&w, &fields[i], format);
        if (format == LOG_FORMAT_HANDED && w.n == w.size) { /* what is left of a field is none */
            w.n = before;
            break;
        }
    }
    if (format == LOG_FORMAT_JSON) {
        put(&w, "}", 1);
    }
    return w.n;
}

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
    char line[128];
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
