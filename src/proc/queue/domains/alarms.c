/* SPDX-License-Identifier: Apache-2.0
 * alarms.c: what an administrator should know today: to the log at once, into the store, and by
 * mail to the configured administrator, several in one mail. Many domains losing their encryption
 * within loss-window are one alarm (a firewall on our own side), not many: policy/losses.c. Called
 * by whoever raises or clears one.
 */
#include "base/clock.h"
#include "base/log.h"
#include "proc/queue/queue.h"
#include "wire/date.h"
#include "wire/id.h"
#include "wire/notify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAIL_ALARMS_MAX = 50, MAIL_AGAIN_MIN_MS = 1000, MAIL_AGAIN_MAX_MS = 60000 };

/* The lines of a detail as one: each stands on its own in mails and lists, a log has one line
 * for all. */
static void in_one_line(struct str detail, char *dst, size_t size)
{
    struct buf text = BUF_INIT(size - 1);
    struct str rest = detail, line;
    while (rest.n > 0 && str_split(&rest, '\n', &line)) {
        (void)!buf_printf(&text, "%s" STR_FMT, buf_len(&text) > 0 ? " | " : "", STR_ARG(line));
    }
    str_copy_cut(buf_str(&text), dst, size);
    buf_free(&text);
}

/* One that is raised or cleared, until the store knows whether it was so already. */
struct alarm_change {
    struct queue *q;
    struct domain_name domain;
    enum alarm_kind kind;
    char detail[2048];
};

static struct alarm_change *change_new(struct queue *q, struct domain_name domain,
                                       enum alarm_kind kind)
{
    struct alarm_change *c = err_calloc(1, sizeof *c);
    c->q = q;
    c->domain = domain;
    c->kind = kind;
    return c;
}

static void on_raised(void *arg, uint64_t n)
{
    struct alarm_change *c = arg;
    if (n > 0) {
        log_warn("alarm", KV("kind", alarm_name(c->kind)), KVS("domain", domain_str(&c->domain)),
                 KV("what", alarm_sentence(c->kind)), KV("detail", c->detail));
        c->q->domains.alarms_due = true;
    }
    free(c);
}

static void on_cleared(void *arg, uint64_t n)
{
    struct alarm_change *c = arg;
    if (n > 0) {
        log_notice("alarm-over", KV("kind", alarm_name(c->kind)),
                   KVS("domain", domain_str(&c->domain)));
    }
    free(c);
}

void alarms_raise(struct queue *q, struct domain_name domain, enum alarm_kind kind,
                  const char *text)
{
    const struct store_alarm a = {
        .at_ms = clock_wall_ms(),
        .kind = kind,
        .domain = domain_str(&domain),
        .detail = str_trim(str_c(text)),
    };
    struct alarm_change *c = change_new(q, domain, kind);
    in_one_line(a.detail, c->detail, sizeof c->detail);
    store_raise_alarm(q->store, &a, on_raised, c);
}

void alarms_clear(struct queue *q, struct domain_name domain, enum alarm_kind kind)
{
    store_clear_alarm(q->store, domain_str(&domain), (uint8_t)kind, clock_wall_ms(), on_cleared,
                      change_new(q, domain, kind));
    if (kind == ALARM_LOST_TLS) {
        losses_drop(&q->domains.losses, domain);
    }
}

/* Another process raises or ends an alarm: those it is there for, no others. */
static void alarms_take(struct queue *q, struct ipc_channel *ch, const struct ipc_alarm *m,
                        uint32_t its_kinds)
{
    enum alarm_kind kind = m->kind;
    char text[520];
    if (!(its_kinds & 1u << kind)) {
        ipc_refuse(ch, "an alarm that is not its own");
        return;
    }
    str_copy_cut(m->text, text, sizeof text);
    if (m->cleared) {
        alarms_clear(q, domain_kept(m->domain), kind);
    } else {
        alarms_raise(q, domain_kept(m->domain), kind, text);
    }
}

/* owner: the child, as for all that posternd says. */
void alarms_on_posternd(void *owner, struct ipc_channel *ch, const struct ipc_alarm *m)
{
    alarms_take(child_owner(owner), ch, m,
                1u << ALARM_RENEWAL | 1u << ALARM_MISUSE | 1u << ALARM_DIES);
}

void alarms_on_smtpin(void *owner, struct ipc_channel *ch, const struct ipc_alarm *m)
{
    alarms_take(owner, ch, m, 1u << ALARM_OWN_CERTIFICATE | 1u << ALARM_OWN_TLS);
}

