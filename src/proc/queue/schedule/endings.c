/* SPDX-License-Identifier: Apache-2.0
 * endings.c: what becomes of a recipient without an attempt to deliver: held, refused, taken
 * back, deleted, put into the portal, its time over. One line of the log with its reason and one
 * count, as for attempts (job.c). Called where it is decided.
 */
#include "base/log.h"
#include "proc/queue/queue.h"
#include "wire/id.h"

void ending_note(struct queue *q, const struct store_rcpt *r)
{
    char id[ID_TEXT];
    id_text(r->id, id);
    log_info(rcpt_state_name(r->state), KV("id", id), KVS("to", r->forward_path),
             KV("reason", reason_name(r->reason)), KVS("code", r->code),
             KVN("attempts", r->attempts), KVS("reply", r->reply));
    metrics_count(q, r, GRADE_PLAIN);
    alarms_copy_ended(q, r);
}
