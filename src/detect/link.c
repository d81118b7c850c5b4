/* SPDX-License-Identifier: Apache-2.0
 * link.c: how surely a sentence tells somebody's health, or whatever a pack links. The best rule
 * that fits counts; each list of which a word stands in the sentence then adds its score once.
 */
#include "detect/link.h"
#include "detect/pack.h"

_Static_assert((int)LINK_TYPES_MAX == (int)TYPES_MAX, "a link may be about every type");

static bool type_near(const struct link_rule *r, const struct detect_finding *findings, size_t n,
                      size_t which)
{
    size_t at = findings[which].at, least = at > DETECT_WINDOW ? at - DETECT_WINDOW : 0;
    for (size_t i = which; i-- > 0 && findings[i].at >= least;) {
        if (findings[i].type == r->type && findings[i].score >= r->least) {
            return true;
        }
    }
    for (size_t i = which; i < n && findings[i].at <= at + DETECT_WINDOW; i++) {
        if (findings[i].type == r->type && findings[i].score >= r->least) {
            return true;
        }
    }
    return false;
}

/* Words: farther from a finding what looks like a name may be anything. */
enum { UNKNOWN_REACH = 4 };

struct sentence {
    struct list_facts facts;
    uint64_t next;     /* lists of the words just before the finding */
    bool named_before; /* "she": the sentence before has the name */
    size_t from, to;
};

/* Wilson's disease is no Mr Wilson: names has the octets of the text from `from` to `to`. about:
 * of which types, by index; NULL: of all. */
static void cross_out(char *names, size_t from, size_t to, const struct detect_finding *findings,
                      size_t n, const bool *about)
{
    for (size_t i = 0; i < n && findings[i].at < to; i++) {
        bool counts = !about || about[findings[i].type->index];
        for (size_t k = findings[i].at; counts && k < findings[i].at + findings[i].n && k < to;
             k++) {
            names[k - from] = '#';
        }
    }
}

/* Names count near the finding only: long sentences are those of newspapers. */
static struct list_facts link_read_facts(const struct lists *lists, struct str sentence,
                                         size_t from, size_t at,
                                         const struct detect_finding *findings, size_t n)
{
    enum { NAME_REACH = 160 };
    char names[LISTS_SENTENCE_MAX + 2];
    must(sentence.n <= sizeof names);
    memcpy(names, sentence.p, sentence.n);
    cross_out(names, from, from + sentence.n, findings, n, NULL);
    for (size_t i = 0; i < sentence.n; i++) {
        size_t apart = from + i > at ? from + i - at : at - from - i;
        names[i] = apart > NAME_REACH ? '#' : names[i];
    }
    return lists_facts(lists, sentence, str_from(names, sentence.n), at - from);
}

/* The lists of the word or two before a place: "your HIV test". */
static uint64_t read_next(const struct lists *lists, struct str sentence, size_t at)
{
    enum { NEXT = 20 };
    size_t from = at > NEXT ? at - NEXT : 0;
    while (from > 0 && from < at && sentence.p[from - 1] != ' ') {
        from++;
    }
    struct str before = str_slice(sentence, from, at);
    return lists_facts(lists, before, before, before.n).lists;
}

static struct sentence read_sentence(const struct link *link, const struct lists *lists,
                                     struct str text, const struct detect_finding *findings,
                                     size_t n, size_t which)
{
    size_t from, before, first = which;
    struct str whole = lists_sentence(lists, text, findings[which].at, &from);
    while (first > 0 && findings[first - 1].at >= from) {
        first--;
    }
    struct sentence s = {.from = from, .to = from + whole.n};
    s.next = read_next(lists, whole, findings[which].at - from);
    s.facts = link_read_facts(lists, whole, from, findings[which].at, findings + first, n - first);
    bool asks = s.to < text.n && text.p[s.to] == '?';
    bool third = s.facts.lists >> LIST_THIRD & 1 || (!asks && lists_opens(lists, whole));
    if (third && !s.facts.name && !s.facts.given && from > 2) {
        whole = lists_sentence(lists, text, from - 2, &before);
        struct list_facts f = lists_facts(lists, whole, whole, whole.n);
        s.named_before = f.name;
        s.facts.given |= f.given;
    }
    return s;
}

/* "Seen today: Mrs Parry. Pneumonia confirmed." Only in the same paragraph. */
static bool name_beside(const struct lists *lists, struct str text, const struct sentence *s)
{
    enum { FAR = 120 };
    size_t from, after = s->to + 1;
    if (s->from > 2 && text.p[s->from - 1] != '\n') {
        struct str before = lists_sentence(lists, text, s->from - 2, &from);
        before = str_slice(before, before.n > FAR ? before.n - FAR : 0, before.n);
        if (lists_facts(lists, before, before, before.n).name) {
            return true;
        }
    }
    if (after + 1 >= text.n || text.p[s->to] == '\n') {
        return false;
    }
    struct str behind = lists_sentence(lists, text, after + 1, &from);
    behind = str_slice(behind, 0, behind.n < FAR ? behind.n : FAR);
    return lists_facts(lists, behind, behind, behind.n).name;
}

/* Somebody, findings and words of a note stand in the octets from `from` to `to`, and nothing
 * else. */
