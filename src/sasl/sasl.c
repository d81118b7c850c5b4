/* SPDX-License-Identifier: Apache-2.0
 * sasl.c: exchanges over libgsasl. Called by the login process (server) and smtpout (client of a
 * smart host).
 *
 * What can go wrong: an authorisation name that is not the authentication name (refused: nobody
 * acts for somebody else), names with NUL, mechanisms that were not offered.
 */
#include "sasl/sasl.h"
#include "wire/base64.h"

#include <gsasl.h>
#include <stdio.h>
#include <stdlib.h>

struct sasl {
    Gsasl_session *session;
    const struct sasl_server *server; /* NULL: we are the client */
    char name[SASL_NAME_MAX + 1];
};

static Gsasl *library(void)
{
    static Gsasl *one;
    if (!one && gsasl_init(&one) != GSASL_OK) {
        one = NULL;
    }
    return one;
}

static bool sasl_take_name(struct sasl *s, const char *name)
{
    return name && *name && str_copy(str_c(name), s->name, sizeof s->name) == 0;
}

/* Nobody acts in the name of somebody else. */
static bool acts_for_himself(Gsasl_session *session, const char *name)
{
    const char *authzid = gsasl_property_fast(session, GSASL_AUTHZID);
    return !authzid || !*authzid || strcmp(authzid, name) == 0;
}

static int validate_password(struct sasl *s, Gsasl_session *session)
{
    const char *name = gsasl_property_fast(session, GSASL_AUTHID);
    const char *password = gsasl_property_fast(session, GSASL_PASSWORD);
    bool ok = sasl_take_name(s, name) && password && *password && acts_for_himself(session, name) &&
              s->server->password_ok(s->server->arg, name, password);
    return ok ? GSASL_OK : GSASL_AUTHENTICATION_ERROR;
}

static int validate_external(struct sasl *s, Gsasl_session *session)
{
    const char *name = gsasl_property_fast(session, GSASL_AUTHZID);
    return s->server->external_ok &&
                   s->server->external_ok(s->server->arg, name ? name : "", s->name)
               ? GSASL_OK
               : GSASL_AUTHENTICATION_ERROR;
}

static int give_scram(struct sasl *s, Gsasl_session *session)
{
    const char *name = gsasl_property_fast(session, GSASL_AUTHID);
    struct sasl_scram keys;
    char iterations[16];
    if (!sasl_take_name(s, name) || !acts_for_himself(session, name) ||
        !s->server->scram_of(s->server->arg, name, &keys)) {
        return GSASL_NO_CALLBACK;
    }
    snprintf(iterations, sizeof iterations, "%u", keys.iterations);
    gsasl_property_set(session, GSASL_SCRAM_ITER, iterations);
    gsasl_property_set(session, GSASL_SCRAM_SALT, keys.salt);
    gsasl_property_set(session, GSASL_SCRAM_STOREDKEY, keys.stored_key);
    gsasl_property_set(session, GSASL_SCRAM_SERVERKEY, keys.server_key);
    explicit_bzero(&keys, sizeof keys);
    return GSASL_OK;
}

static int on_question(Gsasl *g, Gsasl_session *session, Gsasl_property question)
{
    struct sasl *s = session ? gsasl_session_hook_get(session) : NULL;
    if (!s || !s->server) {
        return GSASL_NO_CALLBACK;
    }
    if (question == GSASL_VALIDATE_SIMPLE) {
        return validate_password(s, session);
    }
    if (question == GSASL_VALIDATE_EXTERNAL) {
        return validate_external(s, session);
    }
    if (question == GSASL_SCRAM_ITER || question == GSASL_SCRAM_SALT ||
        question == GSASL_SCRAM_STOREDKEY || question == GSASL_SCRAM_SERVERKEY) {
        return give_scram(s, session);
    }
    return GSASL_NO_CALLBACK;
}

int sasl_server_new(const char *mechanism, const struct sasl_server *server, struct sasl **ret)
{
    Gsasl *g = library();
    struct sasl *s = err_calloc(1, sizeof *s);
    s->server = server;
    if (!g || gsasl_server_start(g, mechanism, &s->session) != GSASL_OK) {
        free(s);
        return g ? -ENOTSUP : -ENOMEM;
    }
    gsasl_callback_set(g, on_question);
    gsasl_session_hook_set(s->session, s);
    if (server->exporter) {
        gsasl_property_set(s->session, GSASL_CB_TLS_EXPORTER, server->exporter);
    }
    *ret = s;
    return 0;
}

