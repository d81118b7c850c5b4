/* SPDX-License-Identifier: Apache-2.0
 * pair.h: looks at a certificate and its key before they are used.
 */
#pragma once
#include "base/str.h"

/* Where what is found is told; text: what is wrong, as the end of a sentence that begins with the file, and a hint. */
struct tls_pair_report {
    void (*told)(void *arg, bool is_warning, const char *text);
    void *arg;
};

/* Judges a chain and its private key (PEM, borrowed): do they fit, is the order that of RFC 8446 4.4.2, are the times right.
 * What makes the pair useless is told as an error, the rest as warnings; nothing told: it is fine. */
void tls_pair_check(struct str chain_pem, struct str key_pem, int64_t now_ms, const struct tls_pair_report *to);
/* The same for one that wants the first error alone: 0, or -EINVAL with it in problem. Warnings are left out. */
int tls_pair_usable(struct str chain_pem, struct str key_pem, int64_t now_ms, char *problem, size_t size) MUST_USE;
/* True when the first certificate is good for a host name (RFC 6125 6.4, wildcards included). */
bool tls_chain_has_name(struct str chain_pem, const char *name);
