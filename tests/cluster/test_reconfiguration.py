"""Configurations that change while clients read and write: what clients see of it, what hosts keep, what it costs."""

import shutil
import unittest

import harness

KEY_COUNT = 40
KEYS = ["--keys", KEY_COUNT, "--value", "16KiB"]


class UnderLoad(unittest.TestCase):
    def test_codes_hosts_and_sizes_change_and_no_operation_fails(self):
        with harness.Cluster(code="repl:5", name="changes") as cluster:
            load = harness.Load(cluster, KEYS)
            comes = cluster.add_hosts("s6", "s7", "s8", "s9", "s10")
            grow = [part for word in comes[1:] for part in ("add", word)]
            shrink = [part for host in ("s1", "s2", "s4", "s5", "s6", "s7") for part in ("remove", host)]
            for change, code in (
                (["recode", "rs:5,3"], "rs:5,3"),
                (["replace", "s3", comes[0]], "rs:5,3"),
                (["recode", "rs:9,5", *grow], "rs:9,5"),
                (["delta", 2], "rs:9,5"),
                (["recode", "repl:3", *shrink], "repl:3"),
            ):
                load.wait_for_progress()
                harness.must(cluster.reconfig("apply", *change))
                shard = cluster.shard()
                self.assertEqual((shard["config"]["code"], shard["pending"]), (code, None))
            self.assertEqual(set(cluster.members()), {"s8", "s9", "s10"})
            load.wait_for_progress()
            load.end()

    def test_hosts_die_and_freeze_amid_changes_and_no_operation_fails(self):
        with harness.Cluster(name="dying") as cluster:
            load = harness.Load(cluster, KEYS)
            comes = cluster.add_hosts("s6", "s7")
            cluster.kill("s2")
            load.wait_for_progress()
            harness.must(cluster.reconfig("apply", "replace", "s2", comes[0]))
            cluster.pause("s5")
            load.wait_for_progress()
            harness.must(cluster.reconfig("apply", "replace", "s5", comes[1]))
            cluster.resume("s5")  # it knows nothing of what has happened
            load.wait_for_progress()
            self.assertEqual(cluster.members(), ["s1", "s6", "s3", "s4", "s7"])
            load.end()


class Admins(unittest.TestCase):
    def test_of_two_plans_at_once_one_wins_and_the_other_is_stale(self):
        with harness.Cluster(name="two-admins") as cluster:
            cluster.bench("--mix", "a", *KEYS, "--ops", 1)  # fills all keys
            comes = cluster.add_hosts("s6", "s7")
            plans = []
            for change in (["replace", "s1", comes[0]], ["replace", "s2", comes[1]]):
                text = harness.must(cluster.reconfig("plan", *change)).stdout.decode()
                plans.append(text.split()[-1])
            admins = [cluster.reconfig_begin("apply", plan) for plan in plans]
            results = [harness.finish(admin, 30) for admin in admins]
            self.assertEqual(sorted(result.returncode for result in results), [0, 5], results)
            winner = 0 if results[0].returncode == 0 else 1
            self.assertRegex(results[1 - winner].stderr, rb"(make another plan|resume finishes it first)\n$")
            self.assertEqual(cluster.members(), [["s6", "s2", "s3", "s4", "s5"],
                                                        ["s1", "s7", "s3", "s4", "s5"]][winner])  # fmt: skip


class LostDisks(unittest.TestCase):
    def lose(self, cluster, host):
        cluster.kill(host)
        shutil.rmtree(cluster.dir / host)
        cluster.start_hosts(host)

    def wait_for_advice(self, cluster, host):
        mend = f"Mend it with: areg-reconfig apply replace {host} {host}\n"
        harness.wait_until(lambda: mend in cluster.log(host), 10, "the log names the command")

    def test_a_host_that_has_lost_its_disk_is_silent_until_it_replaces_itself(self):
        with harness.Cluster(name="lost-disk") as cluster:
            load = harness.Load(cluster, KEYS)
            self.lose(cluster, "s3")
            self.wait_for_advice(cluster, "s3")
            status = cluster.reconfig("status")
            self.assertEqual(status.returncode, 10 + 1, "the next loss stops it")
            self.assertIn(b"silent: it has lost its disk (replace it by itself)", status.stdout)
            load.wait_for_progress()
            self.assertEqual(cluster.own_status("s3")["store"]["register_count"], 0)
            refused = cluster.reconfig("apply", "delta", 3)
            self.assertEqual(refused.returncode, 9)
            self.assertIn(b"then add to this change: replace s3 s3", refused.stderr)

            harness.must(cluster.reconfig("apply", "replace", "s3", "s3"))
            self.assertEqual(cluster.reconfig("status").returncode, 0)
            harness.wait_until(lambda: cluster.own_status("s3")["store"]["register_count"] == KEY_COUNT, 5, "its data")
            cluster.kill("s1")  # which is not missed: s3 counts again
            load.wait_for_progress()
            load.end()

    def test_a_host_that_had_joined_and_lost_its_disk_replaces_itself_too(self):
        with harness.Cluster(name="lost-again") as cluster:
            load = harness.Load(cluster, KEYS)
            harness.must(cluster.reconfig("apply", "replace", "s3", *cluster.add_hosts("s6")))
            self.lose(cluster, "s6")
            self.wait_for_advice(cluster, "s6")
            self.assertIn(b"silent: it has lost its disk", cluster.reconfig("status").stdout)
            load.wait_for_progress()
            harness.must(cluster.reconfig("apply", "replace", "s6", "s6"))
            self.assertEqual(cluster.reconfig("status").returncode, 0)
            load.wait_for_progress()
            load.end()


