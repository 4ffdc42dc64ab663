// Writes the line by hand: its keys come in a given order.

#include "api/metrics_json.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace mayfly {
namespace {

std::string Quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

const MetricGroup* FindGroup(const std::vector<MetricGroup>& groups, const MetricGroup& wanted) {
  const auto found = std::find_if(groups.begin(), groups.end(), [&](const MetricGroup& group) {
    return group.name == wanted.name && group.device == wanted.device;
  });
  return found == groups.end() ? nullptr : &*found;
}

uint64_t ValueToPrint(const MetricGroup& group, size_t index, const MetricGroup* previous) {
  const Metric& metric = group.metrics[index];
  if (metric.kind == Metric::Kind::kValue || previous == nullptr) {
    return metric.value;
  }
  // Counts only grow; a VM's start makes new ones.
  return metric.value - std::min(metric.value, previous->metrics[index].value);
}

void AppendGroup(const MetricGroup& group, const MetricGroup* previous, std::string* line) {
  absl::StrAppend(line, ",", Quoted(group.JsonName()), ":{");
  absl::string_view open_aggregate;
  for (size_t i = 0; i < group.metrics.size(); ++i) {
    const Metric& metric = group.metrics[i];
    if (!open_aggregate.empty() && metric.name != open_aggregate) {
      absl::StrAppend(line, "}");
    }
    if (i > 0) {
      absl::StrAppend(line, ",");
    }
    if (!metric.part.empty() && metric.name != open_aggregate) {
      absl::StrAppend(line, "\"", metric.name, "\":{");
    }
    open_aggregate = metric.part.empty() ? "" : metric.name;
    absl::StrAppend(line, "\"", metric.part.empty() ? metric.name : metric.part,
                    "\":", ValueToPrint(group, i, previous));
  }
  absl::StrAppend(line, open_aggregate.empty() ? "}" : "}}");
}

}  // namespace

std::string FormatMetricsLine(const MetricsLineHead& head, const std::vector<MetricGroup>& groups,
                              const std::vector<MetricGroup>& previous) {
  std::string line = absl::StrCat("{\"utc_timestamp_ms\":", head.utc_timestamp_ms);
  if (!head.id.empty()) {
    absl::StrAppend(&line, ",\"id\":", Quoted(head.id));
  }
  if (!head.properties.empty()) {
    absl::StrAppend(&line, ",\"properties\":{");
    absl::string_view comma = "";
    for (const auto& [name, value] : head.properties) {
      absl::StrAppend(&line, comma, Quoted(name), ":", Quoted(value));
      comma = ",";
    }
    absl::StrAppend(&line, "}");
  }
  for (const MetricGroup& group : groups) {
    AppendGroup(group, FindGroup(previous, group), &line);
  }
  return line + "}\n";
}

}  // namespace mayfly
