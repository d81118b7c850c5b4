/* SPDX-License-Identifier: Apache-2.0
 * config.c: postern check-config and the writing of postern.conf(5).
 */
#include "cmd/postern/postern.h"
#include "conf/tree.h"
#include "proc/preflight.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct json *json_finding(const struct conf_finding *f)
{
    struct json *j = report_object();
    report_put_str(j, "file", f->file);
    report_put_int(j, "line", f->line);
    report_put_int(j, "column", f->column);
    report_put_str(j, "severity", f->is_warning ? STR("warning") : STR("error"));
    report_put_str(j, "text", f->text);
    report_put_str(j, "hint", f->hint);
    return j;
}

struct json *findings_json(struct str lines)
{
    struct json *all = report_array();
    struct conf_finding f;
    while (conf_finding_next(&lines, &f)) {
        report_append(all, json_finding(&f));
    }
    return all;
}

/* Counts and shows. */
static void config_show_findings(const struct options *o, struct str lines, bool usable,
                                 unsigned *ret_errors, unsigned *ret_warnings)
{
    struct conf_finding f;
    *ret_errors = *ret_warnings = 0;
    for (struct str rest = lines; conf_finding_next(&rest, &f);) {
        *(f.is_warning ? ret_warnings : ret_errors) += 1;
    }
    if (o->json) {
        struct json *j = report_object();
        report_put_str(j, "file", str_c(o->config));
        report_put_bool(j, "usable", usable);
        report_put(j, "findings", findings_json(lines));
        print_json(j);
    } else {
        fwrite(lines.p, 1, lines.n, stderr); /* as posternd shows them */
    }
}

static void print_verdict(const struct options *o, bool usable, unsigned errors, unsigned warnings)
{
    if (!usable) {
        fprintf(stderr, "%s: wrong: %u error%s, %u warning%s\n", o->config, errors,
                errors == 1 ? "" : "s", warnings, warnings == 1 ? "" : "s");
    } else if (warnings > 0) {
        printf("%s: can be used, with %u warning%s\n", o->config, warnings,
               warnings == 1 ? "" : "s");
    } else {
        printf("%s: fine\n", o->config);
    }
    if (usable && geteuid() != 0) {
        printf("This was seen by uid %u: what the users of the processes may read is seen only "
               "when root asks.\n",
               (unsigned)geteuid());
    }
}

int command_check_config(const struct options *o)
{
    CLEANUP(buf_free) struct buf problems = BUF_INIT(1024 * 1024);
    struct conf *conf = NULL;
    unsigned errors, warnings;
    bool show = o->argc == 1 && strcmp(o->argv[0], "--show") == 0;
    if (o->argc > 0 && !show) {
        fputs("usage: postern -c FILE check-config [--show]\n", stderr);
        return EXIT_USAGE;
    }
    int r = conf_load(o->config, &problems, &conf);
    r = r < 0 ? r : preflight(conf, PREFLIGHT_CHECK, NULL, &problems);
    r = conf && at_rest_check(conf, &problems) < 0 ? -EINVAL : r;
    if (conf) {
        pickup_check(conf, &problems);
    }
    conf_findings_sort(&problems);
    config_show_findings(o, buf_str(&problems), r == 0, &errors, &warnings);
    if (show && conf) {
        CLEANUP(buf_free) struct buf text = BUF_INIT(CONF_TEXT_MAX);
        must(conf_write(conf, &text) == 0);
        print_buf(&text);
    } else if (!o->json) {
        print_verdict(o, r == 0, errors, warnings);
    }
    conf_free(conf);
    return r == 0 ? EXIT_OK : EXIT_NO;
}

int command_manual(const struct options *o)
{
    CLEANUP(buf_free) struct buf text = BUF_INIT(CONF_TEXT_MAX);
    must(conf_manual(&text) == 0);
    print_buf(&text);
    return EXIT_OK;
}
