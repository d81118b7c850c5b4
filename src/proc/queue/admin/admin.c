/* SPDX-License-Identifier: Apache-2.0
 * admin.c: answers the postern command: lists, message reports, retry, hold, release, delete.
 * Called by main.c.
 *
 * The socket's permissions say who may connect; each change is kept with who did it (acts.c). All
 * input is one typed message with a verb and an argument.
 */
#include "base/clock.h"
#include "base/log.h"
#include "proc/admin_verbs.h"
#include "proc/queue/protection/channel.h"
#include "proc/queue/queue.h"
#include "proc/queue/admin/walk.h"
#include "sys/descriptors.h"
#include "wire/date.h"
#include "wire/id.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LIST_MAX = 10000, ENVELOPES_SHOWN = 256, EVENTS_SHOWN = 1000 };

/* One question; its asker may hang up before the store has answered (ch is NULL then). */
struct question {
    struct queue *q;
    struct ipc_channel *ch;
    struct acting who;
    enum admin_verb verb;
    bool found, failed;     /* failed: something could not be read */
    size_t n;               /* rows that were sent, or messages to change */
    uint64_t ids[LIST_MAX]; /* messages to change; of a message that is shown: its envelopes */
    size_t at;              /* the one that is changed now */
    unsigned counting;      /* changes of it whose rows are not counted yet */
    uint64_t n_now;         /* its recipients that were changed */
    size_t n_busy;          /* of them: in a worker's hand, so left as they are */
    char busy[100];         /* what is done with the last of these; empty: nothing */
    size_t n_changed;       /* messages of which a recipient was changed */
    size_t n_rcpts_changed;
    size_t n_left;    /* messages that release all leaves held: no administrator's hold is why */
    uint64_t left_id; /* the last of them */
    size_t n_envelopes;
    size_t n_secure; /* released recipients that need a secure connection */
    struct standing {
        size_t n;
        int64_t last_ms; /* latest attempt */
    } before
        [RCPT_STATE_END]; /* recipients of the one message that was asked for, before the change */
    char argument[64];
    struct link link;
};

static struct link questions = {&questions, &questions};

static struct question *question_new(struct queue *q, struct ipc_channel *ch, enum admin_verb verb,
                                     struct str argument)
{
    struct question *w = err_calloc(1, sizeof *w);
    w->q = q;
    w->ch = ch;
    w->who = acts_who(ch);
    w->verb = verb;
    str_copy_cut(argument, w->argument, sizeof w->argument);
    list_append(&questions, &w->link);
    return w;
}

static void admin_finish(struct ipc_channel *ch, bool ok, const char *text)
{
    ipc_send(ch, &(struct ipc_msg){.type = IPC_admin_done,
                                   .admin_done = {.ok = ok, .text = str_c(text)}});
}

static void question_end(struct question *w, bool ok, const char *text)
{
    admin_finish(w->ch, ok, text);
    list_remove(&w->link);
    free(w);
}

static void send_message(void *arg, const struct store_message *m)
{
    struct question *w = arg;
    struct ipc_msg row = {.type = IPC_row_message};
    w->found = true;
    RECORD_COPY(message_shown, &row.row_message, m);
    ipc_send(w->ch, &row);
}

static void send_rcpt(void *arg, const struct store_rcpt *r)
{
    struct question *w = arg;
    struct ipc_msg row = {.type = IPC_row_rcpt};
    w->n++;
    RECORD_COPY(rcpt, &row.row_rcpt, r);
    ipc_send(w->ch, &row);
}

static void send_inspection(void *arg, uint64_t id, int64_t at_ms, struct str facts)
{
    struct question *w = arg;
    ipc_send(w->ch, &(struct ipc_msg){.type = IPC_row_inspection,
                                      .row_inspection = {
                                          .id = id,
                                          .at_ms = at_ms,
                                          .facts = facts,
                                      }});
}

static void send_attempt(void *arg, const struct store_attempt *a)
{
    struct question *w = arg;
    struct ipc_msg row = {.type = IPC_row_attempt};
    RECORD_COPY(attempt, &row.row_attempt, a);
    ipc_send(w->ch, &row);
}

