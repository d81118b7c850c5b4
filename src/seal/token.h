/* SPDX-License-Identifier: Apache-2.0
 * token.h: short texts that only we can have written: a keyed hash (BLAKE2b, 16 octets) as 26
 * letters and digits. Called by queue for the choices that senders are offered.
 */
#pragma once
#include "base/buf.h"

enum { TOKEN_SECRET = 32, TOKEN_TEXT = 27 };

/* rest_init() first. */
void token_make(const unsigned char secret[TOKEN_SECRET], struct str text, char ret[TOKEN_TEXT]);
/* True when it was made for this text; takes the same time either way. Case does not matter:
 * mail programs change it. */
bool token_ok(const unsigned char secret[TOKEN_SECRET], struct str text, struct str token);
