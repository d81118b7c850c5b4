/* SPDX-License-Identifier: Apache-2.0
 * explain.c: postern explain FROM TO [MESSAGE]: what would happen to a message, and why; --replay:
 * what another configuration would have done with the mail of the last days (protect.c).
 *
 * Looks the recipient's servers up itself, asks posternd (if it runs) for the MTA-STS policy, the
 * memory of the domain and the exceptions, then asks the same policy functions as a delivery does,
 * once for everything a server could turn out to do. Connects to no mail server.
 */
#include "cmd/postern/explain_smtp.h"
#include "cmd/postern/protect.h"
#include "dns/mx.h"
#include "mtasts/policy.h"
#include "policy/forecast.h"
#include "policy/inspection.h"
#include "policy/ladder.h"
#include "policy/policy.h"
#include "policy/rules.h"
#include "proc/own_hosts.h"
#include "store/domain.h"
#include "sys/conn.h"
#include "sys/loop.h"
#include "tls/dane.h"
#include "wire/address.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct explanation {
    struct loop *loop;
    struct route route;
    struct mx_result *mx;
    struct facts facts; /* of the whole; tlsa and sts per host */
    bool running;       /* posternd answered */
    char sts_state[16], exception[600];
    struct sts_policy policy;
    const struct conf *conf;
    struct protection protection;
    struct buf found; /* in the message, if one was given */
    uint64_t size;    /* of it; 0: none was */
    struct smtp_said said;
};

static void explain_on_mx(void *arg, const struct mx_result *r)
{
    struct explanation *e = arg;
    e->mx = mx_keep(r);
    loop_stop(e->loop);
}

struct own_of {
    struct own_hosts *hosts;
    const struct conf *conf;
};

static bool explain_is_own(void *arg, const char *host)
{
    const struct own_of *o = arg;
    return own_hosts_has(o->hosts, o->conf, host);
}

static int explain_look_up(struct explanation *e, const struct conf *c)
{
    const struct dns_config config = {
        .forward = c->resolver.forward,
        .trust_anchor = c->resolver.trust_anchor,
        .timeout_ms = c->resolver.timeout,
        .test_zones = c->resolver.test_zones,
    };
    struct own_hosts hosts = {0};
    struct own_of ours = {&hosts, c};
    const struct mx_own own = {.has = explain_is_own, .arg = &ours};
    char problem[256];
    unsigned char octets[16];
    struct dns_resolver *resolver;
    const char *wanted = e->route.kind == ROUTE_FIXED ? e->route.host : e->route.next_hop.canonical;
    if (address_ip_octets(str_c(wanted), octets) > 0 || wanted[0] == '[') {
        struct mx_result one = {.mx_outcome = DNS_SECURE, .n_hosts = 1};
        str_copy_cut(str_c(wanted), one.hosts[0].host.name, sizeof one.hosts[0].host.name);
        e->mx = mx_keep(&one);
        return 0;
    }
    e->loop = loop_new();
    struct domain_name name = domain_from(str_c(wanted));
    if (!domain_is_name(name) ||
        dns_resolver_new(e->loop, &config, problem, sizeof problem, &resolver) < 0) {
        fprintf(stderr, "postern: %s cannot be looked up\n", wanted);
        return -EINVAL;
    }
    if (e->route.kind == ROUTE_FIXED) {
        mx_lookup_host(resolver, name.canonical, e->route.port, explain_on_mx, e);
    } else {
        mx_lookup(resolver, name.canonical, e->route.port, &own, explain_on_mx, e);
    }
    loop_run(e->loop);
    dns_resolver_free(resolver);
    own_hosts_free(&hosts);
    loop_free(e->loop);
    return 0;
}

/* --- what posternd knows ------------------------------------------------ */

static void learn_policy(struct explanation *e, const struct options *o, const char *domain)
{
    char argument[300], problem[128];
    struct response a;
    snprintf(argument, sizeof argument, "show %s", domain);
    if (ask_quietly(o, ADMIN_STS, argument, &a) != 0) {
        return;
    }
    e->running = true;
    for (size_t i = 0; i < a.n; i++) {
        str_copy_cut(a.rows[i].sts_answer.state, e->sts_state, sizeof e->sts_state);
        if (a.rows[i].sts_answer.text.n > 0) {
            (void)!sts_policy_parse(a.rows[i].sts_answer.text, &e->policy, problem, sizeof problem);
        }
    }
    response_free(&a);
}

