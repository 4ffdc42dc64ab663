// All samples of a metric are to stand together, under one description.

#include "api/metrics_prometheus.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace mayfly {
namespace {

std::string LabelValue(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"\"", "\\\""}, {"\n", "\\n"}});
}

std::string Labels(absl::string_view instance_id, const MetricGroup& group) {
  std::string labels = absl::StrCat("id=\"", LabelValue(instance_id), "\"");
  if (!group.device.empty()) {
    absl::StrAppend(&labels, group.name == "block" ? ",drive=\"" : ",iface=\"",
                    LabelValue(group.device), "\"");
  }
  return labels;
}

std::string FamilyName(const MetricGroup& group, const Metric& metric) {
  return absl::StrCat("mayfly_", group.name, "_", metric.name, metric.part.empty() ? "" : "_",
                      metric.part, metric.kind == Metric::Kind::kCounter ? "_total" : "");
}

std::string Description(const MetricGroup& group, const Metric& metric) {
  return absl::StrCat("Firecracker's metric ", group.name, ".", metric.name,
                      metric.part.empty() ? "" : ".", metric.part);
}

bool IsDeviceGroup(const MetricGroup& group) {
  return group.name == "block" || group.name == "net";
}

}  // namespace

std::string FormatPrometheus(absl::string_view instance_id,
                             const std::vector<MetricGroup>& groups) {
  std::string text;
  for (size_t first = 0; first < groups.size();) {
    size_t end = first + 1;
    while (end < groups.size() && groups[end].name == groups[first].name) {
      ++end;
    }
    for (size_t i = 0; i < groups[first].metrics.size(); ++i) {
      const Metric& metric = groups[first].metrics[i];
      const std::string family = FamilyName(groups[first], metric);
      absl::StrAppend(&text, "# HELP ", family, " ", Description(groups[first], metric),
                      "\n# TYPE ", family,
                      metric.kind == Metric::Kind::kCounter ? " counter\n" : " gauge\n");
      for (size_t group = first; group < end; ++group) {
        if (!IsDeviceGroup(groups[group]) || !groups[group].device.empty()) {
          absl::StrAppend(&text, family, "{", Labels(instance_id, groups[group]), "} ",
                          groups[group].metrics[i].value, "\n");
        }
      }
    }
    first = end;
  }
  return text;
}

}  // namespace mayfly
