/* SPDX-License-Identifier: Apache-2.0
 * cms.c: signed data, unwrapped, and encrypted data, told, by OpenSSL (cms.h). What can go
 * wrong: octets that are none of it.
 */
#include "tls/cms.h"

#include <limits.h>
#include <openssl/cms.h>
#include <openssl/err.h>

/* *ret_n: its octets. NULL: it is none. */
static CMS_ContentInfo *cms_parse(struct str octets, size_t *ret_n)
{
    const unsigned char *p = (const unsigned char *)octets.p;
    CMS_ContentInfo *cms =
        octets.n > 0 && octets.n <= LONG_MAX ? d2i_CMS_ContentInfo(NULL, &p, (long)octets.n) : NULL;
    *ret_n = cms ? (size_t)((const char *)p - octets.p) : 0;
    ERR_clear_error();
    return cms;
}

bool cms_is_any(struct str octets)
{
    size_t n;
    CMS_ContentInfo *cms = cms_parse(octets, &n);
    bool is = cms && OBJ_obj2nid(CMS_get0_type(cms)) != NID_undef;
    CMS_ContentInfo_free(cms);
    return is;
}

bool cms_is_detached(struct str octets)
{
    size_t used;
    CMS_ContentInfo *cms = cms_parse(octets, &used);
    bool is = cms && OBJ_obj2nid(CMS_get0_type(cms)) == NID_pkcs7_signed &&
              CMS_is_detached(cms) == 1 && str_is_blank(str_slice(octets, used, octets.n));
    CMS_ContentInfo_free(cms);
    ERR_clear_error();
    return is;
}

static int content_of(struct str octets, int type, struct buf *out)
{
    size_t used;
    CMS_ContentInfo *cms = cms_parse(octets, &used);
    bool is = cms && OBJ_obj2nid(CMS_get0_type(cms)) == type;
    ASN1_OCTET_STRING **content = is ? CMS_get0_content(cms) : NULL;
    int r = -EBADMSG;
    if (content && *content) {
        r = buf_append(out, ASN1_STRING_get0_data(*content), (size_t)ASN1_STRING_length(*content));
    }
    CMS_ContentInfo_free(cms);
    ERR_clear_error();
    return r;
}

int cms_signed_content(struct str octets, struct buf *out)
{
    return content_of(octets, NID_pkcs7_signed, out);
}

int cms_compressed_content(struct str octets, struct buf *out)
{
    return content_of(octets, NID_id_smime_ct_compressedData, out);
}

/* --- where it lies: the way through the TLVs of RFC 5652 3, 5.1, 5.2 ---- */

enum {
    TAG_OCTETS = 0x04,
    TAG_IDENTIFIER = 0x06,
    TAG_OCTETS_IN_PIECES = 0x24,
    TAG_SEQUENCE = 0x30,
    TAG_ZERO = 0xa0,
    DEPTH_MAX = 8
};

struct tlv {
    unsigned char tag;
    size_t at, n; /* its content */
    bool is_open; /* of indefinite length (X.690 8.1.3.6): n is all that is left */
};

/* The one at *at, which moves to its content. */
static bool tlv_next(struct str s, size_t *at, struct tlv *ret)
{
    size_t i = *at, n = 0;
    if (i + 2 > s.n) {
        return false;
    }
    ret->tag = (unsigned char)s.p[i++];
    unsigned char first = (unsigned char)s.p[i++];
    ret->is_open = first == 0x80;
    n = first < 0x80 ? first : 0;
    for (unsigned k = first & 0x7f; first > 0x80 && k > 0; k--) {
        if (i >= s.n || n > SIZE_MAX >> 8) {
            return false;
        }
        n = n << 8 | (unsigned char)s.p[i++];
    }
    ret->at = *at = i;
    ret->n = ret->is_open ? s.n - i : n;
    return ret->n <= s.n - i;
}

