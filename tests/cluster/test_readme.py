"""What README.md shows works as it stands: the commands of its five minutes, and its example in C."""

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


class Readme(unittest.TestCase):
    def setUp(self):
        harness.WORK_DIR.mkdir(parents=True, exist_ok=True)
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="readme-", dir=harness.WORK_DIR))
        shutil.copy(SOURCE_DIR / "README.md", self.directory)
        (self.directory / "tests").symlink_to(SOURCE_DIR / "tests")
        self.addCleanup(shutil.rmtree, self.directory)

    def run_script(self, lines):
        """In a shell, in the test's directory, with the programs in the path; whatever it started is ended."""
        script = "\n".join(["set -e", f"cd '{self.directory}'", f"export PATH='{harness.BIN_DIR}':\"$PATH\"",
                            "trap 'areg-lab down -q >/dev/null 2>&1 || :' EXIT", *lines])
        return subprocess.run(["bash", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60,
                              text=True)

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
