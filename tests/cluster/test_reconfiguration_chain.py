"""Twenty configurations in a row, after which not one of the first hosts is needed any more."""

import signal
import unittest

import harness

KEY_COUNT = 30
KEYS = ["--keys", KEY_COUNT, "--value", "4KiB"]
CODES = ["rs:5,3", "repl:5", "rs:5,2", "rs:5,1"]
GENERATIONS = [[f"s{5 * generation + i + 1}" for i in range(5)] for generation in range(3)]


def chain(random, words):
    """Changes that replace every host twice, in random order, with other changes in between."""
    replacements = []
    for before, after in zip(GENERATIONS, GENERATIONS[1:]):
        pairs = list(zip(before, after))
        random.shuffle(pairs)
        replacements += [["replace", old, words[new]] for old, new in pairs]
    code = "rs:5,3"
    delta = 8
    for i, replacement in enumerate(replacements):
        yield replacement
        if i % 2 == 0:
            code = random.choice([other for other in CODES if other != code])
            yield ["recode", code]
        else:
            delta = random.choice([other for other in range(9) if other != delta])
            yield ["delta", delta]


class Chain(unittest.TestCase):
    def test_after_twenty_changes_a_client_that_slept_and_one_that_knows_one_host_work_at_once(self):
        random = harness.seeded_random()
        with harness.Cluster(name="chain") as cluster:
            first, second, third = GENERATIONS
            words = dict(zip(second + third, cluster.add_hosts(*second, *third)))
            # Operations that are under way when their process falls asleep are not to fail of it.
            load = harness.Load(cluster, KEYS, flags=["--timeout", 600000])
            load.signal(signal.SIGSTOP)
            changes = list(chain(random, words))
            self.assertEqual(len(changes), 20)
            for change in changes:
                harness.must(cluster.reconfig("apply", *change))
            self.assertEqual(cluster.shard()["config"]["index"], 20)
            self.assertEqual(set(cluster.members()), set(third))

            for host in first + second:
                harness.wait_until(
                    lambda: cluster.own_status(host)["store"]["register_count"] == 0, 10, f"{host} is empty"
                )
            for host in third:
                self.assertEqual(cluster.own_status(host)["store"]["register_count"], KEY_COUNT, host)

            # All that the sleepers know of is the first generation. One of them is enough, if somebody is left who came
            # when it went: a host knows nothing of what has happened after that.
            place = random.randrange(5)
            guides = [first[place], second[place]]
            cluster.kill(*[host for host in first + second if host not in guides])
            load.signal(signal.SIGCONT)
            load.wait_for_progress(seconds_max=10)

            cluster.kill(*guides)
            load.wait_for_progress()
            one = cluster.addresses[random.choice(third)]
            put = cluster.areg("put", "newcomer", "knows one host", "--seeds", one, "--timeout", 3000)
            self.assertEqual(harness.must(put).returncode, 0)
            for address in map(cluster.addresses.get, third):
                got = cluster.areg("get", "newcomer", "--seeds", address, "--timeout", 3000)
                self.assertEqual(harness.must(got).stdout, b"knows one host")
            load.end()


if __name__ == "__main__":
    harness.main()
