/* SPDX-License-Identifier: Apache-2.0
 * look.h: why a directory cannot be reached: a second connection to it, over which nothing is
 * said but StartTLS (RFC 4511 4.14). libldap (GnuTLS in Debian) has no words for what is wrong
 * with a certificate, or none that name the cause.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct directory_place {
    const char *url, *trust_store; /* borrowed */
    bool starttls;                 /* of ldap:// */
};

enum directory_seen {
    /* connected, with TLS where it is wanted: certificate and name are right */
    DIRECTORY_SEEN_WELL,
    DIRECTORY_SEEN_WRONG, /* see why */
};

/* Blocks for at most limit_ms, but for the look-up of its name. No login is tried and no secret
 * is sent. why: a sentence. */
enum directory_seen directory_look(const struct directory_place *p, int64_t limit_ms, char *why,
                                   size_t size);
