/* SPDX-License-Identifier: Apache-2.0
 * protection.c: what each recipient needs is decided here, with what the inspection found, and
 * what follows from that: the way it goes, waits, comes back or is held (policy/protect.c
 * decides, channel.c acts). Called by submit.c for mail that needs no inspection, and by
 * inspect.c.
 */
#include "base/log.h"
#include "proc/queue/protection/channel.h"
#include "proc/queue/protection/protection.h"
#include "proc/queue/queue.h"
#include "wire/id.h"
#include "wire/notify.h"

#include <stdio.h>
#include <stdlib.h>

static struct protect_mail mail_of(const struct store_message *m, struct str forward_path,
                                   struct str facts)
{
    return (struct protect_mail){
        .reverse_path = m->reverse_path,
        .forward_path = forward_path,
        .login = m->login,
        .client_ip = m->client,
        .certificate = m->certificate,
        .size = m->size,
        .facts = facts,
    };
}

bool protection_needs_inspection(const struct queue *q, const struct store_message *m,
                                 struct str forward_path)
{
    const struct protect_mail mail = mail_of(m, forward_path, STR(""));
    return protect_needs_inspection(child_conf(q->child), &mail);
}

/* The lines of words as one line, cut to fit. */
static void one_line(const char *words, char *dst, size_t size)
{
    size_t n = 0;
    for (const char *p = words; *p && n + 3 < size; p++) {
        if (*p == '\n' && !p[1]) {
            break;
        }
        if (*p == '\n') {
            dst[n++] = ';';
            dst[n++] = ' ';
        } else {
            dst[n++] = *p;
        }
    }
    dst[n] = '\0';
}

static void protection_fail(struct store_rcpt *r, enum reason reason, const char *words)
{
    r->state = RCPT_FAILED;
    r->reason = reason;
    r->code = str_c(reason_bounced_code(reason));
    r->reply = str_c(words);
}

/* What comes of the action; true: the ladder has the next word. */
static bool protection_act(struct decided *d, bool tells, bool has_sender)
{
    const struct protection *p = &d->protection;
    struct store_rcpt *r = &d->rcpt;
    const char *words = d->words;
    const struct channel_call call = {
        .rcpt = r,
        .tells_sender = tells,
        .why = p->text ? p->text : words,
    };
    switch (p->action) {
    case PROTECT_PASS:
        return true;
    case PROTECT_CHOOSE: /* a mail that has no sender is held for somebody else to look at */
        channels_built[CHANNEL_HOLD].take(&call);
        r->reason = has_sender ? REASON_ASKED : REASON_HELD;
        r->notice = has_sender ? NOTICE_DUE : NOTICE_NONE;
        break;
    case PROTECT_HOLD:
        channels_built[CHANNEL_HOLD].take(&call);
        break;
    case PROTECT_BOUNCE:
    case PROTECT_REJECT:
        protection_fail(r, REASON_REFUSED, call.why);
        break;
    case PROTECT_ASK:
        protection_fail(r, REASON_NEAR_MISS, words);
        break;
    case PROTECT_TEST:
        protection_fail(r, REASON_TESTED, d->outcome);
        break;
    case PROTECT_ACTION_END:
        break;
    }
    return false;
}

static void log_decision(const struct store_message *m, const struct store_rcpt *r,
                         const struct protection *p, const char *words)
{
    char id[ID_TEXT];
    id_text(m->id, id);
    log_info("protection", KV("id", id), KVS("to", r->forward_path),
             KV("direction", protect_direction_name(p->direction)),
             KV("demand", demand_name(p->demand)), KV("action", protect_action_name(p->action)),
             KV("ladder", p->ladder), KV("why", words));
}

/* What would have been done, for the letter and the report. */
static void try_out(struct queue *q, const struct store_message *m, struct decided *d)
{
    CLEANUP(buf_free) struct buf text = BUF_INIT(4 * sizeof d->outcome);
    if (trial_outcome(q, m, d, &text) < 0) {
        (void)!buf_add(&text, STR("..."));
    }
    str_copy_cut(buf_str(&text), d->outcome, sizeof d->outcome);
}

