/* SPDX-License-Identifier: Apache-2.0
 * dot.h: the transparency rule of DATA (RFC 5321 4.5.2) in both directions, over chunk borders.
 *
 * Reading is also the place that decides what ends a line: CRLF and nothing else. Bare CR, bare
 * LF and NUL are counted as problems; the caller refuses the message after its true end
 * (RFC 5321 2.3.8; message smuggling, CVE-2023-51764 and others).
 */
#pragma once
#include "base/buf.h"

enum dot_problem { DOT_FINE, DOT_BARE_CR, DOT_BARE_LF, DOT_NUL };

struct dot_reader {
    int state;
    enum dot_problem problem; /* the first one seen */
    bool nul;                 /* there was a NUL, first or not */
    bool done;
};

/* Reads up to the end of *in or the end of data. *ret_text: the next octets of the message, a
 * view into *in or of a CR that was held back (call again while *in is not empty and not done).
 * No octet of a message is lost, whatever ends its lines. */
void dot_read(struct dot_reader *d, struct str *in, struct str *ret_text);

/* The same check for a part of a message whose length was said before (BDAT, RFC 3030): only what
 * ends a line and NUL are looked at, a dot is a dot. */
void dot_look(struct dot_reader *d, struct str text);
/* The message ended here: a CR that still waits for its LF is bare. */
void dot_look_end(struct dot_reader *d);

struct dot_writer {
    int last; /* the last octet or two written */
};

/* Appends text with leading dots doubled. 0 or -ENOSPC. */
int dot_write(struct dot_writer *d, struct str text, struct buf *out) MUST_USE;
/* Appends the end: CRLF if the text did not end with one, then ".CRLF". */
int dot_finish(struct dot_writer *d, struct buf *out) MUST_USE;
