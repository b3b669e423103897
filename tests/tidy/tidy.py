#!/usr/bin/env python3
"""Checks mechanically what can be checked of the project's style and architecture.

    tidy.py [--root DIR] [--build DIR]    judge the tree; with --build also what was built there
    tidy.py --selftest                    plant violations, see each of them reported

The tables below are the repository's statement of the architecture: which folder may include which, and who may use
which library. A violation prints as FILE:LINE: what is wrong [rule]. Exit code 0, or 1 if there is any.
"""
import argparse
import collections
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys

# A folder may include only lower floors and itself.
FLOORS = {
    "core": 0,
    "codec": 1, "wire": 1,
    "dap": 2, "store": 2,
    "reconfig": 3,
    "client": 4, "server": 4,
    "net": 5,
    "client/lib": 6, "sim": 6,
    "client/cli": 7, "server/daemon": 7, "reconfig/cli": 7,
    "lab": 8,
}
# But never these, although they are lower,
NEVER = {("sim", "net")}
# and these single headers too: the answering half of a DAP works inside a transaction of the store, and the admin's
# program uses the inside of libareg, since reconfigurations are no part of the public interface.
ALSO = {("dap", "store/store.h"), ("reconfig/cli", "client/lib/handle.h"), ("reconfig/cli", "client/cli/json.h")}

# Floors up to this one are pure: bytes and state in, bytes and state out.
PURE_FLOOR_MAX = 4
PURE_HEADERS = set("""areg.h assert.h ctype.h errno.h inttypes.h limits.h stdalign.h stdarg.h stdatomic.h stdbool.h
    stddef.h stdint.h stdio.h stdlib.h string.h""".split())
# The libraries of the pure floors: (file, header), both as regular expressions.
LIBRARY_HEADERS = [
    (r"core/digest\.c", r"sodium/crypto_generichash\.h"),
    (r"core/key\.c", r"sodium/crypto_shorthash\.h"),
    (r"core/standard_fds\.c", r"fcntl\.h|unistd\.h"),
    (r"codec/.*", r"isa-l(/\w+)?\.h|xxhash\.h"),
    (r"wire/seal\.c", r"xxhash\.h"),
    (r"wire/.*", r"msgpack(/\w+)?\.h"),
    (r"store/(store_lmdb\w*|fragment_file)\.c", r".*"),  # the one place that meets the disk: LMDB and POSIX
]
# What a pure file must not call: clocks, randomness, threads, I/O, the process.
IMPURE_CALLS = re.compile(r"""(?<![\w.>])(
    time|clock|clock_\w+|gettimeofday|localtime\w*|gmtime\w*|sleep|usleep|nanosleep|
    rand|srand|rand_r|random|srandom|drand48|getrandom|getentropy|arc4random\w*|
    pthread_\w+|thrd_\w+|mtx_\w+|fork|exec\w+|system|signal|sigaction|
    printf|vprintf|puts|putchar|fprintf|vfprintf|fputs|fputc|perror|fopen|fdopen|fclose|fread|fwrite|fflush|fgets|scanf|
    open|openat|close|read|write|pread|pwrite|mmap|unlink|rename|fsync|fdatasync|ioctl|fcntl|
    socket|bind|listen|accept|connect|send|sendto|sendmsg|recv|recvfrom|recvmsg|poll|select|epoll_\w+|zmq_\w+|
    getenv|setenv|putenv|exit|atexit|getpid|setlocale
    )\s*\(""", re.VERBOSE)
IMPURE_FILES = [
    r"store/(store_lmdb\w*|fragment_file)\.c",
    r"core/check\.c",  # says which claim failed before it aborts
    r"core/standard_fds\.c",  # what main() of each program begins with
    r"core/command_line\.c",  # prints help to the stream that a program gives it
]

FILE_LINES_MAX = 800
FUNCTION_LINES_MAX = 90
FUNCTION_LINES_WARN = 70
COLUMNS_MAX = 120
BANNED_WORDS = ["TO" + "DO", "FIX" + "ME", "X" + "XX"]

C_NAMES = (".c", ".h")
CODE_NAMES = C_NAMES + (".py", ".sh", ".cmake", "CMakeLists.txt", ".in")
TEXT_NAMES = CODE_NAMES + (".md", ".conf", ".json", ".txt", ".supp", ".service", ".yml")

