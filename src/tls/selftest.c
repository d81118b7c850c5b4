/* SPDX-License-Identifier: Apache-2.0
 * selftest.c: a handshake with ourselves, in memory, by the same contexts, channels and
 * signatures as with a stranger. The client verifies the signature (RFC 8446 4.4.3, RFC 5246
 * 7.4.3), so that a key that does not fit is found as well. Called each minute by
 * proc/own_tls.c.
 */
#include "tls/tls.h"
#include "tls/tls_priv.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>

enum { ROUNDS = 10 };

static bool carry(struct tls_channel *to, struct buf *arrived, struct buf *leaving)
{
    CLEANUP(buf_free) struct buf plain = BUF_INIT(65536);
    int r = tls_channel_feed(to, buf_str(arrived), &plain, leaving);
    buf_reset(arrived);
    return r == 0 && tls_channel_state(to) != TLS_BROKEN;
}

static int selftest_shake(struct tls_channel *server, struct tls_channel *client, char *problem,
                          size_t size)
{
    CLEANUP(buf_free) struct buf up = BUF_INIT(256 * 1024), down = BUF_INIT(256 * 1024);
    for (int i = 0; i < ROUNDS; i++) {
        if (!carry(client, &down, &up)) {
            snprintf(problem, size, "the client's side: %s", tls_channel_problem(client));
            return -EPROTO;
        }
        if (!carry(server, &up, &down)) {
            snprintf(problem, size, "the server's side: %s", tls_channel_problem(server));
            return -EPROTO;
        }
        if (tls_channel_state(server) == TLS_OPEN && tls_channel_state(client) == TLS_OPEN) {
            return 0;
        }
    }
    snprintf(problem, size, "the handshake does not come to an end");
    return -EPROTO;
}

/* Its first DNS name, for SNI. */
static void selftest_name_of(X509 *cert, char *dst, size_t size)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    str_copy_cut(STR("selftest.invalid"), dst, size);
    for (int i = 0; names && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);
        if (g->type == GEN_DNS && ASN1_STRING_get0_data(g->d.dNSName)[0] != '*') {
            str_copy_cut(str_from((const char *)ASN1_STRING_get0_data(g->d.dNSName),
                                  (size_t)ASN1_STRING_length(g->d.dNSName)),
                         dst, size);
            break;
        }
    }
    GENERAL_NAMES_free(names);
}

/* TLS 1.2 tells by its ciphers which kind of certificate is wanted, so that each is tried. */
static int test_one(struct tls_context *server, X509 *cert, char *problem, size_t size)
{
    char name[256], what[160] = "";
    bool is_rsa = EVP_PKEY_is_a(X509_get0_pubkey(cert), "RSA");
    selftest_name_of(cert, name, sizeof name);
    struct tls_context *ctx =
        tls_context_probe(TLS1_2_VERSION, TLS1_2_VERSION, is_rsa ? "aRSA" : "aECDSA");
    struct tls_channel *s = tls_channel_server(server);
    struct tls_channel *c = ctx ? tls_channel_client(ctx, &(struct tls_peer){.name = name}) : NULL;
    int r = s && c ? selftest_shake(s, c, what, sizeof what) : -ENOMEM;
    if (r < 0) {
        snprintf(problem, size, "%s (%s): %s", name, is_rsa ? "RSA" : "ECDSA",
                 r == -ENOMEM ? "no memory" : what);
    }
    tls_channel_free(c);
    tls_channel_free(s);
    tls_context_free(ctx);
    return r;
}

int tls_self_test(struct tls_context *server, char *problem, size_t size)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < (server->n_named > 0 ? server->n_named : 1); i++) {
        SSL_CTX *ssl = server->n_named > 0 ? server->named[i].ssl : server->ssl;
        for (long at = SSL_CTX_set_current_cert(ssl, SSL_CERT_SET_FIRST); r == 0 && at == 1;
             at = SSL_CTX_set_current_cert(ssl, SSL_CERT_SET_NEXT)) {
            X509 *cert = SSL_CTX_get0_certificate(ssl);
            r = cert ? test_one(server, cert, problem, size) : 0;
        }
        (void)SSL_CTX_set_current_cert(ssl, SSL_CERT_SET_FIRST);
    }
    ERR_clear_error();
    return r;
}
