// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "platform/systrap/systrap.h"
#include "platform/testing/platform_fixture.h"

namespace platform::testing {

class SystrapFixture : public PlatformFixture {
 public:
  base::Result<std::unique_ptr<Platform>> MakePlatform() override {
    return std::unique_ptr<Platform>(TRY(systrap::Systrap::Prepare({})));
  }
};

}  // namespace platform::testing
