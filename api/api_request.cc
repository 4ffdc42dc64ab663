// Which request is legal when.

#include "api/api_request.h"

#include <type_traits>

namespace mayfly {
namespace {

template <typename T>
constexpr RequestPhase kPhase = RequestPhase::kAlways;

template <>
constexpr RequestPhase kPhase<PutBootSource> = RequestPhase::kBeforeStart;
template <>
constexpr RequestPhase kPhase<PutMachineConfig> = RequestPhase::kBeforeStart;
template <>
constexpr RequestPhase kPhase<PatchMachineConfig> = RequestPhase::kBeforeStart;
template <>
constexpr RequestPhase kPhase<PutCpuConfig> = RequestPhase::kBeforeStart;
template <>
constexpr RequestPhase kPhase<PutLogger> = RequestPhase::kBeforeStart;
template <>
constexpr RequestPhase kPhase<PutMetrics> = RequestPhase::kBeforeStart;
template <>
constexpr RequestPhase kPhase<PutMmdsConfig> = RequestPhase::kBeforeStart;
template <>
constexpr RequestPhase kPhase<PutSerial> = RequestPhase::kBeforeStart;
template <>
constexpr RequestPhase kPhase<InstanceStart> = RequestPhase::kBeforeStart;
template <>
constexpr RequestPhase kPhase<LoadSnapshot> = RequestPhase::kBeforeStart;
template <>
constexpr RequestPhase kPhase<CreateSnapshot> = RequestPhase::kAfterStart;
template <>
constexpr RequestPhase kPhase<RecordWorkingSet> = RequestPhase::kAfterStart;
template <>
constexpr RequestPhase kPhase<PatchDrive> = RequestPhase::kAfterStart;
template <>
constexpr RequestPhase kPhase<PatchNetworkInterface> = RequestPhase::kAfterStart;
template <>
constexpr RequestPhase kPhase<DeleteDevice> = RequestPhase::kAfterStart;
template <>
constexpr RequestPhase kPhase<FlushMetrics> = RequestPhase::kAfterStart;
template <>
constexpr RequestPhase kPhase<SendCtrlAltDel> = RequestPhase::kAfterStart;
template <>
constexpr RequestPhase kPhase<PatchVmState> = RequestPhase::kAfterStart;

}  // namespace

RequestPhase PhaseOf(const ApiRequest& request) {
  return std::visit([](const auto& one) { return kPhase<std::decay_t<decltype(one)>>; }, request);
}

bool ConfiguresBoot(const ApiRequest& request) {
  return std::holds_alternative<PutBootSource>(request) ||
         std::holds_alternative<PutMachineConfig>(request) ||
         std::holds_alternative<PatchMachineConfig>(request) ||
         std::holds_alternative<PutDrive>(request) ||
         std::holds_alternative<PutNetworkInterface>(request) ||
         std::holds_alternative<PutMmdsConfig>(request);
}

}  // namespace mayfly
