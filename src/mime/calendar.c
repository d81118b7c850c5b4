/* SPDX-License-Identifier: Apache-2.0
 * calendar.c: content lines, and what of an event is shown (calendar.h).
 *
 * Times stay as they are said, with the name of their zone: a browser's reader knows their own clock,
 * and we do not know theirs.
 */
#include "mime/calendar.h"
#include "mime/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { LINES_MAX = 50000, LINE_MAX_OCTETS = 16 * 1024, STAMP = 16, NEST_MAX = 30 };

/* One content line: NAME;PARAMETER=VALUE:VALUE (RFC 5545 3.1), views of it. */
struct line {
    struct str name, parameters, value;
};

/* A moment as it is written: 20261112T143000Z. */
struct moment {
    bool there, whole_day, utc;
    struct tm at;
    char zone[80];
};

struct under_way {
    struct view_event *event;
    struct moment start, end;
    int64_t lasts; /* seconds; 0: not said */
};

/* --- lines ------------------------------------------------------------------------------------ */

static struct str take_line(struct str *rest)
{
    size_t end = str_find(*rest, '\n', 0);
    struct str line = str_slice(*rest, 0, end);
    *rest = str_slice(*rest, end < rest->n ? end + 1 : end, rest->n);
    line.n -= line.n > 0 && line.p[line.n - 1] == '\r';
    return line;
}

int calendar_unfold(struct str octets, struct buf *out)
{
    int r = 0;
    while (r == 0 && octets.n > 0) {
        struct str line = take_line(&octets);
        r = buf_add(out, line);
        while (r == 0 && octets.n > 0 && (octets.p[0] == ' ' || octets.p[0] == '\t')) {
            line = take_line(&octets);
            r = buf_add(out, str_slice(line, 1, line.n));
        }
        r = r < 0 ? r : buf_add(out, STR("\n"));
    }
    return r;
}

static struct line split(struct str s)
{
    size_t name = 0, colon = 0;
    bool quoted = false;
    while (name < s.n && s.p[name] != ';' && s.p[name] != ':') {
        name++;
    }
    for (colon = name; colon < s.n && (quoted || s.p[colon] != ':'); colon++) {
        quoted ^= s.p[colon] == '"';
    }
    return (struct line){
        .name = str_slice(s, 0, name),
        .parameters = str_slice(s, name, colon),
        .value = str_slice(s, colon < s.n ? colon + 1 : colon, s.n),
    };
}

/* ;TZID="Europe/Berlin": without its quotes; empty: it is not there. */
static struct str parameter(struct str all, struct str name)
{
    while (all.n > 0) {
        size_t end = 1;
        for (bool quoted = false; end < all.n && (quoted || all.p[end] != ';'); end++) {
            quoted ^= all.p[end] == '"';
        }
        struct str one = str_slice(all, 1, end);
        size_t equals = str_find(one, '=', 0);
        if (equals < one.n && str_eq_nocase(str_slice(one, 0, equals), name)) {
            struct str value = str_slice(one, equals + 1, one.n);
            bool quoted = value.n > 1 && value.p[0] == '"' && value.p[value.n - 1] == '"';
            return quoted ? str_slice(value, 1, value.n - 1) : value;
        }
        all = str_slice(all, end, all.n);
    }
    return STR("");
}

/* --- texts ------------------------------------------------------------------------------------ */

/* Not inside a character. */
static void copy_whole(struct str s, char *dst, size_t size)
{
    size_t n = s.n < size ? s.n : size - 1;
    while (n > 0 && n < s.n && ((unsigned char)s.p[n] & 0xc0) == 0x80) {
        n--;
    }
    str_copy_cut(str_slice(s, 0, n), dst, size);
}

/* TEXT (RFC 5545 3.3.11): \n, \, \; and \\. Line ends stay where there may be several lines. */
static void put_text(struct str raw, bool lines, char *dst, size_t size)
{
    struct buf plain = BUF_INIT(LINE_MAX_OCTETS);
    for (size_t i = 0; i < raw.n; i++) {
        char c = raw.p[i];
        if (c == '\\' && i + 1 < raw.n) {
            c = raw.p[++i];
            c = c == 'n' || c == 'N' ? '\n' : c;
        }
        bool kept = (unsigned char)c >= ' ' && c != 0x7f;
        c = kept || (c == '\n' && lines) ? c : ' ';
        (void)!buf_append(&plain, &c, 1);
    }
    char *clean = lines ? NULL : tree_clean_name(buf_str(&plain));
    copy_whole(lines ? str_trim(buf_str(&plain)) : str_c(clean), dst, size);
    free(clean);
    buf_free(&plain);
}

