/* SPDX-License-Identifier: Apache-2.0
 * calendar.c: content lines, and what of an event is shown (calendar.h).
 *
 * Times stay as they are said, with the name of their zone. What they are in UTC, by the zones
 * that the calendar itself brings (3.6.5), goes to the browser, which knows its reader's own
 * clock.
 */
#include "mime/calendar.h"
#include "mime/kind.h"
#include "mime/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    LINES_MAX = 50000,
    LINE_MAX_OCTETS = 16 * 1024,
    STAMP = 16,
    NEST_MAX = 30,
    ZONES_MAX = 8,
    ONSETS_MAX = 12,
    PEOPLE_MAX = 20,
    STAMP_ROOM = 24
};

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

/* When summer or winter begins (3.6.5): once, or each year. */
struct onset {
    struct tm first;
    int offset, before;  /* seconds east of UTC, from here on and until then */
    int month, nth, day; /* "the last Sunday in March": 3, -1, 0; nth 0: once */
};

struct zone {
    char id[80];
    struct onset onsets[ONSETS_MAX];
    size_t n;
};

struct zones {
    struct zone v[ZONES_MAX];
    size_t n;
};

struct under_way {
    const struct zones *zones;
    size_t n_people;
    struct view_event *event;
    struct moment start, end;
    int64_t lasts; /* seconds; 0: not said */
};

/* --- lines -------------------------------------------------------------- */

int calendar_unfold(struct str octets, struct buf *out)
{
    int r = 0;
    while (r == 0 && octets.n > 0) {
        struct str line = str_take_line(&octets);
        r = buf_add(out, line);
        while (r == 0 && octets.n > 0 && (octets.p[0] == ' ' || octets.p[0] == '\t')) {
            line = str_take_line(&octets);
            r = buf_add(out, str_slice(line, 1, line.n));
        }
        r = r < 0 ? r : buf_add(out, STR("\n"));
    }
    return r;
}

static struct line calendar_split(struct str s)
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
static struct str calendar_parameter(struct str all, struct str name)
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

/* --- texts -------------------------------------------------------------- */

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
static void calendar_put_text(struct str raw, bool lines, char *dst, size_t size)
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

/* A URI (RFC 5545 3.3.13): as it stands, or not at all. */
static void calendar_put_address(struct str raw, char *dst, size_t size)
{
    char *clean = tree_clean_name(str_trim(raw));
    str_copy_cut(clean && strlen(clean) < size ? str_c(clean) : STR(""), dst, size);
    free(clean);
}

/* ORGANIZER;CN="Ada":mailto:ada@in.test */
static void calendar_put_person(const struct line *l, char *dst, size_t size)
{
    struct buf whole = BUF_INIT(2 * LINE_MAX_OCTETS);
    struct str name = calendar_parameter(l->parameters, STR("CN")), address = l->value;
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

/* --- times -------------------------------------------------------------- */

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
    bool date = digits(v, 0, 4, &year) && digits(v, 4, 2, &month) &&
                digits(v, 6, 2, &ret->at.tm_mday) && year > 1600;
    bool hour = v.n >= 13 && v.p[8] == 'T' && digits(v, 9, 2, &ret->at.tm_hour) &&
                digits(v, 11, 2, &ret->at.tm_min);
    if (!date || month < 1 || month > 12 || ret->at.tm_mday < 1 || ret->at.tm_mday > 31) {
        return;
    }
    ret->at.tm_year = year - 1900;
    ret->at.tm_mon = month - 1;
    ret->there = hour || v.n == 8;
    ret->whole_day = !hour;
    ret->utc = v.p[v.n - 1] == 'Z';
    calendar_put_text(calendar_parameter(l->parameters, STR("TZID")), false, ret->zone,
                      sizeof ret->zone);
    shift(ret, 0); /* no hour 99 */
}

/* P1W, P1DT2H30M (RFC 5545 3.3.6) in seconds; 0 where it is none that counts. */
static int64_t read_duration(struct str v)
{
    int64_t seconds = 0, number = 0;
    for (size_t i = 0; i < v.n && i < STAMP && number < 100000; i++) {
        char c = v.p[i];
        int64_t unit = c == 'W'   ? 604800
                       : c == 'D' ? 86400
                       : c == 'H' ? 3600
                       : c == 'M' ? 60
                                  : c == 'S';
        number = c >= '0' && c <= '9' ? 10 * number + (c - '0') : number;
        seconds += unit * number;
        number = unit ? 0 : number;
    }
    return v.n > 0 && v.p[0] == 'P' ? seconds : 0;
}

