/* SPDX-License-Identifier: Apache-2.0
 * words.c: the text of a header field: its lines joined (RFC 5322 2.2.3), its encoded words read
 * (RFC 2047), wherever they stand, as mail programs do. Called by tree.c and params.c.
 *
 * Own code: GMime up to 3.2.13 loses everything behind a padded base64 word that another word of
 * its character set follows. Octets of neighbours in one character set are joined before they
 * are converted, so a character may lie across two words. What can go wrong: nothing; what is no
 * encoded word stays as it is.
 */
#include "mime/reader.h"
#include "wire/transfer.h"

enum {
    CHARSET_MAX = 64,
    FRONT_MAX = 200, /* octets of a character set and a language */
    WORD_MAX = 8192, /* RFC 2047 allows 75 characters; whole subjects are seen */
};

struct word {
    struct str charset, text;
    enum transfer encoding;
    size_t n; /* octets of the whole */
};

/* A line under way: where its next "?=" is, so that it is looked for once, whatever begins
 * before it. */
struct line {
    struct str s;
    size_t end;
};

/* =?charset*language?B?text?= at that place (RFC 2047 2, RFC 2231 5). Blanks inside the text are
 * not allowed and common. Places only rise.
 * RFC 2047 2 MUST: character set and encoding in any case
 * RFC 2047 6.1 MUST: what is no word stays as it is */
static bool word_at(struct line *l, size_t at, struct word *ret)
{
    struct str s = str_slice(l->s, at, at + WORD_MAX < l->s.n ? at + WORD_MAX : l->s.n);
    struct str front = str_slice(s, 0, s.n < FRONT_MAX ? s.n : FRONT_MAX);
    size_t a = s.n > 2 && s.p[0] == '=' && s.p[1] == '?' ? str_find(front, '?', 2) : s.n;
    size_t text = a + 3;
    if (a + 3 >= s.n || a == 2 || s.p[a] != '?' || s.p[a + 2] != '?' || s.p[a + 1] == '\0' ||
        !strchr("bBqQ", s.p[a + 1])) {
        return false;
    }
    for (l->end = l->end > at + text ? l->end : at + text; l->end + 1 < l->s.n; l->end++) {
        if (l->s.p[l->end] == '?' && l->s.p[l->end + 1] == '=') {
            break;
        }
    }
    size_t end = l->end - at;
    struct str charset = str_slice(s, 2, a);
    if (end + 1 >= s.n || str_find(charset, ' ', 0) < charset.n ||
        str_find(charset, '=', 0) < charset.n) {
        return false;
    }
    *ret = (struct word){
        .charset = str_slice(charset, 0, str_find(charset, '*', 0)),
        .text = str_slice(s, text, end),
        .encoding = str_lower(s.p[a + 1]) == 'b' ? TRANSFER_BASE64 : TRANSFER_WORD,
        .n = end + 2,
    };
    return ret->charset.n < CHARSET_MAX;
}

/* Words under way: the octets of neighbours in one character set. */
struct run {
    struct reader *r;
    const char *part;
    struct buf octets, *out;
    char charset[CHARSET_MAX];
    bool open;
    bool otherwise, differs; /* the second reading (reader.h); it makes a difference */
};

/* Character sets with states. RFC 2047 3: each word begins in ASCII; programs that cut one
 * anywhere go on in the state before. */
static bool has_states(struct str charset)
{
    return str_starts_nocase(charset, STR("iso-2022-")) ||
           str_eq_nocase(charset, STR("hz-gb-2312")) || str_eq_nocase(charset, STR("utf-7"));
}

/* RFC 2047 6.2 MUST: a word of an unknown set takes nothing else with it */
static void words_end_run(struct run *w)
{
    if (w->open) {
        bool as_utf8 = w->otherwise && charset_fits_as_is(buf_str(&w->octets), w->charset);
        w->differs |= as_utf8;
        if (as_utf8) {
            (void)!buf_add(w->out, buf_str(&w->octets));
        } else {
            charset_text(w->r, w->part, buf_str(&w->octets), w->charset, w->out);
        }
        buf_reset(&w->octets);
        w->open = false;
    }
}

/* RFC 2047 4.1 MUST: B is base64 */
static void words_add_word(struct run *w, const struct word *word)
{
    bool same = str_eq_nocase(str_c(w->charset), word->charset),
         apart = same && w->otherwise && has_states(word->charset);
    if (w->open && (!same || apart)) {
        w->differs |= apart;
        words_end_run(w);
    }
    str_copy_cut(word->charset, w->charset, sizeof w->charset);
    w->open = true;
    (void)!transfer_read_all(word->encoding, word->text, &w->octets, NULL);
}

static void words_add_plain(struct run *w, struct str text)
{
    bool as_is = w->otherwise && charset_fits_as_is(text, NULL);
    words_end_run(w);
    w->differs |= as_is;
    if (as_is) {
        (void)!buf_add(w->out, text);
    } else if (text.n > 0) {
        /* 8-bit letters of old programs, or UTF-8 (RFC 6532) */
        charset_text(w->r, w->part, text, NULL, w->out);
    }
}

static bool words_is_blank(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] != ' ' && s.p[i] != '\t') {
            return false;
        }
    }
    return true;
}

