/* SPDX-License-Identifier: Apache-2.0
 * header_rewrite.c: the header section of a message on its way out, where a decision says that
 * it changes: a flag is taken out of the subject once it has been obeyed, words of rules are
 * added, the field X-Postern-Protect was for us. All other octets stay. Called by connection.c
 * for the body of such a message.
 *
 * RFC 2047 words that hold a flag, or a piece of one, are decoded, cut and encoded again in
 * their own character set. What can go wrong: a section that is longer than is kept goes out as
 * it is.
 */
#include "policy/flags.h"
#include "proc/smtpout/smtpout.h"
#include "wire/base64.h"
#include "wire/encoded.h"
#include "wire/header.h"
#include "wire/section.h"
#include "wire/transfer.h"

#include <stdlib.h>

enum {
    SUBJECT_MAX = 64 * 1024,
    READ_MAX = SUBJECT_MAX / 4, /* longer ones stay as they are */
    TOKENS_MAX = 1000,
    WORD_MAX = 8192,
    CONVERTED_MAX = 16 * 1024 * 1024
};

/* The subject, taken apart: plain text, encoded words, and the blanks between two words, which
 * nobody sees. */
struct token {
    struct str raw, charset;
    enum transfer encoding; /* of a word; TRANSFER_END: none */
    size_t begin, end;      /* of its octets in the text that is read */
};

struct subject {
    struct token tokens[TOKENS_MAX];
    size_t n;
    struct buf text; /* what is read, each word in its own character set */
};

/* An RFC 2047 word at the front of s: =?charset?B?text?= */
static bool encoded_word(struct str s, struct token *ret, struct str *ret_text)
{
    size_t a = s.n > 2 && s.p[0] == '=' && s.p[1] == '?' ? str_find(s, '?', 2) : s.n;
    size_t b = a < s.n ? str_find(s, '?', a + 1) : s.n, end = b + 1;
    while (end + 1 < s.n && end < WORD_MAX && !(s.p[end] == '?' && s.p[end + 1] == '=')) {
        end++;
    }
    if (b != a + 2 || end + 1 >= s.n || s.p[end + 1] != '=' || !strchr("bBqQ", s.p[a + 1])) {
        return false;
    }
    ret->raw = str_slice(s, 0, end + 2);
    ret->charset = str_slice(s, 2, a);
    ret->encoding = str_lower(s.p[a + 1]) == 'b' ? TRANSFER_BASE64 : TRANSFER_WORD;
    *ret_text = str_slice(s, b + 1, end);
    return true;
}

static bool header_rewrite_is_blank(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!strchr(" \t\r\n", s.p[i])) {
            return false;
        }
    }
    return true;
}

static void add_token(struct subject *s, struct token t, struct str text)
{
    t.begin = buf_len(&s->text);
    (void)!transfer_read_all(t.encoding == TRANSFER_END ? TRANSFER_AS_IS : t.encoding, text,
                             &s->text, NULL);
    t.end = buf_len(&s->text);
    s->tokens[s->n++] = t;
}

/* False: more tokens than are kept. */
static bool take_apart(struct str value, struct subject *s)
{
    size_t plain = 0, at = 0;
    while (at <= value.n && s->n + 2 < TOKENS_MAX) {
        struct token t = {.encoding = TRANSFER_END};
        struct str text;
        bool word = at < value.n && encoded_word(str_slice(value, at, value.n), &t, &text);
        if (!word && at < value.n) {
            at++;
            continue;
        }
        struct str between = str_slice(value, plain, at);
        bool unseen = word && s->n > 0 && header_rewrite_is_blank(between);
        add_token(s, (struct token){.raw = between, .encoding = TRANSFER_END},
                  unseen ? STR("") : between);
        if (word) {
            add_token(s, t, text);
        }
        at += word ? t.raw.n : 1;
        plain = at;
    }
    return at > value.n;
}

/* A token without what stands in the cut; as it was where that is nothing. */
static void put_token(const struct token *t, struct str text, bool changed, struct buf *out)
{
    if (!changed) {
        (void)!buf_add(out, t->raw);
    } else if (t->encoding == TRANSFER_END) {
        (void)!buf_add(out, text);
    } else if (text.n > 0) {
        (void)!buf_printf(out, "=?" STR_FMT "?B?", STR_ARG(t->charset));
        (void)!base64_write(text, 0, out);
        (void)!buf_add(out, STR("?="));
    }
}

