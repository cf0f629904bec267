// SPDX-License-Identifier: Apache-2.0
#include "sentry/fs/cpu_info_amd64.h"

#include <cpuid.h>

#include <cstring>

namespace sentry {
namespace {

struct Registers {
  uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};

Registers CpuId(uint32_t leaf, uint32_t subleaf = 0) {
  Registers r;
  if (__get_cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx) == 0) return {};
  return r;
}

struct Flag {
  int bit;
  const char* name;
};

constexpr Flag kLeaf1Edx[] = {{0, "fpu"},  {1, "vme"},   {2, "de"},    {3, "pse"},   {4, "tsc"},    {5, "msr"},
                              {6, "pae"},  {7, "mce"},   {8, "cx8"},   {9, "apic"},  {11, "sep"},   {12, "mtrr"},
                              {13, "pge"}, {14, "mca"},  {15, "cmov"}, {16, "pat"},  {17, "pse36"}, {19, "clflush"},
                              {23, "mmx"}, {24, "fxsr"}, {25, "sse"},  {26, "sse2"}, {28, "ht"}};
constexpr Flag kLeaf1Ecx[] = {{0, "pni"},     {1, "pclmulqdq"}, {9, "ssse3"},  {12, "fma"},    {13, "cx16"},
                              {19, "sse4_1"}, {20, "sse4_2"},   {22, "movbe"}, {23, "popcnt"}, {25, "aes"},
                              {26, "xsave"},  {28, "avx"},      {29, "f16c"},  {30, "rdrand"}, {31, "hypervisor"}};
constexpr Flag kExtendedEdx[] = {{11, "syscall"}, {20, "nx"}, {26, "pdpe1gb"}, {27, "rdtscp"}, {29, "lm"}};
constexpr Flag kExtendedEcx[] = {{0, "lahf_lm"}, {5, "abm"}, {6, "sse4a"}};
constexpr Flag kLeaf7Ebx[] = {{3, "bmi1"},      {5, "avx2"},      {8, "bmi2"},     {9, "erms"},        {16, "avx512f"},
                              {17, "avx512dq"}, {18, "rdseed"},   {19, "adx"},     {23, "clflushopt"}, {24, "clwb"},
                              {29, "sha_ni"},   {30, "avx512bw"}, {31, "avx512vl"}};

template <size_t N>
void Append(std::string& text, uint32_t word, const Flag (&flags)[N]) {
  for (const Flag& flag : flags) {
    if ((word >> flag.bit & 1) == 0) continue;
    if (!text.empty()) text += ' ';
    text += flag.name;
  }
}

}  // namespace

CpuInfo ReadCpuInfo() {
  CpuInfo info;
  Registers vendor = CpuId(0);
  char text[13] = {};
  memcpy(text, &vendor.ebx, 4);
  memcpy(text + 4, &vendor.edx, 4);
  memcpy(text + 8, &vendor.ecx, 4);
  info.vendor = text;
  Registers version = CpuId(1);
  info.family = (version.eax >> 8 & 0xf);
  info.model = (version.eax >> 4 & 0xf);
  if (info.family >= 6) info.model |= (version.eax >> 16 & 0xf) << 4;
  if (info.family == 0xf) info.family += version.eax >> 20 & 0xff;
  info.stepping = version.eax & 0xf;
  for (uint32_t leaf = 0x80000002; leaf <= 0x80000004; ++leaf) {
    Registers part = CpuId(leaf);
    char bytes[17] = {};
    memcpy(bytes, &part.eax, 4);
    memcpy(bytes + 4, &part.ebx, 4);
    memcpy(bytes + 8, &part.ecx, 4);
    memcpy(bytes + 12, &part.edx, 4);
    info.name += bytes;
  }
  Registers extended = CpuId(0x80000001);
  Append(info.flags, version.edx, kLeaf1Edx);
  Append(info.flags, extended.edx, kExtendedEdx);
  Append(info.flags, version.ecx, kLeaf1Ecx);
  Append(info.flags, extended.ecx, kExtendedEcx);
  Append(info.flags, CpuId(7).ebx, kLeaf7Ebx);
  return info;
}

}  // namespace sentry
