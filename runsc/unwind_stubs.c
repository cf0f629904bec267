// SPDX-License-Identifier: Apache-2.0
//
// glog's archive calls libunwind for the stack trace it prints on a fatal error. Debian's libunwind.a is not
// position-independent, so it cannot be part of a static-PIE. These four functions stand in for it: a walk that fails
// at its first step. A fatal log line then has no trace; everything else of glog works.

typedef int UnwindResult;
enum { kUnwindUnspecified = -1 };  // UNW_EUNSPEC of libunwind.h

UnwindResult _Ux86_64_getcontext(void* context);
UnwindResult _ULx86_64_init_local(void* cursor, void* context);
UnwindResult _ULx86_64_step(void* cursor);
UnwindResult _ULx86_64_get_reg(void* cursor, int number, unsigned long* value);

UnwindResult _Ux86_64_getcontext(void* context) {
  (void)context;
  return kUnwindUnspecified;
}

UnwindResult _ULx86_64_init_local(void* cursor, void* context) {
  (void)cursor;
  (void)context;
  return kUnwindUnspecified;
}

UnwindResult _ULx86_64_step(void* cursor) {
  (void)cursor;
  return kUnwindUnspecified;
}

UnwindResult _ULx86_64_get_reg(void* cursor, int number, unsigned long* value) {
  (void)cursor;
  (void)number;
  *value = 0;
  return kUnwindUnspecified;
}
