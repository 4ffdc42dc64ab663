// An example of a snapshot's state, in which no field has its default, and the comparison of two.

#ifndef MAYFLY_TESTS_FAKES_EXAMPLE_STATE_H_
#define MAYFLY_TESTS_FAKES_EXAMPLE_STATE_H_

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "snapshot/snapshot_state.h"
#include "vmm/guest_ram.h"

namespace mayfly {

// Bytes that differ from one another and, for another `seed`, from those of other objects.
template <typename T>
T ExampleBytes(uint8_t seed) {
  std::vector<uint8_t> bytes(sizeof(T));
  for (size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<uint8_t>(seed + i * 7 + 1);
  }
  T value;
  std::memcpy(&value, bytes.data(), sizeof(value));
  return value;
}

inline VcpuState ExampleVcpu(uint8_t seed) {
  VcpuState vcpu = {.regs = ExampleBytes<kvm_regs>(seed),
                    .sregs = ExampleBytes<kvm_sregs>(seed + 1),
                    .xcrs = ExampleBytes<kvm_xcrs>(seed + 2),
                    .debugregs = ExampleBytes<kvm_debugregs>(seed + 3),
                    .lapic = ExampleBytes<kvm_lapic_state>(seed + 4),
                    .events = ExampleBytes<kvm_vcpu_events>(seed + 5),
                    .mp_state = {.mp_state = uint32_t{seed} + 1},
                    .tsc_khz = 2'400'000u + seed};
  vcpu.cpuid = {{.function = 1, .index = 2, .flags = 3, .eax = 4, .ebx = 5, .ecx = 6, .edx = 7},
                {.function = 0x80000001, .index = 1, .flags = 1, .eax = 9, .ebx = seed}};
  vcpu.msrs = {{.index = 0x10, .data = 0x1122334455667788}, {.index = 0xc0000080, .data = seed}};
  for (int i = 0; i < 96; ++i) {
    vcpu.xsave.push_back(static_cast<uint8_t>(seed + i));
  }
  return vcpu;
}

inline MmioTransportState ExampleTransport(uint32_t seed) {
  const auto queue = [seed](uint32_t number) {
    return VirtQueueState{.guest_size = 256 + seed,
                          .guest_descriptors = GuestAddress(0x10000 + number),
                          .guest_avail = GuestAddress(0x20000 + number),
                          .guest_used = GuestAddress(0x30000 + number),
                          .is_ready = true,
                          .next_avail = static_cast<uint16_t>(0xfffe + number),
                          .next_used = static_cast<uint16_t>(0xfffc + number),
                          .taken_heads = {static_cast<uint16_t>(number), 0xff}};
  };
  return {.registers = {.status = 15 + seed,
                        .device_features_page = 1 + seed,
                        .driver_features_page = 2 + seed,
                        .driver_features = (uint64_t{1} << 32) + seed,
                        .queue_index = 3 + seed,
                        .queues = {queue(1), queue(2)}},
          .interrupt_status = 4 + seed,
          .config_generation = 5 + seed,
          .config = {1, 2, static_cast<uint8_t>(seed)}};
}

inline RateLimiterState ExampleLimiter(uint64_t seed) {
  return {.bandwidth = TokenBucketState{.level = seed + 1, .burst = seed + 2, .debt = seed + 3},
          .ops = TokenBucketState{.level = seed + 4, .burst = seed + 5, .debt = seed + 6}};
}

inline MachineState ExampleMachine() {
  return {.pit = ExampleBytes<kvm_pit_state2>(51),
          .clock = {.clock = 123'456'789'012,
                    .flags = KVM_CLOCK_REALTIME,
                    .realtime = 1'700'000'000'000'000'000},
          .pic_master = ExampleBytes<kvm_irqchip>(52),
          .pic_slave = ExampleBytes<kvm_irqchip>(53),
          .ioapic = ExampleBytes<kvm_irqchip>(54)};
}

inline SerialState ExampleSerial() {
  return {.interrupt_enable = 1,
          .fifo_control = 2,
          .line_control = 3,
          .modem_control = 4,
          .line_status = 5,
          .modem_status_delta = 6,
          .scratch = 7,
          .divisor = 0x0809,
          .is_transmit_empty_pending = true,
          .received = {'h', 'i', 0}};
}

inline I8042State ExampleI8042() {
  return {
      .control = 1,
      .command = 2,
      .output_port = 3,
      .is_output_full = true,
      .output = 4,
      .output_status = 5,
      .is_output_from_keyboard = true,
      .is_last_write_command = true,
      .keyboard = {
          .scancode_set = 1, .is_scanning = false, .command = 6, .last_sent = 7, .queue = {8, 9}}};
}

// The same forever: golden files are made of it (tests/unit/snapshot/state_codec_test.cc). A field
// that is new gets a value in a function of its own that a test of the new version adds.
inline SnapshotState ExampleState() {
  SnapshotState state = {.id = {0x0123456789abcdef, 0xfedcba9876543210},
                         .created_unix_s = 1'700'000'001,
                         .mayfly_version = "0.9.0-example",
                         .config_json = R"({"machine-config":{"vcpu_count":2}})"};
  MicroVmState& vm = state.vm;
  vm.host_cpu = {.vendor = "ExampleVendor", .signature = 0x906ea};
  vm.ram = GuestRamRanges(uint64_t{4} << 30);
  vm.huge_pages = HugePages::k2M;
  vm.vcpus = {ExampleVcpu(10), ExampleVcpu(30)};
  vm.machine = ExampleMachine();
  vm.serial = ExampleSerial();
  vm.i8042 = ExampleI8042();
  vm.disks = {{.name = "root",
               .transport = ExampleTransport(1),
               .device = {.rate_limiter = ExampleLimiter(10)}},
              // A bucket that is absent has no limit.
              {.name = "data",
               .transport = ExampleTransport(2),
               .device = {.rate_limiter = {.ops = TokenBucketState{.level = 1}}}}};
  vm.networks = {
      {.name = "eth0",
       .transport = ExampleTransport(3),
       .device = {.rx_rate_limiter = ExampleLimiter(20), .tx_rate_limiter = ExampleLimiter(30)}}};
  vm.vm_generation.address = GuestAddress(0xdfff0);
  vm.vm_clock = {.address = GuestAddress(0xde000),
                 .sequence_count = 6,
                 .disruption_marker = 7,
                 .generation_counter = 8};
  return state;
}

// The name of the first field in which two values differ; empty when they are equal. Structures of
// KVM are compared as bytes.
class StateDifference {
 public:
  static std::string Of(const VcpuState& a, const VcpuState& b) {
    StateDifference found;
    found.CheckList("cpuid", a.cpuid, b.cpuid);
    found.CheckList("msrs", a.msrs, b.msrs);
    found.CheckBytes("regs", a.regs, b.regs);
    found.CheckBytes("sregs", a.sregs, b.sregs);
    found.Check("xsave", a.xsave == b.xsave);
    found.CheckBytes("xcrs", a.xcrs, b.xcrs);
    found.CheckBytes("debugregs", a.debugregs, b.debugregs);
    found.CheckBytes("lapic", a.lapic, b.lapic);
    found.CheckBytes("events", a.events, b.events);
    found.Check("mp_state", a.mp_state.mp_state == b.mp_state.mp_state);
    found.Check("tsc_khz", a.tsc_khz == b.tsc_khz);
    return found.name_;
  }

