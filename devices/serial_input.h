// SerialInput: carries bytes from a descriptor (standard input) to a guest's serial port.

#ifndef MAYFLY_DEVICES_SERIAL_INPUT_H_
#define MAYFLY_DEVICES_SERIAL_INPUT_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "base/event_loop.h"
#include "base/loop_signal.h"
#include "base/operation_group.h"
#include "devices/serial.h"

namespace mayfly {

// Owned by MicroVm (or the program), on the loop thread. `serial` and `loop` outlive it.
//
// From a pipe or a file it reads no further than a buffer ahead of the guest. From a terminal it
// reads always, so that an escape key works while the guest does not listen: what the guest does
// not take goes to a bounded buffer, and what does not fit there is dropped once the filter has
// seen it.
class SerialInput {
 public:
  static constexpr size_t kBufferCapacityBytes = 4096;

  enum class EndOfInput {
    kKeepQuiet,     // the guest learns nothing
    kSendControlD,  // the guest gets one byte 4, so that a shell on its console ends
  };

  struct Options {
    int fd = -1;  // not owned; its flags are left alone
    // Sees every byte read, once and in order. Keeps the bytes meant for the guest at the front of
    // the span, in their order, and returns how many these are. May stop the loop; must not destroy
    // the SerialInput. May be empty.
    absl::AnyInvocable<size_t(std::span<uint8_t>)> filter;
    // What an end of file means on a descriptor that is not a terminal.
    EndOfInput end_of_input = EndOfInput::kSendControlD;
    // Called once, on the loop, when nothing more will be read: OK at an end of file, else "read:
    // reason", as when the terminal is gone (a terminal's end of file is one: Unavailable). May
    // destroy the SerialInput. May be empty.
    absl::AnyInvocable<void(absl::Status)> on_end;
  };

  // Begins to read in the loop's next turn.
  SerialInput(EventLoop* loop, Serial* serial, Options options);
  SerialInput(const SerialInput&) = delete;
  SerialInput& operator=(const SerialInput&) = delete;
  ~SerialInput();

  bool is_terminal() const { return is_terminal_; }
  // Bytes read from a terminal that found the buffer full.
  uint64_t dropped_count() const { return dropped_count_; }

 private:
  void OnCapacity();
  void ReadMore();
  void Read();
  void OnRead(int32_t result);
  void Take(std::span<uint8_t> bytes);
  void Deliver();
  void End(absl::Status status);

  const int fd_;
  const bool is_terminal_;
  const bool is_regular_file_;
  Serial* const serial_;
  const EndOfInput end_of_input_;
  absl::AnyInvocable<size_t(std::span<uint8_t>)> filter_;
  absl::AnyInvocable<void(absl::Status)> on_end_;

  bool is_reading_ = false;
  bool is_ended_ = false;
  uint64_t dropped_count_ = 0;
  // Bytes the guest has not taken, oldest first; at most kBufferCapacityBytes.
  std::vector<uint8_t> pending_;
  std::array<uint8_t, 1024> read_buffer_{};
  LoopSignal capacity_signal_;
  // Last: its destructor takes read_buffer_ back from the kernel before anything else dies.
  OperationGroup io_;
};

}  // namespace mayfly

#endif  // MAYFLY_DEVICES_SERIAL_INPUT_H_
