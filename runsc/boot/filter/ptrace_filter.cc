// SPDX-License-Identifier: Apache-2.0
#include <sys/syscall.h>

#include "runsc/boot/filter/filter.h"

namespace runsc {

const FilterTable& PtraceFilter() {
  static const FilterTable kTable = {
      {SYS_ptrace, {}, "--platform=ptrace: running stubs. The pid namespace holds nothing else"},
  };
  return kTable;
}

}  // namespace runsc
