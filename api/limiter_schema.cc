// Rate limiters from and to JSON.

#include "api/limiter_schema.h"

namespace mayfly {
namespace {

nlohmann::ordered_json BucketToJson(const std::optional<TokenBucketConfig>& bucket) {
  if (!bucket || !bucket->is_enabled()) {
    return nullptr;
  }
  nlohmann::ordered_json json;
  json["size"] = bucket->size;
  json["one_time_burst"] = bucket->one_time_burst == 0
                               ? nlohmann::ordered_json(nullptr)
                               : nlohmann::ordered_json(bucket->one_time_burst);
  json["refill_time"] = bucket->refill_time_ms;
  return json;
}

}  // namespace

const JsonObject<TokenBucketConfig>& TokenBucketSchema() {
  static const JsonObject<TokenBucketConfig> kSchema(
      "struct TokenBucketConfig", UnknownFields::kIgnored,
      {
          Required("size", &TokenBucketConfig::size),
          Optional("one_time_burst", &TokenBucketConfig::one_time_burst),
          Required("refill_time", &TokenBucketConfig::refill_time_ms),
      });
  return kSchema;
}

const JsonObject<RateLimiterUpdate>& RateLimiterSchema() {
  static const JsonObject<RateLimiterUpdate> kSchema(
      "struct RateLimiterConfig", UnknownFields::kDenied,
      {
          Optional("bandwidth", &RateLimiterUpdate::bandwidth, TokenBucketSchema()),
          Optional("ops", &RateLimiterUpdate::ops, TokenBucketSchema()),
      });
  return kSchema;
}

RateLimiterConfig LimiterConfigOf(const std::optional<RateLimiterUpdate>& settings) {
  if (!settings) {
    return {};
  }
  return {.bandwidth = settings->bandwidth.value_or(TokenBucketConfig()),
          .ops = settings->ops.value_or(TokenBucketConfig())};
}

void ApplyLimiterUpdate(const RateLimiterUpdate& update,
                        std::optional<RateLimiterUpdate>& settings) {
  RateLimiterUpdate changed = settings.value_or(RateLimiterUpdate());
  if (update.bandwidth) {
    changed.bandwidth = update.bandwidth;
  }
  if (update.ops) {
    changed.ops = update.ops;
  }
  settings = changed;
}

nlohmann::ordered_json LimiterToJson(const std::optional<RateLimiterUpdate>& settings) {
  const RateLimiterUpdate buckets = settings.value_or(RateLimiterUpdate());
  nlohmann::ordered_json json;
  json["bandwidth"] = BucketToJson(buckets.bandwidth);
  json["ops"] = BucketToJson(buckets.ops);
  if (json["bandwidth"].is_null() && json["ops"].is_null()) {
    return nullptr;
  }
  return json;
}

}  // namespace mayfly
