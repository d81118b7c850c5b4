/* SPDX-License-Identifier: Apache-2.0
 * params.c: parameters of MIME fields (params.h). Pieces (name*0, name*1) are joined in the
 * order of their numbers, as far as there is no gap; octets in one character set are joined
 * before they are converted.
 */
#include "mime/params.h"

#include <stdlib.h>

enum { PIECES_MAX = 200 };

/* One name=value as it stands there: name*3*=value is piece 3, extended. */
struct piece_of_value {
    char name[PARAM_NAME_MAX];
    unsigned number;
    bool in_pieces, extended, used;
    bool odd;          /* its number begins with a zero: some readers take it, RFC 2231 does not */
    struct buf octets; /* unquoted */
    struct buf other;  /* as other readers have it who end it elsewhere; empty: none */
};

struct pieces {
    struct piece_of_value v[PIECES_MAX];
    size_t n;
};

static bool params_is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* --- as it stands there ------------------------------------------------- */

/* Behind the comment that begins at `at`, with those inside it (RFC 5322 3.2.2); s.n: it has no
 * end. */
static size_t comment_end(struct str s, size_t at)
{
    size_t depth = 0;
    do {
        depth += s.p[at] == '(';
        depth -= s.p[at] == ')';
    } while (++at < s.n && depth > 0);
    return at;
}

/* Where the comment begins of which the end is before `end`; end: there is none. */
static size_t comment_begin(struct str s, size_t end)
{
    size_t depth = 0, at = end;
    while (at > 0 && (s.p[at - 1] == ')' || depth > 0)) {
        at--;
        depth += s.p[at] == ')';
        depth -= s.p[at] == '(';
        if (depth == 0) {
            return at;
        }
    }
    return end;
}

/* Without the comments at its end. Of a name of a file a parenthesis is a part, unless a blank
 * stands before it. */
static struct str without_comments_behind(struct str s, bool is_value)
{
    struct str left = s;
    for (size_t end = s.n, at; (at = comment_begin(s, end)) < end && at > 0; end = s.n) {
        struct str before = str_trim_lines(str_slice(s, 0, at));
        left = before.n < at || !is_value ? before : left;
        s = before;
    }
    return left;
}

/* "(a comment) name" */
static struct str without_comment_before(struct str s)
{
    size_t end = s.n > 0 && s.p[0] == '(' ? comment_end(s, 0) : s.n;
    return end < s.n ? str_trim_lines(str_slice(s, end, s.n)) : s;
}

static void add_without_comments(struct str s, struct buf *out)
{
    struct buf left = BUF_INIT(s.n + 1);
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '(') {
            i = comment_end(s, i) - 1;
        } else {
            (void)!buf_append(&left, &s.p[i], 1);
        }
    }
    (void)!buf_add(out, str_trim_lines(buf_str(&left)));
    buf_free(&left);
}

/* name, name*, name*N, name*N*, a comment before or behind it. False: none that counts. */
static bool read_name(struct str text, struct piece_of_value *ret)
{
    text = without_comment_before(without_comments_behind(text, false));
    size_t star = str_find(text, '*', 0);
    struct str name = str_trim_lines(str_slice(text, 0, star)),
               rest = str_trim_lines(str_slice(text, star < text.n ? star + 1 : star, text.n));
    uint64_t number = 0;
    if (name.n == 0 || str_copy(name, ret->name, sizeof ret->name) < 0) {
        return false;
    }
    for (char *p = ret->name; *p; p++) {
        *p = str_lower(*p);
    }
    ret->extended = star < text.n && (rest.n == 0 || str_ends_nocase(rest, STR("*")));
    rest.n -= rest.n > 0 && ret->extended;
    ret->in_pieces = rest.n > 0;
    if (ret->in_pieces && str_to_u64(rest, PIECES_MAX, &number) < 0) {
        return false;
    }
    ret->odd = rest.n > 1 && rest.p[0] == '0';
    ret->number = (unsigned)number;
    return true;
}

