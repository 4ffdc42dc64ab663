// I8042: what Linux's i8042 driver does, Ctrl-Alt-Del, reset.

#include "devices/i8042.h"

#include <array>
#include <optional>
#include <vector>

#include "gtest/gtest.h"
#include "tests/fakes/recording_irq_line.h"

namespace mayfly {
namespace {

constexpr uint64_t kData = 0;
constexpr uint64_t kCommand = 4;

using Bytes = std::vector<uint8_t>;

class I8042Test : public testing::Test {
 protected:
  uint8_t In(uint64_t offset) {
    std::array<uint8_t, 1> data{0xee};
    device.Read(offset, data);
    return data[0];
  }
  void Out(uint64_t offset, uint8_t value) { device.Write(offset, std::array<uint8_t, 1>{value}); }
  bool HasOutput() { return (In(kCommand) & 0x01) != 0; }
  // The controller's answer to a command, or nothing.
  std::optional<uint8_t> Ask(uint8_t command) {
    Out(kCommand, command);
    return HasOutput() ? std::optional<uint8_t>(In(kData)) : std::nullopt;
  }
  void SetControl(uint8_t control) {
    Out(kCommand, 0x60);
    Out(kData, control);
  }
  // What the keyboard has sent; each byte must come with an interrupt of its own.
  Bytes TakeKeyboardBytes() {
    Bytes bytes;
    while (HasOutput()) {
      EXPECT_EQ(irq.Take(), 1);
      EXPECT_EQ(In(kCommand) & 0x20, 0);
      bytes.push_back(In(kData));
    }
    EXPECT_EQ(irq.Take(), 0);
    return bytes;
  }

