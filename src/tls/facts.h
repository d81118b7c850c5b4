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

/* Why a certificate does not count: the only place with these words. NAME, its class in TLS
 * reports, the sentence behind "the certificate" and what to do. The first one found, in this
 * order, gives the advice; all are said. */
#define TLS_CAUSES(X) \
    X(REVOKED, TRUST, "has been revoked", "its holder needs a new one") \
    X(NO_STAPLE, TRUST, "demands a stapled OCSP answer, and there is none that counts", \
      "the server must staple one") \
    X(SIGNATURE, TRUST, "carries a signature that is not its issuer's", \
      "its holder needs a new one") \
    X(SELF_SIGNED, TRUST, "is self-signed", "its holder needs one from an authority") \
    X(UNKNOWN_ROOT, TRUST, "leads to an authority that is not trusted here", \
      "add the authority to the trust store") \
    X(NO_INTERMEDIATE, TRUST, "comes without its intermediate", \
      "the whole chain must be installed there") \
    X(UNKNOWN_CA, TRUST, "has an issuer that is neither trusted here nor sent along", \
      "add the authority to the trust store, or install the missing intermediate there") \
    X(INVALID_CA, TRUST, "was signed by what is no authority", "its holder needs another one") \
    X(PATH_LENGTH, TRUST, "was signed by an authority below one that allows none below it", \
      "its holder needs another one") \
    X(CONSTRAINTS, TRUST, "has names that its authority may not certify", \
      "its holder needs another one") \
    X(LONG_CHAIN, TRUST, "has too long a chain", "the chain there must be shortened") \
    X(EXTENSION, TRUST, "has a critical extension that is not known here", \
      "its holder needs another one") \
    X(UNREADABLE, TRUST, "cannot be read", "its holder needs another one") \
    X(WEAK_SIGNATURE, TRUST, "has a signature that is too weak", \
      "its holder needs one signed with SHA-256 or better") \
    X(SMALL_KEY, TRUST, "has a key that is too small", \
      "its holder needs one with RSA 2048 or P-256 at least") \
    X(PURPOSE, TRUST, "is for other purposes", "its holder needs one for TLS servers") \
    X(EXPIRED, DATES, "has expired", "it must be renewed there") \
    X(NOT_YET_VALID, DATES, "is not yet valid", "look at the clocks on both sides") \
    X(NAME, NAME, "is for another name", "it must name this server") \
    X(DANE, TRUST, "is not the one that the TLSA records publish", \
      "certificate and records must be changed together") \
    X(OTHER, TRUST, "was not accepted", "look at it with openssl s_client")
#define TLS_CAUSE_ENUM(name, class, sentence, advice) TLS_CAUSE_##name,
enum tls_cause { TLS_CAUSES(TLS_CAUSE_ENUM) TLS_CAUSE_END };

/* Groups of the key exchange, by the library's names (RFC 8446 4.2.7, RFC 7919,
 * draft-ietf-tls-ecdhe-mlkem), and whether they are within profile nist. */
#define TLS_GROUPS(X) \
    X(X25519MLKEM768, "X25519MLKEM768", true) \
    X(P256MLKEM768, "SecP256r1MLKEM768", true) \
    X(P384MLKEM1024, "SecP384r1MLKEM1024", true) \
    X(X25519, "x25519", false) \
    X(P256, "secp256r1", true) \
    X(P384, "secp384r1", true) \
    X(P521, "secp521r1", true) \
    X(X448, "x448", false) \
    X(FFDHE2048, "ffdhe2048", true) \
    X(FFDHE3072, "ffdhe3072", true) \
    X(FFDHE4096, "ffdhe4096", true) \
    X(FFDHE6144, "ffdhe6144", true) \
    X(FFDHE8192, "ffdhe8192", true) \
    X(OTHER, "other", false)
#define TLS_GROUP_ENUM(id, name, nist) TLS_GROUP_##id,
enum tls_group { TLS_GROUPS(TLS_GROUP_ENUM) TLS_GROUP_END };

struct tls_facts {
    char version[16]; /* "TLSv1.3" */
    char cipher[64];  /* OpenSSL name */
    char suite[64];   /* IANA name */
    uint16_t bits;    /* effective key bits of the cipher */
    uint16_t alg_bits;
    char group[32];     /* key exchange group, empty when unknown */
    char signature[48]; /* the peer's (client side) or our (server side) handshake signature */
    char peer_key[32];  /* "EC 256", "RSA 2048" */
    enum tls_check check;
    enum tls_check_reason check_reason;
    uint32_t causes; /* 1 << enum tls_cause, of a bad one */
    /* "trusted CA and right name", or what is wrong, behind "the certificate", and what to do */
    char check_text[320];
    char checked_name[256];
    enum tls_dane dane;
    char dane_text[320]; /* the record that matched, or what is wrong */
    bool weak;           /* TLS below 1.2, or a cipher outside profile wide: only by exception */
    bool resumed;        /* an earlier session went on (tls/ticket.h) */
    bool asked_certificate, sent_certificate; /* by the server; by us */
    char subject[256], issuer[256];
    char names[512];          /* DNS names of the certificate, space-separated, cut to fit */
    char fingerprint[96];     /* SHA-256 of the certificate, hex */
    char key_fingerprint[96]; /* SHA-256 of its public key (SubjectPublicKeyInfo), hex */
    int chain_n;              /* certificates sent */
    int64_t not_before_ms, not_after_ms; /* the certificate's validity; 0 = no certificate */
};