/* ORGANIZER;CN="Ada":mailto:ada@in.test */
static void put_person(const struct line *l, char *dst, size_t size)
{
    struct buf whole = BUF_INIT(2 * LINE_MAX_OCTETS);
    struct str name = parameter(l->parameters, STR("CN")), address = l->value;
    bool mail = str_starts_nocase(address, STR("mailto:"));
    address = mail ? str_slice(address, 7, address.n) : address;
    bool both = name.n > 0 && !str_eq_nocase(name, address);
    if (both) {
        (void)!buf_printf(&whole, STR_FMT " <" STR_FMT ">", STR_ARG(name), STR_ARG(address));
    } else {
        (void)!buf_add(&whole, address);
    }
    char *clean = tree_clean_name(buf_str(&whole));
    copy_whole(str_c(clean), dst, size);
    free(clean);
    buf_free(&whole);
}

/* --- times ------------------------------------------------------------------------------------ */

static bool digits(struct str s, size_t at, size_t n, int *ret)
{
    *ret = 0;
    for (size_t i = at; i < at + n; i++) {
        if (i >= s.n || s.p[i] < '0' || s.p[i] > '9') {
            return false;
        }
        *ret = 10 * *ret + (s.p[i] - '0');
    }
    return true;
}

static void shift(struct moment *m, int64_t seconds)
{
    time_t at = timegm(&m->at) + (time_t)seconds;
    (void)gmtime_r(&at, &m->at);
}

static void read_moment(const struct line *l, struct moment *ret)
{
    struct str v = str_trim(l->value);
    int year, month;
    *ret = (struct moment){.at = {.tm_sec = 0}};
    bool date = digits(v, 0, 4, &year) && digits(v, 4, 2, &month) && digits(v, 6, 2, &ret->at.tm_mday) && year > 1600;
    bool hour = v.n >= 13 && v.p[8] == 'T' && digits(v, 9, 2, &ret->at.tm_hour) && digits(v, 11, 2, &ret->at.tm_min);
    if (!date || month < 1 || month > 12 || ret->at.tm_mday < 1 || ret->at.tm_mday > 31) {
        return;
    }
    ret->at.tm_year = year - 1900;
    ret->at.tm_mon = month - 1;
    ret->there = hour || v.n == 8;
    ret->whole_day = !hour;
    ret->utc = v.p[v.n - 1] == 'Z';
    put_text(parameter(l->parameters, STR("TZID")), false, ret->zone, sizeof ret->zone);
    shift(ret, 0); /* no hour 99 */
}

/* P1W, P1DT2H30M (RFC 5545 3.3.6) in seconds; 0 where it is none that counts. */
static int64_t read_duration(struct str v)
{
    int64_t seconds = 0, number = 0;
    for (size_t i = 0; i < v.n && i < STAMP && number < 100000; i++) {
        char c = v.p[i];
        int64_t unit = c == 'W' ? 604800 : c == 'D' ? 86400 : c == 'H' ? 3600 : c == 'M' ? 60 : c == 'S';
        number = c >= '0' && c <= '9' ? 10 * number + (c - '0') : number;
        seconds += unit * number;
        number = unit ? 0 : number;
    }
    return v.n > 0 && v.p[0] == 'P' ? seconds : 0;
}

/* 2026-11-12, 14:30 to 15:30 (Europe/Berlin): the same in every language. */
static void put_when(struct under_way *u)
{
    char begin[40] = "", end[40] = "";
    if (!u->start.there) {
        return;
    }
    bool has_end = u->end.there || u->lasts > 0;
    if (!u->end.there) {
        u->end = u->start;
        shift(&u->end, u->lasts);
    }
    if (u->start.whole_day && has_end) {
        shift(&u->end, -86400); /* the day behind the last one is said */
    }
    struct tm *a = &u->start.at, *b = &u->end.at;
    bool same_day = a->tm_year == b->tm_year && a->tm_mon == b->tm_mon && a->tm_mday == b->tm_mday;
    (void)!strftime(begin, sizeof begin, u->start.whole_day ? "%Y-%m-%d" : "%Y-%m-%d, %H:%M", a);
    (void)!strftime(end, sizeof end, u->start.whole_day ? "%Y-%m-%d" : same_day ? "%H:%M" : "%Y-%m-%d, %H:%M", b);
    has_end = has_end && timegm(b) > timegm(a);
    const char *zone = u->start.utc ? "UTC" : u->start.zone;
    snprintf(u->event->when, sizeof u->event->when, "%s%s%s%s%s%s", begin, has_end ? " \xe2\x80\x93 " : "",
             has_end ? end : "", *zone ? " (" : "", zone, *zone ? ")" : "");
}

