/* SPDX-License-Identifier: Apache-2.0
 * extension.h: what a mail server may announce and not keep, and what we then do without. The
 * number is kept in the store: never reused. Neither STARTTLS nor REQUIRETLS is among them: nothing
 * falls back from encryption.
 */
#pragma once
#include "base/str.h"

#define EXTENSIONS(X)                                                                              \
    X(EHLO, "ehlo")             /* RFC 5321 3.2: HELO instead */                                   \
    X(PIPELINING, "pipelining") /* RFC 2920: one command at a time */                              \
    X(CHUNKING, "chunking")     /* RFC 3030: DATA */                                               \
    X(DSN, "dsn")               /* RFC 3461: we write the notices */                               \
    X(SIZE, "size")             /* RFC 1870: not declared */                                       \
    X(8BITMIME, "8bitmime")     /* RFC 6152 */                                                     \
    X(SMTPUTF8, "smtputf8")     /* RFC 6531 */
#define EXTENSION_ENUM(name, word) EXTENSION_##name,
enum extension { EXTENSIONS(EXTENSION_ENUM) EXTENSION_END };

/* A set of them: bit 1 << enum extension. */
typedef uint32_t extension_set;
#define EXTENSION_BIT(name) ((extension_set)1 << EXTENSION_##name)

/* As in the configuration: "chunking"; "unknown" for other numbers. */
const char *extension_name(enum extension e);
/* EXTENSION_END: no such word. */
enum extension extension_from(struct str word);
/* The names, with blanks between them; "" for none. size: 80 is enough for all. */
void extension_words(extension_set set, char *dst, size_t size);
