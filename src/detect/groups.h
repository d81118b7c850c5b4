/* SPDX-License-Identifier: Apache-2.0
 * groups.h: numbers in groups: what parts them, where a line may end inside, how many groups
 * belong to a number.
 *
 * Called by pack.c (names of gaps in patterns) and scan.c. Pure.
 */
#pragma once
#include "base/buf.h"

enum groups {
    GROUPS_NONE,    /* the pattern names no gap */
    GROUPS_EVEN,    /* all gaps are alike, but for one line end, or two blanks where HTML had one */
    GROUPS_COLUMNS, /* all gaps are alike */
    GROUPS_MIXED,   /* any gaps, one line end: the check digits are strong enough */
};

/* Puts the expressions for {gap}, {sep}, {wide}, {wrap} and {any} in. -ENOSPC when it gets too
 * long. */
int groups_expand(struct str expression, struct buf *out, enum groups *ret) MUST_USE;
/* True when the n octets at `at` can be one number by what parts them. */
bool groups_fit(enum groups kind, struct str text, size_t at, size_t n);
/* Where the n octets at `at`, which may be a number, stand in their line. Only blanks count as
 * what parts them from what is before, and nothing before `floor`. */
enum groups_place {
    /* no digits before them, or those of another kind: "PIN 1234 4539 5787 6362 1486" */
    GROUPS_ALONE,
    GROUPS_IN_ROW, /* behind two or more groups as long as theirs: perhaps a row of a table */
    GROUPS_PART,   /* they are part of a telephone number, of a sum or of an IBAN */
};
enum groups_place groups_place(struct str text, size_t floor, size_t at, size_t n);
/* The length of the first group, and of all but the last. */
size_t groups_first(struct str value);
size_t groups_without_last(struct str value);
