/* SPDX-License-Identifier: Apache-2.0
 * scene.c: reads what a request is about, in one round, or in two where it is known only then
 * whose things are wanted; the second one reads all of it, so that it is of one moment. Called by
 * portal.c, visits.c, proofs.c, pickup.c, submit.c and admin_envelopes.c.
 */
#include "proc/queue/pickup/scene.h"
#include "proc/queue/queue.h"

#include <stdlib.h>

enum {
    TEXT_MAX = 64 * 1024 * 1024, /* a view, a body, a draft */
    READERS_MAX = 10000,
    WAITING_AMONG = 20,
    QUERIES_MAX = 9,
    OF_ENVELOPE = NEEDS_RCPT | NEEDS_READERS | NEEDS_VIEW | NEEDS_MESSAGE | NEEDS_DRAFT,
    OF_PERSON = NEEDS_PERSON | NEEDS_PASSKEYS,
};

static struct str scene_keep(struct scene *s, struct str text)
{
    struct str copy = STR("");
    s->failed |= arena_copy(&s->text, text, &copy) < 0;
    return copy;
}

/* --- rows --------------------------------------------------------------- */

static void scene_on_pass(void *arg, const struct store_pass *p)
{
    struct scene *s = arg;
    visits_keep(&s->pass, p);
}

static void scene_on_envelope(void *arg, const struct store_envelope *e)
{
    struct scene *s = arg;
    if (s->of.token.n == 0 && s->of.waits_for.n > 0) {
        envelope_keep_waiting(&s->envelope, e);
    } else {
        envelope_keep(&s->envelope, e);
    }
}

static void scene_on_rcpt(void *arg, const struct store_rcpt *r)
{
    struct scene *s = arg;
    if (r->rcpt == s->envelope.e.rcpt) {
        struct str *texts[] = {&s->rcpt.forward_path, &s->rcpt.next_hop,    &s->rcpt.code,
                               &s->rcpt.reply,        &s->rcpt.host,        &s->rcpt.orcpt,
                               &s->rcpt.protection,   &s->rcpt.reverse_path};
        s->has_rcpt = true;
        s->rcpt = *r;
        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
            *texts[i] = scene_keep(s, *texts[i]);
        }
    }
    if (s->readers && s->n_readers < READERS_MAX) {
        s->readers[s->n_readers++] = scene_keep(s, r->forward_path);
    }
}

static void scene_on_view(void *arg, struct str sealed)
{
    struct scene *s = arg;
    s->view = scene_keep(s, sealed);
}

static void scene_on_message(void *arg, const struct store_message *m)
{
    struct scene *s = arg;
    s->has_message = true;
    s->message = (struct store_message){
        .id = m->id,
        .size = m->size,
        .spool = scene_keep(s, m->spool),
        .body = scene_keep(s, m->body),
    };
}

static void scene_on_draft(void *arg, struct str sealed_key, struct str sealed)
{
    struct scene *s = arg;
    s->draft_key = scene_keep(s, sealed_key);
    s->draft = scene_keep(s, sealed);
}

static void scene_on_person(void *arg, const struct store_person *p)
{
    struct scene *s = arg;
    s->person.found = true;
    str_copy_cut(p->phrase, s->person.phrase, sizeof s->person.phrase);
    str_copy_cut(p->agreed, s->person.agreed, sizeof s->person.agreed);
    str_copy_cut(p->language, s->person.language, sizeof s->person.language);
}

static void scene_on_passkey(void *arg, const struct store_passkey *k)
{
    struct scene *s = arg;
    if (s->n_passkeys < SCENE_PASSKEYS) {
        struct store_passkey *copy = &s->passkeys[s->n_passkeys++];
        *copy = *k;
        copy->id = scene_keep(s, k->id);
        copy->key = scene_keep(s, k->key);
        copy->address = scene_keep(s, k->address);
    }
}

/* --- rounds ------------------------------------------------------------- */

/* The rows that come are all there is. */
static void scene_forget_rows(struct scene *s)
{
    free(s->readers);
    struct scene fresh = {
        .q = s->q,
        .of = s->of,
        .text = s->text,
        .reading = s->reading,
        .round = s->round,
        .fn = s->fn,
        .arg = s->arg,
    };
    *s = fresh;
    if (s->of.needs & NEEDS_READERS) {
        s->readers = err_calloc(READERS_MAX, sizeof *s->readers);
    }
}

/* Whose person and passkeys are wanted, as far as that is known: empty, it is not. */
static struct str scene_address(const struct scene *s)
{
    switch (s->of.whose) {
    case WHOSE_PASS:
        return s->pass.found ? s->pass.p.address : STR("");
    case WHOSE_ENVELOPE:
        return s->envelope.found ? s->envelope.e.address : STR("");
    case WHOSE_ADDRESS:
        return s->of.address;
    }
    return STR("");
}

