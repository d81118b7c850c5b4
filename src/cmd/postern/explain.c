/* SPDX-License-Identifier: Apache-2.0
 * explain.c: postern explain FROM TO: what would happen to a mail, and why.
 *
 * Looks the recipient's servers up, then asks the same policy functions as a delivery does, once
 * for everything a server could turn out to do. Connects to nobody.
 */
#include "cmd/postern/postern.h"
#include "dns/mx.h"
#include "policy/policy.h"
#include "policy/rules.h"
#include "sys/loop.h"
#include "wire/address.h"

#include <stdio.h>
#include <string.h>

struct explanation {
    struct loop *loop;
    struct route route;
    struct mx_result mx;
    struct facts facts;
};

static const struct {
    enum sess sess;
    const char *words;
} cases[] = {
    {SESS_PKIX_OK, "offers TLS, good certificate"},
    {SESS_PKIX_BAD, "offers TLS, bad certificate"},
    {SESS_HSFAIL, "offers TLS, handshake fails"},
    {SESS_REFUSED, "offers TLS, then refuses it"},
    {SESS_NOADV, "offers no TLS"},
    {SESS_NOCONN, "cannot be reached"},
};

static void on_mx(void *arg, const struct mx_result *r)
{
    struct explanation *e = arg;
    e->mx = *r;
    loop_stop(e->loop);
}

static int look_up(struct explanation *e, const struct conf *c)
{
    const struct dns_config config = {.forward = c->resolver.forward, .trust_anchor = c->resolver.trust_anchor,
                                      .timeout_ms = c->resolver.timeout, .test_zones = c->resolver.test_zones};
    const char *own[] = {c->hostname, NULL};
    char problem[256], name[256];
    unsigned char octets[16];
    struct dns_resolver *resolver;
    const char *wanted = e->route.kind == ROUTE_FIXED ? e->route.host : e->route.next_hop;
    if (address_ip_octets(str_c(wanted), octets) > 0 || wanted[0] == '[') {
        e->mx = (struct mx_result){.mx_outcome = DNS_SECURE, .n_hosts = 1};
        str_copy_cut(str_c(wanted), e->mx.hosts[0].name, sizeof e->mx.hosts[0].name);
        return 0;
    }
    e->loop = loop_new();
    if (dns_to_ascii(str_c(wanted), name, sizeof name) < 0 ||
        dns_resolver_new(e->loop, &config, problem, sizeof problem, &resolver) < 0) {
        fprintf(stderr, "postern: %s cannot be looked up\n", wanted);
        return -EINVAL;
    }
    if (e->route.kind == ROUTE_FIXED) {
        mx_lookup_host(resolver, name, on_mx, e);
    } else {
        mx_lookup(resolver, name, own, on_mx, e);
    }
    loop_run(e->loop);
    dns_resolver_free(resolver);
    loop_free(e->loop);
    return 0;
}

static enum mx mx_of(const struct explanation *e)
{
    switch (e->mx.outcome) {
    case MX_NULL_MX:
        return MX_NULL;
    case MX_FAILED:
        return MX_ERROR;
    case MX_FOUND:
    case MX_NO_DOMAIN:
    case MX_NO_HOST:
    case MX_LOOP:
    case MX_OUTCOME_END:
        break;
    }
    return e->route.kind == ROUTE_FIXED || e->mx.mx_outcome == DNS_SECURE ? MX_SECURE : MX_INSECURE;
}

/* Words for a lookup that leaves nobody to connect to; NULL: there are servers. */
static const char *dead_end(const struct explanation *e)
{
    switch (e->mx.outcome) {
    case MX_NO_DOMAIN:
        return reason_sentence(REASON_NO_DOMAIN);
    case MX_NO_HOST:
        return reason_sentence(REASON_NO_HOST);
    case MX_LOOP:
        return reason_sentence(REASON_LOOP);
    case MX_NULL_MX:
        return reason_sentence(REASON_NULL_MX);
    case MX_FAILED:
        return reason_sentence(REASON_MX_LOOKUP);
    case MX_FOUND:
    case MX_OUTCOME_END:
        break;
    }
    return NULL;
}