static void learn_memory(struct explanation *e, const struct options *o)
{
    struct response a;
    if (!domain_is_none(e->route.memory) &&
        ask_quietly(o, ADMIN_DOMAIN, e->route.memory.canonical, &a) == 0) {
        e->facts.seen = a.n > 0 && a.rows[0].type == IPC_row_domain && a.rows[0].row_domain.seen;
        response_free(&a);
    }
}

static void learn_exceptions(struct explanation *e, const struct options *o,
                             struct domain_name domain)
{
    struct response a;
    if (ask_quietly(o, ADMIN_EXCEPTIONS, "", &a) != 0) {
        return;
    }
    for (size_t i = 0; i < a.n; i++) {
        const struct ipc_row_exception *x = &a.rows[i].row_exception;
        if (!x->ended_ms && x->until_ms > (int64_t)time(NULL) * 1000 &&
            domain_eq(domain_kept(x->domain), domain)) {
            e->facts.override = x->kind == EXCEPTION_RELAX ? OVERRIDE_RELAX : e->facts.override;
            snprintf(e->exception, sizeof e->exception, "%s, by " STR_FMT ": " STR_FMT,
                     x->kind == EXCEPTION_RELAX ? "relax" : "legacy", STR_ARG(x->owner),
                     STR_ARG(x->reason));
        }
    }
    response_free(&a);
}

/* --- facts -------------------------------------------------------------- */

