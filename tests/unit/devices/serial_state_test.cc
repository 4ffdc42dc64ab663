// SerialState: every field is checked.

#include "devices/serial_state.h"

#include "gtest/gtest.h"

namespace mayfly {
namespace {

TEST(SerialStateTest, AFreshPortsStateIsPossible) { EXPECT_TRUE(CheckSerialState({}).ok()); }

TEST(SerialStateTest, EachImpossibleFieldIsRefused) {
  const auto refused = [](auto change) {
    SerialState state;
    change(&state);
    return CheckSerialState(state).code() == absl::StatusCode::kInvalidArgument;
  };
  EXPECT_TRUE(refused([](SerialState* state) { state->interrupt_enable = 0x10; }));
  EXPECT_TRUE(refused([](SerialState* state) { state->fifo_control = 0x03; }));
  EXPECT_TRUE(refused([](SerialState* state) { state->fifo_control = 0xc0; }));
  EXPECT_TRUE(refused([](SerialState* state) { state->modem_control = 0x20; }));
  EXPECT_TRUE(refused([](SerialState* state) { state->line_status = 0x01; }));
  EXPECT_TRUE(refused([](SerialState* state) { state->modem_status_delta = 0x10; }));
  EXPECT_TRUE(refused([](SerialState* state) { state->received.resize(65); }));
}

TEST(SerialStateTest, TheLargestValuesArePossible) {
  const SerialState state = {.interrupt_enable = 0x0f,
                             .fifo_control = 0xc9,
                             .line_control = 0xff,
                             .modem_control = 0x1f,
                             .line_status = 0x02,
                             .modem_status_delta = 0x0f,
                             .scratch = 0xff,
                             .divisor = 0xffff,
                             .is_transmit_empty_pending = true,
                             .received = std::vector<uint8_t>(64)};
  EXPECT_TRUE(CheckSerialState(state).ok());
}

}  // namespace
}  // namespace mayfly
