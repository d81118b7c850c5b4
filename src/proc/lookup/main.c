/* SPDX-License-Identifier: Apache-2.0
 * lookup: asks the name service and fetches MTA-STS policies for the other processes, and shares
 * the answers.
 *
 * Trust: parses hostile DNS and HTTPS; holds no secret and no mail. May touch: the network, by
 * libunbound and libcurl. Must never see: a message. It alone says "secure". What it carries to
 * a provider of logins is of one login and used up with it, but for the secret that the provider
 * knows us by.
 *
 * An answer has up to two parts, the servers (answers.c) and the policy (policies.c), looked up at
 * the same time; the asker gets both at once.
 */
#include "base/clock.h"
#include "base/log.h"
#include "policy/alarm.h"
#include "proc/lookup/lookup.h"
#include "wire/address.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    REPORT_ANSWER_MAX = 4096,
    LOGIN_ANSWER_MAX = 60 * 1024,
    LOGIN_LIMIT_MS = 20 * 1000,
    POST_LIMIT_MS = 60 * 1000,
    POST_BODY_MAX = 128 * 1024
};

/* --- answering ---------------------------------------------------------- */

static void lookup_send_host(const struct mx_host *m, struct ipc_channel *to, uint64_t token)
{
    const struct dns_host *h = &m->host;
    char text[HOST_ADDRESSES_MAX * 46];
    struct buf list = BUF_INIT(sizeof text - 1);
    for (size_t k = 0; k < h->n_addresses; k++) {
        (void)!buf_printf(&list, "%s%s", k ? " " : "", h->addresses[k]);
    }
    str_copy_cut(buf_str(&list), text, sizeof text);
    buf_free(&list);
    ipc_send(to, &(struct ipc_msg){.type = IPC_resolved_host,
                                   .resolved_host = {
                                       .token = token,
                                       .preference = m->preference,
                                       .name = str_c(h->name),
                                       .outcome = h->outcome,
                                       .addresses = str_c(text),
                                       .partial = h->partial,
                                       .tlsa = h->tlsa,
                                       .base = str_c(h->base),
                                       .records = str_from(h->records, h->records_n),
                                       .detail = str_c(h->detail),
                                   }});
}

static void send_result(const struct waiter *w)
{
    const struct answer *a = w->answer;
    const struct mx_result *r = a->result;
    struct ipc_resolved m = {
        .token = w->token,
        .outcome = a->report_outcome,
        .rua = str_c(a->rua),
    };
    if (r) {
        for (size_t i = 0; i < r->n_hosts; i++) {
            lookup_send_host(&r->hosts[i], w->to, w->token);
        }
        m.outcome = r->outcome;
        m.mx = r->mx_outcome;
        m.cut = r->cut;
        m.canon = str_c(r->canon);
        m.detail = str_c(r->detail);
    }
    if (w->policy) {
        const struct sts_entry *e = &w->policy->entry;
        m.sts = sts_effective(e, clock_wall_ms());
        m.sts_problem = e->problem;
        m.sts_id = str_c(e->id);
        m.sts_expires_ms = e->expires_ms;
        m.sts_detail = str_c(e->problem_text);
        m.sts_text = m.sts == STS_STATE_NONE || m.sts == STS_STATE_WAIT ? STR("") : str_c(e->text);
    }
    ipc_send(w->to, &(struct ipc_msg){.type = IPC_resolved, .resolved = m});
}

/* What `postern sts show` gets. */
static void send_policy(const struct waiter *w)
{
    const struct sts_entry *e = &w->policy->entry;
    ipc_send(w->to, &(struct ipc_msg){.type = IPC_sts_answer,
                                      .sts_answer = {
                                          .token = w->token,
                                          .ok = 1,
                                          .domain = str_c(e->domain),
                                          .state = str_c(
                                              sts_state_name(sts_effective(e, clock_wall_ms()))),
                                          .id = str_c(e->has_policy ? e->id : ""),
                                          .fetched_ms = e->fetched_ms,
                                          .expires_ms = e->expires_ms,
                                          .refresh_ms = e->refresh_ms,
                                          .problem = str_c(sts_problem_result(e->problem)),
                                          .detail = str_c(e->problem_text),
                                          .text = str_c(e->has_policy ? e->text : ""),
                                      }});
}

