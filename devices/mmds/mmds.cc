// Puts the service together.

#include "devices/mmds/mmds.h"

#include <array>

#include "absl/memory/memory.h"
#include "base/status.h"
#include "devices/mmds/big_endian.h"
#include "devices/mmds/mmds_detour.h"

namespace mayfly {

absl::StatusOr<std::unique_ptr<Mmds>> Mmds::Create(absl::string_view instance_id,
                                                   size_t store_max_bytes) {
  ASSIGN_OR_RETURN(TokenAuthority tokens, TokenAuthority::Create(instance_id));
  ASSIGN_OR_RETURN(const KeyedHash sequence_hash, KeyedHash::Create());
  return absl::WrapUnique(new Mmds(std::move(tokens), sequence_hash, store_max_bytes));
}

absl::Status Mmds::Configure(const MmdsConfig& config) {
  if (!IsMmdsIpv4(config.ipv4)) {
    return absl::InvalidArgumentError("The MMDS IPv4 address is not link local.");
  }
  config_ = config;
  return absl::OkStatus();
}

std::unique_ptr<FrameDetour> Mmds::MakeDetour(EventLoop* loop) {
  return std::make_unique<MmdsDetour>(
      loop,
      MmdsStack::Options{.ipv4 = config_.ipv4,
                         .initial_sequence = [this] { return NextInitialSequence(); }},
      &service_, &metrics_);
}

uint32_t Mmds::NextInitialSequence() {
  std::array<uint8_t, 4> count{};
  StoreBig32(count.data(), sequence_count_++);
  return LoadBig32(sequence_hash_.Hash(count, "").data());
}

}  // namespace mayfly
