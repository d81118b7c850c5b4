/* SPDX-License-Identifier: Apache-2.0
 * quirks.c: what hosts announce and do not keep (wire/extension.h), found out by one smtpout,
 * told to all, kept in the store for a week, then tried again. Called by main.c, job.c and
 * admin_domains.c.
 *
 * What can go wrong: more hosts than are kept: the newest are found out each time, which the log
 * says.
 */
#include "base/clock.h"
#include "base/log.h"
#include "proc/queue/queue.h"
#include "proc/queue/admin/walk.h"
#include "wire/extension.h"

#include <stdio.h>
#include <stdlib.h>

enum { QUIRKS_MAX = 10000, DAY_MS = 24 * 60 * 60 * 1000 };

static void quirks_tell(struct ipc_channel *to, const struct store_quirk *x)
{
    ipc_send(to, &(struct ipc_msg){.type = IPC_quirk,
                                   .quirk = {
                                       .host = x->host,
                                       .address = x->address,
                                       .extension = x->extension,
                                       .until_ms = x->until_ms,
                                   }});
}

static void quirks_tell_all(const struct queue *q, const struct store_quirk *x)
{
    for (unsigned i = 0; i < q->workers.n_smtpout; i++) {
        if (q->workers.smtpout[i]) {
            quirks_tell(q->workers.smtpout[i], x);
        }
    }
}

/* All of them for one smtpout, whichever is there by then. */
struct handing_over {
    const struct queue *q;
    unsigned smtpout;
};

static void quirks_tell_one(void *arg, const struct store_quirk *x)
{
    const struct handing_over *h = arg;
    quirks_tell(h->q->workers.smtpout[h->smtpout], x);
}

static void quirks_on_walked(void *arg, enum store_result result)
{
    if (result != STORE_OK) {
        log_warn("quirks-not-read",
                 KV("what",
                    "what hosts do not keep cannot be read from the store; it is found out again"));
    }
    free(arg);
}

void quirks_hand_over(struct queue *q, unsigned smtpout)
{
    struct handing_over *h = err_calloc(1, sizeof *h);
    *h = (struct handing_over){q, smtpout};
    store_forget_quirks(q->store, STR(""), clock_wall_ms());
    store_read(q->store, &(struct store_query){.what = STORE_QUIRKS},
               &(struct store_rows){.arg = h, .quirk = quirks_tell_one, .done = quirks_on_walked});
}

/* A new one, while those that are known are counted. */
struct quirk_found {
    struct queue *q;
    struct store_quirk x; /* strings in text */
    struct arena text;
    size_t n;
};

static void quirks_count_one(void *arg, const struct store_quirk *x)
{
    ((struct quirk_found *)arg)->n++;
}

static void quirks_on_counted(void *arg, enum store_result result)
{
    struct quirk_found *f = arg;
    if (result != STORE_OK || f->n >= QUIRKS_MAX) {
        log_warn("quirk-not-kept", KVS("host", f->x.host), KVN("quirks", f->n),
                 KVN("result", result));
    } else {
        store_put_quirk(f->q->store, &f->x);
        quirks_tell_all(f->q, &f->x);
    }
    arena_reset(&f->text);
    free(f);
}

void quirks_on_quirk(void *owner, struct ipc_channel *ch, const struct ipc_quirk *m)
{
    struct queue *q = owner;
    int64_t now = clock_wall_ms();
    unsigned days = extension_days(m->extension);
    const struct store_quirk x = {
        .host = m->host,
        .address = m->address,
        .extension = m->extension,
        .since_ms = now,
        .until_ms = now + (int64_t)days * DAY_MS,
        .domain = m->domain,
        .why = m->why,
    };
    if (x.extension >= EXTENSION_END || days == 0) {
        return; /* smtpout reads what others send: what it says must not end us */
    }
    store_forget_quirks(q->store, STR(""), now);
    struct quirk_found *f = err_calloc(1, sizeof *f);
    *f = (struct quirk_found){.q = q, .x = x, .text = ARENA_INIT(16 * 1024)};
    struct str *texts[] = {&f->x.host, &f->x.address, &f->x.domain, &f->x.why};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        must(arena_copy(&f->text, *texts[i], texts[i]) == 0);
    }
    store_read(q->store, &(struct store_query){.what = STORE_QUIRKS},
               &(struct store_rows){.arg = f,
                                    .quirk = quirks_count_one,
                                    .done = quirks_on_counted});
}

static void forget_one(void *arg, const struct store_quirk *x)
{
    struct walk *w = arg;
    struct str host = str_c(w->about);
    if (str_eq_nocase(x->host, host) || str_eq_nocase(x->address, host)) {
        struct store_quirk over = *x;
        over.until_ms = 0;
        w->n++;
        quirks_tell_all(w->q, &over);
    }
}

static void quirks_forgotten(struct walk *w)
{
    char text[160];
    store_forget_quirks(w->q->store, str_c(w->about), 0);
    log_notice("quirks-forgotten", KV("host", w->about), KVN("quirks", w->n));
    snprintf(text, sizeof text,
             w->n == 0
                 ? "nothing is remembered of such a host (a name or an address, as in postern "
                   "domains quirks)"
                 : "%zu forgotten: what this host announces is used again from its next "
                   "connection on",
             w->n);
    walk_finish(w->to, w->n > 0, text);
}

void quirks_forget(struct queue *q, struct ipc_channel *to, struct str host)
{
    if (host.n == 0) { /* it would be those of no name that are over */
        walk_finish(to, false, "a host is a name or an address, as in postern domains quirks");
        return;
    }
    walk_start(q, to, host, &(struct store_query){.what = STORE_QUIRKS}, 1,
               &(struct store_rows){.quirk = forget_one})
        ->end = quirks_forgotten;
}
