/* SPDX-License-Identifier: Apache-2.0
 * head.c: the header section of a message on its way out, where a decision says that it changes: a flag is taken out
 * of the subject once it has been obeyed, words of rules are added, the field X-Postern-Protect was for us. All other
 * octets stay. Called by link.c for the body of such a message.
 *
 * RFC 2047 words that hold a flag are decoded, cut and encoded again in their own character set. What can go wrong: a
 * section that is longer than is kept goes out as it is.
 */
#include "policy/flags.h"
#include "proc/smtpout/smtpout.h"
#include "wire/base64.h"
#include "wire/header.h"
#include "wire/section.h"

enum { SUBJECT_MAX = 64 * 1024, CONVERTED_MAX = 16 * 1024 * 1024 };

static int hex(char c)
{
    char low = str_lower(c);
    return c >= '0' && c <= '9' ? c - '0' : low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

static int decode_q(struct str text, struct buf *out)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < text.n; i++) {
        bool coded = text.p[i] == '=' && i + 2 < text.n && hex(text.p[i + 1]) >= 0 && hex(text.p[i + 2]) >= 0;
        char c = coded ? (char)(hex(text.p[i + 1]) * 16 + hex(text.p[i + 2])) : text.p[i] == '_' ? ' ' : text.p[i];
        r = buf_append(out, &c, 1);
        i += coded ? 2 : 0;
    }
    return r;
}

/* An RFC 2047 word at the front of s: =?charset?B?text?= */
static bool encoded_word(struct str s, struct str *ret_whole, struct str *ret_charset, char *ret_encoding, struct str *ret_text)
{
    size_t a = s.n > 2 && s.p[0] == '=' && s.p[1] == '?' ? str_find(s, '?', 2) : s.n;
    size_t b = a < s.n ? str_find(s, '?', a + 1) : s.n, end = b < s.n ? str_find(s, '?', b + 1) : s.n;
    if (b != a + 2 || end + 1 >= s.n || s.p[end + 1] != '=') {
        return false;
    }
    *ret_whole = str_slice(s, 0, end + 2);
    *ret_charset = str_slice(s, 2, a);
    *ret_encoding = str_lower(s.p[a + 1]);
    *ret_text = str_slice(s, b + 1, end);
    return *ret_encoding == 'b' || *ret_encoding == 'q';
}

/* The word without its flags; as it was when it holds none. */
static void put_word(const struct conf *c, struct str whole, struct str charset, char encoding, struct str text, struct buf *out)
{
    struct buf octets = BUF_INIT(SUBJECT_MAX), cut = BUF_INIT(SUBJECT_MAX);
    int r = encoding == 'b' ? base64_read(text, &octets) : decode_q(text, &octets);
    if (r == 0 && flags_take_out(c, buf_str(&octets), &cut)) {
        if (buf_len(&cut) > 0) {
            (void)!buf_printf(out, "=?" STR_FMT "?B?", STR_ARG(charset));
            (void)!base64_write(buf_str(&cut), 0, out);
            (void)!buf_add(out, STR("?="));
        }
    } else {
        (void)!buf_add(out, whole);
    }
    buf_wipe(&octets);
    buf_wipe(&cut);
}

static void put_subject(const struct conf *c, struct str value, struct buf *out)
{
    struct buf plain = BUF_INIT(SUBJECT_MAX);
    (void)flags_take_out(c, value, &plain);
    struct str v = buf_str(&plain);
    for (size_t at = 0; at < v.n;) {
        struct str whole, charset, text;
        char encoding;
        if (encoded_word(str_slice(v, at, v.n), &whole, &charset, &encoding, &text)) {
            put_word(c, whole, charset, encoding, text, out);
            at += whole.n;
        } else {
            (void)!buf_append(out, v.p + at++, 1);
        }
    }
    buf_wipe(&plain);
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
        (void)!buf_printf(out, "X-Postern-Tag: " STR_FMT "\r\n", STR_ARG(d->tags));
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

int head_pass(struct delivery *d, struct buf *text, bool last)
{
    int r = change_head(d, text, last);
    return r < 0 || !d->converts ? r : convert(d, text, last);
}