static void on_reported(void *arg, enum store_result result)
{
    struct question *w = arg;
    question_end(w, result == STORE_OK && w->found,
                 result != STORE_OK ? "the store could not be read"
                 : w->found         ? ""
                            : "no such message (its report may have been removed after its time)");
}

static void send_envelope(void *arg, const struct store_envelope *e)
{
    struct question *w = arg;
    const struct ipc_msg m = portal_row(e, 0);
    ipc_send(w->ch, &m);
    if (w->n_envelopes < ENVELOPES_SHOWN) {
        w->ids[w->n_envelopes++] = e->envelope;
    }
}

static void send_event(void *arg, const struct store_envelope_event *e)
{
    const struct question *w = arg;
    const struct ipc_msg m = portal_event_row(e, 0);
    ipc_send(w->ch, &m);
}

static void send_act(void *arg, const struct store_act *a)
{
    const struct question *w = arg;
    acts_send_row(&(struct walk){.to = w->ch}, a);
}

/* The message and its envelopes are told: what happened to these, acts, what was found. */
static void on_message_read(void *arg, enum store_result result)
{
    struct question *w = arg;
    struct store_query queries[ENVELOPES_SHOWN + 2];
    size_t n = 0;
    uint64_t id;
    if (result != STORE_OK || id_parse(str_c(w->argument), &id) < 0) {
        on_reported(w, result);
        return;
    }
    for (size_t i = 0; i < w->n_envelopes; i++) {
        queries[n++] = (struct store_query){
            .what = STORE_ENVELOPE_EVENTS,
            .number = w->ids[i],
            .max = EVENTS_SHOWN,
        };
    }
    queries[n++] = (struct store_query){
        .what = STORE_ACTS,
        .text = str_c(w->argument),
        .max = ACTS_SHOWN,
    };
    queries[n++] = (struct store_query){.what = STORE_INSPECTION, .number = id};
    store_read_all(w->q->store, queries, n,
                   &(struct store_rows){
                       .arg = w,
                       .event = send_event,
                       .act = send_act,
                       .inspection = send_inspection,
                       .done = on_reported,
                   });
}

static void show_message(struct question *w, uint64_t id)
{
    const struct store_query queries[] = {
        {.what = STORE_REPORT, .number = id},
        {.what = STORE_ENVELOPES_BY, .kind = ENVELOPE_BY_MESSAGE, .number = id},
    };
    store_read_all(w->q->store, queries, ARRAY_LEN(queries),
                   &(struct store_rows){
                       .arg = w,
                       .message = send_message,
                       .rcpt = send_rcpt,
                       .attempt = send_attempt,
                       .envelope = send_envelope,
                       .done = on_message_read,
                   });
}

static void on_listed(void *arg, enum store_result result)
{
    struct question *w = arg;
    question_end(w, result == STORE_OK,
                 result != STORE_OK ? "the store could not be read"
                 : w->n == LIST_MAX ? "only the first 10000 are shown"
                                    : "");
}

/* --- changes ------------------------------------------------------------ */

static void collect_message(void *arg, const struct store_message *m)
{
    struct question *w = arg;
    if (w->n < LIST_MAX) {
        w->ids[w->n++] = m->id;
    }
}

static void collect_rcpt(void *arg, const struct store_rcpt *r)
{
    struct question *w = arg;
    struct standing *before = &w->before[r->state < RCPT_STATE_END ? r->state : RCPT_DELETED];
    before->n++;
    before->last_ms = r->last_ms > before->last_ms ? r->last_ms : before->last_ms;
}

static bool is_every(const struct question *w)
{
    return strcmp(w->argument, "all") == 0;
}

static bool is_restored(const struct question *w)
{
    return w->verb == ADMIN_RELEASE && strcmp(w->argument, "restored") == 0;
}

/* Every message, or every one that is held, or was when a copy of the store was put back. */
static bool is_of_many(const struct question *w)
{
    return is_every(w) || is_restored(w) || strcmp(w->argument, "held") == 0;
}

/* Held by an administrator, not by a policy. */
static bool is_held_by_hand(const struct store_rcpt *r)
{
    return r->reason == REASON_ON_HOLD || r->reason == REASON_RESTORED;
}

