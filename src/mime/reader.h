/* SPDX-License-Identifier: Apache-2.0
 * reader.h: the inside of mime/: one reading under way, its limits, and who reads what.
 *
 * Called by the files of this folder. A reader never fails: it adds texts and problems. What is
 * left of a limit is counted in one place, reader.c.
 */
#pragma once
#include "mime/mime.h"

struct reader {
    struct mime_reading *out;
    const struct mime_limits *limits;
    int64_t until_mono_ms;
    int64_t spent_at_ms; /* time of the processor at which nothing more is unpacked */
    uint64_t text_left, opened_left, hold_left;
    unsigned depth;
    bool stopped; /* a limit of the whole was met and noted */
    bool in_attached_mail;
};

/* A thing in the message that has octets of its own. */
struct piece {
    struct str octets;
    const char *part, *name; /* name: as the message says, may be "" */
    enum mime_place place;
};

/* reader.c */
/* One that begins now; octets: what all of it is about. Its `out` is to be freed with
 * mime_reading_free(). */
struct reader reader_new(const struct mime_limits *limits, struct str octets);
/* Adds a problem once for each kind and part; detail may be "". */
void reader_problem(struct reader *r, enum mime_problem_kind kind, const char *part,
                    const char *detail);
/* True when the time or a count is used up: then it has been noted, and the caller ends. */
bool reader_is_over(struct reader *r);
/* The same for what costs more than its octets are worth (archives, documents, pages): the time
 * of the processor that a message of this size may take is used up. It is noted for the part;
 * the caller ends, the rest of the message is read. */
bool reader_is_spent(struct reader *r, const char *part);
/* When that is, for a message that is begun now. */
int64_t reader_spent_at(const struct mime_limits *limits, struct str message);
/* Ends this process when reading a message of this size takes twice as long as that: a library
 * does not come back. Until fence_clock(0). */
void reader_clock(const struct mime_limits *limits, struct str message);
/* Takes n octets from what may be kept in memory at once, until they are let go; false, and
 * noted: that is used up. */
bool reader_hold(struct reader *r, const char *part, uint64_t n);
void reader_let_go(struct reader *r, uint64_t n);
/* Takes n octets from what may come out of archives and encodings; false when that is used up. */
bool reader_open_octets(struct reader *r, const char *part, uint64_t n);
/* A new text; NULL when no more fit. Valid until the next one is made. */
struct buf *reader_text(struct reader *r, enum mime_place place, const char *part);
void reader_text_done(struct reader *r, struct buf *text);
/* Adds a whole text. */
void reader_add_text(struct reader *r, enum mime_place place, const char *part, struct str text);
/* Notes an attachment by its kind. */
void reader_attachment(struct reader *r, const struct piece *p, const char *type);
/* Another name of the attachment that is this part. */
void reader_name(struct reader *r, const char *part, const char *name);
void reader_describe(struct reader *r, const struct mime_part *p);
/* Reads any octets by what they are: the way into all the files below. */
void reader_piece(struct reader *r, const struct piece *p);
/* "PART/N" of a thing inside a thing. */
void reader_inner_part(const char *part, unsigned n, char ret[MIME_PART]);
bool reader_deeper(struct reader *r, const char *part);

/* words.c: appends the text of a header field (its octets, folded or not) as UTF-8, without
 * blanks at its ends */
void words_text(struct reader *r, const char *part, struct str raw, struct buf *out);
/* The same, as other readers have it: words and other octets as they are where charset_fits_as_is;
 * each word by itself where its character set has states (ISO-2022-JP). False: that makes no
 * difference. */
bool words_otherwise(struct reader *r, const char *part, struct str raw, struct buf *out);
/* The same for a field of addresses: what a word holds stays a part of the name or comment that
 * the word stands in (RFC 2047 5 (2) and (3)), so that the text has the same addresses as the
 * field. */
void words_addresses(struct reader *r, const char *part, struct str raw, struct buf *out);
/* flowed.c: appends text in format=flowed with its lines joined; 0 or -ENOSPC */
int flowed_join(struct str text, bool deletes_space, struct buf *out) MUST_USE;
/* reader.c: calendars and contacts with their lines joined (RFC 5545 3.1, RFC 6350 3.2), and in
 * vCard 2.1 and vCalendar without quoted-printable */
