/* SPDX-License-Identifier: Apache-2.0
 * values.c: the values of settings: numbers with units, words of a choice, addresses, names.
 * Called by conf.c.
 *
 * What can go wrong: a value that is none, or out of range: a line with its place, and "did you
 * mean".
 */
#include "conf/bind.h"
#include "sys/conn.h"
#include "wire/address.h"
#include "wire/domain.h"
#include "wire/extension.h"
#include "wire/marks.h"

#include <stdio.h>
#include <stdlib.h>

enum { TAG_MAX = 60 }; /* four of them fit into what is kept of a decision */

int conf_bad(struct binder *b, struct conf_place at, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    b->result = conf_problem(b->problems, at, "%s", text);
    return b->result;
}

static const struct unit {
    const char *name;
    int64_t factor;
} time_units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}},
  size_units[] = {{"", 1}, {"K", 1024}, {"M", 1024 * 1024}, {"G", 1024LL * 1024 * 1024}};

/* 0 is the same in every unit, and may have none. */
static int scaled(struct str text, const struct unit *units, size_t n, int64_t *ret)
{
    size_t digits = 0;
    if (str_eq(text, STR("0"))) {
        *ret = 0;
        return 0;
    }
    uint64_t value;
    while (digits < text.n && text.p[digits] >= '0' && text.p[digits] <= '9') {
        digits++;
    }
    if (str_to_u64(str_slice(text, 0, digits), 1000000000000ULL, &value) < 0) {
        return -EINVAL;
    }
    struct str unit = str_slice(text, digits, text.n);
    for (size_t i = 0; i < n; i++) {
        if (str_eq_nocase(unit, str_c(units[i].name))) {
            *ret = (int64_t)value * units[i].factor;
            return 0;
        }
    }
    return -EINVAL;
}

int conf_choice(const char *choices, struct str word)
{
    struct str rest = str_c(choices), one;
    for (int i = 0; str_split(&rest, ' ', &one); i++) {
        if (str_eq(one, word)) {
            return i;
        }
    }
    return -1;
}

/* The nearest of the space-separated words, if it is near enough to be meant. */
bool conf_nearest(const char *words, struct str got, char *dst, size_t size)
{
    struct str rest = str_c(words), one;
    unsigned best = got.n < 4 ? 2 : 3;
    bool found = false;
    while (str_split(&rest, ' ', &one)) {
        unsigned d = str_distance(one, got);
        if (one.n > 0 && d < best) {
            best = d;
            str_copy_cut(one, dst, size);
            found = true;
        }
    }
    return found;
}

const char *conf_listed(const char *choices, char dst[512])
{
    struct str rest = str_c(choices), one;
    struct buf b = BUF_INIT(511);
    while (str_split(&rest, ' ', &one)) {
        (void)!buf_printf(&b, "%s" STR_FMT, buf_len(&b) ? ", " : "", STR_ARG(one));
    }
    str_copy_cut(buf_str(&b), dst, 512);
    buf_free(&b);
    return dst;
}

/* A time or a size in its largest unit. */
static const char *in_units(int64_t value, bool is_time, char dst[32])
{
    const struct unit *units = is_time ? time_units : size_units;
    size_t i = is_time ? ARRAY_LEN(time_units) : ARRAY_LEN(size_units);
    while (i > 1 && (value == 0 || value % units[i - 1].factor != 0)) {
        i--;
    }
    snprintf(dst, 32, "%lld%s", (long long)(value / units[i - 1].factor), units[i - 1].name);
    return dst;
}

