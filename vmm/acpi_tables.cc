// Builds and writes DSDT, FADT, MADT, XSDT and RSDP (ACPI 6.5, chapter 5).

#include "vmm/acpi_tables.h"

#include <array>
#include <cstddef>
#include <cstring>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"
#include "base/status.h"
#include "vmm/aml.h"
#include "vmm/guest_layout.h"
#include "vmm/table_checksum.h"

namespace mayfly {
namespace {

template <size_t size>
using Text = std::array<char, size>;

constexpr Text<6> kOemId = {'M', 'A', 'Y', 'F', 'L', 'Y'};
constexpr Text<8> kOemTableId = {'M', 'A', 'Y', 'F', 'L', 'Y', 'V', 'M'};
constexpr Text<4> kCreatorId = {'M', 'F', 'L', 'Y'};
constexpr uint64_t kTableAlignmentBytes = 16;

// 5.2.6.
struct [[gnu::packed]] TableHeader {
  Text<4> signature = {};
  uint32_t length_bytes = 0;
  uint8_t revision = 0;
  uint8_t checksum = 0;
  Text<6> oem_id = kOemId;
  Text<8> oem_table_id = kOemTableId;
  uint32_t oem_revision = 0;
  Text<4> creator_id = kCreatorId;
  uint32_t creator_revision = 1;
};
static_assert(sizeof(TableHeader) == 36);

// 5.2.3.2: a register of one byte at a port.
struct [[gnu::packed]] PortRegister {
  uint8_t address_space = 0;
  uint8_t width_bits = 0;
  uint8_t offset_bits = 0;
  uint8_t access_size = 0;
  uint64_t port = 0;
};
static_assert(sizeof(PortRegister) == 12);

constexpr PortRegister BytePort(uint64_t port) {
  return {.address_space = 1, .width_bits = 8, .offset_bits = 0, .access_size = 1, .port = port};
}

// 5.2.9.3. Unless told that there is no CMOS clock, Linux registers a device for one.
constexpr uint16_t kHas8042 = 1 << 1;
constexpr uint16_t kVgaNotPresent = 1 << 2;
constexpr uint16_t kMsiNotSupported = 1 << 3;
constexpr uint16_t kPcieAspmNotSupported = 1 << 4;
constexpr uint16_t kCmosRtcNotPresent = 1 << 5;

// 5.2.9, fixed feature flags.
constexpr uint32_t kNoFixedPowerButton = 1 << 4;
constexpr uint32_t kNoFixedSleepButton = 1 << 5;
constexpr uint32_t kResetRegisterSupported = 1 << 10;
constexpr uint32_t kHardwareReduced = 1 << 20;

// What the keyboard controller takes as "pulse the reset line" at its command port.
constexpr uint8_t kI8042ResetCommand = 0xfe;

// 5.2.9. Zero: what a hardware-reduced machine has not (4.1).
struct [[gnu::packed]] Fadt {
  std::array<uint8_t, 73> zero_before_boot_flags = {};
  uint16_t boot_flags =
      kHas8042 | kVgaNotPresent | kMsiNotSupported | kPcieAspmNotSupported | kCmosRtcNotPresent;
  uint8_t reserved = 0;
  uint32_t feature_flags =
      kNoFixedPowerButton | kNoFixedSleepButton | kResetRegisterSupported | kHardwareReduced;
  PortRegister reset_register = BytePort(layout::kI8042Port + 4);
  uint8_t reset_value = kI8042ResetCommand;
  uint16_t arm_boot_flags = 0;
  uint8_t minor_version = 5;
  uint64_t x_firmware_control = 0;
  uint64_t x_dsdt = 0;
  std::array<uint8_t, 96> zero_before_sleep_registers = {};
  PortRegister sleep_control = BytePort(layout::kSleepPort);
  PortRegister sleep_status = BytePort(layout::kSleepPort + 1);
  Text<8> hypervisor_vendor_id = {'M', 'A', 'Y', 'F', 'L', 'Y', 0, 0};
};
static_assert(sizeof(TableHeader) + offsetof(Fadt, boot_flags) == 109);
static_assert(sizeof(TableHeader) + offsetof(Fadt, feature_flags) == 112);
static_assert(sizeof(TableHeader) + offsetof(Fadt, x_dsdt) == 140);
static_assert(sizeof(TableHeader) + offsetof(Fadt, sleep_control) == 244);
static_assert(sizeof(TableHeader) + sizeof(Fadt) == 276);

// 5.2.12: no dual 8259 to speak of, so flags are 0.
struct [[gnu::packed]] MadtStart {
  uint32_t local_apic_address = static_cast<uint32_t>(layout::kLocalApic.value());
  uint32_t flags = 0;
};

struct [[gnu::packed]] MadtLocalApic {
  uint8_t type = 0;
  uint8_t length_bytes = 8;
  uint8_t processor_uid = 0;
  uint8_t apic_id = 0;
  uint32_t flags = 1;  // enabled
};

struct [[gnu::packed]] MadtIoApic {
  uint8_t type = 1;
  uint8_t length_bytes = 12;
  uint8_t id = 0;
  uint8_t reserved = 0;
  uint32_t address = static_cast<uint32_t>(layout::kIoApic.value());
  uint32_t first_gsi = 0;
};

struct [[gnu::packed]] MadtLocalApicNmi {
  uint8_t type = 4;
  uint8_t length_bytes = 6;
  uint8_t processor_uid = 0xff;  // all
  uint16_t flags = 0;            // polarity and trigger as the bus has them
  uint8_t lint = 1;
};

// 5.2.5.3.
struct [[gnu::packed]] Rsdp {
  Text<8> signature = {'R', 'S', 'D', ' ', 'P', 'T', 'R', ' '};
  uint8_t checksum = 0;  // of the first kRsdpVersion1Bytes
  Text<6> oem_id = kOemId;
  uint8_t revision = 2;
  uint32_t rsdt_address = 0;
  uint32_t length_bytes = 36;
  uint64_t xsdt_address = 0;
  uint8_t extended_checksum = 0;  // of all
  std::array<uint8_t, 3> reserved = {};
};
static_assert(sizeof(Rsdp) == 36);
constexpr size_t kRsdpVersion1Bytes = 20;

// One system description table in the making: its header and what is appended to it.
class TableBuilder {
 public:
  TableBuilder(const Text<4>& signature, uint8_t revision) : bytes_(sizeof(TableHeader)) {
    header_.signature = signature;
    header_.revision = revision;
  }

