/* SPDX-License-Identifier: Apache-2.0
 * look.c: the first look: before mail goes to a domain in clear, every address of every one of its
 * servers is asked for EHLO, in parallel, for a few seconds (docs/decision.md, "Memory"). One offer
 * anywhere is a sighting; a server that does not answer proves nothing, and the look is incomplete.
 *
 * EHLO is said on every connection of a look. A server that closes then is asked on another one whether it takes HELO; that
 * makes a look complete only when an earlier one found the same (docs/decisions/0026).
 *
 * Called by delivery.c. The queue is told what was seen; only a complete look counts for a day.
 * Not counted, because no mail could go there either: addresses that may not be used (private), and
 * those to which this machine has no route.
 */
#include "base/clock.h"
#include "base/log.h"
#include "proc/smtpout/smtpout.h"
#include "wire/address.h"

#include <stdio.h>
#include <stdlib.h>

enum { LOOK_TARGETS_MAX = 100 };

struct target {
    struct link_looker looker; /* first: links know only this */
    struct look *look;
    struct link_conn *link;
    const struct way_host *host;
    char ip[46];
    char problem[200]; /* why it could not be asked; "" when it answered */
    char at_ehlo[100]; /* what it did when EHLO was said, on the connection before */
    bool helo;         /* it takes HELO, and EHLO not */
};

struct look {
    struct delivery *d;
    struct timer *timer;
    struct target *targets;
    size_t n, open, left_out;
    bool offered;
    bool lacks; /* somebody could not be asked for want of something of ours */
};

static void look_free(struct look *k)
{
    for (size_t i = 0; i < k->n; i++) {
        if (k->targets[i].link) {
            link_end_look(k->targets[i].link);
        }
    }
    timer_free(k->timer);
    free(k->targets);
    free(k);
}

void look_cancel(struct look *k)
{
    look_free(k);
}

/* Who could not be asked, for the report. Empty: everybody was. */
static void unasked_words(const struct look *k, struct buf *text)
{
    const struct way *w = &k->d->way;
    for (size_t i = 0; i < k->n; i++) {
        const struct target *t = &k->targets[i];
        if (t->problem[0]) {
            (void)!buf_printf(text, "%s%s [%s]: %s", buf_len(text) ? "; " : "", t->host->name, t->ip, t->problem);
        }
    }
    for (size_t i = 0; i < w->n_hosts; i++) {
        if (w->hosts[i].partial) {
            (void)!buf_printf(text, "%snot all addresses of %s are known%s%s", buf_len(text) ? "; " : "", w->hosts[i].name,
                              w->hosts[i].detail[0] ? ": " : "", w->hosts[i].detail);
        }
    }
    if (k->left_out > 0) {
        (void)!buf_printf(text, "%s%zu more addresses than are asked", buf_len(text) ? "; " : "", k->left_out);
    }
    if (w->cut) {
        (void)!buf_printf(text, "%sthe domain has more servers than are asked", buf_len(text) ? "; " : "");
    }
}

static size_t count_answered(const struct look *k)
{
    size_t n = 0;
    for (size_t i = 0; i < k->n; i++) {
        n += k->targets[i].problem[0] == '\0';
    }
    return n;
}

/* Nothing is missing but answers to EHLO of servers that take HELO. */
static bool is_helo_alone(const struct look *k)
{
    const struct way *w = &k->d->way;
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
    return d->helo_from_ms && clock_wall_ms() >= d->helo_from_ms && way_asked(&d->way) == d->look_asked;
}

static void finish(struct look *k)
{
    struct delivery *d = k->d;
    char unasked[600];
    struct buf text = BUF_INIT(sizeof unasked - 1);
    unasked_words(k, &text);
    bool offered = k->offered, helo = is_helo_alone(k);
    bool complete = buf_len(&text) == 0 || (helo && helo_counts(d));
    str_copy_cut(buf_str(&text), unasked, sizeof unasked);
    buf_free(&text);
    ipc_send(d->out->queue, &(struct ipc_msg){.type = IPC_looked, .looked = {.domain = d->memory_key, .complete = complete, .helo = helo,
                                                                             .offered = offered, .asked = way_asked(&d->way)}});
    log_info("first-look", KVS("domain", d->memory_key), KVN("hosts", d->way.n_hosts), KVN("addresses", k->n),
             KVN("answered", count_answered(k)), KV("offered", offered ? "yes" : "no"), KV("complete", complete ? "yes" : "no"), KV("helo-alone", helo ? "yes" : "no"),
             KV("not-asked", offered ? "" : unasked));
    d->out->looks++;
    look_free(k);
    delivery_looked(d, offered, complete, complete ? "" : unasked);
}