/* A forward goes over a secure connection; what escalates cannot be forwarded at all and goes
 * back inside. */
static void forward_needs(struct protection *p, const char *address)
{
    char words[PROTECT_WORDS_MAX];
    p->demand = p->demand > DEMAND_SECURE ? p->demand : DEMAND_SECURE;
    p->off_site = false;
    p->ladder = ""; /* transport alone, then back inside */
    snprintf(words, sizeof words, "secure: forwarded for %.200s, which is kept to TLS\n%.1300s",
             address, p->words);
    str_copy_cut(str_c(words), p->words, sizeof p->words);
}

/* Who writes in the portal may want it to stay there. */
static void sender_chose(struct protection *p, struct str why)
{
    char words[PROTECT_WORDS_MAX];
    p->demand = DEMAND_ESCALATED;
    p->off_site = false;
    p->ladder = LADDER_PORTAL_ONLY;
    snprintf(words, sizeof words, STR_FMT "%.1300s",
             STR_ARG(str_slice(why, 0, why.n < 200 ? why.n : 200)), p->words);
    str_copy_cut(str_c(words), p->words, sizeof p->words);
}

/* A conversation that began in the portal goes on there, until somebody with the right lets it
 * go. */
static void thread_needs(struct protection *p, const char *thread)
{
    char words[PROTECT_WORDS_MAX];
    p->demand = DEMAND_ESCALATED;
    p->off_site = false;
    p->ladder = LADDER_PORTAL_ONLY;
    snprintf(words, sizeof words,
             "escalated: it belongs to the conversation %.20s, which began in the portal\n%.1300s",
             thread, p->words);
    str_copy_cut(str_c(words), p->words, sizeof p->words);
}

void protection_decide(struct queue *q, const struct store_message *m, struct str facts,
                       struct decided *d)
{
    const struct conf *c = child_conf(q->child);
    struct protect_mail mail = mail_of(m, d->rcpt.forward_path, facts);
    struct protect_record record, before;
    struct ladder_order ladder;
    struct buf text = BUF_INIT(sizeof d->record);
    protect_record_read(d->rcpt.protection, &before);
    mail.is_copy = d->is_copy;
    protect_decide(c, &mail, &d->protection);
    if (before.back[0]) {
        forward_needs(&d->protection, before.back);
    }
    if (before.thread[0]) {
        thread_needs(&d->protection, before.thread);
    } else if (before.demand == DEMAND_ESCALATED && !before.back[0]) {
        sender_chose(&d->protection, before.words);
    }
    const struct protection *p = &d->protection;
    bool tells = m->reverse_path.n > 0 && notify_wants(d->rcpt.notify, NOTIFY_DELAY);
    one_line(p->words, d->words, sizeof d->words);
    protect_record_of(p, &record);
    str_copy_cut(str_c(before.back), record.back, sizeof record.back);
    str_copy_cut(str_c(before.thread), record.thread, sizeof record.thread);
    record.pickup_level =
        before.pickup_level > record.pickup_level ? before.pickup_level : record.pickup_level;
    if (before.tags[0]) {
        size_t n = strlen(record.tags);
        snprintf(record.tags + n, sizeof record.tags - n, "%s%s", n ? ", " : "", before.tags);
    }
    record.asked = p->action == PROTECT_CHOOSE && m->reverse_path.n > 0;
    /* not theirs to undo */
    record.may_send_as_is =
        record.asked && p->may_send_as_is && p->demand != DEMAND_ESCALATED && !p->off_site;
    record.asked_until_ms = record.asked ? m->arrived_ms + p->ask_ms : 0;
    rules_route(c, m->reverse_path, d->rcpt.forward_path, &d->route);
    if (p->action == PROTECT_TEST) {
        try_out(q, m, d);
    }
    if (protection_act(d, tells, m->reverse_path.n > 0) && p->demand != DEMAND_NONE) {
        const struct channel_call call = {.rcpt = &d->rcpt, .tells_sender = tells, .why = d->words};
        ladder_of(c, p->ladder, &ladder);
        (void)channels_enter(channels_built, channels_there(channels_built, c), &ladder, &record, 0,
                             &call);
    }
    /* it went to nobody: NOTIFY=NEVER does not hide that */
    bool must_tell = p->action == PROTECT_TEST || p->action == PROTECT_ASK;
    d->rcpt.bounced =
        d->rcpt.state == RCPT_FAILED &&
        (m->reverse_path.n == 0 || (!must_tell && !notify_wants(d->rcpt.notify, NOTIFY_FAILURE)));
    if (p->tells_outcome && m->reverse_path.n > 0 && p->action != PROTECT_ASK &&
        p->action != PROTECT_CHOOSE) {
        /* the one letter: held, sent back or sent, all stand in it */
        d->rcpt.notice = NOTICE_OUTCOME;
    }
    if (protect_record_write(&record, &text) < 0) {
        record.words = STR("");
        buf_reset(&text);
        must(protect_record_write(&record, &text) == 0);
    }
    memcpy(d->record, buf_str(&text).p, buf_len(&text));
    d->rcpt.protection = str_from(d->record, buf_len(&text));
    buf_free(&text);
    q->protection.demands[p->demand]++;
    if (hop_kind(d->rcpt.next_hop) != HOP_PORTAL) {
        d->rcpt.next_hop = domain_str(&d->route.next_hop);
    }
    if (d->words[0]) {
        log_decision(m, &d->rcpt, p, d->words);
    }
}

