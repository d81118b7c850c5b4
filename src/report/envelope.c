/* SPDX-License-Identifier: Apache-2.0
 * envelope.c: an envelope of the portal with what happened to it (envelope.h).
 */
#include "report/envelope.h"
#include "store/envelope.h"
#include "wire/date.h"
#include "wire/id.h"

#include <stdio.h>

static const char *const levels[] = {
    "the link alone",
    "a code sent to the mailbox",
    "a code, and a phrase agreed on",
    "a code and a phrase; sealed: only the link opens it",
};

struct json *envelope_json(const struct ipc_row_envelope *e,
                           const struct ipc_row_envelope_event *const *events, size_t n)
{
    struct json *o = report_object(), *all = report_array();
    char id[ID_TEXT];
    id_text(e->envelope, id);
    report_put_str(o, "envelope", str_c(id));
    id_text(e->id, id);
    report_put_str(o, "message", str_c(id));
    report_put_str(o, "to", e->address);
    report_put_str(o, "from", e->sender);
    report_put_time(o, "made", e->made_ms);
    report_put_time(o, "until", e->expires_ms);
    report_put_int(o, "level", e->level);
    report_put_str(o, "state", str_c(envelope_state_name(e->state)));
    report_put_bool(o, "sealed", e->sealed);
    report_put_bool(o, "legal-hold", e->legal_hold);
    report_put_int(o, "attachments", e->attachments);
    report_put_int(o, "octets", (int64_t)e->octets);
    report_put_time(o, "first-read", e->opened_ms);
    report_put_time(o, "answered", e->replied_ms);
    report_put_int(o, "reminders", e->reminders);
    id_text(e->notice_id, id);
    report_put_str(o, "notice", str_c(e->notice_id ? id : ""));
    report_put_str(o, "conversation", e->thread);
    for (size_t i = 0; i < n; i++) {
        if (events[i]->envelope == e->envelope) {
            struct json *one = report_object();
            report_put_time(one, "at", events[i]->at_ms);
            report_put_str(one, "what",
                           str_c(envelope_event_name((enum envelope_event)events[i]->kind)));
            report_put_str(one, "who", events[i]->who);
            report_put_str(one, "detail", events[i]->detail);
            report_append(all, one);
        }
    }
    report_put(o, "events", all);
    return o;
}

int envelope_text(const struct ipc_row_envelope *e,
                  const struct ipc_row_envelope_event *const *events, size_t n, struct buf *out)
{
    char id[ID_TEXT], number[ID_TEXT], made[DATE_MAX], until[DATE_MAX], at[DATE_MAX], sender[520];
    id_text(e->envelope, id);
    id_text(e->id, number);
    date_iso(e->made_ms, made);
    date_iso(e->expires_ms, until);
    snprintf(sender, sizeof sender, "<" STR_FMT ">", STR_ARG(e->sender));
    const struct str from =
        e->sender.n > 0 ? str_c(sender) : STR("the same: a copy of their answer");
    int r = buf_printf(out,
                       "Envelope %s in the portal (message %s)\n  To:       <" STR_FMT
                       ">\n  From:     " STR_FMT
                       "\n  Made:     %s\n  Until:    %s\n  State:    %s%s%s\n  Opens by: %s\n",
                       id, number, STR_ARG(e->address), STR_ARG(from), made, until,
                       envelope_state_name(e->state), e->opened_ms ? ", read" : ", not read",
                       e->legal_hold ? ", legal hold" : "", levels[e->level & 3]);
    for (size_t i = 0; r == 0 && i < n; i++) {
        if (events[i]->envelope == e->envelope) {
            date_iso(events[i]->at_ms, at);
            r = buf_printf(out, "  %s  %-18s " STR_FMT "%s" STR_FMT "\n", at,
                           envelope_event_name((enum envelope_event)events[i]->kind),
                           STR_ARG(events[i]->who),
                           events[i]->detail.n > 0 && events[i]->who.n > 0 ? ": " : "",
                           STR_ARG(events[i]->detail));
        }
    }
    return r;
}
