/* SPDX-License-Identifier: Apache-2.0
 * ask.c: questions of a request to queue, keys and login, and their answers. A request that
 * ended meanwhile is not found any more, and its answer is dropped. Called by the files of this
 * folder.
 */
#include "base/log.h"
#include "proc/web/web.h"
#include "store/store.h"
#include "wire/base64.h"

#include <stdlib.h>

/* The request that waits for such an answer. NULL: it ended meanwhile; or it waits for something
 * else, and who says that is not what it should be. */
static struct request *ask_find(struct web *w, uint64_t token, unsigned waits,
                                struct ipc_channel *ch)
{
    struct request *r = map_get(w->requests, map_id(&token));
    if (r && r->waits != waits) {
        ipc_refuse(ch, "an answer to what was not asked");
        return NULL;
    }
    return r;
}

/* Nothing is waited for any more. */
static void ask_stop_waiting(struct request *r)
{
    if (r->token) {
        map_take(r->web->requests, map_id(&r->token));
        r->token = 0;
    }
    if (!lease_is_none(&r->lease)) {
        map_take(r->web->requests, lease_key(&r->lease));
        r->lease = (struct lease_id){0};
    }
}

static void ask_wait_for(struct request *r, unsigned waits)
{
    ask_stop_waiting(r);
    r->token = ++r->web->next_token;
    r->waits = waits;
    must(map_put(r->web->requests, map_id(&r->token), r) == 0);
}

void ask_wait(struct request *r)
{
    ask_wait_for(r, WAITS_FOR_STORED);
}

void ask_settle(struct request *r)
{
    ask_stop_waiting(r);
}

void ask_spool(struct request *r)
{
    ask_wait_for(r, WAITS_FOR_SPOOL);
    ipc_send(r->web->queue,
             &(struct ipc_msg){.type = IPC_spool_open, .spool_open = {.token = r->token}});
}

void ask_queue(struct request *r, const struct ipc_portal_ask *what, answer_fn then)
{
    struct web *w = r->web;
    unsigned char pass[32], device[32];
    struct ipc_portal_ask a = *what;
    if (!w->queue) {
        page_problem(r, 503, "later");
        return;
    }
    ask_wait_for(r, WAITS_FOR_ANSWER);
    a.token = r->token;
    if (r->has_pass && a.pass.n == 0) {
        request_hash(r->pass, pass);
        a.pass = str_from((const char *)pass, sizeof pass);
    }
    if (r->device[0]) {
        request_hash(r->device, device);
        a.device = str_from((const char *)device, sizeof device);
    }
    a.network = str_c(r->network);
    a.language = str_c(site_language_name(w->site, r->language));
    r->on_answer = then;
    r->n_rows = r->n_events = r->n_fates = 0;
    buf_reset(&r->pieces);
    ipc_send(w->queue, &(struct ipc_msg){.type = IPC_portal_ask, .portal_ask = a});
}

static void ask_on_answer(void *owner, struct ipc_channel *ch, const struct ipc_portal_answer *m,
                          int fd)
{
    struct web *w = owner;
    struct request *r = ask_find(w, m->token, WAITS_FOR_ANSWER, ch);
    if (!r) {
        err_close_fd(&fd);
        return;
    }
    ask_stop_waiting(r);
    r->kind = m->kind ? m->kind : r->kind;
    r->level = m->level;
    if (m->address.n > 0) {
        str_copy_cut(m->address, r->address, sizeof r->address);
    }
    r->on_answer(r, m, fd);
}

/* The file with it got no descriptor here. */
static void on_answer_without(void *owner, struct ipc_channel *ch,
                              const struct ipc_portal_answer *m)
{
    struct request *r = ask_find(owner, m->token, WAITS_FOR_ANSWER, ch);
    if (r) {
        ask_stop_waiting(r);
        page_problem(r, 503, "later");
    }
}

static struct str ask_keep(struct request *r, struct str s)
{
    struct str copy = STR("");
    (void)!arena_copy(&r->arena, s, &copy);
    return copy;
}

static void ask_on_row(void *owner, struct ipc_channel *ch, const struct ipc_row_envelope *m)
{
    struct request *r = ask_find(owner, m->token, WAITS_FOR_ANSWER, ch);
    if (r && !r->rows) {
        r->rows = arena_alloc(&r->arena, ROWS_MAX * sizeof *r->rows);
    }
    if (r && r->rows && r->n_rows < ROWS_MAX) {
        struct ipc_row_envelope *e = &r->rows[r->n_rows++];
        *e = *m;
        e->address = ask_keep(r, e->address);
        e->sender = ask_keep(r, e->sender);
        e->sender_name = ask_keep(r, e->sender_name);
        e->thread = ask_keep(r, e->thread);
        e->subject = ask_keep(r, e->subject);
    }
}

