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

const struct smtp_reply *smtp_refusal(enum smtp_refusal r)
{
    must(r < REFUSE_END);
    return &refusals[r];
}
