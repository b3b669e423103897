"""Hosts that are killed and come back: what clients see of it, and what must be there afterwards."""

import time
import unittest

import harness

KEYS = ["--keys", "50", "--value", "16KiB"]


class Crashes(unittest.TestCase):
    def test_the_kill_of_any_one_host_fails_no_operation(self):
        with harness.Cluster(name="kill-one") as cluster:
            history = cluster.dir / "load.jsonl"
            bench = cluster.bench_begin("--mix", "a", *KEYS, "--clients", 8, "--run", "1h", "--history", history)
            harness.wait_for_progress(history, ["read"])  # there is none while keys are written for the first time
            deadline = time.monotonic() + harness.load_seconds(0)
            while True:
                for host in cluster.ids:
                    cluster.kill(host)
                    harness.wait_for_progress(history)
                    time.sleep(0.3)
                    cluster.start_hosts(host)
                    harness.wait_for_progress(history)
                    # What was written meanwhile must reach the host that was away before another one goes: a host
                    # that missed a value does not count among those that have it.
                    time.sleep(0.2)
                if time.monotonic() >= deadline:
                    break
            result = cluster.bench_end(bench)
            for kind in ("read", "write"):
                self.assertGreater(result[kind]["ok"], 0)
                self.assertEqual(result[kind]["errors"], {})
            verdict = cluster.check(history, flags=["--expect-no-failures"])
            self.assertTrue(verdict["linearizable"])

    def test_a_frozen_host_fails_no_operation(self):
        with harness.Cluster(name="freeze-one") as cluster:
            history = cluster.dir / "load.jsonl"
            bench = cluster.bench_begin("--mix", "a", *KEYS, "--clients", 8, "--run", "1h", "--history", history)
            harness.wait_for_progress(history, ["read"])
            for host in ("s1", "s5"):
                cluster.pause(host)
                harness.wait_for_progress(history)
                time.sleep(0.5)
                cluster.resume(host)
                harness.wait_for_progress(history)
            cluster.bench_end(bench)
            self.assertTrue(cluster.check(history, flags=["--expect-no-failures"])["linearizable"])

    def test_without_a_quorum_operations_fail_in_time_and_go_on_after_it_is_back(self):
        with harness.Cluster(name="kill-two") as cluster:
            history = cluster.dir / "load.jsonl"
            bench = cluster.bench_begin(
                "--mix", "a", *KEYS, "--clients", 8, "--timeout", 1000, "--run", "1h", "--history", history
            )
            harness.wait_for_progress(history, ["read"])
            cluster.kill("s2", "s4")
            killed_ns = time.monotonic_ns()
            patient = cluster.areg_begin("put", "patience", "rewarded", "--timeout", 30000)
            time.sleep(2.5)
            self.assertIsNone(patient.poll(), "a write without a quorum waits")
            back_ns = time.monotonic_ns()
            cluster.start_hosts("s2", "s4")
            harness.wait_for_progress(history)
            harness.must(harness.finish(patient, 30))
            self.assertEqual(harness.must(cluster.areg("get", "patience")).stdout, b"rewarded")
            result = cluster.bench_end(bench)

            self.assertLessEqual(set(result["read"]["errors"]), {"AREG_EUNAVAIL"})
            self.assertLessEqual(set(result["write"]["errors"]), {"AREG_EUNAVAIL", "AREG_EMAYBE"})
            self.assertGreater(result["read"]["failed"], 0)
            self.assertGreater(result["write"]["failed"] + result["write"]["unknown"], 0)
            self.assertTrue(cluster.check(history)["linearizable"])
            for operation in harness.read_history(history):
                if operation["status"] == "ok" and killed_ns < operation["start_ns"] < back_ns:
                    self.assertGreater(operation["end_ns"], back_ns, "nothing completes without a quorum")
                if operation["status"] == "fail":
                    waited_ns = operation["end_ns"] - operation["start_ns"]
                    self.assertLess(waited_ns, 3e9, "an operation ends near its deadline")

    def test_acknowledged_writes_survive_the_kill_of_all_hosts(self):
        with harness.Cluster(name="kill-all") as cluster:
            written = cluster.dir / "written.jsonl"
            bench = cluster.bench_begin(
                "--mix", "w", *KEYS, "--clients", 8, "--depth", 4, "--timeout", 1000, "--run", "1h",
                "--history", written,
            )  # fmt: skip
            deadline = time.monotonic() + harness.load_seconds(2)
            while time.monotonic() < deadline:
                harness.wait_for_progress(written)
                time.sleep(0.3)
                cluster.kill()
                cluster.start_hosts()
            harness.wait_for_progress(written)
            cluster.kill()
            cluster.bench_end(bench)
            cluster.start_hosts()
            found = cluster.dir / "found.jsonl"
            cluster.bench("--mix", "c", *KEYS, "--no-fill", "--ops", 2000, "--history", found, "--first-client", 100)
            self.assertTrue(cluster.check(written, found)["linearizable"])

            # The same, said without the checker: no key is older than the newest write that was acknowledged.
            acknowledged = {}
            for operation in harness.read_history(written):
                if operation["status"] == "ok":
                    key = operation["key"]
                    acknowledged[key] = max(acknowledged.get(key, (0, 0)), operation["version"])
            versions = {}
            for operation in harness.read_history(found):
                versions.setdefault(operation["key"], []).append(operation["version"])
            self.assertEqual(len(acknowledged), 50)
            for key, version in acknowledged.items():
                self.assertGreaterEqual(min(versions[key]), version, key)


if __name__ == "__main__":
    harness.main()
