/* SPDX-License-Identifier: Apache-2.0
 * endpoints.c: the ports that the file has us listen on and the servers that it sends mail or
 * questions to: ports in each other's way, mail that would come back to us, passwords in clear.
 * Called by judge.c.
 *
 * What can go wrong: names are not resolved here, so a name that leads back to us is not seen;
 * smtpout finds that out when it connects.
 */
#include "conf/judge.h"
#include "sys/conn.h"
#include "wire/address.h"

#include <stdlib.h>

enum { LISTENERS_MAX = 256 };

/* --- ports -------------------------------------------------------------- */

struct listener {
    const char *text, *what;
    struct conf_place at;
    struct endpoint e;
};

struct listeners {
    struct listener v[LISTENERS_MAX];
    size_t n;
};

static void add_listeners(struct listeners *l, const struct conf_words *addresses, const char *what,
                          struct conf_place at)
{
    for (size_t i = 0; i < addresses->n && l->n < LISTENERS_MAX; i++) {
        struct str text = str_c(addresses->v[i]);
        size_t colon = str_find_last(text, ':');
        uint64_t port = 0;
        struct listener *x = &l->v[l->n];
        *x = (struct listener){addresses->v[i], what, at, {.len = 0}};
        if (str_to_u64(str_slice(text, colon + 1, text.n), 65535, &port) == 0 &&
            endpoint_parse(str_slice(text, 0, colon), (uint16_t)port, &x->e) == 0) {
            l->n++;
        }
    }
}

static void collect_listeners(const struct judge *j, struct listeners *l)
{
    const struct conf *c = j->conf;
    for (size_t i = 0; i < c->n_listens; i++) {
        add_listeners(l, &c->listens[i].addresses, c->listens[i].label,
                      conf_place_of(c->listens[i].node, "address"));
    }
    if (c->portal.url) {
        add_listeners(l, &c->portal.addresses, "the portal", judge_at_key(j, "portal", "address"));
        add_listeners(l, &c->portal.redirects, "the portal's redirect-address",
                      judge_at_key(j, "portal", "redirect-address"));
        add_listeners(l, &c->portal.proxied, "the portal's proxy-address",
                      judge_at_key(j, "portal", "proxy-address"));
    }
    add_listeners(l, &c->metrics.addresses, "metrics", judge_at_key(j, "metrics", "address"));
}

/* [::] takes IPv4 as well. */
static bool overlap(const struct endpoint *a, const struct endpoint *b)
{
    char x[64], y[64];
    endpoint_ip(a, x, sizeof x);
    endpoint_ip(b, y, sizeof y);
    bool both4 = strchr(x, '.') && strchr(y, '.');
    return endpoint_port(a) == endpoint_port(b) &&
           (strcmp(x, y) == 0 || strcmp(x, "::") == 0 || strcmp(y, "::") == 0 ||
            (both4 && (strcmp(x, "0.0.0.0") == 0 || strcmp(y, "0.0.0.0") == 0)));
}

static void judge_ports(struct judge *j, const struct listeners *l)
{
    for (size_t i = 0; i < l->n; i++) {
        for (size_t k = 0; k < i; k++) {
            if (overlap(&l->v[i].e, &l->v[k].e)) {
                judge_bad(
                    j, l->v[i].at,
                    "%s (%s) and %s (%s, line %u) are the same port: only one of them can listen. "
                    "%s",
                    l->v[i].text, l->v[i].what, l->v[k].text, l->v[k].what, l->v[k].at.line,
                    strcmp(l->v[i].text, l->v[k].text) == 0
                        ? "Leave one out"
                        : "[::] takes every address, IPv4 as well, and 0.0.0.0 every IPv4 address");
                break;
            }
        }
    }
}

