// Serial: a 16550A serial port.

#ifndef MAYFLY_DEVICES_SERIAL_H_
#define MAYFLY_DEVICES_SERIAL_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "base/loop_signal.h"
#include "base/mutex.h"
#include "devices/bus_device.h"
#include "devices/irq_line.h"
#include "devices/serial_state.h"

namespace mayfly {

// Where the port's bytes go; see SerialOutput.
class SerialSink {
 public:
  virtual ~SerialSink() = default;

  // Takes a byte the guest sent; false when it is dropped. Called on any vCPU thread, one at a
  // time, under the port's lock: never blocks and never calls back into the port.
  virtual bool Put(uint8_t byte) = 0;
};

// Attached at eight ports (0x3f8 on a PC), IRQ 4. Owned by MicroVm. Registers are the guest's, on
// vCPU threads; input comes from the loop thread. One lock covers both.
//
// After the data sheet of TI's PC16550D, wired as in a PC: OUT2 gates the interrupt line. What
// differs: the transmitter is always empty, the receiver's FIFO holds 64 bytes, and its trigger
// level and time-out are not modelled (any byte is "data available").
class Serial : public BusDevice {
 public:
  static constexpr uint64_t kPortCount = 8;
  static constexpr size_t kReceiverCapacityBytes = kSerialReceiverCapacityBytes;

  // Both outlive the port.
  Serial(IrqLine* irq, SerialSink* sink);

  // BusDevice, on vCPU threads.
  void Read(uint64_t guest_offset, std::span<uint8_t> data) override;
  void Write(uint64_t guest_offset, std::span<const uint8_t> guest_data) override;

  // How many bytes the receiver takes now. 0 while the guest has receive interrupts or OUT2 off: it
  // is not listening yet, and its driver empties the FIFO before it does. Loop thread.
  size_t input_capacity() const;
  // Hands the guest the first input_capacity() bytes; returns how many that were. Loop thread.
  size_t Receive(std::span<const uint8_t> bytes);
  // `signal` is raised (on a vCPU thread) when the guest begins to listen, and each time it has
  // emptied the receiver. Set before the first vCPU runs, or to null after the last stopped;
  // `signal` outlives that time.
  void set_input_signal(LoopSignal* signal);

  SerialCounters counters() const;

  // For a port whose VM is paused. Restore: InvalidArgument when a field holds what the registers
  // cannot; then the port is unchanged. An interrupt that was pending is raised again.
  SerialState State() const;
  absl::Status Restore(const SerialState& state);

 private:
  uint8_t ReadRegister(uint64_t offset) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WriteRegister(uint64_t offset, uint8_t guest_value) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  uint8_t ReadReceiver() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  uint8_t ReadInterruptId() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  uint8_t ReadLineStatus() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  uint8_t ReadModemStatus() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WriteTransmitter(uint8_t guest_byte) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WriteInterruptEnable(uint8_t guest_value) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WriteFifoControl(uint8_t guest_value) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WriteModemControl(uint8_t guest_value) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  bool is_divisor_selected() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool is_loopback() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  size_t fifo_size_bytes() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  size_t InputCapacity() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  uint8_t ModemLines() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PushReceived(uint8_t byte) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ClearReceiver() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The enabled causes of an interrupt that hold, as IER bits.
  uint8_t PendingCauses() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Triggers the line when a cause is new, or when `acknowledged` left others waiting.
  enum class Acknowledged { kNo, kYes };
  void UpdateInterrupt(Acknowledged acknowledged) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SignalInput() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  IrqLine* const irq_;
  SerialSink* const sink_;

  mutable Mutex mutex_;
  LoopSignal* input_signal_ ABSL_GUARDED_BY(mutex_) = nullptr;
  uint8_t interrupt_enable_ ABSL_GUARDED_BY(mutex_) = 0;
  uint8_t fifo_control_ ABSL_GUARDED_BY(mutex_) = 0;
  uint8_t line_control_ ABSL_GUARDED_BY(mutex_) = 0;
  uint8_t modem_control_ ABSL_GUARDED_BY(mutex_) = 0;
  uint8_t modem_status_delta_ ABSL_GUARDED_BY(mutex_) = 0;
  uint8_t scratch_ ABSL_GUARDED_BY(mutex_) = 0;
  uint16_t divisor_ ABSL_GUARDED_BY(mutex_);
  bool is_overrun_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_transmit_empty_pending_ ABSL_GUARDED_BY(mutex_) = false;
  // The causes the guest was last interrupted for and that still hold.
  uint8_t signalled_causes_ ABSL_GUARDED_BY(mutex_) = 0;
  // The receiver's FIFO: a ring of received_count_ bytes from received_start_ on.
  std::array<uint8_t, kReceiverCapacityBytes> received_ ABSL_GUARDED_BY(mutex_){};
  size_t received_start_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t received_count_ ABSL_GUARDED_BY(mutex_) = 0;
  SerialCounters counters_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace mayfly

#endif  // MAYFLY_DEVICES_SERIAL_H_
