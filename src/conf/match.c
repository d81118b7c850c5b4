/* SPDX-License-Identifier: Apache-2.0
 * match.c: questions about a configuration: which rules and partners are about whom, what is ours. Called
 * by queue, smtpin and postern explain; pure.
 */
#include "conf/conf.h"

/* Octets by which a listed domain covers the name; 0: not at all. */
static size_t covers(const char *listed, struct str domain)
{
    struct str l = str_c(listed);
    if (l.n > 0 && l.p[0] == '.') {
        return domain.n > l.n && str_ends_nocase(domain, l) ? l.n : 0;
    }
    return str_eq_nocase(l, domain) ? SIZE_MAX : 0;
}

const struct conf_rule *conf_partner_for(const struct conf *c, struct str domain)
{
    const struct conf_rule *best = NULL;
    size_t most = 0;
    for (size_t i = 0; i < c->n_rules; i++) {
        for (size_t k = 0; k < c->rules[i].domains.n; k++) {
            size_t n = covers(c->rules[i].domains.v[k], domain);
            if (n > most) {
                most = n;
                best = &c->rules[i];
            }
        }
    }
    return best;
}

struct str conf_domain_of(struct str path)
{
    size_t at = str_find_last(path, '@');
    return at < path.n ? str_slice(path, at + 1, path.n) : STR("");
}

static bool list_has(const struct conf *c, const struct conf_words *list, struct str path, unsigned depth)
{
    for (size_t i = 0; i < list->n; i++) {
        struct str word = str_c(list->v[i]);
        if (str_starts_nocase(word, STR("group:"))) {
            for (size_t k = 0; depth < 8 && k < c->n_groups; k++) {
                if (strcmp(c->groups[k].name, word.p + 6) == 0 && list_has(c, &c->groups[k].members, path, depth + 1)) {
                    return true;
                }
            }
        } else if (word.p[0] == '@' ? covers(word.p + 1, conf_domain_of(path)) > 0 : str_eq_nocase(word, path)) {
            return true;
        }
    }
    return false;
}

bool conf_domain_listed(const struct conf_words *list, struct str domain)
{
    for (size_t i = 0; i < list->n; i++) {
        if (covers(list->v[i], domain) > 0) {
            return true;
        }
    }
    return false;
}

bool conf_rule_from(const struct conf *c, const struct conf_rule *r, struct str reverse_path)
{
    return strcmp(r->kind, "rule") == 0 ? list_has(c, &r->from, reverse_path, 0)
                                        : conf_domain_listed(&r->domains, conf_domain_of(reverse_path));
}

bool conf_rule_matches(const struct conf *c, const struct conf_rule *r, struct str reverse_path, struct str forward_path)
{
    return strcmp(r->kind, "rule") == 0 && (r->from.n == 0 || list_has(c, &r->from, reverse_path, 0)) &&
           (r->to.n == 0 || list_has(c, &r->to, forward_path, 0));
}

bool conf_is_inside(const struct conf *c, struct str domain)
{
    return conf_domain_listed(&c->inside_domains, domain);
}
