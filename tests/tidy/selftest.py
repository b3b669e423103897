"""Plants one violation after the other into a small clean tree, and sees that tidy reports each, and nothing else."""
import os
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))

CLEAN = {
    "CMakeLists.txt": "project(areg VERSION 0.1.0 LANGUAGES C)\n",
    ".clang-format": open(os.path.join(HERE, "../../.clang-format"), encoding="utf-8").read(),
    "include/areg.h": """/* The public header. */
#ifndef AREG_H
#define AREG_H

#define AREG_API
#define AREG_VERSION_MAJOR 0
#define AREG_VERSION_MINOR 1
#define AREG_VERSION_PATCH 0

/** What it does. */
AREG_API int areg_it(void);

#endif
""",
    "core/CMakeLists.txt": "areg_folder(core SOURCES it.c)\n",
    "core/it.h": "/* It. */\n#ifndef CORE_IT_H\n#define CORE_IT_H\n\nint it(void);\n\n#endif\n",
    "core/it.c": '#include "core/it.h"\n\n#include <stdio.h>\n\nint it(void)\n{\n    return EOF; /* not time() */\n}\n',
    "store/CMakeLists.txt": "areg_folder(store SOURCES store_lmdb.c store_memory.c)\n",
    "store/store.h": "/* Store. */\n#ifndef STORE_STORE_H\n#define STORE_STORE_H\n#endif\n",
    "store/store_lmdb.c": "/* Disk. */\n#include <unistd.h>\n\nint file(void);\n",
    "store/store_memory.c": "/* Memory. */\nint memory(void);\n",
    "dap/CMakeLists.txt": "areg_folder(dap SOURCES abd_answer.c)\n",
    "dap/abd_answer.c": '/* Answers. */\n#include "store/store.h"\n',
    "net/loop.h": "/* Loop. */\n#ifndef NET_LOOP_H\n#define NET_LOOP_H\n#endif\n",
    "tests/unit/core/CMakeLists.txt": "areg_unit_test(core it)\n",
    "tests/unit/core/test_it.c": '#include "core/it.h"\n',
    "README.md": "A tree to be judged.\n",
}


def header(path, body="", comment="/* A header. */\n"):
    guard = path.replace("/", "_").replace(".", "_").upper()
    return {path: f"{comment}#ifndef {guard}\n#define {guard}\n{body}#endif\n"}


def source(path, body):
    """A .c file, and the CMakeLists.txt that names it."""
    folder = os.path.dirname(path)
    return {path: "/* A source. */\n" + body, f"{folder}/CMakeLists.txt": f"f({os.path.basename(path)} it.c)\n"}


def function(lines):
    return "int f(void)\n{\n" + "    ;\n" * (lines - 2) + "}\n"


# rule, what is planted, words of the report
PLANTED = [
    ("floors", header("core/a.h", '#include "net/loop.h"\n'), "must not include net/"),
    ("floors", header("dap/a.h", '#include "store/record.h"\n') | header("store/record.h"), "must not include store/"),
    ("floors", header("sim/a.h", '#include "net/loop.h"\n'), "must not include net/"),
    ("floors", header("client/lib/a.h", '#include "client/cli/b.h"\n') | header("client/cli/b.h"), "client/cli/"),
    ("floors", header("client/a.h", '#include "client/lib/b.h"\n') | header("client/lib/b.h"), "client/lib/"),
    ("floors", {"dap/abd_answer.c": '/* A source. */\n#include "store.h"\n'}, "is no file"),
    ("floors", source("attic/a.c", "int a;\n"), "has no floor"),
    ("headers", source("core/a.c", "#include <unistd.h>\n"), "<unistd.h>"),
    ("headers", source("core/a.c", "#include <sodium/crypto_generichash.h>\n"), "<sodium/crypto_generichash.h>"),
    ("headers", source("store/store_memory.c", "#include <lmdb.h>\n") | {
        "store/CMakeLists.txt": CLEAN["store/CMakeLists.txt"]}, "<lmdb.h>"),
    ("headers", source("wire/a.c", "#include <isa-l.h>\n"), "<isa-l.h>"),
    ("headers", source("server/a.c", "#include <time.h>\n"), "<time.h>"),
    ("purity", source("dap/a.c", "int a = time(0);\n") | {"dap/abd_answer.c": CLEAN["dap/abd_answer.c"],
                                                         "dap/CMakeLists.txt": "f(a.c abd_answer.c)\n"}, "time()"),
    ("purity", source("client/a.c", "int a = rand();\n"), "rand()"),
    ("purity", source("codec/a.c", 'int a = printf("x");\n'), "printf()"),
    ("purity", source("server/a.c", "int a = pthread_self();\n"), "pthread_self()"),
    ("size", source("core/a.c", "int a;\n" * 800), "801 lines"),
    ("size", source("core/a.c", function(91)), "91 lines"),
    ("text", {"README.md": "No end"}, "does not end"),
    ("text", {"README.md": "TO" + "DO: write\n"}, "do it"),
    ("text", {"scripts/a.sh": "# FIX" + "ME\n"}, "do it"),
    ("text", {"scripts/a.sh": "# X" + "XX\n"}, "do it"),
    ("text", {"scripts/a.sh": "\techo\n"}, "a tab"),
    ("text", {"scripts/a.sh": "echo \n"}, "space at the end"),
    ("text", {"scripts/a.sh": "#" * 121 + "\n"}, "121 columns"),
    ("opening", header("core/a.h", comment=""), "opens with a comment"),
    ("opening", {"store/store_memory.c": "int memory(void);\n"}, "opens with a comment"),
    ("guards", {"core/a.h": "/* A. */\n#ifndef A_H\n#define A_H\n#endif\n"}, "CORE_A_H"),
    ("types", header("core/a.h", "typedef struct {\n    int a;\n} thing;\n"), "typedef"),
    ("cmake", {"core/a.c": "/* A. */\nint a;\n"}, "core/CMakeLists.txt"),
    ("cmake", {"core/CMakeLists.txt": "# it.c\n"}, "core/CMakeLists.txt"),
    ("cmake", {"tests/unit/core/test_a.c": "int a;\n"}, "tests/unit/core/CMakeLists.txt"),
    ("format", source("core/a.c", "int  a;\n"), "clang-format"),
    ("docs", {"include/areg.h": CLEAN["include/areg.h"].replace("/** What it does. */\n", "")}, "no comment"),
    ("docs", {"include/areg.h": CLEAN["include/areg.h"].replace("areg_it", "ares_it")}, "must begin with areg_"),
    ("standalone", header("core/a.h", "uint8_t a(void);\n"), "-std=c17"),
    ("standalone", {"include/areg.h": CLEAN["include/areg.h"].replace("it(void)", "it(int class)")}, "-std=c++17"),
    ("version", {"CMakeLists.txt": "project(areg VERSION 0.2.0 LANGUAGES C)\n"}, "0.2.0"),
]

