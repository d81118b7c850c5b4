/* SPDX-License-Identifier: Apache-2.0
 * attribution.c: "wrote" and what stands around it, in the languages of mail programs
 * (attribution.h).
 */
#include "wire/attribution.h"
#include "base/unseen.h"

enum {
    LONGEST = 500, /* octets of an attribution; RFC 5322 2.1.1: programs wrap at 78 */
    NAME_WORDS = 8,
    LEAD_WORDS = 4,  /* before the date: "On Monday, November" */
    DATE_WORDS = 8,  /* between its numbers */
    GAP_WORDS = 3,   /* between two of them: "23 de noviembre de 2026" */
    BACK_WORDS = 10, /* after the address, with a date */
    YEAR_LEAST = 1900,
    YEAR_MOST = 2199,
};

/* How they end, without the colon. */
static const char *const wrote[] = {
    "wrote",    "writes",     "schrieb",  "geschrieben", "a écrit",  "escribió",  "ha scritto",
    "schreef",  "geschreven", "escreveu", "skrev",       "följande", "napisał",   "napisał(a)",
    "napsal",   "napsal(a)",  "napísal",  "napísal(a)",  "ezt írta", "kirjoitti", "написал",
    "написала", "написал(а)", "пишет",    "пише",        "написав",  "yazdı",     "napisao",
    "a scris",  "写道",       "寫道",     "님이 작성",   "έγραψε",   "đã viết",
};
/* The verb before the name: "Am 23.11.2026 um 09:12 schrieb Bob <bob@b.example>:" */
static const char *const wrote_before[] = {"schrieb", "schreef", "skrev"};
/* The name first, the date after the verb: Gmail in German, Hungarian, Turkish and Chinese. */
static const char *const wrote_then_date[] = {"schrieb am", "ezt írta", "yazdı", "写道", "寫道"};
/* How they begin where no number or day of the week does. */
static const char *const starts[] = {
    "On ", "At ",  "Am ",     "Le ",   "El ",  "Il ",  "Op ",
    "Em ", "Den ", "W dniu ", "Dnia ", "Dne ", "Vào ", "Στις ",
};
/* Parts of dates of those that have no verb: Gmail in Russian, Japanese and Chinese, and of ten
 * years ago. */
static const char *const dates_without_verb[] = {" г. в ", " г., ", "年", " GMT+", " GMT-"};

/* Small words of dates, names and verbs. */
static const char *const particles[] = {
    "am",        "pm",         "a.m.",       "p.m.",         "at",    "um",  "uhr",
    "om",        "kl",         "kl.",        "hat",          "heeft", "ha",  "het",
    "volgende",  "von",        "van",        "der",          "den",   "de",  "da",
    "do",        "dos",        "del",        "della",        "di",    "du",  "la",
    "le",        "el",         "al",         "bin",          "ibn",   "via", "şunu",
    "tarihinde", "odesílatel", "użytkownik", "пользователь", "г.",    "р.",
};
/* Words of sentences, which stand in no attribution. */
static const char *const sentence[] = {
    "i",     "you",     "he",      "she",   "we",   "they",   "it",   "who",  "which", "that",
    "and",   "but",     "me",      "us",    "him",  "her",    "them", "my",   "our",   "his",
    "your",  "the",     "this",    "to",    "for",  "please", "as",   "what", "how",   "from",
    "with",  "ich",     "du",      "er",    "sie",  "wir",    "ihr",  "es",   "mir",   "uns",
    "ihm",   "ihnen",   "und",     "bitte", "das",  "die",    "wie",  "was",  "mit",   "für",
    "je",    "tu",      "il",      "elle",  "nous", "vous",   "qui",  "et",   "pour",  "ik",
    "hij",   "zij",     "ze",      "wij",   "en",   "mij",    "yo",   "él",   "ella",  "que",
    "quien", "y",       "nos",     "para",  "io",   "lui",    "lei",  "che",  "e",     "mi",
    "ci",    "eu",      "ele",     "ela",   "quem", "jag",    "han",  "hon",  "som",   "och",
    "jeg",   "hun",     "og",      "я",     "он",   "она",    "мы",   "вы",   "и",     "мне",
    "нам",   "который", "которая", "ja",    "on",   "ona",    "my",   "ktoś", "który", "która",
    "comme", "como",    "come",
};

/* --- words -------------------------------------------------------------- */

static bool attribution_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

typedef bool (*fits_fn)(struct str s, struct str word);

static bool attribution_is_in(struct str s, const char *const *words, size_t n, fits_fn fits)
{
    for (size_t i = 0; i < n; i++) {
        if (fits(s, str_c(words[i]))) {
            return true;
        }
    }
    return false;
}