  static std::string Of(const MachineState& a, const MachineState& b) {
    StateDifference found;
    found.CheckBytes("pit", a.pit, b.pit);
    found.Check("clock", a.clock.clock == b.clock.clock && a.clock.flags == b.clock.flags &&
                             a.clock.realtime == b.clock.realtime);
    found.CheckBytes("pic_master", a.pic_master, b.pic_master);
    found.CheckBytes("pic_slave", a.pic_slave, b.pic_slave);
    found.CheckBytes("ioapic", a.ioapic, b.ioapic);
    return found.name_;
  }

  static std::string Of(const DiskState& a, const DiskState& b) {
    StateDifference found;
    found.Check("name", a.name == b.name);
    found.Check("transport", a.transport == b.transport);
    found.Check("rate_limiter", a.device == b.device);
    return found.name_;
  }

  static std::string Of(const NetworkState& a, const NetworkState& b) {
    StateDifference found;
    found.Check("name", a.name == b.name);
    found.Check("transport", a.transport == b.transport);
    found.Check("rx_rate_limiter", a.device.rx_rate_limiter == b.device.rx_rate_limiter);
    found.Check("tx_rate_limiter", a.device.tx_rate_limiter == b.device.tx_rate_limiter);
    return found.name_;
  }

  static std::string Of(const SnapshotState& a, const SnapshotState& b) {
    StateDifference found;
    found.Check("id", a.id == b.id);
    found.Check("created_unix_s", a.created_unix_s == b.created_unix_s);
    found.Check("mayfly_version", a.mayfly_version == b.mayfly_version);
    found.Check("config_json", a.config_json == b.config_json);
    found.Check("host_cpu", a.vm.host_cpu == b.vm.host_cpu);
    found.Check("ram", a.vm.ram == b.vm.ram);
    found.Check("huge_pages", a.vm.huge_pages == b.vm.huge_pages);
    found.CheckParts("vcpu", a.vm.vcpus, b.vm.vcpus);
    found.CheckPart("machine", Of(a.vm.machine, b.vm.machine));
    found.Check("serial", a.vm.serial == b.vm.serial);
    found.Check("i8042", a.vm.i8042 == b.vm.i8042);
    found.CheckParts("disk", a.vm.disks, b.vm.disks);
    found.CheckParts("network", a.vm.networks, b.vm.networks);
    found.Check("vm_generation", a.vm.vm_generation.address == b.vm.vm_generation.address);
    const VmClockState& a_clock = a.vm.vm_clock;
    const VmClockState& b_clock = b.vm.vm_clock;
    found.Check("vm_clock", a_clock.address == b_clock.address &&
                                a_clock.sequence_count == b_clock.sequence_count &&
                                a_clock.disruption_marker == b_clock.disruption_marker &&
                                a_clock.generation_counter == b_clock.generation_counter);
    return found.name_;
  }

