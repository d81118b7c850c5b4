/* SPDX-License-Identifier: Apache-2.0
 * keys: holds the secret that opens message keys, and gives a message key only for a live lease;
 * holds the private keys of TLS and DKIM, and signs with them.
 *
 * Trust: the most trusted and the smallest. Reads nothing but our own typed messages; no files,
 * no network after start. May touch: the at-rest secret. Must never see: a message.
 *
 * queue announces a lease with the wrapped key of its message; the smtpout that holds the lease
 * asks once and gets the key. A lease nobody announced (yet) waits a moment, then is refused.
 */
#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "base/random.h"
#include "proc/child.h"
#include "seal/rest.h"
#include "tls/remote.h"
#include "tls/sign.h"
#include "tls/ticket.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    LEASES_MAX = 65536,
    ASKS_MAX = 65536,
    LEASE_LIFE_MS = 60 * 60 * 1000,
    ASK_LIFE_MS = 5000,
    SWEEP_MS = 1000,
    RETIRED_MAX = 32,
    RETIRED_LIFE_MS = 10 * 60 * 1000
};

struct lease {
    struct lease_id id;
    enum role role; /* of whom may ask for it */
    unsigned index;
    int64_t opened_ms;
    size_t n;
    char wrapped[REST_WRAPPED];
    struct link link;
};

/* Who is at the other end of a channel. */
struct reader {
    enum role role;
    unsigned index;
};

/* A question that came before its lease. */
struct ask {
    struct lease_id id;
    struct ipc_channel *from;
    int64_t asked_ms;
    struct link link;
};

struct keys {
    struct child *child;
    struct rest_opener *opener;
    unsigned char public_key[REST_PUBLIC];
    struct map *leases; /* lease id -> struct lease */
    struct link by_age;
    struct link asks;
    size_t n_asks;
    struct timer *sweep;
    unsigned char ticket_seed[TLS_TICKET_SEED]; /* drawn at the start, never written down */
    struct tls_signer *signer;                  /* NULL: no signing key */
    struct tls_private *server[CONF_CERTIFICATES_MAX], *client[CONF_CERTIFICATES_MAX];
    /* server keys of an earlier configuration: sessions that began with it shake hands with it */
    struct retired {
        struct tls_private *key;
        int64_t at_ms;
    } retired[RETIRED_MAX];
    size_t n_retired;
    uint64_t unwrapped, refused, signed_n, handshakes, sealed;
};

static void drop_lease(struct keys *k, struct lease *l)
{
    map_take(k->leases, lease_key(&l->id));
    list_remove(&l->link);
    explicit_bzero(l, sizeof *l);
    free(l);
}

static void reply(struct ipc_channel *to, const struct lease_id *id, bool ok,
                  const unsigned char *key)
{
    ipc_send(to, &(struct ipc_msg){.type = IPC_unwrapped,
                                   .unwrapped = {
                                       .lease = *id,
                                       .ok = ok,
                                       .key = str_from((const char *)key, ok ? REST_KEY : 0),
                                   }});
}

/* A key is given once: the lease is used up. */
static void keys_give(struct keys *k, struct lease *l, struct ipc_channel *to)
{
    unsigned char key[REST_KEY];
    bool ok = rest_unwrap(k->opener, str_from(l->wrapped, l->n), key) == 0;
    if (!ok) {
        log_error("message-key-unreadable", KV("for", role_names[l->role]));
        k->refused++;
    }
    k->unwrapped += ok;
    reply(to, &l->id, ok, key);
    explicit_bzero(key, sizeof key);
    drop_lease(k, l);
}

/* To whom it was promised; whoever else knows of it was not told by queue. */
static void give_to(struct keys *k, struct lease *l, struct ipc_channel *ch)
{
    const struct reader *r = ipc_channel_data(ch);
    if (r->role != l->role || r->index != l->index) {
        ipc_refuse_about(ch, IPC_unwrap, "the lease of another");
        k->refused++;
        return;
    }
    keys_give(k, l, ch);
}

