#!/usr/bin/env python3
"""Writes the corpus for the detectors: positive.tsv (type, text), grouped.tsv (the same, numbers in groups and wrapped
lines) and negative.tsv (class, text).

Everything is made from published rules and test vectors, with this program's own arithmetic (never with the
code under test) and a fixed seed; no real person's data is in it. What looks like a token is drawn by measure.c: {36 a-z}
stands for 36 such characters, as in packs, so that no scanner takes these files for a leak. In the texts \\n, \\r, \\t and \\\\ stand for line
ends, tab and backslash. Usage: make.py [DIRECTORY]
"""
import base64
import hashlib
import os
import random
import re
import sys
import textwrap
import uuid

R = random.Random(20261122)
FIRST = 'Mary John Anna Peter Linda James Susan Robert Karen David Nancy Mark Julia Carlos Mei Ahmed Priya Olga Hans Claire Luis Emma Noah Olivia Liam Sofia Igor Fatima Kenji Rosa'.split()
LAST = 'Smith Jones Miller Garcia Brown Davis Wilson Moore Taylor Thomas Lopez Martin Lee Clark Lewis Walker Hall Young King Wright Scott Green Baker Adams Nelson Carter Meyer Dubois Rossi Novak'.split()
CITY = 'Boston Leeds Dayton Bristol Austin Denver Cardiff Tampa Omaha Glasgow Fresno Albany'.split()
CONDITIONS = ['type 2 diabetes', 'asthma', 'hypertension', 'COPD', 'atrial fibrillation', 'major depressive disorder', 'rheumatoid arthritis', 'breast cancer', 'HIV', 'epilepsy', 'psoriasis', 'chronic kidney disease', "Crohn's disease", 'migraine', 'osteoporosis',
              'schizophrenia', 'hepatitis C', 'multiple sclerosis', 'pneumonia', 'gout']
DRUGS = ['metformin', 'lisinopril', 'atorvastatin', 'sertraline', 'warfarin', 'apixaban', 'insulin glargine', 'methotrexate', 'omeprazole', 'levothyroxine', 'amlodipine', 'prednisone', 'gabapentin', 'tamoxifen', 'clopidogrel', 'salbutamol', 'ramipril', 'citalopram', 'rituximab', 'valsartan']
LABS = ['HbA1c', 'creatinine', 'TSH', 'troponin', 'INR', 'eGFR', 'viral load', 'lipid panel', 'platelet count', 'ferritin', 'C-reactive protein', 'liver function tests', 'urinalysis', 'CD4 count', 'blood culture']


def digits(n, first='0123456789'):
    return R.choice(first) + ''.join(R.choice('0123456789') for _ in range(n - 1))


def letters(n, alphabet='ABCDEFGHJKLMNPRSTUVWXYZ'):
    return ''.join(R.choice(alphabet) for _ in range(n))


def repeated(s):
    return len(set(s)) == 1


# --- numbers, each after its publisher's rule --------------------------------------------------------------
def luhn_digit(body):
    total = 0
    for i, c in enumerate(reversed(body)):
        d = int(c) * (2 if i % 2 == 0 else 1)
        total += d - 9 if d > 9 else d
    return str(-total % 10)


def card():
    prefix, length = R.choice([('4', 16), ('4', 16), ('51', 16), ('53', 16), ('55', 16), ('2221', 16), ('2500', 16), ('2720', 16), ('34', 15), ('37', 15), ('6011', 16), ('65', 16), ('3530', 16), ('36', 14), ('622126', 16)])
    body = prefix + digits(length - 1 - len(prefix))
    return body + luhn_digit(body)


def card_text(c):
    if len(c) == 15:
        groups = [c[:4], c[4:10], c[10:]]
    elif len(c) == 14:
        groups = [c[:4], c[4:10], c[10:]]
    else:
        groups = [c[i:i + 4] for i in range(0, len(c), 4)]
    return R.choice([c, ' '.join(groups), '-'.join(groups)])


