/* SPDX-License-Identifier: Apache-2.0
 * cmd_data.c: DATA, RFC 5321 4.1.1.4. The 354 comes before any octet of the message is read (3.3).
 *
 *   data = "DATA" CRLF
 */
#include "smtp/server_priv.h"

void smtp_cmd_data(struct smtp_server *s, struct str args)
{
    if (args.n > 0) {
        smtp_server_refuse(s, REFUSE_DATA_PARAMETER);
        return;
    }
    if (s->tx.is_binary) {
        smtp_server_refuse(s, REFUSE_BINARY_BY_DATA);
        return;
    }
    smtp_server_ask(s, SMTP_EV_DATA);
}
