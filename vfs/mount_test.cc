// SPDX-License-Identifier: Apache-2.0
// Mounts in the walk, against Linux. See vfs/testing/script.h for the language.
#include "vfs/operations.h"

#include <gtest/gtest.h>

#include "vfs/testing/script.h"

namespace vfs {
namespace {

TEST(MountTest, WalkUpAndDown) {
  CheckScript(R"(
    mkdir m 700 => ok
    mkdir m/under 755 => ok
    mkdir o 755 => ok
    mknod o/f f 644 => ok
    mount m mode=711 => ok
    stat m => dir 711 0:0 n=2
    where m/under => ENOENT
    mkdir m/in 755 => ok
    where m/in/.. => /m
    where m/.. => /
    where m/../o => /o
    where m/in/../../o/f => /o/f
    mount m mode=722 => ok
    stat m => dir 722 0:0 n=2
    where m/in => ENOENT
    where m/.. => /
    list . => .,..,m,o
    rmdir m => EBUSY
    rename m x => EBUSY
    rename o m => EBUSY
    unlink m => EISDIR
    mknod m/f f 644 => ok
    link o/f m/g => EXDEV
    rename o/f m/g => EXDEV
    rename m/f o/g => EXDEV
    umount m => ok
    where m/in => /m/in
    umount o => EINVAL
    umount m/in => EINVAL
    chdir m/in => ok
    umount /m => EBUSY
    cwd => /m/in
    where .. => /m
    where ../.. => /
    umount /m detach => ok
    where .. => /
    cwd => (unreachable)/in
    where /m/under => /m/under
    chdir / => ok
    umount m => EINVAL
    rmdir m/under => ok
    rmdir m => ok
  )");
}

TEST(MountTest, Binds) {
  CheckScript(R"(
    mkdir a 755 => ok
    mkdir a/b 755 => ok
    mkdir a/b/c 755 => ok
    mknod a/f f 644 => ok
    mkdir t 755 => ok
    mknod tf f 600 => ok
    bind a tf => ENOTDIR
    bind a/f t => ENOTDIR
    bind none t => ENOENT
    bind a/f tf => ok
    stat tf => file 644 0:0 n=1 s=0
    write tf hello => ok
    read a/f => [hello]
    unlink tf => EBUSY
    unlink a/f => ok
    read tf => [hello]
    umount tf => ok
    bind a/b t => ok
    where t/c => /t/c
    where t/c/../.. => /
    hold c t/c r+dir => ok
    fdwhere c => /t/c
    rename a/b/c a/c => ok
    fdwhere c => /
    where@c .. => ENOENT
    where@c . => /
    rename a/c a/b/c => ok
    where@c .. => /t
    rename a/b/c t/x => EXDEV
    link a/b/c t/x => EXDEV
    drop c => ok
    umount t => ok
    mount a/b size=1m => ok
    mkdir a/b/inner 755 => ok
    bind a t => ok
    list t/b => .,..,c
    umount t => ok
    rbind a t => ok
    list t/b => .,..,inner
    umount t => EBUSY
    umount t/b => ok
    list t/b => .,..,c
    umount t => ok
    move a/b t => ok
    list t => .,..,inner
    list a/b => .,..,c
    move a t => EINVAL
    mkdir t/inner2 755 => ok
    mount t/inner2 - => ok
    move t t/inner2 => ELOOP
    move t/inner2 tf => EINVAL
  )");
}

TEST(MountTest, ReadOnly) {
  CheckScript(R"(
    mkdir m 755 => ok
    mount m mode=777 => ok
    mkdir m/d 755 => ok
    mknod m/f f 755 => ok
    mknod m/p p 666 => ok
    symlink f m/l => ok
    hold f m/f rw => ok
    remount m ro => EBUSY
    drop f => ok
    hold f m/f r => ok
    remount m ro => ok
    open m/f r => ok
    open m/f w => EROFS
    open m/f r+trunc => EROFS
    open m/f w+creat 644 => EROFS
    open m/f w+creat+excl 644 => EEXIST
    open m/new w+creat 644 => EROFS
    open m/none w => ENOENT
    open m/d w => EISDIR
    mkdir m/x 755 => EROFS
    mkdir m/d 755 => EEXIST
    mknod m/x f 755 => EROFS
    symlink q m/x => EROFS
    link m/f m/x => EROFS
    link m/f m/l => EEXIST
    unlink m/f => EROFS
    unlink m/none => EROFS
    rmdir m/d => EROFS
    rmdir m/none => EROFS
    rename m/f m/x => EROFS
    rename m/none m/x => EROFS
    chmod m/f 600 => EROFS
    chown m/f 1 1 => EROFS
    truncate m/f 0 => EROFS
    touch m/f => EROFS
    setx m/f user.a 1 => EROFS
    removex m/f user.a => EROFS
    access m/f r => ok
    access m/f w => EROFS
    access m/p w => ok
    access m/f x => ok
    open m/d w+tmp 600 => EROFS
    remount m noexec => ok
    access m/f x => EACCES
    access m/d x => ok
    open m/f w => ok
  )");
}

}  // namespace
}  // namespace vfs
