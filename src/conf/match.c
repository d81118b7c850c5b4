/* SPDX-License-Identifier: Apache-2.0
 * match.c: questions about a configuration: which rules and partners are about whom, what is
 * ours. Called by queue, smtpin and postern explain; pure but for the clock, which ends
 * memberships.
 */
#include "base/clock.h"
#include "conf/conf.h"
#include "wire/address.h"

#include <arpa/inet.h>
#include <time.h>

/* As domain_covers(), for a word of the configuration: canonical since it was read (values.c). */
static size_t covers(struct str listed, const struct domain_name *d)
{
    struct str domain = domain_str(d);
    if (listed.n > 0 && listed.p[0] == '.') {
        return domain_is_name(*d) && domain.n > listed.n &&
                       memcmp(domain.p + domain.n - listed.n, listed.p, listed.n) == 0
                   ? listed.n
                   : 0;
    }
    return domain.n > 0 && str_eq(listed, domain) ? SIZE_MAX : 0;
}

const struct conf_rule *conf_partner_for(const struct conf *c, struct domain_name domain)
{
    const struct conf_rule *best = NULL;
    size_t most = 0;
    for (size_t i = 0; i < c->n_rules; i++) {
        for (size_t k = 0; k < c->rules[i].domains.n; k++) {
            size_t n = covers(str_c(c->rules[i].domains.v[k]), &domain);
            if (n > most) {
                most = n;
                best = &c->rules[i];
            }
        }
    }
    return best;
}

/* Cuts " until YYYY-MM-DD" off a word. False: that day is over, or is none. */
static bool is_still(struct str *word)
{
    static const char format[] = "YYYY-MM-DD", before[] = " until ";
    size_t tail = sizeof format - 1 + sizeof before - 1;
    if (word->n <= tail || !str_eq(str_slice(*word, word->n - tail, word->n - 10), str_c(before))) {
        return true;
    }
    char today[16];
    time_t now = (time_t)(clock_wall_ms() / 1000);
    struct tm day;
    gmtime_r(&now, &day);
    strftime(today, sizeof today, "%Y-%m-%d", &day);
    struct str until = str_slice(*word, word->n - 10, word->n);
    *word = str_slice(*word, 0, word->n - tail);
    for (size_t i = 0; i < until.n; i++) {
        if ((format[i] == '-') != (until.p[i] == '-') ||
            (until.p[i] != '-' && (until.p[i] < '0' || until.p[i] > '9'))) {
            return false;
        }
    }
    return memcmp(today, until.p, until.n) <= 0;
}

static struct {
    conf_directory_fn fn;
    void *arg;
} directory;

void conf_set_directory(conf_directory_fn fn, void *arg)
{
    directory.fn = fn;
    directory.arg = arg;
}

struct who {
    struct str path, login, certificate;
    struct domain_name domain;
    struct address_key key;
};

/* Names of logins and certificates are addresses, domains, or other words. */
static bool match_name_same(struct str a, struct str b)
{
    struct domain_name x, y;
    bool domains =
        str_find(a, '@', 0) == a.n && domain_parse(a, &x) == 0 && domain_parse(b, &y) == 0;
    return domains ? domain_eq(x, y) : address_same(a, b);
}

/* The word of the list is canonical but for the letters of its local part, and its quotes. */
static bool match_is_address(struct str word, const struct who *who)
{
    struct str key = str_c(who->key.text);
    return word.n > 0 && word.p[0] == '"' ? address_same(word, key) : str_eq_nocase(word, key);
}

static bool list_has(const struct conf *c, const struct conf_words *list, const struct who *who,
                     unsigned depth)
{
    for (size_t i = 0; i < list->n; i++) {
        struct str word = str_c(list->v[i]);
        if (!is_still(&word)) {
            continue;
        }
        if (str_starts_nocase(word, STR("group:"))) {
            for (size_t k = 0; depth < 8 && k < c->n_groups; k++) {
                if (str_eq(str_c(c->groups[k].name), str_slice(word, 6, word.n)) &&
                    list_has(c, &c->groups[k].members, who, depth + 1)) {
                    return true;
                }
            }
        } else if (str_starts_nocase(word, STR("ldap:"))) {
            if (!directory.fn ||
                directory.fn(directory.arg, str_slice(word, 5, word.n), who->path)) {
                return true;
            }
        } else if (str_starts_nocase(word, STR("cert:"))) {
            struct str rest = who->certificate, one;
            while (rest.n > 0 && str_split(&rest, ' ', &one)) {
                if (match_name_same(str_slice(word, 5, word.n), one)) {
                    return true;
                }
            }
        } else if (str_starts_nocase(word, STR("login:"))) {
            if (who->login.n > 0 && match_name_same(str_slice(word, 6, word.n), who->login)) {
                return true;
            }
        } else if (word.p[0] == '@' ? covers(str_slice(word, 1, word.n), &who->domain) > 0
                                    : match_is_address(word, who)) {
            return true;
        }
    }
    return false;
}

