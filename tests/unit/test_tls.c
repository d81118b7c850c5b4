/* SPDX-License-Identifier: Apache-2.0
 * test_tls.c: two channels in memory: versions, names, chains, garbage, data on the seam. The
 * certificates are made by tests/unit/make-certs with the openssl command.
 */
#include "tls/remote.h"
#include "tls/ticket.h"
#include "tls_pair.h"

#include <openssl/provider.h>

static void good_certificate(void **state)
{
    struct pair p = shake("good", "mx.good.test", TLS_PROFILE_WIDE);
    assert_int_equal(tls_channel_state(p.client), TLS_OPEN);
    const struct tls_facts *f = tls_channel_facts(p.client);
    assert_string_equal(f->version, "TLSv1.3");
    assert_int_equal(f->check, TLS_CHECK_OK);
    assert_int_equal(f->bits, 256);
    assert_string_equal(f->signature, "ECDSA");
    assert_string_equal(f->peer_key, "EC 256");
    assert_int_equal(strlen(f->fingerprint), 64);
    assert_true(f->not_after_ms > 0);
    assert_int_equal(tls_channel_send(p.client, STR("hello"), &p.to_server), 0);
    pump(&p);
    check_str(buf_str(&p.server_plain), "hello");
    tls_channel_finish(p.client, &p.to_server);
    pump(&p);
    assert_int_equal(tls_channel_state(p.server), TLS_CLOSED);
    end(&p);
}

/* Octets come as the network cuts them: records in parts, several at once. */
static void octets_in_any_pieces(void **state)
{
    static const size_t pieces[] = {1, 7, 16000, 70000};
    static char sent[100000];
    for (size_t i = 0; i < sizeof sent; i++) {
        sent[i] = (char)(i * 31 + i / 251);
    }
    for (size_t k = 0; k < ARRAY_LEN(pieces); k++) {
        struct pair p = shake("good", "mx.good.test", TLS_PROFILE_WIDE);
        assert_int_equal(tls_channel_send(p.client, str_from(sent, sizeof sent), &p.to_server), 0);
        while (buf_len(&p.to_server) > 0) {
            size_t n = buf_len(&p.to_server) < pieces[k] ? buf_len(&p.to_server) : pieces[k];
            assert_int_equal(tls_channel_feed(p.server, str_slice(buf_str(&p.to_server), 0, n),
                                              &p.server_plain, &p.to_client),
                             0);
            buf_consume(&p.to_server, n);
        }
        assert_int_equal(buf_len(&p.server_plain), sizeof sent);
        assert_memory_equal(buf_str(&p.server_plain).p, sent, sizeof sent);
        end(&p);
    }
}

/* A flight whose handshake messages lie in records of at most n octets: several records a
 * message, or several messages a record (RFC 8446 5.1, RFC 5246 6.2.1 allow both). *sealed: what
 * comes now is encrypted, and stays. */
static void regroup(struct str flight, size_t n, bool *sealed, struct buf *out)
{
    struct buf messages = BUF_INIT(1 << 20);
    char version[2] = {3, 3};
    while (flight.n >= 5) {
        size_t octets = (size_t)(unsigned char)flight.p[3] << 8 | (unsigned char)flight.p[4];
        bool shake = !*sealed && flight.p[0] == 22;
        *sealed |= flight.p[0] != 22;
        struct str record = str_slice(flight, 0, 5 + octets);
        flight = str_slice(flight, record.n, flight.n);
        if (shake) {
            memcpy(version, record.p + 1, 2);
            assert_int_equal(buf_add(&messages, str_slice(record, 5, record.n)), 0);
        }
        while (buf_len(&messages) > 0 && (!shake || flight.n == 0)) {
            size_t part = buf_len(&messages) < n ? buf_len(&messages) : n;
            const char head[5] = {22, version[0], version[1], (char)(part >> 8), (char)part};
            assert_int_equal(buf_append(out, head, 5), 0);
            assert_int_equal(buf_add(out, str_slice(buf_str(&messages), 0, part)), 0);
            buf_consume(&messages, part);
        }
        if (!shake) {
            assert_int_equal(buf_add(out, record), 0);
        }
    }
    buf_free(&messages);
}

/* In both directions, each octet by itself. */
static void shake_in_records(struct tls_context *s, struct tls_context *c, size_t n)
{
    struct pair p = {
        tls_channel_client(c, &(struct tls_peer){.name = "mx.good.test"}),
        tls_channel_server(s),
        BUF_INIT(1 << 20),
        BUF_INIT(1 << 20),
        BUF_INIT(1 << 20),
        BUF_INIT(1 << 20),
    };
    bool sealed[2] = {false, false};
    assert_int_equal(tls_channel_feed(p.client, STR(""), &p.client_plain, &p.to_server), 0);
    while (buf_len(&p.to_server) + buf_len(&p.to_client) > 0) {
        bool to_server = buf_len(&p.to_server) > 0;
        struct buf *from = to_server ? &p.to_server : &p.to_client, cut = BUF_INIT(1 << 20);
        regroup(buf_str(from), n, &sealed[to_server], &cut);
        buf_reset(from);
        for (size_t i = 0; i < buf_len(&cut); i++) {
            struct str octet = str_slice(buf_str(&cut), i, i + 1);
            assert_int_equal(to_server
                                 ? tls_channel_feed(p.server, octet, &p.server_plain, &p.to_client)
                                 : tls_channel_feed(p.client, octet, &p.client_plain, &p.to_server),
                             0);
        }
        buf_free(&cut);
    }
    if (tls_channel_state(p.client) != TLS_OPEN || tls_channel_state(p.server) != TLS_OPEN) {
        fail_msg("records of %zu: %s %s", n, tls_channel_problem(p.client),
                 tls_channel_problem(p.server));
    }
    end(&p);
}

static void handshakes_in_any_records(void **state)
{
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        struct tls_context *s = server_context("good"), *c = client_context(TLS_PROFILE_WIDE);
        assert_int_equal(SSL_CTX_set_max_proto_version(c->ssl, version), 1);
        for (size_t n = 1; n < 700; n += n < 40 ? 1 : 37) {
            shake_in_records(s, c, n);
        }
        shake_in_records(s, c, 16384);
        tls_context_free(s);
        tls_context_free(c);
    }
}

static void full_buffers_end_the_session(void **state)
{
    static char sent[100000];
    struct pair p = shake("good", "mx.good.test", TLS_PROFILE_WIDE);
    CLEANUP(buf_free) struct buf small = BUF_INIT(50000);
    assert_int_equal(tls_channel_send(p.server, str_from(sent, sizeof sent), &small), -ENOSPC);
    assert_int_equal(tls_channel_send(p.server, STR("more"), &small), -EPROTO);
    end(&p);
    p = shake("good", "mx.good.test", TLS_PROFILE_WIDE);
    buf_reset(&small);
    assert_int_equal(tls_channel_send(p.client, str_from(sent, sizeof sent), &p.to_server), 0);
    assert_int_equal(tls_channel_feed(p.server, buf_str(&p.to_server), &small, &p.to_client),
                     -ENOSPC);
    end(&p);
}

/* The session stands, the fact says bad: the decision judges. Each cause by a certificate that
 * has it; the words are ours, what they must name (dates, names, issuers, bits) is what
 * make-certs put there.
 * RFC 8689 4.2.1 MUST: the certificate names the server */