/* What somebody who wrote this number meant, as a further sentence; "" when nobody knows. */
static void number_hint(const struct conf_key *key, struct str text, char *dst, size_t size)
{
    static const struct {
        const char *word, *unit;
    } words[] = {
        {"ms", "ms"}, {"sec", "s"}, {"min", "m"}, {"h", "h"},
        {"day", "d"}, {"k", "K"},   {"m", "M"},   {"g", "G"},
    };
    size_t digits = 0;
    while (digits < text.n && text.p[digits] >= '0' && text.p[digits] <= '9') {
        digits++;
    }
    struct str unit = str_trim(str_slice(text, digits, text.n));
    bool is_time = key->type == CONF_TIME;
    *dst = '\0';
    if (digits == 0 || key->type == CONF_NUMBER) {
        return;
    }
    if (is_time && unit.n == 0) {
        snprintf(dst, size,
                 ". A time needs a unit: " STR_FMT "s, " STR_FMT "m, " STR_FMT "h or " STR_FMT "d",
                 STR_ARG(text), STR_ARG(text), STR_ARG(text), STR_ARG(text));
    } else if (is_time && str_starts_nocase(unit, STR("w"))) {
        snprintf(dst, size, ". There is no unit for weeks: write days, such as 14d");
    }
    for (size_t i = is_time ? 0 : 5; !*dst && i < (is_time ? 5 : ARRAY_LEN(words)); i++) {
        if (str_starts_nocase(unit, str_c(words[i].word))) {
            snprintf(dst, size, ". Write " STR_FMT "%s", STR_ARG(str_slice(text, 0, digits)),
                     words[i].unit);
        }
    }
}

static int set_number(struct binder *b, const struct conf_key *key, const struct conf_word *word,
                      int64_t *ret)
{
    int64_t value = 0;
    bool is_time = key->type == CONF_TIME;
    int r = is_time ? scaled(str_c(word->text), time_units, ARRAY_LEN(time_units), &value)
            : key->type == CONF_SIZE
                ? scaled(str_c(word->text), size_units, ARRAY_LEN(size_units), &value)
                : scaled(str_c(word->text), size_units, 1, &value);
    if (r < 0) {
        char hint[128];
        number_hint(key, str_c(word->text), hint, sizeof hint);
        return conf_bad(b, word->at, "%s: \"%s\" is not %s%s", key->name, word->text,
                        conf_kinds[key->type].wanted, hint);
    }
    if (value < key->min || value > key->max) {
        char least[32], most[32];
        bool plain = key->type == CONF_NUMBER;
        snprintf(least, sizeof least, "%lld", (long long)key->min);
        snprintf(most, sizeof most, "%lld", (long long)key->max);
        return conf_bad(b, word->at, "%s: %s is out of range (%s to %s)", key->name, word->text,
                        plain ? least : in_units(key->min, is_time, least),
                        plain ? most : in_units(key->max, is_time, most));
    }
    *ret = value;
    return 0;
}

static int set_choice(struct binder *b, const struct conf_key *key, const struct conf_word *word,
                      int *ret)
{
    int index = conf_choice(key->choices, str_c(word->text));
    if (index >= 0) {
        *ret = index;
        return 0;
    }
    return conf_not_one_of(b, word->at, key->name, word->text, key->choices);
}

int conf_not_one_of(struct binder *b, struct conf_place at, const char *what, const char *word,
                    const char *choices)
{
    char near[64] = "", all[512];
    bool known = conf_nearest(choices, str_c(word), near, sizeof near);
    return conf_bad(b, at, "%s: \"%s\" is not one of %s%s%s%s", what, word,
                    conf_listed(choices, all), known ? ". Did you mean \"" : "", near,
                    known ? "\"?" : "");
}

/* A name in its canonical form. */
static int canonical_host(struct str word, char *dst, size_t size)
{
    struct domain_name d;
    int r = domain_parse(word, &d);
    return r < 0 || !domain_is_name(d) ? -EINVAL : str_copy(domain_str(&d), dst, size);
}

static int values_put(char *dst, size_t size, struct str before, const char *middle,
                      struct str after)
{
    int n = snprintf(dst, size, STR_FMT "%s" STR_FMT, STR_ARG(before), middle, STR_ARG(after));
    return n < 0 || (size_t)n >= size ? -EINVAL : 0;
}

