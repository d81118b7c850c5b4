/* SPDX-License-Identifier: Apache-2.0
 * protect_test.c: every combination of flags, near misses, groups, content, accounts, TLS that
 * does not count, own encryption, direction and forced TLS, against protect.txt; and what the
 * delivery decision makes of it.
 */
#include "policy/inspection.h"
#include "policy/policy.h"
#include "policy/protect.h"
#include "policy/rules.h"
#include "sys/file.h"

#include <stdio.h>
#include <stdlib.h>

enum { DIMENSIONS = 9, LINES_MAX = 100, VALUES_MAX = 7 };

static const char *const values[DIMENSIONS][VALUES_MAX] = {
    {"out", "internal", "in"},
    {"none", "flag", "near", "test", "trial", "transport", "message"},
    {"ask", "protect", "ignore"},
    {"yes", "no"},
    {"none", "secure", "escalated"},
    {"none", "report", "secure", "escalated"},
    {"none", "secure", "escalated"},
    {"counts", "never"},
    {"no", "yes"},
};

struct line {
    char words[DIMENSIONS + 2][16];
    unsigned used;
};

static struct line table[LINES_MAX];
static size_t n_lines;

static void read_table(const char *path)
{
    struct buf text = BUF_INIT(1 << 20);
    struct str rest, row, word;
    must(file_read(path, &text) == 0);
    rest = buf_str(&text);
    while (rest.n > 0 && str_split(&rest, '\n', &row)) {
        if (row.n == 0 || row.p[0] == '#') {
            continue;
        }
        size_t n = 0;
        must(n_lines < LINES_MAX);
        while (row.n > 0 && str_split(&row, ' ', &word)) {
            if (word.n > 0 && !str_eq(word, STR("=>"))) {
                must(n < DIMENSIONS + 2);
                str_copy_cut(word, table[n_lines].words[n++], 16);
            }
        }
        must(n == DIMENSIONS + 2);
        n_lines++;
    }
    buf_free(&text);
}

static struct line *expected(const unsigned *at)
{
    for (size_t i = 0; i < n_lines; i++) {
        bool fits = true;
        for (unsigned d = 0; d < DIMENSIONS && fits; d++) {
            fits = strcmp(table[i].words[d], "*") == 0 ||
                   strcmp(table[i].words[d], values[d][at[d]]) == 0;
        }
        if (fits) {
            return &table[i];
        }
    }
    return NULL;
}

/* The configurations: fewer than the combinations, as direction, kind of flag and encryption of
 * its own are not in them. Each is read once. */
static struct conf *configurations[3][2][2][3][4][3][2][2];

static struct conf **place_of(const unsigned *at, bool forced)
{
    bool trial = strcmp(values[1][at[1]], "trial") == 0;
    return &configurations[at[2]][trial][at[3]][at[4]][at[5]][at[6]][at[7]][forced];
}

static struct conf *read_configuration(const unsigned *at, bool forced)
{
    struct buf text = BUF_INIT(1 << 16), problems = BUF_INIT(1 << 16);
    struct conf *c;
    static const char *const contents[] = {
        "",
        "protect escalated; mode report-only;",
        "protect secure; mode enforce;",
        "protect escalated; mode enforce;",
    };
    must(buf_printf(&text,
                    "hostname a.test; listen smtp { address 127.0.0.1:25; } inside { domains "
                    "in.test; networks 10.0.0.0/8; deliver-to b.test { tls none; } }flags { "
                    "near-miss %s; trial %s; } account default { flags %s; protect %s; secure-from "
                    "%s; } group \"g\" { members s@in.test; protect %s; }%s%s%s%s",
                    values[2][at[2]], strcmp(values[1][at[1]], "trial") == 0 ? "yes" : "no",
                    values[3][at[3]], at[6] ? values[6][at[6]] : "default",
                    at[7] ? "never" : "default", values[4][at[4]],
                    at[5] ? "content \"k\" { pack p; " : "", contents[at[5]], at[5] ? "}" : "",
                    forced ? "partner \"p\" { domains out.test; outbound require cert; }" : "") ==
         0);
    if (conf_parse(buf_str(&text), "t", &problems, &c) < 0) {
        fwrite(buf_str(&problems).p, 1, buf_len(&problems), stderr);
        abort();
    }
    buf_free(&text);
    buf_free(&problems);
    return c;
}

static struct conf *configuration(const unsigned *at, bool forced)
{
    struct conf **place = place_of(at, forced);
    if (!*place) {
        *place = read_configuration(at, forced);
    }
    return *place;
}

