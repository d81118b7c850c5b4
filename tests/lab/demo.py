#!/usr/bin/env python3
"""The demo: sends messages through the gateway into the lab and prints what became of each.

Exit status 0 only if every message met its expected fate.
"""
import os
import re
import shutil
import signal
import smtplib
import socket
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lab as lab_module  # noqa: E402

GATEWAY = lab_module.GATEWAY
# who, to whom, fate, the reason word expected, what the row shows
STORIES = [
    ('nurse@inside.test', 'doctor@postfix.test', 'delivered', 'sent', 'Postfix, good certificate'),
    ('nurse@inside.test', 'doctor@exim.test', 'delivered', 'sent', 'Exim (GnuTLS), good certificate'),
    ('friend@postfix.test', 'nurse@inside.test', 'delivered', 'sent', 'mail from outside to our own server'),
    ('nurse@inside.test', 'shop@nocrypt.test', 'delivered', 'sent-plain', 'no encryption offered, no rule'),
    ('nurse@inside.test', 'bank@plain.test', 'waiting', 'no-starttls', 'no encryption offered, rule: verified'),
    ('nurse@inside.test', 'bank@expired.test', 'waiting', 'grade-too-low', 'expired certificate, rule: verified'),
    ('nurse@inside.test', 'bank@wrongname.test', 'waiting', 'grade-too-low', 'wrong name, rule: verified'),
    ('nurse@inside.test', 'old@tls10.test', 'waiting', 'tls-failed', 'only TLS 1.0'),
    ('nurse@inside.test', 'odd@garbled.test', 'waiting', 'tls-failed', 'STARTTLS offered, handshake garbled'),
    ('nurse@inside.test', 'odd@refuse.test', 'waiting', 'tls-refused', 'STARTTLS offered, then refused (454)'),
    ('nurse@inside.test', 'doctor@dane311.test', 'delivered', 'sent', 'DANE: the published key, self-signed'),
    ('nurse@inside.test', 'doctor@danewrong.test', 'waiting', 'dane-mismatch', 'DANE: another key than published'),
    ('nurse@inside.test', 'doctor@stsgood.insecure.test', 'delivered', 'sent', 'MTA-STS enforced, server in the policy'),
    ('nurse@inside.test', 'doctor@stsmx.insecure.test', 'waiting', 'mx-not-in-policy', 'MTA-STS enforced, server not in it'),
    ('nurse@inside.test', 'flag@good.test', 'waits in the portal', 'pickup', 'flag [secure]: never by transport alone'),
    ('nurse@inside.test', 'data@good.test', 'delivered', 'sent', 'health data, a secure connection'),
    ('nurse@inside.test', 'data@nocrypt.test', 'waits in the portal', 'pickup', 'health data, no encryption: down the ladder'),
    ('stranger@postfix.test', 'away@inside.test', 'delivered', 'sent', 'a forward: over a secure connection'),
    ('nurse@inside.test', 'nobody@reject.test', 'returned', 'rejected', 'no such person: bounce to the sender'),
    ('nurse@inside.test', 'nobody@null.test', 'returned', 'null-mx', 'takes no mail (null MX): bounce'),
]

SMALL = os.environ.get('POSTERN_LAB') == 'small'  # no namespaces here: no Postfix and no Exim
if SMALL:
    STORIES = [s for s in STORIES if not any(a.endswith(('@postfix.test', '@exim.test')) for a in s[:2])]

# what some of them say
HEALTH = 'patient Mary Jones, MRN 00483726, SSN 536-90-4399, has type 2 diabetes and takes metformin'
SUBJECTS = {'flag@good.test': '[secure] '}
TEXTS = {'data@good.test': HEALTH, 'data@nocrypt.test': HEALTH}
# what must be protected (docs/protection.md)
RULES = f'''
inspection {{ packs @packs@; }}
content "health data" {{ pack hipaa; mode enforce; }}
portal {{ url https://gateway.test; from secure@inside.test; address 127.0.2.1:443; pages @pages@; }}
forward "away@inside.test" {{ to colleague@good.test; }}
'''


def send(sender, rcpt, number):
    source = '127.0.3.1' if sender.endswith('@inside.test') else '127.0.9.1'
    with smtplib.SMTP(GATEWAY, 25, local_hostname='client.test', source_address=(source, 0), timeout=30) as smtp:
        smtp.starttls()
        smtp.ehlo()
        smtp.mail(sender)
        smtp.rcpt(rcpt)
        code, text = smtp.data(f'From: <{sender}>\r\nTo: <{rcpt}>\r\nSubject: {SUBJECTS.get(rcpt, "")}Demo {number}\r\n\r\n{TEXTS.get(rcpt, "A message of the demo.")}\r\n')
    if code != 250:
        raise RuntimeError(f'the gateway answered {code} {text}')
    return re.search(r'stored as (\w+)', text.decode()).group(1)