static bool is_around(char c)
{
    return c && strchr(" \t,;\"'()<>[]", c);
}

static struct str trim_around(struct str s)
{
    while (s.n > 0 && is_around(s.p[0])) {
        s = str_slice(s, 1, s.n);
    }
    while (s.n > 0 && is_around(s.p[s.n - 1])) {
        s.n--;
    }
    return s;
}

/* A letter that is small, in the alphabets that have such: ASCII, Latin-1, Latin Extended-A (every
 * second one), Greek, Cyrillic. */
static bool is_small(struct str word)
{
    size_t n;
    uint32_t c = unseen_decode(word, &n);
    if (c == 0) {
        return word.n > 0 && word.p[0] >= 'a' && word.p[0] <= 'z';
    }
    bool latin = (c >= 0xdf && c <= 0xff) || (c >= 0x100 && c < 0x180 && c % 2 == 1);
    return latin || (c >= 0x3ac && c <= 0x3ce) || (c >= 0x430 && c <= 0x45f);
}

/* The words of some octets. */
struct words {
    unsigned n, small; /* small ones that are no particles: of sentences, mostly */
    unsigned gap;      /* the most without a number between them */
    bool of_sentence;
};

static struct words attribution_count(struct str s)
{
    struct words w = {.n = 0};
    struct str one;
    unsigned gap = 0;
    while (str_split(&s, ' ', &one)) {
        one = trim_around(one);
        if (one.n == 0 || attribution_is_digit(one.p[0])) {
            gap = one.n == 0 ? gap : 0;
            continue;
        }
        w.n++;
        gap++;
        w.gap = gap > w.gap ? gap : w.gap;
        bool address = str_find(one, '@', 0) < one.n; /* in place of a name, or twice: Outlook */
        bool particle =
            address || attribution_is_in(one, particles, ARRAY_LEN(particles), str_eq_nocase);
        w.small += !particle && is_small(one);
        w.of_sentence |= attribution_is_in(one, sentence, ARRAY_LEN(sentence), str_eq_nocase);
    }
    return w;
}

bool attribution_is_name(struct str s)
{
    struct words w = attribution_count(s);
    return w.n > 0 && w.n <= NAME_WORDS && w.small == 0 && !w.of_sentence;
}

bool attribution_take_colon(struct str *line)
{
    struct str s = *line;
    bool wide = s.n >= 3 && memcmp(s.p + s.n - 3, "：", 3) == 0;
    if (!wide && (s.n == 0 || s.p[s.n - 1] != ':')) {
        return false;
    }
    s = str_trim(str_slice(s, 0, s.n - (wide ? 3 : 1)));
    s.n -= s.n >= 2 && memcmp(s.p + s.n - 2, "\u00a0", 2) == 0 ? 2 : 0;
    s.n -= s.n >= 3 && memcmp(s.p + s.n - 3, "\u202f", 3) == 0 ? 3 : 0;
    *line = s;
    return true;
}

/* --- dates -------------------------------------------------------------- */

/* "23.11.2026", "09:12", "2026": up to three numbers with one kind of sign between them. */
struct numbers {
    unsigned n, value[3], digits[3];
    char sign;
    size_t end;
};

static struct numbers numbers_at(struct str s, size_t at)
{
    struct numbers r = {.end = at};
    while (r.n < ARRAY_LEN(r.value) && r.end < s.n && attribution_is_digit(s.p[r.end])) {
        for (; r.end < s.n && attribution_is_digit(s.p[r.end]); r.end++) {
            unsigned digit = (unsigned)(s.p[r.end] - '0');
            r.value[r.n] = r.value[r.n] < 100000 ? r.value[r.n] * 10 + digit : r.value[r.n];
            r.digits[r.n]++;
        }
        r.n++;
        char sign = r.end + 1 < s.n && attribution_is_digit(s.p[r.end + 1]) ? s.p[r.end] : 0;
        if (!sign || !strchr("./:-", sign) || (r.sign && sign != r.sign)) {
            break;
        }
        r.sign = sign;
        r.end += r.n < ARRAY_LEN(r.value);
    }
    return r;
}

static bool is_year(const struct numbers *r, unsigned i)
{
    return r->digits[i] == 4 && r->value[i] >= YEAR_LEAST && r->value[i] <= YEAR_MOST;
}

