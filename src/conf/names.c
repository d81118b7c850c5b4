/* SPDX-License-Identifier: Apache-2.0
 * names.c: names by which others know us, and which they compare: the hostname in EHLO, the
 * inside domains, the domain and selector of signatures, the address of the administrator.
 * Called by judge.c.
 *
 * What can go wrong: what is no name at all is an error, what is only known inside a house a
 * warning.
 */
#include "conf/judge.h"
#include "wire/domain.h"

#include <string.h>

/* RFC 952 and RFC 1123 2.1: letters, digits and hyphens, none of these at an end of a label. */
static bool is_host_name(struct str name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool alone = i == 0 || name.p[i - 1] == '.' || i + 1 == name.n || name.p[i + 1] == '.';
        bool other = (unsigned char)c >= 128; /* a U-label: said in its A-label */
        bool plain =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.';
        if (!plain && !other && (c != '-' || alone)) {
            return false;
        }
    }
    return true;
}

/* Names that no server outside can look up: RFC 6762, RFC 8375, and what routers and containers
 * make up. */
static bool is_of_a_house(struct str name)
{
    static const char *const ends[] = {
        ".local", ".lan",      ".localdomain", ".internal", ".home.arpa",
        ".home",  ".intranet", ".lxd",         ".docker",
    };
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        if (str_ends_nocase(name, str_c(ends[i]))) {
            return true;
        }
    }
    return false;
}

static void judge_hostname(struct judge *j)
{
    struct conf_place at = conf_place_of(j->conf->root, "hostname");
    struct str name = str_c(j->conf->hostname);
    if (!is_host_name(name)) {
        judge_bad(j, at,
                  "hostname %s: other servers refuse such a name in EHLO (RFC 1123 2.1). Write "
                  "letters, digits and hyphens",
                  name.p);
    } else if (is_of_a_house(name)) {
        conf_warning(j->problems, at,
                     "hostname %s is known in your house alone: other servers cannot look it up, "
                     "and many refuse it. Write the name that your address resolves back to",
                     name.p);
    }
}

/* Of the same organisation as an inside domain, as far as names tell. */
static bool is_near_ours(const struct conf *c, struct str domain)
{
    for (size_t i = 0; i < c->inside_domains.n; i++) {
        char below[300], above[300];
        struct str ours = str_c(c->inside_domains.v[i]);
        ours = ours.n > 0 && ours.p[0] == '.' ? str_slice(ours, 1, ours.n) : ours;
        snprintf(below, sizeof below, "." STR_FMT, STR_ARG(domain));
        snprintf(above, sizeof above, "." STR_FMT, STR_ARG(ours));
        if (str_eq_nocase(domain, ours) || str_ends_nocase(ours, str_c(below)) ||
            str_ends_nocase(domain, str_c(above))) {
            return true;
        }
    }
    return false;
}

static void judge_signing(struct judge *j)
{
    const struct conf *c = j->conf;
    const struct conf_node *block = conf_node_find(c->root, "signing", NULL);
    if (!c->signing.domain || !c->signing.selector) {
        return; /* there is none, or said by check.c */
    }
    if (str_ends_nocase(str_c(c->signing.selector), STR("._domainkey")) ||
        strstr(c->signing.selector, "._domainkey.")) {
        judge_bad(j, conf_place_of(block, "selector"),
                  "signing: selector %s: the part ._domainkey is added by who looks it up (RFC "
                  "6376 3.6.2.1). Leave it out",
                  c->signing.selector);
    }
    if (c->inside_domains.n > 0 && !is_near_ours(c, str_c(c->signing.domain))) {
        conf_warning(
            j->problems, conf_place_of(block, "domain"),
            "signing: domain %s is none of the inside domains: what we write comes from these, and "
            "its signature does not count for them (DMARC, RFC 7489 3.1). Name one of them",
            c->signing.domain);
    }
}

/* An account of this machine alone. */
static void judge_administrator(struct judge *j)
{
    const char *at = strrchr(j->conf->admin, '@');
    struct conf_place place = conf_place_of(j->conf->root, "administrator");
    if (at && (str_eq_nocase(str_c(at + 1), STR("localhost")) || !strchr(at + 1, '.'))) {
        judge_bad(j, place,
                  "administrator %s: no mail comes to %s, so alarms would reach nobody. Write an "
                  "address with a whole domain",
                  j->conf->admin, at + 1);
    }
}

