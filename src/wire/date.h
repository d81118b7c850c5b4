/* SPDX-License-Identifier: Apache-2.0
 * date.h: dates as messages (RFC 5322 3.3) and people (ISO 8601) write them; ours are in UTC.
 */
#pragma once
#include "base/str.h"

enum { DATE_MAX = 40 };

/* "Sat, 21 Nov 2026 23:48:07 +0000" */
void date_rfc5322(int64_t wall_ms, char dst[DATE_MAX]);
/* "2026-11-21T23:48:07Z" */
void date_iso(int64_t wall_ms, char dst[DATE_MAX]);

/* A date as its writer saw it. */
struct date_said {
    int year, month, day, hour, minute, second; /* month: 1 to 12 */
    int offset;                         /* minutes east of UTC */
    int64_t wall_ms;
};
/* The value of a Date field, also in the old forms of 4.3: names of zones, years of two digits. False: it is none. */
bool date_read(struct str value, struct date_said *ret);
/* "UTC", "UTC+1", "UTC-3:30": so many minutes east of it. */
void date_zone(int offset, char dst[DATE_MAX]);
