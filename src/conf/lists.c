/* SPDX-License-Identifier: Apache-2.0
 * lists.c: the lists of all blocks, word by word: one that stands twice, one that can mean nothing
 * where it stands, a member whose day is over. Called by judge.c.
 *
 * What can go wrong: two spellings of one word; they are compared in the form in which they are
 * kept (schema.h, canonical).
 */
#include "conf/bind.h"
#include "conf/judge.h"
#include "conf/schema.h"
#include "wire/address.h"

#include <string.h>
#include <time.h>

static const struct conf_key *lists_key_of(const char *block, const char *name)
{
    for (size_t i = 0; i < conf_schema_len; i++) {
        if (strcmp(conf_schema[i].block, block) == 0 && strcmp(conf_schema[i].name, name) == 0) {
            return &conf_schema[i];
        }
    }
    return NULL;
}

static bool lists_is_date(struct str day)
{
    struct tm tm = {0};
    char text[16], again[16];
    str_copy_cut(day, text, sizeof text);
    const char *end = strptime(text, "%Y-%m-%d", &tm);
    strftime(again, sizeof again, "%Y-%m-%d", &tm);
    tm.tm_hour = 12;
    struct tm same = tm;
    return end && !*end && timegm(&same) != -1 && same.tm_mday == tm.tm_mday &&
           str_eq(str_c(again), day);
}

/* "... until DAY" of a member. */
static void judge_until(struct judge *j, const struct conf_word *w)
{
    const char *until = strstr(w->text, " until ");
    char today[16];
    time_t now = time(NULL);
    struct tm tm;
    if (!until) {
        return;
    }
    gmtime_r(&now, &tm);
    strftime(today, sizeof today, "%Y-%m-%d", &tm);
    if (!lists_is_date(str_c(until + 7))) {
        judge_bad(j, w->at, "\"%s\": \"%s\" is not a day. Write it as YYYY-MM-DD", w->text,
                  until + 7);
    } else if (strcmp(until + 7, today) < 0) {
        conf_warning(j->problems, w->at,
                     "\"%s\": that day is over, this member does not count any more. Leave it out",
                     w->text);
    }
}

/* In the form in which they are compared: a domain may be written in U-labels and in A-labels. */
static bool same_word(const struct conf_key *key, const char *a, const char *b)
{
    int (*canonical)(struct str, char *, size_t) = conf_kinds[key->type].canonical;
    char x[CONF_VALUE_MAX], y[CONF_VALUE_MAX];
    return str_eq_nocase(str_c(a), str_c(b)) ||
           (canonical && canonical(str_c(a), x, sizeof x) == 0 &&
            canonical(str_c(b), y, sizeof y) == 0 && str_eq_nocase(str_c(x), str_c(y)));
}

static void judge_twice(struct judge *j, const struct conf_node *n, const struct conf_key *key,
                        size_t at)
{
    const char *word = n->words[at].text;
    for (size_t k = 1; k < at; k++) {
        const char *other = n->words[k].text;
        if (str_eq_nocase(str_c(word), str_c(other))) {
            judge_bad(j, n->words[at].at, "%s: \"%s\" stands twice. Leave one out", key->name,
                      word);
            return;
        }
        if (same_word(key, word, other)) {
            judge_bad(j, n->words[at].at, "%s: \"%s\" and \"%s\" are the same. Leave one out",
                      key->name, other, word);
            return;
        }
    }
}

/* A list of domains with a word that is none of what it is compared with. */
static void judge_domain_word(struct judge *j, const struct conf_word *w,
                              const struct conf_key *key)
{
    unsigned char octets[16];
    if (address_ip_octets(str_c(w->text), octets) > 0 && strcmp(key->name, "inbound-helo") != 0) {
        judge_bad(j, w->at, "%s: %s is an address, and names of domains are compared. Write a name",
                  key->name, w->text);
    } else if (strcmp(key->block, "monitor") == 0 && w->text[0] == '.') {
        judge_bad(j, w->at,
                  "%s: %s means all domains below it, and none of them can be asked by that. Name "
                  "each domain",
                  key->name, w->text);
    }
}

static void judge_words(struct judge *j, const struct conf_node *n, const struct conf_key *key)
{
    for (size_t i = 1; i < n->n_words; i++) {
        judge_twice(j, n, key, i);
        if (key->type == CONF_DOMAINS) {
            judge_domain_word(j, &n->words[i], key);
        }
        if (key->type == CONF_MATCHES) {
            judge_until(j, &n->words[i]);
        }
    }
}

/* Every list of every block. */
static void judge_lists(struct judge *j, const struct conf_node *block, const char *name,
                        unsigned depth)
{
    for (const struct conf_node *n = NULL; depth < 3 && (n = conf_node_find(block, NULL, n));) {
        const struct conf_key *key = lists_key_of(name, n->words[0].text);
        if (key && key->type != CONF_BLOCK && conf_kinds[key->type].field == CONF_FIELD_WORDS) {
            judge_words(j, n, key);
        }
        if (n->has_block) {
            char inner[64];
            snprintf(inner, sizeof inner, "%s%s%s", key && key->type == CONF_BLOCK ? "" : name,
                     *name && key && key->type != CONF_BLOCK ? "/" : "", n->words[0].text);
            judge_lists(j, n, inner, depth + 1);
        }
    }
}

void conf_judge_lists(struct judge *j)
{
    judge_lists(j, j->conf->root, "", 0);
}
