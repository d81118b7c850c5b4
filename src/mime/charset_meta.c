/* SPDX-License-Identifier: Apache-2.0
 * charset_meta.c: the character set that a page of HTML names itself: `<meta charset>`, `<meta
 * http-equiv>`, or an XML declaration in its first 1024 octets (HTML standard, 13.2.3.2 "prescan
 * a byte stream"). Called by charset.c for texts that nothing else says the set of.
 *
 * What can go wrong: nothing; what is no HTML says nothing.
 */
#include "mime/charset.h"

enum { PRESCAN = 1024 };

static bool charset_meta_is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

static bool charset_meta_is_letter(char c)
{
    return str_lower(c) >= 'a' && str_lower(c) <= 'z';
}

static size_t skip_space(struct str s, size_t at)
{
    while (at < s.n && charset_meta_is_space(s.p[at])) {
        at++;
    }
    return at;
}

static size_t skip_to(struct str s, size_t at, const char *what)
{
    const char *end = at < s.n ? memmem(s.p + at, s.n - at, what, strlen(what)) : NULL;
    return end ? (size_t)(end - s.p) : s.n;
}

/* One attribute from *at on; false: the tag ends there. */
static bool charset_meta_attribute(struct str s, size_t *at, struct str *ret_name,
                                   struct str *ret_value)
{
    size_t i = *at;
    while (i < s.n && (charset_meta_is_space(s.p[i]) || s.p[i] == '/')) {
        i++;
    }
    size_t name = i;
    while (i < s.n && s.p[i] != '>' && s.p[i] != '/' && !charset_meta_is_space(s.p[i]) &&
           (s.p[i] != '=' || i == name)) {
        i++;
    }
    *at = i;
    *ret_name = str_slice(s, name, i);
    *ret_value = STR("");
    i = skip_space(s, i);
    if (ret_name->n == 0 || i >= s.n || s.p[i] != '=') {
        return ret_name->n > 0;
    }
    i = skip_space(s, i + 1);
    if (i < s.n && (s.p[i] == '"' || s.p[i] == '\'')) {
        size_t end = str_find(s, s.p[i], i + 1);
        *ret_value = str_slice(s, i + 1, end);
        *at = end < s.n ? end + 1 : s.n;
        return true;
    }
    size_t value = i;
    while (i < s.n && !charset_meta_is_space(s.p[i]) && s.p[i] != '>') {
        i++;
    }
    *ret_value = str_slice(s, value, i);
    *at = i;
    return true;
}

/* `text/html; charset=x` (HTML standard, 2.5.3). */
static struct str in_content(struct str content)
{
    for (size_t at = 0; at + 7 <= content.n; at++) {
        if (!str_starts_nocase(str_slice(content, at, content.n), STR("charset"))) {
            continue;
        }
        size_t i = skip_space(content, at + 7);
        if (i >= content.n || content.p[i] != '=') {
            continue;
        }
        i = skip_space(content, i + 1);
        if (i < content.n && (content.p[i] == '"' || content.p[i] == '\'')) {
            size_t end = str_find(content, content.p[i], i + 1);
            return end < content.n ? str_slice(content, i + 1, end) : STR("");
        }
        size_t end = i;
        while (end < content.n && !charset_meta_is_space(content.p[end]) && content.p[end] != ';') {
            end++;
        }
        return str_slice(content, i, end);
    }
    return STR("");
}

/* What could be read so far cannot be UTF-16, whatever it says. */
static const struct charset *in_page(struct str label)
{
    const struct charset *c = charset_find(label);
    if (c && (c->kind == CHARSET_UTF16LE || c->kind == CHARSET_UTF16BE)) {
        return charset_find(STR("utf-8"));
    }
    return c && c->kind == CHARSET_USER_DEFINED ? charset_find(STR("windows-1252")) : c;
}

/* The attributes of a meta element. */
static const struct charset *meta(struct str s, size_t *at)
{
    struct str name, value, charset = STR(""), content = STR("");
    bool pragma = false;
    while (charset_meta_attribute(s, at, &name, &value)) {
        if (str_eq_nocase(name, STR("charset")) && charset.n == 0) {
            charset = value;
        } else if (str_eq_nocase(name, STR("content")) && content.n == 0) {
            content = in_content(value);
        } else if (str_eq_nocase(name, STR("http-equiv"))) {
            pragma |= str_eq_nocase(value, STR("content-type"));
        }
    }
    const struct charset *c = charset.n > 0 ? in_page(charset) : NULL;
    return c || charset.n > 0 || !pragma ? c : in_page(content);
}

/* `<?xml version="1.0" encoding="x"?>` */
static const struct charset *declaration(struct str s)
{
    size_t end = str_find(s, '>', 0), at = skip_to(s, 0, "encoding");
    if (!str_starts_nocase(s, STR("<?xml")) || at >= end) {
        return NULL;
    }
    at = skip_space(s, at + 8);
    at = at < end && s.p[at] == '=' ? skip_space(s, at + 1) : end;
    if (at >= end || (s.p[at] != '"' && s.p[at] != '\'')) {
        return NULL;
    }
    size_t quote = str_find(s, s.p[at], at + 1);
    return quote < end ? in_page(str_slice(s, at + 1, quote)) : NULL;
}

const struct charset *charset_of_html(struct str octets)
{
    struct str s = str_slice(octets, 0, octets.n < PRESCAN ? octets.n : PRESCAN), name, value;
    for (size_t at = str_find(s, '<', 0); at < s.n; at = str_find(s, '<', at)) {
        struct str tag = str_slice(s, at, s.n);
        if (str_starts_nocase(tag, STR("<!--"))) {
            at = skip_to(s, at + 2, "-->"); /* <!--> is one, too */
        } else if (str_starts_nocase(tag, STR("<meta")) && tag.n > 5 &&
                   (charset_meta_is_space(tag.p[5]) || tag.p[5] == '/')) {
            at += 5;
            const struct charset *c = meta(s, &at);
            if (c) {
                return c;
            }
        } else if (tag.n > 2 && (charset_meta_is_letter(tag.p[1]) ||
                                 (tag.p[1] == '/' && charset_meta_is_letter(tag.p[2])))) {
            while (at < s.n && !charset_meta_is_space(s.p[at]) && s.p[at] != '>') {
                at++;
            }
            while (charset_meta_attribute(s, &at, &name, &value)) {
            }
        } else {
            at = tag.n > 1 && strchr("!/?", tag.p[1]) ? str_find(s, '>', at) : at + 1;
        }
    }
    return declaration(s);
}
