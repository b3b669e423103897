"""The program areg on a real cluster: what it prints, what it refuses, and how it exits."""

import base64
import json
import os
import subprocess
import time
import unittest

import harness

VALUE_BYTES_MAX = 16 << 20


def json_of(result):
    """The one document on stdout."""
    document = json.loads(result.stdout)
    assert document["v"] == 1
    return document


class OnCluster(unittest.TestCase):
    """Tests that share one cluster; each uses keys of its own."""

    @classmethod
    def setUpClass(cls):
        cls.cluster = harness.Cluster(name="cli", shards=3, sync="none")
        cls.cluster.__enter__()
        cls.addClassCleanup(cls.cluster.__exit__, None, None, None)

    def areg(self, *arguments, exit_code=0, **options):
        result = self.cluster.areg(*arguments, **options)
        self.assertEqual(result.returncode, exit_code, result.stderr.decode(errors="replace"))
        return result

    def tag_of(self, key):
        return json_of(self.areg("stat", key, "--json"))["tag"]

    def test_values_of_every_size_come_back_as_they_were_put(self):
        for size in (0, 1, 4096, (1 << 20) + 1, VALUE_BYTES_MAX):
            with self.subTest(size=size):
                value = os.urandom(size)
                source = self.cluster.dir / "source"
                copy = self.cluster.dir / "copy"
                source.write_bytes(value)
                tag = self.areg("put", "size", f"@{source}").stdout.decode().strip()
                self.assertEqual(self.areg("get", "size").stdout, value)
                self.areg("get", "size", "-o", copy)
                self.assertEqual(copy.read_bytes(), value)
                document = json_of(self.areg("stat", "size", "--json"))
                self.assertEqual(document, {"v": 1, "key": "size", "tag": tag, "bytes": size})
                self.areg("put", "size", "-", stdin=value)
                self.assertEqual(self.areg("get", "size").stdout, value)
                self.assertNotEqual(self.tag_of("size"), tag)

    def test_a_value_is_a_word_or_stdin(self):
        self.areg("put", "word", "hello")
        self.assertEqual(self.areg("get", "word").stdout, b"hello")
        self.areg("put", "word", stdin=b"from stdin")
        self.assertEqual(self.areg("get", "word").stdout, b"from stdin")
        self.areg("put", "--", "-word", "-5")
        self.assertEqual(self.areg("get", "--", "-word").stdout, b"-5")

    def test_a_value_above_the_limit_is_refused_before_it_is_read(self):
        large = self.cluster.dir / "large"
        with open(large, "wb") as file:
            file.truncate(1 << 40)
        began = time.monotonic()
        self.assertIn(b"larger than 16 MiB", self.areg("put", "big", f"@{large}", exit_code=1).stderr)
        self.areg("put", "big", stdin=bytes(VALUE_BYTES_MAX + 1), exit_code=1)
        with open("/dev/zero", "rb") as endless:
            arguments = [harness.program("areg"), "put", "big", "--seeds", self.cluster.seeds]
            result = subprocess.run(arguments, stdin=endless, stderr=subprocess.PIPE, timeout=30)
        self.assertEqual(result.returncode, 1)
        self.assertLess(time.monotonic() - began, 10)
        self.areg("get", "big", exit_code=3)

    def test_a_missing_key_exits_3_and_leaves_the_file_as_it_was(self):
        output = self.cluster.dir / "kept"
        output.write_text("as it was")
        result = self.areg("get", "missing", "-o", output, exit_code=3)
        self.assertEqual(result.stdout, b"")
        self.assertIn(b"missing: not found", result.stderr)
        self.assertEqual(output.read_text(), "as it was")
        self.areg("stat", "missing", exit_code=3)
        self.assertEqual(json_of(self.areg("get", "missing", "--json", exit_code=3))["error"], "AREG_ENOTFOUND")
        self.areg("del", "missing")

    def test_a_deleted_key_is_not_found_nor_listed(self):
        self.areg("put", "deleted/1", "x")
        self.areg("put", "deleted/2", "x")
        self.areg("del", "deleted/1")
        self.areg("get", "deleted/1", exit_code=3)
        self.assertEqual(self.areg("ls", "deleted/").stdout, b"deleted/2\n")

    def test_a_covering_write_on_an_old_tag_exits_5_and_tells_the_newer_one(self):
        first = self.areg("put", "base", "1").stdout.decode().strip()
        second = self.areg("put", "base", "2", "--base", first).stdout.decode().strip()
        result = self.areg("put", "base", "3", "--base", first, exit_code=5)
        self.assertIn(second.encode(), result.stderr)
        self.areg("del", "base", "--base", first, exit_code=5)
        self.assertEqual(self.areg("get", "base").stdout, b"2")
        self.areg("put", "new", "1", "--base", "0.0")
        self.areg("put", "new", "2", "--base", "0.0", exit_code=5)
        self.assertIn(b"--base takes a tag", self.areg("put", "new", "2", "--base", "first", exit_code=2).stderr)

    def test_ls_lists_keys_of_all_shards_in_order_and_says_that_it_is_weak(self):
        keys = [f"ls/{i:02}" for i in range(30)]
        for key in keys:
            self.areg("put", key, key)
        result = self.areg("ls", "ls/")
        self.assertEqual(result.stdout.decode().split(), keys)
        self.assertIn(b"weak", result.stderr)
        self.assertEqual(self.areg("ls", "ls/1", "-q").stderr, b"")
        document = json_of(self.areg("ls", "ls/1", "--json"))
        self.assertTrue(document["weak"])
        self.assertEqual([row["key"] for row in document["keys"]], keys[10:20])
        self.assertEqual(document["keys"][0]["tag"], self.tag_of("ls/10"))

    def test_bytes_of_any_content_pass_through_json(self):
        value = bytes(range(256))
        self.areg("put", "bytes", "-", stdin=value)
        document = json_of(self.areg("get", "bytes", "--json"))
        self.assertEqual(base64.b64decode(document["value_base64"]), value)
        text = '"quoted" \\ \n\t\x01 é 😀'
        self.areg("put", "text", "-", stdin=text.encode())
        self.assertEqual(json_of(self.areg("get", "text", "--json"))["value"], text)
        key = os.fsdecode(b"key/\xff\xfe")
        self.areg("put", key, "x")
        document = json_of(self.areg("stat", key, "--json"))
        self.assertEqual(base64.b64decode(document["key_base64"]), b"key/\xff\xfe")
        self.assertIn(b"key/\xff\xfe\n", self.areg("ls", "key/").stdout)

    def test_output_that_can_not_be_written_exits_1(self):
        self.areg("put", "full", "-", stdin=bytes(100000))
        with open("/dev/full", "wb") as full:
            arguments = [harness.program("areg"), "get", "full", "--seeds", self.cluster.seeds]
            result = subprocess.run(arguments, stdout=full, stderr=subprocess.PIPE, timeout=30)
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"stdout: No space left", result.stderr)
        for words in (["get", "full", "--json"], ["stat", "full"], ["put", "full", "x"], ["ls"], ["ping"], ["--help"]):
            with self.subTest(words=words), open("/dev/full", "wb") as full:
                arguments = [harness.program("areg"), *words, "--seeds", self.cluster.seeds]
                result = subprocess.run(arguments, stdout=full, stderr=subprocess.PIPE, timeout=30)
                self.assertEqual(result.returncode, 1)
                self.assertIn(b"areg: stdout: ", result.stderr)
        self.assertIn(b"No such file", self.areg("get", "full", "-o", "/nonexistent/x", exit_code=1).stderr)
        self.areg("get", "full", "-o", "/dev/null")
        self.assertTrue(os.path.exists("/dev/null") and not os.path.isfile("/dev/null"))

    def test_what_is_closed_is_neither_written_to_nor_read_from(self):
        # A closed descriptor must not become a socket's or a file's, which stdout would then be printed into.
        command = '"$0" "$@" >&- 2>closed.err'
        for words in (["put", "closed", "x"], ["get", "closed"], ["stat", "closed"], ["ls"], ["ping"]):
            with self.subTest(words=words):
                arguments = ["/bin/sh", "-c", command, harness.program("areg"), *words, "--seeds", self.cluster.seeds]
                result = subprocess.run(arguments, cwd=self.cluster.dir, timeout=30)
                self.assertEqual(result.returncode, 1)
                self.assertIn("stdout: Bad file descriptor", (self.cluster.dir / "closed.err").read_text())
        arguments = ["/bin/sh", "-c", '"$0" "$@" <&-', harness.program("areg"), "put", "closed"]
        result = subprocess.run([*arguments, "--seeds", self.cluster.seeds], stderr=subprocess.PIPE, timeout=30)
        self.assertEqual(result.returncode, 1)
        self.assertEqual(self.areg("get", "closed").stdout, b"x")

    def test_ping_tells_of_every_host(self):
        document = json_of(self.areg("ping", "--json"))
        self.assertEqual([host["id"] for host in document["hosts"]], self.cluster.ids)
        for host in document["hosts"]:
            self.assertTrue(host["up"])
            self.assertLess(host["round_trip_us"], 5_000_000)
            self.assertEqual(host["address"], self.cluster.addresses[host["id"]])
            self.assertIsInstance(host["status"], dict)
        lines = self.areg("ping").stdout.decode().splitlines()
        self.assertEqual(len(lines), 6)
        column = lines[0].index("state")
        self.assertTrue(all(line[column:].startswith("up ") for line in lines[1:]), lines)

    def test_verbose_says_what_it_took(self):
        result = self.areg("put", "verbose", "-v", stdin=bytes(30000))
        self.assertRegex(result.stderr.decode(), r"2 rounds, \d+ messages, .* of values sent")
        self.assertEqual(self.areg("put", "verbose", "x").stderr, b"")

    def test_the_cluster_is_found_by_flag_then_environment_then_file(self):
        nowhere = "tcp://127.0.0.1:1"
        config = self.cluster.dir / "client.conf"
        config.write_text(f'seeds = [ "{self.cluster.seeds.split(",")[0]}" ];\ntimeout = "2 s";\n')
        harness.must(harness.run([harness.program("areg"), "put", "where", "x", "--config", str(config)]))
        flags = ["--seeds", self.cluster.seeds]
        harness.must(harness.run([harness.program("areg"), *flags, "get", "where"], seeds=nowhere))
        flags = ["--config", "/nonexistent"]
        harness.must(harness.run([harness.program("areg"), "get", "where", *flags], seeds=self.cluster.seeds))
        result = harness.run([harness.program("areg"), "get", "where"])
        self.assertEqual(result.returncode, 2)
        self.assertIn(b"--seeds", result.stderr)

    def test_one_host_down_changes_nothing_and_without_any_commands_end_in_time_and_name_them(self):
        with harness.Cluster(name="cli-down", sync="none") as cluster:
            harness.must(cluster.areg("put", "k", "v"))
            cluster.kill("s1")
            self.assertEqual(harness.must(cluster.areg("get", "k")).stdout, b"v")
            harness.must(cluster.areg("put", "k", "w"))
            rows = json_of(cluster.areg("ping", "--json"))["hosts"]
            self.assertEqual([row["up"] for row in rows], [False, True, True, True, True])
            self.assertIsNone(rows[0]["status"])
            cluster.kill()
            for command in (["get", "k"], ["put", "k", "x"], ["del", "k"], ["stat", "k"], ["ls"], ["ping"]):
                with self.subTest(command=command[0]):
                    began = time.monotonic()
                    result = cluster.areg(*command, "--timeout", 400)
                    self.assertEqual(result.returncode, 4, result.stderr)
                    self.assertLess(time.monotonic() - began, 1.5)
                    told = result.stderr + result.stdout
                    for address in cluster.addresses.values():
                        self.assertIn(address.encode(), told)


