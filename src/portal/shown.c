/* SPDX-License-Identifier: Apache-2.0
 * shown.c: a message on its page (shown.h). Called by web, and by tests/mail.
 */
#include "portal/shown.h"
#include "mime/links.h"
#include "wire/date.h"

#include <stdio.h>

void shown_size(uint64_t octets, char *dst, size_t size)
{
    if (octets < 1024) {
        snprintf(dst, size, "%llu B", (unsigned long long)octets);
    } else if (octets < 1024 * 1024) {
        snprintf(dst, size, "%llu KB", (unsigned long long)(octets / 1024));
    } else {
        snprintf(dst, size, "%llu.%llu MB", (unsigned long long)(octets / 1048576),
                 (unsigned long long)(octets % 1048576 * 10 / 1048576));
    }
}

/* Text with its links: pieces, each a link or not. */
static void put_linked(struct data *d, const char *name, struct str text)
{
    struct str one;
    bool is_link, more = true;
    for (size_t links = 0; more; links += is_link) {
        more = links < LINKS_MAX ? links_next(&text, &one, &is_link) : text.n > 0;
        if (links == LINKS_MAX) {
            one = text;
            text = STR("");
            is_link = false;
        }
        struct data *piece = more ? data_item(d, name) : NULL;
        if (piece) {
            data_put(piece, "piece", one);
            data_flag(piece, "is-link", is_link);
        }
    }
}

/* Also where it is off: an item would have that of the one around it. */
static void put_own_flag(struct data *m, const char *name, bool on)
{
    data_put(m, name, STR(""));
    data_flag(m, name, on);
}

static void shown_put_part(struct data *m, const struct packed *p, size_t i)
{
    const struct packed_part *part = &p->parts[i];
    char size[32], sum[65];
    shown_size(part->size, size, sizeof size);
    for (size_t k = 0; k < 32; k++) {
        snprintf(sum + 2 * k, 3, "%02x", (unsigned char)part->sha256.p[k]);
    }
    data_number(m, "n", i + 1);
    data_put(m, "name", part->name);
    data_put(m, "type", part->type);
    data_c(m, "size", size);
    put_own_flag(m, "is-empty", part->size == 0);
    put_own_flag(m, "is-cut", part->is_cut);
    data_c(m, "sha256", sum);
}

/* Each attached message with what is inside it, however deep. */
static void put_parts(struct data *d, const struct packed *p)
{
    struct data *groups[VIEW_PARTS_MAX] = {NULL};
    size_t outermost[VIEW_PARTS_MAX];
    bool holds[VIEW_PARTS_MAX] = {false};
    for (size_t i = 0; i < p->n_parts; i++) {
        unsigned within = p->parts[i].within;
        outermost[i] = within ? outermost[within - 1] : i;
        struct data *group = groups[outermost[i]];
        struct data *m = !within ? data_item(d, "parts")
                         : group ? data_item(group, "inside")
                                 : NULL;
        groups[i] = m;
        holds[outermost[i]] = holds[outermost[i]] || within;
        if (m) {
            shown_put_part(m, p, i);
        }
    }
    for (size_t i = 0; i < p->n_parts; i++) {
        if (groups[i] && holds[i]) {
            data_flag(groups[i], "has-inside", true);
        }
    }
    data_flag(d, "has-parts", p->n_parts > 0);
    data_flag(d, "several", p->n_parts > 1);
}

/* A rule of repetition (calendar.h). */
struct rule {
    char kind;
    uint64_t interval, count, days, of_month, nth;
    bool is_last;
    struct str until;
};

static bool read_rule(struct str text, struct rule *r)
{
    struct str words[7] = {STR("")};
    size_t n = 0;
    while (n < ARRAY_LEN(words) && str_split(&text, ' ', &words[n])) {
        n++;
    }
    r->is_last = str_eq(words[6], STR("-1"));
    bool numbers = str_to_u64(words[1], 9999, &r->interval) == 0 &&
                   str_to_u64(words[2], 9999, &r->count) == 0 &&
                   str_to_u64(words[4], 127, &r->days) == 0 &&
                   str_to_u64(words[5], 31, &r->of_month) == 0 &&
                   (r->is_last || str_to_u64(words[6], 4, &r->nth) == 0);
    r->kind = words[0].n == 1 ? words[0].p[0] : '\0';
    r->until = words[3];
    return n == ARRAY_LEN(words) && numbers && r->kind;
}

