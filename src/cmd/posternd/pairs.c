/* SPDX-License-Identifier: Apache-2.0
 * pairs.c: the certificates and private keys in force, kept in memory, so that a process that
 * starts anew gets what the others have, whatever lies on the disk at that moment. Called by
 * main.c (looks), control.c (reload), handover.c (what children get).
 *
 * What can go wrong: files that are being renewed: half written, missing, of two generations.
 * Then the pair in force stays (renewal.h); what waits is told in log and status, and as an
 * alarm where it goes on for minutes.
 */
#include "cmd/posternd/pairs.h"
#include "base/clock.h"
#include "base/log.h"
#include "cmd/posternd/renewal.h"
#include "proc/child.h"
#include "sys/file.h"
#include "tls/pair.h"
#include "tls/sign.h"
#include "tls/tls.h"

#include <stdio.h>
#include <stdlib.h>

enum { PAIRS_MAX = 2 * CONF_CERTIFICATES_MAX + 1 };

struct texts {
    struct buf chain, key; /* PEM */
};

struct pair {
    enum pair_kind kind;
    size_t number;
    const char *chain_path, *key_path; /* of the kept configuration; a signing key has no chain */
    struct texts in_force;
    struct texts seen;      /* at the last look, where that was something else */
    int64_t waits_since_ms; /* 0: the disk has what is in force */
    char problem[300];
};

struct pairs {
    struct pair v[PAIRS_MAX];
    size_t n;
    struct buf trust;
};

static struct texts texts_new(void)
{
    return (struct texts){.chain = BUF_INIT(CHILD_FILE_MAX), .key = BUF_INIT(CHILD_FILE_MAX)};
}

static void texts_wipe(struct texts *t)
{
    buf_wipe(&t->chain);
    buf_wipe(&t->key);
}

static bool texts_equal(const struct texts *a, const struct texts *b)
{
    return str_eq(buf_str(&a->chain), buf_str(&b->chain)) &&
           str_eq(buf_str(&a->key), buf_str(&b->key));
}

static bool texts_copy(struct texts *to, const struct texts *from)
{
    buf_reset(&to->chain);
    buf_reset(&to->key);
    return buf_add(&to->chain, buf_str(&from->chain)) == 0 &&
           buf_add(&to->key, buf_str(&from->key)) == 0;
}

/* --- does it fit -------------------------------------------------------- */

static bool own_fits(const struct texts *t, char *problem, size_t size)
{
    if (tls_pair_usable(TLS_PAIR_SERVER, buf_str(&t->chain), buf_str(&t->key), clock_wall_ms(),
                        problem, size) < 0) {
        return false;
    }
    struct tls_context *ctx = NULL;
    const struct tls_own own = {buf_str(&t->chain), buf_str(&t->key)};
    int r = tls_context_server(&own, 1, TLS_PROFILE_WIDE, STR(""), problem, size, &ctx);
    tls_context_free(ctx);
    return r == 0;
}

static bool client_fits(const struct texts *t, struct str trust, char *problem, size_t size)
{
    if (tls_pair_usable(TLS_PAIR_CLIENT, buf_str(&t->chain), buf_str(&t->key), clock_wall_ms(),
                        problem, size) < 0) {
        return false;
    }
    struct tls_context *ctx = NULL;
    const struct tls_own own = {buf_str(&t->chain), buf_str(&t->key)};
    int r = tls_context_client(trust, TLS_PROFILE_WIDE, problem, size, &ctx);
    r = r < 0 ? r : tls_context_show(ctx, &own, problem, size);
    tls_context_free(ctx);
    return r == 0;
}

static bool signer_fits(const struct texts *t, char *problem, size_t size)
{
    struct tls_signer *signer = NULL;
    int r = tls_signer_new(buf_str(&t->key), problem, size, &signer);
    tls_signer_free(signer);
    return r == 0;
}

static bool pairs_fits(const struct pairs *p, const struct pair *one, const struct texts *t,
                       char *problem, size_t size)
{
    switch (one->kind) {
    case PAIR_OWN:
        return own_fits(t, problem, size);
    case PAIR_CLIENT:
        return client_fits(t, buf_str(&p->trust), problem, size);
    case PAIR_SIGNING:
        return signer_fits(t, problem, size);
    }
    return false;
}

static bool read_texts(const struct pair *one, struct texts *ret, char *problem, size_t size)
{
    const char *path = one->chain_path;
    int r = path ? file_read(path, &ret->chain) : 0;
    if (r == 0) {
        path = one->key_path;
        r = file_read(path, &ret->key);
    }
    if (r < 0) {
        snprintf(problem, size, "%s: cannot be read: %s", path, strerror(-r));
    }
    return r == 0;
}

/* --- looks -------------------------------------------------------------- */

static void pairs_take(struct pair *one, const struct texts *t)
{
    must(texts_copy(&one->in_force, t));
    texts_wipe(&one->seen);
    one->seen = texts_new();
    one->waits_since_ms = 0;
}

static void wait_for_rest(struct pair *one, const struct texts *t, bool is_good,
                          const char *problem, int64_t now_ms)
{
    bool is_news = one->waits_since_ms == 0 || (!is_good && strcmp(one->problem, problem) != 0);
    one->waits_since_ms = one->waits_since_ms ? one->waits_since_ms : now_ms;
    must(texts_copy(&one->seen, t));
    snprintf(one->problem, sizeof one->problem, "%s", is_good ? "it has just changed" : problem);
    if (is_news && !is_good) {
        log_warn("certificate-not-in-force",
                 KV("file", one->chain_path ? one->chain_path : one->key_path),
                 KV("problem", problem),
                 KV("what", "what was in force before stays, until what is on the disk fits"));
    }
}

