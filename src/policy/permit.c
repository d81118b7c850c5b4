/* SPDX-License-Identifier: Apache-2.0
 * permit.c: the only maker of permits. tools/layers checks that plaintext is permitted in exactly
 * one line of the program: the one below. Called by smtpout/delivery.c and by the sendmail
 * command.
 */
#include "smtp/permit.h"
#include "policy/policy.h"

bool policy_permit(const struct host_verdict *v, struct permit *ret)
{
    if (v->class != HOST_SEND) {
        return false;
    }
    ret->transport = PERMIT_TLS;
    if (v->reason == REASON_SENT_PLAIN) {
        ret->transport = PERMIT_PLAINTEXT;
    }
    ret->granted = true;
    return true;
}
