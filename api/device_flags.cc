// Parses the settings of devices.

#include "api/device_flags.h"

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/flag_table.h"
#include "base/status.h"
#include "vmm/guest_layout.h"

namespace mayfly {
namespace {

constexpr uint64_t kDefaultRefillMs = 1000;
constexpr uint64_t kMaxNumber = std::numeric_limits<int64_t>::max();

// "name=value", or "name" alone when `has_value` is false.
struct Setting {
  const char* name;
  bool has_value;
  std::function<absl::Status(absl::string_view)> apply;
};

// Cuts at single commas; two stand for one in the text.
std::vector<std::string> SplitSettings(absl::string_view text) {
  std::vector<std::string> settings(1);
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != ',') {
      settings.back().push_back(text[i]);
    } else if (i + 1 < text.size() && text[i + 1] == ',') {
      settings.back().push_back(',');
      ++i;
    } else {
      settings.emplace_back();
    }
  }
  return settings;
}

absl::Status ApplySetting(absl::string_view text, const std::vector<Setting>& known,
                          std::set<std::string>& seen) {
  const size_t equals = text.find('=');
  const absl::string_view name = text.substr(0, equals);
  for (const Setting& setting : known) {
    if (name != setting.name) {
      continue;
    }
    if (!seen.insert(setting.name).second) {
      return absl::InvalidArgumentError(absl::StrCat("'", name, "' is given twice"));
    }
    const bool has_value = equals != absl::string_view::npos;
    if (has_value != setting.has_value || (has_value && equals + 1 == text.size())) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", name, "' ", setting.has_value ? "needs a value" : "takes no value"));
    }
    const absl::Status status = setting.apply(has_value ? text.substr(equals + 1) : "");
    return Annotate(status, name);
  }
  return absl::InvalidArgumentError(absl::StrCat("'", name, "' is not a setting of it"));
}

absl::Status ApplySettings(absl::string_view text, const std::vector<Setting>& known) {
  std::set<std::string> seen;
  for (const std::string& setting : SplitSettings(text)) {
    RETURN_IF_ERROR(ApplySetting(setting, known, seen));
  }
  return absl::OkStatus();
}

std::function<absl::Status(absl::string_view)> SetText(std::string& target) {
  return [&target](absl::string_view value) {
    target = std::string(value);
    return absl::OkStatus();
  };
}

std::function<absl::Status(absl::string_view)> SetTo(bool& target, bool value) {
  return [&target, value](absl::string_view) {
    target = value;
    return absl::OkStatus();
  };
}

template <typename T>
std::function<absl::Status(absl::string_view)> SetNumber(T& target, uint64_t min, uint64_t max) {
  return [&target, min, max](absl::string_view text) -> absl::Status {
    ASSIGN_OR_RETURN(const uint64_t number, ParseNumber(text, min, max));
    target = static_cast<T>(number);
    return absl::OkStatus();
  };
}

std::function<absl::Status(absl::string_view)> SetLimit(std::optional<TokenBucketConfig>& limit) {
  return [&limit](absl::string_view text) -> absl::Status {
    TokenBucketConfig& target = limit.emplace();
    const std::vector<absl::string_view> parts = absl::StrSplit(text, '/');
    if (parts.size() > 3) {
      return absl::InvalidArgumentError(
          absl::StrCat("must be AMOUNT[/REFILL_MS[/BURST]], not '", text, "'"));
    }
    ASSIGN_OR_RETURN(target.size, ParseNumber(parts[0], 1, kMaxNumber));
    target.refill_time_ms = kDefaultRefillMs;
    if (parts.size() > 1) {
      ASSIGN_OR_RETURN(target.refill_time_ms, ParseNumber(parts[1], 1, kMaxNumber));
    }
    if (parts.size() > 2) {
      ASSIGN_OR_RETURN(target.one_time_burst, ParseNumber(parts[2], 0, kMaxNumber));
    }
    return absl::OkStatus();
  };
}

absl::Status SetCacheType(absl::string_view value, CacheType& cache_type) {
  if (value == "Unsafe") {
    cache_type = CacheType::kUnsafe;
  } else if (value == "Writeback") {
    cache_type = CacheType::kWriteback;
  } else {
    return absl::InvalidArgumentError(
        absl::StrCat("must be Unsafe or Writeback, not '", value, "'"));
  }
  return absl::OkStatus();
}

absl::Status SetId(absl::string_view value, std::string& id) {
  if (value.size() > BlockLimits::kIdBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("must have at most ", BlockLimits::kIdBytes, " bytes"));
  }
  id = std::string(value);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<DriveConfig> ParseDiskFlag(absl::string_view text) {
  // Who starts a VM by hand expects his guest's fsync to count, and holes where he deleted.
  DriveConfig drive = {.cache_type = CacheType::kWriteback, .discard = true, .num_queues = 0};
  RateLimiterUpdate limits;
  RETURN_IF_ERROR(ApplySettings(
      text, {{"path", true, SetText(drive.path_on_host.emplace())},
             {"ro", false, SetTo(drive.is_read_only, true)},
             {"direct", false, SetTo(drive.direct, true)},
             {"nodiscard", false, SetTo(drive.discard, false)},
             {"id", true, [&](absl::string_view value) { return SetId(value, drive.serial); }},
             {"queues", true, SetNumber(drive.num_queues, 1, layout::kMaxVcpus)},
             {"bandwidth", true, SetLimit(limits.bandwidth)},
             {"ops", true, SetLimit(limits.ops)},
             {"cache", true,
              [&](absl::string_view value) { return SetCacheType(value, drive.cache_type); }}}));
  if (drive.path_on_host->empty()) {
    return absl::InvalidArgumentError("'path' is missing");
  }
  drive.rate_limiter = limits;
  drive.drive_id = absl::StrCat("disk ", drive.serial.empty() ? *drive.path_on_host : drive.serial);
  return drive;
}

absl::StatusOr<NetworkInterfaceConfig> ParseNetFlag(absl::string_view text) {
  NetworkInterfaceConfig network;
  RateLimiterUpdate rx;
  RateLimiterUpdate tx;
  RETURN_IF_ERROR(ApplySettings(
      text, {{"tap", true, SetText(network.host_dev_name)},
             {"fd", true, SetNumber(network.tap_fd, 3, std::numeric_limits<int>::max())},
             {"mac", true,
              [&](absl::string_view value) -> absl::Status {
                ASSIGN_OR_RETURN(network.guest_mac, ParseMacAddress(value));
                return absl::OkStatus();
              }},
             {"mtu", true, SetNumber(network.mtu.emplace(), kNetMinMtu, 65535)},
             {"rx-bandwidth", true, SetLimit(rx.bandwidth)},
             {"rx-ops", true, SetLimit(rx.ops)},
             {"tx-bandwidth", true, SetLimit(tx.bandwidth)},
             {"tx-ops", true, SetLimit(tx.ops)}}));
  if (*network.mtu == 0) {
    network.mtu.reset();
  }
  if (network.host_dev_name.empty() == (network.tap_fd < 0)) {
    return absl::InvalidArgumentError("needs either 'tap' or 'fd'");
  }
  network.rx_rate_limiter = rx;
  network.tx_rate_limiter = tx;
  network.iface_id = network.tap_fd < 0 ? absl::StrCat("network card on ", network.host_dev_name)
                                        : absl::StrCat("network card on fd ", network.tap_fd);
  return network;
}

}  // namespace mayfly