static void bad_certificates_are_facts(void **state)
{
    static const struct {
        const char *cert, *name;
        uint32_t causes;
        enum tls_check_reason class;
        const char *text;
    } cases[] = {
#define ONE(cause) (1u << TLS_CAUSE_##cause)
        {"good", "mx.other.test", ONE(NAME), TLS_CHECK_NAME,
         "is for another name: it names mx.good.test, not mx.other.test; "},
        {"five", "mx.good.test", ONE(NAME), TLS_CHECK_NAME,
         "it names a.test, b.test, c.test, d.test and 1 more, not mx.good.test; "},
        /* getwud/wud#352, bytesafe-ce#19: an address is named by an IP entry alone (RFC 9525 6.4);
         * openssl verify -verify_ip says the same of each */
        {"addresses", "192.0.2.7", 0, TLS_CHECK_FINE, "trusted CA and right name"},
        {"addresses", "2001:db8:0::7", 0, TLS_CHECK_FINE, "trusted CA and right name"},
        {"addresses", "192.0.2.8", ONE(NAME), TLS_CHECK_NAME,
         "it names else.test, 192.0.2.7, 2001:db8::7, not 192.0.2.8; "},
        {"spelt", "192.0.2.7", ONE(NAME), TLS_CHECK_NAME,
         "2001:DB8::7, not 192.0.2.7 as an IP entry (a DNS entry does not count"},
        {"spelt", "2001:db8::7", ONE(NAME), TLS_CHECK_NAME,
         "not 2001:db8::7 as an IP entry (a DNS entry does not count"},
        {"spelt", "192.0.2.9", ONE(NAME), TLS_CHECK_NAME,
         "it names 192.0.2.7, 2001:DB8::7, not 192.0.2.9; "},
        {"good", "192.0.2.7", ONE(NAME), TLS_CHECK_NAME, "it names mx.good.test, not 192.0.2.7; "},
        /* CN never counts (RFC 9525) */
        {"cnonly", "mx.good.test", ONE(NAME), TLS_CHECK_NAME,
         "it names elsewhere.test, not mx.good.test"},
        {"expired", "mx.good.test", ONE(EXPIRED), TLS_CHECK_DATES,
         "has expired (2020-02-01); it must be renewed there"},
        {"future", "mx.good.test", ONE(NOT_YET_VALID), TLS_CHECK_DATES,
         "is not yet valid (2090-01-01); "},
        {"both", "mx.good.test", ONE(NAME) | ONE(EXPIRED), TLS_CHECK_DATES,
         "has expired (2020-02-01); is for another name: it names mx.other.test"},
        {"self", "mx.good.test", ONE(SELF_SIGNED), TLS_CHECK_TRUST, "is self-signed; "},
        {"foreign", "mx.good.test", ONE(UNKNOWN_CA), TLS_CHECK_TRUST,
         "neither trusted here nor sent along: Other CA; "},
        {"rooted", "mx.good.test", ONE(UNKNOWN_ROOT), TLS_CHECK_TRUST,
         "leads to an authority that is not trusted here: Other CA; "},
        {"alone", "mx.good.test", ONE(UNKNOWN_CA), TLS_CHECK_TRUST,
         "comes without its intermediate: Unit Intermediate; the whole chain"},
        {"byleaf", "mx.good.test", ONE(INVALID_CA), TLS_CHECK_TRUST,
         "was signed by what is no authority: No Authority; "},
        {"toodeep", "mx.good.test", ONE(PATH_LENGTH), TLS_CHECK_TRUST,
         "below one that allows none below it: Shallow CA; "},
        {"outside", "mx.good.test", ONE(CONSTRAINTS), TLS_CHECK_TRUST,
         "has names that its authority may not certify; "},
        {"small", "mx.good.test", ONE(SMALL_KEY), TLS_CHECK_TRUST,
         "has a key that is too small (RSA, 1024 bits); "},
        {"weak", "mx.good.test", ONE(WEAK_SIGNATURE), TLS_CHECK_TRUST,
         "(that of its issuer SHA-1 CA) has a signature that is too weak (ecdsa-with-SHA1); "},
        {"code", "mx.good.test", ONE(PURPOSE), TLS_CHECK_TRUST,
         "is for other purposes: Code Signing, E-mail Protection; "},
        {"client", "mx.good.test", ONE(PURPOSE), TLS_CHECK_TRUST,
         "is for other purposes: TLS Web Client Authentication; "},
        {"crit", "mx.good.test", ONE(EXTENSION), TLS_CHECK_TRUST,
         "has a critical extension that is not known here; "},
        {"chained", "mx.good.test", 0, TLS_CHECK_FINE, "trusted CA and right name"},
        {"server", "mx.good.test", 0, TLS_CHECK_FINE, "trusted CA and right name"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        served = TLS_PROFILE_LEGACY;
        struct pair p = shake(cases[i].cert, cases[i].name, TLS_PROFILE_WIDE);
        served = TLS_PROFILE_WIDE;
        const struct tls_facts *f = tls_channel_facts(p.client);
        if (tls_channel_state(p.client) != TLS_OPEN || f->causes != cases[i].causes ||
            f->check_reason != cases[i].class ||
            (f->check == TLS_CHECK_BAD) != (cases[i].causes != 0) ||
            !strstr(f->check_text, cases[i].text)) {
            fail_msg("%s: %x %d %s (%s)", cases[i].cert, f->causes, f->check_reason, f->check_text,
                     tls_channel_problem(p.client));
        }
        end(&p);
    }
}

/* letsencrypt/cp-cps#258, cabforum/servercert#599: public authorities issue for servers only;
 * the certificate is the host's identity when it sends, too. One for code or mail alone is none
 * (RFC 5280 4.2.1.12). */
static void client_certificates_for_servers(void **state)
{
    static const struct {
        const char *cert;
        uint32_t causes;
        const char *text;
    } cases[] = {
        {"server", 0, "trusted CA"},
        {"client", 0, "trusted CA"},
        {"any", 0, "trusted CA"},
        {"good", 0, "trusted CA"},
        {"chained", 0, "trusted CA"},
        {"code", ONE(PURPOSE), "is for other purposes: Code Signing, E-mail Protection; "},
        {"self", ONE(SELF_SIGNED), "is self-signed; "},
        {"foreign", ONE(UNKNOWN_CA), "Other CA"},
        {"expired", ONE(EXPIRED), "has expired (2020-02-01)"},
        {"alone", ONE(UNKNOWN_CA), "comes without its intermediate: Unit Intermediate"},
    };
    struct buf ca = load("ca.pem"), own = load("good.pem"), own_key = load("good.key");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char file[64], problem[200] = "";
        snprintf(file, sizeof file, "%s.pem", cases[i].cert);
        struct buf chain = load(file);
        snprintf(file, sizeof file, "%s.key", cases[i].cert);
        struct buf key = load(file);
        struct tls_context *s = NULL, *c = client_context(TLS_PROFILE_WIDE);
        assert_int_equal(tls_context_server(&(struct tls_own){buf_str(&own), buf_str(&own_key)}, 1,
                                            TLS_PROFILE_WIDE, buf_str(&ca), problem, sizeof problem,
                                            &s),
                         0);
        assert_int_equal(tls_context_show(c, &(struct tls_own){buf_str(&chain), buf_str(&key)},
                                          problem, sizeof problem),
                         0);
        struct pair p = {
            tls_channel_client(c, &(struct tls_peer){.name = "mx.good.test"}),
            tls_channel_server(s),
            BUF_INIT(1 << 20),
            BUF_INIT(1 << 20),
            BUF_INIT(1 << 20),
            BUF_INIT(1 << 20),
        };
        pump(&p);
        const struct tls_facts *f = tls_channel_facts(p.server);
        if (tls_channel_state(p.server) != TLS_OPEN || f->causes != cases[i].causes ||
            !strstr(f->check_text, cases[i].text)) {
            fail_msg("%s: %x %s (%s)", cases[i].cert, f->causes, f->check_text,
                     tls_channel_problem(p.server));
        }
        end(&p);
        tls_context_free(s);
        tls_context_free(c);
        buf_free(&chain);
        buf_free(&key);
    }
    buf_free(&ca);
    buf_free(&own);
    buf_free(&own_key);
}

