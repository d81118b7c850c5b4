/* SPDX-License-Identifier: Apache-2.0
 * admin_domains.c: the postern command's questions about recipient domains: list, history, alarms,
 * exceptions, probes, policies. Called by admin.c.
 */
#include "base/clock.h"
#include "base/log.h"
#include "ipc/lookup_kinds.h"
#include "proc/queue/queue.h"
#include "proc/queue/admin/walk.h"

#include <stdio.h>
#include <stdlib.h>

enum { PROBES_SHOWN = 60, ALARMS_SHOWN = 1000, REPORTS_SHOWN = 2000 };

static void send_domain(const struct queue *q, struct ipc_channel *to, const struct domain *d)
{
    struct memory_rules rules = domains_rules(q);
    int64_t now = clock_wall_ms();
    struct ipc_msg row = {.type = IPC_row_domain};
    RECORD_COPY(domain, &row.row_domain, &d->d);
    row.row_domain.seen = memory_seen(&d->d, now, &rules);
    row.row_domain.monitored = !d->is_key && memory_monitored(&d->d, now, &rules);
    row.row_domain.probes_off = !child_conf(q->child)->monitor.probe;
    ipc_send(to, &row);
}

static void list_domains(struct queue *q, struct ipc_channel *to, const struct ipc_admin *a)
{
    size_t cursor = 0;
    struct str key;
    void *value;
    while (map_next(q->domains.known, &cursor, &key, &value)) {
        send_domain(q, to, value);
    }
    walk_finish(to, true, "");
}

