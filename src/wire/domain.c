/* SPDX-License-Identifier: Apache-2.0
 * domain.c: canonical domain names: RFC 1035 2.3, RFC 5890-5892, UTS 46 (by libidn2, which no
 * other folder includes). Pure.
 *
 * What can go wrong: input that is not a domain: -EINVAL, also when libidn2 runs out of memory.
 */
#include "wire/domain.h"
#include "wire/address.h"

#include <arpa/inet.h>
#include <idn2.h>
#include <stdio.h>

/* Octets of the full stop at that place: ".", or one of those that UTS 46 takes for it (U+3002,
 * U+FF0E, U+FF61); 0: none. */
static size_t stop_at(struct str s, size_t i)
{
    static const char *const wide[] = {"\xe3\x80\x82", "\xef\xbc\x8e", "\xef\xbd\xa1"};
    if (s.p[i] == '.') {
        return 1;
    }
    for (size_t k = 0; k < ARRAY_LEN(wide) && (unsigned char)s.p[i] >= 0xe3 && s.n - i >= 3; k++) {
        if (memcmp(s.p + i, wide[k], 3) == 0) {
            return 3;
        }
    }
    return 0;
}

static bool is_name_octet(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static int add_label(struct domain_name *d, struct str label)
{
    size_t dot = d->n > 0;
    if (label.n == 0 || label.n > DOMAIN_LABEL_MAX || d->n + dot + label.n > DOMAIN_NAME_MAX) {
        return -EINVAL;
    }
    char *at = d->canonical + d->n;
    if (dot) {
        *at++ = '.';
    }
    for (size_t i = 0; i < label.n; i++) {
        at[i] = str_lower(label.p[i]);
        if (!is_name_octet(at[i])) {
            return -EINVAL;
        }
    }
    d->n = (unsigned char)(d->n + dot + label.n);
    return 0;
}

/* A label that is not ASCII alone. */
static int add_u_label(struct domain_name *d, struct str label)
{
    char text[4 * DOMAIN_NAME_MAX + 1];
    char *ascii = NULL;
    if (str_copy(label, text, sizeof text) < 0 || strlen(text) != label.n ||
        idn2_to_ascii_8z(text, &ascii, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT) != IDN2_OK) {
        return -EINVAL;
    }
    int r = add_label(d, str_c(ascii));
    idn2_free(ascii);
    return r;
}

static int parse_name(struct str text, struct domain_name *ret)
{
    size_t i = 0;
    ret->n = 0;
    for (bool more = true; more;) {
        size_t from = i, stop = 0;
        bool ascii = true;
        while (i < text.n && (stop = stop_at(text, i)) == 0) {
            ascii = ascii && (unsigned char)text.p[i] < 0x80;
            i++;
        }
        struct str label = str_slice(text, from, i);
        if (label.n == 0 && i == text.n && ret->n > 0) {
            break; /* behind the final dot */
        }
        int r = ascii ? add_label(ret, label) : add_u_label(ret, label);
        if (r < 0) {
            return r;
        }
        more = stop > 0;
        i += stop;
    }
    ret->canonical[ret->n] = '\0';
    return 0;
}

static int parse_literal(struct str text, struct domain_name *ret)
{
    char ip[INET6_ADDRSTRLEN];
    unsigned char octets[16];
    struct str inside = str_slice(text, 1, text.n - 1);
    bool v6 = str_starts_nocase(inside, STR("IPv6:"));
    inside = v6 ? str_slice(inside, 5, inside.n) : inside;
    char copy[INET6_ADDRSTRLEN];
    if (!address_literal_ok(text) || str_copy(inside, copy, sizeof copy) < 0 ||
        inet_pton(v6 ? AF_INET6 : AF_INET, copy, octets) != 1 ||
        !inet_ntop(v6 ? AF_INET6 : AF_INET, octets, ip, sizeof ip)) {
        return -EINVAL;
    }
    ret->n = (unsigned char)snprintf(ret->canonical, sizeof ret->canonical, "[%s%s]",
                                     v6 ? "IPv6:" : "", ip);
    return 0;
}

int domain_parse(struct str text, struct domain_name *ret)
{
    int r = text.n == 0                            ? -EINVAL
            : text.n > 2 && text.p[0] == '['       ? parse_literal(text, ret)
            : text.n > 4 * (size_t)DOMAIN_NAME_MAX ? -EINVAL
                                                   : parse_name(text, ret);
    if (r < 0) {
        ret->n = 0;
        ret->canonical[0] = '\0';
    }
    return r;
}

struct domain_name domain_word(const char *word)
{
    struct domain_name d;
    must(word[0] == '=' && strlen(word) <= DOMAIN_NAME_MAX);
    d.n = (unsigned char)strlen(word);
    memcpy(d.canonical, word, d.n + 1u);
    return d;
}

struct domain_name domain_from(struct str text)
{
    struct domain_name d;
    (void)!domain_parse(text, &d); /* no domain then */
    return d;
}

struct domain_name domain_kept(struct str text)
{
    char word[DOMAIN_NAME_MAX + 1];
    if (text.n > 0 && text.p[0] == '=') {
        return str_copy(text, word, sizeof word) == 0 && strlen(word) == text.n
                   ? domain_word(word)
                   : domain_word("=invalid");
    }
    return domain_from(text);
}

struct domain_name domain_of(struct str path)
{
    struct domain_name d;
    size_t at = str_find_last(path, '@');
    if (at == path.n) {
        d.n = 0;
        d.canonical[0] = '\0';
        return d;
    }
    return domain_parse(str_slice(path, at + 1, path.n), &d) < 0 ? domain_word("=invalid") : d;
}

bool domain_eq(struct domain_name a, struct domain_name b)
{
    return str_eq(domain_str(&a), domain_str(&b));
}

void domain_show(struct domain_name d, char *dst, size_t size)
{
    char *shown = NULL;
    struct domain_name back;
    if (domain_is_name(d) && strstr(d.canonical, "xn--") &&
        idn2_to_unicode_8z8z(d.canonical, &shown, IDN2_NONTRANSITIONAL) == IDN2_OK &&
        domain_parse(str_c(shown), &back) == 0 && domain_eq(d, back) && strlen(shown) < size) {
        str_copy_cut(str_c(shown), dst, size);
    } else {
        str_copy_cut(domain_str(&d), dst, size);
    }
    idn2_free(shown);
}

int domain_pattern_parse(struct str text, struct domain_pattern *ret)
{
    ret->below = text.n > 0 && stop_at(text, 0) > 0;
    int r = domain_parse(str_slice(text, ret->below ? stop_at(text, 0) : 0, text.n), &ret->name);
    return r < 0 || (ret->below && !domain_is_name(ret->name)) ? -EINVAL : 0;
}

size_t domain_covers(const struct domain_pattern *p, struct domain_name d)
{
    size_t n = p->name.n;
    if (!p->below) {
        return n > 0 && domain_eq(p->name, d) ? SIZE_MAX : 0;
    }
    bool covers = domain_is_name(d) && d.n > n + 1 && d.canonical[d.n - n - 1] == '.' &&
                  memcmp(d.canonical + d.n - n, p->name.canonical, n) == 0;
    return covers ? n + 1 : 0;
}

int address_canonical(struct str path, char *dst, size_t size)
{
    struct domain_name d;
    size_t at = str_find_last(path, '@');
    if (at == path.n) {
        return memchr(path.n ? path.p : "", '\0', path.n) ? -EINVAL : str_copy(path, dst, size);
    }
    if (domain_parse(str_slice(path, at + 1, path.n), &d) < 0 || memchr(path.p, '\0', at)) {
        return -EINVAL;
    }
    if (at + 1 + d.n >= size) {
        return -ENOSPC;
    }
    memcpy(dst, path.p, at + 1);
    memcpy(dst + at + 1, d.canonical, d.n + 1u);
    return 0;
}

/* Takes quotes and backslashes off the local part that change nothing. */
static void unquote(char *text)
{
    char plain[ADDRESS_KEY_SIZE], quoted[2 * ADDRESS_KEY_SIZE];
    size_t at = 1, n = 0, m = 0;
    if (text[0] != '"') {
        return;
    }
    for (; text[at] && text[at] != '"'; at++) {
        at += text[at] == '\\' && text[at + 1];
        plain[n++] = text[at];
    }
    if (text[at] != '"' || text[at + 1] != '@') {
        return;
    }
    if (address_is_unquoted(str_from(plain, n))) {
        memmove(text + n, text + at + 1, strlen(text + at + 1) + 1);
        memcpy(text, plain, n);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (plain[i] == '"' || plain[i] == '\\') {
            quoted[m++] = '\\';
        }
        quoted[m++] = plain[i];
    }
    memmove(text + 1 + m, text + at, strlen(text + at) + 1);
    memcpy(text + 1, quoted, m);
}

/* RFC 5321 4.1.2 MUST: all quoted forms of a local part are the same */
struct address_key address_key(struct str path)
{
    struct address_key key;
    if (address_canonical(path, key.text, sizeof key.text) < 0 &&
        str_copy(path, key.text, sizeof key.text) < 0) {
        key.text[0] = '\0';
    }
    unquote(key.text);
    for (char *p = key.text; *p; p++) {
        *p = str_lower(*p);
    }
    return key;
}

bool address_same(struct str a, struct str b)
{
    struct address_key x = address_key(a), y = address_key(b);
    return a.n == b.n && a.n == 0 ? true : x.text[0] && strcmp(x.text, y.text) == 0;
}
