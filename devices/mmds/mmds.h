// Mmds: a VM's metadata service: what the host puts in, and where guests read it.

#ifndef MAYFLY_DEVICES_MMDS_MMDS_H_
#define MAYFLY_DEVICES_MMDS_MMDS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/event_loop.h"
#include "devices/mmds/keyed_hash.h"
#include "devices/mmds/mmds_config.h"
#include "devices/mmds/mmds_metrics.h"
#include "devices/mmds/mmds_service.h"
#include "devices/mmds/mmds_store.h"
#include "devices/mmds/token_authority.h"
#include "devices/virtio/frame_detour.h"

namespace mayfly {

// Shared by the API, which fills the store, and the network cards that lead to the service. One for
// each VM; loop thread only; outlives the detours.
//
// A card's guest can make it keep TcpEndpoint::kMaxConnections answers, each no larger than the
// store.
class Mmds {
 public:
  // `instance_id` is the VM's: a session token is of one instance. "getrandom: reason".
  static absl::StatusOr<std::unique_ptr<Mmds>> Create(
      absl::string_view instance_id, size_t store_max_bytes = MmdsStore::kDefaultMaxBytes);
  Mmds(const Mmds&) = delete;
  Mmds& operator=(const Mmds&) = delete;

  // Before there are detours. InvalidArgument with the API's text when the address is none that the
  // service may have.
  absl::Status Configure(const MmdsConfig& config);
  const MmdsConfig& config() const { return config_; }

  // For one card. `loop` outlives it.
  std::unique_ptr<FrameDetour> MakeDetour(EventLoop* loop);

  MmdsStore& store() { return store_; }
  const MmdsStore& store() const { return store_; }
  const MmdsMetrics& metrics() const { return metrics_; }

 private:
  Mmds(TokenAuthority tokens, const KeyedHash& sequence_hash, size_t store_max_bytes)
      : sequence_hash_(sequence_hash), store_(store_max_bytes), tokens_(std::move(tokens)) {}

  // Of a new connection, so that nobody can guess it (RFC 6528).
  uint32_t NextInitialSequence();

  MmdsConfig config_;
  const KeyedHash sequence_hash_;
  uint32_t sequence_count_ = 0;
  MmdsStore store_;
  TokenAuthority tokens_;
  MmdsMetrics metrics_;
  MmdsService service_{
      {.config = &config_, .store = &store_, .tokens = &tokens_, .metrics = &metrics_}};
};

}  // namespace mayfly

#endif  // MAYFLY_DEVICES_MMDS_MMDS_H_
