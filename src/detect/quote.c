/* SPDX-License-Identifier: Apache-2.0
 * quote.c: which part of a mail is new, and which repeats the mail it answers. Pure. Called by scan.c and
 * for the flags, which count in new text only.
 *
 * Knows lines that begin with '>' and the lines by which mail programs introduce what follows (introductions.h). All below
 * such an introduction is quoted, but for these cases, in which people write below it:
 *  - soon below it a line is marked, by '>' or otherwise: then the marked lines are quoted, and no others;
 *  - nothing new stands above it: then the new text, if there is any, stands below;
 *  - a line says that the forwarded message ends here;
 *  - the mail answers no other: then the head of a memo (From, Date, Subject) and "she wrote on 3 May:" are its writer's own.
 * What can go wrong: an unknown program: its quotation counts as new text, the safe side.
 */
#include "base/unseen.h"
#include "detect/detect.h"
#include "detect/introductions.h"

enum {
    LONGEST_LINE = 65536,
    HEADER_LINES = 6,
    RECIPIENT_LINES = 60, /* of a long list of them */
    MARKED_WITHIN = 3, /* full lines below an introduction */
    LONGEST_MARK = 12,
    HEADS_MAX = 200, /* further ones introduce nothing: the safe side */
    LONGEST_FIELD = 40, /* the octets of its name */
    LONGEST_WORDS = 200, /* of a program, between strokes; Yahoo puts the header lines behind them */
    STROKES = 40,
};

/* Lines by which mail programs introduce what they quote. */
enum introduction { INTRO_NONE, INTRO_ORIGINAL, INTRO_FORWARD, INTRO_HEADER, INTRO_WROTE };

/* A text under way. */
struct look {
    struct str text, before; /* the line before this one */
    size_t n_above;          /* full lines so far that are not marked */
    size_t last_end;         /* where the last line is that ends a forwarded message; 0: there is none */
    size_t last_strokes;     /* the last line of nothing but strokes */
    unsigned n_heads;        /* lines so far that might have begun a header section */
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

static struct str line_at(struct str text, size_t at, size_t *ret_next)
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
        line = line_at(text, *ret_next, ret_next);
    }
    return line;
}

/* The line without the colon at its end, and without blanks before that (French has a no-break space there). False: it has none. */
static bool take_colon(struct str *line)
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

/* "Subject" of "Subject: x", "Objet" of "Objet : x"; empty: the line is no field. */
static struct str field_name(struct str line)
{
    struct str front = str_slice(line, 0, line.n < LONGEST_FIELD ? line.n : LONGEST_FIELD);
    size_t colon = str_find(front, ':', 0);
    const char *wide = memmem(front.p, front.n, "：", 3);
    size_t end = colon < front.n ? colon + 1 : wide ? (size_t)(wide - front.p) + 3 : 0;
    struct str name = str_slice(front, 0, end);
    return take_colon(&name) ? name : STR("");
}

/* Any field: people begin few sentences so. */
static bool is_field(struct str line)
{
    struct str name = field_name(line);
    return name.n > 1 && name.n < 20 && name.p[0] != '>';
}

/* Which of the fields are there that introduce a mail? */
struct head {
    bool from, date, subject;
};

static void look_at_field(struct str line, struct head *h)
{
    struct str name = field_name(line);
    if (name.n > 0) {
        h->from |= any_of(name, froms, ARRAY_LEN(froms), str_eq_nocase);
        h->date |= any_of(name, dates, ARRAY_LEN(dates), str_eq_nocase);
        h->subject |= any_of(name, subjects, ARRAY_LEN(subjects), str_eq_nocase);
    }
}

/* What a mail program says of the mail it quotes, and people seldom in a sentence: an address, or a date. */
static bool tells_when_or_who(struct str line)
{
    size_t numbers = 0;
    for (size_t i = 0; i < line.n; i++) {
        bool digit = line.p[i] >= '0' && line.p[i] <= '9', first = i == 0 || line.p[i - 1] < '0' || line.p[i - 1] > '9';
        if (line.p[i] == '@' || (digit && i == 0)) {
            return true;
        }
        numbers += digit && first;
    }
    return numbers > 1 || (numbers == 1 && any_of(line, starts, ARRAY_LEN(starts), str_starts_nocase));
}

