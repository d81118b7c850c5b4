/* SPDX-License-Identifier: Apache-2.0
 * twins.c: rules that say the same as one before them. Called by judge.c.
 *
 * All rules that match are joined, so the second adds nothing. Compared is the canonical text of
 * each setting; what is only alike (the same words in another order) is not found.
 */
#include "conf/judge.h"
#include "conf/schema.h"

enum { SETTING_MAX = 1024 * 1024 };

static bool same_setting(const struct conf_key *key, const struct conf_rule *a,
                         const struct conf_rule *b)
{
    CLEANUP(buf_free) struct buf x = BUF_INIT(SETTING_MAX), y = BUF_INIT(SETTING_MAX);
    return conf_write_value(&x, key, (const char *)a + key->offset) == 0 &&
           conf_write_value(&y, key, (const char *)b + key->offset) == 0 &&
           str_eq(buf_str(&x), buf_str(&y));
}

static bool same_rule(const struct conf_rule *a, const struct conf_rule *b)
{
    bool same = strcmp(a->kind, b->kind) == 0;
    for (size_t i = 0; i < conf_schema_len && same; i++) {
        const struct conf_key *key = &conf_schema[i];
        if (strcmp(key->block, a->kind) == 0 && strcmp(key->name, "line") != 0) {
            same = same_setting(key, a, b);
        }
    }
    return same;
}

/* What costs nothing to compare first: rules are up to CONF_BLOCKS_MAX. */
static bool may_be_same(const struct conf_rule *a, const struct conf_rule *b)
{
    return a->from.n == b->from.n && a->to.n == b->to.n && a->action == b->action &&
           a->content.n == b->content.n && str_eq(str_c(a->header), str_c(b->header)) &&
           (a->to.n == 0 || strcmp(a->to.v[0], b->to.v[0]) == 0) &&
           (a->from.n == 0 || strcmp(a->from.v[0], b->from.v[0]) == 0);
}

void conf_judge_twins(struct judge *j)
{
    const struct conf *c = j->conf;
    for (size_t i = 0; i < c->n_rules; i++) {
        /* behind a final one: said by reach.c */
        for (size_t k = 0; k < i && !c->rules[i].final; k++) {
            if (may_be_same(&c->rules[i], &c->rules[k]) && same_rule(&c->rules[i], &c->rules[k])) {
                conf_warning(j->problems, conf_place_of(c->rules[i].node, NULL),
                             "rule \"%s\" says the same as rule \"%s\" (line %lld) and adds "
                             "nothing. Leave out one of them, or change what was meant to differ",
                             c->rules[i].name, c->rules[k].name, (long long)c->rules[k].line);
                break;
            }
        }
    }
}
