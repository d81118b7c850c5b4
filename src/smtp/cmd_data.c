/* SPDX-License-Identifier: Apache-2.0
 * cmd_data.c: DATA, RFC 5321 4.1.1.4. The 354 comes before any octet of the message is read (3.3).
 *
 *   data = "DATA" CRLF
 */
#include "smtp/server_priv.h"

void smtp_cmd_data(struct smtp_server *s, struct str args)
{
    if (args.n > 0) {
        smtp_server_reply(s, 501, "5.5.4", "DATA takes no parameter");
        return;
    }
    if (s->tx.is_binary) {
        smtp_server_reply(s, 503, "5.5.1", "BODY=BINARYMIME needs BDAT (RFC 3030)");
        return;
    }
    smtp_server_ask(s, SMTP_EV_DATA);
}