void alarms_on_web(void *owner, struct ipc_channel *ch, const struct ipc_alarm *m)
{
    alarms_take(owner, ch, m, 1u << ALARM_PORTAL_TLS);
}

void alarms_on_lookup(void *owner, struct ipc_channel *ch, const struct ipc_alarm *m)
{
    alarms_take(owner, ch, m, 1u << ALARM_STS_REFRESH | 1u << ALARM_RESOLVER);
}

static bool is_copy(const struct conf *c, const struct store_rcpt *r)
{
    bool named = false;
    for (size_t i = 0; i < c->n_rules && !named && r->notify == NOTIFY_NEVER; i++) {
        named = c->rules[i].copy_to && address_same(str_c(c->rules[i].copy_to), r->forward_path);
    }
    return named;
}

/* A copy is nobody's who could be told of its end but the administrator's, who wants all of
 * them. */
void alarms_copy_ended(struct queue *q, const struct store_rcpt *r)
{
    char id[ID_TEXT], text[400];
    bool lost = r->state == RCPT_FAILED || r->state == RCPT_EXPIRED;
    if ((!lost && r->state != RCPT_DELIVERED) || !is_copy(child_conf(q->child), r)) {
        return;
    }
    if (!lost) {
        alarms_clear(q, domain_of(r->forward_path), ALARM_COPY);
        return;
    }
    id_text(r->id, id);
    snprintf(text, sizeof text,
             "the copy of message %s to " STR_FMT " came to nothing: %s; see postern message %s",
             id, STR_ARG(r->forward_path), reason_sentence(r->reason), id);
    alarms_raise(q, domain_of(r->forward_path), ALARM_COPY, text);
}

/* What may be wrong with our own next hops: each an alarm of its own, all can be open. */
static const struct own_hop {
    enum hop_kind hop;
    const char *setting;
    enum reason trouble;
    enum alarm_kind alarm;
} own_hops[OWN_HOP_TROUBLES] = {
    {HOP_RELAY, "relay", REASON_LOGIN_REFUSED, ALARM_RELAY_LOGIN},
    {HOP_INSIDE, "deliver-to", REASON_LOGIN_REFUSED, ALARM_DELIVER_TO_LOGIN},
    {HOP_RELAY, "relay", REASON_NEXT_HOP, ALARM_RELAY_LOST},
    {HOP_INSIDE, "deliver-to", REASON_NEXT_HOP, ALARM_DELIVER_TO_LOST},
};

static bool goes_there(const struct job *j, const struct own_hop *hop)
{
    return j->to && hop_kind(str_c(j->to->name)) == hop->hop;
}

static struct domain_name ourselves(const struct queue *q)
{
    return domain_kept(str_c(child_conf(q->child)->hostname));
}

void alarms_hop_fails(struct queue *q, const struct job *j, enum reason why, struct str host,
                      struct str said)
{
    char detail[600];
    for (size_t i = 0; i < ARRAY_LEN(own_hops); i++) {
        const struct own_hop *hop = &own_hops[i];
        if (hop->trouble == why && goes_there(j, hop) &&
            q->domains.hop_states[i] != OWN_HOP_FAILS) {
            q->domains.hop_states[i] = OWN_HOP_FAILS;
            snprintf(detail, sizeof detail, "%s " STR_FMT ": %.*s", hop->setting, STR_ARG(host),
                     (int)(said.n < 300 ? said.n : 300), said.p);
            alarms_raise(q, ourselves(q), hop->alarm, detail);
        }
    }
}

static void end_of_trouble(struct queue *q, size_t i)
{
    if (q->domains.hop_states[i] != OWN_HOP_WORKS) {
        q->domains.hop_states[i] = OWN_HOP_WORKS;
        alarms_clear(q, ourselves(q), own_hops[i].alarm);
    }
}

void alarms_hop_works(struct queue *q, const struct job *j)
{
    for (size_t i = 0; i < ARRAY_LEN(own_hops); i++) {
        if (goes_there(j, &own_hops[i])) {
            end_of_trouble(q, i);
        }
    }
}

/* One that the configuration does not name any more keeps no mail waiting. */
static void end_of_hop_alarms(struct queue *q)
{
    const struct conf *c = child_conf(q->child);
    for (size_t i = 0; i < ARRAY_LEN(own_hops); i++) {
        bool is_there = strcmp(own_hops[i].setting, "relay") == 0 ? c->relay_host != NULL
                                                                  : c->deliver_to != NULL;
        if (!is_there) {
            end_of_trouble(q, i);
        }
    }
}

