/* SPDX-License-Identifier: Apache-2.0
 * quotation.c: the elements by which mail programs quote (quotation.h): what they write was looked
 * up in the test messages of reply parsers (mailgun/talon, Mailspring, quotequail,
 * email_reply_trimmer), see docs/field.md.
 */
#include "mime/quotation.h"
#include "base/err.h"

#include <string.h>

enum { LONGEST_VALUE = 100 /* of a border, in octets */ };

/* What mail programs write around what they quote, where that is no blockquote: Yahoo, GMX and
 * Web.de, Zimbra; and where the rest of the element around it is quoted: Outlook. Frames around
 * an introduction and a blockquote (gmail_quote, protonmail_quote, moz-cite-prefix,
 * moz-forward-container) say nothing: people write in them, too, and detect/quote.c knows the
 * introduction. */
static const struct {
    const char *attribute, *word;
    bool rest;
} marks[] = {
    {"class", "yahoo_quoted", false},
    {"type", "cite", false}, /* OTRS */
    {"name", "quote", false},
    {"name", "quoted-content", false},
    {"data-marker", "__QUOTED_TEXT__", false},
    {"data-marker", "__HEADERS__", false},
    {"id", "divRplyFwdMsg", true},
    {"id", "mail-editor-reference-message-container", false},
};

/* Yahoo puts letters of its own before its classes. */
static bool quotation_has_word(struct str list, struct str word)
{
    struct str one;
    while (str_split(&list, ' ', &one)) {
        if (str_ends_nocase(one, word)) {
            return true;
        }
    }
    return false;
}

/* A stroke beside the text: "border-left: 1px solid", "border: 2px dashed", also behind "border:
 * none". What the buttons "indent" write has none: "border: none", "border: medium" (Firefox),
 * "border: 0px". */
static bool has_stroke(const char *style)
{
    static const char *const kinds[] = {
        "solid", "dashed", "dotted", "double", "groove", "ridge", "inset", "outset",
    };
    for (const char *at = strcasestr(style, "border"); at; at = strcasestr(at + 1, "border")) {
        const char *value = at + strlen("border");
        struct str rest = str_from(value, strnlen(value, LONGEST_VALUE));
        struct str one = str_slice(rest, 0, str_find(rest, ';', 0));
        bool left = str_starts_nocase(one, STR("-left")) || str_starts_nocase(one, STR(":")) ||
                    str_starts_nocase(one, STR(" ")) || str_starts_nocase(one, STR("-style"));
        for (size_t k = 0; left && k < ARRAY_LEN(kinds); k++) {
            if (str_has_nocase(one, str_c(kinds[k]))) {
                return true;
            }
        }
    }
    return false;
}

/* What a mail program writes into its blockquote: type="cite" (Apple Mail, Thunderbird,
 * Roundcube); cite="mid:...", a class or an id of its own, a stroke beside the text, which
 * editors write for their users, too. The button "indent" writes a margin at most. */
static enum quotation quotation_of_blockquote(const xmlChar **attributes)
{
    static const char *const words[] = {
        "quot", "cite", "repl", "rply", "fwd", "forward", "original", "history", "bloop", "qt",
    };
    bool sign = false;
    for (size_t i = 0; attributes && attributes[i]; i += 2) {
        struct str name = str_c((const char *)attributes[i]);
        const char *value = attributes[i + 1] ? (const char *)attributes[i + 1] : "";
        if (str_eq_nocase(name, STR("type")) && str_eq_nocase(str_c(value), STR("cite"))) {
            return QUOTATION_ELEMENT;
        }
        bool own = str_eq_nocase(name, STR("class")) || str_eq_nocase(name, STR("id"));
        for (size_t k = 0; own && !strcasestr(value, "indent") && k < ARRAY_LEN(words); k++) {
            sign |= strcasestr(value, words[k]) != NULL;
        }
        sign |= str_eq_nocase(name, STR("cite")) ||
                (str_eq_nocase(name, STR("style")) && has_stroke(value));
    }
    return sign ? QUOTATION_IF_ANSWER : QUOTATION_IF_INTRODUCED;
}

static enum quotation quotation_of_div(const xmlChar **attributes)
{
    bool stroke = false;
    for (size_t i = 0; attributes && attributes[i]; i += 2) {
        struct str name = str_c((const char *)attributes[i]);
        const char *value = attributes[i + 1] ? (const char *)attributes[i + 1] : "";
        bool style = str_eq_nocase(name, STR("style"));
        /* Outlook's "include and indent original" */
        if (style && strcasestr(value, "border-left:solid blue 1.5pt")) {
            return QUOTATION_ELEMENT;
        }
        stroke |= style && has_stroke(value); /* Yahoo's on phones */
        for (size_t k = 0; k < ARRAY_LEN(marks); k++) {
            if (str_eq_nocase(name, str_c(marks[k].attribute)) &&
                quotation_has_word(str_c(value), str_c(marks[k].word))) {
                return marks[k].rest ? QUOTATION_REST : QUOTATION_ELEMENT;
            }
        }
    }
    return stroke ? QUOTATION_IF_INTRODUCED : QUOTATION_NONE;
}

enum quotation quotation_of(const xmlChar *name, const xmlChar **attributes)
{
    if (str_eq_nocase(str_c((const char *)name), STR("blockquote"))) {
        return quotation_of_blockquote(attributes);
    }
    bool div = str_eq_nocase(str_c((const char *)name), STR("div"));
    return div ? quotation_of_div(attributes) : QUOTATION_NONE;
}