static const char *const day_names[] = {"SU", "MO", "TU", "WE", "TH", "FR", "SA"};

/* "MO", "-1SU", "2TH" (3.3.10). False: none of these. */
static bool read_weekday(struct str s, int *ret_nth, int *ret_day)
{
    int sign = s.n > 0 && s.p[0] == '-' ? -1 : 1, nth = 0;
    s = str_slice(s, s.n > 0 && (s.p[0] == '-' || s.p[0] == '+'), s.n);
    while (s.n > 0 && s.p[0] >= '0' && s.p[0] <= '9' && nth < 100) {
        nth = 10 * nth + (s.p[0] - '0');
        s = str_slice(s, 1, s.n);
    }
    *ret_nth = sign * nth;
    for (*ret_day = 0; *ret_day < 7; ++*ret_day) {
        if (str_eq_nocase(s, str_c(day_names[*ret_day]))) {
            return true;
        }
    }
    return false;
}

/* The value of one part of a rule: FREQ=WEEKLY;INTERVAL=2. */
static struct str rule_part(struct str rule, struct str name)
{
    struct str one;
    while (str_split(&rule, ';', &one)) {
        size_t equals = str_find(one, '=', 0);
        if (equals < one.n && str_eq_nocase(str_trim(str_slice(one, 0, equals)), name)) {
            return str_trim(str_slice(one, equals + 1, one.n));
        }
    }
    return STR("");
}

static unsigned rule_number(struct str rule, struct str name, unsigned otherwise)
{
    uint64_t n;
    return str_to_u64(rule_part(rule, name), 9999, &n) == 0 ? (unsigned)n : otherwise;
}

/* --- zones -------------------------------------------------------------- */

/* +0100, -053000 */
static int read_offset(struct str v)
{
    int hours, minutes;
    bool sound = v.n >= 5 && (v.p[0] == '+' || v.p[0] == '-') && digits(v, 1, 2, &hours) &&
                 digits(v, 3, 2, &minutes);
    return sound ? (v.p[0] == '-' ? -1 : 1) * (3600 * hours + 60 * minutes) : 0;
}

static void read_onset(const struct line *l, struct onset *o)
{
    struct str v = str_trim(l->value);
    struct moment m;
    if (str_eq_nocase(l->name, STR("DTSTART"))) {
        read_moment(l, &m);
        o->first = m.at;
    } else if (str_eq_nocase(l->name, STR("TZOFFSETTO"))) {
        o->offset = read_offset(v);
    } else if (str_eq_nocase(l->name, STR("TZOFFSETFROM"))) {
        o->before = read_offset(v);
    } else if (str_eq_nocase(l->name, STR("RRULE"))) {
        o->month = (int)rule_number(v, STR("BYMONTH"), 0);
        bool known = read_weekday(rule_part(v, STR("BYDAY")), &o->nth, &o->day);
        o->nth =
            known && o->month >= 1 && o->month <= 12 && o->nth >= -5 && o->nth <= 5 ? o->nth : 0;
    }
}

static void read_zones(struct str text, struct zones *ret)
{
    struct zone *z = NULL;
    struct onset *o = NULL;
    ret->n = 0;
    for (size_t lines = 0; lines < LINES_MAX && text.n > 0; lines++) {
        struct str whole = str_take_line(&text);
        struct line l = calendar_split(
            str_trim(str_slice(whole, 0, whole.n < LINE_MAX_OCTETS ? whole.n : LINE_MAX_OCTETS)));
        bool begins = str_eq_nocase(l.name, STR("BEGIN")), ends = str_eq_nocase(l.name, STR("END"));
        bool season =
            str_eq_nocase(l.value, STR("STANDARD")) || str_eq_nocase(l.value, STR("DAYLIGHT"));
        if (begins && str_eq_nocase(l.value, STR("VTIMEZONE"))) {
            z = ret->n < ZONES_MAX ? &ret->v[ret->n++] : NULL;
            o = NULL;
            if (z) {
                *z = (struct zone){.n = 0};
            }
        } else if (begins && season && z && z->n < ONSETS_MAX) {
            o = &z->onsets[z->n++];
        } else if (begins || ends) {
            o = NULL;
            z = ends && str_eq_nocase(l.value, STR("VTIMEZONE")) ? NULL : z;
        } else if (o) {
            read_onset(&l, o);
        } else if (z && str_eq_nocase(l.name, STR("TZID"))) {
            calendar_put_text(l.value, false, z->id, sizeof z->id);
        }
    }
}