bool alarms_middlebox(const struct queue *q)
{
    return losses_many(&q->domains.losses, clock_wall_ms());
}

void alarms_lost(struct queue *q, struct domain_name domain)
{
    losses_add(&q->domains.losses, domain, clock_wall_ms());
}

static void raise_middlebox(struct queue *q)
{
    char names[900];
    struct buf text = BUF_INIT(sizeof names - 1);
    for (size_t i = 0; i < q->domains.losses.n; i++) {
        (void)!buf_printf(&text, "%s%s", i ? ", " : "", q->domains.losses.v[i].domain.canonical);
    }
    str_copy_cut(buf_str(&text), names, sizeof names);
    buf_free(&text);
    alarms_raise(q, domain_from(STR("")), ALARM_MIDDLEBOX, names);
}

/* Losses wait a little, to see whether they are many. */
static void settle_lost(struct queue *q)
{
    struct losses_told told = losses_settle(&q->domains.losses, clock_wall_ms(),
                                            child_conf(q->child)->monitor.loss_window);
    if (told.many_begin) {
        raise_middlebox(q);
    }
    for (size_t i = 0; i < told.n_single; i++) {
        alarms_raise(q, told.single[i], ALARM_LOST_TLS, "");
    }
    if (told.many_end) {
        alarms_clear(q, domain_from(STR("")), ALARM_MIDDLEBOX);
    }
}

/* --- by mail ------------------------------------------------------------ */

struct mailing {
    struct queue *q;
    struct buf text;
    uint64_t last;
    unsigned n;
};

static struct mailing mailing; /* one at a time */

static void add_alarm(void *arg, const struct store_alarm *a)
{
    struct mailing *m = arg;
    char date[DATE_MAX];
    date_iso(a->at_ms, date);
    (void)!buf_printf(&m->text, "%s  " STR_FMT "%s%s\r\n", date, STR_ARG(a->domain),
                      a->domain.n ? " " : "", alarm_sentence(a->kind));
    struct str rest = a->detail, line;
    while (rest.n > 0 && str_split(&rest, '\n', &line)) {
        (void)!buf_printf(&m->text, "    " STR_FMT "\r\n", STR_ARG(line));
    }
    (void)!buf_add(&m->text, STR("\r\n"));
    m->last = a->alarm;
    m->n++;
}

static void on_alarms(void *arg, enum store_result result)
{
    struct mailing *m = arg;
    struct queue *q = m->q;
    const struct conf *c = child_conf(q->child);
    char subject[128];
    q->domains.alarms_reading = false;
    if (result == STORE_OK && m->n > 0) {
        snprintf(subject, sizeof subject, "%u alarm%s of the mail gateway %s", m->n,
                 m->n == 1 ? "" : "s", c->hostname);
        (void)!buf_printf(&m->text, "What is open now: postern domains alarms\r\nOne domain's "
                                    "history: postern domains show DOMAIN\r\n");
        worker_write(q, &(struct system_mail){
                            .about = ABOUT_ALARMS,
                            .about_id = m->last,
                            .to = str_c(c->admin),
                            .subject = str_c(subject),
                            .text = buf_str(&m->text),
                        });
        q->domains.alarms_mailed_ms = clock_mono_ms();
    } else {
        q->domains.alarms_due = result != STORE_OK;
    }
    buf_free(&m->text);
}

void alarms_tick(struct queue *q)
{
    const struct conf *c = child_conf(q->child);
    settle_lost(q);
    end_of_hop_alarms(q);
    int64_t part = c->monitor.loss_window / 60;
    int64_t again = part > MAIL_AGAIN_MIN_MS ? part < MAIL_AGAIN_MAX_MS ? part : MAIL_AGAIN_MAX_MS
                                             : MAIL_AGAIN_MIN_MS;
    bool waiting =
        q->domains.alarms_mailed_ms && clock_mono_ms() - q->domains.alarms_mailed_ms < again;
    if (!q->domains.alarms_due || q->domains.alarms_reading || waiting || !*c->admin ||
        !queue_can_send(q)) {
        return;
    }
    mailing = (struct mailing){.q = q, .text = BUF_INIT(60 * 1024)};
    q->domains.alarms_reading = true;
    store_read(q->store,
               &(struct store_query){.what = STORE_UNMAILED_ALARMS, .max = MAIL_ALARMS_MAX},
               &(struct store_rows){.arg = &mailing, .alarm = add_alarm, .done = on_alarms});
}
