// /serial from JSON.

#include "api/serial_config.h"

#include "api/limiter_schema.h"

namespace mayfly {

const JsonObject<SerialConfig>& SerialSchema() {
  static const JsonObject<SerialConfig> kSchema(
      "struct SerialConfig", UnknownFields::kDenied,
      {
          Optional("serial_out_path", &SerialConfig::serial_out_path),
          Optional("rate_limiter", &SerialConfig::rate_limiter, TokenBucketSchema()),
      });
  return kSchema;
}

}  // namespace mayfly