/* raw has no line ends.
 * RFC 2047 6.2 MUST: blanks between words are not shown */
static void words_read_line(struct run *w, struct str raw)
{
    struct line line = {.s = raw};
    size_t plain = 0;
    for (size_t at = 0; at < raw.n;) {
        struct word word;
        if (!word_at(&line, at, &word)) {
            at++;
            continue;
        }
        struct str between = str_slice(raw, plain, at);
        if (!w->open || !words_is_blank(between)) { /* blanks between two words belong to neither */
            words_add_plain(w, between);
        }
        words_add_word(w, &word);
        at += word.n;
        plain = at;
    }
    words_add_plain(w, str_slice(raw, plain, raw.n));
    words_end_run(w);
}

/* The field's lines as one (RFC 5322 2.2.3). */
static void unfold(struct str raw, struct buf *line)
{
    for (size_t from = 0; from < raw.n;) {
        size_t n = 0;
        while (from + n < raw.n && raw.p[from + n] != '\r' && raw.p[from + n] != '\n') {
            n++;
        }
        (void)!buf_add(line, str_slice(raw, from, from + n));
        from += n + 1;
    }
}

static void read_folded(struct run *w, struct str raw)
{
    struct buf line = BUF_INIT(raw.n + 1);
    w->octets = (struct buf)BUF_INIT(raw.n + 1);
    unfold(raw, &line);
    words_read_line(w, str_trim(buf_str(&line)));
    buf_free(&line);
    buf_free(&w->octets);
}

void words_text(struct reader *r, const char *part, struct str raw, struct buf *out)
{
    struct run w = {.r = r, .part = part, .out = out};
    read_folded(&w, raw);
}

bool words_otherwise(struct reader *r, const char *part, struct str raw, struct buf *out)
{
    struct run w = {.r = r, .part = part, .out = out, .otherwise = true};
    if (raw.n > 0 && (memmem(raw.p, raw.n, "=?", 2) || memchr(raw.p, 0x1b, raw.n))) {
        read_folded(&w, raw);
    }
    return w.differs;
}

/* --- fields of addresses ------------------------------------------------ */

/* Where one is inside such a field (RFC 5322 3.2.2 to 3.4). */
struct inside {
    bool quoted, angle;
    unsigned comments;
};

static void follow(struct inside *in, struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '\\' && (in->quoted || in->comments > 0)) {
            i++;
        } else if (c == '"' && in->comments == 0) {
            in->quoted = !in->quoted;
        } else if (!in->quoted && c == '(') {
            in->comments++;
        } else if (!in->quoted && c == ')' && in->comments > 0) {
            in->comments--;
        } else if (!in->quoted && in->comments == 0 && (c == '<' || c == '>')) {
            in->angle = c == '<';
        }
    }
}

/* Words with nothing but blanks between them: their octets. */
static size_t words_here(struct line *l, size_t from)
{
    size_t end = from;
    struct word word;
    for (size_t at = from; at < l->s.n && word_at(l, at, &word);) {
        end = at + word.n;
        at = end;
        while (at < l->s.n && (l->s.p[at] == ' ' || l->s.p[at] == '\t')) {
            at++;
        }
    }
    return end - from;
}

/* What they say, as it may stand there: in quotes where a name has marks that mean something
 * (3.2.3). */
static void put_inside(const struct inside *in, struct str text, struct buf *out)
{
    const char *escaped = in->comments > 0 ? "()\\" : "\"\\";
    bool quote = false;
    for (size_t i = 0; i < text.n && !in->quoted && in->comments == 0; i++) {
        quote |= strchr("()<>[]:;@\\,\"", text.p[i]) && text.p[i] != '\0';
    }
    (void)!buf_add(out, quote ? STR("\"") : STR(""));
    for (size_t i = 0; i < text.n; i++) {
        bool odd = (quote || in->quoted || in->comments > 0) && text.p[i] != '\0' &&
                   strchr(escaped, text.p[i]);
        (void)!buf_add(out, odd ? STR("\\") : STR(""));
        (void)!buf_append(out, &text.p[i], 1);
    }
    (void)!buf_add(out, quote ? STR("\"") : STR(""));
}

void words_addresses(struct reader *r, const char *part, struct str raw, struct buf *out)
{
    struct buf line = BUF_INIT(raw.n + 1), text = BUF_INIT(4 * raw.n + 64);
    struct inside in = {.quoted = false};
    unfold(raw, &line);
    struct str all = str_trim(buf_str(&line));
    struct line words = {.s = all};
    size_t plain = 0;
    for (size_t at = 0; at <= all.n;) {
        size_t n = at < all.n && all.p[at] == '=' && !in.angle ? words_here(&words, at) : 0;
        if (n > 0 || at == all.n) {
            charset_text(r, part, str_slice(all, plain, at), NULL, out);
            buf_reset(&text);
            words_text(r, part, str_slice(all, at, at + n), &text);
            put_inside(&in, buf_str(&text), out);
            plain = at + n;
        } else {
            size_t step = all.p[at] == '\\' && at + 1 < all.n ? 2 : 1;
            follow(&in, str_slice(all, at, at + step));
            n = step;
        }
        at += n + (at == all.n);
    }
    buf_free(&line);
    buf_free(&text);
}