/* --- groups and profiles ------------------------------------------------ */

/* ML-KEM came with OpenSSL 3.5. */
static bool has_hybrids(void)
{
    return OpenSSL_version_num() >= 0x30500000UL;
}

static struct pair shake_profile(enum tls_profile profile, bool classical)
{
    served = profile;
    struct tls_context *s = server_context("good"), *c = client_context(profile);
    served = TLS_PROFILE_WIDE;
    struct pair p = {
        tls_channel_client(c, &(struct tls_peer){.name = "mx.good.test", .classical = classical}),
        tls_channel_server(s),
        BUF_INIT(1 << 20),
        BUF_INIT(1 << 20),
        BUF_INIT(1 << 20),
        BUF_INIT(1 << 20),
    };
    assert_int_equal(tls_channel_feed(p.client, STR(""), &p.client_plain, &p.to_server), 0);
    assert_int_equal(tls_channel_hybrid_unheard(p.client), has_hybrids() && !classical);
    /* tldr.fail: with ML-KEM it no longer fits one segment of 1,460 octets */
    assert_int_equal(buf_len(&p.to_server) > 1460, has_hybrids() && !classical);
    tls_context_free(s);
    tls_context_free(c);
    pump(&p);
    return p;
}

/* draft-ietf-tls-ecdhe-mlkem: hybrids first, classical groups where the library or the other
 * side has no others. */
static void groups(void **state)
{
    static const struct {
        enum tls_profile profile;
        const char *classical;
    } cases[] = {
        {TLS_PROFILE_STRICT, "x25519"},
        {TLS_PROFILE_WIDE, "x25519"},
        {TLS_PROFILE_NIST, "secp256r1"},
    };
    for (size_t i = 0; i < 2 * ARRAY_LEN(cases); i++) {
        bool classical = i % 2 > 0;
        struct pair p = shake_profile(cases[i / 2].profile, classical);
        const struct tls_facts *c = tls_channel_facts(p.client), *s = tls_channel_facts(p.server);
        assert_int_equal(tls_channel_state(p.client), TLS_OPEN);
        assert_string_equal(c->group, has_hybrids() && !classical ? "X25519MLKEM768"
                                                                  : cases[i / 2].classical);
        assert_string_equal(s->group, c->group);
        assert_false(tls_channel_hybrid_unheard(p.client)); /* the ServerHello came */
        assert_int_equal(tls_within_nist(str_c(c->cipher), str_c(c->group), str_c(c->signature),
                                         str_c(c->peer_key)),
                         strcmp(c->group, "x25519") != 0);
        end(&p);
    }
}

static void wildcard_is_one_whole_label(void **state)
{
    struct pair p = shake("wild", "mx.wild.test", TLS_PROFILE_WIDE);
    assert_int_equal(tls_channel_facts(p.client)->check, TLS_CHECK_OK);
    end(&p);
    p = shake("wild", "a.mx.wild.test", TLS_PROFILE_WIDE);
    assert_int_equal(tls_channel_facts(p.client)->check, TLS_CHECK_BAD);
    end(&p);
}

/* One broken session must not spoil the next: errors are cleared (one process serves many). */
static void garbage_breaks_only_its_own_channel(void **state)
{
    struct tls_context *s = server_context("good");
    struct buf plain = BUF_INIT(1 << 16), cipher = BUF_INIT(1 << 16);
    struct tls_channel *ch = tls_channel_server(s);
    assert_int_equal(tls_channel_feed(ch, STR("GET / HTTP/1.0\r\n\r\n"), &plain, &cipher), 0);
    assert_int_equal(tls_channel_state(ch), TLS_BROKEN);
    assert_true(strlen(tls_channel_problem(ch)) > 0);
    assert_int_equal(tls_channel_send(ch, STR("x"), &cipher), -EPROTO);
    tls_channel_free(ch);
    tls_context_free(s);
    buf_free(&plain);
    buf_free(&cipher);
    good_certificate(state);
}

static void keys_must_fit(void **state)
{
    char problem[200];
    struct buf chain = load("good.pem"), key = load("wild.key");
    struct tls_context *ctx = NULL;
    assert_int_equal(tls_context_server(&(struct tls_own){buf_str(&chain), buf_str(&key)}, 1,
                                        TLS_PROFILE_WIDE, STR(""), problem, sizeof problem, &ctx),
                     -EINVAL);
    assert_non_null(strstr(problem, "do not belong together"));
    assert_int_equal(tls_context_server(&(struct tls_own){STR("nonsense"), buf_str(&key)}, 1,
                                        TLS_PROFILE_WIDE, STR(""), problem, sizeof problem, &ctx),
                     -EINVAL);
    assert_non_null(strstr(problem, "chain"));
    assert_int_equal(tls_context_client(STR(""), TLS_PROFILE_WIDE, problem, sizeof problem, &ctx),
                     -EINVAL);
    buf_free(&chain);
    buf_free(&key);
}

static struct buf staple;

/* The server's side of stapling: the answer made by openssl. */
static int give_staple(SSL *ssl, void *arg)
{
    unsigned char *copy = OPENSSL_memdup(buf_str(&staple).p, buf_len(&staple));
    SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)buf_len(&staple));
    return SSL_TLSEXT_ERR_OK;
}

static void check_staple(const char *cert, const char *answer, enum tls_check want,
                         const char *words)
{
    struct tls_context *s = server_context(cert), *c = client_context(TLS_PROFILE_WIDE);
    if (answer) {
        staple = load(answer);
        SSL_CTX_set_tlsext_status_cb(s->ssl, give_staple);
    }
    struct pair p = {
        tls_channel_client(c, &(struct tls_peer){.name = "mx.good.test"}),
        tls_channel_server(s),
        BUF_INIT(1 << 20),
        BUF_INIT(1 << 20),
        BUF_INIT(1 << 20),
        BUF_INIT(1 << 20),
    };
    pump(&p);
    assert_int_equal(tls_channel_state(p.client), TLS_OPEN);
    assert_int_equal(tls_channel_facts(p.client)->check, want);
    assert_non_null(strstr(tls_channel_facts(p.client)->check_text, words));
    end(&p);
    tls_context_free(s);
    tls_context_free(c);
    buf_free(&staple);
}

/* RFC 8461 4.2 MAY: revoked certificates are known */
static void staples(void **state)
{
    check_staple("good", NULL, TLS_CHECK_OK, "trusted CA");
    check_staple("good", "good.ocsp", TLS_CHECK_OK, "trusted CA");
    check_staple("good", "revoked.ocsp", TLS_CHECK_BAD, "has been revoked");
    /* not verified: counts as none */
    check_staple("good", "forged.ocsp", TLS_CHECK_OK, "trusted CA");
    check_staple("staple", NULL, TLS_CHECK_BAD, "demands a stapled OCSP answer");
    /* about another certificate */
    check_staple("staple", "good.ocsp", TLS_CHECK_BAD, "demands a stapled OCSP answer");
    check_staple("staple", "staple.ocsp", TLS_CHECK_OK, "trusted CA");
}