static struct store_query envelope_query(const struct scene_of *of)
{
    return of->token.n > 0 || of->waits_for.n > 0
               ? (struct store_query){.what = STORE_ENVELOPES_OF,
                                      .kind =
                                          of->token.n > 0 ? ENVELOPE_OF_TOKEN : ENVELOPE_OF_ADDRESS,
                                      .text = of->token.n > 0 ? of->token : of->waits_for,
                                      .max = of->token.n > 0 ? 1 : WAITING_AMONG}
               : (struct store_query){.what = STORE_ENVELOPES_BY,
                                      .kind = of->by,
                                      .number = of->number};
}

/* What of the envelope is wanted, once it is known. */
static size_t queries_of_envelope(unsigned needs, const struct store_envelope *e,
                                  struct store_query *ret)
{
    size_t n = 0;
    if (needs & (NEEDS_RCPT | NEEDS_READERS)) {
        ret[n++] = (struct store_query){.what = STORE_REPORT, .number = e->id};
    }
    if (needs & NEEDS_VIEW) {
        ret[n++] = (struct store_query){.what = STORE_VIEW, .number = e->id};
    }
    if (needs & NEEDS_MESSAGE) {
        ret[n++] = (struct store_query){.what = STORE_MESSAGE, .number = e->id};
    }
    if (needs & NEEDS_DRAFT) {
        ret[n++] = (struct store_query){.what = STORE_DRAFT, .number = e->envelope};
    }
    return n;
}

static void scene_on_read(void *arg, enum store_result result);

/* One round, with what is known by now. */
static void scene_round(struct scene *s)
{
    struct store_query queries[QUERIES_MAX];
    size_t n = 0;
    bool may_see = !(s->of.needs & NEEDS_PASS) || s->pass.found;
    struct str of = scene_address(s);
    if (s->of.needs & NEEDS_PASS) {
        queries[n++] = (struct store_query){.what = STORE_PASS, .text = s->of.pass};
    }
    if (s->of.needs & NEEDS_ENVELOPE) {
        queries[n++] = envelope_query(&s->of);
    }
    if (s->envelope.found && may_see) {
        n += queries_of_envelope(s->of.needs, &s->envelope.e, &queries[n]);
    }
    if (of.n > 0 && s->of.needs & NEEDS_PERSON) {
        queries[n++] = (struct store_query){.what = STORE_PERSON, .text = of};
    }
    if (of.n > 0 && s->of.needs & NEEDS_PASSKEYS) {
        queries[n++] = (struct store_query){.what = STORE_PASSKEYS, .text = of};
    }
    s->reading =
        store_read_all(s->q->store, queries, n,
                       &(struct store_rows){
                           .arg = s,
                           .pass = scene_on_pass,
                           .envelope = scene_on_envelope,
                           .rcpt = scene_on_rcpt,
                           .view = scene_on_view,
                           .message = s->of.needs & NEEDS_MESSAGE ? scene_on_message : NULL,
                           .draft = scene_on_draft,
                           .person = scene_on_person,
                           .passkey = scene_on_passkey,
                           .done = scene_on_read,
                       });
    scene_forget_rows(s);
}

static void scene_end(struct scene *s)
{
    free(s->readers);
    arena_reset(&s->text);
    explicit_bzero(s, sizeof *s);
    free(s);
}

static void scene_on_read(void *arg, enum store_result result)
{
    struct scene *s = arg;
    bool may_see = !(s->of.needs & NEEDS_PASS) || s->pass.found;
    bool more = (s->of.needs & OF_ENVELOPE && s->envelope.found && may_see) ||
                (s->of.needs & OF_PERSON && s->of.whose != WHOSE_ADDRESS && scene_address(s).n > 0);
    s->reading = NULL;
    s->failed |= result != STORE_OK;
    if (!s->failed && more && s->round++ == 0) {
        scene_round(s);
        return;
    }
    if (s->failed) {
        scene_forget_rows(s);
        s->failed = true;
    }
    s->fn(s, s->arg);
    scene_end(s);
}

struct scene *scene_read(struct queue *q, const struct scene_of *of, scene_fn fn, void *arg)
{
    struct scene *s = err_calloc(1, sizeof *s);
    *s = (struct scene){.q = q, .of = *of, .fn = fn, .arg = arg, .text = ARENA_INIT(TEXT_MAX)};
    s->of.pass = scene_keep(s, of->pass);
    s->of.token = scene_keep(s, of->token);
    s->of.waits_for = scene_keep(s, of->waits_for);
    s->of.address = scene_keep(s, of->address);
    scene_round(s);
    return s;
}

void scene_cancel(struct scene *s)
{
    if (s) {
        store_cancel(s->reading);
        scene_end(s);
    }
}
