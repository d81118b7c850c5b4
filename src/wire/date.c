/* SPDX-License-Identifier: Apache-2.0
 * date.c: dates, RFC 5322 3.3 and ISO 8601. Pure.
 */
#include "wire/date.h"

#include <stdio.h>
#include <time.h>

static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

static struct tm split(int64_t wall_ms)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    return tm;
}

void date_rfc5322(int64_t wall_ms, char dst[DATE_MAX])
{
    struct tm tm = split(wall_ms);
    snprintf(dst, DATE_MAX, "%s, %02d %s %04d %02d:%02d:%02d +0000", days[tm.tm_wday], tm.tm_mday,
             months[tm.tm_mon], (tm.tm_year + 1900) % 10000, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

void date_iso(int64_t wall_ms, char dst[DATE_MAX])
{
    struct tm tm = split(wall_ms);
    snprintf(dst, DATE_MAX, "%04d-%02d-%02dT%02d:%02d:%02dZ", (tm.tm_year + 1900) % 10000,
             tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}