bool conf_networks_are_everybody(const struct conf_words *networks)
{
    bool half[2][2] = {{false}}; /* by family, and by the first bit */
    for (size_t i = 0; i < networks->n; i++) {
        struct address_net net;
        if (address_net_parse(str_c(networks->v[i]), &net) == 0 && net.prefix <= 1) {
            half[net.is_v6][net.bits[0] >> 7] = true;
            half[net.is_v6][1] |= net.prefix == 0;
        }
    }
    return (half[0][0] && half[0][1]) || (half[1][0] && half[1][1]);
}

bool conf_flags_count_in(const struct conf *c, const char *place)
{
    for (size_t i = 0; i < c->flags.in.n && !conf_flags_are_off(c); i++) {
        if (strcmp(c->flags.in.v[i], place) == 0) {
            return true;
        }
    }
    return false;
}

bool conf_flags_have_words(const struct conf *c)
{
    return conf_flags_count_in(c, "subject") || conf_flags_count_in(c, "body");
}

bool conf_flags_are_off(const struct conf *c)
{
    return c->flags.labels.n == 0 && c->flags.in.n > 0 && strcmp(c->flags.in.v[0], "none") == 0;
}

static bool match_asks_directory(const struct conf *c, const struct conf_words *list,
                                 unsigned depth)
{
    for (size_t i = 0; i < list->n; i++) {
        struct str word = str_c(list->v[i]);
        if (str_starts_nocase(word, STR("ldap:"))) {
            return true;
        }
        for (size_t k = 0; depth < 8 && str_starts_nocase(word, STR("group:")) && k < c->n_groups;
             k++) {
            if (str_eq(str_c(c->groups[k].name), str_slice(word, 6, word.n)) &&
                match_asks_directory(c, &c->groups[k].members, depth + 1)) {
                return true;
            }
        }
    }
    return false;
}

bool conf_list_asks_directory(const struct conf *c, const struct conf_words *list)
{
    return match_asks_directory(c, list, 0);
}

bool conf_list_has(const struct conf *c, const struct conf_words *list, struct str address,
                   struct str login, struct str certificate)
{
    const struct who who = {
        .path = address,
        .login = login,
        .certificate = certificate,
        .domain = domain_of(address),
        .key = address_key(address),
    };
    return list_has(c, list, &who, 0);
}

bool conf_domain_listed(const struct conf_words *list, struct domain_name domain)
{
    for (size_t i = 0; i < list->n; i++) {
        if (covers(str_c(list->v[i]), &domain) > 0) {
            return true;
        }
    }
    return false;
}

bool conf_rule_from(const struct conf *c, const struct conf_rule *r, struct str reverse_path)
{
    return strcmp(r->kind, "rule") == 0 ? conf_list_has(c, &r->from, reverse_path, STR(""), STR(""))
                                        : conf_domain_listed(&r->domains, domain_of(reverse_path));
}

bool conf_rule_matches(const struct conf *c, const struct conf_rule *r, struct str reverse_path,
                       struct str forward_path)
{
    return strcmp(r->kind, "rule") == 0 &&
           (r->from.n == 0 || conf_list_has(c, &r->from, reverse_path, STR(""), STR(""))) &&
           (r->to.n == 0 || conf_list_has(c, &r->to, forward_path, STR(""), STR("")));
}

bool conf_rule_is_conditional(const struct conf_rule *r)
{
    return r->direction || r->flag || r->content.n || r->unread.n || r->attachments.n ||
           r->header || r->clients.n || r->logins.n || r->size_over > 0 ||
           r->mode == CONF_REPORT_ONLY;
}

bool conf_is_inside(const struct conf *c, struct domain_name domain)
{
    return conf_domain_listed(&c->inside_domains, domain);
}

static bool is_loopback_host(struct str host)
{
    char text[INET_ADDRSTRLEN];
    struct in_addr v4;
    str_copy_cut(host, text, sizeof text);
    /* 127.example.org is a name */
    bool is_v4 = host.n < sizeof text && str_starts_nocase(host, STR("127.")) &&
                 inet_pton(AF_INET, text, &v4) == 1;
    return is_v4 || str_eq(host, STR("::1")) || str_eq_nocase(host, STR("localhost"));
}

struct str conf_target_host(const char *target)
{
    struct str host = str_c(target);
    size_t colon = str_find(host, ':', 0);
    if (host.n > 0 && host.p[0] == '[') {
        host = str_slice(host, 1, str_find(host, ']', 0));
    } else if (colon < host.n && str_find_last(host, ':') == colon) {
        host = str_slice(host, 0, colon);
    }
    return host;
}

uint16_t conf_target_port(const char *target)
{
    struct str host = conf_target_host(target);
    const char *end = host.p + host.n + (*target == '['); /* of "]:port" */
    uint64_t port = 25;
    if (*end == ':') {
        (void)!str_to_u64(str_c(end + 1), 65535, &port);
    }
    return (uint16_t)port;
}

bool conf_target_is_loopback(const char *target)
{
    return is_loopback_host(conf_target_host(target));
}

int conf_deliver_force(const struct conf *c)
{
    enum { FORCE_NO = 0, FORCE_CERTIFICATE = 2 };
    if (c->deliver_to_tls != CONF_TLS_AUTO) {
        return c->deliver_to_tls;
    }
    return c->deliver_to && conf_target_is_loopback(c->deliver_to) ? FORCE_NO : FORCE_CERTIFICATE;
}