/* Ports whose number says something else than their label. */
static void judge_port_numbers(struct judge *j)
{
    static const struct {
        const char *end;
        enum conf_listen_kind meant;
        const char *label;
    } known[] = {
        {":25", CONF_LISTEN_SMTP, "smtp"},
        {":587", CONF_LISTEN_SUBMISSION, "submission"},
        {":465", CONF_LISTEN_SUBMISSIONS, "submissions"},
    };
    const struct conf *c = j->conf;
    for (size_t i = 0; i < c->n_listens; i++) {
        for (size_t k = 0; k < c->listens[i].addresses.n; k++) {
            for (size_t p = 0; p < ARRAY_LEN(known); p++) {
                if (c->listens[i].kind != known[p].meant &&
                    str_ends_nocase(str_c(c->listens[i].addresses.v[k]), str_c(known[p].end))) {
                    conf_warning(j->problems, conf_place_of(c->listens[i].node, "address"),
                                 "listen %s on port %s: programs expect listen %s there. Change "
                                 "the label or the port",
                                 c->listens[i].label, known[p].end + 1, known[p].label);
                }
            }
        }
    }
}

/* --- where mail goes ---------------------------------------------------- */

/* host, host:port or [address]:port in its two parts. */
static void judge_split(struct str target, struct str *ret_host, unsigned *ret_port)
{
    size_t colon = str_find_last(target, ':');
    bool bracketed = target.n > 0 && target.p[0] == '[';
    uint64_t port = 25;
    *ret_host = target;
    if (colon < target.n &&
        (bracketed ? colon > str_find(target, ']', 0) : str_find(target, ':', 0) == colon) &&
        str_to_u64(str_slice(target, colon + 1, target.n), 65535, &port) == 0) {
        *ret_host = str_slice(target, 0, colon);
    }
    *ret_port = (unsigned)port;
    if (bracketed && ret_host->n > 2) {
        *ret_host = str_slice(*ret_host, 1, ret_host->n - 1);
    }
}

static bool judge_is_loopback(struct str host)
{
    return str_starts_nocase(host, STR("127.")) || str_eq(host, STR("::1")) ||
           str_eq_nocase(host, STR("localhost"));
}

/* One of our own listeners gets what is sent to host and port. */
static bool is_ourselves(const struct conf *c, struct str host, unsigned port)
{
    struct listeners l = {.n = 0};
    struct endpoint e;
    for (size_t i = 0; i < c->n_listens; i++) {
        add_listeners(&l, &c->listens[i].addresses, "", (struct conf_place){0});
    }
    bool is_address = endpoint_parse(host, (uint16_t)port, &e) == 0;
    for (size_t i = 0; i < l.n; i++) {
        char ip[64];
        endpoint_ip(&l.v[i].e, ip, sizeof ip);
        bool everywhere = strcmp(ip, "::") == 0 || strcmp(ip, "0.0.0.0") == 0;
        if (endpoint_port(&l.v[i].e) != port) {
            continue;
        }
        bool local = str_eq_nocase(host, STR("localhost")) &&
                     (strcmp(ip, "127.0.0.1") == 0 || strcmp(ip, "::1") == 0);
        if (str_eq_nocase(host, str_c(c->hostname)) || (is_address && str_eq(host, str_c(ip))) ||
            local || (judge_is_loopback(host) && everywhere)) {
            return true;
        }
    }
    return false;
}

static void judge_hop(struct judge *j, const char *what, const char *target, int tls,
                      struct conf_place at)
{
    struct str host;
    unsigned port;
    judge_split(str_c(target), &host, &port);
    /* an IPv4 address in IPv6's clothes */
    host = str_starts_nocase(host, STR("::ffff:")) ? str_slice(host, 7, host.n) : host;
    host.n -= host.n > 1 && host.p[host.n - 1] == '.';
    if (str_eq(host, STR("0.0.0.0")) || str_eq(host, STR("::"))) {
        judge_bad(j, at, "%s %s is no host: it means every address of a machine. Name the server",
                  what, target);
    } else if (is_ourselves(j->conf, host, port)) {
        judge_bad(j, at,
                  "%s %s is this gateway itself: mail would go in a circle. Name the mail server "
                  "behind it, or another port",
                  what, target);
    } else if (tls == 0 && !conf_target_is_loopback(target)) {
        conf_warning(
            j->problems, at,
            "%s %s has tls none: mail leaves this machine in clear. Write tls encrypt or tls cert",
            what, target);
    }
}

/* Ports of submission: one speaks TLS from the first octet (RFC 8314 3.3), where we say STARTTLS;
 * the other wants a login (RFC 6409 4.3). */
