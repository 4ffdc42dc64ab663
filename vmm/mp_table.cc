// Builds and writes the MP floating pointer and configuration table (MP specification 1.4, chapter
// 4).

#include "vmm/mp_table.h"

#include <array>
#include <cstddef>
#include <cstring>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "base/guest_address.h"
#include "base/status.h"
#include "vmm/guest_layout.h"
#include "vmm/table_checksum.h"

namespace mayfly {
namespace {

constexpr uint8_t kSpecificationRevision = 4;  // 1.4
constexpr uint8_t kLocalApicVersion = 0x14;
constexpr uint8_t kIoApicVersion = 0x11;
constexpr uint8_t kEnabled = 1 << 0;
constexpr uint8_t kBootProcessor = 1 << 1;
constexpr uint32_t kCpuSignature = 0x600;
constexpr uint32_t kCpuFeatures = 1 << 0 | 1 << 9;  // FPU, APIC
constexpr uint8_t kIsaBusId = 0;
constexpr uint8_t kAllLocalApics = 0xff;

enum EntryType : uint8_t { kProcessor = 0, kBus, kIoApic, kIoInterrupt, kLocalInterrupt };
enum InterruptType : uint8_t { kVectored = 0, kNmi = 1, kExternal = 3 };

struct FloatingPointer {
  std::array<char, 4> signature = {'_', 'M', 'P', '_'};
  uint32_t table_address = 0;
  uint8_t length_paragraphs = 1;
  uint8_t specification_revision = kSpecificationRevision;
  uint8_t checksum = 0;
  std::array<uint8_t, 5> features = {};  // a configuration table exists; no IMCR
};
static_assert(sizeof(FloatingPointer) == 16);

struct TableHeader {
  std::array<char, 4> signature = {'P', 'C', 'M', 'P'};
  uint16_t length_bytes = 0;
  uint8_t specification_revision = kSpecificationRevision;
  uint8_t checksum = 0;
  std::array<char, 8> oem_id = {'M', 'A', 'Y', 'F', 'L', 'Y', ' ', ' '};
  std::array<char, 12> product_id = {'M', 'I', 'C', 'R', 'O', '-', 'V', 'M', ' ', ' ', ' ', ' '};
  uint32_t oem_table_address = 0;
  uint16_t oem_table_bytes = 0;
  uint16_t entry_count = 0;
  uint32_t local_apic_address = static_cast<uint32_t>(layout::kLocalApic.value());
  uint16_t extended_length_bytes = 0;
  uint8_t extended_checksum = 0;
  uint8_t reserved = 0;
};
static_assert(sizeof(TableHeader) == 44);

struct ProcessorEntry {
  EntryType type = kProcessor;
  uint8_t local_apic_id = 0;
  uint8_t local_apic_version = kLocalApicVersion;
  uint8_t flags = kEnabled;
  uint32_t cpu_signature = kCpuSignature;
  uint32_t cpu_features = kCpuFeatures;
  std::array<uint8_t, 8> reserved = {};
};
static_assert(sizeof(ProcessorEntry) == 20);

struct BusEntry {
  EntryType type = kBus;
  uint8_t bus_id = kIsaBusId;
  std::array<char, 6> bus_type = {'I', 'S', 'A', ' ', ' ', ' '};
};
static_assert(sizeof(BusEntry) == 8);

struct IoApicEntry {
  EntryType type = kIoApic;
  uint8_t id = 0;
  uint8_t version = kIoApicVersion;
  uint8_t flags = kEnabled;
  uint32_t address = static_cast<uint32_t>(layout::kIoApic.value());
};
static_assert(sizeof(IoApicEntry) == 8);

// Of an IOAPIC's pin or of a local APIC's LINT input. Flags 0: polarity and trigger as the bus has
// them.
struct InterruptEntry {
  EntryType type = kIoInterrupt;
  InterruptType interrupt_type = kVectored;
  uint16_t flags = 0;
  uint8_t source_bus_id = kIsaBusId;
  uint8_t source_irq = 0;
  uint8_t destination_apic_id = 0;
  uint8_t destination_pin = 0;
};
static_assert(sizeof(InterruptEntry) == 8);

// The configuration table: a header and the entries appended to it.
class ConfigurationTable {
 public:
  ConfigurationTable() : bytes_(sizeof(TableHeader)) {}

  template <GuestCopyable Entry>
  void Append(const Entry& entry) {
    // Bytes of a trivially copyable object may be read through uint8_t*.
    const auto* first = reinterpret_cast<const uint8_t*>(&entry);
    bytes_.insert(bytes_.end(), first, first + sizeof(entry));
    ++header_.entry_count;
  }

  std::span<const uint8_t> Finish() {
    header_.length_bytes = static_cast<uint16_t>(bytes_.size());
    std::memcpy(bytes_.data(), &header_, sizeof(header_));
    bytes_[offsetof(TableHeader, checksum)] = TableChecksum(bytes_);
    return bytes_;
  }

 private:
  TableHeader header_;
  std::vector<uint8_t> bytes_;
};

void AppendProcessors(uint32_t vcpu_count, ConfigurationTable& table) {
  for (uint32_t i = 0; i < vcpu_count; ++i) {
    const uint8_t boot_flag = i == 0 ? kBootProcessor : uint8_t{0};
    table.Append(ProcessorEntry{.local_apic_id = static_cast<uint8_t>(i),
                                .flags = static_cast<uint8_t>(kEnabled | boot_flag)});
  }
}

void AppendInterrupts(uint8_t io_apic_id, ConfigurationTable& table) {
  for (uint8_t pin = 0; pin < layout::kIoApicPinCount; ++pin) {
    table.Append(InterruptEntry{
        .source_irq = pin, .destination_apic_id = io_apic_id, .destination_pin = pin});
  }
  table.Append(InterruptEntry{.type = kLocalInterrupt, .interrupt_type = kExternal});
  table.Append(InterruptEntry{.type = kLocalInterrupt,
                              .interrupt_type = kNmi,
                              .destination_apic_id = kAllLocalApics,
                              .destination_pin = 1});
}

}  // namespace

absl::Status WriteMpTable(uint32_t vcpu_count, const GuestMemory& memory, SystemTableArea& area) {
  if (vcpu_count == 0 || vcpu_count > layout::kMaxVcpus) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%u vCPUs; 1 to %u are possible", vcpu_count, layout::kMaxVcpus));
  }
  ConfigurationTable table;
  AppendProcessors(vcpu_count, table);
  table.Append(BusEntry{});
  const auto io_apic_id = static_cast<uint8_t>(vcpu_count + 1);
  table.Append(IoApicEntry{.id = io_apic_id});
  AppendInterrupts(io_apic_id, table);
  const std::span<const uint8_t> bytes = table.Finish();

  ASSIGN_OR_RETURN(const GuestAddress pointer_address, area.Allocate(sizeof(FloatingPointer), 16));
  ASSIGN_OR_RETURN(const GuestAddress table_address, area.Allocate(bytes.size(), 4));
  FloatingPointer pointer{.table_address = static_cast<uint32_t>(table_address.value())};
  // Bytes of a trivially copyable object may be read through uint8_t*.
  pointer.checksum = TableChecksum({reinterpret_cast<const uint8_t*>(&pointer), sizeof(pointer)});
  RETURN_IF_ERROR(memory.WriteObject(pointer_address, pointer));
  return memory.Write(table_address, bytes);
}

}  // namespace mayfly
