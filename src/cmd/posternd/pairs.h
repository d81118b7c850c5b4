/* SPDX-License-Identifier: Apache-2.0
 * pairs.h: the certificates and private keys in force: of listeners and portal, of clients, and
 * the key of DKIM.
 */
#pragma once
#include "base/buf.h"
#include "conf/conf.h"

struct pairs;

enum pair_kind { PAIR_OWN, PAIR_CLIENT, PAIR_SIGNING };

/* What configuration `c` names, as it is on the disk; for files that are in `old` (NULL: none)
 * the pair in force where the disk has none that fits. trust: PEM, borrowed. NULL with a line in
 * problems where neither is there. */
struct pairs *pairs_new(const struct conf *c, struct str trust, const struct pairs *old,
                        struct buf *problems);
void pairs_free(struct pairs *p);
/* The PEM text in force of the number-th of a kind; borrowed until pairs_look() or pairs_free(). */
struct str pairs_chain(const struct pairs *p, enum pair_kind kind, size_t number);
struct str pairs_key(const struct pairs *p, enum pair_kind kind, size_t number);
/* Looks at the disk. True: something else is in force now. */
bool pairs_look(struct pairs *p, int64_t now_ms);
/* Something new is on the disk and not in force; look again soon. n of them; those that wait for
 * longer than `longer_ms` are described, a line each. */
size_t pairs_waiting(const struct pairs *p, int64_t now_ms, int64_t longer_ms,
                     struct buf *ret_text);
