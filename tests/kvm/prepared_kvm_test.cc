// PreparedKvm: a VM that takes memory and vCPUs as any other.

#include "vmm/prepared_kvm.h"

#include "gtest/gtest.h"
#include "tests/kvm/bare_vm.h"

namespace mayfly {
namespace {

TEST(PreparedKvmTest, TakesMemoryAndAVcpu) {
  SKIP_WITHOUT_KVM();
  const auto prepared = PreparedKvm::Create();
  ASSERT_TRUE(prepared.ok()) << prepared.status();
  const auto memory = CreateGuestRam({.size_bytes = BareVm::kRamBytes});
  ASSERT_TRUE(memory.ok()) << memory.status();
  EXPECT_TRUE(prepared->vm
                  .SetUserMemoryRegion({.size_bytes = BareVm::kRamBytes,
                                        .host_memory = memory->regions()[0].mapping.data()})
                  .ok());
  EXPECT_TRUE(prepared->vm.CreateIrqchip().ok());
  EXPECT_TRUE(prepared->vm.CreateVcpu(0, *prepared->kvm.GetVcpuMmapSize()).ok());
}

}  // namespace
}  // namespace mayfly
