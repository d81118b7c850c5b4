/* SPDX-License-Identifier: Apache-2.0
 * quote.c: which part of a message is new, and which repeats the mail it answers. Pure. Called by
 * scan.c and for the flags, which count in new text only.
 *
 * Knows lines that begin with '>' and the lines by which mail programs introduce what follows
 * (introductions.h, wire/attribution.h). All below such an introduction is quoted, but for these
 * cases, in which people write below it:
 *  - soon below it a line is marked, by '>' or otherwise: then the marked lines are quoted, and
 *    no others;
 *  - nothing new stands above it: then the new text, if there is any, stands below;
 *  - a line says that the forwarded message ends here;
 *  - the mail answers no other: then the head of a memo (From, Date, Subject) and "she wrote on
 * 3 May:" are its writer's own. People write lists and sentences that look nearly like an
 * introduction. So it has all that a program writes: header lines one below the other, with a
 * date, a time of day, and an address or a word for "sent"; strokes with the program's words
 * between them. What can go wrong: an unknown program: its quotation counts as new text, the
 * safe side.
 */
#include "base/unseen.h"
#include "detect/detect.h"
#include "detect/introductions.h"
#include "wire/attribution.h"

enum {
    LONGEST_LINE = 65536,
    HEADER_LINES = 6,
    RECIPIENT_LINES = 60, /* of a long list of them */
    MARKED_WITHIN = 3,    /* full lines below an introduction */
    LONGEST_MARK = 12,
    HEADS_MAX = 200,     /* further ones introduce nothing: the safe side */
    ASKED_MAX = 200,     /* of lines above a '>' that stands alone; the same */
    LONGEST_FIELD = 40,  /* the octets of its name */
    LONGEST_VALUE = 300, /* of a field, as far as it is read */
    /* of a program, between strokes; Yahoo puts the header lines behind them */
    LONGEST_WORDS = 200,
    STROKES = 40,
};

/* Lines by which mail programs introduce what they quote. */
enum introduction { INTRO_NONE, INTRO_ORIGINAL, INTRO_FORWARD, INTRO_HEADER, INTRO_WROTE };

/* A text under way. */
struct look {
    struct str text, before; /* the line before this one */
    size_t n_above;          /* full lines so far that are not marked */
    /* where the last line is that ends a forwarded message; 0: there is none */
    size_t last_end;
    size_t last_strokes; /* the last line of nothing but strokes */
    /* lines so far that might have begun a header section, or been an attribution */
    unsigned n_heads;
    bool is_new;
};

typedef bool (*fits_fn)(struct str line, struct str word);

static bool any_of(struct str line, const char *const *words, size_t n, fits_fn fits)
{
    for (size_t i = 0; i < n; i++) {
        if (fits(line, str_c(words[i]))) {
            return true;
        }
    }
    return false;
}

static struct str quote_line_at(struct str text, size_t at, size_t *ret_next)
{
    size_t end = str_find(text, '\n', at);
    *ret_next = end < text.n ? end + 1 : text.n;
    struct str line = str_slice(text, at, end);
    line.n -= line.n > 0 && line.p[line.n - 1] == '\r';
    return str_trim(line);
}

/* The next line with something in it. */
static struct str full_line_at(struct str text, size_t at, size_t *ret_next)
{
    struct str line = STR("");
    *ret_next = at;
    while (line.n == 0 && *ret_next < text.n) {
        line = quote_line_at(text, *ret_next, ret_next);
    }
    return line;
}

/* "Subject" of "Subject: x", "Objet" of "Objet : x"; empty: the line is no field. */
static struct str field_name(struct str line, struct str *ret_value)
{
    struct str front = str_slice(line, 0, line.n < LONGEST_FIELD ? line.n : LONGEST_FIELD);
    size_t colon = str_find(front, ':', 0);
    const char *wide = memmem(front.p, front.n, "：", 3);
    size_t end = colon < front.n ? colon + 1 : wide ? (size_t)(wide - front.p) + 3 : 0;
    struct str name = str_slice(front, 0, end);
    *ret_value = str_slice(line, end, line.n < LONGEST_VALUE ? line.n : LONGEST_VALUE);
    return attribution_take_colon(&name) ? name : STR("");
}

