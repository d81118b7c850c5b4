/* SPDX-License-Identifier: Apache-2.0
 * alarm.h: what an administrator is woken for. Types and names only.
 */
#pragma once

/* Kind, name, sentence for people (the domain stands before it). */
#define POLICY_ALARMS(X) \
    X(LOST_TLS, "lost-tls", "no longer offers encryption; it did before") \
    X(MIDDLEBOX, "middlebox", \
      "many domains lost their encryption at once: probably a firewall on our own side removes " \
      "it") \
    X(CERTIFICATE, "certificate", \
      "the certificate of a receiving server no longer proves who it is") \
    X(EXPIRY, "expiry", "the certificate of a receiving server ends soon, or has ended") \
    X(DANE, "dane", \
      "the DANE records no longer match the receiving server, or cannot be verified") \
    X(DANE_GONE, "dane-gone", "the DANE records are gone") \
    X(STS_REFRESH, "sts-refresh", "the MTA-STS policy could not be refreshed") \
    X(STS_GONE, "sts-gone", "the MTA-STS policy is gone, or no longer enforced") \
    X(RESOLVER, "resolver", "the name service cannot be trusted fully") \
    X(POISON, "poison", "has a message over which two processes died") \
    X(OWN_CERTIFICATE, "own-certificate", \
      "shows clients a certificate that ends soon, or has ended") \
    X(UNLEARN, "unlearn", \
      "has offered no encryption for seven days; confirm before mail may go in clear") \
    X(FORWARD, "forward", "has no secure connection: forwards to it are off") \
    X(RENEWAL, "renewal", \
      "has new certificate or key files that cannot be used; the ones before stay in force") \
    X(OWN_TLS, "own-tls", "cannot do TLS with its own certificate: clients are refused") \
    X(OVERDUE, "overdue", "had mail that waited without a reason; it was woken") \
    X(PORTAL_TLS, "portal-tls", \
      "cannot do TLS with its own certificate at the portal: browsers are refused") \
    X(RELAY_LOGIN, "relay-login", \
      "is refused by its relay for want of a login that counts: mail waits") \
    X(DAMAGED, "damaged", "has a stored message that cannot be read any more; it is held") \
    X(DELIVER_TO_LOGIN, "deliver-to-login", \
      "is refused by its server inside for want of a login that counts: mail waits") \
    X(RELAY_LOST, "relay-lost", \
      "has a relay in its configuration whose name leads nowhere: mail waits") \
    X(DELIVER_TO_LOST, "deliver-to-lost", \
      "has a deliver-to in its configuration whose name leads nowhere: mail waits") \
    X(MISUSE, "misuse", \
      "has a process of its own that again and again said what it may not: it may be taken over") \
    X(STORE, "store-damaged", "has a damaged disk: mail that was taken is lost") \
    X(COPY, "copy-lost", "did not take a copy that a rule sends there (copy-to)") \
    X(DIES, "process-dies", \
      "has a process of its own that died again and again; it is started each time")
#define POLICY_ALARM_ENUM(n, s, words) ALARM_##n,
enum alarm_kind { POLICY_ALARMS(POLICY_ALARM_ENUM) ALARM_KIND_END };

const char *alarm_name(enum alarm_kind k);
const char *alarm_sentence(enum alarm_kind k);
