// Disks from and to JSON.

#include "api/drive_config.h"

#include "api/limiter_schema.h"

namespace mayfly {
namespace {

const JsonEnum<CacheType>& CacheTypeNames() {
  static const JsonEnum<CacheType> kNames(
      {{"Unsafe", CacheType::kUnsafe}, {"Writeback", CacheType::kWriteback}});
  return kNames;
}

const JsonEnum<IoEngine>& IoEngineNames() {
  static const JsonEnum<IoEngine> kNames({{"Sync", IoEngine::kSync}, {"Async", IoEngine::kAsync}});
  return kNames;
}

const JsonObject<BlockTopology>& TopologySchema() {
  static const JsonObject<BlockTopology> kSchema(
      "struct BlockTopology", UnknownFields::kDenied,
      {
          Optional("physical_block_exp", &BlockTopology::physical_block_exp),
          Optional("alignment_offset", &BlockTopology::alignment_offset),
          Optional("min_io_size", &BlockTopology::min_io_size),
          Optional("opt_io_size", &BlockTopology::opt_io_size),
      });
  return kSchema;
}

nlohmann::ordered_json TopologyToJson(const BlockTopology& topology) {
  nlohmann::ordered_json json;
  json["physical_block_exp"] = topology.physical_block_exp;
  json["alignment_offset"] = topology.alignment_offset;
  json["min_io_size"] = topology.min_io_size;
  json["opt_io_size"] = topology.opt_io_size;
  return json;
}

void AddExtensions(const DriveConfig& config, nlohmann::ordered_json& json) {
  if (config.discard) {
    json["discard"] = true;
  }
  if (config.blk_size) {
    json["blk_size"] = *config.blk_size;
  }
  if (config.topology) {
    json["topology"] = TopologyToJson(*config.topology);
  }
  if (config.num_queues != 1) {
    json["num_queues"] = config.num_queues;
  }
  if (config.direct) {
    json["direct"] = true;
  }
  if (!config.serial.empty()) {
    json["serial"] = config.serial;
  }
}

}  // namespace

const JsonObject<DriveConfig>& DriveSchema() {
  static const JsonObject<DriveConfig> kSchema(
      "struct BlockDeviceConfig", UnknownFields::kDenied,
      {
          Required("drive_id", &DriveConfig::drive_id),
          Optional("partuuid", &DriveConfig::partuuid),
          Required("is_root_device", &DriveConfig::is_root_device),
          Optional("cache_type", &DriveConfig::cache_type, CacheTypeNames()),
          Optional("is_read_only", &DriveConfig::is_read_only),
          Optional("path_on_host", &DriveConfig::path_on_host),
          Optional("rate_limiter", &DriveConfig::rate_limiter, RateLimiterSchema()),
          Optional("io_engine", &DriveConfig::io_engine, IoEngineNames()),
          Optional("socket", &DriveConfig::socket),
          Optional("discard", &DriveConfig::discard),
          Optional("blk_size", &DriveConfig::blk_size),
          Optional("topology", &DriveConfig::topology, TopologySchema()),
          Optional("num_queues", &DriveConfig::num_queues),
          Optional("direct", &DriveConfig::direct),
          Optional("serial", &DriveConfig::serial),
      });
  return kSchema;
}

const JsonObject<DriveUpdate>& DriveUpdateSchema() {
  static const JsonObject<DriveUpdate> kSchema(
      "struct BlockDeviceUpdateConfig", UnknownFields::kDenied,
      {
          Required("drive_id", &DriveUpdate::drive_id),
          Optional("path_on_host", &DriveUpdate::path_on_host),
          Optional("rate_limiter", &DriveUpdate::rate_limiter, RateLimiterSchema()),
      });
  return kSchema;
}

nlohmann::ordered_json DriveToJson(const DriveConfig& config) {
  nlohmann::ordered_json json;
  json["drive_id"] = config.drive_id;
  json["partuuid"] = JsonOrNull(config.partuuid);
  json["is_root_device"] = config.is_root_device;
  json["cache_type"] = CacheTypeNames().NameOf(config.cache_type);
  json["is_read_only"] = config.is_read_only;
  json["path_on_host"] = JsonOrNull(config.path_on_host);
  json["rate_limiter"] = LimiterToJson(config.rate_limiter);
  json["io_engine"] = IoEngineNames().NameOf(config.io_engine);
  json["socket"] = JsonOrNull(config.socket);
  AddExtensions(config, json);
  return json;
}

}  // namespace mayfly
