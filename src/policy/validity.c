/* SPDX-License-Identifier: Apache-2.0
 * validity.c: the one rule for certificates of ours and of others. Called by
 * proc/smtpin/settings.c, proc/smtpout/probe.c and the doctor.
 */
#include "policy/validity.h"

bool validity_ends_soon(struct validity v, int64_t warning, int64_t now_ms)
{
    int64_t third = (v.until_ms - v.from_ms) / 3;
    if (v.from_ms > 0 && third > 0 && third < warning) {
        warning = third;
    }
    return v.until_ms > 0 && v.until_ms - now_ms < warning;
}