def iban():
    country, bban = R.choice([('DE', lambda: digits(18)), ('GB', lambda: letters(4) + digits(14)), ('FR', lambda: digits(10) + letters(1) + digits(12)), ('NL', lambda: letters(4) + digits(10)), ('AT', lambda: digits(16)), ('ES', lambda: digits(20)),
                              ('IT', lambda: letters(1) + digits(22)), ('CH', lambda: digits(17)), ('BE', lambda: digits(12)), ('PL', lambda: digits(24)), ('NO', lambda: digits(11)), ('IE', lambda: letters(4) + digits(14))])
    body = bban()
    number = ''.join(str(int(ch, 36)) for ch in body + country + '00')
    full = country + f'{98 - int(number) % 97:02d}' + body
    return R.choice([full, ' '.join(full[i:i + 4] for i in range(0, len(full), 4))])


def ssn():
    while True:
        area, group, serial = R.randint(1, 899), R.randint(1, 99), R.randint(1, 9999)
        s = f'{area:03d}{group:02d}{serial:04d}'
        if area != 666 and not repeated(s):
            return s


def itin():
    group = R.choice([*range(50, 66), *range(70, 89), 90, 91, 92, *range(94, 100)])
    return f'9{R.randint(0, 99):02d}{group}{R.randint(0, 9999):04d}'


def mbi():
    a, an = 'ACDEFGHJKMNPQRTUVWXY', 'ACDEFGHJKMNPQRTUVWXY0123456789'
    c = R.choice
    return c('123456789') + c(a) + c(an) + digits(1) + c(a) + c(an) + digits(1) + c(a) + c(a) + digits(2)


def npi():
    while True:
        body = R.choice('12') + digits(8)
        n = body + luhn_digit('80840' + body)
        if not repeated(n):
            return n


def dea():
    while True:
        d = digits(6)
        s = int(d[0]) + int(d[2]) + int(d[4]) + 2 * (int(d[1]) + int(d[3]) + int(d[5]))
        n = d + str(s % 10)
        if not repeated(n):
            return R.choice('ABCFGM') + letters(1) + n


def aba():
    while True:
        body = R.choice([f'{n:02d}' for n in [*range(1, 13), *range(21, 33), *range(61, 73), 80]]) + digits(6)
        w = [3, 7, 1, 3, 7, 1, 3, 7]
        n = body + str(-sum(int(x) * y for x, y in zip(body, w)) % 10)
        if not repeated(n):
            return n


def nhs():
    while True:
        body = digits(9, '123456789')
        check = 11 - sum(int(c) * (10 - i) for i, c in enumerate(body)) % 11
        check = 0 if check == 11 else check
        if check != 10 and not repeated(body + str(check)):
            return body + str(check)


def nino():
    while True:
        p = R.choice('ABCEGHJKLMNOPRSTWXYZ') + R.choice('ABCEGHJKLMNPRSTWXYZ')
        d = digits(6)
        if p not in ('BG', 'GB', 'KN', 'NK', 'NT', 'TN', 'ZZ') and not repeated(d):
            return p + d + R.choice('ABCD')


def uk_driver():
    name = R.choice(LAST).upper()[:5].ljust(5, '9')
    year, month, day, female = R.randint(30, 99), R.randint(1, 12), R.randint(1, 28), R.random() < 0.5
    return f'{name}{year // 10}{month + 50 * female:02d}{day:02d}{year % 10}{letters(1)}{R.choice([letters(1), "9"])}{digits(1)}{letters(2)}'


def icd():
    return R.choice(['E11.9', 'F32.1', 'J45.909', 'I10.0', 'C50.911', 'M54.5', 'K21.9', 'N18.3', 'G40.909', 'E78.5', 'I48.91', 'F41.1', 'Z79.4', 'S72.001A', 'O24.410', 'L40.0', 'B18.2', 'H40.11', 'R07.9', 'D50.9'])


def ndc():
    a, b, c = R.choice([(4, 4, 2), (5, 3, 2), (5, 4, 1), (5, 4, 2)])
    return f'{digits(a)}-{digits(b)}-{digits(c)}'