static void admin_count_left(void *arg, const struct store_rcpt *r)
{
    struct question *w = arg;
    bool stays = r->state == RCPT_HELD && r->reason != REASON_ON_HOLD;
    if (stays && w->verb == ADMIN_RELEASE && is_every(w) && w->left_id != r->id) {
        w->left_id = r->id;
        w->n_left++;
    }
}

/* Its row will say something else: nobody starts with what memory has of it. What a policy holds,
 * and somebody has looked at, needs less from now on; an administrator's hold is only undone. */
static void admin_lower(void *arg, const struct store_rcpt *r)
{
    struct question *w = arg;
    queue_forget_ready(w->q, r->rcpt);
    if (w->verb == ADMIN_RELEASE && !is_every(w) && !is_restored(w) && r->state == RCPT_HELD &&
        !is_held_by_hand(r)) {
        char who[ACTING_WORDS];
        acts_words(&w->who, who);
        protection_release(w->q, r, who);
    }
}

/* Destinations of a changed message are looked at again at once. */
static void admin_wake(void *arg, const struct store_rcpt *r)
{
    struct question *w = arg;
    if (w->verb == ADMIN_RELEASE && r->state == RCPT_QUEUED && r->reason == REASON_RELEASED) {
        struct protect_record record;
        protect_record_read(r->protection, &record);
        w->n_secure += record.demand == DEMAND_SECURE;
    }
    if (w->verb != ADMIN_RETRY && (r->reason == REASON_ON_HOLD || r->reason == REASON_RELEASED ||
                                   r->reason == REASON_DELETED)) {
        ending_note(w->q, r);
    }
    queue_retry_now(w->q, queue_destination(w->q, r->next_hop));
}

static void change_after(struct question *w);

static void admin_on_counted(void *arg, uint64_t n)
{
    struct question *w = arg;
    w->n_now += n;
    if (--w->counting == 0) {
        change_after(w);
    }
}

static void change_rows(struct question *w)
{
    struct store *s = w->q->store;
    int64_t now = clock_wall_ms();
    uint64_t id = w->ids[w->at];
    struct store_change c = {.id = id, .from = RCPT_QUEUED, .to = RCPT_QUEUED, .at_ms = now};
    w->n_now = 0;
    w->counting = w->verb == ADMIN_DELETE ? 2 : 1;
    if (w->verb == ADMIN_RETRY) {
        c.next_ms = now;
        c.at_ms = 0;
    } else if (w->verb == ADMIN_HOLD) {
        c.to = RCPT_HELD;
        c.reason = REASON_ON_HOLD;
    } else if (w->verb == ADMIN_RELEASE) {
        c.from = RCPT_HELD;
        c.next_ms = now;
        c.reason = REASON_RELEASED;
        c.was = is_every(w) ? REASON_ON_HOLD : is_restored(w) ? REASON_RESTORED : 0;
    } else if (w->verb == ADMIN_DELETE) {
        c.to = RCPT_DELETED;
        c.reason = REASON_DELETED;
        store_change(s, &c, admin_on_counted, w);
        c.from = RCPT_HELD;
    }
    store_change(s, &c, admin_on_counted, w);
}

static void change_next(struct question *w);

static void admin_on_woken(void *arg, enum store_result result)
{
    struct question *w = arg;
    w->at++;
    change_next(w);
}

/* An act is what changed something. */
static void change_after(struct question *w)
{
    char about[ID_TEXT];
    uint64_t id = w->ids[w->at];
    if (w->n_now == 0) {
        admin_on_woken(w, STORE_OK);
        return;
    }
    if (w->verb == ADMIN_RELEASE) {
        queue_forget_deaths(w->q, id);
    }
    w->n_changed++;
    w->n_rcpts_changed += w->n_now;
    id_text(id, about);
    acts_add(w->q, &w->who, w->verb, str_c(about),
             is_every(w)      ? STR("with all others")
             : is_restored(w) ? STR("with the copy that was put back")
             : is_of_many(w)  ? STR("with all that was held")
                              : STR(""));
    if (w->verb == ADMIN_DELETE) {
        store_release_body(w->q->store, id);
    }
    store_read(w->q->store, &(struct store_query){.what = STORE_REPORT, .number = id},
               &(struct store_rows){.arg = w, .rcpt = admin_wake, .done = admin_on_woken});
}