/* The last time it came before `local`, a moment by the zone's own clocks; false: it never did. */
static bool onset_before(const struct onset *o, time_t local, time_t *ret)
{
    struct tm first = o->first, at;
    time_t begin = timegm(&first);
    *ret = begin;
    if (o->nth == 0 || begin > local) {
        return begin <= local;
    }
    (void)gmtime_r(&local, &at);
    for (int year = at.tm_year; year >= at.tm_year - 1; year--) {
        struct tm day = o->first;
        day.tm_year = year;
        day.tm_mon = o->nth > 0 ? o->month - 1 : o->month;
        day.tm_mday = o->nth > 0 ? 1 : 0; /* the last of the month before */
        time_t t = timegm(&day);
        int away = o->nth > 0 ? (o->day - day.tm_wday + 7) % 7 : -((day.tm_wday - o->day + 7) % 7);
        t += 86400L * (away + 7 * (o->nth > 0 ? o->nth - 1 : o->nth + 1));
        if (t <= local && t >= begin) {
            *ret = t;
            return true;
        }
    }
    return true;
}

/* What a moment is in UTC; false: its zone is not described. */
static bool in_utc(const struct zones *zones, const struct moment *m, time_t *ret)
{
    struct tm at = m->at;
    time_t local = timegm(&at), latest = 0, t;
    bool found = m->utc;
    int offset = 0;
    for (size_t i = 0; !m->utc && i < zones->n; i++) {
        const struct zone *z = &zones->v[i];
        bool is_it = m->zone[0] && strcmp(z->id, m->zone) == 0;
        for (size_t k = 0; is_it && k < z->n; k++) {
            bool came = onset_before(&z->onsets[k], local, &t);
            if (came && (!found || t >= latest)) {
                offset = z->onsets[k].offset;
                latest = t;
                found = true;
            }
        }
        if (is_it && !found && z->n > 0) {
            offset = z->onsets[0].before;
            found = true;
        }
    }
    *ret = local - offset;
    return found;
}

/* --- repetition --------------------------------------------------------- */

/* Days of the week as bits, and for "2TU" which of the month; false: more than words can say. */
static bool read_days(struct str list, char kind, unsigned *ret_days, int *ret_nth)
{
    struct str one;
    *ret_days = 0;
    *ret_nth = 0;
    for (unsigned n = 0; list.n > 0 && str_split(&list, ',', &one); n++) {
        int nth, day;
        if (!read_weekday(str_trim(one), &nth, &day) || (nth != 0 && (kind != 'm' || n > 0)) ||
            nth > 4 || nth < -1) {
            return false;
        }
        *ret_days |= 1U << ((day + 6) % 7);
        *ret_nth = nth;
    }
    return kind != 'm' || *ret_days == 0 || (*ret_nth != 0 && (*ret_days & (*ret_days - 1)) == 0);
}