static void on_lease_open(void *owner, struct ipc_channel *ch, const struct ipc_lease_open *m)
{
    struct keys *k = owner;
    struct lease *l = err_calloc(1, sizeof *l);
    l->id = m->lease;
    l->role = m->role;
    l->index = m->index;
    l->opened_ms = clock_mono_ms();
    l->n = m->sealed_key.n < sizeof l->wrapped ? m->sealed_key.n : sizeof l->wrapped;
    memcpy(l->wrapped, m->sealed_key.p, l->n);
    if (map_get(k->leases, lease_key(&l->id)) || map_put(k->leases, lease_key(&l->id), l) < 0) {
        log_error("lease-refused", KVN("open", map_len(k->leases)));
        free(l);
        return;
    }
    list_append(&k->by_age, &l->link);
    LIST_EACH (it, &k->asks) {
        struct ask *a = LIST_OF(it, struct ask, link);
        if (lease_same(&a->id, &l->id)) {
            list_remove(&a->link);
            k->n_asks--;
            give_to(k, l, a->from);
            free(a);
            return;
        }
    }
}

static void on_lease_close(void *owner, struct ipc_channel *ch, const struct ipc_lease_close *m)
{
    struct keys *k = owner;
    struct lease *l = map_get(k->leases, lease_key(&m->lease));
    if (l) {
        drop_lease(k, l);
    }
}

static void on_unwrap(void *owner, struct ipc_channel *ch, const struct ipc_unwrap *m)
{
    struct keys *k = owner;
    struct lease *l = map_get(k->leases, lease_key(&m->lease));
    if (l) {
        give_to(k, l, ch);
        return;
    }
    if (k->n_asks >= ASKS_MAX) {
        reply(ch, &m->lease, false, NULL);
        return;
    }
    struct ask *a = err_calloc(1, sizeof *a);
    *a = (struct ask){.id = m->lease, .from = ch, .asked_ms = clock_mono_ms()};
    list_append(&k->asks, &a->link);
    k->n_asks++;
}

static void forget_asks_from(struct keys *k, const struct ipc_channel *ch, int64_t before_ms)
{
    for (struct link *it = k->asks.next; it != &k->asks;) {
        struct ask *a = LIST_OF(it, struct ask, link);
        it = it->next;
        if (a->from != ch && (ch || a->asked_ms > before_ms)) {
            continue;
        }
        if (!ch) {
            log_warn("lease-unknown",
                     KV("asked-by",
                        role_names[((const struct reader *)ipc_channel_data(a->from))->role]));
            k->refused++;
            reply(a->from, &a->id, false, NULL);
        }
        list_remove(&a->link);
        k->n_asks--;
        free(a);
    }
}

static void sweep(void *arg)
{
    struct keys *k = arg;
    int64_t now = clock_mono_ms();
    forget_asks_from(k, NULL, now - ASK_LIFE_MS);
    while (!list_empty(&k->by_age)) {
        struct lease *l = LIST_OF(k->by_age.next, struct lease, link);
        if (l->opened_ms > now - LEASE_LIFE_MS) {
            break;
        }
        drop_lease(k, l);
    }
    for (size_t i = 0; i < RETIRED_MAX; i++) {
        if (k->retired[i].key && k->retired[i].at_ms <= now - RETIRED_LIFE_MS) {
            tls_private_free(k->retired[i].key);
            k->retired[i].key = NULL;
        }
    }
    timer_start(k->sweep, SWEEP_MS);
}

static void keys_on_peer_closed(void *owner, struct ipc_channel *ch)
{
    forget_asks_from(owner, ch, 0);
    free(ipc_channel_data(ch));
}

