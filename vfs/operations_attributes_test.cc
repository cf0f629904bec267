// SPDX-License-Identifier: Apache-2.0
// Attributes and extended attributes, against Linux. See vfs/testing/script.h for the language.
#include "vfs/operations.h"

#include <gtest/gtest.h>

#include "vfs/testing/script.h"

namespace vfs {
namespace {

TEST(AttributeTest, ChangeModeAndOwner) {
  CheckScript(R"(
    mkdir t 777 => ok
    mknod t/f f 6755 => ok
    chown t/f 1 1 => ok
    stat t/f => file 755 1:1 n=1 s=0
    chmod t/f 6755 => ok
    stat t/f => file 6755 1:1 n=1 s=0
    chown t/f - - => ok
    stat t/f => file 755 1:1 n=1 s=0
    chmod t/f 2644 => ok
    chown t/f 1 1 => ok
    stat t/f => file 2644 1:1 n=1 s=0
    as 1 1 group=5,6 => ok
    chmod t/f 7777 => ok
    stat t/f => file 7777 1:1 n=1 s=0
    chown t/f 2 - => EPERM
    chown t/f 1 - => ok
    stat t/f => file 1777 1:1 n=1 s=0
    chown t/f - 5 => ok
    chown t/f 1 6 => ok
    chown t/f - 9 => EPERM
    stat t/f => file 1777 1:6 n=1 s=0
    as 1 1 => ok
    chmod t/f 2755 => ok
    stat t/f => file 755 1:6 n=1 s=0
    as 1 1 caps=4 => ok
    chmod t/f 2755 => ok
    stat t/f => file 2755 1:6 n=1 s=0
    as 2 2 => ok
    chmod t/f 0 => EPERM
    chown t/f - - => EPERM
    chown t/f 2 2 => EPERM
    chown t/f 1 6 => EPERM
    as 1 1 => ok
    chmod t/f 755 => ok
    as 2 2 => ok
    chown t/f - - => ok
    as 2 2 caps=0 => ok
    chown t/f 2 2 => ok
    chmod t/none 0 => ENOENT
    as 0 0 => ok
    mkdir t/d 6755 => ok
    stat t/d => dir 755 0:0 n=2
    chmod t/d 6755 => ok
    chown t/d 1 1 => ok
    stat t/d => dir 6755 1:1 n=2
    symlink f t/l => ok
    lchown t/l 8 8 => ok
    lstat t/l => link 777 8:8 n=1
    chown t/l 9 9 => ok
    stat t/f => file 755 9:9 n=1 s=0
    chmod t/l 600 => ok
    stat t/f => file 600 9:9 n=1 s=0
    lstat t/l => link 777 8:8 n=1
  )");
}

TEST(AttributeTest, WritingClearsSetIdBits) {
  CheckScript(R"(
    mknod f f 6777 => ok
    chown f 1 1 => ok
    chmod f 6777 => ok
    write f x => ok
    stat f => file 6777 1:1 n=1 s=1
    as 2 2 => ok
    write f yy => ok
    stat f => file 777 1:1 n=1 s=2
    as 0 0 => ok
    chmod f 6777 => ok
    as 2 2 => ok
    truncate f 0 => ok
    stat f => file 777 1:1 n=1 s=0
    as 0 0 => ok
    chmod f 6777 => ok
    as 2 2 => ok
    open f r+trunc => ok
    stat f => file 777 1:1 n=1 s=0
    as 0 0 => ok
    chmod f 2767 => ok
    as 2 2 => ok
    write f zz => ok
    stat f => file 767 1:1 n=1 s=2
    as 0 0 => ok
    chmod f 2767 => ok
    as 2 1 => ok
    write f zz => ok
    stat f => file 2767 1:1 n=1 s=2
  )");
}

TEST(AttributeTest, TruncateAndTimes) {
  CheckScript(R"(
    mkdir d 755 => ok
    mknod f f 644 => ok
    mknod p p 644 => ok
    symlink f l => ok
    truncate f 10 => ok
    stat f => file 644 0:0 n=1 s=10
    truncate l 3 => ok
    stat f => file 644 0:0 n=1 s=3
    truncate f -1 => EINVAL
    truncate d 0 => EISDIR
    truncate p 0 => EINVAL
    truncate none 0 => ENOENT
    truncate f 5000 => ok
    stat f => file 644 0:0 n=1 s=5000
    truncate f 4096 => ok
    truncate f 4097 => ok
    stat f => file 644 0:0 n=1 s=4097
    as 1 1 => ok
    truncate f 0 => EACCES
    touch f => EACCES
    settime f => EPERM
    halfnow f => EPERM
    as 0 0 => ok
    chmod f 666 => ok
    as 1 1 => ok
    touch f => ok
    settime f => EPERM
    halfnow f => EPERM
    as 1 1 caps=3 => ok
    settime f => ok
    as 1 1 caps=1 => ok
    settime f => EPERM
  )");
}

TEST(XattrTest, NamesValuesAndPermissions) {
  CheckScript(R"(
    mkdir d 777 => ok
    mkdir st 1777 => ok
    mknod f f 644 => ok
    mknod p p 666 => ok
    symlink f l => ok
    getx f user.a => ENODATA
    setx f user.a 1 => ok
    setx f user.a 2 create => EEXIST
    setx f user.b 2 replace => ENODATA
    setx f user.b 2 create => ok
    setx f user.a 3 replace => ok
    getx f user.a => [3]
    setx f trusted.t 4 => ok
    listx f => trusted.t,user.a,user.b
    setx f user. 1 => EINVAL
    setx f nothing 1 => EOPNOTSUPP
    setx f nothing.a 1 => EOPNOTSUPP
    getx f nothing.a => EOPNOTSUPP
    removex f nothing.a => EOPNOTSUPP
    removex f user.c => ENODATA
    removex f user.b => ok
    setx p user.a 1 => EPERM
    getx p user.a => ENODATA
    setx l user.a 1 => EPERM
    setx l trusted.a 1 => ok
    listx l => trusted.a
    getx none user.a => ENOENT
    as 1 1 => ok
    listx f => user.a
    getx f user.a => [3]
    setx f user.a 1 => EACCES
    removex f user.a => EACCES
    getx f trusted.t => ENODATA
    setx f trusted.t 1 => EPERM
    removex f trusted.t => EPERM
    setx d user.a 1 => ok
    setx st user.a 1 => EPERM
    setx f security.capability x => EINVAL
    setx f security.other x => EPERM
  )");
}

}  // namespace
}  // namespace vfs
