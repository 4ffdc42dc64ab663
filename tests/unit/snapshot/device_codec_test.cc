// The codecs of devices, field by field.

#include "snapshot/device_codec.h"

#include <cstring>

#include "flatbuffers/flatbuffers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/example_state.h"

namespace mayfly {
namespace {

using flatbuffers::FlatBufferBuilder;
using testing::HasSubstr;

// Encodes, verifies and gives the table to `decode`.
template <typename Table, typename State, typename Decode>
auto RoundTrip(const State& state,
               flatbuffers::Offset<Table> (*encode)(const State&, FlatBufferBuilder&),
               Decode decode) {
  FlatBufferBuilder builder;
  builder.Finish(encode(state, builder));
  flatbuffers::Verifier verifier(builder.GetBufferPointer(), builder.GetSize());
  EXPECT_TRUE(verifier.template VerifyBuffer<Table>());
  return decode(*flatbuffers::GetRoot<Table>(builder.GetBufferPointer()));
}

absl::StatusOr<DiskState> RoundTrip(const DiskState& state) {
  return RoundTrip<fb::Disk>(state, EncodeDisk, DecodeDisk);
}

DiskState ExampleDisk() {
  return {.name = "root",
          .transport = ExampleTransport(1),
          .device = {.rate_limiter = ExampleLimiter(10)}};
}

TEST(DeviceCodecTest, EveryFieldOfASerialPortComesBack) {
  const SerialState state = ExampleSerial();
  EXPECT_EQ(RoundTrip<fb::Serial>(state, EncodeSerial, DecodeSerial), state);
  EXPECT_EQ(RoundTrip<fb::Serial>(SerialState(), EncodeSerial, DecodeSerial), SerialState());
  FlatBufferBuilder builder;
  builder.Finish(EncodeSerial(state, builder));
  const auto& table = *flatbuffers::GetRoot<fb::Serial>(builder.GetBufferPointer());
  EXPECT_EQ(table.interrupt_enable(), 1);
  EXPECT_EQ(table.fifo_control(), 2);
  EXPECT_EQ(table.line_control(), 3);
  EXPECT_EQ(table.modem_control(), 4);
  EXPECT_EQ(table.line_status(), 5);
  EXPECT_EQ(table.modem_status_delta(), 6);
  EXPECT_EQ(table.scratch(), 7);
  EXPECT_EQ(table.divisor(), 0x0809);
  EXPECT_TRUE(table.is_transmit_empty_pending());
  EXPECT_EQ(table.received()->size(), 3u);
}

TEST(DeviceCodecTest, EveryFieldOfAKeyboardControllerComesBack) {
  const I8042State state = ExampleI8042();
  EXPECT_EQ(RoundTrip<fb::I8042>(state, EncodeI8042, DecodeI8042), state);
  EXPECT_EQ(RoundTrip<fb::I8042>(I8042State(), EncodeI8042, DecodeI8042), I8042State());
  FlatBufferBuilder builder;
  builder.Finish(EncodeI8042(state, builder));
  const auto& table = *flatbuffers::GetRoot<fb::I8042>(builder.GetBufferPointer());
  EXPECT_EQ(table.control(), 1);
  EXPECT_EQ(table.command(), 2);
  EXPECT_EQ(table.output_port(), 3);
  EXPECT_EQ(table.output(), 4);
  EXPECT_EQ(table.output_status(), 5);
  EXPECT_EQ(table.keyboard()->scancode_set(), 1);
  EXPECT_FALSE(table.keyboard()->is_scanning());
  EXPECT_EQ(table.keyboard()->command(), 6);
  EXPECT_EQ(table.keyboard()->last_sent(), 7);
}

TEST(DeviceCodecTest, EveryFieldOfADiskComesBack) {
  const DiskState state = ExampleDisk();
  const auto decoded = RoundTrip(state);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(StateDifference::Of(*decoded, state), "");
  EXPECT_EQ(StateDifference::Of(*RoundTrip(DiskState()), DiskState()), "");
}

TEST(DeviceCodecTest, EveryFieldOfATransportHasItsOwnPlace) {
  const DiskState state = ExampleDisk();
  FlatBufferBuilder builder;
  builder.Finish(EncodeDisk(state, builder));
  const auto& table = *flatbuffers::GetRoot<fb::Disk>(builder.GetBufferPointer())->transport();
  EXPECT_EQ(table.status(), 16u);
  EXPECT_EQ(table.device_features_page(), 2u);
  EXPECT_EQ(table.driver_features_page(), 3u);
  EXPECT_EQ(table.driver_features(), (uint64_t{1} << 32) + 1);
  EXPECT_EQ(table.queue_index(), 4u);
  EXPECT_EQ(table.interrupt_status(), 5u);
  EXPECT_EQ(table.config_generation(), 6u);
  const fb::Queue& queue = *table.queues()->Get(0);
  EXPECT_EQ(queue.size(), 257u);
  EXPECT_EQ(queue.descriptors(), 0x10001u);
  EXPECT_EQ(queue.avail(), 0x20001u);
  EXPECT_EQ(queue.used(), 0x30001u);
  EXPECT_TRUE(queue.is_ready());
  EXPECT_EQ(queue.next_avail(), 0xffff);
  EXPECT_EQ(queue.next_used(), 0xfffd);
  EXPECT_EQ(queue.taken_heads()->size(), 2u);
}

TEST(DeviceCodecTest, EveryFieldOfANetworkCardComesBack) {
  const NetworkState state = {
      .name = "eth0",
      .transport = ExampleTransport(3),
      .device = {.rx_rate_limiter = ExampleLimiter(20), .tx_rate_limiter = ExampleLimiter(30)}};
  const auto decoded = RoundTrip<fb::Network>(state, EncodeNetwork, DecodeNetwork);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(StateDifference::Of(*decoded, state), "");
}

TEST(DeviceCodecTest, ABucketThatIsAbsentStaysAbsent) {
  DiskState state;
  state.device.rate_limiter.bandwidth = TokenBucketState();
  const auto decoded = RoundTrip(state);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_TRUE(decoded->device.rate_limiter.bandwidth.has_value()) << "one of zeros is there";
  EXPECT_FALSE(decoded->device.rate_limiter.ops.has_value());
}

TEST(DeviceCodecTest, AQueueWithoutTakenChainsMayLackTheList) {
  FlatBufferBuilder builder;
  const std::vector<flatbuffers::Offset<fb::Queue>> queues = {fb::CreateQueue(builder, 256)};
  const auto list = builder.CreateVector(queues);
  const auto config = builder.CreateVector(std::vector<uint8_t>());
  const auto transport = fb::CreateTransport(builder, 0, 0, 0, 0, 0, 0, 0, config, list);
  const auto name = builder.CreateString("d");
  builder.Finish(fb::CreateDisk(builder, name, transport, fb::CreateLimiter(builder)));
  const auto decoded = DecodeDisk(*flatbuffers::GetRoot<fb::Disk>(builder.GetBufferPointer()));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  ASSERT_EQ(decoded->transport.registers.queues.size(), 1u);
  EXPECT_EQ(decoded->transport.registers.queues[0].guest_size, 256u);
  EXPECT_TRUE(decoded->transport.registers.queues[0].taken_heads.empty());
}

TEST(DeviceCodecTest, RefusesListsThatNoDeviceHasAndNamesTheDevice) {
  DiskState most = ExampleDisk();
  most.name = std::string(size_t{64} << 10, 'd');
  most.transport.config.resize(4096);
  most.transport.registers.queues.resize(16);
  most.transport.registers.queues[15].taken_heads.resize(32768);
  EXPECT_EQ(StateDifference::Of(*RoundTrip(most), most), "");

  DiskState config = ExampleDisk();
  config.transport.config.resize(4097);
  EXPECT_EQ(RoundTrip(config).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(RoundTrip(config).status().message(), HasSubstr("disk root: its configuration"));
  DiskState queues = ExampleDisk();
  queues.transport.registers.queues.resize(17);
  EXPECT_THAT(RoundTrip(queues).status().message(), HasSubstr("disk root: its configuration or"));
  DiskState heads = ExampleDisk();
  heads.transport.registers.queues[1].taken_heads.resize(32769);
  EXPECT_THAT(RoundTrip(heads).status().message(), HasSubstr("disk root: its list of taken"));
  DiskState name = ExampleDisk();
  name.name = std::string((size_t{64} << 10) + 1, 'd');
  EXPECT_EQ(RoundTrip(name).status().message(), "the name of a disk is too long");
}

TEST(DeviceCodecTest, AnErrorQuotesANameThatIsNoText) {
  DiskState disk = ExampleDisk();
  disk.name = std::string("a\n\0z", 4);
  EXPECT_EQ(RoundTrip(disk)->name, disk.name);
  disk.transport.config.resize(4097);
  EXPECT_THAT(RoundTrip(disk).status().message(), HasSubstr("disk a\\n\\x00z: "));
}

}  // namespace
}  // namespace mayfly
