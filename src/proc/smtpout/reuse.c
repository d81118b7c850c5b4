/* SPDX-License-Identifier: Apache-2.0
 * reuse.c: connections that are kept for the next message, and for which messages they are good.
 * Called by delivery.c and, at the end, main.c; the connections themselves are connection.c's.
 *
 * What can go wrong: a connection that one message's rules accept would carry another's that ask
 * for more. So it is used again only where everything that it was made with is asked for again.
 */
#include "proc/smtpout/smtpout.h"

static bool same_tls_requirements(const struct tls_requirements *a,
                                  const struct tls_requirements *b)
{
    return a->profile == b->profile && a->records_hash == b->records_hash &&
           str_eq(a->records, b->records) &&
           strcmp(a->client_certificate, b->client_certificate) == 0 &&
           strcmp(a->name, b->name) == 0 && strcmp(a->next_hop, b->next_hop) == 0 &&
           strcmp(a->canon, b->canon) == 0;
}

struct connection *connection_find_idle(const struct delivery *d, const char *host, const char *ip,
                                        const struct tls_requirements *tls)
{
    struct smtpout *out = d->out;
    LIST_EACH (it, &out->idle) {
        struct connection *l = LIST_OF(it, struct connection, idle);
        /* a plain connection serves only the destination it was judged for; one with TLS whoever
         * would have made it in the same way, names and TLSA records included */
        if (l->port == d->port && strcmp(l->ip, ip) == 0 && strcmp(l->host, host) == 0 &&
            l->lmtp == d->lmtp && l->logged_in == d->login &&
            !((d->avoid_set | d->avoid) & ~l->avoid) &&
            (l->tls || str_eq(str_c(l->next_hop), d->next_hop)) &&
            same_tls_requirements(&l->tls_requirements, tls)) {
            list_remove(&l->idle);
            out->n_idle--;
            l->state = CONNECTION_TALKING;
            l->reused = true;
            timer_stop(l->timer);
            return l;
        }
    }
    return NULL;
}

void connection_release(struct connection *l, bool usable)
{
    struct smtpout *out = l->out;
    const struct conf *c = child_conf(out->child);
    l->delivery = NULL;
    l->saving = (struct lease_id){0};
    bool guesses = l->suspicion.set; /* the next message's success would prove nothing */
    /* after HELO the next connection says EHLO again */
    bool greeted = smtp_client_caps(l->engine)->esmtp;
    bool keep = usable && !guesses && greeted && smtp_client_reusable(l->engine) &&
                !l->without_tls && !out->stopping &&
                l->messages < (unsigned)c->queue.messages_per_connection &&
                out->n_idle < IDLE_LINKS_MAX && c->queue.idle_connection > 0;
    if (!keep) {
        connection_end(l);
        return;
    }
    l->state = CONNECTION_IDLE;
    list_append(&out->idle, &l->idle);
    out->n_idle++;
    timer_start(l->timer, c->queue.idle_connection);
}

void connection_close_idle(struct smtpout *out)
{
    while (!list_empty(&out->idle)) {
        struct connection *l = LIST_OF(out->idle.next, struct connection, idle);
        list_remove(&l->idle);
        out->n_idle--;
        l->state = CONNECTION_TALKING;
        connection_end(l);
    }
}
