// Field by field.

#include "snapshot/device_codec.h"

#include <cstddef>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/status.h"

namespace mayfly {
namespace {

using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;

// Far more than any device has. All tables of a hostile file may share one list, so these also
// bound how much memory it takes.
constexpr size_t kMaxConfigBytes = 4096;
constexpr size_t kMaxQueues = 16;
constexpr size_t kMaxTakenHeads = size_t{1} << 15;  // virtio's largest queue
constexpr size_t kMaxNameBytes = size_t{64} << 10;

flatbuffers::Offset<fb::Queue> EncodeQueue(const VirtQueueState& state,
                                           FlatBufferBuilder& builder) {
  return fb::CreateQueue(builder, state.guest_size, state.guest_descriptors.value(),
                         state.guest_avail.value(), state.guest_used.value(), state.is_ready,
                         state.next_avail, state.next_used,
                         builder.CreateVector(state.taken_heads));
}

absl::StatusOr<VirtQueueState> DecodeQueue(const fb::Queue& table) {
  VirtQueueState state = {.guest_size = table.size(),
                          .guest_descriptors = GuestAddress(table.descriptors()),
                          .guest_avail = GuestAddress(table.avail()),
                          .guest_used = GuestAddress(table.used()),
                          .is_ready = table.is_ready(),
                          .next_avail = table.next_avail(),
                          .next_used = table.next_used()};
  if (table.taken_heads() != nullptr) {
    if (table.taken_heads()->size() > kMaxTakenHeads) {
      return absl::InvalidArgumentError("its list of taken chains is too long");
    }
    state.taken_heads.assign(table.taken_heads()->begin(), table.taken_heads()->end());
  }
  return state;
}

Offset<fb::Transport> EncodeTransport(const MmioTransportState& state, FlatBufferBuilder& builder) {
  std::vector<Offset<fb::Queue>> queues;
  for (const VirtQueueState& queue : state.registers.queues) {
    queues.push_back(EncodeQueue(queue, builder));
  }
  const MmioRegisterState& registers = state.registers;
  return fb::CreateTransport(builder, registers.status, registers.device_features_page,
                             registers.driver_features_page, registers.driver_features,
                             registers.queue_index, state.interrupt_status, state.config_generation,
                             builder.CreateVector(state.config), builder.CreateVector(queues));
}

absl::StatusOr<MmioTransportState> DecodeTransport(const fb::Transport& table) {
  if (table.config()->size() > kMaxConfigBytes || table.queues()->size() > kMaxQueues) {
    return absl::InvalidArgumentError("its configuration or its list of queues is too long");
  }
  MmioTransportState state = {.registers = {.status = table.status(),
                                            .device_features_page = table.device_features_page(),
                                            .driver_features_page = table.driver_features_page(),
                                            .driver_features = table.driver_features(),
                                            .queue_index = table.queue_index()},
                              .interrupt_status = table.interrupt_status(),
                              .config_generation = table.config_generation(),
                              .config = {table.config()->begin(), table.config()->end()}};
  for (const fb::Queue* queue : *table.queues()) {
    ASSIGN_OR_RETURN(VirtQueueState queue_state, DecodeQueue(*queue));
    state.registers.queues.push_back(std::move(queue_state));
  }
  return state;
}

Offset<fb::Bucket> EncodeBucket(const std::optional<TokenBucketState>& state,
                                FlatBufferBuilder& builder) {
  return state ? fb::CreateBucket(builder, state->level, state->burst, state->debt) : 0;
}

std::optional<TokenBucketState> DecodeBucket(const fb::Bucket* table) {
  if (table == nullptr) {
    return std::nullopt;
  }
  return TokenBucketState{.level = table->level(), .burst = table->burst(), .debt = table->debt()};
}

Offset<fb::Limiter> EncodeLimiter(const RateLimiterState& state, FlatBufferBuilder& builder) {
  const auto bandwidth = EncodeBucket(state.bandwidth, builder);
  return fb::CreateLimiter(builder, bandwidth, EncodeBucket(state.ops, builder));
}

RateLimiterState DecodeLimiter(const fb::Limiter& table) {
  return {.bandwidth = DecodeBucket(table.bandwidth()), .ops = DecodeBucket(table.ops())};
}

// A disk's or a network card's.
template <typename Table>
absl::StatusOr<MmioTransportState> DecodeNamedTransport(absl::string_view what,
                                                        const Table& table) {
  if (table.name()->size() > kMaxNameBytes) {
    return absl::InvalidArgumentError(absl::StrCat("the name of a ", what, " is too long"));
  }
  auto transport = DecodeTransport(*table.transport());
  if (!transport.ok()) {
    const absl::string_view name(table.name()->c_str(), table.name()->size());
    return Annotate(transport.status(), absl::StrCat(what, " ", absl::CHexEscape(name)));
  }
  return transport;
}

}  // namespace

Offset<fb::Serial> EncodeSerial(const SerialState& state, FlatBufferBuilder& builder) {
  return fb::CreateSerial(builder, state.interrupt_enable, state.fifo_control, state.line_control,
                          state.modem_control, state.line_status, state.modem_status_delta,
                          state.scratch, state.divisor, state.is_transmit_empty_pending,
                          builder.CreateVector(state.received));
}

SerialState DecodeSerial(const fb::Serial& table) {
  return {.interrupt_enable = table.interrupt_enable(),
          .fifo_control = table.fifo_control(),
          .line_control = table.line_control(),
          .modem_control = table.modem_control(),
          .line_status = table.line_status(),
          .modem_status_delta = table.modem_status_delta(),
          .scratch = table.scratch(),
          .divisor = table.divisor(),
          .is_transmit_empty_pending = table.is_transmit_empty_pending(),
          .received = {table.received()->begin(), table.received()->end()}};
}

Offset<fb::I8042> EncodeI8042(const I8042State& state, FlatBufferBuilder& builder) {
  const AtKeyboardState& keyboard = state.keyboard;
  return fb::CreateI8042(
      builder, state.control, state.command, state.output_port, state.is_output_full, state.output,
      state.output_status, state.is_output_from_keyboard, state.is_last_write_command,
      fb::CreateKeyboard(builder, keyboard.scancode_set, keyboard.is_scanning, keyboard.command,
                         keyboard.last_sent, builder.CreateVector(keyboard.queue)));
}

I8042State DecodeI8042(const fb::I8042& table) {
  const fb::Keyboard& keyboard = *table.keyboard();
  return {.control = table.control(),
          .command = table.command(),
          .output_port = table.output_port(),
          .is_output_full = table.is_output_full(),
          .output = table.output(),
          .output_status = table.output_status(),
          .is_output_from_keyboard = table.is_output_from_keyboard(),
          .is_last_write_command = table.is_last_write_command(),
          .keyboard = {.scancode_set = keyboard.scancode_set(),
                       .is_scanning = keyboard.is_scanning(),
                       .command = keyboard.command(),
                       .last_sent = keyboard.last_sent(),
                       .queue = {keyboard.queue()->begin(), keyboard.queue()->end()}}};
}

Offset<fb::Disk> EncodeDisk(const DiskState& state, FlatBufferBuilder& builder) {
  const auto name = builder.CreateString(state.name);
  const auto transport = EncodeTransport(state.transport, builder);
  return fb::CreateDisk(builder, name, transport,
                        EncodeLimiter(state.device.rate_limiter, builder));
}

absl::StatusOr<DiskState> DecodeDisk(const fb::Disk& table) {
  ASSIGN_OR_RETURN(MmioTransportState transport, DecodeNamedTransport("disk", table));
  return DiskState{.name = table.name()->str(),
                   .transport = std::move(transport),
                   .device = {.rate_limiter = DecodeLimiter(*table.rate_limiter())}};
}

Offset<fb::Network> EncodeNetwork(const NetworkState& state, FlatBufferBuilder& builder) {
  const auto name = builder.CreateString(state.name);
  const auto transport = EncodeTransport(state.transport, builder);
  const auto receive = EncodeLimiter(state.device.rx_rate_limiter, builder);
  return fb::CreateNetwork(builder, name, transport, receive,
                           EncodeLimiter(state.device.tx_rate_limiter, builder));
}

absl::StatusOr<NetworkState> DecodeNetwork(const fb::Network& table) {
  ASSIGN_OR_RETURN(MmioTransportState transport, DecodeNamedTransport("network card", table));
  return NetworkState{.name = table.name()->str(),
                      .transport = std::move(transport),
                      .device = {.rx_rate_limiter = DecodeLimiter(*table.rx_rate_limiter()),
                                 .tx_rate_limiter = DecodeLimiter(*table.tx_rate_limiter())}};
}

}  // namespace mayfly
