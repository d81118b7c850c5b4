/* SPDX-License-Identifier: Apache-2.0
 * embedded.h: how the embedded engine reads: at once, in its own thread. For sqlite_query.c, which
 * answers the queries of read.h with these, and for tests that look at what is stored.
 *
 * fn runs once per row and must not walk the same way again; what comes of it is the result.
 */
#pragma once
#include "store/read.h"

enum store_result store_each_next_hop(struct store *s, store_next_hop_fn fn, void *arg) MUST_USE;
enum store_result store_each_due(struct store *s, struct str next_hop, int64_t now_ms, unsigned max,
                                 store_rcpt_fn fn, void *arg) MUST_USE;
enum store_result store_next_due(struct store *s, struct str next_hop, int64_t after_ms,
                                 store_next_hop_fn fn, void *arg) MUST_USE;
enum store_result store_each_over(struct store *s, int64_t before_ms, unsigned max,
                                  store_rcpt_fn fn, void *arg) MUST_USE;
enum store_result store_each_held(struct store *s, uint8_t reason, uint64_t after_rcpt,
                                  unsigned max, store_rcpt_fn fn, void *arg) MUST_USE;
enum store_result store_each_bounce_due(struct store *s, unsigned max, store_rcpt_fn fn,
                                        void *arg) MUST_USE;
enum store_result store_each_notice_due(struct store *s, int64_t due_before_ms,
                                        int64_t delay_before_ms, unsigned max, store_rcpt_fn fn,
                                        void *arg) MUST_USE;
enum store_result store_each_outcome_due(struct store *s, int64_t before_ms, unsigned max,
                                         store_rcpt_fn fn, void *arg) MUST_USE;
enum store_result store_message_get(struct store *s, uint64_t id, store_message_fn fn,
                                    void *arg) MUST_USE;
enum store_result store_report(struct store *s, uint64_t id, store_message_fn message,
                               store_rcpt_fn rcpt, store_attempt_fn attempt, void *arg) MUST_USE;
enum store_result store_inspection_get(struct store *s, uint64_t id, store_inspection_fn fn,
                                       void *arg) MUST_USE;
enum store_result store_each_since(struct store *s, int64_t since_ms, unsigned max,
                                   store_message_fn message, store_rcpt_fn rcpt,
                                   store_inspection_fn inspection, void *arg) MUST_USE;
enum store_result store_list(struct store *s, enum rcpt_state state, unsigned max,
                             store_message_fn message, store_rcpt_fn rcpt, void *arg) MUST_USE;
enum store_result store_get_view(struct store *s, uint64_t id, store_view_fn fn,
                                 void *arg) MUST_USE;
enum store_result store_envelopes(struct store *s, enum envelope_by by, uint64_t number,
                                  store_envelope_fn fn, void *arg) MUST_USE;
enum store_result store_envelopes_of(struct store *s, enum envelope_of of, struct str key,
                                     unsigned max, store_envelope_fn fn, void *arg) MUST_USE;
enum store_result store_each_envelope(struct store *s, unsigned max, store_envelope_fn fn,
                                      void *arg) MUST_USE;
enum store_result store_envelopes_due(struct store *s, enum envelope_due which, int64_t now_ms,
                                      unsigned max, store_envelope_fn fn, void *arg) MUST_USE;
uint64_t store_envelope_octets(struct store *s);
enum store_result store_envelope_events(struct store *s, uint64_t envelope, unsigned max,
                                        store_envelope_event_fn fn, void *arg) MUST_USE;
enum store_result store_get_pass(struct store *s, struct str hash, store_pass_fn fn,
                                 void *arg) MUST_USE;
enum store_result store_get_person(struct store *s, struct str address, store_person_fn fn,
                                   void *arg) MUST_USE;
enum store_result store_passkeys_of(struct store *s, struct str address, store_passkey_fn fn,
                                    void *arg) MUST_USE;
bool store_has_passkey(struct store *s, struct str id);
enum store_result store_get_thread(struct store *s, struct str thread, store_thread_fn fn,
                                   void *arg) MUST_USE;
enum store_result store_get_draft(struct store *s, uint64_t envelope, store_draft_fn fn,
                                  void *arg) MUST_USE;
enum store_result store_each_place(struct store *s, int64_t since_ms, store_place_fn fn,
                                   void *arg) MUST_USE;
enum store_result store_each_directory_group(struct store *s, store_group_fn fn,
                                             void *arg) MUST_USE;
enum store_result store_each_account(struct store *s, store_account_fn fn, void *arg) MUST_USE;
enum store_result store_each_refusal(struct store *s, unsigned max, store_refusal_fn fn,
                                     void *arg) MUST_USE;
enum store_result store_each_domain(struct store *s, store_domain_fn fn, void *arg) MUST_USE;
enum store_result store_each_probe(struct store *s, struct str domain, unsigned max,
                                   store_probe_fn fn, void *arg) MUST_USE;
enum store_result store_each_alarm(struct store *s, bool all, unsigned max, store_alarm_fn fn,
                                   void *arg) MUST_USE;
enum store_result store_each_unmailed_alarm(struct store *s, unsigned max, store_alarm_fn fn,
                                            void *arg) MUST_USE;
enum store_result store_each_exception(struct store *s, store_exception_fn fn, void *arg) MUST_USE;
enum store_result store_each_quirk(struct store *s, store_quirk_fn fn, void *arg) MUST_USE;
enum store_result store_each_sts(struct store *s, store_sts_fn fn, void *arg) MUST_USE;
enum store_result store_each_rpt_due(struct store *s, int64_t now_ms, unsigned max,
                                     store_rpt_sent_fn fn, void *arg) MUST_USE;
enum store_result store_each_rpt_count(struct store *s, uint64_t day, struct str domain,
                                       store_rpt_count_fn fn, void *arg) MUST_USE;
enum store_result store_each_rpt_failure(struct store *s, uint64_t day, struct str domain,
                                         enum rpt_type type, struct str policy,
                                         store_rpt_failure_fn fn, void *arg) MUST_USE;
enum store_result store_each_rpt_sent(struct store *s, unsigned max, store_rpt_sent_fn fn,
                                      void *arg) MUST_USE;
enum store_result store_each_rpt_received(struct store *s, uint64_t received, unsigned max,
                                          store_rpt_received_fn fn, void *arg) MUST_USE;
enum store_result store_each_act(struct store *s, struct str about, unsigned max, store_act_fn fn,
                                 void *arg) MUST_USE;
enum store_result store_each_damage(struct store *s, bool untold, unsigned max, store_damage_fn fn,
                                    void *arg) MUST_USE;
