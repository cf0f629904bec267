// SPDX-License-Identifier: Apache-2.0
#include "runsc/boot/boot.h"

namespace runsc {

int RunSentry(BootConfig config, Fds fds) {
  fds.runsc.Fail(config.spec_name + ": this build has no kernel");
  return 1;
}

}  // namespace runsc