 private:
  void Check(absl::string_view name, bool is_same) {
    if (!is_same && name_.empty()) {
      name_ = std::string(name);
    }
  }

  template <typename T>
  void CheckBytes(absl::string_view name, const T& a, const T& b) {
    // Padding, too: what is kept is the bytes.
    const auto* bytes_of_a = reinterpret_cast<const uint8_t*>(&a);
    const auto* bytes_of_b = reinterpret_cast<const uint8_t*>(&b);
    Check(name, std::equal(bytes_of_a, bytes_of_a + sizeof(T), bytes_of_b));
  }

  template <typename T>
  void CheckList(absl::string_view name, const std::vector<T>& a, const std::vector<T>& b) {
    Check(absl::StrCat(name, " count"), a.size() == b.size());
    for (size_t i = 0; i < a.size() && i < b.size(); ++i) {
      CheckBytes(absl::StrCat(name, " ", i), a[i], b[i]);
    }
  }

  void CheckPart(absl::string_view name, const std::string& difference) {
    Check(absl::StrCat(name, ": ", difference), difference.empty());
  }

  template <typename T>
  void CheckParts(absl::string_view name, const std::vector<T>& a, const std::vector<T>& b) {
    Check(absl::StrCat(name, " count"), a.size() == b.size());
    for (size_t i = 0; i < a.size() && i < b.size(); ++i) {
      CheckPart(absl::StrCat(name, " ", i), Of(a[i], b[i]));
    }
  }

  std::string name_;
};

}  // namespace mayfly

#endif  // MAYFLY_TESTS_FAKES_EXAMPLE_STATE_H_