/* host, host:port, [address]:port; address:port when `address_only`. */
static int canonical_target(struct str text, bool address_only, char *dst, size_t size)
{
    size_t colon = str_find_last(text, ':');
    bool bracketed = text.n > 0 && text.p[0] == '[';
    uint64_t port = 1;
    char name[DOMAIN_NAME_MAX + 2];
    struct str host = text;
    if (bracketed || str_find(text, ':', 0) == colon) {
        size_t close = bracketed ? str_find(text, ']', 0) : 0;
        if (colon < text.n && colon > close) {
            host = str_slice(text, 0, colon);
            if (str_to_u64(str_slice(text, colon + 1, text.n), 65535, &port) < 0) {
                return -EINVAL;
            }
        } else if (address_only) {
            return -EINVAL;
        }
    }
    struct endpoint e;
    if (port == 0 || (address_only && !bracketed && str_find(text, ':', 0) != colon)) {
        return -EINVAL; /* an IPv6 address without brackets: which part is the port? */
    }
    if (endpoint_parse(host, 1, &e) == 0) {
        return str_copy(text, dst, size);
    }
    int r = address_only ? -EINVAL : canonical_host(host, name, sizeof name);
    return r < 0 ? r : values_put(dst, size, str_c(name), "", str_slice(text, host.n, text.n));
}

/* SCHEME://NAME and whatever follows. What has no name stays as it is: others look at URLs more
 * closely. */
static int canonical_url(struct str word, char *dst, size_t size)
{
    size_t colon = str_find(word, ':', 0), from = colon + 3, to = from;
    if (!str_starts_nocase(str_slice(word, colon, word.n), STR("://"))) {
        return str_copy(word, dst, size);
    }
    while (to < word.n && !strchr(":/?#[]@", word.p[to])) {
        to++;
    }
    struct domain_name name = domain_from(str_slice(word, from, to));
    bool has_name = domain_is_name(name) && (to == word.n || word.p[to] != '@');
    return has_name ? values_put(dst, size, str_slice(word, 0, from), name.canonical,
                                 str_slice(word, to, word.n))
                    : str_copy(word, dst, size);
}

static int canonical_mailbox(struct str word, char *dst, size_t size)
{
    struct address mailbox;
    int r = address_mailbox(word, true, &mailbox);
    return r < 0 ? r : address_canonical(word, dst, size);
}

/* domain, .suffix */
static int canonical_domain(struct str word, char *dst, size_t size)
{
    struct domain_pattern p;
    int r = domain_pattern_parse(word, &p);
    return r < 0 || !domain_is_name(p.name)
               ? -EINVAL
               : values_put(dst, size, STR(""), p.below ? "." : "", domain_str(&p.name));
}

/* address, @domain, @.suffix, group:NAME; each perhaps with " until YYYY-MM-DD", which is looked
 * at where it counts: a date that is none is over. */
static int canonical_match(struct str word, char *dst, size_t size)
{
    size_t until = word.n > 17 && str_eq(str_slice(word, word.n - 17, word.n - 10), STR(" until "))
                       ? word.n - 17
                       : word.n;
    struct str who = str_slice(word, 0, until), date = str_slice(word, until, word.n);
    char name[CONF_VALUE_MAX];
    if (str_starts_nocase(who, STR("group:")) || str_starts_nocase(who, STR("login:"))) {
        return who.n > 6 ? str_copy(word, dst, size) : -EINVAL;
    }
    if (str_starts_nocase(who, STR("ldap:")) || str_starts_nocase(who, STR("cert:"))) {
        return who.n > 5 ? str_copy(word, dst, size) : -EINVAL;
    }
    if (str_starts_nocase(who, STR("*@"))) {
        return -EINVAL; /* a pattern would match nobody */
    }
    bool is_domain = who.n > 1 && who.p[0] == '@';
    int r = is_domain ? canonical_domain(str_slice(who, 1, who.n), name, sizeof name)
                      : canonical_mailbox(who, name, sizeof name);
    return r < 0 ? r : values_put(dst, size, is_domain ? STR("@") : STR(""), name, date);
}

