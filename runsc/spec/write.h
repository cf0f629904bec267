// SPDX-License-Identifier: Apache-2.0
// The other direction: structures to JSON, for `runsc spec`, `runsc do` and the process of `runsc exec`.
#pragma once

#include <string>

#include "runsc/spec/spec.h"

namespace runsc::spec {

// What `runsc spec` writes: a shell on ./rootfs with the usual mounts, namespaces and hidden paths.
Spec DefaultSpec();

// All of the process. ParseProcess gives the same structure back.
std::string ProcessToJson(const Process& process);
// ociVersion, process, root, host names, mounts, annotations; of linux: namespaces, cgroupsPath, maskedPaths,
// readonlyPaths. Indented. Other sections are not written.
std::string SpecToJson(const Spec& spec);

}  // namespace runsc::spec
