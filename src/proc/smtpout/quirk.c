/* SPDX-License-Identifier: Apache-2.0
 * quirk.c: what hosts announce and do not keep, or stumble over (wire/extension.h,
 * docs/decisions/0026, 0031). The queue remembers it for all smtpout processes and over
 * restarts; here is what is in force, and what the session of a link says about its host.
 *
 * Called by connection.c, delivery.c and probe.c. A first suspicion only changes how the same
 * message is offered again; it is remembered when that goes better, or when the refusal could
 * mean nothing else. That EHLO failed never is. What can go wrong: more hosts than are kept: the
 * newest are found out again each time.
 */
#include "base/clock.h"
#include "base/log.h"
#include "proc/smtpout/smtpout.h"

#include <stdio.h>
#include <stdlib.h>

enum { LOCAL_MS = 60 * 1000 };

/* Of one host at one address: until when each is avoided, wall milliseconds; 0: not. */
struct quirk {
    int64_t until_ms[EXTENSION_END];
};

static struct str quirk_key_of(struct str host, struct str address, char key[320])
{
    size_t n = (size_t)snprintf(key, 320, STR_FMT " " STR_FMT, STR_ARG(host), STR_ARG(address));
    for (size_t i = 0; i < n && i < 319; i++) {
        key[i] = str_lower(key[i]);
    }
    return str_c(key);
}

static void keep_quirk(struct smtpout *out, struct str host, struct str address, enum extension e,
                       int64_t until_ms)
{
    char key[320];
    struct str k = quirk_key_of(host, address, key);
    struct quirk *q = map_get(out->quirks, k);
    if (!q && until_ms == 0) {
        return;
    }
    if (!q) {
        q = err_calloc(1, sizeof *q);
        if (map_put(out->quirks, k, q) < 0) {
            log_warn("quirk-not-kept", KVS("host", host), KVN("hosts", map_len(out->quirks)));
            free(q);
            return;
        }
    }
    q->until_ms[e] = until_ms;
}

void quirk_on_quirk(void *owner, struct ipc_channel *ch, const struct ipc_quirk *m)
{
    if (m->extension < EXTENSION_END) {
        keep_quirk(owner, m->host, m->address, m->extension, m->until_ms);
    }
}

extension_set quirk_known(const struct smtpout *out, const char *host, const char *ip)
{
    char key[320];
    const struct quirk *q = map_get(out->quirks, quirk_key_of(str_c(host), str_c(ip), key));
    extension_set set = 0;
    int64_t now = q ? clock_wall_ms() : 0;
    for (enum extension e = 0; q && e < EXTENSION_END; e++) {
        set |= q->until_ms[e] > now ? (extension_set)1 << e : 0;
    }
    return set;
}

void quirk_learn(const struct connection *l, enum extension e, const char *why)
{
    char domain[256];
    str_copy_cut(str_c(*l->memory_key ? l->memory_key : l->next_hop), domain, sizeof domain);
    log_notice(e == EXTENSION_HYBRID_GROUPS ? "ml-kem-not-answered" : "announced-not-kept",
               KV("host", l->host), KV("address", l->ip), KV("extension", extension_name(e)),
               KV("why", why));
    if (extension_days(e) == 0) {
        return; /* EHLO: each connection says it */
    }
    /* until the queue has told all */
    keep_quirk(l->out, str_c(l->host), str_c(l->ip), e, clock_wall_ms() + LOCAL_MS);
    ipc_send(l->out->queue, &(struct ipc_msg){.type = IPC_quirk,
                                              .quirk = {
                                                  .host = str_c(l->host),
                                                  .address = str_c(l->ip),
                                                  .extension = e,
                                                  .domain = str_c(domain),
                                                  .why = str_c(why),
                                              }});
}

void quirk_suspect(struct quirk_suspicion *s, enum extension e, const char *why)
{
    s->extension = e;
    s->set = true;
    str_copy_cut(str_c(why), s->why, sizeof s->why);
}

void quirk_confirm(struct connection *l)
{
    if (l->suspicion.set) {
        l->suspicion.set = false;
        quirk_learn(l, l->suspicion.extension, l->suspicion.why);
    }
}

/* The words of a report: what this session does without. */
void quirk_note(const struct connection *l, char *detail, size_t size)
{
    char words[80];
    size_t n = strlen(detail);
    if (l->avoid && n < size) {
        extension_words(l->avoid, words, sizeof words);
        snprintf(detail + n, size - n,
                 "%swithout %s, which this server does not keep or the configuration avoids",
                 n ? "; " : "", words);
    }
}

/* What to do without at the next try of the same address, after this link failed for that
 * reason; EXTENSION_END: it does not look as if anything of these were to blame. */
enum extension quirk_of_failure(const struct connection *l, enum reason reason)
{
    enum smtp_wait waits = smtp_client_waits_for(l->engine);
    bool closed = reason == REASON_BROKEN_SESSION || reason == REASON_BAD_SMTP;
    if (l->handshaking && l->tls && tls_channel_hybrid_unheard(l->tls)) {
        return EXTENSION_HYBRID_GROUPS; /* whatever the server did: it understood nothing */
    }
    if (l->lmtp || l->reused || !(closed || reason == REASON_TIMEOUT)) {
        return EXTENSION_END;
    }
    if (l->state == CONNECTION_BUSY && closed && waits == SMTP_WAIT_MAIL &&
        l->untrue != EXTENSION_END) {
        return l->untrue; /* it closes behind a refusal: a new connection for the same */
    }
    if (l->state == CONNECTION_BUSY && smtp_client_pipelined(l->engine) && waits != SMTP_WAIT_DOT) {
        return EXTENSION_PIPELINING;
    }
    if (l->state == CONNECTION_TALKING && closed && !l->tls && !l->offered &&
        waits == SMTP_WAIT_EHLO && !(l->avoid & EXTENSION_BIT(EHLO))) {
        return EXTENSION_EHLO;
    }
    return EXTENSION_END;
}
