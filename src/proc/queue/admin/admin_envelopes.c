/* SPDX-License-Identifier: Apache-2.0
 * admin_envelopes.c: answers postern envelope. Called by admin.c.
 */
#include "base/clock.h"
#include "base/log.h"
#include "proc/admin_verbs.h"
#include "proc/queue/queue.h"
#include "proc/queue/pickup/scene.h"
#include "proc/queue/admin/walk.h"
#include "seal/password.h"
#include "wire/id.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROWS_MAX = 10000, EVENTS_MAX = 1000 };

static const char none_such[] =
    "there is no such envelope (its number is in postern envelope list)";

static void admin_envelopes_send_row(void *arg, const struct store_envelope *e)
{
    struct walk *w = arg;
    const struct ipc_msg m = portal_row(e, 0);
    w->n++;
    ipc_send(w->to, &m);
}

static void admin_envelopes_send_event(void *arg, const struct store_envelope_event *e)
{
    const struct walk *w = arg;
    const struct ipc_msg m = portal_event_row(e, 0);
    ipc_send(w->to, &m);
}

/* "" for all, "to ADDRESS", "from ADDRESS". */
static void admin_envelopes_list(struct queue *q, struct ipc_channel *ch, struct str argument)
{
    struct str how;
    bool some = argument.n > 0 && str_split(&argument, ' ', &how);
    const struct address_key address = address_key(argument);
    struct store_query query = {.what = STORE_ENVELOPES, .max = ROWS_MAX};
    if (some) {
        query.what = STORE_ENVELOPES_OF;
        query.kind = str_eq(how, STR("from")) ? ENVELOPE_OF_SENDER : ENVELOPE_OF_ADDRESS;
        query.text = str_c(address.text);
    }
    walk_start(q, ch, STR(""), &query, 1,
               &(struct store_rows){.envelope = admin_envelopes_send_row});
}

static void on_shown(struct walk *w)
{
    walk_finish(w->to, w->n > 0, w->n > 0 ? "" : none_such);
}

static void admin_envelopes_show(struct queue *q, struct ipc_channel *ch, struct str argument)
{
    uint64_t number;
    if (id_parse(argument, &number) < 0) {
        walk_finish(ch, false, none_such);
        return;
    }
    const struct store_query queries[] = {
        {.what = STORE_ENVELOPES_BY, .kind = ENVELOPE_BY_NUMBER, .number = number},
        {.what = STORE_ENVELOPE_EVENTS, .number = number, .max = EVENTS_MAX},
    };
    walk_start(q, ch, STR(""), queries, ARRAY_LEN(queries),
               &(struct store_rows){
                   .envelope = admin_envelopes_send_row,
                   .event = admin_envelopes_send_event,
               })
        ->end = on_shown;
}

/* An act on an envelope, until it is done; who ordered it may hang up meanwhile. */
struct envelope_act {
    struct ipc_channel *ch; /* NULL: hung up */
    struct acting acting;
    enum portal_act act;
    char name[16], number[ID_TEXT], argument[PASSWORD_HASH_MAX + 1];
    struct queue *q;
    bool found;
    struct link link;
};

static struct link envelope_acts = {&envelope_acts, &envelope_acts};

void admin_envelopes_requester_gone(const struct ipc_channel *ch)
{
    LIST_EACH (it, &envelope_acts) {
        struct envelope_act *w = LIST_OF(it, struct envelope_act, link);
        w->ch = w->ch == ch ? NULL : w->ch;
    }
}

/* problem: NULL, it was done. */
static void act_end(struct envelope_act *w, const char *problem)
{
    if (!problem) {
        acts_add(w->q, &w->acting, ADMIN_ENVELOPE_ACT, str_c(w->number), str_c(w->name));
    }
    walk_finish(w->ch, problem == NULL, problem ? problem : "");
    pickup_due(w->q);
    list_remove(&w->link);
    free(w);
}

static void admin_envelopes_on_thread(void *arg, const struct store_thread *t)
{
    struct envelope_act *w = arg;
    w->found = true;
    store_put_thread(w->q->store, &(struct store_thread){
                                      .thread = t->thread,
                                      .inside = t->inside,
                                      .outside = t->outside,
                                      .made_ms = t->made_ms,
                                      .lowered = true,
                                  });
}

static void admin_envelopes_on_lowered(void *arg, enum store_result result)
{
    struct envelope_act *w = arg;
    act_end(w, result != STORE_OK ? "the store could not be read"
               : w->found         ? NULL
                                  : "its conversation is not there any more");
}