/* RFC 9325 3.5: profile strict wants the extended master secret, wide takes what there is. */
static void extended_master_secret(void **state)
{
    for (int strict = 0; strict < 2; strict++) {
        struct tls_context *s = server_context("good"),
                           *c = client_context(strict ? TLS_PROFILE_STRICT : TLS_PROFILE_WIDE);
        SSL_CTX_set_options(s->ssl, SSL_OP_NO_EXTENDED_MASTER_SECRET);
        SSL_CTX_set_max_proto_version(s->ssl, TLS1_2_VERSION);
        struct pair p = {
            tls_channel_client(c, &(struct tls_peer){.name = "mx.good.test"}),
            tls_channel_server(s),
            BUF_INIT(1 << 20),
            BUF_INIT(1 << 20),
            BUF_INIT(1 << 20),
            BUF_INIT(1 << 20),
        };
        pump(&p);
        assert_int_equal(tls_channel_state(p.client), strict ? TLS_BROKEN : TLS_OPEN);
        end(&p);
        tls_context_free(s);
        tls_context_free(c);
    }
}

/* RFC 7672 3.1.1 and 3.2 with real handshakes; the digest is taken from the session before.
 * RFC 7672 3.2 MUST: usable records are what the server must fit */
static void dane_handshakes(void **state)
{
    struct pair first = shake("self", "mx.other.test", TLS_PROFILE_WIDE);
    const char *hex = tls_channel_facts(first.client)->key_fingerprint;
    char octets[37] = "\0\x23\3\1\1";
    for (size_t i = 0; i < 32; i++) {
        char pair[3] = {hex[i * 2], hex[i * 2 + 1], 0};
        octets[5 + i] = (char)strtol(pair, NULL, 16);
    }
    end(&first);
    for (int wrong = 0; wrong < 2; wrong++) {
        struct dane_set set;
        octets[36] = (char)(octets[36] ^ wrong);
        assert_int_equal(dane_read(str_from(octets, sizeof octets), &set), 0);
        struct tls_context *s = server_context("self"), *c = client_context(TLS_PROFILE_WIDE);
        struct pair p = {
            tls_channel_client(c, &(struct tls_peer){.name = "mx.other.test", .dane = &set}),
            tls_channel_server(s),
            BUF_INIT(1 << 20),
            BUF_INIT(1 << 20),
            BUF_INIT(1 << 20),
            BUF_INIT(1 << 20),
        };
        pump(&p);
        assert_int_equal(tls_channel_facts(p.client)->dane, wrong ? TLS_DANE_BAD : TLS_DANE_OK);
        /* self-signed, another name */
        assert_int_equal(tls_channel_facts(p.client)->check, TLS_CHECK_BAD);
        end(&p);
        tls_context_free(s);
        tls_context_free(c);
    }
}

static char asked_for[256];

static int note_server_name(SSL *ssl, int *alert, void *arg)
{
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    str_copy_cut(str_c(name ? name : ""), asked_for, sizeof asked_for);
    return SSL_TLSEXT_ERR_OK;
}

/* One record about the certificate in the file: its whole text, or its digest. */
static struct str record_of(const char *file, int usage, bool whole, char *dst)
{
    struct buf pem = load(file);
    BIO *bio = BIO_new_mem_buf(buf_str(&pem).p, (int)buf_len(&pem));
    X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    unsigned char *at = (unsigned char *)dst + 5;
    unsigned n = 32;
    if (whole) {
        n = (unsigned)i2d_X509(cert, &at);
    } else {
        assert_int_equal(X509_digest(cert, EVP_sha256(), at, &n), 1);
    }
    dst[0] = (char)((n + 3) >> 8);
    dst[1] = (char)(n + 3);
    dst[2] = (char)usage;
    dst[3] = 0;
    dst[4] = whole ? 0 : 1;
    X509_free(cert);
    BIO_free(bio);
    buf_free(&pem);
    return str_from(dst, n + 5);
}

/* RFC 7672 3.1 and 3.2: usage 3 looks at no name and no date, usage 2 at the names of the base
 * domain and the next hop, a wildcard among them; the base domain is asked for.
 * RFC 7672 3.1.1 MUST: usage 3: whatever names the certificate has
 * RFC 7672 3.1.1 MUST: usage 3: whatever dates it has
 * RFC 7672 3.2.1 MUST NOT: usage 3: no name is compared
 * RFC 7672 3.2.2 MUST: usage 2: names are compared, the base domain first
 * RFC 7672 3.2.3 MUST: a wildcard stands for the first label
 * RFC 7672 3.2.3 MAY: no wildcard stands for several labels
 * RFC 7672 8.1 MUST: SNI is the base domain */
static void dane_names_and_dates(void **state)
{
    static const struct {
        const char *server, *of;
        int usage;
        bool whole;
        const char *base, *next_hop;
        enum tls_dane want;
    } rows[] = {
        {"expired", "expired.pem", 3, false, "mx.base.test", NULL, TLS_DANE_OK},
        {"expired", "good.pem", 3, false, "mx.good.test", NULL, TLS_DANE_BAD},
        {"rooted", "otherca.pem", 2, false, "mx.good.test", NULL, TLS_DANE_OK},
        {"rooted", "otherca.pem", 2, false, "mx.base.test", NULL, TLS_DANE_BAD},
        {"rooted", "otherca.pem", 2, false, "mx.base.test", "mx.good.test", TLS_DANE_OK},
        {"rooted", "ca.pem", 2, false, "mx.good.test", NULL, TLS_DANE_BAD},
        {"wild", "ca.pem", 2, true, "mx.wild.test", NULL, TLS_DANE_OK},
        {"wild", "ca.pem", 2, true, "a.mx.wild.test", NULL, TLS_DANE_BAD},
        {"expired", "ca.pem", 2, true, "mx.good.test", NULL, TLS_DANE_BAD},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char octets[2000];
        struct dane_set set;
        struct str record = record_of(rows[i].of, rows[i].usage, rows[i].whole, octets);
        assert_int_equal(dane_read(record, &set), 0);
        struct tls_context *s = server_context(rows[i].server),
                           *c = client_context(TLS_PROFILE_WIDE);
        SSL_CTX_set_tlsext_servername_callback(s->ssl, note_server_name);
        const struct tls_peer peer = {.name = rows[i].base,
                                      .dane = &set,
                                      .more_names = {rows[i].next_hop}};
        struct pair p = {tls_channel_client(c, &peer),
                         tls_channel_server(s),
                         BUF_INIT(1 << 20),
                         BUF_INIT(1 << 20),
                         BUF_INIT(1 << 20),
                         BUF_INIT(1 << 20)};
        pump(&p);
        if (tls_channel_facts(p.client)->dane != rows[i].want) {
            fail_msg("row %zu: %s", i, tls_channel_facts(p.client)->dane_text);
        }
        assert_string_equal(asked_for, rows[i].base);
        end(&p);
        tls_context_free(s);
        tls_context_free(c);
    }
}

/* A context whose private keys are reached by a function only, as smtpin has them. */
static struct tls_private *far[3];
static unsigned signatures;

static int sign_far(void *arg, const unsigned char key_id[TLS_KEY_ID], enum tls_hash hash, bool pss,
                    struct str digest, struct buf *signature)
{
    signatures++;
    for (size_t i = 0; i < ARRAY_LEN(far); i++) {
        if (far[i] && memcmp(tls_private_id(far[i]), key_id, TLS_KEY_ID) == 0) {
            return tls_private_sign(far[i], hash, pss, digest, signature);
        }
    }
    return -ENOKEY;
}

