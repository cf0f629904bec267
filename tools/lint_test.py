#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Unit tests of lint.py: each check against a good and a bad sample tree."""

import pathlib
import tempfile
import unittest

import lint

HEAD = "// SPDX-License-Identifier: Apache-2.0\n"


class TreeTest(unittest.TestCase):
    """A tree in a temporary directory."""

    def setUp(self):
        self._directory = tempfile.TemporaryDirectory()
        self.root = pathlib.Path(self._directory.name)

    def tearDown(self):
        self._directory.cleanup()

    def write(self, path, text, head=HEAD):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(head + text)

    def found(self, only=lint.FILE_CHECKS):
        return [(f.check, f.path, f.line) for f in lint.lint(self.root, only)]

    def assert_clean(self, only=lint.FILE_CHECKS):
        self.assertEqual(self.found(only), [])


class FileCheckTest(TreeTest):

    def test_good_tree_is_clean(self):
        self.write("base/errno.h", "#pragma once\n")
        self.write("vfs/inode.h", '#pragma once\n#include "base/errno.h"\n')
        self.write("vfs/inode.cc", '#include "vfs/inode.h"\n\n#include <sys/stat.h>\n\n#include "absl/strings/str_cat.h"\n')
        self.assert_clean()

    def test_missing_spdx(self):
        self.write("base/a.cc", "int x;\n", head="")
        self.write("base/CMakeLists.txt", "runsc_library(base)\n", head="")
        self.assertEqual(self.found(), [("spdx", "base/CMakeLists.txt", 1), ("spdx", "base/a.cc", 1)])

    def test_missing_pragma_once(self):
        self.write("base/a.h", "// #pragma once\n")
        self.assertEqual(self.found(), [("pragma-once", "base/a.h", 1)])

    def test_length_needs_a_reason(self):
        self.write("base/a.cc", "\n" * lint.MAX_LINES)
        self.write("base/b.cc", "// Length: one table\n" + "\n" * lint.MAX_LINES)
        self.write("base/c.cc", "\n" * (lint.MAX_LINES - 1))
        self.assertEqual(self.found(), [("file-length", "base/a.cc", lint.MAX_LINES + 1)])

    def test_include_upward(self):
        self.write("sentry/a.h", "#pragma once\n")
        self.write("base/b.cc", '#include "sentry/a.h"\n')
        self.write("vfs/c.cc", '#include "sentry/a.h"\n')
        self.write("syscalls/d.cc", '#include "sentry/a.h"\n')
        self.assertEqual(self.found(), [("layering", "base/b.cc", 2), ("layering", "vfs/c.cc", 2)])

    def test_vfs_knows_only_the_gofer_protocol(self):
        self.write("gofer/gofer.proto", "")
        self.write("gofer/protocol.h", "#pragma once\n")
        self.write("gofer/server.h", "#pragma once\n")
        self.write("vfs/a.cc", '#include "gofer/gofer.pb.h"\n#include "gofer/protocol.h"\n#include "gofer/server.h"\n')
        self.assertEqual(self.found(), [("layering", "vfs/a.cc", 4)])

    def test_guest_programs_know_linux_only(self):
        self.write("base/abi/wait.h", "#pragma once\n")
        self.write("base/errno.h", "#pragma once\n")
        self.write("tests/syscalls/a_test.cc", '#include "base/abi/wait.h"\n#include "base/errno.h"\n')
        self.assertEqual(self.found(), [("layering", "tests/syscalls/a_test.cc", 3)])

    def test_include_style(self):
        self.write("base/a.h", "#pragma once\n")
        self.write("base/a.cc", '#include <vector>\n#include "base/a.h"\n')
        self.write("base/b.cc", "#include <base/a.h>\n")
        self.write("base/c.cc", '#include "a.h"\n')
        self.assertEqual(self.found(), [("include-style", "base/a.cc", 2), ("include-style", "base/b.cc", 2),
                                       ("include-style", "base/c.cc", 2)])

    def test_banned_locks(self):
        self.write("vfs/a.cc", "absl::Mutex mu;\nstd::mutex mu2;\nstd::lock_guard<M> l(mu2);\n")
        self.assertEqual(self.found(), [("absl-mutex", "vfs/a.cc", 2), ("std-thread", "vfs/a.cc", 3),
                                       ("std-thread", "vfs/a.cc", 4)])

    def test_std_locks_where_they_belong(self):
        for path in ("base/mutex.h", "sentry/sched/worker.cc", "vfs/a_test.cc", "tests/syscalls/a_test.cc"):
            self.write(path, "#pragma once\nstd::mutex mu;\n")
        self.assert_clean()

    def test_comments_and_strings_are_no_code(self):
        self.write("vfs/a.cc", 'const char* s = "std::mutex"; // std::mutex\n/* thread_local\nasm */ char c = \'"\'; int n = 1\'000;\n')
        self.assert_clean()

    def test_code_after_tricky_literals_is_seen(self):
        self.write("vfs/a.cc", 'char c = \'"\'; std::mutex m;\nauto r = R"(")"; thread_local int n = 1\'000;\n')
        self.assertEqual(self.found(), [("std-thread", "vfs/a.cc", 2), ("thread-local", "vfs/a.cc", 3)])

    def test_danger_is_quarantined_by_name(self):
        text = "auto p = reinterpret_cast<int*>(q); asm volatile(\"\");\n"
        self.write("platform/stub_unsafe.cc", text)
        self.write("platform/stub_amd64.cc", text)
        self.write("platform/stub.cc", text)
        self.assertEqual(self.found(), [("inline-asm", "platform/stub.cc", 2), ("unsafe-cast", "platform/stub.cc", 2)])

    def test_using_namespace(self):
        self.write("base/a_test.cc", "using namespace std;\n")
        self.write("base/b.cc", "using std::string;\n")
        self.assertEqual(self.found(), [("using-namespace", "base/a_test.cc", 2)])

    def test_libraries_of_the_command_line(self):
        self.write("vfs/a.cc", "#include <glog/logging.h>\n")
        self.write("runsc/a.cc", "#include <glog/logging.h>\n")
        self.assertEqual(self.found(), [("runsc-only", "vfs/a.cc", 2)])

    def test_boost_in_one_place(self):
        self.write("sentry/task/a.cc", "#include <boost/context/detail/fcontext.hpp>\n")
        self.write("sentry/sched/a.cc", "#include <boost/context/detail/fcontext.hpp>\n")
        self.assertEqual(self.found(), [("boost-context", "sentry/task/a.cc", 2)])

    def test_todo_needs_a_type(self):
        self.write("vfs/a.cc", "// TODO: later\n// TODO(perf): batch the walks\n// TODO(bob): x\n")
        self.assertEqual(self.found(), [("todo-type", "vfs/a.cc", 2), ("todo-type", "vfs/a.cc", 4)])

    def test_heavy_header(self):
        self.write("vfs/a.h", '#pragma once\n#include "absl/container/flat_hash_map.h"\n')
        self.write("vfs/b.cc", '#include "absl/container/flat_hash_map.h"\n')
        self.assertEqual(self.found(), [("heavy-header", "vfs/a.h", 3)])

    def test_dead_link(self):
        self.write("docs/B.md", "", head="")
        self.write("docs/A.md", "[b](B.md) [c](C.md) [web](https://example.org/x) [part](B.md#part)\n", head="")
        self.assertEqual(self.found(), [("doc-link", "docs/A.md", 1)])

    def test_allow_list(self):
        self.write("vfs/a.h", '#pragma once\n#include "absl/container/flat_hash_map.h"\n')
        self.write("tools/lint_allow.txt", "heavy-header vfs/a.h  # the map is the class\n", head="")
        self.assert_clean()

    def test_allow_list_entry_without_reason_or_use(self):
        self.write("vfs/a.cc", "\n")
        self.write("tools/lint_allow.txt", "using-namespace vfs/a.cc\nspdx vfs/a.cc  # generated\n", head="")
        self.assertEqual(self.found(), [("allow-list", "tools/lint_allow.txt", 1), ("allow-list", "tools/lint_allow.txt", 2)])

    def test_build_directories_are_not_read(self):
        self.write("build/dev/a.cc", "using namespace std;\n", head="")
        self.assert_clean()