/* Somebody is to know, without the content. */
void protection_notify(struct queue *q, const struct store_message *m, const struct decided *d)
{
    char id[ID_TEXT], subject[128];
    id_text(m->id, id);
    snprintf(subject, sizeof subject, "Mail %s met a rule", id);
    for (size_t i = 0; i < d->protection.n_notify; i++) {
        struct buf text = BUF_INIT(8192);
        (void)!buf_printf(
            &text,
            "A mail met a rule of which you are told.\r\n\r\nNumber: %s\r\nFrom:   <" STR_FMT
            ">\r\nTo:     <" STR_FMT ">\r\n\r\n%s\r\n\r\nMore: postern message %s\r\n",
            id, STR_ARG(m->reverse_path), STR_ARG(d->rcpt.forward_path), d->words, id);
        worker_write(q, &(struct system_mail){
                            .to = str_c(d->protection.notify[i]),
                            .subject = str_c(subject),
                            .text = buf_str(&text),
                        });
        buf_free(&text);
    }
}

void protection_record(const struct store_rcpt *r, struct protect_record *ret)
{
    protect_record_read(r->protection, ret);
}

bool protection_has_next(const struct queue *q, const struct protect_record *record)
{
    struct ladder_order l;
    ladder_of(child_conf(q->child), record->ladder, &l);
    return record->back[0] ||
           (record->demand == DEMAND_SECURE &&
            ladder_next(&l, record->rung + 1, channels_there(channels_built, child_conf(q->child)),
                        false) < l.n);
}

int64_t protection_patience_ms(const struct queue *q, const struct protect_record *record)
{
    struct ladder_order l;
    ladder_of(child_conf(q->child), record->ladder, &l);
    return record->rung < l.n ? l.rungs[record->rung].patience_ms : LADDER_PATIENCE_MS;
}