def facts(report):
    rcpt = report['recipients'][0]
    attempt = report['attempts'][-1] if report['attempts'] else {}
    over = '-'
    if attempt.get('tls-version'):
        over = f"{attempt['tls-version']} {attempt['cipher']} {attempt['bits']} bit; {'DANE: ' + attempt['dane-check'] if attempt['session'] == 'dane_ok' else attempt['certificate-check']}"
    elif attempt.get('session') == 'noadv' and rcpt['state'] == 'delivered':
        over = 'IN CLEAR (nothing was offered, nothing demanded)'
    return rcpt, over


WORDS = {
    'no-starttls': 'held back: no encryption offered', 'grade-too-low': 'held back: certificate not good enough',
    'tls-failed': 'held back: offered, but could not agree', 'tls-refused': 'held back: offered, then refused',
    'dane-mismatch': 'held back: not the published key', 'mx-not-in-policy': 'held back: not in the published list',
    'held': 'held for somebody to review',
    'pickup': 'read by the recipient in a browser', 'rejected': 'refused by the other side; sender told', 'null-mx': 'takes no mail at all; sender told', 'sent': '', 'sent-plain': '',
}


def fitting(widths, room):
    """Widths that fit: the widest column gives first."""
    widths = list(widths)
    while sum(widths) > room and max(widths) > 10:
        widths[widths.index(max(widths))] -= 1
    return widths


def folded(text, width):
    """Lines of at most that width; whole words where they fit, an address breaks behind its @ or dots."""
    lines = []
    for word in text.split():
        while len(word) > width:
            cut = max(word.rfind('@', 0, width), word.rfind('.', 0, width)) + 1 or width
            lines, word = lines + [word[:cut]], word[cut:]
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += ' ' + word
        else:
            lines.append(word)
    return lines or ['']


def side_by_side(cells, widths):
    """The lines of one row."""
    parts = [folded(cell, width) for cell, width in zip(cells, widths)]
    for number in range(max(map(len, parts))):
        line = [part[number] if number < len(part) else '' for part in parts]
        yield '  '.join(word.ljust(width) for word, width in zip(line, widths)).rstrip()


def table(rows, columns=None):
    """Whole words in a terminal of any width: what does not fit goes on in the next line of its column."""
    heads = ('from', 'to', 'what happened', 'over what, or why not')
    rows = [(*cells[:3], cells[3] + ('' if met else ' <-- NOT AS EXPECTED')) for *cells, met in rows]
    columns = columns or shutil.get_terminal_size((150, 40)).columns
    widths = fitting([max(len(row[i]) for row in [heads, *rows]) for i in range(4)], columns - 6)
    for row in (heads, ['-' * width for width in widths], *rows):
        print('\n'.join(side_by_side(row, widths)))


def settled(lab, ids):
    """True when every message was tried once."""
    for message_id in ids:
        report = lab.report(message_id)
        if not report['attempts'] and report['recipients'][0]['state'] not in ('returned', 'delivered', 'held', 'waits in the portal'):
            return False
    return True


def progress(text):
    if sys.stdout.isatty():
        print('\r' + text.ljust(60) + ('\r' if not text else ''), end='', flush=True)


def story(lab):
    ids = []
    for number, (sender, rcpt, *_) in enumerate(STORIES, 1):
        ids.append(send(sender, rcpt, number))
        progress(f'Sending {number} of {len(STORIES)} ...')
    progress('Waiting for the first attempt of each ...')
    lab.wait_for(lambda: settled(lab, ids), 60, 0.3)
    time.sleep(1)
    progress('')
    rows, good = [], True
    for message_id, (sender, rcpt, fate, reason, _) in zip(ids, STORIES):
        state, over = facts(lab.report(message_id))
        met = state['state'] == fate and state['reason'] == reason
        good = good and met
        why = WORDS.get(state['reason'], state['reason'])
        if state['detail'] and state['state'] != 'delivered':
            why += f" ({state['detail']})"
        rows.append((sender, rcpt, f"{state['state']} {message_id}", over if state['state'] == 'delivered' else why, met))
    table(rows)
    return ids, good