static bool is_note(const struct link_rule *r, const struct lists *lists, struct str text,
                    size_t from, size_t to, const struct detect_finding *findings, size_t n,
                    size_t which)
{
    enum { LONGEST = 120 };
    char names[LONGEST];
    size_t first = which;
    if (to - from > LONGEST) {
        return false;
    }
    while (first > 0 && findings[first - 1].at >= from) {
        first--;
    }
    struct str line = str_slice(text, from, to);
    memcpy(names, line.p, line.n);
    cross_out(names, from, to, findings + first, n - first, r->about);
    struct list_facts f =
        lists_facts(lists, line, str_from(names, line.n), findings[which].at - from);
    return f.name && f.others == 0;
}

/* A line of a list or table, or a sentence: "09:30 Mr Baker, diabetes". What it says counts
 * whatever stands around it. */
static bool link_is_noted(const struct link_rule *r, const struct sentence *s,
                          const struct lists *lists, struct str text,
                          const struct detect_finding *findings, size_t n, size_t which)
{
    size_t at = findings[which].at, from = at,
           to = str_find(str_slice(text, 0, s->to > at ? s->to : at), '\n', at);
    while (from > s->from && text.p[from - 1] != '\n') {
        from--;
    }
    bool line = (from == 0 || from > s->from || text.p[from - 1] == '\n') &&
                is_note(r, lists, text, from, to, findings, n, which);
    return line || is_note(r, lists, text, s->from, s->to, findings, n, which);
}

static bool link_who_is_there(const struct link_rule *r, const struct sentence *s,
                              const struct lists *lists, struct str text,
                              const struct detect_finding *findings, size_t n, size_t which)
{
    switch (r->who) {
    case WHO_BESIDE:
        return name_beside(lists, text, s);
    case WHO_NAME:
        return s->facts.name || s->named_before;
    case WHO_GIVEN:
        return s->facts.given;
    case WHO_UNKNOWN:
        return s->facts.unknown && s->facts.apart <= UNKNOWN_REACH;
    case WHO_DOCTOR:
        return s->facts.doctor;
    case WHO_NOTED:
        return link_is_noted(r, s, lists, text, findings, n, which);
    case WHO_GREETED:
        return s->facts.lists >> r->list & 1 && lists_greets(lists, text);
    case WHO_LIST:
        return s->facts.lists >> r->list & 1;
    case WHO_NEXT:
        return s->next >> r->list & 1;
    case WHO_TYPE:
        return type_near(r, findings, n, which);
    }
    return false;
}

static bool is_about(const struct link *link, const struct detect_type *t)
{
    for (size_t i = 0; i < link->n_rules; i++) {
        if (link->rules[i].about[t->index]) {
            return true;
        }
    }
    return false;
}

/* Another finding that is linked, in the same sentence. */
static bool has_several(const struct link *link, const struct sentence *s,
                        const struct detect_finding *findings, size_t n, size_t which)
{
    for (size_t i = which; i-- > 0 && findings[i].at >= s->from;) {
        if (findings[i].same != findings[which].same && is_about(link, findings[i].type)) {
            return true;
        }
    }
    for (size_t i = which + 1; i < n && findings[i].at < s->to; i++) {
        if (findings[i].same != findings[which].same && is_about(link, findings[i].type)) {
            return true;
        }
    }
    return false;
}

static bool adds(const struct link_add *add, const struct sentence *s)
{
    switch (add->where) {
    case ADD_SENTENCE:
        return s->facts.lists >> add->list & 1;
    case ADD_BETWEEN:
        return s->facts.between >> add->list & 1;
    case ADD_AROUND:
        return s->facts.around >> add->list & 1;
    case ADD_NEXT:
        return s->next >> add->list & 1;
    case ADD_CLOSE:
        return s->facts.apart <= add->list;
    }
    return false;
}

/* What the words of the sentence add, those around the finding and those up to the person. */
static int added(const struct link *link, const struct sentence *s)
{
    int sum = 0;
    for (size_t i = 0; i < link->n_adds; i++) {
        sum += adds(&link->adds[i], s) ? link->adds[i].score : 0;
    }
    return sum;
}

unsigned link_score(const struct link *link, const struct lists *lists, struct str text,
                    const struct detect_finding *findings, size_t n, size_t which,
                    bool *ret_labelled)
{
    const struct detect_finding *f = &findings[which];
    struct sentence s = {0};
    int best = -1;
    bool read = false, noted = false;
    *ret_labelled = false;
    if (link->institution >= 0 && word_is_capital(str_slice(text, f->at, f->at + f->n)) &&
        lists_goes_on(lists, text, f->at + f->n, (unsigned)link->institution)) {
        return 0;
    }
    for (size_t i = 0; i < link->n_rules; i++) {
        const struct link_rule *r = &link->rules[i];
        if (!r->about[f->type->index] || (int)r->score <= best) {
            continue;
        }
        if (!read) {
            s = read_sentence(link, lists, text, findings, n, which);
            read = true;
        }
        /* looking aside would be for nothing */
        if (r->who == WHO_BESIDE && r->score + added(link, &s) < DETECT_MEDIUM) {
            continue;
        }
        if (link_who_is_there(r, &s, lists, text, findings, n, which)) {
            best = r->score;
            noted = r->who == WHO_NOTED;
            *ret_labelled = noted || r->who == WHO_TYPE;
        }
    }
    if (best < 0) {
        return 0;
    }
    if (noted) {
        return (unsigned)best;
    }
    best += added(link, &s);
    best += link->several && has_several(link, &s, findings, n, which) ? link->several : 0;
    best = best < 0 ? 0 : best;
    return best < 100 ? (unsigned)best : 100;
}