void read_unfolded(struct str octets, struct buf *out);
/* message.c: a message of its own, inside another or not */
void read_message(struct reader *r, struct str octets, const char *part, bool top);
/* scan.c: limits that must hold before the octets are parsed, and the octets as they are */
bool scan_limits(struct reader *r, struct str octets, const char *part);
void scan_raw(struct reader *r, struct str octets);
/* tame.c: blanks what GMime cannot take in the fields of these octets, a copy of a message, and
 * notes it */
void tame_fields(struct reader *r, const char *part, char *octets, size_t n);
/* Appends the lines of a message's header section that are no fields: a text whose writer forgot
 * the empty line. */
void scan_stray(struct str message, struct buf *out);
/* html.c: octets are UTF-8 */
void read_html(struct reader *r, const struct piece *p);
/* charset.c: appends as UTF-8; charset NULL or "": ISO 2022 or UTF-8 if it is, else Windows-1252 */
void charset_init(void);
void charset_text(struct reader *r, const char *part, struct str octets, const char *charset,
                  struct buf *out);
/* True when others may read the octets as they are, as UTF-8, and not as charset_text does: the
 * label is of single octets and all octets beyond ASCII are UTF-8, or escapes of ISO 2022 stand
 * in what should have none. */
bool charset_fits_as_is(struct str octets, const char *charset);
/* archive.c: zip, 7z, tar, gz ... */
void read_archive(struct reader *r, const struct piece *p, bool is_raw);
/* Appends what one packed file (gz, bz2) holds, as far as the limits allow: 0, -EBADMSG, -ENOSPC
 * (noted). It is held until read_packed_done(). */
enum { READ_PACKED_MAX = 64 * 1024 * 1024 };
int read_packed(struct reader *r, const struct piece *p, struct buf *out) MUST_USE;
/* The same of what zlib deflated, in its own frame (RFC 1950) or in none (RFC 1951). */
enum deflate { DEFLATE_RAW, DEFLATE_ZLIB };
int read_deflated(struct reader *r, const struct piece *p, enum deflate form,
                  struct buf *out) MUST_USE;
void read_packed_done(struct reader *r, struct buf *octets);
/* True when it is an Office or OpenDocument file, which was then read; *ret_type says which. */
bool read_office(struct reader *r, const struct piece *p, const char **ret_type);
/* rest.c: what else is in the octets of an archive that was read up to there; UINT64_MAX:
 * reading it ended early */
void read_rest(struct reader *r, const struct piece *p, uint64_t consumed);
/* office.c: the text of one XML part of a document; shared: strings of a spreadsheet */
struct strings {
    struct str *v;
    size_t n, cap;
    struct buf text;
};
void strings_free(struct strings *s);
int read_document_xml(struct reader *r, const char *part, struct str xml,
                      const struct strings *shared, struct buf *out) MUST_USE;
int read_shared_strings(struct reader *r, const char *part, struct str xml,
                        struct strings *ret) MUST_USE;
/* pdf_objects.c: the texts that are on no page. Returns the points of the largest picture. */
uint64_t read_pdf_objects(struct reader *r, const struct piece *p);
/* rtf.c */
void read_rtf(struct reader *r, const struct piece *p);
/* tnef.c: winmail.dat */
void read_tnef(struct reader *r, const struct piece *p);
struct tnef_file {
    struct str octets;       /* lies in those of the piece */
    const char *name, *type; /* as it says, may be "" */
    const char *cid;         /* the identifier that its HTML names it by, may be "" */
};
/* The forms of a message's body, the one that its own program shows first. */
enum tnef_body { TNEF_HTML, TNEF_RTF, TNEF_PLAIN, TNEF_BODIES };
struct tnef_bodies {
    struct str subject, texts[TNEF_BODIES]; /* UTF-8, may be empty */
    bool is_html[TNEF_BODIES];
};
/* Who wants what; NULL: nobody. */
struct tnef_wants {
    void (*on_body)(void *arg, const struct tnef_bodies *b);
    void (*on_file)(void *arg, const struct tnef_file *f);
    void *arg;
};
/* Its text and its files are not read, but told; and those of messages inside it. */
void tnef_show(struct reader *r, const struct piece *p, const struct tnef_wants *wants);
/* ole.c: the old Office formats and what else lies in such files */
void read_ole(struct reader *r, const struct piece *p, const char **ret_type);
/* Readable runs of octets, also of UTF-16; what any file may give away. */
void read_strings(struct reader *r, const struct piece *p);