/* A key that was wrapped for us, wrapped for a link: from then on its holder alone can open it. */
static void on_seal_link(void *owner, struct ipc_channel *ch, const struct ipc_seal_link *m)
{
    struct keys *k = owner;
    unsigned char key[REST_KEY], wrapped[REST_WRAPPED_BY_LINK] = {0};
    bool ok = rest_unwrap(k->opener, m->sealed_key, key) == 0;
    if (ok) {
        rest_wrap_by_link(m->secret, key, wrapped);
        k->sealed++;
    } else {
        log_error("message-key-unreadable", KVN("envelope", m->token));
    }
    explicit_bzero(key, sizeof key);
    ipc_send(ch, &(struct ipc_msg){.type = IPC_link_sealed,
                                   .link_sealed = {
                                       .token = m->token,
                                       .ok = ok,
                                       .sealed_key =
                                           str_from((const char *)wrapped, ok ? sizeof wrapped : 0),
                                   }});
}

static const struct ipc_rule queue_rules[] = {IPC_ON(lease_open, on_lease_open),
                                              IPC_ON(lease_close, on_lease_close),
                                              IPC_ON(seal_link, on_seal_link), IPC_RULES_END};
/* A DKIM signature over the octets given. Only smtpout can ask: it writes what is signed. */
static void keys_on_sign(void *owner, struct ipc_channel *ch, const struct ipc_sign *m)
{
    struct keys *k = owner;
    CLEANUP(buf_free) struct buf signature = BUF_INIT(1024);
    bool ok = k->signer && tls_sign(k->signer, m->text, &signature) == 0;
    k->signed_n += ok;
    ipc_send(ch, &(struct ipc_msg){.type = IPC_signature,
                                   .signature = {
                                       .token = m->token,
                                       .ok = ok,
                                       .algorithm =
                                           k->signer ? (uint8_t)tls_signer_algorithm(k->signer) : 0,
                                       .signature = buf_str(&signature),
                                   }});
}

static struct tls_private *keys_find_key(struct tls_private *const *keys, struct str id)
{
    for (size_t i = 0; i < CONF_CERTIFICATES_MAX && keys[i] && id.n == TLS_KEY_ID; i++) {
        if (memcmp(tls_private_id(keys[i]), id.p, TLS_KEY_ID) == 0) {
            return keys[i];
        }
    }
    return NULL;
}

static struct tls_private *find_retired(const struct keys *k, struct str id)
{
    for (size_t i = 0; i < RETIRED_MAX && id.n == TLS_KEY_ID; i++) {
        if (k->retired[i].key && memcmp(tls_private_id(k->retired[i].key), id.p, TLS_KEY_ID) == 0) {
            return k->retired[i].key;
        }
    }
    return NULL;
}

/* Server keys sign for smtpin and web, client keys for smtpout: which channel asks decides. */
static void sign_with(struct keys *k, struct tls_private *key, struct ipc_channel *ch,
                      const struct ipc_tls_sign *a)
{
    CLEANUP(buf_free) struct buf signature = BUF_INIT(TLS_SIGNATURE_MAX);
    bool ok = key && a->hash < TLS_HASH_END &&
              tls_private_sign(key, a->hash, a->pss != 0, a->digest, &signature) == 0;
    k->handshakes += ok;
    if (!ok) {
        log_warn("tls-signature-refused", KVN("hash", a->hash),
                 KV("why", key ? "it cannot be made" : "no such key"));
    }
    ipc_send(ch, &(struct ipc_msg){.type = IPC_tls_signature,
                                   .tls_signature = {
                                       .token = a->token,
                                       .ok = ok,
                                       .signature = buf_str(&signature),
                                   }});
}

static void on_server_sign(void *owner, struct ipc_channel *ch, const struct ipc_tls_sign *m)
{
    struct keys *k = owner;
    struct tls_private *key = keys_find_key(k->server, m->key_id);
    sign_with(k, key ? key : find_retired(k, m->key_id), ch, m);
}

static void on_client_sign(void *owner, struct ipc_channel *ch, const struct ipc_tls_sign *m)
{
    struct keys *k = owner;
    sign_with(k, keys_find_key(k->client, m->key_id), ch, m);
}

