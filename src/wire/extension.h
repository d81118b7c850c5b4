/* SPDX-License-Identifier: Apache-2.0
 * extension.h: what a mail server may announce and not keep, or stumble over, and what we then do
 * without. The number is kept in the store: never reused. Neither STARTTLS nor REQUIRETLS is among
 * them: nothing falls back from encryption, nor from what a certificate must be.
 */
#pragma once
#include "base/str.h"

/* Name, word, for how many days a host is remembered to fail with it (0: not). */
#define EXTENSIONS(X) \
    X(EHLO, "ehlo", \
      0) /* RFC 5321 3.2: HELO instead; asked each time, as without EHLO there is no STARTTLS */ \
    X(PIPELINING, "pipelining", 7) /* RFC 2920: one command at a time */ \
    X(CHUNKING, "chunking", 7)     /* RFC 3030: DATA */ \
    X(DSN, "dsn", 7)               /* RFC 3461: we write the notices */ \
    X(SIZE, "size", 7)             /* RFC 1870: not declared */ \
    X(8BITMIME, "8bitmime", 7)     /* RFC 6152 */ \
    X(SMTPUTF8, "smtputf8", 7)     /* RFC 6531 */ \
    X(HYBRID_GROUPS, "hybrid-groups", \
      1) /* ML-KEM in the ClientHello, which is two segments then (tldr.fail): classical groups. A
                                            day, as who interrupts a handshake brings it about */
#define EXTENSION_ENUM(name, word, days) EXTENSION_##name,
enum extension { EXTENSIONS(EXTENSION_ENUM) EXTENSION_END };

/* A set of them: bit 1 << enum extension. */
typedef uint32_t extension_set;
#define EXTENSION_BIT(name) ((extension_set)1 << EXTENSION_##name)

/* As in the configuration: "chunking"; "unknown" for other numbers. */
const char *extension_name(enum extension e);
/* How many days it is remembered. */
unsigned extension_days(enum extension e);
/* EXTENSION_END: no such word. */
enum extension extension_from(struct str word);
/* The names, with blanks between them; "" for none. size: 80 is enough for all. */
void extension_words(extension_set set, char *dst, size_t size);
