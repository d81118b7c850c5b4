/* SPDX-License-Identifier: Apache-2.0
 * schema.c: every setting, with type, range, default and the sentence for the manual page. Used by
 * parser, canonical text, manual page and hand-over.
 */
#include "conf/schema.h"
#include "wire/limits.h"

#ifndef POSTERN_PACKS
#define POSTERN_PACKS "/usr/local/share/postern/packs"
#endif

#ifndef POSTERN_PAGES
#define POSTERN_PAGES "/usr/local/share/postern/pages"
#endif

#define AT(field)             offsetof(struct conf, field)
#define IN_RULE(field)        offsetof(struct conf_rule, field)
#define IN_GROUP(field)       offsetof(struct conf_group, field)
#define IN_CERTIFICATE(field) offsetof(struct conf_client_certificate, field)
#define IN_CONTENT(field)     offsetof(struct conf_content, field)
#define IN_ACCOUNT(field)     offsetof(struct conf_account, field)
#define IN_OIDC(field)        offsetof(struct conf_oidc, field)
#define IN_FORWARD(field)     offsetof(struct conf_forward, field)
#define IN_LADDER(field)      offsetof(struct conf_ladder, field)
#define IN_OWN(field)         offsetof(struct conf_certificate, field)
#define IN_LISTEN(field)      offsetof(struct conf_listen, field)
#define SECOND                1000LL
#define MINUTE                (60 * SECOND)
#define HOUR                  (60 * MINUTE)
#define DAY                   (24 * HOUR)
#define KIB                   1024LL
#define MIB                   (1024 * KIB)
#define GIB                   (1024 * MIB)

#define TEXT(block, name, type, at, standard, required, doc) \
    { \
        block, name, type, at, standard, 0, 0, NULL, required, false, NULL, doc \
    }
#define TIME(block, name, at, standard, min, max, doc) \
    { \
        block, name, CONF_TIME, at, standard, min, max, NULL, false, false, NULL, doc \
    }
#define SIZE(block, name, at, standard, min, max, doc) \
    { \
        block, name, CONF_SIZE, at, standard, min, max, NULL, false, false, NULL, doc \
    }
#define NUMBER(block, name, at, standard, min, max, doc) \
    { \
        block, name, CONF_NUMBER, at, standard, min, max, NULL, false, false, NULL, doc \
    }
#define CHOICE(block, name, at, standard, choices, doc) \
    { \
        block, name, CONF_CHOICE, at, standard, 0, 0, choices, false, false, NULL, doc \
    }
#define LINE(block, at) \
    { \
        block, "line", CONF_NUMBER, at, NULL, 0, 100000000, NULL, false, false, NULL, \
            "Written by Postern into the text that it hands to its processes; not for files." \
    }
#define BLOCK(block, name, required, repeated, label, doc) \
    { \
        block, name, CONF_BLOCK, 0, NULL, 0, 0, NULL, required, repeated, label, doc \
    }

/* What partner and rule blocks have in common. */
#define RULE_KEYS(block) \
    LINE(block, IN_RULE(line)), \
        {block, \
         "outbound", \
         CONF_CHOICE, \
         IN_RULE(outbound), \
         "none", \
         0, \
         0, \
         "none encrypt cert auth pin", \
         false, \
         false, \
         NULL, \
         "outbound require GRADE: what a connection to them must be at least. encrypt: any TLS; " \
         "cert: a certificate good for the server's name; auth: also a name vouched for by " \
         "DNSSEC or MTA-STS; pin: a certificate or key named here. Mail waits, and in the end " \
         "comes back, when that cannot be had."}, \
        TEXT(block, "pin", CONF_PINS, IN_RULE(pins), NULL, false, \
             "SHA-256 of the servers' certificates (cert:HEX) or public keys (key:HEX)."), \
        CHOICE( \
            block, "profile", IN_RULE(profile), "default", "default strict nist wide", \
            "Cryptography that is offered to them: strict (RFC 9325), nist (SP 800-52r2), wide; " \
            "default: the setting of delivery."), \
        CHOICE(block, "dane", IN_RULE(dane), "opportunistic", "opportunistic require", \
               "require: mail waits unless DANE vouches for the server."), \
        TEXT(block, "client-certificate", CONF_TEXT, IN_RULE(client_certificate), NULL, false, \
             "Name of the client-certificate block whose certificate is shown where their server " \
             "asks."), \
        {block, \
         "inbound", \
         CONF_CHOICE, \
         IN_RULE(inbound), \
         "none", \
         0, \
         0, \
         "none tls cert pin", \
         false, \
         false, \
         NULL, \
         "inbound require GRADE: what a connection that brings their mail must be at least. tls: " \
         "any TLS; cert: a client certificate of a trusted authority (for inbound-names, if " \
         "given); pin: a client certificate or key named by inbound-pin. A partner block is " \
         "about senders in its domains and about clients in inbound-networks or with an " \
         "inbound-helo name; a rule block is about its senders."}, \
        CHOICE(block, "inbound-mode", IN_RULE(inbound_mode), "enforce", "enforce report-only", \
               "report-only: nobody is turned away, but who would have been is listed by postern " \
               "refusals."), \
        TEXT(block, "inbound-networks", CONF_NETS, IN_RULE(inbound_networks), NULL, false, \
             "Networks of their mail servers."), \
        TEXT(block, "inbound-helo", CONF_DOMAINS, IN_RULE(inbound_helo), NULL, false, \
             "Names their mail servers give in EHLO; .x for all below x."), \
        TEXT(block, "inbound-names", CONF_DOMAINS, IN_RULE(inbound_names), NULL, false, \
             "DNS names of which a client certificate must have one (inbound require cert)."), \
        TEXT(block, "inbound-pin", CONF_PINS, IN_RULE(inbound_pins), NULL, false, \
             "SHA-256 of their client certificates (cert:HEX) or public keys (key:HEX)."), \
        CHOICE(block, "secure-from", IN_RULE(secure_from), "default", \
               "default encrypt cert auth never", \
               "From which grade on a connection to them counts as secure; never: TLS alone does " \
               "not count, the ladder's other channels are used. default: as the sender's " \
               "account says."), \
        TEXT(block, "ladder", CONF_TEXT, IN_RULE(ladder), NULL, false, \
             "Name of the ladder for protected mail to them; else the sender's account says.")