/* A forward that cannot go securely: the mailbox inside gets it, and the forward is off. */
static int turn_back(struct queue *q, struct store_rcpt *r, struct protect_record *record,
                     const char *why, struct arena *arena)
{
    struct route route;
    struct protect_record inside = {.counts = COUNTS_CERT};
    struct buf words = BUF_INIT(PROTECT_WORDS_MAX), text = BUF_INIT(PROTECT_RECORD_MAX);
    forwards_failed(q, r->forward_path, record->back, why);
    int e =
        buf_printf(&words, "was to be forwarded to " STR_FMT "; delivered inside instead: %.400s\n",
                   STR_ARG(r->forward_path), why);
    rules_route(child_conf(q->child), STR(""), str_c(record->back), &route);
    inside.words = buf_str(&words);
    e = e < 0 ? e : protect_record_write(&inside, &text);
    e = e < 0 ? e : arena_copy(arena, str_c(record->back), &r->forward_path);
    e = e < 0 ? e : arena_copy(arena, domain_str(&route.next_hop), &r->next_hop);
    e = e < 0 ? e : arena_copy(arena, buf_str(&text), &r->protection);
    if (e == 0) {
        r->state = RCPT_QUEUED;
        r->attempts = 0;
        r->next_ms = r->last_ms;
        r->tls_offered = false;
        store_redirect(q->store, r);
    }
    buf_free(&words);
    buf_free(&text);
    return e;
}

int protection_step_down(struct queue *q, struct store_rcpt *r, bool tells_sender,
                         struct arena *arena)
{
    struct protect_record record;
    struct ladder_order l;
    char why[1024];
    struct buf text = BUF_INIT(PROTECT_RECORD_MAX), words = BUF_INIT(PROTECT_WORDS_MAX);
    q->protection.steps_down++;
    protect_record_read(r->protection, &record);
    ladder_of(child_conf(q->child), record.ladder, &l);
    snprintf(why, sizeof why, "no secure connection could be had: %s%s" STR_FMT,
             reason_sentence(r->reason), r->reply.n > 0 ? "; " : "", STR_ARG(r->reply));
    struct str kept = STR("");
    if (arena_copy(arena, str_c(why), &kept) < 0) {
        return -ENOSPC;
    }
    if (record.back[0]) {
        return turn_back(q, r, &record, kept.p, arena);
    }
    const struct channel_call call = {.rcpt = r, .tells_sender = tells_sender, .why = kept.p};
    (void)channels_enter(channels_built, channels_there(channels_built, child_conf(q->child)), &l,
                         &record, record.rung + 1, &call);
    const char *now = record.rung < l.n ? channel_name(l.rungs[record.rung].channel) : "nothing";
    int e = buf_add(&words, record.words);
    e = e < 0 ? e
              : buf_printf(&words, "went down the ladder \"%s\" to %s: %.300s\n", record.ladder,
                           now, why);
    record.words = e < 0 ? record.words : buf_str(&words);
    e = protect_record_write(&record, &text);
    if (e == 0) {
        e = arena_copy(arena, buf_str(&text), &r->protection);
    }
    if (e == 0 && hop_kind(r->next_hop) == HOP_PORTAL) {
        r->attempts = 0;
        r->next_ms = r->last_ms;
        store_redirect(q->store, r);
    }
    buf_free(&text);
    buf_free(&words);
    return e;
}

void protection_release(struct queue *q, const struct store_rcpt *r, const char *who)
{
    struct protect_record record;
    struct store_rcpt released = *r;
    struct buf text = BUF_INIT(PROTECT_RECORD_MAX), words = BUF_INIT(PROTECT_WORDS_MAX + 200);
    protect_record_read(r->protection, &record);
    bool was_escalated = record.demand == DEMAND_ESCALATED;
    if (r->protection.n > 0 && buf_add(&words, record.words) == 0 &&
        buf_printf(&words, "released by %s%s\n", who,
                   was_escalated ? ": a secure connection suffices now" : "") == 0) {
        record.demand = was_escalated ? DEMAND_SECURE : record.demand;
        record.by_person = true;
        record.rung = 0;
        record.ladder[0] = '\0'; /* transport alone: it does not come back to this person */
        record.words = buf_str(&words);
        if (protect_record_write(&record, &text) == 0) {
            released.protection = buf_str(&text);
            store_decided(q->store, &released);
        }
    }
    buf_free(&text);
    buf_free(&words);
}
