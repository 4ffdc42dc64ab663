// DriveConfig: a disk, as /drives/{drive_id} sets and shows it.

#ifndef MAYFLY_API_DRIVE_CONFIG_H_
#define MAYFLY_API_DRIVE_CONFIG_H_

#include <cstdint>
#include <optional>
#include <string>

#include "api/json_decoder.h"
#include "devices/virtio/block_device.h"
#include "devices/virtio/rate_limiter.h"
#include "nlohmann/json.hpp"

namespace mayfly {

// Both run on the ring; kept because clients read back what they set.
enum class IoEngine { kSync, kAsync };

// A plain value, as the user gave it.
struct DriveConfig {
  std::string drive_id;
  // Names the root file system for the kernel.
  std::optional<std::string> partuuid;
  bool is_root_device = false;
  CacheType cache_type = CacheType::kUnsafe;
  bool is_read_only = false;
  std::optional<std::string> path_on_host;
  std::optional<RateLimiterUpdate> rate_limiter;
  IoEngine io_engine = IoEngine::kSync;
  // vhost-user-blk, which Mayfly has not.
  std::optional<std::string> socket;
  bool discard = false;
  std::optional<uint32_t> blk_size;
  std::optional<BlockTopology> topology;
  // Mayfly's own.
  uint16_t num_queues = 1;
  bool direct = false;
  // What the guest reads as the disk's id; empty for the file's own.
  std::string serial;
};

// A PATCH of a running VM's disk.
struct DriveUpdate {
  std::string drive_id;
  std::optional<std::string> path_on_host;
  std::optional<RateLimiterUpdate> rate_limiter;
};

const JsonObject<DriveConfig>& DriveSchema();
const JsonObject<DriveUpdate>& DriveUpdateSchema();

// Those fields that Firecracker has not are left out where they say nothing.
nlohmann::ordered_json DriveToJson(const DriveConfig& config);

}  // namespace mayfly

#endif  // MAYFLY_API_DRIVE_CONFIG_H_
