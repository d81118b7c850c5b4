/* SPDX-License-Identifier: Apache-2.0
 * hop.c: the words of next hops that are no domain. Pure. Called by rules.c, the queue, report and
 * the postern command.
 */
#include "policy/hop.h"

#define HOP_WORD(name, word, inspected)      [HOP_##name] = word,
#define HOP_INSPECTED(name, word, inspected) [HOP_##name] = inspected,
static const char *const words[HOP_KIND_END] = {[HOP_DOMAIN] = "", HOP_KINDS(HOP_WORD)};
static const bool inspected_there[HOP_KIND_END] = {HOP_KINDS(HOP_INSPECTED)};

enum hop_kind hop_kind(struct str next_hop)
{
    for (enum hop_kind k = HOP_DOMAIN + 1; k < HOP_KIND_END; k++) {
        if (str_eq(next_hop, str_c(words[k]))) {
            return k;
        }
    }
    return HOP_DOMAIN;
}

const char *hop_word(enum hop_kind kind)
{
    return kind < HOP_KIND_END ? words[kind] : "";
}

bool hop_is_inspected(enum hop_kind kind)
{
    return kind < HOP_KIND_END && inspected_there[kind];
}