Violation = collections.namedtuple("Violation", "path line message rule")


class Tree:
    """The files of the project below a root, read once."""

    def __init__(self, root, build=None):
        self.root = root
        self.build = build
        self.text = {}
        self.notices = []
        for folder, folders, names in os.walk(root):
            inner = os.path.relpath(folder, root)
            folders[:] = sorted(f for f in folders if not f.startswith(".") and not (inner == "." and f == "build"))
            for name in sorted(names):
                if name.endswith(TEXT_NAMES):
                    path = os.path.normpath(os.path.join(inner, name))
                    with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
                        self.text[path] = file.read()

    def files(self, names, under=""):
        return [path for path in self.text if path.endswith(names) and path.startswith(under)]

    def code(self, path):
        """The file without its comments and the content of its strings, line for line; includes stay."""
        pattern = re.compile(r'/\*.*?\*/|//[^\n]*|^\s*#\s*include[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'',
                             re.DOTALL | re.MULTILINE)

        def blank(match):
            found = match.group(0)
            if "include" in found and found.lstrip().startswith("#"):
                return found
            return '""' if found[0] == '"' else "0" if found[0] == "'" else "\n" * found.count("\n")

        return pattern.sub(blank, self.text[path])


def folder_of(path):
    """The architecture's folder that a file belongs to; None for tests, the public header and the rest."""
    parts = path.split("/")[:-1]
    for length in range(len(parts), 0, -1):
        if "/".join(parts[:length]) in FLOORS:
            return "/".join(parts[:length])
    return None


def is_pure(path):
    folder = folder_of(path)
    return folder is not None and FLOORS[folder] <= PURE_FLOOR_MAX


def matches_any(patterns, path):
    return any(re.fullmatch(pattern, path) for pattern in patterns)


def numbered(text):
    return enumerate(text.split("\n"), 1)


def includes_of(tree, path):
    for line, text in numbered(tree.code(path)):
        match = re.match(r'\s*#\s*include\s*(["<])([^">]+)[">]', text)
        if match:
            yield line, match.group(1) == "<", match.group(2)


# ---------------------------------------------------------------- architecture


def rule_floors(tree):
    for path in tree.files(C_NAMES):
        folder = folder_of(path)
        for line, is_system, header in includes_of(tree, path):
            is_sibling = path.startswith("tests/") and f"{os.path.dirname(path)}/{header}" in tree.text
            if is_system or is_sibling:
                continue
            if header not in tree.text:
                yield path, line, f'"{header}" is no file of this project; write the path from its top'
                continue
            if folder is None:
                continue
            other = folder_of(header)
            if other is None:
                yield path, line, f'"{header}" is in no folder of the architecture'
            elif other == folder or (folder, header) in ALSO:
                continue
            elif FLOORS[other] >= FLOORS[folder] or (folder, other) in NEVER:
                floors = FLOORS[folder], FLOORS[other]
                yield path, line, f"{folder}/ (floor {floors[0]}) must not include {other}/ (floor {floors[1]})"
    for path in tree.files((".c",)):
        if folder_of(path) is None and not path.startswith("tests/") and path.count("/") > 0:
            yield path, 1, "this folder has no floor"


def rule_headers(tree):
    for path in filter(is_pure, tree.files(C_NAMES)):
        for line, is_system, header in includes_of(tree, path):
            if not is_system or header in PURE_HEADERS:
                continue
            if not any(re.fullmatch(who, path) and re.fullmatch(what, header) for who, what in LIBRARY_HEADERS):
                yield path, line, f"<{header}> is not for this file: floors 0 to {PURE_FLOOR_MAX} are pure"


def rule_purity(tree):
    for path in filter(is_pure, tree.files(C_NAMES)):
        if matches_any(IMPURE_FILES, path):
            continue
        for line, text in numbered(tree.code(path)):
            for match in IMPURE_CALLS.finditer(text):
                yield path, line, f"{match.group(1)}(): time, randomness, threads and I/O belong to drivers"


