/* SPDX-License-Identifier: Apache-2.0
 * fuzz_tls.h: a TLS channel of ours and a peer that does the handshake with it, for
 * fuzz_tls_server.c and fuzz_tls_client.c. The peer shows whatever certificate the input makes,
 * and what it sends is changed on its way as the input says. So the channel reads hostile
 * certificates to their end, and broken records before, in and after a handshake.
 *
 * The property: no octet comes out that the peer did not send, in its place; none at all before
 * a handshake.
 *
 * An input: flags (below), the length of a certificate (2 octets), the certificate (DER), then
 * what happens to the octets on their way, in threes: after how many, what, with which octet.
 */
#pragma once
#include "fuzz.h"
#include "tls/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    TLS_1_2 = 1,
    OWN_CERTIFICATE = 2,
    NO_CERTIFICATE = 4,
    BY_ADDRESS = 8,
    WITH_DANE = 16,
    WITHOUT_PEER = 32,
    IN_OCTETS = 64,
    STRICT = 128
};
enum { PLAIN_MAX = 4000, ROUNDS = 40 };

static const char words[PLAIN_MAX] = "Mail that only the peer may have sent.";

static struct fuzz_tls {
    struct tls_context *ours[2]; /* strict or not */
    SSL_CTX *peer[2];            /* up to TLS 1.2; any */
    EVP_PKEY *key;               /* of the certificate that an input makes */
    X509 *good;
    struct buf pem[3];
} fuzz;

static inline struct buf read_whole(const char *dir, const char *name)
{
    struct buf text = BUF_INIT(65536);
    char path[100], part[4096];
    size_t n;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "r");
    must(f);
    while ((n = fread(part, 1, sizeof part, f)) > 0) {
        must(buf_append(&text, part, n) == 0);
    }
    fclose(f);
    return text;
}

static inline void make_certificates(void)
{
    static const char *const names[] = {"good.pem", "good.key", "ca.pem"};
    char dir[] = "/tmp/postern-fuzz-XXXXXX", program[] = "make-certs",
         *argv[] = {program, dir, NULL};
    must(mkdtemp(dir));
    pid_t pid = fork();
    if (pid == 0) {
        execv("tests/unit/make-certs", argv);
        _exit(1);
    }
    waitpid(pid, NULL, 0);
    for (int i = 0; i < 3; i++) {
        fuzz.pem[i] = read_whole(dir, names[i]);
    }
}

/* What the peer shows; its chain ends in an authority that we trust. */
static inline void make_peers(bool we_serve)
{
    BIO *cert = BIO_new_mem_buf(buf_str(&fuzz.pem[0]).p, (int)buf_len(&fuzz.pem[0]));
    BIO *key = BIO_new_mem_buf(buf_str(&fuzz.pem[1]).p, (int)buf_len(&fuzz.pem[1]));
    fuzz.good = PEM_read_bio_X509(cert, NULL, NULL, NULL);
    fuzz.key = PEM_read_bio_PrivateKey(key, NULL, NULL, NULL);
    must(fuzz.good && fuzz.key);
    BIO_free(cert);
    BIO_free(key);
    for (int i = 0; i < 2; i++) {
        fuzz.peer[i] = SSL_CTX_new(we_serve ? TLS_client_method() : TLS_server_method());
        must(fuzz.peer[i] && SSL_CTX_set_cipher_list(fuzz.peer[i], "ALL:@SECLEVEL=0") == 1);
        must(i > 0 || SSL_CTX_set_max_proto_version(fuzz.peer[i], TLS1_2_VERSION) == 1);
    }
}

static inline void make_contexts(bool we_serve)
{
    static const enum tls_profile profiles[] = {TLS_PROFILE_WIDE, TLS_PROFILE_STRICT};
    char problem[200];
    make_certificates();
    make_peers(we_serve);
    for (int i = 0; i < 2; i++) {
        const struct tls_own own = {buf_str(&fuzz.pem[0]), buf_str(&fuzz.pem[1])};
        struct str trusted = buf_str(&fuzz.pem[2]);
        must((we_serve ? tls_context_server(&own, 1, profiles[i], trusted, problem, sizeof problem,
                                            &fuzz.ours[i])
                       : tls_context_client(trusted, profiles[i], problem, sizeof problem,
                                            &fuzz.ours[i])) == 0);
    }
}

/* The input's certificate with a key that the peer has; NULL: it is none that OpenSSL would
 * send. */
static inline X509 *certificate_of(struct str der)
{
    const unsigned char *p = (const unsigned char *)der.p;
    X509 *cert = d2i_X509(NULL, &p, (long)der.n);
    if (cert && X509_set_pubkey(cert, fuzz.key) != 1) {
        X509_free(cert);
        cert = NULL;
    }
    return cert;
}

