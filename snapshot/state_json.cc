// One object a part of the state.

#include "snapshot/state_json.h"

#include <string>

#include "absl/strings/str_format.h"

namespace mayfly {
namespace {

using Json = nlohmann::ordered_json;

std::string Hex(uint64_t value) { return absl::StrFormat("%#x", value); }

Json RegsToJson(const kvm_regs& regs) {
  return {{"rip", Hex(regs.rip)}, {"rflags", Hex(regs.rflags)}, {"rax", Hex(regs.rax)},
          {"rbx", Hex(regs.rbx)}, {"rcx", Hex(regs.rcx)},       {"rdx", Hex(regs.rdx)},
          {"rsi", Hex(regs.rsi)}, {"rdi", Hex(regs.rdi)},       {"rsp", Hex(regs.rsp)},
          {"rbp", Hex(regs.rbp)}, {"r8", Hex(regs.r8)},         {"r9", Hex(regs.r9)},
          {"r10", Hex(regs.r10)}, {"r11", Hex(regs.r11)},       {"r12", Hex(regs.r12)},
          {"r13", Hex(regs.r13)}, {"r14", Hex(regs.r14)},       {"r15", Hex(regs.r15)}};
}

Json VcpuToJson(const VcpuState& vcpu) {
  Json msrs = Json::object();
  for (const kvm_msr_entry& msr : vcpu.msrs) {
    msrs[Hex(msr.index)] = Hex(msr.data);
  }
  return {{"regs", RegsToJson(vcpu.regs)},    {"cr0", Hex(vcpu.sregs.cr0)},
          {"cr3", Hex(vcpu.sregs.cr3)},       {"cr4", Hex(vcpu.sregs.cr4)},
          {"efer", Hex(vcpu.sregs.efer)},     {"mp_state", vcpu.mp_state.mp_state},
          {"tsc_khz", vcpu.tsc_khz},          {"cpuid_entries", vcpu.cpuid.size()},
          {"xsave_bytes", vcpu.xsave.size()}, {"msrs", msrs}};
}

Json TransportToJson(const MmioTransportState& transport) {
  Json queues = Json::array();
  for (const VirtQueueState& queue : transport.registers.queues) {
    queues.push_back({{"size", queue.guest_size},
                      {"is_ready", queue.is_ready},
                      {"descriptors", Hex(queue.guest_descriptors.value())},
                      {"avail", Hex(queue.guest_avail.value())},
                      {"used", Hex(queue.guest_used.value())},
                      {"next_avail", queue.next_avail},
                      {"next_used", queue.next_used},
                      {"taken", queue.taken_heads.size()}});
  }
  return {{"status", transport.registers.status},
          {"driver_features", Hex(transport.registers.driver_features)},
          {"interrupt_status", transport.interrupt_status},
          {"queues", queues}};
}

template <typename State>
Json DevicesToJson(const std::vector<State>& devices) {
  Json list = Json::array();
  for (const State& device : devices) {
    list.push_back({{"id", device.name}, {"transport", TransportToJson(device.transport)}});
  }
  return list;
}

// What a snapshot's maker wrote, or the text when it is no JSON or not as small and flat as a
// configuration is: writing nested objects takes stack, and finding a key looks at all of them.
Json ConfigToJson(const std::string& text) {
  constexpr int kMaxDepth = 32;
  constexpr size_t kMaxEvents = 5'000;
  size_t event_count = 0;
  bool is_too_large = false;
  const Json config = Json::parse(
      text,
      [&](int depth, Json::parse_event_t, const Json&) {
        is_too_large |= depth >= kMaxDepth || ++event_count > kMaxEvents;
        return !is_too_large;
      },
      /*allow_exceptions=*/false);
  return config.is_discarded() || is_too_large ? Json(text) : config;
}

}  // namespace

Json StateToJson(const StateVersion& version, const SnapshotState& state) {
  const MicroVmState& vm = state.vm;
  Json ram = Json::array();
  uint64_t ram_bytes = 0;
  for (const GuestRange& range : vm.ram) {
    ram.push_back({{"start", Hex(range.start.value())}, {"size_bytes", range.size_bytes}});
    ram_bytes += range.size_bytes;
  }
  Json vcpus = Json::array();
  for (const VcpuState& vcpu : vm.vcpus) {
    vcpus.push_back(VcpuToJson(vcpu));
  }
  return {{"version", version.Text()},
          {"mayfly_version", state.mayfly_version},
          {"id", absl::StrFormat("%016x%016x", state.id[1], state.id[0])},
          {"created_unix_s", state.created_unix_s},
          {"host_cpu", {{"vendor", vm.host_cpu.vendor}, {"signature", Hex(vm.host_cpu.signature)}}},
          {"memory_bytes", ram_bytes},
          {"memory_regions", ram},
          {"clock_ns", vm.machine.clock.clock},
          {"has_realtime", (vm.machine.clock.flags & KVM_CLOCK_REALTIME) != 0},
          {"vcpus", vcpus},
          {"disks", DevicesToJson(vm.disks)},
          {"networks", DevicesToJson(vm.networks)},
          {"config", ConfigToJson(state.config_json)}};
}

}  // namespace mayfly
