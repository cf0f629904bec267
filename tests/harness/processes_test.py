# SPDX-License-Identifier: Apache-2.0
"""Unit tests of processes.py."""

import os
import subprocess
import unittest

from harness import processes


class ParseStatTest(unittest.TestCase):
    def test_name_with_spaces_and_brackets(self):
        line = "12 (a) b) (c) S 7 " + " ".join(str(n) for n in range(5, 23)) + " 999"
        self.assertEqual(processes.parse_stat(line)[:2], (7, "S"))

    def test_own_line(self):
        with open("/proc/self/stat", encoding="ascii") as stat:
            parent, _, started = processes.parse_stat(stat.read())
        self.assertEqual(parent, os.getppid())
        self.assertGreater(started, 0)


class DescendantsTest(unittest.TestCase):
    def test_grandchildren_are_seen_and_orphans_come_back(self):
        # In a child, so that this process does not stay a subreaper.
        script = """if 1:
            import subprocess, time
            from harness import processes
            processes.become_subreaper()
            # The middle shell ends at once and leaves an orphan.
            middle = subprocess.Popen(["sh", "-c", "sleep 1000 & echo $!"], stdout=subprocess.PIPE, text=True)
            orphan = int(middle.stdout.readline())
            middle.wait()
            found = processes.descendants()
            assert orphan in found and found[orphan].argv[0] == "sleep", found
            assert any(str(orphan) in line for line in processes.wait_until_gone(0.05))
            processes.kill_descendants()
            assert processes.wait_until_gone(5) == []
            print("as it should be")
        """
        result = subprocess.run(["python3", "-c", script], capture_output=True, text=True, check=False,
                                env={**os.environ, "PYTHONPATH": os.path.dirname(os.path.dirname(__file__))}, timeout=60)
        self.assertEqual((result.stdout, result.stderr), ("as it should be\n", ""))

    def test_roles_by_name_and_descent(self):
        tree = {
            10: processes.Process(10, 1, "S", 0, ("runsc", "run")),
            11: processes.Process(11, 10, "S", 0, ("runsc-gofer",)),
            12: processes.Process(12, 10, "S", 0, ("runsc-sandbox",)),
            13: processes.Process(13, 12, "S", 0, ("runsc-gofer",)),  # a guest may call itself what it likes
            14: processes.Process(14, 13, "R", 0, ("sh",)),
            15: processes.Process(15, 12, "Z", 0, ()),
        }
        real = processes.descendants
        processes.descendants = lambda root=None: tree
        try:
            found = {role: [process.pid for process in those] for role, those in processes.roles(10).items()}
        finally:
            processes.descendants = real
        self.assertEqual(found, {"runsc": [10], "sentry": [12], "gofer": [11], "stub": [13, 14], "other": []})


class LeftoversTest(unittest.TestCase):
    def test_mounts_below(self):
        self.assertIn("/proc", processes.mounts_below("/proc"))
        self.assertEqual(processes.mounts_below("/pro"), [])

    def test_own_figures(self):
        self.assertGreaterEqual(processes.descriptors(os.getpid()), 3)
        self.assertGreater(processes.resident_kib(os.getpid()), 1000)


if __name__ == "__main__":
    unittest.main()