  RecordingIrqLine irq;
  int reset_count = 0;
  I8042 device{&irq, [this] { ++reset_count; }};
};

// drivers/input/serio/i8042.c: controller check, self test, init, then the port is opened for
// atkbd.
TEST_F(I8042Test, LinuxFindsAControllerAndAKeyboard) {
  EXPECT_FALSE(HasOutput());
  EXPECT_EQ(Ask(0xaa), 0x55);
  const std::optional<uint8_t> control = Ask(0x20);
  ASSERT_TRUE(control.has_value());
  EXPECT_EQ(Ask(0x20), control);
  EXPECT_NE(In(kCommand) & 0x10, 0) << "the key lock is open";
  SetControl(0x34);
  EXPECT_EQ(Ask(0x20), 0x34);
  EXPECT_EQ(Ask(0xab), 0x00);
  SetControl(0x25);  // interrupt on, keyboard enabled
  Out(kData, 0xf2);
  EXPECT_EQ(TakeKeyboardBytes(), (Bytes{0xfa, 0xab, 0x83}));
  Out(kData, 0xf4);
  EXPECT_EQ(TakeKeyboardBytes(), Bytes{0xfa});
}

// i8042_check_aux(): the loop test must come back at once, and not from the auxiliary port.
TEST_F(I8042Test, ThereIsNoAuxiliaryDeviceAndNobodyWaitsForOne) {
  Out(kCommand, 0xd3);
  Out(kData, 0x5a);
  EXPECT_EQ(In(kCommand) & 0x21, 0x01);
  EXPECT_EQ(Ask(0xa9), 0x02);
  Out(kCommand, 0xd4);
  Out(kData, 0xf2);
  EXPECT_EQ(In(kCommand) & 0x61, 0x61);
  EXPECT_EQ(In(kData), 0xfe);
  EXPECT_EQ(irq.Take(), 0);
}

TEST_F(I8042Test, CtrlAltDelIsDeliveredByteByByte) {
  SetControl(0x05);
  ASSERT_TRUE(device.TriggerCtrlAltDel().ok());
  EXPECT_EQ(TakeKeyboardBytes(),
            (Bytes{0x14, 0x11, 0xe0, 0x71, 0xe0, 0xf0, 0x71, 0xf0, 0x11, 0xf0, 0x14}));
}

TEST_F(I8042Test, CtrlAltDelIsTranslatedWhenTheGuestWantsIt) {
  SetControl(0x45);
  ASSERT_TRUE(device.TriggerCtrlAltDel().ok());
  EXPECT_EQ(TakeKeyboardBytes(), (Bytes{0x1d, 0x38, 0xe0, 0x53, 0xe0, 0xd3, 0xb8, 0x9d}));
  Out(kData, 0xf2);
  EXPECT_EQ(TakeKeyboardBytes(), (Bytes{0xfa, 0xab, 0x41}));
}

TEST_F(I8042Test, CtrlAltDelNeedsAnEnabledKeyboard) {
  EXPECT_EQ(device.TriggerCtrlAltDel().code(), absl::StatusCode::kFailedPrecondition);
  SetControl(0x15);  // interrupt on, keyboard disabled
  EXPECT_EQ(device.TriggerCtrlAltDel().code(), absl::StatusCode::kFailedPrecondition);
  SetControl(0x04);  // interrupt off
  EXPECT_EQ(device.TriggerCtrlAltDel().code(), absl::StatusCode::kFailedPrecondition);
  SetControl(0x05);
  Out(kData, 0xf5);  // scanning off
  TakeKeyboardBytes();
  EXPECT_EQ(device.TriggerCtrlAltDel().code(), absl::StatusCode::kFailedPrecondition);
  Out(kData, 0xf4);
  TakeKeyboardBytes();
  ASSERT_TRUE(device.TriggerCtrlAltDel().ok());
  EXPECT_EQ(device.TriggerCtrlAltDel().code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(I8042Test, ResetRequestsReachTheCallback) {
  Out(kCommand, 0xfe);
  EXPECT_EQ(reset_count, 1);
  Out(kCommand, 0xff);  // pulses no line
  Out(kCommand, 0xf1);
  EXPECT_EQ(reset_count, 1);
  Out(kCommand, 0xd1);
  Out(kData, 0x03);
  EXPECT_EQ(reset_count, 1);
  Out(kCommand, 0xd1);
  Out(kData, 0x02);  // the output port's reset line low
  EXPECT_EQ(reset_count, 2);
  EXPECT_EQ(device.counters().reset_count, 2u);
}

TEST_F(I8042Test, ADisabledKeyboardKeepsItsBytes) {
  SetControl(0x05);
  ASSERT_TRUE(device.TriggerCtrlAltDel().ok());
  Out(kCommand, 0xad);
  EXPECT_EQ(In(kData), 0x14);
  EXPECT_FALSE(HasOutput());
  irq.Take();
  Out(kCommand, 0xae);
  EXPECT_EQ(TakeKeyboardBytes().size(), 10u);
}

TEST_F(I8042Test, EnablingTheInterruptAnnouncesAWaitingByte) {
  SetControl(0x04);
  Out(kData, 0xee);
  EXPECT_TRUE(HasOutput());
  EXPECT_EQ(irq.Take(), 0);
  SetControl(0x05);
  EXPECT_EQ(irq.Take(), 1);
  EXPECT_EQ(In(kData), 0xee);
}

TEST_F(I8042Test, TheKeyboardsOutputCanBeWritten) {
  SetControl(0x05);
  Out(kCommand, 0xd2);
  Out(kData, 0x77);
  EXPECT_EQ(TakeKeyboardBytes(), Bytes{0x77});
}

TEST_F(I8042Test, SmallCommandsAnswer) {
  EXPECT_EQ(Ask(0xa4), 0xf1);
  EXPECT_EQ(Ask(0xc0), 0x80);
  EXPECT_EQ(Ask(0xd0), 0x03);
  Ask(0xa8);
  EXPECT_EQ(*Ask(0x20) & 0x20, 0);
  Ask(0xa7);
  EXPECT_EQ(*Ask(0x20) & 0x20, 0x20);
  EXPECT_EQ(In(0x1) & 0x20, 0x20);  // port 0x61: the timer has run out
}

TEST_F(I8042Test, UnknownCommandsAndWideAccessesAreCounted) {
  Out(kCommand, 0x99);
  EXPECT_FALSE(HasOutput());
  EXPECT_EQ(device.counters().error_count, 1u);
  std::array<uint8_t, 2> wide{1, 1};
  device.Read(kData, wide);
  EXPECT_EQ(wide, (std::array<uint8_t, 2>{0, 0}));
  device.Write(kData, wide);
  Out(0x2, 0);
  In(0x3);
  EXPECT_EQ(device.counters().missed_read_count, 2u);
  EXPECT_EQ(device.counters().missed_write_count, 2u);
}

TEST_F(I8042Test, StateComesBackWithAPendingByte) {
  SetControl(0x05);
  ASSERT_TRUE(device.TriggerCtrlAltDel().ok());
  EXPECT_EQ(In(kData), 0x14);
  Out(kCommand, 0x60);
  const I8042State state = device.State();
  RecordingIrqLine restored_irq;
  I8042 restored(&restored_irq, [] {});
  ASSERT_TRUE(restored.Restore(state).ok());
  EXPECT_EQ(restored.State(), state);
  EXPECT_EQ(restored_irq.Take(), 1);
  std::array<uint8_t, 1> data{};
  restored.Read(kData, data);
  EXPECT_EQ(data[0], 0x11);
}

TEST_F(I8042Test, RefusesImpossibleState) {
  const I8042State before = device.State();
  const auto refused = [&](auto change) {
    I8042State state = before;
    change(&state);
    return device.Restore(state).code() == absl::StatusCode::kInvalidArgument;
  };
  EXPECT_TRUE(refused([](I8042State* state) { state->command = 0x20; }));
  EXPECT_TRUE(refused([](I8042State* state) { state->output_status = 0x01; }));
  EXPECT_TRUE(refused([](I8042State* state) { state->keyboard.scancode_set = 0; }));
  EXPECT_EQ(device.State(), before);
}

}  // namespace
}  // namespace mayfly