/* What one look could not do the next one may: nothing is learned of the domain. */
static void end(struct look *k)
{
    struct delivery *d = k->d;
    if (!k->lacks || k->offered) {
        finish(k);
        return;
    }
    d->look = NULL;
    look_free(k);
    descriptors_note_lack(d->way.name, "a look at all servers");
    delivery_give_up(d, REASON_OUR_FAULT, "no descriptor was left to ask all servers of the domain");
}

static void on_time(void *arg)
{
    end(arg);
}

static void on_end(void *arg)
{
    end(arg);
}

/* The end comes in a turn of its own: a link must not be freed inside its own events. */
static void part_done(struct target *t, const char *problem, bool offered)
{
    struct look *k = t->look;
    t->link = NULL;
    str_copy_cut(str_c(problem), t->problem, sizeof t->problem);
    k->offered |= offered;
    if (--k->open == 0 || k->offered) {
        timer_free(k->timer);
        k->timer = timer_new(child_loop(k->d->out->child), on_end, k);
        timer_start(k->timer, 0);
    }
}

static void on_offer(struct link_looker *w, struct link_conn *l)
{
    part_done((struct target *)w, "", true);
    link_end_look(l);
}

static void on_ready(struct link_looker *w, struct link_conn *l)
{
    struct target *t = (struct target *)w;
    unsigned code = smtp_client_caps(l->engine)->ehlo_refused;
    char problem[200] = "";
    t->helo = !link_knows_offer(l);
    if (t->helo && code) {
        snprintf(problem, sizeof problem, "it answered EHLO with %u, and took HELO", code);
    } else if (t->helo) {
        snprintf(problem, sizeof problem, "%s, and took HELO", t->at_ehlo);
    }
    part_done(t, problem, false);
    link_end_look(l);
}

static void open_target(struct target *t, extension_set avoid)
{
    struct delivery *d = t->look->d;
    struct tls_way tls = {.profile = d->profile};
    str_copy_cut(str_c(t->host->name), tls.name, sizeof tls.name);
    t->link = link_open_look(d->out, &t->looker, t->host->name, t->ip, d->port, &tls, NULL, d->avoid_set | avoid, d->lmtp);
}

/* It closed when EHLO was said: does it take HELO? */
static bool on_stumbled(struct link_looker *w, struct link_conn *l, enum extension e, const char *detail)
{
    struct target *t = (struct target *)w;
    if (e != EXTENSION_EHLO) {
        return false;
    }
    str_copy_cut(str_c(detail), t->at_ehlo, sizeof t->at_ehlo);
    open_target(t, EXTENSION_BIT(EHLO));
    return true;
}

static void on_failed(struct link_looker *w, struct link_conn *l, enum sess sess, const char *detail)
{
    struct target *t = (struct target *)w;
    t->look->lacks |= descriptors_is_lack(l->begun);
    part_done(t, *detail ? detail : "no connection", false);
}

static void add_target(struct look *k, const struct way_host *h, struct str ip)
{
    struct delivery *d = k->d;
    struct endpoint to;
    if (!way_allows(&d->way, ip) || endpoint_parse(ip, d->port, &to) < 0 || !endpoint_has_route(&to)) {
        return;
    }
    if (k->n == LOOK_TARGETS_MAX) {
        k->left_out++;
        return;
    }
    struct target *t = &k->targets[k->n++];
    *t = (struct target){.looker = {on_offer, on_ready, on_failed, on_stumbled}, .look = k, .host = h};
    str_copy_cut(ip, t->ip, sizeof t->ip);
    str_copy_cut(STR("no answer in time"), t->problem, sizeof t->problem);
}

void look_first(struct delivery *d)
{
    const struct conf *c = child_conf(d->out->child);
    struct look *k = err_calloc(1, sizeof *k);
    k->d = d;
    d->look = k;
    k->targets = err_calloc(LOOK_TARGETS_MAX, sizeof *k->targets);
    k->timer = timer_new(child_loop(d->out->child), on_time, k);
    for (size_t i = 0; i < d->way.n_hosts; i++) {
        struct str rest = d->way.hosts[i].addresses, ip;
        while (rest.n > 0 && str_split(&rest, ' ', &ip)) {
            add_target(k, &d->way.hosts[i], ip);
        }
    }
    k->open = k->n;
    for (size_t i = 0; i < k->n; i++) {
        open_target(&k->targets[i], 0);
    }
    timer_start(k->timer, k->n > 0 ? c->monitor.first_look_time : 0);
}
