# SPDX-License-Identifier: Apache-2.0
"""Unit tests of what the wall scripts compute by themselves."""

import re
import stat
import unittest

from harness import bundle
from walls import bad_inputs, common, descriptors, endurance, native_calls


class GrowthTest(unittest.TestCase):
    def test_equal_and_smaller_figures_are_no_growth(self):
        before = {"sentry KiB": 10000, "sentry descriptors": 20, "processes": 3}
        self.assertEqual(endurance.growth(before, before), [])
        self.assertEqual(endurance.growth(before, {"sentry KiB": 1, "sentry descriptors": 2, "processes": 3}), [])

    def test_slack(self):
        self.assertEqual(endurance.growth({"sentry KiB": 10000}, {"sentry KiB": 12048}), [])
        self.assertEqual(len(endurance.growth({"sentry KiB": 10000}, {"sentry KiB": 12049})), 1)
        self.assertEqual(endurance.growth({"sentry descriptors": 20}, {"sentry descriptors": 24}), [])
        self.assertEqual(len(endurance.growth({"sentry descriptors": 20}, {"sentry descriptors": 25})), 1)

    def test_leak_of_one_descriptor_in_nine_thousand_forks_is_seen(self):
        self.assertTrue(endurance.growth({"sentry descriptors": 20 + 1000}, {"sentry descriptors": 20 + 10000}))


class BlockedTest(unittest.TestCase):
    class Guest:
        def __init__(self, beside):
            self.lines = ["quiet 7000", "blocked 3", beside, "ended 3"]

        def read_line(self, _):
            return self.lines.pop(0)

        def expect(self, line):
            assert self.lines.pop(0) == line

        def measure(self):
            return {}

        def go_on(self):
            pass

        def end(self):
            assert not self.lines

    def test_limit(self):
        self.assertEqual(endurance.blocked(self.Guest("beside 15000"), 3), [])
        self.assertEqual(len(endurance.blocked(self.Guest("beside 15001"), 3)), 1)
        self.assertEqual(len(endurance.blocked(self.Guest("beside"), 3)), 1)


class NativeCallsTest(unittest.TestCase):
    THREAD = " wall-1-7 [000] ..... 1.0: task_newtask: pid=8 comm=wall-1 clone_flags=3d0f00 oom_score_adj=0"
    HELLO = " wall-1-8 [001] ..... 1.1: sys_enter: NR 317 (1, 0, 7fff00001000, 5, 0, 0)"
    UNMAP = " wall-1-8 [001] ..... 1.2: sys_enter: NR 11 (600000, 1000, 1, 2, 3, 4)"
    LOG = "D 1.2 stub_thread.cc:1 systrap: thread 3 makes call 11 itself (600000, 1000, 9, 9, 9, 9)"

    def judge(self, *trace, log=()):
        return len(native_calls.judge([self.THREAD, *trace], log)[0])

    def test_what_a_guest_thread_may_do(self):
        self.assertEqual(self.judge(self.HELLO, self.UNMAP, log=[self.LOG]), 0)
        self.assertEqual(self.judge(" wall-1-8 [001] ..... 1.2: sys_enter: NR 15 (0, 0, 0, 0, 0, 0)"), 0)
        self.assertEqual(self.judge(" wall-1-8 [001] ..... 1.2: sys_enter: NR 202 (7fff10008018, 0, 1, 0, 0, 0)"), 0)

    def test_what_it_may_not(self):
        self.assertEqual(self.judge(self.UNMAP), 1)
        self.assertEqual(self.judge(self.UNMAP, self.UNMAP, log=[self.LOG]), 1)
        self.assertEqual(self.judge(self.UNMAP, log=[self.LOG.replace("600000", "601000")]), 1)
        self.assertEqual(self.judge(self.HELLO, self.HELLO), 1)
        self.assertEqual(self.judge(" wall-1-8 [001] ..... 1.2: sys_enter: NR 202 (600000, 0, 1, 0, 0, 0)"), 1)
        self.assertEqual(self.judge(" wall-1-8 [001] ..... 1.2: sys_enter: NR 56 (3d0f00, 0, 0, 0, 0, 0)"), 1)

    def test_helpers(self):
        self.assertEqual(self.judge(" wall-1-7 [001] ..... 1.2: sys_enter: NR 56 (3d0f00, 0, 0, 0, 0, 0)"), 0)
        self.assertEqual(self.judge(" wall-1-7 [001] ..... 1.2: sys_enter: NR 41 (2, 1, 0, 0, 0, 0)"), 1)


