/* SPDX-License-Identifier: Apache-2.0
 * measure.c: how well the shipped packs find, and how often they cry wolf, over the corpus of
 * make.py.
 *
 * Usage: measure PACKS CORPUS [--wrong] [--mails FILE [--known FILE]] [--plain FILE]. Prints a
 * table; exit status 1 when a goal is missed, or when there is nothing to measure it with:
 * recall of types with a check at least 99 %, each pack right on 99 % of its own mails, at most
 * 1 of 2,000 ordinary mails taken for one by each pack; of plain sentences that tell somebody's
 * health 85 % found in the half that nobody tunes on, of harmless ones at most 1 of 50 taken for
 * one. "Found" means at least at medium. --mails: ordinary mails from elsewhere, as in
 * negative.tsv; --known: packs, subject and reason of those among them that a pack takes
 * rightly, and is not counted for; --plain: sentences from elsewhere, as in plain.tsv.
 */
#include "detect/detect.h"
#include "sys/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { NAMES_MAX = 100, SAMPLES_LEAST = 100 };

static const char *const checked[] = {
    "card",   "iban",   "us-ssn",  "us-itin",   "us-mbi", "us-npi", "us-dea",
    "us-aba", "uk-nhs", "uk-nino", "uk-driver", "icd-10", "ndc",    "dob",
};
static const char *const with_mails[] = {"hipaa", "pci", "glba", "uk-health", "secrets"};

struct tally {
    char name[40];
    unsigned samples, found; /* of its own positive samples */
    /* negative samples in which it was found: ordinary mail, all other classes */
    unsigned mails, others;
    unsigned known; /* rightly, in ordinary mail */
};

static struct tally types[NAMES_MAX], packs[NAMES_MAX];
static size_t n_types, n_packs;
static unsigned n_mails, n_others;
static struct buf known = BUF_INIT(64 * 1024);
static bool show_wrong;

static struct tally *tally_of(struct tally *list, size_t *n, struct str name)
{
    for (size_t i = 0; i < *n; i++) {
        if (str_eq(name, str_c(list[i].name))) {
            return &list[i];
        }
    }
    must(*n < NAMES_MAX);
    str_copy_cut(name, list[*n].name, sizeof list[*n].name);
    return &list[(*n)++];
}

/* \n, \r, \t and \\ back to what they stand for. */
static struct str unescape(struct str line, struct buf *out)
{
    buf_reset(out);
    for (size_t i = 0; i < line.n; i++) {
        char c = line.p[i];
        if (c == '\\' && i + 1 < line.n) {
            c = line.p[++i] == 'n' ? '\n'
                : line.p[i] == 't' ? '\t'
                : line.p[i] == 'r' ? '\r'
                                   : line.p[i];
        }
        must(buf_append(out, &c, 1) == 0);
    }
    return buf_str(out);
}

struct hits {
    char names[NAMES_MAX][40];
    size_t n;
};

static void add_hit(struct hits *h, const char *name)
{
    for (size_t i = 0; i < h->n; i++) {
        if (strcmp(h->names[i], name) == 0) {
            return;
        }
    }
    must(h->n < NAMES_MAX);
    str_copy_cut(str_c(name), h->names[h->n++], 40);
}

static void on_rule(void *arg, const char *pack, const char *rule, const char *title)
{
    add_hit(arg, pack);
}

static void look(const struct detect_packs *p, struct str text, struct hits *found,
                 struct hits *fulfilled)
{
    const struct detect_text one = {text, DETECT_BODY};
    struct detect_result r;
    detect_scan(p, &one, 1, &r);
    must(!r.incomplete);
    for (size_t i = 0; i < r.n; i++) {
        if (r.findings[i].score >= DETECT_MEDIUM) {
            add_hit(found, detect_type_name(r.findings[i].type));
        }
    }
    detect_rules(p, &r, on_rule, fulfilled);
    detect_result_free(&r);
}

/* The type, or a part of it: tokens are eight types, token-cloud and so on. */
static bool has(const struct hits *h, const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < h->n; i++) {
        if (strncmp(h->names[i], name, n) == 0 &&
            (h->names[i][n] == '\0' || h->names[i][n] == '-')) {
            return true;
        }
    }
    return false;
}

