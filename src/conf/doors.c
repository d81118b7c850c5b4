/* SPDX-License-Identifier: Apache-2.0
 * doors.c: whether those who are meant can come in: readers to the portal, other servers to the
 * port of mail, people of another organisation by its login. Called by judge.c.
 *
 * What can go wrong: a proxy, a balancer or a router may stand before us and take the port that we
 * do not, so that all of this is a warning.
 */
#include "conf/judge.h"

#include <string.h>

static unsigned doors_number(const char *text, unsigned otherwise)
{
    uint64_t value = otherwise;
    return text && str_to_u64(str_c(text), 65535, &value) == 0 ? (unsigned)value : otherwise;
}

static bool has_port(const struct conf_words *addresses, unsigned port)
{
    for (size_t i = 0; i < addresses->n; i++) {
        const char *colon = strrchr(addresses->v[i], ':');
        if (colon && doors_number(colon + 1, 0) == port) {
            return true;
        }
    }
    return false;
}

static bool all_loopback(const struct conf_words *addresses)
{
    for (size_t i = 0; i < addresses->n; i++) {
        if (!conf_target_is_loopback(addresses->v[i])) {
            return false;
        }
    }
    return addresses->n > 0;
}

static unsigned port_of_url(const char *url)
{
    const char *host = strstr(url, "://"), *colon = host ? strchr(host + 3, ':') : NULL;
    return colon ? doors_number(colon + 1, 443) : 443;
}

static void judge_url(struct judge *j, const struct conf_node *block, const char *key,
                      const char *url)
{
    const struct conf *c = j->conf;
    unsigned port = port_of_url(url);
    if (c->portal.proxied.n == 0 && !has_port(&c->portal.addresses, port)) {
        conf_warning(
            j->problems, conf_place_of(block, key),
            "portal: %s %s leads to port %u, and address is %s%s: links in notices open nothing, "
            "unless a proxy or router takes that port. Name the port in %s, or listen on it",
            key, url, port, c->portal.addresses.v[0], c->portal.addresses.n > 1 ? " ..." : "", key);
    }
}

static void judge_portal(struct judge *j)
{
    const struct conf *c = j->conf;
    const struct conf_node *block = conf_node_find(c->root, "portal", NULL);
    if (!c->portal.url || c->portal.addresses.n + c->portal.proxied.n == 0) {
        return; /* said by check.c, or there is none */
    }
    judge_url(j, block, "url", c->portal.url);
    if (c->portal.files_url) {
        judge_url(j, block, "files-url", c->portal.files_url);
    }
    if (c->portal.quota < c->portal.reply_size) {
        judge_bad(
            j, conf_place_of(block, conf_node_find(block, "quota", NULL) ? "quota" : "reply-size"),
            "portal: one answer may be larger (reply-size) than all that may wait (quota). Make "
            "quota larger");
    }
    if (c->portal.proxied.n == 0 && all_loopback(&c->portal.addresses) &&
        has_port(&c->portal.addresses, 443)) {
        conf_warning(j->problems, conf_place_of(block, "address"),
                     "portal: address %s is a loopback address: nobody outside this machine "
                     "reaches it. Write [::]:443, or proxy-address where a proxy stands before it",
                     c->portal.addresses.v[0]);
    }
}

/* A code is asked for at level 1 alone; senders may raise single messages to it in the portal. */
static void judge_remember(struct judge *j)
{
    const struct conf *c = j->conf;
    const struct conf_node *block = conf_node_find(c->root, "portal", NULL);
    bool asked = c->portal.level != 0;
    for (size_t i = 0; i < c->n_rules; i++) {
        asked = asked || c->rules[i].pickup_level - 1 == 1;
    }
    if (c->portal.url && c->portal.remember > 0 && !asked &&
        conf_node_find(block, "remember", NULL)) {
        conf_warning(j->problems, conf_place_of(block, "remember"),
                     "portal: remember spares people the code of level 1, and at level 0 no code "
                     "is asked for. Write level 1 in portal or pickup-level 1 in a rule, unless "
                     "senders raise it by hand");
    }
}

/* Levels 2 and 3 alone ask for more than a code (proc/queue/pickup/proofs.c). */
static void judge_oidc(struct judge *j)
{
    const struct conf *c = j->conf;
    bool asked = c->portal.level >= 2;
    for (size_t i = 0; i < c->n_rules; i++) {
        asked = asked || c->rules[i].pickup_level - 1 >= 2;
    }
    for (size_t i = 0; i < c->n_oidc && !asked && c->portal.url; i++) {
        conf_warning(j->problems, conf_place_of(c->oidc[i].node, NULL),
                     "oidc \"%s\" is asked by no mail: that login opens mail of level 2 or 3, and "
                     "the portal's level is %lld. Write level 2 in portal or pickup-level 2 in a "
                     "rule, unless senders raise it by hand",
                     c->oidc[i].name, (long long)c->portal.level);
    }
}

/* Port 25 is what other servers come to; on another one something before us takes that. */
static void judge_mail(struct judge *j)
{
    const struct conf *c = j->conf;
    const struct conf_listen *closed = NULL;
    for (size_t i = 0; i < c->n_listens; i++) {
        const struct conf_listen *l = &c->listens[i];
        if (l->kind != CONF_LISTEN_SMTP) {
            continue;
        }
        if (l->balancers.n > 0 || !all_loopback(&l->addresses) || !has_port(&l->addresses, 25)) {
            return;
        }
        closed = l;
    }
    if (closed && c->inside_domains.n > 0) {
        conf_warning(
            j->problems, conf_place_of(closed->node, "address"),
            "listen smtp on %s is a loopback address: no server outside reaches it, and no mail "
            "for your domains comes in. Write [::]:25, or balancers where one stands before it",
            closed->addresses.v[0]);
    }
}

void conf_judge_doors(struct judge *j)
{
    judge_portal(j);
    judge_remember(j);
    judge_oidc(j);
    judge_mail(j);
}
