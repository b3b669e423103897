"""The demo is a story that comes to a good end."""

import pathlib
import unittest

import harness

SOURCE_DIR = pathlib.Path(__file__).parents[2]


class Demo(unittest.TestCase):
    def run_demo(self, *flags):
        return harness.run([str(SOURCE_DIR / "scripts" / "demo.sh"), *flags], seconds_max=300)

    def test_hosts_and_codes_change_under_load_and_no_operation_fails(self):
        result = self.run_demo("--quick")
        text = result.stdout.decode()
        self.assertEqual(result.returncode, 0, text + result.stderr.decode())
        for configuration in ("c1 rs:5,3", "c2 rs:5,3 on s1 s2 s6 s4 s5", "c3 rs:9,5"):
            self.assertIn(configuration, text)
        self.assertRegex(text, r"[1-9]\d* operations .*; 0 failed without effect, 0 of unknown outcome")
        self.assertIn("linearizable by versions, and by values alone", text)

    def test_a_flag_that_is_not_there_is_refused(self):
        self.assertEqual(self.run_demo("--fast").returncode, 2)


if __name__ == "__main__":
    harness.main()