def witnesses(lab):
    """What the receiving servers themselves saw: nothing may have come in clear that must not."""
    good = True
    bounces = lambda: [m for m in lab.messages('inside.test') if m.get('sender') == '' and 'Subject: Your message could not be delivered' in m['data']]
    notices = lab.wait_for(lambda: bounces()[1:] and bounces(), 20) or []
    clear = [d for d in lab_module.SCRIPTED for m in lab.received(d) if m['event'] == 'message' and not m['tls'] and d != 'nocrypt.test']
    late = [d for d in lab_module.SCRIPTED for m in lab.received(d) if m['event'] == 'plaintext-after-garble']
    print(f"\nThe receiving servers' own records: {len(notices)} bounces arrived at the sender; messages in clear where "
          f"encryption was offered or demanded: {len(clear) + len(late)}")
    good = good and len(notices) == 2 and not clear and not late
    received = SMALL or lab.wait_for(lambda: lab.mailbox('postfix') and lab.mailbox('exim'), 20)
    if not received:
        print('Postfix or Exim did not deliver what they took.')
        good = False
    return good


def notice(lab):
    """The link that a recipient got: it can be opened in a browser that knows the name (docs/portal.md)."""
    mails = lambda: [m for m in lab.messages('good.test') if 'flag@good.test' in m['rcpts'] and '/p/' in m['data']]
    found = lab.wait_for(mails, 20)
    link = re.search(r'https://gateway\.test/p/[a-z2-9]+', found[0]['data']) if found else None
    print(f"\nThe flagged mail waits in the portal; its notice says: {link.group(0) if link else 'NOTHING CAME'}"
          + ('' if '--keep' in sys.argv else '   (./demo --keep leaves it up to be opened)'))
    return link is not None


def keep(lab):
    print('\nThe world stays up until Ctrl-C. From another terminal:')
    print(f'  {lab.path("bin", "postern")} -c {lab.path("postern.conf")} status')
    print(f'  sudo nsenter --target $(pgrep -f -n "lab/demo.py build --keep") --net --mount sh')
    print(f'  ... and in that shell: swaks, telnet {GATEWAY} 25, or postern explain nurse@inside.test bank@expired.test')
    print(f'  The portal, in that shell: chromium --no-sandbox --ignore-certificate-errors --host-resolver-rules="MAP gateway.test {GATEWAY}" LINK')
    print(f'  (the code it asks for comes to {lab.path("records", "good.test")})')
    sys.stdout.flush()
    try:
        signal.pause()
    except KeyboardInterrupt:
        print('\nEnding.')


def refused_here():
    """Why not even the smaller demo can run, or None: without a network of its own it needs these addresses free."""
    for address, port in ((GATEWAY, 25), (lab_module.DNS, 53)):
        try:
            socket.create_server((address, port)).close()
        except OSError as problem:
            return f'{address} port {port}: {problem.strerror}'
    return None


def main():
    problem = refused_here() if SMALL else None
    if problem:
        print(f'The smaller demo cannot run here either: it needs the ports of mail and DNS on loopback addresses ({problem}).\n'
              'Run it as root, in a container with more rights, or on a machine with user namespaces.', file=sys.stderr)
        return 69
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    lab = lab_module.Lab(sys.argv[1])
    good = False
    try:
        if SMALL:
            print('The smaller demo: on the loopback addresses of this place, without Postfix and Exim.')
        print(f'Starting the mail world: DNS (signed zones), {"" if SMALL else "Postfix, Exim, "}broken servers, the gateway ...')
        lab.up(real=not SMALL)
        lab.start_gateway(lab.config(first_retry='60s', extra=RULES))
        ids, good = story(lab)
        good = witnesses(lab) and good
        good = notice(lab) and good
        cli = f'{lab.path("bin", "postern")} -c {lab.path("postern.conf")}'
        print('\nOne message in full (postern message ID):\n')
        print(lab.postern('message', ids[[rcpt for _, rcpt, *_ in STORIES].index('data@good.test')]).stdout)
        print(f'To look further{"" if "--keep" in sys.argv else " (with ./demo --keep)"}:\n  {cli} message {ids[5]}\n  {cli} explain nurse@inside.test bank@expired.test\n  {cli} queue list\n  {cli} status')
        print('\nEvery message met its expected fate.' if good else '\nNOT every message met its expected fate; log: ' + lab.path('log', 'posternd'))
        if '--keep' in sys.argv:
            keep(lab)
    except KeyboardInterrupt:
        print('\nInterrupted; stopping what was started.')
    finally:
        if not good:
            sys.stderr.write(lab.log()[-4000:] if 'posternd' in lab.procs else '')
        lab.down()
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main())
