/* SPDX-License-Identifier: Apache-2.0
 * conf.c: gives the tree its meaning by the schema table. Called by posternd, every child, and
 * postern check-config; fuzzed.
 *
 * What can go wrong: unknown or repeated keys, values out of range, missing settings: each is a
 * line file:line:column, with "did you mean" where a word is near. All are collected, so that one
 * run shows them all.
 */
#include "conf/conf.h"
#include "conf/schema.h"
#include "conf/tree.h"
#include "sys/conn.h"
#include "sys/file.h"
#include "wire/address.h"

#include <stdio.h>
#include <stdlib.h>

struct binder {
    struct conf *conf;
    struct buf *problems;
    int result;
};

/* The struct that the offsets of a block point into, and which keys were set in it. */
struct target {
    const char *block;
    void *base;
    bool *seen;
};

static int bad(struct binder *b, struct conf_place at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static int bad(struct binder *b, struct conf_place at, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    b->result = conf_problem(b->problems, at, "%s", text);
    return b->result;
}

/* --- values ----------------------------------------------------------------------------------- */

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

static int choice_index(const char *choices, struct str word)
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
static bool nearest(const char *words, struct str got, char *dst, size_t size)
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
        return bad(b, word->at, "%s: \"%s\" is not %s", key->name, word->text,
                   is_time ? "a time such as 30s, 5m, 4h, 5d"
                   : key->type == CONF_SIZE ? "a size such as 2048, 256K, 50M"
                                            : "a number");
    }
    if (value < key->min || value > key->max) {
        return bad(b, word->at, "%s: %s is out of range (%lld to %lld%s)", key->name, word->text,
                   (long long)key->min, (long long)key->max, is_time ? " milliseconds" : "");
    }
    *ret = value;
    return 0;
}