/* Any field: people begin few sentences so. */
static bool quote_is_field(struct str line)
{
    struct str value, name = field_name(line, &value);
    return name.n > 1 && name.n < 20 && name.p[0] != '>';
}

/* Which of the fields are there that introduce a message, and do they say what those of a message
 * say? */
struct head {
    bool from, date, subject;
    bool has_address, is_dated, is_sent; /* "Sent:", which is a program's word */
};

static bool quote_has_address(struct str value)
{
    size_t at = str_find(value, '@', 0);
    return at > 0 && at + 1 < value.n && !strchr(" \t<", value.p[at - 1]) &&
           !strchr(" \t>", value.p[at + 1]);
}

enum field { FIELD_NONE, FIELD_OF_HEAD, FIELD_OTHER };

static enum field look_at_field(struct str line, struct head *h)
{
    struct str value, name = field_name(line, &value);
    if (name.n == 0 || name.p[0] == '>') {
        return FIELD_NONE;
    }
    /* "From" in Latvian */
    bool number = str_eq_nocase(name, STR("No")) && !quote_has_address(value);
    bool from = any_of(name, froms, ARRAY_LEN(froms), str_eq_nocase) && !number,
         sent = any_of(name, sents, ARRAY_LEN(sents), str_eq_nocase);
    bool date = sent || any_of(name, dates, ARRAY_LEN(dates), str_eq_nocase);
    struct attribution_moment m =
        date ? attribution_moment_of(value) : (struct attribution_moment){.date = false};
    bool subject = any_of(name, subjects, ARRAY_LEN(subjects), str_eq_nocase);
    h->from |= from;
    h->date |= date;
    h->subject |= subject;
    h->has_address |= from && quote_has_address(value);
    h->is_dated |= m.date && m.time;
    h->is_sent |= sent;
    return from || date || subject ? FIELD_OF_HEAD : FIELD_OTHER;
}

/* All of it stands there, and says when the message was sent, and from whom. Exchange leaves
 * addresses of its own house out: "Sent" is there instead. */
static bool quote_is_head(const struct head *h, bool below_strokes)
{
    return h->from && h->is_dated && (h->has_address || h->is_sent) &&
           (h->subject || below_strokes);
}

/* From:, Sent:, To:, Subject: one below the other, as Outlook writes them, the date first in
 * GMX; below strokes three are not needed. */
static bool is_header_block(struct look *l, size_t at, bool below_strokes)
{
    struct str text = l->text;
    struct head h = {.from = false};
    bool goes_on = false; /* a list of recipients */
    if (l->n_heads == HEADS_MAX) {
        return false;
    }
    struct str first = below_strokes ? full_line_at(text, at, &at) : quote_line_at(text, at, &at);
    if (look_at_field(first, &h) != FIELD_OF_HEAD || (!h.from && !h.date)) {
        return false;
    }
    l->n_heads++;
    for (int i = 0; i < RECIPIENT_LINES && at < text.n && !quote_is_head(&h, false); i++) {
        struct str line = quote_line_at(text, at, &at);
        if (line.n == 0 && i < HEADER_LINES) {
            continue;
        }
        enum field field = line.n > 0 ? look_at_field(line, &h) : FIELD_NONE;
        /* of a name that fills a line */
        bool address = line.n > 0 && line.p[0] == '<' && quote_has_address(line);
        if (field == FIELD_NONE && !(goes_on && line.n > 0) && !address) {
            break;
        }
        goes_on = (field == FIELD_OTHER || (field == FIELD_NONE && goes_on)) &&
                  strchr(",;", line.p[line.n - 1]);
    }
    return quote_is_head(&h, below_strokes);
}

/* A line that might be one; those that are, are few. */
static bool is_attribution(struct look *l, struct str line, bool *ret_two_lines)
{
    struct str words = line;
    bool marks = str_ends_nocase(line, STR(" >>>")), marked = line.n > 0 && line.p[0] == '>';
    if (!(marks || (attribution_take_colon(&words) && !marked)) || l->n_heads == HEADS_MAX) {
        return false;
    }
    l->n_heads++;
    return attribution_of(l->before, line, ret_two_lines) == ATTRIBUTION_FULL;
}

