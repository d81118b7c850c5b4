/* SPDX-License-Identifier: Apache-2.0
 * inspecting.h: what is found in a message: its parts are read (mime/), looked through
 * (detect/), and its flags and fields noted, as the lines of policy/inspection.h.
 *
 * Called by the `inspect` process and by postern explain, so that both say the same. What can go
 * wrong: packs that cannot be read or an expression that is none (-EINVAL, lines in problems); a
 * message that holds too much (a line "failed limit").
 */
#pragma once
#include "conf/conf.h"
#include "mime/pdf.h"

struct inspecting;

/* A flag in a text, or what is nearly one. */
struct inspecting_flag {
    const char *meant;  /* the word of the configuration, borrowed */
    struct str written; /* as it stands in the text, borrowed */
    /* quoted: in what an answer repeats, or in the subject of an attached mail; it does not
     * count */
    bool exact, test, quoted;
    bool attached; /* in an attached mail */
    /* the number of the part that it stands in, "" of the message itself; borrowed */
    const char *part;
};
typedef void (*inspecting_flag_fn)(void *arg, enum mime_place place,
                                   const struct inspecting_flag *f);
/* Calls back for the flags of each text that the configuration wants looked through; those that
 * count up to a limit. */
void inspecting_flags(const struct conf *c, const struct mime_reading *m, inspecting_flag_fn fn,
                      void *arg);
/* A field that asks for protection: X-Postern-Protect, and fields of labels. */
struct inspecting_field {
    const char *name;
    struct str value, meant; /* meant: as policy/inspection.h has it; borrowed */
    /* counts: the value is one of those that X-Postern-Protect may have, or a label of the
     * configuration */
    bool is_label, counts;
};
typedef void (*inspecting_field_fn)(void *arg, const struct inspecting_field *f);
/* Calls back for each of them, also for a Sensitivity that is no label. */
void inspecting_fields(const struct conf *c, const struct mime_reading *m, inspecting_field_fn fn,
                       void *arg);
/* Reads the packs that the configuration (borrowed for its life) names. pdf may be NULL;
 * borrowed. */
int inspecting_new(const struct conf *c, struct mime_pdf *pdf, struct buf *problems,
                   struct inspecting **ret) MUST_USE;
void inspecting_free(struct inspecting *i);
/* Appends the lines about a message; facts has a maximum of INSPECTION_MAX. */
void inspecting_run(const struct inspecting *i, struct str message, struct buf *facts);