/* cert: or key: and 64 hex digits; colons between octets are allowed as openssl prints them. */
static bool pin_ok(struct str word)
{
    size_t colon = str_find(word, ':', 0), digits = 0;
    struct str kind = str_slice(word, 0, colon);
    if (!str_eq(kind, STR("cert")) && !str_eq(kind, STR("key"))) {
        return false;
    }
    for (size_t i = colon + 1; i < word.n; i++) {
        char ch = str_lower(word.p[i]);
        bool hex = (ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'f');
        digits += hex;
        if (!hex && ch != ':') {
            return false;
        }
    }
    return digits == 64;
}

static bool path_ok(struct str word)
{
    return word.n > 1 && word.p[0] == '/';
}

static bool net_ok(struct str word)
{
    struct address_net net;
    return address_net_parse(word, &net) == 0;
}

static bool listener_ok(struct str word)
{
    char target[CONF_VALUE_MAX];
    return canonical_target(word, true, target, sizeof target) == 0;
}

static int canonical_next_hop(struct str word, char *dst, size_t size)
{
    return canonical_target(word, false, dst, size);
}

static bool extension_ok(struct str word)
{
    enum extension e = extension_from(word);
    return e != EXTENSION_END && e != EXTENSION_EHLO; /* without EHLO there would be no STARTTLS */
}

/* A word of the field X-Postern-Tag, in which commas stand between tags. */
static bool tag_ok(struct str word)
{
    return word.n > 0 && word.n <= TAG_MAX && str_find(word, ' ', 0) == word.n &&
           str_find(word, ',', 0) == word.n;
}

static bool channel_ok(struct str word)
{
    struct str name;
    int64_t patience;
    return conf_channel_parse(word, &name, &patience);
}

#define TEXT   CONF_FIELD_TEXT
#define WORDS  CONF_FIELD_WORDS
#define NUMBER CONF_FIELD_NUMBER
const struct conf_kind conf_kinds[] = {
    [CONF_TEXT] = {TEXT, "text", NULL, "a text"},
    [CONF_HOST] = {TEXT, "host name", NULL, "a host name", canonical_host},
    [CONF_URL] = {TEXT, "text", NULL, "a URL", canonical_url},
    [CONF_PATH] = {TEXT, "file", path_ok, "an absolute file name"},
    [CONF_TARGET] = {TEXT, "host[:port] [{ ... }]", NULL, "a host, host:port or [address]:port",
                     canonical_next_hop},
    [CONF_MAILBOX] = {TEXT, "address", NULL, "a mail address", canonical_mailbox},
    [CONF_DOMAINS] = {WORDS, "domain ...", NULL, "a domain", canonical_domain},
    [CONF_NETS] = {WORDS, "network ...", net_ok,
                   "a network such as 10.0.0.0/8 (no bits beyond the prefix)"},
    [CONF_ADDRS] = {WORDS, "address:port ...", listener_ok,
                    "an address with port such as 192.0.2.1:25 or [::]:25"},
    [CONF_MATCHES] = {WORDS, "address|@domain|group:name ...", NULL,
                      "an address, @domain, @.suffix, group:NAME, login:NAME, cert:NAME or "
                      "ldap:DN, with or without until YYYY-MM-DD",
                      canonical_match},
    [CONF_PINS] = {WORDS, "cert:HEX|key:HEX ...", pin_ok,
                   "cert: or key: and the 64 hex digits of a SHA-256"},
    [CONF_WORDS] = {WORDS, "word ...", NULL, "a text"},
    [CONF_EXTENSIONS] = {WORDS, "pipelining|chunking|dsn|size|8bitmime|smtputf8|hybrid-groups ...",
                         extension_ok,
                         "pipelining, chunking, dsn, size, 8bitmime, smtputf8 or hybrid-groups"},
    [CONF_TAG] = {TEXT, "word", tag_ok, "a word without blanks and commas, of at most 60 octets"},
    [CONF_CHANNELS] = {WORDS, "tls[:time]|portal|hold|drop ...", channel_ok,
                       "tls, tls:TIME, portal, hold or drop (smime and pgp are not built yet)"},
    [CONF_TIME] = {NUMBER, "time", NULL, "a time such as 30s, 5m, 4h, 5d"},
    [CONF_SIZE] = {NUMBER, "size", NULL, "a size such as 2048, 256K, 50M"},
    [CONF_NUMBER] = {NUMBER, "number", NULL, "a number"},
    [CONF_CHOICE] = {CONF_FIELD_CHOICE, NULL, NULL, "one of its words"},
    [CONF_STORE] = {CONF_FIELD_NONE, "sqlite directory", path_ok, "an absolute directory name"},
    [CONF_BLOCK] = {CONF_FIELD_NONE, "{ ... }", NULL, NULL},
};
#undef TEXT
#undef WORDS
#undef NUMBER

