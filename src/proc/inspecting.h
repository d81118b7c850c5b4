/* SPDX-License-Identifier: Apache-2.0
 * inspecting.h: what is found in a message: its parts are read (mime/), looked through (detect/), and its flags and
 * fields noted, as the lines of policy/inspection.h.
 *
 * Called by the `inspect` process and by postern explain, so that both say the same. What can go wrong: packs that
 * cannot be read or an expression that is none (-EINVAL, lines in problems); a message that holds too much (a line
 * "failed limit").
 */
#pragma once
#include "conf/conf.h"
#include "mime/pdf.h"

struct inspecting;

/* Reads the packs that the configuration (borrowed for its life) names. pdf may be NULL; borrowed. */
int inspecting_new(const struct conf *c, struct mime_pdf *pdf, struct buf *problems, struct inspecting **ret) MUST_USE;
void inspecting_free(struct inspecting *i);
/* Appends the lines about a message; facts has a maximum of INSPECTION_MAX. */
void inspecting_run(const struct inspecting *i, struct str message, struct buf *facts);
