/* SPDX-License-Identifier: Apache-2.0
 * log_line.c: the text of a line of the log, in each of its forms (log.h). Called by log.c; pure.
 *
 * What can go wrong: there is more to say than a line holds. A field that does not fit is left out
 * as a whole, and the line says so: it stays one that programs can read.
 */
#include "base/log.h"
#include "base/unseen.h"

#include <stdio.h>
#include <time.h>

enum { VALUE_MAX = 512, MARK_OCTETS = sizeof ",\"cut\":1}" - 1 };

static const char *const level_names[] = {"error", "warn", "notice", "info", "debug"};

struct writer {
    char *p;
    size_t n, size;
    bool is_full; /* something did not fit */
};

static void log_line_put(struct writer *w, const char *p, size_t n)
{
    w->is_full |= n > w->size - w->n;
    if (!w->is_full) {
        memcpy(w->p + w->n, p, n);
        w->n += n;
    }
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

/* U+0080..U+009F (C1), U+2028 and U+2029 end lines or hide text on some terminals, marks of
 * direction turn it round. */
static bool is_hidden(const unsigned char *p, size_t n)
{
    return unseen_at(str_from((const char *)p, n)) > 0 || (n == 2 && p[0] == 0xc2 && p[1] < 0xa0) ||
           (n == 3 && p[0] == 0xe2 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9));
}

static void log_line_put_escaped(struct writer *w, struct str s, enum log_format format)
{
    size_t limit = s.n < VALUE_MAX ? s.n : VALUE_MAX;
    for (size_t i = 0; i < limit;) {
        const unsigned char *p = (const unsigned char *)s.p + i;
        size_t len = *p < 0x80 ? 1 : utf8_len(p, s.n - i);
        char hex[8];
        if (len > limit - i) {
            break; /* no half of a character */
        }
        if (len == 1 && (*p == '"' || *p == '\\')) {
            hex[0] = '\\';
            hex[1] = (char)*p;
            log_line_put(w, hex, 2);
        } else if (len == 0 || is_hidden(p, len) || *p < 0x20 || *p == 0x7f) {
            len = 1;
            snprintf(hex, sizeof hex, format == LOG_FORMAT_JSON ? "\\u%04x" : "\\x%02x", *p);
            log_line_put(w, hex, strlen(hex));
        } else {
            log_line_put(w, (const char *)p, len);
        }
        i += len;
    }
    if (s.n > VALUE_MAX) {
        log_line_put(w, "...", 3);
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

static void log_line_put_field(struct writer *w, const struct log_field *f, enum log_format format)
{
    char number[24];
    log_line_put(w, format == LOG_FORMAT_JSON ? ",\"" : " ", format == LOG_FORMAT_JSON ? 2 : 1);
    log_line_put(w, f->key, strlen(f->key));
    log_line_put(w, format == LOG_FORMAT_JSON ? "\":" : "=", format == LOG_FORMAT_JSON ? 2 : 1);
    if (f->is_number) {
        snprintf(number, sizeof number, "%lld", (long long)f->number);
        log_line_put(w, number, strlen(number));
    } else if (format == LOG_FORMAT_TEXT && is_plain_word(f->text)) {
        log_line_put(w, f->text.p, f->text.n);
    } else {
        log_line_put(w, "\"", 1);
        log_line_put_escaped(w, f->text, format);
        log_line_put(w, "\"", 1);
    }
}

static void log_line_put_head(struct writer *w, enum log_format format, int64_t wall_ms,
                              enum log_level level, const char *process, const char *event)
{
    char head[256];
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    if (format == LOG_FORMAT_HANDED) {
        snprintf(head, sizeof head, "%u %lld %s", (unsigned)level, (long long)wall_ms, event);
    } else {
        snprintf(head, sizeof head,
                 format == LOG_FORMAT_JSON
                     ? "{\"time\":\"%04d-%02d-%02dT%02d:%02d:%02d.%03dZ\",\"level\":\"%s\","
                       "\"process\":\"%s\",\"event\":\"%s\""
                     : "time=%04d-%02d-%02dT%02d:%02d:%02d.%03dZ level=%s process=%s event=%s",
                 tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                 (int)(wall_ms % 1000), level_names[level], process, event);
    }
    log_line_put(w, head, strlen(head));
}

/* It did not fit: no part of it stays. */
static bool put_whole_field(struct writer *w, const struct log_field *f, enum log_format format)
{
    size_t before = w->n;
    log_line_put_field(w, f, format);
    if (w->is_full) {
        w->n = before;
        w->is_full = false;
        return false;
    }
    return true;
}

size_t log_render(char *dst, size_t size, enum log_format format, int64_t wall_ms,
                  enum log_level level, const char *process, const char *event,
                  const struct log_field *fields, size_t n)
{
    must(size >= LOG_LINE_LEAST);
    struct writer w = {dst, 0, size - MARK_OCTETS, false};
    const struct log_field mark = KVN("cut", 1);
    bool is_cut = false, is_marked = false;
    log_line_put_head(&w, format, wall_ms, level, process, event);
    for (size_t i = 0; i < n; i++) {
        bool fits = put_whole_field(&w, &fields[i], format);
        is_cut |= !fits;
        is_marked |= fits && strcmp(fields[i].key, mark.key) == 0;
    }
    w.size = size;
    if (is_cut && !is_marked) {
        log_line_put_field(&w, &mark, format);
    }
    if (format == LOG_FORMAT_JSON) {
        log_line_put(&w, "}", 1);
    }
    return w.n;
}
