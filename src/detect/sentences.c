/* SPDX-License-Identifier: Apache-2.0
 * sentences.c: what stands in each sentence of a text. Very long ones are taken in pieces.
 */
#include "detect/sentences.h"
#include "detect/pack.h"

#include <string.h>

_Static_assert((int)WEIGH_TYPES_MAX == (int)TYPES_MAX, "every type may weigh");

bool sentences_next(struct sentences *s, struct weighed *ret)
{
    while (s->next < s->text.n) {
        size_t from;
        struct str whole = lists_sentence(s->lists, s->text, s->next, &from);
        size_t to = from + whole.n;
        from = from > s->next ? from : s->next;
        s->next = to + 1;
        if (to <= from) {
            continue;
        }
        s->before = s->now;
        s->now.from = from;
        s->now.to = to;
        *ret = (struct weighed){.text = str_slice(s->text, from, to)};
        s->strongest = s->finding;
        for (; s->finding < s->n && s->findings[s->finding].at < to; s->finding++) {
            unsigned score = s->scores[s->finding];
            ret->types[s->findings[s->finding].type->index] = true;
            s->strongest = score > ret->score ? s->finding : s->strongest;
            ret->score = score > ret->score ? score : ret->score;
        }
        return true;
    }
    return false;
}

/* What was found is crossed out: Wilson's disease is no Mr Wilson. */
static struct list_facts sentences_read_facts(const struct sentences *s, struct weighed *w)
{
    char names[LISTS_SENTENCE_MAX + 2];
    must(w->text.n <= sizeof names);
    memcpy(names, w->text.p, w->text.n);
    for (size_t i = s->finding; i-- > 0 && s->findings[i].at >= s->now.from;) {
        size_t end = s->findings[i].at + s->findings[i].n;
        for (size_t k = s->findings[i].at; k < end && k < s->now.to; k++) {
            names[k - s->now.from] = '#';
        }
    }
    return lists_facts(s->lists, w->text, str_from(names, w->text.n), w->text.n);
}

void sentences_read_people(const struct sentences *s, struct weighed *w)
{
    w->facts = sentences_read_facts(s, w);
    /* only in the same paragraph */
    if (s->before.to > s->before.from && s->text.p[s->before.to] != '\n') {
        struct str before = str_slice(s->text, s->before.from, s->before.to);
        struct list_facts f = lists_facts(s->lists, before, before, before.n);
        w->named_before = f.name || f.given;
    }
}
