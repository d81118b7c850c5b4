/* SPDX-License-Identifier: Apache-2.0
 * store_samples.h: one record of each kind that is stored, no two of its fields alike; fields that
 * came after version 21 are empty. Used by test_records.c. tests/fixtures/store/21.sql is what a
 * version with positional statements made of them.
 */
#pragma once
#include "store/embedded.h"

static const struct store_domain sample_domain = {
    .name = STR("domain.test"),
    .offered_ms = 1700000000001,
    .lowered_ms = 1700000000002,
    .looked_ms = 1700000000003,
    .mailed_ms = 1700000000004,
    .probed_ms = 1700000000005,
    .next_probe_ms = 1700000000006,
    .negative_ms = 1700000000007,
    .not_after_ms = 1700000000008,
    .helo_ms = 1700000000009,
    .look_asked = UINT64_MAX - 9,
    .negative_days = UINT32_MAX - 1,
    .alarms = UINT32_MAX - 2,
    .look_complete = true,
    .await_confirm = true,
    .grade = 4,
    .tlsa = 1,
    .sts = 3,
};

static const struct store_probe sample_probe = {
    .domain = STR("probe.test"),
    .at_ms = 1700000000011,
    .not_after_ms = 1700000000012,
    .outcome = 5,
    .offered = true,
    .would_send = true,
    .tlsa_bad = true,
    .grade = 2,
    .reason = 56,
    .sts = 3,
    .sts_problem = STR("sts-webpki-invalid"),
    .hosts = STR("mx.probe.test 192.0.2.1 ok\nmx.probe.test 2001:db8::1 no\n"),
};

static const struct store_alarm sample_alarm = {
    .at_ms = 1700000000021,
    .kind = 25,
    .domain = STR("alarm.test"),
    .detail = STR("what happened"),
};

static const struct store_exception sample_exception = {
    .domain = STR("exception.test"),
    .kind = EXCEPTION_LEGACY,
    .owner = STR("Ann"),
    .reason = STR("their server is old"),
    .from_ms = 1700000000031,
    .until_ms = 1700000000032,
    .uid = UINT32_MAX,
    .added_by = STR("ann (1000)"),
};

static const struct store_sts sample_sts = {
    .domain = STR("sts.test"),
    .id = STR("20240101"),
    .fetched_ms = 1700000000041,
    .expires_ms = 1700000000042,
    .policy = STR("version: STSv1\nmode: enforce\n"),
};

static const struct store_quirk sample_quirk = {
    .host = STR("MX.quirk.test"),
    .address = STR("192.0.2.2"),
    .extension = 7,
    .since_ms = 1700000000051,
    .until_ms = 1700000000052,
    .domain = STR("quirk.test"),
    .why = STR("500 what?"),
};

static const struct store_rpt_session sample_rpt_ok = {
    .day = 20001,
    .domain = STR("rpt.test"),
    .type = RPT_STS,
    .policy = STR("version: STSv1"),
    .mx = STR("*.rpt.test"),
    .ok = true,
};

static const struct store_rpt_session sample_rpt_failed = {
    .day = 20001,
    .domain = STR("rpt.test"),
    .type = RPT_STS,
    .policy = STR("version: STSv1"),
    .mx = STR("*.rpt.test"),
    .result = STR("certificate-expired"),
    .sender = STR("192.0.2.3"),
    .host = STR("mx.rpt.test"),
    .receiver = STR("192.0.2.4"),
    .reason = STR("ended yesterday"),
};

static const struct store_rpt_sent sample_rpt_sent = {
    .day = 20001,
    .domain = STR("rpt.test"),
    .detail = STR("to https://rpt.test"),
    .state = RPT_GIVEN_UP,
    .next_ms = 1700000000061,
};

static const struct store_rpt_received sample_rpt_received = {
    .at_ms = 1700000000071,
    .begin_ms = 1700000000072,
    .end_ms = 1700000000073,
    .organization = STR("Others Inc."),
    .report_id = STR("id-1"),
    .domain = STR("inside.test"),
    .type = STR("sts"),
    .details = STR("2 certificate-expired"),
    .ok = 74,
    .failed = 75,
};

static const struct store_account sample_account = {
    .name = STR("ann"),
    .hash = STR("$y$hash"),
    .scram = STR("4096,c2FsdA==,stored,server"),
    .addresses = STR("ann@inside.test @team.test"),
    .enabled = true,
    .changed_ms = 1700000000081,
};

