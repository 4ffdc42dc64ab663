// Metric groups: all metrics as a list of names and values, in the order Firecracker prints them.

#ifndef MAYFLY_API_METRIC_GROUPS_H_
#define MAYFLY_API_METRIC_GROUPS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "api/monitor_metrics.h"

namespace mayfly {

struct Metric {
  enum class Kind {
    kCounter,  // since the start; a line of JSON has what came since the last one
    kValue,    // a measurement, printed as it is
  };

  absl::string_view name;
  // "min_us" and so on, for the three parts of an aggregate; empty for all others.
  absl::string_view part;
  uint64_t value = 0;
  Kind kind = Kind::kCounter;
};

struct MetricGroup {
  // "block"; for one device's group `device` has its id and JSON calls it "block_ID".
  absl::string_view name;
  std::string device;
  std::vector<Metric> metrics;

  std::string JsonName() const;
};

// Groups of devices that Mayfly has not are there, too, with zeros: clients check for the exact
// set.
std::vector<MetricGroup> ListMetricGroups(const MetricsSnapshot& snapshot);

}  // namespace mayfly

#endif  // MAYFLY_API_METRIC_GROUPS_H_
