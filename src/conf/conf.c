/* SPDX-License-Identifier: Apache-2.0
 * conf.c: gives the tree its meaning by the schema table. Called by posternd, every child, and
 * postern check-config; fuzzed.
 *
 * What can go wrong: unknown or repeated keys, values out of range, missing settings: each is a
 * line file:line:column, with "did you mean" where a word is near. All are collected, so that one
 * run shows them all.
 */
#include "conf/bind.h"
#include "sys/file.h"
#include "wire/address.h"

#include <stdio.h>
#include <stdlib.h>

/* The struct that the offsets of a block point into, and which keys were set in it. */
struct target {
    const char *block;
    void *base;
    bool *seen;
};

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
    if (r == 0 && conf_nearest(names.p, str_c(word->text), near, sizeof near)) {
        return conf_bad(b, word->at, "unknown setting \"%s\". Did you mean \"%s\"?", word->text, near);
    }
    return conf_bad(b, word->at, "unknown setting \"%s\"%s%s", word->text, *block ? " in " : "", block);
}

/* The words of a list's default; they live with the conf. */
static size_t split_standard(struct conf *c, const char *standard, struct conf_word *words, size_t max)
{
    char separator = strchr(standard, '|') ? '|' : ' ';
    struct str rest = str_c(standard), one;
    size_t n = 0;
    while (n < max && str_split(&rest, separator, &one)) {
        must(c->n_standards < ARRAY_LEN(c->standards));
        c->standards[c->n_standards] = str_dup(one);
        words[n++] = (struct conf_word){c->standards[c->n_standards++], {"default", 0, 0}};
    }
    return n;
}

static void apply_defaults(struct binder *b, const char *block, void *base)
{
    for (size_t i = 0; i < conf_schema_len; i++) {
        const struct conf_key *key = &conf_schema[i];
        if (strcmp(key->block, block) != 0 || !key->standard) {
            continue;
        }
        struct conf_word words[8] = {{key->standard, {"default", 0, 0}}};
        size_t n = 1;
        if (key->type == CONF_WORDS) { /* parted by '|', or by blanks */
            n = split_standard(b->conf, key->standard, words, ARRAY_LEN(words));
        }
        if (key->type == CONF_STORE) {
            words[0].text = "sqlite";
            words[1].text = strchr(key->standard, ' ') + 1;
            n = 2;
        }
        must(conf_set(b, key, base, words, n) == 0);
    }
}

static void bind_children(struct binder *b, const struct conf_node *parent, const struct target *t);

static struct conf_rule *open_rule(struct binder *b, const struct conf_node *n, const char *kind)
{
    struct conf *c = b->conf;
    if (c->n_rules >= CONF_BLOCKS_MAX) {
        conf_bad(b, n->at, "more than %d partner and rule blocks", CONF_BLOCKS_MAX);
        return NULL;
    }
    c->rules = realloc(c->rules, (c->n_rules + 1) * sizeof *c->rules);
    must(c->rules);
    struct conf_rule *r = &c->rules[c->n_rules++];
    *r = (struct conf_rule){.kind = kind, .name = n->words[1].text, .line = n->at.line};
    apply_defaults(b, kind, r);
    return r;
}

/* One more of an array of blocks, whose structs all begin with `const char *name; int64_t line;`. */
static void *open_one(struct binder *b, const struct conf_node *n, const char *block, void *array, size_t *count, size_t size)
{
    struct named {
        const char *name;
        int64_t line;
    };
    char **at = array;
    if (*count >= CONF_BLOCKS_MAX) {
        conf_bad(b, n->at, "more than %d %s blocks", CONF_BLOCKS_MAX, block);
        return NULL;
    }
    const char *name = conf_label(b->conf, block, n->words[1].text);
    for (size_t i = 0; i < *count; i++) {
        if (strcmp(((const struct named *)(void *)(*at + i * size))->name, name) == 0) {
            conf_bad(b, n->at, "there are two blocks %s \"%s\"", block, n->words[1].text);
        }
    }
    *at = realloc(*at, (*count + 1) * size);
    must(*at);
    char *one = *at + (*count)++ * size;
    memset(one, 0, size);
    *(struct named *)(void *)one = (struct named){name, n->at.line};
    apply_defaults(b, block, one);
    return one;
}

