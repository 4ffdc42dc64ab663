// AtKeyboard: an AT keyboard as the keyboard controller sees it: command bytes in, a queue of bytes
// out.

#ifndef MAYFLY_DEVICES_AT_KEYBOARD_H_
#define MAYFLY_DEVICES_AT_KEYBOARD_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"

namespace mayfly {

// What a snapshot keeps of the keyboard. AtKeyboard::Restore checks every field.
struct AtKeyboardState {
  uint8_t scancode_set = 2;    // 1 to 3
  bool is_scanning = true;     // reports keys
  uint8_t command = 0;         // a command whose parameter is awaited, or 0
  uint8_t last_sent = 0;       // what "resend" sends
  std::vector<uint8_t> queue;  // bytes for the controller, oldest first; at most 16

  bool operator==(const AtKeyboardState&) const = default;
};

// Part of I8042, under its lock. After IBM's PS/2 hardware technical reference, "Keyboard (101- and
// 102-key)".
class AtKeyboard {
 public:
  static constexpr size_t kQueueCapacityBytes = 16;

  enum class Key { kControl, kAlt, kDelete };

  // A byte the guest sends: a command or its parameter. Answers go to the queue.
  void Write(uint8_t guest_byte);

  // Queues all of the key strokes' codes, in the scan code set the guest chose, or none: the keys
  // are pressed in the order given and released in the opposite one. ResourceExhausted when the
  // queue has no room.
  absl::Status Strike(std::span<const Key> keys);

  // Takes the oldest byte for the controller, or nothing.
  std::optional<uint8_t> Pop();
  bool has_output() const { return !state_.queue.empty(); }
  bool is_scanning() const { return state_.is_scanning; }

  const AtKeyboardState& state() const { return state_; }
  absl::Status Restore(const AtKeyboardState& state);

 private:
  void WriteCommand(uint8_t guest_command);
  void WriteParameter(uint8_t command, uint8_t guest_value);
  void SetDefaults();
  // Drops the byte when the queue is full: a guest that does not read gets no answers.
  void Push(uint8_t byte);

  AtKeyboardState state_;
};

}  // namespace mayfly

#endif  // MAYFLY_DEVICES_AT_KEYBOARD_H_
