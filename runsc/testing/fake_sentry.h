// SPDX-License-Identifier: Apache-2.0
// A sentry without a kernel, for tests of the process tree: its "processes" are script words. The arguments of a
// process are one of
//   exit CODE     ends with that code
//   die SIGNAL    ends as if killed by that signal
//   echo TEXT     writes TEXT and a newline to its standard output, then ends with 0
//   sleep         ends when it gets a signal (with that signal)
//   crash         the sentry itself dies
//   probe         writes what the sandbox process is and has (ids, capabilities, root, descriptors), then ends with 0
// and for the first process also
//   refuse TEXT   RunSentry fails with TEXT before it is ready
#pragma once

#include "runsc/boot/boot.h"

namespace runsc {

int FakeSentry(BootConfig config, Fds fds);

}  // namespace runsc
