/* SPDX-License-Identifier: Apache-2.0
 * rtf.h: Rich Text Format, as text or as the HTML that Outlook packed into it (MS-OXRTFEX).
 *
 * Called by tnef.c, body.c and view.c beside reader.h's read_rtf(). What can go wrong: a limit or a
 * character set, noted for the part.
 */
#pragma once
#include "mime/charset.h"
#include "mime/reader.h"

/* It says early that it was made of HTML: then that is what its readers see. */
bool rtf_is_html(struct str rtf);
/* Appends what its readers see as UTF-8: HTML where rtf_is_html, else plain text. True: a reader
 * that knows RTF alone sees something else. */
bool rtf_text(struct reader *r, const char *part, struct str rtf, struct buf *out);

/* rtf_pages.c */
/* The character set of a code page; NULL: unknown. */
const struct charset *rtf_page(unsigned page);
/* The code page of a font's \fcharset; 0: it does not say one. */
unsigned rtf_page_of_font(long fcharset);