static bool offers(const char *offered, const char *mechanism)
{
    struct str rest = str_c(offered), one;
    while (str_split(&rest, ' ', &one)) {
        if (str_eq_nocase(one, str_c(mechanism))) {
            return true;
        }
    }
    return false;
}

int sasl_client_new(const char *offered, const char *refused, const char *name,
                    const char *password, const char *exporter, struct sasl **ret,
                    const char **ret_mechanism)
{
    static const char *const strongest_first[] = {
        "SCRAM-SHA-256-PLUS",
        "SCRAM-SHA-256",
        "PLAIN",
        "LOGIN",
    };
    Gsasl *g = library();
    for (size_t i = exporter ? 0 : 1; g && i < ARRAY_LEN(strongest_first); i++) {
        if (!offers(offered, strongest_first[i]) || offers(refused, strongest_first[i])) {
            continue;
        }
        struct sasl *s = err_calloc(1, sizeof *s);
        if (gsasl_client_start(g, strongest_first[i], &s->session) != GSASL_OK) {
            free(s);
            return -ENOMEM;
        }
        gsasl_callback_set(g, on_question);
        gsasl_session_hook_set(s->session, s);
        gsasl_property_set(s->session, GSASL_AUTHID, name);
        gsasl_property_set(s->session, GSASL_PASSWORD, password);
        if (i == 0) {
            gsasl_property_set(s->session, GSASL_CB_TLS_EXPORTER, exporter);
        }
        *ret = s;
        *ret_mechanism = strongest_first[i];
        return 0;
    }
    return -ENOTSUP;
}

void sasl_free(struct sasl *s)
{
    if (s) {
        gsasl_finish(s->session);
        explicit_bzero(s, sizeof *s);
        free(s);
    }
}

enum sasl_step sasl_step(struct sasl *s, struct str in, struct buf *out)
{
    CLEANUP(buf_wipe) struct buf text = BUF_INIT(SASL_TEXT_MAX + 1);
    char *answer = NULL;
    if (in.n > SASL_TEXT_MAX || memchr(in.p ? in.p : "", 0, in.n) || buf_add(&text, in) < 0 ||
        buf_append(&text, "", 1) < 0) {
        return SASL_FAILED;
    }
    int r = gsasl_step64(s->session, buf_str(&text).p, &answer);
    bool fits = !answer || buf_add(out, str_c(answer)) == 0;
    if (answer) {
        explicit_bzero(answer, strlen(answer));
        gsasl_free(answer);
    }
    return !fits                   ? SASL_FAILED
           : r == GSASL_OK         ? SASL_DONE
           : r == GSASL_NEEDS_MORE ? SASL_MORE
                                   : SASL_FAILED;
}

const char *sasl_name(const struct sasl *s)
{
    return s->name;
}

static void sasl_put_text(const char *octets, size_t n, char *dst, size_t size)
{
    struct buf text = BUF_INIT(size - 1);
    must(base64_write(str_from(octets, n), 0, &text) == 0);
    str_copy_cut(buf_str(&text), dst, size);
    buf_free(&text);
}

static void put_scram(unsigned iterations, const char *salt, const char *stored, const char *server,
                      struct sasl_scram *ret)
{
    ret->iterations = iterations;
    sasl_put_text(salt, 16, ret->salt, sizeof ret->salt);
    sasl_put_text(stored, 32, ret->stored_key, sizeof ret->stored_key);
    sasl_put_text(server, 32, ret->server_key, sizeof ret->server_key);
}

int sasl_make_scram(const char *password, unsigned iterations, const unsigned char salt[16],
                    struct sasl_scram *ret)
{
    char salted[32], client[32], server[32], stored[32];
    if (gsasl_scram_secrets_from_password(GSASL_HASH_SHA256, password, iterations,
                                          (const char *)salt, 16, salted, client, server,
                                          stored) != GSASL_OK) {
        return -EINVAL;
    }
    put_scram(iterations, (const char *)salt, stored, server, ret);
    explicit_bzero(salted, sizeof salted);
    explicit_bzero(client, sizeof client);
    return 0;
}

void sasl_decoy_scram(const unsigned char salt[16], const unsigned char octets[64],
                      struct sasl_scram *ret)
{
    put_scram(SASL_ITERATIONS, (const char *)salt, (const char *)octets, (const char *)octets + 32,
              ret);
}
