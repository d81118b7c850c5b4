/* SPDX-License-Identifier: Apache-2.0
 * quote.c: which part of a mail is new, and which repeats the mail it answers. Pure. Called by scan.c and
 * for the flags, which count in new text only.
 *
 * Knows lines that begin with '>' and the lines by which mail programs introduce what follows, in a dozen languages.
 * Where the lines that follow are marked with '>', only these are quoted: people write below them. In a mail that answers
 * no other, the head of a memo (From, Date, Subject) and "she wrote on 3 May:" are its writer's own. What can go wrong:
 * an unknown program: its quotation counts as new text, the safe side.
 */
#include "base/unseen.h"
#include "detect/detect.h"

enum { LONGEST_LINE = 8192, HEADER_LINES = 6 };

/* The words by which mail programs introduce what they quote. */
static const char *const wrote[] = {" wrote:", " schrieb:", (" a \xc3\xa9" "crit :"), (" a \xc3\xa9" "crit:"), (" a \xc3\xa9" "crit\xc2\xa0:"), " escribi\xc3\xb3:",
                                    " ha scritto:", " schreef:", " escreveu:", " skrev:", " napisa\xc5\x82:", " napisa\xc5\x82(a):"};
static const char *const rules[] = {"original message", "forwarded message", "urspr\xc3\xbcngliche nachricht", "weitergeleitete nachricht", "original-nachricht",
                                    "message d'origine", "message d\xe2\x80\x99origine", "message transf\xc3\xa9r\xc3\xa9", "mensaje original", "mensaje reenviado",
                                    "messaggio originale", "messaggio inoltrato", "oorspronkelijk bericht", "doorgestuurd bericht", "mensagem original", " wrote: "};
static const char *const froms[] = {"From:", "Von:", "De :", "De\xc2\xa0:", "De:", "Da:", "Van:", "Fra:", "Fr\xc3\xa5n:", "Od:"};
static const char *const dates[] = {"Sent:", "Date:", "Gesendet:", "Datum:", "Envoy\xc3\xa9 :", "Envoy\xc3\xa9\xc2\xa0:", "Envoy\xc3\xa9:", "Date :", "Enviado", "Fecha:",
                                    "Inviato:", "Data:", "Verzonden:", "Sendt:", "Skickat:", ("Wys\xc5\x82" "ano:")};
static const char *const subjects[] = {"Subject:", "Betreff:", "Objet :", "Objet\xc2\xa0:", "Objet:", "Asunto:", "Oggetto:", "Onderwerp:", "Assunto:", "Emne:", "\xc3\x84mne:",
                                       "Temat:"};

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

static bool holds(struct str line, struct str word)
{
    for (size_t i = 0; i + word.n <= line.n; i++) {
        if (str_starts_nocase(str_slice(line, i, line.n), word)) {
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

/* A date or an address: what a mail program says of the mail it quotes, and people seldom in a sentence. */
static bool tells_when_or_who(struct str line)
{
    for (size_t i = 0; i < line.n; i++) {
        if (line.p[i] == '@' || (line.p[i] >= '0' && line.p[i] <= '9')) {
            return true;
        }
    }
    return false;
}

/* "On 23 November, Anna wrote:", perhaps over two lines. */
static bool is_attribution(struct str line, struct str before)
{
    bool may = line.n > 0 && line.p[line.n - 1] == ':'; /* as all of them do */
    bool ends = may && any_of(line, wrote, ARRAY_LEN(wrote), str_ends_nocase);
    return ends && (tells_when_or_who(line) || tells_when_or_who(before));
}

/* From:, Sent:, To:, Subject: one below the other, as Outlook writes them. */
static bool is_header_block(struct str text, size_t at)
{
    bool date = false, subject = false;
    struct str line = line_at(text, at, &at);
    bool may = line.n > 0 && strchr("fvdo", str_lower(line.p[0])); /* the first letters of all of them */
    if (!may || !any_of(line, froms, ARRAY_LEN(froms), str_starts_nocase)) {
        return false;
    }
    for (int i = 0; i < HEADER_LINES && at < text.n; i++) {
        line = line_at(text, at, &at);
        date |= any_of(line, dates, ARRAY_LEN(dates), str_starts_nocase);
        subject |= any_of(line, subjects, ARRAY_LEN(subjects), str_starts_nocase);
    }
    return date && subject;
}

/* Does all that follows this line repeat another mail? */
static bool begins_repetition(struct str text, size_t at, struct str before, bool is_new)
{
    size_t next, after;
    struct str line = line_at(text, at, &next), below = full_line_at(text, next, &after);
    bool strokes = str_starts_nocase(line, STR("-----")) || str_starts_nocase(line, STR("_____"));
    bool armour = str_starts_nocase(line, STR("-----BEGIN ")) || str_starts_nocase(line, STR("-----END "));
    below = str_slice(below, unseen_at(below), below.n); /* a page's lone line of that kind: mime/html.c */
    if (below.n > 0 && below.p[0] == '>') {
        return false; /* its lines are marked, and people write below them */
    }
    if (strokes && !armour) { /* -----Original Message-----, or strokes above a header section */
        return any_of(line, rules, ARRAY_LEN(rules), holds) || (!is_new && any_of(below, froms, ARRAY_LEN(froms), str_starts_nocase));
    }
    return !is_new && (is_attribution(line, before) || is_header_block(text, at));
}

size_t detect_new_end(struct str text, bool is_new)
{
    size_t at = 0;
    struct str before = STR("");
    while (at < text.n) {
        size_t next;
        struct str line = line_at(text, at, &next);
        if (line.n >= 3 && begins_repetition(text, at, before, is_new)) {
            return at;
        }
        before = line;
        at = next;
    }
    return text.n;
}

bool detect_is_quoted(struct str text, size_t new_end, size_t at)
{
    if (at >= new_end) {
        return true;
    }
    size_t least = at > LONGEST_LINE ? at - LONGEST_LINE : 0; /* a longer line is nobody's quotation */
    const char *before = memrchr(text.p + least, '\n', at - least);
    at = before ? (size_t)(before - text.p) + 1 : least;
    while (at < text.n && (text.p[at] == ' ' || text.p[at] == '\t')) {
        at++;
    }
    return at < text.n && text.p[at] == '>';
}
