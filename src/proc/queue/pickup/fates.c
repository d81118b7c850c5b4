/* SPDX-License-Identifier: Apache-2.0
 * fates.c: what would become of a message that an inside user is about to write in the portal, for
 * each recipient, as far as it is known before the message is read. Called by portal.c.
 *
 * What can go wrong: the content demands more than was foreseen; the page says that it can.
 */
#include "policy/ladder.h"
#include "proc/queue/protection/channel.h"
#include "proc/queue/queue.h"
#include "wire/mailboxes.h"

enum { FATES_MAX = 50 };

static enum portal_fate fate_of(const struct queue *q, const struct protect_mail *mail, bool portal,
                                struct protection *p)
{
    const struct conf *c = child_conf(q->child);
    struct ladder_order l;
    protect_decide(c, mail, p);
    if (portal && p->direction == DIRECTION_OUTBOUND) {
        p->demand = DEMAND_ESCALATED;
        p->ladder = LADDER_PORTAL_ONLY;
    }
    ladder_of(c, p->ladder, &l);
    unsigned rung = ladder_next(&l, 0, ladder_there(c), p->demand != DEMAND_ESCALATED);
    if (p->action == PROTECT_HOLD || p->action == PROTECT_CHOOSE) {
        return FATE_HELD;
    }
    if (p->action != PROTECT_PASS || (p->demand != DEMAND_NONE && rung == l.n)) {
        return FATE_BACK;
    }
    if (p->direction != DIRECTION_OUTBOUND) {
        return FATE_INSIDE;
    }
    enum channel channel = p->demand == DEMAND_NONE ? CHANNEL_TLS : l.rungs[rung].channel;
    const struct domain *d =
        domains_find((struct queue *)(uintptr_t)q, domain_of(mail->forward_path), false);
    enum portal_fate fate = channels_built[channel].fate;
    return fate == FATE_TLS && d && d->d.grade >= GRADE_CERT ? FATE_TLS_KNOWN : fate;
}

void fates_tell(struct queue *q, struct ipc_channel *ch, const struct ipc_portal_ask *a,
                struct str sender)
{
    struct str rest = a->text;
    struct mailbox next;
    for (unsigned n = 0; n < FATES_MAX && mailboxes_next(&rest, &next); n++) {
        struct str one = next.address;
        struct protection protection;
        const struct protect_mail mail = {
            .reverse_path = sender,
            .login = sender,
            .forward_path = str_slice(one, 0, one.n < 500 ? one.n : 500),
        };
        enum portal_fate fate = fate_of(q, &mail, a->number == 1, &protection);
        ipc_send(ch, &(struct ipc_msg){.type = IPC_row_fate,
                                       .row_fate = {
                                           .token = a->token,
                                           .address = mail.forward_path,
                                           .fate = fate,
                                           .words = str_trim(str_c(protection.words)),
                                       }});
    }
}
