// The codecs of vCPUs and of the machine around them, field by field.

#include "snapshot/vcpu_codec.h"

#include "flatbuffers/flatbuffers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/example_state.h"
#include "vmm/kvm_list_buffer.h"

namespace mayfly {
namespace {

using flatbuffers::FlatBufferBuilder;
using testing::HasSubstr;

absl::StatusOr<VcpuState> RoundTrip(const VcpuState& state) {
  FlatBufferBuilder builder;
  builder.Finish(EncodeVcpu(state, builder));
  flatbuffers::Verifier verifier(builder.GetBufferPointer(), builder.GetSize());
  EXPECT_TRUE(verifier.VerifyBuffer<fb::Vcpu>());
  return DecodeVcpu(*flatbuffers::GetRoot<fb::Vcpu>(builder.GetBufferPointer()));
}

absl::StatusOr<MachineState> RoundTrip(const MachineState& state) {
  FlatBufferBuilder builder;
  builder.Finish(EncodeMachine(state, builder));
  flatbuffers::Verifier verifier(builder.GetBufferPointer(), builder.GetSize());
  EXPECT_TRUE(verifier.VerifyBuffer<fb::Machine>());
  return DecodeMachine(*flatbuffers::GetRoot<fb::Machine>(builder.GetBufferPointer()));
}

// A vCPU's table, in which one structure (the number of kvm_sregs is 0) has another size.
std::vector<uint8_t> VcpuWithSize(int number, size_t size_bytes) {
  const size_t sizes[] = {sizeof(kvm_sregs), sizeof(kvm_xcrs), sizeof(kvm_debugregs),
                          sizeof(kvm_lapic_state), sizeof(kvm_vcpu_events)};
  FlatBufferBuilder builder;
  const auto bytes = [&](int of) {
    return builder.CreateVector(std::vector<uint8_t>(of == number ? size_bytes : sizes[of]));
  };
  const fb::Regs regs;
  const auto cpuid = builder.CreateVectorOfStructs(std::vector<fb::CpuidEntry>());
  const auto msrs = builder.CreateVectorOfStructs(std::vector<fb::Msr>());
  const auto xsave = builder.CreateVector(std::vector<uint8_t>());
  builder.Finish(fb::CreateVcpu(builder, &regs, cpuid, msrs, 0, 0, bytes(0), xsave, bytes(1),
                                bytes(2), bytes(3), bytes(4)));
  return {builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize()};
}

std::vector<uint8_t> MachineWithSize(int number, size_t size_bytes) {
  const size_t sizes[] = {sizeof(kvm_pit_state2), sizeof(kvm_irqchip), sizeof(kvm_irqchip),
                          sizeof(kvm_irqchip)};
  FlatBufferBuilder builder;
  const auto bytes = [&](int of) {
    return builder.CreateVector(std::vector<uint8_t>(of == number ? size_bytes : sizes[of]));
  };
  builder.Finish(fb::CreateMachine(builder, 1, 2, bytes(0), bytes(1), bytes(2), bytes(3)));
  return {builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize()};
}

TEST(VcpuCodecTest, EveryFieldComesBack) {
  const VcpuState state = ExampleVcpu(10);
  const auto decoded = RoundTrip(state);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(StateDifference::Of(*decoded, state), "");
}

TEST(VcpuCodecTest, EveryRegisterHasItsOwnPlace) {
  VcpuState state;
  uint64_t number = 1;
  for (__u64 kvm_regs::*reg :
       {&kvm_regs::rax, &kvm_regs::rbx, &kvm_regs::rcx, &kvm_regs::rdx, &kvm_regs::rsi,
        &kvm_regs::rdi, &kvm_regs::rsp, &kvm_regs::rbp, &kvm_regs::r8, &kvm_regs::r9,
        &kvm_regs::r10, &kvm_regs::r11, &kvm_regs::r12, &kvm_regs::r13, &kvm_regs::r14,
        &kvm_regs::r15, &kvm_regs::rip, &kvm_regs::rflags}) {
    state.regs.*reg = number++;
  }
  FlatBufferBuilder builder;
  builder.Finish(EncodeVcpu(state, builder));
  const fb::Regs& regs = *flatbuffers::GetRoot<fb::Vcpu>(builder.GetBufferPointer())->regs();
  EXPECT_EQ(regs.rax(), 1u);
  EXPECT_EQ(regs.rdx(), 4u);
  EXPECT_EQ(regs.rsp(), 7u);
  EXPECT_EQ(regs.r8(), 9u);
  EXPECT_EQ(regs.rip(), 17u);
  EXPECT_EQ(regs.rflags(), 18u);
  EXPECT_EQ(StateDifference::Of(*RoundTrip(state), state), "");
}

TEST(VcpuCodecTest, MsrsKeepTheirOrderAndRepetitions) {
  VcpuState state;
  state.msrs = {{.index = 9, .data = 1}, {.index = 3, .data = 2}, {.index = 9, .data = 3}};
  EXPECT_EQ(StateDifference::Of(*RoundTrip(state), state), "");
}

TEST(VcpuCodecTest, RefusesListsThatAreTooLong) {
  VcpuState state;
  state.cpuid.resize(KvmCpuidBuffer::kMaxEntries);
  state.msrs.resize(1024);
  state.xsave.resize(size_t{1} << 20);
  EXPECT_TRUE(RoundTrip(state).ok());

  VcpuState cpuid = state;
  cpuid.cpuid.resize(KvmCpuidBuffer::kMaxEntries + 1);
  EXPECT_THAT(RoundTrip(cpuid).status().message(), HasSubstr("CPUID entries are too many"));
  VcpuState msrs = state;
  msrs.msrs.resize(1025);
  EXPECT_EQ(RoundTrip(msrs).status().message(), "1025 MSRs are too many");
  VcpuState xsave = state;
  xsave.xsave.resize((size_t{1} << 20) + 1);
  EXPECT_EQ(RoundTrip(xsave).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(RoundTrip(xsave).status().message(), HasSubstr("vector registers"));
}

TEST(VcpuCodecTest, RefusesStructuresOfAnotherSizeAndNamesThem) {
  const char* const names[] = {"kvm_sregs", "kvm_xcrs", "kvm_debugregs", "kvm_lapic_state",
                               "kvm_vcpu_events"};
  for (int number = 0; number < 5; ++number) {
    for (const size_t size_bytes : {size_t{0}, size_t{1}, size_t{5000}}) {
      const auto buffer = VcpuWithSize(number, size_bytes);
      const absl::Status status =
          DecodeVcpu(*flatbuffers::GetRoot<fb::Vcpu>(buffer.data())).status();
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
      EXPECT_THAT(status.message(),
                  HasSubstr(absl::StrCat(names[number], " has ", size_bytes, " bytes, and not ")));
    }
  }
  const auto right = VcpuWithSize(-1, 0);
  EXPECT_TRUE(DecodeVcpu(*flatbuffers::GetRoot<fb::Vcpu>(right.data())).ok());
}

TEST(MachineCodecTest, EveryFieldComesBack) {
  const MachineState state = ExampleMachine();
  const auto decoded = RoundTrip(state);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(StateDifference::Of(*decoded, state), "");
}

TEST(MachineCodecTest, AClockWithoutRealTimeStaysOne) {
  MachineState state = ExampleMachine();
  // What a host that could not tell leaves there means nothing.
  state.clock = {.clock = 5, .flags = KVM_CLOCK_TSC_STABLE, .realtime = 6};
  const auto decoded = RoundTrip(state);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->clock.clock, 5u);
  EXPECT_EQ(decoded->clock.flags, 0u);
  EXPECT_EQ(decoded->clock.realtime, 0u);
}

TEST(MachineCodecTest, RefusesStructuresOfAnotherSizeAndNamesThem) {
  const char* const names[] = {"kvm_pit_state2", "kvm_pic_master", "kvm_pic_slave", "kvm_ioapic"};
  for (int number = 0; number < 4; ++number) {
    const auto buffer = MachineWithSize(number, 3);
    const absl::Status status =
        DecodeMachine(*flatbuffers::GetRoot<fb::Machine>(buffer.data())).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr(absl::StrCat(names[number], " has 3 bytes")));
  }
}

}  // namespace
}  // namespace mayfly