static bool has_strokes(struct str line)
{
    bool strokes = str_starts_nocase(line, STR("-----")) || str_starts_nocase(line, STR("_____"));
    bool armour =
        str_starts_nocase(line, STR("-----BEGIN ")) || str_starts_nocase(line, STR("-----END "));
    return strokes && !armour;
}

static bool is_stroke(char c)
{
    return c == '-' || c == '_';
}

/* "Original Message" of "-----Original Message-----"; empty: nothing but strokes. */
static struct str between_strokes(struct str line)
{
    while (line.n > 0 && is_stroke(line.p[0])) {
        line = str_slice(line, 1, line.n);
    }
    line = str_slice(line, 0, line.n < LONGEST_WORDS ? line.n : LONGEST_WORDS);
    while (line.n > 0 && is_stroke(line.p[line.n - 1])) {
        line.n--;
    }
    return line;
}

/* What follows a program's words: nothing, Yahoo's header lines behind further strokes, "from Bob
 * <b@b.example>" of mutt, "/ Fwd.Msg" of Thunderbird in Finnish. */
static bool is_end_of_words(struct str rest)
{
    /* nmh: "Forwarded Messages" */
    rest = str_trim(str_slice(rest, rest.n > 0 && rest.p[0] == 's', rest.n));
    bool ends = rest.n == 0 || is_stroke(rest.p[0]) || rest.p[0] == ':' || rest.p[0] == '/';
    return ends ||
           (any_of(rest, froms, ARRAY_LEN(froms), str_starts_nocase) && quote_has_address(rest));
}

/* Does a program say one of these between strokes, and no more? "My original message" is
 * somebody's headline. */
static bool quote_says(struct str words, const char *const *phrases, size_t n)
{
    static const char *const begins[] = {"", "Start of ", "Begin "}; /* Gnus */
    words = str_trim(words);
    for (size_t k = 0; k < ARRAY_LEN(begins); k++) {
        size_t at = strlen(begins[k]);
        struct str rest =
            str_starts_nocase(words, str_c(begins[k])) ? str_slice(words, at, words.n) : STR("");
        for (size_t i = 0; i < n; i++) {
            struct str phrase = str_c(phrases[i]);
            if (str_starts_nocase(rest, phrase) &&
                is_end_of_words(str_slice(rest, phrase.n, rest.n))) {
                return true;
            }
        }
    }
    return false;
}

/* "-----Bob Smith/Clinic wrote: -----" of Notes. */
static bool says_who(struct str line, struct str words)
{
    words = str_trim(words);
    bool closed = line.n > 0 && is_stroke(line.p[line.n - 1]);
    return closed && str_ends_nocase(words, STR(" wrote:")) &&
           attribution_is_name(str_slice(words, 0, words.n - strlen(" wrote:")));
}

static enum introduction introduction_at(struct look *l, struct str line, size_t at, size_t next,
                                         bool *ret_two_lines)
{
    /* a page's lone line with a mark: mime/html.c */
    line = str_slice(line, unseen_at(line), line.n);
    if (has_strokes(line)) { /* -----Original Message-----, or strokes above a header section */
        struct str words = between_strokes(line);
        if (quote_says(words, forwards, ARRAY_LEN(forwards))) {
            return INTRO_FORWARD;
        }
        bool original = quote_says(words, originals, ARRAY_LEN(originals)) || says_who(line, words);
        return original                         ? INTRO_ORIGINAL
               : is_header_block(l, next, true) ? INTRO_HEADER
                                                : INTRO_NONE;
    }
    return is_attribution(l, line, ret_two_lines) ? INTRO_WROTE
           : is_header_block(l, at, false)        ? INTRO_HEADER
                                                  : INTRO_NONE;
}

/* What stands before each line of a quotation, where that is not '>': "--]", "Rick>", "|". None:
 * empty. */
static struct str mark_of(struct str line)
{
    size_t n = 0;
    while (n < line.n && line.p[n] != ' ' && line.p[n] != '\t') {
        n++;
    }
    bool mark = n > 0 && n <= LONGEST_MARK && strchr(">|]:}#%", line.p[n - 1]);
    return str_slice(line, 0, mark ? n : 0);
}