static const char *standing_words(enum rcpt_state s)
{
    switch (s) {
    case RCPT_QUEUED:
        return "waiting";
    case RCPT_HELD:
        return "held";
    case RCPT_DELIVERED:
        return "delivered";
    case RCPT_FAILED:
        return "failed for good";
    case RCPT_EXPIRED:
        return "ended with its lifetime";
    case RCPT_DELETED:
        return "deleted";
    case RCPT_PICKUP:
        return "at the portal";
    case RCPT_STATE_END:
        break;
    }
    return "unknown";
}

/* True when the verb changes recipients in this state. */
static bool verb_changes(enum admin_verb verb, enum rcpt_state s)
{
    return (s == RCPT_QUEUED && verb != ADMIN_RELEASE) ||
           (s == RCPT_HELD && (verb == ADMIN_RELEASE || verb == ADMIN_DELETE));
}

/* The recipients that the verb leaves alone: "1 delivered at ..., 2 held". */
static void write_others(const struct question *w, struct buf *out)
{
    const char *between = "";
    for (enum rcpt_state s = 0; s < RCPT_STATE_END; s++) {
        const struct standing *now = &w->before[s];
        char date[DATE_MAX];
        if (now->n == 0 || verb_changes(w->verb, s)) {
            continue;
        }
        (void)!buf_printf(out, "%s%zu %s", between, now->n, standing_words(s));
        if (now->last_ms > 0 && (s == RCPT_DELIVERED || s == RCPT_FAILED)) {
            date_iso(now->last_ms, date);
            (void)!buf_printf(out, " (%sat %s)",
                              s == RCPT_FAILED ? "last attempt "
                              : now->n > 1     ? "the last "
                                               : "",
                              date);
        }
        between = ", ";
    }
}

/* What a release did not do. */
static void write_after_release(const struct question *w, struct buf *out)
{
    if (w->n_secure == 1) {
        (void)!buf_add(out, STR("; it still needs a secure connection (TLS), and waits where the "
                                "server has none to offer"));
    } else if (w->n_secure > 1) {
        (void)!buf_printf(out,
                          "; %zu recipients still need a secure connection (TLS), and wait where "
                          "the server has none to offer",
                          w->n_secure);
    }
    if (w->n_left > 0) {
        (void)!buf_printf(out,
                          "; %zu message%s held for another reason than an administrator's hold "
                          "(postern queue list): release ID, or release held for all of them; "
                          "release restored for those of a copy of the store that was put back",
                          w->n_left, w->n_left == 1 ? " stays" : "s stay");
    }
}

/* What was changed, and what of the one message was not and why. */
static void write_changed(const struct question *w, struct buf *out)
{
    bool is_open = w->before[RCPT_QUEUED].n + w->before[RCPT_HELD].n > 0;
    size_t n_before = 0;
    for (size_t i = 0; i < RCPT_STATE_END; i++) {
        n_before += w->before[i].n;
    }
    if (w->n_changed == 0 && w->busy[0] && !is_of_many(w)) {
        (void)!buf_printf(out, "this message %s", w->busy);
        return;
    }
    if (w->n_changed == 0 && is_of_many(w)) {
        (void)!buf_printf(out, "%s; nothing was changed",
                          w->n_busy > 0              ? "all is in hand"
                          : w->verb != ADMIN_RELEASE ? "nothing waits"
                          : is_every(w)              ? "no administrator holds a message"
                          : is_restored(w)           ? "nothing of a copy that was put back is held"
                                                     : "nothing is held");
    } else if (w->n_changed == 0) {
        (void)!buf_printf(out, "%s %s; nothing was changed. Its recipients: ", w->argument,
                          !is_open                   ? "is not in the queue any more"
                          : w->verb == ADMIN_RELEASE ? "is not held"
                          : w->verb == ADMIN_RETRY   ? "is held: release it first"
                                                     : "is held already");
        write_others(w, out);
    } else {
        (void)!buf_printf(out, "%zu message%s changed", w->n_changed, w->n_changed == 1 ? "" : "s");
    }
    if (w->n_changed > 0 && w->n_rcpts_changed < n_before) {
        (void)!buf_printf(out, ", for %zu of its %zu recipients. The others: ", w->n_rcpts_changed,
                          n_before);
        write_others(w, out);
    }
    if (w->n_busy > 0) {
        (void)!buf_printf(out, "; %zu left as they are: the last %s", w->n_busy, w->busy);
    }
    write_after_release(w, out);
}

