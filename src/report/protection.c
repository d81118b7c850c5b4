/* SPDX-License-Identifier: Apache-2.0
 * protection.c: inspections and protections for people and programs.
 */
#include "report/protection.h"
#include "mime/mime.h"
#include "policy/inspection.h"
#include "policy/protect.h"

/* What a kind of problem means: mime/ has the sentences, this the ones for what it never says
 * itself. */
static const char *problem_sentence(struct str kind)
{
    for (enum mime_problem_kind k = MIME_PASSWORD; k < MIME_PROBLEM_END; k++) {
        if (str_eq(kind, str_c(mime_problem_name(k)))) {
            return mime_problem_sentence(k);
        }
    }
    return "not readable";
}

static int protection_put_line(const struct str f[INSPECTION_FIELDS], struct buf *out)
{
    struct str key = f[0];
    if (str_eq(key, STR("flag")) || str_eq(key, STR("test"))) {
        bool test = str_eq(key, STR("test"));
        return test ? buf_printf(out, "    the flag for a test in the " STR_FMT "\n", STR_ARG(f[1]))
                    : buf_printf(out, "    the flag " STR_FMT " in the " STR_FMT "\n",
                                 STR_ARG(f[1]), STR_ARG(f[2]));
    }
    if (str_eq(key, STR("near"))) {
        return buf_printf(out, "    \"" STR_FMT "\" in the " STR_FMT ", nearly " STR_FMT "\n",
                          STR_ARG(f[1]), STR_ARG(f[3]), STR_ARG(f[2]));
    }
    if (str_eq(key, STR("asks"))) {
        return buf_printf(out, "    the field X-Postern-Protect: " STR_FMT "\n", STR_ARG(f[1]));
    }
    if (str_eq(key, STR("found"))) {
        return buf_printf(out,
                          "    " STR_FMT ", " STR_FMT ", " STR_FMT " time%s in the " STR_FMT
                          ", such as " STR_FMT "\n",
                          STR_ARG(f[1]), STR_ARG(f[2]), STR_ARG(f[3]),
                          str_eq(f[3], STR("1")) ? "" : "s", STR_ARG(f[4]), STR_ARG(f[5]));
    }
    if (str_eq(key, STR("sample"))) {
        return buf_printf(out,
                          "    " STR_FMT ", " STR_FMT " time%s in the " STR_FMT ", such as " STR_FMT
                          ": sample number, ignored\n",
                          STR_ARG(f[1]), STR_ARG(f[2]), str_eq(f[2], STR("1")) ? "" : "s",
                          STR_ARG(f[3]), STR_ARG(f[4]));
    }
    if (str_eq(key, STR("problem"))) {
        return buf_printf(out, "    %s" STR_FMT ": %s (" STR_FMT ")%s" STR_FMT "\n",
                          f[2].n ? "part " : "the message", STR_ARG(f[2]), problem_sentence(f[1]),
                          STR_ARG(f[1]), f[3].n ? ": " : "", STR_ARG(f[3]));
    }
    if (str_eq(key, STR("attachment"))) {
        return buf_printf(out,
                          "    attachment%s" STR_FMT ": " STR_FMT ", " STR_FMT " octets%s" STR_FMT
                          "\n",
                          f[4].n ? " " : "", STR_ARG(f[4]), STR_ARG(f[1]), STR_ARG(f[3]),
                          f[2].n ? ", " : "", STR_ARG(f[2]));
    }
    if (str_eq(key, STR("quoted"))) {
        const char *where = str_eq(f[3], STR("attached")) ? "an attached mail" : "the quoted part";
        return buf_printf(out,
                          "    the flag " STR_FMT
                          " stands only in %s: it does not protect this message\n",
                          STR_ARG(f[1]), where);
    }
    if (str_eq(key, STR("named"))) {
        return buf_printf(out, "    attachment%s" STR_FMT " is also called " STR_FMT "\n",
                          f[2].n ? " " : "", STR_ARG(f[2]), STR_ARG(f[1]));
    }
    if (str_eq(key, STR("failed"))) {
        return buf_printf(out,
                          "    it could not be inspected (" STR_FMT
                          "): that is never treated as clean\n",
                          STR_ARG(f[1]));
    }
    if (str_eq(key, STR("encrypted"))) {
        return buf_printf(out, "    encrypted by the sender: " STR_FMT "\n", STR_ARG(f[1]));
    }
    if (str_eq(key, STR("done"))) {
        return buf_printf(out, "    " STR_FMT " part%s read in " STR_FMT " ms\n", STR_ARG(f[1]),
                          str_eq(f[1], STR("1")) ? "" : "s", STR_ARG(f[2]));
    }
    return buf_printf(out, "    " STR_FMT " " STR_FMT "%s" STR_FMT "\n", STR_ARG(key),
                      STR_ARG(f[1]), f[2].n ? ": " : "", STR_ARG(f[2]));
}

int inspection_words(struct str facts, struct buf *out)
{
    struct str f[INSPECTION_FIELDS], rest = facts;
    int r = 0;
    while (r == 0 && inspection_next(&rest, NULL, f)) {
        r = protection_put_line(f, out);
    }
    return r;
}

struct json *inspection_json(struct str facts)
{
    struct str f[INSPECTION_FIELDS];
    struct json *all = report_array();
    while (inspection_next(&facts, NULL, f)) {
        struct json *line = report_array();
        size_t n = INSPECTION_FIELDS;
        while (n > 1 && f[n - 1].n == 0) {
            n--;
        }
        for (size_t i = 0; i < n; i++) {
            report_append_str(line, f[i]);
        }
        report_append(all, line);
    }
    return all;
}

int protection_words(struct str record, const char *indent, struct buf *out)
{
    struct protect_record p;
    struct str line;
    protect_record_read(record, &p);
    static const char *const needs[] = {
        "nothing special",
        "a connection that counts as secure, otherwise the ladder",
        "more than transport: the ladder",
    };
    int r = buf_printf(out, "%sNeeds: %s (%s)%s%s%s\n", indent, demand_name(p.demand),
                       needs[p.demand], p.ladder[0] && p.demand ? "; ladder \"" : "",
                       p.demand ? p.ladder : "", p.ladder[0] && p.demand ? "\"" : "");
    while (r == 0 && p.words.n > 0 && str_split(&p.words, '\n', &line)) {
        r = line.n > 0 ? buf_printf(out, "%s  - " STR_FMT "\n", indent, STR_ARG(line)) : 0;
    }
    return r;
}

struct json *protection_json(struct str record)
{
    struct protect_record p;
    struct json *o = report_object(), *because = report_array();
    struct str line;
    protect_record_read(record, &p);
    report_put_str(o, "demand", str_c(demand_name(p.demand)));
    report_put_str(o, "ladder", str_c(p.ladder));
    report_put_int(o, "rung", p.rung);
    report_put_bool(o, "flags-removed", p.remove_flags);
    report_put_str(o, "tags", str_c(p.tags));
    while (p.words.n > 0 && str_split(&p.words, '\n', &line)) {
        if (line.n > 0) {
            report_append_str(because, line);
        }
    }
    report_put(o, "because", because);
    return o;
}
