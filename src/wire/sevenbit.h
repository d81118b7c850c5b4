/* SPDX-License-Identifier: Apache-2.0
 * sevenbit.h: a message as servers without 8BITMIME or without BINARYMIME can take it: the parts
 * that need it are written in quoted-printable or base64, and their headers say so (RFC 6152 3,
 * RFC 3030 3). A stream in both directions; what is decoded of its output equals what is decoded
 * of its input. Pure.
 *
 * Twice over the message: a survey finds what each part needs (and whether all of it can be
 * had), then the octets are written. Parts are told apart by RFC 2046 5.1.1; message/rfc822 is
 * entered. Nothing inside multipart/signed and multipart/encrypted is touched (RFC 1847 2.1):
 * what needs a conversion there makes the message one that cannot go.
 */
#pragma once
#include "base/buf.h"

enum sevenbit_need {
    SEVENBIT_ALL, /* the next hop takes ASCII in lines */
    /* it takes all octets, but in lines of at most 998 that end with CRLF, and no NUL */
    SEVENBIT_LINES,
};

enum sevenbit_problem {
    SEVENBIT_FINE,
    SEVENBIT_SEALED,    /* inside a signed or encrypted part */
    SEVENBIT_HEADER,    /* octets above 127 in a header section */
    SEVENBIT_ENCODING,  /* a part whose type or transfer encoding allows no other */
    SEVENBIT_STRUCTURE, /* too deep, too many parts, a header section too long */
};

/* What a survey found; starts with all zero. sevenbit_plan_free() ends it. */
struct sevenbit_plan {
    enum sevenbit_need need;
    bool utf8_headers; /* they may stay as they are: the next hop takes SMTPUTF8 */
    enum sevenbit_problem problem;
    bool changes;     /* false: the message goes as it is */
    struct buf parts; /* how each leaf is written, in their order */
};

struct sevenbit;

/* survey: nothing is written, and the plan is filled; else the plan is followed. Borrows the
 * plan. */
struct sevenbit *sevenbit_new(struct sevenbit_plan *plan, bool survey);
void sevenbit_free(struct sevenbit *s);
/* The next octets; any division of the message into pieces gives the same. Appends at most four
 * times as much (and what it held back, up to 2 MiB of a header section). 0 or -ENOSPC. */
int sevenbit_write(struct sevenbit *s, struct str text, struct buf *out) MUST_USE;
/* The message ended. 0 or -ENOSPC. */
int sevenbit_end(struct sevenbit *s, struct buf *out) MUST_USE;
void sevenbit_plan_free(struct sevenbit_plan *plan);
/* One sentence for people. */
const char *sevenbit_problem_sentence(enum sevenbit_problem problem);
