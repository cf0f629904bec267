// SPDX-License-Identifier: Apache-2.0
#include "gofer/protocol/channel.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "gofer/protocol/gofer.pb.h"
#include "gtest/gtest.h"

namespace gofer {
namespace {

class ChannelTest : public ::testing::Test {
 protected:
  ChannelTest() : ChannelTest(MUST(Channel::MakePair())) {}
  explicit ChannelTest(std::pair<base::UniqueFd, base::UniqueFd> ends)
      : one_(std::move(ends.first)), other_(std::move(ends.second)) {}

  Channel one_;
  Channel other_;
  std::vector<base::UniqueFd> descriptors_;
  wire::Request request_;
};

TEST_F(ChannelTest, CarriesMessagesAndDescriptors) {
  int pipe_ends[2];
  ASSERT_EQ(pipe2(pipe_ends, O_CLOEXEC), 0);
  base::UniqueFd reader(pipe_ends[0]), writer(pipe_ends[1]);
  request_.add_operations()->mutable_stat()->set_node(7);
  int sent[] = {reader.get(), writer.get()};
  ASSERT_TRUE(one_.Send(request_, sent).ok());
  request_.Clear();
  ASSERT_TRUE(other_.Receive(request_, descriptors_).ok());
  EXPECT_EQ(request_.operations(0).stat().node(), 7u);
  ASSERT_EQ(descriptors_.size(), 2u);
  EXPECT_EQ(fcntl(descriptors_[0].get(), F_GETFD), FD_CLOEXEC);
  ASSERT_EQ(write(descriptors_[1].get(), "x", 1), 1);
  char byte = 0;
  EXPECT_EQ(read(descriptors_[0].get(), &byte, 1), 1);
}

TEST_F(ChannelTest, TheLongestMessageFits) {
  request_.add_operations()->mutable_set_xattr()->set_value(std::string(kMaxMessageBytes - 16, 'x'));
  ASSERT_LE(request_.ByteSizeLong(), kMaxMessageBytes);
  ASSERT_TRUE(one_.Send(request_, {}).ok());
  ASSERT_TRUE(other_.Receive(request_, descriptors_).ok());
}

TEST_F(ChannelTest, RefusesToSendWhatIsTooLong) {
  request_.add_operations()->mutable_set_xattr()->set_value(std::string(kMaxMessageBytes, 'x'));
  EXPECT_EQ(one_.Send(request_, {}).error().code(), EMSGSIZE);
}

TEST_F(ChannelTest, RefusesToReceiveWhatIsTooLong) {
  std::string packet(kMaxMessageBytes + 1, '\0');
  ASSERT_EQ(send(one_.fd(), packet.data(), packet.size(), 0), static_cast<ssize_t>(packet.size()));
  EXPECT_EQ(other_.Receive(request_, descriptors_).error().code(), EBADMSG);
}

TEST_F(ChannelTest, RefusesWhatDoesNotParse) {
  ASSERT_EQ(send(one_.fd(), "\xff\xff\xff", 3, 0), 3);
  EXPECT_EQ(other_.Receive(request_, descriptors_).error().code(), EBADMSG);
}

TEST_F(ChannelTest, RefusesTooManyDescriptorsAndKeepsNone) {
  std::vector<int> sent(kMaxDescriptors + 1, one_.fd());
  iovec vector{.iov_base = sent.data(), .iov_len = 4};
  std::vector<char> control(CMSG_SPACE(sent.size() * sizeof(int)));
  msghdr header{};
  header.msg_iov = &vector;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  cmsghdr* rights = CMSG_FIRSTHDR(&header);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sent.size() * sizeof(int));
  memcpy(CMSG_DATA(rights), sent.data(), sent.size() * sizeof(int));
  ASSERT_EQ(sendmsg(one_.fd(), &header, 0), 4);
  int next_before = dup(one_.fd());
  close(next_before);
  EXPECT_EQ(other_.Receive(request_, descriptors_).error().code(), EBADMSG);
  descriptors_.clear();
  int next_after = dup(one_.fd());
  close(next_after);
  EXPECT_EQ(next_before, next_after);
}

TEST_F(ChannelTest, TellsThatThePeerIsGone) {
  one_ = Channel(base::UniqueFd());
  EXPECT_EQ(other_.Receive(request_, descriptors_).error().code(), ECONNRESET);
  request_.add_forget(1);
  EXPECT_EQ(other_.Send(request_, {}).error().code(), EPIPE);
}

}  // namespace
}  // namespace gofer
