/* SPDX-License-Identifier: Apache-2.0
 * published.h: what a domain publishes for its mail, each TXT record read for one question about
 * ourselves: SPF (RFC 7208) and DKIM keys (RFC 6376 3.6.1, RFC 8463 4). Pure: whoever calls asked
 * the DNS.
 */
#pragma once
#include "tls/sign.h"

enum spf_says {
    SPF_OTHER_RECORD, /* it is not an SPF record */
    SPF_PERMITS,      /* by its own words */
    SPF_FORBIDS,      /* or does not permit: no term is about the address, or not with "+" */
    SPF_LEADS_ON, /* terms of other names (include, mx, a:NAME, exists, redirect) decide: they were
                     not asked */
    SPF_BROKEN,   /* a term that RFC 7208 does not know: receivers see an error (4.6) */
};
/* What a record says of an address (text); is_of_name: the address is one of the name that
 * publishes it. */
enum spf_says spf_reads(struct str record, struct str ip, bool is_of_name);

enum dkim_key_says {
    DKIM_KEY_OTHER_RECORD, /* it is not a key */
    DKIM_KEY_OURS,
    DKIM_KEY_ANOTHER,
    DKIM_KEY_REVOKED, /* p= is empty */
};
/* Is it the key whose public half is public_key, as tls_signer_public() gives it? */
enum dkim_key_says dkim_key_reads(struct str record, enum tls_algorithm algorithm,
                                  struct str public_key);
