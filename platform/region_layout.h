// SPDX-License-Identifier: Apache-2.0
// Where the platform's own pages lie in every guest address space. Included by assembler and C++: macros only.
//
// Filters compare only the upper halves of addresses: everything whose upper half is STUB_HIGH belongs to the platform,
// everything below STUB_GUEST_END to the guest; what lies between belongs to nobody. In STUB_VDSO_* lie the host's vvar
// and vdso pages, at a random place.
#pragma once

#define STUB_HIGH 0x7fff
#define STUB_BASE 0x7fff00000000
#define STUB_GUEST_BEGIN 0x10000
#define STUB_GUEST_END 0x7ffe00000000

#define STUB_VDSO_BEGIN (STUB_BASE + 0x90000000)
#define STUB_VDSO_END (STUB_BASE + 0xf0000000)