class LostValues(unittest.TestCase):
    def rot(self, cluster, host, marker):
        """Turn bits of whatever the host, which is down, has of a value."""
        found = 0
        for path in (cluster.dir / host).rglob("*"):
            content = path.read_bytes() if path.is_file() else b""
            at = content.find(marker)
            while at >= 0:
                with path.open("r+b") as file:
                    file.seek(at)
                    file.write(bytes(byte ^ 1 for byte in marker))
                found += 1
                at = content.find(marker, at + len(marker))
        self.assertGreater(found, 0, host)

    def lose_value(self, cluster, key):
        # Three of five fragments are data: parts of the value itself.
        parts = [bytes([letter]) * 10000 for letter in b"xyz"]
        harness.must(cluster.areg("put", key, "-", stdin=b"".join(parts)))
        for host, part in zip(("s1", "s2", "s3"), parts):
            cluster.stop(host)
            self.rot(cluster, host, part[:64])
            cluster.start_hosts(host)

    def test_a_change_waits_for_a_register_whose_value_is_lost_names_it_and_ends_once_it_is_written_anew(self):
        for anew in (["put", "lost", "anew"], ["del", "lost"]):
            with self.subTest(anew[0]), harness.Cluster(name="lost-value") as cluster:
                for i in range(5):
                    harness.must(cluster.areg("put", f"sound{i}", "a value"))
                self.lose_value(cluster, "lost")
                admin = cluster.reconfig_begin("apply", "replace", "s5", *cluster.add_hosts("s6"))
                told = '1 register of shard 0 can not be moved, "lost" for one: AREG_ECORRUPT'
                harness.wait_until(lambda: told in cluster.log("s6"), 20, "the log names the register")
                harness.wait_until(
                    lambda: b"1 register can not be moved: see its log" in cluster.reconfig("progress").stdout,
                    10,
                    "progress tells of it",
                )
                self.assertIn(b"too few intact fragments", cluster.areg("get", "lost").stderr)
                harness.must(cluster.areg(*anew))
                # On a slow machine nothing may have moved for so long that it has given up.
                self.assertIn(harness.finish(admin, 60).returncode, (0, 6))
                harness.must(cluster.reconfig("resume"))
                self.assertEqual(cluster.members(), ["s1", "s2", "s3", "s4", "s6"])
                got = cluster.areg("get", "lost")
                self.assertEqual((got.returncode, got.stdout), (0, b"anew") if anew[0] == "put" else (3, b""))


class Costs(unittest.TestCase):
    def test_replacing_a_host_moves_one_value_for_each_register_and_the_others_receive_nothing(self):
        value_bytes = 64 << 10
        with harness.Cluster(name="moved-bytes") as cluster:
            cluster.bench("--mix", "a", "--keys", KEY_COUNT, "--value", value_bytes, "--ops", 1)  # fills all keys
            (comes,) = cluster.add_hosts("s6")
            hosts = ["s1", "s2", "s3", "s4", "s5", "s6"]
            before = {host: cluster.own_status(host)["net"] for host in hosts}
            harness.must(cluster.reconfig("apply", "replace", "s5", comes))
            after = {host: cluster.own_status(host)["net"] for host in hosts}

            def moved(host, counter):
                return (after[host][counter] - before[host][counter]) / (KEY_COUNT * value_bytes)

            # Besides fragments there are some hundred bytes of tags for each register.
            for host in hosts[:5]:
                self.assertLess(moved(host, "bytes_in"), 0.02, host)
            self.assertAlmostEqual(sum(moved(host, "bytes_out") for host in hosts), 1.0, delta=0.1)
            # The worker is the new host itself, which gives its fragment to itself.
            self.assertAlmostEqual(moved("s6", "bytes_in"), 1 / 3, delta=0.02)
            self.assertEqual(cluster.own_status("s6")["store"]["register_count"], KEY_COUNT)


if __name__ == "__main__":
    harness.main()
