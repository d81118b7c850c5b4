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

/* --- blocks ------------------------------------------------------------- */

static const struct conf_key *conf_find_key(const char *block, const char *name)
{
    for (size_t i = 0; i < conf_schema_len; i++) {
        if (strcmp(conf_schema[i].block, block) == 0 && strcmp(conf_schema[i].name, name) == 0) {
            return &conf_schema[i];
        }
    }
    return NULL;
}

/* Habits from other programs' files, by what such a word begins with or holds. */
static const char *word_hint(const char *word)
{
    return strncmp(word, "//", 2) == 0 || strncmp(word, "/*", 2) == 0 ||
                   strncmp(word, "--", 2) == 0 || strcmp(word, "!") == 0
               ? "Comments begin with #"
           : word[0] == '['    ? "There are no sections: a block is written NAME { ... }"
           : strchr(word, '=') ? "A setting is written NAME VALUE; without ="
           : *word && word[strlen(word) - 1] == ':'
               ? "A setting is written NAME VALUE; without a colon"
               : NULL;
}

/* The setting of another block that has this name, so that somebody who put it in the wrong place
 * is told; NULL: none or several. */
static const char *other_block(const char *block, const char *name)
{
    const char *found = NULL;
    for (size_t i = 0; i < conf_schema_len; i++) {
        if (strcmp(conf_schema[i].name, name) == 0 && strcmp(conf_schema[i].block, block) != 0) {
            if (found) {
                return NULL;
            }
            found = conf_schema[i].block;
        }
    }
    return found;
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
    const char *comment = word_hint(word->text);
    if (comment) {
        return conf_bad(b, word->at, "unknown setting \"%s\". %s", word->text, comment);
    }
    if (r == 0 && !other_block(block, word->text) &&
        conf_nearest(names.p, str_c(word->text), near, sizeof near)) {
        return conf_bad(b, word->at, "unknown setting \"%s\". Did you mean \"%s\"?", word->text,
                        near);
    }
    const char *other = other_block(block, word->text);
    if (other) {
        return conf_bad(b, word->at, "unknown setting \"%s\"%s%s. It belongs %s%s", word->text,
                        *block ? " in " : "", block,
                        *other ? "into the block " : "outside of all blocks", other);
    }
    return conf_bad(b, word->at, "unknown setting \"%s\"%s%s", word->text, *block ? " in " : "",
                    block);
}

/* The words of a list's default; they live with the conf. */
static size_t split_standard(struct conf *c, const char *standard, struct conf_word *words,
                             size_t max)
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

static struct conf_rule *conf_open_rule(struct binder *b, const struct conf_node *n,
                                        const char *kind)
{
    struct conf *c = b->conf;
    if (c->n_rules >= CONF_BLOCKS_MAX) {
        conf_bad(b, n->at, "more than %d partner and rule blocks", CONF_BLOCKS_MAX);
        return NULL;
    }
    c->rules = realloc(c->rules, (c->n_rules + 1) * sizeof *c->rules);
    must(c->rules);
    struct conf_rule *r = &c->rules[c->n_rules++];
    *r = (struct conf_rule){.kind = kind, .name = n->words[1].text, .line = n->at.line, .node = n};
    apply_defaults(b, kind, r);
    return r;
}

/* One more of an array of blocks, whose structs all begin with `const char *name; int64_t line;
 * const struct conf_node *node;`. */
