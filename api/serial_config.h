// SerialConfig: where a guest's serial output goes, as /serial sets it.

#ifndef MAYFLY_API_SERIAL_CONFIG_H_
#define MAYFLY_API_SERIAL_CONFIG_H_

#include <optional>
#include <string>

#include "api/json_decoder.h"
#include "devices/virtio/token_bucket.h"

namespace mayfly {

// A plain value, as the user gave it.
struct SerialConfig {
  // Standard output when absent.
  std::optional<std::string> serial_out_path;
  // Of bytes.
  std::optional<TokenBucketConfig> rate_limiter;
};

const JsonObject<SerialConfig>& SerialSchema();

}  // namespace mayfly

#endif  // MAYFLY_API_SERIAL_CONFIG_H_
