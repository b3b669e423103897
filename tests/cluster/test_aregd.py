#!/usr/bin/env python3
"""The program aregd as its users meet it: flags, exit codes, signals, and what it says."""
import json
import os
import signal
import socket
import subprocess
import tempfile
import unittest

AREGD = os.path.join(os.environ["AREG_BIN_DIR"], "aregd")
PATIENCE_S = 30


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class AregdTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory(prefix="areg-test-")
        self.processes = []
        address = f"tcp://127.0.0.1:{free_port()}"
        self.write("genesis.conf", f'cluster = "c"; hosts = ( {{ id = "s1"; addr = "{address}"; }} );'
                                   'pools = ( { name = "p"; code = "rs:1,1"; } );')
        self.write("aregd.conf", 'id = "s1"; data = "data"; genesis = "genesis.conf";')

    def tearDown(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
            process.stderr.close()
        self.directory.cleanup()

    def path(self, name):
        return os.path.join(self.directory.name, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def run_aregd(self, *flags, **environment):
        return subprocess.run([AREGD, *flags], capture_output=True, text=True, timeout=PATIENCE_S,
                              env=os.environ | environment, check=False)

    def start(self, *flags):
        """Start a host; returns when it says that it is ready."""
        ready, write_end = os.pipe()
        process = subprocess.Popen([AREGD, "-c", self.path("aregd.conf"), "--ready-fd", str(write_end), *flags],
                                   stderr=subprocess.PIPE, text=True, pass_fds=[write_end])
        self.processes.append(process)
        os.close(write_end)
        with os.fdopen(ready) as pipe:
            self.assertEqual(pipe.read(), "ready\n")
        return process

    def finish(self, process, number=signal.SIGTERM):
        """End a host; its exit code and its log."""
        process.send_signal(number)
        _, log = process.communicate(timeout=PATIENCE_S)
        return process.returncode, log

    def await_line(self, process, words):
        """Read the log up to the line with these words."""
        for line in process.stderr:
            if words in line:
                return line
        self.fail(f"the log ended without {words!r}")

    def test_help_shows_examples_and_version_the_version(self):
        result = self.run_aregd("--help")
        self.assertEqual(result.returncode, 0)
        self.assertIn("examples:", result.stdout)
        self.assertRegex(self.run_aregd("--version").stdout, r"^aregd \d+\.\d+\.\d+\n$")

    def test_mistakes_exit_with_2_and_say_what_was_meant(self):
        for flags, words in [
            (["--genesi", "x"], "did you mean --genesis?"),
            (["serve"], 'not "serve"'),
            ([], "no id: give --id"),
            (["-c", "/nonexistent"], "/nonexistent: No such file"),
            (["-c", self.path("aregd.conf"), "--genesis", "/nonexistent"], "/nonexistent: No such file"),
            (["-c", self.path("aregd.conf"), "--sync", "sometimes"], "--sync: storage.sync must be batch or none"),
            (["-c", self.path("aregd.conf"), "--join", "tcp://h:1"], "a host is in genesis, or joins"),
            (["-c", self.path("aregd.conf"), "--id", "s2"], 'there is no host "s2"'),
        ]:
            result = self.run_aregd(*flags)
            self.assertEqual(result.returncode, 2, result.stderr)
            self.assertIn(words, result.stderr)

    def test_check_explains_every_setting_with_its_origin(self):
        result = self.run_aregd("--check", "-c", self.path("aregd.conf"), "--log-level", "debug",
                                AREG_STORAGE_QUOTA="3 GiB")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertRegex(result.stdout, r"id +s1 +\S*aregd.conf:1")
        self.assertRegex(result.stdout, r"storage.quota +3 GiB +AREG_STORAGE_QUOTA")
        self.assertRegex(result.stdout, r"log.level +debug +--log-level")
        self.assertRegex(result.stdout, r"storage.sync +batch +default")
        self.assertIn('cluster "c", 1 hosts', result.stdout)
        self.write("aregd.conf", '\nid = "s1";\nstorage: { quta = "1 GiB"; };\n')
        result = self.run_aregd("--check", "-c", self.path("aregd.conf"))
        self.assertEqual(result.returncode, 2)
        self.assertIn('aregd.conf:3: unknown setting "quta" (did you mean "quota"?)', result.stderr)

    def test_term_and_int_end_it_with_0(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            code, log = self.finish(self.start(), number)
            self.assertEqual(code, 0, log)
            self.assertIn("stopped", log)

    def test_it_starts_after_kill_9_as_the_same_host(self):
        _, log = self.finish(self.start(), signal.SIGKILL)
        first = log.split("incarnation ")[1].split()[0]
        code, log = self.finish(self.start())
        self.assertEqual(code, 0, log)
        self.assertIn(f"incarnation {first}", log)

    def test_a_second_one_on_the_same_directory_or_address_exits_with_1(self):
        self.start()
        result = self.run_aregd("-c", self.path("aregd.conf"))
        self.assertEqual(result.returncode, 1)
        self.assertIn("in use by another process", result.stderr)
        result = self.run_aregd("-c", self.path("aregd.conf"), "--data", self.path("other"))
        self.assertEqual(result.returncode, 1)
        self.assertIn("in use by another process", result.stderr)

    def test_hup_reloads_what_can_be_and_tells_what_can_not(self):
        process = self.start()
        self.write("aregd.conf", 'id = "s1"; data = "data"; genesis = "genesis.conf"; storage: { quota = "7 MiB"; };'
                                 'log: { level = "debug"; };')
        process.send_signal(signal.SIGHUP)
        self.assertIn("log.level has changed", self.await_line(process, "next start"))
        self.assertIn("quota 7 MiB", self.await_line(process, "settings reloaded"))
        process.send_signal(signal.SIGUSR1)
        status = json.loads(self.await_line(process, "status {").split("status ", 1)[1])
        self.assertEqual(status["store"]["quota_bytes"], 7 << 20)
        self.write("aregd.conf", "broken = ;")
        process.send_signal(signal.SIGHUP)
        self.assertIn("aregd.conf:1: syntax error", self.await_line(process, "settings are unchanged"))
        self.assertEqual(self.finish(process)[0], 0)

    def test_the_log_can_be_json_with_the_status_in_it(self):
        process = self.start("--log-format", "json", "--sync", "none")
        process.send_signal(signal.SIGUSR1)
        status = json.loads(self.await_line(process, '"message":"status"'))["object"]
        self.assertEqual((status["v"], status["host"], status["sync"]), (1, "s1", "none"))
        _, log = self.finish(process)
        for line in log.splitlines():
            self.assertEqual(json.loads(line)["host"], "s1")


if __name__ == "__main__":
    unittest.main()
