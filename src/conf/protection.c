/* SPDX-License-Identifier: Apache-2.0
 * protection.c: the blocks that say what a message needs (flags, content, account, ladder,
 * group, rule): whether they fit one another, and the small questions about them. Called by
 * conf.c, policy/, smtpin, queue and inspect; pure.
 *
 * What can go wrong: a name that nothing has, a word that is none; each is told with the line of
 * its block.
 */
#include "conf/schema.h"
#include "wire/address.h"

#include <stdio.h>
#include <stdlib.h>

struct check {
    const struct conf *conf;
    void *arg;
    void (*bad)(void *arg, struct conf_place at, const char *text);
};

static void protection_bad(const struct check *k, struct conf_place at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void protection_bad(const struct check *k, struct conf_place at, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    k->bad(k->arg, at, text);
}

const struct conf_forward *conf_forward_of(const struct conf *c, struct str address)
{
    for (size_t i = 0; i < c->n_forwards; i++) {
        if (address_same(str_c(c->forwards[i].name), address)) {
            return &c->forwards[i];
        }
    }
    return NULL;
}

const struct conf_ladder *conf_ladder_named(const struct conf *c, const char *name)
{
    for (size_t i = 0; name && i < c->n_ladders; i++) {
        if (strcmp(c->ladders[i].name, name) == 0) {
            return &c->ladders[i];
        }
    }
    return NULL;
}

bool conf_channel_parse(struct str word, struct str *ret_name, int64_t *ret_patience_ms)
{
    static const struct {
        char unit;
        int64_t ms;
    } units[] = {{'s', 1000}, {'m', 60 * 1000}, {'h', 60 * 60 * 1000}, {'d', 24 * 60 * 60 * 1000}};
    size_t colon = str_find(word, ':', 0);
    uint64_t number;
    *ret_name = str_slice(word, 0, colon);
    *ret_patience_ms = 0;
    if (colon < word.n) {
        struct str time = str_slice(word, colon + 1, word.n);
        bool known = false;
        for (size_t i = 0; i < ARRAY_LEN(units) && time.n > 1 && !known; i++) {
            if (time.p[time.n - 1] == units[i].unit &&
                str_to_u64(str_slice(time, 0, time.n - 1), 100000, &number) == 0) {
                *ret_patience_ms = (int64_t)number * units[i].ms;
                known = true;
            }
        }
        return known && str_eq(*ret_name, STR("tls"));
    }
    return str_eq(word, STR("tls")) || str_eq(word, STR("portal")) || str_eq(word, STR("hold")) ||
           str_eq(word, STR("drop"));
}

bool conf_net_listed(const struct conf_words *networks, struct str ip)
{
    struct address_net net;
    for (size_t i = 0; i < networks->n; i++) {
        if (address_net_parse(str_c(networks->v[i]), &net) == 0 && address_net_has(&net, ip)) {
            return true;
        }
    }
    return false;
}

static bool protection_is_one_of(const char *word, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(word, list[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void check_words(const struct check *k, const struct conf_node *block, const char *what,
                        const struct conf_words *words, const char *const *list, size_t n)
{
    CLEANUP(buf_free) struct buf all = BUF_INIT(1024);
    for (size_t i = 0; i < n; i++) {
        (void)!buf_printf(&all, "%s%s", i ? ", " : "", list[i]);
    }
    for (size_t i = 0; i < words->n; i++) {
        if (!protection_is_one_of(words->v[i], list, n)) {
            protection_bad(k, conf_place_of(block, what), "%s: \"%s\" is not one of " STR_FMT, what,
                           words->v[i], STR_ARG(buf_str(&all)));
        }
    }
}

static void check_ladder_name(const struct check *k, const struct conf_node *block,
                              const char *name)
{
    if (name && !conf_ladder_named(k->conf, name)) {
        protection_bad(k, conf_place_of(block, "ladder"), "there is no ladder \"%s\"", name);
    }
}

static void check_account(const struct check *k, const struct conf_account *a)
{
    static const char *const settings[] = {"secure-from", "protect", "flags", "ladder"};
    const struct conf *c = k->conf;
    struct address address;
    bool known = strncmp(a->name, "group:", 6) != 0;
    for (size_t i = 0; i < c->n_groups; i++) {
        known |= strcmp(a->name + 6, c->groups[i].name) == 0;
    }
    if (!known) {
        protection_bad(k, conf_place_of(a->node, NULL), "account: there is no group \"%s\"",
                       a->name + 6);
    } else if (strcmp(a->name, "default") != 0 && a->name[0] != '@' &&
               strncmp(a->name, "group:", 6) != 0 &&
               address_mailbox(str_c(a->name), true, &address) < 0) {
        protection_bad(k, conf_place_of(a->node, NULL),
                       "account: \"%s\" is not default, @domain, group:NAME or an address",
                       a->name);
    }
    const struct conf_words self = {(const char **)(uintptr_t)&a->name, 1};
    if (conf_list_asks_directory(c, &self)) {
        protection_bad(k, conf_place_of(a->node, NULL),
                       "account \"%s\": cannot depend on a group of the directory: while it could "
                       "not be read everyone would get these settings",
                       a->name);
    }
    check_words(k, a->node, "locked", &a->locked, settings, ARRAY_LEN(settings));
    check_ladder_name(k, a->node, a->ladder);
}

/* RFC 5322 3.6.8: field-name = 1*ftext. */
static bool is_field_name(struct str name)
{
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] <= ' ' || name.p[i] > '~' || name.p[i] == ':') {
            return false;
        }
    }
    return name.n > 0;
}

static void check_header(const struct check *k, const struct conf_rule *r)
{
    const char *colon = r->header ? strchr(r->header, ':') : NULL;
    if (!r->header) {
        return;
    }
    if (!colon) {
        protection_bad(k, conf_place_of(r->node, "header"),
                       "rule \"%s\": header is written \"Name: text\" or \"Name:\"", r->name);
    } else if (!is_field_name(str_trim(str_from(r->header, (size_t)(colon - r->header))))) {
        protection_bad(k, conf_place_of(r->node, "header"),
                       "rule \"%s\": header \"%s\" never matches: before the colon stands no name "
                       "of a field (RFC 5322 3.6.8). Write it with letters, digits and hyphens",
                       r->name, r->header);
    }
}

static void protection_check_rule(const struct check *k, const struct conf_rule *r)
{
    static const char *const unread[] = {
        "any",     "password", "image",    "media",   "unknown", "damaged",
        "limit",   "partial",  "opaque",   "field",   "header",  "boundary",
        "outside", "footer",   "encoding", "charset", "crash",
    };
    const struct conf *c = k->conf;
    for (size_t i = 0; i < r->content.n; i++) {
        bool known = false;
        for (size_t n = 0; n < c->n_contents; n++) {
            known |= strcmp(c->contents[n].name, r->content.v[i]) == 0;
        }
        if (!known) {
            protection_bad(k, conf_place_of(r->node, "content"),
                           "rule \"%s\": there is no content \"%s\"", r->name, r->content.v[i]);
        }
    }
    if (r->inbound != 0 && conf_list_asks_directory(c, &r->from)) {
        protection_bad(k, conf_place_of(r->node, "from"),
                       "rule \"%s\": \"inbound require\" cannot depend on a group of the directory",
                       r->name);
    }
    if (r->final &&
        (conf_list_asks_directory(c, &r->from) || conf_list_asks_directory(c, &r->to))) {
        protection_bad(k, conf_place_of(r->node, "final"),
                       "rule \"%s\": \"final\" cannot depend on a group of the directory: while it "
                       "could not be read no other rule would count",
                       r->name);
    }
    check_words(k, r->node, "unread", &r->unread, unread, ARRAY_LEN(unread));
    check_ladder_name(k, r->node, r->ladder);
    check_header(k, r);
    if (r->tag && strpbrk(r->tag, "\r\n")) {
        protection_bad(k, conf_place_of(r->node, "tag"), "rule \"%s\": a tag is one line", r->name);
    }
    if (r->inbound != 0 && (r->content.n > 0 || r->unread.n > 0 || r->flag || r->header ||
                            r->attachments.n > 0 || r->size_over > 0)) {
        protection_bad(k, conf_place_of(r->node, "inbound"),
                       "rule \"%s\": \"inbound require\" is decided before the message comes: it "
                       "cannot depend on what is in it",
                       r->name);
    }
}

static void check_ladder(const struct check *k, const struct conf_ladder *l)
{
    struct str name;
    int64_t patience;
    for (size_t i = 0; i < l->channels.n; i++) {
        bool is_last = i + 1 == l->channels.n;
        (void)!conf_channel_parse(str_c(l->channels.v[i]), &name, &patience);
        bool portal = str_eq(name, STR("portal"));
        if (portal && !k->conf->portal.url) {
            protection_bad(k, conf_place_of(l->node, NULL),
                           "ladder \"%s\": there is no portal block", l->name);
        }
        if (!is_last && (portal || str_eq(name, STR("hold")) || str_eq(name, STR("drop")))) {
            protection_bad(k, conf_place_of(l->node, NULL),
                           "ladder \"%s\": nothing comes after \"%s\"", l->name, l->channels.v[i]);
        }
    }
}

static void check_forward(const struct check *k, const struct conf_forward *f)
{
    struct address address;
    if (address_mailbox(str_c(f->name), true, &address) < 0 ||
        !conf_is_inside(k->conf, domain_of(address.whole))) {
        protection_bad(k, conf_place_of(f->node, NULL),
                       "forward: \"%s\" is not an address in a domain of ours", f->name);
    }
    for (size_t i = 0; i < f->to.n; i++) {
        if (address_mailbox(str_c(f->to.v[i]), true, &address) < 0 ||
            conf_is_inside(k->conf, domain_of(address.whole))) {
            protection_bad(k, conf_place_of(f->node, NULL),
                           "forward \"%s\": \"%s\" is not an address in another domain", f->name,
                           f->to.v[i]);
        }
    }
}

void conf_check_protection(const struct conf *c, void *arg,
                           void (*told)(void *arg, struct conf_place at, const char *text))
{
    static const char *const places[] = {"subject", "body", "header", "none"};
    const struct check k = {c, arg, told};
    check_words(&k, conf_node_find(c->root, "flags", NULL), "in", &c->flags.in, places,
                ARRAY_LEN(places));
    for (size_t i = 0; i < c->n_accounts_of; i++) {
        check_account(&k, &c->accounts_of[i]);
    }
    for (size_t i = 0; i < c->n_rules; i++) {
        protection_check_rule(&k, &c->rules[i]);
    }
    for (size_t i = 0; i < c->n_groups; i++) {
        if (!c->directory.url && conf_list_asks_directory(c, &c->groups[i].members)) {
            protection_bad(&k, conf_place_of(c->groups[i].node, "members"),
                           "group \"%s\": ldap: needs a directory block", c->groups[i].name);
        }
    }
    for (size_t i = 0; i < c->n_forwards; i++) {
        check_forward(&k, &c->forwards[i]);
    }
    for (size_t i = 0; i < c->n_ladders; i++) {
        check_ladder(&k, &c->ladders[i]);
    }
}

void conf_protection_free(struct conf *c)
{
    for (size_t i = 0; i < c->n_contents; i++) {
        free(c->contents[i].packs.v);
    }
    for (size_t i = 0; i < c->n_accounts_of; i++) {
        free(c->accounts_of[i].locked.v);
    }
    for (size_t i = 0; i < c->n_forwards; i++) {
        free(c->forwards[i].to.v);
    }
    free(c->forwards);
    free(c->oidc);
    for (size_t i = 0; i < c->n_ladders; i++) {
        free(c->ladders[i].channels.v);
    }
    free(c->contents);
    free(c->accounts_of);
    free(c->ladders);
    free(c->flags.in.v);
    free(c->flags.words.v);
    free(c->flags.labels.v);
}
