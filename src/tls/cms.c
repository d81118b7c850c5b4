/* SPDX-License-Identifier: Apache-2.0
 * cms.c: signed data, unwrapped, by OpenSSL (cms.h). What can go wrong: octets that are none of it.
 */
#include "tls/cms.h"

#include <limits.h>
#include <openssl/cms.h>
#include <openssl/err.h>

int cms_signed_content(struct str octets, struct buf *out)
{
    const unsigned char *p = (const unsigned char *)octets.p;
    CMS_ContentInfo *cms = octets.n > 0 && octets.n <= LONG_MAX ? d2i_CMS_ContentInfo(NULL, &p, (long)octets.n) : NULL;
    bool is_signed = cms && OBJ_obj2nid(CMS_get0_type(cms)) == NID_pkcs7_signed;
    ASN1_OCTET_STRING **content = is_signed ? CMS_get0_content(cms) : NULL;
    int r = -EBADMSG;
    if (content && *content) {
        r = buf_append(out, ASN1_STRING_get0_data(*content), (size_t)ASN1_STRING_length(*content));
    }
    CMS_ContentInfo_free(cms);
    ERR_clear_error();
    return r;
}
