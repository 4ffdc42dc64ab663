// I8042: a PC's keyboard controller with a keyboard, for Ctrl-Alt-Del and for the guest's reset
// command.

#ifndef MAYFLY_DEVICES_I8042_H_
#define MAYFLY_DEVICES_I8042_H_

#include <cstdint>
#include <optional>
#include <span>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "base/mutex.h"
#include "devices/at_keyboard.h"
#include "devices/bus_device.h"
#include "devices/irq_line.h"

namespace mayfly {

// What a snapshot keeps of the controller. I8042::Restore checks every field.
struct I8042State {
  uint8_t control = 0;  // the command byte ("CTR")
  uint8_t command = 0;  // a command whose parameter is awaited, or 0
  uint8_t output_port = 0;
  bool is_output_full = false;
  uint8_t output = 0;         // the byte at port 0x60 when is_output_full
  uint8_t output_status = 0;  // the status bits that belong to it: AUXDATA (0x20), TIMEOUT (0x40)
  bool is_output_from_keyboard = false;
  bool is_last_write_command = false;  // status bit 3
  AtKeyboardState keyboard;

  bool operator==(const I8042State&) const = default;
};

// Since the device was made. Names are those of the `i8042` metrics group.
struct I8042Counters {
  uint64_t read_count = 0;
  uint64_t write_count = 0;
  uint64_t missed_read_count = 0;   // not one byte wide, or of a port that is not the controller's
  uint64_t missed_write_count = 0;  // the same of writes
  uint64_t reset_count = 0;
  uint64_t error_count = 0;  // unknown controller commands
};

// Attached at ports 0x60 to 0x64, IRQ 1. Owned by MicroVm. Registers are the guest's, on vCPU
// threads; key strokes come from the loop thread. One lock covers both.
//
// After IBM's PS/2 hardware technical reference, "Keyboard and auxiliary device controller". There
// is no auxiliary device: its tests fail at once, so that no driver waits for one.
class I8042 : public BusDevice {
 public:
  static constexpr uint64_t kPortCount = 5;

  // `irq` outlives the device. `on_reset` runs on the vCPU thread that asked for a reset of the
  // machine, without a lock held, once for each request.
  I8042(IrqLine* irq, absl::AnyInvocable<void()> on_reset);

  // BusDevice, on vCPU threads.
  void Read(uint64_t guest_offset, std::span<uint8_t> data) override;
  void Write(uint64_t guest_offset, std::span<const uint8_t> guest_data) override;

  // Strikes Ctrl-Alt-Del. FailedPrecondition when the guest has not enabled the keyboard and its
  // interrupt, ResourceExhausted when it has not read earlier strokes. Loop thread.
  absl::Status TriggerCtrlAltDel();

  I8042Counters counters() const;

  // For a device whose VM is paused. Restore: InvalidArgument when a field holds what the device
  // cannot; then it is unchanged. An interrupt that was pending is raised again.
  I8042State State() const;
  absl::Status Restore(const I8042State& state);

 private:
  enum class Reset { kNo, kYes };

  uint8_t ReadData() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  uint8_t ReadStatus() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Reset WriteData(uint8_t guest_value) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Reset WriteCommand(uint8_t guest_command) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RunCommand(uint8_t guest_command) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Reset WriteParameter(uint8_t command, uint8_t guest_value) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WriteControl(uint8_t guest_value) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Puts the controller's own answer at port 0x60, in place of what is there unread.
  void Answer(uint8_t value, uint8_t status_bits = 0) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PutKeyboardByte(uint8_t value) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Moves the keyboard's next byte to port 0x60 when there is room and the keyboard is enabled.
  void FillOutput() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TriggerIfPending() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  IrqLine* const irq_;
  absl::AnyInvocable<void()> on_reset_;

  mutable Mutex mutex_;
  // All but the keyboard's part, which keyboard_ holds.
  I8042State state_ ABSL_GUARDED_BY(mutex_);
  AtKeyboard keyboard_ ABSL_GUARDED_BY(mutex_);
  I8042Counters counters_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace mayfly

#endif  // MAYFLY_DEVICES_I8042_H_
