/* SPDX-License-Identifier: Apache-2.0
 * check.c: what the settings of a configuration say of one another: names that nothing has,
 * pairs of which one is missing, values that do not fit. Called by conf.c, in every process;
 * what only a file can have wrong is in judge.c.
 *
 * What can go wrong: each mistake is a line with the place of its setting, or of its block.
 */
#include "conf/bind.h"
#include "wire/address.h"
#include "wire/domain.h"

#include <stdio.h>

static struct conf_place check_at_key(const struct binder *b, const char *block, const char *key)
{
    const struct conf_node *n = conf_node_find(b->conf->root, block, NULL);
    return conf_place_of(n ? n : b->conf->root, key);
}

static void check_partner_domains(struct binder *b, const struct conf_rule *p)
{
    const struct conf *c = b->conf;
    for (const struct conf_rule *o = c->rules; o < p; o++) {
        for (size_t i = 0; i < p->domains.n; i++) {
            for (size_t k = 0; k < o->domains.n; k++) {
                if (strcmp(o->domains.v[k], p->domains.v[i]) == 0) {
                    conf_bad(b, conf_place_of(p->node, "domains"),
                             "domain %s stands in the partners \"%s\" and \"%s\"", o->domains.v[k],
                             o->name, p->name);
                }
            }
        }
    }
}

static void check_groups(struct binder *b, struct conf_place at, const char *where,
                         const struct conf_words *words)
{
    const struct conf *c = b->conf;
    for (size_t i = 0; i < words->n; i++) {
        bool known = strncmp(words->v[i], "group:", 6) != 0;
        const char *until = strstr(words->v[i], " until ");
        struct str name = str_from(words->v[i] + 6, known   ? 0
                                                    : until ? (size_t)(until - words->v[i] - 6)
                                                            : strlen(words->v[i] + 6));
        for (size_t k = 0; k < c->n_groups; k++) {
            known |= str_eq(name, str_c(c->groups[k].name));
        }
        if (!known) {
            CLEANUP(buf_free) struct buf names = BUF_INIT(64 * 1024);
            char near[64] = "";
            for (size_t k = 0; k < c->n_groups; k++) {
                (void)!buf_printf(&names, "%s ", c->groups[k].name);
            }
            (void)!buf_append(&names, "", 1);
            bool meant = names.p && conf_nearest(names.p, name, near, sizeof near);
            conf_bad(b, at, "%s: there is no group \"" STR_FMT "\"%s%s%s", where, STR_ARG(name),
                     meant ? ". Did you mean \"" : "", near, meant ? "\"?" : "");
        }
    }
}

static void check_rule(struct binder *b, const struct conf_rule *r)
{
    const struct conf *c = b->conf;
    bool known = !r->client_certificate;
    check_partner_domains(b, r);
    check_groups(b, conf_place_of(r->node, "from"), r->name, &r->from);
    check_groups(b, conf_place_of(r->node, "to"), r->name, &r->to);
    if ((r->outbound == 4) != (r->pins.n > 0)) {
        conf_bad(b, conf_place_of(r->node, r->pins.n > 0 ? "pin" : "outbound"),
                 "%s \"%s\": \"outbound require pin\" and \"pin\" belong together", r->kind,
                 r->name);
    }
    if ((r->inbound == 3) != (r->inbound_pins.n > 0)) {
        conf_bad(b, conf_place_of(r->node, r->inbound_pins.n > 0 ? "inbound-pin" : "inbound"),
                 "%s \"%s\": \"inbound require pin\" and \"inbound-pin\" belong together", r->kind,
                 r->name);
    }
    for (size_t i = 0; i < c->n_certificates && !known; i++) {
        known = strcmp(c->certificates[i].name, r->client_certificate) == 0;
    }
    if (!known) {
        conf_bad(b, conf_place_of(r->node, "client-certificate"),
                 "%s \"%s\": there is no client-certificate \"%s\"", r->kind, r->name,
                 r->client_certificate);
    }
}

static void check_submission(struct binder *b)
{
    const struct conf *c = b->conf;
    for (size_t i = 0; i < c->n_listens; i++) {
        if (c->listens[i].kind != CONF_LISTEN_SMTP && c->n_own == 0) {
            conf_bad(b, conf_place_of(c->listens[i].node, NULL),
                     "listen %s needs a certificate: people log in inside TLS only. Add "
                     "certificate { chain FILE; key FILE; }",
                     c->listens[i].label);
        }
    }
    for (size_t i = 0; i < c->metrics.addresses.n; i++) {
        struct str at = str_c(c->metrics.addresses.v[i]);
        if (!str_starts_nocase(at, STR("127.")) && !str_starts_nocase(at, STR("[::1]"))) {
            conf_bad(b, check_at_key(b, "metrics", "address"),
                     "metrics: %s is not a loopback address", at.p);
        }
    }
    if (c->directory.url && !str_starts_nocase(str_c(c->directory.url), STR("ldap://")) &&
        !str_starts_nocase(str_c(c->directory.url), STR("ldaps://"))) {
        conf_bad(b, check_at_key(b, "directory", "url"),
                 "directory: url must begin with ldap:// or ldaps://");
    }
}