/* The same as flags and numbers for the texts of a language. */
static void shown_put_rule(struct data *m, struct str text)
{
    static const char *const flags[] = {
        "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
    };
    static const char *const which[] = {
        "is-on-days", "is-first", "is-second", "is-third", "is-fourth",
    };
    struct rule r = {.kind = '\0'};
    bool known = read_rule(text, &r);
    data_flag(m, "repeats-somehow", !known);
    if (!known) {
        return;
    }
    static const char *const kinds[] = {"is-daily", "is-weekly", "is-monthly", "is-yearly"};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        data_flag(m, kinds[i], r.kind == "dwmy"[i]);
    }
    data_flag(m, "each", r.interval == 1);
    data_number(m, "interval", r.interval);
    for (size_t i = 0, n = 0; i < ARRAY_LEN(flags); i++) {
        struct data *day = r.days & (1U << i) ? data_item(m, "on-days") : NULL;
        if (day) {
            data_flag(day, flags[i], true);
            data_flag(day, "is-more", n++ > 0);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(which); i++) {
        data_flag(m, which[i], !r.is_last && r.nth == i && (i > 0 || r.days != 0));
    }
    data_flag(m, "is-last", r.is_last);
    data_flag(m, "is-on-day", r.of_month > 0);
    data_number(m, "of-month", r.of_month);
    data_flag(m, "is-counted", r.count > 0);
    data_number(m, "count", r.count);
    data_flag(m, "is-until", !str_eq(r.until, STR("-")));
    data_put(m, "last-day", r.until);
}

/* begin end begin-utc end-utc zone */
static void shown_put_times(struct data *m, struct str times)
{
    static const char *const names[] = {"begin", "end", "begin-utc", "end-utc", "zone"};
    struct str one;
    for (size_t i = 0; i < ARRAY_LEN(names) && str_split(&times, ' ', &one); i++) {
        data_put(m, names[i], str_eq(one, STR("-")) ? STR("") : one);
    }
}

static void shown_put_events(struct data *d, const struct packed *p)
{
    /* clang-format off */
    static const char *const kinds[] = {
        [EVENT_ENTRY] = "is-entry",
        [EVENT_INVITATION] = "is-invitation",
        [EVENT_CANCELLED] = "is-cancelled",
        [EVENT_ANSWER] = "is-reply",
        [EVENT_ACCEPTED] = "is-accepted",
        [EVENT_DECLINED] = "is-declined",
    };
    /* clang-format on */
    for (size_t i = 0; i < p->n_events; i++) {
        const struct packed_event *e = &p->events[i];
        struct data *m = data_item(d, "events");
        if (!m) {
            return;
        }
        for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
            data_flag(m, kinds[k], k == e->kind);
        }
        data_flag(m, "answers", e->kind >= EVENT_ANSWER);
        data_flag(m, "repeats", e->repeats);
        data_put(m, "what", e->what);
        data_put(m, "when", e->when);
        data_put(m, "where", e->where);
        data_put(m, "organizer", e->organizer);
        data_put(m, "people", e->people);
        put_linked(m, "where-pieces", e->where);
        data_put(m, "event-url", e->url);
        put_linked(m, "event-url-pieces", e->url);
        data_put(m, "about", e->about);
        put_linked(m, "about-pieces", e->about);
        shown_put_times(m, e->times);
        if (e->repeats) {
            shown_put_rule(m, e->rule);
        }
    }
}

/* For the words of a language, and for the reader's own clock. */
static void put_date(struct data *d, struct str value)
{
    struct date_said said;
    char text[DATE_MAX];
    data_put(d, "date", value);
    if (!date_read(value, &said)) {
        return;
    }
    data_number(d, "date-day", (uint64_t)said.day);
    data_number(d, "date-year", (uint64_t)said.year);
    snprintf(text, sizeof text, "month-%d", said.month);
    data_flag(d, text, true);
    snprintf(text, sizeof text, "%02d:%02d", said.hour, said.minute);
    data_c(d, "date-time", text);
    date_zone(&said, text);
    data_c(d, "date-zone", text);
    snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d", said.year, said.month, said.day,
             said.hour, said.minute);
    data_c(d, "date-local", text);
    if (said.is_known) {
        date_iso(said.wall_ms, text);
        data_c(d, "date-utc", text);
    }
}

static bool has_many(const struct packed *p)
{
    size_t at = 0;
    for (size_t i = 0; i < p->to.n; i++) {
        at += p->to.p[i] == '@';
    }
    return at > 1 || p->cc.n > 0;
}

void shown_put(const struct packed *p, bool as_text, struct data *d)
{
    data_put(d, "subject", p->subject);
    data_put(d, "from", p->from);
    data_put(d, "to", p->to);
    data_put(d, "cc", p->cc);
    put_date(d, p->date);
    data_flag(d, "many", has_many(p));
    data_flag(d, "cut", p->cut);
    data_flag(d, "incomplete", p->incomplete);
    data_flag(d, "encrypted", p->encrypted);
    data_flag(d, "pgp", p->pgp);
    data_flag(d, "smime", p->smime);
    data_flag(d, "elsewhere", p->elsewhere);
    /* why nothing is seen: it may have a text */
    bool said = p->cut || p->incomplete || p->encrypted || p->pgp || p->smime || p->elsewhere;
    data_flag(d, "is-blank", p->blank && !said);
    data_flag(d, "remote", p->remote);
    data_flag(d, "has-html", p->html.n > 0);
    bool html = p->html.n > 0 && !as_text;
    data_flag(d, "show-html", html);
    if (!html) {
        data_put(d, "text", p->text);
        put_linked(d, "text-pieces", p->text);
    }
    put_parts(d, p);
    shown_put_events(d, p);
}