static void waiter_free(struct waiter *w)
{
    if (w->answer) {
        answer_release(w->answer);
    }
    if (w->policy) {
        policy_release(w->policy);
    }
    list_remove(&w->all);
    w->owner->n_waiters--;
    free(w);
}

void waiter_part_done(struct waiter *w)
{
    must(w->open > 0);
    if (--w->open > 0) {
        return;
    }
    if (w->to && w->for_verb) {
        send_policy(w);
    } else if (w->to) {
        send_result(w);
    }
    waiter_free(w);
}

static void lookup_fail(struct ipc_channel *to, uint64_t token, enum mx_outcome outcome,
                        enum dns_outcome mx, const char *why)
{
    ipc_send(to, &(struct ipc_msg){.type = IPC_resolved,
                                   .resolved = {
                                       .token = token,
                                       .outcome = outcome,
                                       .mx = mx,
                                       .detail = str_c(why),
                                   }});
}

/* RFC 8461 3.4 MUST: a smart host is its own policy domain */
static void on_resolve(void *owner, struct ipc_channel *ch, const struct ipc_resolve *q)
{
    struct lookup *l = owner;
    struct domain_name name = domain_from(q->name);
    if (!domain_is_name(name)) {
        lookup_fail(ch, q->token, MX_NO_DOMAIN, DNS_INSECURE, "not a valid domain name");
        return;
    }
    if (l->n_waiters >= WAITERS_MAX) {
        lookup_fail(ch, q->token, MX_FAILED, DNS_FAILED, "too many lookups at once");
        return;
    }
    struct waiter *w = err_calloc(1, sizeof *w);
    *w = (struct waiter){.owner = l, .to = ch, .token = q->token, .open = 1};
    list_append(&l->waiters, &w->all);
    l->n_waiters++;
    w->answer = answer_want(l, q->kind, q->port, &name, w);
    if (!w->answer) {
        lookup_fail(ch, q->token, MX_FAILED, DNS_FAILED, "too many names are remembered");
        waiter_free(w);
        return;
    }
    if (q->kind == LOOKUP_MX || q->kind == LOOKUP_RELAY) {
        w->policy = policy_want(l, name, q->again, w);
    }
    waiter_part_done(w); /* ours: answered now when both were known */
}

/* --- reports are posted, providers of logins asked ---------------------- */

struct posting {
    struct lookup *owner;
    struct ipc_channel *to;
    uint64_t token;
    char url[1024], content_type[64];
    uint16_t port;
    struct buf body;
    bool wants_answer;
    struct dns_host host;
    struct link link;
};

static struct link postings = {&postings, &postings};

static void posting_end(struct posting *p, bool ok, const char *detail, struct str answer)
{
    ipc_send(p->to, &(struct ipc_msg){.type = IPC_posted,
                                      .posted = {
                                          .token = p->token,
                                          .ok = ok,
                                          .detail = str_c(detail),
                                          .answer = answer,
                                      }});
    host_clear(&p->host);
    buf_free(&p->body);
    list_remove(&p->link);
    free(p);
}

static void on_posted(void *arg, const struct fetch_answer *a)
{
    char detail[160];
    const struct posting *p = arg;
    bool ok = a->result == FETCH_OK && a->status / 100 == 2;
    snprintf(detail, sizeof detail, "HTTP status %ld", a->status);
    posting_end(arg, ok, a->result == FETCH_OK ? detail : a->detail,
                p->wants_answer && a->result == FETCH_OK ? a->body : STR(""));
}