def date_text():
    y, m, d = R.randint(1930, 2015), R.randint(1, 12), R.randint(1, 28)
    month = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December'][m - 1]
    return R.choice([f'{m:02d}/{d:02d}/{y}', f'{d:02d}.{m:02d}.{y}', f'{y}-{m:02d}-{d:02d}', f'{d} {month} {y}', f'{month} {d}, {y}', f'{m}/{d}/{y % 100:02d}', f'{d} {month[:3]} {y}'])


def person():
    return f'{R.choice(FIRST)} {R.choice(LAST)}'


# --- ways in which people write them ---------------------------------------------------------------------------
def disguise(s):
    """Now and then as copied from a web page or a PDF: full-width digits, hard blanks, long dashes, hidden marks."""
    kind = R.random()
    if kind < 0.04:
        return ''.join(chr(ord(c) - 0x30 + 0xff10) if c.isdigit() else c for c in s)
    if kind < 0.07:
        return s.replace(' ', '\u00a0')
    if kind < 0.10:
        return s.replace('-', '\u2011')
    if kind < 0.13:
        return s[:3] + '\u200b' + s[3:]
    return s


FRAMES = ['Hello {who},\n\n{x}\n\nRegards,\n{other}', '{x}', 'Hi {who},\n{x}\nThanks!\n{other}', 'Dear {who},\n\nplease see below as discussed on the phone. {x} Let me know if anything is missing.\n\n{other}', '{x}\n\n-- \n{other}\n{city} office',
          '> Hi {who},\n> {x}\n\nThanks, noted.']


def framed(x):
    x = x.replace('\n', ' ')
    return R.choice(FRAMES).format(x=x, who=R.choice(FIRST), other=person(), city=R.choice(CITY))


def table(head, value, separator=None):
    sep = separator or R.choice(['\t', ',', ';', '|'])
    rows = [sep.join(['Name', 'City', head])]
    for _ in range(R.randint(1, 6)):
        rows.append(sep.join([person(), R.choice(CITY), value()]))
    return '\n'.join(rows)


def dashed(s, *sizes, sep='-'):
    out, at = [], 0
    for n in sizes:
        out.append(s[at:at + n])
        at += n
    return sep.join(out)


