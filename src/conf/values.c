/* SPDX-License-Identifier: Apache-2.0
 * values.c: the values of settings: numbers with units, words of a choice, addresses, names. Called by conf.c.
 *
 * What can go wrong: a value that is none, or out of range: a line with its place, and "did you mean".
 */
#include "conf/bind.h"
#include "sys/conn.h"
#include "wire/address.h"

#include <stdio.h>
#include <stdlib.h>

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

static int scaled(struct str text, const struct unit *units, size_t n, int64_t *ret)
{
    size_t digits = 0;
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

/* The nearest of the blank-separated words, if it is near enough to be meant. */
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
        return conf_bad(b, word->at, "%s: \"%s\" is not %s", key->name, word->text, conf_kinds[key->type].wanted);
    }
    if (value < key->min || value > key->max) {
        return conf_bad(b, word->at, "%s: %s is out of range (%lld to %lld%s)", key->name, word->text,
                   (long long)key->min, (long long)key->max, is_time ? " milliseconds" : "");
    }
    *ret = value;
    return 0;
}

static int set_choice(struct binder *b, const struct conf_key *key, const struct conf_word *word,
                      int *ret)
{
    char near[64];
    int index = conf_choice(key->choices, str_c(word->text));
    if (index >= 0) {
        *ret = index;
        return 0;
    }
    if (conf_nearest(key->choices, str_c(word->text), near, sizeof near)) {
        return conf_bad(b, word->at, "%s: \"%s\" is not one of: %s. Did you mean \"%s\"?", key->name,
                   word->text, key->choices, near);
    }
    return conf_bad(b, word->at, "%s: \"%s\" is not one of: %s", key->name, word->text, key->choices);
}

/* host, host:port, [address]:port; address:port when `address_only`. */
static bool target_ok(struct str text, bool address_only)
{
    size_t colon = str_find_last(text, ':');
    bool bracketed = text.n > 0 && text.p[0] == '[';
    uint64_t port = 1;
    struct str host = text;
    if (bracketed || str_find(text, ':', 0) == colon) {
        size_t close = bracketed ? str_find(text, ']', 0) : 0;
        if (colon < text.n && colon > close) {
            host = str_slice(text, 0, colon);
            if (str_to_u64(str_slice(text, colon + 1, text.n), 65535, &port) < 0) {
                return false;
            }
        } else if (address_only) {
            return false;
        }
    }
    struct endpoint e;
    bool is_address = endpoint_parse(host, 1, &e) == 0;
    return port > 0 && (is_address || (!address_only && address_domain_ok(host, false)));
}

/* address, @domain, @.suffix, group:NAME */
static bool match_ok(struct str word)
{
    struct address address;
    size_t until = word.n > 17 && str_eq(str_slice(word, word.n - 17, word.n - 10), STR(" until ")) ? word.n - 17 : word.n;
    word = str_slice(word, 0, until); /* its date is looked at where it counts: one that is none is over */
    if (str_starts_nocase(word, STR("group:")) || str_starts_nocase(word, STR("login:"))) {
        return word.n > 6;
    }
    if (str_starts_nocase(word, STR("ldap:")) || str_starts_nocase(word, STR("cert:"))) {
        return word.n > 5;
    }
    if (word.n > 1 && word.p[0] == '@') {
        struct str domain = str_slice(word, word.p[1] == '.' ? 2 : 1, word.n);
        return address_domain_ok(domain, false);
    }
    return address_mailbox(word, true, &address) == 0;
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

static bool host_ok(struct str word)
{
    return address_domain_ok(word, false);
}

static bool path_ok(struct str word)
{
    return word.n > 1 && word.p[0] == '/';
}

static bool domain_ok(struct str word)
{
    return address_domain_ok(word.n > 1 && word.p[0] == '.' ? str_slice(word, 1, word.n) : word, false);
}

static bool net_ok(struct str word)
{
    struct address_net net;
    return address_net_parse(word, &net) == 0;
}

static bool listener_ok(struct str word)
{
    return target_ok(word, true);
}

static bool next_hop_ok(struct str word)
{
    return target_ok(word, false);
}

static bool mailbox_ok(struct str word)
{
    struct address mailbox;
    return address_mailbox(word, true, &mailbox) == 0;
}

static bool channel_ok(struct str word)
{
    struct str name;
    int64_t patience;
    return conf_channel_parse(word, &name, &patience);
}

#define TEXT CONF_FIELD_TEXT
#define WORDS CONF_FIELD_WORDS
#define NUMBER CONF_FIELD_NUMBER
const struct conf_kind conf_kinds[] = {
    [CONF_TEXT] = {TEXT, "text", NULL, "a text"},
    [CONF_HOST] = {TEXT, "host name", host_ok, "a host name"},
    [CONF_PATH] = {TEXT, "file", path_ok, "an absolute file name"},
    [CONF_TARGET] = {TEXT, "host[:port] [{ ... }]", next_hop_ok, "a host, host:port or [address]:port"},
    [CONF_MAILBOX] = {TEXT, "address", mailbox_ok, "a mail address"},
    [CONF_DOMAINS] = {WORDS, "domain ...", domain_ok, "a domain (in its xn-- form where it is not ASCII)"},
    [CONF_NETS] = {WORDS, "network ...", net_ok, "a network such as 10.0.0.0/8 (no bits beyond the prefix)"},
    [CONF_ADDRS] = {WORDS, "address:port ...", listener_ok, "an address with port such as 192.0.2.1:25 or [::]:25"},
    [CONF_MATCHES] = {WORDS, "address|@domain|group:name ...", match_ok, "an address, @domain, @.suffix, group:NAME, login:NAME, cert:NAME or ldap:DN, with or without until YYYY-MM-DD"},
    [CONF_PINS] = {WORDS, "cert:HEX|key:HEX ...", pin_ok, "cert: or key: and the 64 hex digits of a SHA-256"},
    [CONF_WORDS] = {WORDS, "word ...", NULL, "a text"},
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

/* One word of the value of a key. 0 or -EINVAL, noted. */
static int check_word(struct binder *b, const struct conf_key *key, const struct conf_word *word)
{
    const struct conf_kind *kind = &conf_kinds[key->type];
    if (kind->ok && !kind->ok(str_c(word->text))) {
        return conf_bad(b, word->at, "%s: \"%s\" is not %s", key->name, word->text, kind->wanted);
    }
    return 0;
}

static int set_words(struct binder *b, const struct conf_key *key, const struct conf_word *words,
                     size_t n, struct conf_words *ret)
{
    const char **v = err_calloc(n, sizeof *v);
    int r = n <= CONF_NAMES_MAX ? 0 : conf_bad(b, words[0].at, "%s: more than %d words", key->name, CONF_NAMES_MAX);
    for (size_t i = 0; i < n; i++) {
        int bad = check_word(b, key, &words[i]);
        r = bad < 0 ? bad : r;
        v[i] = words[i].text;
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
    r = r < 0 ? r : check_word(b, key, &words[1]);
    if (r == 0) {
        b->conf->store_kind = words[0].text;
        b->conf->store_path = words[1].text;
    }
    return r;
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
        return conf_bad(b, words[0].at, "%s takes one value", key->name);
    }
    if (field == CONF_FIELD_CHOICE) {
        return set_choice(b, key, &words[0], at);
    }
    if (field == CONF_FIELD_NUMBER) {
        return set_number(b, key, &words[0], at);
    }
    int r = check_word(b, key, &words[0]);
    if (r == 0) {
        *(const char **)at = words[0].text;
    }
    return r;
}