/* Speaks to `server` as `name`, at most with this version, with these signature algorithms
 * alone. */
static struct pair speak(struct tls_context *server, const char *name, int version,
                         const char *algorithms)
{
    struct tls_context *c = client_context(TLS_PROFILE_WIDE);
    assert_int_equal(SSL_CTX_set_max_proto_version(c->ssl, version), 1);
    assert_int_equal(SSL_CTX_set1_sigalgs_list(c->ssl, algorithms), 1);
    struct pair p = {
        tls_channel_client(c, &(struct tls_peer){.name = name}),
        tls_channel_server(server),
        BUF_INIT(1 << 20),
        BUF_INIT(1 << 20),
        BUF_INIT(1 << 20),
        BUF_INIT(1 << 20),
    };
    tls_context_free(c);
    pump(&p);
    return p;
}

static void remote_keys(void **state)
{
    static const char *const names[] = {"good", "rsa", "wild"};
    static const struct {
        const char *name;
        int version;
        const char *algorithms, *signature;
        enum tls_check check;
        bool rsa_alone;
    } rows[] = {{"mx.good.test", TLS1_3_VERSION, "ecdsa_secp256r1_sha256:rsa_pss_rsae_sha256",
                 "ECDSA", TLS_CHECK_OK},
                {"mx.good.test", TLS1_3_VERSION, "rsa_pss_rsae_sha384:ECDSA+SHA256", "RSA-PSS",
                 TLS_CHECK_OK, true},
                {"mx.good.test", TLS1_2_VERSION, "RSA+SHA256:ECDSA+SHA256", "RSA-PKCS1",
                 TLS_CHECK_OK, true},
                {"mx.good.test", TLS1_2_VERSION, "rsa_pss_rsae_sha512:ECDSA+SHA256", "RSA-PSS",
                 TLS_CHECK_OK, true},
                {"mx.good.test", TLS1_2_VERSION, "ECDSA+SHA256", "ECDSA", TLS_CHECK_OK},
                {"a.wild.test", TLS1_3_VERSION, "ECDSA+SHA256", "ECDSA", TLS_CHECK_OK},
                {"unknown.test", TLS1_3_VERSION, "ECDSA+SHA256", "ECDSA", TLS_CHECK_BAD},
                /* the first one, never an abort */};
    struct buf chains[3];
    struct tls_own own[3];
    struct tls_context *server = NULL, *rsa = NULL;
    char problem[200] = "", file[64];
    assert_int_equal(tls_remote_start(sign_far, NULL, problem, sizeof problem), 0);
    for (size_t i = 0; i < 3; i++) {
        snprintf(file, sizeof file, "%s.pem", names[i]);
        chains[i] = load(file);
        snprintf(file, sizeof file, "%s.key", names[i]);
        struct buf key = load(file);
        assert_int_equal(tls_private_new(buf_str(&key), problem, sizeof problem, &far[i]), 0);
        buf_free(&key);
        own[i] = (struct tls_own){.chain = buf_str(&chains[i])};
    }
    if (tls_context_server(own, 3, TLS_PROFILE_WIDE, STR(""), problem, sizeof problem, &server) <
        0) {
        fail_msg("%s", problem);
    }
    assert_int_equal(tls_context_server(&own[1], 1, TLS_PROFILE_WIDE, STR(""), problem,
                                        sizeof problem, &rsa),
                     0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        unsigned before = signatures;
        struct pair p = speak(rows[i].rsa_alone ? rsa : server, rows[i].name, rows[i].version,
                              rows[i].algorithms);
        const struct tls_facts *f = tls_channel_facts(p.client);
        if (tls_channel_state(p.client) != TLS_OPEN || f->check != rows[i].check ||
            signatures != before + 1) {
            fail_msg("row %zu: state %d %s %s, %u signatures", i, tls_channel_state(p.client),
                     f->signature, tls_channel_problem(p.client), signatures - before);
        }
        assert_string_equal(f->signature, rows[i].signature);
        end(&p);
    }
    for (size_t i = 0; i < 3; i++) { /* keys that are away: no handshake, no crash */
        tls_private_free(far[i]);
        far[i] = NULL;
    }
    struct pair p = speak(server, "mx.good.test", TLS1_3_VERSION, "ECDSA+SHA256");
    assert_int_equal(tls_channel_state(p.server), TLS_BROKEN);
    assert_true(tls_channel_own_fault(p.server));
    assert_false(tls_channel_own_fault(p.client)); /* an alert of the other side */
    end(&p);
    tls_context_free(server);
    tls_context_free(rsa);
    for (size_t i = 0; i < 3; i++) {
        buf_free(&chains[i]);
    }
}

/* A server that asks: the certificate is verified and recorded, its absence no obstacle. */
static void client_certificates(void **state)
{
    /* RFC 7468 3 */
    static const char damaged[] = "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n"
                                  "-----BEGIN CERTIFICATE-----\nMIIB\n";
    struct buf ca = BUF_INIT(1 << 20), its = load("ca.pem"), chain = load("good.pem"),
               key = load("good.key"), wild = load("wild.pem"), wild_key = load("wild.key"),
               self = load("self.pem"), self_key = load("self.key");
    struct tls_context *server = NULL;
    char problem[200] = "";
    /* they take no other with them */
    assert_true(buf_add(&ca, str_c(damaged)) == 0 && buf_add(&ca, buf_str(&its)) == 0);
    assert_int_equal(tls_context_server(&(struct tls_own){buf_str(&chain), buf_str(&key)}, 1,
                                        TLS_PROFILE_WIDE, buf_str(&ca), problem, sizeof problem,
                                        &server),
                     0);
    const struct tls_own shown[] = {
        {STR_NONE, STR_NONE},
        {buf_str(&wild), buf_str(&wild_key)},
        {buf_str(&self), buf_str(&self_key)},
    };
    static const enum tls_check want[] = {TLS_CHECK_NONE, TLS_CHECK_OK, TLS_CHECK_BAD};
    for (size_t i = 0; i < 3; i++) {
        struct tls_context *c = client_context(TLS_PROFILE_WIDE);
        if (i > 0) {
            assert_int_equal(tls_context_show(c, &shown[i], problem, sizeof problem), 0);
        }
        struct pair p = {
            tls_channel_client(c, &(struct tls_peer){.name = "mx.good.test"}),
            tls_channel_server(server),
            BUF_INIT(1 << 20),
            BUF_INIT(1 << 20),
            BUF_INIT(1 << 20),
            BUF_INIT(1 << 20),
        };
        pump(&p);
        assert_int_equal(tls_channel_state(p.server), TLS_OPEN);
        assert_int_equal(tls_channel_facts(p.server)->check, want[i]);
        assert_string_equal(tls_channel_facts(p.server)->names, i == 1   ? "*.wild.test"
                                                                : i == 2 ? "mx.good.test"
                                                                         : "");
        char a[64], b[64];
        assert_int_equal(tls_channel_exporter(p.client, a, sizeof a), 0);
        assert_int_equal(tls_channel_exporter(p.server, b, sizeof b), 0);
        assert_string_equal(a, b);
        end(&p);
        tls_context_free(c);
    }
    tls_context_free(server);
    struct buf *all[] = {&ca, &its, &chain, &key, &wild, &wild_key, &self, &self_key};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        buf_free(all[i]);
    }
}

