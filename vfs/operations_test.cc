// SPDX-License-Identifier: Apache-2.0
// Opening, making and removing names, access rules, against Linux. See vfs/testing/script.h for the language.
#include "vfs/operations.h"

#include <gtest/gtest.h>

#include <string>

#include "vfs/testing/script.h"

namespace vfs {
namespace {

TEST(OpenTest, Flags) {
  CheckScript(R"(
    mkdir d 755 => ok
    mknod f f 644 => ok
    write f hello => ok
    symlink f lf => ok
    symlink d ld => ok
    symlink made dangling => ok
    symlink nodir/made dangling2 => ok
    open f r => ok
    open f w => ok
    open f rw => ok
    open f r+dir => ENOTDIR
    open f/ r => ENOTDIR
    open d r => ok
    open d/ r => ok
    open d w => EISDIR
    open d rw => EISDIR
    open d r+trunc => EISDIR
    open d r+creat => EISDIR
    open d r+creat+dir 644 => EINVAL
    open . r => ok
    open . w => EISDIR
    open .. r+creat => EISDIR
    open . r+creat+excl => EEXIST
    open / r+creat => EISDIR
    open / r+creat+excl => EEXIST
    open none r => ENOENT
    open none w+trunc => ENOENT
    open none/ w+creat 644 => EISDIR
    open d/ w+creat 644 => EISDIR
    open f/ w+creat 644 => EISDIR
    open f/x w+creat 644 => ENOTDIR
    open none/x w+creat 644 => ENOENT
    open f w+creat 600 => ok
    open f w+creat+excl 600 => EEXIST
    open d w+creat+excl 600 => EEXIST
    open lf w+creat+excl 600 => EEXIST
    open lf r+nofollow => ELOOP
    open lf w+creat+nofollow 600 => ELOOP
    open ld r+nofollow => ELOOP
    open ld/ r+nofollow => ok
    open ld r+dir+nofollow => ENOTDIR
    open lf r+path+nofollow => ok
    open ld r+path+nofollow+dir => ENOTDIR
    open dangling r => ENOENT
    open dangling w+creat+excl 600 => EEXIST
    open dangling w+creat+nofollow 600 => ELOOP
    open dangling w+creat 640 => ok
    stat made => file 640 0:0 n=1 s=0
    open dangling2 w+creat 640 => ENOENT
    stat f => file 644 0:0 n=1 s=5
    open f r+trunc => ok
    stat f => file 644 0:0 n=1 s=0
    write f hello => ok
    open f w+creat+trunc 600 => ok
    stat f => file 644 0:0 n=1 s=0
    open new w+creat 4755 => ok
    stat new => file 4755 0:0 n=1 s=0
    open new2 r+creat 0 => ok
    stat new2 => file 0 0:0 n=1 s=0
    mknod s s 600 => ok
    open s r => ENXIO
    open s r+path => ok
    open s rw+nonblock => ENXIO
    open f r+direct => ok
  )");
}

TEST(OpenTest, Unnamed) {
  CheckScript(R"(
    mkdir d 755 => ok
    mknod f f 644 => ok
    open d r+tmp 600 => EINVAL
    open d w+tmp 600 => ok
    open d rw+tmp+creat 600 => EINVAL
    open f w+tmp 600 => ENOTDIR
    open none w+tmp 600 => ENOENT
    list d => .,..
    hold t d rw+tmp 640 => ok
    fdwrite t hi => ok
    as 1000 1000 => ok
    open d w+tmp 600 => EACCES
  )");
}

TEST(OpenTest, KeptOpen) {
  CheckScript(R"(
    mkdir d 755 => ok
    mknod d/f f 644 => ok
    hold f d/f rw => ok
    hold a d/f w+append => ok
    fdwrite f one => ok
    fdwrite a two => ok
    fdwrite f X => ok
    read d/f => [oneXwo]
    fdread f => [wo]
    fdread a => EBADF
    fdwhere f => /d/f
    rename d/f d/g => ok
    fdwhere f => /d/g
    rename d e => ok
    fdwhere f => /e/g
    unlink e/g => ok
    fdwhere f => /e/g (deleted)
    fdwrite f more => ok
    mknod e/g f 600 => ok
    fdwhere f => /e/g (deleted)
    read e/g => []
    hold r e/g r => ok
    fdwrite r x => EBADF
    rename e/g e/h => ok
    mknod e/g f 600 => ok
    rename e/g e/h => ok
    fdwhere r => /e/h (deleted)
  )");
}

TEST(OpenTest, Permissions) {
  CheckScript(R"(
    mkdir d 777 => ok
    mknod d/r f 444 => ok
    mknod d/w f 222 => ok
    mknod d/x f 111 => ok
    mknod d/own f 70 => ok
    chown d/own 1000 0 => ok
    mknod d/group f 606 => ok
    chown d/group 0 50 => ok
    mkdir ro 555 => ok
    mknod ro/f f 666 => ok
    as 1000 1000 group=50 => ok
    open d/r r => ok
    open d/r w => EACCES
    open d/r rw => EACCES
    open d/r r+trunc => EACCES
    open d/w r => EACCES
    open d/w w => ok
    open d/w rw => EACCES
    open d/x r => EACCES
    open d/x r+path => ok
    open d/own r => EACCES
    open d/group r => EACCES
    open ro/new w+creat 644 => EACCES
    open ro/f w+creat 644 => ok
    open ro/f w+creat+excl 644 => EEXIST
    open d/new w+creat 444 => ok
    stat d/new => file 444 1000:1000 n=1 s=0
    open d/new w => EACCES
    open d/new2 w+creat 0 => ok
    open d/r r+noatime => EPERM
    open d/new r+noatime => ok
    chmod d/r 644 => EPERM
    chmod d/new 2666 => ok
    stat d/new => file 2666 1000:1000 n=1 s=0
    as 1000 1000 caps=1 => ok
    open d/r w => ok
    open d/x r => ok
    open d/own rw => ok
    open ro/new w+creat 644 => ok
    as 1000 1000 caps=2 => ok
    open d/w r => ok
    open d/w rw => EACCES
    open d/r w => EACCES
    as 1000 1000 caps=3 => ok
    open d/r r+noatime => ok
    chmod d/r 644 => ok
    as 0 0 caps=40 => ok
    open d/own r => ok
    open d/new2 r => EACCES
    as 0 0 => ok
    open d/new2 rw => ok
  )");
}

TEST(AccessTest, Matrix) {
  // Every mode of a file and a directory, for its owner, its group, others and root.
  std::string script = "mkdir t 755 => ok\n";
  for (const char* who : {"1 9", "9 1", "9 9", "0 0"}) {
    std::string uid = who;
    for (int triple = 0; triple < 8; ++triple) {
      std::string mode = std::to_string(uid == "1 9" ? triple * 100 : uid == "9 1" ? triple * 10 : triple);
      std::string other = uid == "0 0" ? std::to_string(triple * 100) : mode;
      script += "as 0 0 => ok\nmknod t/f f " + other + " => ok\nchown t/f 1 1 => ok\nmkdir t/d " + other +
                " => ok\nchown t/d 1 1 => ok\nas " + uid + " => ok\n";
      bool root = uid == "0 0";
      for (int asked = 1; asked < 8; ++asked) {
        std::string letters;
        if (asked & 4) letters += 'r';
        if (asked & 2) letters += 'w';
        if (asked & 1) letters += 'x';
        bool file = root ? (asked & 1) == 0 || (triple & 1) != 0 : (asked & ~triple) == 0;
        bool directory = root || (asked & ~triple) == 0;
        script += "access t/f " + letters + (file ? " => ok\n" : " => EACCES\n");
        script += "access t/d " + letters + (directory ? " => ok\n" : " => EACCES\n");
      }
      script += "as 0 0 => ok\nunlink t/f => ok\nrmdir t/d => ok\n";
    }
  }
  CheckScript(script);
}

TEST(PermissionTest, StickyDirectories) {
  CheckScript(R"(
    mkdir t 1777 => ok
    mknod t/root f 666 => ok
    as 1 1 => ok
    mknod t/one f 666 => ok
    mkdir t/dir1 777 => ok
    as 2 2 => ok
    mknod t/two f 666 => ok
    unlink t/one => EPERM
    unlink t/root => EPERM
    rename t/one t/x => EPERM
    rename t/two t/one => EPERM
    rename t/two t/one exchange => EPERM
    rmdir t/dir1 => EPERM
    unlink t/none => ENOENT
    rename t/two t/three => ok
    unlink t/three => ok
    mknod t/two f 666 => ok
    as 2 2 caps=3 => ok
    unlink t/one => ok
    as 0 0 => ok
    chown t 3 3 => ok
    as 3 3 => ok
    unlink t/two => ok
    rmdir t/dir1 => ok
    as 4 4 caps=1 => ok
    unlink t/root => EPERM
  )");
}

TEST(PermissionTest, SetGroupIdDirectories) {
  CheckScript(R"(
    mkdir t 777 => ok
    chown t 0 7 => ok
    chmod t 2777 => ok
    as 1 1 => ok
    mkdir t/d 755 => ok
    stat t/d => dir 2755 1:7 n=2
    mknod t/f f 644 => ok
    stat t/f => file 644 1:7 n=1 s=0
    mknod t/g f 2755 => ok
    stat t/g => file 755 1:7 n=1 s=0
    mknod t/h f 2644 => ok
    stat t/h => file 2644 1:7 n=1 s=0
    open t/i w+creat 2755 => ok
    stat t/i => file 755 1:7 n=1 s=0
    as 1 1 group=7 => ok
    mknod t/j f 2755 => ok
    stat t/j => file 2755 1:7 n=1 s=0
    as 1 1 caps=4 => ok
    mknod t/k f 2755 => ok
    stat t/k => file 2755 1:7 n=1 s=0
    symlink x t/l => ok
    lstat t/l => link 777 1:7 n=1
    mkdir t/s 1777 => ok
    stat t/s => dir 3777 1:7 n=2
  )");
}

}  // namespace
}  // namespace vfs
