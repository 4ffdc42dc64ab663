"""Sources that clang-tidy sees as one: their headers, most of its work, are then read and matched once."""

import functools
import hashlib
import re
import subprocess

import source_tree

# Enough that the headers cost little per source, and few enough that a batch with a finding is soon taken apart.
MAX_SOURCES = 24
FUZZ_ENTRY = 'LLVMFuzzerTestOneInput'
# What reaches past the end of a source: macros and the like, a pair of operators that must be complete.
ALONE = re.compile(r'^[ \t]*#[ \t]*(define|undef|pragma)\b|\boperator (new|delete)\b|\bNOLINT(BEGIN|END)\b',
                   re.MULTILINE)
TEST = re.compile(r'^(?:TYPED_)?TEST\w*\((\w+),\s*(\w+)', re.MULTILINE)
# The line of a declaration in a namespace: nothing is indented there.
TYPE = re.compile(r'^(?:template ?<.*> )?(?:class|struct|union|enum(?: class)?)\s+(?:\w+\(\w*\) )?(\w+)', re.MULTILINE)
DECLARED = re.compile(r'^[\w:<[][^\n({=;]*?(?<![\w:~])(\w+)(?:\[[^\n\]]*\])*\s*(?:[({;]|=[^=])', re.MULTILINE)


def declared_names(text):
    """The names that a source declares in its namespaces, and some more: two sources that share one may clash."""
    code = source_tree.code_only(text)
    names = {f'{suite}.{name}' for suite, name in TEST.findall(code)}
    names.update(TYPE.findall(code))
    names.update(name for name in DECLARED.findall(code) if not name.startswith('TEST'))
    return names - {'namespace', 'mayfly', 'std', FUZZ_ENTRY}


class Names:
    """The names of a source, or of all sources of a batch."""

    def __init__(self, own=frozenset(), headers=frozenset()):
        self.own = set(own)
        self.headers = set(headers)
        # Those that no header announces, which must not be another thing in a header of another source.
        self.private = self.own - self.headers

    def clash(self, other):
        return (self.own & other.own) or (self.private & other.headers) or (self.headers & other.private)

    def add(self, other):
        self.own |= other.own
        self.headers |= other.headers
        self.private |= other.private


def batches(root, names, headers):
    """Lists of `names` for one run of clang-tidy each; `headers` is a function: the project's headers of a source."""
    declared_in = functools.cache(lambda name: frozenset(declared_names(source_tree.read(root, name))))
    formed = []
    for name in names:
        if ALONE.search(source_tree.read(root, name)):
            formed.append(([name], None))
            continue
        found = Names(declared_in(name), frozenset().union(*map(declared_in, headers(name))))
        for members, taken in formed:
            if taken is not None and len(members) < MAX_SOURCES and not taken.clash(found):
                members.append(name)
                taken.add(found)
                break
        else:
            formed.append(([name], found))
    return [members for members, _ in formed]


def write(root, folder, names):
    """Writes the one source that is all of `names`; returns its path.

    The texts themselves rather than includes of them: for clang all of it is the main file, where some checks and
    warnings look for faults only.
    """
    digest = hashlib.sha256('\n'.join(names).encode()).hexdigest()[:16]
    folder.mkdir(exist_ok=True)
    path = folder / f'{digest}.cc'
    with path.open('w', encoding='utf-8') as batch:
        for number, name in enumerate(names):
            text = source_tree.read(root, name)
            if FUZZ_ENTRY in text:
                # Each fuzz target defines this function.
                batch.write(f'#undef {FUZZ_ENTRY}\n#define {FUZZ_ENTRY} {FUZZ_ENTRY}{number}  // NOLINT\n')
            batch.write(f'#line 1 "{root / name}"\n{text}\n')
    return path


def passes(root, folder, names, options):
    """Whether clang-tidy has nothing to say about `names` read as one source, compiled with `options`."""
    path = write(root, folder, names)
    # What is shadowed may be another source's; the build has the same warning.
    command = ['clang-tidy', '--quiet', str(path), '--', *options, '-Wno-shadow']
    result = subprocess.run(command, cwd=root, capture_output=True, check=False)
    path.unlink()
    return result.returncode == 0
