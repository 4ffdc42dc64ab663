// Checks a serial port's saved state.

#include "devices/serial_state.h"

#include "devices/serial_registers.h"

namespace mayfly {

absl::Status CheckSerialState(const SerialState& state) {
  if ((state.interrupt_enable & ~kSerialInterruptEnableMask) != 0) {
    return absl::InvalidArgumentError("serial port state: impossible IER");
  }
  const bool is_fifo_enabled = (state.fifo_control & kSerialFifoEnable) != 0;
  if ((state.fifo_control & ~kSerialFifoStoredMask) != 0 ||
      (state.fifo_control != 0 && !is_fifo_enabled)) {
    return absl::InvalidArgumentError("serial port state: impossible FCR");
  }
  if ((state.modem_control & ~kSerialModemControlMask) != 0) {
    return absl::InvalidArgumentError("serial port state: impossible MCR");
  }
  if ((state.line_status & ~kSerialLineOverrun) != 0) {
    return absl::InvalidArgumentError("serial port state: impossible LSR");
  }
  if ((state.modem_status_delta & ~kSerialDeltaMask) != 0) {
    return absl::InvalidArgumentError("serial port state: impossible MSR");
  }
  if (state.received.size() > kSerialReceiverCapacityBytes) {
    return absl::InvalidArgumentError("serial port state: more bytes received than the FIFO holds");
  }
  return absl::OkStatus();
}

}  // namespace mayfly
