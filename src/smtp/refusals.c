/* SPDX-License-Identifier: Apache-2.0
 * refusals.c: the refusals of the SMTP server (refusals.def) as replies. Called by the engine
 * and by smtpin.
 */
#include "smtp/reply.h"

static const struct smtp_reply refusals[] = {
#define R(name, code, enhanced, what, todo) [REFUSE_##name] = {code, enhanced, what "; " todo},
#include "smtp/refusals.def"
#undef R
};

/* RFC 5321 4.2 SHOULD: only known reply codes are sent
 * RFC 5321 4.3.2 SHOULD: finer meanings go by RFC 3463, not by new codes */
const struct smtp_reply *smtp_refusal(enum smtp_refusal r)
{
    must(r < REFUSE_END);
    return &refusals[r];
}