class Usage(unittest.TestCase):
    """What needs no cluster."""

    def refused(self, *arguments):
        result = harness.run([harness.program("areg"), *arguments])
        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertEqual(result.stdout, b"")
        return result.stderr.decode()

    def test_mistakes_are_met_with_the_nearest_right_thing(self):
        self.assertIn("did you mean put?", self.refused("pt", "k", "v"))
        self.assertIn("did you mean --timeout?", self.refused("get", "k", "--timeuot", "5"))
        self.assertIn("get, put, del, stat, ls, ping", self.refused("frobnicate"))
        self.assertIn("not supported by this version", self.refused("trace", "get", "k"))
        self.assertIn("a word is missing", self.refused("get"))
        self.assertIn("a word too many", self.refused("get", "a", "b"))
        self.assertIn("--timeout", self.refused("get", "a", "--timeout", "0"))
        self.assertIn("tcp://HOST:PORT", self.refused("get", "k", "--seeds", "h1:7600"))
        self.assertIn("1..1024", self.refused("get", "", "--seeds", "tcp://127.0.0.1:1"))
        self.assertIn("usage: areg", self.refused())

    def test_every_command_has_a_page_with_examples(self):
        pages = [[], ["get"], ["put"], ["del"], ["stat"], ["ls"], ["ping"]]
        for page in pages:
            result = harness.must(harness.run([harness.program("areg"), *page, "--help"]))
            self.assertIn(b"examples:\n  ", result.stdout)
            self.assertEqual(result.stderr, b"")
            self.assertLessEqual(max(len(line) for line in result.stdout.decode().splitlines()), 120)
        version = harness.must(harness.run([harness.program("areg"), "--version"])).stdout
        self.assertRegex(version.decode(), r"^areg \d+\.\d+\.\d+\n$")


if __name__ == "__main__":
    harness.main()
