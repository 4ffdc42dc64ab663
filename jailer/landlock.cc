// One ruleset, with one rule for "/".

#include "jailer/landlock.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "base/owned_fd.h"
#include "base/status.h"

namespace mayfly {
namespace {

// What Debian's headers lack; include/uapi/linux/landlock.h of Linux 6.12.
constexpr uint64_t kRefer = uint64_t{1} << 13;
constexpr uint64_t kTruncate = uint64_t{1} << 14;
constexpr uint64_t kIoctlDevice = uint64_t{1} << 15;
constexpr uint64_t kBindTcp = 1;
constexpr uint64_t kConnectTcp = 2;
constexpr uint64_t kScopeAbstractUnixSocket = 1;
constexpr uint64_t kScopeSignal = 2;

struct RulesetAttributes {
  uint64_t handled_access_fs;
  uint64_t handled_access_net;
  uint64_t scoped;
};

constexpr uint64_t kAllowed = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |
                              LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                              LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |
                              kTruncate | kIoctlDevice;
constexpr uint64_t kRefused = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                              LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |
                              LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
                              LANDLOCK_ACCESS_FS_MAKE_SYM;

// What each ABI brought.
RulesetAttributes AttributesOf(int abi) {
  RulesetAttributes attributes = {.handled_access_fs = kAllowed | kRefused | kRefer};
  if (abi < 5) {
    attributes.handled_access_fs &= ~kIoctlDevice;
  }
  if (abi < 3) {
    attributes.handled_access_fs &= ~kTruncate;
  }
  if (abi < 2) {
    attributes.handled_access_fs &= ~kRefer;
  }
  attributes.handled_access_net = abi >= 4 ? kBindTcp | kConnectTcp : 0;
  attributes.scoped = abi >= 6 ? kScopeAbstractUnixSocket | kScopeSignal : 0;
  return attributes;
}

// Older kernels refuse fields that they do not know, unless they are 0.
size_t SizeOf(int abi) {
  if (abi < 4) {
    return sizeof(uint64_t);
  }
  return abi < 6 ? 2 * sizeof(uint64_t) : sizeof(RulesetAttributes);
}

}  // namespace

absl::StatusOr<int> RestrictWithLandlock() {
  const auto abi = static_cast<int>(
      syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION));
  if (abi < 0 && (errno == ENOSYS || errno == EOPNOTSUPP)) {
    return 0;
  }
  if (abi < 0) {
    return ErrnoError("landlock_create_ruleset");
  }
  const RulesetAttributes attributes = AttributesOf(abi);
  const OwnedFd ruleset(
      static_cast<int>(syscall(SYS_landlock_create_ruleset, &attributes, SizeOf(abi), 0)));
  if (!ruleset.is_open()) {
    return ErrnoError("landlock_create_ruleset");
  }
  ASSIGN_OR_RETURN(const OwnedFd root, OwnedFd::Open("/", O_PATH | O_DIRECTORY));
  const landlock_path_beneath_attr rule = {
      .allowed_access = kAllowed & attributes.handled_access_fs, .parent_fd = root.get()};
  if (syscall(SYS_landlock_add_rule, ruleset.get(), LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0) {
    return ErrnoError("landlock_add_rule");
  }
  if (syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0) {
    return ErrnoError("landlock_restrict_self");
  }
  return abi;
}

}  // namespace mayfly
