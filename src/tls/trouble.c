/* SPDX-License-Identifier: Apache-2.0
 * trouble.c: why a TLS session did not come about or broke off, in words that name the cause:
 * the library's errors and the peer's alerts (RFC 8446 6). Called by channel.c. OpenSSL calls
 * alerts by the version that knew them first ("sslv3 alert handshake failure" in TLS 1.2), and
 * what is no TLS at all a wrong version: nobody in the field can read that.
 *
 * What can go wrong: an error that has no row keeps the library's own words.
 */
#include "base/str.h"
#include "tls/tls_priv.h"

#include <openssl/err.h>
#include <stdio.h>

/* Alerts: what the peer said of itself. Behind "the server ended the session: ". */
static const struct {
    int alert;
    const char *words;
} alerts[] = {
    {SSL_AD_HANDSHAKE_FAILURE, "it has no cipher, key exchange or signature in common with us"},
    {SSL_AD_PROTOCOL_VERSION, "it speaks no version of TLS that is offered here"},
    {SSL_AD_INSUFFICIENT_SECURITY, "it demands stronger ciphers than are offered here"},
    {SSL_AD_BAD_CERTIFICATE, "it takes our certificate for a bad one"},
    {SSL_AD_UNSUPPORTED_CERTIFICATE, "it does not take certificates of our kind"},
    {SSL_AD_CERTIFICATE_REVOKED, "it takes our certificate for revoked"},
    {SSL_AD_CERTIFICATE_EXPIRED, "it takes our certificate for expired"},
    {SSL_AD_CERTIFICATE_UNKNOWN, "it does not accept our certificate"},
    {SSL_AD_UNKNOWN_CA, "it does not know the authority of our certificate"},
    {SSL_AD_ACCESS_DENIED, "it denies access to our certificate"},
    {SSL_AD_UNRECOGNIZED_NAME, "it does not know the name that was asked for"},
    {SSL_AD_NO_APPLICATION_PROTOCOL, "it speaks no protocol that is offered here"},
    {TLS13_AD_CERTIFICATE_REQUIRED, "it demands a certificate of ours"},
    {SSL_AD_INTERNAL_ERROR, "it had an error of its own"},
    {SSL_AD_USER_CANCELLED, "it was cancelled there"},
    {SSL_AD_DECRYPT_ERROR, "it could not verify a signature or key of the handshake"},
};

/* What was found here: words before and behind "the server", "the client". */
static const struct {
    int reason;
    const char *before, *behind;
} errors[] = {
    {SSL_R_WRONG_VERSION_NUMBER, "what ", " sent is not TLS"},
    {SSL_R_PACKET_LENGTH_TOO_LONG, "what ", " sent is not TLS"},
    {SSL_R_HTTP_REQUEST, "what ", " sent is not TLS"},
    {SSL_R_UNSUPPORTED_PROTOCOL, "", " speaks no version of TLS that is accepted here"},
    {SSL_R_VERSION_TOO_LOW, "", " speaks no version of TLS that is accepted here"},
    {SSL_R_NO_SHARED_CIPHER, "", " has no cipher in common with us"},
    {SSL_R_NO_SUITABLE_GROUPS, "", " has no key exchange in common with us"},
    {SSL_R_NO_SUITABLE_KEY_SHARE, "", " has no key exchange in common with us"},
    {SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, "", " has no signature in common with us"},
    {SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS, "", " has no signature in common with us"},
    {SSL_R_WRONG_SIGNATURE_TYPE, "", " signed in a way that is not accepted here"},
    {SSL_R_WRONG_CIPHER_RETURNED, "", " chose a cipher that was not offered"},
    {SSL_R_UNKNOWN_CIPHER_RETURNED, "", " chose a cipher that was not offered"},
    {SSL_R_DH_KEY_TOO_SMALL, "the Diffie-Hellman key of ", " is too small"},
    {SSL_R_EXCESSIVE_MESSAGE_SIZE, "",
     " sent a message larger than is read, as with a chain of over 100 KB of certificates"},
    {SSL_R_BAD_SIGNATURE, "the signature of ", " is wrong"},
    {SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, "what ",
     " sent is damaged or was changed on its way"},
    {SSL_R_UNEXPECTED_EOF_WHILE_READING, "", " closed the connection"},
};

static const char *alert_words(int alert)
{
    for (size_t i = 0; i < ARRAY_LEN(alerts); i++) {
        if (alerts[i].alert == alert) {
            return alerts[i].words;
        }
    }
    return "";
}

static bool put_error(int reason, const char *who, char *dst, size_t size)
{
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        if (errors[i].reason == reason) {
            snprintf(dst, size, "%s%s%s", errors[i].before, who, errors[i].behind);
            return true;
        }
    }
    return false;
}

void tls_trouble(const SSL *ssl, bool lacks_certificate, char *dst, size_t size)
{
    const char *who = SSL_is_server(ssl) ? "the client" : "the server";
    unsigned long code = ERR_peek_last_error();
    int reason = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;
    int alert = reason > SSL_AD_REASON_OFFSET && reason <= SSL_AD_REASON_OFFSET + UINT8_MAX
                    ? reason - SSL_AD_REASON_OFFSET
                    : 0;
    const char *library = code ? ERR_reason_error_string(code) : NULL;
    if (alert > 0) { /* TLS 1.2 has no alert of its own for a certificate that is missing */
        bool missing = alert == SSL_AD_HANDSHAKE_FAILURE && lacks_certificate;
        const char *words = alert_words(missing ? TLS13_AD_CERTIFICATE_REQUIRED : alert);
        snprintf(dst, size, "%s ended the session%s%s (alert %d, %s)", who, *words ? ": " : "",
                 words, alert, SSL_alert_desc_string_long(alert));
    } else if (!put_error(reason, who, dst, size) && library) {
        str_copy_cut(str_c(library), dst, size);
    } else if (!library) {
        snprintf(dst, size, "%s ended the handshake", who);
    }
}
