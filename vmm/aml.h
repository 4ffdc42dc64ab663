// AmlBuilder: writes ACPI Machine Language, as far as our DSDT needs it.

#ifndef MAYFLY_VMM_AML_H_
#define MAYFLY_VMM_AML_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "base/guest_address.h"

namespace mayfly {

// Appends terms to one buffer in the order of the calls (ACPI 6.5, 20.2 for terms, 6.4 for resource
// descriptors). What encloses others takes a callback that appends them; its length is put before
// them when the callback returns. The builder does not check that the terms make sense together.
// Names and numbers are our own, so bad ones are our bugs (MAYFLY_CHECK). Not thread-safe.
//
//   AmlBuilder aml;
//   aml.Device("COM1", [&] {
//     aml.Name("_HID").EisaId("PNP0501");
//     aml.Name("_CRS").ResourceTemplate([&] { aml.Interrupt(4); });
//   });
class AmlBuilder {
 public:
  using Body = absl::FunctionRef<void()>;

  // `path`: segments of 1 to 4 characters, separated by dots, '\' before the first for the root.
  void Scope(absl::string_view path, Body body);
  void Device(absl::string_view path, Body body);
  void Method(absl::string_view path, uint8_t argument_count, Body body);
  // The next term is the value.
  AmlBuilder& Name(absl::string_view path);

  // Values.
  void Integer(uint64_t value);
  void String(absl::string_view text);         // ASCII
  void EisaId(absl::string_view id);           // such as "PNP0501"
  void Package(uint8_t count, Body elements);  // `elements` appends `count` values
  void Argument(uint8_t index);                // Arg0 to Arg6

  // Statements of a method. `condition` appends one value.
  void If(Body condition, Body body);
  void Equal(Body left, Body right);
  void Notify(absl::string_view path, uint64_t value);

  // A value: the resource descriptors that `descriptors` appends, each one of those below.
  void ResourceTemplate(Body descriptors);
  // Read-write. Both below 4 GiB.
  void Memory32Fixed(GuestRange range);
  // `count` ports from `port` on, 16-bit decoded.
  void Io(uint16_t port, uint8_t count);
  // Extended interrupt: consumer, edge-triggered, active-high, exclusive.
  void Interrupt(uint32_t gsi);

  std::span<const uint8_t> bytes() const { return bytes_; }

 private:
  void Byte(uint8_t value) { bytes_.push_back(value); }
  template <typename T>
  void LittleEndian(T value);
  void Path(absl::string_view path);
  // Appends `body` and puts its length (PkgLength) before it.
  void Enclose(Body body);

  std::vector<uint8_t> bytes_;
};

}  // namespace mayfly

#endif  // MAYFLY_VMM_AML_H_