static void print_words(const struct explanation *e, const char *from, const char *to)
{
    printf("Mail from <%s> to <%s>\n", from, to);
    printf("  Way: %s %s%s\n", e->route.kind == ROUTE_FIXED ? "the configured host" : "the mail servers of",
           e->route.kind == ROUTE_FIXED ? e->route.host : e->route.next_hop,
           e->facts.mx == MX_SECURE ? " (name vouched for)" : "");
    for (size_t i = 0; i < e->mx.n_hosts; i++) {
        const struct mx_host *h = &e->mx.hosts[i];
        printf("    %5u %s", h->preference, h->name);
        for (size_t k = 0; k < h->n_addresses; k++) {
            printf(" %s", h->addresses[k]);
        }
        puts("");
    }
    if (e->facts.force > FORCE_NONE) {
        printf("  Rule%s%s%s: the connection must be at least \"%s\"\n", e->route.rule ? " \"" : "",
               e->route.rule ? e->route.rule : "", e->route.rule ? "\"" : "", force_name(e->facts.force));
    } else {
        puts("  No rule demands anything of the connection.");
    }
    const char *dead = dead_end(e);
    if (dead) {
        printf("  Nothing can be sent: %s.%s%s\n", dead, e->mx.detail[0] ? " " : "", e->mx.detail);
        return;
    }
    printf("\n  %-30s %-22s %-8s %s\n", "If the server...", "then", "grade", "because");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct facts f = e->facts;
        f.sess = cases[i].sess;
        struct verdict v = policy_decide(&f);
        printf("  %-30s %-22s %-8s %s\n", cases[i].words, action_name(v.action), grade_name(v.grade),
               reason_sentence(v.reason));
    }
}

static struct json *explanation_json(const struct explanation *e, const char *from, const char *to)
{
    struct json *o = report_object(), *hosts = report_array(), *outcomes = report_array();
    for (size_t i = 0; i < e->mx.n_hosts; i++) {
        struct json *h = report_object();
        report_put_int(h, "preference", e->mx.hosts[i].preference);
        report_put_str(h, "name", str_c(e->mx.hosts[i].name));
        report_append(hosts, h);
    }
    for (size_t i = 0; i < ARRAY_LEN(cases) && !dead_end(e); i++) {
        struct facts f = e->facts;
        struct json *c = report_object();
        f.sess = cases[i].sess;
        struct verdict v = policy_decide(&f);
        report_put_str(c, "session", str_c(sess_name(f.sess)));
        report_put_str(c, "action", str_c(action_name(v.action)));
        report_put_str(c, "grade", str_c(grade_name(v.grade)));
        report_put_str(c, "reason", str_c(reason_name(v.reason)));
        report_append(outcomes, c);
    }
    report_put_str(o, "from", str_c(from));
    report_put_str(o, "to", str_c(to));
    report_put_str(o, "mx", str_c(mx_name(e->facts.mx)));
    report_put_str(o, "force", str_c(force_name(e->facts.force)));
    report_put_str(o, "rule", str_c(e->route.rule));
    report_put_str(o, "nothing-sent-because", str_c(dead_end(e)));
    report_put(o, "hosts", hosts);
    report_put(o, "outcomes", outcomes);
    return o;
}

int command_explain(const struct options *o)
{
    struct explanation e = {0};
    struct address from, to;
    struct conf *conf;
    if (o->argc != 2 || (*o->argv[0] && address_mailbox(str_c(o->argv[0]), true, &from) < 0) ||
        address_mailbox(str_c(o->argv[1]), true, &to) < 0) {
        fputs("postern: write: postern explain FROM TO, with two addresses (FROM may be \"\")\n", stderr);
        return EXIT_USAGE;
    }
    int r = load_config(o, &conf);
    if (r) {
        return r;
    }
    rules_route(conf, to.whole, &e.route);
    r = look_up(&e, conf) < 0 ? EXIT_NO : EXIT_OK;
    e.facts = (struct facts){.force = e.route.force, .counts = COUNTS_CERT, .mx = mx_of(&e)};
    if (r == EXIT_OK && o->json) {
        print_json(explanation_json(&e, o->argv[0], o->argv[1]));
    } else if (r == EXIT_OK) {
        print_words(&e, o->argv[0], o->argv[1]);
    }
    conf_free(conf);
    return r;
}
