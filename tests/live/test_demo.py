"""The demo's table in narrow and wide terminals (a field report of ours: "recipien)" was cut). Needs no lab."""
import re

import demo
import pytest

ROWS = [('nurse@inside.test', 'patient@mail.example-hospital.test', 'delivered', 'TLSv1.3, the certificate is of a trusted authority (DANE)', True),
        ('dr@inside.test', 'x@plain.test', 'returned', "no encryption (a rule for this sender or recipient)", True),
        ('dr@inside.test', 'y@expired.test', 'waiting', 'certificate ended', False)]


@pytest.mark.parametrize('columns', [60, 80, 100, 150, 300])
def test_the_table_fits(capsys, columns):
    demo.table(ROWS, columns)
    printed = capsys.readouterr().out
    lines = printed.splitlines()
    assert max(map(len, lines)) <= columns, printed
    rule = next(line for line in lines if line.startswith('--'))
    starts = [m.start() for m in re.finditer('-+', rule)]
    cells = [''.join(line[at:end].strip() + ' ' for line in lines) for at, end in zip(starts, [*starts[1:], None])]
    for row in ROWS:
        for cell, text in zip(cells, row):
            assert text.replace(' ', '') in cell.replace(' ', ''), (text, cell)
    assert 'NOTASEXPECTED' in cells[3].replace(' ', '')


def test_words_stay_whole_where_they_fit(capsys):
    demo.table(ROWS, 80)
    assert 'recipient)' in capsys.readouterr().out