/* send_probe() and so on: each row of a walk goes to who asked. */
#define SEND_EACH(record) \
    static void send_##record(void *arg, const struct store_##record *from) \
    { \
        const struct walk *w = arg; \
        struct ipc_msg row = {.type = IPC_row_##record}; \
        RECORD_COPY(record, &row.row_##record, from); \
        ipc_send(w->to, &row); \
    }
SEND_EACH(probe)
SEND_EACH(alarm)
SEND_EACH(exception)
SEND_EACH(rpt_received)
SEND_EACH(rpt_sent)

static void send_quirk(void *arg, const struct store_quirk *x)
{
    struct walk *w = arg;
    if (w->about[0] && !str_eq_nocase(x->domain, str_c(w->about))) {
        return; /* another domain's mail found it out */
    }
    ipc_send(w->to, &(struct ipc_msg){.type = IPC_row_quirk,
                                      .row_quirk = {
                                          .host = x->host,
                                          .address = x->address,
                                          .extension = x->extension,
                                          .since_ms = x->since_ms,
                                          .until_ms = x->until_ms,
                                          .domain = x->domain,
                                          .why = x->why,
                                      }});
}

static void list_quirks(struct queue *q, struct ipc_channel *to, const struct ipc_admin *a)
{
    walk_start(q, to, STR(""), &(struct store_query){.what = STORE_QUIRKS}, 1,
               &(struct store_rows){.quirk = send_quirk});
}

static void forget_quirks(struct queue *q, struct ipc_channel *to, const struct ipc_admin *a)
{
    quirks_forget(q, to, a->argument);
}

static void show_domain(struct queue *q, struct ipc_channel *to, const struct ipc_admin *a)
{
    const struct domain *d = domains_named(q, a->argument);
    if (!d) {
        walk_finish(to, false, "nothing is known about this domain: no mail went there lately");
        return;
    }
    send_domain(q, to, d);
    const struct store_query queries[] = {
        {.what = STORE_ACTS, .text = d->d.name, .max = ACTS_SHOWN},
        {.what = STORE_QUIRKS},
        {.what = STORE_PROBES, .text = d->d.name, .max = PROBES_SHOWN},
    };
    walk_start(q, to, d->d.name, queries, ARRAY_LEN(queries),
               &(struct store_rows){.act = acts_send_row,
                                    .quirk = send_quirk,
                                    .probe = send_probe});
}

static void admin_domains_confirm(struct queue *q, struct ipc_channel *to,
                                  const struct ipc_admin *a)
{
    struct domain *d = domains_named(q, a->argument);
    struct memory_rules rules = domains_rules(q);
    bool of_hop = d && d->is_key; /* nobody looks at it daily, and whoever asks knows that server */
    if (!d || !(of_hop ? memory_seen(&d->d, clock_wall_ms(), &rules) : d->d.await_confirm)) {
        walk_finish(to, false,
                    !d       ? "nothing is known about this domain"
                    : of_hop ? "nothing is remembered of this server that binds mail to it"
                             : "this domain does not wait for a confirmation (it needs "
                               "seven days without any offer)");
        return;
    }
    memory_confirm(&d->d, clock_wall_ms());
    d->d.alarms &= ~(1u << ALARM_UNLEARN | 1u << ALARM_LOST_TLS);
    domains_save(q, d);
    alarms_clear(q, d->name, ALARM_UNLEARN);
    alarms_clear(q, d->name, ALARM_LOST_TLS);
    const struct acting who = acts_who(to);
    acts_add(q, &who, ADMIN_CONFIRM, d->d.name, STR(""));
    walk_finish(
        to, true,
        of_hop ? "mail to this server may go in clear again when it offers no encryption and "
                 "nothing demands it"
               : "mail to this domain may go in clear again when its servers offer no encryption");
}

/* It is in force, with its number, once it is durable. */
struct adding {
    struct queue *q;
    struct ipc_channel *to; /* NULL: hung up */
    struct link link;
};

static struct link addings = {&addings, &addings};

void admin_domains_requester_gone(const struct ipc_channel *to)
{
    LIST_EACH (it, &addings) {
        struct adding *w = LIST_OF(it, struct adding, link);
        w->to = w->to == to ? NULL : w->to;
    }
}

static void on_added(void *arg, enum store_result result)
{
    struct adding *w = arg;
    if (result == STORE_OK) {
        exceptions_load(w->q);
    }
    walk_finish(w->to, result == STORE_OK,
                result == STORE_OK ? "" : "the store could not be written");
    list_remove(&w->link);
    free(w);
}

static void add_exception(struct queue *q, struct ipc_channel *to, const struct ipc_admin *a)
{
    struct str argument = a->argument;
    const struct acting who = acts_who(to);
    const char *wrong = exceptions_add(q, argument, &who);
    if (wrong) {
        walk_finish(to, false, wrong);
        return;
    }
    struct adding *w = err_calloc(1, sizeof *w);
    *w = (struct adding){.q = q, .to = to};
    list_append(&addings, &w->link);
    store_sync(q->store, on_added, w);
}

static void end_exception(struct queue *q, struct ipc_channel *to, const struct ipc_admin *a)
{
    struct str argument = a->argument;
    uint64_t number;
    const struct acting who = acts_who(to);
    bool ok = str_to_u64(argument, UINT64_MAX / 2, &number) == 0 && exceptions_end(q, number, &who);
    walk_finish(to, ok, ok ? "" : "there is no exception in force with this number");
}

static void ask_policy(struct queue *q, struct ipc_channel *to, const struct ipc_admin *a)
{
    static const char *const words[] =
        {[STS_SHOW] = "show", [STS_REFRESH] = "refresh", [STS_PRELOAD] = "preload"};
    struct str rest = a->argument, verb = STR("");
    (void)str_split(&rest, ' ', &verb);
    for (enum sts_verb i = 0; i < STS_VERB_END; i++) {
        if (str_eq(verb, str_c(words[i])) && (i == STS_SHOW) == (a->verb == ADMIN_STS)) {
            policies_ask(q, to, i, rest, a->data);
            return;
        }
    }
    walk_finish(to, false, "not a question about policies");
}

static void list_received(struct queue *q, struct ipc_channel *to, const struct ipc_admin *a)
{
    struct str argument = a->argument;
    uint64_t number = 0;
    if (argument.n > 0 && str_to_u64(argument, UINT64_MAX / 2, &number) < 0) {
        walk_finish(to, false, "a report has a number, as in postern tlsrpt list");
        return;
    }
    walk_start(q, to, STR(""),
               &(struct store_query){
                   .what = STORE_RPT_RECEIVED,
                   .number = number,
                   .max = REPORTS_SHOWN,
               },
               1, &(struct store_rows){.rpt_received = send_rpt_received});
}

/* Domains that another gateway saw offering encryption, one a line: raises only, never lowers. */
static void learn(struct queue *q, struct ipc_channel *to, const struct ipc_admin *a)
{
    struct str names = a->data;
    char text[80];
    struct str name;
    size_t n = 0, fresh = 0;
    int64_t now = clock_wall_ms();
    struct memory_rules rules = domains_rules(q);
    while (names.n > 0 && str_split(&names, '\n', &name)) {
        struct domain_name domain = domain_from(name);
        struct domain *d = domain_is_name(domain) ? domains_find(q, domain, true) : NULL;
        if (!d) {
            continue;
        }
        n++;
        fresh += !memory_seen(&d->d, now, &rules);
        memory_observed(&d->d, now);
        domains_save(q, d);
    }
    snprintf(text, sizeof text, "%zu domains, %zu of them not known before", n, fresh);
    const struct acting who = acts_who(to);
    acts_add(q, &who, ADMIN_LEARN, STR(""), str_c(text));
    walk_finish(to, true, text);
}

static void send_alarms(struct queue *q, struct ipc_channel *ch, const struct ipc_admin *a)
{
    walk_start(q, ch, STR(""),
               &(struct store_query){
                   .what = STORE_ALARMS,
                   .kind = str_eq(a->argument, STR("all")),
                   .max = ALARMS_SHOWN,
               },
               1, &(struct store_rows){.alarm = send_alarm});
}

static void send_exceptions(struct queue *q, struct ipc_channel *ch, const struct ipc_admin *a)
{
    walk_start(q, ch, STR(""), &(struct store_query){.what = STORE_EXCEPTIONS}, 1,
               &(struct store_rows){.exception = send_exception});
}

static void probe(struct queue *q, struct ipc_channel *ch, const struct ipc_admin *a)
{
    bool deep = str_starts_nocase(a->argument, STR("deep "));
    struct domain_name domain =
        domain_from(deep ? str_slice(a->argument, 5, a->argument.n) : a->argument);
    if (domain_is_none(domain)) {
        walk_finish(ch, false, "this is no domain");
        return;
    }
    monitor_probe(q, ch, domain, deep);
}

static void send_reports(struct queue *q, struct ipc_channel *ch, const struct ipc_admin *a)
{
    walk_start(q, ch, STR(""), &(struct store_query){.what = STORE_RPT_SENT, .max = REPORTS_SHOWN},
               1, &(struct store_rows){.rpt_sent = send_rpt_sent});
}

static void report_now(struct queue *q, struct ipc_channel *ch, const struct ipc_admin *a)
{
    const struct acting who = acts_who(ch);
    if (q->restored) {
        walk_finish(ch, false,
                    "reports of a copy of the store wait with its mail for: postern queue "
                    "release restored");
        return;
    }
    tlsrpt_send_now(q);
    acts_add(q, &who, ADMIN_RPT_SEND, STR(""), STR(""));
    walk_finish(ch, true, "");
}

static const struct {
    enum admin_verb verb;
    void (*run)(struct queue *q, struct ipc_channel *ch, const struct ipc_admin *a);
} verbs[] = {{ADMIN_DOMAINS, list_domains},
             {ADMIN_DOMAIN, show_domain},
             {ADMIN_ALARMS, send_alarms},
             {ADMIN_CONFIRM, admin_domains_confirm},
             {ADMIN_EXCEPTIONS, send_exceptions},
             {ADMIN_EXCEPTION_ADD, add_exception},
             {ADMIN_EXCEPTION_END, end_exception},
             {ADMIN_PROBE, probe},
             {ADMIN_STS, ask_policy},
             {ADMIN_STS_SET, ask_policy},
             {ADMIN_RPT_LIST, list_received},
             {ADMIN_RPT_SENT, send_reports},
             {ADMIN_RPT_SEND, report_now},
             {ADMIN_LEARN, learn},
             {ADMIN_QUIRKS, list_quirks},
             {ADMIN_FORGET_QUIRKS, forget_quirks}};

bool admin_domains(struct queue *q, struct ipc_channel *ch, enum admin_verb verb,
                   const struct ipc_admin *a)
{
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        if (verbs[i].verb == verb) {
            verbs[i].run(q, ch, a);
            return true;
        }
    }
    return false;
}
