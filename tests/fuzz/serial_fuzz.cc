// Drives a serial port with any accesses and input and checks its bounds, its interrupts and that
// its state survives.
//
// An input is a row of steps: the kind, then its bytes (see Step).

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/check.h"
#include "devices/serial.h"
#include "fuzzer/FuzzedDataProvider.h"
#include "tests/fakes/recording_irq_line.h"

namespace mayfly {
namespace {

constexpr uint64_t kInterruptIdPort = 2;
constexpr uint8_t kNoInterrupt = 0x01;

class CountingSink : public SerialSink {
 public:
  bool Put(uint8_t byte) override {
    // Now and then it is full.
    const bool is_taken = byte != 0xff;
    taken_count += is_taken ? 1u : 0u;
    return is_taken;
  }

  uint64_t taken_count = 0;
};

uint8_t TakeByte(FuzzedDataProvider& provider) {
  const std::vector<uint8_t> bytes = provider.ConsumeBytes<uint8_t>(1);
  return bytes.empty() ? 0 : bytes[0];
}

// Whether a port in this state asks for an interrupt, by what a copy of it answers.
bool AsksForInterrupt(const SerialState& state) {
  const bool is_connected = (state.modem_control & 0x18) == 0x08;
  RecordingIrqLine irq;
  CountingSink sink;
  Serial copy(&irq, &sink);
  MAYFLY_CHECK(copy.Restore(state).ok());
  MAYFLY_CHECK(copy.State() == state);
  std::array<uint8_t, 1> id{};
  const int edges = irq.Take();
  copy.Read(kInterruptIdPort, id);
  const bool is_pending = (id[0] & kNoInterrupt) == 0;
  MAYFLY_CHECK(edges == (is_connected && is_pending ? 1 : 0));
  return is_connected && is_pending;
}

// One of: read a register, write one, receive input, restore a state.
void Step(Serial& serial, FuzzedDataProvider& provider) {
  const uint8_t kind = TakeByte(provider);
  const uint8_t offset = TakeByte(provider) & 7;
  switch (kind & 3) {
    case 0: {
      std::vector<uint8_t> data(1u + (kind >> 5 == 7 ? offset : 0u));
      serial.Read(offset, data);
      break;
    }
    case 1: {
      const std::vector<uint8_t> data(1u + (kind >> 5 == 7 ? offset : 0u), TakeByte(provider));
      serial.Write(offset, data);
      break;
    }
    case 2: {
      const std::vector<uint8_t> input(TakeByte(provider), 'i');
      const size_t capacity = serial.input_capacity();
      MAYFLY_CHECK(serial.Receive(input) == std::min(capacity, input.size()));
      break;
    }
    default: {
      SerialState state = serial.State();
      state.interrupt_enable = TakeByte(provider);
      state.modem_control = TakeByte(provider);
      state.received.assign(TakeByte(provider), 'r');
      MAYFLY_CHECK(serial.Restore(state).ok() == CheckSerialState(state).ok());
      break;
    }
  }
}

void Run(FuzzedDataProvider& provider) {
  RecordingIrqLine irq;
  CountingSink sink;
  Serial serial(&irq, &sink);
  bool did_ask = false;
  while (provider.remaining_bytes() > 0) {
    Step(serial, provider);
    const SerialState state = serial.State();
    MAYFLY_CHECK(CheckSerialState(state).ok());
    MAYFLY_CHECK(serial.input_capacity() <= Serial::kReceiverCapacityBytes);
    MAYFLY_CHECK((state.interrupt_enable & 0x01) != 0 || serial.input_capacity() == 0);
    MAYFLY_CHECK(serial.counters().write_count == sink.taken_count);
    const bool asks = AsksForInterrupt(state);
    const int edges = irq.Take();
    // No interrupt without a cause, never more than one a step, and none lost.
    MAYFLY_CHECK(edges == 0 || (edges == 1 && asks));
    MAYFLY_CHECK(edges == 1 || !asks || did_ask);
    did_ask = asks;
  }
}

}  // namespace
}  // namespace mayfly

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size_bytes) {
  FuzzedDataProvider provider(data, size_bytes);
  mayfly::Run(provider);
  return 0;
}
