// EscapeKey: commands are found in any chunking, all other bytes pass.

#include "api/escape_key.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace mayfly {
namespace {

class EscapeKeyTest : public testing::Test {
 protected:
  // What is left for the guest of `text`.
  std::string Filter(const std::string& text) {
    std::vector<uint8_t> bytes(text.begin(), text.end());
    const size_t kept = key_.Filter(bytes);
    return {bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(kept)};
  }

  std::vector<EscapeKey::Command> commands_;
  EscapeKey key_{[this](EscapeKey::Command command) { commands_.push_back(command); }};
};

TEST_F(EscapeKeyTest, OrdinaryBytesPass) {
  EXPECT_EQ(Filter("ls -l\r\x03\x04\x7fxdah"), "ls -l\r\x03\x04\x7fxdah");
  EXPECT_TRUE(commands_.empty());
}

TEST_F(EscapeKeyTest, CommandsAreTakenOut) {
  EXPECT_EQ(Filter("a\x01"
                   "db\x01hc"),
            "abc");
  EXPECT_EQ(commands_, (std::vector{EscapeKey::Command::kCtrlAltDel, EscapeKey::Command::kHelp}));
}

TEST_F(EscapeKeyTest, RAsksForTheDisksToBeOpenedAgain) {
  EXPECT_EQ(Filter("\x01r"), "");
  EXPECT_EQ(commands_, (std::vector{EscapeKey::Command::kReopenDisks}));
}

TEST_F(EscapeKeyTest, PrefixIsRememberedAcrossReads) {
  EXPECT_EQ(Filter("q\x01"), "q");
  EXPECT_EQ(Filter("x"), "");
  EXPECT_EQ(commands_, std::vector{EscapeKey::Command::kQuit});
}

TEST_F(EscapeKeyTest, NothingReachesTheGuestAfterQuit) {
  EXPECT_EQ(Filter("a\x01xrm -rf /\r"), "a");
  EXPECT_EQ(Filter("more"), "");
  EXPECT_EQ(commands_.size(), 1u);
}

TEST_F(EscapeKeyTest, DoubledPrefixAndAIsOneControlA) {
  EXPECT_EQ(Filter("\x01"
                   "a"),
            "\x01");
  EXPECT_EQ(Filter("\x01\x01z"), "\x01z");
}

TEST_F(EscapeKeyTest, UnknownCommandVanishes) {
  EXPECT_EQ(Filter("1\x01"
                   "Z2"),
            "12");
}

}  // namespace
}  // namespace mayfly
