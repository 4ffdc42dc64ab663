// /mmds/config from and to JSON.

#include "api/mmds_settings.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "absl/strings/str_cat.h"
#include "api/fault.h"

namespace mayfly {
namespace {

const JsonEnum<MmdsConfig::Version>& VersionNames() {
  static const JsonEnum<MmdsConfig::Version> kNames(
      {{"V1", MmdsConfig::Version::kV1}, {"V2", MmdsConfig::Version::kV2}});
  return kNames;
}

absl::StatusOr<uint32_t> ParseIpv4(absl::string_view text) {
  in_addr address = {};
  if (inet_pton(AF_INET, std::string(text).c_str(), &address) != 1) {
    return absl::InvalidArgumentError("invalid IPv4 address syntax");
  }
  return ntohl(address.s_addr);
}

std::string Ipv4Text(uint32_t ipv4) {
  return absl::StrCat(ipv4 >> 24, ".", ipv4 >> 16 & 0xff, ".", ipv4 >> 8 & 0xff, ".", ipv4 & 0xff);
}

}  // namespace

const JsonObject<MmdsSettings>& MmdsSettingsSchema() {
  static const JsonObject<MmdsSettings> kSchema(
      "struct MmdsSettings", UnknownFields::kDenied,
      {
          Optional("version", &MmdsSettings::version, VersionNames()),
          Required("network_interfaces", &MmdsSettings::network_interfaces),
          OptionalText("ipv4_address", &MmdsSettings::ipv4_address, ParseIpv4),
          Optional("imds_compat", &MmdsSettings::imds_compat),
      });
  return kSchema;
}

nlohmann::ordered_json MmdsSettingsToJson(const MmdsSettings& config) {
  nlohmann::ordered_json json;
  json["version"] = VersionNames().NameOf(config.version);
  json["network_interfaces"] = config.network_interfaces;
  json["ipv4_address"] = Ipv4Text(config.ipv4_address.value_or(MmdsConfig::kDefaultIpv4));
  json["imds_compat"] = config.imds_compat;
  return json;
}

absl::Status MetadataFault(const absl::Status& status) {
  if (absl::IsResourceExhausted(status)) {
    return absl::ResourceExhaustedError(
        absl::StrCat("MMDS limit exceeded error: ", status.message()));
  }
  return status.ok() ? status : Fault("MMDS error: ", status.message());
}

}  // namespace mayfly
