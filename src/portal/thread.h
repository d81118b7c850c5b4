/* SPDX-License-Identifier: Apache-2.0
 * thread.h: the address and the message ids of a conversation in the portal. Pure.
 *
 * Notices and answers say Reply-To: NAME+THREAD@DOMAIN (NAME@DOMAIN is the portal's from) and
 * have message ids <portal.THREAD.NUMBER@HOSTNAME>: by either an answer is known to belong to
 * it.
 */
#pragma once
#include "conf/conf.h"

enum { THREAD_LETTERS = 16 };

void thread_address(const struct conf *c, struct str thread, char *dst, size_t size);
/* The conversation that such an address names, or an empty view. */
struct str thread_of_address(const struct conf *c, struct str address);
/* The conversation that a References or In-Reply-To field names, or an empty view. */
struct str thread_of_references(const struct conf *c, struct str field);
