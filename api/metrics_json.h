// A line of metrics, as Firecracker writes them to its metrics file.

#ifndef MAYFLY_API_METRICS_JSON_H_
#define MAYFLY_API_METRICS_JSON_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "api/metric_groups.h"

namespace mayfly {

// What a line begins with, before the groups.
struct MetricsLineHead {
  int64_t utc_timestamp_ms = 0;
  // Left out when empty.
  std::string id;
  std::map<std::string, std::string> properties;
};

// One JSON object and a newline. `previous` is what the last line was made of, nothing for the
// first one: counters are printed as what was added since.
std::string FormatMetricsLine(const MetricsLineHead& head, const std::vector<MetricGroup>& groups,
                              const std::vector<MetricGroup>& previous);

}  // namespace mayfly

#endif  // MAYFLY_API_METRICS_JSON_H_