static void on_report_host(void *arg, struct dns_host *h)
{
    struct posting *p = arg;
    const struct conf *c = child_conf(p->owner->child);
    char list[1024];
    if (!web_addresses(p->owner, h, list, sizeof list)) {
        posting_end(p, false, "the server has no usable address", STR(""));
        return;
    }
    const struct fetch_request request = {
        .url = p->url,
        .host = h->name,
        .port = p->port,
        .addresses = list,
        .octets_max = p->wants_answer ? LOGIN_ANSWER_MAX : REPORT_ANSWER_MAX,
        .limit_ms = p->wants_answer ? LOGIN_LIMIT_MS : POST_LIMIT_MS,
        .body = buf_str(&p->body),
        .content_type = p->content_type,
        .any_certificate = c->tlsrpt.any_certificate && !p->wants_answer,
    };
    fetch_start(p->owner->fetcher, &request, on_posted, p);
}

/* https://HOST[:PORT]/...: the host for our resolver. */
static int split_url(struct str url, char *host, size_t size, uint16_t *port)
{
    uint64_t number = 443;
    if (!str_starts_nocase(url, STR("https://"))) {
        return -EINVAL;
    }
    struct str rest = str_slice(url, 8, url.n);
    struct str authority = str_slice(rest, 0, str_find(rest, '/', 0));
    size_t colon = str_find(authority, ':', 0);
    if (colon < authority.n &&
        str_to_u64(str_slice(authority, colon + 1, authority.n), 65535, &number) < 0) {
        return -EINVAL;
    }
    struct str name = str_slice(authority, 0, colon);
    *port = (uint16_t)number;
    struct domain_name domain = domain_from(name);
    return domain_is_name(domain) ? str_copy(domain_str(&domain), host, size) : -EINVAL;
}

void lookup_on_post(void *owner, struct ipc_channel *ch, const struct ipc_post *m)
{
    struct lookup *l = owner;
    struct posting *p = err_calloc(1, sizeof *p);
    *p = (struct posting){
        .owner = l,
        .to = ch,
        .token = m->token,
        .wants_answer = m->wants_answer != 0,
        .body = BUF_INIT(POST_BODY_MAX),
    };
    list_append(&postings, &p->link);
    str_copy_cut(m->url, p->url, sizeof p->url);
    str_copy_cut(m->content_type, p->content_type, sizeof p->content_type);
    int r = buf_add(&p->body, m->body);
    if (r < 0 || split_url(m->url, p->host.name, sizeof p->host.name, &p->port) < 0) {
        posting_end(p, false,
                    r < 0 ? "there is no room for it" : "not an https address we would use",
                    STR(""));
        return;
    }
    host_lookup(l->resolver, &p->host, 0, on_report_host, p);
}

/* --- peers -------------------------------------------------------------- */

/* Nobody must be answered on a channel that is gone. */
static void lookup_on_peer_closed(void *owner, struct ipc_channel *ch)
{
    struct lookup *l = owner;
    LIST_EACH (it, &l->waiters) {
        struct waiter *w = LIST_OF(it, struct waiter, all);
        w->to = w->to == ch ? NULL : w->to;
    }
    LIST_EACH (it, &postings) {
        struct posting *p = LIST_OF(it, struct posting, link);
        p->to = p->to == ch ? NULL : p->to;
    }
    if (l->queue == ch) {
        l->queue = NULL;
    }
}

static const struct ipc_rule smtpout_rules[] = {IPC_ON(resolve, on_resolve),
                                                IPC_ON(post, lookup_on_post), IPC_RULES_END};

static void tell_self_test(struct lookup *l)
{
    ipc_send(l->queue, &(struct ipc_msg){.type = IPC_alarm,
                                         .alarm = {
                                             .kind = ALARM_RESOLVER,
                                             .cleared = !l->self_test[0],
                                             .text = str_c(l->self_test),
                                         }});
}

