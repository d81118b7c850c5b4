/* SPDX-License-Identifier: Apache-2.0
 * forecast.c: by the decision that a delivery asks (policy/forecast.h); where the servers of the
 * recipient were asked lately one sentence, else what follows from each thing that they could
 * do.
 */
#include "report/forecast.h"
#include "policy/forecast.h"
#include "policy/policy.h"
#include "report/message.h"
#include "wire/date.h"

#include <string.h>

static int put_patience(int64_t ms, struct buf *out)
{
    return ms % 60000 == 0 ? buf_printf(out, "%lld min", (long long)ms / 60000)
                           : buf_printf(out, "%lld s", (long long)ms / 1000);
}

/* "sent securely: encrypted, ..." after "it would be ". */
static int put_verdict(const struct forecast_rcpt *r, const struct verdict *v, bool at_length,
                       struct buf *out)
{
    bool legacy = v->reason == REASON_SENT_LEGACY, secure = v->grade >= GRADE_CERT && !legacy;
    const char *why = at_length ? reason_sentence(v->reason) : "", *colon = at_length ? ": " : "";
    int e;
    switch (v->action) {
    case ACTION_SEND:
        return buf_printf(out, "%s%s%s", secure ? "sent securely" : "SENT, NOT SECURELY", colon,
                          !at_length ? ""
                          : legacy   ? "encrypted with outdated cryptography"
                                     : message_grade_words(v->grade));
    case ACTION_FALLBACK:
        return buf_printf(out, "%s%s%s", channel_forecast(r->next, at_length), colon, why);
    case ACTION_DEFER_FALLBACK:
        e = buf_add(out, STR("kept waiting for a secure connection, "));
        e = e < 0 ? e : put_patience(r->patience_ms, out);
        return e < 0 ? e
                     : buf_printf(out, ", then %s%s%s", channel_forecast(r->next, at_length), colon,
                                  why);
    case ACTION_BOUNCE:
        return buf_printf(out, "sent back%s%s", colon, why);
    case ACTION_DEFER:
    case ACTION_END:
        break;
    }
    return buf_printf(out, "not sent, but kept waiting%s%s", colon, why);
}

static bool forecast_is_same(const struct verdict *a, const struct verdict *b)
{
    bool sent = a->action == ACTION_SEND;
    return a->action == b->action && (!sent || (a->grade == b->grade && a->reason == b->reason));
}

/* Its servers were not asked: what follows from each thing they could do; neighbours with one
 * outcome stand together. */
static int put_cases(const struct forecast_rcpt *r, struct buf *out)
{
    struct forecast one, next;
    size_t at = 0;
    int e = buf_add(out, STR("depending on its server, which was not probed"));
    for (bool more = forecast_next(&r->facts, &at, &one), first = true; e == 0 && more;
         one = next, first = false) {
        e = buf_printf(out, "%s%s", first ? ". If it " : "; if it ", one.words);
        while ((more = forecast_next(&r->facts, &at, &next)) && e == 0 &&
               forecast_is_same(&one.verdict, &next.verdict)) {
            e = buf_printf(out, ", or %s", next.words);
        }
        e = e < 0 ? e : buf_add(out, STR(": "));
        e = e < 0 ? e : put_verdict(r, &one.verdict, false, out);
    }
    return e;
}

static int put_transport(const struct forecast_rcpt *r, struct buf *out)
{
    char date[DATE_MAX];
    if (r->asked_ms == 0) {
        return put_cases(r, out);
    }
    struct verdict v = policy_decide(&r->facts);
    date_rfc5322(r->asked_ms, date);
    int e = put_verdict(r, &v, true, out);
    return e < 0 ? e : buf_printf(out, " (as its servers were on %s)", date);
}

int forecast_write(const struct forecast_rcpt *r, struct buf *out)
{
    static const char *const actions[PROTECT_ACTION_END] = {
        [PROTECT_CHOOSE] = "held, and you would be asked whether and how to send it",
        [PROTECT_HOLD] = "held until somebody at the organisation has reviewed it",
        [PROTECT_BOUNCE] = "refused by a rule of the organisation",
        [PROTECT_REJECT] = "refused by a rule of the organisation",
        [PROTECT_ASK] = "sent back with a question: a word in it is nearly a flag",
    };
    int e = buf_add(out, STR("it would be "));
    if (e < 0) {
        return e;
    }
    if (r->action < PROTECT_ACTION_END && actions[r->action]) {
        return buf_printf(out, "%s%s%s", actions[r->action], r->text ? ": " : "",
                          r->text ? r->text : "");
    }
    if (r->first != CHANNEL_TLS) {
        return buf_add(out, str_c(channel_forecast(r->first, true)));
    }
    return r->is_inside ? buf_add(out, STR("delivered inside: it does not leave the organisation"))
                        : put_transport(r, out);
}