const struct conf_key conf_schema[] = {
    TEXT("", "hostname", CONF_HOST, AT(hostname), NULL, true,
         "Name of this gateway in greetings, Received fields and reports."),
    TEXT("", "organization", CONF_TEXT, AT(organization), "", false,
         "Name of the organisation, shown to people in reports and notices. In UTF-8, as every "
         "text here."),
    TEXT("", "administrator", CONF_TEXT, AT(admin), "", false,
         "Mail address of the administrator; named in bounces as the one to ask. Without it, "
         "postmaster at the host name."),
    TEXT("", "user", CONF_TEXT, AT(user), "postern", false,
         "When started by root, each process runs as the user NAME-process if that exists, else "
         "as NAME."),
    {"", "store", CONF_STORE, AT(store_path), "sqlite /var/lib/postern", 0, 0, "sqlite", false,
     false, NULL, "Where messages and reports are kept: the kind of store and its directory."},
    TEXT(
        "", "at-rest-key", CONF_PATH, AT(at_rest_key), "/etc/postern/at-rest.key", false,
        "Secret that protects stored messages, 32 octets, made at the first start. Keep a copy "
        "elsewhere: without it stored mail cannot be read. Must not lie in the store's directory."),
    TEXT("", "run-directory", CONF_PATH, AT(run_path), "/run/postern", false,
         "Directory of the sockets that the postern command talks to."),
    TEXT("", "drop-directory", CONF_PATH, AT(drop_directory), "/var/spool/postern/drop", false,
         "Where sendmail(8) keeps messages while the gateway is not running; picked up once it "
         "runs."),
    TEXT("", "trust-store", CONF_PATH, AT(trust_store), "/etc/ssl/certs/ca-certificates.crt", false,
         "Certificates of the authorities that may vouch for receiving servers (PEM). A block that "
         "cannot be read is refused in a file of few, which you made; in one with 20 others or "
         "more, the bundle of a distribution, these count, with a warning."),

    BLOCK("", "listen", true, true, "smtp|submission|submissions",
          "A port where mail is taken. The label says how: smtp (port 25, from anyone), submission "
          "(587, people who log in after STARTTLS), submissions (465, the same with TLS from the "
          "first octet)."),
    TEXT("listen", "balancers", CONF_NETS, IN_LISTEN(balancers), NULL, false,
         "Networks of load balancers that begin each connection with the PROXY protocol (version 1 "
         "or 2). Nobody else may."),
    CHOICE("listen", "client-certificates", IN_LISTEN(client_certificates), "no", "no ask",
           "ask: clients may show a certificate; it is verified and recorded, and people whose "
           "account is one of its names may log in with it (EXTERNAL). Rules with inbound require "
           "cert or pin ask by themselves."),
    CHOICE("listen", "profile", IN_LISTEN(profile), "wide", "strict nist wide",
           "Cryptography offered to clients."),
    CHOICE("listen", "resumption", IN_LISTEN(no_resumption), "yes", "yes no",
           "Clients may go on with an earlier TLS 1.3 session, for an hour at most after its "
           "handshake (by tickets; RFC 8446 2.2). Never those that showed a certificate. no: a "
           "full handshake each time."),
    TEXT("listen", "address", CONF_ADDRS, IN_LISTEN(addresses), NULL, true,
         "Addresses with port: 192.0.2.1:25, [2001:db8::1]:25, [::]:25. They are ourselves where "
         "an MX record names one; with [::] or 0.0.0.0 every address of this machine is."),

    BLOCK("", "certificate", false, true, NULL,
          "Certificate shown to clients. Without one STARTTLS is not offered. Several blocks: an "
          "ECDSA and an RSA certificate for the same names, or certificates for other names "
          "(chosen by SNI; the first is for everyone else). Files that change are read again "
          "within a minute."),
    TEXT("certificate", "chain", CONF_PATH, IN_OWN(chain), NULL, true,
         "Certificate and intermediate certificates (PEM)."),
    TEXT("certificate", "key", CONF_PATH, IN_OWN(key), NULL, true,
         "Private key (PEM), without a password. It stays in the keys process."),

    BLOCK("", "inside", false, false, NULL, "Our own side: whose mail we take and who may relay."),
    TEXT("inside", "domains", CONF_DOMAINS, AT(inside_domains), NULL, false,
         "Domains whose mail is taken from anywhere and given to deliver-to. check-config warns of "
         "a top-level domain (com, .com)."),
    TEXT("inside", "networks", CONF_NETS, AT(inside_networks), NULL, false,
         "Networks whose clients may send to anywhere. What does not come from this machine itself "
         "must come over TLS."),
    TEXT("inside", "devices", CONF_NETS, AT(inside_devices), NULL, false,
         "Old machines of ours among networks (scanners, meters, alarm systems) that cannot do "
         "SMTP as they should. From them, and nobody else, these are taken and repaired: line ends "
         "that are a bare LF or CR, addresses without < >, any word or none behind EHLO, mail "
         "without Date, Message-ID or From. The log and the message report say what was repaired. "
         "They alone may send over the network without TLS. What ends a message is CR LF . CR LF "
         "for them too: one that ends it with LF . LF waits until its time is over, as mail could "
         "be smuggled otherwise; the log names it (device-end-of-data). Set it to CR LF."),
    TEXT("inside", "deliver-to", CONF_TARGET, AT(deliver_to), NULL, false,
         "Mail server of the inside domains: host, host:port or [address]:port."),
    CHOICE("inside/deliver-to", "tls", AT(deliver_to_tls), "auto", "none encrypt cert auto",
           "What the connection to it must be: none, encrypt, cert. auto: cert, but none on a "
           "loopback address, where nothing leaves the machine."),

    CHOICE("inside/deliver-to", "protocol", AT(deliver_to_lmtp), "smtp", "smtp lmtp",
           "How it is spoken to: SMTP, or LMTP (RFC 2033) for a message store."),
    CHOICE("inside/deliver-to", "requiretls", AT(deliver_to_requiretls), "ask", "ask assume",
           "assume: mail with REQUIRETLS is given to it although it does not offer that; you vouch "
           "that the way inside is safe."),

    TEXT("", "relay", CONF_TARGET, AT(relay_host), NULL, false,
         "Smart host that takes all mail to outside domains. Without it, mail goes to the "
         "recipient domain's own servers."),
    TEXT("relay", "user", CONF_TEXT, AT(relay_user), NULL, false,
         "Name to log in with there. Only over TLS with a right certificate (tls cert)."),
    TEXT("relay", "password-file", CONF_PATH, AT(relay_password), NULL, false,
         "File with the password, one line."),
    CHOICE("relay", "tls", AT(relay_tls), "cert", "none encrypt cert",
           "What the connection to it must be: none, encrypt, cert."),

    CHOICE("", "requiretls", AT(requiretls), "yes", "no yes",
           "Offer REQUIRETLS (RFC 8689) to clients inside, and outside if the way inside is known "
           "to be safe (deliver-to, requiretls assume)."),
    CHOICE("", "tls-required-no", AT(tls_required_no), "honour", "honour ignore",
           "honour: a sender's \"TLS-Required: No\" header switches off what the recipient's "
           "domain publishes (DANE, MTA-STS, memory), never a rule of ours."),

    BLOCK("", "partner", false, true, "name",
          "Rules for the mail exchanged with one organisation."),
    TEXT("partner", "domains", CONF_DOMAINS, IN_RULE(domains), NULL, true,
         "Its domains, in U-labels or as xn--; .bank.example means every domain below "
         "bank.example."),
    RULE_KEYS("partner"),
    TEXT("partner", "avoid", CONF_EXTENSIONS, IN_RULE(avoid), NULL, false,
         "SMTP extensions that are not used with their servers, whatever these announce, and "
         "hybrid-groups: key exchange with ML-KEM, whose first message is larger than some "
         "firewalls let through; that is left out of probes, too, in which nothing of "
         "the others is said. What a server fails with is found out and remembered for a week "
         "(hybrid-groups: a day) without this (postern domains quirks). Not together with relay."),
    NUMBER("partner", "concurrency", IN_RULE(concurrency), "1000", 1, 1000,
           "Deliveries at once to each of its domains; the setting of queue stays the limit. Not "
           "together with relay."),
    NUMBER("partner", "rate", IN_RULE(rate), "1000000", 1, 1000000,
           "Messages a minute to each of its domains. Not together with relay."),

    BLOCK("", "rule", false, true, "name",
          "A rule by sender and recipient. All rules that match a mail are joined: the strongest "
          "counts."),
    TEXT("rule", "from", CONF_MATCHES, IN_RULE(from), NULL, false,
         "Senders: addresses, @domain, @.suffix, group:NAME. Without it: everyone. The case of "
         "ASCII letters does not matter; in a local part that of other letters does, as only its "
         "host knows what it means (RFC 6531 3.3)."),
    TEXT("rule", "to", CONF_MATCHES, IN_RULE(to), NULL, false, "Recipients, in the same way."),
    RULE_KEYS("rule"),
    CHOICE("rule", "direction", IN_RULE(direction), "any", "any outbound inbound internal",
           "outbound: from inside clients and people who log in, to other domains; inbound: from "
           "elsewhere; internal: from inside to inside. A rule whose to, clients or logins can "
           "never go with it is refused."),
    CHOICE("rule", "flag", IN_RULE(flag), "any", "any yes",
           "yes: only mail that carries one of the flags."),
    TEXT("rule", "content", CONF_WORDS, IN_RULE(content), NULL, false,
         "Names of content blocks of which one must be fulfilled."),
    TEXT("rule", "unread", CONF_WORDS, IN_RULE(unread), NULL, false,
         "What of a message could not be read or is ambiguous, of which one must be so: any, "
         "password, image, media, unknown, damaged, limit, partial, opaque, field, header, "
         "boundary, outside, encoding, charset, crash (it could not be inspected); footer (lines "
         "that a list program put behind the last part), which any does not mean."),
    TEXT("rule", "attachments", CONF_WORDS, IN_RULE(attachments), NULL, false,
         "Kinds of attachments by what they are, or the end of a name (*.exe), of which one must "
         "be there. Kinds: text, html, calendar, message, pdf, rtf, docx, xlsx, pptx, odf, doc, "
         "xls, ppt, msg, office (other old Office files), zip, archive (7z, rar, tar, cab ...), "
         "packed (gz, bz2, xz ...), tnef (winmail.dat), image, media (sound, film), program, "
         "signature (S/MIME, beside a signed text), unknown."),
    TEXT("rule", "header", CONF_TEXT, IN_RULE(header), NULL, false,
         "\"Name: text\": a header field that must be there and hold the text; \"Name:\" that must "
         "be there."),
    TEXT("rule", "clients", CONF_NETS, IN_RULE(clients), NULL, false,
         "Networks the mail must come from."),
    TEXT("rule", "logins", CONF_WORDS, IN_RULE(logins), NULL, false,
         "People of whom one must be logged in."),
    SIZE("rule", "size-over", IN_RULE(size_over), "0", 0, 2 * GIB,
         "The message must be larger; 0: any."),
    CHOICE("rule", "protect", IN_RULE(protect), "none", "none secure escalated",
           "secure: by a connection that counts as secure, else by the ladder; escalated: never by "
           "transport alone."),
    CHOICE("rule", "action", IN_RULE(action), "pass", "pass reject bounce hold ask",
           "reject: refused while the client still waits, where that is possible, else sent back; "
           "bounce: sent back; hold: kept until somebody releases it (postern queue release); ask: "
           "kept, and the sender is asked by mail what to do. What can never happen beside it is "
           "refused: protect, outbound, tag or copy-to beside reject and bounce, ladder beside "
           "hold, after which transport alone is used."),
    CHOICE("rule", "pickup-level", IN_RULE(pickup_level), "default", "default 0 1 2 3",
           "How sure it must be who opens the mail if it goes to the portal; the highest of all "
           "rules that match counts, and never less than the portal's level."),
    CHOICE("rule", "as-is", IN_RULE(as_is), "no", "no yes",
           "yes: a sender who is asked may also send it as it is, with one of two reasons, which "
           "is recorded; not where a flag or a group escalated it."),
    TIME("rule", "ask-time", IN_RULE(ask_time), "2d", 1 * SECOND, 30 * DAY,
         "How long they have; then it comes back to them."),
    TEXT("rule", "text", CONF_TEXT, IN_RULE(text), NULL, false,
         "What the sender is told by reject, bounce and hold."),
    TEXT("rule", "tag", CONF_TAG, IN_RULE(tag), NULL, false,
         "Word that is added to the mail as a field X-Postern-Tag, without blanks and commas, of "
         "at most 60 octets. Several rules: tag, tag."),
    TEXT("rule", "notify", CONF_MAILBOX, IN_RULE(notify), NULL, false,
         "Who is told by mail, without the content."),
    TEXT("rule", "copy-to", CONF_MAILBOX, IN_RULE(copy_to), NULL, false,
         "Who gets a copy; the copy has a decision of its own."),
    CHOICE("rule", "mode", IN_RULE(mode), "enforce", "enforce report-only",
           "report-only: what the rule would have done is written in the report of the message, "
           "and nothing else happens."),
    CHOICE("rule", "final", IN_RULE(final), "no", "no yes",
           "yes: rules behind this one are not looked at for a mail it matches. A later rule that "
           "is left no mail by that is refused."),

    BLOCK("", "group", false, true, "name", "People that rules can name as group:NAME."),
    LINE("group", IN_GROUP(line)),
    TEXT("group", "members", CONF_MATCHES, IN_GROUP(members), NULL, true,
         "Addresses, @domain, @.suffix, group:NAME, login:NAME (who is logged in), cert:NAME (a "
         "name in a verified client certificate), \"ldap:DN\" (members of a group in the "
         "directory, read every ten minutes; while it could never be read, everyone). \"ADDRESS "
         "until 2027-01-31\": up to the end of that day (UTC)."),
    CHOICE("group", "protect", IN_GROUP(protect), "none", "none secure escalated",
           "What everything needs that members send to other domains. escalated: the mandatory "
           "group, never by transport alone."),

    BLOCK("", "flags", false, false, NULL,
          "Words by which senders ask for protection. They count in new text, not in what an "
          "answer quotes; case and blanks do not matter."),
    TEXT("flags", "in", CONF_WORDS, AT(flags.in), "subject body header", false,
         "Where they count: subject, body, header (X-Postern-Protect: transport, message or "
         "portal); none. Words are looked for in subject and body, and taken out (remove) of the "
         "subject."),
    TEXT("flags", "words", CONF_WORDS, AT(flags.words),
         "[secure]|[send secure]|[sendsecure]|[cgnsecure]|[marked for secure delivery]", false,
         "The words. A list of your own takes the place of these: name [secure] in it if that "
         "shall stay a flag."),
    TEXT("flags", "test", CONF_TEXT, AT(flags.test), "[securetest]", false,
         "The word for trying it: a flag as the others, and its sender gets one message that says, "
         "for each recipient, what was done and why."),
    CHOICE("flags", "trial", AT(flags.trial), "no", "no yes",
           "yes: a mail with the word for trying goes to nobody; its sender gets a letter that "
           "says what would have been done."),
    TEXT("flags", "labels", CONF_WORDS, AT(flags.labels), NULL, false,
         "Values of the field Sensitivity, or names of Microsoft sensitivity labels (msip_labels), "
         "that count as a flag."),
    CHOICE("flags", "protect", AT(flags.protect), "escalated", "none secure escalated",
           "What a flag asks for."),
    CHOICE("flags", "remove", AT(flags.remove), "yes", "no yes",
           "Whether the word is taken out of the subject of what is sent."),
    CHOICE("flags", "near-miss", AT(flags.near_miss), "ask", "ask protect ignore",
           "A word that is nearly a flag ([secrue], secure]). ask: the mail comes back with the "
           "question what was meant; protect: it counts."),

    BLOCK("", "content", false, true, "name",
          "Something in a message that makes it worth protecting (docs/detection.md). Only what "
          "goes to other domains."),
    LINE("content", IN_CONTENT(line)),
    TEXT("content", "pack", CONF_WORDS, IN_CONTENT(packs), NULL, true,
         "Packs of detectors: hipaa, pci, glba, uk-health, secrets, or your own."),
    TEXT("content", "when", CONF_TEXT, IN_CONTENT(when), NULL, false,
         "An expression over their types, such as \"card:high >= 10\". Without it: any rule of the "
         "packs."),
    CHOICE("content", "protect", IN_CONTENT(protect), "secure", "none secure escalated",
           "What such a message needs."),
    CHOICE("content", "mode", IN_CONTENT(mode), "report-only", "enforce report-only",
           "report-only: the report of a message says what would have happened. Begin so, and look "
           "at postern explain --replay."),

    BLOCK("", "inspection", false, false, NULL, "How messages are read."),
    TEXT("inspection", "packs", CONF_PATH, AT(inspection.packs), POSTERN_PACKS, false,
         "Directory of the packs."),
    TIME("inspection", "wait", AT(inspection.wait), "5s", 0, 1 * MINUTE,
         "How long the client waits for the end of the inspection, so that it can be told of a "
         "refusal; after this it is told by mail."),
    TIME("inspection", "time", AT(inspection.time), "20s", 1 * SECOND, 5 * MINUTE,
         "Longest inspection of one message; then it counts as one that could not be inspected."),

    BLOCK("", "account", false, true, "default|@domain|group:name|address",
          "Settings for senders. The narrowest that says something counts: default, then @domain, "
          "group:NAME, address."),
    LINE("account", IN_ACCOUNT(line)),
    CHOICE("account", "secure-from", IN_ACCOUNT(secure_from), "default",
           "default encrypt cert auth never",
           "From which grade on a connection counts as secure; never: TLS alone does not count. "
           "default: cert."),
    CHOICE("account", "protect", IN_ACCOUNT(protect), "default", "default none secure escalated",
           "What everything needs that they send to other domains."),
    CHOICE("account", "flags", IN_ACCOUNT(flags), "default", "default yes no",
           "Whether their flags count."),
    TEXT("account", "ladder", CONF_TEXT, IN_ACCOUNT(ladder), NULL, false, "Name of their ladder."),
    TEXT("account", "locked", CONF_WORDS, IN_ACCOUNT(locked), NULL, false,
         "Settings of this block that narrower accounts cannot change: secure-from, protect, "
         "flags, ladder."),

    BLOCK("", "forward", false, true, "address",
          "Mail for an inside address goes elsewhere, over a connection that counts as secure or "
          "not at all. When such a connection cannot be had the mail is delivered inside, and the "
          "forward is off until the domain has one again (postern forward audit)."),
    LINE("forward", IN_FORWARD(line)),
    TEXT("forward", "to", CONF_MATCHES, IN_FORWARD(to), NULL, true, "Addresses in other domains."),
    CHOICE("forward", "keep", IN_FORWARD(keep), "no", "no yes",
           "yes: the mailbox inside gets the mail as well."),

    BLOCK("", "oidc", false, true, "domain",
          "People of this domain can open mail of level 2 and 3 by the login of their own "
          "organisation (OpenID Connect) instead of a phrase. The provider must know the portal's "
          "address with /oidc behind it as a redirect address (docs/portal.md)."),
    LINE("oidc", IN_OIDC(line)),
    TEXT("oidc", "issuer", CONF_TEXT, IN_OIDC(issuer), NULL, true,
         "The provider, exactly as it calls itself: https://login.clinic.example/tenant."),
    TEXT("oidc", "client-id", CONF_TEXT, IN_OIDC(client), NULL, true,
         "What the provider calls this portal."),
    TEXT("oidc", "client-secret-file", CONF_PATH, IN_OIDC(secret_file), NULL, false,
         "File with the secret, one line; without it PKCE alone must do."),
    TEXT("oidc", "claim", CONF_TEXT, IN_OIDC(claim), "email", false,
         "The claim that holds the mail address. email counts only when the provider vouches for "
         "it (email_verified); another one is trusted as it is."),

    BLOCK("", "ladder", false, true, "name",
          "Ways for mail that must be protected, in order. The ladder named default is for "
          "everyone whose account names none; without it: tls."),
    LINE("ladder", IN_LADDER(line)),
    TEXT("ladder", "channels", CONF_CHANNELS, IN_LADDER(channels), NULL, true,
         "tls (tls:15m: for that long, then the next; at once when the server clearly cannot), "
         "portal (waits for its recipient there), hold (kept until somebody releases it), drop "
         "(sent back). smime and pgp are not built yet."),

    BLOCK("", "client-certificate", false, true, "name",
          "A certificate shown to servers that ask for one."),
    TEXT("client-certificate", "chain", CONF_PATH, IN_CERTIFICATE(chain), NULL, true,
         "Certificate and intermediate certificates (PEM)."),
    TEXT("client-certificate", "key", CONF_PATH, IN_CERTIFICATE(key), NULL, true,
         "Private key (PEM), without a password."),

    BLOCK("", "workers", false, false, NULL, "How many copies of each process."),
    NUMBER("workers", "smtpin", AT(workers.smtpin), "2", 1, CONF_WORKERS_MAX,
           "Processes that take mail."),
    NUMBER("workers", "smtpout", AT(workers.smtpout), "2", 1, CONF_WORKERS_MAX,
           "Processes that deliver mail."),

    NUMBER("workers", "inspect", AT(workers.inspect), "2", 1, CONF_WORKERS_MAX,
           "Processes that read messages (if anything asks for that)."),
    NUMBER("workers", "web", AT(workers.web), "1", 1, CONF_WORKERS_MAX,
           "Processes that show the portal (if there is one)."),
    NUMBER("workers", "login", AT(workers.login), "2", 1, CONF_WORKERS_MAX,
           "Processes that check passwords (if people log in)."),

    BLOCK("", "accounts", false, false, NULL,
          "People who log in to send mail (listen submission). See postern user."),
    CHOICE("accounts", "sender", AT(accounts.sender), "own", "own any",
           "own: senders may use only the addresses of their account; any: every address."),
    TEXT("accounts", "password-file", CONF_PATH, AT(accounts.password_file), NULL, false,
         "Further accounts, a line each: NAME:HASH:ADDRESSES; hash as crypt(3) or argon2id makes "
         "it, addresses separated by blanks."),
    NUMBER("accounts", "failures", AT(accounts.failures), "10", 1, 10000,
           "Wrong passwords at one account, from all networks together where nobody has logged in "
           "to it before, within failure-time; further ones are put off, right or wrong. Each "
           "network and browser where somebody did log in to it has as many of its own, so that "
           "nobody can shut the owner out. The first tries of each network are counted apart: "
           "together twice as many within four times failure-time. The same wrong password once "
           "more from the same place does not count here."),
    NUMBER("accounts", "failures-per-client", AT(accounts.failures_per_client), "20", 1, 100000,
           "The same for one client address (IPv6: /64), whatever the account; for a /24 four "
           "times as many; for a /56 twice, a /48 four times, a /32 of IPv6 32 times."),
    TIME("accounts", "failure-time", AT(accounts.failure_time), "15m", 1 * SECOND, 1 * DAY,
         "Within this time all tries of a budget come back, one after the other."),
    TIME("accounts", "delay", AT(accounts.delay), "2s", 0, 1 * MINUTE,
         "A failed login is answered after this."),

    BLOCK("", "directory", false, false, NULL,
          "Accounts in an LDAP directory: a login is a bind with the person's password."),
    TEXT("directory", "url", CONF_URL, AT(directory.url), NULL, false,
         "ldap://HOST[:PORT] or ldaps://HOST[:PORT]."),
    TEXT("directory", "base", CONF_TEXT, AT(directory.base), "", false,
         "Where people are looked for."),
    TEXT("directory", "filter", CONF_TEXT, AT(directory.filter), "(uid=%u)", false,
         "Finds the person; %u is the name that was given, escaped."),
    TEXT("directory", "bind-dn", CONF_TEXT, AT(directory.bind_dn), "", false,
         "Who looks; without it, anonymously."),
    TEXT("directory", "bind-password-file", CONF_PATH, AT(directory.bind_password), NULL, false,
         "File with its password, one line."),
    TEXT("directory", "group", CONF_TEXT, AT(directory.group), "", false,
         "DN of a group (member or uniqueMember) that people must be in to send mail."),
    TEXT("directory", "mail-attribute", CONF_TEXT, AT(directory.mail_attribute), "mail", false,
         "Attribute with the addresses a person may send from."),
    CHOICE("directory", "starttls", AT(directory.starttls), "yes", "no yes",
           "Encrypt ldap:// connections; the certificate must be right. no: only for a directory "
           "on this machine."),
    TIME("directory", "timeout", AT(directory.timeout), "5s", 100, 1 * MINUTE,
         "For each question."),

    BLOCK("", "metrics", false, false, NULL, "Counters for Prometheus."),
    TEXT("metrics", "address", CONF_ADDRS, AT(metrics.addresses), NULL, true,
         "Loopback address with port, such as 127.0.0.1:9465."),

    BLOCK("", "limits", false, false, NULL, "What one client may ask for."),
    /* RFC 5321 4.5.3.1.7 MUST: messages of 64 KiB are taken */
    SIZE("limits", "message", AT(limits.size), "50M", 64 * KIB, 2 * GIB,
         "Largest message taken, announced with SIZE."),
    SIZE("limits", "command-line", AT(limits.command_line), "8K", 512, 64 * KIB,
         "Longest command line but for AUTH, which may have 12288 octets (RFC 4954)."),
    SIZE("limits", "header-section", AT(limits.header_octets), "2M", 16 * KIB, HEADER_SECTION_MAX,
         "Largest header section of a message."),
    NUMBER("limits", "header-lines", AT(limits.header_lines), "50000", 100, 1000000,
           "Most lines in the header section."),
    SIZE("limits", "header-field", AT(limits.header_field), "2M", 998, HEADER_SECTION_MAX,
         "Largest single header field with its folded lines."),
    /* RFC 5321 4.5.3.1.8 MUST: 100 recipients of a message are taken */
    NUMBER("limits", "recipients", AT(limits.recipients), "1000", 100, 100000,
           "Most recipients of one message; more get 452."),
    /* RFC 5321 6.3 SHOULD: a hundred Received fields before that */
    NUMBER("limits", "hops", AT(limits.hops), "100", 25, 1000,
           "Most Received fields before a message counts as going in circles."),
    NUMBER("limits", "errors", AT(limits.errors), "20", 3, 1000,
           "Rejected commands in one session before it is ended."),
    NUMBER("limits", "messages-per-session", AT(limits.transactions), "1000", 1, 1000000,
           "Messages in one session before it is ended."),
    NUMBER("limits", "connections", AT(limits.connections), "2000", 1, 100000,
           "Sessions at once, all smtpin processes together."),
    NUMBER("limits", "connections-per-address", AT(limits.connections_per_address), "50", 1, 100000,
           "Sessions at once from one client address."),
    NUMBER("limits", "connections-per-network", AT(limits.connections_per_network), "200", 1,
           100000,
           "Sessions at once from one network (IPv4 /24, IPv6 /64); from a /56 of IPv6 twice as "
           "many, from a /48 four times."),
    /* RFC 5321 4.5.3.2.7 SHOULD: a server waits five minutes for a command */
    TIME("limits", "command-time", AT(limits.command_time), "5m", 1 * SECOND, 1 * HOUR,
         "Time for one command as a whole, however it drips in."),
    TIME("limits", "data-time", AT(limits.data_time), "10m", 1 * SECOND, 4 * HOUR,
         "Longest pause inside a message, and ten times this for all of it."),
    TIME("limits", "hurry-time", AT(limits.hurry_time), "10s", 1 * SECOND, 1 * HOUR,
         "No waiting time is longer than this while under a tenth of the sessions are free."),
    TIME("limits", "tarpit", AT(limits.tarpit), "1s", 0, 1 * MINUTE,
         "Each rejected command of a client outside is answered after this, doubled with every "
         "further one up to 30s."),
    TIME("limits", "expiry-warning", AT(limits.expiry_warning), "21d", 1 * HOUR, 365 * DAY,
         "Alarm when a certificate of ours ends within this time, or within a third of its "
         "lifetime if that is less. postern doctor goes by it, too."),
    TIME("limits", "handshake-time", AT(limits.handshake_time), "30s", 1 * SECOND, 10 * MINUTE,
         "Longest pause inside a TLS handshake, and ten times this for all of it."),

    BLOCK("", "queue", false, false, NULL, "How long and how often delivery is tried."),
    /* RFC 5321 4.5.4.1 MUST: the parameters of retrying are settings */
    TIME("queue", "first-retry", AT(queue.first_retry), "5m", 100, 1 * DAY,
         "Pause after the first failed attempt; it doubles with each further one."),
    TIME("queue", "longest-retry", AT(queue.retry_max), "2h", 100, 4 * DAY, "Longest pause."),
    TIME("queue", "lifetime", AT(queue.lifetime), "5d", 1 * SECOND, 60 * DAY,
         "Age at which an undelivered message goes back to its sender."),
    NUMBER("queue", "concurrency", AT(queue.concurrency), "20", 1, 1000,
           "Deliveries at once to one destination."),
    NUMBER("queue", "deliveries", AT(queue.deliveries), "500", 1, 20000,
           "Deliveries at once to all destinations together."),
    NUMBER("queue", "messages-per-connection", AT(queue.messages_per_connection), "100", 1, 100000,
           "Messages sent over one connection before a new one is made."),
    TIME("queue", "idle-connection", AT(queue.idle_connection), "5s", 0, 5 * MINUTE,
         "How long a connection is kept for the next message."),
    TIME("queue", "keep-reports", AT(queue.report_retention), "90d", 1 * HOUR, 3650 * DAY,
         "How long the report of a finished message is kept."),
    SIZE("queue", "reserve", AT(queue.reserve), "64M", 0, 1024 * GIB,
         "Free space on the store below which no more mail is taken (452)."),

    TIME("queue", "notice-after", AT(queue.notice_after), "15m", 0, 5 * DAY,
         "An inside sender is told when their mail still waits after this because no secure "
         "connection could be had; 0: never."),

    TIME("queue", "delay-notice", AT(queue.delay_notice), "4h", 0, 5 * DAY,
         "A sender is told once when their mail is still not delivered after this, whatever the "
         "reason, unless they asked for no such notices (RFC 3461); 0: never."),

    BLOCK("", "monitor", false, false, NULL,
          "Probing recipient domains: do their servers offer encryption?"),
    CHOICE("monitor", "probe", AT(monitor.probe), "yes", "no yes",
           "Probe every domain daily that mail went to in the last 30 days."),
    TEXT("monitor", "domains", CONF_DOMAINS, AT(monitor.domains), NULL, false,
         "Further domains to probe."),
    TIME("monitor", "interval", AT(monitor.interval), "1d", 1 * SECOND, 30 * DAY,
         "Time between two probes of a domain."),
    TIME("monitor", "keep", AT(monitor.keep), "400d", 1 * HOUR, 3650 * DAY,
         "How long the history is kept."),
    TIME("monitor", "forget", AT(monitor.forget), "30d", 1 * HOUR, 3650 * DAY,
         "A domain that got no mail for this long is no longer probed; that it offered "
         "encryption counts for this long, with probe no, too."),
    TIME("monitor", "first-probe-time", AT(monitor.first_probe_time), "10s", 100, 5 * MINUTE,
         "Before mail goes to a domain in clear, all its servers are probed, for at most this "
         "long."),
    TIME("monitor", "probe-lifetime", AT(monitor.probe_lifetime), "1d", 1 * SECOND, 7 * DAY,
         "How long such a probe counts when every address of every server answered, provided that "
         "these stay the same."),
    TIME(
        "monitor", "loss-window", AT(monitor.loss_window), "1h", 1 * SECOND, 7 * DAY,
        "Five domains or more that lost their encryption within this time are one alarm "
        "(middlebox), and nothing is\nunlearned meanwhile. One alone is told after a sixth of it."),
    TIME("monitor", "probe-patience", AT(monitor.probe_patience), "1d", 0, 30 * DAY,
         "When not all servers could be probed, mail waits (look-incomplete) instead of going in "
         "clear; this long after its arrival it goes all the same. 0: at once."),
    TIME(
        "monitor", "ehlo-patience", AT(monitor.ehlo_patience), "10m", 1 * SECOND, 1 * DAY,
        "A server that closes the connection at EHLO, or refuses it, and takes HELO does not say "
        "whether it encrypts: the probe is not complete. When another one at least this much later "
        "finds the same, it counts as a server that does not. One that answers EHLO with 500 or "
        "502 does not know it, and counts at once."),
    TIME("monitor", "expiry-warning", AT(monitor.expiry_warning), "14d", 1 * HOUR, 365 * DAY,
         "Alarm when the certificate of a receiving server ends within this time, or within a "
         "third of its lifetime if that is less."),

    BLOCK("", "tls-reports", false, false, NULL,
          "Reports about TLS to and from other domains (RFC 8460)."),
    CHOICE("tls-reports", "send", AT(tlsrpt.send), "no", "no yes",
           "Send daily reports to domains that ask for them."),
    TEXT("tls-reports", "contact", CONF_MAILBOX, AT(tlsrpt.contact), NULL, false,
         "Address named in our reports, and their sender. Without it, administrator."),
    TEXT("tls-reports", "receive", CONF_MAILBOX, AT(tlsrpt.receive), NULL, false,
         "Address of ours that reports of others come to: they are read and shown by postern "
         "tlsrpt."),
    CHOICE("tls-reports", "any-certificate", AT(tlsrpt.any_certificate), "yes", "no yes",
           "Whether a report goes by https although the certificate there is wrong (RFC 8460 "
           "section 3 allows it)."),
    TIME("tls-reports", "delay", AT(tlsrpt.delay), "4h", 0, 23 * HOUR,
         "Reports go out within this time after midnight (UTC)."),

    BLOCK("", "portal", false, false, NULL,
          "Secure pickup: mail that cannot travel securely waits here, and its recipient reads and "
          "answers it with a browser (docs/portal.md). The channel portal of a ladder; without a "
          "ladder block it comes after tls."),
    TEXT("portal", "url", CONF_URL, AT(portal.url), NULL, false,
         "Where people reach it: https://NAME or https://NAME:PORT. NAME should lie below your own "
         "domain."),
    TEXT("portal", "files-url", CONF_URL, AT(portal.files_url), NULL, false,
         "A second name for the same portal, like https://NAME: attachments and the HTML of "
         "messages come from there, so that browsers keep them apart from the pages. The "
         "certificate and DNS must have it, too."),
    TEXT("portal", "from", CONF_MAILBOX, AT(portal.from), NULL, false,
         "Author of notices, in one of the inside domains: secure@clinic.example. Answers come to "
         "it with a plus sign and the number of the conversation before the @ sign, and must reach "
         "this gateway."),
    TEXT("portal", "address", CONF_ADDRS, AT(portal.addresses), NULL, false,
         "Addresses with port for HTTPS; needs a certificate block."),
    TEXT("portal", "redirect-address", CONF_ADDRS, AT(portal.redirects), NULL, false,
         "Addresses with port for HTTP, where people are only sent to the url."),
    TEXT("portal", "proxy-address", CONF_ADDRS, AT(portal.proxied), NULL, false,
         "Addresses with port for plain HTTP from a proxy that speaks HTTPS with people; only "
         "those of proxies may connect."),
    TEXT("portal", "proxies", CONF_NETS, AT(portal.proxies), NULL, false,
         "Networks of such proxies; the last X-Forwarded-For they give is the client's address."),
    CHOICE("portal", "profile", AT(portal.profile), "wide", "strict nist wide",
           "Cryptography offered to browsers."),
    NUMBER("portal", "level", AT(portal.level), "1", 0, 3,
           "How sure it must be who opens a mail. 0: whoever has the link. 1: a code sent to the "
           "mailbox written to. 2: also a phrase that sender and recipient agreed on. 3: as 2, and "
           "the mail is sealed: its key is in the link alone, and whoever runs the gateway cannot "
           "read it once the notice is delivered. A lost notice is then a lost mail."),
    TIME("portal", "lifetime", AT(portal.lifetime), "90d", 1 * DAY, 730 * DAY,
         "A mail waits this long, then its key is destroyed."),
    SIZE("portal", "reply-size", AT(portal.reply_size), "25M", 64 * KIB, 1 * GIB,
         "Largest answer with its attachments."),
    SIZE("portal", "quota", AT(portal.quota), "10G", 1 * MIB, 1024 * GIB * 16,
         "Octets of all mail that waits; more is held for a person."),
    CHOICE("portal", "subject", AT(portal.subject), "neutral", "neutral real",
           "Subject of notices: neutral says only who wrote; real shows the subject of the mail, "
           "which then travels unprotected."),
    CHOICE("portal", "mail-replies", AT(portal.mail_replies), "mark", "mark refuse",
           "Answers to a notice by ordinary mail. mark: delivered inside with a line that they "
           "were not protected, and recorded. refuse: turned away with the address of the portal."),
    TIME("portal", "idle", AT(portal.idle), "15m", 1 * MINUTE, 24 * HOUR,
         "Whoever does nothing for so long must prove again who they are."),
    TIME("portal", "session", AT(portal.session), "8h", 5 * MINUTE, 24 * HOUR,
         "The longest session."),
    TIME("portal", "remember", AT(portal.remember), "30d", 0, 365 * DAY,
         "A browser whose owner wants that is remembered so long: no code is sent to it (level 1). "
         "0: not offered."),
    TEXT("portal", "pages", CONF_PATH, AT(portal.pages), POSTERN_PAGES, false,
         "Directory with the templates and texts that come with Postern."),
    TEXT("portal", "templates", CONF_PATH, AT(portal.templates), NULL, false,
         "Directory with templates and texts of your own; what is not there is as it comes "
         "(postern portal preview)."),
    TEXT("portal", "languages", CONF_WORDS, AT(portal.languages), "en es fr de", false,
         "Languages people can choose; the first is for everybody else."),
    TEXT("portal", "logo", CONF_PATH, AT(portal.logo), NULL, false,
         "Picture (PNG or SVG, at most 256K) at the head of each page."),
    TEXT("portal", "colour", CONF_TEXT, AT(portal.colour), "#0b5394", false,
         "Colour of buttons and links, #RRGGBB; must be dark enough for white text."),
    TEXT("portal", "contact", CONF_TEXT, AT(portal.contact), "", false,
         "One line on each page and notice: whom to ask, by phone or mail."),
    TEXT("portal", "footer", CONF_TEXT, AT(portal.footer), "", false,
         "One line at the end of each page and notice."),

    BLOCK("", "signing", false, false, NULL,
          "DKIM signature of the mail that the gateway itself writes as reports."),
    TEXT("signing", "domain", CONF_HOST, AT(signing.domain), NULL, false, "Domain that signs."),
    TEXT("signing", "selector", CONF_HOST, AT(signing.selector), NULL, false,
         "Selector: SELECTOR._domainkey.DOMAIN holds the public key."),
    TEXT("signing", "key", CONF_PATH, AT(signing.key), NULL, false,
         "Private key, RSA or Ed25519 (PEM). Stays in the keys process."),

    BLOCK("", "delivery", false, false, NULL,
          "Time limits of outgoing sessions (RFC 5321 4.5.3.2)."),
    NUMBER("delivery", "port", AT(smtpout.port), "25", 1, 65535, "Port of receiving servers."),
    CHOICE("delivery", "private-addresses", AT(smtpout.private_addresses), "no", "no yes",
           "Whether MX hosts may have loopback, link-local or private addresses. Configured hosts "
           "(deliver-to, relay) always may."),
    CHOICE("delivery", "profile", AT(smtpout.profile), "wide", "strict nist wide",
           "Cryptography offered to receiving servers."),
    TIME("delivery", "policy-wait", AT(smtpout.policy_wait), "4h", 0, 5 * DAY,
         "A new message waits this long when it cannot be found out whether the domain has an "
         "MTA-STS policy."),
    TEXT("delivery", "source-address", CONF_TEXT, AT(smtpout.source), "", false,
         "Address of this machine that outgoing connections come from."),
    TIME("delivery", "connect-time", AT(smtpout.connect), "30s", 100, 5 * MINUTE, "To connect."),
    TIME("delivery", "others-first-time", AT(smtpout.silent), "60s", 100, 1 * HOUR,
         "For the greeting and for the answer to EHLO while other servers of the domain were not "
         "asked; whoever is silent is asked once more behind them, with greeting-time and "
         "ehlo-time, and comes last for ten minutes."),
    /* RFC 5321 4.5.3.2 SHOULD: time limits are settings
     * RFC 5321 4.5.3.2 SHOULD: greeting, MAIL and RCPT 5 min, DATA 2, a block 3, the dot 10 */
    TIME("delivery", "greeting-time", AT(smtpout.greeting), "5m", 100, 1 * HOUR,
         "For the greeting."),
    TIME("delivery", "ehlo-time", AT(smtpout.ehlo), "5m", 100, 1 * HOUR, "For the answer to EHLO."),
    TIME("delivery", "tls-time", AT(smtpout.tls), "60s", 100, 1 * HOUR, "For the TLS handshake."),
    TIME("delivery", "mail-time", AT(smtpout.mail), "5m", 100, 1 * HOUR, "For the answer to MAIL."),
    TIME("delivery", "rcpt-time", AT(smtpout.rcpt), "5m", 100, 1 * HOUR, "For the answer to RCPT."),
    TIME("delivery", "data-time", AT(smtpout.data), "2m", 100, 1 * HOUR, "For the answer to DATA."),
    TIME("delivery", "block-time", AT(smtpout.block), "3m", 100, 1 * HOUR,
         "For the peer to take the next part of the message."),
    TIME("delivery", "dot-time", AT(smtpout.dot), "10m", 100, 2 * HOUR,
         "For the answer to the end of the message."),

    BLOCK("", "resolver", false, false, NULL, "How names are looked up."),
    TEXT("resolver", "forward", CONF_TEXT, AT(resolver.forward), "", false,
         "Name server to ask, ADDRESS or ADDRESS@PORT. Without it, the root servers are asked "
         "(full recursion)."),
    TEXT("resolver", "trust-anchor", CONF_TEXT, AT(resolver.trust_anchor), "", false,
         "File with the DNSSEC trust anchor of the root."),
    TIME("resolver", "timeout", AT(resolver.timeout), "10s", 100, 2 * MINUTE,
         "After this a lookup has failed, and the message waits."),
    TIME("resolver", "longest-cache", AT(resolver.cache_max), "5m", 0, 1 * DAY,
         "Longest time an answer is shared between messages."),
    CHOICE(
        "resolver", "test-zones", AT(resolver.test_zones), "no", "no yes",
        "Also look up names under test., which are otherwise answered locally. For laboratories."),

    BLOCK("", "log", false, false, NULL, "Where events go."),
    CHOICE("log", "to", AT(log.to), "stderr", "stderr syslog",
           "Standard error or syslog (facility mail)."),
    CHOICE("log", "format", AT(log.format), "text", "text json", "key=value lines, or JSON lines."),
    CHOICE("log", "level", AT(log.level), "info", "error warn notice info debug",
           "The least that is logged."),
};
const size_t conf_schema_len = ARRAY_LEN(conf_schema);
