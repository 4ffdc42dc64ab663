// Makes the devices of a jail.

#include "jailer/jail_devices.h"

#include <sys/sysmacros.h>

#include <cstdio>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "jailer/device_node.h"
#include "jailer/misc_device.h"

namespace mayfly {
namespace {

// Linux, Documentation/admin-guide/devices.txt.
constexpr unsigned kMiscMajor = 10;
constexpr unsigned kTunMinor = 200;
constexpr unsigned kKvmMinor = 232;
constexpr unsigned kMemoryMajor = 1;
constexpr unsigned kUrandomMinor = 9;

constexpr char kKvm[] = "kvm";
constexpr char kUrandom[] = "urandom";
constexpr char kUserfault[] = "userfaultfd";

}  // namespace

// In Firecracker's order.
std::vector<JailDevices::Device> JailDevices::All() {
  std::vector<Device> devices;
  devices.push_back({.name = "tun", .is_network = true, .number = makedev(kMiscMajor, kTunMinor)});
  devices.push_back({.name = kKvm, .number = makedev(kMiscMajor, kKvmMinor)});
  devices.push_back({.name = kUrandom, .number = makedev(kMemoryMajor, kUrandomMinor)});
  if (const std::optional<unsigned> minor = FindMiscDevice(kUserfault)) {
    devices.push_back({.name = kUserfault, .number = makedev(kMiscMajor, *minor)});
  }
  return devices;
}

JailDevices JailDevices::AsNodes() {
  JailDevices result;
  result.devices_ = All();
  return result;
}

absl::StatusOr<JailDevices> JailDevices::AsMounts() {
  JailDevices result;
  for (Device& device : All()) {
    const std::string path = absl::StrCat(device.is_network ? "/dev/net/" : "/dev/", device.name);
    auto mount = CloneDevice(path);
    if (absl::IsNotFound(mount.status()) && device.name != kKvm) {
      continue;
    }
    if (!mount.ok()) {
      return mount.status();
    }
    device.host_mount = *std::move(mount);
    result.devices_.push_back(std::move(device));
  }
  return result;
}

absl::Status JailDevices::Make(const Directory& dev, const Directory& net, uid_t uid, gid_t gid,
                               Rollback& rollback) const {
  for (const Device& device : devices_) {
    const Directory& folder = device.is_network ? net : dev;
    const absl::Status made =
        device.host_mount.is_open()
            ? MountDevice(folder, device.name, device.host_mount.get(), rollback)
            : MakeDeviceNode(folder, device.name, device.number, uid, gid, rollback);
    if (!made.ok() && device.name == kUrandom && !absl::IsAlreadyExists(made)) {
      std::fprintf(stderr, "mayfly-jailer: warning: %s\n", std::string(made.message()).c_str());
      continue;
    }
    RETURN_IF_ERROR(made);
  }
  return absl::OkStatus();
}

}  // namespace mayfly