/* A year, "23.11.2026", "2026-11-23", "11/23/26". */
static bool attribution_is_date(const struct numbers *r)
{
    if (r->n == 1) {
        return is_year(r, 0);
    }
    if (r->n < 3 || r->sign == ':') {
        return false;
    }
    bool first = is_year(r, 0);
    unsigned a = first ? r->value[1] : r->value[0], b = first ? r->value[2] : r->value[1];
    bool year = first || is_year(r, 2) || r->digits[2] == 2;
    return year && a > 0 && b > 0 && a <= 31 && b <= 31 && (a <= 12 || b <= 12);
}

/* "9:12", "09.12" of Danes and Finns, "09 h 12", "9時". */
static bool is_time(const struct numbers *r, struct str behind)
{
    static const char *const hours[] = {"h ", "時", "时", "시"};
    bool hour = r->value[0] < 24 && r->digits[0] <= 2;
    if (r->n == 1) {
        struct str near = str_slice(behind, behind.n > 0 && behind.p[0] == ' ', behind.n);
        bool digit = near.n > 1 && near.p[0] == 'h' && attribution_is_digit(near.p[1]);
        return hour &&
               (digit || attribution_is_in(near, hours, ARRAY_LEN(hours), str_starts_nocase));
    }
    bool sixty = r->value[1] < 60 && r->digits[1] == 2 && (r->n == 2 || r->value[2] < 60);
    bool goes_on = behind.n > 0 && behind.p[0] == '.'; /* "23.11." */
    return hour && sixty && (r->sign == ':' || (r->sign == '.' && !goes_on));
}

struct attribution_moment attribution_moment_of(struct str s)
{
    struct attribution_moment m = {.date = false};
    for (size_t i = 0; i < s.n;) {
        if (!attribution_is_digit(s.p[i])) {
            i++;
            continue;
        }
        struct numbers r = numbers_at(s, i);
        bool date = attribution_is_date(&r);
        m.date |= date;
        m.time |= !date && is_time(&r, str_slice(s, r.end, s.n));
        i = r.end;
    }
    return m;
}

/* --- attributions ------------------------------------------------------- */

/* Appends s with a blank for each blank there is, and nothing for what nobody sees. False: too
 * long. */
static bool attribution_add_plain(char *dst, size_t *n, struct str s)
{
    while (s.n > 0) {
        size_t unseen = unseen_at(s), blank = unseen > 0 ? 0 : unseen_blank_at(s);
        if (*n >= LONGEST) {
            return false;
        }
        if (unseen == 0) {
            dst[(*n)++] = blank > 0 || s.p[0] == '\t' ? ' ' : s.p[0];
        }
        s = str_slice(s, unseen + blank > 0 ? unseen + blank : 1, s.n);
    }
    return true;
}

/* What stands before the address, it left out, and behind it. False: there is none, and all is
 * front. */
static bool divide(struct str s, struct str *ret_front, struct str *ret_back)
{
    size_t at = str_find_last(s, '@'), from = at, to = at < s.n ? at + 1 : at;
    while (from > 0 && !is_around(s.p[from - 1])) {
        from--;
    }
    while (to < s.n && !is_around(s.p[to])) {
        to++;
    }
    bool address = from < at && at + 1 < to;
    *ret_front = address ? str_slice(s, 0, from) : s;
    *ret_back = address ? str_slice(s, to, s.n) : STR("");
    while (ret_back->n > 0 && is_around(ret_back->p[0])) {
        *ret_back = str_slice(*ret_back, 1, ret_back->n);
    }
    return address;
}

/* Takes the verb off the end. */
static bool take_verb(struct str *s)
{
    size_t longest = 0;
    for (size_t i = 0; i < ARRAY_LEN(wrote); i++) {
        size_t n = strlen(wrote[i]);
        longest = n > longest && str_ends_nocase(*s, str_c(wrote[i])) ? n : longest;
    }
    s->n -= longest;
    return longest > 0;
}

/* The verb before the name, behind the date and the zone: "MEZ schrieb Bob". */
static bool has_verb_before(struct str s)
{
    struct str one;
    for (unsigned i = 0; i < GAP_WORDS && str_split(&s, ' ', &one);) {
        one = trim_around(one);
        if (attribution_is_in(one, wrote_before, ARRAY_LEN(wrote_before), str_eq_nocase)) {
            return true;
        }
        i += one.n > 0;
    }
    return false;
}

/* Do the words before the date, and those between its numbers, belong to one? */
static bool is_dated(struct str lead, struct str date, bool time)
{
    struct words before = attribution_count(lead), within = attribution_count(date);
    bool starts_so = attribution_is_in(lead, starts, ARRAY_LEN(starts), str_starts_nocase);
    bool begins = starts_so ? before.n <= LEAD_WORDS : time && before.n <= 2 && !before.of_sentence;
    return begins && within.n <= DATE_WORDS && within.gap <= GAP_WORDS && !within.of_sentence;
}

