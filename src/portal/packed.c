/* SPDX-License-Identifier: Apache-2.0
 * packed.c: fields one after the other, each a letter, its length (4 octets, the least first)
 * and its octets; a part has its numbers before its name and type; the places of a file inside
 * another follow the first before them. Called by inspect (writing) and web (reading).
 */
#include "portal/packed.h"

enum { HEAD = 5, PART_NUMBERS = 8 * 3 + 1 + 32 + 2, PLACE_NUMBERS = 8 * 2 + 1, ABOUT = 2 };
_Static_assert(VIEW_PARTS_MAX < 256, "a part's number is one octet");

static void packed_put_number(unsigned char *p, uint64_t v, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        p[i] = (unsigned char)(v >> 8 * i);
    }
}

static uint64_t packed_number(const char *p, unsigned n)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < n; i++) {
        v |= (uint64_t)(unsigned char)p[i] << 8 * i;
    }
    return v;
}

static int packed_put(struct buf *out, char letter, struct str value)
{
    unsigned char head[HEAD] = {(unsigned char)letter};
    packed_put_number(head + 1, value.n, 4);
    int r = buf_append(out, head, sizeof head);
    return r < 0 ? r : buf_add(out, value);
}

/* 'p' for a part of the message; 'q' for one inside another, with the number of its further
 * places. */
static int packed_put_part(struct buf *out, const struct view_part *p)
{
    unsigned char numbers[PART_NUMBERS], places[1 + (NESTED_MAX - 1) * PLACE_NUMBERS];
    struct buf one = BUF_INIT(2 * VIEW_FIELD_MAX + PART_NUMBERS + sizeof places);
    size_t name = strlen(p->name);
    packed_put_number(numbers, p->at, 8);
    packed_put_number(numbers + 8, p->octets, 8);
    packed_put_number(numbers + 16, p->size, 8);
    numbers[24] = (unsigned char)p->encoding;
    memcpy(numbers + 25, p->sha256, 32);
    packed_put_number(numbers + 57, name, 2);
    places[0] = (unsigned char)p->n_inner;
    for (unsigned i = 0; i < p->n_inner; i++) {
        unsigned char *to = places + 1 + i * PLACE_NUMBERS;
        packed_put_number(to, p->inner[i].at, 8);
        packed_put_number(to + 8, p->inner[i].octets, 8);
        to[16] = (unsigned char)p->inner[i].encoding;
    }
    int r = buf_append(&one, numbers, sizeof numbers);
    r = r < 0 || p->n_inner == 0 ? r : buf_append(&one, places, 1 + p->n_inner * PLACE_NUMBERS);
    r = r < 0 ? r : buf_append(&one, p->name, name);
    r = r < 0 ? r : buf_add(&one, str_c(p->type));
    r = r < 0 ? r : packed_put(out, p->n_inner > 0 ? 'q' : 'p', buf_str(&one));
    buf_free(&one);
    char about[ABOUT] = {(char)p->is_cut, (char)p->within};
    return r < 0 || (!p->is_cut && !p->within)
               ? r
               : packed_put(out, 'a', str_from(about, sizeof about));
}

/* A digit for the kind, one for "repeats", and its texts, a line each; the last may have
 * several. */
static int put_event(struct buf *out, const struct view_event *e)
{
    struct buf one = BUF_INIT(sizeof *e + 16);
    int r = buf_printf(&one, "%d%d%s\n%s\n%s\n%s\n%s\n%s\n%s\n%s\n%s", (int)e->kind, e->repeats,
                       e->what, e->when, e->where, e->organizer, e->people, e->times, e->rule,
                       e->url, e->about);
    r = r < 0 ? r : packed_put(out, 'e', buf_str(&one));
    buf_free(&one);
    return r;
}

int packed_write(const struct view *v, struct buf *out)
{
    const struct {
        char letter;
        struct str value;
    } fields[] = {
        {'f', str_c(v->from)},
        {'n', str_c(v->from_name)},
        {'t', str_c(v->to)},
        {'c', str_c(v->cc)},
        {'s', str_c(v->subject)},
        {'d', str_c(v->date)},
        {'i', str_c(v->message_id)},
        {'r', str_c(v->references)},
        {'x', buf_str(&v->text)},
        {'h', buf_str(&v->html)},
        {'!', str_c(v->cut ? "1" : "")},
        {'I', str_c(v->incomplete ? "1" : "")},
        {'R', str_c(v->remote ? "1" : "")},
        {'G', str_c(v->pgp ? "1" : "")},
        {'S', str_c(v->smime ? "1" : "")},
        {'P', str_c(v->elsewhere ? "1" : "")},
        {'B', str_c(v->blank ? "1" : "")},
    };
    int r = 0;
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(fields); i++) {
        r = fields[i].value.n > 0 ? packed_put(out, fields[i].letter, fields[i].value) : 0;
    }
    for (size_t i = 0; r == 0 && i < v->n_parts; i++) {
        r = packed_put_part(out, &v->parts[i]);
    }
    for (size_t i = 0; r == 0 && i < v->n_events; i++) {
        r = put_event(out, &v->events[i]);
    }
    return r;
}

static bool is_place(const struct nested_place *p)
{
    return p->encoding < TRANSFER_WORD && p->octets > 0 && p->at + p->octets >= p->at;
}