static size_t params_skip_blanks(struct str s, size_t i)
{
    while (i < s.n && params_is_blank(s.p[i])) {
        i++;
    }
    return i;
}

/* Where the quoted string begins, behind a comment too; s.n: the value is none. */
static size_t quoted_begin(struct str s)
{
    size_t i = params_skip_blanks(s, 0);
    i = i < s.n && s.p[i] == '(' ? params_skip_blanks(s, comment_end(s, i)) : i;
    return i < s.n && s.p[i] == '"' ? i : s.n;
}

/* Everything up to ";" where a program forgot the quotes, as people see it. Some readers take
 * the first word: where that is a name of a file, it counts, too. */
static size_t read_unquoted(struct str s, struct piece_of_value *ret, bool *ret_cut)
{
    size_t end = str_find(s, ';', 0), word = 0;
    struct str all = without_comments_behind(str_trim_lines(str_slice(s, 0, end)), true);
    *ret_cut |= all.n > PARAM_VALUE_MAX;
    all = str_slice(all, 0, all.n < PARAM_VALUE_MAX ? all.n : PARAM_VALUE_MAX);
    while (word < all.n && !params_is_blank(all.p[word])) {
        word++;
    }
    if (word < all.n && memchr(all.p, '.', word)) {
        (void)!buf_add(&ret->other, str_slice(all, 0, word));
    }
    return buf_add(&ret->octets, all) < 0 ? s.n : end;
}

/* A quoted string; the octets used. "a.txt".exe: some readers take both.
 * RFC 2045 5.1 MUST: a value with specials stands in quotes, which are no part of it */
static size_t read_value(struct str s, struct piece_of_value *ret, bool *ret_cut)
{
    size_t i = quoted_begin(s);
    int e = 0;
    if (i == s.n) {
        return read_unquoted(s, ret, ret_cut);
    }
    for (i++; i < s.n && s.p[i] != '"'; i++) {
        i += s.p[i] == '\\' && i + 1 < s.n;
        if (s.p[i] != '\r' && s.p[i] != '\n') {
            e = buf_append(&ret->octets, &s.p[i], 1) < 0 ? -ENOSPC : e;
        }
    }
    size_t end = str_find(s, ';', i < s.n ? i + 1 : i);
    struct buf behind = BUF_INIT(s.n + 1);
    add_without_comments(str_slice(s, i < s.n ? i + 1 : i, end), &behind);
    if (str_find(buf_str(&behind), '=', 0) < buf_len(&behind)) { /* a semicolon was forgotten */
        end = i + 1;
    } else if (buf_len(&behind) > 0) {
        e = buf_add(&ret->other, buf_str(&ret->octets)) < 0 ||
                    buf_add(&ret->other, buf_str(&behind)) < 0
                ? -ENOSPC
                : e;
    }
    buf_free(&behind);
    *ret_cut |= e < 0;
    return end;
}

/* Where the first parameter begins: behind the first semicolon, or with the first word where the
 * type, or the semicolon behind it, was forgotten (filename=x; attachment filename=x). */
static size_t first_parameter(struct str value)
{
    size_t semicolon = str_find(value, ';', 0), equals = str_find(value, '=', 0), begin = equals;
    if (equals > semicolon) {
        return semicolon < value.n ? semicolon + 1 : value.n;
    }
    while (begin > 0 && params_is_blank(value.p[begin - 1])) {
        begin--;
    }
    while (begin > 0 && !params_is_blank(value.p[begin - 1])) {
        begin--;
    }
    return begin;
}

