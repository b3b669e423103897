"""Reconfigurations whose admin, or whose hosts, die amid them: they can be finished, and nothing is lost."""

import os
import signal
import subprocess
import sys
import time
import unittest

import harness

KEY_COUNT = 60
KEYS = ["--keys", KEY_COUNT, "--value", "16KiB"]
CODES = ["rs:5,3", "repl:5", "rs:5,2"]
CRASH_COUNT_FEW = 5
CRASH_COUNT_MANY = 20  # at least, if there is time


def crash_count():
    return CRASH_COUNT_MANY if "AREG_TEST_SECONDS" in os.environ else CRASH_COUNT_FEW


class AdminsThatDie(unittest.TestCase):
    def kill_amid(self, cluster, change, seconds):
        """Begin a change, and kill its admin after this time; whether it had not ended before."""
        admin = cluster.reconfig_begin("apply", *change)
        try:
            admin.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            admin.kill()
        result = harness.finish(admin, 30)
        self.assertIn(result.returncode, (0, -signal.SIGKILL), result)
        return result.returncode != 0

    def test_whenever_the_admin_is_killed_another_one_finishes_what_it_has_begun(self):
        random = harness.seeded_random()
        with harness.Cluster(name="admin-dies") as cluster:
            load = harness.Load(cluster, KEYS)
            host, spare = "s5", cluster.add_hosts("s6")[0]
            began = time.monotonic()
            harness.must(cluster.reconfig("apply", "replace", host, spare))
            whole_seconds = time.monotonic() - began
            host, spare = "s6", f"s5@{cluster.addresses['s5']}"

            killed_count = resumed_count = 0
            deadline = time.monotonic() + harness.load_seconds(0)
            while killed_count < crash_count() or time.monotonic() < deadline:
                before = cluster.shard()["config"]
                code = random.choice([code for code in CODES if code != before["code"]])
                change = random.choice([["replace", host, spare], ["recode", code]])
                was_killed = self.kill_amid(cluster, change, random.uniform(0, whole_seconds))
                was_pending = cluster.shard()["pending"] is not None
                # All that the other one is told of is one host, which was a member before.
                guide = cluster.addresses[random.choice(before["members"])["id"]]
                harness.must(cluster.reconfig_elsewhere([guide], "resume"))
                after = cluster.shard()
                self.assertIsNone(after["pending"])
                # All of it has happened, or nothing.
                is_done = after["config"]["index"] > before["index"]
                self.assertEqual(after["config"]["index"], before["index"] + is_done)
                self.assertTrue(is_done or (was_killed and not was_pending))
                self.assertEqual(after["config"]["code"], code if is_done and change[0] == "recode" else before["code"])
                if is_done and change[0] == "replace":
                    host, spare = spare.split("@")[0], f"{host}@{cluster.addresses[host]}"
                self.assertIn(host, cluster.members())
                killed_count += was_killed
                resumed_count += was_pending
                load.wait_for_progress()
            print(f"{killed_count} killed, {resumed_count} of them with something pending", file=sys.stderr)
            load.end()


class HostsThatDie(unittest.TestCase):
    def test_without_the_new_hosts_nothing_is_lost_and_with_them_it_ends(self):
        with harness.Cluster(name="new-die") as cluster:
            load = harness.Load(cluster, KEYS, flags=["--timeout", 120000])
            new = [f"s{i}" for i in range(6, 11)]
            words = cluster.add_hosts(*new)
            change = [part for old, word in zip(cluster.ids, words) for part in ("replace", old, word)]
            # So slowly that they die amid it.
            admin = cluster.reconfig_begin("apply", *change, "--rate", "1 kB/s", "--timeout", 1200)
            harness.wait_until(lambda: cluster.shard()["pending"], 20, "a pending configuration")
            dead = ["s7", "s8", "s10"]
            cluster.kill(*dead)

            cut_off = harness.finish(admin, 30)
            self.assertEqual(cut_off.returncode, 6, cut_off)
            self.assertIn(b"areg-reconfig resume", cut_off.stderr)
            progress = harness.must(cluster.reconfig("progress", "--timeout", 1200)).stdout.decode()
            for host in new:
                self.assertEqual(f"{host}: down" in progress, host in dead, progress)
            again = cluster.reconfig("resume", "--rate", "none", "--timeout", 1200)
            self.assertEqual(again.returncode, 6, again)
            for host in dead:
                self.assertIn(f"{host} (tcp://".encode(), again.stderr)
            # Every operation needs the new hosts now, so clients wait; what ends too early has no effect.
            get = cluster.areg("get", "k1", "--timeout", 500)
            self.assertEqual(get.returncode, 4, get)
            status = cluster.reconfig("status")
            self.assertEqual(status.returncode, 12, status)

            cluster.start_hosts(*dead)
            load.wait_for_progress()
            harness.must(cluster.reconfig("resume", "--rate", "none"))
            self.assertEqual(cluster.members(), new)
            cluster.kill(*cluster.ids)
            load.wait_for_progress()
            load.end()

    def test_a_minority_of_the_new_hosts_does_not_hold_it_up(self):
        with harness.Cluster(name="one-dies") as cluster:
            load = harness.Load(cluster, KEYS)
            words = cluster.add_hosts("s6", "s7")
            admin = cluster.reconfig_begin("apply", "replace", "s1", words[0], "replace", "s2", words[1],
                                           "--rate", "100 kB/s")  # fmt: skip
            harness.wait_until(lambda: cluster.shard()["pending"], 20, "a pending configuration")
            cluster.kill("s6")
            load.wait_for_progress()
            admin.kill()
            admin.wait()
            harness.must(cluster.reconfig("resume", "--rate", "none"))
            self.assertEqual(cluster.members(), ["s6", "s7", "s3", "s4", "s5"])
            cluster.start_hosts("s6")
            load.wait_for_progress()
            load.end()


if __name__ == "__main__":
    harness.main()
