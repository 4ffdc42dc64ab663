// Describes the machine's devices in AML.

#include "vmm/dsdt.h"

#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "devices/acpi_sleep.h"
#include "vmm/aml.h"
#include "vmm/guest_layout.h"

namespace mayfly {
namespace {

constexpr absl::string_view kVmGenIdName = "VGEN";
constexpr absl::string_view kVmClockName = "VCLK";
// The first device-specific notification, which both devices give the meaning "I have changed".
constexpr uint64_t kStatusChanged = 0x80;

void AppendSerial(AmlBuilder& aml) {
  aml.Device("COM1", [&] {
    aml.Name("_HID").EisaId("PNP0501");
    aml.Name("_UID").Integer(0);
    aml.Name("_CRS").ResourceTemplate([&] {
      aml.Interrupt(layout::kSerialGsi);
      aml.Io(layout::kSerialPort, layout::kSerialPortCount);
    });
  });
}

// The data port and the command port; what lies between them is not the keyboard controller's.
void AppendKeyboard(AmlBuilder& aml) {
  aml.Device("PS2_", [&] {
    aml.Name("_HID").EisaId("PNP0303");
    aml.Name("_CRS").ResourceTemplate([&] {
      aml.Io(layout::kI8042Port, 1);
      aml.Io(layout::kI8042Port + 4, 1);
      aml.Interrupt(layout::kI8042Gsi);
    });
  });
}

// LNRO0005 is the id under which Linux knows a virtio-mmio transport. _CCA: its DMA is coherent.
void AppendVirtioDevice(size_t index, const VirtioMmioResource& device, AmlBuilder& aml) {
  aml.Device(absl::StrFormat("V%03u", index), [&] {
    aml.Name("_HID").String("LNRO0005");
    aml.Name("_UID").Integer(device.gsi - layout::kFirstVirtioGsi);
    aml.Name("_CCA").Integer(1);
    aml.Name("_CRS").ResourceTemplate([&] {
      aml.Memory32Fixed({device.address, layout::kVirtioMmioSizeBytes});
      aml.Interrupt(device.gsi);
    });
  });
}

// ADDR: low and high half of where the id is ("Virtual Machine Generation ID", Microsoft, 2012).
void AppendVmGenId(AmlBuilder& aml) {
  aml.Device(kVmGenIdName, [&] {
    aml.Name("_HID").String("VMGENCTR");
    aml.Name("_CID").String("VM_Gen_Counter");
    aml.Name("_DDN").String("VM_Gen_Counter");
    aml.Name("ADDR").Package(2, [&] {
      aml.Integer(layout::kVmGenId.value() & UINT32_MAX);
      aml.Integer(layout::kVmGenId.value() >> 32);
    });
  });
}

void AppendVmClock(AmlBuilder& aml) {
  aml.Device(kVmClockName, [&] {
    aml.Name("_HID").String("AMZNC10C");
    aml.Name("_CID").String("VMCLOCK");
    aml.Name("_CRS").ResourceTemplate([&] {
      aml.Memory32Fixed({layout::kVmClock, layout::kVmClockSizeBytes});
    });
  });
}

void AppendNotifyOnGsi(uint32_t gsi, absl::string_view device, AmlBuilder& aml) {
  aml.If([&] { aml.Equal([&] { aml.Argument(0); }, [&] { aml.Integer(gsi); }); },
         [&] { aml.Notify(device, kStatusChanged); });
}

// Turns interrupts into notifications: a hardware-reduced machine has no other events (ACPI 6.5,
// 5.6.9).
void AppendGenericEventDevice(AmlBuilder& aml) {
  aml.Device("GED_", [&] {
    aml.Name("_HID").String("ACPI0013");
    aml.Name("_CRS").ResourceTemplate([&] {
      aml.Interrupt(layout::kVmGenIdGsi);
      aml.Interrupt(layout::kVmClockGsi);
    });
    aml.Method("_EVT", 1, [&] {
      AppendNotifyOnGsi(layout::kVmGenIdGsi, kVmGenIdName, aml);
      AppendNotifyOnGsi(layout::kVmClockGsi, kVmClockName, aml);
    });
  });
}

}  // namespace

void AppendDsdt(std::span<const VirtioMmioResource> virtio_devices, AmlBuilder& aml) {
  aml.Scope("\\_SB", [&] {
    for (size_t i = 0; i < virtio_devices.size(); ++i) {
      AppendVirtioDevice(i, virtio_devices[i], aml);
    }
    AppendSerial(aml);
    AppendKeyboard(aml);
    AppendVmGenId(aml);
    AppendVmClock(aml);
    AppendGenericEventDevice(aml);
  });
  // SLP_TYP of the sleep control register, then three fields that a hardware-reduced machine has no
  // use for (ACPI 6.5, 7.4.2).
  aml.Name("\\_S5").Package(4, [&] {
    aml.Integer(AcpiSleep::kSleepTypeS5);
    aml.Integer(0);
    aml.Integer(0);
    aml.Integer(0);
  });
}

}  // namespace mayfly
