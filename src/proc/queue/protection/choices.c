/* SPDX-License-Identifier: Apache-2.0
 * choices.c: mail whose sender is asked what to do (rules with action ask). It is held; he gets
 * a notice with one address for each choice, signed with a secret of this store; a mail to one
 * of them is the choice. Only from inside clients, only from the address that the held mail came
 * from, only until the time is over: then it comes back.
 *
 * Called by submit.c (a mail to a choice), job.c (the notice's addresses) and schedule.c (time
 * that is over). What can go wrong: a forged, old or second choice: it changes nothing, and the
 * one who sent it hears why.
 */
#include "base/clock.h"
#include "base/log.h"
#include "proc/queue/protection/channel.h"
#include "proc/queue/queue.h"
#include "seal/token.h"
#include "wire/id.h"

#include <stdlib.h>

enum { LOOK_MS = 30 * 1000, LOOK_BATCH = 1000 };

static const struct {
    char letter;
    const char *words; /* in the notice, and in the report */
    bool as_is;
} choices[] = {{'p', "send it protected", false},
               {'n', "send it as it is: there is nothing in it that needs protection", true},
               {'a', "send it as it is: the recipient agreed to that", true},
               {'d', "do not send it", false}};

static const char prefix[] = "choice+";

void choices_secret(void *arg, struct str secret)
{
    struct queue *q = arg;
    must(secret.n == TOKEN_SECRET);
    memcpy(q->protection.choice_secret, secret.p, TOKEN_SECRET);
}

/* "choice+pID-TOKEN": the token is about choice, message and sender. */
static void choice_text(char letter, uint64_t id, struct str sender, struct buf *b)
{
    char number[ID_TEXT];
    id_text(id, number);
    must(buf_printf(b, "choice %c %s ", letter, number) == 0);
    for (size_t i = 0; i < sender.n; i++) { /* mail programs write it in small or large letters */
        char c = str_lower(sender.p[i]);
        must(buf_append(b, &c, 1) == 0);
    }
}

void choices_addresses(const struct queue *q, const struct store_message *m,
                       const struct store_rcpt *r, struct buf *out)
{
    struct protect_record record;
    char token[TOKEN_TEXT], number[ID_TEXT];
    protection_record(r, &record);
    id_text(m->id, number);
    for (size_t i = 0; i < ARRAY_LEN(choices); i++) {
        if (!choices[i].as_is || record.may_send_as_is) {
            struct buf text = BUF_INIT(2048);
            choice_text(choices[i].letter, m->id, m->reverse_path, &text);
            token_make(q->protection.choice_secret, buf_str(&text), token);
            buf_free(&text);
            (void)!buf_printf(out, "%s\t%s%c%s-%s@%s\n", choices[i].words, prefix,
                              choices[i].letter, number, token, child_conf(q->child)->hostname);
        }
    }
}

/* --- a choice comes ----------------------------------------------------- */

bool choices_is_one(const struct queue *q, struct str forward_path)
{
    return str_starts_nocase(forward_path, str_c(prefix)) &&
           domain_eq(domain_of(forward_path), domain_kept(str_c(child_conf(q->child)->hostname)));
}

static void choices_apply(struct queue *q, size_t choice, const struct store_rcpt *row)
{
    struct store_rcpt r = *row;
    struct protect_record record;
    struct ladder_order l;
    struct buf text = BUF_INIT(PROTECT_RECORD_MAX), words = BUF_INIT(PROTECT_WORDS_MAX);
    protection_record(row, &record);
    bool as_is = choices[choice].as_is;
    (void)!buf_add(&words, record.words);
    (void)!buf_printf(&words, "the sender chose: %s\n", choices[choice].words);
    record.words = buf_str(&words);
    record.asked = false;
    record.by_person = true;
    record.demand = as_is                           ? DEMAND_NONE
                    : record.demand > DEMAND_SECURE ? record.demand
                                                    : DEMAND_SECURE;
    ladder_of(child_conf(q->child), record.ladder, &l);
    r.state = RCPT_QUEUED;
    r.reason = REASON_NONE;
    r.reply = r.code = STR("");
    r.next_ms = clock_wall_ms();
    r.notice = NOTICE_NONE;
    if (choices[choice].letter == 'd') {
        r.state = RCPT_DELETED;
        r.reason = REASON_TAKEN_BACK;
    } else if (!as_is) {
        const struct channel_call call = {
            .rcpt = &r,
            .tells_sender = true,
            .why = "the sender wants it protected",
        };
        (void)channels_enter(channels_built, channels_there(channels_built, child_conf(q->child)),
                             &l, &record, 0, &call);
        r.bounced = false;
    }
    if (protect_record_write(&record, &text) == 0) {
        r.protection = buf_str(&text);
    }
    store_decided(q->store, &r);
    if (r.state != RCPT_QUEUED) {
        ending_note(q, &r);
    }
    queue_retry_at(q, queue_destination(q, r.next_hop), r.next_ms);
    q->delivery.bounces_due |= r.state == RCPT_FAILED;
    buf_free(&text);
    buf_free(&words);
}

/* Which choice a mail to this address is, and about which message. NULL, or words for why it is
 * none. */