/* False: there are more than are read. */
static bool read_pieces(struct str value, struct pieces *ret)
{
    bool cut = false;
    for (size_t at = first_parameter(value); at < value.n;) {
        struct piece_of_value p = {
            .octets = BUF_INIT(PARAM_VALUE_MAX),
            .other = BUF_INIT(PARAM_VALUE_MAX),
        };
        size_t equals = str_find(value, '=', at), semicolon = str_find(value, ';', at);
        if (equals >= value.n || ret->n == PIECES_MAX) {
            return !cut && equals >= value.n;
        }
        if (semicolon < equals) { /* a word without a value */
            at = semicolon + 1;
            continue;
        }
        bool good = read_name(str_trim_lines(str_slice(value, at, equals)), &p);
        at = equals + 1 + read_value(str_slice(value, equals + 1, value.n), &p, &cut);
        at += at < value.n && value.p[at] == ';';
        if (good) {
            ret->v[ret->n++] = p;
        } else {
            buf_free(&p.octets);
            buf_free(&p.other);
        }
    }
    return !cut;
}

/* --- what it says ------------------------------------------------------- */

static void add_unescaped(struct str s, struct buf *out)
{
    for (size_t i = 0; i < s.n; i++) {
        int high = s.p[i] == '%' && i + 2 < s.n ? str_hex(s.p[i + 1]) : -1,
            low = high >= 0 ? str_hex(s.p[i + 2]) : -1;
        char c = low >= 0 ? (char)(high << 4 | low) : s.p[i];
        i += low >= 0 ? 2 : 0;
        (void)!buf_append(out, &c, 1);
    }
}

/* charset'language'text: takes the first two off. */
static struct str take_charset(struct str *s)
{
    size_t a = str_find(*s, '\'', 0), b = a < s->n ? str_find(*s, '\'', a + 1) : s->n;
    struct str charset = b < s->n ? str_slice(*s, 0, a) : STR("");
    *s = b < s->n ? str_slice(*s, b + 1, s->n) : *s;
    return charset;
}

static void keep_one(struct params *ret, const char *name, struct str value)
{
    if (ret->n == PARAMS_MAX) {
        ret->cut = true;
        return;
    }
    struct param *p = &ret->v[ret->n++];
    str_copy_cut(str_c(name), p->name, sizeof p->name);
    p->value = str_dup(value);
    for (size_t i = 0; i < value.n; i++) {
        p->value[i] = p->value[i] == '\0' ? ' ' : p->value[i];
    }
}

/* Some programs end at a NUL, others leave it out. */
static void params_keep(struct params *ret, const char *name, struct str value)
{
    size_t end = str_find(value, '\0', 0);
    if (end < value.n) {
        keep_one(ret, name, str_slice(value, 0, end));
    }
    keep_one(ret, name, value);
}

/* A value in one piece: extended, or plain with encoded words, which the standard forbids and
 * many programs write. */
static void add_whole(struct reader *r, const char *part, struct piece_of_value *p,
                      struct str octets, struct params *ret)
{
    struct buf plain = BUF_INIT(PARAM_VALUE_MAX), text = BUF_INIT(8 * PARAM_VALUE_MAX);
    char charset[64] = "";
    p->used = true;
    if (p->extended) {
        str_copy_cut(take_charset(&octets), charset, sizeof charset);
        add_unescaped(octets, &plain);
        charset_text(r, part, buf_str(&plain), charset, &text);
    } else {
        words_text(r, part, octets, &text);
    }
    params_keep(ret, p->name, buf_str(&text));
    buf_free(&plain);
    buf_free(&text);
}

static struct piece_of_value *find_piece(struct pieces *all, const char *name, unsigned number)
{
    for (size_t i = 0; i < all->n; i++) {
        struct piece_of_value *p = &all->v[i];
        if (p->in_pieces && !p->used && !p->odd && p->number == number &&
            strcmp(p->name, name) == 0) {
            return p;
        }
    }
    return NULL;
}

/* A value that is put together of pieces. */
struct joined {
    struct buf octets;
    char charset[64];
    bool extended, begun;
};