const char *conf_own_text(struct conf *c, const char *text)
{
    c->owned = realloc(c->owned, (c->n_owned + 1) * sizeof *c->owned);
    must(c->owned);
    return c->owned[c->n_owned++] = str_dup(str_c(text));
}

const char *conf_label(struct conf *c, const char *block, const char *label)
{
    static const struct {
        const char *block;
        enum conf_type type;
    } kinds[] = {{"account", CONF_MATCHES}, {"forward", CONF_MAILBOX}, {"oidc", CONF_HOST}};
    char text[CONF_VALUE_MAX];
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (strcmp(kinds[i].block, block) == 0 &&
            conf_kinds[kinds[i].type].canonical(str_c(label), text, sizeof text) == 0) {
            return strcmp(text, label) == 0 ? label : conf_own_text(c, text);
        }
    }
    return label;
}

static bool is_domain_word(struct str word)
{
    char text[CONF_VALUE_MAX];
    return canonical_host(word, text, sizeof text) == 0;
}

/* Host bits beyond the prefix, or a mask in dots. */
static void suggest_net(struct str w, size_t slash, char *dst, size_t size)
{
    unsigned char bits[16], mask[16];
    size_t n = address_ip_octets(str_slice(w, 0, slash), bits);
    unsigned prefix = 0;
    uint64_t number;
    if (n == 0) {
        return;
    }
    if (str_to_u64(str_slice(w, slash + 1, w.n), n * 8, &number) == 0) {
        prefix = (unsigned)number;
    } else if (n == 4 && address_ip_octets(str_slice(w, slash + 1, w.n), mask) == 4) {
        while (prefix < 32 && (mask[prefix / 8] & (0x80 >> prefix % 8))) {
            prefix++;
        }
    } else {
        return;
    }
    for (unsigned i = prefix; i < n * 8; i++) {
        bits[i / 8] &= (unsigned char)~(0x80 >> i % 8);
    }
    if (n == 4) {
        snprintf(dst, size, "%u.%u.%u.%u/%u", bits[0], bits[1], bits[2], bits[3], prefix);
    } else {
        struct buf b = BUF_INIT(80);
        for (size_t i = 0; i < n; i += 2) {
            (void)!buf_printf(&b, "%s%x", i ? ":" : "", bits[i] << 8 | bits[i + 1]);
        }
        snprintf(dst, size, STR_FMT "/%u", STR_ARG(buf_str(&b)), prefix);
        buf_free(&b);
    }
}