/* Two at least, as a date has. */
static bool has_numbers(struct str line)
{
    size_t numbers = 0;
    for (size_t i = 0; i < line.n; i++) {
        bool digit = line.p[i] >= '0' && line.p[i] <= '9';
        numbers += digit && (i == 0 || line.p[i - 1] < '0' || line.p[i - 1] > '9');
    }
    return numbers > 1;
}

/* ">>> Bob <bob@b.example> 23.11.2026 09:12 >>>" of GroupWise. */
static bool is_between_marks(struct str line)
{
    return line.n > 8 && str_starts_nocase(line, STR(">>> ")) && str_ends_nocase(line, STR(" >>>")) && tells_when_or_who(line);
}

/* "<bob@b.example>" */
static bool has_angle_address(struct str line)
{
    size_t open = str_find(line, '<', 0), at = str_find(line, '@', open), close = str_find(line, '>', at);
    return open < at && at < close && close < line.n;
}

/* "On 23 November, Anna wrote:", perhaps over two lines; in any language with a date and <address>: "Am 23.11.2026 schrieb Bob
 * <bob@b.example>:". */
static bool is_attribution(struct str line, struct str before, bool *ret_two_lines)
{
    struct str words = line;
    if (!take_colon(&words)) {
        return is_between_marks(line);
    }
    if (!any_of(words, wrote, ARRAY_LEN(wrote), str_ends_nocase)) {
        return has_angle_address(words) && has_numbers(words);
    }
    bool begins = any_of(before, starts, ARRAY_LEN(starts), str_starts_nocase) || str_find(before, '@', 0) < before.n;
    *ret_two_lines = begins && tells_when_or_who(before);
    return *ret_two_lines || tells_when_or_who(line);
}

/* From:, Sent:, To:, Subject: one below the other, as Outlook writes them, the date first in GMX; below strokes three are not needed. */
static bool is_header_block(struct look *l, size_t at, bool below_strokes)
{
    struct str text = l->text;
    struct head h = {.from = false};
    look_at_field(below_strokes ? full_line_at(text, at, &at) : line_at(text, at, &at), &h);
    if ((!h.from && !h.date) || l->n_heads == HEADS_MAX) {
        return false;
    }
    l->n_heads++;
    for (int i = 0; i < RECIPIENT_LINES && at < text.n; i++) {
        struct str line = line_at(text, at, &at);
        if (i >= HEADER_LINES && line.n == 0) {
            break;
        }
        look_at_field(line, &h);
    }
    return h.from && (below_strokes ? h.date || h.subject : h.date && h.subject);
}

static bool has_strokes(struct str line)
{
    bool strokes = str_starts_nocase(line, STR("-----")) || str_starts_nocase(line, STR("_____"));
    bool armour = str_starts_nocase(line, STR("-----BEGIN ")) || str_starts_nocase(line, STR("-----END "));
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

static enum introduction introduction_at(struct look *l, struct str line, size_t at, size_t next, bool *ret_two_lines)
{
    line = str_slice(line, unseen_at(line), line.n); /* a page's lone line with a mark: mime/html.c */
    if (has_strokes(line)) { /* -----Original Message-----, or strokes above a header section */
        struct str words = between_strokes(line);
        bool forward = any_of(words, forwards, ARRAY_LEN(forwards), str_has_nocase), original = any_of(words, originals, ARRAY_LEN(originals), str_has_nocase);
        return forward ? INTRO_FORWARD : original || (!l->is_new && is_header_block(l, next, true)) ? INTRO_ORIGINAL : INTRO_NONE;
    }
    if (l->is_new) {
        return INTRO_NONE;
    }
    return is_attribution(line, l->before, ret_two_lines) ? INTRO_WROTE : is_header_block(l, at, false) ? INTRO_HEADER : INTRO_NONE;
}

/* What stands before each line of a quotation, where that is not '>': "--]", "Rick>", "|". None: empty. */
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
    return mark.n > 1 && mark.p[mark.n - 1] == '>' && str_lower(mark.p[0]) >= 'a' && str_lower(mark.p[0]) <= 'z';
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
        if (has_fields && fields < RECIPIENT_LINES && (is_field(line) || goes_on)) {
            fields++;
            goes_on = strchr(",;", line.p[line.n - 1]) && lines == 0;
            continue;
        }
        goes_on = false;
        struct str next = mark_of(line);
        if ((line.n > 0 && line.p[0] == '>') || is_name_mark(next) || (next.n > 0 && str_eq(next, mark))) {
            return true;
        }
        mark = next;
        lines++;
    }
    return false;
}

