// Drives the keyboard controller with any accesses and key strokes and checks its bounds, its
// interrupts, its resets and that its state survives.
//
// An input is a row of steps: the kind, then its bytes (see Step).

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/check.h"
#include "devices/i8042.h"
#include "fuzzer/FuzzedDataProvider.h"
#include "tests/fakes/recording_irq_line.h"

namespace mayfly {
namespace {

uint8_t TakeByte(FuzzedDataProvider& provider) {
  const std::vector<uint8_t> bytes = provider.ConsumeBytes<uint8_t>(1);
  return bytes.empty() ? 0 : bytes[0];
}

bool HasKeyboardByte(const I8042State& state) {
  return state.is_output_full && state.is_output_from_keyboard;
}

bool IsInterruptOn(const I8042State& state) { return (state.control & 0x01) != 0; }

// One of: read a port, write the data port, write the command port, strike Ctrl-Alt-Del, restore a
// state.
void Step(I8042& device, FuzzedDataProvider& provider) {
  const uint8_t kind = TakeByte(provider);
  const size_t width = 1u + (kind >> 5 == 7 ? 1u : 0u);
  switch (kind & 7) {
    case 0:
    case 1: {
      std::vector<uint8_t> data(width);
      device.Read(TakeByte(provider) % I8042::kPortCount, data);
      break;
    }
    case 2:
    case 3:
      device.Write(0, std::vector<uint8_t>(width, TakeByte(provider)));
      break;
    case 4:
    case 5:
      device.Write(4, std::vector<uint8_t>(width, TakeByte(provider)));
      break;
    case 6:
      (void)device.TriggerCtrlAltDel();  // refused or not: both are checked by what follows
      break;
    default: {
      I8042State state = device.State();
      state.command = TakeByte(provider);
      state.keyboard.command = TakeByte(provider);
      state.keyboard.scancode_set = TakeByte(provider);
      state.keyboard.queue.assign(TakeByte(provider) % 32, 0x14);
      (void)device.Restore(state);
      break;
    }
  }
}

void Run(FuzzedDataProvider& provider) {
  RecordingIrqLine irq;
  uint64_t reset_count = 0;
  I8042 device(&irq, [&] { ++reset_count; });
  bool was_announced = false;
  while (provider.remaining_bytes() > 0) {
    Step(device, provider);
    const I8042State state = device.State();
    MAYFLY_CHECK(state.keyboard.queue.size() <= AtKeyboard::kQueueCapacityBytes);
    MAYFLY_CHECK(state.keyboard.scancode_set >= 1 && state.keyboard.scancode_set <= 3);
    MAYFLY_CHECK(device.counters().reset_count == reset_count);
    // No interrupt without a byte, and none lost.
    const bool is_announced = HasKeyboardByte(state) && IsInterruptOn(state);
    const int edges = irq.Take();
    MAYFLY_CHECK(edges == 0 || (edges == 1 && is_announced));
    MAYFLY_CHECK(edges == 1 || !is_announced || was_announced);
    was_announced = is_announced;

    RecordingIrqLine copy_irq;
    I8042 copy(&copy_irq, [] {});
    MAYFLY_CHECK(copy.Restore(state).ok());
    MAYFLY_CHECK(copy_irq.Take() == (is_announced ? 1 : 0));
    MAYFLY_CHECK(copy.State() == state);
  }
}

}  // namespace
}  // namespace mayfly

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size_bytes) {
  FuzzedDataProvider provider(data, size_bytes);
  mayfly::Run(provider);
  return 0;
}