/* A folded line in which nothing is left goes. */
static void drop_blank_lines(struct str value, struct buf *out)
{
    for (size_t at = 0; at < value.n;) {
        size_t end = str_find(value, '\n', at), next = end < value.n ? end + 1 : end;
        if (at == 0 || !header_rewrite_is_blank(str_slice(value, at, next))) {
            (void)!buf_add(out, str_slice(value, at, next));
        }
        at = next;
    }
}

/* Flags are found in what is read, as detection found them, so one may stand across several
 * words. */
static void put_subject(const struct conf *c, struct str value, struct buf *out)
{
    if (value.n > READ_MAX) {
        (void)!buf_add(out, value);
        return;
    }
    struct subject *s = err_calloc(1, sizeof *s);
    struct buf plain = BUF_INIT(SUBJECT_MAX), rest = BUF_INIT(SUBJECT_MAX);
    struct flag_found f = {0};
    s->text = BUF_INIT(SUBJECT_MAX);
    if (!take_apart(value, s)) {
        s->n = 0;
        (void)!buf_add(&plain, value);
    }
    struct str text = buf_str(&s->text);
    bool *cut = err_calloc(text.n + 1, sizeof *cut);
    for (size_t at = 0; s->n > 0 && flags_next_obeyed(c, text, at, &f); at = f.at + f.n) {
        memset(cut + f.at, true, f.n);
    }
    for (size_t i = 0; i < s->n; i++) {
        const struct token *t = &s->tokens[i];
        buf_reset(&rest);
        for (size_t k = t->begin; k < t->end; k++) {
            if (!cut[k]) {
                (void)!buf_append(&rest, &text.p[k], 1);
            }
        }
        put_token(t, buf_str(&rest), buf_len(&rest) < t->end - t->begin, &plain);
    }
    drop_blank_lines(buf_str(&plain), out);
    free(cut);
    buf_wipe(&s->text);
    buf_wipe(&rest);
    buf_wipe(&plain);
    free(s);
}

static void put_section(const struct delivery *d, struct str section, struct buf *out)
{
    const struct conf *c = child_conf(d->out->child);
    struct str rest = section, name, value, before = section;
    while (header_next(&rest, &name, &value)) {
        struct str whole = str_slice(before, 0, before.n - rest.n);
        before = rest;
        if (str_eq_nocase(name, STR("X-Postern-Protect"))) {
            continue;
        }
        if (d->remove_flags && str_eq_nocase(name, STR("Subject"))) {
            (void)!buf_add(out, str_slice(whole, 0, name.n + 1));
            put_subject(c, str_slice(whole, name.n + 1, whole.n), out);
        } else {
            (void)!buf_add(out, whole);
        }
    }
    if (d->tags.n > 0) {
        (void)!buf_add(out, STR("X-Postern-Tag: "));
        /* the marks of the message were computed without it: ASCII */
        (void)!encoded_write(d->tags, false, out);
        (void)!buf_add(out, STR("\r\n"));
    }
    (void)!buf_add(out, before); /* the empty line */
}

/* What was read becomes what the server can take. */
static int convert(struct delivery *d, struct buf *text, bool last)
{
    struct buf out = BUF_INIT(CONVERTED_MAX);
    if (!d->converter) {
        d->converter = sevenbit_new(&d->plan, false);
    }
    int r = sevenbit_write(d->converter, buf_str(text), &out);
    r = r < 0 || !last ? r : sevenbit_end(d->converter, &out);
    buf_wipe(text);
    *text = out;
    return r;
}

static int change_head(struct delivery *d, struct buf *text, bool last)
{
    if (!d->edits_head || d->head_passed) {
        return 0;
    }
    size_t before = buf_len(&d->head);
    int r = buf_add(&d->head, buf_str(text));
    buf_reset(text);
    size_t end = section_end(buf_str(&d->head), before > 3 ? before - 3 : 0);
    if (r == 0 && end == 0 && !last && buf_len(&d->head) < HEAD_KEPT_MAX) {
        return 0; /* more is to come */
    }
    struct str all = buf_str(&d->head);
    end = end == 0 && last ? all.n : end; /* a message without a body */
    struct buf out = BUF_INIT(all.n + SUBJECT_MAX);
    put_section(d, str_slice(all, 0, end), &out);
    r = r < 0 ? r : buf_add(&out, str_slice(all, end, all.n));
    r = r < 0 ? r : buf_add(text, buf_str(&out));
    d->head_passed = true;
    buf_wipe(&out);
    buf_wipe(&d->head);
    return r;
}

int header_rewrite(struct delivery *d, struct buf *text, bool last)
{
    int r = change_head(d, text, last);
    return r < 0 || !d->converts ? r : convert(d, text, last);
}