static void bad_protection(void *arg, struct conf_place at, const char *text)
{
    conf_bad(arg, at, "%s", text);
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
        double high = (double)(strchr(digits, str_lower(text[1 + 2 * i])) - digits),
               low = (double)(strchr(digits, str_lower(text[2 + 2 * i])) - digits);
        double c = (high * 16 + low) / 255;
        /* sRGB to linear, within a hundredth */
        light += weight[i] * c * c * (c * 0.305 + 0.6952) + weight[i] * c * 0.0125;
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
    struct conf_place at = conf_place_of(o->node, NULL);
    struct str issuer = str_c(o->issuer ? o->issuer : "");
    bool ok = str_starts_nocase(issuer, STR("https://")) && issuer.n > strlen("https://") &&
              issuer.n < 500;
    for (size_t i = 0; i < issuer.n; i++) {
        ok = ok && issuer.p[i] > ' ' && !strchr("?#\"'<>", issuer.p[i]);
    }
    if (!ok) {
        conf_bad(b, conf_place_of(o->node, "issuer"),
                 "oidc \"%s\": issuer \"%s\" is not https://NAME/PATH", o->name,
                 o->issuer ? o->issuer : "");
    }
    if (!b->conf->portal.url) {
        conf_bad(b, at, "oidc \"%s\": there is no portal", o->name);
    }
}

static void check_portal(struct binder *b)
{
    const struct conf *c = b->conf;
    struct conf_place at = check_at_key(b, "portal", NULL);
    struct address from;
    if (!c->portal.url || !c->portal.from) {
        if (c->portal.url || c->portal.from || c->portal.addresses.n + c->portal.proxied.n > 0) {
            conf_bad(b, at, "portal needs both url and from");
        }
        return;
    }
    if (!is_portal_url(c->portal.url)) {
        conf_bad(b, check_at_key(b, "portal", "url"),
                 "portal: url \"%s\" is not https://NAME or https://NAME:PORT", c->portal.url);
    }
    if (c->portal.files_url &&
        (!is_portal_url(c->portal.files_url) || strcmp(c->portal.files_url, c->portal.url) == 0)) {
        conf_bad(b, check_at_key(b, "portal", "files-url"),
                 "portal: files-url \"%s\" is not https://NAME or https://NAME:PORT with a name of "
                 "its own",
                 c->portal.files_url);
    }
    if (address_mailbox(str_c(c->portal.from), true, &from) < 0 ||
        !conf_is_inside(c, domain_of(str_c(c->portal.from)))) {
        conf_bad(b, check_at_key(b, "portal", "from"),
                 "portal: from \"%s\" is not an address in an inside domain", c->portal.from);
    }
    if (c->portal.addresses.n + c->portal.proxied.n == 0) {
        conf_bad(b, at, "portal: nobody can reach it without address or proxy-address");
    }
    if (c->portal.addresses.n > 0 && c->n_own == 0) {
        conf_bad(b, check_at_key(b, "portal", "address"), "portal: address needs a certificate");
    }
    if ((c->portal.proxied.n > 0) != (c->portal.proxies.n > 0)) {
        conf_bad(b, at, "portal: proxy-address and proxies belong together");
    }
    if (!is_dark_colour(c->portal.colour)) {
        conf_bad(b, check_at_key(b, "portal", "colour"),
                 "portal: colour \"%s\" is not #RRGGBB, or too light for white text",
                 c->portal.colour);
    }
}

static void check_relay(struct binder *b)
{
    const struct conf *c = b->conf;
    if (!c->relay_user != !c->relay_password ||
        (c->relay_user && (!c->relay_host || c->relay_tls != 2))) {
        conf_bad(b, check_at_key(b, "relay", NULL),
                 "relay: user and password-file belong together, and need tls cert");
    }
}

void conf_check(struct binder *b)
{
    struct conf *c = b->conf;
    struct address admin;
    check_submission(b);
    conf_check_devices(b);
    if (c->inside_domains.n > 0 && !c->deliver_to) {
        conf_bad(b, check_at_key(b, "inside", "domains"),
                 "inside domains need deliver-to: where should their mail go?");
    }
    check_relay(b);
    if (*c->admin && address_mailbox(str_c(c->admin), true, &admin) < 0) {
        conf_bad(b, conf_place_of(c->root, "administrator"),
                 "administrator: \"%s\" is not a mail address", c->admin);
    }
    for (size_t i = 0; i < c->n_rules; i++) {
        check_rule(b, &c->rules[i]);
    }
    for (size_t i = 0; i < c->n_groups; i++) {
        check_groups(b, conf_place_of(c->groups[i].node, "members"), c->groups[i].name,
                     &c->groups[i].members);
    }
    conf_check_protection(c, b, bad_protection);
    check_portal(b);
    for (size_t i = 0; i < c->n_oidc; i++) {
        check_oidc(b, &c->oidc[i]);
    }
    if ((c->signing.domain || c->signing.selector || c->signing.key) &&
        !(c->signing.domain && c->signing.selector && c->signing.key)) {
        conf_bad(b, check_at_key(b, "signing", NULL),
                 "signing needs all of domain, selector and key");
    }
}
