/* SPDX-License-Identifier: Apache-2.0
 * decide_test.c: runs policy_decide() over every combination of its fourteen inputs (13,996,800)
 * against table.txt, an independent statement of the same rules, and asserts the fourteen
 * invariants for each. Argument: the table file. No cmocka: it prints one line per group.
 */
#include "policy/policy.h"
#include "smtp/permit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum name {
    N_FORCE,
    N_OVERRIDE,
    N_DEMAND,
    N_COUNTS,
    N_LADDER,
    N_REQTLS,
    N_TRNO,
    N_MX,
    N_TLSA,
    N_STS,
    N_SEEN,
    N_SESS,
    N_EXT,
    N_LOOK,
    N_SOFT,
    N_FLOOR,
    N_SENDER_ONLY,
    N_DANE_DECIDES,
    N_BELOW,
    N_MATCH_MISSING,
    N_CLASS,
    N_END
};

/* The values in words, in the order of the enums (this order is itself checked in names_test). */
static const char *const words[N_END][12] = {
    [N_FORCE] = {"none", "encrypt", "cert", "auth", "pin"},
    [N_OVERRIDE] = {"none", "relax"},
    [N_DEMAND] = {"none", "secure", "escalated"},
    [N_COUNTS] = {"encrypt", "cert", "auth"},
    [N_LADDER] = {"none", "msgenc", "portal"},
    [N_REQTLS] = {"no", "yes"},
    [N_TRNO] = {"off", "relax", "report"},
    [N_MX] = {"secure", "insecure", "error", "null"},
    [N_TLSA] = {"none", "usable", "unusable", "error"},
    [N_STS] = {"none", "testing", "match", "nomatch", "wait"},
    [N_SEEN] = {"no", "yes"},
    [N_SESS] = {"noconn", "noadv", "refused", "hsfail", "legacy", "dane_ok", "pin_ok", "pkix_ok",
                "pkix_bad"},
    [N_EXT] = {"no", "yes"},
    [N_LOOK] = {"incomplete", "complete", "overdue"},
    [N_SOFT] = {"no", "yes"},
    [N_FLOOR] = {"plain", "encrypt", "cert", "auth", "pin"},
    [N_SENDER_ONLY] = {"no", "yes"},
    [N_DANE_DECIDES] = {"no", "yes"},
    [N_BELOW] = {"no", "yes"},
    [N_MATCH_MISSING] = {"no", "yes"},
    [N_CLASS] = {"send", "temporary", "clear", "permanent"},
};
static const char *const name_words[N_END] = {
    "force", "override", "demand",      "counts",       "ladder", "reqtls",        "trno",
    "mx",    "tlsa",     "sts",         "seen",         "sess",   "ext",           "look",
    "soft",  "floor",    "sender-only", "dane-decides", "below",  "match-missing", "class",
};
static const char *const action_words[] = {"send", "defer", "bounce", "fallback", "defer-fallback"};

struct row {
    char label[8];
    unsigned mask[N_END];      /* 0: any value */
    int names[N_END], n_names; /* those with a mask */
    int result;                /* class or action */
    int reason;                /* -1: the host's */
};

static struct row host_rows[64], rcpt_rows[64];
static unsigned n_host, n_rcpt, host_hits[64], rcpt_hits[64];

static _Noreturn void die(const char *what, const char *detail)
{
    fprintf(stderr, "decide_test: %s: %s\n", what, detail);
    exit(2);
}

static int index_of(const char *const *list, int n, const char *word)
{
    for (int i = 0; i < n && list[i]; i++) {
        if (strcmp(list[i], word) == 0) {
            return i;
        }
    }
    return -1;
}

static void read_condition(struct row *r, char *text)
{
    char *eq = strchr(text, '=');
    if (!eq) {
        die("condition", text);
    }
    *eq = '\0';
    int name = index_of(name_words, N_END, text);
    char *save = NULL;
    for (char *v = name < 0 ? NULL : strtok_r(eq + 1, ",", &save); v;
         v = strtok_r(NULL, ",", &save)) {
        int i = index_of(words[name], 12, v);
        if (i < 0) {
            die("value", v);
        }
        if (!r->mask[name]) {
            r->names[r->n_names++] = name;
        }
        r->mask[name] |= 1u << i;
    }
    if (name < 0 || !r->mask[name]) {
        die("condition", text);
    }
}

static int reason_index(const char *word)
{
    if (strcmp(word, "host") == 0) {
        return -1;
    }
    for (int i = 0; i < REASON_END; i++) {
        if (strcmp(reason_name((enum reason)i), word) == 0) {
            return i;
        }
    }
    die("reason", word);
}

