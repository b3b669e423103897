"""What operations cost when nothing goes wrong: rounds, bytes on the network, bytes at rest."""

import unittest

import harness

N, K = 5, 3
VALUE_BYTES = 64 * 1024


class Costs(unittest.TestCase):
    def test_an_uncontended_write_takes_two_rounds_and_n_over_k_values(self):
        with harness.Cluster(name="write-cost") as cluster:
            result = cluster.bench("--mix", "w", "--keys", 100, "--value", VALUE_BYTES, "--clients", 1, "--ops", 500)
            self.assertEqual(result["write"]["ok"], 500)
            self.assertEqual(result["rounds_per_write"], 2)
            self.assertAlmostEqual(result["values_sent_per_write"], N / K, delta=0.02)

    def test_an_uncontended_read_takes_one_round_and_one_value(self):
        with harness.Cluster(name="read-cost") as cluster:
            load = ["--keys", 100, "--value", VALUE_BYTES, "--clients", 1]
            cluster.bench("--mix", "w", *load, "--ops", 1000)
            result = cluster.bench("--mix", "c", *load, "--ops", 1000)
            self.assertEqual(result["read"]["ok"], 1000)
            # Not exactly one: on a busy machine a host may still lack what the others have, or be asked twice.
            self.assertLess(result["rounds_per_read"], 1.2)
            self.assertGreaterEqual(result["values_received_per_read"], 1)
            self.assertLess(result["values_received_per_read"], 1.2)

    def test_replicas_are_whole_copies(self):
        with harness.Cluster(hosts=3, code="repl:3", name="copies") as cluster:
            load = ["--keys", 20, "--value", VALUE_BYTES, "--clients", 1]
            writes = cluster.bench("--mix", "w", *load, "--ops", 200)
            self.assertEqual(writes["rounds_per_write"], 2)
            self.assertAlmostEqual(writes["values_sent_per_write"], 3, delta=0.03)
            reads = cluster.bench("--mix", "c", *load, "--ops", 200)
            self.assertLess(reads["rounds_per_read"], 1.2)
            self.assertLess(reads["values_received_per_read"], 1.2)

    def test_at_rest_a_value_takes_n_over_k_of_its_bytes(self):
        with harness.Cluster(name="storage-cost") as cluster:
            load = ["--keys", 100, "--value", VALUE_BYTES, "--clients", 4, "--depth", 4]
            cluster.bench("--mix", "a", *load, "--ops", 1)  # fills all keys
            cluster.bench("--mix", "w", *load, "--ops", 1000)
            live_bytes = 100 * VALUE_BYTES

            def stored_bytes():
                return sum(host["status"]["store"]["fragment_bytes"] for host in cluster.status().values())

            # Superseded values go after a grace time, and a host that was slow gets what it lacks.
            harness.wait_until(
                lambda: stored_bytes() <= 1.02 * live_bytes * N / K, 3, f"{N}/{K} of the live bytes at rest"
            )
            self.assertGreaterEqual(stored_bytes(), 0.98 * live_bytes * N / K)


if __name__ == "__main__":
    harness.main()