/* Never taken from anybody: RFC 2606 2 and RFC 6761. */
static bool is_reserved(struct str name)
{
    static const char *const ends[] = {".test", ".example", ".invalid", ".localhost"};
    bool reserved = is_of_a_house(name);
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        reserved = reserved || str_ends_nocase(name, str_c(ends[i]));
    }
    return reserved;
}

/* com, .com: what is registered there belongs to everybody else. */
static void judge_inside_domains(struct judge *j)
{
    const struct conf *c = j->conf;
    for (size_t i = 0; i < c->inside_domains.n; i++) {
        char dotted[300];
        const char *word = c->inside_domains.v[i];
        snprintf(dotted, sizeof dotted, "%s%s", word[0] == '.' ? "" : ".", word);
        if (!strchr(dotted + 1, '.') && !is_reserved(str_c(dotted))) {
            conf_warning(j->problems,
                         conf_place_of(conf_node_find(c->root, "inside", NULL), "domains"),
                         "inside: domains %s is a top-level domain: %s is taken for yours, "
                         "accepted from anywhere and given to deliver-to. Name your own domains",
                         word, word[0] == '.' ? "mail to everybody below it" : "mail to it");
        }
    }
}

/* The host's own name is no mail domain by itself: its MX leads here, and the mail back (5.4.6).
 * What a relay does with it is not known. */
static void judge_ours(struct judge *j, const char *what, const char *address, struct conf_place at)
{
    const struct conf *c = j->conf;
    struct domain_name domain = domain_of(str_c(address));
    if (domain_is_none(domain) || conf_is_inside(c, domain) ||
        !str_eq_nocase(domain_str(&domain), str_c(c->hostname))) {
        return;
    }
    if (c->relay_host) {
        conf_warning(
            j->problems, at,
            "%s %s is at the name of this gateway, which is no inside domain: no mail is taken "
            "there when the relay sends it on to us. Name an address in one of your domains",
            what, address);
    } else {
        judge_bad(
            j, at,
            "%s %s is at the name of this gateway, which is no inside domain: no mail is taken "
            "there, and each would come back (5.4.6). Name an address in one of your domains",
            what, address);
    }
}

static void judge_own_addresses(struct judge *j)
{
    const struct conf *c = j->conf;
    judge_ours(j, "administrator", c->admin, conf_place_of(c->root, "administrator"));
    if (c->tlsrpt.contact) {
        judge_ours(j, "tls-reports: contact", c->tlsrpt.contact,
                   conf_place_of(conf_node_find(c->root, "tls-reports", NULL), "contact"));
    }
    for (size_t i = 0; i < c->n_forwards; i++) {
        for (size_t k = 0; k < c->forwards[i].to.n; k++) {
            judge_ours(j, "forward: to", c->forwards[i].to.v[k],
                       conf_place_of(c->forwards[i].node, "to"));
        }
    }
    for (size_t i = 0; i < c->n_rules; i++) {
        const struct conf_rule *r = &c->rules[i];
        if (r->copy_to) {
            judge_ours(j, "copy-to", r->copy_to, conf_place_of(r->node, "copy-to"));
        }
        if (r->notify) {
            judge_ours(j, "notify", r->notify, conf_place_of(r->node, "notify"));
        }
    }
}

/* Without contact and administrator they come from postmaster@hostname (smtpout/tlsrpt.c). */
static void judge_reports(struct judge *j)
{
    const struct conf *c = j->conf;
    if (c->tlsrpt.send && !c->tlsrpt.contact && !*c->admin &&
        !conf_is_inside(c, domain_kept(str_c(c->hostname)))) {
        conf_warning(j->problems,
                     conf_place_of(conf_node_find(c->root, "tls-reports", NULL), "send"),
                     "tls-reports: reports come from postmaster@%s, where no mail is taken: who "
                     "has a question gets no answer. Add contact",
                     c->hostname);
    }
}

void conf_judge_names(struct judge *j)
{
    judge_hostname(j);
    judge_signing(j);
    judge_administrator(j);
    judge_inside_domains(j);
    judge_own_addresses(j);
    judge_reports(j);
}
