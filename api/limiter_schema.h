// The JSON forms of rate limiters, as drives, network cards and the serial port have them.

#ifndef MAYFLY_API_LIMITER_SCHEMA_H_
#define MAYFLY_API_LIMITER_SCHEMA_H_

#include <optional>

#include "api/json_decoder.h"
#include "devices/virtio/rate_limiter.h"
#include "nlohmann/json.hpp"

namespace mayfly {

// {"size": N, "one_time_burst": N, "refill_time": MS}. Unknown fields are ignored, as Firecracker
// does here.
const JsonObject<TokenBucketConfig>& TokenBucketSchema();

// {"bandwidth": {...}, "ops": {...}}.
const JsonObject<RateLimiterUpdate>& RateLimiterSchema();

// A device that is made with what `settings` say: what is absent is no limit.
RateLimiterConfig LimiterConfigOf(const std::optional<RateLimiterUpdate>& settings);

// `settings` after the PATCH `update`.
void ApplyLimiterUpdate(const RateLimiterUpdate& update,
                        std::optional<RateLimiterUpdate>& settings);

// For GET /vm/config: null where there is no limit.
nlohmann::ordered_json LimiterToJson(const std::optional<RateLimiterUpdate>& settings);

}  // namespace mayfly

#endif  // MAYFLY_API_LIMITER_SCHEMA_H_