class ToolTest(TreeTest):

    def test_header_that_needs_another_include(self):
        self.write("base/a.h", "#pragma once\n\ninline std::string A() { return {}; }\n")
        self.write("base/b.h", "#pragma once\n\n#include <string>\n\ninline std::string B() { return {}; }\n")
        self.assertEqual(self.found(("self-contained",)), [("self-contained", "base/a.h", 1)])

    def test_header_that_its_own_source_proves_is_left_to_the_build(self):
        self.write("base/a.h", "#pragma once\n\ninline std::string A() { return {}; }\n")
        self.write("base/a.cc", '#include "base/a.h"\n')
        self.assert_clean(("self-contained",))
        self.write("base/a.cc", '#include <string>\n\n#include "base/a.h"\n')
        self.assertEqual(self.found(("self-contained",)), [("self-contained", "base/a.h", 1)])

    def test_header_is_checked_again_when_what_it_includes_changes(self):
        self.write("base/b.h", "#pragma once\n\n#include <string>\n")
        self.write("base/a.h", '#pragma once\n\n#include "base/b.h"\n\ninline std::string A() { return {}; }\n')
        self.assert_clean(("self-contained",))
        self.write("base/b.h", "#pragma once\n")
        self.assertEqual(self.found(("self-contained",)), [("self-contained", "base/a.h", 1)])

    def test_format(self):
        self.write(".clang-format", "BasedOnStyle: Google\nColumnLimit: 120\n", head="# SPDX-License-Identifier: Apache-2.0\n")
        self.write("base/a.cc", "int  x;\n")
        self.write("base/b.cc", "int x;\n")
        self.assertEqual(self.found(("format",)), [("format", "base/a.cc", 2)])


if __name__ == "__main__":
    unittest.main()