static void on_fate(void *owner, struct ipc_channel *ch, const struct ipc_row_fate *m)
{
    struct request *r = ask_find(owner, m->token, WAITS_FOR_ANSWER, ch);
    if (r && r->n_fates < ARRAY_LEN(r->fates)) {
        struct ipc_row_fate *f = &r->fates[r->n_fates++];
        *f = *m;
        f->address = ask_keep(r, f->address);
        f->words = ask_keep(r, f->words);
    }
}

static void ask_on_event(void *owner, struct ipc_channel *ch,
                         const struct ipc_row_envelope_event *m)
{
    struct request *r = ask_find(owner, m->token, WAITS_FOR_ANSWER, ch);
    if (r && !r->events) {
        r->events = arena_alloc(&r->arena, EVENTS_MAX * sizeof *r->events);
    }
    if (r && r->events && r->n_events < EVENTS_MAX) {
        struct ipc_row_envelope_event *e = &r->events[r->n_events++];
        *e = *m;
        e->who = ask_keep(r, e->who);
        e->detail = ask_keep(r, e->detail);
    }
}

static void on_piece(void *owner, struct ipc_channel *ch, const struct ipc_portal_piece *m)
{
    struct request *r = ask_find(owner, m->token, WAITS_FOR_ANSWER, ch);
    if (r) {
        (void)!buf_add(&r->pieces, m->octets); /* too much: it does not open */
    }
}

/* --- keys --------------------------------------------------------------- */

void ask_key(struct request *r, const struct lease_id *lease, key_fn then)
{
    struct web *w = r->web;
    r->on_key = then;
    if (!w->keys) {
        then(r, NULL);
        return;
    }
    ask_stop_waiting(r);
    if (map_get(w->requests, lease_key(lease))) {
        if (w->queue) {
            ipc_refuse_about(w->queue, IPC_portal_answer, "a lease twice");
        }
        then(r, NULL);
        return;
    }
    r->lease = *lease;
    must(map_put(w->requests, lease_key(&r->lease), r) == 0);
    ipc_send(w->keys, &(struct ipc_msg){.type = IPC_unwrap, .unwrap = {.lease = *lease}});
}

static void ask_on_unwrapped(void *owner, struct ipc_channel *ch, const struct ipc_unwrapped *m)
{
    struct request *r = map_get(((struct web *)owner)->requests, lease_key(&m->lease));
    if (r) {
        ask_stop_waiting(r);
        r->on_key(r, m->ok && m->key.n == REST_KEY ? (const unsigned char *)m->key.p : NULL);
    }
}

static void open_with(struct request *r, const unsigned char *key)
{
    struct rest_reader *reader = key ? rest_reader_new(key) : NULL;
    buf_reset(&r->clear);
    bool ok = reader && rest_read(reader, buf_str(&r->pieces), &r->clear) == 0 &&
              rest_read(reader, STR(""), &r->clear) == 0 && rest_read_done(reader);
    rest_reader_free(reader);
    if (!ok) {
        log_error("view-unreadable", KVN("envelope", r->envelope),
                  KV("what", key ? "it does not open with its key" : "its key cannot be had"));
        page_problem(r, 503, "later");
        return;
    }
    r->then(r);
}

static void open_view(struct request *r, const unsigned char *key)
{
    unsigned char view_key[REST_KEY];
    if (!key) {
        open_with(r, NULL);
        return;
    }
    rest_derive(key, "view", view_key);
    open_with(r, view_key);
    explicit_bzero(view_key, sizeof view_key);
}

void ask_open(struct request *r, const struct ipc_portal_answer *a, const char *purpose,
              void (*then)(struct request *r))
{
    unsigned char key[REST_KEY];
    bool view = strcmp(purpose, "view") == 0;
    r->then = then;
    if (a->sealed_key.n == 0) {
        ask_key(r, &a->lease, view ? open_view : open_with);
        return;
    }
    if (rest_unwrap_by_link(str_c(r->link), a->sealed_key, key) < 0) {
        page_problem(r, 403, "sealed-use-link"); /* this browser does not hold the link */
        return;
    }
    open_view(r, key);
    explicit_bzero(key, sizeof key);
}

/* --- login -------------------------------------------------------------- */