static void calendar_put_rule(struct str rule, char *dst, size_t size)
{
    static const struct str fine[] = {STR("DAILY"), STR("WEEKLY"), STR("MONTHLY"), STR("YEARLY")};
    static const struct str other[] = {
        STR("BYSETPOS"), STR("BYWEEKNO"), STR("BYYEARDAY"),
        STR("BYHOUR"),   STR("BYMINUTE"), STR("BYSECOND"),
    };
    char kind = 0, until[16] = "-";
    unsigned days = 0, of_month = rule_number(rule, STR("BYMONTHDAY"), 0);
    int nth = 0, year, month, day;
    for (size_t i = 0; i < ARRAY_LEN(fine); i++) {
        kind = str_eq_nocase(rule_part(rule, STR("FREQ")), fine[i]) ? "dwmy"[i] : kind;
    }
    bool simple = kind != 0 && (kind == 'y' || rule_part(rule, STR("BYMONTH")).n == 0);
    for (size_t i = 0; i < ARRAY_LEN(other); i++) {
        simple = simple && rule_part(rule, other[i]).n == 0;
    }
    simple =
        simple && (kind == 'y' ||
                   (read_days(rule_part(rule, STR("BYDAY")), kind, &days, &nth) &&
                    (rule_part(rule, STR("BYMONTHDAY")).n == 0 || (kind == 'm' && of_month > 0))));
    struct str end = rule_part(rule, STR("UNTIL"));
    if (digits(end, 0, 4, &year) && digits(end, 4, 2, &month) && digits(end, 6, 2, &day)) {
        snprintf(until, sizeof until, "%04d-%02d-%02d", year, month % 100, day % 100);
    }
    unsigned interval = rule_number(rule, STR("INTERVAL"), 1);
    snprintf(dst, simple && interval > 0 ? size : 1, "%c %u %u %s %u %u %d", kind, interval,
             rule_number(rule, STR("COUNT"), 0), until, days, kind == 'm' ? of_month : 0, nth);
}

static void put_time(const struct moment *m, bool known, time_t utc, char ret[STAMP_ROOM])
{
    struct tm at = m->at;
    if (utc != 0 && known) {
        (void)gmtime_r(&utc, &at);
    }
    bool sound =
        known && !m->whole_day &&
        strftime(ret, STAMP_ROOM, utc != 0 ? "%Y-%m-%dT%H:%MZ" : "%Y-%m-%dT%H:%M", &at) > 0;
    str_copy_cut(sound ? str_c(ret) : STR("-"), ret, sound ? STAMP_ROOM : 2);
}

/* For the browser: as written, and in UTC where that is known. */
static void calendar_put_times(struct under_way *u, bool has_end)
{
    char begin[STAMP_ROOM], end[STAMP_ROOM], begin_utc[STAMP_ROOM], end_utc[STAMP_ROOM], zone[80];
    time_t from, to;
    bool both = in_utc(u->zones, &u->start, &from);
    u->end.utc = u->end.zone[0] ? u->end.utc : u->start.utc;
    bool ends =
        in_utc(u->zones, u->end.zone[0] || u->end.utc ? &u->end : &u->start, &to) && has_end;
    put_time(&u->start, true, 0, begin);
    put_time(&u->end, has_end, 0, end);
    put_time(&u->start, both, both ? from : 0, begin_utc);
    put_time(&u->end, ends, ends ? to : 0, end_utc);
    str_copy_cut(u->start.zone[0] ? str_c(u->start.zone) : STR("-"), zone, sizeof zone);
    for (char *p = zone; *p; p++) {
        *p = *p == ' ' ? '_' : *p;
    }
    snprintf(u->event->times, sizeof u->event->times, "%s %s %s %s %s", begin, end, begin_utc,
             end_utc, zone);
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
    (void)!strftime(end, sizeof end,
                    u->start.whole_day ? "%Y-%m-%d"
                    : same_day         ? "%H:%M"
                                       : "%Y-%m-%d, %H:%M",
                    b);
    has_end = has_end && timegm(b) > timegm(a);
    const char *zone = u->start.utc ? "UTC" : u->start.zone;
    calendar_put_times(u, has_end);
    snprintf(u->event->when, sizeof u->event->when, "%s%s%s%s%s%s", begin,
             has_end ? " \xe2\x80\x93 " : "", has_end ? end : "", *zone ? " (" : "", zone,
             *zone ? ")" : "");
}

/* --- events ------------------------------------------------------------- */

static void calendar_add_person(struct under_way *u, const struct line *l)
{
    struct view_event *e = u->event;
    char one[sizeof e->organizer];
    calendar_put_person(l, one, sizeof one);
    size_t used = strlen(e->people), need = strlen(one) + 2;
    bool invited = e->kind != EVENT_ACCEPTED && e->kind != EVENT_DECLINED;
    if (!invited || !one[0] || (u->n_people > PEOPLE_MAX)) {
        return;
    }
    if (u->n_people++ == PEOPLE_MAX || used + need + 8 > sizeof e->people) {
        str_copy_cut(STR(", ..."), e->people + used, sizeof e->people - used);
        u->n_people = PEOPLE_MAX + 1;
        return;
    }
    snprintf(e->people + used, sizeof e->people - used, "%s%s", used > 0 ? ", " : "", one);
}

