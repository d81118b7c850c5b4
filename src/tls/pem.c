/* SPDX-License-Identifier: Apache-2.0
 * pem.c: PEM files block by block. Called by context.c and pair.c, which load them, by sign.c, and
 * by proc/preflight.c.
 *
 * What can go wrong: OpenSSL's readers stop at the first block that they cannot read, or pass over
 * it, which looks like the end of the file: all that follows would be gone and nobody told. So each
 * block is cut out here and read by itself.
 */
#include "tls/pem.h"
#include "tls/tls_priv.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

/* The line has such a mark, whole or with dashes missing. A comment has none. */
static bool has_mark(struct str line, struct str mark)
{
    return line.n > 0 && line.p[0] != '#' && str_has(line, mark);
}

static bool is_begin(struct str line)
{
    return has_mark(line, STR("-BEGIN "));
}

static bool is_end(struct str line)
{
    return has_mark(line, STR("-END "));
}

static struct str pem_label_of(struct str line)
{
    const char *at = memmem(line.p, line.n, "-BEGIN ", 7);
    struct str rest = at ? str_slice(line, (size_t)(at - line.p) + 7, line.n) : STR("");
    return str_slice(rest, 0, str_find(rest, '-', 0));
}

/* The line, with its line feed. */
static struct str first_line(struct str text)
{
    size_t n = str_find(text, '\n', 0);
    return str_slice(text, 0, n < text.n ? n + 1 : n);
}

static unsigned pem_lines_of(struct str text)
{
    unsigned n = 0;
    for (size_t i = 0; i < text.n; i++) {
        n += text.p[i] == '\n';
    }
    return n;
}

/* An END that nothing began makes a block as well: its BEGIN is damaged. */
bool tls_pem_next(struct str *rest, struct tls_pem_block *at)
{
    unsigned line_number = at->number == 0 ? 1 : at->line + pem_lines_of(at->text);
    struct str line = first_line(*rest);
    while (line.n > 0 && !is_begin(line) && !is_end(line)) {
        *rest = str_slice(*rest, line.n, rest->n);
        line = first_line(*rest);
        line_number++;
    }
    if (line.n == 0) {
        return false;
    }
    size_t n = line.n;
    bool ended = is_end(line);
    at->label = pem_label_of(line);
    while (!ended) {
        line = first_line(str_slice(*rest, n, rest->n));
        ended = line.n == 0 || is_end(line) || is_begin(line);
        n += is_end(line) ? line.n : ended ? 0 : line.n;
    }
    at->text = str_slice(*rest, 0, n);
    at->number++;
    at->line = line_number;
    *rest = str_slice(*rest, n, rest->n);
    return true;
}

static bool is_certificate(struct str label)
{
    return str_eq(label, STR(PEM_STRING_X509)) || str_eq(label, STR(PEM_STRING_X509_OLD)) ||
           str_eq(label, STR(PEM_STRING_X509_TRUSTED));
}

X509 *tls_pem_certificate(const struct tls_pem_block *block)
{
    BIO *bio = BIO_new_mem_buf(block->text.p, (int)block->text.n);
    X509 *x =
        bio && is_certificate(block->label) ? PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    ERR_clear_error();
    return x;
}

static bool can_be_unpacked(struct str text)
{
    BIO *bio = BIO_new_mem_buf(text.p, (int)text.n);
    char *name = NULL, *header = NULL;
    unsigned char *data = NULL;
    long n = 0;
    bool good = bio && PEM_read_bio(bio, &name, &header, &data, &n) == 1;
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_clear_free(data, good ? (size_t)n : 0);
    BIO_free(bio);
    ERR_clear_error();
    return good;
}

/* What keeps a block from being read, NULL: nothing. */
static const char *trouble_of(const struct tls_pem_block *b)
{
    if (!memmem(b->text.p, b->text.n, "-BEGIN ", 7)) {
        return "there is no BEGIN line";
    }
    if (!memmem(b->text.p, b->text.n, "-END ", 5)) {
        return "its END line is missing";
    }
    if (!can_be_unpacked(b->text)) {
        return "its lines are damaged";
    }
    X509 *x = tls_pem_certificate(b);
    X509_free(x);
    return x || !is_certificate(b->label) ? NULL : "that is no certificate";
}

size_t tls_pem_certificates(struct str pem)
{
    struct tls_pem_block b = {.number = 0};
    size_t n = 0;
    while (tls_pem_next(&pem, &b)) {
        X509 *x = trouble_of(&b) ? NULL : tls_pem_certificate(&b);
        n += x != NULL;
        X509_free(x);
    }
    return n;
}

int tls_pem_check(struct str pem, char *problem, size_t size)
{
    struct tls_pem_block b = {.number = 0};
    while (tls_pem_next(&pem, &b)) {
        const char *trouble = trouble_of(&b);
        if (trouble) {
            snprintf(problem, size,
                     "block number %u (line %u) cannot be read: %s. Get the file again", b.number,
                     b.line, trouble);
            return -EINVAL;
        }
    }
    return 0;
}