/* --- tickets: another library's client, as ours resumes nothing --------- */

static const int64_t HOUR = TLS_TICKET_PERIOD_MS;
static int64_t ticket_now;
static bool keys_are_away;
static unsigned ticket_asks;

static int64_t ticket_clock(void)
{
    return ticket_now;
}

static int derive_ticket(void *arg, uint64_t period, unsigned char ret[TLS_TICKET_SECRET])
{
    static const unsigned char seed[TLS_TICKET_SEED] = "a seed of thirty-two octets.....";
    ticket_asks++;
    return keys_are_away ? -ENOTCONN : tls_ticket_derive(seed, period, ret);
}

static struct tls_context *ticket_context(const char *cert, const char *service)
{
    char file[64], problem[200] = "";
    struct buf ca = load("ca.pem");
    snprintf(file, sizeof file, "%s.pem", cert);
    struct buf chain = load(file);
    snprintf(file, sizeof file, "%s.key", cert);
    struct buf key = load(file);
    struct tls_context *ctx = NULL;
    assert_int_equal(tls_context_server(&(struct tls_own){buf_str(&chain), buf_str(&key)}, 1,
                                        TLS_PROFILE_WIDE, buf_str(&ca), problem, sizeof problem,
                                        &ctx),
                     0);
    tls_context_give_tickets(ctx, str_c(service));
    buf_free(&ca);
    buf_free(&chain);
    buf_free(&key);
    return ctx;
}

static void move(BIO *from, struct tls_channel *server, BIO *to)
{
    char octets[32768];
    struct buf plain = BUF_INIT(1 << 20), cipher = BUF_INIT(1 << 20);
    int n = BIO_read(from, octets, sizeof octets);
    assert_int_equal(tls_channel_feed(server, str_from(octets, n > 0 ? (size_t)n : 0), &plain,
                                      &cipher),
                     0);
    if (buf_len(&plain) > 0) { /* an answer, with which a ticket goes */
        assert_int_equal(tls_channel_send(server, buf_str(&plain), &cipher), 0);
    }
    BIO_write(to, buf_str(&cipher).p, (int)buf_len(&cipher));
    buf_free(&plain);
    buf_free(&cipher);
}

/* A session that begins with `old`, if there is one; the ticket it got, or NULL. What the server
 * says of it. */
static SSL_SESSION *visit(struct tls_context *ctx, int version, const char *shows, SSL_SESSION *old,
                          bool *ret_resumed)
{
    char path[128], octets[64];
    SSL_CTX *c = SSL_CTX_new(TLS_client_method());
    assert_int_equal(SSL_CTX_set_max_proto_version(c, version), 1);
    if (shows) {
        snprintf(path, sizeof path, "%s/%s.pem", dir, shows);
        assert_int_equal(SSL_CTX_use_certificate_chain_file(c, path), 1);
        snprintf(path, sizeof path, "%s/%s.key", dir, shows);
        assert_int_equal(SSL_CTX_use_PrivateKey_file(c, path, SSL_FILETYPE_PEM), 1);
    }
    SSL *ssl = SSL_new(c);
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(in, -1);
    SSL_set_bio(ssl, in, out);
    SSL_set_connect_state(ssl);
    assert_true(!old || SSL_set_session(ssl, old) == 1);
    struct tls_channel *server = tls_channel_server(ctx);
    for (int i = 0; i < 4; i++) {
        (void)SSL_do_handshake(ssl);
        move(out, server, in);
    }
    assert_int_equal(tls_channel_state(server), TLS_OPEN);
    assert_int_equal(SSL_write(ssl, "hello", 5), 5);
    move(out, server, in);
    assert_int_equal(SSL_read(ssl, octets, sizeof octets), 5);
    *ret_resumed = tls_channel_facts(server)->resumed;
    assert_int_equal(*ret_resumed, SSL_session_reused(ssl));
    assert_int_equal(tls_channel_facts(server)->check, shows ? TLS_CHECK_OK : TLS_CHECK_NONE);
    SSL_SESSION *s = SSL_get1_session(ssl);
    bool kept = s && SSL_SESSION_is_resumable(s) && s != old;
    SSL_shutdown(ssl);
    if (!kept) {
        SSL_SESSION_free(s);
    }
    tls_channel_free(server);
    SSL_free(ssl);
    SSL_CTX_free(c);
    return kept ? s : NULL;
}

/* Of a copy: the library uses each once. */
static bool resumes(struct tls_context *ctx, SSL_SESSION *ticket)
{
    bool resumed;
    SSL_SESSION *copy = SSL_SESSION_dup(ticket),
                *again = visit(ctx, TLS1_3_VERSION, NULL, copy, &resumed);
    assert_true(again || keys_are_away); /* and a new ticket, resumed or not */
    SSL_SESSION_free(copy);
    SSL_SESSION_free(again);
    return resumed;
}

static void tickets_skip_nothing(void **state)
{
    struct tls_context *ctx = ticket_context("good", "smtp"),
                       *same = ticket_context("good", "smtp"),
                       *other = ticket_context("good", "submission"),
                       *renewed = ticket_context("wild", "smtp"), *without = server_context("good");
    bool resumed;
    ticket_now = 500000 * HOUR;
    tls_tickets_start(derive_ticket, NULL, ticket_clock);
    SSL_SESSION *t = visit(ctx, TLS1_3_VERSION, NULL, NULL, &resumed);
    assert_non_null(t);
    assert_false(resumed);
    assert_in_range(SSL_SESSION_get_ticket_lifetime_hint(t), 1, 3600);
    assert_true(resumes(ctx, t));
    assert_true(resumes(same, t)); /* another process, the same after a reload */
    assert_false(resumes(other, t));
    assert_false(resumes(renewed, t));
    SSL_SESSION *old = SSL_SESSION_dup(t);
    /* switched off since: a full handshake, and no new one */
    assert_null(visit(without, TLS1_3_VERSION, NULL, old, &resumed));
    assert_false(resumed);
    SSL_SESSION_free(old);
    /* its certificate is asked for every time */
    assert_null(visit(ctx, TLS1_3_VERSION, "wild", NULL, &resumed));
    assert_null(visit(ctx, TLS1_2_VERSION, NULL, NULL, &resumed));
    SSL_SESSION_free(t);
    tls_context_free(ctx);
    tls_context_free(same);
    tls_context_free(other);
    tls_context_free(renewed);
    tls_context_free(without);
}

static void ticket_secrets_change(void **state)
{
    struct tls_context *ctx = ticket_context("good", "smtp");
    bool resumed;
    ticket_now = 600000 * HOUR;
    tls_tickets_start(derive_ticket, NULL, ticket_clock);
    SSL_SESSION *t = visit(ctx, TLS1_3_VERSION, NULL, NULL, &resumed);
    ticket_now += HOUR / 2;
    SSL_SESSION *copy = SSL_SESSION_dup(t),
                *later = visit(ctx, TLS1_3_VERSION, NULL, copy, &resumed);
    assert_true(resumed && later);
    ticket_now += HOUR / 2; /* that of the hour before still opens */
    ticket_asks = 0;
    assert_true(resumes(ctx, t));
    assert_int_equal(ticket_asks, 1);                     /* the new one */
    tls_tickets_start(derive_ticket, NULL, ticket_clock); /* a process started anew */
    assert_true(resumes(ctx, t));
    assert_true(resumes(ctx, later));
    ticket_now += 1; /* an hour after the full handshake, whichever ticket */
    assert_false(resumes(ctx, t));
    assert_false(resumes(ctx, later));
    ticket_now -= 1;
    assert_true(resumes(ctx, later));
    ticket_now += HOUR; /* neither secret opens it */
    assert_false(resumes(ctx, t));
    keys_are_away = true;
    tls_tickets_start(derive_ticket, NULL, ticket_clock);
    assert_false(resumes(ctx, t));
    assert_null(visit(ctx, TLS1_3_VERSION, NULL, NULL, &resumed));
    keys_are_away = false;
    SSL_SESSION_free(t);
    SSL_SESSION_free(copy);
    SSL_SESSION_free(later);
    tls_context_free(ctx);
    tls_tickets_start(NULL, NULL, NULL);
}

