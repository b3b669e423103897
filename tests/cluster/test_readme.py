"""What README.md and the pages of docs/ show works as it stands: commands, what they print, and an example in C."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import harness

SOURCE_DIR = pathlib.Path(__file__).parents[2]
README = (SOURCE_DIR / "README.md").read_text()


def block(heading, language):
    """The first code block of a language below a heading."""
    below = README.split(f"\n## {heading}\n", 1)[1]
    return re.search(rf"```{language}\n(.*?)```", below, re.DOTALL).group(1)


def commands_on_a_cluster():
    """The commands of the five minutes, but for those that build and that set the path: this build stands for them."""
    lines = block("Five minutes", "sh").splitlines()
    kept = [line for line in lines if not line.startswith(("./scripts/", "export PATH="))]
    assert len(lines) - len(kept) == 2, lines
    return kept


def console(page):
    """The commands of a page's boxes, each with the lines that it is said to print."""
    commands = []
    for box in re.findall(r"```console\n(.*?)```", page, re.DOTALL):
        for line in box.splitlines():
            if line.startswith("$ "):
                commands.append((line[2:], []))
            elif line.startswith("> ") and not commands[-1][1]:
                commands[-1] = (f"{commands[-1][0]}\n{line[2:]}", [])
            else:
                commands[-1][1].append(line)
    return commands


def without_chance(lines):
    """What is the same each time: without sizes, times, ports and names that are drawn."""
    kept = []
    for line in lines:
        if re.match(r"areg-reconfig: \w+: [a-z ]+: \d.* registers, ", line):
            continue  # how far it is, if it takes a while
        for pattern, name in (
            (r"127\.0\.0\.1:\d+", "ADDRESS"), (r"\bp-[0-9a-f]{10}\b", "PLAN"), (r"\blab-[0-9a-f]{8}\b", "CLUSTER"),
            (r"\d+(\.\d+)? ([kKMGT]i?)?B\b", "SIZE"), (r"\d{4}-\d\d-\d\dT[\d:]+(\.\d+)?Z", "TIME"),
            (r"; by \S+@[^\s:]+", "; by SOMEBODY"), (r"\d+ of (its )?\d+ slices, \d+ registers", "SLICES"),
            (r"shard \d+ knows", "shard N knows"), (r" {2,}", " "),
        ):  # fmt: skip
            line = re.sub(pattern, name, line)
        kept.append(line.rstrip())
    return kept


def is_as_shown(printed, shown):
    """Whether lines are as shown, where "..." stands for any number of them."""
    if not shown:
        return not printed
    if shown[0] == "...":
        return any(is_as_shown(printed[i:], shown[1:]) for i in range(len(printed) + 1))
    return bool(printed) and printed[0] == shown[0] and is_as_shown(printed[1:], shown[1:])


class Readme(unittest.TestCase):
    def setUp(self):
        harness.WORK_DIR.mkdir(parents=True, exist_ok=True)
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="readme-", dir=harness.WORK_DIR))
        shutil.copy(SOURCE_DIR / "README.md", self.directory)
        (self.directory / "tests").symlink_to(SOURCE_DIR / "tests")
        self.addCleanup(shutil.rmtree, self.directory)
        self.addCleanup(self.end_hosts)

    def end_hosts(self):
        """Also if the shell that started them was killed for being slow."""
        harness.run([harness.program("areg-lab"), "down", "-q", "--dir", str(self.directory / "areg-cluster")])

    def run_script(self, lines):
        """In a shell, in the test's directory, with the programs in the path; whatever it started is ended."""
        script = "\n".join(["set -e", f"cd '{self.directory}'", f"export PATH='{harness.BIN_DIR}':\"$PATH\"",
                            "trap 'areg-lab down -q >/dev/null 2>&1 || :' EXIT", *lines])
        environment = os.environ | {"XDG_CACHE_HOME": str(self.directory / "cache")}
        return subprocess.run(["bash", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=180,
                              env=environment, text=True)

    def run_page(self, name):
        """All boxes of a page, one after the other, in one shell."""
        commands = console((SOURCE_DIR / "docs" / name).read_text())
        lines = ["set +e"]
        for i, (command, _) in enumerate(commands):
            lines += [f"echo '@@ {i}'", command]
        outputs = re.split(r"^@@ \d+\n", self.run_script(lines).stdout, flags=re.MULTILINE)[1:]
        self.assertEqual(len(outputs), len(commands))
        for (command, shown), output in zip(commands, outputs):
            printed = output.splitlines()
            if not is_as_shown(without_chance(printed), without_chance(shown)):
                self.fail("\n".join([f"docs/{name} shows of: {command}", *shown, "but it prints:", *printed]))

    def test_the_five_minutes_work_as_they_are_shown(self):
        result = self.run_script(commands_on_a_cluster())
        self.assertEqual(result.returncode, 0, result.stdout)
        self.assertIn("hello, world", result.stdout)
        notes = pathlib.Path("/tmp/notes.md")
        self.assertEqual(notes.read_text(), README)
        notes.unlink()

    def test_the_example_in_c_writes_and_reads(self):
        (self.directory / "app.c").write_text(block("Five minutes", "c"))
        library_dir = harness.BIN_DIR.parent / "lib"
        start = next(line for line in commands_on_a_cluster() if "areg-lab up" in line)
        result = self.run_script([
            f"cc app.c -I'{SOURCE_DIR}/include' -L'{library_dir}' -Wl,-rpath,'{library_dir}' -lareg -o app",
            start, "./app"])
        self.assertEqual(result.returncode, 0, result.stdout)
        self.assertTrue(result.stdout.rstrip().endswith("hello"), result.stdout)

    def test_reconfiguration_is_as_its_page_shows(self):
        self.run_page("reconfiguration.md")

    def test_operations_are_as_their_page_shows(self):
        self.run_page("operations.md")

    def test_experiments_are_as_their_page_shows(self):
        self.run_page("experiments.md")

    def test_the_commands_of_the_simulators_page_work(self):
        page = (SOURCE_DIR / "docs" / "simulator.md").read_text()
        lines = "\n".join(re.findall(r"```sh\n(.*?)```", page, re.DOTALL)).splitlines()
        planted = [line for line in lines if "--plant " in line]
        self.assertEqual(len(planted), 1)
        result = self.run_script([line for line in lines if line not in planted])
        self.assertEqual(result.returncode, 0, result.stdout)
        self.assertIn("no difference", result.stdout)
        self.assertIn("BROKEN", self.run_script(planted).stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