static inline SSL *peer_new(uint8_t flags, struct str der, bool we_serve)
{
    SSL *peer = SSL_new(fuzz.peer[!(flags & TLS_1_2)]);
    X509 *cert = flags & OWN_CERTIFICATE ? certificate_of(der) : NULL;
    must(peer);
    SSL_set_bio(peer, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    if (!(flags & NO_CERTIFICATE) || !we_serve) {
        if (!cert || SSL_use_certificate(peer, cert) != 1 ||
            SSL_use_PrivateKey(peer, fuzz.key) != 1) {
            must(SSL_use_certificate(peer, fuzz.good) == 1 &&
                 SSL_use_PrivateKey(peer, fuzz.key) == 1);
        }
    }
    X509_free(cert);
    if (we_serve) {
        SSL_set_connect_state(peer);
        SSL_set_tlsext_host_name(peer, "mx.good.test");
    } else {
        SSL_set_accept_state(peer);
    }
    return peer;
}

static inline struct tls_channel *channel_new(uint8_t flags, struct str der, bool we_serve)
{
    CLEANUP(buf_free) struct buf rdata = BUF_INIT(65536);
    struct dane_set dane = {0};
    struct tls_context *ctx = fuzz.ours[(flags & STRICT) != 0];
    struct tls_peer to = {
        .name = flags & BY_ADDRESS ? "192.0.2.1" : "mx.good.test",
        .is_service = flags & IN_OCTETS,
    };
    if (flags & WITH_DANE) { /* the certificate itself, as that of a server or of its authority */
        const char head[] = {
            (char)((der.n + 3) >> 8), (char)(der.n + 3), flags & STRICT ? 2 : 3, 0, 0,
        };
        must(buf_append(&rdata, head, sizeof head) == 0 && buf_add(&rdata, der) == 0);
        must(dane_read(buf_str(&rdata), &dane) == 0);
        to.dane = &dane;
        to.more_names[0] = "good.test";
    }
    return we_serve ? tls_channel_server(ctx) : tls_channel_client(ctx, &to);
}

/* Feeds the channel; what it says in clear must be what the peer sent. */
static inline void feed(struct tls_channel *ch, struct str in, bool in_octets, struct buf *plain,
                        struct buf *cipher)
{
    size_t step = in_octets ? 1 : in.n > 0 ? in.n : 1;
    do {
        size_t n = in.n < step ? in.n : step;
        (void)!tls_channel_feed(ch, str_slice(in, 0, n), plain, cipher);
        in = str_slice(in, n, in.n);
    } while (in.n > 0);
}

static inline size_t pump(SSL *peer, size_t sent)
{
    char rest[1000];
    ERR_clear_error();
    if (SSL_do_handshake(peer) == 1 && sent < PLAIN_MAX) {
        size_t n = PLAIN_MAX - sent < 700 ? PLAIN_MAX - sent : 700;
        int wrote = SSL_write(peer, words + sent, (int)n);
        sent += wrote > 0 ? (size_t)wrote : 0;
        (void)!SSL_read(peer, rest, sizeof rest);
    }
    return sent;
}

static inline void converse(struct tls_channel *ch, SSL *peer, uint8_t flags, struct str script)
{
    CLEANUP(buf_free)
    struct buf plain = BUF_INIT(1 << 20), cipher = BUF_INIT(1 << 20), way = BUF_INIT(1 << 20);
    size_t sent = 0;
    (void)!tls_channel_feed(ch, STR(""), &plain, &cipher);
    for (int round = 0; round < ROUNDS; round++) {
        char *out;
        sent = pump(peer, sent);
        long n = BIO_get_mem_data(SSL_get_wbio(peer), &out);
        buf_reset(&way);
        change(str_from(out, (size_t)n), &script, &way);
        (void)BIO_reset(SSL_get_wbio(peer));
        feed(ch, buf_str(&way), flags & IN_OCTETS, &plain, &cipher);
        must(buf_len(&plain) <= sent && memcmp(buf_str(&plain).p, words, buf_len(&plain)) == 0);
        bool quiet = n == 0 && buf_len(&cipher) == 0;
        BIO_write(SSL_get_rbio(peer), buf_str(&cipher).p, (int)buf_len(&cipher));
        buf_reset(&cipher);
        if (quiet) {
            break;
        }
    }
    (void)!tls_channel_send(ch, STR("more"), &cipher);
    tls_channel_finish(ch, &cipher);
}

/* Octets alone, of nobody who knows TLS: as before a peer was there. */
static inline void babble(struct tls_channel *ch, struct str in)
{
    CLEANUP(buf_free) struct buf plain = BUF_INIT(1 << 20), cipher = BUF_INIT(1 << 20);
    while (in.n > 0) {
        size_t n = (size_t)take_octet(&in) * 8 + 1;
        n = n < in.n ? n : in.n;
        must(tls_channel_feed(ch, str_slice(in, 0, n), &plain, &cipher) == 0);
        in = str_slice(in, n, in.n);
        buf_reset(&cipher);
    }
    must(buf_len(&plain) == 0 && tls_channel_state(ch) != TLS_OPEN);
}

static inline int talk_tls(bool we_serve, const uint8_t *data, size_t size)
{
    struct str in = str_from((const char *)data, size);
    if (!fuzz.good) {
        make_contexts(we_serve);
    }
    uint8_t flags = take_octet(&in);
    size_t n = (size_t)take_octet(&in) << 8;
    n |= take_octet(&in);
    struct str der = str_slice(in, 0, n < in.n ? n : in.n), script = str_slice(in, der.n, in.n);
    struct tls_channel *ch = channel_new(flags, der, we_serve);
    if (!ch) {
        return 0; /* a TLSA record that is of no use */
    }
    if (flags & WITHOUT_PEER) {
        babble(ch, script);
    } else {
        SSL *peer = peer_new(flags, der, we_serve);
        converse(ch, peer, flags, script);
        SSL_free(peer);
    }
    tls_channel_free(ch);
    return 0;
}
