/* SPDX-License-Identifier: Apache-2.0
 * shown.h: what pages/mail.html says of a message, from what inspect made of it (packed.h). Pure.
 *
 * Called by web. What can go wrong: nothing; what does not fit in the page's memory is not there.
 */
#pragma once
#include "portal/packed.h"
#include "portal/template.h"

/* as_text: its text, also where it has HTML. */
void shown_put(const struct packed *p, bool as_text, struct data *d);
/* "112 KB". */
void shown_size(uint64_t octets, char *dst, size_t size);
