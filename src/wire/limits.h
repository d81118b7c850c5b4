/* SPDX-License-Identifier: Apache-2.0
 * limits.h: how long the things of SMTP may be here, in one place. Included by the grammar, the
 * engines and whoever keeps an address.
 *
 * RFC 5321 4.5.3.1 names what everybody must take at least (local part 64, path 256, command
 * 512, reply 512 octets) and asks for no limit beyond where that is possible. VERP, SRS and BATV
 * go beyond it every day. These are our real maxima; the limits block of the configuration has
 * those that an administrator may choose.
 */
#pragma once

/* RFC 5321 4.5.3.1 MUST: local part 64, domain 255, path 256 and command 512 octets are taken
 * RFC 3461 5.4 MUST: ENVID of 100 octets and ORCPT of 500 are taken */
enum {
    /* Octets of a mailbox, local@domain. A header line has at most 998 (RFC 5322 2.1.1), and an
     * address must fit into one with the name of its field: in Received, in a bounce, in a
     * report. The local part has no maximum of its own. */
    ADDRESS_MAX = 900,
    ADDRESS_ROOM = ADDRESS_MAX + 4, /* octets of an array that holds one */
    ADDRESS_DOMAIN_MAX = 255,       /* DNS has no longer ones (RFC 1035 2.3.4) */

    /* xtext; RFC 3461 4.4 lets senders use 100. It stands in a header line of a notice */
    NOTIFY_ENVID_MAX = 900,
    /* "type;xtext"; RFC 3461 4.2 says 500. What it stands for is an address: ADDRESS_MAX */
    NOTIFY_ORCPT_MAX = 2000,

    /* Octets of the header section of a message. Mail with thousands of recipients in To has
     * some hundred KB; beyond this a section is no mail anybody can read. Each process that
     * keeps a section whole can keep this one. */
    HEADER_SECTION_MAX = 4 * 1024 * 1024,

    SMTP_AUTH_LINE_MAX = 12288, /* octets of a line in AUTH, the command too (RFC 4954 4) */
};