/* "ALB>" of The Bat! and Gnus: the letters of a name. */
static bool is_name_mark(struct str mark)
{
    return mark.n > 1 && mark.p[mark.n - 1] == '>' && str_lower(mark.p[0]) >= 'a' &&
           str_lower(mark.p[0]) <= 'z';
}

/* Are the lines below marked one by one? */
static bool is_marked_below(struct str text, size_t at, bool has_fields)
{
    struct str mark = STR("");
    bool goes_on = false; /* a list of recipients */
    for (int fields = 0, lines = 0; lines < MARKED_WITHIN && at < text.n;) {
        struct str line = full_line_at(text, at, &at);
        line = str_slice(line, unseen_at(line), line.n);
        if (line.n == 0) {
            continue;
        }
        if (has_fields && fields < RECIPIENT_LINES && (quote_is_field(line) || goes_on)) {
            fields++;
            goes_on = strchr(",;", line.p[line.n - 1]) && lines == 0;
            continue;
        }
        goes_on = false;
        struct str next = mark_of(line);
        if ((line.n > 0 && line.p[0] == '>') || is_name_mark(next) ||
            (next.n > 0 && str_eq(next, mark))) {
            return true;
        }
        mark = next;
        lines++;
    }
    return false;
}

/* What people write below "Anna wrote:", and few messages begin with: a list, or words between
 * quotation marks. */
static bool is_list_below(struct str text, size_t at)
{
    static const char *const marks[] = {
        "\"", "'",  "„",  "“",  "”",  "«",  "»",   "‘",   "‚",   "- ",
        "* ", "+ ", "• ", "– ", "— ", "· ", "-\t", "*\t", "•\t",
    };
    struct str line = full_line_at(text, at, &at);
    size_t n = 0;
    while (n < line.n && line.p[n] >= '0' && line.p[n] <= '9') {
        n++;
    }
    /* 1. 1) a) */
    bool number = n + 1 < line.n && n < 3 && strchr(".)", line.p[n]) && line.p[n + 1] == ' ';
    bool letter = line.n > 2 && n == 0 && line.p[1] == ')' && line.p[2] == ' ';
    return (number && n > 0) || letter || any_of(line, marks, ARRAY_LEN(marks), str_starts_nocase);
}

/* Does all that follows this introduction repeat another mail? */
static bool begins_repetition(const struct look *l, enum introduction kind, bool two_lines,
                              size_t at, size_t next)
{
    bool own = l->is_new && (kind == INTRO_HEADER || kind == INTRO_WROTE);
    if (own || l->n_above <= two_lines) {
        return false;
    }
    bool ends = kind != INTRO_WROTE && l->last_end >= at;
    ends |= kind == INTRO_FORWARD && l->last_strokes > at;
    ends |= kind == INTRO_WROTE && is_list_below(l->text, next);
    return !ends && !is_marked_below(l->text, next, kind != INTRO_WROTE);
}

static bool is_all_strokes(struct str line)
{
    size_t n = 0;
    while (n < line.n && line.p[n] == '-') {
        n++;
    }
    return n == line.n && n >= STROKES;
}

/* Lines that end a forwarded message: of mutt, nmh (RFC 934), Gnus; of KMail nothing but
 * strokes. */
static void find_ends(struct look *l)
{
    for (size_t at = 0, next; at < l->text.n; at = next) {
        struct str line = quote_line_at(l->text, at, &next);
        if (line.n > 0 && line.p[0] == '-' && has_strokes(line)) {
            l->last_end =
                any_of(between_strokes(line), forward_ends, ARRAY_LEN(forward_ends), str_has_nocase)
                    ? at
                    : l->last_end;
            l->last_strokes = is_all_strokes(line) ? at : l->last_strokes;
        }
    }
}

