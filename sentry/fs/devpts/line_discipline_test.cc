// SPDX-License-Identifier: Apache-2.0
#include "sentry/fs/devpts/line_discipline.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <termios.h>

#include <string>

namespace sentry {
namespace {

class LineDisciplineTest : public ::testing::Test {
 protected:
  void Change(uint32_t base::abi::Termios::*modes, uint32_t clear, uint32_t set) {
    base::abi::Termios2 termios = tty_.termios();
    termios.base.*modes = (termios.base.*modes & ~clear) | set;
    tty_.SetTermios(termios);
  }
  void Raw(uint8_t minimum = 1, uint8_t time = 0) {
    base::abi::Termios2 termios = tty_.termios();
    termios.base.local = 0;
    termios.base.input = 0;
    termios.base.output = 0;
    termios.base.characters[VMIN] = minimum;
    termios.base.characters[VTIME] = time;
    tty_.SetTermios(termios);
  }
  std::string Read(size_t size = 4096) {
    std::string text(size, '\0');
    text.resize(tty_.Read(std::span(text.data(), text.size())));
    return text;
  }
  std::string Output() { return std::exchange(tty_.output(), std::string()); }

  LineDiscipline tty_;
};

TEST_F(LineDisciplineTest, ALineIsReadWhenItIsWhole) {
  tty_.Receive("ab");
  EXPECT_FALSE(tty_.HasInput(1));
  EXPECT_EQ(tty_.Available(), 0u);
  tty_.Receive("c\rd");
  EXPECT_TRUE(tty_.HasInput(1));
  EXPECT_EQ(tty_.Available(), 4u);
  EXPECT_EQ(Read(), "abc\n");
  EXPECT_FALSE(tty_.HasInput(1));
  EXPECT_EQ(Output(), "abc\r\nd");
}

TEST_F(LineDisciplineTest, OneReadGetsOneLineInPieces) {
  tty_.Receive("one\ntwo\n");
  EXPECT_EQ(Read(2), "on");
  EXPECT_EQ(Read(), "e\n");
  EXPECT_EQ(Read(), "two\n");
}

TEST_F(LineDisciplineTest, EndOfFileEndsALineOrTheFile) {
  tty_.Receive("ab\004");
  EXPECT_EQ(Read(), "ab");
  tty_.Receive("\004");
  EXPECT_TRUE(tty_.HasInput(1));
  EXPECT_EQ(Read(), "");
  // It belongs to the read that has just got all before it.
  tty_.Receive("ab\004");
  EXPECT_EQ(Read(2), "ab");
  EXPECT_FALSE(tty_.HasInput(1));
}

TEST_F(LineDisciplineTest, Erasing) {
  tty_.Receive("abc\177d\n");
  EXPECT_EQ(Read(), "abd\n");
  EXPECT_EQ(Output(), "abc\b \bd\r\n");
  tty_.Receive("one two\027x\n");
  EXPECT_EQ(Read(), "one x\n");
  Output();
  tty_.Receive("abc\025xy\n");
  EXPECT_EQ(Read(), "xy\n");
  EXPECT_EQ(Output(), "abc\b \b\b \b\b \bxy\r\n");
  // Nothing is erased before the line.
  tty_.Receive("\177\177\n");
  EXPECT_EQ(Read(), "\n");
}

TEST_F(LineDisciplineTest, ControlCharactersAndTabsAreErasedWithTheirWidth) {
  tty_.Receive("\001\177\n");
  EXPECT_EQ(Output(), "^A\b \b\b \b\r\n");
  tty_.Receive("ab\t\177\n");
  EXPECT_EQ(Output(), "ab\t\b\b\b\b\b\b\r\n");
  tty_.Receive("\t\t\177\n");
  EXPECT_EQ(Output(), "\t\t\b\b\b\b\b\b\b\b\r\n");
}

TEST_F(LineDisciplineTest, CharactersOfSeveralBytesAreErasedWhole) {
  Change(&base::abi::Termios::input, 0, IUTF8);
  tty_.Receive("a\xc3\xa4\177\n");
  EXPECT_EQ(Read(), "a\n");
  EXPECT_EQ(Output(), "a\xc3\xa4\b \b\r\n");
}

TEST_F(LineDisciplineTest, SignalsFlushAndEcho) {
  tty_.Write("seen ");
  tty_.Receive("abc\003");
  EXPECT_EQ(tty_.signals(), std::vector<int>{SIGINT});
  EXPECT_EQ(Output(), "^C");
  tty_.Receive("\n");
  EXPECT_EQ(Read(), "\n");
  tty_.signals().clear();
  Output();
  Change(&base::abi::Termios::local, 0, NOFLSH);
  tty_.Receive("ab\034\032c\n");
  EXPECT_EQ(tty_.signals(), (std::vector<int>{SIGQUIT, SIGTSTP}));
  EXPECT_EQ(Read(), "abc\n");
}

TEST_F(LineDisciplineTest, LiteralNext) {
  tty_.Receive("\026\003\026\004\n");
  EXPECT_TRUE(tty_.signals().empty());
  EXPECT_EQ(Read(), "\003\004\n");
  EXPECT_EQ(Output(), "^\b^C^\b^D\r\n");
}

TEST_F(LineDisciplineTest, Reprint) {
  tty_.Receive("ab\022c\n");
  EXPECT_EQ(Output(), "ab^R\r\nabc\r\n");
}

TEST_F(LineDisciplineTest, OtherEndsOfLine) {
  base::abi::Termios2 termios = tty_.termios();
  termios.base.characters[VEOL] = ';';
  termios.base.characters[VEOL2] = '!';
  tty_.SetTermios(termios);
  tty_.Receive("a;b!");
  EXPECT_EQ(Read(), "a;");
  EXPECT_EQ(Read(), "b!");
}

TEST_F(LineDisciplineTest, FlowControlHoldsOutputAndEchoes) {
  tty_.Receive("\023ab");
  EXPECT_TRUE(tty_.stopped());
  EXPECT_EQ(tty_.Write("text"), 0u);
  EXPECT_EQ(Output(), "");
  tty_.Receive("\021");
  EXPECT_EQ(Output(), "ab");
  EXPECT_EQ(tty_.Write("text"), 4u);
  EXPECT_EQ(Output(), "text");
  tty_.Receive("\023");
  Change(&base::abi::Termios::input, 0, IXANY);
  tty_.Receive("x");
  EXPECT_FALSE(tty_.stopped());
}

TEST_F(LineDisciplineTest, OutputIsProcessed) {
  EXPECT_EQ(tty_.Write("a\nb\r"), 4u);
  EXPECT_EQ(Output(), "a\r\nb\r");
  Change(&base::abi::Termios::output, TABDLY, XTABS);
  tty_.Write("ab\tc");
  EXPECT_EQ(Output(), "ab      c");
  tty_.Write("\r");
  Change(&base::abi::Termios::output, ONLCR, OCRNL);
  Output();
  tty_.Write("a\r");
  EXPECT_EQ(Output(), "a\n");
  Change(&base::abi::Termios::output, OPOST, 0);
  tty_.Write("a\n\r");
  EXPECT_EQ(Output(), "a\n\r");
}

TEST_F(LineDisciplineTest, InputIsMapped) {
  Change(&base::abi::Termios::input, ICRNL, INLCR | ISTRIP);
  tty_.Receive("a\n\xe2\r\004");
  EXPECT_EQ(Read(), "a\rb\r");
  Change(&base::abi::Termios::input, INLCR, IGNCR);
  tty_.Receive("a\rb\n");
  EXPECT_EQ(Read(), "ab\n");
}

TEST_F(LineDisciplineTest, RawCharactersAreReadAsTheyCome) {
  Raw();
  tty_.Receive("a\003\r");
  EXPECT_TRUE(tty_.HasInput(1));
  EXPECT_TRUE(tty_.signals().empty());
  EXPECT_EQ(Read(), "a\003\r");
  EXPECT_EQ(Output(), "");
  Raw(3);
  tty_.Receive("ab");
  EXPECT_FALSE(tty_.HasInput(10));
  EXPECT_TRUE(tty_.HasInput(2));
  tty_.Receive("c");
  EXPECT_TRUE(tty_.HasInput(10));
}

TEST_F(LineDisciplineTest, ChangingModesKeepsWhatIsThere) {
  tty_.Receive("ab");
  Change(&base::abi::Termios::local, ICANON, 0);
  EXPECT_TRUE(tty_.HasInput(1));
  Change(&base::abi::Termios::local, 0, ICANON);
  EXPECT_TRUE(tty_.HasInput(1));
  EXPECT_EQ(Read(), "ab");
}

TEST_F(LineDisciplineTest, InputIsBounded) {
  std::string line(LineDiscipline::kMaxInput + 100, 'x');
  EXPECT_EQ(tty_.Receive(line), line.size());
  EXPECT_FALSE(tty_.HasInput(1));
  EXPECT_EQ(tty_.Receive("\n"), 1u);
  EXPECT_EQ(Read(8192).size(), LineDiscipline::kMaxInput);
  Raw();
  EXPECT_EQ(tty_.Receive(line), LineDiscipline::kMaxInput);
  EXPECT_EQ(tty_.Receive("x"), 0u);
}

TEST_F(LineDisciplineTest, OutputIsBounded) {
  std::string text(LineDiscipline::kMaxOutput + 100, 'x');
  EXPECT_EQ(tty_.Write(text), LineDiscipline::kMaxOutput);
  EXPECT_EQ(tty_.Write("x"), 0u);
}

TEST_F(LineDisciplineTest, EchoOfNewlineOnly) {
  Change(&base::abi::Termios::local, ECHO, ECHONL);
  tty_.Receive("secret\n");
  EXPECT_EQ(Output(), "\r\n");
}

}  // namespace
}  // namespace sentry