static bool calendar_is_answer(const struct view_event *e)
{
    return e->kind == EVENT_ANSWER || e->kind == EVENT_ACCEPTED || e->kind == EVENT_DECLINED;
}

static void calendar_read_property(struct under_way *u, const struct line *l)
{
    struct view_event *e = u->event;
    if (str_eq_nocase(l->name, STR("SUMMARY"))) {
        calendar_put_text(l->value, false, e->what, sizeof e->what);
    } else if (str_eq_nocase(l->name, STR("LOCATION"))) {
        calendar_put_text(l->value, false, e->where, sizeof e->where);
    } else if (str_eq_nocase(l->name, STR("DESCRIPTION")) &&
               !(calendar_is_answer(e) && e->about[0])) {
        calendar_put_text(l->value, true, e->about, sizeof e->about);
    } else if (str_eq_nocase(l->name, STR("COMMENT")) && calendar_is_answer(e)) {
        /* what its sender typed */
        calendar_put_text(l->value, true, e->about, sizeof e->about);
    } else if (str_eq_nocase(l->name, STR("URL")) ||
               (str_eq_nocase(l->name, STR("CONFERENCE")) && !e->url[0])) {
        /* RFC 7986 5.11 */
        calendar_put_address(l->value, e->url, sizeof e->url);
    } else if (str_eq_nocase(l->name, STR("ORGANIZER"))) {
        calendar_put_person(l, e->organizer, sizeof e->organizer);
    } else if (str_eq_nocase(l->name, STR("DTSTART"))) {
        read_moment(l, &u->start);
    } else if (str_eq_nocase(l->name, STR("DTEND"))) {
        read_moment(l, &u->end);
    } else if (str_eq_nocase(l->name, STR("DURATION"))) {
        u->lasts = read_duration(str_trim(l->value));
    }
    bool rule = str_eq_nocase(l->name, STR("RRULE"));
    if (rule && !e->repeats) {
        calendar_put_rule(l->value, e->rule, sizeof e->rule);
    } else if (rule || str_eq_nocase(l->name, STR("RDATE"))) {
        e->rule[0] = '\0'; /* more than one */
    }
    e->repeats |= rule || str_eq_nocase(l->name, STR("RDATE"));
    if (str_eq_nocase(l->name, STR("ATTENDEE")) && e->kind != EVENT_ANSWER) {
        calendar_add_person(u, l);
    }
    if (str_eq_nocase(l->name, STR("STATUS")) &&
        str_eq_nocase(str_trim(l->value), STR("CANCELLED"))) {
        e->kind = EVENT_CANCELLED;
    } else if (str_eq_nocase(l->name, STR("ATTENDEE")) && e->kind == EVENT_ANSWER) {
        struct str said = calendar_parameter(l->parameters, STR("PARTSTAT"));
        e->kind = str_eq_nocase(said, STR("ACCEPTED"))   ? EVENT_ACCEPTED
                  : str_eq_nocase(said, STR("DECLINED")) ? EVENT_DECLINED
                                                         : EVENT_ANSWER;
        calendar_put_person(l, e->organizer, sizeof e->organizer);
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
    struct zones *zones = err_calloc(1, sizeof *zones);
    struct under_way u = {.event = NULL};
    read_zones(text, zones);
    enum event_kind kind = EVENT_ENTRY;
    size_t n = 0, depth = 0, inside = 0;
    for (size_t lines = 0; lines < LINES_MAX && text.n > 0; lines++) {
        struct str whole = str_take_line(&text);
        size_t fits = whole.n < LINE_MAX_OCTETS ? whole.n : LINE_MAX_OCTETS;
        struct line l = calendar_split(str_trim(str_slice(whole, 0, fits)));
        bool begins = str_eq_nocase(l.name, STR("BEGIN")), ends = str_eq_nocase(l.name, STR("END"));
        depth += begins && depth < NEST_MAX;
        if (begins && !u.event && str_eq_nocase(l.value, STR("VEVENT")) && n < max) {
            ret[n] = (struct view_event){.kind = kind};
            u = (struct under_way){.event = &ret[n++], .zones = zones};
            inside = depth;
        } else if (ends && u.event && depth == inside) {
            put_when(&u);
            u.event = NULL;
        } else if (u.event && depth == inside && !begins && !ends) {
            calendar_read_property(&u, &l);
        } else if (!u.event && str_eq_nocase(l.name, STR("METHOD"))) {
            kind = kind_of_method(str_trim(l.value));
        }
        depth -= ends && depth > 0;
    }
    if (u.event) {
        put_when(&u); /* its end is missing */
    }
    free(zones);
    return n;
}

/* TEXT without its escapes, each line behind the mark. */
static void calendar_add_words(struct str raw, struct str mark, struct buf *out)
{
    (void)!buf_add(out, mark);
    for (size_t i = 0; i < raw.n; i++) {
        char c = raw.p[i];
        if (c == '\\' && i + 1 < raw.n) {
            c = raw.p[++i];
            c = c == 'n' || c == 'N' ? '\n' : c;
        }
        (void)!buf_append(out, &c, 1);
        if (c == '\n') {
            (void)!buf_add(out, mark);
        }
    }
    (void)!buf_add(out, STR("\n\n"));
}

static bool is_method_of_answer(const struct line *l)
{
    struct str value = str_trim(l->value);
    return str_eq_nocase(l->name, STR("METHOD")) &&
           (str_eq_nocase(value, STR("REPLY")) || str_eq_nocase(value, STR("COUNTER")));
}

void calendar_words(struct str text, struct buf *out)
{
    static const struct str names[] = {
        STR("SUMMARY"), STR("DESCRIPTION"), STR("COMMENT"), STR("LOCATION"), STR("CONTACT"),
    };
    bool answers = false;
    while (text.n > 0) {
        struct line l = calendar_split(str_trim(str_take_line(&text)));
        struct str value = str_trim(l.value);
        bool is_repeated = answers && str_eq_nocase(l.name, STR("DESCRIPTION"));
        answers |= is_method_of_answer(&l);
        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
            if (str_eq_nocase(l.name, names[i]) && value.n > 0) {
                /* a lone marked line is its writer's (detect/quote.c) */
                (void)!buf_add(out, is_repeated ? STR(">\n") : STR(""));
                calendar_add_words(value, is_repeated ? STR("> ") : STR(""), out);
            }
        }
    }
}

