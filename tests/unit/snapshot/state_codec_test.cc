// The state's codec: what is encoded comes back, and what no state can be is refused.

#include "snapshot/state_codec.h"

#include <cstring>
#include <functional>

#include "flatbuffers/flatbuffers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "snapshot/state_file.h"
#include "snapshot/state_generated.h"
#include "tests/fakes/example_state.h"
#include "tests/fakes/temporary_folder.h"
#include "vmm/guest_layout.h"

namespace mayfly {
namespace {

using testing::HasSubstr;

// How a state with a change is refused.
absl::Status Refusal(const std::function<void(SnapshotState&)>& change) {
  SnapshotState state = ExampleState();
  change(state);
  return DecodeState(EncodeState(state)).status();
}

TEST(StateCodecTest, EveryFieldComesBack) {
  const SnapshotState state = ExampleState();
  const auto decoded = DecodeState(EncodeState(state));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(StateDifference::Of(*decoded, state), "");
}

TEST(StateCodecTest, EncodingTheSameAgainGivesTheSameBytes) {
  const std::vector<uint8_t> payload = EncodeState(ExampleState());
  EXPECT_EQ(EncodeState(*DecodeState(payload)), payload);
}

TEST(StateCodecTest, EmptyListsComeBack) {
  SnapshotState state;
  state.vm.ram = GuestRamRanges(uint64_t{1} << 20);
  const auto decoded = DecodeState(EncodeState(state));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(StateDifference::Of(*decoded, state), "");
}

TEST(StateCodecTest, EveryKindOfHugePagesComesBack) {
  for (const HugePages pages : {HugePages::kNone, HugePages::kTransparent, HugePages::k2M}) {
    SnapshotState state = ExampleState();
    state.vm.huge_pages = pages;
    EXPECT_EQ(DecodeState(EncodeState(state))->vm.huge_pages, pages);
  }
}

TEST(StateCodecTest, ReadsAnAddressThatSuitsNoNumber) {
  const std::vector<uint8_t> payload = EncodeState(ExampleState());
  for (size_t shift = 0; shift < 8; ++shift) {
    std::vector<uint8_t> shifted(shift);
    shifted.insert(shifted.end(), payload.begin(), payload.end());
    const auto decoded = DecodeState(std::span<const uint8_t>(shifted).subspan(shift));
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(StateDifference::Of(*decoded, ExampleState()), "");
  }
}

// The golden files are state files as the versions wrote them, in tests/unit/snapshot/golden/. A
// new minor version adds its own (tests/fuzz/write_state_seeds.cc writes it, as "framed") and a
// test with the new fields' values; none is ever changed. See the rules in snapshot/state.fbs.
TEST(StateCodecTest, ReadsTheGoldenFileOfVersion1_0) {
  const auto file = ReadStateFile(MAYFLY_GOLDEN_FOLDER "/state-1.0.bin");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(ReadStateVersion(*file)->Text(), "1.0.0");
  const auto payload = UnframeState(*file);
  ASSERT_TRUE(payload.ok()) << payload.status();
  const auto decoded = DecodeState(*payload);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(StateDifference::Of(*decoded, ExampleState()), "");
}

TEST(StateCodecTest, RefusesAPayloadCutAtAnyLength) {
  SnapshotState state = ExampleState();
  state.vm.vcpus.resize(1);
  const std::vector<uint8_t> payload = EncodeState(state);
  for (size_t size = 0; size < payload.size(); ++size) {
    const std::vector<uint8_t> cut(payload.begin(),
                                   payload.begin() + static_cast<std::ptrdiff_t>(size));
    // A FlatBuffer may end in padding, so all that is asked of the last few bytes is no crash.
    const auto decoded = DecodeState(cut);
    EXPECT_FALSE(decoded.ok() && size + 8 < payload.size()) << size;
  }
}

TEST(StateCodecTest, SurvivesAnyBitFlipped) {
  SnapshotState state = ExampleState();
  state.vm.vcpus.resize(1);
  const std::vector<uint8_t> payload = EncodeState(state);
  size_t refused_count = 0;
  for (size_t bit = 0; bit < payload.size() * 8; ++bit) {
    std::vector<uint8_t> damaged = payload;
    damaged[bit / 8] ^= static_cast<uint8_t>(1 << (bit % 8));
    refused_count += DecodeState(damaged).ok() ? 0u : 1u;
  }
  EXPECT_GT(refused_count, 100u);
}

TEST(StateCodecTest, RefusesAnotherSchemasBuffer) {
  std::vector<uint8_t> payload = EncodeState(ExampleState());
  payload[4] = 'X';  // the file identifier
  EXPECT_EQ(DecodeState(payload).status().code(), absl::StatusCode::kDataLoss);
}

TEST(StateCodecTest, RefusesRamThatIsNotLaidOutAsAGuests) {
  const std::vector<std::vector<GuestRange>> layouts = {
      {},
      {{GuestAddress(0), 0}},
      {{GuestAddress(0), 4095}},
      {{GuestAddress(0), 4097}},
      {{GuestAddress(4096), uint64_t{1} << 20}},
      {{GuestAddress(0), uint64_t{4} << 30}},
      {{GuestAddress(0), 4096}, {GuestAddress(4096), 4096}},
      {{GuestAddress(uint64_t{4} << 30), uint64_t{1} << 30}, {GuestAddress(0), uint64_t{3} << 30}},
      {{GuestAddress(0), UINT64_MAX - 4095}}};
  for (const std::vector<GuestRange>& ram : layouts) {
    const absl::Status status = Refusal([&ram](SnapshotState& state) { state.vm.ram = ram; });
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr("RAM is not laid out")) << ram.size();
  }
}

TEST(StateCodecTest, RefusesRamWhoseSizeOverflows) {
  const absl::Status status = Refusal([](SnapshotState& state) {
    state.vm.ram = {{GuestAddress(0), uint64_t{1} << 63}, {GuestAddress(0), uint64_t{1} << 63}};
  });
  EXPECT_THAT(status.message(), HasSubstr("larger than an address space"));
}

TEST(StateCodecTest, RefusesMoreVcpusThanAVmHas) {
  const auto with_vcpus = [](size_t count) {
    return Refusal([count](SnapshotState& state) { state.vm.vcpus.resize(count); });
  };
  EXPECT_TRUE(with_vcpus(layout::kMaxVcpus).ok());
  EXPECT_EQ(with_vcpus(layout::kMaxVcpus + 1).message(), "33 vCPUs are too many");
}

TEST(StateCodecTest, RefusesMoreDevicesThanAVmHas) {
  const auto disks = [](size_t count) {
    return Refusal([count](SnapshotState& state) { state.vm.disks.resize(count); });
  };
  const auto networks = [](size_t count) {
    return Refusal([count](SnapshotState& state) { state.vm.networks.resize(count); });
  };
  EXPECT_TRUE(disks(layout::kMaxVirtioDevices).ok());
  EXPECT_TRUE(networks(layout::kMaxVirtioDevices).ok());
  EXPECT_THAT(disks(layout::kMaxVirtioDevices + 1).message(), HasSubstr("disks are too many"));
  EXPECT_THAT(networks(layout::kMaxVirtioDevices + 1).message(),
              HasSubstr("network cards are too many"));
}

TEST(StateCodecTest, ErrorsOfPartsComeThrough) {
  EXPECT_THAT(Refusal([](SnapshotState& state) { state.vm.vcpus[1].msrs.resize(1025); }).message(),
              HasSubstr("1025 MSRs"));
  EXPECT_THAT(Refusal([](SnapshotState& state) {
                state.vm.disks[1].transport.config.resize(4097);
              }).message(),
              HasSubstr("disk data: "));
  EXPECT_THAT(Refusal([](SnapshotState& state) {
                state.vm.networks[0].transport.registers.queues.resize(17);
              }).message(),
              HasSubstr("network card eth0: "));
}

TEST(StateCodecTest, RefusesAnUnknownKindOfHugePages) {
  std::vector<uint8_t> payload = EncodeState(ExampleState());
  auto* state = flatbuffers::GetMutableRoot<flatbuffers::Table>(payload.data());
  ASSERT_TRUE(state->SetField<uint8_t>(fb::State::VT_HUGE_PAGES, 3, 0));
  const absl::Status status = DecodeState(payload).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("kind of huge pages"));
}

