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
#include "wire/extension.h"

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

static void quirks_tell_one(void *arg, const struct store_quirk *x)
{
    quirks_tell(arg, x);
}

static void quirks_count_one(void *arg, const struct store_quirk *x)
{
    ++*(size_t *)arg;
}

static void quirks_on_walked(void *arg, enum store_result result)
{
    if (result != STORE_OK) {
        log_warn("quirks-not-read",
                 KV("what",
                    "what hosts do not keep cannot be read from the store; it is found out again"));
    }
}

void quirks_hand_over(struct queue *q, struct ipc_channel *smtpout)
{
    store_forget_quirks(q->store, STR(""), clock_wall_ms());
    store_each_quirk(q->store, quirks_tell_one, quirks_on_walked, smtpout);
}

void quirks_on_quirk(void *owner, struct ipc_channel *ch, const struct ipc_quirk *m)
{
    struct queue *q = owner;
    int64_t now = clock_wall_ms();
    size_t n = 0;
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
    store_each_quirk(q->store, quirks_count_one, quirks_on_walked, &n);
    if (n >= QUIRKS_MAX) {
        log_warn("quirk-not-kept", KVS("host", x.host), KVN("quirks", n));
        return;
    }
    store_put_quirk(q->store, &x);
    quirks_tell_all(q, &x);
}

/* Those of one host are forgotten. */
struct forgetting {
    const struct queue *q;
    struct str host;
    size_t n;
};

static void forget_one(void *arg, const struct store_quirk *x)
{
    struct forgetting *f = arg;
    if (str_eq_nocase(x->host, f->host) || str_eq_nocase(x->address, f->host)) {
        struct store_quirk over = *x;
        over.until_ms = 0;
        f->n++;
        quirks_tell_all(f->q, &over);
    }
}

size_t quirks_forget(struct queue *q, struct str host)
{
    struct forgetting f = {.q = q, .host = host};
    if (host.n == 0) {
        return 0;
    }
    store_each_quirk(q->store, forget_one, quirks_on_walked, &f);
    store_forget_quirks(q->store, host, 0);
    log_notice("quirks-forgotten", KVS("host", host), KVN("quirks", f.n));
    return f.n;
}
