// Metrics in Prometheus' text format, for GET /metrics.

#ifndef MAYFLY_API_METRICS_PROMETHEUS_H_
#define MAYFLY_API_METRICS_PROMETHEUS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "api/metric_groups.h"

namespace mayfly {

inline constexpr char kPrometheusContentType[] = "text/plain; version=0.0.4; charset=utf-8";

// Exposition format 0.0.4. Counters are mayfly_GROUP_NAME_total, measurements mayfly_GROUP_NAME;
// all have the label id, those of one device also drive or iface. The sums over all devices are
// left to the server that scrapes.
std::string FormatPrometheus(absl::string_view instance_id, const std::vector<MetricGroup>& groups);

}  // namespace mayfly

#endif  // MAYFLY_API_METRICS_PROMETHEUS_H_
