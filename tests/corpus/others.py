#!/usr/bin/env python3
"""Measures the packs on sets of texts by others, read from local clones of their repositories: the rows of docs/detection.md,
"Texts by others".

Usage: others.py BUILD CLONES [SET...], or others.py BUILD manuals   BUILD has postern and tests/measure. CLONES/OWNER/NAME (or OWNER+NAME, or either with
/repo) is read at the commit below; a set without a clone is named, and fails. Nothing is fetched or kept: some of the licences
do not let us pass the texts on. "Tuned on" is the first, third ... text of a set, "held out" the second, fourth ...
(measure.c), but of the queries the second, fourth ... are those that were learned from, and of MedQuAD, of which a thousand
texts were learned from, all count as "tuned on".
"""
import ast
import gzip
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / 'tests' / 'mail'))
from collect import clone_of, git  # noqa: E402


class Clone:
    def __init__(self, clones, name, commit):
        self.name, self.commit, self.place = name, commit, clone_of(clones, name)

    def files(self, folder, end):
        names = git(self.place, 'ls-tree', '-r', '--name-only', self.commit, '--', folder).decode().splitlines()
        return [n for n in sorted(names) if n.endswith(end)]

    def text(self, path):
        return git(self.place, 'show', f'{self.commit}:{path}').decode('utf-8', 'replace')


# --- texts that tell somebody's health, and texts that do not: language, kind, text ---------------------------------

def meddocan(clone):
    for folder in ('dev', 'test', 'train'):
        for path in clone.files(f'corpus/{folder}/brat', '.txt'):
            yield 'es tells', clone.text(path)


def grascco(clone):
    for path in clone.files('data/raw/11502329/grascco_phi_annotation_json', '.json'):
        for feature in json.loads(clone.text(path))['%FEATURE_STRUCTURES']:
            if 'sofaString' in feature:
                yield 'de tells', feature['sofaString']


NAME = '"NAME"'


def queries(clone):
    for i, block in enumerate(clone.text('data/synthetic_dataset.txt').split('===QUERY===')[1:]):
        query, tags = block.split('===PHI_TAGS===')
        yield f'en {"tells" if NAME in tags else "harmless"} {"seen" if i % 2 else "unseen"}', query.strip()


def medquad(clone):
    archive = git(clone.place, 'archive', '--format=tar', clone.commit)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(['tar', '-x', '-C', folder], input=archive, check=True)
        for path in sorted(pathlib.Path(folder).rglob('*.xml')):
            for answer in xml.parse(path).iter('Answer'):
                if answer.text and len(answer.text) > 100:
                    yield 'en harmless seen', answer.text.strip()


def escaped(text):
    return text.replace('\\', '\\\\').replace('\n', '\\n').replace('\t', '\\t').replace('\r', '\\r')


def measure(build, clone, texts):
    with tempfile.NamedTemporaryFile('w', suffix='.tsv', encoding='utf-8') as out:
        count = 0
        for kind, text in texts(clone):
            out.write(f'{kind}\t{escaped(text)}\n')
            count += 1
        out.flush()
        said = subprocess.run([build / 'tests' / 'measure', TOP / 'packs', TOP / 'tests' / 'corpus', '--plain', out.name],
                              stdout=subprocess.PIPE, text=True).stdout
    rows = re.search(r'^patients +tuned on.*\n(.*\n)*?all .*$', said, re.M)
    print(f'{count} texts\n{rows[0] if rows else said}')
    return count > 0 and rows is not None


# --- tests of other detectors: texts, and whether they hold something ------------------------------------------------

def detected(build, pack, paths):
    command = [build / 'postern', 'detect', '--json', '--packs', TOP / 'packs', *(['--pack', pack] if pack else []), *paths]
    said = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True).stdout)
    assert len(said) == len(paths), f'{len(said)} of {len(paths)} were read'
    return said


def found(build, pack, texts):
    """Of each text what the packs find, the best score by type, and whether a rule is fulfilled."""
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for i, text in enumerate(texts):
            paths.append(pathlib.Path(folder) / f'{i:05}.txt')
            paths[-1].write_text(text + '\n', 'utf-8', 'replace')
        for one in detected(build, pack, paths):
            best = {}
            for f in one['findings']:
                best[f['type']] = max(f['score'], best.get(f['type'], 0))
            yield best, bool(one['rules'])


def strings_of(go):
    """The strings of a list in Go, as far as they are plain ones; those that are put together there are not."""
    go = re.sub(r'^\s*//.*$', '', go, flags=re.M)
    for quoted, raw in re.findall(r'^\s*(?:"((?:[^"\\]|\\.)*)"|`([^`]*)`),', go, re.M):
        yield quoted.encode().decode('unicode_escape') if quoted else raw


def gitleaks(build, clone):
    lists = {'tps': [], 'fps': []}
    for path in clone.files('cmd/generate/config/rules', '.go'):
        for kind, texts in lists.items():
            for m in re.finditer(kind + r'\s*:?=\s*\[\]string\{(.*?)\n\t\}', clone.text(path), re.S):
                texts += [(path, s) for s in strings_of(m[1])]
    for kind, texts in lists.items():
        hits = [rules for _, rules in found(build, 'secrets', [s for _, s in texts])]
        print(f'{"secrets" if kind == "tps" else "no secrets"}: {sum(hits)} of {len(hits)} taken for one')
        odd = [f'{path.rsplit("/", 1)[1]}: {text[:100]!r}' for hit, (path, text) in zip(hits, texts) if hit == (kind == 'fps')]
        print(" ", end=""), print(*odd, sep='\n  ')
    return all(lists.values())


