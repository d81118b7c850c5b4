/* SPDX-License-Identifier: Apache-2.0
 * preflight_pairs.c: our certificates and their keys, each by itself and all together. Called by
 * preflight.c.
 *
 * What can go wrong: a pair that nobody can use, or that those who verify refuse; names that none
 * is for; one that no client is ever shown.
 */
#include "base/clock.h"
#include "conf/tree.h"
#include "proc/child.h"
#include "proc/flight.h"
#include "sys/file.h"
#include "tls/pair.h"
#include "tls/pem.h"
#include "tls/tls.h"

#include <stdio.h>

static void on_pair(void *arg, bool is_warning, const char *text)
{
    struct flight *f = arg;
    if (is_warning) {
        conf_warning(f->problems, f->at, "%s: %s", f->file, text);
    } else {
        flight_bad(f, f->at, "%s: %s", f->file, text);
    }
}

/* What TLS itself says once pair.c found nothing: a key too small for the profile, an algorithm it
 * does not know. */
static void try_pair(struct flight *f, const struct tls_own *own, bool server)
{
    struct tls_context *ctx = NULL;
    char problem[256];
    int r = server ? tls_context_server(own, 1, TLS_PROFILE_WIDE, STR(""), problem, sizeof problem,
                                        &ctx)
                   : tls_context_client(buf_str(&f->trust), TLS_PROFILE_WIDE, problem,
                                        sizeof problem, &ctx);
    r = r < 0 || server ? r : tls_context_show(ctx, own, problem, sizeof problem);
    if (r < 0) {
        flight_bad(f, f->at, "%s: %s", f->file, problem);
    }
    tls_context_free(ctx);
}

/* A private key lies in the file of the chain as well. */
static bool holds_key(struct str pem)
{
    struct tls_pem_block at = {.number = 0};
    while (tls_pem_next(&pem, &at)) {
        if (str_ends_nocase(at.label, STR("PRIVATE KEY"))) {
            return true;
        }
    }
    return false;
}

static void check_pair(struct flight *f, const struct conf_node *node, const char *chain_path,
                       const char *key_path, bool server)
{
    CLEANUP(buf_wipe) struct buf chain = BUF_INIT(CHILD_FILE_MAX), key = BUF_INIT(CHILD_FILE_MAX);
    struct conf_place at_key_file = conf_place_of(node, "key");
    const struct tls_pair_report report = {on_pair, f};
    int before = f->result;
    f->at = conf_place_of(node, "chain");
    f->file = chain_path;
    f->result = 0;
    bool have = flight_read(f, f->at, "certificate", chain_path, &chain);
    if (!flight_read(f, at_key_file, "private key", key_path, &key) || !have) {
        return;
    }
    tls_pair_check(server ? TLS_PAIR_SERVER : TLS_PAIR_CLIENT, buf_str(&chain), buf_str(&key),
                   clock_wall_ms(), &report);
    if (f->result == 0) {
        try_pair(f, &(struct tls_own){buf_str(&chain), buf_str(&key)}, server);
        flight_key_mode(f, at_key_file, key_path);
        if (strcmp(chain_path, key_path) != 0 && holds_key(buf_str(&chain))) {
            flight_key_mode(f, f->at, chain_path);
        }
    }
    f->result = f->result < 0 ? f->result : before;
}

static bool same_text(const char *a, const char *b)
{
    return str_eq(str_c(a), str_c(b));
}

/* A reload in which files alone can have changed: the settings of certificates and of the names
 * that they are for are those in force. Files that are just being renewed refuse nothing; a
 * setting that a start refuses, a reload refuses too. */
static bool is_renewal(const struct flight *f)
{
    const struct conf *now = f->in_force, *next = f->conf;
    bool same = now && now->n_own == next->n_own && same_text(now->portal.url, next->portal.url) &&
                same_text(now->portal.files_url, next->portal.files_url) &&
                (now->portal.addresses.n > 0) == (next->portal.addresses.n > 0);
    for (size_t i = 0; same && i < next->n_own; i++) {
        same = same_text(now->own[i].chain, next->own[i].chain) &&
               same_text(now->own[i].key, next->own[i].key);
    }
    return same;
}

static void tell_of_names(struct flight *f, struct conf_place at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void tell_of_names(struct flight *f, struct conf_place at, const char *fmt, ...)
{
    char text[1200];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (is_renewal(f)) {
        conf_warning(f->problems, at, "%s", text);
    } else {
        flight_bad(f, at, "%s", text);
    }
}

static bool some_chain_has(const struct tls_own *own, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (tls_chain_has_name(own[i].chain, name)) {
            return true;
        }
    }
    return false;
}

