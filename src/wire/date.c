/* SPDX-License-Identifier: Apache-2.0
 * date.c: dates, RFC 5322 3.3 and ISO 8601. Pure.
 */
#include "wire/date.h"
#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { WORD_MAX = 5 /* letters of a zone's name: RFC 5322 4.3 */ };

static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char *const months[] = {
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
};

static struct tm date_split(int64_t wall_ms)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    return tm;
}

/* RFC 5321 4.4 SHOULD: dates have an offset, no name of a zone
 * RFC 5321 4.4 MUST NOT: years have four digits */
void date_rfc5322(int64_t wall_ms, char dst[DATE_MAX])
{
    struct tm tm = date_split(wall_ms);
    snprintf(dst, DATE_MAX, "%s, %02d %s %04d %02d:%02d:%02d +0000", days[tm.tm_wday], tm.tm_mday,
             months[tm.tm_mon], (tm.tm_year + 1900) % 10000, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

void date_iso(int64_t wall_ms, char dst[DATE_MAX])
{
    struct tm tm = date_split(wall_ms);
    snprintf(dst, DATE_MAX, "%04d-%02d-%02dT%02d:%02d:%02dZ", (tm.tm_year + 1900) % 10000,
             tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static int month_of(struct str word)
{
    for (size_t i = 0; i < ARRAY_LEN(months); i++) {
        if (str_eq_nocase(word, str_c(months[i]))) {
            return (int)i + 1;
        }
    }
    return 0;
}

static bool date_number_of(struct str word, uint64_t most, int *ret)
{
    uint64_t n = 0;
    bool sound = str_to_u64(word, most, &n) == 0;
    *ret = (int)n;
    return sound;
}

static bool date_is_word(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = str_lower(s.p[i]);
        if (c < 'a' || c > 'z') {
            return false;
        }
    }
    return s.n <= WORD_MAX;
}

/* +0130, or a name of RFC 5322 4.3. Other names say nothing that is the same to all ("IST"). */
static bool zone_of(struct str word, struct date_said *ret)
{
    static const struct {
        const char *name;
        int hours;
    } names[] = {
        {"UT", 0},   {"GMT", 0},  {"UTC", 0},  {"Z", 0},    {"EDT", -4}, {"EST", -5},
        {"CDT", -5}, {"CST", -6}, {"MDT", -6}, {"MST", -7}, {"PDT", -7}, {"PST", -8},
    };
    int hours = 0, minutes = 0;
    ret->zone = word;
    if (word.n == 5 && (word.p[0] == '+' || word.p[0] == '-')) {
        bool sound = date_number_of(str_slice(word, 1, 3), 23, &hours) &&
                     date_number_of(str_slice(word, 3, 5), 59, &minutes);
        ret->offset = (word.p[0] == '-' ? -1 : 1) * (60 * hours + minutes);
        ret->is_known = sound;
        return sound;
    }
    for (size_t i = 0; i < ARRAY_LEN(names) && !ret->is_known; i++) {
        ret->is_known = str_eq_nocase(word, str_c(names[i].name));
        ret->offset = ret->is_known ? 60 * names[i].hours : 0;
    }
    return date_is_word(word);
}

/* 10:00, 10:00:07 */
static bool time_of(struct str word, struct date_said *ret)
{
    struct str hour, minute;
    bool sound = str_split(&word, ':', &hour) && str_split(&word, ':', &minute) &&
                 date_number_of(hour, 23, &ret->hour) && date_number_of(minute, 59, &ret->minute);
    return sound && (word.n == 0 || date_number_of(word, 60, &ret->second));
}

static struct str date_next_word(struct str *rest)
{
    size_t n = 0;
    *rest = str_trim(*rest);
    while (n < rest->n && rest->p[n] != ' ' && rest->p[n] != '\t' && rest->p[n] != ',' &&
           rest->p[n] != '(') {
        n++;
    }
    struct str word = str_slice(*rest, 0, n);
    *rest = str_slice(*rest, n < rest->n && rest->p[n] == ',' ? n + 1 : n, rest->n);
    return word;
}

bool date_read(struct str value, struct date_said *ret)
{
    struct str first = date_next_word(&value);
    bool is_day = first.n > 0 && first.p[0] >= '0' && first.p[0] <= '9';
    struct str day = is_day ? first : date_next_word(&value), month = date_next_word(&value),
               year = date_next_word(&value);
    struct str clock = date_next_word(&value), zone = date_next_word(&value);
    *ret = (struct date_said){.month = month_of(month)};
    bool sound = date_number_of(day, 31, &ret->day) && ret->day > 0 && ret->month > 0 &&
                 year.n >= 2 && date_number_of(year, 9999, &ret->year) && time_of(clock, ret) &&
                 zone_of(zone, ret);
    ret->year += year.n == 2 && ret->year < 50 ? 2000 : year.n < 4 ? 1900 : 0;
    struct tm at = {
        .tm_year = ret->year - 1900,
        .tm_mon = ret->month - 1,
        .tm_mday = ret->day,
        .tm_hour = ret->hour,
        .tm_min = ret->minute,
        .tm_sec = ret->second,
    };
    ret->wall_ms = sound ? 1000 * ((int64_t)timegm(&at) - 60 * ret->offset) : 0;
    return sound && at.tm_mon == ret->month - 1; /* no 31 February */
}

void date_zone(const struct date_said *said, char dst[DATE_MAX])
{
    int minutes = abs(said->offset);
    char sign = said->offset < 0 ? '-' : '+';
    if (!said->is_known) {
        str_copy_cut(said->zone, dst, DATE_MAX);
    } else if (minutes % 60) {
        snprintf(dst, DATE_MAX, "UTC%c%d:%02d", sign, minutes / 60, minutes % 60);
    } else if (minutes > 0) {
        snprintf(dst, DATE_MAX, "UTC%c%d", sign, minutes / 60);
    } else {
        snprintf(dst, DATE_MAX, "UTC");
    }
}