static const struct store_refusal sample_refusal = {
    .at_ms = 1700000000091,
    .rule = STR("from partners"),
    .client = STR("192.0.2.5"),
    .helo = STR("client.test"),
    .reverse_path = STR("a@partner.test"),
    .wanted = STR("verified"),
    .had = STR("nothing"),
    .reason = STR("no certificate"),
    .enforced = true,
};

static const struct store_act sample_act = {
    .at_ms = 1700000000101,
    .verb = STR("confirm"),
    .about = STR("domain.test"),
    .detail = STR("as asked"),
    .by = STR("bob"),
    .uid = UINT32_MAX - 3,
};

static const struct store_place sample_place = {
    .kind = 2,
    .who = STR("bob@outside.test"),
    .place = STR("192.0.2.0/24"),
    .used_ms = 1700000000111,
};

static const struct store_envelope sample_envelope = {
    .envelope = 0x7000000000000001,
    .id = UINT64_MAX - 20,
    .rcpt = 1,
    .address = STR("bob@outside.test"),
    .sender = STR("ann@inside.test"),
    .sender_name = STR("Ann"),
    .made_ms = 1700000000121,
    .expires_ms = 1700000000122,
    .level = 2,
    .state = ENVELOPE_LOCKED,
    .least = 1,
    .sealed = true,
    .sealed_key = STR("\0wrapped"),
    .attachments = 123,
    .octets = 124,
    .notice_due_ms = 1700000000125,
    .notice_kind = 3,
    .notice_id = 126,
    .opened_ms = 1700000000127,
    .replied_ms = 1700000000128,
    .reminders = 129,
    .thread = STR("thread-1"),
    .subject = STR("About it"),
};

static const struct store_envelope_event sample_event = {
    .envelope = 0x7000000000000001,
    .at_ms = 1700000000131,
    .kind = EVENT_PROOF_WRONG,
    .who = STR("192.0.2.0/24"),
    .detail = STR("a phrase"),
};

static const struct store_envelope_event sample_reading = {
    .envelope = 0x7000000000000001,
    .at_ms = 1700000000141,
    .kind = EVENT_READ,
    .who = STR("198.51.100.0/24"),
    .detail = STR("part 2"),
};

static const struct store_pass sample_pass = {
    .hash = STR("\0hash of a cookie"),
    .kind = 4,
    .address = STR("bob@outside.test"),
    .envelope = 0x7000000000000001,
    .level = 3,
    .made_ms = 1700000000151,
    .until_ms = 1700000000152,
};

static const struct store_person sample_person = {
    .address = STR("bob@outside.test"),
    .phrase = STR("blue horse"),
    .agreed = STR("$argon2id$"),
    .language = STR("de"),
};

static const struct store_passkey sample_passkey = {
    .id = STR("\0id"),
    .address = STR("bob@outside.test"),
    .algorithm = 2,
    .key = STR("\0key"),
    .uses = 161,
    .made_ms = 1700000000162,
    .used_ms = 1700000000163,
};

static const struct store_thread sample_thread = {
    .thread = STR("thread-1"),
    .inside = STR("ann@inside.test"),
    .outside = STR("bob@outside.test"),
    .made_ms = 1700000000171,
    .lowered = true,
};

static const struct store_damage sample_damage = {
    .id = UINT64_MAX - 181,
    .at_ms = 1700000000182,
    .arrived_ms = 1700000000183,
    .reverse_path = STR("ann@inside.test"),
    .rcpts = STR("bob@outside.test, eve@outside.test"),
    .what = STR("its spool file is gone"),
};

static const struct store_message sample_message = {
    .id = 191,
    .bounce_of = 192,
    .reverse_path = STR("ann@inside.test"),
    .arrived_ms = 1700000000193,
    .size = 194,
    .is_utf8 = true,
    .tls_required_no = true,
    .is_binary = true,
    .ret = 2,
    .envid = STR("envid"),
    .login = STR("ann"),
    .certificate = STR("client.test"),
    .client = STR("192.0.2.6"),
    .helo = STR("helo.test"),
    .protocol = STR("ESMTPSA"),
    .tls_version = STR("TLSv1.3"),
    .tls_cipher = STR("TLS_AES_256_GCM_SHA384"),
    .tls_bits = 256,
    .sealed_key = STR("\0sealed"),
    .tls_group = STR("X25519MLKEM768"),
    .repaired = 195,
    .body = STR("\0body"),
};

