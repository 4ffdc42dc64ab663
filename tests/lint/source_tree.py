"""The tree that the lint checks look at: which files there are, and which headers they include."""

import argparse
import os
import pathlib
import re
import subprocess

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)
# A string or character literal, or a comment; the comments go, the literals become empty.
LITERAL_OR_COMMENT = re.compile(
    r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|//[^\n]*|/\*.*?\*/', re.DOTALL)


def parse_arguments(description):
    """The one option every check has: --root, the folder of the tree."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument('--root', type=pathlib.Path, help='the folder to look at',
                        default=pathlib.Path(__file__).resolve().parents[2])
    return parser.parse_args()


def _git_files(root):
    # What a commit could hold: tracked files and new ones that .gitignore does not name.
    command = ['git', '-C', str(root), 'ls-files', '-z', '--cached', '--others',
               '--exclude-standard']
    result = subprocess.run(command, capture_output=True, check=True, text=True)
    return [name for name in result.stdout.split('\0') if name]


def _walked_files(root):
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name != '.git' and not name.startswith('build')]
        for name in names:
            yield os.path.relpath(os.path.join(folder, name), root)


def files(root):
    """Paths of the tree's files relative to `root`, sorted."""
    names = _git_files(root) if (root / '.git').exists() else _walked_files(root)
    return sorted(name for name in names if (root / name).is_file())


def sources(root):
    """The C++ sources and headers among files()."""
    return [name for name in files(root) if name.endswith(('.cc', '.h'))]


def read(root, name):
    return (root / name).read_text(encoding='utf-8', errors='replace')


def interpreter(root, name):
    """'bash', 'python3' and so on for a script that starts with '#!', else ''."""
    with open(root / name, 'rb') as file:
        first = file.readline(200).decode('utf-8', errors='replace')
    if not first.startswith('#!'):
        return ''
    words = first[2:].split()
    return os.path.basename(words[-1] if words else '')


def includes(text):
    """(line, quote, path) for each include line; quote is '"' or '<'."""
    for match in INCLUDE.finditer(text):
        yield text.count('\n', 0, match.start(1)) + 1, match.group(1), match.group(2)


def code_only(text):
    """`text` without comments and without the insides of literals; line numbers stay."""
    def blank(match):
        found = match.group(0)
        filler = '\n' * found.count('\n')
        return f'{found[0]}{found[0]}{filler}' if found[0] in '"\'' else f' {filler}'
    return LITERAL_OR_COMMENT.sub(blank, text)


def report(findings):
    """Prints the findings; the exit status of the check."""
    for finding in findings:
        print(finding)
    return 1 if findings else 0