/* Does all that follows this introduction repeat another mail? */
static bool begins_repetition(const struct look *l, enum introduction kind, bool two_lines, size_t at, size_t next)
{
    if (l->n_above <= two_lines) {
        return false;
    }
    bool ends = (kind == INTRO_FORWARD || kind == INTRO_ORIGINAL) && l->last_end >= at;
    ends |= kind == INTRO_FORWARD && l->last_strokes > at;
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

/* Lines that end a forwarded message: of mutt, nmh (RFC 934), Gnus; of KMail nothing but strokes. */
static void find_ends(struct look *l)
{
    for (size_t at = 0, next; at < l->text.n; at = next) {
        struct str line = line_at(l->text, at, &next);
        if (line.n > 0 && line.p[0] == '-' && has_strokes(line)) {
            l->last_end = any_of(between_strokes(line), forward_ends, ARRAY_LEN(forward_ends), str_has_nocase) ? at : l->last_end;
            l->last_strokes = is_all_strokes(line) ? at : l->last_strokes;
        }
    }
}

static size_t new_end(struct str text, bool is_new)
{
    struct look l = {.text = text, .before = STR(""), .is_new = is_new};
    bool in_head = false; /* in the header lines below an introduction that ends nothing: no text of their own */
    find_ends(&l);
    for (size_t at = 0, next; at < text.n; at = next) {
        struct str line = line_at(text, at, &next);
        in_head = in_head && (line.n == 0 || is_field(line));
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
    *ret = (struct detect_quotations){.text = text, .new_end = new_end(text, is_new), .is_new = is_new};
}

/* Where the line begins that this place is in, or the last octets before it of a longer one, which is nobody's quotation. */
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

/* The last line above with something in it. */
static struct str full_line_above(struct str text, size_t begin)
{
    struct str line = STR("");
    size_t next, least = begin > LONGEST_LINE ? begin - LONGEST_LINE : 0;
    while (line.n == 0 && begin > least) {
        begin = line_begin(text, begin - 1);
        line = line_at(text, begin, &next);
    }
    return line;
}

/* A line that begins with '>' and repeats nothing: ">From " of a mailbox (RFC 4155), and "> 5 mg" or ">= 140" in a mail that answers
 * no other. It stands alone, and nothing introduces it. */
static bool is_own_mark(const struct detect_quotations *q, size_t begin)
{
    size_t next;
    struct str line = line_at(q->text, begin, &next);
    if (is_marked(q->text, next) || (begin > 0 && is_marked(q->text, line_begin(q->text, begin - 1)))) {
        return false;
    }
    struct str above = full_line_above(q->text, begin);
    bool introduced = above.n > 0 && above.p[above.n - 1] == ':';
    return str_starts_nocase(line, STR(">From ")) || (q->is_new && !introduced);
}

/* Is the line quoted that this place is in? Asked once for each piece of LONGEST_LINE octets: a line may have a thousand flags. */
static void look_at_line(struct detect_quotations *q, size_t at)
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
        look_at_line(q, at);
    }
    return q->line_is_quoted;
}
