/* SPDX-License-Identifier: Apache-2.0
 * hop.h: where a recipient's mail goes next: to a domain's servers, or to one of the destinations
 * that are no domain. Pure. Used by rules.c, the queue and whoever shows a next hop.
 *
 * In the store, in reports and in logs a next hop is a text: the domain, or the word below, which
 * no domain can be.
 */
#pragma once
#include "base/str.h"

/* Name, word, and whether an inspect process has it there. */
#define HOP_KINDS(X) \
    X(INSIDE, "=inside", false)  /* the server of deliver-to */ \
    X(RELAY, "=relay", false)    /* the relay */ \
    X(TLSRPT, "=tlsrpt", false)  /* TLS reports that we take ourselves */ \
    X(INSPECT, "=inspect", true) /* it is read first */ \
    X(PORTAL, "=portal", true)   /* it is prepared for the portal */ \
    X(CHOICE, "=choice", false)  /* nowhere: it is the sender's choice (choices.c of the queue) */

#define HOP_KIND_ENUM(name, word, inspected) HOP_##name,
enum hop_kind { HOP_DOMAIN, HOP_KINDS(HOP_KIND_ENUM) HOP_KIND_END };

/* What the text of a next hop names; HOP_DOMAIN for all that is no word of these. */
enum hop_kind hop_kind(struct str next_hop);
/* Its word; "" for HOP_DOMAIN. Static. */
const char *hop_word(enum hop_kind kind);
/* Whether an inspect process gets the mail there, and no server. */
bool hop_is_inspected(enum hop_kind kind);