static size_t new_end(struct str text, bool is_new)
{
    struct look l = {.text = text, .before = STR(""), .is_new = is_new};
    /* in the header lines below an introduction that ends nothing: no text of their own */
    bool in_head = false;
    find_ends(&l);
    for (size_t at = 0, next; at < text.n; at = next) {
        struct str line = quote_line_at(text, at, &next);
        in_head = in_head && (line.n == 0 || quote_is_field(line));
        if (line.n >= 3 && !in_head) {
            bool two_lines = false;
            enum introduction kind = introduction_at(&l, line, at, next, &two_lines);
            if (kind != INTRO_NONE && begins_repetition(&l, kind, two_lines, at, next)) {
                return at;
            }
            in_head = kind != INTRO_NONE;
        }
        /* Outlook leaves a line with a no-break space above what it quotes */
        l.n_above += !str_is_blank(line) && line.p[0] != '>' && !in_head;
        l.before = line;
    }
    return text.n;
}

void detect_quotations(struct str text, bool is_new, struct detect_quotations *ret)
{
    *ret = (struct detect_quotations){
        .text = text,
        .new_end = new_end(text, is_new),
        .is_new = is_new,
    };
}

/* Where the line begins that this place is in, or the last octets before it of a longer one, which
 * is not a quotation. */
static size_t line_begin(struct str text, size_t at)
{
    size_t least = at > LONGEST_LINE ? at - LONGEST_LINE : 0;
    const char *before = memrchr(text.p + least, '\n', at - least);
    return before ? (size_t)(before - text.p) + 1 : least;
}

static bool is_marked(struct str text, size_t at)
{
    bool begins = at == 0 || text.p[at - 1] == '\n';
    while (begins && at < text.n && (text.p[at] == ' ' || text.p[at] == '\t')) {
        at++;
    }
    return begins && at < text.n && text.p[at] == '>';
}

/* The last line above with something in it, and where it begins. */
static struct str full_line_above(struct str text, size_t begin, size_t *ret_begin)
{
    struct str line = STR("");
    size_t next, least = begin > LONGEST_LINE ? begin - LONGEST_LINE : 0;
    while (line.n == 0 && begin > least) {
        begin = line_begin(text, begin - 1);
        line = quote_line_at(text, begin, &next);
    }
    *ret_begin = begin;
    return line;
}

/* "Anna wrote on 3 May:" */
static bool quote_is_introduced(struct detect_quotations *q, size_t begin)
{
    bool two_lines;
    struct str line = full_line_above(q->text, begin, &begin), above = STR("");
    if (line.n == 0 || line.p[line.n - 1] != ':' || q->n_asked == ASKED_MAX) {
        return false;
    }
    q->n_asked++;
    if (begin > 0) {
        size_t next;
        above = quote_line_at(q->text, line_begin(q->text, begin - 1), &next);
    }
    return attribution_of(above, line, &two_lines) != ATTRIBUTION_NONE;
}

/* A line that begins with '>' and repeats nothing: ">From " of a mailbox (RFC 4155), ">= 140", and
 * "> 5 mg" in a message that answers no other. It stands alone, and nothing introduces it. */
static bool is_own_mark(struct detect_quotations *q, size_t begin)
{
    size_t next;
    struct str line = quote_line_at(q->text, begin, &next);
    if (is_marked(q->text, next) ||
        (begin > 0 && is_marked(q->text, line_begin(q->text, begin - 1)))) {
        return false;
    }
    bool own = str_starts_nocase(line, STR(">From ")) || str_starts_nocase(line, STR(">="));
    return own || (q->is_new && !quote_is_introduced(q, begin));
}

/* Is the line quoted that this place is in? Asked once for each piece of LONGEST_LINE octets: a
 * line may have a thousand flags. */
static void quote_look_at_line(struct detect_quotations *q, size_t at)
{
    size_t begin = line_begin(q->text, at), end = str_find(q->text, '\n', at);
    bool marked = is_marked(q->text, begin);
    size_t farthest = (marked ? begin : at) + LONGEST_LINE + 1;
    q->line_is_quoted = marked && !is_own_mark(q, begin);
    q->line_from = marked ? begin : at;
    q->line_to = end < farthest ? end + 1 : farthest;
}

bool detect_is_quoted(struct detect_quotations *q, size_t at)
{
    if (at >= q->new_end) {
        return true;
    }
    if (at < q->line_from || at >= q->line_to) {
        quote_look_at_line(q, at);
    }
    return q->line_is_quoted;
}
