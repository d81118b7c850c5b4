/* SPDX-License-Identifier: Apache-2.0
 * log_handed.c: the form in which a process hands its lines to the one that writes them (log.h):
 * level, time and event, then fields, a number as it is, a text always in quotes. No writer is
 * trusted to have kept to it.
 *
 * What can go wrong: a line that is cut, too long or in another form: it is written as plain text.
 */
#include "base/log.h"

static bool log_handed_is_word(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!(s.p[i] >= 'a' && s.p[i] <= 'z') && !(s.p[i] >= '0' && s.p[i] <= '9') &&
            s.p[i] != '-') {
            return false;
        }
    }
    return s.n > 0 && s.n <= LOG_WORD_MAX;
}

/* Up to the next octet `end`, which is taken, too; false: there is none. */
static bool take_until(struct str *rest, char end, struct str *ret)
{
    size_t at = str_find(*rest, end, 0);
    if (at == rest->n) {
        return false;
    }
    *ret = str_slice(*rest, 0, at);
    *rest = str_slice(*rest, at + 1, rest->n);
    return true;
}

static int log_handed_hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One octet behind a stroke; false: it stands for none. */
static bool log_handed_take_escape(struct str *rest, char *ret)
{
    if (rest->n >= 1 && (rest->p[0] == '"' || rest->p[0] == '\\')) {
        *ret = rest->p[0];
        *rest = str_slice(*rest, 1, rest->n);
        return true;
    }
    if (rest->n < 3 || rest->p[0] != 'x' || log_handed_hex_digit(rest->p[1]) < 0 ||
        log_handed_hex_digit(rest->p[2]) < 0) {
        return false;
    }
    *ret = (char)(log_handed_hex_digit(rest->p[1]) * 16 + log_handed_hex_digit(rest->p[2]));
    *rest = str_slice(*rest, 3, rest->n);
    return true;
}

/* What stands between quotes, the first of which is taken. */
static bool take_text(struct log_handed *h, struct str *rest, struct str *ret)
{
    char *begin = h->text + h->used;
    size_t n = 0;
    while (rest->n > 0 && rest->p[0] != '"' && h->used + n < sizeof h->text) {
        char c = rest->p[0];
        *rest = str_slice(*rest, 1, rest->n);
        if (c == '\\' && !log_handed_take_escape(rest, &c)) {
            return false;
        }
        begin[n++] = c;
    }
    if (rest->n == 0 || rest->p[0] != '"') {
        return false;
    }
    *rest = str_slice(*rest, 1, rest->n);
    *ret = str_from(begin, n);
    h->used += n;
    return true;
}

/* A word as a string that ends with NUL; NULL: it is none, or there is no room. */
static const char *keep_word(struct log_handed *h, struct str word)
{
    char *copy = h->text + h->used;
    if (!log_handed_is_word(word) || h->used + word.n + 1 > sizeof h->text) {
        return NULL;
    }
    memcpy(copy, word.p, word.n);
    copy[word.n] = '\0';
    h->used += word.n + 1;
    return copy;
}

/* What the line itself says: no field may say it again. */
static bool log_handed_is_head(const char *key)
{
    static const char *const heads[] = {"time", "level", "process", "event"};
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        if (strcmp(key, heads[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_there(const struct log_handed *h, const char *key)
{
    for (size_t i = 0; i < h->n; i++) {
        if (strcmp(h->fields[i].key, key) == 0) {
            return true;
        }
    }
    return false;
}

static bool log_handed_take_number(struct str *rest, int64_t *ret)
{
    size_t end = str_find(*rest, ' ', 0);
    bool minus = rest->n > 0 && rest->p[0] == '-';
    uint64_t n;
    if (str_to_u64(str_slice(*rest, minus, end), INT64_MAX, &n) < 0) {
        return false;
    }
    *ret = minus ? -(int64_t)n : (int64_t)n;
    *rest = str_slice(*rest, end, rest->n);
    return true;
}

static bool take_field(struct log_handed *h, struct str *rest)
{
    struct str key;
    struct log_field *f = &h->fields[h->n];
    if (h->n == LOG_FIELDS_MAX || !take_until(rest, '=', &key)) {
        return false;
    }
    *f = (struct log_field){.key = keep_word(h, key)};
    if (!f->key || log_handed_is_head(f->key) || is_there(h, f->key)) {
        return false;
    }
    f->is_number = rest->n == 0 || rest->p[0] != '"';
    if (!f->is_number) {
        *rest = str_slice(*rest, 1, rest->n);
    }
    h->n++;
    return f->is_number ? log_handed_take_number(rest, &f->number) : take_text(h, rest, &f->text);
}

int log_handed_read(struct str line, struct log_handed *ret)
{
    struct str level, time, event;
    uint64_t n, ms;
    ret->n = ret->used = 0;
    bool has_head = take_until(&line, ' ', &level) && take_until(&line, ' ', &time);
    if (!has_head || str_to_u64(level, LOG_LEVEL_DEBUG, &n) < 0 ||
        str_to_u64(time, INT64_MAX, &ms) < 0) {
        return -EBADMSG;
    }
    size_t end = str_find(line, ' ', 0);
    event = str_slice(line, 0, end);
    line = str_slice(line, end, line.n);
    ret->level = (enum log_level)n;
    ret->wall_ms = (int64_t)ms;
    ret->event = keep_word(ret, event);
    while (ret->event && line.n > 0 && line.p[0] == ' ') {
        line = str_slice(line, 1, line.n);
        if (!take_field(ret, &line)) {
            return -EBADMSG;
        }
    }
    return ret->event && line.n == 0 ? 0 : -EBADMSG;
}
