// SPDX-License-Identifier: Apache-2.0
// Path walk, against Linux: see vfs/testing/script.h for the language.
#include "vfs/walk.h"

#include <gtest/gtest.h>

#include <string>

#include "vfs/testing/script.h"

namespace vfs {
namespace {

TEST(WalkTest, PlainNames) {
  CheckScript(R"(
    mkdir a 755 => ok
    mkdir a/b 755 => ok
    mknod a/b/f f 644 => ok
    where / => /
    where // => /
    where /// => /
    where . => /
    where .. => /
    where ../.. => /
    where /.. => /
    where /../../a => /a
    where a => /a
    where /a => /a
    where //a => /a
    where a/ => /a
    where a// => /a
    where a/. => /a
    where a/./ => /a
    where a/.. => /
    where a/../ => /
    where a/b => /a/b
    where a//b => /a/b
    where a/./b => /a/b
    where a/../a/b => /a/b
    where ./a/./b/. => /a/b
    where a/b/.. => /a
    where a/b/../.. => /
    where a/b/../../.. => /
    where a/b/f => /a/b/f
    where a/b/../b/f => /a/b/f
    where a/b/f/ => ENOTDIR
    where a/b/f/. => ENOTDIR
    where a/b/f/.. => ENOTDIR
    where a/b/f/x => ENOTDIR
    where a/b/f// => ENOTDIR
    where a/x => ENOENT
    where a/x/ => ENOENT
    where a/x/.. => ENOENT
    where a/x/y => ENOENT
    where - => ENOENT
    where ... => ENOENT
    mkdir ... 755 => ok
    where ... => /...
    where ..../a => ENOENT
    stat - => ENOENT
    chdir a/b => ok
    where f => /a/b/f
    where . => /a/b
    where .. => /a
    where ../b => /a/b
    where ../../a/b/f => /a/b/f
    cwd => /a/b
    chdir f => ENOTDIR
    chdir .. => ok
    cwd => /a
    chdir x => ENOENT
    chdir - => ENOENT
    chdir / => ok
    cwd => /
  )");
}

TEST(WalkTest, Symlinks) {
  CheckScript(R"(
    mkdir d 755 => ok
    mkdir d/e 755 => ok
    mknod d/f f 644 => ok
    symlink d ld => ok
    symlink d/ lds => ok
    symlink /d lad => ok
    symlink //d// lads => ok
    symlink d/f lf => ok
    symlink d/f/ lfs => ok
    symlink nowhere ln => ok
    symlink nowhere/ lns => ok
    symlink / lroot => ok
    symlink /// lroots => ok
    symlink . ldot => ok
    symlink .. ldotdot => ok
    symlink ./d/../d/e ltwist => ok
    symlink loop loop => ok
    symlink loop2 loop1 => ok
    symlink loop1 loop2 => ok
    symlink ../d/e d/up => ok
    symlink e d/le => ok
    symlink ../lf d/llf => ok
    where ld => /d
    lwhere ld => /ld
    lwhere ld/ => /d
    where ld/ => /d
    where ld/. => /d
    lwhere ld/. => /d
    where ld/.. => /
    where ld/e => /d/e
    where lds => /d
    where lds/e => /d/e
    where lad/e => /d/e
    where lads/e => /d/e
    where lf => /d/f
    where lf/ => ENOTDIR
    lwhere lf/ => ENOTDIR
    where lf/x => ENOTDIR
    where lfs => ENOTDIR
    lwhere lfs => /lfs
    where ln => ENOENT
    lwhere ln => /ln
    lwhere ln/ => ENOENT
    where ln/x => ENOENT
    where lns => ENOENT
    where lroot => /
    where lroot/d => /d
    lwhere lroot => /lroot
    where lroots/d/e => /d/e
    where ldot => /
    where ldot/d => /d
    where ldotdot => /
    where ldotdot/d => /d
    where ltwist => /d/e
    where loop => ELOOP
    lwhere loop => /loop
    where loop/ => ELOOP
    lwhere loop/ => ELOOP
    where loop/x => ELOOP
    where loop1 => ELOOP
    where d/up => /d/e
    where d/up/.. => /d
    where d/le/../f => /d/f
    where d/llf => /d/f
    readlink ld => d
    readlink lds => d/
    readlink ld/ => EINVAL
    readlink d => EINVAL
    readlink d/f => EINVAL
    readlink ln => nowhere
    readlink ln/ => ENOENT
    readlink none => ENOENT
    readlink - => ENOENT
    readlink loop => loop
    lstat ld => link 777 0:0 n=1
    stat ld => dir 755 0:0 n=3
    stat lf => file 644 0:0 n=1 s=0
    mkdir x 755 => ok
    symlink - x/empty => ENOENT
    symlink d/f x => EEXIST
    symlink d/f x/ => EEXIST
    symlink d/f x/y/ => ENOENT
    symlink d/f x/. => EEXIST
    symlink d/f .. => EEXIST
    symlink d/f / => EEXIST
    symlink d/f - => ENOENT
  )");
}

TEST(WalkTest, FortyLinksAreFollowedOneMoreIsNot) {
  std::string script = "mkdir d 755 => ok\nmknod d/f f 644 => ok\nsymlink d l1 => ok\n";
  for (int i = 2; i <= 42; ++i) {
    script += "symlink l" + std::to_string(i - 1) + " l" + std::to_string(i) + " => ok\n";
  }
  script += R"(
    where l40 => /d
    where l40/f => /d/f
    where l41 => ELOOP
    where l41/f => ELOOP
    lwhere l41 => /l41
    lwhere l42 => /l42
    lwhere l42/ => ELOOP
    where l20/../l20 => /d
    where l20/../l21 => ELOOP
    where l20/../l20/f => /d/f
    lwhere l40/../l1 => /l1
    where l40/../l1 => ELOOP
  )";
  CheckScript(script);
}

TEST(WalkTest, Lengths) {
  std::string n255(255, 'n'), n256(256, 'n');
  std::string deep;
  for (int i = 0; i < 15; ++i) deep += n255 + "/";  // 3840 bytes.
  std::string p4095 = std::string(4094, '/') + "a", p4096 = std::string(4095, '/') + "a";
  std::string script = "mkdir a 755 => ok\nmknod f f 644 => ok\n";
  script += "mkdir " + n255 + " 755 => ok\n";
  script += "where " + n255 + " => /" + n255 + "\n";
  script += "mkdir " + n256 + " 755 => ENAMETOOLONG\n";
  script += "where " + n256 + " => ENAMETOOLONG\n";
  script += "where a/" + n256 + " => ENAMETOOLONG\n";
  script += "where " + n256 + "/a => ENAMETOOLONG\n";
  script += "where x/" + n256 + " => ENOENT\n";
  script += "where f/" + n256 + " => ENOTDIR\n";
  script += "unlink " + n256 + " => ENAMETOOLONG\n";
  script += "rmdir " + n256 + " => ENAMETOOLONG\n";
  script += "rename f " + n256 + " => ENAMETOOLONG\n";
  script += "rename " + n256 + " f => ENAMETOOLONG\n";
  script += "rename x " + n256 + " => ENOENT\n";
  script += "link f " + n256 + " => ENAMETOOLONG\n";
  script += "symlink f " + n256 + " => ENAMETOOLONG\n";
  script += "symlink " + n256 + " l => ok\n";
  script += "where l => ENAMETOOLONG\n";
  script += "open " + n256 + " w+creat 644 => ENAMETOOLONG\n";
  script += "where " + p4095 + " => /a\n";
  script += "where " + p4096 + " => ENAMETOOLONG\n";
  script += "mkdir " + p4096 + " 755 => ENAMETOOLONG\n";
  script += "symlink " + p4096 + " m => ENAMETOOLONG\n";
  script += "symlink " + p4095 + " m => ok\n";
  script += "where m => /a\n";
  script += "where m/.././m => /a\n";
  script += "where " + deep + " => ENOENT\n";
  CheckScript(script);
}

TEST(WalkTest, LastComponentsOfCreatingCalls) {
  CheckScript(R"(
    mkdir d 755 => ok
    mknod f f 644 => ok
    symlink nowhere dangling => ok
    symlink d ld => ok
    mkdir d 755 => EEXIST
    mkdir d/ 755 => EEXIST
    mkdir d/. 755 => EEXIST
    mkdir d/.. 755 => EEXIST
    mkdir . 755 => EEXIST
    mkdir .. 755 => EEXIST
    mkdir / 755 => EEXIST
    mkdir - 755 => ENOENT
    mkdir f 755 => EEXIST
    mkdir f/ 755 => EEXIST
    mkdir f/x 755 => ENOTDIR
    mkdir x/y 755 => ENOENT
    mkdir new/ 755 => ok
    mkdir new2// 755 => ok
    mkdir new3/. 755 => ENOENT
    mkdir dangling 755 => EEXIST
    mkdir dangling/ 755 => EEXIST
    mkdir dangling/x 755 => ENOENT
    mkdir ld/sub 755 => ok
    where d/sub => /d/sub
    mknod new4/ f 644 => ENOENT
    mknod d/ f 644 => EEXIST
    mknod . f 644 => EEXIST
    mknod d/. f 644 => EEXIST
    mknod dangling f 644 => EEXIST
    mknod q d 755 => EPERM
    mknod f/x f 644 => ENOTDIR
    link f new5/ => ENOENT
    link f d/ => EEXIST
    link f . => EEXIST
    link f/ new6 => ENOTDIR
    link d new7 => EPERM
    link none new7 => ENOENT
    link none d => ENOENT
    link d d => EEXIST
    link f f => EEXIST
    link f d/f => ok
    stat f => file 644 0:0 n=2 s=0
    link dangling d/dl => ok
    lstat d/dl => link 777 0:0 n=2
    linkfollow dangling new8 => ENOENT
    linkfollow ld new9 => EPERM
    list d => .,..,dl,f,sub
  )");
}

TEST(WalkTest, LastComponentsOfRemovingCalls) {
  CheckScript(R"(
    mkdir d 755 => ok
    mkdir d/e 755 => ok
    mknod f f 644 => ok
    symlink d ld => ok
    symlink f lf => ok
    unlink - => ENOENT
    unlink . => EISDIR
    unlink .. => EISDIR
    unlink / => EISDIR
    unlink d => EISDIR
    unlink d/ => EISDIR
    unlink d/. => EISDIR
    unlink none => ENOENT
    unlink none/ => ENOENT
    unlink f/ => ENOTDIR
    unlink f/x => ENOTDIR
    unlink lf/ => ENOTDIR
    unlink ld/ => ENOTDIR
    rmdir - => ENOENT
    rmdir . => EINVAL
    rmdir .. => ENOTEMPTY
    rmdir d/. => EINVAL
    rmdir d/.. => ENOTEMPTY
    rmdir / => EBUSY
    rmdir d => ENOTEMPTY
    rmdir f => ENOTDIR
    rmdir f/ => ENOTDIR
    rmdir ld => ENOTDIR
    rmdir ld/ => ENOTDIR
    rmdir none => ENOENT
    rmdir none/ => ENOENT
    rmdir d/e/ => ok
    rmdir d => ok
    unlink ld => ok
    unlink lf => ok
    unlink f => ok
    list . => .,..
  )");
}

TEST(WalkTest, Chroot) {
  CheckScript(R"(
    mkdir jail 755 => ok
    mkdir jail/in 755 => ok
    mkdir out 755 => ok
    symlink /in jail/abs => ok
    symlink ../../out jail/esc => ok
    symlink /../out jail/esc2 => ok
    hold o out r+dir => ok
    chdir jail/in => ok
    chroot /jail => ok
    where / => /
    where .. => /
    where ../.. => /
    where ../../out => ENOENT
    where /in => /in
    where /abs => /in
    where /esc => ENOENT
    where /esc2 => ENOENT
    where /../../in => /in
    cwd => /in
    where@o . => /out
    where@o .. => /
    where@o ../jail => /
    where@o ../jail/.. => /
    where@o ../jail/../.. => /
    where@o /in => /in
  )");
}

TEST(WalkTest, StartAtDescriptors) {
  CheckScript(R"(
    mkdir a 755 => ok
    mkdir a/b 755 => ok
    mknod a/f f 644 => ok
    hold a a r+dir => ok
    hold p a path => ok
    hold f a/f r => ok
    where@a b => /a/b
    where@a . => /a
    where@a .. => /
    where@a /a/b => /a/b
    where@p b => /a/b
    where@f x => ENOTDIR
    where@f . => ENOTDIR
    where@f /a => /a
    where@f - => ENOENT
    mkdir@a c 755 => ok
    rename@a b d => ok
    unlink@a f => ok
    fdwhere f => /a/f (deleted)
    fdwhere a => /a
    rename a z => ok
    fdwhere a => /z
    fdwhere f => /z/f (deleted)
    where@a c => /z/c
    list@a . => .,..,c,d
    rmdir@a c => ok
    rmdir@a d => ok
    rmdir z => ok
    fdwhere a => /z (deleted)
    where@a . => /z (deleted)
    where@a .. => /
    where@a x => ENOENT
    mkdir@a x 755 => ENOENT
    mknod@a x f 644 => ENOENT
    symlink@a q x => ENOENT
    open@a x w+creat 644 => ENOENT
    list@a . => ENOENT
    stat@a . => dir 755 0:0 n=0
  )");
}

TEST(WalkTest, SearchPermission) {
  CheckScript(R"(
    mkdir open 755 => ok
    mkdir open/closed 700 => ok
    mkdir open/closed/in 755 => ok
    mknod open/closed/f f 644 => ok
    mkdir open/noread 711 => ok
    mknod open/noread/f f 644 => ok
    symlink closed/f open/l => ok
    as 1000 1000 => ok
    where open/closed => /open/closed
    where open/closed/ => /open/closed
    where open/closed/. => EACCES
    where open/closed/.. => EACCES
    where open/closed/f => EACCES
    where open/closed/none => EACCES
    where open/l => EACCES
    lwhere open/l => /open/l
    where open/noread/f => /open/noread/f
    where open/noread/none => ENOENT
    list open/noread => EACCES
    list open/closed => EACCES
    chdir open/closed => EACCES
    chdir open/noread => ok
    list . => EACCES
    where f => /open/noread/f
    where .. => /open
    mkdir /open/closed/x 755 => EACCES
    rmdir /open/closed/in => EACCES
    as 1000 1000 caps=2 => ok
    where /open/closed/f => /open/closed/f
    list /open/closed => .,..,f,in
    rmdir /open/closed/in => EACCES
    as 1000 1000 caps=1 => ok
    list /open/closed => .,..,f,in
    rmdir /open/closed/in => ok
  )");
}

TEST(WalkTest, Restrictions) {
  CheckScript(R"(
    mkdir d 755 => ok
    mkdir d/e 755 => ok
    mkdir o 755 => ok
    symlink e d/rel => ok
    symlink /d/e d/abs => ok
    symlink /e d/absin => ok
    symlink ../o d/esc => ok
    symlink e/../e d/twist => ok
    mount o - => ok
    mkdir o/in 755 => ok
    hold d d r+dir => ok
    hold root / r+dir => ok
    resolve@d e beneath => /d/e
    resolve@d rel beneath => /d/e
    resolve@d twist beneath => /d/e
    resolve@d . beneath => /d
    resolve@d e/.. beneath => /d
    resolve@d .. beneath => EXDEV
    resolve@d e/../.. beneath => EXDEV
    resolve@d esc beneath => EXDEV
    resolve@d abs beneath => EXDEV
    resolve@d /d beneath => EXDEV
    resolve@d e inroot => /d/e
    resolve@d /e inroot => /d/e
    resolve@d ../../e inroot => /d/e
    resolve@d absin inroot => /d/e
    resolve@d abs inroot => ENOENT
    resolve@d esc inroot => ENOENT
    resolve@d rel nosym => ELOOP
    resolve@d rel/. nosym => ELOOP
    resolve@d e nosym => /d/e
    resolve@d rel nosym+nofollow => /d/rel
    resolve@root o noxdev => EXDEV
    resolve@root o/in noxdev => EXDEV
    resolve@root d/e noxdev => /d/e
    resolve@d ../o noxdev => EXDEV
    resolve@d /d/e noxdev => /d/e
    hold o o r+dir => ok
    resolve@o .. noxdev => EXDEV
    resolve@o in/.. noxdev => /o
    resolve@o / noxdev => /
    symlink / o/labs => ok
    resolve@o labs noxdev => EXDEV
  )");
}

TEST(WalkTest, NoSymFollowMount) {
  CheckScript(R"(
    mkdir m 755 => ok
    mount m - => ok
    mkdir m/d 755 => ok
    symlink d m/l => ok
    where m/l => /m/d
    remount m nosymfollow => ok
    where m/l => ELOOP
    lwhere m/l => /m/l
    readlink m/l => d
  )");
}

}  // namespace
}  // namespace vfs