void ask_login(struct request *r, struct str name, struct str password, login_fn then)
{
    struct web *w = r->web;
    struct ipc_channel *login = NULL;
    struct buf clear = BUF_INIT(4096), text = BUF_INIT(8192);
    unsigned char pass[32], device[32];
    for (unsigned i = 0; i < WEB_LOGINS_MAX && !login; i++) {
        login = w->logins[i];
    }
    r->on_login = then;
    bool fits = buf_append(&clear, "", 1) == 0 && buf_add(&clear, name) == 0 &&
                buf_append(&clear, "", 1) == 0 && buf_add(&clear, password) == 0 &&
                base64_write(buf_str(&clear), 0, &text) == 0 && !memchr(name.p, '\0', name.n) &&
                !memchr(password.p, '\0', password.n);
    if (!login || !fits) {
        then(r, login ? LOGIN_WRONG : LOGIN_AWAY, 0);
    } else {
        request_hash(r->pass, pass);
        request_hash(r->device, device);
        ask_wait_for(r, WAITS_FOR_LOGIN);
        ipc_send(login,
                 &(struct ipc_msg){.type = IPC_login_begin,
                                   .login_begin = {
                                       .token = r->token,
                                       .mechanism = STR("PLAIN"),
                                       .has_text = 1,
                                       .text = buf_str(&text),
                                       .client = str_c(r->network),
                                       .pass = str_from((const char *)pass, sizeof pass),
                                       .device = str_from((const char *)device, sizeof device),
                                   }});
    }
    buf_wipe(&clear);
    buf_wipe(&text);
}

static void on_login_step(void *owner, struct ipc_channel *ch, const struct ipc_login_step *m)
{
    struct request *r = ask_find(owner, m->token, WAITS_FOR_LOGIN, ch);
    if (r) {
        ask_stop_waiting(r);
        r->on_login(r, m->outcome, m->wait_s);
    }
}

/* --- the rest ----------------------------------------------------------- */

static void ask_on_submitted(void *owner, struct ipc_channel *ch, const struct ipc_submitted *m)
{
    struct request *r = ask_find(owner, m->token, WAITS_FOR_STORED, ch);
    if (r) {
        ask_stop_waiting(r);
        (r->composing ? compose_submitted : answer_submitted)(r, m->result);
    }
}

static void ask_on_spool_opened(void *owner, struct ipc_channel *ch,
                                const struct ipc_spool_opened *m, int fd)
{
    struct request *r = ask_find(owner, m->token, WAITS_FOR_SPOOL, ch);
    if (r) {
        ask_stop_waiting(r);
        answer_spool(r, m->result, m->name, fd);
        return;
    }
    err_close_fd(&fd);
    if (m->name.n > 0) {
        ipc_send(ch, &(struct ipc_msg){.type = IPC_spool_drop, .spool_drop = {.name = m->name}});
    }
}

/* It got no descriptor here: as if the queue could not make it. */
static void ask_on_spool_without(void *owner, struct ipc_channel *ch,
                                 const struct ipc_spool_opened *m)
{
    struct ipc_spool_opened without = *m;
    ipc_send(ch, &(struct ipc_msg){.type = IPC_spool_drop, .spool_drop = {.name = m->name}});
    without.result = STORE_RETRY;
    without.name = STR("");
    ask_on_spool_opened(owner, ch, &without, -1);
}

void ask_peer_gone(struct web *w)
{
    struct request *open[64];
    size_t cursor, n;
    do { /* the map may not change while it is walked */
        struct str key;
        void *value;
        cursor = n = 0;
        while (n < ARRAY_LEN(open) && map_next(w->requests, &cursor, &key, &value)) {
            open[n++] = value;
        }
        for (size_t i = 0; i < n; i++) {
            ask_stop_waiting(open[i]);
            page_problem(open[i], 503, "later");
        }
    } while (n > 0);
}

const struct ipc_rule web_queue_rules[] = {IPC_ON_OR(portal_answer, ask_on_answer,
                                                     on_answer_without),
                                           IPC_ON(row_envelope, ask_on_row),
                                           IPC_ON(row_envelope_event, ask_on_event),
                                           IPC_ON(portal_piece, on_piece),
                                           IPC_ON(row_fate, on_fate),
                                           IPC_ON(submitted, ask_on_submitted),
                                           IPC_ON_OR(spool_opened, ask_on_spool_opened,
                                                     ask_on_spool_without),
                                           IPC_RULES_END};
const struct ipc_rule web_keys_rules[] = {IPC_ON(unwrapped, ask_on_unwrapped), IPC_RULES_END};
const struct ipc_rule web_login_rules[] = {IPC_ON(login_step, on_login_step), IPC_RULES_END};