/* Of this hour and the one before: a process that was taken over learns nothing of the next. */
static void on_ticket_ask(void *owner, struct ipc_channel *ch, const struct ipc_ticket_ask *m)
{
    struct keys *k = owner;
    unsigned char secret[TLS_TICKET_SECRET];
    uint64_t now = (uint64_t)(clock_wall_ms() / TLS_TICKET_PERIOD_MS), period = m->period;
    bool ok = (period == now || period + 1 == now) &&
              tls_ticket_derive(k->ticket_seed, period, secret) == 0;
    ipc_send(ch,
             &(struct ipc_msg){.type = IPC_ticket_secret,
                               .ticket_secret = {
                                   .token = m->token,
                                   .ok = ok,
                                   .secret = str_from((const char *)secret, ok ? sizeof secret : 0),
                               }});
    explicit_bzero(secret, sizeof secret);
}

static const struct ipc_rule server_sign_rules[] = {IPC_ON(tls_sign, on_server_sign),
                                                    IPC_ON(ticket_ask, on_ticket_ask),
                                                    IPC_RULES_END};
static const struct ipc_rule client_sign_rules[] = {IPC_ON(tls_sign, on_client_sign),
                                                    IPC_RULES_END};

static void on_signing_closed(void *owner, struct ipc_channel *ch)
{
}

static void keys_on_signing(void *owner, struct child *c, enum role role, int fd)
{
    ipc_channel_new(child_loop(c), fd, role_names[role],
                    role == ROLE_SMTPOUT ? client_sign_rules : server_sign_rules, on_signing_closed,
                    owner);
}

static const struct ipc_rule reader_rules[] = {IPC_ON(unwrap, on_unwrap), IPC_RULES_END};
static const struct ipc_rule smtpout_rules[] = {IPC_ON(unwrap, on_unwrap),
                                                IPC_ON(sign, keys_on_sign), IPC_RULES_END};

static void add_reader(struct keys *k, struct child *c, enum role role, unsigned index, int fd,
                       const struct ipc_rule *rules)
{
    struct reader *r = err_calloc(1, sizeof *r);
    *r = (struct reader){.role = role, .index = index};
    ipc_channel_set_data(ipc_channel_new(child_loop(c), fd, role_names[role], rules,
                                         keys_on_peer_closed, k),
                         r);
}

static void keys_on_peer(void *owner, struct child *c, enum role role, unsigned index, int fd)
{
    if (role == ROLE_QUEUE) {
        add_reader(owner, c, role, index, fd, queue_rules);
    } else if (role == ROLE_SMTPOUT) {
        add_reader(owner, c, role, index, fd, smtpout_rules);
    } else if (role == ROLE_INSPECT || role == ROLE_WEB) {
        add_reader(owner, c, role, index, fd, reader_rules);
    } else {
        close(fd);
    }
}

static int load_signer(struct keys *k, struct child *c, char *problem, size_t size)
{
    struct str pem = child_file(c, "signing-key");
    struct tls_signer *next = NULL;
    if (pem.n > 0 && tls_signer_new(pem, problem, size, &next) < 0) {
        return -EINVAL;
    }
    tls_signer_free(k->signer);
    k->signer = next;
    return 0;
}

static void drop_keys(struct tls_private **keys)
{
    for (size_t i = 0; i < CONF_CERTIFICATES_MAX; i++) {
        tls_private_free(keys[i]);
        keys[i] = NULL;
    }
}

/* The keys named "KIND 0", "KIND 1", ... into next. */
static int read_private(struct child *c, const char *kind, struct tls_private **next, char *problem,
                        size_t size)
{
    char name[64];
    int r = 0;
    for (size_t i = 0; r == 0 && i < CONF_CERTIFICATES_MAX; i++) {
        snprintf(name, sizeof name, "%s %zu", kind, i);
        struct str pem = child_file(c, name);
        if (pem.n == 0) {
            break;
        }
        r = tls_private_new(pem, problem, size, &next[i]);
    }
    return r;
}

