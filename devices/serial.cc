// The registers of the 16550A.

#include "devices/serial.h"

#include <algorithm>

#include "base/status.h"
#include "devices/serial_registers.h"

namespace mayfly {
Serial::Serial(IrqLine* irq, SerialSink* sink)
    : irq_(irq), sink_(sink), divisor_(kSerialInitialDivisor) {}

void Serial::Read(uint64_t guest_offset, std::span<uint8_t> data) {
  const MutexLock lock(&mutex_);
  std::fill(data.begin(), data.end(), uint8_t{0});
  if (data.size() != 1) {
    ++counters_.missed_read_count;
    return;
  }
  data[0] = ReadRegister(guest_offset);
}

void Serial::Write(uint64_t guest_offset, std::span<const uint8_t> guest_data) {
  const MutexLock lock(&mutex_);
  if (guest_data.size() != 1) {
    ++counters_.missed_write_count;
    return;
  }
  WriteRegister(guest_offset, guest_data[0]);
}

uint8_t Serial::ReadRegister(uint64_t offset) {
  switch (offset) {
    case kSerialData:
      return is_divisor_selected() ? static_cast<uint8_t>(divisor_) : ReadReceiver();
    case kSerialInterruptEnable:
      return is_divisor_selected() ? static_cast<uint8_t>(divisor_ >> 8) : interrupt_enable_;
    case kSerialInterruptId:
      return ReadInterruptId();
    case kSerialLineControl:
      return line_control_;
    case kSerialModemControl:
      return modem_control_;
    case kSerialLineStatus:
      return ReadLineStatus();
    case kSerialModemStatus:
      return ReadModemStatus();
    case kSerialScratch:
      return scratch_;
    default:
      return 0;
  }
}

void Serial::WriteRegister(uint64_t offset, uint8_t guest_value) {
  switch (offset) {
    case kSerialData:
      if (is_divisor_selected()) {
        divisor_ = static_cast<uint16_t>((divisor_ & 0xff00) | guest_value);
      } else {
        WriteTransmitter(guest_value);
      }
      break;
    case kSerialInterruptEnable:
      if (is_divisor_selected()) {
        divisor_ = static_cast<uint16_t>((divisor_ & 0x00ff) | (guest_value << 8));
      } else {
        WriteInterruptEnable(guest_value);
      }
      break;
    case kSerialFifoControl:
      WriteFifoControl(guest_value);
      break;
    case kSerialLineControl:
      line_control_ = guest_value;
      break;
    case kSerialModemControl:
      WriteModemControl(guest_value);
      break;
    case kSerialScratch:
      scratch_ = guest_value;
      break;
    default:  // LSR and MSR are read-only
      break;
  }
}

uint8_t Serial::ReadReceiver() {
  if (received_count_ == 0) {
    return 0;
  }
  const uint8_t byte = received_[received_start_];
  received_start_ = (received_start_ + 1) % received_.size();
  --received_count_;
  ++counters_.read_count;
  if (received_count_ == 0) {
    UpdateInterrupt(Acknowledged::kYes);
    SignalInput();
  }
  return byte;
}

uint8_t Serial::ReadInterruptId() {
  const uint8_t fifo_bits = (fifo_control_ & kSerialFifoEnable) != 0 ? kSerialIdFifosEnabled : 0;
  const uint8_t causes = PendingCauses();
  uint8_t id = kSerialIdNone;
  if ((causes & kSerialCauseLineStatus) != 0) {
    id = kSerialIdLineStatus;
  } else if ((causes & kSerialCauseReceived) != 0) {
    id = kSerialIdReceived;
  } else if ((causes & kSerialCauseTransmitEmpty) != 0) {
    id = kSerialIdTransmitEmpty;
    // Only this cause ends by being looked at.
    is_transmit_empty_pending_ = false;
    UpdateInterrupt(Acknowledged::kYes);
  } else if ((causes & kSerialCauseModemStatus) != 0) {
    id = kSerialIdModemStatus;
  }
  return fifo_bits | id;
}

uint8_t Serial::ReadLineStatus() {
  uint8_t status = kSerialLineTransmitterEmpty;
  if (received_count_ > 0) {
    status |= kSerialLineDataReady;
  }
  if (is_overrun_) {
    status |= kSerialLineOverrun;
    is_overrun_ = false;
    UpdateInterrupt(Acknowledged::kYes);
  }
  return status;
}

uint8_t Serial::ReadModemStatus() {
  const uint8_t status = ModemLines() | modem_status_delta_;
  if (modem_status_delta_ != 0) {
    modem_status_delta_ = 0;
    UpdateInterrupt(Acknowledged::kYes);
  }
  return status;
}

void Serial::WriteTransmitter(uint8_t guest_byte) {
  if (is_loopback()) {
    PushReceived(guest_byte);
  } else if (sink_->Put(guest_byte)) {
    ++counters_.write_count;
  } else {
    ++counters_.missed_write_count;
  }
  // The byte has left at once: the register is empty again.
  is_transmit_empty_pending_ = true;
  UpdateInterrupt(Acknowledged::kNo);
}

void Serial::WriteInterruptEnable(uint8_t guest_value) {
  const uint8_t enabled = guest_value & kSerialInterruptEnableMask & ~interrupt_enable_;
  const size_t capacity_before = InputCapacity();
  interrupt_enable_ = guest_value & kSerialInterruptEnableMask;
  if ((enabled & kSerialCauseTransmitEmpty) != 0) {
    // Drivers start sending by enabling this while the transmitter is empty (and Linux tests for
    // it).
    is_transmit_empty_pending_ = true;
  }
  UpdateInterrupt(Acknowledged::kNo);
  if (capacity_before == 0 && InputCapacity() > 0) {
    SignalInput();
  }
}

// Unlike the chip, turning the FIFOs on keeps the bytes received: Linux does so just after it has
// enabled receive interrupts, when input that was held back may have arrived.
void Serial::WriteFifoControl(uint8_t guest_value) {
  const bool is_enabled = (guest_value & kSerialFifoEnable) != 0;
  fifo_control_ = is_enabled ? guest_value & kSerialFifoStoredMask : 0;
  if (is_enabled && (guest_value & kSerialFifoClearReceiver) != 0 && received_count_ > 0) {
    ClearReceiver();
  }
}

void Serial::WriteModemControl(uint8_t guest_value) {
  const uint8_t lines_before = ModemLines();
  const size_t capacity_before = InputCapacity();
  modem_control_ = guest_value & kSerialModemControlMask;
  const uint8_t changed = lines_before ^ ModemLines();
  uint8_t delta = changed >> 4;
  if ((lines_before & kSerialModemRing) == 0) {
    delta &= static_cast<uint8_t>(~kSerialDeltaRing);  // only its trailing edge counts
  }
  modem_status_delta_ |= delta;
  UpdateInterrupt(Acknowledged::kNo);
  if (capacity_before == 0 && InputCapacity() > 0) {
    SignalInput();
  }
}

bool Serial::is_divisor_selected() const { return (line_control_ & kSerialDivisorSelect) != 0; }
bool Serial::is_loopback() const { return (modem_control_ & kSerialModemLoopback) != 0; }

size_t Serial::fifo_size_bytes() const {
  return (fifo_control_ & kSerialFifoEnable) != 0 ? received_.size() : 1;
}

size_t Serial::InputCapacity() const {
  // OUT2 as well: Linux turns all interrupts on for a moment, without it, when it looks for ports,
  // and would throw away what arrives then.
  const bool is_listening = (interrupt_enable_ & kSerialCauseReceived) != 0 &&
                            (modem_control_ & kSerialModemOut2) != 0 && !is_loopback();
  if (!is_listening) {
    return 0;
  }
  return fifo_size_bytes() - std::min(received_count_, fifo_size_bytes());
}

uint8_t Serial::ModemLines() const {
  if (!is_loopback()) {
    return kSerialModemCts | kSerialModemDsr | kSerialModemCarrier;
  }
  const auto line = [set = modem_control_](uint8_t control, uint8_t status) {
    return (set & control) != 0 ? status : uint8_t{0};
  };
  return line(kSerialModemRts, kSerialModemCts) | line(kSerialModemDtr, kSerialModemDsr) |
         line(kSerialModemOut1, kSerialModemRing) | line(kSerialModemOut2, kSerialModemCarrier);
}

void Serial::PushReceived(uint8_t byte) {
  if (received_count_ >= fifo_size_bytes()) {
    is_overrun_ = true;
    ++counters_.error_count;
    return;
  }
  received_[(received_start_ + received_count_) % received_.size()] = byte;
  ++received_count_;
}

void Serial::ClearReceiver() {
  received_count_ = 0;
  UpdateInterrupt(Acknowledged::kYes);
  SignalInput();
}

uint8_t Serial::PendingCauses() const {
  uint8_t causes = 0;
  if (received_count_ > 0) {
    causes |= kSerialCauseReceived;
  }
  if (is_transmit_empty_pending_) {
    causes |= kSerialCauseTransmitEmpty;
  }
  if (is_overrun_) {
    causes |= kSerialCauseLineStatus;
  }
  if (modem_status_delta_ != 0) {
    causes |= kSerialCauseModemStatus;
  }
  return causes & interrupt_enable_;
}

void Serial::UpdateInterrupt(Acknowledged acknowledged) {
  // A PC's board connects the interrupt output only while OUT2 is set; loopback disconnects that
  // pin.
  const bool is_connected =
      (modem_control_ & (kSerialModemOut2 | kSerialModemLoopback)) == kSerialModemOut2;
  const uint8_t causes = is_connected ? PendingCauses() : 0;
  const bool is_new = (causes & ~signalled_causes_) != 0;
  signalled_causes_ = causes;
  if (is_new || (acknowledged == Acknowledged::kYes && causes != 0)) {
    irq_->Trigger();
  }
}

void Serial::SignalInput() {
  if (input_signal_ != nullptr && InputCapacity() > 0) {
    input_signal_->Raise();
  }
}

size_t Serial::input_capacity() const {
  const MutexLock lock(&mutex_);
  return InputCapacity();
}

size_t Serial::Receive(std::span<const uint8_t> bytes) {
  const MutexLock lock(&mutex_);
  const size_t count = std::min(bytes.size(), InputCapacity());
  for (const uint8_t byte : bytes.first(count)) {
    PushReceived(byte);
  }
  UpdateInterrupt(Acknowledged::kNo);
  return count;
}

void Serial::set_input_signal(LoopSignal* signal) {
  const MutexLock lock(&mutex_);
  input_signal_ = signal;
}

SerialCounters Serial::counters() const {
  const MutexLock lock(&mutex_);
  return counters_;
}

SerialState Serial::State() const {
  const MutexLock lock(&mutex_);
  SerialState state = {
      .interrupt_enable = interrupt_enable_,
      .fifo_control = fifo_control_,
      .line_control = line_control_,
      .modem_control = modem_control_,
      .line_status = is_overrun_ ? kSerialLineOverrun : uint8_t{0},
      .modem_status_delta = modem_status_delta_,
      .scratch = scratch_,
      .divisor = divisor_,
      .is_transmit_empty_pending = is_transmit_empty_pending_,
      .received = {},
  };
  for (size_t i = 0; i < received_count_; ++i) {
    state.received.push_back(received_[(received_start_ + i) % received_.size()]);
  }
  return state;
}

absl::Status Serial::Restore(const SerialState& state) {
  RETURN_IF_ERROR(CheckSerialState(state));
  const MutexLock lock(&mutex_);
  interrupt_enable_ = state.interrupt_enable;
  fifo_control_ = state.fifo_control;
  line_control_ = state.line_control;
  modem_control_ = state.modem_control;
  is_overrun_ = state.line_status != 0;
  modem_status_delta_ = state.modem_status_delta;
  scratch_ = state.scratch;
  divisor_ = state.divisor;
  is_transmit_empty_pending_ = state.is_transmit_empty_pending;
  received_start_ = 0;
  received_count_ = state.received.size();
  std::copy(state.received.begin(), state.received.end(), received_.begin());
  signalled_causes_ = 0;
  UpdateInterrupt(Acknowledged::kNo);
  SignalInput();
  return absl::OkStatus();
}

}  // namespace mayfly