/* told: an administrator says that the files are complete. */
static enum renewal renewal_of(const struct pairs *p, struct pair *one, bool told, int64_t now_ms,
                               char *problem, size_t size)
{
    struct texts now = texts_new();
    bool readable = read_texts(one, &now, problem, size);
    bool has_old = buf_len(&one->in_force.key) > 0;
    bool differs = !readable || !texts_equal(&now, &one->in_force);
    const struct renewal_facts f = {
        .has_old = has_old,
        .differs = differs,
        .fits = readable && (!differs || pairs_fits(p, one, &now, problem, size)),
        .rests = told || (one->waits_since_ms != 0 && texts_equal(&now, &one->seen)),
    };
    enum renewal r = renewal_decide(&f);
    switch (r) {
    case RENEWAL_KEEP:
        one->waits_since_ms = 0;
        break;
    case RENEWAL_WAIT:
        wait_for_rest(one, &now, f.fits, problem, now_ms);
        break;
    case RENEWAL_TAKE:
        pairs_take(one, &now);
        break;
    case RENEWAL_REFUSE:
        break;
    }
    texts_wipe(&now);
    return r;
}

bool pairs_look(struct pairs *p, int64_t now_ms)
{
    bool changed = false;
    for (size_t i = 0; i < p->n; i++) {
        char problem[256] = "";
        struct pair *one = &p->v[i];
        if (renewal_of(p, one, false, now_ms, problem, sizeof problem) == RENEWAL_TAKE) {
            log_notice("certificate-taken",
                       KV("file", one->chain_path ? one->chain_path : one->key_path));
            changed = true;
        }
    }
    return changed;
}

size_t pairs_waiting(const struct pairs *p, int64_t now_ms, int64_t longer_ms, struct buf *ret_text)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++) {
        const struct pair *one = &p->v[i];
        n += one->waits_since_ms != 0;
        if (one->waits_since_ms != 0 && now_ms - one->waits_since_ms >= longer_ms) {
            (void)!buf_printf(ret_text,
                              "%s has changed and is not in force: %s; what was in force before "
                              "stays. Put chain and key that belong together there\n",
                              one->chain_path ? one->chain_path : one->key_path, one->problem);
        }
    }
    return n;
}

/* --- the table ---------------------------------------------------------- */

static struct pair *pairs_find(const struct pairs *p, enum pair_kind kind, const char *chain_path,
                               const char *key_path)
{
    for (size_t i = 0; p && i < p->n; i++) {
        const struct pair *one = &p->v[i];
        if (one->kind == kind && str_eq(str_c(one->chain_path), str_c(chain_path)) &&
            str_eq(str_c(one->key_path), str_c(key_path))) {
            return (struct pair *)one;
        }
    }
    return NULL;
}

static int pairs_add(struct pairs *p, enum pair_kind kind, size_t number, const char *name,
                     const char *chain_path, const char *key_path, const struct pairs *old,
                     struct buf *problems)
{
    char problem[256] = "";
    struct pair *one = &p->v[p->n++];
    const struct pair *before = pairs_find(old, kind, chain_path, key_path);
    *one = (struct pair){
        .kind = kind,
        .number = number,
        .chain_path = chain_path ? err_strdup(chain_path) : NULL,
        .key_path = err_strdup(key_path),
        .in_force = texts_new(),
        .seen = texts_new(),
    };
    if (before) {
        must(texts_copy(&one->in_force, &before->in_force));
    }
    if (renewal_of(p, one, true, clock_mono_ms(), problem, sizeof problem) != RENEWAL_REFUSE) {
        return 0;
    }
    return buf_printf(problems, "%s: %s\n", name, problem) < 0 ? -ENOSPC : -EINVAL;
}

struct pairs *pairs_new(const struct conf *c, struct str trust, const struct pairs *old,
                        struct buf *problems)
{
    struct pairs *p = err_calloc(1, sizeof *p);
    p->trust = BUF_INIT(CHILD_FILE_MAX);
    int r = buf_add(&p->trust, trust);
    for (size_t i = 0; r == 0 && i < c->n_own; i++) {
        r = pairs_add(p, PAIR_OWN, i, c->own[i].chain, c->own[i].chain, c->own[i].key, old,
                      problems);
    }
    for (size_t i = 0; r == 0 && i < c->n_certificates; i++) {
        r = pairs_add(p, PAIR_CLIENT, i, c->certificates[i].name, c->certificates[i].chain,
                      c->certificates[i].key, old, problems);
    }
    if (r == 0 && c->signing.key) {
        r = pairs_add(p, PAIR_SIGNING, 0, c->signing.key, NULL, c->signing.key, old, problems);
    }
    if (r < 0) {
        pairs_free(p);
        return NULL;
    }
    return p;
}

void pairs_free(struct pairs *p)
{
    for (size_t i = 0; p && i < p->n; i++) {
        texts_wipe(&p->v[i].in_force);
        texts_wipe(&p->v[i].seen);
        free((char *)p->v[i].chain_path);
        free((char *)p->v[i].key_path);
    }
    if (p) {
        buf_free(&p->trust);
    }
    free(p);
}

static const struct texts *in_force(const struct pairs *p, enum pair_kind kind, size_t number)
{
    for (size_t i = 0; i < p->n; i++) {
        if (p->v[i].kind == kind && p->v[i].number == number) {
            return &p->v[i].in_force;
        }
    }
    return NULL;
}

struct str pairs_chain(const struct pairs *p, enum pair_kind kind, size_t number)
{
    const struct texts *t = in_force(p, kind, number);
    return t ? buf_str(&t->chain) : STR("");
}

struct str pairs_key(const struct pairs *p, enum pair_kind kind, size_t number)
{
    const struct texts *t = in_force(p, kind, number);
    return t ? buf_str(&t->key) : STR("");
}
