/* SPDX-License-Identifier: Apache-2.0
 * facts.h: what is known about one TLS session. Types only; everybody above tls/ may read them.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* What was found when the peer's certificate was checked against the trust store and its name. */
enum tls_check {
    TLS_CHECK_NONE, /* no certificate, or none asked for */
    TLS_CHECK_OK,   /* chain to a trusted CA, dates and name right */
    TLS_CHECK_BAD,  /* see check_text */
};

/* What came of the comparison with the TLSA records (RFC 7672 3). */
enum tls_dane {
    TLS_DANE_NONE, /* no usable records were given */
    TLS_DANE_OK,
    TLS_DANE_BAD,
};

/* Why the check failed, as RFC 8460 4.3.2 tells them apart. */
enum tls_check_reason { TLS_CHECK_FINE, TLS_CHECK_NAME, TLS_CHECK_DATES, TLS_CHECK_TRUST };

struct tls_facts {
    char version[16];    /* "TLSv1.3" */
    char cipher[64];     /* OpenSSL name */
    char suite[64];      /* IANA name */
    uint16_t bits;       /* effective key bits of the cipher */
    uint16_t alg_bits;
    char group[32];      /* key exchange group, empty when unknown */
    char signature[48];  /* the peer's (client side) or our (server side) handshake signature */
    char peer_key[32];   /* "EC 256", "RSA 2048" */
    enum tls_check check;
    enum tls_check_reason check_reason;
    char check_text[160]; /* plain words: "certificate verified: CA and name", "certificate has expired" */
    char checked_name[256];
    enum tls_dane dane;
    char dane_text[160]; /* the record that matched, or what is wrong */
    bool weak;           /* TLS below 1.2, or a cipher outside profile wide: only by exception */
    bool resumed;        /* an earlier session went on (tls/ticket.h) */
    bool asked_certificate, sent_certificate; /* by the server; by us */
    char subject[256], issuer[256];
    char names[512];      /* DNS names of the certificate, blank separated, cut to fit */
    char fingerprint[96]; /* SHA-256 of the certificate, hex */
    char key_fingerprint[96]; /* SHA-256 of its public key (SubjectPublicKeyInfo), hex */
    int chain_n;          /* certificates sent */
    int64_t not_after_ms; /* end of the certificate's validity; 0 = no certificate */
};
