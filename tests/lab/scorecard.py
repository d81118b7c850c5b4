#!/usr/bin/env python3
"""Sends one mail to each domain of tls_domains.py and prints expected against seen.

Usage (inside tests/lab/enter): scorecard.py [BUILD]. See tests/scorecard. Ends with "N right, N wrong".
"""
import os
import smtplib
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lab as lab_module  # noqa: E402

LIMIT_S = 150  # the slow policy server alone takes 60


def send_all(lab):
    client = smtplib.SMTP(lab_module.GATEWAY, 25, local_hostname='client.test', source_address=('127.0.3.1', 0), timeout=30)
    client.ehlo()
    ids = {}
    for d in lab.tls.domains:
        client.mail('nurse@inside.test')
        client.rcpt('x@' + d.name)
        code, text = client.data(f'From: <nurse@inside.test>\r\nSubject: scorecard\r\n\r\n{"Patient data. " * 30}\r\n')
        assert code == 250, text
        ids[d.name] = text.decode().split()[-1]
    client.quit()
    return ids


def outcome(lab, message_id):
    report = lab.report(message_id)
    r = report['recipients'][0]
    if r['state'] == 'queued' or (r['state'] == 'waiting' and not r['last-attempt']):
        return None
    sent = [a for a in report['attempts'] if a['action'] == 'send']
    return r['state'], r['reason'], sent[-1]['grade'] if sent and r['state'] == 'delivered' else ''


def judge(lab, d, seen):
    """A list of what is wrong."""
    wrong = [] if seen else ['no outcome in time']
    if seen and (seen[0] != d.expect or seen[1] != d.reason or (d.grade and seen[2] != d.grade)):
        wrong.append(f'expected {d.expect} {d.reason} {d.grade}')
    events = lab.tls.seen(d)
    messages = [e for e in events if e['event'] == 'message']
    clear = [e for e in events if e['event'] in ('data-in-clear', 'plaintext-after-garble')]
    if clear and not d.clear:
        wrong.append(f'{len(clear)} x DATA IN CLEAR at the receiver')
    if len(messages) != (1 if d.expect == 'delivered' else 0):
        wrong.append(f'{len(messages)} messages at the receiver')
    return wrong


def run(lab, out=print):
    ids = send_all(lab)
    found, end = {}, time.time() + LIMIT_S
    while len(found) < len(ids) and time.time() < end:
        for name, message_id in ids.items():
            if name not in found:
                o = outcome(lab, message_id)
                if o:
                    found[name] = o
        time.sleep(0.2)
    bad = []
    out(f'{"domain":28} {"seen":44} {"":5} note')
    for d in lab.tls.domains:
        seen = found.get(d.name)
        wrong = judge(lab, d, seen)
        out(f'{d.name:28} {" ".join(seen) if seen else "-":44} {"WRONG" if wrong else "right":5} {"; ".join(wrong) or d.note}')
        if wrong:
            bad.append((d.name, seen, wrong, ids[d.name]))
    out(f'{len(ids) - len(bad)} right, {len(bad)} wrong')
    return bad


def main():
    lab = lab_module.Lab(sys.argv[1] if len(sys.argv) > 1 else os.path.join(lab_module.TOP, 'build'))
    try:
        lab.up(real=False)
        lab.start_gateway(lab.config(first_retry='10m', partner=lab.tls.rules()))
        bad = run(lab)
        for name, _, _, message_id in bad:
            print(f'\n--- {name}\n' + lab.postern('message', message_id).stdout)
        return 1 if bad else 0
    finally:
        lab.down()


if __name__ == '__main__':
    sys.exit(main())
