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
    /* as it is written, part of the value; "" where it is missing */
    struct str zone;
    /* which moment it is: the zone says how far from UTC it is */
    bool is_known;
    /* minutes east of UTC; 0 where that is not known, as 4.3 wants it */
    int offset;
    int64_t wall_ms;
};
/* The value of a Date field, also in the old forms of 4.3: names of zones, years of two digits.
 * False: it is none. */
bool date_read(struct str value, struct date_said *ret);
/* "UTC", "UTC+1", "UTC-3:30"; "CEST" where it is not known what that means, "" where nothing was
 * said. */
void date_zone(const struct date_said *said, char dst[DATE_MAX]);