static void *open_one(struct binder *b, const struct conf_node *n, const char *block, void *array,
                      size_t *count, size_t size)
{
    struct named {
        const char *name;
        int64_t line;
        const struct conf_node *node;
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
    *(struct named *)(void *)one = (struct named){name, n->at.line, n};
    apply_defaults(b, block, one);
    return one;
}

static struct conf_listen *open_listen(struct binder *b, const struct conf_node *n)
{
    static const char kinds[] = "smtp submission submissions";
    struct conf *c = b->conf;
    int kind = conf_choice(kinds, str_c(n->words[1].text));
    if (c->n_listens >= CONF_LISTENS_MAX || kind < 0) {
        if (kind < 0) {
            conf_not_one_of(b, n->words[1].at, "listen", n->words[1].text, kinds);
        } else {
            conf_bad(b, n->words[1].at, "more than %d listen blocks", CONF_LISTENS_MAX);
        }
        return NULL;
    }
    c->listens[c->n_listens] = (struct conf_listen){
        .label = n->words[1].text,
        .kind = (enum conf_listen_kind)kind,
        .node = n,
    };
    apply_defaults(b, "listen", &c->listens[c->n_listens]);
    return &c->listens[c->n_listens++];
}

static struct conf_certificate *conf_open_own(struct binder *b, const struct conf_node *n)
{
    struct conf *c = b->conf;
    if (c->n_own >= CONF_CERTIFICATES_MAX) {
        conf_bad(b, n->at, "more than %d certificate blocks", CONF_CERTIFICATES_MAX);
        return NULL;
    }
    c->own[c->n_own] = (struct conf_certificate){.node = n};
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
        conf_bad(b, n->words[1].at, "the name of a client-certificate is longer than %d octets",
                 CONF_LABEL_MAX);
        return NULL;
    }
    c->certificates[c->n_certificates] =
        (struct conf_client_certificate){.name = n->words[1].text, .node = n};
    return &c->certificates[c->n_certificates++];
}

/* A block's own struct: repeated blocks have one each, the others are part of struct conf. */
static void *open_block(struct binder *b, const struct conf_node *n, const struct conf_key *key)
{
    return strcmp(key->name, "partner") == 0 || strcmp(key->name, "rule") == 0
               ? (void *)conf_open_rule(b, n, key->name)
           : strcmp(key->name, "group") == 0 ? open_one(b, n, "group", &b->conf->groups,
                                                        &b->conf->n_groups, sizeof *b->conf->groups)
           : strcmp(key->name, "content") == 0
               ? open_one(b, n, "content", &b->conf->contents, &b->conf->n_contents,
                          sizeof *b->conf->contents)
           : strcmp(key->name, "account") == 0
               ? open_one(b, n, "account", &b->conf->accounts_of, &b->conf->n_accounts_of,
                          sizeof *b->conf->accounts_of)
           : strcmp(key->name, "forward") == 0
               ? open_one(b, n, "forward", &b->conf->forwards, &b->conf->n_forwards,
                          sizeof *b->conf->forwards)
           : strcmp(key->name, "oidc") == 0
               ? open_one(b, n, "oidc", &b->conf->oidc, &b->conf->n_oidc, sizeof *b->conf->oidc)
           : strcmp(key->name, "ladder") == 0
               ? open_one(b, n, "ladder", &b->conf->ladders, &b->conf->n_ladders,
                          sizeof *b->conf->ladders)
           : strcmp(key->name, "listen") == 0             ? (void *)open_listen(b, n)
           : strcmp(key->name, "certificate") == 0        ? (void *)conf_open_own(b, n)
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

/* A word that begins a later line and is a setting: the ; of the line before is missing. */
static bool lacks_semicolon(struct binder *b, const struct conf_node *n, const char *block)
{
    for (size_t i = 1; i < n->n_words; i++) {
        const struct conf_word *last = &n->words[i - 1];
        if (n->words[i].at.line > last->at.line && conf_find_key(block, n->words[i].text)) {
            if (n->hash.line > 0) {
                conf_bad(b, n->hash,
                         "%s: this # begins a comment. Write the colour in quotes: \"#0b5394\"",
                         n->words[0].text);
                return true;
            }
            conf_bad(b, (struct conf_place){last->at.file, last->at.line, last->end},
                     "a ; is missing behind \"%s\"", last->text);
            return true;
        }
    }
    return false;
}

static void bind_block_statement(struct binder *b, const struct conf_node *n,
                                 const struct conf_key *key)
{
    if (!n->has_block || n->n_words != (key->label ? 2u : 1u)) {
        conf_bad(b, n->at, "%s is a block: write %s%s%s { ... }%s", key->name, key->name,
                 key->label ? " " : "", key->label ? key->label : "",
                 key->label && n->n_words > 2 ? ". A label with blanks stands in quotes" : "");
        return;
    }
    if (key->label && str_trim(str_c(n->words[1].text)).n == 0) {
        conf_bad(b, n->words[1].at,
                 "%s \"\" has no label, by which reports and other blocks name it. Write %s",
                 key->name, key->label);
        return;
    }
    if (key->label && conf_check_utf8(b, n->words[1].at, key->name, n->words[1].text) < 0) {
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
            char all[512];
            conf_bad(b, words[0].at, "write: %s require GRADE; the grade is one of %s", key->name,
                     conf_listed(key->choices, all));
            return;
        }
        words++;
        n_words--;
    }
    if (n_words == 0) {
        conf_bad(b, n->at, "%s needs a value", key->name);
        return;
    }
    if (words[0].text[0] == '=' || (words[0].text[0] == ':' && !words[0].text[1])) {
        conf_bad(b, words[0].at,
                 "%s: \"%s\" is not a value. A setting is written NAME VALUE; without = or :",
                 key->name, words[0].text);
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
        const struct conf_key *key = conf_find_key(t->block, n->words[0].text);
        if (!key) {
            unknown_key(b, t->block, &n->words[0]);
            continue;
        }
        bool *seen = &t->seen[key - conf_schema];
        if (*seen && !key->repeated) {
            conf_bad(b, n->at, "\"%s\" is set twice%s", key->name,
                     key->type == CONF_BLOCK ? ". Write one block with all its settings" : "");
            continue;
        }
        *seen = true;
        if (lacks_semicolon(b, n, t->block)) {
            continue;
        }
        if (key->type == CONF_BLOCK) {
            bind_block_statement(b, n, key);
        } else {
            bind_setting(b, n, key, t);
        }
    }
}