/* Those that are in the next configuration no more serve a little longer. */
static void keys_retire(struct keys *k, struct tls_private *const *next)
{
    for (size_t i = 0; i < CONF_CERTIFICATES_MAX && k->server[i]; i++) {
        if (keys_find_key(next, str_from((const char *)tls_private_id(k->server[i]), TLS_KEY_ID))) {
            tls_private_free(k->server[i]);
        } else {
            struct retired *r = &k->retired[k->n_retired++ % RETIRED_MAX];
            tls_private_free(r->key);
            *r = (struct retired){.key = k->server[i], .at_ms = clock_mono_ms()};
        }
        k->server[i] = NULL;
    }
}

/* All new ones, or the old ones if one cannot be read. */
static int load_keys(struct keys *k, struct child *c, char *problem, size_t size)
{
    struct tls_private *server[CONF_CERTIFICATES_MAX] = {0}, *client[CONF_CERTIFICATES_MAX] = {0};
    int r = read_private(c, "server-key", server, problem, size);
    r = r < 0 ? r : read_private(c, "client-key", client, problem, size);
    r = r < 0 ? r : load_signer(k, c, problem, size);
    if (r < 0) {
        drop_keys(server);
        drop_keys(client);
        return r;
    }
    keys_retire(k, server);
    drop_keys(k->client);
    memcpy(k->server, server, sizeof server);
    memcpy(k->client, client, sizeof client);
    return 0;
}

static int keys_on_prepare(void *owner, struct child *c, char *problem, size_t size)
{
    struct keys *k = owner;
    struct str secret = child_file(c, "at-rest-secret");
    k->child = c;
    k->leases = map_new(LEASES_MAX);
    list_init(&k->by_age);
    list_init(&k->asks);
    if (rest_init() < 0 || secret.n != REST_SECRET) {
        snprintf(problem, size, "the at-rest secret must be %d octets, it has %zu", REST_SECRET,
                 secret.n);
        return -EINVAL;
    }
    random_bytes(k->ticket_seed, sizeof k->ticket_seed);
    k->opener = rest_opener_new((const unsigned char *)secret.p, k->public_key);
    return load_keys(k, c, problem, size);
}

static int keys_on_reload(void *owner, struct child *c, char *problem, size_t size)
{
    return load_keys(owner, c, problem, size);
}

static void keys_sandbox(void *owner, struct child *c, struct sandbox *ret)
{
    *ret = (struct sandbox){.calls = 0};
}

static void keys_on_start(void *owner, struct child *c)
{
    struct keys *k = owner;
    ipc_send(child_control(c),
             &(struct ipc_msg){.type = IPC_ctl_public_key,
                               .ctl_public_key = {
                                   .key = str_from((char *)k->public_key, REST_PUBLIC)}});
    k->sweep = timer_new(child_loop(c), sweep, k);
    timer_start(k->sweep, SWEEP_MS);
}

static void keys_on_status(void *owner, char *text, size_t size)
{
    const struct keys *k = owner;
    snprintf(text, size,
             "leases=%zu given=%llu refused=%llu signed=%llu handshakes=%llu sealed=%llu",
             map_len(k->leases), (unsigned long long)k->unwrapped, (unsigned long long)k->refused,
             (unsigned long long)k->signed_n, (unsigned long long)k->handshakes,
             (unsigned long long)k->sealed);
}

int main(int argc, char **argv)
{
    static struct keys keys;
    static const struct child_events events = {
        .on_prepare = keys_on_prepare,
        .sandbox = keys_sandbox,
        .on_start = keys_on_start,
        .on_peer = keys_on_peer,
        .on_signing = keys_on_signing,
        .on_reload = keys_on_reload,
        .on_status = keys_on_status,
    };
    return child_main(argc, argv, "keys", &events, &keys);
}