def rule_globals(tree):
    """What the pure folders' libraries hold in writable memory."""
    if not tree.build or not shutil.which("objdump"):
        return
    for folder, floor in FLOORS.items():
        library = os.path.join(tree.build, folder, f"libareg_{folder}.a")
        if floor > PURE_FLOOR_MAX or not os.path.exists(library):
            continue
        symbols = subprocess.run(["objdump", "-t", library], capture_output=True, text=True, check=True).stdout
        for symbol in re.findall(r" O (?:\.data|\.bss)(?:\.(?!rel\.ro)\S*)?\s+\S+\s+(.*)", symbols):
            yield folder, 0, f"{symbol} is a mutable global"


def rule_exports(tree):
    library = tree.build and os.path.join(tree.build, "lib", "libareg.so")
    if not library or not os.path.exists(library):
        return
    listed = subprocess.run(["nm", "-D", "--defined-only", library], capture_output=True, text=True, check=True).stdout
    # "VALUE TYPE NAME@@VERSION"; a version itself is an absolute symbol.
    exported = {name.split("@")[0] for _, kind, name in map(str.split, listed.splitlines()) if kind != "A"}
    declared = {name for _, name in public_functions(tree)}
    for name in sorted(exported - declared):
        yield "include/areg.h", 0, f"libareg.so exports {name}, which is no public function"
    for name in sorted(declared - exported):
        yield "include/areg.h", 0, f"libareg.so does not export {name}"


# ---------------------------------------------------------------- files


def rule_size(tree):
    for path in tree.files(C_NAMES):
        lines = tree.text[path].split("\n")
        if len(lines) - 1 > FILE_LINES_MAX:
            yield path, len(lines) - 1, f"the file has {len(lines) - 1} lines, more than {FILE_LINES_MAX}"
        begin = None
        for line, text in enumerate(lines, 1):
            if text == "{":
                begin = line
            elif text == "}" and begin is not None:
                length = line - begin + 1
                if length > FUNCTION_LINES_MAX:
                    yield path, begin, f"the function has {length} lines, more than {FUNCTION_LINES_MAX}"
                elif length > FUNCTION_LINES_WARN:
                    tree.notices.append(f"{path}:{begin}: the function has {length} lines")
                begin = None


def rule_text(tree):
    for path in tree.text:
        text = tree.text[path]
        if text and not text.endswith("\n"):
            yield path, text.count("\n") + 1, "the last line does not end"
        for line, content in numbered(text):
            for word in BANNED_WORDS:
                if re.search(rf"\b{word}\b", content):
                    yield path, line, f"{word}: do it, or leave it"
            if not path.endswith(CODE_NAMES):
                continue
            if "\t" in content:
                yield path, line, "a tab"
            if content != content.rstrip():
                yield path, line, "space at the end of the line"
            columns = len(content.rstrip(" \\"))  # clang-format aligns a macro's backslashes beyond its longest line
            if columns > COLUMNS_MAX:
                yield path, line, f"{columns} columns, more than {COLUMNS_MAX}"


def rule_opening(tree):
    for path in tree.files(C_NAMES):
        if path.startswith("tests/unit/") or (path.endswith(".c") and path[:-2] + ".h" in tree.text):
            continue
        if not tree.text[path].startswith("/*"):
            yield path, 1, "a file opens with a comment: what it is for, what it must never do"


def rule_guards(tree):
    for path in tree.files((".h",)):
        name = path.removeprefix("include/")
        guard = re.sub(r"\W", "_", name).upper()
        # A test's header is seen by one folder alone.
        begin = r"\w*" if name.startswith("tests/") else ""
        end = re.sub(r"\W", "_", os.path.basename(name)).upper() if begin else guard
        if not re.search(rf"^#ifndef ({begin}{end})\n#define \1$", tree.text[path], re.MULTILINE):
            yield path, 1, f"the include guard is {guard}"


def rule_types(tree):
    for path in tree.files(C_NAMES):
        for line, text in numbered(tree.code(path)):
            if re.match(r"\s*typedef\s+(struct|union|enum)\b", text):
                yield path, line, "a typedef of a struct, union or enum"


def rule_cmake(tree):
    """Every .c is named by the nearest CMakeLists.txt above it; a unit test by its name alone."""
    for path in tree.files((".c",)):
        folder = os.path.dirname(path)
        while folder and f"{folder}/CMakeLists.txt" not in tree.text:
            folder = os.path.dirname(folder)
        lists = f"{folder}/CMakeLists.txt" if folder else "CMakeLists.txt"
        words = re.findall(r"[\w./-]+", re.sub(r"#.*", "", tree.text.get(lists, "")))
        name = os.path.basename(path)
        if not {os.path.basename(word) for word in words} & {name, name.removeprefix("test_").removesuffix(".c")}:
            yield path, 1, f"{lists} does not name it"


