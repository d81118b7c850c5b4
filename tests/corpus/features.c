/* SPDX-License-Identifier: Apache-2.0
 * features.c: what may weigh in each sentence of some texts (weigh.h), for tools/learn-weights.
 *
 * Usage: features PACKS PACK TYPE FILE. Each line of the file: kind, tab, a text with \n for its
 * line ends. Prints for each sentence the number of the line, the kind, the link's score, and
 * what stands there: "list=kin", "word=operati", "pair=off_sick".
 */
#include "detect/pack.h"
#include "sys/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct print {
    const struct detect_packs *packs;
    const struct detect_type *type;
    struct str kind;
    unsigned line;
};

static void print_one(void *arg, enum weigh_kind kind, unsigned number, struct str word)
{
    const struct print *p = arg;
    printf(" %s", weigh_kind_name(kind));
    if (kind == WEIGH_SCORE || kind == WEIGH_LENGTH) {
        printf("=%u", number * 10);
    } else if (kind == WEIGH_LIST) {
        printf("=%s", lists_name(p->packs->lists, number));
    } else if (kind == WEIGH_TYPE) {
        printf("=%s", p->packs->types[number]->name);
    } else if (kind == WEIGH_WHO) {
        printf("=%s", weigh_who_name((enum weigh_who)number));
    } else if (kind == WEIGH_MEETS) {
        unsigned who = number / WEIGH_TYPES_MAX;
        printf("=%s_%s", weigh_who_name((enum weigh_who)who),
               p->packs->types[number % WEIGH_TYPES_MAX]->name);
    } else if (kind == WEIGH_WORD || kind == WEIGH_PAIR) {
        size_t blank = str_find(word, ' ', 0);
        printf("=" STR_FMT "%s" STR_FMT, STR_ARG(str_slice(word, 0, blank)),
               blank < word.n ? "_" : "",
               STR_ARG(str_slice(word, blank < word.n ? blank + 1 : blank, word.n)));
    }
}

static void on_sentence(void *arg, const struct detect_type *type, const struct weighed *sentence)
{
    struct print *p = arg;
    if (type == p->type) {
        printf("%u\t" STR_FMT "\t%u\t", p->line, STR_ARG(p->kind), sentence->score);
        weigh_each(p->packs->lists, sentence, print_one, p);
        putchar('\n');
    }
}

static void each_text(struct detect_packs *p, struct print *print, struct str text)
{
    struct detect_result r;
    struct detect_text one = {text, DETECT_BODY};
    p->on_sentence = on_sentence;
    p->on_sentence_arg = print;
    detect_scan(p, &one, 1, &r);
    detect_result_free(&r);
}

/* In place: \n is a line end, \\ a backslash. */
static struct str unescape(char *text, size_t n)
{
    size_t to = 0;
    for (size_t i = 0; i < n; i++) {
        bool escape = text[i] == '\\' && i + 1 < n;
        i += escape;
        text[to++] = escape && text[i] == 'n' ? '\n' : escape && text[i] == 't' ? '\t' : text[i];
    }
    return str_from(text, to);
}

int main(int argc, char **argv)
{
    CLEANUP(buf_free)
    struct buf problems = BUF_INIT(1024 * 1024), text = BUF_INIT(256 * 1024 * 1024);
    struct detect_packs *p = detect_packs_new();
    const char *pack = argc == 5 ? argv[2] : NULL;
    if (argc != 5 || detect_packs_load(p, argv[1], &pack, 1, &problems) < 0 ||
        file_read(argv[4], &text) < 0) {
        fprintf(stderr, "Usage: features PACKS PACK TYPE FILE\n" STR_FMT,
                STR_ARG(buf_str(&problems)));
        return 64;
    }
    struct print print = {.packs = p, .type = pack_type(p, str_c(argv[3]))};
    struct str rest = buf_str(&text), line;
    for (; str_split(&rest, '\n', &line); print.line++) {
        if (str_split(&line, '\t', &print.kind)) {
            CLEANUP(err_free_ptr) char *copy = str_dup(line);
            each_text(p, &print, unescape(copy, line.n));
        }
    }
    detect_packs_free(p);
    return 0;
}