/* Behind the one at *at, whose content may be open as well. */
static bool tlv_skip(struct str s, size_t *at, unsigned depth)
{
    struct tlv t;
    if (depth > DEPTH_MAX || !tlv_next(s, at, &t)) {
        return false;
    }
    while (t.is_open) {
        if (*at + 2 <= s.n && s.p[*at] == 0 && s.p[*at + 1] == 0) {
            *at += 2;
            return true;
        }
        if (!tlv_skip(s, at, depth + 1)) {
            return false;
        }
    }
    *at = t.at + t.n;
    return true;
}

static bool enter(struct str s, size_t *at, unsigned char tag)
{
    struct tlv t;
    return tlv_next(s, at, &t) && t.tag == tag;
}

bool cms_signed_place(struct str octets, struct str content, struct nested_place *ret)
{
    size_t at = 0;
    struct tlv t;
    bool found =
        enter(octets, &at, TAG_SEQUENCE) && tlv_skip(octets, &at, 0) /* ContentInfo: its type, */
        && enter(octets, &at, TAG_ZERO) && enter(octets, &at, TAG_SEQUENCE) /* SignedData: */
        && tlv_skip(octets, &at, 0) && tlv_skip(octets, &at, 0) /* version and digests, */
        && enter(octets, &at, TAG_SEQUENCE) &&
        tlv_skip(octets, &at, 0) /* what is signed: its type, */
        && enter(octets, &at, TAG_ZERO) && tlv_next(octets, &at, &t) &&
        (t.tag == TAG_OCTETS || t.tag == TAG_OCTETS_IN_PIECES);
    struct buf same = BUF_INIT(octets.n + 1);
    *ret = (struct nested_place){0};
    if (found) {
        *ret =
            (struct nested_place){t.at, t.n, t.tag == TAG_OCTETS ? TRANSFER_AS_IS : TRANSFER_BER};
        found = transfer_read_all(ret->encoding, str_slice(octets, t.at, t.at + t.n), &same,
                                  NULL) == 0 &&
                str_eq(buf_str(&same), content);
    }
    buf_wipe(&same);
    return found && content.n > 0;
}

/* --- encrypted ---------------------------------------------------------- */

/* By its identifier alone: the rest of a large signature is not taken apart for that. */
static bool says_sealed(struct str octets)
{
    static const struct str types[] = {
        {"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03", 9},
        {"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17", 11},
    };
    size_t at = 0;
    struct tlv t;
    bool is =
        enter(octets, &at, TAG_SEQUENCE) && tlv_next(octets, &at, &t) && t.tag == TAG_IDENTIFIER;
    struct str type = is ? str_slice(octets, t.at, t.at + t.n) : STR("");
    return str_eq(type, types[0]) || str_eq(type, types[1]);
}

bool cms_is_sealed(struct str octets, size_t n, struct buf *ret_front)
{
    size_t used;
    CMS_ContentInfo *cms = says_sealed(octets) ? cms_parse(octets, &used) : NULL;
    int type = cms ? OBJ_obj2nid(CMS_get0_type(cms)) : NID_undef;
    bool sealed = type == NID_pkcs7_enveloped || type == NID_id_smime_ct_authEnvelopedData;
    STACK_OF(CMS_RecipientInfo) *recipients = sealed ? CMS_get0_RecipientInfos(cms) : NULL;
    ASN1_OCTET_STRING **content = sealed ? CMS_get0_content(cms) : NULL;
    sealed = recipients && sk_CMS_RecipientInfo_num(recipients) > 0 && content && *content &&
             ASN1_STRING_length(*content) > 0 && str_is_blank(str_slice(octets, used, octets.n));
    if (sealed) {
        size_t there = (size_t)ASN1_STRING_length(*content);
        sealed = buf_append(ret_front, ASN1_STRING_get0_data(*content), there < n ? there : n) == 0;
    }
    CMS_ContentInfo_free(cms);
    ERR_clear_error();
    return sealed;
}
