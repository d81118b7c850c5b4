/* SPDX-License-Identifier: Apache-2.0
 * forwards.c: forwards of inside addresses to elsewhere, kept to TLS. A forward whose domain is
 * known to have no connection that counts as secure is off: its mail goes to the mailbox inside
 * instead, and an alarm says so. One that turns out so while it is used takes the same way:
 * nothing goes in clear, nothing is lost.
 *
 * Called by submit.c (new mail), protection.c (transport did not come about), domains.c and
 * monitor.c (what is known changed) and admin.c (postern forward audit). What can go wrong: a
 * target that is inside again (refused by check-config, so that mail goes in no circles).
 */
#include "base/log.h"
#include "proc/queue/queue.h"

#include <stdio.h>

/* True when all its servers answered the last look, and none gave a connection that counts. */
static bool is_known_insecure(const struct domain *d)
{
    return d->d.probed_ms > 0 && d->d.look_complete && d->d.grade < GRADE_CERT;
}

bool forwards_is_off(const struct queue *q, struct str target)
{
    const struct domain *d = domains_find((struct queue *)(uintptr_t)q, domain_of(target), false);
    return d && ((d->d.alarms & 1u << ALARM_FORWARD) || is_known_insecure(d));
}

static void switch_off(struct queue *q, struct domain *d, const char *address, const char *why)
{
    char detail[512];
    if (d->d.alarms & 1u << ALARM_FORWARD) {
        return;
    }
    snprintf(detail, sizeof detail, "mail for %.200s is delivered inside instead: %.200s", address,
             why);
    d->d.alarms |= 1u << ALARM_FORWARD;
    alarms_raise(q, d->name, ALARM_FORWARD, detail);
    domains_save(q, d);
}

void forwards_failed(struct queue *q, struct str target, const char *address, const char *why)
{
    struct domain *d = domains_find(q, domain_of(target), true);
    if (d) {
        switch_off(q, d, address, why);
    }
}

void forwards_probed(struct queue *q, struct domain *d)
{
    const struct conf *c = child_conf(q->child);
    if ((d->d.alarms & 1u << ALARM_FORWARD) && d->d.look_complete && d->d.grade >= GRADE_CERT) {
        d->d.alarms &= ~(1u << ALARM_FORWARD);
        alarms_clear(q, d->name, ALARM_FORWARD);
        return;
    }
    for (size_t i = 0; i < c->n_forwards && is_known_insecure(d); i++) {
        for (size_t k = 0; k < c->forwards[i].to.n; k++) {
            if (domain_eq(domain_of(str_c(c->forwards[i].to.v[k])), d->name)) {
                switch_off(
                    q, d, c->forwards[i].name,
                    "its servers were looked at, and no connection to them counts as secure");
            }
        }
    }
}

void forwards_check(struct queue *q)
{
    const struct conf *c = child_conf(q->child);
    for (size_t i = 0; i < c->n_forwards; i++) {
        for (size_t k = 0; k < c->forwards[i].to.n; k++) {
            struct domain *d = domains_find(q, domain_of(str_c(c->forwards[i].to.v[k])), true);
            if (d) {
                d->d.listed = true; /* looked at daily from now on */
                forwards_probed(q, d);
                domains_save(q, d);
            }
        }
    }
}

void forwards_list(struct queue *q, struct ipc_channel *to)
{
    const struct conf *c = child_conf(q->child);
    for (size_t i = 0; i < c->n_forwards; i++) {
        for (size_t k = 0; k < c->forwards[i].to.n; k++) {
            const struct domain *d =
                domains_find(q, domain_of(str_c(c->forwards[i].to.v[k])), false);
            bool known = d && d->d.probed_ms > 0 && d->d.look_complete;
            ipc_send(to,
                     &(struct ipc_msg){.type = IPC_row_forward,
                                       .row_forward = {
                                           .address = str_c(c->forwards[i].name),
                                           .target = str_c(c->forwards[i].to.v[k]),
                                           .line = (uint32_t)c->forwards[i].line,
                                           .off = forwards_is_off(q, str_c(c->forwards[i].to.v[k])),
                                           .known = known,
                                           .grade = d ? d->d.grade : 0,
                                           .probed_ms = d ? d->d.probed_ms : 0,
                                           .keep = c->forwards[i].keep != 0,
                                       }});
        }
    }
}
