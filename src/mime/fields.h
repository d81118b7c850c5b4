/* SPDX-License-Identifier: Apache-2.0
 * fields.h: header fields as people see them, on one line each. Called by view.c. The caller
 * frees what they return; never NULL.
 */
#pragma once
#include "mime/tree.h"

/* Without control characters and marks that turn the direction of writing, VIEW_FIELD_MAX octets
 * at most, no character cut through. NULL is "". */
char *fields_line(const char *text);
/* A field of addresses: each as programs read it, without what is inside it (RFC 5322 3.2.2). */
char *fields_addresses(struct reader *r, const struct tree_fields *f, const char *name);
/* The name of who wrote it; "" where there is none. */
char *fields_author(struct reader *r, const struct tree_fields *f);
