/* SPDX-License-Identifier: Apache-2.0
 * entry.c: writing and reading the entries of the journal, both by the fields of their records.
 * Pure.
 */
#include "store/entry.h"
#include "store/records.h"

enum {
    NUMBER_MAX = 10, /* octets of the largest number */
    DONE = 0x40      /* in the octet of the kind */
};

/* The kinds, and those of older versions, which are read as these: their fields were fewer, and
 * not counted. */
static const struct kind {
    enum entry_kind kind; /* 0: there is none of that number */
    size_t older;         /* so many fields, of an older version; 0: their number is written */
} kinds[] = {
    [1] = {ENTRY_MESSAGE, 23},
    [2] = {ENTRY_RCPT, 18},
    [3] = {ENTRY_BOUNCED, 18},
    [4] = {ENTRY_OUTCOME, 18},
    [5] = {ENTRY_DECIDED, 18},
    [6] = {ENTRY_ATTEMPT, 31},
    [7] = {ENTRY_INSPECTED, 3},
    [9] = {ENTRY_MESSAGE, 24},
    [10] = {ENTRY_MESSAGE, 25},
    [ENTRY_RELEASE] = {ENTRY_RELEASE, 0},
    [ENTRY_MESSAGE] = {ENTRY_MESSAGE, 0},
    [ENTRY_RCPT] = {ENTRY_RCPT, 0},
    [ENTRY_BOUNCED] = {ENTRY_BOUNCED, 0},
    [ENTRY_OUTCOME] = {ENTRY_OUTCOME, 0},
    [ENTRY_DECIDED] = {ENTRY_DECIDED, 0},
    [ENTRY_ATTEMPT] = {ENTRY_ATTEMPT, 0},
    [ENTRY_INSPECTED] = {ENTRY_INSPECTED, 0},
};

#define COUNT_FIELD(kind, name, most) +1
enum {
    MESSAGE_FIELDS = 0 RECORD_message(COUNT_FIELD),
    RCPT_FIELDS = 0 RECORD_rcpt(COUNT_FIELD),
    ATTEMPT_FIELDS = 0 RECORD_attempt(COUNT_FIELD),
    INSPECTED_FIELDS = 0 RECORD_inspection(COUNT_FIELD),
};

struct shape {
    const struct record *record;
    size_t n; /* its fields in the journal */
    void *in; /* where it is in the entry */
};

/* NULL record: the entry has an id only. */
static struct shape shape_of(const struct entry *e)
{
    struct entry *at = (struct entry *)(uintptr_t)e;
    switch (e->kind) {
    case ENTRY_MESSAGE:
        return (struct shape){store_record_message(), MESSAGE_FIELDS, &at->message};
    case ENTRY_RCPT:
    case ENTRY_BOUNCED:
    case ENTRY_OUTCOME:
    case ENTRY_DECIDED:
        return (struct shape){store_record_rcpt(), RCPT_FIELDS, &at->rcpt};
    case ENTRY_ATTEMPT:
        return (struct shape){store_record_attempt(), ATTEMPT_FIELDS, &at->attempt};
    case ENTRY_INSPECTED:
        return (struct shape){store_record_inspection(), INSPECTED_FIELDS, &at->inspected};
    case ENTRY_RELEASE:
        break;
    }
    return (struct shape){0};
}

/* --- writing ------------------------------------------------------------ */

static int entry_put_number(struct buf *b, uint64_t value)
{
    char octets[NUMBER_MAX];
    size_t n = 0;
    do {
        octets[n++] = (char)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        value >>= 7;
    } while (value > 0);
    return buf_append(b, octets, n);
}

static int entry_put_str(struct buf *b, struct str s)
{
    int r = entry_put_number(b, s.n);
    return r < 0 ? r : buf_add(b, s);
}

static int entry_put_fields(struct buf *b, const struct entry *e)
{
    const struct shape shape = shape_of(e);
    if (!shape.record) {
        return entry_put_number(b, e->id);
    }
    int r = entry_put_number(b, shape.n);
    if (r == 0 && e->kind == ENTRY_MESSAGE) {
        r = entry_put_number(b, e->body_at);
        r = r < 0 ? r : entry_put_number(b, e->body_n);
    }
    for (size_t i = 0; r == 0 && i < shape.n; i++) {
        const struct record_field *f = &shape.record->fields[i];
        r = record_is_text(f) ? entry_put_str(b, *record_str(f, shape.in))
                              : entry_put_number(b, record_number(f, shape.in));
    }
    return r;
}

int entry_write(struct buf *b, const struct entry *e)
{
    size_t before = buf_len(b);
    int r = entry_put_number(b, e->kind);
    r = r < 0 ? r : entry_put_fields(b, e);
    if (r < 0) {
        buf_cut(b, buf_len(b) - before);
    }
    return r;
}

/* --- reading ------------------------------------------------------------ */

static int entry_take_number(struct str *rest, uint64_t *ret)
{
    *ret = 0;
    for (unsigned i = 0; i < NUMBER_MAX && rest->n > 0; i++) {
        unsigned char octet = (unsigned char)rest->p[0];
        *rest = str_slice(*rest, 1, rest->n);
        *ret |= (uint64_t)(octet & 0x7f) << (7 * i);
        if (octet < 0x80) {
            return 0;
        }
    }
    return -EBADMSG;
}

static int take_str(struct str *rest, struct str *ret)
{
    uint64_t n;
    int r = entry_take_number(rest, &n);
    if (r < 0 || n > rest->n) {
        return -EBADMSG;
    }
    *ret = str_slice(*rest, 0, n);
    *rest = str_slice(*rest, n, rest->n);
    return 0;
}

/* n: how many there are; 0: as it says itself. */
static int take_fields(struct str *rest, struct entry *e, uint64_t n)
{
    const struct shape shape = shape_of(e);
    if (!shape.record) {
        return entry_take_number(rest, &e->id);
    }
    int r = n == 0 ? entry_take_number(rest, &n) : 0;
    if (r == 0 && e->kind == ENTRY_MESSAGE) {
        r = entry_take_number(rest, &e->body_at);
        r = r < 0 ? r : entry_take_number(rest, &e->body_n);
    }
    if (r < 0 || n > shape.n) {
        return -EBADMSG;
    }
    for (size_t i = 0; r == 0 && i < shape.n; i++) {
        const struct record_field *f = &shape.record->fields[i];
        uint64_t number = 0;
        if (record_is_text(f)) {
            *record_str(f, shape.in) = STR("");
            r = i < n ? take_str(rest, record_str(f, shape.in)) : 0;
            continue;
        }
        r = i < n ? entry_take_number(rest, &number) : 0;
        record_set_number(f, shape.in, number);
    }
    return r;
}

int entry_read(struct str *rest, struct entry *ret)
{
    uint64_t number;
    if (rest->n == 0) {
        return 0;
    }
    if (entry_take_number(rest, &number) < 0) {
        return -EBADMSG;
    }
    bool is_done = (number & DONE) != 0;
    number &= ~(uint64_t)DONE;
    if (number >= ARRAY_LEN(kinds) || kinds[number].kind == 0) {
        return -EBADMSG;
    }
    *ret = (struct entry){.kind = kinds[number].kind, .is_done = is_done};
    int r = take_fields(rest, ret, kinds[number].older);
    return r < 0 ? r : 1;
}

void entry_mark_done(struct str octets)
{
    *(char *)(uintptr_t)octets.p |= DONE;
}
