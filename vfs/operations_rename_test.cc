// SPDX-License-Identifier: Apache-2.0
// Rename, against Linux. See vfs/testing/script.h for the language.
#include "vfs/operations.h"

#include <gtest/gtest.h>

#include "vfs/testing/script.h"

namespace vfs {
namespace {

TEST(RenameTest, Rules) {
  CheckScript(R"(
    mkdir a 755 => ok
    mkdir a/b 755 => ok
    mkdir a/b/c 755 => ok
    mkdir e 755 => ok
    mknod f f 644 => ok
    mknod g f 644 => ok
    symlink f l => ok
    symlink a la => ok
    rename none x => ENOENT
    rename none none => ENOENT
    rename f none/x => ENOENT
    rename f g/x => ENOTDIR
    rename f x/ => ENOTDIR
    rename f/ x => ENOTDIR
    rename f . => EBUSY
    rename f .. => EBUSY
    rename f / => EBUSY
    rename . x => EBUSY
    rename .. x => EBUSY
    rename / x => EBUSY
    rename a/. x => EBUSY
    rename a/.. x => EBUSY
    rename f a => EISDIR
    rename f a/ => ENOTDIR
    rename a f => ENOTDIR
    rename a f/ => ENOTDIR
    rename a a => ok
    rename f f => ok
    rename a a/b => EINVAL
    rename a a/x => EINVAL
    rename a a/b/c => EINVAL
    rename a a/b/c/x => EINVAL
    rename a/b/c a => ENOTEMPTY
    rename a/b a => ENOTEMPTY
    rename e a => ENOTEMPTY
    rename a/b/c e => ok
    list e => .,..
    where a/b/c => ENOENT
    rename a/b/ e/ => ok
    stat a => dir 755 0:0 n=2
    rename e a/n/ => ok
    stat a => dir 755 0:0 n=3
    rename a/n a/m => ok
    stat a => dir 755 0:0 n=3
    rename la lb => ok
    rename lb/ x => ENOTDIR
    readlink lb => a
    rename a lb => ENOTDIR
    rename a lb/ => ENOTDIR
    rename l g => ok
    readlink g => f
    link f h => ok
    rename f h => ok
    stat f => file 644 0:0 n=2 s=0
    stat h => file 644 0:0 n=2 s=0
    list . => .,..,a,f,g,h,lb
    rename - x => ENOENT
    rename f - => ENOENT
  )");
}

TEST(RenameTest, Flags) {
  CheckScript(R"(
    mkdir d 755 => ok
    mkdir d/s 755 => ok
    mkdir d2 755 => ok
    mknod f f 644 => ok
    mknod g f 600 => ok
    mknod d2/i f 640 => ok
    rename f g both => EINVAL
    rename f g noreplace => EEXIST
    rename f f noreplace => EEXIST
    rename f . noreplace => EEXIST
    rename . f noreplace => EBUSY
    rename f new noreplace => ok
    rename new f noreplace => ok
    rename f none exchange => ENOENT
    rename none f exchange => ENOENT
    rename f g exchange => ok
    stat f => file 600 0:0 n=1 s=0
    stat g => file 644 0:0 n=1 s=0
    rename f d exchange => ok
    stat d => file 600 0:0 n=1 s=0
    stat f => dir 755 0:0 n=3
    rename f/ d exchange => ok
    rename f d/ exchange => ok
    rename f d exchange => ok
    rename d d/s exchange => EINVAL
    rename d/s d exchange => EINVAL
    rename d/s d2/i exchange => ok
    stat d => dir 755 0:0 n=2
    stat d2 => dir 755 0:0 n=3
    stat d/s => file 640 0:0 n=1 s=0
    stat d2/i => dir 755 0:0 n=2
    where d2/i/.. => /d2
    list d => .,..,s
    hold h d2/i r+dir => ok
    rename d2/i d/s exchange => ok
    fdwhere h => /d/s
    where@h .. => /d
  )");
}

TEST(RenameTest, Permissions) {
  CheckScript(R"(
    mkdir a 777 => ok
    mkdir b 777 => ok
    mkdir ro 755 => ok
    mknod ro/f f 666 => ok
    mkdir a/d 755 => ok
    mkdir a/d7 777 => ok
    mknod a/f f 600 => ok
    as 1 1 => ok
    rename ro/f a/x => EACCES
    rename a/f ro/x => EACCES
    rename a/f ro/f => EACCES
    rename a/d b/d => EACCES
    rename a/d a/e => ok
    rename a/d7 b/d7 => ok
    rename a/f b/f => ok
    rename ro/none a/x => ENOENT
  )");
}

}  // namespace
}  // namespace vfs
