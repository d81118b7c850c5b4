/* SPDX-License-Identifier: Apache-2.0
 * survey.c: before mail goes to a domain in clear, every address of every one of its servers is
 * asked for EHLO, in parallel, for a few seconds (docs/decision.md, "Memory"). One offer anywhere
 * is an observation; a server that does not answer proves nothing, and the survey is incomplete.
 *
 * EHLO is said on every connection of a survey. A server that closes then is asked on another one
 * whether it takes HELO; that makes a survey complete only when an earlier one found the same
 * (docs/decisions/0026).
 *
 * Called by delivery.c. The queue is told what was seen; only a complete survey counts for a day.
 * Not counted, because no mail could go there either: addresses that may not be used (private),
 * and those to which this machine has no route.
 */
#include "base/clock.h"
#include "base/log.h"
#include "proc/smtpout/smtpout.h"
#include "wire/address.h"

#include <stdio.h>
#include <stdlib.h>

enum { SURVEY_TARGETS_MAX = 100 };

struct target {
    struct connection_user user; /* first: links know only this */
    struct survey *survey;
    struct connection *connection;
    const struct route_host *host;
    char ip[46];
    char problem[200]; /* why it could not be asked; "" when it answered */
    char at_ehlo[100]; /* what it did when EHLO was said, on the connection before */
    bool helo;         /* it takes HELO, and EHLO not */
};

struct survey {
    struct delivery *d;
    struct timer *timer;
    struct target *targets;
    size_t n, open, left_out;
    bool offered;
    bool lacks; /* somebody could not be asked for want of something of ours */
};

static void survey_free(struct survey *k)
{
    for (size_t i = 0; i < k->n; i++) {
        if (k->targets[i].connection) {
            connection_end_look(k->targets[i].connection);
        }
    }
    timer_free(k->timer);
    free(k->targets);
    free(k);
}

void survey_cancel(struct survey *k)
{
    survey_free(k);
}

/* Who could not be asked, for the report. Empty: everybody was. */
static void unasked_words(const struct survey *k, struct buf *text)
{
    const struct route *w = &k->d->route;
    for (size_t i = 0; i < k->n; i++) {
        const struct target *t = &k->targets[i];
        if (t->problem[0]) {
            (void)!buf_printf(text, "%s%s [%s]: %s", buf_len(text) ? "; " : "", t->host->name,
                              t->ip, t->problem);
        }
    }
    for (size_t i = 0; i < w->n_hosts; i++) {
        if (w->hosts[i].partial) {
            (void)!buf_printf(text, "%snot all addresses of %s are known%s%s",
                              buf_len(text) ? "; " : "", w->hosts[i].name,
                              w->hosts[i].detail[0] ? ": " : "", w->hosts[i].detail);
        }
    }
    if (k->left_out > 0) {
        (void)!buf_printf(text, "%s%zu more addresses than are asked", buf_len(text) ? "; " : "",
                          k->left_out);
    }
    if (w->cut) {
        (void)!buf_printf(text, "%sthe domain has more servers than are asked",
                          buf_len(text) ? "; " : "");
    }
}

static size_t count_answered(const struct survey *k)
{
    size_t n = 0;
    for (size_t i = 0; i < k->n; i++) {
        n += k->targets[i].problem[0] == '\0';
    }
    return n;
}

/* Nothing is missing but answers to EHLO of servers that take HELO. */
static bool is_helo_alone(const struct survey *k)
{
    const struct route *w = &k->d->route;
    size_t n = 0;
    bool missing = k->left_out > 0 || w->cut;
    for (size_t i = 0; i < k->n; i++) {
        n += k->targets[i].helo;
        missing |= k->targets[i].problem[0] && !k->targets[i].helo;
    }
    for (size_t i = 0; i < w->n_hosts; i++) {
        missing |= w->hosts[i].partial;
    }
    return n > 0 && !missing;
}

/* An earlier look at the same servers found the same, long enough ago. */
static bool helo_counts(const struct delivery *d)
{
    return d->helo_from_ms && clock_wall_ms() >= d->helo_from_ms &&
           route_asked(&d->route) == d->look_asked;
}

static void survey_finish(struct survey *k)
{
    struct delivery *d = k->d;
    char unasked[600];
    struct buf text = BUF_INIT(sizeof unasked - 1);
    unasked_words(k, &text);
    bool offered = k->offered, helo = is_helo_alone(k);
    bool complete = buf_len(&text) == 0 || (helo && helo_counts(d));
    str_copy_cut(buf_str(&text), unasked, sizeof unasked);
    buf_free(&text);
    ipc_send(d->out->queue, &(struct ipc_msg){.type = IPC_looked,
                                              .looked = {
                                                  .domain = d->memory_key,
                                                  .complete = complete,
                                                  .helo = helo,
                                                  .offered = offered,
                                                  .asked = route_asked(&d->route),
                                              }});
    log_info("first-look", KVS("domain", d->memory_key), KVN("hosts", d->route.n_hosts),
             KVN("addresses", k->n), KVN("answered", count_answered(k)),
             KV("offered", offered ? "yes" : "no"), KV("complete", complete ? "yes" : "no"),
             KV("helo-alone", helo ? "yes" : "no"), KV("not-asked", offered ? "" : unasked));
    d->out->looks++;
    survey_free(k);
    delivery_looked(d, offered, complete, complete ? "" : unasked);
}

