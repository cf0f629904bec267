// SPDX-License-Identifier: Apache-2.0
// Length: one script a man page, all run against Linux and against the vfs
// The operations on names, against Linux: see vfs/testing/script.h for the language.
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
