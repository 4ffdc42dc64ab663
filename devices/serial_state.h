// SerialState and SerialCounters: what a serial port remembers and what it counts.

#ifndef MAYFLY_DEVICES_SERIAL_STATE_H_
#define MAYFLY_DEVICES_SERIAL_STATE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"

namespace mayfly {

// The size of the receiver's FIFO.
inline constexpr size_t kSerialReceiverCapacityBytes = 64;

// The registers of a stopped Serial, as a snapshot keeps them. Serial::Restore checks every field.
struct SerialState {
  uint8_t interrupt_enable = 0;            // IER
  uint8_t fifo_control = 0;                // FCR, without its self-clearing bits
  uint8_t line_control = 0;                // LCR
  uint8_t modem_control = 0;               // MCR
  uint8_t line_status = 0;                 // LSR bits that are not derived: overrun (0x02)
  uint8_t modem_status_delta = 0;          // MSR bits 0-3
  uint8_t scratch = 0;                     // SCR
  uint16_t divisor = 0;                    // DLL and DLM
  bool is_transmit_empty_pending = false;  // a THRE interrupt the guest has not acknowledged
  std::vector<uint8_t> received;           // bytes the guest has not read, oldest first; at most 64

  bool operator==(const SerialState&) const = default;
};

// InvalidArgument, naming the register, when a field holds what the port cannot.
absl::Status CheckSerialState(const SerialState& state);

// Since the port was made. Names are those of the `uart` metrics group.
struct SerialCounters {
  uint64_t read_count = 0;         // bytes the guest took from the receiver
  uint64_t write_count = 0;        // bytes the guest sent and the output took
  uint64_t missed_read_count = 0;  // reads that are not one byte wide
  uint64_t missed_write_count =
      0;                     // bytes the output dropped, and writes that are not one byte wide
  uint64_t error_count = 0;  // receiver overruns
};

}  // namespace mayfly

#endif  // MAYFLY_DEVICES_SERIAL_STATE_H_
