/* SPDX-License-Identifier: Apache-2.0
 * lookup_kinds.h: what may be asked of the lookup process.
 */
#pragma once

enum lookup_kind {
    LOOKUP_MX,     /* a domain's servers, with TLSA and the domain's MTA-STS policy */
    LOOKUP_HOST,   /* one configured host, with TLSA */
    LOOKUP_RELAY,  /* the same, and its own MTA-STS policy: a smart host is a policy domain */
    LOOKUP_REPORT, /* where TLS reports of a domain go (RFC 8460 3) */
    LOOKUP_KIND_END,
};

/* How fresh the MTA-STS policy must be. */
enum lookup_again {
    LOOKUP_CACHED,
    LOOKUP_MISMATCH, /* the MX is not in the policy: look once more, at most every 5 minutes */
    LOOKUP_PROBE,    /* a daily probe or an administrator */
    LOOKUP_AGAIN_END,
};

/* Verbs of sts_ask. */
enum sts_verb { STS_SHOW, STS_REFRESH, STS_PRELOAD, STS_VERB_END };
