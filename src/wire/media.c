/* SPDX-License-Identifier: Apache-2.0
 * media.c: RFC 2045 5.1 and 6.1, RFC 2046 5, RFC 2231 3. Called by sevenbit.c. The first field
 * of a name counts. What cannot be read is taken for what may not be touched.
 */
#include "wire/media.h"
#include "wire/header.h"

enum { WORD_MAX = 256 };

/* Blanks, folds and comments. */
static void media_skip_blanks(struct str *s)
{
    size_t i = 0, depth = 0;
    for (; i < s->n; i++) {
        char c = s->p[i];
        depth += c == '(';
        if (depth == 0 && c != ' ' && c != '\t' && c != '\r' && c != '\n') {
            break;
        }
        i += c == '\\' && depth > 0;
        depth -= c == ')' && depth > 0;
    }
    *s = str_slice(*s, i < s->n ? i : s->n, s->n);
}

/* A token in lowercase, or a quoted string as it is. False: too long. */
static bool read_word(struct str *s, const char *ends, bool lower, char word[WORD_MAX])
{
    size_t n = 0, i = 0;
    bool quoted = s->n > 0 && s->p[0] == '"';
    for (i = quoted; i < s->n; i++) {
        char c = s->p[i];
        bool end =
            quoted ? c == '"' : c == ' ' || c == '\t' || c == '\r' || c == '\n' || strchr(ends, c);
        if (end || n + 1 >= WORD_MAX) {
            break;
        }
        if (quoted && c == '\\' && i + 1 < s->n) {
            c = s->p[++i];
        }
        if (c != '\r' && c != '\n') {
            word[n++] = lower ? str_lower(c) : c;
        }
    }
    word[n] = '\0';
    bool whole = i == s->n || n + 1 < WORD_MAX;
    *s = str_slice(*s, i + (quoted && i < s->n), s->n);
    return whole;
}

/* RFC 2231 3: a boundary in pieces is put together; one with escapes is not read. */
static void add_boundary(struct media *m, const char *name, const char *value)
{
    size_t have = strlen(m->boundary), n = strlen(value);
    bool piece = name[8] == '*' && name[9] >= '0' && name[9] <= '9' && name[10] == '\0';
    if (name[8] != '\0' && !piece) {
        m->kind = MEDIA_FIXED;
    } else if ((have > 0 && !piece) || have + n > MEDIA_BOUNDARY_MAX) {
        /* a second one does not count */
        m->kind = have + n > MEDIA_BOUNDARY_MAX ? MEDIA_FIXED : m->kind;
    } else {
        memcpy(m->boundary + have, value, n + 1);
    }
}

static void media_read_parameters(struct str rest, struct media *m)
{
    char name[WORD_MAX], value[WORD_MAX];
    for (size_t semicolon = str_find(rest, ';', 0); semicolon < rest.n;
         semicolon = str_find(rest, ';', 0)) {
        rest = str_slice(rest, semicolon + 1, rest.n);
        media_skip_blanks(&rest);
        bool ok = read_word(&rest, "=;", true, name);
        media_skip_blanks(&rest);
        if (!ok || rest.n == 0 || rest.p[0] != '=') {
            continue;
        }
        rest = str_slice(rest, 1, rest.n);
        media_skip_blanks(&rest);
        ok = read_word(&rest, ";", false, value);
        if (strncmp(name, "boundary", 8) == 0 && (name[8] == '\0' || name[8] == '*')) {
            add_boundary(m, name, ok ? value : "");
            m->kind = ok ? m->kind : MEDIA_FIXED;
        }
        media_skip_blanks(&rest);
    }
    for (size_t n = strlen(m->boundary); n > 0 && m->boundary[n - 1] == ' '; n--) {
        m->boundary[n - 1] = '\0';
    }
}

static void media_read_type(struct str value, struct media *m)
{
    char type[WORD_MAX], subtype[WORD_MAX] = "";
    media_skip_blanks(&value);
    (void)read_word(&value, "/;(", true, type);
    if (value.n > 0 && value.p[0] == '/') {
        value = str_slice(value, 1, value.n);
        (void)read_word(&value, ";(", true, subtype);
    }
    m->is_text = strcmp(type, "text") == 0 || strcmp(type, "message") == 0;
    m->is_digest = strcmp(subtype, "digest") == 0;
    if (strcmp(type, "multipart") == 0) {
        bool sealed = strcmp(subtype, "signed") == 0 || strcmp(subtype, "encrypted") == 0;
        m->kind = sealed ? MEDIA_SEALED : MEDIA_MULTIPART;
        media_read_parameters(value, m);
        m->kind = m->kind == MEDIA_MULTIPART && !*m->boundary ? MEDIA_FIXED : m->kind;
    } else if (strcmp(type, "message") == 0) {
        m->kind = strcmp(subtype, "rfc822") == 0 ? MEDIA_MESSAGE
                  : strcmp(subtype, "partial") == 0 || strcmp(subtype, "external-body") == 0
                      ? MEDIA_FIXED
                      : MEDIA_LEAF;
    }
}

static enum media_encoding media_read_encoding(struct str value)
{
    /* clang-format off */
    static const char *const names[] = {
        [MEDIA_7BIT] = "7bit",
        [MEDIA_8BIT] = "8bit",
        [MEDIA_BINARY] = "binary",
        [MEDIA_QP] = "quoted-printable",
        [MEDIA_BASE64] = "base64",
    };
    /* clang-format on */
    char word[WORD_MAX];
    media_skip_blanks(&value);
    (void)read_word(&value, ";(", true, word);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(word, names[i]) == 0) {
            return (enum media_encoding)i;
        }
    }
    return *word ? MEDIA_OTHER : MEDIA_7BIT;
}

void media_read(struct str head, bool in_digest, struct media *ret)
{
    struct str rest = head, name, value;
    bool has_encoding = false;
    *ret = (struct media){.kind = in_digest ? MEDIA_MESSAGE : MEDIA_LEAF, .is_text = true};
    while (header_next(&rest, &name, &value)) {
        if (!ret->has_type && str_eq_nocase(name, STR("Content-Type"))) {
            ret->has_type = true;
            ret->kind = MEDIA_LEAF;
            media_read_type(value, ret);
        } else if (!has_encoding && str_eq_nocase(name, STR("Content-Transfer-Encoding"))) {
            has_encoding = true;
            ret->encoding = media_read_encoding(value);
        }
        ret->has_version |= str_eq_nocase(name, STR("MIME-Version"));
    }
}
