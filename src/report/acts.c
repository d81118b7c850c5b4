/* SPDX-License-Identifier: Apache-2.0
 * acts.c: the list of acts.h. Called by postern acts and by the reports of messages.
 */
#include "report/acts.h"
#include "wire/date.h"

int acts_text(const struct ipc_row_act *const *rows, size_t n, const char *before, struct buf *out)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < n; i++) {
        const struct ipc_row_act *a = rows[i];
        char date[DATE_MAX];
        date_iso(a->at_ms, date);
        r = buf_printf(out, "%s%s  %-15.*s by " STR_FMT " (uid %u)%s" STR_FMT "%s" STR_FMT "\n",
                       before, date, STR_ARG(a->verb), STR_ARG(a->by), (unsigned)a->uid,
                       a->about.n > 0 ? ": " : "", STR_ARG(a->about), a->detail.n > 0 ? ", " : "",
                       STR_ARG(a->detail));
    }
    return r;
}

struct json *acts_json(const struct ipc_row_act *const *rows, size_t n)
{
    struct json *all = report_array();
    for (size_t i = 0; i < n; i++) {
        struct json *o = report_object();
        report_put_time(o, "at", rows[i]->at_ms);
        report_put_str(o, "act", rows[i]->verb);
        report_put_str(o, "about", rows[i]->about);
        report_put_str(o, "detail", rows[i]->detail);
        report_put_str(o, "by", rows[i]->by);
        report_put_int(o, "uid", rows[i]->uid);
        report_append(all, o);
    }
    return all;
}