/* A port alone, *:25, localhost:25, an address without port or without brackets. */
static void suggest_listener(struct str w, char *dst, size_t size)
{
    size_t colon = str_find_last(w, ':');
    struct str host = str_slice(w, 0, colon), port = colon < w.n ? str_slice(w, colon + 1, w.n) : w;
    unsigned char octets[16];
    uint64_t number;
    if (address_ip_octets(w, octets) == 4) {
        snprintf(dst, size, STR_FMT ":25", STR_ARG(w));
    } else if (str_to_u64(port, 65535, &number) < 0 || number == 0) {
        return;
    } else if (colon >= w.n || host.n == 0 || str_eq(host, STR("*"))) {
        snprintf(dst, size, "[::]:" STR_FMT, STR_ARG(port));
    } else if (str_eq_nocase(host, STR("localhost"))) {
        snprintf(dst, size, "127.0.0.1:" STR_FMT, STR_ARG(port));
    } else if (address_ip_octets(host, octets) == 16) {
        snprintf(dst, size, "[" STR_FMT "]:" STR_FMT, STR_ARG(host), STR_ARG(port));
    }
}

/* A right value that is near a wrong one, of the kinds of mistakes people make; "" when there is
 * none. */
static void suggest(enum conf_type type, struct str w, char *dst, size_t size)
{
    size_t at = str_find_last(w, '@'), slash = str_find_last(w, '/'), colon = str_find_last(w, ':');
    struct str inner =
        w.n > 2 && w.p[0] == '<' && w.p[w.n - 1] == '>' ? str_slice(w, 1, w.n - 1) : w;
    *dst = '\0';
    if (type == CONF_DOMAINS && str_starts_nocase(w, STR("*."))) {
        snprintf(dst, size, STR_FMT, STR_ARG(str_slice(w, 1, w.n)));
    } else if (type == CONF_MATCHES && str_starts_nocase(w, STR("*@"))) {
        snprintf(dst, size, "@" STR_FMT,
                 STR_ARG(str_slice(w, str_starts_nocase(w, STR("*@*.")) ? 3 : 2, w.n)));
    } else if (type == CONF_MATCHES && str_starts_nocase(w, STR("@*."))) {
        snprintf(dst, size, "@" STR_FMT, STR_ARG(str_slice(w, 2, w.n)));
    } else if (type == CONF_MATCHES && at == w.n && is_domain_word(w)) {
        snprintf(dst, size, "@" STR_FMT, STR_ARG(w));
    } else if (type == CONF_DOMAINS && at < w.n && is_domain_word(str_slice(w, at + 1, w.n))) {
        snprintf(dst, size, STR_FMT, STR_ARG(str_slice(w, at + 1, w.n)));
    } else if ((type == CONF_MAILBOX || type == CONF_MATCHES) && inner.n < w.n) {
        snprintf(dst, size, STR_FMT, STR_ARG(inner));
    } else if ((type == CONF_DOMAINS || type == CONF_HOST || type == CONF_TARGET) && w.n > 1 &&
               w.p[w.n - 1] == '.') {
        snprintf(dst, size, STR_FMT, STR_ARG(str_slice(w, 0, w.n - 1)));
    } else if (type == CONF_HOST && colon < w.n && is_domain_word(str_slice(w, 0, colon))) {
        snprintf(dst, size, STR_FMT, STR_ARG(str_slice(w, 0, colon)));
    } else if (type == CONF_NETS && slash < w.n) {
        suggest_net(w, slash, dst, size);
    } else if (type == CONF_NETS && (str_eq_nocase(w, STR("localhost")))) {
        snprintf(dst, size, "127.0.0.0/8 ::1");
    } else if (type == CONF_ADDRS) {
        suggest_listener(w, dst, size);
    }
}

int conf_check_utf8(struct binder *b, struct conf_place at, const char *key, const char *text)
{
    return marks_is_utf8(str_c(text)) ? 0
                                      : conf_bad(b, at,
                                                 "%s: this text is not UTF-8, and mails and pages "
                                                 "would show it damaged. Save the file as UTF-8",
                                                 key);
}