static void judge_hop_port(struct judge *j, const char *what, unsigned port, bool logs_in,
                           struct conf_place at)
{
    if (port == 465) {
        judge_bad(j, at,
                  "%s: port 465 speaks TLS from the first octet, which is not done here: it would "
                  "never answer. Write port 25, or 587 where it wants a login",
                  what);
    } else if (port == 587 && !logs_in) {
        conf_warning(j->problems, at,
                     "%s: servers want a login on port 587, and none is set: they refuse the mail. "
                     "Write port 25%s",
                     what, strcmp(what, "relay") == 0 ? ", or user and password-file" : "");
    }
}

/* The server inside sends the organisation's mail to us, most often: then its address is in
 * networks. A name may have other addresses tomorrow, a server that logs in or speaks LMTP needs
 * none. */
static void judge_inside_server(struct judge *j)
{
    const struct conf *c = j->conf;
    struct str host = conf_target_host(c->deliver_to);
    unsigned char octets[16];
    bool must_be_listed =
        !judge_has_submission(c) && !c->deliver_to_lmtp && !conf_target_is_loopback(c->deliver_to);
    if (must_be_listed && address_ip_octets(host, octets) > 0 &&
        !conf_net_listed(&c->inside_networks, host)) {
        conf_warning(j->problems, judge_at_key(j, "inside", "deliver-to"),
                     "deliver-to " STR_FMT
                     " is not in networks: it may not send through us, and what it sends to others "
                     "gets 550. Add it to networks, unless its mail goes out another way",
                     STR_ARG(host));
    }
}

static void judge_hops(struct judge *j)
{
    const struct conf *c = j->conf;
    if (c->smtpout.port != 25) {
        judge_hop_port(j, "delivery", (unsigned)c->smtpout.port, false,
                       judge_at_key(j, "delivery", "port"));
    }
    if (c->deliver_to) {
        judge_inside_server(j);
        judge_hop_port(j, "deliver-to", conf_target_port(c->deliver_to), false,
                       judge_at_key(j, "inside", "deliver-to"));
        if (c->deliver_to_lmtp && conf_target_port(c->deliver_to) == 25) {
            conf_warning(j->problems, judge_at_key(j, "inside", "deliver-to"),
                         "deliver-to %s: port 25 is that of SMTP, and LMTP must not be spoken on "
                         "it (RFC 2033 5). Name the port of LMTP, most often 24",
                         c->deliver_to);
        }
        judge_hop(j, "deliver-to", c->deliver_to, conf_deliver_force(c),
                  judge_at_key(j, "inside", "deliver-to"));
        if (c->deliver_to_tls == CONF_TLS_AUTO && !conf_target_is_loopback(c->deliver_to)) {
            conf_warning(j->problems, judge_at_key(j, "inside", "deliver-to"),
                         "deliver-to %s says no tls: its certificate is verified, or mail waits. "
                         "Write tls cert if that is meant, else encrypt or none",
                         c->deliver_to);
        }
    }
    if (c->relay_host) {
        judge_hop_port(j, "relay", conf_target_port(c->relay_host), c->relay_user != NULL,
                       conf_place_of(c->root, "relay"));
        judge_hop(j, "relay", c->relay_host, c->relay_tls, conf_place_of(c->root, "relay"));
    }
    if (c->directory.url && str_starts_nocase(str_c(c->directory.url), STR("ldap://")) &&
        !c->directory.starttls) {
        struct str rest = str_slice(str_c(c->directory.url), 7, strlen(c->directory.url)), host;
        unsigned port;
        judge_split(str_slice(rest, 0, str_find(rest, '/', 0)), &host, &port);
        if (!judge_is_loopback(host)) {
            conf_warning(
                j->problems, judge_at_key(j, "directory", "starttls"),
                "directory: passwords go to %s in clear. Leave out starttls no, or use ldaps://",
                c->directory.url);
        }
    }
}

void conf_judge_endpoints(struct judge *j)
{
    struct listeners *l = err_calloc(1, sizeof *l);
    collect_listeners(j, l);
    judge_ports(j, l);
    free(l);
    judge_port_numbers(j);
    judge_hops(j);
}
