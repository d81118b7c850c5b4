/* SPDX-License-Identifier: Apache-2.0
 * body.h: what one part of a message is, by its octets, whatever its type says; whether people
 * read it as the text of the mail, and whether they would see anything of it.
 *
 * Called by view.c and message.c. What can go wrong: nothing; octets that are none of it are
 * said to be none.
 */
#pragma once
#include "mime/tree.h"

/* winmail.dat, also as application/octet-stream. */
bool body_is_tnef(const struct part *p);
/* Appends the message inside a part: one in base64, in a signature, or compressed by S/MIME.
 * ret: where it lies in what the part decodes to, 0 octets long where that cannot be told. 0,
 * -EBADMSG: it is none, -ENOSPC. */
int body_open(struct reader *r, const struct part *p, struct buf *out,
              struct nested_place *ret) MUST_USE;
/* Only its reader's own program can open it: S/MIME; is_opened: it was a signature only. */
bool body_is_smime(const struct part *p, bool is_opened);
/* The same, or a text with something that is: OpenPGP. */
bool body_is_pgp(const struct tree *t, const struct part *p);
/* S/MIME that says that it is a signature only. */
bool body_says_signed(const struct part *p);
/* HTML as sanitise_html wrote it: no text and no picture. */
bool body_html_is_blank(struct str html);
/* HTML, XHTML, and RTF that was made of HTML: what is shown of it is HTML. */
bool body_is_html(const struct part *p);
/* text/enriched (RFC 1896), text/richtext (RFC 1341): shown as the text that it is. */
bool body_is_enriched(const struct part *p);
/* Appends such a text without its commands. */
void body_without_commands(struct str s, struct buf *out);
/* text/rtf, application/rtf. */
bool body_is_rtf(const struct part *p);
/* What a part is to people: the one rule of the page and of flags. */
enum body_role {
    BODY_FILE,
    /* read where it stands, whatever name it carries (RFC 2183 2.1); other kinds of text only
     * where there is nothing else (RFC 2046 4.1.4) */
    BODY_TEXT,
    /* a calendar that is the mail, or an alternative of it, or has no name: the page shows it on
     * a card */
    BODY_EVENT,
    /* shown where no body has anything to be seen: with a long name, RTF, XHTML, texts of other
     * types */
    BODY_SPARE,
};
enum body_role body_role(const struct tree *t, const struct part *p);
/* text/... */
bool body_is_text(const struct part *p);
/* text/calendar, application/ics. */
bool body_is_calendar(const struct part *p);
/* No body of the message has anything to be seen: what is spare stands for one. */
bool body_has_none(struct reader *r, const struct tree *t);
/* It is shown, or may be, as a text of the mail: flags count in it. */
bool body_is_read(const struct tree *t, const struct part *p, bool has_none);
/* Appends it as UTF-8: HTML as it is (body_is_html), other texts as they are read. */
void body_text(struct reader *r, const struct part *p, struct buf *out);
/* A text or HTML body with something to be seen in it. */
bool body_is_seen(struct reader *r, const struct part *p);