static void check_portal_name(struct flight *f, const struct tls_own *own, const char *key,
                              const char *url)
{
    struct str rest = str_c(url);
    char name[300];
    rest = str_starts_nocase(rest, STR("https://")) ? str_slice(rest, 8, rest.n) : rest;
    str_copy_cut(str_slice(rest, 0, str_find(rest, ':', 0)), name, sizeof name);
    if (!some_chain_has(own, f->conf->n_own, name)) {
        tell_of_names(f, flight_at(f, "portal", key),
                      "portal: no certificate is for %s: every browser would warn of it. Add a "
                      "certificate block with that name",
                      name);
    }
}

/* A certificate that no client is ever shown: of two for the same names the first one counts. */
static void check_hidden(struct flight *f, const struct tls_own *own)
{
    const struct conf *c = f->conf;
    size_t by;
    for (size_t i = 0; i < c->n_own; i++) {
        if (!tls_own_is_hidden(own, c->n_own, i, &by)) {
            continue;
        }
        unsigned line = conf_place_of(c->own[by].node, "chain").line;
        tell_of_names(f, conf_place_of(c->own[i].node, "chain"),
                      tls_same_kind_of_key(own[i].chain, own[by].chain)
                          ? "%s is never shown: %s (line %u) is for the same names, with the same "
                            "kind of key. Leave one out"
                          : "%s is never shown: %s (line %u) comes first for its names and has "
                            "others besides. An RSA and an ECDSA certificate go together when both "
                            "are for the same names",
                      c->own[i].chain, c->own[by].chain, line);
    }
}

/* The file of the certificate alone, where that with its chain was meant. */
static void check_complete(struct flight *f, const struct tls_own *own)
{
    for (size_t i = 0; i < f->conf->n_own; i++) {
        char issuer[100];
        if (!tls_chain_is_complete(own[i].chain, buf_str(&f->trust), issuer, sizeof issuer)) {
            conf_warning(f->problems, conf_place_of(f->conf->own[i].node, "chain"),
                         "%s: the certificate of \"%s\", which certifies the last one in it, is "
                         "neither there nor in trust-store: who checks certificates refuses this "
                         "one. Name the file with the whole chain (fullchain.pem)",
                         f->conf->own[i].chain, issuer);
        }
    }
}

/* What the certificates are for, taken together. */
static void check_names(struct flight *f, const struct tls_own *own)
{
    const struct conf *c = f->conf;
    check_hidden(f, own);
    check_complete(f, own);
    if (!some_chain_has(own, c->n_own, c->hostname)) {
        conf_warning(f->problems, conf_place_of(c->own[0].node, "chain"),
                     "%s: no certificate is for the hostname %s: partners who check it will refuse "
                     "the connection. Get one for that name",
                     c->own[0].chain, c->hostname);
    }
    if (c->portal.url && c->portal.addresses.n > 0) {
        check_portal_name(f, own, "url", c->portal.url);
        if (c->portal.files_url) {
            check_portal_name(f, own, "files-url", c->portal.files_url);
        }
    }
}

void flight_certificates(struct flight *f)
{
    const struct conf *c = f->conf;
    struct buf chains[CONF_CERTIFICATES_MAX];
    struct tls_own own[CONF_CERTIFICATES_MAX] = {0};
    int before = f->result;
    bool readable = c->n_own > 0;
    f->result = 0;
    for (size_t i = 0; i < c->n_own; i++) {
        check_pair(f, c->own[i].node, c->own[i].chain, c->own[i].key, true);
        chains[i] = BUF_INIT(CHILD_FILE_MAX);
        readable = readable && file_read(c->own[i].chain, &chains[i]) == 0;
        own[i].chain = buf_str(&chains[i]);
    }
    for (size_t i = 0; i < c->n_certificates; i++) {
        check_pair(f, c->certificates[i].node, c->certificates[i].chain, c->certificates[i].key,
                   false);
    }
    f->fits = f->result == 0 && readable;
    if (f->fits) {
        check_names(f, own);
    }
    for (size_t i = 0; i < c->n_own; i++) {
        buf_free(&chains[i]);
    }
    f->result = f->result < 0 ? f->result : before;
}

void flight_certificates_reload(struct flight *f)
{
    CLEANUP(buf_free) struct buf all = BUF_INIT(256 * 1024);
    struct flight look = *f;
    struct conf_finding found;
    look.problems = &all;
    flight_certificates(&look);
    for (struct str rest = buf_str(&all); rest.n > 0;) {
        struct str line = str_slice(rest, 0, str_find(rest, '\n', 0));
        if (conf_finding_next(&rest, &found) && (found.is_warning || look.fits)) {
            (void)!buf_printf(f->problems, STR_FMT "\n", STR_ARG(line));
        }
    }
    f->result = look.fits ? look.result : f->result;
}