/* One word of the value of a key, in the form that is kept. 0 or -EINVAL, noted. */
static int values_take_word(struct binder *b, const struct conf_key *key,
                            const struct conf_word *word, const char **ret)
{
    const struct conf_kind *kind = &conf_kinds[key->type];
    char text[CONF_VALUE_MAX];
    /* named as its system names it */
    bool is_file = key->type == CONF_PATH || key->type == CONF_STORE;
    *ret = word->text;
    if (!is_file && conf_check_utf8(b, word->at, key->name, word->text) < 0) {
        return -EINVAL;
    }
    if ((kind->ok && !kind->ok(str_c(word->text))) ||
        (kind->canonical && kind->canonical(str_c(word->text), text, sizeof text) < 0)) {
        char meant[300];
        suggest(key->type, str_c(word->text), meant, sizeof meant);
        return conf_bad(b, word->at, "%s: \"%s\" is not %s%s%s%s", key->name, word->text,
                        kind->wanted, *meant ? ". Did you mean \"" : "", meant,
                        *meant ? "\"?" : "");
    }
    if (kind->canonical && strcmp(text, word->text) != 0) {
        *ret = conf_own_text(b->conf, text);
    }
    return 0;
}

static int set_words(struct binder *b, const struct conf_key *key, const struct conf_word *words,
                     size_t n, struct conf_words *ret)
{
    const char **v = err_calloc(n, sizeof *v);
    int r = n <= CONF_NAMES_MAX
                ? 0
                : conf_bad(b, words[0].at, "%s: more than %d words", key->name, CONF_NAMES_MAX);
    for (size_t i = 0; i < n; i++) {
        int bad = values_take_word(b, key, &words[i], &v[i]);
        r = bad < 0 ? bad : r;
    }
    free(ret->v);
    *ret = (struct conf_words){v, n};
    return r;
}

static int set_store(struct binder *b, const struct conf_key *key, const struct conf_word *words,
                     size_t n)
{
    int kind;
    if (n != 2) {
        return conf_bad(b, words[0].at, "write: store sqlite DIRECTORY;");
    }
    int r = set_choice(b, key, &words[0], &kind);
    r = r < 0 ? r : values_take_word(b, key, &words[1], &b->conf->store_path);
    if (r == 0) {
        b->conf->store_kind = words[0].text;
    }
    return r;
}

/* Why there may be several words: "10 minutes", a text without quotes, two values. */
static int not_one_value(struct binder *b, const struct conf_key *key,
                         const struct conf_word *words, size_t n)
{
    char hint[400] = "", joined[200];
    if ((key->type == CONF_TIME || key->type == CONF_SIZE) && n == 2) {
        snprintf(joined, sizeof joined, "%s %s", words[0].text, words[1].text);
        number_hint(key, str_c(joined), hint, sizeof hint);
    } else if (key->type == CONF_TEXT) {
        snprintf(hint, sizeof hint,
                 ". A text with blanks stands in quotes: %s \"%.100s %.100s%s\";", key->name,
                 words[0].text, words[1].text, n > 2 ? " ..." : "");
    }
    return conf_bad(b, words[0].at, "%s takes one value%s", key->name, hint);
}

/* Stores the words of a setting. words[0..n) are the values, without the key. */
int conf_set(struct binder *b, const struct conf_key *key, void *base,
             const struct conf_word *words, size_t n)
{
    void *at = (char *)base + key->offset;
    enum conf_field field = conf_kinds[key->type].field;
    if (field == CONF_FIELD_WORDS) {
        return set_words(b, key, words, n, at);
    }
    if (key->type == CONF_STORE) {
        return set_store(b, key, words, n);
    }
    if (n != 1) {
        return not_one_value(b, key, words, n);
    }
    if (field == CONF_FIELD_CHOICE) {
        return set_choice(b, key, &words[0], at);
    }
    if (field == CONF_FIELD_NUMBER) {
        return set_number(b, key, &words[0], at);
    }
    return values_take_word(b, key, &words[0], at);
}