/* The conversation goes the ordinary way from now on. */
static void lower_conversation(struct envelope_act *w, const struct store_envelope *e,
                               struct str who)
{
    envelope_event(w->q, e->envelope, EVENT_LEVEL, who,
                   "the conversation was let go: answers take the ordinary way");
    store_read(w->q->store, &(struct store_query){.what = STORE_THREAD, .text = e->thread},
               &(struct store_rows){
                   .arg = w,
                   .thread = admin_envelopes_on_thread,
                   .done = admin_envelopes_on_lowered,
               });
}

static const char *why_not(const struct store_envelope *e, enum portal_act act)
{
    static const char *const at_least[] = {"", "1", "2", "3"};
    static char words[200];
    if (act == ACT_LEVEL && e->state <= ENVELOPE_LOCKED && !e->sealed && e->least > 0) {
        snprintf(words, sizeof words,
                 "the level is a number from %s to 2: a rule or the portal asked for that much "
                 "when the mail came, and nobody can ask for less",
                 at_least[e->least & 3]);
        return words;
    }
    return act == ACT_RECALL && envelope_must_stay(e)
               ? "it is under a legal hold, so its key is kept; postern envelope unhold ENVELOPE "
                 "ends the hold"
               : "that is not possible with this envelope now, or its argument is wrong";
}

static void admin_envelopes_on_act(struct scene *s, void *arg)
{
    struct envelope_act *w = arg;
    const struct store_envelope *e = &s->envelope.e;
    char who[ACTING_WORDS];
    acts_words(&w->acting, who);
    if (s->failed || !s->envelope.found) {
        act_end(w, s->failed ? "the store could not be read" : none_such);
    } else if (w->act == ACT_END) {
        lower_conversation(w, e, str_c(who));
    } else if (portal_act(s, w->act, str_c(w->argument), str_c(who))) {
        act_end(w, NULL);
    } else {
        act_end(w, why_not(e, w->act));
    }
}

/* "ACT NUMBER ARGUMENT". */
static void admin_envelopes_change(struct queue *q, struct ipc_channel *ch, struct str argument)
{
    static const struct {
        const char *name;
        enum portal_act act;
    } acts[] = {
        {"extend", ACT_EXTEND}, {"recall", ACT_RECALL}, {"lock", ACT_LOCK}, {"unlock", ACT_UNLOCK},
        {"resend", ACT_RESEND}, {"level", ACT_LEVEL},   {"hold", ACT_HOLD}, {"unhold", ACT_UNHOLD},
        {"phrase", ACT_PHRASE}, {"lower", ACT_END},
    };
    struct str name, number;
    uint64_t id;
    size_t i = 0;
    if (!str_split(&argument, ' ', &name) || !str_split(&argument, ' ', &number) ||
        id_parse(number, &id) < 0) {
        walk_finish(ch, false, none_such);
        return;
    }
    while (i < ARRAY_LEN(acts) && !str_eq(name, str_c(acts[i].name))) {
        i++;
    }
    if (i == ARRAY_LEN(acts) || argument.n >= sizeof((struct envelope_act *)0)->argument) {
        walk_finish(ch, false, "not something that can be done with an envelope");
        return;
    }
    struct envelope_act *w = err_calloc(1, sizeof *w);
    w->q = q;
    w->ch = ch;
    w->acting = acts_who(ch);
    w->act = acts[i].act;
    str_copy_cut(name, w->name, sizeof w->name);
    str_copy_cut(number, w->number, sizeof w->number);
    str_copy_cut(argument, w->argument, sizeof w->argument);
    list_append(&envelope_acts, &w->link);
    scene_read(q,
               &(struct scene_of){
                   .needs = NEEDS_ENVELOPE | NEEDS_RCPT | NEEDS_PERSON,
                   .number = id,
                   .whose = WHOSE_ENVELOPE,
               },
               admin_envelopes_on_act, w);
}

bool admin_envelopes(struct queue *q, struct ipc_channel *ch, enum admin_verb verb,
                     const struct ipc_admin *a)
{
    if (verb == ADMIN_ENVELOPES) {
        admin_envelopes_list(q, ch, a->argument);
    } else if (verb == ADMIN_ENVELOPE) {
        admin_envelopes_show(q, ch, a->argument);
    } else if (verb == ADMIN_ENVELOPE_ACT) {
        admin_envelopes_change(q, ch, a->argument);
    } else {
        return false;
    }
    return true;
}