static void on_changed(void *arg, enum store_result result)
{
    struct question *w = arg;
    CLEANUP(buf_free) struct buf text = BUF_INIT(1024);
    if (result == STORE_OK && w->n_changed == 0 && w->failed) {
        question_end(w, false, "the store could not be read");
        return;
    }
    if (result == STORE_OK) {
        write_changed(w, &text);
    }
    (void)!buf_append(&text, "", 1);
    question_end(w, result == STORE_OK && w->n_changed > 0,
                 result == STORE_OK ? buf_str(&text).p : "the store could not be written");
}

/* What a process does with it that cannot be told to leave it. A mail to its sender about it is
 * another mail. */
static const char *doing_words(const struct job *j)
{
    const struct channel_making *making = channels_making(channels_built, j->kind);
    return making                   ? making->busy
           : j->kind == JOB_INSPECT ? "is being inspected"
           : j->kind == JOB_DELIVER ? "is being delivered"
                                    : NULL;
}

/* What is done with a message just now, into dst; false: nothing. */
static bool busy_words(const struct queue *q, uint64_t id, char *dst, size_t size)
{
    size_t cursor = 0;
    struct str key;
    void *value;
    while (map_next(q->delivery.jobs, &cursor, &key, &value)) {
        const struct job *j = value;
        const char *doing = j->id == id ? doing_words(j) : NULL;
        if (doing && j->saving) {
            snprintf(dst, size, "waits for the disk: what became of it could not be stored yet");
        } else if (doing) {
            snprintf(dst, size, "%s right now; try again in a moment", doing);
        }
        if (doing) {
            return true;
        }
    }
    return false;
}

/* What is held is in nobody's hand, and a time for the next attempt harms none under way: these
 * orders go to every message. */
static bool is_for_all(enum admin_verb verb)
{
    return verb == ADMIN_RETRY || verb == ADMIN_RELEASE;
}

/* The recipients of the next one are read: nothing of them starts before they are changed. */
static void on_lowered(void *arg, enum store_result result)
{
    struct question *w = arg;
    bool busy = busy_words(w->q, w->ids[w->at], w->busy, sizeof w->busy);
    bool is_left = busy && !is_for_all(w->verb);
    if (result != STORE_OK || is_left) {
        w->n_busy += is_left;
        w->failed |= result != STORE_OK;
        admin_on_woken(w, result);
        return;
    }
    change_rows(w);
}

static void change_next(struct question *w)
{
    if (w->at == w->n) {
        store_sync(w->q->store, on_changed, w);
        return;
    }
    store_read(w->q->store, &(struct store_query){.what = STORE_REPORT, .number = w->ids[w->at]},
               &(struct store_rows){.arg = w, .rcpt = admin_lower, .done = on_lowered});
}

/* The messages to change are known. */
static void on_collected(void *arg, enum store_result result)
{
    struct question *w = arg;
    /* all of it: bounces and notices go again, too */
    if (result == STORE_OK && is_restored(w) && w->n < LIST_MAX) {
        store_set_restored(w->q->store, 0);
        w->q->restored = false;
    }
    if (result == STORE_OK && w->n == 0 && is_of_many(w)) {
        on_changed(w, result);
        return;
    }
    if (result != STORE_OK || w->n == 0) {
        question_end(w, false,
                     result != STORE_OK ? "the store could not be read"
                                        : "no such message in the queue");
        return;
    }
    change_next(w);
}

static const struct store_query all_open = {
    .what = STORE_LIST,
    .kind = RCPT_STATE_END,
    .max = LIST_MAX,
};

