"""Sources that clang-tidy sees as one: their headers, most of its work, are then read and matched once."""

import hashlib
import re
import subprocess

import source_tree

# Enough that the headers cost little per source, and few enough that a batch with a finding is soon taken apart.
MAX_SOURCES = 14
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


def batches(root, names):
    """Lists of `names`, which all are compiled with the same options, for one run of clang-tidy each."""
    formed = []
    for name in names:
        text = source_tree.read(root, name)
        if ALONE.search(text):
            formed.append(([name], None))
            continue
        declared = declared_names(text)
        for members, taken in formed:
            if taken is not None and len(members) < MAX_SOURCES and not taken & declared:
                members.append(name)
                taken |= declared
                break
        else:
            formed.append(([name], declared))
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
    command = ['clang-tidy', '--quiet', str(path), '--', *options]
    result = subprocess.run(command, cwd=root, capture_output=True, check=False)
    path.unlink()
    return result.returncode == 0