static void join_piece(struct joined *j, struct piece_of_value *p)
{
    struct str piece = buf_str(&p->octets);
    p->used = true;
    j->extended |= p->extended;
    if (!j->begun && p->extended) {
        str_copy_cut(take_charset(&piece), j->charset, sizeof j->charset);
    }
    j->begun = true;
    if (p->extended) {
        add_unescaped(piece, &j->octets);
    } else {
        (void)!buf_add(&j->octets, piece);
    }
}

static void keep_joined(struct reader *r, const char *part, struct joined *j, const char *name,
                        struct params *ret)
{
    struct buf text = BUF_INIT(32 * PARAM_VALUE_MAX);
    if (j->extended) {
        charset_text(r, part, buf_str(&j->octets), j->charset, &text);
    } else {
        /* as some programs split an encoded word */
        words_text(r, part, buf_str(&j->octets), &text);
    }
    params_keep(ret, name, buf_str(&text));
    buf_free(&j->octets);
    buf_free(&text);
}

static void add_joined(struct reader *r, const char *part, struct pieces *all, const char *name,
                       struct params *ret)
{
    struct joined j = {.octets = BUF_INIT(8 * PARAM_VALUE_MAX)};
    struct piece_of_value *p;
    for (unsigned n = 0; (p = find_piece(all, name, n)); n++) {
        join_piece(&j, p);
    }
    keep_joined(r, part, &j, name, ret);
}

/* Pieces that RFC 2231 leaves out (behind a gap, without the first, with zeros before the
 * number), as readers have them that take all of them by their numbers: one more value. */
static void add_all_pieces(struct reader *r, const char *part, struct pieces *all, const char *name,
                           struct params *ret)
{
    struct joined j = {.octets = BUF_INIT(8 * PARAM_VALUE_MAX)};
    for (unsigned number = 0; number <= PIECES_MAX; number++) {
        for (size_t i = 0; i < all->n; i++) {
            struct piece_of_value *p = &all->v[i];
            if (p->in_pieces && p->number == number && strcmp(p->name, name) == 0) {
                join_piece(&j, p);
            }
        }
    }
    keep_joined(r, part, &j, name, ret);
}

/* RFC 2045 5.1 MUST: unknown parameters are ignored */
void params_read(struct reader *r, const char *part, struct str value, struct params *ret)
{
    struct pieces *all = err_calloc(1, sizeof *all);
    ret->n = 0;
    ret->cut = !read_pieces(value, all);
    for (int extended = 1; extended >= 0; extended--) {
        for (size_t i = 0; i < all->n; i++) {
            struct piece_of_value *p = &all->v[i];
            if (extended && p->in_pieces && p->number == 0 && !p->used && !p->odd) {
                add_joined(r, part, all, p->name, ret);
            } else if (!p->in_pieces && p->extended == (bool)extended) {
                add_whole(r, part, p, buf_str(&p->octets), ret);
                if (buf_len(&p->other) > 0) {
                    add_whole(r, part, p, buf_str(&p->other), ret);
                }
            }
        }
    }
    for (size_t i = 0; i < all->n; i++) {
        if (all->v[i].in_pieces && !all->v[i].used) {
            add_all_pieces(r, part, all, all->v[i].name, ret);
        }
    }
    for (size_t i = 0; i < all->n; i++) {
        buf_free(&all->v[i].octets);
        buf_free(&all->v[i].other);
    }
    free(all);
    if (ret->cut) {
        reader_problem(r, MIME_LIMIT, part, "more or longer parameters than are read");
    }
}

void params_free(struct params *p)
{
    for (size_t i = 0; i < p->n; i++) {
        free(p->v[i].value);
    }
    p->n = 0;
}

const char *params_next(const struct params *p, const char *name, size_t *cursor)
{
    while (*cursor < p->n) {
        const struct param *v = &p->v[(*cursor)++];
        if (strcmp(v->name, name) == 0) {
            return v->value;
        }
    }
    return NULL;
}