/* --- events ----------------------------------------------------------------------------------- */

static void read_property(struct under_way *u, const struct line *l)
{
    struct view_event *e = u->event;
    if (str_eq_nocase(l->name, STR("SUMMARY"))) {
        put_text(l->value, false, e->what, sizeof e->what);
    } else if (str_eq_nocase(l->name, STR("LOCATION"))) {
        put_text(l->value, false, e->where, sizeof e->where);
    } else if (str_eq_nocase(l->name, STR("DESCRIPTION"))) {
        put_text(l->value, true, e->about, sizeof e->about);
    } else if (str_eq_nocase(l->name, STR("ORGANIZER"))) {
        put_person(l, e->organizer, sizeof e->organizer);
    } else if (str_eq_nocase(l->name, STR("DTSTART"))) {
        read_moment(l, &u->start);
    } else if (str_eq_nocase(l->name, STR("DTEND"))) {
        read_moment(l, &u->end);
    } else if (str_eq_nocase(l->name, STR("DURATION"))) {
        u->lasts = read_duration(str_trim(l->value));
    }
    e->repeats |= str_eq_nocase(l->name, STR("RRULE")) || str_eq_nocase(l->name, STR("RDATE"));
    if (str_eq_nocase(l->name, STR("STATUS")) && str_eq_nocase(str_trim(l->value), STR("CANCELLED"))) {
        e->kind = EVENT_CANCELLED;
    } else if (str_eq_nocase(l->name, STR("ATTENDEE")) && e->kind == EVENT_ANSWER) {
        struct str said = parameter(l->parameters, STR("PARTSTAT"));
        e->kind = str_eq_nocase(said, STR("ACCEPTED"))   ? EVENT_ACCEPTED
                  : str_eq_nocase(said, STR("DECLINED")) ? EVENT_DECLINED
                                                         : EVENT_ANSWER;
        put_person(l, e->organizer, sizeof e->organizer);
    }
}

static enum event_kind kind_of_method(struct str method)
{
    return str_eq_nocase(method, STR("REQUEST"))  ? EVENT_INVITATION
           : str_eq_nocase(method, STR("CANCEL")) ? EVENT_CANCELLED
           : str_eq_nocase(method, STR("REPLY"))  ? EVENT_ANSWER
                                                  : EVENT_ENTRY;
}

size_t calendar_read(struct str text, struct view_event *ret, size_t max)
{
    struct under_way u = {.event = NULL};
    enum event_kind kind = EVENT_ENTRY;
    size_t n = 0, depth = 0, inside = 0;
    for (size_t lines = 0; lines < LINES_MAX && text.n > 0; lines++) {
        struct str whole = take_line(&text);
        size_t fits = whole.n < LINE_MAX_OCTETS ? whole.n : LINE_MAX_OCTETS;
        struct line l = split(str_trim(str_slice(whole, 0, fits)));
        bool begins = str_eq_nocase(l.name, STR("BEGIN")), ends = str_eq_nocase(l.name, STR("END"));
        depth += begins && depth < NEST_MAX;
        if (begins && !u.event && str_eq_nocase(l.value, STR("VEVENT")) && n < max) {
            ret[n] = (struct view_event){.kind = kind};
            u = (struct under_way){.event = &ret[n++]};
            inside = depth;
        } else if (ends && u.event && depth == inside) {
            put_when(&u);
            u.event = NULL;
        } else if (u.event && depth == inside && !begins && !ends) {
            read_property(&u, &l);
        } else if (!u.event && str_eq_nocase(l.name, STR("METHOD"))) {
            kind = kind_of_method(str_trim(l.value));
        }
        depth -= ends && depth > 0;
    }
    if (u.event) {
        put_when(&u); /* its end is missing */
    }
    return n;
}