class DescriptorsTest(unittest.TestCase):
    DEVICE = 0xfe00

    def descriptor(self, link, mode=stat.S_IFREG, writable=False, device=DEVICE):
        return descriptors.Descriptor(5, link, (device, 7), mode, writable)

    def stub(self, *arguments, **keywords):
        return descriptors.judge_stub(self.descriptor(*arguments, **keywords), self.DEVICE)

    def sentry(self, *arguments, **keywords):
        return descriptors.judge_sentry(self.descriptor(*arguments, **keywords), self.DEVICE)

    def test_what_a_stub_may_have(self):
        self.assertFalse(self.stub("/memfd:runsc-slots", writable=True))
        self.assertFalse(self.stub("/memfd:tmpfs", writable=True))
        self.assertFalse(self.stub("/tests/storm"))
        self.assertFalse(self.stub("/tmp/file", writable=True))

    def test_what_it_may_not(self):
        self.assertTrue(self.stub("/tests/storm", writable=True))
        self.assertTrue(self.stub("/tests/storm", device=1))
        self.assertTrue(self.stub("/", mode=stat.S_IFDIR))
        self.assertTrue(self.stub("socket:[1]", mode=stat.S_IFSOCK))
        self.assertTrue(self.stub("anon_inode:seccomp notify", mode=0))
        self.assertTrue(self.stub("/memfd:of-the-caller", device=1))

    def test_sentry(self):
        self.assertFalse(self.sentry("socket:[1]", mode=stat.S_IFSOCK))
        self.assertFalse(self.sentry("anon_inode:[eventpoll]", mode=0))
        self.assertFalse(self.sentry("/", mode=stat.S_IFDIR, device=40))
        self.assertFalse(self.sentry("/12/mem", device=40))
        self.assertTrue(self.sentry("/", mode=stat.S_IFDIR))
        self.assertTrue(self.sentry("anon_inode:bpf-prog", mode=0))
        self.assertTrue(self.sentry("pipe:[1]", mode=stat.S_IFIFO))

    def test_passed_on_purpose_or_not(self):
        self.assertEqual(descriptors.compare_passed({("sentry", 3)}, {("sentry", 3)}), [])
        self.assertEqual(len(descriptors.compare_passed({("sentry", 3), ("stub", 3)}, {("sentry", 3)})), 1)
        self.assertEqual(len(descriptors.compare_passed(set(), {("sentry", 3)})), 1)

    def test_list_of_ls(self):
        self.assertEqual(descriptors.list_fds("0\n1\n2\n3\n"), [0, 1, 2])
        self.assertEqual(descriptors.list_fds("0\n1\n10\n2\n"), [0, 1, 2])


class CasesTest(unittest.TestCase):
    def test_names_are_unique_and_patterns_compile(self):
        names = [case.name for case in bad_inputs.CASES]
        self.assertEqual(len(names), len(set(names)))
        for case in bad_inputs.CASES:
            for pattern in case.message:
                re.compile(pattern)

    def test_at_least_twenty_configurations_and_each_differs_from_a_good_one(self):
        good = bundle.config(["/bin/sh"])
        changed = [case for case in bad_inputs.CASES if case.name.startswith("config/")]
        self.assertGreaterEqual(len(changed), 20)
        for case in changed:
            with self.subTest(case.name):
                self.assertNotEqual(case.bundle(bundle.config(["/bin/sh"])), good)

    def test_good_configuration_is_not_shared_between_cases(self):
        bad_inputs.setting("process.args", [])(bundle.config(["/bin/sh"]))
        self.assertEqual(bundle.config(["/bin/sh"])["process"]["args"], ["/bin/sh"])


class TallyTest(unittest.TestCase):
    def test_nothing_passed_is_a_failure(self):
        self.assertEqual(common.Tally().finish(), 1)


if __name__ == "__main__":
    unittest.main()