void calendar_html(struct str text, struct buf *out)
{
    bool answers = false;
    while (text.n > 0 && !answers) {
        struct line l = calendar_split(str_trim(str_take_line(&text)));
        struct str value = str_trim(l.value);
        answers = is_method_of_answer(&l);
        bool is_html =
            str_eq_nocase(calendar_parameter(l.parameters, STR("FMTTYPE")), STR("text/html"));
        if (is_html && (str_eq_nocase(l.name, STR("X-ALT-DESC")) ||
                        str_eq_nocase(l.name, STR("STYLED-DESCRIPTION")))) {
            calendar_add_words(value, STR(""), out);
        }
    }
}

/* In small letters hardly ever: then it may be a word of a text, as "Note:". */
static bool calendar_is_name(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!((s.p[i] >= 'A' && s.p[i] <= 'Z') || (s.p[i] >= '0' && s.p[i] <= '9') ||
              s.p[i] == '-' || s.p[i] == '.')) {
            return false;
        }
    }
    return s.n > 0;
}

bool calendar_is_sound(struct str text)
{
    size_t depth = 0;
    bool has_event = false, sound = kind_begins(text, STR("VCALENDAR"));
    for (text = kind_text_begin(text); text.n > 0 && sound;) {
        struct str whole = str_trim(str_take_line(&text));
        struct line l = calendar_split(whole);
        bool begins = str_eq_nocase(l.name, STR("BEGIN")), ends = str_eq_nocase(l.name, STR("END"));
        has_event |= begins && str_eq_nocase(str_trim(l.value), STR("VEVENT"));
        depth += begins;
        sound = whole.n == 0 ||
                (depth > 0 && calendar_is_name(l.name) && l.name.n + l.parameters.n < whole.n);
        depth -= ends && depth > 0;
    }
    return sound && has_event;
}