static bool conf_is_repeated(const char *block)
{
    for (size_t i = 0; i < conf_schema_len; i++) {
        if (conf_schema[i].repeated && strcmp(conf_schema[i].name, block) == 0) {
            return true;
        }
    }
    return false;
}

static int conf_parse_files(struct str text, const char *file, conf_read_fn read,
                            struct buf *problems, struct conf **ret)
{
    struct conf *c = err_calloc(1, sizeof *c);
    struct binder b = {.conf = c, .problems = problems};
    int r = conf_tree_parse(text, file, read, problems, &c->root);
    if (r < 0) {
        conf_free(c);
        return r;
    }
    conf_rename(c->root, problems);
    for (size_t i = 0; i < conf_schema_len; i++) {
        const char *block = conf_schema[i].block;
        if ((i == 0 || strcmp(block, conf_schema[i - 1].block) != 0) && !conf_is_repeated(block)) {
            apply_defaults(&b, block, c);
        }
    }
    bind_block(&b, c->root, "", c);
    if (b.result == 0) {
        conf_check(&b);
    }
    conf_findings_sort(problems);
    if (b.result < 0) {
        conf_free(c);
        return b.result;
    }
    *ret = c;
    return 0;
}

int conf_parse(struct str text, const char *file, struct buf *problems, struct conf **ret)
{
    return conf_parse_files(text, file, NULL, problems, ret);
}

int conf_load(const char *path, struct buf *problems, struct conf **ret)
{
    CLEANUP(buf_free) struct buf text = BUF_INIT(CONF_TEXT_MAX);
    int r = file_read(path, &text);
    if (r < 0) {
        r = buf_printf(problems, "%s:0:0: cannot be read: %s\n", path, strerror(-r)) < 0 ? -ENOSPC
                                                                                         : r;
        return r;
    }
    return conf_parse_files(buf_str(&text), path, file_read, problems, ret);
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
        free(c->rules[i].avoid.v);
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
    free(c->inside_devices.v);
    free(c->monitor.domains.v);
    free(c->metrics.addresses.v);
    struct conf_words *portal[] = {
        &c->portal.addresses, &c->portal.redirects, &c->portal.proxied,
        &c->portal.proxies,   &c->portal.languages,
    };
    for (size_t i = 0; i < ARRAY_LEN(portal); i++) {
        free(portal[i]->v);
    }
    free(c->rules);
    free(c->groups);
    conf_tree_free(c->root);
    free(c->text);
    free(c);
}