static void lookup_on_peer(void *owner, struct child *c, enum role role, unsigned index, int fd)
{
    struct lookup *l = owner;
    if (role == ROLE_QUEUE) {
        ipc_channel_end(l->queue); /* its successor may be quicker than the news of its end */
        l->queue = ipc_channel_new(child_loop(c), fd, "queue", lookup_queue_rules,
                                   lookup_on_peer_closed, l);
        tell_self_test(l);
    } else if (role == ROLE_SMTPOUT) {
        ipc_channel_new(child_loop(c), fd, "smtpout", smtpout_rules, lookup_on_peer_closed, l);
    } else {
        close(fd);
    }
}

static bool lookup_is_own(void *arg, const char *host)
{
    struct lookup *l = arg;
    return own_hosts_has(&l->own_hosts, child_conf(l->child), host);
}

static int lookup_on_prepare(void *owner, struct child *c, char *problem, size_t size)
{
    struct lookup *l = owner;
    const struct conf *conf = child_conf(c);
    const struct dns_config config = {
        .forward = conf->resolver.forward,
        .trust_anchor = conf->resolver.trust_anchor,
        .timeout_ms = conf->resolver.timeout,
        .test_zones = conf->resolver.test_zones,
    };
    l->child = c;
    l->answers = map_new(CACHE_ENTRIES);
    l->policies = map_new(POLICIES_MAX);
    list_init(&l->by_age);
    list_init(&l->policies_by_age);
    list_init(&l->waiters);
    list_init(&l->unloaded);
    l->own = (struct mx_own){.has = lookup_is_own, .arg = l};
    int r = fetcher_new(child_loop(c), child_file(c, "trust-store"), problem, size, &l->fetcher);
    return r < 0 ? r : dns_resolver_new(child_loop(c), &config, problem, size, &l->resolver);
}

static void lookup_sandbox(void *owner, struct child *c, struct sandbox *ret)
{
    *ret = (struct sandbox){.calls = SANDBOX_CONNECT | SANDBOX_THREADS};
}

static int lookup_on_reload(void *owner, struct child *c, char *problem, size_t size)
{
    struct lookup *l = owner;
    fetcher_trust(l->fetcher, child_file(c, "trust-store"));
    answers_forget(l); /* the cut at our own place was made with the addresses we had */
    return 0;
}

static void lookup_on_self_test(void *arg, const struct dns_self_test *t)
{
    struct lookup *l = arg;
    str_copy_cut(str_c(t->text), l->self_test, sizeof l->self_test);
    l->self_tested = true;
    if (t->text[0]) {
        log_warn("resolver-self-test", KV("problem", t->text));
    } else {
        log_notice("resolver-self-test", KV("result", "validates, and proves absence"));
    }
    tell_self_test(l);
}

static void lookup_on_start(void *owner, struct child *c)
{
    struct lookup *l = owner;
    policies_start(l);
    dns_self_test(l->resolver, lookup_on_self_test, l);
}

static void lookup_on_status(void *owner, char *text, size_t size)
{
    const struct lookup *l = owner;
    snprintf(text, size,
             "asked=%llu shared=%llu cached=%zu policies=%zu fetched=%llu failed=%llu "
             "resolver-self-test=%s%s%s",
             (unsigned long long)l->asked, (unsigned long long)l->shared, map_len(l->answers),
             map_len(l->policies), (unsigned long long)l->fetched,
             (unsigned long long)l->fetch_failed,
             !l->self_tested   ? "not-yet"
             : l->self_test[0] ? "FAILED"
                               : "ok",
             l->self_test[0] ? " warning: " : "", l->self_test);
}

int main(int argc, char **argv)
{
    static struct lookup lookup;
    static const struct child_events events = {
        .on_prepare = lookup_on_prepare,
        .sandbox = lookup_sandbox,
        .on_start = lookup_on_start,
        .on_reload = lookup_on_reload,
        .on_peer = lookup_on_peer,
        .on_status = lookup_on_status,
    };
    return child_main(argc, argv, "lookup", &events, &lookup);
}