def rule_format(tree):
    files = tree.files(C_NAMES)
    if not files:
        return
    if not shutil.which("clang-format"):
        tree.notices.append("clang-format is not installed: layout not checked")
        return
    result = subprocess.run(["clang-format", "--style=file", "--dry-run", *files], cwd=tree.root, capture_output=True,
                            text=True, check=False)
    for path in dict.fromkeys(re.findall(r"^(\S+?):\d+:\d+: warning:", result.stderr, re.MULTILINE)):
        yield path, 0, "not as clang-format lays it out: run scripts/format.sh"


# ---------------------------------------------------------------- headers


def public_functions(tree):
    text = tree.text.get("include/areg.h", "")
    for match in re.finditer(r"^AREG_API\b[^;]*?(\w+)\(", text, re.MULTILINE):
        yield text.count("\n", 0, match.start()) + 1, match.group(1)


def rule_docs(tree):
    lines = tree.text.get("include/areg.h", "").split("\n")
    for line, name in public_functions(tree):
        if line < 2 or not lines[line - 2].endswith("*/"):
            yield "include/areg.h", line, f"{name}() has no comment above it"
        if not name.startswith("areg_"):
            yield "include/areg.h", line, f"{name}() is public and must begin with areg_"


def compiles(tree, compiler, options, header):
    source = f'#include "{header}"\n' * 2
    command = [*compiler, *options, "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-I.", "-Iinclude", "-"]
    result = subprocess.run(command, cwd=tree.root, input=source, capture_output=True, text=True, check=False)
    errors = [line for line in result.stderr.splitlines() if "error:" in line]
    return None if result.returncode == 0 else (errors or [result.stderr.strip()])[0]


def rule_standalone(tree):
    """Each header compiles alone, and twice; the public one in the oldest C and C++ that it promises."""
    jobs = [(path, ["cc", "-x", "c"], ["-std=c17", "-D_GNU_SOURCE"]) for path in tree.files((".h",))]
    if "include/areg.h" in tree.text:
        jobs.append(("include/areg.h", ["cc", "-x", "c"], ["-std=c11", "-pedantic"]))
        jobs.append(("include/areg.h", ["c++", "-x", "c++"], ["-std=c++17", "-pedantic"]))
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        errors = pool.map(lambda job: compiles(tree, job[1], job[2], job[0]), jobs)
        for (path, _, options), error in zip(jobs, errors):
            if error:
                yield path, 1, f"does not compile alone with {options[0]}: {error}"


def rule_version(tree):
    stated = re.search(r"project\(areg VERSION ([\d.]+)", tree.text.get("CMakeLists.txt", ""))
    header = re.findall(r"#define AREG_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", tree.text.get("include/areg.h", ""))
    if stated and header and stated.group(1) != ".".join(header):
        yield "include/areg.h", 1, f"version {'.'.join(header)}, but CMakeLists.txt says {stated.group(1)}"


RULES = {name.removeprefix("rule_"): rule for name, rule in globals().items() if name.startswith("rule_")}


# Those that start other programs.
SLOW_RULES = {"format", "standalone", "exports", "globals"}


def judge(tree, rules=None):
    return [Violation(*found, name) for name, rule in RULES.items() if name in (rules or RULES) for found in rule(tree)]


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--root", default=os.path.normpath(os.path.join(here, "..", "..")))
    parser.add_argument("--build")
    parser.add_argument("--selftest", action="store_true")
    options = parser.parse_args()
    if options.selftest:
        sys.path.insert(0, here)
        sys.dont_write_bytecode = True
        import selftest  # pylint: disable=import-outside-toplevel
        return selftest.run(sys.modules[__name__])

    tree = Tree(options.root, options.build)
    violations = judge(tree)
    for violation in violations:
        print(f"{violation.path}:{violation.line}: {violation.message} [{violation.rule}]")
    for notice in tree.notices:
        print(f"notice: {notice}")
    print(f"tidy: {len(tree.text)} files, {len(RULES)} rules, {len(violations)} violations")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
