/* SPDX-License-Identifier: Apache-2.0
 * pair.h: looks at a certificate and its key before they are used.
 */
#pragma once
#include "base/str.h"

/* What a certificate of ours is for: our servers show it, or our clients where a server asks. */
enum tls_pair_use { TLS_PAIR_SERVER, TLS_PAIR_CLIENT };

/* Where what is found is told; text: what is wrong, as the end of a sentence that begins with
 * the file, and a hint. */
struct tls_pair_report {
    void (*told)(void *arg, bool is_warning, const char *text);
    void *arg;
};

/* Judges a chain and its private key (PEM, borrowed): do they fit, is the order that of RFC
 * 8446 4.4.2, are the times right, is it made for that use. What makes the pair useless is told as
 * an error, the rest as warnings; nothing told: it is fine. */
void tls_pair_check(enum tls_pair_use use, struct str chain_pem, struct str key_pem, int64_t now_ms,
                    const struct tls_pair_report *to);
/* The same for one that wants the first error alone: 0, or -EINVAL with it in problem. Warnings are
 * left out. */
int tls_pair_usable(enum tls_pair_use use, struct str chain_pem, struct str key_pem, int64_t now_ms,
                    char *problem, size_t size) MUST_USE;
/* True when the first certificate matches a host name (RFC 6125 6.4, wildcards included). */
bool tls_chain_has_name(struct str chain_pem, const char *name);
/* True when each certificate of the file up to an authority of trust_pem, or one that certifies
 * itself, is there; else issuer is the name of the one that is missing. */
bool tls_chain_is_complete(struct str chain_pem, struct str trust_pem, char *issuer, size_t size);
struct tls_own;
/* True when a server with these certificates shows number `at` to nobody, whatever name is asked
 * for (choice.c); *ret_by: the one that is shown for its first name. */
bool tls_own_is_hidden(const struct tls_own *own, size_t n, size_t at, size_t *ret_by);
/* True when the keys of two certificates are of one kind: RSA, or of elliptic curves. */
bool tls_same_kind_of_key(struct str chain_pem, struct str other_pem);
