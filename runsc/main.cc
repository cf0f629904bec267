// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "base/version.h"

int main() {
  std::printf("runsc version %s\n", base::Version());
  return 0;
}
