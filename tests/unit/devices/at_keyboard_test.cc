// AtKeyboard: commands, answers, key codes.

#include "devices/at_keyboard.h"

#include <array>
#include <vector>

#include "gtest/gtest.h"

namespace mayfly {
namespace {

constexpr std::array<AtKeyboard::Key, 3> kCtrlAltDel = {
    AtKeyboard::Key::kControl, AtKeyboard::Key::kAlt, AtKeyboard::Key::kDelete};

using Bytes = std::vector<uint8_t>;

class AtKeyboardTest : public testing::Test {
 protected:
  Bytes Ask(const Bytes& bytes) {
    for (const uint8_t byte : bytes) {
      keyboard.Write(byte);
    }
    return Drain();
  }
  Bytes Drain() {
    Bytes out;
    while (const auto byte = keyboard.Pop()) {
      out.push_back(*byte);
    }
    return out;
  }

  AtKeyboard keyboard;
};

// The commands of drivers/input/keyboard/atkbd.c, in its order.
TEST_F(AtKeyboardTest, AnswersWhatLinuxAsks) {
  EXPECT_EQ(Ask({0xf2}), (Bytes{0xfa, 0xab, 0x83}));
  EXPECT_EQ(Ask({0xf5}), Bytes{0xfa});
  EXPECT_FALSE(keyboard.is_scanning());
  EXPECT_EQ(Ask({0xed, 0x02}), (Bytes{0xfa, 0xfa}));
  EXPECT_EQ(Ask({0xf3, 0x00}), (Bytes{0xfa, 0xfa}));
  EXPECT_EQ(Ask({0xf4}), Bytes{0xfa});
  EXPECT_TRUE(keyboard.is_scanning());
}

TEST_F(AtKeyboardTest, ResetTestsItselfAndForgets) {
  Ask({0xf0, 0x01});
  Ask({0xf5});
  EXPECT_EQ(Ask({0xff}), (Bytes{0xfa, 0xaa}));
  EXPECT_TRUE(keyboard.is_scanning());
  EXPECT_EQ(keyboard.state().scancode_set, 2);
}

TEST_F(AtKeyboardTest, SelectsAndTellsItsScancodeSet) {
  EXPECT_EQ(Ask({0xf0, 0x00}), (Bytes{0xfa, 0xfa, 0x02}));
  EXPECT_EQ(Ask({0xf0, 0x03}), (Bytes{0xfa, 0xfa}));
  EXPECT_EQ(Ask({0xf0, 0x00}), (Bytes{0xfa, 0xfa, 0x03}));
  EXPECT_EQ(Ask({0xf0, 0x04}), (Bytes{0xfa, 0xfe}));
}

TEST_F(AtKeyboardTest, EchoResendAndUnknownCommands) {
  EXPECT_EQ(Ask({0xee}), Bytes{0xee});
  EXPECT_EQ(Ask({0xfe}), Bytes{0xee});
  EXPECT_EQ(Ask({0x42}), Bytes{0xfe});
  EXPECT_EQ(Ask({0xf8}), Bytes{0xfa});
}

TEST_F(AtKeyboardTest, ACommandInPlaceOfAParameterIsACommand) {
  EXPECT_EQ(Ask({0xed, 0xf4}), (Bytes{0xfa, 0xfa}));
  EXPECT_EQ(keyboard.state().command, 0);
}

TEST_F(AtKeyboardTest, StrikesInEachScancodeSet) {
  ASSERT_TRUE(keyboard.Strike(kCtrlAltDel).ok());
  EXPECT_EQ(Drain(), (Bytes{0x14, 0x11, 0xe0, 0x71, 0xe0, 0xf0, 0x71, 0xf0, 0x11, 0xf0, 0x14}));
  Ask({0xf0, 0x01});
  ASSERT_TRUE(keyboard.Strike(kCtrlAltDel).ok());
  EXPECT_EQ(Drain(), (Bytes{0x1d, 0x38, 0xe0, 0x53, 0xe0, 0xd3, 0xb8, 0x9d}));
  Ask({0xf0, 0x03});
  ASSERT_TRUE(keyboard.Strike(kCtrlAltDel).ok());
  EXPECT_EQ(Drain(), (Bytes{0x11, 0x19, 0x64, 0xf0, 0x64, 0xf0, 0x19, 0xf0, 0x11}));
}

TEST_F(AtKeyboardTest, AStrikeFitsWholeOrNotAtAll) {
  ASSERT_TRUE(keyboard.Strike(kCtrlAltDel).ok());
  EXPECT_EQ(keyboard.Strike(kCtrlAltDel).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Drain().size(), 11u);
}

TEST_F(AtKeyboardTest, AGuestThatNeverReadsDoesNotGrowTheQueue) {
  for (int i = 0; i < 1'000; ++i) {
    keyboard.Write(0xf2);
  }
  EXPECT_EQ(Drain().size(), AtKeyboard::kQueueCapacityBytes);
}

TEST_F(AtKeyboardTest, RestoresItsStateAndRefusesImpossibleOnes) {
  Ask({0xf0, 0x03, 0xed});
  keyboard.Write(0xee);
  const AtKeyboardState state = keyboard.state();
  AtKeyboard restored;
  ASSERT_TRUE(restored.Restore(state).ok());
  EXPECT_EQ(restored.state(), state);
  for (const uint8_t set : {uint8_t{0}, uint8_t{4}}) {
    EXPECT_FALSE(restored.Restore({.scancode_set = set}).ok());
  }
  EXPECT_FALSE(restored.Restore({.command = 0xf4}).ok());
  EXPECT_FALSE(restored.Restore({.queue = Bytes(17)}).ok());
  EXPECT_EQ(restored.state(), state);
}

}  // namespace
}  // namespace mayfly