/* Whatever octet of a ticket is another: a full handshake, and a new ticket. */
static void damaged_tickets(void **state)
{
    struct tls_context *ctx = ticket_context("good", "smtp");
    bool resumed;
    ticket_now = 700000 * HOUR;
    tls_tickets_start(derive_ticket, NULL, ticket_clock);
    SSL_SESSION *t = visit(ctx, TLS1_3_VERSION, NULL, NULL, &resumed);
    const unsigned char *octets;
    size_t n;
    SSL_SESSION_get0_ticket(t, &octets, &n);
    assert_true(n > 64);
    for (size_t i = 0; i < n; i += 7) { /* name, nonce, what is sealed, its code */
        ((unsigned char *)(uintptr_t)octets)[i] ^= 0x20;
        assert_false(resumes(ctx, t));
        ((unsigned char *)(uintptr_t)octets)[i] ^= 0x20;
    }
    assert_true(resumes(ctx, t));
    tls_tickets_start(NULL, NULL, NULL); /* one that comes to a process that knows of none */
    keys_are_away = true;
    assert_false(resumes(ctx, t));
    keys_are_away = false;
    SSL_SESSION_free(t);
    tls_context_free(ctx);
}

/* HKDF-SHA-256 without salt, by another program: openssl kdf. */
static void ticket_secrets_are_hkdf(void **state)
{
    unsigned char seed[TLS_TICKET_SEED], secret[TLS_TICKET_SECRET], want[TLS_TICKET_SECRET];
    memset(seed, 7, sizeof seed);
    assert_int_equal(tls_ticket_derive(seed, 494000, secret), 0);
    FILE *f = popen("openssl kdf -keylen 80 -kdfopt digest:SHA256 -kdfopt "
                    "hexkey:0707070707070707070707070707070707070707070707070707070707070707 "
                    "-kdfopt info:'postern ticket 494000' -binary HKDF",
                    "r");
    assert_int_equal(fread(want, 1, sizeof want, f), sizeof want);
    assert_int_equal(pclose(f), 0);
    assert_memory_equal(secret, want, sizeof want);
}

#ifdef POSTERN_VECTOR
/* --- vector AES beside OpenSSL's own ------------------------------------ */

/* Seals or opens n octets in two pieces; the tag is written or demanded. False: the tag does not
 * fit. */
static bool run_gcm(EVP_CIPHER_CTX *x, bool encrypts, const unsigned char nonce[12], struct str aad,
                    struct str in, char *out, unsigned char tag[16])
{
    int n = 0, half = (int)(in.n / 3);
    assert_int_equal(EVP_CipherInit_ex2(x, NULL, NULL, nonce, encrypts, NULL), 1);
    assert_true(encrypts || EVP_CIPHER_CTX_ctrl(x, EVP_CTRL_AEAD_SET_TAG, 16, tag) == 1);
    assert_true(aad.n == 0 ||
                EVP_CipherUpdate(x, NULL, &n, (const unsigned char *)aad.p, (int)aad.n) == 1);
    assert_true(half == 0 || EVP_CipherUpdate(x, (unsigned char *)out, &n,
                                              (const unsigned char *)in.p, half) == 1);
    assert_true((int)in.n == half ||
                EVP_CipherUpdate(x, (unsigned char *)out + half, &n,
                                 (const unsigned char *)in.p + half, (int)in.n - half) == 1);
    bool ok = EVP_CipherFinal_ex(x, (unsigned char *)out + in.n, &n) == 1;
    assert_true(!encrypts || EVP_CIPHER_CTX_ctrl(x, EVP_CTRL_AEAD_GET_TAG, 16, tag) == 1);
    return ok;
}

static EVP_CIPHER_CTX *gcm_context(const EVP_CIPHER *c, const unsigned char *key, bool encrypts)
{
    EVP_CIPHER_CTX *x = EVP_CIPHER_CTX_new();
    assert_int_equal(EVP_CipherInit_ex2(x, c, key, NULL, encrypts, NULL), 1);
    return x;
}

static void compare_gcm(const EVP_CIPHER *ours, const EVP_CIPHER *theirs, size_t n)
{
    static char plain[40000], one[sizeof plain + 1], other[sizeof plain + 1];
    unsigned char key[32], nonce[12], tag[16], tag_other[16], aad[20];
    for (size_t i = 0; i < sizeof plain; i++) {
        plain[i] = (char)(i * 31 + i / 256 + n);
    }
    memset(key, (int)n, sizeof key);
    memset(nonce, (int)n + 1, sizeof nonce);
    memset(aad, (int)n + 2, sizeof aad);
    struct str text = str_from(plain, n), head = str_from((char *)aad, n % sizeof aad);
    EVP_CIPHER_CTX *a = gcm_context(ours, key, true), *b = gcm_context(theirs, key, true),
                   *open_a = gcm_context(ours, key, false),
                   *open_b = gcm_context(theirs, key, false);
    one[n] = other[n] = 'z'; /* nothing is written behind */
    assert_true(run_gcm(a, true, nonce, head, text, one, tag));
    assert_true(run_gcm(b, true, nonce, head, text, other, tag_other));
    assert_memory_equal(one, other, n + 1);
    assert_memory_equal(tag, tag_other, sizeof tag);
    /* where it lies, as TLS does */
    assert_true(run_gcm(open_a, false, nonce, head, str_from(other, n), other, tag));
    assert_memory_equal(other, plain, n);
    assert_int_equal(other[n], 'z');
    char *changed = n > 0 && n % 3 > 0 ? &one[n * 7 % n] : (char *)&tag[n % 16];
    *changed ^= 4;
    assert_false(run_gcm(open_a, false, nonce, head, str_from(one, n), other, tag));
    assert_false(run_gcm(open_b, false, nonce, head, str_from(one, n), other, tag));
    EVP_CIPHER_CTX *all[] = {a, b, open_a, open_b};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        EVP_CIPHER_CTX_free(all[i]);
    }
}

/* Both give the same octets and tags, at every length near the borders of the blocks they work
 * in, and know what was changed. */
static void vector_gcm(void **state)
{
    static const char *const names[] = {"AES-128-GCM", "AES-256-GCM"};
    assert_true(tls_vector_load());
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        EVP_CIPHER *ours = EVP_CIPHER_fetch(NULL, names[i], "provider=vector"),
                   *taken = EVP_CIPHER_fetch(NULL, names[i], NULL),
                   *theirs = EVP_CIPHER_fetch(NULL, names[i], "provider=default");
        /* once it is loaded */
        assert_string_equal(OSSL_PROVIDER_get0_name(EVP_CIPHER_get0_provider(taken)), "vector");
        EVP_CIPHER_free(taken);
        assert_string_equal(OSSL_PROVIDER_get0_name(EVP_CIPHER_get0_provider(theirs)), "default");
        for (size_t n = 0; n <= 40000; n += n < 1100 ? 1 : 1009) {
            compare_gcm(ours, theirs, n);
        }
        EVP_CIPHER_free(ours);
        EVP_CIPHER_free(theirs);
    }
}

