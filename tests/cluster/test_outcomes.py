"""Writes that are cut off between their rounds: whether areg says truly what may have become of them."""

import contextlib
import re
import unittest

import harness
from proxy import Proxy

# A write of this many bytes sends fragments of a third; its first round, and a read of nothing, fit in FIRST_ROUND.
VALUE = bytes(3 << 20)
FIRST_ROUND_BYTES = 64 << 10


class Proxied(harness.Workspace):
    """Five hosts, each behind a proxy, whose address is the one in genesis."""

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            ports = {f"s{i}": harness.free_port() for i in range(1, 6)}
            self.proxies = {host: stack.enter_context(Proxy(port)) for host, port in ports.items()}
            self.addresses = {host: proxy.address for host, proxy in self.proxies.items()}
            genesis = self.dir / "genesis.conf"
            harness.write_genesis(genesis, self.addresses)
            for host, port in ports.items():
                data = self.dir / host
                data.mkdir()
                stack.enter_context(harness.Aregd(genesis, host, data, f"tcp://127.0.0.1:{port}", "--sync", "none"))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error):
        self._stack.close()
        super().__exit__(*error)

    def swallow(self, hosts, bytes_max):
        for host in hosts:
            self.proxies[host].swallow_after(bytes_max)

    def areg(self, *arguments, stdin=b""):
        return harness.run([harness.program("areg"), *map(str, arguments)], ",".join(self.addresses.values()), stdin)


class Outcomes(unittest.TestCase):
    def setUp(self):
        self.cluster = Proxied("outcomes")
        self.cluster.__enter__()
        self.addCleanup(lambda: self.cluster.__exit__(None, None, None))

    def areg(self, *arguments, exit_code=0, **options):
        result = self.cluster.areg(*arguments, **options)
        self.assertEqual(result.returncode, exit_code, result.stderr.decode())
        return result

    def cut_off(self, *command, **options):
        """Run a command whose outcome must be unknown; the tag that it tells."""
        stderr = self.areg(*command, "--timeout", 1000, exit_code=6, **options).stderr.decode()
        self.assertIn("outcome unknown", stderr)
        self.assertIn("areg stat k", stderr)
        return re.search(r"the write with tag (\S+)", stderr)[1]

    def test_a_write_that_reached_nobody_is_unknown_and_then_does_not_show(self):
        self.cluster.swallow(self.cluster.addresses, FIRST_ROUND_BYTES)
        tag = self.cut_off("put", "k", stdin=VALUE)
        self.assertTrue(tag.startswith("1."), tag)
        self.areg("get", "k", exit_code=3)
        self.cluster.swallow(self.cluster.addresses, None)
        second = self.areg("put", "k", "small").stdout.decode().strip()
        self.assertNotEqual(second, tag)
        self.assertEqual(self.areg("get", "k").stdout, b"small")

    def test_a_write_that_reached_k_hosts_is_unknown_and_once_it_was_read_it_stays(self):
        self.areg("put", "k", "old")
        self.cluster.swallow(["s4", "s5"], FIRST_ROUND_BYTES)
        tag = self.cut_off("put", "k", stdin=VALUE)
        # A quorum with all three that have it shows the new value, and the reader writes it to s4.
        self.cluster.swallow(["s4"], None)
        self.cluster.swallow(["s5"], 0)
        self.assertEqual(self.areg("get", "k").stdout, VALUE)
        # So it shows to every quorum, though s5 never heard of it.
        self.cluster.swallow(["s5"], None)
        for hidden in ("s1", "s2", "s3", "s4"):
            self.cluster.swallow(self.cluster.addresses, None)
            self.cluster.swallow([hidden], 0)
            self.assertEqual(self.areg("get", "k").stdout, VALUE)
            self.assertIn(tag, self.areg("stat", "k").stdout.decode())

    def test_a_write_that_reached_fewer_hosts_never_decodes_to_something_else(self):
        self.areg("put", "k", "old")
        self.cluster.swallow(["s1", "s2", "s3"], FIRST_ROUND_BYTES)
        tag = self.cut_off("put", "k", stdin=VALUE)
        self.cluster.swallow(["s1", "s2", "s3"], None)
        self.assertEqual(self.areg("get", "k").stdout, b"old")
        newer = self.areg("put", "k", "new").stdout.decode().strip()
        self.assertGreater(int(newer.split(".")[0]), int(tag.split(".")[0]))
        self.assertEqual(self.areg("get", "k").stdout, b"new")

    def test_a_write_that_was_cut_off_in_its_first_round_had_no_effect(self):
        self.areg("put", "k", "old")
        self.cluster.swallow(["s1", "s2"], 0)
        stderr = self.areg("put", "k", "new", "--timeout", 1000, exit_code=4).stderr.decode()
        self.assertIn("nothing was written", stderr)
        for host in ("s1", "s2"):
            self.assertIn(f"{host} {self.cluster.addresses[host]}", stderr)
        for host in ("s3", "s4", "s5"):
            self.assertNotIn(host, stderr)
        self.cluster.swallow(["s1", "s2"], None)
        self.assertEqual(self.areg("get", "k").stdout, b"old")


if __name__ == "__main__":
    harness.main()