TEST(StateCodecTest, RefusesAStateWithoutARequiredPart) {
  const std::vector<uint8_t> payload = EncodeState(ExampleState());
  for (const auto field :
       {fb::State::VT_MAYFLY_VERSION, fb::State::VT_CPU_VENDOR, fb::State::VT_CONFIG_JSON,
        fb::State::VT_RAM, fb::State::VT_VCPUS, fb::State::VT_MACHINE, fb::State::VT_SERIAL,
        fb::State::VT_I8042, fb::State::VT_DISKS, fb::State::VT_NETWORKS, fb::State::VT_VM_CLOCK}) {
    std::vector<uint8_t> without = payload;
    const auto* state = flatbuffers::GetRoot<flatbuffers::Table>(without.data());
    const uint8_t* const entry = state->GetVTable() + field;
    std::memset(without.data() + (entry - without.data()), 0, sizeof(flatbuffers::voffset_t));
    EXPECT_EQ(DecodeState(without).status().code(), absl::StatusCode::kDataLoss) << field;
  }
}

// A list moved by 4 bytes to where 64-bit numbers do not lie, which the verifier lets pass.
TEST(StateCodecTest, ReadsAListOfStructuresThatIsNotAligned) {
  std::vector<uint8_t> payload = EncodeState(ExampleState());
  const auto* state = fb::GetState(payload.data());
  const auto* ram = reinterpret_cast<const uint8_t*>(state->ram());
  const size_t list_bytes = sizeof(uint32_t) + state->ram()->size() * sizeof(fb::Range);
  const auto* root = flatbuffers::GetRoot<flatbuffers::Table>(payload.data());
  const auto field = static_cast<size_t>(root->GetAddressOf(fb::State::VT_RAM) - payload.data());
  const std::vector<uint8_t> list(ram, ram + list_bytes);
  // A list's elements follow its length: this one is at a multiple of 8, so they are not.
  payload.resize((payload.size() + 7) / 8 * 8);
  const auto offset = static_cast<uint32_t>(payload.size() - field);
  std::memcpy(payload.data() + field, &offset, sizeof(offset));
  payload.insert(payload.end(), list.begin(), list.end());
  const auto decoded = DecodeState(payload);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(StateDifference::Of(*decoded, ExampleState()), "");
}

}  // namespace
}  // namespace mayfly