MEDIUM = 60
RECOGNIZERS = {'iban': 'iban', 'credit_card': 'card', 'us_ssn': 'us-ssn', 'us_itin': 'us-itin', 'us_mbi': 'us-mbi', 'us_npi': 'us-npi',
               'uk_nhs': 'uk-nhs', 'uk_nino': 'uk-nino', 'uk_driving_licence': 'uk-driver', 'us_passport': 'passport'}
STRING = r'''(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')'''


def presidio(build, clone):
    total = 0
    for name, kind in RECOGNIZERS.items():
        text = clone.text(f'presidio-analyzer/tests/test_{name}_recognizer.py')
        rows = [(ast.literal_eval(f'({s})'), int(n)) for s, n in re.findall(rf'^\s*\(\s*({STRING}(?:\s*{STRING})*)\s*,\s*(\d+)\s*,', text, re.M)]
        scores = [best.get(kind, 0) for best, _ in found(build, None, [s for s, _ in rows])]
        right = [score for score, (_, n) in zip(scores, rows) if n]
        wrong = [score >= MEDIUM for score, (_, n) in zip(scores, rows) if not n]
        low = sum(0 < score < MEDIUM for score in right)
        print(f'{kind:10} {sum(map(bool, right))} of {len(right)} found, {low} of them low; {sum(wrong)} of {len(wrong)} wrong ones')
        total += len(rows)
    return total > 0


# --- manuals of Debian packages, and how many of them each pack takes for one -----------------------------------------

PACKAGES = ('bash bash-doc debian-policy r-doc-pdf r-cran-survival r-cran-epi r-cran-surveillance r-cran-msm r-cran-lme4').split()
MOST = {'patients': 2, 'hipaa': 2, 'uk-health': 2, 'business': 5, 'secrets': 0, 'pci': 0, 'glba': 0}
MANUALS_LEAST = 40  # 42 of Debian 12


def texts_of_packages(folder):
    """The text of each different PDF in them."""
    subprocess.run(['apt-get', '-q', 'download', *PACKAGES], cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for package in folder.glob('*.deb'):
        subprocess.run(['dpkg-deb', '-x', package, folder / 'x'], check=True)
    seen = set()
    for path in sorted(folder.rglob('*.pdf*')):
        if path.is_symlink():
            continue
        octets = gzip.decompress(path.read_bytes()) if path.suffix == '.gz' else path.read_bytes()
        if octets in seen:
            continue
        seen.add(octets)
        text = folder / (path.name.split('.')[0] + '.txt')
        subprocess.run(['pdftotext', '-', text], input=octets, check=True, stderr=subprocess.DEVNULL)
        yield text


def manuals(build):
    taken = {}
    with tempfile.TemporaryDirectory() as place:
        paths = list(texts_of_packages(pathlib.Path(place)))
        for one in detected(build, None, paths):
            for pack in {rule['pack'] for rule in one['rules']}:
                taken.setdefault(pack, []).append(pathlib.Path(one['file']).stem)
    print(f'{len(paths)} manuals')
    for pack, most in MOST.items():
        print(f'{pack:10} takes {len(taken.get(pack, []))}, {most} at most: {" ".join(taken.get(pack, []))}')
    return len(paths) >= MANUALS_LEAST and all(len(taken.get(pack, [])) <= most for pack, most in MOST.items())


SETS = {
    'meddocan': ('PlanTL-GOB-ES/SPACCC_MEDDOCAN', '783a6df385c975b328c99bcffb54196a9ba4078a', meddocan),
    'grascco': ('calgo-lab/redakt-grascco', 'b75e074ebb665eff39865db3580f0207cf5ea56e', grascco),
    'queries': ('JamesWeatherhead/synthetic-clinical-queries', '87798f0e7843ecc85b91a7a4798811a576ff8cf9', queries),
    'medquad': ('abachaa/MedQuAD', '577bd37b96c02d1833b2c9eed2de9f96964e96cb', medquad),
    'presidio': ('microsoft/presidio', '0aa9f8e44275cb52c00fbbebe19168e934e1f076', presidio),
    'gitleaks': ('gitleaks/gitleaks', 'b58d3f102cf3a2c84cb7f923d05c25c9b1aed84b', gitleaks),
}


def main():
    if len(sys.argv) < 3:
        sys.exit('Usage: others.py BUILD CLONES [' + '|'.join(SETS) + ']...')
    if sys.argv[2] == 'manuals':
        return 0 if manuals(pathlib.Path(sys.argv[1]).resolve()) else 1
    build, clones = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])
    good = True
    for name in sys.argv[3:] or SETS:
        repository, commit, texts = SETS[name]
        clone = Clone(clones, repository, commit)
        print(f'--- {repository} at {commit[:12]}', flush=True)
        if not clone.place:
            print(f'no clone of it in {clones}')
            good = False
        elif texts in (gitleaks, presidio):
            good &= texts(build, clone)
        else:
            good &= measure(build, clone, texts)
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main())
