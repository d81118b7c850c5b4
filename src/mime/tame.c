/* SPDX-License-Identifier: Apache-2.0
 * tame.c: what GMime cannot take in a header section is blanked in the copy that GMime gets;
 * places in the message stay what they are. Called by tree.c; ours alone read the fields from
 * what is left.
 *
 * GMime (3.2.15 and before) compares each parameter with all others, reads groups of addresses
 * by recursion, and keeps names of character sets on the stack: 60,000 parameters took a minute,
 * 250,000 colons or a name of 8 MB ended the process. What can go wrong: lines of a text behind
 * a line that looks like a boundary are blanked in the copy, too; no text is read from there.
 * What was blanked is a limit of the message.
 */
#include "mime/reader.h"

enum {
    PARAMETERS_MAX = 256, /* ours reads 200 pieces of names */
    PARAMETERS_OCTETS = 64 << 10,
    GROUPS_MAX = 1000, /* inside one another */
    CHARSET_MAX = 200,
};

enum field_kind { FIELD_OTHER, FIELD_PARAMETERS, FIELD_ADDRESSES };

/* What GMime takes apart at once, and what of it. */
static enum field_kind kind_of_field(struct str name)
{
    static const struct {
        const char *name;
        enum field_kind kind;
    } fields[] = {
        {"Content-Type", FIELD_PARAMETERS},
        {"Content-Disposition", FIELD_PARAMETERS},
        {"From", FIELD_ADDRESSES},
        {"Sender", FIELD_ADDRESSES},
        {"Reply-To", FIELD_ADDRESSES},
        {"To", FIELD_ADDRESSES},
        {"Cc", FIELD_ADDRESSES},
        {"Bcc", FIELD_ADDRESSES},
    };
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (str_eq_nocase(name, str_c(fields[i].name))) {
            return fields[i].kind;
        }
    }
    return FIELD_OTHER;
}

/* Line ends stay: what follows them would be another field. */
static void blank(char *from, const char *end)
{
    for (char *p = from; p < end; p++) {
        *p = *p == '\r' || *p == '\n' ? *p : ' ';
    }
}

/* =?charset?: the first mark of one that is longer than any is taken away. */
static bool tame_words(char *value, const char *end)
{
    bool tamed = false;
    for (char *p = value; p + 1 < end; p++) {
        if (p[0] != '=' || p[1] != '?') {
            continue;
        }
        size_t left = (size_t)(end - p) - 2, look = left < CHARSET_MAX ? left : CHARSET_MAX;
        if (left > CHARSET_MAX && !memchr(p + 2, '?', look)) {
            p[1] = ' ';
            tamed = true;
        }
    }
    return tamed;
}

static bool tame_parameters(char *value, const char *end)
{
    size_t parameters = 0;
    for (char *p = value; p < end; p++) {
        parameters += *p == ';';
        if (parameters > PARAMETERS_MAX || p - value > PARAMETERS_OCTETS) {
            blank(p, end);
            return true;
        }
    }
    return false;
}

static bool tame_groups(char *value, const char *end)
{
    bool tamed = false;
    size_t open = 0;
    for (char *p = value; p < end; p++) {
        open = *p == ';' ? 0 : open + (*p == ':');
        if (*p == ':' && open > GROUPS_MAX) {
            *p = ' ';
            tamed = true;
        }
    }
    return tamed;
}

/* The octets of a field and the lines that go on with it; 0: none begins here. *ret_name: its
 * name. */
static size_t field_at(struct str o, size_t at, struct str *ret_name)
{
    size_t n = at;
    while (n < o.n && (unsigned char)o.p[n] > ' ' && o.p[n] != ':') {
        n++;
    }
    *ret_name = str_slice(o, at, n);
    while (n < o.n && (o.p[n] == ' ' || o.p[n] == '\t')) {
        n++;
    }
    if (ret_name->n == 0 || n == o.n || o.p[n] != ':') {
        return 0;
    }
    do {
        n = str_find(o, '\n', n);
        n += n < o.n;
    } while (n < o.n && (o.p[n] == ' ' || o.p[n] == '\t'));
    return n - at;
}

/* Where one is: fields stand at the beginning, behind a boundary and, of a message in a part,
 * behind the fields of the part. A part of a digest that does not say what it is, is a message
 * (RFC 2046 5.1.5). */
struct place {
    bool in_head, is_boundary, has_type, has_message;
    bool digests; /* there may be some */
};

static bool tame_has_word(struct str s, struct str word)
{
    for (size_t i = 0; i + word.n <= s.n; i++) {
        if (str_lower(s.p[i]) == word.p[0] && str_starts_nocase(str_slice(s, i, s.n), word)) {
            return true;
        }
    }
    return false;
}

/* True for a line that is no field: then *at is behind it. */
static bool pass_line(struct place *w, struct str all, size_t *at)
{
    size_t end = str_find(all, '\n', *at);
    struct str line = str_slice(all, *at, end);
    bool boundary = line.n > 2 && line.p[0] == '-' && line.p[1] == '-';
    bool blank_line = line.n == 0 || (line.n == 1 && line.p[0] == '\r');
    if (boundary) {
        *w = (struct place){.in_head = true, .is_boundary = true, .digests = w->digests};
    } else if (blank_line && w->in_head) {
        bool may = w->has_message || (w->is_boundary && (w->digests || !w->has_type));
        *w = (struct place){.in_head = may, .digests = w->digests};
    } else if (w->in_head) {
        return false;
    }
    *at = end + 1;
    return true;
}

static bool tame_field(struct place *w, struct str name, char *value, const char *end)
{
    enum field_kind kind = kind_of_field(name);
    bool tamed = tame_words(value, end);
    tamed |= kind == FIELD_PARAMETERS && tame_parameters(value, end);
    tamed |= kind == FIELD_ADDRESSES && tame_groups(value + (*value == ':'), end);
    struct str text = str_from(value, (size_t)(end - value));
    w->has_type |= str_eq_nocase(name, STR("Content-Type"));
    w->has_message |= kind == FIELD_PARAMETERS && tame_has_word(text, STR("message"));
    return tamed;
}

void tame_fields(struct reader *r, const char *part, char *octets, size_t n)
{
    struct str all = str_from(octets, n), name;
    struct place w = {.in_head = true, .digests = tame_has_word(all, STR("digest"))};
    bool tamed = false;
    for (size_t at = 0; at < n;) {
        if (pass_line(&w, all, &at)) {
            continue;
        }
        size_t field = field_at(all, at, &name);
        tamed |= field > 0 && tame_field(&w, name, octets + at + name.n, octets + at + field);
        at = field > 0 ? at + field : str_find(all, '\n', at) + 1;
    }
    if (tamed) {
        reader_problem(r, MIME_LIMIT, part, "a field with more in it than is read");
    }
}