static void positive(const struct detect_packs *p, struct str name, struct str text)
{
    struct hits found = {0}, fulfilled = {0};
    bool is_pack = str_starts_nocase(name, STR("pack "));
    name = is_pack ? str_slice(name, 5, name.n) : name;
    struct tally *t = is_pack ? tally_of(packs, &n_packs, name) : tally_of(types, &n_types, name);
    CLEANUP(buf_free) struct buf drawn = BUF_INIT(64 * 1024); /* tokens, which stand in no file */
    must(detect_vector_text(text, t->samples, &drawn) == 0);
    text = buf_str(&drawn);
    look(p, text, &found, &fulfilled);
    bool right = has(is_pack ? &fulfilled : &found, t->name);
    t->samples++;
    t->found += right;
    if (show_wrong && !right) {
        printf("missed %s: " STR_FMT "\n", t->name, STR_ARG(text));
    }
}

/* A number in groups, in a wrapped text: in a row of its own. */
static void positive_in_groups(const struct detect_packs *p, struct str name, struct str text)
{
    struct hits found = {0}, fulfilled = {0};
    char row[40], type[40];
    snprintf(row, sizeof row, STR_FMT ", groups", STR_ARG(name));
    str_copy_cut(name, type, sizeof type);
    struct tally *t = tally_of(types, &n_types, str_c(row));
    look(p, text, &found, &fulfilled);
    t->samples++;
    t->found += has(&found, type);
    if (show_wrong && !has(&found, type)) {
        printf("missed %s: " STR_FMT "\n", row, STR_ARG(text));
    }
}

/* A row of --known names that pack and the first line of the text. */
static bool is_known(const char *pack, struct str text)
{
    struct str rows = buf_str(&known), row, packs_of_row, subject, one;
    while (str_split(&rows, '\n', &row)) {
        bool right = str_split(&row, '\t', &packs_of_row) && str_split(&row, '\t', &subject);
        right = right && str_eq(str_slice(text, 0, str_find(text, '\n', 0)), subject);
        while (right && str_split(&packs_of_row, ',', &one)) {
            if (str_eq(one, str_c(pack))) {
                return true;
            }
        }
    }
    return false;
}

static void negative(const struct detect_packs *p, struct str class, struct str text)
{
    struct hits found = {0}, fulfilled = {0};
    bool mail = str_eq(class, STR("mail"));
    look(p, text, &found, &fulfilled);
    *(mail ? &n_mails : &n_others) += 1;
    for (size_t i = 0; i < found.n; i++) {
        struct tally *t = tally_of(types, &n_types, str_c(found.names[i]));
        *(mail ? &t->mails : &t->others) += 1;
    }
    for (size_t i = 0; i < fulfilled.n; i++) {
        struct tally *t = tally_of(packs, &n_packs, str_c(fulfilled.names[i]));
        if (is_known(t->name, text)) {
            t->known++;
            continue;
        }
        *(mail ? &t->mails : &t->others) += 1;
        if (show_wrong) {
            printf("wrong %s in " STR_FMT ": " STR_FMT "\n", fulfilled.names[i], STR_ARG(class),
                   STR_ARG(text));
        }
    }
}

/* --- plain sentences ---------------------------------------------------- */

/* One language: the first, third, fifth ... sentence may be looked at while packs are written, the
 * others not; of later ones "seen" and "unseen" say so, of the last ones also the turn ("en tells
 * unseen third-writer"). */
struct plain {
    char language[24]; /* "fr"; "fr-business": for that pack */
    const char *pack;
    unsigned tells[2], found[2], harmless[2], wrong[2];
};

static struct plain plains[16];
static size_t n_plains;

/* The row of that name, a language or a turn. */
static struct plain *plain_of(struct str name, const char *pack)
{
    for (size_t i = 0; i < n_plains; i++) {
        if (str_eq(name, str_c(plains[i].language))) {
            return &plains[i];
        }
    }
    must(n_plains < ARRAY_LEN(plains));
    str_copy_cut(name, plains[n_plains].language, sizeof plains[0].language);
    plains[n_plains].pack = pack;
    return &plains[n_plains++];
}