static const struct store_rcpt sample_rcpt = {
    .forward_path = STR("bob@outside.test"),
    .next_hop = STR("outside.test"),
    .state = RCPT_HELD,
    .attempts = 201,
    .next_ms = 1700000000202,
    .last_ms = 1700000000203,
    .reason = 56,
    .code = STR("4.4.1"),
    .reply = STR("450 not now"),
    .host = STR("mx.outside.test"),
    .bounced = true,
    .notice = NOTICE_OUTCOME,
    .notify = 7,
    .orcpt = STR("rfc822;bob@outside.test"),
    .protection = STR("needs=tls"),
};

static const struct store_attempt sample_attempt = {
    .id = 191,
    .rcpts = STR("1"),
    .at_ms = 1700000000211,
    .took_ms = 212,
    .host = STR("mx.outside.test"),
    .address = STR("192.0.2.7"),
    .port = 65535,
    .mx = 3,
    .sess = 8,
    .action = 4,
    .grade = 1,
    .floor = 2,
    .reason = 56,
    .raised = 213,
    .reused = true,
    .tls_version = STR("TLSv1.2"),
    .tls_cipher = STR("ECDHE"),
    .tls_bits = 128,
    .tls_group = STR("X25519"),
    .tls_signature = STR("RSA-PSS"),
    .peer_key = STR("RSA 2048"),
    .cert_check = STR("expired"),
    .cert_subject = STR("CN=mx"),
    .cert_issuer = STR("CN=ca"),
    .cert_fingerprint = STR("00:11"),
    .cert_not_after = 1700000000214,
    .detail = STR("what was said"),
    .tlsa = 2,
    .sts = 4,
    .dane_check = STR("no match"),
    .exception = STR("legacy"),
};

static void write_portal(struct store *s)
{
    store_put_envelope(s, &sample_envelope);
    store_put_envelope_token(s, sample_envelope.envelope, STR("\0token"));
    store_put_view(s, sample_envelope.id, STR("\0view"));
    store_add_envelope_event(s, &sample_event);
    store_add_envelope_reading(s, &sample_reading);
    store_put_pass(s, &sample_pass);
    store_put_person(s, &sample_person);
    store_put_passkey(s, &sample_passkey);
    store_put_thread(s, &sample_thread);
    store_put_draft(s, sample_envelope.envelope, 1700000000221, STR("\0draft's key"),
                    STR("\0draft"));
}

static void write_reports(struct store *s)
{
    store_rpt_count(s, &sample_rpt_ok);
    store_rpt_count(s, &sample_rpt_ok);
    store_rpt_count(s, &sample_rpt_failed);
    store_rpt_open(s, sample_rpt_ok.day + 1, 1700000000231);
    store_rpt_set(s, &sample_rpt_sent);
    store_rpt_add_received(s, &sample_rpt_received);
}

static void ignore_result(void *arg, enum store_result r)
{
}

static void ignore_secret(void *arg, struct str secret)
{
}

static void write_mail(struct store *s)
{
    struct store_rcpt r = sample_rcpt;
    store_enqueue(s, &sample_message, &r, 1, NULL, 0, ignore_result, NULL);
    store_inspected(s, sample_message.id, 1700000000241, STR("flags=none"));
    store_outcome(s, &r); /* with all that an enqueued recipient has */
    store_add_attempt(s, &sample_attempt);
    store_flush(s);
    while (store_settle(s, STORE_SETTLE_OLD) || store_settle(s, STORE_SETTLE_EXCESS)) {
    }
    store_add_damage(s, &sample_damage);
}

/* Each of them once, in an empty store. */
static void write_samples(struct store *s)
{
    write_mail(s);
    store_put_domain(s, &sample_domain);
    store_add_probe(s, &sample_probe);
    store_raise_alarm(s, &sample_alarm, NULL, NULL);
    store_add_exception(s, &sample_exception);
    store_end_exception(s, 1, STR("bob (1001)"), 1700000000251);
    store_put_sts(s, &sample_sts);
    store_put_quirk(s, &sample_quirk);
    write_reports(s);
    store_put_account(s, &sample_account);
    store_add_refusal(s, &sample_refusal);
    store_put_directory_group(s, STR("cn=team"), 1700000000261, STR("ann@inside.test"));
    store_add_act(s, &sample_act);
    store_put_place(s, &sample_place);
    write_portal(s);
    store_flush(s);
    (void)!store_secret_kept(s, STORE_AT_REST, STR("fingerprint"), ignore_secret, NULL);
    store_flush(s);
}
