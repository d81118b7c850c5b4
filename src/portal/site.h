/* SPDX-License-Identifier: Apache-2.0
 * site.h: the templates and texts of the portal, read once: those that come with Postern, and in
 * their place those of the administrator. Each text in each language; what a language lacks is
 * said in the first one.
 *
 * Called by web (pages), smtpout (messages), posternd and postern check-config (whether they can be
 * used). What can go wrong: a file that cannot be read, is missing or has mistakes: -EINVAL with
 * lines "file:line: what is wrong".
 */
#pragma once
#include "conf/conf.h"
#include "portal/template.h"

enum { LANGUAGES_MAX = 16 };

struct site;
/* conf is copied: what it says now stays, until a new one is made. */
int site_new(const struct conf *c, struct buf *problems, struct site **ret) MUST_USE;
void site_free(struct site *s);
/* The language of that name (a region behind it does not count), or -1. */
int site_language(const struct site *s, struct str name);
/* The best for an Accept-Language field (RFC 9110 12.5.4); the first one when nothing fits. */
int site_negotiate(const struct site *s, struct str accept);
size_t site_languages(const struct site *s);
const char *site_language_name(const struct site *s, size_t language);
/* Appends a page or mail: its name without ending is in the table of site.c. Values of the
 * organisation are added. 0 or -ENOSPC. */
int site_write(const struct site *s, const char *template, size_t language, struct data *d,
               struct buf *out) MUST_USE;
/* The n-th template's name, NULL behind the last; is it HTML? For the preview. */
const char *site_template(size_t n);
bool site_is_html(size_t n);
/* Appends one text, as plain text. */
int site_text(const struct site *s, const char *key, size_t language, const struct data *d,
              struct buf *out) MUST_USE;
/* The files that are sent as they are: "style.css", "portal.js"; empty: not there. */
struct str site_file(const struct site *s, const char *name);
/* Type of the logo, or NULL without one. */
const char *site_logo_type(const struct site *s);
