/* SPDX-License-Identifier: Apache-2.0
 * mime.h: reading a message: its texts (also those inside documents and archives), what is
 * attached, and what is odd about it (RFC 2045, 2046, 2047, 2231, 5322). The original octets
 * stay what they are; this only reads.
 *
 * Called by the `inspect` process, postern detect and postern explain. What can go wrong is a
 * problem in the result, never an error: an attachment that cannot be read, a message that other
 * programs may read otherwise, a limit. A message with such a problem is not clean; what follows
 * is up to the rules.
 */
#pragma once
#include "base/buf.h"

enum { MIME_PART = 24, MIME_NAME = 128, MIME_DETAIL = 160 };

/* Not readable: what is in there is not known. Ambiguous: the octets were read, and others may
 * read them otherwise; then they are also scanned as they are. */
#define MIME_PROBLEMS(X) \
    X(PASSWORD, "password", false, "protected by a password") \
    X(IMAGE, "image", false, "a picture or a document made of pictures: there is no text to read") \
    X(MEDIA, "media", false, "sound or film: there is no text to read") \
    X(UNKNOWN, "unknown", false, "of a kind that cannot be read") \
    X(DAMAGED, "damaged", false, "damaged, or not what it says it is") \
    X(LIMIT, "limit", false, "too large, too deep, too many parts, or taking too long to read") \
    X(PARTIAL, "partial", false, "a piece of a message, or a pointer to one elsewhere") \
    X(OPAQUE, "opaque", false, "signed in a form that hides the text from other programs") \
    X(FIELD, "field", true, \
      "a field that says how to read a part is there twice, or contradicts another") \
    X(HEADER, "header", true, "a header section with lines that are no fields") \
    X(BOUNDARY, "boundary", true, "a boundary between parts is missing, or used twice") \
    X(OUTSIDE, "outside", true, "text before the first part or behind the last one") \
    X(FOOTER, "footer", false, \
      "a few lines of plain text behind the last part, as list programs put there") \
    X(ENCODING, "encoding", true, "a transfer encoding that is unknown or broken") \
    X(CHARSET, "charset", true, "a character set that is unknown or does not fit the text")
#define MIME_PROBLEM_ENUM(n, s, ambiguous, sentence) MIME_##n,
enum mime_problem_kind { MIME_PROBLEMS(MIME_PROBLEM_ENUM) MIME_PROBLEM_END };

enum mime_place { MIME_SUBJECT, MIME_BODY, MIME_ATTACHMENT };
/* Encrypted by the sender's own program, as a whole. */
enum mime_encryption { MIME_CLEAR, MIME_PGP, MIME_PGP_INLINE, MIME_SMIME };

struct mime_problem {
    enum mime_problem_kind kind;
    char part[MIME_PART]; /* "1.2", "1.2/3" for the third file in an archive; "" the message */
    /* one line for people; names of files stand with the attachments, not here */
    char detail[MIME_DETAIL];
};

struct mime_text {
    struct buf text; /* UTF-8, as far as it could be told */
    enum mime_place place;
    char part[MIME_PART];
    bool is_attached_mail; /* a body inside an attached mail, or, as an attachment, its subject */
};

struct mime_attachment {
    const char *type; /* by its octets: "pdf", "docx", "zip" ... */
    char name[MIME_NAME], part[MIME_PART];
    uint64_t octets;
};

/* A part as the message describes it. */
struct mime_part {
    char number[MIME_PART], type[128], charset[40]; /* of an Office document a type has 73 */
    uint64_t octets;                                /* decoded */
    bool is_attachment; /* not a body that people read where it stands */
};

/* Another name of an attachment: a part may carry several, and readers of mail do not agree
 * which counts. */
struct mime_name {
    char part[MIME_PART], name[MIME_NAME];
};

/* A field of the header section of the message itself, decoded. */
struct mime_field {
    char *name, *value;
};

struct mime_reading {
    struct mime_text *texts;
    size_t n_texts;
    struct mime_problem *problems;
    size_t n_problems;
    struct mime_attachment *attachments;
    size_t n_attachments;
    struct mime_name *names;
    size_t n_names;
    struct mime_part *described; /* in order; of messages inside messages, too */
    size_t n_described;
    struct mime_field *fields;
    size_t n_fields;
    enum mime_encryption encryption;
    unsigned parts;
    /* time of the processor (clock_cpu_ms) at which looking through it costs too much */
    int64_t look_until_ms;
};

/* What became of a document given to another program. */
enum mime_document {
    MIME_DOCUMENT_TEXT,
    MIME_DOCUMENT_PASSWORD,
    MIME_DOCUMENT_DAMAGED,
    MIME_DOCUMENT_LIMIT,
    MIME_DOCUMENT_NOBODY
};
/* Appends the text of a PDF, as far as it can be had in this time of the processor. */
typedef enum mime_document (*mime_pdf_fn)(void *arg, struct str octets, int64_t cpu_ms,
                                          struct buf *out);

struct mime_limits {
    int64_t time_ms;        /* for the whole message */
    uint64_t text_octets;   /* of all texts together */
    uint64_t opened_octets; /* that come out of archives and encodings together */
    unsigned parts, depth, problems;
    mime_pdf_fn pdf; /* NULL: PDF cannot be read */
    void *pdf_arg;
};
extern const struct mime_limits mime_standard_limits;

/* Once per process, before any sandbox. */
void mime_init(void);
/* Reads a whole message (borrowed). Never NULL; free with mime_reading_free. */
struct mime_reading *mime_read(struct str message, const struct mime_limits *limits);
/* The same for one file: a document, an archive, a text. */
struct mime_reading *mime_read_file(struct str octets, const char *name,
                                    const struct mime_limits *limits);
void mime_reading_free(struct mime_reading *r);

const char *mime_problem_name(enum mime_problem_kind k);
const char *mime_problem_sentence(enum mime_problem_kind k);
bool mime_problem_is_ambiguous(enum mime_problem_kind k);
const char *mime_encryption_name(enum mime_encryption e);
/* Its fields say that it answers or forwards another mail: its threading (RFC 5322 3.6.4), or
 * "Re:" in the subject. */
bool mime_is_answer(const struct mime_reading *r);
/* The next value of a field, decoded; *cursor starts at 0. NULL: no more. */
const char *mime_field_next(const struct mime_reading *r, const char *name, size_t *cursor);