static void read_table(const char *path)
{
    char line[512];
    FILE *f = fopen(path, "r");
    if (!f) {
        die("cannot open", path);
    }
    while (fgets(line, sizeof line, f)) {
        char *save = NULL, *kind = strtok_r(line, " \n", &save);
        if (!kind || *kind == '#') {
            continue;
        }
        bool host = strcmp(kind, "host") == 0;
        struct row *r = host ? &host_rows[n_host++] : &rcpt_rows[n_rcpt++];
        snprintf(r->label, sizeof r->label, "%s", strtok_r(NULL, " \n", &save));
        char *word;
        while ((word = strtok_r(NULL, " \n", &save)) && strcmp(word, "->") != 0) {
            read_condition(r, word);
        }
        word = strtok_r(NULL, " \n", &save);
        r->result = host ? index_of(words[N_CLASS], 12, word) : index_of(action_words, 5, word);
        r->reason = reason_index(strtok_r(NULL, " \n", &save));
        if (r->result < 0) {
            die("result", word);
        }
    }
    fclose(f);
}

/* The derived names, by arithmetic on the value numbers: written from the definitions, not from the
 * program. */
static void derive(int v[N_END])
{
    static const int grade_vouched[] = {0, 0, 0, 0, 1, 3, 4, 3, 1},
                     grade_unvouched[] = {0, 0, 0, 0, 1, 2, 4, 2, 1};
    bool dane = v[N_TLSA] == 1, unusable = v[N_TLSA] == 2, match = v[N_STS] == 2;
    v[N_DANE_DECIDES] = dane && v[N_MX] == 0;
    v[N_SOFT] = v[N_OVERRIDE] == 1 || v[N_FORCE] == 4 || (v[N_TRNO] > 0 && !v[N_REQTLS]);
    int sender = v[N_FORCE];
    if (v[N_DEMAND] == 1 && v[N_COUNTS] + 1 > sender) {
        sender = v[N_COUNTS] + 1;
    }
    if (v[N_REQTLS] && sender < 3) {
        sender = 3;
    }
    int recipient = 0;
    if (!v[N_SOFT]) {
        recipient = match && !v[N_DANE_DECIDES] ? 3 : dane || unusable || v[N_SEEN] ? 1 : 0;
    }
    int grade = v[N_MX] == 0 || match ? grade_vouched[v[N_SESS]] : grade_unvouched[v[N_SESS]];
    v[N_FLOOR] = sender > recipient ? sender : recipient;
    v[N_SENDER_ONLY] = sender > 0 && recipient == 0;
    v[N_BELOW] = grade < v[N_FLOOR];
    v[N_MATCH_MISSING] = !v[N_SOFT] && dane && v[N_SESS] != 5;
}

static const struct row *first_fit(const struct row *rows, unsigned n, const int v[N_END],
                                   unsigned *hits)
{
    for (unsigned i = 0; i < n; i++) {
        bool fits = true;
        for (int k = 0; k < rows[i].n_names && fits; k++) {
            int name = rows[i].names[k];
            fits = rows[i].mask[name] & (1u << v[name]);
        }
        if (fits) {
            hits[i]++;
            return &rows[i];
        }
    }
    die("no row fits", "");
}

static struct facts facts_of(const int v[N_END])
{
    return (struct facts){(enum force)v[N_FORCE],
                          (enum override)v[N_OVERRIDE],
                          (enum demand)v[N_DEMAND],
                          (enum counts)v[N_COUNTS],
                          (enum ladder)v[N_LADDER],
                          v[N_REQTLS] != 0,
                          (enum trno)v[N_TRNO],
                          (enum mx)v[N_MX],
                          (enum tlsa)v[N_TLSA],
                          (enum sts)v[N_STS],
                          v[N_SEEN] != 0,
                          (enum sess)v[N_SESS],
                          v[N_EXT] != 0,
                          (enum look_state)v[N_LOOK]};
}

static unsigned long failures, invariants_broken;

static void complain(const char *what, const int v[N_END])
{
    if (failures++ < 10) {
        fprintf(stderr, "decide_test: %s for", what);
        for (int k = 0; k <= N_LOOK; k++) {
            fprintf(stderr, " %s=%s", name_words[k], words[k][v[k]]);
        }
        fputs("\n", stderr);
    }
}

static void invariant(bool holds, const char *name, const int v[N_END])
{
    if (!holds) {
        invariants_broken++;
        complain(name, v);
    }
}

/* I0 to I13 of the specification, each on the program's own answer.
 * RFC 8689 4.1 MUST: with REQUIRETLS the field is ignored */