static const char *choices_parse(struct queue *q, const struct store_message *m,
                                 struct str forward_path, size_t *ret_choice, uint64_t *ret_id)
{
    struct str local = str_slice(forward_path, sizeof prefix - 1, str_find_last(forward_path, '@'));
    const struct protect_mail mail = {
        .login = m->login,
        .client_ip = m->client,
        .forward_path = forward_path,
    };
    size_t dash = str_find(local, '-', 0);
    if (!protect_is_from_inside(child_conf(q->child), &mail) || dash != ID_TEXT ||
        id_parse(str_slice(local, 1, dash), ret_id) < 0) {
        return "this is not an address for a choice";
    }
    *ret_choice = ARRAY_LEN(choices);
    for (size_t i = 0; i < ARRAY_LEN(choices); i++) {
        *ret_choice = str_lower(local.p[0]) == choices[i].letter ? i : *ret_choice;
    }
    struct buf text = BUF_INIT(2048);
    bool right = *ret_choice < ARRAY_LEN(choices);
    if (right) {
        choice_text(choices[*ret_choice].letter, *ret_id, m->reverse_path, &text);
        right = token_ok(q->protection.choice_secret, buf_str(&text),
                         str_slice(local, dash + 1, local.n));
    }
    buf_free(&text);
    return right ? NULL : "this choice is not one that was offered to you";
}

bool choices_query(struct queue *q, const struct store_message *m, struct str forward_path,
                   struct store_query *ret)
{
    size_t choice;
    *ret = (struct store_query){.what = STORE_REPORT};
    return choices_parse(q, m, forward_path, &choice, &ret->number) == NULL;
}

void choices_on_message(struct choices *c, const struct store_message *m)
{
    c->messages = realloc(c->messages, (c->n_messages + 1) * sizeof *c->messages);
    must(c->messages);
    c->messages[c->n_messages] = (struct store_message){.id = m->id};
    must(arena_copy(&c->text, m->reverse_path, &c->messages[c->n_messages++].reverse_path) == 0);
}

void choices_on_rcpt(struct choices *c, const struct store_rcpt *row)
{
    if (row->state != RCPT_HELD || row->reason != REASON_ASKED) {
        return;
    }
    c->rcpts = realloc(c->rcpts, (c->n_rcpts + 1) * sizeof *c->rcpts);
    must(c->rcpts);
    struct store_rcpt *r = &c->rcpts[c->n_rcpts++];
    *r = *row;
    struct str *texts[] = {&r->forward_path, &r->next_hop, &r->code,       &r->reply,
                           &r->host,         &r->orcpt,    &r->protection, &r->reverse_path};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        must(arena_copy(&c->text, *texts[i], texts[i]) == 0);
    }
}

void choices_free(struct choices *c)
{
    free(c->messages);
    free(c->rcpts);
    arena_reset(&c->text);
    *c = (struct choices){0};
}

static bool choices_is_sender(const struct choices *known, uint64_t id, struct str sender)
{
    for (size_t i = 0; i < known->n_messages; i++) {
        if (known->messages[i].id == id) {
            return address_same(known->messages[i].reverse_path, sender);
        }
    }
    return false;
}

const char *choices_take(struct queue *q, const struct store_message *m, struct str forward_path,
                         struct choices *known)
{
    char number[ID_TEXT];
    uint64_t id;
    size_t choice, n = 0;
    const char *wrong = choices_parse(q, m, forward_path, &choice, &id);
    if (wrong) {
        return wrong;
    }
    for (size_t i = 0; i < known->n_rcpts && choices_is_sender(known, id, m->reverse_path); i++) {
        struct store_rcpt *r = &known->rcpts[i];
        if (r->id == id && r->state == RCPT_HELD) {
            choices_apply(q, choice, r);
            r->state = RCPT_QUEUED; /* not by another choice of the same mail */
            n++;
        }
    }
    id_text(id, number);
    log_notice("choice", KV("id", number), KVS("from", m->reverse_path),
               KV("choice", choices[choice].words), KVN("recipients", n));
    return n > 0 ? NULL : "this choice was made already, or its time is over";
}

/* --- time that is over -------------------------------------------------- */

/* One batch of those who wait for a choice, from where the last one ended. */
struct look {
    struct queue *q;
    unsigned n;
    uint64_t last;
};

static void expire_one(void *arg, const struct store_rcpt *row)
{
    struct look *k = arg;
    struct queue *q = k->q;
    struct protect_record record;
    k->n++;
    k->last = row->rcpt;
    protection_record(row, &record);
    if (clock_wall_ms() < record.asked_until_ms) {
        return;
    }
    struct store_rcpt r = *row;
    r.state = RCPT_FAILED;
    r.code = STR("5.7.1");
    r.reply = STR("no choice was made in time; it was sent to nobody");
    r.bounced = false;
    store_decided(q->store, &r);
    ending_note(q, &r);
    q->delivery.bounces_due = true;
}

static void on_looked(void *arg, enum store_result result)
{
    struct look *k = arg;
    /* the rest with the next turn of the timer */
    k->q->protection.choices_after = result == STORE_OK && k->n == LOOK_BATCH ? k->last : 0;
    k->q->protection.choices_looking = false;
    free(k);
}

void choices_tick(struct queue *q)
{
    int64_t now = clock_mono_ms();
    if (q->protection.choices_looking ||
        (q->protection.choices_after == 0 && q->protection.choices_looked_ms != 0 &&
         now - q->protection.choices_looked_ms < LOOK_MS)) {
        return;
    }
    struct look *k = err_calloc(1, sizeof *k);
    k->q = q;
    q->protection.choices_looking = true;
    q->protection.choices_looked_ms = now;
    store_read(q->store,
               &(struct store_query){
                   .what = STORE_HELD,
                   .kind = REASON_ASKED,
                   .number = q->protection.choices_after,
                   .max = LOOK_BATCH,
               },
               &(struct store_rows){.arg = k, .rcpt = expire_one, .done = on_looked});
}