static void free_configurations(void)
{
    struct conf **all = &configurations[0][0][0][0][0][0][0][0];
    for (size_t i = 0; i < sizeof configurations / sizeof *all; i++) {
        conf_free(all[i]);
    }
}

static void write_facts(const unsigned *at, struct buf *facts)
{
    static const char *const flags[] = {
        "",
        "flag\t[secure]\tsubject\n",
        "near\t[secrue]\t[secure]\tsubject\n",
        "test\tsubject\n",
        "test\tsubject\n",
        "asks\ttransport\n",
        "asks\tmessage\n",
    };
    must(buf_add(facts, str_c(flags[at[1]])) == 0);
    must(!at[5] || buf_add(facts, STR("content\tk\n")) == 0);
    must(!at[8] || buf_add(facts, STR("encrypted\tpgp\n")) == 0);
}

/* The delivery decision with this need: never by transport alone, never below what counts. */
static unsigned check_delivery(const struct protection *p, enum force force, struct str rcpt)
{
    unsigned n = 0;
    for (enum sess s = SESS_NOCONN; s < SESS_END; s++) {
        for (enum ladder l = LADDER_NONE; l < LADDER_END; l++, n++) {
            const struct facts f = {
                .force = force,
                .demand = p->demand,
                .counts = p->counts,
                .ladder = l,
                .mx = MX_SECURE,
                .sess = s,
            };
            struct verdict v = policy_decide(&f);
            bool sends = v.action == ACTION_SEND;
            must(!(p->demand == DEMAND_ESCALATED && sends));
            must(!(p->demand == DEMAND_SECURE && sends && v.grade < GRADE_CERT));
            must(!(force == FORCE_CERT && sends && v.grade < GRADE_CERT));
            must(
                !(p->demand == DEMAND_NONE && force == FORCE_NONE && s == SESS_PKIX_BAD && !sends));
        }
    }
    return n;
}

static unsigned long wrong, checked, decisions;

static void check(const unsigned *at, bool forced)
{
    struct buf facts = BUF_INIT(4096);
    struct conf *c = configuration(at, forced);
    struct line *want = expected(at);
    struct protection p;
    struct route route;
    write_facts(at, &facts);
    const struct protect_mail mail = {
        .reverse_path = STR("s@in.test"),
        .forward_path = at[0] == 0 ? STR("r@out.test") : STR("r@in.test"),
        .client_ip = at[0] == 2 ? STR("192.0.2.1") : STR("10.1.2.3"),
        .size = 100,
        .facts = buf_str(&facts),
    };
    protect_decide(c, &mail, &p);
    rules_route(c, mail.reverse_path, mail.forward_path, &route);
    must(want && route.force == (forced && at[0] == 0 ? FORCE_CERT : FORCE_NONE));
    want->used++;
    checked++;
    if (strcmp(demand_name(p.demand), want->words[DIMENSIONS]) != 0 ||
        strcmp(protect_action_name(p.action), want->words[DIMENSIONS + 1]) != 0) {
        wrong++;
        for (unsigned d = 0; d < DIMENSIONS && wrong < 20; d++) {
            printf("%s ", values[d][at[d]]);
        }
        printf("=> %s %s, the table says %s %s\n", demand_name(p.demand),
               protect_action_name(p.action), want->words[DIMENSIONS], want->words[DIMENSIONS + 1]);
    }
    decisions += check_delivery(&p, route.force, mail.forward_path);
    /* the record that is kept says the same */
    struct buf text = BUF_INIT(PROTECT_RECORD_MAX);
    struct protect_record kept, again;
    protect_record_of(&p, &kept);
    must(protect_record_write(&kept, &text) == 0);
    protect_record_read(buf_str(&text), &again);
    must(again.demand == p.demand &&
         (p.demand == DEMAND_NONE ||
          (again.counts == p.counts && strcmp(again.ladder, p.ladder) == 0)));
    buf_free(&text);
    buf_free(&facts);
}

static void every(unsigned *at, unsigned d)
{
    if (d == DIMENSIONS) {
        check(at, false);
        check(at, true);
        return;
    }
    for (at[d] = 0; at[d] < VALUES_MAX && values[d][at[d]]; at[d]++) {
        every(at, d + 1);
    }
}

int main(int argc, char **argv)
{
    unsigned at[DIMENSIONS] = {0};
    must(argc == 2);
    read_table(argv[1]);
    every(at, 0);
    free_configurations();
    for (size_t i = 0; i < n_lines; i++) {
        if (table[i].used == 0) {
            printf("line %zu of the table was never used\n", i + 1);
            wrong++;
        }
    }
    printf("decisions: %lu combinations of what a mail needs, %lu deliveries, %lu wrong\n", checked,
           decisions, wrong);
    return wrong > 0;
}