static enum mx explain_mx_of(const struct explanation *e)
{
    switch (e->mx->outcome) {
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
    return e->route.kind == ROUTE_FIXED || e->mx->mx_outcome == DNS_SECURE ? MX_SECURE
                                                                           : MX_INSECURE;
}

/* The facts of one host, but for the session. */
static struct facts host_facts(const struct explanation *e, const struct dns_host *h)
{
    struct facts f = e->facts;
    struct dane_set set;
    if (h->tlsa == HOST_TLSA_FOUND) {
        bool ok = dane_read(str_from(h->records, h->records_n), &set) == 0;
        f.tlsa = !ok ? TLSA_ERROR : set.n_usable > 0 ? TLSA_USABLE : TLSA_UNUSABLE;
    } else {
        f.tlsa = h->tlsa == HOST_TLSA_NONE ? TLSA_NONE : TLSA_ERROR;
    }
    if (strcmp(e->sts_state, "enforce") == 0) {
        f.sts = sts_policy_covers(str_c(e->policy.mx), domain_from(str_c(h->name))) ? STS_MATCH
                                                                                    : STS_NOMATCH;
    } else {
        f.sts = strcmp(e->sts_state, "testing") == 0 ? STS_TESTING
                : strcmp(e->sts_state, "wait") == 0  ? STS_WAIT
                                                     : STS_NONE;
    }
    return f;
}

/* Words for a lookup that leaves nobody to connect to; NULL: there are servers. */
static const char *dead_end(const struct explanation *e)
{
    switch (e->mx->outcome) {
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

/* Why none of a server's addresses can be reached from here, as where there is no IPv6 (of its
 * first); NULL: one can. */
static const char *no_route_of(const struct dns_host *h, uint16_t port)
{
    struct endpoint to;
    const char *words = NULL;
    for (size_t i = h->n_addresses; i > 0; i--) {
        words = endpoint_parse(str_c(h->addresses[i - 1]), port, &to) == 0 ? endpoint_no_route(&to)
                                                                           : NULL;
        if (!words) {
            return NULL;
        }
    }
    return words;
}

static void explain_print_host(const struct explanation *e, size_t number)
{
    const struct dns_host *h = &e->mx->hosts[number].host;
    struct facts f = host_facts(e, h);
    printf("\n  %u %s", e->mx->hosts[number].preference, h->name);
    for (size_t k = 0; k < h->n_addresses; k++) {
        printf(" %s", h->addresses[k]);
    }
    const char *no_route = no_route_of(h, e->route.port);
    if (no_route) {
        printf("\n    Not reached from here: %s, and the server has no other address: mail waits "
               "for it (connect).",
               no_route);
    }
    printf("\n    DANE: %s; MTA-STS: %s%s%s\n", tlsa_name(f.tlsa), sts_name(f.sts),
           h->detail[0] ? "; " : "", h->detail);
    printf("    %-28s %-22s %-8s %s\n", "If the server...", "then", "grade", "because");
    struct forecast one;
    for (size_t at = 0; forecast_next(&f, &at, &one);) {
        const struct verdict *v = &one.verdict;
        printf("    %-28s %-22s %-8s %s\n", one.words, action_name(v->action),
               v->action == ACTION_SEND ? grade_name(v->grade) : "-", reason_sentence(v->reason));
    }
    struct requirement need = policy_requirement(&f);
    for (unsigned bit = 0; bit < RAISED_END; bit++) {
        if (need.raised & (1u << bit)) {
            printf("    At least \"%s\" is required by: %s\n", grade_name(need.by[bit]),
                   raiser_sentence((enum raiser_bit)bit));
        }
    }
}

/* Under which conditions it comes in at all. */
static void print_said(const struct smtp_said *said)
{
    if (said->in_clear[0]) {
        printf("  In clear it is refused at MAIL: %s\n", said->in_clear);
    }
    if (said->no_certificate[0]) {
        printf("  Without the certificate that a rule wants it is refused at MAIL: %s\n",
               said->no_certificate);
    }
    if (said->not_known[0]) {
        printf("  Not known here: %s\n", said->not_known);
    }
}

static void print_words(const struct explanation *e, const char *from, const char *to)
{
    printf("Mail from <%s> to <%s>\n", from, to);
    print_said(&e->said);
    protect_print(e->conf, &e->protection, buf_str(&e->found));
    printf("  Route: %s %s%s\n",
           e->route.kind == ROUTE_FIXED ? "the configured host" : "the mail servers of",
           e->route.kind == ROUTE_FIXED ? e->route.host : e->route.next_hop.canonical,
           e->facts.mx == MX_SECURE ? " (name vouched for)" : "");
    if (e->facts.by_next_hop) {
        printf("  %c%s: the connection must be at least \"%s\"\n",
               toupper(raiser_sentence(RAISED_BIT_NEXT_HOP)[0]),
               raiser_sentence(RAISED_BIT_NEXT_HOP) + 1, force_name(e->facts.force));
    } else if (e->facts.force > FORCE_NONE) {
        printf("  Rule%s%s%s: the connection must be at least \"%s\"\n", e->route.rule ? " \"" : "",
               e->route.rule ? e->route.rule : "", e->route.rule ? "\"" : "",
               force_name(e->facts.force));
    } else {
        puts("  No rule demands anything of the connection.");
    }
    if (e->route.dane_required) {
        puts("  A rule demands DANE: without it the mail waits.");
    }
    if (!e->running) {
        puts("  posternd is not running: MTA-STS, memory and exceptions are not known here.");
    } else if (e->facts.seen && e->route.kind == ROUTE_FIXED) {
        printf("  Memory: %s offered encryption; nothing goes there in clear (until postern "
               "domains confirm %s)\n",
               e->route.host, e->route.memory.canonical);
    } else {
        printf(
            "  Memory: %s\n",
            e->facts.seen
                ? "its servers offered encryption; nothing goes there in clear"
                : "no offer of encryption is remembered; before mail goes in clear, every "
                  "address of all servers must have\n"
                  "    answered that it offers none, or the mail waits (monitor probe-patience)");
    }
    if (e->exception[0]) {
        printf("  Exception: %s\n", e->exception);
    }
    const char *dead = dead_end(e);
    if (dead) {
        printf("  Nothing can be sent: %s.%s%s\n", dead, e->mx->detail[0] ? " " : "",
               e->mx->detail);
        return;
    }
    for (size_t i = 0; i < e->mx->n_hosts; i++) {
        explain_print_host(e, i);
    }
}

static struct json *explain_host_json(const struct explanation *e, size_t number)
{
    const struct dns_host *host = &e->mx->hosts[number].host;
    struct json *h = report_object(), *outcomes = report_array(), *raised = report_array();
    struct facts f = host_facts(e, host);
    struct requirement need = policy_requirement(&f);
    report_put_int(h, "preference", e->mx->hosts[number].preference);
    report_put_str(h, "name", str_c(host->name));
    report_put_str(h, "not-reached", str_c(no_route_of(host, e->route.port)));
    report_put_str(h, "dane", str_c(tlsa_name(f.tlsa)));
    report_put_str(h, "mta-sts", str_c(sts_name(f.sts)));
    report_put_str(h, "floor", str_c(grade_name(need.floor)));
    for (unsigned bit = 0; bit < RAISED_END; bit++) {
        if (need.raised & (1u << bit)) {
            report_append_str(raised, str_c(raiser_sentence((enum raiser_bit)bit)));
        }
    }
    struct forecast one;
    for (size_t at = 0; forecast_next(&f, &at, &one);) {
        struct json *c = report_object();
        report_put_str(c, "session", str_c(sess_name(one.sess)));
        report_put_bool(c, "all-servers-asked", one.look == LOOK_COMPLETE);
        report_put_str(c, "action", str_c(action_name(one.verdict.action)));
        report_put_str(c, "grade", str_c(grade_name(one.verdict.grade)));
        report_put_str(c, "reason", str_c(reason_name(one.verdict.reason)));
        report_append(outcomes, c);
    }
    report_put(h, "demanded-by", raised);
    report_put(h, "outcomes", outcomes);
    return h;
}

static struct json *explanation_json(const struct explanation *e, const char *from, const char *to)
{
    struct json *o = report_object(), *hosts = report_array();
    for (size_t i = 0; i < e->mx->n_hosts && !dead_end(e); i++) {
        report_append(hosts, explain_host_json(e, i));
    }
    report_put_str(o, "from", str_c(from));
    report_put_str(o, "to", str_c(to));
    report_put_str(o, "refused-in-clear", str_c(e->said.in_clear));
    report_put_str(o, "refused-without-certificate", str_c(e->said.no_certificate));
    report_put_str(o, "not-known", str_c(e->said.not_known));
    report_put(o, "protection", protect_json(&e->protection, buf_str(&e->found)));
    report_put_str(o, "mx", str_c(mx_name(e->facts.mx)));
    report_put_str(o, "force", str_c(force_name(e->facts.force)));
    report_put_str(o, "rule", str_c(e->route.rule));
    report_put_bool(o, "posternd-running", e->running);
    report_put_bool(o, "seen", e->facts.seen);
    report_put_str(o, "exception", str_c(e->exception));
    report_put_str(o, "nothing-sent-because", str_c(dead_end(e)));
    report_put(o, "hosts", hosts);
    return o;
}

/* What the message needs, into the facts of the decision. 0 or an exit status. */
static int learn_needs(struct explanation *e, const char *from, struct str to, const char *message,
                       const struct sender_words *w)
{
    struct sender sender;
    int r = message ? protect_inspect_file(e->conf, message, &e->found, &e->size) : 0;
    if (r) {
        return r;
    }
    protect_sender_of(e->conf, str_c(from), w, &sender);
    const struct protect_mail mail = {
        .reverse_path = str_c(from),
        .forward_path = to,
        .login = str_c(sender.login),
        .client_ip = str_c(sender.client),
        .size = e->size,
        .facts = buf_str(&e->found),
    };
    struct ladder_order l;
    protect_decide(e->conf, &mail, &e->protection);
    ladder_of(e->conf, e->protection.ladder, &l);
    bool below = ladder_next(&l, 0, ladder_there(e->conf), false) < l.n;
    e->facts.demand = e->protection.demand;
    e->facts.off_site = e->protection.off_site;
    e->facts.counts = e->protection.counts;
    e->facts.ladder = below && e->protection.demand != DEMAND_NONE ? LADDER_PORTAL : LADDER_NONE;
    rules_raise(&e->route, e->protection.force);
    e->facts.force = e->route.force;
    e->facts.by_next_hop = e->route.force_is_next_hop;
    return 0;
}

static int explain_tell_refusal(const struct options *o, const char *from, const char *to,
                                const struct smtp_said *said)
{
    if (o->json) {
        struct json *j = report_object();
        report_put_str(j, "from", str_c(from));
        report_put_str(j, "to", str_c(to));
        report_put_str(j, "refused", str_c(said->refused));
        report_put_str(j, "refused-at", str_c(said->at));
        print_json(j);
    } else {
        printf("Mail from <%s> to <%s>\n  Refused at %s: %s\n", from, to, said->at, said->refused);
    }
    return EXIT_NO;
}

static int explain_usage(void)
{
    fputs("usage: postern explain [--client ADDRESS] [--login NAME] FROM TO [MESSAGE], with two "
          "addresses (FROM may be \"\") and\n"
          "a file with a mail (- is standard input), or postern explain --replay 7d\n",
          stderr);
    return EXIT_USAGE;
}

/* The words before the addresses; their number, or -1. */
static int explain_take_words(const struct options *o, struct sender_words *w,
                              const char **ret_since)
{
    int i = 0;
    while (i < o->argc && strncmp(o->argv[i], "--", 2) == 0 && i + 1 < o->argc) {
        const char **to = strcmp(o->argv[i], "--client") == 0   ? &w->client
                          : strcmp(o->argv[i], "--login") == 0  ? &w->login
                          : strcmp(o->argv[i], "--replay") == 0 ? ret_since
                                                                : NULL;
        if (!to) {
            return -1;
        }
        *to = o->argv[i + 1];
        i += 2;
    }
    return i;
}

static int explain_explain(struct explanation *e, const struct options *o, int first,
                           const struct sender_words *w)
{
    const char *from = o->argv[first], *to = o->argv[first + 1],
               *message = first + 2 < o->argc ? o->argv[first + 2] : NULL;
    smtp_would_say(o, e->conf, str_c(from), str_c(to), 0, w, &e->said);
    if (e->said.refused[0]) {
        return explain_tell_refusal(o, from, to, &e->said);
    }
    rules_route(e->conf, str_c(from), str_c(to), &e->route);
    e->facts = (struct facts){.force = e->route.force, .counts = COUNTS_CERT};
    int r = learn_needs(e, from, str_c(to), message, w);
    if (r) {
        return r;
    }
    smtp_would_say(o, e->conf, str_c(from), str_c(to), e->size, w, &e->said); /* with its size */
    if (e->said.refused[0]) {
        return explain_tell_refusal(o, from, to, &e->said);
    }
    if (explain_look_up(e, e->conf) < 0) {
        return EXIT_NO;
    }
    e->facts.mx = explain_mx_of(e);
    learn_policy(e, o, e->route.hop == HOP_RELAY ? e->route.host : e->route.next_hop.canonical);
    learn_memory(e, o);
    learn_exceptions(e, o, domain_of(str_c(to)));
    if (e->protection.off_site && e->facts.override == OVERRIDE_RELAX) {
        e->facts.demand = DEMAND_NONE; /* as the queue does at each attempt */
    }
    if (o->json) {
        print_json(explanation_json(e, from, to));
    } else {
        print_words(e, from, to);
    }
    return EXIT_OK;
}

int command_explain(const struct options *o)
{
    struct explanation *e;
    struct address from, to;
    struct sender_words words = {0};
    struct conf *conf;
    const char *since = NULL;
    int first = explain_take_words(o, &words, &since);
    if (since) {
        return first == o->argc ? protect_replay(o, since) : explain_usage();
    }
    if (first < 0 || (o->argc - first != 2 && o->argc - first != 3)) {
        return explain_usage();
    }
    bool bad_from = *o->argv[first] && address_mailbox(str_c(o->argv[first]), true, &from) < 0;
    if (bad_from || address_mailbox(str_c(o->argv[first + 1]), true, &to) < 0) {
        fprintf(stderr, "postern: \"%s\" is not an address\n",
                o->argv[bad_from ? first : first + 1]);
        return EXIT_USAGE;
    }
    int r = load_config(o, &conf);
    if (r) {
        return r;
    }
    e = err_calloc(1, sizeof *e);
    e->conf = conf;
    e->found = BUF_INIT(INSPECTION_MAX);
    r = explain_explain(e, o, first, &words);
    buf_free(&e->found);
    mx_free(e->mx);
    sts_policy_clear(&e->policy);
    free(e);
    conf_free(conf);
    return r;
}
