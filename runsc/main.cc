// SPDX-License-Identifier: Apache-2.0
#include "gofer/server/gofer.h"
#include "runsc/boot/boot.h"
#include "runsc/cmd/command.h"
#include "runsc/sandbox/entry.h"

int main(int argc, char** argv) {
  runsc::EntryPoints entry;
  entry.sentry = &runsc::RunSentry;
  entry.gofer = &gofer::RunGofer;
  return runsc::RunscMain(argc, argv, entry);
}