/* What one look could not do the next one may: nothing is learned of the domain. */
static void survey_end(struct survey *k)
{
    struct delivery *d = k->d;
    if (!k->lacks || k->offered) {
        survey_finish(k);
        return;
    }
    d->survey = NULL;
    survey_free(k);
    descriptors_note_lack(d->route.name, "a look at all servers");
    delivery_give_up(d, REASON_OUR_FAULT,
                     "no descriptor was left to ask all servers of the domain");
}

static void survey_on_time(void *arg)
{
    survey_end(arg);
}

static void survey_on_end(void *arg)
{
    survey_end(arg);
}

/* The end comes in a turn of its own: a link must not be freed inside its own events. */
static void part_done(struct target *t, const char *problem, bool offered)
{
    struct survey *k = t->survey;
    t->connection = NULL;
    str_copy_cut(str_c(problem), t->problem, sizeof t->problem);
    k->offered |= offered;
    if (--k->open == 0 || k->offered) {
        timer_free(k->timer);
        k->timer = timer_new(child_loop(k->d->out->child), survey_on_end, k);
        timer_start(k->timer, 0);
    }
}

static void survey_on_offer(struct connection_user *w, struct connection *l)
{
    part_done((struct target *)w, "", true);
    connection_end_look(l);
}

static void survey_on_ready(struct connection_user *w, struct connection *l)
{
    struct target *t = (struct target *)w;
    unsigned code = smtp_client_caps(l->engine)->ehlo_refused;
    char problem[200] = "";
    t->helo = !connection_knows_offer(l);
    if (t->helo && code) {
        snprintf(problem, sizeof problem, "it answered EHLO with %u, and took HELO", code);
    } else if (t->helo) {
        snprintf(problem, sizeof problem, "%s, and took HELO", t->at_ehlo);
    }
    part_done(t, problem, false);
    connection_end_look(l);
}

static void open_target(struct target *t, extension_set avoid)
{
    struct delivery *d = t->survey->d;
    struct tls_requirements tls = {.profile = d->profile};
    str_copy_cut(str_c(t->host->name), tls.name, sizeof tls.name);
    t->connection = connection_open_look(d->out, &t->user, t->host->name, t->ip, d->port, &tls,
                                         NULL, d->avoid_set | avoid, d->lmtp);
}

/* It closed when EHLO was said: does it take HELO? */
static bool survey_on_stumbled(struct connection_user *w, struct connection *l, enum extension e,
                               const char *detail)
{
    struct target *t = (struct target *)w;
    if (e != EXTENSION_EHLO) {
        return false;
    }
    str_copy_cut(str_c(detail), t->at_ehlo, sizeof t->at_ehlo);
    open_target(t, EXTENSION_BIT(EHLO));
    return true;
}

static void survey_on_failed(struct connection_user *w, struct connection *l, enum sess sess,
                             const char *detail)
{
    struct target *t = (struct target *)w;
    t->survey->lacks |= descriptors_is_lack(l->begun);
    part_done(t, *detail ? detail : "no connection", false);
}

static void add_target(struct survey *k, const struct route_host *h, struct str ip)
{
    struct delivery *d = k->d;
    struct endpoint to;
    if (!route_allows(&d->route, ip) || endpoint_parse(ip, d->port, &to) < 0 ||
        !endpoint_has_route(&to)) {
        return;
    }
    if (k->n == SURVEY_TARGETS_MAX) {
        k->left_out++;
        return;
    }
    struct target *t = &k->targets[k->n++];
    *t = (struct target){
        .user = {survey_on_offer, survey_on_ready, survey_on_failed, survey_on_stumbled},
        .survey = k,
        .host = h,
    };
    str_copy_cut(ip, t->ip, sizeof t->ip);
    str_copy_cut(STR("no answer in time"), t->problem, sizeof t->problem);
}

void survey_first(struct delivery *d)
{
    const struct conf *c = child_conf(d->out->child);
    struct survey *k = err_calloc(1, sizeof *k);
    k->d = d;
    d->survey = k;
    k->targets = err_calloc(SURVEY_TARGETS_MAX, sizeof *k->targets);
    k->timer = timer_new(child_loop(d->out->child), survey_on_time, k);
    for (size_t i = 0; i < d->route.n_hosts; i++) {
        struct str rest = d->route.hosts[i].addresses, ip;
        while (rest.n > 0 && str_split(&rest, ' ', &ip)) {
            add_target(k, &d->route.hosts[i], ip);
        }
    }
    k->open = k->n;
    for (size_t i = 0; i < k->n; i++) {
        open_target(&k->targets[i], 0);
    }
    timer_start(k->timer, k->n > 0 ? c->monitor.first_probe_time : 0);
}
