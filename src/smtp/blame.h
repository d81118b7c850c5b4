/* SPDX-License-Identifier: Apache-2.0
 * blame.h: which of the words that were said with MAIL or RCPT a refusal is about, although the
 * server announced them (docs/decisions/0026). Pure. Called by client.c.
 */
#pragma once
#include "smtp/reply.h"
#include "wire/extension.h"

/* The word the answer names, else the one mail needs least. Words that a message may need are
 * blamed only where nothing but words can be meant. others: words were said, too, that cannot be
 * left out. EXTENSION_END: the refusal is about something else. *ret_certain: it can mean
 * nothing but this word. */
enum extension refusal_blames(const struct smtp_answer *a, extension_set said, bool others,
                              bool *ret_certain);
