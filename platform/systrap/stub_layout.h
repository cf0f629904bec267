// SPDX-License-Identifier: Apache-2.0
// The stub region: where the platform's own pages lie in every guest address space, and what is in them. Included by
// assembler and C++: macros only.
//
//   STUB_CODE      code page (read, execute) and filter page (read): one image, mapped by the zygote, inherited
//   STUB_COMMAND   the helper's command page: read only here, written by the sentry, one per process
//   STUB_SLOTS     one slot per guest thread: context and alternate signal stack; shared with the sentry, writable by
//                  the guest: untrusted
#pragma once

#include "platform/region_layout.h"

#define STUB_CODE STUB_BASE
#define STUB_CODE_LOW 0x0
#define STUB_CODE_SIZE 0x1000
// The privileged zone is [STUB_CODE, STUB_CODE + STUB_ZONE_SIZE): only the helper's system calls come from there.
#define STUB_ZONE_SIZE 0x300
#define STUB_FILTERS (STUB_BASE + 0x1000)
#define STUB_FILTERS_SIZE 0x2000
#define STUB_IMAGE_SIZE 0x3000
// Behind the filters, four bytes for each number below HOT_NUMBERS: HOT_NEVER, or what comes along with the call.
#define HOT_NUMBERS 0x200
#define STUB_HOT_KINDS (STUB_FILTERS + STUB_FILTERS_SIZE - 4 * HOT_NUMBERS)

#define STUB_COMMAND_LOW 0x10000
#define STUB_COMMAND (STUB_BASE + STUB_COMMAND_LOW)

#define STUB_SLOTS_LOW 0x10000000
#define STUB_SLOTS (STUB_BASE + STUB_SLOTS_LOW)
#define STUB_SLOT_SHIFT 16
#define STUB_SLOT_SIZE 0x10000
#define STUB_SLOT_COUNT 0x8000
#define STUB_SLOTS_SIZE 0x80000000

// Numbers no kernel will ever give a system call: natively ENOSYS.
#define STUB_NR_FIRST 0x20000000
#define STUB_NR_WAIT 0x20000001
#define STUB_NR_PARK 0x20000002
#define STUB_NR_LAST 0x2000000f

// A reply to STUB_NR_WAIT or STUB_NR_PARK with this bit: sleep in a futex wait until the word differs from the low
// half.
#define STUB_REPLY_SLEEP_BIT 32

// The command page.
#define COMMAND_COOKIE 0
#define COMMAND_COUNT 8
#define COMMAND_WORD 16
#define COMMAND_NAME 32
#define COMMAND_ENTRIES 64
#define COMMAND_ENTRY_SIZE 64
#define COMMAND_ENTRY_MAX 63
// An entry: number, six arguments, kind.
#define ENTRY_NUMBER 0
#define ENTRY_ARGUMENTS 8
#define ENTRY_KIND 56
#define KIND_PLAIN 0
#define KIND_THREAD 1
#define KIND_FORK 2
#define KIND_EXCHANGE 3

// A slot: header, then the alternate signal stack. The first frame of a thread is made by the sentry.
#define SLOT_FS_BASE 0
#define SLOT_GS_BASE 8
#define SLOT_FRAME 16
#define SLOT_WORD 24
#define SLOT_START_WORD 28
// Hot calls (stub_hot_amd64.inc). The gate is the sentry's; the rest is the guest thread's while it may change.
#define SLOT_HOT_GATE 64
#define SLOT_HOT_STATE 128
#define SLOT_HOT_NUMBER 136
#define SLOT_HOT_ARGUMENTS 144
#define SLOT_HOT_RETURN 192
#define SLOT_HOT_FLAGS 200
#define SLOT_HOT_RESULT 208
// Bytes in SLOT_HOT_DATA that come along with the request, how many may come back with the answer, how many do, and
// where they go.
#define SLOT_HOT_BROUGHT 216
#define SLOT_HOT_ROOM 224
#define SLOT_HOT_TAKEN_ALONG 232
#define SLOT_HOT_INTO 240
#define SLOT_HOT_DATA 0x1000
#define SLOT_HOT_DATA_SIZE 0x4000
#define SLOT_STACK 0x5000
#define SLOT_FIRST_FRAME 0x9000
#define SLOT_FIRST_FPSTATE 0x9400

// The bits of SLOT_HOT_STATE. None: no call. The sentry takes a request by changing REQUEST into TAKEN; whoever finds
// no taker clears REQUEST again.
#define HOT_ASLEEP 1
#define HOT_ASLEEP_BIT 0
#define HOT_TAKEN 2
#define HOT_DONE 4
#define HOT_REQUEST 8
#define HOT_REQUEST_BIT 3
// How often a thread looks (with a pause between, some 30 ns) before it takes its request back, and before it sleeps.
#define HOT_TAKE_LOOKS 1000
#define HOT_DONE_LOOKS 1000

// What a patched call site jumps to: code, then data. At most HOT_ENTRY_COUNT in a page.
#define HOT_ENTRY_SIZE 64
#define HOT_ENTRY_DATA 32
// In the data: where the site goes on (behind its system call instruction), the address of the hot code, and unless
// that is the code for any number, the number and what comes along.
#define HOT_ENTRY_RETURN 0
#define HOT_ENTRY_NUMBER 8
#define HOT_ENTRY_CODE 16
#define HOT_ENTRY_BRING 24
// What comes along with a call, or'ed: what the call reads, what it fills, and how big a structure is.
#define HOT_IN_MASK 0xf
#define HOT_IN_BUFFER 1  // In rsi, rdx long, when there is room for it.
#define HOT_IN_STRUCT 2  // In rsi.
#define HOT_IN_PATH_0 3  // In rdi.
#define HOT_IN_PATH_1 4  // In rsi.
#define HOT_OUT_MASK 0xf0
#define HOT_OUT_BUFFER 0x10    // In rsi, rdx long.
#define HOT_OUT_STRUCT_0 0x20  // In rdi;
#define HOT_OUT_STRUCT_1 0x30  // rsi;
#define HOT_OUT_STRUCT_2 0x40  // rdx;
#define HOT_OUT_STRUCT_4 0x50  // r8.
// Longer ones do not come back this way: the guest's processor gets each cache line from the sentry's in the copying,
// and so more slowly than the host copies.
#define HOT_OUT_MOST 0x800
#define HOT_STRUCT_SHIFT 16
// Longer paths, with their null, do not come along.
#define HOT_PATH_SIZE 0x400
// Pointers below are null as a rule: not worth a fault.
#define HOT_LOWEST 0x1000
#define HOT_NEVER 0xffffffff

// The host signal that brings a thread into its handler (SIGUSR1).
#define STUB_KICK_SIGNAL 10