static struct conf_listen *open_listen(struct binder *b, const struct conf_node *n)
{
    static const char kinds[] = "smtp submission submissions";
    struct conf *c = b->conf;
    int kind = conf_choice(kinds, str_c(n->words[1].text));
    if (c->n_listens >= CONF_LISTENS_MAX || kind < 0) {
        conf_bad(b, n->words[1].at, "listen: \"%s\" is not one of: %s, or there are over %d blocks", n->words[1].text, kinds,
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
        conf_bad(b, n->at, "more than %d certificate blocks", CONF_CERTIFICATES_MAX);
        return NULL;
    }
    return &c->own[c->n_own++];
}

static struct conf_client_certificate *open_certificate(struct binder *b, const struct conf_node *n)
{
    struct conf *c = b->conf;
    if (c->n_certificates >= CONF_CERTIFICATES_MAX) {
        conf_bad(b, n->at, "more than %d client-certificate blocks", CONF_CERTIFICATES_MAX);
        return NULL;
    }
    if (strlen(n->words[1].text) > CONF_LABEL_MAX) {
        conf_bad(b, n->words[1].at, "the name of a client-certificate is longer than %d octets", CONF_LABEL_MAX);
        return NULL;
    }
    c->certificates[c->n_certificates] = (struct conf_client_certificate){.name = n->words[1].text};
    return &c->certificates[c->n_certificates++];
}

/* A block's own struct: repeated blocks have one each, the others are part of struct conf. */
static void *open_block(struct binder *b, const struct conf_node *n, const struct conf_key *key)
{
    return strcmp(key->name, "partner") == 0 || strcmp(key->name, "rule") == 0 ? (void *)open_rule(b, n, key->name)
           : strcmp(key->name, "group") == 0              ? open_one(b, n, "group", &b->conf->groups, &b->conf->n_groups, sizeof *b->conf->groups)
           : strcmp(key->name, "content") == 0            ? open_one(b, n, "content", &b->conf->contents, &b->conf->n_contents, sizeof *b->conf->contents)
           : strcmp(key->name, "account") == 0            ? open_one(b, n, "account", &b->conf->accounts_of, &b->conf->n_accounts_of, sizeof *b->conf->accounts_of)
           : strcmp(key->name, "forward") == 0            ? open_one(b, n, "forward", &b->conf->forwards, &b->conf->n_forwards, sizeof *b->conf->forwards)
           : strcmp(key->name, "oidc") == 0               ? open_one(b, n, "oidc", &b->conf->oidc, &b->conf->n_oidc, sizeof *b->conf->oidc)
           : strcmp(key->name, "ladder") == 0             ? open_one(b, n, "ladder", &b->conf->ladders, &b->conf->n_ladders, sizeof *b->conf->ladders)
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
            conf_bad(b, at, "\"%s\" is missing%s%s", key->name, *t->block ? " in " : "", t->block);
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
        conf_bad(b, n->at, "write: %s%s%s { ... }", key->name, key->label ? " " : "",
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
            conf_bad(b, words[0].at, "write: %s require %s;", key->name, key->choices);
            return;
        }
        words++;
        n_words--;
    }
    if (n_words == 0) {
        conf_bad(b, n->at, "%s needs a value", key->name);
        return;
    }
    if (n->has_block && key->type != CONF_TARGET) {
        conf_bad(b, n->at, "%s takes no block", key->name);
        return;
    }
    if (conf_set(b, key, t->base, words, n_words) < 0 || !n->has_block) {
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
            conf_bad(b, n->at, "\"%s\" is set twice", key->name);
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
                if (strcmp(o->domains.v[k], p->domains.v[i]) == 0) {
                    conf_bad(b, c->root->at, "domain %s stands in the partners \"%s\" and \"%s\"", o->domains.v[k], o->name,
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
        const char *until = strstr(words->v[i], " until ");
        struct str name = str_from(words->v[i] + 6, known ? 0 : until ? (size_t)(until - words->v[i] - 6) : strlen(words->v[i] + 6));
        for (size_t k = 0; k < c->n_groups; k++) {
            known |= str_eq(name, str_c(c->groups[k].name));
        }
        if (!known) {
            conf_bad(b, c->root->at, "%s: there is no group \"%s\"", where, words->v[i] + 6);
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
        conf_bad(b, c->root->at, "%s \"%s\": \"outbound require pin\" and \"pin\" belong together", r->kind, r->name);
    }
    if ((r->inbound == 3) != (r->inbound_pins.n > 0)) {
        conf_bad(b, c->root->at, "%s \"%s\": \"inbound require pin\" and \"inbound-pin\" belong together", r->kind, r->name);
    }
    for (size_t i = 0; i < c->n_certificates && !known; i++) {
        known = strcmp(c->certificates[i].name, r->client_certificate) == 0;
    }
    if (!known) {
        conf_bad(b, c->root->at, "%s \"%s\": there is no client-certificate \"%s\"", r->kind, r->name, r->client_certificate);
    }
}

static void check_submission(struct binder *b)
{
    const struct conf *c = b->conf;
    for (size_t i = 0; i < c->n_listens; i++) {
        if (c->listens[i].kind != CONF_LISTEN_SMTP && c->n_own == 0) {
            conf_bad(b, c->root->at, "listen %s needs a certificate: people log in inside TLS only", c->listens[i].label);
        }
    }
    for (size_t i = 0; i < c->metrics.addresses.n; i++) {
        struct str at = str_c(c->metrics.addresses.v[i]);
        if (!str_starts_nocase(at, STR("127.")) && !str_starts_nocase(at, STR("[::1]"))) {
            conf_bad(b, c->root->at, "metrics: %s is not a loopback address", at.p);
        }
    }
    if (c->directory.url && !str_starts_nocase(str_c(c->directory.url), STR("ldap://")) &&
        !str_starts_nocase(str_c(c->directory.url), STR("ldaps://"))) {
        conf_bad(b, c->root->at, "directory: url must begin with ldap:// or ldaps://");
    }
}

static void bad_protection(void *arg, int64_t line, const char *text)
{
    struct binder *b = arg;
    struct conf_place at = b->conf->root->at;
    at.line = (unsigned)line;
    conf_bad(b, at, "%s", text);
}

/* #RRGGBB that white text can be read on: a contrast of 4.5 at least (WCAG 2.2, 1.4.3). */
static bool is_dark_colour(const char *text)
{
    static const double weight[3] = {0.2126, 0.7152, 0.0722};
    static const char digits[] = "0123456789abcdef";
    double light = 0;
    if (strlen(text) != 7 || text[0] != '#' || strspn(text + 1, "0123456789abcdefABCDEF") != 6) {
        return false;
    }
    for (int i = 0; i < 3; i++) {
        double high = (double)(strchr(digits, str_lower(text[1 + 2 * i])) - digits), low = (double)(strchr(digits, str_lower(text[2 + 2 * i])) - digits);
        double c = (high * 16 + low) / 255;
        light += weight[i] * c * c * (c * 0.305 + 0.6952) + weight[i] * c * 0.0125; /* sRGB to linear, within a hundredth */
    }
    return 1.05 / (light + 0.05) >= 4.5;
}

static bool is_portal_url(const char *url)
{
    size_t n = strcspn(url + (str_starts_nocase(str_c(url), STR("https://")) ? 8 : 0), "/?# ;,'\"");
    return str_starts_nocase(str_c(url), STR("https://")) && n > 0 && !url[8 + n];
}

static void check_oidc(struct binder *b, const struct conf_oidc *o)
{
    struct conf_place at = {b->conf->root->at.file, (unsigned)o->line, 1};
    struct str issuer = str_c(o->issuer ? o->issuer : "");
    bool ok = str_starts_nocase(issuer, STR("https://")) && issuer.n > strlen("https://") && issuer.n < 500;
    for (size_t i = 0; i < issuer.n; i++) {
        ok = ok && issuer.p[i] > ' ' && !strchr("?#\"'<>", issuer.p[i]);
    }
    if (!ok) {
        conf_bad(b, at, "oidc \"%s\": issuer \"%s\" is not https://NAME/PATH", o->name, o->issuer ? o->issuer : "");
    }
    if (!b->conf->portal.url) {
        conf_bad(b, at, "oidc \"%s\": there is no portal", o->name);
    }
}

static void check_portal(struct binder *b)
{
    const struct conf *c = b->conf;
    struct conf_place at = c->root->at;
    struct address from;
    if (!c->portal.url || !c->portal.from) {
        if (c->portal.url || c->portal.from || c->portal.addresses.n + c->portal.proxied.n > 0) {
            conf_bad(b, at, "portal needs both url and from");
        }
        return;
    }
    if (!is_portal_url(c->portal.url)) {
        conf_bad(b, at, "portal: url \"%s\" is not https://NAME or https://NAME:PORT", c->portal.url);
    }
    if (c->portal.files_url && (!is_portal_url(c->portal.files_url) || strcmp(c->portal.files_url, c->portal.url) == 0)) {
        conf_bad(b, at, "portal: files-url \"%s\" is not https://NAME or https://NAME:PORT with a name of its own", c->portal.files_url);
    }
    if (address_mailbox(str_c(c->portal.from), true, &from) < 0 || !conf_is_inside(c, domain_of(str_c(c->portal.from)))) {
        conf_bad(b, at, "portal: from \"%s\" is not an address in an inside domain", c->portal.from);
    }
    if (c->portal.addresses.n + c->portal.proxied.n == 0) {
        conf_bad(b, at, "portal: nobody can reach it without address or proxy-address");
    }
    if (c->portal.addresses.n > 0 && c->n_own == 0) {
        conf_bad(b, at, "portal: address needs a certificate");
    }
    if ((c->portal.proxied.n > 0) != (c->portal.proxies.n > 0)) {
        conf_bad(b, at, "portal: proxy-address and proxies belong together");
    }
    if (!is_dark_colour(c->portal.colour)) {
        conf_bad(b, at, "portal: colour \"%s\" is not #RRGGBB, or too light for white text", c->portal.colour);
    }
}

static void check_whole(struct binder *b)
{
    struct conf *c = b->conf;
    check_submission(b);
    if (c->inside_domains.n > 0 && !c->deliver_to) {
        conf_bad(b, c->root->at, "inside domains need deliver-to: where should their mail go?");
    }
    if (!c->relay_user != !c->relay_password || (c->relay_user && (!c->relay_host || c->relay_tls != 2))) {
        conf_bad(b, c->root->at, "relay: user and password-file belong together, and need tls cert");
    }
    struct address admin;
    if (*c->admin && address_mailbox(str_c(c->admin), true, &admin) < 0) {
        conf_bad(b, c->root->at, "administrator: \"%s\" is not a mail address", c->admin);
    }
    for (size_t i = 0; i < c->n_rules; i++) {
        check_rule(b, &c->rules[i]);
    }
    for (size_t i = 0; i < c->n_groups; i++) {
        check_groups(b, c->groups[i].name, &c->groups[i].members);
    }
    conf_check_protection(c, b, bad_protection);
    check_portal(b);
    for (size_t i = 0; i < b->conf->n_oidc; i++) {
        check_oidc(b, &b->conf->oidc[i]);
    }
    if ((c->signing.domain || c->signing.selector || c->signing.key) &&
        !(c->signing.domain && c->signing.selector && c->signing.key)) {
        conf_bad(b, c->root->at, "signing needs all of domain, selector and key");
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
        free(c->rules[i].content.v);
        free(c->rules[i].unread.v);
        free(c->rules[i].attachments.v);
        free(c->rules[i].clients.v);
        free(c->rules[i].logins.v);
    }
    for (size_t i = 0; i < c->n_groups; i++) {
        free(c->groups[i].members.v);
    }
    for (size_t i = 0; i < c->n_listens; i++) {
        free(c->listens[i].addresses.v);
        free(c->listens[i].balancers.v);
    }
    conf_protection_free(c);
    for (size_t i = 0; i < c->n_standards; i++) {
        free(c->standards[i]);
    }
    for (size_t i = 0; i < c->n_owned; i++) {
        free(c->owned[i]);
    }
    free(c->owned);
    free(c->inside_domains.v);
    free(c->inside_networks.v);
    free(c->monitor.domains.v);
    free(c->metrics.addresses.v);
    struct conf_words *portal[] = {&c->portal.addresses, &c->portal.redirects, &c->portal.proxied, &c->portal.proxies, &c->portal.languages};
    for (size_t i = 0; i < ARRAY_LEN(portal); i++) {
        free(portal[i]->v);
    }
    free(c->rules);
    free(c->groups);
    conf_tree_free(c->root);
    free(c->text);
    free(c);
}