/* What the provider refuses: other nonces and tags, a nonce used twice, additional data after
 * the text. */
static void vector_wrong_use(void **state)
{
    static const unsigned char key[32], nonce[16];
    unsigned char octets[64] = "", tag[16];
    int n;
    assert_true(tls_vector_load());
    EVP_CIPHER *ours = EVP_CIPHER_fetch(NULL, "AES-256-GCM", "provider=vector");
    EVP_CIPHER_CTX *x = EVP_CIPHER_CTX_new(), *y = gcm_context(ours, key, false);
    assert_int_equal(EVP_CipherInit_ex2(x, ours, NULL, NULL, 1, NULL), 1);
    assert_int_equal(EVP_CipherUpdate(x, octets, &n, octets, 4), 0); /* no key */
    assert_int_equal(EVP_CipherInit_ex2(x, NULL, key, NULL, 1, NULL), 1);
    assert_int_equal(EVP_CipherUpdate(x, octets, &n, octets, 4), 0); /* no nonce */
    assert_int_not_equal(EVP_CIPHER_CTX_ctrl(x, EVP_CTRL_AEAD_SET_IVLEN, 16, NULL), 1);
    assert_int_equal(EVP_CipherInit_ex2(x, NULL, NULL, nonce, 1, NULL), 1);
    assert_int_not_equal(EVP_CIPHER_CTX_ctrl(x, EVP_CTRL_AEAD_GET_TAG, 16, tag), 1); /* not ended */
    assert_int_equal(EVP_CipherUpdate(x, octets, &n, octets, 4), 1);
    assert_int_equal(EVP_CipherUpdate(x, NULL, &n, octets, 4), 0);
    assert_int_equal(EVP_CipherFinal_ex(x, octets, &n), 1);
    assert_int_equal(EVP_CIPHER_CTX_ctrl(x, EVP_CTRL_AEAD_GET_TAG, 16, tag), 1);
    assert_int_equal(EVP_CipherUpdate(x, octets, &n, octets, 4), 0); /* the nonce was used */
    assert_int_equal(EVP_CipherInit_ex2(y, NULL, NULL, nonce, 0, NULL), 1);
    assert_int_not_equal(EVP_CIPHER_CTX_ctrl(y, EVP_CTRL_AEAD_SET_TAG, 8, tag), 1);
    assert_int_equal(EVP_CipherUpdate(y, octets, &n, octets, 4), 1);
    assert_int_equal(EVP_CipherFinal_ex(y, octets, &n), 0); /* no tag to compare */
    EVP_CIPHER_CTX_free(x);
    EVP_CIPHER_CTX_free(y);
    EVP_CIPHER_free(ours);
}

#endif

/* What the client writes comes back from the server, which has vector AES if the build has. */
static void echo(SSL *ssl, BIO *out, BIO *in, struct tls_channel *server, size_t n)
{
    static char sent[16384], back[sizeof sent];
    size_t got = 0;
    memset(sent, (int)n, sizeof sent);
    assert_int_equal(SSL_write(ssl, sent, (int)n), n);
    for (int r = 0; r < 10 && got < n; r++) {
        move(out, server, in);
        int k = SSL_read(ssl, back + got, (int)(sizeof back - got));
        got += k > 0 ? (size_t)k : 0;
    }
    assert_int_equal(got, n);
    assert_memory_equal(back, sent, n);
}

static void vector_session(int version, const char *list, const char *suites)
{
    struct tls_context *s = server_context("good");
    struct tls_channel *server = tls_channel_server(s);
    SSL_CTX *c = SSL_CTX_new_ex(NULL, "provider=default", TLS_client_method());
    assert_int_equal(SSL_CTX_set_max_proto_version(c, version), 1);
    assert_true(SSL_CTX_set_cipher_list(c, list) == 1 && SSL_CTX_set_ciphersuites(c, suites) == 1);
    SSL *ssl = SSL_new(c);
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(in, -1);
    SSL_set_bio(ssl, in, out);
    SSL_set_connect_state(ssl);
    for (int i = 0; i < 4; i++) {
        (void)SSL_do_handshake(ssl);
        move(out, server, in);
    }
    assert_int_equal(tls_channel_state(server), TLS_OPEN);
    assert_string_equal(SSL_get_cipher(ssl), version == TLS1_3_VERSION ? suites : list);
    for (size_t n = 1; n < 16384; n += n < 300 ? 1 : 997) {
        echo(ssl, out, in, server, n);
        /* other keys from here on, both ways (RFC 8446 4.6.3) */
        if (n == 100 && version == TLS1_3_VERSION) {
            assert_int_equal(SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        }
    }
    char record[400], plain[100] = "x";
    assert_int_equal(SSL_write(ssl, plain, sizeof plain), sizeof plain);
    int n = BIO_read(out, record, sizeof record);
    record[n - 20] ^= 1;
    struct buf text = BUF_INIT(1 << 20), cipher = BUF_INIT(1 << 20);
    assert_int_equal(tls_channel_feed(server, str_from(record, (size_t)n), &text, &cipher), 0);
    assert_int_equal(tls_channel_state(server), TLS_BROKEN);
    assert_int_equal(buf_len(&text), 0);
    buf_free(&text);
    buf_free(&cipher);
    tls_channel_free(server);
    tls_context_free(s);
    SSL_free(ssl);
    SSL_CTX_free(c);
}

/* With a client that has OpenSSL's own, in both versions and lengths of keys. */
static void vector_sessions(void **state)
{
#ifdef POSTERN_VECTOR
    assert_true(tls_vector_load());
#endif
    vector_session(TLS1_3_VERSION, "ALL", "TLS_AES_128_GCM_SHA256");
    vector_session(TLS1_3_VERSION, "ALL", "TLS_AES_256_GCM_SHA384");
    vector_session(TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256", "");
    vector_session(TLS1_2_VERSION, "ECDHE-ECDSA-AES256-GCM-SHA384", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(good_certificate),
                                       cmocka_unit_test(octets_in_any_pieces),
                                       cmocka_unit_test(handshakes_in_any_records),
                                       cmocka_unit_test(full_buffers_end_the_session),
                                       cmocka_unit_test(staples),
                                       cmocka_unit_test(dane_handshakes),
                                       cmocka_unit_test(dane_names_and_dates),
                                       cmocka_unit_test(extended_master_secret),
                                       cmocka_unit_test(bad_certificates_are_facts),
                                       cmocka_unit_test(wildcard_is_one_whole_label),
                                       cmocka_unit_test(garbage_breaks_only_its_own_channel),
                                       cmocka_unit_test(keys_must_fit),
                                       cmocka_unit_test(client_certificates),
                                       cmocka_unit_test(client_certificates_for_servers),
                                       cmocka_unit_test(groups),
                                       cmocka_unit_test(remote_keys),
                                       cmocka_unit_test(tickets_skip_nothing),
                                       cmocka_unit_test(ticket_secrets_change),
                                       cmocka_unit_test(damaged_tickets),
                                       cmocka_unit_test(ticket_secrets_are_hkdf),
#ifdef POSTERN_VECTOR
                                       cmocka_unit_test(vector_gcm),
                                       cmocka_unit_test(vector_wrong_use),
#endif
                                       cmocka_unit_test(vector_sessions)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