# rule, the source of libareg.so, that of libareg_core.a, words of the report
PLANTED_BUILDS = [
    ("exports", "int areg_it(void); int areg_it(void) { return 0; } int leaked;", "", "leaked"),
    ("exports", "typedef int a;", "", "does not export areg_it"),
    ("globals", "int areg_it(void); int areg_it(void) { return 0; }", "static int hits; int f(void) { return ++hits; }",
     "hits"),
    ("globals", "int areg_it(void); int areg_it(void) { return 0; }", "int hits = 7;", "hits"),
]


def compile_planted(build, library, archive):
    os.makedirs(os.path.join(build, "lib"))
    os.makedirs(os.path.join(build, "core"))
    shared = os.path.join(build, "lib", "libareg.so")
    subprocess.run(["cc", "-fPIC", "-shared", "-x", "c", "-o", shared, "-"], input=library, text=True, check=True)
    part = os.path.join(build, "core", "it.o")
    # A table of pointers is constant, although it is relocated when it is loaded.
    archive += '\nconst char *const names[] = {"a", "b"};'
    subprocess.run(["cc", "-fPIC", "-c", "-x", "c", "-o", part, "-"], input=archive, text=True, check=True)
    subprocess.run(["ar", "rc", os.path.join(build, "core", "libareg_core.a"), part], check=True)


def judge(tidy, planted, libraries=None, rules=None):
    with tempfile.TemporaryDirectory() as root:
        for path, text in (CLEAN | planted).items():
            os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text)
        build = os.path.join(root, "build")
        if libraries:
            compile_planted(build, *libraries)
        return tidy.judge(tidy.Tree(root, build if libraries else None), rules)


def run(tidy):
    failed = 0
    found = judge(tidy, {}, ("int areg_it(void); int areg_it(void) { return 0; }", ""))
    if found:
        failed += 1
        print(f"the clean tree is blamed: {found}")
    cases = [(rule, planted, None, words) for rule, planted, words in PLANTED]
    cases += [(rule, {}, libraries, words) for rule, *libraries, words in PLANTED_BUILDS]
    for rule, planted, libraries, words in cases:
        # The slow rules have seen the clean tree, and see what is planted for them.
        rules = set(tidy.RULES) - tidy.SLOW_RULES | {rule}
        found = judge(tidy, planted, libraries, rules)
        expected = [f for f in found if f.rule == rule and words in f.message + f.path]
        if len(expected) != 1 or found != expected:
            failed += 1
            print(f"planted for [{rule}] {words!r}: reported {found or 'nothing'}")
    untested = set(tidy.RULES) - {case[0] for case in cases}
    if untested:
        failed += 1
        print(f"rules without a planted violation: {sorted(untested)}")
    print(f"selftest: {len(cases)} violations planted, {failed} failures")
    return 1 if failed else 0