static void check_invariants(const struct facts *f, const struct verdict *d, const int v[N_END])
{
    bool sent = d->action == ACTION_SEND, soft = v[N_SOFT];
    bool in_clear = sent && d->reason == REASON_SENT_PLAIN;
    bool offered = f->sess != SESS_NOCONN && f->sess != SESS_NOADV;
    struct facts other = *f;
    invariant(d->action < ACTION_END && d->reason > REASON_NONE && d->reason < REASON_END,
              "I0 total", v);
    invariant(!in_clear || !offered ||
                  (f->trno == TRNO_REPORT && (f->sess == SESS_REFUSED || f->sess == SESS_HSFAIL)),
              "I1", v);
    invariant(!in_clear || (f->force == FORCE_NONE && f->demand == DEMAND_NONE && !f->reqtls), "I2",
              v);
    invariant(!in_clear || soft ||
                  (f->tlsa == TLSA_NONE && (f->sts == STS_NONE || f->sts == STS_TESTING) &&
                   !f->seen),
              "I3", v);
    invariant(!in_clear || soft || f->look != LOOK_INCOMPLETE, "I13", v);
    invariant(f->demand != DEMAND_ESCALATED || !sent, "I4", v);
    invariant(!sent || f->demand != DEMAND_SECURE || (int)d->grade >= (int)f->counts + 1, "I5", v);
    invariant(!sent || (int)d->grade >= (int)f->force, "I6", v);
    invariant(!sent || !f->reqtls || (d->grade >= GRADE_AUTH && f->ext), "I7", v);
    invariant(!sent || soft || f->tlsa != TLSA_USABLE || f->sess == SESS_DANE_OK, "I8", v);
    invariant(!sent || soft || f->tlsa != TLSA_ERROR, "I9", v);
    invariant(!sent || soft || f->sts != STS_NOMATCH ||
                  (f->tlsa == TLSA_USABLE && f->mx == MX_SECURE),
              "I10", v);
    if (f->sts == STS_TESTING) {
        other.sts = STS_NONE;
        struct verdict same = policy_decide(&other);
        invariant(same.action == d->action && same.reason == d->reason && same.grade == d->grade,
                  "I11", v);
    }
    if (f->override == OVERRIDE_NONE && d->action == ACTION_BOUNCE) {
        other = *f;
        other.override = OVERRIDE_RELAX;
        invariant(policy_decide(&other).action != ACTION_SEND, "I12", v);
    }
    struct host_verdict host = policy_host(f);
    struct permit permit = {0};
    bool granted = policy_permit(&host, &permit);
    invariant(granted == (host.class == HOST_SEND), "permit only for send", v);
    invariant(!granted ||
                  (permit.transport == PERMIT_PLAINTEXT) == (host.reason == REASON_SENT_PLAIN),
              "permit transport", v);
}

static void check(int v[N_END])
{
    derive(v);
    struct facts f = facts_of(v);
    struct verdict d = policy_decide(&f);
    const struct row *host = first_fit(host_rows, n_host, v, host_hits);
    v[N_CLASS] = host->result;
    const struct row *rcpt = first_fit(rcpt_rows, n_rcpt, v, rcpt_hits);
    int reason = rcpt->reason < 0 ? host->reason : rcpt->reason;
    if ((int)d.action != rcpt->result || (int)d.reason != reason ||
        (int)d.need.floor != v[N_FLOOR]) {
        complain(rcpt->label, v);
    }
    check_invariants(&f, &d, v);
}

static int unused_rows(const struct row *rows, unsigned n, const unsigned *hits)
{
    int unused = 0;
    for (unsigned i = 0; i < n; i++) {
        if (hits[i] == 0) {
            fprintf(stderr, "decide_test: row %s never decides\n", rows[i].label);
            unused++;
        }
    }
    return unused;
}

int main(int argc, char **argv)
{
    static const int sizes[] = {
        FORCE_END, OVERRIDE_END, DEMAND_END, COUNTS_END, LADDER_END, 2, TRNO_END,
        MX_END,    TLSA_END,     STS_END,    2,          SESS_END,   2, LOOK_END,
    };
    int v[N_END] = {0};
    unsigned long n = 0;
    read_table(argc > 1 ? argv[1] : "tests/exhaustive/table.txt");
    for (bool more = true; more;) {
        check(v);
        n++;
        more = false;
        for (int k = 0; k <= N_LOOK; k++) {
            if (++v[k] < sizes[k]) {
                more = true;
                break;
            }
            v[k] = 0;
        }
    }
    int unused =
        unused_rows(host_rows, n_host, host_hits) + unused_rows(rcpt_rows, n_rcpt, rcpt_hits);
    printf("decisions: %lu combinations, %lu differ from the table, %lu invariants broken, %d rows "
           "unused\n",
           n, failures - invariants_broken, invariants_broken, unused);
    return failures || unused ? 1 : 0;
}
