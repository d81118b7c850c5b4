/* SPDX-License-Identifier: Apache-2.0
 * staple.c: revocation, as far as a server shows it itself: a stapled OCSP answer is checked,
 * and a certificate that demands one (RFC 7633) must come with it. Nothing is fetched in the
 * delivery path. Called by channel.c for certificates that authorities vouch for, not with
 * DANE-EE.
 *
 * A staple that cannot be verified counts as none.
 */
#include "tls/tls.h"
#include "tls/tls_priv.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>

enum { CLOCK_SKEW_S = 300, FEATURE_STATUS_REQUEST = 5 };

/* RFC 7633: TLS feature 5, status_request. */
static bool must_staple(X509 *cert)
{
    TLS_FEATURE *features = X509_get_ext_d2i(cert, NID_tlsfeature, NULL, NULL);
    bool found = false;
    for (int i = 0; features && i < sk_ASN1_INTEGER_num(features); i++) {
        found |= ASN1_INTEGER_get(sk_ASN1_INTEGER_value(features, i)) == FEATURE_STATUS_REQUEST;
    }
    TLS_FEATURE_free(features);
    return found;
}

static X509 *find_issuer(X509 *cert, STACK_OF(X509) * chain)
{
    for (int i = 0; chain && i < sk_X509_num(chain); i++) {
        X509 *candidate = sk_X509_value(chain, i);
        if (candidate != cert && X509_check_issued(candidate, cert) == X509_V_OK) {
            return candidate;
        }
    }
    return NULL;
}

/* V_OCSP_CERTSTATUS_... of the certificate, or -1 when the answer does not count. */
static int status_in(OCSP_BASICRESP *basic, X509 *cert, X509 *issuer)
{
    int status = -1, reason;
    ASN1_GENERALIZEDTIME *revoked, *from, *until;
    OCSP_CERTID *id = OCSP_cert_to_id(NULL, cert, issuer);
    bool ok = id &&
              OCSP_resp_find_status(basic, id, &status, &reason, &revoked, &from, &until) == 1 &&
              OCSP_check_validity(from, until, CLOCK_SKEW_S, -1) == 1;
    OCSP_CERTID_free(id);
    return ok ? status : -1;
}

static int stapled_status(SSL *ssl, X509 *cert)
{
    const unsigned char *p = NULL;
    long n = SSL_get_tlsext_status_ocsp_resp(ssl, &p);
    STACK_OF(X509) *chain =
        SSL_get0_verified_chain(ssl) ? SSL_get0_verified_chain(ssl) : SSL_get_peer_cert_chain(ssl);
    X509 *issuer = find_issuer(cert, chain);
    OCSP_RESPONSE *response = n > 0 ? d2i_OCSP_RESPONSE(NULL, &p, n) : NULL;
    OCSP_BASICRESP *basic =
        response && OCSP_response_status(response) == OCSP_RESPONSE_STATUS_SUCCESSFUL
            ? OCSP_response_get1_basic(response)
            : NULL;
    int status = -1;
    if (basic && issuer &&
        OCSP_basic_verify(basic, chain, SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl)), 0) > 0) {
        status = status_in(basic, cert, issuer);
    }
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(response);
    ERR_clear_error();
    return status;
}

enum tls_cause tls_staple_problem(SSL *ssl, X509 *cert)
{
    int status = stapled_status(ssl, cert);
    if (status == V_OCSP_CERTSTATUS_REVOKED) {
        return TLS_CAUSE_REVOKED;
    }
    return status != V_OCSP_CERTSTATUS_GOOD && must_staple(cert) ? TLS_CAUSE_NO_STAPLE
                                                                 : TLS_CAUSE_END;
}
