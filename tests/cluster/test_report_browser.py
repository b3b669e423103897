"""A report as a browser shows it. Without Chromium nothing is looked at, and CTest calls the test skipped."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import fake_runs
import harness

CHROMIUM = shutil.which("chromium")
SECONDS_MAX = 120  # of a browser that starts on a busy machine
SKIPPED = 77


class Browsers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        os.makedirs(harness.WORK_DIR, exist_ok=True)
        cls.dir = pathlib.Path(tempfile.mkdtemp(prefix="browser-", dir=harness.WORK_DIR))
        cls.addClassCleanup(shutil.rmtree, cls.dir, ignore_errors=True)  # where a browser may still be writing

    def browse(self, page, *flags):
        profile = tempfile.mkdtemp(dir=self.dir)
        command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                   "--disable-background-networking", "--disable-component-update", "--disable-sync",
                   f"--user-data-dir={profile}", *flags, f"file://{page}"]  # fmt: skip
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=SECONDS_MAX, check=True)

    def test_a_report_is_seen_and_its_tables_are_sorted(self):
        run = fake_runs.value_size(self.dir, repeats=2)
        harness.must(harness.run([harness.program("areg-lab"), "report", run, "-o", str(self.dir / "report.html")]))
        text = (self.dir / "report.html").read_text(encoding="utf-8")
        # As if somebody had clicked twice on the head of the column of sizes: the largest comes first.
        clicks = """<script>
            const head = document.querySelector('th[title=value_bytes]');
            head.firstChild.click(); head.firstChild.click();
            const rows = [...head.closest('table').tBodies[0].rows];
            document.title = rows.map(row => row.cells[head.cellIndex].textContent).join(' | ');
            </script>"""
        (self.dir / "clicked.html").write_text(text + clicks, encoding="utf-8")
        shot = self.dir / "shot.png"
        seen = self.browse(self.dir / "clicked.html", "--dump-dom", f"--screenshot={shot}").stdout.decode()
        sizes = re.search(r"<title>(.*?)</title>", seen).group(1).split(" | ")
        expected = ["4 MiB", "1 MiB", "256 KiB", "64 KiB", "16 KiB", "4 KiB", "1 KiB"]
        self.assertEqual(sizes, [size for size in expected for _ in range(4)])
        self.assertIn('aria-sort="descending"', seen)
        self.assertGreater(shot.stat().st_size, 20000, "a blank page is a few thousand bytes")


if __name__ == "__main__":
    if not CHROMIUM:
        print("skipped: there is no chromium (apt-get install chromium), so no page is looked at")
        sys.exit(SKIPPED)
    unittest.main()