/* Between quotation marks, as Yandex writes it: 9:12, 23.11.2026, "Bob Smith" <bob@b.example>: */
static bool is_quoted_name(struct str tail)
{
    tail = str_trim(tail);
    tail = str_trim(str_slice(tail, tail.n > 0 && tail.p[0] == ',', tail.n));
    bool address = tail.n > 0 && tail.p[tail.n - 1] == '<';
    tail = str_trim(str_slice(tail, 0, tail.n - address));
    return tail.n > 2 && tail.p[0] == '"' && str_find(tail, '"', 1) == tail.n - 1;
}

/* Nothing, or the day of the week with its comma. */
static bool is_day(struct str lead)
{
    lead = str_trim(lead);
    return lead.n == 0 || (lead.p[lead.n - 1] == ',' && attribution_count(lead).n == 1);
}

/* The date first: "On 23 November 2026 at 9:12, Bob <bob@b.example> wrote". */
static bool is_date_first(struct str front, struct str back, bool address, bool time)
{
    bool verb = take_verb(address ? &back : &front);
    size_t from = 0, to = front.n;
    while (from < to && !attribution_is_digit(front.p[from])) {
        from++;
    }
    while (to > from && !attribution_is_digit(front.p[to - 1])) {
        to--;
    }
    struct str lead = str_slice(front, 0, from), tail = str_slice(front, to, front.n);
    bool before = address && !verb && has_verb_before(tail);
    bool program =
        attribution_is_in(front, dates_without_verb, ARRAY_LEN(dates_without_verb), str_has);
    bool without = address && time && is_day(lead) && (program || is_quoted_name(tail));
    if (!is_dated(lead, str_slice(front, from, to), time) || !(verb || before || without)) {
        return false;
    }
    struct words behind = attribution_count(back), name = attribution_count(tail);
    name.small -= before && name.small > 0; /* the verb */
    bool someone = name.n + address > 0 && name.n <= NAME_WORDS && !name.of_sentence;
    return someone && name.small <= address /* "john" */ && behind.n <= 2 && behind.small == 0 &&
           !behind.of_sentence;
}

static enum attribution attribution_in(struct str s)
{
    struct str front, back;
    if (str_starts_nocase(s, STR(">>> ")) && str_ends_nocase(s, STR(" >>>"))) { /* GroupWise */
        struct attribution_moment m = attribution_moment_of(s);
        return m.date && m.time && divide(s, &front, &back) ? ATTRIBUTION_FULL : ATTRIBUTION_NONE;
    }
    if (!attribution_take_colon(&s)) {
        return ATTRIBUTION_NONE;
    }
    bool address = divide(s, &front, &back);
    struct attribution_moment before = attribution_moment_of(front);
    struct attribution_moment behind = attribution_moment_of(back);
    if (before.date) {
        if (!is_date_first(front, back, address, before.time)) {
            return ATTRIBUTION_NONE;
        }
        return address ? ATTRIBUTION_FULL : ATTRIBUTION_SHORT;
    }
    if (!address || !(trim_around(front).n == 0 || attribution_is_name(front))) {
        return ATTRIBUTION_NONE;
    }
    if (behind.date && behind.time) {
        struct words w = attribution_count(back);
        bool sentence_like = w.n > BACK_WORDS || w.of_sentence;
        bool verb =
            attribution_is_in(back, wrote_then_date, ARRAY_LEN(wrote_then_date), str_has_nocase);
        return verb && !sentence_like ? ATTRIBUTION_FULL : ATTRIBUTION_NONE;
    }
    return take_verb(&back) && trim_around(back).n == 0 ? ATTRIBUTION_SHORT : ATTRIBUTION_NONE;
}

enum attribution attribution_of(struct str above, struct str line, bool *ret_two_lines)
{
    char text[LONGEST + 1];
    size_t n = 0;
    *ret_two_lines = false;
    if (!attribution_add_plain(text, &n, line)) {
        return ATTRIBUTION_NONE;
    }
    enum attribution alone = attribution_in(str_trim(str_from(text, n)));
    n = 0;
    bool fits = above.n > 0 && attribution_add_plain(text, &n, above) &&
                attribution_add_plain(text, &n, STR(" "));
    if (alone == ATTRIBUTION_FULL || !fits || !attribution_add_plain(text, &n, line)) {
        return alone;
    }
    enum attribution both = attribution_in(str_trim(str_from(text, n)));
    *ret_two_lines = both > alone;
    return both > alone ? both : alone;
}
