/* SPDX-License-Identifier: Apache-2.0
 * forecast.c: the ways a server can turn out, in the order in which people read them.
 */
#include "policy/forecast.h"
#include "mtasts/cache.h"
#include "policy/policy.h"

static const struct forecast cases[] = {
    {SESS_DANE_OK, LOOK_COMPLETE, "offers TLS, matches DANE", {0}},
    {SESS_PKIX_OK, LOOK_COMPLETE, "offers TLS, good certificate", {0}},
    {SESS_PKIX_BAD, LOOK_COMPLETE, "offers TLS, bad certificate", {0}},
    {SESS_HSFAIL, LOOK_COMPLETE, "offers TLS, handshake fails", {0}},
    {SESS_REFUSED, LOOK_COMPLETE, "offers TLS, then refuses it", {0}},
    {SESS_NOADV, LOOK_COMPLETE, "offers no TLS", {0}},
    {SESS_NOADV, LOOK_INCOMPLETE, "the same, others are silent", {0}},
    {SESS_NOCONN, LOOK_COMPLETE, "cannot be reached", {0}},
};

/* DANE only where it is published; silent servers only where something would go in clear. */
static bool is_possible(struct facts *f, const struct forecast *one)
{
    f->sess = one->sess;
    f->look = LOOK_COMPLETE;
    bool clear = policy_host(f).reason == REASON_SENT_PLAIN;
    f->look = one->look;
    return one->sess == SESS_DANE_OK ? f->tlsa == TLSA_USABLE : one->look == LOOK_COMPLETE || clear;
}

bool forecast_next(const struct facts *f, size_t *at, struct forecast *ret)
{
    for (; *at < sizeof cases / sizeof cases[0]; (*at)++) {
        struct facts one = *f;
        if (is_possible(&one, &cases[*at])) {
            *ret = cases[(*at)++];
            ret->verdict = policy_decide(&one);
            return true;
        }
    }
    return false;
}

static enum sts sts_of(const struct store_domain *d)
{
    switch ((enum sts_state)d->sts) {
    case STS_STATE_ENFORCE:
        return STS_MATCH;
    case STS_STATE_TESTING:
        return STS_TESTING;
    case STS_STATE_WAIT:
        return STS_WAIT;
    case STS_STATE_NONE:
    case STS_STATE_END:
        break;
    }
    return STS_NONE;
}

bool forecast_remembered(const struct store_domain *d, int64_t since_ms, struct facts *f)
{
    if (!d || !d->look_complete || d->looked_ms == 0 || d->looked_ms < since_ms) {
        return false;
    }
    bool offers = d->offered_ms >= d->looked_ms;
    if (offers && (d->probed_ms != d->looked_ms || d->grade == GRADE_PLAIN)) {
        return false; /* what its encryption is worth is not known */
    }
    bool vouched = offers && d->grade >= GRADE_AUTH, matches_dane = vouched && d->tlsa;
    f->look = LOOK_COMPLETE;
    f->sts = sts_of(d);
    f->tlsa = d->tlsa ? TLSA_USABLE : TLSA_NONE;
    f->mx = matches_dane || (vouched && f->sts != STS_MATCH) ? MX_SECURE : MX_INSECURE;
    f->sess = !offers                     ? SESS_NOADV
              : d->grade == GRADE_ENCRYPT ? SESS_PKIX_BAD
              : matches_dane              ? SESS_DANE_OK
                                          : SESS_PKIX_OK;
    return true;
}
