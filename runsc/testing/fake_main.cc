// SPDX-License-Identifier: Apache-2.0
// The main function of runsc_test: without arguments of a hidden command it runs the tests; with one it is the gofer,
// the sentry (the fake one), or, as "runsc ...", the whole command line.
#include <cstring>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runsc/cmd/command.h"
#include "runsc/sandbox/entry.h"
#include "runsc/testing/fake_sentry.h"

int main(int argc, char** argv) {
  runsc::EntryPoints entry;
  entry.sentry = &runsc::FakeSentry;
  entry.gofer = &gofer::RunGofer;
  if (argc > 1 && (strcmp(argv[1], "gofer") == 0 || strcmp(argv[1], "sentry") == 0)) {
    return runsc::RunscMain(argc, argv, entry);
  }
  if (argc > 1 && strcmp(argv[1], "runsc") == 0) return runsc::RunscMain(argc - 1, argv + 1, entry);
  testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