static void count_plain(struct plain *row, bool tells, bool held_out, bool hit)
{
    *(tells ? &row->tells[held_out] : &row->harmless[held_out]) += 1;
    *(tells ? &row->found[held_out] : &row->wrong[held_out]) += hit;
}

static void plain(const struct detect_packs *p, struct str kind, struct str text)
{
    struct hits found = {0}, fulfilled = {0};
    struct str language, what, half;
    must(str_split(&kind, ' ', &language));
    must(str_split(&kind, ' ', &what));
    bool business = str_ends_nocase(language, STR("-business"));
    struct plain *row = plain_of(language, business ? "business" : "patients");
    bool tells = str_eq(what, STR("tells"));
    bool even = (tells ? row->tells[0] + row->tells[1] : row->harmless[0] + row->harmless[1]) % 2;
    bool held_out = str_split(&kind, ' ', &half) ? str_eq(half, STR("unseen")) : even;
    look(p, text, &found, &fulfilled);
    bool hit = has(&fulfilled, row->pack);
    count_plain(row, tells, held_out, hit);
    if (kind.n > 0) {
        count_plain(plain_of(kind, "turns of patients"), tells, held_out, hit);
    }
    if (show_wrong && !held_out && hit != tells) {
        printf("%s " STR_FMT ": " STR_FMT "\n", tells ? "missed" : "wrong", STR_ARG(language),
               STR_ARG(text));
    }
}

static void print_row(const struct plain *row)
{
    printf("%-16s %5u of %3u %5u of %3u %8u of %4u %8u of %4u\n", row->language, row->found[0],
           row->tells[0], row->found[1], row->tells[1], row->wrong[0], row->harmless[0],
           row->wrong[1], row->harmless[1]);
}

static void print_turns(void)
{
    for (size_t i = 0; i < n_plains; i++) {
        if (strcmp(plains[i].pack, "turns of patients") == 0) {
            print_row(&plains[i]);
        }
    }
}

static bool print_plain(const char *pack)
{
    struct plain all = {.language = "all"};
    printf("%-16s %12s %12s %16s %16s\n", pack, "tuned on", "held out", "wrong, tuned on",
           "wrong, held out");
    for (size_t i = 0; i < n_plains; i++) {
        const struct plain *row = &plains[i];
        if (strcmp(row->pack, pack) != 0) {
            continue;
        }
        print_row(row);
        for (int half = 0; half < 2; half++) {
            all.tells[half] += row->tells[half];
            all.found[half] += row->found[half];
            all.harmless[half] += row->harmless[half];
            all.wrong[half] += row->wrong[half];
        }
    }
    print_row(&all);
    bool any = all.tells[0] + all.tells[1] + all.harmless[0] + all.harmless[1] > 0;
    bool enough = any && all.found[1] * 100 >= all.tells[1] * 85,
         few = all.wrong[1] * 50 <= all.harmless[1];
    printf("%s%s\n", enough ? "" : "RECALL TOO LOW\n", few ? "" : "TOO OFTEN WRONG\n");
    return enough && few;
}

static void each_line(const struct detect_packs *p, const char *directory, const char *name,
                      void (*fn)(const struct detect_packs *, struct str, struct str))
{
    CLEANUP(buf_free) struct buf text = BUF_INIT(64 * 1024 * 1024), one = BUF_INIT(1024 * 1024);
    char path[4096];
    struct str line, kind;
    snprintf(path, sizeof path, "%s%s%s", directory ? directory : "", directory ? "/" : "", name);
    if (file_read(path, &text) < 0) {
        fprintf(stderr, "%s cannot be read\n", path);
        exit(1);
    }
    struct str rest = buf_str(&text);
    while (str_split(&rest, '\n', &line)) {
        if (str_split(&line, '\t', &kind) && kind.n > 0) {
            fn(p, kind, unescape(line, &one));
        }
    }
}