/* The places behind the first, at the front of *rest. */
static int read_places(struct str *rest, struct packed_part *p)
{
    unsigned n = rest->n > 0 ? (unsigned char)rest->p[0] : 0;
    if (n == 0 || n >= NESTED_MAX || rest->n < 1 + n * PLACE_NUMBERS) {
        return -EBADMSG;
    }
    for (unsigned i = 0; i < n; i++) {
        const char *from = rest->p + 1 + i * PLACE_NUMBERS;
        struct nested_place *one = &p->places[p->n_places++];
        *one = (struct nested_place){packed_number(from, 8), packed_number(from + 8, 8),
                                     (enum transfer)(unsigned char)from[16]};
        if (!is_place(one)) {
            return -EBADMSG;
        }
    }
    *rest = str_slice(*rest, 1 + n * PLACE_NUMBERS, rest->n);
    return 0;
}

static int packed_read_part(struct str v, bool is_inside, struct packed *ret)
{
    if (v.n < PART_NUMBERS || ret->n_parts == VIEW_PARTS_MAX) {
        return -EBADMSG;
    }
    struct packed_part *p = &ret->parts[ret->n_parts++];
    size_t name = (size_t)packed_number(v.p + 57, 2);
    *p = (struct packed_part){
        .places = {{packed_number(v.p, 8), packed_number(v.p + 8, 8),
                    (enum transfer)(unsigned char)v.p[24]}},
        .n_places = 1,
        .size = packed_number(v.p + 16, 8),
        .sha256 = str_slice(v, 25, 57),
    };
    struct str rest = str_slice(v, PART_NUMBERS, v.n);
    bool is_empty = p->size == 0 && p->places[0].octets == 0 && !is_inside;
    if ((!is_empty && !is_place(&p->places[0])) || (is_inside && read_places(&rest, p) < 0) ||
        name > rest.n) {
        return -EBADMSG;
    }
    p->name = str_slice(rest, 0, name);
    p->type = str_slice(rest, name, rest.n);
    return 0;
}

/* 'a', behind its part: whether it is cut, and the attached message around it. */
static int read_about(struct str v, struct packed *ret)
{
    unsigned within = v.n == ABOUT ? (unsigned char)v.p[1] : 0;
    if (v.n != ABOUT || ret->n_parts == 0 || within >= ret->n_parts) {
        return -EBADMSG;
    }
    ret->parts[ret->n_parts - 1].is_cut = v.p[0];
    ret->parts[ret->n_parts - 1].within = within;
    return 0;
}

/* 'v' and 'w' are of views made before there was more to say. */
static int packed_read_event(char letter, struct str v, struct packed *ret)
{
    int kind = v.n > 2 ? v.p[0] - '0' : -1;
    if (kind < 0 || kind >= EVENT_KIND_END || ret->n_events == VIEW_EVENTS_MAX) {
        return -EBADMSG;
    }
    struct packed_event *e = &ret->events[ret->n_events++];
    struct str *const lines[] = {
        &e->what, &e->when, &e->where, &e->organizer, &e->people, &e->times, &e->rule, &e->url,
    };
    size_t n = letter == 'v' ? 4 : letter == 'w' ? 7 : ARRAY_LEN(lines);
    *e = (struct packed_event){.kind = (enum event_kind)kind, .repeats = v.p[1] == '1'};
    v = str_slice(v, 2, v.n);
    for (size_t i = 0; i < n; i++) {
        size_t end = str_find(v, '\n', 0);
        *lines[i] = str_slice(v, 0, end);
        v = str_slice(v, end < v.n ? end + 1 : end, v.n);
    }
    e->about = v;
    return 0;
}

int packed_read(struct str octets, struct packed *ret)
{
    *ret = (struct packed){.from = STR("")};
    while (octets.n > 0) {
        uint64_t n = octets.n >= HEAD ? packed_number(octets.p + 1, 4) : UINT64_MAX;
        if (octets.n < HEAD || n > octets.n - HEAD) {
            return -EBADMSG;
        }
        char letter = octets.p[0];
        struct str v = str_slice(octets, HEAD, HEAD + (size_t)n);
        struct str *to = letter == 'f'   ? &ret->from
                         : letter == 'n' ? &ret->from_name
                         : letter == 't' ? &ret->to
                         : letter == 'c' ? &ret->cc
                         : letter == 's' ? &ret->subject
                         : letter == 'd' ? &ret->date
                         : letter == 'i' ? &ret->message_id
                         : letter == 'r' ? &ret->references
                         : letter == 'x' ? &ret->text
                         : letter == 'h' ? &ret->html
                                         : NULL;
        bool *flag = letter == '!'   ? &ret->cut
                     : letter == 'I' ? &ret->incomplete
                     : letter == 'R' ? &ret->remote
                     : letter == 'E' ? &ret->encrypted
                     : letter == 'G' ? &ret->pgp
                     : letter == 'S' ? &ret->smime
                     : letter == 'P' ? &ret->elsewhere
                     : letter == 'B' ? &ret->blank
                                     : NULL;
        if (to) {
            *to = v;
        } else if (flag) {
            *flag = true;
        } else if ((letter == 'v' || letter == 'w' || letter == 'e') &&
                   packed_read_event(letter, v, ret) == 0) {
        } else if (letter == 'a' && read_about(v, ret) == 0) {
        } else if ((letter != 'p' && letter != 'q') ||
                   packed_read_part(v, letter == 'q', ret) < 0) {
            return -EBADMSG;
        }
        octets = str_slice(octets, HEAD + (size_t)n, octets.n);
    }
    return 0;
}
