/* SPDX-License-Identifier: Apache-2.0
 * log.c: renders log lines. One write(2) per line, so that lines of several processes on one
 * standard error do not mix. Called from everywhere; owns the only global state of base/.
 */
#include "base/log.h"
#include "base/clock.h"

#include <stdio.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_OCTETS = 8192, VALUE_MAX = 512 };

static struct {
    const char *name;
    enum log_level level;
    enum log_format format;
    bool to_syslog;
} sink = {"postern", LOG_LEVEL_INFO, LOG_FORMAT_TEXT, false};

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

size_t log_render(char *dst, size_t size, enum log_format format, int64_t wall_ms,
                  enum log_level level, const char *process, const char *event,
                  const struct log_field *fields, size_t n)
{
    struct writer w = {dst, 0, size};
    char head[256];
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    snprintf(head, sizeof head,
             format == LOG_FORMAT_JSON
                 ? "{\"time\":\"%04d-%02d-%02dT%02d:%02d:%02d.%03dZ\",\"level\":\"%s\","
                   "\"process\":\"%s\",\"event\":\"%s\""
                 : "time=%04d-%02d-%02dT%02d:%02d:%02d.%03dZ level=%s process=%s event=%s",
             tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
             (int)(wall_ms % 1000), level_names[level], process, event);
    put(&w, head, strlen(head));
    for (size_t i = 0; i < n; i++) {
        put_field(&w, &fields[i], format);
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
    sink.to_syslog = to_syslog;
    if (to_syslog) {
        openlog(name, LOG_PID | LOG_NDELAY, LOG_MAIL);
    }
}

void log_fields(enum log_level level, const char *event, const struct log_field *fields, size_t n)
{
    static const int priorities[] = {LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO, LOG_DEBUG};
    char line[LINE_MAX_OCTETS + 1];
    if (level > sink.level) {
        return;
    }
    size_t len = log_render(line, LINE_MAX_OCTETS, sink.format, clock_wall_ms(), level, sink.name,
                            event, fields, n);
    if (sink.to_syslog) {
        syslog(priorities[level], "%.*s", (int)len, line);
        return;
    }
    line[len] = '\n';
    ssize_t written = write(STDERR_FILENO, line, len + 1);
    (void)written; /* nowhere left to complain */
}