POSITIVE = {
    'card': lambda: framed(R.choice(['card {}', 'my credit card is {}, exp 11/28', 'Visa {} CVV 123', 'charge {} please, expires 04/29', 'card number: {}', 'Mastercard {}', 'pay with {}, cardholder Jane Roe', 'AMEX/Visa/MC: {}']).format(disguise(card_text(card()))))
    if R.random() < 0.9 else table('Card number', card),
    'iban': lambda: framed(R.choice(['IBAN {}', 'please transfer to {} by Friday', 'our account {} from now on', 'IBAN: {} BIC DEUTDEFF', 'Konto {}', '{} is the account of the supplier']).format(disguise(iban()))),
    'us-ssn': lambda: R.choice([lambda: framed(R.choice(['SSN {}', 'my social security number is {}', 'social security no. {}', 'SSN: {} on file', 'SS# {}', '{} (SSN)', 'her SSN {} was wrong']).format(disguise(R.choice([dashed(s := ssn(), 3, 2, 4), s, dashed(s, 3, 2, 4, sep=' ')])))),
                                lambda: framed('Applicant ' + person() + ' ' + disguise(dashed(ssn(), 3, 2, 4))), lambda: table('SSN', lambda: R.choice([ssn(), dashed(ssn(), 3, 2, 4)]))])(),
    'us-itin': lambda: framed(R.choice(['ITIN {}', 'taxpayer identification number {}', 'his ITIN: {}', 'tax ID {} (individual taxpayer)']).format(R.choice([dashed(s := itin(), 3, 2, 4), s]))),
    'us-mbi': lambda: framed(R.choice(['Medicare number {}', 'MBI: {}', 'her Medicare ID is {}', 'beneficiary {}']).format(R.choice([m := mbi(), dashed(m, 4, 3, 4)]))) if R.random() < 0.8 else framed('see ' + dashed(mbi(), 4, 3, 4)),
    'us-npi': lambda: framed(R.choice(['NPI {}', 'NPI: {}', 'provider number {}', 'national provider identifier {}', 'NPI# {}']).format(npi())) if R.random() < 0.85 else table('NPI', npi),
    'us-dea': lambda: framed(R.choice(['DEA {}', 'DEA number {}', 'DEA#: {}', 'prescriber DEA registration {}']).format(dea())),
    'us-aba': lambda: framed(R.choice(['routing number {}', 'ABA {}', 'ABA/RTN: {}', 'routing {} for the direct deposit', 'wire transfer, routing no. {}']).format(aba())),
    'uk-nhs': lambda: framed(R.choice(['NHS number {}', 'NHS No: {}', 'NHS no. {}', 'nhs number is {}', 'NHS: {}']).format(disguise(R.choice([n := nhs(), dashed(n, 3, 3, 4), dashed(n, 3, 3, 4, sep=' ')])))) if R.random() < 0.85 else table('NHS number', nhs),
    'uk-nino': lambda: framed(R.choice(['NI number {}', 'National Insurance number: {}', 'NINO {}', 'national insurance no {}']).format(R.choice([n := nino(), dashed(n, 2, 2, 2, 2, 1, sep=' ')]))),
    'uk-driver': lambda: framed(R.choice(['driving licence {}', 'licence number {}', 'DVLA driver number: {}', 'my licence is {}']).format(uk_driver())),
    'icd-10': lambda: framed(R.choice(['diagnosis {}', 'ICD-10: {}', 'Dx {}', 'diagnosis code {} was billed', 'ICD-10-CM {}']).format(icd())),
    'ndc': lambda: framed(R.choice(['NDC {}', 'NDC: {} refill 3', 'dispensed {}', 'Rx, NDC {}']).format(ndc())),
    'dob': lambda: framed(R.choice(['DOB {}', 'DOB: {}', 'date of birth {}', 'born on {}', 'Date of Birth: {}', 'D.O.B. {}', 'birth date {}']).format(date_text())) if R.random() < 0.9 else table('DOB', lambda: f'{R.randint(1, 12):02d}/{R.randint(1, 28):02d}/{R.randint(1930, 2015)}'),
    'mrn': lambda: framed(R.choice(['MRN {}', 'MRN: {}', 'medical record number {}', 'patient ID {}', 'Patient No. {}', 'chart number {}']).format(R.choice(['', 'A', 'MR']) + digits(R.randint(6, 9)))),
    'member-id': lambda: framed(R.choice(['Member ID: {}', 'subscriber number {}', 'member no. {}', 'health plan ID {}', 'Subscriber ID# {}']).format(letters(R.randint(0, 3)) + digits(R.randint(8, 11)))),
    'passport': lambda: framed(R.choice(['passport number {}', 'Passport: {}', 'passport no. {}', 'US passport {}']).format(R.choice([digits(9), letters(1) + digits(8)]))),
    'us-driver': lambda: framed(R.choice(["driver's license {}", 'driver license no. {}', 'DL number {}', 'drivers license {}']).format(R.choice([letters(1) + digits(7), letters(1) + digits(12), digits(8), letters(2) + digits(6)]))),
    'us-account': lambda: framed(R.choice(['account number {}', 'checking account {}', 'acct no {}', 'bank account {}', 'savings account: {}']).format(digits(R.randint(8, 14)))),
    'token': lambda: framed(R.choice(['here it is: {}', 'export TOKEN={}', 'the key {} works']).format(R.choice(['AKIA' + letters(16, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'), 'ghp_' + ''.join(R.choice('abcdefghijABCDEFGHIJ0123456789') for _ in range(36)),
                                                                                     'glpat-' + ''.join(R.choice('abcdefghijABCDEFGHIJ0123456789') for _ in range(20)), 'sk_live_' + ''.join(R.choice('abcdefghijABCDEFGHIJ0123456789') for _ in range(24))]))),
    'private-key': lambda: framed('the key:') + f'\n-----BEGIN {R.choice(["RSA ", "EC ", "OPENSSH ", ""])}PRIVATE KEY-----\n' + base64.b64encode(R.randbytes(90)).decode() + '\n',
    'condition': lambda: framed(R.choice(['diagnosed with {}', 'history of {}', 'she has {}', 'treated for {} since 2019', '{} is stable']).format(R.choice(CONDITIONS))),
    'drug': lambda: framed(R.choice(['started on {} 10 mg', 'takes {} daily', '{} was stopped', 'refill {}', 'allergic to {}']).format(R.choice(DRUGS))),
    'lab-test': lambda: framed(R.choice(['{} is 7.4', 'please repeat the {}', '{} came back normal', 'his {} rose']).format(R.choice(LABS))),
    'person': lambda: framed(R.choice(['patient {} called', 'the patient {} was seen today', 'Patient name: {}', 'Patient: {}', 'resident {} fell']).format(person())),
}

# whole messages a pack must catch at its default threshold
PACKS = {
    'hipaa': lambda: framed(R.choice([
        lambda: f'MRN {digits(7)} was started on {R.choice(DRUGS)}', lambda: f'patient {person()} has {R.choice(CONDITIONS)}', lambda: f'{person()}, DOB {date_text()}, {R.choice(LABS)} is high',
        lambda: f'SSN {dashed(ssn(), 3, 2, 4)}, diagnosis {icd()}', lambda: f'Medicare number {mbi()}', lambda: f'Member ID: {letters(3)}{digits(9)}, {R.choice(CONDITIONS)}'])()),
    'pci': lambda: framed(R.choice(['card {}, exp 11/28', 'Visa {} CVV 123', 'credit card number: {}', 'please charge my card {}']).format(card_text(card()))),
    'glba': lambda: framed(R.choice([lambda: f'SSN {dashed(ssn(), 3, 2, 4)}', lambda: f'routing number {aba()}, account number {digits(11)}', lambda: f'passport number {digits(9)}', lambda: f"driver's license {letters(1)}{digits(7)}", lambda: f'ITIN {dashed(itin(), 3, 2, 4)}'])()),
    'uk-health': lambda: framed(R.choice([lambda: f'NHS number {dashed(nhs(), 3, 3, 4, sep=" ")}', lambda: f'NI number {nino()}, treated for {R.choice(CONDITIONS)}', lambda: f'patient {person()} takes {R.choice(DRUGS)}', lambda: f'DOB {date_text()}, {R.choice(CONDITIONS)}'])()),
    'secrets': lambda: POSITIVE[R.choice(['token', 'private-key'])](),
}


# --- what is no finding ------------------------------------------------------------------------------------------
def phone():
    a, b, c = digits(3, '23456789'), digits(3, '23456789'), digits(4)
    return R.choice([f'({a}) {b}-{c}', f'{a}-{b}-{c}', f'+1 {a} {b} {c}', f'{a}.{b}.{c}', f'+44 20 {digits(4)} {digits(4)}', f'0{digits(3, "123")} {digits(3)} {digits(4)}', f'+49 {digits(3)} {digits(7)}', a + b + c])


def order():
    return R.choice([f'order {digits(9)}', f'Order No. {digits(10)}', f'PO-{digits(8)}', f'order #{digits(7)}-{digits(7)}', f'SO{digits(7)}', f'order {digits(3)}-{digits(7)}-{digits(7)}', f'ticket {letters(2)}{digits(7)}', f'case {digits(8)}', f'RMA {digits(12)}', f'confirmation {letters(6)}',
                     f'order number {digits(16)}', f'part {digits(3)}-{digits(4)}-{digits(2)}'])


def tracking():
    return R.choice([f'1Z{letters(3)}{digits(3)}{digits(10)}', digits(12), digits(15), '9' + digits(21), letters(2) + digits(9) + 'US', 'JD' + digits(18)])


def isbn():
    body = '978' + digits(9)
    check = str(-sum(int(c) * (3 if i % 2 else 1) for i, c in enumerate(body)) % 10)
    return R.choice([body + check, f'{body[:3]}-{body[3]}-{body[4:7]}-{body[7:12]}-{check}', f'0-{digits(3)}-{digits(5)}-{R.choice("0123456789X")}'])


def stamp():
    return R.choice([str(R.randint(1600000000, 1900000000)), str(R.randint(1600000000000, 1900000000000)), f'2026-{R.randint(1, 12):02d}-{R.randint(1, 28):02d}T{R.randint(0, 23):02d}:{R.randint(0, 59):02d}:{R.randint(0, 59):02d}Z', f'2026{R.randint(1, 12):02d}{R.randint(1, 28):02d}{R.randint(0, 23):02d}{R.randint(0, 59):02d}{R.randint(0, 59):02d}',
                     f'{R.randint(1, 28):02d}.{R.randint(1, 12):02d}.2026 {R.randint(0, 23):02d}:{R.randint(0, 59):02d}'])


SENTENCES = [
    lambda: f'Please call me at {phone()} before noon.', lambda: f'Your {order()} has shipped; the tracking number is {tracking()}.', lambda: f'The meeting moves to {stamp()}, room {R.randint(1, 400)}.', lambda: f'We received your payment of ${R.randint(10, 99999):,}.{R.randint(0, 99):02d} for invoice {digits(8)}.',
    lambda: f'Join Zoom: https://zoom.example/j/{digits(11)}?pwd={letters(8)} Meeting ID: {digits(3)} {digits(4)} {digits(4)}, passcode {digits(6)}.', lambda: f'{person()} will join us on Tuesday.', lambda: f'Our office in {R.choice(CITY)} is closed on 2026-12-{R.randint(20, 31)}.', lambda: f'I attach the minutes of {stamp()}.',
    lambda: f'The asthma clinic opens at {R.randint(7, 10)}:00.', lambda: f'We need three volunteers for the diabetes awareness day.', lambda: f'New guidance on {R.choice(CONDITIONS)} was published last week.', lambda: f'The pharmacy has run out of {R.choice(DRUGS)} again; the next delivery comes on Monday.',
    lambda: f'Budget code {digits(4)}-{digits(3)}-{digits(2)} applies.', lambda: f'See page {R.randint(1, 300)} of ISBN {isbn()}.', lambda: f'Customer number {digits(8)}, contract {digits(10)}.', lambda: f'Let us meet at {R.randint(1, 9999)} {R.choice(LAST)} Street, {R.choice(CITY)} {digits(5)}.',
    lambda: f'The card reader in the lobby is broken, reference {digits(9)}.', lambda: 'Please bring your passport or another identity card to the reception.', lambda: f'Your software license number is {letters(5)}-{letters(5)}-{digits(5)}.', lambda: f'My flight {letters(2)}{digits(4)} lands at {R.randint(1, 12)}:{R.randint(10, 59)} pm, booking {letters(6)}.',
    lambda: f'Version {R.randint(1, 9)}.{R.randint(0, 20)}.{R.randint(0, 99)} fixes ticket {digits(6)}.', lambda: 'The patient portal is down for maintenance tonight.', lambda: 'Could you review the draft and send me your comments by Friday?', lambda: 'Thank you for your quick answer, that helps a lot.',
    lambda: f'The provider changed our number to {phone()}.', lambda: f'Dr. {R.choice(LAST)} speaks at the conference on {R.choice(CONDITIONS)} in {R.choice(CITY)}.', lambda: 'Social security contributions rise in January, see the note from payroll.', lambda: f'Routing of the cables in rack {R.randint(1, 40)} is done, asset {digits(9)}.',
    lambda: 'Our bank account changed, the new details follow by post.', lambda: f'Total {R.randint(1, 999)},{digits(3)}.{digits(2)} EUR, VAT ID DE{digits(9)}.', lambda: 'Members should number their questions.', lambda: f'NHS England answered; call {phone()} for details.', lambda: f'The serial number of the printer is {letters(3)}{digits(7)}.',
    lambda: f'Parcel {tracking()} is at the front desk.', lambda: f'Mr {R.choice(LAST)} asked for the minutes.', lambda: f'Insurance number of the car fleet: {digits(10)}.', lambda: f'I was born in {R.choice(CITY)} and raised there.', lambda: f'Medicare rules change in {R.randint(2024, 2027)}; training on {stamp()}.',
]


def mail():
    lines = [f'{R.choice(["Hi", "Hello", "Dear", "Good morning"])} {R.choice(FIRST)},', '']
    for _ in range(R.randint(1, 3)):
        lines.append(' '.join(R.choice(SENTENCES)() for _ in range(R.randint(1, 4))))
        lines.append('')
    lines += [R.choice(['Best regards', 'Thanks', 'Kind regards', 'Cheers']), person(), f'{R.choice(["Tel", "Phone", "T"])}: {phone()}', f'{R.randint(1, 9999)} {R.choice(LAST)} Road, {R.choice(CITY)} {digits(5)}']
    if R.random() < 0.3:
        lines += ['', f'On {stamp()}, {person()} wrote:'] + ['> ' + R.choice(SENTENCES)() for _ in range(R.randint(1, 3))]
    return '\n'.join(lines)


def log():
    ip = '.'.join(str(R.randint(1, 254)) for _ in range(4))
    return R.choice([f'{stamp()} mx1 postfix/smtpd[{digits(5)}]: connect from unknown[{ip}]', f'{ip} - - [22/Nov/2026:10:{R.randint(10, 59)}:{R.randint(10, 59)} +0000] "GET /a/{digits(9)} HTTP/1.1" 200 {digits(5)}', f'kernel: [{digits(6)}.{digits(6)}] eth0: link up, {digits(4)} Mbps, id {digits(16)}',
                     f'{stamp()} level=info trace={R.getrandbits(64):016x} span={R.getrandbits(32):08x} took={digits(4)}us'])


def source():
    return R.choice([f'#define LIMIT_{letters(4)} {digits(9)}UL', f'static const uint32_t k[] = {{0x{R.getrandbits(32):08x}, 0x{R.getrandbits(32):08x}}};', f'if (id == {digits(10)}) return "{letters(8)}-{digits(4)}";', f'UPDATE orders SET total = {digits(5)} WHERE id = {digits(9)};', f'assert f({digits(16)}) == {digits(16)}',
                     f'git commit {hashlib.sha1(R.randbytes(8)).hexdigest()}', f'  "version": "{R.randint(0, 30)}.{R.randint(0, 30)}.{R.randint(0, 30)}", "integrity": "sha512-{base64.b64encode(R.randbytes(64)).decode()}"'])


NEGATIVE = {
    'mail': (6000, mail),
    'orders': (700, lambda: '\n'.join(order() for _ in range(R.randint(1, 8)))),
    'guids': (500, lambda: '\n'.join(str(uuid.UUID(int=R.getrandbits(128))) for _ in range(R.randint(1, 5)))),
    'hashes': (500, lambda: R.choice([hashlib.md5, hashlib.sha1, hashlib.sha256])(R.randbytes(8)).hexdigest()),
    'phones': (600, lambda: '\n'.join(f'{person()}\t{phone()}' for _ in range(R.randint(1, 10)))),
    'isbn-ean': (500, lambda: '\n'.join(isbn() for _ in range(R.randint(1, 5)))),
    'tracking': (600, lambda: 'Tracking ' + tracking()),
    'timestamps': (500, lambda: ' '.join(stamp() for _ in range(R.randint(1, 6)))),
    'base64': (400, lambda: '\n'.join(base64.b64encode(R.randbytes(57)).decode() for _ in range(R.randint(3, 30)))),
    'logs': (500, lambda: '\n'.join(log() for _ in range(R.randint(1, 20)))),
    'source': (500, lambda: '\n'.join(source() for _ in range(R.randint(1, 12)))),
    'invoices': (400, lambda: table('Article', lambda: digits(R.choice([6, 8, 9, 10, 13]))) + f'\nTotal {R.randint(100, 99999)}.00'),
    'addresses': (300, lambda: '\n'.join(f'{person()}, {R.randint(1, 9999)} {R.choice(LAST)} Avenue, {R.choice(CITY)} {digits(5)}-{digits(4)}' for _ in range(R.randint(1, 6)))),
    'random digits': (500, lambda: ' '.join(digits(R.choice([8, 9, 10, 11, 12])) for _ in range(R.randint(1, 5)))),
}


# --- numbers in groups: how they are parted, and where a line ends inside (RFC 3676 4.2, RFC 5322 2.1.1) ---------
def cut(s, *sizes):
    return [part for part in dashed(s, *sizes, sep=' ').split(' ') if part]


def card_groups():
    c = card()
    return cut(c, 4, 6, 5) if len(c) < 16 else cut(c, 4, 4, 4, 4)


GROUPED = {
    'card': (card_groups, 'please charge my credit card {} which expires'),
    'iban': (lambda: cut(iban().replace(' ', ''), *[4] * 9), 'please pay to IBAN {} by Friday'),
    'us-ssn': (lambda: cut(ssn(), 3, 2, 4), 'my social security number is {} as you'),
    'us-itin': (lambda: cut(itin(), 3, 2, 4), 'her ITIN is {} as you'),
    'us-mbi': (lambda: cut(mbi(), 4, 3, 4), 'Medicare number {} of the lady'),
    'us-npi': (lambda: cut(npi(), 4, 3, 3), 'NPI number {} of the doctor'),
    'us-aba': (lambda: cut(aba(), 3, 3, 3), 'routing number {} of the bank'),
    'uk-nhs': (lambda: cut(nhs(), 3, 3, 4), 'his NHS number is {} as you'),
    'uk-nino': (lambda: cut(nino(), 2, 2, 2, 2, 1), 'national insurance number {} of the lady'),
}
GAPS = [' ', '-', '.', '/', '\u00a0', '\u2009', '\u202f', '\u2012', '\u2013', ' - ', '  ', '\t', '\u00b7', '_', '']
WRAPS = [(0, '', ''), (72, '', '\n'), (74, '> ', '\n'), (70, '> > ', '\r\n'), (71, '', ' \n')]  # width, mark, line end
WORDS = 'the of and to in is that for it as was with be on not this but at from by are we an or have they which one you were all her she'.split()


def wrapped(text, width, mark, end):
    """As textwrap does it, but that it takes only plain blanks for blanks."""
    hard = {'\u00a0': '~', '\u2009': '^', '\u202f': '`', '\t': '$'}
    for real, stand_in in hard.items():
        text = text.replace(real, stand_in)
    lines = textwrap.wrap(text, width, break_long_words=False) if width else [text]
    text = end.join(mark + line for line in lines)
    for real, stand_in in hard.items():
        text = text.replace(stand_in, real)
    return text


def grouped():
    """Every type, gap and wrap, three times."""
    for name, (make, frame) in GROUPED.items():
        for gap in GAPS:
            for wrap in WRAPS:
                for _ in range(3):
                    words = [R.choice(WORDS) for _ in range(60)]
                    cut_at = R.randint(3, 40)
                    number = gap.join(make())
                    yield name, wrapped(' '.join([*words[:cut_at], frame.format(number), *words[cut_at:]]), *wrap) if gap != '  ' else frame.format(number)


def escape(s):
    return s.replace('\\', '\\\\').replace('\n', '\\n').replace('\t', '\\t').replace('\r', '\\r')


def without_tokens(text):
    for begin, n, letters_of in (('AKIA', 16, 'A-Z2-7'), ('ghp_', 36, 'a-jA-J0-9'), ('glpat-', 20, 'a-jA-J0-9'), ('sk_live_', 24, 'a-jA-J0-9')):
        text = re.sub(rf'{begin}[{letters_of}]{{{n}}}', f'{begin}{{{n} {letters_of}}}', text)
    return text


def main():
    where = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(where, 'positive.tsv'), 'w', encoding='utf-8') as out:
        for name, make in POSITIVE.items():
            out.writelines(f'{name}\t{escape(without_tokens(make()))}\n' for _ in range(120))
        for name, make in PACKS.items():
            out.writelines(f'pack {name}\t{escape(without_tokens(make()))}\n' for _ in range(120))
    with open(os.path.join(where, 'negative.tsv'), 'w', encoding='utf-8') as out:
        for name, (n, make) in NEGATIVE.items():
            out.writelines(f'{name}\t{escape(make())}\n' for _ in range(n))
    with open(os.path.join(where, 'grouped.tsv'), 'w', encoding='utf-8') as out:
        out.writelines(f'{name}\t{escape(text)}\n' for name, text in grouped())


if __name__ == '__main__':
    main()
