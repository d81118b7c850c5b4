/* SPDX-License-Identifier: Apache-2.0
 * admin_envelopes.c: answers postern envelope, and what postern message says about the portal.
 * Called by admin.c.
 */
#include "base/clock.h"
#include "base/log.h"
#include "proc/admin_verbs.h"
#include "proc/queue/queue.h"
#include "wire/id.h"

#include <stdio.h>

enum { ROWS_MAX = 10000, EVENTS_MAX = 1000 };

static void admin_envelopes_done(struct ipc_channel *ch, const char *problem)
{
    ipc_send(ch, &(struct ipc_msg){.type = IPC_admin_done,
                                   .admin_done = {.ok = problem == NULL,
                                                  .text = str_c(problem ? problem : "")}});
}

static void admin_envelopes_send_row(void *arg, const struct store_envelope *e)
{
    const struct ipc_msg m = portal_row(e, 0);
    ipc_send(arg, &m);
}

static void admin_envelopes_send_event(void *arg, const struct store_envelope_event *e)
{
    struct ipc_msg row = {.type = IPC_row_envelope_event};
    RECORD_COPY(envelope_event, &row.row_envelope_event, e);
    ipc_send(arg, &row);
}

struct numbers {
    uint64_t v[256];
    size_t n;
};

static void admin_envelopes_note(void *arg, const struct store_envelope *e)
{
    struct numbers *a = arg;
    if (a->n < ARRAY_LEN(a->v)) {
        a->v[a->n++] = e->envelope;
    }
}

void admin_envelopes_of_message(struct queue *q, struct ipc_channel *ch, uint64_t id)
{
    struct numbers all = {.n = 0};
    if (store_envelopes(q->store, ENVELOPE_BY_MESSAGE, id, admin_envelopes_send_row, ch) !=
            STORE_OK ||
        store_envelopes(q->store, ENVELOPE_BY_MESSAGE, id, admin_envelopes_note, &all) !=
            STORE_OK) {
        return;
    }
    for (size_t i = 0; i < all.n; i++) {
        (void)!store_envelope_events(q->store, all.v[i], EVENTS_MAX, admin_envelopes_send_event,
                                     ch);
    }
}

/* "" for all, "to ADDRESS", "from ADDRESS". */
static const char *admin_envelopes_list(struct queue *q, struct ipc_channel *ch,
                                        struct str argument)
{
    struct str how;
    bool some = argument.n > 0 && str_split(&argument, ' ', &how);
    const struct address_key address = address_key(argument);
    enum store_result r =
        !some ? store_each_envelope(q->store, ROWS_MAX, admin_envelopes_send_row, ch)
              : store_envelopes_of(q->store,
                                   str_eq(how, STR("from")) ? ENVELOPE_OF_SENDER
                                                            : ENVELOPE_OF_ADDRESS,
                                   str_c(address.text), ROWS_MAX, admin_envelopes_send_row, ch);
    return r == STORE_OK ? NULL : "the store could not be read";
}

static const char *admin_envelopes_show(struct queue *q, struct ipc_channel *ch,
                                        struct str argument)
{
    struct kept_envelope k;
    uint64_t number;
    if (id_parse(argument, &number) < 0 || !envelope_get(q, ENVELOPE_BY_NUMBER, number, &k)) {
        return "there is no such envelope (its number is in postern envelope list)";
    }
    admin_envelopes_send_row(ch, &k.e);
    return store_envelope_events(q->store, number, EVENTS_MAX, admin_envelopes_send_event, ch) ==
                   STORE_OK
               ? NULL
               : "the store could not be read";
}

static void admin_envelopes_keep_thread(void *arg, const struct store_thread *t)
{
    struct queue *q = arg;
    store_put_thread(q->store, &(struct store_thread){
                                   .thread = t->thread,
                                   .inside = t->inside,
                                   .outside = t->outside,
                                   .made_ms = t->made_ms,
                                   .lowered = true,
                               });
}

/* The conversation goes the ordinary way from now on. */
static bool admin_envelopes_lower(struct queue *q, const struct kept_envelope *k, struct str who)
{
    envelope_event(q, k->e.envelope, EVENT_LEVEL, who,
                   "the conversation was let go: answers take the ordinary way");
    return store_get_thread(q->store, k->e.thread, admin_envelopes_keep_thread, q) == STORE_OK;
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

/* "ACT NUMBER ARGUMENT". */
static const char *admin_envelopes_change(struct queue *q, struct ipc_channel *ch,
                                          struct str argument)
{
    static const struct {
        const char *name;
        enum portal_act act;
    } acts[] = {{"extend", ACT_EXTEND}, {"recall", ACT_RECALL}, {"lock", ACT_LOCK},
                {"unlock", ACT_UNLOCK}, {"resend", ACT_RESEND}, {"level", ACT_LEVEL},
                {"hold", ACT_HOLD},     {"unhold", ACT_UNHOLD}, {"phrase", ACT_PHRASE},
                {"lower", ACT_END}};
    struct str name, number;
    struct kept_envelope k;
    uint64_t id;
    const struct acting acting = acts_who(ch);
    char who[ACTING_WORDS];
    acts_words(&acting, who);
    if (!str_split(&argument, ' ', &name) || !str_split(&argument, ' ', &number) ||
        id_parse(number, &id) < 0 || !envelope_get(q, ENVELOPE_BY_NUMBER, id, &k)) {
        return "there is no such envelope (its number is in postern envelope list)";
    }
    for (size_t i = 0; i < ARRAY_LEN(acts); i++) {
        if (str_eq(name, str_c(acts[i].name))) {
            bool ok = acts[i].act == ACT_END ? admin_envelopes_lower(q, &k, str_c(who))
                                             : portal_act(q, &k, acts[i].act, argument, str_c(who));
            if (ok) {
                acts_add(q, &acting, ADMIN_ENVELOPE_ACT, number, name);
            }
            return ok ? NULL : why_not(&k.e, acts[i].act);
        }
    }
    return "not something that can be done with an envelope";
}

bool admin_envelopes(struct queue *q, struct ipc_channel *ch, enum admin_verb verb,
                     const struct ipc_admin *a)
{
    if (verb == ADMIN_ENVELOPES) {
        admin_envelopes_done(ch, admin_envelopes_list(q, ch, a->argument));
    } else if (verb == ADMIN_ENVELOPE) {
        admin_envelopes_done(ch, admin_envelopes_show(q, ch, a->argument));
    } else if (verb == ADMIN_ENVELOPE_ACT) {
        admin_envelopes_done(ch, admin_envelopes_change(q, ch, a->argument));
        pickup_due(q);
    } else {
        return false;
    }
    return true;
}