static int set_choice(struct binder *b, const struct conf_key *key, const struct conf_word *word,
                      int *ret)
{
    char near[64];
    int index = choice_index(key->choices, str_c(word->text));
    if (index >= 0) {
        *ret = index;
        return 0;
    }
    if (nearest(key->choices, str_c(word->text), near, sizeof near)) {
        return bad(b, word->at, "%s: \"%s\" is not one of: %s. Did you mean \"%s\"?", key->name,
                   word->text, key->choices, near);
    }
    return bad(b, word->at, "%s: \"%s\" is not one of: %s", key->name, word->text, key->choices);
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
    if (str_starts_nocase(word, STR("group:"))) {
        return word.n > 6;
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

static bool word_ok(enum conf_type type, struct str word)
{
    struct address mailbox;
    struct address_net net;
    switch (type) {
    case CONF_HOST:
        return address_domain_ok(word, false);
    case CONF_PATH:
        return word.n > 1 && word.p[0] == '/';
    case CONF_DOMAINS:
        return address_domain_ok(word.n > 1 && word.p[0] == '.' ? str_slice(word, 1, word.n) : word,
                                 false);
    case CONF_NETS:
        return address_net_parse(word, &net) == 0;
    case CONF_ADDRS:
        return target_ok(word, true);
    case CONF_TARGET:
        return target_ok(word, false);
    case CONF_MATCHES:
        return match_ok(word);
    case CONF_PINS:
        return pin_ok(word);
    case CONF_MAILBOX:
        return address_mailbox(word, true, &mailbox) == 0;
    case CONF_TEXT:
    case CONF_TIME:
    case CONF_SIZE:
    case CONF_NUMBER:
    case CONF_CHOICE:
    case CONF_STORE:
    case CONF_BLOCK:
        break;
    }
    return true;
}

static const char *wanted(enum conf_type type)
{
    switch (type) {
    case CONF_HOST:
        return "a host name";
    case CONF_PATH:
        return "an absolute file name";
    case CONF_DOMAINS:
        return "a domain (in its xn-- form where it is not ASCII)";
    case CONF_NETS:
        return "a network such as 10.0.0.0/8 (no bits beyond the prefix)";
    case CONF_ADDRS:
        return "an address with port such as 192.0.2.1:25 or [::]:25";
    case CONF_TARGET:
        return "a host, host:port or [address]:port";
    case CONF_MATCHES:
        return "an address, @domain, @.suffix or group:NAME";
    case CONF_PINS:
        return "cert: or key: and the 64 hex digits of a SHA-256";
    case CONF_MAILBOX:
        return "a mail address";
    case CONF_TEXT:
    case CONF_TIME:
    case CONF_SIZE:
    case CONF_NUMBER:
    case CONF_CHOICE:
    case CONF_STORE:
    case CONF_BLOCK:
        break;
    }
    return "a text";
}

static int set_words(struct binder *b, const struct conf_key *key, const struct conf_word *words,
                     size_t n, struct conf_words *ret)
{
    const char **v = err_calloc(n, sizeof *v);
    int r = n <= CONF_NAMES_MAX ? 0 : bad(b, words[0].at, "%s: more than %d words", key->name, CONF_NAMES_MAX);
    for (size_t i = 0; i < n; i++) {
        if (!word_ok(key->type, str_c(words[i].text))) {
            r = bad(b, words[i].at, "%s: \"%s\" is not %s", key->name, words[i].text,
                    wanted(key->type));
        }
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
        return bad(b, words[0].at, "write: store sqlite DIRECTORY;");
    }
    int r = set_choice(b, key, &words[0], &kind);
    if (r == 0 && !word_ok(CONF_PATH, str_c(words[1].text))) {
        r = bad(b, words[1].at, "store: \"%s\" is not an absolute directory name", words[1].text);
    }
    if (r == 0) {
        b->conf->store_kind = words[0].text;
        b->conf->store_path = words[1].text;
    }
    return r;
}

/* Stores the words of a setting. words[0..n) are the values, without the key. */
static int set_value(struct binder *b, const struct conf_key *key, void *base,
                     const struct conf_word *words, size_t n)
{
    void *at = (char *)base + key->offset;
    switch (key->type) {
    case CONF_DOMAINS:
    case CONF_NETS:
    case CONF_ADDRS:
    case CONF_MATCHES:
    case CONF_PINS:
        return set_words(b, key, words, n, at);
    case CONF_STORE:
        return set_store(b, key, words, n);
    case CONF_TEXT:
    case CONF_HOST:
    case CONF_PATH:
    case CONF_TARGET:
    case CONF_MAILBOX:
    case CONF_TIME:
    case CONF_SIZE:
    case CONF_NUMBER:
    case CONF_CHOICE:
    case CONF_BLOCK:
        break;
    }
    if (n != 1) {
        return bad(b, words[0].at, "%s takes one value", key->name);
    }
    if (key->type == CONF_CHOICE) {
        return set_choice(b, key, &words[0], at);
    }
    if (key->type == CONF_TIME || key->type == CONF_SIZE || key->type == CONF_NUMBER) {
        return set_number(b, key, &words[0], at);
    }
    if (!word_ok(key->type, str_c(words[0].text))) {
        return bad(b, words[0].at, "%s: \"%s\" is not %s", key->name, words[0].text,
                   wanted(key->type));
    }
    *(const char **)at = words[0].text;
    return 0;
}

/* --- blocks ----------------------------------------------------------------------------------- */

static const struct conf_key *find_key(const char *block, const char *name)
{
    for (size_t i = 0; i < conf_schema_len; i++) {
        if (strcmp(conf_schema[i].block, block) == 0 && strcmp(conf_schema[i].name, name) == 0) {
            return &conf_schema[i];
        }
    }
    return NULL;
}

static int unknown_key(struct binder *b, const char *block, const struct conf_word *word)
{
    CLEANUP(buf_free) struct buf names = BUF_INIT(4096);
    char near[64];
    int r = 0;
    for (size_t i = 0; r == 0 && i < conf_schema_len; i++) {
        if (strcmp(conf_schema[i].block, block) == 0) {
            r = buf_printf(&names, "%s ", conf_schema[i].name);
        }
    }
    r = r < 0 ? r : buf_append(&names, "", 1);
    if (r == 0 && nearest(names.p, str_c(word->text), near, sizeof near)) {
        return bad(b, word->at, "unknown setting \"%s\". Did you mean \"%s\"?", word->text, near);
    }
    return bad(b, word->at, "unknown setting \"%s\"%s%s", word->text, *block ? " in " : "", block);
}

static void apply_defaults(struct binder *b, const char *block, void *base)
{
    for (size_t i = 0; i < conf_schema_len; i++) {
        const struct conf_key *key = &conf_schema[i];
        if (strcmp(key->block, block) != 0 || !key->standard) {
            continue;
        }
        struct conf_word words[2] = {{key->standard, {"default", 0, 0}}};
        size_t n = 1;
        if (key->type == CONF_STORE) {
            words[0].text = "sqlite";
            words[1].text = strchr(key->standard, ' ') + 1;
            n = 2;
        }
        must(set_value(b, key, base, words, n) == 0);
    }
}

static void bind_children(struct binder *b, const struct conf_node *parent, const struct target *t);

static struct conf_rule *open_rule(struct binder *b, const struct conf_node *n, const char *kind)
{
    struct conf *c = b->conf;
    if (c->n_rules >= CONF_BLOCKS_MAX) {
        bad(b, n->at, "more than %d partner and rule blocks", CONF_BLOCKS_MAX);
        return NULL;
    }
    c->rules = realloc(c->rules, (c->n_rules + 1) * sizeof *c->rules);
    must(c->rules);
    struct conf_rule *r = &c->rules[c->n_rules++];
    *r = (struct conf_rule){.kind = kind, .name = n->words[1].text};
    apply_defaults(b, kind, r);
    return r;
}

static struct conf_group *open_group(struct binder *b, const struct conf_node *n)
{
    struct conf *c = b->conf;
    if (c->n_groups >= CONF_BLOCKS_MAX) {
        bad(b, n->at, "more than %d group blocks", CONF_BLOCKS_MAX);
        return NULL;
    }
    c->groups = realloc(c->groups, (c->n_groups + 1) * sizeof *c->groups);
    must(c->groups);
    c->groups[c->n_groups] = (struct conf_group){.name = n->words[1].text};
    return &c->groups[c->n_groups++];
}

static struct conf_listen *open_listen(struct binder *b, const struct conf_node *n)
{
    static const char kinds[] = "smtp submission submissions";
    struct conf *c = b->conf;
    int kind = choice_index(kinds, str_c(n->words[1].text));
    if (c->n_listens >= CONF_LISTENS_MAX || kind < 0) {
        bad(b, n->words[1].at, "listen: \"%s\" is not one of: %s, or there are over %d blocks", n->words[1].text, kinds,
            CONF_LISTENS_MAX);
        return NULL;
    }
    c->listens[c->n_listens] = (struct conf_listen){.label = n->words[1].text, .kind = (enum conf_listen_kind)kind};
    apply_defaults(b, "listen", &c->listens[c->n_listens]);
    return &c->listens[c->n_listens++];
}

static struct conf_certificate *open_own(struct binder *b, const struct conf_node *n)
{
    struct conf *c = b->conf;
    if (c->n_own >= CONF_CERTIFICATES_MAX) {
        bad(b, n->at, "more than %d certificate blocks", CONF_CERTIFICATES_MAX);
        return NULL;
    }
    return &c->own[c->n_own++];
}

static struct conf_client_certificate *open_certificate(struct binder *b, const struct conf_node *n)
{
    struct conf *c = b->conf;
    if (c->n_certificates >= CONF_CERTIFICATES_MAX) {
        bad(b, n->at, "more than %d client-certificate blocks", CONF_CERTIFICATES_MAX);
        return NULL;
    }
    if (strlen(n->words[1].text) > CONF_LABEL_MAX) {
        bad(b, n->words[1].at, "the name of a client-certificate is longer than %d octets", CONF_LABEL_MAX);
        return NULL;
    }
    c->certificates[c->n_certificates] = (struct conf_client_certificate){.name = n->words[1].text};
    return &c->certificates[c->n_certificates++];
}

/* A block's own struct: repeated blocks have one each, the others are part of struct conf. */
static void *open_block(struct binder *b, const struct conf_node *n, const struct conf_key *key)
{
    return strcmp(key->name, "partner") == 0 || strcmp(key->name, "rule") == 0 ? (void *)open_rule(b, n, key->name)
           : strcmp(key->name, "group") == 0              ? (void *)open_group(b, n)
           : strcmp(key->name, "listen") == 0             ? (void *)open_listen(b, n)
           : strcmp(key->name, "certificate") == 0        ? (void *)open_own(b, n)
           : strcmp(key->name, "client-certificate") == 0 ? (void *)open_certificate(b, n)
                                                          : (void *)b->conf;
}

static void check_required(struct binder *b, const struct target *t, struct conf_place at)
{
    for (size_t i = 0; i < conf_schema_len; i++) {
        const struct conf_key *key = &conf_schema[i];
        if (key->required && !t->seen[i] && strcmp(key->block, t->block) == 0) {
            bad(b, at, "\"%s\" is missing%s%s", key->name, *t->block ? " in " : "", t->block);
        }
    }
}

static void bind_block(struct binder *b, const struct conf_node *n, const char *block, void *base)
{
    bool *seen = err_calloc(conf_schema_len, sizeof *seen);
    struct target inner = {block, base, seen};
    bind_children(b, n, &inner);
    check_required(b, &inner, n->at);
    free(seen);
}

static void bind_block_statement(struct binder *b, const struct conf_node *n,
                                 const struct conf_key *key)
{
    if (!n->has_block || n->n_words != (key->label ? 2u : 1u)) {
        bad(b, n->at, "write: %s%s%s { ... }", key->name, key->label ? " " : "",
            key->label ? key->label : "");
        return;
    }
    void *base = open_block(b, n, key);
    if (base) {
        bind_block(b, n, key->name, base);
    }
}

static void bind_setting(struct binder *b, const struct conf_node *n, const struct conf_key *key,
                         const struct target *t)
{
    const struct conf_word *words = n->words + 1;
    size_t n_words = n->n_words - 1;
    if ((strcmp(key->name, "outbound") == 0 || strcmp(key->name, "inbound") == 0) && n_words > 0) {
        if (strcmp(words[0].text, "require") != 0 || n_words != 2) {
            bad(b, words[0].at, "write: %s require %s;", key->name, key->choices);
            return;
        }
        words++;
        n_words--;
    }
    if (n_words == 0) {
        bad(b, n->at, "%s needs a value", key->name);
        return;
    }
    if (n->has_block && key->type != CONF_TARGET) {
        bad(b, n->at, "%s takes no block", key->name);
        return;
    }
    if (set_value(b, key, t->base, words, n_words) < 0 || !n->has_block) {
        return;
    }
    char block[64];
    snprintf(block, sizeof block, "%s%s%s", t->block, *t->block ? "/" : "", key->name);
    bind_block(b, n, block, t->base);
}

static void bind_children(struct binder *b, const struct conf_node *parent, const struct target *t)
{
    for (const struct conf_node *n = parent->children; n; n = n->next) {
        if (!n->words[0].at.file) { /* the statements of an included file */
            bind_children(b, n, t);
            continue;
        }
        const struct conf_key *key = find_key(t->block, n->words[0].text);
        if (!key) {
            unknown_key(b, t->block, &n->words[0]);
            continue;
        }
        bool *seen = &t->seen[key - conf_schema];
        if (*seen && !key->repeated) {
            bad(b, n->at, "\"%s\" is set twice", key->name);
            continue;
        }
        *seen = true;
        if (key->type == CONF_BLOCK) {
            bind_block_statement(b, n, key);
        } else {
            bind_setting(b, n, key, t);
        }
    }
}

/* --- whole configurations ---------------------------------------------------------------------- */

static void check_partner_domains(struct binder *b, const struct conf_rule *p)
{
    const struct conf *c = b->conf;
    for (const struct conf_rule *o = c->rules; o < p; o++) {
        for (size_t i = 0; i < p->domains.n; i++) {
            for (size_t k = 0; k < o->domains.n; k++) {
                if (str_eq_nocase(str_c(o->domains.v[k]), str_c(p->domains.v[i]))) {
                    bad(b, c->root->at, "domain %s stands in the partners \"%s\" and \"%s\"", o->domains.v[k], o->name,
                        p->name);
                }
            }
        }
    }
}

static void check_groups(struct binder *b, const char *where, const struct conf_words *words)
{
    const struct conf *c = b->conf;
    for (size_t i = 0; i < words->n; i++) {
        bool known = strncmp(words->v[i], "group:", 6) != 0;
        for (size_t k = 0; k < c->n_groups; k++) {
            known |= strcmp(words->v[i] + 6, c->groups[k].name) == 0;
        }
        if (!known) {
            bad(b, c->root->at, "%s: there is no group \"%s\"", where, words->v[i] + 6);
        }
    }
}

static void check_rule(struct binder *b, const struct conf_rule *r)
{
    const struct conf *c = b->conf;
    bool known = !r->client_certificate;
    check_partner_domains(b, r);
    check_groups(b, r->name, &r->from);
    check_groups(b, r->name, &r->to);
    if ((r->outbound == 4) != (r->pins.n > 0)) {
        bad(b, c->root->at, "%s \"%s\": \"outbound require pin\" and \"pin\" belong together", r->kind, r->name);
    }
    if ((r->inbound == 3) != (r->inbound_pins.n > 0)) {
        bad(b, c->root->at, "%s \"%s\": \"inbound require pin\" and \"inbound-pin\" belong together", r->kind, r->name);
    }
    for (size_t i = 0; i < c->n_certificates && !known; i++) {
        known = strcmp(c->certificates[i].name, r->client_certificate) == 0;
    }
    if (!known) {
        bad(b, c->root->at, "%s \"%s\": there is no client-certificate \"%s\"", r->kind, r->name, r->client_certificate);
    }
}

static void check_submission(struct binder *b)
{
    const struct conf *c = b->conf;
    for (size_t i = 0; i < c->n_listens; i++) {
        if (c->listens[i].kind != CONF_LISTEN_SMTP && c->n_own == 0) {
            bad(b, c->root->at, "listen %s needs a certificate: people log in inside TLS only", c->listens[i].label);
        }
    }
    for (size_t i = 0; i < c->metrics.addresses.n; i++) {
        struct str at = str_c(c->metrics.addresses.v[i]);
        if (!str_starts_nocase(at, STR("127.")) && !str_starts_nocase(at, STR("[::1]"))) {
            bad(b, c->root->at, "metrics: %s is not a loopback address", at.p);
        }
    }
    if (c->directory.url && !str_starts_nocase(str_c(c->directory.url), STR("ldap://")) &&
        !str_starts_nocase(str_c(c->directory.url), STR("ldaps://"))) {
        bad(b, c->root->at, "directory: url must begin with ldap:// or ldaps://");
    }
}

static void check_whole(struct binder *b)
{
    struct conf *c = b->conf;
    check_submission(b);
    if (c->inside_domains.n > 0 && !c->deliver_to) {
        bad(b, c->root->at, "inside domains need deliver-to: where should their mail go?");
    }
    if (!c->relay_user != !c->relay_password || (c->relay_user && (!c->relay_host || c->relay_tls != 2))) {
        bad(b, c->root->at, "relay: user and password-file belong together, and need tls cert");
    }
    struct address admin;
    if (*c->admin && address_mailbox(str_c(c->admin), true, &admin) < 0) {
        bad(b, c->root->at, "administrator: \"%s\" is not a mail address", c->admin);
    }
    for (size_t i = 0; i < c->n_rules; i++) {
        check_rule(b, &c->rules[i]);
    }
    for (size_t i = 0; i < c->n_groups; i++) {
        check_groups(b, c->groups[i].name, &c->groups[i].members);
    }
    if ((c->signing.domain || c->signing.selector || c->signing.key) &&
        !(c->signing.domain && c->signing.selector && c->signing.key)) {
        bad(b, c->root->at, "signing needs all of domain, selector and key");
    }
}

static bool is_repeated(const char *block)
{
    for (size_t i = 0; i < conf_schema_len; i++) {
        if (conf_schema[i].repeated && strcmp(conf_schema[i].name, block) == 0) {
            return true;
        }
    }
    return false;
}

static int parse(struct str text, const char *file, conf_read_fn read, struct buf *problems,
                 struct conf **ret)
{
    struct conf *c = err_calloc(1, sizeof *c);
    struct binder b = {.conf = c, .problems = problems};
    int r = conf_tree_parse(text, file, read, problems, &c->root);
    if (r < 0) {
        conf_free(c);
        return r;
    }
    for (size_t i = 0; i < conf_schema_len; i++) {
        const char *block = conf_schema[i].block;
        if ((i == 0 || strcmp(block, conf_schema[i - 1].block) != 0) && !is_repeated(block)) {
            apply_defaults(&b, block, c);
        }
    }
    bind_block(&b, c->root, "", c);
    if (b.result == 0) {
        check_whole(&b);
    }
    if (b.result < 0) {
        conf_free(c);
        return b.result;
    }
    *ret = c;
    return 0;
}

int conf_parse(struct str text, const char *file, struct buf *problems, struct conf **ret)
{
    return parse(text, file, NULL, problems, ret);
}

int conf_load(const char *path, struct buf *problems, struct conf **ret)
{
    CLEANUP(buf_free) struct buf text = BUF_INIT(CONF_TEXT_MAX);
    int r = file_read(path, &text);
    if (r < 0) {
        r = buf_printf(problems, "%s:0:0: cannot be read: %s\n", path, strerror(-r)) < 0 ? -ENOSPC : r;
        return r;
    }
    return parse(buf_str(&text), path, file_read, problems, ret);
}

void conf_free(struct conf *c)
{
    if (!c) {
        return;
    }
    for (size_t i = 0; i < c->n_rules; i++) {
        free(c->rules[i].domains.v);
        free(c->rules[i].from.v);
        free(c->rules[i].to.v);
        free(c->rules[i].pins.v);
        free(c->rules[i].inbound_networks.v);
        free(c->rules[i].inbound_helo.v);
        free(c->rules[i].inbound_names.v);
        free(c->rules[i].inbound_pins.v);
    }
    for (size_t i = 0; i < c->n_groups; i++) {
        free(c->groups[i].members.v);
    }
    for (size_t i = 0; i < c->n_listens; i++) {
        free(c->listens[i].addresses.v);
        free(c->listens[i].balancers.v);
    }
    free(c->inside_domains.v);
    free(c->inside_networks.v);
    free(c->monitor.domains.v);
    free(c->metrics.addresses.v);
    free(c->rules);
    free(c->groups);
    conf_tree_free(c->root);
    free(c->text);
    free(c);
}
