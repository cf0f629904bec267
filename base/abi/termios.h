// SPDX-License-Identifier: Apache-2.0
// Terminals (ioctl_tty(2), termios(3)) as the kernel lays them out.
#pragma once

#include <cstddef>
#include <cstdint>

namespace base::abi {

// struct termios.
struct Termios {
  uint32_t input = 0;
  uint32_t output = 0;
  uint32_t control = 0;
  uint32_t local = 0;
  uint8_t line = 0;
  uint8_t characters[19] = {};
};
static_assert(sizeof(Termios) == 36);

// struct termios2: with arbitrary speeds.
struct Termios2 {
  Termios base;
  uint32_t input_speed = 0;
  uint32_t output_speed = 0;
};
static_assert(sizeof(Termios2) == 44);

// struct termio, of System V: the lower halves of the flags.
struct Termio {
  uint16_t input = 0, output = 0, control = 0, local = 0;
  uint8_t line = 0;
  uint8_t characters[8] = {};
  uint8_t padding = 0;
};
static_assert(sizeof(Termio) == 18);

struct WindowSize {
  uint16_t rows = 0, columns = 0, width = 0, height = 0;
  friend bool operator==(const WindowSize&, const WindowSize&) = default;
};
static_assert(sizeof(WindowSize) == 8);

// Where a character does not exist.
inline constexpr uint8_t kNoCharacter = 0;

// What <termios.h> does not name.
inline constexpr uint32_t kExtproc = 0200000;
inline constexpr uint32_t kTcgets2 = 0x802c542a, kTcsets2 = 0x402c542b, kTcsetsw2 = 0x402c542c, kTcsetsf2 = 0x402c542d;

}  // namespace base::abi