static void admin_change(struct question *w)
{
    uint64_t id;
    if (is_every(w) ? w->verb != ADMIN_DELETE : is_of_many(w) && w->verb == ADMIN_RELEASE) {
        store_read(w->q->store, &all_open,
                   &(struct store_rows){
                       .arg = w,
                       .message = collect_message,
                       .rcpt = admin_count_left,
                       .done = on_collected,
                   });
    } else if (id_parse(str_c(w->argument), &id) == 0) {
        store_read(w->q->store, &(struct store_query){.what = STORE_REPORT, .number = id},
                   &(struct store_rows){
                       .arg = w,
                       .message = collect_message,
                       .rcpt = collect_rcpt,
                       .done = on_collected,
                   });
    } else {
        question_end(w, false, "this is not a message id (13 letters and digits, as in the log)");
    }
}

static void admin_on_admin(void *owner, struct ipc_channel *ch, const struct ipc_admin *m)
{
    struct queue *q = owner;
    uint64_t id;
    /* what a reading finds in an open batch is promised to nobody yet, and what waits for it is
     * still with its worker, as far as we know */
    queue_commit(q);
    enum admin_verb verb = m->verb < ADMIN_END ? m->verb : ADMIN_END;
    const char *unnamed = acts_named(ch, verb, m->by);
    if (unnamed) {
        admin_finish(ch, false, unnamed);
        return;
    }
    if (admin_acts(q, ch, verb, m) || admin_domains(q, ch, verb, m) ||
        admin_accounts(q, ch, verb, m) || admin_envelopes(q, ch, verb, m)) {
        return;
    }
    struct question *w = question_new(q, ch, verb, m->argument);
    if (verb == ADMIN_LIST) {
        store_read(q->store, &all_open,
                   &(struct store_rows){
                       .arg = w,
                       .message = send_message,
                       .rcpt = send_rcpt,
                       .done = on_listed,
                   });
    } else if (verb == ADMIN_MESSAGE && id_parse(m->argument, &id) == 0) {
        show_message(w, id);
    } else if (verb == ADMIN_REPLAY && str_to_u64(m->argument, INT64_MAX, &id) == 0) {
        store_read(q->store,
                   &(struct store_query){.what = STORE_SINCE, .ms = (int64_t)id, .max = LIST_MAX},
                   &(struct store_rows){
                       .arg = w,
                       .message = send_message,
                       .rcpt = send_rcpt,
                       .inspection = send_inspection,
                       .done = on_listed,
                   });
    } else if (verb == ADMIN_MESSAGE) {
        question_end(w, false, "this is not a message id (13 letters and digits, as in the log)");
    } else if (verb == ADMIN_FORWARDS) {
        forwards_list(q, ch);
        question_end(w, true, "");
    } else if (verb == ADMIN_REPLAY) {
        question_end(w, false, "this is not a time");
    } else if (verb == ADMIN_RETRY || verb == ADMIN_HOLD || verb == ADMIN_RELEASE ||
               verb == ADMIN_DELETE) {
        admin_change(w);
    } else {
        question_end(w, false, "not a question for the queue");
    }
}

static const struct ipc_rule admin_rules[] = {IPC_ON(admin, admin_on_admin), IPC_RULES_END};

static void on_admin_closed(void *owner, struct ipc_channel *ch)
{
    monitor_requester_gone(owner, ch);
    policies_requester_gone(ch);
    admin_domains_requester_gone(ch);
    admin_envelopes_requester_gone(ch);
    walk_requester_gone(ch);
    LIST_EACH (it, &questions) {
        struct question *w = LIST_OF(it, struct question, link);
        w->ch = w->ch == ch ? NULL : w->ch;
    }
    acts_closed(ch);
}

static void admin_on_connection(void *arg, int events)
{
    struct queue *q = arg;
    int fd = accept4(q->admin.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        watch_rest(q->admin.watch);
        return;
    }
    if (descriptors_are_short(fd)) {
        close(fd);
        return;
    }
    int big = 4 * 1024 * 1024;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &big, sizeof big);
    struct ipc_channel *ch =
        ipc_channel_new(child_loop(q->child), fd, "postern", admin_rules, on_admin_closed, q);
    acts_connected(ch, fd);
}

void queue_admin_open(struct queue *q, int listener)
{
    q->admin.listener = listener;
    q->admin.watch = watch_new(child_loop(q->child), listener, admin_on_connection, q);
    watch_set(q->admin.watch, WATCH_READ);
}
