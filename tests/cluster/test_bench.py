"""
What areg-lab bench measures: that it is true, and that it is the cluster's.

The two tests of Omission are an illustration, too. A cluster that stands still for a second makes everybody wait who
wants something of it meanwhile. A closed loop wants nothing while it waits: it asks again when it has its answer, so
the second counts once for each client, among thousands of quick answers, and 99.9 % of them are as quick as ever. Users
do not wait for each other; an open loop asks when they would, and counts the time from then on. This is what Gil Tene
calls coordinated omission.
"""

import csv
import json
import os
import pty
import signal
import subprocess
import threading
import time
import unittest

import harness


def line_count(path):
    with open(path, "rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


class Truth(unittest.TestCase):
    def assert_hosts_count_the_same(self, cluster, group, counter, kind, *load):
        """Count at the hosts, by their own counters and our own clock, what the load is told to be its throughput."""

        def count():
            counts = [host["status"][group][counter] for host in cluster.status().values()]
            return sum(counts) / len(counts)

        begin = count()
        samples = [(time.monotonic(), begin)]
        child = cluster.bench_begin("--closed", "--no-fill", "--keys", 100, "--run", "2s", *load)
        while child.poll() is None:
            samples.append((time.monotonic(), count()))
        result = json.loads(harness.must(harness.finish(child, 30)).stdout)
        harness.wait_until(lambda: count() == count(), 10, "nothing is under way any more")
        end = count()
        self.assertAlmostEqual(end - begin, result[kind]["ok"], delta=0.1 * result[kind]["ok"])
        # From the last sample that knows of nothing to the first one that knows of all, but those last under way.
        begin_s = max(when for when, seen in samples if seen <= begin)
        end_s = min([when for when, seen in samples if seen > end - result["clients"]] or [samples[-1][0]])
        at_hosts = (end - begin) / (end_s - begin_s)
        print(f"{kind}s: {result[kind]['per_second']:.0f}/s here, {at_hosts:.0f}/s at the hosts")
        self.assertAlmostEqual(at_hosts, result[kind]["per_second"], delta=0.1 * result[kind]["per_second"])

    def test_the_throughput_of_a_closed_loop_is_what_the_hosts_count(self):
        with harness.Cluster(hosts=3, code="repl:3", name="throughput", sync="none") as cluster:
            cluster.bench("--mix", "w", "--keys", 100, "--ops", 500)  # a new host's first commit makes its files
            self.assert_hosts_count_the_same(cluster, "replica", "puts", "write", "--mix", "w")
            self.assert_hosts_count_the_same(cluster, "service", "gets", "read", "--mix", "c")

    def test_the_rows_of_all_seconds_are_the_row_of_the_whole(self):
        with harness.Cluster(hosts=3, code="rs:3,1", name="rows") as cluster:
            path = cluster.dir / "load.csv"
            result = cluster.bench("--mix", "f", "--keys", 5, "--run", "1500ms", "--csv", path)
            with open(path, encoding="ascii") as file:
                rows = list(csv.DictReader(file))
            for kind in ("read", "update"):
                seconds = [row for row in rows if row["span"] == "second" and row["op"] == kind]
                (whole,) = [row for row in rows if row["span"] == "all" and row["op"] == kind]
                for name in ("ops", "ok", "lost", "failed", "unknown"):
                    self.assertEqual(sum(int(row[name]) for row in seconds), result[kind][name])
                    self.assertEqual(int(whole[name]), result[kind][name])
                self.assertEqual(int(whole["p999_us"]), result[kind]["p999_ns"] // 1000)


class Omission(unittest.TestCase):
    STALL_S = 1
    OPS = 2000

    def read_during_a_stall(self, cluster, *load):
        """The reads of a load in the midst of which two of three hosts stand still."""
        history = cluster.dir / f"{load[0]}.jsonl"
        child = cluster.bench_begin("--mix", "c", "--keys", 10, "--clients", 1, "--run", "1h", "--history", history,
                                    *load)  # fmt: skip
        harness.wait_for_progress(history, ["read"])
        cluster.pause("s2", "s3")
        time.sleep(self.STALL_S)
        cluster.resume("s2", "s3")
        harness.wait_until(lambda: line_count(history) > self.OPS, 60, f"{self.OPS} operations")
        result = cluster.bench_end(child)
        reads = result["read"]
        # What was due when the load was told to end may not have begun.
        self.assertLessEqual(reads["failed"] - reads["errors"].get("AREG_EBUSY", 0) + reads["unknown"], 0)
        print(f"{load[0]}: of {reads['ops']} reads, p50 {reads['p50_ns'] / 1e6:.1f} ms, "
              f"p99.9 {reads['p999_ns'] / 1e6:.1f} ms, the slowest {reads['max_ns'] / 1e6:.1f} ms")  # fmt: skip
        self.assertGreater(reads["max_ns"], 0.9e9 * self.STALL_S)
        return result

    def test_a_closed_loop_hides_a_stall_from_all_but_one_of_its_operations(self):
        with harness.Cluster(hosts=3, code="repl:3", name="closed") as cluster:
            reads = self.read_during_a_stall(cluster, "--closed")["read"]
            self.assertLess(reads["p999_ns"], 0.5e9 * self.STALL_S)

    def test_an_open_loop_shows_a_stall_to_all_that_were_due(self):
        with harness.Cluster(hosts=3, code="repl:3", name="open") as cluster:
            # One client with one operation outstanding, too; a quarter of two thousand are due while nobody answers.
            result = self.read_during_a_stall(cluster, "--rate", 500)
            reads = result["read"]
            self.assertGreater(reads["p999_ns"], 0.9e9 * self.STALL_S)
            # That they had to wait was not the generator's doing.
            self.assertLess(result["generator"]["late_p99_ns"], reads["p999_ns"] / 2)


class Generator(unittest.TestCase):
    def test_a_generator_that_is_the_limit_says_so(self):
        with harness.Cluster(hosts=3, code="rs:3,1", name="limit") as cluster:
            history = cluster.dir / "load.jsonl"
            child = cluster.bench_begin("--rate", 200, "--depth", 64, "--keys", 10, "--run", "2s", "--history", history)
            harness.wait_for_progress(history, ["read"])
            child.send_signal(signal.SIGSTOP)
            time.sleep(0.5)
            child.send_signal(signal.SIGCONT)
            result = harness.must(harness.finish(child, 30))
            document = json.loads(result.stdout)
            self.assertGreater(document["generator"]["late_p99_ns"], 0.2e9)
            self.assertTrue(document["generator"]["is_limit"])
            self.assertIn(b"the load generator may be the limit", result.stderr)

    def test_what_waits_for_the_cluster_is_not_late_through_the_generator(self):
        with harness.Cluster(hosts=3, code="rs:3,1", name="slots") as cluster:
            # Far more is due than one outstanding operation can do: nearly all of it waits for its turn.
            result = cluster.bench("--mix", "w", "--rate", 100000, "--clients", 1, "--depth", 1, "--ops", 300)
            self.assertGreater(result["write"]["p50_ns"], 5 * result["generator"]["late_p50_ns"])


class Operations(unittest.TestCase):
    def test_an_update_that_another_write_comes_before_is_lost_and_has_not_failed(self):
        with harness.Cluster(hosts=3, code="rs:3,1", name="updates") as cluster:
            history = cluster.dir / "load.jsonl"
            result = cluster.bench("--mix", "f", "--keys", 1, "--clients", 4, "--ops", 800, "--history", history)
            updates = result["update"]
            self.assertGreater(updates["lost"], 0)
            self.assertGreater(updates["ok"], 0)
            self.assertEqual(updates["failed"] + updates["unknown"] + result["write"]["ops"], 0)
            self.assertEqual(updates["ok"] + updates["lost"], updates["ops"])
            self.assertTrue(cluster.check(history)["linearizable"])
            writes = [each["status"] for each in harness.read_history(history) if each["op"] == "write"]
            self.assertEqual(writes.count("ok"), updates["ok"] + 1)  # and the one that filled
            self.assertEqual(writes.count("fail"), updates["lost"])

    def test_readers_read_writers_write_and_values_differ_in_size(self):
        with harness.Cluster(hosts=3, code="rs:3,1", name="sorts") as cluster:
            history = cluster.dir / "load.jsonl"
            load = ["--clients", 0, "--readers", 2, "--writers", 1, "--value", "1KiB..64KiB", "--dist", "latest"]
            result = cluster.bench(*load, "--keys", 20, "--ops", 600, "--history", history)
            operations = harness.read_history(history)
            self.assertEqual({each["client"] for each in operations if each["op"] == "read"}, {0, 1})
            self.assertGreater(result["write"]["ok"], 0)
            writers = {each["client"] for each in operations if each["op"] == "write"}
            self.assertEqual(writers, {0, 1, 2})  # the first two have helped to fill
            # Each order of magnitude is as likely as the others, so the mean is 15 KiB and not 32.
            counters = result["counters"]
            mean_bytes = counters["bytes_sent"] / 3 / result["write"]["ops"]
            self.assertGreater(mean_bytes, 4 << 10)
            self.assertLess(mean_bytes, 28 << 10)

    def test_the_configuration_in_use_is_told(self):
        with harness.Cluster(hosts=3, code="rs:3,1", name="configuration") as cluster:
            self.assertEqual(cluster.bench("--mix", "w", "--ops", 20, "--keys", 5)["configuration"], 0)
            harness.must(cluster.reconfig("apply", "recode", "repl:3"))
            self.assertEqual(cluster.bench("--mix", "c", "--ops", 20, "--keys", 5)["configuration"], 1)

    def test_a_terminal_shows_one_line_that_changes(self):
        with harness.Cluster(hosts=3, code="rs:3,1", name="terminal") as cluster:
            ours, theirs = pty.openpty()
            arguments = ["bench", "--mix", "w", "--run", "2500ms", "--keys", "5", "--seeds", cluster.seeds]
            child = subprocess.Popen([harness.program("areg-lab"), *arguments], stdout=subprocess.DEVNULL,
                                     stderr=theirs, env=harness.environment())  # fmt: skip
            os.close(theirs)
            shown = []

            def read():
                try:
                    while piece := os.read(ours, 4096):
                        shown.append(piece)
                except OSError:
                    pass  # that is how a terminal says that nobody writes to it any more

            reader = threading.Thread(target=read)
            reader.start()
            self.assertEqual(child.wait(timeout=30), 0)
            reader.join()
            os.close(ours)
            text = b"".join(shown).decode()
            self.assertEqual(text.count("\r"), 2)
            self.assertNotIn("\n", text)
            self.assertIn("c0  failed 0  unknown 0  |  write ", text)


if __name__ == "__main__":
    harness.main()