  void Append(std::span<const uint8_t> bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }

  template <GuestCopyable T>
  void AppendObject(const T& object) {
    // Bytes of a trivially copyable object may be read through uint8_t*.
    Append({reinterpret_cast<const uint8_t*>(&object), sizeof(object)});
  }

  // Completes the header and writes the table. Returns its address.
  absl::StatusOr<GuestAddress> Write(const GuestMemory& memory, SystemTableArea& area) {
    header_.length_bytes = static_cast<uint32_t>(bytes_.size());
    std::memcpy(bytes_.data(), &header_, sizeof(header_));
    bytes_[offsetof(TableHeader, checksum)] = TableChecksum(bytes_);
    ASSIGN_OR_RETURN(const GuestAddress address,
                     area.Allocate(bytes_.size(), kTableAlignmentBytes));
    RETURN_IF_ERROR(memory.Write(address, bytes_));
    return address;
  }

 private:
  TableHeader header_;
  std::vector<uint8_t> bytes_;
};

absl::Status CheckConfig(const AcpiConfig& config) {
  if (config.vcpu_count == 0 || config.vcpu_count > layout::kMaxVcpus) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%u vCPUs; 1 to %u are possible", config.vcpu_count, layout::kMaxVcpus));
  }
  if (config.virtio_devices.size() > layout::kMaxVirtioDevices) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%u virtio devices; at most %u have an interrupt line",
                        config.virtio_devices.size(), layout::kMaxVirtioDevices));
  }
  for (const VirtioMmioResource& device : config.virtio_devices) {
    if (device.address < layout::kMmio32Hole ||
        device.address.value() > layout::kMmio32HoleEnd.value() - layout::kVirtioMmioSizeBytes) {
      return absl::InvalidArgumentError(
          absl::StrFormat("virtio device at %#x is outside the MMIO hole", device.address.value()));
    }
    if (device.gsi < layout::kFirstVirtioGsi || device.gsi > layout::kLastVirtioGsi) {
      return absl::InvalidArgumentError(
          absl::StrFormat("virtio device with GSI %u; %u to %u are possible", device.gsi,
                          layout::kFirstVirtioGsi, layout::kLastVirtioGsi));
    }
  }
  return absl::OkStatus();
}

TableBuilder BuildDsdt(const AcpiConfig& config) {
  TableBuilder table({'D', 'S', 'D', 'T'}, 2);
  AmlBuilder aml;
  AppendDsdt(config.virtio_devices, aml);
  table.Append(aml.bytes());
  return table;
}

TableBuilder BuildFadt(GuestAddress dsdt) {
  TableBuilder table({'F', 'A', 'C', 'P'}, 6);
  table.AppendObject(Fadt{.x_dsdt = dsdt.value()});
  return table;
}

TableBuilder BuildMadt(uint32_t vcpu_count) {
  TableBuilder table({'A', 'P', 'I', 'C'}, 6);
  table.AppendObject(MadtStart{});
  for (uint32_t i = 0; i < vcpu_count; ++i) {
    const auto id = static_cast<uint8_t>(i);
    table.AppendObject(MadtLocalApic{.processor_uid = id, .apic_id = id});
  }
  table.AppendObject(MadtIoApic{});
  table.AppendObject(MadtLocalApicNmi{});
  return table;
}

TableBuilder BuildXsdt(GuestAddress fadt, GuestAddress madt) {
  TableBuilder table({'X', 'S', 'D', 'T'}, 1);
  table.AppendObject(fadt.value());
  table.AppendObject(madt.value());
  return table;
}

Rsdp BuildRsdp(GuestAddress xsdt) {
  Rsdp rsdp{.xsdt_address = xsdt.value()};
  // Bytes of a trivially copyable object may be read through uint8_t*.
  const std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(&rsdp), sizeof(rsdp));
  rsdp.checksum = TableChecksum(bytes.first(kRsdpVersion1Bytes));
  rsdp.extended_checksum = TableChecksum(bytes);
  return rsdp;
}

}  // namespace

absl::StatusOr<GuestAddress> WriteAcpiTables(const AcpiConfig& config, const GuestMemory& memory,
                                             SystemTableArea& area) {
  RETURN_IF_ERROR(CheckConfig(config));
  ASSIGN_OR_RETURN(const GuestAddress dsdt, BuildDsdt(config).Write(memory, area));
  ASSIGN_OR_RETURN(const GuestAddress fadt, BuildFadt(dsdt).Write(memory, area));
  ASSIGN_OR_RETURN(const GuestAddress madt, BuildMadt(config.vcpu_count).Write(memory, area));
  ASSIGN_OR_RETURN(const GuestAddress xsdt, BuildXsdt(fadt, madt).Write(memory, area));
  RETURN_IF_ERROR(memory.WriteObject(layout::kRsdp, BuildRsdp(xsdt)));
  return layout::kRsdp;
}

}  // namespace mayfly