static bool print_rows(const char *what, const struct tally *list, size_t n, bool all_count)
{
    bool good = true;
    printf("%-16s %8s %8s %8s %12s %12s\n", what, "samples", "found", "recall", "false, mail",
           "false, other");
    for (size_t i = 0; i < n; i++) {
        const struct tally *t = &list[i];
        bool counts = all_count, few = true;
        for (size_t k = 0; k < ARRAY_LEN(checked); k++) {
            counts |= strcmp(t->name, checked[k]) == 0;
        }
        counts |= str_ends_nocase(str_c(t->name), STR(", groups"));
        if (all_count) {
            few = (uint64_t)t->mails * 2000 <= n_mails;
        }
        bool enough = !counts || t->found * 100 >= t->samples * 99;
        good &= enough && few;
        printf("%-16s %8u %8u %7.1f%% %12u %12u%s%s", t->name, t->samples, t->found,
               t->samples ? 100.0 * t->found / t->samples : 0.0, t->mails, t->others,
               enough ? "" : "  RECALL TOO LOW", few ? "" : "  TOO OFTEN WRONG");
        printf(t->known ? "  (and %u rightly)\n" : "\n", t->known);
    }
    return good;
}

/* What has no samples cannot fail: each that has a goal must have enough. */
static bool have_samples(const char *const *names, size_t n_names, const struct tally *list,
                         size_t n)
{
    bool good = true;
    for (size_t i = 0; i < n_names; i++) {
        unsigned samples = 0;
        for (size_t k = 0; k < n; k++) {
            samples = strcmp(list[k].name, names[i]) == 0 ? list[k].samples : samples;
        }
        if (samples < SAMPLES_LEAST) {
            printf("%s: %u samples, at least %d are wanted\n", names[i], samples, SAMPLES_LEAST);
            good = false;
        }
    }
    return good;
}

static bool print_all(bool own_sentences)
{
    bool good = print_rows("type", types, n_types, false);
    printf("\n");
    good &= print_rows("pack", packs, n_packs, true);
    printf("\n");
    good &= print_plain("patients");
    good &= !own_sentences || print_plain("business");
    print_turns();
    good &= have_samples(checked, ARRAY_LEN(checked), types, n_types) &
            have_samples(with_mails, ARRAY_LEN(with_mails), packs, n_packs);
    if (n_mails == 0) {
        printf("there are no ordinary mails\n");
    }
    return good && n_mails > 0;
}

int main(int argc, char **argv)
{
    CLEANUP(buf_free) struct buf problems = BUF_INIT(1024 * 1024);
    if (argc < 3) {
        fputs(
            "Usage: measure PACKS CORPUS [--wrong] [--mails FILE [--known FILE]] [--plain FILE]\n",
            stderr);
        return 64;
    }
    const char *mails = NULL, *sentences = NULL;
    for (int i = 3; i < argc; i++) {
        show_wrong |= strcmp(argv[i], "--wrong") == 0;
        mails = strcmp(argv[i], "--mails") == 0 && argv[i + 1] ? argv[i + 1] : mails;
        bool names_known = strcmp(argv[i], "--known") == 0 && argv[i + 1];
        must(!names_known || file_read(argv[i + 1], &known) == 0);
        sentences = strcmp(argv[i], "--plain") == 0 && argv[i + 1] ? argv[i + 1] : sentences;
    }
    struct detect_packs *p = detect_packs_new();
    if (detect_packs_load(p, argv[1], NULL, 0, &problems) < 0 ||
        detect_packs_test(p, &problems) < 0) {
        fprintf(stderr, STR_FMT, STR_ARG(buf_str(&problems)));
        return 1;
    }
    clock_t begin = clock();
    each_line(p, argv[2], "positive.tsv", positive);
    each_line(p, argv[2], "grouped.tsv", positive_in_groups);
    if (mails) {
        each_line(p, NULL, mails, negative);
    } else {
        each_line(p, argv[2], "negative.tsv", negative);
    }
    each_line(p, sentences ? NULL : argv[2], sentences ? sentences : "plain.tsv", plain);
    double seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
    bool good = print_all(!sentences);
    printf(
        "\n%u ordinary mails and %u other texts without anything to find; %.1f s of CPU for all.\n",
        n_mails, n_others, seconds);
    detect_packs_free(p);
    buf_free(&known);
    return good ? 0 : 1;
}
