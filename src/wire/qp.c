/* SPDX-License-Identifier: Apache-2.0
 * qp.c: RFC 2045 6.7. Called by the converter (sevenbit.c) and by report/dsn.c. What can go
 * wrong: the buffer is full.
 */
#include "wire/qp.h"
#include "wire/marks.h"

enum { TEXT_MAX = 75 }; /* and "=" of a soft line break: 76 */

/* RFC 2045 6.7 MUST: quoted-printable: lines of 76 at most, by soft breaks */
static int qp_put(struct qp *q, const char *octets, size_t n, struct buf *out)
{
    int r = 0;
    if (q->column + n > TEXT_MAX) {
        r = buf_append(out, "=\r\n", 3);
        q->column = 0;
        q->soft = true;
    }
    /* no new line may look like one */
    bool delimiter = r == 0 && q->column == 0 && octets[0] == '-' && q->soft;
    q->soft = false;
    q->column += delimiter ? 3 : n;
    return r < 0 ? r : delimiter ? buf_append(out, "=2D", 3) : buf_append(out, octets, n);
}

/* RFC 2045 6.7 MUST: quoted-printable: = and 8-bit octets as = and two digits, upper case */
static int put_coded(struct qp *q, char c, struct buf *out)
{
    static const char hex[] = "0123456789ABCDEF";
    const char coded[3] = {'=', hex[(unsigned char)c >> 4], hex[(unsigned char)c & 15]};
    return qp_put(q, coded, sizeof coded, out);
}

/* What was held, now that c follows. True when c is used up with it.
 * RFC 2045 6.7 MUST: quoted-printable: line breaks are CRLF, and stay so */
static int qp_release(struct qp *q, char c, struct buf *out, bool *ret_used)
{
    char held = q->held;
    q->held = 0;
    *ret_used = held == '\r' && c == '\n';
    if (*ret_used) {
        q->column = 0;
        return buf_append(out, "\r\n", 2);
    }
    return held == '\r' || c == '\r' ? put_coded(q, held, out) : qp_put(q, &held, 1, out);
}

/* RFC 2045 6.7 MUST: quoted-printable: no blank at the end of a line stays bare */
static int qp_put_octet(struct qp *q, char c, struct buf *out)
{
    if (c == '\r' || c == ' ' || c == '\t') {
        q->held = c;
        return 0;
    }
    bool literal = c > ' ' && c <= '~' && c != '=';
    return literal ? qp_put(q, &c, 1, out) : put_coded(q, c, out);
}

int qp_write(struct qp *q, struct str text, struct buf *out)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < text.n; i++) {
        bool used = false;
        r = q->held ? qp_release(q, text.p[i], out, &used) : 0;
        r = r < 0 || used ? r : qp_put_octet(q, text.p[i], out);
    }
    return r;
}

int qp_end(struct qp *q, struct buf *out)
{
    int r = q->held ? put_coded(q, q->held, out) : 0;
    *q = (struct qp){0};
    return r;
}

int qp_part(struct str text, struct buf *out)
{
    struct qp qp = {0};
    struct marks marks = {.in_body = true};
    marks_look(&marks, text);
    if (!marks.eight_bit && !marks.binary && !marks.long_line) {
        int r = buf_add(out, STR("\r\n"));
        return r < 0 ? r : buf_add(out, text);
    }
    int r = buf_add(out, STR("Content-Transfer-Encoding: quoted-printable\r\n\r\n"));
    r = r < 0 ? r : qp_write(&qp, text, out);
    return r < 0 ? r : qp_end(&qp, out);
}
